//! How good the ways are: told to programs when it changes, and to everybody when one seems to work in one
//! direction only, or is being found anew.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::Error;
use crate::cli::json::ms;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::conversation::screen::link_status;
use crate::cli::talk::fact::{Change, Fact, Whose};
use crate::id::PeerId;
use crate::text::Safe;
use crate::time::Instant;
use crate::tui::{LinkStatus, Moved, SLOW_AFTER, SLOW_STEP};

/// From one event about a way to the next, at least, in the first minute of trouble.
const STEP: Duration = Duration::from_secs(1);
/// A round trip that has changed by less is the same: by this,
const RTT_STEP: Duration = Duration::from_millis(5);
/// or by this part of what was told.
const RTT_PART: u32 = 4;

/// From one word about a new address to the next: whoever sends a peer's packets on makes it seem to move.
const MOVE_PAUSE: Duration = Duration::from_secs(60);

/// What has been told about a way.
#[derive(Debug, Default)]
pub(super) struct Told {
    last: Option<(Instant, Figures)>,
    /// Whether it was told that they may not hear us.
    is_unheard: bool,
    /// The move that was told and is not over.
    moved: Option<Moved>,
    /// When one was told last.
    moved_at: Option<Instant>,
}

/// What people are told of as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// They may not hear us.
    Unheard,
    /// They hear us.
    Heard,
    /// Somebody has a new address.
    Moving(Moved),
    /// It works, or the old one does.
    Settled(Moved),
}

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    address: Option<SocketAddr>,
    rtt: Option<Duration>,
    loss: Option<u32>,
    moved: Option<Moved>,
    is_in_trouble: bool,
}

impl Figures {
    fn of(link: &LinkStatus) -> Self {
        Self {
            address: link.address,
            rtt: link.rtt,
            loss: link.loss,
            moved: link.moved,
            is_in_trouble: link.is_silent() || link.is_unheard(),
        }
    }

    fn differs(&self, told: &Self) -> bool {
        let rtt = match (self.rtt, told.rtt) {
            (Some(now), Some(then)) => now.abs_diff(then) >= RTT_STEP.max(then / RTT_PART),
            (now, then) => now != then,
        };
        rtt || self.address != told.address
            || self.loss != told.loss
            || self.moved != told.moved
            || self.is_in_trouble != told.is_in_trouble
    }
}

impl Told {
    /// Whether programs are to be told, which then counts as done.
    fn tells(&mut self, link: &LinkStatus, now: Instant) -> bool {
        let figures = Figures::of(link);
        let is_news = self.last.as_ref().is_none_or(|(at, told)| {
            let trouble = link.heard.max(link.unacked).unwrap_or_default();
            let is_old = figures.is_in_trouble && trouble >= SLOW_AFTER;
            let step = if is_old { SLOW_STEP } else { STEP };
            let is_due = now.saturating_since(*at) >= step;
            is_due && (figures.is_in_trouble || figures.differs(told))
        });
        if is_news {
            self.last = Some((now, figures));
        }
        is_news
    }

    /// What is news for people; in a silence nothing is.
    fn turns(&mut self, link: &LinkStatus, now: Instant) -> Option<Turn> {
        if link.is_silent() {
            return None;
        }
        let is_unheard = link.is_unheard();
        if is_unheard != self.is_unheard {
            self.is_unheard = is_unheard;
            return Some(if is_unheard {
                Turn::Unheard
            } else {
                Turn::Heard
            });
        }
        self.moves(link.moved, now)
    }

    fn moves(&mut self, moved: Option<Moved>, now: Instant) -> Option<Turn> {
        let Some(moved) = moved else {
            return self.moved.take().map(Turn::Settled);
        };
        let told = self.moved_at.map(|at| now.saturating_since(at));
        if self.moved.is_some() || told.is_some_and(|since| since < MOVE_PAUSE) {
            return None;
        }
        (self.moved, self.moved_at) = (Some(moved), Some(now));
        Some(Turn::Moving(moved))
    }
}

impl Conversation {
    /// Looks at all ways.
    pub(super) fn tell_quality(&mut self, now: Instant) -> Result<(), Error> {
        let peers: Vec<PeerId> = self.state.links.keys().copied().collect();
        for peer in peers {
            let link = link_status(&self.way(peer)?);
            let Some(link) = link else {
                self.link(peer).told = Told::default();
                continue;
            };
            if let Some(turn) = self.link(peer).told.turns(&link, now) {
                self.tell_turn(peer, &link, turn);
            }
            if self.has_hearers() && self.link(peer).told.tells(&link, now) {
                self.publish_quality(peer, &link);
            }
        }
        Ok(())
    }

    fn tell_turn(&mut self, peer: PeerId, link: &LinkStatus, turn: Turn) {
        let label = self.label(&peer);
        let trouble = link.trouble().unwrap_or_default();
        let (change, words) = match turn {
            Turn::Unheard => {
                let unacked_ms = link.unacked.map_or(0.0, ms);
                (Change::Unheard { unacked_ms }, trouble)
            }
            Turn::Heard => (Change::Heard, label + " hears us again"),
            Turn::Moving(moved) => {
                let address = link.address.filter(|_| moved != Moved::Here);
                let moved = Whose::from(moved);
                (Change::Moving { moved, address }, trouble)
            }
            // That it is there now has been told.
            Turn::Settled(Moved::There(to)) if link.address == Some(to) => return,
            Turn::Settled(_) => {
                let address = link.address;
                let at = address.map_or_else(Safe::default, |at| Safe::from(" at ") + at);
                (Change::Settled { address }, label + " answers" + at)
            }
        };
        self.tell_link(peer, change, words);
    }

    fn publish_quality(&mut self, peer: PeerId, link: &LinkStatus) {
        let fact = Fact::Link {
            who: self.who(&peer),
            change: Change::Quality {
                loss: link.loss.map(|percent| f64::from(percent) / 100.0),
                heard_ms: link.heard.map(ms),
                unacked_ms: link.unacked.map(ms),
                path: "direct",
                address: link.address,
                moved: link.moved.map(Whose::from),
            },
            rtt_ms: link.rtt.map(ms),
            message: link.trouble().unwrap_or_else(|| link.quality()),
        };
        self.publish(&fact);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: LinkStatus = LinkStatus {
        address: None,
        rtt: Some(Duration::from_millis(42)),
        loss: Some(0),
        heard: Some(Duration::ZERO),
        is_due: false,
        unacked: None,
        key_age: None,
        moved: None,
    };

    fn at(ms: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn what_is_the_same_is_told_once() {
        let mut told = Told::default();
        assert!(told.tells(&GOOD, at(0)));
        let heard = Some(Duration::from_secs(24));
        let rtt = Some(Duration::from_millis(47));
        for second in 1..100 {
            let quiet = LinkStatus { heard, rtt, ..GOOD };
            assert!(!told.tells(&quiet, at(second * 1_000)));
        }
    }

    #[test]
    fn what_has_changed_noticeably_is_told_at_most_once_a_second() {
        for changed in [
            LinkStatus {
                rtt: Some(Duration::from_millis(53)),
                ..GOOD
            },
            LinkStatus {
                loss: Some(1),
                ..GOOD
            },
            LinkStatus {
                address: Some("203.0.113.9:7419".parse().unwrap()),
                ..GOOD
            },
        ] {
            let mut told = Told::default();
            assert!(told.tells(&GOOD, at(0)));
            assert!(!told.tells(&changed, at(999)));
            assert!(told.tells(&changed, at(1_000)));
            assert!(!told.tells(&changed, at(9_000)));
        }
    }

    #[test]
    fn trouble_is_told_every_second_and_after_a_minute_every_three() {
        let mut told = Told::default();
        let mut times = Vec::new();
        for ms in (0..70_000).step_by(500) {
            let link = LinkStatus {
                heard: Some(Duration::from_millis(ms)),
                is_due: ms > 5_000,
                ..GOOD
            };
            if told.tells(&link, at(ms)) {
                times.push(ms);
            }
        }
        let mut expected = vec![0, 7_000];
        expected.extend((8_000..60_000).step_by(1_000));
        expected.extend([62_000, 65_000, 68_000]);
        assert_eq!(times, expected);
        assert!(told.tells(&GOOD, at(71_000)), "it is over");
    }

    #[test]
    fn a_way_in_one_direction_is_told_when_it_begins_and_when_it_ends() {
        let unacked = |seconds| LinkStatus {
            unacked: Some(Duration::from_secs(seconds)),
            ..GOOD
        };
        let mut told = Told::default();
        let mut turns = |link: &LinkStatus| told.turns(link, at(0));
        assert_eq!(turns(&unacked(10)), None);
        assert_eq!(turns(&unacked(11)), Some(Turn::Unheard));
        assert_eq!(turns(&unacked(12)), None);
        let silent = LinkStatus {
            heard: Some(Duration::from_secs(7)),
            is_due: true,
            ..unacked(20)
        };
        assert_eq!(turns(&silent), None);
        assert_eq!(turns(&GOOD), Some(Turn::Heard));
        assert_eq!(turns(&GOOD), None);
    }

    fn moved(moved: Moved) -> LinkStatus {
        LinkStatus {
            moved: Some(moved),
            ..GOOD
        }
    }

    #[test]
    fn a_new_address_is_told_when_it_begins_and_when_it_ends() {
        let there = Moved::There("192.0.2.7:7".parse().unwrap());
        for new in [Moved::Here, there] {
            let mut told = Told::default();
            assert_eq!(told.turns(&GOOD, at(0)), None);
            assert_eq!(told.turns(&moved(new), at(500)), Some(Turn::Moving(new)));
            assert_eq!(told.turns(&moved(new), at(1_000)), None);
            assert_eq!(told.turns(&GOOD, at(1_500)), Some(Turn::Settled(new)));
            assert_eq!(told.turns(&GOOD, at(2_000)), None);
        }
    }

    #[test]
    fn whoever_makes_a_peer_seem_to_move_again_and_again_is_told_of_once_a_minute() {
        let there = |port| Moved::There(([192, 0, 2, 7], port).into());
        let mut told = Told::default();
        let mut turns = Vec::new();
        for port in 0..90 {
            turns.extend(told.turns(&moved(there(port)), at(u64::from(port) * 1_000)));
            turns.extend(told.turns(&GOOD, at(u64::from(port) * 1_000 + 500)));
        }
        let [first, second] = [0, 60].map(there);
        let expected = [
            Turn::Moving(first),
            Turn::Settled(first),
            Turn::Moving(second),
            Turn::Settled(second),
        ];
        assert_eq!(turns, expected);
    }

    #[test]
    fn programs_are_told_of_a_new_address_as_of_other_changes() {
        let mut told = Told::default();
        assert!(told.tells(&GOOD, at(0)));
        assert!(told.tells(&moved(Moved::Here), at(1_000)));
        assert!(!told.tells(&moved(Moved::Here), at(2_000)));
        assert!(told.tells(&GOOD, at(3_000)));
    }
}
