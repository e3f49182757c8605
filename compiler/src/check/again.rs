//! Checking again while somebody types: what was parsed is remembered by file, and what was found out about its flows,
//! so that an edit costs one file's work, and a check that nobody waits for any more stops.

use super::bodies::Kept;
use super::{Checked, Checker};
use crate::project::{ProjectSource, SourceFile};
use ecow::EcoString;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use weir_lang::ast::Module;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::parse::Parsed;
use weir_lang::span::FileId;

/// A parsed file, cheap to share.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub module: Arc<Module>,
    pub diagnostics: Arc<Vec<Diagnostic>>,
}

impl From<Parsed> for Read {
    fn from(parsed: Parsed) -> Self {
        Read { module: Arc::new(parsed.module), diagnostics: Arc::new(parsed.diagnostics) }
    }
}

/// What a session of edits remembers of a project between two checks.
#[derive(Debug, Default)]
pub struct Memory {
    files: FxHashMap<EcoString, Remembered>,
    kept: Kept,
}

/// A file as it was parsed last.
#[derive(Debug)]
struct Remembered {
    file: FileId,
    text: String,
    read: Read,
}

impl Memory {
    /// The same as [`crate::check`], parsing only files whose text is another one than last time, and looking into the
    /// flows of the others only where something outside of flows has changed. None when `stop` was set meanwhile.
    pub fn check(&mut self, source: ProjectSource, stop: &Arc<AtomicBool>) -> Option<Checked> {
        let parsed = self.read_all(&source.files);
        let mut kept = std::mem::take(&mut self.kept);
        kept.hold_against(&source, &parsed);
        let mut checker = Checker { stop: stop.clone(), kept: Some(kept), ..Checker::default() };
        checker.collect(&source, parsed);
        checker.judge();
        self.kept = checker.kept.take().unwrap_or_default();
        if checker.stopped() { None } else { Some(checker.finish(source)) }
    }

    /// What is known when one file has another text: names and types of the project and of that file's flows, without
    /// diagnostics. Nothing is remembered.
    pub fn probe(&mut self, mut source: ProjectSource, file: usize, text: String) -> Checked {
        let mut parsed = self.read_all(&source.files);
        let id = FileId(u32::try_from(file).unwrap_or(u32::MAX));
        if let (Some(slot), Some(one)) = (parsed.get_mut(file), source.files.get_mut(file)) {
            *slot = weir_lang::parse(id, &text).into();
            one.text = text;
        }
        let mut checker = Checker::default();
        checker.collect(&source, parsed);
        for place in 0..checker.program.flows.len() {
            if checker.program.flows.get(place).is_some_and(|flow| flow.at.module == file) {
                checker.check_flow_at(place);
            }
        }
        checker.check_effects();
        checker.check_campaigns();
        checker.check_tests();
        checker.finish(source)
    }

    fn read_all(&mut self, files: &[SourceFile]) -> Vec<Read> {
        let parsed = files.iter().enumerate().map(|(at, file)| self.read(at, file)).collect();
        if self.files.len() > files.len() {
            self.files.retain(|path, _| files.iter().any(|file| file.path == *path));
        }
        parsed
    }

    fn read(&mut self, at: usize, file: &SourceFile) -> Read {
        let id = FileId(u32::try_from(at).unwrap_or(u32::MAX));
        if let Some(had) = self.files.get(&file.path).filter(|had| had.file == id && had.text == file.text) {
            return had.read.clone();
        }
        let read: Read = weir_lang::parse(id, &file.text).into();
        self.files.insert(file.path.clone(), Remembered { file: id, text: file.text.clone(), read: read.clone() });
        read
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn source(first: &str, second: &str) -> ProjectSource {
        let file = |name: &str, text: &str| SourceFile {
            path: format!("{name}.flow").into(),
            module: name.into(),
            text: text.to_owned(),
        };
        ProjectSource { files: vec![file("a", first), file("b", second)], ..ProjectSource::default() }
    }

    #[test]
    fn only_what_stands_outside_of_bodies_makes_others_looked_at_again() {
        const CALLS: &str = "coordinator main() -> int {\n  x = a.one()\n  return x\n}\n";
        let one = |ty: &str, value: &str| format!("transformer one() -> {ty} {{\n  return {value}\n}}\n");
        let (mut memory, stop) = (Memory::default(), Arc::default());
        let mut errors = |ty: &str, value: &str| {
            let before = memory.kept.outside;
            let checked = memory.check(source(&one(ty, value), CALLS), &stop).unwrap();
            let errors =
                checked.diagnostics.iter().filter(|one| one.severity == weir_lang::diagnostic::Severity::Error);
            let files: Vec<u32> = errors.map(|one| one.loc().file.0).collect();
            (files, memory.kept.outside == before)
        };
        assert_eq!(errors("int", "1"), (vec![], false));
        assert_eq!(errors("int", "12"), (vec![], true));
        assert_eq!(errors("int", "\"x\""), (vec![0], true));
        assert_eq!(errors("string", "\"x\""), (vec![1], false));
        assert_eq!(errors("string", "\"y\""), (vec![1], true));
    }
}
