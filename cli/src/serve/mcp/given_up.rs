//! Calls that a client has given up. Over stdin and stdout the end of the client ends its calls too, and the library tells
//! the two apart nowhere else: a run is cancelled where its call was given up, and goes on where the client merely left.

use rmcp::model::RequestId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{RwLock, watch};

/// How long a client's last words are waited for behind its end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What one client has said of its calls.
#[derive(Clone)]
pub struct GivenUp {
    calls: watch::Sender<BTreeSet<String>>,
    /// Read as long as a call is under way.
    under_way: Arc<RwLock<()>>,
}

impl GivenUp {
    pub fn new() -> GivenUp {
        GivenUp { calls: watch::Sender::new(BTreeSet::new()), under_way: Arc::default() }
    }

    /// The client gives a call up.
    pub fn add(&self, id: &RequestId) {
        self.calls.send_if_modified(|calls| calls.insert(id.to_string()));
    }

    /// Whether a call that has ended was given up; what the client said of it may be on its way still.
    pub async fn has(&self, id: &RequestId) -> bool {
        let (mut calls, id) = (self.calls.subscribe(), id.to_string());
        let heard = calls.wait_for(|calls| calls.contains(&id));
        tokio::time::timeout(LAST_WORDS, heard).await.is_ok_and(|heard| heard.is_ok())
    }

    /// A call is under way until this is dropped.
    pub async fn under_way(&self) -> impl Drop + use<> {
        Arc::clone(&self.under_way).read_owned().await
    }

    /// Until no call is under way, or for as long as last words take.
    pub async fn rest(&self) {
        let _ = tokio::time::timeout(LAST_WORDS * 2, self.under_way.write()).await;
    }
}
