//! Two people compare words over a session.

use super::*;
use crate::proto::{ApiMisuse, Progress, ShortCode, Unfinished};

fn progress(side: &Side) -> Vec<Progress> {
    let told = side.events.iter().filter_map(|event| {
        let &Event::Verification { progress, .. } = event else {
            return None;
        };
        Some(progress)
    });
    told.collect()
}

fn code(side: &Side) -> ShortCode {
    let ready = progress(side).into_iter().find_map(|progress| {
        let Progress::Ready(code) = progress else {
            return None;
        };
        Some(code)
    });
    ready.unwrap()
}

#[test]
fn both_sides_see_the_same_words_and_each_others_verdict() {
    let (mut a, mut b) = connected();
    a.endpoint.verify(b.id(), now(100)).unwrap();
    settle(&mut a, &mut b, now(100));
    assert_eq!(progress(&b).first(), Some(&Progress::Asked));
    assert_eq!(code(&a), code(&b));
    assert!(b.endpoint.judge(a.id(), true));
    assert!(a.endpoint.judge(b.id(), false));
    assert!(!a.endpoint.judge(b.id(), true), "nobody judges twice");
    settle(&mut a, &mut b, now(200));
    assert_eq!(progress(&a).last(), Some(&Progress::Theirs { same: true }));
    assert_eq!(progress(&b).last(), Some(&Progress::Theirs { same: false }));
    let silent = progress(&a).len();
    let late = now(400_000);
    settle(&mut a, &mut b, late);
    assert_eq!(progress(&a).len(), silent, "what is over does not expire");
}

#[test]
fn a_comparison_that_nobody_ends_expires_on_both_sides() {
    let (mut a, mut b) = connected();
    a.endpoint.verify(b.id(), now(100)).unwrap();
    settle(&mut a, &mut b, now(100));
    let late = now(300_100);
    a.endpoint.handle_timeout(late);
    settle(&mut a, &mut b, late);
    assert_eq!(
        progress(&a).last(),
        Some(&Progress::Over(Unfinished::Expired))
    );
    assert!(matches!(progress(&b).last(), Some(Progress::Over(_))));
    assert!(!b.endpoint.judge(a.id(), true));
}

#[test]
fn the_end_of_a_connection_ends_its_comparison() {
    let (mut a, mut b) = connected();
    a.endpoint.verify(b.id(), now(100)).unwrap();
    settle(&mut a, &mut b, now(100));
    a.endpoint.close(b.id(), now(200));
    settle(&mut a, &mut b, now(200));
    for side in [&a, &b] {
        let lost = Progress::Over(Unfinished::Lost);
        assert!(progress(side).contains(&lost));
    }
    let again = a.endpoint.verify(b.id(), now(300));
    assert_eq!(again, Err(ApiMisuse::NotConnected));
}

#[test]
fn a_comparison_goes_on_under_new_keys() {
    let (mut a, mut b) = connected();
    a.endpoint.verify(b.id(), now(119_000)).unwrap();
    settle(&mut a, &mut b, now(119_000));
    let late = now(121_000);
    a.say(b.id(), b"rekey", late);
    settle(&mut a, &mut b, late);
    assert!(b.endpoint.judge(a.id(), true));
    settle(&mut a, &mut b, late);
    assert_eq!(progress(&a).last(), Some(&Progress::Theirs { same: true }));
}
