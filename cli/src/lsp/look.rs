//! Answers that show something: hover, completion, signatures, colours, hints, lenses.

use super::answer::Asked;
use super::server::{Answer, Failure, Server, read};
use gen_lsp_types::TextDocumentPositionParams;
use serde_json::{Value as Json, json};
use weir_compiler::ide::{Colour, Entry, EntryKind, FoldKind, PROBE, Runnable, View};
use weir_lang::span::Span;

fn markdown(text: &str) -> Json {
    json!({ "kind": "markdown", "value": text })
}

/// `textDocument/hover`
pub fn hover(asked: &Asked, at: u32) -> Answer {
    let found = asked.view()?.hover(at);
    Ok(found.map_or(Json::Null, |hover| json!({ "contents": markdown(&hover.text), "range": asked.range(hover.span) })))
}

/// `textDocument/signatureHelp`
pub fn signature(asked: &Asked, at: u32) -> Answer {
    let Some(help) = asked.view()?.signature(at) else { return Ok(Json::Null) };
    let param = |(label, doc): &(String, String)| json!({ "label": label, "documentation": doc });
    let params: Vec<Json> = help.params.iter().map(param).collect();
    let mut signature = json!({ "label": help.label, "parameters": params });
    if let (Some(doc), Some(fields)) = (&help.doc, signature.as_object_mut()) {
        fields.insert("documentation".into(), markdown(doc));
    }
    let active = help.active.map_or(Json::Null, Json::from);
    Ok(json!({ "signatures": [signature], "activeSignature": 0, "activeParameter": active }))
}

impl Server {
    /// `textDocument/completion`: the text is checked with a word put in at the place, so that `lead.` is a value.
    pub(super) fn completion(&mut self, params: Json) -> Answer {
        let params: TextDocumentPositionParams = read(params)?;
        let asked = self.asked(&params.text_document)?;
        let at = asked.text.offset(params.position, self.encoding);
        let probed = weir_compiler::ide::probed(&asked.text.text, at).ok_or(Failure::Cancelled)?;
        let (project, _) = self.project_of(&params.text_document.uri.0)?;
        let checked = project.probe(asked.file as usize, probed);
        let view = View::new(&checked, asked.file).ok_or(Failure::Params("this is no flow file".into()))?;
        let items: Vec<Json> = view.complete(at).iter().map(|entry| self.item(entry, &asked)).collect();
        Ok(json!({ "isIncomplete": false, "items": items }))
    }

    fn item(&self, entry: &Entry, asked: &Asked) -> Json {
        let kind = match entry.kind {
            EntryKind::Keyword => 14,
            EntryKind::Flow | EntryKind::Function => 3,
            EntryKind::Tool => 2,
            EntryKind::Server | EntryKind::Module => 9,
            EntryKind::Type => 22,
            EntryKind::Field | EntryKind::Argument => 5,
            EntryKind::Value | EntryKind::Capability | EntryKind::Code | EntryKind::Rule => 20,
            EntryKind::Local => 6,
            EntryKind::Const | EntryKind::Policy => 21,
        };
        let new = if self.snippets { entry.snippet.clone() } else { plain(&entry.snippet) };
        // In the probed text the word stands behind the place; in the editor's it does not.
        let probe = u32::try_from(PROBE.len()).unwrap_or(0);
        let behind = u32::try_from(asked.text.text.len()).unwrap_or(u32::MAX);
        let end = if entry.replace.end > entry.replace.start && matches!(entry.kind, EntryKind::Value) {
            entry.replace.end.saturating_sub(if entry.snippet.starts_with('"') && self.in_text(entry, asked) {
                probe
            } else {
                0
            })
        } else {
            entry.replace.end
        };
        let range = asked.range(Span { start: entry.replace.start, end: end.min(behind) });
        let mut item = json!({
            "label": entry.label, "kind": kind, "sortText": format!("{}{}", entry.rank, entry.label),
            "insertTextFormat": if self.snippets { 2 } else { 1 }, "textEdit": super::answer::edit(range, &new),
        });
        if let Some(fields) = item.as_object_mut() {
            fields.extend(entry.detail.iter().map(|detail| ("detail".to_owned(), Json::from(detail.as_str()))));
            fields.extend(entry.doc.iter().map(|doc| ("documentation".to_owned(), markdown(doc))));
        }
        item
    }

    /// Whether an entry replaces a text that is being written.
    fn in_text(&self, entry: &Entry, asked: &Asked) -> bool {
        asked.text.text.get(entry.replace.start as usize..).is_some_and(|rest| rest.starts_with('"'))
    }
}

/// A snippet without its places.
fn plain(snippet: &str) -> String {
    let mut out = String::new();
    let mut rest = snippet;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        rest = match after.strip_prefix('{') {
            Some(inner) => {
                let (body, behind) = inner.split_once('}').unwrap_or((inner, ""));
                let default = body.split_once([':', '|']).map_or("", |(_, text)| text);
                out.push_str(default.split([',', '|']).next().unwrap_or(""));
                behind
            }
            None => after.trim_start_matches(|c: char| c.is_ascii_digit()),
        };
    }
    out.push_str(rest);
    out
}

/// `textDocument/semanticTokens`
pub fn colours(asked: &Asked, within: Option<Span>) -> Answer {
    let view = asked.view()?;
    let mut data: Vec<u32> = Vec::new();
    let (mut line, mut column) = (0, 0);
    let coloured = view.coloured();
    let wanted = coloured
        .iter()
        .filter(|one| within.is_none_or(|within| one.span.start < within.end && within.start < one.span.end));
    for one in wanted {
        let kind = Colour::ALL.iter().position(|(known, _)| *known == one.colour).unwrap_or(0);
        let modifiers = u32::from(one.declares) | u32::from(one.readonly) << 1 | u32::from(one.library) << 2;
        for span in lines_of(one.span, view.text) {
            let range = asked.range(span);
            let delta = range.start.line - line;
            let start = if delta == 0 { range.start.character - column } else { range.start.character };
            let length = range.end.character.saturating_sub(range.start.character);
            data.extend([delta, start, length, u32::try_from(kind).unwrap_or(0), modifiers]);
            (line, column) = (range.start.line, range.start.character);
        }
    }
    Ok(json!({ "data": data }))
}

/// A span line by line, empty lines left out.
fn lines_of(span: Span, text: &str) -> Vec<Span> {
    let mut at = span.start;
    let mut out = Vec::new();
    for line in span.text(text).split_inclusive('\n') {
        let length = |text: &str| u32::try_from(text.len()).unwrap_or(0);
        let shown = line.trim_end_matches(['\n', '\r']);
        if !shown.is_empty() {
            out.push(Span { start: at, end: at + length(shown) });
        }
        at += length(line);
    }
    out
}

/// `textDocument/inlayHint`
pub fn hints(asked: &Asked, within: Span) -> Answer {
    let hint = |hint: weir_compiler::ide::Hint| {
        let at = asked.text.position(hint.at, asked.encoding);
        let mut shown =
            json!({ "position": at, "label": hint.text, "tooltip": hint.about, "paddingLeft": !hint.is_type });
        if let (true, Some(fields)) = (hint.is_type, shown.as_object_mut()) {
            fields.insert("kind".into(), Json::from(1));
        }
        shown
    };
    Ok(asked.view()?.hints(within).into_iter().map(hint).collect())
}

/// `textDocument/codeLens`: what the editor runs is in the arguments, as arguments of `weir`.
pub fn lenses(asked: &Asked) -> Answer {
    let view = asked.view()?;
    let path = asked.state.paths.get(asked.file as usize).map(|path| path.to_string_lossy().into_owned());
    let path = path.unwrap_or_default();
    let lens = |span: Span, title: &str, command: &str, name: &str, args: &[&str]| {
        let argument = json!({ "path": path, "name": name, "args": args });
        let command = json!({ "title": title, "command": command, "arguments": [argument] });
        json!({ "range": asked.range(span), "command": command })
    };
    let mut out = Vec::new();
    let runnables = view.runnables();
    let tests: Vec<Span> = runnables.iter().filter_map(Runnable::test).collect();
    for runnable in runnables {
        match runnable {
            Runnable::Flow(name, span) => {
                let target = format!("{path}:{name}");
                out.push(lens(span, "run", "weir.run", &name, &["run", &target]));
                out.push(lens(span, "dry run", "weir.dryRun", &name, &["run", "--dry-run", &target]));
                out.push(lens(span, "graph", "weir.graph", &name, &["graph", &target]));
            }
            Runnable::Test(name, span) => {
                out.push(lens(span, "run test", "weir.test", &name, &["test", &path, &name]));
                if tests.len() > 1 && tests.first() == Some(&span) {
                    out.push(lens(span, &format!("run all {}", tests.len()), "weir.test", "", &["test", &path]));
                }
            }
        }
    }
    Ok(Json::Array(out))
}

/// `textDocument/foldingRange`
pub fn folds(asked: &Asked) -> Answer {
    let fold = |(span, kind): &(Span, FoldKind)| {
        let range = asked.range(*span);
        let kind = match kind {
            FoldKind::Region => "region",
            FoldKind::Comment => "comment",
            FoldKind::Imports => "imports",
        };
        // The line with the closing bracket stays in sight.
        let last = if kind == "region" { range.end.line.saturating_sub(1) } else { range.end.line };
        (last > range.start.line).then(|| json!({ "startLine": range.start.line, "endLine": last, "kind": kind }))
    };
    Ok(asked.view()?.folds().iter().filter_map(fold).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snippets_lose_their_places() {
        assert_eq!(plain("crm.get(id: ${1})$0"), "crm.get(id: )");
        assert_eq!(plain("overlap ${1|skip,queue|}"), "overlap skip");
        assert_eq!(plain("wait ${1:2s}"), "wait 2s");
    }
}
