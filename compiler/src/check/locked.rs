//! Tools from the lock file: each server's listing and what `weir.toml` adds to it.

use super::Checker;
use super::errors;
use super::mcp::is_built_in;
use super::types::DEFAULT_TIMEOUT_MS;
use crate::project::{ProjectSource, ToolSection, ToolSettings};
use crate::registry::schema::{MAX_BYTES, Refused, Typed, to_type};
use crate::registry::{Definition, Lock, LockError, ServerKind, Tool, ToolParam, ToolSource};
use ecow::{EcoString, eco_format};
use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use serde_json::value::RawValue;
use std::collections::BTreeSet;
use std::sync::Arc;
use weir_lang::span::{FileId, Loc, Span};
use weir_lang::types::{RecordType, Type};

/// What the lock file says.
#[derive(Debug, Default)]
pub(super) struct Servers {
    /// The servers that it holds.
    known: BTreeSet<EcoString>,
    /// Whether there is one that could not be read.
    pub broken: bool,
    /// Tools that cannot be called, and why.
    pub unusable: IndexMap<EcoString, EcoString>,
    /// Tools that `deny` takes away.
    pub denied: BTreeSet<EcoString>,
    file: FileId,
    /// The parts of all types that its schemas gave.
    parts: usize,
}

/// A lock file of more bytes gives the types of tools only that the flows or `weir.toml` name.
const LARGE: usize = 2 << 20;

/// The most servers of a lock file.
const MOST_SERVERS: usize = 500;

/// The most tools of a lock file.
const MOST_TOOLS: usize = 30_000;

/// The most parts (fields, members, elements) of the types of all tools together.
const MOST_PARTS: usize = 300_000;

/// The longest text of a schema in bytes, blanks included: beyond it, it is not read at all.
const LONGEST: usize = 4 * MAX_BYTES;

/// A tool as the text of the lock file has it.
type Raw<'t> = Definition<&'t RawValue>;

/// The lock file while its tools are collected.
struct Text<'t> {
    text: &'t str,
    /// The words of the flows and of `weir.toml`, where only tools that they name get types.
    words: Option<FxHashSet<&'t str>>,
}

impl Text<'_> {
    /// Whether a tool of this name may be called.
    fn names(&self, own: &str) -> bool {
        let Some(words) = &self.words else { return true };
        let pieces = || own.split(|c| !is_word(c)).filter(|piece| !piece.is_empty());
        words.contains(plain_name(own).as_str()) || pieces().all(|piece| words.contains(piece))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn words(source: &ProjectSource) -> FxHashSet<&str> {
    let texts = source.files.iter().map(|file| file.text.as_str());
    let texts = texts.chain(source.config.iter().map(|(_, text)| text.as_str()));
    texts.flat_map(|text| text.split(|c| !is_word(c))).collect()
}

impl Checker {
    /// The tools of every server in the lock file, which stands behind `weir.toml` among the files.
    pub(super) fn collect_locked(&mut self, source: &ProjectSource) {
        if let Some((_, text)) = &source.lock {
            let place = source.files.len() + usize::from(source.config.is_some());
            self.servers.file = FileId(u32::try_from(place).unwrap_or(u32::MAX));
            let large = text.len() > LARGE && !source.every_tool;
            let text = Text { text, words: large.then(|| words(source)) };
            match Lock::read(text.text) {
                Ok(lock) if lock.servers.len() > MOST_SERVERS => {
                    self.broken_lock(0, &format!("more than {MOST_SERVERS} servers"));
                }
                Ok(lock) if lock.servers.values().map(|listing| listing.tools.len()).sum::<usize>() > MOST_TOOLS => {
                    self.broken_lock(0, &format!("more than {MOST_TOOLS} tools; `deny` in weir.toml leaves tools out"));
                }
                Ok(lock) => self.collect_servers(&text, lock),
                Err(LockError { message, at }) => self.broken_lock(at, &message),
            }
        }
        self.collect_spellings();
        self.check_server_names();
    }

    fn broken_lock(&mut self, at: usize, message: &str) {
        self.servers.broken = true;
        let loc = Loc { file: self.servers.file, span: Span::new(at, at) };
        self.report(errors::invalid_lock(loc, message));
    }

    fn collect_servers(&mut self, text: &Text<'_>, lock: Lock<&RawValue>) {
        let config = self.config.clone();
        for (server, listing) in lock.servers {
            let server = &server;
            self.servers.known.insert(server.clone());
            if is_built_in(server) || server.contains('.') {
                let loc = self.lock_place(text, server, None);
                self.report(errors::server_name_taken(loc, server));
                continue;
            }
            let section = config.tools.get(server);
            let denied: FxHashSet<&EcoString> = section.into_iter().flat_map(|section| &section.deny).collect();
            if section.is_none() && !self.unreadable {
                let loc = self.lock_place(text, server, None);
                self.report(errors::lock_without_server(loc, server));
            }
            for (own, definition) in listing.tools {
                if denied.contains(&own) {
                    self.servers.denied.insert(eco_format!("{server}.{own}"));
                    continue;
                }
                self.collect_locked_tool(text, (server, &own), listing.kind, definition, section);
            }
        }
    }

    fn collect_locked_tool(
        &mut self,
        text: &Text<'_>,
        (server, own): (&EcoString, &EcoString),
        kind: ServerKind,
        definition: Raw<'_>,
        section: Option<&ToolSection>,
    ) {
        let name = eco_format!("{server}.{own}");
        let named = text.names(own);
        let at = definition.input;
        match self.locked_tool(&name, own, kind, definition, section, named) {
            Ok(tool) => {
                Arc::make_mut(&mut self.program.tools).insert(name, tool);
            }
            Err(Refused(why)) => {
                let loc = self.lock_place(text, server, Some((own, at)));
                self.report(errors::unusable_tool(loc, &name, &why));
                self.servers.unusable.insert(name, why);
            }
        }
    }

    fn locked_tool(
        &mut self,
        name: &EcoString,
        own: &EcoString,
        kind: ServerKind,
        definition: Raw<'_>,
        section: Option<&ToolSection>,
        named: bool,
    ) -> Result<Tool, Refused> {
        if own.is_empty() || own.chars().any(cannot_be_written) {
            return Err(Refused("its name holds characters that no flow can write".into()));
        }
        let (mut fields, output) = match named {
            true => self.locked_types(name, &definition)?,
            false => (RecordType::default(), Type::Json),
        };
        let claims = section.is_some_and(|section| section.annotations.as_deref() == Some("trust"));
        let annotations = definition.annotations.clone();
        let believed = claims || kind == ServerKind::Openapi;
        let reads = believed && annotations.read_only == Some(true);
        let none = ToolSettings::default();
        let settings = section.filter(|_| named).and_then(|section| section.tool.get(own)).unwrap_or(&none);
        let header = definition.http.as_ref().and_then(|http| http.key_header.clone());
        let accepts_key = self.key_of(name, own, kind, header, settings, &mut fields);
        let params = self.locked_params(name, own, &fields, settings);
        Ok(Tool {
            name: name.clone(),
            doc: definition.description.clone(),
            params,
            output,
            capabilities: vec![self.locked_capability(name, own, settings, reads)],
            idempotent: settings.idempotent.unwrap_or(believed && annotations.idempotent == Some(true)),
            accepts_key,
            untrusted: settings.untrusted.or(section.and_then(|section| section.untrusted)).unwrap_or(true),
            timeout_ms: DEFAULT_TIMEOUT_MS,
            cost: 0.0,
            codes: Vec::new(),
            errors: IndexMap::new(),
            policy: None,
            source: ToolSource::Locked,
            http: definition.http.as_ref().map(|http| Arc::new(http.outline())),
            definition: named.then(|| Arc::new(definition.kept())),
        })
    }

    /// The record of its parameters, and its result.
    fn locked_types(&mut self, name: &EcoString, definition: &Raw<'_>) -> Result<(RecordType, Type), Refused> {
        self.count_parts(0)?;
        let written = [Some(definition.input), definition.output];
        if written.into_iter().flatten().any(|schema| schema.get().len() > LONGEST) {
            return Err(Refused(eco_format!("its schema is longer than {} KiB", MAX_BYTES >> 10)));
        }
        let definition = definition.read().map_err(|_| Refused("its schema is nested too deep".into()))?;
        let input = to_type(&definition.input, name, "Input", &self.program.types)?;
        let fields = parameters(&input)?;
        self.count_parts(parts_of(&input))?;
        self.program.types.types.extend(input.names);
        let Some(schema) = &definition.output else { return Ok((fields, Type::STRING)) };
        let typed = to_type(schema, name, "Output", &self.program.types)?;
        self.count_parts(parts_of(&typed))?;
        self.program.types.types.extend(typed.names);
        Ok((fields, typed.ty))
    }

    /// Types take many times as much memory as the text of their schemas.
    fn count_parts(&mut self, parts: usize) -> Result<(), Refused> {
        self.servers.parts = self.servers.parts.saturating_add(parts);
        if self.servers.parts <= MOST_PARTS {
            return Ok(());
        }
        Err(Refused(eco_format!(
            "the schemas of all tools that are named have more than {MOST_PARTS} parts together; `deny` in weir.toml leaves \
             tools out"
        )))
    }

    /// What `weir.toml` says, else what the server's claims are worth.
    fn locked_capability(&mut self, name: &EcoString, own: &str, settings: &ToolSettings, reads: bool) -> EcoString {
        let server = name.split('.').next().unwrap_or(name);
        let otherwise = eco_format!("{}.{}", plain_name(server), if reads { "read" } else { "write" });
        let Some(capability) = &settings.capability else { return otherwise };
        if is_capability(capability) {
            return capability.clone();
        }
        let loc = self.config_value(&["tools", server, "tool", own, "capability"]);
        self.report(errors::config_capability(loc, capability, &otherwise));
        otherwise
    }

    /// Where the tool takes a key. A parameter for it is not among those that flows fill in.
    fn key_of(
        &mut self,
        name: &EcoString,
        own: &str,
        kind: ServerKind,
        declared: Option<EcoString>,
        settings: &ToolSettings,
        fields: &mut RecordType,
    ) -> Option<EcoString> {
        let Some(key) = &settings.accepts_key else { return declared.map(|header| eco_format!("header:{header}")) };
        let server = name.split('.').next().unwrap_or(name);
        let path = ["tools", server, "tool", own, "accepts_key"];
        match key.strip_prefix("header:") {
            Some(header) if kind == ServerKind::Openapi && is_header(header) => Some(key.clone()),
            Some(_) => {
                let loc = self.config_value(&path);
                self.report(errors::config_key_header(loc, name));
                None
            }
            None if fields.fields.shift_remove(key).is_some() => Some(key.clone()),
            None => {
                let near = self.near(key, fields.fields.keys().map(EcoString::as_str)).map(str::to_string);
                let loc = self.config_value(&path);
                self.report(errors::config_parameter(loc, name, key, near.as_deref()));
                None
            }
        }
    }

    fn locked_params(
        &mut self,
        name: &EcoString,
        own: &str,
        fields: &RecordType,
        settings: &ToolSettings,
    ) -> IndexMap<EcoString, ToolParam> {
        let server = name.split('.').next().unwrap_or(name);
        for (at, param) in settings.trusted.iter().enumerate() {
            if !fields.fields.contains_key(param) {
                let near = self.near(param, fields.fields.keys().map(EcoString::as_str)).map(str::to_string);
                let loc = self.config_entry(&["tools", server, "tool", own, "trusted"], at);
                self.report(errors::config_parameter(loc, name, param, near.as_deref()));
            }
        }
        let param = |(name, field): (&EcoString, &weir_lang::types::FieldType)| {
            let trusted = settings.trusted.contains(name);
            let param = ToolParam { ty: field.ty.clone(), optional: field.optional, trusted, doc: field.doc.clone() };
            (name.clone(), param)
        };
        let (needed, free): (Vec<_>, Vec<_>) = fields.fields.iter().partition(|(_, field)| !field.optional);
        needed.into_iter().chain(free).map(param).collect()
    }

    /// Servers have names that no built-in tool has.
    fn check_server_names(&mut self) {
        let config = self.config.clone();
        for (server, section) in &config.tools {
            if !section.kinds().is_empty() && is_built_in(server) {
                let loc = self.config_key(&["tools", server]);
                self.report(errors::server_name_taken(loc, server));
            }
        }
    }

    /// Whether a server is configured whose tools are not in the lock file.
    pub(super) fn is_unlocked(&self, server: &str) -> bool {
        let configured = self.config.tools.get(server).is_some_and(|section| !section.kinds().is_empty());
        configured && !self.servers.known.contains(server)
    }

    /// Where the name of a server, or of a tool of it, stands in the lock file.
    fn lock_place(&self, text: &Text<'_>, server: &str, tool: Option<(&EcoString, &RawValue)>) -> Loc {
        let all = text.text;
        let (name, within) = match tool {
            // A tool's name stands before its schema.
            Some((own, input)) => {
                let at = (input.get().as_ptr() as usize).saturating_sub(all.as_ptr() as usize);
                (own.as_str(), all.get(..at).unwrap_or(all))
            }
            None => (server, all),
        };
        let quoted = serde_json::to_string(name).unwrap_or_default();
        let is_key = |place: &usize| {
            within.get(place + quoted.len()..).is_some_and(|behind| behind.trim_start().starts_with(':'))
        };
        let place = match tool {
            Some(_) => within.rmatch_indices(&quoted).map(|(place, _)| place).find(is_key),
            None => within.match_indices(&quoted).map(|(place, _)| place).find(is_key),
        };
        let span = place.map(|place| Span::new(place, place + quoted.len())).unwrap_or_default();
        Loc { file: self.servers.file, span }
    }
}

fn parts_of(typed: &Typed) -> usize {
    typed.names.values().chain([&typed.ty]).map(Type::parts).sum()
}

/// The record of a tool's arguments. Where one of several forms is allowed, every field of each.
pub(crate) fn parameters(typed: &Typed) -> Result<RecordType, Refused> {
    let mut record = RecordType::default();
    let head = match &typed.ty {
        Type::Named(name) => typed.names.get(name).unwrap_or(&Type::Json),
        other => other,
    };
    let members = match head {
        Type::Union(members) => members.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut forms = Vec::new();
    for member in members {
        match member {
            Type::Record(form) => forms.push(form.clone()),
            Type::Named(name) => {
                if let Some(Type::Record(form)) = typed.names.get(name) {
                    forms.push(form.clone());
                }
            }
            Type::Json | Type::Map(_) => forms.push(Arc::default()),
            _ => {}
        }
    }
    if forms.is_empty() {
        return Err(Refused("its arguments are no record, so no call could give them".into()));
    }
    for form in &forms {
        for (name, field) in &form.fields {
            let missing = forms.iter().any(|other| other.fields.get(name).is_none_or(|field| field.optional));
            match record.fields.get_mut(name) {
                Some(had) => had.ty = Type::union([had.ty.clone(), field.ty.clone()]),
                None => {
                    record.fields.insert(name.clone(), field.clone());
                }
            }
            if let Some(had) = record.fields.get_mut(name) {
                had.optional = missing;
            }
        }
    }
    Ok(record)
}

/// Control characters, backticks, and marks that turn the direction of text.
fn cannot_be_written(c: char) -> bool {
    c.is_control()
        || c == '`'
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The server's name as the first part of a capability.
pub(super) fn plain_name(server: &str) -> String {
    server.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn is_capability(text: &str) -> bool {
    let word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    text.split_once('.')
        .is_some_and(|(resource, verb)| word(resource) && matches!(verb, "read" | "write" | "send" | "exec"))
}

fn is_header(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
