//! Every example of the table, more cases by hand, and laws.

use super::{FunctionId, Signature, all, reference_page};
use crate::Value;
use crate::pure::Pure;
use crate::testing::{run, run_pure};
use crate::value::{Labels, Origin, equals};
use proptest::prelude::*;
use rust_decimal::Decimal;

#[test]
fn every_signature_parses_and_every_name_is_its_own() {
    for (at, entry) in all().iter().enumerate() {
        let signature = Signature::parse(entry.signature).unwrap_or_else(|| panic!("{}", entry.signature));
        let first = signature.params.iter().position(|param| param.optional).unwrap_or(usize::MAX);
        assert!(signature.params.iter().skip(first).all(|param| param.optional), "{}", entry.signature);
        assert_eq!(FunctionId::named(entry.name).map(|id| usize::from(id.0)), Some(at), "{}", entry.name);
        assert!(!entry.doc.is_empty() && !entry.group.is_empty());
        assert!(reference_page().contains(entry.signature));
    }
}

#[test]
fn every_example_gives_its_result() {
    for entry in all() {
        let found = run(entry.example).unwrap_or_else(|raise| panic!("{}: {raise}", entry.example));
        let wanted = run(entry.result).expect("a constant");
        let as_text = wanted.as_str() == Some(found.display_text().as_str());
        assert!(equals(&found, &wanted) || as_text, "{} gives {}", entry.example, found.to_json());
    }
}

#[test]
fn the_functions_that_the_language_names_are_there() {
    let names = "len lower upper trim title split join replace starts_with ends_with contains before after slug \
        truncate lines find find_all capture first last take skip sort reverse unique group count count_by sum min \
        max avg any all flatten compact zip chunk range index_of fold difference join_by keys values entries has get \
        round floor ceil abs clamp format_number format_time parse_time parse_date format_duration weekday to_json \
        parse_json parse_csv to_csv parse_int parse_number parse_decimal sha256 base64";
    for name in names.split_whitespace() {
        assert!(FunctionId::named(name).is_some(), "{name}");
    }
    let json = serde_json::to_string(&FunctionId::named("len")).expect("a name");
    assert_eq!(json, "\"len\"");
    assert!(serde_json::from_str::<FunctionId>("\"lenn\"").is_err());
}

/// Expression, and its value as JSON or, after `!`, a part of its error.
const CASES: &[(&str, &str)] = &[
    (r#"before("abc", "x")"#, r#""abc""#),
    (r#"after("abc", "x")"#, r#""""#),
    (r#"after("a=b=c", /=/)"#, r#""b=c""#),
    (r#"find("abc", "x")"#, "null"),
    (r#"capture("b", /(?<x>a)?(?<y>b)/)"#, r#"{"x":null,"y":"b"}"#),
    (r#"capture("c", /(?<x>a)/)"#, "null"),
    (r#"split("a1b22c", /\d+/)"#, r#"["a","b","c"]"#),
    (r#"split("a", "")"#, "!empty"),
    (r#"truncate("abc", 3)"#, r#""abc""#),
    (r#"truncate("abcd", 2, "...")"#, r#""..""#),
    (r#"slug("Ærlig talt: Øl & Brød")"#, r#""aerlig-talt-oel-broed""#),
    (r#"join(["a", null, 1.5], ", ")"#, r#""a, 1.5""#),
    (r#"lower(5)"#, "!expects a text as `text`, found int"),
    ("first([])", "null"),
    ("max([])", "null"),
    ("avg([])", "null"),
    ("sum([])", "0"),
    ("take([1], 5)", "[1]"),
    ("take([1], -1)", "[]"),
    ("skip([1, 2], 9)", "[]"),
    (r#"sort(["b", null, "a"])"#, r#"["a","b",null]"#),
    (r#"sort([1, "a"])"#, "!no order"),
    ("sort([3, 1, 2], descending: true)", "[3,2,1]"),
    (r#"sort([{ a: 1, b: "y" }, { a: 0, b: "z" }, { a: 1, b: "x" }], by: r => [r.a, r.b])[1].b"#, r#""x""#),
    (r#"max([{ n: 1, k: "a" }, { n: 1, k: "b" }], by: x => x.n).k"#, r#""a""#),
    ("unique([1, 1.0, 2])", "[1,2]"),
    ("chunk([1], 0)", "!at least 1"),
    ("range(3, 1)", "[]"),
    ("range(3, 1, -1)", "[3,2,1]"),
    ("range(0, 9999999)", "!1,000,000"),
    ("flatten([[1], 2])", "!list of lists"),
    ("any([true, false])", "true"),
    ("all([])", "true"),
    (r#"group([{ t: "b" }, { t: "a" }, { t: "b" }], by: x => x.t)"#, r#"{"b":[{"t":"b"},{"t":"b"}],"a":[{"t":"a"}]}"#),
    ("round(0.5)", "1"),
    ("round(-2.5)", "-3"),
    ("round(1.005, 2)", "1.01"),
    ("round(1234, -2)", "1200"),
    (r#"round(parse_decimal("2.345"), 2)"#, "2.35"),
    (r#"round(parse_decimal("-2.345"), 2)"#, "-2.35"),
    (r#"sum([parse_decimal("0.10"), parse_decimal("0.20")])"#, "0.30"),
    (r#"avg([parse_decimal("1"), parse_decimal("2")])"#, "1.5"),
    ("sum([9223372036854775807, 1])", "!out of range"),
    ("abs(-1.5)", "1.5"),
    ("clamp(1, 5, 0)", "!not above"),
    (r#"format_number(-1234.5)"#, r#""-1,234.5""#),
    (r#"format_number(1234.5, 0, " ", ",")"#, r#""1 235""#),
    (r#"parse_time("nope")"#, "null"),
    (r#"parse_time("2026-03-29T02:30:00", zone: "Europe/Oslo")"#, r#""2026-03-29T01:30:00Z""#),
    (r#"parse_time("x", zone: "Mars/One")"#, "!no time zone"),
    (r#"format_time(parse_time("2026-01-01T12:00:00Z"), zone: "Europe/Oslo")"#, r#""2026-01-01T13:00:00+01:00""#),
    (r#"format_time(parse_time("2026-01-01T12:00:00Z"), "%Q%")"#, "!no pattern"),
    (r#"parse_date("2026-02-30")"#, "null"),
    (r#"parse_time("2026-03-01T00:00:00Z") + 1h30m"#, r#""2026-03-01T01:30:00Z""#),
    (r#"parse_date("2026-03-01") + 3d"#, r#""2026-03-04""#),
    (r#"parse_date("2026-03-01") + 1h"#, "!whole days"),
    (r#"parse_date("2026-03-01") - parse_date("2026-02-01")"#, r#""4w""#),
    (r#"parse_date("2026-03-01") < "2026-03-02""#, "true"),
    (r#""2026-03-01" == parse_date("2026-03-01")"#, "true"),
    (r#"weekday("2026-03-01")"#, r#""sunday""#),
    ("90m / 1h", "1.5"),
    ("1h * 1.5", r#""1h30m""#),
    ("1 / 0", "!division by zero"),
    ("1 / 4", "0.25"),
    ("-7 % 3", "-1"),
    ("9223372036854775807 + 1", "!out of range"),
    (r#""a" + "b""#, "!write texts"),
    ("[1] + [2]", "[1,2]"),
    (r#"parse_json("{")"#, "null"),
    (r#"parse_csv("a,b\n1,2\n3\n4,5\n")"#, "!line 3 has 1 fields"),
    (r#"parse_csv("a,b\n1,2\n3\n", ragged: "skip")"#, r#"[{"a":"1","b":"2"}]"#),
    (r#"parse_csv("a;b\n\"x;y\";2\n", ";")"#, r#"[{"a":"x;y","b":"2"}]"#),
    (r#"parse_csv("")"#, "[]"),
    (r#"parse_csv("a,a\n1,2\n")"#, "!twice"),
    (r#"to_csv([{ a: 1 }, { b: null }], ["b", "a"])"#, r#""b,a\n,1\n,\n""#),
    (r#"parse_int("9223372036854775808")"#, "null"),
    (r#"parse_number("inf")"#, "null"),
    (r#"parse_decimal("1e3")"#, "1000"),
    (r#"parse_decimal("0.12345678901234567890123456789")"#, "null"),
    (r#"base64_decode("!!")"#, "null"),
    (r#"parse_email_address("nobody")"#, "null"),
    (r#"parse_email_address("a@b.test, c@d.test")"#, "null"),
    ("join_by([{ i: 1 }, { i: null }], [{ i: null }], a => a.i, b => b.i)", "[]"),
];

#[test]
fn cases() {
    let mut wrong = Vec::new();
    for (text, wanted) in CASES {
        let found = match run(text) {
            Ok(found) => found.to_json(),
            Err(raise) if raise.code == "invalid_input" => format!("!{}", raise.message),
            Err(raise) => raise.to_string(),
        };
        let good =
            wanted.strip_prefix('!').map_or(found == *wanted, |part| found.contains(part) && found.starts_with('!'));
        if !good {
            wrong.push(format!("{text} gives {found}, wanted {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn mails_are_taken_apart() {
    let mail = "From: =?utf-8?q?Ann_=C3=85s?= <ann@acme.test>\r\nTo: b@x.test, Cy <c@x.test>\r\nSubject: Order 4711\r\n\
        Date: Sun, 1 Mar 2026 10:00:00 +0100\r\nMessage-ID: <m1@acme.test>\r\nIn-Reply-To: <m0@acme.test>\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\n\
        Hello\r\n--B\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"a.pdf\"\r\n\r\nxyz\r\n\
        --B--\r\n";
    let call = Pure::Call(FunctionId::named("parse_mail").expect("it"), vec![Pure::Const(Value::text(mail))]);
    let found = run_pure(&call).expect("a mail");
    assert_eq!(
        found.to_json(),
        r#"{"from":{"name":"Ann Ås","address":"ann@acme.test"},"to":[{"name":null,"address":"b@x.test"},{"name":"Cy","address":"c@x.test"}],"cc":[],"reply_to":null,"subject":"Order 4711","date":"2026-03-01T09:00:00Z","message_id":"m1@acme.test","in_reply_to":"m0@acme.test","text":"Hello","html":null,"attachments":[{"name":"a.pdf","type":"application/pdf","size":3}]}"#
    );
}

fn untrusted(value: Value) -> Value {
    value.with_labels(Labels::NONE.as_untrusted())
}

fn called(name: &str, args: Vec<Pure>) -> Value {
    run_pure(&Pure::Call(FunctionId::named(name).expect("a function"), args)).expect("a value")
}

#[test]
fn elements_keep_their_labels_and_others_join_them() {
    let origin = |step: &str| {
        let origin = Origin { step: step.into(), tool: "t".into(), attempt: 1, at: "now".into() };
        Labels::of(origin, step == "bad")
    };
    let list = Value::list([Value::int(2).with_labels(origin("good")), Value::int(1).with_labels(origin("bad"))]);
    let first = called("first", vec![Pure::Const(list.clone())]);
    assert!(!first.labels.untrusted() && first.labels.origins().count() == 1);
    let sum = called("sum", vec![Pure::Const(list.clone())]);
    assert!(sum.labels.untrusted() && sum.labels.origins().count() == 2);
    let sorted = called("sort", vec![Pure::Const(list)]);
    assert!(sorted.labels.untrusted() && sorted.labels.origins().count() == 0, "keys only steer");
    let bodies = Value::list([Value::record([("body", untrusted(Value::text("x"))), ("n", Value::int(1))])]);
    let by = |name: &str| Pure::Lambda { params: 1, body: Pure::Field(Pure::Local(0).into(), name.into()).into() };
    for (name, args, wanted) in [
        ("len", vec![Pure::Const(bodies.clone())], false),
        ("count_by", vec![Pure::Const(bodies.clone()), by("n")], false),
        ("count_by", vec![Pure::Const(bodies.clone()), by("body")], true),
        ("group", vec![Pure::Const(bodies.clone()), by("body")], true),
        ("to_json", vec![Pure::Const(bodies.clone())], true),
    ] {
        assert_eq!(called(name, args).labels.untrusted(), wanted, "{name}");
    }
    let taken = called("take", vec![Pure::Const(Value::list([Value::int(1)])), Pure::Const(untrusted(Value::int(0)))]);
    assert!(taken.labels.untrusted());
}

proptest! {
    #[test]
    fn sorting_orders_and_keeps_everything(numbers in prop::collection::vec(-50i64..50, 0..40)) {
        let list = Pure::Const(Value::list(numbers.iter().copied().map(Value::int).collect::<Vec<_>>()));
        let mut wanted = numbers.clone();
        wanted.sort_unstable();
        let found: Vec<i64> = called("sort", vec![list.clone()]).as_list().unwrap().iter().filter_map(Value::as_int).collect();
        prop_assert_eq!(&found, &wanted);
        let key = Pure::Lambda { params: 1, body: Pure::Local(0).into() };
        let groups = called("group", vec![list.clone(), key]);
        let total: usize = groups.as_record().unwrap().fields.values().map(|group| group.as_list().unwrap().len()).sum();
        prop_assert_eq!(total, numbers.len());
        wanted.dedup();
        prop_assert_eq!(groups.as_record().unwrap().fields.len(), wanted.len());
        prop_assert_eq!(called("unique", vec![list]).as_list().unwrap().len(), wanted.len());
    }

    #[test]
    fn rounding_a_number_is_rounding_what_is_written(whole in -1_000_000i64..1_000_000, places in 0i64..6) {
        let decimal = Decimal::new(whole, 5);
        let wanted = super::numbers::rounded(decimal, places).unwrap();
        let number = Value::new(crate::value::Data::Number(decimal.to_string().parse().unwrap()));
        let found = called("round", vec![Pure::Const(number), Pure::Const(Value::int(places))]);
        let wanted = Value::new(crate::value::Data::Decimal(wanted));
        prop_assert!(equals(&found, &wanted), "{} {}", found.to_json(), wanted.to_json());
    }
}
