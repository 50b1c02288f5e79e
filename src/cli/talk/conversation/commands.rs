//! What a person at a terminal can ask for.

use std::time::Duration;

use crate::calendar::Stamp;
use crate::cli::json::ms;
use crate::cli::status::turned_away;
use crate::cli::talk::conversation::screen::link_status;
use crate::cli::talk::conversation::{Conversation, Target};
use crate::cli::talk::fact::Fact;
use crate::cli::{Error, ExitCode};
use crate::commands::{self, COMMANDS, Command, KEEPS_NOTHING, Usage};
use crate::id::PeerId;
use crate::store::{self, fingerprint};
use crate::text::{Safe, minutes, safe_line, span};
use crate::time::Instant;

/// How long an answer to `/ping` may take before it is told that none has come.
pub(super) const PONG: Duration = Duration::from_secs(3);

const HELP: &[&str] = &[
    "a line is sent to the peer that the prompt shows",
    "@NAME TEXT says TEXT to NAME, and later lines too (@NAME: later lines only)",
    "//TEXT and @@TEXT say it with one / or @ in front",
    "A message of yours has a number: [3] delivered says that the other side has shown it.",
    "N of /retry is that number; else it counts from the end of the conversation that the prompt",
    "shows, theirs and yours: 1, or none, is the newest.",
];

const KEEPS: &str =
    "What is not delivered is kept when you leave, and sent next time its receiver is reachable.";

impl Conversation {
    /// Does what was typed in lines.
    pub(super) fn do_command(&mut self, command: Command<'_>) -> Result<Option<ExitCode>, Error> {
        match command {
            Command::Quit => self.begin_to_leave(),
            Command::Help(None) => self.help(),
            Command::Help(Some(word)) => self.warn(commands::explain(word).unwrap_or_else(|it| it)),
            Command::Peers => self.list_peers()?,
            Command::Status => self.tell_status()?,
            Command::MyId => self.tell_own_id(),
            Command::MyQr => self.show_own_qr(),
            Command::Receipts => self.warn(commands::RECEIPTS.into()),
            Command::Whois(name) => return self.about(name, Self::tell_about),
            Command::Ping(name) => return self.about(name, Self::ping_peer),
            Command::Connect(name) => {
                return self.about(name, |it, peer| {
                    it.call_now(peer);
                    Ok(())
                });
            }
            Command::Disconnect(name) => return self.about(name, Self::hang_up),
            Command::Verify(name) => return self.about(name, Self::verify),
            Command::Differ(name) => return self.about(name, Self::differ),
            Command::Number(name, typed) => {
                return self.about(name, |it, peer| it.compare_safety_number(peer, typed));
            }
            Command::Later(name) => return self.about(name, Self::compare_later),
            Command::Match(rest) => self.on_match(Some(rest).filter(|rest| !rest.is_empty()))?,
            Command::Save(name) => return self.about(None, |it, peer| it.save_as(peer, name)),
            Command::Rename(of, new) => return self.about(of, |it, peer| it.rename(peer, new)),
            Command::Add(name, key) => self.add(name, key)?,
            Command::Welcome(name) => self.add_guest(name)?,
            Command::Refuse => self.refuse_first()?,
            Command::Go(name) => {
                self.go(name);
            }
            Command::Message(name, text) => {
                let peer = self.named(Some(name));
                return self.say(peer, text.to_owned());
            }
            Command::Lines => self.begin_writing(),
            Command::Search(wanted) => self.search_for(wanted),
            Command::Export(file) => {
                return self.about(None, |it, peer| it.export(peer, file));
            }
            Command::Info(n) => self.tell_details(n),
            Command::Copy(n) => self.copy_message(n),
            Command::Reply(n) => self.quote_message(n),
            Command::Retry(number) => return self.retry(number),
            Command::Keys => self.left_out("keys"),
            Command::Delete(n) => self.delete_message(n),
            Command::Close => self.left_out("close"),
            Command::Clear => self.left_out("clear"),
            Command::Unread => self.left_out("unread"),
            Command::Bare => self.left_out("bare"),
            Command::Redraw => self.left_out("redraw"),
            Command::Mute => self.left_out("mute"),
            Command::Notify(_) => self.left_out("notify"),
        }
        Ok(None)
    }

    fn help(&mut self) {
        let of_lines = COMMANDS.iter().filter(|usage| usage.left_out.is_none());
        for line in commands::lines(of_lines) {
            self.warn(line);
        }
        for line in HELP {
            self.warn((*line).into());
        }
        let keeps = !self.profile.is_of_this_run();
        self.warn(if keeps { KEEPS } else { KEEPS_NOTHING }.into());
    }

    /// Tells why a command of the full screen does nothing here.
    fn left_out(&mut self, word: &'static str) {
        let reason = commands::find(word).and_then(|usage| usage.left_out);
        let words = Safe::from("/") + word + " is of the full screen only: ";
        self.warn(words + reason.unwrap_or("lines do not have it"));
    }

    pub(super) fn misused(&mut self, usage: &Usage) {
        self.warn(commands::misused(usage) + " (nothing was sent)");
    }

    /// Does it about the peer of that name, or the prompt's.
    fn about(
        &mut self,
        name: Option<&str>,
        act: impl FnOnce(&mut Self, PeerId) -> Result<(), Error>,
    ) -> Result<Option<ExitCode>, Error> {
        if let Some(peer) = self.named(name) {
            act(self, peer)?;
        }
        Ok(None)
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
        let everybody = self.everybody()?;
        if everybody.is_empty() {
            self.warn("you have no peers yet; to add one: /add NAME KEY".into());
        }
        for peer in everybody {
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

    /// Those who are saved, and those whom this run has met, unless they are nothing to us any more.
    pub(super) fn everybody(&self) -> Result<Vec<PeerId>, Error> {
        let known = self.profile.contacts.known().peers();
        let mut peers: Vec<PeerId> = known.iter().map(store::Peer::key).collect();
        let met = self.state.links.keys().copied();
        for peer in met.chain(self.state.target.peer()) {
            if !peers.contains(&peer) && self.is_of_concern(peer)? {
                peers.push(peer);
            }
        }
        Ok(peers)
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
        let link = way.link.filter(|link| link.lasts());
        let since = link.and_then(|link| link.since);
        let state = match since {
            Some(since) => {
                let now = Stamp::local(self.clock.unix_time());
                Safe::from("connected since ") + Stamp::local(since).moment(&now)
            }
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
        if let Some(path) = self.profile.records.keys.as_deref() {
            let words = Safe::from("the keys of this run are written to ") + path;
            self.warn(words);
        }
        if let Some(calls) = self.turned_away()? {
            self.warn(turned_away(&calls));
        }
        let peers = self.everybody()?;
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
                (
                    "loss ",
                    status.loss.map(|loss| Safe::from(loss.percent()) + "%"),
                ),
                ("heard ", status.heard.map(|heard| span(heard) + " ago")),
                ("key ", status.key_age.map(|age| minutes(age) + " old")),
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
        } else if let Some(trouble) = link_status(&way).and_then(|link| link.trouble()) {
            lines.push(Safe::from("  ") + trouble);
        }
        Ok(lines)
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
    if let store::ErrorKind::NotFound { suggestion, .. } = error.kind() {
        suggestion.clone()
    } else {
        None
    }
}
