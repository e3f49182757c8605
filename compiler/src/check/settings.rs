//! What `weir.toml` says, held against the program: at the key or value that is wrong.

use super::Checker;
use super::errors;
use crate::project::{Config, parse_duration};
use ecow::EcoString;
use weir_lang::span::{FileId, Loc, Span};

impl Checker {
    /// Durations read as such; settings are for tools that are there.
    pub(super) fn check_settings(&mut self, config: &Config) {
        for (server, section) in &config.tools {
            self.check_duration(section.timeout.as_deref(), &["tools", server, "timeout"]);
            let own =
                |name: &EcoString| name.split_once('.').filter(|(of, _)| of == server).map(|(_, own)| own.to_string());
            let known: Vec<String> = self.program.tools.keys().filter_map(own).collect();
            for (name, settings) in &section.tool {
                self.check_duration(settings.timeout.as_deref(), &["tools", server, "tool", name, "timeout"]);
                if !known.is_empty() && !known.iter().any(|one| one == name) {
                    let near = errors::nearest(name, known.iter().map(String::as_str)).map(str::to_string);
                    let loc = self.config_key(&["tools", server, "tool", name]);
                    self.report(errors::invalid_project(
                        loc,
                        &format!("`{server}` has no tool `{name}`"),
                        near.as_deref(),
                    ));
                }
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
        let entry = Config::places(&self.config_text, path).and_then(|place| place.entries.get(at).cloned());
        self.config_loc(entry)
    }

    fn config_place(&self, path: &[&str]) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        Config::places(&self.config_text, path).map(|place| (place.key, place.value))
    }

    fn config_loc(&self, range: Option<std::ops::Range<usize>>) -> Loc {
        let file = FileId(u32::try_from(self.program.modules.len()).unwrap_or(u32::MAX));
        Loc { file, span: range.map_or(Span::default(), |range| Span::new(range.start, range.end)) }
    }
}
