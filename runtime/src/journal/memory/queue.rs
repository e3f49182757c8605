//! The queue of a journal in memory.

use super::{Run, State, no_run};
use crate::journal::{Admitted, Created, Depth, Due, JournalError, NewRun, Place, Standing};
use ecow::EcoString;
use std::collections::BTreeMap;

impl Run {
    /// Whether it counts as going.
    fn goes(&self) -> bool {
        self.record.finished_at.is_none() && (self.held || self.holds)
    }
}

impl State {
    pub(super) fn enqueue(&mut self, new: NewRun, place: Place) -> Result<Created, JournalError> {
        let run_id = new.run.run_id.clone();
        let created = self.create(new)?;
        if created == Created::New
            && let Some(run) = self.runs.get_mut(&run_id)
        {
            run.held = false;
            run.token = 0;
            run.slot = place.slot.clone();
            self.queue.insert(run_id, place);
        }
        Ok(created)
    }

    pub(super) fn admit(&mut self, run_id: &str, now: i64) -> Result<Admitted, JournalError> {
        if !self.runs.contains_key(run_id) {
            return Err(no_run(format!("cannot take over run {run_id}")));
        }
        let unbegun = self.queue.get(run_id).filter(|place| place.started.is_some());
        if let Some(due) = unbegun.map(|place| place.due).filter(|due| *due > now) {
            return Ok(Admitted::Later(due));
        }
        if let Some(why) = self.no_room(run_id, now) {
            return Ok(Admitted::Full(why));
        }
        let rated = self.queue.get(run_id).is_some_and(|place| place.rate.is_some() && place.started.is_some());
        let Some(run) = self.runs.get_mut(run_id) else { return Ok(Admitted::Full(String::new())) };
        run.token += 1;
        run.held = true;
        run.holds = true;
        if rated {
            self.begun.push((run.record.flow.clone(), now));
        }
        Ok(Admitted::Go(run.token))
    }

    /// Whoever looks for runs to go on with finds it, where it has begun and not ended.
    pub(super) fn release(&mut self, run_id: &str, token: u64) {
        let Some(run) = self.runs.get_mut(run_id).filter(|run| run.token == token && run.held) else { return };
        run.held = false;
        let begins = self.queue.get(run_id).is_some_and(|place| place.started.is_some());
        if !begins && !run.lines.is_empty() && run.record.finished_at.is_none() {
            self.queue.insert(run_id.into(), Place::default());
        }
    }

    fn no_room(&self, run_id: &str, now: i64) -> Option<String> {
        let run = self.runs.get(run_id)?;
        let behind = self.queue.get(run_id).and_then(|place| place.behind.as_ref());
        let behind = behind.filter(|id| self.runs.get(*id).is_some_and(|run| run.record.finished_at.is_none()));
        if let Some(before) = behind {
            return Some(format!("run {before} is not over yet"));
        }
        if let Some((slot, most)) = &run.slot {
            let beside = |(id, other): &(&EcoString, &Run)| {
                id.as_str() != run_id && other.goes() && other.slot.as_ref().is_some_and(|(name, _)| name == slot)
            };
            let going = self.runs.iter().filter(beside).count() as u64;
            if going >= *most {
                return Some(format!("{going} of {most} runs of `{}` go already (`concurrency`)", run.record.flow));
            }
        }
        let place = self.queue.get(run_id).filter(|place| place.started.is_some())?;
        let (count, per) = place.rate?;
        let since = now.saturating_sub(i64::try_from(per).unwrap_or(i64::MAX));
        let begun = self.begun.iter().filter(|(flow, at)| *flow == run.record.flow && *at > since).count() as u64;
        let full = begun >= count;
        full.then(|| format!("{begun} runs of `{}` have begun in the last {per} ms (`limit`)", run.record.flow))
    }

    pub(super) fn standing(&self, run_id: &str, now: i64) -> Option<Standing> {
        let place = self.queue.get(run_id).filter(|place| place.started.is_some())?;
        if place.due > now {
            return Some(Standing::Later(place.due));
        }
        let Some(why) = self.no_room(run_id, now) else { return Some(Standing::Ready) };
        Some(Standing::Full { why, until: self.room_at(run_id, place) })
    }

    /// When the limit of a run's flow lets it begin, where that alone holds it up.
    fn room_at(&self, run_id: &str, place: &Place) -> Option<i64> {
        let (count, per) = place.rate?;
        let run = self.runs.get(run_id)?;
        let mut begun: Vec<i64> =
            self.begun.iter().filter(|(flow, _)| *flow == run.record.flow).map(|(_, at)| *at).collect();
        begun.sort_unstable_by_key(|at| std::cmp::Reverse(*at));
        let last = begun.get(usize::try_from(count).ok()?.checked_sub(1)?)?;
        let until = last.saturating_add(i64::try_from(per).unwrap_or(i64::MAX));
        self.no_room(run_id, until).is_none().then_some(until)
    }

    pub(super) fn due(&self, now: i64, limit: usize) -> Vec<Due> {
        let ready = |(run_id, place): &(&EcoString, &Place)| {
            place.due <= now
                && self.runs.get(*run_id).is_some_and(|run| !run.held)
                && self.no_room(run_id, now).is_none()
        };
        let mut found: Vec<Due> = self
            .queue
            .iter()
            .filter(ready)
            .map(|(run_id, place)| Due {
                run_id: run_id.clone(),
                due: place.due,
                priority: place.priority,
                source: place.source.clone(),
                woken: place.started.is_none(),
            })
            .collect();
        found.sort_by_key(|due| due.due);
        let mut turns: BTreeMap<(bool, i64, EcoString), usize> = BTreeMap::new();
        let mut in_turn: Vec<(usize, Due)> = Vec::with_capacity(found.len());
        for due in found {
            let turn = turns.entry((due.woken, due.priority, due.source.clone())).or_default();
            *turn += 1;
            in_turn.push((*turn, due));
        }
        in_turn.sort_by_key(|(turn, due)| (!due.woken, std::cmp::Reverse(due.priority), *turn, due.due));
        in_turn.into_iter().take(limit).map(|(_, due)| due).collect()
    }

    pub(super) fn depth(&self, now: i64) -> Depth {
        let mut depth = Depth::default();
        for place in self.queue.values() {
            match (&place.started, place.due <= now) {
                (None, _) => depth.asleep += 1,
                (Some(_), true) => depth.ready += 1,
                (Some(_), false) => depth.later += 1,
            }
        }
        depth.next = self.queue.values().map(|place| place.due).filter(|due| *due > now).min();
        depth
    }
}
