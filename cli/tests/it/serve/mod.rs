//! `weir serve` from the outside.

mod access;
mod api;
mod document;
mod events;
mod hooks;
mod killed;
mod mcp;
mod operating;
mod sdk;
pub mod support;
mod threads;
