//! Types and assignability.
