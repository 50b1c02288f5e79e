//! Whom the lines of a listening pipe go to.

use std::time::Duration;

use rustix::process::Signal;

use crate::home::{Home, free_port};

/// Whoever came during a stall of the first one got all lines from then on.
#[test]
fn a_pipe_keeps_to_its_hearer_through_a_stall_and_turns_to_another_once_that_has_left() {
    let (alice, bob) = Home::friends();
    let carol = Home::new();
    alice.knows("carol", &carol);
    carol.knows("alice", &alice);
    let (mut listener, address) = alice.listen(&[]);
    let mut first = bob.connect("alice", address, &[]);
    listener.told("secure: bob");
    listener.say("one");
    assert!(first.said("").ends_with("\tone"));
    first.signal(Signal::STOP);
    listener.say("two");
    listener.told("nothing heard from bob");
    let mut second = carol.connect("alice", address, &[]);
    second.told("secure: ");
    listener.told("secure: carol");
    listener.say("three");
    // Long enough for it to have gone to somebody else.
    listener.is_read(Duration::from_millis(1_500));
    first.signal(Signal::CONT);
    assert!(first.said("").ends_with("\ttwo"));
    assert!(first.said("").ends_with("\tthree"));
    listener.say("four");
    assert!(first.said("").ends_with("\tfour"));
    first.leave();
    listener.told("bob left");
    listener.say("five");
    assert!(second.said("").ends_with("\tfive"));
}

/// It waited for ever, and whoever called next got the lines.
#[test]
fn a_pipe_to_somebody_who_is_removed_before_he_has_answered_ends() {
    let (alice, bob) = Home::friends();
    let mut caller = alice.connect("bob", free_port(), &["--retry"]);
    caller.told("connecting to bob");
    caller.say("for bob only");
    alice.run(&["peers", "remove", "bob"]);
    caller.end().failed(4, "SC46");
    alice.knows("bob", &bob);
    let (mut listener, address) = bob.listen(&[]);
    let mut again = alice.connect("bob", address, &[]);
    again.say("nothing was kept");
    assert!(listener.said("").ends_with("\tnothing was kept"));
}
