//! From which address a datagram leaves, and what becomes of it if nothing leaves from there any more.

use super::*;
use crate::net::udp::batch::own;

fn everywhere() -> [Socket; 2] {
    let v4 = Bind::Everywhere {
        port: 0,
        family: Family::V4,
    };
    [v4, Bind::any()].map(|bind| Socket::bind(bind).expect("a port"))
}

fn way(to: &Socket, local: &str) -> Route {
    Route {
        peer: to.local_addr(),
        local: Some(local.parse().expect("an address")),
    }
}

fn send_by(socket: &Socket, batch: &[(Route, Vec<u8>)]) -> (Sent, Vec<IcmpError>) {
    let mut errors = Vec::new();
    let report = &mut |error| errors.push(error);
    let sent = socket.send(batch, &mut Vec::new(), Room::Wait, report);
    (sent.expect("a live socket"), errors)
}

/// The ways of the next datagrams.
fn ways(socket: &Socket, count: usize) -> Vec<Route> {
    let (mut batch, mut all) = (Batch::new(), Vec::new());
    wait_for(|| {
        if socket.receive(&mut batch, RECV_WAIT).is_ok() {
            all.extend(batch.datagrams().map(|(from, _)| from));
        }
        (all.len() >= count).then_some(())
    });
    all
}

#[test]
fn a_datagram_says_to_which_address_it_came_and_an_answer_leaves_from_there() {
    for here in everywhere() {
        let other = loopback();
        for ip in ["127.0.0.1", "127.0.0.2", "127.3.4.5"] {
            send(&other, &[(on_loopback(&here, ip), vec![1])]);
            let expected = way(&other, ip);
            assert_eq!(ways(&here, 1), [expected]);
            let (sent, errors) = send_by(&here, &[(expected, vec![2])]);
            assert_eq!((sent.datagrams, sent.gone, errors), (1, None, vec![]));
            assert_eq!(receive(&other, 1)[0].0, on_loopback(&here, ip));
        }
    }
}

#[test]
fn a_datagram_over_ipv6_says_to_which_address_it_came() {
    let Ok(other) = Socket::bind(Bind::At("[::1]:0".parse().expect("an address"))) else {
        return skipped("no IPv6 on this machine");
    };
    let here = Socket::bind(Bind::any()).expect("a port");
    send(&other, &[(on_loopback(&here, "::1"), vec![1])]);
    assert_eq!(ways(&here, 1), [way(&other, "::1")]);
}

#[test]
fn a_socket_for_one_address_names_none_and_sends_from_no_other() {
    let (here, other) = (loopback(), loopback());
    send(&other, &[(here.local_addr(), vec![1])]);
    assert_eq!(ways(&here, 1), [Route::from(other.local_addr())]);
    send_by(&here, &[(way(&other, "127.0.0.2"), vec![2])]);
    assert_eq!(receive(&other, 1), [(here.local_addr(), vec![2])]);
}

#[test]
fn what_came_to_a_group_is_answered_from_wherever_the_system_chooses() {
    for group in [
        "255.255.255.255",
        "224.0.0.251",
        "0.0.0.0",
        "ff02::fb",
        "::",
    ] {
        assert_eq!(own(group.parse().expect("an address")), None);
    }
    let mapped = own("::ffff:192.0.2.1".parse().expect("an address"));
    assert_eq!(mapped, Some(IpAddr::from([192, 0, 2, 1])));
}

#[test]
fn a_train_has_one_source() {
    let other = loopback();
    let [one, two] = ["127.0.0.1", "127.0.0.2"].map(|ip| (way(&other, ip), vec![1; 700]));
    let none = (Route::from(other.local_addr()), vec![1; 700]);
    assert_eq!(run_length(&[one.clone(), one.clone(), two.clone()], 64), 2);
    assert_eq!(run_length(&[none, one.clone(), two], 64), 1);
    let [here, _] = everywhere();
    let batch: Vec<_> = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
        .map(|ip| (way(&other, ip), vec![3; 1_200]))
        .into_iter()
        .flat_map(|one| vec![one; 5])
        .collect();
    send_by(&here, &batch);
    let from: Vec<_> = receive(&other, 15).into_iter().map(|it| it.0).collect();
    let expected: Vec<_> = batch
        .iter()
        .map(|(to, _)| SocketAddr::new(to.local.expect("it has one"), here.local_addr().port()))
        .collect();
    assert_eq!(from, expected);
}

/// Datagrams by a way whose address of ours is not this machine's, and one by another.
fn from_nowhere(here: &Socket, other: &Socket, gone: &str) {
    let gone = way(other, gone);
    let batch = vec![(gone, vec![7; 1_200]); 10];
    let (sent, errors) = send_by(here, &batch);
    assert_eq!((sent.datagrams, sent.lost), (10, vec![]));
    assert_eq!((sent.gone, errors), (Some(gone), vec![]));
    assert_eq!(receive(other, 10).len(), 10);
}

#[test]
fn an_address_that_is_not_ours_costs_no_datagram_and_is_named() {
    for here in everywhere() {
        from_nowhere(&here, &loopback(), "192.0.2.77");
    }
    let Ok(other) = Socket::bind(Bind::At("[::1]:0".parse().expect("an address"))) else {
        return skipped("no IPv6 on this machine");
    };
    let here = Socket::bind(Bind::any()).expect("a port");
    let trains = here.abilities().gso_segments;
    from_nowhere(&here, &other, "2001:db8::77");
    assert_eq!(
        here.abilities().gso_segments,
        trains,
        "it was not the train"
    );
    let (sent, _) = send_by(&here, &vec![(way(&other, "::1"), vec![7; 1_200]); 10]);
    assert_eq!(sent.calls, 10_usize.div_ceil(trains));
}

#[test]
fn an_address_of_the_other_family_is_not_sent_from() {
    let here = Socket::bind(Bind::any()).expect("a port");
    let other = loopback();
    let (sent, _) = send_by(&here, &[(way(&other, "::1"), vec![1])]);
    assert_eq!((sent.datagrams, sent.gone), (1, None));
    assert_eq!(receive(&other, 1).len(), 1);
}

/// What an earlier datagram met is not taken for a failure of the address.
#[test]
fn a_complaint_about_an_earlier_datagram_does_not_count_against_an_address() {
    let [here, _] = everywhere();
    let (_kept, closed) = closed();
    let other = loopback();
    send(&here, &[(closed, vec![1])]);
    wait_for(|| here.is_readable_for_testing_only(RECV_WAIT).then_some(()));
    let (sent, errors) = send_by(&here, &[(way(&other, "127.0.0.2"), vec![2])]);
    assert_eq!((sent.datagrams, sent.gone), (1, None));
    assert_eq!(errors.len(), 1);
    assert_eq!(receive(&other, 1)[0].0, on_loopback(&here, "127.0.0.2"));
}

#[test]
fn an_address_is_not_given_up_for_what_fails_from_every_other_too() {
    for here in everywhere() {
        let mut route = way(&loopback(), "127.0.0.2");
        // Nothing leaves for port 0; Linux says what it says of an address that is not ours.
        route.peer.set_port(0);
        let (sent, _) = send_by(&here, &[(route, vec![1])]);
        assert_eq!((sent.datagrams, sent.lost, sent.gone), (0, vec![0], None));
    }
}

#[test]
fn what_somebody_forges_between_two_tries_is_not_of_the_source() {
    let Some(forger) = Forger::new(false) else {
        return skipped("no right to forge ICMP errors");
    };
    let here = loopback();
    let unreachable = io::Error::from(rustix::io::Errno::HOSTUNREACH);
    forger.send((3, 1), here.local_addr());
    wait_for(|| here.is_readable_for_testing_only(RECV_WAIT).then_some(()));
    let mut told = 0;
    assert!(!here.is_of_source(&unreachable, &mut |_| told += 1));
    assert_eq!(told, 1);
    assert!(here.is_of_source(&unreachable, &mut |_| told += 1));
    assert_eq!(told, 1, "there is none to read");
}
