//! What became of a server's process, and the last that it wrote to its standard error: kept for messages.

use super::progress::Hearers;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Most that is kept of the standard error, in bytes.
const TAIL: usize = 4 * 1024;

/// Shared by everybody who has to do with one process or session.
#[derive(Debug)]
pub(super) struct Fate {
    inner: Mutex<Inner>,
    ended: watch::Sender<bool>,
    /// Who hears how far a call is.
    pub hearers: Hearers,
}

#[derive(Debug, Default)]
struct Inner {
    why: Option<String>,
    said: Vec<u8>,
    noise: Noise,
}

/// Lines on the standard output that are no messages.
#[derive(Debug, Default)]
struct Noise {
    lines: u64,
    first: String,
}

impl Fate {
    pub(super) fn new() -> Self {
        Fate { inner: Mutex::default(), ended: watch::Sender::new(false), hearers: Hearers::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session is over; the first reason counts.
    pub(super) fn end(&self, why: impl Into<String>) {
        self.inner().why.get_or_insert_with(|| why.into());
        self.ended.send_replace(true);
    }

    /// Once it is over.
    pub(super) async fn over(&self) {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as we do.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    pub(super) fn is_over(&self) -> bool {
        *self.ended.borrow()
    }

    /// More of its standard error; only the end is kept.
    pub(super) fn said(&self, bytes: &[u8]) {
        let said = &mut self.inner().said;
        said.extend_from_slice(bytes.get(bytes.len().saturating_sub(TAIL)..).unwrap_or_default());
        let beyond = said.len().saturating_sub(TAIL);
        said.drain(..beyond);
    }

    /// A line of its standard output that is no message. Gives how many there were.
    pub(super) fn noise(&self, line: &[u8]) -> u64 {
        let noise = &mut self.inner().noise;
        if noise.lines == 0 {
            noise.first = String::from_utf8_lossy(line.get(..120).unwrap_or(line)).trim().to_owned();
        }
        noise.lines += 1;
        noise.lines
    }

    /// Why it ended and what it said last, as the end of a sentence.
    pub(super) fn story(&self) -> String {
        let inner = self.inner();
        let mut story = inner.why.clone().unwrap_or_else(|| "it closed the connection".to_owned());
        let said = String::from_utf8_lossy(&inner.said);
        let last: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = last.get(last.len().saturating_sub(5)..).unwrap_or_default().join(" / ");
        if !last.is_empty() {
            story.push_str(&format!("; its last words on standard error: `{last}`"));
        }
        if inner.noise.lines > 0 {
            story.push_str(&format!(
                "; {} lines on its standard output are no messages, the first is `{}`",
                inner.noise.lines, inner.noise.first
            ));
        }
        story
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_flood_is_kept() {
        let fate = Fate::new();
        for _ in 0..100_000 {
            fate.said(b"x".repeat(100).as_slice());
        }
        fate.said(b"\nthe end\n");
        assert!(fate.inner().said.len() <= TAIL);
        fate.end("first");
        fate.end("second");
        let story = fate.story();
        assert!(story.starts_with("first; ") && story.ends_with("the end`"), "{story}");
    }
}
