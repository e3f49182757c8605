//! What becomes of one call: how long it takes, whether it does what it is to do, and what its caller hears of it.

use crate::chance::Chance;
use weir_runtime::tool::Fault;

/// What a caller hears.
#[derive(Clone, Debug)]
pub enum Answer {
    Result,
    /// What does not fit the tool's type.
    Misfit,
    /// Nothing.
    Silence,
    /// The tool breaks down.
    Panic,
    Fault(Fault),
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Milliseconds until it acts.
    pub before: u64,
    pub acts: bool,
    /// Whether it acts even if its caller is gone before.
    pub lands_anyway: bool,
    /// Milliseconds until it answers.
    pub after: u64,
    pub answer: Answer,
}

impl Fate {
    /// `visit`: how often the step has called before, and now. `faults` in percent.
    pub fn of(tool: &str, step: &str, visit: u64, faults: u64, chance: &mut Chance) -> Fate {
        let slow = if chance.percent(3) { 15_000 } else { 40 };
        let (before, after) = (chance.below(slow), chance.below(slow / 2));
        let mut fate = Fate { before, acts: true, lands_anyway: chance.percent(50), after, answer: Answer::Result };
        // What is tried for ever gets through in the end.
        if visit > 6 || !chance.percent(faults) {
            return fate;
        }
        let undoes = step.ends_with("/undo") || tool == "del";
        let reads = ["get", "find"].contains(&tool);
        let kind = match (undoes, reads) {
            (true, _) => *chance.pick(&[0, 0, 0, 2, 3, 4, 5, 8]),
            (_, true) => *chance.pick(&[0, 0, 0, 1, 3, 5, 7]),
            _ => chance.below(8),
        };
        (fate.acts, fate.answer) = match kind {
            0 => (false, Answer::Fault(transient(chance))),
            1 => (
                false,
                Answer::Fault(Fault::clean(chance.pick::<&str>(&["conflict", "permission", "not_found"]), "no")),
            ),
            8 => (false, Answer::Fault(Fault::clean("permission", "no"))),
            2 => (true, Answer::Fault(Fault::open("unavailable", "the connection is gone"))),
            3 => (false, Answer::Fault(Fault::open("timeout", "the connection is gone"))),
            4 => (true, Answer::Silence),
            5 => (false, Answer::Silence),
            6 => (true, Answer::Misfit),
            _ => (chance.percent(50), Answer::Panic),
        };
        if !fate.acts {
            fate.lands_anyway = false;
        }
        fate
    }

    pub fn is_fault(&self) -> bool {
        !matches!(self.answer, Answer::Result)
    }
}

fn transient(chance: &mut Chance) -> Fault {
    match chance.below(3) {
        0 => Fault::clean("rate_limited", "too many"),
        1 => Fault { retry_after_ms: Some(chance.below(2_000)), ..Fault::clean("rate_limited", "later") },
        _ => Fault::clean("unavailable", "not now"),
    }
}
