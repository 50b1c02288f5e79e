//! Names and keys: of others, to save them by, and our own, to be known by.

use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::{others_can_run, unsaved};
use crate::cli::{Error, qr};
use crate::id::PeerId;
use crate::store::{KeyOffer, key_text, key_uri};
use crate::text::{Safe, safe_line};
use crate::tui::Told;

impl Conversation {
    /// Saves somebody who has no name yet, with the host that this program was to reach it at.
    pub(super) fn save_as(&mut self, peer: PeerId, name: &str) -> Result<(), Error> {
        let host = self.goal.host_of(&peer);
        if self.profile.contacts.is_saved(&peer) {
            let words = Safe::from("saved already, as ") + self.label(&peer);
            self.warn(words + "; another name: /rename NEW");
        } else if self.save(name, &peer, host.as_slice()) {
            self.warn(Safe::from("saved as ") + safe_line(name));
            self.note_confirmed(peer)?;
        }
        Ok(())
    }

    /// Says, as a first session begins, what a key without a name needs to be known next time.
    pub(super) fn suggest_saving(&mut self, peer: PeerId) {
        let is_first = !(self.state.links.get(&peer)).is_some_and(|link| link.has_stood);
        if is_first && self.is_person() && self.label(&peer) == unsaved(&peer) {
            let words = "/save NAME keeps this key, and where it was called, for next time";
            self.face.note(Some(peer), &words.into());
        }
    }

    /// Calls somebody who is saved by another name.
    pub(super) fn rename(&mut self, peer: PeerId, new: &str) -> Result<(), Error> {
        let old = self.label(&peer);
        if !self.profile.contacts.is_saved(&peer) {
            self.warn(old + " is not saved yet: /save NAME");
            return Ok(());
        }
        match self.change_peers(|known| known.rename(old.as_str(), new)) {
            Ok(_) => self.warn(old + " is called " + safe_line(new) + " now"),
            Err(error) => self.complain(&error),
        }
        Ok(())
    }

    /// Draws our own key as `key qr` does, without an address.
    pub(super) fn show_own_qr(&mut self) {
        let uri = key_uri(&self.own, None, &[]);
        match qr::lines(&uri, false, self.is_ascii) {
            Ok(mut lines) => {
                if let Some(screen) = self.face.screen() {
                    return screen.tell(Told::Code { lines, text: uri });
                }
                lines.push(uri);
                for line in lines {
                    self.warn(line);
                }
            }
            Err(error) => self.complain(&error),
        }
    }

    fn offer_of_other(&self, key: &str) -> Result<KeyOffer, Error> {
        let offer = KeyOffer::parse_argument(key)?;
        self.check_not_own(&offer.key)?;
        Ok(offer)
    }

    /// Saves a key under a name, and calls it if it comes with an address.
    pub(super) fn add(&mut self, name: &str, key: &str) -> Result<(), Error> {
        let offer = match self.offer_of_other(key) {
            Ok(offer) => offer,
            Err(error) => {
                self.complain(&error);
                return Ok(());
            }
        };
        if !self.save(name, &offer.key, &offer.addresses) {
            return Ok(());
        }
        self.warn(Safe::from("saved as ") + safe_line(name));
        // The core has to know whom it is to call.
        let reloaded = self.profile.contacts.reload();
        self.take_over(reloaded)?;
        if let Some(host) = offer.addresses.first() {
            self.calls
                .add_asked(offer.key, host.clone(), self.clock.now());
        }
        Ok(())
    }

    pub(super) fn tell_own_id(&mut self) {
        let local = self.handle.local_addr();
        let key = key_text(&self.own);
        self.warn(Safe::from("listening on ") + local + "/udp as " + key);
        if self.profile.is_of_this_run() {
            let words = "this key is gone when you leave, and nobody else is let in";
            return self.warn(words.into());
        }
        self.warn(others_can_run(&self.own, local));
    }
}
