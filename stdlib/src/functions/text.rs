//! Texts. Lengths and places count characters.

use super::call::{Call, Pattern};
use super::{Entry, Keeps, row};
use crate::raise::Raise;
use crate::value::{Data, Value};

type Made = Result<Value, Raise>;

#[rustfmt::skip]
pub(super) fn entries() -> Vec<Entry> {
    vec![
        row("len(value: string | [T] | map<T>) -> int", "How many characters a text has, elements a list, fields a record or map.", r#"len("añb")"#, "3", len).labels(Keeps::Own),
        row("lower(text: string) -> string", "In lower case.", r#"lower("ÅSE")"#, r#""åse""#, |call| change(call, str::to_lowercase)),
        row("upper(text: string) -> string", "In upper case.", r#"upper("åse")"#, r#""ÅSE""#, |call| change(call, str::to_uppercase)),
        row("trim(text: string) -> string", "Without blanks and line ends around it.", r#"trim("  a b ")"#, r#""a b""#, |call| change(call, |text| text.trim().to_owned())),
        row("title(text: string) -> string", "Each word with a capital first and small letters after.", r#"title("ann-marie o'neil")"#, r#""Ann-Marie O'neil""#, |call| change(call, title)),
        row("split(text: string, by: string | regex) -> [string]", "The pieces between the matches of `by`.", r#"split("a, b", ", ")"#, r#"["a", "b"]"#, split).errors("`invalid_input` when `by` is empty"),
        row("join(values: [json], with?: string) -> string", "The texts of the elements one after another, `with` between them; null elements are left out.", r#"join(["a", 1], "-")"#, r#""a-1""#, join).errors("`invalid_input` beyond 16 MiB"),
        row("replace(text: string, what: string | regex, with: string) -> string", "Every match replaced. After a pattern, `$1` and `${name}` stand for its groups and `$$` for a dollar.", r#"replace("2026-01", /(\d+)-(\d+)/, "$2/$1")"#, r#""01/2026""#, replace).errors("`invalid_input` when `what` is empty"),
        row("starts_with(text: string, part: string) -> bool", "Whether it starts with `part`.", r#"starts_with("weir", "we")"#, "true", |call| Ok(Value::bool(call.text(0)?.starts_with(call.text(1)?)))),
        row("ends_with(text: string, part: string) -> bool", "Whether it ends with `part`.", r#"ends_with("a@b.test", ".test")"#, "true", |call| Ok(Value::bool(call.text(0)?.ends_with(call.text(1)?)))),
        row("contains(text: string, part: string | regex) -> bool", "Whether `part` is in it. For lists and maps write `x in xs`.", r#"contains("weir", "ei")"#, "true", contains),
        row("before(text: string, mark: string | regex) -> string", "What stands before the first match of `mark`; without a match the whole text.", r#"before("ann@acme.test", "@")"#, r#""ann""#, before).errors("`invalid_input` when `mark` is empty"),
        row("after(text: string, mark: string | regex) -> string", "What stands after the first match of `mark`; without a match the empty text.", r#"after("ann@acme.test", "@")"#, r#""acme.test""#, after).errors("`invalid_input` when `mark` is empty"),
        row("slug(text: string) -> string", "For addresses and file names: small letters and digits with single hyphens between, accents taken off.", r#"slug("Crème brûlée, 2 pcs!")"#, r#""creme-brulee-2-pcs""#, |call| change(call, slug)),
        row("truncate(text: string, length: int, end?: string) -> string", "At most `length` characters; what is cut ends with `end` (`…`), which counts.", r#"truncate("a long line", 6)"#, r#""a lon…""#, truncate),
        row("lines(text: string) -> [string]", "Its lines, without line ends.", r#"lines("a\nb\n")"#, r#"["a", "b"]"#, lines),
        row("find(text: string, pattern: string | regex) -> string?", "The first match, or null.", r#"find("order 4711", /\d+/)"#, r#""4711""#, find).errors("`invalid_input` when `pattern` is empty"),
        row("find_all(text: string, pattern: string | regex) -> [string]", "All matches in order.", r#"find_all("a1b22", /\d+/)"#, r#"["1", "22"]"#, find_all).errors("`invalid_input` when `pattern` is empty"),
        row("capture(text: string, pattern: regex) -> map<string?>?", "The named groups of the first match as a record, or null without a match; a group that took no part is null.", r#"capture("inv-7", /(?<kind>[a-z]+)-(?<number>\d+)/)"#, r#"{ kind: "inv", number: "7" }"#, capture),
        row("pad_start(text: string, length: int, with?: string) -> string", "Filled up in front to `length` characters with a character (a blank).", r#"pad_start("7", 3, "0")"#, r#""007""#, |call| pad(call, true)).errors("`invalid_input` beyond 16 MiB"),
        row("pad_end(text: string, length: int, with?: string) -> string", "Filled up behind to `length` characters with a character (a blank).", r#"pad_end("ab", 4, ".")"#, r#""ab..""#, |call| pad(call, false)).errors("`invalid_input` beyond 16 MiB"),
        row("slice(text: string, start: int, end?: int) -> string", "The characters from `start` up to, without, `end`; negative places count from the end.", r#"slice("weirs", 1, -1)"#, r#""eir""#, slice),
        row("html_to_text(html: string) -> string", "The readable text of HTML.", r#"html_to_text("<p>a &amp; b</p>")"#, r#""a & b""#, |call| change(call, |html| mail_parser::decoders::html::html_to_text(html).trim().to_owned())),
        row("escape_html(text: string) -> string", "Safe inside HTML.", r#"escape_html("a < b")"#, r#""a &lt; b""#, |call| change(call, escape_html)),
        row("url_encode(text: string) -> string", "Percent-encoded, as a part of an address.", r#"url_encode("a b/ø")"#, r#""a%20b%2F%C3%B8""#, |call| change(call, url_encode)),
    ]
}

fn change(call: &mut Call<'_, '_>, change: impl Fn(&str) -> String) -> Made {
    let text = change(call.text(0)?);
    call.make_text(text)
}

fn len(call: &mut Call<'_, '_>) -> Made {
    let len = match &call.value(0).data {
        Data::String(text) => text.text.chars().count(),
        Data::List(list) => list.items.len(),
        Data::Record(record) => record.fields.len(),
        _ => return Err(call.unfit(0, "a text, list or map")),
    };
    Ok(Value::int(i64::try_from(len).unwrap_or(i64::MAX)))
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase())
        } else {
            out.extend(letter.to_uppercase())
        }
        inside = letter.is_alphanumeric() || (inside && matches!(letter, '\'' | '’'));
    }
    out
}

fn texts(call: &mut Call<'_, '_>, pieces: Vec<&str>) -> Made {
    call.make_list(pieces.into_iter().map(Value::text).collect())
}

fn split(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?.to_owned();
    let pieces: Vec<String> = match call.pattern(1)? {
        Pattern::Text(by) => text.split(by).map(str::to_owned).collect(),
        Pattern::Regex(by) => by.split(&text).map(str::to_owned).collect(),
    };
    call.make_list(pieces.into_iter().map(Value::text).collect())
}

fn join(call: &mut Call<'_, '_>) -> Made {
    let list = call.list(0)?;
    let with = call.text_or(1, "")?.to_owned();
    let mut out = String::new();
    let mut first = true;
    for item in list.as_list().unwrap_or_default().iter().filter(|item| !item.is_null()) {
        if !first {
            out.push_str(&with);
        }
        first = false;
        item.write_display(&mut out);
        if out.len() > crate::eval::MAX_TEXT {
            break;
        }
    }
    call.make_text(out)
}

fn replace(call: &mut Call<'_, '_>) -> Made {
    let (text, with) = (call.text(0)?, call.text(2)?);
    let most = text.len().saturating_add(1).saturating_mul(with.len().max(1));
    let out = match call.pattern(1)? {
        Pattern::Text(what) if most <= crate::eval::MAX_TEXT => text.replace(what, with),
        Pattern::Text(what) => {
            let grown = text.matches(what).count().saturating_mul(with.len()).saturating_add(text.len());
            if grown > crate::eval::MAX_TEXT {
                return Err(Raise::too_large("the text", "16 MiB"));
            }
            text.replace(what, with)
        }
        Pattern::Regex(what) => {
            let mut out = String::new();
            let mut done = 0;
            for groups in what.captures_iter(text) {
                let Some(whole) = groups.get(0) else { continue };
                out.push_str(text.get(done..whole.start()).unwrap_or_default());
                groups.expand(with, &mut out);
                done = whole.end();
                if out.len() > crate::eval::MAX_TEXT {
                    return Err(Raise::too_large("the text", "16 MiB"));
                }
            }
            out.push_str(text.get(done..).unwrap_or_default());
            out
        }
    };
    call.make_text(out)
}

fn contains(call: &mut Call<'_, '_>) -> Made {
    if call.value(1).as_str() == Some("") {
        return Ok(Value::bool(true));
    }
    place(call).map(|place| Value::bool(place.is_some()))
}

/// Start and end of the first match of argument 1 in argument 0.
fn place(call: &Call<'_, '_>) -> Result<Option<(usize, usize)>, Raise> {
    let text = call.text(0)?;
    Ok(match call.pattern(1)? {
        Pattern::Text(part) => text.find(part).map(|at| (at, at + part.len())),
        Pattern::Regex(part) => part.find(text).map(|found| (found.start(), found.end())),
    })
}

fn before(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?;
    let end = place(call)?.map_or(text.len(), |(start, _)| start);
    Ok(Value::text(text.get(..end).unwrap_or_default()))
}

fn after(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?;
    let start = place(call)?.map_or(text.len(), |(_, end)| end);
    Ok(Value::text(text.get(start..).unwrap_or_default()))
}

/// Latin letters with accents, by their plain letters.
const PLAIN: [(&str, &str); 25] = [
    ("àáâãāăąǎ", "a"),
    ("çćĉċč", "c"),
    ("ďđð", "d"),
    ("èéêëēĕėęě", "e"),
    ("ĝğġģ", "g"),
    ("ĥħ", "h"),
    ("ìíîïĩīĭįı", "i"),
    ("ĵ", "j"),
    ("ķ", "k"),
    ("ĺļľŀł", "l"),
    ("ñńņňŋ", "n"),
    ("òóôõōŏő", "o"),
    ("ŕŗř", "r"),
    ("śŝşšș", "s"),
    ("ţťŧț", "t"),
    ("ùúûũūŭůűų", "u"),
    ("ŵ", "w"),
    ("ýÿŷ", "y"),
    ("źżž", "z"),
    ("ß", "ss"),
    ("æä", "ae"),
    ("œöø", "oe"),
    ("å", "aa"),
    ("ü", "ue"),
    ("þ", "th"),
];

fn slug(text: &str) -> String {
    let mut out = String::new();
    let mut gap = false;
    for letter in text.chars().flat_map(char::to_lowercase) {
        let plain = PLAIN.iter().find(|(from, _)| from.contains(letter)).map(|(_, to)| *to);
        if plain.is_none() && !letter.is_alphanumeric() {
            gap |= !matches!(letter, '\'' | '’' | '\u{300}'..='\u{36f}');
            continue;
        }
        if gap && !out.is_empty() {
            out.push('-');
        }
        gap = false;
        match plain {
            Some(plain) => out.push_str(plain),
            None => out.push(letter),
        }
    }
    out
}

fn truncate(call: &mut Call<'_, '_>) -> Made {
    let (text, length, end) = (call.text(0)?, call.count(1)?, call.text_or(2, "…")?);
    if text.chars().count() <= length {
        return Ok(call.value(0).clone());
    }
    let kept = length.saturating_sub(end.chars().count());
    let cut: String = text.chars().take(kept).chain(end.chars()).take(length).collect();
    Ok(Value::text(cut))
}

fn lines(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?.to_owned();
    texts(call, text.lines().collect())
}

fn find(call: &mut Call<'_, '_>) -> Made {
    let found = place(call)?.and_then(|(start, end)| call.text(0).ok()?.get(start..end));
    Ok(found.map_or(Value::NULL, Value::text))
}

fn find_all(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?.to_owned();
    let found: Vec<&str> = match call.pattern(1)? {
        Pattern::Text(part) => text.matches(part).collect(),
        Pattern::Regex(part) => part.find_iter(&text).map(|found| found.as_str()).collect(),
    };
    texts(call, found)
}

fn capture(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?;
    let Pattern::Regex(pattern) = call.pattern(1)? else { return Err(call.unfit(1, "a pattern")) };
    let Some(groups) = pattern.captures(text) else { return Ok(Value::NULL) };
    let group = |name: &str| groups.name(name).map_or(Value::NULL, |found| Value::text(found.as_str()));
    Ok(Value::record(pattern.capture_names().flatten().map(|name| (name, group(name)))))
}

fn pad(call: &mut Call<'_, '_>, front: bool) -> Made {
    let (text, length) = (call.text(0)?.to_owned(), call.count(1)?);
    let with = call.text_or(2, " ")?.chars().next().unwrap_or(' ');
    let missing = length.saturating_sub(text.chars().count());
    if missing > crate::eval::MAX_TEXT {
        return Err(Raise::too_large("the text", "16 MiB"));
    }
    let filling: String = std::iter::repeat_n(with, missing).collect();
    call.make_text(if front { filling + &text } else { text + &filling })
}

fn slice(call: &mut Call<'_, '_>) -> Made {
    let text = call.text(0)?;
    let len = text.chars().count();
    let place = |at: i64| match usize::try_from(at) {
        Ok(at) => at.min(len),
        Err(_) => len.saturating_sub(usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let start = place(call.int(1)?);
    let end = if call.given(2) { place(call.int(2)?) } else { len };
    Ok(Value::text(text.chars().skip(start).take(end.saturating_sub(start)).collect::<String>()))
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
