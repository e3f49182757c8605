//! The drawing as SVG, laid out here: no Graphviz. One panel a flow, a box a step, a frame around each branch, round and
//! handler. Every box says where it stands in the text (`data-file`, `data-line`), for editors.

use super::{Block, Drawing, Effect, FlowDrawing, Step};
use dagre::graph::{Graph, GraphOptions};
use dagre::{EdgeLabel, LayoutOptions, NodeLabel, layout};
use std::fmt::Write;

/// Width of a letter, height of a box, what is left around texts and panels.
const LETTER: f64 = 7.4;
const HEIGHT: f64 = 30.0;
const PAD: f64 = 14.0;
const MARGIN: f64 = 16.0;
/// Longest text of a box, in letters; the whole stands in its tooltip.
const LONGEST: usize = 48;
/// A flow with more steps is drawn as a list: laying it out takes too long, and nobody could read it.
const LARGEST: usize = 400;

const STYLE: &str = "
text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}
.title{font-weight:600}.dim{fill:#656d76}
.panel{fill:none;stroke:#d0d7de}.frame{fill:#80808010;stroke:#d0d7de;stroke-dasharray:4 3}
.step{fill:#ffffff;stroke:#57606a}.pure{fill:#f6f8fa}.read{fill:#ddf4ff;stroke:#0969da}.write{fill:#fff8c5;stroke:#9a6700}
.send,.exec{fill:#ffebe9;stroke:#cf222e}.call,.start{fill:#fbefff;stroke:#8250df}.wait{fill:#dafbe1;stroke:#1a7f37}
.control{fill:#f6f8fa;stroke:#57606a;stroke-dasharray:2 2}.gate{fill:#ffffff;stroke:#57606a}.final{stroke-width:3}
.edge{fill:none;stroke:#8c959f}.order{stroke-dasharray:3 3}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#8d96a0}.panel,.frame{stroke:#3d444d}.step{fill:#151b23}
.pure,.control,.gate{fill:#1c2129}.read{fill:#0c2d6b}.write{fill:#4b2900}.send,.exec{fill:#67060c}.call,.start{fill:#3c1e70}
.wait{fill:#033a16}}";

/// The whole graph.
pub fn svg(drawing: &Drawing) -> String {
    let panels: Vec<Panel> = drawing.flows.iter().map(Panel::of).collect();
    let width = panels.iter().map(|panel| panel.width).fold(200.0, f64::max) + 2.0 * MARGIN;
    let height: f64 = panels.iter().map(|panel| panel.height + MARGIN).sum::<f64>() + MARGIN;
    let mut out = Svg(String::new());
    out.line(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">"
    ));
    out.line(&format!("<title>{}</title><style>{STYLE}</style>", escaped(&drawing.entry)));
    out.line(
        "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#8c959f\"/></marker></defs>",
    );
    let mut top = MARGIN;
    for panel in &panels {
        out.line(&format!("<g transform=\"translate({MARGIN:.0} {top:.0})\">{}</g>", panel.body));
        top += panel.height + MARGIN;
    }
    out.line("</svg>");
    out.0
}

/// A text that grows.
struct Svg(String);

impl Svg {
    fn line(&mut self, line: &str) {
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// One flow, drawn from its own corner.
struct Panel {
    width: f64,
    height: f64,
    body: String,
}

/// A box or frame on its way to the paper.
struct Piece<'a> {
    id: String,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Step(&'a Step),
    Undo(&'a str),
    Frame(&'a str),
}

impl Panel {
    fn of(flow: &FlowDrawing) -> Panel {
        let mut plan = Sketch::new();
        plan.block(&flow.body, None);
        let drawn = if plan.pieces.len() > LARGEST { outline(&flow.body) } else { plan.draw() };
        let heading = format!("{} {}", flow.role, flow.signature);
        let can = flow.can.join(", ");
        let texts = short(&heading, 110).chars().count().max(can.chars().count() + 4);
        let width = (texts as f64 * LETTER).max(drawn.width) + 2.0 * PAD;
        let top = 46.0;
        let height = top + drawn.height + PAD;
        let mut out = Svg(String::new());
        out.line(&format!("<rect class=\"panel\" width=\"{width:.0}\" height=\"{height:.0}\" rx=\"8\"/>"));
        out.line(&format!(
            "<text class=\"title\" x=\"{PAD}\" y=\"20\">{}<title>{}</title></text>",
            escaped(&short(&heading, 110)),
            escaped(&heading)
        ));
        if !can.is_empty() {
            out.line(&format!("<text class=\"dim\" x=\"{PAD}\" y=\"37\">can {}</text>", escaped(&can)));
        }
        out.line(&format!("<g transform=\"translate({PAD} {top})\">{}</g>", drawn.body));
        Panel { width, height, body: out.0 }
    }
}

/// A flow's boxes and frames before they have places.
struct Sketch<'a> {
    graph: Graph<NodeLabel, EdgeLabel>,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Sketch<'a> {
    fn new() -> Self {
        let options = GraphOptions { directed: true, multigraph: true, compound: true };
        Sketch { graph: Graph::with_options(options), pieces: Vec::new() }
    }

    fn block(&mut self, block: &'a Block, frame: Option<&str>) {
        for step in &block.steps {
            self.step(step, frame);
        }
        for edge in &block.edges {
            if let (Some(from), Some(to)) = (block.steps.get(edge.from), block.steps.get(edge.to)) {
                self.edge(&from.id, &to.id, if edge.data { "data" } else { "order" });
            }
        }
    }

    fn step(&mut self, step: &'a Step, frame: Option<&str>) {
        self.node(&step.id, &step.title(), frame);
        self.pieces.push(Piece { id: step.id.clone(), kind: Kind::Step(step) });
        if let Some(undo) = &step.undo {
            let id = format!("{}u", step.id);
            let text = format!("undo {undo}");
            self.node(&id, &text, frame);
            self.edge(&step.id, &id, "order");
            self.pieces.push(Piece { id, kind: Kind::Undo(undo) });
        }
        for (at, inner) in step.blocks.iter().enumerate().filter(|(_, inner)| !inner.steps.is_empty()) {
            let id = format!("{}b{at}", step.id);
            self.graph.set_node(id.clone(), Some(NodeLabel::default()));
            self.graph.set_parent(&id, frame);
            self.pieces.push(Piece { id: id.clone(), kind: Kind::Frame(&inner.label) });
            self.block(inner, Some(&id));
            for first in inner.first_steps() {
                self.edge(&step.id, &first.id, "order");
            }
        }
    }

    fn node(&mut self, id: &str, text: &str, frame: Option<&str>) {
        let letters = short(text, LONGEST).chars().count().max(4);
        let label = NodeLabel { width: letters as f64 * LETTER + 2.0 * PAD, height: HEIGHT, ..NodeLabel::default() };
        self.graph.set_node(id.to_owned(), Some(label));
        if frame.is_some() {
            self.graph.set_parent(id, frame);
        }
    }

    fn edge(&mut self, from: &str, to: &str, kind: &str) {
        self.graph.set_edge(from.to_owned(), to.to_owned(), Some(EdgeLabel::default()), Some(kind));
    }

    fn draw(mut self) -> Panel {
        if self.pieces.is_empty() {
            return Panel { width: 60.0, height: HEIGHT, body: "<text class=\"dim\" y=\"18\">pure</text>".into() };
        }
        layout(&mut self.graph, Some(LayoutOptions { nodesep: 22.0, ranksep: 30.0, ..LayoutOptions::default() }));
        let (mut width, mut height) = (0.0_f64, 0.0_f64);
        let mut out = Svg(String::new());
        let frames_first = |piece: &&Piece<'_>| matches!(piece.kind, Kind::Frame(_));
        for piece in self.pieces.iter().filter(frames_first) {
            self.piece(piece, &mut out, &mut width, &mut height);
        }
        for edge in self.graph.edges() {
            let Some(label) = self.graph.edge_by_obj(&edge) else { continue };
            let points: Vec<String> =
                label.points.iter().map(|point| format!("{:.1} {:.1}", point.x, point.y)).collect();
            let order = if edge.name.as_deref() == Some("order") { " order" } else { "" };
            out.line(&format!("<path class=\"edge{order}\" marker-end=\"url(#tip)\" d=\"M{}\"/>", points.join("L")));
        }
        for piece in self.pieces.iter().filter(|piece| !frames_first(piece)) {
            self.piece(piece, &mut out, &mut width, &mut height);
        }
        Panel { width, height, body: out.0 }
    }

    fn piece(&self, piece: &Piece<'_>, out: &mut Svg, width: &mut f64, height: &mut f64) {
        let Some(node) = self.graph.node(&piece.id) else { return };
        let (x, y) = (node.x.unwrap_or(0.0) - node.width / 2.0, node.y.unwrap_or(0.0) - node.height / 2.0);
        *width = width.max(x + node.width);
        *height = height.max(y + node.height);
        let size = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"", node.width, node.height);
        let text = |class: &str, words: &str| {
            let (left, base) = (x + PAD, y + HEIGHT / 2.0 + 4.0);
            format!("<text{class} x=\"{left:.1}\" y=\"{base:.1}\">{}</text>", escaped(&short(words, LONGEST)))
        };
        match piece.kind {
            Kind::Frame(label) => {
                out.line(&format!("<rect class=\"frame\" {size} rx=\"6\"><title>{}</title></rect>", escaped(label)));
                let (left, base) = (x + 6.0, y + 12.0);
                out.line(&format!("<text class=\"dim\" x=\"{left:.1}\" y=\"{base:.1}\">{}</text>", escaped(label)));
            }
            Kind::Undo(call) => {
                out.line(&format!("<rect class=\"step control\" {size} rx=\"4\"/>"));
                out.line(&text(" class=\"dim\"", &format!("undo {call}")));
            }
            Kind::Step(step) => {
                let last = if step.is_final { " final" } else { "" };
                let round = if matches!(step.effect, Effect::Pure | Effect::Wait) { 15 } else { 4 };
                out.line(&format!(
                    "<g data-step=\"{}\" data-file=\"{}\" data-line=\"{}\"><title>{}</title><rect class=\"step {}{last}\" {size} rx=\"{round}\"/>{}</g>",
                    escaped(&step.name), escaped(&step.file), step.line, escaped(&tip(step)), class(step.effect),
                    text("", &step.title())
                ));
            }
        }
    }
}

/// A flow too large to be laid out: its steps, one below the other.
fn outline(block: &Block) -> Panel {
    let mut out = Svg(String::new());
    let mut width = 0.0_f64;
    for (at, step) in block.steps.iter().enumerate() {
        let title = short(&step.title(), LONGEST);
        width = width.max(title.chars().count() as f64 * LETTER);
        let base = 16.0 * (at as f64 + 1.0);
        out.line(&format!("<text y=\"{base:.0}\">{}</text>", escaped(&title)));
    }
    Panel { width, height: 16.0 * (block.steps.len() as f64 + 1.0), body: out.0 }
}

fn tip(step: &Step) -> String {
    let mut words = vec![step.title(), step.effect.word().to_owned()];
    words.extend(step.keyed.then(|| "once per key".to_owned()));
    words.extend(step.is_final.then(|| "final".to_owned()));
    words.push(format!("{}:{}", step.file, step.line));
    words.retain(|word| !word.is_empty());
    words.join("\n")
}

fn class(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Send => "send",
        Effect::Exec => "exec",
        Effect::Call => "call",
        Effect::Start => "start",
        Effect::Wait => "wait",
        Effect::Control => "control",
        Effect::Gate => "gate",
    }
}

fn short(text: &str, longest: usize) -> String {
    let text = crate::escape::line(text);
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_string(),
    }
}

fn escaped(text: &str) -> String {
    let clean = text.chars().filter(|c| !c.is_control() || *c == '\n');
    clean.fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
        out
    })
}
