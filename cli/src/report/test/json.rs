//! One JSON object.

use super::{Count, Tested, place_of};
use crate::report::json::At;
use crate::report::{Findings, json as of_check};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use weir_lang::span::Loc;
use weir_runtime::testing::{CallEnd, CallTold, Failure, TestReport};
use weir_stdlib::Value;

/// Everything about the tests; what the check found stands beside it where that keeps a project from being tested.
pub fn json(tested: &[Tested<'_>], broken: &[Findings<'_>]) -> String {
    let count = Count::of(tested);
    let found: Json = serde_json::from_str(&of_check(broken)).unwrap_or_default();
    let all = tested.iter().flat_map(|project| project.reports.iter().map(move |report| test(project, report)));
    let told = json!({
        "tests": all.collect::<Vec<_>>(),
        "passed": count.passed,
        "failed": count.failed,
        "files": count.files,
        "diagnostics": found.get("diagnostics").cloned().unwrap_or_default(),
        "errors": found.get("errors").cloned().unwrap_or_default(),
    });
    told.to_string()
}

fn test(project: &Tested<'_>, report: &TestReport) -> Json {
    let place = project.findings.place(report.loc);
    let remarks = report.remarks.iter().map(|remark| {
        let mut told = at(project, remark.loc);
        insert(&mut told, "text", json!(remark.text));
        told
    });
    json!({
        "name": report.name,
        "module": report.module,
        "file": project.file(report),
        "line": place.line,
        "column": place.column,
        "status": if report.passed() { "passed" } else { "failed" },
        "virtual_ms": report.virtual_ms,
        "failures": report.failures.iter().map(|one| failure(project, report, one)).collect::<Vec<_>>(),
        "remarks": remarks.collect::<Vec<_>>(),
        "runs": report.runs.iter().map(|run| json!({
            "name": run.name,
            "flow": run.flow,
            "status": run.status,
            "reason": run.reason,
            "error": run.error,
            "waiting": run.waiting,
            "not_undone": run.not_undone,
            "value": run.value.as_ref().map(|value| raw(&value.mask())),
        })).collect::<Vec<_>>(),
        "calls": report.calls.iter().map(call).collect::<Vec<_>>(),
    })
}

fn failure(project: &Tested<'_>, report: &TestReport, failure: &Failure) -> Json {
    let mut told = at(project, place_of(report, failure));
    let labels = failure.labels.iter().map(|label| {
        let mut told = at(project, label.loc);
        insert(&mut told, "text", json!(label.text));
        told
    });
    insert(&mut told, "reason", json!(failure.reason));
    insert(&mut told, "message", json!(failure.message));
    insert(&mut told, "help", json!(failure.help));
    insert(&mut told, "write", json!(failure.write));
    insert(&mut told, "expected", json!(failure.expected.as_ref().map(raw)));
    insert(&mut told, "actual", json!(failure.actual.as_ref().map(raw)));
    insert(&mut told, "labels", json!(labels.collect::<Vec<_>>()));
    told
}

fn call(call: &CallTold) -> Json {
    let (result, error) = match &call.end {
        CallEnd::Answered(value) => (Some(raw(value)), None),
        CallEnd::Failed(code, message) => (None, Some(json!({ "code": code, "message": message }))),
        CallEnd::Unmocked => (None, Some(json!({ "code": "unmocked", "message": "there is no mock" }))),
    };
    json!({
        "tool": call.tool,
        "args": raw(&call.args),
        "key": call.key,
        "run_id": call.run_id,
        "step": call.step,
        "attempt": call.attempt,
        "at_ms": call.at_ms,
        "result": result,
        "error": error,
    })
}

fn at(project: &Tested<'_>, loc: Loc) -> Json {
    json!(At::of(&project.findings, loc))
}

fn insert(object: &mut Json, name: &str, value: Json) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn raw(value: &Value) -> Json {
    let text = RawValue::from_string(value.to_json());
    text.ok().and_then(|text| serde_json::from_str(text.get()).ok()).unwrap_or_default()
}
