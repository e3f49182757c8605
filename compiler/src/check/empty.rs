//! Types that can have no value, since each would have to contain another (`type A = { a: A }`).

use super::Checker;
use super::errors;
use super::program::ItemRef;
use ecow::EcoString;
use rustc_hash::FxHashMap;
use weir_lang::types::Type;

/// Which types can have a value: each part waits for so many others. Every part is looked at once, so that this takes no
/// longer than the types are long.
#[derive(Default)]
struct Parts {
    /// How many others a part still waits for, and which wait for it.
    parts: Vec<(usize, Vec<usize>)>,
    filled: Vec<usize>,
}

impl Checker {
    /// Reports the first of the types that can have no value.
    pub(super) fn report_empty_types(&mut self, places: &[(EcoString, ItemRef)]) {
        let declared: FxHashMap<&EcoString, usize> =
            places.iter().enumerate().map(|(at, (name, _))| (name, at)).collect();
        let mut parts = Parts { parts: vec![(1, Vec::new()); places.len()], filled: Vec::new() };
        for (at, (name, _)) in places.iter().enumerate() {
            match self.program.types.types.get(name) {
                Some(ty) => parts.wait(ty, at, &declared),
                None => parts.fill(at),
            }
        }
        parts.spread();
        let open = places.iter().zip(&parts.parts).find(|(_, (waits, _))| *waits > 0);
        let Some((name, at)) = open.map(|((name, at), _)| (name.clone(), *at)) else { return };
        if let Some(weir_lang::ast::ItemKind::Type(decl)) = self.program.item(at).map(|item| &item.kind) {
            let loc = self.program.loc(at.module, decl.name.span);
            self.report(errors::type_without_values(loc, &name));
        }
    }
}

impl Parts {
    /// `user` waits for `ty` to have a value.
    fn wait(&mut self, ty: &Type, user: usize, declared: &FxHashMap<&EcoString, usize>) {
        match ty {
            Type::Named(name) => match declared.get(name) {
                Some(at) => self.parts.get_mut(*at).into_iter().for_each(|(_, users)| users.push(user)),
                None => self.fill(user),
            },
            Type::Marked(_, inner) => self.wait(inner, user, declared),
            // One member is enough.
            Type::Union(members) => members.iter().for_each(|member| self.wait(member, user, declared)),
            Type::Record(record) => {
                let needed: Vec<&Type> =
                    record.fields.values().filter(|field| !field.optional).map(|field| &field.ty).collect();
                let part = self.parts.len();
                self.parts.push((needed.len(), vec![user]));
                if needed.is_empty() {
                    self.filled.push(part);
                }
                needed.into_iter().for_each(|ty| self.wait_for_field(ty, part, declared));
            }
            _ => self.fill(user),
        }
    }

    /// A field is one thing to wait for, however many members its type has.
    fn wait_for_field(&mut self, ty: &Type, record: usize, declared: &FxHashMap<&EcoString, usize>) {
        let field = self.parts.len();
        self.parts.push((1, vec![record]));
        self.wait(ty, field, declared);
    }

    /// One that `part` waited for has a value.
    fn fill(&mut self, part: usize) {
        let Some((waits, _)) = self.parts.get_mut(part).filter(|(waits, _)| *waits > 0) else { return };
        *waits -= 1;
        if *waits == 0 {
            self.filled.push(part);
        }
    }

    fn spread(&mut self) {
        while let Some(part) = self.filled.pop() {
            let users = self.parts.get_mut(part).map(|(_, users)| std::mem::take(users)).unwrap_or_default();
            users.into_iter().for_each(|user| self.fill(user));
        }
    }
}
