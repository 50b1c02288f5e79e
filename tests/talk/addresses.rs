//! IPv4, IPv6, names, and from where to call.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use crate::common::skipped;
use crate::home::{Home, check, free_port, listening};
use crate::programs;

/// Whether this machine has IPv6; says so if it has not.
fn has_ipv6() -> bool {
    let has = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        skipped("no IPv6 on this machine");
    }
    has
}

#[test]
fn two_talk_over_ipv6() {
    if !has_ipv6() {
        return;
    }
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen_at("[::1]:0", &[]);
    assert!(address.is_ipv6());
    let mut caller = alice.connect("bob", address, &["--save-as", "bob"]);
    caller.told(&format!("secure: bob at {address}"));
    check(&mut caller, &mut listener);
}

#[test]
fn a_name_that_is_typed_in_another_form_is_the_same() {
    let (alice, bob) = (Home::new(), Home::new());
    bob.knows("alice", &alice);
    let (_listener, address) = bob.listen(&[]);
    let (composed, decomposed) = ("jos\u{e9}", "jose\u{301}");
    for typed in [decomposed, decomposed, composed] {
        let mut caller = alice.call(&bob, address, &["--save-as", typed]);
        caller.told("secure: ");
        caller.leave();
        let shown = alice.run(&["status", typed]).rest;
        assert!(shown.contains(&format!("peer: {composed}\n")), "{shown}");
    }
}

#[test]
fn one_socket_listens_on_both_families() {
    if !has_ipv6() {
        return;
    }
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    carol.knows("bob", &bob);
    bob.knows("carol", &carol);
    let mut listener = bob.start(&["listen", "[::]:0"]);
    let address = listening(&mut listener);
    let at = |ip: IpAddr| SocketAddr::new(ip, address.port());
    let mut four = alice.connect("bob", at(Ipv4Addr::LOCALHOST.into()), &[]);
    // It is shown as what it is, not as an IPv6 address with an IPv4 one in it.
    listener.told("secure: alice at 127.0.0.1:");
    let mut six = carol.connect("bob", at(Ipv6Addr::LOCALHOST.into()), &[]);
    listener.told("secure: carol at [::1]:");
    four.say("over four");
    listener.said("\talice\tover four");
    six.say("over six");
    listener.said("\tcarol\tover six");
}

#[test]
fn a_name_is_tried_at_every_address_that_it_has() {
    let found = ("localhost", 0).to_socket_addrs().unwrap();
    let found: BTreeSet<IpAddr> = found.map(|address| address.ip()).collect();
    let (alice, bob) = Home::friends();
    for ip in found {
        let (mut listener, address) = bob.listen_at(&SocketAddr::new(ip, 0).to_string(), &[]);
        let host = format!("localhost:{}", address.port());
        let mut caller = alice.start(&["connect", "bob", &host]);
        caller.told(&format!("secure: bob at {address}"));
        check(&mut caller, &mut listener);
    }
}

#[test]
fn a_name_is_saved_as_a_name() {
    let (alice, bob) = (Home::new(), Home::new());
    bob.knows("alice", &alice);
    let found = ("localhost", 0).to_socket_addrs().unwrap().next().unwrap();
    let (mut listener, address) = bob.listen_at(&found.to_string(), &[]);
    let (key, host) = (bob.key(), format!("localhost:{}", address.port()));
    let args = ["connect", "--peer-key", &key, &host, "--save-as", "bob"];
    let mut caller = alice.start(&args);
    caller.told("saved as bob");
    check(&mut caller, &mut listener);
    assert!(alice.known_peers().contains(&format!("addr={host}")));
}

#[test]
fn a_caller_sends_from_where_it_is_told_to() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let from = free_port().to_string();
    let mut caller = alice.connect("bob", address, &["--bind", &from]);
    listener.told(&format!("secure: alice at {from}"));
    check(&mut caller, &mut listener);
}

#[test]
fn a_family_can_be_chosen() {
    let (alice, bob) = Home::friends();
    let mut listener = bob.start(&["listen", "-4", ":0"]);
    let address = listening(&mut listener);
    assert_eq!(address.ip(), IpAddr::from(Ipv4Addr::UNSPECIFIED));
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    let mut caller = alice.connect("bob", local, &["-4"]);
    check(&mut caller, &mut listener);
    caller.leave();
    alice.connect("bob", local, &["-6"]).end().failed(3, "SC13");
}

/// Each looked whether the usual port was free, and took it a moment later, when another one had it.
#[test]
fn programs_that_start_at_once_have_a_port_each() {
    let homes = [(); 6].map(|()| Home::new());
    let mut programs = homes.each_ref().map(|home| home.start(&["--json"]));
    let ports = programs.each_mut().map(|it| programs::listening(it).port());
    let different: BTreeSet<u16> = ports.into_iter().collect();
    assert_eq!(different.len(), ports.len(), "{ports:?}");
}

#[test]
fn a_listener_on_ipv6_alone_does_not_hear_ipv4() {
    if !has_ipv6() {
        return;
    }
    let (alice, bob) = Home::friends();
    let mut listener = bob.start(&["listen", "-6", ":0"]);
    let address = listening(&mut listener);
    assert_eq!(address.ip(), IpAddr::from(Ipv6Addr::UNSPECIFIED));
    let four = SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()));
    let six = SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()));
    let ended = alice.connect("bob", four, &["--timeout", "1s"]).end();
    assert_eq!(ended.code, Some(3), "{}", ended.transcript);
    let mut caller = alice.connect("bob", six, &["-6"]);
    check(&mut caller, &mut listener);
}
