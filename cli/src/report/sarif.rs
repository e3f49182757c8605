//! SARIF 2.1.0, for code scanning: each rule with its page, each result with its places and fix. Columns count
//! characters; paths are relative to the working directory (`SRCROOT`).

use super::Findings;
use serde_json::{Value, json};
use serde_sarif::sarif::{
    ArtifactChange, ArtifactContent, ArtifactLocation, Fix, Location, Message, MultiformatMessageString,
    PhysicalLocation, Region, Replacement, ReportingConfiguration, ReportingDescriptor, Result as Found, ResultLevel,
    Run, SCHEMA_URL, Sarif, Tool, ToolComponent,
};
use weir_lang::diagnostic::{self, Diagnostic, Severity};
use weir_lang::rules::Rule;
use weir_lang::span::Loc;

/// The folder that paths are relative to.
const ROOT: &str = "SRCROOT";

/// The log as one line.
pub fn sarif(findings: &[Findings<'_>]) -> String {
    let mut rules: Vec<Rule> =
        findings.iter().flat_map(|project| project.diagnostics.iter().map(|one| one.rule)).collect();
    rules.sort();
    rules.dedup();
    let results: Vec<Found> = findings
        .iter()
        .flat_map(|project| project.diagnostics.iter().map(|one| result(project, one, &rules)))
        .collect();
    let driver = ToolComponent::builder()
        .name("weir")
        .semantic_version(env!("CARGO_PKG_VERSION"))
        .rules(rules.iter().map(|rule| descriptor(*rule)).collect::<Vec<_>>())
        .build();
    let run = Run::builder()
        .tool(Tool::builder().driver(driver).build())
        .column_kind(json!("unicodeCodePoints"))
        .results(results)
        .build();
    let log = Sarif::builder().schema(SCHEMA_URL).version(json!("2.1.0")).runs(vec![run]).build();
    serde_json::to_string(&log).unwrap_or_default()
}

/// A rule, described by its page.
fn descriptor(rule: Rule) -> ReportingDescriptor {
    let page = rule.page();
    let gist = section(page, None);
    let why = section(page, Some("Why"));
    ReportingDescriptor::builder()
        .id(rule.name())
        .short_description(text(&gist))
        .full_description(text(if why.is_empty() { &gist } else { &why }))
        .help(MultiformatMessageString::builder().text(page).markdown(page).build())
        .default_configuration(ReportingConfiguration::builder().level(level(rule.severity())).build())
        .build()
}

fn text(text: &str) -> MultiformatMessageString {
    MultiformatMessageString::builder().text(text).build()
}

/// The text below a heading up to the next one, without line breaks; `None`: below the title.
fn section(page: &str, heading: Option<&str>) -> String {
    let wanted = |line: &str| match heading {
        Some(heading) => line.strip_prefix("## ") == Some(heading),
        None => line.starts_with("# "),
    };
    let below = page.lines().skip_while(|line| !wanted(line)).skip(1);
    let lines: Vec<&str> = below.take_while(|line| !line.starts_with('#')).filter(|line| !line.is_empty()).collect();
    lines.join(" ")
}

fn level(severity: Severity) -> Value {
    json!(severity.word())
}

fn result(project: &Findings<'_>, one: &Diagnostic, rules: &[Rule]) -> Found {
    let place = |loc: Loc, text: &str| {
        let here = Location::builder().physical_location(physical(project, loc)).build();
        Location { message: (!text.is_empty()).then(|| message(text)), ..here }
    };
    let said = match &one.help {
        Some(help) => format!("{}\n{help}", one.message),
        None => one.message.clone(),
    };
    let related: Vec<Location> = one.labels.iter().skip(1).map(|label| place(label.loc, &label.text)).collect();
    let found = Found::builder()
        .rule_id(one.rule.name())
        .rule_index(index(rules, one.rule))
        .level(match one.severity {
            Severity::Error => ResultLevel::Error,
            Severity::Warning => ResultLevel::Warning,
        })
        .message(message(&said))
        .locations(vec![place(one.loc(), one.labels.first().map_or("", |label| &label.text))])
        .build();
    Found {
        related_locations: (!related.is_empty()).then_some(related),
        fixes: one.fix.as_ref().map(|fix| vec![changes(project, fix)]),
        ..found
    }
}

fn index(rules: &[Rule], rule: Rule) -> i64 {
    rules.iter().position(|one| *one == rule).and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

fn message(text: &str) -> Message {
    Message::builder().text(text).build()
}

fn physical(project: &Findings<'_>, loc: Loc) -> PhysicalLocation {
    PhysicalLocation::builder().artifact_location(artifact(project, loc)).region(region(project, loc)).build()
}

fn region(project: &Findings<'_>, loc: Loc) -> Region {
    let place = project.place(loc);
    Region::builder()
        .start_line(i64::from(place.line))
        .start_column(i64::from(place.column))
        .end_line(i64::from(place.end_line))
        .end_column(i64::from(place.end_column))
        .build()
}

fn artifact(project: &Findings<'_>, loc: Loc) -> ArtifactLocation {
    let path = project.path(loc.file);
    let place = ArtifactLocation::builder();
    match path.starts_with('/') {
        true => place.uri(format!("file://{}", encoded(path))).build(),
        false => place.uri(encoded(path)).uri_base_id(ROOT).build(),
    }
}

/// A path as a part of a URI.
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// A fix, its edits by file.
fn changes(project: &Findings<'_>, fix: &diagnostic::Fix) -> Fix {
    let mut changes: Vec<(u32, ArtifactChange)> = Vec::new();
    for (loc, text) in &fix.edits {
        let content = ArtifactContent::builder().text(text.as_str()).build();
        let replacement =
            Replacement::builder().deleted_region(region(project, *loc)).inserted_content(content).build();
        match changes.iter_mut().find(|(file, _)| *file == loc.file.0) {
            Some((_, change)) => change.replacements.push(replacement),
            None => {
                let change = ArtifactChange::builder()
                    .artifact_location(artifact(project, *loc))
                    .replacements(vec![replacement])
                    .build();
                changes.push((loc.file.0, change));
            }
        }
    }
    Fix::builder()
        .description(message(&fix.title))
        .artifact_changes(changes.into_iter().map(|(_, change)| change).collect::<Vec<_>>())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_fall_into_gist_and_reason() {
        let page = "# a-rule\n\nOne thing.\nStill.\n\n## Why\n\nBecause.\n\n## Wrong\n\n```flow\n# x\n```\n";
        assert_eq!((section(page, None), section(page, Some("Why"))), ("One thing. Still.".into(), "Because.".into()));
    }

    #[test]
    fn paths_are_parts_of_uris() {
        assert_eq!(encoded("flows/blå bær#1.flow"), "flows/bl%C3%A5%20b%C3%A6r%231.flow");
    }
}
