//! Tools by the name of their server.

use crate::limits::Limits;
use crate::servers::{Contracts, read_text};
use crate::tool::{Call, Continuation, Fault, Outcome, Tool};
use ecow::EcoString;
use indexmap::IndexMap;
use std::sync::Arc;
use weir_compiler::plan::{Plan, ToolPlan};
use weir_lang::types::TypeTable;
use weir_stdlib::value::Value;

/// The tool servers of a project.
#[derive(Clone, Default)]
pub struct Toolbox {
    servers: IndexMap<EcoString, Arc<dyn Tool>>,
    contracts: Arc<Contracts>,
    limits: IndexMap<EcoString, Limits>,
}

impl Toolbox {
    /// No tools.
    pub fn new() -> Self {
        Toolbox::default()
    }

    /// The same with one more server; its name is the first part of its tools' names.
    pub fn with(mut self, server: impl Into<EcoString>, tool: Arc<dyn Tool>) -> Self {
        self.add(server, tool);
        self
    }

    /// Adds a server.
    pub fn add(&mut self, server: impl Into<EcoString>, tool: Arc<dyn Tool>) {
        self.servers.insert(server.into(), tool);
    }

    /// Limits what a server is asked, over all runs of an engine.
    pub fn limit(&mut self, server: impl Into<EcoString>, limits: Limits) {
        if !limits.none() {
            self.limits.insert(server.into(), limits);
        }
    }

    /// The servers whose calls go through a gate: those that are limited, or have several instances.
    pub(crate) fn gated(&self) -> impl Iterator<Item = (&EcoString, Limits, &Arc<dyn Tool>)> {
        let several = |tool: &Arc<dyn Tool>| tool.instances().len() > 1;
        let gated = move |(name, tool)| {
            let limits = self.limits.get(name).copied();
            (limits.is_some() || several(tool)).then(|| (name, limits.unwrap_or_default(), tool))
        };
        self.servers.iter().filter_map(gated)
    }

    /// The tools that a plan can call and nobody here carries out; each line says what to do.
    pub fn missing(&self, plan: &Plan) -> Vec<String> {
        let lacks = |name: &EcoString| {
            let (server, tool) = name.split_once('.').unwrap_or((name, ""));
            match self.servers.get(server) {
                None => Some(format!("`{name}` has no server: add `[tools.{server}]` to weir.toml")),
                Some(found) if !found.describe().iter().any(|known| known == tool) => Some(format!(
                    "the server `{server}` has no tool `{tool}`: `weir tools list` shows those that it has"
                )),
                Some(_) => None,
            }
        };
        plan.tools.keys().filter_map(lacks).collect()
    }

    /// Carries out one attempt of the tool of that full name, or goes on with one that came back unfinished. Arguments
    /// that break the server's own schema are never sent; a text that stands for data is read as data.
    pub(crate) async fn call(
        &self,
        name: &str,
        call: &Call,
        rest: Option<&Continuation>,
        plan: Option<(&ToolPlan, &TypeTable)>,
    ) -> Result<Outcome, Fault> {
        let server = name.split_once('.').and_then(|(server, _)| self.servers.get(server));
        let Some(server) = server else {
            return Err(Fault::clean(
                "unavailable",
                format!("`{name}` has no server: add a `[tools.…]` section for it"),
            ));
        };
        if let Some(definition) = &call.definition {
            self.contracts.of(name, definition)?.check_arguments(name, &call.args)?;
        }
        Ok(match (server.attempt(call, rest).await?, plan) {
            (Outcome::Done(value), Some((plan, types))) => Outcome::Done(read_text(value, plan, types)),
            (outcome, _) => outcome,
        })
    }

    /// Why a result breaks what its server said of it.
    pub(crate) fn misfit(&self, plan: &ToolPlan, value: &Value) -> Option<EcoString> {
        let definition = plan.definition.as_ref()?;
        let contract = self.contracts.of(&plan.name, definition).ok()?;
        contract.check_result(&plan.name, value).err().map(EcoString::from)
    }
}

impl std::fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.servers.keys()).finish()
    }
}
