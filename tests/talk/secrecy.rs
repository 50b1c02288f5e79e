//! Nothing readable on the wire: what somebody sees who keeps every datagram of a conversation.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::home::Home;
use crate::wire::{Datagram, Wire};

/// As many bytes of a text in a row as must not occur.
const WINDOW: usize = 8;

/// The plaintext buckets of docs/protocol.md, each with header and tag.
const DATA_SIZES: [usize; 6] = [96, 160, 288, 544, 1_056, 1_232];

/// The larger datagrams that try the path, and those that are as large as it then is.
const PROBE_SIZES: [usize; 4] = [1_352, 1_420, 1_452, 1_472];

/// Where in a capture a part of `needle` stands: in a datagram, or over the edge of two.
fn leak(capture: &[Datagram], needle: &[u8]) -> Option<usize> {
    let all: Vec<u8> = capture.iter().flat_map(|d| d.bytes.clone()).collect();
    assert!(needle.len() >= WINDOW);
    let windows: std::collections::BTreeSet<&[u8]> = needle.windows(WINDOW).collect();
    all.windows(WINDOW).position(|seen| windows.contains(seen))
}

#[test]
fn the_search_finds_a_part_of_a_text() {
    let datagram = |bytes: &[u8]| Datagram {
        is_out: true,
        port: 1,
        bytes: bytes.to_vec(),
    };
    let capture = [datagram(b"....rendezvo"), datagram(b"us at nine..")];
    assert_eq!(leak(&capture, b"our rendezvous today"), Some(4));
    assert_eq!(leak(&capture, b"something else"), None);
}

#[test]
fn a_capture_of_a_conversation_holds_no_text_no_key_and_no_name() {
    let (alice, bob) = (Home::new(), Home::new());
    let nicknames = ["alice-of-wonderland", "bob-the-builder"];
    let (mut listener, address) = bob.listen(&["--trust", "new", "--nickname", nicknames[1]]);
    let wire = Wire::to(address);
    let args = ["--save-as", "bob-at-home", "--nickname", nicknames[0]];
    let mut caller = alice.call(&bob, wire.address(), &args);
    caller.told("saved as bob-at-home");
    let mut texts = texts();
    for text in &texts {
        caller.say(text);
        listener.said(text);
        listener.say(text);
        caller.said(text);
    }
    caller.leave();
    listener.told("left");
    let capture = wire.seen();
    let guest = bob.known_peers();
    texts.extend(nicknames.map(str::to_owned));
    texts.extend(["bob-at-home".to_owned(), guest]);
    for text in &texts {
        assert_eq!(leak(&capture, text.as_bytes()), None, "{text}");
    }
    for key in [alice.key(), bob.key()] {
        assert_eq!(leak(&capture, key.as_bytes()), None, "{key}");
        let raw = STANDARD.decode(&key).unwrap();
        assert_eq!(leak(&capture, &raw), None, "the bytes of {key}");
    }
    sizes_are_those_of_the_specification(&capture, texts.len());
}

/// Lines that fill each of the sizes that a line can have.
fn texts() -> Vec<String> {
    let words = "the quick brown fox jumps over the lazy dog; ";
    [9, 40, 100, 200, 450, 900, 1_000]
        .map(|len| words.repeat(25)[..len].to_owned())
        .into()
}

fn sizes_are_those_of_the_specification(capture: &[Datagram], lines: usize) {
    let of_type = |wanted: u8| capture.iter().filter(move |d| d.bytes[0] == wanted);
    for datagram in capture {
        let len = datagram.bytes.len();
        let is_right = match datagram.bytes[0] {
            1 => len == 700,
            2 => len == 608,
            3 => len == 64,
            4 => DATA_SIZES.contains(&len) || PROBE_SIZES.contains(&len),
            _ => false,
        };
        assert!(is_right, "type {} of {len} bytes", datagram.bytes[0]);
    }
    assert!(of_type(1).all(|d| d.is_out) && of_type(1).count() >= 2);
    assert!(of_type(2).all(|d| !d.is_out) && of_type(2).count() >= 2);
    assert!(of_type(4).count() > lines);
    for size in &DATA_SIZES[..5] {
        assert!(of_type(4).any(|d| d.bytes.len() == *size), "no {size}");
    }
}

#[test]
fn a_conversation_goes_on_when_the_caller_comes_from_another_port() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut wire = Wire::to(address);
    let mut caller = alice.connect("bob", wire.address(), &[]);
    crate::home::check(&mut caller, &mut listener);
    let inits = wire.inits();
    for move_number in 0..3 {
        wire.move_port();
        let port = wire.port();
        caller.say(&format!("after move {move_number}"));
        listener.said(&format!("after move {move_number}"));
        listener.told(&format!("link: alice is now at 127.0.0.1:{port}"));
        listener.say(&format!("heard {move_number}"));
        caller.said(&format!("heard {move_number}"));
        // What went to the former one before that may be seen late.
        let seen = wire.seen();
        let mut back = seen.iter().filter(|datagram| !datagram.is_out);
        let is_there = back.any(|datagram| datagram.port == port);
        assert!(is_there, "the answer goes to the new port");
    }
    assert_eq!(wire.inits(), inits, "no new handshake");
    caller.leave();
    listener.told("alice left");
}
