//! What does not work says why, with its exit code.

use std::net::UdpSocket;
use std::time::Duration;

use serde_json::json;

#[cfg(unix)]
use crate::common::skipped;
use crate::home::{Home, Talk, check, free_port};
use crate::program::within;
use crate::programs::{ask, event, parse};
use crate::wire::Wire;

#[test]
fn a_closed_port_is_named_as_such() {
    let (alice, _bob) = Home::friends();
    let address = free_port();
    let caller = alice.connect("bob", address, &["--timeout", "2s"]);
    let ended = within(Duration::from_secs(2), || caller.end());
    ended.failed(3, "SC07");
    let title = format!("error: nothing seems to listen at {address}  [SC07]\n");
    assert!(ended.transcript.contains(&title), "{}", ended.transcript);
}

#[test]
fn a_port_that_somebody_has_is_in_use() {
    let bob = Home::new();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    bob.attempt(&["listen", &address]).failed(3, "SC12");
    let (alice, bob) = Home::friends();
    let talk = Talk::between(&alice, &bob);
    let address = talk.address.to_string();
    Home::new().attempt(&["listen", &address]).failed(3, "SC12");
}

#[test]
fn an_address_of_another_machine_cannot_be_listened_on() {
    let bob = Home::new();
    bob.attempt(&["listen", "192.0.2.1:7419"]).failed(3, "SC12");
}

#[test]
fn a_host_that_does_not_exist_is_not_found() {
    let (alice, _bob) = Home::friends();
    // RFC 6761 §6.4: this name never exists. Without a network the resolver says something else.
    let call = [
        "connect",
        "bob",
        "no-such-host.invalid:7419",
        "--timeout",
        "10s",
    ];
    let ended = alice.attempt(&call);
    ended.failed(3, "SC13");
    let title = "error: cannot find the host \"no-such-host.invalid\"  [SC13]\n";
    assert!(ended.transcript.contains(title), "{}", ended.transcript);
}

/// A machine that wakes up has no name server yet.
#[cfg(unix)]
#[test]
fn with_retry_a_host_that_is_not_found_is_looked_up_again() {
    let (alice, _bob) = Home::friends();
    let call = ["connect", "bob", "no-such-host.invalid:7419", "--retry"];
    let mut caller = alice.start(&call);
    let told = caller.told("cannot find the host no-such-host.invalid (");
    assert!(told.contains("looked up again"), "{told}");
    caller.signal(rustix::process::Signal::TERM);
    let ended = caller.end();
    assert_eq!(ended.code, Some(143), "{}", ended.transcript);
}

#[cfg(unix)]
#[test]
fn with_retry_programs_are_told_of_a_host_that_is_not_found_and_status_says_what_is_tried() {
    let (alice, _bob) = Home::friends();
    let host = "no-such-host.invalid:7419";
    let mut caller = alice.start(&["connect", "bob", host, "--retry", "--json"]);
    let event = caller.said("\"type\":\"error\"");
    assert!(event.contains("\"code\":\"SC13\""), "{event}");
    let status = alice.run(&["status", "--json"]).rest;
    let why = "the address of bob was not found (";
    assert!(
        status.contains(why) && !status.contains("has to call"),
        "{status}"
    );
    caller.kill();
}

#[test]
fn a_message_waits_for_a_host_that_is_not_found_as_long_as_for_one_that_does_not_answer() {
    let (alice, _bob) = Home::friends();
    let host = ["--address", "no-such-host.invalid:7419", "--wait", "2s"];
    let begun = std::time::Instant::now();
    let ended = alice.attempt(&[&["send", "bob", "hello"], &host[..]].concat());
    assert!(begun.elapsed() >= Duration::from_secs(2));
    ended.failed(3, "SC13");
    let told = &ended.transcript;
    let words = "cannot find the host no-such-host.invalid (";
    assert_eq!(told.matches(words).count(), 1, "{told}");
    assert!(told.contains("1 message is kept"), "{told}");
}

#[test]
fn a_second_program_on_one_identity_is_told_of_the_first_and_commands_work_on() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    let second = bob.attempt(&["listen", "127.0.0.1:0"]);
    second.failed(8, "SC15");
    if cfg!(unix) {
        let pid = format!("(pid {})", talk.bob.pid());
        assert!(second.transcript.contains(&pid), "{}", second.transcript);
    }
    let address = talk.address;
    bob.connect("alice", address, &[]).end().failed(8, "SC15");
    assert_eq!(bob.key().len(), 44);
    bob.run(&["key", "show"]);
    bob.run(&["key", "fingerprint"]);
    bob.run(&["peers", "show", "alice"]);
    bob.knows("carol", &Home::new());
    talk.check();
}

#[test]
fn the_identity_is_free_again_after_a_kill() {
    let (alice, bob) = Home::friends();
    let talk = Talk::between(&alice, &bob);
    talk.bob.kill();
    let (_listener, _) = bob.listen(&[]);
}

#[test]
fn what_makes_no_sense_starts_nothing() {
    let alice = Home::new();
    let key = Home::new().key();
    let cases: [(&[&str], i32, &str); 9] = [
        (&["connect", "nobody", "127.0.0.1:7419"], 4, "SC05"),
        (
            &["connect", "--peer-key", "xTIBA5rb", "127.0.0.1:7419"],
            2,
            "SC03",
        ),
        (&["connect", "--peer-key", &key, "nowhere"], 2, "SC29"),
        (&["connect", "--peer-key", &key], 2, "SC29"),
        (&["connect", "--peer-key", &key, "127.0.0.1:0"], 2, "SC29"),
        (
            &[
                "connect",
                "--peer-key",
                &key,
                "127.0.0.1:7419",
                "--bind",
                "x",
            ],
            2,
            "SC29",
        ),
        (&["connect", "127.0.0.1:7419"], 2, "SC29"),
        (&["listen", "localhost:7419"], 2, "SC29"),
        (&["listen", "-6", "127.0.0.1:7419"], 2, "SC29"),
    ];
    for (args, code, error) in cases {
        alice.attempt(args).failed(code, error);
    }
    let nobody = Home::empty();
    nobody.attempt(&["listen", "127.0.0.1:0"]).failed(5, "SC01");
    let args = ["connect", "--peer-key", &key, "127.0.0.1:7419"];
    nobody.attempt(&args).failed(5, "SC01");
}

#[test]
fn a_saved_peer_without_an_address_needs_one() {
    let (alice, _bob) = Home::friends();
    let ended = alice.attempt(&["connect", "bob"]);
    ended.failed(2, "SC27");
    assert!(
        ended.told.contains("no address is saved for bob"),
        "{}",
        ended.told
    );
}

#[test]
fn a_revoked_key_is_not_called() {
    let (alice, bob) = Home::friends();
    let key = bob.key();
    alice.run(&["peers", "revoke", "bob"]);
    let args = ["connect", "--peer-key", &key, "127.0.0.1:7419"];
    alice.attempt(&args).failed(4, "SC25");
    let args = ["connect", "bob", "127.0.0.1:7419"];
    alice.attempt(&args).failed(4, "SC25");
}

#[test]
fn nobody_talks_to_the_own_key() {
    let alice = Home::new();
    let key = alice.key();
    let address = "127.0.0.1:7419";
    for command in ["connect", "ping"] {
        let ended = alice.attempt(&[command, "--peer-key", &key, address]);
        ended.failed(1, "SC30");
    }
    // As an earlier version let it in.
    std::fs::write(alice.path("known-peers"), format!("me {key}\n")).unwrap();
    #[cfg(unix)]
    only_ours(&alice.path("known-peers"));
    let cases: [&[&str]; 4] = [
        &["connect", "me", address],
        &["ping", "me", address],
        &["send", "me", "hi", "--address", address],
        &["send", "me", "hi", "--no-wait"],
    ];
    for args in cases {
        let ended = alice.attempt(args);
        ended.failed(1, "SC30");
        assert!(ended.told.contains(" peers remove me"), "{}", ended.told);
    }
    let mut program = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    event(&mut program, "listening");
    #[cfg(unix)]
    for args in &cases[1..] {
        alice.attempt(args).failed(1, "SC30");
    }
    let add = json!({ "cmd": "peers.add", "id": 1, "name": "self", "key": key });
    ask(&mut program, &add);
    assert_eq!(event(&mut program, "error")["code"], "SC30");
}

#[test]
fn a_call_to_the_own_key_ends_at_once_where_only_the_passphrase_tells_it() {
    let alice = Home::empty();
    let phrase = alice.path("phrase");
    std::fs::write(&phrase, "correct horse\n").unwrap();
    let phrase = phrase.to_str().unwrap();
    alice.run(&["keygen", "--passphrase-file", phrase]);
    let (file, key) = (alice.path("identity.key"), alice.key());
    let secret = std::fs::read_to_string(&file).unwrap();
    let lines = secret.lines().filter(|line| !line.contains("public key"));
    let silent: Vec<&str> = lines.collect();
    std::fs::write(&file, silent.join("\n") + "\n").unwrap();
    std::fs::remove_file(alice.path("identity.pub")).unwrap();
    std::fs::write(alice.path("known-peers"), format!("me {key}\n")).unwrap();
    #[cfg(unix)]
    only_ours(&alice.path("known-peers"));
    let (address, open) = ("127.0.0.1:7419", ["--passphrase-file", phrase]);
    let cases: [&[&str]; 5] = [
        &["connect", "--peer-key", &key, address, "--timeout", "25s"],
        &["ping", "--peer-key", &key, address, "--timeout", "25s"],
        &["ping", "me", address, "--timeout", "25s"],
        &["send", "me", "hi", "--address", address, "--wait", "25s"],
        &["send", "me", "hi", "--no-wait"],
    ];
    for args in cases {
        let args = [args, &open].concat();
        let ended = within(Duration::from_secs(10), || alice.attempt(&args));
        ended.failed(1, "SC30");
    }
    let status = [&["status", "--json"][..], &open].concat();
    let status = parse(alice.run(&status).rest.trim_end());
    assert_eq!(
        status["peers"][0]["waiting"], 0,
        "nothing is kept: {status}"
    );
    let listen = [&["listen", "127.0.0.1:0", "--json"][..], &open].concat();
    let mut program = alice.start(&listen);
    event(&mut program, "listening");
    let send = json!({ "cmd": "send", "id": 1, "peer": "me", "text": "hi" });
    ask(&mut program, &send);
    assert_eq!(event(&mut program, "error")["code"], "SC30");
}

#[cfg(unix)]
fn only_ours(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_name_that_is_taken_is_refused_before_anything_is_sent() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    let (_listener, address) = carol.listen(&["--trust", "new"]);
    let wire = Wire::to(address);
    let before = alice.known_peers();
    for (name, error) in [("bob", "SC23"), ("b0b", "SC23"), ("Carol", "SC23")] {
        let call = alice.call(&carol, wire.address(), &["--save-as", name]);
        call.end().failed(1, error);
    }
    let call = alice.call(&bob, wire.address(), &["--save-as", "robert"]);
    call.end().failed(1, "SC30");
    assert_eq!(wire.seen().len(), 0);
    assert_eq!(alice.known_peers(), before);
}

#[test]
fn a_peer_may_be_saved_again_under_its_name() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let before = alice.known_peers();
    let mut caller = alice.call(&bob, address, &["--save-as", "bob"]);
    check(&mut caller, &mut listener);
    let told = caller.leave().told;
    assert!(!told.contains("error"), "{told}");
    let after = alice.known_peers();
    assert!(after.starts_with(before.trim_end()), "{after}");
    assert_eq!(after.lines().count(), before.lines().count());
}

#[cfg(unix)]
#[test]
fn an_unsafe_or_damaged_file_starts_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let (_, bob) = Home::friends();
    let mode = |name: &str, mode| {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(bob.path(name), permissions).unwrap();
    };
    let listen = || bob.attempt(&["listen", "127.0.0.1:0"]);
    mode("identity.key", 0o644);
    listen().failed(5, "SC02");
    mode("identity.key", 0o600);
    mode("known-peers", 0o666);
    listen().failed(5, "SC02");
    mode("known-peers", 0o600);
    let damaged = bob.known_peers() + "carol nonsense\n";
    std::fs::write(bob.path("known-peers"), damaged).unwrap();
    listen().failed(1, "SC22");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_cannot_be_read_says_so() {
    use std::os::unix::fs::PermissionsExt;
    let bob = Home::new();
    let file = bob.path("identity.key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&file).is_ok() {
        return skipped("running as root, who reads every file");
    }
    let ended = bob.attempt(&["listen", "127.0.0.1:0"]);
    ended.failed(1, "SC24");
}

#[test]
fn a_passphrase_opens_the_identity_and_a_wrong_one_does_not() {
    let (alice, bob) = (Home::new(), Home::empty());
    let (right, wrong) = (bob.path("right"), bob.path("wrong"));
    std::fs::write(&right, "correct horse\n").unwrap();
    std::fs::write(&wrong, "battery staple\n").unwrap();
    let (right, wrong) = (right.to_str().unwrap(), wrong.to_str().unwrap());
    bob.run(&["keygen", "--passphrase-file", right]);
    bob.knows("alice", &alice);
    let listen = ["listen", "127.0.0.1:0"];
    bob.attempt(&listen).failed(2, "SC17");
    bob.attempt(&[&listen[..], &["--passphrase-file", wrong]].concat())
        .failed(5, "SC11");
    let (mut listener, address) = bob.listen(&["--passphrase-command", "echo correct horse"]);
    let mut caller = alice.call(&bob, address, &[]);
    check(&mut caller, &mut listener);
}
