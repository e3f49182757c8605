//! What fits at a place. The place is read from the tokens, so that it works while a step is half written; names and
//! types come from the check.

use super::declared::word;
use super::tokens::TokenKind;
use super::types;
use super::view::{View, local_type};
use super::words::{ASKED, Place, WORDS};
use crate::check::program::{Callee, Entity};
use ecow::EcoString;
use weir_lang::ast::{FlowClauseKind, ItemKind, Role};
use weir_lang::rules::Rule;
use weir_lang::span::Span;
use weir_lang::types::Type;

/// What is inserted after the text before the place when it is checked, so that `lead.` reads as an expression.
pub const PROBE: &str = "weir_probe";

/// The text that is checked for completions at an offset: with [`PROBE`] there, and with the brackets closed behind it
/// that nothing closes yet.
pub fn probed(source: &str, offset: u32) -> Option<String> {
    let (before, after) = source.split_at_checked(offset as usize)?;
    let tokens = super::tokens::tokens(source);
    let mut open: Vec<&str> = Vec::new();
    let mut closed = 0;
    for token in &tokens {
        let text = token.span.text(source);
        let behind = token.span.start >= offset;
        let starts_item = source.get(..token.span.start as usize).is_some_and(|text| text.ends_with('\n'));
        match text {
            "}" if behind => break,
            _ if behind && starts_item && token.kind == TokenKind::Word => break,
            "(" | "[" | "{" if behind => closed -= 1,
            ")" | "]" if behind => closed += 1,
            "(" | "[" => open.push(text),
            "{" => open.push(text),
            ")" | "]" | "}" => {
                open.pop();
            }
            _ => {}
        }
    }
    let mut text = [before, PROBE].concat();
    let inner = open.iter().rev().take_while(|bracket| **bracket != "{").skip(usize::try_from(closed).unwrap_or(0));
    inner.for_each(|bracket| text.push(if *bracket == "(" { ')' } else { ']' }));
    text.push_str(after);
    Some(text)
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after what it stands for")]
pub enum EntryKind {
    Keyword,
    Flow,
    Tool,
    Server,
    Module,
    Function,
    Type,
    Field,
    Argument,
    Value,
    Local,
    Const,
    Policy,
    Capability,
    Code,
    Rule,
}

/// Something that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What is shown and matched with what is typed.
    pub label: String,
    /// What it is.
    pub kind: EntryKind,
    /// Its type or signature.
    pub detail: Option<String>,
    /// About it, as Markdown.
    pub doc: Option<String>,
    /// What is inserted: a snippet, `$1` and `$0` where there is something to fill in.
    pub snippet: String,
    /// What it replaces.
    pub replace: Span,
    /// Smaller comes first.
    pub rank: u8,
}

/// Finds entries for one place.
pub(super) struct Finder<'v, 'a> {
    pub(super) view: &'v View<'a>,
    /// The word that is being typed.
    pub(super) typed: Span,
    /// Place among the tokens of the one before it.
    pub(super) before: Option<usize>,
    out: Vec<Entry>,
}

impl View<'_> {
    /// What fits at an offset. The view is of the text with [`PROBE`] inserted there.
    pub fn complete(&self, offset: u32) -> Vec<Entry> {
        let inside = self.tokens.iter().find(|token| token.span.start < offset && offset <= token.span.end);
        if let Some(token) = inside {
            match token.kind {
                TokenKind::Comment => return self.rules(token.span, offset),
                TokenKind::Doc | TokenKind::Regex | TokenKind::Number => return Vec::new(),
                TokenKind::Text if offset < token.span.end || !token.span.text(self.text).ends_with('{') => {
                    return self.texts(token.span);
                }
                _ => {}
            }
        }
        let probed = self
            .tokens
            .iter()
            .position(|token| token.kind == TokenKind::Word && token.span.start <= offset && offset < token.span.end);
        let start = probed.and_then(|at| self.tokens.get(at)).map_or(offset, |token| token.span.start);
        let typed = Span { start, end: offset };
        let before = probed.map_or_else(|| self.before(offset), |at| at.checked_sub(1));
        let mut finder = Finder { view: self, typed, before, out: Vec::new() };
        finder.find(offset);
        finder.out
    }

    /// `// weir: allow(`
    fn rules(&self, comment: Span, offset: u32) -> Vec<Entry> {
        let before = Span { start: comment.start, end: offset }.text(self.text);
        let Some((_, typed)) = before.rsplit_once("weir: allow(").filter(|(_, typed)| !typed.contains(')')) else {
            return Vec::new();
        };
        let word = typed.rsplit([',', ' ']).next().unwrap_or("");
        let replace = Span { start: offset - u32::try_from(word.len()).unwrap_or(0), end: offset };
        let rule = |rule: &Rule| Entry {
            label: rule.name().into(),
            kind: EntryKind::Rule,
            detail: None,
            doc: Some(rule.page().to_owned()),
            snippet: rule.name().into(),
            replace,
            rank: 0,
        };
        Rule::ALL.iter().map(rule).collect()
    }

    /// Inside a text: the constants that may stand there.
    fn texts(&self, span: Span) -> Vec<Entry> {
        let Some(expected) = self.expected(span.start) else { return Vec::new() };
        let constants = types::constants(&expected, &self.checked.types);
        let entry = |text: String| Entry {
            label: text.clone(),
            kind: EntryKind::Value,
            detail: None,
            doc: None,
            snippet: text,
            replace: Span { end: span.end, ..span },
            rank: 0,
        };
        constants.into_iter().filter(|text| text.starts_with('"')).map(entry).collect()
    }

    /// The type that is wanted at an offset, where that shows in the tokens.
    fn expected(&self, offset: u32) -> Option<Type> {
        let before = self.tokens.partition_point(|token| token.span.start < offset).checked_sub(1)?;
        if matches!(self.token_text(before), "==" | "!=") {
            return self.type_before(before);
        }
        if self.token_text(before) == "return" {
            return self.returns(offset);
        }
        let call = self.open_call(offset)?;
        Some(self.current_param(&call)?.ty)
    }

    /// The type of what ends right before a token.
    pub(super) fn type_before(&self, at: usize) -> Option<Type> {
        let end = self.tokens.get(at.checked_sub(1)?)?.span;
        let path = self.path_before(at)?;
        self.path_type(&path, end.start).or_else(|| self.type_at(end))
    }

    /// The type of `a.b.c`, where `a` is a name in reach.
    fn path_type(&self, path: &str, offset: u32) -> Option<Type> {
        let mut parts = path.split('.');
        let first = parts.next()?;
        let local = self.names.reach(offset).into_iter().find(|local| local.name == first);
        let mut ty = match local {
            Some(local) => local_type(self.checked, self.loc(local.span))?,
            None => match self.program().entity(self.file, first)? {
                Entity::Const(place) => self.checked.facts.const_types.get(*place).cloned().flatten()?,
                _ => return None,
            },
        };
        for part in parts {
            ty = types::field(&ty, part, &self.checked.types)?;
        }
        Some(ty)
    }

    pub(super) fn returns(&self, offset: u32) -> Option<Type> {
        match &self.item(offset)?.kind {
            ItemKind::Flow(flow) => {
                let place = self.program().flow_in(self.file, &flow.name.name)?;
                self.program().flows.get(place)?.returns.clone()
            }
            _ => None,
        }
    }
}

impl Finder<'_, '_> {
    pub(super) fn text(&self, back: usize) -> &str {
        self.before.and_then(|at| at.checked_sub(back)).map_or("", |at| self.view.token_text(at))
    }

    pub(super) fn push(&mut self, label: impl Into<String>, kind: EntryKind, rank: u8) -> &mut Entry {
        let label = label.into();
        let entry = Entry { snippet: label.clone(), label, kind, detail: None, doc: None, replace: self.typed, rank };
        self.out.push_mut(entry)
    }

    pub(super) fn words(&mut self, place: Place, rank: u8, fits: impl Fn(&str) -> bool) {
        for word in WORDS.iter().filter(|word| word.place == place && fits(word.word)) {
            let entry = self.push(word.word, EntryKind::Keyword, rank);
            entry.snippet = word.snippet.to_owned();
            entry.doc = Some(word.doc.to_owned());
        }
    }

    fn find(&mut self, offset: u32) {
        if self.text(0) == "." || self.text(0) == "?." {
            return self.behind_dot(offset);
        }
        let kind = self.view.item(offset).map(|item| (item.span, &item.kind));
        match kind {
            Some((span, kind)) if offset > span.start && !self.starts_item() => self.in_item(kind, offset),
            _ if self.starts_item() => self.items(),
            _ => self.in_broken(offset),
        }
    }

    /// Whether a declaration may begin here: at a line's beginning, with no bracket open.
    fn starts_item(&self) -> bool {
        let line = self.view.text.get(..self.typed.start as usize).unwrap_or("").rsplit('\n').next().unwrap_or("");
        line.trim_start_matches('\u{feff}').is_empty() && !self.open_bracket()
    }

    /// Whether the innermost item around has a bracket open here.
    fn open_bracket(&self) -> bool {
        let start = self.view.item(self.typed.start).map_or(0, |item| item.span.start);
        let between =
            self.view.tokens.iter().filter(|token| start <= token.span.start && token.span.end <= self.typed.start);
        let depth = between.map(|token| match token.span.text(self.view.text) {
            "(" | "[" | "{" => 1,
            ")" | "]" | "}" => -1,
            _ => 0,
        });
        depth.sum::<i32>() > 0
    }

    fn items(&mut self) {
        self.words(Place::Item, 2, |_| true);
        self.words(Place::Role, 1, |_| true);
        // The clauses of the flow above may stand at a line's beginning too.
        if let Some(ItemKind::Flow(_)) = self.view.item(self.typed.start).map(|item| &item.kind) {
            self.words(Place::FlowClause, 0, |_| true);
        }
    }

    fn in_item(&mut self, kind: &ItemKind, offset: u32) {
        match kind {
            ItemKind::Flow(flow) if offset <= flow.body.span.start || flow.body.span == Span::default() => {
                let had: Vec<&'static str> = flow.clauses.iter().map(|clause| clause_word(&clause.kind)).collect();
                self.head(flow.role, &had, Some(flow.name.name.as_str()));
            }
            ItemKind::Flow(flow) => self.body(Some(flow.role), offset),
            ItemKind::Use(used) => self.used(&used.path.text(), used.names.is_some()),
            ItemKind::Type(_) => self.types(),
            ItemKind::Tool(_) => self.tool(),
            ItemKind::Policy(_) => self.policy(),
            ItemKind::Campaign(_) => match self.text(0) {
                "run" => self.flows(0),
                "as" => self.types(),
                _ if self.view.open_call(offset).is_some() => self.body(None, offset),
                _ => self.words(Place::Campaign, 0, |_| true),
            },
            ItemKind::Test(_) => self.test_step(offset),
            ItemKind::Const(_) => self.expression(offset),
            ItemKind::Error(_) => self.in_broken(offset),
        }
    }

    /// In something that does not parse: what the words before say.
    fn in_broken(&mut self, offset: u32) {
        let start = self.view.tokens.iter().take_while(|token| token.span.end <= self.typed.start).filter(|token| {
            let at_line =
                self.view.text.get(..token.span.start as usize).is_some_and(|b| b.is_empty() || b.ends_with('\n'));
            at_line && token.kind == TokenKind::Word
        });
        match start.last().map(|token| token.span.text(self.view.text)) {
            Some("use") => self.used("", self.open_bracket()),
            Some("type") => self.types(),
            Some("tool") => self.tool(),
            Some("policy") => self.policy(),
            Some("campaign") => self.words(Place::Campaign, 0, |_| true),
            Some(word) if Role::ALL.iter().any(|(role, _)| *role == word) => {
                let role = Role::ALL.iter().find(|(known, _)| *known == word).map(|(_, role)| *role);
                if self.open_bracket() && self.view.open_call(offset).is_none() {
                    self.body(role, offset);
                } else {
                    self.head(role.unwrap_or(Role::Coordinator), &[], None);
                }
            }
            Some("test") => self.test_step(offset),
            Some("const") => self.body(None, offset),
            _ => self.items(),
        }
    }

    fn starts_line(&self) -> bool {
        let line = self.view.text.get(..self.typed.start as usize).unwrap_or("").rsplit('\n').next().unwrap_or("");
        line.trim().is_empty()
    }

    /// The head of a flow.
    fn head(&mut self, role: Role, had: &[&str], name: Option<&str>) {
        let clause = self.last_clause();
        match (self.text(0), clause) {
            (":" | "->" | "|" | "&" | "<" | "[" | "trusted" | "untrusted" | "secret", _) => self.types(),
            ("(", _) => {}
            ("can", _) | (",", Some("can")) => self.capabilities(name),
            ("before" | "after", _) => self.flows(0),
            ("error", _) if self.text(1) == "on" => self.flows(0),
            ("on", _) => {
                self.push("error", EntryKind::Keyword, 0);
            }
            ("with", _) => self.policies(),
            ("tools", _) | (",", Some("tools")) => {
                self.tools(0, false);
                self.flows(1);
            }
            _ if self.open_bracket() => {}
            _ => self.words(Place::FlowClause, 0, |word| {
                let own = match word {
                    "model" | "tools" => role == Role::Agent,
                    "sample" => role == Role::Monitor,
                    _ => true,
                };
                own && !had.contains(&word)
            }),
        }
    }

    /// The word of the flow clause that the place is in.
    fn last_clause(&self) -> Option<&'static str> {
        let words = ["can", "tools", "budget", "limit"];
        let mut at = self.before?;
        loop {
            let text = self.view.token_text(at);
            if let Some(word) = words.iter().find(|word| **word == text) {
                return Some(word);
            }
            if matches!(text, ")" | "{" | "}" | "->") {
                return None;
            }
            at = at.checked_sub(1)?;
        }
    }

    fn tool(&mut self) {
        match self.text(0) {
            ":" | "->" | "|" | "&" | "<" | "[" | "trusted" | "untrusted" | "secret" => self.types(),
            "can" => self.capabilities(None),
            "," if self.last_clause() == Some("can") && !self.open_bracket() => self.capabilities(None),
            "fails" => self.codes(),
            _ if self.open_bracket() => {}
            _ => self.words(Place::ToolAttr, 0, |_| true),
        }
        if self.text(0) == ")" {
            self.words(Place::FlowClause, 1, |word| word == "timeout");
        }
    }

    fn policy(&mut self) {
        match self.text(0) {
            "escalate" => self.flows(0),
            "=>" => {
                for word in ["fail", "fallback", "escalate"] {
                    self.push(word, EntryKind::Keyword, 0);
                }
                self.words(Place::CallClause, 0, |word| word == "retry");
            }
            _ => {
                self.codes();
                self.push("else", EntryKind::Keyword, 1);
                self.words(Place::CallClause, 1, |word| word == "timeout");
            }
        }
    }

    /// A step of a test, or an expression in it.
    fn test_step(&mut self, offset: u32) {
        match (self.text(0), self.text(1)) {
            ("mock", _) | ("after", "crash") | ("(", "calls" | "attempts") => return self.tools(0, false),
            ("fail", _) => return self.codes(),
            ("=>" | "then", _) => {
                self.push("fail", EntryKind::Keyword, 0);
            }
            _ => {}
        }
        if let Some(call) = self.view.open_call(offset) {
            return self.in_call(&call, offset);
        }
        if self.starts_line() {
            self.words(Place::Test, 0, |_| true);
        } else {
            for (word, doc) in ASKED {
                let entry = self.push(word, EntryKind::Function, 1);
                entry.snippet = format!("{word}($0)");
                entry.doc = Some(doc.to_owned());
            }
        }
        self.expression(offset);
    }

    /// A step or expression in a body.
    fn body(&mut self, role: Option<Role>, offset: u32) {
        match (self.text(0), self.text(1)) {
            ("as" | "?", _) if self.text(0) == "as" || self.text(1) == "as" => return self.types(),
            ("on", _) | ("fail", _) => return self.codes(),
            ("{", "catch") => {
                self.codes();
                self.push("else", EntryKind::Keyword, 1);
                return;
            }
            ("with", _) => return self.policies(),
            ("check", _) => return self.validators(),
            ("start" | "undo", _) => {
                self.flows(0);
                if self.text(0) == "undo" {
                    self.tools(0, true);
                }
                return;
            }
            _ => {}
        }
        if let Some(call) = self.view.open_call(offset) {
            self.in_call(&call, offset);
        } else if self.behind_call() {
            self.words(Place::CallClause, 0, |word| word != "from");
            if self.starts_line() {
                self.steps(role, offset);
            }
        } else if self.starts_line() || self.text(0) == "{" || self.text(0) == "=>" {
            self.steps(role, offset);
        } else if self.text(0) == "return" {
            let expected = self.view.returns(offset);
            self.values(expected.as_ref());
            self.names(offset, expected.as_ref());
        } else {
            self.expression(offset);
        }
    }

    fn behind_call(&self) -> bool {
        matches!(self.text(0), ")") || matches!(self.text(0), "optional" | "final")
    }

    fn steps(&mut self, role: Option<Role>, offset: u32) {
        self.words(Place::Step, 3, |word| match word {
            "drop" | "annotate" => matches!(role, Some(Role::Transformer | Role::Enricher)),
            "merge" => role == Some(Role::Aggregator),
            "prompt" => role == Some(Role::Agent),
            "yield" => !matches!(role, Some(Role::Validator | Role::Delivery | Role::Executor)),
            _ => true,
        });
        match role {
            Some(Role::Aggregator) => {
                let entry = self.push("from", EntryKind::Keyword, 2);
                entry.snippet = "from $1 as ${2:name}".to_owned();
            }
            Some(Role::Delivery) => {
                let entry = self.push("key", EntryKind::Keyword, 2);
                entry.snippet = "key \"$0\"".to_owned();
            }
            _ => {}
        }
        self.expression(offset);
    }

    fn in_call(&mut self, call: &super::call::OpenCall, offset: u32) {
        let Some(callee) = self.view.callee_named(&call.callee) else { return self.expression(offset) };
        let params = self.view.params_of(&callee);
        if call.at_start {
            for param in params.iter().filter(|param| !call.named.contains(&param.name)).skip(call.plain) {
                let colon = format!("{}: ", word(&param.name));
                let constants = types::constants(&param.ty, &self.view.checked.types);
                let entry = self.push(format!("{}:", word(&param.name)), EntryKind::Argument, u8::from(param.optional));
                entry.snippet = match constants.as_slice() {
                    [] => format!("{colon}$0"),
                    some => format!("{colon}${{1|{}|}}", some.join(",")),
                };
                entry.detail = Some(param.ty.to_string());
                entry.doc = param.doc.as_ref().map(EcoString::to_string);
            }
        }
        let expected = self.view.current_param(call).map(|param| param.ty);
        self.values(expected.as_ref());
        self.names(offset, expected.as_ref());
    }

    /// Behind a dot: fields of a value, tools of a server, flows of a module.
    fn behind_dot(&mut self, offset: u32) {
        let Some(dot) = self.before else { return };
        let path = self.view.path_before(dot);
        if let Some(path) = &path {
            if self.last_clause() == Some("can") && self.in_head(offset) {
                return self.verbs(path);
            }
            let first = path.split('.').next().unwrap_or(path);
            let local = self.view.names.reach(offset).into_iter().any(|local| local.name == first);
            if !local && self.members(path) {
                return;
            }
        }
        let field = self.view.type_behind(self.typed);
        let ty = field.or_else(|| path.and_then(|path| self.view.path_type(&path, offset)));
        let Some(ty) = ty else { return };
        for (name, field) in types::fields(&ty, &self.view.checked.types) {
            let entry = self.push(word(&name), EntryKind::Field, 0);
            entry.detail = Some(brief(&field.read()));
            entry.doc = field.doc.map(|doc| doc.to_string());
        }
    }

    fn in_head(&self, offset: u32) -> bool {
        match self.view.item(offset).map(|item| &item.kind) {
            Some(ItemKind::Flow(flow)) => offset <= flow.body.span.start || flow.body.span == Span::default(),
            _ => true,
        }
    }

    fn verbs(&mut self, resource: &str) {
        let all = self.view.checked.tools.values().flat_map(|tool| tool.capabilities.clone());
        let known: std::collections::BTreeSet<EcoString> = all.collect();
        for verb in ["read", "write", "send", "exec"] {
            let used = known.contains(&ecow::eco_format!("{resource}.{verb}"));
            self.push(verb, EntryKind::Capability, u8::from(!used));
        }
    }

    /// The tools of a server, or what a module declares. False when the name is neither.
    fn members(&mut self, path: &str) -> bool {
        let tools: Vec<EcoString> = self
            .view
            .checked
            .tools
            .values()
            .filter(|tool| tool.name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
            .map(|tool| tool.name.clone())
            .collect();
        for tool in &tools {
            let own = tool.get(path.len() + 1..).unwrap_or("");
            self.called(word(own), EntryKind::Tool, 0, &Callee::Tool(tool.clone()));
        }
        let module = match self.view.program().entity(self.view.file, path) {
            Some(Entity::Module(place)) => Some(*place),
            _ => self.view.program().module_named(path),
        };
        let scope = module.and_then(|place| self.view.program().modules.get(place)).map(|module| module.scope.clone());
        for (name, entity) in scope.into_iter().flatten() {
            match entity {
                Entity::Flow(place) if self.view.program().flows.get(place).map(|flow| flow.at.module) == module => {
                    self.called(name.to_string(), EntryKind::Flow, 0, &Callee::Flow(place));
                }
                Entity::Type(_) => {
                    self.push(name.to_string(), EntryKind::Type, 1);
                }
                _ => {}
            }
        }
        !tools.is_empty() || module.is_some()
    }
}

impl View<'_> {
    /// The type of what stands before `.word`, from the tree.
    fn type_behind(&self, word: Span) -> Option<Type> {
        let mut found = None;
        super::walk::exprs(&self.ast, &mut |expr| {
            if let weir_lang::ast::ExprKind::Field { base, name, .. } = &expr.kind
                && name.span.start == word.start
            {
                found = Some(self.expr_type(base.id).clone());
            }
        });
        found.filter(|ty| !matches!(ty, Type::Broken))
    }
}

fn clause_word(clause: &FlowClauseKind) -> &'static str {
    match clause {
        FlowClauseKind::Can(_) => "can",
        FlowClauseKind::Timeout(_) => "timeout",
        FlowClauseKind::Limit { .. } => "limit",
        FlowClauseKind::Concurrency { .. } => "concurrency",
        FlowClauseKind::Priority(_) => "priority",
        FlowClauseKind::Budget(_) => "budget",
        FlowClauseKind::Before(_) => "before",
        FlowClauseKind::After(_) => "after",
        FlowClauseKind::OnError(_) => "on",
        FlowClauseKind::Sample(_) => "sample",
        FlowClauseKind::Model(_) => "model",
        FlowClauseKind::Tools(_) => "tools",
        FlowClauseKind::With(_) => "with",
    }
}

/// A type on one short line.
pub fn brief(ty: &Type) -> String {
    let text = ty.to_string();
    if text.chars().count() <= 60 {
        return text;
    }
    let mut short: String = text.chars().take(57).collect();
    short.push('…');
    short
}
