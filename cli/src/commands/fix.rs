//! `weir check --fix`: applies what mends itself, and leaves every file alone that would have new errors.

use super::fmt::replace;
use crate::exit::Error;
use crate::out;
use crate::project::Loaded;
use std::path::PathBuf;
use weir_compiler::project::ProjectSource;
use weir_compiler::{Checked, check};
use weir_lang::diagnostic::{Fix, Severity};
use weir_lang::span::Loc;

/// Fixes may bring others to light; so often are they looked for again.
const ROUNDS: usize = 10;

/// A fix that was made.
struct Made {
    file: usize,
    title: String,
}

/// A project whose fixes are being applied.
struct Fixing {
    source: ProjectSource,
    checked: Checked,
    made: Vec<Made>,
    /// Files that are left alone from here on.
    left: Vec<usize>,
}

/// Applies the fixes of a project in the files that `wanted` picks, and writes what changed. Says what it did on
/// stderr. Gives the number of fixes.
pub fn fix(loaded: &mut Loaded, wanted: &dyn Fn(usize) -> bool) -> Result<usize, Error> {
    let before = loaded.source.clone();
    let mut fixing =
        Fixing { checked: check(before.clone()), source: before.clone(), made: Vec::new(), left: unreadable(loaded) };
    for _ in 0..ROUNDS {
        if !fixing.round(wanted) {
            break;
        }
    }
    let mut changed = 0;
    for at in 0..=fixing.source.files.len() {
        let (Some(old), Some(new)) = (text(&before, at), text(&fixing.source, at)) else { continue };
        if old == new {
            continue;
        }
        let Some((path, shown)) = place(loaded, at) else { continue };
        if std::fs::read_to_string(&path).is_ok_and(|on_disk| on_disk == old) {
            replace(&path, &shown, new)?;
            changed += fixing.tell(at, &shown);
        } else {
            out::note_line(&format!("`{shown}` changed while it was looked at, so it was left alone"));
            if let Some(slot) = text_mut(&mut fixing.source, at) {
                *slot = old.to_owned();
            }
        }
    }
    loaded.source = fixing.source;
    Ok(changed)
}

impl Fixing {
    /// Applies every fix that stands in no other's way. Says whether anything changed.
    fn round(&mut self, wanted: &dyn Fn(usize) -> bool) -> bool {
        let config = self.source.files.len();
        let picked = |fix: &Fix| {
            fix.edits.iter().all(|(loc, _)| {
                let at = loc.file.0 as usize;
                (at == config || wanted(at)) && !self.left.contains(&at)
            })
        };
        let fixes: Vec<Fix> = apart(self.checked.diagnostics.iter().filter_map(|one| one.fix.clone()).filter(picked));
        if fixes.is_empty() {
            return false;
        }
        let mut source = self.source.clone();
        apply(&mut source, &fixes);
        let mut checked = check(source.clone());
        let worse = worse(&self.checked, &checked);
        if !worse.is_empty() {
            // Whatever touches a file that got worse is not done; nor is it tried again.
            let fixes: Vec<Fix> = fixes.iter().filter(|fix| !touches(fix, &worse)).cloned().collect();
            self.left.extend(worse.iter().copied());
            source = self.source.clone();
            apply(&mut source, &fixes);
            checked = check(source.clone());
            if !self::worse(&self.checked, &checked).is_empty() {
                self.left.extend(0..=config);
                return false;
            }
            self.take(source, checked, &fixes);
            return true;
        }
        self.take(source, checked, &fixes);
        true
    }

    fn take(&mut self, source: ProjectSource, checked: Checked, fixes: &[Fix]) {
        (self.source, self.checked) = (source, checked);
        for fix in fixes {
            let file = fix.edits.first().map_or(0, |(loc, _)| loc.file.0 as usize);
            self.made.push(Made { file, title: fix.title.clone() });
        }
    }

    /// What was done to a file.
    fn tell(&self, at: usize, shown: &str) -> usize {
        let titles: Vec<&str> =
            self.made.iter().filter(|made| made.file == at).map(|made| made.title.as_str()).collect();
        for title in &titles {
            out::note_line(&crate::escape::line(&format!("{shown}: {title}")));
        }
        titles.len()
    }
}

fn touches(fix: &Fix, files: &[usize]) -> bool {
    fix.edits.iter().any(|(loc, _)| files.contains(&(loc.file.0 as usize)))
}

/// The fixes none of whose edits overlaps one before it.
fn apart(fixes: impl Iterator<Item = Fix>) -> Vec<Fix> {
    let mut taken: Vec<Loc> = Vec::new();
    let mut kept = Vec::new();
    for fix in fixes {
        let free = |loc: &Loc| {
            !taken.iter().any(|other| {
                other.file == loc.file && loc.span.start <= other.span.end && other.span.start <= loc.span.end
            })
        };
        if fix.edits.iter().all(|(loc, _)| free(loc)) {
            taken.extend(fix.edits.iter().map(|(loc, _)| *loc));
            kept.push(fix);
        }
    }
    kept
}

fn apply(source: &mut ProjectSource, fixes: &[Fix]) {
    let mut edits: Vec<&(Loc, String)> = fixes.iter().flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|(loc, _)| std::cmp::Reverse(*loc));
    for (loc, new) in edits {
        let Some(text) = text_mut(source, loc.file.0 as usize) else { continue };
        let (start, end) = (loc.span.start as usize, loc.span.end as usize);
        if text.get(start..end).is_some() {
            text.replace_range(start..end, new);
        }
    }
}

/// Files with more errors than before.
fn worse(before: &Checked, after: &Checked) -> Vec<usize> {
    let errors = |checked: &Checked, at: usize| {
        let of = |one: &&weir_lang::diagnostic::Diagnostic| {
            one.severity == Severity::Error && one.loc().file.0 as usize == at
        };
        checked.diagnostics.iter().filter(of).count()
    };
    (0..after.files.len()).filter(|at| errors(after, *at) > errors(before, *at)).collect()
}

/// Files whose text is not what stands on the disk.
fn unreadable(loaded: &Loaded) -> Vec<usize> {
    loaded.problems.iter().map(|problem| problem.loc().file.0 as usize).collect()
}

fn text(source: &ProjectSource, at: usize) -> Option<&str> {
    match source.files.get(at) {
        Some(file) => Some(&file.text),
        None => source.config.as_ref().map(|(_, text)| text.as_str()),
    }
}

fn text_mut(source: &mut ProjectSource, at: usize) -> Option<&mut String> {
    match at < source.files.len() {
        true => source.files.get_mut(at).map(|file| &mut file.text),
        false => source.config.as_mut().map(|(_, text)| text),
    }
}

/// Where a file is, and its name as it is shown.
fn place(loaded: &Loaded, at: usize) -> Option<(PathBuf, String)> {
    match loaded.source.files.get(at) {
        Some(file) => Some((loaded.paths.get(at)?.clone(), file.path.to_string())),
        None => loaded.source.config.as_ref().map(|(shown, _)| (loaded.root.join("weir.toml"), shown.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_lang::span::{FileId, Span};

    fn edit(start: usize, end: usize, text: &str) -> Fix {
        let loc = Loc { file: FileId(0), span: Span::new(start, end) };
        Fix { title: text.to_owned(), edits: vec![(loc, text.to_owned())] }
    }

    #[test]
    fn overlapping_fixes_wait_for_the_next_round() {
        let kept = apart([edit(0, 3, "a"), edit(2, 4, "b"), edit(3, 3, "c"), edit(5, 6, "d")].into_iter());
        let titles: Vec<&str> = kept.iter().map(|fix| fix.title.as_str()).collect();
        assert_eq!(titles, ["a", "d"]);
    }
}
