//! Progress on a terminal: which steps run, which attempt, what is waited for. One line that goes when the run ends.

use crate::escape;
use crate::out;
use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// How often the line changes at most.
const PACE: Duration = Duration::from_millis(80);

/// The line.
pub struct Progress {
    flow: String,
    bar: Option<ProgressBar>,
    running: IndexMap<String, u32>,
    done: u64,
    remark: Option<String>,
    shown: Instant,
}

/// What the line is told of a step.
pub enum Seen<'a> {
    /// It began, or tries again.
    Started { step: &'a str, attempt: u32 },
    /// It is over.
    Ended { step: &'a str },
    /// The tool says how far it is.
    Progress { step: &'a str, reason: &'a str },
    /// An attempt failed.
    Retrying { step: &'a str, reason: &'a str },
    /// What it did was taken back.
    Undone { step: &'a str },
    /// Somebody is waited for.
    Waiting { reason: &'a str },
}

impl Progress {
    /// On a terminal; None elsewhere.
    pub fn start(flow: &str) -> Option<Progress> {
        if !out::stderr_is_terminal() {
            return None;
        }
        let flow = escape::line(flow).into_owned();
        let bar = bar(&flow);
        Some(Progress { flow, bar, running: IndexMap::new(), done: 0, remark: None, shown: Instant::now() })
    }

    /// Takes the line away for a while.
    pub fn hide(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Brings it back.
    pub fn show(&mut self) {
        if self.bar.is_none() {
            self.bar = bar(&self.flow);
        }
    }

    /// Takes note of something, and shows it when it is time.
    pub fn see(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Started { step, attempt } => {
                self.running.insert((*step).to_owned(), *attempt);
                self.remark = None;
            }
            Seen::Ended { step } => {
                self.running.swap_remove(*step);
                self.done += 1;
            }
            Seen::Retrying { step, reason } | Seen::Progress { step, reason } => {
                self.remark = Some(format!("{}: {}", escape::line(step), escape::short(reason, 80)));
            }
            Seen::Undone { step } => self.remark = Some(format!("undone: {}", escape::line(step))),
            Seen::Waiting { reason } => self.remark = Some(format!("waiting: {}", escape::short(reason, 80))),
        }
        if self.shown.elapsed() >= PACE {
            self.shown = Instant::now();
            if let Some(bar) = &self.bar {
                bar.set_message(self.text());
            }
        }
    }

    fn text(&self) -> String {
        let names = self.running.iter().rev().take(3).map(|(step, attempt)| match attempt {
            0 | 1 => escape::line(step).into_owned(),
            attempt => format!("{} (attempt {attempt})", escape::line(step)),
        });
        let names: Vec<String> = names.collect();
        let more = self.running.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let remark = self.remark.as_ref().map(|remark| format!(" · {remark}")).unwrap_or_default();
        let running = if names.is_empty() { String::new() } else { format!(" · {}{more}", names.join(", ")) };
        format!("{} done{running}{remark}", self.done)
    }
}

fn bar(flow: &str) -> Option<ProgressBar> {
    let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg}").ok()?;
    let bar = ProgressBar::new_spinner().with_style(style).with_prefix(flow.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    Some(bar)
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}
