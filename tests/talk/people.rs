//! Who may talk: unknown keys, and changes of known-peers in the middle of a conversation.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use crate::home::{Home, Talk, check, free_port, listening};
use crate::program::{Ended, Program, until, within};
#[cfg(target_os = "linux")]
use crate::screen::{Person, address_on};
use crate::wire::Wire;

/// How soon a change of known-peers counts.
const SOON: Duration = Duration::from_secs(2);

#[test]
fn a_strict_listener_refuses_a_stranger_who_is_told_what_to_do() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut listener, address) = bob.listen(&["--trust", "strict"]);
    let refused = alice.call(&bob, address, &[]).end();
    refused.failed(4, "SC10");
    // Whoever is revoked gets no answer.
    assert!(!refused.told.contains("revoked"), "{}", refused.told);
    let advice = format!("\n    securechat peers add you {}\n", alice.key());
    assert!(refused.told.contains(&advice), "{}", refused.told);
    // The advice works.
    let args: Vec<&str> = advice.split_whitespace().skip(1).collect();
    bob.run(&args);
    alice.knows("bob", &bob);
    let mut caller = until_let_in(&alice, address);
    listener.told("secure: you");
    check(&mut caller, &mut listener);
}

#[test]
fn without_a_terminal_nobody_is_asked() {
    let (alice, bob) = (Home::new(), Home::new());
    bob.attempt(&["listen", "127.0.0.1:0", "--trust", "ask"])
        .failed(2, "SC17");
    let (_listener, address) = bob.listen(&[]);
    alice.call(&bob, address, &[]).end().failed(4, "SC10");
}

#[test]
fn a_listener_that_trusts_the_new_saves_them_under_a_name_of_its_own() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut listener, address) = bob.listen(&["--trust", "new"]);
    let mut caller = alice.call(&bob, address, &["--nickname", "mallory"]);
    let told = listener.told("new peer from ");
    let name = told.split(' ').next_back().unwrap().to_owned();
    let digits = name.strip_prefix("guest-").unwrap();
    assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    check(&mut caller, &mut listener);
    caller.say("who am I?");
    assert!(listener.said("who am I?").contains(&format!("\t{name}\t")));
    let known = bob.known_peers();
    assert!(
        known.contains(&format!("{name} {}", alice.key())),
        "{known}"
    );
    assert!(!known.contains("mallory"), "{known}");
}

#[test]
fn a_stealthy_listener_sends_a_stranger_nothing_at_all() {
    let (alice, carol, bob) = (Home::new(), Home::new(), Home::new());
    bob.knows("carol", &carol);
    let (mut listener, address) = bob.listen(&["--stealth"]);
    let wire = Wire::to(address);
    let caller = alice.call(&bob, wire.address(), &["--timeout", "2s"]);
    let ended = caller.end();
    ended.failed(3, "SC06");
    assert!(ended.told.contains("(--stealth)"), "{}", ended.told);
    assert!(wire.inits() >= 2);
    assert!(wire.seen().iter().all(|datagram| datagram.is_out));
    let mut friend = carol.call(&bob, address, &[]);
    friend.told("secure: ");
    check(&mut friend, &mut listener);
}

#[test]
fn a_key_that_somebody_else_holds_gets_no_answer() {
    let (alice, bob, carol) = (Home::new(), Home::new(), Home::new());
    bob.knows("alice", &alice);
    let (_listener, address) = bob.listen(&["--trust", "new"]);
    let wire = Wire::to(address);
    let caller = alice.call(&carol, wire.address(), &["--timeout", "2s"]);
    let ended = within(Duration::from_secs(2), || caller.end());
    ended.failed(3, "SC06");
    let after = ended.told.split(" after ").nth(1).unwrap();
    let after = after.split_once(" s (").unwrap().0;
    assert!(after.parse::<u64>().unwrap() >= 2, "{}", ended.told);
    assert!(wire.seen().iter().all(|datagram| datagram.is_out));
}

#[test]
fn a_revoked_key_is_put_out_within_two_seconds_and_not_let_in_again() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    bob.run(&["peers", "revoke", "alice"]);
    within(SOON, || talk.bob.told("the session was ended"));
    let again = alice.connect("bob", talk.address, &["--timeout", "1s"]);
    // Alice's first program still runs.
    again.end().failed(8, "SC15");
    talk.alice.kill();
    let again = alice.connect("bob", talk.address, &["--timeout", "1s"]);
    let again = again.end();
    again.failed(3, "SC06");
    assert!(again.told.contains("has revoked yours"), "{}", again.told);
}

#[test]
fn a_removed_peer_is_put_out_within_two_seconds_and_told_so() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    bob.run(&["peers", "remove", "alice"]);
    within(SOON, || {
        talk.bob.told("the session was ended");
        talk.alice
            .told("bob ended the conversation and does not want another");
    });
    let ended = talk.alice.end();
    assert_eq!(ended.code, Some(4), "{}", ended.transcript);
    let again = alice.connect("bob", talk.address, &[]);
    again.end().failed(4, "SC10");
}

/// Whoever was removed was shown as revoked for the rest of the run.
#[test]
fn only_whose_key_is_revoked_is_shown_as_revoked() {
    for (done, states) in [("remove", vec![]), ("revoke", vec!["revoked"])] {
        let (alice, bob) = Home::friends();
        let mut talk = Talk::between(&alice, &bob);
        bob.run(&["peers", done, "alice"]);
        talk.bob.told("the session was ended");
        let status: serde_json::Value =
            serde_json::from_str(&bob.run(&["status", "--json"]).rest).unwrap();
        let peers = status["peers"].as_array().unwrap();
        let told: Vec<_> = peers
            .iter()
            .map(|peer| peer["state"].as_str().unwrap())
            .collect();
        assert_eq!(told, states, "{done}: {status}");
        let why = "the key of alice is revoked";
        assert!(peers.iter().all(|it| it["reason"] == why), "{status}");
    }
}

#[test]
fn a_peer_that_is_revoked_by_who_called_ends_the_call() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    alice.run(&["peers", "revoke", "bob"]);
    within(SOON, || talk.alice.told("the session was ended"));
    talk.alice.end().failed(4, "SC25");
}

#[test]
fn a_new_peer_is_known_within_two_seconds() {
    let (alice, bob) = (Home::new(), Home::new());
    alice.knows("bob", &bob);
    let (mut listener, address) = bob.listen(&[]);
    alice.connect("bob", address, &[]).end().failed(4, "SC10");
    bob.knows("alice", &alice);
    let mut caller = until_let_in(&alice, address);
    check(&mut caller, &mut listener);
}

/// Calls until the listener has taken up its new list.
fn until_let_in(alice: &Home, address: SocketAddr) -> Program {
    within(SOON, || {
        until("a session", || {
            let mut caller = alice.connect("bob", address, &[]);
            caller.told("connecting to bob");
            caller
                .told("bob")
                .starts_with("secure: bob")
                .then_some(caller)
        })
    })
}

#[test]
fn who_refuses_us_beside_a_conversation_does_not_end_it() {
    let ((alice, bob), carol) = (Home::friends(), Home::new());
    let (_strict, address) = carol.listen(&["--trust", "strict"]);
    let address = address.to_string();
    alice.run(&["peers", "add", "carol", &carol.key(), "--address", &address]);
    // What waits for her calls her as soon as a program of alice's runs.
    alice.run(&["send", "carol", "are you there?", "--no-wait"]);
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    let error = caller.told("carol refused the connection");
    assert!(error.ends_with("  [SC10]"), "{error}");
    check(&mut caller, &mut listener);
    caller.leave();
}

#[test]
fn a_list_that_is_damaged_meanwhile_warns_and_the_former_one_counts() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    carol.knows("bob", &bob);
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    let good = bob.known_peers();
    let damaged = format!("{good}@revoked nonsense\n");
    fs::write(bob.path("known-peers"), &damaged).unwrap();
    talk.bob
        .told("known-peers changed, but cannot be used; the former list counts");
    let error = talk.bob.told("error: ");
    assert!(
        error.contains("known-peers, line ") && error.ends_with("  [SC22]"),
        "{error}"
    );
    talk.check();
    carol
        .connect("bob", talk.address, &[])
        .end()
        .failed(4, "SC10");
    talk.alice.leave();
    let mut again = alice.connect("bob", talk.address, &[]);
    check(&mut again, &mut talk.bob);
    // Once it is mended it counts.
    let mended = good.replace(&alice.key(), &carol.key());
    fs::write(bob.path("known-peers"), mended).unwrap();
    within(SOON, || talk.bob.told("the session was ended"));
}

/// By an editor on a full disk, or a shell that was to write something into it: everybody was put out, and what waited for
/// them was given up.
#[test]
fn a_list_that_was_emptied_puts_nobody_out_and_loses_nothing() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    alice.knows("carol", &carol);
    alice.run(&["send", "carol", "are you there?", "--no-wait"]);
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    let good = alice.known_peers();
    fs::write(alice.path("known-peers"), "").unwrap();
    let told = "known-peers changed, but cannot be used; the former list counts";
    talk.alice.told(told);
    let error = talk.alice.told("error: ");
    assert!(error.ends_with("known-peers is empty  [SC22]"), "{error}");
    talk.check();
    fs::write(alice.path("known-peers"), good).unwrap();
    talk.check();
    let ended = talk.alice.kill();
    assert!(
        !ended.transcript.contains("the contact was removed"),
        "{}",
        ended.transcript
    );
    let (mut waits, _) = alice.listen(&[]);
    waits.told("1 message from before waits for carol");
}

/// Whoever changes it may have been stopped; what is shown and said does not wait for him.
#[cfg(unix)]
#[test]
fn a_list_that_somebody_holds_stops_no_talk() {
    let (alice, bob) = Home::friends();
    let held = fs::File::create(alice.path(".known-peers.lock")).unwrap();
    held.lock().unwrap();
    // What bob shows of himself is to be noted there.
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    drop(held);
    talk.check();
}

#[test]
fn a_secret_that_two_share_lets_them_talk() {
    let (alice, bob) = (Home::new(), Home::new());
    let psk = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
    knows_with_psk(&alice, "bob", &bob, psk);
    knows_with_psk(&bob, "alice", &alice, psk);
    Talk::between(&alice, &bob).check();
}

#[test]
fn another_shared_secret_is_no_answer_and_no_session() {
    let (alice, bob) = (Home::new(), Home::new());
    let one = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
    let other = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
    knows_with_psk(&alice, "bob", &bob, one);
    knows_with_psk(&bob, "alice", &alice, other);
    let (listener, address) = bob.listen(&[]);
    let caller = alice.connect("bob", address, &["--timeout", "2s"]);
    names_the_secret(&caller.end(), "SC06", 3);
    let address = address.to_string();
    let sent = ["send", "bob", "hi", "--address", &address, "--wait", "2s"];
    names_the_secret(&alice.attempt(&sent), "SC14", 6);
    let seen = listener.kill().transcript;
    assert!(!seen.contains("secure: "), "{seen}");
    assert!(!seen.contains(one) && !seen.contains(other), "{seen}");
}

#[test]
fn a_shared_secret_on_one_side_only_is_no_session_either() {
    let (alice, bob) = (Home::new(), Home::new());
    let psk = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
    knows_with_psk(&alice, "bob", &bob, psk);
    bob.knows("alice", &alice);
    let (listener, address) = bob.listen(&[]);
    let caller = alice.connect("bob", address, &["--timeout", "2s"]);
    names_the_secret(&caller.end(), "SC06", 3);
    let seen = listener.kill().transcript;
    assert!(!seen.contains("secure: "), "{seen}");
}

/// Nobody is sent to look for a firewall.
fn names_the_secret(ended: &Ended, code: &str, exit: i32) {
    ended.failed(exit, code);
    let told = &ended.told;
    assert!(
        told.contains("perhaps with another shared secret (psk)"),
        "{told}"
    );
    assert!(!told.contains("firewall"), "{told}");
}

fn knows_with_psk(home: &Home, name: &str, other: &Home, psk: &str) {
    let file = home.path("psk");
    fs::write(&file, psk).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let (key, file) = (other.key(), file.to_str().unwrap().to_owned());
    home.run(&["peers", "add", name, &key, "--psk-file", &file]);
    fs::remove_file(file).unwrap();
}

#[test]
fn published_test_keys_work_on_loopback_and_nowhere_else() {
    let (alice, bob) = (Home::test_only("alice"), Home::test_only("bob"));
    let key = alice.key();
    let listen = |address: &str| bob.attempt(&["listen", address]);
    for address in ["0.0.0.0:0", "[::]:0"] {
        listen(address).failed(5, "SC28");
    }
    bob.attempt(&["listen"]).failed(5, "SC28");
    for address in ["192.0.2.1:7419", "example.org:7419"] {
        let args = ["connect", "--peer-key", &key, address];
        Home::new().attempt(&args).failed(5, "SC28");
        bob.attempt(&args).failed(5, "SC28");
    }
    bob.knows("alice", &alice);
    alice.knows("bob", &bob);
    Talk::between(&alice, &bob).check();
}

#[test]
fn somebody_on_a_network_is_not_let_in_with_a_test_key() {
    let (alice, bob) = (Home::test_only("alice"), Home::new());
    bob.knows("alice", &alice);
    let port = free_port().port().to_string();
    let mut listener = bob.start(&["listen", "-4", &port]);
    let address = listening(&mut listener);
    assert!(address.ip().is_unspecified());
    let local = SocketAddr::from(([127, 0, 0, 1], address.port()));
    alice.call(&bob, local, &[]).end().failed(4, "SC10");
}

/// Who was just let in was named in the conversation with another one, whom the key that stood there would have compared
/// words with.
#[cfg(target_os = "linux")]
#[test]
fn what_is_told_of_a_newcomer_stands_in_his_conversation() {
    let (alice, bob) = Home::friends();
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    person.sees("listening on 127.0.0.1:");
    let address = address_on(&mut person);
    let _bob = bob.connect("alice", address, &[]);
    person.sees("secure: bob");
    let carol = Home::new();
    let mut caller = carol.call(&alice, address, &[]);
    person.sees("an unknown key calls from 127.0.0.1:");
    person.says("/add carol");
    person.sees("Save this key as \"carol\" and talk to it?");
    person.reads();
    person.presses("y");
    caller.told("secure: ");
    person.sees("[1 bob] [2 carol]");
    person.presses("\u{1b}2");
    person.sees("carol [not verified]");
    person.sees("secure: carol at 127.0.0.1:");
    person.sees("Compare four words with carol to be sure who it is: Alt+V");
    person.presses("\u{1b}1");
    person.sees("bob [not verified]");
    let text = person.vt.text();
    assert!(!text.contains("secure: carol"), "{text}");
    assert!(!text.contains("words with carol"), "{text}");
}
