//! Why a value is not trusted: the source that it comes from, and the parameters that it depends on.

use ecow::{EcoString, EcoVec};
use std::rc::Rc;
use weir_lang::span::Loc;

/// A source, or a step of the way from one, by its place in [`Origins`].
pub(super) type Origin = u32;

/// What stands at a path of a parameter: the path's number and, in the two lowest bits, [`OWN`] and [`COMPUTED`].
pub(super) type Atom = u32;

/// Only the value itself (length, order, which one), not its parts.
pub(super) const OWN: u32 = 1;
/// Something computed from it, so that an id is no id any more.
pub(super) const COMPUTED: u32 = 2;

/// Why a value is not trusted; empty: it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Taint {
    /// Where it comes from.
    pub origin: Option<Origin>,
    /// It is an id that a server returned: no harm in a call of that server.
    pub id_of: Option<(Origin, EcoString)>,
    /// It is trusted where these are; sorted.
    pub atoms: EcoVec<Atom>,
    /// It would not be trusted had a validator not looked at its form.
    pub form: Option<Rc<Form>>,
}

/// A value that a validator let pass for its form.
#[derive(Debug)]
pub(super) struct Form {
    /// The validator, by the flow's place.
    pub validator: usize,
    /// Where the value came from.
    pub origin: Option<Origin>,
    /// On what it depended; sorted.
    pub atoms: EcoVec<Atom>,
}

impl Taint {
    /// From a source.
    pub fn of(origin: Origin) -> Taint {
        Taint { origin: Some(origin), ..Taint::default() }
    }

    /// Of what stands at a parameter's path.
    pub fn atom(atom: Atom) -> Taint {
        Taint { atoms: EcoVec::from([atom]), ..Taint::default() }
    }

    /// Of what stands at many paths of parameters, in any order.
    pub fn add_atoms(&mut self, atoms: impl IntoIterator<Item = Atom>) {
        let mut more: Vec<Atom> = atoms.into_iter().collect();
        more.sort_unstable();
        more.dedup();
        merge(&mut self.atoms, &more);
    }

    pub fn is_empty(&self) -> bool {
        self.origin.is_none() && self.id_of.is_none() && self.atoms.is_empty() && self.form.is_none()
    }

    /// Whether it is certainly or possibly untrusted.
    pub fn counts(&self) -> bool {
        self.origin.is_some() || self.id_of.is_some() || !self.atoms.is_empty()
    }

    pub fn add(&mut self, other: &Taint) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other.clone();
            return;
        }
        self.origin = self.origin.or(other.origin);
        match (&self.id_of, &other.id_of) {
            (Some((_, a)), Some((from, b))) if a != b => self.origin = self.origin.or(Some(*from)),
            (None, Some(id)) => self.id_of = Some(id.clone()),
            _ => {}
        }
        merge(&mut self.atoms, &other.atoms);
        self.form = join_forms(self.form.take(), other.form.as_ref());
    }

    pub fn joined(&self, other: &Taint) -> Taint {
        let mut out = self.clone();
        out.add(other);
        out
    }

    /// Of something computed from a value with this taint.
    pub fn computed(mut self) -> Taint {
        if let Some((origin, _)) = self.id_of.take() {
            self.origin = self.origin.or(Some(origin));
        }
        if self.atoms.iter().any(|atom| atom & COMPUTED == 0) {
            let mut atoms: Vec<Atom> = self.atoms.iter().map(|atom| atom | COMPUTED).collect();
            atoms.sort_unstable();
            atoms.dedup();
            self.atoms = atoms.into_iter().collect();
        }
        self
    }

    /// What makes it untrusted in a call of `server`.
    pub fn blame(&self, server: &str) -> Option<Origin> {
        let id = self.id_of.as_ref().filter(|(_, of)| server.is_empty() || of != server);
        self.origin.or(id.map(|(origin, _)| *origin))
    }

    /// The same but for where it comes from: what a fixed point is found by.
    pub fn same(&self, other: &Taint) -> bool {
        let form = |form: &Option<Rc<Form>>| form.as_ref().map(|form| (form.origin.is_some(), form.atoms.clone()));
        self.origin.is_some() == other.origin.is_some()
            && self.id_of.is_some() == other.id_of.is_some()
            && self.atoms == other.atoms
            && form(&self.form) == form(&other.form)
    }
}

/// Both are sorted, and so is the result.
fn merge(atoms: &mut EcoVec<Atom>, more: &[Atom]) {
    if more.iter().all(|atom| atoms.binary_search(atom).is_ok()) {
        return;
    }
    let mut all = Vec::with_capacity(atoms.len() + more.len());
    let mut rest = atoms.as_slice();
    for atom in more {
        let (before, behind) = rest.split_at(rest.partition_point(|known| known < atom));
        all.extend_from_slice(before);
        all.push(*atom);
        rest = behind.strip_prefix(&[*atom]).unwrap_or(behind);
    }
    all.extend_from_slice(rest);
    *atoms = EcoVec::from(all.as_slice());
}

fn join_forms(a: Option<Rc<Form>>, b: Option<&Rc<Form>>) -> Option<Rc<Form>> {
    match (a, b) {
        (Some(a), Some(b)) if !Rc::ptr_eq(&a, b) => {
            let first = if a.origin.is_none() && b.origin.is_some() { b.validator } else { a.validator };
            let mut atoms = a.atoms.clone();
            merge(&mut atoms, &b.atoms);
            Some(Rc::new(Form { validator: first, origin: a.origin.or(b.origin), atoms }))
        }
        (Some(a), _) => Some(a),
        (None, b) => b.cloned(),
    }
}

/// Where untrusted data comes from, and the ways that it takes.
#[derive(Debug, Default)]
pub(super) struct Origins {
    all: Vec<Place>,
}

/// A source or a step of the way.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub loc: Loc,
    pub text: EcoString,
    /// What was before; none at the source.
    before: Option<Origin>,
}

/// The longest way that a message tells.
const WAY: usize = 3;
/// The longest way that a listing tells.
const LONGEST: usize = 64;

impl Origins {
    pub fn source(&mut self, loc: Loc, text: impl Into<EcoString>) -> Origin {
        self.push(Place { loc, text: text.into(), before: None })
    }

    pub fn step(&mut self, before: Origin, loc: Loc, text: impl Into<EcoString>) -> Origin {
        self.push(Place { loc, text: text.into(), before: Some(before) })
    }

    fn push(&mut self, place: Place) -> Origin {
        self.all.push(place);
        Origin::try_from(self.all.len().saturating_sub(1)).unwrap_or(Origin::MAX)
    }

    pub fn get(&self, origin: Origin) -> Option<&Place> {
        self.all.get(origin as usize)
    }

    /// The source, then every step of the way.
    pub fn whole_way(&self, origin: Origin) -> Vec<&Place> {
        let mut places = Vec::new();
        let mut at = self.get(origin);
        while let Some(place) = at.filter(|_| places.len() < LONGEST) {
            places.push(place);
            at = place.before.and_then(|before| self.get(before));
        }
        places.reverse();
        places
    }

    /// The source, then the last steps of the way.
    pub fn way(&self, origin: Origin) -> Vec<&Place> {
        let mut places = Vec::new();
        let mut at = self.get(origin);
        while let Some(place) = at {
            places.push(place);
            at = place.before.and_then(|before| self.get(before));
        }
        let source = places.pop();
        places.truncate(WAY);
        places.extend(source);
        places.reverse();
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_good_for_its_own_server_only_and_only_as_it_is() {
        let id = Taint { id_of: Some((7, "crm".into())), ..Taint::default() };
        assert_eq!((id.blame("crm"), id.blame("erp"), id.blame("")), (None, Some(7), Some(7)));
        assert_eq!(id.clone().computed().blame("crm"), Some(7));
        let other = Taint { id_of: Some((8, "erp".into())), ..Taint::default() };
        assert_eq!(id.joined(&other).blame("crm"), Some(8));
        assert!(Taint::of(3).joined(&id).blame("crm").is_some());
    }

    #[test]
    fn joining_keeps_what_either_has() {
        let both = Taint::atom(4).joined(&Taint::atom(2)).joined(&Taint::atom(4));
        assert_eq!(both.atoms.as_slice(), [2, 4]);
        assert!(both.counts() && !Taint::default().counts());
        assert_eq!(both.computed().atoms.as_slice(), [2, 6]);
    }
}
