//! What this run knows about the session with a peer.

use std::time::Duration;

use crate::cli::talk::conversation::quality::Told;
use crate::proto::limits::GUEST_LIFE;
use crate::text::Safe;
use crate::time::{Instant, UnixTime};

/// As far as it is not the core's.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// Whether there has ever been one.
    pub(super) has_stood: bool,
    /// Since when it stands; none if it does not.
    pub(super) since: Option<UnixTime>,
    /// Nothing is heard.
    pub(super) is_silent: bool,
    /// Nothing was heard for so long that it counts as over, unless it is heard again.
    pub(super) is_unreachable: bool,
    /// People have been told that nobody answers, and have not asked since: nothing more is told of calls in vain.
    pub(super) is_known_away: bool,
    /// It is called since this machine may be elsewhere, and only gets new keys, until nobody has answered for long: no more
    /// is told of that than when a message has it called.
    pub(super) is_called_quietly: bool,
    /// This machine has another address, and nothing that left since has been acknowledged.
    pub(super) has_new_address: bool,
    /// It said goodbye.
    pub(super) has_left: bool,
    /// It has said that it wants nothing of us.
    pub(super) wants_nothing: bool,
    /// When it did so, being asked about us: for [`GUEST_LIFE`] it is not asked again about this run.
    pub(super) said_no: Option<Instant>,
    /// It showed another signing key than before.
    pub(super) has_another_key: bool,
    /// Why the last one ended, or none came about.
    pub(super) why: Option<Safe>,
    /// That the last look-up of its address found none, and why.
    pub(super) not_found: Option<Safe>,
    /// Our person has confirmed on it who that is, and there was no saved name to note that with.
    pub(super) is_confirmed: bool,
    /// What was told about how good it is.
    pub(super) told: Told,
}

impl Link {
    /// The session does not stand any more, so that there is nothing to hear from.
    pub(super) fn fall(&mut self) {
        (self.since, self.is_silent) = (None, false);
        (self.is_unreachable, self.is_known_away) = (false, false);
        self.is_called_quietly = false;
    }

    /// How long its program refuses us without asking, because its user has said no.
    pub(super) fn is_refused_for(&self, now: Instant) -> Option<Duration> {
        let passed = now.saturating_since(self.said_no?);
        Some(GUEST_LIFE.saturating_sub(passed))
    }

    /// Whether the session is not over, be it silent or at rest.
    pub(super) const fn lasts(&self) -> bool {
        self.since.is_some() && !self.is_unreachable
    }
}
