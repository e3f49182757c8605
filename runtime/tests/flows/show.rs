//! Envelopes, notes and diagnostics in few words.

use weir_lang::diagnostic::Diagnostic;
use weir_runtime::envelope::Envelope;
use weir_runtime::machine::NoteKind;
use weir_runtime::observe::Observed;

pub fn diagnostic(diagnostic: &Diagnostic) -> String {
    let help = diagnostic.help.as_ref().map(|help| format!("\n  help: {help}")).unwrap_or_default();
    format!("{} at {}: {}{help}\n", diagnostic.rule.name(), diagnostic.loc().span.start, diagnostic.message)
}

/// Decisions; what calls show is left out.
pub fn note(one: &Observed, run_id: &str) -> Option<String> {
    let name = serde_json::to_value(one.event).unwrap();
    let name = name.as_str().unwrap().to_owned();
    let silent = matches!(
        one.event,
        NoteKind::StepStarted | NoteKind::StepSucceeded | NoteKind::StepFailed | NoteKind::AttemptFailed
    );
    let other = one.run_id != run_id;
    if silent || (name.starts_with("run.") && !other && one.event != NoteKind::RunCompensating) {
        return None;
    }
    let reason = one.reason.as_ref().map(|reason| format!(": {}", normal(reason))).unwrap_or_default();
    let step = if one.step.is_empty() { &one.flow } else { &one.step };
    Some(format!("· {name} {step}{reason}"))
}

/// Times and ids of the real world taken out.
fn normal(text: &str) -> String {
    match text.find(" since ") {
        Some(at) => {
            let end = text[at + 7..].find(' ').map_or(text.len(), |end| at + 7 + end);
            format!("{} since …{}", &text[..at], &text[end..])
        }
        None => text.to_owned(),
    }
}

/// The envelope, line by line; what says nothing is left out.
pub fn envelope(envelope: &Envelope) -> String {
    let metadata = &envelope.metadata;
    let mut out = format!("{} ({})", metadata.status.word(), envelope.exit_code());
    if metadata.partial {
        out += " partial";
    }
    if metadata.blocked {
        out += " blocked";
    }
    out += &format!(", {} steps, {} attempts\n", metadata.steps, metadata.attempts);
    if let Some(reason) = &metadata.reason {
        out += &format!("  reason: {}\n", normal(reason));
    }
    if let Some(error) = &metadata.error {
        out += &format!("  error: {} at `{}`: {}\n", error.code, error.step, normal(&error.message));
    }
    for effect in &metadata.side_effects {
        let undone = if effect.undone { " undone" } else { "" };
        out += &format!("  did: {} {} {}{undone}\n", effect.step, effect.tool, effect.id.to_json());
    }
    for entry in &metadata.report {
        let kind = serde_json::to_value(entry.kind).unwrap();
        let kind = kind.as_str().unwrap();
        out += &format!("  {kind} at {}: {} {}\n", entry.step, entry.record.to_json(), entry.reason);
    }
    for wait in &metadata.waiting {
        out += &format!("  waits: {}\n", normal(&serde_json::to_string(wait).unwrap()));
    }
    for left in &metadata.not_undone {
        out += &format!("  left: {left}\n");
    }
    for record in &envelope.records {
        let from: Vec<String> =
            record.provenance.iter().map(|origin| format!("{} {}", origin.step, origin.tool)).collect();
        let from = if from.is_empty() { String::new() } else { format!(" ← {}", from.join(", ")) };
        out += &format!("  = {}{from}\n", record.value.mask().to_json());
    }
    out
}
