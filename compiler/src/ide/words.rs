//! What the words of the language mean, for hover and completion: one table.

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Begins a declaration.
    Item,
    /// Begins a declaration: a role.
    Role,
    /// Behind a flow's parameters.
    FlowClause,
    /// Behind a call.
    CallClause,
    /// Begins a step.
    Step,
    /// In an expression.
    Expr,
    /// Behind a tool's parameters.
    ToolAttr,
    /// In a campaign.
    Campaign,
    /// In a test.
    Test,
    /// In a type.
    Type,
}

/// A word of the language.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// Where it stands.
    pub place: Place,
    /// What to insert: a snippet with `$1` for what is to be filled in.
    pub snippet: &'static str,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

const fn word(word: &'static str, place: Place, snippet: &'static str, doc: &'static str) -> Word {
    Word { word, place, snippet, doc }
}

use Place::{CallClause, Campaign, Expr, FlowClause, Item, Role, Step, Test, ToolAttr, Type};

/// Every word that has a meaning of its own.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    word("use", Item, "use ${1:module}.{${2:name}}", "Brings names of another module in."),
    word("const", Item, "const ${1:NAME} = $0", "Names a constant."),
    word("type", Item, "type ${1:Name} = {\n  $0\n}", "Declares a type."),
    word("tool", Item, "tool ${1:server}.${2:name}($3) -> ${4:string} can ${1}.${5:read}", "Declares a tool and its types, for a server that says too little of it, or for a test."),
    word("policy", Item, "policy ${1:name} {\n  ${2:timeout} => retry ${3:3}\n}", "Names what happens on which error, for use `with`."),
    word("campaign", Item, "campaign ${1:name} {\n  every ${2:1h}\n  run $0\n}", "Starts a flow by itself: by clock, event or webhook."),
    word("test", Item, "test \"${1:what is true}\" {\n  $0\n}", "A test: tools are mocked, time is virtual."),

    word("coordinator", Role, "coordinator ${1:name}($2) {\n  $0\n}", "Agents in sequence: fetch, transform, persist, notify. May do anything that it `can`; two writes without undo are a warning. Stops at the first fatal error."),
    word("aggregator", Role, "aggregator ${1:name}($2) -> [${3:Record}] {\n  from $0\n  merge by ${4:it} => ${4}.id\n}", "Many sources at once, merged. Only `from` sources, pure steps and one `merge by`; reads only. An `optional` source that fails leaves the result partial."),
    word("enricher", Role, "enricher ${1:name}(${2:records}: [${3:Record}]) -> [${3}] {\n  for ${4:record} in ${2} {\n    yield { ...${4}, $0 }\n  }\n}", "More fields for upstream records. One `for` over its first parameter, every yield keeps the record's fields; reads only. A failed `optional` field is null and annotated."),
    word("transformer", Role, "transformer ${1:name}(${2:records}: [${3:Record}]) -> [${4:Record}] {\n  for ${5:record} in ${2} {\n    yield $0\n  }\n}", "Deterministic reshaping. Pure: no tools, no clock, no randomness, so it may be called wherever an expression may stand."),
    word("validator", Role, "validator ${1:name}($2) {\n  require $0 else \"${3:reason}\"\n}", "Business rules before heavy work. `require` steps and reads, returns nothing. The flow that `check`s with it ends blocked, with the reason; an error inside is an error, never a pass."),
    word("router", Role, "router ${1:name}($2) {\n  match $3 {\n    $0\n  }\n}", "Chooses a sub-flow by content: reads to decide, then one `match` or `if` whose branches call one flow each. Returns the branch's value."),
    word("executor", Role, "executor ${1:name}($2) -> { id: string } {\n  $0\n}", "One side effect: exactly one write or exec call, with `undo` or `final`; returns its id."),
    word("saga", Role, "saga ${1:name}($2) {\n  $0\n}", "Several side effects, all or none. Every write, exec and send has `undo` or `final`. When a step fails for good, what is done is undone in reverse: it ends `compensated`."),
    word("delivery", Role, "delivery ${1:name}($2) can mail.send {\n  key \"$3\"\n  $0\n}", "Reaching someone: the only role that may send. Its first step is `key`; pure steps and reads; one send. Its value is `{ status: \"sent\" | \"duplicate\" | \"disabled\", id: string? }`."),
    word("scheduler", Role, "scheduler ${1:name}($2) {\n  start $0 after ${3:1d}\n}", "Work for later: only `start … after/at` and pure steps."),
    word("archiver", Role, "archiver ${1:name}($2) can store.write {\n  $0\n}", "Durable audit: writes to a store and is retried. A failure raises an alert, it never loses the envelope."),
    word("monitor", Role, "monitor ${1:name}($2) can log.write {\n  $0\n}", "Telemetry: writes only, never waits, never fails its caller; may `sample`. What fails is dropped and counted."),
    word("agent", Role, "agent ${1:name}($2) -> ${3:string}\n  tools $4\n  budget ${5:20} calls, ${6:5m}\n{\n  prompt \"\"\"\n    $0\n  \"\"\"\n}", "A model decides the calls: only the listed `tools`, within `can` and `budget`; one `prompt`. Its value is untrusted."),

    word("can", FlowClause, "can $0", "Everything that the flow and what it calls may do: `resource.verb`, with `read`, `write`, `send` or `exec`. More than declared is an error, less is a warning."),
    word("timeout", FlowClause, "timeout ${1:10m}", "How long the whole flow may take. Waiting counts."),
    word("limit", FlowClause, "limit ${1:100} per ${2:1h}", "How often it may start in a stretch of time."),
    word("concurrency", FlowClause, "concurrency ${1:4}", "How many of its runs go at once; `by` counts them for each value."),
    word("priority", FlowClause, "priority ${1:5}", "Runs with a larger number go first."),
    word("budget", FlowClause, "budget ${1:500} calls, ${2:10m}", "What the flow may spend: calls (attempts included), time, cost, depth. A spent budget ends it with the code `budget`."),
    word("before", FlowClause, "before $0", "A validator with the flow's own parameters that runs first."),
    word("after", FlowClause, "after $0", "A flow of one `Envelope` that runs when this one ended. Its failure never changes the result."),
    word("on", FlowClause, "on error $0", "`on error flow`: a flow of one `Envelope` that runs when this one failed."),
    word("sample", FlowClause, "sample ${1:10%}", "The share of a monitor's calls that are carried out."),
    word("model", FlowClause, "model \"${1:default}\"", "Which model decides for an agent."),
    word("tools", FlowClause, "tools $0", "What an agent's model may call: tools and flows."),
    word("with", FlowClause, "with $0", "The default policy of the flow's calls."),

    word("retry", CallClause, "retry ${1:5}", "Attempts after the first, with exponential backoff and full jitter; `on` says for which codes, else for the transient ones. Only what is repeatable may be retried on errors after which it may have happened."),
    word("timeout", CallClause, "timeout ${1:5s}", "How long each attempt may take."),
    word("with", CallClause, "with $0", "A named policy for this call."),
    word("catch", CallClause, "catch {\n  ${1:not_found} => ${2:null}\n}", "A value for an error, by its code. `blocked`, `budget` and `unknown` are caught only by name."),
    word("fallback", CallClause, "fallback $0", "The value where the call fails for good."),
    word("optional", CallClause, "optional", "Null where the call fails for good, and the flow's result is `partial`."),
    word("undo", CallClause, "undo $0", "How to take the call back when the saga fails later. The bound name, or `it`, is the call's own result. It is retried until it succeeds, so it must be idempotent."),
    word("final", CallClause, "final", "This cannot be taken back: the point of no return. After it nothing is undone, and what can still fail must handle that."),
    word("key", CallClause, "key \"$0\"", "The idempotency key: a success recorded under it is replayed, never called again."),
    word("until", CallClause, "until ${1:it.done} every ${2:10s} within ${3:1h}", "Repeats a repeatable call until the condition on `it` holds."),
    word("from", CallClause, "from \"$0\"", "Who is asked; in an aggregator, a source."),

    word("require", Step, "require $1 else \"$0\"", "Blocks the flow, with the reason, unless the condition holds."),
    word("check", Step, "check $0", "Runs a validator on a value, and endorses what it looked at."),
    word("return", Step, "return $0", "Ends the flow with a value."),
    word("yield", Step, "yield $0", "Adds a value to the list that the loop gives."),
    word("wait", Step, "wait ${1:2s}", "Waits for a stretch of time, or `until` a moment. The run may rest on disk meanwhile."),
    word("next", Step, "next $0", "The state of a `repeat` for its next round; null ends it."),
    word("drop", Step, "drop \"$0\"", "Leaves the record out, with the reason in the report."),
    word("annotate", Step, "annotate \"$0\"", "Keeps the record and notes something in the report."),
    word("prompt", Step, "prompt \"\"\"\n  $0\n\"\"\"", "What an agent's model is told."),
    word("merge", Step, "merge by ${1:one} => ${1}.$0", "Joins an aggregator's sources by a key; `prefer` says which wins."),

    word("if", Expr, "if $1 {\n  $0\n}", "A branch: `if c { … } else { … }` of steps, or `if c then a else b` of values."),
    word("else", Expr, "else", "What holds otherwise."),
    word("then", Expr, "then", "The value where the condition holds."),
    word("match", Expr, "match $1 {\n  $0\n}", "Chooses by constant; a `match` without `else` that misses a case does not compile."),
    word("for", Expr, "for ${1:x} in ${2:xs} {\n  $0\n}", "One round for each element, in order; with `parallel n` up to n at once. Its value is the list of what it yields."),
    word("parallel", Expr, "parallel ${1:4}", "How many rounds of a `for` go at once."),
    word("repeat", Expr, "repeat ${1:state} = ${2:null} at most ${3:50} {\n  $0\n}", "A loop with state and a maximum; a loop that reaches it marks the flow partial."),
    word("ask", Expr, "ask \"$1\" as { approved: bool } from \"$2\" timeout ${3:1d} fallback { approved: false }", "Asks a person and waits. The answer is trusted."),
    word("receive", Expr, "receive \"$1\" as { $2 } key $3 timeout ${4:1d} fallback null", "Waits for an event by name and key. What it brings is untrusted."),
    word("start", Expr, "start $0", "Starts a flow that runs on its own, now, `after` a stretch of time or `at` a moment. The value is the run's id."),
    word("block", Expr, "block \"$0\"", "Ends the flow as blocked."),
    word("fail", Expr, "fail \"$0\"", "Ends the flow with an error."),
    word("not", Expr, "not $0", "The opposite."),
    word("as", Expr, "as $0", "`x as T` is checked when it runs; `x as? T` gives null where it does not fit."),

    word("can", ToolAttr, "can $0", "What a call of the tool does: `resource.verb`, with `read`, `write`, `send` or `exec`."),
    word("idempotent", ToolAttr, "idempotent", "Calling again with the same arguments changes nothing more, so it may be repeated."),
    word("accepts", ToolAttr, "accepts key $0", "The tool itself recognises a repeated key, in this parameter, which flows do not fill in."),
    word("costs", ToolAttr, "costs ${1:0.01}", "What a call costs, for budgets."),
    word("fails", ToolAttr, "fails $0", "Error codes of its own."),

    word("cron", Campaign, "cron \"${1:0 9 * * MON}\"", "Starts by the calendar."),
    word("every", Campaign, "every ${1:15m}", "Starts each time so much has passed."),
    word("run", Campaign, "run $0", "The flow that is started, with its arguments."),
    word("overlap", Campaign, "overlap ${1|skip,queue,allow|}", "What happens when the last run still goes."),
    word("flag", Campaign, "flag \"$0\"", "Starts only while this flag is on."),

    word("mock", Test, "mock $1 => $0", "What a tool answers in this test."),
    word("expect", Test, "expect $0", "What must be true."),
    word("answer", Test, "answer \"$1\" => $0", "Answers an `ask`."),
    word("signal", Test, "signal \"$1\" => $0", "Sends an event."),
    word("crash", Test, "crash after $0", "Kills the engine there and resumes it."),

    word("trusted", Type, "trusted $0", "Must not be steered by outsiders: a recipient, a path, a command, an amount."),
    word("untrusted", Type, "untrusted $0", "An outsider may have written it. It reaches a trusted parameter only after `check`."),
    word("secret", Type, "secret $0", "Events, logs, audit and pages show it as `•••`."),
    word("matching", Type, "matching /$0/", "A text that the pattern matches."),
    word("map", Type, "map<$0>", "Values by text."),
];

/// What only tests may ask, and what it gives.
pub const ASKED: [(&str, &str); 2] = [
    ("calls", "The arguments of each call of a tool so far, in order; a call that was tried again counts once."),
    ("attempts", "How often a tool was called so far: a call that was tried again counts for how often it was tried."),
];

/// The base types.
pub const BASE_TYPES: [(&str, &str); 10] = [
    ("string", "Text."),
    ("int", "A whole number of 64 bits."),
    ("number", "A double."),
    ("decimal", "An exact decimal number of 28 digits, for money."),
    ("bool", "`true` or `false`."),
    ("json", "The unknown: any value fits it, and it fits nothing until it is cast with `as`."),
    ("time", "An instant, RFC 3339 in UTC."),
    ("date", "A calendar day."),
    ("duration", "A stretch of time, such as `1h30m`."),
    ("null", "Nothing."),
];

/// The error codes of the language, and what each means.
pub const CODES: [(&str, &str); 12] = [
    ("timeout", "It took too long. Transient."),
    ("rate_limited", "The tool wants fewer calls. Transient; it did not happen."),
    ("unavailable", "The tool cannot be reached. Transient."),
    ("bad_response", "The result does not fit its schema."),
    ("invalid_input", "An argument does not fit."),
    ("permission", "It is not allowed."),
    ("not_found", "There is no such thing."),
    ("conflict", "It is in another state, or the key was used with other arguments."),
    ("blocked", "A rule said no. Caught only by name."),
    ("budget", "The budget is spent. Caught only by name."),
    ("unknown", "It may have happened. Caught only by name, to look the result up."),
    ("failed", "Anything else."),
];

/// The meaning of a word; those of the place come first.
pub fn meaning(word: &str, places: &[Place]) -> Option<&'static Word> {
    let all = || WORDS.iter().filter(|one| one.word == word);
    all().find(|one| places.contains(&one.place)).or_else(|| all().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_contract() {
        for (role, _) in weir_lang::ast::Role::ALL {
            assert!(WORDS.iter().any(|word| word.place == Place::Role && word.word == role), "{role}");
        }
    }
}
