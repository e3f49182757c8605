//! What the durable engine is measured with: flows that are checked, a folder of its own, an engine on a real file in it.

use crate::out::line;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_compiler::Checked;
use weir_compiler::plan::Plan;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_runtime::engine::{LocalEngine, StartRequest, Toolbox};
use weir_runtime::journal::{Durability, SqliteJournal};
use weir_runtime::tool::Tool;
use weir_stdlib::value::Value;

/// Flows and a folder, which is gone with it.
pub struct Lab {
    checked: Checked,
    runtime: tokio::runtime::Runtime,
    folder: PathBuf,
}

impl Lab {
    /// With these flows; None, and said, where they cannot be measured.
    pub fn new(name: &str, flows: &str) -> Option<Lab> {
        let file = SourceFile { path: "bench.flow".into(), module: "".into(), text: flows.into() };
        let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().ok()?;
        let folder = std::env::temp_dir().join(format!("weir-bench-{name}-{}", std::process::id()));
        Some(Lab { checked, runtime, folder })
    }

    /// The plan of a flow; None, and said, where it does not check.
    pub fn plan(&self, flow: &str) -> Option<Arc<Plan>> {
        let plan = self.checked.plan(flow).map(Arc::new);
        if plan.is_none() {
            line("the flows of the benchmark do not check");
        }
        plan
    }

    /// The folder, empty.
    pub fn fresh(&self) -> &Path {
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = std::fs::create_dir_all(&self.folder);
        &self.folder
    }

    /// The journal's file.
    pub fn file(&self) -> PathBuf {
        self.folder.join(".weir/weir.db")
    }

    /// An engine on a new file, whose tools `t.…` this carries out.
    pub fn engine(&self, durability: Durability, tool: Arc<dyn Tool>) -> Option<LocalEngine> {
        self.fresh();
        match SqliteJournal::open_with(self.file(), durability) {
            Ok(journal) => Some(LocalEngine::new(Arc::new(journal), Toolbox::new().with("t", tool))),
            Err(error) => {
                line(&error.to_string());
                None
            }
        }
    }

    /// Carries this out.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A start with the argument `n`.
pub fn request(n: i64) -> StartRequest {
    let grants = vec!["t.read".into(), "t.write".into()];
    StartRequest { args: Value::record([("n", Value::int(n))]), grants, ..StartRequest::new("bench") }
}
