//! Credit that we give, and how far a stream may reach. Source: RFC 9000 §4.

use crate::proto::streams::StreamViolation;

/// Largest offset and largest credit there is (RFC 9000 §4.5).
pub(super) const OFFSET_MAX: u64 = (1 << 62) - 1;

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
    pub(super) const fn new(size: u64, step: u64) -> Self {
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
        let mut window = Window::new(80, 10);
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
        let mut window = Window::new(80, 10);
        window.release(u64::MAX);
        assert_eq!(window.grant(), OFFSET_MAX);
        assert!(!window.is_due());
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
