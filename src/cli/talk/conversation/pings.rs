//! Pings that programs ask for: each is one packet, never repeated, so that what is lost is seen.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::Error;
use crate::cli::json::ms;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::commands::PONG;
use crate::cli::talk::conversation::requests::{ABOUT_TO_END, Asked};
use crate::cli::talk::fact::Fact;
use crate::cli::talk::request::Ping;
use crate::id::PeerId;
use crate::net::Family;
use crate::store::HostPort;
use crate::time::Instant;

/// Answers that are waited for at one time: ten pings a second for more than a minute, for somebody beside.
const MAX_WAITS: usize = 1_024;

/// Somebody waits for an answer.
#[derive(Debug)]
pub(super) struct Pinging {
    asked: Asked,
    peer: PeerId,
    stage: Stage,
    /// When it is waited for no longer.
    due: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// There is no session yet. Once there is, an answer is waited for so long.
    Calling(Duration),
    /// It has left under this number.
    Sent(u64),
}

impl Conversation {
    pub(super) fn on_ping_asked(&mut self, asked: Asked, ping: &Ping) -> Result<(), Error> {
        let begun = self.begin_ping(&asked, ping)?;
        if let Err(error) = begun {
            self.answer(&asked, Err(error));
        }
        Ok(())
    }

    /// The outer error ends the program, the inner one is the answer.
    fn begin_ping(&mut self, asked: &Asked, ping: &Ping) -> Result<Result<(), Error>, Error> {
        let (peer, host) = match self.check_ping(ping) {
            Ok(checked) => checked,
            Err(error) => return Ok(Err(error)),
        };
        let now = self.clock.now();
        let wait = ping.wait_ms.map_or(PONG, Duration::from_millis);
        let (stage, due) = match (self.send_ping(peer)?, ping.connect_ms) {
            (Some(number), _) => (Stage::Sent(number), now + wait),
            (None, Some(connect_ms)) => {
                match self.call_to_ping(peer, host, ping.family()) {
                    Ok(()) => {}
                    Err(Error::NoAddress { .. }) => return Ok(Err(self.not_connected(peer)?)),
                    Err(error) => return Ok(Err(error)),
                }
                let due = now + Duration::from_millis(connect_ms);
                (Stage::Calling(wait), due)
            }
            (None, None) => return Ok(Err(self.not_connected(peer)?)),
        };
        self.state.pinging.push(Pinging {
            asked: asked.clone(),
            peer,
            stage,
            due,
        });
        Ok(Ok(()))
    }

    fn check_ping(&self, ping: &Ping) -> Result<(PeerId, Option<HostPort>), Error> {
        let peer = self.peer_to_talk_to(&ping.peer)?;
        if !matches!(ping.family, None | Some(4 | 6)) {
            let reason = "the family is 4 or 6".into();
            return Err(Error::BadRequest { reason });
        }
        if self.state.pinging.len() >= MAX_WAITS {
            let reason = "too many answers are waited for already".into();
            return Err(Error::BadRequest { reason });
        }
        let host = ping.address.as_deref().map(str::parse).transpose()?;
        Ok((peer, host))
    }

    /// Sends one, if there is a session to send it through. Returns its number.
    pub(super) fn send_ping(&mut self, peer: PeerId) -> Result<Option<u64>, Error> {
        self.state.last_ping += 1;
        let number = self.state.last_ping;
        let sent = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().count_ping(peer, number, now))?;
        Ok(sent.is_ok().then_some(number))
    }

    /// Calls somebody where it is said or saved to be, or where it was met.
    ///
    /// # Errors
    /// As [`Conversation::call_back`].
    fn call_to_ping(
        &mut self,
        peer: PeerId,
        host: Option<HostPort>,
        family: Family,
    ) -> Result<(), Error> {
        self.link(peer).is_called_quietly = false;
        let known = self.profile.contacts.known().find_key(&peer);
        let is_saved = known.is_some_and(|peer| !peer.addresses().is_empty());
        if host.is_none() && !is_saved {
            return self.call_back(peer);
        }
        self.call_once(peer, host, family);
        Ok(())
    }

    pub(super) fn address_of(&self, peer: PeerId) -> Result<Option<SocketAddr>, Error> {
        Ok(self.status(peer)?.and_then(|status| status.address))
    }

    /// Why there is no session, and what is tried next.
    fn not_connected(&self, peer: PeerId) -> Result<Error, Error> {
        let way = self.way(peer)?;
        Ok(Error::NotConnected {
            peer: self.peer(&peer),
            reason: way.reason(),
            next: way.next(),
        })
    }

    /// Answers those who still wait for an answer when the conversation is over.
    pub(super) fn answer_pings_left(&mut self) {
        for waiting in self.take_pinging(|_| true) {
            let error = self.not_connected_any_more(waiting.peer);
            self.answer(&waiting.asked, Err(error));
        }
    }

    /// Why nobody is pinged any more: whoever has pinged until now looks at how it went so far.
    pub(super) fn too_late_to_ping(&self, ping: &Ping) -> Error {
        match self.peer_to_talk_to(&ping.peer) {
            Ok(peer) => self.not_connected_any_more(peer),
            Err(error) => error,
        }
    }

    fn not_connected_any_more(&self, peer: PeerId) -> Error {
        Error::NotConnected {
            peer: self.peer(&peer),
            reason: ABOUT_TO_END.into(),
            next: "nothing is tried".into(),
        }
    }

    /// What waited for a session leaves, if one stands. That a session which stood all the time has a key
    /// again is no event, so this is tried every time.
    pub(super) fn ping_those_who_waited(&mut self) -> Result<(), Error> {
        let waits = self.take_pinging(|it| it.number().is_none());
        let now = self.clock.now();
        for mut waiting in waits {
            let Stage::Calling(wait) = waiting.stage else {
                continue;
            };
            if let Some(number) = self.send_ping(waiting.peer)? {
                (waiting.stage, waiting.due) = (Stage::Sent(number), now + wait);
            }
            self.state.pinging.push(waiting);
        }
        Ok(())
    }

    pub(super) fn on_ping_answered(
        &mut self,
        peer: PeerId,
        number: u64,
        rtt: Duration,
    ) -> Result<(), Error> {
        let is_meant = |it: &Pinging| it.peer == peer && it.number() == Some(number);
        for waiting in self.take_pinging(is_meant) {
            self.answer_ping(&waiting, Some(rtt))?;
        }
        Ok(())
    }

    /// Answers those who have waited for as long as they wanted to.
    pub(super) fn answer_late_pings(&mut self, now: Instant) -> Result<(), Error> {
        for waiting in self.take_pinging(|it| it.due <= now) {
            match waiting.stage {
                Stage::Sent(_) => self.answer_ping(&waiting, None)?,
                Stage::Calling(_) => {
                    let error = self.not_connected(waiting.peer)?;
                    self.answer(&waiting.asked, Err(error));
                }
            }
        }
        Ok(())
    }

    /// The session is over: what was asked through it is lost.
    pub(super) fn lose_pings(&mut self, peer: PeerId) -> Result<(), Error> {
        for waiting in self.take_pinging(|it| it.peer == peer && it.number().is_some()) {
            self.answer_ping(&waiting, None)?;
        }
        Ok(())
    }

    /// Answers those who wait for a peer that wants nothing of us.
    pub(super) fn refuse_pings(&mut self, peer: PeerId, error: impl Fn(&Self) -> Error) {
        for waiting in self.take_pinging(|it| it.peer == peer) {
            let error = error(self);
            self.answer(&waiting.asked, Err(error));
        }
    }

    fn answer_ping(&mut self, waiting: &Pinging, rtt: Option<Duration>) -> Result<(), Error> {
        let (who, rtt_ms) = (self.who(&waiting.peer), rtt.map(ms));
        self.publish(&Fact::Pong { who, rtt_ms });
        let address = self.address_of(waiting.peer)?;
        let done: Value = json!({ "rtt_ms": rtt_ms, "address": address });
        self.answer(&waiting.asked, Ok(done));
        Ok(())
    }

    /// How long until somebody has waited long enough.
    pub(super) fn pings_patience(&self, now: Instant) -> Option<Duration> {
        let waits = self.state.pinging.iter();
        waits.map(|it| it.due.saturating_since(now)).min()
    }

    fn take_pinging(&mut self, is_meant: impl Fn(&Pinging) -> bool) -> Vec<Pinging> {
        let pinging = &mut self.state.pinging;
        pinging.extract_if(.., |it| is_meant(it)).collect()
    }
}

impl Pinging {
    const fn number(&self) -> Option<u64> {
        match self.stage {
            Stage::Sent(number) => Some(number),
            Stage::Calling(_) => None,
        }
    }
}

impl Ping {
    /// Which family a name is looked up in.
    fn family(&self) -> Family {
        match self.family {
            Some(4) => Family::V4,
            Some(6) => Family::V6,
            _ => Family::Any,
        }
    }
}
