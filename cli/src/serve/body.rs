//! Reading the JSON body of a request, field by field: what is unknown or of the wrong kind is told.

use super::problem::Problem;
use crate::suggest::did_you_mean;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use weir_stdlib::value::{Fields, Value};

/// A body may have at most so many bytes.
pub const LARGEST: usize = 4 * 1024 * 1024;

/// The object that was sent; nothing is an empty one.
#[derive(Debug)]
pub struct Body(Fields);

impl Body {
    /// Only these fields may stand in it.
    pub fn only(self, known: &[&str]) -> Result<Body, Problem> {
        for name in self.0.keys() {
            if !known.contains(&name.as_str()) {
                let shown = crate::escape::short(name, 40);
                let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                let takes = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
                let guess = did_you_mean(name, known.iter().copied());
                let help =
                    guess.map_or_else(|| format!("it takes {takes}"), |guess| format!("{guess} it takes {takes}"));
                return Err(Problem::bad("unknown_field", format!("the body has no field `{shown}`")).help(help));
            }
        }
        Ok(self)
    }

    /// A field that may be left out.
    pub fn value(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }

    /// A text that may be left out.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.0.get(name).filter(|value| !value.is_null()) {
            None => Ok(None),
            Some(value) => value
                .as_str()
                .map(Some)
                .ok_or_else(|| Problem::unfit(format!("`{name}` is a string, and {} is not", value.kind()))),
        }
    }

    /// A text that must be there.
    pub fn needed(&self, name: &str) -> Result<&str, Problem> {
        let text = self.text(name)?.ok_or_else(|| Problem::unfit(format!("`{name}` is missing")))?;
        if text.is_empty() { Err(Problem::unfit(format!("`{name}` is empty"))) } else { Ok(text) }
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let bytes = whole(request).await?;
        if bytes.is_empty() {
            return Ok(Body(Fields::default()));
        }
        let kind = kind.unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            let message = "the body must be JSON, and say so";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message)
                .help("send `Content-Type: application/json`"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| Problem::bad("bad_json", "the body is not UTF-8 text"))?;
        let value = Value::from_json(text)
            .map_err(|error| Problem::bad("bad_json", format!("the body is not JSON: {error}")))?;
        match value.as_record() {
            Some(record) => Ok(Body(record.fields.clone())),
            None => Err(Problem::bad("bad_json", format!("the body is one JSON object, and {} is not", value.kind()))),
        }
    }
}

/// All bytes, unless there are too many.
pub async fn whole(request: Request) -> Result<Bytes, Problem> {
    let says = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let too_large = || {
        let message = format!("the body is larger than {LARGEST} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    };
    if says.is_some_and(|length: usize| length > LARGEST) {
        return Err(too_large());
    }
    to_bytes(request.into_body(), LARGEST).await.map_err(|error| {
        let limited = std::error::Error::source(&error).is_some_and(|source| source.to_string().contains("limit"));
        if limited { too_large() } else { Problem::bad("cut_off", "the body broke off") }
    })
}
