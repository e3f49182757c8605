//! Documents to tools.

use super::*;
use serde_json::json;

fn document(paths: Json) -> Json {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "Pets", "version": "2" },
        "servers": [{ "url": "https://{region}.pets.test/v1/", "variables": { "region": { "default": "eu" } } }],
        "paths": paths,
        "components": {
            "schemas": {
                "Pet": { "type": "object", "required": ["id", "name"], "properties": {
                    "id": { "type": "integer", "readOnly": true },
                    "name": { "type": "string" },
                    "secret": { "type": "string", "writeOnly": true },
                    "parent": { "$ref": "#/components/schemas/Pet" },
                    "weight": { "type": "number", "minimum": 0, "exclusiveMinimum": true, "nullable": true } } },
                "Tagged": { "allOf": [{ "$ref": "#/components/schemas/Pet" },
                    { "type": "object", "required": ["tag"], "properties": { "tag": { "type": "string" } } }] },
                "Cat": { "type": "object", "properties": { "kind": { "type": "string" } } },
                "Dog": { "type": "object", "properties": { "kind": { "type": "string" } } }
            },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "key": { "type": "apiKey", "in": "query", "name": "api_key" }
            }
        }
    })
}

fn tool(paths: Json, name: &str) -> Definition {
    let import = import(&document(paths)).unwrap();
    assert_eq!(import.skipped, []);
    let names: Vec<&EcoString> = import.listing.tools.keys().collect();
    import.listing.tools.get(name).unwrap_or_else(|| panic!("no `{name}` in {names:?}")).clone()
}

fn place(definition: &Definition, arg: &str) -> (String, Option<String>) {
    let place = &definition.http.as_ref().unwrap().params[arg];
    (place.place.to_string(), place.name.as_ref().map(ToString::to_string))
}

#[test]
fn parameters_of_every_place_become_one_list() {
    let get = tool(
        json!({ "/pets/{petId}/{part}": {
            "parameters": [{ "in": "path", "name": "petId", "required": true, "schema": { "type": "integer" } },
                { "in": "query", "name": "limit", "schema": { "type": "string" } }],
            "get": { "operationId": "pets/get-one", "summary": "One pet.", "deprecated": true, "parameters": [
                { "in": "query", "name": "limit", "description": "How many.", "schema": { "type": "integer" } },
                { "in": "query", "name": "filter[name]", "style": "deepObject", "explode": true, "schema": { "type": "object" } },
                { "in": "header", "name": "X-Trace", "required": true, "schema": { "type": "string" } },
                { "in": "header", "name": "Authorization", "schema": { "type": "string" } },
                { "in": "cookie", "name": "limit", "schema": { "type": "string" } },
                { "in": "query", "name": "q", "content": { "application/json": { "schema": { "type": "object" } } } }],
                "responses": { "200": { "content": { "application/json": { "schema": { "type": "string" } } } } } } } }),
        "pets_get_one",
    );
    let names: Vec<&String> = get.input["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["petId", "limit", "filter_name", "q", "x_trace", "cookie_limit", "part"]);
    assert_eq!(get.input["required"], json!(["petId", "x_trace", "part"]));
    assert_eq!(get.input["properties"]["limit"], json!({ "type": "integer", "description": "How many." }));
    assert_eq!(place(&get, "filter_name"), ("query".into(), Some("filter[name]".into())));
    assert_eq!(place(&get, "x_trace"), ("header".into(), Some("X-Trace".into())));
    assert_eq!(place(&get, "cookie_limit"), ("cookie".into(), Some("limit".into())));
    assert_eq!(place(&get, "petId"), ("path".into(), None));
    assert_eq!(get.http.as_ref().unwrap().params["q"].style.as_deref(), Some("json"));
    assert_eq!(get.description.as_deref(), Some("Deprecated.\n\nOne pet."));
    assert_eq!((get.annotations.read_only, get.annotations.idempotent), (Some(true), Some(true)));
}

#[test]
fn a_json_object_is_spread_and_reads_differ_from_writes() {
    let body = json!({ "required": true, "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Tagged" } } } });
    let post = tool(
        json!({ "/pets/{name}": { "put": { "requestBody": body,
            "parameters": [{ "in": "path", "name": "name", "required": true, "schema": { "type": "string" } },
                { "in": "header", "name": "Idempotency-Key", "required": true, "schema": { "type": "string" } }],
            "responses": { "201": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Pet" } } } },
                "204": { "description": "nothing" } } } } }),
        "put_pets_by_name",
    );
    let names: Vec<&String> = post.input["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["name", "body_name", "secret", "parent", "weight", "tag"]);
    assert_eq!(post.input["required"], json!(["name", "body_name", "tag"]));
    assert_eq!(place(&post, "body_name"), ("body".into(), Some("name".into())));
    assert_eq!(post.input["properties"]["weight"], json!({ "type": ["number", "null"], "exclusiveMinimum": 0 }));
    assert_eq!(post.input["properties"]["parent"], json!({ "$ref": "#/$defs/Pet" }));
    assert!(post.input["$defs"]["Pet"]["properties"].get("id").is_none());
    let output = post.output.as_ref().unwrap();
    assert_eq!(output["anyOf"], json!([{ "$ref": "#/$defs/Pet" }, { "type": "null" }]));
    assert!(output["$defs"]["Pet"]["properties"].get("secret").is_none());
    assert_eq!(output["$defs"]["Pet"]["required"], json!(["id", "name"]));
    let http = post.http.unwrap();
    assert_eq!(http.key_header.as_deref(), Some("Idempotency-Key"));
    assert_eq!(http.body, Some(crate::registry::Body { content_type: "application/json".into(), whole: None }));
}

#[test]
fn what_is_no_plain_object_is_one_argument() {
    let whole = |schema: Json| {
        let body = json!({ "content": { "application/json": { "schema": schema } } });
        let post = tool(json!({ "/a": { "post": { "requestBody": body, "responses": {} } } }), "post_a");
        (post.http.unwrap().body.unwrap().whole.is_some(), post.input)
    };
    assert!(whole(json!({ "type": "array", "items": { "type": "string" } })).0);
    assert!(whole(json!({ "oneOf": [{ "type": "string" }] })).0);
    assert!(whole(json!({ "type": "object", "additionalProperties": { "type": "string" } })).0);
    assert!(whole(json!({ "type": "object", "nullable": true, "properties": { "a": {} } })).0);
    assert!(!whole(json!({ "type": "object", "properties": { "a": {} } })).0);
    let (_, input) =
        whole(json!({ "oneOf": [{ "$ref": "#/components/schemas/Cat" }, { "$ref": "#/components/schemas/Dog" }],
        "discriminator": { "propertyName": "kind", "mapping": { "c": "#/components/schemas/Cat", "d": "Dog" } } }));
    assert_eq!(input["properties"]["body"]["oneOf"][1]["allOf"][1]["properties"]["kind"], json!({ "const": "d" }));
}

#[test]
fn forms_and_texts() {
    let of = |kind: &str, schema: Json| {
        let body = json!({ "content": { kind: { "schema": schema, "encoding": { "a": { "style": "deepObject", "explode": true } } } } });
        tool(json!({ "/a": { "post": { "requestBody": body, "responses": {} } } }), "post_a")
    };
    let form = of(
        "application/x-www-form-urlencoded",
        json!({ "type": "object", "properties": { "a": { "type": "object" } } }),
    );
    assert_eq!(form.http.as_ref().unwrap().params["a"].style.as_deref(), Some("deepObject"));
    let text = of("application/xml", json!({ "type": "object", "properties": { "a": {} } }));
    assert_eq!(text.input["properties"]["body"], json!({ "type": "string" }));
    assert_eq!(text.http.unwrap().body.unwrap().content_type, "application/xml");
}

#[test]
fn who_the_caller_is_stands_in_weir_toml() {
    let auth = |security: Json| {
        let get = json!({ "security": security, "responses": {},
            "parameters": [{ "in": "query", "name": "api_key", "schema": { "type": "string" } }] });
        let tool = tool(json!({ "/a": { "get": get } }), "get_a");
        (tool.http.unwrap().auth.map(|auth| auth.to_string()), tool.input["properties"].as_object().unwrap().len())
    };
    assert_eq!(auth(json!([{ "key": [] }])), (Some("query:api_key".into()), 0));
    assert_eq!(auth(json!([{ "token": [] }, { "key": [] }])), (Some("bearer".into()), 1));
    assert_eq!(auth(json!([])), (Some("none".into()), 1));
    assert_eq!(auth(json!([{ "missing": [] }])), (None, 1));
    let import = import(&document(json!({}))).unwrap();
    assert!(import.credentials[1].contains("its key in the query `api_key`"), "{:?}", import.credentials);
}

#[test]
fn what_cannot_be_a_tool_is_told() {
    let broken = json!({
        "/far": { "get": { "responses": { "200": { "$ref": "https://evil.test/x.json#/a" } } } },
        "/gone": { "get": { "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/nowhere" } } } } } } },
        "/file": { "$ref": "paths.yaml#/file" },
        "/else": { "get": { "servers": [{ "url": "https://other.test" }], "responses": {} } },
        "/trace": { "trace": { "responses": {} } },
        "/ok": { "get": { "operationId": "a", "responses": {} }, "head": { "operationId": "a", "responses": {} } }
    });
    let import = import(&document(broken)).unwrap();
    let told: Vec<String> = import.skipped.iter().map(|one| format!("{}: {}", one.operation, one.reason)).collect();
    assert_eq!(told.len(), 5, "{told:#?}");
    for (told, part) in told.iter().zip(["fetches nothing", "not in the document", "paths.yaml", "other.test", "TRACE"])
    {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(import.listing.tools.keys().collect::<Vec<_>>(), ["a", "a_2"]);
    assert_eq!(import.listing.base_url.as_deref(), Some("https://eu.pets.test/v1/"));
    assert_eq!(import.listing.server.as_deref(), Some("Pets 2"));
}

#[test]
fn other_documents_are_refused_in_words() {
    for (json, part) in [
        (json!({ "swagger": "2.0" }), "Swagger 2.0"),
        (json!({ "openapi": "4.0.0" }), "reads 3.0 and 3.1"),
        (json!([]), "no OpenAPI document"),
    ] {
        assert!(super::import(&json).unwrap_err().contains(part));
    }
}

#[test]
fn a_schema_without_end_is_cut_where_it_is_deepest() {
    let mut schemas = serde_json::Map::new();
    for number in 0..30_000 {
        let next = format!("#/components/schemas/S{}", number + 1);
        schemas.insert(format!("S{number}"), json!({ "type": "object", "properties": { "next": { "$ref": next } } }));
    }
    schemas.insert("S30000".into(), json!({ "type": "string" }));
    let first = json!({ "$ref": "#/components/schemas/S0" });
    let mut json = document(
        json!({ "/a": { "get": { "responses": { "200": { "content": { "application/json": { "schema": first } } } } } } }),
    );
    json["components"]["schemas"] = Json::Object(schemas);
    let import = import(&json).unwrap();
    let output = import.listing.tools["get_a"].output.as_ref().unwrap();
    assert_eq!(output["$defs"]["S0"]["type"], "object");
    assert!(output.to_string().contains("the whole schema is too large"));
    assert!(output.to_string().len() < 1_000_000);
}
