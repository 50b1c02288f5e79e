//! The ways to be a nuisance: what a peer sends whose nth datagram is made here.

use core::time::Duration;

use securechat::id::{StreamId, VerifyingKey};
use securechat::proto::limits;
use securechat::wire::Writer;
use securechat::wire::frame::{Ack, Frame, Hello, Verify, VerifyStep};

use super::MAX_BYTES;
use super::hostile::{Scene, piece};

/// Datagrams after which the piece of a stream that is sent comes again: 17 streams of a byte in each page
/// reach as far as their credit.
const PAGES: u64 = 1_900;

/// Datagrams of verdicts that go without an acknowledgement.
const UNACKNOWLEDGED: u64 = 1_024;

/// Characters that would act on a terminal, and a letter with more marks than are shown.
pub(crate) const CONTROLS: [&str; 6] = [
    "\u{1b}[2J",
    "\u{9b}",
    "\u{202e}",
    "\u{2028}",
    "\u{200d}",
    "x\u{301}\u{302}\u{303}\u{304}\u{305}",
];

/// What a flood comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is what an honest peer sends, or of no use and nothing more: taken or dropped, acknowledged where
    /// the protocol says so.
    Nothing,
    /// REJECT, for each message.
    Refusal,
    /// CLOSE, as soon as it is recognised.
    Close,
}

/// A way to be a nuisance.
pub(crate) struct Flood {
    pub(crate) name: &'static str,
    pub(crate) answer: Answer,
    /// What happens before it.
    pub(crate) prepare: fn(&mut Scene),
    /// The plaintext of the nth datagram.
    pub(crate) nth: fn(&mut Scene, u64) -> Vec<u8>,
    /// What one datagram may make the victim allocate, in bytes.
    pub(crate) most_bytes: u64,
    /// Whether the hostile peer acknowledges, now and then, all that came.
    pub(crate) acknowledges: bool,
}

const fn flood(name: &'static str, nth: fn(&mut Scene, u64) -> Vec<u8>) -> Flood {
    Flood {
        name,
        answer: Answer::Nothing,
        prepare: |_| {},
        nth,
        most_bytes: MAX_BYTES,
        acknowledges: true,
    }
}

impl Flood {
    /// Something comes first.
    const fn after(mut self, prepare: fn(&mut Scene)) -> Self {
        self.prepare = prepare;
        self
    }

    const fn may_allocate(mut self, bytes: u64) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// It says itself what has come.
    const fn unacknowledged(mut self) -> Self {
        self.acknowledges = false;
        self
    }

    const fn answered_by(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }
}

pub(crate) const FLOODS: &[Flood] = &[
    // What an honest peer sends: the measure of the others.
    flood("honest", honest),
    // And that on a screen.
    flood("honest-on-a-screen", honest).after(read),
    flood("pings", |it, _| it.hostile.number(&[1; 1_000])),
    // More frames than a packet may have.
    flood("too-many-frames", |it, _| it.hostile.number(&[1; 1_400])),
    flood("empty-pieces", |it, _| {
        it.hostile.number(&[6, 1, 0, 0].repeat(350))
    }),
    flood("unknown-frames", |it, _| {
        it.hostile.number(&[0x40, 0x42, 0].repeat(460))
    }),
    flood("gaps", |it, n| {
        // From above, so that none becomes part of the last one.
        let offset = 2 * (limits::MAX_STREAM_GAPS as u64 - n % 8_000) + 1;
        let frames: Vec<_> = (1..=17).map(|id| piece(id, offset, b"x")).collect();
        it.hostile.payload(&frames)
    }),
    flood("gaps-at-once", |it, n| {
        let from = 1 + 500 * (n % 2_000);
        let frames: Vec<_> = (0..120).map(|at| piece(1, from + 2 * at, b"x")).collect();
        it.hostile.payload(&frames)
    }),
    flood("pages", |it, n| {
        let frames: Vec<_> = (1..=17)
            .map(|id| piece(id, n % PAGES * 128 + 1, b"x"))
            .collect();
        it.hostile.payload(&frames)
    }),
    flood("credit", |it, n| {
        let frame = Frame::MaxStreamData {
            id: StreamId(1),
            max: n << 20,
        };
        it.hostile.payload(&vec![frame; 100])
    }),
    flood("questions", |it, n| {
        let token = n.to_le_bytes();
        it.hostile.payload(&vec![Frame::PathChallenge(token); 150])
    }),
    flood("streams", |it, n| {
        // Opened and given up, as many as it may, each packet from where the last one came to.
        let granted = it.hostile.received.streams.unwrap_or(limits::MAX_STREAMS);
        let ids = granted.saturating_sub(limits::MAX_STREAMS)..granted;
        let reset = |nth| Frame::Reset {
            id: StreamId(2 + nth),
            code: n,
            final_size: 0,
        };
        it.hostile.payload(&ids.map(reset).collect::<Vec<_>>())
    }),
    flood("hellos", |it, _| {
        let hello = Hello {
            oldest_version: 1,
            newest_version: 1,
            largest_message: 1 << 24,
            capabilities: 0,
            signing_key: VerifyingKey::new([7; 32]),
            nickname: b"mallory",
        };
        it.hostile.payload(&vec![Frame::Hello(hello); 20])
    }),
    flood("lost-numbers", |it, _| {
        let _skipped = it.hostile.number(&[]);
        it.hostile.number(&[1])
    }),
    flood("gappy-messages", |it, n| {
        let each = |nth| record(2 * (45 * n + nth), b"");
        let bytes: Vec<u8> = (0..45).flat_map(each).collect();
        let frame = it.hostile.chat_piece(&bytes);
        it.hostile.payload(&[frame])
    }),
    // Each of a log of its own: no more of them than can be remembered.
    flood("logs", |it, n| {
        let each = |nth| record_of(45 * n + nth, 0, Body::Here(b""));
        let bytes: Vec<u8> = (0..45).flat_map(each).collect();
        let frame = it.hostile.chat_piece(&bytes);
        it.hostile.payload(&[frame])
    })
    .answered_by(Answer::Refusal),
    // The longest text that stands in a record, a byte a datagram.
    flood("slow-record", |it, n| {
        let len = limits::INLINE_BODY_MAX_LEN;
        let bytes = record(n / len as u64, &vec![b'x'; len]);
        let at = usize::try_from(n).unwrap_or(0) % bytes.len();
        let frame = it.hostile.chat_piece(&bytes[at..=at]);
        it.hostile.payload(&[frame])
    }),
    // A message of the greatest length, and then the next.
    flood("endless-body", |it, n| {
        const PIECE: [u8; 1_024] = [b'x'; 1_024];
        let len = limits::MESSAGE_MAX_LEN as u64;
        let sent = n * PIECE.len() as u64;
        let (stream, at) = (2 + sent / len, sent % len);
        let header = record_of(7, stream - 2, Body::On(stream, len));
        let header = (at == 0).then(|| it.hostile.chat_piece(&header));
        let body = piece(stream, at, &PIECE);
        it.hostile
            .payload(&header.into_iter().chain([body]).collect::<Vec<_>>())
    })
    // Its memory doubles now and then: what has come is copied once for each byte of it, on average.
    .may_allocate(4 << 20),
    // Begun and given up, as many as it may.
    flood("bodies-given-up", |it, n| {
        let granted = it.hostile.received.streams.unwrap_or(limits::MAX_STREAMS);
        let ids = granted.saturating_sub(limits::MAX_STREAMS)..granted;
        let len = limits::MESSAGE_MAX_LEN as u64;
        let each = |(nth, id)| record_of(7, 20 * n + nth, Body::On(2 + id, len));
        let headers: Vec<u8> = (0..).zip(ids.clone()).flat_map(each).collect();
        let mut frames = vec![it.hostile.chat_piece(&headers)];
        for id in ids.map(|id| StreamId(2 + id)) {
            frames.push(piece(id.0, 0, b"x"));
            frames.push(Frame::Reset {
                id,
                code: n,
                final_size: 1,
            });
        }
        it.hostile.payload(&frames)
    }),
    flood("bodies-too-long", |it, n| {
        let each = |nth| record_of(7, 4 * n + nth, Body::On(2, u64::MAX >> 2));
        let headers: Vec<u8> = (0..4).flat_map(each).collect();
        let frame = it.hostile.chat_piece(&headers);
        it.hostile.payload(&[frame])
    })
    .answered_by(Answer::Refusal),
    // What each of them is shown as is longer than itself, or is left out.
    flood("control-characters", |it, n| {
        let text = CONTROLS[usize::try_from(n).unwrap_or(0) % CONTROLS.len()];
        let bytes = record(n, text.repeat(1_300 / text.len()).as_bytes());
        let frame = it.hostile.chat_piece(&bytes);
        it.hostile.payload(&[frame])
    })
    .after(read),
    flood("small-messages", |it, n| {
        let bytes: Vec<u8> = (0..45).flat_map(|nth| record(45 * n + nth, b"")).collect();
        let frame = it.hostile.chat_piece(&bytes);
        it.hostile.payload(&[frame])
    }),
    flood("acknowledgements", |it, _| {
        let ranges = it.hostile.numbers.iter().rev().step_by(2).take(32);
        let ranges = ranges.map(|&number| (number, number)).collect();
        let ack = Frame::Ack(Ack {
            delay_us: 0,
            ranges,
        });
        it.hostile.payload(&vec![ack; 18])
    })
    .after(write_much),
    flood("receipts", |it, n| {
        let body = receipt(it, n);
        it.hostile
            .payload(&[Frame::Receipt(&body), Frame::Receipt(&body)])
    })
    .after(write_much),
    flood("rejects", |it, n| {
        let body = reject(it, n);
        it.hostile
            .payload(&[Frame::Reject(&body), Frame::Reject(&body)])
    })
    .after(write_much),
    // Answers to questions that nobody asks, each of which is answered in turn. That is not acknowledged for long,
    // and then the last packet alone, so that all others are lost.
    flood("verdicts", |it, n| {
        it.hostile.received.verifies.clear();
        if (n + 1).is_multiple_of(UNACKNOWLEDGED) {
            let last = it.hostile.numbers.last().copied().unwrap_or(0);
            let ranges = [(last, last)].as_slice().into();
            let delay_us = 0;
            return it.hostile.payload(&[Frame::Ack(Ack { delay_us, ranges })]);
        }
        let each = |nth| Verify {
            attempt: 27 * n + nth,
            step: VerifyStep::Answer { nonce: [0; 32] },
        };
        let frames: Vec<_> = (0..27).map(each).map(Frame::Verify).collect();
        it.hostile.payload(&frames)
    })
    .after(widen)
    .unacknowledged(),
    // Numbers that were never sent.
    flood("acknowledgements-of-nothing", |it, n| {
        let largest = it.hostile.numbers.last().copied().unwrap_or(0);
        let ranges = [(largest, largest + 1 + n)].as_slice().into();
        let delay_us = n;
        it.hostile.payload(&[Frame::Ack(Ack { delay_us, ranges })])
    })
    .answered_by(Answer::Close),
    // All that can have been sent, whether it came or not, and with it what was left out.
    flood("optimistic-acknowledgements", |it, n| {
        let largest = it.hostile.numbers.last().copied().unwrap_or(0);
        let ranges = [(0, largest)].as_slice().into();
        let delay_us = n;
        it.hostile.payload(&[Frame::Ack(Ack { delay_us, ranges })])
    })
    .after(write_much)
    .answered_by(Answer::Close),
];

fn honest(scene: &mut Scene, n: u64) -> Vec<u8> {
    let bytes = record(n, &[b'x'; 1_300]);
    let frame = scene.hostile.chat_piece(&bytes);
    scene.hostile.payload(&[frame])
}

/// The victim's owner looks at what comes.
const fn read(scene: &mut Scene) {
    scene.victim.reads = true;
}

/// Where the body of a message is.
enum Body<'a> {
    Here(&'a [u8]),
    /// On a stream, and how long it is.
    On(u64, u64),
}

/// A message as it stands on the chat stream.
fn record(sequence: u64, body: &[u8]) -> Vec<u8> {
    record_of(7, sequence, Body::Here(body))
}

fn record_of(log: u64, sequence: u64, body: Body<'_>) -> Vec<u8> {
    let mut writer = Writer::default();
    let kind = if let Body::Here(_) = body { 1 } else { 0x81 };
    writer.u8(kind).u8(0).u64(log).u64(sequence).u64(0);
    match body {
        Body::Here(bytes) => writer.bytes(bytes),
        Body::On(stream, len) => writer.varint(stream).varint(len),
    };
    let record = writer.into_vec();
    let mut framed = Writer::default();
    framed.prefixed(&record);
    framed.into_vec()
}

/// The victim has much to say, and may.
fn write_much(scene: &mut Scene) {
    grant(scene);
    for _ in 0..100 {
        let sent = scene.write_to_hostile("x".repeat(60_000));
        sent.expect("there is room for a hundred");
    }
}

/// The victim has sent much over a way that was long and lost nothing: it keeps much in flight now.
fn widen(scene: &mut Scene) {
    write_much(scene);
    while scene.hostile.received.bytes < 6_000_000 {
        scene.advance(Duration::from_millis(100));
        scene.acknowledge();
    }
}

/// The victim may send without end.
pub(crate) fn grant(scene: &mut Scene) {
    let (id, max) = (StreamId(1), u64::MAX >> 2);
    scene.send(&[Frame::MaxData(max), Frame::MaxStreamData { id, max }]);
}

/// Ranges beside ranges of a log of the victim's.
fn receipt(scene: &Scene, n: u64) -> Vec<u8> {
    let log = scene.victim.states.first().map_or(n, |it| it.1.log.0);
    let mut writer = Writer::default();
    writer.u64(log);
    for _ in 0..120 {
        writer.varint(1).varint(0);
    }
    writer.into_vec()
}

/// The refusal of a message of the victim's.
fn reject(scene: &Scene, n: u64) -> Vec<u8> {
    let log = scene.victim.states.first().map_or(n, |it| it.1.log.0);
    let mut writer = Writer::default();
    writer.u64(log).varint(n % 200).varint(3);
    writer.into_vec()
}
