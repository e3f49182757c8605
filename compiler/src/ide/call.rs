//! The call that a place stands in: its parameters, and which one is being filled in.

use super::declared;
use super::tokens::TokenKind;
use super::view::View;
use crate::check::program::Callee;
use ecow::EcoString;
use weir_lang::ast::{Ident, Path};
use weir_lang::types::Type;

/// A parameter, whoever has it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallParam {
    /// Its name.
    pub name: EcoString,
    /// Its type.
    pub ty: Type,
    /// May be left out.
    pub optional: bool,
    /// Must not be steered by outsiders.
    pub trusted: bool,
    /// Documentation.
    pub doc: Option<EcoString>,
}

/// The parts of a call as its tokens show them, whether or not it parses.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenCall {
    /// What is called, as written.
    pub callee: EcoString,
    /// Place of the opening bracket among the tokens.
    pub open: usize,
    /// Names that have been given so far.
    pub named: Vec<EcoString>,
    /// How many arguments without a name stand before.
    pub plain: usize,
    /// The name of the argument that the place is in, where it has one.
    pub current: Option<EcoString>,
    /// Whether the place is at an argument's beginning.
    pub at_start: bool,
}

/// What signature help shows.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureHelp {
    /// The whole signature.
    pub label: String,
    /// The parameters as they stand in it, each with its documentation.
    pub params: Vec<(String, String)>,
    /// Which one is being filled in.
    pub active: Option<usize>,
    /// About what is called.
    pub doc: Option<EcoString>,
}

impl View<'_> {
    /// The innermost call around an offset.
    pub fn open_call(&self, offset: u32) -> Option<OpenCall> {
        let mut depth = 0_i32;
        let mut at = self.before(offset)?;
        loop {
            match self.token_text(at) {
                ")" | "]" | "}" => depth += 1,
                "(" if depth == 0 => break,
                // A step of a block around: no call is open across it.
                "{" if depth == 0 && self.opens_block(at) => return None,
                "(" | "[" | "{" => depth -= if depth > 0 { 1 } else { 0 },
                _ => {}
            }
            at = at.checked_sub(1)?;
        }
        let callee = self.path_before(at)?;
        Some(self.arguments(callee, at, offset))
    }

    fn opens_block(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map_or("", |before| self.token_text(before));
        !matches!(before, "(" | "," | ":" | "=" | "[" | "return" | "yield" | "=>")
    }

    /// The dotted name that ends right before a token.
    pub(super) fn path_before(&self, at: usize) -> Option<EcoString> {
        let mut first = at.checked_sub(1)?;
        if self.tokens.get(first)?.kind != TokenKind::Word {
            return None;
        }
        while first >= 2 && self.token_text(first - 1) == "." && self.tokens.get(first - 2)?.kind == TokenKind::Word {
            first -= 2;
        }
        let words = self.tokens.get(first..at)?.iter().filter(|token| token.kind == TokenKind::Word);
        let names: Vec<&str> = words.map(|token| token.span.text(self.text).trim_matches('`')).collect();
        Some(names.join(".").into())
    }

    fn arguments(&self, callee: EcoString, open: usize, offset: u32) -> OpenCall {
        let mut call = OpenCall { callee, open, named: Vec::new(), plain: 0, current: None, at_start: true };
        let (mut depth, mut begun) = (0, open + 1);
        let end = self.before(offset).map_or(open, |last| last);
        for at in open + 1..=end {
            match self.token_text(at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                "," if depth == 0 => {
                    self.take_argument(&mut call, begun, at);
                    begun = at + 1;
                }
                _ => {}
            }
        }
        // Arguments may be parted by line ends alone.
        let name = |at: usize| {
            self.token_text(at + 1) == ":" && self.tokens.get(at).is_some_and(|t| t.kind == TokenKind::Word)
        };
        let first = begun;
        for at in first..end {
            if name(at) && at > begun && self.line_between(at) && self.depth_between(begun, at) == 0 {
                self.take_argument(&mut call, begun, at);
                begun = at;
            }
        }
        let touched = self.tokens.get(begun).is_some_and(|token| token.span.start <= offset);
        let named = (begun < end || touched) && name(begun);
        call.current = named.then(|| self.token_text(begun).trim_matches('`').into());
        call.at_start = begun > end || (begun == end && self.tokens.get(begun).is_some_and(|t| t.span.end >= offset));
        // Names behind the place are taken as well.
        call.named.extend(self.names_behind(end + 1));
        call
    }

    fn take_argument(&self, call: &mut OpenCall, begun: usize, end: usize) {
        if begun >= end {
            return;
        }
        if self.token_text(begun + 1) == ":" {
            call.named.push(self.token_text(begun).trim_matches('`').into());
        } else {
            call.plain += 1;
        }
    }

    fn names_behind(&self, from: usize) -> Vec<EcoString> {
        let (mut depth, mut out) = (0, Vec::new());
        for at in from..self.tokens.len() {
            match self.token_text(at) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" if depth == 0 => break,
                ")" | "]" | "}" => depth -= 1,
                ":" if depth == 0 && at > from => out.push(self.token_text(at - 1).trim_matches('`').into()),
                _ => {}
            }
        }
        out
    }

    fn depth_between(&self, from: usize, to: usize) -> i32 {
        let signs = (from..to).map(|at| match self.token_text(at) {
            "(" | "[" | "{" => 1,
            ")" | "]" | "}" => -1,
            _ => 0,
        });
        signs.sum()
    }

    /// Whether a line ends between a token and the one before it.
    pub(super) fn line_between(&self, at: usize) -> bool {
        let (Some(before), Some(token)) = (at.checked_sub(1).and_then(|at| self.tokens.get(at)), self.tokens.get(at))
        else {
            return true;
        };
        self.text.get(before.span.end as usize..token.span.start as usize).is_some_and(|gap| gap.contains('\n'))
    }

    /// What a dotted name calls, seen from this file.
    pub(super) fn callee_named(&self, name: &str) -> Option<Callee> {
        let part = |name: &str| Ident { name: name.into(), span: Default::default() };
        let path = Path { parts: name.split('.').map(part).collect(), span: Default::default() };
        self.program().callee(self.file, &path)
    }

    /// The parameters of what is called.
    pub(super) fn params_of(&self, callee: &Callee) -> Vec<CallParam> {
        match callee {
            Callee::Tool(tool) => {
                let Some(tool) = self.checked.tools.get(tool) else { return Vec::new() };
                let param = |(name, param): (&EcoString, &crate::registry::ToolParam)| CallParam {
                    name: name.clone(),
                    ty: param.ty.clone(),
                    optional: param.optional,
                    trusted: param.trusted,
                    doc: param.doc.clone(),
                };
                tool.params.iter().map(param).collect()
            }
            Callee::Flow(flow) => {
                let (Some(decl), Some(tree)) = (self.program().flows.get(*flow), self.program().flow_ast(*flow)) else {
                    return Vec::new();
                };
                let param = |(param, tree): (&crate::check::program::Param, &weir_lang::ast::Param)| CallParam {
                    name: param.name.clone(),
                    ty: param.ty.clone(),
                    optional: param.optional,
                    trusted: matches!(&param.ty, Type::Marked(weir_lang::ast::Mark::Trusted, _)),
                    doc: tree.doc.clone(),
                };
                decl.params.iter().zip(&tree.params).map(param).collect()
            }
            Callee::Function(function) => {
                let params = function.entry().signature().params.iter();
                let param = |param: &weir_stdlib::functions::SigParam| CallParam {
                    name: param.name.clone(),
                    ty: param.ty.clone(),
                    optional: param.optional,
                    trusted: false,
                    doc: None,
                };
                params.map(param).collect()
            }
            Callee::Ambient(_) => Vec::new(),
        }
    }

    /// The parameter that an open call is filling in.
    pub(super) fn current_param(&self, call: &OpenCall) -> Option<CallParam> {
        let params = self.params_of(&self.callee_named(&call.callee)?);
        let place = self.place_of(call, &params)?;
        params.into_iter().nth(place)
    }

    fn place_of(&self, call: &OpenCall, params: &[CallParam]) -> Option<usize> {
        match &call.current {
            Some(name) => params.iter().position(|param| param.name == *name),
            None => {
                // `x |> f(y)`: the first parameter is what comes through the pipe.
                let words = call.callee.split('.').count();
                let first = call.open.checked_sub(2 * words).map_or("", |at| self.token_text(at));
                let piped = usize::from(first == "|>");
                let free = |place: &usize| params.get(*place).is_none_or(|param| !call.named.contains(&param.name));
                (call.plain + piped..params.len()).find(free)
            }
        }
    }

    /// The signature of the call around an offset.
    pub fn signature(&self, offset: u32) -> Option<SignatureHelp> {
        if self.tokens.iter().any(|token| {
            matches!(token.kind, TokenKind::Comment | TokenKind::Doc)
                && token.span.start < offset
                && offset <= token.span.end
        }) {
            return None;
        }
        let call = self.open_call(offset)?;
        let callee = self.callee_named(&call.callee)?;
        let params = self.params_of(&callee);
        let active = self.place_of(&call, &params).filter(|place| *place < params.len());
        let shown = |param: &CallParam| {
            let (optional, trusted) =
                (if param.optional { "?" } else { "" }, if param.trusted { "trusted " } else { "" });
            let ty = match &param.ty {
                Type::Marked(weir_lang::ast::Mark::Trusted, inner) => (**inner).clone(),
                other => other.clone(),
            };
            format!("{}{optional}: {trusted}{ty}", declared::word(&param.name))
        };
        let texts: Vec<String> = params.iter().map(shown).collect();
        let (returns, doc) = match &callee {
            Callee::Tool(name) => {
                let tool = self.checked.tools.get(name)?;
                (Some(tool.output.clone()), tool.doc.clone())
            }
            Callee::Flow(flow) => {
                let decl = self.program().flows.get(*flow)?;
                (decl.returns.clone(), self.program().item(decl.at).and_then(|item| item.doc.clone()))
            }
            Callee::Function(function) => {
                (Some(function.entry().signature().returns.clone()), Some(function.entry().doc.into()))
            }
            Callee::Ambient(_) => (None, None),
        };
        let arrow = returns.map_or(String::new(), |ty| format!(" -> {ty}"));
        let label = format!("{}({}){arrow}", call.callee, texts.join(", "));
        let docs = params.iter().map(|param| param.doc.as_deref().unwrap_or_default().to_owned());
        Some(SignatureHelp { label, params: texts.into_iter().zip(docs).collect(), active, doc })
    }
}
