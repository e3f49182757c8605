//! Where a thing is declared, and how its declaration reads.

use super::symbol::Symbol;
use super::view::View;
use crate::registry::{Tool, ToolSource};
use ecow::EcoString;
use std::fmt::Write;
use weir_lang::ast::{Flow, ItemKind, TypeExpr, TypeExprKind};
use weir_lang::span::{Loc, Span};
use weir_lang::types::Type;

/// Where a declaration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declared {
    /// In a flow file.
    Here(Loc),
    /// In the lock file: server, and the tool's name there.
    Lock(EcoString, EcoString),
    /// In Weir itself.
    Builtin,
}

impl View<'_> {
    /// Where a thing is declared.
    pub fn declared(&self, symbol: &Symbol) -> Option<Declared> {
        let program = self.program();
        Some(match symbol {
            Symbol::Flow(place) => {
                let home = program.flows.get(*place)?.at.module;
                Declared::Here(program.loc(home, program.flow_ast(*place)?.name.span))
            }
            Symbol::Type(full) => {
                let at = *self.checked.facts.type_places.get(full)?;
                match &program.item(at)?.kind {
                    ItemKind::Type(decl) => Declared::Here(program.loc(at.module, decl.name.span)),
                    _ => return None,
                }
            }
            Symbol::Const(place) => {
                let (module, decl) = program.const_ast(*place)?;
                Declared::Here(program.loc(module, decl.name.span))
            }
            Symbol::Policy(place) => {
                let (module, decl) = program.policy_ast(*place)?;
                Declared::Here(program.loc(module, decl.name.span))
            }
            Symbol::Module(place) => Declared::Here(program.loc(*place, Span::default())),
            Symbol::Tool(name) => self.tool_declared(name, None)?,
            Symbol::ToolParam(tool, name) => self.tool_declared(tool, Some(name))?,
            Symbol::Server(server) => {
                let tools = self.checked.tools.values().filter(|tool| tool.server() == server.as_str());
                tools.filter_map(|tool| self.tool_declared(&tool.name, None)).next()?
            }
            Symbol::Local(loc) | Symbol::Item(loc) => Declared::Here(*loc),
            Symbol::Field(owner, name) => Declared::Here(self.field_declared(owner, name)?),
            Symbol::Function(_) | Symbol::FunctionParam(..) | Symbol::Ambient(_) | Symbol::BaseType(_) => {
                Declared::Builtin
            }
            Symbol::Capability(_) | Symbol::Code(_) => return None,
        })
    }

    fn tool_declared(&self, name: &str, param: Option<&str>) -> Option<Declared> {
        let tool = self.checked.tools.get(name)?;
        match tool.source {
            ToolSource::Builtin => Some(Declared::Builtin),
            ToolSource::Locked => {
                let own = name.split_once('.').map_or("", |(_, own)| own);
                Some(Declared::Lock(tool.server().into(), own.into()))
            }
            ToolSource::Declared { loc, .. } => {
                let module = self.program().modules.get(loc.file.0 as usize)?;
                let decl = module.ast.items.iter().find_map(|item| match &item.kind {
                    ItemKind::Tool(decl) if decl.path.span == loc.span => Some(decl),
                    _ => None,
                })?;
                let own = decl.path.parts.last().map_or(loc.span, |own| own.span);
                let named = decl.params.iter().find(|known| param == Some(known.name.name.as_str()));
                Some(Declared::Here(Loc { file: loc.file, span: named.map_or(own, |named| named.name.span) }))
            }
        }
    }

    /// The type expression of a declared type, with its module.
    fn type_tree(&self, full: &str) -> Option<(usize, &TypeExpr)> {
        let at = *self.checked.facts.type_places.get(full)?;
        match &self.program().item(at)?.kind {
            ItemKind::Type(decl) => Some((at.module, &decl.ty)),
            _ => None,
        }
    }

    fn field_declared(&self, owner: &str, name: &str) -> Option<Loc> {
        let (module, ty) = self.type_tree(owner)?;
        field_span(ty, name).map(|span| self.program().loc(module, span)).or_else(|| {
            // `Base & { … }`: a field of the base.
            let TypeExprKind::Intersection(members) = &ty.kind else { return None };
            members.iter().find_map(|member| match &member.kind {
                TypeExprKind::Name(path) => {
                    let found = self.program().entity(module, &path.text())?;
                    match found {
                        crate::check::program::Entity::Type(full) if full != owner => self.field_declared(full, name),
                        _ => None,
                    }
                }
                _ => None,
            })
        })
    }

    /// How a thing's declaration reads, in Weir's notation.
    pub fn notation(&self, symbol: &Symbol) -> Option<String> {
        let program = self.program();
        let typed = |name: &str| self.symbol_type(symbol).map(|ty| format!("{name}: {ty}"));
        match symbol {
            Symbol::Flow(place) => Some(signature(program.flow_ast(*place)?, self.source_of(*place)?)),
            Symbol::Type(full) => {
                let (module, ty) = self.type_tree(full)?;
                let name = full.rsplit('.').next().unwrap_or(full);
                let text = self.checked.files.get(module)?.text.as_str();
                Some(format!("type {name} = {}", ty.span.text(text)))
            }
            Symbol::BaseType(name) => Some(format!("type {name}")),
            Symbol::Const(place) => {
                let (module, decl) = program.const_ast(*place)?;
                let text = self.checked.files.get(module)?.text.as_str();
                Some(format!("const {} = {}", decl.name.name, decl.value.span.text(text)))
            }
            Symbol::Policy(place) => {
                let (module, _) = program.policy_ast(*place)?;
                let text = self.checked.files.get(module)?.text.as_str();
                Some(program.item(*program.policies.get(*place)?)?.span.text(text).to_owned())
            }
            Symbol::Module(place) => Some(format!("module {}", program.module_name(*place))),
            Symbol::Server(server) => Some(format!("server {server}")),
            Symbol::Tool(name) => Some(tool(self.checked.tools.get(name)?)),
            Symbol::ToolParam(_, name) | Symbol::Field(_, name) => typed(name),
            Symbol::Function(function) => Some(function.entry().signature.to_owned()),
            Symbol::FunctionParam(function, name) => {
                let param = function.entry().signature().params.iter().find(|param| param.name == *name)?;
                Some(format!("{name}: {}", param.ty))
            }
            Symbol::Ambient(name) => Some(format!("{name}()")),
            Symbol::Local(loc) => {
                let text = self.checked.files.get(loc.file.0 as usize)?.text.as_str();
                typed(loc.span.text(text).trim_matches('`'))
            }
            Symbol::Capability(name) => Some(format!("can {name}")),
            Symbol::Code(name) => Some(format!("error {name}")),
            Symbol::Item(_) => None,
        }
    }

    fn source_of(&self, flow: usize) -> Option<&str> {
        let home = self.program().flows.get(flow)?.at.module;
        Some(self.checked.files.get(home)?.text.as_str())
    }
}

fn field_span(ty: &TypeExpr, name: &str) -> Option<Span> {
    match &ty.kind {
        TypeExprKind::Record(fields) => {
            fields.iter().find(|field| field.name.name == name).map(|field| field.name.span)
        }
        TypeExprKind::Union(members) | TypeExprKind::Intersection(members) => {
            members.iter().find_map(|member| field_span(member, name))
        }
        TypeExprKind::Paren(inner) | TypeExprKind::Marked(_, inner) | TypeExprKind::Nullable(inner) => {
            field_span(inner, name)
        }
        _ => None,
    }
}

/// A flow's head as it was written, without its body.
pub fn signature(flow: &Flow, source: &str) -> String {
    let head = Span { start: flow.role_span.start, end: flow.body.span.start.max(flow.role_span.start) };
    head.text(source).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A tool as a declaration.
pub fn tool(tool: &Tool) -> String {
    let mut text = format!("tool {}(", path(&tool.name));
    for (at, (name, param)) in tool.params.iter().enumerate() {
        let (optional, trusted) = (if param.optional { "?" } else { "" }, if param.trusted { "trusted " } else { "" });
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{}{optional}: {trusted}{}", word(name), param.ty);
    }
    text.push(')');
    if !matches!(tool.output, Type::Null) {
        let _ = write!(text, " -> {}", tool.output);
    }
    if !tool.capabilities.is_empty() {
        let _ = write!(text, " can {}", tool.capabilities.join(", "));
    }
    if tool.idempotent {
        text.push_str(" idempotent");
    }
    if let Some(key) = &tool.accepts_key {
        let _ = write!(text, " accepts key {}", word(key));
    }
    if tool.cost > 0.0 {
        let _ = write!(text, " costs {}", tool.cost);
    }
    if !tool.codes.is_empty() {
        let _ = write!(text, " fails {}", tool.codes.join(", "));
    }
    weir_lang::format::format(&text).map_or(text, |pretty| pretty.trim_end().to_owned())
}

/// A tool's name as it is written in a call.
pub fn path(name: &str) -> String {
    let (server, own) = name.split_once('.').unwrap_or((name, ""));
    format!("{}.{}", word(server), word(own))
}

/// A name, in backticks where it is no plain one.
pub fn word(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("`{name}`") }
}
