//! Flows and tests as a whole: what can be run, who calls whom.

use super::symbol::Symbol;
use super::view::View;
use ecow::EcoString;
use weir_lang::ast::ItemKind;
use weir_lang::span::{Loc, Span};

/// Something that a command can run.
#[derive(Clone, Debug, PartialEq)]
pub enum Runnable {
    /// A flow: its own name in the file, and where the name stands.
    Flow(EcoString, Span),
    /// A test.
    Test(EcoString, Span),
}

impl Runnable {
    /// Where a test's name stands.
    pub fn test(&self) -> Option<Span> {
        match self {
            Runnable::Test(_, span) => Some(*span),
            Runnable::Flow(..) => None,
        }
    }
}

/// A flow or tool in the call hierarchy.
#[derive(Clone, Debug, PartialEq)]
pub struct Callable {
    /// Flow or tool.
    pub symbol: Symbol,
    /// Its name.
    pub name: EcoString,
    /// Role, or `tool`.
    pub detail: &'static str,
    /// The whole declaration.
    pub span: Span,
    /// Its name's place.
    pub name_loc: Loc,
}

impl View<'_> {
    /// What can be run in this file, in order.
    pub fn runnables(&self) -> Vec<Runnable> {
        let runnable = |item: &weir_lang::ast::Item| match &item.kind {
            ItemKind::Flow(flow) => Some(Runnable::Flow(flow.name.name.clone(), flow.name.span)),
            ItemKind::Test(test) => Some(Runnable::Test(test.name.clone(), test.name_span)),
            _ => None,
        };
        self.ast.items.iter().filter_map(runnable).collect()
    }

    /// The flow or tool at an offset.
    pub fn callable(&self, offset: u32) -> Option<Callable> {
        match &self.mention(offset)?.symbol {
            symbol @ (Symbol::Flow(_) | Symbol::Tool(_)) => self.callable_of(symbol),
            _ => None,
        }
    }

    /// A flow or tool with its place.
    pub fn callable_of(&self, symbol: &Symbol) -> Option<Callable> {
        match symbol {
            Symbol::Flow(place) => {
                let decl = self.program().flows.get(*place)?;
                let tree = self.program().flow_ast(*place)?;
                Some(Callable {
                    symbol: symbol.clone(),
                    name: tree.name.name.clone(),
                    detail: decl.role.word(),
                    span: self.program().item(decl.at)?.span.to(tree.name.span),
                    name_loc: self.program().loc(decl.at.module, tree.name.span),
                })
            }
            Symbol::Tool(name) => {
                let super::declared::Declared::Here(loc) = self.declared(symbol)? else { return None };
                Some(Callable {
                    symbol: symbol.clone(),
                    name: name.clone(),
                    detail: "tool",
                    span: loc.span,
                    name_loc: loc,
                })
            }
            _ => None,
        }
    }

    /// Who calls a flow or tool, and where in the caller.
    pub fn callers(&self, callee: &Symbol) -> Vec<(Callable, Vec<Loc>)> {
        let mut out: Vec<(Callable, Vec<Loc>)> = Vec::new();
        for place in self.mentions_of(callee).into_iter().filter(|place| !place.declares) {
            let Some(caller) = self.flow_around(place.loc).and_then(|flow| self.callable_of(&Symbol::Flow(flow)))
            else {
                continue;
            };
            match out.iter_mut().find(|(known, _)| known.symbol == caller.symbol) {
                Some((_, places)) => places.push(place.loc),
                None => out.push((caller, vec![place.loc])),
            }
        }
        out
    }

    /// What a flow calls, and where.
    pub fn callees(&self, flow: usize) -> Vec<(Callable, Vec<Loc>)> {
        let Some(at) = self.program().flows.get(flow).map(|decl| decl.at) else { return Vec::new() };
        let Some(span) = self.program().item(at).map(|item| item.span) else { return Vec::new() };
        let names = super::names::names(self.checked, at.module);
        let mut out: Vec<(Callable, Vec<Loc>)> = Vec::new();
        for mention in names
            .mentions
            .iter()
            .filter(|mention| !mention.declares && span.start <= mention.span.start && mention.span.end <= span.end)
        {
            let Some(callee) = self.callable_of(&mention.symbol) else { continue };
            let loc = self.program().loc(at.module, mention.span);
            match out.iter_mut().find(|(known, _)| known.symbol == callee.symbol) {
                Some((_, places)) => places.push(loc),
                None => out.push((callee, vec![loc])),
            }
        }
        out
    }

    /// The flow that a place lies in.
    fn flow_around(&self, loc: Loc) -> Option<usize> {
        let around = |at: weir_lang::span::Span| at.start <= loc.span.start && loc.span.end <= at.end;
        let flows = &self.program().flows;
        flows.iter().position(|flow| {
            flow.at.module == loc.file.0 as usize && self.program().item(flow.at).is_some_and(|item| around(item.span))
        })
    }
}
