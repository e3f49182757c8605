//! Who may ask, and from where.

use super::support::served;
use serde_json::json;

const TOKENS: &str = r#"
[serve.tokens.ci]
token = "env:WEIR_TEST_TOKEN"
roles = ["operator"]

[serve.tokens.boss]
token = "file:boss.token"
roles = ["approver"]

[serve.tokens.eye]
token = "file:eye.token"
roles = ["viewer"]
"#;

#[test]
fn a_token_is_asked_for_and_has_its_roles() {
    let here = crate::support::folder(&[
        ("flows/shop.flow", super::support::FLOWS),
        ("weir.toml", &format!("[project]\nname = \"t\"\n{TOKENS}")),
        ("boss.token", "the-token-of-the-boss\n"),
        ("eye.token", "the-token-of-the-eye"),
    ]);
    let server = super::support::again(here, &[]);
    let (ci, boss) = ("Authorization: Bearer a-token-of-some-length", "Authorization: Bearer the-token-of-the-boss");
    let eye = "Authorization: Bearer the-token-of-the-eye";
    let send = |method: &str, path: &str, token: &str, body: &serde_json::Value| {
        let headers = ["Content-Type: application/json", token];
        server.send(method, path, &headers, body.to_string().as_bytes())
    };
    let none = server.get("/v1/runs");
    assert_eq!(none.problem(401), "unauthorized");
    assert!(none.head.contains("www-authenticate: bearer"), "{}", none.head);
    let wrong = send("GET", "/v1/runs", "Authorization: Bearer the-token-of-the-bosz", &json!({}));
    assert_eq!(wrong.problem(401), "unauthorized");
    assert!(!wrong.body.contains("bosz"), "{}", wrong.body);
    assert_eq!(server.get("/healthz").ok(200)["status"], "ok");
    server.get("/openapi.json").ok(200);
    for token in [ci, boss, eye] {
        send("GET", "/v1/runs", token, &json!({})).ok(200);
    }
    let start = json!({ "args": { "what": "it" } });
    for token in [boss, eye] {
        assert_eq!(send("POST", "/v1/flows/shop.careful/runs", token, &start).problem(403), "forbidden");
        assert_eq!(send("POST", "/mcp", token, &json!({})).problem(403), "forbidden");
    }
    let begun = send("POST", "/v1/flows/shop.careful/runs", ci, &start).ok(201);
    let run_id = begun["run_id"].as_str().unwrap();
    let answer = json!({ "value": { "approved": true } });
    let place = format!("/v1/runs/{run_id}/answer");
    for token in [ci, eye] {
        assert_eq!(send("POST", &place, token, &answer).problem(403), "forbidden", "who starts does not approve");
    }
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while send("POST", &place, boss, &answer).status != 200 {
        assert!(std::time::Instant::now() < until, "the question was never open");
    }
    let (_, said, _) = server.end();
    assert!(!said.contains("token-of"), "{said}");
}

#[test]
fn requests_by_foreign_names_and_from_foreign_pages_are_refused() {
    let server = served("[serve]\nhosts = [\"weir.example\"]\n");
    let get = |headers: &[&str]| server.send("GET", "/v1/runs", headers, b"");
    assert_eq!(get(&["Host: evil.example"]).problem(403), "foreign_host");
    assert_eq!(get(&["Host: 127.0.0.1.evil.example"]).problem(403), "foreign_host");
    assert_eq!(get(&["Origin: http://evil.example"]).problem(403), "foreign_origin");
    get(&["Host: weir.example"]).ok(200);
    get(&[&format!("Origin: http://{}", server.address)]).ok(200);
    let answered = get(&["Host: localhost:1"]);
    answered.ok(200);
    assert!(!answered.head.contains("access-control"), "{}", answered.head);
    let mcp = server.send("POST", "/mcp", &["Host: evil.example", "Content-Type: application/json"], b"{}");
    assert_eq!(mcp.problem(403), "foreign_host");
    server.kill();
}

#[test]
fn other_computers_are_not_served_without_a_token() {
    let here = crate::support::folder(&[("a.flow", "coordinator main() -> int { return 1 }"), ("weir.toml", "")]);
    let refused = here.weir(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.stderr.contains("no token is asked for") && refused.stderr.contains("[serve.tokens.NAME]"));
    let wrong = here.weir(&["serve", "--listen", "7117"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("write an address and a port"), "{wrong:?}");
    here.write("weir.toml", "[serve.tokens.a]\ntoken = \"in-plain-text-in-the-file\"\nroles = [\"viewer\"]\n");
    let plain = here.weir(&["serve"]);
    assert!(plain.code == 2 && plain.stderr.contains("does not stand in weir.toml"), "{plain:?}");
    assert!(!plain.stderr.contains("in-plain-text"), "{plain:?}");
    here.write("weir.toml", "[serve]\nflows = [\"mian\"]\n");
    let missing = here.weir(&["serve"]);
    assert!(missing.code == 2 && missing.stderr.contains("did you mean `a.main`?"), "{missing:?}");
}

#[test]
fn who_guesses_tokens_is_made_to_wait() {
    let server = served(TOKENS_ALONE);
    let right = "Authorization: Bearer a-token-of-some-length";
    let ask = |token: &str| server.send("GET", "/v1/flows", &[token], b"");
    let mut refused = None;
    for n in 0..40 {
        let answer = ask(&format!("Authorization: Bearer guess-number-{n}-of-many"));
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.problem(401), "unauthorized");
    }
    let refused = refused.expect("nobody was made to wait");
    assert_eq!(refused.problem(429), "too_many_wrong");
    let after = refused.head.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    assert!((1..=60).contains(&after.trim().parse::<u64>().unwrap()), "{after}");
    // Whether a guess is right is not told either, and who sends none is told what is missing.
    assert_eq!(ask(right).problem(429), "too_many_wrong");
    assert_eq!(server.get("/v1/flows").problem(401), "unauthorized");
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn whoever_was_let_in_before_stays_in() {
    let server = served(TOKENS_ALONE);
    let right = ["Authorization: Bearer a-token-of-some-length"];
    server.send("GET", "/v1/flows", &right, b"").ok(200);
    let guess = || server.send("GET", "/v1/flows", &["Authorization: Bearer some-other-token-here"], b"").status;
    assert!((0..40).any(|_| guess() == 429));
    server.send("GET", "/v1/flows", &right, b"").ok(200);
}

const TOKENS_ALONE: &str = "[serve.tokens.ci]\ntoken = \"env:WEIR_TEST_TOKEN\"\nroles = [\"operator\"]\n";
