//! What must hold of a store on a disk that works.

mod around;
mod backup;
mod damage;
mod earlier;
mod history;
mod memory;
#[cfg(unix)]
mod moved;
mod overdue;
mod pages;
mod reserved;

use std::fs;

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, Rng, SeedableRng};
use redb::ReadableTable;
use tempfile::TempDir;

use super::restore::for_each_log;
use super::*;
use crate::chat::{
    ContactId, ConversationId, FailReason, Incoming, Kind, LogId, Name, Outgoing, SeenLog, State,
};
use crate::id::PeerId;
use crate::store::error::ErrorKind;

/// Chance, from a seed.
pub(super) struct Dice(ChaCha20Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    pub(super) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap()
    }
}

pub(super) const NOW: UnixTime = UnixTime(1_795_000_000_000);

fn secret(byte: u8) -> StaticSecret {
    StaticSecret::from_bytes(&mut [byte; 32])
}

pub(super) fn rng() -> Box<dyn CryptoRng + Send> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    Box::new(ChaCha20Rng::from_seed(seed))
}

pub(super) fn contact(byte: u8) -> ContactId {
    PeerId::new([byte; 32]).into()
}

pub(super) fn name(log: u64, sequence: u64) -> Name {
    Name {
        log: LogId(log),
        sequence,
    }
}

pub(super) fn outgoing(name: Name, body: &str) -> Outgoing {
    Outgoing {
        name,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: UnixTime(1),
        body: body.as_bytes().into(),
    }
}

pub(super) fn incoming(name: Name, body: &str) -> Incoming {
    Incoming {
        name,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: UnixTime(1),
        body: body.as_bytes().to_vec(),
        missing: 0,
    }
}

pub(super) struct Place(TempDir);

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("data/history.redb")
    }

    fn try_open(&self, keep: Keep, now: UnixTime) -> Result<(Archive, Restored), Error> {
        Archive::open(&self.path(), &secret(1), keep, rng(), now)
    }

    pub(super) fn open(&self, keep: Keep) -> (Archive, Restored) {
        self.try_open(keep, NOW).unwrap()
    }
}

fn trouble_of(error: &Error) -> StoreTrouble {
    let ErrorKind::Store(trouble) = error.kind() else {
        panic!("{error}")
    };
    *trouble
}

fn bodies(restored: &Restored) -> Vec<&[u8]> {
    let bodies = restored.unconfirmed.iter();
    bodies.map(|it| it.message.body.as_slice()).collect()
}

fn with_history(place: &Place) -> Archive {
    let (mut archive, _) = place.open(Keep::Forever);
    let texts = ["Grüße aus Köln", "invoice 7", "the INVOICE is paid", "bye"];
    for (at, text) in texts.into_iter().enumerate() {
        let (from, name) = (
            contact(7 + u8::try_from(at % 2).unwrap()),
            name(1, at as u64),
        );
        let now = UnixTime(NOW.0 + at as u64 * 1_000);
        archive
            .change(now, |it| {
                it.receive(from, &incoming(name, text))?;
                it.shown(from, name)
            })
            .unwrap();
    }
    archive
}

fn everything(archive: &Archive, filter: &Filter) -> Page {
    let mut search = Search::new(filter.clone(), Way::Back, None);
    search.page(archive, usize::MAX, usize::MAX).unwrap()
}

fn texts(archive: &Archive, filter: Filter) -> Vec<String> {
    let found = everything(archive, &filter);
    assert_eq!((found.unreadable, found.more), (0, 0));
    texts_of(&found)
}

fn texts_of(found: &Page) -> Vec<String> {
    let bodies = found.entries.iter().map(|it| it.body.clone());
    let texts = bodies.map(String::from_utf8);
    texts.map(Result::unwrap).collect()
}

#[test]
fn what_waits_comes_back_in_its_order_under_its_name_until_it_is_settled() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let sent = [name(9, 0), name(3, 1), name(5, 0)];
    for (at, name) in sent.into_iter().enumerate() {
        let message = outgoing(name, &format!("m{at}"));
        archive
            .change(NOW, |it| it.queue(contact(7), &message))
            .unwrap();
    }
    drop(archive);
    let (mut archive, restored) = place.open(Keep::Off);
    let waiting = sent.map(|name| (contact(7), name));
    assert_eq!(restored.waiting().collect::<Vec<_>>(), waiting);
    let client = restored.into_client(Default::default(), [1; 32], crate::time::Instant::ZERO);
    assert_eq!(client.unsettled(contact(7)), 3);
    for name in sent {
        assert_eq!(client.state(contact(7), name), Some(State::Queued));
    }
    archive
        .change(NOW, |it| {
            it.settle(contact(7), sent[0], State::Sent)?;
            it.settle(contact(7), sent[1], State::Delivered)?;
            it.settle(contact(7), sent[1], State::Delivered)?;
            it.withdraw(contact(7), sent[2])
        })
        .unwrap();
    drop(archive);
    let (_, restored) = place.open(Keep::Off);
    assert_eq!(restored.waiting().count(), 1);
}

/// There may be very many of whom nothing is known, and each start asks.
#[test]
fn whoever_is_gone_is_forgotten_by_one_look_at_each_message_and_each_log() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let change = archive.change(NOW, |it| {
        for (peer, at) in [(7, 0), (8, 0), (7, 1)] {
            it.queue(contact(peer), &outgoing(name(9, at), "m"))?;
        }
        it.receive(contact(8), &incoming(name(1, 0), "a"))?;
        it.receive(contact(9), &incoming(name(2, 0), "b"))
    });
    change.unwrap();
    drop(archive);
    let (_, mut restored) = place.open(Keep::Off);
    let mut asked = 0;
    let forgotten = restored.forget(|it| {
        asked += 1;
        it != contact(8)
    });
    let of_ours = [name(9, 0), name(9, 1)].to_vec();
    let expected = [(contact(7), of_ours), (contact(9), Vec::new())];
    assert_eq!(forgotten.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(asked, 3 + 2);
    let waiting = [(contact(8), name(9, 0))];
    assert_eq!(restored.waiting().collect::<Vec<_>>(), waiting);
}

#[test]
fn a_received_message_comes_back_until_it_was_shown_and_is_known_for_ever() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let is_new = archive.change(NOW, |it| {
        let first = it.receive(contact(7), &incoming(name(1, 0), "a"))?;
        let second = it.receive(contact(7), &incoming(name(1, 1), "b"))?;
        let again = it.receive(contact(7), &incoming(name(1, 0), "a"))?;
        let other = it.receive(contact(8), &incoming(name(1, 0), "c"))?;
        Ok([first, second, again, other])
    });
    assert_eq!(is_new.unwrap(), [true, true, false, true]);
    archive
        .change(NOW, |it| it.shown(contact(7), name(1, 0)))
        .unwrap();
    drop(archive);
    let (mut archive, restored) = place.open(Keep::Off);
    assert_eq!(bodies(&restored), [b"b", b"c"]);
    assert_eq!(restored.unconfirmed[0].received_at, NOW);
    for it in restored.unconfirmed {
        archive
            .change(NOW, |change| change.shown(it.contact, it.message.name))
            .unwrap();
    }
    drop(archive);
    let (mut archive, restored) = place.open(Keep::Off);
    assert!(restored.unconfirmed.is_empty());
    let is_new = archive.change(NOW, |it| it.receive(contact(7), &incoming(name(1, 1), "b")));
    assert!(!is_new.unwrap());
}

#[test]
fn a_change_with_a_step_that_fails_leaves_nothing() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let failed = archive.change(NOW, |it| {
        it.queue(contact(7), &outgoing(name(1, 0), "x"))?;
        Err::<(), _>(StoreTrouble::Stopped.into())
    });
    assert_eq!(trouble_of(&failed.unwrap_err()), StoreTrouble::Stopped);
    drop(archive);
    assert_eq!(place.open(Keep::Off).1.waiting().count(), 0);
}

#[test]
fn a_forgotten_contact_leaves_what_it_said_and_nothing_else() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    archive
        .change(NOW, |it| {
            for contact in [contact(7), contact(8)] {
                it.queue(contact, &outgoing(name(1, 0), "x"))?;
                it.receive(contact, &incoming(name(1, 0), "y"))?;
            }
            it.forget(contact(7))
        })
        .unwrap();
    let is_new = archive.change(NOW, |it| it.receive(contact(7), &incoming(name(1, 0), "y")));
    assert!(is_new.unwrap());
    drop(archive);
    let (_, restored) = place.open(Keep::Off);
    let waiting: Vec<_> = restored.waiting().collect();
    assert_eq!(waiting, [(contact(8), name(1, 0))]);
    assert_eq!(restored.unconfirmed.len(), 2);
}

/// A script draws a log for each message. The clock is set back meanwhile.
#[test]
fn logs_beyond_the_bound_go_while_the_program_runs_and_the_oldest_first() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let most = SeenLog::MOST as u64;
    let count = 3 * most;
    for log in 0..count {
        let at = if log < most {
            NOW
        } else {
            UnixTime(NOW.0 - 86_400_000)
        };
        archive
            .change(at, |it| {
                it.receive(contact(7), &incoming(name(log, 0), "m"))
            })
            .unwrap();
    }
    let rows = |archive: &Archive| {
        let mut rows = Vec::new();
        let read = archive.read(|it| for_each_log(it, |_, log| rows.extend(log)));
        read.unwrap();
        rows
    };
    let kept = rows(&archive);
    assert!((SeenLog::MOST..SeenLog::MOST + 129).contains(&kept.len()));
    drop(archive);
    let (mut archive, _) = place.open(Keep::Off);
    let mut kept: Vec<u64> = rows(&archive).into_iter().map(|it| it.log.0).collect();
    kept.sort_unstable();
    assert_eq!(kept, (count - most..count).collect::<Vec<_>>());
    let again = archive.change(NOW, |it| {
        it.receive(contact(7), &incoming(name(count - 1, 0), "m"))
    });
    assert!(!again.unwrap(), "the last one is known");
}

#[test]
fn logs_beyond_the_bound_go_and_the_oldest_first() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let most = SeenLog::MOST as u64;
    let mut receive = |logs: core::ops::RangeInclusive<u64>, now| {
        let received = archive.change(now, |it| {
            for log in logs {
                it.receive(contact(7), &incoming(name(log, 0), "x"))?;
                it.shown(contact(7), name(log, 0))?;
            }
            Ok(())
        });
        received.unwrap();
    };
    receive(1..=1, UnixTime(NOW.0 - 1));
    receive(0..=0, NOW);
    receive(2..=most, NOW);
    drop(archive);
    let (mut archive, _) = place.open(Keep::Off);
    let mut is_new = |log| {
        let message = incoming(name(log, 0), "x");
        archive
            .change(NOW, |it| it.receive(contact(7), &message))
            .unwrap()
    };
    assert_eq!([is_new(0), is_new(1), is_new(2)], [false, true, false]);
}
