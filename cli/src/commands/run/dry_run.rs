//! `weir run --dry-run`: what would be called, in which order and how much at once. Nothing is called, nothing written.

use crate::args::Format;
use crate::escape;
use crate::graph::{self, Block, Drawing};
use crate::out::{self, Style, styled};
use serde_json::json;
use weir_compiler::plan::Plan;
use weir_runtime::engine::StartRequest;

/// Shows the plan of calls on stdout.
pub fn show(plan: &Plan, drawing: &Drawing, request: &StartRequest, format: Format) {
    match format {
        Format::Human => out::result(&human(plan, drawing, request)),
        Format::Json => out::result_line(&machine(plan, drawing, request)),
    }
}

fn human(plan: &Plan, drawing: &Drawing, request: &StartRequest) -> String {
    let mut text = format!("{} {}\n", styled(Style::Bold, "nothing is called; this would run"), drawing.entry);
    text.push_str(&format!("  arguments: {}\n", escape::short(&request.args.masked(), 200)));
    text.push_str(&format!("  granted:   {}\n", or_nothing(&request.grants.join(", "))));
    if plan.tools.values().any(weir_compiler::plan::ToolPlan::sends) {
        let gate = if request.delivery { "would send" } else { "disabled: nothing would be sent" };
        text.push_str(&format!("  delivery:  {gate}\n"));
    }
    text.push_str("  calls:\n");
    for (name, places) in places(plan, drawing) {
        let places = crate::report::counted(places, "place");
        let can = plan.tools.get(name).map(|tool| tool.capabilities.join(", ")).unwrap_or_default();
        text.push_str(&format!("    {} ({can}) in {places}\n", escape::line(name)));
    }
    text.push_str("\nin this order; what hangs on one bracket runs side by side:\n\n");
    text.push_str(&graph::text(drawing));
    text
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn machine(plan: &Plan, drawing: &Drawing, request: &StartRequest) -> String {
    let calls: Vec<_> = places(plan, drawing)
        .into_iter()
        .map(|(name, places)| {
            let capabilities: Vec<&str> = plan
                .tools
                .get(name)
                .into_iter()
                .flat_map(|tool| &tool.capabilities)
                .map(|capability| capability.as_str())
                .collect();
            json!({ "tool": name, "capabilities": capabilities, "places": places })
        })
        .collect();
    let args: serde_json::Value = serde_json::from_str(&request.args.masked()).unwrap_or_default();
    json!({ "flow": drawing.entry, "program": drawing.program, "args": args, "grants": request.grants,
        "delivery": request.delivery, "calls": calls, "graph": drawing })
    .to_string()
}

/// Every tool of the plan, and how many steps call it.
fn places<'a>(plan: &'a Plan, drawing: &Drawing) -> Vec<(&'a str, usize)> {
    let count = |name: &str| drawing.flows.iter().map(|flow| steps_that(&flow.body, name)).sum();
    plan.tools.keys().map(|name| (name.as_str(), count(name))).collect()
}

fn steps_that(block: &Block, tool: &str) -> usize {
    let inner = |step: &graph::Step| step.blocks.iter().map(|block| steps_that(block, tool)).sum::<usize>();
    let own = |step: &graph::Step| usize::from(step.does == tool) + usize::from(step.undo.as_deref() == Some(tool));
    block.steps.iter().map(|step| own(step) + inner(step)).sum()
}
