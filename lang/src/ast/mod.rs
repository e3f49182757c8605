//! The tree that parsing gives and everything else reads. One tree for compiler, formatter and editor; every
//! node carries its [`Span`]; what the checker finds out lives in side tables keyed by [`ExprId`].

#![allow(missing_docs, reason = "the fields of variants are explained by the syntax in the variant's own line")]

mod automation;
mod flow;

pub use automation::*;
pub use flow::*;

use crate::span::Span;
use ecow::EcoString;
use serde::{Deserialize, Serialize};

/// One `.flow` file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Module {
    /// Declarations in the order written. A broken one is [`ItemKind::Error`].
    pub items: Vec<Item>,
    /// Every comment of the file in order, doc comments included: the formatter's side table.
    pub comments: Vec<Comment>,
    /// How many expression ids were given out: `0..exprs`.
    pub exprs: u32,
}

/// A `//` or `///` comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// The text with its slashes, without the line end or trailing blanks.
    pub text: EcoString,
    /// Where it stands.
    pub span: Span,
    /// Whether only blanks stand before it on its line.
    pub own_line: bool,
}

/// A name where it was written; backticks are not part of `name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ident {
    /// The name without backticks.
    pub name: EcoString,
    /// Where it stands, backticks included.
    pub span: Span,
}

/// A dotted name: `crm.search`, `leads.intake.Lead`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// At least one part.
    pub parts: Vec<Ident>,
    /// The whole path.
    pub span: Span,
}

impl Path {
    /// The parts joined with dots.
    pub fn text(&self) -> EcoString {
        let mut text = EcoString::new();
        for part in &self.parts {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&part.name);
        }
        text
    }
}

/// The `///` lines before a declaration, field or parameter, joined with line ends, slashes and one blank removed.
pub type Doc = Option<EcoString>;

/// A declaration at the top of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Which one.
    pub kind: ItemKind,
    /// From its first word (or doc comment's end) to its last character.
    pub span: Span,
    /// Its documentation.
    pub doc: Doc,
}

/// The kinds of declaration.
#[derive(Clone, Debug, PartialEq)]
pub enum ItemKind {
    /// `use a.b.{c, d as e}`, `use a.b.c`
    Use(Use),
    /// `const LIMIT = 50`
    Const(Const),
    /// `type Lead = { … }`
    Type(TypeDecl),
    /// `tool a.b(x: T) -> R can …`
    Tool(ToolDecl),
    /// `role name(params) -> T clauses { steps }`
    Flow(Box<Flow>),
    /// `policy patient { … }`
    Policy(Policy),
    /// `campaign name { … }`
    Campaign(Campaign),
    /// `test "name" { … }`
    Test(Test),
    /// Something that does not parse; already reported. It would have declared the name.
    Error(Option<Ident>),
}

/// `use leads.intake.{find_leads, Lead as L}`; without braces the last part of `path` is what is brought in.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The module, or module and name.
    pub path: Path,
    /// The names in braces, if there are braces.
    pub names: Option<Vec<UseName>>,
}

/// One name in the braces of a `use`.
#[derive(Clone, Debug, PartialEq)]
pub struct UseName {
    /// The name in the other module.
    pub name: Ident,
    /// `as` what it is called here.
    pub alias: Option<Ident>,
}

/// `const NAME = expr`
#[derive(Clone, Debug, PartialEq)]
pub struct Const {
    /// Its name.
    pub name: Ident,
    /// A pure expression.
    pub value: Expr,
}

/// `type Name = T`
#[derive(Clone, Debug, PartialEq)]
pub struct TypeDecl {
    /// Its name.
    pub name: Ident,
    /// What it stands for.
    pub ty: TypeExpr,
}

/// A type where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeExpr {
    /// Which one.
    pub kind: TypeExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of type.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeExprKind {
    /// A base type (`string`), a declared type, or `server.tool.input`/`.output`.
    Name(Path),
    /// `"lead"`, `3`, `true`, `null`
    Literal(Lit),
    /// `[T]`
    List(Box<TypeExpr>),
    /// `map<T>`
    Map(Box<TypeExpr>),
    /// `{ a: T, b?: U }`
    Record(Vec<FieldDecl>),
    /// `A | B | C`
    Union(Vec<TypeExpr>),
    /// `A & B`
    Intersection(Vec<TypeExpr>),
    /// `T?`
    Nullable(Box<TypeExpr>),
    /// `string matching /…/`
    Matching(Box<TypeExpr>, Regex),
    /// `int in lo..hi`; either end may be missing.
    Within(Box<TypeExpr>, Option<Box<Expr>>, Option<Box<Expr>>),
    /// `trusted T`, `untrusted T`, `secret T`
    Marked(Mark, Box<TypeExpr>),
    /// `(T)`
    Paren(Box<TypeExpr>),
    /// Broken; already reported.
    Error,
}

/// What a type says of where its data comes from or may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A parameter that outsiders must not steer.
    Trusted,
    /// Data that an outsider may have written.
    Untrusted,
    /// Data that is masked wherever it is shown.
    Secret,
}

/// A field of a record type.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDecl {
    /// Its documentation.
    pub doc: Doc,
    /// Its name.
    pub name: Ident,
    /// `name?:` may be absent.
    pub optional: bool,
    /// Its type.
    pub ty: TypeExpr,
}

/// `/…/` without the slashes; `\/` is already a plain slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regex {
    /// The pattern.
    pub pattern: EcoString,
    /// Where it stands, slashes included.
    pub span: Span,
}

/// `resource.verb`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapabilityRef {
    /// As written, e.g. `crm.read`.
    pub path: Path,
}

/// `tool a.b(x: T) -> R can c idempotent timeout 2s accepts key p costs 0.02`
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDecl {
    /// `server.tool`
    pub path: Path,
    /// Its parameters.
    pub params: Vec<Param>,
    /// Its result, if any.
    pub returns: Option<TypeExpr>,
    /// What stands behind.
    pub attrs: Vec<ToolAttr>,
}

/// What a tool declaration says behind its signature.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolAttr {
    /// `can mail.send, crm.read`
    Can(Vec<CapabilityRef>),
    /// `idempotent`
    Idempotent(Span),
    /// `timeout 2s`
    Timeout(Expr),
    /// `accepts key p`
    AcceptsKey(Ident),
    /// `costs 0.02`
    Costs(Expr),
    /// `fails quota_exceeded, gone`: error codes of its own
    Fails(Vec<Ident>),
}

/// `{ steps }`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// The steps in the order written.
    pub steps: Vec<Step>,
    /// Braces included.
    pub span: Span,
}

/// One step of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which one.
    pub kind: StepKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of step. Loops, branches, `ask`, `start`, … are expressions, see [`ExprKind`].
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// `name = expr`
    Bind { name: Ident, value: Expr },
    /// An expression on its own.
    Expr(Expr),
    /// `yield expr`
    Yield(Expr),
    /// `return expr`, `return`
    Return(Option<Expr>),
    /// `require cond else …`
    Require { cond: Expr, otherwise: Option<Otherwise> },
    /// `check validator(args)`
    Check { callee: Path, args: Vec<Arg> },
    /// `wait 2s`
    Wait(Expr),
    /// `wait until time`
    WaitUntil(Expr),
    /// `next expr` in a `repeat`
    Next(Expr),
    /// `drop "reason"`
    Drop(Expr),
    /// `annotate "reason"`
    Annotate(Expr),
    /// `key expr` (a delivery's first step)
    Key { key: Expr, per_run: bool },
    /// `prompt "…"` (an agent's)
    Prompt(Expr),
    /// `from call as name clauses` (an aggregator's); the clauses are in `source` as [`ExprKind::Claused`].
    From { source: Expr, name: Ident },
    /// `merge by lead => expr prefer a, b` (an aggregator's)
    Merge { key: Expr, prefer: Vec<Ident> },
    /// Broken; already reported.
    Error,
}

/// What stands behind the `else` of a `require`.
#[derive(Clone, Debug, PartialEq)]
pub enum Otherwise {
    /// A text: the reason of the block.
    Reason(Expr),
    /// `fail code "message"`, `block "reason"` (an [`ExprKind::Fail`] or [`ExprKind::Block`])
    Exit(Expr),
    /// `drop "reason"`
    Drop(Expr),
}

/// Number of an expression in its module: the key of every side table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExprId(pub u32);

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Which one.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
    /// Its number in the module.
    pub id: ExprId,
}

impl Expr {
    /// The expression inside any parentheses.
    pub fn unparen(&self) -> &Expr {
        match &self.kind {
            ExprKind::Paren(inner) => inner.unparen(),
            _ => self,
        }
    }
}

/// The forms of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A literal without interpolation.
    Lit(Lit),
    /// A string or text block with `{expr}` in it, escapes and indentation already taken out.
    Template(Vec<Part>),
    /// `/…/`
    Regex(Regex),
    /// `name`
    Name(Ident),
    /// `a.b`, `a?.b`
    Field { base: Box<Expr>, name: Ident, optional: bool },
    /// `a[0]`
    Index { base: Box<Expr>, index: Box<Expr> },
    /// `f(x)`, `crm.search(q: x)`
    Call { callee: Path, args: Vec<Arg> },
    /// `not a`, `-a`
    Unary { op: UnaryOp, operand: Box<Expr> },
    /// `a + b`, `a ?? b`, …
    Binary { op: BinaryOp, op_span: Span, left: Box<Expr>, right: Box<Expr> },
    /// `lo..hi`, both included
    Range { lo: Box<Expr>, hi: Box<Expr> },
    /// `if c then a else b`
    Choose { cond: Box<Expr>, then: Box<Expr>, otherwise: Box<Expr> },
    /// `if c { … } else { … }`; `else if` is an `otherwise` block that holds one `If` and has its span
    If { cond: Box<Expr>, then: Block, otherwise: Option<Block> },
    /// `match x { … }`
    Match { subject: Box<Expr>, arms: Vec<MatchArm> },
    /// `[a, ...b]`
    List(Vec<ListItem>),
    /// `[value for var, index in source if cond]`
    Comprehension { value: Box<Expr>, var: Ident, index: Option<Ident>, source: Box<Expr>, cond: Option<Box<Expr>> },
    /// `{ ...a, b: 1, c }`
    Record(Vec<RecordEntry>),
    /// `x => e`, `(a, b) => e`
    Lambda { params: Vec<Ident>, body: Box<Expr> },
    /// `x as T`, `x as? T`
    Cast { value: Box<Expr>, ty: TypeExpr, optional: bool },
    /// `a |> f(y)`, `a |> check v`
    Pipe { value: Box<Expr>, stage: Stage },
    /// A call, `ask`, `receive`, `start` or pipeline with its clauses.
    Claused { value: Box<Expr>, clauses: Vec<Clause> },
    /// `for x, i in xs parallel 4 { … }`
    For { var: Ident, index: Option<Ident>, source: Box<Expr>, parallel: Option<Box<Expr>>, body: Block },
    /// `repeat s = init at most n { … }`
    Repeat { var: Ident, init: Box<Expr>, at_most: Box<Expr>, body: Block },
    /// `ask "question" as T` (who: [`ClauseKind::From`])
    Ask { question: Box<Expr>, ty: TypeExpr },
    /// `receive "name" as T` (key: [`ClauseKind::Key`])
    Receive { event: Box<Expr>, ty: TypeExpr },
    /// `start flow(args) after 3d`
    Start { callee: Path, args: Vec<Arg>, delay: Option<Delay> },
    /// `block "reason"`
    Block(Box<Expr>),
    /// `fail code "message"`
    Fail { code: Option<Ident>, message: Box<Expr> },
    /// `(e)`
    Paren(Box<Expr>),
    /// Broken; already reported.
    Error,
}

/// When a started flow begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Delay {
    /// `after 3d`
    After(Box<Expr>),
    /// `at time`
    At(Box<Expr>),
}

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Lit {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `42`
    Int(i64),
    /// `0.5`: the text without `_`, so that decimals stay exact
    Number(EcoString),
    /// `"text"`, `"""text"""` without interpolation
    String(EcoString),
    /// `1h30m`, in milliseconds
    Duration(i64),
    /// `10%`: the number before the sign
    Percent(EcoString),
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Text as it will stand.
    Text(EcoString),
    /// `{expr}`
    Expr(Expr),
}

/// An argument.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    /// `name:`, if given
    pub name: Option<Ident>,
    /// Its value, with clauses as [`ExprKind::Claused`].
    pub value: Expr,
}

/// An element of a list literal.
#[derive(Clone, Debug, PartialEq)]
pub struct ListItem {
    /// `...list`
    pub spread: bool,
    /// The element, or the list that is spread.
    pub value: Expr,
}

/// An entry of a record literal.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordEntry {
    /// `name: value`, or `name` alone for `name: name`
    Field { name: Ident, value: Option<Expr> },
    /// `...record`
    Spread(Expr),
}

/// What stands right of `|>`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// `|> check v`
    pub check: bool,
    /// What is called.
    pub callee: Path,
    /// The arguments after the piped one.
    pub args: Vec<Arg>,
    /// From callee to the closing parenthesis.
    pub span: Span,
}

/// Prefix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Not,
    Neg,
}

/// Infix operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Or,
    And,
    Coalesce,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    NotIn,
    Matches,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl BinaryOp {
    /// All operators: spelling and binding strength (larger binds tighter; equal ones group to the left).
    pub const ALL: [(&'static str, BinaryOp, u8); 17] = [
        ("or", BinaryOp::Or, 2),
        ("and", BinaryOp::And, 3),
        ("==", BinaryOp::Eq, 5),
        ("!=", BinaryOp::Ne, 5),
        ("<=", BinaryOp::Le, 5),
        (">=", BinaryOp::Ge, 5),
        ("<", BinaryOp::Lt, 5),
        (">", BinaryOp::Gt, 5),
        ("not in", BinaryOp::NotIn, 5),
        ("in", BinaryOp::In, 5),
        ("matches", BinaryOp::Matches, 5),
        ("??", BinaryOp::Coalesce, 6),
        ("+", BinaryOp::Add, 7),
        ("-", BinaryOp::Sub, 7),
        ("*", BinaryOp::Mul, 8),
        ("/", BinaryOp::Div, 8),
        ("%", BinaryOp::Rem, 8),
    ];

    /// The spelling.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, op, _)| *op == self).map_or("", |(word, _, _)| word)
    }

    /// Binding strength; `|>` is 1 (weakest), `not` 4, casts 9, unary minus 10.
    pub fn strength(self) -> u8 {
        Self::ALL.iter().find(|(_, op, _)| *op == self).map_or(0, |(_, _, strength)| *strength)
    }
}

/// `pattern | pattern when guard => body`
#[derive(Clone, Debug, PartialEq)]
pub struct MatchArm {
    /// Alternatives; empty for `else`.
    pub patterns: Vec<Pattern>,
    /// `when guard`
    pub guard: Option<Expr>,
    /// What the arm does.
    pub body: ArmBody,
    /// The whole arm.
    pub span: Span,
}

/// A pattern of a `match`.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Which one.
    pub kind: PatternKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum PatternKind {
    /// A literal (a negative number included).
    Lit(Lit),
    /// `lo..hi`, both included
    Range(Lit, Lit),
}

/// Right of `=>` in a `match` or `catch`: `{` opens a block there, never a record.
#[derive(Clone, Debug, PartialEq)]
pub enum ArmBody {
    /// An expression (with clauses in a `match`).
    Expr(Expr),
    /// A block; its last expression is its value.
    Block(Block),
}

/// A clause behind a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    /// Which one.
    pub kind: ClauseKind,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of call clause.
#[derive(Clone, Debug, PartialEq)]
pub enum ClauseKind {
    /// `retry 5 backoff 200ms..30s on timeout, conflict`
    Retry(Retry),
    /// `timeout 5s`
    Timeout(Expr),
    /// `with policy`
    With(Ident),
    /// `catch { … }`
    Catch(Vec<CatchArm>),
    /// `fallback expr`
    Fallback(Expr),
    /// `optional`
    Optional,
    /// `undo call(…)` (an [`ExprKind::Call`], perhaps with field accesses)
    Undo(Expr),
    /// `final`
    Final,
    /// `key expr`, `key expr per run`
    Key { key: Expr, per_run: bool },
    /// `until cond every 10s within 1h`
    Until { cond: Expr, every: Option<Expr>, within: Option<Expr> },
    /// `from "finance"` (of an `ask`)
    From(Expr),
}

/// `retry n backoff lo..hi on codes`
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// How often after the first attempt; `None` is `forever`.
    pub count: Option<Expr>,
    /// Shortest and longest delay.
    pub backoff: Option<(Expr, Expr)>,
    /// On which codes; empty: the transient ones.
    pub on: Vec<Ident>,
}

/// `codes as e => body`
#[derive(Clone, Debug, PartialEq)]
pub struct CatchArm {
    /// Error codes; empty for `else`.
    pub codes: Vec<Ident>,
    /// `as e`
    pub binding: Option<Ident>,
    /// What the arm gives.
    pub body: ArmBody,
    /// The whole arm.
    pub span: Span,
}
