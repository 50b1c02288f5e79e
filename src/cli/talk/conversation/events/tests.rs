//! What a conversation makes of what the core tells.

use super::*;
use crate::cli::talk::conversation::Target;
use crate::cli::talk::goal::tests::reach;
use crate::cli::talk::profile::tests::{context, conversation};
use crate::id::VerifyingKey;
use crate::store::KnownPeers;

/// A conversation whose lines come through a pipe.
fn of_a_pipe(home: &std::path::Path, goal: crate::cli::talk::goal::Goal) -> Conversation {
    conversation(&context(home), Typist::Pipe, goal)
}

#[test]
fn a_peer_that_is_not_reached_any_more_is_looked_up_until_it_is_heard() {
    let home = tempfile::tempdir().unwrap();
    let peer = PeerId::new([1; 32]);
    let mut conversation = of_a_pipe(home.path(), reach(peer, true));
    let now = conversation.clock.now();
    let mut is_looked_up_after = |event| {
        conversation.on_session(event).unwrap();
        conversation.goal.patience(now).is_some()
    };
    assert!(!is_looked_up_after(Event::Waiting { peer }));
    let unreachable = Event::Unreachable { peer, tries: 22 };
    assert!(is_looked_up_after(unreachable));
    assert!(!is_looked_up_after(Event::Resumed { peer }));
}

/// Whoever came while nothing was heard from the first one was said all lines from then on.
#[test]
fn a_listening_pipe_keeps_to_its_hearer_as_long_as_the_session_lasts() {
    let home = tempfile::tempdir().unwrap();
    let goal = crate::cli::talk::goal::Goal::Listen { once: None };
    let mut conversation = of_a_pipe(home.path(), goal);
    let [bob, carol] = [1, 2].map(|number| PeerId::new([number; 32]));
    let comes = |peer| Event::Established {
        peer,
        address: "192.0.2.1:7419".parse().unwrap(),
        initiator: false,
    };
    let mut hears = |event| {
        conversation.on_session(event).unwrap();
        conversation.find_hearer().unwrap();
        let Target::Peer(peer, _) = conversation.state.target else {
            panic!("nobody");
        };
        let link = conversation.state.links.get(&peer).unwrap();
        (peer, link.lasts())
    };
    for (event, lasts) in [
        (comes(bob), true),
        (Event::Silent { peer: bob }, true),
        (comes(carol), true),
        (Event::Resumed { peer: bob }, true),
        (
            Event::Unreachable {
                peer: bob,
                tries: 9,
            },
            false,
        ),
        (Event::Resumed { peer: bob }, true),
    ] {
        let told = format!("{event:?}");
        assert_eq!(hears(event), (bob, lasts), "{told}");
    }
}

/// A keepalive behind a NAT finds that an idle laptop sleeps, and the program ended as if that had left.
#[test]
fn a_listener_for_one_conversation_waits_for_whoever_does_not_answer_and_ends_with_the_goodbye() {
    let home = tempfile::tempdir().unwrap();
    let peer = PeerId::new([1; 32]);
    let goal = crate::cli::talk::goal::Goal::Listen { once: Some(None) };
    let mut conversation = of_a_pipe(home.path(), goal);
    let mut ends_with = |event| conversation.on_session(event).unwrap();
    let comes = Event::Established {
        peer,
        address: "192.0.2.1:7419".parse().unwrap(),
        initiator: false,
    };
    assert_eq!(ends_with(comes), None);
    assert_eq!(ends_with(Event::Unreachable { peer, tries: 9 }), None);
    assert_eq!(ends_with(Event::Resumed { peer }), None);
    let reason = CloseReason::Goodbye;
    let goodbye = ends_with(Event::Closed { peer, reason });
    assert_eq!(goodbye, Some(ExitCode::Done));
}

/// Each of them was a list written anew, beside which the loop did nothing.
#[test]
fn what_several_have_shown_by_now_is_noted_in_one_change_before_the_first_is_told() {
    let home = tempfile::tempdir().unwrap();
    let peers = [("bob", 1), ("carol", 2), ("dave", 3)];
    let peers = peers.map(|(name, number)| (name, PeerId::new([number; 32])));
    let context_of_list = context(home.path());
    let path = context_of_list.paths.known_peers();
    for (name, key) in &peers {
        KnownPeers::update(&path, |known| known.add(name, key, &[])).unwrap();
    }
    let goal = crate::cli::talk::goal::Goal::Listen { once: None };
    let mut conversation = of_a_pipe(home.path(), goal);
    let [bob, carol, dave] = peers.map(|(_, key)| Event::Introduced {
        peer: key,
        signing_key: VerifyingKey::new(*key.as_bytes()),
        newest_version: 1,
    });
    let later = [carol, dave].map(|event| News::Of(Update::Session(event)));
    conversation.state.news.extend(later);
    let content = |ending: &str| {
        let path = path.with_file_name(format!("known-peers{ending}"));
        std::fs::read_to_string(path).unwrap()
    };
    let noted = |ending: &str| content(ending).matches(" sign=").count();
    conversation.on_session(bob).unwrap();
    assert_eq!((noted(""), noted(".bak")), (3, 0), "one change");
    let before = std::fs::metadata(&path).unwrap().modified().unwrap();
    conversation.tell_news().unwrap();
    let after = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert_eq!((after, noted(".bak")), (before, 0), "and no other");
}
