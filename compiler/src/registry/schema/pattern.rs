//! Patterns: from the notation of JSON Schema (ECMA-262) to Weir's, where they mean the same.

use ecow::EcoString;
use std::iter::Peekable;
use std::str::Chars;

/// Bytes that a compiled pattern may take.
const SIZE: usize = 1 << 20;

/// The pattern in Weir's notation; None where Weir's patterns cannot say it, or would say something else.
pub(super) fn to_weir(pattern: &str) -> Option<EcoString> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    let mut class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, class, &mut out)?,
            '[' if class => out.push_str("\\["),
            '[' => {
                class = true;
                out.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                if rest.peek() == Some(&']') {
                    return None;
                }
            }
            ']' if class => {
                class = false;
                out.push(']');
            }
            '&' | '~' | '-' if class && rest.peek() == Some(&c) => return None,
            '{' if !class && !quantifier(rest.clone()) => return None,
            '(' if !class && rest.peek() == Some(&'?') => {
                rest.next();
                out.push_str("(?");
                group(&mut rest, &mut out)?;
            }
            _ => out.push(c),
        }
    }
    let built = regex::RegexBuilder::new(&out).size_limit(SIZE).build();
    built.is_ok().then(|| out.into())
}

/// `(?:` and `(?<name>`; the others look around.
fn group(rest: &mut Peekable<Chars>, out: &mut String) -> Option<()> {
    let first = rest.next()?;
    let named = first == '<' && rest.peek().is_some_and(|next| next.is_ascii_alphabetic());
    if first != ':' && !named {
        return None;
    }
    out.push(first);
    Some(())
}

/// Whether `2}`, `2,}` or `2,5}` follows.
fn quantifier(rest: Peekable<Chars>) -> bool {
    let inner: String = rest.take_while(|c| *c != '}').collect();
    let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

/// What stands behind a backslash. Classes mean ASCII, as they do in ECMA-262.
fn escape(rest: &mut Peekable<Chars>, class: bool, out: &mut String) -> Option<()> {
    let c = rest.next()?;
    match (c, class) {
        ('d', true) => out.push_str("0-9"),
        ('d', false) => out.push_str("[0-9]"),
        ('D', _) => out.push_str("[^0-9]"),
        ('w', true) => out.push_str("A-Za-z0-9_"),
        ('w', false) => out.push_str("[A-Za-z0-9_]"),
        ('W', _) => out.push_str("[^A-Za-z0-9_]"),
        ('s', _) => out.push_str("[\\s\\x{FEFF}]"),
        ('S', _) => out.push_str("[^\\s\\x{FEFF}]"),
        ('b', false) if rest.peek() != Some(&'{') => out.push_str("(?-u:\\b)"),
        ('t' | 'n' | 'r' | 'f' | 'v' | 'u' | 'x' | 'p' | 'P', _) => out.extend(['\\', c]),
        ('<' | '>' | '/', _) => out.push(c),
        (_, _) if c.is_ascii_punctuation() => out.extend(['\\', c]),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::to_weir;

    #[test]
    fn what_means_the_same_is_kept() {
        assert_eq!(to_weir(r"^[a-z0-9_-]{1,64}$").as_deref(), Some(r"^[a-z0-9_-]{1,64}$"));
        assert_eq!(to_weir(r"^\d{4}-\d\d$").as_deref(), Some(r"^[0-9]{4}-[0-9][0-9]$"));
        assert_eq!(to_weir(r"[\w.-]+@\w+").as_deref(), Some(r"[A-Za-z0-9_.-]+@[A-Za-z0-9_]+"));
        assert_eq!(to_weir(r"a\/b(?:c)").as_deref(), Some(r"a/b(?:c)"));
    }

    #[test]
    fn what_would_mean_something_else_is_not() {
        for pattern in [r"^(?!x)", r"(a)\1", r"a{", r"a{,3}", r"[]", r"\cA", r"[a&&b]", r"\Z", "(", r"\B", "(?i)a"] {
            assert_eq!(to_weir(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_great_size_is_not_compiled() {
        assert_eq!(to_weir(r"((a{1000}){1000}){1000}"), None);
    }
}
