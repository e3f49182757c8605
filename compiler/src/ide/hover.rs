//! What is told of the word under the pointer.

use super::symbol::Symbol;
use super::types;
use super::view::View;
use super::words::{ASKED, BASE_TYPES, CODES, Place, meaning};
use crate::check::Effects;
use crate::registry::{Tool, ToolSource};
use std::fmt::Write;
use weir_lang::ast::{Doc, ItemKind};
use weir_lang::span::Span;
use weir_lang::types::Type;

/// What is told, as Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The word.
    pub span: Span,
    /// About it.
    pub text: String,
}

impl View<'_> {
    /// What is told of the word at an offset: what it stands for, and the rules that are broken there.
    pub fn hover(&self, offset: u32) -> Option<Hover> {
        let found = self.about_mention(offset).or_else(|| self.about_word(offset));
        let broken = self.about_mistakes(offset);
        match (found, broken) {
            (Some(found), Some((_, broken))) => {
                Some(Hover { text: format!("{}\n\n---\n\n{broken}", found.text), ..found })
            }
            (found, None) => found,
            (None, Some((span, text))) => Some(Hover { span, text }),
        }
    }

    fn about_mention(&self, offset: u32) -> Option<Hover> {
        let mention = self.mention(offset)?;
        let mut text = String::new();
        if let Some(notation) = self.notation(&mention.symbol) {
            let _ = write!(text, "```flow\n{notation}\n```");
        }
        for part in self.notes(&mention.symbol, mention.span) {
            let _ = write!(text, "\n\n{part}");
        }
        (!text.is_empty()).then(|| Hover { span: mention.span, text: text.trim().to_owned() })
    }

    /// Paragraphs about a thing, beside its declaration.
    fn notes(&self, symbol: &Symbol, span: Span) -> Vec<String> {
        let program = self.program();
        let mut out: Vec<String> = Vec::new();
        match symbol {
            Symbol::Flow(place) => {
                let decl = program.flows.get(*place);
                out.extend(decl.and_then(|decl| program.item(decl.at)).and_then(|item| text(&item.doc)));
                let word = decl.map_or("", |decl| decl.role.word());
                out.extend(meaning(word, &[Place::Role]).map(|role| format!("**{word}**: {}", role.doc)));
                out.extend(self.checked.facts.effects.get(*place).map(effects));
            }
            Symbol::Type(full) => {
                let at = self.checked.facts.type_places.get(full);
                out.extend(at.and_then(|at| program.item(*at)).and_then(|item| text(&item.doc)));
            }
            Symbol::BaseType(name) => {
                out.extend(BASE_TYPES.iter().find(|(known, _)| known == name).map(|(_, doc)| (*doc).to_owned()));
            }
            Symbol::Const(place) => {
                let item = program.consts.get(*place).and_then(|at| program.item(*at));
                out.extend(item.and_then(|item| text(&item.doc)));
                out.extend(self.symbol_type(symbol).map(|ty| format!("Its type is `{}`.", ty.widened())));
            }
            Symbol::Policy(place) => {
                let item = program.policies.get(*place).and_then(|at| program.item(*at));
                out.extend(item.and_then(|item| text(&item.doc)));
            }
            Symbol::Server(server) => out.extend(self.server(server)),
            Symbol::Tool(name) => out.extend(self.checked.tools.get(name).map(about_tool)),
            Symbol::ToolParam(tool, name) => {
                let param = self.checked.tools.get(tool).and_then(|tool| tool.params.get(name));
                out.extend(param.and_then(|param| text(&param.doc)));
                out.extend(
                    param.filter(|param| param.trusted).map(|_| "Trusted: outsiders must not steer it.".to_owned()),
                );
                out.extend(param.filter(|param| param.optional).map(|_| "May be left out.".to_owned()));
            }
            Symbol::Function(function) => {
                let entry = function.entry();
                out.push(entry.doc.to_owned());
                out.push(format!("```flow\n{}  // {}\n```", entry.example, entry.result));
                if !entry.errors.is_empty() {
                    out.push(format!("Fails {}", entry.errors));
                }
            }
            Symbol::Ambient(_) => out.push("A journaled step: after a resume it gives what it gave before.".to_owned()),
            Symbol::Local(loc) => {
                out.extend(self.param_doc(*loc));
                out.extend(self.narrowed(symbol, span));
            }
            Symbol::Field(owner, name) => {
                let fields = types::fields(&Type::Named(owner.clone()), &self.checked.types);
                out.extend(fields.into_iter().find(|(known, _)| known == name).and_then(|(_, field)| text(&field.doc)));
                out.extend(self.narrowed(symbol, span));
            }
            Symbol::Capability(name) => {
                let (_, verb) = name.rsplit_once('.').unwrap_or(("", name));
                out.extend(verb_meaning(verb).map(str::to_owned));
                let tools: Vec<String> = self
                    .checked
                    .tools
                    .values()
                    .filter(|tool| tool.capabilities.contains(name))
                    .map(|tool| format!("`{}`", tool.name))
                    .take(12)
                    .collect();
                if !tools.is_empty() {
                    out.push(format!("Needed by {}.", tools.join(", ")));
                }
            }
            Symbol::Code(name) => {
                out.extend(CODES.iter().find(|(known, _)| known == name).map(|(_, doc)| (*doc).to_owned()));
                let tools = self.checked.tools.values().filter(|tool| tool.codes.contains(name));
                let tools: Vec<String> = tools.map(|tool| format!("`{}`", tool.name)).collect();
                if !tools.is_empty() {
                    out.push(format!("Declared by {}.", tools.join(", ")));
                }
            }
            Symbol::Module(place) => {
                let path = self.checked.files.get(*place).map(|file| format!("`{}`", file.path));
                out.extend(path);
            }
            Symbol::FunctionParam(..) | Symbol::Item(_) => {}
        }
        out
    }

    fn server(&self, server: &str) -> Option<String> {
        let tools = self.checked.tools.values().filter(|tool| tool.server() == server);
        let names: Vec<String> = tools.map(|tool| format!("`{}`", tool.name)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The documentation of a parameter.
    fn param_doc(&self, loc: weir_lang::span::Loc) -> Option<String> {
        let module = self.program().modules.get(loc.file.0 as usize)?;
        module.ast.items.iter().find_map(|item| match &item.kind {
            ItemKind::Flow(flow) => {
                let param = flow.params.iter().find(|param| param.name.span == loc.span)?;
                text(&param.doc)
            }
            _ => None,
        })
    }

    /// The type that holds at this place, where more is known than what is declared.
    fn narrowed(&self, symbol: &Symbol, span: Span) -> Option<String> {
        let here = self.type_at(span)?;
        let declared = self.symbol_type(symbol);
        let news = !matches!(here, Type::Broken) && declared.as_ref() != Some(&here);
        news.then(|| format!("Here: `{here}`"))
    }

    /// The clause, role or step word at an offset.
    fn about_word(&self, offset: u32) -> Option<Hover> {
        let token = self.word(offset)?;
        let in_test = matches!(self.item(token.span.start).map(|item| &item.kind), Some(ItemKind::Test(_)));
        let asked = ASKED.iter().find(|(word, _)| in_test && *word == token.span.text(self.text));
        if let Some((word, doc)) = asked {
            return Some(Hover { span: token.span, text: format!("**{word}**(tool)\n\n{doc}") });
        }
        let found = meaning(token.span.text(self.text), &self.places(token.span))?;
        Some(Hover { span: token.span, text: format!("**{}**\n\n{}", found.word, found.doc) })
    }

    /// What kinds of word may stand at a place: inside or before the body of a flow, in a tool, ….
    fn places(&self, span: Span) -> Vec<Place> {
        match self.item(span.start).map(|item| &item.kind) {
            Some(ItemKind::Flow(flow)) if span.start < flow.body.span.start => vec![Place::Role, Place::FlowClause],
            Some(ItemKind::Flow(_)) => vec![Place::CallClause, Place::Step, Place::Expr],
            Some(ItemKind::Tool(_)) => vec![Place::Item, Place::ToolAttr, Place::Type],
            Some(ItemKind::Campaign(_)) => vec![Place::Item, Place::Campaign],
            Some(ItemKind::Test(_)) => vec![Place::Item, Place::Test, Place::Step],
            Some(ItemKind::Policy(_)) => vec![Place::Item, Place::CallClause],
            _ => vec![Place::Item, Place::Role, Place::Type],
        }
    }

    /// The rules that are broken at an offset, each with the beginning of its page.
    fn about_mistakes(&self, offset: u32) -> Option<(Span, String)> {
        let mut here = self.checked.diagnostics.iter().filter(|found| {
            let loc = found.loc();
            loc.file.0 as usize == self.file && loc.span.touches(offset)
        });
        let first = here.next()?;
        let page = |found: &weir_lang::diagnostic::Diagnostic| {
            let lead =
                found.rule.page().split("\n## ").next().unwrap_or("").lines().skip(1).collect::<Vec<_>>().join("\n");
            let name = found.rule.name();
            format!("**{name}**: {}\n\nMore: `weir explain {name}`", lead.trim())
        };
        let mut pages = vec![page(first)];
        for next in here {
            let next = page(next);
            if !pages.contains(&next) {
                pages.push(next);
            }
        }
        Some((first.loc().span, pages.join("\n\n")))
    }

    /// The type of what stands at an offset: a name's, or an expression's.
    pub fn type_of(&self, offset: u32) -> Option<Type> {
        let mention = self.mention(offset)?;
        self.type_at(mention.span).or_else(|| self.symbol_type(&mention.symbol))
    }

    /// The type of the smallest expression that is exactly this word, or ends with it (`a.b` at `b`).
    pub(super) fn type_at(&self, span: Span) -> Option<Type> {
        let mut best: Option<(u32, Type)> = None;
        super::walk::exprs(&self.ast, &mut |expr| {
            if expr.span.start <= span.start && expr.span.end == span.end {
                let width = expr.span.end - expr.span.start;
                if best.as_ref().is_none_or(|(known, _)| width < *known) {
                    best = Some((width, self.expr_type(expr.id).clone()));
                }
            }
        });
        best.map(|(_, ty)| ty)
    }
}

fn text(doc: &Doc) -> Option<String> {
    doc.as_ref().map(|doc| doc.to_string())
}

fn verb_meaning(verb: &str) -> Option<&'static str> {
    Some(match verb {
        "read" => "Changes nothing outside.",
        "write" => "Changes state that can be changed back.",
        "send" => "Reaches someone and cannot be taken back.",
        "exec" => "Runs code.",
        _ => return None,
    })
}

/// What a flow really does, with all that it calls.
fn effects(effects: &Effects) -> String {
    if effects.needs.is_empty() {
        return if effects.impure { "Calls no tool.".to_owned() } else { "Pure: calls no tool.".to_owned() };
    }
    let needs: Vec<String> = effects.needs.keys().map(|need| format!("`{need}`")).collect();
    let mut text = format!("Needs {}.", needs.join(", "));
    if effects.passes_final {
        text.push_str(" May pass a point of no return.");
    } else if effects.barrier && effects.idempotent {
        text.push_str(" May be repeated: all its effects are idempotent.");
    } else if !effects.barrier {
        text.push_str(" Only reads.");
    }
    text
}

/// What a tool may do and how far it is believed.
fn about_tool(tool: &Tool) -> String {
    let mut parts: Vec<String> = text(&tool.doc).into_iter().collect();
    let effect = match tool.capabilities.iter().filter_map(|one| one.rsplit('.').next()).max_by_key(|verb| rank(verb)) {
        Some(verb) => verb_meaning(verb).unwrap_or_default(),
        None => "Needs no capability.",
    };
    parts.push(effect.to_owned());
    let repeat = match (tool.reads_only() || tool.idempotent, &tool.accepts_key) {
        (true, _) => "It may be repeated.",
        (false, Some(_)) => "It may be repeated where the call has a `key`.",
        (false, None) => "It is not repeated after an error that leaves open whether it happened.",
    };
    parts.push(repeat.to_owned());
    let trust = if tool.untrusted { "Its results are untrusted." } else { "Its results are trusted." };
    let source = match tool.source {
        ToolSource::Builtin => "Built in.",
        ToolSource::Locked => "From the lock file.",
        ToolSource::Declared { builtin: true, .. } => "Built in, declared anew here.",
        ToolSource::Declared { .. } => "Declared in a flow file.",
    };
    parts.push(format!("{trust} {source}"));
    parts.join("\n\n")
}

fn rank(verb: &str) -> u8 {
    match verb {
        "read" => 0,
        "write" => 1,
        "exec" => 2,
        _ => 3,
    }
}
