//! Which call a server speaks of when it says how far it is. A call is known by its trace, which it is sent with; the
//! SDK numbers what it sends, and the server repeats that number.

use super::Secrets;
use crate::tool::Progress;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ProgressNotificationParam, ProgressToken, RequestMetaObject,
    RequestParamsMeta,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Those who want to hear of a call.
#[derive(Debug, Default)]
pub(super) struct Hearers(Mutex<BTreeMap<String, Hearer>>);

#[derive(Debug)]
struct Hearer {
    /// The call's number, once it is sent.
    token: Option<ProgressToken>,
    sender: watch::Sender<Progress>,
    secrets: Secrets,
}

/// Ends the hearing.
#[derive(Debug)]
pub(super) struct Hearing<'a> {
    hearers: &'a Hearers,
    trace: String,
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        self.hearers.inner().remove(&self.trace);
    }
}

impl Hearers {
    fn inner(&self) -> MutexGuard<'_, BTreeMap<String, Hearer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody wants to hear of a call that is about to be made, for as long as the value lives.
    pub(super) fn hear(
        &self,
        params: &CallToolRequestParams,
        sender: Option<&watch::Sender<Progress>>,
        secrets: &Secrets,
    ) -> Option<Hearing<'_>> {
        let (trace, sender) = (params.traceparent()?.to_owned(), sender?.clone());
        self.inner().insert(trace.clone(), Hearer { token: None, sender, secrets: secrets.clone() });
        Some(Hearing { hearers: self, trace })
    }

    /// A call goes out.
    pub(super) fn sent(&self, call: &CallToolRequest) {
        let mut inner = self.inner();
        if let Some(hearer) = call.params.traceparent().and_then(|trace| inner.get_mut(trace)) {
            hearer.token = call.extensions.get::<RequestMetaObject>().and_then(RequestMetaObject::get_progress_token);
        }
    }

    /// The server says how far a call is. Numbers of calls that are over are not heard.
    pub(super) fn tell(&self, said: &ProgressNotificationParam) {
        let inner = self.inner();
        if let Some(hearer) = inner.values().find(|hearer| hearer.token.as_ref() == Some(&said.progress_token)) {
            let text = said.message.clone().map(|text| hearer.secrets.mask(text));
            hearer.sender.send_replace(Progress { done: said.progress, total: said.total, text });
        }
    }
}
