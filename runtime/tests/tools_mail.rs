//! `mail.*`: what lands in the outbox is read back with a mail parser; nothing gets into a header that was not asked for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use common::{Project, call};
use mail_parser::{MessageParser, MimeHeaders};
use std::path::PathBuf;
use weir_stdlib::Value;

fn mails(project: &Project, folder: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(project.path(folder)) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn a_mail_comes_back_as_it_was_sent() {
    let project = Project::new();
    project.put("data/Ærlig.csv", "a;b\n1;2\n");
    project.put("data/raw.bin", [0, 255, 10, 13, 46]);
    let body = "Hei Ann,\n\n.\nFrom here: æøå\n";
    let args = Value::from_json(
        r#"{"to": "\"Berg, Ann\" <ann@acme.test>, bo@acme.test", "subject": "Velkommen – æøå",
            "html": "<p>Hei</p>", "cc": "c@acme.test", "bcc": "d@acme.test", "reply_to": "Svar <e@acme.test>",
            "in_reply_to": "<old@acme.test>", "attachments": ["data/Ærlig.csv", "data/raw.bin"]}"#,
    );
    let mut fields = args.unwrap().as_record().unwrap().fields.clone();
    fields.insert("body".into(), Value::text(body));
    let id = project.call_value("mail.send", Value::from_fields(fields)).await.unwrap().field("id");
    let files = mails(&project, "outbox");
    assert_eq!(files.len(), 1);
    let bytes = std::fs::read(&files[0]).unwrap();
    let mail = MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(format!("<{}>", mail.message_id().unwrap()), id.as_str().unwrap());
    assert_eq!(mail.subject(), Some("Velkommen – æøå"));
    let to: Vec<_> = mail.to().unwrap().iter().map(|one| (one.name(), one.address().unwrap())).collect();
    assert_eq!(to, [(Some("Berg, Ann"), "ann@acme.test"), (None, "bo@acme.test")]);
    assert_eq!(mail.cc().unwrap().first().unwrap().address(), Some("c@acme.test"));
    assert_eq!(mail.bcc().unwrap().first().unwrap().address(), Some("d@acme.test"));
    assert_eq!(mail.reply_to().unwrap().first().unwrap().name(), Some("Svar"));
    assert_eq!(mail.in_reply_to().as_text(), Some("old@acme.test"));
    assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n"), body);
    assert_eq!(mail.body_html(0).unwrap().trim_end(), "<p>Hei</p>");
    let attached: Vec<_> = mail.attachments().map(|one| (one.attachment_name().unwrap(), one.contents())).collect();
    assert_eq!(attached, [("Ærlig.csv", &b"a;b\n1;2\n"[..]), ("raw.bin", &[0, 255, 10, 13, 46][..])]);
    assert!(mail.date().is_some() && mail.from().is_some());
}

#[tokio::test]
async fn a_second_attempt_of_a_step_is_the_same_mail() {
    let project = Project::new();
    let args = r#"{"to": "ann@acme.test", "subject": "Hi", "body": "x"}"#;
    let first = project.ok("mail.send", args).await;
    assert_eq!(project.ok("mail.send", args).await, first);
    assert_eq!(mails(&project, "outbox").len(), 1);
    let (_, mut other) = call("mail.send", Value::from_json(args).unwrap());
    other.step = "another".into();
    project.tools["mail"].call(&other).await.unwrap();
    project.ok("mail.send", r#"{"to": "ann@acme.test", "subject": "Hi", "body": "y"}"#).await;
    assert_eq!(mails(&project, "outbox").len(), 3);
}

#[tokio::test]
async fn nothing_gets_into_a_header_that_was_not_asked_for() {
    let project = Project::new();
    let mail = |field: &str, value: &str| {
        let mut fields = vec![("to", "ann@acme.test"), ("subject", "Hi"), ("body", "x")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, value));
        Value::record(fields.into_iter().map(|(name, value)| (name.to_owned(), Value::text(value))))
    };
    for field in ["to", "cc", "bcc", "reply_to", "subject", "in_reply_to"] {
        for attack in [
            "a@b.test\r\nBcc: evil@x.test",
            "a@b.test\nBcc: evil@x.test",
            "a@b.test\rBcc: evil@x.test",
            "<a@b.test>\r\n\r\nbody",
            "\"A\r\nBcc: evil@x.test\" <a@b.test>",
            "=?utf-8?Q?=0D=0A?=\r\n <a@b.test>",
        ] {
            let fault = project.call_value("mail.send", mail(field, attack)).await.unwrap_err();
            assert_eq!(fault.code, "invalid_input", "{field}: {attack:?}");
        }
    }
    assert!(mails(&project, "outbox").is_empty());
    for (field, value) in [
        ("subject", "\u{85}Bcc: evil@x.test\u{2028}X: y\u{0}\u{1b}[2J"),
        ("subject", "=?utf-8?Q?=0D=0ABcc:_evil@x.test?="),
        ("to", "\"=?utf-8?Q?=0D=0ABcc:_evil@x.test?=\" <a@b.test>"),
        ("body", "\r\n.\r\nBcc: evil@x.test"),
        ("html", "\r\n\r\n--boundary--\r\nBcc: evil@x.test"),
    ] {
        project.call_value("mail.send", mail(field, value)).await.unwrap();
    }
    for file in mails(&project, "outbox") {
        let bytes = std::fs::read(file).unwrap();
        let mail = MessageParser::default().parse(&bytes).unwrap();
        assert!(mail.bcc().is_none() && mail.header("X").is_none(), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn drafts_are_named_after_their_content_and_left_as_people_changed_them() {
    let project = Project::new();
    let args = r#"{"to": "ann@acme.test", "subject": "Re: ../../Svar på \"alt\"", "body": "x"}"#;
    let draft = project.call("mail.draft", args).await.unwrap();
    let path = draft.field("path").as_str().unwrap().to_owned();
    assert!(path.starts_with("outbox/drafts/re-svar-p-alt-"), "{path}");
    assert!(project.read(&path).contains("X-Unsent: 1\r\n"));
    std::fs::write(project.path(&path), "changed").unwrap();
    assert_eq!(project.call("mail.draft", args).await.unwrap().field("path").as_str(), Some(path.as_str()));
    assert_eq!(project.read(&path), "changed");
    assert_eq!(mails(&project, "outbox/drafts").len(), 1);
    assert!(mails(&project, "outbox").is_empty());
}

#[tokio::test]
async fn attachments_come_from_the_roots_only() {
    let project = Project::new();
    project.put("secret", "s");
    let send = |path: &str| format!(r#"{{"to": "a@b.test", "subject": "s", "body": "b", "attachments": ["{path}"]}}"#);
    assert_eq!(project.code("mail.send", &send("secret")).await, "permission");
    assert_eq!(project.code("mail.send", &send("data/../secret")).await, "permission");
    assert_eq!(project.code("mail.send", &send("data/none")).await, "not_found");
    project.put("data/big", vec![0; 16 * 1024 * 1024 + 1]);
    assert_eq!(project.code("mail.send", &send("data/big")).await, "invalid_input");
}

#[tokio::test]
async fn an_outbox_that_cannot_be_written_names_its_setting() {
    let project = Project::new();
    project.put("outbox", "a file");
    let fault = project.fault("mail.send", r#"{"to": "a@b.test", "subject": "s", "body": "b"}"#).await;
    assert!(fault.message.contains("[tools.mail] outbox"), "{fault}");
}
