//! The texts that are open in the editor. They stand above what is on disk.

use super::text::{Encoding, Text};
use gen_lsp_types::TextDocumentContentChangeEvent;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// An open text.
#[derive(Clone, Debug)]
pub struct Document {
    /// What the editor calls it.
    pub uri: String,
    /// Where it is, or would be, on disk.
    pub path: PathBuf,
    /// The editor's number of this state.
    pub version: i32,
    /// Its text.
    pub text: Text,
}

/// Every open text, by path.
#[derive(Default)]
pub struct Documents {
    open: IndexMap<PathBuf, Document>,
}

impl Documents {
    /// Opens a text, or gives an open one another text. Gives its path.
    pub fn open(&mut self, uri: &str, version: i32, text: &str) -> PathBuf {
        let path = path_of(uri);
        let document = Document { uri: uri.to_owned(), path: path.clone(), version, text: Text::new(text) };
        self.open.insert(path.clone(), document);
        path
    }

    /// Changes an open text. Gives its path; None when it is not open.
    pub fn change(
        &mut self,
        uri: &str,
        version: i32,
        changes: &[TextDocumentContentChangeEvent],
        encoding: Encoding,
    ) -> Option<PathBuf> {
        let path = path_of(uri);
        let document = self.open.get_mut(&path)?;
        document.version = version;
        for change in changes {
            document.text = match change {
                TextDocumentContentChangeEvent::TextDocumentContentChangePartial(part) => {
                    document.text.replaced(part.range, &part.text, encoding)
                }
                TextDocumentContentChangeEvent::TextDocumentContentChangeWholeDocument(whole) => Text::new(&whole.text),
            };
        }
        Some(path)
    }

    /// Closes a text.
    pub fn close(&mut self, uri: &str) -> Option<Document> {
        self.open.shift_remove(&path_of(uri))
    }

    /// The open text at a path.
    pub fn at(&self, path: &Path) -> Option<&Document> {
        self.open.get(path)
    }

    /// Every open text.
    pub fn all(&self) -> impl Iterator<Item = &Document> {
        self.open.values()
    }
}

/// Where a URI points: links resolved as far as the path exists. What is no file gets a path that nothing else has.
pub fn path_of(uri: &str) -> PathBuf {
    let parsed = url::Url::parse(uri).ok().filter(|url| url.scheme() == "file").and_then(|url| url.to_file_path().ok());
    let Some(path) = parsed else { return PathBuf::from(uri) };
    if let Ok(full) = path.canonicalize() {
        return full;
    }
    match (path.parent().and_then(|folder| folder.canonicalize().ok()), path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// The URI of a path.
pub fn uri_of(path: &Path) -> String {
    url::Url::from_file_path(path).map_or_else(|()| path.to_string_lossy().into_owned(), String::from)
}
