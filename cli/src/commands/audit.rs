//! `weir audit`: the records of every call and decision, and whether their chain is whole.

use crate::args::{AuditArgs, AuditCommand, AuditListArgs, AuditVerifyArgs, Format};
use crate::escape;
use crate::exit::{Error, Exit, Outcome};
use crate::out::{self, Style, styled};
use crate::project::{missing, project_above};
use crate::suggest::did_you_mean;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::path::Path;
use weir_runtime::audit::{Chain, Head, Link, What};
use weir_runtime::journal::{Filter, Journal, SqliteJournal};
use weir_stdlib::hex;

/// Records read at once.
const PAGE: usize = 4_096;

/// Runs one of the commands.
pub fn run(args: &AuditArgs) -> Outcome {
    let journal = open(args.project.as_deref().unwrap_or(Path::new(".")))?;
    match &args.command {
        AuditCommand::List(list) => self::list(&journal, list, args.format),
        AuditCommand::Verify(verify) => self::verify(&journal, verify, args.format),
    }
}

fn open(folder: &Path) -> Result<SqliteJournal, Error> {
    if !folder.is_dir() {
        return Err(missing(folder));
    }
    let root = project_above(folder).unwrap_or_else(|| folder.to_owned());
    let file = root.join(".weir").join("weir.db");
    if !file.exists() {
        let message = format!("nothing has run in `{}` yet", root.display());
        return Err(Error::usage(message).help("`--project FOLDER` names a project"));
    }
    SqliteJournal::open(file).map_err(|error| Error::failed(error.to_string()))
}

/// Goes through all records; gives the end that is kept apart.
fn each(journal: &SqliteJournal, mut see: impl FnMut(Link)) -> Result<Head, Error> {
    let mut after = 0;
    loop {
        let page = journal.audited(after, PAGE).map_err(|error| Error::failed(error.to_string()))?;
        let last = page.links.len() < PAGE;
        after = page.links.last().map_or(after, |link| link.number);
        page.links.into_iter().for_each(&mut see);
        if last {
            return Ok(page.head);
        }
    }
}

fn verify(journal: &SqliteJournal, args: &AuditVerifyArgs, format: Format) -> Outcome {
    let noted = args.noted.as_deref().map(noted).transpose()?;
    let mut chain = Chain::noted(noted);
    let head = each(journal, |link| chain.follow(&link))?;
    let mut found = chain.end(head);
    if found.records == 0 && head.number == 0 && has_runs(journal)? {
        found.missing("no record is here, and there are runs: each of them left some".to_owned());
    }
    let end = format!("{}:{}", found.head.number, hex(&found.head.hash));
    let whole = found.breaks.is_empty();
    match format {
        Format::Json => {
            let told = json!({ "records": found.records, "whole": whole, "head": end, "breaks": found.breaks });
            out::result_line(&told.to_string());
        }
        Format::Human if whole => {
            out::result_line(&format!("{} records, each follows the one before", found.records));
            out::result_line(&format!("the last one is {end}"));
        }
        Format::Human => {
            out::result_line(&format!("{} records; the chain is broken:", found.records));
            found.breaks.iter().for_each(|one| out::result_line(&format!("  {}", one.message)));
        }
    }
    Ok(if whole { Exit::Done } else { Exit::Failed })
}

fn has_runs(journal: &SqliteJournal) -> Result<bool, Error> {
    let runs = journal.list(&Filter { limit: 1, ..Filter::default() });
    runs.map(|runs| !runs.is_empty()).map_err(|error| Error::failed(error.to_string()))
}

/// `12:ab…`
fn noted(text: &str) -> Result<Head, Error> {
    let read = || {
        let (number, digits) = text.split_once(':')?;
        let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
        let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
        Some(Head { number: number.parse().ok()?, hash: bytes?.try_into().ok()? })
    };
    let help = "`weir audit verify` prints it: a number from 1, a colon and 64 hexadecimal digits";
    read()
        .filter(|head| head.number > 0)
        .ok_or_else(|| Error::usage(format!("`{text}` is no end of an audit")).help(help))
}

fn list(journal: &SqliteJournal, args: &AuditListArgs, format: Format) -> Outcome {
    for kind in &args.what {
        if !What::NAMES.iter().any(|name| is_kind(name, kind)) {
            let all = format!("the kinds are {}", What::NAMES.join(", "));
            let help = did_you_mean(kind, What::NAMES).map_or_else(|| all.clone(), |guess| format!("{guess} {all}"));
            return Err(Error::usage(format!("no record is a `{kind}`")).help(help));
        }
    }
    let most = if args.limit == 0 { usize::MAX } else { args.limit };
    let mut last = VecDeque::new();
    each(journal, |link| {
        let record: Value = serde_json::from_str(&link.text).unwrap_or_else(|_| json!({ "unreadable": link.text }));
        if wanted(&record, args) {
            last.push_back((link, record));
            if last.len() > most {
                last.pop_front();
            }
        }
    })?;
    if last.is_empty() && format == Format::Human {
        out::note_line("no such record");
    }
    for (link, record) in &last {
        out::result_line(&shown(link, record, format));
    }
    Ok(Exit::Done)
}

fn is_kind(name: &str, wanted: &str) -> bool {
    name == wanted || name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

fn wanted(record: &Value, args: &AuditListArgs) -> bool {
    args.run.as_ref().is_none_or(|run| field(record, "run_id").starts_with(run.as_str()))
        && args.tool.as_ref().is_none_or(|tool| is_kind(field(record, "tool"), tool))
        && (args.what.is_empty() || args.what.iter().any(|what| is_kind(field(record, "what"), what)))
}

fn field<'a>(record: &'a Value, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A record as one line.
fn shown(link: &Link, record: &Value, format: Format) -> String {
    if format == Format::Json {
        let mut object = json!({ "number": link.number, "sha256": hex(&link.hash) });
        if let (Some(object), Some(record)) = (object.as_object_mut(), record.as_object()) {
            object.extend(record.clone());
        }
        return escape::json(&object.to_string()).to_string();
    }
    let place = [field(record, "tool"), field(record, "flow")].into_iter().find(|place| !place.is_empty());
    let attempt = record.get("attempt").and_then(Value::as_u64).filter(|attempt| *attempt > 1);
    let mut line = format!(
        "{:>6} {} {:<17} {} {}",
        link.number,
        styled(Style::Dim, super::runs::seconds(field(record, "at"))),
        field(record, "what"),
        escape::line(field(record, "run_id")),
        escape::line(place.unwrap_or_default()),
    );
    let mut add = |before: &str, text: &str| {
        if !text.is_empty() {
            line.push_str(&format!("{before}{}", escape::line(text)));
        }
    };
    add(" at ", field(record, "step"));
    add("", &attempt.map_or_else(String::new, |attempt| format!(" (attempt {attempt})")));
    add(" on ", field(record, "instance"));
    add(" by ", field(record, "by"));
    add(" ", &record.get("value").map(ToString::to_string).unwrap_or_default());
    let told = [field(record, "code"), field(record, "reason")];
    add(": ", &told.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": "));
    line
}
