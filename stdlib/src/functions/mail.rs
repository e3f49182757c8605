//! E-mail messages and addresses.

use super::call::Call;
use super::{Entry, row};
use crate::raise::Raise;
use crate::value::{Data, Value};
use mail_parser::{Addr, Address, HeaderName, Message, MessageParser, MimeHeaders};

type Made = Result<Value, Raise>;

#[rustfmt::skip]
pub(super) fn entries() -> Vec<Entry> {
    vec![
        row("parse_mail(text: string) -> { from: { name: string?, address: string }?, to: [{ name: string?, address: string }], cc: [{ name: string?, address: string }], reply_to: { name: string?, address: string }?, subject: string, date: time?, message_id: string?, in_reply_to: string?, text: string, html: string?, attachments: [{ name: string?, type: string, size: int }] }?", "The parts of a message as it travels (RFC 5322, MIME decoded), or null when it has no headers. `text` is made from the HTML where there is no plain text; `size` is in bytes.", r#"parse_mail("Subject: Hi\n\nHello")?.subject"#, r#""Hi""#, parse_mail),
        row("parse_email_address(text: string) -> { name: string?, address: string }?", "Name and address of one `Ann <ann@acme.test>` or `ann@acme.test`, or null when it is none.", r#"parse_email_address("Ann <ann@acme.test>")?.address"#, r#""ann@acme.test""#, parse_email_address),
    ]
}

fn text_or_null(text: Option<&str>) -> Value {
    text.map_or(Value::NULL, Value::text)
}

fn address(found: &Addr<'_>) -> Option<Value> {
    let address = found.address()?.trim();
    let name = found.name().map(str::trim).filter(|name| !name.is_empty());
    Some(Value::record([("name", text_or_null(name)), ("address", Value::text(address))]))
}

fn addresses(found: Option<&Address<'_>>) -> Value {
    Value::list(found.map(|found| found.iter().filter_map(address).collect::<Vec<_>>()).unwrap_or_default())
}

fn first(found: Option<&Address<'_>>) -> Value {
    found.and_then(|found| found.iter().find_map(address)).unwrap_or(Value::NULL)
}

fn parse_mail(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?;
    Ok(MessageParser::default()
        .parse(text)
        .filter(|mail| !mail.headers().is_empty())
        .map_or(Value::NULL, |mail| mail_value(&mail)))
}

fn mail_value(mail: &Message<'_>) -> Value {
    let date = mail.date().and_then(|date| jiff::Timestamp::from_second(date.to_timestamp()).ok());
    let bodies = |count: usize, body: &dyn Fn(usize) -> Option<String>| {
        (0..count).filter_map(body).collect::<Vec<_>>().join("\n")
    };
    let text = bodies(mail.text_body_count(), &|at| mail.body_text(at).map(std::borrow::Cow::into_owned));
    let html = mail.html_bodies().find(|part| part.is_text_html()).and_then(|part| part.text_contents());
    let reply = mail.header(HeaderName::InReplyTo).and_then(|header| {
        header
            .as_text()
            .or_else(|| header.as_text_list().and_then(|list| list.first()).map(std::convert::AsRef::as_ref))
    });
    Value::record([
        ("from", first(mail.from())),
        ("to", addresses(mail.to())),
        ("cc", addresses(mail.cc())),
        ("reply_to", first(mail.reply_to())),
        ("subject", Value::text(mail.subject().unwrap_or_default())),
        ("date", date.map_or(Value::NULL, |date| Value::new(Data::Time(date)))),
        ("message_id", text_or_null(mail.message_id())),
        ("in_reply_to", text_or_null(reply)),
        ("text", Value::text(text)),
        ("html", text_or_null(html)),
        ("attachments", Value::list(mail.attachments().map(attachment).collect::<Vec<_>>())),
    ])
}

fn attachment(part: &mail_parser::MessagePart<'_>) -> Value {
    let kind = part.content_type().map(|kind| match &kind.c_subtype {
        Some(subtype) => format!("{}/{subtype}", kind.c_type),
        None => kind.c_type.to_string(),
    });
    Value::record([
        ("name", text_or_null(part.attachment_name())),
        ("type", Value::text(kind.unwrap_or_else(|| "application/octet-stream".to_owned()))),
        ("size", Value::int(i64::try_from(part.len()).unwrap_or(i64::MAX))),
    ])
}

/// Read the way a `From` header is.
fn parse_email_address(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?.trim();
    if text.is_empty() || text.contains(['\n', '\r']) {
        return Ok(Value::NULL);
    }
    let header = format!("From: {text}\r\n\r\n");
    let mail = MessageParser::default().parse(&header);
    let found = mail.as_ref().and_then(|mail| mail.from()).map(|found| found.iter().collect::<Vec<_>>());
    let one = match found.as_deref() {
        Some([one]) => address(one),
        _ => None,
    };
    let good = one.filter(|one| one.field("address").as_str().is_some_and(looks_like_address));
    Ok(good.unwrap_or(Value::NULL))
}

fn looks_like_address(text: &str) -> bool {
    let bad = |letter: char| letter.is_whitespace() || letter.is_control() || "<>,;".contains(letter);
    text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !domain.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !text.contains(bad)
    })
}
