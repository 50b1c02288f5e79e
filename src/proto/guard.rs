//! Who may make us work: rates by source, load, cookies. It keeps nothing of a stranger but a rate.
//! Source: docs/protocol.md#cookies-and-load.

use core::net::SocketAddr;

use crate::crypto::{CookieKey, CookieSecret, verify_mac2};
use crate::id::PeerId;
use crate::proto::limit::{Source, Sources, TokenBucket};
use crate::proto::limits::{
    COOKIE_LIFE, LOAD_HOLD, LOAD_RATE, MAX_JOBS, MAX_SOURCES, PROVED_RATE, SOURCE_BURST,
    SOURCE_RATE,
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
    loaded_until: Instant,
}

impl Guard {
    pub(super) fn new(local: &PeerId, rng: &mut CoreRng, now: Instant) -> Self {
        Self {
            cookie_key: CookieKey::for_responder(local),
            secret: CookieSecret::generate(rng.as_crypto()),
            previous: None,
            rotated: now,
            unproved: Sources::new(SOURCE_RATE, SOURCE_BURST, MAX_SOURCES),
            proved: Sources::new(PROVED_RATE, PROVED_RATE, MAX_SOURCES),
            all: TokenBucket::new(LOAD_RATE, LOAD_RATE, now),
            loaded_until: Instant::ZERO,
        }
    }

    /// Judges a part whose mac1 is right; `waiting_jobs` is the length of the handshake queue.
    pub(super) fn judge(
        &mut self,
        from: SocketAddr,
        init: &Init<'_>,
        waiting_jobs: usize,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Verdict {
        self.rotate(rng, now);
        let proved = self.has_cookie(from, init);
        if init.part == Part::Second {
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
        Verdict::AskCookie(self.cookie_for(from, init, rng))
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

    /// Sources whose rates are kept.
    pub(super) fn sources(&self) -> usize {
        self.unproved.len() + self.proved.len()
    }
}
