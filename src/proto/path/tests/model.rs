//! Random events, held against what a bystander counts.

use std::collections::BTreeMap;

use super::*;
use crate::proto::rng::CoreRng;

/// What a bystander counts.
struct Model {
    current: SocketAddr,
    proved: SocketAddr,
    /// Bytes from and to each address while it was not proved.
    received: BTreeMap<SocketAddr, usize>,
    sent: BTreeMap<SocketAddr, usize>,
    /// Challenges under way: which address they prove.
    tokens: BTreeMap<Token, SocketAddr>,
}

impl Model {
    fn on_change(&mut self, path: &PathState, change: Option<Change>, cause: SocketAddr) {
        match change {
            None => assert_eq!(path.address(), self.current),
            Some(Change::Moved) => self.current = cause,
            Some(Change::Proved { .. }) => {
                self.current = path.address();
                self.proved = self.current;
            }
            Some(Change::Returned { .. }) => self.current = path.address(),
        }
        assert_eq!(path.address(), self.current);
    }

    fn on_sent(
        &mut self,
        path: &mut PathState,
        to: SocketAddr,
        size: usize,
        old: Option<SocketAddr>,
    ) {
        let is_free = to == self.current && path.allowance().is_none() || Some(to) == old;
        path.on_sent(to, size);
        if is_free {
            return;
        }
        *self.sent.entry(to).or_default() += size;
        assert!(self.sent[&to] <= 3 * self.received.get(&to).copied().unwrap_or(0));
    }
}

#[test]
fn whatever_happens_the_limit_holds_and_time_goes_on() {
    let late: usize = (0..100).map(run_against_model).sum();
    assert!(late > 20, "{late} late answers");
}

/// Returns how many addresses were proved after the path had returned from them.
fn run_against_model(seed: u8) -> usize {
    let mut rng = CoreRng::new([seed; 32]);
    let mut path = PathState::proved(old());
    let mut now = at(0);
    let mut model = Model {
        current: old(),
        proved: old(),
        received: BTreeMap::new(),
        sent: BTreeMap::new(),
        tokens: BTreeMap::new(),
    };
    println!("seed {seed}");
    let mut late = 0;
    for _ in 0..2_000 {
        now = now + rng.up_to(Duration::from_millis(400));
        match rng.below(5) {
            0 | 1 => {
                let from = host_no(u8::try_from(1 + rng.below(5)).unwrap());
                let len = SMALL + rng.below(FULL - SMALL + 1);
                *model.received.entry(from).or_default() += len;
                let newest = rng.below(3) == 0;
                let change = path.on_packet(from, len, newest, PTO, now);
                model.on_change(&path, change, from);
                if rng.below(3) == 0 {
                    path.on_challenge(rng.array());
                }
            }
            2 => {
                let Some((token, target)) = model.tokens.pop_first() else {
                    continue;
                };
                let change = path.on_response(token, now);
                late += usize::from(change.is_some() && target != model.current);
                assert!(change.is_none() || target == path.address(), "seed {seed}");
                model.on_change(&path, change, target);
            }
            3 => {
                let change = path.on_timeout(now);
                let proved = model.proved;
                model.on_change(&path, change, proved);
                assert!(path.timeout().is_none_or(|due| due > now), "spins");
            }
            _ => {
                let size = path.datagram_limit(MTU);
                if size > 0 {
                    let to = path.address();
                    model.on_sent(&mut path, to, size, None);
                }
            }
        }
        let old = path.old_address();
        while let Some(answer) = path.poll_response() {
            model.on_sent(&mut path, answer.to, answer.size, old);
        }
        while path.is_challenge_due() {
            let probe = path.poll_challenge(rng.array()).unwrap();
            let kept = path.kept.as_ref().map(|kept| kept.address);
            assert!(probe.to == path.address() || [old, kept].contains(&Some(probe.to)));
            model.tokens.insert(probe.token, probe.to);
            model.on_sent(&mut path, probe.to, probe.size, old);
        }
        assert!(path.responses.len() <= MAX_PATH_RESPONSES);
        assert!(path.proving.is_none() || path.kept.is_none());
    }
    late
}
