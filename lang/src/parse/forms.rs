//! The forms of expression that are no operators: literals, collections, branches, loops, `ask`, `start`, …

use super::build::{Builder, ident, span};
use super::grammar::Rule;
use super::kids::{Kids, Node};
use super::steps::literal_word;
use super::{say, spelling};
use crate::ast::{
    ArmBody, Block, Delay, Expr, ExprKind, ListItem, MatchArm, Pattern, PatternKind, RecordEntry, Step, StepKind,
};
use crate::span::Span;

impl<'a> Builder<'a> {
    /// An operand without what is attached to it.
    pub(super) fn primary(&mut self, node: Node<'a>) -> Expr {
        let whole = span(&node);
        let rule = node.as_rule();
        let mut kids = match rule {
            Rule::name => return self.expr_at(ExprKind::Name(ident(&node)), whole),
            Rule::number => {
                let value = self.number_value(&node);
                return self.expr_at(value, whole);
            }
            Rule::literal => {
                return self.expr_at(ExprKind::Lit(literal_word(node.as_str())), whole);
            }
            Rule::regex => {
                let regex = self.regex(&node);
                return self.expr_at(ExprKind::Regex(regex), whole);
            }
            Rule::string => return self.string(node),
            Rule::text_block => return self.text_block(node),
            _ => Kids::of(node),
        };
        let kind = match rule {
            Rule::paren => ExprKind::Paren(Box::new(self.claused(&mut kids, whole))),
            Rule::list => self.list(kids, whole),
            Rule::record => ExprKind::Record(kids.map(|entry| self.entry(entry)).collect()),
            Rule::if_expr => return self.if_expr(kids, whole),
            Rule::for_expr => self.for_expr(kids, whole),
            Rule::match_expr => self.match_expr(kids, whole),
            Rule::repeat => self.repeat(kids, whole),
            Rule::start => self.start(kids, whole),
            Rule::ask => ExprKind::Ask {
                question: Box::new(self.next_expr(&mut kids, whole)),
                ty: self.next_type(&mut kids, whole),
            },
            Rule::receive => ExprKind::Receive {
                event: Box::new(self.next_expr(&mut kids, whole)),
                ty: self.next_type(&mut kids, whole),
            },
            Rule::block_expr => ExprKind::Block(Box::new(self.next_expr(&mut kids, whole))),
            Rule::fail_expr => ExprKind::Fail {
                code: kids.next_if(Rule::fail_code).and_then(|code| Kids::of(code).next()).map(|code| ident(&code)),
                message: Box::new(self.next_expr(&mut kids, whole)),
            },
            _ => ExprKind::Error,
        };
        self.expr_at(kind, whole)
    }

    fn list(&mut self, mut kids: Kids<'a>, whole: Span) -> ExprKind {
        let mut items = Vec::new();
        while kids.peek().is_some() {
            if let Some(comp) = kids.next_if(Rule::comp) {
                return self.comprehension(items, comp, whole);
            }
            let spread = kids.has(Rule::spread);
            items.push(ListItem { spread, value: self.next_expr(&mut kids, whole) });
        }
        ExprKind::List(items)
    }

    fn comprehension(&mut self, items: Vec<ListItem>, comp: Node<'a>, whole: Span) -> ExprKind {
        let mut kids = Kids::of(comp);
        let value = match items.into_iter().next() {
            Some(item) => {
                if item.spread {
                    let diagnostic = say::spread_in_comprehension(self.loc(item.value.span));
                    self.report(diagnostic);
                }
                item.value
            }
            None => self.missing(whole),
        };
        let var = self.ident_or(kids.next_if(Rule::name), whole);
        let index = kids.next_if(Rule::name).map(|name| ident(&name));
        let source = Box::new(self.next_expr(&mut kids, whole));
        let cond = self.maybe_expr(&mut kids).map(Box::new);
        ExprKind::Comprehension { value: Box::new(value), var, index, source, cond }
    }

    fn entry(&mut self, node: Node<'a>) -> RecordEntry {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        if kids.has(Rule::spread) {
            return RecordEntry::Spread(self.next_expr(&mut kids, whole));
        }
        let name = self.ident_or(kids.next(), whole);
        let value = self.maybe_expr(&mut kids);
        if value.is_none() && spelling::is_reserved(name.span.text(self.source)) {
            let diagnostic = say::reserved(self.loc(name.span), &name.name);
            self.report(diagnostic);
        }
        RecordEntry::Field { name, value }
    }

    /// The flat chain of `if … else if … else …`, folded from its end.
    fn if_expr(&mut self, mut kids: Kids<'a>, whole: Span) -> Expr {
        let cond = kids.next();
        let chooses = kids.peek() == Some(Rule::kw_then);
        let mut links: Vec<Node<'a>> = cond.into_iter().collect();
        links.extend(kids.filter(|node| !matches!(node.as_rule(), Rule::kw_then | Rule::kw_else)));
        let levels = links.len() / 2;
        let built = self.deeper(levels, whole, |builder| match chooses {
            true => builder.choose(links, whole),
            false => builder.branch(links, whole),
        });
        built.unwrap_or_else(|| self.missing(whole))
    }

    /// `links`: condition, value, condition, value, …, last value.
    fn choose(&mut self, links: Vec<Node<'a>>, whole: Span) -> Expr {
        let mut built: Vec<Expr> = links.into_iter().map(|link| self.expr(link)).collect();
        let mut value = match built.pop() {
            Some(value) => value,
            None => self.missing(whole),
        };
        let last = built.len() / 2;
        while let (Some(then), Some(cond)) = (built.pop(), built.pop()) {
            let start = if built.len() / 2 == 0 && last > 0 { whole.start } else { self.if_before(cond.span) };
            let span = Span { start, end: whole.end };
            let (cond, then, otherwise) = (Box::new(cond), Box::new(then), Box::new(value));
            value = self.expr_at(ExprKind::Choose { cond, then, otherwise }, span);
        }
        value
    }

    /// `links`: condition, block, condition, block, …, perhaps a last block.
    fn branch(&mut self, links: Vec<Node<'a>>, whole: Span) -> Expr {
        let mut otherwise = None;
        let mut pairs: Vec<(Expr, Block)> = Vec::new();
        let mut links = links.into_iter();
        while let Some(link) = links.next() {
            if link.as_rule() == Rule::block {
                otherwise = Some(self.block(link));
                continue;
            }
            let cond = self.expr(link);
            let then = match links.next() {
                Some(block) => self.block(block),
                None => Block { steps: Vec::new(), span: cond.span },
            };
            pairs.push((cond, then));
        }
        while let Some((cond, then)) = pairs.pop() {
            let start = if pairs.is_empty() { whole.start } else { self.if_before(cond.span) };
            let span = Span { start, end: whole.end };
            let value = self.expr_at(ExprKind::If { cond: Box::new(cond), then, otherwise: otherwise.take() }, span);
            if pairs.is_empty() {
                return value;
            }
            otherwise = Some(Block { steps: vec![Step { kind: StepKind::Expr(value), span }], span });
        }
        self.missing(whole)
    }

    /// Where the `if` before a condition starts.
    fn if_before(&self, cond: Span) -> u32 {
        let mut at = Span { start: 0, end: cond.start };
        loop {
            at = self.trimmed(at);
            let text = at.text(self.source);
            if text.ends_with("if") || text.is_empty() {
                return at.end.saturating_sub(2);
            }
            at.end = at.end.saturating_sub(1);
        }
    }

    fn for_expr(&mut self, mut kids: Kids<'a>, whole: Span) -> ExprKind {
        let var = self.ident_or(kids.next_if(Rule::name), whole);
        let index = kids.next_if(Rule::name).map(|name| ident(&name));
        let source = Box::new(self.next_expr(&mut kids, whole));
        let parallel = kids.next_if(Rule::parallel).map(|node| Box::new(self.next_expr(&mut Kids::of(node), whole)));
        ExprKind::For { var, index, source, parallel, body: self.next_block(&mut kids, whole) }
    }

    fn repeat(&mut self, mut kids: Kids<'a>, whole: Span) -> ExprKind {
        ExprKind::Repeat {
            var: self.ident_or(kids.next_if(Rule::name), whole),
            init: Box::new(self.next_expr(&mut kids, whole)),
            at_most: Box::new(self.next_expr(&mut kids, whole)),
            body: self.next_block(&mut kids, whole),
        }
    }

    fn start(&mut self, mut kids: Kids<'a>, whole: Span) -> ExprKind {
        let callee = self.path_or(kids.next_if(Rule::path), whole);
        let args = self.args(kids.next_if(Rule::args));
        let delay = kids.next_if(Rule::delay).map(|node| {
            let after = node.as_str().starts_with("after");
            let value = Box::new(self.next_expr(&mut Kids::of(node), whole));
            if after { Delay::After(value) } else { Delay::At(value) }
        });
        ExprKind::Start { callee, args, delay }
    }

    fn match_expr(&mut self, mut kids: Kids<'a>, whole: Span) -> ExprKind {
        let subject = Box::new(self.next_expr(&mut kids, whole));
        let arms = self.at_most(kids, "the arms of a `match`").into_iter();
        let arms = self.deeper(1, whole, |builder| arms.map(|arm| builder.match_arm(arm)).collect());
        ExprKind::Match { subject, arms: arms.unwrap_or_default() }
    }

    fn match_arm(&mut self, node: Node<'a>) -> MatchArm {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        kids.has(Rule::kw_else);
        let mut patterns = Vec::new();
        while let Some(pattern) = kids.next_if(Rule::pattern) {
            patterns.push(self.pattern(pattern));
        }
        let guard = kids.next_if(Rule::guard).map(|guard| self.expr(guard));
        MatchArm { patterns, guard, body: self.arm_body(&mut kids, whole), span: whole }
    }

    fn pattern(&mut self, node: Node<'a>) -> Pattern {
        let whole = span(&node);
        let mut kids = Kids::of(node);
        let low = self.constant(&mut kids);
        let kind = match kids.has(Rule::dots) {
            true => PatternKind::Range(low, self.constant(&mut kids)),
            false => PatternKind::Lit(low),
        };
        Pattern { kind, span: whole }
    }

    pub(super) fn arm_body(&mut self, kids: &mut Kids<'a>, whole: Span) -> ArmBody {
        let Some(block) = kids.next_if(Rule::block) else {
            return ArmBody::Expr(self.claused(kids, whole));
        };
        let at = span(&block);
        let before = self.diagnostics.len();
        let block = self.block(block);
        if is_record_like(&block, self.source) {
            self.diagnostics.truncate(before);
            let diagnostic = say::record_as_arm(self.loc(at), at.text(self.source));
            self.report(diagnostic);
        }
        ArmBody::Block(block)
    }
}

/// `{ name }` or `{ a: 1 }`: a record where a block is read.
fn is_record_like(block: &Block, source: &str) -> bool {
    let Some(first) = block.steps.first() else {
        return false;
    };
    match &first.kind {
        StepKind::Expr(Expr { kind: ExprKind::Name(_), .. }) => block.steps.len() == 1,
        StepKind::Error => {
            let text = first.span.text(source);
            let word = text.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_' || c == '`');
            text.starts_with("...") || (word.len() < text.len() && word.trim_start().starts_with([':', ',']))
        }
        _ => false,
    }
}
