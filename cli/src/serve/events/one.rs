//! The events of one run.

use super::{App, over, sent};
use axum::response::sse::Event;
use futures_util::Stream;
use futures_util::stream::unfold;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the journal is looked into where nothing was observed here: another process may carry the run on.
const LOOK: Duration = Duration::from_secs(1);
/// Looking takes at most about this part of the time.
const REST: u32 = 4;

/// A reader of one run.
pub struct Follow {
    app: Arc<App>,
    run_id: String,
    /// The number of the last event that was handed on.
    after: u64,
    wake: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    ready: VecDeque<Event>,
    ended: bool,
    /// Not looked into again before.
    rests: Option<Instant>,
}

impl Follow {
    /// A reader that has seen the events up to some number.
    pub fn new(app: &Arc<App>, run_id: &str, after: u64) -> Self {
        Follow {
            wake: app.hub.of(run_id),
            stop: app.stop.clone(),
            app: Arc::clone(app),
            run_id: run_id.to_owned(),
            after,
            ready: VecDeque::new(),
            ended: false,
            rests: None,
        }
    }

    /// What is sent to the reader.
    pub fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
        unfold(self, |mut follow| async move {
            let event = follow.next().await?;
            Some((Ok(event), follow))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            if let Some(until) = self.rests.take() {
                tokio::time::sleep_until(until.into()).await;
            }
            self.look().await?;
            if self.ready.is_empty() && !self.ended && !self.wait().await {
                return None;
            }
        }
    }

    /// Reads what is new.
    async fn look(&mut self) -> Option<()> {
        self.wake.mark_unchanged();
        let began = Instant::now();
        let history = self.app.history(&self.run_id).await.ok()?;
        self.rests = Some(Instant::now() + began.elapsed() * REST);
        for event in history.events.iter().filter(|event| event.seq > self.after) {
            self.ready.push_back(sent(event, Some(event.seq.to_string())));
        }
        self.after = self.after.max(history.events.len() as u64);
        if over(&history) {
            self.ended = true;
            let envelope = crate::escape::json(&history.envelope.to_json()).into_owned();
            self.ready.push_back(Event::default().event("end").id(self.after.to_string()).data(envelope));
        }
        Some(())
    }

    /// Waits until there may be more; false: the server ends.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            changed = self.wake.changed() => changed.is_ok(),
            _ = self.stop.wait_for(|stop| *stop) => false,
            () = tokio::time::sleep(LOOK) => true,
        }
    }
}
