//! Checking again after an edit says what a fresh check says, whatever was edited before. `WEIR_EDITS=1000` sets how many
//! edits each project gets.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a test reads files and stops where something is wrong"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use weir_compiler::project::ProjectSource;
use weir_compiler::{Memory, check};

/// Edits of a project where nobody asks for more.
const SHARE: usize = 40;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

/// The places of the words and signs of a text.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for (at, sign) in text.char_indices() {
        let end = at + sign.len_utf8();
        let is_word = |sign: char| sign.is_alphanumeric() || sign == '_';
        match out.last_mut() {
            Some(last) if last.1 == at && is_word(sign) && text[last.0..at].chars().all(is_word) => last.1 = end,
            _ if sign.is_whitespace() => {}
            _ => out.push((at, end)),
        }
    }
    out
}

/// Takes a word away, doubles it, or puts another one of the project in its place.
fn edit(dice: &mut Dice, source: &mut ProjectSource) {
    let from = dice.roll(source.files.len());
    let to = dice.roll(source.files.len());
    let (other, places) = (source.files[from].text.clone(), words(&source.files[to].text));
    let others = words(&other);
    if places.is_empty() || others.is_empty() {
        return;
    }
    let (start, end) = places[dice.roll(places.len())];
    let (first, last) = others[dice.roll(others.len())];
    let had = source.files[to].text[start..end].to_owned();
    let new = match dice.roll(4) {
        0 => String::new(),
        1 => format!("{had} {had}"),
        _ => other[first..last].to_owned(),
    };
    source.files[to].text.replace_range(start..end, &new);
}

#[test]
fn checking_again_says_what_a_fresh_check_says() {
    let edits: usize = std::env::var("WEIR_EDITS").ok().and_then(|text| text.parse().ok()).unwrap_or(SHARE);
    let cases = support::cases().into_iter().map(|case| (case.name, case.source));
    let several = |(_, source): &(String, ProjectSource)| source.files.len() > 1;
    let projects: Vec<(String, ProjectSource)> = cases.chain(support::examples()).filter(several).collect();
    assert!(projects.len() > 10, "{}", projects.len());
    let stop = Arc::new(AtomicBool::new(false));
    for (number, (name, sound)) in projects.into_iter().enumerate() {
        let (mut dice, mut memory, mut source) = (Dice(number as u64), Memory::default(), sound.clone());
        for round in 0..edits {
            // A broken project says little: from time to time all is well again.
            if round % 6 == 5 {
                source = sound.clone();
            }
            edit(&mut dice, &mut source);
            let again = memory.check(source.clone(), &stop).unwrap();
            let fresh = check(source.clone());
            assert_eq!(support::said(&again), support::said(&fresh), "{name}, edit {round}");
            let plans = |checked: &weir_compiler::Checked| {
                checked.flows.keys().map(|flow| checked.plan(flow).map(|plan| plan.hash())).collect::<Vec<_>>()
            };
            assert_eq!(plans(&again), plans(&fresh), "{name}, edit {round}");
        }
    }
}
