//! Who asks, and what they may do: bearer tokens with roles. Without any token, whoever is on this computer may do
//! everything.

use super::App;
use super::guesses::{From, Guesses};
use super::problem::Problem;
use crate::exit::Error;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ecow::EcoString;
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use subtle::{Choice, ConstantTimeEq};
use weir_compiler::project::{ServeRole, ServeSection};
use weir_runtime::audit::acting_as;
use weir_runtime::servers::credential;

/// A shorter token could be guessed.
const SHORTEST: usize = 16;

/// Whoever sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The name of the token.
    pub name: EcoString,
    roles: Vec<ServeRole>,
}

impl Caller {
    /// Who needs no token: somebody on this computer.
    pub fn local() -> Self {
        Caller { name: "local".into(), roles: vec![ServeRole::Operator, ServeRole::Approver] }
    }

    /// Whether they may. Everybody who has a token may look.
    pub fn may(&self, role: ServeRole) -> bool {
        self.roles.contains(&role) || (role == ServeRole::Viewer && !self.roles.is_empty())
    }
}

/// The tokens that are known, and who has guessed at them.
#[derive(Clone, Default)]
pub struct Tokens(Vec<([u8; 32], Caller)>, Arc<Guesses>);

impl Tokens {
    /// Reads them where `weir.toml` says that they are.
    ///
    /// # Errors
    /// A token that stands in `weir.toml` itself, is not there, or is too short. The token is never shown.
    pub fn read(section: &ServeSection, root: &Path) -> Result<Tokens, Error> {
        let mut tokens: Vec<([u8; 32], Caller)> = Vec::new();
        for (name, token) in &section.tokens {
            let place = format!("`[serve.tokens.{name}]` in weir.toml");
            let wrong = |why: &str| Error::usage(format!("{place}: {why}"));
            if !token.token.starts_with("env:") && !token.token.starts_with("file:") {
                let help = "write `token = \"env:NAME\"` or `token = \"file:PATH\"`";
                return Err(wrong("a token does not stand in weir.toml itself").help(help));
            }
            let value = credential(&token.token, root).map_err(|why| wrong(&why))?;
            if value.len() < SHORTEST {
                return Err(wrong(&format!("the token is shorter than {SHORTEST} characters"))
                    .help("`openssl rand -hex 32` makes a good one"));
            }
            if token.roles.is_empty() {
                return Err(wrong("it has no role").help("the roles are `viewer`, `operator` and `approver`"));
            }
            let digest = digest(&value);
            if tokens.iter().any(|(known, _)| *known == digest) {
                return Err(wrong("another entry has the same token"));
            }
            tokens.push((digest, Caller { name: name.clone(), roles: token.roles.clone() }));
        }
        Ok(Tokens(tokens, Arc::default()))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose token it is, and the how manieth. Takes the same time whichever is right, and where none is.
    fn whose(&self, token: &str) -> Option<(usize, &Caller)> {
        let given = digest(token);
        let mut found = None;
        for (at, (digest, caller)) in self.0.iter().enumerate() {
            let same: Choice = digest.ct_eq(&given);
            if same.into() {
                found = Some((at, caller));
            }
        }
        found
    }

    /// Who sends these headers from there.
    fn caller(&self, headers: &HeaderMap, from: From) -> Result<Caller, Problem> {
        if self.is_empty() {
            return Ok(Caller::local());
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = given.and_then(|given| {
            let (scheme, token) = given.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let unknown = |why: &str| {
            Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", why)
                .help("send `Authorization: Bearer TOKEN` with a token of `[serve.tokens]` in weir.toml")
        };
        let token = token.ok_or_else(|| unknown("this needs a token"))?;
        let found = self.whose(token);
        self.1.judge(from, found.map(|(at, _)| at), Instant::now()).map_err(slow_down)?;
        found.map(|(_, caller)| caller.clone()).ok_or_else(|| unknown("nobody knows this token"))
    }
}

fn slow_down(wait: Duration) -> Problem {
    let seconds = wait.as_secs() + 1;
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_wrong", "too many wrong tokens came from this address")
        .help(format!("wait {seconds} s"))
        .after(seconds)
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// What a route asks of its caller, with what there is to know.
#[derive(Clone)]
pub struct Gate {
    /// The server.
    pub app: Arc<App>,
    /// The role.
    pub role: ServeRole,
}

/// Lets a request pass whose caller has the role, and notes the caller in it.
pub async fn check(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    // Without a connection (a test of the router) it is this computer.
    let from = request.extensions().get::<From>().copied();
    let from = from.unwrap_or_else(|| From::of(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    match admitted(&gate, request.headers(), from) {
        Ok(caller) => {
            let name = caller.name.clone();
            request.extensions_mut().insert(caller);
            acting_as(name, next.run(request)).await
        }
        Err(problem) => {
            let unauthorized = problem.code == "unauthorized";
            let mut response = problem.into_response();
            if unauthorized {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

fn admitted(gate: &Gate, headers: &HeaderMap, from: From) -> Result<Caller, Problem> {
    let caller = gate.app.tokens.caller(headers, from)?;
    if caller.may(gate.role) {
        return Ok(caller);
    }
    let role = word(gate.role);
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", format!("the token `{}` is no {role}'s", caller.name))
        .help(format!("this asks for the role `{role}`")))
}

/// How a role is written.
pub fn word(role: ServeRole) -> &'static str {
    match role {
        ServeRole::Viewer => "viewer",
        ServeRole::Operator => "operator",
        ServeRole::Approver => "approver",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_compiler::project::Config;

    fn tokens(toml: &str) -> Result<Tokens, Error> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("a"), "0123456789abcdef0\n").unwrap();
        fs_err::write(folder.path().join("b"), "fedcba9876543210f").unwrap();
        fs_err::write(folder.path().join("short"), "secret").unwrap();
        Tokens::read(&Config::parse(toml).unwrap().serve, folder.path())
    }

    fn here() -> From {
        From::of(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    fn sends(value: &str) -> HeaderMap {
        [(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap())].into_iter().collect()
    }

    #[test]
    fn a_token_names_its_bearer_and_what_they_may() {
        let toml = "[serve.tokens.ci]\ntoken = \"file:a\"\nroles = [\"operator\"]\n\
                    [serve.tokens.boss]\ntoken = \"file:b\"\nroles = [\"approver\"]\n";
        let tokens = tokens(toml).unwrap();
        let ci = tokens.caller(&sends("Bearer 0123456789abcdef0"), here()).unwrap();
        assert!(ci.name == "ci" && ci.may(ServeRole::Viewer) && ci.may(ServeRole::Operator));
        assert!(!ci.may(ServeRole::Approver));
        let boss = tokens.caller(&sends("bearer fedcba9876543210f"), here()).unwrap();
        assert!(boss.may(ServeRole::Approver) && !boss.may(ServeRole::Operator));
        for wrong in ["Bearer 0123456789abcdef", "Basic 0123456789abcdef0", "0123456789abcdef0", "Bearer "] {
            assert_eq!(tokens.caller(&sends(wrong), here()).unwrap_err().code, "unauthorized", "{wrong}");
        }
        assert_eq!(tokens.caller(&HeaderMap::new(), here()).unwrap_err().code, "unauthorized");
    }

    #[test]
    fn a_token_is_kept_out_of_weir_toml_and_of_messages() {
        let one = |token: &str| tokens(&format!("[serve.tokens.x]\ntoken = \"{token}\"\nroles = [\"viewer\"]\n"));
        for (token, told) in [("plain-text-token-here", "does not stand"), ("file:short", "shorter than 16")] {
            let error = one(token).err().unwrap();
            assert!(error.messages.concat().contains(told), "{error:?}");
            assert!(!error.messages.concat().contains("plain-text") && !error.messages.concat().contains("secret"));
        }
        assert!(one("file:nowhere").is_err());
    }
}
