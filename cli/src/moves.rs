//! Why a run waits and what would move it, with the commands that do. What stands in a command is quoted for a shell.

use crate::escape;
use std::borrow::Cow;
use weir_runtime::engine::History;
use weir_runtime::envelope::Waiting;
use weir_runtime::journal::{Filter, Journal};

/// Everything that a run waits for.
pub fn moves(journal: &dyn Journal, history: &History) -> Vec<String> {
    let metadata = &history.envelope.metadata;
    let id = &history.record.run_id;
    let mut moves: Vec<String> = metadata.waiting.iter().map(|wait| one(id, wait)).collect();
    if metadata.status.word() == "paused" {
        moves.push(format!("it is paused: `weir runs resume {id}`"));
    }
    let filter = Filter { id: Some(id.clone()), cut_off: true, ..Filter::default() };
    if !metadata.status.is_final() && journal.list(&filter).is_ok_and(|cut| !cut.is_empty()) {
        moves.push(format!("it was cut off: `weir runs resume {id}` goes on with it"));
    }
    moves
}

/// One thing that a run waits for.
pub fn one(id: &str, wait: &Waiting) -> String {
    let step = escape::line(&wait.step);
    let question = wait.question.as_deref().map(escape::line).unwrap_or_default();
    let at = format!("--step {}", shell(&wait.step));
    match wait.kind {
        "ask" => {
            let ty = wait.ty.as_deref().map(escape::line).unwrap_or_default();
            format!("`{step}` asks “{question}”: `weir runs answer {id} {at} ANSWER`, where ANSWER is {ty}")
        }
        "receive" => {
            let event = wait.question.as_deref().map(shell).unwrap_or_default();
            let key = wait.from.as_deref().map(|key| format!(" --key {}", shell(key))).unwrap_or_default();
            format!("`{step}` waits for an event: `weir runs signal {id} {event}{key} --value JSON`")
        }
        "unknown" => format!(
            "`{step}` may have happened ({question}): find out, then `weir runs answer {id} {at}` with `--happened JSON` \
             (it did, with this result), `--again` (it did not) or `--give-up` (and undo what can be)"
        ),
        "escalated" => format!(
            "`{step}` failed ({question}): `weir runs answer {id} {at}` with `--again`, `--skip JSON` or `--give-up`"
        ),
        "queue" => in_line(id, wait, &step, &question),
        _ => format!("`{step}` waits until {}", wait.until.as_deref().unwrap_or("its time")),
    }
}

/// A run or a call that stands in a line.
fn in_line(id: &str, wait: &Waiting, step: &str, question: &str) -> String {
    let until = wait.until.as_deref().map(|until| format!(", until {until}")).unwrap_or_default();
    if !wait.step.is_empty() {
        return format!("`{step}` waits for its turn: {question}{until}");
    }
    format!(
        "it stands in the queue: {question}{until}. Then `weir serve` begins it, or `weir runs resume {id}`; \
         `weir runs cancel {id}` takes it out"
    )
}

/// A word of a command line.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    let shown: Cow<'_, str> = escape::line(word);
    if !shown.is_empty() && shown.chars().all(plain) {
        return shown.into_owned();
    }
    format!("'{}'", shown.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_read_them_otherwise() {
        assert_eq!(shell("each/call"), "each/call");
        assert_eq!(shell("r[25]/x"), "'r[25]/x'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
    }
}
