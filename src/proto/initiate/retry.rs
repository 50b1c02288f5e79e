//! A series of attempts, and its pace. Source: docs/protocol.md#attempts.

use core::time::Duration;

use crate::proto::limits::{
    RETRY_DELAYS, RETRY_FOR, RETRY_JITTER, RETRY_JITTER_PART, RETRY_SLOW, RETRY_SLOW_JITTER_PART,
};
use crate::proto::shared::Shared;
use crate::time::Instant;

/// A series of attempts.
#[derive(Clone, Copy, Debug)]
pub(in crate::proto) struct Retry {
    pub(super) since: Instant,
    /// When the next try is due.
    pub(super) due: Instant,
    pub(in crate::proto) tries: u32,
    /// The attempts of the series, the present one included, and which sending of that is at hand.
    pub(super) attempts: u32,
    pub(super) sending: u32,
    /// Whether it began anew because its timer was late.
    was_late: bool,
    /// How many series in a row, this one included, have begun while the peer was where nothing has proved it to be.
    astray: u8,
    /// Whether it goes on for nothing but to hold a mapping open.
    pub(super) holds_open: bool,
    /// Whether it began because keys were to be renewed while they still hold.
    pub(super) renews: bool,
    /// Whether the owner knows that nobody answers.
    pub(super) told: bool,
    /// Whether the owner knows of an answer under another psk.
    pub(in crate::proto) told_of_psk: bool,
}

impl Retry {
    pub(super) const fn new(since: Instant, astray: u8) -> Self {
        Self {
            since,
            due: since,
            tries: 0,
            attempts: 0,
            sending: 0,
            was_late: false,
            astray,
            holds_open: false,
            renews: false,
            told: false,
            told_of_psk: false,
        }
    }

    /// Begins anew if the timer is so late that the machine was asleep: its network may be there again only in a
    /// moment. Until the owner knows that nobody answers it does so once, so that it comes to its end however often
    /// timers are late.
    pub(super) fn wake(&mut self, now: Instant) {
        let is_late = now.saturating_since(self.due) > RETRY_SLOW;
        if is_late && (self.told || !self.was_late) {
            *self = Self {
                was_late: true,
                told: self.told,
                told_of_psk: self.told_of_psk,
                ..Self::new(now, self.astray)
            };
        }
    }

    /// Whether nobody has answered for so long that tries are rare.
    pub(super) fn is_slow(self, now: Instant) -> bool {
        now.saturating_since(self.since) >= RETRY_FOR
    }

    /// The wait after the try at hand, but for jitter; none if the next one is rare. What went to one address `alone`
    /// goes to all soon.
    pub(super) fn delay(self, alone: bool, now: Instant) -> Option<Duration> {
        let [first, .., last] = RETRY_DELAYS;
        if self.is_slow(now) {
            return alone.then_some(first);
        }
        let step = usize::try_from(self.tries.saturating_sub(1)).unwrap_or(usize::MAX);
        Some(RETRY_DELAYS.get(step).copied().unwrap_or(last))
    }

    /// Whether the sending at hand leaves from where the path does, and not from wherever the system chooses. They take
    /// turns, for the peer may wait for an address that is no longer one to leave from; and so do the first of each
    /// attempt, for the peer answers the one that it reads, and no other.
    pub(super) const fn follows_path(self) -> bool {
        (self.attempts + self.sending).is_multiple_of(2)
    }

    /// Whether the sending at hand is the first of all, and keys are renewed by it that still hold.
    pub(super) const fn begins_renewal(self) -> bool {
        self.renews && self.attempts == 1 && self.sending == 1 && self.astray == 0
    }

    /// Which address the sending at hand goes to alone, counted from the last: the first sending of each attempt but
    /// the first goes to one, in turn. The peer answers the one that it reads first, and that may come by a way which
    /// brings nothing back. So do those of a series that begins astray, another of each: only what went to one address
    /// proves one, whoever sends the answer on.
    pub(super) fn alone(self) -> Option<usize> {
        let turn = self.attempts.saturating_add(self.astray.into());
        let turn = usize::try_from(turn).ok().filter(|_| self.sending == 1);
        turn?.checked_sub(2)
    }
}

/// What a wait is longer by, at random.
pub(super) fn jitter(wait: Duration, shared: &mut Shared) -> Duration {
    shared.rng.up_to(RETRY_JITTER.min(wait / RETRY_JITTER_PART))
}

/// A wait of `slow` at most. Whoever calls many that are away calls each at a time of its own, and with no beat by which
/// he is known elsewhere.
pub(super) fn spread(slow: Duration, shared: &mut Shared) -> Duration {
    slow - shared.rng.up_to(slow / RETRY_SLOW_JITTER_PART)
}
