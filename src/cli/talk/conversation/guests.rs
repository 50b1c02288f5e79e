//! Unknown keys that call: the question about them, and its answer, or the commands that decide.

use std::net::SocketAddr;

use crate::cli::Error;
use crate::cli::talk::answer::Answer;
use crate::cli::talk::conversation::callers::{AskedAbout, Guest, SettledBy};
use crate::cli::talk::conversation::{Conversation, Target};
use crate::cli::talk::fact::Fact;
use crate::cli::talk::unsaved;
use crate::id::PeerId;
use crate::store::fingerprint;
use crate::text::{Safe, safe_line, safe_name};
use crate::tui::{self, Told};

/// What decides about a caller while a line may be meant for somebody.
const DECIDING: &str = "/add NAME takes it in, /refuse sends it away";

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
        self.state.callers.add(guest.clone());
        if let Some(screen) = self.face.screen() {
            return screen.tell(Told::Guest(guest.on_screen()));
        }
        if let Some(name) = &guest.nickname {
            self.warn(Safe::from("an unknown key suggests to be called \"") + name + "\"");
        }
        if self.is_person() && self.state.callers.is_unasked() {
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

    /// Shows who has waited longest. The prompt asks about it as long as there has been nobody to talk to.
    pub(super) fn ask(&mut self) {
        let (is_question, now) = (self.state.target == Target::First, self.clock.now());
        let Some(guest) = self.state.callers.ask(is_question, now) else {
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
        if !is_question {
            self.warn(DECIDING.into());
        }
    }

    /// Somebody waits no longer, however that came. A person in lines who was being asked about it is
    /// asked about the next.
    pub(super) fn settle_guest(&mut self, peer: PeerId, by: SettledBy) {
        let was_asked = self.state.callers.settle(peer, by, self.clock.now());
        self.face.show(Told::GuestGone(peer));
        if was_asked {
            self.ask();
        }
    }

    /// A guest left undecided. One that we sent away was told of already.
    pub(super) fn on_guest_gone(&mut self, peer: PeerId) {
        if !self.state.callers.waits(&peer) {
            return;
        }
        let gone = Fact::CallerGone { key: peer };
        if self.face.is_screen() {
            // Its rule says who waits.
            self.publish(&gone);
        } else {
            self.tell(&gone);
        }
        self.settle_guest(peer, SettledBy::Others);
    }

    /// Nobody is asked any longer about whom the list has by now.
    pub(super) fn end_settled_questions(&mut self) {
        let waiting = self.state.callers.iter().map(|guest| guest.peer);
        let is_saved = |peer: &PeerId| self.profile.contacts.is_saved(peer);
        for peer in waiting.filter(is_saved).collect::<Vec<_>>() {
            self.publish(&Fact::CallerGone { key: peer });
            self.settle_guest(peer, SettledBy::Others);
        }
    }

    /// Tells a person that a program has sent a caller away: nothing else shows where the question is.
    pub(super) fn tell_rejected(&mut self, peer: PeerId) {
        if self.is_person() {
            let words = Safe::from("another program has sent the unknown key ");
            self.warn(words + unsaved(&peer) + " away");
        }
    }

    /// Does what was typed in lines about the caller that the person has been asked about. `does` says
    /// whether it is decided; where it is not, the question is put again.
    fn decide(
        &mut self,
        does: impl FnOnce(&mut Self, PeerId) -> Result<bool, Error>,
    ) -> Result<AskedAbout, Error> {
        let about = self.state.callers.asked_about(self.clock.now());
        match about {
            AskedAbout::Nobody => {}
            AskedAbout::Unread => {
                let words = if self.state.callers.is_question() {
                    "that was typed before the question; it was not sent"
                } else {
                    "that was typed before this caller was shown; nothing was done"
                };
                self.warn(words.into());
                self.ask();
            }
            AskedAbout::Peer(peer) => {
                if does(self, peer)? {
                    self.settle_guest(peer, SettledBy::Answer);
                } else {
                    self.ask();
                }
            }
        }
        Ok(about)
    }

    pub(super) fn on_answer(&mut self, typed: &str) -> Result<(), Error> {
        self.decide(|it, peer| match Answer::parse(typed, &peer) {
            Answer::Unclear => {
                it.warn("that is no answer; it was not sent".into());
                Ok(false)
            }
            Answer::No => it.refuse_guest(peer).map(|()| true),
            Answer::AnotherKey => {
                it.refuse_guest(peer)?;
                it.warn("that is another key than the one that calls; it was sent away".into());
                Ok(true)
            }
            Answer::Yes { name } => it.welcome(peer, name.as_deref()),
        })?;
        Ok(())
    }

    /// `/add` and `/add NAME`, which answer as `yes` and `yes NAME` do.
    pub(super) fn add_guest(&mut self, name: Option<&str>) -> Result<(), Error> {
        let about = self.decide(|it, peer| it.welcome(peer, name))?;
        if about == AskedAbout::Nobody {
            self.warn("nobody waits to be added; to add a key: /add NAME KEY".into());
        }
        Ok(())
    }

    /// `/refuse`, which answers as `no` does.
    pub(super) fn refuse_first(&mut self) -> Result<(), Error> {
        let about = self.decide(|it, peer| it.refuse_guest(peer).map(|()| true))?;
        if about == AskedAbout::Nobody {
            self.warn("nobody waits to be added".into());
        }
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
            ours: guest_name(&self.peer),
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
