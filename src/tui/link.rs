//! How good the way to somebody is, in words.
//!
//! The thresholds and the sentences about silence and about a way that perhaps works in one direction only are
//! mosh's, whose users have known them for years.

use std::time::Duration;

use crate::text::{Safe, safe_line, span};
use crate::time::Instant;
use crate::tui::input::{LinkStatus, Moved};

/// Silence is told after this.
const SILENCE: Duration = Duration::from_millis(6_500);
/// That nothing is acknowledged is told after this.
const UNACKED: Duration = Duration::from_secs(10);
/// After so much silence the words change no more than every [`SLOW_STEP`].
pub(crate) const SLOW_AFTER: Duration = Duration::from_secs(60);
pub(crate) const SLOW_STEP: Duration = Duration::from_secs(3);

/// What is wrong, if something is. `told`: when the status was.
pub(super) fn trouble(link: &LinkStatus, told: Instant, now: Instant) -> Option<Safe> {
    let since = now.saturating_since(told);
    if is_silent(link, since) {
        let heard = link.heard? + since;
        let words = Safe::from("last contact ") + stepped_down(heard) + " s ago - trying";
        let from = match link.moved {
            Some(Moved::Here) => " from a new address",
            Some(Moved::There(_)) | None => "",
        };
        return Some(words + from + " (messages are queued)");
    }
    if is_unheard(link, since) {
        let unacked = link.unacked? + since;
        let words = Safe::from("last reply ") + stepped_down(unacked) + " s ago";
        return Some(words + " - they may not hear us");
    }
    link.moved.map(reconnecting)
}

/// That the way is being found anew, and why.
fn reconnecting(moved: Moved) -> Safe {
    let words = Safe::from("new address, reconnecting: ");
    match moved {
        Moved::Here => words + "this machine has another one now",
        Moved::There(address) => words + "packets come from " + address + " now",
    }
}

fn is_silent(link: &LinkStatus, since: Duration) -> bool {
    link.is_due && link.heard.is_some_and(|heard| heard + since > SILENCE)
}

fn is_unheard(link: &LinkStatus, since: Duration) -> bool {
    let unacked = link.unacked.map(|unacked| unacked + since);
    unacked.is_some_and(|unacked| unacked > UNACKED)
}

impl LinkStatus {
    /// Whether nothing has been heard for longer than the way explains.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        is_silent(self, Duration::ZERO)
    }

    /// Whether nothing has been acknowledged for so long that the peer may not hear us.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        is_unheard(self, Duration::ZERO)
    }

    /// What is wrong, in words; none if nothing is.
    #[must_use]
    pub fn trouble(&self) -> Option<Safe> {
        trouble(self, Instant::ZERO, Instant::ZERO)
    }

    /// Where the peer is and how good the way there, in words.
    #[must_use]
    pub fn quality(&self) -> Safe {
        quality(self, Instant::ZERO, Instant::ZERO)
    }
}

/// Seconds that have passed, in steps while there are many. It is no less than is said.
pub(super) fn stepped_down(time: Duration) -> u64 {
    let seconds = time.as_secs();
    if time < SLOW_AFTER {
        seconds
    } else {
        seconds - seconds % SLOW_STEP.as_secs()
    }
}

/// `direct 203.0.113.9:7419   rtt 42 ms  loss 0%  heard 0.4 s`.
pub(super) fn quality(link: &LinkStatus, told: Instant, now: Instant) -> Safe {
    let since = now.saturating_since(told);
    let address = link.address.map(|address| Safe::from("direct ") + address);
    let rtt = link.rtt.map(|rtt| Safe::from("rtt ") + span(rtt));
    let loss = link.loss.map(|percent| Safe::from("loss ") + percent + "%");
    let heard = link
        .heard
        .map(|heard| Safe::from("heard ") + ago(heard + since));
    let figures = Safe::join([rtt, loss, heard].into_iter().flatten(), "  ");
    let parts = [address, Some(figures)].into_iter().flatten();
    Safe::join(parts.filter(|part| !part.as_str().is_empty()), "   ")
}

fn ago(time: Duration) -> Safe {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 {
        safe_line(&format!("{seconds:.1} s"))
    } else {
        Safe::from(stepped_down(time)) + " s"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEARD: LinkStatus = LinkStatus {
        address: None,
        rtt: None,
        loss: None,
        heard: Some(Duration::ZERO),
        is_due: true,
        unacked: None,
        key_age: None,
        moved: None,
    };

    fn after(link: LinkStatus, ms: u64) -> Option<String> {
        let now = Instant::ZERO + Duration::from_millis(ms);
        trouble(&link, Instant::ZERO, now).map(|words| words.to_string())
    }

    #[test]
    fn silence_is_told_after_six_and_a_half_seconds() {
        assert_eq!(after(HEARD, 6_500), None);
        let told = "last contact 7 s ago - trying (messages are queued)";
        assert_eq!(after(HEARD, 7_000).as_deref(), Some(told));
    }

    #[test]
    fn a_silence_that_nobody_broke_a_promise_with_is_none() {
        let quiet = LinkStatus {
            is_due: false,
            ..HEARD
        };
        assert_eq!(after(quiet, 20_000), None, "keepalives come every 25 s");
    }

    #[test]
    fn a_way_that_works_in_one_direction_is_told_apart() {
        let deaf = LinkStatus {
            is_due: false,
            unacked: Some(Duration::from_secs(4)),
            ..HEARD
        };
        assert_eq!(after(deaf, 6_000), None);
        let told = "last reply 11 s ago - they may not hear us";
        assert_eq!(after(deaf, 7_000).as_deref(), Some(told));
    }

    #[test]
    fn a_new_address_is_told_until_there_is_worse_to_tell() {
        let here = LinkStatus {
            moved: Some(Moved::Here),
            ..HEARD
        };
        let there = LinkStatus {
            moved: Some(Moved::There("[2001:db8::1]:7".parse().unwrap())),
            unacked: Some(Duration::ZERO),
            is_due: false,
            ..HEARD
        };
        for (link, ms, words) in [
            (
                here,
                6_500,
                "new address, reconnecting: this machine has another one now",
            ),
            (
                here,
                7_000,
                "last contact 7 s ago - trying from a new address (messages are queued)",
            ),
            (
                there,
                10_000,
                "new address, reconnecting: packets come from [2001:db8::1]:7 now",
            ),
            (there, 11_000, "last reply 11 s ago - they may not hear us"),
        ] {
            assert_eq!(after(link, ms).as_deref(), Some(words));
        }
    }

    #[test]
    fn after_a_minute_the_words_change_every_three_seconds() {
        let seconds = |ms| after(HEARD, ms).unwrap();
        assert_ne!(seconds(58_000), seconds(59_000));
        assert_eq!(seconds(60_000), seconds(62_900));
        assert_ne!(seconds(62_900), seconds(63_000));
    }

    #[test]
    fn the_figures_stand_in_a_row() {
        let link = LinkStatus {
            address: Some("203.0.113.9:7419".parse().unwrap()),
            rtt: Some(Duration::from_millis(42)),
            loss: Some(0),
            heard: Some(Duration::from_millis(400)),
            ..HEARD
        };
        let words = quality(&link, Instant::ZERO, Instant::ZERO);
        assert_eq!(
            words.as_str(),
            "direct 203.0.113.9:7419   rtt 42 ms  loss 0%  heard 0.4 s"
        );
    }
}
