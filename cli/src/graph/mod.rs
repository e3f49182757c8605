//! The execution graph of a flow as it is drawn: steps with what they do, what waits for what, blocks inside steps.

mod build;
mod dot;
mod json;
mod mermaid;
mod svg;
mod text;

pub use build::build;
pub use dot::dot;
pub use json::json;
pub use mermaid::mermaid;
pub use svg::svg;
pub use text::text;

use serde::Serialize;

/// The entry flow and every flow that it can reach.
#[derive(Serialize)]
pub struct Drawing {
    /// Full name of the entry flow.
    pub entry: String,
    /// Hash of the program.
    pub program: String,
    /// The entry flow first.
    pub flows: Vec<FlowDrawing>,
}

/// A flow.
#[derive(Serialize)]
pub struct FlowDrawing {
    /// Full name.
    pub name: String,
    /// `saga`, …
    pub role: &'static str,
    /// `name(param: type) -> type`
    pub signature: String,
    /// Its parameters, for a form.
    pub params: Vec<ParamDrawing>,
    /// What it may do.
    pub can: Vec<String>,
    /// Its steps.
    #[serde(flatten)]
    pub body: Block,
}

/// A parameter of a flow.
#[derive(Serialize)]
pub struct ParamDrawing {
    /// Its name.
    pub name: String,
    /// Its type in Weir's notation.
    #[serde(rename = "type")]
    pub ty: String,
    /// Whether it may be left out.
    pub optional: bool,
}

/// Steps in the order of the text, and what waits for what.
#[derive(Default, Serialize)]
pub struct Block {
    /// When it runs: the arm of a branch, a round, a handler. Empty for a flow's body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The steps.
    pub steps: Vec<Step>,
    /// Without those that others imply.
    pub edges: Vec<Edge>,
}

/// The second step waits for the first; both by their place in the block.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// Is through before.
    pub from: usize,
    /// Waits.
    pub to: usize,
    /// Whether it uses the other's value; otherwise only order matters.
    pub data: bool,
}

/// One step.
#[derive(Serialize)]
pub struct Step {
    /// Unique in the drawing.
    pub id: String,
    /// Its name in paths.
    pub name: String,
    /// What it does: `crm.search`, `for parallel 8`, `require`.
    pub does: String,
    /// What it means for the outside.
    pub effect: Effect,
    /// The flow that it calls or starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// What takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// The point of no return.
    #[serde(rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// Whether it has an idempotency key.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keyed: bool,
    /// Its source file.
    pub file: String,
    /// Its line, from 1.
    pub line: u32,
    /// Branches, rounds and handlers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<Block>,
}

/// What a step means for the outside: its shape.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing.
    Pure,
    /// Looks something up.
    Read,
    /// Changes something.
    Write,
    /// Reaches someone.
    Send,
    /// Runs code.
    Exec,
    /// Calls a flow.
    Call,
    /// Starts a run of its own.
    Start,
    /// Waits for time, a person or an event.
    Wait,
    /// Chooses, or repeats.
    Control,
    /// Ends the flow, or may.
    Gate,
}

impl Effect {
    /// One word for a person.
    pub fn word(self) -> &'static str {
        match self {
            Effect::Pure => "pure",
            Effect::Read => "reads",
            Effect::Write => "writes",
            Effect::Send => "sends",
            Effect::Exec => "executes",
            Effect::Call => "calls",
            Effect::Start => "starts",
            Effect::Wait => "waits",
            Effect::Control => "",
            Effect::Gate => "",
        }
    }
}

impl Step {
    /// `leads = crm.search`, or only what it does where its name says no more.
    pub fn title(&self) -> String {
        let plain = self.name.split('#').next().unwrap_or(&self.name);
        let called = self.does.rsplit('.').next().unwrap_or(&self.does);
        let verb = self.does.split(' ').next().unwrap_or("");
        if plain == self.does || plain == called || plain == verb || self.does.is_empty() {
            return if self.does.is_empty() { self.name.clone() } else { self.does.clone() };
        }
        format!("{}: {}", self.name, self.does)
    }
}

impl Block {
    /// Places of the steps that wait for no other one.
    pub fn first_steps(&self) -> impl Iterator<Item = &Step> {
        let waits = |at: usize| self.edges.iter().any(|edge| edge.to == at);
        self.steps.iter().enumerate().filter(move |(at, _)| !waits(*at)).map(|(_, step)| step)
    }
}
