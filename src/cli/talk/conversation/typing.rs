//! What comes from standard input.

use std::sync::mpsc::TryRecvError;

use crate::chat::{Draft, Line, LineError, SendError};
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::stdin::Stdin;
use crate::cli::talk::typed::Typed;
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;
use crate::text::{Safe, safe_line};

impl Conversation {
    pub(super) fn take_lines(&mut self) -> Result<Option<ExitCode>, Error> {
        while self.is_ready_for_a_line()? {
            match self.lines.try_recv() {
                Ok(Stdin::Line(line)) => {
                    if let Some(end) = self.on_typed(&line)? {
                        return Ok(Some(end));
                    }
                }
                Ok(Stdin::Overlong(len)) => {
                    self.lose(Safe::from("not sent: the line has ") + len + " bytes");
                }
                Ok(Stdin::End) => {
                    if self.interactive {
                        self.state.leaving = Some(self.clock.now());
                        break;
                    }
                    self.state.ended = Some(self.clock.now());
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        Ok(None)
    }

    /// Offers a line that waits to the core again. A pipe is read only once there is somebody to say
    /// its lines to; a person at a terminal may type at any time.
    fn is_ready_for_a_line(&mut self) -> Result<bool, Error> {
        if let Some((peer, line)) = self.state.pending.take() {
            self.send(peer, line)?;
        }
        if self.state.leaving.is_some() {
            return Ok(false);
        }
        let somebody = self.state.last.is_some() || self.state.ended.is_some();
        Ok(self.state.pending.is_none() && (self.interactive || somebody))
    }

    fn on_typed(&mut self, line: &[u8]) -> Result<Option<ExitCode>, Error> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if self.is_answer(text) {
            self.on_answer(text)?;
            return Ok(None);
        }
        match if self.interactive {
            Typed::parse(text)
        } else {
            Typed::Say(text)
        } {
            Typed::Say(text) => self.say(self.state.last, text)?,
            Typed::SayTo { name, text } => match self.profile.contacts.find(name) {
                Some(peer) => {
                    self.state.last = Some(peer);
                    self.say(Some(peer), text)?;
                }
                None => {
                    let name = Safe::from("no peer called \"") + safe_line(name) + "\"";
                    self.warn(name + " (nothing was sent)");
                }
            },
            Typed::Quit => self.state.leaving = Some(self.clock.now()),
            Typed::Help => self.help(),
            Typed::Peers => self.list_peers()?,
            Typed::Unknown(command) => {
                let words = Safe::from("unknown command \"/") + safe_line(command) + "\"; ";
                self.warn(words + "try /help (nothing was sent)");
            }
        }
        Ok(None)
    }

    /// While a question is open a line answers it, unless it is one of our commands. A key may begin
    /// with `/` too.
    fn is_answer(&self, text: &[u8]) -> bool {
        let command = matches!(Typed::parse(text), Typed::Quit | Typed::Help | Typed::Peers);
        !self.state.guests.is_empty() && self.interactive && !command
    }

    fn say(&mut self, peer: Option<PeerId>, text: &[u8]) -> Result<(), Error> {
        match (Line::compose(text), peer) {
            (Ok(line), Some(peer)) => return self.send(peer, line.into_string()),
            (Ok(_), None) => self.lose("nobody is connected (nothing was sent)".into()),
            (Err(LineError::Empty), _) => {}
            (Err(error), _) => self.refuse_line(error),
        }
        Ok(())
    }

    pub(super) fn send(&mut self, peer: PeerId, line: String) -> Result<(), Error> {
        let draft = Draft::text(line.clone(), self.clock.unix_time());
        let sent = self
            .handle
            .with(|messenger, now| messenger.send(peer.into(), draft, now))?;
        match sent {
            Ok(_) => {
                self.state.spoken.insert(peer);
            }
            Err(SendError::Outbox(_)) => self.state.pending = Some((peer, line)),
            Err(error) => {
                let why = safe_line(&error.to_string());
                self.lose(Safe::from("not sent: ") + why);
            }
        }
        Ok(())
    }

    fn refuse_line(&mut self, error: LineError) {
        self.lose(Safe::from("not sent: ") + safe_line(&error.to_string()));
    }

    /// Tells that a line is lost. A script learns it from the exit code.
    pub(super) fn lose(&mut self, words: Safe) {
        self.state.undelivered = true;
        self.warn(words);
    }
}
