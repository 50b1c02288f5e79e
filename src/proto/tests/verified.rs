//! Two people compare words over a session.

use super::paths::hostile;
use super::*;
use crate::id::VerifyingKey;
use crate::proto::limits::VERIFY_LIFE;
use crate::proto::{ApiMisuse, Progress, ShortCode, Unfinished};
use crate::wire::frame::{Frame, Hello};
use crate::wire::limits::VERSION;

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

fn established(side: &Side, peer: PeerId, now: Instant) -> bool {
    let status = side.endpoint.status(peer, now);
    status.is_some_and(|status| status.established)
}

#[test]
fn both_sides_see_the_same_words_and_each_others_verdict() {
    let (mut a, mut b) = connected();
    a.endpoint.verify(b.id(), now(100)).unwrap();
    settle(&mut a, &mut b, now(100));
    assert_eq!(progress(&b).first(), Some(&Progress::Asked));
    assert_eq!(code(&a), code(&b));
    assert!(b.endpoint.judge(a.id(), &code(&b), true, now(150)));
    assert!(a.endpoint.judge(b.id(), &code(&a), true, now(150)));
    assert!(
        !a.endpoint.judge(b.id(), &code(&a), true, now(150)),
        "nobody judges twice"
    );
    settle(&mut a, &mut b, now(200));
    for side in [&a, &b] {
        let both = [Progress::Theirs, Progress::Agreed(code(side))];
        assert!(both.iter().all(|it| progress(side).contains(it)));
    }
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
    let words = code(&b);
    assert!(!b.endpoint.judge(a.id(), &words, true, late));
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
    assert!(b.endpoint.judge(a.id(), &code(&b), true, now(150)));
    settle(&mut a, &mut b, late);
    assert_eq!(progress(&a).last(), Some(&Progress::Theirs));
}

#[test]
fn words_that_differ_end_the_session_and_bar_the_peer_on_both_sides() {
    let (mut a, mut b) = connected();
    a.endpoint.verify(b.id(), now(100)).unwrap();
    settle(&mut a, &mut b, now(100));
    assert!(b.endpoint.judge(a.id(), &code(&b), false, now(200)));
    settle(&mut a, &mut b, now(200));
    assert_eq!(progress(&a).last(), Some(&Progress::Differs));
    for side in [&a, &b] {
        let closed = side.events.iter().find_map(|event| {
            let Event::Closed { reason, .. } = event else {
                return None;
            };
            Some(*reason)
        });
        assert_eq!(closed, Some(CloseReason::WordsDiffer));
    }
    let (of_a, of_b) = (a.id(), b.id());
    let address = b.address;
    let call = a.endpoint.connect(of_b, &[address], now(300));
    assert_eq!(call, Err(ApiMisuse::Revoked));
    assert!(!a.endpoint.is_known(of_b) && !b.endpoint.is_known(of_a));
}

/// Whoever sits between two sessions keeps it to himself.
#[test]
fn that_words_differ_ends_one_side_only_where_it_is_not_passed_on() {
    let (mut a, mut b) = connected();
    a.endpoint.verify(b.id(), now(100)).unwrap();
    settle(&mut a, &mut b, now(100));
    let (code_a, code_b) = (code(&a), code(&b));
    assert!(a.endpoint.judge(b.id(), &code_a, false, now(200)));
    assert_eq!(a.drain(now(200)).len(), 1, "it is said once");
    settle(&mut a, &mut b, now(200));
    assert!(!a.endpoint.is_known(b.id()));
    assert!(established(&b, a.id(), now(200)));
    // Until its own person says so.
    assert!(b.endpoint.judge(a.id(), &code_b, false, now(300)));
    assert!(!b.endpoint.is_known(a.id()));
}

#[test]
fn who_notices_after_both_have_agreed_that_the_words_differ_ends_it_on_both_sides() {
    let (mut a, mut b) = connected();
    a.endpoint.verify(b.id(), now(100)).unwrap();
    settle(&mut a, &mut b, now(100));
    let words = code(&a);
    assert!(a.endpoint.judge(b.id(), &words, true, now(150)));
    assert!(b.endpoint.judge(a.id(), &words, true, now(150)));
    settle(&mut a, &mut b, now(200));
    let kept = b.endpoint.words(a.id()).unwrap();
    assert_eq!((kept.code, kept.is_running), (words, false));
    let late = now(100_000);
    assert!(b.endpoint.judge(a.id(), &words, false, late));
    settle(&mut a, &mut b, late);
    assert_eq!(progress(&a).last(), Some(&Progress::Differs));
    assert!(!a.endpoint.is_known(b.id()) && !b.endpoint.is_known(a.id()));
}

#[test]
fn a_peer_that_was_set_aside_gets_no_answer_until_it_is_added_anew() {
    let (mut a, mut b) = connected();
    a.endpoint.set_aside(b.id(), now(100));
    settle(&mut a, &mut b, now(100));
    let address = a.address;
    let of_a = a.id();
    b.endpoint.connect(of_a, &[address], now(200)).unwrap();
    settle(&mut a, &mut b, now(200));
    assert!(!established(&b, of_a, now(300)));
    assert!(!established(&a, b.id(), now(300)));
    a.endpoint.add_peer(PeerConfig {
        id: b.id(),
        psk: None,
        addresses: Vec::new(),
        shown: Shown::default(),
    });
    for second in 1..10 {
        b.endpoint.handle_timeout(now(1_000 * second));
        settle(&mut a, &mut b, now(1_000 * second));
    }
    assert!(established(&b, of_a, now(10_000)));
}

/// A session that stands for `b`, though the HELLO of `a`, which is handed over, is still on its way. `a` has
/// called at two addresses, and asks the one that answered to prove itself before it says anything else.
fn not_introduced() -> (Side, Side, Vec<(SocketAddr, Vec<u8>)>) {
    let (mut a, mut b) = acquainted();
    let elsewhere = SocketAddr::from(([198, 51, 100, 66], 66));
    a.endpoint.connect(b.id(), &[elsewhere], now(0)).unwrap();
    let to_b = |a: &mut Side, b: &Side| {
        let sent = a.drain(now(0)).into_iter();
        let sent = sent.filter(|(to, _)| *to == b.address);
        sent.collect::<Vec<_>>()
    };
    for (_, init) in to_b(&mut a, &b) {
        b.receive(a.address, init, now(0));
    }
    for (_, resp) in b.drain(now(0)) {
        a.receive(b.address, resp, now(0));
    }
    let mut hello = to_b(&mut a, &b);
    let (_, challenge) = hello.remove(0);
    b.receive(a.address, challenge, now(0));
    assert!(!hello.is_empty() && !introduced(&b));
    assert!(established(&b, a.id(), now(0)));
    (a, b, hello)
}

fn introduced(side: &Side) -> bool {
    let is = |event: &Event| matches!(event, Event::Introduced { .. });
    side.events.iter().any(is)
}

#[test]
fn what_is_asked_before_the_peer_has_introduced_itself_is_asked_once_it_has() {
    let (mut a, mut b, hello) = not_introduced();
    b.endpoint.verify(a.id(), now(1)).unwrap();
    b.endpoint.verify(a.id(), now(2)).unwrap();
    for (_, datagram) in b.drain(now(2)) {
        a.receive(b.address, datagram, now(2));
    }
    assert!(progress(&a).is_empty(), "nothing was asked");
    for (_, datagram) in hello {
        b.receive(a.address, datagram, now(3));
    }
    settle(&mut a, &mut b, now(3));
    assert!(introduced(&b));
    assert_eq!(progress(&a).first(), Some(&Progress::Asked));
    assert_eq!(code(&a), code(&b));
    assert_eq!(progress(&b).len(), 1, "it was asked once");
}

#[test]
fn a_question_that_waits_ends_as_one_that_runs() {
    let [lost, expired] = [Unfinished::Lost, Unfinished::Expired].map(Progress::Over);
    let (a, mut b, _) = not_introduced();
    b.endpoint.verify(a.id(), now(1)).unwrap();
    b.endpoint.close(a.id(), now(2));
    b.drain(now(2));
    assert_eq!(progress(&b), [lost]);
    let (a, mut b, _) = not_introduced();
    b.endpoint.verify(a.id(), now(1)).unwrap();
    b.endpoint.handle_timeout(now(1) + VERIFY_LIFE);
    b.drain(now(1) + VERIFY_LIFE);
    assert_eq!(progress(&b), [expired]);
    let (mut a, mut b, hello) = not_introduced();
    b.endpoint.verify(a.id(), now(1)).unwrap();
    b.endpoint.withdraw(a.id());
    for (_, datagram) in hello {
        b.receive(a.address, datagram, now(2));
    }
    settle(&mut a, &mut b, now(2));
    assert!(introduced(&b) && progress(&a).is_empty() && progress(&b).is_empty());
}

#[test]
fn a_program_that_turns_out_not_to_compare_words_is_told_of() {
    let (a, mut b, _) = not_introduced();
    b.endpoint.verify(a.id(), now(1)).unwrap();
    let hello = Frame::Hello(Hello {
        oldest_version: VERSION,
        newest_version: VERSION,
        largest_message: 0,
        capabilities: 0,
        signing_key: VerifyingKey::new([8; 32]),
        nickname: b"",
    });
    let hello = hostile(&a, &b, 901, vec![hello]);
    b.receive(a.address, hello, now(2));
    b.drain(now(2));
    assert_eq!(progress(&b), [Progress::Over(Unfinished::Impossible)]);
    let again = b.endpoint.verify(a.id(), now(3));
    assert_eq!(again, Err(ApiMisuse::CannotVerify));
}
