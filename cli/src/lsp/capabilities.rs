//! What the server can do, as the handshake says it.

use super::documents::path_of;
use super::text::Encoding;
use gen_lsp_types::{InitializeParams, PositionEncodingKind, WorkspaceFolders};
use lsp_server::Request;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

/// Bytes where the editor knows them, else UTF-16.
pub fn encoding(params: &InitializeParams) -> Encoding {
    let general = params.capabilities.general.as_ref();
    let known = general.and_then(|general| general.position_encodings.as_deref()).unwrap_or_default();
    if known.contains(&PositionEncodingKind::UTF8) { Encoding::Utf8 } else { Encoding::Utf16 }
}

/// The folders that are open; `root` is what older editors name instead.
pub fn folders(params: &InitializeParams, root: Option<&str>) -> Vec<PathBuf> {
    let wide = &params.workspace_folders_initialize_params.workspace_folders;
    if let Some(WorkspaceFolders::WorkspaceFolderList(folders)) = wide {
        return folders.iter().map(|folder| path_of(&folder.uri.0)).collect();
    }
    root.map(path_of).into_iter().collect()
}

/// Whether completions may have places to fill in.
pub fn snippets(params: &InitializeParams) -> bool {
    let document = params.capabilities.text_document.as_ref();
    let completion = document.and_then(|document| document.completion.as_ref());
    let item = completion.and_then(|completion| completion.completion_item.as_ref());
    item.and_then(|item| item.snippet_support).unwrap_or(false)
}

/// The request to be told of changes on disk, where the editor can.
pub fn watch(params: &InitializeParams) -> Option<Request> {
    let workspace = params.capabilities.workspace.as_ref()?;
    let watched = workspace.did_change_watched_files.as_ref()?;
    if watched.dynamic_registration != Some(true) {
        return None;
    }
    let watchers: Vec<Json> = ["**/*.flow", "**/weir.toml", "**/weir.lock.json", "**/.mcp.json"]
        .iter()
        .map(|glob| json!({ "globPattern": glob }))
        .collect();
    let registration = json!({ "registrations": [{
        "id": "files", "method": "workspace/didChangeWatchedFiles", "registerOptions": { "watchers": watchers } }] });
    Some(Request::new("files".to_owned().into(), "client/registerCapability".into(), registration))
}

/// The result of `initialize`.
pub fn result(encoding: Encoding) -> Json {
    let position = match encoding {
        Encoding::Utf8 => "utf-8",
        Encoding::Utf16 => "utf-16",
    };
    let colours: Vec<&str> = weir_compiler::ide::Colour::ALL.iter().map(|(_, name)| *name).collect();
    let files = json!({ "filters": [{ "scheme": "file", "pattern": { "glob": "**/*.flow" } }] });
    json!({
        "serverInfo": { "name": "weir", "version": env!("CARGO_PKG_VERSION") },
        "capabilities": {
            "positionEncoding": position,
            "textDocumentSync": { "openClose": true, "change": 2, "save": { "includeText": false } },
            "completionProvider": { "triggerCharacters": [".", "(", ",", ":", "\"", " ", "{"] },
            "hoverProvider": true,
            "signatureHelpProvider": { "triggerCharacters": ["(", ","], "retriggerCharacters": [":"] },
            "definitionProvider": true,
            "declarationProvider": true,
            "typeDefinitionProvider": true,
            "implementationProvider": true,
            "referencesProvider": true,
            "documentHighlightProvider": true,
            "documentSymbolProvider": true,
            "workspaceSymbolProvider": true,
            "renameProvider": { "prepareProvider": true },
            "codeActionProvider": { "codeActionKinds": ["quickfix", "refactor.extract"] },
            "codeLensProvider": { "resolveProvider": false },
            "documentFormattingProvider": true,
            "documentRangeFormattingProvider": true,
            "documentOnTypeFormattingProvider": { "firstTriggerCharacter": "}", "moreTriggerCharacter": ["\n", ")", "]"] },
            "foldingRangeProvider": true,
            "selectionRangeProvider": true,
            "inlayHintProvider": true,
            "callHierarchyProvider": true,
            "semanticTokensProvider": {
                "legend": { "tokenTypes": colours, "tokenModifiers": ["declaration", "readonly", "defaultLibrary"] },
                "full": true, "range": true,
            },
            "workspace": {
                "workspaceFolders": { "supported": true, "changeNotifications": true },
                "fileOperations": { "didCreate": files, "didRename": files, "didDelete": files },
            },
        },
    })
}
