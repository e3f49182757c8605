//! One thread does all the work, message by message, so that every request is answered for exactly the text that the
//! editor had when it asked. What is not urgent (checking for diagnostics) is done when no message waits, and is given
//! up when an edit arrives.

use super::control::Control;
use super::diagnostics;
use super::documents::{Document, Documents, uri_of};
use super::projects::{Project, Projects, State};
use super::text::Encoding;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use gen_lsp_types as lsp;
use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

/// How often edits may interrupt a check before one is carried to its end.
const PATIENCE: u32 = 20;

/// The server after the handshake.
pub struct Server {
    pub(super) documents: Documents,
    pub(super) projects: Projects,
    pub(super) encoding: Encoding,
    pub(super) folders: Vec<PathBuf>,
    /// Whether completions may have places to fill in.
    pub(super) snippets: bool,
    pub(super) control: Control,
    client: Sender<Message>,
    interrupted: u32,
    pub(super) ending: bool,
}

/// Why a request has no answer.
pub enum Failure {
    /// Its parameters make no sense.
    Params(String),
    /// Nobody waits for it any more.
    Cancelled,
    /// It makes sense and cannot be done: why.
    Refused(String),
    /// There is no such request.
    Unknown,
}

/// What answering gives.
pub type Answer = Result<Json, Failure>;

impl Server {
    /// A server that speaks to a client.
    pub fn new(client: Sender<Message>, control: Control, start: &super::Start) -> Self {
        Server {
            documents: Documents::default(),
            projects: Projects::default(),
            encoding: start.encoding,
            folders: start.folders.clone(),
            snippets: start.snippets,
            control,
            client,
            interrupted: 0,
            ending: false,
        }
    }

    /// Works until the editor goes away. True when it went in order.
    pub fn run(&mut self, incoming: &Receiver<Message>) -> bool {
        loop {
            let message = match incoming.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Empty) if self.tell_one() => continue,
                Err(_) => match incoming.recv() {
                    Ok(message) => message,
                    Err(_) => return self.ending,
                },
            };
            match message {
                Message::Request(request) => self.request(request),
                Message::Notification(note) if note.method == "exit" => return self.ending,
                Message::Notification(note) => self.notice(note),
                Message::Response(_) => {}
            }
        }
    }

    fn send(&self, message: impl Into<Message>) {
        // When nobody listens any more, the next read says so.
        let _ = self.client.send(message.into());
    }

    /// Tells the editor something.
    pub(super) fn notify(&self, method: &str, params: &impl serde::Serialize) {
        self.send(Notification::new(method.to_owned(), serde_json::to_value(params).unwrap_or_default()));
    }

    /// A mistake of ours: told, and worked on.
    fn tell_bug(&self, what: &str) {
        let message = format!("a mistake in weir's language server in `{what}`; it goes on");
        self.notify("window/logMessage", &serde_json::json!({ "type": 1, "message": message }));
    }

    fn request(&mut self, request: Request) {
        let Request { id, method, params } = request;
        if !self.control.begin(&id) {
            self.control.end();
            let response = Response::new_err(id, ErrorCode::RequestCanceled as i32, "cancelled".into());
            return self.send(response);
        }
        let answer = match catch_unwind(AssertUnwindSafe(|| self.answer(&method, params))) {
            Ok(answer) => answer,
            Err(_) => {
                self.tell_bug(&method);
                Err(Failure::Refused(format!("a mistake in weir's language server in `{method}`")))
            }
        };
        self.control.end();
        let response = match answer {
            Ok(value) => Response::new_ok(id, value),
            Err(Failure::Cancelled) => Response::new_err(id, ErrorCode::RequestCanceled as i32, "cancelled".into()),
            Err(Failure::Params(why)) => Response::new_err(id, ErrorCode::InvalidParams as i32, why),
            Err(Failure::Refused(why)) => Response::new_err(id, ErrorCode::RequestFailed as i32, why),
            Err(Failure::Unknown) => {
                Response::new_err(id, ErrorCode::MethodNotFound as i32, format!("there is no `{method}`"))
            }
        };
        self.send(response);
    }

    fn notice(&mut self, note: Notification) {
        let Notification { method, params } = note;
        if catch_unwind(AssertUnwindSafe(|| self.take_up(&method, params))).is_err() {
            self.tell_bug(&method);
        }
        if method.starts_with("textDocument/did") {
            self.control.edited();
        }
    }

    fn take_up(&mut self, method: &str, params: Json) {
        match method {
            "textDocument/didOpen" => {
                let Ok(params) = read::<lsp::DidOpenTextDocumentParams>(params) else { return };
                let item = params.text_document;
                let path = self.documents.open(&item.uri.0, item.version, &item.text);
                if is_ours(&path) {
                    // A file that is not on disk yet may belong to a project that is open.
                    self.reload();
                    self.with_document(&path, |projects, document, documents| {
                        if let Some(project) = projects.of(document, documents) {
                            project.told = false;
                        }
                    });
                }
            }
            "textDocument/didChange" => {
                let Ok(params) = read::<lsp::DidChangeTextDocumentParams>(params) else { return };
                let id = params.text_document;
                let changed = self.documents.change(
                    &id.text_document_identifier.uri.0,
                    id.version,
                    &params.content_changes,
                    self.encoding,
                );
                if let Some(path) = changed.filter(|path| is_ours(path)) {
                    self.with_document(&path, |projects, document, documents| projects.changed(document, documents));
                }
            }
            "textDocument/didClose" => {
                let Ok(params) = read::<lsp::DidCloseTextDocumentParams>(params) else { return };
                if let Some(document) = self.documents.close(&params.text_document.uri.0) {
                    self.reload();
                    self.forget(&[document.path]);
                }
            }
            "textDocument/didSave"
            | "workspace/didChangeWatchedFiles"
            | "workspace/didCreateFiles"
            | "workspace/didRenameFiles"
            | "workspace/didDeleteFiles" => self.reload(),
            "workspace/didChangeWorkspaceFolders" => {
                let Ok(params) = read::<lsp::DidChangeWorkspaceFoldersParams>(params) else { return };
                let path = |folder: &lsp::WorkspaceFolder| super::documents::path_of(&folder.uri.0);
                let removed: Vec<PathBuf> = params.event.removed.iter().map(path).collect();
                self.folders.retain(|folder| !removed.contains(folder));
                self.folders.extend(params.event.added.iter().map(path));
            }
            _ => {}
        }
    }

    fn with_document(&mut self, path: &std::path::Path, work: impl FnOnce(&mut Projects, &Document, &Documents)) {
        if let Some(document) = self.documents.at(path) {
            work(&mut self.projects, document, &self.documents);
        }
    }

    fn reload(&mut self) {
        let gone = self.projects.reload(&self.documents);
        self.forget(&gone);
    }

    /// Takes back what was told of files that are not looked at any more.
    fn forget(&self, paths: &[PathBuf]) {
        for path in paths {
            let uri = self.documents.at(path).map_or_else(|| uri_of(path), |document| document.uri.clone());
            self.notify("textDocument/publishDiagnostics", &serde_json::json!({ "uri": uri, "diagnostics": [] }));
        }
    }

    /// Checks one project that the editor was not told of, and tells. False when there is none.
    fn tell_one(&mut self) -> bool {
        let Some(at) = self.projects.all().iter().position(|project| !project.told) else { return false };
        if !self.control.begin_check(self.interrupted < PATIENCE) {
            self.control.end();
            self.interrupted += 1;
            // An edit was read but has not come through the channel yet.
            std::thread::yield_now();
            return true;
        }
        let stop = self.control.stop.clone();
        let documents = &self.documents;
        let project = self.projects.all().get_mut(at);
        let state = catch_unwind(AssertUnwindSafe(|| project.and_then(|project| project.state(documents, &stop))));
        self.control.end();
        match state {
            Ok(Some(state)) => {
                self.interrupted = 0;
                self.tell(at, &state);
            }
            Ok(None) => self.interrupted += 1,
            Err(_) => {
                self.tell_bug("check");
                if let Some(project) = self.projects.all().get_mut(at) {
                    project.told = true;
                }
            }
        }
        true
    }

    fn tell(&mut self, at: usize, state: &State) {
        let all = diagnostics::all(state, &self.documents, self.encoding);
        let Some(project) = self.projects.all().get_mut(at) else { return };
        project.told = true;
        let before = std::mem::take(&mut project.told_files);
        let with: Vec<PathBuf> =
            all.iter().filter(|(_, params)| !params.diagnostics.is_empty()).map(|(path, _)| path.clone()).collect();
        project.told_files = with.clone();
        let gone: Vec<PathBuf> =
            before.iter().filter(|path| !all.iter().any(|(known, _)| known == *path)).cloned().collect();
        for (path, params) in &all {
            // Of a file that is closed and was always sound there is nothing to tell.
            if self.documents.at(path).is_some() || with.contains(path) || before.contains(path) {
                self.notify("textDocument/publishDiagnostics", params);
            }
        }
        self.forget(&gone);
    }

    /// The project of an open text, checked as it is now, and the text's place in it.
    pub(super) fn state_of(&mut self, uri: &str) -> Result<(Arc<State>, u32), Failure> {
        let stop = self.control.stop.clone();
        let path = super::documents::path_of(uri);
        let (project, documents) = self.project_of(uri)?;
        let state = project.state(documents, &stop).ok_or(Failure::Cancelled)?;
        let place = state.place_of(&path).and_then(|place| u32::try_from(place).ok());
        place.map(|place| (state, place)).ok_or_else(|| Failure::Params(format!("`{uri}` is no part of a project")))
    }

    /// The project of an open text.
    pub(super) fn project_of(&mut self, uri: &str) -> Result<(&mut Project, &Documents), Failure> {
        let path = super::documents::path_of(uri);
        let document = self.documents.at(&path).filter(|document| is_ours(&document.path));
        let document = document.ok_or_else(|| Failure::Params(format!("`{uri}` is not open")))?;
        let project = self.projects.of(document, &self.documents);
        let project = project.ok_or_else(|| Failure::Params(format!("`{uri}` is no part of a project")))?;
        Ok((project, &self.documents))
    }
}

/// Whether the server looks at a file.
fn is_ours(path: &std::path::Path) -> bool {
    path.file_name().is_some_and(|name| name == "weir.toml")
        || crate::project::is_flow_file(path)
        || path.extension().is_none()
        || path.to_string_lossy().starts_with("untitled:")
}

/// Parameters of a message.
pub fn read<T: DeserializeOwned>(params: Json) -> Result<T, Failure> {
    serde_json::from_value(params).map_err(|error| Failure::Params(error.to_string()))
}
