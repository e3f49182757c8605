//! `weir run FLOW`: one flow, now. Everything that can be refused is refused before anything starts; then the engine
//! runs, stderr tells how it goes, and stdout gets exactly one envelope.

pub mod arguments;
mod ask;
mod dry_run;
pub mod follow;
pub mod grants;
mod keyboard;
mod progress;
pub mod summary;
mod watch;

use super::graph::no_plan;
use crate::args::RunArgs;
use crate::escape;
use crate::exit::{Error, Exit, Outcome};
use crate::out;
use crate::project::{self, Target};
use crate::servers;
use ecow::EcoString;
use follow::{Prepared, Work};
use std::path::Path;
use std::sync::Arc;
use summary::Around;
use weir_compiler::FlowInfo;
use weir_compiler::project::Config;
use weir_runtime::engine::{LocalEngine, StartRequest};
use weir_runtime::envelope::Envelope;

/// A thread's name may have at most so many bytes.
pub const LONGEST_THREAD: usize = 200;

/// Runs the flow, or shows what it would call.
pub fn run(args: &RunArgs) -> Outcome {
    if let Some(stray) = args.rest.first() {
        let help = match stray.contains('=') {
            true => format!("an argument of the flow has its flag: `--arg {stray}`"),
            false => "one flow at a time; its arguments are written `--arg name=value`".to_owned(),
        };
        return Err(Error::usage(format!("`{stray}` has no meaning behind the flow")).help(help));
    }
    let target = project::resolve(&args.flow)?;
    let flow = target.checked.flows.get(target.flow.as_str()).ok_or_else(|| no_plan(&target.flow))?;
    let values = arguments::arguments(flow, &target.checked.types, &args.args, args.input.as_deref())?;
    let granted = granted(flow, &target, args)?;
    let plan = target.checked.plan(&target.flow).ok_or_else(|| no_plan(&target.flow))?;
    let config = &target.checked.config;
    let (builtin, control) = servers::builtin_servers(&target.root, config, &plan)?;
    let needed = servers::needed(&plan, &builtin, config, &target.lock)?;
    let request = StartRequest {
        run_id: Some(LocalEngine::new_run_id()),
        args: values,
        grants: granted.iter().map(|capability| capability.as_str().into()).collect(),
        delivery: args.allow_delivery && config.project.allow_delivery,
        flags: config.flags.clone(),
        ephemeral: args.ephemeral,
        thread: args.thread.as_deref().map(thread).transpose()?,
        ..StartRequest::new(project_name(&target.root, config))
    };
    if args.dry_run {
        dry_run::show(&plan, &request, args.format);
        return Ok(Exit::Done);
    }
    let around = Around {
        flag_allows: args.allow_delivery,
        project_allows: config.project.allow_delivery,
        ephemeral: args.ephemeral,
        flow: args.flow.clone(),
        ..Around::default()
    };
    let outside = needed.open(&target.root)?;
    let (plan, root, runs) = (Arc::new(plan), target.root.clone(), config.runs.clone());
    let work = Work::Start(Box::new(request));
    let limits = servers::limits(config);
    let prepared = Prepared { plan, work, builtin, outside, limits, control, root, runs };
    let (envelope, around) = follow::follow(prepared, around, args.events)?;
    tell(&envelope, &around, args.events);
    Ok(summary::exit(&envelope, &around))
}

/// The name of a thread.
fn thread(name: &str) -> Result<EcoString, Error> {
    match name.len() {
        1..=LONGEST_THREAD => Ok(name.into()),
        _ => Err(Error::usage(format!("`--thread` takes a name of 1 to {LONGEST_THREAD} bytes"))),
    }
}

fn granted(flow: &FlowInfo, target: &Target, args: &RunArgs) -> Result<Vec<String>, Error> {
    let config = &target.checked.config;
    let granted = grants::grants(flow, config, &args.grant)?;
    match grants::suffice(flow, &granted, config.grants.is_some()) {
        Err(error) if !args.dry_run => {
            follow::refused(&target.root, &target.flow, &granted, &error.messages.join("\n"));
            Err(error)
        }
        other => other.map(|()| granted),
    }
}

/// The scope of keys: the name in `weir.toml`, else the folder's.
pub fn project_name(root: &Path, config: &Config) -> String {
    let folder = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    config.project.name.as_ref().map_or(folder, ToString::to_string)
}

/// The envelope on stdout, the summary on stderr.
pub fn tell(envelope: &Envelope, around: &Around, events: bool) {
    if !events {
        out::note(&summary::summary(envelope, around));
    }
    if out::stdout_is_terminal() {
        out::result_line(&escape::json(&envelope.to_json_pretty()));
    } else {
        out::result_line(&envelope.to_json());
    }
    if let Some(error) = &around.broke {
        error.show();
    }
}
