//! Many who are called at once.

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
