//! Formulas: sums of products over sizes that are not known before a run. Every one is an upper bound, and nothing
//! overflows: a number that does not fit is as good as unbounded.

use super::source::Source;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A part of a product that is only known when the flow runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// How many elements a list has, the longest where the name stands for several.
    Length(Source),
    /// A whole number; below zero counts as zero.
    Whole(Source),
    /// A duration in milliseconds.
    Time(Source),
    /// A sum divided, rounded up.
    Share(Arc<Sum>, u64),
    /// The largest of some sums, and whether they are times.
    Largest(Arc<Vec<Sum>>, bool),
}

/// A sum of products, or something without an upper bound.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sum {
    /// Products and how often each counts. The empty product is one.
    Of(BTreeMap<Vec<Atom>, u64>),
    /// There is no bound.
    Unbounded,
}

/// How heavy a formula may be before its largest-of parts are added up instead, and before it is given up.
const HEAVY: usize = 160;

impl Default for Sum {
    fn default() -> Self {
        Sum::Of(BTreeMap::new())
    }
}

impl Sum {
    /// A number.
    pub fn number(number: u64) -> Sum {
        let mut out = BTreeMap::new();
        match number {
            0 => {}
            u64::MAX => return Sum::Unbounded,
            _ => {
                out.insert(Vec::new(), number);
            }
        }
        Sum::Of(out)
    }

    /// One of these.
    pub fn atom(atom: Atom) -> Sum {
        Sum::Of(BTreeMap::from([(vec![atom], 1)]))
    }

    /// The number that it is, if it depends on nothing.
    pub fn constant(&self) -> Option<u64> {
        match self {
            Sum::Of(terms) if terms.is_empty() => Some(0),
            Sum::Of(terms) if terms.len() == 1 => terms.get(&Vec::new()).copied(),
            _ => None,
        }
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.constant() == Some(0)
    }

    /// Both.
    pub fn plus(&self, other: &Sum) -> Sum {
        let (Sum::Of(left), Sum::Of(right)) = (self, other) else { return Sum::Unbounded };
        let (long, short) = if left.len() < right.len() { (right, left) } else { (left, right) };
        let mut out = long.clone();
        for (product, count) in short {
            let slot = out.entry(product.clone()).or_insert(0);
            *slot = slot.saturating_add(*count);
        }
        Sum::Of(out).light()
    }

    /// So many times.
    pub fn times(&self, other: &Sum) -> Sum {
        if self.is_zero() || other.is_zero() {
            return Sum::default();
        }
        let (Sum::Of(left), Sum::Of(right)) = (self, other) else { return Sum::Unbounded };
        let mut out: BTreeMap<Vec<Atom>, u64> = BTreeMap::new();
        for (a, count) in left {
            for (b, times) in right {
                let mut product: Vec<Atom> = a.iter().chain(b).cloned().collect();
                product.sort();
                let slot = out.entry(product).or_insert(0);
                *slot = slot.saturating_add(count.saturating_mul(*times));
            }
        }
        Sum::Of(out).light()
    }

    /// The larger of both: what they share, and the larger of the rest.
    pub fn or(&self, other: &Sum, times: bool) -> Sum {
        let (Sum::Of(left), Sum::Of(right)) = (self, other) else { return Sum::Unbounded };
        if covers(left, right) {
            return self.clone();
        }
        if covers(right, left) {
            return other.clone();
        }
        let mut shared = BTreeMap::new();
        for (product, count) in left {
            let both = right.get(product).copied().unwrap_or(0).min(*count);
            if both > 0 {
                shared.insert(product.clone(), both);
            }
        }
        let mut parts = Vec::new();
        for side in [left, right] {
            let rest: BTreeMap<_, _> = side
                .iter()
                .map(|(product, count)| (product.clone(), count - shared.get(product).copied().unwrap_or(0)))
                .filter(|(_, count)| *count > 0)
                .collect();
            match lone_largest(&rest) {
                Some(inner) => parts.extend(inner.iter().cloned()),
                None => parts.push(Sum::Of(rest)),
            }
        }
        let parts = uncovered(parts);
        let rest = match parts.as_slice() {
            [only] => only.clone(),
            _ => Sum::atom(Atom::Largest(Arc::new(parts), times)),
        };
        Sum::Of(shared).plus(&rest)
    }

    /// Divided, rounded up.
    pub fn shared_by(&self, by: u64) -> Sum {
        match (self.constant(), self) {
            (_, Sum::Unbounded) => Sum::Unbounded,
            (Some(number), _) => Sum::number(number.div_ceil(by.max(1))),
            (None, _) if by <= 1 => self.clone(),
            (None, _) => Sum::atom(Atom::Share(Arc::new(self.clone()), by)),
        }
    }

    /// With every source replaced by what it stands for.
    pub fn with(&self, stands: &mut dyn FnMut(&Atom) -> Sum) -> Sum {
        let Sum::Of(terms) = self else { return Sum::Unbounded };
        if terms.keys().all(Vec::is_empty) {
            return self.clone();
        }
        let mut out = Sum::default();
        for (product, count) in terms {
            let mut part = Sum::number(*count);
            for atom in product {
                part = part.times(&atom.with(stands));
            }
            out = out.plus(&part);
        }
        out
    }

    /// Its value where `size` knows every source. A list that is not known has none.
    pub fn at(&self, size: &dyn Fn(&Atom) -> Option<u64>) -> Option<u64> {
        let Sum::Of(terms) = self else { return Some(u64::MAX) };
        let mut all = 0_u64;
        for (product, count) in terms {
            let mut part = *count;
            for atom in product {
                part = part.saturating_mul(atom.at(size)?);
            }
            all = all.saturating_add(part);
        }
        Some(all)
    }

    /// Without the largest-of parts where it is too heavy, and unbounded where that does not help: still an upper bound.
    fn light(self) -> Sum {
        let Sum::Of(terms) = &self else { return self };
        if terms.values().any(|count| *count == u64::MAX) {
            return Sum::Unbounded;
        }
        if weight(terms) <= HEAVY {
            return self;
        }
        let flat = self.flat();
        match &flat {
            Sum::Of(terms) if weight(terms) > HEAVY => Sum::Unbounded,
            _ => flat,
        }
    }

    /// The sum of all instead of the largest.
    fn flat(&self) -> Sum {
        let Sum::Of(terms) = self else { return Sum::Unbounded };
        let mut out: BTreeMap<Vec<Atom>, u64> = BTreeMap::new();
        for (product, count) in terms {
            let mut parts: Vec<(Vec<Atom>, u64)> = vec![(Vec::new(), *count)];
            for atom in product {
                let inner = match atom {
                    Atom::Largest(sums, _) => most_of_each(sums),
                    other => BTreeMap::from([(vec![other.clone()], 1)]),
                };
                parts = parts
                    .iter()
                    .flat_map(|(had, times)| {
                        inner.iter().map(move |(more, count)| {
                            let mut both: Vec<Atom> = had.iter().chain(more).cloned().collect();
                            both.sort();
                            (both, times.saturating_mul(*count))
                        })
                    })
                    .take(HEAVY + 1)
                    .collect();
                if parts.len() > HEAVY {
                    return Sum::Unbounded;
                }
            }
            for (product, count) in parts {
                let slot = out.entry(product).or_insert(0);
                *slot = slot.saturating_add(count);
            }
        }
        Sum::Of(out)
    }
}

impl Atom {
    fn with(&self, stands: &mut dyn FnMut(&Atom) -> Sum) -> Sum {
        match self {
            Atom::Share(sum, by) => sum.with(stands).shared_by(*by),
            Atom::Largest(sums, times) => {
                sums.iter().fold(Sum::default(), |all, one| all.or(&one.with(stands), *times))
            }
            other => stands(other),
        }
    }

    fn at(&self, size: &dyn Fn(&Atom) -> Option<u64>) -> Option<u64> {
        match self {
            Atom::Share(sum, by) => Some(sum.at(size)?.div_ceil((*by).max(1))),
            Atom::Largest(sums, _) => sums.iter().try_fold(0, |most, one| Some(one.at(size)?.max(most))),
            other => size(other),
        }
    }

    /// Whether it is a time and no count.
    pub(super) fn is_time(&self) -> bool {
        matches!(self, Atom::Time(_) | Atom::Largest(_, true))
    }
}

fn weight(terms: &BTreeMap<Vec<Atom>, u64>) -> usize {
    terms.keys().map(|product| 1 + product.iter().map(weight_of).sum::<usize>()).sum()
}

fn weight_of(atom: &Atom) -> usize {
    let inner = |sum: &Sum| match sum {
        Sum::Of(terms) => weight(terms),
        Sum::Unbounded => 1,
    };
    match atom {
        Atom::Share(sum, _) => 1 + inner(sum),
        Atom::Largest(sums, _) => 1 + sums.iter().map(inner).sum::<usize>(),
        _ => 1,
    }
}

/// Whether every product counts at least as often here.
fn covers(here: &BTreeMap<Vec<Atom>, u64>, there: &BTreeMap<Vec<Atom>, u64>) -> bool {
    there.iter().all(|(product, count)| here.get(product).is_some_and(|had| had >= count))
}

/// The sums that no other one covers, each once.
fn uncovered(mut parts: Vec<Sum>) -> Vec<Sum> {
    parts.sort();
    parts.dedup();
    let covered = |one: &Sum| {
        let Sum::Of(one_terms) = one else { return false };
        parts.iter().any(|other| matches!(other, Sum::Of(terms) if other != one && covers(terms, one_terms)))
    };
    parts.iter().filter(|one| !covered(one)).cloned().collect()
}

/// The parts of a sum that is nothing but the largest of some.
fn lone_largest(terms: &BTreeMap<Vec<Atom>, u64>) -> Option<&Vec<Sum>> {
    let (product, count) = terms.iter().next().filter(|_| terms.len() == 1)?;
    match product.as_slice() {
        [Atom::Largest(sums, _)] if *count == 1 => Some(sums),
        _ => None,
    }
}

/// Each product as often as it counts where it counts most.
fn most_of_each(sums: &[Sum]) -> BTreeMap<Vec<Atom>, u64> {
    let mut out: BTreeMap<Vec<Atom>, u64> = BTreeMap::new();
    for sum in sums {
        let Sum::Of(terms) = sum.flat() else { continue };
        for (product, count) in terms {
            let slot = out.entry(product).or_insert(0);
            *slot = count.max(*slot);
        }
    }
    out
}
