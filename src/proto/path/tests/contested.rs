//! A path that packets from elsewhere do not take away while the proved address answers.

use super::*;
use crate::proto::limits::UNPROVED_LIFE;

/// A path that moved at 0 ms, whose old address answered at 50 ms and whose new one has not. The first challenge of
/// the new one has token 1.
fn contested() -> PathState {
    let mut path = moved(old(), new(), FULL);
    let sent = challenges(&mut path, 1);
    assert_eq!(path.on_response(sent[1].token, at(50)), None);
    assert_eq!(path.address(), new(), "it may answer yet");
    path.on_timeout(at(149));
    assert_eq!(path.on_timeout(at(150)), RETURNED);
    assert_eq!((path.address(), path.allowance()), (old(), None));
    path
}

#[test]
fn an_address_that_has_not_answered_a_pto_after_the_old_one_has_is_left() {
    contested();
}

#[test]
fn further_moves_do_not_put_the_return_off() {
    let mut path = moved(old(), new(), FULL);
    let sent = challenges(&mut path, 1);
    path.on_response(sent[1].token, at(50));
    for ms in 51..150 {
        let host = host_no(u8::try_from(ms).unwrap());
        assert_eq!(
            path.on_packet(host, FULL, true, PTO, at(ms)),
            Some(Change::Moved)
        );
        assert_eq!(path.on_timeout(at(ms)), None);
    }
    assert_eq!(path.on_timeout(at(150)), RETURNED);
}

#[test]
fn an_address_that_answers_later_is_moved_to_all_the_same() {
    let mut path = contested();
    assert_eq!(path.on_response([1; PATH_TOKEN_LEN], at(2_000)), RESTART);
    assert!(path.is_settled() && path.address() == new());
    // And the next move is one like any other.
    let change = path.on_packet(old(), FULL, true, PTO, at(2_001));
    assert_eq!(change, Some(Change::Moved));
}

#[test]
fn a_contested_path_moves_to_an_address_when_that_answers() {
    let mut path = contested();
    for ms in 200..300 {
        assert_eq!(path.on_packet(host_no(3), SMALL, true, PTO, at(ms)), None);
    }
    assert_eq!((path.address(), path.allowance()), (old(), None));
    let sent = challenges(&mut path, 50);
    assert_eq!(targets(&sent), [(host_no(3), SMALL)]);
    // Though packets come from the proved address, too.
    path.on_packet(old(), FULL, true, PTO, at(301));
    assert_eq!(path.on_response(sent[0].token, at(310)), RESTART);
    assert_eq!(path.address(), host_no(3));
}

#[test]
fn ever_new_addresses_are_asked_one_a_pto_and_leave_each_time_to_answer() {
    let mut path = contested();
    let mut asked = Vec::new();
    for ms in 200..1_200_u64 {
        let from = port(u16::try_from(ms).unwrap());
        assert_eq!(path.on_packet(from, SMALL, true, PTO, at(ms)), None);
        path.on_timeout(at(ms));
        asked.extend(challenges(&mut path, 0));
    }
    assert!(
        (10..=20).contains(&asked.len()),
        "{} challenges",
        asked.len()
    );
    assert!(asked.iter().all(|probe| probe.size == SMALL));
    assert_eq!(path.address(), old());
}

#[test]
fn what_goes_to_an_address_that_is_asked_beside_the_path_stays_within_its_limit() {
    let mut path = contested();
    path.on_packet(host_no(3), 33, true, PTO, at(200));
    let mut sent = challenges(&mut path, 50);
    for ms in 200..5_000 {
        path.on_timeout(at(ms));
        sent.extend(challenges(&mut path, 60));
    }
    let to_it = sent.iter().filter(|probe| probe.to == host_no(3));
    assert_eq!(to_it.map(|probe| probe.size).sum::<usize>(), SMALL);
}

#[test]
fn a_path_is_contested_for_a_while_only() {
    let mut path = contested();
    let end = at(150) + UNPROVED_LIFE;
    let before = end - Duration::from_millis(1);
    assert_eq!(path.on_packet(new(), FULL, true, PTO, before), None);
    assert_eq!(
        path.on_packet(new(), FULL, true, PTO, end),
        Some(Change::Moved)
    );
}

#[test]
fn an_answer_to_an_address_that_is_not_proved_goes_to_the_proved_one_as_well() {
    let answers = |path: &mut PathState| {
        let answers = core::iter::from_fn(|| path.poll_response());
        answers.map(|answer| answer.to).collect::<Vec<_>>()
    };
    let mut path = moved(old(), new(), FULL);
    challenge(&mut path, new(), [7; PATH_TOKEN_LEN], SMALL);
    assert_eq!(answers(&mut path), [new(), old()]);
    let mut path = contested();
    challenge(&mut path, host_no(3), [7; PATH_TOKEN_LEN], SMALL);
    assert_eq!(answers(&mut path), [host_no(3), old()]);
    challenge(&mut path, old(), [7; PATH_TOKEN_LEN], SMALL);
    assert_eq!(answers(&mut path), [old()]);
}
