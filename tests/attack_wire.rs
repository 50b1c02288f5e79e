//! What somebody who records everything learns: sizes and times, and no more.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod simulated;

use std::collections::BTreeSet;

use securechat::proto::EndpointConfig;
use securechat::sim::{Pair, Sighting};
use simulated::{COOKIE, DATA, INIT, RESP, assert_well, is, secs};

fn named(name: &str) -> EndpointConfig {
    EndpointConfig {
        nickname: Some(name.to_owned()),
        ..EndpointConfig::default()
    }
}

/// A conversation of ten minutes between two who have names and say known words.
fn conversation() -> Pair {
    let mut pair = Pair::strangers(1, named("Alice Liddell"), named("Robert Tables"));
    let (a, b) = (pair.a, pair.b);
    pair.introduce(a, b);
    pair.connect_both_ways();
    for n in 0..60 {
        let there = format!("the treasure is under the old oak, {n} steps north").into_bytes();
        pair.say(a, b, there.clone()).unwrap();
        pair.say(b, a, vec![b'y'; 1 + 16 * n]).unwrap();
        pair.advance(secs(10));
        assert!(pair.has_seen(b, &there));
    }
    assert_well(&mut pair);
    pair
}

fn holds(datagram: &[u8], needle: &[u8]) -> bool {
    datagram
        .windows(needle.len())
        .any(|window| window == needle)
}

#[test]
fn a_conversation_holds_no_plaintext_no_name_and_no_public_key() {
    let pair = conversation();
    let keys = [pair.a, pair.b].map(|node| *pair.id(node).as_bytes());
    let mut needles: Vec<Vec<u8>> = [
        "treasure", "oak, ", "yyyyyyyy", "Alice", "Liddell", "Robert", "Tables", "line ",
    ]
    .iter()
    .map(|word| word.as_bytes().to_vec())
    .collect();
    needles.extend(
        keys.iter()
            .flat_map(|key| key.chunks(8).map(<[u8]>::to_vec)),
    );
    for seen in pair.network().capture() {
        for needle in &needles {
            assert!(
                !holds(&seen.datagram, needle),
                "{:?} is readable",
                String::from_utf8_lossy(needle)
            );
        }
    }
}

#[test]
fn sizes_tell_the_kind_of_a_datagram_and_a_bucket() {
    let pair = conversation();
    let lengths = |kind: u8| -> BTreeSet<usize> {
        let of_kind = |s: &&Sighting| is(kind, &s.datagram);
        pair.network()
            .capture()
            .iter()
            .filter(of_kind)
            .map(|s| s.datagram.len())
            .collect()
    };
    assert_eq!(lengths(INIT), [700].into());
    assert_eq!(lengths(RESP), [608].into());
    assert_eq!(lengths(COOKIE), [].into());
    let buckets: BTreeSet<usize> = [64, 128, 256, 512, 1_024, 1_200].map(|n| n + 32).into();
    assert!(lengths(DATA).is_subset(&buckets), "{:?}", lengths(DATA));
}

/// What stands in SECURITY.md of lines, and nothing more exact.
#[test]
fn a_line_shows_its_bucket_and_who_wrote_it_and_that_it_arrived() {
    let mut pair = Pair::connected(2);
    let (a, b) = (pair.a, pair.b);
    pair.advance(secs(5));
    for (len, size) in [(1, 96), (30, 96), (70, 160), (200, 288), (450, 544)] {
        pair.network_mut().set_capture(true);
        pair.say(a, b, vec![b'x'; len]).unwrap();
        pair.advance(secs(2));
        let host = pair.node(a).host();
        let seen = pair.network().capture().iter();
        let seen: Vec<_> = seen
            .map(|s| (s.sender == Some(host), s.datagram.len()))
            .collect();
        assert_eq!(seen, [(true, size), (false, 96), (true, 96)], "{len} bytes");
    }
}

/// Session indices are random; nothing else in clear repeats from one handshake to the next.
#[test]
fn no_two_handshakes_share_a_visible_value() {
    let pair = conversation();
    let mut seen_values = BTreeSet::new();
    let firsts = pair
        .network()
        .capture()
        .iter()
        .filter(|s| is(INIT, &s.datagram) && s.datagram[1] == 0);
    for init in firsts {
        for value in init.datagram[8..684].chunks(16) {
            assert!(seen_values.insert(value.to_vec()), "a value repeats");
        }
        assert!(
            seen_values.insert(init.datagram[4..8].to_vec()),
            "an index repeats"
        );
    }
    assert!(seen_values.len() > 100);
}
