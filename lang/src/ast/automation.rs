//! What stands around flows: policies, campaigns, tests.

#![allow(missing_docs, reason = "the fields of variants are explained by the syntax in the variant's own line")]

use super::{Arg, Expr, Ident, Path, Retry, TypeExpr};
use crate::span::Span;
use ecow::EcoString;

/// `policy name { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name.
    pub name: Ident,
    /// `codes => action` in the order written.
    pub arms: Vec<PolicyArm>,
    /// `timeout 20s`
    pub timeout: Option<Expr>,
}

/// One arm of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyArm {
    /// Error codes; empty for `else`.
    pub codes: Vec<Ident>,
    /// `retry …` first, if any (its `on` is empty).
    pub retry: Option<Retry>,
    /// What then; `None` only after a `retry`, and means `fail`.
    pub then: Option<PolicyEnd>,
    /// The whole arm.
    pub span: Span,
}

/// How a policy arm ends.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyEnd {
    /// `fail`
    Fail,
    /// `fallback`
    Fallback,
    /// `escalate flow`
    Escalate(Path),
}

/// `campaign name { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Its name.
    pub name: Ident,
    /// Its parts in the order written.
    pub parts: Vec<CampaignPart>,
}

/// One part of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct CampaignPart {
    /// Which one.
    pub kind: CampaignPartKind,
    /// Where it stands.
    pub span: Span,
}

/// The parts of a campaign.
#[derive(Clone, Debug, PartialEq)]
pub enum CampaignPartKind {
    /// `cron "0 9 * * MON" zone "Europe/Oslo"`
    Cron { schedule: Expr, zone: Option<Expr> },
    /// `every 15m`
    Every(Expr),
    /// `on event "lead.created" as T`
    OnEvent { event: Expr, ty: TypeExpr },
    /// `on webhook "/hooks/leads" as T`
    OnWebhook { path: Expr, ty: TypeExpr },
    /// `run flow(args)`
    Run { callee: Path, args: Vec<Arg> },
    /// `delivery on`, `delivery off`
    Delivery(bool),
    /// `flag "leads_v2"`
    Flag(Expr),
    /// `overlap skip`, `queue`, `allow`
    Overlap(Ident),
    /// `priority 5`
    Priority(Expr),
}

/// `test "name" { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// Its name.
    pub name: EcoString,
    /// Where the name stands.
    pub name_span: Span,
    /// Its steps.
    pub steps: Vec<TestStep>,
}

/// A step of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct TestStep {
    /// Which one.
    pub kind: TestStepKind,
    /// Where it stands.
    pub span: Span,
}

/// The steps of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum TestStepKind {
    /// `mock tool(args) => outcome then outcome`
    Mock { tool: Path, args: Option<Vec<Arg>>, outcomes: Vec<MockOutcome> },
    /// `name = expr` (a flow call gives its run)
    Bind { name: Ident, value: Expr },
    /// `expect expr`
    Expect(Expr),
    /// `answer "question" => value`
    Answer { question: Expr, value: Expr },
    /// `signal "event" key k => value`
    Signal { event: Expr, key: Option<Expr>, value: Expr },
    /// `crash after a.b`
    Crash(Path),
    /// Broken; already reported.
    Error,
}

/// What a mock answers.
#[derive(Clone, Debug, PartialEq)]
pub enum MockOutcome {
    /// A value.
    Value(Expr),
    /// `fail code "message"`; the message may be missing.
    Fail { code: Ident, message: Option<Expr> },
}
