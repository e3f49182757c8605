//! The tools of a random world: what they answer depends on nothing but the seed, the tool, its arguments and the
//! attempt, so that the engine and the reference meet the same world.

use super::generate::Dice;
use async_trait::async_trait;
use ecow::EcoString;
use serde_json::{Value as Json, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
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

/// Which calls arrived, in their order.
pub struct World {
    pub moods: Moods,
    pub seen: Mutex<Vec<Seen>>,
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
        self.world.seen.lock().unwrap().push(Seen { tool, args, step, attempt, answer: answer.clone() });
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
