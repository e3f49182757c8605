//! What comparing types may cost. Two unions of thousands of records are compared member by member, and a file that is
//! made to hurt does so on every line.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Unions and records of more members or fields are wide: what it costs to look through them is counted.
pub(super) const FEW: usize = 32;

/// Comparisons of members of wide unions: done, and allowed. A copy begins anew, without a limit.
#[derive(Debug)]
pub struct Work {
    done: AtomicUsize,
    most: usize,
}

impl Default for Work {
    fn default() -> Self {
        Work::at_most(usize::MAX)
    }
}

impl Clone for Work {
    fn clone(&self) -> Self {
        Work::default()
    }
}

/// It is no part of what a table says.
impl PartialEq for Work {
    fn eq(&self, _: &Work) -> bool {
        true
    }
}

impl Work {
    /// As much as that.
    pub fn at_most(most: usize) -> Work {
        Work { done: AtomicUsize::new(0), most }
    }

    /// Notes that so many members are compared. False: no more may be, and what was asked counts as fitting.
    pub(super) fn may(&self, members: usize) -> bool {
        !self.is_spent() && self.done.fetch_add(members, Ordering::Relaxed) <= self.most
    }

    /// How many of so many members may be looked at, where that costs a part of comparing them.
    pub(super) fn looked_at(&self, members: usize, part: usize) -> usize {
        if members <= FEW || self.may(members / part) { members } else { FEW }
    }

    /// Whether more was compared than is allowed, so that no answer counts any more.
    pub fn is_spent(&self) -> bool {
        self.done.load(Ordering::Relaxed) > self.most
    }
}
