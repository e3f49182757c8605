//! What fits two types at once, as far as one type says it, and never less.

use ecow::EcoString;
use indexmap::IndexMap;
use rust_decimal::Decimal;
use weir_lang::types::{FieldType, Literal, Range, RecordType, Type};

/// Members of a union that are still taken one by one with those of another.
const MOST: usize = 256;

/// A meeting of types.
pub(super) struct Meet<'t> {
    /// What names stand for, as far as that is known.
    pub names: &'t IndexMap<EcoString, Type>,
    /// How many more pairs are looked at.
    pub fuel: usize,
    /// Whether something was left out.
    pub lossy: bool,
    /// Whether records with different fields met: what one allows besides its own is forgotten.
    pub grew: bool,
    /// Pairs of names that are being looked at.
    open: Vec<(EcoString, EcoString)>,
}

/// Pairs that one schema may ask for: more is left to the check at run time.
pub(super) const FUEL: usize = 20_000;

/// The union of `members`; `int` beside `number` adds nothing.
pub(super) fn plain(members: Vec<Type>) -> Type {
    let union = Type::union(members);
    match &union {
        Type::Union(members) if members.contains(&Type::NUMBER) => {
            let whole = |member: &Type| matches!(member, Type::Int(_) | Type::Literal(Literal::Int(_)));
            Type::union(members.iter().filter(|member| !whole(member)).cloned())
        }
        _ => union,
    }
}

/// Whether every kind of value has a place in the type. `Some(true)`: but some kinds are limited.
pub(super) fn everything(ty: &Type) -> Option<bool> {
    let Type::Union(members) = ty else { return (*ty == Type::Json).then_some(false) };
    let mut limited = false;
    let mut seen = [false; 6];
    for member in members.iter() {
        let (kind, whole) = match member {
            Type::Null => (0, true),
            Type::Bool => (1, true),
            Type::Number(range) => (2, range.is_full()),
            Type::String(pattern) => (3, pattern.is_none()),
            Type::List(element) => (4, **element == Type::Json),
            Type::Map(value) => (5, **value == Type::Json),
            Type::Record(_) => (5, false),
            _ => continue,
        };
        limited |= !whole;
        if let Some(slot) = seen.get_mut(kind) {
            *slot = true;
        }
    }
    seen.iter().all(|seen| *seen).then_some(limited)
}

/// The whole numbers of a range; None: there are none.
pub(super) fn integer_range(range: &Range) -> Option<Range> {
    let range = Range { lo: range.lo.map(|lo| lo.ceil().normalize()), hi: range.hi.map(|hi| hi.floor().normalize()) };
    not_empty(range)
}

fn not_empty(range: Range) -> Option<Range> {
    let empty = matches!((range.lo, range.hi), (Some(lo), Some(hi)) if lo > hi);
    (!empty).then_some(range)
}

impl<'t> Meet<'t> {
    pub fn new(names: &'t IndexMap<EcoString, Type>, fuel: usize) -> Self {
        Meet { names, fuel, lossy: false, grew: false, open: Vec::new() }
    }

    /// What fits both; [`Type::Never`] where nothing does.
    pub fn both(&mut self, a: &Type, b: &Type) -> Type {
        if self.fuel == 0 {
            self.lossy = true;
            return a.clone();
        }
        self.fuel -= 1;
        match (a, b) {
            (Type::Json, other) | (other, Type::Json) => other.clone(),
            _ if a == b => a.clone(),
            (Type::Named(_), _) | (_, Type::Named(_)) => self.named(a, b),
            (Type::Union(left), Type::Union(right)) if left.len() * right.len() > MOST => {
                self.lossy = true;
                a.clone()
            }
            (Type::Union(members), other) => plain(members.iter().map(|member| self.both(member, other)).collect()),
            (other, Type::Union(members)) => plain(members.iter().map(|member| self.both(other, member)).collect()),
            (Type::Literal(literal), other) | (other, Type::Literal(literal)) => held(literal, other),
            (Type::Int(one), Type::Int(two) | Type::Number(two)) | (Type::Number(one), Type::Int(two)) => {
                joined(one, two).and_then(|range| integer_range(&range)).map_or(Type::Never, Type::Int)
            }
            (Type::Number(one), Type::Number(two)) => joined(one, two).map_or(Type::Never, Type::Number),
            (Type::String(one), Type::String(two)) => self.texts(one.as_ref(), two.as_ref()),
            (Type::List(one), Type::List(two)) => Type::list(self.element(one, two)),
            (Type::Map(one), Type::Map(two)) => Type::map(self.element(one, two)),
            (Type::Record(record), Type::Map(value)) | (Type::Map(value), Type::Record(record)) => {
                self.record_and_map(record, value)
            }
            (Type::Record(one), Type::Record(two)) => self.records(one, two),
            _ => Type::Never,
        }
    }

    fn element(&mut self, one: &Type, two: &Type) -> Type {
        match self.both(one, two) {
            Type::Never => {
                self.lossy = true;
                one.clone()
            }
            element => element,
        }
    }

    /// A name is opened where it is known what it stands for; one that is still being made stays as it is.
    fn named(&mut self, a: &Type, b: &Type) -> Type {
        let (name, other) = match (a, b) {
            (Type::Named(name), other) | (other, Type::Named(name)) => (name, other),
            _ => return Type::Never,
        };
        let pair = match other {
            Type::Named(other) => (name.clone(), other.clone()),
            _ => (name.clone(), EcoString::new()),
        };
        match self.names.get(name).cloned() {
            Some(inner) if !matches!(inner, Type::Named(_)) && !self.open.contains(&pair) && self.open.len() < 64 => {
                let named = !pair.1.is_empty();
                self.open.extend(named.then_some(pair));
                let met = self.both(&inner, other);
                if named {
                    self.open.pop();
                }
                if met == inner { Type::Named(name.clone()) } else { met }
            }
            _ => {
                self.lossy = true;
                Type::Named(name.clone())
            }
        }
    }

    fn texts(&mut self, one: Option<&EcoString>, two: Option<&EcoString>) -> Type {
        self.lossy |= one.is_some() && two.is_some();
        Type::String(one.or(two).cloned())
    }

    fn record_and_map(&mut self, record: &RecordType, value: &Type) -> Type {
        let mut fields = IndexMap::new();
        for (name, field) in &record.fields {
            match self.both(&field.ty, value) {
                Type::Never if field.optional => {}
                Type::Never => return Type::Never,
                ty => {
                    fields.insert(name.clone(), FieldType { ty, ..field.clone() });
                }
            }
        }
        Type::Record(RecordType { fields }.into())
    }

    fn records(&mut self, one: &RecordType, two: &RecordType) -> Type {
        let mut fields = one.fields.clone();
        self.grew |= one.fields.len() != two.fields.len();
        for (name, field) in &two.fields {
            let Some(had) = fields.get(name) else {
                self.grew = true;
                fields.insert(name.clone(), field.clone());
                continue;
            };
            let optional = had.optional && field.optional;
            let doc = had.doc.clone().or_else(|| field.doc.clone());
            match self.both(&had.ty, &field.ty) {
                Type::Never if optional => {
                    fields.shift_remove(name);
                }
                Type::Never => return Type::Never,
                ty => {
                    fields.insert(name.clone(), FieldType { ty, optional, doc });
                }
            }
        }
        Type::Record(RecordType { fields }.into())
    }

    /// Whether no value can fit two of the members.
    pub fn apart(&mut self, members: &[Type]) -> bool {
        let pairs = members.iter().enumerate();
        members.len() <= 64
            && pairs.clone().all(|(at, one)| members.iter().skip(at + 1).all(|two| self.both(one, two) == Type::Never))
    }
}

fn joined(one: &Range, two: &Range) -> Option<Range> {
    let tighter = |a: Option<Decimal>, b: Option<Decimal>, pick: fn(Decimal, Decimal) -> Decimal| match (a, b) {
        (Some(a), Some(b)) => Some(pick(a, b)),
        (a, b) => a.or(b),
    };
    not_empty(Range { lo: tighter(one.lo, two.lo, Decimal::max), hi: tighter(one.hi, two.hi, Decimal::min) })
}

/// The literal, where the other type has it.
fn held(literal: &Literal, other: &Type) -> Type {
    let holds = match (literal, other) {
        (Literal::Bool(_), Type::Bool) => true,
        (Literal::Int(value), Type::Int(range) | Type::Number(range)) => range.holds(Decimal::from(*value)),
        (Literal::Number(value), Type::Number(range)) => range.holds(*value),
        (Literal::String(_), Type::String(None)) => true,
        (Literal::String(text), Type::String(Some(pattern))) => {
            regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
        }
        _ => false,
    };
    if holds { Type::Literal(literal.clone()) } else { Type::Never }
}
