//! What the comments of a flow file say about the world around it.

use std::collections::BTreeMap;
use std::time::Duration;
use weir_runtime::tool::Happened;
use weir_stdlib::value::Value;

/// Everything around a flow.
#[derive(Default)]
pub struct Script {
    pub main: Option<String>,
    pub runs: Vec<Value>,
    pub grants: Option<Vec<String>>,
    pub delivery: bool,
    pub flags: Vec<String>,
    pub toml: String,
    pub lock: String,
    pub tools: Vec<Behaviour>,
    pub answers: BTreeMap<String, Vec<Value>>,
    pub told: Vec<(Duration, Told)>,
}

/// What a tool does, for some arguments or all.
pub struct Behaviour {
    pub tool: String,
    pub given: Option<Value>,
    pub replies: Vec<Reply>,
}

/// One reply.
#[derive(Clone)]
pub struct Reply {
    pub after: Duration,
    pub what: What,
}

#[derive(Clone)]
pub enum What {
    Ok(String),
    Fail { code: String, happened: Happened, retry_after: Option<u64>, message: Option<String> },
    Panic,
    Hang,
}

#[derive(Clone)]
pub enum Told {
    Signal { event: String, key: Option<String>, value: Value },
    Cancel,
}

impl Script {
    pub fn read(text: &str) -> Script {
        let mut script = Script { runs: vec![Value::from_json("{}").unwrap()], ..Script::default() };
        for line in text.lines() {
            if let Some(line) = line.strip_prefix("// ") {
                script.line(line.trim());
            }
        }
        script
    }

    fn line(&mut self, line: &str) {
        if line == "delivery" {
            self.delivery = true;
            return;
        }
        if let Some((time, rest)) = line.split_once(' ')
            && let Some(time) = duration(time)
        {
            self.told.push((time, told(rest)));
            return;
        }
        let (head, rest) = match line.find(": ") {
            Some(_) if line.contains(" {") && line.find(" {") < line.find(": ") => match line.find("}: ") {
                Some(at) => (&line[..=at], &line[at + 3..]),
                None => return,
            },
            Some(at) => (&line[..at], &line[at + 2..]),
            None => return,
        };
        match head {
            "main" => self.main = Some(rest.into()),
            "args" => self.runs[0] = json(rest),
            "again" => self.runs.push(json(rest)),
            "grant" => self.grants = Some(rest.split(", ").map(Into::into).collect()),
            "flag" => self.flags.push(rest.into()),
            "toml" => {
                self.toml += rest;
                self.toml += "\n";
            }
            "lock" => {
                self.lock += rest;
                self.lock += "\n";
            }
            _ if head.starts_with("answer ") => {
                let step = head.trim_start_matches("answer ").to_owned();
                self.answers.insert(step, rest.split(" | ").map(json).collect());
            }
            _ => {
                let (tool, given) = match head.split_once(' ') {
                    Some((tool, given)) if given.starts_with('{') => (tool, Some(json(given))),
                    None => (head, None),
                    _ => return,
                };
                if tool.contains('.') {
                    let replies = rest.split(" | ").map(reply).collect();
                    self.tools.push(Behaviour { tool: tool.into(), given, replies });
                }
            }
        }
    }
}

fn json(text: &str) -> Value {
    Value::from_json(text).unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

fn told(text: &str) -> Told {
    if text == "cancel" {
        return Told::Cancel;
    }
    let rest = text.strip_prefix("signal ").unwrap_or_else(|| panic!("neither cancel nor signal: {text}"));
    let (head, value) = rest.split_once(": ").unwrap();
    let (event, key) = match head.split_once(' ') {
        Some((event, key)) => (event, Some(key.to_owned())),
        None => (head, None),
    };
    Told::Signal { event: event.into(), key, value: json(value) }
}

fn reply(text: &str) -> Reply {
    let text = text.trim();
    let (after, text) = match text.split_once(' ') {
        Some((first, rest)) if duration(first).is_some() => (duration(first).unwrap(), rest),
        _ => (Duration::from_millis(10), text),
    };
    let what = match text.split_once(' ').unwrap_or((text, "")) {
        ("panic", _) => What::Panic,
        ("hang", _) => What::Hang,
        ("ok", value) => What::Ok(value.into()),
        ("fail", rest) => {
            let mut words = rest.split(' ');
            let code = words.next().unwrap().to_owned();
            let mut happened = Happened::No;
            let mut retry_after = None;
            let mut message = Vec::new();
            for word in words {
                match word {
                    "maybe" => happened = Happened::Maybe,
                    "no" => happened = Happened::No,
                    _ if word.starts_with("retry-after=") => retry_after = word[12..].parse().ok(),
                    _ => message.push(word),
                }
            }
            let message = (!message.is_empty()).then(|| message.join(" "));
            What::Fail { code, happened, retry_after, message }
        }
        _ => panic!("no reply: {text}"),
    };
    Reply { after, what }
}

fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
    let number: u64 = text[..at].parse().ok()?;
    let millis = match &text[at..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    Some(Duration::from_millis(number * millis))
}
