//! Flows: role, parameters, clauses.

#![allow(missing_docs, reason = "the fields of variants are explained by the syntax in the variant's own line")]

use super::{Block, CapabilityRef, Doc, Expr, Ident, Path, TypeExpr};
use crate::span::Span;
use serde::{Deserialize, Serialize};

/// The thirteen roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Role {
    Coordinator,
    Aggregator,
    Enricher,
    Transformer,
    Validator,
    Router,
    Executor,
    Saga,
    Delivery,
    Scheduler,
    Archiver,
    Monitor,
    Agent,
}

impl Role {
    /// All roles with the word that declares each.
    pub const ALL: [(&'static str, Role); 13] = [
        ("coordinator", Role::Coordinator),
        ("aggregator", Role::Aggregator),
        ("enricher", Role::Enricher),
        ("transformer", Role::Transformer),
        ("validator", Role::Validator),
        ("router", Role::Router),
        ("executor", Role::Executor),
        ("saga", Role::Saga),
        ("delivery", Role::Delivery),
        ("scheduler", Role::Scheduler),
        ("archiver", Role::Archiver),
        ("monitor", Role::Monitor),
        ("agent", Role::Agent),
    ];

    /// The word that declares this role.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, role)| *role == self).map_or("flow", |(word, _)| word)
    }
}

/// `role name(params) -> T clauses { steps }`
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Its role.
    pub role: Role,
    /// Where the role's word stands.
    pub role_span: Span,
    /// Its name.
    pub name: Ident,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What it returns.
    pub returns: Option<TypeExpr>,
    /// Its clauses, in the order written.
    pub clauses: Vec<FlowClause>,
    /// Its steps.
    pub body: Block,
}

/// A parameter of a flow or tool (`b?: T` may be left out, as may one with a default).
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its documentation.
    pub doc: Doc,
    /// Its name.
    pub name: Ident,
    /// `name?:` may be left out.
    pub optional: bool,
    /// Its type.
    pub ty: TypeExpr,
    /// `= expr`
    pub default: Option<Expr>,
}

/// A clause about the flow as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowClause {
    /// Which one.
    pub kind: FlowClauseKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of flow clause.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowClauseKind {
    /// `can crm.read, mail.send`
    Can(Vec<CapabilityRef>),
    /// `timeout 10m`
    Timeout(Expr),
    /// `limit 100 per 1h`
    Limit { count: Expr, per: Expr },
    /// `concurrency 4`, `concurrency 1 by order.id`
    Concurrency { count: Expr, by: Option<Expr> },
    /// `priority 5`
    Priority(Expr),
    /// `budget 500 calls, 10m, cost 2.5, depth 2`
    Budget(Vec<BudgetPart>),
    /// `before validator`
    Before(Path),
    /// `after flow`
    After(Path),
    /// `on error flow`
    OnError(Path),
    /// `sample 10%`
    Sample(Expr),
    /// `model "name"`
    Model(Expr),
    /// `tools a.b, c`
    Tools(Vec<Path>),
    /// `with policy`
    With(Ident),
}

/// One entry of a `budget`.
#[derive(Clone, Debug, PartialEq)]
pub enum BudgetPart {
    /// `500 calls`
    Calls(Expr),
    /// `10m`
    Time(Expr),
    /// `cost 2.5`
    Cost(Expr),
    /// `depth 2`
    Depth(Expr),
}
