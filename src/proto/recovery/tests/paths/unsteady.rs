//! Paths that change, that are shared with another flow of ours, that drop instead of letting wait, and whose round
//! trips vary.

use super::bulk::Bulk;
use super::dumbbell::{Dumbbell, Path, Tally};
use crate::proto::recovery::tests::*;

/// The first flow begins at once and each other so much later than the one before.
fn flows(path: Path, count: u8, later: u64) -> Dumbbell<Bulk> {
    let flow = |it: u8| {
        let mut flow = Bulk::new(Congestion::Bbr, path.seed + 100 * it);
        flow.start = at(u64::from(it) * later);
        flow
    };
    Dumbbell::new(path, (0..count).map(flow).collect())
}

/// What the first flow's packets met from now until `end`.
fn from_here(link: &mut Dumbbell<Bulk>, end: Instant) -> Tally {
    link.tallies[0] = Tally::default();
    link.run(end);
    link.tallies[0]
}

#[test]
fn what_queues_because_a_rate_has_fallen_is_gone_within_twenty_seconds() {
    for seed in 1..=3 {
        let queue = 1_000;
        let path = Path {
            queue,
            seed,
            ..Path::new(20, 50, 0)
        };
        let mut link = flows(path, 1, 0);
        link.run(at(20_000));
        link.path.rate /= 5;
        link.path.queue *= 5;
        let first = from_here(&mut link, at(40_000));
        let rest = from_here(&mut link, at(60_000));
        assert!(
            first.most_queued <= ms(1_000),
            "seed {seed}: {:?}",
            first.most_queued
        );
        assert!(
            rest.mean_queue() <= path.rtt,
            "seed {seed}: {:?}",
            rest.mean_queue()
        );
        let possible = link.path.rate / 8 * 20;
        assert!(rest.delivered_bytes * 10 >= possible * 9, "seed {seed}");
    }
}

#[test]
fn who_comes_second_has_its_share_beside_a_flow_of_ours() {
    for (later, seed) in [(2_000, 1), (2_000, 2), (20_000, 1), (20_000, 2)] {
        let path = Path {
            seed,
            ..Path::new(20, 50, 0)
        };
        let mut link = flows(path, 2, later);
        link.run(at(40_000));
        link.tallies = vec![Tally::default(); 2];
        link.run(at(100_000));
        let [first, second] = [0, 1].map(|it| link.tallies[it].delivered_bytes as f64);
        let share = second / (first + second);
        assert!(
            (0.3..=0.7).contains(&share),
            "{later} ms later, seed {seed}: {share}"
        );
    }
}

/// 44 % were lost while the policer was not told from chance.
#[test]
fn a_policer_is_sent_what_it_lets_through() {
    for (mbit, seed) in [(20, 1), (100, 1), (100, 2)] {
        let path = Path {
            seed,
            ..Path::new(mbit, 50, 0)
        };
        let mut link = flows(path, 1, 0);
        link.run(at(20_000));
        link.path.rate /= 5;
        link.path.polices = true;
        let first = from_here(&mut link, at(40_000));
        assert!(
            first.own_loss() <= 25.0,
            "{mbit} Mbit/s, seed {seed}: {}",
            first.own_loss()
        );
        let possible = link.path.rate / 8 * 20;
        assert!(
            first.delivered_bytes * 100 >= possible * 85,
            "{mbit} Mbit/s, seed {seed}"
        );
    }
}

/// With a bound that fell in each round until the next probe, 4 % of the link were left.
#[test]
fn random_losses_that_set_in_and_stay_hold_a_flow_back_until_its_next_probe() {
    let path = Path::new(20, 50, 0);
    let mut link = flows(path, 1, 0);
    link.run(at(20_000));
    link.path.loss = 400;
    from_here(&mut link, at(25_000));
    let rest = from_here(&mut link, at(45_000));
    let possible = link.path.rate / 8 * 20;
    assert!(
        rest.delivered_bytes * 100 >= possible * 20,
        "{}",
        rest.delivered_bytes
    );
}

/// Where a round without growth in which all waited an eighth of the round trip ended the start, 7 of 40 had 12 to 55 % of
/// the link.
#[test]
fn a_start_whose_round_trips_vary_finds_the_rate() {
    for seed in 1..=12 {
        let jitter = ms(30);
        let path = Path {
            jitter,
            seed,
            ..Path::new(100, 50, 0)
        };
        let mut link = flows(path, 1, 0);
        link.run(at(5_000));
        assert!(link.used(0) >= 75.0, "seed {seed}: {}", link.used(0));
    }
}

/// With what the shortest round trip asks for in flight, they had 12 to 50 % of the link.
#[test]
fn a_path_whose_round_trips_are_long_by_themselves_is_filled() {
    for (mbit, seed) in [(20, 1), (20, 2), (100, 1), (100, 2), (100, 3), (100, 4)] {
        let jitter = ms(30);
        let path = Path {
            jitter,
            seed,
            ..Path::new(mbit, 10, 0)
        };
        let mut link = flows(path, 1, 0);
        link.run(at(5_000));
        let rest = from_here(&mut link, at(20_000));
        let possible = path.rate / 8 * 15;
        assert!(
            rest.delivered_bytes * 100 >= possible * 75,
            "{mbit} Mbit/s, seed {seed}: {} of {possible}",
            rest.delivered_bytes
        );
        assert!(
            rest.mean_queue() <= path.rtt,
            "{mbit} Mbit/s, seed {seed}: {:?}",
            rest.mean_queue()
        );
    }
}
