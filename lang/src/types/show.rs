//! Types in Weir's own notation.

use super::{Literal, Range, Type};
use crate::ast::Mark;
use std::fmt::{self, Display, Formatter};

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Type::Json => f.write_str("json"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int(range) => write!(f, "int{range}"),
            Type::Number(range) => write!(f, "number{range}"),
            Type::Decimal(range) => write!(f, "decimal{range}"),
            Type::String(None) => f.write_str("string"),
            Type::String(Some(pattern)) => write!(f, "string matching /{}/", pattern.replace("/", r"\/")),
            Type::Time => f.write_str("time"),
            Type::Date => f.write_str("date"),
            Type::Duration => f.write_str("duration"),
            Type::Literal(literal) => write!(f, "{literal}"),
            Type::List(element) => write!(f, "[{element}]"),
            Type::Map(value) => write!(f, "map<{value}>"),
            Type::Record(record) if record.fields.is_empty() => f.write_str("{}"),
            Type::Record(record) => {
                f.write_str("{ ")?;
                for (at, (name, field)) in record.fields.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{}{}: {}", Name(name), if field.optional { "?" } else { "" }, field.ty)?;
                }
                f.write_str(" }")
            }
            Type::Union(members) => show_union(members, f),
            Type::Named(name) => f.write_str(name.rsplit('.').next().unwrap_or(name)),
            Type::Marked(mark, inner) => write!(f, "{} {}", mark.word(), Tight(inner)),
            Type::Regex => f.write_str("regex"),
            Type::Lambda(lambda) => {
                let params: Vec<String> = lambda.params.iter().map(Type::to_string).collect();
                write!(f, "({}) => {}", params.join(", "), lambda.returns)
            }
            Type::Var(name) => f.write_str(name),
            Type::Never => f.write_str("never"),
            Type::Broken => f.write_str("?"),
        }
    }
}

/// A name, in backticks where it is no plain identifier.
pub(crate) struct Name<'a>(pub &'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plain = !self.0.is_empty()
            && !self.0.starts_with(|c: char| c.is_ascii_digit())
            && self.0.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain { f.write_str(self.0) } else { write!(f, "`{}`", self.0) }
    }
}

/// A union in parentheses, anything else bare.
struct Tight<'a>(&'a Type);

impl Display for Tight<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Type::Union(_) => write!(f, "({})", self.0),
            other => write!(f, "{other}"),
        }
    }
}

fn show_union(members: &[Type], f: &mut Formatter<'_>) -> fmt::Result {
    let nullable = members.iter().any(|member| matches!(member, Type::Null));
    let others: Vec<&Type> = members.iter().filter(|member| !matches!(member, Type::Null)).collect();
    if let (true, [only]) = (nullable, others.as_slice()) {
        return match only {
            Type::String(Some(_)) => write!(f, "({only})?"),
            _ => write!(f, "{only}?"),
        };
    }
    for (at, member) in others.iter().enumerate() {
        write!(f, "{}{member}", if at == 0 { "" } else { " | " })?;
    }
    if nullable { f.write_str(" | null") } else { Ok(()) }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Bool(value) => write!(f, "{value}"),
            Literal::Int(value) => write!(f, "{value}"),
            Literal::Number(value) => write!(f, "{value}"),
            Literal::String(text) => write!(f, "\"{}\"", Escaped(text)),
        }
    }
}

/// A text as it is written between quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\n' => f.write_str("\\n")?,
                '\t' => f.write_str("\\t")?,
                '"' | '\\' | '{' => write!(f, "\\{c}")?,
                c if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() => write!(f, "{c}")?,
                c => write!(f, "{}", c.escape_unicode())?,
            }
        }
        Ok(())
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.is_full() {
            return Ok(());
        }
        f.write_str(" in ")?;
        if let Some(lo) = self.lo {
            write!(f, "{lo}")?;
        }
        f.write_str("..")?;
        self.hi.map_or(Ok(()), |hi| write!(f, "{hi}"))
    }
}

impl Mark {
    /// The word that is written.
    pub fn word(self) -> &'static str {
        match self {
            Mark::Trusted => "trusted",
            Mark::Untrusted => "untrusted",
            Mark::Secret => "secret",
        }
    }
}
