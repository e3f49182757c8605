//! Evaluation, by example.
