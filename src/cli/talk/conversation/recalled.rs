//! Messages that a person in lines names again: to copy, to quote, to send once more. A screen has its own.

use crate::calendar::Stamp;
use crate::chat::{ContactId, Incoming, MessageRef, Outgoing, State};
use crate::cli::talk::backlog::Spoken;
use crate::cli::talk::conversation::Conversation;
use crate::cli::{Error, ExitCode};
use crate::commands;
use crate::id::PeerId;
use crate::store::{Counted, Deletion, ErrorKind, StoreTrouble};
use crate::text::{Safe, safe_line};
use crate::time::UnixTime;
use crate::tui::{self, Told};

/// What the next line to somebody answers.
#[derive(Debug)]
pub(super) struct Quote {
    of: MessageRef,
    /// When that came, or was written.
    at: UnixTime,
    /// What stands before the line.
    text: String,
}

impl Quote {
    const fn peer(&self) -> PeerId {
        self.of.contact.peer()
    }
}

impl Conversation {
    /// Whether what is printed can be named again.
    fn remembers(&self) -> bool {
        self.is_person() && !self.face.is_screen()
    }

    /// `at`: when it came.
    pub(super) fn remember_theirs(&mut self, peer: PeerId, message: &Incoming, at: UnixTime) {
        if self.remembers() {
            self.state.backlog.push(Spoken::theirs(peer, message, at));
        }
    }

    pub(super) fn remember_ours(&mut self, peer: PeerId, number: u64, message: &Outgoing) {
        if self.remembers() {
            self.state.backlog.push(Spoken::ours(peer, number, message));
        }
    }

    /// The `n`th message from the end with whoever the prompt shows; says so if there is none.
    fn recall(&mut self, n: Option<usize>) -> Option<Spoken> {
        let peer = self.named(None)?;
        let found = self.state.backlog.nth(peer, n.unwrap_or(1)).cloned();
        if found.is_none() {
            let words = Safe::from("there is no such message with ") + self.label(&peer);
            self.warn(words + " in this run; /search finds what is kept of others");
        }
        found
    }

    /// Tells when a message was written, and how far it is.
    pub(super) fn tell_details(&mut self, n: Option<usize>) {
        let Some(message) = self.recall(n) else {
            return;
        };
        let (author, state) = match message.own {
            None => (self.label(&message.peer), "received".into()),
            Some((number, state)) => (Safe::from("me [") + number + "]", words_of(state)),
        };
        let at = Stamp::local(message.at).full();
        self.warn(author + ": " + commands::details(at, message.len, state));
    }

    /// Puts a message into the clipboard.
    pub(super) fn copy_message(&mut self, n: Option<usize>) {
        let Some(message) = self.recall(n) else {
            return;
        };
        match self.face.copy(&commands::copied(&message.text)) {
            Ok(done) => self.warn(Safe::from(done) + ": " + beginning(&message.text)),
            Err(why) => self.warn(Safe::from("not copied: ") + why),
        }
    }

    /// Does away with a message, kept or not; what is printed stays printed.
    pub(super) fn delete_message(&mut self, n: Option<usize>) {
        if n.is_none() {
            let words =
                "which one? /delete N; 1 is the newest of the conversation that the prompt shows";
            return self.warn(words.into());
        }
        let Some(message) = self.recall(n) else {
            return;
        };
        match self.delete_kept(message.which()) {
            Ok(Deletion::Done | Deletion::Lingers | Deletion::NotKept) => {
                let words = Safe::from("deleted: ") + beginning(&message.text);
                self.warn(
                    words + "; the other side keeps its own, and what is printed stays printed",
                );
            }
            Ok(stays @ (Deletion::Waiting | Deletion::Unconfirmed)) => {
                self.warn(Safe::from("not deleted: ") + why_it_stays(stays));
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Does away with a message that the screen has.
    pub(super) fn delete_of_screen(&mut self, which: MessageRef) {
        self.note_seen();
        let why = match self.delete_kept(which) {
            Ok(Deletion::Done | Deletion::Lingers | Deletion::NotKept) => return,
            Ok(stays) => Safe::from("not deleted: ") + why_it_stays(stays),
            Err(error) => {
                self.complain(&error);
                "not deleted".into()
            }
        };
        self.face.show(Told::NotDeleted(why));
    }

    /// Does away with a message wherever it is kept, and takes it off a screen.
    pub(super) fn delete_kept(&mut self, which: MessageRef) -> Result<Deletion, Error> {
        let done = self.profile.journal.delete(which)?;
        if done == Deletion::Lingers {
            self.warn(LINGERS.into());
        }
        if matches!(done, Deletion::Done | Deletion::Lingers | Deletion::NotKept) {
            self.state.backlog.forget_deleted(which);
            self.drop_quote_of(|quote| quote.of == which);
            self.face.show(Told::Deleted(which));
        }
        Ok(done)
    }

    /// Does away with history, also with what a face has of it. Says how many messages went.
    pub(super) fn purge_kept(
        &mut self,
        contact: Option<ContactId>,
        before: Option<UnixTime>,
        counted: Option<&Counted>,
    ) -> Result<u64, Error> {
        let gone = self.profile.journal.purge(contact, before, counted);
        let is_stopped = |kind: &_| matches!(kind, ErrorKind::Store(StoreTrouble::Stopped));
        let had_stopped = gone.as_ref().is_err_and(|error| is_stopped(error.kind()));
        let archive = self.profile.journal.archive();
        let left = || archive.count_left(contact, before, counted);
        let is_gone = is_gone(&gone, had_stopped, left);
        if is_gone {
            // What came while somebody thought about it stays in front as well.
            let asked_at = counted.map(Counted::at);
            let before = before.into_iter().chain(asked_at).min();
            // What was over only then, or whose number may be another's, is older than that and kept.
            let kept = counted.and_then(|_| self.profile.journal.kept(contact, before).ok());
            let kept = kept.unwrap_or_default();
            self.state.backlog.forget_purged(contact, before, &kept);
            let quoted = self.state.quote.as_ref().map(|quote| quote.of);
            let is_kept = quoted.is_some_and(|of| kept.contains(&of) || self.state.backlog.has(of));
            self.drop_quote_of(|quote| {
                let is_meant = contact.is_none_or(|contact| contact == quote.of.contact);
                is_meant && !is_kept && before.is_none_or(|before| quote.at < before)
            });
            let purged = tui::Purged {
                with: contact.map(ContactId::peer),
                before,
                kept,
            };
            self.face.show(Told::Purged(purged));
        }
        Ok(gone?)
    }

    /// Quotes a message in what is said next.
    pub(super) fn quote_message(&mut self, n: Option<usize>) {
        let Some(message) = self.recall(n) else {
            return;
        };
        let quote = Quote {
            of: message.which(),
            at: message.at,
            text: commands::quoted(&message.text),
        };
        let words = Safe::from("your next line answers \"") + beginning(&message.text);
        self.state.quote = Some(quote);
        self.warn(words + "\" (an empty one: none does)");
    }

    /// Says something to somebody, behind what it answers: that goes with the first line that is not refused.
    pub(super) fn say_or_answer(
        &mut self,
        peer: PeerId,
        text: &str,
    ) -> Result<Option<ExitCode>, Error> {
        // By itself: behind a quote no line goes on with a key.
        if !self.is_sendable(text) {
            return Ok(None);
        }
        let Some(quote) = self.state.quote.take_if(|quote| quote.peer() == peer) else {
            return self.say_sendable(peer, text.to_owned());
        };
        if let Some(end) = self.say_batch_before_another()? {
            return Ok(Some(end));
        }
        let waiting = self.state.pending.len();
        let end = self.say_sendable(peer, quote.text.clone() + text)?;
        let is_taken = self.state.batch.len() > 0 || self.state.pending.len() > waiting;
        if !is_taken {
            self.state.quote = Some(quote);
        }
        Ok(end)
    }

    /// Whether the next line to somebody answers a message.
    pub(super) fn is_answering(&self, peer: PeerId) -> bool {
        (self.state.quote.as_ref()).is_some_and(|quote| quote.peer() == peer)
    }

    /// Nothing is answered after all.
    pub(super) fn drop_quote(&mut self) {
        if self.state.quote.take().is_some() {
            self.warn("no answer then (nothing was sent)".into());
        }
    }

    /// What is kept no longer is not quoted either.
    fn drop_quote_of(&mut self, is_gone: impl FnOnce(&Quote) -> bool) {
        if self.state.quote.take_if(|quote| is_gone(quote)).is_some() {
            self.warn(
                "what your next line would have answered is deleted: it answers nothing".into(),
            );
        }
    }

    /// Sends a message again that has failed: the one with this number, or the last one to whoever the
    /// prompt shows.
    pub(super) fn retry(&mut self, number: Option<usize>) -> Result<Option<ExitCode>, Error> {
        let backlog = &self.state.backlog;
        let found = match number {
            Some(number) => backlog.failed(number),
            None => (self.state.target.peer()).and_then(|peer| backlog.last_failed(peer)),
        };
        let Some(message) = found.cloned() else {
            self.warn(match number {
                Some(number) => {
                    Safe::from("no message [") + number + "] has failed (nothing was sent)"
                }
                None => "no message has failed here (nothing was sent)".into(),
            });
            return Ok(None);
        };
        let (before, waiting) = (self.state.sent.said(), self.state.pending.len());
        if let Some(end) = self.say(Some(message.peer), message.text.clone())? {
            return Ok(Some(end));
        }
        let end = self.say_batch()?;
        if self.state.sent.said() > before || self.state.pending.len() > waiting {
            self.state.backlog.forget(&message);
        }
        Ok(end)
    }

    /// What to do about a message that has failed; nothing where nothing can be said any more.
    pub(super) fn remedy(&self, peer: PeerId, number: u64) -> Result<Safe, Error> {
        let way = self.way(peer)?;
        let has_another_key = way.link.is_some_and(|link| link.has_another_key);
        Ok(if way.status.is_none() || has_another_key {
            Safe::default()
        } else {
            Safe::from(" - /retry ") + number + " sends it again"
        })
    }
}

/// What is said of a message that is deleted and whose bytes are not. The store is at its end with that: the next
/// message that is to be written down ends the program.
const LINGERS: &str = "the message is deleted, but the disk failed before its file could be rewritten: its encrypted bytes \
                       lie there, and nothing more is written down in this run. \
                       Leave (/quit) and start again; the next deletion rewrites the file";

/// Whether messages that were to be purged are gone. `left`: how many of them are there. The file may only not have
/// been rewritten without them; what the store does not tell then is gone from the faces. One that had stopped before
/// has not begun.
fn is_gone<E>(
    purged: &Result<u64, E>,
    had_stopped: bool,
    left: impl FnOnce() -> Result<u64, E>,
) -> bool {
    purged.is_ok() || (!had_stopped && matches!(left(), Ok(0) | Err(_)))
}

/// Why a message is not deleted.
pub(super) const fn why_it_stays(stays: Deletion) -> &'static str {
    match stays {
        Deletion::Waiting => {
            "it is not delivered yet, and is sent all the same: delete it when it is"
        }
        Deletion::Unconfirmed => "nobody has seen it yet: it is shown first",
        Deletion::Done | Deletion::Lingers | Deletion::NotKept => "",
    }
}

/// As much of a message as tells which one it is.
fn beginning(text: &str) -> Safe {
    const MOST: usize = 40;
    let line = text.lines().next().unwrap_or("");
    let part: String = line.chars().take(MOST).collect();
    if part.len() < text.len() {
        safe_line(&part) + "..."
    } else {
        safe_line(&part)
    }
}

/// How far a message of ours is.
fn words_of(state: State) -> Safe {
    match state {
        State::Queued => "queued".into(),
        State::Sent => "sent".into(),
        State::Delivered => "delivered".into(),
        State::Failed(reason) => Safe::from("failed: ") + safe_line(&reason.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{Command, Typed};

    #[test]
    fn what_is_purged_is_gone_though_its_file_could_not_be_rewritten() {
        assert!(is_gone(&Ok::<_, ()>(2), false, || Ok(3)), "others came");
        assert!(is_gone(&Err(()), false, || Ok(0)));
        assert!(is_gone(&Err(()), false, || Err(())));
        assert!(!is_gone(&Err(()), false, || Ok(2)));
        assert!(!is_gone(&Err(()), true, || Err(())), "nothing was begun");
    }

    #[test]
    fn what_is_to_be_done_about_bytes_that_are_left_can_be_done() {
        let (_, rest) = LINGERS.split_once('(').unwrap();
        let (typed, _) = rest.split_once(')').unwrap();
        assert!(
            matches!(Typed::parse(typed), Typed::Command(Command::Quit)),
            "{typed}"
        );
    }
}
