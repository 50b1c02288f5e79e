//! Watches known-peers.

use std::net::SocketAddr;

use crate::calendar::Day;
use crate::cli::Error;
use crate::cli::talk::contacts::{Changes, UNUSABLE};
use crate::cli::talk::conversation::Conversation;
use crate::id::PeerId;
use crate::store;
use crate::time::UnixTime;

/// Words differed, and known-peers could not be told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unnoted {
    /// When the peer had been verified, as the file said by then.
    pub(super) verified: Option<Day>,
    /// When it was found.
    pub(super) at: UnixTime,
}

impl Conversation {
    pub(super) fn look_at_known_peers(&mut self) -> Result<(), Error> {
        self.write_what_is_unwritten();
        let refreshed = self.profile.contacts.refresh();
        self.take_over(refreshed)
    }

    /// Says of what was changed in known-peers that it counts, and that the disk has not confirmed it.
    pub(super) fn tell_unconfirmed(&mut self) {
        if let Some(error) = self.profile.contacts.take_unconfirmed() {
            self.complain(&error.into());
        }
    }

    /// Tries again to note whose words differed. It is said once that it failed.
    fn write_what_is_unwritten(&mut self) {
        let day = Day::from(self.clock.unix_time());
        let contacts = &mut self.profile.contacts;
        let mut has_failed = false;
        // Where one fails the others do, and each may wait for whoever changes the list.
        let is_unwritten = |peer: &PeerId, it: &mut Unnoted| {
            has_failed = has_failed || contacts.note_late(peer, it.verified, day).is_err();
            has_failed
        };
        self.state.unwritten.retain(is_unwritten);
    }

    /// Whose words differed: what the file says counts, once it has been told. Of those who have no line there,
    /// this run remembers it, and notes it on a line that they get: a name alone is no decision.
    fn go_by_the_file(&mut self) {
        let contacts = &self.profile.contacts;
        for peer in &self.state.aside {
            if contacts.is_saved(peer) && !contacts.has_decision(peer) {
                let at = self.clock.unix_time();
                let unwritten = Unnoted { verified: None, at };
                self.state.unwritten.entry(*peer).or_insert(unwritten);
            }
        }
        self.write_what_is_unwritten();
        let (contacts, unwritten) = (&self.profile.contacts, &self.state.unwritten);
        self.state
            .aside
            .retain(|peer| !contacts.has_decision(peer) || unwritten.contains_key(peer));
    }

    /// Somebody has decided about this peer outside of this program, and the file says how. By the file alone that
    /// cannot be seen if it says what it said before: a peer that was verified earlier on the same day. What was found
    /// to differ after that, `at`, still counts.
    pub(super) fn take_decision(&mut self, peer: PeerId, at: UnixTime) -> Result<(), Error> {
        let read = self.profile.contacts.read_again();
        let unwritten = self.state.unwritten.get(&peer);
        if matches!(read, Ok(Some(_))) && unwritten.is_some_and(|it| it.at < at) {
            // If the file says nothing of it, it is noted there that the words differed, as before.
            self.state.unwritten.remove(&peer);
        }
        self.take_over(read)
    }

    /// Goes by a list that has changed.
    pub(super) fn take_over(
        &mut self,
        refreshed: Result<Option<Changes>, store::Error>,
    ) -> Result<(), Error> {
        match refreshed {
            Ok(None) => {}
            Ok(Some(mut changes)) => {
                self.go_by_the_file();
                changes.keep_aside(&self.state.aside);
                for peer in changes.aside() {
                    self.refuse_waits(peer);
                }
                let gone = changes.gone();
                self.forget_target(&gone);
                self.calls.forget(&gone);
                for peer in &gone {
                    self.state.unseen.forget((*peer).into());
                }
                let moved = changes.take_moved();
                let goal = &self.goal;
                let (anew, events) = self.handle.with(|messenger, now| {
                    for it in moved {
                        let is_gone =
                            |at: &SocketAddr| it.has_left(at) && !goal.seeks(&it.peer, at);
                        messenger.endpoint_mut().forget_addresses(it.peer, is_gone);
                    }
                    let anew = changes.apply(messenger, now);
                    (anew, messenger.waiting_events())
                })?;
                self.part_with(&gone, events)?;
                for peer in anew {
                    let now = self.clock.now();
                    self.calls.call_at_once(&peer, now);
                    self.goal.call_at_once(&peer, now);
                }
                self.end_settled_questions();
                self.follow_addresses()?;
                if self.calls.are_for_everybody() {
                    self.call_everybody();
                }
                self.note_all_confirmed()?;
            }
            Err(error) => {
                self.warn(UNUSABLE.into());
                self.complain(&error.into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
