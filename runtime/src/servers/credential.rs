//! Values of `env`, `headers`, `auth` in `weir.toml`: `env:NAME`, `file:PATH`, `expand:` with a text that
//! holds `${NAME}`, or the text itself (`text:…` where it begins like one of these).

use super::expand;
use std::path::Path;

/// The value that a text of `weir.toml` stands for. `file:` paths are relative to `root`; a line break at the end of the
/// file does not count.
///
/// # Errors
/// In the reader's words, without the value, where the variable or file is not there.
pub fn credential(text: &str, root: &Path) -> Result<String, String> {
    if let Some(name) = text.strip_prefix("env:") {
        return std::env::var(name).map_err(|_| format!("the variable `{name}` is not set"));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let read = fs_err::read_to_string(root.join(path));
        return read.map(|value| value.trim_end_matches(['\r', '\n']).to_owned()).map_err(|error| error.to_string());
    }
    if let Some(text) = text.strip_prefix("expand:") {
        return expand(text, root);
    }
    Ok(text.strip_prefix("text:").unwrap_or(text).to_owned())
}
