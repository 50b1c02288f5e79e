//! What people are told about how far somebody is to be trusted.

use super::*;
use crate::chat::Update;
use crate::cli::talk::conversation::Typist;
use crate::cli::talk::goal::Goal;
use crate::cli::talk::profile::tests::{conversation, who_knows};
use crate::proto::Event;
use crate::store::key_text;
use crate::time::UnixTime;

const BOB: PeerId = PeerId::new([2; 32]);

/// A conversation of somebody who knows bob, with this of him; a session with him stands since the fifth day of 1970.
fn with_bob(home: &std::path::Path, option: &str) -> Conversation {
    let known = format!("bob {}{option}\n", key_text(&BOB));
    let goal = Goal::Listen { once: None };
    let mut talk = conversation(&who_knows(home, &known), Typist::Pipe, goal);
    let event = Event::Established {
        peer: BOB,
        address: "192.0.2.1:7419".parse().unwrap(),
        initiator: false,
    };
    talk.on_update(Update::Session(event)).unwrap();
    talk.link(BOB).since = Some(UnixTime(4 * 86_400_000));
    talk
}

/// The line that people were told which has this in it.
fn told(talk: &mut Conversation, part: &str) -> String {
    let told = core::mem::take(&mut talk.state.told_to_people_for_testing_only);
    let line = told.iter().find(|line| line.as_str().contains(part));
    line.unwrap_or_else(|| panic!("{told:?}")).to_string()
}

/// It was said from when on nothing is to be trusted: from the beginning of the present session, and without its day.
#[test]
fn what_was_said_before_words_differ_is_vouched_for_up_to_an_earlier_comparison_and_else_not_at_all()
 {
    for (option, doubted, verified) in [
        ("", "Nothing that was ever said with bob", None),
        (
            " verified=2026-11-20",
            "Nothing that was said since you verified bob on 2026-11-20",
            Some("2026-11-20"),
        ),
    ] {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_bob(home.path(), option);
        for closed in ["The session is closed. ", ""] {
            talk.set_aside(BOB, Evidence::Words, None).unwrap();
            let expected = format!("  {closed}{doubted} should be trusted.");
            assert_eq!(told(&mut talk, "should be trusted"), expected);
            let tui::Comparison::Differ { verified: day, .. } = talk.differs(&BOB) else {
                panic!("they differ");
            };
            assert_eq!(day, verified.map(Safe::from));
            talk.look_at_known_peers().unwrap();
            talk.link(BOB).fall();
        }
    }
}

#[test]
fn a_session_of_another_day_is_told_with_its_day_and_one_that_counts_as_over_is_not_connected() {
    let home = tempfile::tempdir().unwrap();
    let mut talk = with_bob(home.path(), "");
    talk.tell_about(BOB).unwrap();
    let since = "state       connected since 1970-01-0";
    assert!(told(&mut talk, "state  ").starts_with(since));
    let event = Event::Unreachable {
        peer: BOB,
        tries: 9,
    };
    talk.on_update(Update::Session(event)).unwrap();
    talk.tell_about(BOB).unwrap();
    let state = told(&mut talk, "state  ");
    assert!(state.contains("no answer from bob to 9"), "{state}");
}
