//! What editors ask of a checked project: names, hover, completion, edits. Pure questions about places as byte offsets;
//! the protocol that carries them lives elsewhere. Every answer is made for texts that do not parse, too.

mod actions;
mod call;
mod colour;
mod complete;
mod declared;
mod flows;
mod hints;
mod hover;
mod items;
pub mod layout;
mod names;
mod navigate;
mod offer;
mod outline;
mod symbol;
mod tokens;
pub mod types;
mod view;
mod walk;
pub mod words;

pub use actions::Action;
pub use call::{CallParam, OpenCall, SignatureHelp};
pub use colour::{Colour, Coloured};
pub use complete::{Entry, EntryKind, PROBE, brief, probed};
pub use declared::Declared;
pub use flows::{Callable, Runnable};
pub use hints::Hint;
pub use hover::Hover;
pub use names::names;
pub use navigate::Place;
pub use outline::{Decl, DeclKind, FoldKind};
pub use symbol::{Local, LocalKind, Mention, Names, Symbol};
pub use tokens::{Token, TokenKind, tokens};
pub use view::View;
