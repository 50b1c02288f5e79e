//! What the core tells.

use std::io::ErrorKind;
use std::net::SocketAddr;

use crate::chat::{self, Received, State};
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::goal::Progress;
use crate::cli::{Error, ExitCode, Peer};
use crate::id::{PeerId, VerifyingKey};
use crate::plain::Stamp;
use crate::proto::{CloseReason, Event, Refusal};
use crate::store::HostPort;
use crate::text::{Safe, safe_line};
use crate::wire::limits::VERSION;

impl Conversation {
    pub(super) fn on_event(&mut self, event: Event) -> Result<Option<ExitCode>, Error> {
        match event {
            Event::Established { peer, address, .. } => self.on_established(peer, address),
            Event::Waiting { peer } => {
                self.goal.on_waiting(&peer);
                let label = self.label(&peer);
                self.note(label + " has to accept you first; waiting");
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
            // Bulk streams are not allowed here.
            Event::Stream { .. } => {}
            Event::Closed { peer, reason } => return self.on_closed(peer, reason),
            Event::Silent { peer } => {
                let label = self.label(&peer);
                self.note(Safe::from("link: nothing heard from ") + label + " for 5 s; trying");
            }
            Event::Resumed { peer } => {
                let label = self.label(&peer);
                self.note(Safe::from("link: ") + label + " is back");
            }
            Event::Unreachable { peer, tries } => return Ok(self.on_unreachable(peer, tries)),
            Event::Roamed { peer, to } => {
                let label = self.label(&peer);
                self.note(Safe::from("link: ") + label + " is now at " + to);
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

    pub(super) fn on_chat_event(&mut self, event: chat::Event) -> Result<Option<ExitCode>, Error> {
        match event {
            chat::Event::Message { contact, message } => {
                let end = self.on_line(contact.peer(), &message.body)?;
                if end.is_none() {
                    let name = message.name;
                    self.handle
                        .with(|messenger, now| messenger.take(contact, name, now))?;
                }
                return Ok(end);
            }
            chat::Event::State {
                contact,
                state: State::Failed(reason),
                ..
            } => {
                let words = Safe::from("not delivered to ") + self.label(&contact.peer()) + ": ";
                self.lose(words + safe_line(&reason.to_string()));
            }
            chat::Event::State { .. }
            | chat::Event::TurnedAway { .. }
            | chat::Event::Misbehaved { .. } => {}
        }
        Ok(None)
    }

    fn on_established(&mut self, peer: PeerId, address: SocketAddr) {
        let trust = if self.profile.contacts.is_verified(&peer) {
            "verified"
        } else {
            "not verified"
        };
        let label = self.label(&peer);
        self.note(Safe::from("secure: ") + &label + " at " + address + " (" + trust + ")");
        self.state.last.get_or_insert(peer);
        if let Some((name, at)) = self.goal.on_established(&peer, self.clock.now())
            && self.save(&name, &peer, at.as_slice())
        {
            self.note(Safe::from("saved as ") + safe_line(&name));
        }
    }

    fn on_introduced(&self, peer: &PeerId, signing_key: VerifyingKey, version: u16) {
        let noted = self.profile.contacts.introduce(peer, signing_key, version);
        if let Err(error) = noted {
            self.out.error(&Error::from(error).report());
        }
    }

    /// Saves a peer; false, after saying why, if that cannot be done.
    pub(super) fn save(&mut self, name: &str, peer: &PeerId, addresses: &[HostPort]) -> bool {
        let saved = self.profile.contacts.save(name, peer, addresses);
        if let Err(error) = saved {
            self.out.error(&Error::from(error).report());
            return false;
        }
        true
    }

    fn on_refused(&self, peer: PeerId, reason: Refusal) -> Result<Option<ExitCode>, Error> {
        let saved = self.profile.contacts.is_saved(&peer);
        let peer = Peer {
            label: self.label(&peer),
            saved,
        };
        let error = match reason {
            Refusal::UnknownKey => Error::Refused {
                peer,
                own: self.own,
            },
            Refusal::Version => {
                let newer = VERSION.saturating_add(1);
                Error::OtherVersion {
                    peer,
                    theirs: newer,
                    ours: VERSION,
                }
            }
        };
        if self.goal.is_listening() {
            self.out.error(&error.report());
            return Ok(None);
        }
        Err(error)
    }

    /// Prints a line. A reader of ours that has left is no error, but the end.
    fn on_line(&mut self, peer: PeerId, line: &[u8]) -> Result<Option<ExitCode>, Error> {
        let at = Stamp::local(self.clock.unix_time());
        let label = self.label(&peer);
        self.state.last.get_or_insert(peer);
        match self.printer.said(&at, &label, Received::from(line)) {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Some(ExitCode::Done)),
            Err(error) => Err(Error::System {
                operation: "write to standard output",
                reason: safe_line(&error.to_string()),
            }),
        }
    }

    fn on_closed(&mut self, peer: PeerId, reason: CloseReason) -> Result<Option<ExitCode>, Error> {
        if reason == CloseReason::SigningKeyChanged {
            let peer = self.named(&peer);
            self.out.error(&Error::SigningKeyChanged { peer }.report());
        }
        let label = self.label(&peer);
        self.note(match reason {
            CloseReason::Goodbye => label + " left",
            CloseReason::Declined => label + " ended the conversation and does not want another",
            CloseReason::TheySayViolation => label + " says that this program broke the protocol",
            CloseReason::Violation => label + " broke the protocol; the session was ended",
            CloseReason::Unsupported => label + " needs a newer securechat",
            CloseReason::SigningKeyChanged => label + " was put out",
            CloseReason::Removed => label + " is no longer among your peers; the session was ended",
        });
        self.state.last.take_if(|last| *last == peer);
        match self.goal.on_closed(&peer, reason, self.clock.now()) {
            Progress::GoOn => Ok(None),
            Progress::Again(pause) => {
                let words = Safe::from("link: calling again in ") + pause.as_secs() + " s";
                self.note(words);
                Ok(None)
            }
            Progress::Stop(code) => Ok(Some(code)),
        }
    }

    fn on_unreachable(&mut self, peer: PeerId, tries: u32) -> Option<ExitCode> {
        let label = self.label(&peer);
        self.note(Safe::from("link: no answer from ") + label + " to " + tries + " handshakes");
        self.goal.on_unreachable(&peer)
    }
}
