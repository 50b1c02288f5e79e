//! What only a screen asks for and is told.

use crate::cli::talk::conversation::callers::SettledBy;
use crate::cli::talk::conversation::standing::Way;
use crate::cli::talk::conversation::typing::Author;
use crate::cli::talk::conversation::{Conversation, Link, MAX_LINES, Turn};
use crate::cli::talk::face::Order;
use crate::cli::{Error, ExitCode, streams};
use crate::id::PeerId;
use crate::net::JobControl;
use crate::plain::{Form, Printer};
use crate::proto::Loss;
use crate::text::Safe;
use crate::time::Instant;
use crate::tui::{Ask, Card, Files, LinkStatus, Moved, Standing, Told};

/// How much of the history a conversation begins with when it is opened; `/search` and `history` have all of it.
const EARLIER_MESSAGES: usize = 200;
/// Bytes of their bodies, or those of the newest alone.
const EARLIER_BYTES: usize = 1 << 20;

impl Conversation {
    /// Takes what happened at the terminal.
    pub(super) fn on_screen(
        &mut self,
        input: crate::tui::Input,
        happened: Instant,
    ) -> Result<Option<ExitCode>, Error> {
        let Some(screen) = self.face.screen() else {
            return Ok(None);
        };
        let taken = screen.take(input, happened);
        self.heed_leaving();
        self.printed(taken)
    }

    /// Begins to leave if the screen wants that, be it for a key or because nothing is left to ask about.
    pub(super) fn heed_leaving(&mut self) {
        let wants_to_leave = self.face.screen().is_some_and(|it| it.wants_to_leave());
        if wants_to_leave {
            self.begin_to_leave();
        }
    }

    fn look_up(&mut self, part: String) {
        let began = self.state.lookup.look(part.clone(), &self.sender);
        if let Err(why) = began {
            let found = Err(why);
            self.face.show(Told::Files { part, found });
        }
    }

    /// Names of files were looked up.
    pub(super) fn on_files(&mut self, part: String, found: Result<Files, Safe>) {
        let next = self.state.lookup.looked_up();
        self.face.show(Told::Files { part, found });
        if let Some(next) = next {
            self.look_up(next);
        }
    }

    /// Stops and gives the terminal back meanwhile; or takes it over again, for whoever had stopped us may have left
    /// it to others.
    pub(super) fn on_job_control(&mut self, what: JobControl) -> Result<Option<ExitCode>, Error> {
        let Some(screen) = self.face.screen() else {
            return Ok(None);
        };
        let taken = match what {
            JobControl::Stop => screen.stop(),
            JobControl::Stay => screen.stay(),
            JobControl::Continue => screen.go_on(),
        };
        self.printed(taken)
    }

    /// Draws, notes what somebody has looked at, and lets the receipts of what the screen tells of go (by its text or by a
    /// count), unless too much of somebody's was not looked at.
    pub(super) fn draw(&mut self) -> Result<Option<ExitCode>, Error> {
        let Some(screen) = self.face.screen().filter(|it| !it.is_away()) else {
            return Ok(None);
        };
        self.state.drawn = self.clock.now();
        let result = screen.draw();
        if let Some(end) = self.printed(result)? {
            return Ok(Some(end));
        }
        self.note_seen();
        let drawn = self.state.unseen.drawn();
        self.take_all(&drawn)?;
        Ok(None)
    }

    /// Notes what somebody has looked at.
    pub(super) fn note_seen(&mut self) {
        let seen = self.face.screen().map(|screen| screen.take_seen());
        for (peer, name) in seen.unwrap_or_default() {
            self.profile.journal.shown(peer.into(), name);
            self.state.unseen.looked_at(peer.into(), name);
        }
    }

    /// Does what the screen asks for.
    pub(super) fn take_orders(&mut self) -> Result<Turn, Error> {
        let mut taken = 0;
        while taken < MAX_LINES {
            self.use_room()?;
            let pending = &self.state.pending;
            let is_over = self.state.leaving.is_some();
            let may_say = |peer: &PeerId| !is_over && !pending.waits_for(peer);
            let next = self.face.screen().and_then(|it| it.next_order(may_say));
            let Some(order) = next else {
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
            Order::Send { peer, ticket, text } => self.prepare(peer, text, Author::Screen(ticket)),
            Order::Ask(ask) => {
                // What was said before it comes before it.
                if let Some(end) = self.say_batch()? {
                    return Ok(Some(end));
                }
                self.on_ask(ask)?;
                Ok(None)
            }
        }
    }

    fn on_ask(&mut self, ask: Ask) -> Result<(), Error> {
        match ask {
            Ask::Peers => self.list_peers()?,
            Ask::Status => self.tell_status()?,
            Ask::Earlier(peer) => self.show_earlier(peer),
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
            Ask::Files(part) => self.look_up(part),
            Ask::Export { peer, file } => self.export(peer, &file)?,
            Ask::Welcome { peer, name } => {
                let waits = self.state.callers.waits(&peer);
                if waits && self.welcome(peer, name.as_deref())? {
                    self.settle_guest(peer, SettledBy::Answer);
                }
            }
            Ask::Refuse(peer) => {
                self.refuse_guest(peer)?;
                self.settle_guest(peer, SettledBy::Answer);
            }
            Ask::Add { name, key } => self.add(&name, &key)?,
        }
        Ok(())
    }

    /// Tells a screen how things stand with everybody.
    pub(in crate::cli::talk) fn tell_screen(&mut self) -> Result<(), Error> {
        if !self.face.is_screen() {
            return Ok(());
        }
        let everybody = self.everybody()?;
        let mut known = Vec::new();
        for peer in &everybody {
            let card = Card {
                peer: *peer,
                name: self.label(peer),
                verified: self.profile.contacts.verified(peer).is_some(),
                saved: self.profile.contacts.is_saved(peer),
            };
            let is_revoked = self.profile.contacts.known().is_revoked(peer);
            let way = self.way(*peer)?;
            if way.status.is_none() && !is_revoked && !self.is_aside(peer) {
                continue;
            }
            known.push(*peer);
            let (standing, link) = (self.standing(&way, is_revoked), link_status(&way));
            let Some(screen) = self.face.screen() else {
                continue;
            };
            screen.know(card);
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

    /// Has the screen open a conversation with somebody who has just come, so that what is told of him stands there, and
    /// not in the one that happens to be shown.
    pub(super) fn introduce(&mut self, peer: &PeerId) -> Result<(), Error> {
        if self.face.screen().is_none_or(|screen| screen.knows(peer)) {
            return Ok(());
        }
        // Whom this run has met is shown.
        self.link(*peer);
        self.tell_screen()
    }

    /// Shows what was last said with somebody in earlier runs, as far as it is kept.
    fn show_earlier(&mut self, peer: PeerId) {
        let archive = self.profile.journal.archive();
        let found = archive.earlier(peer.into(), EARLIER_MESSAGES, EARLIER_BYTES);
        match found {
            Ok(earlier) => {
                if let Some(screen) = self.face.screen() {
                    screen.earlier(peer, earlier);
                }
            }
            Err(error) => self.complain(&error.into()),
        }
    }

    fn standing(&self, way: &Way<'_>, is_revoked: bool) -> Standing {
        let why = way.reason() + "; " + way.next();
        match way.status {
            _ if is_revoked => Standing::Revoked,
            _ if way.is_aside => Standing::WordsDiffer { why },
            _ if way.link.is_some_and(|link| link.has_another_key) => Standing::KeyChanged { why },
            None => Standing::Offline { why: way.reason() },
            Some(_) if way.is_up() => Standing::Up,
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
        self.drop_looks_of_screen();
        let Some(screen) = self.face.screen() else {
            return;
        };
        self.state.unsaid += screen.unsaid();
        let quiet = self.is_quiet;
        let lines = Printer::new(
            Form::Transcript,
            streams::stdout(),
            streams::stderr(),
            quiet,
        );
        self.face.close(lines);
    }
}

/// How good the way is, while there is one.
pub(super) fn link_status(way: &Way<'_>) -> Option<LinkStatus> {
    let status = way.status?;
    let is_moving = status.address.filter(|_| status.moving);
    way.is_up().then_some(LinkStatus {
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
