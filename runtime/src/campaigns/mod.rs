//! Campaigns: what starts flows by itself. By the clock, by events and by webhooks; each start has a key, so it happens
//! once, whoever is restarted in the middle and however many processes run the same campaigns.

mod ticks;
mod webhook;

pub use ticks::Ticks;
pub use webhook::{Hook, Proof, Refusal};

use crate::engine::{Engine, EngineError, LocalEngine, Queued, StartRequest, When};
use crate::journal::Filter;
use crate::machine::NoteKind;
use ecow::EcoString;
use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use weir_compiler::plan::{CampaignPlan, Overlap, Trigger};
use weir_compiler::project::{Config, Missed};
use weir_stdlib::eval::{Env, Program, eval};
use weir_stdlib::narrow;
use weir_stdlib::value::{Labels, Value};

/// How many missed times are made up for at most.
const CATCH_UP: usize = 100;
/// Longest nap: a clock of the computer that was set is noticed.
const NAP: Duration = Duration::from_secs(30);
/// A time that is missed by less is not missed, in milliseconds, with `missed = "skip"`.
const LATE_MS: i64 = 60_000;

/// What campaigns need of the project.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Its name: the scope of keys.
    pub project: EcoString,
    /// `[grants]`
    pub grants: Option<IndexMap<EcoString, Vec<EcoString>>>,
    /// `[flags]`
    pub flags: IndexMap<EcoString, bool>,
    /// `allow_delivery`
    pub allow_delivery: bool,
    /// `[campaigns] missed`
    pub missed: Missed,
}

impl Settings {
    /// What `weir.toml` says.
    pub fn of(config: &Config, project: impl Into<EcoString>) -> Settings {
        Settings {
            project: project.into(),
            grants: config.grants.clone(),
            flags: config.flags.clone(),
            allow_delivery: config.project.allow_delivery,
            missed: config.campaigns.missed,
        }
    }

    /// What a campaign's runs may do: its own entry, its flow's and `*`; without a table what the flow says, but run no
    /// code.
    pub fn grants(&self, campaign: &CampaignPlan) -> Vec<EcoString> {
        let executes = |capability: &&EcoString| capability.ends_with(".exec");
        let Some(flow) = campaign.plan.entry_flow() else { return Vec::new() };
        let Some(table) = &self.grants else {
            return flow.can.iter().filter(|capability| !executes(capability)).cloned().collect();
        };
        let named = [&campaign.name, &flow.name].into_iter().filter_map(|name| table.get(name)).flatten();
        let all = table.get("*").into_iter().flatten().filter(|capability| !executes(capability));
        let mut granted: Vec<EcoString> = named.chain(all).cloned().collect();
        granted.sort();
        granted.dedup();
        granted
    }
}

/// What came of a campaign's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A run was queued, or had been under the same key.
    Started(Queued),
    /// Nothing was started; why.
    Skipped(String),
}

/// The campaigns of a project.
pub struct Campaigns {
    engine: LocalEngine,
    settings: Settings,
    campaigns: Vec<Campaign>,
}

struct Campaign {
    plan: CampaignPlan,
    ticks: Option<Ticks>,
    /// One start at a time, so that `overlap` sees the one before.
    memory: Mutex<Option<Memory>>,
}

/// What has to outlive the process.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Memory {
    /// Up to here it is decided, in milliseconds since 1970.
    seen: i64,
    /// The last run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<EcoString>,
}

impl Campaigns {
    /// These campaigns, on this engine's journal.
    ///
    /// # Errors
    /// One line for each clock that is none; the check of a project has reported them before.
    pub fn new(engine: LocalEngine, plans: Vec<CampaignPlan>, settings: Settings) -> Result<Self, Vec<String>> {
        let (mut campaigns, mut wrong) = (Vec::new(), Vec::new());
        for plan in plans {
            match Ticks::of(&plan.trigger) {
                Ok(ticks) => campaigns.push(Campaign { plan, ticks, memory: Mutex::default() }),
                Err(why) => wrong.push(format!("campaign `{}`: {why}", plan.name)),
            }
        }
        if wrong.is_empty() { Ok(Campaigns { engine, settings, campaigns }) } else { Err(wrong) }
    }

    /// The plans.
    pub fn plans(&self) -> impl Iterator<Item = &CampaignPlan> {
        self.campaigns.iter().map(|campaign| &campaign.plan)
    }

    /// Starts what the clock says until told otherwise.
    pub async fn run(&self, until: impl Future<Output = ()> + Send) {
        let mut until = pin!(until);
        loop {
            let next = match self.tick().await {
                Ok(next) => next,
                Err(error) => {
                    self.engine.lost(&EcoString::new(), &error);
                    None
                }
            };
            let now = self.engine.now();
            let nap = next.map_or(NAP, |next| {
                Duration::from_millis(next.as_millisecond().saturating_sub(now).max(1).try_into().unwrap_or(1)).min(NAP)
            });
            tokio::select! {
                biased;
                () = &mut until => return,
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    /// Starts what is due by the clock now; says when something is due again.
    ///
    /// # Errors
    /// A journal that cannot be read or written: nothing is lost, it is decided again next time.
    pub async fn tick(&self) -> Result<Option<Timestamp>, EngineError> {
        let (mut next, mut failed): (Option<Timestamp>, Option<EngineError>) = (None, None);
        for campaign in &self.campaigns {
            let Some(ticks) = &campaign.ticks else { continue };
            if let Err(error) = self.catch_up(campaign, ticks).await {
                failed.get_or_insert(error);
            }
            let after = ticks.after(Timestamp::from_millisecond(self.engine.now()).unwrap_or_default());
            next = match (next, after) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        failed.map_or(Ok(next), Err)
    }

    async fn catch_up(&self, campaign: &Campaign, ticks: &Ticks) -> Result<(), EngineError> {
        let mut place = campaign.memory.lock().await;
        let now = self.engine.now();
        let known = match place.take() {
            Some(known) => Some(known),
            None => self.recall(campaign)?,
        };
        // The first time: nothing has been missed.
        let mut memory = known.unwrap_or_else(|| Memory { seen: now, last: None });
        let (since, until) = (time(memory.seen), time(now));
        let due = ticks.within(since, until, CATCH_UP + 1);
        for at in self.wanted(campaign, &due, now) {
            let key = format!("campaign {} at {at}", campaign.plan.name);
            self.begin(campaign, &mut memory, Value::NULL, key, Some(at)).await?;
        }
        let changed = !due.is_empty() || memory.seen >= now;
        memory.seen = memory.seen.max(now);
        if changed {
            self.remember(campaign, &memory).await?;
        }
        *place = Some(memory);
        Ok(())
    }

    /// Of the times that have come, oldest first, those that something is started for.
    fn wanted(&self, campaign: &Campaign, due: &[Timestamp], now: i64) -> Vec<Timestamp> {
        let Some(newest) = due.first().copied() else { return Vec::new() };
        let mut wanted: Vec<Timestamp> = match self.settings.missed {
            Missed::All => due.iter().take(CATCH_UP).copied().collect(),
            Missed::Last => vec![newest],
            Missed::Skip if now - newest.as_millisecond() < LATE_MS => vec![newest],
            Missed::Skip => Vec::new(),
        };
        wanted.reverse();
        let missed = due.len() - wanted.len();
        if missed > 0 {
            let many = if due.len() > CATCH_UP { "more than " } else { "" };
            let why = format!("{many}{missed} of its times were missed, the last at {newest}");
            self.skipped(campaign, &why);
        }
        wanted
    }

    /// An event has come in: starts every campaign that it is for. The same id starts once.
    ///
    /// # Errors
    /// A journal that cannot be read or written.
    pub async fn event(&self, name: &str, id: &str, value: &Value) -> Result<Vec<(EcoString, Came)>, EngineError> {
        let mut came = Vec::new();
        for campaign in &self.campaigns {
            if let Trigger::Event { name: wanted, .. } = &campaign.plan.trigger
                && wanted == name
            {
                came.push((campaign.plan.name.clone(), self.called(campaign, id, value).await?));
            }
        }
        Ok(came)
    }

    /// A webhook was called, and the call was found genuine: starts every campaign that it is for. The same id starts
    /// once.
    ///
    /// # Errors
    /// A journal that cannot be read or written.
    pub async fn webhook(&self, path: &str, id: &str, value: &Value) -> Result<Vec<(EcoString, Came)>, EngineError> {
        let mut came = Vec::new();
        for campaign in &self.campaigns {
            if let Trigger::Webhook { path: wanted, .. } = &campaign.plan.trigger
                && wanted == path
            {
                came.push((campaign.plan.name.clone(), self.called(campaign, id, value).await?));
            }
        }
        Ok(came)
    }

    /// The paths of webhooks.
    pub fn hooks(&self) -> impl Iterator<Item = &EcoString> {
        self.campaigns.iter().filter_map(|campaign| match &campaign.plan.trigger {
            Trigger::Webhook { path, .. } => Some(path),
            _ => None,
        })
    }

    async fn called(&self, campaign: &Campaign, id: &str, value: &Value) -> Result<Came, EngineError> {
        let (Trigger::Event { ty, .. } | Trigger::Webhook { ty, .. }) = &campaign.plan.trigger else {
            return Ok(Came::Skipped("it has a clock".into()));
        };
        let value = match narrow(value, ty, &campaign.plan.plan.types) {
            Ok(value) => value.joined(&Labels::NONE.as_untrusted()),
            Err(misfit) => return Ok(self.skipped(campaign, &format!("the event does not fit `{}`: {misfit}", ty.ty))),
        };
        let mut place = campaign.memory.lock().await;
        let known = match place.take() {
            Some(known) => Some(known),
            None => self.recall(campaign)?,
        };
        let mut memory = known.unwrap_or_else(|| Memory { seen: self.engine.now(), last: None });
        let key = format!("campaign {} event {id}", campaign.plan.name);
        let came = self.begin(campaign, &mut memory, value, key, None).await?;
        if matches!(came, Came::Started(_)) {
            self.remember(campaign, &memory).await?;
        }
        *place = Some(memory);
        Ok(came)
    }

    /// Starts a campaign's flow, if nothing speaks against it.
    async fn begin(
        &self,
        campaign: &Campaign,
        memory: &mut Memory,
        event: Value,
        key: String,
        due: Option<Timestamp>,
    ) -> Result<Came, EngineError> {
        let plan = &campaign.plan;
        if let Some(flag) = plan.flag.as_ref().filter(|flag| self.settings.flags.get(*flag) != Some(&true)) {
            return Ok(self.skipped(campaign, &format!("the flag `{flag}` is off")));
        }
        let untrusted = due.is_none();
        let args = match arguments(plan, event) {
            Ok(args) => args,
            Err(why) => return Ok(self.skipped(campaign, &why)),
        };
        let before = self.still_going(plan, memory).await?;
        if let (Overlap::Skip, Some(before)) = (plan.overlap, &before) {
            return Ok(self.skipped(campaign, &format!("run {before} is not over yet (`overlap skip`)")));
        }
        let request = StartRequest {
            key: Some(key.into()),
            args,
            grants: self.settings.grants(plan),
            delivery: plan.delivery && self.settings.allow_delivery,
            flags: self.settings.flags.clone(),
            untrusted,
            ..StartRequest::new(self.settings.project.clone())
        };
        let when = When {
            due,
            source: format!("campaign {}", plan.name).into(),
            priority: plan.priority,
            behind: before.filter(|_| plan.overlap == Overlap::Queue),
        };
        match self.engine.enqueue(Arc::clone(&plan.plan), request, when).await {
            Ok(queued) => {
                if queued.new {
                    let why = due.map_or_else(|| "an event has come in".into(), |due| format!("its time is {due}"));
                    self.tell(campaign, &queued.run_id, NoteKind::CampaignStarted, why);
                }
                memory.last = Some(queued.run_id.clone());
                Ok(Came::Started(queued))
            }
            Err(EngineError::Refused(lines)) => {
                let why = format!("campaign `{}` cannot start its flow: {}", plan.name, lines.join("; "));
                self.tell(campaign, "", NoteKind::Alert, why.clone());
                Ok(Came::Skipped(why))
            }
            Err(error) => Err(error),
        }
    }

    /// The last run, where it is not over.
    async fn still_going(&self, plan: &CampaignPlan, memory: &Memory) -> Result<Option<EcoString>, EngineError> {
        let Some(last) = memory.last.as_ref().filter(|_| plan.overlap != Overlap::Allow) else { return Ok(None) };
        let found = self.engine.list(&Filter { id: Some(last.clone()), unfinished: true, ..Filter::default() }).await?;
        Ok(found.first().map(|run| run.run_id.clone()))
    }

    fn skipped(&self, campaign: &Campaign, why: &str) -> Came {
        self.tell(campaign, "", NoteKind::CampaignSkipped, format!("campaign `{}`: {why}", campaign.plan.name));
        Came::Skipped(why.to_owned())
    }

    fn tell(&self, campaign: &Campaign, run_id: &str, event: NoteKind, reason: String) {
        let flow = campaign.plan.plan.entry_flow().map(|flow| flow.name.clone()).unwrap_or_default();
        self.engine.tell_of(&run_id.into(), &flow, event, reason);
    }

    fn recall(&self, campaign: &Campaign) -> Result<Option<Memory>, EngineError> {
        let text = self.engine.recall(&memory_name(campaign))?;
        // What cannot be read has been written by another version: begin as if it were new.
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    async fn remember(&self, campaign: &Campaign, memory: &Memory) -> Result<(), EngineError> {
        let text = serde_json::to_string(memory).unwrap_or_default();
        self.engine.remember(&memory_name(campaign), text).await
    }
}

fn memory_name(campaign: &Campaign) -> String {
    format!("campaign {}", campaign.plan.name)
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

/// The event of a campaign, in slot 0.
struct Event(Value);

impl Env for Event {
    fn slot(&self, _up: u16, at: u16) -> Option<&Value> {
        (at == 0).then_some(&self.0)
    }
}

/// The arguments that a campaign starts its flow with.
fn arguments(campaign: &CampaignPlan, event: Value) -> Result<Value, String> {
    let plan = &campaign.plan;
    let program = Program { functions: &plan.functions, types: &plan.types };
    let args = eval(&campaign.args, &Event(event), &program)
        .map_err(|raise| format!("its arguments cannot be worked out: {}", raise.message))?;
    match crate::engine::check_args(plan, &args) {
        lines if lines.is_empty() => Ok(args),
        lines => Err(lines.join("; ")),
    }
}
