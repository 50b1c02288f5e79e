//! What an endpoint says of handshakes to whoever keeps a record, and which keys it shows to whom.

use super::*;
use crate::id::SessionIndex;
use crate::proto::payload::Welcome;
use crate::proto::ruling::Message;
use crate::wire::packet::encode_resp;

fn found(side: &Side) -> Vec<(Message, Result<Welcome, DropReason>)> {
    let result = |it: &Finding| (it.message, it.result.map(|(_, welcome)| welcome));
    side.findings.iter().map(result).collect()
}

#[test]
fn every_handshake_datagram_is_ruled_on_and_every_message_found_something() {
    let (a, b) = connected();
    assert_eq!(b.rulings, [Ruling::Kept, Ruling::Whole]);
    assert_eq!(found(&b), [(Message::First, Ok(Welcome::Known))]);
    assert_eq!(a.rulings, [Ruling::Kept, Ruling::Whole]);
    assert_eq!(found(&a), [(Message::Second, Ok(Welcome::Known))]);
    let (of_a, of_b) = (a.findings[0], b.findings[0]);
    assert_eq!(of_a.index, of_b.index, "both name the initiator's index");
    assert!(of_b.to_string().ends_with("was read: peer#1, known"));
}

#[test]
fn a_call_replayed_from_elsewhere_is_found_old_and_a_lost_answer_unknown() {
    let (mut a, mut b) = acquainted();
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    let call = a.drain(now(0));
    let elsewhere = SocketAddr::from(([198, 51, 100, 9], 7_419));
    for from in [a.address, elsewhere] {
        for (_, datagram) in call.clone() {
            b.receive(from, datagram, now(1));
        }
        let answer = b.drain(now(1));
        for (_, datagram) in answer {
            a.receive(b.address, datagram, now(1));
        }
        for (_, confirmation) in a.drain(now(1)) {
            b.receive(a.address, confirmation, now(1));
        }
        b.drain(now(1));
    }
    let old = (Message::First, Err(DropReason::OldTimestamp));
    assert_eq!(found(&b), [(Message::First, Ok(Welcome::Known)), old]);
    let resp = encode_resp(SessionIndex(7), &[0; 1_168], |_| [0; 16]);
    for datagram in resp {
        a.receive(b.address, datagram, now(2));
    }
    let unknown = Ruling::Dropped(DropReason::UnknownIndex);
    assert_eq!(a.rulings[2..], [unknown, unknown]);
}

#[test]
fn both_sides_show_the_same_keys_under_the_same_indices_to_those_who_ask() {
    let (mut a, mut b) = acquainted();
    (a.disclosed, b.disclosed) = (Some(Vec::new()), Some(Vec::new()));
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    let ([of_a], [of_b]) = (&a.disclosed.unwrap()[..], &b.disclosed.unwrap()[..]) else {
        panic!("one keypair each");
    };
    assert_eq!((of_a.ours, of_a.theirs), (of_b.theirs, of_b.ours));
    assert_eq!(of_a.keys.expose_seal(), of_b.keys.expose_open());
    assert_eq!(of_a.keys.expose_open(), of_b.keys.expose_seal());
    assert!(b.endpoint.key_table().find(of_b.ours).is_some());
}

#[test]
fn a_handshake_that_ends_without_a_keypair_shows_no_key() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    (a.disclosed, b.disclosed) = (Some(Vec::new()), Some(Vec::new()));
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    settle(&mut a, &mut b, now(0));
    assert_eq!(found(&a), [(Message::Second, Ok(Welcome::Refused))]);
    assert_eq!(found(&b), [(Message::First, Ok(Welcome::Refused))]);
    assert!(a.disclosed.unwrap().is_empty() && b.disclosed.unwrap().is_empty());
}
