//! The flows that are offered: what they take and give, what they are granted, and why one cannot be started.

use crate::commands::graph::no_plan;
use crate::commands::run::grants;
use crate::exit::{Error, Exit};
use crate::out;
use crate::project::{load_folder, missing, project_above};
use crate::report::{self, Findings};
use crate::servers;
use crate::suggest::nearest;
use ecow::EcoString;
use indexmap::IndexMap;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weir_compiler::plan::{CampaignPlan, Plan};
use weir_compiler::project::Config;
use weir_compiler::registry::{Lock, schema};
use weir_compiler::{Checked, FlowInfo};
use weir_lang::types::{Type, TypeTable};

/// One flow.
pub struct Offer {
    /// What it is.
    pub info: FlowInfo,
    /// What is run.
    pub plan: Arc<Plan>,
    /// The capabilities of its runs.
    pub grants: Vec<EcoString>,
    /// What its arguments must be, as JSON Schema.
    pub input: Json,
    /// What it returns, as JSON Schema.
    pub output: Json,
    /// What it returns is no object, so that those who want one get it in a field of its own.
    pub wrapped: bool,
    /// Why it cannot be started, and what to do about it.
    pub refused: Option<Vec<String>>,
}

impl Offer {
    /// How it is listed.
    pub fn summary(&self) -> Json {
        json!({ "name": self.info.name, "role": self.info.role.word(), "doc": self.info.doc,
            "ready": self.refused.is_none(), "refused": self.refused })
    }

    /// Everything that a caller needs to know.
    pub fn whole(&self) -> Json {
        let params: Vec<Json> = self
            .info
            .params
            .iter()
            .map(|param| {
                json!({ "name": param.name, "type": param.ty.to_string(), "optional": param.optional, "doc": param.doc })
            })
            .collect();
        json!({ "name": self.info.name, "role": self.info.role.word(), "doc": self.info.doc,
            "ready": self.refused.is_none(), "refused": self.refused, "params": params,
            "returns": self.info.returns.as_ref().map(ToString::to_string), "can": self.info.can,
            "input_schema": self.input, "output_schema": self.output })
    }
}

/// A project that checks.
pub struct Project {
    /// Its folder.
    pub root: PathBuf,
    /// `weir.toml`.
    pub config: Config,
    /// What its servers offered when they were last asked.
    pub lock: Lock,
    /// What type names stand for.
    pub types: TypeTable,
    /// The flows that are offered, by full name.
    pub offers: IndexMap<EcoString, Offer>,
    /// What starts flows by itself, where its tools are served.
    pub campaigns: Vec<CampaignPlan>,
}

impl Project {
    /// Reads and checks the project of a folder.
    ///
    /// # Errors
    /// No project, or one with mistakes, which are shown.
    pub fn open(folder: &Path) -> Result<Project, Error> {
        if !folder.is_dir() {
            return Err(missing(folder));
        }
        let root = project_above(folder).unwrap_or_else(|| folder.to_owned());
        let loaded = load_folder(&root)?;
        let lock = loaded.lock();
        let (root, checked) = loaded.check();
        if checked.has_errors() {
            out::note(&report::human(&[Findings::all(&checked)], out::stderr_colour()));
            let message = format!("`{}` does not check, so nothing is served", root.display());
            return Err(Error { exit: Exit::Failed, messages: vec![message], help: None, code: None });
        }
        let offers = offers(&checked, &root, &lock)?;
        let campaigns = campaigns(&checked, &root, &lock);
        let Checked { config, types, .. } = checked;
        Ok(Project { root, config, lock, types, offers, campaigns })
    }
}

fn offers(checked: &Checked, root: &Path, lock: &Lock) -> Result<IndexMap<EcoString, Offer>, Error> {
    let mut offers = IndexMap::new();
    for name in offered(checked)? {
        let Some(info) = checked.flows.get(&name) else { continue };
        let plan = checked.plan(&name).ok_or_else(|| no_plan(&name))?;
        let config = &checked.config;
        let granted = grants::grants(info, config, &[])?;
        let refused = grants::suffice(info, &granted, config.grants.is_some())
            .and_then(|()| served(root, config, lock, &plan))
            .err()
            .map(|error| error.messages.into_iter().chain(error.help).collect());
        let params = info.params.iter();
        let params = params.map(|param| (param.name.as_str(), &param.ty, param.optional, param.doc.as_deref()));
        // Written out, so that the schema says at once that it is one of an object.
        let returns = checked.types.head(info.returns.as_ref().unwrap_or(&Type::Null));
        let offer = Offer {
            wrapped: !matches!(returns, Type::Record(_) | Type::Map(_)),
            input: schema::of_fields(params, &checked.types),
            output: schema::of_type(returns, &checked.types),
            info: info.clone(),
            plan: Arc::new(plan),
            grants: granted.iter().map(|capability| capability.as_str().into()).collect(),
            refused,
        };
        offers.insert(name, offer);
    }
    Ok(offers)
}

/// The campaigns whose tools have servers; the others are told of.
fn campaigns(checked: &Checked, root: &Path, lock: &Lock) -> Vec<CampaignPlan> {
    let mut campaigns = checked.campaigns().unwrap_or_default();
    campaigns.retain(|campaign| match served(root, &checked.config, lock, &campaign.plan) {
        Ok(()) => true,
        Err(error) => {
            out::note_line(&format!("campaign {} does not run: {}", campaign.name, error.messages.join("; ")));
            false
        }
    });
    campaigns
}

/// Whether all tools of a plan have a server.
fn served(root: &Path, config: &Config, lock: &Lock, plan: &Plan) -> Result<(), Error> {
    let (builtin, _) = servers::builtin_servers(root, config, plan)?;
    servers::needed(plan, &builtin, config, lock)?.open(root).map(drop)
}

/// The names: those of `weir.toml`, else the flows that no other one calls.
fn offered(checked: &Checked) -> Result<Vec<EcoString>, Error> {
    let Some(named) = &checked.config.serve.flows else {
        let called =
            |name: &EcoString| checked.flows.values().any(|other| other.name != *name && other.calls.contains(name));
        return Ok(checked.flows.keys().filter(|name| !called(name)).cloned().collect());
    };
    for name in named {
        if !checked.flows.contains_key(name) {
            let own = |full: &EcoString| full.rsplit('.').next().unwrap_or_default() == own_part(name, checked);
            let guess = checked.flows.keys().find(|full| own(full)).map(|full| format!("did you mean `{full}`?"));
            let message = format!("`flows` under `[serve]` in weir.toml names `{name}`, and there is no such flow");
            return Err(Error::usage(message).maybe_help(guess));
        }
    }
    Ok(named.clone())
}

/// The nearest last part of a flow's name.
fn own_part<'a>(name: &str, checked: &'a Checked) -> &'a str {
    let last = |full: &'a EcoString| full.rsplit('.').next().unwrap_or_default();
    let wanted = name.rsplit('.').next().unwrap_or_default();
    nearest(wanted, checked.flows.keys().map(last)).unwrap_or_default()
}

/// All tools of these plans in one, so that their servers are opened once.
pub fn together<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> Option<Plan> {
    let mut plans = plans.into_iter();
    let mut all = plans.next()?.clone();
    for plan in plans {
        for (name, tool) in &plan.tools {
            all.tools.entry(name.clone()).or_insert_with(|| tool.clone());
        }
    }
    Some(all)
}
