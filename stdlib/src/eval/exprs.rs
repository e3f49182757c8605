//! The forms of expression.

use super::operators::{arithmetic, binary, negate};
use super::{Eval, MAX_ITEMS, MAX_TEXT, bounded, bounded_text, steered, told};
use crate::functions::{Arg, call};
use crate::narrow::{Boundary, narrow};
use crate::patterns::compiled;
use crate::pure::{Pure, PureArm, PureEntry, PureItem, PurePattern};
use crate::raise::Raise;
use crate::value::{Data, Fields, Labels, Value, compare, equals};
use std::cmp::Ordering;
use weir_lang::ast::{BinaryOp, UnaryOp};

static NULL: Value = Value::NULL;

impl<'a> Eval<'a> {
    /// The value of an expression.
    pub(crate) fn eval(&mut self, pure: &'a Pure) -> Result<Value, Raise> {
        self.charge(1)?;
        if let Some((value, labels)) = self.place(pure) {
            return Ok(Value { data: value.data.clone(), labels });
        }
        self.deeper(|eval| eval.form(pure))
    }

    /// The value behind a constant, a slot, a local or fields of one, without copying it.
    fn place<'s>(&'s self, pure: &'s Pure) -> Option<(&'s Value, Labels)> {
        let value = match pure {
            Pure::Const(value) => value,
            Pure::Slot { up, at } => self.env.slot(*up, *at).unwrap_or(&NULL),
            Pure::Local(at) => self.locals.get(self.base + usize::from(*at)).unwrap_or(&NULL),
            Pure::Field(of, name) => {
                let (record, labels) = self.place(of)?;
                return Some(field_of(record, name, labels));
            }
            _ => return None,
        };
        Some((value, value.labels.clone()))
    }

    fn form(&mut self, pure: &'a Pure) -> Result<Value, Raise> {
        match pure {
            Pure::Const(value) => Ok(value.clone()),
            Pure::Slot { .. } | Pure::Local(_) => Ok(Value::NULL),
            Pure::Field(of, name) => self.eval(of).map(|record| record.field(name)),
            Pure::Index(of, at) => self.index(of, at),
            Pure::Call(function, args) => {
                let args = args.iter().map(|arg| self.arg(arg)).collect::<Result<Vec<_>, _>>()?;
                call(*function, args, self)
            }
            Pure::Apply(at, args) => self.apply_at(*at, args),
            Pure::Lambda { .. } | Pure::Regex(_) => {
                Err(Raise::invalid("a lambda or pattern stands only as an argument"))
            }
            Pure::Unary(op, value) => self.unary(*op, value),
            Pure::Binary(op, a, b) => self.binary(*op, a, b),
            Pure::Range(lo, hi) => self.range(lo, hi),
            Pure::If(cond, then, otherwise) => {
                let cond = self.eval(cond)?;
                let chosen = self.eval(if truth(&cond)? { then } else { otherwise })?;
                Ok(steered(chosen, &cond.labels))
            }
            Pure::Match(subject, arms) => self.match_arms(subject, arms),
            Pure::List(items) => self.list(items),
            Pure::Record(entries) => self.record(entries),
            Pure::Each { source, index, cond, value } => self.each(source, *index, cond.as_deref(), value),
            Pure::Template(parts) => self.template(parts),
            Pure::Cast { value, ty, optional } => {
                let value = self.eval(value)?;
                self.cast(value, ty, *optional)
            }
            Pure::Narrow(value, ty) => {
                let value = self.eval(value)?;
                narrow(&value, ty, self.program.types).map_err(|misfit| Raise::invalid(misfit.to_string()))
            }
            Pure::Let(value, body) => {
                let value = self.eval(value)?;
                self.with_locals([value], |eval| eval.eval(body))
            }
            Pure::Raise { code, message } => {
                let message = self.eval(message)?;
                Err(Raise::new(code.clone(), told(&message)))
            }
        }
    }

    fn arg(&mut self, pure: &'a Pure) -> Result<Arg<'a>, Raise> {
        match pure {
            Pure::Lambda { params, body } => Ok(Arg::Lambda(*params, body)),
            Pure::Regex(pattern) => compiled(pattern).map(Arg::Regex),
            _ => self.eval(pure).map(Arg::Value),
        }
    }

    fn index(&mut self, of: &'a Pure, at: &'a Pure) -> Result<Value, Raise> {
        let whole = self.eval(of)?;
        let at = self.eval(at)?;
        let found = match (&whole.data, &at.data) {
            (Data::Null, _) => Value::NULL,
            (Data::List(list), Data::Int(at)) => {
                place_in(list.items.len(), *at).and_then(|at| list.items.get(at)).map_or(Value::NULL, Clone::clone)
            }
            (Data::Record(record), Data::String(name)) => {
                record.fields.get(&*name.text).map_or(Value::NULL, Clone::clone)
            }
            _ => return Err(Raise::invalid(format!("{} has no place {}", whole.kind(), at.kind()))),
        };
        Ok(steered(found.joined(&whole.labels), &at.labels))
    }

    fn unary(&mut self, op: UnaryOp, value: &'a Pure) -> Result<Value, Raise> {
        let value = self.eval(value)?;
        let data = match op {
            UnaryOp::Not => Data::Bool(!truth(&value)?),
            UnaryOp::Neg => negate(&value)?,
        };
        Ok(Value { data, labels: value.labels })
    }

    /// Chains such as `a + b + c` lean to the left; they are walked without going deeper.
    fn binary(&mut self, op: BinaryOp, a: &'a Pure, b: &'a Pure) -> Result<Value, Raise> {
        if !matches!(a, Pure::Binary(..)) {
            return self.operate_first(op, a, b);
        }
        let mut rest = vec![(op, b)];
        let mut left = a;
        let mut value = loop {
            match left {
                Pure::Binary(op, a, b) if matches!(**a, Pure::Binary(..)) => {
                    rest.push((*op, b));
                    left = a;
                }
                Pure::Binary(op, a, b) => break self.operate_first(*op, a, b)?,
                other => break self.eval(other)?,
            }
        };
        while let Some((op, b)) = rest.pop() {
            self.charge(1)?;
            value = self.operate(op, value, b)?;
        }
        Ok(value)
    }

    fn operate_first(&mut self, op: BinaryOp, a: &'a Pure, b: &'a Pure) -> Result<Value, Raise> {
        if !matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce)
            && let (Some((x, left)), Some((y, right))) = (self.place(a), self.place(b))
        {
            let labels = operand_labels(op, x, y, left.join(&right));
            let data = binary(op, x, y)?;
            self.charge(2)?;
            return Ok(Value { data, labels });
        }
        let a = self.eval(a)?;
        self.operate(op, a, b)
    }

    fn operate(&mut self, op: BinaryOp, a: Value, b: &'a Pure) -> Result<Value, Raise> {
        match op {
            BinaryOp::And | BinaryOp::Or => {
                if truth(&a)? == (op == BinaryOp::Or) {
                    return Ok(a);
                }
                let b = self.eval(b)?;
                truth(&b)?;
                Ok(b.joined(&a.labels))
            }
            BinaryOp::Coalesce if !a.is_null() => Ok(a),
            BinaryOp::Coalesce => self.eval(b).map(|b| steered(b, &a.labels)),
            BinaryOp::In | BinaryOp::NotIn if matches!(b, Pure::Range(..)) => self.within(op, &a, b),
            BinaryOp::Matches if matches!(b, Pure::Regex(_)) => {
                let Pure::Regex(pattern) = b else { return Ok(Value::NULL) };
                let text = a.as_str().ok_or_else(|| Raise::kind("a text before `matches`", a.kind()))?;
                Ok(Value::bool(compiled(pattern)?.is_match(text)).with_labels(a.labels))
            }
            _ => {
                let b = self.eval(b)?;
                let labels = operand_labels(op, &a, &b, a.labels.join(&b.labels));
                if let Data::List(list) = &a.data {
                    self.charge(list.items.len())?;
                }
                let data = if op == BinaryOp::Add { arithmetic(op, &a, &b)? } else { binary(op, &a, &b)? };
                bounded(Value { data, labels })
            }
        }
    }

    /// `x in lo..hi` without making the list: between the two, for everything that has an order.
    fn within(&mut self, op: BinaryOp, value: &Value, range: &'a Pure) -> Result<Value, Raise> {
        let Pure::Range(lo, hi) = range else { return Ok(Value::NULL) };
        let (lo, hi) = (self.eval(lo)?, self.eval(hi)?);
        let inside = between(value, &lo, &hi).ok_or_else(|| {
            Raise::invalid(format!("`in` does not work on {} and {}..{}", value.kind(), lo.kind(), hi.kind()))
        })?;
        let labels = value.labels.join(&lo.labels).join(&hi.labels);
        Ok(Value::bool(inside == (op == BinaryOp::In)).with_labels(labels))
    }

    fn range(&mut self, lo: &'a Pure, hi: &'a Pure) -> Result<Value, Raise> {
        let (lo, hi) = (self.eval(lo)?, self.eval(hi)?);
        let labels = lo.labels.join(&hi.labels);
        match (lo.as_int(), hi.as_int()) {
            (Some(lo), Some(hi)) => {
                let items = integer_range(lo, hi, 1)?;
                self.charge(items.len())?;
                Ok(Value::list(items).with_labels(labels))
            }
            _ => Err(Raise::kind("two integers around `..`", &format!("{} and {}", lo.kind(), hi.kind()))),
        }
    }

    fn match_arms(&mut self, subject: &'a Pure, arms: &'a [PureArm]) -> Result<Value, Raise> {
        let subject = self.eval(subject)?;
        let mut labels = subject.labels.clone();
        for arm in arms {
            if !holds(&arm.patterns, &subject) {
                continue;
            }
            if let Some(guard) = &arm.guard {
                let guard = self.eval(guard)?;
                labels = labels.steered_by(&guard.labels);
                if !truth(&guard)? {
                    continue;
                }
            }
            return self.eval(&arm.body).map(|value| steered(value, &labels));
        }
        Err(Raise::invalid(format!("no arm of `match` fits `{}`", clipped(&subject.masked()))))
    }

    fn list(&mut self, items: &'a [PureItem]) -> Result<Value, Raise> {
        let mut out = Vec::with_capacity(items.len());
        let mut labels = Labels::NONE;
        for item in items {
            match item {
                PureItem::One(pure) => out.push(self.eval(pure)?),
                PureItem::Spread(pure) => {
                    let value = self.eval(pure)?;
                    let list = items_of(&value)?;
                    self.charge(list.len())?;
                    out.extend_from_slice(list);
                    labels = labels.join(&value.labels);
                }
            }
            if out.len() > MAX_ITEMS {
                return Err(Raise::too_large("the list", "1,000,000 elements"));
            }
        }
        bounded(Value::list(out).with_labels(labels))
    }

    /// The labels of a record that is spread go to each of its fields.
    fn record(&mut self, entries: &'a [PureEntry]) -> Result<Value, Raise> {
        let mut fields = Fields::with_capacity_and_hasher(entries.len(), Default::default());
        for entry in entries {
            match entry {
                PureEntry::Field(name, pure) => {
                    let value = self.eval(pure)?;
                    fields.insert(name.clone(), value);
                }
                PureEntry::Spread(pure) => {
                    let value = self.eval(pure)?;
                    match &value.data {
                        Data::Null => {}
                        Data::Record(record) => {
                            self.charge(record.fields.len())?;
                            let spread = record.fields.iter();
                            fields.extend(
                                spread.map(|(name, field)| (name.clone(), field.clone().joined(&value.labels))),
                            );
                        }
                        _ => return Err(Raise::kind("a record after `...`", value.kind())),
                    }
                }
            }
        }
        bounded(Value::from_fields(fields))
    }

    fn each(&mut self, source: &'a Pure, index: bool, cond: Option<&'a Pure>, value: &'a Pure) -> Result<Value, Raise> {
        let source = self.eval(source)?;
        let items = items_of(&source)?;
        let mut labels = source.labels.clone();
        let mut out = Vec::with_capacity(if cond.is_none() { items.len() } else { 0 });
        for (at, item) in items.iter().enumerate() {
            let item = item.clone().joined(&source.labels);
            let place = index.then(|| Value::int(at as i64).with_labels(source.labels.clone()));
            self.with_locals([item].into_iter().chain(place), |eval| {
                if let Some(cond) = cond {
                    let keep = eval.eval(cond)?;
                    labels = labels.steered_by(&keep.labels);
                    if !truth(&keep)? {
                        return Ok(());
                    }
                }
                out.push(eval.eval(value)?);
                Ok(())
            })?;
        }
        bounded(Value::list(out).with_labels(labels))
    }

    fn template(&mut self, parts: &'a [Pure]) -> Result<Value, Raise> {
        let mut text = String::new();
        let mut labels = Labels::NONE;
        for part in parts {
            if let Pure::Const(value) = part {
                value.write_display(&mut text);
                continue;
            }
            let value = self.eval(part)?;
            value.write_display(&mut text);
            labels = labels.join(&value.deep_labels());
            if text.len() > MAX_TEXT {
                break;
            }
        }
        self.charge(text.len() / 16)?;
        bounded_text(text).map(|value| value.with_labels(labels))
    }

    fn cast(&mut self, value: Value, ty: &Boundary, optional: bool) -> Result<Value, Raise> {
        match narrow(&value, ty, self.program.types) {
            Ok(value) => Ok(value),
            Err(_) if optional => Ok(Value::NULL.with_labels(value.labels)),
            Err(misfit) => Err(Raise::bad_response(misfit.to_string())),
        }
    }

    fn apply_at(&mut self, at: u32, args: &'a [Pure]) -> Result<Value, Raise> {
        let function = usize::try_from(at).ok().and_then(|at| self.program.functions.get(at));
        let function = function.ok_or_else(|| Raise::new("failed", format!("the plan has no function {at}")))?;
        let args = args.iter().map(|arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
        self.apply(function, args)
    }

    /// Calls a lambda of an argument.
    pub(crate) fn lambda(&mut self, params: u16, body: &'a Pure, args: &[&Value]) -> Result<Value, Raise> {
        let given = (0..usize::from(params)).map(|at| args.get(at).map_or(Value::NULL, |arg| (*arg).clone()));
        self.with_locals(given, |eval| eval.eval(body))
    }
}

fn field_of<'v>(record: &'v Value, name: &str, labels: Labels) -> (&'v Value, Labels) {
    match record.as_record().and_then(|record| record.fields.get(name)) {
        Some(value) if labels.is_none() => (value, value.labels.clone()),
        Some(value) => (value, labels.join(&value.labels)),
        None => (&NULL, labels),
    }
}

/// What an operator's result inherits: of what it looked into, everything; of lists that `+` joins, their own.
fn operand_labels(op: BinaryOp, a: &Value, b: &Value, own: Labels) -> Labels {
    let shallow = |value: &Value| !matches!(value.data, Data::List(_) | Data::Record(_));
    if op == BinaryOp::Add || (shallow(a) && shallow(b)) {
        return own;
    }
    match op {
        BinaryOp::In | BinaryOp::NotIn if matches!(b.data, Data::Record(_)) => own,
        _ => own.join(&a.deep_labels()).join(&b.deep_labels()),
    }
}

/// The truth value of a condition.
pub(crate) fn truth(value: &Value) -> Result<bool, Raise> {
    value.as_bool().ok_or_else(|| Raise::kind("`true` or `false`", value.kind()))
}

/// The elements of a list.
pub(crate) fn items_of(value: &Value) -> Result<&[Value], Raise> {
    value.as_list().ok_or_else(|| Raise::kind("a list", value.kind()))
}

/// Whether a pattern of an arm holds; none: always.
pub(crate) fn holds(patterns: &[PurePattern], subject: &Value) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| match pattern {
            PurePattern::Is(value) => equals(value, subject),
            PurePattern::Within(lo, hi) => between(subject, lo, hi).unwrap_or(false),
        })
}

fn between(value: &Value, lo: &Value, hi: &Value) -> Option<bool> {
    Some(compare(lo, value)? != Ordering::Greater && compare(value, hi)? != Ordering::Greater)
}

fn place_in(len: usize, at: i64) -> Option<usize> {
    if at >= 0 { usize::try_from(at).ok() } else { len.checked_sub(usize::try_from(at.unsigned_abs()).ok()?) }
}

/// The integers from `lo` to `hi`, both included, by `step`.
pub(crate) fn integer_range(lo: i64, hi: i64, step: i64) -> Result<Vec<Value>, Raise> {
    let distance = if step > 0 { i128::from(hi) - i128::from(lo) } else { i128::from(lo) - i128::from(hi) };
    if step == 0 {
        return Err(Raise::invalid("a range cannot have the step 0"));
    }
    if distance < 0 {
        return Ok(Vec::new());
    }
    let count = distance / i128::from(step.unsigned_abs()) + 1;
    match i64::try_from(count) {
        Ok(count) if count as usize <= MAX_ITEMS => {
            Ok((0..count).map(|at| Value::int(lo.saturating_add(at.saturating_mul(step)))).collect())
        }
        _ => Err(Raise::too_large("the range", "1,000,000 elements")),
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(60).collect()
}
