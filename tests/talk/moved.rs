//! A store that is moved, deleted or replaced while a program has it open.

use std::fs;

use crate::home::{Home, free_port, listening};
use crate::program::{Ended, Program, until};
use crate::waiting::{keep, store};

/// It ends with what happened, and does not say that anything is kept.
fn is_told(ended: &Ended, why: &str) {
    ended.failed(8, "SC18");
    let words = format!("{why} while this program had it open");
    assert!(ended.told.contains(&words), "{}", ended.told);
    let claim = "kept and will be sent";
    assert!(!ended.told.contains(claim), "{}", ended.told);
}

#[test]
fn a_store_of_yesterday_that_takes_the_place_of_one_in_use_costs_no_receipted_message() {
    let (alice, bob) = Home::friends();
    let (yesterday, aside) = (bob.path("yesterday"), bob.path("aside"));
    bob.listen(&[]).0.kill();
    let path = store(&bob);
    fs::copy(&path, &yesterday).unwrap();
    let mut daemon = bob.start(&["daemon", "127.0.0.1:0"]);
    let address = listening(&mut daemon).to_string();
    let send = |text, wait| {
        let to = ["--address", &address, "--wait", wait];
        alice.attempt(&[&["send", "bob", text], &to[..]].concat())
    };
    assert_eq!(send("before", "60s").code, Some(0));
    fs::rename(&path, &aside).unwrap();
    fs::rename(&yesterday, &path).unwrap();
    send("after", "500ms").failed(6, "SC14");
    is_told(&daemon.end(), "another file took its place");
    // With the former one in its place nothing is lost.
    fs::rename(&aside, &path).unwrap();
    let (mut listener, address) = bob.listen(&[]);
    assert!(listener.said("").ends_with("\talice\tbefore\tagain"));
    alice.run(&["send", "bob", "now", "--address", &address.to_string()]);
    assert!(listener.said("").ends_with("\talice\tafter"));
    assert!(listener.said("").ends_with("\talice\tnow"));
}

#[test]
fn what_was_in_a_store_that_is_gone_is_not_said_to_be_kept() {
    let (alice, _bob) = Home::friends();
    keep(&alice, "from before");
    let (listener, _) = alice.listen(&[]);
    let nobody = free_port().to_string();
    let to = ["--address", &nobody, "--wait", "1h"];
    let sender = alice.start(&[&["send", "bob", "through it"], &to[..]].concat());
    until("it waits there", || {
        let kept = alice.run(&["history", "show"]).rest;
        kept.contains("\tthrough it").then_some(())
    });
    fs::remove_file(store(&alice)).unwrap();
    let ended = listener.end();
    is_told(&ended, "it was moved or deleted");
    let words = "not delivered: 2 messages for bob";
    assert!(ended.told.contains(words), "{}", ended.told);
    is_told(&sender.end(), "it was moved or deleted");
}

#[test]
fn a_send_whose_store_is_gone_does_not_say_that_its_message_is_kept() {
    let (alice, _bob) = Home::friends();
    let nobody = free_port().to_string();
    let to = ["--address", &nobody, "--wait", "1h"];
    let mut sender: Program = alice.start(&[&["send", "bob", "hello"], &to[..]].concat());
    sender.told("connecting to bob");
    fs::remove_file(store(&alice)).unwrap();
    is_told(&sender.end(), "it was moved or deleted");
}
