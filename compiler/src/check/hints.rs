//! Every diagnostic about what works but cannot be meant: unused, unreachable, always the same, easily mistaken.

use weir_lang::diagnostic::Diagnostic;
use weir_lang::rules::Rule;
use weir_lang::span::Loc;

pub fn unused_parameter(loc: Loc, name: &str, flow: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnusedParameter, loc, format!("`{flow}` never reads its parameter `{name}`"))
        .help(format!("use it, take it out here and at the calls, or call it `_{name}`"))
}

pub fn unused_import(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnusedDeclaration, loc, format!("`{name}` is brought in and never used"))
        .help("take it out of the `use`")
}

pub fn unused_declaration(loc: Loc, what: &str, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnusedDeclaration, loc, format!("nothing in this project uses the {what} `{name}`"))
        .help("use it, or take it out")
}

pub fn unreachable_step(loc: Loc, leaves: Loc) -> Diagnostic {
    Diagnostic::new(Rule::UnreachableStep, loc, "this step never runs: the one before it always leaves")
        .label(leaves, "what stands behind this is not reached")
        .help("take it out, or move it before the step that leaves")
}

pub fn constant_condition(loc: Loc, holds: bool, why: &str) -> Diagnostic {
    Diagnostic::new(Rule::ConstantCondition, loc, format!("this is always {holds}: {why}"))
        .help("ask what can differ, or take the condition out")
}

pub fn never_null_default(loc: Loc, left: Loc) -> Diagnostic {
    Diagnostic::new(Rule::ConstantCondition, loc, "this is never used: what stands before `??` is never null")
        .label(left, "never null")
        .help("take it out")
}

pub fn never_null_field(loc: Loc) -> Diagnostic {
    Diagnostic::new(Rule::ConstantCondition, loc, "`?.` is not needed: what stands before it is never null")
        .help("write `.`")
}

pub fn literal_dollar(loc: Loc, inner: &str) -> Diagnostic {
    Diagnostic::new(Rule::LiteralDollar, loc, "`$` before `{` stays in the text")
        .help(format!("write `{{{inner}}}`; where a dollar sign is meant, `\\u{{24}}{{{inner}}}`"))
}

pub fn lookalike(loc: Loc, word: &str, sign: char, plain: &str) -> Diagnostic {
    let code = sign as u32;
    Diagnostic::new(Rule::LookalikeName, loc, format!("`{word}` has a letter (U+{code:04X}) that only looks plain"))
        .help(format!("write `{plain}` with plain letters, unless this is meant"))
}

pub fn invisible(loc: Loc, sign: char) -> Diagnostic {
    let code = sign as u32;
    Diagnostic::new(Rule::LookalikeName, loc, format!("a character that cannot be seen (U+{code:04X}) stands here"))
        .help(format!("take it out; in a text, write it as `\\u{{{code:X}}}`"))
}

/// `place`: "a log line", …
pub fn secret_exposed(loc: Loc, place: &str) -> Diagnostic {
    Diagnostic::new(Rule::SecretExposed, loc, format!("a secret becomes part of {place}"))
        .help("pass it only to the tool that needs it, or something that does not give it away: `sha256(…)`")
}

pub fn constant_delivery_key(loc: Loc, flow: &str) -> Diagnostic {
    Diagnostic::new(Rule::ConstantKey, loc, format!("this key is the same for everything that `{flow}` delivers"))
        .help("build it from a parameter that tells one delivery from another; a known key sends nothing")
}

pub fn constant_key(loc: Loc, key: Loc, what: &str) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Rule::ConstantKey, loc, format!("the key of {what} is the same in every round of this loop"));
    let diagnostic = if key == loc { diagnostic } else { diagnostic.label(key, "its key") };
    diagnostic.help("build the key from what differs between the rounds; a known key is not called again")
}

/// `way`: the flows and the tool by which the capability is reached, nearest first.
pub fn missing_grant(loc: Loc, entry: &str, capability: &str, way: &str) -> Diagnostic {
    let why = match capability.ends_with(".exec") {
        true => "; running code is granted by name only",
        false => "",
    };
    let message = format!("`{entry}` is not granted `{capability}`, which {way} needs: every run is refused{why}");
    Diagnostic::new(Rule::MissingGrant, loc, message)
        .help(format!("add `{capability}` to its entry in `[grants]` of `weir.toml`"))
}

/// `near`: a path of `[webhooks]` that may be meant.
pub fn unserved_webhook(loc: Loc, path: &str, near: Option<&str>) -> Diagnostic {
    let message = format!("nobody can call `{path}`: weir.toml does not say what a call of it has to prove");
    let diagnostic = Diagnostic::new(Rule::UnservedWebhook, loc, message);
    match near {
        Some(near) => diagnostic.help(format!("weir.toml has `[webhooks.\"{near}\"]`: did you mean `{near}`?")),
        None => diagnostic.help(format!("add `[webhooks.\"{path}\"]` with `secret = \"env:NAME\"` to weir.toml")),
    }
}

pub fn unused_grant(loc: Loc, entry: &str, capability: &str) -> Diagnostic {
    let message = format!("`{entry}` is granted `{capability}`, and never needs it");
    Diagnostic::new(Rule::UnusedGrant, loc, message).help("take it out: a grant should be no wider than the flow")
}

pub fn unused_suppression(loc: Loc, rule: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnusedSuppression, loc, format!("`{rule}` is not broken here, so this allows nothing"))
        .help("take the comment out")
}

pub fn suppressed_error(loc: Loc, rule: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnusedSuppression, loc, format!("`{rule}` is an error, and errors cannot be allowed"))
        .help("mend it, and take the comment out")
}

pub fn unknown_suppression(loc: Loc, rule: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::UnusedSuppression, loc, format!("there is no rule `{rule}`"));
    match near {
        Some(near) => diagnostic
            .help(format!("did you mean `{near}`?"))
            .fix(format!("replace with `{near}`"), vec![(loc, near.to_string())]),
        None => diagnostic.help("`weir explain` lists the rules"),
    }
}

pub fn missing_reason(loc: Loc) -> Diagnostic {
    Diagnostic::new(Rule::MissingReason, loc, "this does not say why the rule may be broken here")
        .help("write the reason behind the bracket: `// weir: allow(rule) because …`")
}
