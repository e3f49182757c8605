//! Tests, compiled: what is mocked, run and expected, with the places that a report points at. Like a plan, it is data:
//! whoever carries it out needs no tree and no names.

use crate::plan::{Plan, ToolPlan};
use ecow::EcoString;
use indexmap::IndexMap;
use std::sync::Arc;
use weir_lang::ast::BinaryOp;
use weir_lang::span::Loc;
use weir_lang::types::TypeTable;
use weir_stdlib::pure::{Function, Pure};

/// Every test of a project, and what their expressions refer to.
#[derive(Clone, Debug, Default)]
pub struct TestSuite {
    /// In the order of the files, then of the text.
    pub tests: Vec<TestPlan>,
    /// Transformers and pure validators, called by [`Pure::Apply`].
    pub functions: Vec<Function>,
    /// What type names stand for.
    pub types: TypeTable,
    /// The tools that tests mock or count, by full name.
    pub tools: IndexMap<EcoString, ToolPlan>,
}

/// One `test "name" { … }`.
#[derive(Clone, Debug)]
pub struct TestPlan {
    /// Its name.
    pub name: EcoString,
    /// The module that it stands in; empty for a file alone.
    pub module: EcoString,
    /// Where its name stands.
    pub loc: Loc,
    /// Number of slots that its expressions use.
    pub slots: u16,
    /// Slots that hold what has happened so far.
    pub probes: Vec<(u16, Probe)>,
    /// In order.
    pub steps: Vec<TestAction>,
}

/// What a slot is filled with before each step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// `calls(tool)`
    Calls(EcoString),
    /// `attempts(tool)`
    Attempts(EcoString),
}

/// A step of a test.
#[derive(Clone, Debug)]
pub enum TestAction {
    /// `mock tool(args) => outcome then outcome`
    Mock(MockPlan),
    /// `name = flow(args)`: the slot takes the run
    Run(Box<RunPlan>),
    /// `name = expr`
    Bind {
        /// Where its value goes.
        slot: u16,
        /// The value.
        value: Pure,
        /// Where it stands.
        loc: Loc,
    },
    /// `name = now()`
    Now {
        /// Where the time goes.
        slot: u16,
    },
    /// `expect cond`
    Expect(Claim),
    /// `answer "question" => value`
    Answer {
        /// The question's text.
        question: Pure,
        /// The answer.
        value: Pure,
        /// Where it stands.
        loc: Loc,
    },
    /// `signal "event" key k => value`
    Signal {
        /// The event's name.
        event: Pure,
        /// Its key.
        key: Option<Pure>,
        /// What it carries.
        value: Pure,
        /// Where it stands.
        loc: Loc,
    },
    /// `crash after tool`
    Crash {
        /// The tool's full name.
        tool: EcoString,
        /// Where it stands.
        loc: Loc,
    },
}

/// What a tool answers.
#[derive(Clone, Debug)]
pub struct MockPlan {
    /// The tool's full name.
    pub tool: EcoString,
    /// Only calls with these arguments.
    pub given: Vec<(EcoString, Pure)>,
    /// One after the other; the last one stays.
    pub outcomes: Vec<OutcomePlan>,
    /// Where the mock stands.
    pub loc: Loc,
}

/// One outcome of a mock.
#[derive(Clone, Debug)]
pub struct OutcomePlan {
    /// Which.
    pub kind: OutcomeKind,
    /// Where it stands.
    pub loc: Loc,
}

/// The kinds of outcome.
#[derive(Clone, Debug)]
pub enum OutcomeKind {
    /// A result.
    Value(Pure),
    /// `fail code "message"`
    Fail {
        /// The code.
        code: EcoString,
        /// The message.
        message: Option<Pure>,
    },
}

/// `name = flow(args)`
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// The name that it is bound to.
    pub name: EcoString,
    /// Where the run goes.
    pub slot: u16,
    /// The flow is its entry.
    pub plan: Arc<Plan>,
    /// A record of the flow's arguments.
    pub args: Pure,
    /// Where the call stands.
    pub loc: Loc,
}

/// What is expected, taken apart so that a report can say which part does not hold, and why.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The whole condition.
    pub cond: Pure,
    /// Where it stands.
    pub loc: Loc,
    /// How it is made up.
    pub kind: ClaimKind,
}

/// The forms of [`Claim`].
#[derive(Clone, Debug)]
pub enum ClaimKind {
    /// `a and b`: all of them.
    All(Vec<Claim>),
    /// `a == b`, `a < b`, `a in b` and their like.
    Compare {
        /// `==`, `<`, `in`, …
        op: BinaryOp,
        /// What stands left.
        left: Operand,
        /// What stands right.
        right: Operand,
    },
    /// Anything else, with the values that it looks at.
    Holds(Vec<Operand>),
}

/// A part of an expectation whose value is worth telling.
#[derive(Clone, Debug)]
pub struct Operand {
    /// It.
    pub pure: Pure,
    /// Where it stands.
    pub loc: Loc,
    /// It is written out: its value need not be told again.
    pub literal: bool,
}
