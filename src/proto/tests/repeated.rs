//! A message 1 that is sent again, and the message 2 that answers it again.

use std::collections::BTreeSet;

use super::*;
use crate::crypto::MacKey;
use crate::id::SessionIndex;
use crate::proto::job::Accept;
use crate::proto::limits::{
    INIT_SENDINGS, MAX_JOBS, MAX_NEXT_KEYPAIRS, MAX_RESP_VARIANTS, RESP_SENDINGS, SLOT_LIFE,
    SOURCE_BURST,
};
use crate::wire::limits::{MESSAGE1_LEN, MESSAGE2_LEN, RESP_LEN, VERSION};
use crate::wire::packet::{encode_init, encode_resp};

pub(super) type Datagrams = Vec<Vec<u8>>;

/// `a` calls `b`, for the first time.
pub(super) fn call(a: &mut Side, b: &Side) -> Datagrams {
    a.endpoint.connect(b.id(), &[], now(0)).unwrap();
    bytes(a.drain(now(0)))
}

/// Its next try, and when that was.
pub(super) fn next_call(a: &mut Side) -> (Datagrams, Instant) {
    let (at, _) = a.endpoint.poll_timeout().unwrap();
    a.endpoint.handle_timeout(at);
    (bytes(a.drain(at)), at)
}

pub(super) fn bytes(sent: Vec<(SocketAddr, Vec<u8>)>) -> Datagrams {
    sent.into_iter().map(|(_, datagram)| datagram).collect()
}

/// What `side` sends after it has got these from `from`.
pub(super) fn answers(
    side: &mut Side,
    from: SocketAddr,
    to_it: &[Vec<u8>],
    at: Instant,
) -> Datagrams {
    for datagram in to_it {
        side.receive(from, datagram.clone(), at);
    }
    bytes(side.drain(at))
}

fn is_established(side: &Side, with: &Side, at: Instant) -> bool {
    side.endpoint.status(with.id(), at).unwrap().established
}

/// A first half that `b` cannot tell from one of `a`'s before it reads it.
fn forged(call: &[Vec<u8>], b: &Side) -> Vec<u8> {
    let mac1 = MacKey::for_init(&b.id());
    let zero = |_: &[u8]| [0; 16];
    let made = |it: &[u8]| mac1.mac(&[it]);
    let [first, _] = encode_init(VERSION, index(call), &[5; MESSAGE1_LEN], made, zero);
    first
}

pub(super) fn index(call: &[Vec<u8>]) -> SessionIndex {
    SessionIndex(u32::from_le_bytes(call[0][4..8].try_into().unwrap()))
}

#[test]
fn a_message_1_is_sent_so_often_and_then_another_one_is_made() {
    let (mut a, b) = acquainted();
    let first = call(&mut a, &b);
    for sending in 1..INIT_SENDINGS {
        assert_eq!(next_call(&mut a).0, first, "sending {sending}");
    }
    let (second, _) = next_call(&mut a);
    assert_ne!(index(&second), index(&first));
    assert_ne!(second[0][8..40], first[0][8..40]);
    assert_eq!(next_call(&mut a).0, second);
}

#[test]
fn a_half_of_the_answer_to_one_sending_and_the_other_half_of_that_to_the_next_are_joined() {
    let (mut a, mut b) = acquainted();
    let first = call(&mut a, &b);
    let answer = answers(&mut b, a.address, &first, now(1));
    assert!(answers(&mut a, b.address, &answer[..1], now(1)).is_empty());
    let (again, at) = next_call(&mut a);
    let answer = answers(&mut b, a.address, &again, at);
    answers(&mut a, b.address, &answer[1..2], at);
    assert!(is_established(&a, &b, at));
}

/// As somebody on the way can answer, who sees the call.
#[test]
fn where_false_answers_left_no_room_there_is_room_again_for_the_answer_to_the_next_sending() {
    let (mut a, mut b) = acquainted();
    let first = call(&mut a, &b);
    let mac1 = MacKey::for_resp(&first[0][8..40].try_into().unwrap());
    for fill in 0..u8::try_from(MAX_RESP_VARIANTS).unwrap() {
        let resp = encode_resp(index(&first), &[fill; MESSAGE2_LEN], |it| mac1.mac(&[it]));
        assert!(answers(&mut a, b.address, &resp, now(1)).is_empty());
    }
    let answer = answers(&mut b, a.address, &first, now(1));
    assert!(answers(&mut a, b.address, &answer, now(1)).is_empty());
    let (again, at) = next_call(&mut a);
    assert_eq!(again, first);
    let answer = answers(&mut b, a.address, &again, at);
    answers(&mut a, b.address, &answer, at);
    assert!(is_established(&a, &b, at));
}

#[test]
fn a_new_series_begins_with_a_new_message_1() {
    let (mut a, b) = acquainted();
    let first = call(&mut a, &b);
    a.endpoint.close(b.id(), now(1));
    a.drain(now(1));
    a.endpoint.connect(b.id(), &[], now(2)).unwrap();
    let second = bytes(a.drain(now(2)));
    assert_ne!(index(&second), index(&first));
}

#[test]
fn a_repetition_to_one_address_proves_it_as_a_first_call_does() {
    let (mut a, mut b) = acquainted();
    call(&mut a, &b);
    let (again, at) = next_call(&mut a);
    let answer = answers(&mut b, a.address, &again, at);
    answers(&mut a, b.address, &answer, at);
    let keypair = a.endpoint.current_keypair_for_testing_only(b.id()).unwrap();
    assert_eq!(keypair.proves, Some(b.address.into()));
}

#[test]
fn a_repetition_goes_to_addresses_that_were_learned_since() {
    let (mut a, b) = acquainted();
    let first = call(&mut a, &b);
    let other = SocketAddr::from(([198, 51, 100, 9], 7_419));
    a.endpoint.connect(b.id(), &[other], now(1)).unwrap();
    let (at, _) = a.endpoint.poll_timeout().unwrap();
    a.endpoint.handle_timeout(at);
    let sent = a.drain(at);
    let of = |to| sent.iter().filter(move |it| it.0 == to).map(|it| &it.1);
    assert!(of(b.address).eq(&first) && of(other).eq(&first));
}

#[test]
fn whatever_is_lost_of_the_first_sending_the_second_makes_good_with_one_computation() {
    for lost in 0..16u8 {
        let (mut a, mut b) = acquainted();
        let keep = |from: u8, sent: Datagrams| -> Datagrams {
            let one = |nth: usize| lost & 1 << (from as usize + nth) == 0;
            let kept = sent.into_iter().enumerate().filter(|(nth, _)| one(*nth));
            kept.map(|(_, it)| it).collect()
        };
        let first = keep(0, call(&mut a, &b));
        let answer = keep(2, answers(&mut b, a.address, &first, now(1)));
        let confirmation = answers(&mut a, b.address, &answer, now(2));
        let mut at = now(2);
        if confirmation.is_empty() {
            let again;
            (again, at) = next_call(&mut a);
            let answer = answers(&mut b, a.address, &again, at);
            let confirmation = answers(&mut a, b.address, &answer, at);
            answers(&mut b, a.address, &confirmation, at);
        } else {
            answers(&mut b, a.address, &confirmation, at);
        }
        let both = is_established(&a, &b, at) && is_established(&b, &a, at);
        assert!(both, "{lost:04b} lost");
        assert_eq!((a.findings.len(), b.findings.len()), (1, 1), "{lost:04b}");
    }
}

#[test]
fn each_half_that_comes_again_is_answered_by_both_halves_so_often_and_no_more() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    let answer = answers(&mut b, a.address, &sent, now(0));
    assert_eq!(answer.len(), 2);
    for sending in 1..RESP_SENDINGS {
        let half = &sent[sending as usize % 2..][..1];
        assert_eq!(answers(&mut b, a.address, half, now(1)), answer);
    }
    assert_eq!(b.rulings[2..], [Ruling::AnsweredAgain; 3]);
    assert!(answers(&mut b, a.address, &sent, now(2)).is_empty());
    assert_eq!(
        b.rulings[5..],
        [Ruling::Dropped(DropReason::RateLimited); 2]
    );
    let held = b.endpoint.stats();
    assert_eq!((held.keypairs, held.slots, b.findings.len()), (1, 1, 1));
}

#[test]
fn a_half_that_comes_while_the_answer_is_being_made_makes_no_work() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    for datagram in &sent {
        b.receive(a.address, datagram.clone(), now(0));
    }
    let job = b.endpoint.take_job().unwrap();
    let outcome = job.run(b.rng.as_crypto());
    b.endpoint.handle_outcome(outcome, now(0));
    for datagram in &sent {
        b.receive(a.address, datagram.clone(), now(1));
    }
    assert_eq!(b.rulings[2..], [Ruling::Kept; 2]);
    assert_eq!(b.endpoint.stats().jobs, 1, "message 2");
    assert_eq!(b.drain(now(1)).len(), 2);
}

#[test]
fn an_answer_waits_for_the_life_of_a_slot_since_it_was_last_sent() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    let pause = SLOT_LIFE - Duration::from_micros(1);
    let answer = answers(&mut b, a.address, &sent, now(0));
    for nth in 1..3 {
        let at = now(0) + pause * nth;
        assert_eq!(answers(&mut b, a.address, &sent[..1], at), answer);
    }
    let late = now(0) + pause * 2 + SLOT_LIFE;
    assert!(answers(&mut b, a.address, &sent, late).is_empty());
    assert_eq!(b.endpoint.stats().dropped[&DropReason::OldTimestamp], 1);
}

#[test]
fn an_answer_that_took_its_time_waits_from_when_it_was_made() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    for datagram in &sent {
        b.receive(a.address, datagram.clone(), now(0));
    }
    let made = now(0) + SLOT_LIFE - Duration::from_secs(1);
    let answer = bytes(b.drain(made));
    let late = made + SLOT_LIFE - Duration::from_secs(1);
    assert_eq!(answers(&mut b, a.address, &sent[..1], late), answer);
}

#[test]
fn who_has_the_answer_is_not_sent_it_again_and_takes_up_no_slot() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    let answer = answers(&mut b, a.address, &sent, now(0));
    assert_eq!(b.endpoint.stats().slots, 1);
    let confirmation = answers(&mut a, b.address, &answer, now(0));
    answers(&mut b, a.address, &confirmation, now(0));
    assert_eq!(b.endpoint.stats().slots, 0);
    let (mut resps, after) = (0, answers(&mut b, a.address, &sent, now(1)));
    resps += after.iter().filter(|it| it[0] == 2).count();
    assert_eq!(resps, 0);
    assert_eq!(b.endpoint.stats().dropped[&DropReason::OldTimestamp], 1);
}

#[test]
fn whoever_is_revoked_removed_or_closed_meanwhile_is_not_answered_again() {
    type End = fn(&mut Endpoint, PeerId);
    let ends: [End; 3] = [
        |of, peer| of.revoke_peer(peer),
        |of, peer| of.remove_peer(peer, now(1)),
        |of, peer| of.close(peer, now(1)),
    ];
    for (nth, end) in ends.into_iter().enumerate() {
        let (mut a, mut b) = acquainted();
        let sent = call(&mut a, &b);
        assert_eq!(answers(&mut b, a.address, &sent, now(0)).len(), 2);
        end(&mut b.endpoint, a.id());
        b.drain(now(1));
        assert!(
            answers(&mut b, a.address, &sent, now(2)).is_empty(),
            "{nth}"
        );
        let stale = b.endpoint.stats().dropped[&DropReason::StaleKeypair];
        assert_eq!(stale, 2);
    }
}

/// Somebody whose copy is the faster one would have the only answer else.
#[test]
fn a_copy_from_elsewhere_gets_an_answer_of_its_own_and_so_many_copies_do() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    let first = answers(&mut b, a.address, &sent, now(0));
    for copy in 1..=4_u8 {
        let from = SocketAddr::from(([198, 51, 100, copy], 7_419));
        let to_half = answers(&mut b, from, &sent[..1], now(1));
        assert!(to_half.is_empty(), "half of a message");
        b.receive(from, sent[1].clone(), now(1));
        let own = b.drain(now(1));
        let is_answered = usize::from(copy) < MAX_NEXT_KEYPAIRS;
        assert_eq!(own.len(), if is_answered { 2 } else { 0 }, "{copy}");
        assert!(
            own.iter()
                .all(|(to, it)| *to == from && !first.contains(it))
        );
    }
    b.receive(a.address, sent[0].clone(), now(2));
    let again = b.drain(now(2));
    assert_eq!(again.len(), 2);
    assert!(again.iter().all(|(to, _)| *to == a.address));
}

#[test]
fn whichever_answer_of_several_arrives_is_made_use_of_and_no_copy_gets_one_then() {
    for used in 0..2 {
        let (mut a, mut b) = acquainted();
        let sent = call(&mut a, &b);
        let mine = a.address;
        let elsewhere = |host| SocketAddr::from(([198, 51, 100, host], 7_419));
        let both = [elsewhere(1), mine].map(|from| answers(&mut b, from, &sent, now(0)));
        let confirmation = answers(&mut a, b.address, &both[used], now(0));
        answers(&mut b, mine, &confirmation, now(0));
        assert!(is_established(&a, &b, now(0)) && is_established(&b, &a, now(0)));
        for copy in 1..=4 {
            let late = answers(&mut b, elsewhere(copy), &sent, now(1));
            assert!(late.is_empty(), "{used}, {copy}");
        }
        let stats = b.endpoint.stats();
        assert_eq!((stats.slots, stats.keypairs), (0, 1));
    }
}

/// Whoever had recorded one had it answered for as long as he liked after a restart, from two ports in turn.
#[test]
fn a_message_1_gets_so_many_answers_whenever_and_from_wherever_it_comes() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    let mut all = BTreeSet::new();
    for second in (0..600).step_by(3) {
        for port in 0..4 {
            let from = SocketAddr::from(([198, 51, 100, 9], 1 + (second / 3 + port) % 5));
            let answers = answers(&mut b, from, &sent, now(u64::from(second) * 1_000));
            // And perhaps a cookie.
            all.extend(answers.into_iter().filter(|it| it.len() == RESP_LEN));
        }
    }
    assert_eq!(all.len(), 2 * MAX_NEXT_KEYPAIRS);
}

/// It took a place among the keypairs that wait, and was sent four times.
#[test]
fn an_answer_to_a_copy_that_is_being_made_while_another_is_made_use_of_comes_to_nothing() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    let elsewhere = SocketAddr::from(([198, 51, 100, 1], 7_419));
    let answer = answers(&mut b, elsewhere, &sent, now(0));
    let mine = a.address;
    for half in &sent {
        b.receive(mine, half.clone(), now(0));
    }
    let accept = b.endpoint.take_job().unwrap().run(b.rng.as_crypto());
    b.endpoint.handle_outcome(accept, now(0));
    let respond = b.endpoint.take_job().unwrap();
    let confirmation = answers(&mut a, b.address, &answer, now(0));
    answers(&mut b, mine, &confirmation, now(0));
    assert!(is_established(&b, &a, now(0)));
    let responded = respond.run(b.rng.as_crypto());
    b.endpoint.handle_outcome(responded, now(0));
    assert!(b.drain(now(0)).iter().all(|(_, it)| it[0] != 2));
    let stats = b.endpoint.stats();
    assert_eq!((stats.slots, stats.keypairs), (0, 1));
}

/// A confirmation of a former process of its was held back until then.
#[test]
fn a_copy_is_answered_though_an_older_call_is_confirmed_in_between() {
    let (mut a, mut b) = acquainted();
    let mine = a.address;
    let first = call(&mut a, &b);
    let answer = answers(&mut b, mine, &first, now(0));
    let held_back = answers(&mut a, b.address, &answer, now(0));
    let mut again = Side::new(1, Trust::Strict);
    let secret = Arc::new(StaticSecret::from_bytes(&mut [1; 32]));
    let timestamps = Timestamp(2_000_000)..Timestamp(3_000_000);
    let config = EndpointConfig::default();
    again.endpoint = Endpoint::new(config, secret, [9; 32], timestamps, now(0));
    again.knows(&b, None);
    let second = call(&mut again, &b);
    let elsewhere = SocketAddr::from(([198, 51, 100, 1], 7_419));
    assert_eq!(answers(&mut b, elsewhere, &second, now(1)).len(), 2);
    answers(&mut b, mine, &held_back, now(1));
    assert!(is_established(&b, &a, now(1)));
    let answered = answers(&mut b, mine, &second, now(2));
    let is_answer = |it: &&Vec<u8>| it.len() == RESP_LEN;
    assert_eq!(answered.iter().filter(is_answer).count(), 2);
}

#[test]
fn a_false_half_is_not_answered_and_does_not_end_the_repetition() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    let answer = answers(&mut b, a.address, &sent, now(0));
    let false_half = forged(&sent, &b);
    assert!(answers(&mut b, a.address, &[false_half], now(1)).is_empty());
    assert_eq!(answers(&mut b, a.address, &sent[1..], now(2)), answer);
}

#[test]
fn a_guest_is_answered_again_too() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    let sent = call(&mut a, &b);
    let answer = answers(&mut b, a.address, &sent, now(0));
    assert_eq!(answers(&mut b, a.address, &sent[1..], now(1)), answer);
}

#[test]
fn whoever_is_refused_is_read_anew_each_time_and_nothing_is_kept() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Strict));
    a.knows(&b, None);
    let sent = call(&mut a, &b);
    for at in 0..2 {
        assert_eq!(answers(&mut b, a.address, &sent, now(at)).len(), 2);
        assert_eq!(b.endpoint.stats().slots, 0);
    }
    assert_eq!(b.findings.len(), 2);
}

#[test]
fn a_repeated_half_of_a_source_over_its_rate_needs_a_cookie_and_a_second_half_gets_none() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    answers(&mut b, a.address, &sent, now(0));
    for _ in 1..SOURCE_BURST {
        b.receive(a.address, forged(&sent, &b), now(0));
    }
    b.drain(now(0));
    assert!(answers(&mut b, a.address, &sent[1..], now(0)).is_empty());
    let asked = answers(&mut b, a.address, &sent[..1], now(0));
    let [cookie] = asked.as_slice() else {
        panic!("{} answers", asked.len())
    };
    let proved = answers(&mut a, b.address, core::slice::from_ref(cookie), now(0));
    assert_eq!(answers(&mut b, a.address, &proved[..1], now(0)).len(), 2);
    assert_eq!(answers(&mut b, a.address, &proved[1..], now(0)).len(), 2);
}

#[test]
fn a_cookie_is_taken_once_more_with_each_sending() {
    let (mut a, mut b) = acquainted();
    let (sent, address) = (call(&mut a, &b), a.address);
    let use_up = |b: &mut Side, at| {
        for _ in 0..SOURCE_BURST {
            b.receive(address, forged(&sent, b), at);
        }
        b.drain(at);
    };
    use_up(&mut b, now(0));
    let asked = answers(&mut b, address, &sent[..1], now(0));
    assert_eq!(answers(&mut a, b.address, &asked, now(0)).len(), 2);
    let (again, at) = next_call(&mut a);
    use_up(&mut b, at);
    let asked = answers(&mut b, address, &again[..1], at);
    assert_eq!(asked.len(), 1);
    let proved = answers(&mut a, b.address, &asked, at);
    assert_eq!(answers(&mut b, address, &proved, at).len(), 2);
}

/// Somebody's call that waits to be read.
fn waiting_call(side: &Side, from: SocketAddr) -> Accept {
    Accept {
        local: Arc::clone(&side.endpoint.shared.local),
        slot: (from, SessionIndex(0)),
        called: None,
        message1: Box::new([0; MESSAGE1_LEN]),
    }
}

#[test]
fn a_call_given_up_for_others_is_read_when_it_comes_again() {
    let (mut a, mut b) = acquainted();
    let mut neighbour = a.address;
    neighbour.set_port(1);
    let hosts = (0..).map(|host: u16| {
        let [high, low] = host.to_be_bytes();
        SocketAddr::from(([10, 0, high, low], 1))
    });
    let sent = call(&mut a, &b);
    assert!(b.endpoint.shared.stranger_job(waiting_call(&b, neighbour)));
    for datagram in &sent {
        b.receive(a.address, datagram.clone(), now(0));
    }
    assert_eq!(b.endpoint.stats().jobs, 2);
    for host in hosts.take(MAX_JOBS - 1) {
        assert!(b.endpoint.shared.stranger_job(waiting_call(&b, host)));
    }
    assert!(
        b.drain(now(0)).is_empty(),
        "it was the newest of its source"
    );
    assert_eq!(b.findings.len(), MAX_JOBS);
    assert_eq!(answers(&mut b, a.address, &sent, now(5_000)).len(), 2);
}

/// Its timestamp is taken: read once more it would be a replay.
#[test]
fn an_answer_that_is_to_be_made_is_not_given_up_for_others() {
    let (mut a, mut b) = (Side::new(1, Trust::Strict), Side::new(2, Trust::Ask));
    a.knows(&b, None);
    let sent = call(&mut a, &b);
    for datagram in &sent {
        b.receive(a.address, datagram.clone(), now(0));
    }
    let job = b.endpoint.take_job().unwrap();
    let outcome = job.run(b.rng.as_crypto());
    let mut neighbour = a.address;
    neighbour.set_port(1);
    for _ in 0..MAX_JOBS {
        b.endpoint.shared.stranger_job(waiting_call(&b, neighbour));
    }
    b.endpoint.handle_outcome(outcome, now(0));
    assert_eq!(b.drain(now(0)).len(), 2);
}

#[test]
fn a_call_whose_answer_fails_keeps_no_slot() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    for datagram in &sent {
        b.receive(a.address, datagram.clone(), now(0));
    }
    let job = b.endpoint.take_job().unwrap();
    let outcome = job.run(b.rng.as_crypto());
    b.endpoint.handle_outcome(outcome, now(0));
    assert_eq!(b.endpoint.stats().slots, 1);
    // Meanwhile we say goodbye: what is being made is for a connection that is over.
    b.endpoint.close(a.id(), now(0));
    assert!(b.drain(now(0)).is_empty());
    assert_eq!(b.endpoint.stats().slots, 0);
}

#[test]
fn who_moves_between_two_sendings_is_answered_at_the_next_one() {
    let (mut a, mut b) = acquainted();
    let first = call(&mut a, &b);
    answers(&mut b, a.address, &first, now(0));
    let elsewhere = SocketAddr::from(([198, 51, 100, 9], 7_419));
    let (again, at) = next_call(&mut a);
    assert_eq!(again, first);
    let answer = answers(&mut b, elsewhere, &again, at);
    answers(&mut a, b.address, &answer, at);
    assert!(is_established(&a, &b, at));
}

/// They took no token, and the slots of a source are few: his own first half was pushed out before the second came.
#[test]
fn second_halves_in_somebodys_name_do_not_come_between_his_two() {
    let (mut a, mut b) = acquainted();
    let sent = call(&mut a, &b);
    assert!(answers(&mut b, a.address, &sent[..1], now(0)).is_empty());
    let mac1 = MacKey::for_init(&b.id());
    for port in 1..200 {
        let from = SocketAddr::new(a.address.ip(), port);
        let [_, second] = encode_init(
            VERSION,
            SessionIndex(port.into()),
            &[7; MESSAGE1_LEN],
            |it| mac1.mac(&[it]),
            |_| [0; 16],
        );
        b.receive(from, second, now(0));
    }
    assert_eq!(answers(&mut b, a.address, &sent[1..], now(0)).len(), 2);
}
