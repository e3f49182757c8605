//! Letters that only look plain, and characters that cannot be seen: in names and words of the source, of `weir.toml`
//! and of tools that a server offers.

use super::Checker;
use super::hints;
use crate::registry::ToolSource;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::span::{FileId, Loc, Span};

/// Letters of other scripts with the plain letters that they look like (a part of Unicode's confusables).
const ALIKE: [(char, char); 62] = [
    ('а', 'a'),
    ('е', 'e'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('у', 'y'),
    ('х', 'x'),
    ('і', 'i'),
    ('ј', 'j'),
    ('ѕ', 's'),
    ('һ', 'h'),
    ('ԁ', 'd'),
    ('ԛ', 'q'),
    ('ԝ', 'w'),
    ('ո', 'n'),
    ('ս', 'u'),
    ('ց', 'g'),
    ('ӏ', 'l'),
    ('к', 'k'),
    ('м', 'm'),
    ('т', 't'),
    ('в', 'b'),
    ('н', 'h'),
    ('А', 'A'),
    ('В', 'B'),
    ('Е', 'E'),
    ('К', 'K'),
    ('М', 'M'),
    ('Н', 'H'),
    ('О', 'O'),
    ('Р', 'P'),
    ('С', 'C'),
    ('Т', 'T'),
    ('У', 'Y'),
    ('Х', 'X'),
    ('Ѕ', 'S'),
    ('І', 'I'),
    ('Ј', 'J'),
    ('α', 'a'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('ν', 'v'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('υ', 'u'),
    ('Α', 'A'),
    ('Β', 'B'),
    ('Ε', 'E'),
    ('Ζ', 'Z'),
    ('Η', 'H'),
    ('Ι', 'I'),
    ('Κ', 'K'),
    ('Μ', 'M'),
    ('Ν', 'N'),
    ('Ο', 'O'),
    ('Ρ', 'P'),
    ('Τ', 'T'),
    ('Υ', 'Y'),
    ('Χ', 'X'),
    ('ı', 'i'),
    ('ɑ', 'a'),
    ('ɡ', 'g'),
];

impl Checker {
    /// Looks through every text and tool name that is not plain ASCII.
    pub(super) fn check_lookalikes(&mut self) {
        let mut found = Vec::new();
        for (at, text) in self.texts.iter().enumerate().filter(|(_, text)| !text.is_ascii()) {
            let file = FileId(u32::try_from(at).unwrap_or(u32::MAX));
            let comments =
                self.program.modules.get(at).map(|module| module.ast.comments.as_slice()).unwrap_or_default();
            look(
                text,
                file,
                &mut |span| {
                    let before = comments.partition_point(|one| one.span.start <= span.start);
                    let last = before.checked_sub(1).and_then(|at| comments.get(at));
                    last.is_some_and(|one| span.end <= one.span.end)
                },
                &mut found,
            );
        }
        if !self.config_text.is_ascii() {
            let file = FileId(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
            let starts: Vec<usize> =
                std::iter::once(0).chain(self.config_text.match_indices('\n').map(|(at, _)| at + 1)).collect();
            let text = &self.config_text;
            let comment = |span: Span| {
                let line = starts.partition_point(|start| *start <= span.start as usize).saturating_sub(1);
                let line = starts.get(line).copied().unwrap_or_default();
                text.get(line..).is_some_and(|line| line.trim_start().starts_with('#'))
            };
            look(text, file, &mut { comment }, &mut found);
        }
        self.look_at_tools(&mut found);
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }

    /// Tools that a server offers stand in no text; they are reported at its section.
    fn look_at_tools(&self, found: &mut Vec<Diagnostic>) {
        let locked =
            self.program.tools.values().filter(|tool| tool.source == ToolSource::Locked && !tool.name.is_ascii());
        for tool in locked {
            let loc = self.config_key(&["tools", tool.server()]);
            if let Some(sign) = tool.name.chars().find(|sign| is_invisible(*sign) || turns(*sign)) {
                found.push(hints::invisible(loc, sign));
            } else if let Some(sign) = tool.name.chars().find(|sign| alike(*sign).is_some())
                && tool.name.chars().all(|sign| sign.is_ascii() || alike(sign).is_some())
            {
                found.push(hints::lookalike(loc, &tool.name, sign, &plain(&tool.name)));
            }
        }
    }
}

fn look(text: &str, file: FileId, skip: &mut dyn FnMut(Span) -> bool, found: &mut Vec<Diagnostic>) {
    let mut runs: Vec<(Span, char)> = Vec::new();
    for (at, sign) in text.char_indices().filter(|(at, sign)| is_invisible(*sign) && (*at > 0 || *sign != '\u{FEFF}')) {
        let span = Span::new(at, at + sign.len_utf8());
        match runs.last_mut() {
            Some((run, _)) if run.end == span.start => run.end = span.end,
            _ => runs.push((span, sign)),
        }
    }
    for (span, sign) in runs.into_iter().filter(|(span, _)| !skip(*span)) {
        let loc = Loc { file, span };
        found.push(hints::invisible(loc, sign).fix("take it out", vec![(loc, String::new())]));
    }
    let mut start = None;
    for (at, sign) in text.char_indices().chain([(text.len(), ' ')]) {
        let inside = sign.is_alphanumeric() || sign == '_';
        match (start, inside) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                start = None;
                let span = Span::new(from, at);
                let word = span.text(text);
                if !word.is_ascii() && !skip(span) {
                    found.extend(mixed(text, span, word).map(|sign| {
                        let (loc, plain) = (Loc { file, span }, plain(word));
                        hints::lookalike(loc, word, sign, &plain).fix(format!("write `{plain}`"), vec![(loc, plain)])
                    }));
                }
            }
            _ => {}
        }
    }
}

/// The letter that makes a word look plain: where it mixes scripts, or is a name that reads as a plain one.
fn mixed(text: &str, span: Span, word: &str) -> Option<char> {
    let first = word.chars().find(|sign| alike(*sign).is_some())?;
    let latin = word.chars().any(|sign| sign.is_ascii_alphabetic());
    let quoted = text.get(..span.start as usize).is_some_and(|before| before.ends_with('`'));
    let all = word.chars().all(|sign| sign.is_ascii() || alike(sign).is_some());
    (latin || quoted && all).then_some(first)
}

fn plain(word: &str) -> String {
    word.chars().map(|sign| alike(sign).unwrap_or(sign)).collect()
}

fn alike(sign: char) -> Option<char> {
    if matches!(sign, '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}') {
        return char::from_u32(sign as u32 - 0xFEE0);
    }
    ALIKE.iter().find(|(other, _)| *other == sign).map(|(_, plain)| *plain)
}

/// Characters that take no room. (Those that turn a line's direction are an error in source.)
fn is_invisible(sign: char) -> bool {
    matches!(sign, '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
}

fn turns(sign: char) -> bool {
    matches!(sign, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}
