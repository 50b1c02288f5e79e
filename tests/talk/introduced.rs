//! What a peer showed of itself stays in known-peers, and nobody who shows something else passes.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use serde_json::json;

use crate::home::{Home, Talk, check};
use crate::programs::{ask, event};

/// What known-peers says with `option` about the only peer in it.
fn says(home: &Home, option: &str) -> Option<String> {
    home.known_peers().split_whitespace().find_map(|word| {
        let (name, value) = word.split_once('=')?;
        (name == option).then(|| value.to_owned())
    })
}

/// Changes the words of known-peers, as an editor does.
fn edit(home: &Home, change: impl FnOnce(String) -> String) {
    fs::write(home.path("known-peers"), change(home.known_peers())).unwrap();
}

/// Exchanges the signing key in known-peers for another one.
pub(crate) fn forge(home: &Home) {
    let sign = says(home, "sign").unwrap();
    edit(home, |known| {
        known.replace(&sign, &STANDARD.encode([7; 32]))
    });
}

#[test]
fn after_a_first_talk_both_remember_what_the_other_showed() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.alice.leave();
    talk.bob.kill();
    let remembered = [&alice, &bob].map(Home::known_peers);
    for home in [&alice, &bob] {
        let sign = STANDARD.decode(says(home, "sign").unwrap()).unwrap();
        assert_eq!(sign.len(), 32);
        assert_eq!(says(home, "version").unwrap(), "1");
    }
    assert_ne!(says(&alice, "sign"), says(&bob, "sign"));
    // The identity that people see is still the one key.
    let name = |name| alice.run(&["peers", "show", name]).rest;
    assert!(!name("bob").contains(&says(&alice, "sign").unwrap()));
    Talk::between(&alice, &bob).check();
    assert_eq!([&alice, &bob].map(Home::known_peers), remembered);
}

#[test]
fn somebody_new_is_remembered_once_there_is_a_name() {
    let (alice, bob) = (Home::new(), Home::new());
    let (mut listener, address) = bob.listen(&["--trust", "new"]);
    let mut nameless = alice.call(&bob, address, &[]);
    check(&mut nameless, &mut listener);
    nameless.leave();
    assert!(!alice.path("known-peers").exists());
    assert!(says(&bob, "sign").is_some());
    let mut named = alice.call(&bob, address, &["--save-as", "bob"]);
    check(&mut named, &mut listener);
    assert!(says(&alice, "sign").is_some());
}

#[test]
fn a_peer_with_another_signing_key_is_not_talked_to() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.alice.leave();
    forge(&alice);
    let refused = alice.connect("bob", talk.address, &["--retry"]).end();
    refused.failed(4, "SC31");
    let told = &refused.told;
    assert!(
        told.contains("bob shows another signing key than before"),
        "{told}"
    );
    assert!(told.contains("peers show bob"), "{told}");
    talk.bob
        .told("alice says that this program broke the protocol");
    // The advice works.
    let sign = says(&alice, "sign").unwrap();
    edit(&alice, |known| known.replace(&format!(" sign={sign}"), ""));
    let mut again = alice.connect("bob", talk.address, &[]);
    check(&mut again, &mut talk.bob);
    assert_ne!(says(&alice, "sign").unwrap(), sign);
}

#[test]
fn a_listener_puts_out_who_shows_another_signing_key_and_listens_on() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.alice.leave();
    talk.bob.kill();
    let good = bob.known_peers();
    forge(&bob);
    let (mut listener, address) = bob.listen(&[]);
    let refused = alice.connect("bob", address, &[]).end();
    assert_eq!(refused.code, Some(3), "{}", refused.transcript);
    let error = listener.told("error: ");
    assert!(
        error.starts_with("error: alice shows another signing key"),
        "{error}"
    );
    edit(&bob, |_| good);
    let mut again = alice.connect("bob", address, &["--retry"]);
    check(&mut again, &mut listener);
}

#[test]
fn whoever_spoke_a_newer_version_is_not_called_in_an_older_one() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    talk.check();
    talk.alice.leave();
    edit(&alice, |known| known.replace("version=1", "version=2"));
    let refused = alice.connect("bob", talk.address, &["--retry"]).end();
    refused.failed(7, "SC16");
    let title = "bob has used protocol version 2 before; this program speaks 1";
    assert!(refused.told.contains(title), "{}", refused.told);
    // What is shown of that while a program listens.
    let mut listener = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    event(&mut listener, "listening");
    ask(&mut listener, &json!({ "cmd": "status" }));
    let status = &event(&mut listener, "answer")["result"]["peers"][0];
    assert_eq!(status["state"], "not connected", "{status}");
    let reason = "bob has used protocol version 2, this program speaks 1";
    assert_eq!(
        (&status["reason"], &status["next"]),
        (&json!(reason), &json!("it has to call"))
    );
}
