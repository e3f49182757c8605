//! The check at the boundary to a tool server: what is sent and what comes back is held against the server's own
//! schemas, which say more than types do. Nothing is fetched, nothing is coerced.

use crate::tool::Fault;
use ecow::EcoString;
use indexmap::IndexMap;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::LocationSegment;
use jsonschema::{ValidationError, Validator};
use rustc_hash::{FxBuildHasher, FxHashMap};
use serde_json::Value as Json;
use std::sync::{Arc, Mutex, PoisonError};
use weir_compiler::plan::ToolPlan;
use weir_compiler::registry::{Definition, schema};
use weir_lang::types::TypeTable;
use weir_stdlib::narrow::{Boundary, narrow};
use weir_stdlib::value::{Data, Value};

/// Compiled contracts that are kept; when full the cache starts over.
const KEPT: usize = 4096;

/// The schemas of one tool, compiled.
pub struct Contract {
    input: Validator,
    output: Option<Validator>,
}

impl Contract {
    /// Compiles a tool's schemas.
    ///
    /// # Errors
    /// In the reader's words, where a schema is none or too costly, as the checker says too.
    pub fn new(definition: &Definition) -> Result<Contract, String> {
        let output = definition.output.as_ref().map(compiled).transpose()?;
        Ok(Contract { input: compiled(&definition.input)?, output })
    }

    /// Holds the arguments of a call against the schema.
    ///
    /// # Errors
    /// `invalid_input`; nothing has happened.
    pub fn check_arguments(&self, tool: &str, args: &Value) -> Result<(), Fault> {
        let sent = args.to_serde();
        self.input.validate(&sent).map_err(|error| {
            let message = format!("the arguments of `{tool}` break its schema: {}", sentence(&error));
            Fault::clean("invalid_input", message)
        })
    }

    /// Holds a result against the schema, where there is one.
    ///
    /// # Errors
    /// In the reader's words: what was expected, and where in the result.
    pub fn check_result(&self, tool: &str, value: &Value) -> Result<(), String> {
        let Some(output) = &self.output else { return Ok(()) };
        let found = held(value);
        output
            .validate(&found)
            .map_err(|error| format!("the result of `{tool}` breaks its schema: {}", sentence(&error)))
    }
}

fn compiled(schema: &Json) -> Result<Validator, String> {
    schema::compile(schema).map_err(|refused| refused.to_string())
}

/// The contracts of a process, compiled once each.
#[derive(Default)]
pub struct Contracts {
    known: Mutex<Known>,
}

type Made = Result<Arc<Contract>, String>;

#[derive(Default)]
struct Known {
    /// By the definition's place in memory, which its holder keeps from being used again.
    by_place: FxHashMap<usize, (Arc<Definition>, Made)>,
    by_hash: IndexMap<EcoString, Made, FxBuildHasher>,
}

impl Contracts {
    /// The contract of a definition.
    ///
    /// # Errors
    /// `invalid_input` where its schemas cannot be used; nothing has happened.
    pub fn of(&self, tool: &str, definition: &Arc<Definition>) -> Result<Arc<Contract>, Fault> {
        let made = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(definition);
        made.map_err(|why| Fault::clean("invalid_input", format!("`{tool}` cannot be called: {why}")))
    }
}

impl Known {
    fn get(&mut self, definition: &Arc<Definition>) -> Made {
        let place = Arc::as_ptr(definition) as usize;
        if let Some((_, made)) = self.by_place.get(&place) {
            return made.clone();
        }
        if self.by_place.len() >= KEPT || self.by_hash.len() >= KEPT {
            (self.by_place, self.by_hash) = Default::default();
        }
        let hash = definition.hash();
        let fresh = || Contract::new(definition).map(Arc::new);
        let made = self.by_hash.entry(hash).or_insert_with(fresh).clone();
        self.by_place.insert(place, (Arc::clone(definition), made.clone()));
        made
    }
}

/// A result that is a text, where the tool has no schema for it and is declared to give something else: read as JSON.
/// What is no JSON stays as it is, and does not fit the declared type.
pub fn read_text(value: Value, plan: &ToolPlan, types: &TypeTable) -> Value {
    let schema = plan.definition.as_ref().is_some_and(|definition| definition.output.is_some());
    let Data::String(text) = &value.data else { return value };
    if schema || narrow(&value, &Boundary::new(plan.output.ty.clone()), types).is_ok() {
        return value;
    }
    match Value::from_json(&text.text) {
        Ok(read) => read.with_labels(value.labels.clone()),
        Err(_) => value,
    }
}

/// A value as its schema sees it. Numbers of any size are numbers here; what is sent or kept is another matter.
fn held(value: &Value) -> Json {
    match &value.data {
        Data::Decimal(_) | Data::RawNumber(_) => number(&value.to_json()),
        Data::List(list) => Json::Array(list.items.iter().map(held).collect()),
        Data::Record(record) => {
            Json::Object(record.fields.iter().map(|(name, value)| (name.to_string(), held(value))).collect())
        }
        _ => value.to_serde(),
    }
}

fn number(text: &str) -> Json {
    let whole = || text.parse::<i64>().map(Json::from).or_else(|_| text.parse::<u64>().map(Json::from));
    whole().unwrap_or_else(|_| text.parse::<f64>().map_or_else(|_| Json::from(text), Json::from))
}

/// What is expected where, without the value that was found: it may be a secret.
fn sentence(error: &ValidationError<'_>) -> String {
    let path = path(error);
    let what = expectation(error);
    if path.is_empty() { what } else { format!("`{path}`: {what}") }
}

/// `contacts[3].email`
fn path(error: &ValidationError<'_>) -> String {
    let mut out = String::new();
    for segment in error.instance_path() {
        match segment {
            LocationSegment::Property(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(&name);
            }
            LocationSegment::Index(at) => out.push_str(&format!("[{at}]")),
        }
    }
    out
}

fn expectation(error: &ValidationError<'_>) -> String {
    let found = kind_of(error.instance());
    match error.kind() {
        Kind::Type { kind } => format!("expected {}, found {found}", kinds(kind)),
        Kind::Required { property } => format!("the field {} is missing", quoted(property)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("the schema has no field {}", names(unexpected))
        }
        Kind::Enum { options } => format!("expected one of {}", quoted(options)),
        Kind::Constant { expected_value } => format!("expected {}", quoted(expected_value)),
        Kind::Pattern { pattern } => format!("expected a text that matches `{}`", cut(pattern)),
        Kind::Minimum { limit } => format!("expected a number from {limit} up"),
        Kind::Maximum { limit } => format!("expected a number up to {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("expected a number above {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("expected a number below {limit}"),
        Kind::MultipleOf { multiple_of } => format!("expected a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("expected at least {limit} characters"),
        Kind::MaxLength { limit } => format!("expected at most {limit} characters"),
        Kind::MinItems { limit } => format!("expected at least {limit} elements"),
        Kind::MaxItems { limit } => format!("expected at most {limit} elements"),
        Kind::AdditionalItems { limit } => format!("expected at most {limit} elements"),
        Kind::MinProperties { limit } => format!("expected at least {limit} fields"),
        Kind::MaxProperties { limit } => format!("expected at most {limit} fields"),
        Kind::UniqueItems => "an element stands twice".into(),
        Kind::Contains => "no element is of the form that one must have".into(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => format!("{found} fits none of the forms allowed"),
        Kind::OneOfMultipleValid { .. } => format!("{found} fits several forms of which only one may fit"),
        Kind::Not { .. } => format!("{found} of a form that is not allowed"),
        Kind::FalseSchema => "no value is allowed here".into(),
        Kind::PropertyNames { .. } => "a field has a name that is not allowed".into(),
        other => format!("it breaks `{}`", other.keyword()),
    }
}

fn kinds(kind: &TypeKind) -> String {
    let named = match kind {
        TypeKind::Single(one) => vec![one.to_string()],
        TypeKind::Multiple(several) => several.iter().map(|one| one.to_string()).collect(),
    };
    let words: Vec<&str> = named.iter().map(|name| word(name)).collect();
    words.join(" or ")
}

/// JSON's kinds in Weir's words.
fn word(name: &str) -> &str {
    match name {
        "object" => "a record",
        "array" => "a list",
        "string" => "a text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "null" => "`null`",
        other => other,
    }
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "`null`",
        Json::Bool(_) => "`true` or `false`",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a record",
    }
}

fn quoted(json: &Json) -> String {
    match json {
        Json::Array(options) => options.iter().take(12).map(quoted).collect::<Vec<_>>().join(", "),
        Json::String(text) => format!("`{}`", cut(text)),
        other => format!("`{}`", cut(&other.to_string())),
    }
}

fn names(names: &[String]) -> String {
    names.iter().take(5).map(|name| format!("`{}`", cut(name))).collect::<Vec<_>>().join(", ")
}

fn cut(text: &str) -> String {
    if text.chars().count() > 80 { text.chars().take(80).chain(['…']).collect() } else { text.into() }
}
