//! Declarations whose brackets do not pair up: what follows the first mistake reads pieces that were torn apart.

use super::Checker;
use crate::project::SourceFile;
use rustc_hash::FxHashMap;
use weir_lang::rules::Rule;
use weir_lang::span::Loc;

/// The declarations of one file, by where they start, and for those that are torn the first that is said of them.
struct Torn<'a> {
    text: &'a str,
    starts: Vec<usize>,
    first: FxHashMap<usize, Option<Loc>>,
}

impl Checker {
    /// Of a declaration that is torn only the first thing said is meant.
    pub(super) fn drop_consequences(&mut self, files: &[SourceFile]) {
        let mut torn: FxHashMap<u32, Torn<'_>> = FxHashMap::default();
        for one in self.diagnostics.iter().filter(|one| one.rule == Rule::Syntax) {
            let loc = one.loc();
            let Some(file) = files.get(loc.file.0 as usize) else { continue };
            torn.entry(loc.file.0).or_insert_with(|| Torn::new(&file.text)).met(loc);
        }
        self.diagnostics.retain(|one| {
            let loc = one.loc();
            let first = torn.get(&loc.file.0).and_then(|file| file.first_at(loc));
            first.is_none_or(|first| first == loc)
        });
    }
}

impl<'a> Torn<'a> {
    /// A declaration starts at a line that begins with a word at the margin.
    fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if line.starts_with(|sign: char| sign.is_ascii_alphabetic()) && at > 0 {
                starts.push(at);
            }
            at += line.len();
        }
        Torn { text, starts, first: FxHashMap::default() }
    }

    /// The declaration around a place, by its number.
    fn around(&self, place: usize) -> usize {
        self.starts.partition_point(|start| *start <= place).saturating_sub(1)
    }

    /// A mistake: the first of its declaration counts, where that is torn.
    fn met(&mut self, loc: Loc) {
        let number = self.around(loc.span.start as usize);
        let start = self.starts.get(number).copied().unwrap_or(0);
        let end = self.starts.get(number + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..end).unwrap_or("");
        self.first.entry(number).or_insert_with(|| (!weir_lang::pair_up(text)).then_some(loc));
    }

    fn first_at(&self, loc: Loc) -> Option<Loc> {
        self.first.get(&self.around(loc.span.start as usize)).copied().flatten()
    }
}
