//! What a start brings along, and what it must not repeat.

use super::{State, acquainted, now, pass};

#[test]
fn what_waits_for_a_peer_that_is_added_later_is_delivered() {
    let (mut a, mut b) = acquainted();
    let name = a.send(&b, "hello", now(0));
    // As after a start: it waits, and the endpoint has not heard of its receiver.
    a.messenger.endpoint_mut().remove_peer(b.id(), now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    assert_eq!(b.texts(), [""; 0]);
    assert!(a.messenger.add_peer(b.as_peer(), now(1_000)));
    pass(&mut a, &mut b, true, 1_000, 2_000);
    assert_eq!(a.states(name), [State::Delivered]);
}

#[test]
fn what_is_said_under_a_seed_that_was_used_before_counts_as_delivered_and_is_not_shown() {
    let (mut a, mut b) = acquainted();
    a.send(&b, "one", now(0));
    pass(&mut a, &mut b, true, 0, 1_000);
    // With these timestamps the seed is the same.
    a.restart(1_000 + 251);
    a.knows(&b);
    let name = a.send(&b, "two", now(1_000));
    pass(&mut a, &mut b, true, 1_000, 2_000);
    assert_eq!(a.states(name), [State::Delivered]);
    assert_eq!(b.texts(), ["one"]);
}
