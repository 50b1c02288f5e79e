//! Handshakes, sealing and whole stacks in one thread, without a network: processor time, each contestant in turn.
//!
//! `cargo bench --bench stack -- [--small] [handshake] [seal] [tunnel] [messages] [bulk]`
//!
//! For callgrind, which has no clock, some of it without measuring anything: `walk boringtun` and `walk classic` do a
//! hundred handshakes without a KEM (`--toggle-collect='*Boring*handshake*'`, `'*Classic*handshake*'`), `walk single` and
//! `walk many` exchange 2,000 of our messages, one or 64 at a time (`'*Pair*messages*'`).

mod handshake;
mod messages;
mod seal;
mod tunnel;

use securechat_peers::measure::{Scale, wanted};

#[cfg(feature = "wipe")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "walk").skip(1);
    if let Some(contestant) = args.next() {
        return match contestant.as_str() {
            "single" => messages::walk(1),
            "many" => messages::walk(64),
            _ => handshake::walk(&contestant),
        };
    }
    let scale = Scale::from_args();
    type Section = (&'static str, fn(Scale));
    let sections: [Section; 5] = [
        ("handshake", handshake::handshakes),
        ("seal", seal::seals),
        ("tunnel", tunnel::tunnels),
        ("messages", messages::messages),
        ("bulk", messages::bulk),
    ];
    for (name, section) in sections {
        if wanted(name) {
            section(scale);
        }
    }
}

/// What a number of turns is divided by.
fn each(count: usize) -> f64 {
    count as f64
}
