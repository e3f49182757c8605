//! What each word is, for colouring: with this an editor that has no grammar of Weir still shows everything.

use super::symbol::Symbol;
use super::tokens::TokenKind;
use super::view::View;
use super::words::WORDS;
use weir_lang::ast::Role;
use weir_lang::span::Span;

/// What a coloured token is. The order is that of [`Colour::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named as the protocol names it")]
pub enum Colour {
    Namespace,
    Type,
    Parameter,
    Variable,
    Property,
    EnumMember,
    Function,
    Method,
    Keyword,
    Comment,
    String,
    Number,
    Regexp,
    Operator,
}

impl Colour {
    /// Each with the protocol's name of it, in the order of the legend.
    pub const ALL: [(Colour, &'static str); 14] = [
        (Colour::Namespace, "namespace"),
        (Colour::Type, "type"),
        (Colour::Parameter, "parameter"),
        (Colour::Variable, "variable"),
        (Colour::Property, "property"),
        (Colour::EnumMember, "enumMember"),
        (Colour::Function, "function"),
        (Colour::Method, "method"),
        (Colour::Keyword, "keyword"),
        (Colour::Comment, "comment"),
        (Colour::String, "string"),
        (Colour::Number, "number"),
        (Colour::Regexp, "regexp"),
        (Colour::Operator, "operator"),
    ];
}

/// A coloured token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coloured {
    /// Where.
    pub span: Span,
    /// What.
    pub colour: Colour,
    /// Declared here.
    pub declares: bool,
    /// Belongs to the language.
    pub library: bool,
    /// Cannot change: a constant.
    pub readonly: bool,
}

/// Words that are keywords wherever they do not name anything.
const ALSO: [&str; 24] = [
    "and", "or", "in", "matches", "when", "backoff", "every", "within", "until", "forever", "calls", "cost", "depth",
    "per", "by", "prefer", "at", "most", "error", "true", "false", "null", "zone", "escalate",
];

impl View<'_> {
    /// Every token that has a colour, in order.
    pub fn coloured(&self) -> Vec<Coloured> {
        let mut mentions = self.names.mentions.iter().peekable();
        let mut out = Vec::with_capacity(self.tokens.len());
        for token in &self.tokens {
            while mentions.peek().is_some_and(|mention| mention.span.end <= token.span.start) {
                mentions.next();
            }
            let plain = |colour: Colour| Coloured {
                span: token.span,
                colour,
                declares: false,
                library: false,
                readonly: false,
            };
            let found = match token.kind {
                TokenKind::Comment | TokenKind::Doc => Some(plain(Colour::Comment)),
                TokenKind::Text => Some(plain(Colour::String)),
                TokenKind::Number => Some(plain(Colour::Number)),
                TokenKind::Regex => Some(plain(Colour::Regexp)),
                TokenKind::Sign => None,
                TokenKind::Word => {
                    let here = mentions
                        .peek()
                        .filter(|mention| mention.span.start <= token.span.start && token.span.end <= mention.span.end);
                    match here {
                        Some(mention) => {
                            Some(Coloured { declares: mention.declares, ..named(&mention.symbol, plain, self) })
                        }
                        None => is_keyword(token.span.text(self.text)).then(|| plain(Colour::Keyword)),
                    }
                }
            };
            out.extend(found);
        }
        out
    }
}

fn is_keyword(word: &str) -> bool {
    ALSO.contains(&word)
        || Role::ALL.iter().any(|(role, _)| *role == word)
        || WORDS.iter().any(|known| known.word == word)
}

fn named(symbol: &Symbol, plain: impl Fn(Colour) -> Coloured, view: &View) -> Coloured {
    let library = |colour: Colour| Coloured { library: true, ..plain(colour) };
    match symbol {
        Symbol::Flow(_) | Symbol::Item(_) => plain(Colour::Function),
        Symbol::Function(_) | Symbol::Ambient(_) => library(Colour::Function),
        Symbol::Type(_) => plain(Colour::Type),
        Symbol::BaseType(_) => library(Colour::Type),
        Symbol::Const(_) => Coloured { readonly: true, ..plain(Colour::Variable) },
        Symbol::Policy(_) => Coloured { readonly: true, ..plain(Colour::Variable) },
        Symbol::Module(_) | Symbol::Server(_) => plain(Colour::Namespace),
        Symbol::Tool(_) => plain(Colour::Method),
        Symbol::ToolParam(..) | Symbol::FunctionParam(..) => plain(Colour::Parameter),
        Symbol::Local(loc) => {
            let local = view.names.locals.iter().find(|local| local.span == loc.span);
            let param = loc.file != view.loc(loc.span).file
                || local.is_some_and(|local| local.kind == super::symbol::LocalKind::Param);
            plain(if param { Colour::Parameter } else { Colour::Variable })
        }
        Symbol::Field(..) => plain(Colour::Property),
        Symbol::Capability(_) | Symbol::Code(_) => plain(Colour::EnumMember),
    }
}
