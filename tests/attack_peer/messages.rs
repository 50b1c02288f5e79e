//! Messages and receipts that are none, never end, or are somebody else's, and what is shown of them.

use std::collections::BTreeMap;

use super::*;

#[test]
fn a_message_without_end_is_cut_where_it_said_it_would_end() {
    let turn = turn();
    let mut scene = Scene::connected();
    let len = limits::MESSAGE_MAX_LEN as u64;
    say(&mut scene, &record(0, b"", Some((2, len))));
    let bytes = [b'x'; 1_024];
    let mut sent = 0;
    while scene.is_connected() && sent < 3 * len {
        scene.send(&[piece(2, sent, &bytes)]);
        sent += 1_024;
        if sent % (1 << 16) == 0 {
            scene.acknowledge();
        }
        if sent == len / 2 {
            scene.chat();
        }
    }
    // The message is whole; the stream was stopped, and whoever goes on has no more credit.
    assert_closed(&scene, "a stream that nobody reads");
    assert_eq!(scene.victim.heard(scene.hostile.id()), 1);
    assert!(
        sent <= len + 2 * limits::DATA_WINDOW,
        "{sent} bytes were taken"
    );
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn what_a_peer_that_is_gone_has_not_finished_is_not_held_for_ever() {
    let turn = turn();
    let mut scene = Scene::connected();
    let len = limits::MESSAGE_MAX_LEN as u64;
    say(&mut scene, &record(0, b"", Some((2, len))));
    let bytes = [b'x'; 1_024];
    for at in (0..len - 1_024).step_by(1_024) {
        scene.send(&[piece(2, at, &bytes)]);
        if at % (1 << 16) == 0 {
            scene.acknowledge();
        }
    }
    scene.acknowledge();
    let hostile = scene.hostile.id();
    let held = |scene: &Scene| scene.victim.messenger.client().held_bytes(hostile.into());
    assert!(held(&scene) as u64 >= len - 1_024);
    scene.advance(limits::ERASE_AFTER + Duration::from_secs(1));
    assert_eq!(held(&scene), 0);
    let endpoint = scene.victim.messenger.endpoint();
    assert_eq!(endpoint.generation(hostile), None);
    // The last piece completes nothing.
    scene.connect_hostile(true);
    scene.send(&[piece(2, len - 1_024, &bytes)]);
    assert_eq!(scene.victim.heard(hostile), 0);
    scene.assert_served();
    turn.assert_bounded();
}

#[test]
fn a_message_that_is_too_long_is_refused_before_it_is_read() {
    let turn = turn();
    let mut scene = Scene::connected();
    for (sequence, len) in [limits::MESSAGE_MAX_LEN as u64 + 1, LARGEST]
        .into_iter()
        .enumerate()
    {
        let sequence = sequence as u64;
        say(
            &mut scene,
            &record(sequence, b"", Some((2 + sequence, len))),
        );
    }
    scene.advance(Duration::from_millis(100));
    assert_eq!(scene.hostile.received.rejects.len(), 2);
    assert_eq!(scene.victim.turned_away.len(), 2);
    assert_eq!(scene.victim.heard(scene.hostile.id()), 0);
    assert!(scene.is_connected(), "a later version may send longer ones");
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn a_record_that_never_ends_is_answered_by_close() {
    let _turn = turn();
    let mut scene = Scene::connected();
    let mut endless = Writer::default();
    endless.varint(LARGEST);
    say(&mut scene, &endless.into_vec());
    assert_closed(&scene, "a record of any length");
    scene.assert_unharmed();
}

#[test]
fn messages_that_nobody_takes_or_looks_at_wait_on_their_senders_side() {
    let turn = turn();
    for looks in [true, false] {
        let mut scene = Scene::connected();
        scene.victim.takes = false;
        scene.victim.polls = looks;
        let body = [b'x'; 1_000];
        let mut messages = 0;
        while scene.is_connected() && messages < 5_000 {
            say(&mut scene, &record(messages, &body, None));
            scene.check();
            messages += 1;
        }
        assert!(
            messages <= 64 + limits::STREAM_WINDOW / 1_000 + 64,
            "{messages} messages"
        );
        assert_eq!(
            scene.victim.heard(scene.hostile.id()),
            if looks { 64 } else { 0 }
        );
        scene.assert_unharmed();
    }
    turn.assert_bounded();
}

/// Messages of as many logs, each in a packet with 44 others: a receipt for each.
fn say_of_logs(scene: &mut Scene, logs: core::ops::Range<u64>) {
    let mut bytes = Vec::new();
    for log in logs {
        let mut one = record(0, b"", None);
        one[3..11].copy_from_slice(&log.to_le_bytes());
        bytes.extend(one);
    }
    for data in bytes.chunks(45 * record(0, b"", None).len()) {
        let frame = scene.hostile.chat_piece(data);
        scene.send(&[frame]);
    }
}

#[test]
fn receipts_beyond_the_bound_wait_for_acknowledgements_and_all_of_them_come() {
    let turn = turn();
    let mut scene = Scene::connected();
    // So that the window holds none of them back.
    for _ in 0..10 {
        scene.write_to_hostile("x".repeat(60_000)).unwrap();
    }
    while scene.hostile.received.bytes < 600_000 {
        scene.advance(Duration::from_millis(100));
        scene.acknowledge();
    }
    // All of them twice: a message that was taken is receipted again.
    say_of_logs(&mut scene, 0..990);
    say_of_logs(&mut scene, 0..990);
    assert_eq!(scene.hostile.received.receipts.len(), limits::MAX_NOTES);
    for _ in 0..3 {
        scene.acknowledge();
        scene.advance(Duration::from_millis(100));
    }
    let mut came = BTreeMap::new();
    for receipt in &scene.hostile.received.receipts {
        let log = u64::from_le_bytes(receipt[..8].try_into().unwrap());
        *came.entry(log).or_insert(0) += 1;
    }
    assert!(came.keys().copied().eq(0..990), "{} logs", came.len());
    let once = came.values().filter(|times| **times < 2).count();
    assert_eq!(once, 0, "were receipted once");
    say_of_logs(&mut scene, 990..991);
    assert_eq!(scene.victim.heard(scene.hostile.id()), 991);
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn a_log_for_every_message_is_refused_beyond_the_bound() {
    let turn = turn();
    let mut scene = Scene::connected();
    for log in 0..3 * limits::MAX_LOGS as u64 {
        let mut bytes = record(0, b"x", None);
        bytes[3..11].copy_from_slice(&log.to_le_bytes());
        say(&mut scene, &bytes);
        if log % 64 == 0 {
            scene.acknowledge();
        }
    }
    scene.acknowledge();
    assert_eq!(scene.victim.heard(scene.hostile.id()), limits::MAX_LOGS);
    assert!(!scene.hostile.received.rejects.is_empty());
    scene.assert_unharmed();
    turn.assert_bounded();
}

/// A receipt or reject body for every message of a log.
fn all_of(log: Name, is_receipt: bool) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.u64(log.log.0);
    if is_receipt {
        writer.varint(0).varint(LARGEST);
    } else {
        writer.varint(log.sequence).varint(3);
    }
    writer.into_vec()
}

#[test]
fn a_receipt_for_somebody_elses_message_says_nothing() {
    let turn = turn();
    let mut scene = Scene::connected();
    scene.innocent.takes = false;
    let innocent = scene.innocent.id();
    let draft = Draft::text("for one only".to_owned(), UnixTime(0));
    let theirs = scene
        .victim
        .with(scene.now, |it, now| it.send(innocent.into(), draft, now))
        .unwrap();
    scene.advance(Duration::from_millis(100));
    assert_eq!(scene.victim.fate(theirs), Some(State::Sent));
    for is_receipt in [true, false] {
        let body = all_of(theirs, is_receipt);
        scene.send(&[if is_receipt {
            Frame::Receipt(&body)
        } else {
            Frame::Reject(&body)
        }]);
        assert_eq!(scene.victim.fate(theirs), Some(State::Sent));
    }
    assert!(
        scene.is_connected(),
        "it may speak of what we have forgotten"
    );
    scene.innocent.takes = true;
    scene.advance(Duration::from_millis(100));
    assert_eq!(scene.victim.fate(theirs), Some(State::Delivered));
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn a_receipt_for_a_message_that_was_never_offered_says_nothing() {
    let turn = turn();
    let mut scene = Scene::connected();
    // The first fills what may be under way, so that nothing of the last one leaves.
    let names: Vec<Name> = (0..40)
        .map(|_| scene.write_to_hostile("x".repeat(60_000)).unwrap())
        .collect();
    let (first, last) = (names[0], names[39]);
    let body = all_of(first, true);
    scene.send(&[Frame::Receipt(&body)]);
    assert_eq!(
        scene.victim.fate(first),
        Some(State::Delivered),
        "its own word"
    );
    assert_eq!(scene.victim.fate(last), None, "nothing of it has left");
    let body = all_of(last, false);
    scene.send(&[Frame::Reject(&body)]);
    assert_eq!(scene.victim.fate(last), None);
    let removed = scene.hostile.id();
    scene
        .victim
        .with(scene.now, |it, now| it.remove_peer(removed, now));
    scene.exchange();
    let failed = State::Failed(FailReason::Removed);
    assert_eq!(scene.victim.fate(last), Some(failed));
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn receipts_that_are_none_are_answered_by_close() {
    let _turn = turn();
    for frame in [
        Frame::Receipt(&[]),
        Frame::Reject(&[1, 2, 3]),
        Frame::Receipt(&[0xff; 512]),
    ] {
        let mut scene = Scene::connected();
        let what = format!("{frame:?}");
        scene.send(&[frame]);
        assert_closed(&scene, &what);
        scene.assert_unharmed();
    }
}

#[test]
fn a_flood_of_receipts_is_bounded() {
    let turn = turn();
    let mut scene = Scene::connected();
    let name = scene.write_to_hostile("hello".to_owned()).unwrap();
    let mut body = name.log.0.to_le_bytes().to_vec();
    body.resize(512, 0);
    for n in 0..2_000 {
        let plaintext = scene
            .hostile
            .payload(&[Frame::Receipt(&body), Frame::Receipt(&body)]);
        scene.send_plain(&plaintext);
        if n % 100 == 0 {
            scene.chat();
        }
    }
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn control_characters_arrive_as_bytes_and_are_shown_as_none() {
    let turn = turn();
    let mut scene = Scene::connected();
    let hostile = scene.hostile.id();
    let texts = [
        "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[H",
        "\u{9b}31m\u{0}\u{7f}\u{8}\u{8}\u{8}",
        "you\r\nalice> yes, send it\u{2028}bob> no",
        "\u{202e}txet\u{202c}\u{2066}\u{200f}\u{200b}\u{feff}\u{e0041}",
        "x\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}",
    ];
    for (sequence, text) in texts.into_iter().enumerate() {
        say(&mut scene, &record(sequence as u64, text.as_bytes(), None));
    }
    say(&mut scene, &record(99, &[0xff, 0xfe, 0x1b], None));
    let shown: Vec<_> = scene
        .victim
        .shown
        .iter()
        .filter(|it| it.0 == hostile)
        .collect();
    assert_eq!(shown.len(), texts.len() + 1);
    for (_, bytes) in shown {
        let text = String::from_utf8_lossy(bytes);
        for safe in [safe_text(&text), safe_line(&text), single_line(&text)] {
            let acts = |c: char| c.is_control() && c != '\n';
            let hidden = [
                '\u{202e}', '\u{2066}', '\u{200f}', '\u{200b}', '\u{feff}', '\u{2028}',
            ];
            assert!(!safe.as_str().contains(acts), "{safe:?}");
            assert!(!safe.as_str().contains(hidden), "{safe:?}");
        }
    }
    scene.assert_unharmed();
    turn.assert_bounded();
}

#[test]
fn a_guest_gets_no_message_through_and_its_name_is_only_a_wish() {
    let _turn = turn();
    let mut scene = Scene::new(Terms::Guest);
    scene.connect_innocent();
    scene.connect_hostile(false);
    let named = scene.victim.events.iter().find_map(|event| match event {
        Event::Guest { nickname, .. } => nickname.clone(),
        _ => None,
    });
    assert_eq!(named.as_deref(), Some("mallory"));
    assert!(safe_name("\u{1b}[31mbob").is_err());
    let bytes = record(0, b"let me in", None);
    say(&mut scene, &bytes);
    assert_eq!(scene.victim.heard(scene.hostile.id()), 0);
    assert_eq!(scene.hostile.received.closed, Some(CloseCode::Violation));
    scene.assert_unharmed();
}

#[test]
fn frames_that_are_none_are_answered_by_close() {
    let _turn = turn();
    let frames: [(&[u8], CloseCode); 4] = [
        (&[0x3f], CloseCode::Unsupported),
        (&[0x40, 0x43, 0], CloseCode::Unsupported),
        (&[6, 1], CloseCode::Violation),
        (&[2, 5, 0, 0, 6], CloseCode::Violation),
    ];
    for (bytes, code) in frames {
        let mut scene = Scene::connected();
        scene.send_encoded(bytes);
        scene.exchange();
        assert_eq!(scene.hostile.received.closed, Some(code), "{bytes:?}");
        scene.assert_unharmed();
    }
}
