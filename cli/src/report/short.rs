//! A line for each mistake: `file:line:col: error[rule]: message`.

use super::Findings;
use crate::escape;

/// All lines.
pub fn short(findings: &[Findings<'_>]) -> String {
    let mut text = String::new();
    for project in findings {
        for one in &project.diagnostics {
            let (word, rule) = (one.severity.word(), one.rule.name());
            let line = format!("{}: {word}[{rule}]: {}", project.place_text(one.loc()), one.message);
            text.push_str(&escape::line(&line));
            text.push('\n');
        }
    }
    text
}
