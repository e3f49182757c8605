//! `// weir: allow(rule) reason`: takes a warning off its own line, or off the next line of code where it stands alone.
//! What allows nothing is reported, and so is what gives no reason. In `weir.toml` it begins with `#`.

use super::Checker;
use super::hints;
use crate::project::SourceFile;
use rustc_hash::FxHashMap;
use weir_lang::diagnostic::Severity;
use weir_lang::rules::Rule;
use weir_lang::span::{FileId, Lines, Loc, Span};

/// One rule in one comment.
struct Allowed {
    rule: String,
    loc: Loc,
    /// The whole comment.
    comment: Span,
    /// Whether it is the only rule of its comment.
    alone: bool,
    line: u32,
    used: bool,
}

const MARK: &str = "weir: allow(";

impl Checker {
    /// Takes off what is allowed, and says which comments allow nothing.
    pub(super) fn suppress(&mut self, files: &[SourceFile]) {
        let mut allowed = Vec::new();
        for (at, file) in files.iter().enumerate() {
            if file.text.contains(MARK) {
                self.read_allowed(at, file, &mut allowed);
            }
        }
        if allowed.is_empty() {
            return;
        }
        let mut lines: FxHashMap<u32, Lines> = FxHashMap::default();
        for one in &allowed {
            if let Some(file) = files.get(one.loc.file.0 as usize) {
                lines.entry(one.loc.file.0).or_insert_with(|| Lines::new(&file.text));
            }
        }
        let mut by_line: FxHashMap<(FileId, u32), Vec<usize>> = FxHashMap::default();
        for (at, one) in allowed.iter().enumerate() {
            by_line.entry((one.loc.file, one.line)).or_default().push(at);
        }
        self.diagnostics.retain(|diagnostic| {
            let loc = diagnostic.loc();
            let Some(lines) = lines.get(&loc.file.0) else {
                return true;
            };
            if diagnostic.severity == Severity::Error {
                return true;
            }
            let line = lines.line(loc.span.start);
            let mut kept = true;
            for at in by_line.get(&(loc.file, line)).into_iter().flatten() {
                if let Some(one) = allowed.get_mut(*at).filter(|one| one.rule == diagnostic.rule.name()) {
                    (one.used, kept) = (true, false);
                }
            }
            kept
        });
        let broken = self.diagnostics.iter().any(|one| one.severity == Severity::Error);
        for one in allowed.iter().filter(|one| !one.used) {
            self.allows_nothing(one, files, broken);
        }
        self.diagnostics.sort_by_key(|diagnostic| (diagnostic.loc(), diagnostic.rule));
    }

    fn allows_nothing(&mut self, one: &Allowed, files: &[SourceFile], broken: bool) {
        let diagnostic = match Rule::named(&one.rule) {
            None => {
                let near = self.near(&one.rule, Rule::ALL.iter().map(|rule| rule.name()));
                hints::unknown_suppression(one.loc, &one.rule, near)
            }
            Some(rule) if rule.severity() == Severity::Error => hints::suppressed_error(one.loc, &one.rule),
            // What depends on a mistake elsewhere may not have been looked at.
            Some(_) if broken => return,
            Some(_) => {
                let found = hints::unused_suppression(one.loc, &one.rule);
                match files.get(one.loc.file.0 as usize).filter(|_| one.alone) {
                    Some(file) => found.fix("take the comment out", vec![(whole_line(file, one), String::new())]),
                    None => found,
                }
            }
        };
        self.diagnostics.push(diagnostic);
    }

    fn read_allowed(&mut self, at: usize, file: &SourceFile, allowed: &mut Vec<Allowed>) {
        let id = FileId(u32::try_from(at).unwrap_or(u32::MAX));
        let lines = Lines::new(&file.text);
        let code = lines_of_code(&file.text);
        for (comment, own_line) in self.comments(at, file) {
            let text = comment.text(&file.text);
            let Some((_, rest)) =
                text.split_once(MARK).filter(|(front, _)| front.trim_matches(['/', '#', ' ']).is_empty())
            else {
                continue;
            };
            let Some((rules, reason)) = rest.split_once(')') else { continue };
            if reason.trim().is_empty() {
                self.diagnostics.push(hints::missing_reason(Loc { file: id, span: comment }));
            }
            let line = lines.line(comment.start);
            let line = if own_line { next_code(&code, line) } else { line };
            let first = comment.start as usize + text.len() - rest.len();
            let mut from = first;
            for part in rules.split(',') {
                let start = from + part.len() - part.trim_start().len();
                let span = Span::new(start, start + part.trim().len());
                from += part.len() + 1;
                let (rule, loc) = (part.trim().to_string(), Loc { file: id, span });
                allowed.push(Allowed { rule, loc, comment, alone: !rules.contains(','), line, used: false });
            }
        }
    }

    /// The comments of a file with whether each stands alone on its line.
    fn comments(&self, at: usize, file: &SourceFile) -> Vec<(Span, bool)> {
        if let Some(module) = self.program.modules.get(at) {
            return module.ast.comments.iter().map(|comment| (comment.span, comment.own_line)).collect();
        }
        let mut found = Vec::new();
        let mut start = 0;
        for line in file.text.split_inclusive('\n') {
            if let Some(sign) = line.find(&format!("# {MARK}")) {
                let own_line = line.trim_start().starts_with('#');
                found.push((Span::new(start + sign, start + line.trim_end().len()), own_line));
            }
            start += line.len();
        }
        found
    }
}

/// The numbers of the lines that hold more than a comment, in order.
fn lines_of_code(text: &str) -> Vec<u32> {
    let code = |line: &str| !line.is_empty() && !line.starts_with("//") && !line.starts_with('#');
    let numbered = (1..).zip(text.lines());
    numbered.filter(|(_, line)| code(line.trim_start())).map(|(number, _)| number).collect()
}

/// The first of these lines behind a line.
fn next_code(code: &[u32], line: u32) -> u32 {
    code.get(code.partition_point(|one| *one <= line)).copied().unwrap_or(line + 1)
}

/// The comment with the blanks before it, and its line end where nothing else stands there.
fn whole_line(file: &SourceFile, one: &Allowed) -> Loc {
    let (start, end) = (one.comment.start as usize, one.comment.end as usize);
    let before = file.text.get(..start).unwrap_or("");
    let from = before.trim_end_matches([' ', '\t']).len();
    let own = from == 0 || before.get(..from).is_some_and(|text| text.ends_with('\n'));
    let next = file.text.get(end..).is_some_and(|rest| rest.starts_with('\n'));
    Loc { file: one.loc.file, span: Span::new(from, if own && next { end + 1 } else { end }) }
}
