//! HTTP APIs that an OpenAPI document describes: each operation is a tool.

mod answer;
mod body;
mod read;
mod request;
mod style;
#[cfg(test)]
mod tests;

pub use read::{LARGEST_DOCUMENT, document};

use super::{Server, credential};
use crate::tool::{Call, Fault, Tool};
use crate::tools::http::{Client, Guard, Reach, read_url};
use async_trait::async_trait;
use ecow::EcoString;
use indexmap::IndexMap;
use request::Credentials;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::{Host, Url};
use weir_compiler::project::ToolSection;
use weir_compiler::registry::openapi::{Import, import};
use weir_compiler::registry::{Definition, Listing};
use weir_stdlib::value::Value;

/// How long an answer about its health may take.
const HEALTH: Duration = Duration::from_secs(10);

/// A server with an HTTP API.
struct OpenApi {
    name: String,
    document: PathBuf,
    /// `base_url` of weir.toml.
    base: Option<Url>,
    hosts: Vec<String>,
    proxy: Option<String>,
    credentials: Credentials,
    /// What takes a key where weir.toml says so, by tool: a parameter or `header:NAME`.
    keys: IndexMap<EcoString, EcoString>,
    /// What is asked to see whether it is well; None: its address alone.
    health_path: Option<String>,
    listing: OnceLock<Listing>,
    client: OnceLock<Result<(Client, Url), String>>,
}

/// Opens the server of `[tools.NAME]` with an `openapi` document. Nothing is read before the first listing, or the first
/// call where there is no `listing` from the lock file.
///
/// # Errors
/// In the reader's words: a setting that cannot be used, a variable that is not set.
pub fn open(
    name: &str,
    section: &ToolSection,
    root: &Path,
    listing: Option<Listing>,
) -> Result<Arc<dyn Server>, String> {
    Ok(Arc::new(OpenApi::of(name, section, root, listing)?))
}

impl OpenApi {
    fn of(name: &str, section: &ToolSection, root: &Path, listing: Option<Listing>) -> Result<OpenApi, String> {
        let file = section.openapi.as_deref().ok_or_else(|| format!("`[tools.{name}]` names no `openapi` document"))?;
        let wrong = |key: &str, why: String| format!("`{key}` of `[tools.{name}]`: {why}");
        let base =
            section.base_url.first().map(|text| read_url(text).map_err(|fault| wrong("base_url", fault.message)));
        let base = base.transpose()?;
        let hosts = section.hosts.clone().unwrap_or_default();
        Guard::new(name, &hosts, base.clone())?;
        let auth = section.auth.as_deref().map(|text| credential(text, root).map_err(|why| wrong("auth", why)));
        let headers = headers(section, root).map_err(|(key, why)| wrong(&format!("headers.{key}"), why))?;
        let known = OnceLock::new();
        if let Some(listing) = listing {
            let _ = known.set(listing);
        }
        Ok(OpenApi {
            name: name.to_owned(),
            document: root.join(file),
            base,
            hosts,
            proxy: section.proxy.clone(),
            credentials: Credentials { auth: auth.transpose()?, headers },
            keys: keys(section),
            health_path: section.health_path.clone(),
            listing: known,
            client: OnceLock::new(),
        })
    }

    /// The lock's listing, else the document's.
    async fn listing(&self) -> Result<&Listing, Fault> {
        if let Some(listing) = self.listing.get() {
            return Ok(listing);
        }
        let listing = self.list().await?;
        Ok(self.listing.get_or_init(|| listing))
    }

    async fn definition(&self, call: &Call) -> Result<Arc<Definition>, Fault> {
        if let Some(definition) = call.definition.as_ref().filter(|definition| definition.http.is_some()) {
            return Ok(definition.clone());
        }
        let known = self.listing().await?.tools.get(&call.tool).cloned();
        let unknown = || Fault::clean("not_found", format!("`{}` has no tool `{}`", self.name, call.tool));
        known.map(Arc::new).ok_or_else(unknown)
    }

    /// The client and the address that paths are added to.
    async fn client(&self) -> Result<&(Client, Url), Fault> {
        let from_document = match self.base {
            Some(_) => None,
            None => self.listing().await?.base_url.clone(),
        };
        let client = self.client.get_or_init(|| self.connect(from_document.as_deref()));
        client.as_ref().map_err(|why| Fault::clean("failed", format!("`{}`: {why}", self.name)))
    }

    fn connect(&self, from_document: Option<&str>) -> Result<(Client, Url), String> {
        let mut hosts = self.hosts.clone();
        let base = match &self.base {
            Some(base) => base.clone(),
            None => {
                let base = public_base(from_document)?;
                let port = base.port_or_known_default().unwrap_or_default();
                hosts.push(format!("{}:{port}", base.host_str().unwrap_or_default()));
                base
            }
        };
        let guard = Guard::new(&self.name, &hosts, self.base.clone())?;
        let client = Client::new(guard, Reach { proxy: self.proxy.clone(), ..Reach::default() })?;
        Ok((client, base))
    }
}

/// The document's own server, which must be public: only `weir.toml` names private ones.
fn public_base(from_document: Option<&str>) -> Result<Url, String> {
    let none = "the document names no server; add `base_url = \"https://…\"` to its section of weir.toml";
    let text = from_document.ok_or(none)?;
    let wrong =
        || format!("the document's server is `{text}`; add `base_url = \"https://…\"` to its section of weir.toml");
    let url = read_url(text).map_err(|_| wrong())?;
    match url.host() {
        Some(Host::Domain(name)) if name != "localhost" && !name.ends_with(".localhost") => Ok(url),
        _ => Err(wrong()),
    }
}

fn headers(section: &ToolSection, root: &Path) -> Result<HeaderMap, (EcoString, String)> {
    let mut headers = HeaderMap::new();
    for (key, text) in &section.headers {
        let value = credential(text, root).map_err(|why| (key.clone(), why))?;
        let name =
            HeaderName::try_from(key.as_str()).map_err(|_| (key.clone(), "is no name of a header".to_owned()))?;
        let value = HeaderValue::from_str(&value);
        let mut value = value.map_err(|_| (key.clone(), "its value does not fit into a header".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn keys(section: &ToolSection) -> IndexMap<EcoString, EcoString> {
    let named = section.tool.iter().map(|(tool, settings)| Some((tool.clone(), settings.accepts_key.clone()?)));
    named.flatten().collect()
}

/// The arguments with the key among them.
fn with_key(args: &Value, param: &str, key: &str) -> Value {
    let mut fields = args.as_record().map(|record| record.fields.clone()).unwrap_or_default();
    fields.insert(param.into(), Value::text(key));
    Value::from_fields(fields)
}

/// Reads a document and makes tools of it.
///
/// # Errors
/// In the reader's words.
pub fn import_file(path: &Path) -> Result<Import, String> {
    import(&document(path)?)
}

#[async_trait]
impl Tool for OpenApi {
    fn describe(&self) -> Vec<EcoString> {
        self.listing.get().map(|listing| listing.tools.keys().cloned().collect()).unwrap_or_default()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let definition = self.definition(call).await?;
        let no_operation = || Fault::clean("failed", format!("`{}` is no operation of an HTTP API", call.tool));
        let operation = definition.http.as_ref().ok_or_else(no_operation)?;
        let (client, base) = self.client().await?;
        let named = self.keys.get(&call.tool).map(EcoString::as_str);
        let header =
            named.map_or(operation.key_header.as_deref(), |named| named.strip_prefix("header:").map(str::trim));
        let header = call.key.as_deref().and_then(|key| Some((header?, key)));
        let args = match (named.filter(|named| !named.starts_with("header:")), &call.key) {
            (Some(param), Some(key)) => with_key(&call.args, param, key),
            _ => call.args.clone(),
        };
        let mut sent = request::build(base, operation, &definition.input, &args, header, &self.credentials)?;
        if let Ok(trace) = HeaderValue::from_str(&crate::traces::traceparent(call)) {
            sent.headers.entry("traceparent").or_insert(trace);
        }
        let received = client.send(sent.clone(), call.timeout, &|_| HeaderMap::new()).await?;
        answer::read(&sent, &received)
    }
}

#[async_trait]
impl Server for OpenApi {
    async fn list(&self) -> Result<Listing, Fault> {
        let path = self.document.clone();
        let read = tokio::task::spawn_blocking(move || import_file(&path)).await;
        let read = read.unwrap_or_else(|error| Err(format!("reading broke off: {error}")));
        let import = read.map_err(|why| Fault::clean("failed", format!("`{}`: {why}", self.name)))?;
        Ok(import.listing)
    }

    async fn health(&self) -> Result<Option<Listing>, Fault> {
        let (client, base) = self.client().await?;
        let sent = request::health(base, self.health_path.as_deref(), &self.credentials)?;
        let received = client.send(sent.clone(), HEALTH, &|_| HeaderMap::new()).await?;
        let well = match self.health_path {
            Some(_) => (200..300).contains(&received.status),
            // Whatever it says of an address that may mean nothing to it: it is there.
            None => received.status < 500,
        };
        let wrong = || Fault::clean("unavailable", format!("{} answered HTTP {}", sent.shown(), received.status));
        if well { Ok(None) } else { Err(wrong()) }
    }

    async fn close(&self) {}
}
