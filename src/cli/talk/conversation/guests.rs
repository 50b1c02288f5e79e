//! Unknown keys that call: the question about them, and its answer.

use std::net::SocketAddr;

use crate::cli::Error;
use crate::cli::talk::answer::Answer;
use crate::cli::talk::conversation::{Conversation, Guest};
use crate::cli::talk::fact::Fact;
use crate::id::PeerId;
use crate::store::fingerprint;
use crate::text::{Safe, safe_line, safe_name};
use crate::tui;

impl Conversation {
    pub(super) fn on_guest(
        &mut self,
        peer: PeerId,
        address: SocketAddr,
        nickname: Option<String>,
    ) -> Result<(), Error> {
        let claimed = nickname
            .as_deref()
            .and_then(|name| self.profile.contacts.claimed(name));
        if let Some(saved) = claimed {
            let (name, saved) = (saved.name().clone(), saved.key());
            if self.state.tells_of_claim(self.clock.now()) {
                self.complain(&Error::NameClaimed {
                    name,
                    saved,
                    offered: peer,
                });
            }
            return self.refuse_guest(peer);
        }
        if let Some(name) = nickname.as_deref().and_then(|name| safe_name(name).ok())
            && !self.face.is_screen()
        {
            self.warn(Safe::from("an unknown key suggests to be called \"") + name + "\"");
        }
        let nickname = nickname.as_deref().and_then(|name| safe_name(name).ok());
        self.publish(&Fact::caller(peer, address, nickname.clone()));
        self.state.guests.push_back(Guest { peer, address });
        if let Some(screen) = self.face.screen() {
            screen.guest(tui::Guest {
                peer,
                fingerprint: fingerprint(&peer),
                address,
                nickname,
            });
        } else if self.is_person() && self.state.guests.len() == 1 {
            self.ask();
        }
        Ok(())
    }

    pub(super) fn refuse_guest(&self, peer: PeerId) -> Result<(), Error> {
        Ok(self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().refuse_guest(peer, now))?)
    }

    /// Shows the first guest; the prompt asks about it.
    fn ask(&mut self) {
        let Some(guest) = self.state.guests.front() else {
            return;
        };
        let words = Safe::from("an unknown key calls from ") + guest.address + ":";
        let key = Safe::from("  ") + fingerprint(&guest.peer);
        self.warn(words);
        self.warn(key);
        self.state.asked = self.clock.now();
    }

    /// A guest left undecided. One that we sent away was told of already.
    pub(super) fn on_guest_gone(&mut self, peer: PeerId) {
        if !self.state.guests.iter().any(|guest| guest.peer == peer) {
            return;
        }
        let asked = self
            .state
            .guests
            .front()
            .is_some_and(|guest| guest.peer == peer);
        self.state.guests.retain(|guest| guest.peer != peer);
        let gone = Fact::CallerGone { key: peer };
        if let Some(screen) = self.face.screen() {
            // Its rule says who waits.
            screen.guest_gone(peer);
            self.publish(&gone);
            return;
        }
        self.tell(&gone);
        if asked && self.is_person() {
            self.state.unasked = Some(self.clock.now());
            self.ask();
        }
    }

    pub(super) fn on_answer(&mut self, typed: &[u8]) -> Result<(), Error> {
        let Some(guest) = self.state.guests.front() else {
            return Ok(());
        };
        let peer = guest.peer;
        let shown = self.clock.now().saturating_since(self.state.asked);
        let decided = match Answer::parse(&String::from_utf8_lossy(typed), &peer, shown) {
            Answer::Unclear => false,
            Answer::TooSoon => {
                self.warn("that was typed before the question; it was not sent".into());
                false
            }
            Answer::No => {
                self.refuse_guest(peer)?;
                true
            }
            Answer::AnotherKey => {
                self.refuse_guest(peer)?;
                self.warn("that is another key than the one that calls; it was sent away".into());
                true
            }
            Answer::Yes { name } => self.welcome(peer, name.as_deref())?,
        };
        if decided {
            self.state.guests.retain(|guest| guest.peer != peer);
        }
        self.ask();
        Ok(())
    }

    /// Takes a guest in; false if the name cannot be used.
    pub(super) fn welcome(&mut self, peer: PeerId, name: Option<&str>) -> Result<bool, Error> {
        let ours = guest_name(&peer);
        let name = name.unwrap_or_else(|| ours.as_str());
        if !self.save(name, &peer, &[]) {
            return Ok(false);
        }
        self.let_in(peer)?;
        Ok(true)
    }

    /// Lets a guest in that is saved by now.
    pub(super) fn let_in(&mut self, peer: PeerId) -> Result<(), Error> {
        let who = self.who(&peer);
        self.tell(&Fact::Saved { who, address: None });
        let let_in = self
            .handle
            .with(|messenger, _| messenger.endpoint_mut().accept_guest(peer))?;
        if let_in.is_err() {
            self.warn("it is gone meanwhile".into());
        }
        Ok(())
    }

    pub(super) fn on_pinned(&mut self, peer: PeerId, address: SocketAddr) {
        let name = guest_name(&peer);
        // Not under this label if it cannot be saved: three bytes of a key are soon found again, and
        // the name may be somebody else's.
        if self.save(name.as_str(), &peer, &[]) {
            let (who, address) = (self.who(&peer), Some(address));
            self.tell(&Fact::Saved { who, address });
        }
    }
}

/// The name of somebody whom nobody has named: `guest-` and the first bytes of the key.
pub(super) fn guest_name(peer: &PeerId) -> Safe {
    let [a, b, c, ..] = *peer.as_bytes();
    safe_line(&format!("guest-{a:02x}{b:02x}{c:02x}"))
}
