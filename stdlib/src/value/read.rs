//! JSON text to values, faithfully: numbers keep what a double would lose, duplicate keys are errors, depth is
//! limited.

use super::number::{DOUBLE_DIGITS, Exact, nearest_double};
use super::{Data, MAX_DEPTH, Value};
use ecow::EcoString;
use jiter::{Jiter, JiterError, JiterErrorType, Peek};

/// Why a text is not JSON that a value can hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct JsonError {
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// What went wrong at a byte.
struct Wrong {
    at: usize,
    message: String,
}

impl Wrong {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Wrong { at, message: message.into() }
    }
}

impl From<JiterError> for Wrong {
    fn from(error: JiterError) -> Self {
        let message = match &error.error_type {
            JiterErrorType::JsonError(kind) => kind.to_string(),
            JiterErrorType::WrongType { .. } => "expected a value".to_owned(),
        };
        Wrong::new(error.index, message)
    }
}

impl Value {
    /// Reads one JSON value. Integers beyond 64 bit and numbers with more digits than a double keeps stay
    /// [`Data::RawNumber`] until a type says what they are.
    ///
    /// # Errors
    /// [`JsonError`]: bad syntax, a key given twice, nesting beyond 128, anything after the value.
    pub fn from_json(text: &str) -> Result<Value, JsonError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Jiter::new(text.as_bytes());
        let read = reader.peek().map_err(Wrong::from).and_then(|peek| {
            let value = read_value(&mut reader, peek, 0)?;
            reader.finish()?;
            Ok(value)
        });
        read.map_err(|wrong| {
            let position = reader.error_position(wrong.at);
            JsonError { line: position.line, column: position.column, message: wrong.message }
        })
    }
}

fn read_value(reader: &mut Jiter<'_>, peek: Peek, depth: usize) -> Result<Value, Wrong> {
    match peek {
        Peek::Null => reader.known_null().map(|()| Value::NULL).map_err(Wrong::from),
        Peek::True | Peek::False => Ok(Value::bool(reader.known_bool(peek)?)),
        Peek::String => Ok(Value::text(reader.known_str()?)),
        Peek::Array | Peek::Object if depth >= MAX_DEPTH => {
            Err(Wrong::new(reader.current_index(), format!("nested deeper than {MAX_DEPTH}")))
        }
        Peek::Array => read_list(reader, depth),
        Peek::Object => read_record(reader, depth),
        _ => read_number(reader, peek),
    }
}

fn read_list(reader: &mut Jiter<'_>, depth: usize) -> Result<Value, Wrong> {
    let mut items = Vec::new();
    let mut next = reader.known_array()?;
    while let Some(peek) = next {
        items.push(read_value(reader, peek, depth + 1)?);
        next = reader.array_step()?;
    }
    items.shrink_to_fit();
    Ok(Value::list(items))
}

fn read_record(reader: &mut Jiter<'_>, depth: usize) -> Result<Value, Wrong> {
    let mut fields = super::Fields::default();
    let mut next = reader.known_object()?.map(EcoString::from);
    while let Some(name) = next {
        if fields.contains_key(&name) {
            return Err(Wrong::new(reader.current_index(), format!("the key `{name}` stands twice")));
        }
        let peek = reader.peek()?;
        let value = read_value(reader, peek, depth + 1)?;
        fields.insert(name, value);
        next = reader.next_key()?.map(EcoString::from);
    }
    fields.shrink_to_fit();
    Ok(Value::from_fields(fields))
}

fn read_number(reader: &mut Jiter<'_>, peek: Peek) -> Result<Value, Wrong> {
    let at = reader.current_index();
    let text = String::from_utf8_lossy(reader.known_number_bytes(peek)?);
    number_from_text(&text).map(Value::new).ok_or_else(|| Wrong::new(at, "the number is too large"))
}

/// The kind that holds a JSON number exactly.
pub(crate) fn number_from_text(text: &str) -> Option<Data> {
    let integer = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if integer && let Ok(value) = text.parse::<i64>() {
        return Some(Data::Int(value));
    }
    let exact = Exact::parse(text)?;
    if !integer
        && exact.significant() <= DOUBLE_DIGITS
        && let Some(value) = nearest_double(text)
        && Exact::of(&Data::Number(value)).is_some_and(|back| back == exact)
    {
        return Some(Data::Number(if value == 0.0 { 0.0 } else { value }));
    }
    Some(Data::RawNumber(text.into()))
}
