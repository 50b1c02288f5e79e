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
    let commitment = [7; 32];
    scene.send(&[frame(1, VerifyStep::Ask { commitment })]);
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
        let commitment = [attempt.to_le_bytes()[0]; 32];
        scene.send(&[frame(attempt, VerifyStep::Ask { commitment })]);
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
    scene.send(&[frame(
        5_000,
        VerifyStep::Ask {
            commitment: [1; 32],
        },
    )]);
    let asked = told(&scene)
        .iter()
        .filter(|it| **it == Progress::Asked)
        .count();
    assert_eq!(asked, 2);
    scene.assert_unharmed();
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
