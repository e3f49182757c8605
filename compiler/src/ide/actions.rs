//! Changes that an editor offers: what mends a mistake, and what moves code.

use super::symbol::Symbol;
use super::view::{View, local_type};
use crate::check::outline::{self, SiteKind};
use crate::check::program::Callee;
use ecow::EcoString;
use std::collections::BTreeSet;
use weir_lang::ast::{Block, Flow, ItemKind, Step, StepKind};
use weir_lang::span::{Loc, Span};
use weir_lang::types::Type;

/// A change that is offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// What it does.
    pub title: String,
    /// What is replaced by what.
    pub edits: Vec<(Loc, String)>,
    /// The mistake that it mends: its place among the project's diagnostics. None: it moves code.
    pub mends: Option<usize>,
}

impl View<'_> {
    /// The changes that are offered for a stretch of the file.
    pub fn actions(&self, within: Span) -> Vec<Action> {
        let mut out = Vec::new();
        for (at, found) in self.checked.diagnostics.iter().enumerate() {
            let loc = found.loc();
            if loc.file.0 as usize != self.file || loc.span.start > within.end || within.start > loc.span.end {
                continue;
            }
            let fix = found.fix.clone().or_else(|| self.nearest(found));
            out.extend(fix.map(|fix| Action { title: fix.title, edits: fix.edits, mends: Some(at) }));
        }
        out.extend(self.extract(within));
        out
    }

    /// ``did you mean `x`?`` as a change, for diagnostics that carry none.
    fn nearest(&self, found: &weir_lang::diagnostic::Diagnostic) -> Option<weir_lang::diagnostic::Fix> {
        let (_, rest) = found.help.as_ref()?.split_once("did you mean `")?;
        let (name, _) = rest.split_once('`')?;
        let loc = found.loc();
        let old = loc.span.text(self.text);
        let plain = !old.is_empty() && !old.contains(['(', ' ', '\n']);
        plain.then(|| weir_lang::diagnostic::Fix {
            title: format!("replace with `{name}`"),
            edits: vec![(loc, name.to_owned())],
        })
    }

    /// The selected steps as a flow of their own.
    fn extract(&self, within: Span) -> Option<Action> {
        let item = self.item(within.start)?;
        let ItemKind::Flow(flow) = &item.kind else { return None };
        let block = innermost(&flow.body, within)?;
        let steps: Vec<&Step> = block.steps.iter().filter(|step| selected(step, within)).collect();
        let (first, last) = (steps.first()?, steps.last()?);
        if within.start == within.end || !steps.iter().all(|step| can_move(step)) {
            return None;
        }
        let span = self.trimmed(first.span.to(last.span));
        let params = self.taken_in(span)?;
        let results = self.given_out(&steps, span, block);
        let name = self.free_name(steps.as_slice());
        let text = self.extracted(&name, &params, &results, span, &self.capabilities_of(&steps))?;
        let call = called(&name, &params, &results, self.indent_of(span.start));
        let end = self.trimmed(item.span).end;
        let edits = vec![(self.loc(span), call), (self.loc(Span { start: end, end }), format!("\n\n{text}"))];
        Some(Action { title: format!("extract into the flow `{name}`"), edits, mends: None })
            .filter(|_| !is_pure_role(flow))
    }

    /// Names from outside that a stretch uses, with their types.
    fn taken_in(&self, span: Span) -> Option<Vec<(EcoString, Type)>> {
        let mut out: Vec<(EcoString, Type)> = Vec::new();
        for mention in self.names.mentions.iter().filter(|mention| inside(mention.span, span) && !mention.declares) {
            let Symbol::Local(loc) = &mention.symbol else { continue };
            if loc.file != self.loc(span).file || inside(loc.span, span) || self.is_param_of_other(loc.span, span) {
                continue;
            }
            let name: EcoString = loc.span.text(self.text).trim_matches('`').into();
            if !out.iter().any(|(known, _)| *known == name) {
                let ty = local_type(self.checked, *loc).filter(|ty| !matches!(ty, Type::Broken | Type::Never))?;
                out.push((name, ty));
            }
        }
        Some(out)
    }

    /// Whether a name belongs to another flow: an argument's name in a call of it.
    fn is_param_of_other(&self, name: Span, span: Span) -> bool {
        let home = self.item(span.start).map(|item| item.span);
        home.is_none_or(|home| !inside(name, home))
    }

    /// Names that a stretch binds and that are used behind it.
    fn given_out(&self, steps: &[&Step], span: Span, block: &Block) -> Vec<(EcoString, Type)> {
        let bound = steps.iter().filter_map(|step| match &step.kind {
            StepKind::Bind { name, .. } => Some(name),
            _ => None,
        });
        let used = |name: Span| {
            let symbol = Symbol::Local(self.loc(name));
            self.names.mentions.iter().any(|mention| {
                mention.symbol == symbol && mention.span.start >= span.end && mention.span.end <= block.span.end
            })
        };
        let typed = bound
            .filter(|name| used(name.span))
            .filter_map(|name| Some((name.name.clone(), local_type(self.checked, self.loc(name.span))?)));
        typed.collect()
    }

    fn capabilities_of(&self, steps: &[&Step]) -> BTreeSet<EcoString> {
        let mut out = BTreeSet::new();
        let program = self.program();
        let of_tool =
            |tool: &EcoString| program.tools.get(tool).map(|tool| tool.capabilities.clone()).unwrap_or_default();
        let of_flow = |flow: usize| program.flows.get(flow).map(|flow| flow.can.clone()).unwrap_or_default();
        for step in steps {
            let (StepKind::Bind { value: expr, .. } | StepKind::Expr(expr)) = &step.kind else { continue };
            let nodes = outline::outline_expr(program, self.file, expr);
            outline::sites(&nodes, &mut |site| {
                match &site.kind {
                    SiteKind::Tool(tool) => out.extend(of_tool(tool)),
                    SiteKind::Flow(flow) | SiteKind::Check(flow) | SiteKind::Start(flow) => out.extend(of_flow(*flow)),
                    _ => {}
                }
                match &site.undo {
                    Some(Callee::Tool(tool)) => out.extend(of_tool(tool)),
                    Some(Callee::Flow(flow)) => out.extend(of_flow(*flow)),
                    _ => {}
                }
            });
        }
        out
    }

    fn free_name(&self, steps: &[&Step]) -> String {
        let base = match steps {
            [Step { kind: StepKind::Bind { name, .. }, .. }] => format!("{}_step", name.name),
            _ => "extracted".to_owned(),
        };
        let taken = |name: &str| self.program().entity(self.file, name).is_some();
        let numbered = (2..).map(|number| format!("{base}_{number}"));
        std::iter::once(base.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(base)
    }

    fn indent_of(&self, offset: u32) -> &str {
        let line = self.text.get(..offset as usize).unwrap_or("").rsplit('\n').next().unwrap_or("");
        line.get(..line.len() - line.trim_start().len()).unwrap_or("")
    }

    fn extracted(
        &self,
        name: &str,
        params: &[(EcoString, Type)],
        results: &[(EcoString, Type)],
        span: Span,
        can: &BTreeSet<EcoString>,
    ) -> Option<String> {
        let typed = |(name, ty): &(EcoString, Type)| format!("{name}: {ty}");
        let head = params.iter().map(typed).collect::<Vec<_>>().join(", ");
        let returns = match results {
            [] => String::new(),
            [(_, ty)] => format!(" -> {ty}"),
            more => format!(" -> {{ {} }}", more.iter().map(typed).collect::<Vec<_>>().join(", ")),
        };
        let needs: Vec<&str> = can.iter().map(EcoString::as_str).collect();
        let clause = if needs.is_empty() { String::new() } else { format!(" can {}", needs.join(", ")) };
        let back = match results {
            [] => String::new(),
            [(name, _)] => format!("\n  return {name}"),
            more => format!(
                "\n  return {{ {} }}",
                more.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        };
        let steps = format!("{}{}", self.indent_of(span.start), span.text(self.text));
        let text = format!("coordinator {name}({head}){returns}{clause} {{\n{steps}{back}\n}}\n");
        weir_lang::format::format(&text).ok().map(|text| text.trim_end().to_owned())
    }
}

fn called(name: &str, params: &[(EcoString, Type)], results: &[(EcoString, Type)], indent: &str) -> String {
    let args: Vec<String> = params.iter().map(|(name, _)| format!("{name}: {name}")).collect();
    let call = format!("{name}({})", args.join(", "));
    match results {
        [] => call,
        [(result, _)] => format!("{result} = {call}"),
        more => {
            let mut text = format!("{name}_result = {call}");
            for (result, _) in more {
                text.push_str(&format!("\n{indent}{result} = {name}_result.{result}"));
            }
            text
        }
    }
}

/// A coordinator cannot be called from these.
fn is_pure_role(flow: &Flow) -> bool {
    !matches!(flow.role, weir_lang::ast::Role::Coordinator | weir_lang::ast::Role::Saga | weir_lang::ast::Role::Router)
}

fn inside(span: Span, around: Span) -> bool {
    around.start <= span.start && span.end <= around.end
}

fn selected(step: &Step, within: Span) -> bool {
    step.span.start < within.end && within.start < step.span.end
}

/// Steps that end or steer what is around them stay where they are.
fn can_move(step: &Step) -> bool {
    matches!(step.kind, StepKind::Bind { .. } | StepKind::Expr(_) | StepKind::Check { .. } | StepKind::Wait(_))
        && !matches!(&step.kind, StepKind::Expr(expr) if leaves(expr))
}

fn leaves(expr: &weir_lang::ast::Expr) -> bool {
    let mut found = false;
    if let weir_lang::ast::ExprKind::If { then, .. } = &expr.kind {
        found = outline::always_leaves(then);
    }
    found || matches!(expr.kind, weir_lang::ast::ExprKind::Block(_) | weir_lang::ast::ExprKind::Fail { .. })
}

/// The smallest block whose own steps hold the selection.
fn innermost(block: &Block, within: Span) -> Option<&Block> {
    if !(block.span.start <= within.start && within.end <= block.span.end) {
        return None;
    }
    let mut best = block;
    for step in &block.steps {
        let mut look = |inner: &Block| inner.span.start < within.start && within.end < inner.span.end;
        if let Some(inner) = inner_block(step, &mut look) {
            best = innermost(inner, within).unwrap_or(best);
        }
    }
    Some(best)
}

fn inner_block<'s>(step: &'s Step, fits: &mut dyn FnMut(&Block) -> bool) -> Option<&'s Block> {
    use weir_lang::ast::ExprKind::{Claused, For, If, Repeat};
    let (StepKind::Bind { value, .. } | StepKind::Expr(value)) = &step.kind else { return None };
    let value = match &value.kind {
        Claused { value, .. } => value,
        _ => value,
    };
    match &value.kind {
        For { body, .. } | Repeat { body, .. } => Some(body).filter(|block| fits(block)),
        If { then, otherwise, .. } => std::iter::once(then).chain(otherwise).find(|block| fits(block)),
        _ => None,
    }
}
