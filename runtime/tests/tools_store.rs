//! `store.*` against a real file: documents come back exactly, and writers do not lose each other's work.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod common;

use common::{Project, config, root};
use weir_runtime::tools::builtins;
use weir_stdlib::Value;

#[tokio::test]
async fn documents_come_back_exactly() {
    let project = Project::new();
    let document = r#"{"price":0.12345678901234567890,"big":12345678901234567890123,"tiny":0.1,"n":null,"ø":["\u0000",true,9007199254740993]}"#;
    project.ok("store.put", &format!(r#"{{"collection": "c", "id": "a/1", "value": {document}}}"#)).await;
    let found = project.ok("store.get", r#"{"collection": "c", "id": "a/1"}"#).await;
    assert_eq!(found, format!(r#"{{"value":{document}}}"#));
    assert_eq!(project.ok("store.get", r#"{"collection": "c", "id": "none"}"#).await, r#"{"value":null}"#);
    assert_eq!(project.ok("store.get", r#"{"collection": "other", "id": "a/1"}"#).await, r#"{"value":null}"#);
    assert_eq!(project.read(".weir/.gitignore"), "*\n");
    drop(project.call("store.delete", r#"{"collection": "c", "id": "a/1"}"#).await.unwrap());
    assert_eq!(project.ok("store.count", r#"{"collection": "c"}"#).await, r#"{"count":0}"#);
}

#[tokio::test]
async fn insert_update_delete() {
    let project = Project::new();
    let insert = r#"{"collection": "c", "id": "1", "value": {"a": 1, "b": {"x": 1, "y": 2}}}"#;
    assert_eq!(project.ok("store.insert", insert).await, r#"{"id":"1"}"#);
    assert_eq!(project.code("store.insert", insert).await, "conflict");
    let update = r#"{"collection": "c", "id": "1", "changes": {"a": null, "b": {"y": 3}, "c": {"d": null, "e": 1}}}"#;
    assert_eq!(project.ok("store.update", update).await, r#"{"id":"1","value":{"b":{"x":1,"y":3},"c":{"e":1}}}"#);
    assert_eq!(
        project.ok("store.get", r#"{"collection": "c", "id": "1"}"#).await,
        r#"{"value":{"b":{"x":1,"y":3},"c":{"e":1}}}"#
    );
    assert_eq!(project.code("store.update", r#"{"collection": "c", "id": "2", "changes": {}}"#).await, "not_found");
    assert_eq!(
        project.code("store.update", r#"{"collection": "c", "id": "1", "changes": [1]}"#).await,
        "invalid_input"
    );
    project.ok("store.put", r#"{"collection": "c", "id": "3", "value": [1]}"#).await;
    assert_eq!(project.code("store.update", r#"{"collection": "c", "id": "3", "changes": {}}"#).await, "invalid_input");
    let delete = r#"{"collection": "c", "id": "1"}"#;
    assert_eq!(project.ok("store.delete", delete).await, r#"{"deleted":true}"#);
    assert_eq!(project.ok("store.delete", delete).await, r#"{"deleted":false}"#);
    let long = "x".repeat(513);
    for args in [r#"{"collection": "", "id": "1"}"#.to_owned(), format!(r#"{{"collection": "c", "id": "{long}"}}"#)] {
        assert_eq!(project.code("store.get", &args).await, "invalid_input");
    }
}

#[tokio::test]
async fn find_filters_sorts_and_pages() {
    let project = Project::new();
    for (id, value) in
        [("b", r#"{"k":1.0,"s":"x"}"#), ("a", r#"{"k":1}"#), ("c", r#"{"k":2}"#), ("d", "[1]"), ("e", r#"{"k":1}"#)]
    {
        project.ok("store.put", &format!(r#"{{"collection": "c", "id": "{id}", "value": {value}}}"#)).await;
    }
    let ids = async |args: &str| {
        let value = project.call("store.find", &format!(r#"{{"collection": "c"{args}}}"#)).await.unwrap();
        let items = value.field("items");
        let ids: String =
            items.as_list().unwrap().iter().map(|item| item.field("id").as_str().unwrap().to_owned()).collect();
        (ids, value.field("next").as_str().map(str::to_owned))
    };
    assert_eq!(ids("").await, ("abcde".into(), None));
    assert_eq!(ids(r#", "where": {"k": 1}"#).await, ("abe".into(), None));
    assert_eq!(ids(r#", "where": {"k": 1, "s": null}"#).await, ("ae".into(), None));
    assert_eq!(ids(r#", "where": {"k": 1}, "limit": 2"#).await, ("ab".into(), Some("b".into())));
    assert_eq!(ids(r#", "where": {"k": 1}, "limit": 2, "after": "b""#).await, ("e".into(), None));
    assert_eq!(ids(r#", "limit": 5"#).await, ("abcde".into(), None));
    assert_eq!(project.ok("store.count", r#"{"collection": "c", "where": {"k": 1}}"#).await, r#"{"count":3}"#);
    assert_eq!(project.code("store.find", r#"{"collection": "c", "where": [1]}"#).await, "invalid_input");
    assert_eq!(project.code("store.find", r#"{"collection": "c", "limit": 0}"#).await, "invalid_input");
}

/// Two stores on one file, as two processes have them: every field that was added is there at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_updates_are_all_kept() {
    let project = Project::new();
    project.ok("store.put", r#"{"collection": "c", "id": "1", "value": {}}"#).await;
    let other = builtins(&root(&project.folder), &config());
    let work = |tools: &indexmap::IndexMap<_, std::sync::Arc<dyn weir_runtime::tool::Tool>>, name: char| {
        let store = tools["store"].clone();
        tokio::spawn(async move {
            for round in 0..40 {
                let args = format!(r#"{{"collection": "c", "id": "1", "changes": {{"{name}{round}": 1}}}}"#);
                store.call(&common::call("store.update", Value::from_json(&args).unwrap()).1).await.unwrap();
            }
        })
    };
    let all = [work(&project.tools, 'a'), work(&project.tools, 'b'), work(&other, 'c'), work(&other, 'd')];
    for one in all {
        one.await.unwrap();
    }
    let value = project.call("store.get", r#"{"collection": "c", "id": "1"}"#).await.unwrap().field("value");
    assert_eq!(value.as_record().unwrap().fields.len(), 160);
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let project = Project::new();
    project.put(".weir/store.db", "no database ".repeat(100));
    let fault = project.fault("store.get", r#"{"collection": "c", "id": "1"}"#).await;
    assert!(fault.message.contains("store.db") && fault.message.contains("no SQLite file"), "{fault}");
    assert!(project.read(".weir/store.db").starts_with("no database"));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_said() {
    let project = Project::new();
    project.put(".weir", "a file");
    let fault = project.fault("store.get", r#"{"collection": "c", "id": "1"}"#).await;
    assert!(fault.code == "failed" && fault.message.contains(".weir"), "{fault}");
}
