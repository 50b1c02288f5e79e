//! The full-screen face: a state, a pure function that updates it, and one that draws it.
//!
//! [`App::update`] takes what happens (a key, a paste, another size, time, what the core tells) and returns
//! what is to be done. [`App::draw`] draws the state into a buffer of cells. Neither knows a terminal,
//! a thread or a clock: a test drives both, and sees what a person would.
//!
//! ```text
//! terminal ─► Input ─► App::update ─► Action ─► core, terminal
//!                          │
//!                      App::draw ─► Buffer ─► terminal
//! ```

mod app;
mod bell;
mod console;
mod conversation;
#[cfg(unix)]
mod decoder;
mod editor;
mod entry;
mod glance;
mod history;
mod hold;
mod input;
mod key_name;
mod keymap;
mod keys;
mod link;
mod log;
mod osc;
mod paint;
mod places;
mod purged;
mod quotes;
mod reader;
mod search;
mod terminal;
mod theme;
mod tty;
mod update;
mod verifying;
mod view;
mod wrap;

pub use app::{App, Settings};
pub(crate) use bell::{Bell, more_messages};
pub(crate) use glance::GLANCE;
pub use input::{
    Action, Ask, Card, Comparison, Discretion, Earlier, Files, Guest, Held, Hit, Input, LinkStatus,
    Moved, Notice, Now, Said, Standing, Ticket, Told,
};
pub use keymap::{BadKey, Keymap};
pub(crate) use link::{SLOW_AFTER, SLOW_STEP};
pub use osc::{Osc, Through};
pub use places::{MIN_HEIGHT, MIN_WIDTH};
pub use purged::Purged;
pub use reader::Reader;
pub use terminal::{Terminal, restore};
pub use tty::{is_gone, is_in_foreground};
pub use verifying::Noted;
pub(crate) use verifying::UNSAVED;
