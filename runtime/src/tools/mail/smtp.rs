//! Sending through a mail server: TLS from the start (`smtps`) or by STARTTLS (`smtp`), never a password in the clear.

use super::address::{self, Mailbox};
use crate::servers::credential;
use crate::tool::{Fault, Happened};
use crate::tools::http::use_ring;
use mail_send::smtp::message::Parameters;
use mail_send::{Error, SmtpClient, SmtpClientBuilder};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use url::{Host, Url};
use weir_compiler::project::ToolSection;

/// A mail server of weir.toml.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SmtpServer {
    host: String,
    port: u16,
    /// TLS from the start.
    tls: bool,
    /// User and password.
    login: Option<(String, String)>,
    from: Mailbox,
}

impl std::fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SmtpServer({}:{})", self.host, self.port)
    }
}

impl SmtpServer {
    pub(super) fn from_section(section: &ToolSection, root: &Path) -> Result<Option<SmtpServer>, String> {
        let Some(text) = &section.smtp else { return Ok(None) };
        let form = "write `smtp = \"smtps://user@host:465\"`, or `smtp://` for STARTTLS";
        let url = Url::parse(text).map_err(|_| format!("`smtp` is no address; {form}"))?;
        let tls = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            other => return Err(format!("`smtp` has the scheme `{other}`; {form}")),
        };
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| format!("`smtp` names no host; {form}"))?;
        let host = host.trim_matches(['[', ']']).to_owned();
        if url.password().is_some() {
            return Err("`smtp` holds a password; it stands in `auth` as `env:NAME`".into());
        }
        let user = percent_decoded(url.username());
        let password = section.auth.as_deref().map(|text| credential(text, root)).transpose();
        let password = password.map_err(|why| format!("`auth`: {why}"))?;
        let login = match (user.as_str(), password) {
            ("", None) => None,
            ("", Some(_)) => return Err("`auth` is a password, but `smtp` names no user: `smtps://user@host`".into()),
            (user, Some(password)) => Some((user.to_owned(), password)),
            (_, None) => return Err("`smtp` names a user, but `auth` no password; add `auth = \"env:NAME\"`".into()),
        };
        let from = sender(section, &user, &host)?;
        Ok(Some(SmtpServer { port: url.port().unwrap_or(if tls { 465 } else { 587 }), host, tls, login, from }))
    }

    pub(super) fn from(&self) -> Mailbox {
        self.from.clone()
    }

    /// The sender's domain.
    pub(super) fn domain(&self) -> &str {
        self.from.email.rsplit('@').next().unwrap_or("weir.invalid")
    }

    /// Hands a message over. Until its text is on its way nothing has happened; after that only the server's word counts.
    pub(super) async fn send(&self, everyone: &[String], message: &[u8], limit: Duration) -> Result<(), Fault> {
        use_ring();
        let mut happened = Happened::No;
        match tokio::time::timeout(limit, self.converse(everyone, message, &mut happened)).await {
            Ok(result) => result.map_err(|error| self.fault(&error, happened)),
            Err(_) => {
                let message = format!("the mail server `{}` took longer than {} s", self.host, limit.as_secs_f64());
                Err(Fault { happened, ..Fault::clean("timeout", message) })
            }
        }
    }

    async fn converse(&self, everyone: &[String], message: &[u8], happened: &mut Happened) -> Result<(), Error> {
        let builder = self.builder()?;
        if !self.tls && self.login.is_none() && self.is_this_machine() {
            match builder.connect().await {
                Err(Error::MissingStartTls) => {
                    return self.hand_over(builder.connect_plain().await?, everyone, message, happened).await;
                }
                client => return self.hand_over(client?, everyone, message, happened).await,
            }
        }
        self.hand_over(builder.connect().await?, everyone, message, happened).await
    }

    fn builder(&self) -> Result<SmtpClientBuilder<String>, Error> {
        let builder = SmtpClientBuilder::new(self.host.clone(), self.port);
        let builder = builder.map_err(|why| Error::Io(std::io::Error::other(why)))?;
        let builder = builder.implicit_tls(self.tls).helo_host("localhost");
        Ok(match &self.login {
            Some((user, password)) => builder.credentials((user.clone(), password.clone())),
            None => builder,
        })
    }

    async fn hand_over<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut client: SmtpClient<T>,
        everyone: &[String],
        message: &[u8],
        happened: &mut Happened,
    ) -> Result<(), Error> {
        let none = Parameters::default();
        client.mail_from(&self.from.email, &none).await?;
        for one in everyone {
            client.rcpt_to(one, &none).await?;
        }
        *happened = Happened::Maybe;
        client.data(message).await?;
        // The message is taken; how the server says good-bye no longer matters.
        let _ = tokio::time::timeout(Duration::from_secs(2), client.quit()).await;
        Ok(())
    }

    fn is_this_machine(&self) -> bool {
        match Host::parse(&self.host) {
            Ok(Host::Domain(name)) => name == "localhost",
            Ok(Host::Ipv4(address)) => address.is_loopback(),
            _ => self.host == "::1",
        }
    }

    /// What a failure means. A reply of 4xx or 5xx says that the server did not take the message, also after its text.
    fn fault(&self, error: &Error, happened: Happened) -> Fault {
        let server = format!("the mail server `{}`", self.host);
        match error {
            Error::UnexpectedReply(reply) => {
                let code = match reply.code {
                    400..=499 => "unavailable",
                    550 | 551 | 553 | 501 => "invalid_input",
                    530 | 534 | 535 => "permission",
                    _ => "failed",
                };
                let words: String =
                    reply.message.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
                Fault::clean(code, format!("{server} refused: {} {}", reply.code, words.escape_debug()))
            }
            Error::AuthenticationFailed(reply) => {
                let message =
                    format!("{server} does not take the password ({}); see `auth` of `[tools.mail]`", reply.code);
                Fault::clean("permission", message)
            }
            Error::Auth(_) | Error::UnsupportedAuthMechanism | Error::MissingCredentials => {
                Fault::clean("permission", format!("{server} offers no way to log in that is known here"))
            }
            Error::MissingStartTls => Fault::clean(
                "permission",
                format!("{server} offers no STARTTLS, and nothing is sent in the clear; use `smtps://` if it has that"),
            ),
            Error::Tls(why) => Fault::clean("failed", format!("{server}: no safe connection: {why}")),
            Error::InvalidTLSName => {
                Fault::clean("failed", format!("{server}: its name cannot stand in a certificate"))
            }
            Error::Timeout => Fault { happened, ..Fault::clean("timeout", format!("{server} did not answer in time")) },
            other => {
                Fault { happened, ..Fault::clean("unavailable", format!("{server}: the connection failed: {other}")) }
            }
        }
    }
}

/// `headers = { From = "Ann <ann@acme.test>" }`, else the user.
fn sender(section: &ToolSection, user: &str, host: &str) -> Result<Mailbox, String> {
    let named = section.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("from"));
    if let Some((other, _)) = section.headers.iter().find(|(name, _)| !name.eq_ignore_ascii_case("from")) {
        return Err(format!("`headers.{other}` is not sent with mail; only `From` is"));
    }
    let text = match named {
        Some((_, text)) => text.clone(),
        None if user.contains('@') => user.to_owned(),
        None if user.is_empty() => {
            return Err("nothing says who sends; add `headers = { From = \"Ann <ann@example.com>\" }`".into());
        }
        None => format!("{user}@{host}"),
    };
    match address::parse("From", &text).map_err(|fault| fault.message)?.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err("`headers.From` must be one address".into()),
    }
}

fn percent_decoded(text: &str) -> String {
    // A form's decoding with `+` kept.
    let pair = text.replace('+', "%2B");
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
