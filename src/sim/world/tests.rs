//! The judge sees what it is there for.

use core::mem;

use super::*;
use crate::chat::LogId;
use crate::sim::habits::{Decision, Deed, What};
use crate::sim::pair::Pair;

/// What the judge says of one more thing that happens to the message that bob was just sent.
fn verdict(on_bob: bool, change: impl FnOnce(&mut Name), what: What) -> String {
    let mut pair = Pair::connected(1);
    assert!(pair.chat(Duration::from_secs(1)));
    pair.advance(Duration::from_secs(1));
    let (a, b) = (pair.a, pair.b);
    let mut name = pair.node(b).lines()[0].name;
    change(&mut name);
    let (own, other) = if on_bob { (b, a) } else { (a, b) };
    let (at, peer) = (pair.now(), pair.id(other));
    let deed = Deed {
        at,
        peer,
        name,
        what,
    };
    let mut judge = mem::take(&mut pair.judge);
    judge.on_deeds(pair.node(own), vec![deed]);
    judge.violations().concat()
}

const SHOWN: What = What::Shown {
    line: 0,
    missing: 0,
};

#[test]
fn the_judge_sees_what_is_shown_twice() {
    let verdict = verdict(true, |_| (), SHOWN);
    assert!(verdict.contains("shown twice"), "{verdict}");
    assert!(verdict.contains("shown as the next"), "{verdict}");
    assert!(verdict.contains("has the receipt"), "{verdict}");
}

#[test]
fn the_judge_sees_what_was_never_sent() {
    let forge = |name: &mut Name| name.log = LogId(7);
    let moved = verdict(false, forge, What::Moved(State::Sent));
    assert!(moved.contains("never accepted"), "{moved}");
    let turned_away = What::TurnedAway(crate::chat::RejectReason::TooLarge);
    let turned_away = verdict(true, forge, turned_away);
    assert!(turned_away.contains("forged"), "{turned_away}");
}

#[test]
fn the_judge_sees_a_state_that_goes_back_or_has_no_cause() {
    let back = verdict(false, |_| (), What::Moved(State::Sent));
    assert!(back.contains("moved from"), "{back}");
    let expired = What::Moved(State::Failed(crate::chat::FailReason::Expired));
    let expired = verdict(false, |_| (), expired);
    assert!(expired.contains("without a cause"), "{expired}");
}

/// It went by the bound that the answer itself names.
#[test]
fn the_judge_sees_that_what_the_other_takes_is_refused_as_too_long_for_it() {
    let pair = Pair::connected(1);
    let [node, other] = [pair.a, pair.b].map(|it| pair.node(it));
    let refused = |len: usize, largest: usize| {
        let mut judge = Judge::default();
        let answer = Err(SendError::TooLargeForPeer { len, largest });
        judge.on_send(node, other, &vec![b'x'; len], answer, pair.now());
        judge.violations().concat()
    };
    let most = other.habits().policy.largest;
    assert_eq!(refused(most + 1, most), "");
    let verdict = refused(10, 9);
    assert!(verdict.contains("TooLargeForPeer"), "{verdict}");
}

#[test]
fn the_judge_lets_pass_what_is_right() {
    let taken = verdict(true, |_| (), What::Decided(Decision::Take));
    assert_eq!(taken, "");
}

#[test]
#[should_panic(expected = "shown twice")]
fn a_world_with_a_violation_ends_in_a_panic() {
    let mut pair = Pair::connected(1);
    assert!(pair.chat(Duration::from_secs(1)));
    let (a, b) = (pair.a, pair.b);
    let deed = Deed {
        at: pair.now(),
        peer: pair.id(a),
        name: pair.node(b).lines()[0].name,
        what: SHOWN,
    };
    let mut judge = mem::take(&mut pair.judge);
    judge.on_deeds(pair.node(b), vec![deed]);
    pair.judge = judge;
}
