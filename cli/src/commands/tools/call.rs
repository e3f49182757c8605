//! `weir tools call`: one tool from the shell. The call is a flow of one step, so everything that is checked and
//! refused in a run is checked and refused here.

use super::{asked, named};
use crate::args::{Format, ToolsCallArgs};
use crate::commands::run::{arguments, follow, grants, project_name, summary};
use crate::escape;
use crate::exit::{Error, Exit, Outcome};
use crate::notation::{name_text, path};
use crate::out;
use crate::report::{self, Findings};
use crate::servers;
use serde_json::json;
use std::sync::Arc;
use weir_compiler::check::ParamInfo;
use weir_compiler::project::RunsSection;
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_compiler::registry::{Lock, Tool, ToolSource};
use weir_compiler::{Checked, FlowInfo, check};
use weir_lang::ast::Role;
use weir_runtime::engine::{LocalEngine, StartRequest};
use weir_runtime::envelope::Envelope;
use weir_stdlib::value::Value;

/// The module that the call stands in; no file can have this name.
const MODULE: &str = "weir tools call";

/// Calls the tool, prints its result.
pub fn run(args: &ToolsCallArgs) -> Outcome {
    let project = match asked::project(args.project.as_ref()) {
        Err(error) if args.project.is_none() && error.exit == Exit::Usage => asked::Project::none()?,
        project => project?,
    };
    let tool = named(&project.checked, &args.name)?;
    let values = arguments::arguments(&signature(tool), &project.checked.types, &args.args, args.input.as_deref())
        .map_err(|error| error.help(format!("`weir tools show {}` shows what it takes", args.name)))?;
    let given: Vec<&str> =
        values.as_record().map(|record| record.fields.keys().map(|name| name.as_str()).collect()).unwrap_or_default();
    let checked = with_call(&project, tool, &flow(tool, &given, args.key.as_deref()))?;
    let full = format!("{MODULE}.call");
    let info = checked.flows.get(full.as_str()).ok_or_else(|| Error::failed("the call could not be made"))?;
    let config = &checked.config;
    let granted = grants::grants(info, config, &args.grant)?;
    suffice(tool, &granted, config.grants.is_some())?;
    let plan = checked.plan(&full).ok_or_else(|| Error::failed("the call could not be made"))?;
    let (builtin, control) = servers::builtin_servers(&project.root, config, &plan)?;
    let outside = servers::needed(&plan, &builtin, config, &project.lock)?.open(&project.root)?;
    let request = StartRequest {
        run_id: Some(LocalEngine::new_run_id()),
        args: Value::record([("args", values)]),
        grants: granted.iter().map(|capability| capability.as_str().into()).collect(),
        delivery: args.allow_delivery && config.project.allow_delivery,
        flags: config.flags.clone(),
        ephemeral: true,
        ..StartRequest::new(project_name(&project.root, config))
    };
    let around = summary::Around {
        flag_allows: args.allow_delivery,
        project_allows: config.project.allow_delivery,
        ephemeral: true,
        flow: args.name.clone(),
        ..summary::Around::default()
    };
    let (work, root) = (follow::Work::Start(Box::new(request)), project.root.clone());
    let prepared = follow::Prepared {
        plan: Arc::new(plan),
        work,
        builtin,
        outside,
        limits: servers::limits(config),
        control,
        root,
        runs: RunsSection::default(),
    };
    let (mut envelope, mut around) = follow::follow(prepared, around, false)?;
    if let Some(error) = around.broke.take() {
        return Err(error);
    }
    envelope.metadata.flow = tool.name.clone();
    tell(args, &envelope, &around);
    Ok(summary::exit(&envelope, &around))
}

impl asked::Project {
    /// Outside a project there are the built-in tools, with the working directory as their folder.
    fn none() -> Result<Self, Error> {
        let root = std::env::current_dir().and_then(|here| here.canonicalize());
        let root = root.map_err(|error| Error::usage(format!("there is no working directory: {error}")))?;
        let source = ProjectSource::default();
        let checked = check(source.clone());
        Ok(asked::Project { root, source, checked, lock: Lock::default(), lock_error: None })
    }
}

/// The tool as if it were a flow, for reading its arguments.
fn signature(tool: &Tool) -> FlowInfo {
    let params = tool.params.iter().map(|(name, param)| ParamInfo {
        name: name.clone(),
        ty: param.ty.clone(),
        optional: param.optional,
        doc: param.doc.clone(),
    });
    FlowInfo {
        name: tool.name.clone(),
        role: Role::Coordinator,
        doc: tool.doc.clone(),
        loc: Default::default(),
        params: params.collect(),
        returns: Some(tool.output.clone()),
        can: tool.capabilities.clone(),
        needs: tool.capabilities.clone(),
        steered: Vec::new(),
        calls: Vec::new(),
    }
}

/// The flow of one step. What reaches someone is a delivery, which needs a key.
fn flow(tool: &Tool, given: &[&str], key: Option<&str>) -> String {
    let name = path(&tool.name);
    let args: Vec<String> = given.iter().map(|arg| format!("{}: args.{}", name_text(arg), name_text(arg))).collect();
    let call = format!("{name}({})", args.join(", "));
    let can =
        if tool.capabilities.is_empty() { String::new() } else { format!(" can {}", tool.capabilities.join(", ")) };
    if tool.capabilities.iter().any(|capability| capability.ends_with(".send")) {
        let key = key.map_or_else(|| LocalEngine::new_run_id().to_string(), str::to_owned);
        return format!("delivery call(args: {name}.input){can} {{\n  key {}\n  {call}\n}}\n", quoted(&key));
    }
    let key = key.map(|key| format!(" key {}", quoted(key))).unwrap_or_default();
    format!("coordinator call(args: {name}.input) -> json{can} {{\n  result = {call}{key}\n  return result\n}}\n")
}

/// A string literal.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '{' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The project with the call; where its flows have mistakes, the call alone, unless the tool stands in one of them.
fn with_call(project: &asked::Project, tool: &Tool, text: &str) -> Result<Checked, Error> {
    let file = SourceFile { path: format!("<{MODULE}>").into(), module: MODULE.into(), text: text.to_owned() };
    let mut whole = project.source.clone();
    whole.files.push(file.clone());
    let checked = check(whole);
    if !checked.has_errors() {
        return Ok(checked);
    }
    if !matches!(tool.source, ToolSource::Declared { .. }) {
        let mut alone = project.source.clone();
        alone.files = vec![file];
        let checked = check(alone);
        if !checked.has_errors() {
            return Ok(checked);
        }
    }
    out::note(&report::human(&[Findings::all(&checked)], out::stderr_colour()));
    Err(Error::failed(format!("the call of `{}` does not check, so nothing was called", tool.name)))
}

/// Refused where the tool may do more than is granted.
fn suffice(tool: &Tool, granted: &[String], has_table: bool) -> Result<(), Error> {
    let missing: Vec<&str> = tool
        .capabilities
        .iter()
        .map(|capability| capability.as_str())
        .filter(|capability| !granted.iter().any(|granted| granted == capability))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let why = if has_table {
        "`[grants]` in weir.toml does not grant it to all"
    } else {
        "running code is granted by name only"
    };
    Err(Error::failed(format!("`{}` needs {}, and {why}; nothing was called", tool.name, missing.join(", ")))
        .help(format!("add `--grant {}`", missing.join(","))))
}

/// The result on stdout; how it went on stderr.
fn tell(args: &ToolsCallArgs, envelope: &Envelope, around: &summary::Around) {
    let failed = envelope.metadata.error.is_some() || envelope.records.is_empty();
    if args.format == Format::Human && (failed || !around.gated.is_empty()) {
        out::note(&summary::summary(envelope, around));
    }
    match (envelope.records.first(), &envelope.metadata.error) {
        (Some(record), None) if out::stdout_is_terminal() => {
            out::result_line(&escape::json(&record.value.mask().to_json_pretty()));
        }
        (Some(record), None) => out::result_line(&record.value.mask().to_json()),
        (_, Some(error)) if args.format == Format::Json => {
            let error = json!({ "code": error.code.as_str(), "message": error.message, "status": envelope.metadata.status.word() });
            out::result_line(&json!({ "error": error }).to_string());
        }
        _ => {}
    }
}
