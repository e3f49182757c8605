//! Names in reach, the innermost last. A name is found without going through all of them: a flow may have thousands.

use ecow::EcoString;
use rustc_hash::FxHashMap;

/// What stands for each name in reach.
#[derive(Clone, Debug)]
pub(crate) struct Reach<T> {
    all: Vec<(EcoString, T)>,
    /// Where in `all` a name stands, the innermost last.
    places: FxHashMap<EcoString, Vec<usize>>,
}

impl<T> Default for Reach<T> {
    fn default() -> Self {
        Reach { all: Vec::new(), places: FxHashMap::default() }
    }
}

impl<T> Reach<T> {
    /// Brings a name into reach.
    pub fn push(&mut self, name: EcoString, value: T) {
        self.places.entry(name.clone()).or_default().push(self.all.len());
        self.all.push((name, value));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Takes all names behind the first `count` out of reach.
    pub fn truncate(&mut self, count: usize) {
        for (name, _) in self.all.drain(count.min(self.all.len())..) {
            self.places.get_mut(&name).and_then(Vec::pop);
        }
    }

    /// Where the innermost of that name stands.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name)?.last().copied()
    }

    /// What the innermost of that name stands for.
    pub fn named(&self, name: &str) -> Option<&T> {
        self.get(self.place(name)?)
    }

    /// What stands at a place.
    pub fn get(&self, at: usize) -> Option<&T> {
        self.all.get(at).map(|(_, value)| value)
    }

    /// What stands at a place.
    pub fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.all.get_mut(at).map(|(_, value)| value)
    }

    /// All of them, the outermost first.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.all.iter().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_name_counts_until_it_is_out_of_reach() {
        let mut reach = Reach::default();
        reach.push("a".into(), 1);
        let mark = reach.len();
        reach.push("b".into(), 2);
        reach.push("a".into(), 3);
        assert_eq!((reach.named("a"), reach.named("b"), reach.place("a")), (Some(&3), Some(&2), Some(2)));
        reach.truncate(mark);
        assert_eq!((reach.named("a"), reach.named("b"), reach.values().count()), (Some(&1), None, 1));
    }
}
