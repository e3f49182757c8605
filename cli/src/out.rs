//! The one place that writes to the terminal: results to stdout, everything else to stderr, colour only where it is
//! wanted. A reader that has gone away (`weir … | head`) is no error.

use std::io::{IsTerminal, Write};

/// Writes text to stdout as it is; colour is taken off where it is not wanted.
pub fn result(text: &str) {
    write_to(&mut anstream::stdout().lock(), text);
}

/// Writes text and a line end to stdout.
pub fn result_line(text: &str) {
    result(&format!("{text}\n"));
}

/// Writes text to stderr as it is.
pub fn note(text: &str) {
    write_to(&mut anstream::stderr().lock(), text);
}

/// Writes text and a line end to stderr.
pub fn note_line(text: &str) {
    note(&format!("{text}\n"));
}

fn write_to(stream: &mut impl Write, text: &str) {
    // Nobody is left to tell when the reader has gone away.
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
}

/// Whether a person reads stdout.
pub fn stdout_is_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a person sits at the keyboard and reads stderr.
pub fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether progress may be drawn on stderr.
pub fn stderr_is_terminal() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether stdout gets colour.
pub fn stdout_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never
}

/// Whether stderr gets colour.
pub fn stderr_colour() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Text in one of the few styles that are used.
#[derive(Clone, Copy)]
pub enum Style {
    /// Names and headings.
    Bold,
    /// What matters less.
    Dim,
    /// What went wrong.
    Red,
    /// What a person should look at.
    Yellow,
    /// What went well.
    Green,
}

/// `text` in a style; the writers above take it off again where colour is not wanted.
pub fn styled(style: Style, text: &str) -> String {
    let code = match style {
        Style::Bold => "1",
        Style::Dim => "2",
        Style::Red => "1;31",
        Style::Yellow => "33",
        Style::Green => "32",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
