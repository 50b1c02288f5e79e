//! The control socket of a running program: line-delimited JSON-RPC 2.0 for other programs of the same user.
//! Source: docs/json.md#the-control-socket.
//!
//! Each client has two threads, one that reads and one that writes. Requests go to the owner one at a time for
//! each client; answers and events wait in a queue of bounded size. A client that does not read loses its
//! connection and nothing else does. Where places are short, who is idle gives its own to who comes.

mod client;
mod lines;
mod os;
mod places;
mod queue;
mod rpc;
mod server;

pub use client::{Answer, Answers, Connection, PATIENCE, Refusal, Requests, no_answer};
pub use os::{IS_SUPPORTED, Inspected, Place};
pub use queue::Client;
pub use rpc::{BAD_ID, Code, Request, error, event, event_with, is_id, request, result};
pub use server::{Happening, Incoming, Server, Whose};
