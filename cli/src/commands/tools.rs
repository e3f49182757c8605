//! `weir tools`: the registry, built-in tools included, and the servers behind it.

mod asked;
mod call;
mod diff;
mod sync;

use crate::args::{Format, ToolsArgs, ToolsCommand, ToolsListArgs, ToolsShowArgs};
use crate::exit::{Error, Exit, Outcome};
use crate::locked::Locked;
use crate::notation::declaration;
use crate::out;
use crate::project::{Loaded, load_folder, missing, project_above};
use crate::report::{self, Findings};
use crate::suggest::did_you_mean;
use comfy_table::{ContentArrangement, Table, presets};
use ecow::EcoString;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use weir_compiler::Checked;
use weir_compiler::registry::{Tool, ToolSource};

/// Runs one of the commands.
pub fn run(args: &ToolsArgs) -> Outcome {
    match &args.command {
        ToolsCommand::List(args) => list(args),
        ToolsCommand::Show(args) => show(args),
        ToolsCommand::Sync(args) => sync::run(args),
        ToolsCommand::Diff(args) => diff::run(args),
        ToolsCommand::Call(args) => call::run(args),
    }
}

/// The project named, or the one around; without one only the built-in tools.
fn project(folder: Option<&PathBuf>) -> Result<Checked, Error> {
    let root = match folder {
        Some(folder) if !folder.is_dir() => return Err(missing(folder)),
        Some(folder) => Some(project_above(folder).unwrap_or_else(|| folder.clone())),
        None => project_above(Path::new(".")),
    };
    let loaded = root.map_or_else(|| Ok(Loaded::default()), |root| load_folder(&root))?;
    let checked = loaded.check().1;
    if checked.has_errors() {
        let findings = Findings::all(&checked);
        out::note(&report::short(&[findings]));
        out::note_line("the project has errors; tools that stand in broken places are missing here");
    }
    Ok(checked)
}

fn list(args: &ToolsListArgs) -> Outcome {
    let checked = project(args.project.as_ref())?;
    match args.format {
        Format::Json => {
            let tools: Vec<Value> = checked.tools.values().map(describe).collect();
            let instances: serde_json::Map<String, Value> =
                instances(&checked).map(|(name, all)| (name.to_owned(), json!(strings(&all)))).collect();
            out::result_line(&json!({ "tools": tools, "instances": instances }).to_string());
        }
        Format::Human => {
            out::result_line(&table(&checked));
            for (name, all) in instances(&checked) {
                let all: Vec<_> = all.iter().map(|one| crate::escape::line(one)).collect();
                out::result_line(&format!("{name}: {} instances: {}", all.len(), all.join(", ")));
            }
        }
    }
    Ok(Exit::Done)
}

/// Servers with several instances, and their names.
fn instances(checked: &Checked) -> impl Iterator<Item = (&str, Vec<EcoString>)> {
    let named = checked.config.tools.iter().map(|(name, section)| (name.as_str(), section.instance_names()));
    named.filter(|(_, instances)| !instances.is_empty())
}

fn table(checked: &Checked) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(terminal_size::terminal_size().map_or(110, |(width, _)| width.0));
    for tool in checked.tools.values() {
        let gist = tool.doc.as_deref().unwrap_or("").replace('\n', " ");
        let gist = gist.split_once(". ").map_or(gist.as_str(), |(first, _)| first);
        let gist = crate::escape::line(gist.trim_end_matches('.'));
        table.add_row([tool.name.as_str(), &tool.capabilities.join(", "), source(tool), &gist]);
    }
    table.trim_fmt()
}

fn source(tool: &Tool) -> &'static str {
    match tool.source {
        ToolSource::Builtin => "built in",
        ToolSource::Locked => "locked",
        ToolSource::Declared { builtin: true, .. } => "built in, redeclared",
        _ => "declared",
    }
}

fn show(args: &ToolsShowArgs) -> Outcome {
    let checked = project(args.project.as_ref())?;
    let tool = named(&checked, &args.name)?;
    match args.format {
        Format::Json => out::result_line(&describe(tool).to_string()),
        Format::Human => out::result(&format!("{}{}", declaration(tool), Locked::of(tool).remarks(tool))),
    }
    Ok(Exit::Done)
}

fn describe(tool: &Tool) -> Value {
    let params: Vec<Value> = tool
        .params
        .iter()
        .map(|(name, param)| {
            json!({ "name": name.as_str(), "type": param.ty.to_string(), "optional": param.optional,
                "trusted": param.trusted, "doc": param.doc.as_deref() })
        })
        .collect();
    let mut described = json!({
        "name": tool.name.as_str(), "doc": tool.doc.as_deref(), "source": source(tool), "params": params,
        "output": tool.output.to_string(), "capabilities": strings(&tool.capabilities),
        "idempotent": tool.idempotent, "accepts_key": tool.accepts_key.as_deref(), "untrusted": tool.untrusted,
        "timeout_ms": tool.timeout_ms, "cost": tool.cost, "codes": strings(&tool.codes),
    });
    if let (Value::Object(fields), Value::Object(more)) = (&mut described, Locked::of(tool).json(tool)) {
        fields.extend(more);
    }
    described
}

fn strings<S: AsRef<str>>(list: &[S]) -> Vec<&str> {
    list.iter().map(AsRef::as_ref).collect()
}

/// The tool of that name, in flows' spelling too, or a guess at what was meant.
fn named<'a>(checked: &'a Checked, name: &str) -> Result<&'a Tool, Error> {
    let plain = |text: &str| text.replace(['-', '/', ' '], "_").replace('`', "");
    let spelled = || checked.tools.values().filter(|tool| plain(&tool.name) == plain(name)).collect::<Vec<_>>();
    let found = checked.tools.get(name).or_else(|| match spelled().as_slice() {
        [only] => Some(*only),
        _ => None,
    });
    found.ok_or_else(|| {
        let guess = did_you_mean(name, checked.tools.keys().map(|name| name.as_str()));
        let list = "`weir tools list` shows all of them";
        Error::usage(format!("there is no tool `{name}`"))
            .help(guess.map_or_else(|| list.to_owned(), |guess| format!("{guess} {list}")))
    })
}
