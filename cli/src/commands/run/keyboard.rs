//! The person at the keyboard, asked one question at a time. One thread reads lines for the whole run, so that a question
//! that is withdrawn does not swallow the answer to the next.

use super::ask::ask;
use super::watch::Line;
use async_trait::async_trait;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_lang::types::TypeTable;
use weir_runtime::engine::{Answerer, Question};
use weir_stdlib::value::Value;

/// How often a form looks whether its question is withdrawn.
const LOOK: Duration = Duration::from_millis(100);

/// Answers questions by asking the person.
pub struct Keyboard {
    types: Arc<TypeTable>,
    line: Line,
    /// One question at a time.
    turn: tokio::sync::Mutex<Option<Lines>>,
}

type Lines = Arc<Mutex<Receiver<String>>>;

impl Keyboard {
    /// With the types that questions name, and the progress to clear.
    pub fn new(types: TypeTable, line: Line) -> Self {
        Keyboard { types: Arc::new(types), line, turn: tokio::sync::Mutex::new(None) }
    }
}

#[async_trait]
impl Answerer for Keyboard {
    async fn answer(&self, question: &Question) -> Option<Value> {
        let mut turn = self.turn.lock().await;
        let lines = Arc::clone(turn.get_or_insert_with(start_reading));
        let asked = Asked { line: self.line.clone(), withdrawn: Arc::new(AtomicBool::new(false)) };
        self.line.hide();
        let (sender, answer) = tokio::sync::oneshot::channel();
        let (types, question, withdrawn) = (Arc::clone(&self.types), question.clone(), Arc::clone(&asked.withdrawn));
        std::thread::spawn(move || {
            let mut next = || next_line(&lines, &withdrawn);
            // Nobody waits for the answer to a question that is withdrawn.
            let _ = sender.send(put(&question, &types, &mut next));
        });
        answer.await.ok().flatten()
    }
}

/// A question that is being asked; withdrawn when nobody waits for its answer any more.
struct Asked {
    line: Line,
    withdrawn: Arc<AtomicBool>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.withdrawn.store(true, Ordering::Relaxed);
        self.line.show();
    }
}

fn put(question: &Question, types: &TypeTable, next: &mut dyn FnMut() -> Option<String>) -> Option<Value> {
    let until =
        question.until.map(|until| format!(" (until {})", until.strftime("%Y-%m-%d %H:%M:%S UTC"))).unwrap_or_default();
    let text = format!("{}{until}", question.text);
    ask(&text, question.from.as_deref(), question.problem.as_deref(), &question.ty, types, next)
}

/// Reads lines until the keyboard is gone.
fn start_reading() -> Lines {
    let (sender, receiver): (Sender<String>, Receiver<String>) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    Arc::new(Mutex::new(receiver))
}

fn next_line(lines: &Lines, withdrawn: &AtomicBool) -> Option<String> {
    loop {
        if withdrawn.load(Ordering::Relaxed) {
            return None;
        }
        match lines.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LOOK) {
            Ok(line) => return Some(line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}
