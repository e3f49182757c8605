//! `weir test [PATTERN…]`: the tests in flow files. No tool is called, no process started, nothing written.

use super::check::{Reported, ask};
use crate::args::{TestArgs, TestFormat};
use crate::exit::{Error, Exit, Outcome};
use crate::project::{is_flow_file, project_above};
use crate::report::test::{Count, Tested};
use crate::report::{self, Findings};
use crate::{out, suggest};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use weir_compiler::test_plan::{TestPlan, TestSuite};
use weir_runtime::testing::{self, Setting, TestReport};

/// Bytes of stack for each thread that carries tests out.
const STACK: usize = 8 << 20;

/// Carries the tests out and reports.
pub fn run(args: &TestArgs) -> Outcome {
    let (places, names) = split(&args.patterns);
    let around = [project_above(Path::new(".")).unwrap_or_else(|| PathBuf::from("."))];
    let places = if places.is_empty() { &around[..] } else { &places[..] };
    let mut asked = Vec::new();
    for place in places {
        ask(place, &mut asked).map_err(|error| names.iter().find_map(|name| no_place(name)).unwrap_or(error))?;
    }
    let checked: Vec<Reported> = asked.into_iter().map(|one| one.check(false)).collect();
    let (broken, sound): (Vec<&Reported>, Vec<&Reported>) = checked.iter().partition(|one| one.checked.has_errors());
    let projects: Vec<Project<'_>> = sound.into_iter().filter_map(Project::of).collect();
    let picked = pick(&projects, &names);
    let unknown = names.iter().filter(|name| broken.is_empty() && pick(&projects, &[name]).is_empty());
    if let Some(error) = unknown.filter_map(|name| no_place(name)).next() {
        return Err(error);
    }
    if picked.is_empty() && broken.is_empty() && !names.is_empty() {
        return Err(none_called(&projects, &names));
    }
    let reports = carry_out(&projects, &picked, args.explore)?;
    let tested = tested(&projects, &picked, reports);
    let broken: Vec<Findings<'_>> = broken.into_iter().map(Reported::findings_of_all).collect();
    tell(args.format, &tested, &broken);
    let failed = !broken.is_empty() || Count::of(&tested).failed > 0;
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// What is a folder or a flow file says where to look; anything else is a part of names.
fn split(patterns: &[String]) -> (Vec<PathBuf>, Vec<&str>) {
    let is_place = |pattern: &&String| {
        let path = Path::new(pattern);
        is_flow_file(path) || path.is_dir() || path.file_name().is_some_and(|name| name == "weir.toml")
    };
    let (places, names): (Vec<&String>, Vec<&String>) = patterns.iter().partition(is_place);
    (places.into_iter().map(PathBuf::from).collect(), names.into_iter().map(String::as_str).collect())
}

/// What is wrong with a place; `None` where the text does not look like one.
fn no_place(text: &str) -> Option<Error> {
    let looks = text.contains(['/', std::path::MAIN_SEPARATOR]);
    looks.then(|| ask(Path::new(text), &mut Vec::new()).err()).flatten()
}

/// A project without errors.
struct Project<'a> {
    reported: &'a Reported,
    suite: TestSuite,
    setting: Setting,
}

impl<'a> Project<'a> {
    fn of(reported: &'a Reported) -> Option<Self> {
        let config = &reported.checked.config;
        let flags = config.flags.iter().map(|(name, on)| (name.clone(), *on)).collect();
        let setting = Setting { project: "test".into(), flags, kill_after: Vec::new() };
        Some(Project { suite: reported.checked.tests()?, reported, setting })
    }

    /// The tests in the files that were asked for.
    fn tests(&self) -> impl Iterator<Item = (usize, &TestPlan)> {
        let wanted = |test: &TestPlan| self.reported.wanted.get(test.loc.file.0 as usize).copied().unwrap_or(false);
        self.suite.tests.iter().enumerate().filter(move |(_, test)| wanted(test))
    }
}

/// The tests to carry out, by project and place. A name that is some test's whole name means only that one.
fn pick(projects: &[Project<'_>], names: &[&str]) -> Vec<(usize, usize)> {
    let all = || {
        let tests = projects.iter().enumerate();
        tests.flat_map(|(at, project)| project.tests().map(move |(place, test)| (at, place, test)))
    };
    let whole = |name: &str| all().any(|(_, _, test)| test.name == name);
    let exact: Vec<bool> = names.iter().map(|name| whole(name)).collect();
    let wanted = |test: &TestPlan| {
        let mut names = names.iter().zip(&exact);
        names.len() == 0
            || names.any(|(name, exact)| if *exact { test.name == *name } else { test.name.contains(name) })
    };
    all().filter(|(_, _, test)| wanted(test)).map(|(at, place, _)| (at, place)).collect()
}

fn none_called(projects: &[Project<'_>], names: &[&str]) -> Error {
    let known: Vec<&str> =
        projects.iter().flat_map(|project| project.tests().map(|(_, test)| test.name.as_str())).collect();
    let near = names.iter().find_map(|name| suggest::did_you_mean(name, known.iter().copied()));
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let among = match known.as_slice() {
        [] => "there are no tests here".to_owned(),
        known => format!("`weir test` without a name carries out all {}", known.len()),
    };
    Error::usage(format!("no test is called {}", quoted.join(" or "))).help(near.unwrap_or(among))
}

/// Carries the tests out side by side; the reports stand in the order of the tests.
fn carry_out(projects: &[Project<'_>], picked: &[(usize, usize)], explore: bool) -> Result<Vec<TestReport>, Error> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, place)) = picked.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
            let found = projects.get(at).and_then(|project| Some((project, project.suite.tests.get(place)?)));
            if let Some((project, test)) = found {
                done.push(((at, place), one(project, test, explore)));
            }
        }
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(picked.len().max(1));
    let mut done: Vec<((usize, usize), TestReport)> = std::thread::scope(|scope| {
        let start = || std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let workers: Result<Vec<_>, _> = (0..threads).map(|_| start()).collect();
        let workers = workers.map_err(|error| Error::failed(format!("no thread could be started: {error}")))?;
        let joined = workers.into_iter().map(|worker| worker.join());
        let lost = |_| Error::failed("a test could not be carried out to its end");
        Ok::<_, Error>(joined.collect::<Result<Vec<_>, _>>().map_err(lost)?.into_iter().flatten().collect())
    })?;
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, report)| report).collect())
}

fn one(project: &Project<'_>, test: &TestPlan, explore: bool) -> TestReport {
    let report = testing::run(&project.suite, test, &project.setting);
    let killed = (explore && report.passed()).then(|| explored(project, test, &report)).flatten();
    killed.unwrap_or(report)
}

/// The first report of a failure that comes up where the engine is killed behind one of the calls.
fn explored(project: &Project<'_>, test: &TestPlan, report: &TestReport) -> Option<TestReport> {
    report.calls.iter().enumerate().find_map(|(at, call)| {
        let setting = Setting { kill_after: vec![at], ..project.setting.clone() };
        let mut killed = testing::run(&project.suite, test, &setting);
        let place = format!("killed behind call {} (`{}` at `{}`) and resumed", at + 1, call.tool, call.step);
        let first = killed.failures.first_mut()?;
        first.message = format!("{place}: {}", first.message);
        Some(killed)
    })
}

/// The reports by project.
fn tested<'a>(projects: &[Project<'a>], picked: &[(usize, usize)], reports: Vec<TestReport>) -> Vec<Tested<'a>> {
    let mut tested: Vec<Tested<'a>> = projects
        .iter()
        .map(|project| Tested {
            findings: project.reported.findings(),
            reports: Vec::new(),
            files: project.reported.findings().files,
        })
        .collect();
    for ((project, _), report) in picked.iter().zip(reports) {
        if let Some(tested) = tested.get_mut(*project) {
            tested.reports.push(report);
        }
    }
    tested
}

fn tell(format: TestFormat, tested: &[Tested<'_>], broken: &[Findings<'_>]) {
    use report::test;
    match format {
        TestFormat::Human => {
            if !broken.is_empty() {
                out::note(&report::human(broken, out::stderr_colour()));
            }
            if broken.is_empty() || tested.iter().any(|one| !one.reports.is_empty()) {
                out::result(&test::human(tested, out::stdout_colour()));
            }
        }
        TestFormat::Short => out::result(&format!("{}{}", report::short(broken), test::short(tested))),
        TestFormat::Json => out::result_line(&test::json(tested, broken)),
        TestFormat::Junit => out::result(&test::junit(tested, broken)),
        TestFormat::Github => out::result(&format!("{}{}", report::github(broken), test::github(tested))),
    }
}
