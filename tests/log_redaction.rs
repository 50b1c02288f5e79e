//! What a log holds: at DEBUG and above nothing that tells who talks where about what, and at no level
//! a word of what was said, a name, or more of a key than the eight characters by which TRACE says who
//! `peer#1` is. `tests/talk/logs.rs` looks at the logs of the real program.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use core::net::SocketAddr;
use core::time::Duration;
use std::fmt::Write;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use securechat::crypto::StaticSecret;
use securechat::id::Timestamp;
use securechat::proto::limits::{
    ALL_GUESTS_BURST, ASK_WHILE_WAITING, ATTEMPT_LIFE, ERASE_AFTER, REJECT_AFTER,
    REKEY_INITIATOR_SEND, SOURCE_BURST,
};
use securechat::proto::{Endpoint, EndpointConfig, Event, Incoming, PeerConfig, Shown, Trust};
use securechat::sim::{NodeId, Pair, Sighting, SimRng};
use securechat::time::Instant;
use simulated::stranger::{Stranger, source};
use simulated::{INIT, secs, sent};
use tracing::{Dispatch, Level};

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

impl Log {
    fn at(&self, level: Level) -> Dispatch {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || writer.clone());
        Dispatch::new(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What is logged while this happens.
fn log_of<R>(level: Level, happens: impl FnOnce() -> R) -> (String, R) {
    let log = Log::default();
    let result = tracing::dispatcher::with_default(&log.at(level), happens);
    (log.text(), result)
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

/// An endpoint without a world around it, so that only what is logged here is what this one does.
struct Side {
    endpoint: Endpoint,
    address: SocketAddr,
    rng: SimRng,
    log: Dispatch,
    events: Vec<Event>,
}

impl Side {
    /// Later programs with the same key have later timestamps.
    fn new(key: u8, program: u64, log: Dispatch) -> Self {
        let mut rng = SimRng::new(u64::from(key) + 1_000 * program);
        let secret = StaticSecret::from_bytes(&mut [key; 32]);
        let timestamps = Timestamp(1_000 * program)..Timestamp(1_000 * program + 1_000);
        let config = EndpointConfig {
            trust: Trust::Ask,
            ..EndpointConfig::default()
        };
        let at = Instant::from_micros(1);
        Self {
            endpoint: Endpoint::new(config, Arc::new(secret), rng.seed(), timestamps, at),
            address: ([192, 0, 2, key], 7_419).into(),
            rng,
            log,
            events: Vec::new(),
        }
    }

    fn handle(&mut self, from: SocketAddr, mut datagram: Vec<u8>, now: Instant) {
        let (screen, table) = (self.endpoint.screen(), self.endpoint.key_table());
        match screen.check(&datagram) {
            Ok(Incoming::Handshake(packet)) => {
                self.endpoint.handle_handshake(from, packet, now);
            }
            Ok(Incoming::Data) => match table.open(from, &mut datagram, now) {
                Ok(opened) => self.endpoint.handle_opened(&opened, now),
                Err(reason) => self.endpoint.handle_dropped(reason),
            },
            Err(reason) => self.endpoint.handle_dropped(reason),
        }
    }

    /// Takes what came, lets time pass, and says what leaves.
    fn step(&mut self, came: Vec<(SocketAddr, Vec<u8>)>, now: Instant) -> Vec<Vec<u8>> {
        let log = self.log.clone();
        tracing::dispatcher::with_default(&log, || {
            for (from, datagram) in came {
                self.handle(from, datagram, now);
            }
            self.endpoint.handle_timeout(now);
            while let Some(job) = self.endpoint.take_job() {
                let outcome = job.run(self.rng.crypto());
                self.endpoint.handle_outcome(outcome, now);
            }
            let mut out = Vec::new();
            while let Some(transmit) = self.endpoint.poll_transmit(now) {
                out.push(transmit.datagram.into_bytes(now).unwrap());
            }
            self.events
                .extend(core::iter::from_fn(|| self.endpoint.poll_event()));
            out
        })
    }
}

/// Whoever calls from somewhere, and the one who is called, until both are at rest.
fn carry(from: &mut Side, to: &mut Side, now: Instant) {
    let mut answers = Vec::new();
    loop {
        let came = answers.into_iter().map(|it| (to.address, it)).collect();
        let sent = from.step(came, now);
        let came: Vec<_> = sent.into_iter().map(|it| (from.address, it)).collect();
        let is_over = came.is_empty();
        answers = to.step(came, now);
        if is_over && answers.is_empty() {
            return;
        }
    }
}

fn call(key: u8, program: u64, to: &mut Side, now: Instant) -> Side {
    // Of those who have no log `tracing` would remember that nobody wants their lines.
    let aside = Log::default().at(Level::TRACE);
    let mut stranger = Side::new(key, program, aside);
    stranger.endpoint.add_peer(PeerConfig {
        id: to.endpoint.id(),
        psk: None,
        addresses: vec![to.address],
        shown: Shown::default(),
    });
    stranger
        .endpoint
        .connect(to.endpoint.id(), &[], now)
        .unwrap();
    carry(&mut stranger, to, now);
    stranger
}

/// Strangers finish handshakes, under many keys and as often as they like under one; one whom the user was asked about
/// moves, and gets new keys.
#[test]
fn those_whom_nobody_has_let_in_leave_no_line_above_trace_whatever_they_do() {
    let _turn = turn();
    let logged = |level| {
        let log = Log::default();
        let mut host = Side::new(200, 1, log.at(level));
        let mut now = Instant::from_micros(1_000_000);
        for key in 1..=u8::try_from(ALL_GUESTS_BURST).unwrap() + 4 {
            call(key, 1, &mut host, now);
            call(key, 2, &mut host, now);
        }
        now = now + Duration::from_secs(60);
        let mut guest = call(1, 3, &mut host, now);
        let end = now + REKEY_INITIATOR_SEND + ERASE_AFTER + Duration::from_secs(60);
        while now < end {
            now = now + Duration::from_secs(20);
            guest.address.set_port(guest.address.port() + 1);
            carry(&mut guest, &mut host, now);
        }
        // One whose clock is slow uses his keys for as long as they are taken.
        let mut slow = call(100, 1, &mut host, now);
        let pings = slow.step(Vec::new(), now + ASK_WHILE_WAITING);
        let came = pings.into_iter().map(|it| (slow.address, it));
        host.step(
            came.collect(),
            now + REJECT_AFTER + ATTEMPT_LIFE - Duration::from_secs(1),
        );
        host.step(Vec::new(), now + ERASE_AFTER + Duration::from_secs(1));
        let asked = |it: &&Event| matches!(it, Event::Guest { .. });
        assert!(host.events.iter().filter(asked).count() > 1);
        log.text()
    };
    let traced = logged(Level::TRACE);
    for line in [
        "is called by a stranger",
        "new connection",
        "session ends",
        "keypair confirmed",
        "keypair erased",
        "change=Some(Proved",
    ] {
        assert!(traced.contains(line), "no {line:?} in:\n{traced}");
    }
    assert_eq!(logged(Level::DEBUG), "");
}
