//! What the store costs on this machine: one change after another, each on the disk before the next.
//!
//! `cargo run --release --locked --example store_cost -- [--small] [DIRECTORY]`. With `--small` it takes a second and says
//! nothing of the cost: that it runs at all.

#![allow(clippy::print_stdout, reason = "its output")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use securechat::chat::{ContactId, ConversationId, Incoming, Kind, LogId, MessageRef, Name};
use securechat::crypto::StaticSecret;
use securechat::id::PeerId;
use securechat::net::os_rng;
use securechat::store::{Archive, Filter, Keep, Search, Way};
use securechat::time::UnixTime;

/// How much is measured.
struct Extent {
    /// Changes that are timed one by one.
    changes: u64,
    /// Messages of the history that is searched.
    history: u64,
}

impl Extent {
    const WHOLE: Self = Self {
        changes: 500,
        history: 100_000,
    };
    const SMALL: Self = Self {
        changes: 20,
        history: 500,
    };
}

fn message(sequence: u64) -> (ContactId, Incoming) {
    let incoming = Incoming {
        name: Name {
            log: LogId(1),
            sequence,
        },
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: UnixTime(0),
        body: vec![b'x'; 100],
        missing: 0,
    };
    (PeerId::new([7; 32]).into(), incoming)
}

#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn timed<R>(act: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = act();
    (result, start.elapsed())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).peekable();
    let is_small = args.next_if(|it| it == "--small").is_some();
    let Extent { changes, history } = if is_small {
        Extent::SMALL
    } else {
        Extent::WHOLE
    };
    let directory = args.next().map(PathBuf::from);
    let directory = directory.unwrap_or_else(std::env::temp_dir);
    // A store lies where nobody else can put a file.
    let own = directory.join(format!("store-cost-{}", std::process::id()));
    let path = own.join("messages.redb");
    let secret = StaticSecret::from_bytes(&mut [1; 32]);
    let open = || {
        let rng = Box::new(os_rng());
        Archive::open(&path, &secret, Keep::Forever, rng, UnixTime(0))
    };
    let (mut archive, _) = open()?;
    let mut each = Vec::new();
    for sequence in 0..changes {
        let (from, it) = message(sequence);
        let change = || archive.change(UnixTime(0), |change| change.receive(from, &it));
        let (received, took) = timed(change);
        received?;
        each.push(took);
    }
    each.sort();
    let at = |share: usize| {
        each.get(each.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "one message received: median {:?}, 99 % {:?}",
        at(50),
        at(99)
    );
    let fill = || {
        archive.change(UnixTime(0), |change| {
            for sequence in changes..history {
                let (from, it) = message(sequence);
                change.receive(from, &it)?;
                change.shown(from, it.name)?;
            }
            Ok(())
        })
    };
    let (filled, took) = timed(fill);
    filled?;
    println!("{history} messages in one change: {took:?}");
    let filter = Filter {
        words: Some("nothing has this".to_owned()),
        ..Filter::default()
    };
    let mut search = Search::new(filter, Way::Back, None);
    let (found, took) = timed(|| search.page(&archive, 200, 256 << 10));
    println!("search in them: {took:?}, {} found", found?.entries.len());
    for (which, sequence) in [("newest", history - 1), ("oldest", changes)] {
        let (contact, message) = message(sequence);
        let message = MessageRef {
            contact,
            name: message.name,
            is_ours: false,
        };
        let (deleted, took) = timed(|| archive.delete(message));
        println!("the {which} of them deleted: {took:?}, {:?}", deleted?);
    }
    drop(archive);
    let (opened, took) = timed(open);
    drop(opened?);
    println!(
        "open: {took:?}, {} KiB",
        std::fs::metadata(&path)?.len() / 1024
    );
    std::fs::remove_dir_all(&own)?;
    Ok(())
}
