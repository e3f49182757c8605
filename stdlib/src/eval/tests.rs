//! Evaluation, by example.

use super::{Env, NoSlots, Program, ReportKind, apply, eval, eval_reported};
use crate::functions::FunctionId;
use crate::narrow::Boundary;
use crate::pure::{Function, Pure, PureArm, PureBlock, PureBlockExpr, PureEntry, PureExit, PurePattern, PureStep};
use crate::value::{Data, Labels, Value};
use weir_lang::ast::BinaryOp;
use weir_lang::types::{Range, Type, TypeTable};

struct Slots(Vec<Value>);

impl Env for Slots {
    fn slot(&self, _up: u16, at: u16) -> Option<&Value> {
        self.0.get(usize::from(at))
    }
}

fn text(value: &str) -> Pure {
    Pure::Const(Value::text(value))
}

fn int(value: i64) -> Pure {
    Pure::Const(Value::int(value))
}

fn slot(at: u16) -> Pure {
    Pure::Slot { up: 0, at }
}

fn field(of: Pure, name: &str) -> Pure {
    Pure::Field(of.into(), name.into())
}

fn op(op: BinaryOp, a: Pure, b: Pure) -> Pure {
    Pure::Binary(op, a.into(), b.into())
}

fn with(pure: &Pure, slots: Vec<Value>) -> Result<Value, crate::Raise> {
    eval(pure, &Slots(slots), &Program { functions: &[], types: &TypeTable::default() })
}

fn call(name: &str, args: Vec<Pure>) -> Pure {
    Pure::Call(FunctionId::named(name).expect("a function"), args)
}

fn json(text: &str) -> Value {
    Value::from_json(text).expect("json")
}

#[test]
fn operators_short_circuit_and_chains_do_not_deepen() {
    let broken = || Pure::Raise { code: "failed".into(), message: text("evaluated").into() };
    let no = Pure::Const(Value::bool(false));
    assert_eq!(with(&op(BinaryOp::And, no.clone(), broken()), vec![]).unwrap(), Value::bool(false));
    assert_eq!(with(&op(BinaryOp::Coalesce, int(1), broken()), vec![]).unwrap(), Value::int(1));
    assert_eq!(with(&op(BinaryOp::Or, no, broken()), vec![]).unwrap_err().message, "evaluated");
    let chain = (0..20_000).fold(int(0), |sum, _| op(BinaryOp::Add, sum, int(1)));
    assert_eq!(with(&chain, vec![]).unwrap(), Value::int(20_000));
    std::mem::forget(chain);
}

#[test]
fn ranges_lists_records_and_templates() {
    let inside = op(BinaryOp::In, Pure::Const(json("0.5")), Pure::Range(int(0).into(), int(1).into()));
    assert_eq!(with(&inside, vec![]).unwrap(), Value::bool(true));
    assert_eq!(with(&Pure::Index(slot(0).into(), int(-1).into()), vec![json("[1,2]")]).unwrap(), Value::int(2));
    assert!(with(&Pure::Index(slot(0).into(), int(9).into()), vec![json("[1,2]")]).unwrap().is_null());
    assert!(with(&field(field(slot(0), "a"), "b"), vec![json("{}")]).unwrap().is_null());
    let record = Pure::Record(vec![PureEntry::Spread(slot(0)), PureEntry::Field("b".into(), int(2))]);
    assert_eq!(with(&record, vec![json(r#"{"a":1,"b":1}"#)]).unwrap().to_json(), r#"{"a":1,"b":2}"#);
    let parts = vec![text("n="), slot(0), text(" d="), Pure::Const(Value::new(Data::Duration(5_400_000)))];
    assert_eq!(with(&Pure::Template(parts), vec![json("2.0")]).unwrap().as_str(), Some("n=2 d=1h30m"));
}

#[test]
fn comprehensions_see_outer_locals() {
    let inner = Pure::Each {
        source: slot(0).into(),
        index: true,
        cond: None,
        value: op(BinaryOp::Mul, Pure::Local(0), Pure::Local(2)).into(),
    };
    let cond = op(BinaryOp::Gt, Pure::Local(0), int(1));
    let outer = Pure::Each { source: slot(0).into(), index: false, cond: Some(cond.into()), value: inner.into() };
    assert_eq!(with(&outer, vec![json("[1,2,3]")]).unwrap().to_json(), "[[0,2,4],[0,3,6]]");
}

#[test]
fn match_takes_the_first_arm_that_holds() {
    let arm = |patterns, guard, body| PureArm { patterns, guard, body };
    let arms = vec![
        arm(vec![PurePattern::Is(Value::text("a")), PurePattern::Is(Value::text("b"))], None, int(1)),
        arm(vec![PurePattern::Within(Value::int(0), Value::int(9))], Some(op(BinaryOp::Gt, slot(0), int(5))), int(2)),
        arm(vec![], None, int(3)),
    ];
    for (subject, wanted) in [("\"b\"", 1), ("7", 2), ("4", 3)] {
        assert_eq!(with(&Pure::Match(slot(0).into(), arms.clone()), vec![json(subject)]).unwrap(), Value::int(wanted));
    }
    assert_eq!(with(&Pure::Match(int(1).into(), vec![]), vec![]).unwrap_err().code, "invalid_input");
}

#[test]
fn casts_and_boundaries() {
    let ty = Boundary::new(Type::record([("n", Type::INT)]));
    let cast = |optional| Pure::Cast { value: slot(0).into(), ty: ty.clone(), optional };
    assert_eq!(with(&cast(false), vec![json(r#"{"n":1,"x":2}"#)]).unwrap().to_json(), r#"{"n":1}"#);
    let raise = with(&cast(false), vec![json(r#"{"n":"a"}"#)]).unwrap_err();
    assert_eq!((raise.code.as_str(), raise.message.as_str()), ("bad_response", "`n`: expected `int`, found `\"a\"`"));
    assert!(with(&cast(true), vec![json("1")]).unwrap().is_null());
    assert_eq!(with(&Pure::Narrow(slot(0).into(), ty), vec![json("1")]).unwrap_err().code, "invalid_input");
}

#[test]
fn labels_travel_and_conditions_only_steer() {
    let bad = |value: Value| value.with_labels(Labels::NONE.as_untrusted());
    let slots = || vec![bad(json(r#"{"a":1,"ok":true}"#)), json(r#"{"a":2}"#), json(r#"["x","y"]"#)];
    assert!(with(&field(slot(0), "a"), slots()).unwrap().labels.untrusted());
    assert!(with(&op(BinaryOp::Eq, slot(1), field(slot(0), "a")), slots()).unwrap().labels.untrusted());
    let chosen = Pure::If(field(slot(0), "ok").into(), int(1).into(), int(2).into());
    assert!(with(&chosen, slots()).unwrap().labels.untrusted());
    assert!(with(&Pure::Index(slot(2).into(), field(slot(0), "a").into()), slots()).unwrap().labels.untrusted());
    let spread = Pure::Record(vec![PureEntry::Spread(slot(0)), PureEntry::Field("own".into(), int(1))]);
    let spread = with(&spread, slots()).unwrap();
    assert!(spread.field("a").labels.untrusted() && !spread.field("own").labels.untrusted());
    let kept = Pure::Each {
        source: slot(2).into(),
        index: false,
        cond: Some(field(slot(0), "ok").into()),
        value: Pure::Local(0).into(),
    };
    assert!(with(&kept, slots()).unwrap().labels.untrusted());
    let inner = Value::list([bad(Value::int(1))]);
    assert!(with(&op(BinaryOp::Eq, slot(0), slot(0)), vec![inner.clone()]).unwrap().labels.untrusted());
    assert!(with(&Pure::Template(vec![slot(0)]), vec![inner.clone()]).unwrap().labels.untrusted());
    assert!(!with(&call("len", vec![slot(1)]), slots()).unwrap().labels.untrusted());
}

#[test]
fn nothing_runs_away() {
    let grow = Pure::Lambda { params: 2, body: Pure::List(vec![crate::pure::PureItem::One(Pure::Local(0))]).into() };
    let range = call("range", vec![int(0), int(200_000)]);
    assert_eq!(with(&call("fold", vec![range.clone(), int(0), grow]), vec![]).unwrap_err().code, "invalid_input");
    let double = Pure::Lambda { params: 2, body: Pure::Template(vec![Pure::Local(0), Pure::Local(0)]).into() };
    assert!(
        with(&call("fold", vec![range.clone(), text("xxxxxxxx"), double]), vec![])
            .unwrap_err()
            .message
            .contains("16 MiB")
    );
    let again = |value| Pure::Each { source: range.clone().into(), index: false, cond: None, value: Box::new(value) };
    assert_eq!(with(&again(again(int(1))), vec![]).unwrap_err().code, "budget");
    let deep = (0..5_000).fold(int(1), |inner, _| Pure::List(vec![crate::pure::PureItem::One(inner)]));
    assert_eq!(with(&deep, vec![]).unwrap_err().code, "budget");
    std::mem::forget(deep);
    let nested = (0..300).fold(int(1), |inner, _| call("abs", vec![inner]));
    assert_eq!(with(&nested, vec![]).unwrap(), Value::int(1));
}

/// `transformer tidy(rows: [{ n: int, ok: bool }]) -> [{ n: int in 0..100 }]`
fn tidy() -> Function {
    let row = || Pure::Local(1);
    let cut = PureBlock { steps: vec![PureStep::Annotate(text("cut"))], value: None };
    let over = op(BinaryOp::Gt, field(row(), "n"), int(100));
    let body = PureBlock {
        steps: vec![
            PureStep::Require {
                cond: field(row(), "ok"),
                otherwise: PureExit::Drop(Pure::Template(vec![text("no "), field(row(), "n")])),
            },
            PureStep::Do(PureBlockExpr::If { cond: over, then: cut, otherwise: PureBlock::default() }),
            PureStep::Bind(call("clamp", vec![field(row(), "n"), int(0), int(100)])),
            PureStep::Yield(Pure::Record(vec![
                PureEntry::Field("n".into(), Pure::Local(3)),
                PureEntry::Field("x".into(), int(1)),
            ])),
        ],
        value: None,
    };
    let steps = vec![
        PureStep::BindBlock(PureBlockExpr::For { source: Pure::Local(0), body }),
        PureStep::Return(Some(Pure::Local(1))),
    ];
    let score = Type::Int(Range { lo: Some(0.into()), hi: Some(100.into()) });
    Function {
        name: "app.tidy".into(),
        params: 1,
        inputs: vec![Boundary::new(Type::list(Type::record([("n", Type::INT), ("ok", Type::Bool)])))],
        output: Some(Boundary::new(Type::list(Type::record([("n", score)])))),
        body: PureBlock { steps, value: None },
    }
}

#[test]
fn transformers_report_what_they_drop_and_annotate() {
    let functions = [tidy()];
    let program = Program { functions: &functions, types: &TypeTable::default() };
    let rows = json(r#"[{"n":1,"ok":true,"z":0},{"n":2,"ok":false},{"n":300,"ok":true}]"#);
    let (value, report) = apply(&functions[0], vec![rows.clone()], &program).unwrap();
    assert_eq!(value.to_json(), r#"[{"n":1},{"n":100}]"#);
    let lines: Vec<_> = report.iter().map(|line| (line.kind, line.reason.as_str(), line.record.to_json())).collect();
    assert_eq!(
        lines,
        [
            (ReportKind::Dropped, "no 2", r#"{"n":2,"ok":false}"#.to_owned()),
            (ReportKind::Annotated, "cut", r#"{"n":300,"ok":true}"#.to_owned())
        ]
    );
    let inside = Pure::Let(
        int(7).into(),
        Pure::List(vec![
            crate::pure::PureItem::One(Pure::Apply(0, vec![Pure::Const(rows)])),
            crate::pure::PureItem::One(Pure::Local(0)),
        ])
        .into(),
    );
    let outcome = eval_reported(&inside, &NoSlots, &program).unwrap();
    assert_eq!((outcome.value.to_json().as_str(), outcome.report.len()), (r#"[[{"n":1},{"n":100}],7]"#, 2));
    let raise = apply(&functions[0], vec![json("[{}]")], &program).unwrap_err();
    assert_eq!(raise.message, "argument 1 of `app.tidy`: `[0].n`: expected `int`, found nothing");
}

#[test]
fn validators_block_with_their_reason() {
    let cond = op(BinaryOp::Gt, field(Pure::Local(0), "n"), int(0));
    let otherwise = PureExit::Raise {
        code: "blocked".into(),
        message: Pure::Template(vec![text("n is "), field(Pure::Local(0), "n")]),
    };
    let body = PureBlock { steps: vec![PureStep::Require { cond, otherwise }], value: None };
    let function = Function { name: "v".into(), params: 1, inputs: vec![], output: None, body };
    let program = Program { functions: &[], types: &TypeTable::default() };
    assert!(apply(&function, vec![json(r#"{"n":1}"#)], &program).unwrap().0.is_null());
    let raise = apply(&function, vec![json(r#"{"n":0}"#)], &program).unwrap_err();
    assert_eq!((raise.code.as_str(), raise.message.as_str()), ("blocked", "n is 0"));
    let secret = Value::record([("n", Value::int(0).with_labels(Labels::NONE.as_secret()))]);
    assert_eq!(apply(&function, vec![secret], &program).unwrap_err().message, "•••");
}
