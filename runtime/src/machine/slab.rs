//! An arena with generations: places are reused, stale names of them find nothing.

use std::marker::PhantomData;

/// The name of something in a [`Slab`].
pub(crate) struct Id<T> {
    at: u32,
    generation: u32,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Id<T> {}

impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at && self.generation == other.generation
    }
}

impl<T> Eq for Id<T> {}

impl<T> std::fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}.{}", self.at, self.generation)
    }
}

/// The arena.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { places: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    /// How many are there.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// A name that never finds anything.
    pub(crate) fn dangling(&self) -> Id<T> {
        Id { at: u32::MAX, generation: 0, kind: PhantomData }
    }

    /// Puts one in.
    pub(crate) fn insert(&mut self, value: T) -> Id<T> {
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let mut generation = 0;
        if let Some(place) = self.places.get_mut(at as usize) {
            place.0 = place.0.wrapping_add(1);
            generation = place.0;
            place.1 = Some(value);
        }
        Id { at, generation, kind: PhantomData }
    }

    /// The one of that name, if it is still there.
    pub(crate) fn get(&self, id: Id<T>) -> Option<&T> {
        self.places.get(id.at as usize).filter(|place| place.0 == id.generation)?.1.as_ref()
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, id: Id<T>) -> Option<&mut T> {
        self.places.get_mut(id.at as usize).filter(|place| place.0 == id.generation)?.1.as_mut()
    }

    /// Takes it out.
    pub(crate) fn remove(&mut self, id: Id<T>) -> Option<T> {
        let place = self.places.get_mut(id.at as usize).filter(|place| place.0 == id.generation)?;
        let value = place.1.take()?;
        self.free.push(id.at);
        Some(value)
    }

    /// All, by place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.1.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_name_finds_nothing() {
        let mut slab = Slab::default();
        let a = slab.insert("a");
        slab.remove(a);
        let b = slab.insert("b");
        assert_eq!((slab.get(a), slab.get(b), slab.len()), (None, Some(&"b"), 1));
    }
}
