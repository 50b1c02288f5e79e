//! What the core tells.

use std::collections::BTreeSet;

use crate::calendar::Zone;
use crate::commands::{Command, Typed};
use crate::id::PeerId;
use crate::text::{Safe, count_messages, safe_line};
use crate::tui::app::App;
use crate::tui::conversation::Conversation;
use crate::tui::entry::{Entry, Receipt};
use crate::tui::input::{Card, Earlier, Guest, Hit, Said, Standing, Ticket, Told};
use crate::tui::purged::Purged;

impl App {
    pub(super) fn on_told(&mut self, told: Told) {
        match told {
            Told::Peer(card) => self.on_peer(&card),
            Told::Show(peer) => {
                if let Some(at) = self.find(&peer) {
                    self.go(at);
                }
            }
            Told::Forgotten(peer) => {
                if let Some(conversation) = self.with(&peer) {
                    conversation.is_known = false;
                    conversation.link = None;
                }
            }
            Told::Zone(zone) => self.move_to(zone),
            Told::Said(said) => self.on_said(&said),
            Told::Accepted { ticket, name } => {
                let mut all = self.conversations.iter_mut();
                let _ = all.find_map(|it| it.log.on_ticket(ticket, Ok(name)));
            }
            Told::NotAccepted { ticket, why } => {
                self.on_not_accepted(ticket, &Receipt::Failed(why));
            }
            Told::Own {
                peer,
                name,
                at,
                text,
            } => {
                let zone = self.settings.zone.clone();
                if let Some(conversation) = self.with(&peer) {
                    conversation.said_before(&text, at, &zone, name);
                }
            }
            Told::Sent {
                peer,
                name,
                at,
                text,
            } => {
                let zone = self.settings.zone.clone();
                if let Some(conversation) = self.with(&peer) {
                    conversation.said_beside(&text, at, &zone, name);
                }
            }
            Told::Earlier {
                peer,
                messages,
                has_older,
            } => self.on_earlier(peer, &messages, has_older),
            Told::State { peer, name, state } => {
                let receipt = Receipt::of(state);
                let of = self.with(&peer);
                let is_shown = of.is_some_and(|it| {
                    it.is_open |= matches!(receipt, Receipt::Failed(_));
                    it.log.on_state(name, receipt.clone())
                });
                if !is_shown {
                    self.note_failure(peer, receipt);
                }
            }
            Told::Standing { peer, standing } => self.on_standing(peer, standing),
            Told::Link { peer, link } => {
                let now = self.now.instant;
                if let Some(conversation) = self.with(&peer) {
                    conversation.link = Some((link, now));
                }
            }
            Told::Guest(guest) => self.on_guest(guest),
            Told::GuestGone(peer) => self.guests.retain(|guest| guest.peer != peer),
            Told::Comparison { peer, comparison } => self.on_comparison(peer, comparison),
            Told::SafetyNumber { peer, number } => self.on_safety_number(peer, number),
            Told::Remark { peer, words } => self.on_remark(peer, words),
            Told::Code { lines, text } => self.show_code(lines, text),
            Told::Deleted(which) => {
                self.on_deleted(which);
                self.forget_found(Some(which.contact.peer()), |hit| hit.which == which);
            }
            Told::Purged(purged) => self.on_purged(&purged),
            Told::NotDeleted(why) | Told::NotAround(why) => self.tell(why),
            Told::Files { part, found } => self.on_files(&part, found),
            Told::Found { hits, sum } => self.on_found(hits, sum),
            Told::Around { messages, at } => self.on_around(messages, at),
            Told::Note { about, lines } => {
                for line in lines {
                    self.note(about, line);
                }
            }
        }
    }

    /// Shows all times as they are in this time zone.
    fn move_to(&mut self, zone: Zone) {
        for conversation in self.conversations.iter_mut().chain([&mut self.home]) {
            conversation.log.move_to(&zone);
        }
        self.settings.zone = zone;
    }

    fn on_standing(&mut self, peer: PeerId, standing: Standing) {
        let Some(conversation) = self.with(&peer) else {
            return;
        };
        let is_up = standing == Standing::Up;
        conversation.link = conversation.link.take().filter(|_| is_up);
        conversation.standing = standing;
        self.compare_once_connected(peer);
    }

    fn on_not_accepted(&mut self, ticket: Ticket, failed: &Receipt) {
        let found = self.conversations.iter_mut().find_map(|it| {
            let is_shown = it.log.on_ticket(ticket, Err(failed.clone()))?;
            // Behind a closed tab it would fail in silence.
            it.is_open |= is_shown;
            Some((it.peer, is_shown))
        });
        if let Some((peer, false)) = found {
            self.note_failure(peer, failed.clone());
        }
    }

    fn on_peer(&mut self, card: &Card) {
        if let Some(conversation) = self.with(&card.peer) {
            conversation.name = card.name.clone();
            (conversation.verified, conversation.is_known) = (card.verified, true);
            conversation.is_saved = card.saved;
            conversation.note_saved();
            return;
        }
        self.conversations.push(Conversation::new(card));
    }

    /// Shows what was said before this run, and that there is more of it.
    fn on_earlier(&mut self, peer: PeerId, messages: &[Earlier], has_older: bool) {
        let zone = self.settings.zone.clone();
        let mut entries: Vec<Entry> = messages
            .iter()
            .flat_map(|message| message.entries(&zone))
            .collect();
        if let Some(oldest) = entries.first().filter(|_| has_older) {
            entries.insert(0, Entry::older(oldest.at, &zone));
        }
        let is_active = self.active == self.find(&peer);
        if let Some(conversation) = self.with(&peer) {
            entries.into_iter().for_each(|entry| {
                conversation.recall(entry);
            });
        }
        if is_active {
            self.find_hits();
        }
    }

    /// What was over is kept no longer, and goes from the screen.
    fn on_purged(&mut self, purged: &Purged) {
        let is_meant = |it: &&mut Conversation| purged.means(it.peer);
        let meant = self.conversations.iter_mut().filter(is_meant);
        let gone: usize = meant.map(|it| it.purge(purged)).sum();
        let is_gone = |hit: &Hit| purged.reaches(hit.at) && !purged.kept.contains(&hit.which);
        self.forget_found(purged.with, is_gone);
        self.forget_typed(purged);
        if gone > 0 {
            self.find_hits();
            self.tell(count_messages(gone) + " deleted here; the other side keeps its own");
        }
    }

    /// What was typed to say something that is kept no longer cannot be brought back either.
    fn forget_typed(&mut self, purged: &Purged) {
        let others: BTreeSet<Safe> = (self.conversations.iter())
            .filter(|it| !purged.means(it.peer))
            .map(|it| it.name.clone())
            .collect();
        for it in self.conversations.iter_mut().chain([&mut self.home]) {
            let is_of_other = !purged.means(it.peer);
            it.forget_typed(|line, at| {
                let is_to_other = match Typed::parse(line) {
                    Typed::Say(_) => is_of_other,
                    Typed::SayTo { name, .. } | Typed::Command(Command::Message(name, _)) => {
                        others.contains(&safe_line(name))
                    }
                    Typed::Command(_) | Typed::Misused(_) | Typed::Unknown { .. } => true,
                };
                !is_to_other && purged.reaches(at)
            });
        }
    }

    /// Tells of a failed message that does not stand on any screen: none fails in silence.
    fn note_failure(&mut self, peer: PeerId, receipt: Receipt) {
        let Receipt::Failed(why) = receipt else {
            return;
        };
        let of = self.with(&peer).map(|it| it.name.clone());
        let to = of.map_or_else(Safe::default, |name| Safe::from(" to ") + name);
        let words = Safe::from("a message") + to + " that is no longer shown failed: " + why;
        self.note(Some(peer), words);
    }

    fn on_said(&mut self, said: &Said) {
        let Some(at) = self.find(&said.peer) else {
            return;
        };
        let is_seen = self.is_seen(at);
        let zone = self.settings.zone.clone();
        let Some(conversation) = self.conversations.get_mut(at) else {
            return;
        };
        conversation.on_said(said, &zone, is_seen);
        // Whoever starts the program is there: what came before does not call.
        if is_seen || said.again || conversation.is_muted {
            return;
        }
        let name = conversation.name.clone();
        if self.bell.rings(self.now.instant) {
            let (discretion, more) = (self.settings.notify, self.theme.glyphs.more);
            self.notify(discretion.message(&name, said.text.as_deref(), more));
        }
    }

    /// Tells of a caller. Nothing that is being typed can be taken for an answer: that is a command.
    /// It is told at home and in the rule: whoever can call can call often, and would push what was said
    /// out of a conversation.
    fn on_guest(&mut self, guest: Guest) {
        let from = Safe::from("an unknown key calls from ") + guest.address + ":";
        let key = Safe::from("  ") + &guest.fingerprint;
        let mut lines = vec![from, key];
        if let Some(name) = &guest.nickname {
            let words = Safe::from("  it suggests to be called \"") + name + "\"";
            lines.push(words);
        }
        lines.extend(guest.warning.clone());
        lines.push("/add NAME saves it and talks, /refuse sends it away".into());
        for line in lines {
            self.home.note(self.now.unix, &self.settings.zone, line);
        }
        self.guests.retain(|other| other.peer != guest.peer);
        self.guests.push_back(guest);
    }
}
