//! Regular expressions, compiled once: linear time, bounded size, a small cache a thread.

use crate::raise::Raise;
use ecow::EcoString;
use indexmap::IndexMap;
use regex::{Regex, RegexBuilder};
use std::cell::RefCell;

/// Patterns kept a thread; when full the cache starts over.
const KEPT: usize = 256;
/// Bytes that a compiled pattern may take.
const SIZE: usize = 4 << 20;

thread_local! {
    static CACHE: RefCell<IndexMap<EcoString, Regex, rustc_hash::FxBuildHasher>> = RefCell::default();
}

/// The compiled form of a pattern.
///
/// # Errors
/// `invalid_input` for a pattern that is none or too large.
pub(crate) fn compiled(pattern: &str) -> Result<Regex, Raise> {
    if let Some(regex) = CACHE.with_borrow(|cache| cache.get(pattern).cloned()) {
        return Ok(regex);
    }
    let built = RegexBuilder::new(pattern).size_limit(SIZE).dfa_size_limit(SIZE).build();
    let regex = built.map_err(|error| Raise::invalid(format!("`/{pattern}/` is no usable pattern: {error}")))?;
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= KEPT {
            cache.clear();
        }
        cache.insert(pattern.into(), regex.clone());
    });
    Ok(regex)
}
