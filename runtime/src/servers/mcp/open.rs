//! From a section of weir.toml to a server that is ready to be started: paths and credentials are resolved here, so
//! that what is missing is said before anything runs.

use super::start::{Launch, Stdio};
use super::{Inner, McpServer, SECRET, Secrets, State, http};
use crate::servers::{Server, credential};
use ecow::EcoString;
use indexmap::IndexMap;
use reqwest::header::{HeaderName, HeaderValue};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use url::Url;
use weir_compiler::project::ToolSection;
use weir_compiler::registry::Listing;

/// Headers that the protocol sets itself.
const OWN: [&str; 6] = ["accept", "content-type", "mcp-session-id", "mcp-protocol-version", "last-event-id", "host"];

/// The MCP server of a section with `command` or `url`. Nothing is started before the first call or listing. `locked` is
/// what the lock file holds of it. `root` is the project's folder.
///
/// # Errors
/// In the reader's words: a variable or file of a credential that is not there, an address or header that is none.
pub fn open(
    name: &str,
    section: &ToolSection,
    root: &Path,
    locked: Option<Listing>,
) -> Result<Arc<dyn Server>, String> {
    let mut secrets = Vec::new();
    let launch = match (&section.command, section.url.first()) {
        (Some(command), _) => Launch::Stdio(stdio(name, command, section, root, &mut secrets)?),
        (None, Some(url)) => Launch::Http(address(name, url, section, root, &mut secrets)?),
        (None, None) => {
            return Err(format!("`[tools.{name}]` needs a `command` or a `url` to be an MCP server"));
        }
    };
    secrets.retain(|secret| secret.len() >= SECRET);
    let protocol = locked.as_ref().and_then(|listing| listing.protocol.as_ref()).map(ToString::to_string);
    let state = State { protocol, ..State::default() };
    let inner = Inner {
        name: name.into(),
        launch,
        root: root.to_owned(),
        locked,
        secrets: Secrets(secrets.into()),
        state: Mutex::new(state),
        failures: Default::default(),
    };
    Ok(Arc::new(McpServer { inner: Arc::new(inner) }))
}

fn stdio(
    name: &str,
    command: &[String],
    section: &ToolSection,
    root: &Path,
    secrets: &mut Vec<String>,
) -> Result<Stdio, String> {
    let Some((program, args)) = command.split_first().filter(|(program, _)| !program.is_empty()) else {
        return Err(format!("`command` of `[tools.{name}]` is empty: name the program and its arguments"));
    };
    let folder = section.cwd.as_ref().map_or_else(|| root.to_owned(), |cwd| root.join(cwd));
    if !folder.is_dir() {
        return Err(format!("`cwd` of `[tools.{name}]`: there is no folder `{}`", folder.display()));
    }
    let env = resolved(name, "env", &section.env, root, secrets)?;
    Ok(Stdio {
        shown: program.clone(),
        program: program_path(program, root),
        args: args.to_vec(),
        folder,
        env: env.into_iter().map(|(name, value)| (name.as_str().into(), value.into())).collect(),
    })
}

/// A path is meant from the project's folder; a bare name is looked up in `PATH`.
fn program_path(program: &str, root: &Path) -> PathBuf {
    if !program.contains('/') {
        return program.into();
    }
    let path = root.join(program);
    std::path::absolute(&path).unwrap_or(path)
}

fn address(
    name: &str,
    url: &str,
    section: &ToolSection,
    root: &Path,
    secrets: &mut Vec<String>,
) -> Result<http::Address, String> {
    let what = format!("`url` of `[tools.{name}]`");
    let url = Url::parse(url).map_err(|error| format!("{what} is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("{what} must begin with `https://` or `http://` and name a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{what} holds a password: put it into `auth` or `headers` as `env:NAME`"));
    }
    let mut headers = std::collections::HashMap::new();
    for (header, value) in resolved(name, "headers", &section.headers, root, secrets)? {
        let bad = |why: &str| format!("the header `{header}` of `[tools.{name}]` {why}");
        let key = HeaderName::from_bytes(header.as_bytes()).map_err(|_| bad("is no name of a header"))?;
        if OWN.contains(&key.as_str()) {
            return Err(bad("is set by the protocol itself"));
        }
        let mut value = HeaderValue::from_str(&value).map_err(|_| bad("has a value that no header can have"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    let bearer = match &section.auth {
        Some(auth) => {
            let token = credential(auth, root).map_err(|why| format!("`auth` of `[tools.{name}]`: {why}"))?;
            secrets.push(token.clone());
            Some(token)
        }
        None => None,
    };
    Ok(http::Address { url, headers, bearer, proxy: section.proxy.clone() })
}

fn resolved(
    name: &str,
    what: &str,
    values: &IndexMap<EcoString, String>,
    root: &Path,
    secrets: &mut Vec<String>,
) -> Result<Vec<(EcoString, String)>, String> {
    let mut out = Vec::with_capacity(values.len());
    for (key, text) in values {
        let value = credential(text, root).map_err(|why| format!("`{what}.{key}` of `[tools.{name}]`: {why}"))?;
        if value != *text {
            secrets.push(value.clone());
        }
        out.push((key.clone(), value));
    }
    Ok(out)
}
