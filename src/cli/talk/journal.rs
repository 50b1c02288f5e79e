//! The store of a talking program: written by its loop, never while the core is locked.
//!
//! What must be on the disk before something happens is written at once. What has happened, and would
//! only be done once more after a crash, goes there with the next change, or when there is nothing else
//! to do: each change waits for the disk.

use core::ops::Range;
use core::time::Duration;
use std::collections::BTreeSet;
use std::path::Path;

use crate::chat::{ContactId, FailReason, Incoming, MessageRef, Name, Outgoing, State};
use crate::id::Timestamp;
use crate::net::Clock;
use crate::store::{Archive, Change, Counted, Deletion, Error, Fault, Filter, Standing};
use crate::text::{Safe, safe_line};
use crate::time::{Instant, UnixTime};

/// The store, and what it is still to be told.
#[derive(Debug)]
pub(super) struct Journal {
    archive: Archive,
    clock: Clock,
    done: Vec<Done>,
    /// When it was last looked for what is kept no longer.
    expired: Instant,
}

/// How often that is: the store itself knows whether a day has passed.
const EXPIRE: Duration = Duration::from_secs(3_600);

/// Something that has happened.
#[derive(Clone, Copy, Debug)]
enum Done {
    /// A message to us was shown.
    Shown(ContactId, Name),
    /// A message of ours has come to its end, and its author was told.
    Settled(ContactId, Name, State),
    /// Somebody is no contact any more.
    Forgotten(ContactId),
}

impl Journal {
    /// Of a store that has just been opened.
    pub(super) fn new(archive: Archive, clock: Clock) -> Self {
        Self {
            archive,
            expired: clock.now(),
            clock,
            done: Vec::new(),
        }
    }

    /// Writes down messages that came, before their receipts may go. Says of each whether it is new:
    /// one that is not was shown before.
    ///
    /// # Errors
    /// What the store says; then none of them is to be shown or taken.
    pub(super) fn receive<'a>(
        &mut self,
        messages: impl Iterator<Item = (ContactId, &'a Incoming)>,
    ) -> Result<Vec<bool>, Error> {
        self.change(|change| {
            let received = messages.map(|(contact, message)| change.receive(contact, message));
            received.collect()
        })
    }

    /// Writes down prepared messages, before they are accepted.
    ///
    /// # Errors
    /// What the store says; then none of them is to be accepted.
    pub(super) fn queue(&mut self, contact: ContactId, messages: &[Outgoing]) -> Result<(), Error> {
        self.change(|change| {
            let mut messages = messages.iter();
            messages.try_for_each(|message| change.queue(contact, message))
        })
    }

    /// Takes back what was written down and then not accepted.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn withdraw(&mut self, contact: ContactId, names: &[Name]) -> Result<(), Error> {
        self.change(|change| {
            let mut names = names.iter();
            names.try_for_each(|name| change.withdraw(contact, *name))
        })
    }

    /// A message to us was shown.
    pub(super) fn shown(&mut self, contact: ContactId, name: Name) {
        self.done.push(Done::Shown(contact, name));
    }

    /// A message of ours moved on, and its author knows.
    pub(super) fn settled(&mut self, contact: ContactId, name: Name, state: State) {
        if state.is_final() {
            self.done.push(Done::Settled(contact, name, state));
        }
    }

    /// Somebody is no contact any more. `waiting`: what waited for it.
    pub(super) fn forget(&mut self, contact: ContactId, waiting: impl Iterator<Item = Name>) {
        let removed = State::Failed(FailReason::Removed);
        for name in waiting {
            self.settled(contact, name, removed);
        }
        self.done.push(Done::Forgotten(contact));
    }

    /// Reserves handshake timestamps: [`Archive::reserve_timestamps`].
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn reserve_timestamps(&mut self, path: &Path) -> Result<Range<Timestamp>, Error> {
        self.archive
            .reserve_timestamps(path, self.clock.unix_time())
    }

    /// The store, to be read as it was when it was written last.
    pub(super) const fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Does away with history, of what was counted if anything was. Returns how many messages went.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn purge(
        &mut self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        counted: Option<&Counted>,
    ) -> Result<u64, Error> {
        self.archive.purge_counted(contact, before, counted)
    }

    /// What [`Journal::purge`] would take.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn count_purged(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
    ) -> Result<Counted, Error> {
        let now = self.clock.unix_time();
        self.archive.count_purged(contact, before, now)
    }

    /// The history with a contact, or with all: of it what is older than `before`, or all. What is no history yet, since it
    /// waits or perhaps nobody has seen it, is not among it.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn kept(
        &self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
    ) -> Result<BTreeSet<MessageRef>, Error> {
        let mut kept = BTreeSet::new();
        let filter = Filter {
            contact,
            before,
            ..Filter::default()
        };
        self.archive.visit(&filter, None, |entry| {
            if entry.standing != Standing::Waiting && !entry.is_unconfirmed {
                kept.insert(entry.which());
            }
            true
        })?;
        Ok(kept)
    }

    /// Does away with one message, as far as it is kept: [`Archive::delete`].
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn delete(&mut self, which: MessageRef) -> Result<Deletion, Error> {
        self.catch_up()?;
        self.archive.delete(which)
    }

    /// Whether something is only in memory yet.
    pub(super) fn is_behind(&self) -> bool {
        !self.done.is_empty()
    }

    /// Makes sure that what is written down is where the next run looks for it: before a receipt goes, and before
    /// anything is said to be kept.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn check_place(&self) -> Result<(), Error> {
        self.archive.check_place()
    }

    /// Writes down what has happened; if that is nothing, makes sure that it could.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn catch_up(&mut self) -> Result<(), Error> {
        if self.is_behind() {
            return self.change(|_| Ok(()));
        }
        self.check_place()
    }

    /// Writes down what has happened, and does away with what the settings do not keep any longer.
    ///
    /// # Errors
    /// What the store says.
    pub(super) fn look_around(&mut self) -> Result<(), Error> {
        self.catch_up()?;
        self.expire(self.clock.now(), self.clock.unix_time())
    }

    fn expire(&mut self, now: Instant, unix: UnixTime) -> Result<(), Error> {
        if now.saturating_since(self.expired) < EXPIRE {
            return Ok(());
        }
        self.expired = now;
        self.archive.expire(unix)
    }

    /// Writes down what has happened, and closes the store: [`Archive::close`]. If that fails nothing is lost but a note of
    /// timestamps, which lie in their file, too: it is told by `warn`, and changes nothing of what was done.
    ///
    /// # Errors
    /// What the store says to what is written down.
    pub(super) fn close(mut self, warn: impl FnOnce(Safe)) -> Result<(), Error> {
        self.catch_up()?;
        if let Err(error) = self.archive.close() {
            let words =
                "the store could not be closed in order, and may lack which handshakes were made: ";
            warn(Safe::from(words) + safe_line(&error.to_string()));
        }
        Ok(())
    }

    fn change<R>(
        &mut self,
        write: impl FnOnce(&mut Change<'_>) -> Result<R, Fault>,
    ) -> Result<R, Error> {
        let done = &self.done;
        let result = self.archive.change(self.clock.unix_time(), |change| {
            done.iter().try_for_each(|done| done.write(change))?;
            write(change)
        })?;
        self.done.clear();
        Ok(result)
    }
}

impl Done {
    fn write(self, change: &mut Change<'_>) -> Result<(), Fault> {
        match self {
            Self::Shown(contact, name) => change.shown(contact, name),
            Self::Settled(contact, name, state) => change.settle(contact, name, state),
            Self::Forgotten(contact) => change.forget(contact),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::chat::{ConversationId, Kind, LogId};
    use crate::crypto::StaticSecret;
    use crate::id::PeerId;
    use crate::net::os_rng;
    use crate::store::{Keep, Restored};

    fn open(path: &Path) -> (Journal, Restored) {
        open_with(path, Keep::Off)
    }

    fn open_with(path: &Path, keep: Keep) -> (Journal, Restored) {
        let secret = StaticSecret::from_bytes(&mut [1; 32]);
        let clock = Clock::new();
        let (now, rng) = (clock.unix_time(), Box::new(os_rng()));
        let (archive, restored) = Archive::open(path, &secret, keep, rng, now).unwrap();
        (Journal::new(archive, clock), restored)
    }

    pub(in crate::cli::talk) fn name(sequence: u64) -> Name {
        let log = LogId(1);
        Name { log, sequence }
    }

    pub(in crate::cli::talk) fn incoming(sequence: u64) -> Incoming {
        Incoming {
            name: name(sequence),
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(0),
            body: b"hi".to_vec(),
            missing: 0,
        }
    }

    #[test]
    fn what_has_happened_goes_with_the_next_change_or_when_it_is_asked_for() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.history.redb");
        let bob = ContactId::from(PeerId::new([2; 32]));
        let unconfirmed = |restored: Restored| {
            let names = restored.unconfirmed.iter();
            names.map(|it| it.message.name).collect::<Vec<_>>()
        };
        let (mut journal, _) = open(&path);
        let (one, two) = (incoming(0), incoming(1));
        assert_eq!(journal.receive([(bob, &one)].into_iter()).unwrap(), [true]);
        journal.shown(bob, name(0));
        assert!(journal.is_behind());
        drop(journal);
        let (mut journal, restored) = open(&path);
        assert_eq!(unconfirmed(restored), [name(0)], "it was not written down");
        journal.shown(bob, name(0));
        let both = [(bob, &one), (bob, &two)];
        assert_eq!(journal.receive(both.into_iter()).unwrap(), [false, true]);
        assert!(!journal.is_behind());
        drop(journal);
        let (mut journal, restored) = open(&path);
        assert_eq!(unconfirmed(restored), [name(1)]);
        journal.shown(bob, name(1));
        journal.catch_up().unwrap();
        drop(journal);
        assert_eq!(unconfirmed(open(&path).1), []);
    }

    /// With the rule that one clock months ahead takes nothing, as at a start.
    #[test]
    fn a_program_that_runs_on_keeps_no_message_for_longer_than_the_settings_say() {
        const DAY: u64 = 86_400;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.history.redb");
        let bob = ContactId::from(PeerId::new([2; 32]));
        let (mut journal, _) = open_with(&path, Keep::ThirtyDays);
        let message = incoming(0);
        journal.receive([(bob, &message)].into_iter()).unwrap();
        journal.shown(bob, name(0));
        journal.look_around().unwrap();
        let (start, unix) = (journal.clock.now(), journal.clock.unix_time());
        let mut kept_after = |seconds, days| {
            let now = start + Duration::from_secs(seconds);
            let at = UnixTime(unix.0 + days * DAY * 1_000);
            journal.expire(now, at).unwrap();
            journal.count_purged(None, None).unwrap().messages()
        };
        assert_eq!(kept_after(DAY, 31), 1, "it may be a clock that is wrong");
        assert_eq!(
            kept_after(DAY + 3_599, 62),
            1,
            "it is not looked again so soon"
        );
        assert_eq!(kept_after(DAY + 3_600, 31), 1, "that day's look was made");
        assert_eq!(kept_after(2 * DAY, 62), 0);
    }

    #[test]
    fn what_waits_for_somebody_who_is_forgotten_is_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.history.redb");
        let bob = ContactId::from(PeerId::new([2; 32]));
        let (mut journal, _) = open(&path);
        let message = Outgoing {
            name: name(0),
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(0),
            body: [1].into(),
        };
        journal.queue(bob, &[message]).unwrap();
        journal.settled(bob, name(0), State::Sent);
        assert!(!journal.is_behind(), "that is no end");
        journal.forget(bob, [name(0)].into_iter());
        journal.catch_up().unwrap();
        drop(journal);
        assert_eq!(open(&path).1.waiting().count(), 0);
    }
}
