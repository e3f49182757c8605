//! A baseline: problems that a project had when it adopted the checker. They are known by file, rule and the text of
//! their line, not by its number, so that lines that move change nothing.

use super::Findings;
use serde::{Deserialize, Serialize};
use std::path::Path;
use weir_lang::diagnostic::Diagnostic;

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    /// Sorted, each once.
    problems: Vec<Known>,
}

/// Problems of one rule on lines of one text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// Relative to the baseline's folder.
    pub file: String,
    /// The rule's name.
    pub rule: String,
    /// The line on which it was found, blanks at its ends removed.
    pub line: String,
    /// How many there were.
    pub count: usize,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Baseline, String> {
        let read: Baseline = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if read.version == 1 { Ok(read) } else { Err(format!("its version is {}, and 1 is known", read.version)) }
    }

    /// Everything that is found now. `relative` names a file as seen from the baseline's folder.
    pub fn of(findings: &[Findings<'_>], relative: &dyn Fn(&str) -> String) -> Baseline {
        let mut problems: Vec<Known> = Vec::new();
        for project in findings {
            problems.extend(project.diagnostics.iter().map(|one| known(project, one, relative)));
        }
        problems.sort();
        let mut joined: Vec<Known> = Vec::new();
        for one in problems {
            match joined.last_mut().filter(|last| same(last, &one)) {
                Some(last) => last.count += 1,
                None => joined.push(one),
            }
        }
        Baseline { version: 1, problems: joined }
    }

    /// The text of the file: a problem a line, so that a change reads well in a review.
    pub fn print(&self) -> String {
        let lines: Vec<String> =
            self.problems.iter().map(|one| format!("    {}", serde_json::to_string(one).unwrap_or_default())).collect();
        format!("{{\n  \"version\": 1,\n  \"problems\": [\n{}\n  ]\n}}\n", lines.join(",\n"))
    }

    /// How many problems it knows.
    pub fn len(&self) -> usize {
        self.problems.iter().map(|one| one.count).sum()
    }

    /// Takes what is known out of the findings. Gives how many were taken, and what is known but no longer there.
    pub fn take(mut self, findings: &mut [Findings<'_>], relative: &dyn Fn(&str) -> String) -> (usize, Vec<Known>) {
        let mut taken = 0;
        for project in findings {
            let all = std::mem::take(&mut project.diagnostics);
            for one in all {
                let found = known(project, one, relative);
                match self.problems.iter_mut().find(|known| same(known, &found) && known.count > 0) {
                    Some(known) => {
                        known.count -= 1;
                        taken += 1;
                    }
                    None => project.diagnostics.push(one),
                }
            }
        }
        self.problems.retain(|known| known.count > 0);
        (taken, self.problems)
    }
}

fn same(one: &Known, other: &Known) -> bool {
    one.file == other.file && one.rule == other.rule && one.line == other.line
}

fn known(project: &Findings<'_>, one: &Diagnostic, relative: &dyn Fn(&str) -> String) -> Known {
    Known {
        file: relative(project.path(one.loc().file)),
        rule: one.rule.name().to_owned(),
        line: project.line_text(one.loc()).trim().to_owned(),
        count: 1,
    }
}

/// A file as seen from a folder, with `/`; its own name where it lies elsewhere.
pub fn seen_from(folder: &Path, shown: &str) -> String {
    let full = Path::new(shown).canonicalize().unwrap_or_else(|_| Path::new(shown).to_owned());
    let inside = full.strip_prefix(folder).map(|path| path.to_string_lossy().replace('\\', "/"));
    inside.unwrap_or_else(|_| shown.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_compiler::project::SourceFile;
    use weir_lang::rules::Rule;
    use weir_lang::span::{FileId, Loc, Span};

    fn at(text: &str, what: &str) -> Diagnostic {
        let start = text.find(what).unwrap();
        let loc = Loc { file: FileId(0), span: Span::new(start, start + what.len()) };
        Diagnostic::new(Rule::UnusedBinding, loc, "unused")
    }

    fn file(text: &str) -> SourceFile {
        SourceFile { path: "a.flow".into(), module: Default::default(), text: text.into() }
    }

    #[test]
    fn lines_that_move_are_known_and_lines_that_change_are_not() {
        let same = |path: &str| path.to_owned();
        let before = file("a = 1\n  b = 2\n");
        let known = [at(&before.text, "a"), at(&before.text, "b")];
        let baseline = Baseline::of(&[Findings::some(std::slice::from_ref(&before), &known, |_| true)], &same);
        let read = Baseline::parse(&baseline.print()).unwrap();
        assert_eq!(read.len(), 2);
        let after = file("// moved\n\n    b = 2\na = 3\n");
        let found = [at(&after.text, "b = 2"), at(&after.text, "a = 3")];
        let mut findings = [Findings::some(std::slice::from_ref(&after), &found, |_| true)];
        let (taken, fixed) = read.take(&mut findings, &same);
        assert_eq!((taken, fixed.len(), findings[0].diagnostics.len()), (1, 1, 1));
        assert_eq!(fixed[0].line, "a = 1");
    }

    #[test]
    fn another_version_is_not_guessed() {
        assert!(Baseline::parse("{\"version\": 2, \"problems\": []}").unwrap_err().contains("version is 2"));
    }
}
