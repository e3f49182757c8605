//! `files.*`: text files under the roots that `[tools.files] roots` names.

mod change;
mod list;
mod read;

pub(super) use read::read_bytes;

use super::fault::blocking;
use super::sandbox::Sandbox;
use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use camino::Utf8Path;
use ecow::EcoString;
use serde::Deserialize;
use weir_stdlib::value::Value;

/// Largest file that is read or written as a value, in bytes.
pub(super) const LIMIT: u64 = 16 * 1024 * 1024;

const NAMES: [&str; 10] = ["read", "list", "exists", "info", "write", "append", "copy", "move", "delete", "make_dir"];

/// `[tools.files]` of `weir.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesConfig {
    /// Folders that flows may touch, relative to the project's folder. None: nothing may be touched.
    #[serde(default)]
    pub roots: Vec<String>,
}

impl FilesConfig {
    /// The folders that this opens, seen from the project's.
    pub(super) fn sandbox(&self, project_root: &Utf8Path) -> Sandbox {
        Sandbox::new(project_root, self.roots.clone(), "`[tools.files] roots`")
    }
}

/// The server `files`.
pub struct Files {
    sandbox: Sandbox,
}

impl Files {
    /// Files of a project.
    pub fn new(project_root: &Utf8Path, config: FilesConfig) -> Self {
        Files { sandbox: config.sandbox(project_root) }
    }
}

#[async_trait]
impl Tool for Files {
    fn describe(&self) -> Vec<EcoString> {
        NAMES.map(EcoString::from).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let (sandbox, call) = (self.sandbox.clone(), call.clone());
        blocking(move || dispatch(&sandbox, &call)).await
    }
}

fn dispatch(sandbox: &Sandbox, call: &Call) -> Result<Value, Fault> {
    let place = |name: &str| sandbox.place(&call.text(name)?);
    match call.tool.as_str() {
        "read" => read::read(&place("path")?),
        "list" => list::list(sandbox, &place("folder")?, call.optional_text("pattern")?.as_deref().unwrap_or("*")),
        "exists" => read::exists(&place("path")?),
        "info" => read::info(&place("path")?),
        "write" => change::write(&place("path")?, &call.text("text")?),
        "append" => change::append(&place("path")?, &call.text("text")?),
        "copy" => change::copy(&place("path")?, &place("to")?, call.flag("overwrite")?),
        "move" => change::shift(&place("path")?, &place("to")?, call.flag("overwrite")?),
        "delete" => change::delete(&place("path")?),
        "make_dir" => change::make_dir(&place("path")?),
        _ => Err(call.no_such_tool("files", &NAMES)),
    }
}
