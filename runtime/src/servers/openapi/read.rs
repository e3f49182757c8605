//! OpenAPI documents from files: JSON or YAML, within limits.

use serde_json::Value as Json;
use std::io::Read;
use std::path::Path;

/// The largest document that is read.
pub const LARGEST_DOCUMENT: u64 = 64 * 1024 * 1024;
/// Parts of a YAML document, aliases unfolded.
const YAML_NODES: usize = 3_000_000;
/// How deep YAML may nest.
const YAML_DEPTH: usize = 128;
/// What the YAML parser needs for that depth in a debug build, with room to spare.
const YAML_STACK: usize = 64 * 1024 * 1024;

/// Reads a document.
///
/// # Errors
/// In the reader's words, with the file's name.
pub fn document(path: &Path) -> Result<Json, String> {
    let shown = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = fs_err::File::open(path).map_err(|error| format!("cannot read `{shown}`: {}", error.kind()))?;
    let mut bytes = Vec::new();
    let read = file.take(LARGEST_DOCUMENT + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("cannot read `{shown}`: {}", error.kind()))?;
    if bytes.len() as u64 > LARGEST_DOCUMENT {
        return Err(format!("`{shown}` is larger than {} MiB", LARGEST_DOCUMENT >> 20));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("`{shown}` is no UTF-8 text"))?;
    parse(&text).map_err(|why| format!("`{shown}`: {why}"))
}

/// JSON where it begins so, else YAML.
fn parse(text: &str) -> Result<Json, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    if yaml_depth(text) > YAML_DEPTH {
        return Err(format!("nested deeper than {YAML_DEPTH}"));
    }
    std::thread::scope(|scope| {
        let parsed = std::thread::Builder::new().stack_size(YAML_STACK).spawn_scoped(scope, || yaml(text));
        let parsed = parsed.map_err(|error| error.to_string())?.join();
        parsed.unwrap_or_else(|_| Err("the YAML parser broke off".into()))
    })
}

fn yaml(text: &str) -> Result<Json, String> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_events: YAML_NODES * 2,
            max_nodes: YAML_NODES,
            max_depth: YAML_DEPTH,
            flow_nesting_limit: YAML_DEPTH,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_documents: 1,
            max_inclusion_depth: 0,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line: String = error.to_string().lines().next().unwrap_or_default().chars().take(300).collect();
        line
    })
}

/// How deep the lines of a YAML text nest, never less than the parser will find: its own limit comes after the stack is
/// used up.
fn yaml_depth(text: &str) -> usize {
    let mut indents: Vec<usize> = Vec::new();
    let mut deepest = 0;
    for line in text.lines() {
        let rest = line.trim_start();
        if rest.is_empty() || rest.starts_with('#') {
            continue;
        }
        let indent = line.len() - rest.len();
        while indents.last().is_some_and(|outer| *outer >= indent) {
            indents.pop();
        }
        indents.push(indent);
        let opens = |word: &&str| matches!(*word, "-" | "?" | ":") || word.starts_with(['&', '!']);
        let beside = rest.split_whitespace().take_while(opens).count();
        for step in 1..=beside.min(YAML_DEPTH + 1) {
            indents.push(indent + step * 2);
        }
        deepest = deepest.max(indents.len());
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn yaml_and_json_read_the_same() {
        let yaml = "openapi: 3.0.0\npaths:\n  /a:\n    get:\n      responses:\n        200: { description: ok, x: [1, 2.5, true, null, '7', no] }\n        '404': &gone\n          description: gone\n        410: *gone\n";
        let read = parse(yaml).unwrap();
        assert_eq!(read["openapi"], "3.0.0");
        let responses = &read["paths"]["/a"]["get"]["responses"];
        assert_eq!(responses["200"], json!({ "description": "ok", "x": [1, 2.5, true, null, "7", "no"] }));
        assert_eq!(responses["410"], responses["404"]);
        assert_eq!(parse("\u{feff} {\"a\": 1}").unwrap(), json!({ "a": 1 }));
    }

    #[test]
    fn hostile_yaml_ends_soon_with_words() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let before = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
        }
        let deep = "- ".repeat(20_000) + "x";
        let flow = "a: ".to_owned() + &"[".repeat(20_000);
        let stairs: String = (0..2_000).map(|step| format!("{}a:\n", " ".repeat(step))).collect();
        let keys = "? ".repeat(20_000);
        let circle = "a: &a\n  b: *a\n";
        let twice = "a: 1\na: 2\n";
        let include = "a: !include /etc/passwd\n";
        let several = "a: 1\n---\nb: 2\n";
        for (what, text) in [
            ("bomb", bomb.as_str()),
            ("deep", &deep),
            ("flow", &flow),
            ("stairs", &stairs),
            ("keys", &keys),
            ("circle", circle),
            ("twice", twice),
            ("several", several),
        ] {
            let error = parse(text).unwrap_err();
            assert!(!error.is_empty() && error.len() < 400, "{what}: {error}");
        }
        let nested = (0..60).fold(String::from("x"), |inner, _| format!("[{{a: {inner}}}]"));
        assert!(parse(&format!("a: {nested}")).is_ok());
        assert!(!parse(include).map_or_else(|error| error, |json| json.to_string()).contains("root:"));
    }
}
