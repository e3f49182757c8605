//! The answer to work that was handed over to a journal.

use super::{JournalError, Trouble};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::oneshot::{self, Receiver, Sender};

/// Tells when the work is done. The work is done whether or not anybody waits for this.
#[derive(Debug)]
pub struct Ticket<T>(State<T>);

#[derive(Debug)]
enum State<T> {
    Known(Option<Result<T, JournalError>>),
    Open(Receiver<Result<T, JournalError>>),
}

/// Gives the answer to a ticket that is open.
pub type Reply<T> = Sender<Result<T, JournalError>>;

impl<T> Ticket<T> {
    /// Work that is done already.
    pub fn known(result: Result<T, JournalError>) -> Self {
        Ticket(State::Known(Some(result)))
    }

    /// Work that somebody else will do, and who answers it then. Dropped, it tells that the writer has ended.
    pub fn open() -> (Reply<T>, Self) {
        let (reply, answer) = oneshot::channel();
        (reply, Ticket(State::Open(answer)))
    }

    /// Waits without a runtime.
    ///
    /// # Errors
    /// What the work came to.
    pub fn wait(self) -> Result<T, JournalError> {
        match self.0 {
            State::Known(result) => result.unwrap_or_else(|| Err(gone())),
            State::Open(answer) => answer.blocking_recv().unwrap_or_else(|_| Err(gone())),
        }
    }

    /// The answer, if there is one yet.
    pub fn now(&mut self) -> Option<Result<T, JournalError>> {
        match &mut self.0 {
            State::Known(result) => Some(result.take().unwrap_or_else(|| Err(gone()))),
            State::Open(answer) => match answer.try_recv() {
                Ok(result) => Some(result),
                Err(oneshot::error::TryRecvError::Empty) => None,
                Err(oneshot::error::TryRecvError::Closed) => Some(Err(gone())),
            },
        }
    }
}

impl<T: Unpin> Future for Ticket<T> {
    type Output = Result<T, JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Known(result) => Poll::Ready(result.take().unwrap_or_else(|| Err(gone()))),
            State::Open(answer) => Pin::new(answer).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(gone()))),
        }
    }
}

fn gone() -> JournalError {
    JournalError {
        what: "cannot write the journal".into(),
        why: "its writer has ended; what was written before is whole".into(),
        trouble: Trouble::Unusable,
    }
}
