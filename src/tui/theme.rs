//! Glyphs and styles. Nothing is told by colour alone, and all of it can be without.

use ratatui_core::style::{Color, Modifier, Style};

use crate::id::PeerId;
use crate::text::Charset;

/// Our own glyphs. None is an emoji or takes two cells anywhere; those that some terminals make two cells
/// wide are replaced in ASCII.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glyphs {
    pub(super) rule: &'static str,
    pub(super) more: &'static str,
    pub(super) down: &'static str,
    pub(super) queued: &'static str,
    pub(super) sent: &'static str,
    pub(super) delivered: &'static str,
    pub(super) failed: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    rule: "─",
    more: "…",
    down: "↓",
    queued: "… ",
    sent: "✓ ",
    delivered: "✓✓",
    failed: "! ",
};

const ASCII: Glyphs = Glyphs {
    rule: "-",
    more: "..",
    down: "v",
    queued: "..",
    sent: "s ",
    delivered: "d ",
    failed: "! ",
};

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme {
    pub(super) glyphs: Glyphs,
    /// What the terminal takes.
    pub(super) charset: Charset,
    has_colour: bool,
}

/// Those of the sixteen that are readable on a light and on a dark ground.
const HUES: [Color; 6] = [
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
];

impl Theme {
    pub(super) const fn new(ascii: bool, charset: Charset, mono: bool) -> Self {
        Self {
            glyphs: if ascii { ASCII } else { UNICODE },
            charset,
            has_colour: !mono,
        }
    }

    /// Somebody's name: bold, in a hue of the key's.
    pub(super) fn name(&self, peer: &PeerId) -> Style {
        let sum = peer
            .as_bytes()
            .iter()
            .map(|byte| usize::from(*byte))
            .sum::<usize>();
        match HUES.get(sum % HUES.len()) {
            Some(hue) if self.has_colour => Self::strong().fg(*hue),
            _ => Self::strong(),
        }
    }

    pub(super) const fn strong() -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What must be seen.
    pub(super) const fn alarm(&self) -> Style {
        if self.has_colour {
            Self::strong().fg(Color::Red)
        } else {
            Self::strong()
        }
    }

    /// A message that is not acknowledged yet.
    pub(super) const fn pending() -> Style {
        Style::new().add_modifier(Modifier::UNDERLINED)
    }

    /// What is chosen, found, or ours in the midst of what others wrote.
    pub(super) const fn chosen() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
