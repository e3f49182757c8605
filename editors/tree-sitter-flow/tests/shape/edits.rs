//! Random edits, parsed on from the tree before, as editors do it: no text breaks the parser, its nodes stay inside the
//! text and in order, and a text that is sound again has the tree that it has from scratch. `WEIR_EDITS` sets how many
//! edits each file gets.

use super::{editor, flow_files};
use std::fs;
use tree_sitter::{InputEdit, Parser, Point, Tree};

/// Edits for each file where nothing is said.
const SHARE: usize = 40;
const PIECES: [&str; 22] = [
    "{", "}", "(", ")", "[", "]", "\"", "\"\"\"", "\n", " ", ".", ":", "=", "|>", "x", "if ", "match ", "saga ", "æ𝄞",
    "\0", "// ", "/",
];

/// A small generator: the same edits on every machine (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides.max(1) as u64).unwrap()
    }
}

fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn point(text: &str, at: usize) -> Point {
    let before = &text[..at];
    Point::new(before.matches('\n').count(), at - before.rfind('\n').map_or(0, |newline| newline + 1))
}

/// Puts `new` in place of a stretch, and parses on.
fn replace(parser: &mut Parser, tree: &mut Tree, text: &mut String, from: usize, to: usize, new: &str) {
    let (start, old_end) = (point(text, from), point(text, to));
    text.replace_range(from..to, new);
    let end = from + new.len();
    tree.edit(&InputEdit {
        start_byte: from,
        old_end_byte: to,
        new_end_byte: end,
        start_position: start,
        old_end_position: old_end,
        new_end_position: point(text, end),
    });
    *tree = parser.parse(&*text, Some(tree)).expect("a parser with a language and without a limit answers");
}

fn stays_inside(tree: &Tree, text: &str) {
    let mut cursor = tree.walk();
    let mut open = vec![tree.root_node()];
    while let Some(node) = open.pop() {
        assert!(node.start_byte() <= node.end_byte() && node.end_byte() <= text.len(), "{node:?}");
        let mut last = node.start_byte();
        for child in node.children(&mut cursor) {
            assert!(child.start_byte() >= last && child.end_byte() <= node.end_byte(), "{child:?} in {node:?}");
            last = child.end_byte();
            open.push(child);
        }
    }
}

#[test]
fn random_edits_are_parsed_on() {
    let edits: usize = std::env::var("WEIR_EDITS").ok().and_then(|text| text.parse().ok()).unwrap_or(SHARE);
    let mut parser = editor::parser();
    let examples = flow_files().into_iter().filter(|path| path.components().any(|part| part.as_os_str() == "examples"));
    let mut files = 0;
    for (number, path) in examples.enumerate() {
        let sound = fs::read_to_string(&path).unwrap();
        let fresh = parser.parse(&sound, None).unwrap();
        let (mut tree, mut text, mut dice) = (fresh.clone(), sound.clone(), Dice(number as u64));
        for round in 0..edits {
            if round % 12 == 11 {
                let whole = text.len();
                replace(&mut parser, &mut tree, &mut text, 0, whole, &sound);
                assert_eq!(tree.root_node().to_sexp(), fresh.root_node().to_sexp(), "{}", path.display());
            }
            let at = boundary(&text, dice.roll(text.len() + 1));
            let far = boundary(&text, (at + dice.roll(12)).min(text.len()));
            match dice.roll(3) {
                0 => replace(&mut parser, &mut tree, &mut text, at, far, ""),
                _ => replace(&mut parser, &mut tree, &mut text, at, at, PIECES[dice.roll(PIECES.len())]),
            }
            stays_inside(&tree, &text);
        }
        // Letter by letter back again.
        let whole = text.len();
        replace(&mut parser, &mut tree, &mut text, 0, whole, "");
        for letter in sound.chars() {
            let end = text.len();
            replace(&mut parser, &mut tree, &mut text, end, end, letter.encode_utf8(&mut [0; 4]));
        }
        assert_eq!(tree.root_node().to_sexp(), fresh.root_node().to_sexp(), "{} typed", path.display());
        files += 1;
    }
    println!("{files} files, {edits} edits each");
    assert!(files >= 10, "only {files} examples were found");
}
