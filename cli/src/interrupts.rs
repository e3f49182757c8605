//! Ctrl-C and what is like it.

/// What asks the run to end: Ctrl-C, and on Unix the wish of a service manager or a closed terminal. Listened to from
/// the start to the end, so that none is lost between two.
pub struct Interrupts {
    #[cfg(unix)]
    streams: [Option<tokio::signal::unix::Signal>; 3],
}

#[cfg(unix)]
impl Interrupts {
    /// Listens from now on.
    pub fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Interrupts { streams: kinds.map(|kind| signal(kind).ok()) }
    }

    /// The name of the next one.
    pub async fn next(&mut self) -> &'static str {
        let [interrupt, terminate, hangup] = &mut self.streams;
        tokio::select! {
            () = one(interrupt) => "Ctrl-C",
            () = one(terminate) => "SIGTERM",
            () = one(hangup) => "SIGHUP",
        }
    }
}

#[cfg(unix)]
async fn one(stream: &mut Option<tokio::signal::unix::Signal>) {
    match stream {
        Some(stream) => drop(stream.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
impl Interrupts {
    /// Listens from now on.
    pub fn new() -> Self {
        Interrupts {}
    }

    /// The name of the next one.
    pub async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
