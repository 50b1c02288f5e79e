//! When to stop: what was said last should arrive before the goodbye, and who leaves is told what
//! did not.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::cli::talk::conversation::news::News;
use crate::cli::talk::conversation::{Conversation, Typist};
use crate::cli::talk::sent::Undelivered;
use crate::cli::wording::{kept, kept_aside};
use crate::cli::{End, Error, ExitCode, Loss, Obstacle};
use crate::id::PeerId;
use crate::text::{Safe, count_messages};
use crate::time::Instant;

/// How long somebody who leaves waits for receipts.
const LEAVE: Duration = Duration::from_secs(1);
/// How long somebody who leaves waits for what is exported or looked for.
pub(super) const LEAVE_FILES: Duration = Duration::from_secs(10);

/// Whether somebody who leaves has waited for long enough.
fn is_enough(waited: Duration, is_settled: bool, are_files_done: bool) -> bool {
    (is_settled || waited >= LEAVE) && (are_files_done || waited >= LEAVE_FILES)
}

impl Conversation {
    /// Somebody wants to leave.
    pub(super) fn begin_to_leave(&mut self) {
        if self.state.leaving.is_none() {
            self.state.leaving = Some(self.clock.now());
            self.drop_looks_of_screen();
            self.tell_exports(LEAVE_FILES);
        }
    }

    /// Whether somebody who wants to leave can: what was said last should arrive before the goodbye, what is exported be
    /// whole, and what is looked for be found.
    pub(super) fn check_leave(&self, now: Instant) -> Option<ExitCode> {
        let waited = now.saturating_since(self.state.leaving?);
        let state = &self.state;
        let are_files_done = state.exports.is_empty() && state.looks.is_empty();
        is_enough(waited, state.sent.is_settled(), are_files_done).then_some(ExitCode::Done)
    }

    /// Whether an input that has ended has also arrived, or does not in time. A listener that had
    /// nothing to say goes on listening; whoever leaves has the time that leaving takes.
    pub(super) fn check_end(&mut self, now: Instant) -> Result<Option<ExitCode>, Error> {
        if self.state.leaving.is_some() {
            return Ok(None);
        }
        let Some(ended) = self.state.ended else {
            return self.check_room(now).map(|()| None);
        };
        let is_nothing = !self.state.sent.has_said() && !self.state.has_failed;
        if self.goal.is_listening() && is_nothing && self.lines.failure().is_none() {
            return Ok(None);
        }
        if self.state.sent.is_settled() && self.state.pending.is_empty() {
            let mut looks = self.state.looks.iter();
            let looks = looks.any(|look| look.whose.is_of_standard_input());
            return Ok((!looks).then_some(ExitCode::Done));
        }
        if now.saturating_since(ended) < self.linger {
            return Ok(None);
        }
        Err(self.not_delivered(End::After(self.linger)))
    }

    /// Ends a pipe of which a line waits for room in vain. Behind that one nothing is taken, its end neither. One that may
    /// go on waits for as long as it takes.
    fn check_room(&mut self, now: Instant) -> Result<(), Error> {
        let waits = self.state.pending.since();
        let Some(since) = waits.filter(|_| self.typist == Typist::Pipe) else {
            return Ok(());
        };
        let Some(ended) = self.lines.ended(now) else {
            return Ok(());
        };
        let peers: Vec<PeerId> = self.state.pending.peers().collect();
        let mut sent = 0;
        for peer in peers {
            sent += self.status(peer)?.map_or(0, |status| status.transfer.sent);
        }
        let moved = self.state.sent.moved(sent, now);
        let last = since.max(ended).max(moved.unwrap_or(since));
        if now.saturating_since(last) < self.linger {
            return Ok(());
        }
        Err(self.not_delivered(End::After(self.linger)))
    }

    /// Tells at the end what has not arrived. A pipe ends with an error then.
    pub(super) fn last_words(&mut self, end: Result<ExitCode, Error>) -> Result<ExitCode, Error> {
        self.finish_looks(&end);
        self.take_last_receipts();
        self.answer_left();
        self.answer_unread();
        self.face.interrupt();
        self.give_up_writing();
        self.give_up_exports();
        let end = self.instead_if_moved(end);
        if self.state.sent.is_settled() && self.unsaid() == 0 {
            return end.and_then(|code| self.conclude(code));
        }
        if let Some(error) = self.unread() {
            self.complain(&error);
        }
        match end {
            Err(Error::NotDelivered(_)) => end,
            Ok(ExitCode::Done) if self.is_piped() => Err(self.not_delivered(End::Left)),
            Err(Error::NobodyReads) if self.face.is_events() => {
                // No event reaches anybody any more.
                for words in self.undelivered_words() {
                    self.out.warn(&words);
                }
                end
            }
            Ok(_) | Err(_) => {
                for words in self.undelivered_words() {
                    self.warn(words);
                }
                end
            }
        }
    }

    /// The end of a program whose store is no longer the file of its name: what it kept is not said to be.
    fn instead_if_moved(&self, end: Result<ExitCode, Error>) -> Result<ExitCode, Error> {
        match (end, self.profile.journal.check_place()) {
            (Ok(_) | Err(Error::NotDelivered(_)), Err(error)) => Err(error.into()),
            (end, _) => end,
        }
    }

    /// Receipts that have come, but were not looked at.
    fn take_last_receipts(&mut self) {
        for news in core::mem::take(&mut self.state.news) {
            if let News::Of(update) = news {
                self.note_settled(&update);
            }
        }
        while let Ok(Some(update)) = self.handle.poll_event() {
            // What is not shown any more is not taken: it comes again next time.
            self.note_settled(&update);
        }
    }

    /// How many messages were read and not accepted.
    fn unsaid(&self) -> usize {
        let lines = if self.typist == Typist::Pipe {
            self.lines.untaken()
        } else {
            0
        };
        lines + self.state.unsaid + self.state.batch.len() + self.state.pending.len()
    }

    /// Answers the requests that were read and not looked at: nothing is done for them any more.
    fn answer_unread(&mut self) {
        if self.typist != Typist::Program {
            return;
        }
        self.begin_to_leave();
        // Those that come meanwhile are not looked at.
        for _ in 0..self.lines.untaken() {
            let line = self.lines.next_untaken();
            let answered = line.map(|line| self.on_input(line));
            if !matches!(answered, Some(Ok(None))) {
                return;
            }
        }
    }

    /// How a program that was done ends if not all could be read that was piped in, or a line was refused, or failed.
    fn conclude(&self, code: ExitCode) -> Result<ExitCode, Error> {
        if !self.is_piped() || code != ExitCode::Done {
            return Ok(code);
        }
        match self.unread() {
            Some(error) => Err(error),
            None if self.state.has_failed => Ok(ExitCode::NotDelivered),
            None => Ok(code),
        }
    }

    /// Why not all could be read that was piped in.
    fn unread(&self) -> Option<Error> {
        let reason = self.lines.failure().filter(|_| self.is_piped())?.clone();
        Some(Error::System {
            operation: "read standard input",
            reason,
        })
    }

    fn not_delivered(&self, end: End) -> Error {
        let kept = self.state.sent.undelivered_of_this_run();
        // What was not taken was meant for whom the last lines went to.
        let target = self.state.target.peer().filter(|_| self.unsaid() > 0);
        let waiting = self.state.pending.peers().chain(target);
        let to: BTreeSet<PeerId> = kept.keys().copied().chain(waiting).collect();
        let sum = |of: fn(&Undelivered) -> usize| kept.values().map(of).sum::<usize>();
        let messages = sum(|it| it.messages);
        let aside = kept.keys().filter(|peer| self.is_aside(peer));
        let aside: Vec<Safe> = aside.map(|peer| self.label(peer)).collect();
        Error::NotDelivered(Box::new(Loss {
            to: to.iter().map(|peer| self.label(peer)).collect(),
            messages: messages + self.unsaid(),
            perhaps: sum(|it| it.perhaps),
            kept: messages,
            end,
            obstacle: (!aside.is_empty()).then_some(Obstacle::Differed(aside)),
        }))
    }

    /// What has not arrived when the program ends, a line for each peer.
    fn undelivered_words(&self) -> Vec<Safe> {
        let undelivered = self.state.sent.undelivered();
        let has_place = self.profile.journal.check_place().is_ok();
        let is_kept = has_place && !self.profile.is_of_this_run();
        let kept = undelivered.iter().map(|(peer, it)| {
            let label = self.label(peer);
            let words = if is_kept && self.is_aside(peer) {
                kept_aside(it.messages, &[label])
            } else if is_kept {
                kept(it.messages, &[label])
            } else {
                Safe::from("not delivered: ") + count_messages(it.messages) + " for " + label
            };
            match it.perhaps {
                0 => words,
                perhaps if perhaps == it.messages => words + " (arrival not known)",
                perhaps => words + " (arrival of " + perhaps + " not known)",
            }
        });
        let mut words: Vec<Safe> = kept.collect();
        let unsaid = self.unsaid();
        if unsaid > 0 {
            let verb = if unsaid == 1 { " was" } else { " were" };
            words.push(count_messages(unsaid) + verb + " not taken");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::chat::{Event, State};
    use crate::cli::talk::conversation::deliveries::Ordered;
    use crate::cli::talk::conversation::pending::Unsaid;
    use crate::cli::talk::conversation::typing::Author;
    use crate::cli::talk::goal::tests::reach;
    use crate::cli::talk::profile::tests::{context, conversation, network, who_knows};
    use crate::store::key_text;

    const BOB: PeerId = PeerId::new([2; 32]);

    /// What a pipe begins with, to bob, who is known and not there.
    fn with_bob(home: &std::path::Path) -> Conversation {
        let bob = format!("bob {}\n", key_text(&BOB));
        conversation(&who_knows(home, &bob), Typist::Pipe, reach(BOB, true))
    }

    #[test]
    fn what_was_written_down_before_the_network_failed_counts_as_kept() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_bob(home.path());
        talk.prepare(BOB, "a line".into(), Author::Line).unwrap();
        let ordered = Ordered::of_standard_input(Instant::ZERO, Some(Duration::ZERO));
        let asked = Author::Program(ordered);
        talk.prepare(BOB, "a request".into(), asked).unwrap();
        let handle = talk.handle.clone();
        let fail = || handle.with(|_, _| panic!("for this test"));
        assert!(catch_unwind(AssertUnwindSafe(fail)).is_err());
        let end = talk.say_batch();
        assert!(matches!(end, Err(Error::System { .. })), "{end:?}");
        let undelivered = talk.state.sent.undelivered_of_this_run();
        let (messages, perhaps) = (2, 0);
        let kept = Undelivered { messages, perhaps };
        assert_eq!(undelivered.get(&BOB), Some(&kept));
        assert_eq!((talk.unsaid(), talk.state.waits.len()), (0, 1));
    }

    #[test]
    fn who_took_nothing_for_a_minute_is_not_waited_for_until_it_has_taken_everything() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_bob(home.path());
        for text in ["one", "two"] {
            talk.prepare(BOB, text.into(), Author::Line).unwrap();
        }
        talk.say_batch().unwrap();
        let since = talk.clock.now();
        let ordered = Ordered::of_standard_input(since, None);
        talk.state.pending.push(Unsaid {
            peer: BOB,
            text: "three".into(),
            author: Author::Program(ordered),
            since,
        });
        talk.answer_late(since + Duration::from_secs(60)).unwrap();
        assert!(talk.state.pending.is_empty() && talk.state.has_failed);
        let contact = BOB.into();
        let names: Vec<_> = talk.state.sent.waiting(BOB).collect();
        let is_slow = names.into_iter().map(|name| {
            let state = State::Delivered;
            let delivered = Event::State {
                contact,
                name,
                state,
            };
            talk.on_chat(delivered).unwrap();
            talk.state.pending.is_slow(&BOB)
        });
        assert_eq!(is_slow.collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn what_is_gone_with_somebody_who_was_removed_is_not_said_to_be_kept() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_bob(home.path());
        talk.prepare(BOB, "a line".into(), Author::Line).unwrap();
        talk.say_batch().unwrap();
        assert!(!talk.state.sent.is_settled());
        talk.change_peers(|known| known.remove("bob")).unwrap();
        let end = talk.last_words(Ok(ExitCode::Done));
        assert!(matches!(end, Ok(ExitCode::NotDelivered)), "{end:?}");
    }

    #[test]
    fn what_is_refused_once_it_is_written_down_is_not_sent_next_time() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_bob(home.path());
        for text in ["one", "two"] {
            talk.prepare(BOB, text.into(), Author::Line).unwrap();
        }
        talk.change_peers(|known| known.remove("bob")).unwrap();
        talk.say_batch().unwrap();
        assert!(talk.state.has_failed);
        drop(talk);
        let again = network(&context(home.path()));
        assert!(again.profile.left.waiting.is_empty());
    }

    #[test]
    fn nothing_that_is_waited_for_keeps_somebody_who_leaves_for_ever() {
        let just_before = |it: Duration| it - Duration::from_millis(1);
        assert!(is_enough(Duration::ZERO, true, true));
        assert!(!is_enough(just_before(LEAVE), false, true));
        assert!(is_enough(LEAVE, false, true));
        assert!(!is_enough(just_before(LEAVE_FILES), false, false));
        assert!(is_enough(LEAVE_FILES, false, false));
    }
}
