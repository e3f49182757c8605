//! Runs one program in its world, and judges what happened.

use super::generate::{self, Program};
use super::play::{MAIN, Played, play};
use super::reference::{Reference, Stop};
use super::value::V;
use super::world::{Answer, Moods, Seen, World};
use ecow::EcoString;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;
use weir_compiler::Checked;
use weir_compiler::bounds::{Atom, Part, Root, Sum};
use weir_compiler::project::{ProjectSource, SourceFile};
use weir_lang::ast::*;
use weir_lang::span::FileId;

#[derive(Debug)]
pub enum Verdict {
    /// By these rules.
    Refused(Vec<&'static str>),
    Sound {
        /// Why it was not compared with the reference, if it was not.
        apart: Option<&'static str>,
        bounds: u64,
    },
    Wrong(String),
}

pub fn check(text: &str) -> Checked {
    let file = SourceFile { path: "main.flow".into(), module: "".into(), text: text.into() };
    weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() })
}

pub fn judge(seed: u64) -> Verdict {
    run(&generate::program(seed), seed)
}

/// The program without the lines that the same complaint does not need.
pub fn shrunk(seed: u64) -> String {
    let mut best = generate::program(seed);
    let kind = |verdict: &Verdict| match verdict {
        Verdict::Wrong(what) => Some(what.split([':', '\n']).next().unwrap_or_default().to_owned()),
        _ => None,
    };
    let wanted = kind(&run(&best, seed));
    let mut at = 0;
    while at < best.text.lines().count() {
        let without = |count: usize| -> String {
            let lines = best.text.lines().enumerate().filter(|(line, _)| !(at..at + count).contains(line));
            lines.map(|(_, line)| format!("{line}\n")).collect()
        };
        let smaller = [4, 3, 2, 1].into_iter().map(without).find(|text| {
            let program = Program { text: text.clone(), parallel: best.parallel };
            kind(&run(&program, seed)) == wanted
        });
        match smaller {
            Some(text) => best.text = text,
            None => at += 1,
        }
    }
    best.text
}

pub fn run(program: &Program, seed: u64) -> Verdict {
    let checked = check(&program.text);
    if checked.has_errors() {
        let errors = checked.diagnostics.iter().filter(|one| one.severity.word() == "error");
        return Verdict::Refused(errors.map(|one| one.rule.name()).collect());
    }
    let Some(plan) = checked.plan("main") else { return Verdict::Refused(vec!["no main"]) };
    let moods = Moods {
        seed,
        failing: [0, 0, 15, 40][usize::try_from(seed % 4).unwrap()],
        lying: if seed % 8 == 7 { 10 } else { 0 },
    };
    let args = json!({"who": "ann", "n": 2, "names": ["ann", "bob", "x"], "pairs": [{"a": "ann", "b": "bob"}, {"a": "x", "b": "y"}]});
    let module = weir_lang::parse(FileId(0), &program.text).module;
    let delivers = !seed.is_multiple_of(3);
    let mut reference = Reference::new(&module, &program.text, moods, delivers);
    let given: Vec<V> = ["who", "n", "names", "pairs"].iter().map(|name| V::of(&args[*name])).collect();
    let said = reference.main(&given);
    if let Err(Stop::Wrong(what)) = &said {
        return Verdict::Wrong(format!("reference: {what}"));
    }
    let entry_can = checked.flows["main"].can.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (played, seen) = runtime.block_on(async {
        let world = Arc::new(World { moods, seen: Mutex::default(), began: Instant::now() });
        let played = play(Arc::clone(&world), Arc::new(plan), &args, &entry_can, delivers).await;
        (played, std::mem::take(&mut *world.seen.lock().unwrap()))
    });
    let lied = seen.iter().any(|one| matches!(one.answer, Answer::Lie(_)));
    let happened = Happened { played, seen, lied };
    let most = budget(&module);
    let judged = happened
        .no_trouble()
        .and_then(|()| happened.no_unsafe_repeat(&checked))
        .and_then(|()| happened.within_can(&checked, &entry_can))
        .and_then(|()| happened.within_bounds(&checked, &args, most));
    let bounds = match judged {
        Ok(bounds) => bounds,
        Err(what) => return Verdict::Wrong(what),
    };
    // What comes back beside its type counts as done, and nobody knows how to undo it: not worth telling twice.
    let apart = match () {
        () if program.parallel => Some("parallel"),
        () if lied || reference.lied => Some("lies"),
        () if reference.torn => Some("time decides"),
        () if happened.code() == Some("budget") || most.is_some_and(|most| reference.attempts > most) => Some("budget"),
        () => None,
    };
    if apart.is_some() {
        return Verdict::Sound { apart, bounds };
    }
    match happened.same_as(&said, &reference) {
        Ok(()) => Verdict::Sound { apart, bounds },
        Err(what) => Verdict::Wrong(format!("differs: {what}")),
    }
}

/// How many calls `main` may make.
fn budget(module: &Module) -> Option<u64> {
    let flows = module.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Flow(flow) if flow.name.name == "main" => Some(&flow.clauses),
        _ => None,
    });
    flows.flatten().find_map(|clause| match &clause.kind {
        FlowClauseKind::Budget(parts) => parts.iter().find_map(|part| match part {
            BudgetPart::Calls(Expr { kind: ExprKind::Lit(Lit::Int(most)), .. }) => u64::try_from(*most).ok(),
            _ => None,
        }),
        _ => None,
    })
}

struct Happened {
    played: Played,
    seen: Vec<Seen>,
    lied: bool,
}

fn is_undo(step: &str) -> bool {
    step.ends_with("/undo")
}

impl Happened {
    fn code(&self) -> Option<&str> {
        self.played.envelope.as_ref()?.metadata.error.as_ref().map(|error| error.code.as_str())
    }

    fn no_trouble(&self) -> Result<(), String> {
        let Some(envelope) = &self.played.envelope else { return Err("hangs: it does not end or is refused".into()) };
        let trouble = match self.code() {
            Some("invalid_input" | "failed") => true,
            Some("bad_response") => !self.lied,
            _ => false,
        };
        if trouble { Err(format!("type trouble: {:?}", envelope.metadata.error)) } else { Ok(()) }
    }

    /// A call that may have happened and is not repeatable is not made again at its step.
    fn no_unsafe_repeat(&self, checked: &Checked) -> Result<(), String> {
        let mut open: BTreeMap<(&str, &str), &Seen> = BTreeMap::new();
        for one in &self.seen {
            let tool = &checked.tools[one.tool.as_str()];
            let keyed = tool.accepts_key.is_some() && one.attempt > 1;
            let safe = tool.reads_only() || tool.idempotent || keyed;
            let maybe = matches!(one.answer, Answer::Ok(_) | Answer::Lie(_) | Answer::Hang | Answer::Fail(_, true));
            if one.attempt > 1 && !safe && open.contains_key(&(one.run.as_str(), one.step.as_str())) {
                return Err(format!("unsafe repeat: {one:?}"));
            }
            if maybe {
                open.insert((&one.run, &one.step), one);
            }
        }
        Ok(())
    }

    fn within_can(&self, checked: &Checked, can: &[EcoString]) -> Result<(), String> {
        for one in &self.seen {
            let needs = &checked.tools[one.tool.as_str()].capabilities;
            if let Some(missing) = needs.iter().find(|need| !can.contains(need)) {
                return Err(format!("beyond `can`: {} needs {missing}", one.tool));
            }
        }
        Ok(())
    }

    fn within_bounds(&self, checked: &Checked, args: &Json, most: Option<u64>) -> Result<u64, String> {
        let bounds = checked.bounds();
        let Some(bound) = bounds.iter().find(|bound| bound.flow == "main") else { return Err("no bounds".into()) };
        // Attempts that a person asks for are not a program's own.
        if self.played.again {
            return Ok(0);
        }
        let seen: Vec<Seen> = self.seen.iter().filter(|one| one.run == MAIN).cloned().collect();
        let mut held = 0;
        let mut hold = |what: String, sum: &Sum, found: u128| -> Result<(), String> {
            let Some(most) = sum.at(&|atom| size(atom, args)) else { return Ok(()) };
            held += 1;
            if found > u128::from(most) {
                return Err(format!("beyond its bounds: {what} is {found}, at most {most} ({sum:?})"));
            }
            Ok(())
        };
        for (tool, calls, attempts) in counted(&seen, false) {
            let sums = bound.tools.iter().find(|one| one.tool == tool);
            let zero = Sum::default();
            hold(format!("calls of {tool}"), sums.map_or(&zero, |one| &one.calls), calls)?;
            hold(format!("attempts of {tool}"), sums.map_or(&zero, |one| &one.attempts), attempts)?;
        }
        for (tool, calls, _) in counted(&seen, true) {
            let sum = bound.undo.iter().find(|(name, _)| *name == tool).map(|(_, sum)| sum.clone()).unwrap_or_default();
            hold(format!("undos of {tool}"), &sum, calls)?;
        }
        let forward = seen.iter().filter(|one| !is_undo(&one.step));
        hold("attempts".into(), &bound.attempts, forward.clone().count() as u128)?;
        if most.is_some_and(|most| forward.clone().count() as u64 > most) {
            return Err(format!("beyond its budget of {most:?} calls"));
        }
        let cost = forward.map(|one| (checked.tools[one.tool.as_str()].cost * 1e9).round() as u128).sum();
        hold("cost".into(), &bound.cost, cost)?;
        if !seen.iter().any(|one| is_undo(&one.step)) {
            hold("time".into(), &bound.time, self.played.took)?;
        }
        Ok(held)
    }

    fn same_as(&self, said: &Result<V, Stop>, reference: &Reference<'_>) -> Result<(), String> {
        let writes = &reference.writes;
        let envelope = self.played.envelope.as_ref().ok_or("no envelope")?;
        let reads = |one: &&Seen| !one.tool.starts_with("src.");
        let found: Vec<(String, Json)> =
            self.seen.iter().filter(reads).map(|one| (one.tool.clone(), one.args.clone())).collect();
        let status = format!("{:?}", envelope.metadata.status);
        if found != *writes {
            return Err(format!(
                "the engine writes {found:#?}\nthe reference {writes:#?}\n{status} {:?} {said:?}",
                self.code()
            ));
        }
        let same = match said {
            Ok(value) => {
                let records: Vec<Json> = envelope
                    .records
                    .iter()
                    .map(|record| serde_json::from_str(&record.value.to_json()).unwrap())
                    .collect();
                let wanted = match value.json() {
                    Json::Array(items) => items,
                    Json::Null => Vec::new(),
                    other => vec![other],
                };
                status == "Succeeded" && records == wanted
            }
            Err(Stop::Fail(code)) => std::iter::once(code).chain(&reference.beside).any(|code| match code.as_str() {
                "blocked" => status == "Blocked",
                code => status == "Failed" && self.code() == Some(code),
            }),
            Err(Stop::Left) => status == "CompensationFailed",
            Err(Stop::Attention) => status == "NeedsAttention",
            Err(_) => false,
        };
        if same {
            Ok(())
        } else {
            Err(format!(
                "the engine ends {status} {:?} with {:?}\nthe reference {said:?}",
                self.code(),
                envelope.records
            ))
        }
    }
}

/// Calls and attempts by tool.
fn counted(seen: &[Seen], undos: bool) -> Vec<(String, u128, u128)> {
    let mut out: BTreeMap<&str, (u128, u128)> = BTreeMap::new();
    for one in seen.iter().filter(|one| is_undo(&one.step) == undos) {
        let slot = out.entry(&one.tool).or_default();
        slot.0 += u128::from(one.attempt == 1);
        slot.1 += 1;
    }
    out.into_iter().map(|(tool, (calls, attempts))| (tool.to_owned(), calls, attempts)).collect()
}

/// How large the sizes were in this run: arguments as they are, lists of tools no longer than tools make them.
fn size(atom: &Atom, args: &Json) -> Option<u64> {
    let (source, whole) = match atom {
        Atom::Length(source) => (source, false),
        Atom::Whole(source) => (source, true),
        _ => return None,
    };
    match &source.root {
        Root::Param(_, name) => {
            let mut found = vec![&args[name.as_str()]];
            for part in &source.parts {
                found = found
                    .into_iter()
                    .flat_map(|one| match part {
                        Part::Field(name) => vec![&one[name.as_str()]],
                        Part::Each => one.as_array().map(|items| items.iter().collect()).unwrap_or_default(),
                    })
                    .collect();
            }
            let each = found.into_iter().map(|one| match whole {
                true => one.as_u64().unwrap_or(0),
                false => one.as_array().map_or(0, Vec::len) as u64,
            });
            Some(each.max().unwrap_or(0))
        }
        Root::Other(name) if name.starts_with("src.") && !whole => Some(3),
        Root::Other(_) => None,
    }
}
