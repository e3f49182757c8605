//! Pure code as data: what the compiler lowers expressions, transformers and pure validators to, what a plan stores
//! and what [`crate::eval::eval`] evaluates. Names are gone: places are slots and locals, functions are table entries.

#![allow(missing_docs, reason = "the fields of variants are explained by the syntax in the variant's own line")]

use crate::functions::FunctionId;
use crate::narrow::Boundary;
use crate::value::Value;
use ecow::EcoString;
use serde::{Deserialize, Serialize};
use weir_lang::ast::{BinaryOp, UnaryOp};

/// A pure expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pure {
    /// A constant.
    Const(Value),
    /// A slot of the running flow: `up` frames outwards (a loop's round is a frame), then by place.
    Slot { up: u16, at: u16 },
    /// A local of this evaluation: parameter of a lambda or function, variable of a comprehension, binding of a
    /// pure step; counted from the outermost.
    Local(u16),
    /// `a.b`; absent and null read as null. Maps too.
    Field(Box<Pure>, EcoString),
    /// `a[i]`; outside the list is null, negative counts from the end. On a map or record: by key.
    Index(Box<Pure>, Box<Pure>),
    /// A function of the standard library.
    Call(FunctionId, Vec<Pure>),
    /// A transformer or pure validator of the plan, by its place in the plan's function list.
    Apply(u32, Vec<Pure>),
    /// An argument for `Call`: takes the next `params` locals.
    Lambda { params: u16, body: Box<Pure> },
    /// A regular expression as an argument.
    Regex(EcoString),
    /// `not`, `-`
    Unary(UnaryOp, Box<Pure>),
    /// Any infix operator; `and`, `or`, `??` only evaluate their right side when it is needed.
    Binary(BinaryOp, Box<Pure>, Box<Pure>),
    /// `lo..hi`: the list of integers, both included.
    Range(Box<Pure>, Box<Pure>),
    /// `if c then a else b`
    If(Box<Pure>, Box<Pure>, Box<Pure>),
    /// `match`: first arm whose patterns hold (none: always) and whose guard is true. No arm: `invalid_input`.
    Match(Box<Pure>, Vec<PureArm>),
    /// `[a, ...b]`
    List(Vec<PureItem>),
    /// `{ ...a, b: 1 }`; later entries win, an entry of an optional field that is null stays null here.
    Record(Vec<PureEntry>),
    /// `[value for x, i in source if cond]`: the element is the next local, then the index when `index`.
    Each { source: Box<Pure>, index: bool, cond: Option<Box<Pure>>, value: Box<Pure> },
    /// A template: the texts of all parts joined; the result has all their labels.
    Template(Vec<Pure>),
    /// `x as T` (`bad_response` when it does not fit), `x as? T` (null then).
    Cast { value: Box<Pure>, ty: Boundary, optional: bool },
    /// A value that leaves through a boundary: narrowed, `invalid_input` when it does not fit.
    Narrow(Box<Pure>, Boundary),
    /// The next local holds the value of the first while the second is evaluated.
    Let(Box<Pure>, Box<Pure>),
    /// `block "reason"` and `fail code "message"`; `code` is `blocked` for a block.
    Raise { code: EcoString, message: Box<Pure> },
}

/// An arm of [`Pure::Match`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PureArm {
    /// Alternatives; empty: always.
    pub patterns: Vec<PurePattern>,
    /// `when`
    pub guard: Option<Pure>,
    /// Its value.
    pub body: Pure,
}

/// A pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurePattern {
    /// Equal to a constant (`==` of the language).
    Is(Value),
    /// Between two constants, both included.
    Within(Value, Value),
}

/// An element of [`Pure::List`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PureItem {
    /// One element.
    One(Pure),
    /// All elements of a list.
    Spread(Pure),
}

/// An entry of [`Pure::Record`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PureEntry {
    /// `name: value`
    Field(EcoString, Pure),
    /// `...record`
    Spread(Pure),
}

/// A transformer or pure validator. Its parameters are locals `0..params`; the locals of its steps follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Full name of the flow.
    pub name: EcoString,
    /// How many parameters.
    pub params: u16,
    /// What each argument is narrowed to.
    pub inputs: Vec<Boundary>,
    /// What the result is narrowed to.
    pub output: Option<Boundary>,
    /// Its steps.
    pub body: PureBlock,
}

/// Pure steps and the value of the block. A step that binds takes the next local; locals end with their block.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PureBlock {
    /// The steps in order.
    pub steps: Vec<PureStep>,
    /// The value of the block; null when there is none.
    pub value: Option<Pure>,
}

/// One step of a transformer or pure validator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PureStep {
    /// Takes the next local.
    Bind(Pure),
    /// Evaluates and takes the next local with the block's value.
    BindBlock(PureBlockExpr),
    /// When `cond` is not true: `otherwise` happens.
    Require { cond: Pure, otherwise: PureExit },
    /// Branches for effect; the value is not kept.
    Do(PureBlockExpr),
    /// `yield` into the innermost loop.
    Yield(Pure),
    /// `annotate`: the record of the innermost loop stays, the reason goes into the report.
    Annotate(Pure),
    /// Ends the function (or, for `Drop`, the round).
    Exit(PureExit),
    /// `return`: ends the function with the value.
    Return(Option<Pure>),
}

/// A branch or loop with blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PureBlockExpr {
    /// `if`
    If { cond: Pure, then: PureBlock, otherwise: PureBlock },
    /// `match`
    Match { subject: Pure, arms: Vec<(Vec<PurePattern>, Option<Pure>, PureBlock)> },
    /// `for`: the element is the next local, then the index (always there); the value is the list of yields.
    For { source: Pure, body: PureBlock },
    /// A plain expression.
    Value(Pure),
}

/// How a pure step ends more than itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PureExit {
    /// The record of the innermost loop is left out, with the reason, into the report.
    Drop(Pure),
    /// The flow is blocked or fails: `code` is `blocked` for a block.
    Raise { code: EcoString, message: Pure },
}
