//! A line for each failure: `file:line:col: failed: test: message`.

use super::{Tested, place_of};
use crate::escape;

/// All lines.
pub fn short(tested: &[Tested<'_>]) -> String {
    let mut text = String::new();
    for project in tested {
        for report in &project.reports {
            for failure in &report.failures {
                let place = project.findings.place_text(place_of(report, failure));
                text.push_str(&escape::line(&format!("{place}: failed: {}: {}", report.name, failure.message)));
                text.push('\n');
            }
        }
    }
    text
}
