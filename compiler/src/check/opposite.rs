//! The tool that takes back what another did, by its name or by its HTTP operation: what a missing `undo` proposes.

use super::Checker;
use super::outline::Site;
use crate::registry::Operation;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::{Loc, Span};

/// Words for doing, with the words for undoing it, the likeliest first.
const PAIRS: [(&str, &[&str]); 22] = [
    ("create", &["delete", "remove", "destroy", "cancel"]),
    ("insert", &["delete", "remove"]),
    ("add", &["remove", "delete"]),
    ("put", &["delete", "remove"]),
    ("post", &["delete", "remove"]),
    ("upload", &["delete", "remove"]),
    ("provision", &["deprovision", "delete", "release"]),
    ("register", &["unregister", "deregister"]),
    ("subscribe", &["unsubscribe"]),
    ("grant", &["revoke"]),
    ("assign", &["unassign"]),
    ("attach", &["detach"]),
    ("lock", &["unlock"]),
    ("reserve", &["release", "cancel"]),
    ("book", &["cancel"]),
    ("hold", &["release"]),
    ("charge", &["refund"]),
    ("open", &["close"]),
    ("start", &["stop", "cancel"]),
    ("enable", &["disable"]),
    ("archive", &["unarchive", "restore"]),
    ("schedule", &["unschedule", "cancel"]),
];

impl Checker {
    /// The tool of the same server that takes back what `tool` did.
    pub(super) fn opposite(&self, tool: &str) -> Option<String> {
        let (server, own) = tool.split_once('.')?;
        let parts = |name: &str| name.split(['_', '-', '/', '.']).map(str::to_lowercase).collect::<Vec<String>>();
        let words = parts(own);
        for (word, opposites) in PAIRS {
            let Some(at) = words.iter().position(|one| one == word) else { continue };
            for opposite in opposites {
                let mut wanted = words.clone();
                if let Some(slot) = wanted.get_mut(at) {
                    *slot = (*opposite).to_string();
                }
                let same =
                    |name: &str| name.split_once('.').is_some_and(|(of, own)| of == server && parts(own) == wanted);
                if let Some(found) = self.program.tools.keys().find(|name| same(name)) {
                    return Some(found.to_string());
                }
            }
        }
        self.opposite_operation(tool, server)
    }

    /// `POST /accounts` is taken back by `DELETE /accounts/{id}`.
    fn opposite_operation(&self, tool: &str, server: &str) -> Option<String> {
        let operation = |name: &str| -> Option<&Operation> { self.program.tools.get(name)?.http.as_deref() };
        let made = operation(tool).filter(|made| made.method.eq_ignore_ascii_case("post"))?;
        let takes_back = |name: &str| {
            operation(name).is_some_and(|taker| {
                let below = taker.path.strip_prefix(made.path.trim_end_matches('/'));
                let one = below.is_some_and(|rest| rest.starts_with("/{") && rest.matches('/').count() == 1);
                taker.method.eq_ignore_ascii_case("delete") && one
            })
        };
        let of_server = |name: &str| name.split('.').next() == Some(server);
        self.program.tools.keys().find(|name| of_server(name) && takes_back(name)).map(ToString::to_string)
    }

    /// Adds the opposite as a fix, where all that it takes is known.
    pub(super) fn with_undo(
        &self,
        found: Diagnostic,
        module: usize,
        site: &Site,
        opposite: Option<&str>,
    ) -> Diagnostic {
        let super::outline::SiteKind::Tool(tool) = &site.kind else { return found };
        let Some(text) = opposite.and_then(|opposite| self.undo_text(tool, opposite)) else { return found };
        let end = self.behind(module, site);
        let end = Loc { span: Span { start: end.span.end, end: end.span.end }, ..end };
        found.fix(format!("add `{}`", text.trim()), super::fixes::insert(end, text))
    }
}
