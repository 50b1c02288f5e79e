//! What happens when a deadline passes.

use tracing::{debug, info, trace};

use crate::proto::event::Event;
use crate::proto::peer::{Fate, Peer};
use crate::proto::shared::Shared;
use crate::proto::timer::Timer;
use crate::time::Instant;

impl Peer {
    /// A timer of this peer fired.
    pub(in crate::proto) fn on_timeout(
        &mut self,
        timer: Timer,
        shared: &mut Shared,
        now: Instant,
    ) -> Fate {
        match timer {
            Timer::Retry => self.on_retry(shared, now),
            Timer::Path => self.on_path_timeout(shared, now),
            Timer::Silence => {
                info!(peer = %self.label, "silence");
                if !core::mem::replace(&mut self.silent, true) {
                    shared.event(Event::Silent { peer: self.id });
                }
                self.start_handshake(shared, now);
            }
            Timer::Recovery => {
                if let Some(connection) = &mut self.connection {
                    connection.on_timeout(now);
                    // What was lost and is not said again wants no answer.
                    if !connection.awaits_ack() {
                        self.arm(Timer::Silence, None, shared);
                    }
                }
                self.set_dirty(shared);
            }
            Timer::Pace | Timer::Ack => {
                self.set_dirty(shared);
            }
            Timer::Ask => self.ask(shared, now),
            Timer::Keepalive => {
                self.keepalive_due = true;
                self.set_dirty(shared);
            }
            Timer::Shrink => {
                if let Some(connection) = &mut self.connection {
                    connection.shrink();
                }
            }
            Timer::Attempts => self.expire_attempts(shared, now),
            Timer::Erase => {
                for keypair in self.keys.take_expired(now) {
                    if self.is_known() {
                        debug!(peer = %self.label, epoch = keypair.epoch.0, "keypair erased");
                    } else {
                        trace!(peer = %self.label, "keypair erased");
                    }
                    shared.keys.remove(&keypair);
                }
                self.arm_erase(shared);
                if self.keys.current().is_none() {
                    // Whoever is silent for so long can do without what makes its next handshake quicker.
                    shared.local.forget(&self.id);
                    self.keys.shrink();
                    self.attempts.shrink();
                    if let Some(connection) = &mut self.connection {
                        connection.shrink();
                    }
                }
                self.give_up_unfinished(shared);
                // Whatever waits needs a new key now.
                self.set_dirty(shared);
            }
            Timer::Verification => self.on_verification_expired(shared),
            Timer::Guest => {
                let until = self.undecided_until().filter(|until| *until > now);
                if until.is_none() {
                    self.end(None, shared);
                    return Fate::Forget;
                }
                self.arm(Timer::Guest, until, shared);
            }
        }
        Fate::Stay
    }
}
