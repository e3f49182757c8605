//! The flow's arguments from `--arg` and `--input`, held against its declaration before anything runs. Everything
//! that is wrong is told at once.

use crate::exit::{Error, Exit};
use crate::project::read_whole;
use crate::suggest::nearest;
use std::io::Read;
use std::path::Path;
use weir_compiler::FlowInfo;
use weir_compiler::check::ParamInfo;
use weir_lang::types::{Literal, Type, TypeTable};
use weir_stdlib::narrow::{Boundary, narrow};
use weir_stdlib::value::{Record, Value};

/// A record of the arguments, each fitting its parameter.
pub fn arguments(flow: &FlowInfo, types: &TypeTable, args: &[String], input: Option<&Path>) -> Result<Value, Error> {
    let mut given = Given::new(flow, types);
    if let Some(path) = input {
        given.input(path)?;
    }
    given.texts(args);
    given.missing();
    if given.problems.is_empty() {
        return Ok(Value::record(given.values));
    }
    let help = format!("the flow is `{}`", signature(flow));
    Err(Error { exit: Exit::Usage, messages: given.problems, help: Some(help), code: None })
}

/// A record of the arguments that somebody sent, each fitting its parameter; or everything that is wrong with them.
pub fn sent(flow: &FlowInfo, types: &TypeTable, args: &Value) -> Result<Value, Vec<String>> {
    let mut given = Given { typed: false, ..Given::new(flow, types) };
    match args.as_record() {
        Some(record) => given.fields(record),
        None => given.problems.push(format!("the arguments are one JSON object, and {} is not", args.kind())),
    }
    given.missing();
    if given.problems.is_empty() { Ok(Value::record(given.values)) } else { Err(given.problems) }
}

/// `main(name: string, times?: int)`
pub fn signature(flow: &FlowInfo) -> String {
    let params: Vec<String> = flow.params.iter().map(declared).collect();
    format!("{}({})", flow.name, params.join(", "))
}

fn declared(param: &ParamInfo) -> String {
    format!("{}{}: {}", param.name, if param.optional { "?" } else { "" }, param.ty)
}

struct Given<'a> {
    flow: &'a FlowInfo,
    types: &'a TypeTable,
    values: Vec<(String, Value)>,
    problems: Vec<String>,
    /// Parameters that somebody tried to give.
    meant: Vec<String>,
    /// They come from a command line.
    typed: bool,
}

impl<'a> Given<'a> {
    fn new(flow: &'a FlowInfo, types: &'a TypeTable) -> Self {
        Given { flow, types, values: Vec::new(), problems: Vec::new(), meant: Vec::new(), typed: true }
    }

    /// Every field of one JSON object.
    fn input(&mut self, path: &Path) -> Result<(), Error> {
        let (text, name) = input_text(path)?;
        let wrong =
            |why: String| Error::usage(format!("{name} {why}")).help("it is one JSON object with the flow's arguments");
        if text.trim().is_empty() {
            return Err(wrong("is empty".into()));
        }
        let value = Value::from_json(&text).map_err(|error| wrong(format!("is not JSON: {error}")))?;
        let record = value.as_record().ok_or_else(|| wrong("is not a JSON object".into()))?;
        self.fields(record);
        Ok(())
    }

    fn fields(&mut self, record: &Record) {
        for (name, value) in &record.fields {
            let Some(param) = self.param(name) else { continue };
            match self.fit(param, value) {
                Ok(value) => self.set(name, value),
                Err(why) => self.problem(param, &why),
            }
        }
    }

    /// Every `--arg name=value`.
    fn texts(&mut self, texts: &[String]) {
        let mut seen: Vec<&str> = Vec::new();
        for text in texts {
            let Some((name, text)) = text.split_once('=') else {
                self.problems.push(format!("`--arg {text}` has no value; write `--arg {text}=…`"));
                self.meant.push(text.clone());
                continue;
            };
            if name.is_empty() {
                self.problems.push(format!("`--arg ={text}` has no name; write `--arg name={text}`"));
                continue;
            }
            if seen.contains(&name) {
                self.problems.push(format!("`--arg {name}` is given twice"));
                continue;
            }
            seen.push(name);
            let Some(param) = self.param(name) else { continue };
            match self.read(param, text) {
                Ok(value) => self.set(name, value),
                Err(why) => self.problem(param, &why),
            }
        }
    }

    fn missing(&mut self) {
        for param in self.flow.params.iter().filter(|param| !param.optional) {
            let told = |text: &String| text.starts_with(&format!("`{}` ", param.name));
            let meant = self.meant.iter().any(|name| *name == param.name);
            if meant || self.values.iter().any(|(name, _)| *name == param.name) || self.problems.iter().any(told) {
                continue;
            }
            let doc = param.doc.as_deref().map(|doc| format!(" ({})", doc.replace('\n', " "))).unwrap_or_default();
            let name = &param.name;
            let written = match example(&param.ty, self.types).unwrap_or("…") {
                example if self.typed => format!("; write `--arg {name}={example}`"),
                _ => String::new(),
            };
            self.problems.push(format!("`{name}` is missing, a `{}`{doc}{written}", param.ty));
        }
    }

    /// The parameter of that name, or a problem.
    fn param(&mut self, name: &str) -> Option<&'a ParamInfo> {
        let flow = self.flow;
        let found = flow.params.iter().find(|param| param.name == name);
        if found.is_none() {
            let near = nearest(name, flow.params.iter().map(|param| param.name.as_str()));
            self.meant.extend(near.map(str::to_owned));
            let guess = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            self.problems.push(format!("`{}` has no parameter `{name}`{guess}", flow.name));
        }
        found
    }

    fn set(&mut self, name: &str, value: Value) {
        self.values.retain(|(known, _)| known != name);
        self.values.push((name.to_owned(), value));
    }

    fn problem(&mut self, param: &ParamInfo, why: &str) {
        // The misfit of the whole value names the type already.
        let why = why.strip_prefix(&format!("expected `{}`, found ", param.ty)).map_or_else(
            || format!("`{}` must be `{}`: {why}", param.name, param.ty),
            |found| format!("`{}` must be `{}`, and {found} is not", param.name, param.ty),
        );
        self.problems.push(why);
    }

    fn fit(&self, param: &ParamInfo, value: &Value) -> Result<Value, String> {
        fit(value, &param.ty, self.types)
    }

    fn read(&self, param: &ParamInfo, text: &str) -> Result<Value, String> {
        read_text(text, &param.ty, self.types)
    }
}

fn fit(value: &Value, ty: &Type, types: &TypeTable) -> Result<Value, String> {
    narrow(value, &Boundary::new(ty.clone()), types).map_err(|misfit| misfit.to_string())
}

/// Text and how to call it.
fn input_text(path: &Path) -> Result<(String, String), Error> {
    if path.as_os_str() != "-" {
        return Ok((read_whole(path)?, format!("`{}`", path.display())));
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|error| Error::usage(format!("cannot read stdin: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::usage("stdin is not UTF-8 text"))?;
    Ok((text, "stdin".to_owned()))
}

/// A value that a person typed: a `string` takes the text as it is, a union tries JSON first, everything else is JSON
/// (times, dates and durations without their quotes too).
pub fn read_text(text: &str, ty: &Type, types: &TypeTable) -> Result<Value, String> {
    let plain = || fit(&Value::text(text), ty, types);
    let read = || {
        Value::from_json(text).map_err(|_| {
            let shown = crate::escape::short(text, 40);
            match example(ty, types) {
                Some(example) => format!("`{shown}` is none; write it as `{example}`"),
                None => format!("`{shown}` is not JSON; a text in it stands in `\"…\"`"),
            }
        })
    };
    match types.head(ty) {
        Type::String(_) | Type::Literal(Literal::String(_)) => plain(),
        Type::Union(_) => match read() {
            Ok(value) => fit(&value, ty, types).or_else(|why| plain().map_err(|_| why)),
            Err(_) => plain(),
        },
        Type::Time | Type::Date | Type::Duration => read().map_or_else(|_| plain(), |value| fit(&value, ty, types)),
        _ => fit(&read()?, ty, types),
    }
}

/// How a value of the type is written on the command line.
fn example(ty: &Type, types: &TypeTable) -> Option<&'static str> {
    Some(match types.head(ty) {
        Type::Bool => "true",
        Type::Int(_) => "3",
        Type::Number(_) | Type::Decimal(_) => "0.5",
        Type::List(of) => match types.head(of) {
            Type::String(_) => "'[\"a\", \"b\"]'",
            Type::Int(_) | Type::Number(_) | Type::Decimal(_) => "'[1, 2]'",
            _ => "'[…]'",
        },
        Type::Map(_) | Type::Record(_) => "'{\"name\": …}'",
        Type::Date => "2026-01-31",
        Type::Time => "2026-01-31T12:00:00Z",
        Type::Duration => "1h30m",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, ty: &Type) -> String {
        read_text(text, ty, &TypeTable::default()).map_or_else(|why| format!("! {why}"), |value| value.to_json())
    }

    #[test]
    fn text_is_read_by_its_type() {
        assert_eq!(read("3", &Type::STRING), "\"3\"");
        assert_eq!(read("3", &Type::INT), "3");
        assert_eq!(read("[\"a\"]", &Type::list(Type::STRING)), "[\"a\"]");
        assert!(read("many", &Type::INT).contains("write it as `3`"));
        assert_eq!(read("null", &Type::STRING.nullable()), "null");
        assert_eq!(read("Acme", &Type::STRING.nullable()), "\"Acme\"");
        assert_eq!(read("12", &Type::STRING.nullable()), "\"12\"");
    }
}
