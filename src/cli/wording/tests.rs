use super::*;
use crate::cli::Error;
use crate::cli::error::tests::{address, bob};

fn shown(error: &Error) -> String {
    let lines = error.report().render(&[]);
    let lines: Vec<&str> = lines.iter().map(Safe::as_str).collect();
    lines.join("\n")
}

#[test]
fn silence_is_explained() {
    let error = Error::NoAnswer {
        peer: bob(),
        address: address(),
        after: Duration::from_secs(10),
        tries: 5,
        barrier: None,
    };
    assert_eq!(
        shown(&error),
        "error: no answer from bob at 203.0.113.9:7419 after 10 s (5 tries)  [SC06]\n\
         \x20 Perhaps the address or port is wrong, nobody is listening there, or a\n\
         \x20 firewall or NAT drops UDP on the way. Or whoever is there is silent on purpose:\n\
         \x20 it does not hold bob's key, or has revoked yours, or knows only its\n\
         \x20 peers (--stealth), or the words that you compared differed.\n\
         \x20 try: ask bob to run \"securechat listen\"\n\
         \x20 To compare the key that you have: securechat peers show bob"
    );
    assert_eq!(error.exit_code(), ExitCode::Network);
}

#[test]
fn answers_with_another_secret_are_told_from_silence_as_something_that_may_be() {
    let error = Error::OtherPsk {
        peer: bob(),
        address: address(),
        after: Duration::from_secs(10),
        tries: 5,
    };
    assert_eq!(
        shown(&error),
        "error: no answer that opens from bob at 203.0.113.9:7419 after 10 s (5 tries)  [SC06]\n\
         \x20 Whoever has bob's key answers, perhaps with another shared secret (psk):\n\
         \x20 it differs between you, only one of you has one, or bob does not know your\n\
         \x20 key. Or somebody on the way alters the answers, and hopes that you do without.\n\
         \x20 try: compare with bob by another way, and save the same on both sides\n\
         \x20 Whether you have one: securechat peers show bob"
    );
    assert_eq!(error.exit_code(), ExitCode::Network);
}

#[test]
fn where_nothing_gets_the_peer_is_not_blamed() {
    let told = |barrier| {
        let error = Error::NoAnswer {
            peer: bob(),
            address: address(),
            after: Duration::from_secs(10),
            tries: 1,
            barrier: Some(barrier),
        };
        shown(&error)
    };
    assert_eq!(
        told(Barrier::NoWay),
        "error: no answer from bob at 203.0.113.9:7419 after 10 s (1 try)  [SC06]\n\
         \x20 This machine has no way there, or a router or firewall says that nothing gets there.\n\
         \x20 try: connect this machine to a network that leads there, and check the address\n\
         \x20 What stands in the way: securechat doctor 203.0.113.9:7419"
    );
    assert_eq!(
        told(Barrier::Firewall),
        "error: no answer from bob at 203.0.113.9:7419 after 10 s (1 try)  [SC06]\n\
         \x20 A firewall, on this machine or on the way, reports that it lets nothing through.\n\
         \x20 try: have UDP allowed to that address and port\n\
         \x20 What stands in the way: securechat doctor 203.0.113.9:7419"
    );
}

#[test]
fn a_closed_port_is_told_from_silence() {
    let error = Error::PortClosed {
        peer: bob(),
        address: address(),
    };
    assert_eq!(
        shown(&error),
        "error: nothing seems to listen at 203.0.113.9:7419  [SC07]\n\
         \x20 The machine, or something on the way, reported that this UDP port is closed.\n\
         \x20 try: ask bob to run \"securechat listen\", and check the port number"
    );
}
