//! Events are taken long after what they tell of: the owner writes to a disk, or its terminal stands still.

use securechat::chat::{self, Messenger, Update};
use securechat::proto::Refusal;
use securechat::wire::limits::FINAL_CLOSE_CODE;

use super::*;

/// How message 2 says that its sender wants no session.
const REFUSED: u32 = 2;
/// What a later version may say there.
const LATER: u32 = 8;

/// The victim has a message for the hostile peer, which has called. Nobody has looked yet.
fn unnoticed() -> Scene {
    let mut scene = Scene::new(Terms::Known);
    scene.victim.polls = false;
    scene.write_to_hostile("hello".to_owned()).unwrap();
    scene.connect_hostile(false);
    assert!(scene.is_connected());
    scene
}

/// Its owner looks. Whether the victim calls by itself in the next two minutes.
fn calls_then(scene: &mut Scene) -> bool {
    scene.exchange();
    let before = scene.outward;
    scene.victim.polls = true;
    scene.advance(Duration::from_secs(120));
    scene.outward > before
}

#[test]
fn whoever_declined_is_not_called_again_when_its_session_is_heard_of_later() {
    let _turn = turn();
    for code in [
        CloseCode::Declined,
        CloseCode::Violation,
        CloseCode::Unsupported,
    ] {
        let mut scene = unnoticed();
        scene.send(&[Frame::Close(code)]);
        assert!(!calls_then(&mut scene), "{code:?}");
        // A new message asks again.
        let before = scene.outward;
        scene.write_to_hostile("again".to_owned()).unwrap();
        assert!(scene.outward > before, "{code:?}");
    }
}

#[test]
fn whoever_was_hung_up_on_is_not_called_again_when_its_session_is_heard_of_later() {
    let _turn = turn();
    let mut scene = unnoticed();
    let hostile = scene.hostile.id();
    scene.victim.with(scene.now, |it: &mut Messenger, now| {
        it.endpoint_mut().close(hostile, now);
    });
    assert!(!calls_then(&mut scene));
}

#[test]
fn what_came_first_is_not_what_decides_whether_a_peer_is_called() {
    let _turn = turn();
    let (goodbye, declined) = (CloseCode::Goodbye, CloseCode::Declined);
    for (codes, is_called) in [
        (&[goodbye][..], true),
        (&[goodbye, declined], false),
        (&[declined, goodbye], true),
        (&[CloseCode::Other(FINAL_CLOSE_CODE - 1)], true),
        (&[CloseCode::Other(FINAL_CLOSE_CODE)], false),
    ] {
        let mut scene = Scene::new(Terms::Known);
        scene.victim.polls = false;
        scene.write_to_hostile("hello".to_owned()).unwrap();
        for code in codes {
            scene.connect_hostile(false);
            scene.send(&[Frame::Close(*code)]);
        }
        assert_eq!(calls_then(&mut scene), is_called, "{codes:?}");
    }
}

#[test]
fn whoever_refused_is_not_called_again_when_its_session_is_heard_of_later() {
    let _turn = turn();
    for (flags, why) in [(REFUSED, Refusal::UnknownKey), (LATER, Refusal::Version)] {
        let mut scene = unnoticed();
        scene.hostile.answers = Some(flags);
        scene.advance(limits::SILENCE + Duration::from_secs(30));
        scene.hostile.answers = None;
        assert!(!scene.is_connected());
        assert!(!calls_then(&mut scene));
        let refused =
            |event: &Event| matches!(event, Event::Refused { reason, .. } if *reason == why);
        assert!(scene.victim.events.iter().any(refused));
    }
}

#[test]
fn a_broken_rule_ends_the_connection_on_which_it_was_broken_and_no_other() {
    let _turn = turn();
    let mut scene = unnoticed();
    let bytes = [record(0, b"before", None), vec![1, 1]].concat();
    say(&mut scene, &bytes);
    let closed = scene.hostile.received.closed;
    assert_eq!(closed, Some(CloseCode::Violation), "at once");
    scene.connect_hostile(false);
    say(&mut scene, &record(1, b"after", None));
    let told = told(&mut scene);
    assert_eq!(told, ["begins", "before", "ends", "begins", "after"]);
    assert!(scene.is_connected());
    assert_eq!(scene.hostile.received.closed, None);
}

/// What the victim's owner is told, once it looks.
fn told(scene: &mut Scene) -> Vec<String> {
    let now = scene.now;
    let mut told = Vec::new();
    while let Some(update) = scene.victim.messenger.poll_event(now) {
        scene.victim.messenger.settle(now);
        told.push(match update {
            Update::Session(Event::Established { .. }) => "begins".to_owned(),
            Update::Session(Event::Closed { .. }) => "ends".to_owned(),
            Update::Chat(chat::Event::Message { message, .. }) => {
                String::from_utf8(message.body).unwrap()
            }
            _ => continue,
        });
    }
    scene.exchange();
    told
}
