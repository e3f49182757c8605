//! Why an expectation does not hold: the part of it that fails, the values on both sides, and the lines in which they
//! differ.

use super::notation::{one_line, several_lines};
use super::report::{Change, Failure, Reason};
use similar::{ChangeTag, TextDiff};
use weir_compiler::test_plan::{Claim, ClaimKind, Operand};
use weir_lang::ast::BinaryOp;
use weir_lang::diagnostic::Label;
use weir_lang::span::Loc;
use weir_stdlib::Raise;
use weir_stdlib::eval::{Env, Program, eval};
use weir_stdlib::pure::Pure;
use weir_stdlib::value::{Data, Value};

/// Longest value that is shown at its place, in characters; a longer one is shown below.
const SHOWN: usize = 120;

/// Where an expectation is looked at.
pub(super) struct Scene<'a> {
    pub env: &'a dyn Env,
    pub program: Program<'a>,
}

impl Scene<'_> {
    pub fn value(&self, pure: &Pure) -> Result<Value, Raise> {
        eval(pure, self.env, &self.program)
    }

    /// Why the claim does not hold; None: it does.
    pub fn refute(&self, claim: &Claim) -> Option<Failure> {
        match self.value(&claim.cond) {
            Ok(held) if held.as_bool() == Some(true) => None,
            Ok(_) => Some(self.broken(claim)),
            Err(raise) => Some(not_computed(claim.loc, &raise)),
        }
    }

    fn broken(&self, claim: &Claim) -> Failure {
        match &claim.kind {
            // The first part that does not hold is the reason: what stands behind it was not looked at.
            ClaimKind::All(parts) => parts
                .iter()
                .find_map(|part| self.refute(part))
                .unwrap_or_else(|| failure(claim.loc, "this does not hold")),
            ClaimKind::Compare { op, left, right } => self.compared(claim.loc, *op, left, right),
            ClaimKind::Holds(seen) => {
                let mut out = failure(claim.loc, "this does not hold");
                out.labels.extend(seen.iter().filter_map(|operand| self.label(operand)));
                if let [first, _, ..] = out.labels.as_slice()
                    && first.text.is_empty()
                {
                    out.labels.remove(0);
                }
                out
            }
        }
    }

    fn label(&self, operand: &Operand) -> Option<Label> {
        let value = self.value(&operand.pure).ok()?;
        (!operand.literal).then(|| Label { loc: operand.loc, text: shown(&value) })
    }

    fn compared(&self, loc: Loc, op: BinaryOp, left: &Operand, right: &Operand) -> Failure {
        let (Ok(found), Ok(wanted)) = (self.value(&left.pure), self.value(&right.pure)) else {
            return failure(loc, "this does not hold");
        };
        // What is written out is what is wanted, on whichever side it stands.
        let swapped = left.literal && !right.literal && matches!(op, BinaryOp::Eq | BinaryOp::Ne);
        let mut out = failure(loc, "this does not hold");
        out.labels = [left, right].into_iter().filter_map(|operand| self.label(operand)).collect();
        if out.labels.is_empty() {
            out.labels.push(Label { loc, text: String::new() });
        }
        let (found, wanted) = if swapped { (wanted, found) } else { (found, wanted) };
        out.message = sentence(op, &found, &wanted);
        if op == BinaryOp::Eq {
            out.diff = difference(&wanted, &found);
        }
        if !out.diff.is_empty() {
            out.message = "this is not what was expected".into();
            out.labels = vec![Label { loc, text: String::new() }];
        }
        (out.expected, out.actual) = (Some(wanted), Some(found));
        out
    }
}

fn failure(loc: Loc, message: &str) -> Failure {
    Failure {
        reason: Reason::Expectation,
        message: message.into(),
        labels: vec![Label { loc, text: String::new() }],
        help: None,
        write: None,
        expected: None,
        actual: None,
        diff: Vec::new(),
    }
}

/// An expression that cannot be computed.
pub(super) fn not_computed(loc: Loc, raise: &Raise) -> Failure {
    let message = format!("this cannot be computed: {}", raise.message);
    Failure { reason: Reason::Expression, ..failure(loc, &message) }
}

fn sentence(op: BinaryOp, found: &Value, wanted: &Value) -> String {
    let (found, wanted) = (brief(found), brief(wanted));
    match op {
        BinaryOp::Eq => format!("expected {wanted}, found {found}"),
        BinaryOp::Ne => format!("expected anything but {wanted}"),
        BinaryOp::In => format!("expected one of {wanted}, found {found}"),
        BinaryOp::NotIn => format!("expected none of {wanted}, found {found}"),
        op => format!("expected something {} {wanted}, found {found}", op.word()),
    }
}

/// A value in a sentence.
fn brief(value: &Value) -> String {
    let text = one_line(value);
    match &value.data {
        Data::List(list) if text.chars().count() > SHOWN => format!("a list of {}", list.items.len()),
        Data::Record(record) if text.chars().count() > SHOWN => format!("a record of {} fields", record.fields.len()),
        _ if text.chars().count() > SHOWN => "a long text".into(),
        _ => format!("`{text}`"),
    }
}

/// A value at its place.
fn shown(value: &Value) -> String {
    let text = one_line(value);
    if text.chars().count() <= SHOWN { text } else { brief(value) }
}

/// The lines of two values, where at least one of them has several.
fn difference(wanted: &Value, found: &Value) -> Vec<(Change, String)> {
    let (wanted, found) = (several_lines(wanted), several_lines(found));
    if !wanted.contains('\n') && !found.contains('\n') {
        return Vec::new();
    }
    let diff = TextDiff::from_lines(&wanted, &found);
    let lines = diff.iter_all_changes().map(|change| {
        let kind = match change.tag() {
            ChangeTag::Equal => Change::Same,
            ChangeTag::Delete => Change::Missing,
            ChangeTag::Insert => Change::Extra,
        };
        (kind, change.value().trim_end_matches('\n').to_owned())
    });
    lines.collect()
}
