//! Telling runs something. What a run is told is written down when this is answered.

use super::access::Caller;
use super::body::Body;
use super::problem::Problem;
use super::{App, raw};
use crate::commands::run::arguments::sent;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;
use weir_runtime::engine::{Engine, EngineError, History, Signal, check_args};
use weir_runtime::machine::Decision;
use weir_stdlib::narrow::{Boundary, narrow};
use weir_stdlib::value::Value;

/// `POST /v1/runs/{run_id}/answer`
pub async fn answer(
    State(app): State<Arc<App>>,
    Path(run_id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let body = body.only(&["step", "value"])?;
    let value = body.value("value").ok_or_else(|| Problem::unfit("`value` is missing: the answer"))?;
    app.answer(&run_id, body.text("step")?, &value, &caller).await?;
    app.went_on(&run_id).await
}

/// `POST /v1/runs/{run_id}/decide`
pub async fn decide(
    State(app): State<Arc<App>>,
    Path(run_id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let body = body.only(&["step", "decision", "value"])?;
    let value = body.value("value");
    let decision = match (body.needed("decision")?, value) {
        ("happened", Some(value)) => Decision::Happened(value),
        ("happened", None) => return Err(Problem::unfit("`value` is missing: what the call gave")),
        ("skip", value) => Decision::Skip(value.unwrap_or(Value::NULL)),
        ("again", None) => Decision::Again,
        ("give_up", None) => Decision::GiveUp,
        ("again" | "give_up", Some(_)) => return Err(Problem::unfit("this decision takes no `value`")),
        (other, _) => {
            let message = format!("`{}` is no decision", crate::escape::short(other, 40));
            return Err(Problem::unfit(message).help("the decisions are `happened`, `again`, `skip` and `give_up`"));
        }
    };
    let history = app.history(&run_id).await?;
    let step = meant(&history, body.text("step")?, &["unknown", "escalated"])?;
    app.engine.by(caller.name).decide(&run_id, &step, decision).await?;
    app.went_on(&run_id).await
}

/// `POST /v1/runs/{run_id}/signal`
pub async fn signal(
    State(app): State<Arc<App>>,
    Path(run_id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let body = body.only(&["event", "key", "value", "id"])?;
    let signal = Signal {
        id: body.text("id")?.map(Into::into),
        event: body.needed("event")?.into(),
        key: body.text("key")?.map(Into::into),
        value: body.value("value").unwrap_or(Value::NULL),
    };
    app.engine.by(caller.name).signal(&run_id, signal).await?;
    app.went_on(&run_id).await
}

/// `POST /v1/runs/{run_id}/pause`
pub async fn pause(
    State(app): State<Arc<App>>,
    Path(run_id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    body.only(&[])?;
    app.engine.by(caller.name).pause(&run_id).await?;
    app.state(&run_id).await
}

/// `POST /v1/runs/{run_id}/resume`
pub async fn resume(
    State(app): State<Arc<App>>,
    Path(run_id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    body.only(&[])?;
    let metadata = app.engine.status(&run_id).await?.metadata;
    if metadata.finished_at.is_some() {
        return Err(EngineError::Ended { run_id: run_id.into(), status: metadata.status.word() }.into());
    }
    let (engine, id) = (app.engine.by(caller.name), run_id.clone());
    // It gives the envelope at the end; that the run goes on is known as soon as it is told.
    let going = tokio::spawn(async move { engine.resume(&id).await.map(drop) });
    app.settled(&run_id, going).await?;
    app.state(&run_id).await
}

/// `POST /v1/runs/{run_id}/cancel`
pub async fn cancel(
    State(app): State<Arc<App>>,
    Path(run_id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let body = body.only(&["reason"])?;
    let reason = body.text("reason")?.unwrap_or("cancelled over HTTP");
    app.engine.by(caller.name).cancel(&run_id, reason).await?;
    app.went_on(&run_id).await
}

/// `POST /v1/runs/{run_id}/retry`
pub async fn retry(
    State(app): State<Arc<App>>,
    Path(run_id): Path<String>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Problem> {
    let body = body.only(&["args"])?;
    let history = app.history(&run_id).await?;
    let args = match body.value("args") {
        Some(args) => Some(app.fitting(&history, &args)?),
        None => None,
    };
    let begun = app.engine.by(caller.name).begin_retry(&run_id, args).await?;
    let place = [(header::LOCATION, format!("/v1/runs/{}", begun.run_id))];
    Ok((StatusCode::CREATED, place, raw(app.said(&begun, "running").await?)).into_response())
}

impl App {
    /// Answers the question of a step, or the only one.
    pub async fn answer(
        &self,
        run_id: &str,
        step: Option<&str>,
        value: &Value,
        caller: &Caller,
    ) -> Result<(), Problem> {
        let history = self.history(run_id).await?;
        let step = meant(&history, step, &["ask"])?;
        let value = match history.asks(&step) {
            Some(ty) => narrow(value, &Boundary::new(ty.clone()), &history.plan.types)
                .map_err(|misfit| Problem::unfit(format!("the answer to `{step}` does not fit `{ty}`: {misfit}")))?,
            None => value.clone(),
        };
        Ok(self.engine.by(caller.name.clone()).answer(run_id, &step, value).await?)
    }

    /// Goes on with a run that was told something, and says how it is.
    async fn went_on(&self, run_id: &str) -> Result<Response, Problem> {
        self.carry_on(run_id);
        self.state(run_id).await
    }

    async fn state(&self, run_id: &str) -> Result<Response, Problem> {
        Ok(raw(json!({ "run_id": run_id, "status": self.status_of(run_id).await? })))
    }

    /// Waits until the run is under way, or could not be gone on with.
    async fn settled(
        &self,
        run_id: &str,
        mut going: tokio::task::JoinHandle<Result<(), EngineError>>,
    ) -> Result<(), Problem> {
        let begun = async {
            while !self.engine.is_under_way(run_id) || self.status_of(run_id).await.is_ok_and(|word| word == "paused") {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            ended = &mut going => match ended {
                Ok(ended) => Ok(ended?),
                Err(_) => Err(EngineError::Broken(run_id.into()).into()),
            },
            () = begun => Ok(()),
        }
    }

    /// New arguments of a run that is started again, held against the flow as it was then.
    fn fitting(&self, history: &History, args: &Value) -> Result<Value, Problem> {
        let offer = self.offers.get(&history.record.flow).filter(|offer| offer.plan.hash() == history.record.program);
        let wrong = match offer {
            Some(offer) => match sent(&offer.info, &self.types, args) {
                Ok(args) => return Ok(args),
                Err(wrong) => wrong,
            },
            None => check_args(&history.plan, args),
        };
        if wrong.is_empty() {
            return Ok(args.clone());
        }
        let message = format!("the arguments do not fit `{}`", history.record.flow);
        Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_arguments", message).details(wrong))
    }
}

/// The step that is meant: the one that is named, or the only one that waits so.
fn meant(history: &History, step: Option<&str>, kinds: &[&str]) -> Result<String, Problem> {
    let open = history.envelope.metadata.waiting.iter().filter(|wait| kinds.contains(&wait.kind));
    let open: Vec<&str> = open.map(|wait| wait.step.as_str()).collect();
    let conflict = |message: String| Problem::new(StatusCode::CONFLICT, "not_waiting", message);
    let metadata = &history.envelope.metadata;
    if metadata.finished_at.is_some() {
        let (run_id, status) = (history.record.run_id.clone(), metadata.status.word());
        return Err(EngineError::Ended { run_id, status }.into());
    }
    match (step, open.as_slice()) {
        (Some(step), open) if open.contains(&step) => Ok(step.to_owned()),
        (Some(step), _) => Err(conflict(format!("step `{}` does not wait for that", crate::escape::short(step, 80)))
            .help("`metadata.waiting` of `GET /v1/runs/{run_id}` lists what waits")),
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => Err(conflict(format!("nothing in run {} waits for that", history.record.run_id))
            .help("`metadata.waiting` of `GET /v1/runs/{run_id}` lists what waits")),
        (None, several) => {
            let steps: Vec<String> = several.iter().map(|step| format!("`{step}`")).collect();
            Err(Problem::unfit("several steps wait").help(format!("say which in `step`: {}", steps.join(", "))))
        }
    }
}
