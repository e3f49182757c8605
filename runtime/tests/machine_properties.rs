//! Random plans, random completion orders, random failures: a machine that is resumed after any prefix of its events
//! owes the same and ends the same; undo runs exactly when the saga failed before its `final`, each once, newest first.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that fails may panic"
)]

mod build;

use build::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_compiler::plan::*;
use weir_lang::ast::Role;
use weir_runtime::machine::{Decision, Effect, Event, Machine, path};
use weir_runtime::tool::Fault;
use weir_stdlib::value::Value;

/// A step of a random plan.
#[derive(Clone, Debug)]
enum Shape {
    Read { optional: bool },
    Write,
    Final,
    Wait,
    Ask,
    Let,
    Raise,
    Branch(bool, Vec<Shape>, Vec<Shape>),
    Loop { rounds: i64, parallel: Option<i64>, body: Vec<Shape> },
    Call { saga: bool, caught: bool, body: Vec<Shape> },
}

fn leaf() -> impl Strategy<Value = Shape> {
    prop_oneof![
        4 => any::<bool>().prop_map(|optional| Shape::Read { optional }),
        6 => Just(Shape::Write),
        1 => Just(Shape::Wait),
        1 => Just(Shape::Ask),
        1 => Just(Shape::Let),
    ]
}

fn shapes(calls: bool, finals: bool, raises: bool) -> impl Strategy<Value = Vec<Shape>> {
    let leaf = prop_oneof![
        12 => leaf(),
        u32::from(finals) => Just(Shape::Final),
        u32::from(raises) => Just(Shape::Raise),
    ];
    let tree = leaf.prop_recursive(3, 24, 5, move |inner| {
        let body = prop::collection::vec(inner, 0..5);
        prop_oneof![
            2 => (any::<bool>(), body.clone(), body.clone()).prop_map(|(way, a, b)| Shape::Branch(way, a, b)),
            2 => (0..4_i64, prop::option::of(1..4_i64), body.clone())
                .prop_map(|(rounds, parallel, body)| Shape::Loop { rounds, parallel, body }),
            2 * u32::from(calls) => (any::<bool>(), any::<bool>(), body)
                .prop_map(|(saga, caught, body)| Shape::Call { saga, caught, body }),
        ]
    });
    prop::collection::vec(tree, 0..6)
}

/// Builds the flows of a random plan.
#[derive(Default)]
struct Builder {
    flows: Vec<FlowPlan>,
    names: u32,
}

impl Builder {
    fn plan(role: Role, shapes: &[Shape]) -> Plan {
        let mut builder = Builder { flows: vec![flow(role, "main", block(vec![]))], names: 0 };
        let body = builder.body(shapes, 8);
        builder.flows[0].body = body;
        plan(builder.flows)
    }

    fn body(&mut self, shapes: &[Shape], slots: u16) -> BlockPlan {
        let steps = shapes.iter().map(|shape| self.step(shape, slots)).collect();
        block(steps)
    }

    fn step(&mut self, shape: &Shape, slots: u16) -> StepPlan {
        self.names += 1;
        let number = self.names;
        let name = |kind: &str| format!("{kind}{number}");
        match shape {
            Shape::Read { optional: true } => read(&name("r"), 2).optional().retry(&["timeout"], 2),
            Shape::Read { optional: false } => read(&name("r"), 2),
            Shape::Write => done(&name("w"), 3),
            Shape::Final => write(&name("f"), 4).last(),
            Shape::Wait => wait(&name("n"), ms(10)),
            Shape::Ask => ask(&name("q"), "?", weir_lang::types::Type::Json, 5)
                .with(|act| act.timeout = Some(ms(50)))
                .fallback(null()),
            Shape::Let => let_(&name("l"), add(int(1), int(2)), 6),
            Shape::Raise => raise(&name("x"), "conflict", "no"),
            Shape::Branch(way, a, b) => {
                let (a, b) = (self.body(a, slots), self.body(b, slots));
                branch(&name("b"), if *way { yes() } else { no() }, a, b)
            }
            Shape::Loop { rounds, parallel, body } => {
                let mut body = self.body(body, slots);
                body.graph.add_node(yields(slot(0)));
                each(&name("e"), numbers(*rounds), *parallel, slots, body)
            }
            Shape::Call { saga, caught, body } => {
                let number = u32::try_from(self.flows.len()).unwrap();
                self.flows.push(flow(Role::Coordinator, "placeholder", block(vec![])));
                let body = self.body(body, slots);
                let role = if *saga { Role::Saga } else { Role::Coordinator };
                self.flows[number as usize] = flow(role, &format!("flow{number}"), body);
                let step = call(&name("c"), number, &[], 7);
                if *caught { step.fallback(null()) } else { step }
            }
        }
    }
}

/// Answers what is owed in an order and with failures that `dice` decide.
struct Game {
    hand: Hand,
    dice: Vec<u8>,
    at: usize,
    /// Failing calls in 256.
    failing: u8,
    /// Failures that may have happened in 256 of those of writes.
    unknown: u8,
    cancelled: bool,
}

impl Game {
    fn new(plan: Plan, dice: Vec<u8>, failing: u8, unknown: u8) -> Game {
        Game { hand: Hand::start(plan), dice, at: 0, failing, unknown, cancelled: false }
    }

    fn roll(&mut self) -> u8 {
        self.at += 1;
        let dice = self.dice.get(self.at % self.dice.len().max(1)).copied().unwrap_or(7);
        dice.wrapping_mul(31).wrapping_add((self.at as u8).wrapping_mul(17))
    }

    /// What is owed is what `pending` says.
    fn agrees(&self) {
        let mut owed = self.hand.owed.clone();
        owed.sort_by(|a, b| {
            let (x, y) = (a.key().unwrap(), b.key().unwrap());
            path::compare(&x.step, &y.step).then(x.attempt.cmp(&y.attempt)).then(a.timer().cmp(&b.timer()))
        });
        let mut pending = self.hand.machine.pending();
        pending.sort_by(|a, b| {
            let (x, y) = (a.key().unwrap(), b.key().unwrap());
            path::compare(&x.step, &y.step).then(x.attempt.cmp(&y.attempt)).then(a.timer().cmp(&b.timer()))
        });
        assert_eq!(owed, pending);
    }

    fn turn(&mut self) {
        let pick = usize::from(self.roll()) % self.hand.owed.len();
        let effect = self.hand.owed[pick].clone();
        let step = effect.key().unwrap().step.to_string();
        match effect {
            Effect::Sleep { .. } => {
                self.hand.wake(&step);
            }
            Effect::Attend(_) => {
                let decision = match self.roll() % 3 {
                    0 => Decision::Again,
                    1 => Decision::GiveUp,
                    _ => Decision::Happened(Value::record([("id", Value::text(format!("id-{step}")))])),
                };
                self.hand.decide(&step, decision);
            }
            Effect::Ask(_) => {
                self.hand.answer(&step, Value::int(1));
            }
            Effect::Call(call) => {
                let undo = step.ends_with("/undo");
                let fails = self.roll() < self.failing;
                if !fails || (undo && call.attempt_many()) {
                    self.hand.ok(&step);
                } else if undo {
                    self.hand.fail(&step, "timeout");
                } else if !call.reads && self.roll() < self.unknown {
                    self.hand.fault(&step, Fault::open("timeout", "perhaps"));
                } else {
                    let code = if self.roll() < 80 { "timeout" } else { "not_found" };
                    self.hand.fail(&step, code);
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn play(&mut self, cancel: Option<usize>) {
        let mut turns = 0;
        while !self.hand.machine.over() {
            assert!(!self.hand.owed.is_empty(), "nothing owed and not over: {}", self.hand.status());
            let before = self.hand.all.len();
            let closed = self.cancelled || self.hand.status() == "needs_attention";
            if cancel == Some(turns) {
                self.hand.cancel();
                self.cancelled = true;
            } else {
                self.turn();
            }
            if closed && (self.cancelled || self.hand.status() == "needs_attention") {
                let new = self.hand.all.iter().skip(before).filter_map(|effect| match effect {
                    Effect::Call(call) => Some(call.key.step.as_str()),
                    _ => None,
                });
                new.for_each(|step| assert!(step.contains("/undo"), "nothing new starts, but `{step}` did"));
            }
            self.agrees();
            turns += 1;
            assert!(turns < 20_000);
        }
        assert!(self.hand.owed.is_empty(), "{:?}", self.hand.owed);
    }
}

trait Many {
    fn attempt_many(&self) -> bool;
}

impl Many for weir_runtime::machine::CallEffect {
    fn attempt_many(&self) -> bool {
        self.key.attempt > 3
    }
}

fn ended(events: &[Event], of: impl Fn(&str) -> bool) -> Vec<String> {
    let done = |event: &Event| match event {
        Event::Done { key, .. } if of(&key.step) => Some(key.step.to_string()),
        _ => None,
    };
    events.iter().filter_map(done).collect()
}

fn last_name(step: &str) -> char {
    step.rsplit('/').next().and_then(|name| name.chars().next()).unwrap_or(' ')
}

fn is_write(step: &str) -> bool {
    last_name(step) == 'w'
}

fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(512);
    ProptestConfig { cases, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn resumed_after_any_prefix_it_owes_and_ends_the_same(
        shapes in shapes(true, true, true),
        dice in prop::collection::vec(any::<u8>(), 8..64),
        failing in 0..90_u8, unknown in 0..60_u8,
        cancel in prop::option::of(0..30_usize),
        saga in any::<bool>(),
    ) {
        let plan = Builder::plan(if saga { Role::Saga } else { Role::Coordinator }, &shapes);
        let mut game = Game::new(plan.clone(), dice, failing, unknown);
        game.play(cancel);
        let text = serde_json::to_string(&game.hand.events).unwrap();
        let events: Vec<Event> = serde_json::from_str(&text).unwrap();
        let plan: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
        let code = weir_runtime::machine::Code::new(Arc::new(plan));
        // One machine that goes on, and one resumed from scratch after each of some prefixes.
        let mut whole = Machine::of(code.clone());
        let stride = (events.len() / 12).max(1);
        for (at, event) in events.iter().enumerate() {
            whole.apply(event);
            if at % stride == 0 {
                let mut resumed = Machine::of(code.clone());
                events[..=at].iter().for_each(|event| drop(resumed.apply(event)));
                prop_assert_eq!(resumed.pending(), whole.pending());
                prop_assert_eq!(resumed.status(), whole.status());
                events[at + 1..].iter().for_each(|event| drop(resumed.apply(event)));
                prop_assert_eq!(resumed.envelope().to_json(), game.hand.envelope().to_json());
            }
        }
        prop_assert_eq!(whole.envelope().to_json(), game.hand.envelope().to_json());
    }

    #[test]
    fn undo_runs_exactly_when_the_saga_failed_before_its_final(
        shapes in shapes(false, true, true),
        dice in prop::collection::vec(any::<u8>(), 8..64),
        failing in 0..70_u8,
        cancel in prop::option::of(0..30_usize),
    ) {
        let mut game = Game::new(Builder::plan(Role::Saga, &shapes), dice, failing, 0);
        game.play(cancel);
        let hand = &game.hand;
        let envelope = hand.envelope();
        let passed_final = !ended(&hand.events, |step| last_name(step) == 'f').is_empty();
        let failed = envelope.metadata.error.is_some() || envelope.metadata.blocked;
        let mut wanted = Vec::new();
        if failed && !passed_final {
            wanted = ended(&hand.events, is_write).into_iter().map(|step| format!("{step}/undo")).collect();
            wanted.reverse();
        }
        let undone = ended(&hand.events, |step| step.ends_with("/undo"));
        prop_assert_eq!(&undone, &wanted);
        let status = envelope.metadata.status.word();
        prop_assert_eq!(status == "compensated", !wanted.is_empty(), "{}", status);
        for effect in &envelope.metadata.side_effects {
            prop_assert_eq!(effect.undone, wanted.contains(&format!("{}/undo", effect.step)));
        }
    }

    #[test]
    fn in_nested_sagas_each_call_is_undone_once_and_nothing_is_left(
        shapes in shapes(true, false, true),
        dice in prop::collection::vec(any::<u8>(), 8..64),
        failing in 0..90_u8,
        cancel in prop::option::of(0..30_usize),
    ) {
        let mut game = Game::new(Builder::plan(Role::Saga, &shapes), dice, failing, 0);
        game.play(cancel);
        let hand = &game.hand;
        let envelope = hand.envelope();
        let undone = ended(&hand.events, |step| step.ends_with("/undo"));
        let once: BTreeSet<_> = undone.iter().collect();
        prop_assert_eq!(once.len(), undone.len(), "each exactly once");
        let flags: BTreeMap<String, bool> = envelope.metadata.side_effects.iter().map(|effect| (effect.step.to_string(), effect.undone)).collect();
        prop_assert_eq!(flags.values().filter(|undone| **undone).count(), undone.len());
        if envelope.metadata.status.word() == "succeeded" {
            // What was undone lies below a call whose failure was caught.
            let caught: BTreeSet<String> = hand.noted("routing.decision").into_iter()
                .filter(|note| note.contains(": caught ")).map(|note| note.split(": ").next().unwrap_or_default().to_owned()).collect();
            for (step, undone) in &flags {
                let below = caught.iter().any(|call| step.starts_with(&format!("{call}/")));
                prop_assert_eq!(*undone, below, "{}", step);
            }
        } else {
            prop_assert!(flags.values().all(|undone| *undone), "{:?}", flags);
        }
    }

    #[test]
    fn writes_are_never_in_flight_beside_anything(
        shapes in prop::collection::vec(leaf(), 1..12),
        dice in prop::collection::vec(any::<u8>(), 8..64),
    ) {
        let mut game = Game::new(Builder::plan(Role::Coordinator, &shapes), dice, 40, 0);
        while !game.hand.machine.over() {
            let writes = game.hand.owed.iter().filter(|effect| matches!(effect, Effect::Call(call) if !call.reads)).count();
            let others = game.hand.owed.len() - writes;
            prop_assert!(writes == 0 || (writes == 1 && others == 0));
            game.turn();
        }
    }
}
