//! `weir runs show|events`: how a run is, its steps, why it waits and what would move it.

use super::list::seconds;
use super::{Here, history};
use crate::args::Format;
use crate::escape;
use crate::exit::{Exit, Outcome};
use crate::moves::moves;
use crate::out::{self, Style, styled};
use crate::report::counted;
use serde_json::{Value, json};
use weir_runtime::engine::History;
use weir_runtime::envelope::BudgetLeft;
use weir_runtime::observe::Observed;
use weir_runtime::progress::Progress;
use weir_runtime::timeline::{StepLine, steps};

/// Shows one run.
pub fn show(here: &Here, given: &str) -> Outcome {
    let history = history(here, given)?;
    let steps = steps(&history);
    let moves = moves(&*here.journal, &history);
    match here.format {
        Format::Json => {
            let envelope: Value = serde_json::from_str(&history.envelope.to_json()).unwrap_or_default();
            let all = json!({ "run": history.record, "metadata": envelope.get("metadata"),
                "records": envelope.get("records"),
                "steps": steps, "progress": Progress::of(&history), "moves": moves });
            out::result_line(&all.to_string());
        }
        Format::Human => out::result(&page(&history, &steps, &moves)),
    }
    Ok(Exit::Done)
}

/// Every decision of one run.
pub fn events(here: &Here, given: &str) -> Outcome {
    for event in &history(here, given)?.events {
        out::result_line(&line(here.format, event));
    }
    Ok(Exit::Done)
}

/// One decision.
pub fn line(format: Format, event: &Observed) -> String {
    if format == Format::Json {
        return escape::json(&event.to_json()).to_string();
    }
    let name = serde_json::to_value(event.event).ok();
    let name = name.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    let place = if event.step.is_empty() { &event.flow } else { &event.step };
    let attempt = event.attempt.filter(|attempt| *attempt > 1).map(|attempt| format!(" (attempt {attempt})"));
    let reason = event.reason.as_deref().map(|reason| format!(": {}", escape::line(reason)));
    let at = event.at.to_string();
    let at = styled(Style::Dim, seconds(&at));
    format!("{at} {name} {}{}{}", escape::line(place), attempt.unwrap_or_default(), reason.unwrap_or_default())
}

fn page(history: &History, steps: &[StepLine], moves: &[String]) -> String {
    let record = &history.record;
    let status = history.envelope.metadata.status.word();
    let mut lines = vec![
        format!("{} {}", styled(Style::Bold, &escape::line(&record.flow)), styled(colour(status), status)),
        format!("  run      {}", record.run_id),
        format!("  started  {}", seconds(&record.started_at)),
    ];
    lines.extend(record.finished_at.as_deref().map(|at| format!("  ended    {}", seconds(at))));
    lines.extend(record.parent.as_deref().map(|parent| format!("  by run   {parent}")));
    lines.extend(history.envelope.metadata.depth.map(|depth| format!("  depth    {depth}")));
    lines.extend(history.envelope.metadata.budget_left.map(|left| format!("  budget   {}", budget_left(left))));
    // What waits for an operator says why itself.
    let ended = history.envelope.metadata.error.as_ref().filter(|_| history.envelope.metadata.waiting.is_empty());
    lines.extend(ended.map(|error| format!("  why      {}: {}", error.code, escape::line(&error.message))));
    lines.extend(history.envelope.metadata.reason.as_ref().map(|why| format!("  why      {}", escape::line(why))));
    if !history.envelope.metadata.status.is_final() {
        lines.push(format!("  so far   {}", so_far(&Progress::of(history))));
    }
    lines.push(String::new());
    steps.iter().for_each(|step| lines.extend(step_lines(step, history)));
    if !history.envelope.metadata.not_undone.is_empty() {
        lines.push(String::new());
        lines.push(styled(Style::Red, "  could not be taken back, and is left for you to look at:"));
        lines.extend(history.envelope.metadata.not_undone.iter().map(|left| format!("    {}", escape::line(left))));
    }
    if !moves.is_empty() {
        lines.push(String::new());
        lines.extend(moves.iter().cloned());
    }
    lines.push(String::new());
    lines.join("\n")
}

/// `12 calls, cost 0.5, depth 1 left`
fn budget_left(left: BudgetLeft) -> String {
    let parts = [
        left.calls.map(|calls| counted(usize::try_from(calls).unwrap_or(usize::MAX), "call")),
        left.cost.map(|cost| format!("cost {cost}")),
        left.depth.map(|depth| format!("depth {depth}")),
    ];
    format!("{} left", parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// `3 of 7 steps (42 %), about 12 s left`
fn so_far(progress: &Progress) -> String {
    let left = progress.estimate_ms.map(|millis| format!(", about {} s left", (millis + 999) / 1_000));
    let share = (progress.share * 100.0).floor();
    format!("{} of {} steps ({share} %){}", progress.done, progress.total, left.unwrap_or_default())
}

fn step_lines(step: &StepLine, history: &History) -> Vec<String> {
    let attempts = if step.attempts > 1 { format!(", {} attempts", step.attempts) } else { String::new() };
    let took = step.duration_ms.map(|took| format!(" in {took} ms")).unwrap_or_default();
    let state = styled(colour(step.state), step.state);
    let mut lines = vec![format!("  {state:<24} {}{took}{attempts}", escape::line(&step.step))];
    let told = |reason: &&String| !told_elsewhere(reason, history);
    let reasons = step.reasons.iter().filter(told);
    lines.extend(reasons.map(|reason| format!("      {}", styled(Style::Dim, &escape::line(reason)))));
    lines
}

/// Whether a reason is that of the whole run, which stands above the steps or below them.
fn told_elsewhere(reason: &str, history: &History) -> bool {
    let metadata = &history.envelope.metadata;
    let error = metadata.error.iter().map(|error| format!("{}: {}", error.code, error.message));
    error.chain(metadata.waiting.iter().filter_map(|wait| wait.question.clone())).any(|text| text == reason)
}

fn colour(state: &str) -> Style {
    match state {
        "succeeded" => Style::Green,
        "failed" | "compensation_failed" => Style::Red,
        "skipped" | "undone" | "cancelled" => Style::Dim,
        _ => Style::Yellow,
    }
}
