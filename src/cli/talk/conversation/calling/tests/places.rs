//! Where somebody is called: where known-peers says, where a program does, and where a look-up leads.

use super::*;
use crate::cli::talk::conversation::typing::Author;

#[test]
fn an_address_that_a_program_names_is_called_while_another_is_looked_up() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _program) = conversation(home.path(), &bob(), LISTEN);
    let slow = host("chat.example.org:7419");
    talk.calls.inquire(BOB, slow.clone(), Family::Any, true);
    talk.call_once(BOB, Some(slow), Family::Any);
    talk.call_once(BOB, Some(host(SOMEWHERE)), Family::Any);
    call(&mut talk);
    assert_eq!(called_at(&talk), Some(SOMEWHERE.parse().unwrap()));
}

#[test]
fn who_has_another_address_in_known_peers_is_called_there_and_who_has_none_is_not() {
    let home = tempfile::tempdir().unwrap();
    let (old, new) = (host("old.example:7419"), host("new.example:7419"));
    let known = format!("bob {} addr={old}\n", key_text(&BOB));
    let (mut talk, _program) = conversation(home.path(), &known, LISTEN);
    talk.call_everybody();
    let due = |talk: &mut Conversation| talk.calls.due(talk.clock.now());
    assert_eq!(due(&mut talk), [(BOB, old.clone())]);
    let inquiry = talk.calls.inquire(BOB, old, Family::Any, false);
    let line = |words: &str| format!("bob {}{words}\n", key_text(&BOB));
    let change = |talk: &mut Conversation, words: &str| {
        let path = home.path().join("known-peers");
        std::fs::write(path, line(words)).unwrap();
        let read = talk.profile.contacts.read_again();
        talk.take_over(read).unwrap();
    };
    change(&mut talk, &format!(" addr={new}"));
    assert_eq!(due(&mut talk), [(BOB, new)]);
    let found = Ok(vec![SOMEWHERE.parse().unwrap()]);
    talk.on_found(inquiry, found).unwrap();
    assert_eq!(called_at(&talk), None, "it was sought at the former one");
    change(&mut talk, "");
    talk.calls.on_end(&BOB, talk.clock.now());
    assert_eq!(talk.calls.hosts(), []);
}

/// It was called at the former one as well until the program ended.
#[test]
fn an_address_that_is_taken_out_is_not_tried_any_more() {
    let home = tempfile::tempdir().unwrap();
    let line = |addresses: &str| format!("bob {}{addresses}\n", key_text(&BOB));
    let (mut talk, _program) = conversation(home.path(), &line(""), LISTEN);
    let change = |talk: &mut Conversation, addresses: &str| {
        std::fs::write(home.path().join("known-peers"), line(addresses)).unwrap();
        let read = talk.profile.contacts.read_again();
        talk.take_over(read).unwrap();
        called_at(talk).map(|address| address.to_string())
    };
    let named = |address: &str| Some(address.to_owned());
    let [old, new] = ["127.0.0.1:9", "127.0.0.2:9"];
    assert_eq!(change(&mut talk, &format!(" addr={old}")), named(old));
    // Nothing else would show that it is known yet.
    assert_eq!(change(&mut talk, &format!(" addr={new}")), named(new));
    assert_eq!(change(&mut talk, ""), None);
    // What a look-up has found for a name goes with the name.
    change(&mut talk, " addr=chat.example.org:9");
    talk.seek_session(BOB, &[old.parse().unwrap()]).unwrap();
    assert_eq!(
        change(&mut talk, " addr=chat.example.org:9 addr=127.0.0.2:9"),
        named(new)
    );
    assert_eq!(change(&mut talk, " addr=chat.example.org:9"), named(old));
    assert_eq!(change(&mut talk, ""), None);
}

/// It was called nowhere until the next message, since the attempts at the former one had ended.
#[test]
fn what_waits_for_somebody_is_tried_at_once_where_it_is_now() {
    let home = tempfile::tempdir().unwrap();
    let line = |addresses: &str| format!("bob {}{addresses}\n", key_text(&BOB));
    let (mut talk, _program) = conversation(home.path(), &line(" addr=127.0.0.1:9"), LISTEN);
    talk.prepare(BOB, "it waits".into(), Author::Line).unwrap();
    talk.say_batch().unwrap();
    let change = |talk: &mut Conversation, addresses: &str| {
        std::fs::write(home.path().join("known-peers"), line(addresses)).unwrap();
        let read = talk.profile.contacts.read_again();
        talk.take_over(read).unwrap();
        let is_called = talk.status(BOB).unwrap().unwrap().tries > 0;
        is_called.then(|| called_at(talk).unwrap().to_string())
    };
    let named = |address: &str| Some(address.to_owned());
    assert_eq!(change(&mut talk, ""), None);
    assert_eq!(change(&mut talk, " addr=127.0.0.2:9"), named("127.0.0.2:9"));
    assert_eq!(change(&mut talk, " addr=127.0.0.3:9"), named("127.0.0.3:9"));
    talk.hang_up(BOB).unwrap();
    assert_eq!(change(&mut talk, " addr=127.0.0.4:9"), None, "hung up on");
}

#[test]
fn whose_look_up_never_comes_back_is_called_again_and_it_is_said_why_not_yet() {
    let home = tempfile::tempdir().unwrap();
    let known = format!("bob {} addr=chat.example.org:7419\n", key_text(&BOB));
    let (mut talk, _program) = conversation(home.path(), &known, LISTEN);
    let (name, now) = (host("chat.example.org:7419"), talk.clock.now());
    talk.calls.add(BOB, name.clone(), now);
    talk.calls.due(now);
    let inquiry = talk.calls.inquire(BOB, name, Family::Any, false);
    talk.make_calls(now).unwrap();
    let obstacle = |talk: &Conversation| talk.obstacle(BOB).unwrap().to_string();
    assert!(obstacle(&talk).ends_with("; its address is being looked up"));
    talk.make_calls(now + Duration::from_secs(60)).unwrap();
    let words = "the address of bob was not found (the name server does not answer); trying again";
    assert!(obstacle(&talk).starts_with(words), "{}", obstacle(&talk));
    talk.on_found(inquiry, Ok(vec![SOMEWHERE.parse().unwrap()]))
        .unwrap();
    assert_eq!(called_at(&talk), Some(SOMEWHERE.parse().unwrap()));
}

/// Nothing was said, as if it were called.
#[test]
fn who_is_called_while_all_look_ups_hang_is_told_so_at_once() {
    let home = tempfile::tempdir().unwrap();
    let known = format!("bob {} addr=chat.example.org:7419\n", key_text(&BOB));
    let (mut talk, _program) = conversation(home.path(), &known, LISTEN);
    let (name, now) = (host("chat.example.org:7419"), talk.clock.now());
    let [first, ..] = [0; MAX_STUCK].map(|_| {
        let inquiry = talk.calls.inquire(BOB, name.clone(), Family::Any, false);
        talk.calls.give_up(now);
        inquiry
    });
    talk.calls.give_up(now + Duration::from_secs(60));
    let says = |talk: &mut Conversation| {
        talk.call_now(BOB);
        core::mem::take(&mut talk.state.told_to_people_for_testing_only)
    };
    let words = Safe::join(says(&mut talk), "\n").to_string();
    let said = "cannot look up chat.example.org now: 3 look-ups of it have not come back; ";
    assert!(words.starts_with(said), "{words}");
    talk.on_found(first, Ok(vec![SOMEWHERE.parse().unwrap()]))
        .unwrap();
    assert_eq!(called_at(&talk), Some(SOMEWHERE.parse().unwrap()));
}

/// It was told that somebody is called who is connected.
#[test]
fn whose_address_is_added_while_a_session_is_up_is_called_when_that_ends() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), &bob(), LISTEN);
    talk.call_everybody();
    happens(&mut talk, comes(BOB));
    happens(&mut talk, Event::Silent { peer: BOB });
    talk.change_peers(|known| known.add_address(&BOB, &host(SOMEWHERE)).map(|_| ()))
        .unwrap();
    call(&mut talk);
    let told = told(&program);
    assert!(!told.contains("\"connecting\""), "{told}");
    let reason = CloseReason::Goodbye;
    happens(&mut talk, Event::Closed { peer: BOB, reason });
    assert!(talk.calls.calls_in(&BOB, talk.clock.now()).is_some());
}
