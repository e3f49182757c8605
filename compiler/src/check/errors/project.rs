//! Diagnostics about `weir.toml`, the lock file, files of MCP servers, and tools that they bring.

use super::{brief, nearest, suggest};
use weir_lang::diagnostic::{Diagnostic, Severity};
use weir_lang::rules::Rule;
use weir_lang::span::Loc;
use weir_lang::types::Type;

pub fn config_form(loc: Loc, key: &str, text: &str, form: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidProject, loc, format!("`{text}` is no `{key}`")).help(form)
}

pub fn config_code(loc: Loc, code: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::InvalidProject, loc, format!("`{code}` is no error code"));
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("write a code of the language, such as `conflict`, or one of your own `like_this`"),
    }
}

pub fn config_of_builtin(loc: Loc, key: &str, tool: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidProject, loc, format!("`{tool}` is built in and says itself what its `{key}` is"))
        .help(format!("declare it in a flow file to change that: `tool {tool}(…) …`"))
}

pub fn two_servers(loc: Loc, server: &str, first: &str, second: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidProject, loc, format!("`{server}` has both `{first}` and `{second}`"))
        .help("a section is one server: make a section for each")
}

pub fn same_instance(loc: Loc, server: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidProject, loc, format!("two instances of `{server}` have the same address"))
        .help("each instance is a server of its own: leave one out")
}

pub fn config_key_header(loc: Loc, tool: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidProject, loc, format!("`{tool}` is not called over HTTP, so it gets no headers"))
        .help("name the parameter that takes the key: `accepts_key = \"request_id\"`")
}

pub fn config_capability(loc: Loc, text: &str, example: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidProject, loc, format!("`{text}` is no capability"))
        .help(format!("write a resource and a verb (`read`, `write`, `send` or `exec`), such as `{example}`"))
}

pub fn config_parameter(loc: Loc, tool: &str, name: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::InvalidProject, loc, format!("`{tool}` has no parameter `{name}`"));
    suggest(diagnostic, near, &format!("`weir tools show {tool}` shows those that it has"))
}

pub fn invalid_lock(loc: Loc, message: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidLock, loc, format!("the lock file cannot be used: {message}")).help(
        match message.starts_with("written by a newer") {
            true => "update weir, or run `weir tools sync` to write it anew",
            false => "run `weir tools sync` to write it anew",
        },
    )
}

pub fn server_name_taken(loc: Loc, server: &str) -> Diagnostic {
    let why = if server.contains('.') { "holds a dot, which parts server and tool" } else { "is a built-in server" };
    Diagnostic::new(Rule::InvalidProject, loc, format!("`{server}` {why}"))
        .help("give the server another name in `weir.toml`, and run `weir tools sync`")
}

pub fn lock_without_server(loc: Loc, server: &str) -> Diagnostic {
    Diagnostic::new(Rule::StaleLock, loc, format!("`{server}` is locked, but no longer configured"))
        .help(format!("add `[tools.{server}]` to `weir.toml`, or run `weir tools sync` to drop it"))
}

pub fn unusable_tool(loc: Loc, tool: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnusableTool, loc, format!("`{tool}` cannot be called: {why}"))
        .help("leave it out with `deny` in `weir.toml`, or ask its makers for another schema")
}

pub fn call_of_unusable(loc: Loc, tool: &str, why: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnknownTool, loc, format!("`{tool}` cannot be called: {why}"))
        .help("ask its makers for another schema; until then call another tool")
}

pub fn call_of_denied(loc: Loc, tool: &str, server: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnknownTool, loc, format!("`{tool}` is denied in `weir.toml`"))
        .help(format!("take it out of `deny` in `[tools.{server}]` to allow it"))
}

pub fn call_of_unlocked(loc: Loc, tool: &str, server: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnknownTool, loc, format!("`{tool}` is not known: nobody has asked `{server}` for its tools"))
        .help("run `weir tools sync`, which writes them to `weir.lock.json`")
}

pub fn contradicts_parameter(loc: Loc, tool: &str, name: &str, near: Option<&str>) -> Diagnostic {
    let message = format!("the schema of `{tool}` has no parameter `{name}`");
    suggest(Diagnostic::new(Rule::ContradictsSchema, loc, message), near, "leave it out: the server would not know it")
}

pub fn contradicts_required(loc: Loc, tool: &str, name: &str, ty: &Type) -> Diagnostic {
    Diagnostic::new(Rule::ContradictsSchema, loc, format!("the schema of `{tool}` requires `{name}`"))
        .help(format!("add `{name}: {}`", brief(ty)))
}

pub fn contradicts_optional(loc: Loc, tool: &str, name: &str) -> Diagnostic {
    Diagnostic::new(
        Rule::ContradictsSchema,
        loc,
        format!("the schema of `{tool}` requires `{name}`, so it cannot be left out"),
    )
    .help(format!("write `{name}: …` without the question mark"))
}

pub fn contradicts_type(loc: Loc, what: &str, schema: &Type, declared: &Type) -> Diagnostic {
    let message = format!(
        "no value of {what} is both `{}`, as declared, and `{}`, as its schema says",
        brief(declared),
        brief(schema)
    );
    Diagnostic::new(Rule::ContradictsSchema, loc, message).help("declare a type that the schema allows")
}

pub fn invalid_project(loc: Loc, message: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::InvalidProject, loc, message);
    match near {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

pub fn config_duration(loc: Loc, text: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidProject, loc, format!("`{text}` is no duration"))
        .help("write `200ms`, `5s`, `1h30m`, `3d` or `1w`")
}

/// What the reader of the project file says, with a did-you-mean for a key that it does not know.
pub fn unreadable_project(loc: Loc, message: &str) -> Diagnostic {
    if let Some((found, wanted)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    {
        return wrong_kind_of_value(loc, found, wanted);
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let near = names.next().and_then(|unknown| nearest(unknown, names)).map(str::to_string);
    let short = if near.is_some() { message.split(", expected").next().unwrap_or(message) } else { message };
    suggest(
        Diagnostic::new(
            Rule::InvalidProject,
            loc,
            short.replace("unknown field", "there is no key").replace("unknown variant", "there is no"),
        ),
        near.as_deref(),
        "",
    )
}

/// `flows = "flows"`, as the reader of the file puts it: ``string "flows"`` where it wants `a sequence`.
fn wrong_kind_of_value(loc: Loc, found: &str, wanted: &str) -> Diagnostic {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    let value = value.trim_matches('`');
    let found = match kind {
        "string" => format!("the text `{value}`"),
        "map" => "a table".to_string(),
        "sequence" => "a list".to_string(),
        _ if value.is_empty() => format!("a {kind}"),
        _ => format!("`{}`", value.trim_start_matches("point ").trim_matches('`')),
    };
    let (wanted, help) = match wanted {
        "a sequence" if !value.is_empty() => ("a list", format!("write `[{value}]`")),
        "a sequence" => ("a list", "write `[…]`".to_string()),
        "a string" if !value.is_empty() => ("a text", format!("write `\"{value}\"`")),
        "a string" => ("a text", "write `\"…\"`".to_string()),
        "a boolean" => ("`true` or `false`", "write it without quotes".to_string()),
        "a map" => ("a table", "write `{ … }`, or a section of its own".to_string()),
        other => (other, String::new()),
    };
    let diagnostic =
        Diagnostic::new(Rule::InvalidProject, loc, format!("{wanted} is wanted here, and {found} is none"));
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

/// A file like `.mcp.json`. A mistake that leaves the rest as it is does not keep flows from running.
pub fn invalid_mcp_file(loc: Loc, message: &str, help: &str, harmless: bool) -> Diagnostic {
    let mut diagnostic = Diagnostic::new(Rule::InvalidProject, loc, message).help(help);
    if harmless {
        diagnostic.severity = Severity::Warning;
    }
    diagnostic
}
