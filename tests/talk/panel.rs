//! Two people make sure of each other in the panel of two real programs on two real (pseudo-)terminals.

use rustix::process::Signal;

use crate::home::Home;
use crate::rude::Rude;
use crate::screen::{Person, address_on, two};
use crate::terminal::start;
use crate::vt::Vt;

/// Presses Alt+V. Whether the other program has introduced itself by then, no screen tells, and nobody has to know.
fn opens(person: &mut Person) {
    person.presses("\u{1b}v");
}

/// The four words that somebody sees.
fn words(person: &mut Person) -> String {
    // Of a picture the last rows may come a moment later.
    person.waits("the whole panel", |vt| {
        vt.text().contains("[M] they match") && left(vt).is_some()
    });
    let text = person.vt.text();
    let after = text.split("Both of you see:").nth(1).unwrap();
    let words = after.lines().map(str::trim).find(|line| !line.is_empty());
    let words: Vec<&str> = words.unwrap().split_whitespace().collect();
    assert_eq!(words.len(), 4, "{text}");
    words.join(" ")
}

/// The seconds that are left to compare in.
fn left(vt: &Vt) -> Option<u32> {
    seconds_left(&vt.text())
}

/// The seconds of a clock before " left", which may also be one of the words.
fn seconds_left(text: &str) -> Option<u32> {
    let seconds = |(at, _)| {
        let clock = text[..at].rsplit(' ').next()?;
        let (minutes, seconds) = clock.split_once(':')?;
        Some(minutes.parse::<u32>().ok()? * 60 + seconds.parse::<u32>().ok()?)
    };
    text.match_indices(" left").find_map(seconds)
}

#[test]
fn the_word_left_is_no_clock() {
    let panel = "      left left canyon left\n\nStep 1 of 2. Compare them.   4:42 left\n";
    assert_eq!(seconds_left(panel), Some(282));
    assert_eq!(seconds_left("left left canyon left\n"), None);
}

/// Waits until so many whole seconds have passed on the panel: its clock shows those that have begun.
fn passes(person: &mut Person, seconds: u32) {
    person.waits("the clock of the panel", |vt| left(vt).is_some());
    let before = left(&person.vt).unwrap();
    person.waits("the clock of the panel", |vt| {
        left(vt).is_some_and(|now| now + seconds < before)
    });
}

/// Says what somebody has seen who has read the words, and then the question that the key brings up. What is drawn a
/// second later shows that the program knows that the question was.
fn judges(person: &mut Person, key: &str, question: &str) {
    passes(person, 1);
    person.presses(key);
    person.sees(question);
    passes(person, 1);
    person.presses("yes\r");
}

#[test]
fn two_people_verify_each_other_on_two_screens() {
    let (mut alice, mut bob, a, b) = two();
    alice.sees("Compare four words with bob to be sure who it is: Alt+V");
    bob.sees("Compare four words with alice to be sure who it is: Alt+V");
    bob.presses("half a thou");
    opens(&mut alice);
    let here = words(&mut alice);
    bob.sees("alice wants to compare words with you: Alt+V");
    assert!(
        !bob.vt.text().contains(&here),
        "they are in the panel alone"
    );
    judges(
        &mut alice,
        "m",
        "These are bob's words? Type yes, then Enter:",
    );
    alice.sees("bob is [verified] from now on.");
    alice.sees("bob has not confirmed yet.");
    alice.sees("bob [verified]");
    bob.sees("alice has confirmed; waiting for you: Alt+V");
    // Nothing has changed meanwhile.
    alice.presses("\u{1b}");
    alice.sees("F1 help");
    for (number, line) in ["/match", &format!("/match {here}")]
        .into_iter()
        .enumerate()
    {
        alice.says(line);
        alice.waits("an answer to each", |vt| {
            let said = vt.text().matches("you have said so already").count();
            said == number + 1
        });
    }
    opens(&mut alice);
    alice.sees("bob has not confirmed yet.");
    opens(&mut bob);
    let there = words(&mut bob);
    assert_eq!(here, there);
    bob.sees("Step 2 of 2. alice has confirmed, and waits for you.");
    bob.presses("t");
    bob.sees("Type what alice reads to you");
    bob.presses("zoo zoo zoo zoo\r");
    bob.sees("those are other words than the ones here.");
    bob.presses("\u{15}");
    for word in here.split(' ') {
        bob.presses(&word[..word.len().min(4)]);
        bob.presses(" ");
    }
    bob.presses("\r");
    bob.sees("alice is [verified] from now on.");
    bob.sees("alice has confirmed too.");
    bob.sees("alice [verified]");
    alice.sees("bob has confirmed too.");
    bob.presses("\u{1b}");
    bob.sees("> half a thou");
    for home in [&a, &b] {
        assert!(home.known_peers().contains(" verified="));
    }
}

#[test]
fn words_that_differ_are_not_bob_and_what_waits_is_kept() {
    let (mut alice, mut bob, a, b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    opens(&mut alice);
    words(&mut alice);
    opens(&mut bob);
    words(&mut bob);
    // bob's program stands still: what alice writes now waits.
    bob.program.signal(Signal::STOP);
    alice.presses("\u{1b}");
    alice.sees("F1 help");
    alice.says("for the real bob");
    alice.sees("me       for the real bob");
    opens(&mut alice);
    words(&mut alice);
    judges(
        &mut alice,
        "d",
        "They differ, bob is barred? Type yes, then Enter:",
    );
    alice.sees("bob [NOT bob]");
    alice.sees("[NOT bob] Closed: somebody may sit between you.");
    alice.sees("Nothing ever said with bob is to be trusted.");
    alice.sees("Both have to say so (D, /differ)");
    alice.sees("compare the safety number: securechat --home ");
    alice.presses("\u{1b}");
    alice.sees("THE WORDS DIFFER");
    alice.sees("1 message for bob not sent, and kept until then");
    assert!(a.known_peers().contains(" differed="));
    bob.program.signal(Signal::CONT);
    bob.sees("alice [NOT alice]");
    bob.sees("alice has said that the words differ.");
    assert!(b.known_peers().contains(" differed="));
    // What is left resolves it, in the same panel.
    opens(&mut alice);
    alice.sees("[NOT bob] Closed");
    alice.presses("s");
    alice.sees("[T] type what bob reads, and be sure");
    let sheet = b.run(&["peers", "verify", "alice", "--print"]).rest;
    let number: Vec<&str> = sheet.lines().skip(2).take(3).collect();
    alice.presses("t");
    alice.sees("the 60 digits; spaces do not count.");
    alice.presses(&format!("{}\r", number.join(" ")));
    alice.sees("bob is [verified] from now on.");
    assert!(!a.known_peers().contains(" differed="));
}

#[test]
fn without_a_session_the_safety_number_and_the_qr_code_are_left() {
    let (alice, bob) = Home::friends();
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    person.sees("bob [not verified] [offline]");
    opens(&mut person);
    person.sees("No words can be compared: ");
    person.presses("s");
    person.sees("[T] type what bob reads, and be sure");
    let number = bob.run(&["peers", "verify", "alice", "--print"]).rest;
    let shown = person.vt.text().replace("      ", " ");
    for line in number.lines().skip(2).take(3) {
        assert!(shown.contains(line), "{shown}");
    }
    person.presses("q");
    person.sees("your key   [I] invert  [Esc] back");
    person.sees("▀▀▀▀▀▀▀▀");
    person.presses("\u{1b}");
    person.sees("[T] type what bob reads, and be sure");
}

/// Whoever has opened the panel waits for somebody.
#[test]
fn a_panel_that_is_open_when_somebody_connects_asks_for_the_words() {
    let (alice, bob) = Home::friends();
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    person.sees("listening on 127.0.0.1:");
    let address = address_on(&mut person);
    opens(&mut person);
    person.sees("No words can be compared: ");
    person.sees("[Alt+V] ask now");
    let _bob = bob.connect("alice", address, &[]);
    words(&mut person);
}

/// Somebody whose program cannot compare words is no reason to wait.
#[test]
fn a_program_that_is_too_old_to_compare_words_is_said_to_be() {
    let (rude, alice) = (Rude::too_old(), Home::new());
    rude.knows(&alice);
    alice.run(&["peers", "add", "bob", &rude.key()]);
    let address = rude.address().to_string();
    let mut lines = start(alice.command(&["connect", "bob", &address]));
    lines.said("secure: bob");
    lines.said("Compare four words");
    crate::terminal::sees_prompt(&mut lines, "bob");
    lines.say("/verify");
    lines.said("verify: the program of bob is too old for that");
    let verify = alice.suggested("peers verify bob");
    lines.said(&format!(
        "without words: compare the safety number: {verify}"
    ));
    crate::terminal::quit(lines);
    let mut person = Person::starts(&alice, &["connect", "bob", &address]);
    person.sees("secure: bob");
    opens(&mut person);
    person.sees("No words can be compared: the program of bob is too old for that.");
    person.sees("[S] safety number, which needs no connection");
}
