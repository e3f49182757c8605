//! `store.*`: JSON documents by collection and id, in `.weir/store.db`. A document is kept as its JSON text, so that
//! its numbers stay exact.

use super::fault::blocking;
use crate::journal::database::{self, Kind};
use crate::tool::{Call, Fault, Tool};
use async_trait::async_trait;
use camino::Utf8Path;
use ecow::EcoString;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};
use rusqlite_migration::{M, Migrations};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use weir_stdlib::value::{Data, Value, equals};

const NAMES: [&str; 7] = ["get", "put", "insert", "update", "delete", "find", "count"];

/// Largest document, in bytes of its JSON.
const LARGEST: usize = 16 * 1024 * 1024;

/// Longest name of a collection or id, in characters.
const LONGEST: usize = 512;

const MIGRATIONS: &[M<'static>] = &[M::up(
    "CREATE TABLE documents (
       collection TEXT NOT NULL,
       id         TEXT NOT NULL,
       json       TEXT NOT NULL,
       PRIMARY KEY (collection, id)
     ) STRICT",
)];

const KIND: Kind = Kind {
    name: "store",
    note: "`store.*` keeps its documents there",
    application_id: i32::from_be_bytes(*b"WEIS"),
    migrations: || Migrations::from_slice(MIGRATIONS),
    version: MIGRATIONS.len() as i64,
};

/// The server `store`.
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    file: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Store {
    /// The project's store; its file is opened at the first call.
    pub fn new(project_root: &Utf8Path) -> Self {
        let file = project_root.join(".weir/store.db").into();
        Store { shared: Arc::new(Shared { file, connection: Mutex::default() }) }
    }
}

#[async_trait]
impl Tool for Store {
    fn describe(&self) -> Vec<EcoString> {
        NAMES.map(EcoString::from).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let (shared, call) = (self.shared.clone(), call.clone());
        blocking(move || shared.call(&call)).await
    }
}

impl Shared {
    fn call(&self, call: &Call) -> Result<Value, Fault> {
        if !NAMES.contains(&call.tool.as_str()) {
            return Err(call.no_such_tool("store", &NAMES));
        }
        let reads = matches!(call.tool.as_str(), "get" | "find" | "count");
        self.transact(reads, |sql| dispatch(sql, call))
    }

    /// Does `work` in one transaction. Until the commit nothing has happened.
    fn transact(
        &self,
        reads: bool,
        work: impl FnOnce(&Transaction<'_>) -> Result<Value, Trouble>,
    ) -> Result<Value, Fault> {
        let mut slot = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match slot.as_mut() {
            Some(connection) => connection,
            None => {
                let opened = database::open(&self.file, &KIND);
                slot.insert(opened.map_err(|error| Fault::clean("failed", error.to_string()))?)
            }
        };
        let behavior = if reads { TransactionBehavior::Deferred } else { TransactionBehavior::Immediate };
        let transaction = connection.transaction_with_behavior(behavior).map_err(|error| self.fault(&error))?;
        let value = work(&transaction).map_err(|trouble| match trouble {
            Trouble::Sql(error) => self.fault(&error),
            Trouble::Fault(fault) => fault,
        })?;
        transaction.commit().map_err(|error| {
            let fault = self.fault(&error);
            if fault.code == "unavailable" { fault } else { Fault::open(&fault.code, fault.message) }
        })?;
        Ok(value)
    }

    fn fault(&self, error: &rusqlite::Error) -> Fault {
        let code = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "unavailable",
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "permission",
            _ => "failed",
        };
        let why = database::explain(error, KIND.note);
        Fault::clean(code, format!("the store {} cannot be used: {why}", self.file.display()))
    }
}

/// Why a transaction was given up.
enum Trouble {
    Sql(rusqlite::Error),
    Fault(Fault),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Trouble::Sql(error)
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Trouble::Fault(fault)
    }
}

fn dispatch(sql: &Transaction<'_>, call: &Call) -> Result<Value, Trouble> {
    let collection = name(call, "collection")?;
    let id = || name(call, "id");
    match call.tool.as_str() {
        "get" => Ok(Value::record([("value", read(sql, &collection, &id()?)?.unwrap_or(Value::NULL))])),
        "put" => store(sql, &collection, &id()?, &document(&call.args.field("value"))?, REPLACE),
        "insert" => store(sql, &collection, &id()?, &document(&call.args.field("value"))?, INSERT),
        "update" => update(sql, &collection, &id()?, &object(call, "changes")?),
        "delete" => delete(sql, &collection, &id()?),
        "find" => find(sql, &collection, &Page::of(call)?),
        _ => count(sql, &collection, &object(call, "where")?),
    }
}

fn read(sql: &Transaction<'_>, collection: &str, id: &str) -> Result<Option<Value>, Trouble> {
    let json = sql
        .prepare_cached("SELECT json FROM documents WHERE collection = ?1 AND id = ?2")?
        .query_row([collection, id], |row| row.get::<_, String>(0))
        .optional()?;
    json.map(|json| parse(collection, id, &json)).transpose()
}

fn parse(collection: &str, id: &str, json: &str) -> Result<Value, Trouble> {
    Value::from_json(json).map_err(|error| {
        let message = format!("document `{id}` of `{collection}` is damaged, it is no JSON: {}", error.message);
        Trouble::Fault(Fault::clean("failed", message))
    })
}

const REPLACE: &str = "INSERT INTO documents (collection, id, json) VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET json = excluded.json";
const INSERT: &str = "INSERT INTO documents (collection, id, json) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

fn store(sql: &Transaction<'_>, collection: &str, id: &str, json: &str, how: &str) -> Result<Value, Trouble> {
    let stored = sql.prepare_cached(how)?.execute([collection, id, json])?;
    if stored == 0 {
        let message = format!("`{collection}` has a document `{id}` already; `store.put` replaces it");
        return Err(Trouble::Fault(Fault::clean("conflict", message)));
    }
    Ok(Value::record([("id", Value::text(id))]))
}

fn update(sql: &Transaction<'_>, collection: &str, id: &str, changes: &Value) -> Result<Value, Trouble> {
    let Some(known) = read(sql, collection, id)? else {
        let message = format!("`{collection}` has no document `{id}` to change; `store.put` makes one");
        return Err(Trouble::Fault(Fault::clean("not_found", message)));
    };
    if known.as_record().is_none() {
        let message = format!("document `{id}` of `{collection}` is no object, so it has no fields to change");
        return Err(Trouble::Fault(Fault::clean("invalid_input", message)));
    }
    let merged = merge(&known, changes);
    let json = document(&merged)?;
    store(sql, collection, id, &json, REPLACE)?;
    Ok(Value::record([("id", Value::text(id)), ("value", merged)]))
}

/// JSON Merge Patch (RFC 7396).
fn merge(known: &Value, changes: &Value) -> Value {
    let Data::Record(changes) = &changes.data else { return changes.clone() };
    let mut fields = known.as_record().map(|record| record.fields.clone()).unwrap_or_default();
    for (name, change) in &changes.fields {
        if change.is_null() {
            fields.shift_remove(name);
        } else {
            let merged = merge(fields.get(name).unwrap_or(&Value::NULL), change);
            fields.insert(name.clone(), merged);
        }
    }
    Value::from_fields(fields)
}

fn delete(sql: &Transaction<'_>, collection: &str, id: &str) -> Result<Value, Trouble> {
    let gone =
        sql.prepare_cached("DELETE FROM documents WHERE collection = ?1 AND id = ?2")?.execute([collection, id])?;
    Ok(Value::record([("deleted", Value::bool(gone > 0))]))
}

/// What `store.find` was asked for.
struct Page {
    filter: Value,
    limit: usize,
    after: String,
}

impl Page {
    fn of(call: &Call) -> Result<Page, Fault> {
        let limit = call.args.field("limit");
        let limit = match limit.as_int() {
            Some(limit @ 1..=10_000) => usize::try_from(limit).unwrap_or(1000),
            None if limit.is_null() => 1000,
            _ => return Err(call.wrong("limit", "a whole number from 1 to 10000")),
        };
        let after = call.optional_text("after")?.unwrap_or_default();
        Ok(Page { filter: object(call, "where")?, limit, after })
    }
}

fn find(sql: &Transaction<'_>, collection: &str, page: &Page) -> Result<Value, Trouble> {
    let mut found: Vec<(String, Value)> = Vec::new();
    let mut more = false;
    scan(sql, collection, &page.after, &mut |id, value| {
        if !matches(&value, &page.filter) {
            return true;
        }
        more = found.len() == page.limit;
        if !more {
            found.push((id, value));
        }
        !more
    })?;
    let next = found.last().filter(|_| more).map_or(Value::NULL, |(id, _)| Value::text(id.as_str()));
    let item = |(id, value): (String, Value)| Value::record([("id", Value::text(id)), ("value", value)]);
    let items: Vec<_> = found.into_iter().map(item).collect();
    Ok(Value::record([("items", Value::list(items)), ("next", next)]))
}

fn count(sql: &Transaction<'_>, collection: &str, filter: &Value) -> Result<Value, Trouble> {
    let mut count: i64 = 0;
    scan(sql, collection, "", &mut |_, value| {
        count += i64::from(matches(&value, filter));
        true
    })?;
    Ok(Value::record([("count", Value::int(count))]))
}

/// Shows the documents behind `after` in order of their ids, until `see` has had enough.
fn scan(
    sql: &Transaction<'_>,
    collection: &str,
    after: &str,
    see: &mut dyn FnMut(String, Value) -> bool,
) -> Result<(), Trouble> {
    let mut statement =
        sql.prepare_cached("SELECT id, json FROM documents WHERE collection = ?1 AND id > ?2 ORDER BY id")?;
    let mut rows = statement.query(params![collection, after])?;
    while let Some(row) = rows.next()? {
        let (id, json) = (row.get::<_, String>(0)?, row.get::<_, String>(1)?);
        let value = parse(collection, &id, &json)?;
        if !see(id, value) {
            break;
        }
    }
    Ok(())
}

/// Whether every field of the filter is equal in the document.
fn matches(value: &Value, filter: &Value) -> bool {
    let Some(filter) = filter.as_record().filter(|filter| !filter.fields.is_empty()) else { return true };
    value.as_record().is_some() && filter.fields.iter().all(|(name, wanted)| equals(&value.field(name), wanted))
}

fn name(call: &Call, argument: &str) -> Result<String, Fault> {
    let name = call.text(argument)?;
    match name.chars().count() {
        1..=LONGEST => Ok(name),
        0 => Err(call.wrong(argument, "a text that is not empty")),
        _ => Err(call.wrong(argument, "at most 512 characters long")),
    }
}

/// An object; absent is one without fields.
fn object(call: &Call, argument: &str) -> Result<Value, Fault> {
    let value = call.args.field(argument);
    match value.data {
        Data::Record(_) => Ok(value),
        Data::Null if argument == "where" => Ok(Value::from_fields(Default::default())),
        _ => Err(call.wrong(argument, "an object: `{ field: value }`")),
    }
}

fn document(value: &Value) -> Result<String, Fault> {
    let json = value.to_json();
    if json.len() <= LARGEST {
        return Ok(json);
    }
    let message = format!("the document is larger than {} MiB; keep it as a file and store its path", LARGEST >> 20);
    Err(Fault::clean("invalid_input", message))
}
