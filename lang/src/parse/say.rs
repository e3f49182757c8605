//! Every diagnostic that reading a text can give, one function each.

use super::spelling;
use crate::ast::{Expr, ExprKind};
use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::span::Loc;

fn syntax(loc: Loc, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Rule::Syntax, loc, message)
}

pub(super) fn too_deep(loc: Loc, limit: usize) -> Diagnostic {
    Diagnostic::new(Rule::TooDeep, loc, format!("this is nested more than {limit} levels deep"))
        .help("give inner parts a name, or move them into a flow of their own")
}

pub(super) fn source_too_large(loc: Loc, limit: usize) -> Diagnostic {
    Diagnostic::new(Rule::TooLarge, loc, format!("a source file may have at most {} KiB", limit >> 10))
        .help("split it into several modules")
}

pub(super) fn too_many_words(loc: Loc, limit: usize) -> Diagnostic {
    Diagnostic::new(Rule::TooLarge, loc, format!("a source file may have at most {limit} words, numbers and signs"))
        .help("split it into several modules, or keep what is data in a file and read it with `files.read`")
}

pub(super) fn too_many_patterns(loc: Loc) -> Diagnostic {
    Diagnostic::new(Rule::TooLarge, loc, "the regular expressions of this file are too large together")
        .help("make them smaller, or split the file into several modules")
}

pub(super) fn too_wide(loc: Loc, what: &str, limit: usize) -> Diagnostic {
    Diagnostic::new(Rule::TooLarge, loc, format!("{what} may be at most {limit}"))
        .help("this is data rather than a program: keep it in a file, and look things up in it")
}

pub(super) fn string_too_large(loc: Loc, limit: usize) -> Diagnostic {
    Diagnostic::new(Rule::TooLarge, loc, format!("a text may have at most {} KiB", limit >> 10))
        .help("keep it in a file and read it with `files.read`")
}

/// The closing brace of a block is missing.
pub(super) fn unclosed_brace(loc: Loc, opened: Loc) -> Diagnostic {
    syntax(loc, "a closing `}` is missing").label(opened, "the block opened here").help("write `}` here")
}

pub(super) fn unclosed(loc: Loc, opened: Loc, open: &str, close: &str) -> Diagnostic {
    syntax(loc, format!("a closing `{close}` is missing"))
        .label(opened, format!("`{open}` opened here"))
        .help(format!("write `{close}` here"))
}

pub(super) fn unclosed_text(loc: Loc, close: &str) -> Diagnostic {
    let help = match close {
        "`" => "close the name with a backtick on the same line".to_owned(),
        "\"" => {
            "close the text with `\"` on the same line; a text over several lines stands between `\"\"\"`".to_owned()
        }
        close => format!("write `{close}` where it ends"),
    };
    syntax(
        loc,
        if close == "`" {
            "a closing backtick is missing".to_owned()
        } else {
            format!("a closing `{close}` is missing")
        },
    )
    .help(help)
}

pub(super) fn reserved(loc: Loc, name: &str) -> Diagnostic {
    syntax(loc, format!("`{name}` is a reserved word and cannot be a name here"))
        .help(format!("choose another name, such as `{name}_`"))
}

/// `5 s`
pub(super) fn detached_unit(loc: Loc, number: &str, unit: &str) -> Diagnostic {
    let unit_meant = spelling::unit_of(unit).unwrap_or("s");
    Diagnostic::new(Rule::InvalidDuration, loc, format!("`{number} {unit}` is not a duration"))
        .help(format!("write `{number}{unit_meant}`"))
        .fix(format!("replace with `{number}{unit_meant}`"), vec![(loc, format!("{number}{unit_meant}"))])
}

pub(super) fn duration_too_long(loc: Loc, text: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidDuration, loc, format!("the duration `{text}` is too long to count in milliseconds"))
}

/// `5x`, `5sec`, `1.5h`, `1.2.3`
pub(super) fn bad_number(loc: Loc, text: &str) -> Diagnostic {
    let letters = text.find(|c: char| c.is_ascii_alphabetic() || c == '_');
    let (number, unit) = text.split_at(letters.unwrap_or(text.len()));
    let whole = number.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(meant) = spelling::unit_of(unit) {
        let diagnostic = Diagnostic::new(Rule::InvalidDuration, loc, format!("`{text}` is not a duration"));
        return match whole {
            true => diagnostic.help(format!("write `{number}{meant}`")),
            false => diagnostic.help("a duration is made of whole numbers, such as `1h30m`"),
        };
    }
    if unit.is_empty() {
        return syntax(loc, format!("`{text}` is not a number")).help("a number has at most one point, such as `0.5`");
    }
    if unit.starts_with('_') {
        return syntax(loc, format!("`{text}` is not a number")).help("`_` stands between digits, such as `1_000`");
    }
    syntax(loc, format!("the number in `{text}` touches a letter"))
        .help("separate them with a blank; durations end in `ms`, `s`, `m`, `h`, `d` or `w`")
}

pub(super) fn integer_too_large(loc: Loc, text: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidConstant, loc, format!("the integer `{text}` does not fit in 64 bits"))
        .help("integers go up to 9223372036854775807; longer numbers are texts")
}

pub(super) fn invalid_regex(loc: Loc, error: &regex::Error) -> Diagnostic {
    let text = error.to_string();
    let reason = match error {
        regex::Error::CompiledTooBig(_) => "it is too large once compiled",
        _ => text.lines().last().map_or("", |line| line.trim_start_matches("error: ")),
    };
    let mut reason = reason.trim_end_matches('.').to_owned();
    if let Some(first) = reason.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    Diagnostic::new(Rule::InvalidRegex, loc, format!("this regular expression is invalid: {reason}"))
}

pub(super) fn no_interpolation(loc: Loc) -> Diagnostic {
    syntax(loc, "nothing can be interpolated here").help("write a plain text; `\\{` stands for a brace")
}

pub(super) fn interpolated_constant(loc: Loc, text: &str) -> Diagnostic {
    syntax(loc, format!("`{text}` in a text interpolates a constant"))
        .help("write `\\{` for a brace, or `/…/` for a regular expression")
}

pub(super) fn bad_escape(loc: Loc, text: &str) -> Diagnostic {
    let help = "the escapes are `\\n`, `\\t`, `\\\\`, `\\\"`, `\\{` and `\\u{1F30A}`; a regular expression stands between `/…/`";
    syntax(loc, format!("`{text}` is not an escape")).help(help)
}

pub(super) fn not_callable(loc: Loc, value: &Expr, source: &str) -> Diagnostic {
    let (value, name) = match &value.kind {
        ExprKind::Field { base, name, .. } => (&**base, name.name.as_str()),
        _ => (value, "name"),
    };
    let text = value.span.text(source);
    let short = if text.len() <= 40 && !text.contains('\n') { text } else { "…" };
    syntax(loc, "only a flow, a tool or a function can be called")
        .help(format!("to hand a value on, write `{short} |> {name}(…)`"))
}

pub(super) fn spread_in_comprehension(loc: Loc) -> Diagnostic {
    syntax(loc, "a comprehension gives one element a round; `...` cannot stand here")
        .help("use `flatten` on the result")
}

pub(super) fn record_as_arm(loc: Loc, text: &str) -> Diagnostic {
    let short = if text.len() <= 60 && !text.contains('\n') { text } else { "{ … }" };
    syntax(loc, "after `=>` a `{` opens a block, not a record").help(format!("write `({short})` for a record"))
}

pub(super) fn backoff_without_range(loc: Loc, text: &str) -> Diagnostic {
    syntax(loc, "`backoff` takes the shortest and the longest delay").help(format!("write `backoff {text}..30s`"))
}

/// A bare name with another step behind it on its line.
pub(super) fn name_as_step(loc: Loc, name: &str) -> Diagnostic {
    syntax(loc, format!("`{name}` alone is no step"))
        .help(format!("call it, `{name}(…)`, or give a name to a value, `{name} = …`"))
}

/// A line that is read in another order than it is written.
pub(super) fn turning_character(loc: Loc, sign: char) -> Diagnostic {
    let code = sign as u32;
    syntax(loc, format!("the character U+{code:04X} turns the order in which this line is read"))
        .help(format!("remove it; in a text write `\\u{{{code:X}}}`"))
}

/// A word of the language with a letter wrong.
pub(super) fn misspelt(loc: Loc, word: &str, meant: &str) -> Diagnostic {
    syntax(loc, format!("`{word}` has no meaning here"))
        .help(format!("did you mean `{meant}`?"))
        .fix(format!("replace with `{meant}`"), vec![(loc, meant.to_owned())])
}

/// The general case: something else was expected.
pub(super) fn unexpected(loc: Loc, expected: &[&str], found: &str) -> Diagnostic {
    let wanted = match expected {
        [] => return syntax(loc, format!("unexpected {found}")),
        [one] => (*one).to_owned(),
        [first, second] => format!("{first} or {second}"),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    };
    syntax(loc, format!("expected {wanted}, found {found}"))
}

/// A mistake that is common enough to have its own words.
pub(super) fn common(loc: Loc, message: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    syntax(loc, message).help(help)
}
