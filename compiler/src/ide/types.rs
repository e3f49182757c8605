//! Questions about types that only editors ask.

use ecow::EcoString;
use weir_lang::types::{FieldType, Literal, Type, TypeTable};

/// The declared type that a type is, null and marks aside.
pub fn declared_name(ty: &Type) -> Option<EcoString> {
    match ty {
        Type::Named(name) => Some(name.clone()),
        Type::Marked(_, inner) => declared_name(inner),
        Type::Union(members) => {
            let mut others = members.iter().filter(|member| !matches!(member, Type::Null));
            match (others.next(), others.next()) {
                (Some(only), None) => declared_name(only),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The fields that a value of a type has: of every member that is a record.
pub fn fields(ty: &Type, table: &TypeTable) -> Vec<(EcoString, FieldType)> {
    let mut out: Vec<(EcoString, FieldType)> = Vec::new();
    for member in table.members(ty) {
        let Type::Record(record) = member else { continue };
        for (name, field) in &record.fields {
            if !out.iter().any(|(known, _)| known == name) {
                out.push((name.clone(), field.clone()));
            }
        }
    }
    out
}

/// The type of one field.
pub fn field(ty: &Type, name: &str, table: &TypeTable) -> Option<Type> {
    match table.head(ty) {
        Type::Json => return Some(Type::Json),
        Type::Map(value) => return Some((**value).clone()),
        _ => {}
    }
    fields(ty, table).into_iter().find(|(known, _)| known == name).map(|(_, field)| field.read())
}

/// What a list holds.
pub fn element(ty: &Type, table: &TypeTable) -> Option<Type> {
    table.members(ty).into_iter().find_map(|member| match member {
        Type::List(element) | Type::Map(element) => Some((**element).clone()),
        Type::Json => Some(Type::Json),
        _ => None,
    })
}

/// The constants that a value of a type can be, as they are written.
pub fn constants(ty: &Type, table: &TypeTable) -> Vec<String> {
    let mut out = Vec::new();
    for member in table.members(ty) {
        match member {
            Type::Literal(Literal::String(text)) => out.push(format!("{text:?}")),
            Type::Literal(other) => out.push(other.to_string()),
            Type::Bool => out.extend(["true".to_owned(), "false".to_owned()]),
            Type::Null => out.push("null".to_owned()),
            _ => {}
        }
    }
    // That it may be null alone says nothing.
    if out == ["null"] { Vec::new() } else { out }
}
