//! What the core tells about sessions.

use std::net::SocketAddr;

use crate::chat::Update;
use crate::cli::talk::conversation::standing::span;
use crate::cli::talk::conversation::{Conversation, Link};
use crate::cli::talk::goal::Progress;
use crate::cli::{Error, ExitCode};
use crate::id::{PeerId, VerifyingKey};
use crate::proto::{CloseReason, Event, Refusal};
use crate::store::HostPort;
use crate::text::{Safe, safe_line};
use crate::wire::limits::VERSION;

impl Conversation {
    pub(super) fn on_update(&mut self, update: Update) -> Result<Option<ExitCode>, Error> {
        match update {
            Update::Session(event) => self.on_session(event),
            Update::Chat(event) => self.on_chat(event),
        }
    }

    fn on_session(&mut self, event: Event) -> Result<Option<ExitCode>, Error> {
        match event {
            Event::Established { peer, address, .. } => self.on_established(peer, address)?,
            Event::Waiting { peer } => {
                self.goal.on_waiting(&peer);
                let label = self.label(&peer);
                self.note_about(peer, label + " has to accept you first; waiting");
            }
            Event::Refused { peer, reason } => return self.on_refused(peer, reason),
            Event::Guest {
                peer,
                address,
                nickname,
            } => self.on_guest(peer, address, nickname)?,
            Event::GuestGone { peer } => self.on_guest_gone(peer),
            Event::Pinned { peer, address } => self.on_pinned(peer, address),
            Event::Introduced {
                peer,
                signing_key,
                newest_version,
            } => self.on_introduced(&peer, signing_key, newest_version),
            // Streams beside the chat are nobody's here.
            Event::Stream { .. } => {}
            Event::Closed { peer, reason } => return self.on_closed(peer, reason),
            Event::Silent { peer } => self.on_silent(peer),
            Event::Resumed { peer } => self.on_resumed(peer)?,
            Event::Pong { peer, rtt } => self.on_pong(peer, rtt),
            // Nobody here counts.
            Event::PingAnswered { .. } => {}
            Event::Unreachable { peer, tries } => return Ok(self.on_unreachable(peer, tries)),
            Event::Roamed { peer, to } => {
                let label = self.label(&peer);
                self.note_about(peer, Safe::from("link: ") + label + " is now at " + to);
            }
            Event::TimestampsLow => {
                let range = self.profile.timestamps.reserve(&self.clock)?;
                self.handle
                    .with(|messenger, _| messenger.endpoint_mut().add_timestamps(range))?;
            }
            Event::OtherVersion { version } => {
                let words = Safe::from("somebody who has your key calls with protocol version ");
                self.note(words + version + "; this program speaks version " + VERSION);
            }
        }
        Ok(None)
    }

    fn on_established(&mut self, peer: PeerId, address: SocketAddr) -> Result<(), Error> {
        let trust = if self.profile.contacts.verified(&peer).is_some() {
            "verified"
        } else {
            "not verified"
        };
        self.state.complaints.remove(&address);
        let label = self.label(&peer);
        let words = Safe::from("secure: ") + &label + " at " + address + " (" + trust + ")";
        self.note_about(peer, words);
        let since = Some(self.clock.unix_time());
        *self.link(peer) = Link {
            has_stood: true,
            since,
            ..Link::default()
        };
        let now = self.clock.now();
        self.state.sent.on_link(peer, now);
        self.calls.on_established(&peer);
        self.on_arrival(peer)?;
        if let Some((name, at)) = self.goal.on_established(&peer, now)
            && self.save(&name, &peer, at.as_slice())
        {
            self.note_about(peer, Safe::from("saved as ") + safe_line(&name));
        }
        self.tell_resumed(peer);
        Ok(())
    }

    /// Says that what waited for a peer goes out now.
    fn tell_resumed(&mut self, peer: PeerId) {
        let undelivered = self.state.sent.undelivered();
        if let Some(waiting) = undelivered.get(&peer).filter(|_| self.is_person()) {
            let words = if waiting.messages == 1 {
                " message that waited is sent now"
            } else {
                " messages that waited are sent now"
            };
            self.note_about(peer, Safe::from(waiting.messages) + words);
        }
    }

    fn on_introduced(&mut self, peer: &PeerId, signing_key: VerifyingKey, version: u16) {
        let noted = self.profile.contacts.introduce(peer, signing_key, version);
        if let Err(error) = noted {
            self.complain(&error.into());
        }
    }

    /// Saves a peer; false, after saying why, if that cannot be done.
    pub(super) fn save(&mut self, name: &str, peer: &PeerId, addresses: &[HostPort]) -> bool {
        let saved = self.profile.contacts.save(name, peer, addresses);
        if let Err(error) = saved {
            self.complain(&error.into());
            return false;
        }
        true
    }

    fn on_refused(&mut self, peer: PeerId, reason: Refusal) -> Result<Option<ExitCode>, Error> {
        let why = self.label(&peer) + " refused";
        self.link(peer).why = Some(why);
        let error = refused(self.peer(&peer), self.own, reason);
        if self.goal.is_listening() {
            self.complain(&error);
            return Ok(None);
        }
        Err(error)
    }

    fn on_closed(&mut self, peer: PeerId, reason: CloseReason) -> Result<Option<ExitCode>, Error> {
        if reason == CloseReason::SigningKeyChanged {
            let peer = self.peer(&peer);
            self.complain(&Error::SigningKeyChanged { peer });
        }
        let why = closed(self.label(&peer), reason);
        self.note_about(peer, why.clone());
        let link = self.link(peer);
        (link.since, link.is_silent, link.why) = (None, false, Some(why));
        link.has_left = reason == CloseReason::Goodbye;
        link.has_another_key = reason == CloseReason::SigningKeyChanged;
        self.calls.on_end(&peer, self.clock.now());
        self.state.pings.remove(&peer);
        match self.goal.on_closed(&peer, reason, self.clock.now()) {
            Progress::GoOn if reason == CloseReason::Goodbye => self.tell_waiting(peer),
            Progress::GoOn => {}
            Progress::Again(pause) => {
                let words = Safe::from("link: calling again in ") + pause.as_secs() + " s";
                self.note_about(peer, words);
            }
            // A screen stays to be read, and for the others.
            Progress::Stop(_) if self.face.is_screen() && !self.goal.is_listening() => {}
            Progress::Stop(code) => return Ok(Some(code)),
        }
        Ok(None)
    }

    /// Says what a peer that left has not got.
    fn tell_waiting(&mut self, peer: PeerId) {
        let undelivered = self.state.sent.undelivered();
        if let Some(waiting) = undelivered.get(&peer) {
            let words = if waiting.messages == 1 {
                " message waits until it is back"
            } else {
                " messages wait until it is back"
            };
            self.note_about(peer, Safe::from(waiting.messages) + words);
        }
    }

    fn on_silent(&mut self, peer: PeerId) {
        self.link(peer).is_silent = true;
        let words = Safe::from("link: nothing heard from ") + self.label(&peer);
        self.note_about(peer, words + " for 5 s; trying, and messages are queued");
    }

    fn on_resumed(&mut self, peer: PeerId) -> Result<(), Error> {
        self.link(peer).is_silent = false;
        let now = self.clock.now();
        self.state.sent.on_link(peer, now);
        let words = Safe::from("link: ") + self.label(&peer) + " is back";
        let rtt = self.status(peer)?.and_then(|status| status.rtt);
        let words = match rtt {
            Some(rtt) => words + ", round trip " + span(rtt),
            None => words,
        };
        self.note_about(peer, words);
        Ok(())
    }

    fn on_unreachable(&mut self, peer: PeerId, tries: u32) -> Option<ExitCode> {
        let label = self.label(&peer);
        let why = Safe::from("no answer from ") + label + " to " + tries + " handshakes";
        self.link(peer).why = Some(why.clone());
        self.note_about(peer, Safe::from("link: ") + why);
        self.calls.on_end(&peer, self.clock.now());
        self.goal.on_unreachable(&peer)
    }
}

/// The error of a call that was answered with a refusal.
pub(in crate::cli::talk) fn refused(peer: crate::cli::Peer, own: PeerId, reason: Refusal) -> Error {
    match reason {
        Refusal::UnknownKey => Error::Refused { peer, own },
        Refusal::Version => Error::OtherVersion {
            peer,
            theirs: VERSION.saturating_add(1),
            ours: VERSION,
        },
    }
}

/// How a session with `label` ended.
pub(in crate::cli::talk) fn closed(label: Safe, reason: CloseReason) -> Safe {
    match reason {
        CloseReason::Goodbye => label + " left",
        CloseReason::Declined => label + " ended the conversation and does not want another",
        CloseReason::TheySayViolation => label + " says that this program broke the protocol",
        CloseReason::Violation => label + " broke the protocol; the session was ended",
        CloseReason::Unsupported => label + " needs a newer securechat",
        CloseReason::SigningKeyChanged => label + " was put out",
        CloseReason::Removed => label + " is no longer among your peers; the session was ended",
    }
}
