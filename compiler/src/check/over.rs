//! A `tool` declaration over a locked tool: it may say more than the schema, and must not contradict it.

use super::Checker;
use super::errors;
use crate::registry::{Tool, schema};
use ecow::EcoString;
use weir_lang::ast::ToolDecl;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::Loc;
use weir_lang::types::{Literal, RecordType, Type, TypeTable};

impl Checker {
    /// Holds the declaration of a tool against what its server says of it.
    pub(super) fn check_over(&mut self, module: usize, decl: &ToolDecl, declared: &Tool, locked: &Tool) {
        let name = &locked.name;
        let mut found: Vec<Diagnostic> = Vec::new();
        let open = takes_others(locked);
        for param in &decl.params {
            let loc = self.program.loc(module, param.name.span);
            let given = declared.params.get(&param.name.name);
            let known = locked.params.get(&param.name.name);
            match (given, known) {
                (Some(_), None) if !open => {
                    let near = self.near(&param.name.name, locked.params.keys().map(EcoString::as_str));
                    found.push(errors::contradicts_parameter(loc, name, &param.name.name, near));
                }
                (Some(given), Some(known)) if !may_share(&given.ty, &known.ty, &self.program.types) => {
                    let loc = self.program.loc(module, param.ty.span);
                    let what = format!("`{}` of `{name}`", param.name.name);
                    found.push(errors::contradicts_type(loc, &what, &known.ty, &given.ty));
                }
                (Some(given), Some(known)) if given.optional && !known.optional && param.default.is_none() => {
                    found.push(errors::contradicts_optional(loc, name, &param.name.name));
                }
                _ => {}
            }
        }
        let key = declared.accepts_key.as_ref();
        for (param, known) in locked.params.iter().filter(|(_, known)| !known.optional) {
            if !declared.params.contains_key(param) && key != Some(param) {
                let loc = self.program.loc(module, decl.path.span);
                found.push(errors::contradicts_required(loc, name, param, &known.ty));
            }
        }
        found.extend(self.result_over(module, decl, declared, locked));
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    fn result_over(&self, module: usize, decl: &ToolDecl, declared: &Tool, locked: &Tool) -> Option<Diagnostic> {
        let returns = decl.returns.as_ref()?;
        // A result without a schema is a text, which may be read as JSON.
        let schema = locked.definition.as_ref().is_some_and(|definition| definition.output.is_some());
        if !schema || may_share(&declared.output, &locked.output, &self.program.types) {
            return None;
        }
        let loc: Loc = self.program.loc(module, returns.span);
        let what = format!("the result of `{}`", locked.name);
        Some(errors::contradicts_type(loc, &what, &locked.output, &declared.output))
    }

    /// Tools that flows call have schemas that values can be held against.
    pub(super) fn check_called(&mut self) {
        for (name, loc) in std::mem::take(&mut self.called) {
            let definition = self.program.tools.get(&name).and_then(|tool| tool.definition.clone());
            let Some(Ok(definition)) = definition.map(|written| written.read()) else { continue };
            let schemas = [Some(&definition.input), definition.output.as_ref()];
            let refused = schemas.into_iter().flatten().find_map(|schema| schema::compile(schema).err());
            if let Some(refused) = refused {
                self.report(errors::call_of_unusable(loc, &name, &refused.0));
            }
        }
    }

    /// What is said of a name that should be a tool's and is none; None: the lock file is broken, which was said there.
    pub(super) fn absent_tool(&self, loc: Loc, name: &str) -> Option<Diagnostic> {
        let server = name.split('.').next().unwrap_or(name);
        if let Some(why) = self.servers.unusable.get(name) {
            return Some(errors::call_of_unusable(loc, name, why));
        }
        if self.servers.denied.contains(name) {
            return Some(errors::call_of_denied(loc, name, server));
        }
        let known = self.program.tools.values().any(|tool| tool.server() == server);
        if !known && self.servers.broken {
            return None;
        }
        if !known && self.is_unlocked(server) {
            return Some(errors::call_of_unlocked(loc, name, server));
        }
        let flows = self.program.flows.iter().map(|flow| flow.name.as_str());
        let near = self.near(name, self.program.tools.keys().map(EcoString::as_str).chain(flows));
        Some(errors::unknown_tool(loc, name, known, near))
    }
}

/// Whether the schema says that fields of any name may be given.
fn takes_others(tool: &Tool) -> bool {
    let Some(Ok(definition)) = tool.definition.as_ref().map(|written| written.read()) else { return false };
    let others = definition.input.get("additionalProperties");
    others.is_some_and(|others| *others != serde_json::Value::Bool(false))
        || definition.input.get("patternProperties").is_some()
}

/// Whether some value may fit both types; true where that is not known.
fn may_share(a: &Type, b: &Type, types: &TypeTable) -> bool {
    share(a, b, types, 0)
}

fn share(a: &Type, b: &Type, types: &TypeTable, depth: usize) -> bool {
    if depth > 16 {
        return true;
    }
    let below = |a: &Type, b: &Type| share(a, b, types, depth + 1);
    match (types.head(a), types.head(b)) {
        (Type::Union(members), other) | (other, Type::Union(members)) => {
            members.iter().any(|member| below(member, other))
        }
        (Type::Record(one), Type::Record(two)) => records_share(one, two, &below),
        (Type::Record(_), Type::Map(_)) | (Type::Map(_), Type::Record(_) | Type::Map(_)) => true,
        (Type::List(_), Type::List(_)) => true,
        (Type::Literal(one), Type::Literal(two)) => one == two,
        (Type::Literal(literal), other) | (other, Type::Literal(literal)) => {
            kind(&literal_base(literal)) & kind(other) != 0
        }
        (
            Type::Int(one) | Type::Number(one) | Type::Decimal(one),
            Type::Int(two) | Type::Number(two) | Type::Decimal(two),
        ) => {
            let before = |hi: Option<_>, lo: Option<_>| matches!((hi, lo), (Some(hi), Some(lo)) if hi < lo);
            !before(one.hi, two.lo) && !before(two.hi, one.lo)
        }
        (one, two) => kind(one) & kind(two) != 0,
    }
}

fn records_share(one: &RecordType, two: &RecordType, below: &dyn Fn(&Type, &Type) -> bool) -> bool {
    one.fields.iter().all(|(name, field)| match two.fields.get(name) {
        Some(other) if !field.optional && !other.optional => below(&field.ty, &other.ty),
        _ => true,
    })
}

/// The kinds of JSON value that a type may be written as, a bit each.
fn kind(ty: &Type) -> u8 {
    match ty {
        Type::Null => 1,
        Type::Bool => 2,
        Type::Int(_) | Type::Number(_) => 4,
        Type::Decimal(_) => 4 | 8,
        Type::String(_) | Type::Time | Type::Date | Type::Duration => 8,
        Type::List(_) => 16,
        Type::Map(_) | Type::Record(_) => 32,
        _ => 63,
    }
}

fn literal_base(literal: &Literal) -> Type {
    Type::Literal(literal.clone()).base()
}
