//! Flows: header, clauses, body.

use super::build::{Builder, span};
use super::grammar::Rule;
use super::kids::{Kids, Node};
use super::{say, spelling};
use crate::ast::{BudgetPart, CapabilityRef, Flow, FlowClause, FlowClauseKind, Param, Role, TypeExpr};
use crate::span::Span;

impl<'a> Builder<'a> {
    pub(super) fn flow(&mut self, node: Node<'a>) -> Flow {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let (role, role_span) =
            kids.next_if(Rule::role).map_or((Role::Coordinator, whole), |word| (role(word.as_str()), span(&word)));
        let name = self.ident_or(kids.next_if(Rule::name), role_span);
        let params = self.params(&mut kids, true);
        let returns = self.returns(&mut kids);
        let mut clauses = Vec::new();
        while kids.peek().is_some_and(|rule| rule != Rule::block) {
            if let Some(clause) = kids.next() {
                clauses.push(FlowClause { span: span(&clause), kind: self.flow_clause(clause) });
            }
        }
        let body = self.next_block(&mut kids, whole);
        Flow { role, role_span, name, params, returns, clauses, body }
    }

    pub(super) fn returns(&mut self, kids: &mut Kids<'a>) -> Option<TypeExpr> {
        let returns = kids.next_if(Rule::returns)?;
        let whole = span(&returns);
        Some(self.next_type(&mut Kids::of(returns), whole))
    }

    /// The parameters; those of flows are names in the body and must not be reserved words.
    pub(super) fn params(&mut self, kids: &mut Kids<'a>, of_flow: bool) -> Vec<Param> {
        let Some(params) = kids.next_if(Rule::params) else {
            return Vec::new();
        };
        let params = self.at_most(Kids::of(params), "the parameters of a flow or tool");
        params.into_iter().map(|param| self.param(param, of_flow)).collect()
    }

    fn param(&mut self, node: Node<'a>, of_flow: bool) -> Param {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let name = self.ident_or(kids.next(), whole);
        if of_flow && spelling::is_reserved(name.span.text(self.source)) {
            let diagnostic = say::reserved(self.loc(name.span), &name.name);
            self.report(diagnostic);
        }
        let optional = kids.has(Rule::opt_mark);
        let ty = self.next_type(&mut kids, whole);
        Param { doc: self.doc_before(whole.start), name, optional, ty, default: self.maybe_expr(&mut kids) }
    }

    pub(super) fn capabilities(&self, kids: Kids<'a>) -> Vec<CapabilityRef> {
        kids.map(|path| CapabilityRef { path: self.path(path) }).collect()
    }

    fn flow_clause(&mut self, node: Node<'a>) -> FlowClauseKind {
        let whole = span(&node);
        let rule = node.as_rule();
        let mut kids = Kids::of(node);
        match rule {
            Rule::can_c => FlowClauseKind::Can(self.capabilities(kids)),
            Rule::tools_c => FlowClauseKind::Tools(kids.map(|path| self.path(path)).collect()),
            Rule::budget_c => FlowClauseKind::Budget(kids.map(|part| self.budget_part(part)).collect()),
            Rule::before_c => FlowClauseKind::Before(self.path_or(kids.next(), whole)),
            Rule::after_c => FlowClauseKind::After(self.path_or(kids.next(), whole)),
            Rule::on_error_c => FlowClauseKind::OnError(self.path_or(kids.next(), whole)),
            Rule::with_c => FlowClauseKind::With(self.ident_or(kids.next(), whole)),
            _ => self.valued_clause(rule, kids, whole),
        }
    }

    fn valued_clause(&mut self, rule: Rule, mut kids: Kids<'a>, whole: Span) -> FlowClauseKind {
        let value = self.next_expr(&mut kids, whole);
        match rule {
            Rule::limit_c => FlowClauseKind::Limit { count: value, per: self.next_expr(&mut kids, whole) },
            Rule::concurrency_c => FlowClauseKind::Concurrency { count: value, by: self.maybe_expr(&mut kids) },
            Rule::priority_c => FlowClauseKind::Priority(value),
            Rule::sample_c => FlowClauseKind::Sample(value),
            Rule::model_c => FlowClauseKind::Model(value),
            _ => FlowClauseKind::Timeout(value),
        }
    }

    fn budget_part(&mut self, node: Node<'a>) -> BudgetPart {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let word = kids.next_if(Rule::budget_word).map(|word| word.as_str());
        let value = self.next_expr(&mut kids, whole);
        match word {
            Some("cost") => BudgetPart::Cost(value),
            Some(_) => BudgetPart::Depth(value),
            None if kids.has(Rule::kw_calls) => BudgetPart::Calls(value),
            None => BudgetPart::Time(value),
        }
    }
}

fn role(word: &str) -> Role {
    Role::ALL.iter().find(|(name, _)| *name == word).map_or(Role::Coordinator, |(_, role)| *role)
}
