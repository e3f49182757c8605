//! One session with a server: what it offers, whether that is still what was locked, and its end.

use super::fate::Fate;
use super::listing::{self, Live};
use super::start::Running;
use crate::process::Group;
use crate::servers::drift;
use crate::tool::Fault;
use ecow::EcoString;
use rmcp::model::{ProtocolVersion, SubscriptionFilter};
use rmcp::{Peer, RoleClient};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use weir_compiler::registry::Definition;

/// How long a server may take to end by itself.
const GOODBYE: Duration = Duration::from_secs(2);

/// A live session.
pub(super) struct Session {
    pub name: EcoString,
    pub peer: Peer<RoleClient>,
    pub fate: Arc<Fate>,
    running: Mutex<Option<Running>>,
    group: Option<Group>,
    /// How often the server has said that its tools changed.
    changes: Arc<AtomicU64>,
    live: tokio::sync::Mutex<Option<(u64, Arc<Live>)>>,
    /// Definitions that were compared, with the listing that they were compared with.
    compared: Mutex<BTreeMap<EcoString, (u64, Arc<Definition>)>>,
}

impl Session {
    pub(super) fn new(
        name: &str,
        running: Running,
        fate: Arc<Fate>,
        group: Option<Group>,
        changes: Arc<AtomicU64>,
    ) -> Self {
        let peer = running.peer().clone();
        tokio::spawn(listen(peer.clone(), Arc::clone(&fate), Arc::clone(&changes)));
        Session {
            name: name.into(),
            peer,
            fate,
            running: Mutex::new(Some(running)),
            group,
            changes,
            live: tokio::sync::Mutex::default(),
            compared: Mutex::default(),
        }
    }

    /// Whether calls can go through it.
    pub(super) fn alive(&self) -> bool {
        !self.fate.is_over() && !self.peer.is_transport_closed()
    }

    /// The protocol that was agreed on.
    pub(super) fn protocol(&self) -> Option<String> {
        Some(self.peer.peer_info()?.protocol_version.to_string())
    }

    /// What the server offers; asked once, and again when it says that this changed.
    pub(super) async fn live(&self) -> Result<Arc<Live>, Fault> {
        let mut kept = self.live.lock().await;
        let changes = self.changes.load(Ordering::SeqCst);
        if let Some((seen, live)) = kept.as_ref()
            && *seen == changes
        {
            return Ok(Arc::clone(live));
        }
        let live = Arc::new(listing::ask(self).await?);
        *kept = Some((changes, Arc::clone(&live)));
        Ok(live)
    }

    /// Asks again, whatever is known.
    pub(super) async fn ask_again(&self) -> Result<Arc<Live>, Fault> {
        self.live.lock().await.take();
        self.live().await
    }

    /// Compares a tool's locked definition with the live one, before its first call and after each change.
    pub(super) fn compare(&self, tool: &EcoString, locked: &Arc<Definition>, live: &Live) -> Result<(), Fault> {
        let changes = self.changes.load(Ordering::SeqCst);
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, known)) = compared.get(tool)
            && *seen == changes
            && Arc::ptr_eq(known, locked)
        {
            return Ok(());
        }
        let now = live.listing.tools.get(tool);
        match drift(&format!("{}.{tool}", self.name), locked, now) {
            None => {
                compared.insert(tool.clone(), (changes, Arc::clone(locked)));
                Ok(())
            }
            Some(difference) => Err(Fault::clean("permission", difference)),
        }
    }

    /// Ends the session: politely for at most [`GOODBYE`], then the process group.
    pub(super) async fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut running) = running {
            let polite = async {
                let _ = running.close_with_timeout(GOODBYE).await;
                if self.group.is_some() {
                    self.fate.over().await;
                }
            };
            let _ = tokio::time::timeout(GOODBYE, polite).await;
        }
        self.end("it was closed");
    }

    /// Ends it at once.
    pub(super) fn end(&self, why: &str) {
        self.fate.end(why);
        if let Some(group) = &self.group {
            group.kill();
        }
    }
}

/// Servers of the new protocol say that their tools changed only to those who listen; those of the old one just say so.
async fn listen(peer: Peer<RoleClient>, fate: Arc<Fate>, changes: Arc<AtomicU64>) {
    let Some(info) = peer.peer_info() else { return };
    let tells = info.capabilities.tools.as_ref().is_some_and(|tools| tools.list_changed == Some(true));
    if !tells || info.protocol_version < ProtocolVersion::V_2026_07_28 {
        return;
    }
    let told = async {
        let mut heard = peer.listen(SubscriptionFilter::builder().tools_list_changed().build()).await.ok()?;
        while let Ok(Some(_)) = heard.next().await {
            changes.fetch_add(1, Ordering::SeqCst);
        }
        Some(())
    };
    tokio::select! {
        _ = told => {}
        () = fate.over() => {}
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.fate.end("it was closed");
    }
}
