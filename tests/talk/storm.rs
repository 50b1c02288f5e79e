//! The real program on a network that loses a fifth of everything.

use crate::home::Home;
use crate::program::Program;
use crate::wire::Wire;

const LINES: usize = 200;
const SEED: u64 = 20;

fn line(who: &str, n: usize) -> String {
    format!("line {n} of {who}, {}", "x".repeat(n % 90))
}

/// Every line is there, once and in order.
fn check(program: &mut Program, name: &str, who: &str) {
    for n in 0..LINES {
        let record = program.said("\t");
        let expected = format!("\t{name}\t{}", line(who, n));
        assert!(
            record.ends_with(&expected),
            "seed {SEED}: {record:?} is not line {n}"
        );
    }
}

#[test]
fn two_hundred_lines_each_way_at_once_arrive_once_and_in_order_through_a_storm() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let wire = Wire::to(address);
    let mut caller = alice.call(&bob, wire.address(), &[]);
    caller.told("secure: ");
    listener.told("secure: ");
    wire.storm(SEED);
    for n in 0..LINES {
        caller.say(&line("alice", n));
        listener.say(&line("bob", n));
    }
    check(&mut listener, "alice", "alice");
    check(&mut caller, "bob", "bob");
    assert!(wire.lost() > 0, "the storm has lost nothing");
}
