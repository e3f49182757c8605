//! The stdio transport under the SDK: one message a line, with the limits that the SDK's own does not keep. That one
//! drops what it cannot read, so a call would wait until its time is over; this one says at once what is wrong.

use super::fate::Fate;
use super::ledger::Ledger;
use rmcp::RoleClient;
use rmcp::model::{ClientJsonRpcMessage, ErrorCode, ErrorData, JsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value as Json;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

/// Longest message, in bytes.
pub(super) const MESSAGE: usize = 16 * 1024 * 1024;
/// Lines that are no messages, before it is too many.
const NOISE: u64 = 10_000;
/// How long a server may leave what we write unread.
const UNREAD: Duration = Duration::from_secs(30);

/// Marks an answer of ours in place of one that cannot be read; servers do not use this code.
pub(super) const UNREADABLE: ErrorCode = ErrorCode(-32_199);

/// Both directions of one process.
pub(super) struct Lines<R, W> {
    read: BufReader<R>,
    line: Vec<u8>,
    write: Arc<Mutex<Option<W>>>,
    fate: Arc<Fate>,
    ledger: Ledger,
}

impl<R: AsyncRead + Unpin, W> Lines<R, W> {
    pub(super) fn new(read: R, write: W, fate: Arc<Fate>) -> Self {
        let (write, ledger) = (Arc::new(Mutex::new(Some(write))), Ledger::new(Arc::clone(&fate)));
        Lines { read: BufReader::with_capacity(64 * 1024, read), line: Vec::new(), write, fate, ledger }
    }

    /// Reads up to the next line break into `line`. Nothing is lost when this is dropped half-way.
    async fn read_line(&mut self) -> io::Result<bool> {
        loop {
            let read = self.read.fill_buf().await?;
            if read.is_empty() {
                return Ok(false);
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let part = read.get(..end.unwrap_or(read.len())).unwrap_or_default();
            if self.line.len() + part.len() > MESSAGE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it wrote a line of more than 16 MiB"));
            }
            self.line.extend_from_slice(part);
            let taken = part.len() + usize::from(end.is_some());
            self.read.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The message of a whole line; None: it does not count.
    fn message(&mut self) -> Option<ServerJsonRpcMessage> {
        let line = std::mem::take(&mut self.line);
        let text = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&line).trim_ascii();
        let message = self.parse(text);
        self.line = line;
        self.line.clear();
        self.line.shrink_to(64 * 1024);
        self.ledger.counts(message?)
    }

    fn parse(&mut self, text: &[u8]) -> Option<ServerJsonRpcMessage> {
        if text.is_empty() {
            return None;
        }
        if text.first() == Some(&b'{') {
            match serde_json::from_slice(text) {
                Ok(message) => return Some(message),
                Err(error) if about_rpc(text) => return self.unreadable(text, &error),
                Err(_) => {}
            }
        }
        if self.fate.noise(text) > NOISE {
            self.fate.end("it writes more to its standard output than messages");
        }
        None
    }

    /// A message that says it is one and breaks the rules: the answer to a call fails that call, garbage ends it all.
    fn unreadable(&mut self, text: &[u8], error: &serde_json::Error) -> Option<ServerJsonRpcMessage> {
        let Ok(json) = serde_json::from_slice::<Json>(text) else {
            self.fate.end(format!("it wrote a message that cannot be read ({error})"));
            return None;
        };
        let answers = json.get("result").is_some() || json.get("error").is_some();
        let id = json.get("id").and_then(|id| serde_json::from_value::<RequestId>(id.clone()).ok());
        match id {
            Some(id) if answers => {
                let error = ErrorData::new(UNREADABLE, format!("its answer breaks the protocol ({error})"), None);
                Some(JsonRpcMessage::error(error, Some(id)))
            }
            _ => None,
        }
    }
}

fn about_rpc(text: &[u8]) -> bool {
    text.windows(9).take(4096).any(|part| part == b"\"jsonrpc\"")
        || text.windows(9).rev().take(4096).any(|part| part == b"\"jsonrpc\"")
}

impl<R, W> Transport<RoleClient> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        mut item: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.ledger.sent(&mut item);
        let (write, fate) = (Arc::clone(&self.write), Arc::clone(&self.fate));
        async move {
            let mut line = serde_json::to_vec(&item)?;
            line.push(b'\n');
            let mut write = write.lock().await;
            let Some(pipe) = write.as_mut().filter(|_| !fate.is_over()) else {
                return Err(io::ErrorKind::NotConnected.into());
            };
            let written = tokio::time::timeout(UNREAD, pipe.write_all(&line)).await;
            let Ok(written) = written else {
                fate.end("it does not read its standard input");
                return Err(io::ErrorKind::TimedOut.into());
            };
            written?;
            pipe.flush().await
        }
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        let fate = Arc::clone(&self.fate);
        loop {
            if fate.is_over() {
                return None;
            }
            let line = tokio::select! {
                biased;
                line = self.read_line() => line,
                () = fate.over() => return None,
            };
            match line {
                Ok(true) => {
                    if let Some(message) = self.message() {
                        return Some(message);
                    }
                }
                Ok(false) => return None,
                Err(error) => {
                    fate.end(error.to_string());
                    return None;
                }
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        // Closing its standard input asks a server to end.
        if let Ok(mut write) = self.write.try_lock() {
            write.take();
        }
        Ok(())
    }
}
