//! OpenAPI's styles: how a value is written into a path, a query, a header, a cookie or a form.

use crate::tool::Fault;
use weir_stdlib::value::Value;

/// How a parameter is written.
#[derive(Clone, Copy)]
pub(super) struct Style<'a> {
    pub(super) name: &'a str,
    pub(super) explode: bool,
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A value that stands alone: texts bare, numbers with their exact text, anything deeper as JSON.
fn scalar(value: &Value) -> String {
    match value.as_list().is_some() || value.as_record().is_some() {
        true => value.to_json(),
        false => value.display_text(),
    }
}

/// The parts of a list or the fields of a record, absent ones left out.
enum Shape<'v> {
    One(String),
    List(Vec<String>),
    Fields(Vec<(&'v str, &'v Value)>),
}

fn shape(value: &Value) -> Shape<'_> {
    if let Some(items) = value.as_list() {
        return Shape::List(items.iter().map(scalar).collect());
    }
    match value.as_record() {
        Some(record) => {
            let fields = record.fields.iter().filter(|(_, value)| !value.is_null());
            Shape::Fields(fields.map(|(name, value)| (name.as_str(), value)).collect())
        }
        None => Shape::One(scalar(value)),
    }
}

/// Part of a path: `simple`, `label` or `matrix`.
pub(super) fn in_path(name: &str, value: &Value, style: Style<'_>) -> Result<String, Fault> {
    let pair = |(key, value): &(&str, &Value)| (encoded(key), encoded(&scalar(value)));
    let joined = |parts: Vec<String>, by: &str| parts.join(by);
    let flat =
        |fields: &[(&str, &Value)]| fields.iter().map(pair).map(|(key, value)| format!("{key},{value}")).collect();
    let named =
        |fields: &[(&str, &Value)]| fields.iter().map(pair).map(|(key, value)| format!("{key}={value}")).collect();
    let shape = shape(value);
    let texts = |items: &[String]| items.iter().map(|item| encoded(item)).collect::<Vec<_>>();
    let text = match (style.name, &shape) {
        ("label", Shape::One(text)) => format!(".{}", encoded(text)),
        ("label", Shape::List(items)) => format!(".{}", joined(texts(items), if style.explode { "." } else { "," })),
        ("label", Shape::Fields(fields)) if style.explode => format!(".{}", joined(named(fields), ".")),
        ("label", Shape::Fields(fields)) => format!(".{}", joined(flat(fields), ",")),
        ("matrix", Shape::One(text)) => format!(";{}={}", encoded(name), encoded(text)),
        ("matrix", Shape::List(items)) if style.explode => {
            texts(items).iter().map(|item| format!(";{}={item}", encoded(name))).collect()
        }
        ("matrix", Shape::List(items)) => format!(";{}={}", encoded(name), joined(texts(items), ",")),
        ("matrix", Shape::Fields(fields)) if style.explode => format!(";{}", joined(named(fields), ";")),
        ("matrix", Shape::Fields(fields)) => format!(";{}={}", encoded(name), joined(flat(fields), ",")),
        ("json", _) => encoded(&value.to_json()),
        (_, Shape::One(text)) => encoded(text),
        (_, Shape::List(items)) => joined(texts(items), ","),
        (_, Shape::Fields(fields)) if style.explode => joined(named(fields), ","),
        (_, Shape::Fields(fields)) => joined(flat(fields), ","),
    };
    match text.is_empty() {
        true => Err(Fault::clean("invalid_input", format!("`{name}` is part of the path and must not be empty"))),
        false => Ok(text),
    }
}

/// Pairs of a query or form, encoded: `form`, `spaceDelimited`, `pipeDelimited`, `deepObject` or `json`.
pub(super) fn pairs(name: &str, value: &Value, style: Style<'_>) -> Vec<(String, String)> {
    if style.name == "json" {
        return vec![(encoded(name), encoded(&value.to_json()))];
    }
    if style.name == "deepObject" && (value.as_record().is_some() || value.as_list().is_some()) {
        let mut found = Vec::new();
        deep(&encoded(name), value, &mut found);
        return found;
    }
    let by = match style.name {
        "spaceDelimited" => "%20",
        "pipeDelimited" => "%7C",
        _ => ",",
    };
    match shape(value) {
        Shape::One(text) => vec![(encoded(name), encoded(&text))],
        Shape::List(items) if style.explode => items.iter().map(|item| (encoded(name), encoded(item))).collect(),
        Shape::List(items) => {
            vec![(encoded(name), items.iter().map(|item| encoded(item)).collect::<Vec<_>>().join(by))]
        }
        Shape::Fields(fields) if style.explode => {
            fields.iter().map(|(key, value)| (encoded(key), encoded(&scalar(value)))).collect()
        }
        Shape::Fields(fields) => {
            let parts = fields.iter().flat_map(|(key, value)| [encoded(key), encoded(&scalar(value))]);
            vec![(encoded(name), parts.collect::<Vec<_>>().join(by))]
        }
    }
}

/// `filter[a][b]=1`, lists as `filter[a][0]=1`.
fn deep(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
    if let Some(record) = value.as_record() {
        for (key, value) in record.fields.iter().filter(|(_, value)| !value.is_null()) {
            deep(&format!("{name}[{}]", encoded(key)), value, found);
        }
    } else if let Some(items) = value.as_list() {
        for (index, item) in items.iter().enumerate() {
            deep(&format!("{name}[{index}]"), item, found);
        }
    } else {
        found.push((name.to_owned(), encoded(&scalar(value))));
    }
}

/// A header's value: `simple`.
pub(super) fn in_header(value: &Value, style: Style<'_>) -> String {
    let pair =
        |(key, value): &(&str, &Value)| format!("{key}{}{}", if style.explode { "=" } else { "," }, scalar(value));
    match shape(value) {
        _ if style.name == "json" => value.to_json(),
        Shape::One(text) => text,
        Shape::List(items) => items.join(","),
        Shape::Fields(fields) => fields.iter().map(pair).collect::<Vec<_>>().join(","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        Value::from_json(text).unwrap()
    }

    const LIST: &str = r#"["blue", "a,b"]"#;
    const FIELDS: &str = r#"{"R": 100, "G": 2.5, "none": null}"#;

    /// The table of the OpenAPI specification, with characters that need encoding.
    #[test]
    fn paths() {
        let path =
            |text: &str, name: &str, explode: bool| in_path("color", &value(text), Style { name, explode }).unwrap();
        for (name, explode, one, list, fields) in [
            ("simple", false, "a%2F..", "blue,a%2Cb", "R,100,G,2.5"),
            ("simple", true, "a%2F..", "blue,a%2Cb", "R=100,G=2.5"),
            ("label", false, ".a%2F..", ".blue,a%2Cb", ".R,100,G,2.5"),
            ("label", true, ".a%2F..", ".blue.a%2Cb", ".R=100.G=2.5"),
            ("matrix", false, ";color=a%2F..", ";color=blue,a%2Cb", ";color=R,100,G,2.5"),
            ("matrix", true, ";color=a%2F..", ";color=blue;color=a%2Cb", ";R=100;G=2.5"),
        ] {
            assert_eq!(path("\"a/..\"", name, explode), one);
            assert_eq!(path(LIST, name, explode), list);
            assert_eq!(path(FIELDS, name, explode), fields, "{name} {explode}");
        }
        assert!(in_path("color", &value("\"\""), Style { name: "simple", explode: false }).is_err());
    }

    #[test]
    fn queries() {
        let query = |text: &str, name: &str, explode: bool| {
            let pairs = pairs("color", &value(text), Style { name, explode });
            pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
        };
        assert_eq!(query("\"a&b c\"", "form", true), "color=a%26b%20c");
        assert_eq!(query(LIST, "form", true), "color=blue&color=a%2Cb");
        assert_eq!(query(LIST, "form", false), "color=blue,a%2Cb");
        assert_eq!(query(LIST, "spaceDelimited", false), "color=blue%20a%2Cb");
        assert_eq!(query(LIST, "pipeDelimited", false), "color=blue%7Ca%2Cb");
        assert_eq!(query(FIELDS, "form", true), "R=100&G=2.5");
        assert_eq!(query(FIELDS, "form", false), "color=R,100,G,2.5");
        assert_eq!(
            query(r#"{"a": {"b": [1, {"c": "x y"}]}}"#, "deepObject", true),
            "color[a][b][0]=1&color[a][b][1][c]=x%20y"
        );
        assert_eq!(query(r#"{"a": 1.1}"#, "json", true), "color=%7B%22a%22%3A1.1%7D");
        assert_eq!(query("12345678901234567890.5", "form", true), "color=12345678901234567890.5");
    }

    #[test]
    fn headers() {
        let header = |text: &str, explode: bool| in_header(&value(text), Style { name: "simple", explode });
        assert_eq!(header("true", false), "true");
        assert_eq!(header(LIST, false), "blue,a,b");
        assert_eq!(header(FIELDS, false), "R,100,G,2.5");
        assert_eq!(header(FIELDS, true), "R=100,G=2.5");
    }
}
