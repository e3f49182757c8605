//! A cursor over the children of a grammar node that leaves out comments and punctuation.

use super::grammar::Rule;
use pest::iterators::{Pair, Pairs};

/// A node of pest's flat tree.
pub(super) type Node<'a> = Pair<'a, Rule>;

/// The children of a node, in order.
pub(super) struct Kids<'a> {
    pairs: Pairs<'a, Rule>,
    ahead: Option<Node<'a>>,
}

impl<'a> Kids<'a> {
    /// The children of `node`.
    pub(super) fn of(node: Node<'a>) -> Self {
        Kids { pairs: node.into_inner(), ahead: None }
    }

    /// The rule of the next child.
    pub(super) fn peek(&mut self) -> Option<Rule> {
        if self.ahead.is_none() {
            self.ahead = self.pairs.by_ref().find(|pair| !is_silent(pair.as_rule()));
        }
        self.ahead.as_ref().map(Pair::as_rule)
    }

    /// Takes the next child if it is of `rule`.
    pub(super) fn next_if(&mut self, rule: Rule) -> Option<Node<'a>> {
        if self.peek() == Some(rule) { self.ahead.take() } else { None }
    }

    /// Takes the next child if it is of `rule`, and says whether it was.
    pub(super) fn has(&mut self, rule: Rule) -> bool {
        self.next_if(rule).is_some()
    }
}

impl<'a> Iterator for Kids<'a> {
    type Item = Node<'a>;

    fn next(&mut self) -> Option<Node<'a>> {
        self.peek();
        self.ahead.take()
    }
}

/// Tokens that say nothing which their place does not say already.
fn is_silent(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::comment
            | Rule::comma
            | Rule::colon
            | Rule::equals
            | Rule::arrow
            | Rule::thin_arrow
            | Rule::open_paren
            | Rule::open_brace
            | Rule::close_paren
            | Rule::close_bracket
            | Rule::close_brace
            | Rule::close_angle
            | Rule::close_quote
            | Rule::close_text
            | Rule::kw_in
            | Rule::kw_as
            | Rule::kw_per
            | Rule::kw_by
            | Rule::kw_key
            | Rule::kw_zone
            | Rule::kw_prefer
            | Rule::kw_at_most
            | Rule::EOI
    )
}
