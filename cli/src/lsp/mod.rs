//! `weir lsp`: the language server protocol over standard input and output. What the answers say is found in
//! [`weir_compiler::ide`]; here it is only carried.

mod answer;
mod capabilities;
mod change;
mod control;
mod diagnostics;
mod documents;
mod go;
mod look;
mod projects;
mod server;
mod text;
mod transport;

use crate::exit::{Exit, Outcome};
use crossbeam_channel::Receiver;
use lsp_server::{ErrorCode, Message, Request, Response};
use std::path::PathBuf;
use text::Encoding;

/// Stack of the thread that works: the deepest tree that the parser lets through needs a fraction of it.
const STACK: usize = 64 << 20;

/// Serves one editor until it goes away.
pub fn run() -> Outcome {
    let control = control::Control::default();
    let transport = transport::Transport::stdio(control.clone());
    let (incoming, outgoing) = (transport.incoming.clone(), transport.outgoing.clone());
    let work = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let Some(start) = handshake(&incoming, &outgoing) else { return false };
        server::Server::new(outgoing, control, &start).run(&incoming)
    });
    let in_order = work.map_err(|error| crate::exit::Error::failed(format!("cannot start a thread: {error}")))?;
    let in_order = in_order.join().unwrap_or(false);
    transport.close();
    Ok(if in_order { Exit::Done } else { Exit::Failed })
}

/// What the editor says of itself.
pub struct Start {
    encoding: Encoding,
    folders: Vec<PathBuf>,
    snippets: bool,
}

/// Waits for `initialize` and answers it. None when the editor went away before.
fn handshake(incoming: &Receiver<Message>, outgoing: &crossbeam_channel::Sender<Message>) -> Option<Start> {
    for message in incoming {
        match message {
            Message::Request(Request { id, method, params }) if method == "initialize" => {
                let root = params.get("rootUri").and_then(|root| root.as_str()).map(str::to_owned);
                let params: gen_lsp_types::InitializeParams = match serde_json::from_value(params) {
                    Ok(params) => params,
                    Err(error) => {
                        let response = Response::new_err(id, ErrorCode::InvalidParams as i32, error.to_string());
                        let _ = outgoing.send(response.into());
                        continue;
                    }
                };
                let encoding = capabilities::encoding(&params);
                let folders = capabilities::folders(&params, root.as_deref());
                let _ = outgoing.send(Response::new_ok(id, capabilities::result(encoding)).into());
                if let Some(watch) = capabilities::watch(&params) {
                    let _ = outgoing.send(watch.into());
                }
                return Some(Start { encoding, folders, snippets: capabilities::snippets(&params) });
            }
            Message::Request(Request { id, .. }) => {
                let code = ErrorCode::ServerNotInitialized as i32;
                let _ = outgoing.send(Response::new_err(id, code, "`initialize` comes first".into()).into());
            }
            Message::Notification(note) if note.method == "exit" => return None,
            _ => {}
        }
    }
    None
}
