//! From a plan to what is drawn of it.

use super::{Block, Drawing, Edge, Effect, FlowDrawing, ParamDrawing, Step};
use petgraph::visit::EdgeRef;
use weir_compiler::Checked;
use weir_compiler::plan::{Act, BlockPlan, Exit, FlowPlan, ParamPlan, Plan, StepKind, StepPlan, Target, ToolPlan};
use weir_lang::span::{Lines, Loc};
use weir_stdlib::pure::Pure;

/// Blocks with more edges are drawn with all of them: finding those that others imply takes too long.
const REDUCE: usize = 4000;

/// The drawing of a plan; `checked` gives the line numbers.
pub fn build(plan: &Plan, checked: &Checked) -> Drawing {
    let lines = checked.files.iter().map(|file| Lines::new(&file.text)).collect();
    let mut draw = Draw { plan, checked, lines, steps: 0 };
    let mut flows: Vec<FlowDrawing> = plan.flows.iter().map(|flow| draw.flow(flow)).collect();
    let entry = plan.entry_flow().map(|flow| flow.name.to_string()).unwrap_or_default();
    flows.sort_by_key(|flow| flow.name != entry);
    Drawing { entry, program: plan.hash().to_string(), flows }
}

struct Draw<'a> {
    plan: &'a Plan,
    checked: &'a Checked,
    lines: Vec<Lines>,
    steps: usize,
}

/// What a step looks like, without its place.
#[derive(Default)]
struct Look {
    does: String,
    effect: Option<Effect>,
    flow: Option<String>,
    undo: Option<String>,
    is_final: bool,
    keyed: bool,
    blocks: Vec<Block>,
}

impl Look {
    fn of(does: impl Into<String>, effect: Effect) -> Self {
        Look { does: does.into(), effect: Some(effect), ..Look::default() }
    }
}

impl Draw<'_> {
    fn flow(&mut self, flow: &FlowPlan) -> FlowDrawing {
        let params: Vec<String> = flow
            .params
            .iter()
            .map(|param| {
                let (optional, default) =
                    (if param.optional { "?" } else { "" }, if param.default.is_some() { " = …" } else { "" });
                format!("{}{optional}: {}{default}", param.name, param.ty.ty)
            })
            .collect();
        let returns = flow.returns.as_ref().map(|ty| format!(" -> {}", ty.ty)).unwrap_or_default();
        FlowDrawing {
            name: flow.name.to_string(),
            role: flow.role.word(),
            signature: format!("{}({}){returns}", flow.name, params.join(", ")),
            params: flow.params.iter().map(param).collect(),
            can: flow.can.iter().map(ToString::to_string).collect(),
            body: self.block(String::new(), &flow.body),
        }
    }

    fn block(&mut self, label: String, block: &BlockPlan) -> Block {
        let steps = block.graph.node_weights().map(|step| self.step(step)).collect();
        let edges = block.graph.edge_references().map(|edge| Edge {
            from: edge.source().index(),
            to: edge.target().index(),
            data: *edge.weight() == weir_compiler::plan::Edge::Data,
        });
        Block { label, steps, edges: reduced(edges.collect()) }
    }

    fn step(&mut self, step: &StepPlan) -> Step {
        self.steps += 1;
        let id = format!("s{}", self.steps);
        let look = self.look(&step.kind);
        let (file, line) = self.place(step.loc);
        Step {
            id,
            name: step.name.to_string(),
            does: look.does,
            effect: look.effect.unwrap_or(Effect::Pure),
            flow: look.flow,
            undo: look.undo,
            is_final: look.is_final,
            keyed: look.keyed,
            file,
            line,
            blocks: look.blocks,
        }
    }

    fn place(&self, loc: Loc) -> (String, u32) {
        let at = loc.file.0 as usize;
        let (Some(file), Some(lines)) = (self.checked.files.get(at), self.lines.get(at)) else {
            return (String::new(), 1);
        };
        (file.path.to_string(), lines.position(&file.text, loc.span.start).0)
    }

    fn look(&mut self, kind: &StepKind) -> Look {
        match kind {
            StepKind::Let(_) => Look::of("", Effect::Pure),
            StepKind::Act(act) => self.act(act),
            StepKind::Check(check) => {
                let name = self.flow_name(check.flow);
                let each = if check.each { " each" } else { "" };
                Look { flow: Some(name.clone()), ..Look::of(format!("check {name}{each}"), Effect::Gate) }
            }
            StepKind::Require { otherwise, .. } => Look::of(format!("require, else {}", exit(otherwise)), Effect::Gate),
            StepKind::Branch { arms, .. } => {
                let blocks = arms.iter().map(|arm| self.block(arm.label.to_string(), &arm.block)).collect();
                Look { blocks, ..Look::of(if is_if(arms) { "if" } else { "match" }, Effect::Control) }
            }
            StepKind::For(each) => {
                let parallel = each.parallel.as_ref().map(|at_once| format!(" parallel{}", number(at_once)));
                let body = self.block("each".into(), &each.body);
                Look { blocks: vec![body], ..Look::of(format!("for{}", parallel.unwrap_or_default()), Effect::Control) }
            }
            StepKind::Repeat(repeat) => {
                let body = self.block("each round".into(), &repeat.body);
                let does = format!("repeat at most{}", number(&repeat.at_most));
                Look { blocks: vec![body], ..Look::of(does, Effect::Control) }
            }
            StepKind::Wait(_) => Look::of("wait", Effect::Wait),
            StepKind::Ambient(_) => Look::of("", Effect::Pure),
            StepKind::Yield(_) => Look::of("yield", Effect::Pure),
            StepKind::Next(_) => Look::of("next", Effect::Pure),
            StepKind::Annotate(_) => Look::of("annotate", Effect::Pure),
            StepKind::Exit(end) => Look::of(exit(end), Effect::Gate),
            StepKind::Return(_) => Look::of("return", Effect::Gate),
            StepKind::Key { per_run, .. } => Look::of(if *per_run { "key per run" } else { "key" }, Effect::Pure),
            StepKind::Merge { .. } => Look::of("merge", Effect::Pure),
        }
    }

    fn act(&mut self, act: &Act) -> Look {
        let (does, effect, flow) = self.target(&act.target);
        let mut blocks = Vec::new();
        for arm in act.handlers.iter().flat_map(|handler| &handler.arms) {
            if arm.block.graph.node_count() > 0 {
                let codes = if arm.codes.is_empty() { "any error".to_owned() } else { arm.codes.join(", ") };
                blocks.push(self.block(format!("on {codes}"), &arm.block));
            }
        }
        Look {
            does,
            effect: Some(effect),
            flow,
            undo: act.undo.as_ref().map(|undo| self.target(&undo.target).0),
            is_final: act.is_final,
            keyed: act.key.is_some() && !matches!(act.target, Target::Receive { .. }),
            blocks,
        }
    }

    fn target(&self, target: &Target) -> (String, Effect, Option<String>) {
        match target {
            Target::Tool { tool, .. } => {
                let effect = self.plan.tools.get(tool).map_or(Effect::Write, tool_effect);
                (tool.to_string(), effect, None)
            }
            Target::Flow { flow, .. } => {
                let name = self.flow_name(*flow);
                (name.clone(), Effect::Call, Some(name))
            }
            Target::Ask { .. } => ("ask".into(), Effect::Wait, None),
            Target::Receive { .. } => ("receive".into(), Effect::Wait, None),
            Target::Start { flow, delay, .. } => {
                let name = self.flow_name(*flow);
                let later = if delay.is_some() { " later" } else { "" };
                (format!("start {name}{later}"), Effect::Start, Some(name))
            }
        }
    }

    fn flow_name(&self, flow: u32) -> String {
        self.plan.flows.get(flow as usize).map(|flow| flow.name.to_string()).unwrap_or_default()
    }
}

fn param(param: &ParamPlan) -> ParamDrawing {
    ParamDrawing {
        name: param.name.to_string(),
        ty: param.ty.ty.to_string(),
        optional: param.optional || param.default.is_some(),
    }
}

/// The strongest of what a tool may do.
fn tool_effect(tool: &ToolPlan) -> Effect {
    let may = |verb: &str| tool.capabilities.iter().any(|capability| capability.ends_with(verb));
    match () {
        () if tool.sends() => Effect::Send,
        () if may(".exec") => Effect::Exec,
        () if tool.reads_only() => Effect::Read,
        () => Effect::Write,
    }
}

fn exit(exit: &Exit) -> String {
    match exit {
        Exit::Raise { code, .. } if code == "blocked" => "block".into(),
        Exit::Raise { code, .. } => format!("fail {code}"),
        Exit::Drop(_) => "drop".into(),
    }
}

fn is_if(arms: &[weir_compiler::plan::ArmPlan]) -> bool {
    use weir_stdlib::pure::PurePattern;
    let first = arms.first().and_then(|arm| arm.patterns.first());
    arms.len() <= 2 && matches!(first, Some(PurePattern::Is(value)) if value.as_bool() == Some(true))
}

/// ` 8` when it is a constant.
fn number(pure: &Pure) -> String {
    match pure {
        Pure::Const(value) => value.as_int().map(|count| format!(" {count}")).unwrap_or_default(),
        _ => String::new(),
    }
}

/// Without edges that a longer way implies.
fn reduced(mut edges: Vec<Edge>) -> Vec<Edge> {
    edges.sort_by_key(|edge| (edge.from, edge.to, !edge.data));
    edges.dedup_by_key(|edge| (edge.from, edge.to));
    if edges.len() > REDUCE {
        return edges;
    }
    let implied = |edge: &Edge| {
        let mut open: Vec<usize> =
            edges.iter().filter(|other| other.from == edge.from && other.to != edge.to).map(|other| other.to).collect();
        let mut seen = open.clone();
        while let Some(at) = open.pop() {
            for other in edges.iter().filter(|other| other.from == at) {
                if other.to == edge.to {
                    return true;
                }
                if other.to < edge.to && !seen.contains(&other.to) {
                    seen.push(other.to);
                    open.push(other.to);
                }
            }
        }
        false
    };
    edges.iter().filter(|edge| !implied(edge)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implied_edges_are_left_out() {
        let edge = |from, to| Edge { from, to, data: false };
        let kept = reduced(vec![edge(0, 1), edge(1, 2), edge(0, 2), edge(0, 3)]);
        let pairs: Vec<(usize, usize)> = kept.iter().map(|edge| (edge.from, edge.to)).collect();
        assert_eq!(pairs, [(0, 1), (0, 3), (1, 2)]);
    }
}
