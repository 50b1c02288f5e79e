//! `demo`: a chat with an echo peer in the same process, over real sockets and without any file.

mod echo;
mod party;
mod script;

use std::io::{IsTerminal, stdin, stdout};
use std::net::SocketAddr;

use self::echo::Echo;
use self::party::ANY_PORT;
use crate::chat::words;
use crate::cli::args::{DemoArgs, Globals};
use crate::cli::{Error, ExitCode, Out, talk};
use crate::crypto::StaticSecret;
use crate::net::{Clock, os_rng};
use crate::text::{Safe, safe_line};

/// The name that the echo peer is saved under.
const NAME: &str = "echo";

/// What whoever types is told first: each a row of a terminal with 80 columns.
const HINTS: [&str; 3] = [
    "Type a line and press Enter: the echo peer sends it back.",
    "/verify compares four words, /help has the rest, /quit leaves.",
    "Nothing is kept. securechat keygen makes a key that lasts.",
];

/// Runs the demo: for whoever types at a terminal, or by itself.
///
/// # Errors
/// If no socket or thread can be had, or nothing comes back.
pub(super) fn run(args: &DemoArgs, globals: &Globals, out: &Out) -> Result<ExitCode, Error> {
    let is_typed = !args.script && stdin().is_terminal() && stdout().is_terminal();
    if is_typed {
        converse(globals, out)
    } else {
        script::run(out)
    }
}

/// The program as it is, with an identity and a peer that are gone with it.
fn converse(globals: &Globals, out: &Out) -> Result<ExitCode, Error> {
    let secret = StaticSecret::generate(&mut os_rng());
    let echo = Echo::start(Clock::new(), secret.public())?;
    out.note(&listening(echo.address));
    let peer = talk::Neighbour {
        name: NAME,
        key: echo.id,
        address: echo.address,
    };
    let begin = |read_out: talk::ReadOut| {
        echo.answer(move |code| {
            let words = safe_line(&words::words(&code).join("  "));
            read_out(Safe::from("echo reads out:  ") + words);
        })
    };
    talk::in_memory(secret, &peer, ANY_PORT, &HINTS, begin, globals, out)
}

fn listening(address: SocketAddr) -> Safe {
    Safe::from("demo: echo peer on ") + address + "/udp (in this process, real socket)"
}
