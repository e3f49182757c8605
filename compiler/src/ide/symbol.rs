//! What a word in a source text stands for.

use ecow::EcoString;
use weir_lang::span::{Loc, Span};
use weir_stdlib::functions::FunctionId;

/// What a name stands for. Two mentions of one thing are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// A flow, by place.
    Flow(usize),
    /// A declared type, by full name.
    Type(EcoString),
    /// `string` and its like, `Error`, `Envelope`.
    BaseType(EcoString),
    /// A constant, by place.
    Const(usize),
    /// A policy, by place.
    Policy(usize),
    /// A module, by place.
    Module(usize),
    /// A tool server.
    Server(EcoString),
    /// A tool, by full name.
    Tool(EcoString),
    /// A parameter of a tool: tool, name.
    ToolParam(EcoString, EcoString),
    /// A function of the standard library.
    Function(FunctionId),
    /// A parameter of such a function.
    FunctionParam(FunctionId, EcoString),
    /// `now` and its like.
    Ambient(&'static str),
    /// A parameter or bound name, by the place where it is declared.
    Local(Loc),
    /// A field: the declared type that has it (empty: not known), its name.
    Field(EcoString, EcoString),
    /// `crm.read`
    Capability(EcoString),
    /// An error code.
    Code(EcoString),
    /// A campaign or test, by the place of its name.
    Item(Loc),
}

/// A place where a thing is named.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// The word.
    pub span: Span,
    /// What it stands for.
    pub symbol: Symbol,
    /// Whether it is declared here.
    pub declares: bool,
    /// `{ name }`: the word is a field's name and a value's name at once.
    pub shorthand: bool,
}

/// What a local name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalKind {
    /// A parameter.
    Param,
    /// A step's name.
    Step,
    /// A variable of a loop, lambda, comprehension, `catch`.
    Variable,
}

/// A local name.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// Its name.
    pub name: EcoString,
    /// Where it is bound.
    pub span: Span,
    /// Where it can be used.
    pub extent: Span,
    /// What it is.
    pub kind: LocalKind,
}

/// All names of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// Every mention, in the order of the text.
    pub mentions: Vec<Mention>,
    /// Every local name.
    pub locals: Vec<Local>,
}

impl Names {
    /// What is mentioned at an offset; at a border the word behind it counts first.
    pub fn at(&self, offset: u32) -> Option<&Mention> {
        let touching = || self.mentions.iter().filter(|mention| mention.span.touches(offset));
        touching().find(|mention| offset < mention.span.end).or_else(|| touching().next())
    }

    /// The local names that can be used at an offset, innermost first, hidden ones left out.
    pub fn reach(&self, offset: u32) -> Vec<&Local> {
        let mut found: Vec<&Local> =
            self.locals.iter().filter(|local| local.extent.start <= offset && offset <= local.extent.end).collect();
        found.sort_by_key(|local| std::cmp::Reverse(local.span.start));
        let mut seen: Vec<&str> = Vec::new();
        found.retain(|local| {
            let first = !seen.contains(&local.name.as_str());
            seen.push(&local.name);
            first
        });
        found
    }
}
