//! The instances of one server: which one a call goes to. The one with the fewest calls under way, then the one whose turn
//! is longest ago; one that failed last comes behind those that did not, one whose breaker is open or that is out is
//! not called.

use super::breaker::{Trip, Verdict};
use super::gate::Remembered;
use ecow::EcoString;
use weir_compiler::project::Breaker;

/// Which instance a call wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// This one and no other: only it knows the call's key, or how the call began.
    pub only: Option<EcoString>,
    /// None of these: the call has been there.
    pub not: Vec<EcoString>,
}

/// One instance; the only one of a server has no name.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub name: EcoString,
    /// Calls under way.
    pub active: u32,
    pub trip: Trip,
    /// Its last call failed as one of a server that is down, and it has not answered since.
    pub failing: bool,
    /// Somebody looks after it.
    pub watched: bool,
    /// When it was chosen last.
    turn: u64,
}

/// All of them; there is at least one.
#[derive(Debug)]
pub(super) struct Slots {
    pub all: Vec<Slot>,
    turns: u64,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// It goes there, perhaps to find out whether the instance is back.
    Take { at: usize, tries: bool },
    /// It waits for one that tries.
    Wait,
    /// No instance may be called for so many milliseconds.
    Refuse(i64),
    /// The instance that it wants is no longer there.
    Gone,
}

impl Slots {
    /// Instances by name, as they were remembered; without names the only one.
    pub(super) fn new(names: Vec<EcoString>, mut known: Remembered) -> Slots {
        let names = if names.is_empty() { vec![EcoString::new()] } else { names };
        let slot = |name: EcoString| {
            let trip = known.trip(&name);
            Slot { name, failing: trip.open_until.is_some(), trip, ..Slot::default() }
        };
        Slots { all: names.into_iter().map(slot).collect(), turns: 0 }
    }

    pub(super) fn several(&self) -> bool {
        self.all.len() > 1
    }

    pub(super) fn active(&self) -> u32 {
        self.all.iter().map(|slot| slot.active).sum()
    }

    pub(super) fn get(&mut self, at: usize) -> Option<&mut Slot> {
        self.all.get_mut(at)
    }

    /// Where a call goes now. `is_out` says which instances are not what the lock file holds.
    pub(super) fn choose(&self, rule: Option<Breaker>, wish: &Wish, is_out: &dyn Fn(&str) -> bool, now: i64) -> Choice {
        let wanted = |slot: &Slot| match &wish.only {
            Some(only) => slot.name == *only,
            None => !wish.not.contains(&slot.name),
        };
        let mut found = Choice::Gone;
        let mut best = None;
        for (at, slot) in self.all.iter().enumerate().filter(|(_, slot)| wanted(slot)) {
            if self.several() && is_out(&slot.name) {
                // Called where there is nothing else: the refusal says what has changed.
                found = if found == Choice::Gone { Choice::Take { at, tries: false } } else { found };
                continue;
            }
            match rule.map_or(Verdict::Pass, |rule| slot.trip.verdict(rule, now)) {
                Verdict::Pass => {
                    let rank = (slot.failing, slot.active, slot.turn);
                    if best.is_none_or(|(known, _)| rank < known) {
                        best = Some((rank, at));
                    }
                }
                Verdict::Try => found = Choice::Take { at, tries: true },
                Verdict::Wait if !matches!(found, Choice::Take { tries: true, .. }) => found = Choice::Wait,
                Verdict::Wait => {}
                Verdict::Refuse(millis) => {
                    found = match found {
                        Choice::Refuse(other) => Choice::Refuse(other.min(millis)),
                        Choice::Gone | Choice::Take { tries: false, .. } => Choice::Refuse(millis),
                        other => other,
                    }
                }
            }
        }
        best.map_or(found, |(_, at)| Choice::Take { at, tries: false })
    }

    /// A call goes there.
    pub(super) fn take(&mut self, at: usize, tries: bool) {
        self.turns += 1;
        let turn = self.turns;
        if let Some(slot) = self.get(at) {
            slot.turn = turn;
            slot.active += 1;
            if tries {
                slot.trip.begin_try();
            }
        }
    }

    /// How the breaker of the server stands as a whole: open where no instance may be called.
    pub(super) fn word(&self, now: i64) -> &'static str {
        let words: Vec<&str> = self.all.iter().map(|slot| slot.trip.word(now)).collect();
        ["closed", "half_open"].into_iter().find(|word| words.contains(word)).unwrap_or("open")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Option<Breaker> = Some(Breaker { failures: 1, per_ms: 1_000, open_ms: 500 });

    fn three() -> Slots {
        Slots::new(["a", "b", "c"].map(EcoString::from).to_vec(), Remembered::default())
    }

    fn next(slots: &mut Slots, wish: &Wish, now: i64) -> Option<String> {
        match slots.choose(RULE, wish, &|_| false, now) {
            Choice::Take { at, tries } => {
                slots.take(at, tries);
                Some(slots.all[at].name.to_string())
            }
            _ => None,
        }
    }

    #[test]
    fn the_least_busy_one_then_each_in_its_turn() {
        let mut slots = three();
        let any = Wish::default();
        let order: Vec<String> = (0..6).filter_map(|_| next(&mut slots, &any, 0)).collect();
        assert_eq!(order, ["a", "b", "c", "a", "b", "c"]);
        slots.all[1].active = 0;
        assert_eq!(next(&mut slots, &any, 0).as_deref(), Some("b"));
        slots.all[1].failing = true;
        assert_eq!(next(&mut slots, &any, 0).as_deref(), Some("a"));
    }

    #[test]
    fn a_wish_is_a_wish() {
        let mut slots = three();
        let only = Wish { only: Some("c".into()), not: Vec::new() };
        assert_eq!(next(&mut slots, &only, 0).as_deref(), Some("c"));
        assert_eq!(next(&mut slots, &only, 0).as_deref(), Some("c"));
        let gone = Wish { only: Some("d".into()), not: Vec::new() };
        assert_eq!(slots.choose(RULE, &gone, &|_| false, 0), Choice::Gone);
        let not = Wish { only: None, not: vec!["a".into(), "c".into()] };
        assert_eq!(next(&mut slots, &not, 0).as_deref(), Some("b"));
        let none = Wish { only: None, not: vec!["a".into(), "b".into(), "c".into()] };
        assert_eq!(slots.choose(RULE, &none, &|_| false, 0), Choice::Gone);
        slots.all[2].trip.failed(RULE.unwrap(), false, 0);
        assert_eq!(slots.choose(RULE, &only, &|_| false, 0), Choice::Refuse(500));
    }

    #[test]
    fn it_is_refused_only_where_all_are_open() {
        let mut slots = three();
        let any = Wish::default();
        slots.all[0].trip.failed(RULE.unwrap(), false, 0);
        slots.all[1].trip.failed(RULE.unwrap(), false, 100);
        assert_eq!((next(&mut slots, &any, 200).as_deref(), slots.word(200)), (Some("c"), "closed"));
        slots.all[2].trip.failed(RULE.unwrap(), false, 200);
        assert_eq!((slots.choose(RULE, &any, &|_| false, 200), slots.word(200)), (Choice::Refuse(300), "open"));
        assert_eq!(slots.choose(RULE, &any, &|_| false, 500), Choice::Take { at: 0, tries: true });
        assert_eq!(slots.word(500), "half_open");
        slots.take(0, true);
        assert_eq!(slots.choose(RULE, &any, &|_| false, 500), Choice::Wait);
    }

    #[test]
    fn one_that_has_changed_is_called_only_to_say_so() {
        let mut slots = three();
        let any = Wish::default();
        assert_eq!(slots.choose(RULE, &any, &|name| name != "b", 0), Choice::Take { at: 1, tries: false });
        assert_eq!(slots.choose(RULE, &any, &|_| true, 0), Choice::Take { at: 0, tries: false });
        slots.all[1].trip.failed(RULE.unwrap(), false, 0);
        assert_eq!(slots.choose(RULE, &any, &|name| name != "b", 0), Choice::Refuse(500));
    }
}
