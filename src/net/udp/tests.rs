#[cfg(target_os = "linux")]
mod sources;

use quinn_udp::RecvMeta;

use super::batch::split;
use super::*;
use crate::net::clock::Clock;
use crate::net::icmp::IcmpKind;
#[cfg(target_os = "linux")]
use crate::net::icmp::forged::{self, Forger};

/// Against hanging only.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is done again and again until it brings something, but not for ever.
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::new();
    let end = clock.now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock.now() < end, "nothing came");
    }
}

fn loopback() -> Socket {
    Socket::bind(Bind::At("127.0.0.1:0".parse().expect("an address"))).expect("loopback exists")
}

fn skipped(why: &str) {
    // libtest would keep what is printed of a test that passes.
    let line = format!("\nSKIPPED: {why}\n");
    io::Write::write_all(&mut io::stderr(), line.as_bytes()).expect("stderr takes a line");
}

fn on_loopback(socket: &Socket, ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), socket.local_addr().port())
}

fn send(socket: &Socket, batch: &[(SocketAddr, Vec<u8>)]) -> (Sent, Vec<IcmpError>) {
    let batch: Vec<_> = batch
        .iter()
        .map(|(to, bytes)| (Route::from(*to), bytes.clone()))
        .collect();
    let mut errors = Vec::new();
    let sent = socket.send(&batch, &mut Vec::new(), Room::Wait, &mut |error| {
        errors.push(error);
    });
    (sent.expect("a live socket"), errors)
}

/// Receives until `count` datagrams are there.
fn receive(socket: &Socket, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut batch = Batch::new();
    let mut all = Vec::new();
    wait_for(|| {
        if socket.receive(&mut batch, RECV_WAIT).is_ok() {
            let datagrams = batch.datagrams();
            all.extend(datagrams.map(|(from, bytes)| (from.peer, bytes.to_vec())));
        }
        (all.len() >= count).then_some(())
    });
    all
}

fn sizes(length: usize, stride: usize) -> Vec<usize> {
    let mut buffer = [0; 100];
    split(&mut buffer, length, stride)
        .map(|datagram| datagram.len())
        .collect()
}

#[test]
fn a_train_is_taken_apart_at_its_stride() {
    assert_eq!(sizes(90, 30), [30, 30, 30]);
    assert_eq!(sizes(95, 30), [30, 30, 30, 5]);
    assert_eq!(sizes(30, 30), [30]);
    assert_eq!(sizes(3, 1), [1, 1, 1]);
}

#[test]
fn hostile_lengths_and_strides_stay_within_the_buffer() {
    assert_eq!(sizes(0, 0), [0_usize; 0]);
    assert_eq!(sizes(0, 30), [0_usize; 0]);
    assert_eq!(sizes(50, 0), [50]);
    assert_eq!(sizes(50, usize::MAX), [50]);
    assert_eq!(sizes(usize::MAX, 60), [60, 40]);
    assert_eq!(sizes(usize::MAX, usize::MAX), [100]);
    for length in 0..130 {
        for stride in 0..130 {
            let pieces = sizes(length, stride);
            assert_eq!(pieces.iter().sum::<usize>(), length.min(100));
            assert!(pieces.iter().all(|&piece| piece > 0));
        }
    }
}

fn batch(sizes: &[(u16, usize)]) -> Vec<(Route, Vec<u8>)> {
    let address = |port| SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port);
    sizes
        .iter()
        .map(|&(port, size)| (address(port).into(), vec![1; size]))
        .collect()
}

#[test]
fn a_run_has_one_address_and_one_size_of_which_the_last_may_be_smaller() {
    assert_eq!(run_length(&[], 64), 0);
    assert_eq!(run_length(&batch(&[(1, 700)]), 64), 1);
    assert_eq!(run_length(&batch(&[(1, 700), (1, 700), (2, 700)]), 64), 2);
    assert_eq!(
        run_length(&batch(&[(1, 700), (1, 700), (1, 30), (1, 30)]), 64),
        3
    );
    assert_eq!(run_length(&batch(&[(1, 30), (1, 700)]), 64), 1);
    assert_eq!(run_length(&batch(&[(1, 30), (1, 0)]), 64), 1);
}

#[test]
fn a_run_is_bounded_in_segments_and_bytes() {
    assert_eq!(run_length(&batch(&[(1, 100); 80]), 64), 64);
    assert_eq!(run_length(&batch(&[(1, 100); 80]), 1), 1);
    assert_eq!(run_length(&batch(&[(1, 1_400); 64]), 64), MAX_TRAIN / 1_400);
}

#[test]
fn a_batch_arrives_whole_and_in_order() {
    let (a, b) = (loopback(), loopback());
    let payload = |n: u8| vec![n; if n == 50 { 20 } else { 1_200 }];
    let batch: Vec<_> = (0..60).map(|n| (b.local_addr(), payload(n))).collect();
    let (sent, errors) = send(&a, &batch);
    let fate = (sent.datagrams, sent.bytes, sent.lost, sent.left);
    assert_eq!(fate, (60, 59 * 1_200 + 20, vec![], 0));
    assert_eq!(errors, []);
    let expected: Vec<_> = (0..60).map(|n| (a.local_addr(), payload(n))).collect();
    assert_eq!(receive(&b, 60), expected);
}

#[test]
fn equal_datagrams_to_one_address_leave_in_one_call_where_the_system_can() {
    const COUNT: usize = 40;
    let (a, b) = (loopback(), loopback());
    let (sent, _) = send(&a, &vec![(b.local_addr(), vec![7; 1_200]); COUNT]);
    assert_eq!((sent.datagrams, sent.lost), (COUNT, vec![]));
    // Asked last: what cannot do it after all says so at the first train.
    let segments = a.abilities().gso_segments;
    assert_eq!(sent.calls, COUNT.div_ceil(segments));
    if segments == 1 {
        skipped("no segmentation offload on this machine");
    }
    assert_eq!(receive(&b, COUNT).len(), COUNT);
}

/// Takes what is there as a driver does: how many datagrams came, and how many that the system had not merged with others.
fn count(socket: &Socket, count: usize) -> (usize, usize) {
    let mut batch = Batch::new();
    let (mut datagrams, mut trains) = (0, 0);
    wait_for(|| {
        if socket.receive(&mut batch, RECV_WAIT).is_ok() {
            trains += batch.count;
            datagrams += batch.datagrams().count();
        }
        (datagrams >= count).then_some(())
    });
    (datagrams, trains)
}

/// Whether a train that leaves in one call comes to a bare socket in one piece: a loopback interface may take it apart.
fn loopback_keeps_trains_together(from: &Socket, train: &[u8], size: usize) -> bool {
    let bare = UdpSocket::bind("127.0.0.1:0").expect("loopback exists");
    let state = UdpSocketState::new((&bare).into()).expect("a socket that can be set");
    let to = bare.local_addr().expect("it is bound");
    let train_of = Train {
        to,
        source: None,
        contents: train,
        size,
    };
    from.try_send(&train_of).expect("a live socket");
    let (mut buffer, mut metas) = (vec![0; MAX_RECEIVE], [RecvMeta::default()]);
    let mut slices = [IoSliceMut::new(&mut buffer)];
    wait_for(|| state.recv((&bare).into(), &mut slices, &mut metas).ok());
    metas.iter().all(|meta| meta.len == train.len())
}

#[test]
fn a_train_is_received_in_one_piece_where_the_system_can() {
    const COUNT: usize = 40;
    const SIZE: usize = 1_200;
    let (a, b) = (loopback(), loopback());
    let (sent, _) = send(&a, &vec![(b.local_addr(), vec![7; SIZE]); COUNT]);
    assert_eq!((sent.datagrams, sent.lost), (COUNT, Vec::new()));
    let (datagrams, trains) = count(&b, COUNT);
    assert_eq!(datagrams, COUNT);
    let segments = a.abilities().gso_segments;
    if segments == 1 {
        return skipped("no segmentation offload on this machine");
    }
    let merges = b.abilities().gro_segments > 1;
    if !merges || !loopback_keeps_trains_together(&a, &[7; 2 * SIZE], SIZE) {
        return skipped("no receive offload on this machine");
    }
    let expected = COUNT.div_ceil(segments);
    assert_eq!((sent.calls, trains), (expected, expected));
}

#[test]
fn nothing_to_receive_is_said_after_the_wait() {
    let error = loopback()
        .receive(&mut Batch::new(), RECV_WAIT)
        .expect_err("nothing was sent");
    assert_eq!(SocketError::classify(&error), SocketError::Idle);
}

/// A datagram from `other` to `ip`, where `everywhere` listens, and one back.
fn both_ways(everywhere: &Socket, ip: &str, other: &Socket) {
    let here = on_loopback(everywhere, ip);
    send(other, &[(here, b"there".to_vec())]);
    assert_eq!(
        receive(everywhere, 1),
        [(other.local_addr(), b"there".to_vec())]
    );
    send(everywhere, &[(other.local_addr(), b"back".to_vec())]);
    assert_eq!(receive(other, 1), [(here, b"back".to_vec())]);
}

#[test]
fn a_socket_for_everything_speaks_ipv4_and_hides_mapped_addresses() {
    let everywhere = Socket::bind(Bind::any()).expect("a port");
    both_ways(&everywhere, "127.0.0.1", &loopback());
}

#[test]
fn a_socket_for_everything_speaks_ipv6() {
    let Ok(v6) = Socket::bind(Bind::At("[::1]:0".parse().expect("an address"))) else {
        return skipped("no IPv6 on this machine");
    };
    let everywhere = Socket::bind(Bind::any()).expect("a port");
    both_ways(&everywhere, "::1", &v6);
}

#[test]
fn a_taken_port_is_refused_by_name() {
    let first = loopback();
    let error = Socket::bind(Bind::At(first.local_addr())).expect_err("the port is taken");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let port = first.local_addr().port();
    let everywhere = Bind::Everywhere {
        port,
        family: Family::Any,
    };
    let error = Socket::bind(everywhere).expect_err("the port is taken for IPv4");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[test]
fn what_is_too_big_is_reported_and_the_rest_still_leaves() {
    let (a, b) = (loopback(), loopback());
    let small = (b.local_addr(), vec![1; 10]);
    let (sent, errors) = send(
        &a,
        &[small.clone(), (b.local_addr(), vec![0; 66_000]), small],
    );
    assert_eq!(
        sent,
        Sent {
            datagrams: 2,
            calls: 2,
            bytes: 20,
            lost: vec![1],
            left: 0,
            gone: None,
        }
    );
    let expected = IcmpError {
        peer: Some(b.local_addr()),
        kind: IcmpKind::TooBig,
    };
    assert_eq!(errors, [expected]);
    assert_eq!(receive(&b, 2).len(), 2);
}

#[test]
fn an_address_of_the_other_family_is_reported() {
    let (a, b) = (loopback(), loopback());
    let elsewhere = "[2001:db8::1]:9".parse().expect("an address");
    let (sent, errors) = send(&a, &[(elsewhere, vec![1]), (b.local_addr(), vec![2])]);
    assert_eq!((sent.datagrams, sent.lost), (1, vec![0]));
    assert_eq!(
        errors,
        [IcmpError {
            peer: Some(elsewhere),
            kind: IcmpKind::NetUnreachable
        }]
    );
}

/// A port that refuses everybody else, as one without a socket does. Nobody gets it meanwhile, as happens to one
/// that was closed, and no process that another test is just starting keeps it open.
#[cfg(target_os = "linux")]
fn closed() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback exists");
    let address = socket.local_addr().expect("it is bound");
    socket.connect(address).expect("it may talk to itself");
    (socket, address)
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_port_is_named_and_costs_no_other_datagram() {
    let (a, b) = (loopback(), loopback());
    let (_kept, closed) = closed();
    let mut errors = Vec::new();
    let (_, early) = send(&a, &[(closed, vec![1])]);
    errors.extend(early);
    // The complaint about the first fails the next send, which must leave all the same.
    wait_for(|| a.is_readable_for_testing_only(RECV_WAIT).then_some(()));
    let (sent, more) = send(&a, &[(b.local_addr(), vec![2])]);
    errors.extend(more);
    assert_eq!((sent.datagrams, sent.lost), (1, vec![]));
    a.complaints(None, &mut |error| errors.push(error))
        .expect("a live socket");
    assert_eq!(
        errors,
        [IcmpError {
            peer: Some(closed),
            kind: IcmpKind::Refused
        }]
    );
    assert_eq!(receive(&b, 1), [(a.local_addr(), vec![2])]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_complaint_ends_the_wait_of_a_receive() {
    let a = loopback();
    let (_kept, closed) = closed();
    let complaint = || {
        let received = a.receive(&mut Batch::new(), RECV_WAIT);
        let error = received.expect_err("nobody answers");
        Some(SocketError::classify(&error)).filter(|said| *said != SocketError::Idle)
    };
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| wait_for(complaint));
        send(&a, &[(closed, vec![1])]);
        let said = waits.join().expect("it comes");
        assert_eq!(said, SocketError::Icmp(IcmpKind::Refused));
    });
}

/// What a socket at `bind` says after each of these errors, or `None` if this user may not send them.
#[cfg(target_os = "linux")]
fn said_after(errors: &[(u8, u8)], ip: &str) -> Option<Vec<((u8, u8), SocketError)>> {
    let address = SocketAddr::new(ip.parse().expect("an address"), 0);
    let forger = Forger::new(address.is_ipv6())?;
    let socket = Socket::bind(Bind::At(address)).ok()?;
    let said = |&error| {
        forger.send(error, socket.local_addr());
        let received = socket.receive(&mut Batch::new(), PATIENCE);
        let failed = received.expect_err("nobody has sent a datagram");
        let taken = socket.complaints(None, &mut |_| {});
        assert_eq!(taken.expect("a live socket"), 1, "{error:?}");
        (error, SocketError::classify(&failed))
    };
    Some(errors.iter().map(said).collect())
}

/// Anybody may write them, so none may pass for trouble of this machine's own.
#[cfg(target_os = "linux")]
#[test]
fn every_error_that_a_network_can_report_is_known_for_what_it_is() {
    for (ip, errors) in [("127.0.0.1", &forged::V4[..]), ("::1", &forged::V6[..])] {
        let Some(all) = said_after(errors, ip) else {
            skipped("no right to forge ICMP errors, or no such family on this machine");
            continue;
        };
        for (error, said) in all {
            assert!(matches!(said, SocketError::Icmp(_)), "{error:?}: {said:?}");
        }
    }
}

/// More than one call reads: it leaves no error behind that would fail the next receive.
#[cfg(target_os = "linux")]
#[test]
fn a_flood_of_complaints_does_not_come_before_a_datagram() {
    let Some(forger) = Forger::new(false) else {
        return skipped("no right to forge ICMP errors");
    };
    let (a, b) = (loopback(), loopback());
    (0..3 * MAX_COMPLAINTS).for_each(|_| forger.send((3, 7), a.local_addr()));
    send(&b, &[(a.local_addr(), vec![1])]);
    let mut batch = Batch::new();
    let received = a.receive(&mut batch, PATIENCE);
    let error = received.expect_err("what is complained of comes first");
    assert_eq!(
        SocketError::classify(&error),
        SocketError::Icmp(IcmpKind::HostUnreachable)
    );
    let taken = a.complaints(None, &mut |_| {});
    assert_eq!(taken.expect("a live socket"), MAX_COMPLAINTS);
    a.receive(&mut batch, PATIENCE).expect("it is there");
    assert_eq!(batch.datagrams().count(), 1);
}

/// A train in as few calls as before.
#[cfg(target_os = "linux")]
fn assert_trains(a: &Socket) {
    let b = loopback();
    let (sent, _) = send(a, &vec![(b.local_addr(), vec![7; 1_200]); 40]);
    assert_eq!((sent.datagrams, sent.calls), (40, 1));
}

/// Linux refuses one to port 0 as it refuses a train where there are none.
#[cfg(target_os = "linux")]
#[test]
fn what_is_refused_singly_ends_no_train() {
    let a = loopback();
    if a.abilities().gso_segments < 40 {
        return skipped("no segmentation offload on this machine");
    }
    let refused = a.try_send(&Train {
        to: SocketAddr::new(a.local_addr().ip(), 0),
        source: None,
        contents: &[1],
        size: 1,
    });
    let refused = refused.map_err(|error| SocketError::classify(&error));
    assert_eq!(refused, Err(SocketError::NotTaken));
    assert_trains(&a);
    // An address that no datagram leaves for from this one, where there is a route at all.
    let away = "0.0.0.1:9".parse().expect("an address");
    let (sent, _) = send(&a, &vec![(away, vec![7; 100]); 3]);
    assert_eq!((sent.datagrams, sent.lost), (0, vec![0, 1, 2]));
    assert_trains(&a);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_refused_as_a_train_and_taken_singly_is_sent_singly_from_then_on() {
    const COUNT: usize = 200;
    let (a, b) = (loopback(), loopback());
    // More than any system takes in one.
    a.segments.store(COUNT, Ordering::Relaxed);
    let (sent, _) = send(&a, &vec![(b.local_addr(), vec![7]); COUNT]);
    assert_eq!((sent.datagrams, sent.calls), (COUNT, COUNT));
    assert_eq!(sent.lost, [0_usize; 0]);
    assert_eq!(a.abilities().gso_segments, 1);
}

#[test]
fn nothing_is_sent_to_port_0() {
    let (a, b) = (loopback(), loopback());
    let nowhere = SocketAddr::new(b.local_addr().ip(), 0);
    let one = (nowhere, vec![1]);
    let (sent, errors) = send(&a, &[one.clone(), one, (b.local_addr(), vec![2])]);
    assert_eq!((sent.datagrams, sent.calls, sent.lost), (1, 1, vec![0, 1]));
    assert_eq!(errors, []);
    // quinn-udp would have lowered its number at the first try.
    let untried = a.state.max_gso_segments();
    assert_eq!(untried, a.abilities().gso_segments);
}

/// What a wait for room comes to that finds these in turn, a quarter of its time each, and how many complaints it read.
fn waited(found: &[io::Result<Writable>]) -> (bool, usize) {
    let (turn, mut read) = (core::cell::Cell::new(0), 0);
    let left = || SEND_WAIT.saturating_sub(SEND_WAIT / 4 * u32::try_from(turn.get()).unwrap_or(4));
    let wait = |_| {
        let now = turn.replace(turn.get() + 1);
        match &found[now] {
            Ok(writable) => Ok(*writable),
            Err(error) => Err(error.kind().into()),
        }
    };
    let has_room = wait_all_the_time(left, wait, || {
        read += 1;
        Ok(())
    });
    (has_room, read)
}

#[test]
fn neither_a_complaint_nor_a_signal_ends_the_wait_for_room() {
    use Writable::{Complaint, No, Yes};
    let signal = || Err(ErrorKind::Interrupted.into());
    assert_eq!(waited(&[Ok(Yes)]), (true, 0));
    assert_eq!(waited(&[Ok(No)]), (false, 0));
    let both = [Ok(Complaint), signal(), Ok(Complaint), Ok(Yes)];
    assert_eq!(waited(&both), (true, 2));
    let ever = [const { Ok(Complaint) }; 5];
    assert_eq!(waited(&ever), (false, 5), "but for its time only");
    assert_eq!(waited(&[Err(ErrorKind::OutOfMemory.into())]), (false, 0));
}
