//! What an editor writes between the words: types that nobody wrote, which steps run side by side, and where there is no
//! way back.

use super::complete::brief;
use super::symbol::Symbol;
use super::view::{View, local_type};
use super::walk::{Met, all};
use crate::check::outline::{self, Node, SiteKind};
use ecow::EcoString;
use weir_lang::ast::{Block, Expr, ExprKind, ItemKind, Step, StepKind};
use weir_lang::span::Span;
use weir_lang::types::Type;

/// A word between the words.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// In front of which byte.
    pub at: u32,
    /// What is written.
    pub text: String,
    /// Why it is there.
    pub about: &'static str,
    /// Whether it is a type.
    pub is_type: bool,
}

/// What a step does to the order.
enum Order {
    /// It stands between what is before and behind it.
    Barrier,
    /// It reads: waits only for what it needs.
    Read,
    /// It only computes.
    Pure,
}

impl View<'_> {
    /// The hints of a stretch of the file.
    pub fn hints(&self, within: Span) -> Vec<Hint> {
        let mut out = Vec::new();
        all(&self.ast, &mut |met| match met {
            Met::Step(step) if touches(step.span, within) => out.extend(self.bound_type(step)),
            Met::Expr(expr) if touches(expr.span, within) => out.extend(self.loop_type(expr)),
            _ => {}
        });
        for item in self.ast.items.iter().filter(|item| touches(item.span, within)) {
            if let ItemKind::Flow(flow) = &item.kind {
                self.side_by_side(&flow.body, &mut out);
                self.no_way_back(&flow.body, &mut out);
            }
        }
        out.retain(|hint| within.start <= hint.at && hint.at <= within.end);
        out.sort_by_key(|hint| hint.at);
        out
    }

    fn type_hint(&self, name: Span) -> Option<Hint> {
        let ty = local_type(self.checked, self.loc(name))?;
        let unknown = matches!(ty, Type::Broken | Type::Never | Type::Null);
        let text = format!(": {}", brief(&ty));
        (!unknown).then_some(Hint { at: name.end, text, about: "the type of its value", is_type: true })
    }

    fn bound_type(&self, step: &Step) -> Option<Hint> {
        match &step.kind {
            StepKind::Bind { name, value } if !says_its_type(value) => self.type_hint(name.span),
            StepKind::From { name, .. } => self.type_hint(name.span),
            _ => None,
        }
    }

    fn loop_type(&self, expr: &Expr) -> Option<Hint> {
        match &expr.kind {
            ExprKind::For { var, .. } | ExprKind::Repeat { var, .. } => self.type_hint(var.span),
            _ => None,
        }
    }

    /// Reads of one block that no barrier parts and that do not need each other.
    fn side_by_side(&self, block: &Block, out: &mut Vec<Hint>) {
        let mut group: Vec<(&Step, Vec<usize>)> = Vec::new();
        for step in &block.steps {
            self.blocks_in(step, &mut |inner| self.side_by_side(inner, out));
            match self.order(step) {
                Order::Barrier => group.clear(),
                Order::Read | Order::Pure => {
                    let needs = self.needs(step, &group);
                    let beside: Vec<EcoString> = group
                        .iter()
                        .enumerate()
                        .filter(|(at, (other, _))| !needs.contains(at) && matches!(self.order(other), Order::Read))
                        .map(|(_, (other, _))| name_of(other))
                        .collect();
                    if matches!(self.order(step), Order::Read) && !beside.is_empty() {
                        let text = format!(" ∥ {}", beside.join(", "));
                        let about = "no effect stands between them and neither needs the other: they run side by side";
                        out.push(Hint { at: self.line_end(step.span.start), text, about, is_type: false });
                    }
                    group.push((step, needs));
                }
            }
        }
    }

    /// The end of the line that an offset is in, comments aside.
    fn line_end(&self, offset: u32) -> u32 {
        let rest = self.text.get(offset as usize..).unwrap_or("");
        let line = rest.split(['\n', '\r']).next().unwrap_or("").trim_end();
        offset + u32::try_from(line.len()).unwrap_or(0)
    }

    /// Which steps of a group one of them waits for, directly or through others.
    fn needs(&self, step: &Step, group: &[(&Step, Vec<usize>)]) -> Vec<usize> {
        let used = self.names.mentions.iter().filter(|mention| {
            step.span.start <= mention.span.start && mention.span.end <= step.span.end && !mention.declares
        });
        let mut out: Vec<usize> = Vec::new();
        for mention in used {
            let Symbol::Local(loc) = &mention.symbol else { continue };
            let from = group.iter().position(|(other, _)| bound(other).is_some_and(|span| span == loc.span));
            if let Some((at, (_, more))) = from.and_then(|at| Some((at, group.get(at)?))) {
                out.push(at);
                out.extend(more);
            }
        }
        out
    }

    fn order(&self, step: &Step) -> Order {
        let program = self.program();
        let expr = match &step.kind {
            StepKind::Bind { value, .. } | StepKind::From { source: value, .. } | StepKind::Expr(value) => value,
            StepKind::Yield(_) | StepKind::Next(_) | StepKind::Annotate(_) => return Order::Pure,
            _ => return Order::Barrier,
        };
        let nodes = outline::outline_expr(program, self.file, expr);
        let mut order = Order::Pure;
        outline::sites(&nodes, &mut |site| {
            let effects = &self.checked.facts.effects;
            let barrier = match &site.kind {
                SiteKind::Tool(tool) => !program.tools.get(tool).is_some_and(|tool| tool.reads_only()),
                SiteKind::Flow(flow) => effects.get(*flow).is_none_or(|effects| effects.barrier),
                SiteKind::Yield | SiteKind::Report => return,
                _ => true,
            };
            if barrier {
                order = Order::Barrier;
            } else if matches!(order, Order::Pure) {
                order = Order::Read;
            }
        });
        order
    }

    fn blocks_in<'s>(&self, step: &'s Step, visit: &mut dyn FnMut(&'s Block)) {
        let (StepKind::Bind { value, .. } | StepKind::Expr(value) | StepKind::Yield(value)) = &step.kind else {
            return;
        };
        let value = match &value.kind {
            ExprKind::Claused { value, .. } => value,
            _ => value,
        };
        match &value.kind {
            ExprKind::For { body, .. } | ExprKind::Repeat { body, .. } => visit(body),
            ExprKind::If { then, otherwise, .. } => {
                visit(then);
                otherwise.iter().for_each(visit);
            }
            ExprKind::Match { arms, .. } => arms.iter().for_each(|arm| {
                if let weir_lang::ast::ArmBody::Block(block) = &arm.body {
                    visit(block);
                }
            }),
            _ => {}
        }
    }

    /// The calls behind which nothing is undone any more, and those that run what nobody looked at.
    fn no_way_back(&self, body: &Block, out: &mut Vec<Hint>) {
        let nodes: Vec<Node> = outline::outline(self.program(), self.file, body);
        outline::sites(&nodes, &mut |site| {
            let at = self.line_end(site.span.end);
            let passes = match &site.kind {
                SiteKind::Flow(flow) => {
                    self.checked.facts.effects.get(*flow).is_some_and(|effects| effects.passes_final)
                }
                _ => false,
            };
            if site.is_final() || passes {
                let about = "after this nothing is undone";
                out.push(Hint { at, text: " ⚑ point of no return".to_owned(), about, is_type: false });
            }
            if let SiteKind::Tool(tool) = &site.kind
                && let Some(tool) = self.program().tools.get(tool)
                && tool.capabilities.iter().any(|capability| capability.ends_with(".exec"))
            {
                let about = "runs code: the project must grant it by name, or a person with `--grant`";
                out.push(Hint { at, text: " ⚠ needs a grant".to_owned(), about, is_type: false });
            }
            if matches!(site.kind, SiteKind::Ask) {
                let about = "the flow waits here for a person";
                out.push(Hint { at, text: " ⏸ waits for approval".to_owned(), about, is_type: false });
            }
        });
    }
}

fn touches(span: Span, within: Span) -> bool {
    span.start <= within.end && within.start <= span.end
}

/// Whether a value's type can be read off it.
fn says_its_type(value: &Expr) -> bool {
    matches!(
        value.unparen().kind,
        ExprKind::Lit(_) | ExprKind::Template(_) | ExprKind::Cast { .. } | ExprKind::Record(_) | ExprKind::Ask { .. }
    )
}

fn bound(step: &Step) -> Option<Span> {
    match &step.kind {
        StepKind::Bind { name, .. } | StepKind::From { name, .. } => Some(name.span),
        _ => None,
    }
}

fn name_of(step: &Step) -> EcoString {
    match &step.kind {
        StepKind::Bind { name, .. } | StepKind::From { name, .. } => name.name.clone(),
        StepKind::Expr(expr) => {
            let core = match &expr.kind {
                ExprKind::Claused { value, .. } => value,
                _ => expr,
            };
            match &outline::core_of(core).kind {
                ExprKind::Call { callee, .. } => callee.parts.last().map(|name| name.name.clone()).unwrap_or_default(),
                _ => "…".into(),
            }
        }
        _ => "…".into(),
    }
}
