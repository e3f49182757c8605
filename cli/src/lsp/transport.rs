//! Standard input and output: one thread reads, one writes. A message that cannot be read is told and left out.

use super::control::Control;
use crossbeam_channel::{Receiver, Sender, unbounded};
use lsp_server::Message;
use std::io::{BufRead, ErrorKind, Write};
use std::thread::JoinHandle;

/// Both ends.
pub struct Transport {
    /// What the editor says.
    pub incoming: Receiver<Message>,
    /// What it is told.
    pub outgoing: Sender<Message>,
    writer: JoinHandle<()>,
}

impl Transport {
    /// Over the standard streams.
    pub fn stdio(control: Control) -> Transport {
        let (read, incoming) = unbounded();
        let (outgoing, write) = unbounded();
        std::thread::spawn(move || reading(&mut std::io::stdin().lock(), &read, &control));
        let writer = std::thread::spawn(move || writing(&mut std::io::stdout().lock(), &write));
        Transport { incoming, outgoing, writer }
    }

    /// Waits until everything is written.
    pub fn close(self) {
        drop(self.outgoing);
        let _ = self.writer.join();
    }
}

fn reading(input: &mut impl BufRead, read: &Sender<Message>, control: &Control) {
    loop {
        match Message::read(input) {
            Ok(Some(message)) => {
                control.note(&message);
                let exit = matches!(&message, Message::Notification(note) if note.method == "exit");
                if read.send(message).is_err() || exit {
                    return;
                }
            }
            // The frame was read to its end; what it held was no message.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                crate::out::note_line(&format!("weir lsp: left out a message that cannot be read: {error}"));
            }
            Ok(None) | Err(_) => return,
        }
    }
}

fn writing(output: &mut impl Write, write: &Receiver<Message>) {
    for message in write {
        if message.write(output).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let frame = |text: &str| format!("Content-Length: {}\r\n\r\n{text}", text.len());
        let good = frame(r#"{"jsonrpc":"2.0","method":"initialized","params":{}}"#);
        let input = format!("{}{}nonsense\r\n{good}", good, frame("{oh no"));
        let (sender, receiver) = unbounded();
        reading(&mut input.as_bytes(), &sender, &Control::default());
        drop(sender);
        assert!(receiver.iter().count() >= 1);
    }
}
