//! Many who are called at once.

use std::sync::mpsc::RecvTimeoutError;

use super::*;

/// Each had a look-up, and a thread, of its own.
#[test]
fn who_is_at_the_same_host_is_called_at_its_own_port_where_one_look_up_finds_it() {
    let home = tempfile::tempdir().unwrap();
    let known = format!(
        "bob {} addr=chat.example.org:1\ncarol {} addr=chat.example.org:2\n",
        key_text(&BOB),
        key_text(&CAROL)
    );
    let (mut talk, _program) = conversation(home.path(), &known, LISTEN);
    talk.call_everybody();
    let [(first, name)] = talk.calls.due(talk.clock.now()).try_into().unwrap();
    let inquiry = talk.calls.inquire(first, name, Family::Any, false);
    // Who is looked up is hung up on; the other waits for its answer all the same.
    talk.hang_up(first).unwrap();
    talk.on_found(inquiry, Ok(vec!["127.0.0.1:1".parse().unwrap()]))
        .unwrap();
    assert_eq!(first, BOB);
    assert_eq!(called_at(&talk), None);
    let of_carol = talk.address_of(CAROL).unwrap();
    assert_eq!(of_carol, Some("127.0.0.1:2".parse().unwrap()));
}

/// Each was looked for among all others that were under way, whenever it was looked at.
#[test]
fn who_is_called_by_itself_at_an_address_has_nothing_looked_up() {
    let home = tempfile::tempdir().unwrap();
    let known = format!("bob {} addr={SOMEWHERE}\n", key_text(&BOB));
    let (mut talk, _program) = conversation(home.path(), &known, LISTEN);
    talk.call_everybody();
    talk.make_calls(talk.clock.now()).unwrap();
    assert_eq!(called_at(&talk), Some(SOMEWHERE.parse().unwrap()));
    assert!(!talk.calls.inquires_about(&BOB));
    let inputs: Vec<_> = talk.inputs.try_iter().collect();
    assert!(!inputs.iter().any(|it| matches!(it, Input::Found(..))));
}

/// The loop went over everybody for each of them.
#[test]
fn what_is_found_of_many_is_taken_in_one_turn_until_something_else_comes() {
    let home = tempfile::tempdir().unwrap();
    let known = [(BOB, "bob"), (CAROL, "carol")];
    let known = known.map(|(key, name)| format!("{name} {} addr={SOMEWHERE}\n", key_text(&key)));
    let (mut talk, _program) = conversation(home.path(), &known.concat(), LISTEN);
    for peer in [BOB, CAROL] {
        talk.inquire(peer, host(SOMEWHERE), Family::Any, true);
    }
    talk.sender
        .send(Input::Told("something else".into()))
        .unwrap();
    let woken = talk
        .inputs
        .recv()
        .map_err(|_| RecvTimeoutError::Disconnected);
    let left = talk.take_found(woken).unwrap();
    assert!(matches!(left, Ok(Input::Told(_))), "{left:?}");
    for peer in [BOB, CAROL] {
        let address = talk.address_of(peer).unwrap();
        assert_eq!(address, Some(SOMEWHERE.parse().unwrap()));
    }
    let nothing = talk.take_found(Err(RecvTimeoutError::Timeout)).unwrap();
    assert!(nothing.is_err(), "{nothing:?}");
}
