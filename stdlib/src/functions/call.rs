//! One call of a function: its arguments, its lambdas, and the labels of its result.

use super::{Entry, FunctionId, Keeps};
use crate::eval::{Eval, MAX_ITEMS, bounded, bounded_text, steered};
use crate::pure::Pure;
use crate::raise::Raise;
use crate::value::number::to_double;
use crate::value::{Data, Labels, Value};
use regex::Regex;

/// An argument.
pub(crate) enum Arg<'a> {
    Value(Value),
    Lambda(u16, &'a Pure),
    Regex(Regex),
}

/// A text or regular expression to look for.
pub(crate) enum Pattern<'c> {
    Text(&'c str),
    Regex(&'c Regex),
}

/// A running call.
pub(crate) struct Call<'c, 'a> {
    entry: &'static Entry,
    args: Vec<Arg<'a>>,
    pub(crate) eval: &'c mut Eval<'a>,
    /// Labels of what decided about the result: keys, conditions.
    seen: Labels,
}

/// Calls a function of the table.
pub(crate) fn call<'a>(function: FunctionId, args: Vec<Arg<'a>>, eval: &mut Eval<'a>) -> Result<Value, Raise> {
    let entry = function.entry();
    let mut call = Call { entry, args, eval, seen: Labels::NONE };
    call.charge_sizes()?;
    let result = bounded((entry.run)(&mut call)?)?;
    Ok(call.labelled(result))
}

impl<'a> Call<'_, 'a> {
    /// Lists cost their length and texts a step for each 64 bytes.
    fn charge_sizes(&mut self) -> Result<(), Raise> {
        let size = |arg: &Arg<'_>| match arg {
            Arg::Value(Value { data: Data::List(list), .. }) => list.items.len(),
            Arg::Value(Value { data: Data::Record(record), .. }) => record.fields.len(),
            Arg::Value(Value { data: Data::String(text), .. }) => text.text.len() / 64,
            _ => 0,
        };
        let size = self.args.iter().map(size).sum();
        self.eval.charge(size)
    }

    fn labelled(&self, result: Value) -> Value {
        let values = self.args.iter().filter_map(|arg| match arg {
            Arg::Value(value) => Some(value),
            _ => None,
        });
        if self.entry.keeps == Keeps::Joined {
            let labels = values.fold(self.seen.clone(), |labels, value| labels.join(&value.deep_labels()));
            return if labels.is_none() { result } else { result.joined(&labels) };
        }
        if self.entry.keeps == Keeps::Own {
            return values.fold(result.joined(&self.seen), |result, value| result.joined(&value.labels));
        }
        let result = values.fold(result, |result, value| match value.data {
            _ if value.labels.is_none() => result,
            Data::List(_) | Data::Record(_) => result.joined(&value.labels),
            _ => steered(result, &value.labels),
        });
        let result = steered(result, &self.seen);
        if self.entry.keeps == Keeps::Keyed && self.seen.secret() {
            let labels = result.labels.as_secret();
            return result.with_labels(labels);
        }
        result
    }

    /// Counts `value` among what decided about the result.
    pub(crate) fn see(&mut self, value: &Value) {
        let labels = value.deep_labels();
        if !labels.is_none() {
            self.seen = self.seen.join(&labels);
        }
    }

    /// An argument; one that was left out reads as null.
    pub(crate) fn value(&self, at: usize) -> &Value {
        static NULL: Value = Value::NULL;
        match self.args.get(at) {
            Some(Arg::Value(value)) => value,
            _ => &NULL,
        }
    }

    pub(crate) fn given(&self, at: usize) -> bool {
        match self.args.get(at) {
            Some(Arg::Value(value)) => !value.is_null(),
            other => other.is_some(),
        }
    }

    pub(crate) fn text(&self, at: usize) -> Result<&str, Raise> {
        self.value(at).as_str().ok_or_else(|| self.unfit(at, "a text"))
    }

    pub(crate) fn text_or<'s>(&'s self, at: usize, default: &'s str) -> Result<&'s str, Raise> {
        if self.given(at) { self.text(at) } else { Ok(default) }
    }

    pub(crate) fn bool_or(&self, at: usize, default: bool) -> Result<bool, Raise> {
        if !self.given(at) {
            return Ok(default);
        }
        self.value(at).as_bool().ok_or_else(|| self.unfit(at, "`true` or `false`"))
    }

    pub(crate) fn int(&self, at: usize) -> Result<i64, Raise> {
        self.value(at).as_int().ok_or_else(|| self.unfit(at, "an integer"))
    }

    /// An integer that counts something: negative ones count as 0.
    pub(crate) fn count(&self, at: usize) -> Result<usize, Raise> {
        self.int(at).map(|count| usize::try_from(count.max(0)).unwrap_or(usize::MAX))
    }

    pub(crate) fn double(&self, at: usize) -> Result<f64, Raise> {
        to_double(&self.value(at).data).ok_or_else(|| self.unfit(at, "a number"))
    }

    pub(crate) fn list(&self, at: usize) -> Result<Value, Raise> {
        let value = self.value(at);
        if value.as_list().is_some() { Ok(value.clone()) } else { Err(self.unfit(at, "a list")) }
    }

    pub(crate) fn pattern(&self, at: usize) -> Result<Pattern<'_>, Raise> {
        match self.args.get(at) {
            Some(Arg::Regex(regex)) => Ok(Pattern::Regex(regex)),
            _ => match self.value(at).as_str() {
                Some("") => Err(Raise::invalid(format!("`{}` cannot look for an empty text", self.entry.name))),
                Some(text) => Ok(Pattern::Text(text)),
                None => Err(self.unfit(at, "a text or pattern")),
            },
        }
    }

    /// Calls the lambda at `at`.
    pub(crate) fn invoke(&mut self, at: usize, args: &[&Value]) -> Result<Value, Raise> {
        match self.args.get(at) {
            Some(Arg::Lambda(params, body)) => self.eval.lambda(*params, body, args),
            _ => Err(self.unfit(at, "a lambda")),
        }
    }

    /// The keys of elements under the lambda at `at`, or the elements where there is none; they decide.
    pub(crate) fn keys(&mut self, items: &[Value], at: usize) -> Result<Vec<Value>, Raise> {
        let mut keys = Vec::with_capacity(items.len());
        for item in items {
            let key = if self.given(at) { self.invoke(at, &[item])? } else { item.clone() };
            self.see(&key);
            keys.push(key);
        }
        Ok(keys)
    }

    /// An element as the list hands it out: with the list's labels.
    pub(crate) fn items(&self, list: &Value) -> Vec<Value> {
        let items = list.as_list().unwrap_or_default();
        if list.labels.is_none() {
            return items.to_vec();
        }
        items.iter().map(|item| item.clone().joined(&list.labels)).collect()
    }

    pub(crate) fn make_text(&mut self, text: String) -> Result<Value, Raise> {
        self.eval.charge(text.len() / 64)?;
        bounded_text(text)
    }

    pub(crate) fn make_list(&mut self, items: Vec<Value>) -> Result<Value, Raise> {
        self.eval.charge(items.len())?;
        if items.len() > MAX_ITEMS {
            return Err(Raise::too_large("the list", "1,000,000 elements"));
        }
        Ok(Value::list(items))
    }

    /// What is wrong with an argument.
    pub(crate) fn unfit(&self, at: usize, wanted: &str) -> Raise {
        let found = match self.args.get(at) {
            Some(Arg::Value(value)) => value.kind(),
            Some(Arg::Lambda(..)) => "a lambda",
            Some(Arg::Regex(_)) => "a pattern",
            None => "nothing",
        };
        let signature = self.entry.signature();
        let name = signature.params.get(at).map(|param| param.name.as_str()).unwrap_or_default();
        Raise::invalid(format!("`{}` expects {wanted} as `{name}`, found {found}", self.entry.name))
    }
}
