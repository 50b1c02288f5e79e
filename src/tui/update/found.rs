//! What was found of what is kept, and the way to it.

use crate::id::PeerId;
use crate::text::Safe;
use crate::tui::app::{App, Found, Mode};
use crate::tui::input::{Action, Ask, Hit, Which};
use crate::tui::keys::{Bind, Stroke};

/// Messages that a page up or down passes.
const PAGE: usize = 5;

impl App {
    /// Shows what was found. Whoever has turned to something else meanwhile is not drawn away from it.
    pub(super) fn on_found(&mut self, hits: Vec<Hit>, sum: Vec<Safe>) {
        if matches!(self.mode, Mode::Chat) {
            let chosen = 0;
            self.mode = Mode::Found(Found { hits, sum, chosen });
            return;
        }
        let lines = hits.into_iter().flat_map(|hit| hit.lines);
        for line in lines.chain(sum).collect::<Vec<_>>() {
            self.note(None, line);
        }
    }

    /// Messages with somebody, or anybody, are kept no longer: none of them is shown any more, nor what was said around
    /// them. What waits may go from the list as well; a new search finds it.
    pub(super) fn forget_found(&mut self, with: Option<PeerId>, is_gone: impl Fn(&Hit) -> bool) {
        let (Mode::Found(found)
        | Mode::Panel {
            under: Some(found), ..
        }) = &mut self.mode
        else {
            return;
        };
        let is_meant = |hit: &Hit| with.is_none_or(|peer| peer == hit.which.peer);
        let is_around = found.hits.get(found.chosen).is_some_and(is_meant);
        let stays = |hit: &Hit| !(is_meant(hit) && is_gone(hit));
        let before = found.hits.iter().take(found.chosen);
        let (chosen, all) = (before.filter(|hit| stays(hit)).count(), found.hits.len());
        found.hits.retain(stays);
        found.chosen = chosen.min(found.hits.len().saturating_sub(1));
        let gone = all - found.hits.len();
        if gone > 0 {
            found.sum.push(Safe::from("deleted since: ") + gone);
        }
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
            Stroke::Bind(Bind::Send) => match found.hits.get(found.chosen) {
                Some(hit) => {
                    let which = hit.which;
                    self.go_to(which);
                }
                None => self.mode = Mode::Chat,
            },
            Stroke::Bind(Bind::Escape | Bind::Interrupt) => self.mode = Mode::Chat,
            Stroke::Bind(_) | Stroke::Char(_) | Stroke::Other => {}
        }
    }

    /// Shows a message in its conversation, marked; if it does not stand there, what was said around it.
    fn go_to(&mut self, which: Which) {
        let at = self.find(&which.peer);
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
