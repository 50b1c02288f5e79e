//! Somebody who sees each datagram and can drop none: copies of his arrive from elsewhere before the originals.

use std::collections::{BTreeMap, VecDeque};

use super::*;

/// A link takes 20 ms: a copy is there 3 ms before the original, or a little more.
const COPY_TAKES: Duration = ms(17);
const TICK: Duration = ms(1);
/// A few round trips, or probe timeouts.
const LINE_TAKES: Duration = ms(1_500);

/// What is copied, and from where the copies come.
#[derive(Clone, Copy, Debug)]
struct Habit {
    /// What both send, or what `a` sends.
    both: bool,
    /// Each copied message from another port, or all from one.
    fresh: bool,
    /// Of so many datagrams one is left alone; none: of no number.
    spares: Option<usize>,
    /// The first and the last of the types that are copied.
    from_type: u8,
    to_type: u8,
}

struct Racer {
    fresh: bool,
    copies: Rc<RefCell<VecDeque<Sighting>>>,
    sent: u16,
    /// Bytes from each of his addresses.
    came: BTreeMap<SocketAddr, usize>,
}

impl Racer {
    fn new(pair: &mut Pair, habit: Habit) -> Self {
        let (host_a, host_b) = (pair.node(pair.a).host(), pair.node(pair.b).host());
        let copies = Rc::new(RefCell::new(VecDeque::new()));
        let (seen, mut count) = (Rc::clone(&copies), 0);
        pair.network_mut().set_filter(Some(Box::new(move |it| {
            let is_copied = it.sender == Some(host_a) || habit.both && it.sender == Some(host_b);
            let is_kind = (habit.from_type..=habit.to_type).contains(&it.datagram[0]);
            if is_copied && is_kind && !is_his(it.to) {
                count += 1;
                if habit.spares.is_none_or(|nth| count % nth != 0) {
                    seen.borrow_mut().push_back(it.clone());
                }
            }
            Verdict::Pass
        })));
        clear(pair);
        Self {
            fresh: habit.fresh,
            copies,
            sent: 0,
            came: BTreeMap::new(),
        }
    }

    fn pass(&mut self, pair: &mut Pair, duration: Duration) {
        let end = pair.now() + duration;
        while pair.now() < end {
            pair.advance(TICK);
            let now = pair.now();
            loop {
                let due = |it: &mut Sighting| it.at + COPY_TAKES <= now;
                let Some(copy) = self.copies.borrow_mut().pop_front_if(due) else {
                    break;
                };
                // Halves of one message come from one address, or they would not be joined.
                let begins = copy.datagram[1] == 0;
                self.sent += u16::from(self.fresh && begins);
                let from = SocketAddr::from(([203, 0, 113, 66], 1_000 + self.sent));
                *self.came.entry(from).or_default() += copy.datagram.len();
                pair.inject(from, copy.to, copy.datagram);
            }
        }
    }

    fn assert_bounded(&self, pair: &Pair) {
        let mut went: BTreeMap<SocketAddr, usize> = BTreeMap::new();
        for seen in pair.network().capture().iter().filter(|it| is_his(it.to)) {
            *went.entry(seen.to).or_default() += seen.datagram.len();
        }
        assert!(!went.is_empty(), "he was answered");
        for (address, went) in went {
            let came = self.came[&address];
            assert!(went <= 3 * came, "{went} bytes to {address} for {came}");
        }
    }
}

fn is_his(address: SocketAddr) -> bool {
    address.ip().to_string() == "203.0.113.66"
}

/// Talks for a minute, and asserts that each line arrives soon.
fn assert_talks_on(pair: &mut Pair, racer: &mut Racer, case: &str) {
    let (a, b) = (pair.a, pair.b);
    let mut lines = Vec::new();
    for _ in 0..120 {
        for (from, to) in [(a, b), (b, a)] {
            lines.push((pair.now(), to, pair.talk(from, to).unwrap()));
        }
        racer.pass(pair, ms(500));
        let now = pair.now();
        let late = lines
            .iter()
            .find(|(at, to, line)| *at + LINE_TAKES <= now && !pair.has_seen(*to, line));
        assert_eq!(late.map(|(at, to, _)| (at, to)), None, "{case}");
    }
}

const ALL_DATA: Habit = Habit {
    both: false,
    fresh: false,
    spares: None,
    from_type: DATA,
    to_type: DATA,
};

#[test]
fn a_talk_goes_on_under_a_race_without_end() {
    for both in [false, true] {
        for fresh in [false, true] {
            let mut pair = Pair::connected(60);
            let habit = Habit {
                both,
                fresh,
                ..ALL_DATA
            };
            let mut racer = Racer::new(&mut pair, habit);
            assert_talks_on(&mut pair, &mut racer, &format!("{habit:?}"));
            racer.assert_bounded(&pair);
            assert!(told(&pair, pair.a).is_empty() && told(&pair, pair.b).is_empty());
            assert_eq!(sent(&pair, pair.a, INIT).len(), 0, "{habit:?}");
            pair.network_mut().set_filter(None);
            assert_well(&mut pair);
        }
    }
}

/// Each that is not raced brings the path back, and the next copy takes it away.
#[test]
fn a_talk_goes_on_under_a_race_that_is_lost_now_and_then() {
    for nth in [2, 3, 5, 20] {
        for fresh in [false, true] {
            let mut pair = Pair::connected(61);
            let habit = Habit {
                both: true,
                fresh,
                spares: Some(nth),
                ..ALL_DATA
            };
            let mut racer = Racer::new(&mut pair, habit);
            assert_talks_on(&mut pair, &mut racer, &format!("{habit:?}"));
            racer.assert_bounded(&pair);
        }
    }
}

/// The address before the move is dead, and was the one that answered a moment ago.
#[test]
fn who_moves_right_after_a_race_is_found_at_once() {
    for after in [ms(100), ms(500), secs(5), secs(40)] {
        let mut pair = Pair::connected(62);
        let (a, b) = (pair.a, pair.b);
        let both = Habit {
            both: true,
            ..ALL_DATA
        };
        let mut racer = Racer::new(&mut pair, both);
        let (mut waited, step) = (Duration::ZERO, ms(50));
        while waited < after {
            pair.talk(a, b).unwrap();
            pair.talk(b, a).unwrap();
            racer.pass(&mut pair, step);
            waited += step;
        }
        pair.network_mut().set_filter(None);
        change_port(&mut pair, 20_000);
        let line = pair.talk(b, a).unwrap();
        pair.talk(a, b).unwrap();
        let found = pair.advance_until(LINE_TAKES, |w| w.has_seen(a, &line));
        assert!(found, "after {after:?}");
        pair.advance(secs(1));
        assert_eq!(told(&pair, b), [pair.address(a)]);
        assert_well(&mut pair);
    }
}

/// Half of what a peer that has moved sends is copied, from where it was before: nobody is there any more.
#[test]
fn copies_under_a_dead_address_do_not_hold_the_path_there() {
    for nth in [2, 3] {
        let mut pair = Pair::connected(63);
        let (a, b) = (pair.a, pair.b);
        let before = pair.address(a);
        change_port(&mut pair, 20_000);
        let habit = Habit {
            spares: Some(nth),
            ..ALL_DATA
        };
        let racer = Racer::new(&mut pair, habit);
        let mut lines = Vec::new();
        for n in 0..2_000 {
            if n % 200 == 0 {
                pair.talk(a, b).unwrap();
                lines.push(pair.talk(b, a).unwrap());
            }
            pair.advance(ms(5));
            for copy in racer.copies.take() {
                pair.inject(before, copy.to, copy.datagram);
            }
        }
        assert!(lines.iter().all(|line| pair.has_seen(a, line)), "{nth}");
        assert_eq!(told(&pair, b).last(), Some(&pair.address(a)));
    }
}

/// Nobody has a session yet: halves of INIT and RESP are raced as all that follows is.
#[test]
fn a_call_connects_under_a_race_without_end_and_its_keys_are_renewed() {
    for both in [false, true] {
        for fresh in [false, true] {
            let mut pair = Pair::new(64);
            let (a, b) = (pair.a, pair.b);
            let habit = Habit {
                both,
                fresh,
                from_type: INIT,
                ..ALL_DATA
            };
            let mut racer = Racer::new(&mut pair, habit);
            pair.connect(a, b).unwrap();
            racer.pass(&mut pair, LINE_TAKES);
            assert!(
                pair.established(a, b) == 1 && pair.established(b, a) == 1,
                "{habit:?}"
            );
            for _ in 0..4 {
                assert_talks_on(&mut pair, &mut racer, &format!("{habit:?}"));
            }
            assert!(sent(&pair, a, INIT).len() >= 4, "a rekey");
            racer.assert_bounded(&pair);
            assert_eq!(pair.violations(), &[] as &[String]);
        }
    }
}

/// Two addresses are saved for the one who is called, as of a name with both families: an answer proves neither then. Where the
/// caller took the one that the first copy came from for the peer's, nothing was heard there, and so again with each call.
#[test]
fn a_call_to_several_addresses_connects_though_each_answer_comes_first_from_elsewhere() {
    let nobody = SocketAddr::from(([198, 51, 100, 9], 7_419));
    let answers = Habit {
        both: true,
        from_type: RESP,
        to_type: RESP,
        ..ALL_DATA
    };
    let all = Habit {
        both: true,
        from_type: INIT,
        ..ALL_DATA
    };
    for (habit, is_first) in [(answers, true), (answers, false), (all, true), (all, false)] {
        let case = format!("{habit:?}, first: {is_first}");
        let mut pair = Pair::new(65);
        let (a, b) = (pair.a, pair.b);
        let mut called = [pair.address(b), nobody];
        if !is_first {
            called.reverse();
        }
        let mut racer = Racer::new(&mut pair, habit);
        let peer = pair.id(b);
        let connected = pair.command(a, |it, now| it.connect(peer, &called, now));
        connected.unwrap().unwrap();
        let start = pair.now();
        while pair.established(b, a) == 0 && pair.now() < start + secs(60) {
            racer.pass(&mut pair, ms(100));
        }
        assert!(pair.now() < start + secs(20), "{case}");
        let line = pair.talk(a, b).unwrap();
        racer.pass(&mut pair, LINE_TAKES);
        assert!(pair.has_seen(b, &line), "{case}");
        assert_talks_on(&mut pair, &mut racer, &case);
        assert_eq!(told(&pair, a).last(), Some(&pair.address(b)));
        racer.assert_bounded(&pair);
    }
}
