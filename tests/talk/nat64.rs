//! A network that has IPv6 only and a NAT64, and somebody known by an IPv4 address.

use serde_json::{Value, json};

use crate::doctor::line;
use crate::home::Home;
use crate::namespace::Network;
use crate::program::{Program, until};
use crate::programs::event;

/// A machine without a way to IPv4 addresses, whose name server knows a NAT64; and what that would lead to, 203.0.113.9, is here.
fn of_ipv6() -> Option<Network> {
    let hosts = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&hosts, "64:ff9b::c000:aa ipv4only.arpa\n").unwrap();
    let name = hosts.path().display();
    let addresses =
        "for it in 2001:db8::1 64:ff9b::203.0.113.9; do ip addr add $it/128 dev lo nodad; done";
    Network::new(&format!("{addresses} && mount --bind {name} /etc/hosts"))
}

fn says(from: &mut Program, to: &mut Program, name: &str, words: &str) {
    let line = json!({ "cmd": "send", "peer": name, "text": words });
    from.say(&line.to_string());
    loop {
        let heard = event(to, "message");
        if heard["dir"] == "in" {
            assert_eq!(heard["text"], words);
            return;
        }
    }
}

fn both_say(caller: &mut Program, listener: &mut Program, words: &str) {
    says(caller, listener, "bob", words);
    says(listener, caller, "alice", words);
}

/// Waits until the status of `home` has its only peer at such an address.
fn comes_from(network: &Network, home: &Home, address: &str) {
    until(address, || {
        let told = network.start(home, &["status", "--json"]).end();
        let told: Value = serde_json::from_str(&told.rest).unwrap();
        let from = told["peers"][0]["address"].as_str()?;
        from.starts_with(address).then_some(())
    });
}

/// Names worked there, addresses did not.
#[test]
fn an_ipv4_address_is_reached_through_a_nat64_and_a_talk_moves_there_and_back() {
    let Some(mut network) = of_ipv6() else {
        return;
    };
    let friends = Home::friends();
    let (mut listener, mut caller, address) = network.call(&friends, "[::]:0", "203.0.113.9");
    let secure = event(&mut caller, "secure");
    assert_eq!(secure["address"], json!(address));
    event(&mut listener, "secure");
    both_say(&mut caller, &mut listener, "through the NAT64");
    assert!(network.does("ip addr add 203.0.113.9/32 dev lo"));
    both_say(&mut caller, &mut listener, "by IPv4");
    comes_from(&network, &friends.1, "203.0.113.9:");
    assert!(network.does("ip addr del 203.0.113.9/32 dev lo"));
    both_say(&mut caller, &mut listener, "through it again");
}

#[test]
fn doctor_finds_a_nat64_and_looks_through_it() {
    let Some(network) = of_ipv6() else {
        return;
    };
    let doctor = network.start(&Home::empty(), &["doctor", "203.0.113.9:9"]);
    let ended = doctor.end();
    let (outcome, says) = line(&ended, "NAT64");
    assert_eq!(outcome, "ok", "{says}");
    assert_eq!(
        says.trim_start(),
        "IPv4 addresses are reached through 64:ff9b::/96"
    );
    let (outcome, says) = line(&ended, "way there");
    assert_eq!(outcome, "FAIL", "{says}");
    assert!(
        says.ends_with("reports that this UDP port is closed"),
        "{says}"
    );
}
