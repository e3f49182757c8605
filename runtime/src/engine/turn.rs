//! One turn of a run: events are applied, and written down in one go with the calls that follow from them. What must
//! not be repeated, and what others are told, is waited for; what was only read is written behind the run's back, since
//! after a crash it can be read again.

use super::EngineError;
use super::carry::Message;
use super::keys::Beside;
use super::line::Line;
use super::run::{InFlight, RunLoop};
use crate::journal::{self, Batch, Claimed, DueCall, KeyChange, KeyClaim, StatusChange, Ticket};
use crate::limits::Permit;
use crate::machine::{CallEffect, Decision, Effect, Event, Key, Note};
use crate::observe::Observed;
use crate::tool::{Fault, Outcome};
use ecow::EcoString;
use std::collections::BTreeSet;
use weir_stdlib::value::Value;

/// Batches that may be on their way to the journal without being waited for.
const BEHIND: usize = 512;

/// What has happened, and what follows.
#[derive(Default)]
pub(super) struct Turn {
    pub lines: Vec<journal::Line>,
    pub keys: Vec<KeyChange>,
    pub posts: Vec<i64>,
    pub effects: Vec<Effect>,
    /// Calls whose turn it is at the gates of their servers.
    pub admitted: Vec<(CallEffect, Permit)>,
    notes: Vec<Note>,
    /// Records of the audit.
    pub audit: Vec<String>,
    /// Must be durable before anything follows.
    sync: bool,
}

/// Calls that are due, with what the journal is asked about each.
#[derive(Default)]
pub(super) struct Due {
    calls: Vec<(CallEffect, Option<Permit>)>,
    records: Vec<DueCall>,
    /// Calls under a key that another one of them asks for with other arguments, and how that is told.
    pub others: Vec<(CallEffect, String)>,
    /// Keys whose results are written down in the same turn: nobody has to wait for another one under them.
    recorded: BTreeSet<(EcoString, EcoString)>,
}

impl Due {
    fn behind(turn: &Turn) -> Due {
        let recorded = turn.keys.iter().filter_map(|change| match change {
            KeyChange::Complete(scope, key, _) => Some((scope.clone(), key.clone())),
            _ => None,
        });
        let mut recorded: BTreeSet<(EcoString, EcoString)> = recorded.collect();
        for effect in &turn.effects {
            if let Effect::Release { claim, .. } = effect {
                recorded.remove(&(claim.scope.clone(), claim.key.clone()));
            }
        }
        Due { recorded, ..Due::default() }
    }

    /// Whether the call's key has its result.
    pub(super) fn knows(&self, call: &CallEffect) -> bool {
        let claim = call.claim.as_ref().filter(|_| !self.recorded.is_empty());
        claim.is_some_and(|claim| self.recorded.contains(&(claim.scope.clone(), claim.key.clone())))
    }
}

impl RunLoop {
    /// A call has come back, as this event says.
    pub(super) fn called(
        &mut self,
        turn: &mut Turn,
        key: &Key,
        outcome: &Result<Outcome, Fault>,
        recorded: bool,
        event: &Event,
    ) {
        let call = self.calls.remove(key);
        let unfinished = matches!(outcome, Ok(Outcome::Unfinished(_)));
        if !unfinished {
            self.until.remove(key);
        }
        // Nothing hangs on what a monitor's call came to: nobody waits until that is written down.
        let counts = call.as_ref().is_none_or(|call| !call.reads) && !self.machine.is_telemetry(key);
        turn.sync |= unfinished || counts;
        if let Some(call) = &call {
            turn.audit.extend(self.came_of(call, key, outcome, recorded));
        }
        if let Some(call) = call.filter(|_| !recorded) {
            turn.keys.extend(self.settled(key, call, outcome));
        }
        self.apply(turn, event);
    }

    /// Something else has happened.
    pub(super) fn hear(&mut self, turn: &mut Turn, event: Event) {
        turn.sync |= !matches!(event, Event::Woke { .. });
        if let Event::Answered { key, .. } = &event {
            self.ask_no_more(key);
        }
        if let Event::Decided { key, decision: Decision::Happened(value), .. } = &event {
            turn.keys.extend(self.affirmed(key, value));
        }
        self.apply(turn, &event);
    }

    /// The same from a person or from outside: it is recorded who.
    pub(super) fn heed(&mut self, turn: &mut Turn, event: Event, by: Option<EcoString>) {
        turn.audit.extend(self.decision(&event, by));
        self.hear(turn, event);
    }

    fn apply(&mut self, turn: &mut Turn, event: &Event) {
        turn.lines.push(Line::event(event));
        let applied = self.machine.apply(event);
        let refused = self.refusals(applied.refused);
        turn.audit.extend(refused);
        turn.notes.extend(applied.notes);
        turn.effects.extend(applied.effects);
    }

    /// Writes the turn down, then tells of it and carries out what follows. Nothing is carried out that could not be
    /// written down.
    pub(super) async fn end_turn(&mut self, mut turn: Turn) -> Result<(), EngineError> {
        if self.drains {
            // They are owed all the same, and made by whoever goes on.
            turn.effects.clear();
            for (call, _) in turn.admitted.drain(..) {
                self.calls.remove(&call.key);
            }
        }
        if self.machine.holds() {
            self.hold_back(&mut turn);
        } else if !self.held_back.is_empty() {
            self.let_go(&mut turn);
        }
        self.come_forward(&mut turn);
        let mut due = Due::behind(&turn);
        let mut rest = Vec::new();
        for (call, permit) in std::mem::take(&mut turn.admitted) {
            self.due(call, Some(permit), &mut due);
        }
        for effect in std::mem::take(&mut turn.effects) {
            match effect {
                Effect::Call(call) => self.knock(*call, &mut due),
                Effect::Release { key, claim } => {
                    turn.keys.push(KeyChange::Release(claim.scope, claim.key));
                    let _ = self.sender.send(Message::called(key, Ok(Outcome::Done(Value::NULL))));
                }
                other => rest.push(other),
            }
        }
        let claimed = self.write(&mut turn, due.records).await?;
        self.tell(std::mem::take(&mut turn.notes));
        if let Some(thread) = &self.thread {
            self.engine.inner.followers.wake(thread);
        }
        self.carry_out(rest);
        for ((call, permit), claimed) in due.calls.into_iter().zip(claimed) {
            self.begin(call, permit, claimed);
        }
        for (call, why) in due.others {
            self.ask_after(call, why);
        }
        self.let_out();
        Ok(())
    }

    /// A call that is due: written down before it is made if it changes something, its key claimed if it has one.
    pub(super) fn due(&mut self, call: CallEffect, permit: Option<Permit>, due: &mut Due) {
        let known = due.knows(&call);
        let fault = match self.held_beside(&call).filter(|_| !known) {
            // The permit is for others meanwhile.
            Some(Beside::Waits(why)) => return self.stand_behind(call, why),
            Some(Beside::Asks(why)) => return due.others.push((call, why)),
            Some(Beside::Refused(fault)) => Some(fault),
            None => None,
        };
        let in_flight = InFlight {
            tool: call.tool.clone(),
            repeatable: call.repeatable,
            reads: call.reads,
            claim: call.claim.clone(),
            instance: permit.as_ref().map(|permit| permit.instance().clone()).unwrap_or_default(),
        };
        let instance = in_flight.instance.clone();
        self.calls.insert(call.key.clone(), in_flight);
        if let Some(fault) = fault {
            let _ = self.sender.send(Message::called(call.key, Err(fault)));
            return;
        }
        let claim = call.claim.as_ref().map(|claim| KeyClaim {
            scope: claim.scope.clone(),
            key: claim.key.clone(),
            args: claim.args,
            step: call.key.step.clone(),
        });
        if !known {
            self.ask_for(&call);
        }
        let pinned = self.pin(&call, &instance);
        let line = (!call.reads).then(|| Line::claimed(&call.key, &call.args.hash(), pinned));
        let audit = Some(self.attempted(&call, &instance));
        due.records.push(DueCall { line, claim, audit });
        due.calls.push((call, permit));
    }

    /// Hands the turn over to the journal; waits where something may follow only when it is durable.
    async fn write(&mut self, turn: &mut Turn, mut calls: Vec<DueCall>) -> Result<Vec<Claimed>, EngineError> {
        if self.released {
            // The run is over: what still comes in changes nothing.
            return Ok(vec![Claimed::New; calls.len()]);
        }
        let status = self.status_change();
        let recorded = calls.iter().any(|call| call.line.is_some() || call.claim.is_some());
        let over = self.machine.over();
        let sync = turn.sync || recorded || over || !turn.keys.is_empty() || !turn.posts.is_empty();
        let plain = vec![Claimed::New; calls.len()];
        if !recorded {
            turn.audit.extend(calls.iter_mut().filter_map(|call| call.audit.take()));
        }
        let batch = Batch {
            run_id: self.run_id.clone(),
            token: self.token,
            seq: self.seq,
            lines: std::mem::take(&mut turn.lines),
            calls: if recorded { calls } else { Vec::new() },
            audit: std::mem::take(&mut turn.audit),
            keys: std::mem::take(&mut turn.keys),
            posts: std::mem::take(&mut turn.posts),
            status,
            release: over,
            frees: over,
            wake: None,
            sync,
        };
        if !sync && batch.lines.is_empty() && batch.status.is_none() && batch.audit.is_empty() {
            return Ok(plain);
        }
        let lines = batch.lines.len() as u64;
        let ticket = self.engine.inner.journal.append(batch);
        if !sync {
            self.seq += lines;
            self.leave_behind(ticket).await?;
            return Ok(plain);
        }
        let appended = ticket.await;
        self.caught_up().await?;
        let appended = appended.map_err(|source| self.journal_error(source))?;
        self.seq = appended.seq;
        self.released |= over;
        Ok(if recorded { appended.claimed } else { plain })
    }

    /// Not waited for, unless too much is on its way already.
    async fn leave_behind(&mut self, ticket: Ticket<journal::Appended>) -> Result<(), EngineError> {
        self.behind.push_back(ticket);
        while let Some(first) = self.behind.front_mut() {
            match first.now() {
                Some(Ok(_)) => {}
                Some(Err(source)) => {
                    self.was_created().await?;
                    return Err(self.journal_error(source));
                }
                None if self.behind.len() > BEHIND => {
                    let Some(first) = self.behind.pop_front() else { break };
                    first.await.map_err(|source| self.journal_error(source))?;
                    continue;
                }
                None => break,
            }
            self.behind.pop_front();
        }
        Ok(())
    }

    /// What was handed over earlier is written by now, or says why it could not be.
    async fn caught_up(&mut self) -> Result<(), EngineError> {
        self.was_created().await?;
        while let Some(ticket) = self.behind.pop_front() {
            ticket.await.map_err(|source| self.journal_error(source))?;
        }
        Ok(())
    }

    /// A run that could not be created says why: what follows from that says less. There is nothing to let go of then.
    async fn was_created(&mut self) -> Result<(), EngineError> {
        let Some(created) = self.created.take() else { return Ok(()) };
        let created = created.await;
        self.released |= created.is_err();
        created.map(drop).map_err(|source| self.journal_error(source))
    }

    /// The run has ended, or rests until somebody outside says something: everything is durable, and others may go on
    /// with it.
    pub(super) async fn rest(&mut self) -> Result<(), EngineError> {
        if self.released {
            return Ok(());
        }
        let rested = self.lay_down().await;
        if rested.is_err() {
            self.engine.let_go(&self.run_id, self.token);
        }
        self.released = true;
        rested
    }

    async fn lay_down(&mut self) -> Result<(), EngineError> {
        if self.queued.is_some() || self.seq == 0 {
            // It has not begun: its place in the queue stays.
            let released = self.engine.inner.journal.release(&self.run_id, self.token).await;
            return released.map_err(|source| self.journal_error(source));
        }
        let batch = Batch {
            run_id: self.run_id.clone(),
            token: self.token,
            seq: self.seq,
            status: self.status_change(),
            release: true,
            frees: self.machine.over() || self.parks(),
            wake: self.wake(),
            sync: true,
            ..Batch::default()
        };
        let rested = self.engine.inner.journal.append(batch).await;
        self.caught_up().await?;
        rested.map(drop).map_err(|source| self.journal_error(source))
    }

    /// How the run is, where that has changed.
    fn status_change(&mut self) -> Option<StatusChange> {
        let status = self.machine.status().word();
        if status == self.status {
            return None;
        }
        self.status = status;
        let finished_at = self.machine.over().then(|| self.machine.now().to_string().into());
        Some(StatusChange { status, finished_at })
    }

    fn tell(&mut self, notes: Vec<Note>) {
        if !self.engine.is_watched() {
            self.told += notes.len() as u64;
            return;
        }
        let numbered = self.numbered(notes);
        self.engine.observe(numbered);
    }

    /// The next decisions, with their numbers.
    pub(super) fn numbered(&mut self, notes: Vec<Note>) -> Vec<Observed> {
        let (trace, first) = (self.machine.trace_id(), self.told + 1);
        self.told += notes.len() as u64;
        let parent = self.parent.as_ref();
        let told = |(seq, note)| Observed::of(seq, note, &self.run_id, &trace).below(parent);
        (first..).zip(notes).map(told).collect()
    }

    /// Carries out what is no call, in order.
    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Sleep { key, timer, until } => self.timers.set(key, timer, until),
                Effect::Ask(ask) => self.ask(&ask, None),
                Effect::Spawn(spawn) => self.spawn(*spawn),
                Effect::CancelStarted { key, runs } => self.cancel_started(key, runs),
                Effect::Drop { key, timer: Some(timer) } => self.timers.stop(&key, timer),
                Effect::Drop { key, timer: None } => self.ask_no_more(&key),
                _ => {}
            }
        }
    }
}
