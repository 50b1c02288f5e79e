//! Items of docs/checklist.md, "Transport": a conversation beside bulk streams, and receipts.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests; the figures are for whoever asks with --nocapture"
)]

mod simulated;

use core::time::Duration;
use std::collections::BTreeSet;

use securechat::id::StreamId;
use securechat::proto::{EndpointConfig, limits};
use securechat::sim::{LinkConfig, NodeId, Pair, Verdict, World};
use simulated::{DATA, assert_well, clear, is, ms, secs, sent};

/// Two who take bulk streams and have a session over a path that behaves so.
fn connected(seed: u64, path: &LinkConfig) -> Pair {
    let config = EndpointConfig {
        bulk: true,
        ..EndpointConfig::default()
    };
    let mut pair = Pair::strangers(seed, config.clone(), config);
    let (a, b) = (pair.a, pair.b);
    pair.set_links(path);
    pair.introduce(a, b);
    pair.connect_both_ways();
    pair
}

/// Test data repeats with a period that has no divisor in common with any size of ours.
const PERIOD: usize = 65_521;

/// Test data on its way from `a` to `b` on one bulk stream.
struct Transfer {
    stream: StreamId,
    data: Vec<u8>,
    len: usize,
    written: usize,
    is_ended: bool,
    read: usize,
}

impl Transfer {
    fn begin(pair: &mut Pair, len: usize) -> Self {
        let (a, to) = (pair.a, pair.id(pair.b));
        let stream = pair.command(a, |endpoint, _| endpoint.open_stream(to));
        let words = (0..PERIOD).map(|n| n.wrapping_mul(2_654_435_761));
        Self {
            stream: stream.unwrap().unwrap(),
            data: words.map(|word| word.to_le_bytes()[2]).collect(),
            len,
            written: 0,
            is_ended: false,
            read: 0,
        }
    }

    /// The data from an offset on: `len` bytes, or to the end of the period.
    fn data(&self, at: usize, len: usize) -> &[u8] {
        let from = at % PERIOD;
        &self.data[from..PERIOD.min(from + len)]
    }

    /// Writes as much as there is room for.
    fn write(&mut self, pair: &mut Pair) {
        let (a, to, stream) = (pair.a, pair.id(pair.b), self.stream);
        while self.written < self.len {
            let bytes = self.data(self.written, self.len - self.written);
            let taken = pair.command(a, |endpoint, _| endpoint.write_stream(to, stream, bytes));
            let (taken, wanted) = (taken.unwrap().unwrap(), bytes.len());
            self.written += taken;
            if taken < wanted {
                return;
            }
        }
        if !core::mem::replace(&mut self.is_ended, true) {
            let done = pair.command(a, |endpoint, _| endpoint.finish_stream(to, stream));
            done.unwrap().unwrap();
        }
    }

    /// Reads what there is, and compares it.
    fn read(&mut self, pair: &mut Pair) {
        let (b, from, stream) = (pair.b, pair.id(pair.a), self.stream);
        let mut bytes = Vec::new();
        let out = &mut bytes;
        let read = pair.command(b, |e, _| e.read_stream(from, stream, usize::MAX, out));
        read.unwrap().unwrap();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let expected = self.data(self.read, rest.len());
            let (next, later) = rest.split_at(expected.len());
            assert!(next == expected, "wrong bytes after {}", self.read);
            (rest, self.read) = (later, self.read + next.len());
        }
    }

    const fn is_over(&self) -> bool {
        self.read == self.len
    }

    /// Lets it go on for `time`.
    fn go_on(&mut self, pair: &mut Pair, time: Duration) {
        let end = pair.now() + time;
        while pair.now() < end {
            self.write(pair);
            self.read(pair);
            let step = ms(100).min(end.saturating_since(pair.now()));
            pair.advance(step);
        }
    }

    fn finish(&mut self, pair: &mut Pair, limit: Duration) {
        let end = pair.now() + limit;
        while !self.is_over() {
            assert!(pair.now() < end, "{} of {} bytes", self.read, self.len);
            self.go_on(pair, ms(100));
        }
    }
}

/// How long a line takes.
#[derive(Clone, Copy)]
struct Latency {
    /// Until its reader sees it.
    shown: Duration,
    /// Until its writer knows that.
    delivered: Duration,
}

fn unsettled(world: &World, node: NodeId, with: NodeId) -> usize {
    let messenger = world.node(node).messenger().unwrap();
    messenger.client().unsettled(world.id(with).into())
}

fn time_a_line(pair: &mut Pair, from: NodeId, to: NodeId) -> Latency {
    let start = pair.now();
    let line = pair.talk(from, to).unwrap();
    let (limit, before) = (secs(20), pair.node(to).lines().len());
    assert!(pair.advance_until(limit, |w| w.node(to).lines().len() > before));
    let shown = pair.now().saturating_since(start);
    assert!(pair.has_seen(to, &line));
    assert!(pair.advance_until(limit, |w| unsettled(w, from, to) == 0));
    let delivered = pair.now().saturating_since(start);
    Latency { shown, delivered }
}

/// The latencies of many lines each way, as sorted lists.
#[derive(Default)]
struct Latencies {
    shown: Vec<Duration>,
    delivered: Vec<Duration>,
}

impl Latencies {
    fn add(&mut self, latency: Latency) {
        self.shown.push(latency.shown);
        self.delivered.push(latency.delivered);
    }

    fn max(&self) -> Latency {
        let max = |of: &[Duration]| of.iter().copied().max().unwrap();
        Latency {
            shown: max(&self.shown),
            delivered: max(&self.delivered),
        }
    }

    fn tell(&mut self, what: &str) {
        let count = self.shown.len();
        for (name, of) in [
            ("shown", &mut self.shown),
            ("delivered", &mut self.delivered),
        ] {
            of.sort_unstable();
            let (median, max) = (of[count / 2], of[count - 1]);
            println!("{what}: {count} lines {name}, median {median:?}, max {max:?}");
        }
    }
}

const RATE_BPS: u64 = 2_000_000;
const RTT: Duration = ms(100);
/// What the path holds: its rate for one round trip.
const BANDWIDTH_DELAY: usize = 25_000;
/// How long the largest packet, with its headers, keeps the path busy.
const PACKET_TIME: Duration = ms(6);

/// Lines at random moments, about three a second and each way in turn, until the transfer is over.
fn talk_beside(pair: &mut Pair, transfer: &mut Transfer) -> [Latencies; 2] {
    let ways = [(pair.a, pair.b), (pair.b, pair.a)];
    let mut latencies = [Latencies::default(), Latencies::default()];
    for turn in 0.. {
        let (from, to) = ways[turn % 2];
        latencies[turn % 2].add(time_a_line(pair, from, to));
        let pause = pair.rng().up_to(ms(500));
        transfer.go_on(pair, pause);
        if transfer.is_over() {
            break;
        }
    }
    latencies
}

/// The bottleneck's queue is one bandwidth-delay product: room for as much again as the path holds.
#[test]
fn a_line_beside_a_transfer_of_50_mib_is_two_round_trips_and_a_packet_late_at_most() {
    let path = LinkConfig {
        rate_bps: Some(RATE_BPS),
        queue_bytes: BANDWIDTH_DELAY,
        ..LinkConfig::delay(RTT / 2)
    };
    let mut pair = connected(1, &path);
    pair.network_mut().set_capture(false);
    let ways = [(pair.a, pair.b), (pair.b, pair.a)];
    let mut idle = Latencies::default();
    for turn in 0..200 {
        let (from, to) = ways[turn % 2];
        idle.add(time_a_line(&mut pair, from, to));
        pair.advance(ms(300));
    }
    idle.tell("idle");
    let (begun, limit) = (pair.now(), idle.max());
    let mut transfer = Transfer::begin(&mut pair, 50 << 20);
    transfer.write(&mut pair);
    let beside = talk_beside(&mut pair, &mut transfer);
    let took = pair.now().saturating_since(begun);
    println!("the transfer took {took:?}");
    assert!(took < secs(240), "beside a talk it still has its share");
    for (mut latencies, what) in beside.into_iter().zip(["with it", "against it"]) {
        latencies.tell(what);
        let worst = latencies.max();
        assert!(latencies.shown.len() > 200);
        assert!(worst.shown <= limit.shown + 2 * RTT + PACKET_TIME);
        assert!(worst.delivered <= limit.delivered + 2 * RTT + PACKET_TIME);
    }
    assert_eq!(pair.violations(), &[] as &[String]);
}

#[test]
fn a_stalled_bulk_stream_stops_neither_lines_nor_receipts() {
    let mut pair = connected(3, &LinkConfig::delay(ms(20)));
    let (a, b) = (pair.a, pair.b);
    // As many streams as all credit is for, of which nothing is read.
    let streams = limits::DATA_WINDOW / limits::STREAM_WINDOW;
    let len = 2 * usize::try_from(limits::STREAM_WINDOW).unwrap();
    let mut stalled: Vec<_> = (0..=streams)
        .map(|_| Transfer::begin(&mut pair, len))
        .collect();
    for _ in 0..20 {
        for transfer in &mut stalled {
            transfer.write(&mut pair);
        }
        pair.advance(secs(1));
    }
    clear(&mut pair);
    pair.advance(secs(1));
    assert!(
        pair.network().capture().is_empty(),
        "the streams are stalled"
    );
    for (from, to) in [(a, b), (b, a), (a, b)] {
        let latency = time_a_line(&mut pair, from, to);
        assert!(latency.shown <= ms(25) && latency.delivered <= ms(50));
    }
    let end = pair.now() + secs(60);
    while !stalled.iter().all(Transfer::is_over) {
        assert!(pair.now() < end);
        for transfer in &mut stalled {
            transfer.go_on(&mut pair, ms(100));
        }
    }
    assert_well(&mut pair);
}

#[test]
fn a_lost_receipt_is_said_again_and_its_line_is_shown_once() {
    // One packet acknowledges the line, the next has the receipt. What is said after it shows the loss
    // sooner than a timeout does.
    for (lost, lines) in [(2, 0), (2, 5), (3, 0), (6, 0)] {
        let mut pair = connected(4, &LinkConfig::delay(ms(20)));
        let (a, b) = (pair.a, pair.b);
        pair.advance(secs(1));
        let (host, mut left) = (pair.node(b).host(), lost);
        pair.network_mut().set_filter(Some(Box::new(move |seen| {
            let drop = left > 0 && seen.sender == Some(host) && is(DATA, &seen.datagram);
            left -= usize::from(drop);
            if drop { Verdict::Drop } else { Verdict::Pass }
        })));
        let line = pair.talk(a, b).unwrap();
        pair.advance(ms(30));
        assert!(pair.has_seen(b, &line));
        pair.advance(ms(20));
        assert_eq!(unsettled(&pair, a, b), 1, "the receipt is lost");
        (0..lines).for_each(|_| drop(pair.talk(b, a).unwrap()));
        assert!(pair.advance_until(secs(20), |w| unsettled(w, a, b) == 0));
        let shown = pair.node(b).lines().iter().filter(|it| it.line == line);
        assert_eq!(shown.count(), 1);
        assert_well(&mut pair);
    }
}

#[test]
fn a_transfer_and_a_talk_outlive_an_mtu_black_hole() {
    let wide = LinkConfig {
        rate_bps: Some(4_000_000),
        queue_bytes: 32 * 1_024,
        ..LinkConfig::delay(ms(20))
    };
    let mut pair = connected(5, &wide);
    let (a, b) = (pair.a, pair.b);
    let mut transfer = Transfer::begin(&mut pair, 3_000_000);
    transfer.go_on(&mut pair, secs(2));
    assert!(!transfer.is_over());
    let longest = |pair: &Pair| {
        let lengths = sent(pair, a, DATA)
            .into_iter()
            .map(|seen| seen.datagram.len());
        lengths.max()
    };
    assert_eq!(longest(&pair), limits::MTU_PROBES.last().copied());
    pair.set_links(&LinkConfig {
        mtu: Some(1_300),
        ..wide
    });
    let latency = time_a_line(&mut pair, a, b);
    assert!(latency.shown < secs(2), "{:?}", latency.shown);
    transfer.finish(&mut pair, secs(20));
    clear(&mut pair);
    let mut another = Transfer::begin(&mut pair, 100_000);
    another.finish(&mut pair, secs(10));
    assert_eq!(longest(&pair), Some(1_232));
    assert_well(&mut pair);
    assert_eq!((pair.established(a, b), pair.established(b, a)), (1, 1));
}

/// Lines of every length, a long message, a file, a new path, new keys and the goodbye.
#[test]
fn every_packet_of_a_mixed_talk_has_the_length_of_a_bucket() {
    let mut pair = connected(6, &LinkConfig::home());
    let (a, b) = (pair.a, pair.b);
    for len in (1..1_600).step_by(13).chain([65_536, 300_000]) {
        let (from, to) = if len % 2 == 0 { (a, b) } else { (b, a) };
        let line = vec![b'x'; len];
        pair.say(from, to, line.clone()).unwrap();
        assert!(pair.advance_until(secs(30), |w| w.has_seen(to, &line)));
    }
    let mut transfer = Transfer::begin(&mut pair, 1_000_000);
    transfer.finish(&mut pair, secs(60));
    pair.roam(a);
    assert_well(&mut pair);
    pair.advance(secs(130));
    assert_well(&mut pair);
    let goodbye = pair.id(b);
    pair.close(a, goodbye);
    pair.advance(secs(1));
    let buckets = [64, 128, 256, 512, 1_024].map(|plaintext| plaintext + 32);
    let sizes = limits::MTU_PROBES.into_iter().chain([1_232]);
    let allowed: BTreeSet<usize> = buckets.into_iter().chain(sizes).collect();
    let capture = pair.network().capture().iter();
    let data = capture.filter(|seen| is(DATA, &seen.datagram));
    let lengths: BTreeSet<usize> = data.map(|seen| seen.datagram.len()).collect();
    assert!(lengths.is_subset(&allowed), "{lengths:?}");
    assert!(
        buckets.iter().all(|bucket| lengths.contains(bucket)),
        "{lengths:?}"
    );
}
