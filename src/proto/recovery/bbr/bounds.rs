//! What losses say about the path. Source: draft-ietf-ccwg-bbr §5.5.10.
//!
//! Two bounds come of them: a long-term one on what is in flight, from losses that answer a probe for
//! bandwidth, and short-term ones on rate and flight, from losses in between. A loss counts only if
//! the path has a queue at the time, or if so much is lost that this makes no difference.

use core::time::Duration;

use crate::proto::limits::{LOSS_LIMIT_PERCENT, LOSS_LIMIT_UNQUEUED_PERCENT};
use crate::proto::recovery::bbr::control::WINDOW_GAIN;
use crate::proto::recovery::bbr::{Bbr, Phase, percent};
use crate::proto::recovery::rate::{Lost, Sample, scaled};
use crate::proto::recovery::rtt::RttEstimate;
use crate::time::Instant;

/// A round trip longer by more than this part of it shows a queue.
const QUEUED_PART: u32 = 8;
/// By so much, but no more than half of them, round trips vary without a queue.
const VARYING: Duration = Duration::from_millis(25);
/// Packets over which losses without a queue are counted, if so many are in flight: then a queue of an eighth of the
/// round trip has the two packets that are seen.
const TALLY_PACKETS: u64 = 200;
const TALLY_FROM_PACKETS: u64 = 16;
/// Packets without a queue after which those before them count half in what the path loses by itself.
const OWN_LOSS_PACKETS: u64 = 1_000;
/// What is lost beyond the path's own, in thousandths, where something drops what exceeds a rate.
const POLICED: u64 = 300;
/// Rounds until a rate above which all is dropped shows: one in which a probe still is answered, one in the middle of
/// which the dropping began, and the next.
const MOST_CUTS: u8 = 3;
/// What is left of a bound when losses reduce it, in hundredths (§2.8, Beta).
const BETA: u64 = 70;

/// Bounds, and what the last round delivered.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    /// In flight, long-term: more has been too much.
    pub(super) inflight_hi: Option<u64>,
    /// In flight, short-term.
    pub(super) inflight_lo: Option<u64>,
    /// Bytes a second, short-term.
    bandwidth_lo: Option<u64>,
    /// The most that was delivered within the round, and at what rate.
    pub(super) inflight_latest: u64,
    bandwidth_latest: u64,
    /// Losses in this round that count.
    pub(super) losses: u32,
    pub(super) losses_last_round: u32,
    round_end: u64,
    pub(super) round_started: bool,
    /// Whether there is a queue, as of the last loss.
    queued: bool,
    /// How often they were lowered to what was delivered since the last probe.
    cuts: u8,
    /// Bytes delivered in all.
    pub(super) delivered: u64,
    tally: Tally,
    own: OwnLoss,
}

/// How much is lost over more packets than a short path holds at a time: of seventeen in flight two are lost by
/// chance in every fifth round if it is one in twenty.
#[derive(Debug, Default)]
struct Tally {
    /// Bytes delivered until it began, and lost since.
    delivered: u64,
    lost: u64,
    /// What the last one came to, in thousandths.
    rate: u64,
    /// With less in flight a queue is not seen, and chance is not asked.
    few: u64,
}

impl Tally {
    fn on_sample(&mut self, delivered: u64, datagram: u64) {
        self.few = TALLY_FROM_PACKETS.saturating_mul(datagram);
        let sent = delivered.saturating_sub(self.delivered);
        let sent = sent.saturating_add(self.lost);
        if sent >= TALLY_PACKETS.saturating_mul(datagram) {
            self.rate = scaled(self.lost, 1_000, sent);
            (self.delivered, self.lost) = (delivered, 0);
        }
    }

    const fn may_be_chance(&self, in_flight: u64) -> bool {
        in_flight >= self.few && self.rate <= 10 * LOSS_LIMIT_UNQUEUED_PERCENT
    }
}

/// What the path loses by itself: what is lost while there is no queue.
#[derive(Debug, Default)]
struct OwnLoss {
    delivered: u64,
    lost: u64,
    /// In thousandths; none before there are enough packets to tell.
    rate: Option<u64>,
    /// The same when the last probe began.
    before: Option<u64>,
}

impl OwnLoss {
    fn on_delivered(&mut self, bytes: u64, datagram: u64) {
        self.delivered = self.delivered.saturating_add(bytes);
        let sent = self.delivered.saturating_add(self.lost);
        if sent >= TALLY_PACKETS.saturating_mul(datagram) {
            self.rate = Some(scaled(self.lost, 1_000, sent));
        }
        if sent >= OWN_LOSS_PACKETS.saturating_mul(datagram) {
            self.delivered /= 2;
            self.lost /= 2;
        }
    }
}

impl Bounds {
    /// §5.5.10.3, `UpdateLatestDeliverySignals`. `queued`: the round trip shows a queue.
    pub(super) fn on_sample(&mut self, sample: &Sample, rate: u64, datagram: u64, queued: bool) {
        self.delivered = sample.total_delivered;
        if !queued {
            self.own.on_delivered(sample.newly_acked, datagram);
        }
        self.tally.on_sample(self.delivered, datagram);
        self.bandwidth_latest = self.bandwidth_latest.max(rate);
        self.inflight_latest = self.inflight_latest.max(sample.delivered);
        self.round_started = sample.sent.delivered >= self.round_end;
        if self.round_started {
            self.round_end = sample.total_delivered;
            self.losses_last_round = core::mem::take(&mut self.losses);
        }
    }

    /// §5.5.10.3, `AdvanceLatestDeliverySignals`.
    pub(super) const fn end_sample(&mut self, sample: &Sample, rate: u64) {
        if self.round_started {
            self.bandwidth_latest = rate;
            self.inflight_latest = sample.delivered;
        }
    }

    /// §5.5.10.3, `ResetCongestionSignals`.
    pub(super) const fn forget_round(&mut self) {
        self.losses = 0;
        self.losses_last_round = 0;
        self.bandwidth_latest = 0;
        self.inflight_latest = 0;
    }

    /// §5.5.10.3, `ResetShortTermModel`.
    pub(super) const fn forget_short_term(&mut self) {
        self.bandwidth_lo = None;
        self.inflight_lo = None;
        self.own.before = self.own.rate;
        self.cuts = 0;
    }

    /// §5.5.10.3, `BoundBWForModel`.
    pub(super) fn bandwidth(&self, max: u64) -> u64 {
        self.bandwidth_lo.map_or(max, |lo| lo.min(max))
    }

    /// Whether so much of what was in flight is lost that it has been too much (§5.5.10.2,
    /// `IsInflightTooHigh`): with a queue, more than the path loses by itself and the limit.
    pub(super) fn is_too_much(&self, lost: u64, in_flight: u64) -> bool {
        if self.queued {
            let own = self.own.rate.unwrap_or(0);
            let own = own.min(10 * LOSS_LIMIT_UNQUEUED_PERCENT);
            let limit = 10 * LOSS_LIMIT_PERCENT + own;
            return lost > scaled(in_flight, limit, 1_000);
        }
        lost > percent(in_flight, LOSS_LIMIT_UNQUEUED_PERCENT)
            && !self.tally.may_be_chance(in_flight)
    }

    /// Whether far more is lost than the path lost by itself when the last probe began. Losses that set in like that are
    /// no chance: something drops what exceeds a rate. If they are chance after all the next probe says so.
    fn is_policed(&self) -> bool {
        let before = self.own.before.filter(|_| self.cuts < MOST_CUTS);
        self.bandwidth_latest > 0
            && before.is_some_and(|own| self.tally.rate > own.saturating_add(POLICED))
    }

    /// To what arrives of it: that is the rate above which it is dropped.
    fn lower_to_delivered(&mut self, bandwidth: u64, inflight: u64) {
        self.cuts += 1;
        self.bandwidth_lo = Some(bandwidth.min(self.bandwidth_latest));
        self.inflight_lo = Some(inflight.min(self.inflight_latest));
    }

    /// Once a round with losses (§5.5.10.3, `InitLowerBounds`, `LossLowerBounds`): from what they
    /// are now, or once from the most there is.
    fn lower(&mut self, bandwidth: u64, inflight: u64) {
        self.bandwidth_lo = Some(percent(bandwidth, BETA).max(self.bandwidth_latest));
        self.inflight_lo = Some(percent(inflight, BETA).max(self.inflight_latest));
    }
}

impl Bbr {
    /// §5.5.10.3, `AdaptLowerBoundsFromCongestion`. Without a queue, sending ever less would not end
    /// the losses if they are the path's own: then the bounds fall once in a cycle.
    fn lower_bounds(&mut self, sample: &Sample) {
        let most_bandwidth = self.model.max_bandwidth();
        let bandwidth = self.bounds.bandwidth(most_bandwidth);
        let inflight = self.bounds.inflight_lo.unwrap_or(self.window);
        if self.bounds.queued {
            self.bounds.lower(bandwidth, inflight);
        } else if !sample.sent.app_limited && self.bounds.is_policed() {
            self.bounds.lower_to_delivered(bandwidth, inflight);
        } else if self.bounds.cuts == 0 {
            let most = percent(self.model.bdp(), WINDOW_GAIN);
            self.bounds.lower(most_bandwidth, most);
        }
    }

    /// At the end of each round, unless its losses answer a probe.
    pub(super) fn adapt_lower_bounds(&mut self, sample: &Sample) {
        let lossy = self.bounds.round_started && self.bounds.losses_last_round > 0;
        if lossy && !self.phase.is_probing() {
            self.lower_bounds(sample);
        }
    }

    /// §5.5.10.2, `HandleLostPacket`.
    pub(super) fn handle_lost_packet(&mut self, lost: &Lost, rtt: RttEstimate, now: Instant) {
        self.bounds.queued = self.is_queued(rtt.latest);
        let tally = &mut self.bounds.tally;
        tally.lost = tally.lost.saturating_add(lost.bytes);
        if !self.bounds.queued {
            let own = &mut self.bounds.own;
            own.lost = own.lost.saturating_add(lost.bytes);
        }
        let too_much = self.bounds.is_too_much(lost.lost, lost.sent.in_flight);
        if !self.bounds.queued && !too_much {
            return;
        }
        if self.bounds.losses == 0 {
            self.bounds.round_end = lost.total_delivered;
        }
        self.bounds.losses += 1;
        if self.cycle.is_probe_sample && self.bounds.queued && too_much {
            self.handle_too_much(lost, now);
        }
    }

    /// Whether a round trip shows a queue: longer than without by a part, and by two packets.
    pub(super) fn is_queued(&self, rtt: Duration) -> bool {
        self.is_longer(rtt, Duration::ZERO)
    }

    /// Whether a round trip shows a queue, and is not one that varies as on a radio link.
    pub(super) fn is_surely_queued(&self, rtt: Duration) -> bool {
        let min_rtt = self.model.min_rtt().unwrap_or_default();
        self.is_longer(rtt, VARYING.min(min_rtt / 2))
    }

    fn is_longer(&self, rtt: Duration, least: Duration) -> bool {
        let Some(min_rtt) = self.model.min_rtt() else {
            return false;
        };
        let packets = self.time_of(2 * self.datagram());
        rtt > min_rtt + (min_rtt / QUEUED_PART).max(packets).max(least)
    }

    /// §5.5.10.2, `HandleInflightTooHigh`.
    fn handle_too_much(&mut self, lost: &Lost, now: Instant) {
        self.cycle.too_high = true;
        self.cycle.is_probe_sample = false;
        if !lost.sent.app_limited {
            let least = percent(self.target_inflight(), BETA);
            self.bounds.inflight_hi = Some(lost.sent.in_flight.max(least));
        }
        if self.phase == Phase::Up {
            self.start_down(lost.total_delivered, now);
        }
    }
}
