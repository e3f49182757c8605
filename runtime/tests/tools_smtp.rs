//! `mail.send` through a real mail server (`scripts/install-aiosmtpd`), with TLS and with passwords.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot go on fails"
)]

mod common;

use common::Project;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use weir_runtime::tool::{Fault, Happened};
use weir_runtime::tools::{BuiltinConfig, MailConfig};

fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/aiosmtpd/bin/python");
    let there = python.exists();
    if !there {
        eprintln!("no mail server: `scripts/install-aiosmtpd` installs it");
    }
    there.then_some(python)
}

/// A mail server that ends with the test.
struct Server {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(mode: &str, certificate: &Path, key: &Path) -> Server {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/server.py");
        let mut child = Command::new(python().unwrap())
            .arg(script)
            .args([mode.as_ref(), certificate.as_os_str(), key.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        Server { child, lines, port: first.trim().parse().unwrap() }
    }

    fn message(&mut self) -> serde_json::Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn project(smtp: &str, more: &str) -> Result<Project, String> {
    let section = toml::from_str(&format!("smtp = '{smtp}'\n{more}")).unwrap();
    let mail = MailConfig::from_section(&section, Path::new("."))?;
    Ok(Project::with(BuiltinConfig { mail, ..common::config() }))
}

const FROM: &str = "headers = { From = 'Ann Berg <ann@acme.test>' }";

async fn fault(project: &Project, args: &str) -> Fault {
    project.call("mail.send", args).await.unwrap_err()
}

fn message(to: &str, subject: &str) -> String {
    format!(r#"{{"to": "{to}", "subject": "{subject}", "body": "Hello\n.\n..dots\nbye"}}"#)
}

#[tokio::test]
async fn a_message_arrives_whole_and_refusals_prove_that_nothing_happened() {
    if python().is_none() {
        return;
    }
    let mut server = Server::start("plain", Path::new("-"), Path::new("-"));
    let mail = project(&format!("smtp://127.0.0.1:{}", server.port), FROM).unwrap();
    let args = r#"{"to": "Bo <bo@b.test>, cy@c.test", "cc": "dee@d.test", "bcc": "eve@e.test", "reply_to": "re@f.test",
        "subject": "Grüße", "body": "Hello\n.\n..dots\nbye"}"#;
    let id = mail.call("mail.send", args).await.unwrap().field("id");
    let got = server.message();
    assert_eq!(got["from"], "ann@acme.test");
    assert_eq!(got["to"], serde_json::json!(["bo@b.test", "cy@c.test", "dee@d.test", "eve@e.test"]));
    let text = got["text"].as_str().unwrap();
    assert!(!text.contains("eve@e.test") && text.contains("re@f.test") && text.contains("Ann Berg"), "{text}");
    assert!(text.contains(id.as_str().unwrap()) && id.as_str().unwrap().ends_with("@acme.test>"), "{text}");
    let parsed = mail_parser::MessageParser::default().parse(text).unwrap();
    assert_eq!(parsed.subject(), Some("Grüße"));
    assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), "Hello\n.\n..dots\nbye");

    for (to, subject, code, happened) in [
        ("nobody@b.test", "x", "invalid_input", Happened::No),
        ("later@b.test", "x", "unavailable", Happened::No),
        ("bo@b.test, nobody@b.test", "x", "invalid_input", Happened::No),
        ("bo@b.test", "full", "unavailable", Happened::No),
        ("bo@b.test", "spam", "failed", Happened::No),
        ("bo@b.test", "drop", "unavailable", Happened::Maybe),
        ("bo@b.test\\r\\nRCPT TO:<eve@e.test>", "x", "invalid_input", Happened::No),
        ("bo@b.test", "x\\r\\nBcc: eve@e.test", "invalid_input", Happened::No),
    ] {
        let fault = fault(&mail, &message(to, subject)).await;
        assert_eq!((fault.code.as_str(), fault.happened), (code, happened), "{to} {subject}: {fault}");
        assert!(!fault.message.contains('\u{1b}'), "{fault}");
    }
    mail.call("mail.send", &message("last@b.test", "last")).await.unwrap();
    assert_eq!(server.message()["to"], serde_json::json!(["last@b.test"]));
}

#[tokio::test]
async fn a_refused_connection_proves_that_nothing_happened() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mail = project(&format!("smtp://127.0.0.1:{port}"), FROM).unwrap();
    let fault = fault(&mail, &message("bo@b.test", "x")).await;
    assert_eq!((fault.code.as_str(), fault.happened), ("unavailable", Happened::No), "{fault}");
}

/// The system's certificates come from the environment, so this part runs in a process of its own.
#[test]
fn tls_and_passwords() {
    let Some(_) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args([std::ffi::OsStr::new("-keyout"), key.as_ref(), std::ffi::OsStr::new("-out"), certificate.as_ref()])
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        eprintln!("no `openssl` to make a certificate with");
        return;
    }
    for (mode, believed) in [("smtps", true), ("starttls", true), ("smtps", false), ("starttls", false)] {
        let server = Server::start(mode, &certificate, &key);
        let scheme = if mode == "smtps" { "smtps" } else { "smtp" };
        let mut inner = Command::new(std::env::current_exe().unwrap());
        inner.args(["--exact", "inside_with_tls", "--ignored", "--nocapture"]);
        inner.env("WEIR_TEST_SMTP", format!("{scheme}://ann@localhost:{}", server.port));
        inner.env("WEIR_TEST_PASSWORD", "right").env("WEIR_TEST_WRONG", "wrong").env_remove("SSL_CERT_DIR");
        match believed {
            true => inner.env("SSL_CERT_FILE", &certificate),
            false => inner.env("WEIR_TEST_DISTRUST", "1"),
        };
        let ended = inner.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout).into_owned() + &String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && said.contains("1 passed"), "{mode} {believed}: {said}");
        if believed {
            let mut server = server;
            let got = server.message();
            assert_eq!((got["tls"].as_bool(), got["login"].as_str()), (Some(true), Some("ann")), "{got}");
        }
    }
}

#[tokio::test]
#[ignore = "started by `tls_and_passwords`"]
async fn inside_with_tls() {
    let smtp = std::env::var("WEIR_TEST_SMTP").unwrap();
    let with = |password: &str| project(&smtp, &format!("auth = 'env:{password}'\n{FROM}")).unwrap();
    let args = message("bo@b.test", "x");
    if std::env::var("WEIR_TEST_DISTRUST").is_ok() {
        let fault = fault(&with("WEIR_TEST_PASSWORD"), &args).await;
        assert_eq!((fault.code.as_str(), fault.happened), ("failed", Happened::No), "{fault}");
        return;
    }
    let fault = fault(&with("WEIR_TEST_WRONG"), &args).await;
    assert_eq!((fault.code.as_str(), fault.happened), ("permission", Happened::No), "{fault}");
    assert!(fault.message.contains("does not take the password") && !fault.message.contains("wrong"), "{fault}");
    with("WEIR_TEST_PASSWORD").call("mail.send", &args).await.unwrap();
}

#[test]
fn settings_that_cannot_be_used_are_named_at_once() {
    for (smtp, more, part) in [
        ("https://a.test", FROM, "scheme `https`"),
        ("smtp.acme.test", FROM, "no address"),
        ("smtps://ann:pw@a.test", FROM, "it stands in `auth`"),
        ("smtps://ann@a.test", FROM, "add `auth"),
        ("smtps://a.test", "auth = 'x'", "names no user"),
        ("smtps://ann@a.test", "auth = 'env:WEIR_TEST_IS_NOT_SET'", "WEIR_TEST_IS_NOT_SET"),
        ("smtps://a.test", "", "nothing says who sends"),
        ("smtps://a.test", "headers = { From = \"a@b.test\\r\\nBcc: c@d.test\" }", "line break"),
        ("smtps://a.test", "headers = { X = 'y' }", "`headers.X`"),
    ] {
        let error = project(smtp, more).map(|_| ()).unwrap_err();
        assert!(error.contains(part), "{smtp}: {error}");
    }
    assert!(project("smtps://ann%40acme.test@mail.acme.test", "auth = 'x'").is_ok());
}
