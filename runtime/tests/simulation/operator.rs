//! The operator: carries runs on where no dispatcher does, answers what is asked, sends what is waited for, looks into
//! the world where nobody knows whether a call happened, and now and then cancels or pauses a run.

use crate::chance::Chance;
use crate::life::Around;
use ecow::EcoString;
use std::time::Duration;
use weir_runtime::engine::{Engine, EngineError, Signal};
use weir_runtime::envelope::{Envelope, Waiting};
use weir_runtime::journal::Filter;
use weir_runtime::machine::{Decision, Status};
use weir_stdlib::value::Value;

/// Until everything that was wanted has begun, and everything that began has ended.
pub async fn operate(around: &Around) {
    let mut nap = 100;
    let mut before = Vec::new();
    let mut rounds = 0_u64;
    loop {
        let open = around.engine.list(&Filter { unfinished: true, ..Filter::default() }).await;
        let Ok(open) = open else { return around.people.wrong("the runs cannot be listed") };
        if open.is_empty() && around.people.all_begun() {
            return;
        }
        let mut now = Vec::new();
        for run in open {
            rounds += 1;
            match around.engine.status(&run.run_id).await {
                Ok(envelope) => {
                    now.push((run.run_id.clone(), envelope.metadata.status, envelope.metadata.waiting.len()));
                    attend(around, &envelope).await;
                }
                Err(error) => heed(around, &run.run_id, Err(error)),
            }
        }
        nap = if now == before { (nap * 2).min(60_000) } else { 100 };
        before = now;
        if rounds > 40_000 {
            return around.people.wrong(format!("runs do not come to an end: {before:?}"));
        }
        tokio::time::sleep(Duration::from_millis(nap)).await;
    }
}

async fn attend(around: &Around, envelope: &Envelope) {
    let run_id = &envelope.metadata.run_id;
    around.people.saw(envelope);
    if envelope.metadata.finished_at.is_some() {
        return;
    }
    if envelope.metadata.status == Status::Paused {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (engine, run_id) = (around.clone(), run_id.clone());
        tokio::spawn(async move {
            let resumed = engine.engine.resume(&run_id).await;
            heed(&engine, &run_id, resumed.map(|envelope| engine.people.saw(&envelope)));
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        return;
    }
    for wait in &envelope.metadata.waiting {
        help(around, run_id, wait).await;
    }
    meddle(around, run_id).await;
    if !around.serves && !around.engine.is_under_way(run_id) {
        let (around, run_id) = (around.clone(), run_id.clone());
        tokio::spawn(async move {
            let went = around.engine.carry_on(&run_id).await;
            heed(&around, &run_id, went.map(|envelope| around.people.saw(&envelope)));
        });
        tokio::task::yield_now().await;
    }
}

/// Now and then a run is cancelled or paused.
async fn meddle(around: &Around, run_id: &EcoString) {
    let seen = around.people.times_told(run_id, "seen", "");
    around.people.accepted(run_id, "seen", "");
    let mut chance = Chance::of(around.people.seed, &format!("meddle {run_id}"));
    let (cancels, pauses) = (chance.percent(10), chance.percent(10));
    let when = chance.below(6);
    if around.last || seen != when {
        return;
    }
    if cancels {
        let told = around.engine.cancel(run_id, "by hand").await;
        let done = told.is_ok();
        heed(around, run_id, told);
        if done {
            around.people.accepted(run_id, "run.cancelled", "");
        }
    } else if pauses {
        let told = around.engine.pause(run_id).await;
        let done = told.is_ok();
        heed(around, run_id, told);
        if done {
            around.people.accepted(run_id, "run.paused", "");
        }
    }
}

/// Does what the run waits for.
async fn help(around: &Around, run_id: &EcoString, wait: &Waiting) {
    let step = &wait.step;
    let mut chance = Chance::of(around.people.seed, &format!("help {run_id} {step}"));
    let (kind, told) = match wait.kind {
        "ask" if around.people.times_told(run_id, "question.answered", step) == 0 => {
            ("question.answered", around.engine.answer(run_id, step, Value::bool(chance.percent(70))).await)
        }
        "receive" if around.people.times_told(run_id, "event.received", step) == 0 => {
            if wait.until.is_some() && chance.percent(50) {
                return;
            }
            let id = Some(format!("{run_id} {step}").into());
            let event = wait.question.clone().unwrap_or_default().into();
            let signal = Signal { id, event, key: wait.from.clone(), value: Value::record([("n", Value::int(7))]) };
            ("event.received", around.engine.signal(run_id, signal).await)
        }
        "unknown" => ("step.decided", decide(around, run_id, step, &mut chance).await),
        _ => return,
    };
    if told.is_ok() {
        around.people.accepted(run_id, kind, step);
    }
    heed(around, run_id, told);
}

/// Says what the tool itself knows.
async fn decide(around: &Around, run_id: &EcoString, step: &EcoString, chance: &mut Chance) -> Result<(), EngineError> {
    let place = (run_id.clone(), step.clone());
    let times = around.people.times_told(run_id, "step.decided", step);
    let decision = match around.world.made_by(&place) {
        _ if chance.percent(10) || times > 5 => Decision::GiveUp,
        Some(result) => Decision::Happened(result),
        None => Decision::Again,
    };
    match decision {
        Decision::GiveUp => drop(around.people.known().given_up.insert(place)),
        Decision::Again => around.world.may_call_again(&place),
        _ => {}
    }
    around.engine.decide(run_id, step, decision).await
}

/// What an engine may refuse, and what it may not.
fn heed(around: &Around, run_id: &EcoString, told: Result<(), EngineError>) {
    match told {
        Ok(())
        | Err(EngineError::Journal { .. } | EngineError::Ended { .. } | EngineError::Held(_) | EngineError::Unfit(_)) =>
            {}
        Err(error) => around.people.wrong(format!("run {run_id}: {error}")),
    }
}
