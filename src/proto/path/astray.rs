//! A path that nothing has proved and from which there is none to return to: perhaps somebody sends answers to our calls on, and
//! has them come first.

use core::time::Duration;

use crate::proto::path::proving::Proving;
use crate::proto::path::{Change, PathState};
use crate::proto::route::Route;
use crate::time::Instant;

impl PathState {
    /// Whether nothing says where the peer is but what somebody else can have sent on.
    pub(crate) fn is_astray(&self) -> bool {
        self.is_presumed || self.last_proved().is_none()
    }

    /// The answer to a call that went to this address alone came from elsewhere, and where the path is astray: this one is
    /// challenged, and what to return to.
    pub(crate) fn presume(&mut self, called: Route, pto: Duration, now: Instant) -> Option<Change> {
        self.leave();
        (self.address, self.local) = (called.peer, called.local);
        self.kept = None;
        self.proving = Some(Box::new(Proving::new(0, pto, now)));
        self.half_prove(now).inspect(|_| self.is_presumed = true)
    }
}
