//! Handshakes, sealing and whole stacks in one thread, without a network: processor time, each contestant in turn.
//!
//! `cargo bench --bench stack -- [--small] [handshake] [seal] [tunnel] [messages] [bulk]`
//!
//! `walk boringtun` and `walk classic` instead do a hundred handshakes without a KEM and tell nothing: for callgrind, which
//! has no clock, with `--toggle-collect='*Boring*handshake*'` or `'*Classic*handshake*'`.

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
        return handshake::walk(&contestant);
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
