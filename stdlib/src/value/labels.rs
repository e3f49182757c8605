//! What is known about where a value comes from. Most values have no labels, which costs one empty pointer.

use ecow::EcoString;
use std::sync::Arc;

/// Origins kept per value; more are counted, not listed.
const ORIGINS: usize = 64;

/// A small set of facts about a value, shared between the values that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Option<Arc<Facts>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    untrusted: bool,
    secret: bool,
    origins: Vec<Arc<Origin>>,
}

/// The call that gave a value: an entry of a record's provenance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    /// Path of the step.
    pub step: EcoString,
    /// The tool called.
    pub tool: EcoString,
    /// Which attempt gave the result, from 1.
    pub attempt: u32,
    /// When, RFC 3339.
    pub at: EcoString,
}

impl Labels {
    /// No facts.
    pub const NONE: Labels = Labels(None);

    /// The labels of a tool's result.
    pub fn of(origin: Origin, untrusted: bool) -> Labels {
        Labels(Some(Arc::new(Facts { untrusted, secret: false, origins: vec![Arc::new(origin)] })))
    }

    /// An outsider may have written it.
    pub fn untrusted(&self) -> bool {
        self.0.as_ref().is_some_and(|facts| facts.untrusted)
    }

    /// It is masked wherever it is shown.
    pub fn secret(&self) -> bool {
        self.0.as_ref().is_some_and(|facts| facts.secret)
    }

    /// The calls that it comes from, in order of first sight, at most 64.
    pub fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter().flat_map(|facts| facts.origins.iter().map(|origin| &**origin))
    }

    /// The same, marked untrusted.
    pub fn as_untrusted(&self) -> Labels {
        self.change(|facts| facts.untrusted = true)
    }

    /// The same, marked secret.
    pub fn as_secret(&self) -> Labels {
        self.change(|facts| facts.secret = true)
    }

    /// The same without the untrusted mark: what a `check` endorses.
    pub fn endorsed(&self) -> Labels {
        if self.untrusted() { self.change(|facts| facts.untrusted = false) } else { self.clone() }
    }

    fn change(&self, change: impl FnOnce(&mut Facts)) -> Labels {
        let mut facts = self.0.as_deref().cloned().unwrap_or_default();
        change(&mut facts);
        Labels(Some(Arc::new(facts)))
    }

    /// The same, marked untrusted where `other` is: a value that an untrusted condition, index or key chose.
    pub fn steered_by(&self, other: &Labels) -> Labels {
        if other.untrusted() && !self.untrusted() { self.as_untrusted() } else { self.clone() }
    }

    /// Whether nothing is known.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Everything that either says.
    pub fn join(&self, other: &Labels) -> Labels {
        let (Some(a), Some(b)) = (&self.0, &other.0) else {
            return Labels(self.0.clone().or_else(|| other.0.clone()));
        };
        if Arc::ptr_eq(a, b) || a.covers(b) {
            return self.clone();
        }
        if b.covers(a) {
            return other.clone();
        }
        let mut joined = (**a).clone();
        joined.untrusted |= b.untrusted;
        joined.secret |= b.secret;
        for origin in &b.origins {
            if joined.origins.len() < ORIGINS && !joined.origins.contains(origin) {
                joined.origins.push(origin.clone());
            }
        }
        Labels(Some(Arc::new(joined)))
    }
}

impl Facts {
    fn covers(&self, other: &Facts) -> bool {
        (self.untrusted || !other.untrusted)
            && (self.secret || !other.secret)
            && (self.origins.len() >= ORIGINS || other.origins.iter().all(|origin| self.origins.contains(origin)))
    }
}
