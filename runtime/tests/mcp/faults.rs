//! What each misdeed of a server in a call leads to (T7 to T10, T17, T28).

use crate::support::{Place, call, run};
use weir_runtime::tool::Happened::{self, Maybe, No};

/// Code, what it proves, and a part of the message.
async fn fault(place: &Place, mode: &str, tool: &str) -> (String, Happened, String) {
    let server = place.hostile(&[mode]);
    let fault = run(&server, &call(tool)).await.expect_err(tool);
    server.close().await;
    (fault.code.to_string(), fault.happened, fault.message)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_misdeed_has_its_fault() {
    let place = Place::new();
    let expected = [
        ("no_structure", "bad_response", Maybe, "without structured content"),
        ("wrapped_badly", "bad_response", Maybe, "lacks its field `result`"),
        ("is_error", "failed", No, "it already exists"),
        ("unknown_text", "not_found", No, "Unknown tool"),
        ("bad_params", "invalid_input", No, "must be a number"),
        ("unknown_rpc", "not_found", No, "weir tools diff"),
        ("internal", "failed", Maybe, "out of cheese"),
        ("no_id_error", "failed", Maybe, "no id"),
        ("null_id_error", "failed", Maybe, "null id"),
        ("bad_blob", "bad_response", Maybe, "no base64"),
        ("huge", "unavailable", Maybe, "more than 16 MiB"),
        ("endless", "unavailable", Maybe, "more than 16 MiB"),
        ("endless_lines", "unavailable", Maybe, "more to its standard output than messages"),
        ("progress_flood", "unavailable", Maybe, "messages without end"),
        ("asks_for_ever", "unavailable", Maybe, ""),
        ("garbage", "unavailable", Maybe, "a message that cannot be read"),
        ("bad_utf8", "unavailable", Maybe, "a message that cannot be read"),
        ("surrogate", "unavailable", Maybe, "a message that cannot be read"),
        ("deep", "unavailable", Maybe, "a message that cannot be read"),
        ("not_a_result", "bad_response", Maybe, "no result of a call"),
        ("content_is_text", "bad_response", Maybe, "no result of a call"),
        ("wrong_id", "unavailable", Maybe, "`987654` that was never made"),
        ("die", "unavailable", Maybe, "exit status: 9; its last words on standard error: `segfault in the fantasy`"),
        ("half", "unavailable", Maybe, "exit status: 0"),
        ("nobody", "not_found", No, "no tool `nobody`"),
    ];
    for (tool, code, happened, part) in expected {
        let (was, did, message) = fault(&place, "old", tool).await;
        assert_eq!((was.as_str(), did), (code, happened), "{tool}: {message}");
        assert!(message.contains(part), "{tool}: {message}");
    }
    let server = place.hostile(&["old"]);
    run(&server, &call("large")).await.unwrap();
    server.close().await;
    // Where a test has a process of its own, its memory is that of all this together.
    if let (Ok("process-per-test"), Some(peak)) =
        (std::env::var("NEXTEST_EXECUTION_MODE").as_deref(), crate::support::peak())
    {
        println!("largest memory: {} MiB", peak >> 20);
        assert!(peak < 256 << 20, "{} MiB", peak >> 20);
    }
}

#[tokio::test]
async fn what_is_only_noise_is_read_past() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    for (tool, value) in [
        ("noise", "after the noise"),
        ("string_id", "as text"),
        ("duplicate", "first"),
        ("stderr_flood", "after the flood"),
        ("echo", "{\"n\":1}"),
    ] {
        assert_eq!(run(&server, &call(tool)).await.unwrap().as_str(), Some(value));
    }
    assert_eq!(place.log().matches("start").count(), 1);
    server.close().await;
}

#[tokio::test]
async fn results_become_values() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    assert_eq!(run(&server, &call("typed")).await.unwrap().to_json(), "{\"n\":1}");
    assert_eq!(run(&server, &call("wrapped")).await.unwrap().to_json(), "[1,2]");
    let blocks = run(&server, &call("blocks")).await.unwrap();
    let lines: Vec<&str> = blocks.as_str().unwrap().lines().collect();
    assert_eq!(&lines[..3], ["one", "file:///a.txt", "two"]);
    assert!(lines[3].starts_with(".weir/blobs/") && lines[3].ends_with(".png"), "{lines:?}");
    assert!(lines[4].starts_with(".weir/blobs/") && lines[4].ends_with(".bin"), "{lines:?}");
    let bytes = std::fs::read(place.folder.path().join(lines[3])).unwrap();
    assert_eq!(bytes, b"\x89PNG\r\n\x1a\n");
    let large = run(&server, &call("large")).await.unwrap();
    assert_eq!(large.as_str().map(str::len), Some(15 * 1024 * 1024));
    server.close().await;
}

#[tokio::test]
async fn nothing_of_our_environment_is_passed_on_and_credentials_are_masked() {
    let place = Place::new();
    let server = place.with_token("old");
    let env = run(&server, &call("env")).await.unwrap();
    let mut names: Vec<&str> = env.as_str().unwrap().lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.retain(|name| !["PATH", "HOME", "USER", "LANG", "TMPDIR", "HOSTILE_TOKEN"].contains(name));
    assert_eq!(names, Vec::<&str>::new());
    assert!(env.as_str().unwrap().contains("HOSTILE_TOKEN=s3cret-token"));
    let fault = run(&server, &call("leak")).await.unwrap_err();
    assert!(fault.message.contains("token ***") && !fault.message.contains("s3cret"), "{fault}");
    server.close().await;
}

#[tokio::test]
async fn the_trace_goes_along() {
    let place = Place::new();
    for mode in ["old", "new"] {
        let server = place.hostile(&[mode]);
        let meta = run(&server, &call("meta")).await.unwrap();
        let meta: serde_json::Value = serde_json::from_str(meta.as_str().unwrap()).unwrap();
        let parent = meta["traceparent"].as_str().unwrap();
        let parts: Vec<&str> = parent.split('-').collect();
        assert_eq!((parts[0], parts[1].len(), parts[2].len(), parts[3]), ("00", 32, 16, "01"), "{parent}");
        assert!(meta["progressToken"].is_i64());
        server.close().await;
    }
}
