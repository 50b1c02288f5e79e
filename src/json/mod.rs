//! JSON for programs, one value a line: nothing is lost, and nothing in it can drive a terminal.
//! Source: docs/json.md.

mod escape;

pub use escape::line;

/// The version that every event names. Fields are only added to it.
pub const VERSION: u8 = 1;

/// Bytes of the longest line that is read. The longest message fits, unless every letter of it is escaped.
pub const LINE_MAX_LEN: usize = 32 << 20;
