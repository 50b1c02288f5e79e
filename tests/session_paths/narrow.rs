//! Paths that carry less than others.

use super::*;

#[test]
fn a_narrow_path_carries_every_message() {
    for mtu in [1_232, 1_231, 1_100, 1_056] {
        let mut pair = Pair::new(28);
        pair.set_links(&narrow(mtu));
        pair.connect_both_ways();
        let (a, b) = (pair.a, pair.b);
        for len in [1, 63, 64, 1_000, 5_000, 65_536, 65_537, 300_000] {
            let line: Vec<u8> = vec![b'x'; len];
            pair.say(a, b, line.clone()).unwrap();
            assert!(
                pair.advance_until(SOON, |w| w.has_seen(b, &line)),
                "{len} bytes over {mtu}"
            );
        }
    }
}

/// The first thing said there is too long for it, and nothing short is in flight beside it.
#[test]
fn a_long_first_message_finds_out_that_the_path_is_narrow() {
    let mut pair = Pair::new(29);
    pair.set_links(&narrow(1_100));
    pair.connect_both_ways();
    let (a, b) = (pair.a, pair.b);
    let line: Vec<u8> = vec![b'x'; 100_000];
    pair.say(a, b, line.clone()).unwrap();
    assert!(pair.advance_until(SOON, |w| w.has_seen(b, &line)));
}

/// A tunnel that comes up in the middle of a conversation.
#[test]
fn a_path_that_becomes_narrower_than_the_base_goes_on() {
    let mut pair = Pair::new(30);
    pair.set_links(&narrow(1_472));
    pair.connect_both_ways();
    let (a, b) = (pair.a, pair.b);
    for (mtu, byte) in [(1_472, b'x'), (1_100, b'y'), (1_472, b'z')] {
        pair.set_links(&narrow(mtu));
        let line: Vec<u8> = vec![byte; 300_000];
        pair.say(a, b, line.clone()).unwrap();
        assert!(pair.advance_until(SOON, |w| w.has_seen(b, &line)), "{mtu}");
    }
}

/// No challenge at the base size passes there, and no answer to one.
#[test]
fn whoever_moves_onto_a_narrow_path_says_one_line_and_falls_silent_is_found_there() {
    for mtu in [1_231, 1_100, 1_056] {
        for len in [1, 63, 400, 1_000, 5_000, 300_000] {
            let (mut pair, case) = (Pair::connected(31), format!("{len} bytes over {mtu}"));
            let (a, b) = (pair.a, pair.b);
            pair.roam(a);
            pair.set_links(&narrow(mtu));
            clear(&mut pair);
            let line: Vec<u8> = vec![b'x'; len];
            pair.say(a, b, line.clone()).unwrap();
            assert!(
                pair.advance_until(secs(3), |w| w.has_seen(b, &line)),
                "{case}"
            );
            pair.advance(secs(60));
            assert_eq!(told(&pair, b), [pair.address(a)], "{case}");
            let answer = pair.talk(b, a).unwrap();
            assert!(
                pair.advance_until(SOON, |w| w.has_seen(a, &answer)),
                "{case}"
            );
            let calls = [a, b].map(|node| sent(&pair, node, INIT).len());
            assert_eq!(calls, [0, 0], "{case}: no handshake proved the address");
        }
    }
}

fn narrow(mtu: usize) -> LinkConfig {
    LinkConfig {
        mtu: Some(mtu),
        ..LinkConfig::delay(ms(20))
    }
}
