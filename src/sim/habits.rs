//! How the people and the programs on a simulated machine treat messages.

use core::time::Duration;

use crate::chat::{Client, MemoryOutbox, Policy, RejectReason};
use crate::chat::{Name, State};
use crate::chat::{OUTBOX_MAX_BYTES, OUTBOX_MAX_MESSAGES};
use crate::id::PeerId;
use crate::proto::limits::MESSAGE_MAX_LEN;
use crate::sim::rng::SimRng;
use crate::time::Instant;

/// What a node's program allows, and what its user does with a message that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habits {
    /// What is sent and accepted.
    pub policy: Policy,
    /// Whether its program announces the longest message that there may be, whatever its user takes, as an earlier one.
    pub announces_all: bool,
    /// Messages that may wait for one contact.
    pub outbox_messages: usize,
    /// Bytes of messages that may wait for one contact.
    pub outbox_bytes: usize,
    /// The longest that the user thinks before taking a message; at zero it is taken at once.
    pub thinks: Duration,
    /// Messages in a million that the user refuses.
    pub refuses_ppm: u32,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            announces_all: false,
            outbox_messages: OUTBOX_MAX_MESSAGES,
            outbox_bytes: OUTBOX_MAX_BYTES,
            thinks: Duration::ZERO,
            refuses_ppm: 0,
        }
    }
}

impl Habits {
    /// The longest message that is announced to peers.
    pub(super) const fn announced(&self) -> usize {
        if self.announces_all {
            MESSAGE_MAX_LEN
        } else {
            self.policy.largest
        }
    }

    pub(super) fn client(&self, seed: [u8; 32], now: Instant) -> Client {
        let outbox = MemoryOutbox::with_bounds(seed, self.outbox_messages, self.outbox_bytes);
        Client::new(self.policy, Box::new(outbox), seed, now)
    }

    /// When the user will have decided on what is shown `now`.
    pub(super) fn decision(&self, rng: &mut SimRng, now: Instant) -> (Instant, Decision) {
        let refuses = rng.chance(self.refuses_ppm);
        let decision = if refuses {
            Decision::Refuse
        } else {
            Decision::Take
        };
        let thinks = if self.thinks.is_zero() {
            Duration::ZERO
        } else {
            rng.up_to(self.thinks)
        };
        (now + thinks, decision)
    }
}

/// What a user does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Take,
    Refuse,
}

/// Something that happened to a message on a node.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    pub(super) at: Instant,
    pub(super) peer: PeerId,
    pub(super) name: Name,
    pub(super) what: What,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// The user was shown it; its place among the node's lines.
    Shown {
        line: usize,
        missing: u64,
    },
    Decided(Decision),
    TurnedAway(RejectReason),
    /// Our own message moved on.
    Moved(State),
}
