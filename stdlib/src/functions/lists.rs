//! Lists. Elements keep their labels; a list that untrusted keys or conditions shaped is untrusted.

use super::call::Call;
use super::{Entry, Keeps, row};
use crate::eval::{MAX_ITEMS, operators};
use crate::raise::Raise;
use crate::value::{Data, Value, compare, equals};
use std::cmp::Ordering;
use weir_lang::ast::BinaryOp;

type Made = Result<Value, Raise>;

#[rustfmt::skip]
pub(super) fn entries() -> Vec<Entry> {
    vec![
        row("first(values: [T]) -> T?", "The first element, or null.", "first([3, 1])", "3", |call| Ok(call.list(0)?.as_list().and_then(|items| items.first()).cloned().unwrap_or(Value::NULL))).keeps(),
        row("last(values: [T]) -> T?", "The last element, or null.", "last([3, 1])", "1", |call| Ok(call.list(0)?.as_list().and_then(|items| items.last()).cloned().unwrap_or(Value::NULL))).keeps(),
        row("take(values: [T], count: int) -> [T]", "The first `count` elements.", "take([1, 2, 3], 2)", "[1, 2]", take).keeps(),
        row("skip(values: [T], count: int) -> [T]", "All but the first `count` elements.", "skip([1, 2, 3], 2)", "[3]", skip).keeps(),
        row("sort(values: [T], by?: (T) => K, descending?: bool) -> [T]", "In order, equal ones as they stood. `by` may give a list, whose later elements settle ties.", "sort([{ n: 2 }, { n: 1 }], by: x => x.n)", "[{ n: 1 }, { n: 2 }]", sort).keeps().errors("`invalid_input` for keys that have no order among each other; null keys come last"),
        row("reverse(values: [T]) -> [T]", "In the opposite order.", "reverse([1, 2])", "[2, 1]", |call| { let list = call.list(0)?; call.make_list(list.as_list().unwrap_or_default().iter().rev().cloned().collect()) }).keeps(),
        row("unique(values: [T], by?: (T) => K) -> [T]", "The first of each that are equal, or have an equal `by`.", "unique([1, 2, 1])", "[1, 2]", unique).keeps(),
        row("group(values: [T], by: (T) => K) -> map<[T]>", "The elements by the text of their key, keys in order of first sight.", "group([1, 2, 3], by: x => x % 2)", "{ `1`: [1, 3], `0`: [2] }", group).labels(Keeps::Keyed),
        row("count(values: [T], where?: (T) => bool) -> int", "How many elements there are, or for how many `where` is true.", "count([1, 2, 3], x => x > 1)", "2", count).labels(Keeps::Own),
        row("count_by(values: [T], by: (T) => K) -> map<int>", "How many elements have each key, keys in order of first sight.", r#"count_by(["a", "b", "a"], by: x => x)"#, "{ a: 2, b: 1 }", count_by).labels(Keeps::Own),
        row("index_by(values: [T], by: (T) => K) -> map<T>", "The elements by the text of their key; the last of equal keys stays.", r#"index_by([{ id: "a", n: 1 }], by: x => x.id)"#, r#"{ a: { id: "a", n: 1 } }"#, index_by).labels(Keeps::Keyed),
        row("sum(values: [Q]) -> Q", "The sum; 0 of none. Decimals are exact, durations add up.", "sum([1, 2, 3])", "6", sum).errors("`invalid_input` when it is out of range"),
        row("min(values: [T], by?: (T) => K) -> T?", "The smallest element, or the first with the smallest `by`; null of none. Null elements do not count.", "min([3, 1, 2])", "1", |call| extreme(call, Ordering::Less)).keeps().errors("`invalid_input` for values that have no order among each other"),
        row("max(values: [T], by?: (T) => K) -> T?", "The largest element, or the first with the largest `by`; null of none. Null elements do not count.", "max([{ n: 1 }, { n: 5 }], by: x => x.n)", "{ n: 5 }", |call| extreme(call, Ordering::Greater)).keeps().errors("`invalid_input` for values that have no order among each other"),
        row("avg(values: [D]) -> D?", "The mean, or null of none.", "avg([1, 2])", "1.5", avg).errors("`invalid_input` when the sum is out of range"),
        row("any(values: [T], where?: (T) => bool) -> bool", "Whether `where` is true for an element; without it, whether an element is true.", "any([1, 2], x => x > 1)", "true", |call| holds_for(call, true)).labels(Keeps::Own),
        row("all(values: [T], where?: (T) => bool) -> bool", "Whether `where` is true for every element; without it, whether every element is true.", "all([1, 2], x => x > 1)", "false", |call| holds_for(call, false)).labels(Keeps::Own),
        row("flatten(values: [[T]]) -> [T]", "The elements of all lists in one.", "flatten([[1], [2, 3]])", "[1, 2, 3]", flatten).keeps(),
        row("compact(values: [T?]) -> [T]", "Without the elements that are null.", "compact([1, null, 2])", "[1, 2]", compact).keeps(),
        row("zip(left: [T], right: [U]) -> [{ left: T, right: U }]", "Pairs by place, as many as the shorter list has.", r#"zip([1, 2], ["a", "b"])"#, r#"[{ left: 1, right: "a" }, { left: 2, right: "b" }]"#, zip).keeps(),
        row("chunk(values: [T], size: int) -> [[T]]", "Pieces of `size` elements, the last one maybe shorter.", "chunk([1, 2, 3], 2)", "[[1, 2], [3]]", chunk).keeps().errors("`invalid_input` when `size` is below 1"),
        row("range(start: int, end: int, step?: int) -> [int]", "The integers from `start` to `end`, both included like `start..end`, by `step` (1).", "range(1, 7, 3)", "[1, 4, 7]", range).errors("`invalid_input` when `step` is 0 or there would be more than 1,000,000"),
        row("index_of(values: [T], value: T) -> int?", "The place of the first element equal to `value`, or null.", r#"index_of(["a", "b"], "b")"#, "1", index_of),
        row("fold(values: [T], start: A, with: (A, T) => A) -> A", "`with` of what there is so far and each element in turn, beginning with `start`.", "fold([1, 2, 3], 10, (sum, x) => sum + x)", "16", fold).labels(Keeps::Own),
        row("difference(values: [T], without: [T], by?: (T) => K) -> [T]", "The elements of `values` that no element of `without` equals, or shares `by` with.", "difference([1, 2, 3], [2])", "[1, 3]", difference).keeps(),
        row("join_by(left: [T], right: [U], left_key: (T) => K, right_key: (U) => K) -> [{ left: T, right: U }]", "All pairs with equal keys, in the order of `left`, then of `right`; null keys match nothing. `difference` gives what has no partner.", "join_by([{ id: 1 }], [{ of: 1, x: 2 }], a => a.id, b => b.of)", "[{ left: { id: 1 }, right: { of: 1, x: 2 } }]", join_by).keeps(),
    ]
}

fn take(call: &mut Call<'_, '_>) -> Made {
    let (list, count) = (call.list(0)?, call.count(1)?);
    let items = list.as_list().unwrap_or_default();
    if count >= items.len() {
        return Ok(list);
    }
    Ok(Value::list(items.get(..count).unwrap_or_default()))
}

fn skip(call: &mut Call<'_, '_>) -> Made {
    let (list, count) = (call.list(0)?, call.count(1)?);
    if count == 0 {
        return Ok(list);
    }
    Ok(Value::list(list.as_list().unwrap_or_default().get(count..).unwrap_or_default()))
}

fn sort(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let items = call.items(&list);
    let descending = call.bool_or(2, false)?;
    let keys = call.keys(&items, 1)?;
    call.eval.charge(items.len().saturating_mul(8))?;
    let mut order: Vec<(Value, Value)> =
        keys.into_iter().zip(list.as_list().unwrap_or_default().iter().cloned()).collect();
    let mut wrong = None;
    order.sort_by(|(a, _), (b, _)| match ordered(a, b) {
        Ok(order) if descending && !a.is_null() && !b.is_null() => order.reverse(),
        Ok(order) => order,
        Err(raise) => {
            wrong.get_or_insert(raise);
            Ordering::Equal
        }
    });
    match wrong {
        Some(raise) => Err(raise),
        None => Ok(Value::list(order.into_iter().map(|(_, item)| item).collect::<Vec<_>>())),
    }
}

/// The order of two keys; null comes last, in lists too.
fn ordered(a: &Value, b: &Value) -> Result<Ordering, Raise> {
    match (&a.data, &b.data) {
        (Data::Null, Data::Null) => Ok(Ordering::Equal),
        (Data::Null, _) => Ok(Ordering::Greater),
        (_, Data::Null) => Ok(Ordering::Less),
        (Data::List(x), Data::List(y)) => {
            for (a, b) in x.items.iter().zip(&y.items) {
                match ordered(a, b)? {
                    Ordering::Equal => {}
                    other => return Ok(other),
                }
            }
            Ok(x.items.len().cmp(&y.items.len()))
        }
        _ => compare(a, b).ok_or_else(|| Raise::invalid(format!("{} and {} have no order", a.kind(), b.kind()))),
    }
}

/// Keeps the first of each key; a set of hashes finds those seen.
fn unique(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let items = call.items(&list);
    let keys = call.keys(&items, 1)?;
    let mut seen = indexmap::IndexSet::<_, rustc_hash::FxBuildHasher>::default();
    let kept = list.as_list().unwrap_or_default().iter().zip(keys);
    Ok(Value::list(kept.filter(|(_, key)| seen.insert(key.hash())).map(|(item, _)| item.clone()).collect::<Vec<_>>()))
}

type Groups = indexmap::IndexMap<ecow::EcoString, Vec<Value>, rustc_hash::FxBuildHasher>;

fn grouped(call: &mut Call<'_, '_>) -> Result<Groups, Raise> {
    let list = call.list(0)?;
    let items = call.items(&list);
    if !call.given(1) {
        return Err(call.unfit(1, "a lambda"));
    }
    let keys = call.keys(&items, 1)?;
    let mut groups = Groups::default();
    for (item, key) in list.as_list().unwrap_or_default().iter().zip(keys) {
        groups.entry(key.display_text().into()).or_default().push(item.clone());
    }
    Ok(groups)
}

fn group(call: &mut Call<'_, '_>) -> Made {
    Ok(Value::record(grouped(call)?.into_iter().map(|(key, items)| (key, Value::list(items)))))
}

fn count_by(call: &mut Call<'_, '_>) -> Made {
    Ok(Value::record(grouped(call)?.into_iter().map(|(key, items)| (key, Value::int(items.len() as i64)))))
}

fn index_by(call: &mut Call<'_, '_>) -> Made {
    let groups = grouped(call)?.into_iter();
    Ok(Value::record(groups.map(|(key, mut items)| (key, items.pop().unwrap_or(Value::NULL)))))
}

fn condition(call: &mut Call<'_, '_>, item: &Value) -> Result<bool, Raise> {
    let result = if call.given(1) { call.invoke(1, &[item])? } else { item.clone() };
    call.see(&result);
    result.as_bool().ok_or_else(|| Raise::kind("`true` or `false` for each element", result.kind()))
}

fn count(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let items = call.items(&list);
    if !call.given(1) {
        return Ok(Value::int(items.len() as i64));
    }
    let mut count = 0;
    for item in &items {
        count += i64::from(condition(call, item)?);
    }
    Ok(Value::int(count))
}

fn holds_for(call: &mut Call<'_, '_>, any: bool) -> Made {
    let list = call.list(0)?;
    for item in &call.items(&list) {
        if condition(call, item)? == any {
            return Ok(Value::bool(any));
        }
    }
    Ok(Value::bool(!any))
}

fn total(items: &[Value]) -> Made {
    let mut sum = Value::int(0);
    for (at, item) in items.iter().enumerate() {
        let data = if at == 0 {
            operators::negate(item)?;
            item.data.clone()
        } else {
            operators::arithmetic(BinaryOp::Add, &sum, item)?
        };
        sum = Value::new(data);
    }
    Ok(sum)
}

fn sum(call: &mut Call<'_, '_>) -> Made {
    total(call.list(0)?.as_list().unwrap_or_default())
}

fn avg(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let items = list.as_list().unwrap_or_default();
    if items.is_empty() {
        return Ok(Value::NULL);
    }
    let data = operators::arithmetic(BinaryOp::Div, &total(items)?, &Value::int(items.len() as i64))?;
    Ok(Value::new(data))
}

fn extreme(call: &mut Call<'_, '_>, wanted: Ordering) -> Made {
    let list = call.list(0)?;
    let items = call.items(&list);
    let keys = call.keys(&items, 1)?;
    let mut best: Option<(usize, &Value)> = None;
    for (at, key) in keys.iter().enumerate().filter(|(_, key)| !key.is_null()) {
        let better = match best {
            Some((_, had)) => ordered(key, had)? == wanted,
            None => true,
        };
        if better {
            best = Some((at, key));
        }
    }
    Ok(best.and_then(|(at, _)| items.get(at)).cloned().unwrap_or(Value::NULL))
}

fn flatten(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let mut out = Vec::new();
    let mut labels = crate::value::Labels::NONE;
    for inner in list.as_list().unwrap_or_default() {
        let items = inner.as_list().ok_or_else(|| Raise::kind("a list of lists", inner.kind()))?;
        if out.len() + items.len() > MAX_ITEMS {
            return Err(Raise::too_large("the list", "1,000,000 elements"));
        }
        out.extend_from_slice(items);
        labels = labels.join(&inner.labels);
    }
    Ok(call.make_list(out)?.joined(&labels))
}

fn compact(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let items = list.as_list().unwrap_or_default();
    items.iter().filter(|item| item.is_null()).for_each(|item| call.see(item));
    call.make_list(items.iter().filter(|item| !item.is_null()).cloned().collect())
}

fn pair(left: &Value, right: &Value) -> Value {
    Value::record([("left", left.clone()), ("right", right.clone())])
}

fn zip(call: &mut Call<'_, '_>) -> Made {
    let (left, right) = (call.list(0)?, call.list(1)?);
    let pairs = left.as_list().unwrap_or_default().iter().zip(right.as_list().unwrap_or_default());
    call.make_list(pairs.map(|(left, right)| pair(left, right)).collect())
}

fn chunk(call: &mut Call<'_, '_>) -> Made {
    let (list, size) = (call.list(0)?, call.count(1)?);
    if size == 0 {
        return Err(Raise::invalid("`chunk` expects a `size` of at least 1"));
    }
    call.make_list(list.as_list().unwrap_or_default().chunks(size).map(Value::list).collect())
}

fn range(call: &mut Call<'_, '_>) -> Made {
    let step = if call.given(2) { call.int(2)? } else { 1 };
    let items = crate::eval::integer_range(call.int(0)?, call.int(1)?, step)?;
    call.make_list(items)
}

fn index_of(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let place = list.as_list().unwrap_or_default().iter().position(|item| equals(item, call.value(1)));
    Ok(place.map_or(Value::NULL, |at| Value::int(at as i64)))
}

fn fold(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let mut so_far = call.value(1).clone();
    for item in &call.items(&list) {
        so_far = crate::eval::bounded(call.invoke(2, &[&so_far, item])?)?;
    }
    Ok(so_far.joined(&list.labels))
}

fn difference(call: &mut Call<'_, '_>) -> Made {
    let (list, without) = (call.list(0)?, call.list(1)?);
    let (items, others) = (call.items(&list), call.items(&without));
    let gone: indexmap::IndexSet<_, rustc_hash::FxBuildHasher> =
        call.keys(&others, 2)?.iter().map(Value::hash).collect();
    let keys = call.keys(&items, 2)?;
    let kept = list.as_list().unwrap_or_default().iter().zip(keys);
    let kept = kept.filter(|(_, key)| !gone.contains(&key.hash())).map(|(item, _)| item.clone());
    Ok(Value::list(kept.collect::<Vec<_>>()))
}

fn join_by(call: &mut Call<'_, '_>) -> Made {
    let (left, right) = (call.list(0)?, call.list(1)?);
    let (lefts, rights) = (call.items(&left), call.items(&right));
    let left_keys = call.keys(&lefts, 2)?;
    let right_keys = call.keys(&rights, 3)?;
    let mut partners = indexmap::IndexMap::<_, Vec<&Value>, rustc_hash::FxBuildHasher>::default();
    let partner_keys = right.as_list().unwrap_or_default().iter().zip(&right_keys);
    for (item, key) in partner_keys.filter(|(_, key)| !key.is_null()) {
        partners.entry(key.hash()).or_default().push(item);
    }
    let mut pairs = Vec::new();
    for (item, key) in left.as_list().unwrap_or_default().iter().zip(&left_keys) {
        let found = partners.get(&key.hash()).map(Vec::as_slice).unwrap_or_default();
        if pairs.len() + found.len() > MAX_ITEMS {
            return Err(Raise::too_large("the list", "1,000,000 elements"));
        }
        pairs.extend(found.iter().map(|other| pair(item, other)));
    }
    call.make_list(pairs)
}
