//! Starting the server, and ending it: nothing listens before everything that can be refused has been.

use super::access::Tokens;
use super::host::Hosts;
use super::hub::Hub;
use super::offers::{Project, together};
use super::{App, keep, listen, mcp, router};
use crate::args::ServeArgs;
use crate::commands::run::follow::{Control, FLUSH, exporter, journal};
use crate::commands::run::project_name;
use crate::escape;
use crate::exit::{Error, Exit, Outcome};
use crate::interrupts::Interrupts;
use crate::out;
use crate::servers::{self, Outside};
use ecow::EcoString;
use futures_util::future::join_all;
use indexmap::IndexMap;
use rustc_hash::FxHashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use weir_compiler::plan::Plan;
use weir_compiler::project::{Config, ServeSection};
use weir_runtime::campaigns::{Campaigns, Proof, Settings};
use weir_runtime::engine::{Engine, LocalEngine, Toolbox};
use weir_runtime::journal::{Filter, Journal};
use weir_runtime::servers::credential;
use weir_runtime::tools::RunControl;

/// Where it listens if nothing is said.
const HOME: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7117);
/// How long calls in flight are waited for once the server ends.
const FAREWELL: Duration = Duration::from_secs(20);

/// Serves a project until the process is told to end.
pub async fn serve(project: Project, args: &ServeArgs) -> Outcome {
    let address = address(args.listen.as_deref(), &project.config.serve)?;
    let tokens = Tokens::read(&project.config.serve, &project.root)?;
    if !args.mcp {
        guarded(address, &tokens)?;
    }
    let mut interrupts = Interrupts::new();
    let (stop, stopping) = watch::channel(false);
    let app = Arc::new(opened(project, tokens, address, args.allow_delivery, stopping)?);
    verified(&app);
    let pump = tokio::spawn(Arc::clone(&app.hub).pump(app.engine.watch()));
    let exporter = exporter(&app.engine, &|problem| out::note_line(&escape::lines(problem)));
    let listener = if args.mcp { None } else { Some(bound(address).await?) };
    let keeping = [
        tokio::spawn(keep::dispatch(Arc::clone(&app))),
        tokio::spawn(keep::campaigns(Arc::clone(&app))),
        tokio::spawn(keep::forget(Arc::clone(&app))),
    ];
    if let Some(listener) = &listener {
        told(&app, listener);
    }
    let work = async {
        match listener {
            Some(listener) => listen::listen(listener, router(&app), app.stop.clone()).await,
            None => {
                if let Err(error) = mcp::Door::new(&app).over_stdio().await {
                    out::note_line(&escape::lines(&error));
                }
            }
        }
    };
    tokio::pin!(work);
    let (by, works) = tokio::select! {
        () = &mut work => ("the end", false),
        by = interrupts.next() => (by, true),
    };
    stop.send_replace(true);
    out::note_line(&format!("{by}: nothing new is begun; runs are let go of once their calls have come back"));
    let ended = async {
        if works {
            work.await;
        }
        join_all(keeping).await;
        left(&app).await;
    };
    tokio::select! {
        () = ended => {}
        _ = interrupts.next() => out::note_line("left at once; what was in flight may have happened"),
    }
    pump.abort();
    if let Some(exporter) = exporter {
        let lost = exporter.end(FLUSH).await;
        if lost > 0 {
            out::note_line(&format!("{lost} spans of traces did not reach the collector"));
        }
    }
    Ok(Exit::Done)
}

/// Where to listen: the argument, else `weir.toml`, else home.
fn address(given: Option<&str>, section: &ServeSection) -> Result<SocketAddr, Error> {
    let Some(text) = given.or(section.listen.as_deref()) else { return Ok(HOME) };
    let named = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    named.as_deref().unwrap_or(text).parse().map_err(|_| {
        Error::usage(format!("`{text}` is no address to listen at"))
            .help("write an address and a port: `127.0.0.1:7117`")
    })
}

/// Others than this computer may ask only with a token.
fn guarded(address: SocketAddr, tokens: &Tokens) -> Result<(), Error> {
    if address.ip().is_loopback() || !tokens.is_empty() {
        return Ok(());
    }
    let message = format!("`{address}` can be reached from other computers, and no token is asked for");
    Err(Error::usage(message).help(
        "add `[serve.tokens.NAME]` with `token = \"env:NAME\"` and `roles = [\"operator\"]` to weir.toml, \
         or listen at 127.0.0.1",
    ))
}

async fn bound(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::failed(format!("cannot listen at {address}: {error}")).help("`--listen` names another address and port")
    })
}

fn told(app: &App, listener: &TcpListener) {
    let place = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    let ready = app.offers.values().filter(|offer| offer.refused.is_none()).count();
    let flows = if ready == 1 { "1 flow".to_owned() } else { format!("{ready} flows") };
    out::note_line(&format!("serving {flows} of {} at http://{place}", escape::line(&app.name)));
    for offer in app.offers.values() {
        if let Some(lines) = &offer.refused {
            out::note_line(&format!("not ready: {}", escape::lines(&lines.join("; "))));
        }
    }
}

/// Engine, tools and journal of a project.
fn opened(
    project: Project,
    tokens: Tokens,
    address: SocketAddr,
    allow_delivery: bool,
    stop: watch::Receiver<bool>,
) -> Result<App, Error> {
    let Project { root, config, lock, types, offers, campaigns } = project;
    let journal = journal(&root, false, config.runs.durability).map_err(|error| Error::failed(error.to_string()))?;
    let earlier = earlier(&*journal, &|plan| {
        let (builtin, _) = servers::builtin_servers(&root, &config, plan).ok()?;
        servers::needed(plan, &builtin, &config, &lock).ok()?.open(&root).ok().map(drop)
    })?;
    let ready = offers.values().filter(|offer| offer.refused.is_none()).map(|offer| &*offer.plan);
    let all = together(ready.chain(&earlier).chain(campaigns.iter().map(|campaign| &*campaign.plan)));
    let (mut toolbox, mut outside, mut control) = (Toolbox::new(), Outside::new(), None);
    if let Some(all) = &all {
        let (builtin, slot) = servers::builtin_servers(&root, &config, all)?;
        outside = servers::needed(all, &builtin, &config, &lock)?.open(&root)?;
        builtin.into_iter().for_each(|(name, server)| toolbox.add(name, server));
        outside.iter().for_each(|(name, server)| toolbox.add(name.clone(), Arc::clone(server) as _));
        servers::limits(&config).into_iter().for_each(|(name, limits)| toolbox.limit(name, limits));
        control = Some(slot);
    }
    let engine = LocalEngine::new(Arc::clone(&journal), toolbox);
    if let Some(slot) = control {
        let lent: Arc<dyn RunControl> = Arc::new(Control(engine.clone()));
        slot.fill(&lent);
    }
    let name = project_name(&root, &config);
    let settings = Settings::of(&config, name.clone());
    let settings = Settings { allow_delivery: allow_delivery && settings.allow_delivery, ..settings };
    let campaigns = Campaigns::new(engine.by("campaigns"), campaigns, settings);
    let campaigns = campaigns.map_err(|messages| Error { exit: Exit::Failed, messages, help: None, code: None })?;
    Ok(App {
        proofs: proofs(&config, &campaigns, &root)?,
        campaigns,
        engine,
        journal,
        offers,
        types,
        outside,
        name,
        delivery: allow_delivery && config.project.allow_delivery,
        keeps: config.runs.keep,
        hosts: Hosts::new(address.ip(), &config.serve.hosts),
        flags: config.flags,
        tokens,
        hub: Hub::new(),
        stop,
    })
}

/// What calls of webhooks have to prove. A webhook without a secret is not served.
fn proofs(config: &Config, campaigns: &Campaigns, root: &Path) -> Result<IndexMap<EcoString, Proof>, Error> {
    let mut proofs = IndexMap::new();
    for path in campaigns.hooks() {
        let Some(section) = config.webhooks.get(path) else {
            let add = format!("add `[webhooks.\"{path}\"]` with `secret = \"env:NAME\"` to weir.toml");
            out::note_line(&format!("the webhook {} is not served: {add}", escape::line(path)));
            continue;
        };
        let place = format!("`[webhooks.\"{path}\"]` in weir.toml");
        let proof = credential(&section.secret, root).and_then(|secret| Proof::new(section, &secret));
        proofs.insert(path.clone(), proof.map_err(|why| Error::usage(format!("{place}: {why}")))?);
    }
    Ok(proofs)
}

/// The plans of runs that have not ended and that can be carried on here; the others are told of.
fn earlier(journal: &dyn Journal, can: &dyn Fn(&Plan) -> Option<()>) -> Result<Vec<Plan>, Error> {
    let failed = |error: weir_runtime::journal::JournalError| Error::failed(error.to_string());
    let runs = journal.list(&Filter { unfinished: true, ..Filter::default() }).map_err(failed)?;
    let (mut plans, mut seen) = (Vec::new(), FxHashSet::<EcoString>::default());
    for run in runs {
        if !seen.insert(run.program.clone()) {
            continue;
        }
        // A damaged run is told of when somebody looks at it.
        let Ok(Some(loaded)) = journal.load(&run.run_id) else { continue };
        match serde_json::from_str::<Plan>(&loaded.plan) {
            Ok(plan) if can(&plan).is_some() => plans.push(plan),
            _ => {
                let (flow, id) = (escape::line(&run.flow), &run.run_id);
                out::note_line(&format!(
                    "runs such as {id} of {flow} are left: nothing here carries out all of their tools"
                ));
            }
        }
    }
    Ok(plans)
}

/// Asks the servers outside what they offer, while others are served already. A flow whose server has changed is not
/// started, and a call of a run that has begun fails.
fn verified(app: &Arc<App>) {
    let outside = app.outside.clone();
    tokio::spawn(async move {
        match servers::verify(&outside).await {
            Ok(down) => down.iter().for_each(|line| out::note_line(&escape::lines(line))),
            Err(error) => error.messages.iter().for_each(|line| out::note_line(&escape::lines(line))),
        }
    });
}

/// Lets go of runs and servers.
async fn left(app: &App) {
    let still = app.engine.leave(FAREWELL).await;
    if still > 0 {
        out::note_line(&format!("{still} runs had calls in flight; `weir runs list --unfinished` shows them"));
    }
    servers::close(app.outside.values().flat_map(|server| server.servers())).await;
}
