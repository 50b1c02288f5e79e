//! Items of docs/checklist.md, "Transport", that whole endpoints show on a wire of which every
//! packet is in the test's hand.

use super::bulk::with_bulk;
use super::losses::pass;
use super::*;
use crate::proto::StreamEvent;
use crate::proto::timer::Timer;
use crate::wire::limits::BASE_DATAGRAM_LEN;

type Packets = Vec<(SocketAddr, Vec<u8>)>;

fn deliver(packets: Packets, from: &Side, to: &mut Side, at: Instant) {
    for (_, packet) in packets {
        to.receive(from.address, packet, at);
    }
    to.read();
}

/// The packets in which a line leaves.
fn line(from: &mut Side, to: &Side, text: &[u8], at: Instant) -> Packets {
    from.say(to.id(), text, at);
    let packets = from.drain(at);
    assert!(!packets.is_empty());
    packets
}

/// The packets in which bytes of a bulk stream leave.
fn bulk(from: &mut Side, to: &Side, id: StreamId, bytes: &[u8], at: Instant) -> Packets {
    let taken = from.endpoint.write_stream(to.id(), id, bytes);
    assert_eq!(taken, Ok(bytes.len()));
    let packets = from.drain(at);
    assert!(!packets.is_empty());
    packets
}

fn read(side: &mut Side, from: &Side, id: StreamId) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = side
        .endpoint
        .read_stream(from.id(), id, usize::MAX, &mut bytes);
    read.unwrap();
    bytes
}

/// Three later packets arrive before one that is only late: it is sent again although nothing was lost.
#[test]
fn a_spurious_retransmit_is_heard_once_and_harms_nothing() {
    for late_comes_first in [true, false] {
        let (mut a, mut b) = connected();
        let late = line(&mut a, &b, b"0", now(1));
        let mut later = Packets::new();
        for text in [b"1", b"2", b"3"] {
            later.extend(line(&mut a, &b, text, now(1)));
        }
        deliver(later, &a, &mut b, now(2));
        assert!(b.lines().is_empty(), "the first line is missing");
        let acks = b.drain(now(2));
        deliver(acks, &b, &mut a, now(3));
        let again = a.drain(now(3));
        assert_eq!(again.len(), 1, "sent again");
        let arrivals = if late_comes_first {
            [late, again]
        } else {
            [again, late]
        };
        for packets in arrivals {
            deliver(packets, &a, &mut b, now(4));
            let acks = b.drain(now(4));
            deliver(acks, &b, &mut a, now(5));
        }
        pass(&mut a, &mut b, 2_000, now(5), now(500));
        assert_eq!(b.lines(), [b"0", b"1", b"2", b"3"]);
        let status = a.endpoint.status(b.id(), now(500)).unwrap();
        assert!(status.established && !status.awaits_ack);
        assert_eq!(settle(&mut a, &mut b, now(500)), 0);
    }
}

#[test]
fn no_probe_timeout_runs_with_nothing_in_flight() {
    let probes = |side: &Side| {
        let timer = side.endpoint.poll_timeout();
        timer.is_some_and(|(_, timer)| timer == Timer::Recovery)
    };
    let (mut a, mut b) = connected();
    let sent = line(&mut a, &b, b"hello", now(1));
    assert!(probes(&a));
    deliver(sent, &a, &mut b, now(2));
    b.drain(now(2));
    b.endpoint.handle_timeout(now(40));
    let acks = b.drain(now(40));
    assert_eq!(acks.len(), 1);
    assert!(!probes(&b), "an acknowledgement is not in flight");
    deliver(acks, &b, &mut a, now(41));
    assert!(a.drain(now(41)).is_empty());
    assert!(!probes(&a), "all is acknowledged");
    for side in [&mut a, &mut b] {
        side.endpoint.handle_timeout(now(60_000));
        assert!(side.drain(now(60_000)).is_empty());
    }
}

#[test]
fn a_path_that_narrows_in_mid_transfer_is_no_black_hole_for_long() {
    let (mut a, mut b) = with_bulk();
    let id = a.endpoint.open_stream(b.id()).unwrap();
    let part = vec![7; 100_000];
    a.endpoint.write_stream(b.id(), id, &part).unwrap();
    pass(&mut a, &mut b, 2_000, now(1), now(10_000));
    assert_eq!(read(&mut b, &a, id).len(), part.len());
    let wide = bulk(&mut a, &b, id, &part, now(10_000));
    assert!(wide.iter().any(|(_, packet)| packet.len() > 1_300));
    pass(&mut a, &mut b, 1_300, now(10_000), now(40_000));
    assert_eq!(read(&mut b, &a, id).len(), part.len());
    let narrow = bulk(&mut a, &b, id, &part, now(40_000));
    let longest = narrow.iter().map(|(_, packet)| packet.len()).max();
    assert_eq!(longest, Some(BASE_DATAGRAM_LEN));
    let silent = |event: &Event| matches!(event, Event::Silent { .. });
    assert!(!a.events.iter().any(silent), "{:?}", a.events);
}

#[test]
fn a_lost_piece_of_a_file_holds_up_no_line() {
    let (mut a, mut b) = with_bulk();
    let id = a.endpoint.open_stream(b.id()).unwrap();
    bulk(&mut a, &b, id, &[7; 500], now(1));
    let rest = bulk(&mut a, &b, id, &[8; 500], now(1));
    deliver(rest, &a, &mut b, now(1));
    let said = line(&mut a, &b, b"how is it going?", now(1));
    deliver(said, &a, &mut b, now(1));
    assert_eq!(b.lines(), [b"how is it going?"]);
    assert!(
        read(&mut b, &a, id).is_empty(),
        "the file waits for its piece"
    );
}

#[test]
fn a_lost_line_holds_up_no_file() {
    let (mut a, mut b) = with_bulk();
    let id = a.endpoint.open_stream(b.id()).unwrap();
    line(&mut a, &b, b"lost", now(1));
    let said = line(&mut a, &b, b"waits", now(1));
    let piece = bulk(&mut a, &b, id, &[7; 500], now(1));
    deliver(said, &a, &mut b, now(1));
    deliver(piece, &a, &mut b, now(1));
    assert!(b.lines().is_empty(), "lines are in order");
    assert_eq!(read(&mut b, &a, id), [7; 500]);
}

#[test]
fn a_lost_piece_of_one_file_holds_up_no_other() {
    let (mut a, mut b) = with_bulk();
    let ids = [0, 1].map(|_| a.endpoint.open_stream(b.id()).unwrap());
    bulk(&mut a, &b, ids[0], &[7; 500], now(1));
    let other = bulk(&mut a, &b, ids[1], &[8; 500], now(1));
    deliver(other, &a, &mut b, now(1));
    b.drain(now(1));
    let (peer, event) = (a.id(), StreamEvent::Readable(ids[1]));
    assert!(b.events.contains(&Event::Stream { peer, event }));
    assert_eq!(read(&mut b, &a, ids[1]), [8; 500]);
}

#[test]
fn a_line_beside_a_file_outlives_the_loss_of_its_packet() {
    let (mut a, mut b) = with_bulk();
    let alone = line(&mut a, &b, b"alone", now(1));
    assert_eq!(alone.len(), 1, "without a file a line goes out once");
    deliver(alone, &a, &mut b, now(1));
    let id = a.endpoint.open_stream(b.id()).unwrap();
    let taken = a.endpoint.write_stream(b.id(), id, &[7; 5_000]);
    assert_eq!(taken, Ok(5_000));
    let mut packets = line(&mut a, &b, b"beside", now(1));
    assert!(packets.len() > 3);
    packets.remove(0);
    deliver(packets, &a, &mut b, now(1));
    assert_eq!(b.lines(), [&b"alone"[..], b"beside"]);
    settle(&mut a, &mut b, now(2));
    assert_eq!(b.lines().len(), 2);
}
