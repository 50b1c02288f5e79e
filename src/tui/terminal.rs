//! The terminal that the face is drawn on: taken over, drawn, given back whatever happens.
//!
//! It is given back when the value is dropped, and before a panic prints its words: [`restore`] does
//! the same for whoever ends the process in another way.

use core::time::Duration;
use std::io::{self, BufWriter, Stdout, Write, stdout};
use std::panic;
use std::sync::Once;
use std::sync::mpsc::channel;

use ratatui_core::backend::{Backend, ClearType};
use ratatui_core::buffer::{Buffer, Cell, CellWidth};
use ratatui_core::layout::{Position, Rect};
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::cursor::{Hide, MoveTo, Show};
use ratatui_crossterm::crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags,
    PushKeyboardEnhancementFlags,
};
use ratatui_crossterm::crossterm::style::{Print, force_color_output};
use ratatui_crossterm::crossterm::terminal::{
    DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
    disable_raw_mode, enable_raw_mode, size,
};
use ratatui_crossterm::crossterm::{execute, queue};

use crate::sync::thread;
use crate::text::{Charset, Outlet, Safe};
use crate::tui::app::App;
use crate::tui::hold::{Hold, Leave};
use crate::tui::input::Notice;
use crate::tui::osc::{Osc, Through};
use crate::tui::tty::{is_in_foreground, usable};
use crate::tui::wrap;

/// Keeps the window's title, and brings it back (xterm's XTWINOPS).
const PUSH_TITLE: &str = "\x1b[22;2t";
const POP_TITLE: &str = "\x1b[23;2t";

/// How long the end of the screen may take to be written.
const TO_WRITE: Duration = Duration::from_secs(1);

static HOLD: Hold = Hold::new();
static HOOK: Once = Once::new();

/// A terminal that is ours.
///
/// The two buffers and what is between them are kept here and not by ratatui's own `Terminal`: whenever that
/// clears, it asks the terminal where its cursor is, and waits for an answer that the thread which reads
/// the keys takes away from it.
#[derive(Debug)]
pub struct Terminal {
    backend: CrosstermBackend<BufWriter<Outlet<Stdout>>>,
    /// What stands on the terminal.
    shown: Buffer,
    /// What is drawn next.
    next: Buffer,
    /// Where the cursor stands; none while it is hidden.
    caret: Option<Position>,
    title: Safe,
    /// The text that stands there without a frame.
    bare: Option<Vec<Safe>>,
    has_mouse: bool,
}

impl Terminal {
    /// Takes the terminal of standard output over, and has a panic give it back.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(charset: Charset) -> io::Result<Self> {
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                restore();
                before(info);
            }));
        });
        // Whether there are colours is decided by whoever draws; crossterm would leave half of a sequence of `NO_COLOR`.
        force_color_output(true);
        take_over()?;
        Ok(Self {
            backend: CrosstermBackend::new(BufWriter::new(Outlet::new(stdout(), charset))),
            shown: Buffer::default(),
            next: Buffer::default(),
            caret: None,
            title: Safe::default(),
            bare: None,
            has_mouse: false,
        })
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// What the system says.
    pub fn size() -> io::Result<(u16, u16)> {
        size().map(|(width, height)| usable(width, height))
    }

    /// Draws what has changed since the last time.
    ///
    /// # Errors
    /// What writing to the terminal fails with.
    pub fn draw(&mut self, app: &mut App) -> io::Result<()> {
        self.set_title(&app.title())?;
        if let Some(lines) = app.bare() {
            return self.show_bare(lines);
        }
        if self.bare.take().is_some() {
            self.redraw()?;
        }
        let (width, height) = app.size();
        let area = Rect::new(0, 0, width, height);
        if self.shown.area != area {
            self.shown = Buffer::empty(area);
            self.next = Buffer::empty(area);
            self.redraw()?;
        }
        self.next.reset();
        let caret = app.draw(&mut self.next);
        self.show(caret)
    }

    /// Writes what differs from what stands there; nothing at all if nothing does.
    fn show(&mut self, caret: Option<Position>) -> io::Result<()> {
        let changes = with_overrun(self.shown.diff(&self.next), &self.next);
        if changes.is_empty() && caret == self.caret {
            return Ok(());
        }
        write_cells(&mut self.backend, &changes)?;
        match caret {
            Some(place) => {
                self.backend.set_cursor_position(place)?;
                self.backend.show_cursor()?;
            }
            None => self.backend.hide_cursor()?,
        }
        self.caret = caret;
        core::mem::swap(&mut self.shown, &mut self.next);
        Backend::flush(&mut self.backend)
    }

    /// Forgets what stands there: the next time everything is drawn.
    ///
    /// # Errors
    /// As [`Terminal::draw`].
    pub fn redraw(&mut self) -> io::Result<()> {
        if !HOLD.is_ours() {
            return Ok(());
        }
        self.backend.clear_region(ClearType::All)?;
        self.shown.reset();
        self.bare = None;
        self.caret = None;
        Ok(())
    }

    /// Puts a text into the clipboard of whoever looks at the terminal, even through ssh (OSC 52). It is
    /// never read.
    ///
    /// # Errors
    /// As [`Terminal::draw`].
    pub fn copy(&mut self, text: &str, through: Through) -> io::Result<()> {
        if !HOLD.is_ours() {
            return Ok(());
        }
        execute!(self.out(), Print(through.clipboard(text)))
    }

    /// Calls whoever is near the terminal, `by` a notification of its own if there are words for one. The bell
    /// needs nobody to pass it on.
    ///
    /// # Errors
    /// As [`Terminal::draw`].
    pub fn notify(&mut self, notice: &Notice, by: Osc, through: Through) -> io::Result<()> {
        if !HOLD.is_ours() {
            return Ok(());
        }
        execute!(self.out(), Print(notice.sequence(by, through)))
    }

    /// Turns the mouse on or off.
    ///
    /// # Errors
    /// As [`Terminal::draw`].
    pub fn set_mouse(&mut self, is_on: bool) -> io::Result<()> {
        self.has_mouse = is_on;
        if !HOLD.is_ours() {
            Ok(())
        } else if is_on {
            execute!(self.out(), EnableMouseCapture)
        } else {
            execute!(self.out(), DisableMouseCapture)
        }
    }

    /// Gives the terminal back until [`Terminal::come_back`]. Nothing is written to it meanwhile.
    pub fn leave(&mut self) {
        restore();
    }

    /// Takes the terminal over again, from whoever had it meanwhile.
    ///
    /// # Errors
    /// What the system says.
    pub fn come_back(&mut self) -> io::Result<()> {
        restore();
        // What was given back in the background still counts as raw, and would not be made so.
        disable_raw_mode()?;
        take_over()?;
        if self.has_mouse {
            self.set_mouse(true)?;
        }
        self.title = Safe::default();
        self.redraw()
    }

    fn set_title(&mut self, title: &Safe) -> io::Result<()> {
        if self.title != *title {
            execute!(self.out(), SetTitle(title))?;
            self.title = title.clone();
        }
        Ok(())
    }

    /// Writes lines as they are. The terminal breaks those that are too long, and so knows them whole.
    /// What is selected there stays so, as long as they are the same.
    fn show_bare(&mut self, lines: Vec<Safe>) -> io::Result<()> {
        if self.bare.as_ref() == Some(&lines) {
            return Ok(());
        }
        self.redraw()?;
        queue!(self.out(), Hide, MoveTo(0, 0), EnableLineWrap)?;
        for (number, line) in lines.iter().enumerate() {
            let before = if number == 0 { "" } else { "\r\n" };
            queue!(self.out(), Print(before), Print(line))?;
        }
        self.bare = Some(lines);
        execute!(self.out(), DisableLineWrap)
    }

    const fn out(&mut self) -> &mut CrosstermBackend<BufWriter<Outlet<Stdout>>> {
        &mut self.backend
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Write::flush(self.out());
        restore();
    }
}

/// Gives the terminal back if it is ours, or waits for the thread that does. Nobody is left to tell if that fails.
///
/// The modes are the system's and change at once. What is written may have to wait for a terminal that takes
/// nothing, or for a writer who waits for it: after `TO_WRITE` that is left behind.
///
/// In the background the modes stay: the shell has set its own, and the system would stop us.
pub fn restore() {
    if HOLD.leave(TO_WRITE) != Leave::Now {
        return;
    }
    if is_in_foreground() {
        let _ = disable_raw_mode();
    }
    let start = |write: Box<dyn FnOnce() + Send>| thread::start("leave", write).map(drop);
    beside(start, || {
        let _ = leave(&mut stdout());
    });
    HOLD.left();
}

/// Has it written on a thread, and waits for that no longer than it may take. Where no thread can be had it is written
/// here, however long that takes: else the terminal stays as it is.
fn beside(
    start: impl FnOnce(Box<dyn FnOnce() + Send>) -> io::Result<()>,
    write: impl Fn() + Clone + Send + 'static,
) {
    let (done, is_done) = channel();
    let there = write.clone();
    let body = move || {
        there();
        let _ = done.send(());
    };
    match start(Box::new(body)) {
        Ok(()) => {
            let _ = is_done.recv_timeout(TO_WRITE);
        }
        Err(_) => write(),
    }
}

fn take_over() -> io::Result<()> {
    enable_raw_mode()?;
    HOLD.take();
    enter(&mut stdout()).inspect_err(|_| restore())
}

/// Writes what has changed. Terminals do not agree on the width of a cluster: one that gives it more cells than we do would
/// have the rest of the row elsewhere, one that gives it fewer would leave something else in them.
fn write_cells(
    backend: &mut CrosstermBackend<impl Write>,
    changes: &[(u16, u16, &Cell)],
) -> io::Result<()> {
    for part in changes.split_inclusive(|(_, _, cell)| is_cluster(cell)) {
        if let Some((x, y, cell)) = part.last().filter(|(_, _, cell)| is_cluster(cell)) {
            let mut blank = Cell::clone(cell);
            blank.set_symbol(" ");
            let cells = *x..x.saturating_add(cell.cell_width());
            backend.draw(cells.map(|x| (x, *y, &blank)))?;
        }
        // The cursor is set at the beginning of each part.
        backend.draw(part.iter().copied())?;
    }
    Ok(())
}

/// What has changed, and the cells that it is written over by where a terminal gives each character of an emoji its own:
/// they are written again behind it, so that nothing of it stands there when it goes.
fn with_overrun<'a>(
    changes: Vec<(u16, u16, &'a Cell)>,
    next: &'a Buffer,
) -> Vec<(u16, u16, &'a Cell)> {
    let mut all = Vec::with_capacity(changes.len());
    let mut changes = changes.into_iter().peekable();
    while let Some((x, y, cell)) = changes.next() {
        all.push((x, y, cell));
        let mut end = reach(x, cell);
        let mut at = x.saturating_add(cell.cell_width().max(1));
        while at < end.min(next.area.right()) {
            let cell = &next[(at, y)];
            while changes
                .next_if(|change| (change.1, change.0) <= (y, at))
                .is_some()
            {}
            all.push((at, y, cell));
            end = end.max(reach(at, cell));
            at = at.saturating_add(cell.cell_width().max(1));
        }
    }
    all
}

/// Where a cluster that stands here ends at the latest.
fn reach(x: u16, cell: &Cell) -> u16 {
    let cells = u16::try_from(wrap::reach(cell.symbol())).unwrap_or(u16::MAX);
    x.saturating_add(cells)
}

/// Whether more than one character stands in a cell.
fn is_cluster(cell: &Cell) -> bool {
    cell.symbol().chars().nth(1).is_some()
}

/// Nothing leaves its row: what stands at the end of one would be taken for another, of somebody else or our own.
///
/// The kitty protocol, where a terminal knows it, tells Shift+Enter from Enter; others ignore the request.
fn enter(out: &mut impl Write) -> io::Result<()> {
    queue!(
        out,
        Print(PUSH_TITLE),
        EnterAlternateScreen,
        DisableLineWrap,
        EnableFocusChange
    )?;
    if !cfg!(windows) {
        let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES;
        queue!(
            out,
            PushKeyboardEnhancementFlags(flags),
            EnableBracketedPaste
        )?;
    }
    out.flush()
}

/// In the opposite order, with the mouse off whether it was on or not.
fn leave(out: &mut impl Write) -> io::Result<()> {
    if !cfg!(windows) {
        queue!(out, DisableBracketedPaste, PopKeyboardEnhancementFlags)?;
    }
    queue!(
        out,
        DisableMouseCapture,
        DisableFocusChange,
        EnableLineWrap,
        LeaveAlternateScreen
    )?;
    queue!(out, Print(POP_TITLE), Show)?;
    out.flush()
}

#[cfg(all(test, not(windows)))]
mod tests {
    use super::*;
    use crate::text::safe_line;
    use crate::tui::paint::Canvas;

    #[test]
    fn what_is_switched_on_is_switched_off() {
        let [mut on, mut off] = [Vec::new(), Vec::new()];
        enter(&mut on).unwrap();
        leave(&mut off).unwrap();
        let (on, off) = (
            String::from_utf8(on).unwrap(),
            String::from_utf8(off).unwrap(),
        );
        for mode in ["?1049", "?2004", "?1004"] {
            assert!(on.contains(&format!("\x1b[{mode}h")), "{mode} in {on:?}");
            assert!(off.contains(&format!("\x1b[{mode}l")), "{mode} in {off:?}");
        }
        for mode in ["?1000", "?1003", "?1006"] {
            assert!(off.contains(&format!("\x1b[{mode}l")), "{mode} in {off:?}");
        }
        assert!(on.contains("\x1b[?7l") && off.contains("\x1b[?7h"));
        assert!(on.contains("\x1b[>1u") && off.contains("\x1b[<1u"));
        assert!(off.ends_with("\x1b[?25h"), "the cursor shows");
    }

    /// Where a terminal that gives so many cells to a character has each letter of ASCII.
    fn places(bytes: &str, cells: fn(char) -> usize) -> Vec<(usize, char)> {
        let (mut x, mut places) = (0, Vec::new());
        let mut rest = bytes.chars();
        while let Some(c) = rest.next() {
            if c == '\x1b' {
                let sequence: String = rest
                    .by_ref()
                    .take_while(|c| *c != 'H' && *c != 'm')
                    .collect();
                x = sequence
                    .split_once(';')
                    .map_or(x, |(_, to)| to.parse().unwrap_or(x));
            } else {
                places.extend(c.is_ascii_alphabetic().then_some((x, c)));
                x += cells(c);
            }
        }
        places
    }

    #[test]
    fn what_stands_behind_a_cluster_is_where_it_belongs_however_wide_that_is() {
        let area = Rect::new(0, 0, 40, 1);
        let mut next = Buffer::empty(area);
        let text = safe_line(
            "a\u{1780}\u{17d2}\u{1780}b\u{1f469}\u{200d}\u{1f467}c\u{1780}\u{17d2}\u{200d}\u{1780}d",
        );
        Canvas::new(&mut next, Charset::Utf8)
            .row(area, 0)
            .plain(&text);
        let drawn = ["a", "b", "c", "d"].map(|letter| {
            let at = next.content.iter().position(|cell| cell.symbol() == letter);
            (at.unwrap() + 1, letter.chars().next().unwrap())
        });
        let mut bytes = Vec::new();
        let changes = Buffer::empty(area).diff(&next);
        write_cells(&mut CrosstermBackend::new(&mut bytes), &changes).unwrap();
        let bytes = String::from_utf8(bytes).unwrap();
        for cells in [|_| 0, |_| 1, |_| 2] {
            assert_eq!(places(&bytes, cells), drawn);
        }
    }

    #[test]
    fn what_an_emoji_runs_over_is_written_again_behind_it() {
        let area = Rect::new(0, 0, 12, 1);
        let drawn = |text: &str| {
            let mut buffer = Buffer::empty(area);
            let text = safe_line(text);
            Canvas::new(&mut buffer, Charset::Utf8)
                .row(area, 0)
                .plain(&text);
            buffer
        };
        let thumb = "\u{1f44d}\u{1f3fd}";
        let family = "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        let heart = "\u{2764}\u{fe0f}\u{200d}\u{1f525}";
        let cases = [
            // Two characters of two cells each, before letters that stay.
            ("..letters", format!("{thumb}letters"), vec![0, 2, 3]),
            ("", thumb.to_owned(), vec![0, 2, 3]),
            ("", family.to_owned(), vec![0, 2, 3, 4, 5]),
            ("", heart.to_owned(), vec![0, 2, 3]),
            // What is run over is itself one, or is cut by the end.
            ("", format!("{thumb}{thumb}"), vec![0, 2, 4, 5]),
            ("", format!("0123456789{family}"), (0..=10).collect()),
            ("..\u{65e5}x", format!("{thumb}\u{65e5}x"), vec![0, 2]),
            // These have a cell for each character.
            ("..letters", "\u{65e5}letters".to_owned(), vec![0]),
        ];
        for (before, after, cells) in cases {
            let (shown, next) = (drawn(before), drawn(&after));
            let written = with_overrun(shown.diff(&next), &next);
            let places: Vec<u16> = written.iter().map(|(x, ..)| *x).collect();
            assert_eq!(places, cells, "{after}");
            let is_next = |(x, y, cell): &(u16, u16, &Cell)| **cell == next[(*x, *y)];
            assert!(written.iter().all(is_next), "{after}");
        }
    }

    #[test]
    fn nothing_of_a_wide_cluster_stays_when_its_row_is_blank() {
        let area = Rect::new(0, 0, 40, 1);
        let mut shown = Buffer::empty(area);
        let cluster = safe_line("\u{1780}\u{17d2}\u{1780}\u{17d2}\u{1780}");
        Canvas::new(&mut shown, Charset::Utf8)
            .row(area, 0)
            .plain(&cluster);
        let blank = Buffer::empty(area);
        let changes = shown.diff(&blank);
        let cells: Vec<u16> = changes.iter().map(|(x, _, _)| *x).collect();
        assert_eq!(cells, [0, 1, 2]);
        assert!(changes.iter().all(|(_, _, cell)| cell.symbol() == " "));
    }

    #[test]
    fn where_no_thread_can_be_had_the_end_is_written_all_the_same() {
        let (written, times) = channel();
        let write = move || written.send(()).unwrap();
        beside(|_| Err(io::ErrorKind::WouldBlock.into()), write.clone());
        assert_eq!(times.try_iter().count(), 1);
        beside(|body| thread::start("leave", body).map(drop), write);
        assert_eq!(times.try_iter().count(), 1);
    }

    #[test]
    fn a_terminal_that_is_not_ours_is_left_alone() {
        restore();
        assert_eq!(HOLD.leave(TO_WRITE), Leave::Done);
    }
}
