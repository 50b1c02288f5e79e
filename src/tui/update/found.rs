//! What was found of what is kept, and the way to it.
//!
//! The list comes when the search is over, which may take seconds. What was pressed before somebody had seen it is
//! written, or done, as if it came later: otherwise Enter behind a text would lead to another person, who gets the next one.

use ratatui_crossterm::crossterm::event::KeyEventKind;

use crate::chat::MessageRef;
use crate::id::PeerId;
use crate::text::Safe;
use crate::tui::app::{App, Found, Mode};
use crate::tui::glance::Glance;
use crate::tui::input::{Action, Ask, Hit, Input};
use crate::tui::keys::{Bind, Stroke};

/// Messages that a page up or down passes.
const PAGE: usize = 5;

impl Found {
    /// Takes off the list what does not stay, and says so below it.
    fn keep(&mut self, stays: impl Fn(&Hit) -> bool) {
        let before = self.hits.iter().take(self.chosen);
        let (chosen, all) = (before.filter(|hit| stays(hit)).count(), self.hits.len());
        self.hits.retain(stays);
        self.chosen = chosen.min(self.hits.len().saturating_sub(1));
        let gone = all - self.hits.len();
        if gone > 0 {
            self.sum.push(Safe::from("deleted since: ") + gone);
        }
    }
}

impl App {
    /// Takes what was found, in the place of what was found before.
    pub(super) fn on_found(&mut self, hits: Vec<Hit>, sum: Vec<Safe>) {
        self.found = Some(Found {
            hits,
            sum,
            chosen: 0,
            glance: Glance::default(),
            is_stray: false,
        });
    }

    /// Shows what was found. Whoever has turned to something else meanwhile is not drawn away from it, and sees it then.
    pub(super) fn show_found(&mut self) {
        if matches!(self.mode, Mode::Chat)
            && let Some(found) = self.found.take()
        {
            self.mode = Mode::Found(found);
        }
    }

    /// Takes the list away for what was typed before somebody can have seen it.
    pub(super) fn step_aside(&mut self, input: &Input) -> Option<Found> {
        let is_typed = match input {
            Input::Key(key) => key.kind != KeyEventKind::Release,
            Input::Paste(_) => true,
            Input::Wheel(_)
            | Input::Click(..)
            | Input::Resize { .. }
            | Input::Focus(_)
            | Input::Tick
            | Input::Told(_) => false,
        };
        let at = self.now.happened;
        if !is_typed || !matches!(&self.mode, Mode::Found(found) if !found.glance.is_over(at)) {
            return None;
        }
        let Mode::Found(mut found) = core::mem::take(&mut self.mode) else {
            return None;
        };
        found.glance.begin_again(at);
        Some(found)
    }

    /// The list that has stepped aside comes back.
    pub(super) fn bring_back(&mut self, list: Option<Found>) {
        if list.is_some() {
            self.found = list;
        }
    }

    /// Messages with somebody, or anybody, are kept no longer: none of them is shown any more, nor what was said around
    /// them. What waits may go from the list as well; a new search finds it.
    pub(super) fn forget_found(&mut self, with: Option<PeerId>, is_gone: impl Fn(&Hit) -> bool) {
        let is_meant = |hit: &Hit| with.is_none_or(|peer| peer == hit.which.contact.peer());
        let stays = |hit: &Hit| !(is_meant(hit) && is_gone(hit));
        if let Some(found) = &mut self.found {
            found.keep(stays);
        }
        let (Mode::Found(found)
        | Mode::Panel {
            under: Some(found), ..
        }) = &mut self.mode
        else {
            return;
        };
        let is_around = found.hits.get(found.chosen).is_some_and(is_meant);
        found.keep(stays);
        if is_around {
            self.leave_around();
        }
    }

    /// Goes from what was said around a message back to what was found.
    fn leave_around(&mut self) {
        if let Mode::Panel { under, .. } = &mut self.mode
            && let Some(found) = under.take()
        {
            self.mode = Mode::Found(found);
        }
    }

    pub(super) fn on_found_stroke(&mut self, stroke: &Stroke) {
        let Mode::Found(found) = &mut self.mode else {
            return;
        };
        let was_stray = core::mem::take(&mut found.is_stray);
        let last = found.hits.len().saturating_sub(1);
        match stroke {
            Stroke::Bind(Bind::Down | Bind::SelectDown | Bind::LinesDown) => {
                found.chosen = (found.chosen + 1).min(last);
            }
            Stroke::Bind(Bind::Up | Bind::SelectUp | Bind::LinesUp) => {
                found.chosen = found.chosen.saturating_sub(1);
            }
            Stroke::Bind(Bind::PageDown) => found.chosen = (found.chosen + PAGE).min(last),
            Stroke::Bind(Bind::PageUp) => found.chosen = found.chosen.saturating_sub(PAGE),
            Stroke::Bind(Bind::Oldest) => found.chosen = last,
            Stroke::Bind(Bind::Newest) => found.chosen = 0,
            Stroke::Bind(Bind::Send) if was_stray => {
                let key = self.send_key();
                self.tell(
                    Safe::from("that came among other keys; ") + key + " once more goes there",
                );
            }
            Stroke::Bind(Bind::Send) => match found.hits.get(found.chosen) {
                Some(hit) => {
                    let which = hit.which;
                    self.go_to(which);
                }
                None => self.mode = Mode::Chat,
            },
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.mode = Mode::Chat,
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => found.is_stray = true,
        }
    }

    /// Shows a message in its conversation, marked; if it does not stand there, what was said around it.
    fn go_to(&mut self, which: MessageRef) {
        let at = self.find(&which.contact.peer());
        let place = at.and_then(|at| {
            let conversation = self.conversations.get(at)?;
            Some((at, conversation.log.find(which.name, which.is_ours)?))
        });
        let Some((at, entry)) = place else {
            return self.act(Action::Ask(Ask::Around(which)));
        };
        self.go(at);
        let window = self.window();
        self.current_mut().go_to(entry, window);
    }

    /// Shows what was said around a message, over what was found.
    pub(super) fn on_around(&mut self, messages: Vec<Vec<Safe>>, at: usize) {
        if !matches!(self.mode, Mode::Found(_)) {
            return;
        }
        let Mode::Found(found) = core::mem::take(&mut self.mode) else {
            return;
        };
        let marked = |(number, lines): (usize, Vec<Safe>)| {
            let mark = if number == at { "> " } else { "  " };
            lines.into_iter().map(move |line| Safe::from(mark) + line)
        };
        let lines: Vec<Safe> = messages.into_iter().enumerate().flat_map(marked).collect();
        let is_it = |line: &Safe| line.as_str().starts_with("> ");
        let first = lines.iter().position(is_it).unwrap_or(0);
        let rows = self.rows_of(lines.get(..first).unwrap_or(&[])).len();
        let height = self.window().height;
        self.mode = Mode::Panel {
            title: "around it",
            lines,
            above: rows.saturating_sub(height / 2),
            under: Some(found),
        };
        // Not further than the last line.
        self.scroll(0);
    }
}
