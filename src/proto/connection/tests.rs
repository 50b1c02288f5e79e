//! Two connections joined by a wire that loses, doubles and reorders.

mod notes;

use core::time::Duration;

use super::*;
use crate::id::VerifyingKey;
use crate::proto::connection::packets::{OVERHEAD, Packet};
use crate::proto::limits::{GRANULARITY, MAX_ACK_DELAY, PACING_BURST};
use crate::proto::streams::CHAT;
use crate::wire::frame::Hello;
use crate::wire::limits::{BASE_PLAINTEXT_LEN, DATA_HEADER_LEN, NICKNAME_MAX_LEN, TAG_LEN};

const OURS: Hello<'_> = Hello {
    oldest_version: 1,
    newest_version: 1,
    largest_message: 0,
    capabilities: 0,
    signing_key: VerifyingKey::new([8; 32]),
    nickname: b"bob",
};

/// What lies inside the seal.
fn plain(packet: &Packet) -> &[u8] {
    &packet.datagram[DATA_HEADER_LEN..packet.datagram.len() - TAG_LEN]
}

fn poll(connection: &mut Connection, rng: &mut CoreRng, now: Instant) -> Poll {
    connection.poll(&OURS, false, rng, &mut Scratch::default(), now)
}

struct Wire {
    rng: CoreRng,
    /// Of a thousand packets, how many are lost.
    loss: usize,
    /// What is on its way: when it arrives, to whom, the plaintext.
    flying: Vec<(Instant, bool, Vec<u8>)>,
}

/// Returns what can be read of the chat stream.
fn receive(to: &mut Connection, plaintext: &[u8], now: Instant) -> Vec<u8> {
    let payload = Payload::parse(plaintext).unwrap();
    assert_eq!(to.check(&payload), Ok(()));
    if !to.on_packet(&payload, now) {
        return Vec::new();
    }
    for frame in &payload.frames {
        if let Frame::Ack(ack) = frame {
            to.on_ack(ack, &mut Scratch::default(), now).unwrap();
        }
        to.on_stream_frame(frame);
    }
    while to.streams_mut().poll_event().is_some() {}
    let mut bytes = Vec::new();
    to.streams_mut().read(CHAT, usize::MAX, &mut bytes);
    bytes
}

impl Wire {
    /// Lets one side send what it may; returns when it may send more.
    fn send(&mut self, from: &mut Connection, to_b: bool, now: Instant) -> Option<Instant> {
        loop {
            match poll(from, &mut CoreRng::new([3; 32]), now) {
                Poll::Packet(packet) => {
                    for _ in 0..1 + usize::from(self.rng.below(20) == 0) {
                        if self.rng.below(1_000) >= self.loss {
                            let delay = 20_000 + self.rng.below(20_000) as u64;
                            let at = now + Duration::from_micros(delay);
                            self.flying.push((at, to_b, plain(&packet).to_vec()));
                        }
                    }
                }
                Poll::Later(at) => return Some(at),
                Poll::Nothing => return None,
            }
        }
    }
}

/// Says `count` things each way and returns how long it took until all had arrived and been
/// acknowledged.
fn converse(seed: u8, loss: usize, count: usize) -> Duration {
    let mut rng = CoreRng::new([seed; 32]);
    let mut a = Connection::new(false, Congestion::default(), &mut rng, Instant::ZERO);
    let mut b = Connection::new(false, Congestion::default(), &mut rng, Instant::ZERO);
    let mut wire = Wire {
        rng,
        loss,
        flying: Vec::new(),
    };
    let line = |who: u8, n: usize| [vec![who; 1 + n % 900], n.to_le_bytes().to_vec()].concat();
    let (mut at_a, mut at_b) = (Vec::new(), Vec::new());
    for n in 0..count {
        a.streams_mut().write(CHAT, &line(b'a', n));
        b.streams_mut().write(CHAT, &line(b'b', n));
    }
    let mut now = Instant::ZERO;
    for _ in 0..200_000 {
        let pace = [wire.send(&mut a, true, now), wire.send(&mut b, false, now)];
        let arrivals = wire.flying.iter().map(|(at, ..)| *at).min();
        let timers = [&a, &b].map(|side| side.timeout().into_iter().chain(side.ack_timeout()));
        let timers = timers.into_iter().flatten().min();
        let next = [pace[0], pace[1], arrivals, timers];
        let Some(next) = next.into_iter().flatten().min() else {
            break;
        };
        now = now.max(next);
        while let Some(index) = wire.flying.iter().position(|(at, ..)| *at <= now) {
            let (_, to_b, plaintext) = wire.flying.swap_remove(index);
            if to_b {
                at_b.extend(receive(&mut b, &plaintext, now));
            } else {
                at_a.extend(receive(&mut a, &plaintext, now));
            }
        }
        for side in [&mut a, &mut b] {
            if side.timeout().is_some_and(|at| at <= now) {
                side.on_timeout(now);
            }
        }
    }
    let expected = |who| (0..count).flat_map(|n| line(who, n)).collect::<Vec<u8>>();
    assert!(
        at_b == expected(b'a'),
        "seed {seed}: {} bytes arrived",
        at_b.len()
    );
    assert!(
        at_a == expected(b'b'),
        "seed {seed}: {} bytes arrived",
        at_a.len()
    );
    let acked = [&a, &b].map(|side| side.streams().acked_to(CHAT));
    assert_eq!(acked, [at_b.len() as u64, at_a.len() as u64], "seed {seed}");
    now.saturating_since(Instant::ZERO)
}

#[test]
fn what_is_said_arrives_once_and_in_order_whatever_the_wire_loses() {
    for seed in 0..20 {
        for loss in [0, 10, 100, 300] {
            converse(seed, loss, 60);
        }
    }
}

#[test]
fn all_timers_come_to_rest_after_the_last_acknowledgement() {
    assert!(converse(7, 0, 10) < Duration::from_secs(2));
}

#[test]
fn an_ack_of_a_packet_that_was_never_sent_is_a_violation() {
    let mut connection = Connection::new(
        true,
        Congestion::default(),
        &mut CoreRng::new([1; 32]),
        Instant::ZERO,
    );
    let ack = Frame::Ack(Ack {
        delay_us: 0,
        ranges: [(0, 0)].as_slice().into(),
    });
    let payload = Payload {
        number: PacketNumber(0),
        frames: [ack].as_slice().into(),
    };
    assert_eq!(connection.check(&payload), Err(Refused::Violation));
    connection.ping();
    let mut rng = CoreRng::new([1; 32]);
    assert!(matches!(
        poll(&mut connection, &mut rng, Instant::ZERO),
        Poll::Packet(_)
    ));
    assert_eq!(connection.check(&payload), Ok(()));
}

#[test]
fn a_withheld_hello_is_not_sent() {
    let mut rng = CoreRng::new([1; 32]);
    let mut connection = Connection::new(true, Congestion::default(), &mut rng, Instant::ZERO);
    assert!(matches!(
        poll(&mut connection, &mut rng, Instant::ZERO),
        Poll::Nothing
    ));
    connection.release_hello();
    let Poll::Packet(packet) = poll(&mut connection, &mut rng, Instant::ZERO) else {
        panic!("no HELLO");
    };
    let payload = Payload::parse(plain(&packet)).unwrap();
    assert_eq!(payload.frames[..], [Frame::Hello(OURS)]);
}

#[test]
fn a_packet_after_a_timeout_is_never_larger_than_the_base() {
    let mut rng = CoreRng::new([1; 32]);
    let mut connection = Connection::new(false, Congestion::default(), &mut rng, Instant::ZERO);
    connection.streams_mut().write(CHAT, b"hello");
    assert!(matches!(
        poll(&mut connection, &mut rng, Instant::ZERO),
        Poll::Packet(_)
    ));
    connection.was_full = true;
    let now = connection.timeout().unwrap();
    connection.on_timeout(now);
    for _ in 0..2 {
        let Poll::Packet(packet) = poll(&mut connection, &mut rng, now) else {
            panic!("no probe");
        };
        assert!(plain(&packet).len() <= BASE_PLAINTEXT_LEN);
    }
}

/// Two connections on a wire that takes 20 ms and loses nothing; `a` speaks, `b` listens.
struct Line {
    a: Connection,
    b: Connection,
    now: Instant,
    /// When it arrives, at `b` or not, the plaintext.
    flying: VecDeque<(Instant, bool, Vec<u8>)>,
    /// Packets that `b` has yet to acknowledge, and when they came.
    open: Vec<(PacketNumber, Instant)>,
    /// The longest that one of them waited.
    longest: Duration,
    /// Packets of `a` that asked for an ACK, and of `b` that did nothing but acknowledge.
    asked: usize,
    acks: usize,
}

impl Line {
    fn new() -> Self {
        let mut rng = CoreRng::new([5; 32]);
        Self {
            a: Connection::new(false, Congestion::default(), &mut rng, Instant::ZERO),
            b: Connection::new(false, Congestion::default(), &mut rng, Instant::ZERO),
            now: Instant::ZERO,
            flying: VecDeque::new(),
            open: Vec::new(),
            longest: Duration::ZERO,
            asked: 0,
            acks: 0,
        }
    }

    /// Goes on until nothing more happens; returns what `b` read.
    fn run(&mut self) -> usize {
        let mut read = 0;
        loop {
            let pace = [self.send(true), self.send(false)];
            let sides = [&self.a, &self.b];
            let timers = sides.map(|side| [side.timeout(), side.ack_timeout()]);
            let arrival = self.flying.front().map(|(at, ..)| *at);
            let next = timers.into_iter().flatten().chain(pace).chain([arrival]);
            let Some(next) = next.flatten().min() else {
                return read;
            };
            self.now = self.now.max(next);
            read += self.deliver();
            for side in [&mut self.a, &mut self.b] {
                side.on_timeout(self.now);
            }
        }
    }

    fn send(&mut self, from_a: bool) -> Option<Instant> {
        let from = if from_a { &mut self.a } else { &mut self.b };
        loop {
            let packet = match poll(from, &mut CoreRng::new([3; 32]), self.now) {
                Poll::Packet(packet) => packet,
                Poll::Later(at) => return Some(at),
                Poll::Nothing => return None,
            };
            let payload = Payload::parse(plain(&packet)).unwrap();
            if from_a {
                self.asked += usize::from(packet.eliciting);
            } else {
                self.acks += usize::from(!packet.eliciting);
                for frame in &payload.frames {
                    let Frame::Ack(ack) = frame else { continue };
                    for (_, at) in self
                        .open
                        .extract_if(.., |(number, _)| ack.contains(*number))
                    {
                        self.longest = self.longest.max(self.now.saturating_since(at));
                    }
                }
            }
            let at = self.now + Duration::from_millis(20);
            self.flying.push_back((at, from_a, plain(&packet).to_vec()));
        }
    }

    fn deliver(&mut self) -> usize {
        let mut read = 0;
        while self.flying.front().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, at_b, plaintext) = self.flying.pop_front().unwrap();
            if at_b {
                let payload = Payload::parse(&plaintext).unwrap();
                if payload.is_ack_eliciting() {
                    self.open.push((payload.number, self.now));
                }
                read += receive(&mut self.b, &plaintext, self.now).len();
            } else {
                receive(&mut self.a, &plaintext, self.now);
            }
        }
        read
    }
}

#[test]
fn every_second_packet_is_acknowledged_and_none_waits_longer_than_promised() {
    let mut line = Line::new();
    let (mut left, mut read) = (vec![7; 2 << 20], 0);
    while !left.is_empty() || read < 2 << 20 {
        let taken = line.a.streams_mut().write(CHAT, &left);
        left.drain(..taken);
        read += line.run();
    }
    assert!(
        line.open.is_empty(),
        "all is acknowledged, and no timer runs"
    );
    assert!(line.longest <= MAX_ACK_DELAY, "{:?}", line.longest);
    assert!(line.asked > 1_400, "{}", line.asked);
    // Credit travels with ACKs; numbers that are left out are gaps, and told of at once.
    let most = line.asked / 2 + line.asked / 100;
    assert!(line.acks <= most, "{} for {}", line.acks, line.asked);
}

#[test]
fn a_single_packet_is_acknowledged_in_time_and_the_round_trip_stays_what_it_is() {
    let mut line = Line::new();
    line.run();
    assert_eq!(line.a.rtt(), Some(Duration::from_millis(40)));
    for _ in 0..20 {
        line.a.streams_mut().write(CHAT, b"a line");
        line.run();
        assert!(!line.a.awaits_ack());
        assert_eq!(line.a.rtt(), Some(Duration::from_millis(40)));
    }
    let promised = MAX_ACK_DELAY - GRANULARITY..=MAX_ACK_DELAY;
    assert!(promised.contains(&line.longest), "{:?}", line.longest);
}

#[test]
fn an_acknowledgement_travels_with_what_is_said_anyway() {
    let mut line = Line::new();
    line.run();
    let (rng, now) = (&mut CoreRng::new([3; 32]), line.now);
    line.a.streams_mut().write(CHAT, b"a line");
    let Poll::Packet(asks) = poll(&mut line.a, rng, now) else {
        panic!("no packet");
    };
    receive(&mut line.b, plain(&asks), now);
    assert!(matches!(poll(&mut line.b, rng, now), Poll::Nothing));
    let next = line.b.next_number;
    line.b.streams_mut().write(CHAT, b"hello");
    let Poll::Packet(packet) = poll(&mut line.b, rng, now) else {
        panic!("no packet");
    };
    let payload = Payload::parse(plain(&packet)).unwrap();
    assert_eq!(payload.number.0, next, "no number was lost by asking");
    let [Frame::Ack(ack), Frame::Stream(_)] = &payload.frames[..] else {
        panic!("{:?}", payload.frames);
    };
    let number = Payload::parse(plain(&asks)).unwrap().number;
    assert!(ack.contains(number));
    assert_eq!(line.b.ack_timeout(), None);
}

#[test]
fn a_small_limit_holds_whatever_is_due() {
    let mut rng = CoreRng::new([4; 32]);
    let mut connection = Connection::new(false, Congestion::default(), &mut rng, Instant::ZERO);
    for number in 0..100 {
        let payload = Payload {
            number: PacketNumber(2 * number),
            frames: [Frame::Ping].as_slice().into(),
        };
        assert!(connection.on_packet(&payload, Instant::ZERO));
    }
    let hello = Hello {
        nickname: &[b'n'; NICKNAME_MAX_LEN],
        ..OURS
    };
    let mut frames = Vec::new();
    for limit in [Some(96), None] {
        connection.set_limit(limit);
        let Poll::Packet(packet) = connection.poll(
            &hello,
            false,
            &mut rng,
            &mut Scratch::default(),
            Instant::ZERO,
        ) else {
            panic!("something is due");
        };
        assert!(plain(&packet).len() <= limit.unwrap_or(BASE_DATAGRAM_LEN) - OVERHEAD);
        frames.push(format!(
            "{:?}",
            Payload::parse(plain(&packet)).unwrap().frames
        ));
    }
    assert!(
        frames[0].contains("Ack") && !frames[0].contains("Hello"),
        "{frames:?}"
    );
    assert!(frames[1].contains("Hello"), "{frames:?}");
}

/// It waited for the room of the longest one, and other frames went before it.
#[test]
fn hello_goes_first_where_a_datagram_has_room_for_it_and_for_little_else() {
    let mut rng = CoreRng::new([4; 32]);
    let mut connection = Connection::new(false, Congestion::default(), &mut rng, Instant::ZERO);
    connection.set_limit(Some(96));
    connection.streams_mut().write(CHAT, b"hello");
    let Poll::Packet(packet) = poll(&mut connection, &mut rng, Instant::ZERO) else {
        panic!("something is due");
    };
    let payload = Payload::parse(plain(&packet)).unwrap();
    assert_eq!(payload.frames.first(), Some(&Frame::Hello(OURS)));
}

/// Sends all that may leave at `now`; returns how many packets, and when more may.
fn send_all(from: &mut Connection, now: Instant) -> (Vec<Packet>, Option<Instant>) {
    let (mut packets, mut rng) = (Vec::new(), CoreRng::new([3; 32]));
    loop {
        match poll(from, &mut rng, now) {
            Poll::Packet(packet) => packets.push(packet),
            Poll::Later(at) => return (packets, Some(at)),
            Poll::Nothing => return (packets, None),
        }
    }
}

/// What `a` sends arrives 50 ms later, and so do its acknowledgements; returns when.
fn round_trip(a: &mut Connection, b: &mut Connection, now: Instant) -> (usize, Instant) {
    let (packets, _) = send_all(a, now);
    let (there, back) = (
        now + Duration::from_millis(50),
        now + Duration::from_millis(125),
    );
    for packet in &packets {
        receive(b, plain(packet), there);
    }
    let due = there + MAX_ACK_DELAY;
    b.on_timeout(due);
    for ack in send_all(b, due).0 {
        receive(a, plain(&ack), back);
    }
    (packets.len(), back)
}

fn two() -> (Connection, Connection) {
    two_with(Congestion::default())
}

fn two_with(congestion: Congestion) -> (Connection, Connection) {
    let mut rng = CoreRng::new([5; 32]);
    let [a, b] = [0, 1].map(|_| Connection::new(false, congestion, &mut rng, Instant::ZERO));
    (a, b)
}

#[test]
fn an_application_limited_window_does_not_grow_however_long_the_talk() {
    for congestion in [Congestion::Bbr, Congestion::NewReno] {
        let (mut a, mut b) = two_with(congestion);
        let (_, mut now) = round_trip(&mut a, &mut b, Instant::ZERO);
        let first = a.recovery.window();
        for line in 0..1_000u32 {
            a.streams_mut().write(CHAT, &line.to_le_bytes());
            (_, now) = round_trip(&mut a, &mut b, now);
        }
        assert_eq!(a.recovery.window(), first, "{congestion:?}");
        a.streams_mut().write(CHAT, &[7; 250_000]);
        for _ in 0..40 {
            (_, now) = round_trip(&mut a, &mut b, now);
        }
        // BBR goes by the rate, which is small if nobody waits for the pace.
        let grows = congestion == Congestion::Bbr || a.recovery.window() > first;
        assert!(grows, "a window in full use grows");
    }
}

#[test]
fn pacing_after_idle_lets_one_burst_leave_and_spreads_the_rest() {
    let (mut a, mut b) = two_with(Congestion::NewReno);
    let mut now = Instant::ZERO;
    for _ in 0..20 {
        a.streams_mut().write(CHAT, &[7; 100_000]);
        (_, now) = round_trip(&mut a, &mut b, now);
    }
    while a.awaits_ack() || a.has_content() {
        (_, now) = round_trip(&mut a, &mut b, now);
    }
    let window = a.recovery.window();
    assert!(window > 20 * BASE_DATAGRAM_LEN, "{window}");
    now = now + Duration::from_secs(3_600);
    a.streams_mut().write(CHAT, &[7; 250_000]);
    let (burst, mut next) = send_all(&mut a, now);
    assert!(burst.len() <= PACING_BURST, "{} at once", burst.len());
    let mut sent = burst.len();
    while let Some(at) = next {
        assert!(at > now);
        let (packets, later) = send_all(&mut a, at);
        assert!(packets.len() <= 1, "{} at once", packets.len());
        sent += packets.len();
        (now, next) = (at, later);
    }
    assert!(sent > 2 * PACING_BURST, "then the window is full");
}

#[test]
fn a_line_beside_a_file_is_in_two_packets_and_no_more() {
    let (mut a, _) = two();
    let file = a.streams_mut().open().unwrap();
    a.streams_mut().write(file, &[7; 10_000]);
    a.streams_mut().write(CHAT, b"hello");
    let (packets, _) = send_all(&mut a, Instant::ZERO);
    let says = |packet: &&Packet| {
        let payload = Payload::parse(plain(packet)).unwrap();
        let is_chat = |frame: &Frame<'_>| matches!(frame, Frame::Stream(it) if it.id == CHAT);
        payload.frames.iter().any(is_chat)
    };
    assert!(packets.len() > 5);
    assert_eq!(packets.iter().filter(says).count(), 2);
}
