//! How a program ended, as a value or a fault.

use crate::process::Ended;
use crate::tool::{Fault, Happened};
use serde::Deserialize;
use std::process::ExitStatus;
use weir_stdlib::value::{Data, Value};

/// Lines of stderr that a fault shows.
const LINES: usize = 8;

/// Characters of stderr that a fault shows.
const WIDTH: usize = 1200;

/// What a program says on stdout when it fails and knows why.
#[derive(Deserialize)]
struct Failed {
    error: Reason,
}

/// `{ "code": "conflict", "message": "…" }`
#[derive(Deserialize)]
struct Reason {
    code: Option<String>,
    message: Option<String>,
    /// It had its effect, or may have had it. Where this is left out it has not: the program gave up knowingly.
    #[serde(default)]
    happened: bool,
    retry_after_ms: Option<u64>,
}

/// The value that the program printed.
///
/// # Errors
/// The fault that its exit code, its words on stdout or what it printed amounts to.
pub(super) fn value(shown: &str, ended: &Ended) -> Result<Value, Fault> {
    let text = text(shown, ended)?;
    if text.trim().is_empty() {
        return Ok(Value::new(Data::Null));
    }
    Value::from_json(text).map_err(|error| {
        let message = format!("`{shown}` must print one JSON value: {error}{}", said(&ended.stderr));
        Fault::open("bad_response", message)
    })
}

/// What a program that succeeded printed.
///
/// # Errors
/// As [`value`].
pub(super) fn text<'a>(shown: &str, ended: &'a Ended) -> Result<&'a str, Fault> {
    if !ended.status.success() {
        return Err(failed(shown, ended));
    }
    std::str::from_utf8(&ended.stdout).map_err(|error| {
        let message = format!("`{shown}` must print UTF-8: byte {} is none", error.valid_up_to() + 1);
        Fault::open("bad_response", message)
    })
}

/// The codes of `sysexits.h` that promise that nothing was done. Every other leaves it open.
fn code_of(exit: Option<i32>) -> Option<&'static str> {
    Some(match exit? {
        64 | 65 => "invalid_input",
        66..=68 => "not_found",
        69 | 75 => "unavailable",
        77 => "permission",
        _ => return None,
    })
}

fn failed(shown: &str, ended: &Ended) -> Fault {
    let known = code_of(ended.status.code());
    let reason = serde_json::from_slice::<Failed>(&ended.stdout).ok().map(|failed| failed.error);
    let (code, happened) = match (&reason, known) {
        (Some(reason), _) => {
            let code = reason.code.as_deref().filter(|code| is_code(code)).or(known).unwrap_or("failed");
            (code, if reason.happened { Happened::Maybe } else { Happened::No })
        }
        (None, Some(code)) => (code, Happened::No),
        (None, None) => ("failed", Happened::Maybe),
    };
    let told = reason.as_ref().and_then(|reason| reason.message.as_deref());
    let message = match told {
        Some(told) => format!("`{shown}`: {}", cut(&escaped(told))),
        None => format!("`{shown}` {}{}", how(ended.status), said(&ended.stderr)),
    };
    let retry_after_ms = reason.as_ref().and_then(|reason| reason.retry_after_ms);
    Fault { code: code.into(), message, happened, retry_after_ms }
}

/// A code of the language or of the tool's own: the checker knows what it means where it is caught.
fn is_code(code: &str) -> bool {
    !code.is_empty()
        && code.len() <= 64
        && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        // Those that only the engine may give.
        && !matches!(code, "cancelled" | "blocked" | "budget" | "unknown")
}

fn how(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was ended by signal {signal}");
    }
    status.code().map_or_else(|| "ended without an exit code".to_owned(), |code| format!("ended with exit code {code}"))
}

/// The last lines of stderr, behind a colon.
fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    if last.is_empty() {
        return " and said nothing on stderr".to_owned();
    }
    format!("; stderr: {}", cut(&last.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("\n")))
}

/// The end of a text that is too long.
fn cut(text: &str) -> String {
    let length = text.chars().count();
    if length <= WIDTH {
        return text.to_owned();
    }
    format!("…{}", text.chars().skip(length - WIDTH).collect::<String>())
}

/// Without what a terminal would act on.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_stderr_is_shown_and_harmless() {
        let text: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let shown = said(text.as_bytes());
        assert!(shown.contains("line 99") && !shown.contains("line 91\n"), "{shown}");
        assert_eq!(said(b"a\x1b[2J\n"), "; stderr: a\\u{1b}[2J");
        assert!(said(&[b'x'; 5000]).chars().count() < 1300);
    }

    #[test]
    fn a_program_cannot_claim_the_engines_own_codes() {
        assert!(is_code("conflict") && is_code("no_such_customer"));
        for code in ["cancelled", "blocked", "budget", "unknown", "", "Not Found", "a\u{1b}"] {
            assert!(!is_code(code), "{code}");
        }
    }
}
