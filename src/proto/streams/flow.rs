//! Credit that we give, and how far a stream may reach. Source: RFC 9000 §4.

use core::time::Duration;

use crate::proto::limits::{STREAM_WINDOW, WINDOW_MAX, WINDOW_ROUNDS};
use crate::proto::streams::StreamViolation;
use crate::time::Instant;

/// Largest offset and largest credit there is (RFC 9000 §4.5).
pub(super) const OFFSET_MAX: u64 = (1 << 62) - 1;

/// A window's credit goes out again when it has grown by this part of it.
const STEP: u64 = 8;

/// However wide it is, by no more than this: whoever has used up all but the [`STREAM_WINDOW`] that a transfer leaves to
/// others, and then that, is given more.
const STEP_MAX: u64 = STREAM_WINDOW / 2;

/// Credit for bytes or streams: as many as the window's size beyond those that are done with.
#[derive(Debug)]
pub(super) struct Window {
    size: u64,
    /// The credit goes out again when it has grown by this much.
    step: u64,
    done: u64,
    granted: u64,
    lost: bool,
}

impl Window {
    /// For bytes.
    pub(super) const fn new(size: u64) -> Self {
        Self::stepwise(size, size / STEP)
    }

    /// `step`: by how much the credit has to grow before it goes out.
    pub(super) const fn stepwise(size: u64, step: u64) -> Self {
        Self {
            size,
            step,
            done: 0,
            granted: size,
            lost: false,
        }
    }

    /// What the peer has been told.
    pub(super) const fn granted(&self) -> u64 {
        self.granted
    }

    /// Makes a window for bytes as large as `size`, never smaller.
    pub(super) const fn widen(&mut self, size: u64) {
        if size > self.size {
            self.size = size;
            let step = size / STEP;
            self.step = if step < STEP_MAX { step } else { STEP_MAX };
        }
    }

    /// Notes that `count` more are done with.
    pub(super) const fn release(&mut self, count: u64) {
        self.done = self.done.saturating_add(count);
    }

    /// Whether the peer should hear of its new credit.
    pub(super) fn is_due(&self) -> bool {
        self.lost || self.limit() - self.granted >= self.step
    }

    fn limit(&self) -> u64 {
        self.done.saturating_add(self.size).min(OFFSET_MAX)
    }

    /// Takes the credit to send.
    pub(super) fn grant(&mut self) -> u64 {
        self.lost = false;
        self.granted = self.limit();
        self.granted
    }

    /// Credit did not arrive: it goes again unless there is a newer one.
    pub(super) const fn on_lost(&mut self, max: u64) {
        self.lost |= max == self.granted;
    }
}

/// How large the windows of bulk streams should be: [`WINDOW_ROUNDS`] times what comes in a round trip, between
/// [`STREAM_WINDOW`] and [`WINDOW_MAX`]. A window once given is not taken back: that would break a promise (RFC 9000
/// §4.1).
#[derive(Debug)]
pub(super) struct Tuner {
    size: u64,
    /// When the round trip began that is being counted, and what had come until then.
    since: Instant,
    come: u64,
}

impl Tuner {
    pub(super) const fn new() -> Self {
        Self {
            size: STREAM_WINDOW,
            since: Instant::ZERO,
            come: 0,
        }
    }

    /// Learns what has come in all by now. At the end of a round trip it says how large windows should be.
    pub(super) fn update(&mut self, come: u64, rtt: Duration, now: Instant) -> Option<u64> {
        let passed = now.saturating_since(self.since);
        if passed < rtt {
            return None;
        }
        let more = come.saturating_sub(self.come);
        // It falls when a gap closes, until what had to wait there is taken: that has been counted.
        (self.since, self.come) = (now, self.come.max(come));
        let window = in_time(more, rtt, passed).saturating_mul(WINDOW_ROUNDS);
        self.size = self.size.max(window.min(WINDOW_MAX));
        (more > 0).then_some(self.size)
    }
}

/// How many of the bytes that came in `passed` that is in `time`.
fn in_time(bytes: u64, time: Duration, passed: Duration) -> u64 {
    let part = u128::from(bytes) * time.as_micros() / passed.as_micros().max(1);
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// How far a stream reaches and where it ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    /// End of the highest byte that arrived.
    pub(super) highest: u64,
    /// The stream's length, once known.
    pub(super) final_size: Option<u64>,
}

impl Extent {
    /// Takes note of bytes up to `end`, the last ones of the stream if `last`; says how much further
    /// it reaches. Nothing changes on an error (RFC 9000 §4.1, §4.5).
    pub(super) fn extend(
        &mut self,
        end: u64,
        last: bool,
        granted: u64,
    ) -> Result<u64, StreamViolation> {
        let beyond = self.final_size.is_some_and(|size| end > size);
        let moved = last && self.final_size.is_some_and(|size| end != size);
        let short = last && end < self.highest;
        if beyond || moved || short {
            return Err(StreamViolation::FinalSize);
        }
        if end > granted {
            return Err(StreamViolation::FlowControl);
        }
        if last {
            self.final_size = Some(end);
        }
        let more = end.saturating_sub(self.highest);
        self.highest += more;
        Ok(more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credit_goes_out_in_steps_and_again_when_its_newest_is_lost() {
        let mut window = Window::new(80);
        window.release(9);
        assert!(!window.is_due());
        window.release(1);
        assert!(window.is_due());
        assert_eq!(window.grant(), 90);
        window.on_lost(80);
        assert!(!window.is_due());
        window.on_lost(90);
        assert!(window.is_due());
        assert_eq!(window.grant(), 90);
        assert!(!window.is_due());
    }

    #[test]
    fn credit_stops_at_the_largest_offset() {
        let mut window = Window::new(80);
        window.release(u64::MAX);
        assert_eq!(window.grant(), OFFSET_MAX);
        assert!(!window.is_due());
    }

    #[test]
    fn a_window_that_becomes_wider_is_announced_and_never_narrower() {
        let mut window = Window::new(80);
        window.widen(160);
        assert!(window.is_due());
        assert_eq!(window.grant(), 160);
        window.widen(80);
        window.release(19);
        assert!(!window.is_due(), "an eighth of 160 is 20");
        window.release(1);
        assert_eq!((window.is_due(), window.grant()), (true, 180));
    }

    #[test]
    fn however_wide_a_window_is_its_credit_goes_out_in_steps_of_half_of_what_others_have() {
        let mut window = Window::new(80);
        window.widen(WINDOW_MAX);
        window.grant();
        window.release(STREAM_WINDOW / 2 - 1);
        assert!(!window.is_due());
        window.release(1);
        assert!(window.is_due());
    }

    const RTT: Duration = Duration::from_millis(100);

    /// What the windows come to if so much comes in each round trip.
    fn tuned(a_round_trip: u64) -> u64 {
        let mut tuner = Tuner::new();
        for tenth in 1..200 {
            let come = u64::from(tenth) * a_round_trip / 10;
            tuner.update(come, RTT, Instant::ZERO + RTT * tenth / 10);
        }
        tuner.size
    }

    #[test]
    fn windows_are_so_many_times_what_a_round_trip_brings() {
        for a_round_trip in [100_000, 500_000, 1_000_000] {
            assert_eq!(tuned(a_round_trip), WINDOW_ROUNDS * a_round_trip);
        }
    }

    #[test]
    fn windows_neither_shrink_nor_pass_their_bound() {
        assert_eq!(tuned(STREAM_WINDOW / 17), STREAM_WINDOW);
        assert_eq!(tuned(1 << 40), WINDOW_MAX);
        let mut tuner = Tuner::new();
        let wide = tuner.update(1_000_000, RTT, Instant::ZERO + RTT);
        assert_eq!(wide, Some(16_000_000));
        let later = tuner.update(1_000_001, RTT, Instant::ZERO + RTT * 2);
        assert_eq!(later, wide);
        assert_eq!(tuner.update(1_000_001, RTT, Instant::ZERO + RTT * 3), None);
    }

    /// In a path that doubles its rate, what leaves before the next window is known is eight times the last round
    /// trip: that must be covered even if nothing can be read meanwhile, and if one frame of credit is lost.
    #[test]
    fn a_doubling_sender_is_never_short_of_credit_while_something_is_missing() {
        let (mut tuner, mut come, mut size, mut before) = (Tuner::new(), 0, 0, 0);
        for round in 0..8 {
            come += 12_000 << round;
            before = size;
            size = tuner
                .update(come, RTT, Instant::ZERO + RTT * (round + 1))
                .unwrap();
            let sent = 4 * come;
            assert!(
                size.min(WINDOW_MAX) >= sent,
                "round {round}: {size} < {sent}"
            );
        }
        assert!(before >= 2 * come, "as of the frame before");
    }

    #[test]
    fn what_had_to_wait_behind_a_gap_counts_once() {
        let mut tuner = Tuner::new();
        let rounds = [1_000_000, 200_000, 1_000_000].into_iter().zip(1..);
        let sizes = rounds.map(|(come, at)| tuner.update(come, RTT, Instant::ZERO + RTT * at));
        assert_eq!(sizes.collect::<Vec<_>>(), [Some(16_000_000), None, None]);
        assert_eq!(tuner.come, 1_000_000);
    }

    #[test]
    fn a_round_trip_that_is_looked_at_late_counts_by_its_length() {
        let mut tuner = Tuner::new();
        let size = tuner.update(8_000_000, RTT, Instant::ZERO + RTT * 10);
        assert_eq!(size, Some(12_800_000));
    }

    #[test]
    fn a_length_once_known_neither_moves_nor_is_passed() {
        let mut extent = Extent::default();
        assert_eq!(extent.extend(10, false, 100), Ok(10));
        assert_eq!(
            extent.extend(9, true, 100),
            Err(StreamViolation::FinalSize),
            "shorter than what arrived"
        );
        assert_eq!(extent.extend(20, true, 100), Ok(10));
        assert_eq!(extent.extend(20, true, 100), Ok(0));
        assert_eq!(extent.extend(15, false, 100), Ok(0));
        for (end, last) in [(21, false), (21, true), (15, true)] {
            assert_eq!(
                extent.extend(end, last, 100),
                Err(StreamViolation::FinalSize)
            );
        }
        assert_eq!(
            Extent::default().extend(101, false, 100),
            Err(StreamViolation::FlowControl)
        );
    }
}
