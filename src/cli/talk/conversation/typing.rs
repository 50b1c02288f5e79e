//! What comes from standard input.

use std::sync::mpsc::TryRecvError;

use crate::chat::{Draft, OutboxError, Policy, SendError};
use crate::cli::talk::conversation::{Conversation, Target};
use crate::cli::talk::sent::Passage;
use crate::cli::talk::stdin::Stdin;
use crate::cli::talk::typed::Typed;
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;
use crate::plain::Stamp;
use crate::text::{Safe, safe_line};

impl Conversation {
    pub(super) fn take_lines(&mut self) -> Result<Option<ExitCode>, Error> {
        while self.is_ready_for_a_line()? {
            let end = match self.lines.try_recv() {
                Ok(Stdin::Line(line)) => self.on_typed(line)?,
                Ok(Stdin::Overlong(len)) => {
                    self.printer.entered();
                    let largest = Policy::default().largest;
                    self.refuse(&SendError::TooLarge { len, largest }.to_string());
                    None
                }
                Ok(Stdin::End) if self.is_person() => {
                    self.printer.interrupt();
                    self.state.leaving = Some(self.clock.now());
                    None
                }
                Ok(Stdin::End) => {
                    self.state.ended = Some(self.clock.now());
                    None
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            };
            if end.is_some() {
                return Ok(end);
            }
        }
        Ok(None)
    }

    /// Offers a message that waits to the outbox again. A pipe is read only once there is somebody to
    /// say its lines to; a person at a terminal may type at any time.
    fn is_ready_for_a_line(&mut self) -> Result<bool, Error> {
        if core::mem::take(&mut self.state.has_room)
            && let Some((peer, text)) = self.state.pending.take()
        {
            self.send(peer, text)?;
        }
        let is_over = self.state.leaving.is_some() || self.state.ended.is_some();
        if is_over || self.state.pending.is_some() {
            return Ok(false);
        }
        Ok(self.is_person() || self.has_hearer()?)
    }

    /// Whether there is somebody to say a pipe's lines to: for a caller from the first session on, for
    /// a listener while one stands, since somebody else may come next.
    fn has_hearer(&self) -> Result<bool, Error> {
        let Some(peer) = self.state.target.peer() else {
            return Ok(false);
        };
        let way = self.way(peer)?;
        let has_stood = way.link.is_some_and(|link| link.has_stood);
        Ok(way.stands() || (has_stood && !self.goal.is_listening()))
    }

    fn on_typed(&mut self, line: Vec<u8>) -> Result<Option<ExitCode>, Error> {
        if !self.is_person() {
            return self.say(self.state.target.peer(), line);
        }
        self.printer.entered();
        let typed = Typed::parse(&line);
        // While a question is open a line answers it, unless it is one of our commands. A key may
        // begin with `/` too.
        if !self.state.guests.is_empty() && !typed.is_command() {
            self.on_answer(&line)?;
            return Ok(None);
        }
        if !typed.is_command() && self.state.has_lost_question(self.clock.now()) {
            self.warn("that was typed before the question was gone (nothing was sent)".into());
            return Ok(None);
        }
        match typed {
            Typed::Say([]) => return Ok(None),
            Typed::Say(text) => return self.say_to_target(text.to_vec()),
            Typed::SayTo { name, text } => match self.profile.contacts.find(name) {
                Some(peer) => {
                    self.state.target = Target::Peer(peer, None);
                    if !text.is_empty() {
                        return self.say(Some(peer), text.to_vec());
                    }
                }
                None => self.no_such_peer(name),
            },
            Typed::Quit => self.state.leaving = Some(self.clock.now()),
            Typed::Help => self.help(),
            Typed::Peers => self.list_peers()?,
            Typed::Whois(name) => self.whois(name)?,
            Typed::Status => self.tell_status()?,
            Typed::Ping(name) => self.ping(name)?,
            Typed::Unknown { command, similar } => self.unknown(command, similar),
        }
        Ok(None)
    }

    fn say_to_target(&mut self, text: Vec<u8>) -> Result<Option<ExitCode>, Error> {
        let Some(peer) = self.state.target.peer() else {
            let words = if self.state.target == Target::Gone {
                "to whom? Begin the line with @NAME (nothing was sent)"
            } else {
                "nobody is connected (nothing was sent)"
            };
            self.warn(words.into());
            return Ok(None);
        };
        if self.state.target.is_unseen(self.clock.now()) {
            let words = Safe::from("that was typed before ") + self.label(&peer);
            self.warn(words + " came (nothing was sent)");
            return Ok(None);
        }
        self.say(Some(peer), text)
    }

    /// Sends what was written, whatever it is: one message.
    fn say(&mut self, peer: Option<PeerId>, text: Vec<u8>) -> Result<Option<ExitCode>, Error> {
        let Some(peer) = peer else {
            return Ok(None);
        };
        match String::from_utf8(text) {
            Ok(text) => self.send(peer, text),
            Err(_) => {
                self.refuse("it is not text in UTF-8");
                Ok(None)
            }
        }
    }

    fn send(&mut self, peer: PeerId, text: String) -> Result<Option<ExitCode>, Error> {
        let unix_time = self.clock.unix_time();
        let draft = Draft::text(text.clone(), unix_time);
        let sent = self
            .handle
            .with(|messenger, now| messenger.send(peer.into(), draft, now))?;
        let name = match sent {
            Ok(name) => name,
            Err(SendError::Outbox(OutboxError::TooMany | OutboxError::TooMuch))
                if !self.is_person() || self.is_connected(peer)? =>
            {
                self.state.pending = Some((peer, text));
                return Ok(None);
            }
            Err(error) => {
                self.refuse(&error.to_string());
                return Ok(None);
            }
        };
        let passage = self.way(peer)?.passage();
        let now = self.clock.now();
        let number = self.state.sent.add(peer, name, passage, now);
        if !self.is_person() {
            return Ok(None);
        }
        let own = self.own_message(number, peer);
        let at = Stamp::local(unix_time);
        let printed = self.printer.own(&at, &own, &text);
        if let Some(end) = self.printed(printed)? {
            return Ok(Some(end));
        }
        if passage == Passage::Open {
            return Ok(None);
        }
        let words = Safe::from("queued: ") + self.obstacle(peer)?;
        self.progress(number, peer, &words)
    }

    /// Tells that a line is not sent. A script learns it from the exit code.
    fn refuse(&mut self, why: &str) {
        self.state.has_failed = true;
        self.warn(Safe::from("not sent: ") + safe_line(why));
    }
}
