//! What is said about the network, and networks with something in between: routers that let in nothing but answers, and
//! what answers for others.

use std::net::{SocketAddr, UdpSocket};
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::thread;

use crate::doctor::line;
use crate::home::{Home, check, free_port};
#[cfg(target_os = "linux")]
use crate::namespace::Network;
#[cfg(target_os = "linux")]
use crate::program::Program;

/// What a router knows about its inside: who has sent something out, and may be answered from then on.
type Inside = Arc<OnceLock<SocketAddr>>;

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

/// Carries datagrams of the inside of one router to that of the other, which drops them until its own inside has sent some.
fn carry(outside: UdpSocket, beyond: UdpSocket, inside: Inside, other: Inside) {
    thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while let Ok((length, from)) = outside.recv_from(&mut buffer) {
            inside.get_or_init(|| from);
            if let Some(to) = other.get() {
                beyond.send_to(&buffer[..length], to).unwrap();
            }
        }
    });
}

/// Two routers; the addresses are where the inside of each sees the other one.
fn routers() -> [SocketAddr; 2] {
    let (one, other) = (socket(), socket());
    let insides = [Inside::default(), Inside::default()];
    let addresses = [&one, &other].map(|socket| socket.local_addr().unwrap());
    let copies = [&one, &other].map(|socket| socket.try_clone().unwrap());
    let [first, second] = insides;
    let [one_again, other_again] = copies;
    carry(one, other_again, first.clone(), second.clone());
    carry(other, one_again, second, first);
    addresses
}

/// Alice and Bob behind such routers, each with the other's public address.
fn behind_routers() -> [Home; 2] {
    let homes = [Home::new(), Home::new()];
    let [alice, bob] = &homes;
    let [to_bob, to_alice] = routers();
    for (home, name, other, there) in [(alice, "bob", bob, to_bob), (bob, "alice", alice, to_alice)]
    {
        let there = there.to_string();
        home.run(&["peers", "add", name, &other.key(), "--address", &there]);
    }
    homes
}

/// Neither has a port forwarded. It was said not to work.
#[test]
fn two_behind_routers_who_call_each_other_meet() {
    let [alice, bob] = behind_routers();
    let call = |home: &Home, name: &str| {
        let from = free_port().to_string();
        home.start(&["connect", name, "--retry", "--bind", &from])
    };
    let mut early = call(&alice, "bob");
    early.told("connecting to bob at ");
    let mut late = call(&bob, "alice");
    late.told("secure: alice at ");
    early.told("secure: bob at ");
    check(&mut early, &mut late);
}

#[cfg(target_os = "linux")]
#[test]
fn two_behind_routers_who_save_each_others_address_meet_when_both_run() {
    use crate::terminal::{sees_prompt, start};
    let [alice, bob] = behind_routers();
    let run = |home: &Home| {
        let listen = format!("[net]\nlisten = \"{}\"\n", free_port());
        std::fs::write(home.path("config.toml"), listen).unwrap();
        start(home.command(&[]))
    };
    let mut early = run(&alice);
    early.said("listening on ");
    let mut late = run(&bob);
    sees_prompt(&mut late, "alice");
    sees_prompt(&mut early, "bob");
    check(&mut early, &mut late);
}

/// It was "no answer": what came back was not looked at.
#[test]
fn what_answers_and_is_no_securechat_is_told_by_doctor() {
    let portal = socket();
    let there = portal.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while let Ok((_, from)) = portal.recv_from(&mut buffer) {
            // Whoever has asked may have ended.
            let _ = portal.send_to(b"log in first", from);
        }
    });
    let ended = Home::empty().attempt(&["doctor", &there]);
    assert_eq!(ended.code, Some(3), "{}", ended.transcript);
    let (outcome, says) = line(&ended, "way there");
    assert_eq!(outcome, "FAIL", "{says}");
    assert!(
        says.ends_with("something answers that is no securechat"),
        "{says}"
    );
}

/// What runs a command where there is no network at all; none, after saying so, where that is not allowed.
#[cfg(target_os = "linux")]
fn without_a_network() -> Option<Command> {
    let nowhere = |args: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.arg("-Urn").args(args);
        unshare
    };
    let mut probe = nowhere(&["sh", "-c", crate::disks::KNOWS_ROOT]);
    let is_allowed = probe.stderr(Stdio::null()).status();
    let is_allowed = is_allowed.is_ok_and(|status| status.success());
    if !is_allowed {
        crate::common::skipped("no network namespace for a user");
    }
    is_allowed.then(|| nowhere(&[]))
}

/// The peer was blamed.
#[cfg(target_os = "linux")]
#[test]
fn on_a_machine_without_a_network_the_peer_is_not_blamed() {
    let (alice, _bob) = Home::friends();
    let there = "192.0.2.9:7419";
    for (args, code, error) in [
        (&["connect", "bob", there, "--timeout", "1s"][..], 3, "SC06"),
        (&["ping", "bob", there, "--wait", "1s"], 3, "SC06"),
        (
            &["send", "bob", "hello", "--address", there, "--wait", "1s"],
            6,
            "SC14",
        ),
    ] {
        let Some(mut nowhere) = without_a_network() else {
            return;
        };
        let command = alice.command(args);
        nowhere.arg(command.get_program()).args(command.get_args());
        let ended = Program::start(nowhere).end();
        ended.failed(code, error);
        let told = ended.told;
        assert!(told.contains("This machine has no way there"), "{told}");
        assert!(!told.contains("nobody is listening"), "{told}");
    }
}

/// It said nothing until a message waited.
#[cfg(target_os = "linux")]
#[test]
fn who_calls_again_and_again_is_told_that_there_is_no_way_and_when_there_is_one() {
    let (alice, bob) = Home::friends();
    let Some(mut network) = Network::new("true") else {
        return;
    };
    let there = "192.0.2.9:7419";
    let mut caller = network.start(&alice, &["connect", "bob", there, "--retry"]);
    let told = caller.told("nothing gets to 192.0.2.9:7419; trying on. ");
    assert!(
        told.ends_with(
            "This machine has no way there, or a router or firewall says that nothing gets there."
        ),
        "{told}"
    );
    assert!(network.does("ip addr add 192.0.2.9/32 dev lo"));
    caller.told("there is a way to 192.0.2.9:7419 again; trying on");
    let _listener = network.start(&bob, &["listen", there]);
    caller.told("secure: bob at 192.0.2.9:7419");
    caller.signal(rustix::process::Signal::TERM);
    let said = caller.end().transcript;
    assert_eq!(said.matches("nothing gets to").count(), 1, "{said}");
}

/// That was only told of the address that is tried first.
#[cfg(target_os = "linux")]
#[test]
fn there_is_a_way_again_where_one_of_several_addresses_can_be_reached() {
    let (alice, bob) = two_addresses();
    let Some(mut network) = Network::new("true") else {
        return;
    };
    let mut caller = network.start(&alice, &["connect", "bob", "--retry"]);
    caller.told("nothing gets to ");
    assert!(network.does("ip addr add 192.0.2.9/32 dev lo"));
    caller.told("there is a way to 192.0.2.9:7419 again; trying on");
    let _listener = network.start(&bob, &["listen", "192.0.2.9:7419"]);
    caller.told("secure: bob at 192.0.2.9:7419");
}

/// This machine was said to have no way there, by `send` and by `connect`, while calls left for the second address.
#[cfg(target_os = "linux")]
#[test]
fn a_network_is_not_blamed_that_reaches_one_of_several_addresses() {
    let (alice, _bob) = two_addresses();
    let Some(network) = Network::new("ip addr add 192.0.2.9/32 dev lo") else {
        return;
    };
    // Whoever has that address is silent.
    let carol = Home::new();
    carol.key();
    let mut other = network.start(&carol, &["listen", "192.0.2.9:7419", "--stealth"]);
    other.told("listening on 192.0.2.9:7419");
    let send = ["send", "bob", "hello", "--wait", "3s"];
    let connect = ["connect", "bob", "--timeout", "3s"];
    let blames_nothing = |args: &[&str]| {
        let ended = network.start(&alice, args).end();
        let told = ended.told;
        assert!(told.contains("SC"), "{told}");
        assert!(!told.contains("no way there"), "{told}");
        assert!(!told.contains("nothing gets to"), "{told}");
    };
    blames_nothing(&send);
    blames_nothing(&connect);
    let mut daemon = network.start(&alice, &["daemon", "0"]);
    daemon.told("listening on");
    blames_nothing(&send);
}

/// Bob is saved with an address that no machine without IPv6 reaches, and with another.
#[cfg(target_os = "linux")]
fn two_addresses() -> (Home, Home) {
    let (alice, bob) = (Home::new(), Home::new());
    bob.knows("alice", &alice);
    let add = ["peers", "add", "bob", &bob.key()];
    let addresses = [
        "--address",
        "[2001:db8::9]:7419",
        "--address",
        "192.0.2.9:7419",
    ];
    alice.run(&[&add[..], &addresses].concat());
    (alice, bob)
}

/// It named no host, though the line at the start did.
#[cfg(target_os = "linux")]
#[test]
fn what_others_can_run_is_the_same_whenever_it_is_said() {
    let home = Home::new();
    let (mut listener, _) = crate::terminal::listen(&home, &[]);
    let command = |line: String| line[line.find("others can run:").unwrap()..].to_owned();
    let first = command(listener.said("others can run:"));
    listener.say("/myid");
    assert_eq!(command(listener.said("others can run:")), first);
}
