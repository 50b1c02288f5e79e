//! What a person at a terminal can ask for.

use std::time::Duration;

use crate::cli::Error;
use crate::cli::json::ms;
use crate::cli::talk::conversation::standing::{clock, span};
use crate::cli::talk::conversation::{Conversation, Target};
use crate::cli::talk::fact::Fact;
use crate::id::PeerId;
use crate::plain::Stamp;
use crate::store::{self, fingerprint};
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// How long an answer to `/ping` may take before it is told that none has come.
const PONG: Duration = Duration::from_secs(3);

const HELP: &[&str] = &[
    "a line is sent to the peer that the prompt shows",
    "@NAME TEXT    send TEXT to NAME, and later lines too (@NAME: later lines only)",
    "//TEXT @@TEXT send TEXT with one / or @ in front",
    "/peers        who is there",
    "/whois NAME   name, key, address",
    "/status       how things stand with each of them, and what is tried next",
    "/ping NAME    measure the way there and back",
    "/verify NAME  compare four words, to be sure who NAME is",
    "/match NAME   the words are the same (or type what NAME reads: /match NAME WORDS)",
    "/differ NAME  the words differ: end the session and send nothing more",
    "/later NAME   compare another time",
    "/quit         leave",
    "A message has a number: [3] delivered says that the other side has shown it. What is",
    "not delivered is kept when you leave, and sent next time its receiver is reachable.",
];

impl Conversation {
    pub(super) fn help(&mut self) {
        for line in HELP {
            self.warn((*line).into());
        }
    }

    pub(super) fn unknown(&mut self, command: &str, similar: Option<Safe>) {
        let words = Safe::from("unknown command \"/") + safe_line(command) + "\" - ";
        let hint = match similar {
            Some(similar) => Safe::from("did you mean /") + similar + "?",
            None => "try /help".into(),
        };
        self.warn(words + hint + " (nothing was sent)");
    }

    pub(super) fn no_such_peer(&mut self, name: &str) {
        let words = Safe::from("no peer called \"") + safe_line(name) + "\"";
        let similar = match self.profile.contacts.known().find(name) {
            Err(error) => similar_name(&error),
            Ok(_) => None,
        };
        let words = match similar {
            Some(similar) => words + " - did you mean @" + similar + "?",
            None => words,
        };
        self.warn(words + " (nothing was sent)");
    }

    pub(super) fn list_peers(&mut self) -> Result<(), Error> {
        for peer in self.everybody() {
            let mark = if self.state.target.peer() == Some(peer) {
                "> "
            } else {
                "  "
            };
            let line = Safe::from(mark) + self.label(&peer) + "  " + self.trust_word(&peer);
            let line = line + "  " + self.way(peer)?.word();
            self.warn(line);
        }
        Ok(())
    }

    /// Those who are saved, and those whom this run has met.
    pub(super) fn everybody(&self) -> Vec<PeerId> {
        let known = self.profile.contacts.known().peers();
        let mut peers: Vec<PeerId> = known.iter().map(store::Peer::key).collect();
        let met = self.state.links.keys().copied();
        for peer in met.chain(self.state.target.peer()) {
            if !peers.contains(&peer) {
                peers.push(peer);
            }
        }
        peers
    }

    pub(super) fn whois(&mut self, name: Option<&str>) -> Result<(), Error> {
        match self.named(name) {
            Some(peer) => self.tell_about(peer),
            None => Ok(()),
        }
    }

    pub(super) fn tell_about(&mut self, peer: PeerId) -> Result<(), Error> {
        let verified = match self.profile.contacts.verified(&peer) {
            _ if self.is_aside(&peer) => "NO: the words differed".into(),
            Some(day) => Safe::from("[verified] on ") + safe_line(&day.to_string()),
            None => "[not verified]; to compare words: /verify".into(),
        };
        let way = self.way(peer)?;
        let address = way.status.and_then(|status| status.address);
        let address = address.map_or_else(|| "not known".into(), Safe::from);
        let since = way.link.and_then(|link| link.since);
        let state = match since {
            Some(since) => Safe::from("connected since ") + Stamp::local(since).clock(),
            None => way.reason() + "; " + way.next(),
        };
        let rtt = way.status.and_then(|status| status.rtt);
        let rtt = rtt.map_or_else(|| "not measured".into(), span);
        for (what, value) in [
            ("name        ", self.label(&peer)),
            ("key         ", fingerprint(&peer)),
            ("verified    ", verified),
            ("address     ", address),
            ("state       ", state),
            ("round trip  ", rtt),
        ] {
            self.warn(Safe::from(what) + value);
        }
        Ok(())
    }

    /// The peer of that name, or the prompt's; says so if there is none.
    pub(super) fn named(&mut self, name: Option<&str>) -> Option<PeerId> {
        let Some(name) = name else {
            let peer = self.state.target.peer();
            if peer.is_none() {
                self.warn("about whom? Give a NAME".into());
            }
            return peer;
        };
        let found = self.profile.contacts.find(name);
        if found.is_none() {
            self.no_such_peer(name);
        }
        found
    }

    pub(super) fn tell_status(&mut self) -> Result<(), Error> {
        let peers = self.everybody();
        if peers.is_empty() {
            self.warn("nobody is known yet".into());
        }
        for peer in peers {
            for line in self.status_of(peer)? {
                self.warn(line);
            }
        }
        Ok(())
    }

    fn status_of(&self, peer: PeerId) -> Result<Vec<Safe>, Error> {
        let way = self.way(peer)?;
        let mut line = self.label(&peer) + ": " + way.word();
        if let Some(status) = way.status {
            let parts = [
                ("at ", status.address.map(Safe::from)),
                ("round trip ", status.rtt.map(span)),
                ("heard ", status.heard.map(|heard| span(heard) + " ago")),
                ("key ", status.key_age.map(|age| clock(age) + " old")),
            ];
            for (what, value) in parts {
                if let Some(value) = value {
                    line = line + ", " + what + value;
                }
            }
        }
        let undelivered = self.state.sent.undelivered();
        let waiting = undelivered.get(&peer).copied().unwrap_or_default();
        let mut lines = vec![line + ", " + waiting.messages + " undelivered"];
        if !way.stands() || way.word() == "silent" {
            lines.push(Safe::from("  ") + way.reason() + "; " + way.next());
        }
        Ok(lines)
    }

    pub(super) fn ping(&mut self, name: Option<&str>) -> Result<(), Error> {
        match self.named(name) {
            Some(peer) => self.ping_peer(peer),
            None => Ok(()),
        }
    }

    pub(super) fn ping_peer(&mut self, peer: PeerId) -> Result<(), Error> {
        let pinged = self
            .handle
            .with(|messenger, now| messenger.endpoint_mut().ping(peer, now))?;
        if pinged.is_err() {
            let words = Safe::from("cannot ping: ") + self.obstacle(peer)?;
            self.warn_about(peer, words);
            return Ok(());
        }
        let now = self.clock.now();
        self.state.pings.insert(peer, now);
        Ok(())
    }

    pub(super) fn on_pong(&mut self, peer: PeerId, rtt: Duration) {
        self.answer_pings(peer, Some(rtt));
        if self.state.pings.remove(&peer).is_some() {
            let (who, rtt_ms) = (self.who(&peer), Some(ms(rtt)));
            self.publish(&Fact::Pong { who, rtt_ms });
            let label = self.label(&peer);
            self.warn(Safe::from("ping: ") + label + " answered after " + span(rtt));
        }
    }

    /// Tells which pings have no answer.
    pub(super) fn tell_unanswered(&mut self, now: Instant) {
        let mut late = Vec::new();
        self.state.pings.retain(|peer, since| {
            let waits = now.saturating_since(*since) < PONG;
            if !waits {
                late.push(*peer);
            }
            waits
        });
        for peer in late {
            let who = self.who(&peer);
            self.publish(&Fact::Pong { who, rtt_ms: None });
            self.answer_pings(peer, None);
            let words = Safe::from("ping: no answer from ") + self.label(&peer) + " for ";
            self.warn(words + PONG.as_secs() + " s");
        }
    }

    /// Changes of the list of peers: a prompt does not show who is gone.
    pub(super) fn forget_target(&mut self, gone: &[PeerId]) {
        if let Target::Peer(peer, _) = self.state.target
            && gone.contains(&peer)
        {
            self.on_lost(peer);
        }
    }
}

fn similar_name(error: &store::Error) -> Option<Safe> {
    if let store::ErrorKind::NotFound { suggestion } = error.kind() {
        suggestion.clone()
    } else {
        None
    }
}
