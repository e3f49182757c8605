//! What bounds report.

use weir_lang::diagnostic::Diagnostic;
use weir_lang::rules::Rule;
use weir_lang::span::Loc;

/// A budget that no run which ends well can keep.
pub fn budget_exceeded(loc: Loc, flow: &str, what: &str, needs: &str, most: &str) -> Diagnostic {
    let (message, help) = match what {
        "calls" => (format!("`{flow}` makes at least {needs} calls, and its budget is {most}"), "calls"),
        "cost" => (format!("`{flow}` costs at least {needs}, and its budget is {most}"), "cost"),
        "depth" => (format!("`{flow}` goes at least {needs} flows deep, and its budget is {most}"), "depth"),
        _ => (format!("`{flow}` waits for at least {needs}, and its budget is {most}"), "time"),
    };
    Diagnostic::new(Rule::BudgetExceeded, loc, message)
        .help(format!("raise the {help} to at least {needs}, or let the flow do less: no run could end well"))
}
