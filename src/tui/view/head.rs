//! The top line: who, whether it is really that person, how things stand, how good the way is.

use ratatui_core::layout::Rect;

use crate::text::Safe;
use crate::tui::app::App;
use crate::tui::conversation::Conversation;
use crate::tui::input::{LinkStatus, Standing};
use crate::tui::link::{self, stepped_down};
use crate::tui::paint::{Canvas, Piece};
use crate::tui::places::NARROW;
use crate::tui::theme::Theme;

/// Cells that a name has in any case: on the narrowest screen the longest word of trust fits beside them.
const LEAST_NAME: usize = 3;

impl App {
    pub(super) fn draw_head(&self, canvas: &mut Canvas<'_>, area: Rect) {
        let here = self.current();
        let mut pen = canvas.row(area, 0);
        pen.plain(" ");
        if self.active.is_none() {
            pen.put(&here.name, Theme::strong());
            return;
        }
        let (label, is_alarm) = self.label(here);
        // Whoever has a long name does not push the word of trust off the screen by it.
        let after = Piece::from(&label).cells(self.theme.charset) + 1;
        let room = pen.left().saturating_sub(after).max(LEAST_NAME);
        pen.put(&self.cut(&here.name, room), Theme::strong());
        let style = if is_alarm {
            self.theme.alarm()
        } else {
            Theme::strong()
        };
        pen.plain(" ").put(&label, style);
        if area.width < NARROW {
            return;
        }
        if let Some((link, told)) = &here.link {
            // How good the way is changes; where it leads can be asked for.
            let without_address = LinkStatus {
                address: None,
                ..*link
            };
            let fitting = [link, &without_address].into_iter().find_map(|link| {
                let quality = link::quality(link, *told, self.now.instant);
                let cells = Piece::from(&quality).cells(self.theme.charset) + 1;
                (pen.left() > cells).then_some((quality, cells))
            });
            if let Some((quality, cells)) = fitting {
                pen.before_end(cells).plain(&quality);
            }
        }
    }

    /// The words in brackets, and whether they are an alarm. Whether a key was compared with its owner is
    /// told in every state in which something can be said to it.
    pub(super) fn label(&self, here: &Conversation) -> (Safe, bool) {
        let trust = if here.verified {
            "[verified]"
        } else {
            "[not verified]"
        };
        let trust = Safe::from(trust);
        let queued = here.log.queued();
        match &here.standing {
            Standing::KeyChanged { .. } => ("[KEY CHANGED]".into(), true),
            Standing::WordsDiffer { .. } => (Safe::from("[NOT ") + &here.name + "]", true),
            Standing::Revoked => ("[revoked]".into(), true),
            Standing::Up
            | Standing::Offline { .. }
            | Standing::Connecting { .. }
            | Standing::Ended { .. }
                if !here.is_known =>
            {
                ("[removed]".into(), true)
            }
            Standing::Up => (trust, false),
            Standing::Ended { .. } if queued == 0 => (trust + " [ended]", false),
            Standing::Ended { .. } => (trust + " [ended - " + queued + " queued]", false),
            Standing::Offline { .. } if queued == 0 => (trust + " [offline]", false),
            Standing::Offline { .. } => (trust + " [offline - " + queued + " queued]", false),
            Standing::Connecting { since, .. } => {
                let seconds = stepped_down(self.now.instant.saturating_since(*since));
                (trust + " [connecting " + seconds + " s]", false)
            }
        }
    }
}
