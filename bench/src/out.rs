//! Printing, timing and memory.

use std::io::Write;
use std::time::{Duration, Instant};

/// Prints a line.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Runs `work` until it has taken half a second or 20 rounds, after one to warm up; gives the shortest.
pub fn best(mut work: impl FnMut()) -> Duration {
    work();
    let begun = Instant::now();
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
        if begun.elapsed() > Duration::from_millis(500) {
            break;
        }
    }
    best
}

/// Runs `work` once and says how long it took.
pub fn once<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}

/// Bytes of memory that this process holds now (Linux; 0 elsewhere).
pub fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = text.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// Milliseconds with two places.
pub fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
