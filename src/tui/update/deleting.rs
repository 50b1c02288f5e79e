//! Keys at the question whether the selected message is deleted, which cannot be undone.
//!
//! `y` counts when the question was there to be seen, and no other key came just before. Any other key takes it back.
//! Whoever goes on writing has not meant the letter that asked: it is written, with what comes behind it.

use crate::tui::app::{App, Mode};
use crate::tui::keys::Stroke;

impl App {
    pub(super) fn on_deleting(&mut self, stroke: &Stroke) {
        let Mode::Deleting { glance, .. } = &self.mode else {
            return;
        };
        let is_meant = glance.is_over(self.now.happened) && self.is_alone();
        match stroke {
            Stroke::Char('y' | 'Y') if is_meant => {
                self.mode = Mode::Chat;
                let _ = self.delete_selected();
            }
            Stroke::Char('n' | 'N') if is_meant => self.mode = Mode::Chat,
            Stroke::Char(c) => {
                self.go_on_writing();
                self.type_char(*c);
            }
            Stroke::Bind(_) | Stroke::Other => self.mode = Mode::Chat,
        }
    }

    /// Takes the question back, if there is one, for somebody who writes.
    pub(super) fn go_on_writing(&mut self) {
        if let Mode::Deleting { letter, .. } = self.mode {
            self.mode = Mode::Chat;
            self.type_char(letter);
        }
    }
}
