//! Type variables of the library's signatures.

use super::ops::join;
use ecow::EcoString;
use indexmap::IndexMap;
use std::sync::Arc;
use weir_lang::types::{FieldType, LambdaType, RecordType, Type, TypeTable, fits};
use weir_stdlib::functions::Signature;

/// Binds the variables of `pattern` so that `found` fits it, where that is possible.
pub fn unify(pattern: &Type, found: &Type, bound: &mut IndexMap<EcoString, Type>, types: &TypeTable) {
    match (pattern, types.head(found)) {
        (Type::Var(name), _) => bind(name, found, bound, types),
        (Type::List(a), Type::List(b)) => unify(a, b, bound, types),
        (Type::Map(a), Type::Map(b)) => unify(a, b, bound, types),
        (Type::Map(a), Type::Record(record)) => {
            for field in record.fields.values() {
                unify(a, &field.read(), bound, types);
            }
        }
        (Type::Record(a), Type::Record(b)) => {
            for (name, field) in &a.fields {
                if let Some(other) = b.fields.get(name) {
                    unify(&field.ty, &other.ty, bound, types);
                }
            }
        }
        (Type::Union(members), _) => unify_union(members, found, bound, types),
        _ => {}
    }
}

/// A union pattern: members without variables take what fits them, the rest goes to the others.
fn unify_union(members: &[Type], found: &Type, bound: &mut IndexMap<EcoString, Type>, types: &TypeTable) {
    let (open, closed): (Vec<&Type>, Vec<&Type>) = members.iter().partition(|member| has_variable(member));
    let rest = found.keep(types, &|one| !closed.iter().any(|member| fits(one, member, types).is_ok()));
    if rest.is_empty() {
        return;
    }
    let rest = Type::union(rest);
    let shaped = open.iter().find(|member| {
        !matches!(member, Type::Var(_)) && std::mem::discriminant(**member) == std::mem::discriminant(types.head(&rest))
    });
    if let Some(member) = shaped.or_else(|| open.iter().find(|member| matches!(member, Type::Var(_)))) {
        unify(member, &rest, bound, types);
    }
}

fn bind(name: &EcoString, found: &Type, bound: &mut IndexMap<EcoString, Type>, types: &TypeTable) {
    if let Some(limit) = Signature::bound(name) {
        let had = bound.get(name).cloned();
        let all = had.map_or_else(|| found.clone(), |had| Type::union([had, found.clone()]));
        let member = types.members(&limit).into_iter().find(|member| fits(&all, member, types).is_ok());
        bound.insert(name.clone(), member.cloned().unwrap_or(limit));
        return;
    }
    let joined = match bound.get(name) {
        Some(had) => join(had, found, types),
        None => found.clone(),
    };
    bound.insert(name.clone(), joined);
}

fn has_variable(ty: &Type) -> bool {
    match ty {
        Type::Var(_) => true,
        Type::List(inner) | Type::Map(inner) | Type::Marked(_, inner) => has_variable(inner),
        Type::Record(record) => record.fields.values().any(|field| has_variable(&field.ty)),
        Type::Union(members) => members.iter().any(has_variable),
        Type::Lambda(lambda) => lambda.params.iter().any(has_variable) || has_variable(&lambda.returns),
        _ => false,
    }
}

/// A type with its variables replaced; unbound ones become [`Type::Never`].
pub fn substitute(ty: &Type, bound: &IndexMap<EcoString, Type>) -> Type {
    replace(ty, &|name| bound.get(name).cloned().unwrap_or(Type::Never))
}

/// A type with its variables replaced; unbound ones stay, for messages.
pub fn substitute_bound(ty: &Type, bound: &IndexMap<EcoString, Type>) -> Type {
    replace(ty, &|name| bound.get(name).cloned().unwrap_or_else(|| Type::Var(name.clone())))
}

fn replace(ty: &Type, with: &dyn Fn(&EcoString) -> Type) -> Type {
    match ty {
        Type::Var(name) => with(name),
        Type::List(inner) => Type::list(replace(inner, with)),
        Type::Map(inner) => Type::map(replace(inner, with)),
        Type::Marked(mark, inner) => Type::Marked(*mark, Arc::new(replace(inner, with))),
        Type::Union(members) => Type::union(members.iter().map(|member| replace(member, with))),
        Type::Record(record) => {
            let fields = record.fields.iter().map(|(name, field)| {
                (
                    name.clone(),
                    FieldType { ty: replace(&field.ty, with), optional: field.optional, doc: field.doc.clone() },
                )
            });
            Type::Record(Arc::new(RecordType { fields: fields.collect() }))
        }
        Type::Lambda(lambda) => Type::Lambda(Arc::new(LambdaType {
            params: lambda.params.iter().map(|param| replace(param, with)).collect(),
            returns: replace(&lambda.returns, with),
        })),
        other => other.clone(),
    }
}

/// The same where every variable is bound; None while one is not.
pub fn substitute_known(ty: &Type, bound: &IndexMap<EcoString, Type>) -> Option<Type> {
    let known = |ty: &Type| !unbound(ty, bound);
    known(ty).then(|| substitute(ty, bound))
}

fn unbound(ty: &Type, bound: &IndexMap<EcoString, Type>) -> bool {
    match ty {
        Type::Var(name) => !bound.contains_key(name),
        Type::List(inner) | Type::Map(inner) | Type::Marked(_, inner) => unbound(inner, bound),
        Type::Record(record) => record.fields.values().any(|field| unbound(&field.ty, bound)),
        Type::Union(members) => members.iter().any(|member| unbound(member, bound)),
        Type::Lambda(lambda) => {
            lambda.params.iter().any(|param| unbound(param, bound)) || unbound(&lambda.returns, bound)
        }
        _ => false,
    }
}
