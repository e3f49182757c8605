//! What the HTTP API takes and gives, as JSON Schemas of the OpenAPI document.

use serde_json::{Value as Json, json};
use weir_compiler::STATUSES;

/// A reference to one of them.
pub fn named(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// All of them by name.
pub fn all() -> Json {
    let mut schemas = asked();
    for more in [told(), runs()] {
        if let (Json::Object(all), Json::Object(more)) = (&mut schemas, more) {
            all.extend(more);
        }
    }
    schemas
}

fn text() -> Json {
    json!({ "type": "string" })
}

fn maybe_text() -> Json {
    json!({ "type": ["string", "null"] })
}

fn count() -> Json {
    json!({ "type": "integer", "minimum": 0 })
}

/// An object that has all of these fields, and may have others.
fn object(fields: Json) -> Json {
    let required: Vec<Json> =
        fields.as_object().into_iter().flat_map(|fields| fields.keys().cloned().map(Json::from)).collect();
    json!({ "type": "object", "properties": fields, "required": required })
}

/// An object that may have these fields too.
fn and(mut object: Json, more: Json) -> Json {
    let fields = object.get_mut("properties").and_then(Json::as_object_mut);
    if let (Some(fields), Json::Object(more)) = (fields, more) {
        fields.extend(more);
    }
    object
}

/// An object that has only these fields; those that are named must be there.
fn body(required: &[&str], fields: Json) -> Json {
    json!({ "type": "object", "properties": fields, "required": required, "additionalProperties": false })
}

/// The bodies of requests.
fn asked() -> Json {
    let any = json!({ "description": "any JSON value" });
    let step = json!({ "type": "string", "description": "the path of the step, where several wait" });
    json!({
        "Nothing": body(&[], json!({})),
        "Start": body(&[], json!({
            "args": { "type": "object", "description": "the arguments, as `input_schema` of the flow says" },
            "thread": { "type": "string", "description": "runs of one conversation or subject have the same", "maxLength": 200 }
        })),
        "Answer": body(&["value"], json!({ "step": step, "value": any })),
        "Decide": body(&["decision"], json!({
            "step": step, "decision": { "enum": ["happened", "again", "skip", "give_up"] },
            "value": { "description": "what the call gave (`happened`), or what stands for its result (`skip`)" }
        })),
        "Signal": body(&["event"], json!({
            "event": text(), "key": { "type": "string", "description": "matched with the key of a `receive`" },
            "value": any, "id": { "type": "string", "description": "counted once by this id" }
        })),
        "Sent": body(&["event"], json!({
            "event": text(), "value": any, "id": { "type": "string", "description": "the same id starts once" }
        })),
        "Any": {},
        "Cancel": body(&[], json!({ "reason": text() })),
        "Retry": body(&[], json!({ "args": { "type": "object", "description": "corrected arguments, all of them" } }))
    })
}

/// Answers about the server and its flows.
fn told() -> Json {
    let schema = json!({ "type": "object", "description": "a JSON Schema (2020-12)" });
    let summary = json!({ "name": text(), "role": text(), "doc": maybe_text(), "ready": { "type": "boolean" },
        "refused": { "type": ["array", "null"], "items": text(), "description": "why it cannot be started" } });
    let mut flow = summary.clone();
    if let Some(flow) = flow.as_object_mut() {
        flow.insert(
            "params".into(),
            json!({ "type": "array", "items": object(json!({
            "name": text(), "type": text(), "optional": { "type": "boolean" }, "doc": maybe_text()
        })) }),
        );
        flow.insert("returns".into(), maybe_text());
        flow.insert("can".into(), json!({ "type": "array", "items": text() }));
        flow.insert("input_schema".into(), schema.clone());
        flow.insert("output_schema".into(), schema);
    }
    json!({
        "Health": object(json!({ "status": { "const": "ok" }, "version": text(), "under_way": count() })),
        "Document": object(json!({ "openapi": text(), "paths": { "type": "object" } })),
        "Flows": object(json!({ "flows": { "type": "array", "items": object(summary) } })),
        "Flow": object(flow),
        "Problem": object(json!({ "error": {
            "type": "object", "required": ["code", "message", "help"],
            "properties": {
                "code": text(), "message": text(), "help": maybe_text(),
                "details": { "type": "array", "items": text() }
            }
        } }))
    })
}

/// Answers about runs.
fn runs() -> Json {
    let status = json!({ "enum": STATUSES });
    let list = |item| json!({ "type": "array", "items": named(item) });
    let event = json!({
        "type": "object", "required": ["seq", "event", "run_id", "flow", "at", "trace_id"],
        "properties": {
            "seq": count(), "event": text(), "run_id": text(), "flow": text(), "step": text(),
            "attempt": count(), "reason": text(), "duration_ms": { "type": "integer" }, "at": text(), "trace_id": text()
        }
    });
    json!({
        "Begun": object(json!({
            "run_id": text(), "status": status,
            "known": { "type": "boolean", "description": "it was started under this key before" }
        })),
        "Came": object(json!({ "campaigns": { "type": "array", "items": object(json!({
            "campaign": text(), "run_id": maybe_text(), "known": { "type": "boolean" }, "skipped": maybe_text()
        })) } })),
        "State": object(json!({ "run_id": text(), "status": status })),
        "Run": and(object(json!({
            "run_id": text(), "flow": text(), "program": text(), "status": status, "started_at": text(),
            "finished_at": maybe_text(), "parent": maybe_text()
        })), json!({ "progress": named("Progress") })),
        "Runs": object(json!({ "runs": { "type": "array", "items": named("Run") } })),
        "Event": event,
        "ThreadEvent": {
            "allOf": [named("Event")], "required": ["position"],
            "properties": { "position": {
                "type": "integer", "minimum": 1, "description": "where it stands in the thread; what was decided at once stands at one position"
            } }
        },
        "Events": object(json!({ "events": list("Event") })),
        "ThreadEvents": object(json!({ "thread": text(), "events": list("ThreadEvent") })),
        "Step": {
            "type": "object", "required": ["step", "flow", "state", "attempts", "started_at"],
            "properties": {
                "step": text(), "flow": text(), "state": text(), "attempts": count(), "started_at": text(),
                "duration_ms": { "type": "integer" }, "reasons": { "type": "array", "items": text() }
            }
        },
        "Snapshot": object(json!({
            "run": named("Run"), "seq": count(), "metadata": named("Metadata"),
            "records": { "type": "array", "items": object(json!({
                "value": {}, "provenance": { "type": "array" }
            })) },
            "steps": { "type": "array", "items": named("Step") },
            "progress": named("Progress"),
            "moves": { "type": "array", "items": text(), "description": "why it waits, and what would move it" }
        })),
        "Progress": {
            "type": "object", "required": ["done", "running", "waiting", "total", "share"],
            "properties": {
                "done": count(), "running": count(), "waiting": count(), "total": count(),
                "share": { "type": "number", "minimum": 0, "maximum": 1 }, "estimate_ms": { "type": "integer" }
            }
        },
        "Waiting": {
            "type": "object", "required": ["step", "kind"],
            "properties": {
                "step": { "type": "string", "description": "empty: the run as a whole" },
                "kind": { "enum": ["ask", "receive", "wait", "unknown", "escalated", "outbox", "queue"] },
                "question": maybe_text(), "type": maybe_text(), "from": maybe_text(), "until": maybe_text()
            }
        },
        "Metadata": and(object(json!({
            "run_id": text(), "flow": text(), "program": text(), "status": status, "started_at": maybe_text(),
            "finished_at": maybe_text(), "partial": { "type": "boolean" }, "blocked": { "type": "boolean" },
            "reason": maybe_text(), "error": { "type": ["object", "null"] }, "steps": count(), "attempts": count(),
            "side_effects": { "type": "array" }, "report": { "type": "array" }, "trace_id": text()
        })), json!({
            "waiting": { "type": "array", "items": named("Waiting") }, "not_undone": { "type": "array", "items": text() },
            "also_cancelled": { "type": "array", "items": text(), "description": "runs that it had started, cancelled with it" },
            "depth": { "type": "integer", "minimum": 1, "description": "one level more than the flow that started it" },
            "budget_left": { "type": "object", "properties": { "calls": count(), "cost": { "type": "number" }, "depth": count() },
                "description": "what it may still use up of its budget, and of that of the flow that started it" }
        }))
    })
}
