//! A message from a call's arguments to the bytes of an `.eml` file.

use super::address::{self, Mailbox};
use crate::tool::{Call, Fault};
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::raw::Raw;
use sha2::{Digest, Sha256};
use std::path::Path;
use weir_stdlib::value::Hash;

/// A file that goes with a message.
pub(super) struct Attachment {
    name: String,
    kind: &'static str,
    bytes: Vec<u8>,
}

/// What was asked to be sent, checked.
pub(super) struct Message {
    recipients: Vec<(&'static str, Vec<Mailbox>)>,
    subject: String,
    body: String,
    html: Option<String>,
    in_reply_to: Option<String>,
    attachments: Vec<Attachment>,
    args: Hash,
}

impl Attachment {
    pub(super) fn new(path: &str, bytes: Vec<u8>) -> Result<Self, Fault> {
        let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or("attachment").to_owned();
        if name.chars().any(char::is_control) {
            let message = format!("the name of the attachment `{}` contains control characters", path.escape_debug());
            return Err(Fault::clean("invalid_input", message));
        }
        let kind = content_type(&name);
        Ok(Attachment { name, kind, bytes })
    }
}

fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    match ending.as_deref() {
        Some("txt" | "md" | "log") => "text/plain",
        Some("csv") => "text/csv",
        Some("html" | "htm") => "text/html",
        Some("json") => "application/json",
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/octet-stream",
    }
}

impl Message {
    pub(super) fn of(call: &Call, attachments: Vec<Attachment>) -> Result<Self, Fault> {
        let mut recipients = vec![("To", address::parse("to", &call.text("to")?)?)];
        for (field, header) in [("cc", "Cc"), ("bcc", "Bcc"), ("reply_to", "Reply-To")] {
            if let Some(text) = call.optional_text(field)? {
                recipients.push((header, address::parse(field, &text)?));
            }
        }
        Ok(Message {
            recipients,
            subject: subject(call.text("subject")?)?,
            body: call.text("body")?,
            html: call.optional_text("html")?,
            in_reply_to: call.optional_text("in_reply_to")?.map(|id| message_id(&id)).transpose()?,
            attachments,
            args: call.args.hash(),
        })
    }

    /// The message id, without `<` and `>`, made from `salt`, the arguments and what is attached.
    pub(super) fn id(&self, salt: &[&str]) -> String {
        let mut hash = Sha256::new();
        for part in salt {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(self.args);
        for attachment in &self.attachments {
            hash.update(Sha256::digest(&attachment.bytes));
        }
        let mut hex = weir_stdlib::hex(&hash.finalize());
        hex.truncate(32);
        format!("{hex}@weir.invalid")
    }

    /// What a person sees first: the subject in plain letters, then the id.
    pub(super) fn file_name(&self, id: &str) -> String {
        let plain: String = self.subject.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect();
        let mut words = plain.split_whitespace().fold(String::new(), |name, word| format!("{name}{word}-"));
        words.truncate(40);
        let id = id.split('@').next().unwrap_or(id);
        format!("{}-{id}", words.trim_end_matches('-').to_ascii_lowercase()).trim_start_matches('-').to_owned()
    }

    /// As it goes out as a file.
    pub(super) fn sent(self, id: &str) -> Result<Vec<u8>, Fault> {
        let from = Address::new_address(Some("Weir"), "weir@localhost");
        self.build(MessageBuilder::new().from(from), id)
    }

    /// As a mail server gets it, with everyone who gets it: those of `Bcc` stand in no header.
    pub(super) fn posted(mut self, id: &str, from: Mailbox) -> Result<(Vec<String>, Vec<u8>), Fault> {
        let reached = self.recipients.iter().filter(|(header, _)| *header != "Reply-To");
        let mut everyone: Vec<String> = reached.flat_map(|(_, all)| all.iter().map(|one| one.email.clone())).collect();
        everyone.sort();
        everyone.dedup();
        self.recipients.retain(|(header, _)| *header != "Bcc");
        let from = Address::new_address(from.name, from.email);
        Ok((everyone, self.build(MessageBuilder::new().from(from), id)?))
    }

    /// As a mail program opens it for editing: nobody sends it yet, so it has no `From`.
    pub(super) fn draft(self, id: &str) -> Result<Vec<u8>, Fault> {
        self.build(MessageBuilder::new().header("X-Unsent", Raw::new("1")), id)
    }

    fn build(self, builder: MessageBuilder<'_>, id: &str) -> Result<Vec<u8>, Fault> {
        let mut builder = builder.message_id(id.to_owned()).subject(self.subject).text_body(self.body);
        for (header, mailboxes) in self.recipients {
            let address = |one: Mailbox| Address::new_address(one.name, one.email);
            builder = builder.header(header, Address::new_list(mailboxes.into_iter().map(address).collect()));
        }
        if let Some(id) = self.in_reply_to {
            builder = builder.in_reply_to(id.clone()).references(id);
        }
        if let Some(html) = self.html {
            builder = builder.html_body(html);
        }
        for attachment in self.attachments {
            builder = builder.attachment(attachment.kind, attachment.name, attachment.bytes);
        }
        let built = builder.write_to_vec();
        built.map_err(|error| Fault::clean("failed", format!("the message could not be put together: {error}")))
    }
}

fn subject(subject: String) -> Result<String, Fault> {
    if subject.contains(['\r', '\n']) {
        let message = "`subject` contains a line break; it stands on one line (`replace(subject, \"\\n\", \" \")`)";
        return Err(Fault::clean("invalid_input", message));
    }
    Ok(subject)
}

/// `<id@host>` without its brackets; `parse_mail` gives it without them.
fn message_id(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let inner = Some(text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text));
    let sound = |id: &&str| {
        id.contains('@') && id.len() <= 900 && id.chars().all(|c| c.is_ascii_graphic() && !"<>".contains(c))
    };
    inner.filter(sound).map(str::to_owned).ok_or_else(|| {
        Fault::clean("invalid_input", "`in_reply_to` must be one message id, `id@host` with or without its brackets")
    })
}
