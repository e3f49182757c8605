//! `http.*`, and the guarded client that servers with an HTTP API use too.

mod address;
mod client;
mod fault;
mod guard;
mod resolve;

pub(crate) use client::{Client, LARGEST_BODY, Reach, Received, Sent};
pub(crate) use fault::of_status;
pub(crate) use guard::{Guard, read_url};
