//! What we have sent and what may come back: late, second and invented answers, and messages without end.

use super::fate::Fate;
use futures_util::future::Either;
use rmcp::RoleClient;
use rmcp::model::{
    ClientCapabilities, ClientJsonRpcMessage, ClientNotification, ClientRequest, JsonRpcMessage, RequestId,
    ServerJsonRpcMessage, ServerNotification,
};
use rmcp::transport::Transport;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Messages without any answer among them, before it is too many.
const WITHOUT_ANSWER: u64 = 100_000;
/// What a server may ask us at once.
const ASKED: usize = 64;

/// The accounts of one connection.
pub(super) struct Ledger {
    fate: Arc<Fate>,
    awaited: BTreeSet<String>,
    highest: i64,
    /// What the server has asked and not been answered.
    asked: usize,
    /// Messages since the last answer.
    without_answer: u64,
}

impl Ledger {
    pub(super) fn new(fate: Arc<Fate>) -> Self {
        Ledger { fate, awaited: BTreeSet::new(), highest: -1, asked: 0, without_answer: 0 }
    }

    /// What is about to be sent.
    pub(super) fn sent(&mut self, message: &mut ClientJsonRpcMessage) {
        match message {
            JsonRpcMessage::Request(request) => {
                if let RequestId::Number(number) = &request.id {
                    self.highest = self.highest.max(*number);
                }
                self.awaited.insert(request.id.to_string());
                match &mut request.request {
                    ClientRequest::InitializeRequest(initialize) => old_era(&mut initialize.params.capabilities),
                    ClientRequest::CallToolRequest(call) => self.fate.hearers.sent(call),
                    _ => {}
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => self.asked = self.asked.saturating_sub(1),
            JsonRpcMessage::Notification(note) => {
                if let ClientNotification::CancelledNotification(cancelled) = &note.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.awaited.remove(&id.to_string());
                }
            }
        }
    }

    /// Lets through the answers to what was asked, and the few other messages that matter.
    pub(super) fn counts(&mut self, message: ServerJsonRpcMessage) -> Option<ServerJsonRpcMessage> {
        self.without_answer += 1;
        if self.without_answer > WITHOUT_ANSWER {
            self.fate.end("it sends messages without end and answers none of ours");
            return None;
        }
        match message {
            JsonRpcMessage::Response(mut response) => {
                response.id = self.awaited(&response.id)?;
                Some(JsonRpcMessage::Response(response))
            }
            JsonRpcMessage::Error(mut error) => {
                let id = match error.id.take() {
                    Some(id) => id,
                    None => self.only()?,
                };
                error.id = Some(self.awaited(&id)?);
                Some(JsonRpcMessage::Error(error))
            }
            JsonRpcMessage::Request(request) => {
                self.asked += 1;
                if self.asked > ASKED {
                    self.fate.end("it asks more and more and reads no answer");
                    return None;
                }
                Some(JsonRpcMessage::Request(request))
            }
            JsonRpcMessage::Notification(note) => match &note.notification {
                ServerNotification::ProgressNotification(progress) => {
                    self.fate.hearers.tell(&progress.params);
                    None
                }
                ServerNotification::LoggingMessageNotification(_) => None,
                _ => Some(JsonRpcMessage::Notification(note)),
            },
        }
    }

    /// The one request that an answer without an id can belong to.
    fn only(&self) -> Option<RequestId> {
        let first = self.awaited.first().filter(|_| self.awaited.len() == 1)?;
        first.parse().ok().map(RequestId::Number)
    }

    /// The id as we sent it; None where the answer is late or came before.
    fn awaited(&mut self, id: &RequestId) -> Option<RequestId> {
        let text = id.to_string();
        let number = text.parse::<i64>().ok();
        if self.awaited.remove(&text) {
            self.without_answer = 0;
            return Some(number.map_or_else(|| id.clone(), RequestId::Number));
        }
        if !number.is_some_and(|number| (0..=self.highest).contains(&number)) {
            self.fate.end(format!("it answered a call `{}` that was never made", text.escape_debug()));
        }
        None
    }
}

/// Questions and tasks that outlast a connection belong to the new protocol.
fn old_era(capabilities: &mut ClientCapabilities) {
    capabilities.elicitation = None;
    capabilities.extensions = None;
}

/// A transport of the SDK's with these accounts.
pub(super) struct Guarded<T> {
    inner: T,
    fate: Arc<Fate>,
    ledger: Ledger,
}

impl<T> Guarded<T> {
    pub(super) fn new(inner: T, fate: Arc<Fate>) -> Self {
        Guarded { inner, ledger: Ledger::new(Arc::clone(&fate)), fate }
    }
}

impl<T: Transport<RoleClient>> Transport<RoleClient> for Guarded<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        mut item: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.ledger.sent(&mut item);
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        while !self.fate.is_over() {
            let message = tokio::select! {
                biased;
                message = self.inner.receive() => message?,
                () = self.fate.over() => return None,
            };
            if let Some(message) = self.ledger.counts(message) {
                return Some(message);
            }
        }
        None
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.inner.close()
    }
}

/// A transport that comes back when the SDK gives it up: another protocol can be tried on the same connection.
pub(super) struct Lent<T> {
    inner: Option<T>,
    back: Back<T>,
}

/// Where a lent transport comes back to.
pub(super) struct Back<T>(Arc<Mutex<Option<T>>>);

impl<T> Back<T> {
    /// The transport, if it has come back.
    pub(super) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T> Lent<T> {
    pub(super) fn new(inner: T) -> (Self, Back<T>) {
        let back = Arc::default();
        (Lent { inner: Some(inner), back: Back(Arc::clone(&back)) }, Back(back))
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        *self.back.0.lock().unwrap_or_else(PoisonError::into_inner) = self.inner.take();
    }
}

impl<T: Transport<RoleClient, Error = io::Error>> Transport<RoleClient> for Lent<T> {
    type Error = io::Error;

    fn send(&mut self, item: ClientJsonRpcMessage) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        match &mut self.inner {
            Some(inner) => Either::Left(inner.send(item)),
            None => Either::Right(std::future::ready(Err(io::ErrorKind::NotConnected.into()))),
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        self.inner.as_mut()?.receive().await
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        match &mut self.inner {
            Some(inner) => inner.close().await,
            None => Ok(()),
        }
    }
}
