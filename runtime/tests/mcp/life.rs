//! Starting, dying, hanging, being cancelled and closing (T8 to T10, T17).

use crate::support::{Place, call, listed, run};
use std::time::{Duration, Instant};
use weir_runtime::tool::{Call, Happened, Progress};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_protocol_is_found() {
    let place = Place::new();
    for (mode, protocol, starts) in [
        ("new", "2026-07-28", 1),
        ("old", "2025-06-18", 1),
        ("ancient", "2024-11-05", 1),
        ("dies_of_new", "2025-06-18", 2),
        ("hangs_on_new", "2025-06-18", 2),
    ] {
        let _ = std::fs::remove_file(place.log_file());
        let server = place.hostile(&[mode]);
        let listing = listed(&server).await.unwrap_or_else(|fault| panic!("{mode}: {fault}"));
        assert_eq!(listing.protocol.as_deref(), Some(protocol), "{mode}");
        assert_eq!(place.log().matches("start").count(), starts, "{mode}");
        // What was agreed on is known from then on, here and from the lock.
        server.close().await;
        listed(&server).await.unwrap();
        assert_eq!(place.log().matches("start").count(), starts + 1, "{mode}");
        server.close().await;
        let server = place.open(place.section(&[mode]), Some(listing));
        run(&server, &call("echo")).await.unwrap();
        assert_eq!(place.log().matches("start").count(), starts + 2, "{mode}");
        server.close().await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_start_says_why() {
    let place = Place::new();
    let server = place.hostile(&["exit"]);
    let fault = run(&server, &call("echo")).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("unavailable", Happened::No));
    assert!(fault.message.contains("exit status: 3") && fault.message.contains("no licence"), "{fault}");
    let mut section = place.section(&["old"]);
    section.command = Some(vec!["no-such-program-anywhere".to_owned()]);
    let server = place.open(section, None);
    let fault = run(&server, &call("echo")).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("not_found", Happened::No));
    let server = place.hostile(&["endless_start"]);
    let fault = run(&server, &call("echo")).await.unwrap_err();
    assert!(fault.message.contains("16 MiB"), "{fault}");
}

#[tokio::test]
async fn a_server_that_died_is_started_again() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    run(&server, &call("echo")).await.unwrap();
    let fault = run(&server, &call("die")).await.unwrap_err();
    assert_eq!((fault.code.as_str(), fault.happened), ("unavailable", Happened::Maybe));
    run(&server, &call("echo")).await.unwrap();
    run(&server, &call("die_after")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    run(&server, &call("echo")).await.unwrap();
    assert_eq!(place.log().matches("start").count(), 3);
    server.close().await;
}

#[tokio::test]
async fn all_calls_in_flight_fail_when_it_dies() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    run(&server, &call("echo")).await.unwrap();
    let (silent, die) = (call("silent"), call("die"));
    let (a, b) = tokio::join!(run(&server, &silent), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        run(&server, &die).await
    });
    assert_eq!((a.unwrap_err().happened, b.unwrap_err().happened), (Happened::Maybe, Happened::Maybe));
    server.close().await;
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_cancelled_and_its_late_answer_ignored() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    run(&server, &call("echo")).await.unwrap();
    for tool in ["silent", "late"] {
        let dropped = tokio::time::timeout(Duration::from_millis(300), server.call(&call(tool))).await;
        assert!(dropped.is_err());
    }
    place.logged("cancelled").await;
    assert_eq!(run(&server, &call("echo")).await.unwrap().as_str(), Some("{\"n\":1}"));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(run(&server, &call("echo")).await.unwrap().as_str(), Some("{\"n\":1}"));
    assert_eq!(place.log().matches("start").count(), 1);
    server.close().await;
}

#[tokio::test]
async fn progress_does_not_make_a_call_longer() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    run(&server, &call("echo")).await.unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(400), server.call(&call("progress_for_ever"))).await;
    assert!(dropped.is_err());
    server.close().await;
}

#[tokio::test]
async fn progress_reaches_the_one_who_made_the_call() {
    let place = Place::new();
    for mode in ["old", "new"] {
        let server = place.with_token(mode);
        let (progress, mut heard) = tokio::sync::watch::channel(Progress::default());
        let (other, unheard) = tokio::sync::watch::channel(Progress::default());
        let told = Call { progress: Some(progress), ..call("progress_told") };
        let beside = Call { progress: Some(other), step: "b".into(), ..call("echo") };
        let (told, beside) = tokio::join!(run(&server, &told), run(&server, &beside));
        assert_eq!((told.unwrap().as_str(), beside.is_ok()), (Some("done"), true));
        assert_eq!(heard.borrow_and_update().to_string(), "1.5 of 3: with ***");
        assert!(!unheard.has_changed().unwrap_or(false));
        server.close().await;
    }
}

#[tokio::test]
async fn many_steps_share_one_process() {
    let place = Place::new();
    let server = place.hostile(&["old"]);
    let echo = call("echo");
    let calls = (0..50).map(|_| run(&server, &echo));
    for result in futures_util::future::join_all(calls).await {
        result.unwrap();
    }
    assert_eq!(place.log().matches("start").count(), 1);
    server.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn closing_ends_the_whole_group_in_time() {
    use crate::support::runs;
    for mode in ["child", "stubborn", "old"] {
        let place = Place::new();
        let server = place.hostile(&[mode]);
        run(&server, &call("echo")).await.unwrap();
        let begun = Instant::now();
        tokio::time::timeout(Duration::from_secs(20), server.close()).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(15), "{mode}");
        let pids =
            |log: String| -> Vec<u32> { log.lines().filter_map(|line| line.split_once(' ')?.1.parse().ok()).collect() };
        let pids = pids(place.log());
        assert!(!pids.is_empty());
        for _ in 0..200 {
            if !pids.iter().any(|pid| runs(*pid)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!pids.iter().any(|pid| runs(*pid)), "{mode}: {}", place.log());
    }
}
