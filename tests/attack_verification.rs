//! A peer with a valid key that cheats while words are compared, or will not stop asking.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod hostile;

use core::time::Duration;

use hostile::Scene;
use securechat::proto::{CloseReason, Event, Progress, limits};
use securechat::wire::frame::{Frame, Verdict, Verify, VerifyStep};

fn frame(attempt: u64, step: VerifyStep) -> Frame<'static> {
    Frame::Verify(Verify { attempt, step })
}

/// A question over the session that stands.
fn ask(scene: &Scene, byte: u8) -> VerifyStep {
    VerifyStep::Ask {
        handshake: scene.hostile.handshake(),
        commitment: [byte; 32],
    }
}

/// What the victim's person was told.
fn told(scene: &Scene) -> Vec<Progress> {
    let told = scene.victim.events.iter().filter_map(|event| {
        let Event::Verification { progress, .. } = event else {
            return None;
        };
        Some(*progress)
    });
    told.collect()
}

#[test]
fn a_nonce_that_was_not_committed_to_ends_the_session() {
    let mut scene = Scene::connected();
    let ask = ask(&scene, 7);
    scene.send(&[frame(1, ask)]);
    let answers = &scene.hostile.received.verifies;
    assert!(matches!(
        answers[..],
        [Verify {
            attempt: 1,
            step: VerifyStep::Answer { .. }
        }]
    ));
    scene.send(&[frame(1, VerifyStep::Reveal { nonce: [9; 32] })]);
    let hostile = scene.hostile.id();
    assert_eq!(scene.victim.ending(hostile), Some(CloseReason::Violation));
    assert_eq!(
        told(&scene)
            .iter()
            .filter(|it| matches!(it, Progress::Ready(_)))
            .count(),
        0
    );
    scene.assert_unharmed();
}

#[test]
fn a_flood_of_questions_is_one_question_a_minute() {
    let mut scene = Scene::connected();
    for attempt in 0..2_000_u64 {
        let ask = ask(&scene, attempt.to_le_bytes()[0]);
        scene.send(&[frame(attempt, ask)]);
        scene.acknowledge();
    }
    let asked = told(&scene)
        .iter()
        .filter(|it| **it == Progress::Asked)
        .count();
    assert_eq!(asked, 1);
    let later = scene.hostile.received.verifies.iter();
    let later = later.filter(|it| it.step == VerifyStep::Verdict(Verdict::Later));
    assert!(later.count() > 0);
    assert!(scene.is_connected());
    scene.advance(limits::VERIFY_PAUSE);
    let ask = ask(&scene, 1);
    scene.send(&[frame(5_000, ask)]);
    let asked = told(&scene)
        .iter()
        .filter(|it| **it == Progress::Asked)
        .count();
    assert_eq!(asked, 2);
    scene.assert_unharmed();
}

#[test]
fn a_question_over_another_session_is_not_answered() {
    let mut scene = Scene::connected();
    let ask = VerifyStep::Ask {
        handshake: [0; 32],
        commitment: [1; 32],
    };
    scene.send(&[frame(1, ask)]);
    assert_eq!(told(&scene), []);
    let later = VerifyStep::Verdict(Verdict::Later);
    assert!(
        matches!(scene.hostile.received.verifies[..], [Verify { attempt: 1, step }] if step == later)
    );
    scene.assert_unharmed();
}

/// Whoever sees that the words will not agree may keep its nonce to itself, and ask again: that is one
/// nonce a minute from each side all the same, and no words are shown.
#[test]
fn who_keeps_its_nonce_to_itself_learns_one_nonce_a_minute() {
    let mut scene = Scene::connected();
    for minute in 0..5_u64 {
        for nth in 0..20 {
            let ask = ask(&scene, 9);
            scene.send(&[frame(100 * minute + nth, ask)]);
            scene.send(&[frame(
                100 * minute + nth,
                VerifyStep::Verdict(Verdict::Withdrawn),
            )]);
            scene.acknowledge();
        }
        scene.advance(limits::VERIFY_PAUSE);
    }
    let answers = scene.hostile.received.verifies.iter();
    let answers = answers.filter(|it| matches!(it.step, VerifyStep::Answer { .. }));
    assert!((1..=5).contains(&answers.count()));
    assert!(
        !told(&scene)
            .iter()
            .any(|it| matches!(it, Progress::Ready(_)))
    );
}

#[test]
fn words_that_differ_before_there_are_words_end_the_session_too() {
    let mut scene = Scene::connected();
    let ask = ask(&scene, 9);
    scene.send(&[frame(1, ask)]);
    scene.send(&[frame(1, VerifyStep::Verdict(Verdict::Different))]);
    let hostile = scene.hostile.id();
    assert_eq!(scene.victim.ending(hostile), Some(CloseReason::WordsDiffer));
    assert_eq!(told(&scene).last(), Some(&Progress::Differs));
    scene.connect_hostile(false);
    assert!(!scene.is_connected(), "it gets no answer");
}

#[test]
fn what_nobody_asked_does_nothing() {
    let mut scene = Scene::connected();
    let nonce = [3; 32];
    for step in [
        VerifyStep::Answer { nonce },
        VerifyStep::Reveal { nonce },
        VerifyStep::Verdict(Verdict::Same),
        VerifyStep::Verdict(Verdict::Withdrawn),
    ] {
        scene.send(&[frame(1, step)]);
    }
    scene.advance(Duration::from_secs(1));
    assert_eq!(told(&scene), []);
    assert!(scene.is_connected());
    scene.assert_unharmed();
}
