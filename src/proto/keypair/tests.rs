//! How long a keypair serves, and which of several does.

use core::time::Duration;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use super::*;
use crate::crypto::{PAYLOAD1_LEN, PAYLOAD2_LEN, StaticSecret, accept, initiate};
use crate::id::ConnectionId;

const LOCAL: PeerId = PeerId::new([5; 32]);
const LARGER: PeerId = PeerId::new([6; 32]);
const SMALLER: PeerId = PeerId::new([4; 32]);
const HERE: ConnectionPair = (ConnectionId(1), ConnectionId(2));
const ELSEWHERE: ConnectionPair = (ConnectionId(1), ConnectionId(3));

fn keys() -> TransportKeys {
    let [one, two] = [[1; 32], [2; 32]].map(|mut bytes| StaticSecret::from_bytes(&mut bytes));
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let payload = [0; PAYLOAD1_LEN];
    let (_, message1) = initiate(&one, &two.public(), None, b"", &payload, &mut rng).unwrap();
    let responder = accept(&two, b"", &message1, &mut rng).unwrap();
    responder.respond(None, &[0; PAYLOAD2_LEN]).unwrap().1
}

const fn at(seconds: u64) -> Instant {
    Instant::from_micros(1_000_000_000 + seconds * 1_000_000)
}

fn just_before(instant: Instant) -> Instant {
    instant - Duration::from_micros(1)
}

/// A keypair with `peer` that was made at `created`, ten seconds after its INIT.
fn made(
    epoch: u64,
    peer: PeerId,
    connection: ConnectionPair,
    initiator: bool,
    created: Instant,
) -> Arc<Keypair> {
    let info = KeypairInfo {
        peer,
        place: Place::for_testing_only(0),
        epoch: Epoch(epoch),
        local_index: SessionIndex(u32::try_from(epoch).unwrap()),
        remote_index: SessionIndex(100 + u32::try_from(epoch).unwrap()),
        connection,
        initiator,
        handshake: [0; 32],
        proves: None,
        started: created - Duration::from_secs(10),
    };
    Keypair::new(info, keys(), created)
}

fn keypair(epoch: u64, created: Instant) -> Arc<Keypair> {
    made(epoch, LARGER, HERE, false, created)
}

fn epochs<'a>(keypairs: impl IntoIterator<Item = &'a Arc<Keypair>>) -> Vec<u64> {
    let mut epochs: Vec<u64> = keypairs.into_iter().map(|it| it.epoch.0).collect();
    epochs.sort_unstable();
    epochs
}

/// The epochs of the current keypair and of the one before it.
fn standing(slots: &KeySlots) -> (Option<u64>, Option<u64>) {
    let of = |it: &Option<Arc<Keypair>>| it.as_ref().map(|it| it.epoch.0);
    (of(&slots.current), of(&slots.previous))
}

#[test]
fn a_confirmation_that_was_held_back_for_two_rekeys_does_not_bring_old_keys_back() {
    let mut slots = KeySlots::default();
    let _ = slots.promote(made(0, SMALLER, HERE, false, at(0)), LOCAL);
    let held_back = made(1, SMALLER, HERE, false, at(121));
    assert!(slots.add_next(Arc::clone(&held_back)).is_none());
    let _ = slots.promote(made(2, SMALLER, HERE, true, at(140)), LOCAL);
    let _ = slots.promote(made(3, SMALLER, HERE, true, at(260)), LOCAL);
    let _ = slots.promote(held_back, LOCAL);
    assert_eq!(standing(&slots), (Some(3), Some(1)));
}

#[test]
fn counters_rise_by_one_and_stop_for_ever_at_the_limit() {
    let keypair = keypair(1, at(0));
    let first: Vec<_> = (0..3).map(|_| keypair.next_counter()).collect();
    assert_eq!(first, [0, 1, 2].map(|it| Some(Counter(it))));
    keypair.set_sent_for_testing_only(REJECT_AFTER_PACKETS - 1);
    assert!(keypair.can_seal(at(0)));
    assert_eq!(
        keypair.next_counter(),
        Some(Counter(REJECT_AFTER_PACKETS - 1))
    );
    assert!(!keypair.can_seal(at(0)));
    assert_eq!(
        (keypair.next_counter(), keypair.next_counter()),
        (None, None)
    );
}

#[test]
fn a_counter_is_new_until_it_is_committed_and_is_committed_once() {
    let keypair = keypair(1, at(0));
    for counter in [7, 3, 8].map(Counter) {
        assert!(keypair.is_new(counter) && keypair.is_new(counter));
        assert!(keypair.commit(counter));
        assert!(!keypair.is_new(counter) && !keypair.commit(counter));
    }
}

#[test]
fn a_key_seals_opens_and_is_kept_for_its_times_and_no_longer() {
    let keypair = keypair(1, at(0));
    let sealing = at(0) + REJECT_AFTER;
    assert!(keypair.is_usable(just_before(sealing)) && keypair.can_seal(just_before(sealing)));
    assert!(!keypair.is_usable(sealing) && !keypair.can_seal(sealing));
    let opening = sealing + ATTEMPT_LIFE;
    assert!(keypair.can_open(just_before(opening)) && !keypair.can_open(opening));
    assert_eq!(keypair.erase_at(), at(0) + ERASE_AFTER);
}

#[test]
fn many_packets_or_forgeries_wear_a_key_out() {
    let by_packets = keypair(1, at(0));
    by_packets.set_sent_for_testing_only(REKEY_AFTER_PACKETS - 1);
    assert!(!by_packets.is_worn_out());
    by_packets.set_sent_for_testing_only(REKEY_AFTER_PACKETS);
    assert!(by_packets.is_worn_out());
    let by_forgeries = keypair(1, at(0));
    by_forgeries
        .forgeries
        .store(REKEY_AFTER_FORGERIES - 1, Ordering::Relaxed);
    assert!(!by_forgeries.is_worn_out());
    by_forgeries
        .forgeries
        .store(REKEY_AFTER_FORGERIES, Ordering::Relaxed);
    assert!(by_forgeries.is_worn_out());
}

#[test]
fn the_newest_unconfirmed_keypairs_are_kept() {
    let mut slots = KeySlots::default();
    for epoch in 1..=MAX_NEXT_KEYPAIRS as u64 {
        assert!(slots.add_next(keypair(epoch, at(epoch))).is_none());
    }
    let beyond = slots.add_next(keypair(99, at(99)));
    assert_eq!(beyond.map(|it| it.epoch.0), Some(1));
    assert_eq!(epochs(slots.iter()), [2, 3, 99]);
}

#[test]
fn a_confirmed_keypair_takes_over_and_older_ones_go() {
    let mut slots = KeySlots::default();
    let [one, two, three, four] = [1, 2, 3, 4].map(|epoch| keypair(epoch, at(100 * epoch)));
    assert!(slots.promote(Arc::clone(&one), LOCAL).is_empty());
    for next in [&two, &three, &four] {
        assert!(slots.add_next(Arc::clone(next)).is_none());
    }
    assert_eq!(slots.slot_of(&three), Some(Slot::Next));
    let erased = slots.promote(Arc::clone(&three), LOCAL);
    assert_eq!(epochs(&erased), [2], "it was never confirmed, and is older");
    assert_eq!(standing(&slots), (Some(3), Some(1)));
    assert_eq!(slots.slot_of(&three), Some(Slot::Current));
    assert_eq!(slots.slot_of(&one), Some(Slot::Previous));
    assert_eq!(slots.slot_of(&four), Some(Slot::Next), "a newer one stays");
    assert_eq!(slots.slot_of(&two), None);
    let erased = slots.promote(Arc::clone(&four), LOCAL);
    assert_eq!(epochs(&erased), [1]);
    assert_eq!(standing(&slots), (Some(4), Some(3)));
    assert_eq!(epochs(&slots.take_all()), [3, 4]);
    assert_eq!(slots.iter().count(), 0);
}

#[test]
fn a_new_connection_leaves_nothing_of_the_old_one() {
    let mut slots = KeySlots::default();
    for epoch in [1, 2] {
        let _none = slots.promote(keypair(epoch, at(100 * epoch)), LOCAL);
    }
    let erased = slots.promote(made(3, LARGER, ELSEWHERE, false, at(300)), LOCAL);
    assert_eq!(epochs(&erased), [1, 2]);
    assert_eq!(standing(&slots), (Some(3), None));
}

/// Of two keypairs from INITs that crossed, the one whose initiator has the smaller key is used to send.
#[test]
fn both_sides_of_crossed_inits_choose_the_same_keypair() {
    let window = GLARE_WINDOW.as_secs();
    for (peer, first_is_ours, between, stays) in [
        // Ours is the smaller key, and ours was first.
        (LARGER, true, 1, true),
        (LARGER, false, 1, false),
        (SMALLER, true, 1, false),
        (SMALLER, false, 1, true),
        // They did not cross: the newer one.
        (LARGER, true, window, false),
        (LARGER, true, window - 1, true),
    ] {
        let mut slots = KeySlots::default();
        let first = made(1, peer, HERE, first_is_ours, at(100));
        let second = made(2, peer, HERE, !first_is_ours, at(100 + between));
        assert!(slots.promote(first, LOCAL).is_empty());
        assert!(slots.promote(second, LOCAL).is_empty());
        let expected = if stays { (1, 2) } else { (2, 1) };
        let (current, previous) = standing(&slots);
        let what = (peer, first_is_ours, between);
        assert_eq!((current.unwrap(), previous.unwrap()), expected, "{what:?}");
    }
    // One side's rekey is no crossing, whatever the keys are.
    let mut slots = KeySlots::default();
    for epoch in [1, 2] {
        let _none = slots.promote(made(epoch, LARGER, HERE, true, at(100 + epoch)), LOCAL);
    }
    assert_eq!(standing(&slots), (Some(2), Some(1)));
}

#[test]
fn who_was_overtaken_by_another_connection_is_late() {
    let mut slots = KeySlots::default();
    assert!(!slots.is_late(ELSEWHERE, at(0)), "nothing was confirmed");
    let _none = slots.promote(keypair(1, at(100)), LOCAL);
    assert!(slots.is_late(ELSEWHERE, just_before(at(100))));
    assert!(!slots.is_late(ELSEWHERE, at(100)));
    assert!(!slots.is_late(HERE, at(0)), "it is the same connection");
}

#[test]
fn an_answer_to_our_call_outlives_what_other_processes_left() {
    // Ours began ten seconds before it was made, at 190.
    for (created, connection, stays) in [
        (at(190), ELSEWHERE, false),
        (at(191), ELSEWHERE, true),
        (at(190), HERE, true),
    ] {
        let mut slots = KeySlots::default();
        let left = made(1, LARGER, connection, false, created);
        assert!(slots.add_next(left).is_none());
        let erased = slots.promote(made(2, LARGER, HERE, true, at(200)), LOCAL);
        assert_eq!(erased.is_empty(), stays, "{connection:?} at {created:?}");
        assert_eq!(slots.iter().count(), if stays { 2 } else { 1 });
    }
}

#[test]
fn each_keypair_is_erased_when_it_is_due() {
    let mut slots = KeySlots::default();
    assert_eq!(slots.next_erase(), None);
    for epoch in [1, 2] {
        let _none = slots.promote(keypair(epoch, at(100 * epoch)), LOCAL);
    }
    assert!(slots.add_next(keypair(3, at(300))).is_none());
    for epoch in [1, 2, 3] {
        let due = at(100 * epoch) + ERASE_AFTER;
        assert_eq!(slots.next_erase(), Some(due));
        assert!(slots.take_expired(just_before(due)).is_empty());
        assert_eq!(epochs(&slots.take_expired(due)), [epoch]);
    }
    assert_eq!(slots.next_erase(), None);
}
