//! Formulas as text: `2 * len(leads) + 3`, `5s * len(leads) + 1m`.

use super::sum::{Atom, Sum};
use std::collections::BTreeMap;

/// What the numbers of a formula are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Counts.
    Count,
    /// Milliseconds.
    Time,
    /// Billionths of what tools cost.
    Cost,
}

impl Sum {
    /// As a person reads it.
    pub fn text(&self, unit: Unit) -> String {
        match self {
            Sum::Unbounded => "unbounded".into(),
            Sum::Of(terms) if terms.is_empty() => quantity(0, unit),
            Sum::Of(terms) => sum(terms, unit),
        }
    }
}

fn sum(terms: &BTreeMap<Vec<Atom>, u64>, unit: Unit) -> String {
    let mut parts: Vec<(usize, String)> =
        terms.iter().map(|(product, count)| (product.len(), term(product, *count, unit))).collect();
    parts.sort_by_key(|(factors, _)| std::cmp::Reverse(*factors));
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" + ")
}

fn term(product: &[Atom], count: u64, unit: Unit) -> String {
    let timed = product.iter().any(Atom::is_time);
    let number = if timed { quantity(count, Unit::Count) } else { quantity(count, unit) };
    let bare = count == 1 && (timed || unit == Unit::Count) && !product.is_empty();
    let mut parts: Vec<String> = if bare { Vec::new() } else { vec![number] };
    let mut at = 0;
    while let Some(one) = product.get(at) {
        let times = product.iter().skip(at).take_while(|other| *other == one).count();
        let text = atom(one);
        parts.push(if times == 1 { text } else { format!("{text}^{times}") });
        at += times;
    }
    parts.join(" * ")
}

fn atom(one: &Atom) -> String {
    match one {
        Atom::Length(source) => format!("len({source})"),
        Atom::Whole(source) | Atom::Time(source) => source.to_string(),
        Atom::Share(sum, by) => {
            let text = sum.text(Unit::Count);
            let text = if text.contains(" + ") { format!("({text})") } else { text };
            format!("ceil({text} / {by})")
        }
        Atom::Largest(sums, times) => {
            let unit = if *times { Unit::Time } else { Unit::Count };
            format!("max({})", sums.iter().map(|sum| sum.text(unit)).collect::<Vec<_>>().join(", "))
        }
    }
}

impl Unit {
    /// A number with its unit.
    pub fn quantity(self, number: u64) -> String {
        match self {
            Unit::Count => number.to_string(),
            Unit::Time => duration(number),
            Unit::Cost => cost(number),
        }
    }
}

fn quantity(number: u64, unit: Unit) -> String {
    unit.quantity(number)
}

/// `1h30m`
pub fn duration(ms: u64) -> String {
    const UNITS: [(&str, u64); 6] =
        [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
    let Some(first) = UNITS.iter().position(|(_, size)| ms >= *size) else { return "0s".into() };
    let mut out = String::new();
    let mut left = ms;
    for (name, size) in UNITS.iter().skip(first) {
        let count = left / size;
        left %= size;
        if count > 0 {
            out += &format!("{count}{name}");
        }
    }
    out
}

/// A cost without the noughts behind.
pub fn cost(billionths: u64) -> String {
    let text = format!("{}.{:09}", billionths / 1_000_000_000, billionths % 1_000_000_000);
    text.trim_end_matches('0').trim_end_matches('.').into()
}

#[cfg(test)]
mod tests {
    use super::super::source::{Root, Source};
    use super::*;

    fn len(name: &str) -> Sum {
        Sum::atom(Atom::Length(Source { root: Root::Other(name.into()), parts: Vec::new() }))
    }

    #[test]
    fn formulas_read_like_formulas() {
        let (a, b, n) = (len("a"), len("b"), Sum::number);
        assert_eq!(a.times(&n(2)).plus(&n(3)).plus(&a).text(Unit::Count), "3 * len(a) + 3");
        assert_eq!(a.times(&b).plus(&n(1)).text(Unit::Count), "len(a) * len(b) + 1");
        assert_eq!(a.times(&a).text(Unit::Count), "len(a)^2");
        assert_eq!(a.times(&n(1500)).plus(&n(90_000)).text(Unit::Time), "1s500ms * len(a) + 1m30s");
        assert_eq!(a.plus(&n(5)).or(&b.plus(&n(7)), false).text(Unit::Count), "max(len(b) + 2, len(a)) + 5");
        assert_eq!(a.plus(&n(5)).or(&n(3), false).text(Unit::Count), "len(a) + 5");
        assert_eq!(a.shared_by(4).times(&n(3)).text(Unit::Count), "3 * ceil(len(a) / 4)");
        assert_eq!(a.plus(&b).shared_by(4).text(Unit::Count), "ceil((len(a) + len(b)) / 4)");
        assert_eq!(n(40_000_000).times(&a).text(Unit::Cost), "0.04 * len(a)");
        assert_eq!(n(0).times(&Sum::Unbounded).text(Unit::Count), "0");
        assert_eq!(n(2).times(&Sum::Unbounded).text(Unit::Count), "unbounded");
    }

    #[test]
    fn nothing_overflows_and_nothing_grows_without_end() {
        let large = Sum::number(u64::MAX / 2);
        assert_eq!(large.plus(&large).plus(&large), Sum::Unbounded);
        assert_eq!(large.times(&large), Sum::Unbounded);
        let mut all = Sum::number(1);
        for at in 0..200 {
            all = all.times(&len(&format!("a{at}")).plus(&Sum::number(1)));
        }
        assert_eq!(all, Sum::Unbounded);
        let mut most = Sum::default();
        for at in 0..200 {
            most = most.or(&len(&format!("a{at}")).plus(&Sum::number(at)), false);
        }
        assert!(most.at(&|_| Some(3)).unwrap() >= 202);
    }

    #[test]
    fn the_larger_is_no_smaller_than_either() {
        let sums = [len("a"), len("b").times(&Sum::number(3)), Sum::number(9), len("a").times(&len("b"))];
        let all = &sums;
        for (x, y, z) in all.iter().flat_map(|x| all.iter().flat_map(move |y| all.iter().map(move |z| (x, y, z)))) {
            let most = x.plus(z).or(&y.plus(z), false).or(x, false);
            for size in [0, 1, 5, 70] {
                let at = |sum: &Sum| sum.at(&|_| Some(size)).unwrap();
                assert!(at(&most) >= at(&x.plus(z)).max(at(&y.plus(z))).max(at(x)));
            }
        }
    }
}
