//! `weir run --dry-run`: what would be called, in which order and how much at once. Nothing is called, nothing written.

use crate::args::Format;
use crate::escape;
use crate::out::{self, Style, styled};
use serde_json::json;
use weir_compiler::plan::{Plan, ToolPlan};
use weir_runtime::dry_run::{DryRun, DryStep};
use weir_runtime::engine::StartRequest;

/// Names longer than this do not push the remarks behind them further out.
const WIDE: usize = 56;

/// Shows the walk through a plan on stdout.
pub fn show(plan: &Plan, request: &StartRequest, format: Format) {
    let walk = DryRun::of(plan);
    match format {
        Format::Human => out::result(&human(plan, &walk, request)),
        Format::Json => out::result_line(&machine(plan, &walk, request)),
    }
}

fn human(plan: &Plan, walk: &DryRun, request: &StartRequest) -> String {
    let mut text = format!("{} {}\n", styled(Style::Bold, "nothing is called; this would run"), walk.flow);
    text.push_str(&format!("  arguments: {}\n", escape::short(&request.args.masked(), 200)));
    text.push_str(&format!("  granted:   {}\n", or_nothing(&request.grants.join(", "))));
    if plan.tools.values().any(ToolPlan::sends) {
        let gate = if request.delivery { "would send" } else { "disabled: nothing would be sent" };
        text.push_str(&format!("  delivery:  {gate}\n"));
    }
    if walk.steps.is_empty() {
        text.push_str("\nit only computes: nothing would be called\n");
        return text;
    }
    text.push_str("\nin this order; steps of one number run side by side:\n\n");
    let rows: Vec<Row> = walk.steps.iter().map(row).collect();
    let width = rows.iter().map(|row| row.left.chars().count()).max().unwrap_or(0).min(WIDE);
    for row in rows {
        let gap = " ".repeat(width.saturating_sub(row.left.chars().count()));
        let line = format!("{}{gap}  {}", row.left, styled(Style::Dim, &row.right));
        text.push_str(if row.right.is_empty() { &row.left } else { line.trim_end() });
        text.push('\n');
    }
    text
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

/// A line: the number and the step, and remarks.
struct Row {
    left: String,
    right: String,
}

fn row(step: &DryStep) -> Row {
    let is_arm = step.what.starts_with("when ") || step.what.starts_with("only after ");
    let number = if is_arm { String::new() } else { step.beside.to_string() };
    let own = step.path.rsplit('/').next().unwrap_or(&step.path);
    let name = if is_arm || own == step.what { String::new() } else { format!("{}: ", escape::line(own)) };
    let left = format!("{number:>4}  {}{name}{}", "  ".repeat(step.depth), escape::line(&step.what));
    let can = step.capabilities.join(", ");
    let can = if can == step.what { String::new() } else { can };
    let right: Vec<&str> = [can.as_str(), step.note.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
    Row { left, right: right.join("; ") }
}

fn machine(plan: &Plan, walk: &DryRun, request: &StartRequest) -> String {
    let args: serde_json::Value = serde_json::from_str(&request.args.masked()).unwrap_or_default();
    json!({ "flow": walk.flow, "program": plan.hash(), "args": args, "grants": request.grants,
        "delivery": request.delivery, "capabilities": walk.capabilities, "steps": walk.steps })
    .to_string()
}
