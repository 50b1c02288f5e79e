//! What the face knows.

use core::time::Duration;
use std::collections::VecDeque;

use crate::calendar::Zone;
use crate::id::PeerId;
use crate::text::{Charset, Safe};
use crate::time::Instant;
use crate::tui::bell::Bell;
use crate::tui::conversation::Conversation;
use crate::tui::editor::Line;
use crate::tui::glance::Glance;
use crate::tui::input::{Action, Discretion, Guest, Held, Hit, Now, Ticket};
use crate::tui::keymap::Keymap;
use crate::tui::keys::Bind;
use crate::tui::log::Anchor;
use crate::tui::osc::Through;
use crate::tui::theme::Theme;
use crate::tui::verifying::Verifying;

/// How the face is to look and behave.
#[derive(Clone, Debug)]
pub struct Settings {
    /// None of our own glyphs is beyond ASCII.
    pub ascii: bool,
    /// What the terminal takes; with nothing but ASCII, our own glyphs are that too.
    pub charset: Charset,
    /// No colours.
    pub mono: bool,
    /// In which times are shown.
    pub zone: Zone,
    /// What a notification may say.
    pub notify: Discretion,
    /// Whether one rings the bell.
    pub bell: bool,
    /// What is between us and the terminal, and with it its clipboard.
    pub through: Through,
    /// Which key does what.
    pub keys: Keymap,
    /// Whether the mouse is on at first.
    pub mouse: bool,
    /// Whether the keys of this run are written to a file, which the screen says as long as it runs.
    pub keys_are_logged: bool,
    /// Whether what waits at the end is kept for the next time.
    pub keeps: bool,
    /// What a screen without conversations tells, a line each.
    pub guide: Vec<Safe>,
    /// How the program is called from a shell for the same files.
    pub program: Safe,
}

/// The full-screen face.
#[derive(Debug)]
pub struct App {
    pub(super) settings: Settings,
    pub(super) theme: Theme,
    pub(super) conversations: Vec<Conversation>,
    /// The one on the screen; home if none.
    pub(super) active: Option<usize>,
    /// Where commands are typed, and words of ours stand, while there is nobody to talk to.
    pub(super) home: Conversation,
    /// Whether home has stood on the terminal.
    pub(super) is_home_drawn: bool,
    /// Somebody has taken the place of home without a key, and none was pressed since by whoever can have seen that.
    pub(super) came: Option<Glance>,
    /// Whom the person at home has let in last, and what they had done by then ([`App::done`]).
    pub(super) welcomed: Option<(PeerId, u64)>,
    /// Unknown keys that call, the first of them first.
    pub(super) guests: VecDeque<Guest>,
    pub(super) mode: Mode,
    /// What was found while they were at something else.
    pub(super) found: Option<Found>,
    pub(super) size: (u16, u16),
    pub(super) is_focused: bool,
    pub(super) has_list: bool,
    pub(super) has_mouse: bool,
    pub(super) is_bare: bool,
    /// Whether the screen was at the end before it was bare.
    pub(super) was_at_end: bool,
    /// What was just said to the person, until the next key.
    pub(super) notice: Option<Saying>,
    /// When Ctrl+C was pressed on an empty line.
    pub(super) interrupted: Option<Instant>,
    /// Counts what the person does: keys, pastes, the mouse, another size or window.
    pub(super) done: u64,
    /// When a key was taken last.
    pub(super) taken: Option<Instant>,
    /// When that one was pressed, and when the one before it.
    pub(super) pressed: Option<Instant>,
    pub(super) pressed_before: Option<Instant>,
    pub(super) bell: Bell,
    pub(super) completion: Option<Completion>,
    /// Whether the person has yet to be asked about what was pasted: the screen was too small to ask.
    pub(super) has_unasked_paste: bool,
    pub(super) now: Now,
    last_ticket: u64,
    pub(super) actions: Vec<Action>,
}

/// What the keys mean at the moment.
#[derive(Debug, Default)]
pub(super) enum Mode {
    /// They write.
    #[default]
    Chat,
    /// They search in the conversation.
    Search(Search),
    /// They search in what was typed.
    Past {
        line: Line,
        /// How many finds were passed over.
        skip: usize,
    },
    /// They choose a conversation.
    Switcher { line: Line, chosen: usize },
    /// They scroll a text of ours.
    Panel {
        title: &'static str,
        lines: Vec<Safe>,
        /// Lines above the screen.
        above: usize,
        /// Where it was asked for.
        under: Option<Found>,
    },
    /// They choose a message that was found.
    Found(Found),
    /// What was pasted has so many lines: they send or edit it, when somebody has seen that.
    Pasted { lines: usize, glance: Glance },
    /// They confirm that a caller is saved under a name.
    Welcome(Deciding),
    /// They compare words with somebody.
    Verify(Verifying),
    /// They look at a QR code.
    Code(Code),
    /// They confirm that the selected message is deleted, which they have asked for by this letter.
    Deleting { letter: char, glance: Glance },
    /// They confirm that something is left behind: so many messages, so many that are being written.
    Leave { waiting: usize, drafts: usize },
}

/// A caller who is saved if the person says so.
#[derive(Debug)]
pub(super) struct Deciding {
    pub(super) guest: Guest,
    /// As whom.
    pub(super) name: Option<String>,
    /// Since when all of the key stands on the terminal without a break; none until it was drawn.
    pub(super) since: Option<Instant>,
    /// Whether the last key was an answer that nobody can have meant.
    pub(super) is_too_soon: bool,
    /// Rows above the screen.
    pub(super) above: usize,
}

/// What was just said to the person.
#[derive(Debug)]
pub(super) struct Saying {
    pub(super) words: Safe,
    pub(super) at: Instant,
    /// When it is not true any more, if that comes by itself.
    pub(super) until: Option<Instant>,
}

/// A QR code that fills the screen.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) lines: Vec<Safe>,
    pub(super) text: Safe,
    /// Whether light and dark have changed places.
    pub(super) is_inverted: bool,
    /// Where it was asked for.
    pub(super) under: Option<Verifying>,
}

/// What was found of what is kept.
#[derive(Debug)]
pub(super) struct Found {
    /// Newest first.
    pub(super) hits: Vec<Hit>,
    /// What is said about all of them.
    pub(super) sum: Vec<Safe>,
    pub(super) chosen: usize,
    /// It comes when the search is over, whatever is typed by then.
    pub(super) glance: Glance,
    /// Whether the key that was pressed last means nothing here: somebody may be typing.
    pub(super) is_stray: bool,
}

/// A search in a conversation.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) line: Line,
    /// Entries, newest first.
    pub(super) hits: Vec<u64>,
    /// Which of them is shown.
    pub(super) at: usize,
    /// Where the screen stood before.
    pub(super) before: Option<Anchor>,
}

/// A word that is being completed.
#[derive(Debug)]
pub(super) struct Completion {
    /// Where it starts.
    pub(super) start: usize,
    pub(super) words: Vec<Safe>,
    pub(super) at: usize,
}

impl Mode {
    /// The panel that verifies somebody, also below a QR code.
    pub(super) const fn panel_mut(&mut self) -> Option<&mut Verifying> {
        if let Self::Verify(panel) = self {
            Some(panel)
        } else if let Self::Code(code) = self {
            code.under.as_mut()
        } else {
            None
        }
    }

    /// Whether nothing of the conversation can be seen for it.
    const fn covers(&self) -> bool {
        matches!(
            self,
            Self::Panel { .. } | Self::Found(_) | Self::Switcher { .. }
        ) || self.covers_tabs()
    }

    /// Whether the tabs cannot be seen for it either.
    pub(super) const fn covers_tabs(&self) -> bool {
        matches!(self, Self::Verify(_) | Self::Code(_) | Self::Welcome(_))
    }
}

impl App {
    /// A face without conversations on a screen of `width` columns and `height` rows.
    #[must_use]
    pub fn new(mut settings: Settings, width: u16, height: u16, now: Now) -> Self {
        settings.ascii |= settings.charset == Charset::Ascii;
        Self {
            theme: Theme::new(settings.ascii, settings.charset, settings.mono),
            has_mouse: settings.mouse,
            settings,
            conversations: Vec::new(),
            active: None,
            home: Conversation::home(),
            is_home_drawn: false,
            came: None,
            welcomed: None,
            guests: VecDeque::new(),
            mode: Mode::Chat,
            found: None,
            size: (width, height),
            is_focused: true,
            has_list: false,
            is_bare: false,
            was_at_end: false,
            notice: None,
            interrupted: None,
            done: 0,
            taken: None,
            pressed: None,
            pressed_before: None,
            bell: Bell::default(),
            completion: None,
            has_unasked_paste: false,
            now,
            last_ticket: 0,
            actions: Vec::new(),
        }
    }

    /// The title of the terminal's window: no names, only how many messages were not seen.
    #[must_use]
    pub fn title(&self) -> Safe {
        match self.unread() {
            0 => "securechat".into(),
            unread => Safe::from("securechat (") + unread + ")",
        }
    }

    /// What it holds of the conversation with somebody, as that is read outside.
    #[must_use]
    pub fn held(&self, peer: &PeerId) -> Held {
        let of = self.find(peer).and_then(|at| self.conversations.get(at));
        of.map_or_else(Held::default, |of| of.held(&self.settings.zone))
    }

    /// Whether it shows times as they are in this time zone.
    #[must_use]
    pub fn goes_by(&self, zone: &Zone) -> bool {
        self.settings.zone == *zone
    }

    /// Columns and rows that it is drawn on.
    #[must_use]
    pub const fn size(&self) -> (u16, u16) {
        self.size
    }

    /// Messages that were not seen.
    #[must_use]
    pub fn unread(&self) -> usize {
        self.conversations.iter().map(Conversation::unread).sum()
    }

    /// What is on the screen: a conversation, or home.
    pub(super) fn current(&self) -> &Conversation {
        let active = self.active.and_then(|at| self.conversations.get(at));
        active.unwrap_or(&self.home)
    }

    /// Who is on the screen, if anybody is.
    #[must_use]
    pub fn shown(&self) -> Option<PeerId> {
        let active = self.conversations.get(self.active?)?;
        Some(active.peer)
    }

    pub(super) fn current_mut(&mut self) -> &mut Conversation {
        let active = self.active.and_then(|at| self.conversations.get_mut(at));
        active.unwrap_or(&mut self.home)
    }

    pub(super) fn find(&self, peer: &PeerId) -> Option<usize> {
        self.conversations.iter().position(|it| it.peer == *peer)
    }

    pub(super) fn with(&mut self, peer: &PeerId) -> Option<&mut Conversation> {
        let at = self.find(peer)?;
        self.conversations.get_mut(at)
    }

    pub(super) fn named(&self, name: &str) -> Option<usize> {
        let mut all = self.conversations.iter();
        all.position(|it| it.is_known && it.name.as_str() == name)
    }

    /// The conversations that have a tab, in the order of their numbers.
    pub(super) fn open(&self) -> impl Iterator<Item = (usize, &Conversation)> {
        let all = self.conversations.iter().enumerate();
        all.filter(|(_, it)| it.is_open)
    }

    /// Whether somebody looks at the end of this conversation.
    pub(super) fn is_seen(&self, at: usize) -> bool {
        self.is_focused
            && !self.mode.covers()
            && self.window().height > 0
            && self.active == Some(at)
            && self
                .conversations
                .get(at)
                .is_some_and(|it| it.anchor.is_none())
    }

    /// The key to press to open the panel that verifies somebody, if there is one.
    #[must_use]
    pub fn key_to_verify(&self) -> Option<Safe> {
        self.settings.keys.label(Bind::Verify)
    }

    /// The key to press for this, if there is one, or the command that does the same.
    pub(super) fn key(&self, bind: Bind, command: &'static str) -> Safe {
        let label = self.settings.keys.label(bind);
        label.unwrap_or_else(|| command.into())
    }

    /// The key that sends, and says yes; there always is one.
    pub(super) fn send_key(&self) -> Safe {
        self.key(Bind::Send, "Enter")
    }

    /// The key that goes back, and says no; there always is one.
    pub(super) fn escape_key(&self) -> Safe {
        self.key(Bind::Escape, "Esc")
    }

    /// Tells the person something until the next key, or for as long as nothing else has to be told.
    pub(super) fn tell(&mut self, words: impl Into<Safe>) {
        self.notice = Some(Saying {
            words: words.into(),
            at: self.now.instant,
            until: None,
        });
    }

    /// Tells the person something that is true for so long, or until the next key.
    pub(super) fn tell_for(&mut self, time: Duration, words: Safe) {
        self.tell(words);
        if let Some(saying) = &mut self.notice {
            saying.until = Some(saying.at + time);
        }
    }

    /// Adds words of ours to a conversation, or to the one on the screen.
    pub(super) fn note(&mut self, about: Option<PeerId>, words: Safe) {
        let at = about.and_then(|peer| self.find(&peer)).or(self.active);
        let now = self.now.unix;
        let zone = &self.settings.zone;
        let found = at.and_then(|at| self.conversations.get_mut(at));
        found.unwrap_or(&mut self.home).note(now, zone, words);
    }

    pub(super) const fn next_ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }
}
