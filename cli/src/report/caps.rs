//! `weir check --caps`: the least `can` of each flow.

use super::Findings;
use serde_json::{Value, json};
use weir_compiler::{Checked, FlowInfo};

/// A line a flow, as it may stand in the source; what its `can` says otherwise stands behind.
pub fn caps_human(projects: &[(&Checked, &Findings<'_>)]) -> String {
    let width = projects.iter().flat_map(|(checked, _)| checked.flows.keys()).map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (checked, _) in projects {
        for flow in checked.flows.values() {
            let least = match flow.needs.is_empty() {
                true => "nothing".to_string(),
                false => format!("can {}", flow.needs.join(", ")),
            };
            let line = format!("{:width$}  {least}{}", flow.name, differs(flow));
            text.push_str(&crate::escape::line(&line));
            text.push('\n');
        }
    }
    text
}

/// What the flow declares beside or instead of it.
fn differs(flow: &FlowInfo) -> String {
    let over: Vec<&str> = flow.can.iter().filter(|one| !flow.needs.contains(one)).map(|one| one.as_str()).collect();
    let under: Vec<&str> = flow.needs.iter().filter(|one| !flow.can.contains(one)).map(|one| one.as_str()).collect();
    match (over.is_empty(), under.is_empty()) {
        (true, true) => String::new(),
        (false, true) => format!("    (declares more: {})", over.join(", ")),
        (true, false) => format!("    (does not declare {})", under.join(", ")),
        (false, false) => format!("    (declares {} instead of {})", over.join(", "), under.join(", ")),
    }
}

/// One object: `{"flows": [{"flow", "role", "file", "line", "needs", "can"}]}`.
pub fn caps_json(projects: &[(&Checked, &Findings<'_>)]) -> String {
    let one = |findings: &Findings<'_>, flow: &FlowInfo| -> Value {
        let place = findings.place(flow.loc);
        json!({
            "flow": flow.name, "role": flow.role.word(), "file": findings.path(flow.loc.file), "line": place.line,
            "needs": flow.needs, "can": flow.can,
        })
    };
    let all = projects.iter().flat_map(|(checked, findings)| checked.flows.values().map(move |flow| (*findings, flow)));
    json!({ "flows": all.map(|(findings, flow)| one(findings, flow)).collect::<Vec<_>>() }).to_string()
}
