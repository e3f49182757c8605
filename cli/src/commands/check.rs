//! `weir check [PATH…]`: everything that can be known before running. Starts no process, opens no network.

use super::proofs;
use crate::args::{CheckArgs, CheckFormat};
use crate::exit::{Error, Exit, Outcome};
use crate::out;
use crate::project::{Loaded, is_flow_file, load_file, load_folder, missing, project_above, projects_under};
use crate::report::{self, Findings, Totals};
use std::path::{Path, PathBuf};
use weir_compiler::Checked;
use weir_compiler::trust::FlowTrust;

/// Checks and reports.
pub fn run(args: &CheckArgs) -> Outcome {
    let around = [project_above(Path::new(".")).unwrap_or_else(|| PathBuf::from("."))];
    let paths = if args.paths.is_empty() { &around[..] } else { &args.paths };
    let mut asked = Vec::new();
    for path in paths {
        ask(path, &mut asked)?;
    }
    let checked: Vec<Reported> = asked.into_iter().map(|one| one.check(args.trust)).collect();
    let findings: Vec<Findings<'_>> = checked.iter().map(Reported::findings).collect();
    let totals = Totals::of(&findings);
    let projects: Vec<_> = checked.iter().map(|one| (&one.checked, &one.wanted[..])).collect();
    if args.trust {
        let told: Vec<_> = checked.iter().map(|one| &one.trust[..]).collect();
        proofs::tell_trust(args.format, &projects, &told);
    } else if args.bounds && totals.errors == 0 {
        proofs::tell_bounds(args.format, &projects);
    } else {
        tell(args.format, &findings);
    }
    let bad = totals.errors > 0 || (args.deny_warnings && totals.warnings > 0);
    Ok(if bad { Exit::Failed } else { Exit::Done })
}

fn tell(format: CheckFormat, findings: &[Findings<'_>]) {
    match format {
        CheckFormat::Human => out::result(&report::human(findings, out::stdout_colour())),
        CheckFormat::Short => out::result(&report::short(findings)),
        CheckFormat::Json => out::result_line(&report::json(findings)),
    }
}

/// A project, and which of its files were asked for.
struct Asked {
    loaded: Loaded,
    /// Folders and files in full.
    only: Vec<PathBuf>,
}

impl Asked {
    fn check(self, trust: bool) -> Reported {
        let wanted = self.loaded.paths.iter().map(|path| self.only.iter().any(|only| path.starts_with(only))).collect();
        let (_, checked, trust) = self.loaded.check_with(|source| match trust {
            true => weir_compiler::check_trust(source),
            false => (weir_compiler::check(source), Vec::new()),
        });
        Reported { checked, wanted, trust }
    }
}

/// A project that was checked, and which of its files are reported.
struct Reported {
    checked: Checked,
    wanted: Vec<bool>,
    /// What trust rests on, where that was asked for.
    trust: Vec<FlowTrust>,
}

impl Reported {
    fn findings(&self) -> Findings<'_> {
        Findings::some(&self.checked.files, &self.checked.diagnostics, |at| {
            self.wanted.get(at).copied().unwrap_or(false)
        })
    }
}

/// Adds what one path on the command line stands for.
fn ask(path: &Path, asked: &mut Vec<Asked>) -> Result<(), Error> {
    let full = path.canonicalize().map_err(|_| missing(path))?;
    if full.is_dir() {
        return ask_folder(path, full, asked);
    }
    if full.file_name().is_some_and(|name| name == "weir.toml") {
        let folder = full.parent().unwrap_or(&full).to_owned();
        return ask_project(&folder.clone(), folder, asked);
    }
    if !is_flow_file(&full) && !is_flow_file(path) {
        let help = "name `.flow` files, folders, or nothing for the working directory";
        return Err(Error::usage(format!("`{}` is no `.flow` file", path.display())).help(help));
    }
    // One of a project that is asked for already?
    if let Some(known) = asked.iter_mut().find(|known| known.loaded.place_of(&full).is_some()) {
        known.only.push(full);
        return Ok(());
    }
    asked.push(Asked { loaded: load_file(&full)?, only: vec![full] });
    Ok(())
}

fn ask_folder(path: &Path, full: PathBuf, asked: &mut Vec<Asked>) -> Result<(), Error> {
    if let Some(root) = project_above(&full) {
        return ask_project(&root, full, asked);
    }
    let (projects, loose) = projects_under(&full);
    if projects.is_empty() && !loose {
        return Err(Error::usage(format!("there are no `.flow` files in `{}`", path.display())));
    }
    if loose {
        ask_project(&full.clone(), full, asked)?;
    }
    projects.into_iter().try_for_each(|root| ask_project(&root.clone(), root, asked))
}

fn ask_project(root: &Path, only: PathBuf, asked: &mut Vec<Asked>) -> Result<(), Error> {
    // A file that stands alone beside a project has the same root.
    let same = |known: &&mut Asked| known.loaded.root == root && !known.alone();
    if let Some(known) = asked.iter_mut().find(same) {
        known.only.push(only);
        return Ok(());
    }
    asked.push(Asked { loaded: load_folder(root)?, only: vec![only] });
    Ok(())
}

impl Asked {
    /// Whether it is one file outside the project's `flows` folders, or without a project.
    fn alone(&self) -> bool {
        matches!(self.loaded.source.files.as_slice(), [only] if only.module.is_empty())
    }
}
