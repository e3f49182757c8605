//! Narrowing, by example and by law.

use super::{Boundary, Misfit, narrow, narrow_open};
use crate::value::{Data, Value, tests::any_value};
use proptest::prelude::*;
use std::sync::Arc;
use weir_lang::ast::Mark;
use weir_lang::types::{FieldType, Literal, Range, RecordType, Type, TypeTable};

fn score() -> Type {
    Type::Int(Range { lo: Some(0.into()), hi: Some(100.into()) })
}

fn lead() -> Type {
    let field = |ty, optional| FieldType { ty, optional, doc: None };
    let mut record = RecordType::default();
    record.fields.insert("email".into(), field(Type::String(Some(".+@.+".into())), false));
    record.fields.insert("company".into(), field(Type::STRING, true));
    record.fields.insert("score".into(), field(score(), false));
    record.fields.insert("note".into(), field(Type::STRING.nullable(), false));
    Type::Record(record.into())
}

fn table() -> TypeTable {
    let mut table = TypeTable::default();
    table.types.insert("app.Lead".into(), lead());
    let tree = Type::record([("name", Type::STRING), ("children", Type::list(Type::Named("Tree".into())))]);
    table.types.insert("Tree".into(), tree);
    table
}

fn sealed(ty: Type) -> Boundary {
    let mut boundary = Boundary::new(ty);
    boundary.seal(7);
    boundary
}

fn fit(json: &str, ty: Type) -> Result<String, Misfit> {
    let value = Value::from_json(json).expect("json");
    narrow(&value, &sealed(ty), &table()).map(|value| value.to_json())
}

fn good(json: &str, ty: Type, wanted: &str) {
    assert_eq!(fit(json, ty).expect(json), wanted, "{json}");
}

fn bad(json: &str, ty: Type, wanted: &str) {
    assert_eq!(fit(json, ty).expect_err(json).to_string(), wanted, "{json}");
}

#[test]
fn records_lose_what_is_not_declared() {
    let lead = || Type::Named("app.Lead".into());
    good(r#"{"email":"a@b","x":1,"company":null,"score":5.0}"#, lead(), r#"{"email":"a@b","score":5,"note":null}"#);
    let leads = Type::record([("leads", Type::list(lead()))]);
    bad(
        r#"{"leads":[{"email":"ab","score":5}]}"#,
        leads.clone(),
        "`leads[0].email`: expected `string matching /.+@.+/`, found `\"ab\"`",
    );
    bad(
        r#"{"leads":[{"email":"a@b","score":101}]}"#,
        leads.clone(),
        "`leads[0].score`: expected `int in 0..100`, found `101`",
    );
    bad(r#"{"leads":[{"email":"a@b"}]}"#, leads.clone(), "`leads[0].score`: expected `int in 0..100`, found nothing");
    bad(r#"{"leads":[5]}"#, leads, "`leads[0]`: expected `Lead`, found `5`");
    bad("[]", lead(), "expected `Lead`, found a list");
    good(
        r#"{"name":"a","children":[{"name":"b","children":[],"x":1}]}"#,
        Type::Named("Tree".into()),
        r#"{"name":"a","children":[{"name":"b","children":[]}]}"#,
    );
}

#[test]
fn an_open_boundary_keeps_what_is_not_declared() {
    let leads = Type::list(Type::record([("sum", Type::Decimal(Range::default())), ("at", Type::Date)]));
    let value = Value::from_json(r#"[{"id":"a","sum":1.5,"at":"2026-03-01","more":{"x":null}}]"#).expect("json");
    let narrowed = narrow_open(&value, &sealed(leads.clone()), &table()).expect("fits");
    assert_eq!(narrowed.to_json(), r#"[{"id":"a","sum":1.5,"at":"2026-03-01","more":{"x":null}}]"#);
    let lead = &narrowed.as_list().expect("list")[0];
    assert!(matches!(lead.field("sum").data, Data::Decimal(_)) && matches!(lead.field("at").data, Data::Date(_)));
    assert!(narrow_open(&Value::from_json("[{}]").expect("json"), &sealed(leads), &table()).is_err());
}

#[test]
fn numbers_convert_only_when_nothing_is_lost() {
    good("1.0", Type::INT, "1");
    bad("1.5", Type::INT, "expected `int`, found `1.5`");
    assert!(fit("9223372036854775808", Type::INT).is_err());
    assert!(fit("9007199254740993", Type::NUMBER).is_err());
    good("9223372036854775807", Type::DECIMAL, "9223372036854775807");
    good("12345678901234567.89", Type::DECIMAL, "12345678901234567.89");
    good("\"19.90\"", Type::DECIMAL, "19.90");
    assert!(fit("\"1,5\"", Type::DECIMAL).is_err());
    assert!(fit("0.12345678901234567890123456789", Type::DECIMAL).is_err());
    let parsed_elsewhere = Value::new(Data::Number(0.123_456_789_012_345_67));
    assert!(narrow(&parsed_elsewhere, &Boundary::new(Type::DECIMAL), &table()).is_err());
    let number = Type::Number(Range { lo: Some(0.into()), hi: Some("0.1".parse().expect("it")) });
    good("0.1", number.clone(), "0.1");
    assert!(fit("0.11", number).is_err());
}

#[test]
fn texts_that_read_as_moments_become_them() {
    for (json, ty) in
        [("\"2026-03-01T10:00:00Z\"", Type::Time), ("\"2026-03-01\"", Type::Date), ("\"1h30m\"", Type::Duration)]
    {
        good(json, ty.clone(), json);
        assert!(fit("\"soon\"", ty).is_err());
    }
    assert!(fit("\"2026-03-01T10:00:00Z\"", Type::Date).is_err());
}

#[test]
fn unions_keep_the_fields_of_every_member_that_fits() {
    let kind = |name: &str, field: &str| Type::record([("kind", Type::text(name)), (field, Type::INT)]);
    let both = Type::union([Type::record([("a", Type::INT)]), Type::record([("b", Type::INT)])]);
    good(r#"{"a":1,"b":2,"c":3}"#, both.clone(), r#"{"a":1,"b":2}"#);
    good(r#"{"a":1,"c":3}"#, both, r#"{"a":1}"#);
    let tagged = Type::union([kind("x", "n"), kind("y", "m")]);
    good(r#"{"kind":"y","m":1,"n":2}"#, tagged.clone(), r#"{"kind":"y","m":1}"#);
    assert!(fit(r#"{"kind":"z"}"#, tagged).is_err());
    bad("true", Type::INT.nullable(), "expected `int`, found `true`");
    good("null", Type::INT.nullable(), "null");
    good("3", Type::union([Type::Literal(Literal::Int(3)), Type::STRING]), "3");
    bad("4", Type::union([Type::Literal(Literal::Int(3)), Type::STRING]), "expected `3 | string`, found `4`");
}

#[test]
fn marks_label_their_part_and_secrets_are_not_told() {
    let ty = Type::record([
        ("key", Type::Marked(Mark::Secret, Type::INT.into())),
        ("body", Type::Marked(Mark::Untrusted, Type::STRING.into())),
    ]);
    let value = Value::from_json(r#"{"key":1,"body":"x"}"#).expect("json");
    let found = narrow(&value, &sealed(ty.clone()), &table()).expect("fits");
    assert!(found.field("body").labels.untrusted() && found.field("key").labels.secret());
    assert!(!found.labels.untrusted());
    let again = narrow(&found, &sealed(ty), &table()).expect("fits");
    assert!(same(&found, &again));
    bad(
        r#"{"key":"s3"}"#,
        Type::record([("key", Type::Marked(Mark::Secret, Type::INT.into()))]),
        "`key`: expected `int`, found `•••`",
    );
    let secret = Value::text("s3").with_labels(crate::value::Labels::NONE.as_secret());
    let misfit = narrow(&secret, &sealed(Type::INT), &table()).expect_err("a text");
    assert_eq!(misfit.message, "expected `int`, found `•••`");
}

fn same(a: &Value, b: &Value) -> bool {
    match (&a.data, &b.data) {
        (Data::List(a), Data::List(b)) => Arc::ptr_eq(a, b),
        (Data::Record(a), Data::Record(b)) => Arc::ptr_eq(a, b),
        _ => a == b,
    }
}

#[test]
fn what_fits_is_shared_and_checked_once() {
    let rows = vec![r#"{"email":"a@b","score":5,"note":"n"}"#; 20_000];
    let value = Value::from_json(&format!("[{}]", rows.join(","))).expect("json");
    let boundary = sealed(Type::list(Type::Named("app.Lead".into())));
    let table = table();
    for _ in 0..20_000 {
        assert!(same(&value, &narrow(&value, &boundary, &table).expect("fits")));
    }
}

fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Json),
        Just(Type::Null),
        Just(Type::Bool),
        Just(Type::INT),
        Just(score()),
        Just(Type::NUMBER),
        Just(Type::DECIMAL),
        Just(Type::STRING),
        Just(Type::Time),
        Just(Type::Duration),
        Just(Type::text("a")),
        Just(Type::Marked(Mark::Untrusted, Type::STRING.into())),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let field = ("[a-d]", inner.clone(), any::<bool>());
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::map),
            prop::collection::vec(inner, 1..4).prop_map(Type::union),
            prop::collection::vec(field, 0..4).prop_map(|fields| {
                let field =
                    |(name, ty, optional): (String, Type, bool)| (name.into(), FieldType { ty, optional, doc: None });
                Type::Record(RecordType { fields: fields.into_iter().map(field).collect() }.into())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn narrowing_twice_is_narrowing_once(value in any_value(), ty in any_type()) {
        let table = TypeTable::default();
        let unsealed = Boundary::new(ty.clone());
        if let Ok(once) = narrow(&value, &unsealed, &table) {
            let twice = narrow(&once, &unsealed, &table);
            prop_assert_eq!(twice.as_ref().map(Value::to_json), Ok(once.to_json()));
            let remembered = narrow(&value, &sealed(ty), &table).unwrap();
            prop_assert_eq!(remembered.to_json(), once.to_json());
        }
    }
}
