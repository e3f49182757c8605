//! `weir check --bounds`: what each flow comes to at most.

use serde::Serialize;
use std::fmt::Write;
use weir_compiler::bounds::{Bound, Limit, Sum, Unit, Verdict};

/// A bound with where its flow stands.
pub struct Bounded {
    /// `file:line`
    pub at: String,
    /// The bound.
    pub bound: Bound,
}

/// For a person.
pub fn human(flows: &[Bounded]) -> String {
    let mut out: Vec<String> = flows.iter().map(flow).collect();
    if out.is_empty() {
        out.push("no flows\n".into());
    }
    out.join("\n")
}

fn flow(flow: &Bounded) -> String {
    let bound = &flow.bound;
    let mut out = format!("{} {}  {}\n", bound.role.word(), bound.flow, flow.at);
    let mut row = |name: &str, text: &str| {
        let _ = writeln!(out, "  {name:<9} {text}");
    };
    let wide = bound.tools.iter().map(|tool| tool.tool.chars().count()).max().unwrap_or(0);
    for (at, tool) in bound.tools.iter().enumerate() {
        let mut text = format!("{:<wide$}  {}", tool.tool, tool.calls.text(Unit::Count));
        if tool.attempts != tool.calls {
            let _ = write!(text, "  (attempts: {})", tool.attempts.text(Unit::Count));
        }
        row(if at == 0 { "calls" } else { "" }, &text);
    }
    if bound.tools.is_empty() {
        row("calls", "none");
    }
    if bound.tools.len() > 1 {
        row("attempts", &bound.attempts.text(Unit::Count));
    }
    row("time", &bound.time.text(Unit::Time));
    if !bound.cost.is_zero() {
        row("cost", &bound.cost.text(Unit::Cost));
    }
    if !bound.asks.is_zero() {
        row("questions", &bound.asks.text(Unit::Count));
    }
    for (at, (flow, count)) in bound.starts.iter().enumerate() {
        row(if at == 0 { "starts" } else { "" }, &format!("{flow}  {}", count.text(Unit::Count)));
    }
    for (at, (tool, count)) in bound.undo.iter().enumerate() {
        row(if at == 0 { "undoing" } else { "" }, &format!("{tool}  {}", count.text(Unit::Count)));
    }
    if !bound.undo.is_empty() {
        row(
            "",
            &format!("{} where each succeeds at once; they are tried until they do", bound.undo_time.text(Unit::Time)),
        );
    }
    for limit in &bound.budget {
        row(if limit.what == "timeout" { "timeout" } else { "budget" }, &limited(limit));
    }
    for (at, why) in bound.why.iter().enumerate() {
        row(if at == 0 { "because" } else { "" }, why);
    }
    out
}

fn limited(limit: &Limit) -> String {
    let most = limit.unit.quantity(limit.most);
    let most = match limit.what {
        "calls" => format!("{most} calls"),
        "time" | "timeout" => most,
        what => format!("{what} {most}"),
    };
    match limit.verdict {
        Verdict::Proven => format!("{most}: proven, at most {}", limit.needs.text(limit.unit)),
        Verdict::Depends => format!("{most}: holds while {} is no more", limit.needs.text(limit.unit)),
        Verdict::Limits => format!("{most}: may end the flow, which is otherwise {}", limit.needs.text(limit.unit)),
    }
}

#[derive(Serialize)]
struct Report<'a> {
    flows: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    flow: &'a str,
    role: &'a str,
    at: &'a str,
    tools: Vec<Tool<'a>>,
    attempts: Formula,
    /// In milliseconds where it is a number.
    time: Formula,
    cost: Formula,
    questions: Formula,
    depth: Formula,
    starts: Vec<Count<'a>>,
    undo: Vec<Count<'a>>,
    undo_time: Formula,
    budget: Vec<Budget>,
    unbounded: Vec<&'a str>,
}

#[derive(Serialize)]
struct Tool<'a> {
    tool: &'a str,
    calls: Formula,
    attempts: Formula,
}

#[derive(Serialize)]
struct Count<'a> {
    name: &'a str,
    count: Formula,
}

#[derive(Serialize)]
struct Budget {
    what: &'static str,
    most: f64,
    needs: Formula,
    verdict: &'static str,
}

/// A formula, and its number where it depends on nothing.
#[derive(Serialize)]
struct Formula {
    formula: String,
    number: Option<f64>,
}

#[allow(clippy::cast_precision_loss, reason = "JSON numbers are doubles")]
fn number(number: u64, unit: Unit) -> f64 {
    match unit {
        Unit::Cost => number as f64 / 1e9,
        Unit::Count | Unit::Time => number as f64,
    }
}

fn formula(sum: &Sum, unit: Unit) -> Formula {
    Formula { formula: sum.text(unit), number: sum.constant().map(|found| number(found, unit)) }
}

/// One JSON object.
pub fn json(flows: &[Bounded]) -> String {
    serde_json::to_string(&Report { flows: flows.iter().map(entry).collect() }).unwrap_or_default()
}

fn entry(flow: &Bounded) -> Entry<'_> {
    let bound = &flow.bound;
    let tools = bound.tools.iter().map(|tool| Tool {
        tool: &tool.tool,
        calls: formula(&tool.calls, Unit::Count),
        attempts: formula(&tool.attempts, Unit::Count),
    });
    let budget = bound.budget.iter().map(|limit| Budget {
        what: limit.what,
        most: number(limit.most, limit.unit),
        needs: formula(&limit.needs, limit.unit),
        verdict: match limit.verdict {
            Verdict::Proven => "proven",
            Verdict::Depends => "depends",
            Verdict::Limits => "limits",
        },
    });
    Entry {
        flow: &bound.flow,
        role: bound.role.word(),
        at: &flow.at,
        tools: tools.collect(),
        attempts: formula(&bound.attempts, Unit::Count),
        time: formula(&bound.time, Unit::Time),
        cost: formula(&bound.cost, Unit::Cost),
        questions: formula(&bound.asks, Unit::Count),
        depth: formula(&bound.depth, Unit::Count),
        starts: counts(&bound.starts),
        undo: counts(&bound.undo),
        undo_time: formula(&bound.undo_time, Unit::Time),
        budget: budget.collect(),
        unbounded: bound.why.iter().map(|why| why.as_str()).collect(),
    }
}

fn counts<'a, N: AsRef<str>>(all: &'a [(N, Sum)]) -> Vec<Count<'a>> {
    all.iter().map(|(name, count)| Count { name: name.as_ref(), count: formula(count, Unit::Count) }).collect()
}
