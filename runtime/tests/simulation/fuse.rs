//! When the process dies: after so many of its acts (commits, calls). From then on nothing it does reaches anybody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// One life of a process.
pub struct Fuse {
    left: AtomicU64,
    blown: AtomicBool,
    news: Notify,
}

impl Fuse {
    /// Dies at this act.
    pub fn new(acts: u64) -> Arc<Fuse> {
        Arc::new(Fuse { left: AtomicU64::new(acts), blown: AtomicBool::default(), news: Notify::new() })
    }

    /// One more act. The dead come no further.
    pub async fn act(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 1 {
            self.blow();
        }
        self.live().await;
    }

    /// The dead come no further.
    pub async fn live(&self) {
        if self.is_blown() {
            std::future::pending::<()>().await;
        }
    }

    pub fn blow(&self) {
        self.left.store(1, Ordering::SeqCst);
        self.blown.store(true, Ordering::SeqCst);
        self.news.notify_one();
    }

    pub fn is_blown(&self) -> bool {
        self.blown.load(Ordering::SeqCst)
    }

    /// Waits for the end.
    pub async fn burn_down(&self) {
        while !self.is_blown() {
            self.news.notified().await;
        }
    }
}
