//! Receipts, rejects and verdicts: how many there may be, and that none is lost by the bound.

use std::collections::BTreeSet;

use super::*;
use crate::wire::frame::{CloseCode, Verdict, Verify, VerifyStep};
use crate::wire::limits::FLOOR_DATAGRAM_LEN;

fn receipt(n: usize) -> Note {
    let n = u16::try_from(n).unwrap();
    Note::Receipt(n.to_le_bytes().as_slice().into())
}

/// The receipts in a packet.
fn receipts(packet: &Packet) -> Vec<usize> {
    let payload = Payload::parse(plain(packet)).unwrap();
    let body = |frame: &Frame<'_>| {
        let Frame::Receipt(body) = frame else {
            return None;
        };
        let n = u16::from_le_bytes((*body).try_into().unwrap());
        Some(usize::from(n))
    };
    payload.frames.iter().filter_map(body).collect()
}

/// Hands receipts over until none is taken, and sends what may leave. Nothing comes back.
fn fill(a: &mut Connection, now: &mut Instant) -> (usize, Vec<Packet>) {
    let (mut taken, mut packets) = (0, Vec::new());
    for _ in 0..100 {
        while a.take_note(receipt(taken)) {
            taken += 1;
        }
        let (sent, later) = send_all(a, *now);
        packets.extend(sent);
        *now = later.unwrap_or(*now);
    }
    (taken, packets)
}

fn acknowledge(a: &mut Connection, packet: &Packet, now: Instant) {
    let number = Payload::parse(plain(packet)).unwrap().number.0;
    let ack = Ack {
        delay_us: 0,
        ranges: [(number, number)].as_slice().into(),
    };
    a.on_ack(&ack, &mut Scratch::default(), now).unwrap();
}

/// A peer that acknowledged nothing, and at last the newest packet, had a hundred thousand of them looked for among as many.
#[test]
fn receipts_on_their_way_count_with_those_that_wait_and_none_is_lost() {
    let (mut a, mut b) = two_with(Congestion::NewReno);
    let mut now = Instant::ZERO;
    let (taken, packets) = fill(&mut a, &mut now);
    assert_eq!(taken, MAX_NOTES);
    assert!(!a.takes_notes_again());
    let newest = packets.last().unwrap();
    let mut arrived = BTreeSet::from_iter(receipts(newest));
    acknowledge(&mut a, newest, now);
    assert!(a.notes.len() > MAX_NOTES / 2, "{} lost", a.notes.len());
    assert!(a.notes.len() + a.notes_out <= MAX_NOTES);
    while a.awaits_ack() || a.has_content() {
        let (packets, _) = send_all(&mut a, now);
        arrived.extend(packets.iter().flat_map(receipts));
        for packet in &packets {
            receive(&mut b, plain(packet), now);
        }
        now = now + MAX_ACK_DELAY;
        for ack in send_all(&mut b, now).0 {
            receive(&mut a, plain(&ack), now);
        }
        a.on_timeout(now);
        let carried = a.recovery.unacked().map(|it| it.notes.len());
        assert_eq!(a.notes_out, carried.sum::<usize>());
    }
    assert!(arrived.into_iter().eq(0..MAX_NOTES), "each has arrived");
    assert_eq!((a.notes.len(), a.notes_out), (0, 0));
}

#[test]
fn an_acknowledgement_makes_room_for_receipts_and_says_so_once() {
    let (mut a, _) = two_with(Congestion::NewReno);
    let mut now = Instant::ZERO;
    let (_, packets) = fill(&mut a, &mut now);
    acknowledge(&mut a, packets.first().unwrap(), now);
    assert!(a.takes_notes_again());
    assert!(!a.takes_notes_again());
    assert!(a.take_note(receipt(0)));
}

/// Handed over once more it found no room, and nobody ever sent it.
#[test]
fn a_receipt_that_is_repeated_into_a_full_queue_is_not_taken_back() {
    let (mut connection, _) = two();
    for n in 0..MAX_WAITING_NOTES {
        assert!(connection.take_note(receipt(n)));
    }
    connection.repeat_notes([receipt(MAX_WAITING_NOTES)]);
    assert_eq!(connection.take_back_receipt(), None);
    assert_eq!(connection.notes.len(), MAX_WAITING_NOTES + 1);
    connection.notes.pop_front();
    let body = connection.take_back_receipt().unwrap();
    assert!(
        connection.take_note(Note::Receipt(body)),
        "it has its place"
    );
}

/// A probe repeats what is on its way, so that there is more of it than is taken.
#[test]
fn a_receipt_that_waits_beside_too_many_on_their_way_is_not_taken_back() {
    let (mut a, _) = two_with(Congestion::NewReno);
    let mut now = Instant::ZERO;
    fill(&mut a, &mut now);
    a.repeat_notes([receipt(0), receipt(1)]);
    assert_eq!(a.take_back_receipt(), None);
    assert_eq!(a.notes.len(), 2);
}

/// Nobody keeps it for later, and the comparison hung.
#[test]
fn a_step_of_a_comparison_is_taken_where_many_receipts_wait_and_not_beyond_the_bound() {
    let step = |attempt| {
        let nonce = [9; 32];
        Note::Verify(Verify {
            attempt,
            step: VerifyStep::Answer { nonce },
        })
    };
    let (mut connection, _) = two();
    let mut waiting = 0;
    while connection.take_note(receipt(waiting)) {
        waiting += 1;
    }
    assert_eq!(waiting, MAX_WAITING_NOTES);
    let more = (0..).take_while(|n| connection.take_note(step(*n))).count();
    assert_eq!(waiting + more, MAX_NOTES);
}

/// It was refused where many receipts waited, and had no place in the last packet behind long ones.
#[test]
fn that_words_differ_is_said_in_the_last_packet_whatever_waits() {
    let (mut connection, _) = two();
    let long = Note::Receipt([0; 500].as_slice().into());
    for _ in 0..MAX_WAITING_NOTES {
        assert!(connection.take_note(long.clone()));
    }
    let verdict = Verify {
        attempt: 7,
        step: VerifyStep::Verdict(Verdict::Different),
    };
    assert!(connection.take_note(Note::Verify(verdict)));
    let close = Frame::Close(CloseCode::Declined);
    let mut rng = CoreRng::new([1; 32]);
    let (mut scratch, now) = (Scratch::default(), Instant::ZERO);
    let last = connection.last_packet(&close, &mut rng, &mut scratch, now);
    let payload = Payload::parse(&last[DATA_HEADER_LEN..last.len() - TAG_LEN]).unwrap();
    assert!(payload.frames.contains(&Frame::Verify(verdict)));
    assert!(last.len() <= FLOOR_DATAGRAM_LEN, "a narrow path carries it");
}
