//! Whether somebody can have seen what came by itself. A key that was pressed before that is no answer to it.

use core::time::Duration;

use crate::time::Instant;

/// Who has pressed a key, or ended a line, for less than this has not seen yet what changed meanwhile.
pub(crate) const GLANCE: Duration = Duration::from_millis(300);

/// Since when something stands on the terminal; none until it was drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glance(Option<Instant>);

impl Glance {
    /// What there is now stands on the terminal, with it or without.
    pub(super) fn drawn(&mut self, at: Instant, is_shown: bool) {
        self.0 = is_shown.then(|| self.0.unwrap_or(at));
    }

    /// Whether a key that was pressed then may mean it.
    pub(super) fn is_over(&self, pressed: Instant) -> bool {
        let is_seen = |since| pressed.saturating_since(since) >= GLANCE;
        self.0.is_some_and(is_seen)
    }

    /// A key was pressed too soon: whoever types on does not look.
    pub(super) fn begin_again(&mut self, pressed: Instant) {
        self.0 = self.0.map(|since| since.max(pressed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_when_what_came_was_drawn_and_nobody_typed_on() {
        let at = |millis| Instant::ZERO + Duration::from_millis(millis);
        let mut glance = Glance::default();
        assert!(!glance.is_over(at(9_000)), "nothing was drawn");
        glance.drawn(at(1_000), true);
        assert!(!glance.is_over(at(500)) && !glance.is_over(at(1_299)));
        assert!(glance.is_over(at(1_300)));
        glance.begin_again(at(500));
        assert!(glance.is_over(at(1_300)));
        glance.begin_again(at(1_200));
        glance.drawn(at(1_250), true);
        assert!(!glance.is_over(at(1_499)) && glance.is_over(at(1_500)));
        glance.drawn(at(2_000), false);
        assert!(!glance.is_over(at(9_000)), "it was taken away");
    }
}
