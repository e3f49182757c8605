//! `weir.toml`: the project, its grants, tool servers, flags.

use ecow::EcoString;
use indexmap::IndexMap;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The project file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[project]`
    #[serde(default)]
    pub project: ProjectSection,
    /// `[grants]`: entry flow or campaign to capabilities, `"*"` for all entries.
    pub grants: Option<IndexMap<EcoString, Vec<EcoString>>>,
    /// `[tools.NAME]`
    #[serde(default)]
    pub tools: IndexMap<EcoString, ToolSection>,
    /// `[flags]`
    #[serde(default)]
    pub flags: IndexMap<EcoString, bool>,
    /// `[runs]`
    #[serde(default)]
    pub runs: RunsSection,
    /// `[serve]`
    #[serde(default)]
    pub serve: ServeSection,
    /// `[campaigns]`
    #[serde(default)]
    pub campaigns: CampaignsSection,
    /// `[webhooks."/path"]`
    #[serde(default)]
    pub webhooks: IndexMap<EcoString, WebhookSection>,
}

/// `[serve]`: what `weir serve` offers, and to whom.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServeSection {
    /// `127.0.0.1:7117`: where it listens.
    pub listen: Option<String>,
    /// Names by which it may be reached beside those of this computer: `weir.example.com`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Flows that are offered. Default: those that no other flow calls.
    pub flows: Option<Vec<EcoString>>,
    /// `[serve.tokens.NAME]`: who may ask for what. Without any, whoever is on this computer may do everything.
    #[serde(default)]
    pub tokens: IndexMap<EcoString, TokenSection>,
}

/// `[serve.tokens.NAME]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSection {
    /// `env:NAME` or `file:PATH`.
    pub token: String,
    /// What its bearer may do.
    pub roles: Vec<ServeRole>,
}

/// `roles = ["…"]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServeRole {
    /// Looks.
    Viewer,
    /// Looks, starts runs and steers them.
    Operator,
    /// Looks, and answers the questions of runs.
    Approver,
}

/// `[campaigns]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignsSection {
    /// What becomes of the times at which nothing ran.
    #[serde(default)]
    pub missed: Missed,
}

/// `missed = "…"`: what becomes of the times of a campaign at which nothing ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The last one is made up for.
    #[default]
    Last,
    /// None is.
    Skip,
    /// Each is, the last hundred at most.
    All,
}

/// `[webhooks."/path"]`: what a call of a webhook has to prove.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    /// The secret that calls are signed with: `env:NAME` or `file:PATH`.
    pub secret: String,
    /// How they are signed.
    #[serde(default)]
    pub signature: Signing,
    /// How old a call may be, in milliseconds. Default: 5 minutes.
    #[serde(default, deserialize_with = "millis")]
    pub window: Option<i64>,
    /// How long its body may be, in bytes. Default: 1 MiB.
    pub max_bytes: Option<u64>,
}

/// `signature = "…"`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// <https://www.standardwebhooks.com>: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
    #[default]
    Standard,
    /// `x-hub-signature-256`, as GitHub signs.
    Github,
}

/// `[runs]`: how runs are kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsSection {
    /// Runs that ended longer ago than this are forgotten, in milliseconds. None: never.
    #[serde(default, deserialize_with = "millis")]
    pub keep: Option<i64>,
    /// What survives what.
    #[serde(default)]
    pub durability: Durability,
}

/// `durability = "…"`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// What is acknowledged survives a loss of power.
    #[default]
    Full,
    /// What is acknowledged survives the end of the process, not of the computer.
    Normal,
}

/// A duration in Weir's notation.
fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let read = parse_duration(&text).filter(|millis| *millis > 0);
    read.map(Some).ok_or_else(|| D::Error::custom(format!("`{text}` is no duration: write it like `30d` or `12h`")))
}

/// `[project]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSection {
    /// Its name; scope of idempotency keys. Default: the folder's name.
    pub name: Option<EcoString>,
    /// Folders that hold flow files. Default: the project's own.
    pub flows: Option<Vec<String>>,
    /// `normal` or `strict`.
    pub trust: Option<Trust>,
    /// Whether deliveries may send at all.
    #[serde(default)]
    pub allow_delivery: bool,
    /// The default policy.
    pub policy: Option<EcoString>,
    /// Files of MCP servers beside the project's own (`.mcp.json` and its like): relative to the project, or from `~/`.
    #[serde(default)]
    pub mcp: Vec<String>,
}

/// `trust = "…"`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Data only.
    Normal,
    /// Choosing a step by untrusted data counts too.
    Strict,
}

/// `[tools.NAME]`: one tool server, or a built-in one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ToolSection {
    pub command: Option<Vec<String>>,
    /// One address, or a list with one an instance.
    #[serde(default, deserialize_with = "one_or_more")]
    pub url: Vec<String>,
    pub openapi: Option<String>,
    /// As `url`.
    #[serde(default, deserialize_with = "one_or_more")]
    pub base_url: Vec<String>,
    /// How many processes of a `command` are started.
    pub instances: Option<u32>,
    /// How often each instance is asked whether it is well. Default: only one that is not.
    pub health: Option<String>,
    /// What is asked of an instance of an HTTP API then. Default: its address alone.
    pub health_path: Option<String>,
    /// The instances know each other's idempotency keys.
    #[serde(default)]
    pub shared_keys: bool,
    pub exec: Option<Vec<String>>,
    pub schema: Option<String>,
    #[serde(default)]
    pub env: IndexMap<EcoString, String>,
    /// The folder that a `command` or `exec` starts in. Default: the project's.
    pub cwd: Option<String>,
    /// Headers of each request; values as in `env`.
    #[serde(default)]
    pub headers: IndexMap<EcoString, String>,
    /// `http://…` or `socks5://…`: requests go through it. Proxy variables of the environment are not read.
    pub proxy: Option<String>,
    pub concurrency: Option<u32>,
    pub limit: Option<String>,
    pub breaker: Option<String>,
    pub timeout: Option<String>,
    pub untrusted: Option<bool>,
    pub annotations: Option<String>,
    pub policy: Option<EcoString>,
    pub roots: Option<Vec<String>>,
    #[serde(default)]
    pub deny: Vec<EcoString>,
    pub hosts: Option<Vec<String>>,
    pub outbox: Option<String>,
    pub smtp: Option<String>,
    pub auth: Option<String>,
    pub commands: Option<Vec<String>>,
    /// `[tools.NAME.tool.TOOL]`
    #[serde(default)]
    pub tool: IndexMap<EcoString, ToolSettings>,
    /// Its server stands in a file like `.mcp.json`: `${…}` in `command`, `url` and `cwd` is resolved when it is opened.
    #[serde(skip)]
    pub references: bool,
}

impl ToolSection {
    /// The keys that name a server outside: one section has one of them, a built-in server's none.
    pub fn kinds(&self) -> Vec<&'static str> {
        let named = [
            ("command", self.command.is_some()),
            ("url", !self.url.is_empty()),
            ("openapi", self.openapi.is_some()),
            ("exec", self.exec.is_some()),
        ];
        named.into_iter().filter(|(_, is)| *is).map(|(key, _)| key).collect()
    }
}

/// One text, or a list of them.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Texts;
    impl<'de> serde::de::Visitor<'de> for Texts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an address, or a list of them")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(vec![text.to_owned()])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = list.next_element()? {
                texts.push(text);
            }
            Ok(texts)
        }
    }
    deserializer.deserialize_any(Texts)
}

/// `[tools.NAME.tool.TOOL]`: what the server's schema does not say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct ToolSettings {
    pub capability: Option<EcoString>,
    pub idempotent: Option<bool>,
    pub accepts_key: Option<EcoString>,
    #[serde(default)]
    pub trusted: Vec<EcoString>,
    pub untrusted: Option<bool>,
    pub cost: Option<f64>,
    pub timeout: Option<String>,
    pub policy: Option<EcoString>,
    #[serde(default)]
    pub errors: IndexMap<EcoString, EcoString>,
}

/// What is wrong with a project file, and where in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfigError {
    /// In the reader's words.
    pub message: String,
    /// Byte range in the text.
    pub span: std::ops::Range<usize>,
}

impl Config {
    /// Reads a `weir.toml`.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError {
            message: error.message().lines().collect::<Vec<_>>().join(", "),
            span: error.span().unwrap_or(0..0),
        })
    }
}

/// Where something stands in a project file, as byte ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigPlace {
    /// The key.
    pub key: std::ops::Range<usize>,
    /// Its value.
    pub value: std::ops::Range<usize>,
    /// The entries, where the value is a list.
    pub entries: Vec<std::ops::Range<usize>>,
}

impl Config {
    /// Where every key stands, by the way to it.
    pub fn all_places(text: &str) -> IndexMap<Vec<EcoString>, ConfigPlace> {
        let mut found = IndexMap::new();
        if let Ok(root) = toml::de::DeTable::parse(text) {
            places_below(root.get_ref(), &mut Vec::new(), &mut found);
        }
        found
    }
}

fn places_below(
    table: &toml::de::DeTable<'_>,
    path: &mut Vec<EcoString>,
    found: &mut IndexMap<Vec<EcoString>, ConfigPlace>,
) {
    for (key, value) in table {
        path.push(key.get_ref().as_ref().into());
        let entries = value.get_ref().as_array().into_iter().flat_map(|list| list.iter().map(|one| one.span()));
        let place = ConfigPlace { key: key.span(), value: value.span(), entries: entries.collect() };
        found.insert(path.clone(), place);
        if let Some(inner) = value.get_ref().as_table() {
            places_below(inner, path, found);
        }
        path.pop();
    }
}

/// Milliseconds of a duration in Weir's notation (`200ms`, `5s`, `1h30m`, `3d`, `1w`).
pub fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at_checked(letters)?;
        let unit_ms: i64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit_ms)?)?;
        rest = next;
    }
    Some(total)
}

/// `10 per 1s`: how many calls in how many milliseconds.
pub fn parse_limit(text: &str) -> Option<(u32, i64)> {
    let (count, time) = text.split_once(" per ")?;
    Some((count.trim().parse().ok().filter(|count| *count > 0)?, parse_duration(time).filter(|ms| *ms > 0)?))
}

/// When calls of a server are refused for a while because too many failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// So many failures …
    pub failures: u32,
    /// … within so many milliseconds …
    pub per_ms: i64,
    /// … refuse calls for so many milliseconds.
    pub open_ms: i64,
}

/// `5 failures per 1m open 30s`
pub fn parse_breaker(text: &str) -> Option<Breaker> {
    let (failures, rest) = text.split_once(" failures per ").or_else(|| text.split_once(" failure per "))?;
    let (per, open) = rest.split_once(" open ")?;
    Some(Breaker {
        failures: failures.trim().parse().ok().filter(|count| *count > 0)?,
        per_ms: parse_duration(per).filter(|ms| *ms > 0)?,
        open_ms: parse_duration(open).filter(|ms| *ms > 0)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_whole_notation() {
        assert_eq!(parse_duration("1h30m"), Some(5_400_000));
        assert_eq!(parse_duration("200ms"), Some(200));
        assert_eq!(parse_duration("5"), None);
        assert_eq!(parse_duration(""), None);
        assert_eq!(parse_limit("10 per 1s"), Some((10, 1000)));
        assert_eq!(parse_limit("0 per 1s"), None);
        let breaker = Breaker { failures: 5, per_ms: 60_000, open_ms: 30_000 };
        assert_eq!(parse_breaker("5 failures per 1m open 30s"), Some(breaker));
        assert_eq!(parse_breaker("5 failures per 1m"), None);
    }

    #[test]
    fn runs_are_kept_for_a_duration() {
        assert_eq!(Config::parse("[runs]\nkeep = \"30d\"\n").unwrap().runs.keep, Some(2_592_000_000));
        let error = Config::parse("[runs]\nkeep = \"30\"\n").unwrap_err();
        assert!(error.message.contains("write it like `30d`"), "{}", error.message);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place() {
        let error = Config::parse("[project]\nnmae = \"x\"\n").unwrap_err();
        assert!(error.message.contains("nmae"), "{}", error.message);
        assert_eq!(error.span.start, 10);
    }
}
