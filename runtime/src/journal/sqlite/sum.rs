//! The checksum of a record: what it says, and where it stands, so that records that changed places are noticed too.

use ecow::eco_format;
use sha2::{Digest, Sha256};
use weir_stdlib::hex;

/// A checksum over parts; a part cannot run into the next.
pub(super) fn sum(parts: &[&str]) -> i64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | i64::from(*byte))
}

/// Of lines that stand in one row, the first with the number `seq`.
pub(super) fn lines(run_id: &str, seq: u64, lines: &str, large: Option<&str>) -> i64 {
    sum(&[run_id, &eco_format!("{seq}"), lines, large.unwrap_or("")])
}

/// Of a run: what going on with it rests on.
pub(super) fn run(run_id: &str, flow: &str, program: &str, started_at: &str) -> i64 {
    sum(&[run_id, flow, program, started_at])
}

/// Of where a run ends.
pub(super) fn end(run_id: &str, row: Option<i64>, next: u64) -> i64 {
    sum(&[run_id, &eco_format!("{}", row.unwrap_or_default()), &eco_format!("{next}")])
}

/// Of a run as it was up to version 4 of the tables: with how many lines the run had.
pub(super) fn run_with_next(run_id: &str, flow: &str, program: &str, started_at: &str, next: u64) -> i64 {
    sum(&[run_id, flow, program, started_at, &next.to_string()])
}

/// Of a key.
pub(super) fn key(scope: &str, key: &str, args: &str, run_id: &str, value: Option<&str>) -> i64 {
    sum(&[scope, key, args, run_id, value.unwrap_or("-")])
}

/// The name of a large value.
pub(super) fn name(json: &str) -> String {
    hex(&Sha256::digest(json.as_bytes()))
}
