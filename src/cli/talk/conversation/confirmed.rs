//! That a peer is who it should be: noted with its saved name. Where it has none, what our person has confirmed is
//! remembered as long as the connection stands, and noted with the name that it gets meanwhile.

use core::mem;

use crate::calendar::Day;
use crate::cli::Error;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::fact::Step;
use crate::id::PeerId;
use crate::store;
use crate::text::Safe;
use crate::tui::{self, Noted};

/// Who says for us that a peer is who it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    Person,
    /// One that is told at once that it counts for nothing later where there is no name.
    Program,
}

impl Conversation {
    /// Notes that a peer is who it should be, and says so.
    pub(super) fn note_same(
        &mut self,
        peer: PeerId,
        judge: Judge,
    ) -> Result<Result<Noted, store::Error>, Error> {
        let is_noted = match self.note_comparison(peer, true) {
            Ok(is_noted) => is_noted,
            Err(error) => return Ok(Err(error)),
        };
        self.publish_step(peer, Step::Match, None);
        self.state.differed.remove(&peer);
        let noted = if is_noted {
            Noted::Saved
        } else {
            self.remember_same(peer, judge)
        };
        let words = self.said_same(peer, noted);
        if is_noted {
            self.state.unwritten.remove(&peer);
            self.state.aside.remove(&peer);
        }
        self.warn_about(peer, Safe::from("verify: ") + words);
        let refreshed = self.profile.contacts.reload();
        self.take_over(refreshed)?;
        Ok(Ok(noted))
    }

    /// Without a name it counts on this connection. Whose words differed has none, and is let in by nothing of before.
    fn remember_same(&mut self, peer: PeerId, judge: Judge) -> Noted {
        let is_aside = self.is_aside(&peer);
        let link = self.state.links.get_mut(&peer);
        match link.filter(|link| link.lasts()) {
            Some(link) if judge == Judge::Person && !is_aside => {
                link.is_confirmed = true;
                Noted::Session
            }
            Some(_) | None => Noted::Nowhere,
        }
    }

    fn said_same(&self, peer: PeerId, noted: Noted) -> Safe {
        let label = self.label(&peer);
        match noted {
            Noted::Saved => label + " is [verified] from now on",
            Noted::Session => label + " has " + tui::UNSAVED,
            Noted::Nowhere => {
                let way_in = if self.is_aside(&peer) {
                    "; to let it in again: /save NAME, then the same once more"
                } else {
                    ""
                };
                label + " has no saved name, so this counts for nothing later" + way_in
            }
        }
    }

    /// As [`Conversation::note_confirmed`], of everybody who has got a name by whatever way.
    pub(super) fn note_all_confirmed(&mut self) -> Result<(), Error> {
        let links = self.state.links.iter();
        let confirmed = links.filter(|(_, link)| link.is_confirmed);
        let named = confirmed.filter(|(peer, _)| self.profile.contacts.is_saved(peer));
        let named: Vec<PeerId> = named.map(|(peer, _)| *peer).collect();
        named
            .into_iter()
            .try_for_each(|peer| self.note_confirmed(peer))
    }

    /// Notes with a name that the peer has just got what our person has confirmed on the connection that stands.
    pub(super) fn note_confirmed(&mut self, peer: PeerId) -> Result<(), Error> {
        let link = self.state.links.get_mut(&peer);
        let is_confirmed =
            link.is_some_and(|link| link.lasts() && mem::take(&mut link.is_confirmed));
        if !is_confirmed || self.is_aside(&peer) {
            return Ok(());
        }
        match self.note_comparison(peer, true) {
            Ok(true) => {}
            // The line was taken out again.
            Ok(false) => return Ok(()),
            Err(error) => {
                self.complain(&error.into());
                return Ok(());
            }
        }
        if let Some(running) = self.state.comparing.get_mut(&peer) {
            running.ours = running.ours.map(|_| Noted::Saved);
        }
        let words = Safe::from("verify: ") + self.said_same(peer, Noted::Saved);
        self.warn_about(
            peer,
            words + ", by what you have compared on this connection",
        );
        let refreshed = self.profile.contacts.reload();
        self.take_over(refreshed)
    }

    /// What was remembered for a connection that is over is noted nowhere.
    pub(super) fn noted_by_now(&self, peer: &PeerId, noted: Noted) -> Noted {
        let is_confirmed = self.state.links.get(peer).is_some_and(|it| it.is_confirmed);
        match noted {
            Noted::Session if !is_confirmed => Noted::Nowhere,
            Noted::Saved | Noted::Session | Noted::Nowhere => noted,
        }
    }

    /// The connection on which somebody without a name was confirmed is over, and with it what was confirmed.
    pub(super) fn forget_confirmed(&mut self, peer: PeerId) {
        let link = self.state.links.get_mut(&peer);
        if link.is_some_and(|link| mem::take(&mut link.is_confirmed)) {
            let why = Safe::from("that connection has ended, and ") + self.label(&peer);
            let why = why + " has no saved name";
            self.show_comparison(peer, tui::Comparison::Over { why });
        }
    }

    /// Notes what came of a comparison; false: there is no line to note it on.
    pub(super) fn note_comparison(
        &mut self,
        peer: PeerId,
        same: bool,
    ) -> Result<bool, store::Error> {
        let day = Day::from(self.clock.unix_time());
        let contacts = &mut self.profile.contacts;
        contacts.note_comparison(&peer, same, day)
    }
}
