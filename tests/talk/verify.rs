//! Two people compare words, or their safety number.

use crate::home::Home;
use crate::program::Program;
use crate::terminal::{listen, quit, sees_prompt, start};

/// Two at terminals, in lines, who talk: alice has called bob.
fn two(alice: &Home, bob: &Home) -> (Program, Program) {
    let (mut listener, address) = listen(bob, &[]);
    let address = address.to_string();
    let mut caller = start(alice.command(&["connect", "bob", &address]));
    assert!(caller.said("secure: bob").contains("[not verified]"));
    caller.said("Compare four words with bob to be sure who it is: /verify bob");
    listener.said("/verify alice");
    sees_prompt(&mut caller, "bob");
    sees_prompt(&mut listener, "alice");
    (caller, listener)
}

/// The four words and the three numbers that one side is shown.
fn words(program: &mut Program) -> (String, String) {
    program.said("Do NOT use this chat for it");
    let words = program.said("").trim().to_owned();
    let numbers = program.said("without English, the numbers");
    let numbers = numbers.rsplit("numbers").next().unwrap().trim().to_owned();
    program.said("/later");
    (words, numbers)
}

fn compare(caller: &mut Program, listener: &mut Program) -> String {
    caller.say("/verify");
    caller.said("verify: asked bob");
    listener.said("alice wants to compare words with you");
    let (here, there) = (words(caller), words(listener));
    assert_eq!(here, there);
    assert_eq!(here.0.split_whitespace().count(), 4);
    here.0
}

#[test]
fn two_who_see_the_same_words_are_verified_on_both_sides() {
    let (alice, bob) = Home::friends();
    let (mut caller, mut listener) = two(&alice, &bob);
    let words = compare(&mut caller, &mut listener);
    caller.say("/match");
    caller.said("bob is [verified] from now on");
    listener.said("alice has confirmed; waiting for you: /match alice or /differ alice");
    // As it is heard on a bad line: in capitals, four letters of each.
    let heard: Vec<String> = words
        .split_whitespace()
        .map(|word| word.chars().take(4).collect::<String>().to_uppercase())
        .collect();
    listener.say(&format!("/match alice {}", heard.join("  ")));
    listener.said("alice is [verified] from now on");
    caller.said("bob has confirmed too");
    for home in [&alice, &bob] {
        assert!(home.known_peers().contains(" verified="));
        assert!(home.run(&["peers", "list"]).rest.contains("[verified]"));
    }
    listener.say("/whois");
    listener.said("verified    [verified] on ");
    // The verdict belongs to the key: a new one begins without it.
    let other = Home::new();
    bob.run(&["peers", "replace", "alice", &other.key(), "--yes"]);
    assert!(!bob.known_peers().contains(" verified="));
    assert_eq!(quit(caller).code, Some(0));
    quit(listener);
}

#[test]
fn words_that_differ_end_it_on_both_sides_and_nothing_goes_there_until_somebody_decides() {
    let (alice, bob) = Home::friends();
    bob.run(&[
        "peers",
        "verify",
        "alice",
        "--number",
        &number(&bob, "alice"),
    ]);
    let (mut listener, address) = listen(&bob, &[]);
    let place = address.to_string();
    let mut caller = start(alice.command(&["connect", "bob", &place]));
    listener.said("[verified]");
    caller.said("secure: bob");
    sees_prompt(&mut caller, "bob");
    sees_prompt(&mut listener, "alice");
    compare(&mut caller, &mut listener);
    caller.say("/differ");
    caller.said("THE WORDS DIFFER: somebody may sit between you and bob.");
    caller.said("Both of you have to say so (/differ)");
    caller.said("Nothing is sent to bob");
    listener.said("alice says that the words differ");
    listener.said("THE WORDS DIFFER");
    listener.said(&bob.suggested("peers verify alice"));
    // Whoever called has nobody to talk to any more.
    assert_eq!(caller.end().code, Some(4));
    for home in [&alice, &bob] {
        let known = home.known_peers();
        assert!(
            known.contains(" differed=") && !known.contains(" verified="),
            "{known}"
        );
        assert!(home.run(&["peers", "list"]).rest.contains("NOT VERIFIED"));
    }
    listener.say("a secret");
    listener.said("not sent");
    listener.say("/verify");
    listener.said(&bob.suggested("peers verify alice"));
    let told = quit(listener).transcript;
    assert!(!told.contains("have to say so"), "alice has: {told}");
    alice.connect("bob", address, &[]).end().failed(4, "SC33");
    alice
        .attempt(&["send", "bob", "a secret"])
        .failed(4, "SC33");
    // Also after a restart bob does not answer.
    let (_listener, address) = bob.listen(&["--trust", "new"]);
    alice.run(&["peers", "verify", "bob", "--number", &number(&alice, "bob")]);
    let called = alice.connect("bob", address, &["--timeout", "1s"]);
    called.end().failed(3, "SC06");
    // What the error suggests resolves it.
    bob.run(&[
        "peers",
        "verify",
        "alice",
        "--number",
        &number(&bob, "alice"),
    ]);
    let called = alice.connect("bob", address, &["--timeout", "30s"]);
    let mut called = called;
    called.told("secure: bob");
}

#[test]
fn other_words_change_nothing_and_say_what_to_do() {
    let (alice, bob) = Home::friends();
    let (mut caller, mut listener) = two(&alice, &bob);
    caller.say("/match");
    caller.said("no words are compared with bob yet; to begin: /verify bob");
    let words = compare(&mut caller, &mut listener);
    let mut others: Vec<&str> = words.split_whitespace().collect();
    others[0] = if others[0] == "zoo" { "abandon" } else { "zoo" };
    caller.say(&format!("/match bob {}", others.join(" ")));
    caller.said("if they stay others: /differ bob (nothing changed)");
    caller.say("/match zoo zoo zoo zooo");
    caller.said("word 4 is not on the list");
    assert!(!alice.known_peers().contains(" verified="));
    caller.say("/verify");
    assert_eq!(
        self::words(&mut caller).0,
        words,
        "the same are shown again"
    );
    caller.say("/later");
    caller.said("another time; then: /verify bob");
    listener.said("alice does not compare now; to begin again with new words: /verify alice");
    // A second question within a minute is one guess too many.
    caller.say("/verify");
    caller.said("bob compared less than a minute ago; wait that long");
    quit(caller);
    listener.said("alice left");
    listener.say("/verify");
    listener.said("verify: not now: alice left");
    let verify = bob.suggested("peers verify alice");
    listener.said(&format!(
        "without words: compare the safety number: {verify}"
    ));
    quit(listener);
}

/// The safety number as the one side would read it out.
fn number(home: &Home, name: &str) -> String {
    let mut program = start(home.command(&["peers", "verify", name]));
    program.said("the safety number of you and ");
    let lines = [0; 3].map(|_| program.said("").trim().to_owned());
    program.shown("or Enter to stop:");
    program.say("");
    assert_eq!(program.end().code, Some(2));
    lines.join(" ")
}

/// One with another first digit.
fn another_number(number: &str) -> String {
    let first = if number.starts_with('1') { "2" } else { "1" };
    first.to_owned() + &number[1..]
}

#[test]
fn a_safety_number_is_compared_without_a_network() {
    let (alice, bob) = Home::friends();
    let (here, there) = (number(&alice, "bob"), number(&bob, "alice"));
    assert_eq!(here, there);
    assert_eq!(here.chars().filter(char::is_ascii_digit).count(), 60);
    let asked = alice.attempt(&["peers", "verify", "bob", "--no-input"]);
    asked.failed(2, "SC17");
    assert!(asked.told.contains("peers verify bob --number DIGITS"));
    let wrong = another_number(&here);
    let refused = alice.attempt(&["peers", "verify", "bob", "--number", &wrong]);
    refused.failed(4, "SC34");
    assert!(refused.told.contains("Nothing was changed"));
    let cut = alice.attempt(&["peers", "verify", "bob", "--number", &here[..30]]);
    cut.failed(2, "SC29");
    assert!(!alice.known_peers().contains(" verified="));
    let mut typed = start(alice.command(&["peers", "verify", "bob"]));
    typed.shown("or Enter to stop:");
    typed.say(&there);
    typed.said("bob is [verified] from now on");
    assert_eq!(typed.end().code, Some(0));
    assert!(alice.known_peers().contains(" verified="));
    let unknown = alice.attempt(&["peers", "verify", "bbo", "--number", &here]);
    unknown.failed(4, "SC05");
}

#[test]
fn a_safety_number_is_printed_to_take_along_and_changes_nothing() {
    let (alice, bob) = Home::friends();
    let before = alice.known_peers();
    let (here, there) = (
        alice.run(&["peers", "verify", "bob", "--print"]).rest,
        bob.run(&["peers", "verify", "alice", "--print"]).rest,
    );
    let number = |sheet: &str| sheet.lines().skip(2).take(3).collect::<Vec<_>>().join(" ");
    assert_eq!(number(&here), number(&there));
    assert_eq!(number(&here).len(), 60 + 11);
    assert!(here.starts_with("Safety number of you and bob\n"));
    let keys: Vec<String> = [&here, &there]
        .iter()
        .flat_map(|sheet| sheet.lines().filter(|line| line.contains(" key   ")))
        .map(|line| line.replace(' ', ""))
        .collect();
    for home in [&alice, &bob] {
        let key = home.key();
        let shown = keys
            .iter()
            .filter(|line| line.contains(key.trim_end_matches('=')));
        assert_eq!(shown.count(), 2, "{keys:?}");
    }
    assert_eq!(alice.known_peers(), before);
}

#[test]
fn a_key_that_is_revoked_is_verified_by_no_safety_number() {
    let (alice, _bob) = Home::friends();
    let number = number(&alice, "bob");
    let (mut person, _) = listen(&alice, &[]);
    alice.run(&["peers", "revoke", "bob"]);
    for command in [format!("/number bob {number}"), "/number bob".to_owned()] {
        person.say(&command);
        person.said("verify: this key is revoked (nothing changed)");
    }
    assert!(!alice.known_peers().contains(" verified="));
    quit(person);
}

/// In lines everything can be done that the panel can.
#[test]
fn the_safety_number_is_compared_in_lines_and_what_waits_is_kept() {
    let (alice, bob) = Home::friends();
    let (mut caller, mut listener) = two(&alice, &bob);
    caller.say("/number");
    caller.said("Do NOT use this chat for it");
    let lines = [0; 3].map(|_| caller.said("").trim().to_owned());
    caller.said(&alice.suggested("peers verify bob --print"));
    let there = bob.run(&["peers", "verify", "alice", "--print"]).rest;
    assert!(there.contains(&lines.join("\n")), "{there}");
    let number = lines.join(" ");
    caller.say(&format!("/number {}", another_number(&number)));
    caller.said("that is another number than the one here");
    caller.say("/number bob 12345");
    caller.said("a safety number has 60 digits (nothing changed)");
    caller.say(&format!("/number bob {number}"));
    caller.said("bob is [verified] from now on");
    quit(caller);
    listener.said("alice left");
    listener.say("for the real alice");
    listener.said("[1]: for the real alice");
    listener.say("/differ");
    listener.said("THE KEYS DIFFER");
    listener.said("1 message for alice not sent, and kept until then");
    assert!(bob.known_peers().contains(" differed="));
    quit(listener);
}
