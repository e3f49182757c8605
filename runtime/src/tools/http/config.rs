//! `[tools.http]`: who may be reached, and what identifies us to whom.

use super::guard::Guard;
use crate::servers::credential;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use std::path::Path;
use url::Url;
use weir_compiler::project::ToolSection;

/// `[tools.http]` with its credentials resolved.
#[derive(Clone, Default)]
pub struct HttpConfig {
    /// Hosts that may be reached; none: nothing is.
    pub hosts: Vec<String>,
    /// `http://…` or `socks5://…`
    pub proxy: Option<String>,
    /// Headers that go to one host and no other.
    credentials: Vec<Credential>,
}

#[derive(Clone)]
struct Credential {
    guard: Guard,
    name: HeaderName,
    value: HeaderValue,
}

impl HttpConfig {
    /// Hosts without credentials or proxy.
    pub fn of(hosts: &[&str]) -> HttpConfig {
        HttpConfig { hosts: hosts.iter().map(ToString::to_string).collect(), ..HttpConfig::default() }
    }

    /// Reads the section. The key of a header is `"api.example.com X-Key"`; the host may be left out where `hosts` names one
    /// host only. `auth` is a bearer token for that one host.
    ///
    /// # Errors
    /// In the reader's words: a host or header that is none, a variable that is not set.
    pub fn from_section(section: &ToolSection, root: &Path) -> Result<HttpConfig, String> {
        let hosts = section.hosts.clone().unwrap_or_default();
        Guard::new("http", &hosts, None)?;
        let auth = section.auth.as_ref().map(|text| ("auth", AUTHORIZATION.as_str(), text));
        let headers = section.headers.iter().map(|(key, text)| ("headers", key.as_str(), text));
        let mut credentials = Vec::new();
        for (setting, key, text) in auth.into_iter().chain(headers) {
            let wrong = |why: String| format!("`{setting}` of `[tools.http]`: {why}");
            let value = credential(text, root).map_err(wrong)?;
            let value = if setting == "auth" { format!("Bearer {value}") } else { value };
            credentials.push(Credential::of(&hosts, key, &value).map_err(wrong)?);
        }
        Ok(HttpConfig { hosts, proxy: section.proxy.clone(), credentials })
    }

    /// The headers for one address. A credential goes over `http` only to this machine.
    pub(super) fn credentials(&self, url: &Url) -> HeaderMap {
        let safe = url.scheme() == "https" || is_this_machine(url);
        let mine = self.credentials.iter().filter(|one| safe && one.guard.check(url).is_ok());
        mine.map(|one| (one.name.clone(), one.value.clone())).collect()
    }
}

impl Credential {
    fn of(hosts: &[String], key: &str, value: &str) -> Result<Credential, String> {
        let (host, name) = match (key.trim().rsplit_once(char::is_whitespace), hosts) {
            (Some((host, name)), _) => (host.trim().to_owned(), name),
            (None, [only]) if !only.contains('*') && !only.contains('/') => (only.clone(), key),
            _ => {
                return Err(format!(
                    "`{key}` would go to every host; write `\"api.example.com {key}\"` for the one that it is for"
                ));
            }
        };
        let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no name of a header"))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|_| format!("the value of `{name}` does not fit into a header"))?;
        value.set_sensitive(true);
        Ok(Credential { guard: Guard::new("http", &[host], None)?, name, value })
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
