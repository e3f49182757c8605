//! What the thread that reads tells the thread that works: which requests nobody waits for any more, and that the text
//! being checked is an old one.

use lsp_server::{Message, RequestId};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shared by both threads.
#[derive(Clone, Default)]
pub struct Control {
    /// Set when the work in hand is for nothing; polled by the checker.
    pub stop: Arc<AtomicBool>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cancelled: HashSet<RequestId>,
    work: Work,
    /// Edits that were read and not yet taken up.
    edits: usize,
}

/// What is being worked on.
#[derive(Default)]
enum Work {
    #[default]
    Nothing,
    Request(RequestId),
    Check,
}

impl Control {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message was read.
    pub fn note(&self, message: &Message) {
        let Message::Notification(note) = message else { return };
        let mut state = self.state();
        if note.method == "$/cancelRequest" {
            let Some(id) = id_of(&note.params) else { return };
            if matches!(&state.work, Work::Request(running) if *running == id) {
                self.stop.store(true, Ordering::Relaxed);
            }
            state.cancelled.insert(id);
        } else if note.method.starts_with("textDocument/did") {
            state.edits += 1;
            if matches!(state.work, Work::Check) {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    /// An edit was taken up.
    pub fn edited(&self) {
        let mut state = self.state();
        state.edits = state.edits.saturating_sub(1);
    }

    /// A request begins. False when it was cancelled already.
    pub fn begin(&self, id: &RequestId) -> bool {
        let mut state = self.state();
        self.stop.store(false, Ordering::Relaxed);
        state.work = Work::Request(id.clone());
        !state.cancelled.remove(id)
    }

    /// A check begins that the next edit ends, where `yields`. False when there is an edit already.
    pub fn begin_check(&self, yields: bool) -> bool {
        let mut state = self.state();
        self.stop.store(false, Ordering::Relaxed);
        state.work = if yields { Work::Check } else { Work::Nothing };
        !yields || state.edits == 0
    }

    /// What was begun is over. True when it was stopped.
    pub fn end(&self) -> bool {
        let mut state = self.state();
        if let Work::Request(id) = std::mem::take(&mut state.work) {
            state.cancelled.remove(&id);
        }
        self.stop.swap(false, Ordering::Relaxed)
    }
}

fn id_of(params: &serde_json::Value) -> Option<RequestId> {
    serde_json::from_value(params.get("id")?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lsp_server::Notification;
    use serde_json::json;

    fn cancel(id: i32) -> Message {
        Notification::new("$/cancelRequest".into(), json!({ "id": id })).into()
    }

    #[test]
    fn a_request_that_is_running_stops_when_it_is_cancelled() {
        let control = Control::default();
        assert!(control.begin(&1.into()));
        control.note(&cancel(2));
        assert!(!control.stop.load(Ordering::Relaxed));
        control.note(&cancel(1));
        assert!(control.end());
        assert!(!control.begin(&2.into()), "it was cancelled before it began");
        assert!(!control.end());
    }

    #[test]
    fn an_edit_stops_a_check_and_not_a_request() {
        let edit: Message = Notification::new("textDocument/didChange".into(), json!({})).into();
        let control = Control::default();
        control.begin(&1.into());
        control.note(&edit);
        assert!(!control.end());
        assert!(!control.begin_check(true), "an edit waits");
        control.edited();
        assert!(control.begin_check(true));
        control.note(&edit);
        assert!(control.end());
    }
}
