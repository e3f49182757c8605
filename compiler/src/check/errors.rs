//! Every diagnostic of the checker, each built by one named function, so that messages can be read side by side.

mod project;

pub use super::distrust::{endorses_by_form, untrusted_choice, untrusted_to_trusted};
pub use super::lacking::{also_undeclared, misspelt_capability, undeclared_capability, unused_capability};
pub use project::*;

use super::outline::SiteKind;
use ecow::EcoString;
use std::cell::Cell;
use std::fmt::Write;
use weir_lang::diagnostic::Diagnostic;
use weir_lang::rules::Rule;
use weir_lang::span::Loc;
use weir_lang::types::{Mismatch, Type, Why};

/// How much work all searches of one check may take together, in letters compared: enough for hundreds of unknown names
/// in a project of thousands, and never more than a part of a second.
const MOST_SEARCHED: usize = 40_000_000;

/// How many cases of a type a message looks through for the one that was meant.
const MOST_LITERALS: usize = 64;

/// The nearest of `known` to `name`, if it is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_while(name, known, &Cell::new(0))
}

/// The same, as long as not too much was searched before: a file that is made to hurt has thousands of unknown names
/// among thousands of known ones. `searched`: the work done, which grows.
pub fn nearest_while<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    searched: &Cell<usize>,
) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let (length, letters) = (lower.chars().count(), letters(&lower));
    let most = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for one in known.into_iter().filter(|one| !one.is_empty()) {
        if searched.get() > MOST_SEARCHED {
            return None;
        }
        searched.set(searched.get() + one.len());
        // Names of another length or with other letters are not looked at closely: a project has thousands of them.
        let apart = (letters ^ self::letters(one)).count_ones() as usize;
        if one.len().abs_diff(lower.len()) > 4 * most || apart > 2 * most {
            continue;
        }
        searched.set(searched.get() + lower.len() * one.len());
        let distance = strsim::osa_distance(&lower, &one.to_lowercase());
        // Another letter is another name, not a misspelt one.
        if distance <= most && distance < length && best.is_none_or(|(had, _)| distance < had) {
            best = Some((distance, one));
        }
    }
    best.map(|(_, one)| one)
}

/// Which letters and digits stand in a name, a bit each.
fn letters(name: &str) -> u64 {
    name.bytes().fold(0, |bits, byte| bits | 1 << (byte.to_ascii_lowercase() % 64))
}

/// Adds a did-you-mean with its fix, or `otherwise` as help.
pub(super) fn suggest(diagnostic: Diagnostic, near: Option<&str>, otherwise: &str) -> Diagnostic {
    let loc = diagnostic.loc();
    match near {
        Some(near) => diagnostic
            .help(format!("did you mean `{near}`?"))
            .fix(format!("replace with `{near}`"), vec![(loc, near.to_string())]),
        None if otherwise.is_empty() => diagnostic,
        None => diagnostic.help(otherwise),
    }
}

pub fn duplicate_name(loc: Loc, name: &str, first: Loc) -> Diagnostic {
    Diagnostic::new(Rule::DuplicateName, loc, format!("`{name}` is already the name of something here"))
        .label(first, "first here")
        .help("give one of the two another name")
}

pub fn base_type_taken(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::DuplicateName, loc, format!("`{name}` is the name of a base type"))
        .help("type names of your own are written `LikeThis`")
}

pub fn module_and_tool(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::DuplicateName, loc, format!("`{name}` is a module and a tool server"))
        .help("rename the file or the tool server, so that `a.b(…)` can mean one thing only")
}

pub fn tool_declared_twice(loc: Loc, name: &str, first: Loc) -> Diagnostic {
    Diagnostic::new(Rule::DuplicateName, loc, format!("the tool `{name}` is declared twice"))
        .label(first, "first declared here")
        .help("a declaration holds for the whole project: keep one of them")
}

pub fn shadowed_name(loc: Loc, name: &str, outer: Loc) -> Diagnostic {
    Diagnostic::new(Rule::ShadowedName, loc, format!("`{name}` hides a value of the same name"))
        .label(outer, "this one cannot be reached below")
        .help("give it a name of its own")
}

pub fn unknown_module(loc: Loc, name: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::UnknownName, loc, format!("there is no module `{name}`"));
    suggest(diagnostic, near, "a module is a `.flow` file under the project's `flows` folders, named after its path")
}

pub fn unknown_import(loc: Loc, module: &str, name: &str, near: Option<&str>) -> Diagnostic {
    suggest(Diagnostic::new(Rule::UnknownName, loc, format!("`{module}` declares no `{name}`")), near, "")
}

pub fn import_cycle(loc: Loc, names: &[EcoString]) -> Diagnostic {
    let text = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" uses ");
    Diagnostic::new(Rule::ImportCycle, loc, format!("modules use each other in a circle: {text}"))
        .help("move what both need into a third module")
}

pub fn unknown_name(loc: Loc, name: &str, near: Option<&str>) -> Diagnostic {
    let near = match name {
        "None" | "nil" | "undefined" | "NULL" | "Null" => Some("null"),
        "True" | "TRUE" => Some("true"),
        "False" | "FALSE" => Some("false"),
        _ => near,
    };
    suggest(Diagnostic::new(Rule::UnknownName, loc, format!("nothing here is called `{name}`")), near, "")
}

pub fn no_event(loc: Loc) -> Diagnostic {
    Diagnostic::new(Rule::UnknownName, loc, "this campaign has no `event`: it is started by a clock")
        .help("start it `on event \"name\" as T`, or pass a value of your own")
}

pub fn unknown_source(loc: Loc, name: &str, near: Option<&str>) -> Diagnostic {
    suggest(Diagnostic::new(Rule::UnknownName, loc, format!("no `from … as {name}` stands above")), near, "")
}

pub fn out_of_block(loc: Loc, name: &str, bound: Loc) -> Diagnostic {
    Diagnostic::new(Rule::UnknownName, loc, format!("`{name}` is known only in the block where it is bound"))
        .label(bound, "bound here")
        .help(format!("let the block give the value: `{name} = if … {{ … }} else {{ … }}`"))
}

pub fn not_callable(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnknownName, loc, format!("`{name}` is a value, not a flow or function"))
        .help("only flows, tools and library functions can be called")
}

pub fn not_called(loc: Loc, path: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnknownName, loc, format!("`{path}` is something to call, not a value"))
        .help(format!("call it: `{path}(…)`"))
}

pub fn not_a_value(loc: Loc, name: &str, what: &str) -> Diagnostic {
    let help = match what {
        "type" => format!("a type stands behind `:`, `->` or `as`: `x as {name}`"),
        "policy" => format!("a policy stands behind `with`: `with {name}`"),
        "module" => format!("name something in it: `{name}.…`"),
        _ => format!("call it: `{name}(…)`"),
    };
    Diagnostic::new(Rule::UnknownName, loc, format!("`{name}` is a {what}, not a value")).help(help)
}

pub fn unknown_type(loc: Loc, name: &str, near: Option<&str>) -> Diagnostic {
    let known = "base types are `string int number decimal bool null json time date duration`";
    let meant = match name.to_lowercase().as_str() {
        "str" | "text" | "char" | "varchar" | "uuid" | "url" | "email" => Some("string"),
        "integer" | "long" | "i32" | "i64" | "u32" | "u64" | "int64" => Some("int"),
        "float" | "double" | "f64" | "real" => Some("number"),
        "boolean" => Some("bool"),
        "any" | "object" | "unknown" | "dict" => Some("json"),
        "datetime" | "timestamp" | "instant" => Some("time"),
        "money" | "currency" | "bigdecimal" => Some("decimal"),
        "void" | "none" | "nil" | "undefined" | "unit" => Some("null"),
        _ => None,
    };
    let diagnostic = Diagnostic::new(Rule::UnknownName, loc, format!("there is no type `{name}`"));
    match name.to_lowercase().as_str() {
        "list" | "array" | "vec" | "set" => diagnostic.help("a list is written `[T]`"),
        "map" | "record" | "hashmap" => diagnostic.help("a map is written `map<T>`, a record `{ name: T }`"),
        "promise" | "optional" | "option" => diagnostic.help("write the type itself, or `T?` where it may be null"),
        _ => suggest(diagnostic, meant.or(near), known),
    }
}

/// `leads.filter(…)`: a method of a value.
pub fn no_method(loc: Loc, value: &str, method: &str) -> Diagnostic {
    let help = super::habits::habit(method, value)
        .unwrap_or_else(|| format!("functions are called with the value first: `{method}({value}, …)`"));
    Diagnostic::new(Rule::UnknownName, loc, format!("`{value}` is a value, and values have no methods")).help(help)
}

pub fn type_of_itself(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::TypeMismatch, loc, format!("the type `{name}` is itself, with nothing around it"))
        .help("a type may contain itself in a record, a list or a map: `{ children: [Tree] }`")
}

/// Wide records that are spread again and again.
pub fn types_too_large(loc: Loc, most: usize) -> Diagnostic {
    Diagnostic::new(
        Rule::TooLarge,
        loc,
        format!("the types of values have grown to more than {most} cases together; a field counts as four"),
    )
    .help("put the fields that belong together into a record of their own, and that into a field; say what a value is that has many cases: `string`")
}

pub fn needs_too_large(loc: Loc, most: usize) -> Diagnostic {
    let message = format!("the flows need more than {most} capabilities together, through the flows that they call");
    Diagnostic::new(Rule::TooLarge, loc, message).help("give tools that belong together one `can`")
}

pub fn unions_too_wide(loc: Loc) -> Diagnostic {
    Diagnostic::new(Rule::TooLarge, loc, "types of many cases are compared too often")
        .help("tell fewer cases apart: `string` and `json` hold anything")
}

/// A name for a name for a name.
pub fn type_chain(loc: Loc, name: &str, most: usize) -> Diagnostic {
    Diagnostic::new(
        Rule::TooDeep,
        loc,
        format!("`{name}` is a name for a type that is a name for another, more than {most} times"),
    )
    .help("let it name the last of them")
}

pub fn type_without_values(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(
        Rule::TypeMismatch,
        loc,
        format!("`{name}` can have no value: each would contain another without end"),
    )
    .help("let it end: make the field optional, or a list: `{ parent?: Tree }`, `{ children: [Tree] }`")
}

pub fn unknown_flow(loc: Loc, name: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::UnknownName, loc, format!("there is no flow or function `{name}`"));
    match super::habits::habit(name, "xs") {
        Some(help) => diagnostic.help(help),
        None => suggest(diagnostic, near, ""),
    }
}

pub fn unknown_policy(loc: Loc, name: &str, near: Option<&str>) -> Diagnostic {
    let help = format!("declare it: `policy {name} {{ … }}`");
    suggest(Diagnostic::new(Rule::UnknownName, loc, format!("there is no policy `{name}`")), near, &help)
}

pub fn unknown_tool(loc: Loc, name: &str, server_known: bool, near: Option<&str>) -> Diagnostic {
    let server = name.split('.').next().unwrap_or(name);
    let (message, help) = if server_known {
        (format!("`{server}` has no tool `{name}`"), format!("`weir tools list` shows the tools of `{server}`"))
    } else {
        (
            format!("there is no tool server or module `{server}`"),
            format!(
                "add `[tools.{server}]` to `weir.toml`, or declare it: `tool {name}(…) -> {{ … }} can {server}.read`"
            ),
        )
    };
    suggest(Diagnostic::new(Rule::UnknownTool, loc, message), near, &help)
}

pub fn unknown_field(loc: Loc, name: &str, ty: &Type, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::UnknownField, loc, format!("there is no field `{name}` in `{}`", brief(ty)));
    suggest(diagnostic, near, "")
}

pub fn undeclared_field(loc: Loc, name: &str, ty: &Type, near: Option<&str>) -> Diagnostic {
    let message = format!("`{}` declares no field `{name}`", brief(ty));
    suggest(Diagnostic::new(Rule::UnknownField, loc, message), near, "leave it out, or declare it in the type")
}

pub fn field_of_json(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::TypeMismatch, loc, format!("the field `{name}` of a `json` value is not known"))
        .help("say what it is first: `(x as { … }).field`; the cast is checked when it runs")
}

pub fn untyped_result(loc: Loc, tool: &str, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::UntypedResult, loc, format!("`{tool}` declares no result, so `{name}` is not known"))
        .help(format!("declare it over the server's: `tool {tool}(…) -> {{ {name}: … }}`, or cast: `x as {{ … }}`"))
}

pub fn field_of_null(loc: Loc, name: &str, ty: &Type, path: &str) -> Diagnostic {
    Diagnostic::new(Rule::TypeMismatch, loc, format!("this can be null, so it may have no `{name}`"))
        .here(format!("its type is `{}`", brief(ty)))
        .help(format!("write `?.{name}`, or check it first: `require {path} != null else \"…\"`"))
}

pub fn missing_argument(loc: Loc, callee: &str, name: &str, ty: &Type) -> Diagnostic {
    Diagnostic::new(Rule::MissingArgument, loc, format!("`{callee}` needs `{name}`")).help(format!(
        "add `{name}: …`, {} `{}`",
        article(&brief(ty)),
        brief(ty)
    ))
}

/// How many names a message lists.
pub const MOST_NAMED: usize = 40;

/// Names for a message, cut where they are many.
pub fn listed(names: impl Iterator<Item = String>, between: &str) -> String {
    let mut names = names;
    let mut list = names.by_ref().take(MOST_NAMED).collect::<Vec<_>>().join(between);
    if names.next().is_some() {
        list.push_str(between);
        list.push('…');
    }
    list
}

/// `a` or `an`.
pub fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

pub fn unknown_argument(loc: Loc, callee: &str, name: &str, near: Option<&str>, known: &str) -> Diagnostic {
    let message = format!("`{callee}` has no parameter `{name}`");
    let help = if known.is_empty() { "it takes none".to_string() } else { format!("it takes {known}") };
    suggest(Diagnostic::new(Rule::UnknownArgument, loc, message), near, &help)
}

pub fn too_many_arguments(loc: Loc, callee: &str, most: usize) -> Diagnostic {
    let count = match most {
        0 => "no arguments".to_string(),
        1 => "one argument".to_string(),
        _ => format!("{most} arguments"),
    };
    Diagnostic::new(Rule::UnknownArgument, loc, format!("`{callee}` takes {count}")).help("leave this one out")
}

/// `f(a: 1, b)` where `b` is the name of a parameter, and of a value.
pub fn argument_without_name(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnknownArgument, loc, "an argument behind a named one has its name too")
        .help(format!("write `{name}: {name}`"))
        .fix(format!("write `{name}: {name}`"), super::fixes::insert(loc, format!("{name}: ")))
}

pub fn argument_twice(loc: Loc, callee: &str, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnknownArgument, loc, format!("`{name}` is given to `{callee}` twice")).help("leave one out")
}

/// A value that does not fit. `context` says what wants it, e.g. ``the argument `q` of `crm.search` ``.
pub fn mismatch(loc: Loc, wrong: &Mismatch, context: &str) -> Diagnostic {
    let path = field_path(&wrong.path);
    let (found, expected) = (brief(&wrong.found), brief(&wrong.expected));
    let at = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
    let rule = if wrong.why == Why::Constant { Rule::InvalidConstant } else { Rule::TypeMismatch };
    let message = match wrong.why {
        Why::MissingField => {
            let name = wrong.path.last().map(|name| name.as_str()).unwrap_or("it");
            format!("{context} wants a field `{name}: {expected}`, which is missing")
        }
        Why::Constant if matches!(wrong.expected, Type::Union(_) | Type::Literal(_)) => {
            format!("{context} wants `{expected}`, found `{found}`{at}")
        }
        Why::Constant => format!("{context} wants `{expected}`, and `{found}` is outside{at}"),
        _ => format!("{context} wants `{expected}`, found `{found}`{at}"),
    };
    let diagnostic = Diagnostic::new(rule, loc, message);
    match wrong.why {
        Why::Null if wrong.found == Type::Null => diagnostic.help("this is always null"),
        Why::Null => diagnostic.help("it can be null: use `?? …`, or check it first with `require … != null`"),
        Why::Unknown => diagnostic.help(format!("cast it: `… as {expected}`; the cast is checked when it runs")),
        Why::MissingField => {
            let name = wrong.path.last().map(|name| name.as_str()).unwrap_or("it");
            diagnostic.help(format!("add `{name}: …`, or make it optional in the type: `{name}?: …`"))
        }
        Why::Kind => match convert_help(&wrong.found, &wrong.expected) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        },
        Why::Constant => {
            let known = match &wrong.expected {
                Type::Union(members) => members.iter().take(MOST_LITERALS).map(Type::to_string).collect(),
                other => vec![other.to_string()],
            };
            match nearest(&wrong.found.to_string(), known.iter().map(String::as_str)) {
                Some(near) => suggest(diagnostic, Some(near), ""),
                None => diagnostic,
            }
        }
    }
}

fn convert_help(found: &Type, expected: &Type) -> Option<&'static str> {
    let text = |ty: &Type| matches!(ty.base(), Type::String(_));
    match (found, expected) {
        (found, Type::Int(_)) if text(found) => Some("`parse_int(…)` reads it, null when it is none"),
        (found, Type::Number(_)) if text(found) => Some("`parse_number(…)` reads it, null when it is none"),
        (found, Type::Decimal(_)) if text(found) => Some("`parse_decimal(…)` reads it, null when it is none"),
        (found, Type::Time) if text(found) => Some("`parse_time(…)` reads it, null when it is none"),
        (found, Type::Date) if text(found) => Some("`parse_date(…)` reads it, null when it is none"),
        (Type::Number(_), Type::Int(_)) => Some("`round(…)`, `floor(…)` and `ceil(…)` give an `int`"),
        (Type::Int(_) | Type::Number(_) | Type::Decimal(_), expected) if text(expected) => {
            Some("write it into a text: `\"{x}\"`")
        }
        (Type::List(_), _) => Some("it is a list: `first(…)`, `xs[0]`, or a loop takes elements"),
        _ => None,
    }
}

fn field_path(path: &[EcoString]) -> String {
    let mut out = String::new();
    for part in path {
        if part != "[]" && !out.is_empty() {
            out.push('.');
        }
        out.push_str(part);
    }
    out
}

/// A type as messages show it: cut where it is long.
pub fn brief(ty: &Type) -> String {
    let mut text = Cut { text: String::new(), room: 120 };
    if write!(text, "{ty}").is_ok() {
        return text.text;
    }
    let mut cut: String = text.text.chars().take(117).collect();
    cut.push('…');
    cut
}

/// Takes no more letters than there is room for: a type may be as long as a file.
struct Cut {
    text: String,
    room: usize,
}

impl Write for Cut {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for letter in text.chars() {
            self.room = self.room.checked_sub(1).ok_or(std::fmt::Error)?;
            self.text.push(letter);
        }
        Ok(())
    }
}

pub fn operator_mismatch(loc: Loc, op: &str, left: &Type, right: &Type, help: &str) -> Diagnostic {
    let message = format!("`{op}` does not work on `{}` and `{}`", brief(left), brief(right));
    let diagnostic = Diagnostic::new(Rule::TypeMismatch, loc, message);
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

pub fn never_equal(loc: Loc, left: &Type, right: &Type) -> Diagnostic {
    let message = format!("`{}` and `{}` are never equal", brief(left), brief(right));
    let literals = |ty: &Type| match ty {
        Type::Union(members) => {
            let literals = members.iter().filter(|member| matches!(member, Type::Literal(_)));
            literals.take(MOST_LITERALS).map(|one| one.to_string()).collect()
        }
        Type::Literal(_) => vec![ty.to_string()],
        _ => Vec::new(),
    };
    let (left, right) = (literals(left), literals(right));
    let near = match (left.as_slice(), right.as_slice()) {
        ([one], several) | (several, [one]) => nearest(one, several.iter().map(String::as_str)).map(str::to_string),
        _ => None,
    };
    let help = near.map_or("compare values of one type".to_string(), |near| format!("did you mean `{near}`?"));
    Diagnostic::new(Rule::TypeMismatch, loc, message).help(help)
}

pub fn wants(loc: Loc, what: &str, wanted: &str, found: &Type) -> Diagnostic {
    Diagnostic::new(Rule::TypeMismatch, loc, format!("{what} wants {wanted}, found `{}`", brief(found)))
}

/// A value of a flow that declares none.
pub fn undeclared_value(loc: Loc, ty: &Type) -> Diagnostic {
    let text = ty.to_string();
    let plain = text.len() <= 60 && !["\"", "trusted ", "secret ", "?"].iter().any(|part| text.contains(part));
    let ty_text = if plain { text } else { "type".into() };
    wants(loc, "this flow", "no value, since it declares none", ty)
        .help(format!("declare it behind the parameters: `-> {ty_text}`"))
}

pub fn not_text(loc: Loc, ty: &Type) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::TypeMismatch, loc, format!("a text cannot show `{}`", brief(ty)));
    diagnostic.help("name a field of it, give a default with `??`, or write `to_json(…)`")
}

pub fn invalid_constant(loc: Loc, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Rule::InvalidConstant, loc, message)
}

pub fn not_constant(loc: Loc, what: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidConstant, loc, format!("{what} must be a constant"))
        .help("write a literal, or name it: `const LIMIT = 50`")
}

pub fn not_duration(loc: Loc, what: &str, found: &Type) -> Diagnostic {
    Diagnostic::new(Rule::InvalidDuration, loc, format!("{what} wants a duration, found `{}`", brief(found)))
        .help("write `200ms`, `5s`, `1h30m`, `3d` or `1w`")
}

pub fn not_exhaustive(loc: Loc, missing: &[String]) -> Diagnostic {
    let text = missing.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ");
    Diagnostic::new(Rule::NotExhaustive, loc, format!("this `match` does not say what to do with {text}"))
        .help("add an arm for each, or `else => …`")
}

pub fn unreachable_arm(loc: Loc, why: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnreachableArm, loc, format!("this arm is never taken: {why}")).help("remove it")
}

pub fn unreachable_clause(loc: Loc, word: &str, first: &str) -> Diagnostic {
    let message = format!("this `{word}` never sees a failure: `{first}` takes every one before it");
    Diagnostic::new(Rule::UnreachableArm, loc, message).help("keep one of the two")
}

pub fn no_error_code(loc: Loc, code: &str, near: Option<&str>, known: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::UnknownErrorCode, loc, format!("there is no error code `{code}`"));
    suggest(diagnostic, near, &format!("codes are {known}; a tool may declare its own: `tool … fails {code}`"))
}

pub fn unknown_error_code(loc: Loc, code: &str, near: Option<&str>, known: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::UnknownErrorCode, loc, format!("no call here fails with `{code}`"));
    suggest(diagnostic, near, &format!("codes are {known}"))
}

pub fn invalid_clause(loc: Loc, message: impl Into<String>, help: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::InvalidClause, loc, message);
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

pub fn impure_step(loc: Loc, what: &str, place: &str) -> Diagnostic {
    let help = match place {
        "a constant" => "compute it in a flow",
        "a transformer" => "do it in the flow that calls this one, and pass the value in",
        "a test" => {
            "a step of its own runs a flow, `run = flow(…)`, or takes the time, `t = now()`; all else in a test computes"
        }
        _ => "do it in a step before, and use the step's name here",
    };
    Diagnostic::new(Rule::ImpureStep, loc, format!("{what} cannot stand in {place}, which is pure")).help(help)
}

pub fn role_violation(loc: Loc, role: &str, message: &str, help: &str) -> Diagnostic {
    let diagnostic = Diagnostic::new(Rule::RoleViolation, loc, format!("{} {role} {message}", article(role)));
    if help.is_empty() { diagnostic } else { diagnostic.help(help) }
}

pub fn unknown_verb(loc: Loc, capability: &str) -> Diagnostic {
    Diagnostic::new(Rule::InvalidClause, loc, format!("`{capability}` is no capability"))
        .help("a capability is `resource.verb`, the verb one of `read`, `write`, `send`, `exec`")
}

pub fn send_outside_delivery(loc: Loc, tool: &str, role: &str) -> Diagnostic {
    Diagnostic::new(Rule::SendOutsideDelivery, loc, format!("`{tool}` reaches someone, which only a delivery may do"))
        .here(format!("in a {role}"))
        .help("move the call into a `delivery` with a `key`, and call that")
}

pub fn missing_key(loc: Loc) -> Diagnostic {
    Diagnostic::new(Rule::MissingKey, loc, "the first step of a delivery is its `key`")
        .help("add `key \"…{id}\"`: what tells this delivery from every other, so that it is sent once")
}

pub fn missing_undo(loc: Loc, what: &str, role: &str, opposite: Option<&str>) -> Diagnostic {
    let message = format!("{what} in {} {role} says neither how to take it back nor that it is final", article(role));
    let help = match opposite {
        Some("runs.cancel") => "add `undo runs.cancel(id: it)`, or `final` if it is the point of no return".to_string(),
        Some(tool) => format!("add `undo {tool}(…)`, or `final` if it is the point of no return"),
        None => "add `undo tool(…)`, or `final` if it is the point of no return".to_string(),
    };
    Diagnostic::new(Rule::MissingUndo, loc, message).help(help)
}

pub fn missing_final(loc: Loc, delivery: &str) -> Diagnostic {
    Diagnostic::new(
        Rule::MissingUndo,
        loc,
        format!("what `{delivery}` sends cannot be taken back, and this saga does not say so"),
    )
    .help("add `final`, and let it be the last step that can fail")
}

/// A caught `unknown` of a flow that nothing takes back.
pub fn unknown_without_undo(loc: Loc, flow: &str) -> Diagnostic {
    let message = format!("what `{flow}` did may have happened, and nothing takes back what is looked up here");
    Diagnostic::new(Rule::MissingUndo, loc, message)
        .help("add `undo tool(…)` or `final` to this call, or look it up inside the flow, behind the call of the tool")
}

pub fn fallible_after_final(loc: Loc, what: &str, last: Loc, kind: &SiteKind) -> Diagnostic {
    let instead = match kind {
        SiteKind::Cast => "or write `as?`, which gives null",
        SiteKind::Division => "or look first: `if n == 0 then 0 else sum / n`",
        _ => "or handle the failure: `fallback …`, `optional` or `retry forever`",
    };
    Diagnostic::new(Rule::FallibleAfterFinal, loc, format!("{what} can fail when nothing can be undone any more"))
        .label(last, "the point of no return")
        .help(format!("move it before the `final` step, {instead}"))
}

pub fn final_in_parallel(loc: Loc) -> Diagnostic {
    Diagnostic::new(Rule::FallibleAfterFinal, loc, "another round may still fail when this one has passed `final`")
        .help("take `parallel` off the loop, or `final` out of it")
}

pub fn undo_not_idempotent(loc: Loc, what: &str) -> Diagnostic {
    Diagnostic::new(
        Rule::UndoNotIdempotent,
        loc,
        format!("`{what}` is repeated until it succeeds, but is not idempotent"),
    )
    .help("undo with a tool that is `idempotent`, or declare it so if calling it again changes nothing more")
}

pub fn undo_never_runs(loc: Loc, flow: &str) -> Diagnostic {
    Diagnostic::new(Rule::UndoNeverRuns, loc, format!("this `undo` never runs: no saga calls `{flow}`"))
        .help("make the flow a `saga`, call it from one, or take the `undo` out")
}

pub fn unsafe_retry(loc: Loc, what: &str, clause: &str, tool: Option<&str>) -> Diagnostic {
    let message = format!("{clause} could do {what} twice");
    let help = match tool {
        Some(tool) => format!(
            "`{tool}` is neither read-only nor idempotent: give it a `key` that it accepts, or retry `on rate_limited` only"
        ),
        None => "retry the calls inside it instead, where each is repeatable".to_string(),
    };
    Diagnostic::new(Rule::UnsafeRetry, loc, message).help(help)
}

pub fn key_not_sent(loc: Loc, tool: &str) -> Diagnostic {
    Diagnostic::new(Rule::KeyNotSent, loc, format!("`{tool}` does not accept a key, so this one stays here"))
        .help("Weir still calls it once per key; declare `accepts key parameter` if the tool recognises keys itself")
}

pub fn write_without_undo(loc: Loc, flow: &str, count: usize) -> Diagnostic {
    let message = format!("`{flow}` writes {count} times and takes nothing back when it fails between");
    Diagnostic::new(Rule::WriteWithoutUndo, loc, message)
        .help("make it a `saga` with `undo`, or mark what need not be undone `final`")
}

pub fn unused_binding(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::UnusedBinding, loc, format!("`{name}` is never used"))
        .help(format!("use it, leave the name out, or call it `_{name}`"))
        .fix(format!("call it `_{name}`"), super::fixes::insert(loc, "_"))
}

pub fn empty_validator(loc: Loc, name: &str) -> Diagnostic {
    Diagnostic::new(Rule::EmptyValidator, loc, format!("`{name}` requires nothing, so it lets everything pass"))
        .help("add `require condition else \"reason\"`")
}

pub fn bare_return(loc: Loc, ty: &Type) -> Diagnostic {
    Diagnostic::new(Rule::MissingReturn, loc, format!("this flow declares `{}`, and `return` gives nothing", brief(ty)))
        .help("write `return …` with a value, or leave with `block \"reason\"` or `fail \"message\"`")
}

pub fn missing_return(loc: Loc, flow: &str, ty: &Type) -> Diagnostic {
    Diagnostic::new(Rule::MissingReturn, loc, format!("`{flow}` can end without a value, and declares `{}`", brief(ty)))
        .help("end it with `return …` or with an expression")
}

pub fn unbounded_recursion(loc: Loc, names: &[EcoString]) -> Diagnostic {
    let text = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" calls ");
    Diagnostic::new(Rule::UnboundedRecursion, loc, format!("flows call each other without end: {text}"))
        .help("use `for` or `repeat … at most n`; only agents may call themselves")
}

pub fn missing_fallback(loc: Loc, policy: &str) -> Diagnostic {
    Diagnostic::new(
        Rule::MissingFallback,
        loc,
        format!("the policy `{policy}` falls back, and this call has no `fallback`"),
    )
    .help("add `fallback …` to the call, or use another policy")
}

pub fn unknown_zone(loc: Loc, name: &str, near: Option<&str>) -> Diagnostic {
    let found = Diagnostic::new(Rule::InvalidCron, loc, format!("there is no time zone `{name}`"));
    match near {
        Some(near) => found
            .help(format!("did you mean `{near}`?"))
            .fix(format!("replace with `{near}`"), vec![(loc, format!("{near:?}"))]),
        None => found.help("zones have names such as `Europe/Oslo` and `UTC`"),
    }
}

pub fn empty_cron(loc: Loc) -> Diagnostic {
    let why = "this schedule has no time: no month of it has that day";
    Diagnostic::new(Rule::InvalidCron, loc, why).help("`L` is the last day of a month: `0 0 L 2 *`")
}

pub fn invalid_cron(loc: Loc, why: &str) -> Diagnostic {
    let why = why.rsplit(": ").next().unwrap_or(why).to_lowercase();
    let why =
        if why.contains("must have 5 fields") { "it has another number of parts than five".to_string() } else { why };
    Diagnostic::new(Rule::InvalidCron, loc, format!("this is no cron schedule: {why}"))
        .help("five parts: minute hour day month weekday, e.g. `0 9 * * MON`")
}
