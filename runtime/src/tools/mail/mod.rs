//! `mail.send` and `mail.draft`: messages as `.eml` files in the outbox folder, or through a mail server.

mod address;
mod message;
mod smtp;

use super::atomic::{self, Existing};
use super::fault::blocking;
use super::files::{FilesConfig, LIMIT, read_bytes};
use super::sandbox::Sandbox;
use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use ecow::EcoString;
use message::{Attachment, Message};
use serde::Deserialize;
use smtp::SmtpServer;
use weir_compiler::project::ToolSection;
use weir_stdlib::value::Value;

const NAMES: [&str; 2] = ["send", "draft"];

/// `[tools.mail]` of `weir.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// The folder that mails are written to, relative to the project's. Default: `outbox`.
    pub outbox: String,
    /// The mail server that sends instead.
    #[serde(skip)]
    smtp: Option<SmtpServer>,
}

impl Default for MailConfig {
    fn default() -> Self {
        MailConfig { outbox: "outbox".into(), smtp: None }
    }
}

impl MailConfig {
    /// Reads the section: `outbox`, or `smtp` with its password in `auth` and the sender in `headers.From`.
    ///
    /// # Errors
    /// In the reader's words: an address that is none, a variable that is not set.
    pub fn from_section(section: &ToolSection, root: &std::path::Path) -> Result<MailConfig, String> {
        let outbox = section.outbox.clone().unwrap_or_else(|| MailConfig::default().outbox);
        let smtp = SmtpServer::from_section(section, root).map_err(|why| format!("`[tools.mail]`: {why}"))?;
        Ok(MailConfig { outbox, smtp })
    }
}

/// The server `mail`.
#[derive(Clone)]
pub struct Mail {
    project: Utf8PathBuf,
    outbox: String,
    smtp: Option<SmtpServer>,
    attachments: Sandbox,
}

impl Mail {
    /// Mail of a project; attachments come from the roots of `files`.
    pub fn new(project_root: &Utf8Path, config: MailConfig, files: &FilesConfig) -> Self {
        Mail {
            project: project_root.to_owned(),
            outbox: config.outbox,
            smtp: config.smtp,
            attachments: files.sandbox(project_root),
        }
    }
}

#[async_trait]
impl Tool for Mail {
    fn describe(&self) -> Vec<EcoString> {
        NAMES.map(EcoString::from).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        if let (Some(server), "send") = (&self.smtp, call.tool.as_str()) {
            return self.post(server, call).await;
        }
        let (mail, call) = (self.clone(), call.clone());
        blocking(move || match call.tool.as_str() {
            "send" => mail.send(&call),
            "draft" => mail.draft(&call),
            _ => Err(call.no_such_tool("mail", &NAMES)),
        })
        .await
    }
}

impl Mail {
    async fn post(&self, server: &SmtpServer, call: &Call) -> Result<Value, Fault> {
        let (mail, own) = (self.clone(), call.clone());
        let message = blocking(move || Message::of(&own, mail.attachments(&own)?)).await?;
        let id = message.id(&[&call.run_id, &call.step]);
        let id = format!("{}@{}", id.split('@').next().unwrap_or_default(), server.domain());
        let (everyone, bytes) = message.posted(&id, server.from())?;
        server.send(&everyone, &bytes, call.timeout).await?;
        Ok(Value::record([("id", Value::text(format!("<{id}>")))]))
    }

    /// The file of a message is named after its run, step and content: sent again it is the same file.
    fn send(&self, call: &Call) -> Result<Value, Fault> {
        let message = Message::of(call, self.attachments(call)?)?;
        let id = message.id(&[&call.run_id, &call.step]);
        let path = format!("{}/{}.eml", self.outbox, message.file_name(&id));
        self.write(&path, message.sent(&id)?)?;
        Ok(Value::record([("id", Value::text(format!("<{id}>")))]))
    }

    fn draft(&self, call: &Call) -> Result<Value, Fault> {
        let message = Message::of(call, self.attachments(call)?)?;
        let id = message.id(&[]);
        let path = format!("{}/drafts/{}.eml", self.outbox, message.file_name(&id));
        self.write(&path, message.draft(&id)?)?;
        Ok(Value::record([("id", Value::text(format!("<{id}>"))), ("path", Value::text(path))]))
    }

    /// Writes the file in one go; one that is there already is the same message, and is left alone.
    fn write(&self, path: &str, bytes: Vec<u8>) -> Result<(), Fault> {
        let target = self.project.join(path);
        match atomic::write(target.as_std_path(), path, Existing::Keep, &bytes) {
            Err(fault) if fault.code == "conflict" && target.is_file() => Ok(()),
            Err(fault) => {
                let message = format!("{}; `[tools.mail] outbox` in weir.toml names the folder", fault.message);
                Err(Fault { message, ..fault })
            }
            Ok(()) => Ok(()),
        }
    }

    fn attachments(&self, call: &Call) -> Result<Vec<Attachment>, Fault> {
        let mut left = LIMIT;
        let mut attachments = Vec::new();
        for path in call.texts("attachments")? {
            let place = self.attachments.place(&path)?;
            let bytes = read_bytes(&place, left)?;
            left = left.saturating_sub(bytes.len() as u64);
            attachments.push(Attachment::new(&path, bytes)?);
        }
        Ok(attachments)
    }
}
