//! One seed from beginning to end: lives of a process on one disk, until everything is done, and the judgement.

use crate::chance::Chance;
use crate::disk::{Disk, Platter};
use crate::file::File;
use crate::fuse::Fuse;
use crate::judge;
use crate::life::{self, End, Life, SimClock};
use crate::memory::Memory;
use crate::people::People;
use crate::planted::{Fault, Planted};
use crate::world::World;
use std::sync::Arc;
use tokio::time::Instant;
use weir_runtime::journal::{Filter, Journal};

/// What happened in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub seeds: u64,
    pub files: u64,
    pub runs: u64,
    pub crashes: u64,
    pub power_cuts: u64,
    /// Commits, or frames of the write-ahead log, that were lost with the power.
    pub lost: u64,
    pub failed_commits: u64,
    pub calls: u64,
    pub faults: u64,
    /// Steps that took what another step had done under their key, or were refused because of other arguments.
    pub taken: u64,
    pub conflicts: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.seeds += other.seeds;
        self.files += other.files;
        self.runs += other.runs;
        self.crashes += other.crashes;
        self.power_cuts += other.power_cuts;
        self.lost += other.lost;
        self.failed_commits += other.failed_commits;
        self.calls += other.calls;
        self.faults += other.faults;
        self.taken += other.taken;
        self.conflicts += other.conflicts;
    }
}

/// What came of a seed.
pub struct Told {
    pub tally: Tally,
    pub wrong: Vec<String>,
    /// What reached the tools, in order.
    pub log: Vec<String>,
}

/// Plays a seed; `file`: on the real SQLite file.
pub fn play(seed: u64, fault: Fault, file: bool) -> Told {
    let mut chance = Chance::of(seed, "story");
    let faults = *chance.pick(&[0, 10, 25, 40]);
    let full = *chance.pick(&[0, 0, 3]);
    let (world, people) = (World::new(seed, faults), People::new(seed));
    let mut platter: Box<dyn Platter> =
        if file { Box::new(File::new(&format!("{seed}-{fault:?}"))) } else { Box::new(Memory::default()) };
    let mut tally = Tally { seeds: 1, files: u64::from(file), ..Tally::default() };
    let (mut base, crashes) = (0, chance.below(6) as u32);
    let mut wrong = Vec::new();
    for number in 0.. {
        let last = number >= crashes;
        let most = if chance.percent(50) { 20 } else { 150 };
        let acts = if last { u64::MAX } else { 1 + chance.below(most) };
        let fuse = Fuse::new(acts);
        let disk = Disk::new(
            platter,
            Arc::clone(&fuse),
            Planted::new(fault),
            Chance::of(seed, &format!("disk {number}")),
            if last { 0 } else { full },
        );
        let (in_world, by) = (Arc::clone(&world), Arc::clone(&people));
        let (end, now) = life::live(Life { number, world: in_world, people: by, disk: disk.clone(), fuse, base, last });
        let (left, failed) = disk.take();
        tally.failed_commits += failed;
        // The computer is off for a while.
        let off = *chance.pick(&[10, 5_000, 3_600_000]);
        base = now + chance.below(off);
        let power = end == End::Died && chance.percent(60);
        tally.crashes += u64::from(end == End::Died);
        tally.power_cuts += u64::from(power);
        match left.crash(&mut chance, power) {
            Ok((next, lost)) => (platter, tally.lost) = (next, tally.lost + lost),
            Err(error) => {
                wrong.push(error);
                return Told { tally, wrong, log: Vec::new() };
            }
        }
        world.state().log.push(format!("life {number} ended at {now} ms: {end:?}, power {power}"));
        if end == End::Hung {
            wrong.push("it does not come to an end".into());
        }
        if end == End::Hung || end == End::Done {
            break;
        }
    }
    wrong.extend(platter.check().err());
    wrong.extend(verdict(platter, &world, &people, base, &mut tally));
    let state = world.state();
    (tally.calls, tally.faults) = (state.calls, state.faults);
    (tally.taken, tally.conflicts) = (state.taken, state.conflicts);
    Told { tally, wrong, log: state.log.clone() }
}

/// What another process finds in the end.
fn verdict(
    platter: Box<dyn Platter>,
    world: &Arc<World>,
    people: &Arc<People>,
    base: u64,
    tally: &mut Tally,
) -> Vec<String> {
    let fuse = Fuse::new(u64::MAX);
    let disk = Disk::new(platter, Arc::clone(&fuse), Planted::default(), Chance::of(0, ""), 0);
    let life = Life {
        number: u32::MAX,
        world: Arc::clone(world),
        people: Arc::clone(people),
        disk: disk.clone(),
        fuse,
        base,
        last: true,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let wrong = runtime.block_on(async {
        let engine = life::engine(&life, &SimClock { base, began: Instant::now() }, false);
        judge::judge(&engine, &disk, world, people).await
    });
    drop(runtime);
    tell_lines(&disk, world);
    tally.runs = people.known().ends.len() as u64;
    wrong
}

/// Whoever looks at one seed wants to read the journal.
fn tell_lines(disk: &Disk, world: &Arc<World>) {
    if std::env::var("WEIR_SEED").is_err() {
        return;
    }
    for run in disk.list(&Filter::default()).unwrap_or_default() {
        for line in disk.lines(&run.run_id, 0).unwrap_or_default() {
            world.state().log.push(format!("journal {} {}", run.run_id, line.text));
        }
    }
}
