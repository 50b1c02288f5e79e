//! Unknown keys that wait for an answer, and whom a person in lines has been asked about.
//!
//! A question about a caller is put before it can be answered: what is typed counts about a caller that
//! has been shown for long enough to be read, and about no other. Whoever is taken out here was settled,
//! by whatever it was, and the next one is asked about then.
//!
//! While there is nobody to talk to, that is a question, and the next line answers it. Else the caller is only shown, and
//! commands decide: a line may be meant for somebody.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::id::PeerId;
use crate::text::Safe;
use crate::time::Instant;
use crate::tui::GLANCE;

/// How long a question has stood before an answer can be meant for it. What comes sooner was typed
/// for somebody else: to the peer spoken to, or about a guest that is settled.
const READING_TIME: Duration = Duration::from_secs(1);

/// An unknown key that waits for an answer.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    pub(super) peer: PeerId,
    pub(super) address: SocketAddr,
    /// What it would like to be called.
    pub(super) nickname: Option<Safe>,
    /// Whose name that would be, with another key.
    pub(super) claims: Option<Safe>,
}

/// Those who wait, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Callers {
    waiting: VecDeque<Guest>,
    /// Whom the person has been asked about.
    asked: Option<Asked>,
    /// When a question last went away that the person had not answered.
    unasked: Option<Instant>,
}

/// Whom a person has been shown.
#[derive(Clone, Copy, Debug)]
struct Asked {
    peer: PeerId,
    since: Instant,
    /// Whether a line answers it, and not only a command.
    is_question: bool,
}

/// Whom an answer that is typed now is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedAbout {
    /// Nobody waits.
    Nobody,
    /// Somebody whom the person cannot have read about when it was typed.
    Unread,
    Peer(PeerId),
}

/// Who has settled a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SettledBy {
    /// The person who was asked.
    Answer,
    /// Somebody else, or the caller: what is typed by now may be meant for the question.
    Others,
}

impl Callers {
    /// Whether a line that is typed now answers a question.
    pub(super) fn is_question(&self) -> bool {
        self.asked.is_some_and(|asked| asked.is_question)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Guest> {
        self.waiting.iter()
    }

    pub(super) fn waits(&self, peer: &PeerId) -> bool {
        self.waiting.iter().any(|guest| guest.peer == *peer)
    }

    /// Somebody calls.
    pub(super) fn add(&mut self, guest: Guest) {
        self.waiting.push_back(guest);
    }

    /// Whether the person has yet to be asked about whoever has waited longest.
    pub(super) fn is_unasked(&self) -> bool {
        let first = self.waiting.front().map(|guest| guest.peer);
        first.is_some() && first != self.asked.map(|asked| asked.peer)
    }

    /// Who has waited longest, of whom the person is shown now what there is to be known, be it with a question or not.
    pub(super) fn ask(&mut self, is_question: bool, now: Instant) -> Option<&Guest> {
        let first = self.waiting.front()?;
        self.asked = Some(Asked {
            peer: first.peer,
            since: now,
            is_question,
        });
        Some(first)
    }

    /// A line may be meant for somebody from now on. Whether there was a question: the caller is to be shown again.
    /// `lost`: when the person lost it; none if it is by the person's own choice.
    pub(super) fn withdraw_question(&mut self, lost: Option<Instant>) -> bool {
        let was_question = self.is_question();
        if was_question {
            (self.asked, self.unasked) = (None, lost);
        }
        was_question
    }

    /// Whom an answer that is typed now is about.
    pub(super) fn asked_about(&self, now: Instant) -> AskedAbout {
        match (self.waiting.front(), self.asked) {
            (None, _) => AskedAbout::Nobody,
            (Some(first), Some(asked))
                if first.peer == asked.peer
                    && now.saturating_since(asked.since) >= READING_TIME =>
            {
                AskedAbout::Peer(asked.peer)
            }
            (Some(_), _) => AskedAbout::Unread,
        }
    }

    /// Somebody waits no longer. Whether the person was being asked about it.
    pub(super) fn settle(&mut self, peer: PeerId, by: SettledBy, now: Instant) -> bool {
        self.waiting.retain(|guest| guest.peer != peer);
        let Some(asked) = self.asked.take_if(|asked| asked.peer == peer) else {
            return false;
        };
        if asked.is_question && by == SettledBy::Others {
            self.unasked = Some(now);
        }
        true
    }

    /// Whether a question has gone so lately, without another in its place, that a line may be meant for it.
    pub(super) fn have_lost_question(&self, now: Instant) -> bool {
        let since = self.unasked.map(|since| now.saturating_since(since));
        !self.is_question() && since.is_some_and(|since| since < GLANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::ZERO;

    fn peer(number: u8) -> PeerId {
        PeerId::new([number; 32])
    }

    fn waiting(numbers: &[u8]) -> Callers {
        let mut callers = Callers::default();
        for number in numbers {
            callers.add(Guest {
                peer: peer(*number),
                address: "192.0.2.1:7419".parse().unwrap(),
                nickname: None,
                claims: None,
            });
        }
        callers
    }

    fn asked(callers: &mut Callers, now: Instant) -> Option<PeerId> {
        callers.ask(true, now).map(|guest| guest.peer)
    }

    #[test]
    fn what_was_typed_before_the_question_could_be_read_is_no_answer() {
        let mut callers = waiting(&[1]);
        assert_eq!(asked(&mut callers, START), Some(peer(1)));
        let soon = START + READING_TIME - Duration::from_millis(1);
        assert_eq!(callers.asked_about(soon), AskedAbout::Unread);
        let read = START + READING_TIME;
        assert_eq!(callers.asked_about(read), AskedAbout::Peer(peer(1)));
        assert_eq!(waiting(&[]).asked_about(read), AskedAbout::Nobody);
    }

    #[test]
    fn whoever_was_not_shown_cannot_be_answered_about_however_the_one_before_was_settled() {
        let later = START + READING_TIME;
        for by in [SettledBy::Answer, SettledBy::Others] {
            let mut callers = waiting(&[1, 2]);
            assert!(callers.is_unasked());
            asked(&mut callers, START);
            assert!(!callers.is_unasked());
            assert!(callers.settle(peer(1), by, later));
            assert!(callers.is_unasked());
            assert_eq!(
                callers.asked_about(later + READING_TIME),
                AskedAbout::Unread
            );
            assert_eq!(asked(&mut callers, later), Some(peer(2)));
            assert_eq!(callers.asked_about(later), AskedAbout::Unread);
            let read = callers.asked_about(later + READING_TIME);
            assert_eq!(read, AskedAbout::Peer(peer(2)));
        }
    }

    #[test]
    fn the_question_stands_when_somebody_behind_it_goes() {
        let mut callers = waiting(&[1, 2]);
        asked(&mut callers, START);
        let later = START + READING_TIME;
        assert!(!callers.settle(peer(2), SettledBy::Others, later));
        assert_eq!(callers.asked_about(later), AskedAbout::Peer(peer(1)));
        assert!(!callers.is_unasked());
    }

    #[test]
    fn an_answer_to_a_question_that_has_just_gone_is_no_message() {
        let since = START + Duration::from_secs(5);
        let lost = |by, next: &[u8]| {
            let mut callers = waiting(&[&[1], next].concat());
            asked(&mut callers, START);
            assert!(!callers.have_lost_question(since));
            callers.settle(peer(1), by, since);
            asked(&mut callers, since);
            let ends = since + GLANCE;
            assert!(!callers.have_lost_question(ends));
            callers.have_lost_question(ends - Duration::from_millis(1))
        };
        assert!(lost(SettledBy::Others, &[]));
        assert!(!lost(SettledBy::Others, &[2]), "the next question stands");
        assert!(!lost(SettledBy::Answer, &[]), "it was answered");
    }

    #[test]
    fn a_question_is_none_any_more_once_a_line_may_be_meant_for_somebody() {
        let mut callers = waiting(&[1]);
        assert!(!callers.withdraw_question(Some(START)), "nobody was asked");
        asked(&mut callers, START);
        assert!(callers.is_question());
        let since = START + Duration::from_secs(5);
        assert!(callers.withdraw_question(Some(since)));
        assert!(callers.is_unasked(), "it is to be shown again");
        callers.ask(false, since);
        assert!(!callers.is_question());
        // What was typed for the question is neither an answer nor a message.
        let ends = since + GLANCE;
        assert!(callers.have_lost_question(ends - Duration::from_millis(1)));
        assert!(!callers.have_lost_question(ends));
        let read = since + READING_TIME;
        let soon = callers.asked_about(read - Duration::from_millis(1));
        assert_eq!(soon, AskedAbout::Unread);
        assert_eq!(callers.asked_about(read), AskedAbout::Peer(peer(1)));
        assert!(!callers.withdraw_question(Some(read)), "it was none");
        asked(&mut callers, read);
        assert!(callers.withdraw_question(None));
        assert!(!callers.have_lost_question(read), "it was chosen");
    }

    #[test]
    fn whoever_was_shown_without_a_question_takes_no_line_away_by_going() {
        let mut callers = waiting(&[1]);
        callers.ask(false, START);
        assert!(callers.settle(peer(1), SettledBy::Others, START));
        assert!(!callers.have_lost_question(START));
    }
}
