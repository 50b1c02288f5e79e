//! Random operations; every failure names its seed.

use core::time::Duration;

use super::*;

/// How many worlds each test makes.
const SEEDS: u64 = 60;

fn random_body(dice: &mut Dice, count: u64) -> Vec<u8> {
    let len = match dice.below(40) {
        0 => 64 * 1024 + 1 + dice.index(LARGEST - 64 * 1024),
        1 => dice.index(64 * 1024 + 1),
        2 => 0,
        _ => dice.index(200),
    };
    let mut body = vec![dice.byte() % 128; len];
    let tag = format!("{count:08}").into_bytes();
    body.iter_mut().zip(tag).for_each(|(to, from)| *to = from);
    body
}

/// `restarts`: whether processes end as well.
fn run(seed: u64, restarts: bool) -> World {
    let accepts = 150 * 1024 + usize::try_from(seed % 3).unwrap() * 75 * 1024;
    let mut world = World::new(seed, [LARGEST, LARGEST]);
    world.clients[1] = client(seed * 1_000 + 1, accepts.min(LARGEST), world.now);
    world.wake();
    world.link.lose_one_in = seed % 4;
    for step in 0..400 {
        let own = world.dice.index(2);
        match world.dice.below(30) {
            0..=8 => {
                let body = random_body(&mut world.dice, step);
                let len = body.len();
                let sent = world.send(own, body);
                let fits = len <= world.clients[own].policy().largest;
                assert_eq!(sent.is_ok(), fits, "seed {seed}");
            }
            9..=14 => world.turn(own),
            15..=21 => world.carry(own),
            22..=24 => {
                let most = world.dice.index(6);
                world.take(own, most);
            }
            25 if world.dice.one_in(4) => world.refuse(own),
            26 if world.dice.one_in(2) => world.link.connect(),
            27 if world.dice.one_in(2) => world.link.disconnect(),
            28 if world.dice.one_in(12) => {
                world.now = world.now + Duration::from_secs(15 * 86_400);
                world
                    .clients
                    .iter_mut()
                    .for_each(|it| it.handle_timeout(world.now));
            }
            29 if restarts && world.dice.one_in(4) => world.restart(own),
            _ => world.now = world.now + Duration::from_secs(1),
        }
    }
    world.link.connect();
    world.wake();
    world.settle();
    world
}

/// Everything that was taken is known to be delivered, unless it expired first or was refused in an
/// earlier process.
fn check(world: &World) {
    let seed = world.seed;
    for ledger in &world.ledgers {
        for (name, state) in &ledger.states {
            let is_taken = ledger.taken.contains(name) || ledger.before.contains(name);
            match state {
                State::Delivered => assert!(is_taken, "seed {seed}"),
                State::Failed(FailReason::Expired) => {}
                State::Failed(_) => assert!(!ledger.taken.contains(name), "seed {seed}: {name:?}"),
                State::Queued | State::Sent => panic!("seed {seed}: {name:?} is {state:?}"),
            }
        }
    }
}

#[test]
fn every_accepted_message_arrives_once_and_in_order_or_is_reported_failed() {
    let (mut delivered, mut failed) = (0, 0);
    for seed in 0..SEEDS {
        let world = run(seed, false);
        check(&world);
        let states = world.ledgers.iter().flat_map(|it| it.states.values());
        for state in states {
            match state {
                State::Delivered => delivered += 1,
                State::Failed(_) => failed += 1,
                State::Queued | State::Sent => unreachable!("checked"),
            }
        }
    }
    assert!(
        delivered > 50 * SEEDS && failed > SEEDS / 2,
        "{delivered} {failed}"
    );
}

#[test]
fn after_a_restart_only_what_had_no_receipt_comes_again_and_once_a_process() {
    for seed in 0..SEEDS {
        check(&run(10_000 + seed, true));
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let states = |world: World| world.ledgers.map(|it| (it.order, it.states, it.shown));
    assert_eq!(states(run(5, true)), states(run(5, true)));
}
