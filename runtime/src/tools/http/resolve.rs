//! Names to addresses: what was checked is what is connected to, so a name that changes its mind in between
//! (DNS rebinding) gains nothing.

use super::guard::Guard;
use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Where addresses of names come from.
#[async_trait]
pub(crate) trait Lookup: Send + Sync {
    /// The addresses of a name.
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
pub(crate) struct System;

#[async_trait]
impl Lookup for System {
    async fn lookup(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// The resolver of a guarded client.
pub(super) struct Guarded {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) guard: Arc<Guard>,
    /// The proxy's own name, which the project chose.
    pub(super) proxy: Option<String>,
}

/// Why no address of a name may be connected to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(pub(super) String);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, guard) = (self.lookup.clone(), self.guard.clone());
        let name = name.as_str().to_owned();
        let own = self.proxy.as_ref() == Some(&name);
        Box::pin(async move {
            let found = lookup.lookup(&name).await?;
            let open = if own { found } else { guard.reachable(&name, found).map_err(Refused)? };
            let addresses: Addrs = Box::new(open.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}
