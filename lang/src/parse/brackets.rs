//! Brackets seen from afar: whether those of a text pair up, and which brace was meant to be closed.

/// A bracket outside texts and comments.
struct Sign {
    sign: char,
    at: usize,
    /// Blanks that its line begins with.
    indent: usize,
    /// Whether only blanks stand before it on its line.
    first: bool,
}

/// Every bracket of a text that stands in no string and no comment.
fn signs(text: &str) -> Vec<Sign> {
    let mut found = Vec::new();
    let (mut start, mut block) = (0, false);
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let mut quoted = false;
        let mut escaped = false;
        for (at, sign) in line.char_indices() {
            let rest = line.get(at..).unwrap_or("");
            if escaped {
                escaped = false;
            } else if rest.starts_with("\"\"\"") && !quoted {
                block = !block;
            } else if block {
                continue;
            } else if quoted {
                escaped = sign == '\\';
                quoted = sign != '"';
            } else if rest.starts_with("//") {
                break;
            } else if sign == '"' {
                quoted = true;
            } else if matches!(sign, '(' | ')' | '[' | ']' | '{' | '}') {
                found.push(Sign { sign, at: start + at, indent, first: at == indent });
            }
        }
        start += line.len();
    }
    found
}

/// Whether every bracket of a text is closed by its own kind, in order.
pub fn pair_up(text: &str) -> bool {
    let mut open = Vec::new();
    for one in signs(text) {
        let wanted = match one.sign {
            ')' => '(',
            ']' => '[',
            '}' => '{',
            sign => {
                open.push(sign);
                continue;
            }
        };
        if open.pop() != Some(wanted) {
            return false;
        }
    }
    open.is_empty()
}

/// The brace that is not closed, by its indentation, and the closing one before which its own is missing: the first
/// that stands further left than the line that it would close.
pub(super) fn unclosed_by_indent(text: &str) -> Option<(usize, usize)> {
    let mut open: Vec<Sign> = Vec::new();
    for one in signs(text) {
        match one.sign {
            '{' => open.push(one),
            '}' => match open.last() {
                Some(last) if one.first && open.len() > 1 && last.indent > one.indent => {
                    return Some((last.at, one.at));
                }
                _ => drop(open.pop()),
            },
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_and_comments_do_not_count() {
        assert!(pair_up("f(\"(\", [x]) { } // )"));
        assert!(pair_up("a = \"\"\"\n  ( {x}\n\"\"\"\n"));
        assert!(!pair_up("f(x]"));
        assert!(!pair_up("f(x"));
        assert!(!pair_up("x)"));
    }

    #[test]
    fn the_brace_whose_end_is_missing_is_found_by_its_indentation() {
        let text = "{\n  if x {\n    y\n\n  z\n}\n";
        assert_eq!(unclosed_by_indent(text).map(|(open, _)| open), text.find("{\n    y"));
        assert_eq!(unclosed_by_indent("{\n  if x {\n  }\n"), None);
    }
}
