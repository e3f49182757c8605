//! The drawing as Graphviz DOT: a cluster for each flow and block, a shape for each effect, undo as a dotted edge.

use super::{Block, Drawing, Effect, FlowDrawing, Step};

/// The whole graph.
pub fn dot(drawing: &Drawing) -> String {
    let mut out = Painter { text: String::new(), clusters: 0, calls: Vec::new() };
    out.line(0, "digraph weir {");
    out.line(1, "compound=true; node [fontname=\"sans-serif\"]; edge [fontname=\"sans-serif\"];");
    for (at, flow) in drawing.flows.iter().enumerate() {
        out.flow(at, flow);
    }
    for (step, flow) in std::mem::take(&mut out.calls) {
        if let Some(at) = drawing.flows.iter().position(|other| other.name == flow) {
            out.line(1, &format!("{step} -> f{at} [style=dashed, lhead=cluster_f{at}];"));
        }
    }
    out.line(0, "}");
    out.text
}

struct Painter {
    text: String,
    clusters: usize,
    /// Step and flow that it calls.
    calls: Vec<(String, String)>,
}

impl Painter {
    fn line(&mut self, depth: usize, line: &str) {
        self.text.push_str(&"  ".repeat(depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn flow(&mut self, at: usize, flow: &FlowDrawing) {
        self.line(1, &format!("subgraph cluster_f{at} {{"));
        self.line(2, &format!("label={};", quoted(&format!("{} {}", flow.role, flow.name))));
        let what = if flow.body.steps.is_empty() { "pure" } else { "start" };
        self.line(2, &format!("f{at} [label=\"{what}\", shape=plaintext];"));
        for first in flow.body.first_steps() {
            self.line(2, &format!("f{at} -> {};", first.id));
        }
        self.block(2, &flow.body);
        self.line(1, "}");
    }

    fn block(&mut self, depth: usize, block: &Block) {
        for step in &block.steps {
            self.step(depth, step);
        }
        for edge in &block.edges {
            if let (Some(from), Some(to)) = (block.steps.get(edge.from), block.steps.get(edge.to)) {
                self.line(depth, &format!("{} -> {};", from.id, to.id));
            }
        }
    }

    fn step(&mut self, depth: usize, step: &Step) {
        let last = if step.is_final { ", peripheries=2" } else { "" };
        let (id, title) = (&step.id, quoted(&step.title()));
        self.line(depth, &format!("{id} [label={title}, {}{last}];", shape(step.effect)));
        if let Some(undo) = &step.undo {
            self.line(depth, &format!("{id}u [label={}, shape=box, style=dotted];", quoted(undo)));
            self.line(depth, &format!("{id} -> {id}u [style=dotted, label=\"undo\"];"));
        }
        if let Some(flow) = &step.flow {
            self.calls.push((id.clone(), flow.clone()));
        }
        for block in &step.blocks {
            self.inner(depth, step, block);
        }
    }

    fn inner(&mut self, depth: usize, step: &Step, block: &Block) {
        if block.steps.is_empty() {
            return;
        }
        self.clusters += 1;
        self.line(depth, &format!("subgraph cluster_b{} {{", self.clusters));
        self.line(depth + 1, &format!("label={};", quoted(&block.label)));
        self.block(depth + 1, block);
        self.line(depth, "}");
        for first in block.first_steps() {
            self.line(depth, &format!("{} -> {} [label={}];", step.id, first.id, quoted(&block.label)));
        }
    }
}

fn shape(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "shape=box, style=rounded",
        Effect::Read => "shape=parallelogram",
        Effect::Write => "shape=box",
        Effect::Send => "shape=cds",
        Effect::Exec => "shape=hexagon",
        Effect::Call | Effect::Start => "shape=component",
        Effect::Wait => "shape=oval",
        Effect::Control => "shape=diamond",
        Effect::Gate => "shape=invtrapezium",
    }
}

/// A string literal.
fn quoted(text: &str) -> String {
    format!("\"{}\"", crate::escape::line(text).replace('\\', "\\\\").replace('"', "\\\""))
}
