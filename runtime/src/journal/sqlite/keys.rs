//! Idempotency keys: claimed before a call, completed with its result, given back when nothing happened.

use super::sum;
use super::writer::Stop;
use crate::journal::{Claimed, KeyChange, KeyClaim, Trouble};
use rusqlite::{Connection, OptionalExtension, params};
use weir_stdlib::hex;
use weir_stdlib::value::Value;

/// A key as it stands in the file.
struct Held {
    args: String,
    run_id: String,
    since: String,
    value: Option<String>,
}

/// Claims the key, where the call has one.
pub(super) fn maybe(sql: &Connection, run_id: &str, claim: Option<&KeyClaim>) -> Result<Claimed, Stop> {
    claim.map_or(Ok(Claimed::New), |claim| take(sql, run_id, claim))
}

fn take(sql: &Connection, run_id: &str, claim: &KeyClaim) -> Result<Claimed, Stop> {
    let args = hex(&claim.args);
    match look(sql, &claim.scope, &claim.key)? {
        Some(held) if held.args != args => Ok(Claimed::Conflict),
        Some(Held { value: Some(json), .. }) => serde_json::from_str(&json).map(Claimed::Recorded).map_err(|error| {
            Stop::damaged(format_args!("the result under key `{}` cannot be read ({error})", claim.key))
        }),
        Some(held) if held.run_id == run_id => Ok(Claimed::New),
        Some(held) => Ok(Claimed::InFlight { run_id: held.run_id.into(), since: held.since.into() }),
        None => insert(sql, run_id, claim, &args),
    }
}

fn look(sql: &Connection, scope: &str, key: &str) -> Result<Option<Held>, Stop> {
    let mut look =
        sql.prepare_cached("SELECT args, run_id, since, value, sum FROM keys WHERE scope = ?1 AND key = ?2")?;
    let found = look
        .query_row(params![scope, key], |row| {
            let held = Held { args: row.get(0)?, run_id: row.get(1)?, since: row.get(2)?, value: row.get(3)? };
            Ok((held, row.get::<_, i64>(4)?))
        })
        .optional()?;
    match found {
        Some((held, found)) if found != sum::key(scope, key, &held.args, &held.run_id, held.value.as_deref()) => {
            Err(Stop::damaged(format_args!("the record of key `{key}` does not fit its checksum")))
        }
        None if named(sql, scope, key)? => {
            Err(Stop::damaged(format_args!("the record of key `{key}` is not where it has to be")))
        }
        found => Ok(found.map(|(held, _)| held)),
    }
}

/// Whether the other index knows the key.
fn named(sql: &Connection, scope: &str, key: &str) -> Result<bool, Stop> {
    let mut look = sql.prepare_cached("SELECT 1 FROM keys INDEXED BY keys_name WHERE name = ?1")?;
    Ok(look.exists([sum::sum(&[scope, key])])?)
}

fn insert(sql: &Connection, run_id: &str, claim: &KeyClaim, args: &str) -> Result<Claimed, Stop> {
    sql.prepare_cached(
        "INSERT INTO keys (scope, key, args, run_id, step, since, sum, name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        claim.scope.as_str(),
        claim.key.as_str(),
        args,
        run_id,
        claim.step.as_str(),
        crate::journal::now(),
        sum::key(&claim.scope, &claim.key, args, run_id, None),
        sum::sum(&[&claim.scope, &claim.key]),
    ])?;
    Ok(Claimed::New)
}

/// Completes keys and gives keys up.
pub(super) fn settle(sql: &Connection, run_id: &str, changes: &[KeyChange]) -> Result<(), Stop> {
    for change in changes {
        match change {
            KeyChange::Complete(scope, key, value) => complete(sql, run_id, scope, key, value)?,
            KeyChange::Affirm(scope, key, value) => {
                if look(sql, scope, key)?.is_some_and(|held| held.run_id == run_id) {
                    complete(sql, run_id, scope, key, value)?;
                }
            }
            KeyChange::Release(scope, key) => {
                sql.prepare_cached("DELETE FROM keys WHERE scope = ?1 AND key = ?2 AND run_id = ?3")?
                    .execute(params![scope.as_str(), key.as_str(), run_id])?;
            }
        }
    }
    Ok(())
}

fn complete(sql: &Connection, run_id: &str, scope: &str, key: &str, value: &Value) -> Result<(), Stop> {
    let json = serde_json::to_string(value).map_err(|error| Stop::Broken(Trouble::Unusable, error.to_string()))?;
    let held = look(sql, scope, key)?.filter(|held| held.run_id == run_id);
    let Some(held) = held else {
        let why = format!("run {run_id} does not hold key `{key}`: it was given up, or another run has it");
        return Err(Stop::Broken(Trouble::Held, why));
    };
    let sum = sum::key(scope, key, &held.args, run_id, Some(&json));
    sql.prepare_cached("UPDATE keys SET value = ?3, sum = ?4 WHERE scope = ?1 AND key = ?2")?
        .execute(params![scope, key, json, sum])?;
    Ok(())
}

/// The scope of keys under which runs were started that are forgotten by now.
const STARTS: &str = "start";

/// The key under which a run was started outlives it: nothing is started under it again.
pub(super) fn keep_start(sql: &Connection, run_id: &str, key: &str) -> Result<(), Stop> {
    sql.prepare_cached(
        "INSERT INTO keys (scope, key, args, run_id, step, since, value, sum, name) \
         VALUES (?1, ?2, '', ?3, '', ?4, 'null', ?5, ?6) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        STARTS,
        key,
        run_id,
        crate::journal::now(),
        sum::key(STARTS, key, "", run_id, Some("null")),
        sum::sum(&[STARTS, key]),
    ])?;
    Ok(())
}

/// The run that was started under this key, and is forgotten by now.
pub(super) fn forgotten(sql: &Connection, key: &str) -> Result<Option<String>, Stop> {
    Ok(look(sql, STARTS, key)?.map(|held| held.run_id))
}
