//! `weir serve`: the project's runs over HTTP and as MCP tools, carried on until the process is told to end.

use crate::args::ServeArgs;
use crate::exit::{Error, Outcome};
use crate::serve;
use std::path::Path;

/// Serves.
pub fn run(args: &ServeArgs) -> Outcome {
    let folder = args.project.as_deref().unwrap_or(Path::new("."));
    let project = serve::Project::open(folder)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::failed(format!("cannot start threads: {error}")))?;
    let ended = runtime.block_on(serve::serve(project, args));
    // A thread that waits at stdin is not waited for.
    runtime.shutdown_background();
    ended
}
