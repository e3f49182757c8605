//! Campaigns over a given clock: jumps of the clock, restarts in the middle, missed times, overlaps, events, grants.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that fails may panic"
)]

use async_trait::async_trait;
use ecow::EcoString;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use weir_compiler::plan::CampaignPlan;
use weir_compiler::project::{Config, Missed, ProjectSource, SourceFile};
use weir_runtime::campaigns::{Came, Campaigns, Settings};
use weir_runtime::dispatch::{self, Dispatcher};
use weir_runtime::engine::{Clock, Engine, LocalEngine, Toolbox};
use weir_runtime::journal::{Filter, Journal, MemoryJournal, SqliteJournal};
use weir_runtime::machine::{NoteKind, Status};
use weir_runtime::observe::Observed;
use weir_runtime::tool::{Call, Fault, Tool};
use weir_stdlib::value::Value;

const TOOLS: &str = r#"
tool crm.add(q: string) -> { id: string } can crm.write
tool mail.send(to: trusted string) -> { id: string } can mail.send
coordinator onboard(q: string) -> string can crm.write {
  made = crm.add(q)
  return made.id
}
coordinator asks(q: string) -> bool { yes = ask "go on?" as bool return yes }
"#;

fn plans(campaigns: &str) -> Vec<CampaignPlan> {
    let text = format!("{TOOLS}{campaigns}");
    let file = SourceFile { path: "a.flow".into(), module: "a".into(), text };
    let checked = weir_compiler::check(ProjectSource { files: vec![file], ..ProjectSource::default() });
    let wrong: Vec<_> = checked.diagnostics.iter().map(|one| one.message.to_string()).collect();
    checked.campaigns().unwrap_or_else(|| panic!("{wrong:?}"))
}

/// A clock that is set by hand.
struct Hands(Mutex<Timestamp>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Crm;

#[async_trait]
impl Tool for Crm {
    fn describe(&self) -> Vec<EcoString> {
        ["add", "send"].map(Into::into).to_vec()
    }

    async fn call(&self, call: &Call) -> Result<Value, Fault> {
        Ok(Value::record([("id", Value::text(call.args.to_json()))]))
    }
}

struct World {
    clock: Arc<Hands>,
    engine: LocalEngine,
    watch: tokio::sync::mpsc::UnboundedReceiver<Observed>,
}

fn world_on(journal: Arc<dyn Journal>, now: &str) -> World {
    let clock = Arc::new(Hands(Mutex::new(now.parse().unwrap())));
    let tools = Toolbox::new().with("crm", Arc::new(Crm)).with("mail", Arc::new(Crm));
    let engine = LocalEngine::new(journal, tools).with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
    let watch = engine.watch();
    World { clock, engine, watch }
}

fn world(now: &str) -> World {
    world_on(Arc::new(MemoryJournal::new()), now)
}

fn settings() -> Settings {
    Settings { project: "p".into(), ..Settings::default() }
}

impl World {
    fn campaigns(&self, text: &str, settings: Settings) -> Campaigns {
        Campaigns::new(self.engine.clone(), plans(text), settings).unwrap()
    }

    fn set(&self, now: &str) {
        *self.clock.0.lock().unwrap() = now.parse().unwrap();
    }

    fn pass(&self, minutes: i64) {
        let mut now = self.clock.0.lock().unwrap();
        *now += SignedDuration::from_mins(minutes);
    }

    /// Reasons of what was seen since.
    fn seen(&mut self, kind: NoteKind) -> Vec<String> {
        let all = std::iter::from_fn(|| self.watch.try_recv().ok());
        all.filter(|one| one.event == kind).map(|one| one.reason.unwrap_or_default()).collect()
    }

    async fn runs(&self, status: &str) -> usize {
        let status = if status.is_empty() { vec![] } else { vec![status.into()] };
        self.engine.list(&Filter { status, ..Filter::default() }).await.unwrap().len()
    }

    /// Carries out everything that is due.
    async fn work(&self) {
        let dispatcher = Dispatcher::new(self.engine.clone(), dispatch::Settings::default());
        dispatcher.run(tokio::time::sleep(Duration::from_millis(100))).await;
    }
}

#[tokio::test]
async fn what_the_clock_says_is_started_once_however_often_the_process_is_restarted() {
    let text = r#"campaign daily { cron "30 2 * * *" zone "Europe/Oslo" overlap allow run onboard(q: "x") }"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("weir.db");
    let mut now: Timestamp = "2026-03-27T12:00:00Z".parse().unwrap();
    let mut started = Vec::new();
    // Every half hour another process, over the jump of the clock; two of them side by side.
    for _ in 0..150 {
        let mut world = world_on(Arc::new(SqliteJournal::open(&file).unwrap()), &now.to_string());
        let (one, two) = (world.campaigns(text, settings()), world.campaigns(text, settings()));
        let (a, b) = tokio::join!(one.tick(), two.tick());
        assert_eq!(a.unwrap(), b.unwrap());
        started.extend(world.seen(NoteKind::CampaignStarted));
        now += SignedDuration::from_mins(30);
    }
    let expected = ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"];
    assert_eq!(started, expected.map(|at| format!("its time is {at}")));
    let world = world_on(Arc::new(SqliteJournal::open(&file).unwrap()), &now.to_string());
    assert_eq!(world.runs("queued").await, 3);
    world.work().await;
    assert_eq!(world.runs("succeeded").await, 3);
}

#[tokio::test]
async fn of_missed_times_the_project_says_which_are_made_up_for() {
    let text = r#"campaign hourly { cron "0 * * * *" overlap allow run onboard(q: "x") }"#;
    for (missed, expected) in [(Missed::Last, 1), (Missed::Skip, 0), (Missed::All, 6)] {
        let mut world = world("2026-11-21T06:30:00Z");
        world.campaigns(text, settings()).tick().await.unwrap();
        assert_eq!(world.runs("").await, 0, "nothing is missed before the first time");
        world.set("2026-11-21T12:30:00Z");
        let campaigns = world.campaigns(text, Settings { missed, ..settings() });
        let next = campaigns.tick().await.unwrap();
        assert_eq!(next, Some("2026-11-21T13:00:00Z".parse().unwrap()));
        assert_eq!(world.runs("queued").await, expected, "{missed:?}");
        let skipped = world.seen(NoteKind::CampaignSkipped);
        assert_eq!(skipped.len(), usize::from(expected < 6), "{skipped:?}");
        campaigns.tick().await.unwrap();
        world.set("2026-11-21T13:00:01Z");
        campaigns.tick().await.unwrap();
        assert_eq!(world.runs("queued").await, expected + 1, "{missed:?}");
    }
}

#[tokio::test]
async fn when_the_last_run_is_not_over_the_campaign_says_what_happens() {
    for (overlap, queued, going) in [("skip", 0, 1), ("queue", 2, 1), ("allow", 0, 3)] {
        let text = format!("campaign often {{ every 15m overlap {overlap} run asks(q: \"x\") }}");
        let mut world = world("2026-11-21T10:00:00Z");
        let campaigns = world.campaigns(&text, settings());
        campaigns.tick().await.unwrap();
        for _ in 0..3 {
            world.pass(15);
            campaigns.tick().await.unwrap();
            world.work().await;
        }
        assert_eq!((world.runs("queued").await, world.runs("waiting").await), (queued, going), "{overlap}");
        let skipped = world.seen(NoteKind::CampaignSkipped);
        assert_eq!(skipped.len(), if overlap == "skip" { 2 } else { 0 }, "{skipped:?}");
        // One after the other, in order.
        let waiting = world.engine.list(&Filter { status: vec!["waiting".into()], ..Filter::default() }).await.unwrap();
        world.engine.answer(&waiting[0].run_id, "yes", Value::bool(true)).await.unwrap();
        world.work().await;
        world.pass(15);
        campaigns.tick().await.unwrap();
        world.work().await;
        let going = if overlap == "allow" { going } else { 1 };
        assert_eq!(world.runs("waiting").await, going, "{overlap}");
    }
}

#[tokio::test]
async fn flags_gate_grants_and_priority_are_the_campaigns() {
    let text = r#"
campaign gated { every 1h flag "on" run onboard(q: "gated") }
campaign told { every 1h delivery on priority 7 run tells(who: "ann") }
delivery greets(who: trusted string) can mail.send { key "k-{who}" mail.send(to: who) }
coordinator tells(who: trusted string) -> string can mail.send {
  sent = greets(who)
  return sent.status
}"#;
    let config = "[project]\nallow_delivery = true\n[flags]\non = true\n[grants]\n\"a.told\" = [\"mail.send\"]\n\
                  \"*\" = [\"crm.write\", \"x.exec\"]\n";
    let open = Settings::of(&Config::parse(config).unwrap(), "p");
    for (settings, runs, sent) in [(settings(), 1, "\"disabled\""), (open, 2, "\"sent\"")] {
        let world = world("2026-11-21T10:30:00Z");
        let campaigns = world.campaigns(text, settings.clone());
        campaigns.tick().await.unwrap();
        world.pass(30);
        campaigns.tick().await.unwrap();
        world.work().await;
        let found = world.engine.list(&Filter::default()).await.unwrap();
        assert_eq!(found.len(), runs);
        let told = found.iter().find(|run| run.flow == "a.tells").unwrap();
        let envelope = world.engine.status(&told.run_id).await.unwrap();
        assert_eq!((envelope.metadata.status, envelope.records[0].value.to_json().as_str()), (Status::Succeeded, sent));
        let mut granted = settings.grants(campaigns.plans().find(|plan| plan.name == "a.told").unwrap());
        granted.sort();
        let expected: &[&str] = if runs == 2 { &["crm.write", "mail.send"] } else { &["mail.send"] };
        assert_eq!(granted, expected);
    }
    assert_eq!(plans(text)[1].priority, Some(7));
}

#[tokio::test]
async fn an_event_starts_what_is_for_it_once_and_only_where_it_fits() {
    let text = r#"
campaign lead { on event "lead.created" as { email: string } overlap allow run onboard(q: "lead {event.email}") }
campaign hook { on webhook "/hooks/leads" as { email: string } overlap allow run onboard(q: lower(event.email)) }
campaign late { every 1h run onboard(q: "x") }"#;
    let world = world("2026-11-21T10:30:00Z");
    let campaigns = world.campaigns(text, settings());
    let lead = |email: &str| Value::record([("email", Value::text(email)), ("more", Value::int(1))]);
    let first = campaigns.event("lead.created", "e1", &lead("ann@a.test")).await.unwrap();
    assert_eq!(first.len(), 1);
    assert!(matches!(&first[0], (name, Came::Started(run)) if name == "a.lead" && run.new), "{first:?}");
    let again = world.campaigns(text, settings()).event("lead.created", "e1", &lead("bob@a.test")).await.unwrap();
    assert!(matches!(&again[0].1, Came::Started(run) if !run.new), "{again:?}");
    let other = campaigns.event("lead.created", "e2", &Value::record([("email", Value::int(1))])).await.unwrap();
    assert!(matches!(&other[0].1, Came::Skipped(why) if why.contains("does not fit")), "{other:?}");
    assert!(campaigns.event("lead.deleted", "e3", &lead("x")).await.unwrap().is_empty());
    assert_eq!(campaigns.hooks().collect::<Vec<_>>(), ["/hooks/leads"]);
    assert_eq!(campaigns.webhook("/hooks/leads", "h1", &lead("ANN")).await.unwrap().len(), 1);
    assert!(campaigns.webhook("/hooks/other", "h1", &lead("ANN")).await.unwrap().is_empty());
    world.work().await;
    let mut values = Vec::new();
    for run in world.engine.list(&Filter::default()).await.unwrap() {
        values.push(world.engine.status(&run.run_id).await.unwrap().records[0].value.to_json());
    }
    values.sort();
    assert_eq!(values, [r#""{\"q\":\"ann\"}""#, r#""{\"q\":\"lead ann@a.test\"}""#]);
}

#[tokio::test]
async fn a_campaign_that_cannot_start_raises_an_alert_and_others_go_on() {
    let text = r#"
tool other.call(q: string) can other.write
coordinator lacks() can other.write { other.call(q: "x") }
campaign broken { every 1h run lacks() }
campaign fine { every 1h run onboard(q: "x") }"#;
    let mut world = world("2026-11-21T10:30:00Z");
    let campaigns = world.campaigns(text, settings());
    campaigns.tick().await.unwrap();
    world.pass(30);
    campaigns.tick().await.unwrap();
    assert_eq!(world.runs("queued").await, 1);
    let alerts = world.seen(NoteKind::Alert);
    assert!(alerts.len() == 1 && alerts[0].contains("add `[tools.other]`"), "{alerts:?}");
}
