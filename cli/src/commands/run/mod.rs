//! `weir run FLOW`: not yet.

mod arguments;
mod ask;
mod grants;
mod progress;
mod servers;
mod summary;

use crate::args::RunArgs;
use crate::exit::{Exit, Outcome};
use crate::project;

/// Runs.
pub fn run(args: &RunArgs) -> Outcome {
    let target = project::resolve(&args.flow)?;
    let Some(flow) = target.checked.flows.get(target.flow.as_str()) else { return Ok(Exit::Failed) };
    let values = arguments::arguments(flow, &target.checked.types, args)?;
    let granted = grants::grants(flow, &target.checked.config, &args.grant)?;
    grants::suffice(flow, &granted, target.checked.config.grants.is_some())?;
    let _ = (values, ask::ask, target.root);
    Ok(Exit::Done)
}
