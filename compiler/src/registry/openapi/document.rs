//! A document, its paths and servers, and the references inside it.

use super::Source;
use ecow::EcoString;
use serde_json::Value as Json;

/// How many references may lead from one to the next.
const LONGEST_CHAIN: usize = 16;
/// Keys of a path item that are operations.
const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("head", "HEAD"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("options", "OPTIONS"),
    ("trace", "TRACE"),
];

pub(super) struct Document<'a> {
    root: &'a Json,
    /// Keywords beside `$ref` count (OpenAPI 3.1).
    pub(super) siblings: bool,
}

impl<'a> Document<'a> {
    pub(super) fn new(root: &'a Json) -> Self {
        let version = root.get("openapi").and_then(Json::as_str).unwrap_or_default();
        Document { root, siblings: !version.starts_with("3.0") }
    }

    /// A part of `components`.
    pub(super) fn component(&self, kind: &str, name: &str) -> Option<&'a Json> {
        let found = self.root.get("components")?.get(kind)?.get(name)?;
        self.follow(found).ok()
    }

    /// The document's own `security`.
    pub(super) fn security(&self) -> Option<&'a Json> {
        self.root.get("security")
    }

    /// What stands at the end of its references.
    pub(super) fn follow(&self, mut json: &'a Json) -> Result<&'a Json, String> {
        for _ in 0..LONGEST_CHAIN {
            match reference(json) {
                Some(reference) => json = self.at(reference)?,
                None => return Ok(json),
            }
        }
        Err("follows a circle of references".into())
    }

    /// The part that a reference inside the document names.
    pub(super) fn at(&self, reference: &str) -> Result<&'a Json, String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!(
                "refers to `{reference}`: Weir reads one file and fetches nothing; bundle the parts into one document"
            ));
        };
        let missing = || format!("refers to `{reference}`, which is not in the document");
        self.root.pointer(&percent_decoded(pointer)).ok_or_else(missing)
    }

    /// The operations of one path.
    pub(super) fn operations(&self, (path, item): (&'a String, &'a Json)) -> Vec<Source<'a>> {
        let whole = self.follow(item);
        let operations = whole.as_ref().copied().unwrap_or(item);
        let source = |(key, method): &(&str, &'static str)| {
            let json = operations.get(*key).filter(|json| json.is_object())?;
            Some(Source { method, path, item: whole.clone(), json })
        };
        let found: Vec<Source<'a>> = METHODS.iter().filter_map(source).collect();
        match whole {
            Err(_) if found.is_empty() => vec![Source { method: "*", path, item: whole, json: item }],
            _ => found,
        }
    }

    /// The first server's address, its variables filled with their defaults; a path's own where the document has none.
    pub(super) fn base_url(&self) -> Option<EcoString> {
        let first_path = || self.root.get("paths")?.as_object()?.values().find_map(first_server);
        first_server(self.root).or_else(first_path)
    }

    /// Refused where an operation is served elsewhere: the settings of `weir.toml` hold for one server.
    pub(super) fn same_server(&self, item: &Json, operation: &Json) -> Result<(), String> {
        match first_server(operation).or_else(|| first_server(item)) {
            Some(own) if Some(&own) != self.base_url().as_ref() => Err(format!(
                "is served by `{own}`, not by the document's first server; give that one a document of its own"
            )),
            _ => Ok(()),
        }
    }
}

pub(super) fn reference(json: &Json) -> Option<&str> {
    json.get("$ref")?.as_str()
}

fn first_server(holder: &Json) -> Option<EcoString> {
    let server = holder.get("servers")?.get(0)?;
    let mut url = server.get("url")?.as_str()?.trim().to_owned();
    for (name, variable) in server.get("variables").and_then(Json::as_object).into_iter().flatten() {
        let default = variable.get("default").and_then(Json::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), default);
    }
    Some(url.into()).filter(|url: &EcoString| !url.is_empty())
}

/// `%7B` and its like, as they stand in the fragment of a reference.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
