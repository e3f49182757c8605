//! A call's arguments to a request.

use super::body;
use super::style::{Style, encoded, in_header, in_path, pairs};
use crate::tool::Fault;
use crate::tools::http::{Sent, read_url};
use ecow::EcoString;
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value as Json;
use url::Url;
use weir_compiler::registry::{Operation, Place};
use weir_stdlib::value::Value;

/// What identifies us to the server.
pub(super) struct Credentials {
    /// `auth` of weir.toml: a token, a key, or `user:password`.
    pub(super) auth: Option<String>,
    /// `headers` of weir.toml.
    pub(super) headers: HeaderMap,
}

/// An argument that was given, and where it goes.
pub(super) struct Given<'a> {
    /// Its name in the flow.
    pub(super) arg: &'a EcoString,
    pub(super) place: &'a Place,
    pub(super) value: Value,
}

impl Given<'_> {
    /// Its name in the API.
    pub(super) fn name(&self) -> &str {
        self.place.name.as_ref().unwrap_or(self.arg)
    }

    /// Its style, with OpenAPI's defaults.
    pub(super) fn style(&self) -> Style<'_> {
        let default = match self.place.place.as_str() {
            "path" | "header" => "simple",
            _ => "form",
        };
        let name = self.place.style.as_deref().unwrap_or(default);
        Style { name, explode: self.place.explode.unwrap_or(name == "form") }
    }
}

/// The request of one call.
pub(super) fn build(
    base: &Url,
    operation: &Operation,
    input: &Json,
    args: &Value,
    key: Option<(&str, &str)>,
    credentials: &Credentials,
) -> Result<Sent, Fault> {
    let given: Vec<Given<'_>> = operation.params.iter().filter_map(|(arg, place)| given(args, arg, place)).collect();
    let at = |place: &'static str| given.iter().filter(move |one| one.place.place == place);
    let mut query: Vec<(String, String)> =
        at("query").flat_map(|one| pairs(one.name(), &one.value, one.style())).collect();
    let mut headers = credentials.headers.clone();
    let mut cookies: Vec<(String, String)> =
        at("cookie").flat_map(|one| pairs(one.name(), &one.value, one.style())).collect();
    identify(operation, credentials, &mut headers, &mut query, &mut cookies)?;
    for one in at("header") {
        set(&mut headers, one.name(), &in_header(&one.value, one.style()), false)?;
    }
    if let Some((name, key)) = key {
        set(&mut headers, name, key, false)?;
    }
    if !cookies.is_empty() {
        set(&mut headers, COOKIE.as_str(), &joined(&cookies, "; "), true)?;
    }
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json, text/plain;q=0.9, */*;q=0.5"));
    let method = Method::from_bytes(operation.method.as_bytes());
    let method = method.map_err(|_| Fault::clean("failed", format!("`{}` is no HTTP method", operation.method)))?;
    let mut sent = Sent::new(method, address(base, &path(operation, &given)?, &query)?);
    sent.headers = headers;
    body::write(&mut sent, operation, input, args, &given)?;
    Ok(sent)
}

/// The question whether the server is well: a path below its address, or the address alone.
pub(super) fn health(base: &Url, path: Option<&str>, credentials: &Credentials) -> Result<Sent, Fault> {
    let mut sent = match path {
        Some(path) => Sent::new(Method::GET, address(base, path, &[])?),
        None => Sent::new(Method::HEAD, base.clone()),
    };
    sent.headers = credentials.headers.clone();
    Ok(sent)
}

fn given<'a>(args: &Value, arg: &'a EcoString, place: &'a Place) -> Option<Given<'a>> {
    let value = args.as_record()?.fields.get(arg)?.clone();
    let absent = value.is_null() && place.place != "body";
    (!absent).then_some(Given { arg, place, value })
}

pub(super) fn joined(pairs: &[(String, String)], by: &str) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(by)
}

/// The path with its parts filled in; none may lead elsewhere.
fn path(operation: &Operation, given: &[Given<'_>]) -> Result<String, Fault> {
    let mut out = String::new();
    let mut parts = operation.path.split('{');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        let found = given.iter().find(|one| one.place.place == "path" && one.name() == name);
        let missing = || Fault::clean("invalid_input", format!("`{name}` is part of the path and is missing"));
        let found = found.ok_or_else(missing)?;
        out.push_str(&in_path(name, &found.value, found.style())?);
        out.push_str(rest);
    }
    match out.split('/').any(|part| matches!(part.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")) {
        true => Err(Fault::clean(
            "invalid_input",
            format!("an argument makes `{out}` of `{}`: `.` and `..` lead elsewhere", operation.path),
        )),
        false => Ok(out),
    }
}

fn address(base: &Url, path: &str, query: &[(String, String)]) -> Result<Url, Fault> {
    let front = base.as_str().split(['?', '#']).next().unwrap_or_default();
    let mut text = format!("{}/{}", front.trim_end_matches('/'), path.trim_start_matches('/'));
    let own = base.query().map(str::to_owned).filter(|own| !own.is_empty());
    let asked = Some(joined(query, "&")).filter(|asked| !asked.is_empty());
    for (index, part) in own.into_iter().chain(asked).enumerate() {
        text.push(if index == 0 && !text.contains('?') { '?' } else { '&' });
        text.push_str(&part);
    }
    read_url(&text)
}

/// The credential, where the API wants it.
fn identify(
    operation: &Operation,
    credentials: &Credentials,
    headers: &mut HeaderMap,
    query: &mut Vec<(String, String)>,
    cookies: &mut Vec<(String, String)>,
) -> Result<(), Fault> {
    let Some(auth) = &credentials.auth else { return Ok(()) };
    let place = operation.auth.as_deref().unwrap_or("bearer");
    match place.split_once(':') {
        Some(("header", name)) => set(headers, name, auth, true),
        Some(("query", name)) => {
            query.push((encoded(name), encoded(auth)));
            Ok(())
        }
        Some(("cookie", name)) => {
            cookies.push((encoded(name), encoded(auth)));
            Ok(())
        }
        _ if place == "none" => Ok(()),
        _ if place == "basic" => {
            set(headers, AUTHORIZATION.as_str(), &format!("Basic {}", base64(auth.as_bytes())), true)
        }
        _ => set(headers, AUTHORIZATION.as_str(), &format!("Bearer {auth}"), true),
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            let letter = LETTERS.get(index as usize).copied().map_or('=', char::from);
            out.push(if place <= chunk.len() { letter } else { '=' });
        }
    }
    out
}

fn set(headers: &mut HeaderMap, name: &str, value: &str, secret: bool) -> Result<(), Fault> {
    let unfit = |_| {
        Fault::clean(
            "invalid_input",
            format!("`{name}` is no header, or its value has a line break or control character"),
        )
    };
    let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit(()))?;
    let mut value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| unfit(()))?;
    value.set_sensitive(secret);
    headers.insert(key, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_everywhere() {
        for (text, wanted) in
            [("", ""), ("a", "YQ=="), ("ab", "YWI="), ("abc", "YWJj"), ("user:pässword", "dXNlcjpww6Rzc3dvcmQ=")]
        {
            assert_eq!(base64(text.as_bytes()), wanted);
        }
    }
}
