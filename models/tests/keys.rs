//! The key slots, counters and replay window, as the threads share them.

use std::sync::Arc;

use securechat_models::ends::{Ends, NOW, address};
use securechat_models::explore::explore;
use securechat_models::id::Counter;
use securechat_models::proto::limits::{REJECT_AFTER_PACKETS, REPLAY_WINDOW};
use securechat_models::proto::{DropReason, KeyTable};
use shuttle::sync::Mutex;
use shuttle::thread::{self, JoinHandle};

#[test]
fn no_two_senders_get_one_counter_and_nobody_one_after_the_last() {
    const LEFT: u64 = 3;
    explore(|| {
        let keypair = Ends::joined().keypair();
        keypair.set_sent_for_testing_only(REJECT_AFTER_PACKETS - LEFT);
        let senders = [(); 2].map(|()| {
            let keypair = Arc::clone(&keypair);
            thread::spawn(move || [(); 3].map(|()| keypair.next_counter_for_testing_only()))
        });
        let given = senders.into_iter().flat_map(joined).flatten();
        let mut given: Vec<Counter> = given.collect();
        given.sort_unstable();
        let last = (0..LEFT).map(|it| Counter(REJECT_AFTER_PACKETS - LEFT + it));
        assert_eq!(given, last.collect::<Vec<_>>());
    });
}

#[test]
fn of_two_threads_that_open_one_packet_one_takes_it() {
    explore(|| {
        let mut ends = Ends::joined();
        let packets = [(); 3].map(|()| ends.packet());
        let table = ends.b.key_table();
        // Forwards and backwards, so that each meets the other's packets as old ones and as new ones.
        let mut backwards = packets.clone();
        backwards.reverse();
        let forwards = open_all(&table, packets.to_vec());
        let backwards = open_all(&table, backwards.to_vec());
        let (forwards, mut backwards) = (joined(forwards), joined(backwards));
        backwards.reverse();
        for (one, other) in forwards.into_iter().zip(backwards) {
            assert_ne!(one.is_ok(), other.is_ok(), "{one:?}, {other:?}");
            assert_eq!(one.and(other), Err(DropReason::Replayed));
        }
    });
}

#[test]
fn a_window_that_moves_on_meanwhile_lets_nothing_in_twice() {
    explore(|| {
        let mut ends = Ends::joined();
        let old = ends.packet();
        ends.keypair().set_sent_for_testing_only(2 * REPLAY_WINDOW);
        let new = ends.packet();
        let table = ends.b.key_table();
        let threads = [
            vec![old.clone(), new.clone()],
            vec![new, old.clone()],
            vec![old],
        ]
        .map(|packets| open_all(&table, packets));
        let [first, second, third] = threads.map(joined);
        let taken =
            |results: &[Result<(), DropReason>]| results.iter().filter(|it| it.is_ok()).count();
        assert_eq!(taken(&[first[1], second[0]]), 1, "the new one is taken");
        // It may have become too old before anybody took it.
        assert!(
            taken(&[first[0], second[1], third[0]]) <= 1,
            "the old one, twice"
        );
    });
}

#[test]
fn nothing_is_taken_under_a_keypair_that_has_lost_its_slot() {
    explore(|| lose_the_slot(|end, peer| end.remove_peer(peer, NOW)));
    explore(|| lose_the_slot(|end, peer| end.close(peer, NOW)));
}

/// One thread opens a packet and hands it over; meanwhile `end` lets the session end.
fn lose_the_slot(end: fn(&mut securechat_models::proto::Endpoint, securechat_models::id::PeerId)) {
    let mut ends = Ends::joined();
    let packet = ends.packet();
    let peer = ends.a.id();
    let table = ends.b.key_table();
    let core = Arc::new(Mutex::new((ends.b, false)));
    let receiver = thread::spawn({
        let (core, table) = (Arc::clone(&core), Arc::clone(&table));
        move || {
            let mut packet = packet;
            let opened = match table.open(address(1), &mut packet, NOW) {
                Ok(opened) => opened,
                Err(reason) => return assert_eq!(reason, DropReason::UnknownIndex),
            };
            let mut core = core.lock().unwrap();
            core.0.handle_opened(&opened, NOW);
            let stale = core
                .0
                .stats()
                .dropped
                .get(&DropReason::StaleKeypair)
                .copied();
            assert_eq!(stale, core.1.then_some(1));
        }
    });
    let owner = thread::spawn(move || {
        let mut core = core.lock().unwrap();
        end(&mut core.0, peer);
        core.1 = true;
        assert!(table.is_empty());
    });
    joined(receiver);
    joined(owner);
}

/// A thread that opens packets in their order.
fn open_all(
    table: &Arc<KeyTable>,
    packets: Vec<Vec<u8>>,
) -> JoinHandle<Vec<Result<(), DropReason>>> {
    let table = Arc::clone(table);
    thread::spawn(move || {
        let open = |mut packet: Vec<u8>| table.open(address(1), &mut packet, NOW).map(|_| ());
        packets.into_iter().map(open).collect()
    })
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("it does not panic")
}
