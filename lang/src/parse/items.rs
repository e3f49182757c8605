//! Declarations other than flows.

use super::build::{Builder, span};
use super::grammar::Rule;
use super::kids::{Kids, Node};
use crate::ast::{
    Campaign, CampaignPart, CampaignPartKind, Const, Ident, Item, ItemKind, Policy, PolicyArm, PolicyEnd, Retry, Test,
    ToolAttr, ToolDecl, TypeDecl, Use, UseName,
};
use crate::span::Span;

impl<'a> Builder<'a> {
    /// One declaration; `None` for the end of the file.
    pub(super) fn item(&mut self, node: Node<'a>) -> Option<Item> {
        let span = span(&node);
        self.said = self.diagnostics.len();
        let kind = match node.as_rule() {
            Rule::comment | Rule::EOI => return None,
            Rule::use_item => ItemKind::Use(self.use_item(node)),
            Rule::const_item => ItemKind::Const(self.const_item(node)),
            Rule::type_item => ItemKind::Type(self.type_item(node)),
            Rule::tool_item => ItemKind::Tool(self.tool_item(node)),
            Rule::flow => ItemKind::Flow(Box::new(self.flow(node))),
            Rule::policy => ItemKind::Policy(self.policy(node)),
            Rule::campaign => ItemKind::Campaign(self.campaign(node)),
            Rule::test => ItemKind::Test(self.test(node)),
            _ => {
                let span = self.trimmed(span);
                self.explain_item(span);
                return Some(Item { kind: ItemKind::Error(self.name_of_broken(span)), span, doc: None });
            }
        };
        Some(Item { kind, span, doc: self.doc_before(span.start) })
    }

    /// What a broken declaration would have declared, so that using it is no second mistake: the (dotted) name before
    /// the first bracket or `=`.
    fn name_of_broken(&self, place: Span) -> Option<Ident> {
        let text = place.text(self.source);
        let head = text.get(..text.find(['(', '{', '=', '\n', '<', ':', '"'])?)?;
        let name = head.split_whitespace().nth(1)?;
        let start = place.start + head.find(&format!(" {name}"))? as u32 + 1;
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        is_name.then(|| Ident { name: name.into(), span: Span { start, end: start + name.len() as u32 } })
    }

    /// `span` without blanks and comments at its end.
    pub(super) fn trimmed(&self, mut span: Span) -> Span {
        loop {
            span.end = span.start + span.text(self.source).trim_end().len() as u32;
            let at = self.comments.partition_point(|comment| comment.span.end < span.end);
            match self.comments.get(at) {
                Some(comment) if comment.span.end == span.end && comment.span.start > span.start => {
                    span.end = comment.span.start;
                }
                _ => return span,
            }
        }
    }

    fn use_item(&mut self, node: Node<'a>) -> Use {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let path = self.path_or(kids.next(), whole);
        let names = kids.next().map(|names| Kids::of(names).map(|name| self.use_name(name)).collect());
        Use { path, names }
    }

    fn use_name(&mut self, node: Node<'a>) -> UseName {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        UseName { name: self.ident_or(kids.next(), whole), alias: kids.next().map(|alias| self.ident(&alias)) }
    }

    fn const_item(&mut self, node: Node<'a>) -> Const {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        Const { name: self.ident_or(kids.next(), whole), value: self.next_expr(&mut kids, whole) }
    }

    fn type_item(&mut self, node: Node<'a>) -> TypeDecl {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        TypeDecl { name: self.ident_or(kids.next(), whole), ty: self.next_type(&mut kids, whole) }
    }

    fn tool_item(&mut self, node: Node<'a>) -> ToolDecl {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let path = self.path_or(kids.next(), whole);
        let params = self.params(&mut kids, false);
        let returns = self.returns(&mut kids);
        let attrs = kids.map(|attr| self.tool_attr(attr)).collect();
        ToolDecl { path, params, returns, attrs }
    }

    fn tool_attr(&mut self, node: Node<'a>) -> ToolAttr {
        let whole = span(&node);
        let rule = node.as_rule();
        let mut kids = Kids::of(node);
        match rule {
            Rule::can_c => ToolAttr::Can(self.capabilities(kids)),
            Rule::idempotent => ToolAttr::Idempotent(whole),
            Rule::accepts_key => ToolAttr::AcceptsKey(self.ident_or(kids.next(), whole)),
            Rule::fails => ToolAttr::Fails(kids.map(|code| self.ident(&code)).collect()),
            Rule::timeout_c => ToolAttr::Timeout(self.next_expr(&mut kids, whole)),
            _ => ToolAttr::Costs(self.next_expr(&mut kids, whole)),
        }
    }

    fn policy(&mut self, node: Node<'a>) -> Policy {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let name = self.ident_or(kids.next(), whole);
        let (mut arms, mut timeout) = (Vec::new(), None);
        for part in self.at_most(kids, "the arms of a policy") {
            if part.as_rule() == Rule::timeout_c {
                let mut inner = Kids::of(part);
                timeout = Some(self.next_expr(&mut inner, whole));
            } else {
                arms.push(self.policy_arm(part));
            }
        }
        Policy { name, arms, timeout }
    }

    fn policy_arm(&mut self, node: Node<'a>) -> PolicyArm {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let codes = self.codes(kids.next_if(Rule::codes));
        let retry = kids.next_if(Rule::policy_retry).map(|retry| self.policy_retry(retry));
        kids.has(Rule::kw_then);
        let then = kids.next().map(|end| self.policy_end(end));
        PolicyArm { codes, retry, then, span: whole }
    }

    fn policy_retry(&mut self, node: Node<'a>) -> Retry {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let count = (!kids.has(Rule::kw_forever)).then(|| self.next_expr(&mut kids, whole));
        let backoff = kids.next_if(Rule::backoff).and_then(|backoff| self.backoff(backoff));
        Retry { count, backoff, on: Vec::new() }
    }

    fn policy_end(&mut self, node: Node<'a>) -> PolicyEnd {
        let fallback = node.as_str().starts_with("fallback");
        match Kids::of(node).next() {
            Some(path) => PolicyEnd::Escalate(self.path(path)),
            None if fallback => PolicyEnd::Fallback,
            None => PolicyEnd::Fail,
        }
    }

    fn campaign(&mut self, node: Node<'a>) -> Campaign {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let name = self.ident_or(kids.next(), whole);
        let parts = kids.map(|part| CampaignPart { span: span(&part), kind: self.campaign_part(part) }).collect();
        Campaign { name, parts }
    }

    fn campaign_part(&mut self, node: Node<'a>) -> CampaignPartKind {
        let whole = span(&node);
        let rule = node.as_rule();
        let mut kids = Kids::of(node);
        match rule {
            Rule::run_p => {
                CampaignPartKind::Run { callee: self.path_or(kids.next(), whole), args: self.args(kids.next()) }
            }
            Rule::delivery_p => CampaignPartKind::Delivery(kids.next().is_some_and(|switch| switch.as_str() == "on")),
            Rule::overlap_p => CampaignPartKind::Overlap(self.ident_or(kids.next(), whole)),
            Rule::cron_p => {
                CampaignPartKind::Cron { schedule: self.next_expr(&mut kids, whole), zone: self.maybe_expr(&mut kids) }
            }
            Rule::every_p => CampaignPartKind::Every(self.next_expr(&mut kids, whole)),
            Rule::event_p => CampaignPartKind::OnEvent {
                event: self.next_expr(&mut kids, whole),
                ty: self.next_type(&mut kids, whole),
            },
            Rule::webhook_p => CampaignPartKind::OnWebhook {
                path: self.next_expr(&mut kids, whole),
                ty: self.next_type(&mut kids, whole),
            },
            Rule::flag_p => CampaignPartKind::Flag(self.next_expr(&mut kids, whole)),
            _ => CampaignPartKind::Priority(self.next_expr(&mut kids, whole)),
        }
    }

    fn test(&mut self, node: Node<'a>) -> Test {
        let mut kids = Kids::of(node);
        let (name, name_span) = match kids.next() {
            Some(name) => {
                let at = span(&name);
                (self.plain_string(name), at)
            }
            None => Default::default(),
        };
        self.in_test = true;
        let mut steps = Vec::new();
        for step in kids {
            match step.as_rule() {
                Rule::unclosed => self.unclosed(name_span, span(&step)),
                _ => steps.push(self.test_step(step)),
            }
        }
        self.in_test = false;
        Test { name, name_span, steps }
    }
}
