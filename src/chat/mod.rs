//! What is said: a person's line on its way to a datagram, and back.
//!
//! Messages of any length, their receipts and their order come with the connection layer; in this
//! version a line travels in one sealed datagram.

mod line;

pub use line::{Line, LineError, Received};
