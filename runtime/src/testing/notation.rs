//! Values in Weir's own notation, as they can be pasted into a flow file.

use weir_stdlib::value::{Data, Value, duration_text};

/// Longer than this, in characters, is written over several lines.
const WIDE: usize = 72;

/// In one line.
pub fn one_line(value: &Value) -> String {
    match &value.data {
        Data::List(list) => format!("[{}]", list.items.iter().map(one_line).collect::<Vec<_>>().join(", ")),
        Data::Record(record) if record.fields.is_empty() => "{}".to_owned(),
        Data::Record(record) => {
            let fields = record.fields.iter().map(|(name, value)| format!("{}: {}", name_text(name), one_line(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Data::String(text) => quoted(&text.text),
        Data::Duration(ms) => duration_text(*ms).to_string(),
        Data::Time(_) | Data::Date(_) => quoted(&value.display_text()),
        _ => value.display_text(),
    }
}

/// Over several lines where it is long: an element or field a line.
pub fn several_lines(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

fn write(value: &Value, depth: usize, out: &mut String) {
    let line = one_line(value);
    if line.chars().count() + 2 * depth <= WIDE {
        return out.push_str(&line);
    }
    let indent = "  ".repeat(depth + 1);
    match &value.data {
        Data::List(list) => {
            out.push_str("[\n");
            for item in &list.items {
                out.push_str(&indent);
                write(item, depth + 1, out);
                out.push('\n');
            }
            out.push_str(&"  ".repeat(depth));
            out.push(']');
        }
        Data::Record(record) => {
            out.push_str("{\n");
            for (name, value) in &record.fields {
                out.push_str(&format!("{indent}{}: ", name_text(name)));
                write(value, depth + 1, out);
                out.push('\n');
            }
            out.push_str(&"  ".repeat(depth));
            out.push('}');
        }
        _ => out.push_str(&line),
    }
}

/// A name, in backticks where it is no plain one.
pub(super) fn name_text(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("`{name}`") }
}

/// `server.tool`, with backticks where a part needs them.
pub(super) fn tool_text(name: &str) -> String {
    name.split_once('.')
        .map_or_else(|| name_text(name), |(server, tool)| format!("{}.{}", name_text(server), name_text(tool)))
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '"' | '\\' | '{' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{{{:X}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        Value::from_json(json).unwrap()
    }

    #[test]
    fn what_is_written_is_weir() {
        let shown = one_line(&value(r#"{"a":[1,null,true],"b c":"x \"{y}\"\n","d":{}}"#));
        assert_eq!(shown, r#"{ a: [1, null, true], `b c`: "x \"\{y}\"\n", d: {} }"#);
        assert_eq!(one_line(&Value::new(Data::Duration(5_400_000))), "1h30m");
        assert_eq!(tool_text("github.create-issue"), "github.`create-issue`");
    }

    #[test]
    fn what_is_long_is_broken() {
        let long = "x".repeat(70);
        let shown = several_lines(&value(&format!(r#"{{"a":1,"b":["{long}",2]}}"#)));
        assert_eq!(shown, format!("{{\n  a: 1\n  b: [\n    \"{long}\"\n    2\n  ]\n}}"));
    }
}
