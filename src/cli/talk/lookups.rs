//! When the host of the one that a program is after is looked up: at the start, and again while that one is wanted and
//! not there. The system's resolver does it on a thread of its own, and may never come back.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::cli::talk::network::Input;
use crate::net::{Family, Host, ResolveError};
use crate::time::Instant;

/// How long after a look-up that found nothing the next one comes, by how many in a row found nothing.
const AFTER_FAILURE: [Duration; 6] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// How long after one that found addresses at which nobody has answered yet: the host may have another one by now.
const AFTER_SUCCESS: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(60)];

/// When a look-up that has not come back is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Look-ups that are under way, each a thread that cannot be ended: beside so many no other is made.
const MAX_UNDER_WAY: usize = 3;

/// A look-up that is to be made now.
#[derive(Debug)]
pub(super) struct LookUp {
    host: Host,
    family: Family,
}

impl LookUp {
    /// Makes it, without waiting. What it finds comes as [`Input::Resolved`].
    pub(super) fn start(self, inputs: &Sender<Input>) {
        let inputs = inputs.clone();
        self.host.resolve(self.family, move |found| {
            // Nobody may wait for it any more.
            let _ = inputs.send(Input::Resolved(found));
        });
    }
}

/// The look-ups of one host.
#[derive(Debug)]
pub(super) struct LookUps {
    host: Host,
    family: Family,
    /// When to make the next.
    due: Option<Instant>,
    /// When the one that is under way is given up.
    given_up: Option<Instant>,
    /// How many have not come back, with those that were given up.
    under_way: usize,
    /// How many in a row came to the same.
    row: usize,
    /// Why the last one found nothing.
    failure: Option<ResolveError>,
}

impl LookUps {
    /// The first is made now.
    pub(super) const fn new(host: Host, family: Family, now: Instant) -> Self {
        Self {
            host,
            family,
            due: Some(now),
            given_up: None,
            under_way: 0,
            row: 0,
            failure: None,
        }
    }

    /// Why the last one found nothing, if it did.
    pub(super) const fn failure(&self) -> Option<ResolveError> {
        self.failure
    }

    /// When the next is due: not while one is under way, until that is given up, nor beside too many of which none comes back.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
            .filter(|_| self.under_way < MAX_UNDER_WAY)
            .map(|due| self.given_up.map_or(due, |end| due.max(end)))
    }

    /// Whether one is under way.
    pub(super) const fn is_under_way(&self) -> bool {
        self.given_up.is_some()
    }

    /// Whether another is wanted.
    pub(super) const fn are_wanted(&self) -> bool {
        self.due.is_some()
    }

    /// The one that is due. `repeats`: others follow, should it not come back.
    pub(super) fn take(&mut self, repeats: bool, now: Instant) -> Option<LookUp> {
        self.due().filter(|due| *due <= now)?;
        self.due = (repeats && self.is_name()).then_some(now);
        self.given_up = Some(now + PATIENCE);
        self.under_way += 1;
        Some(LookUp {
            host: self.host.clone(),
            family: self.family,
        })
    }

    /// Notes what one came to; whether another can come to more. `repeats`: it is made, unless what it would find is not
    /// wanted any more by then.
    pub(super) fn on_end(
        &mut self,
        found: &Result<Vec<SocketAddr>, ResolveError>,
        repeats: bool,
        now: Instant,
    ) -> bool {
        self.given_up = None;
        self.under_way = self.under_way.saturating_sub(1);
        let failure = found.as_ref().err().copied();
        if failure.is_some() != self.failure.is_some() {
            self.row = 0;
        }
        self.failure = failure;
        let can_repeat = repeats && self.is_name();
        if can_repeat {
            self.plan(now);
        }
        can_repeat
    }

    /// Whoever was found is not there any more, or was not yet.
    pub(super) fn want(&mut self, now: Instant) {
        if self.is_name() && self.due.is_none() {
            self.row = 0;
            self.plan(now);
        }
    }

    /// Nothing is to be found any more.
    pub(super) const fn rest(&mut self) {
        self.due = None;
    }

    /// The network is another one: what is to be made later is made now. One that is under way goes on, and should it
    /// find nothing, the next comes soon.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Some(due) = &mut self.due {
            *due = now.min(*due);
            self.row = 0;
        }
    }

    fn plan(&mut self, now: Instant) {
        let pauses: &[Duration] = match self.failure {
            Some(_) => &AFTER_FAILURE,
            None => &AFTER_SUCCESS,
        };
        let pause = pauses.get(self.row).or_else(|| pauses.last());
        self.row = self.row.saturating_add(1);
        self.due = pause.map(|pause| now + *pause);
    }

    const fn is_name(&self) -> bool {
        matches!(self.host, Host::Name { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn of(host: &str) -> LookUps {
        let host = Host::parse(host, None).unwrap();
        LookUps::new(host, Family::Any, at(0))
    }

    /// Serves them up to `end`: each comes at once to `found`. Says when they were made.
    fn made(look_ups: &mut LookUps, found: &Result<Vec<SocketAddr>, ResolveError>) -> Vec<u64> {
        let mut made = Vec::new();
        for second in 0..=200 {
            if look_ups.take(true, at(second)).is_some() {
                made.push(second);
                assert!(look_ups.on_end(found, true, at(second)));
            }
        }
        made
    }

    #[test]
    fn a_name_is_looked_up_again_more_and_more_slowly() {
        let found = Ok(vec!["192.0.2.7:9".parse().unwrap()]);
        let failed = Err(ResolveError::Temporary);
        let name = "chat.example.org:9";
        assert_eq!(made(&mut of(name), &found), [0, 30, 90, 150]);
        let times = [0, 1, 3, 8, 18, 48, 108, 168];
        assert_eq!(made(&mut of(name), &failed), times);
    }

    #[test]
    fn an_address_is_looked_up_once() {
        let mut look_ups = of("192.0.2.7:9");
        assert!(look_ups.take(true, at(0)).is_some());
        assert!(!look_ups.on_end(&Err(ResolveError::NoAddress), true, at(0)));
        look_ups.want(at(1));
        assert_eq!(look_ups.due(), None);
    }

    #[test]
    fn a_look_up_that_does_not_come_back_is_made_again() {
        let mut look_ups = of("chat.example.org:9");
        assert!(look_ups.take(true, at(0)).is_some());
        assert!(look_ups.take(true, at(59)).is_none());
        assert!(look_ups.take(true, at(60)).is_some());
        assert!(look_ups.take(false, at(120)).is_some());
        assert_eq!(look_ups.due(), None, "nobody wants another");
    }

    #[test]
    fn of_look_ups_that_do_not_come_back_three_are_made_until_one_is_back() {
        let mut look_ups = of("chat.example.org:9");
        let made = |look_ups: &mut LookUps, from: u64| {
            let times = (from..from + 1_000).filter(|it| look_ups.take(true, at(*it)).is_some());
            times.collect::<Vec<_>>()
        };
        assert_eq!(made(&mut look_ups, 0), [0, 60, 120]);
        assert_eq!(look_ups.due(), None, "nothing wakes the loop for it");
        look_ups.hurry(at(1_000));
        assert!(made(&mut look_ups, 1_000).is_empty());
        look_ups.on_end(&Err(ResolveError::Temporary), true, at(2_000));
        assert_eq!(made(&mut look_ups, 2_000), [2_001]);
    }

    #[test]
    fn in_another_network_a_name_is_looked_up_at_once() {
        let mut look_ups = of("chat.example.org:9");
        look_ups.take(true, at(0));
        look_ups.on_end(&Err(ResolveError::Temporary), true, at(0));
        look_ups.hurry(at(0));
        assert!(look_ups.take(true, at(0)).is_some());
        look_ups.rest();
        look_ups.hurry(at(0));
        assert!(look_ups.take(true, at(500)).is_none());
    }

    #[test]
    fn in_another_network_none_is_made_beside_one_that_is_under_way() {
        let failed = Err(ResolveError::Temporary);
        let mut look_ups = of("chat.example.org:9");
        made(&mut look_ups, &failed);
        assert!(look_ups.take(true, at(300)).is_some());
        look_ups.hurry(at(310));
        assert_eq!(look_ups.due(), Some(at(360)), "its patience is what it was");
        assert!(look_ups.take(true, at(359)).is_none());
        // It asked in the network that was.
        look_ups.on_end(&failed, true, at(320));
        assert_eq!(look_ups.due(), Some(at(321)));
    }

    #[test]
    fn who_leaves_and_comes_while_one_is_under_way_has_no_other_made() {
        let mut look_ups = of("chat.example.org:9");
        assert!(look_ups.take(true, at(0)).is_some());
        look_ups.rest();
        look_ups.want(at(1));
        assert!(look_ups.take(true, at(59)).is_none());
        assert!(look_ups.take(true, at(60)).is_some());
    }
}
