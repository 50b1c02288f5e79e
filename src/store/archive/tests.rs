//! What must hold of a store on a disk that works.

mod earlier;
mod pages;

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

fn rng() -> Box<dyn CryptoRng + Send> {
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

#[test]
fn history_holds_what_is_over_if_there_is_to_be_one() {
    for (keep, expected) in [(Keep::Off, 0), (Keep::Session, 0), (Keep::Forever, 3)] {
        let place = Place::new();
        let (mut archive, _) = place.open(keep);
        let expired = State::Failed(FailReason::Expired);
        archive
            .change(NOW, |it| {
                it.receive(contact(7), &incoming(name(1, 0), "in"))?;
                it.shown(contact(7), name(1, 0))?;
                it.queue(contact(7), &outgoing(name(2, 0), "out"))?;
                it.settle(contact(7), name(2, 0), State::Delivered)?;
                it.queue(contact(8), &outgoing(name(3, 0), "lost"))?;
                it.settle(contact(8), name(3, 0), expired)
            })
            .unwrap();
        drop(archive);
        let (archive, _) = place.open(keep);
        let found = everything(&archive, &Filter::default());
        assert_eq!(found.entries.len(), expected, "{keep:?}");
        if expected > 0 {
            let standings: Vec<Standing> = found.entries.iter().map(|it| it.standing).collect();
            assert!(standings.contains(&Standing::Received { missing: 0 }));
            assert!(standings.contains(&Standing::Delivered));
            assert!(standings.contains(&Standing::Failed(FailReason::Expired)));
        }
    }
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
fn looking_up_heeds_every_test_and_no_case() {
    let place = Place::new();
    let archive = with_history(&place);
    let words = |words: &str| Filter {
        words: Some(words.to_owned()),
        ..Filter::default()
    };
    assert_eq!(
        texts(&archive, words("Invoice")),
        ["invoice 7", "the INVOICE is paid"]
    );
    assert_eq!(texts(&archive, words("GRÜSSE")).len(), 0);
    assert_eq!(texts(&archive, words("GRÜßE")).len(), 1);
    let of_contact = Filter {
        contact: Some(contact(8)),
        ..Filter::default()
    };
    assert_eq!(texts(&archive, of_contact), ["invoice 7", "bye"]);
    let since = Filter {
        since: Some(UnixTime(NOW.0 + 1_000)),
        before: Some(UnixTime(NOW.0 + 3_000)),
        ..Filter::default()
    };
    assert_eq!(texts(&archive, since), ["invoice 7", "the INVOICE is paid"]);
    let mut search = Search::new(words("invoice"), Way::Back, None);
    let newest = search.page(&archive, 1, 999).unwrap();
    assert_eq!(texts_of(&newest), ["the INVOICE is paid"]);
    assert_eq!(newest.more, 1);
}

#[test]
fn looking_up_notes_few_more_places_than_are_wanted() {
    for way in [Way::Back, Way::On] {
        let mut found = search::Matches::default();
        for at in (0..40).rev() {
            found.add(search::Place::at(UnixTime(at)), way, 3);
            assert!(found.places.len() <= 2 * 3 + 1);
        }
    }
}

#[test]
fn those_who_look_one_after_the_other_see_the_newest_oldest_first() {
    let place = Place::new();
    let archive = with_history(&place);
    let visited = |most, stop_after: usize| {
        let mut seen = Vec::new();
        let unreadable = archive.visit(&Filter::default(), most, |entry| {
            seen.push(String::from_utf8(entry.body).unwrap());
            seen.len() < stop_after
        });
        assert_eq!(unreadable.unwrap(), 0);
        seen
    };
    assert_eq!(visited(Some(2), 9), ["the INVOICE is paid", "bye"]);
    assert_eq!(visited(None, 9).len(), 4);
    assert_eq!(visited(None, 1), ["Gr\u{fc}\u{df}e aus K\u{f6}ln"]);
}

/// What others have written is not even opened for it.
#[test]
fn whoever_asks_about_somebody_meets_the_rows_of_that_one_alone() {
    let place = Place::new();
    let archive = with_history(&place);
    let spoil = archive.database.begin_write().unwrap();
    {
        let mut table = spoil
            .open_table(change::definition(keys::Table::History))
            .unwrap();
        let (low, high) = change::rows_of(&archive.keys, keys::Table::History, Some(contact(7)));
        let spoilt = table.range(low.as_slice()..=high.as_slice()).unwrap();
        let spoilt: Vec<Vec<u8>> = spoilt.map(|row| row.unwrap().0.value().to_vec()).collect();
        for row in &spoilt {
            table
                .insert(row.as_slice(), b"not sealed".as_slice())
                .unwrap();
        }
        assert_eq!(spoilt.len(), 2);
    }
    spoil.commit().unwrap();
    let of = |whose| Filter {
        contact: Some(contact(whose)),
        ..Filter::default()
    };
    let unreadable = |filter| everything(&archive, &filter).unreadable;
    assert_eq!([7, 8].map(|whose| unreadable(of(whose))), [2, 0]);
    assert_eq!(unreadable(Filter::default()), 2);
    let contacts = archive.contacts().unwrap();
    assert_eq!(contacts.into_iter().collect::<Vec<_>>(), [contact(8)]);
}

#[test]
fn as_many_are_counted_as_a_purge_takes() {
    for (whose, before) in [
        (None, None),
        (Some(contact(7)), None),
        (None, Some(2_000)),
        (Some(contact(8)), Some(2_000)),
    ] {
        let place = Place::new();
        let mut archive = with_history(&place);
        let waits = outgoing(name(9, 0), "waits");
        archive
            .change(NOW, |it| it.queue(contact(7), &waits))
            .unwrap();
        let before = before.map(|ms| UnixTime(NOW.0 + ms));
        let counted = archive.count_purged(whose, before).unwrap();
        assert!(counted > 0);
        assert_eq!(archive.purge(whose, before).unwrap(), counted);
    }
}

#[test]
fn purging_takes_a_contact_or_an_age_or_all() {
    let place = Place::new();
    let mut archive = with_history(&place);
    let all = Filter::default;
    assert_eq!(
        archive.purge(None, Some(UnixTime(NOW.0 + 1_000))).unwrap(),
        1
    );
    assert_eq!(texts(&archive, all()).len(), 3);
    assert_eq!(archive.purge(Some(contact(7)), None).unwrap(), 1);
    assert_eq!(texts(&archive, all()), ["invoice 7", "bye"]);
    assert_eq!(archive.purge(None, None).unwrap(), 2);
    assert_eq!(archive.purge(None, None).unwrap(), 0);
    assert_eq!(texts(&archive, all()).len(), 0);
}

#[test]
fn after_thirty_days_history_goes_by_itself_if_the_settings_say_so() {
    let place = Place::new();
    drop(with_history(&place));
    let later = UnixTime(NOW.0 + 30 * 86_400_000 + 2_000);
    drop(place.try_open(Keep::Forever, later).unwrap());
    // The first look notes the clock, the second goes by it.
    drop(place.try_open(Keep::ThirtyDays, later).unwrap());
    let day_after = UnixTime(later.0 + 86_400_000);
    let (archive, _) = place.try_open(Keep::ThirtyDays, day_after).unwrap();
    assert_eq!(
        texts(&archive, Filter::default()),
        ["the INVOICE is paid", "bye"]
    );
}

#[test]
fn one_start_with_a_clock_that_is_a_year_ahead_deletes_no_history() {
    let place = Place::new();
    drop(with_history(&place));
    let at = |days: u64| UnixTime(NOW.0 + days * 86_400_000);
    let count = |at| {
        let (archive, _) = place.try_open(Keep::ThirtyDays, at).unwrap();
        everything(&archive, &Filter::default()).entries.len()
    };
    let all = count(at(1));
    assert!(all > 2);
    assert_eq!([365, 2, 3].map(|days| count(at(days))), [all; 3]);
    // What is old by a clock that was right twice goes all the same.
    assert_eq!([40, 41].map(|days| count(at(days))), [all, 0]);
}

/// Each `send` of a script opens the store: it must not open every message of the history.
#[test]
fn history_is_looked_through_once_a_day_for_what_is_too_old() {
    let place = Place::new();
    let hour = |hours: u64| UnixTime(NOW.0 + hours * 3_600_000);
    let (mut archive, _) = place.open(Keep::ThirtyDays);
    archive
        .change(NOW, |it| {
            it.receive(contact(7), &incoming(name(1, 0), "old"))?;
            it.shown(contact(7), name(1, 0))
        })
        .unwrap();
    drop(archive);
    let count = |at| {
        let (archive, _) = place.try_open(Keep::ThirtyDays, at).unwrap();
        everything(&archive, &Filter::default()).entries.len()
    };
    let month = 30 * 24;
    let counts = [month + 1, month + 2, month + 24, month + 25].map(|at| count(hour(at)));
    assert_eq!(counts, [1, 1, 1, 0]);
    assert_eq!(count(NOW), 0, "a clock that went back is no reason to wait");
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
        let read = archive.read(|it| for_each_log(it, &archive.keys, |_, log| rows.extend(log)));
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

#[test]
fn another_identity_gets_nothing() {
    let place = Place::new();
    drop(place.open(Keep::Off));
    let error = Archive::open(&place.path(), &secret(2), Keep::Off, rng(), NOW).unwrap_err();
    assert_eq!(trouble_of(&error), StoreTrouble::OtherIdentity);
}

#[test]
fn the_file_names_nobody_and_says_nothing() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    let (peer, text) = ([0xa7; 32], "an unmistakable sentence");
    let contact = ContactId::from(PeerId::new(peer));
    archive
        .change(NOW, |it| {
            it.queue(contact, &outgoing(name(1, 0), text))?;
            it.receive(contact, &incoming(name(0x0123_4567_89ab_cdef, 0), text))?;
            it.receive(contact, &incoming(name(0x0123_4567_89ab_cdef, 1), text))?;
            it.shown(contact, name(0x0123_4567_89ab_cdef, 1))
        })
        .unwrap();
    drop(archive);
    let bytes = fs::read(place.path()).unwrap();
    let holds = |needle: &[u8]| bytes.windows(needle.len()).any(|it| it == needle);
    assert!(holds(b"outbox"), "the test looks in the right place");
    assert!(!holds(&peer[..8]));
    assert!(!holds(&text.as_bytes()[..8]));
    assert!(!holds(&0x0123_4567_89ab_cdef_u64.to_le_bytes()));
    assert!(!holds(&0x0123_4567_89ab_cdef_u64.to_be_bytes()));
}

#[test]
fn a_value_that_was_moved_or_altered_is_damage_and_is_counted() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    archive
        .change(NOW, |it| {
            it.queue(contact(7), &outgoing(name(1, 0), "x"))?;
            it.queue(contact(7), &outgoing(name(1, 1), "y"))?;
            it.receive(contact(7), &incoming(name(2, 0), "z"))
        })
        .unwrap();
    let table = change::definition(keys::Table::Outbox);
    let transaction = archive.database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(table).unwrap();
        let rows = [name(1, 0), name(1, 1)]
            .map(|name| archive.keys.message(keys::Table::Outbox, contact(7), name));
        let first = table
            .get(rows[0].as_slice())
            .unwrap()
            .unwrap()
            .value()
            .to_vec();
        table.insert(rows[1].as_slice(), first.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
    drop(archive);
    let error = place.try_open(Keep::Forever, NOW).unwrap_err();
    let loss = Loss {
        outbox: 1,
        ..Loss::default()
    };
    assert_eq!(trouble_of(&error), StoreTrouble::Damaged(loss));
    assert!(
        error
            .to_string()
            .ends_with("it is damaged; lost: 1 unsent message")
    );
    let salvaged = Salvaged::read(&place.path(), &secret(1), &Filter::default()).unwrap();
    assert_eq!(salvaged.loss, loss);
    let texts: Vec<&[u8]> = salvaged
        .found
        .entries
        .iter()
        .map(|it| it.body.as_slice())
        .collect();
    assert_eq!(texts, [b"x", b"z"]);
}

/// Writes a value that opens in its row, as a bug of ours might.
fn plant(archive: &mut Archive, table: keys::Table, row: &[u8], text: &[u8]) {
    let sealed = archive.keys.seal(table, row, text, &mut *archive.rng);
    let transaction = archive.database.begin_write().unwrap();
    {
        let mut rows = transaction.open_table(change::definition(table)).unwrap();
        rows.insert(row, sealed.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

#[test]
fn a_log_in_the_row_of_another_is_damage_to_every_reader() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let log = record::LogRecord {
        contact: contact(7),
        log: LogId(1),
        heard: NOW,
        seen: SeenLog::from_parts(1, &[(0, 0)]),
    };
    let row = archive.keys.log(contact(7), LogId(2));
    plant(&mut archive, keys::Table::Seen, &row, &log.encode());
    drop(archive);
    let loss = Loss::row(keys::Table::Seen);
    let error = place.try_open(Keep::Off, NOW).unwrap_err();
    assert_eq!(trouble_of(&error), StoreTrouble::Damaged(loss));
    let salvaged = Salvaged::read(&place.path(), &secret(1), &Filter::default()).unwrap();
    assert_eq!(salvaged.loss, loss);
}

#[test]
fn a_message_in_the_last_place_of_all_is_no_overflow() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Off);
    let last = record::Record {
        contact: contact(7),
        name: name(1, 0),
        order: u64::MAX,
        at: NOW,
        sent_at: NOW,
        standing: Standing::Waiting,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        body: zeroize::Zeroizing::new(b"last".to_vec()),
    };
    let row = archive
        .keys
        .message(keys::Table::Outbox, contact(7), last.name);
    plant(&mut archive, keys::Table::Outbox, &row, &last.encode());
    drop(archive);
    let (mut archive, _) = place.open(Keep::Off);
    let next = outgoing(name(1, 1), "next");
    archive
        .change(NOW, |it| it.queue(contact(7), &next))
        .unwrap();
    drop(archive);
    let (_, restored) = place.open(Keep::Off);
    assert_eq!(restored.waiting().count(), 2);
}

#[test]
fn a_later_format_is_not_touched() {
    let place = Place::new();
    let (archive, _) = place.open(Keep::Off);
    let transaction = archive.database.begin_write().unwrap();
    {
        let mut meta = transaction.open_table(file::META).unwrap();
        meta.insert("format", 2_u32.to_le_bytes().as_slice())
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(archive);
    let error = place.try_open(Keep::Off, NOW).unwrap_err();
    assert_eq!(trouble_of(&error), StoreTrouble::Newer);
}

#[test]
fn a_second_process_is_told_so() {
    let place = Place::new();
    let _first = place.open(Keep::Off);
    let error = place.try_open(Keep::Off, NOW).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::InUse { pid: None }),
        "{error}"
    );
}

#[test]
fn what_a_crash_left_of_making_the_file_does_not_matter() {
    let place = Place::new();
    let path = place.path();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path.with_file_name("history.redb.new"), b"half a header").unwrap();
    drop(place.open(Keep::Off));
    drop(place.open(Keep::Off));
    assert!(!path.with_file_name("history.redb.new").exists());
}

#[test]
fn an_empty_or_foreign_file_is_damaged_and_stays_as_it_is() {
    let place = Place::new();
    drop(place.open(Keep::Off));
    for content in [&b""[..], b"x", b"SQLite format 3\0", &[0; 8_192]] {
        fs::write(place.path(), content).unwrap();
        let error = place.try_open(Keep::Off, NOW).unwrap_err();
        assert_eq!(trouble_of(&error), StoreTrouble::Damaged(Loss::FRAME));
        assert_eq!(fs::read(place.path()).unwrap(), content);
        let salvaged = Salvaged::read(&place.path(), &secret(1), &Filter::default());
        assert_eq!(
            trouble_of(&salvaged.unwrap_err()),
            StoreTrouble::Damaged(Loss::FRAME)
        );
    }
}

#[cfg(unix)]
mod permissions {
    use super::*;
    use crate::store::os::testing::{mode, set_mode};

    #[test]
    fn the_file_is_for_its_owner_only() {
        let place = Place::new();
        drop(place.open(Keep::Off));
        assert_eq!(mode(&place.path()), 0o600);
        set_mode(&place.path(), 0o640);
        let error = place.try_open(Keep::Off, NOW).unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::UnsafePermissions { mode: 0o640, .. }
            ),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_written_is_not_opened() {
        let place = Place::new();
        drop(place.open(Keep::Off));
        set_mode(&place.path(), 0o400);
        let is_root = fs::OpenOptions::new()
            .write(true)
            .open(place.path())
            .is_ok();
        let opened = place.try_open(Keep::Off, NOW);
        if !is_root {
            assert_eq!(trouble_of(&opened.unwrap_err()), StoreTrouble::ReadOnly);
        }
    }
}
