//! Soundness: random programs in random worlds. Every program that checks ends without type trouble, calls nothing
//! beyond what it says that it can, repeats no unsafe effect, steers no trusted parameter with untrusted data and stays
//! within its printed bounds; and the engine does what a naive reference interpreter of the tree does.
//!
//! `WEIR_SOUNDNESS=100000` says how many accepted programs are run (2,000 otherwise), `WEIR_SEED_FROM=200000` at which
//! seed that begins; `WEIR_SEED=7` runs that one seed and prints its program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::map_unwrap_or,
    reason = "a test that cannot go on fails"
)]

mod defects;
mod endorse;
mod generate;
mod judge;
mod play;
mod reference;
mod value;
mod world;

use judge::Verdict;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

fn wanted() -> u64 {
    std::env::var("WEIR_SOUNDNESS").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

#[test]
fn programs_that_check_do_no_wrong() {
    if let Ok(seed) = std::env::var("WEIR_SEED") {
        let seed = seed.parse().unwrap();
        println!("{}", generate::program(seed).text);
        match judge::judge(seed) {
            Verdict::Wrong(what) => println!("WRONG {what}\nwith fewer lines:\n{}", judge::shrunk(seed)),
            other => println!("{other:?}"),
        }
        return;
    }
    let from = std::env::var("WEIR_SEED_FROM").ok().and_then(|from| from.parse().ok()).unwrap_or(0);
    let (next, accepted, refused) = (AtomicU64::new(from), AtomicU64::new(0), AtomicU64::new(0));
    let bounded = AtomicU64::new(0);
    let by_apart: Mutex<BTreeMap<&str, u64>> = Mutex::default();
    let wrong = Mutex::new(Vec::new());
    let by_rule: Mutex<BTreeMap<&str, u64>> = Mutex::default();
    let by_form: Mutex<BTreeMap<&str, u64>> = Mutex::default();
    let one = || {
        while accepted.load(Ordering::Relaxed) < wanted() && wrong.lock().unwrap().len() < 12 {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            match judge::judge(seed) {
                Verdict::Refused(rules) => {
                    refused.fetch_add(1, Ordering::Relaxed);
                    rules.into_iter().for_each(|rule| *by_rule.lock().unwrap().entry(rule).or_insert(0) += 1);
                }
                Verdict::Sound { apart, bounds } => {
                    accepted.fetch_add(1, Ordering::Relaxed);
                    *by_apart.lock().unwrap().entry(apart.unwrap_or("compared")).or_insert(0) += 1;
                    bounded.fetch_add(bounds, Ordering::Relaxed);
                    let text = generate::program(seed).text;
                    generate::forms(&text).for_each(|form| *by_form.lock().unwrap().entry(form).or_insert(0) += 1);
                }
                Verdict::Wrong(what) => wrong.lock().unwrap().push((seed, what)),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(one);
        scope.spawn(one);
    });
    println!(
        "{accepted:?} programs accepted and run, {refused:?} refused, {bounded:?} bounds held; with the reference: {:?}",
        by_apart.lock().unwrap()
    );
    println!("refused by {:?}", by_rule.lock().unwrap());
    let by_form = by_form.into_inner().unwrap();
    println!("forms {by_form:?}");
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    if let Some((seed, what)) = wrong.first() {
        let all: Vec<_> =
            wrong.iter().map(|(seed, what)| format!("{seed}: {}", what.lines().next().unwrap_or_default())).collect();
        panic!("seeds {all:#?}\nseed {seed}: {what}\n{}", judge::shrunk(*seed));
    }
    let missing: Vec<&str> =
        generate::FORMS.iter().map(|(form, _)| *form).filter(|form| !by_form.contains_key(form)).collect();
    assert!(missing.is_empty(), "no program that checks has {missing:?}");
    assert!(refused.load(Ordering::Relaxed) > 0, "nothing was refused: the generator is too careful");
}
