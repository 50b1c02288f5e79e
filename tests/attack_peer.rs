//! A peer that holds its key by right and does what it can. What breaks a rule is answered by CLOSE; a message
//! that is not taken, by REJECT; what is merely of no use is ignored, and acknowledged where the protocol says
//! so. All of it costs little, and the session of somebody else stands as before. The tests take turns, since
//! some measure the memory of the process.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod common;
mod hostile;
#[path = "attack_peer/late.rs"]
mod late;
#[path = "attack_peer/messages.rs"]
mod messages;

use core::time::Duration;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hostile::{Scene, Terms, piece};
use securechat::chat::{Draft, FailReason, Name, State};
use securechat::id::StreamId;
use securechat::proto::{CloseReason, DropReason, Event, limits};
use securechat::text::{safe_line, safe_name, safe_text, single_line};
use securechat::time::UnixTime;
use securechat::wire::Writer;
use securechat::wire::frame::{Ack, CloseCode, Frame};

const LARGEST: u64 = (1 << 62) - 1;
/// What the process may grow by while a peer does its worst: every window full, a longest message, the
/// untaken ones beside it, and what the test itself keeps.
const MAX_GROWTH_KIB: u64 = 40 * 1_024;

static TURN: Mutex<()> = Mutex::new(());

/// A turn, and the memory of the process at its beginning.
struct Turn {
    before: Option<u64>,
    _held: MutexGuard<'static, ()>,
}

fn turn() -> Turn {
    let _held = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Turn {
        before: resident_kib(),
        _held,
    }
}

impl Turn {
    #[track_caller]
    fn assert_bounded(&self) {
        let (Some(before), Some(after)) = (self.before, resident_kib()) else {
            common::skipped("no /proc/self/statm");
            return;
        };
        let grown = after.saturating_sub(before);
        assert!(grown <= MAX_GROWTH_KIB, "{grown} KiB more");
    }
}

/// Resident memory of this process, where the system tells.
fn resident_kib() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages = statm.split(' ').nth(1)?.parse::<u64>().ok()?;
    Some(pages * 4)
}

/// The session has ended with CLOSE, since the peer broke a rule.
#[track_caller]
fn assert_closed(scene: &Scene, what: &str) {
    let ending = scene.victim.ending(scene.hostile.id());
    assert_eq!(ending, Some(CloseReason::Violation), "{what}");
    let told = scene.hostile.received.closed;
    assert_eq!(told, Some(CloseCode::Violation), "{what}");
}

/// A message as it stands on the chat stream, with its body here or on a stream of its own.
fn record(sequence: u64, body: &[u8], elsewhere: Option<(u64, u64)>) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.u8(if elsewhere.is_some() { 0x81 } else { 1 });
    writer.u8(0).u64(7).u64(sequence).u64(0);
    match elsewhere {
        Some((stream, len)) => writer.varint(stream).varint(len),
        None => writer.bytes(body),
    };
    let record = writer.into_vec();
    let mut framed = Writer::default();
    framed.prefixed(&record);
    framed.into_vec()
}

/// Sends bytes on the chat stream, in order, in as many packets as they need.
fn say(scene: &mut Scene, bytes: &[u8]) {
    for data in bytes.chunks(1_024) {
        let frame = scene.hostile.chat_piece(data);
        scene.send(&[frame]);
    }
}

/// They break no rule, and honest peers send them too: neither refused nor answered by CLOSE. A packet of more
/// than `MAX_EVENTS` is dropped whole. Any other costs an acknowledgement at most: one for two, or for one that
/// holds PING.
#[test]
fn tiny_frames_are_ignored_and_cost_an_acknowledgement_at_most() {
    let turn = turn();
    let mut scene = Scene::connected();
    let tiny: [&[u8]; 4] = [
        &[1],
        // An empty piece of the chat stream.
        &[6, 1, 0, 0],
        // Credit that is no news.
        &[10, 0],
        // An extension that nobody knows, empty.
        &[0x40, 0x42, 0],
    ];
    for frame in tiny {
        let before = (scene.inward, scene.outward);
        for n in 0..1_000 {
            let count = if n % 2 == 0 { 300 } else { 1_400 / frame.len() };
            scene.send_encoded(&frame.repeat(count));
            scene.exchange();
            if n % 50 == 0 {
                scene.chat();
            }
        }
        let (came, went) = (scene.inward - before.0, scene.outward - before.1);
        assert!(went <= came / 2 + 50, "{went} answers to {came} packets");
    }
    assert!(scene.is_connected());
    assert_eq!(scene.hostile.received.closed, None);
    assert_eq!(scene.hostile.received.rejects.len(), 0);
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn a_flood_of_packets_that_say_nothing_is_answered_by_nothing() {
    let _turn = turn();
    let mut scene = Scene::connected();
    let before = scene.outward;
    for n in 0..2_000 {
        scene.send_encoded(&[0; 40]);
        scene.exchange();
        if n == 1_000 {
            scene.chat();
        }
    }
    scene.advance(Duration::from_secs(1));
    assert!(scene.outward - before <= 2, "{}", scene.outward - before);
    scene.assert_unharmed();
}

#[test]
fn questions_about_a_path_are_answered_no_more_often_than_asked() {
    let _turn = turn();
    let mut scene = Scene::connected();
    for n in 0..1_000 {
        let token = [u8::try_from(n % 251).unwrap(); 8];
        let frames = vec![Frame::PathChallenge(token); if n % 2 == 0 { 1 } else { 100 }];
        let plaintext = scene.hostile.payload(&frames);
        scene.send_plain(&plaintext);
        if n % 10 == 0 {
            scene.exchange();
        }
        if n == 500 {
            scene.chat();
        }
    }
    scene.exchange();
    let answers = scene.hostile.received.responses;
    assert!(answers <= 1_000, "{answers} answers to 1,000 packets");
    scene.assert_unharmed();
}

#[test]
fn a_peer_that_begins_anew_again_and_again_leaves_nothing_behind() {
    let turn = turn();
    let mut scene = Scene::connected();
    for n in 0..200 {
        scene.advance(Duration::from_millis(50));
        scene.connect_hostile(n % 3 == 0);
        scene.check();
        if n == 100 {
            scene.chat();
        }
    }
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn a_stream_of_gaps_is_not_taken_beyond_its_bound() {
    let turn = turn();
    let mut scene = Scene::connected();
    let (within, beyond) = (limits::MAX_STREAM_GAPS as u64, 512);
    for id in 1..=4 {
        for n in (0..within + beyond).rev() {
            let frame = piece(id, 2 * n + 1, b"x");
            let plaintext = scene.hostile.payload(&[frame]);
            scene.send_plain(&plaintext);
        }
        scene.chat();
    }
    let dropped = scene.victim.messenger.endpoint().stats().dropped;
    assert!(dropped[&DropReason::Overflow] > 3 * beyond, "{dropped:?}");
    assert!(scene.is_connected(), "honest peers cause gaps too");
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn one_byte_in_every_page_of_many_windows_is_bounded() {
    let turn = turn();
    let mut scene = Scene::connected();
    for id in 1..=17 {
        for offset in (0..limits::STREAM_WINDOW / 5).step_by(256) {
            scene.send(&[piece(id, offset, b"x")]);
        }
        scene.chat();
    }
    assert!(scene.is_connected());
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn absurd_offsets_ids_and_ends_are_answered_by_close() {
    let turn = turn();
    let reset = |id, final_size| Frame::Reset {
        id: StreamId(id),
        code: LARGEST,
        final_size,
    };
    let frames = [
        ("the last byte of the chat", piece(1, LARGEST - 1, b"x")),
        ("the last byte of a stream", piece(2, LARGEST - 1, b"x")),
        (
            "a byte beyond the window",
            piece(1, limits::STREAM_WINDOW, b"x"),
        ),
        ("the stream 0", piece(0, 0, b"x")),
        ("the last stream", piece(LARGEST, 0, b"x")),
        (
            "one stream too many",
            piece(2 + limits::MAX_STREAMS, 0, b""),
        ),
        ("an end of the chat", reset(1, 0)),
        ("an end beyond the window", reset(2, LARGEST)),
        ("an end of a stream that cannot be", reset(LARGEST, 0)),
        (
            "STOP for a stream that we never opened",
            Frame::Stop {
                id: StreamId(2),
                code: 0,
            },
        ),
        (
            "credit for a stream that we never opened",
            Frame::MaxStreamData {
                id: StreamId(LARGEST),
                max: LARGEST,
            },
        ),
    ];
    for (what, frame) in frames {
        let mut scene = Scene::connected();
        scene.send(&[frame]);
        assert_closed(&scene, what);
        scene.assert_unharmed();
        turn.assert_bounded();
    }
}

#[test]
fn endless_credit_changes_nothing() {
    let _turn = turn();
    let mut scene = Scene::connected();
    scene.send(&[
        Frame::MaxData(LARGEST),
        Frame::MaxStreams(LARGEST),
        Frame::MaxStreamData {
            id: StreamId(1),
            max: LARGEST,
        },
    ]);
    scene.send(&[Frame::MaxData(0), Frame::MaxStreams(0)]);
    assert!(scene.is_connected());
    scene.write_to_hostile("x".repeat(100)).unwrap();
    scene.assert_unharmed();
}

#[test]
fn whoever_sends_beyond_its_credit_is_closed() {
    let turn = turn();
    let bytes = [7; 1_024];
    let window = limits::STREAM_WINDOW / 1_024;
    // The chat stream, of a victim whose owner takes nothing: 64 messages, then nothing is read.
    let mut scene = Scene::connected();
    scene.victim.takes = false;
    for sequence in 0..200 {
        say(&mut scene, &record(sequence, b"take this", None));
    }
    for n in 0..=window {
        scene.send(&[piece(1, scene.hostile.written + n * 1_024, &bytes)]);
    }
    assert_closed(&scene, "the chat stream");
    assert_eq!(scene.victim.heard(scene.hostile.id()), 64);
    scene.assert_unharmed();
    // All bulk streams together.
    let mut scene = Scene::connected();
    for n in 0..5 * window {
        scene.send(&[piece(2 + n / window, n % window * 1_024, &bytes)]);
        let is_over = n >= limits::DATA_WINDOW / 1_024;
        assert_eq!(scene.is_connected(), !is_over, "after {n} KiB");
    }
    assert_closed(&scene, "bulk streams");
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_answered_by_close() {
    let turn = turn();
    for beyond in [1, 1_000, LARGEST >> 1] {
        let mut scene = Scene::connected();
        let largest = *scene.hostile.numbers.last().unwrap();
        let ranges = [(largest, largest + beyond)].as_slice().into();
        let delay_us = LARGEST;
        scene.send(&[Frame::Ack(Ack { delay_us, ranges })]);
        assert_closed(&scene, "an ACK of what was never sent");
        scene.assert_unharmed();
        turn.assert_bounded();
    }
}

/// It says that everything arrives, so that more and more is sent, whatever gets lost: the numbers that
/// are left out on purpose find it out.
#[test]
fn an_optimistic_acknowledger_is_found_out_before_much_is_sent() {
    let turn = turn();
    let mut scene = Scene::connected();
    scene.send(&[
        Frame::MaxData(LARGEST),
        Frame::MaxStreamData {
            id: StreamId(1),
            max: LARGEST,
        },
    ]);
    for _ in 0..100 {
        scene.write_to_hostile("x".repeat(60_000)).unwrap();
    }
    let before = scene.outward;
    for _ in 0..4_000 {
        let Some(&largest) = scene.hostile.numbers.last() else {
            break;
        };
        let ranges = [(0, largest)].as_slice().into();
        scene.send(&[Frame::Ack(Ack {
            delay_us: 0,
            ranges,
        })]);
        scene.advance(Duration::from_millis(1));
        if !scene.is_connected() {
            break;
        }
    }
    assert_closed(&scene, "an ACK of numbers that were left out");
    let sent = scene.outward - before;
    assert!(sent <= 2 * 1_024, "{sent} packets until it was found out");
    scene.assert_unharmed();
    turn.assert_bounded();
}

/// It never says that anything arrives: what it is owed is sent rarely, and given up for the time being.
#[test]
fn a_peer_that_acknowledges_nothing_is_sent_little() {
    let _turn = turn();
    let mut scene = Scene::connected();
    for _ in 0..20 {
        scene.write_to_hostile("x".repeat(50_000)).unwrap();
    }
    let before = scene.outward;
    for _ in 0..60 {
        scene.send_encoded(&[1]);
        scene.advance(Duration::from_secs(1));
    }
    let sent = scene.outward - before;
    assert!(sent <= 300, "{sent} datagrams in a minute");
    scene.assert_unharmed();
}
