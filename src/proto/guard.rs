//! Who may make us work: rates by source, load, cookies. It keeps nothing of a stranger but a rate.
//! Source: docs/protocol.md#cookies-and-load.

use core::net::SocketAddr;

use crate::crypto::{CookieKey, CookieSecret, verify_mac2};
use crate::id::PeerId;
use crate::proto::limit::{Rate, Source, Sources, TokenBucket};
use crate::proto::limits::{
    ALL_GUESTS_BURST, ALL_GUESTS_RATE, COOKIE_LIFE, GUEST_BURST, GUEST_RATE, LOAD_HOLD, LOAD_RATE,
    MAX_JOBS, MAX_SOURCES, PROVED_RATE, SOURCE_BURST, SOURCE_RATE,
};
use crate::proto::rng::CoreRng;
use crate::time::Instant;
use crate::wire::limits::MAC_LEN;
use crate::wire::packet::{Cookie, Init, Part};

/// What to do with an INIT part whose mac1 is right.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Take it into reassembly.
    Admit,
    /// Answer with this COOKIE datagram.
    AskCookie(Vec<u8>),
    /// Drop it.
    Drop,
}

#[derive(Debug)]
pub(super) struct Guard {
    cookie_key: CookieKey,
    secret: CookieSecret,
    previous: Option<CookieSecret>,
    rotated: Instant,
    unproved: Sources,
    proved: Sources,
    all: TokenBucket,
    /// Those who are shown to a person.
    guests: Sources,
    all_guests: TokenBucket,
    loaded_until: Instant,
}

impl Guard {
    pub(super) fn new(local: &PeerId, rng: &mut CoreRng, now: Instant) -> Self {
        Self {
            cookie_key: CookieKey::for_responder(local),
            secret: CookieSecret::generate(rng.as_crypto()),
            previous: None,
            rotated: now,
            unproved: Sources::new(Rate::per_second(SOURCE_RATE), SOURCE_BURST, MAX_SOURCES),
            proved: Sources::new(Rate::per_second(PROVED_RATE), PROVED_RATE, MAX_SOURCES),
            all: TokenBucket::new(Rate::per_second(LOAD_RATE), LOAD_RATE, now),
            guests: Sources::new(Rate::per_minute(GUEST_RATE), GUEST_BURST, MAX_SOURCES),
            all_guests: TokenBucket::new(Rate::per_minute(ALL_GUESTS_RATE), ALL_GUESTS_BURST, now),
            loaded_until: Instant::ZERO,
        }
    }

    /// Judges a part whose mac1 is right. `is_expected`: another part of its message was admitted, and it is not of one that
    /// has proved true, which if it is answered is so by itself.
    /// `waiting_jobs` is the length of the handshake queue.
    pub(super) fn judge(
        &mut self,
        from: SocketAddr,
        init: &Init<'_>,
        is_expected: bool,
        waiting_jobs: usize,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Verdict {
        self.rotate(rng, now);
        let proved = self.has_cookie(from, init);
        if init.part == Part::Second && is_expected {
            let admitted = proved || !self.is_loaded(waiting_jobs, now);
            return if admitted {
                Verdict::Admit
            } else {
                Verdict::Drop
            };
        }
        let source = Source::from(from.ip());
        if proved {
            let within = self.proved.take(source, rng, now);
            return if within {
                Verdict::Admit
            } else {
                Verdict::Drop
            };
        }
        if self.unproved.take(source, rng, now) {
            self.count(now);
            if !self.is_loaded(waiting_jobs, now) {
                return Verdict::Admit;
            }
        }
        match init.part {
            Part::First => Verdict::AskCookie(self.cookie_for(from, init, rng)),
            Part::Second => Verdict::Drop,
        }
    }

    fn has_cookie(&self, from: SocketAddr, init: &Init<'_>) -> bool {
        let parts = [init.mac1_input, init.mac1.as_slice()];
        if *init.mac2 == [0; MAC_LEN] {
            return false;
        }
        let secrets = [Some(&self.secret), self.previous.as_ref()];
        secrets
            .into_iter()
            .flatten()
            .any(|secret| verify_mac2(&secret.cookie(from), &parts, init.mac2))
    }

    /// Counts what a source within its own rate sends; more than that is the source's affair, and
    /// makes nobody else need a cookie.
    fn count(&mut self, now: Instant) {
        if !self.all.take(now) {
            self.loaded_until = now + LOAD_HOLD;
        }
    }

    fn is_loaded(&mut self, waiting_jobs: usize, now: Instant) -> bool {
        if waiting_jobs >= MAX_JOBS / 2 {
            self.loaded_until = now + LOAD_HOLD;
        }
        now < self.loaded_until
    }

    fn cookie_for(&self, from: SocketAddr, init: &Init<'_>, rng: &mut CoreRng) -> Vec<u8> {
        let nonce = rng.array();
        let sealed = self
            .cookie_key
            .seal(&nonce, &self.secret.cookie(from), init.mac1);
        Cookie {
            receiver: init.sender,
            nonce: &nonce,
            sealed: &sealed,
        }
        .encode()
    }

    fn rotate(&mut self, rng: &mut CoreRng, now: Instant) {
        let age = now.saturating_since(self.rotated);
        if age < COOKIE_LIFE {
            return;
        }
        let old = core::mem::replace(&mut self.secret, CookieSecret::generate(rng.as_crypto()));
        self.previous = (age < 2 * COOKIE_LIFE).then_some(old);
        self.rotated = now;
    }

    /// Whether a person may be asked about one more guest, who has proved that he is at `from`.
    pub(super) fn may_ask(&mut self, from: SocketAddr, rng: &mut CoreRng, now: Instant) -> bool {
        // From both or neither: what others use up costs nobody the calls that he has left.
        self.all_guests.has_one(now)
            && self.guests.take(Source::from(from.ip()), rng, now)
            && self.all_guests.take(now)
    }

    /// Sources whose rates are kept.
    pub(super) fn sources(&self) -> usize {
        self.unproved.len() + self.proved.len() + self.guests.len()
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::id::SessionIndex;
    use crate::wire::limits::{MESSAGE1_LEN, VERSION};
    use crate::wire::packet::{Packet, encode_init};

    const LOCAL: PeerId = PeerId::new([7; 32]);

    struct Door {
        guard: Guard,
        rng: CoreRng,
    }

    impl Door {
        fn new() -> Self {
            let mut rng = CoreRng::new([1; 32]);
            let guard = Guard::new(&LOCAL, &mut rng, at(0));
            Self { guard, rng }
        }

        /// A part comes while so many jobs wait.
        fn part(&mut self, part: Part, from: SocketAddr, jobs: usize, now: Instant) -> Verdict {
            let is_expected = part == Part::Second;
            self.judge(&halves(None), part, from, jobs, is_expected, now)
        }

        /// A first part that brings a cookie, or none.
        fn first(&mut self, from: SocketAddr, cookie: Option<&[u8; 16]>, now: Instant) -> Verdict {
            self.judge(&halves(cookie), Part::First, from, 0, false, now)
        }

        fn judge(
            &mut self,
            halves: &[Vec<u8>; 2],
            part: Part,
            from: SocketAddr,
            jobs: usize,
            is_expected: bool,
            now: Instant,
        ) -> Verdict {
            let [first, second] = halves;
            let half = if part == Part::First { first } else { second };
            let Ok(Packet::Init(init)) = Packet::parse(half) else {
                panic!("it is an INIT")
            };
            self.guard
                .judge(from, &init, is_expected, jobs, &mut self.rng, now)
        }

        /// Uses up what `from` may ask for, and gets a cookie.
        fn cookie(&mut self, from: SocketAddr, now: Instant) -> [u8; 16] {
            for _ in 0..SOURCE_BURST {
                assert_eq!(self.first(from, None, now), Verdict::Admit);
            }
            let Verdict::AskCookie(datagram) = self.first(from, None, now) else {
                panic!("the source is over its rate")
            };
            let Ok(Packet::Cookie(cookie)) = Packet::parse(&datagram) else {
                panic!("it is a COOKIE")
            };
            assert_eq!(cookie.receiver, SessionIndex(5));
            let key = CookieKey::for_responder(&LOCAL);
            key.open(cookie.nonce, cookie.sealed, &[9; MAC_LEN])
                .unwrap()
        }
    }

    /// The halves of an INIT; mac1 was checked before.
    fn halves(cookie: Option<&[u8; 16]>) -> [Vec<u8>; 2] {
        let mac2 =
            |it: &[u8]| cookie.map_or([0; MAC_LEN], |cookie| crate::crypto::mac2(cookie, &[it]));
        let index = SessionIndex(5);
        encode_init(VERSION, index, &[3; MESSAGE1_LEN], |_| [9; MAC_LEN], mac2)
    }

    const fn at(ms: u64) -> Instant {
        Instant::from_micros(1_000_000_000 + ms * 1_000)
    }

    fn host(host: u8) -> SocketAddr {
        SocketAddr::from(([198, 51, 100, host], 7_419))
    }

    fn is_asked(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::AskCookie(_))
    }

    /// As many first parts, each of a host of its own, as bring the door under load.
    fn crowd(door: &mut Door, now: Instant) {
        for n in 0..LOAD_RATE {
            let from = SocketAddr::from(([203, 0, 113, u8::try_from(n).unwrap()], 1));
            assert_eq!(door.first(from, None, now), Verdict::Admit);
        }
    }

    #[test]
    fn a_source_over_its_rate_is_asked_for_a_cookie_and_others_are_not() {
        let mut door = Door::new();
        door.cookie(host(1), at(0));
        assert_eq!(door.first(host(2), None, at(0)), Verdict::Admit);
        let second = door.part(Part::Second, host(1), 0, at(0));
        assert_eq!(second, Verdict::Admit, "only first parts count");
        let a_token = 1_000 / u64::from(SOURCE_RATE);
        assert_eq!(door.first(host(1), None, at(a_token)), Verdict::Admit);
        assert!(is_asked(&door.first(host(1), None, at(a_token))));
    }

    #[test]
    fn second_parts_before_their_first_are_under_the_rate_of_first_parts() {
        let mut door = Door::new();
        let mut second = || door.judge(&halves(None), Part::Second, host(1), 0, false, at(0));
        for _ in 0..SOURCE_BURST {
            assert_eq!(second(), Verdict::Admit);
        }
        assert_eq!(second(), Verdict::Drop, "no cookie answers it");
        assert!(is_asked(&door.first(host(1), None, at(0))));
        let cookie = door.cookie(host(2), at(0));
        let proved = door.judge(
            &halves(Some(&cookie)),
            Part::Second,
            host(2),
            0,
            false,
            at(0),
        );
        assert_eq!(proved, Verdict::Admit);
    }

    #[test]
    fn a_cookie_holds_for_its_address_and_port_until_its_secret_is_the_last_but_one() {
        let mut door = Door::new();
        let cookie = door.cookie(host(1), at(0));
        let life = u64::try_from(COOKIE_LIFE.as_millis()).unwrap();
        let mut other_port = host(1);
        other_port.set_port(1);
        for now in [at(1), at(life - 1), at(life), at(2 * life - 1)] {
            // Others keep the rates used up.
            while !is_asked(&door.first(host(1), None, now)) {}
            assert_eq!(door.first(host(1), Some(&cookie), now), Verdict::Admit);
            assert!(is_asked(&door.first(other_port, Some(&cookie), now)));
            let mut wrong = cookie;
            wrong[0] ^= 1;
            assert!(is_asked(&door.first(host(1), Some(&wrong), now)));
        }
        let now = at(2 * life);
        while !is_asked(&door.first(host(1), None, now)) {}
        assert!(is_asked(&door.first(host(1), Some(&cookie), now)));
    }

    #[test]
    fn after_a_long_silence_no_old_cookie_holds() {
        let life = u64::try_from(COOKIE_LIFE.as_millis()).unwrap();
        for (pause, holds) in [(2 * life - 1, true), (2 * life, false)] {
            let mut door = Door::new();
            let cookie = door.cookie(host(1), at(0));
            while !is_asked(&door.first(host(1), None, at(pause))) {}
            let verdict = door.first(host(1), Some(&cookie), at(pause));
            assert_eq!(verdict == Verdict::Admit, holds, "after {pause} ms");
        }
    }

    #[test]
    fn a_proved_source_has_a_rate_of_its_own() {
        let mut door = Door::new();
        let cookie = door.cookie(host(1), at(0));
        for _ in 0..PROVED_RATE {
            assert_eq!(door.first(host(1), Some(&cookie), at(0)), Verdict::Admit);
        }
        assert_eq!(door.first(host(1), Some(&cookie), at(0)), Verdict::Drop);
        assert_eq!(door.guard.sources(), 2);
    }

    #[test]
    fn under_load_everybody_is_asked_and_second_parts_without_a_cookie_are_dropped() {
        let mut door = Door::new();
        let cookie = door.cookie(host(1), at(0));
        crowd(&mut door, at(1_000));
        assert!(is_asked(&door.first(host(2), None, at(1_000))));
        let hold = u64::try_from(LOAD_HOLD.as_millis()).unwrap();
        let loaded = at(1_000 + hold - 1);
        let without = door.part(Part::Second, host(2), 0, loaded);
        assert_eq!(without, Verdict::Drop);
        let with = door.judge(
            &halves(Some(&cookie)),
            Part::Second,
            host(1),
            0,
            true,
            loaded,
        );
        assert_eq!(with, Verdict::Admit);
        assert_eq!(door.first(host(1), Some(&cookie), loaded), Verdict::Admit);
        let over = door.part(Part::Second, host(2), 0, at(1_000 + hold));
        assert_eq!(over, Verdict::Admit);
        assert_eq!(door.first(host(2), None, at(1_000 + hold)), Verdict::Admit);
    }

    #[test]
    fn who_is_over_his_own_rate_makes_nobody_else_prove_anything() {
        let mut door = Door::new();
        for _ in 0..3 * LOAD_RATE {
            door.first(host(1), None, at(0));
        }
        assert_eq!(door.first(host(2), None, at(0)), Verdict::Admit);
    }

    #[test]
    fn half_a_queue_is_load_too() {
        let mut door = Door::new();
        let jobs = MAX_JOBS / 2;
        let below = door.part(Part::First, host(1), jobs - 1, at(0));
        assert_eq!(below, Verdict::Admit);
        assert!(is_asked(&door.part(Part::First, host(2), jobs, at(0))));
        let hold = LOAD_HOLD - Duration::from_micros(1);
        let held = door.part(Part::Second, host(2), 0, at(0) + hold);
        assert_eq!(held, Verdict::Drop, "load does not flicker");
        let over = door.part(Part::Second, host(2), 0, at(0) + LOAD_HOLD);
        assert_eq!(over, Verdict::Admit);
    }

    #[test]
    fn what_others_use_up_costs_nobody_the_calls_he_has_left() {
        let mut door = Door::new();
        let mut may_ask = |n: u32, now| {
            let from = SocketAddr::from((n.to_be_bytes(), 1));
            door.guard.may_ask(from, &mut door.rng, now)
        };
        let others = 0x0a00_0000;
        assert!((0..ALL_GUESTS_BURST).all(|n| may_ask(others + n, at(0))));
        let honest = 0x0b00_0000;
        assert!((0..2 * GUEST_BURST).all(|_| !may_ask(honest, at(0))));
        // As soon as there is room for everybody, he has all of his.
        let minutes = u64::from(GUEST_BURST.div_ceil(ALL_GUESTS_RATE));
        assert!((0..GUEST_BURST).all(|_| may_ask(honest, at(minutes * 60_000))));
    }
}
