//! Keys and pastes out of the bytes that a terminal sends, each with when it came.
//!
//! crossterm takes the last byte of a read for the end of a key. Where bytes come one by one (a serial line, a bridge) it
//! makes Esc and text of an arrow, and messages of the lines of a paste; and for the end of a report that it does not
//! know it waits for ever. Here a read ends nothing; only time does. What may be a key is never kept for longer than
//! [`REST_WAIT`].
//!
//! 1. Bytes that begin a key are held until the key is whole, nothing can make it one, or it has taken too long.
//! 2. What begins a paste is known by its bytes alone, however slowly they come: its lines must never be typed ones.
//! 3. A paste goes on to the bytes that end it. If they were lost, only what terminals take out of a paste ends it: Esc, or a
//!    key or report that begins with ESC, Ctrl+C or Ctrl+D, which comes after a pause and with nothing behind it. Enter and
//!    what is printed never do, or a paste that stands still would send itself.

mod sequence;

use core::time::Duration;
use std::collections::VecDeque;
use std::mem;

use ratatui_crossterm::crossterm::event::{Event, KeyCode};

use crate::time::Instant;
use crate::tui::decoder::sequence::{ESC, Step, alone, step};

/// How long what a person may have typed waits for what would make another key of it: Esc is the beginning of an arrow. At 9,600
/// baud a byte takes 1 ms; keys that are typed in haste are further apart. Source: the `ttimeoutlen` of Neovim, whose
/// 50 ms nobody notices.
const ESC_WAIT: Duration = Duration::from_millis(50);

/// How long the rest of what nobody has typed is waited for, from its first byte on.
const REST_WAIT: Duration = Duration::from_secs(1);

/// A paste that has stood still for this long may have lost its end.
const PAUSE: Duration = Duration::from_secs(1);

/// How what terminals take out of a paste begins: ESC, and Ctrl+C and Ctrl+D, by which people leave a program.
const ENDS_PASTES: [u8; 3] = [ESC, 0x03, 0x04];

/// Bytes of a sequence that are held. Keys have 20 at most; a longer one is dropped when it ends.
const SEQUENCE_MAX_LEN: usize = 256;

/// Bytes of a paste that are kept: twice what a message has at most, so that it is said how much too long it is.
const PASTE_MAX_LEN: usize = 1 << 25;

/// What stands around a paste (bracketed paste, DEC mode 2004).
const START: &[u8] = b"\x1b[200~";
const END: &[u8] = b"\x1b[201~";

/// Takes bytes and time, and has events.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// The beginning of a key; in a paste, what came after a pause.
    held: Vec<u8>,
    /// When the first byte of that came.
    since: Instant,
    /// When the last byte came.
    last: Instant,
    /// How much of [`START`] came last, whether that was told as keys meanwhile or not.
    start: usize,
    paste: Option<Paste>,
    events: VecDeque<(Event, Instant)>,
}

/// A paste that has begun.
#[derive(Debug)]
struct Paste {
    text: Vec<u8>,
    since: Instant,
    /// How much of [`END`] came last.
    end: usize,
}

impl Decoder {
    /// The next event, and when its first byte came.
    pub(super) fn next(&mut self) -> Option<(Event, Instant)> {
        self.events.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// When to call [`Self::expire`] if nothing comes before that.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.held.is_empty() {
            return None;
        }
        let may_be_typed = self.paste.is_some() || alone(&self.held).is_some();
        Some(if may_be_typed {
            self.last + ESC_WAIT
        } else {
            self.since + REST_WAIT
        })
    }

    /// Takes bytes that were read at this moment. What is late, but was there to be read, is in time.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Instant) {
        for &byte in bytes {
            if self.paste.is_some() {
                self.take_pasted(byte, now);
            } else {
                self.take(byte, now);
            }
            self.last = now;
        }
    }

    /// Takes a moment at which there is nothing to be read.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.deadline().is_none_or(|at| now < at) {
            return;
        }
        if self.paste.is_some() {
            return self.expire_pasted();
        }
        let key = alone(&mem::take(&mut self.held));
        self.tell(key, self.since);
    }

    fn take(&mut self, byte: u8, now: Instant) {
        self.start = matched(START, self.start, byte);
        if self.start == START.len() {
            self.start = 0;
            self.held.clear();
            self.paste = Some(Paste::new(now));
            return;
        }
        self.take_key(byte, now);
    }

    fn take_key(&mut self, byte: u8, now: Instant) {
        if self.held.is_empty() {
            self.since = now;
        }
        self.hold(byte);
        match step(&self.held) {
            Step::More => {}
            Step::Whole(event) => {
                let is_too_long = self.held.len() >= SEQUENCE_MAX_LEN;
                self.held.clear();
                self.tell(event.filter(|_| !is_too_long), self.since);
            }
            Step::Not => self.take_anew(byte, now),
        }
    }

    /// The last byte does not belong to what is held: that is over, and this begins something else.
    fn take_anew(&mut self, byte: u8, now: Instant) {
        self.held.pop();
        if self.held.is_empty() {
            return;
        }
        let (before, began) = (mem::take(&mut self.held), self.since);
        let key = alone(&before);
        if key.is_none() && before.last() == Some(&ESC) {
            self.held.push(ESC);
            self.since = self.last;
        }
        self.tell(key, began);
        self.take_key(byte, now);
    }

    fn hold(&mut self, byte: u8) {
        if self.held.len() >= SEQUENCE_MAX_LEN {
            // What it is stands in front, whether it ends in the last two.
            self.held.remove(SEQUENCE_MAX_LEN / 2);
        }
        self.held.push(byte);
    }

    fn take_pasted(&mut self, byte: u8, now: Instant) {
        if self.held.is_empty() {
            let is_after_pause = now.saturating_since(self.last) >= PAUSE;
            if !is_after_pause || !ENDS_PASTES.contains(&byte) {
                return self.paste(byte);
            }
            self.since = now;
        }
        let has_more = matches!(step(&self.held), Step::Whole(_));
        self.held.push(byte);
        let may_end = matches!(step(&self.held), Step::More | Step::Whole(Some(_)));
        if has_more || !may_end || self.held.len() >= SEQUENCE_MAX_LEN {
            self.go_on();
        }
    }

    /// Nothing followed what came after a pause.
    fn expire_pasted(&mut self) {
        let Some(key) = ends_paste(&self.held) else {
            return self.go_on();
        };
        self.start = usize::from(self.held == [ESC]);
        self.held.clear();
        self.end_paste();
        self.tell(Some(key), self.since);
    }

    /// What came after a pause is more of the paste.
    fn go_on(&mut self) {
        for byte in mem::take(&mut self.held) {
            self.paste(byte);
        }
    }

    fn paste(&mut self, byte: u8) {
        if self
            .paste
            .as_mut()
            .is_some_and(|paste| paste.is_ended_by(byte))
        {
            self.end_paste();
        }
    }

    fn end_paste(&mut self) {
        if let Some(paste) = self.paste.take() {
            let text = String::from_utf8_lossy(&paste.text).into_owned();
            self.tell(Some(Event::Paste(text)), paste.since);
        }
    }

    fn tell(&mut self, event: Option<Event>, at: Instant) {
        self.events.extend(event.map(|event| (event, at)));
    }
}

impl Paste {
    const fn new(since: Instant) -> Self {
        Self {
            text: Vec::new(),
            since,
            end: 0,
        }
    }

    /// Takes a byte, and whether the paste is over with it.
    fn is_ended_by(&mut self, byte: u8) -> bool {
        self.end = matched(END, self.end, byte);
        if self.text.len() < PASTE_MAX_LEN {
            self.text.push(byte);
        }
        let is_over = self.end == END.len();
        if is_over && self.text.ends_with(END) {
            self.text.truncate(self.text.len() - END.len());
        }
        is_over
    }
}

/// How much of this came last with one byte more. ESC stands in it only as the first.
fn matched(marker: &[u8], before: usize, byte: u8) -> usize {
    if marker.get(before) == Some(&byte) {
        before + 1
    } else {
        usize::from(byte == ESC)
    }
}

/// The key that ends a paste whose end was lost, if nothing follows these bytes. Enter does not in any of its forms: it would
/// send the paste. What may be the beginning of [`END`] does not either, but for Esc, which people press first.
fn ends_paste(held: &[u8]) -> Option<Event> {
    match step(held) {
        Step::Whole(event) => event.filter(|event| !is_enter(event)),
        Step::More if held == [ESC] => alone(held),
        Step::More | Step::Not => None,
    }
}

fn is_enter(event: &Event) -> bool {
    event
        .as_key_event()
        .is_some_and(|key| key.code == KeyCode::Enter)
}

#[cfg(test)]
mod tests;
