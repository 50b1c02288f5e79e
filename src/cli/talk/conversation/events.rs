//! What the core tells about sessions.

use std::net::SocketAddr;

use crate::calendar::Day;
use crate::chat::Update;
use crate::cli::json::ms;
use crate::cli::talk::contacts::Introduction;
use crate::cli::talk::conversation::news::News;
use crate::cli::talk::conversation::{Conversation, Link, Typist};
use crate::cli::talk::fact::{self, Change, Fact, Waits};
use crate::cli::talk::goal::Progress;
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;
use crate::proto::{CloseReason, Event, Refusal};
use crate::store::{self, HostPort};
use crate::text::{Safe, span};
use crate::wire::limits::VERSION;

impl Conversation {
    pub(super) fn on_update(&mut self, update: Update) -> Result<Option<ExitCode>, Error> {
        match update {
            Update::Session(event) => self.on_session(event),
            Update::Chat(event) => self.on_chat(event),
        }
    }

    fn on_session(&mut self, event: Event) -> Result<Option<ExitCode>, Error> {
        self.goal.on_event(&event, self.clock.now());
        match event {
            Event::Established {
                peer,
                address,
                initiator,
            } => self.on_established(peer, address, initiator)?,
            Event::Waiting { peer } => {
                self.on_kept_out(peer)?;
                self.link(peer).said_no = None;
                let who = self.who(&peer);
                self.tell(&Fact::Waiting { who });
            }
            Event::Refused { peer, reason } => return self.on_refused(peer, reason),
            Event::Guest {
                peer,
                address,
                nickname,
            } => self.on_guest(peer, address, nickname.as_deref()),
            Event::GuestGone { peer } => self.on_guest_gone(peer),
            Event::Pinned { peer, address } => self.on_pinned(peer, address),
            Event::Introduced { .. } => self.on_introduced(&event),
            // Streams beside the chat are nobody's here.
            Event::Stream { .. } => {}
            Event::Closed { peer, reason } => return self.on_closed(peer, reason),
            Event::Silent { peer } => self.on_silent(peer),
            Event::Resumed { peer } => self.on_resumed(peer)?,
            Event::Pong { peer, rtt } => self.on_pong(peer, rtt),
            Event::Verification { peer, progress } => self.on_verification(peer, progress)?,
            Event::PingAnswered { peer, id, rtt } => self.on_ping_answered(peer, id, rtt)?,
            Event::Unreachable { peer, tries } => self.on_unreachable(peer, tries),
            Event::Roamed { peer, to } => {
                let words = self.label(&peer) + " is now at " + to;
                self.tell_link(peer, Change::Roamed { address: to }, words);
            }
            Event::TimestampsLow => {
                let range = self.profile.reserve_timestamps()?;
                self.handle
                    .with(|messenger, _| messenger.endpoint_mut().add_timestamps(range))?;
            }
            Event::OtherPsk { peer } => {
                let words = other_psk(self.label(&peer));
                self.tell_link(peer, Change::OtherPsk, words);
            }
            Event::OtherVersion { version } => {
                self.tell(&Fact::other_version(version));
            }
        }
        Ok(None)
    }

    fn on_established(
        &mut self,
        peer: PeerId,
        address: SocketAddr,
        initiator: bool,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        // What is told of it is told of a name that can be typed.
        let wanted = self.goal.on_established(&peer, now);
        let is_saved = wanted.is_some_and(|(name, at)| self.save(&name, &peer, at.as_slice()));
        self.introduce(&peer)?;
        let fact = Fact::Secure {
            who: self.who(&peer),
            address,
            verified: self.profile.contacts.verified(&peer).is_some(),
            initiator,
            trust: self.trust_word(&peer),
        };
        self.state.complaints.remove(&address);
        self.tell(&fact);
        if is_saved {
            let who = self.who(&peer);
            self.tell(&Fact::Saved { who, address: None });
        }
        self.suggest_saving(peer);
        self.suggest_verification(peer);
        self.forget_confirmed(peer);
        let since = Some(self.clock.unix_time());
        *self.link(peer) = Link {
            has_stood: true,
            since,
            ..Link::default()
        };
        self.state.sent.on_link(peer, now);
        self.calls.on_established(&peer, now);
        self.ping_those_who_waited()?;
        self.on_arrival(peer);
        if let Some(host) = self.goal.proven_host(&peer, address, initiator) {
            self.save_address(&peer, &host);
        }
        self.tell_resumed(peer);
        Ok(())
    }

    /// Says that what waited for a peer goes out now.
    fn tell_resumed(&mut self, peer: PeerId) {
        if self.typist != Typist::Pipe {
            self.tell_outbox(peer, Waits::Sending);
        }
    }

    /// Notes what a peer showed of itself before anything that comes after it is told, and in the same change what others
    /// have shown that is to be told yet: each writes the whole list.
    fn on_introduced(&mut self, event: &Event) {
        let others = self.state.news.iter().filter_map(|news| match news {
            News::Of(Update::Session(event)) => Some(event),
            News::Of(Update::Chat(_)) | News::Known(..) => None,
        });
        let all = core::iter::once(event).chain(others);
        let shown: Vec<_> = all.filter_map(Introduction::of).collect();
        if let Err(error) = self.profile.contacts.introduce(&shown) {
            self.complain(&error.into());
        }
    }

    /// Saves where a peer was reached, unless that is saved.
    fn save_address(&mut self, peer: &PeerId, host: &HostPort) {
        match self.profile.contacts.save_address(peer, host) {
            Ok(true) => {
                let words = Safe::from("saved as an address of ") + self.label(peer);
                self.note(words + ": " + host);
            }
            Ok(false) => {}
            Err(error) => self.complain(&error.into()),
        }
    }

    /// Saves a peer; false, after saying why, if that cannot be done.
    pub(super) fn save(&mut self, name: &str, peer: &PeerId, addresses: &[HostPort]) -> bool {
        if let Err(error) = self.save_contact(name, peer, addresses) {
            self.complain(&error.into());
            return false;
        }
        true
    }

    /// As [`Conversation::save`]; a name is no decision about whose words differed.
    ///
    /// # Errors
    /// As [`Contacts::save`](crate::cli::talk::contacts::Contacts::save).
    pub(super) fn save_contact(
        &mut self,
        name: &str,
        peer: &PeerId,
        addresses: &[HostPort],
    ) -> Result<(), store::Error> {
        let today = Day::from(self.clock.unix_time());
        let differed = self.is_aside(peer).then_some(today);
        (self.profile.contacts).save(name, peer, addresses, differed)
    }

    /// Somebody has answered a call, and is not, or not yet, one to talk to.
    fn on_kept_out(&mut self, peer: PeerId) -> Result<(), Error> {
        self.forget_confirmed(peer);
        self.link(peer).fall();
        self.calls.on_kept_out(&peer);
        self.goal.on_kept_out(&peer);
        // The port that it answers from is open by now.
        if let Some(address) = self.address_of(peer)? {
            self.state.complaints.remove(&address);
        }
        Ok(())
    }

    fn on_refused(&mut self, peer: PeerId, reason: Refusal) -> Result<Option<ExitCode>, Error> {
        let why = refusal(self.label(&peer), reason);
        self.on_kept_out(peer)?;
        let stays = self.stays_after(peer);
        let link = self.link(peer);
        (link.why, link.wants_nothing) = (Some(why), reason == Refusal::UnknownKey);
        self.state.pings.remove(&peer);
        let own = self.own;
        self.answer_refused(peer, |it| refused(it.peer(&peer), own, reason));
        self.refuse_pings(peer, |it| refused(it.peer(&peer), own, reason));
        let error = refused(self.peer(&peer), own, reason);
        if self.goal.is_to_reach(&peer) && !stays {
            self.give_up(peer, error)?;
        } else {
            self.complain(&error);
        }
        Ok(self.goal.on_lost(&peer))
    }

    /// A screen that has talked stays, to be read and for the others, when there can be no session any more; so does one that
    /// has stayed when the other side said no.
    pub(super) fn stays_after(&self, peer: PeerId) -> bool {
        let link = self.state.links.get(&peer);
        self.face.is_screen() && link.is_some_and(|link| link.has_stood || link.said_no.is_some())
    }

    /// Whom this program was to reach cannot be reached. That is its end, unless others have talked on its screen: their
    /// conversation goes on, and can be read.
    ///
    /// # Errors
    /// `error`, if that is the end.
    pub(super) fn give_up(&mut self, peer: PeerId, error: Error) -> Result<(), Error> {
        let mut others = self.state.links.keys();
        if !others.any(|other| self.stays_after(*other)) {
            return Err(error);
        }
        self.complain(&error);
        self.goal.rest(&peer);
        Ok(())
    }

    fn on_closed(&mut self, peer: PeerId, reason: CloseReason) -> Result<Option<ExitCode>, Error> {
        if reason == CloseReason::SigningKeyChanged {
            self.tell_of_key_change(peer);
        }
        let is_revoked = self.profile.contacts.known().is_revoked(&peer);
        let why = closed(self.label(&peer), reason, is_revoked);
        let fact = Fact::Closed {
            who: self.who(&peer),
            reason: fact::reason(reason, is_revoked),
            message: why.clone(),
        };
        self.tell(&fact);
        self.forget_confirmed(peer);
        let now = self.clock.now();
        let link = self.link(peer);
        // Whoever had let us in, and puts us out, is asked about us when we come again.
        let has_said_no = reason == CloseReason::Declined && link.since.is_none();
        link.said_no = has_said_no.then_some(now);
        link.fall();
        link.why = Some(why.clone());
        link.has_left = reason == CloseReason::Goodbye;
        link.wants_nothing = reason == CloseReason::Declined;
        link.has_another_key = reason == CloseReason::SigningKeyChanged;
        match reason {
            CloseReason::WordsDiffer => self.calls.forget(&[peer]),
            CloseReason::Declined | CloseReason::SigningKeyChanged => self.calls.on_refused(&peer),
            CloseReason::Goodbye => self.calls.on_left(&peer, self.clock.now()),
            CloseReason::TheySayViolation | CloseReason::Violation | CloseReason::Unsupported => {
                self.calls.on_misfit(&peer, self.clock.now());
            }
            CloseReason::SecretChanged | CloseReason::Removed => {
                self.calls.on_end(&peer, self.clock.now());
            }
        }
        self.state.pings.remove(&peer);
        self.lose_pings(peer)?;
        match reason {
            CloseReason::SigningKeyChanged => self.answer_refused(peer, |it| {
                let peer = it.peer(&peer);
                Error::SigningKeyChanged { peer }
            }),
            CloseReason::Declined => self.answer_ended(peer, &why),
            CloseReason::Goodbye
            | CloseReason::TheySayViolation
            | CloseReason::Violation
            | CloseReason::Unsupported
            | CloseReason::WordsDiffer
            | CloseReason::SecretChanged
            | CloseReason::Removed => {}
        }
        match self.goal.on_closed(&peer, reason, self.clock.now()) {
            Progress::GoOn if reason == CloseReason::Goodbye => self.tell_outbox(peer, Waits::Kept),
            Progress::GoOn => {}
            Progress::Again(pause) => {
                let words = Safe::from("calling again in ") + pause.as_secs() + " s";
                let again_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                self.tell_link(peer, Change::Calling { again_ms }, words);
            }
            // A screen stays to be read, and for the others.
            Progress::Stop(_) if self.face.is_screen() && !self.goal.is_listening() => {}
            Progress::Stop(_) if reason == CloseReason::Removed && self.goal.is_to_reach(&peer) => {
                return Err(self.lost_aim(peer));
            }
            Progress::Stop(code) => return Ok(Some(code)),
        }
        Ok(None)
    }

    fn tell_of_key_change(&mut self, peer: PeerId) {
        if self.state.tells_of_key_change(peer, self.clock.now()) {
            let error = Error::SigningKeyChanged {
                peer: self.peer(&peer),
            };
            self.complain_about(peer, &error);
        }
    }

    /// Says how much waits for a peer, if anything does.
    fn tell_outbox(&mut self, peer: PeerId, state: Waits) {
        let undelivered = self.state.sent.undelivered();
        if let Some(waiting) = undelivered.get(&peer) {
            let fact = Fact::Outbox {
                who: self.who(&peer),
                messages: waiting.messages,
                state,
            };
            self.tell(&fact);
        }
    }

    fn on_silent(&mut self, peer: PeerId) {
        self.link(peer).is_silent = true;
        let words = Safe::from("nothing heard from ") + self.label(&peer);
        let words = words + " for 5 s; trying, and messages are queued";
        self.tell_link(peer, Change::Silent, words);
    }

    fn on_resumed(&mut self, peer: PeerId) -> Result<(), Error> {
        let link = self.link(peer);
        let was_away = link.is_silent || link.is_unreachable;
        // New keys that only this machine's new address has asked for are nothing to tell.
        let is_told = was_away || !link.is_called_quietly;
        (link.is_silent, link.is_unreachable, link.is_known_away) = (false, false, false);
        link.is_called_quietly = false;
        let now = self.clock.now();
        self.state.sent.on_link(peer, now);
        self.calls.on_established(&peer, now);
        if !is_told {
            return Ok(());
        }
        let words = self.label(&peer)
            + if was_away {
                " is back"
            } else {
                " is connected"
            };
        let rtt = self.status(peer)?.and_then(|status| status.rtt);
        let words = match rtt {
            Some(rtt) => words + ", round trip " + span(rtt),
            None => words,
        };
        let fact = Fact::Link {
            who: self.who(&peer),
            change: Change::Back,
            rtt_ms: rtt.map(ms),
            message: words,
        };
        self.tell(&fact);
        Ok(())
    }

    /// Whoever may come back is waited for, and called as others are: what stands between the two has not ended.
    fn on_unreachable(&mut self, peer: PeerId, tries: u32) {
        let label = self.label(&peer);
        let why = Safe::from("no answer from ") + label + " to " + tries + " handshakes";
        let link = self.link(peer);
        (link.why, link.is_unreachable) = (Some(why.clone()), true);
        link.not_found = None;
        link.is_called_quietly = false;
        let is_news = !core::mem::replace(&mut link.is_known_away, true);
        let fact = Fact::Link {
            who: self.who(&peer),
            change: Change::Unreachable { tries },
            rtt_ms: None,
            message: why,
        };
        self.tell_if_news(is_news, &fact);
        self.calls.on_end(&peer, self.clock.now());
    }
}

/// The error of a call that was answered with a refusal.
pub(in crate::cli::talk) fn refused(peer: crate::cli::Peer, own: PeerId, reason: Refusal) -> Error {
    match reason {
        Refusal::UnknownKey => Error::Refused { peer, own },
        Refusal::Version => Error::OtherVersion {
            peer,
            ours: VERSION,
        },
    }
}

/// What somebody who answered with a refusal has done.
fn refusal(label: Safe, reason: Refusal) -> Safe {
    match reason {
        Refusal::UnknownKey => label + " refused",
        Refusal::Version => label + " no longer speaks version " + VERSION + " of the protocol",
    }
}

/// What an answer may mean that does not open.
pub(super) fn other_psk(label: Safe) -> Safe {
    label + "'s answers do not open: perhaps one of you has another shared secret (psk), or none"
}

/// How a session with `label` ended. `is_revoked`: whether that is why it is no peer any more.
pub(in crate::cli::talk) fn closed(label: Safe, reason: CloseReason, is_revoked: bool) -> Safe {
    match reason {
        CloseReason::Goodbye => label + " left",
        CloseReason::Declined => label + " ended the conversation and does not want another",
        CloseReason::TheySayViolation => label + " says that this program broke the protocol",
        CloseReason::Violation => label + " broke the protocol; the session was ended",
        CloseReason::Unsupported => label + " needs a newer securechat",
        CloseReason::SigningKeyChanged => label + " was put out",
        CloseReason::WordsDiffer => {
            Safe::from("the words differed: the session with ") + label + " was ended"
        }
        CloseReason::Removed if is_revoked => {
            Safe::from("the key of ") + label + " is revoked; the session was ended"
        }
        CloseReason::Removed => label + " is no longer among your peers; the session was ended",
        CloseReason::SecretChanged => {
            Safe::from("the secret that you share with ")
                + label
                + " has changed; the session was ended"
        }
    }
}

#[cfg(test)]
mod tests;
