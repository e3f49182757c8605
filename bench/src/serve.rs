//! `weir serve` under load: starts over HTTP at a fixed rate, a part of them by signed webhooks, with readers of all events
//! attached, and `kill -9` in the middle. Build it first: `cargo build --release -p weir`. `--seconds 5` and `--rate 100`
//! make it smaller.
//!
//! A start's time counts from when it should have been sent, so that a server that stalls is not spared. A webhook whose
//! answer did not come is delivered again under its id, as senders of webhooks do: it has to start one run all the same.

use crate::out::line;
use crate::process::binary;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Connections that starts are sent over.
const CONNECTIONS: usize = 64;
/// Readers of the events of all runs.
const READERS: usize = 20;

/// Every so manieth start is a webhook.
const WEBHOOKS: u64 = 5;
/// What calls of the webhook are signed with.
const SECRET: &str = "a-secret-for-measuring-only";

const FLOW: &str = r#"coordinator main(n: int) -> { n: int, text: string } {
  return { n, text: "run {n}" }
}

campaign pushed {
  on webhook "/hooks/push" as { n: int }
  run main(n: event.n)
  overlap allow
}
"#;

const TOML: &str = "[project]\nname = \"bench\"\n\n[serve]\nflows = [\"load.main\"]\n\n\
                    [webhooks.\"/hooks/push\"]\nsecret = \"file:secret\"\n";

/// How much load, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    seconds: u64,
    rate: u64,
}

/// Takes what is about the load out of the arguments.
pub fn settings(given: &[String]) -> (Vec<String>, Settings) {
    let mut settings = Settings { seconds: 60, rate: 1_000 };
    let (mut rest, mut given) = (Vec::new(), given.iter());
    while let Some(one) = given.next() {
        let place = match one.as_str() {
            "--seconds" => &mut settings.seconds,
            "--rate" => &mut settings.rate,
            _ => {
                rest.push(one.clone());
                continue;
            }
        };
        *place = given.next().and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(*place);
    }
    (rest, settings)
}

/// What came of the load.
#[derive(Default)]
struct Load {
    accepted: Mutex<Vec<String>>,
    /// Of those, how many by webhooks; and webhooks that were delivered again.
    pushed: AtomicU64,
    again: AtomicU64,
    times: Mutex<Vec<Duration>>,
    refused: AtomicU64,
    broken: AtomicU64,
    /// Events that readers were sent, and runs of which a reader missed one.
    events: AtomicU64,
    gaps: AtomicU64,
    address: Mutex<String>,
    over: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints the figures.
pub fn run(settings: Settings) {
    let Some(weir) = binary() else {
        line("there is no `weir` beside this program: `cargo build --release -p weir` builds it");
        return;
    };
    let folder = std::env::temp_dir().join(format!("weir-bench-serve-{}", std::process::id()));
    let made = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(folder.join("weir.toml"), TOML))
        .and_then(|()| std::fs::write(folder.join("secret"), SECRET))
        .and_then(|()| std::fs::write(folder.join("load.flow"), FLOW));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match (made, runtime) {
        (Ok(()), Ok(runtime)) => {
            if let Err(why) = runtime.block_on(load(&weir, &folder, settings)) {
                line(&why);
            }
            runtime.shutdown_background();
        }
        _ => line("cannot begin"),
    }
    let _ = std::fs::remove_dir_all(&folder);
}

async fn load(weir: &Path, folder: &Path, settings: Settings) -> Result<(), String> {
    let Settings { seconds, rate } = settings;
    let load = Arc::new(Load::default());
    let mut server = served(weir, folder, &load).await?;
    let readers: Vec<_> = (0..READERS).map(|_| tokio::spawn(read(Arc::clone(&load)))).collect();
    let began = Instant::now();
    let senders = sending(&load, began, rate, seconds * rate);
    tokio::time::sleep(Duration::from_millis(seconds * 500)).await;
    let before = locked(&load.accepted).len();
    let took = began.elapsed();
    let _ = server.kill();
    let _ = server.wait();
    let killed = Instant::now();
    let again = served(weir, folder, &load).await?;
    server = again;
    line(&format!(
        "killed after {before} accepted starts ({:.0}/s); listening again after {:.2} s",
        before as f64 / took.as_secs_f64(),
        killed.elapsed().as_secs_f64()
    ));
    for sender in senders {
        let _ = sender.await;
    }
    let accepted = locked(&load.accepted).clone();
    line(&format!(
        "{} starts/s wanted for {seconds} s, {READERS} readers: {} accepted ({:.0}/s over all, the kill included), {} refused, \
         {} broken off",
        rate,
        accepted.len(),
        accepted.len() as f64 / began.elapsed().as_secs_f64(),
        load.refused.load(Ordering::Relaxed),
        load.broken.load(Ordering::Relaxed)
    ));
    line(&format!(
        "{} of the accepted came by signed webhooks; {} webhooks were delivered again under their id",
        load.pushed.load(Ordering::Relaxed),
        load.again.load(Ordering::Relaxed)
    ));
    tell_times(&mut locked(&load.times));
    let left = settled(folder).await;
    load.over.store(true, Ordering::Relaxed);
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    let _ = server.kill();
    let _ = server.wait();
    line(&format!(
        "readers were sent {} events; runs of which a reader missed one: {}",
        load.events.load(Ordering::Relaxed),
        load.gaps.load(Ordering::Relaxed)
    ));
    found(folder, &accepted, left)
}

fn tell_times(times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
    let ms = |share| at(share).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    line(&format!(
        "time to 2xx: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        ms(0.5),
        ms(0.9),
        ms(0.99),
        ms(1.0)
    ));
}

/// A server that listens.
async fn served(weir: &Path, folder: &Path, load: &Arc<Load>) -> Result<Child, String> {
    let mut command = Command::new(weir);
    command.args(["serve", "--listen", "127.0.0.1:0"]).current_dir(folder);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let stderr = child.stderr.take().ok_or("no stderr")?;
    let address = tokio::task::spawn_blocking(move || {
        use std::io::BufRead;
        let mut lines = std::io::BufReader::new(stderr).lines();
        let found =
            lines.by_ref().map_while(Result::ok).find_map(|line| Some(line.split_once("http://")?.1.to_owned()));
        // What it says later is read, so that it can go on.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        found
    });
    let address = address.await.ok().flatten().ok_or("it ended before it listened")?;
    *locked(&load.address) = address;
    Ok(child)
}

/// Sends starts at a fixed rate, each over the next free connection.
fn sending(load: &Arc<Load>, began: Instant, rate: u64, count: u64) -> Vec<tokio::task::JoinHandle<()>> {
    let next = Arc::new(AtomicU64::new(0));
    let one = |_| {
        let (load, next) = (Arc::clone(load), Arc::clone(&next));
        tokio::spawn(async move {
            let mut connection: Option<BufReader<TcpStream>> = None;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return;
                }
                let due = began + Duration::from_nanos(n * 1_000_000_000 / rate);
                tokio::time::sleep_until(due.into()).await;
                one_start(&load, &mut connection, n, due).await;
            }
        })
    };
    (0..CONNECTIONS).map(one).collect()
}

/// One start, from when it should have been sent. A webhook is delivered until it is answered.
async fn one_start(load: &Load, connection: &mut Option<BufReader<TcpStream>>, n: u64, due: Instant) {
    let webhook = n % WEBHOOKS == 0;
    loop {
        let request = if webhook { pushed(load, n) } else { started(load, n) };
        match sent(load, connection, &request).await {
            Ok((201 | 202, body)) => {
                locked(&load.times).push(due.elapsed());
                locked(&load.accepted).extend(run_of(&body, webhook));
                load.pushed.fetch_add(u64::from(webhook), Ordering::Relaxed);
                return;
            }
            Ok(_) => {
                load.refused.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Err(_) => {
                *connection = None;
                tokio::time::sleep(Duration::from_millis(20)).await;
                if !webhook {
                    load.broken.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                load.again.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The run that was started.
fn run_of(body: &[u8], webhook: bool) -> Option<String> {
    let json: Json = serde_json::from_slice(body).ok()?;
    let started = if webhook { json.get("campaigns")?.get(0)? } else { &json };
    Some(started.get("run_id")?.as_str()?.to_owned())
}

/// The start of a run.
fn started(load: &Load, n: u64) -> String {
    let body = format!("{{\"args\":{{\"n\":{n}}}}}");
    request(load, "/v1/flows/load.main/runs", "", &body)
}

/// The same by a webhook, signed as of now (<https://www.standardwebhooks.com>).
fn pushed(load: &Load, n: u64) -> String {
    let (body, id, now) = (format!("{{\"n\":{n}}}"), format!("msg-{n}"), jiff::Timestamp::now().as_second());
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = STANDARD.encode(hmac::sign(&key, format!("{id}.{now}.{body}").as_bytes()));
    let headers = format!("webhook-id: {id}\r\nwebhook-timestamp: {now}\r\nwebhook-signature: v1,{tag}\r\n");
    request(load, "/hooks/push", &headers, &body)
}

fn request(load: &Load, path: &str, headers: &str, body: &str) -> String {
    let address = locked(&load.address).clone();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One request; the answer's status and body.
async fn sent(
    load: &Load,
    connection: &mut Option<BufReader<TcpStream>>,
    request: &str,
) -> std::io::Result<(u16, Vec<u8>)> {
    let address = locked(&load.address).clone();
    let stream = match connection {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            connection.insert(BufReader::new(stream))
        }
    };
    stream.write_all(request.as_bytes()).await?;
    let (mut text, mut status, mut length) = (String::new(), 0, 0);
    loop {
        text.clear();
        if stream.read_line(&mut text).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let lower = text.trim_end().to_ascii_lowercase();
        if let Some(rest) = lower.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().and_then(|status| status.parse().ok()).unwrap_or(0);
        } else if let Some(rest) = lower.strip_prefix("content-length: ") {
            length = rest.parse().unwrap_or(0);
        } else if lower.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok((status, body))
}

/// Reads the events of all runs, coming back where it was after a break.
async fn read(load: Arc<Load>) {
    let mut last = String::new();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    while !load.over.load(Ordering::Relaxed) {
        let _ = followed(&load, &mut last, &mut seen).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn followed(load: &Load, last: &mut String, seen: &mut BTreeMap<String, u64>) -> std::io::Result<()> {
    let address = locked(&load.address).clone();
    let mut stream = BufReader::new(TcpStream::connect(&address).await?);
    let back = if last.is_empty() { String::new() } else { format!("Last-Event-ID: {last}\r\n") };
    let request = format!("GET /v1/events HTTP/1.0\r\nHost: {address}\r\n{back}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    loop {
        text.clear();
        if stream.read_line(&mut text).await? == 0 {
            return Ok(());
        }
        if let Some(id) = text.strip_prefix("id: ") {
            *last = id.trim_end().to_owned();
        } else if let Some(data) = text.strip_prefix("data: ") {
            load.events.fetch_add(1, Ordering::Relaxed);
            counted(load, data, seen);
        }
    }
}

/// Holds an event against the last one of its run.
fn counted(load: &Load, data: &str, seen: &mut BTreeMap<String, u64>) {
    let Ok(event) = serde_json::from_str::<Json>(data) else { return };
    let field = |name: &str| event.get(name).cloned().unwrap_or_default();
    let (Some(run_id), seq) = (field("run_id").as_str().map(str::to_owned), field("seq").as_u64().unwrap_or(0)) else {
        return;
    };
    let before = seen.get(&run_id).copied().unwrap_or(0);
    if seq > before + 1 {
        load.gaps.fetch_add(1, Ordering::Relaxed);
    }
    if seq > before {
        seen.insert(run_id, seq);
    }
}

/// Waits until all runs have ended, within bounds; says how many have not.
async fn settled(folder: &Path) -> u64 {
    let enough = Semaphore::new(0);
    let mut left = u64::MAX;
    for _ in 0..240 {
        let open = rusqlite::Connection::open(folder.join(".weir/weir.db"));
        let count = open.and_then(|sql| {
            sql.query_row("SELECT count(*) FROM runs WHERE finished_at IS NULL", [], |row| row.get::<_, u64>(0))
        });
        left = count.unwrap_or(left);
        if left == 0 {
            break;
        }
        let _ = tokio::time::timeout(Duration::from_millis(500), enough.acquire()).await;
    }
    left
}

/// Whether every start that was accepted is in the journal.
fn found(folder: &Path, accepted: &[String], left: u64) -> Result<(), String> {
    let sql = rusqlite::Connection::open(folder.join(".weir/weir.db")).map_err(|error| error.to_string())?;
    let mut all = sql.prepare("SELECT run_id FROM runs").map_err(|error| error.to_string())?;
    let rows = all.query_map([], |row| row.get::<_, String>(0)).map_err(|error| error.to_string())?;
    let known: BTreeSet<String> = rows.filter_map(Result::ok).collect();
    let lost = accepted.iter().filter(|run_id| !known.contains(*run_id)).count();
    let distinct: BTreeSet<&String> = accepted.iter().collect();
    line(&format!(
        "{} accepted ({} runs), {lost} of them lost; {} runs in the journal, {left} not ended",
        accepted.len(),
        distinct.len(),
        known.len()
    ));
    Ok(())
}
