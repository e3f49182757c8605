//! Answers that lead somewhere: definitions, references, symbols, calls.

use super::answer::Asked;
use super::documents::{Documents, uri_of};
use super::server::{Answer, Failure, Server};
use super::text::Text;
use serde_json::{Value as Json, json};
use weir_compiler::ide::{Callable, Decl, DeclKind, Declared, Symbol, View, types};
use weir_compiler::registry::LOCK_FILE;
use weir_lang::span::{Loc, Span};

/// `textDocument/definition`
pub fn definition(documents: &Documents, asked: &Asked, at: u32) -> Answer {
    let view = asked.view()?;
    let Some(mention) = view.mention(at) else { return Ok(Json::Null) };
    Ok(place_of(documents, asked, &view, &mention.symbol))
}

fn place_of(documents: &Documents, asked: &Asked, view: &View, symbol: &Symbol) -> Json {
    match view.declared(symbol) {
        Some(Declared::Here(loc)) => json!(asked.location(loc, documents)),
        Some(Declared::Lock(server, tool)) => in_lock(asked, &server, &tool),
        Some(Declared::Builtin) | None => Json::Null,
    }
}

/// A tool's place in the lock file.
fn in_lock(asked: &Asked, server: &str, tool: &str) -> Json {
    let path = asked.state.root.join(LOCK_FILE);
    let Ok(text) = std::fs::read_to_string(&path) else { return Json::Null };
    let key = |name: &str| format!("{}:", json!(name));
    let find = |name: &str, from: usize| text.get(from..).and_then(|rest| rest.find(&key(name))).map(|at| from + at);
    let section = find("servers", 0).and_then(|from| find(server, from)).unwrap_or(0);
    let at = find("tools", section).and_then(|from| find(tool, from)).unwrap_or(section);
    let span = Span::new(at, at + json!(tool).to_string().len());
    json!({ "uri": uri_of(&path), "range": Text::new(&text).range(span, asked.encoding) })
}

/// `textDocument/typeDefinition`
pub fn type_definition(documents: &Documents, asked: &Asked, at: u32) -> Answer {
    let view = asked.view()?;
    let ty = view.type_of(at);
    let named = ty.and_then(|ty| {
        let element = types::element(&ty, &asked.state.checked.types);
        types::declared_name(&ty).or_else(|| element.and_then(|element| types::declared_name(&element)))
    });
    Ok(named.map_or(Json::Null, |full| place_of(documents, asked, &view, &Symbol::Type(full))))
}

/// `textDocument/references`
pub fn references(documents: &Documents, asked: &Asked, at: u32, declarations: bool) -> Answer {
    let places = asked.view()?.references(at);
    let wanted = places.iter().filter(|place| declarations || !place.declares);
    Ok(wanted.filter_map(|place| asked.location(place.loc, documents)).map(|place| json!(place)).collect())
}

/// `textDocument/documentHighlight`
pub fn highlights(asked: &Asked, at: u32) -> Answer {
    let mentions = asked.view()?.highlights(at);
    let shown = |mention: &weir_compiler::ide::Mention| json!({ "range": asked.range(mention.span), "kind": if mention.declares { 3 } else { 2 } });
    Ok(mentions.iter().map(shown).collect())
}

fn kind_of(kind: DeclKind) -> u32 {
    match kind {
        DeclKind::Flow => 12,
        DeclKind::Type => 23,
        DeclKind::Field => 8,
        DeclKind::Const => 14,
        DeclKind::Tool => 6,
        DeclKind::Policy => 20,
        DeclKind::Campaign => 24,
        DeclKind::Test => 12,
    }
}

/// `textDocument/documentSymbol`
pub fn symbols(asked: &Asked) -> Answer {
    let declarations = asked.view()?.declarations();
    Ok(declarations.iter().map(|decl| symbol(decl, asked)).collect())
}

fn symbol(decl: &Decl, asked: &Asked) -> Json {
    let children: Vec<Json> = decl.children.iter().map(|child| symbol(child, asked)).collect();
    let name = if decl.name.is_empty() { "…" } else { decl.name.as_str() };
    json!({
        "name": name, "detail": decl.detail, "kind": kind_of(decl.kind), "range": asked.range(decl.span),
        "selectionRange": asked.range(decl.name_span), "children": children,
    })
}

impl Server {
    /// `workspace/symbol`: of every project below the open folders.
    pub(super) fn workspace_symbols(&mut self, params: &Json) -> Answer {
        let query = params.get("query").and_then(Json::as_str).unwrap_or_default().to_lowercase();
        for folder in self.folders.clone() {
            self.projects.add_folder(&folder, &self.documents);
        }
        let stop = self.control.stop.clone();
        let mut out = Vec::new();
        for project in self.projects.all() {
            let state = project.state(&self.documents, &stop).ok_or(Failure::Cancelled)?;
            for file in 0..u32::try_from(state.checked.files.len()).unwrap_or(0) {
                let Some(view) = View::new(&state.checked, file) else { continue };
                for decl in view.declarations().into_iter().filter(|decl| matches(&decl.name, &query)) {
                    let loc = Loc { file: weir_lang::span::FileId(file), span: decl.name_span };
                    let place = super::diagnostics::location(loc, &state, &self.documents, self.encoding);
                    let container = state.checked.files.get(file as usize).map(|file| file.module.as_str());
                    out.push(json!({
                        "name": decl.name, "kind": kind_of(decl.kind), "location": place, "containerName": container }));
                }
            }
        }
        Ok(Json::Array(out))
    }
}

/// Whether the letters of a query stand in a name, in their order.
fn matches(name: &str, query: &str) -> bool {
    let mut letters = name.chars().flat_map(char::to_lowercase);
    query.chars().all(|wanted| letters.any(|letter| letter == wanted))
}

/// `textDocument/prepareCallHierarchy`
pub fn prepare_calls(documents: &Documents, asked: &Asked, at: u32) -> Answer {
    let found = asked.view()?.callable(at);
    let item = found.and_then(|found| hierarchy_item(documents, asked, &found));
    Ok(item.map_or(Json::Null, |item| json!([item])))
}

fn hierarchy_item(documents: &Documents, asked: &Asked, callable: &Callable) -> Option<Json> {
    let name = asked.location(callable.name_loc, documents)?;
    let whole = asked.location(Loc { span: callable.span, ..callable.name_loc }, documents)?;
    let kind = if matches!(callable.symbol, Symbol::Tool(_)) { 6 } else { 12 };
    Some(json!({
        "name": callable.name, "kind": kind, "detail": callable.detail, "uri": name.uri, "range": whole.range,
        "selectionRange": name.range, "data": { "uri": name.uri, "position": name.range.start },
    }))
}

fn ranges(asked: &Asked, documents: &Documents, places: &[Loc]) -> Vec<Json> {
    places.iter().filter_map(|loc| asked.location(*loc, documents)).map(|place| json!(place.range)).collect()
}

/// `callHierarchy/incomingCalls`
pub fn incoming(documents: &Documents, asked: &Asked, at: u32) -> Answer {
    let view = asked.view()?;
    let Some(callee) = view.callable(at) else { return Ok(Json::Null) };
    let call = |(caller, places): &(Callable, Vec<Loc>)| {
        let item = hierarchy_item(documents, asked, caller)?;
        Some(json!({ "from": item, "fromRanges": ranges(asked, documents, places) }))
    };
    Ok(view.callers(&callee.symbol).iter().filter_map(call).collect())
}

/// `callHierarchy/outgoingCalls`
pub fn outgoing(documents: &Documents, asked: &Asked, at: u32) -> Answer {
    let view = asked.view()?;
    let Some(Callable { symbol: Symbol::Flow(flow), .. }) = view.callable(at) else { return Ok(json!([])) };
    let call = |(callee, places): &(Callable, Vec<Loc>)| {
        let item = hierarchy_item(documents, asked, callee)?;
        Some(json!({ "to": item, "fromRanges": ranges(asked, documents, places) }))
    };
    Ok(view.callees(flow).iter().filter_map(call).collect())
}
