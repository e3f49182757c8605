//! `weir graph FLOW`: the execution graph.

use crate::args::{GraphArgs, GraphFormat};
use crate::exit::{Error, Exit, Outcome};
use crate::{graph, out, project};

/// Draws the flow.
pub fn run(args: &GraphArgs) -> Outcome {
    let target = project::resolve(&args.flow)?;
    let plan = target.checked.plan(&target.flow).ok_or_else(|| no_plan(&target.flow))?;
    let drawing = graph::build(&plan, &target.checked);
    match args.format {
        GraphFormat::Text => out::result(&graph::text(&drawing)),
        GraphFormat::Mermaid => out::result(&graph::mermaid(&drawing)),
        GraphFormat::Dot => out::result(&graph::dot(&drawing)),
        GraphFormat::Svg => out::result(&graph::svg(&drawing)),
        GraphFormat::Json => out::result_line(&graph::json(&drawing)),
    }
    Ok(Exit::Done)
}

/// A flow that checks has a plan; where it has none, that is a bug of ours.
pub fn no_plan(flow: &str) -> Error {
    Error::failed(format!("`{flow}` checks but has no plan; this is a bug in weir, please report it"))
}
