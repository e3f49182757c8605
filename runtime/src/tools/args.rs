//! Reading a call's arguments. The engine has narrowed them already; what is wrong here is still said, not guessed.

use crate::tool::{Call, Fault};
use weir_stdlib::value::Value;

impl Call {
    /// A text that must be there.
    pub(super) fn text(&self, name: &str) -> Result<String, Fault> {
        self.optional_text(name)?.ok_or_else(|| self.wrong(name, "a text"))
    }

    /// A text, or None where it is absent.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<String>, Fault> {
        let value = self.args.field(name);
        match value.as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None if value.is_null() => Ok(None),
            None => Err(self.wrong(name, "a text")),
        }
    }

    /// A truth value; absent is false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Fault> {
        let value = self.args.field(name);
        if value.is_null() {
            return Ok(false);
        }
        value.as_bool().ok_or_else(|| self.wrong(name, "true or false"))
    }

    /// Texts; absent is none.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Fault> {
        let value = self.args.field(name);
        if value.is_null() {
            return Ok(Vec::new());
        }
        let text = |item: &Value| item.as_str().map(str::to_owned);
        let texts = value.as_list().and_then(|items| items.iter().map(text).collect::<Option<Vec<_>>>());
        texts.ok_or_else(|| self.wrong(name, "a list of texts"))
    }

    /// What to say about an argument that is of another kind.
    pub(super) fn wrong(&self, name: &str, expected: &str) -> Fault {
        Fault::clean("invalid_input", format!("`{name}` of `{}` must be {expected}", self.tool))
    }

    /// What to say about a tool that the server does not have.
    pub(super) fn no_such_tool(&self, server: &str, names: &[&str]) -> Fault {
        let message = format!("`{server}` has no tool `{}`; it has {}", self.tool, names.join(", "));
        Fault::clean("not_found", message)
    }
}
