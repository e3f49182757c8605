//! The drawing as Mermaid: a cluster for each flow and block, a shape for each effect, undo as a dotted edge.

use super::{Block, Drawing, Effect, FlowDrawing, Step};

/// The whole diagram.
pub fn mermaid(drawing: &Drawing) -> String {
    let mut out = Painter { text: "flowchart TD\n".to_owned(), clusters: 0, calls: Vec::new() };
    for (at, flow) in drawing.flows.iter().enumerate() {
        out.flow(at, flow);
    }
    for (step, flow) in std::mem::take(&mut out.calls) {
        if let Some(at) = drawing.flows.iter().position(|other| other.name == flow) {
            out.line(1, &format!("{step} -.->|calls| f{at}"));
        }
    }
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
        self.line(1, &format!("subgraph f{at}[\"{} {}\"]", flow.role, quoted(&flow.name)));
        if flow.body.steps.is_empty() {
            self.line(2, &format!("f{at}p([\"pure\"])"));
        }
        self.block(2, &flow.body);
        self.line(1, "end");
    }

    fn block(&mut self, depth: usize, block: &Block) {
        for step in &block.steps {
            self.step(depth, step);
        }
        for edge in &block.edges {
            if let (Some(from), Some(to)) = (block.steps.get(edge.from), block.steps.get(edge.to)) {
                self.line(depth, &format!("{} --> {}", from.id, to.id));
            }
        }
    }

    fn step(&mut self, depth: usize, step: &Step) {
        let mut title = quoted(&step.title());
        if step.is_final {
            title.push_str("<br/>final");
        }
        let (open, close) = shape(step.effect);
        self.line(depth, &format!("{}{open}\"{title}\"{close}", step.id));
        if let Some(undo) = &step.undo {
            self.line(depth, &format!("{}u[\"{}\"]", step.id, quoted(undo)));
            self.line(depth, &format!("{0} -.->|undo| {0}u", step.id));
        }
        if let Some(flow) = &step.flow {
            self.calls.push((step.id.clone(), flow.clone()));
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
        self.line(depth, &format!("subgraph b{}[\"{}\"]", self.clusters, quoted(&block.label)));
        self.block(depth + 1, block);
        self.line(depth, "end");
        for first in block.first_steps() {
            self.line(depth, &format!("{} -->|\"{}\"| {}", step.id, quoted(&block.label), first.id));
        }
    }
}

fn shape(effect: Effect) -> (&'static str, &'static str) {
    match effect {
        Effect::Pure => ("(", ")"),
        Effect::Read => ("[/", "/]"),
        Effect::Write => ("[", "]"),
        Effect::Send => (">", "]"),
        Effect::Exec => ("{{", "}}"),
        Effect::Call | Effect::Start => ("[[", "]]"),
        Effect::Wait => ("([", "])"),
        Effect::Control => ("{", "}"),
        Effect::Gate => ("[\\", "/]"),
    }
}

/// Text between quotes.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in crate::escape::line(text).chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '#' => out.push_str("#35;"),
            '`' => out.push_str("#96;"),
            c => out.push(c),
        }
    }
    out
}
