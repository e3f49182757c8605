//! One mistake gives one error, on the right line: single edits of the examples, made by rule and by hand, with the
//! share that is told well. `WEIR_SURVEY=1` with `--no-capture` prints every one that is not.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a test reads its files")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop where it is wrong")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;
use weir_compiler::project::ProjectSource;
use weir_lang::diagnostic::Severity;
use weir_lang::span::Lines;

/// One edit of one file.
struct Mistake {
    kind: &'static str,
    project: String,
    source: ProjectSource,
    file: usize,
    at: usize,
    removed: String,
    added: String,
    /// Lines on which it may be told, from 1.
    lines: Vec<u32>,
}

/// How many of each kind.
const EACH: usize = 9;

/// What is replaced, by what; the place is where the pattern matches (its group, where it has one).
const KINDS: [(&str, &str, &str); 20] = [
    ("field renamed", r"[a-z_\]\)]\.([a-z_]{4,})\b[^(.\w]", "swap"),
    ("name misspelt", r"[(=\[{] ?([a-z_]{4,})[.,)}\] ]", "swap"),
    ("tool misspelt", r"\b[a-z]+\.([a-z_]{4,})\(", "swap"),
    ("type misspelt", r": \[?([A-Z][a-z]{3,})\b", "swap"),
    ("argument misspelt", r"\(([a-z_]{4,}): ", "swap"),
    ("argument dropped", r"\([^()\n]*(, [a-z_]+: [a-z_.]+)\)", ""),
    ("role misspelt", r"(?m)^(coordinator|saga|delivery|transformer|validator|executor|router|enricher)\b", "swap"),
    ("step word misspelt", r"(?m)^ +(return|require|check|yield|wait) ", "swap"),
    ("clause misspelt", r" (undo|fallback|retry|catch|timeout|final|parallel)\b", "swap"),
    ("brace not closed", r"(?m)^ *(\})$", ""),
    ("brace not opened", r"(?m) (\{)$", ""),
    ("parenthesis not closed", r"[a-z\x22](\))$|[a-z\x22](\))\n", ""),
    ("parenthesis not opened", r"[a-z](\()[a-z]", ""),
    ("wrong bracket", r"[a-z\x22](\))\n", "]"),
    ("text not closed", r"[a-z}](\x22)[,)]", ""),
    ("equals sign missing", r"(?m)^ +[a-z_]+( =) [a-z]", ""),
    ("comma missing", r"[a-z\x22](, )[a-z_]+: ", " "),
    ("undo dropped", r"(?m)^ +(undo [^\n]+)$", ""),
    ("can dropped", r"( can [a-z.]+(?:, [a-z.]+)*) \{", ""),
    ("wrong type", r"[a-z]: (\x22[^\x22\n{]*\x22)[,)]", "[1]"),
];

fn swap(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let middle = letters.len() / 2;
    let other = (1..letters.len()).find(|at| letters[*at] != letters[middle]).unwrap_or(0);
    letters.swap(middle, other);
    letters.into_iter().collect()
}

/// Up to [`EACH`] mistakes of each kind, evenly over all examples.
fn made() -> Vec<Mistake> {
    let mut all = Vec::new();
    for (kind, pattern, with) in KINDS {
        let pattern = regex::Regex::new(pattern).unwrap();
        let mut places = Vec::new();
        for (project, source) in support::examples() {
            for (file, one) in source.files.iter().enumerate() {
                for found in pattern.captures_iter(&one.text) {
                    let group = found.iter().skip(1).flatten().next().unwrap();
                    let line = one.text[..group.start()].rsplit('\n').next().unwrap();
                    // Whoever changes a declaration changes what its callers see: that is told at the calls.
                    let declares = kind.starts_with("argument") && !line.starts_with(' ');
                    if !line.contains("//") && !line.starts_with("use ") && !declares {
                        places.push((project.clone(), source.clone(), file, group.range()));
                    }
                }
            }
        }
        let step = (places.len() / EACH).max(1);
        for (project, source, file, range) in places.into_iter().step_by(step).take(EACH) {
            let removed = source.files[file].text[range.clone()].to_string();
            let added = if with == "swap" { swap(&removed) } else { with.to_string() };
            all.push(mistake(kind, project, source, file, range.start, removed, added));
        }
    }
    all
}

fn mistake(
    kind: &'static str,
    project: String,
    mut source: ProjectSource,
    file: usize,
    at: usize,
    removed: String,
    added: String,
) -> Mistake {
    let text = &mut source.files[file].text;
    let mut lines = vec![line_of(text, at)];
    if kind.starts_with("brace not closed") {
        lines.push(line_of(text, opener(text, at)));
        // The next thing that cannot stand inside the open block.
        lines.extend(text[at..].find(|c: char| !c.is_whitespace() && c != '}').map(|next| line_of(text, at + next)));
    }
    if kind == "undo dropped" || kind == "can dropped" {
        // The call that lacks it, anywhere in the flow.
        let from = text[..at].rfind("\n\n").unwrap_or(0);
        let to = text[at..].find("\n}\n").map_or(text.len(), |end| at + end);
        lines.extend(line_of(text, from)..=line_of(text, to));
    }
    text.replace_range(at..at + removed.len(), &added);
    Mistake { kind, project, source, file, at, removed, added, lines }
}

fn line_of(text: &str, at: usize) -> u32 {
    Lines::new(text).position(text, u32::try_from(at).unwrap()).0
}

/// The bracket that the one at `at` closes.
fn opener(text: &str, at: usize) -> usize {
    let mut depth = 0;
    for (place, sign) in text[..at].char_indices().rev() {
        match sign {
            '}' => depth += 1,
            '{' if depth == 0 => return place,
            '{' => depth -= 1,
            _ => {}
        }
    }
    0
}

/// By hand: the mistakes of people who write their first flows.
fn by_hand() -> Vec<Mistake> {
    const TEXT: &str = include_str!("survey.flow");
    const EDITS: [(&str, &str, &str); 24] = [
        ("email: string", "email: strng", "type misspelt"),
        ("score: int in 0..100", "score: int in 100..0", "range swapped"),
        ("lead.score >= 80", "lead.score => 80", "operator"),
        ("lead.score >= 80", "lead.score = 80", "operator"),
        ("lead.score >= 80 and", "lead.score >= 80 &&", "operator"),
        ("not ends_with", "!ends_with", "operator"),
        ("ends_with(lead.email", "lead.email.endsWith(", "method"),
        ("lead.company ?? lead.name", "lead.company || lead.name", "operator"),
        ("return { id: account.id }", "return { id: account.id, }}", "bracket"),
        ("return { id: account.id }", "return { iid: account.id }", "field"),
        ("return { id: account.id }", "return account.idd", "field"),
        ("return { id: account.id }", "retrun { id: account.id }", "word"),
        ("crm.create_account(name: lead", "crm.create_account(nme: lead", "name of an argument"),
        ("crm.create_account(name: lead", "crm.create_account(name = lead", "sign"),
        ("undo crm.delete_account(id: account.id)", "undo crm.delete_account(id: acount.id)", "name"),
        ("key \"welcome-{account_id}\"", "key \"welcome-{acount_id}\"", "name"),
        ("key \"welcome-{account_id}\"\n", "", "key dropped"),
        ("can crm.write {", "can crm.wriet {", "verb"),
        ("for lead in best {", "for lead in best do", "habit"),
        ("for lead in best {", "for lead of best {", "habit"),
        ("yield provision(lead)", "yield provision(lead, 1)", "argument"),
        ("wait 2s", "wait 2 seconds", "duration"),
        ("timeout 5s", "timeout 5", "duration"),
        ("\"lead\" => 1", "\"laed\" => 1", "case"),
    ];
    let mut all = Vec::new();
    for (from, to, kind) in EDITS {
        let at = TEXT.find(from).unwrap_or_else(|| panic!("{from}"));
        let source = support::alone("survey.flow", TEXT);
        all.push(mistake(kind, "by hand".into(), source, 0, at, from.into(), to.into()));
    }
    all
}

/// How one mistake is told.
struct Told {
    errors: usize,
    right: bool,
    text: String,
}

fn told(mistake: &Mistake) -> Told {
    let checked = weir_compiler::check(mistake.source.clone());
    let errors: Vec<_> = checked.diagnostics.iter().filter(|one| one.severity == Severity::Error).collect();
    let right = errors.first().is_some_and(|first| {
        first.labels.iter().filter(|label| label.loc.file.0 as usize == mistake.file).any(|label| {
            let text = &checked.files[mistake.file].text;
            mistake.lines.contains(&Lines::new(text).position(text, label.loc.span.start).0)
        })
    });
    let mut text = String::new();
    for error in &errors {
        let place = &checked.files[error.loc().file.0 as usize];
        let line = Lines::new(&place.text).position(&place.text, error.loc().span.start).0;
        writeln!(text, "    {}:{line} {} {}", place.path, error.rule.name(), error.message).unwrap();
    }
    Told { errors: errors.len(), right, text }
}

#[test]
fn one_edit_is_one_error_on_its_line() {
    let loud = std::env::var("WEIR_SURVEY").is_ok();
    let mut table: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let (mut total, mut silent) = ([0; 3], 0);
    for mistake in made().into_iter().chain(by_hand()) {
        let told = told(&mistake);
        if told.errors == 0 {
            // An argument that may be left out, an undo that nobody needs: no mistake.
            silent += 1;
            continue;
        }
        let row = table.entry(if mistake.project == "by hand" { "by hand" } else { mistake.kind }).or_default();
        for (place, counts) in [true, told.right, told.errors == 1].into_iter().enumerate() {
            row[place] += usize::from(counts);
            total[place] += usize::from(counts);
        }
        if loud && (!told.right || told.errors != 1) {
            let line = mistake.lines[0];
            let (from, to) = (&mistake.removed, &mistake.added);
            println!(
                "{}: {} line {line} at {}: {from:?} -> {to:?}\n{}",
                mistake.kind, mistake.project, mistake.at, told.text
            );
        }
    }
    println!("{:24} {:>8} {:>11} {:>9}", "mistake", "made", "right line", "one error");
    for (kind, [made, right, one]) in &table {
        println!("{kind:24} {made:>8} {right:>11} {one:>9}");
    }
    let [made, right, one] = total;
    println!("{:24} {made:>8} {right:>11} {one:>9}   ({silent} more are no mistake)", "all");
    assert!(made >= 100, "only {made} mistakes");
    assert!(right * 100 >= made * 95, "{right} of {made} on the right line");
    assert!(one * 100 >= made * 90, "{one} of {made} with one error");
}
