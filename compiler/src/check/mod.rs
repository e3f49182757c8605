//! Checking: everything that can be known before running. Always returns a value with diagnostics.

use crate::plan::Plan;
use crate::project::{Config, ProjectSource, SourceFile};
use crate::registry::Tool;
use ecow::EcoString;
use indexmap::IndexMap;
use weir_lang::ast::Role;
use weir_lang::diagnostic::{Diagnostic, Severity};
use weir_lang::span::Loc;
use weir_lang::types::{Type, TypeTable};

/// A checked project.
#[derive(Debug, Default)]
pub struct Checked {
    /// The files that [`weir_lang::span::FileId`]s stand for: flow files, then `weir.toml`.
    pub files: Vec<SourceFile>,
    /// What is wrong, ordered by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The project file; empty when there is none or it cannot be read.
    pub config: Config,
    /// Every flow, by full name.
    pub flows: IndexMap<EcoString, FlowInfo>,
    /// Every tool, by full name, sorted.
    pub tools: IndexMap<EcoString, Tool>,
    /// What type names stand for.
    pub types: TypeTable,
}

/// A flow as the outside sees it.
#[derive(Clone, Debug)]
pub struct FlowInfo {
    /// Full name: `leads.intake.find_leads`; in a file alone, the bare name.
    pub name: EcoString,
    /// Its role.
    pub role: Role,
    /// Documentation.
    pub doc: Option<EcoString>,
    /// Where its name stands.
    pub loc: Loc,
    /// Its parameters.
    pub params: Vec<ParamInfo>,
    /// What it returns.
    pub returns: Option<Type>,
    /// Its `can` clause.
    pub can: Vec<EcoString>,
    /// Full names of the flows that it calls, starts or undoes with.
    pub calls: Vec<EcoString>,
}

/// A parameter of a flow.
#[derive(Clone, Debug)]
pub struct ParamInfo {
    /// Its name.
    pub name: EcoString,
    /// Its type.
    pub ty: Type,
    /// May be left out (optional, or with a default).
    pub optional: bool,
    /// Documentation.
    pub doc: Option<EcoString>,
}

impl Checked {
    /// Whether anything keeps the project from running.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The flow to run when only a file or project is named: `main`, else the one that no other flow of the file
    /// calls. `file`: index into `files`; None: the whole project (only `main` counts, in any module).
    pub fn entry(&self, file: Option<u32>) -> Result<&FlowInfo, Vec<&FlowInfo>> {
        let of_file = |flow: &&FlowInfo| file.is_none_or(|file| flow.loc.file.0 == file);
        let flows: Vec<&FlowInfo> = self.flows.values().filter(of_file).collect();
        let named: Vec<&FlowInfo> =
            flows.iter().copied().filter(|flow| flow.name.rsplit('.').next() == Some("main")).collect();
        if let [only] = named.as_slice() {
            return Ok(only);
        }
        let called = |flow: &FlowInfo| flows.iter().any(|other| other.name != flow.name && other.calls.contains(&flow.name));
        let free: Vec<&FlowInfo> = flows.iter().copied().filter(|flow| !called(flow)).collect();
        match free.as_slice() {
            [only] if file.is_some() => Ok(only),
            _ => Err(if file.is_some() { free } else { flows }),
        }
    }

    /// The plan of a flow and all that it can reach. `None` while the project has errors or has no such flow.
    pub fn plan(&self, flow: &str) -> Option<Plan> {
        if self.has_errors() {
            return None;
        }
        crate::lower::lower(self, flow)
    }
}

/// Checks a project: parses every file, resolves names, types, roles, effects.
pub fn check(_source: ProjectSource) -> Checked {
    Checked::default()
}
