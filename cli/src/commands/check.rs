//! `weir check [PATH…]`: everything that can be known before running. Starts no process, opens no network.

use super::proofs;
use crate::args::{CheckArgs, CheckFormat};
use crate::exit::{Error, Exit, Outcome};
use crate::out;
use crate::project::{
    Loaded, is_flow_file, load_file, load_folder, missing, project_above, projects_under, read_whole,
};
use crate::report::{self, Baseline, Findings, Known, Totals};
use std::path::{Path, PathBuf};
use weir_compiler::Checked;
use weir_compiler::trust::FlowTrust;

/// Checks and reports.
pub fn run(args: &CheckArgs) -> Outcome {
    let told = args.caps || args.bounds || args.trust;
    if told && !matches!(args.format, CheckFormat::Human | CheckFormat::Json) {
        return Err(Error::usage("`--caps`, `--bounds` and `--trust` are shown as `human` or `json`"));
    }
    let around = [project_above(Path::new(".")).unwrap_or_else(|| PathBuf::from("."))];
    let paths = if args.paths.is_empty() { &around[..] } else { &args.paths };
    let mut asked = Vec::new();
    for path in paths {
        ask(path, &mut asked)?;
    }
    if args.fix {
        fix_all(&mut asked)?;
    }
    let checked: Vec<Reported> = asked.into_iter().map(|one| one.check(args.trust)).collect();
    let mut findings: Vec<Findings<'_>> = checked.iter().map(Reported::findings).collect();
    let all = Totals::of(&findings);
    if all.files == 0 && all.errors == 0 {
        return Err(nothing(paths));
    }
    if let Some(file) = &args.baseline {
        match args.write_baseline {
            true => return write_baseline(file, &findings),
            false => take_baseline(file, &mut findings)?,
        }
    }
    let totals = Totals::of(&findings);
    let projects: Vec<_> = checked.iter().map(|one| (&one.checked, &one.wanted[..])).collect();
    if args.trust {
        let told: Vec<_> = checked.iter().map(|one| &one.trust[..]).collect();
        proofs::tell_trust(args.format, &projects, &told);
    } else if args.bounds && totals.errors == 0 {
        checked.iter().try_for_each(Reported::is_sound)?;
        proofs::tell_bounds(args.format, &projects);
    } else if args.caps {
        tell_caps(args.format, &checked, &findings);
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
        CheckFormat::Sarif => out::result_line(&report::sarif(findings)),
        CheckFormat::Github => out::result(&report::github(findings)),
    }
}

/// The least `can` of each flow; what is wrong goes to stderr.
fn tell_caps(format: CheckFormat, checked: &[Reported], findings: &[Findings<'_>]) {
    let projects: Vec<_> = checked.iter().map(|one| &one.checked).zip(findings).collect();
    match format {
        CheckFormat::Json => out::result_line(&report::caps_json(&projects)),
        _ => out::result(&report::caps_human(&projects)),
    }
    if Totals::of(findings).errors > 0 {
        out::note(&report::human(findings, out::stderr_colour()));
    }
}

/// Applies the fixes of every project that was asked for, in the files that were.
fn fix_all(asked: &mut [Asked]) -> Result<(), Error> {
    let mut done = 0;
    for one in asked {
        let wanted = one.wanted();
        done += super::fix::fix(&mut one.loaded, &|at| wanted.get(at).copied().unwrap_or(false))?;
    }
    out::note_line(&format!("{} made", report::counted(done, "fix").replace("fixs", "fixes")));
    Ok(())
}

/// The folder that a baseline's files are named from.
fn folder_of(baseline: &Path) -> PathBuf {
    let folder = baseline.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

fn write_baseline(file: &Path, findings: &[Findings<'_>]) -> Outcome {
    let folder = folder_of(file);
    let baseline = Baseline::of(findings, &|shown| report::seen_from(&folder, shown));
    fs_err::write(file, baseline.print())
        .map_err(|error| Error::failed(format!("cannot write the baseline: {error}")))?;
    let count = report::counted(baseline.len(), "problem");
    out::note_line(&format!("`{}` knows {count} now", file.display()));
    Ok(Exit::Done)
}

/// Takes out what the baseline knows, and says how much of it is still there.
fn take_baseline(file: &Path, findings: &mut [Findings<'_>]) -> Result<(), Error> {
    if !file.exists() {
        return Err(Error::usage(format!("there is no baseline `{}`", file.display()))
            .help("`--write-baseline` beside it writes one"));
    }
    let read = Baseline::parse(&read_whole(file)?).map_err(|why| {
        Error::usage(format!("`{}` is no baseline: {why}", file.display()))
            .help("`--write-baseline` beside it writes a new one")
    })?;
    let folder = folder_of(file);
    let (taken, fixed) = read.take(findings, &|shown| report::seen_from(&folder, shown));
    out::note_line(&format!("{} in `{}`, not shown", report::counted(taken, "known problem"), file.display()));
    for one in fixed.iter().take(10) {
        let line = crate::escape::short(&format!("fixed: {}: {}: {}", one.file, one.rule, one.line), 200);
        out::note_line(&line);
    }
    if !fixed.is_empty() {
        let count: usize = fixed.iter().map(|one: &Known| one.count).sum();
        out::note_line(&format!("{count} of the baseline are fixed; `--write-baseline` takes them out"));
    }
    Ok(())
}

/// A project without flow files is no sound project: nothing was looked at.
fn nothing(paths: &[PathBuf]) -> Error {
    let named: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    Error::usage(format!("there is nothing to check: no `.flow` files in {}", named.join(", ")))
        .help("write one, e.g. `coordinator main() -> string { return \"hello\" }` in `main.flow`, or make a project: `weir new NAME`")
}

/// A project, and which of its files were asked for.
pub(super) struct Asked {
    loaded: Loaded,
    /// Folders and files in full.
    only: Vec<PathBuf>,
}

impl Asked {
    /// Which of its files were asked for.
    fn wanted(&self) -> Vec<bool> {
        self.loaded.paths.iter().map(|path| self.only.iter().any(|only| path.starts_with(only))).collect()
    }

    pub(super) fn check(self, trust: bool) -> Reported {
        let wanted = self.wanted();
        let (_, checked, trust) = self.loaded.check_with(|source| match trust {
            true => weir_compiler::check_trust(source),
            false => (weir_compiler::check(source), Vec::new()),
        });
        Reported { checked, wanted, trust }
    }
}

/// A project that was checked, and which of its files are reported.
pub(super) struct Reported {
    pub(super) checked: Checked,
    pub(super) wanted: Vec<bool>,
    /// What trust rests on, where that was asked for.
    trust: Vec<FlowTrust>,
}

impl Reported {
    /// Refuses a project with errors in files that were not asked for: nothing is known of what its flows come to.
    fn is_sound(&self) -> Result<(), Error> {
        let all = self.findings_of_all();
        if Totals::of(std::slice::from_ref(&all)).errors == 0 {
            return Ok(());
        }
        let short = report::short(std::slice::from_ref(&all));
        let first = short.lines().find(|line| line.contains(": error")).unwrap_or_default();
        Err(Error::failed(format!("nothing is known of the bounds while another file has errors: {first}"))
            .help("`weir check` of the whole project shows all of them"))
    }

    /// Everything that is wrong with the project, in whichever file.
    pub(super) fn findings_of_all(&self) -> Findings<'_> {
        Findings::all(&self.checked)
    }

    pub(super) fn findings(&self) -> Findings<'_> {
        Findings::some(&self.checked.files, &self.checked.diagnostics, |at| {
            self.wanted.get(at).copied().unwrap_or(false)
        })
    }
}

/// Adds what one path on the command line stands for.
pub(super) fn ask(path: &Path, asked: &mut Vec<Asked>) -> Result<(), Error> {
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
