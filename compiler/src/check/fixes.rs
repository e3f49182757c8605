//! What fixes change: where something is inserted, and what goes with what is taken out.

use super::Checker;
use super::body::Body;
use super::outline::Site;
use ecow::EcoString;
use weir_lang::span::{Loc, Span};
use weir_lang::types::Type;

/// The edits of a fix.
pub type Edits = Vec<(Loc, String)>;

impl Checker {
    /// The text of a place in a flow file or in `weir.toml`.
    pub(super) fn text_of(&self, loc: Loc) -> &str {
        let text = self.texts.get(loc.file.0 as usize).unwrap_or(&self.config_text);
        loc.span.text(text)
    }

    /// The text behind a place.
    fn text_behind(&self, loc: Loc) -> &str {
        let text = self.texts.get(loc.file.0 as usize).unwrap_or(&self.config_text);
        text.get(loc.span.end as usize..).unwrap_or("")
    }

    /// The blanks that a line begins with.
    pub(super) fn indent_of(&self, loc: Loc) -> String {
        let text = self.texts.get(loc.file.0 as usize).map(String::as_str).unwrap_or("");
        let before = text.get(..loc.span.start as usize).unwrap_or("");
        let line = text.get(before.rfind('\n').map_or(0, |at| at + 1)..).unwrap_or("");
        line.chars().take_while(|sign| *sign == ' ' || *sign == '\t').collect()
    }

    /// Behind a call, its fields and its clauses: where another clause goes.
    pub(super) fn behind(&self, module: usize, site: &Site) -> Loc {
        let last = site.clauses.last().map_or(site.span, |clause| clause.span);
        let mut end = last.end;
        let behind = self.text_behind(self.program.loc(module, last));
        if site.clauses.is_empty() {
            let fields = behind.chars().take_while(|sign| sign.is_alphanumeric() || matches!(sign, '.' | '_' | '?'));
            let length: usize = fields.map(char::len_utf8).sum();
            let fields = behind.get(..length).unwrap_or("").trim_end_matches('?');
            if fields.starts_with('.') || fields.starts_with("?.") {
                end += u32::try_from(fields.len()).unwrap_or_default();
            }
        }
        self.program.loc(module, Span { start: end, end })
    }

    /// ` undo crm.delete(id: it.id)`, where the opposite takes only what the call's result has.
    pub(super) fn undo_text(&self, tool: &str, opposite: &str) -> Option<String> {
        let (made, taker) = (self.program.tools.get(tool)?, self.program.tools.get(opposite)?);
        if !taker.idempotent && !taker.reads_only() {
            return None;
        }
        let Type::Record(record) = self.program.types.head(&made.output) else { return None };
        let mut args: Vec<String> = Vec::new();
        for (name, _) in taker.params.iter().filter(|(_, param)| !param.optional) {
            let same = record.fields.get(name).map(|_| name.clone());
            let id = (name == "id" || name.ends_with("_id")).then(|| EcoString::from("id"));
            let field = same.or_else(|| id.filter(|id| record.fields.contains_key(id)))?;
            args.push(format!("{name}: it.{field}"));
        }
        Some(format!(" undo {opposite}({})", args.join(", ")))
    }

    /// Takes the entry at `at` out of a list, with the comma that goes with it. None where it is the only one.
    pub(super) fn without_entry(&self, entries: &[Loc], at: usize) -> Option<Edits> {
        let this = *entries.get(at)?;
        let gone = match (entries.get(at + 1), at.checked_sub(1).and_then(|before| entries.get(before))) {
            (Some(next), _) => Span { start: this.span.start, end: next.span.start },
            (None, Some(before)) => Span { start: before.span.end, end: this.span.end },
            (None, None) => return None,
        };
        Some(vec![(Loc { file: this.file, span: gone }, String::new())])
    }

    /// Takes a place out, with the blanks before it.
    pub(super) fn without(&self, loc: Loc) -> Edits {
        let text = self.texts.get(loc.file.0 as usize).unwrap_or(&self.config_text);
        let before = text.get(..loc.span.start as usize).unwrap_or("");
        let start = Span::new(before.trim_end().len(), 0).start;
        vec![(Loc { file: loc.file, span: Span { start, end: loc.span.end } }, String::new())]
    }
}

impl Body<'_> {
    /// The text of a place in this module.
    pub(super) fn text_at(&self, span: Span) -> &str {
        self.checker.text_of(self.loc(span))
    }
}

/// An insertion.
pub fn insert(loc: Loc, text: impl Into<String>) -> Edits {
    vec![(Loc { file: loc.file, span: Span { start: loc.span.start, end: loc.span.start } }, text.into())]
}
