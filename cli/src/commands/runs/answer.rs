//! `weir runs answer`: the answer to a question, or an operator's decision; then the run goes on.

use super::follow::go_on;
use super::{Here, history};
use crate::args::RunsAnswerArgs;
use crate::commands::run::arguments::read_text;
use crate::commands::run::follow::{Saying, Work};
use crate::exit::{Error, Outcome};
use crate::moves;
use crate::suggest::did_you_mean;
use weir_lang::types::{Type, TypeTable};
use weir_runtime::engine::History;
use weir_runtime::envelope::Waiting;
use weir_runtime::machine::Decision;
use weir_stdlib::value::Value;

/// Answers.
pub fn run(here: Here, args: &RunsAnswerArgs) -> Outcome {
    let history = history(&here, &args.id)?;
    let decision = decision(args)?;
    let kinds: &[&str] = if decision.is_some() { &["unknown", "escalated"] } else { &["ask"] };
    let step = meant(&history, args.step.as_deref(), kinds)?.step.to_string();
    let saying = match (decision, &args.value) {
        (Some(decision), _) => Saying::Decide(step, decision),
        (None, Some(text)) => Saying::Answer(step.clone(), typed(&history, &step, text)?),
        (None, None) => {
            let help = format!("`weir runs show {}` says what is asked", history.record.run_id);
            return Err(Error::usage("there is no answer").help(help));
        }
    };
    let work = Work::Tell(history.record.run_id.clone(), saying);
    go_on(here, &history, work)
}

fn decision(args: &RunsAnswerArgs) -> Result<Option<Decision>, Error> {
    let json = |text: &String| {
        Value::from_json(text).map_err(|error| Error::usage(format!("the result is not JSON: {error}")))
    };
    Ok(match (&args.happened, &args.skip) {
        (Some(text), _) => Some(Decision::Happened(json(text)?)),
        (None, Some(text)) => Some(Decision::Skip(json(text)?)),
        (None, None) if args.again => Some(Decision::Again),
        (None, None) if args.give_up => Some(Decision::GiveUp),
        (None, None) => None,
    })
}

/// The step that is meant: the one that is named, or the only one.
fn meant<'a>(history: &'a History, step: Option<&str>, kinds: &[&str]) -> Result<&'a Waiting, Error> {
    let open: Vec<&Waiting> =
        history.envelope.metadata.waiting.iter().filter(|wait| kinds.contains(&wait.kind)).collect();
    let id = &history.record.run_id;
    if let Some(step) = step {
        return open.iter().find(|wait| wait.step == step).copied().ok_or_else(|| {
            let guess = did_you_mean(step, open.iter().map(|wait| wait.step.as_str()));
            let list = format!("`weir runs show {id}` lists what waits");
            let help = guess.map_or_else(|| list.clone(), |guess| format!("{guess} {list}"));
            Error::usage(format!("step `{step}` does not wait for that")).help(help).code("not_waiting")
        });
    }
    match open.as_slice() {
        [one] => Ok(one),
        [] => Err(otherwise(history, kinds).unwrap_or_else(|| {
            let message = format!("nothing in run {id} waits for that");
            Error::usage(message).help(format!("`weir runs show {id}` says what it waits for")).code("not_waiting")
        })),
        several => {
            let steps: Vec<String> = several.iter().map(|wait| format!("`{}`", wait.step)).collect();
            Err(Error::usage("several steps wait").help(format!("say which with `--step`: {}", steps.join(", "))))
        }
    }
}

/// What is said where a decision was given to a question, or an answer to what needs a decision.
fn otherwise(history: &History, kinds: &[&str]) -> Option<Error> {
    let metadata = &history.envelope.metadata;
    let mut others = metadata.waiting.iter().filter(|wait| matches!(wait.kind, "ask" | "unknown" | "escalated"));
    let wait = others.find(|wait| !kinds.contains(&wait.kind))?;
    let message = match wait.kind {
        "ask" => format!("step `{}` asks a question: it takes an answer, not a decision", wait.step),
        _ => format!("step `{}` asks nothing: it waits for a decision", wait.step),
    };
    Some(Error::usage(message).help(moves::one(&history.record.run_id, wait)).code("not_waiting"))
}

/// The answer, read by the type of its question.
fn typed(history: &History, step: &str, text: &str) -> Result<Value, Error> {
    let (ty, types): (Option<Type>, &TypeTable) = (history.asks(step), &history.plan.types);
    match ty {
        Some(ty) if matches!(types.head(&ty), Type::Bool) && matches!(text, "yes" | "no") => {
            Ok(Value::bool(text == "yes"))
        }
        Some(ty) => read_text(text, &ty, types)
            .map_err(|why| Error::usage(format!("the answer to `{step}` does not fit `{ty}`: {why}")).code("unfit")),
        None => Err(Error::usage(format!("step `{step}` asks nothing"))),
    }
}
