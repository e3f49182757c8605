//! What a run came to, for a person: how it ended, what it changed, what was left out and why, and how to go on.

use crate::escape;
use crate::exit::{Error, Exit};
use crate::moves;
use crate::out::{Style, styled};
use crate::report::counted;
use weir_runtime::envelope::{Envelope, ReportEntry, SideEffect, Waiting};
use weir_runtime::machine::Status;

/// Entries of a list that are shown; the envelope has all of them.
const FEW: usize = 5;

/// What the envelope does not say.
#[derive(Debug, Default)]
pub struct Around {
    /// Why the run broke off here.
    pub broke: Option<Error>,
    /// Another process has the run; what that means for what was asked.
    pub elsewhere: Option<&'static str>,
    /// Steps whose delivery the gate held back.
    pub gated: Vec<String>,
    /// The run's half of the gate.
    pub flag_allows: bool,
    /// The project's half of the gate.
    pub project_allows: bool,
    /// Nothing is left to go on with.
    pub ephemeral: bool,
    /// Ctrl-C.
    pub interrupted: bool,
    /// What to write to be asked on a terminal.
    pub flow: String,
}

/// Lines for stderr.
pub fn summary(envelope: &Envelope, around: &Around) -> String {
    let mut lines = vec![headline(envelope)];
    why(envelope, &mut lines);
    side_effects(&envelope.metadata.side_effects, &mut lines);
    report(&envelope.metadata.report, &mut lines);
    also_cancelled(envelope, &mut lines);
    not_sent(around, &mut lines);
    waiting(envelope, around, &mut lines);
    left(envelope, &mut lines);
    if let Some(done) = around.elsewhere {
        let id = &envelope.metadata.run_id;
        lines.push(format!("  another process carries run {id} on: {done}; `weir runs watch {id}` follows it"));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// How the process ends.
pub fn exit(envelope: &Envelope, around: &Around) -> Exit {
    match envelope.metadata.status {
        _ if around.broke.is_some() => Exit::Failed,
        Status::CompensationFailed => Exit::Failed,
        _ if around.interrupted => Exit::Cancelled,
        Status::Failed => Exit::Failed,
        Status::Succeeded => Exit::Done,
        Status::Blocked => Exit::Blocked,
        Status::Compensated => Exit::Compensated,
        Status::Cancelled => Exit::Cancelled,
        _ => Exit::Waiting,
    }
}

fn headline(envelope: &Envelope) -> String {
    let metadata = &envelope.metadata;
    let (sign, style) = match metadata.status {
        Status::Succeeded => ("✓", Style::Green),
        Status::Failed | Status::CompensationFailed => ("✗", Style::Red),
        _ => ("•", Style::Yellow),
    };
    let partial = if metadata.partial { ", partial" } else { "" };
    let sign = styled(style, sign);
    let status = styled(style, &format!("{}{partial}", metadata.status.word().replace('_', " ")));
    let counts = [
        counted(envelope.records.len(), "record"),
        counted(usize::try_from(metadata.steps).unwrap_or(usize::MAX), "step"),
        counted(usize::try_from(metadata.attempts).unwrap_or(usize::MAX), "call"),
    ];
    let took = took(envelope).map(|took| format!(" in {took}")).unwrap_or_default();
    format!("{sign} {} {status}{took}: {}", styled(Style::Bold, &metadata.flow), counts.join(", "))
}

fn took(envelope: &Envelope) -> Option<String> {
    let started: jiff::Timestamp = envelope.metadata.started_at.as_ref()?.parse().ok()?;
    let finished: jiff::Timestamp = envelope.metadata.finished_at.as_ref()?.parse().ok()?;
    let millis = finished.duration_since(started).as_millis();
    Some(if millis < 1000 { format!("{millis} ms") } else { format!("{}.{} s", millis / 1000, millis % 1000 / 100) })
}

fn why(envelope: &Envelope, lines: &mut Vec<String>) {
    let metadata = &envelope.metadata;
    if let Some(reason) = &metadata.reason {
        lines.push(format!("  why: {}", escape::line(reason)));
    }
    if let Some(error) = &metadata.error {
        let place = if error.step.is_empty() { String::new() } else { format!(" (in {})", escape::line(&error.step)) };
        let message = escape::lines(&error.message).replace('\n', "\n       ");
        lines.push(format!("  why: {}: {message}{place}", error.code));
    }
}

fn side_effects(effects: &[SideEffect], lines: &mut Vec<String>) {
    if effects.is_empty() {
        return;
    }
    let mut tools: Vec<(&str, usize)> = Vec::new();
    for effect in effects {
        match tools.iter_mut().find(|(tool, _)| *tool == effect.tool) {
            Some((_, count)) => *count += 1,
            None => tools.push((&effect.tool, 1)),
        }
    }
    let named: Vec<String> = tools.iter().map(|(tool, count)| format!("{count} × {}", escape::line(tool))).collect();
    let undone = effects.iter().filter(|effect| effect.undone).count();
    let taken_back = match undone {
        0 => String::new(),
        all if all == effects.len() => "; all undone".to_owned(),
        some => format!("; {some} undone"),
    };
    lines.push(format!("  changed: {}{taken_back}", named.join(", ")));
}

fn report(report: &[ReportEntry], lines: &mut Vec<String>) {
    for entry in report.iter().take(FEW) {
        let kind = serde_json::to_value(entry.kind).ok();
        let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or("reported");
        let record = styled(Style::Dim, &escape::short(&entry.record.to_json(), 60));
        lines.push(format!(
            "  {kind} in {}: {} {record}",
            escape::line(&entry.step),
            escape::short(&entry.reason, 100)
        ));
    }
    if report.len() > FEW {
        lines.push(format!("  … and {} more in the envelope's report", report.len() - FEW));
    }
}

fn also_cancelled(envelope: &Envelope, lines: &mut Vec<String>) {
    let runs = envelope.metadata.also_cancelled.len();
    if runs > 0 {
        lines.push(format!("  also cancelled: {} that it had started", counted(runs, "run")));
    }
}

fn not_sent(around: &Around, lines: &mut Vec<String>) {
    if around.gated.is_empty() {
        return;
    }
    let steps: Vec<String> = around.gated.iter().take(FEW).map(|step| escape::line(step).into_owned()).collect();
    let more = if around.gated.len() > FEW { ", …" } else { "" };
    let missing = match (around.flag_allows, around.project_allows) {
        (false, true) => "add `--allow-delivery` to this command",
        (true, false) => "the project does not allow it: set `allow_delivery = true` under `[project]` in weir.toml",
        _ => "set `allow_delivery = true` under `[project]` in weir.toml, and add `--allow-delivery` to this command",
    };
    lines.push(styled(Style::Yellow, &format!("  not sent: {}{more}; to send, {missing}", steps.join(", "))));
}

fn waiting(envelope: &Envelope, around: &Around, lines: &mut Vec<String>) {
    let metadata = &envelope.metadata;
    let id = &metadata.run_id;
    for wait in metadata.waiting.iter().take(FEW) {
        lines.push(match wait.kind {
            "unknown" | "escalated" | "queue" if !around.ephemeral => format!("  {}", moves::one(id, wait)),
            _ => format!("  waiting in {}: {}", escape::line(&wait.step), waits_for(wait)),
        });
    }
    if metadata.waiting.len() > FEW {
        lines.push(format!("  … and {} more in the envelope", metadata.waiting.len() - FEW));
    }
    if metadata.waiting.iter().any(|wait| wait.kind == "ask") {
        let flow = moves::shell(&around.flow);
        lines.push(match around.ephemeral {
            true => format!("  to be asked, run `weir run {flow}` on a terminal"),
            false => format!("  `weir runs answer {id} ANSWER` answers it; on a terminal `weir runs resume {id}` asks"),
        });
    }
    if matches!(metadata.status, Status::Queued | Status::Waiting | Status::Paused | Status::NeedsAttention) {
        let kept = if around.ephemeral { "was kept in memory only and is gone" } else { "is kept in .weir/weir.db" };
        lines.push(format!("  run {} {kept}", metadata.run_id));
        if !around.ephemeral {
            lines.push(format!("  `weir runs show {}` says what moves it", metadata.run_id));
        }
    }
}

fn waits_for(wait: &Waiting) -> String {
    let question = wait.question.as_deref().map(escape::line).unwrap_or_default();
    let from = wait.from.as_deref().map(escape::line).unwrap_or_default();
    let mut text = match wait.kind {
        "ask" if from.is_empty() => format!("an answer to “{question}”"),
        "ask" => format!("an answer from {from} to “{question}”"),
        "receive" if from.is_empty() => format!("the event `{question}`"),
        "receive" => format!("the event `{question}` with key `{from}`"),
        "unknown" | "escalated" => format!("a person who says what becomes of it ({question})"),
        "queue" => format!("its turn ({question})"),
        _ => "the time".to_owned(),
    };
    if let Some(until) = &wait.until {
        text.push_str(&format!(" until {until}"));
    }
    text
}

fn left(envelope: &Envelope, lines: &mut Vec<String>) {
    let metadata = &envelope.metadata;
    if metadata.not_undone.is_empty() {
        return;
    }
    lines.push(styled(Style::Red, "  could not be taken back, and is left for you to look at:"));
    lines.extend(metadata.not_undone.iter().map(|left| format!("    {}", escape::line(left))));
}
