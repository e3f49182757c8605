//! Mail addresses as flows write them: `ann@acme.test, "Berg, Ann" <ann@acme.test>`. Strict on purpose: what passes
//! here stands in a header.

use crate::tool::Fault;

/// One mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub name: Option<String>,
    pub email: String,
}

/// Longest address that mail servers take.
const LONGEST: usize = 254;

/// Reads one or more addresses, separated by commas; `field` is the argument's name.
pub(super) fn parse(field: &str, text: &str) -> Result<Vec<Mailbox>, Fault> {
    if text.chars().any(char::is_control) {
        let message = format!("`{field}` contains a line break or control character; addresses stand on one line");
        return Err(Fault::clean("invalid_input", message));
    }
    let mailbox = |part: &str| mailbox(part).ok_or_else(|| unreadable(field, part));
    split(text).into_iter().map(mailbox).collect()
}

fn unreadable(field: &str, part: &str) -> Fault {
    let part: String = part.trim().chars().take(80).collect();
    let message = match part.as_str() {
        "" => format!("`{field}` lacks an address; write it as `ann@acme.test` or `Ann Berg <ann@acme.test>`"),
        part => format!(
            "`{part}` in `{field}` does not read as an address; write it as `ann@acme.test` or `Ann Berg <ann@acme.test>`"
        ),
    };
    Fault::clean("invalid_input", message)
}

/// Splits at commas outside quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|c| {
        let comma = c == ',' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && quoted && !escaped;
        comma
    })
    .collect()
}

fn mailbox(text: &str) -> Option<Mailbox> {
    let text = text.trim();
    let Some(inner) = text.strip_suffix('>') else {
        return valid(text).then(|| Mailbox { name: None, email: text.into() });
    };
    let (name, email) = inner.rsplit_once('<')?;
    let name = display_name(name.trim())?;
    valid(email).then(|| Mailbox { name: Some(name).filter(|name| !name.is_empty()), email: email.into() })
}

fn display_name(name: &str) -> Option<String> {
    if let Some(quoted) = name.strip_prefix('"') {
        let quoted = quoted.strip_suffix('"')?;
        let mut plain = String::new();
        let mut letters = quoted.chars();
        while let Some(c) = letters.next() {
            match c {
                '\\' => plain.push(letters.next()?),
                '"' => return None,
                c => plain.push(c),
            }
        }
        return Some(plain);
    }
    (!name.contains(['<', '>', '"', '@', ';', ':', '\\'])).then(|| name.into())
}

/// `local@domain` in letters that every mail server knows.
fn valid(email: &str) -> bool {
    let Some((local, domain)) = email.rsplit_once('@') else { return false };
    let atom = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c))
    };
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    email.len() <= LONGEST && local.len() <= 64 && local.split('.').all(atom) && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(Option<String>, String)>> {
        parse("to", text).ok().map(|all| all.into_iter().map(|one| (one.name, one.email)).collect())
    }

    #[test]
    fn what_people_write_is_read() {
        let one = |name: Option<&str>, email: &str| (name.map(String::from), email.to_string());
        assert_eq!(read("ann@acme.test"), Some(vec![one(None, "ann@acme.test")]));
        assert_eq!(read(" <ann@acme.test> "), Some(vec![one(None, "ann@acme.test")]));
        assert_eq!(
            read("Ann Berg <ann@acme.test>, \"Dahl, \\\"Bo\\\"\" <bo+x@a-b.test>, Åse Ø <c@localhost>"),
            Some(vec![
                one(Some("Ann Berg"), "ann@acme.test"),
                one(Some("Dahl, \"Bo\""), "bo+x@a-b.test"),
                one(Some("Åse Ø"), "c@localhost"),
            ])
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            " ",
            "ann",
            "@acme.test",
            "ann@",
            "ann@@acme.test",
            "a b@acme.test",
            "ann@acme..test",
            "ann@-acme.test",
            "ann@acme.test,",
            "ann@acme.test\r\nBcc: x@y.test",
            "Ann <ann@acme.test",
            "Ann <a@b.test> <c@d.test>",
            "Ann <ann@acme.test>\n",
            "\"Ann\" \"B\" <a@b.test>",
            "a@b.test; c@d.test",
            ".a@b.test",
            "a@b.test\0",
            "undisclosed:;",
            "å@b.test",
            "Ann <a@b.test>> ",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
