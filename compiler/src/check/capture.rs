//! The record that `capture` gives, from the named groups of its pattern.

use regex_syntax::hir::{Hir, HirKind};
use weir_lang::types::Type;

/// A field a named group: `string` where the group takes part in every match, else `string?`.
pub fn groups(pattern: &str) -> Option<Type> {
    let hir = regex_syntax::Parser::new().parse(pattern).ok()?;
    let mut fields = Vec::new();
    collect(&hir, true, &mut fields);
    Some(Type::record(fields))
}

fn collect(hir: &Hir, always: bool, fields: &mut Vec<(String, Type)>) {
    match hir.kind() {
        HirKind::Capture(group) => {
            if let Some(name) = &group.name {
                fields.push((name.to_string(), if always { Type::STRING } else { Type::STRING.nullable() }));
            }
            collect(&group.sub, always, fields);
        }
        HirKind::Repetition(repetition) => collect(&repetition.sub, always && repetition.min > 0, fields),
        HirKind::Concat(parts) => parts.iter().for_each(|part| collect(part, always, fields)),
        HirKind::Alternation(parts) => parts.iter().for_each(|part| collect(part, false, fields)),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn groups_that_may_not_take_part_are_nullable() {
        let ty = super::groups(r"(?<day>\d+)( (?<hour>\d+))?").unwrap();
        assert_eq!(ty.to_string(), "{ day: string, hour: string? }");
    }
}
