//! Whom a conversation calls, and what it says of that.

mod many;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::chat::Update;
use crate::cli::talk::conversation::{Link, Target, Typist};
use crate::cli::talk::goal::tests::reach;
use crate::cli::talk::profile::tests;
use crate::cli::{ExitCode, Report};
use crate::control::Client;
use crate::proto::{CloseReason, Event};
use crate::store::{KnownPeers, key_text};
use crate::time::UnixTime;

mod places;
mod waking;

const BOB: PeerId = PeerId::new([2; 32]);
const CAROL: PeerId = PeerId::new([3; 32]);
const SOMEWHERE: &str = "127.0.0.1:9";
const LISTEN: Goal = Goal::Listen { once: None };

/// A conversation of somebody who knows these people, and a program that listens to it.
fn conversation(home: &Path, known: &str, goal: Goal) -> (Conversation, Client) {
    let mut talk = tests::conversation(&tests::who_knows(home, known), Typist::Pipe, goal);
    let program = Client::unserved();
    talk.programs.subscribe(program.clone(), false);
    (talk, program)
}

/// The line of bob, who has no address.
fn bob() -> String {
    format!("bob {}\n", key_text(&BOB))
}

fn host(text: &str) -> HostPort {
    text.parse().unwrap()
}

/// The core tells this; returns how the conversation ends by it, if it does.
fn happens(talk: &mut Conversation, event: Event) -> Option<ExitCode> {
    talk.on_update(Update::Session(event)).unwrap()
}

fn comes(peer: PeerId) -> Event {
    Event::Established {
        peer,
        address: "192.0.2.1:7419".parse().unwrap(),
        initiator: false,
    }
}

/// What a program was told since it was asked last.
fn told(program: &Client) -> String {
    let lines = core::iter::from_fn(|| program.write_next());
    lines.map(|line| line.to_string()).collect()
}

/// Makes the calls that are due. Only addresses are looked up, which is done at once.
fn call(talk: &mut Conversation) {
    talk.make_calls(talk.clock.now()).unwrap();
    while let Ok(input) = talk.inputs.try_recv() {
        if let Input::Found(inquiry, found) = input {
            talk.on_found(inquiry, found).unwrap();
        }
    }
}

/// Where bob is called.
fn called_at(talk: &Conversation) -> Option<SocketAddr> {
    talk.address_of(BOB).unwrap()
}

#[test]
fn somebody_who_is_added_with_an_address_is_called_at_once() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), "", LISTEN);
    let key = format!("securechat:1:{}?a={SOMEWHERE}", key_text(&BOB));
    talk.add("bob", &key).unwrap();
    call(&mut talk);
    assert_eq!(called_at(&talk), Some(SOMEWHERE.parse().unwrap()));
    let told = told(&program);
    assert!(
        !told.contains("SC05") && told.contains("connecting"),
        "{told}"
    );
}

#[test]
fn whoever_was_called_and_is_no_peer_yet_is_called_once_it_is_one() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), "", LISTEN);
    talk.call_everybody();
    talk.calls.add(BOB, host(SOMEWHERE), talk.clock.now());
    call(&mut talk);
    assert!(told(&program).contains("SC05"));
    let add = |known: &mut KnownPeers| known.add("bob", &BOB, &[host(SOMEWHERE)]);
    talk.change_peers(add).unwrap();
    call(&mut talk);
    let told = told(&program);
    assert!(
        !told.contains("SC05") && told.contains("connecting"),
        "{told}"
    );
}

#[test]
fn who_is_hung_up_on_or_removed_is_not_called_where_a_look_up_finds_it_then() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), &bob(), LISTEN);
    let found = || Ok(vec![SOMEWHERE.parse().unwrap()]);
    let name = || host("chat.example.org:7419");
    let inquiry = talk.calls.inquire(BOB, name(), Family::Any, false);
    talk.hang_up(BOB).unwrap();
    talk.on_found(inquiry, found()).unwrap();
    assert_eq!(called_at(&talk), None);
    let [wanted, late] = [0; 2].map(|_| talk.calls.inquire(BOB, name(), Family::Any, false));
    talk.on_found(wanted, found()).unwrap();
    assert!(called_at(&talk).is_some(), "somebody asked for it since");
    talk.change_peers(|known| known.remove("bob")).unwrap();
    told(&program);
    talk.on_found(late, found()).unwrap();
    assert_eq!(told(&program), "");
}

#[test]
fn programs_are_told_that_there_is_no_address_and_that_it_is_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), &bob(), reach(BOB, true));
    assert!(talk.goal.look_up(talk.clock.now()).is_some());
    let obstacle = |talk: &Conversation| talk.obstacle(BOB).unwrap().to_string();
    let words = "bob is not connected; its address is being looked up";
    assert_eq!(obstacle(&talk), words);
    talk.on_resolved(Err(ResolveError::NotFound)).unwrap();
    let events = told(&program);
    assert!(events.contains("\"code\":\"SC13\""), "{events}");
    let words = "the address of bob was not found (the name does not exist); trying again in 1 s";
    assert_eq!(obstacle(&talk), words);
    talk.on_resolved(Ok(vec![SOMEWHERE.parse().unwrap()]))
        .unwrap();
    let now = obstacle(&talk);
    assert!(!now.contains("not found"), "{now}");
}

#[test]
fn why_the_address_of_somebody_who_is_called_by_itself_is_missing_holds_until_it_is_found() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _program) = conversation(home.path(), &bob(), LISTEN);
    let name = || host("chat.example.org:7419");
    let inquiry = talk.calls.inquire(BOB, name(), Family::Any, false);
    let obstacle = |talk: &Conversation| talk.obstacle(BOB).unwrap().to_string();
    assert!(obstacle(&talk).ends_with("; its address is being looked up"));
    talk.on_found(inquiry, Err(ResolveError::Temporary))
        .unwrap();
    assert!(obstacle(&talk).starts_with("the address of bob was not found (the name server"));
    let inquiry = talk.calls.inquire(BOB, name(), Family::Any, false);
    talk.on_found(inquiry, Ok(vec![SOMEWHERE.parse().unwrap()]))
        .unwrap();
    let now = obstacle(&talk);
    assert!(!now.contains("not found"), "{now}");
}

#[test]
fn programs_are_told_what_goes_wrong_beside_the_conversation() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), "", LISTEN);
    let report = Report::new("SC18", ExitCode::Storage, "the record ends here");
    talk.tell_trouble(&report);
    let events = told(&program);
    assert!(events.contains("\"code\":\"SC18\""), "{events}");
}

#[test]
fn whoever_is_silent_or_at_rest_and_hung_up_on_has_its_session_closed_for_programs_once() {
    let silent: fn(&mut Link) = |link| link.is_silent = true;
    let at_rest: fn(&mut Link) = |link| link.since = Some(UnixTime::default());
    let gone: fn(&mut Link) = |link| {
        link.since = Some(UnixTime::default());
        (link.is_silent, link.is_unreachable) = (true, true);
    };
    for make in [silent, at_rest, gone] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, program) = conversation(home.path(), &bob(), LISTEN);
        make(talk.link(BOB));
        for is_told in [true, false] {
            talk.hang_up(BOB).unwrap();
            let events = told(&program);
            let is_closed = events.contains("\"closed\"") && events.contains("\"hung_up\"");
            assert_eq!(is_closed, is_told, "{events}");
        }
    }
}

/// The network may be back since, and nobody there.
#[test]
fn what_the_network_said_holds_as_long_as_the_next_try_would_bring_it_again() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _program) = conversation(home.path(), &bob(), LISTEN);
    let address: SocketAddr = SOMEWHERE.parse().unwrap();
    talk.seek_session(BOB, &[address]).unwrap();
    let said = IcmpError {
        peer: Some(address),
        kind: IcmpKind::NetUnreachable,
    };
    let reason = |talk: &Conversation| talk.way(BOB).unwrap().reason().to_string();
    let now = talk.clock.now();
    talk.note_complaint(&said, now);
    assert_eq!(reason(&talk), "127.0.0.1:9 cannot be reached");
    let after = |seconds| talk.complaint_about(&address, now + Duration::from_secs(seconds));
    assert_eq!(after(60), Some(IcmpKind::NetUnreachable));
    assert_eq!(after(120), None);
    talk.note_complaint(&said, Instant::ZERO);
    let reason = reason(&talk);
    assert!(!reason.contains("cannot be reached"), "{reason}");
}

/// A comparison would be refused, and nothing goes out after one.
#[test]
fn of_who_was_revoked_after_words_differed_it_is_not_said_that_somebody_has_to_decide() {
    let home = tempfile::tempdir().unwrap();
    let key = key_text(&BOB);
    let known = format!("bob {key} differed=2026-11-21\n@revoked {key}\n");
    let (talk, _program) = conversation(home.path(), &known, LISTEN);
    let words = "the key of bob is revoked; nothing is tried";
    assert_eq!(talk.obstacle(BOB).unwrap().as_str(), words);
    assert_eq!(talk.way(BOB).unwrap().word(), "revoked");
}

/// The pipe went to whoever called next, and until then the program waited for nothing.
#[test]
fn what_is_piped_to_somebody_who_is_a_peer_no_more_goes_to_nobody_and_ends_connect() {
    type Edit = fn(&mut KnownPeers) -> Result<(), crate::store::Error>;
    let ways: [(Edit, &str); 2] = [
        (|known| known.remove("bob"), "SC46"),
        (|known| known.revoke(&BOB, None), "SC25"),
    ];
    for (edit, code) in ways {
        let home = tempfile::tempdir().unwrap();
        let known = format!("{}carol {}\n", bob(), key_text(&CAROL));
        let (mut talk, _program) = conversation(home.path(), &known, reach(BOB, true));
        talk.check_aim().unwrap();
        talk.change_peers(edit).unwrap();
        happens(&mut talk, comes(CAROL));
        assert_eq!(talk.state.target, Target::Gone);
        let end = talk.check_aim().unwrap_err();
        assert_eq!(end.report().code, code);
        // Others can be talked to by whoever has hung up on the one, but not by a pipe.
        talk.goal.rest(&BOB);
        talk.check_aim().unwrap_err();
        talk.typist = Typist::Program;
        talk.check_aim().unwrap();
        // Whoever calls him again waits for him.
        talk.goal.wake(&BOB);
        assert_eq!(talk.check_aim().unwrap_err().report().code, code);
    }
}

/// It was said of the beginning of the key alone.
#[test]
fn who_was_called_by_a_name_is_said_to_be_gone_by_that_name_also_where_the_call_is_due() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _program) = conversation(home.path(), &bob(), reach(BOB, true));
    talk.change_peers(|known| known.remove("bob")).unwrap();
    let address = SOMEWHERE.parse().unwrap();
    let report = talk.reach(BOB, &[address]).unwrap_err().report();
    assert_eq!(report.code, "SC46");
    assert!(report.title.as_str().starts_with("\"bob\" "));
    if let Goal::Reach(reach) = &mut talk.goal {
        reach.name = None;
    }
    assert_eq!(talk.check_aim().unwrap_err().report().code, "SC05");
}

#[test]
fn whose_words_differed_ends_connect_also_where_no_session_ended_by_that() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, _program) = conversation(home.path(), &bob(), reach(BOB, true));
    let day = "2026-11-30".parse().unwrap();
    talk.change_peers(|known| known.set_differed("bob", day))
        .unwrap();
    let end = talk.check_aim().unwrap_err();
    assert_eq!(end.report().code, "SC33");
}

/// Whoever had just put us out was called, and asked about us, five seconds later; and a peer that shows another signing
/// key each time was called every five seconds.
#[test]
fn who_declines_or_shows_another_signing_key_is_not_called_again_by_itself() {
    for (reason, is_called) in [
        (CloseReason::Declined, false),
        (CloseReason::SigningKeyChanged, false),
        (CloseReason::Goodbye, true),
    ] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, _program) = conversation(home.path(), &bob(), LISTEN);
        talk.calls.add(BOB, host(SOMEWHERE), talk.clock.now());
        let inquiry = talk.calls.inquire(BOB, host(SOMEWHERE), Family::Any, false);
        happens(&mut talk, comes(BOB));
        happens(&mut talk, Event::Closed { peer: BOB, reason });
        let patience = talk.calls.patience(talk.clock.now());
        assert_eq!(patience.is_some(), is_called, "{reason:?}");
        assert_eq!(talk.calls.take(inquiry), None);
        // A person can.
        talk.calls.add(BOB, host(SOMEWHERE), talk.clock.now());
        assert_eq!(talk.calls.due(talk.clock.now()).len(), 1);
    }
}

/// It was called five seconds later, again and again.
#[test]
fn who_breaks_the_protocol_each_time_or_is_newer_is_called_more_and_more_rarely() {
    for reason in [
        CloseReason::Violation,
        CloseReason::TheySayViolation,
        CloseReason::Unsupported,
    ] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, _program) = conversation(home.path(), &bob(), LISTEN);
        talk.calls.add(BOB, host(SOMEWHERE), talk.clock.now());
        let mut pause_after = |reason| {
            happens(&mut talk, comes(BOB));
            happens(&mut talk, Event::Closed { peer: BOB, reason });
            let pause = talk.calls.calls_in(&BOB, talk.clock.now()).unwrap();
            let next = talk.way(BOB).unwrap().next().to_string();
            // A part of a second may have passed.
            (pause.as_millis().div_ceil(1_000), next)
        };
        let [first, second, third] = [(); 3].map(|()| pause_after(reason));
        assert_eq!([first.0, second.0], [5, 60], "{reason:?}");
        assert_eq!(third, (600, "trying again in 10 min".to_owned()));
        assert_eq!(pause_after(CloseReason::Goodbye).0, 5);
    }
}

/// Each time it pushed a block of lines into whatever conversation was open.
#[test]
fn that_a_peer_shows_another_signing_key_is_told_once_a_minute() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), &bob(), LISTEN);
    let reason = CloseReason::SigningKeyChanged;
    let mut errors = 0;
    for _ in 0..10 {
        happens(&mut talk, comes(BOB));
        happens(&mut talk, Event::Closed { peer: BOB, reason });
        let told = told(&program);
        assert!(told.contains("\"signing_key_changed\""), "{told}");
        errors += usize::from(told.contains("\"SC31\""));
    }
    assert_eq!(errors, 1);
    let now = talk.clock.now();
    let soon = now + Duration::from_secs(59);
    assert!(!talk.state.tells_of_key_change(BOB, soon));
    assert!(talk.state.tells_of_key_change(CAROL, soon));
    let later = now + Duration::from_secs(60);
    assert!(talk.state.tells_of_key_change(BOB, later));
}

/// The program ended with the first goodbye after that.
#[test]
fn who_is_hung_up_on_and_then_connected_to_is_called_again_as_retry_says() {
    for (connects, retry, goes_on) in [
        (true, true, true),
        (true, false, false),
        (false, true, false),
    ] {
        let home = tempfile::tempdir().unwrap();
        let (mut talk, program) = conversation(home.path(), &bob(), reach(BOB, retry));
        happens(&mut talk, comes(BOB));
        talk.hang_up(BOB).unwrap();
        if connects {
            talk.call(BOB).unwrap();
        }
        happens(&mut talk, comes(BOB));
        told(&program);
        let reason = CloseReason::Goodbye;
        let end = happens(&mut talk, Event::Closed { peer: BOB, reason });
        let told = told(&program);
        assert_eq!(end.is_none(), goes_on, "{end:?}");
        assert_eq!(told.contains("\"calling\""), goes_on, "{told}");
    }
}

#[test]
fn who_hangs_up_on_the_first_conversation_ends_a_listener_for_one() {
    for (goal, ends) in [(Goal::Listen { once: Some(None) }, true), (LISTEN, false)] {
        let home = tempfile::tempdir().unwrap();
        let known = format!("{}carol {}\n", bob(), key_text(&CAROL));
        let (mut talk, program) = conversation(home.path(), &known, goal);
        happens(&mut talk, comes(BOB));
        happens(&mut talk, comes(CAROL));
        talk.hang_up(CAROL).unwrap();
        assert_eq!(talk.state.leaving, None, "it is not the first");
        talk.hang_up(BOB).unwrap();
        assert!(told(&program).contains("\"hung_up\""));
        let end = talk.check_leave(talk.clock.now());
        assert_eq!(end, ends.then_some(ExitCode::Done));
    }
}

/// It was told that somebody is called who is connected.
#[test]
fn who_is_heard_again_after_a_long_silence_is_not_called() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), &bob(), LISTEN);
    talk.calls.add(BOB, host(SOMEWHERE), talk.clock.now());
    happens(&mut talk, comes(BOB));
    happens(
        &mut talk,
        Event::Unreachable {
            peer: BOB,
            tries: 9,
        },
    );
    let patience = |talk: &Conversation| talk.calls.patience(talk.clock.now());
    assert!(patience(&talk).is_some());
    let inquiry = talk.calls.inquire(BOB, host(SOMEWHERE), Family::Any, false);
    happens(&mut talk, Event::Resumed { peer: BOB });
    assert_eq!(patience(&talk), None);
    talk.on_found(inquiry, Ok(vec![SOMEWHERE.parse().unwrap()]))
        .unwrap();
    let told = told(&program);
    assert!(!told.contains("\"connecting\""), "{told}");
}

/// Each round of calls put two lines into a conversation, until nothing else was left of it.
#[test]
fn calls_in_vain_are_told_to_people_once_until_somebody_asks_or_it_is_back() {
    let home = tempfile::tempdir().unwrap();
    let known = format!("bob {} addr={SOMEWHERE}\n", key_text(&BOB));
    let (mut talk, program) = conversation(home.path(), &known, LISTEN);
    let lines = |talk: &mut Conversation| {
        let told = core::mem::take(&mut talk.state.told_to_people_for_testing_only);
        told.iter().map(Safe::to_string).collect::<Vec<_>>()
    };
    let in_vain = |talk: &mut Conversation| {
        for _ in 0..3 {
            happens(
                talk,
                Event::Unreachable {
                    peer: BOB,
                    tries: 9,
                },
            );
            let inquiry = talk.calls.inquire(BOB, host(SOMEWHERE), Family::Any, false);
            talk.on_found(inquiry, Ok(vec![SOMEWHERE.parse().unwrap()]))
                .unwrap();
        }
    };
    let (calls, nobody) = (
        "connecting to bob at 127.0.0.1:9",
        "link: no answer from bob to 9 handshakes",
    );
    talk.call_everybody();
    call(&mut talk);
    in_vain(&mut talk);
    assert_eq!(lines(&mut talk), [calls, nobody]);
    let told = told(&program);
    assert_eq!(told.matches("\"unreachable\"").count(), 3, "{told}");
    talk.call(BOB).unwrap();
    call(&mut talk);
    in_vain(&mut talk);
    assert_eq!(lines(&mut talk), [calls, nobody]);
    happens(&mut talk, Event::Resumed { peer: BOB });
    in_vain(&mut talk);
    assert_eq!(lines(&mut talk), ["link: bob is back", nobody]);
}

/// People were told that it is called, and nothing of what came of it.
#[test]
fn whoever_asks_for_a_session_at_rest_is_told_that_it_stands_and_whoever_wakes_is_told_nothing() {
    let home = tempfile::tempdir().unwrap();
    let known = format!("bob {} addr={SOMEWHERE}\n", key_text(&BOB));
    let (mut talk, program) = conversation(home.path(), &known, LISTEN);
    happens(&mut talk, comes(BOB));
    let lines = |talk: &mut Conversation| {
        let told = core::mem::take(&mut talk.state.told_to_people_for_testing_only);
        told.iter().map(Safe::to_string).collect::<Vec<_>>()
    };
    lines(&mut talk);
    assert_eq!(talk.call(BOB).unwrap(), Called::Now);
    call(&mut talk);
    happens(&mut talk, Event::Resumed { peer: BOB });
    let (calls, stands) = ("connecting to bob at 127.0.0.1:9", "link: bob is connected");
    assert_eq!(lines(&mut talk), [calls, stands]);
    assert!(told(&program).contains("\"back\""));
    talk.link(BOB).is_called_quietly = true;
    happens(&mut talk, Event::Resumed { peer: BOB });
    assert_eq!((lines(&mut talk), told(&program)), (vec![], String::new()));
    // What is silent has been told of.
    talk.link(BOB).is_called_quietly = true;
    happens(&mut talk, Event::Silent { peer: BOB });
    lines(&mut talk);
    happens(&mut talk, Event::Resumed { peer: BOB });
    assert_eq!(lines(&mut talk), ["link: bob is back"]);
}

/// The series of handshakes began anew each time, and with it the fast tries.
#[test]
fn who_has_not_answered_for_long_is_looked_up_again_and_called_no_more_often_for_that() {
    let home = tempfile::tempdir().unwrap();
    let (mut talk, program) = conversation(home.path(), &bob(), LISTEN);
    talk.calls.add(BOB, host(SOMEWHERE), talk.clock.now());
    call(&mut talk);
    let nobody_answers = |messenger: &mut crate::chat::Messenger, now: Instant| {
        let endpoint = messenger.endpoint_mut();
        while let Some((at, _)) = endpoint.poll_timeout()
            && at < now + Duration::from_secs(120)
        {
            endpoint.handle_timeout(at);
        }
    };
    talk.handle.with(nobody_answers).unwrap();
    happens(
        &mut talk,
        Event::Unreachable {
            peer: BOB,
            tries: 9,
        },
    );
    told(&program);
    let find = |talk: &mut Conversation, address: &str| {
        let inquiry = talk.calls.inquire(BOB, host(SOMEWHERE), Family::Any, false);
        talk.on_found(inquiry, Ok(vec![address.parse().unwrap()]))
            .unwrap();
    };
    find(&mut talk, SOMEWHERE);
    assert_eq!(told(&program), "");
    let pause = talk.calls.calls_in(&BOB, talk.clock.now()).unwrap();
    assert!(pause > Duration::from_secs(5), "{pause:?}");
    find(&mut talk, "127.0.0.2:9");
    assert!(told(&program).contains("\"connecting\""));
}
