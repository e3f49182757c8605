//! Which hosts may be reached: the `hosts` of a section of `weir.toml`, checked on the name and on the address that
//! the name leads to.

use super::address::{Range, is_link_local, is_public};
use crate::tool::Fault;
use std::net::IpAddr;
use url::{Host, Url};

/// Who may be reached.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// `http` or a server's name: whose section of `weir.toml` is meant.
    section: String,
    entries: Vec<Entry>,
    /// The `base_url` of `weir.toml`: named by the project itself, so it may be private.
    base: Option<Url>,
}

/// One of `hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    host: Pattern,
    port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// `*`: every public host.
    Any,
    /// `api.example.com`
    Name(String),
    /// `*.example.com`: every name below it.
    Below(String),
    /// `10.0.0.5`, `10.0.0.0/8`
    Range(Range),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// 80 for `http`, 443 for `https`.
    Default,
    /// `:8080`
    One(u16),
    /// `:*`
    Any,
}

impl Guard {
    /// Reads the `hosts` of `[tools.SECTION]`; `base` is the `base_url` that the project itself names.
    ///
    /// # Errors
    /// In the reader's words, where an entry is none.
    pub(crate) fn new(section: &str, hosts: &[String], base: Option<Url>) -> Result<Guard, String> {
        let entry =
            |text: &String| Entry::parse(text).map_err(|why| format!("`hosts` of `[tools.{section}]`: `{text}` {why}"));
        let entries = hosts.iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Guard { section: section.to_owned(), entries, base })
    }

    /// Whether a request may go to this address.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Fault> {
        form(url)?;
        let port = url.port_or_known_default().unwrap_or_default();
        let default = if url.scheme() == "https" { 443 } else { 80 };
        let host = host_of(url);
        let by_base = self.base.as_ref().is_some_and(|base| base.origin() == url.origin());
        let by_entry = self.entries.iter().any(|entry| entry.port.takes(port, default) && entry.host.names(&host));
        match &host {
            Host::Domain(_) if by_base || by_entry => Ok(()),
            Host::Domain(name) => Err(self.not_named(name, port, default)),
            address => match ip(address) {
                Some(_) if by_base || by_entry => Ok(()),
                Some(ip) if is_public(ip) && self.any(port, default) => Ok(()),
                _ => Err(self.not_named(&address.to_string(), port, default)),
            },
        }
    }

    /// Those of a name's addresses that may be reached.
    pub(crate) fn reachable(&self, name: &str, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, String> {
        let first = found.first().copied();
        let open: Vec<IpAddr> = found.into_iter().filter(|address| self.opens(name, *address)).collect();
        match first {
            Some(address) if open.is_empty() => Err(format!(
                "`{name}` leads to `{address}`, which is no public address; if it is meant, add \"{address}\" to `hosts` \
                 of `[tools.{}]` in weir.toml",
                self.section
            )),
            _ => Ok(open),
        }
    }

    fn opens(&self, name: &str, address: IpAddr) -> bool {
        let name = name.trim_end_matches('.');
        let is_base = || matches!(self.base.as_ref().map(host_of), Some(Host::Domain(base)) if base == name);
        let ranges = self.entries.iter().filter_map(|entry| match &entry.host {
            Pattern::Range(range) if !matches!(entry.port, Port::One(_)) => Some(range),
            _ => None,
        });
        let local = (name == "localhost" || name.ends_with(".localhost")) && address.is_loopback();
        is_public(address)
            || local
            || ranges.into_iter().any(|range| range.contains(address))
            || (is_base() && !is_link_local(address))
    }

    fn any(&self, port: u16, default: u16) -> bool {
        self.entries.iter().any(|entry| entry.host == Pattern::Any && entry.port.takes(port, default))
    }

    fn not_named(&self, host: &str, port: u16, default: u16) -> Fault {
        let host = if port == default { host.to_owned() } else { format!("{host}:{port}") };
        let section = &self.section;
        let message = match self.entries.is_empty() && self.base.is_none() {
            true => format!(
                "`[tools.{section}]` in weir.toml names no `hosts`, so nothing is reached; to reach this one, add \
                 `hosts = [\"{host}\"]`"
            ),
            false => format!(
                "`{host}` is not among the `hosts` of `[tools.{section}]` in weir.toml; add \"{host}\" if it is meant"
            ),
        };
        Fault::clean("permission", message)
    }
}

impl Port {
    fn takes(self, port: u16, default: u16) -> bool {
        match self {
            Port::Default => port == default,
            Port::One(one) => port == one,
            Port::Any => true,
        }
    }
}

impl Pattern {
    fn names(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Pattern::Any, Host::Domain(_)) => true,
            (Pattern::Name(own), Host::Domain(name)) => own == name,
            (Pattern::Below(own), Host::Domain(name)) => {
                name.strip_suffix(own.as_str()).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
            }
            (Pattern::Range(range), address) => ip(address).is_some_and(|ip| range.contains(ip)),
            _ => false,
        }
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Entry, &'static str> {
        let text = text.trim();
        if text.contains("://") || text.contains('@') {
            return Err("must be a host alone: `api.example.com` or `api.example.com:8080`");
        }
        if let Some(range) = Range::parse(text) {
            return Ok(Entry { host: Pattern::Range(range), port: Port::Default });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, "*")) => (host, Port::Any),
            Some((host, port)) => (host, Port::One(port.parse().map_err(|_| "has a port that is no number")?)),
            None => (text, Port::Default),
        };
        let host = match (host, Range::parse(host), host.strip_prefix("*.")) {
            ("*", ..) => Pattern::Any,
            (_, Some(range), _) => Pattern::Range(range),
            (.., Some(below)) => Pattern::Below(domain(below)?),
            _ => Pattern::Name(domain(host)?),
        };
        Ok(Entry { host, port })
    }
}

fn domain(text: &str) -> Result<String, &'static str> {
    match Host::parse(text.trim_end_matches('.')) {
        Ok(Host::Domain(name)) if !name.contains('*') => Ok(name),
        _ => Err("does not read as a host"),
    }
}

/// The host without the dot that may end it.
fn host_of(url: &Url) -> Host<String> {
    match url.host() {
        Some(Host::Domain(name)) => Host::Domain(name.trim_end_matches('.').to_owned()),
        Some(Host::Ipv4(address)) => Host::Ipv4(address),
        Some(Host::Ipv6(address)) => Host::Ipv6(address),
        None => Host::Domain(String::new()),
    }
}

fn ip(host: &Host<String>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
        Host::Domain(_) => None,
    }
}

/// Reads an address as a flow or a server writes it.
pub(crate) fn read_url(text: &str) -> Result<Url, Fault> {
    let wrong = |why: &str| {
        let shown: String = text.chars().take(200).collect();
        Fault::clean("invalid_input", format!("`{}` {why}", shown.escape_debug()))
    };
    if text.contains('\\') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(wrong("is no address: it contains a backslash, blank or control character"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&format!("is no address: {error}")))?;
    form(&url)?;
    Ok(url)
}

/// Only `http` and `https`, without a user and password.
fn form(url: &Url) -> Result<(), Fault> {
    if !matches!(url.scheme(), "http" | "https") {
        let message = format!("`{}:` is no scheme for `http`; write `https://…`", url.scheme());
        return Err(Fault::clean("invalid_input", message));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "the address names a user or password before its host; credentials stand in weir.toml";
        return Err(Fault::clean("invalid_input", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(hosts: &[&str]) -> Guard {
        Guard::new("http", &hosts.iter().map(ToString::to_string).collect::<Vec<_>>(), None).unwrap()
    }

    fn open(guard: &Guard, url: &str) -> bool {
        read_url(url).is_ok_and(|url| guard.check(&url).is_ok())
    }

    #[test]
    fn only_what_is_named_is_open() {
        let guard = guard(&[
            "api.example.com",
            "*.wild.test",
            "port.test:8080",
            "any.test:*",
            "bücher.test",
            "10.0.0.0/8",
            "[::1]:90",
        ]);
        for url in [
            "https://api.example.com/x",
            "http://API.example.com",
            "https://api.example.com./",
            "https://a.wild.test",
            "https://a.b.wild.test",
            "http://port.test:8080",
            "http://any.test:1",
            "https://xn--bcher-kva.test",
            "https://bücher.test",
            "http://10.1.2.3",
            "http://167772161",
            "http://012.0.0.1",
            "http://[::1]:90",
        ] {
            assert!(open(&guard, url), "{url}");
        }
        for url in [
            "https://example.com",
            "https://evil-api.example.com",
            "https://api.example.com.evil.test",
            "https://wild.test",
            "https://xwild.test",
            "http://port.test",
            "https://port.test",
            "https://api.example.com:8443",
            "https://api.example.com@evil.test",
            "https://evil.test#@api.example.com",
            "https://evil.test\\@api.example.com",
            "https://user:pw@api.example.com",
            "ftp://api.example.com",
            "file:///etc/passwd",
            "http://127.0.0.1",
            "http://2130706433",
            "http://0x7f.1",
            "http://[::ffff:127.0.0.1]",
            "http://[::1]",
            "http://10.1.2.3:81",
            "https://api.example.com%2eevil.test",
            "https://api。evil.test",
            "http://",
            "https:///x",
            "https://a b",
            "javascript:1",
        ] {
            assert!(!open(&guard, url), "{url}");
        }
    }

    #[test]
    fn a_name_opens_no_private_address() {
        let addresses = |guard: &Guard, name: &str, found: &[&str]| {
            guard.reachable(name, found.iter().map(|one| one.parse().unwrap()).collect()).map(|open| open.len())
        };
        let named = guard(&["api.test", "localhost", "10.0.0.0/8", "127.0.0.9:80"]);
        assert_eq!(addresses(&named, "api.test", &["93.184.216.34", "127.0.0.1", "10.0.0.1"]), Ok(2));
        let refused = addresses(&named, "api.test", &["127.0.0.1", "::1"]).unwrap_err();
        assert!(refused.contains("add \"127.0.0.1\" to `hosts` of `[tools.http]`"), "{refused}");
        assert!(addresses(&named, "api.test", &["127.0.0.9"]).is_err());
        assert_eq!(addresses(&named, "localhost", &["127.0.0.1", "::1", "192.168.0.1"]), Ok(2));
        let base = Guard::new("crm", &[], Some(Url::parse("http://crm.corp:80/api").unwrap())).unwrap();
        assert_eq!(addresses(&base, "crm.corp", &["192.168.0.1"]), Ok(1));
        assert!(addresses(&base, "crm.corp", &["169.254.169.254"]).is_err());
        assert!(open(&base, "http://crm.corp/else") && !open(&base, "https://crm.corp/"));
    }

    #[test]
    fn every_public_host_and_none_else() {
        let any = guard(&["*"]);
        assert!(open(&any, "https://example.com") && open(&any, "https://1.1.1.1"));
        assert!(!open(&any, "http://127.0.0.1") && !open(&any, "https://example.com:8443"));
    }

    #[test]
    fn what_is_missing_is_said() {
        let fault = guard(&[]).check(&Url::parse("https://api.test:81/x").unwrap()).unwrap_err();
        assert_eq!(fault.code, "permission");
        assert!(fault.message.contains("add `hosts = [\"api.test:81\"]`"), "{fault}");
        let fault = guard(&["a.test"]).check(&Url::parse("https://b.test/x").unwrap()).unwrap_err();
        assert!(fault.message.contains("add \"b.test\""), "{fault}");
        for (text, part) in
            [("https://a.test", "host alone"), ("a.test:x", "port"), ("*a.test", "does not read"), ("", "read")]
        {
            let error = Guard::new("http", &[text.into()], None).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
