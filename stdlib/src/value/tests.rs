//! Values: JSON there and back, hashes that agree with `==`, order.

use super::{Data, Labels, Value, compare, duration_text, equals, parse_duration};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// Any value, as a journal may hold it.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::NULL),
        any::<bool>().prop_map(Value::bool),
        any::<i64>().prop_map(Value::int),
        (-5i64..5).prop_map(Value::int),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| Value::new(Data::Number(n))),
        (-5i8..5).prop_map(|n| Value::new(Data::Number(f64::from(n)))),
        (any::<i64>(), 0u32..20).prop_map(|(n, scale)| Value::new(Data::Decimal(Decimal::new(n, scale)))),
        "[1-9][0-9]{0,29}\\.[0-9]{16,30}".prop_map(|text| Value::new(Data::RawNumber(text.into()))),
        "\\PC{0,12}".prop_map(Value::text),
        (0i64..4_000_000_000).prop_map(|s| Value::new(Data::Time(jiff::Timestamp::from_second(s).unwrap()))),
        (0i64..1_000_000_000).prop_map(|ms| Value::new(Data::Duration(ms))),
        Just(Value::new(Data::Date(jiff::civil::date(2026, 3, 1)))),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
            prop::collection::vec(("\\$?[a-d]", inner), 0..4).prop_map(Value::record),
        ]
    })
}

/// Whether two values agree in every kind, too.
fn same_kinds(a: &Value, b: &Value) -> bool {
    std::mem::discriminant(&a.data) == std::mem::discriminant(&b.data)
        && match (&a.data, &b.data) {
            (Data::List(a), Data::List(b)) => a.items.iter().zip(&b.items).all(|(a, b)| same_kinds(a, b)),
            (Data::Record(a), Data::Record(b)) => {
                a.fields.values().zip(b.fields.values()).all(|(a, b)| same_kinds(a, b))
            }
            _ => true,
        }
}

proptest! {
    #[test]
    fn the_faithful_form_keeps_every_kind(value in any_value()) {
        let text = serde_json::to_string(&value).unwrap();
        let back: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(equals(&value, &back) && same_kinds(&value, &back), "{}", text);
    }

    #[test]
    fn json_reads_back_what_was_written(value in any_value()) {
        let text = value.to_json();
        let back = Value::from_json(&text).unwrap();
        prop_assert_eq!(back.to_json(), Value::from_json(&value.to_json_pretty()).unwrap().to_json());
        prop_assert_eq!(Value::from_json(&back.to_json()).unwrap(), back);
    }

    #[test]
    fn equal_values_have_equal_hashes_and_others_do_not(a in any_value(), b in any_value()) {
        prop_assert_eq!(equals(&a, &b), a.hash() == b.hash());
        prop_assert_eq!(equals(&a, &b), equals(&b, &a));
        prop_assert_eq!(a.hash(), a.clone().hash());
        if let Some(order) = compare(&a, &b) {
            prop_assert_eq!(order.is_eq(), equals(&a, &b));
            prop_assert_eq!(compare(&b, &a), Some(order.reverse()));
        }
    }

    #[test]
    fn numbers_of_all_kinds_agree(whole in -100_000i64..100_000, scale in 0u32..4) {
        let decimal = Decimal::new(whole, scale);
        let text = decimal.to_string();
        let kinds = [Data::Decimal(decimal), Data::Number(text.parse().unwrap()), Data::RawNumber(format!("{text}e0").into())];
        let values = kinds.map(Value::new);
        for other in &values {
            prop_assert!(equals(&values[0], other));
            prop_assert_eq!(values[0].hash(), other.hash());
        }
    }

    #[test]
    fn durations_read_back(millis in any::<i64>()) {
        prop_assume!(millis != i64::MIN);
        prop_assert_eq!(parse_duration(&duration_text(millis)), Some(millis));
    }
}

#[test]
fn numbers_are_never_rounded() {
    for text in ["9223372036854775808", "0.1234567890123456789", "1e400", "0.30000000000000004"] {
        let value = Value::from_json(text).unwrap();
        assert!(matches!(value.data, Data::RawNumber(_)), "{text}");
        assert_eq!(value.to_json(), text);
    }
    for (text, shown) in [("1.0", "1"), ("1e2", "100"), ("-0.0", "0"), ("0.1", "0.1"), ("1e30", "1e30"), ("-5", "-5")] {
        assert_eq!(Value::from_json(text).unwrap().to_json(), shown);
    }
}

#[test]
fn bad_json_is_refused_with_its_place() {
    let error = Value::from_json("{\n  \"a\": 1,\n  \"a\": 2\n}").unwrap_err();
    assert_eq!((error.line, error.message.as_str()), (3, "the key `a` stands twice"));
    for text in ["", "[1", "{} x", "nul", "01", "NaN", "-Infinity", "'a'", "[1,]"] {
        assert!(Value::from_json(text).is_err(), "{text}");
    }
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Value::from_json(&nested(128)).is_ok());
    assert!(Value::from_json(&nested(129)).is_err());
    assert!(Value::from_json(&nested(1_000_000)).is_err());
}

#[test]
fn absent_is_null_and_order_of_fields_does_not_matter() {
    let a = Value::from_json(r#"{"a":1,"b":null,"c":2.0}"#).unwrap();
    let b = Value::from_json(r#"{"c":2,"a":1}"#).unwrap();
    assert!(equals(&a, &b));
    assert_eq!(a.hash(), b.hash());
    assert!(!equals(&a, &Value::from_json(r#"{"a":1}"#).unwrap()));
}

#[test]
fn secrets_are_masked_wherever_they_are() {
    let secret = Value::text("hunter2").with_labels(Labels::NONE.as_secret());
    let value = Value::record([("user", Value::text("ann")), ("keys", Value::list([secret]))]);
    assert_eq!(value.masked(), r#"{"user":"ann","keys":["•••"]}"#);
    assert_eq!(value.mask().to_json(), value.masked());
    assert!(value.to_json().contains("hunter2"));
}

#[test]
fn a_users_dollar_key_is_no_tag() {
    for text in [r#"{"$decimal":"1"}"#, r#"{"$record":5,"b":1}"#, r#"{"$x":{"$y":null}}"#, r#"{"a":1,"$time":2}"#] {
        let value = Value::from_json(text).unwrap();
        let back: Value = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
        assert_eq!(back.to_json(), text);
    }
    assert!(serde_json::from_str::<Value>(r#"{"$nope":"1"}"#).is_err());
    let decimal = Value::new(Data::Decimal("1.50".parse().unwrap()));
    assert_eq!(
        (decimal.to_json(), serde_json::to_string(&decimal).unwrap()),
        ("1.50".into(), r#"{"$decimal":"1.50"}"#.into())
    );
}

#[test]
fn values_are_small() {
    assert!(size_of::<Value>() <= 32);
}
