//! Answers that change the text: renaming, code actions, formatting.

use super::answer::{Asked, edit};
use super::diagnostics;
use super::documents::Documents;
use super::server::{Answer, Failure};
use serde_json::{Map, Value as Json, json};
use weir_compiler::ide::layout;
use weir_lang::span::{Loc, Span};

/// `textDocument/prepareRename`
pub fn prepare_rename(asked: &Asked, at: u32) -> Answer {
    let span = asked.view()?.renamable(at).map_err(Failure::Refused)?;
    let word = span.text(&asked.text.text).trim_matches('`');
    Ok(json!({ "range": asked.range(span), "placeholder": word }))
}

/// `textDocument/rename`
pub fn rename(documents: &Documents, asked: &Asked, at: u32, name: &str) -> Answer {
    let edits = asked.view()?.rename(at, name).map_err(Failure::Refused)?;
    Ok(workspace_edit(documents, asked, &edits))
}

/// Edits of several files, grouped.
fn workspace_edit(documents: &Documents, asked: &Asked, edits: &[(Loc, String)]) -> Json {
    let mut changes: Map<String, Json> = Map::new();
    for (loc, new) in edits {
        let Some(place) = asked.location(*loc, documents) else { continue };
        let of_file = changes.entry(place.uri.0).or_insert_with(|| json!([]));
        if let Some(list) = of_file.as_array_mut() {
            list.push(edit(place.range, new));
        }
    }
    json!({ "changes": changes })
}

/// `textDocument/codeAction`
pub fn actions(documents: &Documents, asked: &Asked, within: Span, only: &Json) -> Answer {
    let wanted = |kind: &str| {
        only.as_array().is_none_or(|kinds| {
            kinds.iter().filter_map(Json::as_str).any(|one| kind == one || kind.starts_with(&format!("{one}.")))
        })
    };
    let mut out = Vec::new();
    for action in asked.view()?.actions(within) {
        let kind = if action.mends.is_some() { "quickfix" } else { "refactor.extract" };
        if !wanted(kind) {
            continue;
        }
        let mut shown = json!({
            "title": action.title, "kind": kind, "edit": workspace_edit(documents, asked, &action.edits) });
        let mended = action.mends.and_then(|at| asked.state.checked.diagnostics.get(at));
        let mended = mended.and_then(|found| diagnostics::one(found, &asked.state, documents, asked.encoding));
        if let (Some(mended), Some(fields)) = (mended, shown.as_object_mut()) {
            fields.insert("diagnostics".into(), json!([mended]));
            fields.insert("isPreferred".into(), Json::from(true));
        }
        out.push(shown);
    }
    Ok(Json::Array(out))
}

/// `textDocument/formatting` and its like. A text that does not parse is left alone.
pub fn format(asked: &Asked, within: Option<Span>) -> Json {
    if asked.state.paths.get(asked.file as usize).is_none_or(|path| path.ends_with("weir.toml")) {
        return Json::Null;
    }
    let edits = layout::format(&asked.text.text, within);
    edits.map_or(Json::Null, |edits| edits.iter().map(|(span, new)| edit(asked.range(*span), new)).collect())
}

/// `textDocument/onTypeFormatting`: the indentation of the line.
pub fn indent(asked: &Asked, at: u32) -> Json {
    let found = layout::indent(&asked.text.text, at);
    found.map_or_else(|| json!([]), |(span, new)| json!([edit(asked.range(span), &new)]))
}
