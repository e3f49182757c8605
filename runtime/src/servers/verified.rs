//! A server whose tools are held against the lock file before the first call (T4): a definition that has changed since
//! is never called. It may have several instances; each is held against the lock for itself, and one that differs is
//! left out.

use super::{Instances, Server, drift};
use crate::tool::{Call, Continuation, Fault, Outcome, Tool};
use async_trait::async_trait;
use ecow::EcoString;
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use weir_compiler::registry::{Definition, Listing};
use weir_stdlib::value::Value;

/// How long an instance that has changed is left alone before it is asked again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long an instance that was the same counts as such; then it is asked again while work goes on.
const FRESH: Duration = Duration::from_secs(300);

/// A server, and what the lock file says of the tools that a run can call.
pub struct Verified {
    instances: Vec<Arc<Instance>>,
}

/// One instance of it.
struct Instance {
    /// Empty for the only one.
    name: EcoString,
    server: Arc<dyn Server>,
    /// Full name, own name, definition.
    locked: Arc<[(EcoString, EcoString, Arc<Definition>)]>,
    patience: Duration,
    known: Mutex<Option<Known>>,
    /// Only one asks at a time.
    asking: tokio::sync::Mutex<()>,
}

/// What an instance was when it was asked.
#[derive(Clone)]
struct Known {
    at: Instant,
    /// The line of each tool that has changed.
    changes: Arc<[String]>,
}

/// Why a server is not, or not yet, what the lock file says.
#[derive(Debug)]
pub enum Unverified {
    /// It has changed: a line a tool.
    Drifted(Vec<String>),
    /// It could not be asked.
    Silent(Fault),
}

impl Verified {
    /// Nothing is asked yet. `locked` are the tools that can be called, by their full names; `patience` is how long the
    /// server may take to say what it offers.
    pub fn new(server: Arc<dyn Server>, locked: Vec<(EcoString, Arc<Definition>)>, patience: Duration) -> Self {
        Verified::several(vec![(EcoString::new(), server)], locked, patience)
    }

    /// The same with several instances, by name.
    pub fn several(servers: Instances, locked: Vec<(EcoString, Arc<Definition>)>, patience: Duration) -> Self {
        let own = |name: &EcoString| name.split_once('.').map_or(name.as_str(), |(_, own)| own).into();
        let locked: Arc<[_]> =
            locked.into_iter().map(|(name, definition)| (name.clone(), own(&name), definition)).collect();
        let one = |(name, server)| {
            let (known, asking) = Default::default();
            Arc::new(Instance { name, server, locked: Arc::clone(&locked), patience, known, asking })
        };
        Verified { instances: servers.into_iter().map(one).collect() }
    }

    /// Asks its instances what they offer now, where that is not known, and compares that. One that had changed is asked
    /// again, so that it heals; one that was asked long ago is asked again while the answer of then still counts. Gives a
    /// line for each instance that is left out.
    ///
    /// # Errors
    /// [`Unverified`], where no instance can be called; a server that could not be asked is asked again the next time.
    pub async fn verify(&self) -> Result<Vec<String>, Unverified> {
        let asked = join_all(self.instances.iter().map(|instance| instance.verify())).await;
        if let [_] = asked.as_slice() {
            return asked.into_iter().next().map_or(Ok(Vec::new()), |one| one.map(|()| Vec::new()));
        }
        let (mut left_out, mut first, mut well) = (Vec::new(), None, false);
        for (instance, came) in self.instances.iter().zip(asked) {
            let Err(why) = came else {
                well = true;
                continue;
            };
            left_out.push(format!("the instance {} is left out: {why}", instance.name));
            // One that is only down may be there when it is called.
            if first.is_none() || matches!(why, Unverified::Silent(_)) {
                first = Some(why);
            }
        }
        match first {
            Some(why) if !well => Err(why),
            _ => Ok(left_out),
        }
    }

    /// Its instances.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<dyn Server>> {
        self.instances.iter().map(|instance| &instance.server)
    }

    /// The instance of that name; for calls that name none, and servers that have one, the first.
    fn instance(&self, name: &str) -> Result<&Arc<Instance>, Fault> {
        let found = self.instances.iter().find(|instance| instance.name == name);
        let found = found.or_else(|| self.instances.first().filter(|_| name.is_empty()));
        found.ok_or_else(|| Fault::clean("unavailable", format!("there is no instance `{name}` of this server")))
    }
}

impl std::fmt::Display for Unverified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unverified::Drifted(lines) => f.write_str(&lines.join("; ")),
            Unverified::Silent(fault) => f.write_str(&fault.message),
        }
    }
}

impl Instance {
    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known and recent enough.
    fn recent(&self) -> Option<Known> {
        let known = self.known().clone()?;
        let fresh = known.changes.is_empty() || known.at.elapsed() < AGAIN;
        fresh.then_some(known)
    }

    async fn verify(self: &Arc<Self>) -> Result<(), Unverified> {
        if self.locked.is_empty() {
            return Ok(());
        }
        if let Some(known) = self.recent() {
            if known.at.elapsed() > FRESH {
                let me = Arc::clone(self);
                tokio::spawn(async move { drop(me.ask_anew(Instant::now()).await) });
            }
            return told(&known);
        }
        self.ask_anew(Instant::now()).await.map_err(Unverified::Silent).and_then(|known| told(&known))
    }

    /// Asks, unless somebody has since the given time.
    async fn ask_anew(&self, since: Instant) -> Result<Known, Fault> {
        let _one = self.asking.lock().await;
        if let Some(known) = self.recent().filter(|known| known.at >= since) {
            return Ok(known);
        }
        let listed = tokio::time::timeout(self.patience, self.server.list()).boxed().await;
        let listing = listed.map_err(|_| {
            let message = format!("it did not say what it offers within {} s", self.patience.as_secs());
            Fault::clean("timeout", message)
        })??;
        Ok(self.compare(&listing))
    }

    /// Remembers what is different from the lock file.
    fn compare(&self, listing: &Listing) -> Known {
        let changed = self.locked.iter().filter_map(|(full, own, locked)| drift(full, locked, listing.tools.get(own)));
        let known = Known { at: Instant::now(), changes: changed.collect() };
        *self.known() = Some(known.clone());
        known
    }

    /// Whether its tools may be called.
    async fn permit(self: &Arc<Self>) -> Result<(), Fault> {
        self.verify().await.map_err(|why| match why {
            Unverified::Drifted(lines) => Fault::clean("permission", lines.join("; ")),
            Unverified::Silent(fault) => fault,
        })
    }

    /// A call was refused: perhaps since its tool has changed, which the others then need not try.
    async fn suspect(&self, fault: &Fault) {
        if fault.code == "permission" && fault.happened == crate::tool::Happened::No {
            let _ = self.ask_anew(Instant::now()).await;
        }
    }
}

fn told(known: &Known) -> Result<(), Unverified> {
    if known.changes.is_empty() { Ok(()) } else { Err(Unverified::Drifted(known.changes.to_vec())) }
}

#[async_trait]
impl Tool for Verified {
    fn describe(&self) -> Vec<EcoString> {
        self.instances.first().map(|instance| instance.server.describe()).unwrap_or_default()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        let instance = self.instance(&call.instance)?;
        instance.permit().await?;
        instance.server.call(call).await
    }

    async fn attempt(&self, call: &Call, rest: Option<&Continuation>) -> Result<Outcome, Fault> {
        let instance = self.instance(&call.instance)?;
        instance.permit().await?;
        let came = instance.server.attempt(call, rest).await;
        if let (Err(fault), true) = (&came, self.instances.len() > 1) {
            instance.suspect(fault).await;
        }
        came
    }

    fn instances(&self) -> Vec<EcoString> {
        let several = self.instances.iter().filter(|_| self.instances.len() > 1);
        several.map(|instance| instance.name.clone()).collect()
    }

    fn is_out(&self, instance: &str) -> bool {
        self.instance(instance)
            .is_ok_and(|instance| instance.known().as_ref().is_some_and(|known| !known.changes.is_empty()))
    }

    async fn look(&self, instance: &str) -> Result<(), Fault> {
        let instance = self.instance(instance)?;
        if let Some(listing) = instance.server.health().await?
            && !instance.locked.is_empty()
        {
            instance.compare(&listing);
        }
        Ok(())
    }

    async fn restart(&self, instance: &str) {
        if let Ok(instance) = self.instance(instance) {
            instance.server.close().await;
        }
    }
}
