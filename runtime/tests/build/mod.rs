//! A tiny builder for plans, and a hand that plays the engine: it answers effects in any order.
#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that fails may panic")]

use ecow::EcoString;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use petgraph::graph::{DiGraph, NodeIndex};
use std::sync::Arc;
use weir_compiler::plan::*;
use weir_lang::ast::{BinaryOp, Role};
use weir_lang::span::Loc;
use weir_lang::types::{Type, TypeTable};
use weir_runtime::engine::Clock;
use weir_runtime::envelope::Envelope;
use weir_runtime::machine::{Allowance, Applied, CallEffect, Decision, Effect, Event, Key, Machine, Started};
use weir_runtime::tool::Fault;
use weir_stdlib::narrow::Boundary;
use weir_stdlib::pure::{Pure, PureEntry, PureItem, PurePattern};
use weir_stdlib::value::Value;

// ---- expressions

pub fn text(text: &str) -> Pure {
    Pure::Const(Value::text(text))
}

pub fn int(number: i64) -> Pure {
    Pure::Const(Value::int(number))
}

pub fn yes() -> Pure {
    Pure::Const(Value::bool(true))
}

pub fn no() -> Pure {
    Pure::Const(Value::bool(false))
}

pub fn null() -> Pure {
    Pure::Const(Value::NULL)
}

pub fn ms(millis: i64) -> Pure {
    Pure::Const(Value::new(weir_stdlib::value::Data::Duration(millis)))
}

pub fn slot(at: u16) -> Pure {
    Pure::Slot { up: 0, at }
}

pub fn outer(at: u16) -> Pure {
    Pure::Slot { up: 1, at }
}

pub fn field(of: Pure, name: &str) -> Pure {
    Pure::Field(Box::new(of), name.into())
}

pub fn add(a: Pure, b: Pure) -> Pure {
    Pure::Binary(BinaryOp::Add, Box::new(a), Box::new(b))
}

pub fn eq(a: Pure, b: Pure) -> Pure {
    Pure::Binary(BinaryOp::Eq, Box::new(a), Box::new(b))
}

pub fn rec(fields: &[(&str, Pure)]) -> Pure {
    Pure::Record(fields.iter().map(|(name, value)| PureEntry::Field((*name).into(), value.clone())).collect())
}

pub fn list(items: &[Pure]) -> Pure {
    Pure::List(items.iter().cloned().map(PureItem::One).collect())
}

pub fn numbers(count: i64) -> Pure {
    Pure::Const(Value::list((0..count).map(Value::int).collect::<Vec<_>>()))
}

// ---- steps

pub fn step(name: &str, kind: StepKind, effect: EffectClass) -> StepPlan {
    StepPlan { name: name.into(), loc: Loc::default(), bind: None, kind, effect }
}

pub trait Steps {
    fn to(self, slot: u16) -> StepPlan;
    fn with(self, change: impl FnOnce(&mut Act)) -> StepPlan;
    fn undo(self, tool: &str, args: Pure) -> StepPlan;
    fn last(self) -> StepPlan;
    fn catch(self, codes: &[&str], block: BlockPlan) -> StepPlan;
    fn fallback(self, value: Pure) -> StepPlan;
    fn optional(self) -> StepPlan;
    fn retry(self, codes: &[&str], count: u32) -> StepPlan;
    fn key(self, key: Pure) -> StepPlan;
    fn once(self) -> StepPlan;
}

impl Steps for StepPlan {
    fn to(mut self, slot: u16) -> StepPlan {
        self.bind = Some(slot);
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Act)) -> StepPlan {
        if let StepKind::Act(act) = &mut self.kind {
            change(act);
        }
        self
    }

    fn undo(self, tool: &str, args: Pure) -> StepPlan {
        let target = Target::Tool { tool: tool.into(), args };
        self.with(|act| act.undo = Some(Box::new(UndoPlan { target })))
    }

    fn last(self) -> StepPlan {
        self.with(|act| act.is_final = true)
    }

    fn catch(self, codes: &[&str], block: BlockPlan) -> StepPlan {
        let codes = codes.iter().map(|code| (*code).into()).collect();
        let arm = HandlerArm { codes, error: None, block };
        self.with(|act| act.handlers.push(HandlerPlan { arms: vec![arm], optional: false }))
    }

    fn fallback(self, value: Pure) -> StepPlan {
        self.catch(&[], value_block(value))
    }

    fn optional(self) -> StepPlan {
        let arm = HandlerArm { codes: Vec::new(), error: None, block: value_block(null()) };
        self.with(|act| act.handlers.push(HandlerPlan { arms: vec![arm], optional: true }))
    }

    fn retry(self, codes: &[&str], count: u32) -> StepPlan {
        let codes = codes.iter().map(|code| (*code).into()).collect();
        self.with(|act| {
            let retry =
                RetryPlan { count: Some(count), lo_ms: 200, hi_ms: 30_000, only_if_not_happened: !act.repeatable };
            act.policy.push(PolicyArmPlan { codes, retry: Some(retry), then: PolicyEndPlan::Fail });
        })
    }

    fn key(self, key: Pure) -> StepPlan {
        self.with(|act| act.key = Some(KeyPlan { key, per_run: false }))
    }

    /// Not repeatable.
    fn once(self) -> StepPlan {
        self.with(|act| act.repeatable = false)
    }
}

pub fn act(target: Target, result: u16, repeatable: bool) -> StepKind {
    StepKind::Act(Box::new(Act {
        target,
        result,
        value: None,
        timeout: None,
        policy: Vec::new(),
        until: None,
        handlers: Vec::new(),
        undo: None,
        is_final: false,
        key: None,
        repeatable,
    }))
}

pub fn read(name: &str, slot: u16) -> StepPlan {
    let args = rec(&[("q", text(name))]);
    step(name, act(Target::Tool { tool: "src.get".into(), args }, slot, true), EffectClass::Read)
}

pub fn write(name: &str, slot: u16) -> StepPlan {
    let args = rec(&[("q", text(name))]);
    step(name, act(Target::Tool { tool: "crm.add".into(), args }, slot, false), EffectClass::Barrier)
}

/// A write that brings its undo.
pub fn done(name: &str, slot: u16) -> StepPlan {
    let args = rec(&[("q", field(Pure::Slot { up: 0, at: slot }, "id"))]);
    write(name, slot).undo("crm.del", args)
}

pub fn call(name: &str, flow: u32, args: &[(&str, Pure)], slot: u16) -> StepPlan {
    step(name, act(Target::Flow { flow, args: rec(args) }, slot, false), EffectClass::Barrier)
}

pub fn let_(name: &str, value: Pure, slot: u16) -> StepPlan {
    step(name, StepKind::Let(value), EffectClass::Pure).to(slot)
}

pub fn raise(name: &str, code: &str, message: &str) -> StepPlan {
    let exit = Exit::Raise { code: code.into(), message: text(message) };
    step(name, StepKind::Exit(exit), EffectClass::Barrier)
}

pub fn require(name: &str, cond: Pure, code: &str, message: &str) -> StepPlan {
    let otherwise = Exit::Raise { code: code.into(), message: text(message) };
    step(name, StepKind::Require { cond, otherwise }, EffectClass::Barrier)
}

pub fn yields(value: Pure) -> StepPlan {
    step("yield", StepKind::Yield(value), EffectClass::Pure)
}

pub fn return_(value: Pure) -> StepPlan {
    step("return", StepKind::Return(Some(value)), EffectClass::Barrier)
}

pub fn each(name: &str, source: Pure, parallel: Option<i64>, slots: u16, body: BlockPlan) -> StepPlan {
    let plan = ForPlan { source, parallel: parallel.map(int), slots, body };
    step(name, StepKind::For(Box::new(plan)), EffectClass::Barrier)
}

pub fn repeat(name: &str, init: Pure, at_most: i64, slots: u16, body: BlockPlan) -> StepPlan {
    let plan = RepeatPlan { init, at_most: int(at_most), slots, body };
    step(name, StepKind::Repeat(Box::new(plan)), EffectClass::Barrier)
}

pub fn branch(name: &str, subject: Pure, then: BlockPlan, otherwise: BlockPlan) -> StepPlan {
    let arm = |patterns, label: &str, block| ArmPlan { patterns, guard: None, label: label.into(), block };
    let yes = vec![PurePattern::Is(Value::bool(true))];
    let arms = vec![arm(yes, "true", then), arm(Vec::new(), "else", otherwise)];
    step(name, StepKind::Branch { subject, arms }, EffectClass::Barrier)
}

pub fn wait(name: &str, until: Pure) -> StepPlan {
    step(name, StepKind::Wait(until), EffectClass::Barrier)
}

pub fn ask(name: &str, question: &str, ty: Type, slot: u16) -> StepPlan {
    let target = Target::Ask { question: text(question), ty: Boundary::new(ty), from: None };
    step(name, act(target, slot, false), EffectClass::Barrier)
}

pub fn receive(name: &str, event: &str, ty: Type, slot: u16) -> StepPlan {
    let target = Target::Receive { event: text(event), ty: Boundary::new(ty) };
    step(name, act(target, slot, false), EffectClass::Barrier)
}

pub fn start(name: &str, flow: u32, args: &[(&str, Pure)], slot: u16) -> StepPlan {
    let target = Target::Start { flow, args: rec(args), delay: None };
    step(name, act(target, slot, false), EffectClass::Barrier)
}

// ---- blocks, flows, plans

/// Edges by effect, as the compiler draws them: barriers wait for everything before and hold everything after back.
/// Every step also waits for those whose slots it reads, which here is: pure steps wait for everything before.
pub fn block(steps: Vec<StepPlan>) -> BlockPlan {
    let mut graph = DiGraph::new();
    let mut barrier: Option<NodeIndex> = None;
    let mut since: Vec<NodeIndex> = Vec::new();
    for plan in steps {
        let effect = plan.effect;
        let at = graph.add_node(plan);
        match effect {
            EffectClass::Barrier | EffectClass::Pure => {
                for before in since.iter().copied().chain(barrier) {
                    graph.add_edge(before, at, Edge::Order);
                }
                since.clear();
                barrier = Some(at);
            }
            EffectClass::Read => {
                if let Some(before) = barrier {
                    graph.add_edge(before, at, Edge::Order);
                }
                since.push(at);
            }
        }
    }
    BlockPlan { graph, value: None }
}

pub fn value_block(value: Pure) -> BlockPlan {
    BlockPlan { graph: DiGraph::new(), value: Some(value) }
}

pub trait Blocks {
    fn value(self, value: Pure) -> BlockPlan;
}

impl Blocks for BlockPlan {
    fn value(mut self, value: Pure) -> BlockPlan {
        self.value = Some(value);
        self
    }
}

pub fn flow(role: Role, name: &str, body: BlockPlan) -> FlowPlan {
    let can = ["crm.write", "src.read", "mail.send"].iter().map(|can| (*can).into()).collect();
    FlowPlan {
        name: name.into(),
        role,
        params: Vec::new(),
        steered: Vec::new(),
        returns: (role != Role::Monitor).then(|| Boundary::new(Type::Json)),
        can,
        slots: 32,
        body,
        function: None,
        barrier: true,
        clauses: FlowClauses::default(),
    }
}

pub fn param(name: &str, ty: Type) -> ParamPlan {
    ParamPlan { name: name.into(), ty: Boundary::new(ty), optional: false, default: None }
}

pub trait Flows {
    fn params(self, params: Vec<ParamPlan>) -> FlowPlan;
    fn returns(self, ty: Type) -> FlowPlan;
    fn clauses(self, change: impl FnOnce(&mut FlowClauses)) -> FlowPlan;
}

impl Flows for FlowPlan {
    fn params(mut self, params: Vec<ParamPlan>) -> FlowPlan {
        self.params = params;
        self
    }

    fn returns(mut self, ty: Type) -> FlowPlan {
        self.returns = Some(Boundary::new(ty));
        self
    }

    fn clauses(mut self, change: impl FnOnce(&mut FlowClauses)) -> FlowPlan {
        change(&mut self.clauses);
        self
    }
}

pub fn tool(name: &str, capability: &str, idempotent: bool) -> ToolPlan {
    ToolPlan {
        name: name.into(),
        input: Boundary::new(Type::Json),
        output: Boundary::new(Type::Json),
        capabilities: vec![capability.into()],
        idempotent,
        accepts_key: None,
        untrusted: true,
        cost: 0.0,
        errors: IndexMap::new(),
        timeout_ms: 20_000,
        definition: None,
    }
}

pub fn plan(flows: Vec<FlowPlan>) -> Plan {
    let tools = [
        tool("src.get", "src.read", true),
        tool("crm.add", "crm.write", false),
        tool("crm.del", "crm.write", true),
        tool("mail.send", "mail.send", false),
    ];
    Plan {
        version: VERSION,
        entry: 0,
        flows,
        functions: Vec::new(),
        tools: tools.into_iter().map(|tool| (tool.name.clone(), tool)).collect(),
        types: TypeTable::default(),
        files: Vec::new(),
    }
}

pub fn one(role: Role, steps: Vec<StepPlan>) -> Plan {
    plan(vec![flow(role, "main", block(steps))])
}

// ---- playing the engine

pub fn epoch() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

/// A clock that goes with tokio's, from [`epoch`] on.
pub struct Virtual(pub tokio::time::Instant);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        epoch().checked_add(SignedDuration::try_from(self.0.elapsed()).unwrap()).unwrap()
    }
}

pub fn started(args: Value) -> Started {
    Started {
        at: epoch(),
        run_id: "0192f0c8-0000-7000-8000-000000000000".into(),
        program: "sha256:test".into(),
        project: "test".into(),
        args,
        grants: ["crm.write", "src.read", "mail.send"].map(EcoString::from).to_vec(),
        delivery: true,
        flags: IndexMap::from_iter([(EcoString::from("on"), true)]),
        untrusted: false,
        secret: false,
        thread: None,
        behind: None,
        seed: None,
        allowance: Some(Allowance::default()),
        beside: true,
    }
}

/// A machine, the events that it was told, and what it owes.
pub struct Hand {
    pub machine: Machine,
    pub events: Vec<Event>,
    pub owed: Vec<Effect>,
    pub all: Vec<Effect>,
    pub notes: Vec<weir_runtime::machine::Note>,
    pub now: Timestamp,
}

impl Hand {
    pub fn start(plan: Plan) -> Hand {
        Hand::with(plan, |_| {})
    }

    pub fn with(plan: Plan, change: impl FnOnce(&mut Started)) -> Hand {
        let mut hand = Hand {
            machine: Machine::new(Arc::new(plan)),
            events: Vec::new(),
            owed: Vec::new(),
            all: Vec::new(),
            notes: Vec::new(),
            now: epoch(),
        };
        let mut began = started(Value::record::<EcoString>([]));
        change(&mut began);
        hand.tell(Event::Started(Box::new(began)));
        hand
    }

    pub fn tell(&mut self, event: Event) -> Applied {
        let applied = self.machine.apply(&event);
        self.events.push(event);
        for effect in &applied.effects {
            match effect {
                Effect::Drop { key, timer } => {
                    let before = self.owed.len();
                    self.owed.retain(|owed| owed.key() != Some(key) || owed.timer() != *timer);
                    assert_eq!(self.owed.len() + 1, before, "a drop of what was never owed: {key:?} {timer:?}");
                }
                Effect::Finish => {}
                other => {
                    let same = |owed: &&Effect| owed.key() == other.key() && owed.timer() == other.timer();
                    assert!(self.owed.iter().find(same).is_none(), "owed twice: {other:?}");
                    self.owed.push(other.clone());
                }
            }
        }
        self.all.extend(applied.effects.iter().cloned());
        self.notes.extend(applied.notes.iter().cloned());
        applied
    }

    pub fn tick(&mut self, millis: i64) -> Timestamp {
        self.now = self.now.checked_add(SignedDuration::from_millis(millis)).unwrap();
        self.now
    }

    pub fn take(&mut self, step: &str) -> Effect {
        let at = self.owed.iter().position(|owed| owed.key().is_some_and(|key| key.step == step));
        let at = at.unwrap_or_else(|| panic!("`{step}` is not owed: {:?}", self.owing()));
        self.owed.remove(at)
    }

    pub fn take_call(&mut self, step: &str) -> CallEffect {
        match self.take(step) {
            Effect::Call(call) => *call,
            other => panic!("`{step}` owes {other:?}"),
        }
    }

    /// Paths owed, in order.
    pub fn owing(&self) -> Vec<String> {
        self.machine.pending().iter().filter_map(Effect::key).map(|key| key.step.to_string()).collect()
    }

    pub fn done(&mut self, step: &str, value: Value) -> Applied {
        let key = self.take(step).key().unwrap().clone();
        let at = self.tick(1);
        self.tell(Event::Done { at, key, value, recorded: false, misfit: None })
    }

    /// Answers a call with an id made of its step.
    pub fn ok(&mut self, step: &str) -> Applied {
        self.done(step, Value::record([("id", Value::text(format!("id-{step}")))]))
    }

    pub fn fail(&mut self, step: &str, code: &str) -> Applied {
        self.fault(step, Fault::clean(code, format!("{code} of {step}")))
    }

    pub fn fault(&mut self, step: &str, fault: Fault) -> Applied {
        let key = self.take(step).key().unwrap().clone();
        let at = self.tick(1);
        self.tell(Event::Failed { at, key, fault })
    }

    pub fn wake(&mut self, step: &str) -> Applied {
        let at =
            self.owed.iter().position(|owed| owed.timer().is_some() && owed.key().is_some_and(|key| key.step == step));
        let at = at.unwrap_or_else(|| panic!("`{step}` does not sleep: {:?}", self.owed));
        let Effect::Sleep { key, timer, until } = self.owed.remove(at) else { panic!() };
        self.now = self.now.max(until);
        self.tell(Event::Woke { at: self.now, key, timer })
    }

    pub fn answer(&mut self, step: &str, value: Value) -> Applied {
        let at = self.tick(1);
        let key = Key { step: step.into(), attempt: 1 };
        let fits = self.machine.check_answer(step, &value).is_ok();
        if fits {
            self.owed.retain(|owed| owed.key() != Some(&key) || owed.timer().is_some());
        }
        self.tell(Event::Answered { at, key, value })
    }

    pub fn decide(&mut self, step: &str, decision: Decision) -> Applied {
        let key = self.take(step).key().unwrap().clone();
        let at = self.tick(1);
        self.tell(Event::Decided { at, key, decision })
    }

    pub fn cancel(&mut self) -> Applied {
        let at = self.tick(1);
        self.tell(Event::Cancelled { at, reason: "by hand".into(), started: true })
    }

    pub fn envelope(&self) -> Envelope {
        self.machine.envelope()
    }

    pub fn status(&self) -> &'static str {
        self.machine.status().word()
    }

    pub fn code(&self) -> String {
        self.envelope().metadata.error.map(|error| error.code.to_string()).unwrap_or_default()
    }

    pub fn noted(&self, event: &str) -> Vec<String> {
        let name =
            |note: &&weir_runtime::machine::Note| serde_json::to_value(note.event).unwrap().as_str() == Some(event);
        let show =
            |note: &weir_runtime::machine::Note| format!("{}: {}", note.step, note.reason.clone().unwrap_or_default());
        self.notes.iter().filter(name).map(show).collect()
    }

    /// Replays every prefix and holds it against the machine.
    pub fn replays(&self, plan: &Plan) {
        let text = serde_json::to_string(&self.events).unwrap();
        let events: Vec<Event> = serde_json::from_str(&text).unwrap();
        let mut again = Machine::new(Arc::new(plan.clone()));
        for event in &events {
            again.apply(event);
        }
        assert_eq!(again.pending(), self.machine.pending());
        assert_eq!(again.envelope().to_json(), self.machine.envelope().to_json());
    }
}
