//! The compiled program: what checking and lowering leave for the machine, stored with every run and known by its
//! hash. Names are resolved, policies merged, types attached where values pass; each block is a graph of steps.

#![allow(missing_docs, reason = "the fields of variants are explained in the variant's own line")]

use crate::registry::Definition;
use ecow::EcoString;
use indexmap::IndexMap;
use petgraph::graph::DiGraph;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use weir_lang::ast::Role;
use weir_lang::span::Loc;
use weir_lang::types::TypeTable;
use weir_stdlib::hex;
use weir_stdlib::narrow::Boundary;
use weir_stdlib::pure::{Function, Pure, PurePattern};

/// The format of plans that this compiler writes.
pub const VERSION: u32 = 1;

/// A program: the entry flow and everything that it can reach.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Plan {
    /// [`VERSION`] of the compiler that wrote it.
    pub version: u32,
    /// Place of the entry flow in `flows`.
    pub entry: u32,
    /// Every flow that can be reached.
    pub flows: Vec<FlowPlan>,
    /// Transformers and pure validators, called by [`Pure::Apply`].
    pub functions: Vec<Function>,
    /// Every tool that can be called, by full name.
    pub tools: IndexMap<EcoString, ToolPlan>,
    /// What type names stand for.
    pub types: TypeTable,
    /// File names, for [`Loc`]s.
    pub files: Vec<EcoString>,
}

impl Plan {
    /// `sha256:…` over the canonical text: the same source and tools give the same hash. Where things stand in files
    /// and what those are called does not count, so a comment changes nothing.
    pub fn hash(&self) -> EcoString {
        let mut plan = self.clone();
        plan.files.clear();
        plan.flows.iter_mut().for_each(|flow| flow.body.forget_places());
        let text = serde_json::to_vec(&plan).unwrap_or_default();
        ecow::eco_format!("sha256:{}", hex(&Sha256::digest(&text)))
    }

    /// The entry flow.
    pub fn entry_flow(&self) -> Option<&FlowPlan> {
        self.flows.get(self.entry as usize)
    }
}

/// What starts a flow by itself.
#[derive(Clone, Debug)]
pub struct CampaignPlan {
    /// Full name, e.g. `leads.monday`.
    pub name: EcoString,
    /// When.
    pub trigger: Trigger,
    /// The flow that is started is its entry.
    pub plan: Arc<Plan>,
    /// A record of the flow's arguments; slot 0 is `event`.
    pub args: Pure,
    /// `delivery on`
    pub delivery: bool,
    /// Runs with that flag on.
    pub flag: Option<EcoString>,
    /// What happens when the last run is not over.
    pub overlap: Overlap,
    /// Which waiting run goes first; None: as the flow says.
    pub priority: Option<i64>,
}

/// When a campaign starts its flow.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// By the calendar of a time zone.
    Cron { schedule: EcoString, zone: EcoString },
    /// Each time so many milliseconds have passed.
    Every(u64),
    /// When an event of that name comes in; the boundary is what `event` must fit.
    Event { name: EcoString, ty: Box<Boundary> },
    /// When a webhook is called.
    Webhook { path: EcoString, ty: Box<Boundary> },
}

/// What happens when the last run of a campaign is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Nothing is started.
    Skip,
    /// The new run begins when the last one is over.
    Queue,
    /// Both go.
    Allow,
}

/// A tool as the plan needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolPlan {
    /// `server.tool`
    pub name: EcoString,
    /// Arguments are narrowed to this before a call (the key parameter left out).
    pub input: Boundary,
    /// Results are narrowed to this.
    pub output: Boundary,
    /// What calling it needs, e.g. `crm.write`.
    pub capabilities: Vec<EcoString>,
    /// Calling again with the same arguments changes nothing more.
    pub idempotent: bool,
    /// Where it takes an idempotency key: a parameter's name, or `header:Name`.
    pub accepts_key: Option<EcoString>,
    /// Its results may be written by outsiders.
    pub untrusted: bool,
    /// What a call costs.
    pub cost: f64,
    /// Message part to error code.
    pub errors: IndexMap<EcoString, EcoString>,
    /// Longest time of one attempt in milliseconds, unless the call says otherwise.
    pub timeout_ms: u64,
    /// What its server says of it: values are held against its schemas, the live server against its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<Arc<Definition>>,
}

impl ToolPlan {
    /// Whether it only reads.
    pub fn reads_only(&self) -> bool {
        self.capabilities.iter().all(|capability| capability.ends_with(".read"))
    }

    /// Whether it reaches someone.
    pub fn sends(&self) -> bool {
        self.capabilities.iter().any(|capability| capability.ends_with(".send"))
    }
}

/// A flow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FlowPlan {
    /// Full name, e.g. `leads.intake.find_leads`; in a single file, the bare name.
    pub name: EcoString,
    /// Its role.
    pub role: Role,
    /// Its parameters; slot `i` of its frame holds parameter `i`.
    pub params: Vec<ParamPlan>,
    /// What of its parameters must not come from outside, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steered: Vec<EcoString>,
    /// What its value is narrowed to. `None`: it returns nothing (a delivery's status record excepted).
    pub returns: Option<Boundary>,
    /// What it may do, its own and everything below.
    pub can: Vec<EcoString>,
    /// Number of slots of its frame.
    pub slots: u16,
    /// Its steps.
    pub body: BlockPlan,
    /// A transformer or pure validator: the function that is the whole body (`body` is empty then).
    pub function: Option<u32>,
    /// Whether it (or what it calls) writes, sends, executes, waits, asks, receives or starts.
    pub barrier: bool,
    /// Its clauses.
    pub clauses: FlowClauses,
}

/// A parameter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParamPlan {
    /// Its name.
    pub name: EcoString,
    /// What the argument is narrowed to.
    pub ty: Boundary,
    /// `name?:` absent is null.
    pub optional: bool,
    /// Evaluated in the callee's frame (earlier parameters in reach) when the argument is absent.
    pub default: Option<Pure>,
}

/// Clauses about a flow as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FlowClauses {
    /// Milliseconds from its start.
    pub timeout_ms: Option<u64>,
    /// `limit count per ms`
    pub limit: Option<(u64, u64)>,
    /// `concurrency n by expr` over the flow's parameters
    pub concurrency: Option<(u64, Option<Pure>)>,
    /// Larger goes first.
    pub priority: i64,
    /// `budget`
    pub budget: Budget,
    /// Validator to run first with the flow's arguments: the first step of the body calls it.
    pub before: Option<u32>,
    /// Flow to start with the envelope.
    pub after: Option<u32>,
    /// Flow to start with the envelope when it failed.
    pub on_error: Option<u32>,
    /// Share of calls that a monitor carries out, 0 to 1.
    pub sample: Option<f64>,
}

/// Upper bounds of a flow.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Attempts of tool calls.
    pub calls: Option<u64>,
    /// Milliseconds.
    pub time_ms: Option<u64>,
    /// Sum of the tools' costs.
    pub cost: Option<f64>,
    /// Nested flow calls.
    pub depth: Option<u64>,
}

/// A block: its nodes are in text order, an edge means "not before that one is through".
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BlockPlan {
    /// The steps.
    pub graph: DiGraph<StepPlan, Edge>,
    /// The block's value, evaluated when every step is through. None: null.
    pub value: Option<Pure>,
}

impl BlockPlan {
    /// Forgets where the steps stand, in the blocks inside too.
    fn forget_places(&mut self) {
        for step in self.graph.node_weights_mut() {
            step.loc = Loc::default();
            match &mut step.kind {
                StepKind::Act(act) => {
                    let arms = act.handlers.iter_mut().flat_map(|handler| &mut handler.arms);
                    arms.for_each(|arm| arm.block.forget_places());
                }
                StepKind::Branch { arms, .. } => arms.iter_mut().for_each(|arm| arm.block.forget_places()),
                StepKind::For(plan) => plan.body.forget_places(),
                StepKind::Repeat(plan) => plan.body.forget_places(),
                _ => {}
            }
        }
    }
}

/// Why a step waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// It uses the other's value.
    Data,
    /// One of them is a barrier.
    Order,
}

/// One step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StepPlan {
    /// Its path segment, unique in its frame (`account`, `crm.search#2`). Steps in branches and catch arms belong to
    /// the frame around them; a loop's round is a frame below `name[i]`, a called flow's frame below `name`.
    pub name: EcoString,
    /// Where it stands.
    pub loc: Loc,
    /// Where its value goes, in the frame that it runs in.
    pub bind: Option<u16>,
    /// What it does.
    pub kind: StepKind,
    /// What order has to respect.
    pub effect: EffectClass,
}

/// What order has to respect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Nothing outside.
    Pure,
    /// Reads; runs beside other reads.
    Read,
    /// Everything before it is through, nothing after it has begun.
    Barrier,
}

/// The kinds of step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Evaluates and binds.
    Let(Pure),
    /// A call of a tool or flow, `ask`, `receive`, `start`.
    Act(Box<Act>),
    /// `check v(x)`, `x |> check v`
    Check(Box<CheckPlan>),
    /// `require`
    Require { cond: Pure, otherwise: Exit },
    /// `if` and `match` with steps inside (an `if` matches `true` / else). No arm: `invalid_input`.
    Branch { subject: Pure, arms: Vec<ArmPlan> },
    /// `for`
    For(Box<ForPlan>),
    /// `repeat`
    Repeat(Box<RepeatPlan>),
    /// `wait 2s` (a duration) or `wait until t` (a time)
    Wait(Pure),
    /// `now()` and its like
    Ambient(Ambient),
    /// `yield` into the innermost loop
    Yield(Pure),
    /// `next` of the innermost `repeat`
    Next(Pure),
    /// `annotate` on the innermost loop's record
    Annotate(Pure),
    /// `drop`, `fail`, `block`
    Exit(Exit),
    /// Ends the flow.
    Return(Option<Pure>),
    /// A delivery's key.
    Key { key: Pure, per_run: bool },
    /// An aggregator's merge: `sources` are slots (in order of preference, null for an optional one that failed) with
    /// the name of each; `key` gives the key of the element in slot `element`; the value is the merged list.
    Merge { sources: Vec<(EcoString, u16)>, element: u16, key: Pure },
}

/// An arm of a branch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ArmPlan {
    /// Alternatives; empty: always.
    pub patterns: Vec<PurePattern>,
    /// `when`
    pub guard: Option<Pure>,
    /// Its text, for `routing.decision`.
    pub label: EcoString,
    /// Its steps; their slots are the surrounding frame's.
    pub block: BlockPlan,
}

/// A step that ends more than itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// `fail code message`; `blocked` for a block.
    Raise { code: EcoString, message: Pure },
    /// The innermost loop's round ends without yield, its record goes into the report.
    Drop(Pure),
}

/// A step that does something outside the frame, with its clauses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Act {
    /// What is done.
    pub target: Target,
    /// Slot for the call's own result (`it`), before field accesses.
    pub result: u16,
    /// The step's value in terms of `result`; None: the result itself.
    pub value: Option<Pure>,
    /// Milliseconds for each attempt, as a duration.
    pub timeout: Option<Pure>,
    /// What a failure leads to: first arm that names the code, or names none.
    pub policy: Vec<PolicyArmPlan>,
    /// `until`
    pub until: Option<UntilPlan>,
    /// `catch`, then `fallback`/`optional`: an error in one layer goes to the next.
    pub handlers: Vec<HandlerPlan>,
    /// How to take it back; its slots are the frame's, filled when the call succeeded.
    pub undo: Option<Box<UndoPlan>>,
    /// The point of no return.
    pub is_final: bool,
    /// Idempotency key.
    pub key: Option<KeyPlan>,
    /// May be repeated: only reads, is idempotent, or has a key that its tool accepts.
    pub repeatable: bool,
}

/// What an [`Act`] does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Calls a tool with a record of arguments.
    Tool { tool: EcoString, args: Pure },
    /// Calls a flow with a record of arguments.
    Flow { flow: u32, args: Pure },
    /// Asks a person.
    Ask { question: Pure, ty: Boundary, from: Option<Pure> },
    /// Waits for an event (its key is the act's `key`).
    Receive { event: Pure, ty: Boundary },
    /// Starts a run of its own; the value is its id. `delay` is a duration or a time.
    Start { flow: u32, args: Pure, delay: Option<Pure> },
}

/// `undo`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UndoPlan {
    /// A tool or flow call; its arguments are fixed when the undone call succeeds.
    pub target: Target,
}

/// `key expr`, `key expr per run`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyPlan {
    /// The key.
    pub key: Pure,
    /// Scope: this run, else project and tool.
    pub per_run: bool,
}

/// `until cond every d within d`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UntilPlan {
    /// Over the result slot.
    pub cond: Pure,
    /// A duration.
    pub every: Pure,
    /// A duration; then `timeout`.
    pub within: Option<Pure>,
}

/// One line of a merged policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyArmPlan {
    /// Codes; empty: all others.
    pub codes: Vec<EcoString>,
    /// Retries first.
    pub retry: Option<RetryPlan>,
    /// Then.
    pub then: PolicyEndPlan,
}

/// `retry n backoff lo..hi`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPlan {
    /// Attempts after the first; None: for ever.
    pub count: Option<u32>,
    /// First delay in milliseconds, doubling.
    pub lo_ms: u64,
    /// Longest delay in milliseconds.
    pub hi_ms: u64,
    /// Only failures that prove that nothing happened are retried (the call is not repeatable).
    pub only_if_not_happened: bool,
}

/// How a policy's line ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyEndPlan {
    /// The error goes to the call's handlers, else fails the flow.
    Fail,
    /// The same, but handlers of the call are known to exist.
    Fallback,
    /// Starts the flow with the `Error` and waits for an operator: `retry`, `skip` or `fail`.
    Escalate(u32),
}

/// A layer of handlers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HandlerPlan {
    /// First arm that names the code wins; an arm without codes takes all that are not only caught by name.
    pub arms: Vec<HandlerArm>,
    /// `optional`: taking it makes the flow `partial` (and annotates an enricher's record).
    pub optional: bool,
}

/// `codes as e => block`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HandlerArm {
    /// Codes; empty: else.
    pub codes: Vec<EcoString>,
    /// Slot for the error, a record `{ code, message, transient }`.
    pub error: Option<u16>,
    /// Its value stands for the call's.
    pub block: BlockPlan,
}

/// `check v(first, rest…)`
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckPlan {
    /// The validator.
    pub flow: u32,
    /// What is checked: the validator's first argument, or the list of them when `each`. It is the step's value.
    pub first: Pure,
    /// A record of the further arguments.
    pub rest: Pure,
    /// Elements that pass are kept (the step's value), the others go into the report as rejected.
    pub each: bool,
}

/// `for x, i in xs parallel n { … }`: every round is a frame with the element in slot 0 and the index in slot 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForPlan {
    /// The list.
    pub source: Pure,
    /// Rounds at once; None: one after the other.
    pub parallel: Option<Pure>,
    /// Slots of a round's frame.
    pub slots: u16,
    /// The round.
    pub body: BlockPlan,
}

/// `repeat s = init at most n { … }`: every round is a frame with the state in slot 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RepeatPlan {
    /// First state.
    pub init: Pure,
    /// Most rounds; reaching it makes the flow `partial`.
    pub at_most: Pure,
    /// Slots of a round's frame.
    pub slots: u16,
    /// The round.
    pub body: BlockPlan,
}

/// What a step takes from its surroundings, journaled with the event that reached it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ambient {
    /// `now()`
    Now,
    /// `today(zone)`
    Today(Pure),
    /// `uuid()`
    Uuid,
    /// `random()`: a number from 0 up to, not including, 1
    Random,
    /// `flag(name)`
    Flag(Pure),
}
