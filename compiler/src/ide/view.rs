//! One file of a checked project, with its names: what every question is asked of.

use super::names::names;
use super::symbol::{Mention, Names, Symbol};
use super::tokens::{Token, TokenKind, tokens};
use crate::Checked;
use crate::check::program::Program;
use std::sync::Arc;
use weir_lang::ast::{ExprId, Item, Module};
use weir_lang::span::{Loc, Span};
use weir_lang::types::Type;

/// A file that is looked at.
#[derive(Debug)]
pub struct View<'a> {
    /// The project.
    pub checked: &'a Checked,
    /// The file's place, which is its module's too.
    pub file: usize,
    /// Its text.
    pub text: &'a str,
    /// Its names.
    pub names: Names,
    /// Its tokens.
    pub tokens: Vec<Token>,
    pub(super) ast: Arc<Module>,
}

impl<'a> View<'a> {
    /// The file at a place. None for `weir.toml` and what else is no flow file.
    pub fn new(checked: &'a Checked, file: u32) -> Option<View<'a>> {
        let file = file as usize;
        let module = checked.facts.program.modules.get(file)?;
        let text = checked.files.get(file)?.text.as_str();
        let names = names(checked, file);
        Some(View { checked, file, text, names, tokens: tokens(text), ast: module.ast.clone() })
    }

    pub(super) fn program(&self) -> &'a Program {
        &self.checked.facts.program
    }

    /// The place of a span of this file.
    pub fn loc(&self, span: Span) -> Loc {
        self.program().loc(self.file, span)
    }

    /// What is mentioned at an offset.
    pub fn mention(&self, offset: u32) -> Option<&Mention> {
        self.names.at(offset)
    }

    /// The declaration that an offset lies in.
    pub(super) fn item(&self, offset: u32) -> Option<&Item> {
        self.ast.items.iter().rev().find(|item| item.span.start <= offset && offset <= item.span.end)
    }

    /// The word at an offset.
    pub(super) fn word(&self, offset: u32) -> Option<&Token> {
        let words = || self.tokens.iter().filter(|token| token.kind == TokenKind::Word && token.span.touches(offset));
        words().find(|token| offset < token.span.end).or_else(|| words().next())
    }

    /// Where the token is that ends at or before an offset.
    pub(super) fn before(&self, offset: u32) -> Option<usize> {
        self.tokens.partition_point(|token| token.span.end <= offset).checked_sub(1)
    }

    /// The text of the token at a place; empty beyond the ends.
    pub(super) fn token_text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.span.text(self.text))
    }

    /// The type that was found for an expression.
    pub(super) fn expr_type(&self, id: ExprId) -> &'a Type {
        let types = self.checked.facts.expr_types.get(self.file);
        types.and_then(|types| types.get(id.0 as usize)).unwrap_or(&Type::Broken)
    }

    /// The type of a symbol that has a value.
    pub(super) fn symbol_type(&self, symbol: &Symbol) -> Option<Type> {
        let facts = &self.checked.facts;
        match symbol {
            Symbol::Local(loc) => local_type(self.checked, *loc),
            Symbol::Const(place) => facts.const_types.get(*place).cloned().flatten(),
            Symbol::Type(full) => Some(Type::Named(full.clone())),
            Symbol::BaseType(name) => Type::base_named(name).or_else(|| Some(Type::Named(name.clone()))),
            Symbol::Field(owner, name) => super::types::field(&Type::Named(owner.clone()), name, &self.checked.types),
            Symbol::ToolParam(tool, name) => Some(self.checked.tools.get(tool)?.params.get(name)?.ty.clone()),
            Symbol::Flow(place) => self.program().flows.get(*place)?.returns.clone(),
            Symbol::Tool(name) => Some(self.checked.tools.get(name)?.output.clone()),
            _ => None,
        }
    }
}

/// The type of a parameter or bound name.
pub fn local_type(checked: &Checked, loc: Loc) -> Option<Type> {
    let module = loc.file.0 as usize;
    let facts = &checked.facts;
    if let Some(ty) = facts.bindings.get(&(module, loc.span.start)) {
        return Some(ty.clone());
    }
    // The `event` of a campaign stands where its type does.
    let text = checked.files.get(module)?.text.as_str();
    let name = loc.span.text(text);
    facts.type_places.keys().find(|full| full.rsplit('.').next() == Some(name)).map(|full| Type::Named(full.clone()))
}
