//! What only a screen asks for and is told.

use crate::cli::talk::conversation::standing::Way;
use crate::cli::talk::conversation::{Conversation, Link, MAX_LINES, Turn};
use crate::cli::talk::face::Order;
use crate::cli::talk::fact::{Fact, HUNG_UP};
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;
use crate::net::Host;
use crate::plain::{Form, Printer};
use crate::proto::Loss;
use crate::store::{KeyOffer, key_text};
use crate::text::{Safe, safe_line};
use crate::tui::{Ask, Card, LinkStatus, Moved, Standing};

/// How much of the history a conversation begins with; `/search` and `history` have all of it.
const EARLIER_MESSAGES: usize = 200;
const EARLIER_BYTES: usize = 256 << 10;

impl Conversation {
    /// Takes what happened at the terminal.
    pub(super) fn on_screen(
        &mut self,
        input: crate::tui::Input,
    ) -> Result<Option<ExitCode>, Error> {
        let Some(screen) = self.face.screen() else {
            return Ok(None);
        };
        let taken = screen.take(input);
        if screen.wants_to_leave() && self.state.leaving.is_none() {
            self.state.leaving = Some(self.clock.now());
        }
        self.printed(taken)
    }

    /// Draws, lets the receipts of what the screen tells of go (by its text or by a count), and notes what somebody has looked at.
    pub(super) fn draw(&mut self) -> Result<Option<ExitCode>, Error> {
        let Some(screen) = self.face.screen() else {
            return Ok(None);
        };
        self.state.drawn = self.clock.now();
        let result = screen.draw();
        if let Some(end) = self.printed(result)? {
            return Ok(Some(end));
        }
        let drawn = core::mem::take(&mut self.state.undrawn);
        self.take_all(&drawn)?;
        self.note_seen();
        Ok(None)
    }

    /// Notes what somebody has looked at.
    pub(super) fn note_seen(&mut self) {
        let seen = self.face.screen().map(|screen| screen.take_seen());
        for (peer, name) in seen.unwrap_or_default() {
            self.profile.journal.shown(peer.into(), name);
        }
    }

    /// Does what the screen asks for.
    pub(super) fn take_orders(&mut self) -> Result<Turn, Error> {
        let mut taken = 0;
        while taken < MAX_LINES && self.is_ready_for_a_line()? {
            let Some(order) = self.face.screen().and_then(|screen| screen.next_order()) else {
                break;
            };
            taken += 1;
            if let Some(end) = self.on_order(order)? {
                return Ok(Turn::End(end));
            }
        }
        let end = self.say_batch()?;
        Ok(end.map_or(Turn::Took(taken), Turn::End))
    }

    fn on_order(&mut self, order: Order) -> Result<Option<ExitCode>, Error> {
        match order {
            Order::Send { peer, ticket, text } => {
                // One after the other: each has its own answer.
                if let Some(end) = self.say_batch()? {
                    return Ok(Some(end));
                }
                if let Some(screen) = self.face.screen() {
                    screen.sending(ticket);
                }
                if let Some(end) = self.prepare(peer, text, None)? {
                    return Ok(Some(end));
                }
                return self.say_batch();
            }
            Order::Ask(ask) => self.on_ask(ask)?,
        }
        Ok(None)
    }

    fn on_ask(&mut self, ask: Ask) -> Result<(), Error> {
        match ask {
            Ask::Peers => self.list_peers()?,
            Ask::Status => self.tell_status()?,
            Ask::Whois(peer) => self.tell_about(peer)?,
            Ask::Ping(peer) => self.ping_peer(peer)?,
            Ask::Connect(peer) => self.call_now(peer),
            Ask::Disconnect(peer) => self.hang_up(peer)?,
            Ask::Verify(peer) => self.verify(peer)?,
            Ask::Match { peer, code, typed } => self.matches_shown(peer, code, &typed)?,
            Ask::SafetyNumber(peer, typed) => self.compare_safety_number(peer, &typed)?,
            Ask::Differ { peer, code } => self.differ_by(peer, code)?,
            Ask::Later(peer) => self.compare_later(peer)?,
            Ask::MyId => self.tell_own_id(),
            Ask::MyQr => self.show_own_qr(),
            Ask::Save { peer, name } => self.save_as(peer, &name)?,
            Ask::Rename { peer, new } => self.rename(peer, &new)?,
            Ask::Search {
                words,
                with,
                within,
            } => self.search(words, with, within),
            Ask::Around(which) => self.show_around(which),
            Ask::Delete(which) => self.delete_of_screen(which),
            Ask::Files(part) => self.state.lookup.look(part, &self.sender),
            Ask::Export { file, lines } => self.write_out(&file, &lines),
            Ask::Welcome { peer, name } => {
                let waits = self.state.guests.iter().any(|guest| guest.peer == peer);
                if waits && self.welcome(peer, Some(&name))? {
                    self.drop_guest(peer);
                }
            }
            Ask::Refuse(peer) => {
                self.refuse_guest(peer)?;
                self.drop_guest(peer);
            }
            Ask::Add { name, key } => self.add(&name, &key),
        }
        Ok(())
    }

    pub(super) fn drop_guest(&mut self, peer: PeerId) {
        self.state.guests.retain(|guest| guest.peer != peer);
        if let Some(screen) = self.face.screen() {
            screen.guest_gone(peer);
        }
    }

    /// Calls all those whose address is known, now and again.
    pub(in crate::cli::talk) fn call_everybody(&mut self) {
        let now = self.clock.now();
        self.calls.call_everybody();
        for peer in self.profile.contacts.known().peers() {
            if self.calls.has(&peer.key()) || peer.differed().is_some() {
                continue;
            }
            if let Some(host) = peer.addresses().first().filter(|_| !peer.is_revoked()) {
                self.calls.add(peer.key(), host.clone(), now);
            }
        }
    }

    /// As [`Conversation::call`]; says why not.
    pub(super) fn call_now(&mut self, peer: PeerId) {
        match self.call(peer) {
            Ok(()) => {}
            Err(Error::NoAddress { name }) => {
                let words = Safe::from("no address of ") + name;
                self.warn_about(peer, words + " is known; it has to call");
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Calls somebody whose address is known.
    ///
    /// # Errors
    /// If it is revoked; SC33, SC27.
    pub(super) fn call(&mut self, peer: PeerId) -> Result<(), Error> {
        let known = self.profile.contacts.known();
        known.check_not_revoked(&peer)?;
        self.check_not_aside(peer)?;
        let saved = known.find_key(&peer);
        let saved = saved.and_then(|peer| peer.addresses().first().cloned());
        let Some(host) = saved.or_else(|| self.goal.host_of(&peer)) else {
            let name = self.label(&peer);
            return Err(Error::NoAddress { name });
        };
        self.calls.add(peer, host, self.clock.now());
        Ok(())
    }

    /// Ends the session with somebody, or the attempts to have one, and calls nobody there by itself any more.
    pub(super) fn hang_up(&mut self, peer: PeerId) -> Result<(), Error> {
        let way = self.way(peer)?;
        let had_session = way.stands();
        if way.status.is_none() {
            let why = way.reason();
            self.warn_about(peer, why + "; there is no session");
            return Ok(());
        }
        self.calls.rest(peer);
        self.goal.rest(&peer);
        self.handle
            .with(|messenger, now| messenger.endpoint_mut().close(peer, now))?;
        let label = self.label(&peer);
        let link = self.link(peer);
        (link.since, link.is_silent, link.has_left) = (None, false, true);
        link.why = Some("you hung up".into());
        self.state.pings.remove(&peer);
        self.lose_pings(peer)?;
        if had_session {
            let message = Safe::from("you hung up on ") + &label;
            let (who, reason) = (self.who(&peer), HUNG_UP);
            self.publish(&Fact::Closed {
                who,
                reason,
                message,
            });
        }
        let words = Safe::from("hung up: ") + label;
        self.warn_about(
            peer,
            words + " can still call, and so does your next message; to call: /connect",
        );
        Ok(())
    }

    /// Saves a key under a name. Watching known-peers finds it there.
    pub(super) fn add(&mut self, name: &str, key: &str) {
        let offer = match KeyOffer::parse_argument(key) {
            Ok(offer) => offer,
            Err(error) => return self.complain(&error.into()),
        };
        if self.save(name, &offer.key, &offer.addresses) {
            self.warn(Safe::from("saved as ") + safe_line(name));
            if let Some(host) = offer.addresses.first() {
                self.calls.add(offer.key, host.clone(), self.clock.now());
            }
        }
    }

    pub(super) fn tell_own_id(&mut self) {
        let local = self.handle.local_addr();
        let key = key_text(&self.own);
        self.warn(Safe::from("listening on ") + local + "/udp as " + &key);
        let host = Safe::from("<this-host>:") + local.port();
        self.warn(Safe::from("others can run:  securechat connect --peer-key ") + key + " " + host);
    }

    /// Calls those whose time has come.
    pub(super) fn make_calls(&mut self) {
        for (peer, host) in self.calls.due(self.clock.now()) {
            let inputs = self.sender.clone();
            let done = move |found| {
                // The conversation may be over.
                let _ = inputs.send(crate::cli::talk::network::Input::Found(peer, found));
            };
            match Host::parse(&host.to_string(), None) {
                Ok(host) => host.resolve(crate::net::Family::Any, done),
                Err(error) => done(Err(error)),
            }
        }
    }

    /// The addresses of somebody who is to be called were looked up.
    pub(super) fn on_found(
        &mut self,
        peer: PeerId,
        found: Result<Vec<std::net::SocketAddr>, crate::net::ResolveError>,
    ) -> Result<(), Error> {
        match found {
            Ok(addresses) => match self.connect(peer, &addresses) {
                Err(error @ Error::NewerVersion { .. }) => {
                    self.complain(&error);
                    Ok(())
                }
                result => result,
            },
            Err(error) => {
                let why = Safe::from("the address of ") + self.label(&peer) + " was not found (";
                self.link(peer).why = Some(why + safe_line(&error.to_string()) + ")");
                self.calls.on_end(&peer, self.clock.now());
                Ok(())
            }
        }
    }

    /// Tells a screen how things stand with everybody.
    pub(in crate::cli::talk) fn tell_screen(&mut self) -> Result<(), Error> {
        if !self.face.is_screen() {
            return Ok(());
        }
        let everybody = self.everybody();
        let mut known = Vec::new();
        for peer in &everybody {
            let card = Card {
                peer: *peer,
                name: self.label(peer),
                verified: self.profile.contacts.verified(peer).is_some(),
            };
            let is_revoked = self.is_revoked(peer);
            let way = self.way(*peer)?;
            if way.status.is_none() && !is_revoked && !self.is_aside(peer) {
                continue;
            }
            known.push(*peer);
            let (standing, link) = (self.standing(&way, is_revoked), link_status(&way));
            let is_first = self.face.screen().is_some_and(|screen| screen.know(card));
            if is_first {
                self.show_earlier(*peer);
            }
            let Some(screen) = self.face.screen() else {
                continue;
            };
            screen.stands(*peer, standing);
            if let Some(link) = link {
                screen.link(*peer, link);
            }
        }
        if let Some(screen) = self.face.screen() {
            screen.forget_others(&known);
            screen.tick();
        }
        Ok(())
    }

    /// Shows what was last said with somebody in earlier runs, as far as it is kept.
    fn show_earlier(&mut self, peer: PeerId) {
        let found = (self.profile.journal).latest(peer.into(), EARLIER_MESSAGES, EARLIER_BYTES);
        match found {
            Ok(entries) => {
                if let Some(screen) = self.face.screen() {
                    entries
                        .into_iter()
                        .for_each(|entry| screen.kept_from_before(entry));
                }
            }
            Err(error) => self.complain(&error.into()),
        }
    }

    fn is_revoked(&self, peer: &PeerId) -> bool {
        let mut revoked = self.profile.contacts.known().revoked();
        revoked.any(|(key, _)| key == peer)
    }

    fn standing(&self, way: &Way<'_>, is_revoked: bool) -> Standing {
        let why = way.reason() + "; " + way.next();
        match way.status {
            _ if is_revoked => Standing::Revoked,
            _ if way.is_aside => Standing::WordsDiffer { why },
            _ if way.link.is_some_and(|link| link.has_another_key) => Standing::KeyChanged { why },
            None => Standing::Offline { why: way.reason() },
            Some(_) if way.stands() || way.is_silent() => Standing::Up,
            Some(status) if status.tries > 0 || status.waiting => Standing::Connecting {
                since: self.clock.now(),
                why,
            },
            Some(_) if way.link.is_some_and(|link: &Link| link.has_left) => Standing::Ended { why },
            Some(_) => Standing::Offline { why },
        }
    }

    /// Lines in the place of the screen, from the end of the loop on.
    pub(super) fn close_screen(&mut self) {
        let Some(screen) = self.face.screen() else {
            return;
        };
        self.state.unsaid = screen.unsaid();
        let quiet = self.is_quiet;
        let lines = Printer::new(
            Form::Transcript,
            std::io::stdout(),
            std::io::stderr(),
            quiet,
        );
        self.face.close(lines);
    }
}

/// How good the way is, while there is one.
pub(super) fn link_status(way: &Way<'_>) -> Option<LinkStatus> {
    let status = way.status?;
    let is_up = way.stands() || way.is_silent();
    let is_moving = status.address.filter(|_| status.moving);
    is_up.then_some(LinkStatus {
        address: status.address,
        rtt: status.rtt,
        loss: status.loss.map(Loss::percent),
        heard: status.heard,
        is_due: way.is_silent(),
        unacked: status.unacked,
        key_age: status.key_age,
        moved: if way.link.is_some_and(|link| link.has_new_address) {
            Some(Moved::Here)
        } else {
            is_moving.map(Moved::There)
        },
    })
}
