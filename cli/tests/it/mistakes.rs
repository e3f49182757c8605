//! One mistake of a newcomer is one message, on its line, that tells what to write instead.

use crate::support::folder;

const SOUND: &str = r#"type Lead = {
  email: string matching /.+@.+/
  name: string
  score?: int
}

const LIMIT = 50

tool crm.search(q: string) -> { contacts: [Lead] } can crm.read
tool crm.create_account(name: string) -> { id: string } can crm.write
tool crm.delete_account(id: string) can crm.write idempotent
tool iam.grant(account: string, plan: string) -> { id: string } can iam.write
tool iam.revoke(id: string) can iam.write idempotent

policy patient {
  timeout, rate_limited => retry 5 backoff 200ms..30s
  else => fail
  timeout 20s
}

validator reachable(lead: Lead) {
  require not ends_with(lead.email, "@example.com") else "{lead.name} has no real address"
}

saga provision(lead: Lead) -> { account_id: string } can crm.write, iam.write {
  account = crm.create_account(name: lead.name)
    undo crm.delete_account(id: account.id)
  iam.grant(account: account.id, plan: "trial")
    undo iam.revoke(id: it.id)
  return { account_id: account.id }
}

coordinator onboard(query: string) -> [{ account_id: string }]
  can crm.read, crm.write, iam.write
{
  leads = (crm.search(q: query).contacts with patient catch { not_found => [] }) |> check reachable
  best = [l for l in leads if (l.score ?? 0) >= LIMIT]
  accounts = for lead in best parallel 4 {
    yield provision(lead)
  }
  return accounts
}
"#;

/// What is written instead of what, the line of the message, and what the message or its help names.
const MISTAKES: &[(&str, &str, u64, &str)] = &[
    ("crm.search(q: query)", "crm.serch(q: query)", 36, "crm.search"),
    ("crm.search(q: query)", "crn.search(q: query)", 36, "crm.search"),
    ("account.id)\n  iam", "account.idd)\n  iam", 27, "id"),
    ("lead.email,", "lead.emial,", 22, "email"),
    ("q: query", "qq: query", 36, "q"),
    ("q: query", "q: qurey", 36, "query"),
    ("(lead: Lead) {", "(lead: Laed) {", 21, "Lead"),
    ("name: string\n  score", "name: strng\n  score", 3, "string"),
    ("name: string\n  score", "name: str\n  score", 3, "string"),
    ("yield provision(lead)", "yield provison(lead)", 39, "provision"),
    ("saga provision", "sage provision", 25, "saga"),
    ("coordinator onboard", "cordinator onboard", 33, "coordinator"),
    ("coordinator onboard", "function onboard", 33, "function"),
    ("coordinator onboard", "async function onboard", 33, "async"),
    ("undo iam", "undoo iam", 29, "undo"),
    ("parallel 4", "paralel 4", 38, "parallel"),
    ("catch { not_found", "catch { notfound", 36, "not_found"),
    ("catch { not_found", "cacth { not_found", 36, "catch"),
    ("with patient", "with patint", 36, "patient"),
    ("timeout, rate_limited", "timeuot, rate_limited", 16, "timeout"),
    ("can crm.read, crm", "can crm.raed, crm", 34, "crm.raed"),
    ("can crm.read\n", "can crm.read idempotnt\n", 9, "idempotent"),
    ("ends_with(", "end_with(", 22, "ends_with"),
    ("ends_with(", "endsWith(", 22, "ends_with"),
    ("check reachable", "check reachible", 36, "reachable"),
    ("matching /", "matchng /", 2, "matching"),
    ("LIMIT]", "LIMT]", 37, "LIMIT"),
    ("require not", "reqire not", 22, "require"),
    ("require not", "assert not", 22, "require"),
    ("else \"{lead", "els \"{lead", 22, "else"),
    ("for lead in best", "for lead of best", 38, "for x in xs { … }"),
    ("for lead in best", "foreach lead in best", 38, "for"),
    ("return accounts", "retrun accounts", 41, "return"),
    ("yield prov", "yeild prov", 39, "yield"),
    ("{lead.name} has", "{lead.nmae} has", 22, "name"),
    ("backoff", "backof", 16, "backoff"),
    ("else => fail", "else => fial", 17, "`fail`"),
    ("type Lead", "typ Lead", 1, "type"),
    ("policy patient", "polcy patient", 15, "policy"),
    ("const LIMIT", "cosnt LIMIT", 7, "const"),
    ("tool iam.revoke", "tol iam.revoke", 13, "tool"),
    ("validator reach", "validater reach", 21, "validator"),
    ("200ms..30s", "200ms..30sec", 16, "30s"),
    ("200ms", "200 ms", 16, "write `200ms`"),
    ("-> { account_id: string } can", "-> { account_id: string }, can", 25, ","),
    ("score?: int", "score?: integer", 4, "int"),
    ("account_id: account.id", "account: account.id", 30, "account"),
    ("plan: \"trial\"", "plan: 'trial'", 28, "\"…\""),
    ("plan: \"trial\"", "plan = \"trial\"", 28, "plan: …"),
    ("\"trial\")", "\"trial\"", 29, ")"),
    ("\"trial\")", "\"trial", 28, "\""),
    ("  return { account_id: account.id }\n}", "  return { account_id: account.id }\n", 30, "}"),
    ("name: lead.name)", "name: lead.name);", 26, "there are no semicolons"),
    ("account = crm", "let account = crm", 26, "account = …"),
    ("account = crm", "const account = crm", 26, "account = …"),
    ("account = crm", "account := crm", 26, "account = …"),
    ("account = crm", "account: string = crm", 26, "account = …"),
    ("crm.search(q: query).contacts", "await crm.search(q: query).contacts", 36, "await"),
    (">= LIMIT", "=> LIMIT", 37, "(a, b) => …"),
    ("can crm.read, crm.write, iam.write\n{", "can crm.read crm.write iam.write\n{", 34, "crm"),
    ("can crm.read, crm.write, iam.write\n{", "can [crm.read, crm.write, iam.write]\n{", 34, "can crm.read, crm.write"),
    ("(l.score ?? 0)", "(l.score || 0)", 37, "or"),
    (
        "[l for l in leads if (l.score ?? 0) >= LIMIT]",
        "leads.filter(l => l.score >= LIMIT)",
        37,
        "[x for x in leads if …]",
    ),
    (
        "[l for l in leads if (l.score ?? 0) >= LIMIT]",
        "filter(leads, l => (l.score ?? 0) >= LIMIT)",
        37,
        "[x for x in xs if …]",
    ),
    ("not ends_with", "!ends_with", 22, "not"),
    ("require not ends_with", "if not ends_with", 22, "else"),
];

#[test]
fn one_mistake_is_one_message_that_tells_what_to_write() {
    let mut failures = Vec::new();
    let here = folder(&[]);
    for (right, wrong, line, words) in MISTAKES {
        assert!(SOUND.contains(right), "{right:?} is not in the sound text");
        here.write("a.flow", &SOUND.replacen(right, wrong, 1));
        let report = here.weir(&["check", "--format", "json", "a.flow"]).json();
        let found: Vec<String> = report["diagnostics"].as_array().unwrap().iter().map(told).collect();
        let fits = found.len() == 1 && found[0].starts_with(&format!("{line}: ")) && found[0].contains(words);
        if !fits {
            failures.push(format!("{wrong:?} wants {line}: … {words}\n    {}", found.join("\n    ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn told(diagnostic: &serde_json::Value) -> String {
    let part = |name: &str| diagnostic[name].as_str().unwrap_or("").to_owned();
    format!("{}: {} / {}", diagnostic["line"], part("message"), part("help"))
}

/// A key or value of `weir.toml`, the line of the message, and its words.
const SETTINGS: &[(&str, u64, &str)] = &[
    ("[projct]\nname = \"x\"\n", 1, "`project`"),
    ("[project]\nnmae = \"x\"\n", 2, "`name`"),
    ("[project]\nname = 3\n", 2, "write `\"3\"`"),
    ("[project]\nflows = \"flows\"\n", 2, "write `[\"flows\"]`"),
    ("[project]\nflows = [\"flwos\"]\n", 2, "there is no folder `flwos`"),
    ("[project]\ntrust = \"strickt\"\n", 2, "`strict`"),
    ("[project]\nallow_delivery = \"yes\"\n", 2, "without quotes"),
    ("[project]\npolicy = \"patint\"\n", 2, "`patint`"),
    ("[project]\r\nname = \"x\"\r\nflws = []\r\n", 3, "`flows`"),
    ("[grants]\n\"mian\" = [\"store.read\"]\n", 2, "`mian`"),
    ("[tools.files]\nroot = [\"data\"]\n", 2, "`roots`"),
    ("[tools.files]\ntimeout = 20\n", 2, "write `\"20\"`"),
];

#[test]
fn one_mistake_in_the_project_file_is_one_message_on_its_line() {
    let mut failures = Vec::new();
    for (text, line, words) in SETTINGS {
        let here = folder(&[("flows/main.flow", "coordinator main() -> int {\n  return 1\n}\n"), ("weir.toml", text)]);
        let report = here.weir(&["check", "--format", "json"]).code(1).json();
        let found: Vec<String> = report["diagnostics"].as_array().unwrap().iter().map(told).collect();
        if !(found.len() == 1 && found[0].starts_with(&format!("{line}: ")) && found[0].contains(words)) {
            failures.push(format!("{text:?} wants {line}: … {words}\n    {}", found.join("\n    ")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Habits of other languages, one a step: each has a line of its own and no other has two.
#[test]
fn habits_of_other_languages_are_told_one_by_one() {
    let steps = [
        ("let a = 1", "needs no `let`"),
        ("b = await now()", "no `await`"),
        ("c = xs.map(x => x + 1)", "write `[… for x in xs]`"),
        ("d = None", "`null`"),
        ("e = True", "`true`"),
        ("f = f\"x {xs}\"", "no prefix"),
        ("while xs { g = 1 }", "`repeat"),
        ("try { now() } catch e { now() }", "`catch {"),
        ("parallel { h = now() }", "side by side"),
        ("throw \"bad\"", "`fail code"),
        ("i = xs ? 1 : 2", "if … then"),
        ("j = xs && true", "`and`"),
        ("print(\"hello\")", "log.write"),
        ("k: int = 5", "write `k = …`"),
        ("switch xs { case 1: return 1 }", "`match"),
    ];
    let body: String = steps.iter().map(|(step, _)| format!("  {step}\n")).collect();
    let here = folder(&[("a.flow", &format!("coordinator main(xs: [int]) -> int {{\n{body}  return 1\n}}\n"))]);
    let report = here.weir(&["check", "--format", "json", "a.flow"]).code(1).json();
    let found: Vec<String> = report["diagnostics"].as_array().unwrap().iter().map(told).collect();
    for ((step, words), line) in steps.iter().zip(2..) {
        let here: Vec<&String> = found.iter().filter(|one| one.starts_with(&format!("{line}: "))).collect();
        assert!(here.len() == 1 && here[0].contains(words), "{step}: {here:?}");
    }
    assert_eq!(found.len(), steps.len(), "{found:?}");
}

#[test]
fn an_argument_behind_a_named_one_is_told_its_name() {
    let flow = "coordinator main(id: string) can store.write {\n  store.delete(collection: \"a\", id)\n}\n";
    let here = folder(&[("a.flow", flow)]);
    let report = here.weir(&["check", "--format", "json", "a.flow"]).code(1).json();
    let found: Vec<String> = report["diagnostics"].as_array().unwrap().iter().map(told).collect();
    assert!(found.len() == 1 && found[0].contains("write `id: id`"), "{found:?}");
}

#[test]
fn odd_files_are_told_and_never_waited_for() {
    let here = folder(&[
        ("crlf.flow", "coordinator main() -> string {\r\n  return nme\r\n}\r\n"),
        ("bom.flow", "\u{feff}coordinator main() -> string {\n  return nme\n}\n"),
        ("turned.flow", "coordinator main() -> string {\n  return \"a\u{202e}b\" // x\n}\n"),
        ("empty.json", ""),
    ]);
    here.weir(&["check", "crlf.flow"]).code(1).prints(&["crlf.flow:2:10", " 3 │ }"]);
    let bom = here.weir(&["check", "bom.flow"]).code(1).prints(&["bom.flow:2:10"]);
    assert!(!bom.stdout.contains('\u{fffd}'), "{}", bom.stdout);
    here.weir(&["check", "turned.flow"]).code(1).prints(&["U+202E", "turned.flow:2:12", "\\u{202E}"]);
    here.weir(&["run", "crlf.flw"]).code(2).says(&["did you mean `crlf.flow`?"]);
    here.weir(&["run", "crlf.flow", "name=x"]).code(2).says(&["--arg name=x"]);
    #[cfg(unix)]
    {
        std::process::Command::new("mkfifo").arg(here.path("pipe.flow")).status().unwrap();
        here.weir(&["check", "pipe.flow"]).code(2).says(&["`pipe.flow` is no file"]);
    }
}
