//! One call of a flow: its run from the start to what is answered.

use super::form;
use super::given_up::GivenUp;
use super::{Door, Json};
use crate::escape;
use crate::serve::App;
use crate::serve::access::Caller;
use crate::serve::events::over;
use crate::serve::flows::Start;
use crate::serve::problem::Problem;
use crate::serve::runs::snapshot;
use ecow::EcoString;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ElicitRequest, ElicitResult,
    ElicitationAction, ErrorData, InputRequest, InputRequiredResult, MetaObject, ProgressNotificationParam,
    ProtocolVersion,
};
use rmcp::service::{ElicitationMode, RequestContext, RoleServer};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::project::ServeRole;
use weir_runtime::engine::{Engine, History};
use weir_runtime::machine::Status;
use weir_stdlib::value::Value;

/// How often the journal is looked into where nothing was observed here.
const LOOK: Duration = Duration::from_secs(1);

/// A call under way.
pub struct Call<'a> {
    pub app: &'a Arc<App>,
    pub flow: &'a str,
    pub context: RequestContext<RoleServer>,
    pub caller: Caller,
    /// What the client has said of its calls, where its end ends them too.
    pub given_up: Option<&'a GivenUp>,
}

impl Call<'_> {
    /// Starts a run, or goes on with one whose question the client has answered.
    pub async fn run(self, request: CallToolRequestParams) -> Result<CallToolResponse, ErrorData> {
        match self.carried(request).await {
            Ok(response) => Ok(response),
            Err(problem) => Ok(failed(problem.line()).into()),
        }
    }

    async fn carried(&self, request: CallToolRequestParams) -> Result<CallToolResponse, Problem> {
        if let Some(run_id) = &request.request_state {
            self.answered(run_id, request.input_responses.unwrap_or_default()).await?;
            return self.follow(run_id).await;
        }
        let args = Json::Object(request.arguments.unwrap_or_default()).to_string();
        let args = Value::from_json(&args).map_err(|error| Problem::unfit(error.to_string()))?;
        let begun =
            self.app.begin(self.flow, &args, Start { key: None, thread: None, by: self.caller.name.clone() }).await?;
        self.follow(&begun.run_id).await
    }

    /// Until the run has ended, or only somebody outside can bring it further.
    async fn follow(&self, run_id: &str) -> Result<CallToolResponse, Problem> {
        let mut wake = self.app.hub.of(run_id);
        let mut seen = 0;
        loop {
            wake.mark_unchanged();
            let history = self.app.history(run_id).await?;
            seen = self.progress(&history, seen).await;
            if over(&history) {
                return Ok(self.ended(&history).into());
            }
            if let Some(response) = self.rests(&history).await? {
                return Ok(response);
            }
            tokio::select! {
                biased;
                () = self.context.ct.cancelled() => {
                    if !self.is_given_up().await {
                        return Ok(self.left(run_id));
                    }
                    // It may have ended just now; that is as good.
                    let _ = self.app.engine.by(self.caller.name.clone()).cancel(run_id, "cancelled by the MCP client").await;
                    return Ok(failed(format!("run {run_id} is cancelled")).into());
                }
                () = self.app.ends() => return Ok(self.left(run_id)),
                _ = wake.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Whether the call ends because the client does not want it any more.
    async fn is_given_up(&self) -> bool {
        match self.given_up {
            Some(given_up) => given_up.has(&self.context.id).await,
            None => !*self.app.stop.borrow(),
        }
    }

    fn left(&self, run_id: &str) -> CallToolResponse {
        failed(format!("the server ends; run {run_id} goes on with the next one")).into()
    }

    /// Tells the client how far the run is, if it wants to know.
    async fn progress(&self, history: &History, seen: u64) -> u64 {
        let last = history.events.last();
        let (Some(token), Some(last)) = (self.context.meta.get_progress_token(), last) else { return seen };
        if last.seq <= seen {
            return seen;
        }
        let kind = json!(last.event);
        let place = if last.step.is_empty() { &last.flow } else { &last.step };
        let reason = last.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let message = format!("{} {place}{reason}", kind.as_str().unwrap_or_default());
        let progress = ProgressNotificationParam::new(token, last.seq as f64).with_message(escape::line(&message));
        // A client that has gone away is noticed elsewhere.
        let _ = self.context.peer.notify_progress(progress).await;
        last.seq
    }

    /// What to answer where the run waits for a person.
    async fn rests(&self, history: &History) -> Result<Option<CallToolResponse>, Problem> {
        let metadata = &history.envelope.metadata;
        let run_id = &history.record.run_id;
        if matches!(metadata.status, Status::Paused | Status::NeedsAttention) {
            let word = metadata.status.word();
            return Ok(Some(waits(run_id, &format!("run {run_id} is {word}: an operator has to look at it"))));
        }
        let asks: Vec<_> = metadata.waiting.iter().filter(|wait| wait.kind == "ask").collect();
        if asks.is_empty() || metadata.status != Status::Waiting {
            return Ok(None);
        }
        let forms: BTreeMap<EcoString, form::Form> = asks
            .iter()
            .filter_map(|wait| {
                let ty = history.asks(&wait.step)?;
                let question = wait.question.clone().unwrap_or_default();
                Some((wait.step.clone(), form::Form::of(&escape::lines(&question), &ty, &history.plan.types)?))
            })
            .collect();
        if forms.len() == asks.len() && self.may_ask() {
            return self.ask(run_id, forms).await;
        }
        let asked: Vec<String> = asks
            .iter()
            .map(|wait| format!("step `{}` asks “{}”", wait.step, wait.question.as_deref().unwrap_or_default()))
            .collect();
        let text = format!(
            "run {run_id} waits for an answer: {}. A person answers with `weir runs answer {run_id}` or \
             `POST /v1/runs/{run_id}/answer`; `weir_run` tells how it is then.",
            escape::lines(&asked.join("; "))
        );
        Ok(Some(waits(run_id, &text)))
    }

    /// Whether the client can put a question to somebody, and that one may answer it.
    fn may_ask(&self) -> bool {
        let can = self.context.client_capabilities().and_then(|can| can.elicitation);
        let form = can.is_some_and(|can| can.form.is_some() || can.url.is_none());
        form && self.caller.may(ServeRole::Approver)
    }

    /// Puts the questions to the client's user: in the answer where the protocol wants it there, else beside it.
    async fn ask(
        &self,
        run_id: &EcoString,
        forms: BTreeMap<EcoString, form::Form>,
    ) -> Result<Option<CallToolResponse>, Problem> {
        if self.context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28) {
            let requests = forms
                .into_iter()
                .map(|(step, form)| (step.to_string(), InputRequest::Elicitation(ElicitRequest::new(form.request))));
            let wanted = InputRequiredResult::new(Some(requests.collect()), Some(run_id.to_string()));
            return Ok(Some(CallToolResponse::InputRequired(wanted)));
        }
        if !self.context.peer.supported_elicitation_modes().contains(&ElicitationMode::Form) {
            return Ok(Some(waits(run_id, &format!("run {run_id} waits for an answer"))));
        }
        for (step, form) in forms {
            let asking = self.context.peer.create_elicitation(form.request.clone());
            let answer = tokio::select! {
                answer = asking => answer,
                // Cancelled, or answered elsewhere: that is seen when the run is looked at.
                () = self.context.ct.cancelled() => return Ok(None),
            };
            match answer {
                Ok(answer) => {
                    if !self.take(run_id, &step, &answer).await? {
                        return Ok(Some(waits(run_id, &format!("run {run_id} waits: nobody answered step `{step}`"))));
                    }
                }
                Err(error) => {
                    let text = format!("run {run_id} waits: the question could not be put: {error}");
                    return Ok(Some(waits(run_id, &text)));
                }
            }
        }
        Ok(None)
    }

    /// Answers that came with another call.
    async fn answered(&self, run_id: &str, answers: BTreeMap<String, Json>) -> Result<(), Problem> {
        let history = self.app.history(run_id).await?;
        if history.record.flow != self.flow {
            return Err(Problem::no_run(run_id));
        }
        if !self.may_ask() {
            return Err(Problem::unfit("who calls may not answer questions of runs"));
        }
        for (step, answer) in answers {
            let answer: ElicitResult = serde_json::from_value(answer)
                .map_err(|error| Problem::unfit(format!("the answer to `{step}` cannot be read: {error}")))?;
            if !self.take(run_id, &step, &answer).await? {
                return Err(Problem::unfit(format!("run {run_id} waits: nobody answered step `{step}`")));
            }
        }
        Ok(())
    }

    /// Hands an answer on; false: there is none.
    async fn take(&self, run_id: &str, step: &str, answer: &ElicitResult) -> Result<bool, Problem> {
        let (ElicitationAction::Accept, Some(content)) = (&answer.action, &answer.content) else { return Ok(false) };
        let history = self.app.history(run_id).await?;
        let Some(ty) = history.asks(step) else { return Ok(true) };
        let value = Value::from_json(&content.to_string()).map_err(|error| Problem::unfit(error.to_string()))?;
        let value = if form::is_wrapped(&ty, &history.plan.types) { value.field(form::ANSWER) } else { value };
        self.app.answer(run_id, Some(step), &value, &self.caller).await?;
        self.app.carry_on(run_id);
        Ok(true)
    }

    /// What the run came to.
    fn ended(&self, history: &History) -> CallToolResult {
        let metadata = &history.envelope.metadata;
        if metadata.status != Status::Succeeded {
            let why = metadata
                .reason
                .clone()
                .or_else(|| metadata.error.as_ref().map(|error| format!("{}: {}", error.code, error.message)));
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            let text = format!("run {} is {}{why}", metadata.run_id, metadata.status.word());
            return marked(failed(escape::lines(&text).into_owned()), &metadata.run_id);
        }
        let value = history.envelope.value.clone().unwrap_or(Value::NULL);
        let wrapped = self.app.offers.get(self.flow).is_none_or(|offer| offer.wrapped);
        let value = if wrapped { Value::record([("result", value)]) } else { value };
        let value: Json = serde_json::from_str(&value.to_json()).unwrap_or_default();
        marked(CallToolResult::structured(value), &metadata.run_id)
    }
}

impl Door {
    /// How a run is.
    pub(super) async fn show(&self, request: &CallToolRequestParams) -> CallToolResult {
        let run_id = request.arguments.as_ref().and_then(|args| args.get("run_id")?.as_str());
        let Some(run_id) = run_id else { return failed("`run_id` is missing, a string".into()) };
        match self.app.history(run_id).await {
            Ok(history) => {
                let text = snapshot(&*self.app.journal, &history).to_string();
                CallToolResult::success(vec![ContentBlock::text(escape::json(&text).into_owned())])
            }
            Err(problem) => failed(problem.line()),
        }
    }
}

fn failed(text: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// The run goes on without the call.
fn waits(run_id: &EcoString, text: &str) -> CallToolResponse {
    marked(failed(text.to_owned()), run_id).into()
}

/// Names the run.
fn marked(mut result: CallToolResult, run_id: &str) -> CallToolResult {
    let fields = [("weir/run_id".to_owned(), Json::from(run_id))];
    result.meta = Some(MetaObject(fields.into_iter().collect()));
    result
}
