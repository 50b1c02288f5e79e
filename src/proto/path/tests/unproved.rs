//! What is heard while an address is being proved, and what becomes of it when nothing answers.

use super::*;
use crate::proto::limits::{CHALLENGE_PAUSE, UNPROVED_LIFE};

/// When a path that moved at 0 ms returns.
const RETURN: u64 = 3_072;

/// Lets all timers fire from `now` to `end`, sending what falls due; returns all that was sent.
fn pass(path: &mut PathState, mut now: Instant, end: Instant, first: u8) -> Vec<PathProbe> {
    let mut sent = Vec::new();
    while let Some(due) = path.timeout().filter(|due| *due <= end) {
        now = now.max(due);
        path.on_timeout(now);
        sent.extend(challenges(path, first + u8::try_from(sent.len()).unwrap()));
    }
    sent
}

fn to(address: SocketAddr, sent: &[PathProbe]) -> usize {
    sent.iter().filter(|probe| probe.to == address).count()
}

/// A path whose new address brought `packets` small packets, and that returned because nothing
/// answered. The tokens count from 1: the first was sent to the new address.
fn returned(packets: usize) -> PathState {
    let mut path = moved(old(), new(), SMALL * packets);
    challenges(&mut path, 1);
    pass(&mut path, at(0), at(RETURN - 1), 3);
    assert_eq!(path.on_timeout(at(RETURN)), RETURNED);
    assert!(path.is_settled() && path.address() == old());
    path
}

// --- heard while it is being proved -----------------------------------------------------------------

#[test]
fn a_packet_long_after_the_last_challenge_calls_for_one_at_once_and_none_of_the_old_address() {
    let mut path = moved(old(), new(), FULL);
    challenges(&mut path, 1);
    pass(&mut path, at(0), at(2_000), 3);
    path.on_packet(new(), FULL, true, PTO, at(2_000));
    let sent = pass(&mut path, at(2_000), at(2_000), 50);
    assert_eq!(targets(&sent), [(new(), FULL)]);
    assert_eq!(path.on_response(sent[0].token, at(2_050)), RESTART);
}

#[test]
fn a_packet_soon_after_the_last_challenge_calls_for_one_after_a_pause() {
    let mut path = moved(old(), new(), FULL);
    challenges(&mut path, 1);
    pass(&mut path, at(0), at(700), 3);
    path.on_packet(new(), SMALL, false, PTO, at(701));
    assert_eq!(path.timeout(), Some(at(700) + CHALLENGE_PAUSE));
    // Of a PTO, if that is longer.
    let pto = Duration::from_millis(700);
    let mut path = PathState::proved(old());
    path.on_packet(new(), FULL, true, pto, at(0));
    challenges(&mut path, 1);
    pass(&mut path, at(0), at(700), 3);
    path.on_packet(new(), SMALL, false, pto, at(701));
    assert_eq!(path.timeout(), Some(at(1_400)));
}

#[test]
fn what_is_heard_does_not_put_the_return_off() {
    let mut path = moved(old(), new(), FULL);
    for ms in 0..RETURN {
        path.on_packet(new(), FULL, true, PTO, at(ms));
        pass(&mut path, at(ms), at(ms), 0);
        assert_eq!(path.address(), new());
    }
    assert_eq!(path.on_timeout(at(RETURN)), RETURNED);
}

#[test]
fn whatever_rate_packets_come_at_every_challenge_of_that_time_may_still_be_answered() {
    let pto = Duration::from_millis(25);
    let mut path = PathState::proved(old());
    path.on_packet(new(), FULL, true, pto, at(0));
    let mut sent = challenges(&mut path, 1);
    for ms in 1..RETURN {
        path.on_packet(new(), FULL, true, pto, at(ms));
        let first = 1 + u8::try_from(sent.len()).unwrap();
        sent.extend(pass(&mut path, at(ms), at(ms), first));
    }
    assert_eq!((to(new(), &sent), to(old(), &sent)), (16, 7));
    let asked = |path: &PathState| path.proving.as_ref().unwrap().asked.len();
    assert_eq!(asked(&path), sent.len());
    // Nor do those after the return push out any that was sent there.
    path.on_timeout(at(RETURN));
    pass(&mut path, at(RETURN), at(RETURN) + UNPROVED_LIFE - PTO, 100);
    assert!(path.kept.as_ref().unwrap().has_asked(sent[0].token));
}

// --- after the return -------------------------------------------------------------------------------

#[test]
fn a_late_answer_moves_the_path_as_one_in_time_does() {
    let mut path = moved(old(), new(), 10 * FULL);
    let sent = challenges(&mut path, 1);
    assert_eq!(give_up(&mut path), RETURNED);
    assert_eq!(path.on_response(sent[0].token, at(9_000)), RESTART);
    assert!(path.is_settled() && path.address() == new());
    assert_eq!(path.take_news(), Some(new()));
    assert_eq!(path.timeout(), None);
}

#[test]
fn a_late_answer_to_a_small_challenge_is_followed_by_a_full_one() {
    let mut path = returned(2);
    assert_eq!(path.on_response([1; PATH_TOKEN_LEN], at(4_000)), RESTART);
    assert_eq!((path.address(), path.allowance()), (new(), None));
    let full = challenges(&mut path, 50);
    assert_eq!(full[0].to, new());
    assert_eq!(full[0].size, FULL);
    assert_eq!(path.on_response(full[0].token, at(4_100)), None);
    assert!(path.is_settled());
}

#[test]
fn what_was_not_spent_goes_on_small_challenges_and_no_more_than_that() {
    for packets in [1, 3, 100] {
        let mut path = returned(packets);
        let spent = path.kept.as_ref().unwrap().proving.budget.unwrap();
        let sent = pass(&mut path, at(RETURN), at(RETURN) + UNPROVED_LIFE, 50);
        let may = (3 * packets * SMALL - spent.sent) / SMALL;
        assert_eq!(targets(&sent), vec![(new(), SMALL); may.min(4)]);
    }
}

#[test]
fn what_came_right_before_the_return_is_still_asked_for() {
    let mut path = moved(old(), new(), FULL);
    challenges(&mut path, 1);
    pass(&mut path, at(0), at(2_900), 3);
    path.on_packet(new(), SMALL, true, PTO, at(2_900));
    pass(&mut path, at(2_900), at(2_900), 50);
    // Its challenge would go at 3,156 ms.
    path.on_packet(new(), SMALL, true, PTO, at(3_000));
    let before = pass(&mut path, at(3_000), at(RETURN - 1), 60);
    assert!(before.is_empty());
    assert_eq!(path.on_timeout(at(RETURN)), RETURNED);
    let sent = pass(&mut path, at(RETURN), at(3_156), 70);
    assert_eq!(sent.last().unwrap().to, new());
    assert_eq!(path.on_response(sent[0].token, at(3_300)), RESTART);
}

#[test]
fn an_address_that_moves_the_path_again_keeps_its_account_and_its_challenges() {
    let mut path = returned(1);
    let spent = path.kept.as_ref().unwrap().proving.budget.unwrap().sent;
    path.on_packet(new(), SMALL, true, PTO, at(4_000));
    assert_eq!(path.allowance(), Some(6 * SMALL - spent));
    assert_eq!(path.on_response([1; PATH_TOKEN_LEN], at(4_001)), RESTART);
}

#[test]
fn nothing_is_kept_once_the_old_address_answers_or_speaks_or_another_one_does() {
    let mut path = moved(old(), new(), FULL);
    let sent = challenges(&mut path, 1);
    path.on_response(sent[1].token, at(50));
    assert_eq!(give_up(&mut path), RETURNED);
    assert_eq!(path.on_response(sent[0].token, at(4_000)), None);

    for from in [old(), host_no(3)] {
        let mut path = returned(100);
        path.on_packet(from, FULL, true, PTO, at(4_000));
        assert_eq!(path.on_response([1; PATH_TOKEN_LEN], at(4_001)), None);
        assert_eq!(path.address(), from);
        challenges(&mut path, 50);
        assert_eq!(to(new(), &pass(&mut path, at(4_001), at(60_000), 60)), 0);
    }
}

#[test]
fn an_address_that_never_answers_is_forgotten_after_a_while() {
    let mut path = returned(100);
    let end = at(RETURN) + UNPROVED_LIFE;
    pass(&mut path, at(RETURN), end, 50);
    assert_eq!((path.timeout(), path.address()), (None, old()));
    assert_eq!(path.on_response([1; PATH_TOKEN_LEN], end), None);
    assert_eq!(path.address(), old());
}

#[test]
fn an_address_that_never_answers_limits_nothing_at_the_proved_one() {
    let mut path = returned(100);
    for second in 4..40 {
        assert!(path.is_settled() && !path.is_moving());
        assert_eq!((path.allowance(), path.datagram_limit(MTU)), (None, MTU));
        assert_eq!(path.last_proved(), Some(old()));
        assert_eq!(path.everywhere(SMALL).collect::<Vec<_>>(), [old()]);
        pass(&mut path, at(RETURN), at(1_000 * second), 50);
    }
}
