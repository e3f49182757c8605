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
    ("else => fail", "else => fial", 17, "final"),
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
