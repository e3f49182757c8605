//! The functions of the standard library: which keep the labels of elements, and which make new values.

use super::calls::Given;
use super::label::Label;
use super::paths::Step;
use super::taint::Taint;
use super::walk::Walk;
use ecow::EcoString;
use weir_lang::ast::{Arg, Expr, ExprKind};
use weir_stdlib::functions::FunctionId;

/// The arguments of a call, as the functions below read them.
struct Slots<'a> {
    given: Vec<Option<Given<'a>>>,
}

impl<'a> Slots<'a> {
    fn label(&self, at: usize) -> Label {
        self.given.get(at).and_then(Option::as_ref).map(|given| given.label.clone()).unwrap_or_default()
    }

    fn value(&self, at: usize) -> Option<&'a Expr> {
        self.given.get(at).and_then(Option::as_ref).map(|given| given.value)
    }

    fn deep(&self, at: usize) -> Taint {
        self.label(at).deep().computed()
    }
}

fn map_of(key: Taint, value: Label) -> Label {
    Label::record([(Step::Elem, value), (Step::Key, Label::leaf(key))])
}

fn pair(left: (&str, Label), right: (&str, Label)) -> Label {
    Label::record([(Step::Field(left.0.into()), left.1), (Step::Field(right.0.into()), right.1)])
}

impl<'a> Walk<'_, 'a> {
    pub fn library(&mut self, function: FunctionId, args: &'a [Arg], piped: Option<Given<'a>>) -> Label {
        let signature = function.entry().signature();
        let names: Vec<EcoString> = signature.params.iter().map(|param| param.name.clone()).collect();
        let slots = Slots { given: self.given(&names, args, piped) };
        let xs = slots.label(0);
        let own = xs.own();
        match function.name() {
            "first" | "last" => xs.item(&mut self.world.paths),
            "reverse" => xs,
            "take" | "skip" => xs.steered(&slots.deep(1)),
            "sort" => {
                let keys = self.keys(&slots, 0, 1);
                xs.sized(&keys.joined(&slots.deep(2)))
            }
            "unique" if slots.value(1).is_some() => {
                let keys = self.keys(&slots, 0, 1);
                xs.steered(&keys)
            }
            "unique" | "compact" => {
                let all = xs.deep().computed();
                xs.sized(&all)
            }
            "difference" => {
                let keys = if slots.value(2).is_some() { self.keys(&slots, 0, 2) } else { Taint::default() };
                let keys = keys.joined(&slots.deep(1));
                xs.steered(&keys)
            }
            "flatten" => {
                let inner = xs.elem(&mut self.world.paths);
                let size = own.joined(&inner.own());
                Label::list(inner.elem(&mut self.world.paths), size)
            }
            "chunk" => {
                let size = own.joined(&slots.deep(1));
                let inner = Label::list(xs.elem(&mut self.world.paths), size.clone());
                Label::list(inner, size)
            }
            "zip" | "join_by" => self.pairs(&slots),
            "group" | "index_by" | "count_by" => self.grouped(function.name(), &slots),
            "count" | "any" | "all" => self.counted(&slots),
            "min" | "max" => {
                let keys = self.keys(&slots, 0, 1);
                xs.item(&mut self.world.paths).steered(&keys)
            }
            "fold" => self.fold(&slots),
            "keys" => Label::list(xs.project(&Step::Key, &mut self.world.paths), own),
            "values" => Label::list(xs.elem(&mut self.world.paths), own),
            "entries" => {
                let key = xs.project(&Step::Key, &mut self.world.paths);
                Label::list(pair(("key", key), ("value", xs.elem(&mut self.world.paths))), own)
            }
            "from_entries" => {
                let entry = xs.elem(&mut self.world.paths);
                let (key, value) =
                    (entry.field("key", &mut self.world.paths), entry.field("value", &mut self.world.paths));
                map_of(key.deep(), value).sized(&own)
            }
            "has" => {
                let keys = xs.project(&Step::Key, &mut self.world.paths).deep();
                Label::leaf(own.joined(&keys).joined(&slots.deep(1)).computed())
            }
            "get" => {
                let by = slots.deep(1);
                self.at(&xs, slots.value(1), &by)
            }
            "len" if slots.value(0).is_some_and(|value| !self.is_text(value)) => Label::leaf(own.computed()),
            _ => self.made(&slots),
        }
    }

    fn is_text(&self, value: &Expr) -> bool {
        let ty = self.type_of(value);
        super::marks::element(&ty, &self.world.checker.program.types).is_none()
    }

    /// A value that is made of all arguments.
    fn made(&mut self, slots: &Slots<'a>) -> Label {
        let mut taint = Taint::default();
        for at in 0..slots.given.len() {
            taint.add(&slots.deep(at));
            if let Some(value) = slots.value(at) {
                let lambda = self.apply(value, &[Label::leaf(slots.deep(0))]);
                taint.add(&lambda.deep());
            }
        }
        Label::leaf(taint.computed())
    }

    /// The value of an argument that is a lambda.
    fn apply(&mut self, value: &'a Expr, args: &[Label]) -> Label {
        match &value.unparen().kind {
            ExprKind::Lambda { params, body } => self.lambda(params, body, args),
            _ => Label::default(),
        }
    }

    /// What the lambda at `by` makes of the elements at `list`; the elements where there is no lambda.
    fn keys(&mut self, slots: &Slots<'a>, list: usize, by: usize) -> Taint {
        let element = slots.label(list).elem(&mut self.world.paths);
        match slots.value(by) {
            Some(value) => self.apply(value, &[element]).deep().computed(),
            None => element.deep().computed(),
        }
    }

    fn pairs(&mut self, slots: &Slots<'a>) -> Label {
        let (left, right) = (slots.label(0), slots.label(1));
        let size = left.own().joined(&right.own());
        let sides = (left.elem(&mut self.world.paths), right.elem(&mut self.world.paths));
        let pairs = Label::list(pair(("left", sides.0), ("right", sides.1)), size);
        if slots.value(2).is_none() {
            return pairs;
        }
        let keys = self.keys(slots, 0, 2).joined(&self.keys(slots, 1, 3));
        pairs.steered(&keys)
    }

    fn grouped(&mut self, name: &str, slots: &Slots<'a>) -> Label {
        let xs = slots.label(0);
        let keys = self.keys(slots, 0, 1);
        let element = xs.elem(&mut self.world.paths);
        let value = match name {
            "group" => Label::list(element, xs.own()),
            "index_by" => element,
            _ => Label::leaf(keys.joined(&xs.own()).computed()),
        };
        map_of(keys.clone(), value).sized(&xs.own()).steered(&keys)
    }

    fn counted(&mut self, slots: &Slots<'a>) -> Label {
        let xs = slots.label(0);
        let by = if slots.value(1).is_some() { self.keys(slots, 0, 1) } else { Taint::default() };
        let whole = slots.value(1).is_none() && slots.given.len() > 1 && !self.is_count(slots);
        let taint = if whole { xs.deep() } else { xs.own().joined(&by) };
        Label::leaf(taint.computed())
    }

    /// Whether elements are only counted, so that what they are does not matter.
    fn is_count(&self, slots: &Slots<'a>) -> bool {
        let types = &self.world.checker.program.types;
        let ty = slots.value(0).map(|value| self.type_of(value));
        let element = ty.as_ref().and_then(|ty| super::marks::element(ty, types));
        element.is_some_and(|element| !matches!(types.head(element), weir_lang::types::Type::Bool))
    }

    fn fold(&mut self, slots: &Slots<'a>) -> Label {
        let xs = slots.label(0);
        let element = xs.elem(&mut self.world.paths);
        let mut state = slots.label(1);
        for round in 0..4 {
            let Some(value) = slots.value(2) else { break };
            let next = self.apply(value, &[state.clone(), element.clone()]);
            let next = state.joined(&next, &mut self.world.paths);
            if next.same(&state) {
                break;
            }
            state = if round < 2 { next } else { Label::leaf(next.deep()) };
        }
        state.steered(&xs.own().computed())
    }
}
