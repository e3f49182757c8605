//! The events of all runs. An id is `epoch-number-milliseconds`: which server process, the event's number there, and when
//! it was. Who comes back while the event behind it is still at hand gets exactly what follows. Who comes back later, or
//! to another process, first gets everything since a little before that time from the journals: nothing is missing; what
//! comes twice has the same `run_id` and `seq`.

use super::super::problem::Problem;
use super::{App, Asked, last_seen, sent, stream};
use crate::serve::hub::Taken;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use ecow::EcoString;
use futures_util::Stream;
use futures_util::stream::unfold;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;
use weir_runtime::engine::Engine;
use weir_runtime::journal::Filter;

/// Events that were written down at about the same time may be told in another order; this is far more than that.
const EARLIER: jiff::SignedDuration = jiff::SignedDuration::from_secs(30);

/// `GET /v1/events`
pub async fn of_all(State(app): State<Arc<App>>, asked: Asked, headers: HeaderMap) -> Result<Response, Problem> {
    asked.only(&[])?;
    let seen = last_seen(&headers).map(read).transpose()?;
    Ok(stream(All::new(&app, seen).stream()))
}

/// What an id says.
struct Seen {
    epoch: EcoString,
    number: u64,
    at: Timestamp,
}

fn read(id: &str) -> Result<Seen, Problem> {
    let mut parts = id.splitn(3, '-');
    let mut part = || parts.next().unwrap_or_default();
    let (epoch, number, at) = (part(), part().parse(), part().parse());
    match (number, at.ok().and_then(|at| Timestamp::from_millisecond(at).ok())) {
        (Ok(number), Some(at)) => Ok(Seen { epoch: epoch.into(), number, at }),
        _ => Err(Problem::bad("bad_event_id", "`Last-Event-ID` is the `id` of an event of this stream")),
    }
}

/// A reader of all runs.
struct All {
    app: Arc<App>,
    /// The number of the next event that is told as it comes.
    next: u64,
    /// Runs whose journals are read first, and from when on.
    behind: VecDeque<EcoString>,
    since: Option<Timestamp>,
    /// What was handed on from journals, by run, while the same may still come as it was told.
    told: BTreeMap<EcoString, u64>,
    told_until: u64,
    last: Timestamp,
    any: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    ready: VecDeque<Event>,
}

impl All {
    fn new(app: &Arc<App>, seen: Option<Seen>) -> Self {
        let mut all = All {
            any: app.hub.any(),
            stop: app.stop.clone(),
            next: app.hub.next(),
            behind: VecDeque::new(),
            since: None,
            told: BTreeMap::new(),
            told_until: 0,
            last: Timestamp::now(),
            ready: VecDeque::new(),
            app: Arc::clone(app),
        };
        match seen {
            Some(seen) if seen.epoch == all.app.hub.epoch => all.next = seen.number + 1,
            Some(seen) => all.since = Some(seen.at),
            None => {}
        }
        all
    }

    fn stream(self) -> impl Stream<Item = Result<Event, Infallible>> + Send + 'static {
        unfold(self, |mut all| async move {
            let event = all.next().await?;
            Some((Ok(event), all))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if let Some(since) = self.since.take() {
                self.fall_back(since).await?;
            }
            if let Some(run_id) = self.behind.pop_front() {
                self.journal(&run_id).await;
                continue;
            }
            self.any.mark_unchanged();
            match self.app.hub.take(self.next) {
                Taken::Some(first, events) => self.take(first, &events),
                Taken::Behind => self.since = Some(self.last),
                Taken::Nothing => tokio::select! {
                    changed = self.any.changed() => changed.ok()?,
                    _ = self.stop.wait_for(|stop| *stop) => return None,
                },
            }
        }
    }

    /// Goes to the journals: everything since a time, then what is told from now on.
    async fn fall_back(&mut self, since: Timestamp) -> Option<()> {
        let since = since.checked_sub(EARLIER).unwrap_or(Timestamp::UNIX_EPOCH);
        self.next = self.app.hub.next();
        self.told.clear();
        let filter = Filter { active_since: Some(since.to_string().into()), ..Filter::default() };
        let runs = self.app.engine.list(&filter).await.ok()?;
        self.behind = runs.into_iter().rev().map(|run| run.run_id).collect();
        self.last = since;
        Some(())
    }

    async fn journal(&mut self, run_id: &EcoString) {
        // Forgotten meanwhile, or damaged: that is told where the run itself is looked at.
        let Ok(history) = self.app.history(run_id).await else { return };
        for event in history.events.iter().filter(|event| event.at >= self.last) {
            // Without an id: who breaks off here comes back to where it began.
            self.ready.push_back(sent(event, None));
        }
        self.told.insert(run_id.clone(), history.events.len() as u64);
        self.told_until = self.app.hub.next();
    }

    fn take(&mut self, first: u64, events: &[Arc<weir_runtime::observe::Observed>]) {
        for (number, event) in (first..).zip(events) {
            self.next = number + 1;
            self.last = event.at;
            let told = self.told.get(&event.run_id).is_some_and(|seq| event.seq > 0 && event.seq <= *seq);
            if !told {
                let id = format!("{}-{number}-{}", self.app.hub.epoch, event.at.as_millisecond());
                self.ready.push_back(sent(event, Some(id)));
            }
        }
        if self.next >= self.told_until {
            self.told.clear();
        }
    }
}
