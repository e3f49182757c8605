//! A tool as a `tool` declaration, with its documentation, in the one style.

use crate::locked::Locked;
use ecow::EcoString;
use std::fmt::Write;
use weir_compiler::registry::{Tool, ToolParam};
use weir_lang::ast::Mark;
use weir_lang::types::{RecordType, Type};

/// Attempts take this long where nothing says otherwise, in milliseconds; then it is not shown.
const USUAL_TIMEOUT: u64 = 30_000;

/// The declaration.
pub fn declaration(tool: &Tool) -> String {
    let text = rough(tool);
    weir_lang::format::format(&text).unwrap_or(text)
}

fn rough(tool: &Tool) -> String {
    let mut text = String::new();
    for (name, ty) in Locked::of(tool).types {
        let _ = writeln!(text, "type {} = {}\n", name.rsplit('.').next().unwrap_or(&name), nested(&ty, 0));
    }
    doc(tool.doc.as_deref(), "", &mut text);
    let _ = write!(text, "tool {}(", path(&tool.name));
    let key = tool.accepts_key.as_ref().filter(|key| !key.starts_with("header:"));
    let key = key.map(|key| {
        let param = ToolParam { ty: Type::STRING, optional: true, trusted: false, doc: None };
        (key, param)
    });
    let params: Vec<(&EcoString, &ToolParam)> =
        tool.params.iter().chain(key.iter().map(|(key, param)| (*key, param))).collect();
    for (at, (name, param)) in params.iter().enumerate() {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        doc(param.doc.as_deref(), "  ", &mut text);
        let (optional, trusted) = (if param.optional { "?" } else { "" }, if param.trusted { "trusted " } else { "" });
        let _ = write!(text, "  {}{optional}: {trusted}{}", name_text(name), nested(&param.ty, 1));
    }
    text.push_str(if params.is_empty() { ")" } else { "\n)" });
    if !matches!(tool.output, Type::Null) {
        let marked = if tool.untrusted {
            Type::Marked(Mark::Untrusted, tool.output.clone().into())
        } else {
            tool.output.clone()
        };
        let _ = write!(text, " -> {}", nested(&marked, 0));
    }
    text.push_str(&attributes(tool));
    text.push('\n');
    text
}

fn attributes(tool: &Tool) -> String {
    let mut text = String::new();
    if !tool.capabilities.is_empty() {
        let _ = write!(text, " can {}", tool.capabilities.join(", "));
    }
    if tool.idempotent {
        text.push_str(" idempotent");
    }
    if tool.timeout_ms != USUAL_TIMEOUT && tool.timeout_ms > 0 {
        let _ = write!(text, " timeout {}", duration(tool.timeout_ms));
    }
    if let Some(key) = tool.accepts_key.as_ref().filter(|key| !key.starts_with("header:")) {
        let _ = write!(text, " accepts key {}", name_text(key));
    }
    if tool.cost > 0.0 {
        let _ = write!(text, " costs {}", tool.cost);
    }
    if !tool.codes.is_empty() {
        let _ = write!(text, " fails {}", tool.codes.join(", "));
    }
    text
}

/// A type, records with documented fields over several lines.
fn nested(ty: &Type, depth: usize) -> String {
    match ty {
        Type::Record(record) if has_docs(ty) => fields(record, depth),
        Type::List(element) if has_docs(element) => format!("[{}]", nested(element, depth)),
        Type::Marked(mark, inner) if has_docs(inner) => format!("{} {}", mark.word(), nested(inner, depth)),
        other => other.to_string(),
    }
}

fn fields(record: &RecordType, depth: usize) -> String {
    let indent = "  ".repeat(depth + 1);
    let mut text = "{\n".to_owned();
    for (name, field) in &record.fields {
        doc(field.doc.as_deref(), &indent, &mut text);
        let optional = if field.optional { "?" } else { "" };
        let _ = writeln!(text, "{indent}{}{optional}: {}", name_text(name), nested(&field.ty, depth + 1));
    }
    text.push_str(&"  ".repeat(depth));
    text.push('}');
    text
}

fn has_docs(ty: &Type) -> bool {
    match ty {
        Type::Record(record) => record.fields.values().any(|field| field.doc.is_some() || has_docs(&field.ty)),
        Type::List(inner) | Type::Marked(_, inner) => has_docs(inner),
        _ => false,
    }
}

fn doc(doc: Option<&str>, indent: &str, text: &mut String) {
    for line in doc.into_iter().flat_map(str::lines) {
        let _ = writeln!(text, "{indent}/// {}", crate::escape::line(line));
    }
}

/// `server.tool`, with backticks where a part needs them.
pub fn path(name: &str) -> String {
    let (server, tool) = name.split_once('.').unwrap_or((name, ""));
    format!("{}.{}", name_text(server), name_text(tool))
}

/// A name, in backticks where it is no plain one.
pub fn name_text(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("`{name}`") }
}

/// Milliseconds in Weir's notation.
fn duration(ms: u64) -> String {
    let mut rest = ms;
    let mut text = String::new();
    for (unit, size) in
        [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)]
    {
        if rest >= size {
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_they_are_read() {
        assert_eq!(duration(90_000), "1m30s");
        assert_eq!(duration(200), "200ms");
        assert_eq!(duration(0), "0s");
    }

    #[test]
    fn odd_names_stand_in_backticks() {
        assert_eq!(path("github.create-issue"), "github.`create-issue`");
        assert_eq!(path("files.read"), "files.read");
    }
}
