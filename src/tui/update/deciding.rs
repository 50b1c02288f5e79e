//! Keys at the question whether a caller is saved, whose key has the screen for itself.
//!
//! There is no default, and Enter does nothing. `y` counts when all of the key has stood on the terminal for a second,
//! and no other key came just before.

use crate::time::Instant;
use crate::tui::app::{App, Deciding, Mode};
use crate::tui::input::{Action, Ask};
use crate::tui::keys::{Bind, Stroke};
use crate::tui::places::Places;

impl App {
    /// Asks whether the caller is to be saved. Which caller is settled here: another one may follow while
    /// the answer is typed.
    pub(super) fn welcome(&mut self, name: Option<&str>) -> bool {
        let Some(guest) = self.guests.front().cloned() else {
            self.tell("nobody waits to be added; to add a key: /add NAME KEY");
            return false;
        };
        self.mode = Mode::Welcome(Deciding {
            guest,
            name: name.map(str::to_owned),
            since: None,
            is_too_soon: false,
            above: 0,
        });
        true
    }

    pub(super) fn on_welcome(&mut self, stroke: &Stroke) {
        if let Mode::Welcome(deciding) = &mut self.mode {
            deciding.is_too_soon = false;
        }
        let page = isize::try_from(self.size.1 / 2).unwrap_or(1);
        match stroke {
            Stroke::Char('y' | 'Y') => self.take_in(),
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.mode = Mode::Chat,
            Stroke::Bind(Bind::Up | Bind::LinesUp) => self.scroll(1),
            Stroke::Bind(Bind::Down | Bind::LinesDown) => self.scroll(-1),
            Stroke::Bind(Bind::PageUp) => self.scroll(page),
            Stroke::Bind(Bind::PageDown) => self.scroll(-page),
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {}
        }
    }

    /// Has the caller saved, if that can be meant. Otherwise the key is shown from its beginning.
    fn take_in(&mut self) {
        let Mode::Welcome(deciding) = &self.mode else {
            return;
        };
        let (peer, name) = (deciding.guest.peer, deciding.name.clone());
        if !self.is_meant(deciding.since) {
            if let Mode::Welcome(deciding) = &mut self.mode {
                (deciding.is_too_soon, deciding.above) = (true, 0);
            }
            return;
        }
        self.mode = Mode::Chat;
        if self.guests.iter().any(|guest| guest.peer == peer) {
            self.welcomed = Some((peer, self.done));
            // It goes when the core says so: the name may be refused.
            self.act(Action::Ask(Ask::Welcome { peer, name }));
        } else {
            self.tell("it is gone meanwhile");
        }
    }

    pub(super) const fn scroll_key_to(&mut self, above: usize) {
        if let Mode::Welcome(deciding) = &mut self.mode {
            deciding.above = above;
        }
    }

    /// Notes whether all of the key is on the screen. Only what stays there is read.
    pub(super) fn see_key(&mut self) {
        if !self.shows_whole_key() {
            self.unsee_key();
        }
    }

    /// What stands elsewhere, or was written over, is read anew.
    pub(super) const fn unsee_key(&mut self) {
        if let Mode::Welcome(deciding) = &mut self.mode {
            deciding.since = None;
        }
    }

    /// What there is now stands on the terminal.
    pub(super) fn key_is_drawn(&mut self, at: Instant) {
        if self.shows_whole_key()
            && let Mode::Welcome(deciding) = &mut self.mode
        {
            deciding.since.get_or_insert(at);
        }
    }

    fn shows_whole_key(&self) -> bool {
        let Mode::Welcome(deciding) = &self.mode else {
            return false;
        };
        Places::of(self).is_some() && self.shows_key(deciding)
    }
}
