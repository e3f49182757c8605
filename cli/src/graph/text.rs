//! The drawing for a terminal: an indented outline, flows one after the other. Steps on one bracket run side by side.

use super::{Block, Drawing, FlowDrawing, Step};
use crate::escape;
use crate::out::{Style, styled};

/// The whole outline.
pub fn text(drawing: &Drawing) -> String {
    let flows: Vec<String> = drawing.flows.iter().map(flow).collect();
    flows.join("\n")
}

fn flow(flow: &FlowDrawing) -> String {
    let mut rows = Vec::new();
    block(&flow.body, "", &mut rows);
    let mut out = format!("{} {}\n", styled(Style::Bold, flow.role), escape::line(&flow.signature));
    if !flow.can.is_empty() {
        out.push_str(&format!("{}\n", styled(Style::Dim, &format!("│ can {}", flow.can.join(", ")))));
    }
    if flow.body.steps.is_empty() {
        out.push_str("└─ pure\n");
    }
    let width = rows.iter().map(|row| row.left.chars().count()).max().unwrap_or(0).min(60);
    for row in rows {
        let gap = " ".repeat(width.saturating_sub(row.left.chars().count()));
        let line = if row.right.is_empty() {
            row.left
        } else {
            format!("{}{gap}  {}", row.left, styled(Style::Dim, &row.right))
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// A line of the outline, with a remark.
struct Row {
    left: String,
    right: String,
}

fn block(block: &Block, indent: &str, rows: &mut Vec<Row>) {
    let groups = side_by_side(block);
    let last_group = groups.len().saturating_sub(1);
    for (at, group) in groups.iter().enumerate() {
        let last = at == last_group;
        for (place, step) in group.iter().enumerate() {
            let (rail, below) = rails(place, group.len(), last);
            row(step, &format!("{indent}{rail}"), &format!("{indent}{below}"), rows);
        }
    }
}

/// What stands before a step, and before what belongs to it: a single one, or one of a bracket.
fn rails(place: usize, of: usize, last: bool) -> (&'static str, &'static str) {
    match (of, place, last) {
        (1, _, false) => ("├─ ", "│  "),
        (1, _, true) => ("└─ ", "   "),
        (_, 0, false) => ("├┬ ", "││ "),
        (_, 0, true) => ("└┬ ", " │ "),
        (_, place, false) if place + 1 == of => ("│└ ", "│  "),
        (_, place, true) if place + 1 == of => (" └ ", "   "),
        (_, _, false) => ("│├ ", "││ "),
        (_, _, true) => (" ├ ", " │ "),
    }
}

fn row(step: &Step, rail: &str, below: &str, rows: &mut Vec<Row>) {
    let mut remarks: Vec<&str> = vec![step.effect.word()];
    if step.keyed {
        remarks.push("once per key");
    }
    if step.is_final {
        remarks.push("final");
    }
    remarks.retain(|remark| !remark.is_empty());
    rows.push(Row { left: format!("{rail}{}", escape::line(&step.title())), right: remarks.join(", ") });
    if let Some(undo) = &step.undo {
        rows.push(Row { left: format!("{below}┊ undo {}", escape::line(undo)), right: String::new() });
    }
    for inner in &step.blocks {
        let steps = if inner.steps.is_empty() { ": nothing to do" } else { "" };
        rows.push(Row { left: format!("{below}{}{steps}", escape::line(&inner.label)), right: String::new() });
        block(inner, below, rows);
    }
}

/// The steps in order, those together that wait for the same number of others and may so run at once.
fn side_by_side(block: &Block) -> Vec<Vec<&Step>> {
    let mut level = vec![0_usize; block.steps.len()];
    for edge in &block.edges {
        let after = level.get(edge.from).map_or(0, |level| level + 1);
        if let Some(to) = level.get_mut(edge.to) {
            *to = after.max(*to);
        }
    }
    let mut groups: Vec<(usize, Vec<&Step>)> = Vec::new();
    for (step, level) in block.steps.iter().zip(level) {
        match groups.iter_mut().find(|(other, _)| *other == level) {
            Some((_, group)) => group.push(step),
            None => groups.push((level, vec![step])),
        }
    }
    groups.sort_by_key(|(level, _)| *level);
    groups.into_iter().map(|(_, group)| group).collect()
}
