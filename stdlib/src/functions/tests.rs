//! Functions, called with JSON arguments.
