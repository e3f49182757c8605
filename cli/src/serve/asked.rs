//! The query of a request: what is unknown or cannot be read is told.

use super::problem::Problem;
use crate::suggest::did_you_mean;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// Names and values, in the order sent.
#[derive(Debug)]
pub struct Asked(Vec<(String, String)>);

impl Asked {
    /// Only these names may stand in it.
    pub fn only(self, known: &[&str]) -> Result<Asked, Problem> {
        for (name, _) in &self.0 {
            if !known.contains(&name.as_str()) {
                let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                let takes = format!("it takes {}", names.join(", "));
                let guess = did_you_mean(name, known.iter().copied());
                let help = guess.map_or_else(|| takes.clone(), |guess| format!("{guess} {takes}"));
                let message = format!("the query has no `{}`", crate::escape::short(name, 40));
                return Err(Problem::bad("bad_query", message).help(help));
            }
        }
        Ok(self)
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A number from 0.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Problem::bad("bad_query", format!("`{name}` is a whole number from 0")))
    }

    /// `true` or `false`; nothing is `false`.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Problem::bad("bad_query", format!("`{name}` is `true` or `false`"))),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Asked(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}
