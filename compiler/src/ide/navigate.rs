//! Where a thing is used, and what renaming it changes.

use super::names::names;
use super::symbol::{Mention, Symbol};
use super::view::View;
use weir_lang::span::{Loc, Span};

/// A mention with its place in the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Where.
    pub loc: Loc,
    /// Whether the thing is declared here.
    pub declares: bool,
    /// Whether the word is a field's name at once.
    pub shorthand: bool,
}

impl View<'_> {
    /// Every mention of what is mentioned at an offset, over the whole project.
    pub fn references(&self, offset: u32) -> Vec<Place> {
        let Some(mention) = self.mention(offset) else { return Vec::new() };
        self.mentions_of(&mention.symbol)
    }

    /// Every mention of a thing.
    pub fn mentions_of(&self, symbol: &Symbol) -> Vec<Place> {
        let mut out = Vec::new();
        let same = |mention: &&Mention| mention.symbol == *symbol;
        // A local name that no other file can name needs no look at other files.
        for module in 0..self.program().modules.len() {
            let other;
            let mentions = if module == self.file {
                &self.names.mentions
            } else {
                other = names(self.checked, module);
                &other.mentions
            };
            out.extend(mentions.iter().filter(same).map(|mention| Place {
                loc: self.program().loc(module, mention.span),
                declares: mention.declares,
                shorthand: mention.shorthand,
            }));
        }
        out
    }

    /// The mentions in this file of what is mentioned at an offset.
    pub fn highlights(&self, offset: u32) -> Vec<Mention> {
        let Some(mention) = self.mention(offset) else { return Vec::new() };
        self.names.mentions.iter().filter(|other| other.symbol == mention.symbol).cloned().collect()
    }

    /// The word that renaming at an offset would change.
    ///
    /// # Errors
    /// Why it cannot be renamed.
    pub fn renamable(&self, offset: u32) -> Result<Span, String> {
        let mention = self.mention(offset).ok_or("there is no name here")?;
        let why = match &mention.symbol {
            Symbol::Flow(_)
            | Symbol::Type(_)
            | Symbol::Const(_)
            | Symbol::Policy(_)
            | Symbol::Local(_)
            | Symbol::Item(_) => {
                return self.own_word(mention);
            }
            Symbol::Field(..) => "a field is part of data that other programs read and write",
            Symbol::Tool(_) | Symbol::ToolParam(..) | Symbol::Server(_) => "its server calls it so",
            Symbol::Module(_) => "a module is named after its file: rename the file",
            Symbol::Function(_) | Symbol::FunctionParam(..) | Symbol::Ambient(_) | Symbol::BaseType(_) => {
                "it belongs to the language"
            }
            Symbol::Capability(_) => "a capability is named by its tools",
            Symbol::Code(_) => "an error code is named by its tool or the language",
        };
        Err(why.to_owned())
    }

    fn own_word(&self, mention: &Mention) -> Result<Span, String> {
        let text = mention.span.text(self.text);
        let hidden = matches!(&mention.symbol, Symbol::Local(loc)
            if *loc == self.loc(loc.span) && loc.span.text(self.text).trim_matches('`') != text.trim_matches('`'));
        if hidden || text.starts_with('"') {
            return Err(format!("`{text}` is no name that was given here"));
        }
        Ok(mention.span)
    }

    /// What renaming what is at an offset changes.
    ///
    /// # Errors
    /// Why it cannot be renamed so.
    pub fn rename(&self, offset: u32, name: &str) -> Result<Vec<(Loc, String)>, String> {
        self.renamable(offset)?;
        let mention = self.mention(offset).ok_or("there is no name here")?;
        self.fits_as_name(&mention.symbol, name)?;
        let old = mention.span.text(self.text);
        let places = self.mentions_of(&mention.symbol);
        if let Some(taken) = self.taken(&places, name) {
            return Err(taken);
        }
        let text = |loc: Loc| self.checked.files.get(loc.file.0 as usize).map_or("", |file| loc.span.text(&file.text));
        let edits = places.into_iter().filter(|place| text(place.loc) == old).map(|place| {
            let new = if place.shorthand { format!("{old}: {name}") } else { name.to_owned() };
            (place.loc, new)
        });
        Ok(edits.collect())
    }

    fn fits_as_name(&self, symbol: &Symbol, name: &str) -> Result<(), String> {
        let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let reserved = RESERVED.contains(&name);
        let capital = matches!(symbol, Symbol::Type(_));
        match () {
            () if !plain => Err(format!("`{name}` is no name: letters, digits and `_`")),
            () if reserved => Err(format!("`{name}` is a word of the language")),
            () if capital && !name.starts_with(|c: char| c.is_ascii_uppercase()) => {
                Err("a type begins with a capital letter".to_owned())
            }
            () => Ok(()),
        }
    }

    /// Why a name is not free where it would stand.
    fn taken(&self, places: &[Place], name: &str) -> Option<String> {
        for place in places {
            let module = place.loc.file.0 as usize;
            let other;
            let found = if module == self.file {
                &self.names
            } else {
                other = names(self.checked, module);
                &other
            };
            let local = found.reach(place.loc.span.start).into_iter().any(|local| local.name == name);
            if local || self.program().entity(module, name).is_some() {
                let path = self.checked.files.get(module).map(|file| file.path.as_str()).unwrap_or_default();
                return Some(format!("something is called `{name}` already in `{path}`"));
            }
        }
        None
    }
}

/// Words that name nothing.
pub const RESERVED: [&str; 23] = [
    "if", "then", "else", "match", "for", "in", "and", "or", "not", "matches", "as", "return", "yield", "require",
    "check", "fail", "block", "wait", "ask", "receive", "true", "false", "null",
];
