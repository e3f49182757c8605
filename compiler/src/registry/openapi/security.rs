//! How an operation wants its caller to identify itself: `bearer`, `basic`, `header:NAME`, `query:NAME`, `cookie:NAME`.

use super::document::Document;
use ecow::{EcoString, eco_format};
use serde_json::Value as Json;

/// Where the credential of `weir.toml` goes: the first alternative that one credential satisfies. `none`: the operation
/// wants none. None: the document does not say.
pub(super) fn of(document: &Document<'_>, operation: &Json) -> Option<EcoString> {
    let alternatives = operation.get("security").or_else(|| document.security())?.as_array()?;
    let scheme = |name: &String| document.component("securitySchemes", name).and_then(place);
    let single = alternatives.iter().filter_map(Json::as_object).filter(|alternative| alternative.len() == 1);
    let several = alternatives.iter().filter_map(Json::as_object);
    let found = single.chain(several).flat_map(|alternative| alternative.keys()).find_map(scheme);
    match alternatives.iter().all(|alternative| alternative.as_object().is_some_and(|schemes| schemes.is_empty())) {
        true => Some("none".into()),
        false => found,
    }
}

fn place(scheme: &Json) -> Option<EcoString> {
    let text = |key: &str| scheme.get(key).and_then(Json::as_str).unwrap_or_default();
    match text("type") {
        "http" if text("scheme").eq_ignore_ascii_case("basic") => Some("basic".into()),
        "http" | "oauth2" | "openIdConnect" => Some("bearer".into()),
        "apiKey" if matches!(text("in"), "header" | "query" | "cookie") => {
            Some(eco_format!("{}:{}", text("in"), text("name")))
        }
        _ => None,
    }
}

/// For `weir tools sync`: what the API asks for.
pub(super) fn sentences(root: &Json) -> Vec<String> {
    let schemes = root.pointer("/components/securitySchemes").and_then(Json::as_object);
    let sentence = |(name, scheme): (&String, &Json)| {
        let place = place(scheme)?;
        let what = match place.split_once(':') {
            Some((place, key)) => format!("its key in the {place} `{key}`"),
            None if place == "basic" => "`user:password` (basic)".to_owned(),
            None => "a token (bearer)".to_owned(),
        };
        Some(format!("`{name}` wants {what}: `auth = \"env:NAME\"`"))
    };
    schemes.into_iter().flatten().filter_map(sentence).collect()
}
