//! The run itself: an engine with journal and tools, what it tells on the way, and Ctrl-C.

use super::keyboard::Keyboard;
use super::summary::Around;
use super::watch::Watch;
use crate::commands::runs::said;
use crate::escape;
use crate::exit::{Error, Exit};
use crate::interrupts::Interrupts;
use crate::out;
use crate::servers::{self, Outside, Tools};
use async_trait::async_trait;
use ecow::EcoString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use weir_compiler::plan::Plan;
use weir_compiler::project::{Durability as Wanted, RunsSection};
use weir_runtime::audit::{Entry, What};
use weir_runtime::engine::{Engine, EngineError, LocalEngine, Signal, StartRequest, Toolbox};
use weir_runtime::envelope::Envelope;
use weir_runtime::journal::{
    Durability, EphemeralJournal, Filter, Journal, JournalError, MemoryJournal, SqliteJournal,
};
use weir_runtime::limits::Limits;
use weir_runtime::machine::Decision;
use weir_runtime::tool::Fault;
use weir_runtime::tools::{RunControl, RunControlSlot};
use weir_runtime::traces::{Exporter, Otlp};
use weir_stdlib::value::Value;

/// How long the end of a command waits for the collector of traces.
pub const FLUSH: Duration = Duration::from_secs(2);

/// Everything that a run needs.
pub struct Prepared {
    /// The program.
    pub plan: Arc<Plan>,
    /// What is done.
    pub work: Work,
    /// The built-in tools.
    pub builtin: Tools,
    /// The servers outside that it can call.
    pub outside: Outside,
    /// What the servers are limited to.
    pub limits: Vec<(EcoString, Limits)>,
    /// Where the engine lends itself to `runs.cancel`.
    pub control: RunControlSlot,
    /// The project's folder.
    pub root: PathBuf,
    /// How runs are kept.
    pub runs: RunsSection,
}

/// What a run is made to do.
pub enum Work {
    /// It starts; its id is set.
    Start(Box<StartRequest>),
    /// It goes on, paused or not.
    Resume(EcoString),
    /// It is told something, then goes on.
    Tell(EcoString, Saying),
    /// It starts again from the step that failed it.
    Retry(EcoString, Option<Value>),
}

/// What a run is told.
pub enum Saying {
    /// The answer to the question of a step.
    Answer(String, Value),
    /// What becomes of a step that waits for an operator.
    Decide(String, Decision),
    /// An event.
    Signal(Signal),
    /// It ends.
    Cancel(String),
}

impl Work {
    fn ephemeral(&self) -> bool {
        matches!(self, Work::Start(request) if request.ephemeral)
    }

    /// The run that is meant, where its id is known.
    fn run_id(&self) -> Option<EcoString> {
        match self {
            Work::Start(request) => request.run_id.clone(),
            Work::Resume(run_id) | Work::Tell(run_id, _) => Some(run_id.clone()),
            Work::Retry(..) => None,
        }
    }

    /// What is said where another process has the run.
    fn elsewhere(&self) -> &'static str {
        match self {
            Work::Tell(..) => "it was told there",
            _ => "nothing is done here",
        }
    }

    /// The envelope, and whether another process has the run.
    async fn done_by(self, engine: LocalEngine, plan: Arc<Plan>) -> Result<(Envelope, bool), EngineError> {
        match self {
            Work::Start(request) => engine.start(plan, *request).await.map(|envelope| (envelope, false)),
            Work::Retry(run_id, args) => engine.retry(&run_id, args).await.map(|envelope| (envelope, false)),
            Work::Resume(run_id) => {
                engine.unpause(&run_id).await?;
                engine.carry_on_or_leave(&run_id).await
            }
            Work::Tell(run_id, saying) => {
                let cancels = matches!(saying, Saying::Cancel(_));
                match saying {
                    Saying::Answer(step, value) => engine.answer(&run_id, &step, value).await?,
                    Saying::Decide(step, decision) => engine.decide(&run_id, &step, decision).await?,
                    Saying::Signal(signal) => engine.signal(&run_id, signal).await?,
                    Saying::Cancel(reason) => engine.cancel(&run_id, &reason).await?,
                }
                let (mut envelope, held) = engine.carry_on_or_leave(&run_id).await?;
                if cancels {
                    envelope.metadata.also_cancelled = engine.cancelled_with(&run_id).await?;
                }
                Ok((envelope, held))
            }
        }
    }
}

/// Runs to the end, or until only a person or an event can bring it further.
pub fn follow(prepared: Prepared, around: Around, events: bool) -> Result<(Envelope, Around), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::failed(format!("cannot start threads: {error}")))?;
    let ended = runtime.block_on(drive(prepared, around, events));
    // A thread that waits at the keyboard is not waited for.
    runtime.shutdown_background();
    ended
}

async fn drive(prepared: Prepared, around: Around, events: bool) -> Result<(Envelope, Around), Error> {
    let outside = prepared.outside.clone();
    let mut interrupts = Interrupts::new();
    let ended = tokio::select! {
        biased;
        by = interrupts.next() => Err(Error { exit: Exit::Cancelled, ..Error::failed(format!("{by}: nothing was called")) }),
        verified = servers::verify(&outside) => verified,
    };
    let ended = match ended {
        Ok(down) => {
            down.iter().for_each(|line| out::note_line(&escape::lines(line)));
            attend(prepared, around, events, &mut interrupts).await
        }
        Err(error) => Err(error),
    };
    servers::close(outside.values().flat_map(|server| server.servers())).await;
    ended
}

/// The run itself, once its servers are known to be what they were.
async fn attend(
    prepared: Prepared,
    mut around: Around,
    events: bool,
    interrupts: &mut Interrupts,
) -> Result<(Envelope, Around), Error> {
    let journal = journal(&prepared.root, prepared.work.ephemeral(), prepared.runs.durability)
        .map_err(|error| Error::failed(error.to_string()))?;
    let flow = prepared.plan.entry_flow().map(|flow| flow.name.to_string()).unwrap_or_default();
    let mut watch = Watch::new(&flow, events);
    let mut toolbox = Toolbox::new();
    prepared.builtin.into_iter().for_each(|(name, server)| toolbox.add(name, server));
    prepared.outside.into_iter().for_each(|(name, server)| toolbox.add(name, server));
    prepared.limits.into_iter().for_each(|(name, limits)| toolbox.limit(name, limits));
    if let Work::Start(request) = &prepared.work {
        request.run_id.iter().for_each(|run_id| watch.expect(run_id));
        tell_of_cut_off(&*journal, &watch);
    }
    forget_old(&*journal, prepared.runs.keep);
    let mut engine = LocalEngine::new(journal, toolbox).by(user());
    if !events && out::can_ask() {
        engine = engine.with_answerer(Arc::new(Keyboard::new(prepared.plan.types.clone(), watch.line())));
    }
    let control: Arc<dyn RunControl> = Arc::new(Control(engine.clone()));
    prepared.control.fill(&control);
    let mut observed = engine.watch();
    let exporter = exporter(&engine, &|problem| watch.aside(problem));
    let (own, elsewhere) = (prepared.work.run_id(), prepared.work.elsewhere());
    let run = prepared.work.done_by(engine.clone(), Arc::clone(&prepared.plan));
    let run = async {
        let (envelope, held) = run.await?;
        // Whoever comes next may come late: what archivers could not keep is tried once more.
        let left = engine.try_outboxes(&envelope.metadata.run_id).await;
        Ok((envelope, held, left.unwrap_or_default()))
    };
    tokio::pin!(run);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut run => break ended,
            Some(one) = observed.recv() => watch.see(&one),
            by = interrupts.next() => {
                if around.interrupted {
                    leave();
                }
                around.interrupted = true;
                cancel_all(&engine, &watch, by);
            }
        }
    };
    while let Ok(one) = observed.try_recv() {
        watch.see(&one);
    }
    if let Some(exporter) = exporter {
        let lost = exporter.end(FLUSH).await;
        if lost > 0 {
            watch.aside(&format!("{lost} spans of its trace did not reach the collector"));
        }
    }
    if let Ok((_, _, left @ 1..)) = ended {
        let runs = if left == 1 { "1 run".to_owned() } else { format!("{left} runs") };
        watch.aside(&format!("{runs} of archivers failed and wait for the next try: `weir serve` makes it"));
    }
    let own = own.or_else(|| watch.under_way().into_iter().next());
    around.gated = watch.end();
    match ended {
        Ok((envelope, held, _)) => {
            around.elsewhere = Some(elsewhere).filter(|_| held && !envelope.metadata.status.is_final());
            Ok((envelope, around))
        }
        Err(error) => {
            let known = known(&engine, own.as_deref(), &error).await;
            let error = said(error);
            let Some(envelope) = known else { return Err(error) };
            around.broke = Some(error);
            Ok((envelope, around))
        }
    }
}

/// How a run was that broke off: as its journal says, else as its loop knew it last. None: there is no such run, or nothing
/// was done about it.
async fn known(engine: &LocalEngine, run_id: Option<&str>, error: &EngineError) -> Option<Envelope> {
    let broke = matches!(
        error,
        EngineError::Journal { .. } | EngineError::Held(_) | EngineError::Damaged { .. } | EngineError::Broken(_)
    );
    let run_id = run_id.filter(|_| broke)?;
    match engine.status(run_id).await {
        Ok(envelope) => Some(envelope),
        Err(EngineError::NoRun(_)) => None,
        Err(_) => engine.last_known(run_id),
    }
}

/// Exports traces, where the environment says where to. What it says wrong is told, and hinders nothing.
pub fn exporter(engine: &LocalEngine, tell: &dyn Fn(&str)) -> Option<Exporter> {
    let started = Otlp::from_env(|name| std::env::var(name).ok()).and_then(|otlp| {
        let start = |otlp| Exporter::start(otlp, engine.watch());
        otlp.map(start).transpose()
    });
    started.unwrap_or_else(|problem| {
        tell(&problem);
        None
    })
}

/// Who runs this command, as its environment says: the audit names them.
pub fn user() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|user| !user.is_empty());
    named("USER").or_else(|| named("LOGNAME")).or_else(|| named("USERNAME")).unwrap_or_else(|| "somebody".into())
}

/// The project's journal.
pub fn journal(root: &Path, ephemeral: bool, durability: Wanted) -> Result<Arc<dyn Journal>, JournalError> {
    let durability = match durability {
        Wanted::Full => Durability::Full,
        Wanted::Normal => Durability::Normal,
    };
    let keys = SqliteJournal::open_with(root.join(".weir").join("weir.db"), durability)?;
    Ok(if ephemeral { Arc::new(EphemeralJournal { runs: MemoryJournal::new(), keys }) } else { Arc::new(keys) })
}

/// Leaves in the audit that a run was refused before it was created. Nothing follows that would have to be stopped, so a
/// journal that cannot be written is no further trouble.
pub fn refused(root: &Path, flow: &str, grants: &[String], why: &str) {
    let mut entry = Entry::new(jiff::Timestamp::now(), What::RunRefused, &EcoString::new());
    entry.flow = flow.into();
    entry.code = "permission".into();
    entry.grants = grants.iter().map(|grant| grant.as_str().into()).collect();
    let line = entry.because(why).by(Some(user().into())).line();
    if let Ok(journal) = journal(root, false, Wanted::Normal) {
        drop(journal.audit(vec![line]));
    }
}

/// Runs that nobody carries on are named, so that they are not forgotten.
fn tell_of_cut_off(journal: &dyn Journal, watch: &Watch) {
    let cut_off = journal.list(&Filter { cut_off: true, limit: 4, ..Filter::default() }).unwrap_or_default();
    for run in cut_off.iter().take(3) {
        let (flow, id) = (escape::line(&run.flow), &run.run_id);
        watch.aside(&format!("an earlier run of {flow} was cut off: `weir runs resume {id}` goes on with it"));
    }
    if cut_off.len() > 3 {
        watch.aside("… and others: `weir runs list --unfinished`");
    }
}

/// Forgets some of the runs that ended longer ago than the project keeps them; the rest another time.
fn forget_old(journal: &dyn Journal, keep: Option<i64>) {
    let keep = keep.map(jiff::SignedDuration::from_millis);
    if let Some(before) = keep.and_then(|keep| jiff::Timestamp::now().checked_sub(keep).ok()) {
        // Not waited for: it hinders nothing if it is not done.
        drop(journal.forget(&before.to_string(), 100));
    }
}

/// The first interrupt.
fn cancel_all(engine: &LocalEngine, watch: &Watch, by: &'static str) {
    watch.aside("cancelling: what was begun is undone first; Ctrl-C again leaves at once");
    for run_id in watch.under_way() {
        let engine = engine.clone();
        tokio::spawn(async move {
            // The run may be just about to begin.
            for _ in 0..20 {
                match engine.cancel(&run_id, by).await {
                    Err(EngineError::NoRun(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
                    _ => return,
                }
            }
        });
    }
}

/// The second Ctrl-C: the journal has what happened so far.
fn leave() -> ! {
    weir_runtime::process::end_all();
    out::note_line("left at once; what was begun is not undone");
    std::process::exit(i32::from(Exit::Cancelled.code()))
}

/// Lends the engine to `runs.cancel`.
pub struct Control(pub LocalEngine);

#[async_trait]
impl RunControl for Control {
    async fn cancel(&self, run_id: &str) -> Result<Option<bool>, Fault> {
        match self.0.cancel(run_id, "cancelled by `runs.cancel`").await {
            Ok(()) => Ok(Some(true)),
            Err(EngineError::Ended { .. }) => Ok(Some(false)),
            Err(EngineError::NoRun(_)) => Ok(None),
            Err(error) => Err(Fault::clean("unavailable", error.to_string())),
        }
    }
}
