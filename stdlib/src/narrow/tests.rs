//! Narrowing, by example and by law.
