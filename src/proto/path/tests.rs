mod contested;
mod model;
mod unproved;

use super::*;
use crate::proto::limits::{PATH_PTO, PATH_PTOS, SILENCE};
use crate::wire::limits::PATH_TOKEN_LEN;

const PTO: Duration = Duration::from_millis(100);
const SMALL: usize = 96;
const FULL: usize = BASE_DATAGRAM_LEN;
const MTU: usize = 1_472;

const fn at(ms: u64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

/// Address number `host` of a network, port 1.
fn host_no(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 1))
}

fn port(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

fn old() -> SocketAddr {
    host_no(1)
}

fn new() -> SocketAddr {
    host_no(2)
}

/// A path that moved from `from` to `to` by a packet of `len` bytes at 0 ms.
fn moved(from: SocketAddr, to: SocketAddr, len: usize) -> PathState {
    let mut path = PathState::proved(from);
    let change = path.on_packet(to, len, true, PTO, at(0));
    assert_eq!(change, Some(Change::Moved));
    assert_eq!(path.address(), to);
    path
}

/// Sends all challenges that are due, numbered from `first`; returns them.
fn challenges(path: &mut PathState, first: u8) -> Vec<PathProbe> {
    let mut sent = Vec::new();
    while path.is_challenge_due() {
        let token = [first + u8::try_from(sent.len()).unwrap(); PATH_TOKEN_LEN];
        let probe = path.poll_challenge(token).unwrap();
        path.on_sent(probe.to, probe.size);
        sent.push(probe);
    }
    assert_eq!(path.poll_challenge([0; PATH_TOKEN_LEN]), None);
    sent
}

/// A challenge in a packet of `len` bytes, which the path has taken note of.
fn challenge(path: &mut PathState, from: SocketAddr, token: Token, len: usize) {
    path.arrived = Some((from.into(), len));
    path.on_challenge(token);
}

/// Where these went, and how long they were.
fn targets(probes: &[PathProbe]) -> Vec<(SocketAddr, usize)> {
    probes.iter().map(|probe| (probe.to, probe.size)).collect()
}

const RESTART: Option<Change> = Some(Change::Proved { restart: true });
const KEEP: Option<Change> = Some(Change::Proved { restart: false });
const RETURNED: Option<Change> = Some(Change::Returned { restart: false });

// --- moving ---------------------------------------------------------------------------------------

#[test]
fn a_proved_path_has_no_limit_and_asks_nothing() {
    let mut path = PathState::proved(old());
    assert_eq!(path.on_packet(old(), SMALL, true, PTO, at(0)), None);
    assert!(path.is_settled() && !path.is_challenge_due());
    assert_eq!((path.allowance(), path.timeout()), (None, None));
    assert_eq!(path.datagram_limit(MTU), MTU);
}

#[test]
fn only_the_newest_packet_moves_the_path() {
    let mut path = PathState::proved(old());
    assert_eq!(path.on_packet(new(), FULL, false, PTO, at(0)), None);
    assert_eq!(path.address(), old());
    assert!(path.is_settled());
}

#[test]
fn the_new_and_the_old_address_are_challenged_at_the_base_size() {
    let mut path = moved(old(), new(), 500);
    let sent = challenges(&mut path, 1);
    assert_eq!(targets(&sent), [(new(), FULL), (old(), FULL)]);
}

#[test]
fn an_answer_settles_the_path_and_what_was_measured_restarts() {
    let mut path = moved(old(), new(), FULL);
    let sent = challenges(&mut path, 1);
    assert!(!path.is_settled());
    assert_eq!(path.on_response(sent[0].token, at(50)), RESTART);
    assert!(path.is_settled() && path.address() == new());
    assert_eq!((path.allowance(), path.timeout()), (None, None));
    // The old one is no longer a place to return to without a proof.
    let change = path.on_packet(old(), FULL, true, PTO, at(60));
    assert_eq!(change, Some(Change::Moved));
}

#[test]
fn another_port_of_the_same_host_keeps_what_was_measured() {
    let mut path = moved(port(1), port(2), FULL);
    assert_eq!(path.datagram_limit(MTU), MTU);
    let sent = challenges(&mut path, 1);
    assert_eq!(path.on_response(sent[0].token, at(50)), KEEP);
    assert_eq!(path.address(), port(2));
}

#[test]
fn a_host_is_the_same_however_the_socket_writes_it() {
    let mapped = SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201], 2));
    let mut path = moved(port(1), mapped, FULL);
    let sent = challenges(&mut path, 1);
    assert_eq!(path.on_response(sent[0].token, at(50)), KEEP);
}

#[test]
fn on_another_host_no_more_than_the_base_size_is_sent_before_it_is_proved() {
    let mut path = moved(old(), new(), MTU);
    assert_eq!(path.datagram_limit(MTU), FULL);
    let sent = challenges(&mut path, 1);
    path.on_response(sent[0].token, at(50));
    assert_eq!(path.datagram_limit(MTU), MTU);
}

// --- the limit of three ---------------------------------------------------------------------------

#[test]
fn at_most_three_times_what_came_in_goes_to_an_unproved_address() {
    let mut path = moved(old(), new(), 200);
    assert_eq!(path.allowance(), Some(600));
    assert_eq!(
        path.datagram_limit(MTU),
        288,
        "and enough for a challenge is left"
    );
    path.on_sent(new(), 544);
    assert_eq!(path.allowance(), Some(56));
    assert_eq!(path.datagram_limit(MTU), 0);
    // What goes elsewhere does not count, what came from there does, newest or not.
    path.on_sent(old(), 1_000);
    path.on_packet(new(), 100, false, PTO, at(1));
    assert_eq!(path.allowance(), Some(356));
    path.on_sent(new(), 1_000);
    assert_eq!(path.allowance(), Some(0));
}

/// A peer that slept was called for minutes; when it answered, nothing could be said to it for hours.
#[test]
fn handshakes_to_who_does_not_answer_leave_no_debt() {
    let mut path = moved(old(), new(), 200);
    for _ in 0..100 {
        path.on_sent(new(), 700);
    }
    path.on_packet(new(), 200, false, PTO, at(1));
    assert_eq!(path.allowance(), Some(600));
}

#[test]
fn a_challenge_without_room_waits_until_more_comes_in() {
    let mut path = moved(old(), new(), SMALL);
    path.on_sent(new(), 3 * SMALL);
    assert_eq!(
        targets(&challenges(&mut path, 1)),
        [(old(), FULL)],
        "the old one is proved"
    );
    path.on_packet(new(), SMALL, true, PTO, at(1));
    assert_eq!(targets(&challenges(&mut path, 2)), [(new(), SMALL)]);
}

#[test]
fn a_small_challenge_that_is_lost_can_be_repeated_from_one_packet_whatever_else_is_sent() {
    let mut path = moved(old(), new(), SMALL);
    assert_eq!(targets(&challenges(&mut path, 1))[0], (new(), SMALL));
    while path.datagram_limit(MTU) > 0 {
        let len = path.datagram_limit(MTU);
        path.on_sent(new(), len);
    }
    path.on_timeout(at(100));
    let again = challenges(&mut path, 3);
    assert_eq!(again[0].to, new());
    assert_eq!(path.on_response(again[0].token, at(150)), RESTART);
}

#[test]
fn a_challenge_is_full_or_as_small_as_can_be() {
    let sizes = [33, 53, 54, 96, 182, 352, 410, 411, 5_000].map(|len| {
        let mut path = moved(old(), new(), len);
        challenges(&mut path, 1)[0].size
    });
    assert_eq!(sizes, [96, 96, 96, 96, 96, 96, 96, 1_232, 1_232]);
    assert_eq!([0, 31, 95].map(bucket_within), [0; 3]);
}

#[test]
fn a_challenge_that_had_to_be_small_is_followed_by_a_full_one() {
    let mut path = moved(old(), new(), SMALL);
    let small = challenges(&mut path, 1);
    assert_eq!(small[0].size, SMALL);
    assert_eq!(path.on_response(small[0].token, at(50)), RESTART);
    assert_eq!(path.allowance(), None, "the address is proved");
    assert!(!path.is_settled(), "its size is not");
    let full = challenges(&mut path, 3);
    assert_eq!(targets(&full), [(new(), FULL)]);
    assert_eq!(path.on_response(full[0].token, at(90)), None);
    assert!(path.is_settled());
}

#[test]
fn full_size_unanswered_returns_if_the_old_address_answered() {
    let mut path = moved(old(), new(), SMALL);
    let sent = challenges(&mut path, 1);
    path.on_response(sent[0].token, at(50));
    assert_eq!(path.on_response(sent[1].token, at(60)), None);
    assert_eq!(give_up(&mut path), Some(Change::Returned { restart: true }));
    assert_eq!(path.address(), old());
}

#[test]
fn full_size_unanswered_stays_if_the_old_address_is_silent_too() {
    let mut path = moved(old(), new(), SMALL);
    let sent = challenges(&mut path, 1);
    path.on_response(sent[0].token, at(50));
    assert_eq!(give_up(&mut path), None);
    assert!(path.is_settled() && path.address() == new());
}

// --- both, one, none answer -----------------------------------------------------------------------

/// Lets time pass until the path changes or rests.
fn give_up(path: &mut PathState) -> Option<Change> {
    while let Some(now) = path.timeout() {
        let change = path.on_timeout(now);
        if change.is_some() {
            return change;
        }
        challenges(path, 100);
    }
    None
}

#[test]
fn if_both_answer_the_new_one_stays() {
    for order in [[0, 1], [1, 0]] {
        let mut path = moved(old(), new(), FULL);
        let sent = challenges(&mut path, 1);
        let changes = order.map(|i: usize| path.on_response(sent[i].token, at(50)));
        assert_eq!(changes.into_iter().flatten().next(), RESTART);
        assert!(path.is_settled() && path.address() == new());
    }
}

#[test]
fn an_address_that_does_not_answer_in_three_pto_is_left_for_the_last_proved_one() {
    let mut path = moved(old(), new(), FULL);
    path.on_packet(new(), 2 * FULL, true, PTO, at(0));
    let mut sent = challenges(&mut path, 1);
    for (now, first) in [(100, 3), (300, 5), (700, 7), (1_500, 9)] {
        assert_eq!(path.timeout(), Some(at(now)), "twice as long each time");
        assert_eq!(path.on_timeout(at(now)), None);
        sent.extend(challenges(&mut path, first));
    }
    assert_eq!(targets(&sent), [(new(), FULL), (old(), FULL)].repeat(5));
    assert_eq!(path.timeout(), Some(at(3_072)));
    assert_eq!(path.on_timeout(at(3_072)), RETURNED);
    assert_eq!(path.address(), old());
    assert!(path.is_settled() && path.allowance().is_none());
}

#[test]
fn a_slow_path_gets_its_own_pto() {
    let mut path = PathState::proved(old());
    let pto = Duration::from_secs(2);
    path.on_packet(new(), FULL, true, pto, at(0));
    assert_eq!(path.on_timeout(at(5_999)), None);
    assert_eq!(path.on_timeout(at(6_000)), RETURNED);
}

#[test]
fn any_of_the_repeated_challenges_may_be_answered() {
    let mut path = moved(old(), new(), FULL);
    let first = challenges(&mut path, 1);
    path.on_timeout(at(100));
    assert_eq!(challenges(&mut path, 3).len(), 2);
    assert_eq!(path.on_response(first[0].token, at(150)), RESTART);
}

#[test]
fn an_old_address_that_answered_is_not_asked_again() {
    let mut path = moved(old(), new(), FULL);
    let sent = challenges(&mut path, 1);
    path.on_response(sent[1].token, at(50));
    path.on_timeout(at(100));
    assert_eq!(targets(&challenges(&mut path, 3)), [(new(), FULL)]);
}

#[test]
fn a_token_that_was_not_sent_proves_nothing() {
    let mut path = moved(old(), new(), FULL);
    let sent = challenges(&mut path, 1);
    assert_eq!(path.on_response([9; PATH_TOKEN_LEN], at(1)), None);
    assert!(!path.is_settled());
    path.on_response(sent[0].token, at(2));
    assert_eq!(path.on_response(sent[0].token, at(3)), None);
}

#[test]
fn the_newest_packet_from_the_old_address_ends_the_proving() {
    let mut path = moved(old(), new(), FULL);
    let sent = challenges(&mut path, 1);
    let change = path.on_packet(old(), SMALL, true, PTO, at(10));
    assert_eq!(change, RETURNED);
    assert!(path.is_settled() && path.address() == old());
    assert_eq!(path.on_response(sent[0].token, at(11)), None);
}

#[test]
fn an_answer_for_an_address_that_the_path_has_left_proves_nothing() {
    let mut path = moved(old(), new(), FULL);
    let sent = challenges(&mut path, 1);
    path.on_packet(host_no(3), FULL, true, PTO, at(10));
    assert_eq!(path.on_response(sent[0].token, at(11)), None);
    assert_eq!(path.allowance(), Some(3 * FULL));
    assert_eq!(give_up(&mut path), RETURNED);
    assert_eq!(path.address(), old(), "the last proved one");
}

#[test]
fn after_an_unproved_address_what_was_measured_still_belongs_to_the_proved_one() {
    let mut path = moved(port(1), new(), FULL);
    path.on_packet(port(2), FULL, true, PTO, at(10));
    let sent = challenges(&mut path, 1);
    assert_eq!(path.on_response(sent[0].token, at(20)), KEEP);
}

#[test]
fn a_first_address_without_proof_is_asked_again_when_it_is_heard_again() {
    let mut path = PathState::unproved(new(), FULL, PTO, at(0));
    assert!(!path.is_moving(), "from nowhere");
    assert_eq!(
        targets(&challenges(&mut path, 1)),
        [(new(), FULL)],
        "there is no old one"
    );
    assert_eq!(give_up(&mut path), None);
    assert_eq!((path.address(), path.timeout()), (new(), None));
    assert_eq!(path.allowance(), Some(0), "three challenges are spent");
    assert!(!path.is_challenge_due());
    path.on_packet(new(), FULL, true, PTO, at(60_000));
    let sent = challenges(&mut path, 1);
    assert_eq!(path.on_response(sent[0].token, at(60_001)), KEEP);
    assert!(path.is_settled());
}

#[test]
fn a_path_returns_before_silence_starts_a_handshake() {
    assert!(PATH_PTO * PATH_PTOS < SILENCE);
}

// --- answering ------------------------------------------------------------------------------------

#[test]
fn the_answer_returns_to_where_the_challenge_came_from() {
    let mut path = PathState::proved(old());
    challenge(&mut path, host_no(7), [7; PATH_TOKEN_LEN], FULL);
    challenge(&mut path, old(), [8; PATH_TOKEN_LEN], SMALL);
    let expected = [(host_no(7), 7, FULL), (old(), 8, SMALL)].map(|(to, byte, size)| PathProbe {
        to,
        from: None,
        token: [byte; PATH_TOKEN_LEN],
        size,
    });
    assert_eq!(
        [path.poll_response(), path.poll_response()],
        expected.map(Some)
    );
    assert_eq!(path.poll_response(), None);
    assert_eq!(path.address(), old());
}

#[test]
fn an_answer_to_an_unknown_address_is_at_most_three_times_the_challenge() {
    let mut path = PathState::proved(old());
    challenge(&mut path, host_no(7), [7; PATH_TOKEN_LEN], SMALL);
    assert_eq!(path.poll_response().unwrap().size, 3 * SMALL);
}

/// Whoever asks with a full one learns whether full ones pass both ways; one that had to be small is answered where they do
/// not pass, too.
#[test]
fn an_answer_to_the_path_and_to_the_old_address_is_as_large_as_its_challenge() {
    let settled = PathState::proved(old());
    let mut half = moved(old(), new(), SMALL);
    let small = challenges(&mut half, 1);
    half.on_response(small[0].token, at(50));
    let sizes = [42, 96, 287, 288, 1_055, 1_056, FULL, MTU];
    for (mut path, from) in [
        (settled, old()),
        (moved(old(), new(), 3 * FULL), new()),
        (moved(old(), new(), SMALL), old()),
        (half, new()),
    ] {
        let answers = sizes.map(|len| {
            challenge(&mut path, from, [7; PATH_TOKEN_LEN], len);
            let answer = path.poll_response().unwrap();
            assert_eq!(answer.to, from);
            while path.poll_response().is_some() {}
            answer.size
        });
        assert_eq!(answers, [96, 96, 160, 288, 544, 1_056, FULL, FULL]);
    }
}

#[test]
fn an_answer_to_the_unproved_path_leaves_room_for_our_own_challenge() {
    let mut path = moved(old(), new(), SMALL);
    challenge(&mut path, new(), [7; PATH_TOKEN_LEN], SMALL);
    let answer = path.poll_response().unwrap();
    path.on_sent(answer.to, answer.size);
    assert_eq!(answer.size, SMALL);
    assert_eq!(challenges(&mut path, 1)[0].size, SMALL);
}

#[test]
fn an_answer_without_room_waits_and_holds_up_no_other() {
    let mut path = moved(old(), new(), SMALL);
    path.on_sent(new(), 3 * SMALL);
    challenge(&mut path, new(), [7; PATH_TOKEN_LEN], SMALL);
    challenge(&mut path, old(), [8; PATH_TOKEN_LEN], FULL);
    let to_old = [7, 8].map(|byte| (old(), byte));
    let answers = core::iter::from_fn(|| path.poll_response());
    let answers: Vec<_> = answers.map(|answer| (answer.to, answer.token[0])).collect();
    assert_eq!(answers, to_old);
    path.on_packet(new(), SMALL, true, PTO, at(1));
    assert_eq!(path.poll_response().unwrap().to, new());
}

#[test]
fn an_answer_to_an_unproved_address_is_not_sent_after_the_path_left_it() {
    let mut path = moved(old(), new(), SMALL);
    challenge(&mut path, new(), [7; PATH_TOKEN_LEN], SMALL);
    path.on_packet(host_no(3), SMALL, true, PTO, at(1));
    assert_eq!(path.poll_response().unwrap().to, old(), "it is proved");
    assert_eq!(path.poll_response(), None);
}

#[test]
fn a_flood_of_challenges_costs_a_few_answers() {
    let mut path = PathState::proved(old());
    for byte in 0..=255 {
        challenge(&mut path, old(), [byte; PATH_TOKEN_LEN], FULL);
    }
    let answers: Vec<u8> = core::iter::from_fn(|| path.poll_response())
        .map(|answer| answer.token[0])
        .collect();
    assert_eq!(answers, (248..=255).collect::<Vec<u8>>());
}

// --- floods of moves ------------------------------------------------------------------------------

#[test]
fn a_flood_of_address_changes_is_bounded_and_ends_at_the_proved_address() {
    let mut path = PathState::proved(old());
    let (mut to_old, mut returned) = (0, None);
    for port in 0..60_000_u16 {
        let ms = u64::from(port);
        let from = SocketAddr::from(([198, 51, 100, 1], port));
        path.on_packet(from, SMALL, true, PTO, at(ms));
        if path.timeout().is_some_and(|due| due <= at(ms))
            && let Some(change) = path.on_timeout(at(ms))
        {
            assert_eq!(change, RETURNED.unwrap());
            returned.get_or_insert(ms);
        }
        let sent = challenges(&mut path, 0);
        to_old += sent.iter().filter(|probe| probe.to == old()).count();
        assert!(sent.iter().all(|p| p.to == old() || p.size <= 3 * SMALL));
        assert!(
            path.proving
                .as_ref()
                .is_none_or(|p| p.asked.len() <= MAX_CHALLENGES)
        );
    }
    // Eight moves put the deadline off, the others do not.
    assert!((3_072..=3_080).contains(&returned.unwrap()), "{returned:?}");
    let returns = 60_000 / 3_072;
    assert!(
        (returns..returns * 6).contains(&to_old),
        "{to_old} challenges"
    );
}

#[test]
fn moves_in_a_row_do_not_quicken_the_challenges_of_the_old_address() {
    let mut path = moved(old(), new(), FULL);
    path.on_timeout(at(100));
    path.on_packet(host_no(3), FULL, true, PTO, at(110));
    assert_eq!(path.timeout(), Some(at(310)), "200 ms, as before the move");
}

#[test]
fn flapping_between_two_addresses_asks_the_old_one_once_a_pto() {
    let mut path = PathState::proved(old());
    let (mut to_old, mut to_new) = (0, 0);
    for ms in 0..10_000 {
        let from = if ms % 2 == 0 { new() } else { old() };
        let change = path.on_packet(from, SMALL, true, PTO, at(ms));
        assert_eq!(change.is_some(), ms < 2, "{ms}: then it is contested");
        path.on_timeout(at(ms));
        let sent = challenges(&mut path, 0);
        to_old += sent.iter().filter(|probe| probe.to == old()).count();
        to_new += sent.iter().filter(|probe| probe.to == new()).count();
    }
    assert!(to_old <= 10_000 / 100, "{to_old} challenges");
    assert!((20..=10_000 / 100).contains(&to_new), "{to_new} challenges");
}

#[test]
fn an_answer_leaves_from_where_its_challenge_came_to() {
    let mut path = PathState::proved(old());
    for (host, newest) in [(1, true), (2, false)] {
        let local = Some(IpAddr::from([192, 0, 2, host]));
        let peer = old();
        path.on_packet(Route { peer, local }, FULL, newest, PTO, at(0));
        path.on_challenge([host; 8]);
        assert_eq!(path.poll_response().unwrap().from, local);
    }
}
