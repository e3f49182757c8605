//! Wrong tokens, counted by the address that they come from: who guesses is made to wait. Whoever has shown a right token
//! before is let in meanwhile, so that one who guesses behind the same proxy shuts out nobody who is at work.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many wrong tokens may come from an address in a row.
const BURST: u32 = 20;
/// One more may come after this time.
const PACE: Duration = Duration::from_secs(3);
/// So many addresses, and so many bearers at them, are remembered.
const KEPT: usize = 4_096;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct From(IpAddr);

impl From {
    /// An address. Of IPv6 its network: whoever has one address there has all.
    pub fn of(address: IpAddr) -> From {
        From(match address.to_canonical() {
            IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
            four => four,
        })
    }
}

/// Who has guessed, and who has not had to.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When all that an address has guessed is forgotten: each wrong token puts it off.
    clear: BTreeMap<From, Instant>,
    /// When a bearer, by number, has shown a right token there last.
    proven: BTreeMap<(From, usize), Instant>,
}

impl Guesses {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token came from there, and is that of this bearer, or of nobody.
    ///
    /// # Errors
    /// How long to wait: too many wrong ones came from there, and this one was not known there before.
    pub fn judge(&self, from: From, bearer: Option<usize>, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        let waits = state.waits(from, now);
        match bearer {
            Some(bearer) if waits.is_none() || state.proven.contains_key(&(from, bearer)) => {
                keep(&mut state.proven, (from, bearer), now);
                Ok(())
            }
            None if waits.is_none() => {
                let clear = state.clear.get(&from).copied().filter(|clear| *clear > now).unwrap_or(now);
                keep(&mut state.clear, from, clear + PACE);
                Ok(())
            }
            _ => waits.map_or(Ok(()), Err),
        }
    }
}

impl State {
    fn waits(&self, from: From, now: Instant) -> Option<Duration> {
        let ahead = self.clear.get(&from)?.saturating_duration_since(now);
        ahead.checked_sub(PACE * (BURST - 1)).filter(|over| !over.is_zero())
    }
}

/// Remembers one; where there are too many, the one whose time is the earliest is forgotten.
fn keep<K: Ord + Copy>(of: &mut BTreeMap<K, Instant>, key: K, at: Instant) {
    if of.len() >= KEPT
        && !of.contains_key(&key)
        && let Some(first) = of.iter().min_by_key(|(_, at)| **at).map(|(key, _)| *key)
    {
        of.remove(&first);
    }
    of.insert(key, at);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> From {
        From::of(text.parse().unwrap())
    }

    #[test]
    fn who_guesses_waits_and_then_may_guess_slowly() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let here = from("192.0.2.1");
        let wrong = |guesses: &Guesses, after: u64| guesses.judge(here, None, start + Duration::from_secs(after));
        for _ in 0..BURST {
            assert_eq!(wrong(&guesses, 0), Ok(()));
        }
        let wait = wrong(&guesses, 0).unwrap_err();
        assert!(wait <= PACE, "{wait:?}");
        // A right one tells nothing either.
        assert!(guesses.judge(here, Some(0), start).is_err());
        assert_eq!(guesses.judge(from("192.0.2.2"), Some(0), start), Ok(()));
        let passed = (1..=300).filter(|second| wrong(&guesses, *second).is_ok()).count();
        assert_eq!(passed, 100);
        assert_eq!(guesses.judge(here, Some(0), start + Duration::from_secs(600)), Ok(()));
    }

    #[test]
    fn who_was_right_before_is_not_shut_out_by_a_neighbour() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let proxy = from("127.0.0.1");
        guesses.judge(proxy, Some(3), now).unwrap();
        for _ in 0..100 {
            let _ = guesses.judge(proxy, None, now);
        }
        assert_eq!(guesses.judge(proxy, Some(3), now), Ok(()));
        assert!(guesses.judge(proxy, Some(4), now).is_err());
    }

    #[test]
    fn a_network_is_one_and_memory_has_an_end() {
        assert_eq!(from("2001:db8::1"), from("2001:db8::ffff:1:2:3"));
        assert_ne!(from("2001:db8::1"), from("2001:db8:0:1::1"));
        assert_eq!(from("::ffff:192.0.2.1"), from("192.0.2.1"));
        let (guesses, now) = (Guesses::default(), Instant::now());
        for n in 0..10_000_u32 {
            let at = now + Duration::from_millis(n.into());
            guesses.judge(From::of(IpAddr::V4(n.into())), None, at).unwrap();
            guesses.judge(From::of(IpAddr::V4(n.into())), Some(1), at).unwrap();
        }
        let state = guesses.state();
        assert_eq!((state.clear.len(), state.proven.len()), (KEPT, KEPT));
        assert!(state.clear.contains_key(&From::of(IpAddr::V4(9_999.into()))));
    }
}
