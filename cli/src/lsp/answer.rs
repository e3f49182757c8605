//! Requests, each to what answers it.

use super::documents::Documents;
use super::projects::State;
use super::server::{Answer, Failure, Server, read};
use super::text::{Encoding, Text};
use gen_lsp_types::{Location, Position, Range, TextDocumentIdentifier, TextDocumentPositionParams};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use weir_compiler::ide::View;
use weir_lang::span::{Loc, Span};

/// A file that a request is about.
pub struct Asked {
    /// Its project.
    pub state: Arc<State>,
    /// Its place in it.
    pub file: u32,
    /// Its text.
    pub text: Text,
    /// What the editor counts in.
    pub encoding: Encoding,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InDocument {
    text_document: TextDocumentIdentifier,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InRange {
    text_document: TextDocumentIdentifier,
    range: Range,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Positions {
    text_document: TextDocumentIdentifier,
    positions: Vec<Position>,
}

impl Asked {
    /// The file with its names. `weir.toml` has none.
    pub fn view(&self) -> Result<View<'_>, Failure> {
        View::new(&self.state.checked, self.file).ok_or(Failure::Params("this is no flow file".into()))
    }

    /// A range of the file.
    pub fn range(&self, span: Span) -> Range {
        self.text.range(span, self.encoding)
    }

    /// A place in the project.
    pub fn location(&self, loc: Loc, documents: &Documents) -> Option<Location> {
        super::diagnostics::location(loc, &self.state, documents, self.encoding)
    }
}

impl Server {
    /// The answer to a request.
    pub(super) fn answer(&mut self, method: &str, params: Json) -> Answer {
        match method {
            "shutdown" => {
                self.ending = true;
                Ok(Json::Null)
            }
            "textDocument/hover" => self.at(params, |_, asked, at| super::look::hover(asked, at)),
            "textDocument/signatureHelp" => self.at(params, |_, asked, at| super::look::signature(asked, at)),
            "textDocument/completion" => self.completion(params),
            "textDocument/semanticTokens/full" => self.whole(params, |_, asked| super::look::colours(asked, None)),
            "textDocument/semanticTokens/range" => {
                self.ranged(params, |_, asked, span| super::look::colours(asked, Some(span)))
            }
            "textDocument/inlayHint" => self.ranged(params, |_, asked, span| super::look::hints(asked, span)),
            "textDocument/codeLens" => self.whole(params, |_, asked| super::look::lenses(asked)),
            "textDocument/foldingRange" => self.whole(params, |_, asked| super::look::folds(asked)),
            "textDocument/selectionRange" => self.selections(params),
            "textDocument/documentSymbol" => self.whole(params, |_, asked| super::go::symbols(asked)),
            "workspace/symbol" => self.workspace_symbols(&params),
            "textDocument/definition" | "textDocument/declaration" | "textDocument/implementation" => {
                self.at(params, super::go::definition)
            }
            "textDocument/typeDefinition" => self.at(params, super::go::type_definition),
            "textDocument/references" => {
                let declarations =
                    params.pointer("/context/includeDeclaration").and_then(Json::as_bool).unwrap_or(true);
                self.at(params, |documents, asked, at| super::go::references(documents, asked, at, declarations))
            }
            "textDocument/documentHighlight" => self.at(params, |_, asked, at| super::go::highlights(asked, at)),
            "textDocument/prepareRename" => self.at(params, |_, asked, at| super::change::prepare_rename(asked, at)),
            "textDocument/rename" => {
                let name = params.get("newName").and_then(Json::as_str).unwrap_or_default().to_owned();
                self.at(params, |documents, asked, at| super::change::rename(documents, asked, at, &name))
            }
            "textDocument/codeAction" => {
                let only = params.pointer("/context/only").cloned().unwrap_or_default();
                self.ranged(params, |documents, asked, span| super::change::actions(documents, asked, span, &only))
            }
            "textDocument/formatting" => self.whole(params, |_, asked| Ok(super::change::format(asked, None))),
            "textDocument/rangeFormatting" => {
                self.ranged(params, |_, asked, span| Ok(super::change::format(asked, Some(span))))
            }
            "textDocument/onTypeFormatting" => self.at(params, |_, asked, at| Ok(super::change::indent(asked, at))),
            "textDocument/prepareCallHierarchy" => self.at(params, super::go::prepare_calls),
            "callHierarchy/incomingCalls" => self.calls(&params, super::go::incoming),
            "callHierarchy/outgoingCalls" => self.calls(&params, super::go::outgoing),
            _ => Err(Failure::Unknown),
        }
    }

    pub(super) fn asked(&mut self, document: &TextDocumentIdentifier) -> Result<Asked, Failure> {
        let (state, file) = self.state_of(&document.uri.0)?;
        let text = state.texts.get(file as usize).cloned();
        let text = text.ok_or_else(|| Failure::Params(format!("`{}` is no part of a project", document.uri.0)))?;
        Ok(Asked { state, file, text, encoding: self.encoding })
    }

    fn at(&mut self, params: Json, work: impl FnOnce(&Documents, &Asked, u32) -> Answer) -> Answer {
        let params: TextDocumentPositionParams = read(params)?;
        let asked = self.asked(&params.text_document)?;
        let at = asked.text.offset(params.position, self.encoding);
        work(&self.documents, &asked, at)
    }

    fn whole(&mut self, params: Json, work: impl FnOnce(&Documents, &Asked) -> Answer) -> Answer {
        let params: InDocument = read(params)?;
        let asked = self.asked(&params.text_document)?;
        work(&self.documents, &asked)
    }

    fn ranged(&mut self, params: Json, work: impl FnOnce(&Documents, &Asked, Span) -> Answer) -> Answer {
        let params: InRange = read(params)?;
        let asked = self.asked(&params.text_document)?;
        let span = asked.text.span(params.range, self.encoding);
        work(&self.documents, &asked, span)
    }

    /// Growing selections, one chain for each place.
    fn selections(&mut self, params: Json) -> Answer {
        let params: Positions = read(params)?;
        let asked = self.asked(&params.text_document)?;
        let view = asked.view()?;
        let chain = |position: &Position| {
            let at = asked.text.offset(*position, self.encoding);
            let spans = view.selections(at).into_iter().rev();
            spans.fold(Json::Null, |parent, span| match parent {
                Json::Null => json!({ "range": asked.range(span) }),
                parent => json!({ "range": asked.range(span), "parent": parent }),
            })
        };
        Ok(params.positions.iter().map(chain).collect())
    }

    /// What calls, or is called: the item says which flow or tool is meant.
    fn calls(&mut self, params: &Json, work: fn(&Documents, &Asked, u32) -> Answer) -> Answer {
        let data = params.pointer("/item/data").cloned().unwrap_or_default();
        let uri = data.get("uri").and_then(Json::as_str).unwrap_or_default().to_owned();
        let position: Position = read(data.get("position").cloned().unwrap_or_default())?;
        let asked = self.asked(&TextDocumentIdentifier { uri: gen_lsp_types::Uri(uri) })?;
        let at = asked.text.offset(position, self.encoding);
        work(&self.documents, &asked, at)
    }
}

/// A text edit.
pub fn edit(range: Range, new: &str) -> Json {
    json!({ "range": range, "newText": new })
}
