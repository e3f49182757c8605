//! Text that others wrote, made safe to show: control characters and those that reorder a line are escaped, so that
//! the output of a tool cannot steer the reader's terminal.

use std::borrow::Cow;

/// Whether a terminal would act on the character, or a reader be misled by it.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One line of text for a person: control characters, line ends too, as `\u{1b}` and the like.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// Several lines of text for a person: line ends and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hostile(c) && !keep(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_hostile(c) || keep(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
        }
    }
    Cow::Owned(out)
}

/// Source text with every hostile character replaced by a harmless one of the same length in bytes, so that places in
/// it stay right.
pub fn source(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hostile(c) && !matches!(c, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let harmless = |c: char| match (is_hostile(c) && !matches!(c, '\n' | '\t'), c.len_utf8()) {
        (false, _) => c,
        _ if c == '\r' => ' ',
        // The mark at the start of a file is nobody's mistake: a thin blank.
        _ if c == '\u{feff}' => '\u{2009}',
        (true, 1) => '?',
        (true, 2) => '\u{bf}',
        (true, _) => '\u{fffd}',
    };
    Cow::Owned(text.chars().map(harmless).collect())
}

/// JSON for a terminal: what JSON itself leaves bare but a terminal would act on is written `\u202e`; it stays JSON.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hostile(c) && c != '\n') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hostile(c) && c != '\n' { out.push_str(&format!("\\u{:04x}", c as u32)) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// One line, escaped and cut to at most `width` characters.
pub fn short(text: &str, width: usize) -> String {
    let safe = line(text);
    if safe.chars().count() <= width {
        return safe.into_owned();
    }
    let mut cut: String = safe.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_escape_is_shown_and_not_obeyed() {
        assert_eq!(line("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(lines("a\nb\u{7}"), "a\nb\\u{7}");
        assert_eq!(line("\u{202e}evil"), "\\u{202e}evil");
        assert_eq!(line("plain — ünicode"), "plain — ünicode");
    }

    #[test]
    fn places_in_source_stay_right() {
        let hostile = "a\u{1b}b\u{85}c\u{202e}d";
        let shown = source(hostile);
        assert_eq!(shown.len(), hostile.len());
        assert_eq!(shown, "a?b\u{bf}c\u{fffd}d");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("abcd", 4), "abcd");
    }
}
