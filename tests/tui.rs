//! The full-screen face, driven by keys and by what a core would tell, drawn into a terminal of cells.
//!
//! Screens are compared with pictures in `tests/tui/pictures`; with `UPDATE_PICTURES=1` they are drawn anew,
//! and the difference is for a person to look at.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected should stop there"
)]

#[path = "tui/bound.rs"]
mod bound;
#[path = "tui/deleting.rs"]
mod deleting;
#[path = "tui/found.rs"]
mod found;
#[path = "tui/hostile.rs"]
mod hostile;
#[path = "tui/keys.rs"]
mod keys;
#[path = "tui/links.rs"]
mod links;
#[path = "tui/people.rs"]
mod people;
#[path = "tui/pictures.rs"]
mod pictures;
#[path = "tui/purged.rs"]
mod purged;
#[path = "tui/reading.rs"]
mod reading;
#[path = "tui/rule.rs"]
mod rule;
#[path = "tui/screen.rs"]
mod screen;
#[path = "tui/speed.rs"]
mod speed;
#[path = "tui/styles.rs"]
mod styles;
#[path = "tui/table.rs"]
mod table;
#[path = "tui/tabs.rs"]
mod tabs;
#[path = "tui/verifying.rs"]
mod verifying;
#[path = "tui/writing.rs"]
mod writing;
