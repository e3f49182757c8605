//! What `weir.toml` says, held against the program: at the key or value that is wrong.

use super::Checker;
use super::clause::CODES;
use super::errors;
use crate::project::{
    Config, ConfigPlace, MOST_INSTANCES, ToolSection, ToolSettings, parse_breaker, parse_duration, parse_limit,
};
use ecow::EcoString;
use weir_lang::span::{FileId, Loc, Span};

impl Checker {
    /// Every value reads as what it stands for; settings are for tools that are there.
    pub(super) fn check_settings(&mut self, config: &Config) {
        for (server, section) in &config.tools {
            self.check_section(server, section);
            let own =
                |name: &EcoString| name.split_once('.').filter(|(of, _)| of == server).map(|(_, own)| own.to_string());
            let mut known: Vec<String> = self.program.tools.keys().filter_map(own).collect();
            known.extend(self.servers.denied.iter().filter_map(own));
            #[allow(clippy::disallowed_methods, reason = "sorted below")]
            known.extend(self.servers.unusable.keys().filter_map(own));
            known.sort();
            for (name, settings) in &section.tool {
                self.check_tool_settings(server, name, settings);
                if !known.is_empty() && !known.contains(&name.to_string()) {
                    let loc = self.config_key(&["tools", server, "tool", name]);
                    self.no_such_tool(loc, server, name, &known);
                }
            }
            for (at, name) in section.deny.iter().enumerate() {
                if !known.is_empty() && !known.contains(&name.to_string()) {
                    let loc = self.config_entry(&["tools", server, "deny"], at);
                    self.no_such_tool(loc, server, name, &known);
                }
            }
        }
    }

    fn no_such_tool(&mut self, loc: Loc, server: &str, name: &str, known: &[String]) {
        let near = errors::nearest(name, known.iter().map(String::as_str));
        self.report(errors::invalid_project(loc, &format!("`{server}` has no tool `{name}`"), near));
    }

    fn check_section(&mut self, server: &str, section: &ToolSection) {
        self.check_duration(section.timeout.as_deref(), &["tools", server, "timeout"]);
        let wrong = |text: &Option<String>, good: fn(&str) -> bool| text.clone().filter(|text| !good(text));
        let limit = wrong(&section.limit, |text| parse_limit(text).is_some());
        let breaker = wrong(&section.breaker, |text| parse_breaker(text).is_some());
        let annotations = wrong(&section.annotations, |text| text == "trust");
        let forms = [
            ("limit", limit, "write `10 per 1s`"),
            ("breaker", breaker, "write `5 failures per 1m open 30s`"),
            ("annotations", annotations, "write `\"trust\"` to believe what the server claims, or leave it out"),
        ];
        for (key, text, form) in forms {
            if let Some(text) = text {
                let loc = self.config_value(&["tools", server, key]);
                self.report(errors::config_form(loc, key, &text, form));
            }
        }
        if section.concurrency == Some(0) {
            let loc = self.config_value(&["tools", server, "concurrency"]);
            self.report(errors::config_form(loc, "concurrency", "0", "write `1` or more, or leave it out"));
        }
        if let [first, second, ..] = section.kinds().as_slice() {
            let loc = self.config_key(&["tools", server, second]);
            self.report(errors::two_servers(loc, server, first, second));
        }
        self.check_instances(server, section);
    }

    /// Instances are told apart, and are of a server that can have several.
    fn check_instances(&mut self, server: &str, section: &ToolSection) {
        self.check_duration(section.health.as_deref(), &["tools", server, "health"]);
        let count = section.instances.map(|count| count as usize);
        let wrong = match (count, &section.command) {
            (Some(0), _) => Some(("instances", "write `2` or more, or leave it out")),
            (Some(count), _) if count > MOST_INSTANCES => Some(("instances", "a server has at most 64 instances")),
            (Some(_), None) => Some((
                "instances",
                "it counts the processes of a `command`; several addresses stand in one list: `url = [\"…\", \"…\"]`",
            )),
            _ => None,
        };
        if let Some((key, form)) = wrong {
            let loc = self.config_value(&["tools", server, key]);
            self.report(errors::config_form(loc, key, &count.unwrap_or_default().to_string(), form));
        }
        let path = section.health_path.as_ref().filter(|path| section.openapi.is_none() || !path.starts_with('/'));
        if let Some(path) = path {
            let form =
                "write a path of an HTTP API (`openapi`), such as `/healthz`; other servers are asked for their tools";
            let loc = self.config_value(&["tools", server, "health_path"]);
            self.report(errors::config_form(loc, "health_path", path, form));
        }
        for (key, addresses) in [("url", &section.url), ("base_url", &section.base_url)] {
            self.check_addresses(server, key, addresses);
        }
    }

    fn check_addresses(&mut self, server: &str, key: &str, addresses: &[String]) {
        if addresses.is_empty() && self.config_at(&["tools", server, key]).is_some() {
            let loc = self.config_value(&["tools", server, key]);
            self.report(errors::config_form(loc, key, "[]", "write an address, or a list with one an instance"));
        }
        if addresses.len() > MOST_INSTANCES {
            let loc = self.config_value(&["tools", server, key]);
            let form = "a server has at most 64 instances";
            self.report(errors::config_form(loc, key, &format!("[…{} addresses]", addresses.len()), form));
        }
        for (at, address) in addresses.iter().enumerate() {
            if addresses.iter().take(at).any(|other| other == address) {
                let loc = self.config_entry(&["tools", server, key], at);
                self.report(errors::same_instance(loc, server));
            }
        }
    }

    fn check_tool_settings(&mut self, server: &str, name: &str, settings: &ToolSettings) {
        let path = |key| ["tools", server, "tool", name, key];
        self.check_duration(settings.timeout.as_deref(), &path("timeout"));
        if let Some(cost) = settings.cost.filter(|cost| !(cost.is_finite() && *cost >= 0.0)) {
            let loc = self.config_value(&path("cost"));
            self.report(errors::config_form(loc, "cost", &cost.to_string(), "write a number from 0 up"));
        }
        let full = ecow::eco_format!("{server}.{name}");
        let declared: Vec<EcoString> = self.program.tools.get(&full).map(|tool| tool.codes.clone()).unwrap_or_default();
        for (message, code) in &settings.errors {
            let known = CODES.iter().copied().chain(declared.iter().map(EcoString::as_str));
            let near = errors::nearest(code, known).filter(|near| near != code).map(str::to_string);
            if near.is_some() || !is_code(code) {
                let loc = self.config_value(&["tools", server, "tool", name, "errors", message]);
                self.report(errors::config_code(loc, code, near.as_deref()));
            }
        }
        let built_in = |tool: &crate::registry::Tool| tool.is_builtin();
        if self.program.tools.get(&full).is_some_and(built_in) {
            let complete = [
                ("capability", settings.capability.is_some()),
                ("idempotent", settings.idempotent.is_some()),
                ("accepts_key", settings.accepts_key.is_some()),
                ("trusted", !settings.trusted.is_empty()),
                ("untrusted", settings.untrusted.is_some()),
            ];
            for (key, _) in complete.iter().filter(|(_, there)| *there) {
                let loc = self.config_key(&path(key));
                self.report(errors::config_of_builtin(loc, key, &full));
            }
        }
    }

    fn check_duration(&mut self, text: Option<&str>, path: &[&str]) {
        if let Some(text) = text
            && parse_duration(text).is_none()
        {
            let loc = self.config_value(path);
            self.report(errors::config_duration(loc, text));
        }
    }

    /// Policies that are named are there, and repeat nothing that must not happen twice.
    pub(super) fn check_named_policies(&mut self) {
        let config = self.config.clone();
        self.check_named_policy(config.project.policy.as_deref(), &["project", "policy"]);
        for (server, section) in &config.tools {
            self.check_named_policy(section.policy.as_deref(), &["tools", server, "policy"]);
            for (name, settings) in &section.tool {
                let path = ["tools", server.as_str(), "tool", name.as_str(), "policy"];
                let Some(policy) = self.check_named_policy(settings.policy.as_deref(), &path) else { continue };
                let full = ecow::eco_format!("{server}.{name}");
                let repeatable =
                    |tool: &crate::registry::Tool| tool.reads_only() || tool.idempotent || tool.accepts_key.is_some();
                if self.program.tools.get(&full).is_some_and(|tool| !repeatable(tool)) && self.policy_retries(policy) {
                    let loc = self.config_value(&path);
                    let word = format!("the policy `{}`", settings.policy.as_deref().unwrap_or_default());
                    self.report(errors::unsafe_retry(loc, &format!("`{full}`"), &word, Some(&full)));
                }
            }
        }
    }

    fn check_named_policy(&mut self, name: Option<&str>, path: &[&str]) -> Option<usize> {
        let name = name?;
        let found = self.program.policy_by_name(name);
        if found.is_none() {
            let known = self.policy_names();
            let near = errors::nearest(name, known.iter().map(EcoString::as_str)).map(str::to_string);
            let loc = self.config_value(path);
            self.report(errors::invalid_project(loc, &format!("there is no policy `{name}`"), near.as_deref()));
        }
        found
    }

    /// Where a key of the project file stands.
    pub(super) fn config_key(&self, path: &[&str]) -> Loc {
        self.config_loc(self.config_place(path).map(|(key, _)| key))
    }

    /// Where the value of a key of the project file stands.
    pub(super) fn config_value(&self, path: &[&str]) -> Loc {
        self.config_loc(self.config_place(path).map(|(_, value)| value))
    }

    /// Where an entry of a list in the project file stands.
    pub(super) fn config_entry(&self, path: &[&str], at: usize) -> Loc {
        let entry = self.config_at(path).and_then(|place| place.entries.get(at).cloned());
        self.config_loc(entry)
    }

    fn config_place(&self, path: &[&str]) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        self.config_at(path).map(|place| (place.key.clone(), place.value.clone()))
    }

    /// The file is read for its places once.
    fn config_at(&self, path: &[&str]) -> Option<&ConfigPlace> {
        let places = self.config_places.get_or_init(|| Config::all_places(&self.config_text));
        places.get(&path.iter().map(|part| EcoString::from(*part)).collect::<Vec<_>>())
    }

    fn config_loc(&self, range: Option<std::ops::Range<usize>>) -> Loc {
        let file = FileId(u32::try_from(self.program.modules.len()).unwrap_or(u32::MAX));
        Loc { file, span: range.map_or(Span::default(), |range| Span::new(range.start, range.end)) }
    }
}

/// `already_there`
fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
