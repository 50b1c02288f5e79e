//! Loss detection and congestion control of one connection: what arrived, what is lost, when to ask
//! again, and whether more may leave. Source: RFC 9002, whose sections are cited; docs/protocol.md.
//!
//! 1. Before a packet of data the owner asks [`Recovery::may_send`]; after it, it reports
//!    [`Recovery::on_sent`], or [`Recovery::on_app_limited`] when there was nothing to send.
//! 2. An ACK goes to [`Recovery::on_ack`], which hands back what the packets carried.
//! 3. At [`Recovery::timeout`] comes [`Recovery::on_timeout`]: losses, or probes to send.

mod bbr;
mod controller;
mod fates;
mod flight;
mod newreno;
mod numbers;
mod pacer;
mod rate;
mod rtt;

#[cfg(test)]
mod tests;

use core::time::Duration;

use thiserror::Error;

use crate::id::PacketNumber;
use crate::proto::config::Congestion;
use crate::proto::event::Loss;
use crate::proto::limits::{MAX_PTO, PERSISTENT_CONGESTION};
use crate::proto::recovery::bbr::Bbr;
use crate::proto::recovery::flight::{Flight, LostRun, Role, Sent};
use crate::proto::recovery::newreno::NewReno;
use crate::proto::recovery::numbers::Numbers;
use crate::proto::recovery::pacer::{Pace, Pacer};
use crate::proto::recovery::rate::Sampler;
use crate::proto::recovery::rtt::Rtt;
use crate::time::Instant;
use crate::wire::frame::Ack;

pub(crate) use controller::Controller;
pub(crate) use rtt::RttEstimate;

/// Packets that a PTO asks for: one alone is lost too easily (RFC 9002 §6.2.4).
const PROBES: u8 = 2;

/// What an acknowledgement changed: each record is handed back once, here or as lost on a timeout.
///
/// Whoever takes acknowledgements in keeps one and uses its memory again.
#[derive(Debug)]
pub(crate) struct Progress<R> {
    acked: Vec<(u64, Sent<R>)>,
    lost: Vec<Sent<R>>,
}

impl<R> Default for Progress<R> {
    fn default() -> Self {
        let (acked, lost) = (Vec::new(), Vec::new());
        Self { acked, lost }
    }
}

impl<R> Progress<R> {
    /// What newly acknowledged packets carried, from the highest number down.
    pub(crate) fn acked(&self) -> impl DoubleEndedIterator<Item = &R> {
        self.acked.iter().map(|(_, sent)| &sent.record)
    }

    /// As [`Progress::acked`], for good.
    pub(crate) fn take_acked(&mut self) -> impl Iterator<Item = R> {
        self.acked.drain(..).map(|(_, sent)| sent.record)
    }

    /// What lost packets carried, from the lowest number up, for good.
    pub(crate) fn take_lost(&mut self) -> impl Iterator<Item = R> {
        self.lost.drain(..).map(|sent| sent.record)
    }
}

/// What to do after a timeout.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TimeoutOutcome<R> {
    /// What lost packets carried, from the lowest number up.
    pub(crate) lost: Vec<R>,
    /// Ack-eliciting packets to send now without asking [`Recovery::may_send`] (RFC 9002 §7.5).
    pub(crate) probes: u8,
}

/// Whether a packet may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permit {
    /// At once.
    Now,
    /// At that time, for the sake of pacing.
    At(Instant),
    /// When something is acknowledged or lost.
    Blocked,
}

/// The peer acknowledged what it cannot have received (RFC 9000 §13.1, §21.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum AckViolation {
    /// A number beyond those sent.
    #[error("acknowledged a packet that was never sent")]
    NeverSent,
    /// A number left out on purpose.
    #[error("acknowledged a packet number that was skipped")]
    Skipped,
}

/// What is in flight on a connection, and what may follow. `R`: what a packet carried.
#[derive(Debug)]
pub(crate) struct Recovery<R> {
    numbers: Numbers,
    flight: Flight<R>,
    lost_run: LostRun,
    rtt: Rtt,
    controller: Box<dyn Controller>,
    pacer: Pacer,
    sampler: Sampler,
    /// PTOs in a row.
    backoff: u32,
    /// When the PTO began to run: at the last ack-eliciting packet or the last PTO.
    pto_from: Instant,
    app_limited: bool,
    max_datagram: usize,
    /// When something was newly acknowledged last.
    acked_at: Option<Instant>,
}

/// The controller of that kind for datagrams of at most `max_datagram` bytes. `seed` is for its jitter.
pub(crate) fn controller(
    kind: Congestion,
    max_datagram: usize,
    seed: [u8; 32],
    now: Instant,
) -> Box<dyn Controller> {
    match kind {
        Congestion::Bbr => Box::new(Bbr::new(max_datagram, seed, now)),
        Congestion::NewReno => Box::new(NewReno::new(max_datagram)),
    }
}

impl<R> Recovery<R> {
    /// Starts with nothing in flight. `max_datagram`: bytes of the largest datagram on the path.
    pub(crate) fn new(controller: Box<dyn Controller>, max_datagram: usize, now: Instant) -> Self {
        Self {
            numbers: Numbers::default(),
            flight: Flight::new(),
            lost_run: LostRun::default(),
            rtt: Rtt::new(),
            controller,
            pacer: Pacer::new(now),
            sampler: Sampler::new(now),
            backoff: 0,
            pto_from: now,
            app_limited: false,
            max_datagram,
            acked_at: None,
        }
    }

    /// A packet of `bytes` leaves. Numbers rise by one, each sent or skipped. A packet that is not
    /// `eliciting` is not in flight, and its record is dropped.
    ///
    /// Returns the oldest record when there are too many; it counts as lost. That happens only to
    /// those who do not ask [`Recovery::may_send`].
    #[must_use]
    pub(crate) fn on_sent(
        &mut self,
        number: PacketNumber,
        bytes: usize,
        eliciting: bool,
        record: R,
        now: Instant,
    ) -> Option<R> {
        if eliciting {
            return self.track(number, bytes, Role::Ordinary, record, now);
        }
        self.numbers.on_sent(number);
        None
    }

    /// As [`Recovery::on_sent`], for an ack-eliciting packet that tries a larger MTU: its loss is no
    /// sign of congestion (RFC 9000 §14.4).
    #[must_use]
    pub(crate) fn on_mtu_probe_sent(
        &mut self,
        number: PacketNumber,
        bytes: usize,
        record: R,
        now: Instant,
    ) -> Option<R> {
        self.track(number, bytes, Role::MtuProbe, record, now)
    }

    /// `number` is never sent: whoever acknowledges it is lying (RFC 9000 §21.4).
    pub(crate) fn skip(&mut self, number: PacketNumber) {
        self.numbers.skip(number);
    }

    /// Whether `ack` names only packets that were sent; for checking a packet whole before any of it
    /// takes effect.
    ///
    /// # Errors
    /// [`AckViolation`] for the first number that was not.
    pub(crate) fn check(&self, ack: &Ack) -> Result<(), AckViolation> {
        self.numbers.check(ack)
    }

    /// Takes an acknowledgement in (RFC 9002 §A.7), and says in `progress` what it changed. One of a
    /// packet already lost is ignored: its content was sent again.
    ///
    /// # Errors
    /// [`AckViolation`] as [`Recovery::check`]; then nothing changes.
    pub(crate) fn on_ack(
        &mut self,
        ack: &Ack,
        now: Instant,
        progress: &mut Progress<R>,
    ) -> Result<(), AckViolation> {
        let Progress { acked, lost } = progress;
        acked.clear();
        lost.clear();
        self.numbers.check(ack)?;
        self.flight.take_acked(ack, acked);
        self.sample_rtt(ack, acked.first(), now);
        let newly_acked = self.count_acked(acked);
        self.detect_lost(now, lost);
        if !acked.is_empty() {
            self.backoff = 0;
            self.acked_at = Some(now);
        }
        self.tell_acked(acked, newly_acked, now);
        Ok(())
    }

    /// When to call [`Recovery::on_timeout`]. The PTO does not run beside the loss timer (RFC 9002
    /// §6.2.1), nor with nothing in flight.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        if self.flight.is_empty() {
            return None;
        }
        let loss = self.flight.loss_time(self.rtt.loss_delay());
        Some(loss.unwrap_or_else(|| self.pto_from + self.backed_off_pto()))
    }

    /// Declares losses or asks for probes if that is due (RFC 9002 §A.9); otherwise nothing.
    pub(crate) fn on_timeout(&mut self, now: Instant) -> TimeoutOutcome<R> {
        let mut lost = Vec::new();
        self.detect_lost(now, &mut lost);
        let pto = lost.is_empty() && self.timeout().is_some_and(|due| due <= now);
        if pto {
            self.backoff = self.backoff.saturating_add(1);
            self.pto_from = now;
        }
        let probes = if pto { PROBES } else { 0 };
        let lost = lost.into_iter().map(|sent| sent.record).collect();
        TimeoutOutcome { lost, probes }
    }

    /// Whether a packet of `bytes` may leave. Packets of acknowledgements alone and probes after a
    /// PTO do not ask.
    #[must_use]
    pub(crate) fn may_send(&self, bytes: usize, now: Instant) -> Permit {
        let room = self.controller.window().saturating_sub(self.flight.bytes());
        if bytes > room || self.flight.is_full() {
            return Permit::Blocked;
        }
        let at = self.pacer.ready_at(bytes, self.pace(), now);
        if at > now {
            Permit::At(at)
        } else {
            Permit::Now
        }
    }

    /// Whether the packets of a transfer had better be acknowledged one by one.
    pub(crate) fn wants_prompt_acks(&self) -> bool {
        self.controller.wants_prompt_acks()
    }

    /// There is nothing more to send, by want of data or of the peer's credit: if the window has
    /// room, acknowledgements do not enlarge it until the next packet leaves (RFC 9002 §7.8).
    pub(crate) fn on_app_limited(&mut self) {
        let room = self.controller.window().saturating_sub(self.flight.bytes());
        self.app_limited = room >= self.max_datagram;
        if self.app_limited {
            self.sampler.on_app_limited(self.flight.bytes());
        }
    }

    /// The path is another one: RTT, window and pace start anew (RFC 9000 §9.4). What is in flight is
    /// still acknowledged or lost, but says nothing about the path.
    pub(crate) fn on_path_change(&mut self, max_datagram: usize, now: Instant) {
        self.flight.on_path_change();
        self.rtt = Rtt::new();
        self.controller.restart(max_datagram, now);
        self.pacer = Pacer::new(now);
        self.sampler = Sampler::new(now);
        self.backoff = 0;
        self.pto_from = now;
        self.max_datagram = max_datagram;
    }

    /// The path carries datagrams of another size than was known.
    pub(crate) fn set_max_datagram(&mut self, max_datagram: usize) {
        self.controller.set_max_datagram(max_datagram);
        self.max_datagram = max_datagram;
    }

    /// The probe timeout without backoff (RFC 9002 §6.2.1).
    #[must_use]
    pub(crate) fn pto(&self) -> Duration {
        self.rtt.pto()
    }

    /// The round-trip time, once there is a sample.
    #[must_use]
    pub(crate) fn rtt(&self) -> Option<RttEstimate> {
        self.rtt.first_sample().map(|_| self.rtt.estimate())
    }

    /// Bytes in flight on the present path.
    #[cfg(test)]
    #[must_use]
    pub(crate) const fn in_flight(&self) -> usize {
        self.flight.bytes()
    }

    /// Bytes that may be in flight.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn window(&self) -> usize {
        self.controller.window()
    }

    /// Whether an ack-eliciting packet is neither acknowledged nor lost.
    #[must_use]
    pub(crate) fn awaits_ack(&self) -> bool {
        !self.flight.is_empty()
    }

    /// Since when an acknowledgement is waited for in vain: since the oldest packet in flight left, or
    /// since something else was acknowledged, whichever is later.
    pub(crate) fn unacked_since(&self) -> Option<Instant> {
        let oldest = self.flight.oldest()?;
        Some(self.acked_at.map_or(oldest, |acked| oldest.max(acked)))
    }

    /// What was lost on the present path lately; none before anything was acknowledged or lost.
    pub(crate) const fn loss(&self) -> Option<Loss> {
        self.flight.loss()
    }

    /// What the packets in flight carry, oldest first: a probe that has nothing new to send repeats
    /// it, which saves a round trip (RFC 9002 §6.2.4).
    pub(crate) fn unacked(&self) -> impl Iterator<Item = &R> {
        self.flight.records()
    }

    fn track(
        &mut self,
        number: PacketNumber,
        bytes: usize,
        role: Role,
        record: R,
        now: Instant,
    ) -> Option<R> {
        self.numbers.on_sent(number);
        self.pacer.on_sent(bytes, self.pace(), now);
        let snapshot = self.sampler.on_sent(bytes, self.flight.bytes(), now);
        let sent = Sent::new(record, now, bytes, role, snapshot);
        let oldest = self.flight.insert(number, sent);
        self.controller.on_sent(bytes, &snapshot, now);
        self.pto_from = now;
        self.app_limited = false;
        oldest
    }

    /// Only the largest number acknowledged, and only the first time, dates the round trip (RFC 9002
    /// §5.1).
    fn sample_rtt(&mut self, ack: &Ack, highest: Option<&(u64, Sent<R>)>, now: Instant) {
        let largest = ack.ranges.first().map(|(_, high)| *high);
        if let Some((number, sent)) = highest
            && largest == Some(*number)
            && sent.role != Role::OldPath
        {
            let latest = now.saturating_since(sent.at);
            let delay = Duration::from_micros(ack.delay_us);
            // What takes longer than the longest probe timeout is no round trip: one of the machines
            // slept in between, and the pace would be of its sleep.
            if latest <= MAX_PTO {
                self.rtt.sample(latest, delay, now);
            }
        }
    }

    /// Counts what arrived on the present path; returns how many bytes that is.
    fn count_acked(&mut self, acked: &[(u64, Sent<R>)]) -> u64 {
        let mut newly_acked = 0;
        for (_, sent) in acked.iter().filter(|(_, sent)| sent.role != Role::OldPath) {
            self.sampler.on_acked(sent.bytes);
            newly_acked += sent.bytes as u64;
        }
        newly_acked
    }

    /// Tells the controller what arrived on the present path. The newest packet dates the sample.
    fn tell_acked(&mut self, acked: &[(u64, Sent<R>)], newly_acked: u64, now: Instant) {
        let on_path = acked.iter().map(|(_, sent)| sent);
        let on_path = on_path.filter(|sent| sent.role != Role::OldPath);
        for sent in on_path.clone() {
            self.controller
                .on_acked(sent.bytes, sent.at, self.app_limited);
        }
        let in_flight = self.flight.bytes();
        if let Some(newest) = on_path.clone().next() {
            let (snapshot, at) = (newest.snapshot, newest.at);
            let sample = self
                .sampler
                .sample(snapshot, at, newly_acked, in_flight, now);
            self.controller.on_sample(&sample, now);
        }
        if self.controller.holds_back() {
            self.sampler.on_app_limited(in_flight);
        }
    }

    /// RFC 9002 §A.10, and §B.8 for what the controller hears of it.
    fn detect_lost(&mut self, now: Instant, lost: &mut Vec<Sent<R>>) {
        let delay = self.rtt.loss_delay();
        self.flight.take_lost(&self.numbers, delay, now, lost);
        if lost.is_empty() {
            return;
        }
        let persistent = self.is_persistent(lost);
        let rtt = self.rtt.estimate();
        let congested = lost.iter().filter(|sent| sent.role == Role::Ordinary);
        for sent in congested.clone() {
            let lost = self.sampler.on_lost(sent.bytes, &sent.snapshot);
            self.controller.on_packet_lost(&lost, rtt, now);
        }
        if let Some(largest) = congested.last() {
            self.controller.on_lost(largest.at, persistent, now);
        }
        if persistent {
            self.rtt.on_persistent_congestion();
        }
    }

    fn is_persistent(&mut self, lost: &[Sent<R>]) -> bool {
        let limit = self.rtt.pto() * PERSISTENT_CONGESTION;
        let first = self.rtt.first_sample();
        let add = |found, sent| self.lost_run.add(sent, first, limit) || found;
        lost.iter().fold(false, add)
    }

    /// Gives memory back that an idle connection does not need.
    pub(crate) fn shrink(&mut self) {
        self.flight.shrink();
    }

    fn backed_off_pto(&self) -> Duration {
        let factor = 1 << self.backoff.min(16);
        self.rtt.pto().saturating_mul(factor).min(MAX_PTO)
    }

    fn pace(&self) -> Pace {
        let smoothed = self.rtt.estimate().smoothed;
        Pace {
            rate: self.controller.pacing_rate(smoothed),
            burst: self.controller.burst(),
        }
    }
}
