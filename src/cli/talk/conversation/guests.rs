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
    /// Asks about an unknown key. One that claims a saved name waits like any other: being sent away at once would tell
    /// it that there is such a name.
    pub(super) fn on_guest(&mut self, peer: PeerId, address: SocketAddr, nickname: Option<&str>) {
        let nickname = nickname.and_then(|name| safe_name(name).ok());
        let claimed = nickname
            .as_ref()
            .and_then(|name| self.profile.contacts.claimed(name));
        let claimed = claimed.map(|saved| (saved.name().clone(), saved.key()));
        if let Some((name, saved)) = claimed.clone() {
            self.warn_of_claim(name, saved, peer);
        }
        let guest = Guest {
            peer,
            address,
            nickname: nickname.filter(|_| claimed.is_none()),
            claims: claimed.map(|(name, _)| name),
        };
        self.publish(&guest.told());
        self.state.guests.push_back(guest.clone());
        if let Some(screen) = self.face.screen() {
            return screen.guest(guest.on_screen());
        }
        if let Some(name) = &guest.nickname {
            self.warn(Safe::from("an unknown key suggests to be called \"") + name + "\"");
        }
        if self.is_person() && self.state.guests.len() == 1 {
            self.ask();
        }
    }

    /// Says whose name an unknown key claims, at most once a minute with both keys.
    fn warn_of_claim(&mut self, name: Safe, saved: PeerId, offered: PeerId) {
        if self.state.tells_of_claim(self.clock.now()) {
            self.complain(&Error::NameClaimed {
                name,
                saved,
                offered,
            });
        }
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
        let warning = guest.warning();
        self.warn(words);
        self.warn(key);
        if let Some(warning) = warning {
            self.warn(warning);
        }
        self.state.asked = self.clock.now();
    }

    /// A guest left undecided. One that we sent away was told of already.
    pub(super) fn on_guest_gone(&mut self, peer: PeerId) {
        if !self.state.guests.iter().any(|guest| guest.peer == peer) {
            return;
        }
        let was_asked = self.is_asked_about(peer);
        self.drop_guest(peer);
        let gone = Fact::CallerGone { key: peer };
        if self.face.is_screen() {
            // Its rule says who waits.
            self.publish(&gone);
        } else {
            self.tell(&gone);
        }
        if was_asked {
            self.ask_about_next();
        }
    }

    /// Nobody is asked any longer about whom the list has by now.
    pub(super) fn end_settled_questions(&mut self) {
        let waiting = self.state.guests.iter().map(|guest| guest.peer);
        let is_saved = |peer: &PeerId| self.profile.contacts.is_saved(peer);
        for peer in waiting.filter(is_saved).collect::<Vec<_>>() {
            let was_asked = self.is_asked_about(peer);
            self.drop_guest(peer);
            self.publish(&Fact::CallerGone { key: peer });
            if was_asked {
                self.ask_about_next();
            }
        }
    }

    fn is_asked_about(&self, peer: PeerId) -> bool {
        let first = self.state.guests.front().map(|guest| guest.peer);
        self.is_person() && !self.face.is_screen() && first == Some(peer)
    }

    /// What is typed by now was meant for the former question.
    fn ask_about_next(&mut self) {
        self.state.unasked = Some(self.clock.now());
        self.ask();
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

impl Guest {
    fn warning(&self) -> Option<Safe> {
        let name = self.claims.as_ref()?;
        Some(Safe::from("  it calls itself as your saved ") + name + " does, and has another key")
    }

    /// As programs are told of it.
    pub(super) fn told(&self) -> Fact {
        let (nickname, claims) = (self.nickname.clone(), self.claims.clone());
        Fact::caller(self.peer, self.address, nickname, claims)
    }

    fn on_screen(&self) -> tui::Guest {
        tui::Guest {
            peer: self.peer,
            fingerprint: fingerprint(&self.peer),
            address: self.address,
            nickname: self.nickname.clone(),
            warning: self.warning(),
        }
    }
}

/// The name of somebody whom nobody has named: `guest-` and the first bytes of the key.
pub(super) fn guest_name(peer: &PeerId) -> Safe {
    let [a, b, c, ..] = *peer.as_bytes();
    safe_line(&format!("guest-{a:02x}{b:02x}{c:02x}"))
}
