//! What servers offer: pages, limits, names, schemas, drift (T4 to T6, T27).

use crate::support::{Place, call, listed, locked, run, tools};
use serde_json::json;
use weir_runtime::tool::Happened;

#[tokio::test]
async fn pages_are_put_together() {
    let place = Place::new();
    let server = place.hostile(&["three_pages"]);
    let listing = listed(&server).await.unwrap();
    assert_eq!(listing.tools.keys().collect::<Vec<_>>(), ["t0", "t1", "t2"]);
    assert_eq!(listing.server.as_deref(), Some("hostile 1"));
    assert_eq!(listing.protocol.as_deref(), Some("2025-06-18"));
    server.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listings_that_break_a_limit_are_refused() {
    let place = Place::new();
    for (mode, part) in [
        ("circle", "in a circle"),
        ("pages", "more than 200 pages"),
        ("many", "more than 5000 tools"),
        ("twice", "two tools of the name `same`"),
        ("bidi", "`read\\u{202e}etirw` has characters that cannot be seen"),
        ("escape_name", "`read\\u{1b}[2J`"),
        ("deep_schema", "more than 64 levels deep"),
        ("large_schema", "larger than 512 KiB"),
    ] {
        let server = place.hostile(&[mode]);
        let fault = listed(&server).await.unwrap_err();
        assert_eq!((fault.code.as_str(), fault.happened), ("bad_response", Happened::No), "{mode}");
        assert!(fault.message.contains(part), "{mode}: {}", fault.message);
        server.close().await;
    }
}

#[tokio::test]
async fn results_are_typed_as_they_are_unwrapped() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    let tools = tools(&listed(&server).await.unwrap());
    assert_eq!(tools["wrapped"].output, Some(json!({"type": "array", "items": {"type": "integer"}})));
    assert!(tools["typed"].output.is_some() && tools["echo"].output.is_none());
    server.close().await;
}

#[tokio::test]
async fn a_tool_that_is_not_what_was_locked_is_not_called() {
    let place = Place::new();
    let honest = place.hostile(&["old"]);
    let tools = tools(&listed(&honest).await.unwrap());
    assert!(run(&honest, &locked("echo", tools.get("echo"))).await.is_ok());
    honest.close().await;
    let server = place.hostile(&["drifts"]);
    let fault = run(&server, &locked("echo", tools.get("echo"))).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("permission", Happened::No));
    for part in
        ["`hostile.echo`", "its description changed", "`everything` is new", "weir tools diff", "weir tools sync"]
    {
        assert!(fault.message.contains(part), "{part}: {}", fault.message);
    }
    let fault = run(&server, &locked("meta", tools.get("meta"))).await.unwrap_err();
    assert!(fault.message.contains("no such tool"), "{}", fault.message);
    assert_eq!(place.log().matches("call").count(), 1);
    server.close().await;
}

#[tokio::test]
async fn a_server_that_says_its_tools_changed_is_compared_again() {
    for mode in ["changes", "new_changes"] {
        let place = Place::new();
        let server = place.hostile(&[mode]);
        let tools = tools(&listed(&server).await.unwrap());
        // That listing was the first; the next one, of this session, is another.
        let echo = locked("echo", tools.get("echo"));
        assert!(run(&server, &echo).await.is_ok());
        let mut after = run(&server, &locked("change", tools.get("change"))).await;
        for _ in 0..100 {
            if after.is_err() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            after = run(&server, &echo).await;
        }
        assert_eq!(after.unwrap_err().code, "permission", "{mode}");
        server.close().await;
    }
}

#[tokio::test]
async fn a_tool_without_a_lock_is_called_by_its_live_definition() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    assert!(run(&server, &call("echo")).await.is_ok());
    server.close().await;
}
