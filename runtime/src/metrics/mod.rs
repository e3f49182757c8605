//! Figures of all runs of an engine, for Prometheus: folded from what is observed, with what the journal knows of the
//! runs that have not ended. [`Metrics::text`] is what a scraper is given.
//!
//! Labels are taken from the program (flow, step, tool), never from data: `lines[17]/price` counts as `price`.

use crate::journal::{Filter, Journal};
use crate::limits::GateState;
use crate::machine::NoteKind;
use crate::observe::Observed;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;

/// What [`Metrics::text`] is: the content type to serve it with.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of durations, in seconds: from a local read to a person's answer.
const SECONDS: [f64; 14] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3_600.0];

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;
type Durations = Family<Labels, Histogram, fn() -> Histogram>;

/// How the breaker of a tool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// One call tries whether the tool is back.
    HalfOpen,
    /// Calls are refused.
    Open,
}

impl BreakerState {
    const ALL: [(BreakerState, &'static str); 3] =
        [(BreakerState::Closed, "closed"), (BreakerState::HalfOpen, "half_open"), (BreakerState::Open, "open")];

    fn of(word: &str) -> BreakerState {
        BreakerState::ALL.iter().find(|(_, name)| *name == word).map_or(BreakerState::Closed, |(state, _)| *state)
    }
}

/// The figures.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    started: Counters,
    ended: Counters,
    runs: Gauges,
    run_seconds: Durations,
    steps: Counters,
    attempts: Counters,
    step_seconds: Durations,
    gated: Counters,
    budgets: Counters,
    alerts: Counters,
    breakers: Gauges,
    up: Gauges,
    active: Gauges,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

fn durations() -> Durations {
    Family::new_with_constructor(|| Histogram::new(SECONDS))
}

impl Metrics {
    /// Nothing has happened yet.
    pub fn new() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("weir"),
            started: Counters::default(),
            ended: Counters::default(),
            runs: Gauges::default(),
            run_seconds: durations(),
            steps: Counters::default(),
            attempts: Counters::default(),
            step_seconds: durations(),
            gated: Counters::default(),
            budgets: Counters::default(),
            alerts: Counters::default(),
            breakers: Gauges::default(),
            up: Gauges::default(),
            active: Gauges::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("runs_started", "Runs that began, by flow", self.started.clone());
        to.register("runs_ended", "Runs that ended, by flow and status", self.ended.clone());
        to.register("runs", "Runs that have not ended, by status; queued: the length of the queue", self.runs.clone());
        to.register("run_duration_seconds", "From a run's start to its end", self.run_seconds.clone());
        to.register("steps", "Steps, by what came of them", self.steps.clone());
        to.register("step_attempts", "Attempts of steps that have ended", self.attempts.clone());
        to.register(
            "step_duration_seconds",
            "From a step's start to its end, retries included",
            self.step_seconds.clone(),
        );
        to.register("deliveries_gated", "Deliveries that were not sent: the gate is closed", self.gated.clone());
        to.register("budgets_spent", "Budgets that were used up", self.budgets.clone());
        to.register("alerts", "Alerts that were raised", self.alerts.clone());
        to.register("breaker_state", "1 for the state in which a tool's breaker stands", self.breakers.clone());
        to.register("instance_up", "1 for an instance of a server that is well", self.up.clone());
        to.register("instance_calls", "Calls under way at an instance of a server", self.active.clone());
    }

    /// Takes in one decision.
    pub fn see(&self, one: &Observed) {
        let flow = || vec![("flow", one.flow.to_string())];
        match one.event {
            NoteKind::RunStarted => {
                self.started.get_or_create(&flow()).inc();
            }
            NoteKind::DeliveryGated => {
                self.gated.get_or_create(&flow()).inc();
            }
            NoteKind::BudgetSpent => {
                self.budgets.get_or_create(&flow()).inc();
            }
            NoteKind::Alert => {
                self.alerts.get_or_create(&flow()).inc();
            }
            NoteKind::BreakerOpened => self.breaker_told(one, BreakerState::Open),
            NoteKind::BreakerHalfOpen => self.breaker_told(one, BreakerState::HalfOpen),
            NoteKind::BreakerClosed => self.breaker_told(one, BreakerState::Closed),
            event => {
                if let Some(status) = ended(event) {
                    self.run_ended(one, status);
                } else if let Some(outcome) = outcome(event) {
                    self.step_ended(one, outcome);
                }
            }
        }
    }

    fn run_ended(&self, one: &Observed, status: &'static str) {
        let labels = vec![("flow", one.flow.to_string()), ("status", status.to_owned())];
        self.ended.get_or_create(&labels).inc();
        if let Some(seconds) = seconds(one) {
            self.run_seconds.get_or_create(&labels).observe(seconds);
        }
    }

    fn step_ended(&self, one: &Observed, outcome: &'static str) {
        let mut labels = vec![("flow", one.flow.to_string()), ("step", step_name(&one.step).to_owned())];
        labels.extend((!one.tool.is_empty()).then(|| ("tool", one.tool.to_string())));
        let attempts = attempts(one).filter(|_| matches!(outcome, "succeeded" | "failed"));
        if let Some(attempts) = attempts.filter(|attempts| *attempts > 0) {
            self.attempts.get_or_create(&labels).inc_by(attempts.into());
        }
        if let Some(seconds) = seconds(one).filter(|_| outcome != "undone") {
            self.step_seconds.get_or_create(&labels).observe(seconds);
        }
        labels.push(("outcome", outcome.to_owned()));
        self.steps.get_or_create(&labels).inc();
    }

    /// What an event says of a breaker: that of its server, or of one of the server's instances.
    fn breaker_told(&self, one: &Observed, state: BreakerState) {
        match one.instance.as_str() {
            "" => self.breaker(server(one), state),
            instance => self.breaker_of(&[("tool", server(one)), ("instance", instance)], state),
        }
    }

    /// Sets how a tool's breaker stands.
    pub fn breaker(&self, tool: &str, state: BreakerState) {
        self.breaker_of(&[("tool", tool)], state);
    }

    fn breaker_of(&self, whose: &[(&'static str, &str)], state: BreakerState) {
        for (one, name) in BreakerState::ALL {
            let mut labels: Labels = whose.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
            labels.push(("state", name.to_owned()));
            self.breakers.get_or_create(&labels).set(i64::from(one == state));
        }
    }

    /// Sets how servers and their instances stand.
    pub fn gates(&self, gates: &[GateState]) {
        for gate in gates {
            if let Some(state) = gate.breaker.map(BreakerState::of) {
                self.breaker(&gate.server, state);
            }
            for one in &gate.instances {
                let whose = [("tool", gate.server.as_str()), ("instance", one.instance.as_str())];
                if let Some(state) = one.breaker.map(BreakerState::of) {
                    self.breaker_of(&whose, state);
                }
                let labels: Labels = whose.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
                self.up.get_or_create(&labels).set(i64::from(one.state == "up"));
                self.active.get_or_create(&labels).set(one.active.into());
            }
        }
    }

    /// What a scraper is given, in the OpenMetrics text format ([`CONTENT_TYPE`]). How many runs there are that have not
    /// ended is asked of the journal, so that those of other processes and earlier ones count.
    pub fn text(&self, journal: &dyn Journal) -> String {
        let unfinished = journal.list(&Filter { unfinished: true, ..Filter::default() }).unwrap_or_default();
        let mut counts: BTreeMap<&str, i64> = OPEN.iter().map(|status| (*status, 0)).collect();
        for run in &unfinished {
            *counts.entry(run.status.as_str()).or_default() += 1;
        }
        for (status, count) in counts {
            self.runs.get_or_create(&vec![("status", status.to_owned())]).set(count);
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// The statuses of runs that have not ended.
const OPEN: [&str; 6] = ["queued", "running", "waiting", "paused", "compensating", "needs_attention"];

/// Attempts of a step: where it calls a tool, those that were made, not those that a budget or a grant refused.
fn attempts(one: &Observed) -> Option<u32> {
    if one.tool.is_empty() { one.attempt } else { Some(one.calls) }
}

/// Breakers belong to a tool's server.
fn server(one: &Observed) -> &str {
    one.tool.split('.').next().unwrap_or_default()
}

fn seconds(one: &Observed) -> Option<f64> {
    let millis = u32::try_from(one.duration_ms?.max(0)).unwrap_or(u32::MAX);
    Some(f64::from(millis) / 1_000.0)
}

fn ended(event: NoteKind) -> Option<&'static str> {
    Some(match event {
        NoteKind::RunSucceeded => "succeeded",
        NoteKind::RunBlocked => "blocked",
        NoteKind::RunFailed => "failed",
        NoteKind::RunCompensated => "compensated",
        NoteKind::RunCompensationFailed => "compensation_failed",
        NoteKind::RunCancelled => "cancelled",
        _ => return None,
    })
}

fn outcome(event: NoteKind) -> Option<&'static str> {
    Some(match event {
        NoteKind::StepSucceeded => "succeeded",
        NoteKind::StepFailed => "failed",
        NoteKind::StepSkipped => "skipped",
        NoteKind::StepUndone => "undone",
        NoteKind::StepUnknown => "unknown",
        _ => return None,
    })
}

/// The step's own name: without the steps around it, the round and the attempt.
pub(crate) fn step_name(path: &str) -> &str {
    let last = path.rsplit('/').next().unwrap_or(path);
    last.split(['[', '@']).next().unwrap_or(last)
}
