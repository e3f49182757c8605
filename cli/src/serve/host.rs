//! Which names a request may have come by. A page in somebody's browser can send requests to this computer, under a
//! name of its own choosing; such requests name another host, or say that they come from another origin.

use super::App;
use super::problem::Problem;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// The names that are ours.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Names of this computer, the address that is listened at, and those of `weir.toml`.
    pub fn new(listens: IpAddr, named: &[String]) -> Self {
        let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        hosts.push(listens.to_string());
        hosts.extend(named.iter().map(|name| name.to_ascii_lowercase()));
        Hosts(hosts)
    }

    /// Whether an authority (`localhost:7117`, `[::1]:7117`) is one of them.
    fn has(&self, authority: &str) -> bool {
        let host = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or("", |(host, _)| host),
            None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
        };
        let host = host.trim_end_matches('.');
        self.0.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    /// Refuses what came by another name or from another origin.
    fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let foreign = |code, message: String| Problem::new(StatusCode::FORBIDDEN, code, message);
        let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let host = uri.authority().map(|authority| authority.as_str()).or_else(|| text(header::HOST));
        let host = host.unwrap_or_default();
        if !self.has(host) {
            return Err(foreign(
                "foreign_host",
                format!("`{}` is no name of this server", crate::escape::short(host, 80)),
            )
            .help("name it in `hosts` under `[serve]` in weir.toml if it is one"));
        }
        let Some(origin) = text(header::ORIGIN) else { return Ok(()) };
        let same = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
        if same {
            return Ok(());
        }
        Err(foreign("foreign_origin", "pages of other origins may not use this server".into()))
    }
}

/// Lets only requests pass that came by one of our names.
pub async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.hosts.admit(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn admits(host: &str, origin: Option<&str>) -> bool {
        let hosts = Hosts::new([127, 0, 0, 1].into(), &["Weir.example.com".into()]);
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        hosts.admit(&Uri::from_static("/v1/runs"), &headers).is_ok()
    }

    #[test]
    fn only_our_own_names_and_origins() {
        for ours in ["localhost:7117", "127.0.0.1:7117", "[::1]:7117", "weir.example.com", "LOCALHOST", "localhost."] {
            assert!(admits(ours, None), "{ours}");
        }
        for foreign in ["evil.example", "127.0.0.1.evil.example:7117", "localhost.evil.example", "", "[::2]:7117"] {
            assert!(!admits(foreign, None), "{foreign}");
        }
        assert!(admits("localhost:7117", Some("http://localhost:7117")));
        for foreign in ["http://evil.example", "null", "http://localhost:8000", "http://127.0.0.1:7117"] {
            assert!(!admits("localhost:7117", Some(foreign)), "{foreign}");
        }
    }
}
