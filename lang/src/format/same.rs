//! Whether two trees say the same, wherever their parts stand.

use crate::ast::Module;

/// Whether two modules are equal but for spans, expression ids and comments; docs count.
pub fn same_tree(a: &Module, b: &Module) -> bool {
    shape(a) == shape(b)
}

/// The tree as text without the places.
fn shape(module: &Module) -> String {
    let text = format!("{:?}", module.items);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(MARKS) {
        let (before, after) = rest.split_at(at);
        plain.push_str(before);
        rest = skipped(after, &mut plain);
    }
    plain.push_str(rest);
    plain
}

const MARKS: [char; 3] = ['S', 'E', '"'];

/// `text` behind the span, id or string that it starts with; strings are kept.
fn skipped<'a>(text: &'a str, plain: &mut String) -> &'a str {
    let end = if text.starts_with("Span { start: ") {
        text.find('}').map(|at| at + 1)
    } else if text.starts_with("ExprId(") {
        text.find(')').map(|at| at + 1)
    } else {
        let length = match text.strip_prefix('"') {
            Some(inside) => string_end(inside) + 1,
            None => text.chars().next().map_or(0, char::len_utf8),
        };
        let (kept, after) = text.split_at(length.min(text.len()));
        plain.push_str(kept);
        return after;
    };
    text.get(end.unwrap_or(text.len())..).unwrap_or("")
}

/// How long a quoted string is behind its opening quote.
fn string_end(inside: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    inside.len()
}
