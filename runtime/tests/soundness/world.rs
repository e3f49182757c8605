//! The tools of a random world: what they answer depends on nothing but the seed, the tool, its arguments and the
//! attempt, so that the engine and the reference meet the same world.

use super::generate::Dice;
use async_trait::async_trait;
use ecow::EcoString;
use serde_json::{Value as Json, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use weir_runtime::tool::{Call, Fault, Happened, Tool};
use weir_stdlib::value::Value;

/// What a tool does once.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Ok(Json),
    /// It answers beside its type.
    Lie(Json),
    /// A code, and whether it may have happened.
    Fail(&'static str, bool),
    /// It never answers.
    Hang,
}

/// A call that arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    pub tool: String,
    pub args: Json,
    pub run: String,
    pub step: String,
    pub attempt: u32,
    pub answer: Answer,
}

/// How often tools fail, in 100.
#[derive(Clone, Copy)]
pub struct Moods {
    pub seed: u64,
    pub failing: usize,
    pub lying: usize,
}

impl Moods {
    pub fn answer(self, tool: &str, args: &Json, attempt: u32) -> Answer {
        let mut hash = self.seed ^ u64::from(attempt).wrapping_mul(0x0100_0000_01b3);
        for byte in tool.bytes().chain(args.to_string().bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut dice = Dice::new(hash);
        if tool != "db.del" && dice.below(100) < self.failing {
            return match dice.below(9) {
                0 => Answer::Fail("timeout", true),
                1 | 2 => Answer::Fail("unavailable", false),
                3 => Answer::Fail("rate_limited", false),
                4 => Answer::Fail("not_found", false),
                5 => Answer::Fail("conflict", false),
                6 => Answer::Fail("permission", false),
                7 => Answer::Fail("unavailable", true),
                _ => Answer::Hang,
            };
        }
        if dice.below(100) < self.lying {
            return Answer::Lie(
                [json!(7), json!({"items": "no"}), json!({"id": 4}), json!(null)][dice.below(4)].clone(),
            );
        }
        let mut text = |prefix: &str| [prefix, "ann", "bob", "s1"][dice.below(4)].to_owned();
        Answer::Ok(match tool {
            "src.page" => {
                json!({"body": text("page"), "n": text("x").len(), "tags": [text("t"), text("u")], "owner": text("own"), "extra": 1})
            }
            "src.list" => {
                let count = text("xyzw").len() % 4;
                let item =
                    |at: usize| json!({"id": format!("i{at}"), "note": (["ann", "n1", "s2"][at % 3]), "score": at});
                json!({"items": (0..count).map(item).collect::<Vec<_>>()})
            }
            "job.run" => json!({"ok": true}),
            "db.del" => json!(null),
            _ => json!({"id": text("id")}),
        })
    }
}

/// What an operator says of a failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Said {
    Again,
    Skip,
    Fail,
}

impl Moods {
    fn dice(self, of: &str, nth: u32) -> Dice {
        let mut hash = self.seed ^ u64::from(nth).wrapping_mul(0x9e37_79b9);
        for byte in of.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Dice::new(hash)
    }

    /// What somebody answers to a question, if anybody is there.
    pub fn says(self, question: &str, ty: &str) -> Option<Json> {
        let mut dice = self.dice(question, 0);
        let text = |dice: &mut Dice| ["ann", "bob", "yes"][dice.below(3)];
        if dice.one_in(4) {
            return None;
        }
        Some(match ty {
            "bool" => json!(dice.one_in(2)),
            "string" => json!(text(&mut dice)),
            _ => json!({"a": text(&mut dice), "b": text(&mut dice)}),
        })
    }

    /// The events that are sent to the run: name, key, value.
    pub fn events(self) -> Vec<(&'static str, Option<&'static str>, Json)> {
        let mut dice = self.dice("events", 0);
        let mut out = Vec::new();
        for _ in 0..dice.below(7) {
            let key = [None, Some("ann"), Some("x")][dice.below(3)];
            out.push(match dice.below(3) {
                0 => ("note", key, json!(["ann", "hello"][dice.below(2)])),
                1 => ("count", key, json!(dice.below(5))),
                _ => ("pair", key, json!({"a": "ann", "b": "event", "more": 1})),
            });
        }
        out
    }

    /// What an operator decides, the `nth` time that a step of that name is handed over.
    pub fn decides(self, step: &str, nth: u32) -> Said {
        match self.dice(step, nth).below(3) {
            0 if nth < 3 => Said::Again,
            1 => Said::Skip,
            _ => Said::Fail,
        }
    }
}

/// What stands for the result of a call that is left out.
pub fn instead(tool: &str) -> Json {
    match tool {
        "src.page" => json!({"body": "left out", "n": 2, "tags": ["out"], "owner": "bob", "extra": 1}),
        "src.list" => json!({"items": []}),
        "job.run" => json!({"ok": false}),
        _ => json!({"id": "out"}),
    }
}

/// Which calls arrived, in their order.
pub struct World {
    pub moods: Moods,
    pub seen: Mutex<Vec<Seen>>,
    pub began: Instant,
}

/// One server of a world.
pub struct Server {
    pub name: &'static str,
    pub tools: &'static [&'static str],
    pub world: Arc<World>,
}

pub const SERVERS: [(&str, &[&str]); 5] = [
    ("src", &["page", "list"]),
    ("db", &["put", "del", "set"]),
    ("pay", &["charge"]),
    ("job", &["run"]),
    ("mail", &["post"]),
];

#[async_trait]
impl Tool for Server {
    fn describe(&self) -> Vec<EcoString> {
        self.tools.iter().map(|tool| (*tool).into()).collect()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let tool = format!("{}.{}", self.name, call.tool);
        let args: Json = serde_json::from_str(&call.args.to_json()).unwrap();
        let answer = self.world.moods.answer(&tool, &args, call.attempt);
        let (step, attempt) = (call.step.to_string(), call.attempt);
        self.world.seen.lock().unwrap().push(Seen {
            tool,
            args,
            run: call.run_id.to_string(),
            step,
            attempt,
            answer: answer.clone(),
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        match answer {
            Answer::Ok(value) | Answer::Lie(value) => Ok(Value::from_json(&value.to_string()).unwrap()),
            Answer::Fail(code, maybe) => Err(Fault {
                code: code.into(),
                message: "as rolled".into(),
                happened: if maybe { Happened::Maybe } else { Happened::No },
                retry_after_ms: None,
            }),
            Answer::Hang => std::future::pending().await,
        }
    }
}
