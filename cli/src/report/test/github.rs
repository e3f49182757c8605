//! Annotations of GitHub's workflow runs: an error at each expectation that does not hold.

use super::{Tested, place_of, words};
use crate::report::github::annotation_at;

/// An annotation for each failure.
pub fn github(tested: &[Tested<'_>]) -> String {
    let mut text = String::new();
    for project in tested {
        for report in &project.reports {
            for failure in &report.failures {
                let loc = place_of(report, failure);
                let title = format!("test: {}", report.name);
                text.push_str(&annotation_at(&project.findings, loc, "error", &title, &words(failure)));
                text.push('\n');
            }
        }
    }
    text
}
