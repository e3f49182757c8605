//! The chain of records: its hash, and where it breaks.

use sha2::{Digest, Sha256};
use weir_stdlib::value::Hash;

/// At most so many breaks are told.
const MOST: usize = 100;

/// A record in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// From 1, without gaps.
    pub number: u64,
    /// Hash of the record before; zeros for the first.
    pub before: Hash,
    /// Its own hash.
    pub hash: Hash,
    /// The record: one line of JSON.
    pub text: String,
}

/// The end of the chain, kept apart from it, or one of its last records: records that were cut off at the end are missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of the last record; 0: there is none.
    pub number: u64,
    /// Its hash.
    pub hash: Hash,
}

/// A record's hash: over the hash before, its number and its text.
pub fn hash(before: &Hash, number: u64, text: &str) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(number.to_le_bytes());
    hasher.update(text.as_bytes());
    hasher.finalize().into()
}

impl Head {
    /// The next record, which becomes the end.
    pub fn next(&mut self, text: String) -> Link {
        let before = self.hash;
        self.follow(&text);
        Link { number: self.number, before, hash: self.hash, text }
    }

    /// The end behind this record.
    pub(crate) fn follow(&mut self, text: &str) {
        let number = self.number + 1;
        *self = Head { number, hash: hash(&self.hash, number, text) };
    }
}

/// How a chain is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakKind {
    /// A record does not fit its own hash.
    Altered,
    /// Numbers are missing.
    Missing,
    /// A record fits itself, but not the one before: that one is another than it was.
    Unlinked,
    /// The end is missing, or is another than was noted.
    Truncated,
}

/// One place where the chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Break {
    /// The first record that is concerned.
    pub number: u64,
    /// How.
    pub kind: BreakKind,
    /// In words.
    pub message: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Records that were read.
    pub records: u64,
    /// The last of them.
    pub head: Head,
    /// Places where the chain is broken, the first hundred; empty: it is whole.
    pub breaks: Vec<Break>,
}

/// Goes along a chain, record by record.
#[derive(Debug, Default)]
pub struct Chain {
    found: Verified,
    noted: Option<Head>,
    met: bool,
}

impl Verified {
    /// All records are missing, from the first one on.
    pub fn missing(&mut self, why: String) {
        self.breaks.push(Break { number: 1, kind: BreakKind::Missing, message: why });
    }
}

impl Chain {
    /// A chain of which somebody noted an end earlier: that record must still be what it was.
    pub fn noted(noted: Option<Head>) -> Chain {
        Chain { noted, ..Chain::default() }
    }

    /// The next record, in the order of their numbers.
    pub fn follow(&mut self, link: &Link) {
        let last = self.found.head;
        if link.number > last.number + 1 {
            let (first, until) = (last.number + 1, link.number - 1);
            let which = if first == until { format!("record {first}") } else { format!("records {first} to {until}") };
            let are = if first == until { "is" } else { "are" };
            self.broken(first, BreakKind::Missing, format!("{which} {are} missing"));
        } else if link.before != last.hash {
            let why = format!("record {} does not follow the record before it: one of them was exchanged", link.number);
            self.broken(link.number, BreakKind::Unlinked, why);
        }
        if hash(&link.before, link.number, &link.text) != link.hash {
            let why = format!("record {} is not what was written: it was altered or moved", link.number);
            self.broken(link.number, BreakKind::Altered, why);
        }
        self.meet(link);
        self.found.records += 1;
        self.found.head = Head { number: link.number, hash: link.hash };
    }

    /// Compares with the end that somebody noted.
    fn meet(&mut self, link: &Link) {
        let Some(noted) = self.noted.filter(|noted| noted.number == link.number) else { return };
        self.met = true;
        if noted.hash != link.hash {
            let why = format!("record {} is not the one that was noted: the chain was made anew", link.number);
            self.broken(link.number, BreakKind::Truncated, why);
        }
    }

    /// The end, as it was kept apart from the chain.
    pub fn end(mut self, kept: Head) -> Verified {
        let last = self.found.head;
        if kept.number > last.number {
            let (first, until) = (last.number + 1, kept.number);
            let why = format!("the end is missing: {until} records were written, the last one here is {}", last.number);
            self.broken(first, BreakKind::Truncated, why);
        } else if kept.number == last.number && kept != last {
            let why = format!("record {} is not the last one that was written", last.number);
            self.broken(last.number, BreakKind::Truncated, why);
        }
        if let Some(noted) = self.noted.filter(|noted| !self.met && noted.number > 0) {
            let why = format!("record {}, whose hash was noted, is missing", noted.number);
            self.broken(noted.number, BreakKind::Truncated, why);
        }
        self.found
    }

    fn broken(&mut self, number: u64, kind: BreakKind, message: String) {
        if self.found.breaks.len() < MOST {
            self.found.breaks.push(Break { number, kind, message });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(count: u64) -> (Vec<Link>, Head) {
        let mut head = Head::default();
        let links = (1..=count).map(|number| head.next(format!("{{\"n\":{number}}}"))).collect();
        (links, head)
    }

    fn found(links: &[Link], head: Head, noted: Option<Head>) -> Vec<(u64, BreakKind)> {
        let mut chain = Chain::noted(noted);
        links.iter().for_each(|link| chain.follow(link));
        chain.end(head).breaks.into_iter().map(|one| (one.number, one.kind)).collect()
    }

    #[test]
    fn a_whole_chain_is_whole() {
        let (links, head) = chain(5);
        assert_eq!(found(&links, head, None), []);
        assert_eq!(found(&links, head, Some(Head { number: 3, hash: links[2].hash })), []);
        assert_eq!(found(&[], Head::default(), None), []);
    }

    #[test]
    fn what_was_altered_is_named() {
        let (mut links, head) = chain(5);
        links[2].text = "{\"n\":9}".into();
        assert_eq!(found(&links, head, None), [(3, BreakKind::Altered)]);
        // Whoever alters the hash too breaks the next link, at the end the head.
        links[2].hash = hash(&links[2].before, 3, &links[2].text);
        assert_eq!(found(&links, head, None), [(4, BreakKind::Unlinked)]);
        let (mut links, head) = chain(5);
        links[4].text = "{}".into();
        links[4].hash = hash(&links[4].before, 5, "{}");
        assert_eq!(found(&links, head, None), [(5, BreakKind::Truncated)]);
    }

    #[test]
    fn what_was_removed_is_named() {
        let (mut links, head) = chain(6);
        links.drain(2..4);
        assert_eq!(found(&links, head, None), [(3, BreakKind::Missing)]);
        let (mut links, head) = chain(6);
        links.remove(2);
        for (number, link) in (1..).zip(&mut links) {
            link.number = number;
        }
        let breaks = found(&links, head, None);
        assert_eq!(breaks[0], (3, BreakKind::Unlinked), "{breaks:?}");
    }

    #[test]
    fn what_changed_places_is_named() {
        let (mut links, head) = chain(5);
        let second = links[1].text.clone();
        links[1].text = std::mem::replace(&mut links[3].text, second);
        assert_eq!(found(&links, head, None), [(2, BreakKind::Altered), (4, BreakKind::Altered)]);
        let (mut links, head) = chain(5);
        links.swap(1, 3);
        (links[1].number, links[3].number) = (2, 4);
        assert_eq!(found(&links, head, None)[0], (2, BreakKind::Unlinked));
    }

    #[test]
    fn a_lost_end_is_missed() {
        let (mut links, head) = chain(5);
        links.truncate(3);
        assert_eq!(found(&links, head, None), [(4, BreakKind::Truncated)]);
        // Cut off with its head: only somebody who noted the end knows.
        let shorter = Head { number: 3, hash: links[2].hash };
        assert_eq!(found(&links, shorter, None), []);
        assert_eq!(found(&links, shorter, Some(head)), [(5, BreakKind::Truncated)]);
    }

    #[test]
    fn a_chain_that_was_made_anew_is_not_the_noted_one() {
        let (_, noted) = chain(3);
        let mut head = Head::default();
        let links: Vec<_> = (1..=3).map(|number| head.next(format!("other {number}"))).collect();
        assert_eq!(found(&links, head, None), []);
        assert_eq!(found(&links, head, Some(noted)), [(3, BreakKind::Truncated)]);
    }
}
