//! What a log holds: at DEBUG and above nothing that tells who talks where about what, and at no level
//! a word of what was said, a name, or more of a key than the eight characters by which TRACE says who
//! `peer#1` is. `tests/talk/logs.rs` looks at the logs of the real program.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use securechat::proto::limits::SOURCE_BURST;
use securechat::proto::{EndpointConfig, Trust};
use securechat::sim::{NodeId, Pair, Sighting};
use simulated::stranger::{Stranger, source};
use simulated::{INIT, secs, sent};
use tracing::Level;

/// How often a stranger calls.
const CALLS: usize = 100;

/// One test at a time: `tracing` remembers for the whole process which lines somebody wants, and where two first come to one
/// at the same moment it may remember what only the first has said.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn named(name: &str) -> EndpointConfig {
    EndpointConfig {
        nickname: Some(name.to_owned()),
        ..EndpointConfig::default()
    }
}

/// What is logged while this happens.
fn log_of<R>(level: Level, happens: impl FnOnce() -> R) -> (String, R) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let result = tracing::subscriber::with_default(subscriber, happens);
    let bytes = log.0.lock().unwrap().clone();
    (String::from_utf8(bytes).unwrap(), result)
}

/// Talks for ten minutes, with a rekey, a roam and a goodbye; returns the log and the pair.
fn logged(level: Level) -> (String, Pair) {
    log_of(level, || {
        let mut pair = Pair::strangers(1, named("Alice Liddell"), named("Robert Tables"));
        let (a, b) = (pair.a, pair.b);
        pair.introduce(a, b);
        pair.connect_both_ways();
        for n in 0..60 {
            let words = format!("the treasure is under the old oak, {n} steps north");
            pair.say(a, b, words.into_bytes()).unwrap();
            pair.advance(secs(10));
        }
        pair
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn assert_no_words_names_or_keys(log: &str, pair: &Pair) {
    for word in ["treasure", "oak", "Liddell", "Tables"] {
        assert!(!log.contains(word), "{word} is in the log");
    }
    for node in [pair.a, pair.b] {
        let key = hex(pair.id(node).as_bytes());
        let four = key.get(..8).unwrap();
        assert!(!log.contains(four), "four bytes of a key are in the log");
        for alphabet in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let key = alphabet.encode(pair.id(node).as_bytes());
            let nine = key.get(..9).unwrap();
            assert!(!log.contains(nine), "a key is in the log, in base64");
        }
    }
}

fn begins(pair: &Pair, node: NodeId) -> String {
    let key = STANDARD_NO_PAD.encode(pair.id(node).as_bytes());
    key.get(..8).unwrap().to_owned()
}

#[test]
fn a_log_at_debug_tells_decisions_but_neither_addresses_nor_words_nor_keys() {
    let _turn = turn();
    let (log, pair) = logged(Level::DEBUG);
    for expected in ["calls", "is called", "keypair confirmed", "new connection"] {
        assert!(log.contains(expected), "no \"{expected}\" in:\n{log}");
    }
    assert_no_words_names_or_keys(&log, &pair);
    for node in [pair.a, pair.b] {
        let begins = begins(&pair, node);
        let five = begins.get(..5).unwrap();
        assert!(!log.contains(five), "the beginning of a key is in the log");
    }
    for seen in pair.network().capture() {
        for address in [seen.from, seen.to] {
            assert!(
                !log.contains(&address.ip().to_string()),
                "{address} is in the log"
            );
        }
    }
}

#[test]
fn a_log_at_trace_has_every_packet_and_still_no_word_name_or_key() {
    let _turn = turn();
    let (log, pair) = logged(Level::TRACE);
    assert!(
        log.lines()
            .filter(|line| line.contains("packet in"))
            .count()
            > 60
    );
    for node in [pair.a, pair.b] {
        let line = format!("peer=peer#1 key=\"{}\"", begins(&pair, node));
        assert!(log.contains(&line), "no {line:?} in the log");
    }
    assert_no_words_names_or_keys(&log, &pair);
}

/// A strict node, and a stranger's true call of it, which it refused.
fn refused_call() -> (Pair, Vec<Sighting>) {
    let strict = EndpointConfig {
        trust: Trust::Strict,
        ..EndpointConfig::default()
    };
    let mut pair = Pair::strangers(1, EndpointConfig::default(), strict);
    let (a, b) = (pair.a, pair.b);
    pair.add_peer(a, b);
    pair.connect(a, b).unwrap();
    pair.advance(secs(10));
    let call = sent(&pair, a, INIT);
    pair.stop(a);
    (pair, call)
}

/// They cause lines as often as they like, which would fill a disk.
#[test]
fn strangers_leave_no_line_above_trace_however_often_they_call() {
    let _turn = turn();
    let log = |level| {
        let (mut pair, call) = refused_call();
        let target = pair.b;
        let mut stranger = Stranger::new(&mut pair, target, 1);
        log_of(level, || {
            for _ in 0..CALLS {
                for part in &call {
                    pair.inject(part.from, part.to, part.datagram.clone());
                }
                for _ in 0..=SOURCE_BURST {
                    stranger.flood(&mut pair, source(0));
                }
                pair.advance(secs(1));
            }
        })
        .0
    };
    let traced = log(Level::TRACE);
    for line in ["asks for a cookie", "is called by a stranger"] {
        assert!(traced.contains(line), "no {line:?} in:\n{traced}");
    }
    assert_eq!(log(Level::DEBUG), "");
}
