//! Private chat between two terminals: a post-quantum Noise handshake over UDP, no server, no account.

pub mod chat;
pub mod cli;
mod commands;
pub mod control;
pub mod crypto;
pub mod id;
pub mod json;
pub mod net;
pub mod plain;
pub mod proto;
#[doc(hidden)]
pub mod sim;
pub mod store;
mod sync;
pub mod text;
pub mod time;
pub mod tui;
pub mod wire;
