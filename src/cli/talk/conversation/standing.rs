//! How things stand with a peer: in a word, why nothing goes there if so, and what is tried next.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::talk::conversation::calling::closed_port;
use crate::cli::talk::conversation::comparing::{NO_WAY_BACK, other_ways};
use crate::cli::talk::conversation::events::other_psk;
use crate::cli::talk::conversation::{Conversation, Link};
use crate::cli::talk::sent::Passage;
use crate::cli::{Barrier, Error, Obstacle, Out, Peer};
use crate::id::PeerId;
use crate::net::IcmpKind;
use crate::proto::SessionStatus;
use crate::text::Safe;
use crate::wire::limits::VERSION;

/// What is known about the way to a peer.
#[derive(Debug)]
pub(super) struct Way<'a> {
    peer: Peer,
    pub(super) status: Option<SessionStatus>,
    pub(super) link: Option<&'a Link>,
    /// Whether the words that were compared differed, and nobody has decided: not if it was revoked.
    pub(super) is_aside: bool,
    is_revoked: bool,
    /// When it is called again, if that is up to us.
    again: Option<Duration>,
    /// How long it refuses us without asking, because its user has said no when asked.
    is_refused_for: Option<Duration>,
    /// Whether its address is being looked up.
    is_sought: bool,
    /// What the network says about all addresses at which it is called, and of which of them that is told.
    complaint: Option<(SocketAddr, IcmpKind)>,
    /// Whether anything outlasts this program.
    keeps: bool,
    /// How commands are suggested.
    out: &'a Out,
}

impl Conversation {
    pub(super) fn way(&self, peer: PeerId) -> Result<Way<'_>, Error> {
        let status = self.status(peer)?;
        let called = self.called_at(peer)?;
        let is_revoked = self.profile.contacts.known().is_revoked(&peer);
        let link = self.state.links.get(&peer);
        Ok(Way {
            peer: self.peer(&peer),
            is_aside: self.is_aside(&peer) && !is_revoked,
            is_revoked,
            status,
            complaint: self.complaint_about_all(&called, self.clock.now()),
            link,
            is_refused_for: link.and_then(|link| link.is_refused_for(self.clock.now())),
            again: self.calls_in(&peer),
            is_sought: self.goal.inquires_about(&peer) || self.calls.inquires_about(&peer),
            keeps: !self.profile.is_of_this_run(),
            out: &self.out,
        })
    }

    /// Whether there is anything to be told of somebody whom this run has met: not if that is no peer any more, and
    /// nothing else.
    pub(super) fn is_of_concern(&self, peer: PeerId) -> Result<bool, Error> {
        let is_revoked = self.profile.contacts.known().is_revoked(&peer);
        Ok(is_revoked || self.is_aside(&peer) || self.status(peer)?.is_some())
    }

    /// How long until a peer is called, if that is up to us.
    fn calls_in(&self, peer: &PeerId) -> Option<Duration> {
        let now = self.clock.now();
        let again = [
            self.goal.calls_in(peer, now),
            self.calls.calls_in(peer, now),
        ];
        again.into_iter().flatten().min()
    }

    /// Why a message for a peer has to wait, and what is tried next.
    pub(super) fn obstacle(&self, peer: PeerId) -> Result<Safe, Error> {
        let way = self.way(peer)?;
        Ok(way.reason() + "; " + way.next())
    }

    /// Whether a message for a peer would leave at once.
    pub(super) fn is_connected(&self, peer: PeerId) -> Result<bool, Error> {
        Ok(self.way(peer)?.passage() == Passage::Open)
    }
}

impl Way<'_> {
    /// Whether there is a session; not one of which nothing was heard for so long that it counts as over, though its keys
    /// live.
    pub(super) fn stands(&self) -> bool {
        let is_over = self.link.is_some_and(|link| link.is_unreachable);
        self.status.is_some_and(|status| status.established) && !is_over
    }

    /// Whether there is a session, also while nothing is heard.
    pub(super) fn is_up(&self) -> bool {
        let waits = self.status.is_some_and(|status| status.waiting);
        self.stands() || self.is_silent() && !waits
    }

    /// Whether whoever says something now is heard, as far as is known. A session in which nothing was said for so long that
    /// its keys are gone gets new ones with the next word.
    pub(super) fn is_open(&self) -> bool {
        let is_heard = self
            .link
            .is_some_and(|link| link.lasts() && !link.is_silent);
        let rests = |status: SessionStatus| {
            let is_let_in = !status.waiting && !status.guest;
            // Without a connection no way is measured.
            let has_connection = status.rtt.is_some();
            has_connection && status.key_age.is_none() && status.tries == 0 && is_let_in
        };
        self.stands() || is_heard && self.status.is_some_and(rests)
    }

    /// What a message meets that is sent now. While nothing is heard it leaves all the same.
    pub(super) fn passage(&self) -> Passage {
        let Some(status) = self.status else {
            return Passage::Closed;
        };
        let has_key = status.key_age.is_some() && !status.waiting && !status.guest;
        if self.stands() && !self.is_silent() {
            Passage::Open
        } else if status.established || has_key {
            Passage::Unsure
        } else {
            Passage::Closed
        }
    }

    /// Whether all that is missing is that its user accepts us: it is there, as far as is known.
    pub(super) fn is_undecided(&self) -> bool {
        let is_lost = |link: &Link| link.is_silent || link.is_unreachable;
        self.status.is_some_and(|status| status.waiting) && !self.link.is_some_and(is_lost)
    }

    /// What is in the way of a message, as far as one can tell.
    pub(super) fn hindrance(&self) -> Option<Obstacle> {
        let status = self.status?;
        if self.is_undecided() {
            return Some(Obstacle::Undecided);
        }
        let address = status.address.filter(|_| !self.stands())?;
        let peer = self.peer.clone();
        if status.other_psk {
            return Some(Obstacle::OtherPsk { peer, address });
        }
        let Some((complained, kind)) = self.complaint else {
            return Some(Obstacle::Silence { peer, address });
        };
        let address = complained;
        Some(match Barrier::of(kind) {
            Some(barrier) => Obstacle::NoWay { address, barrier },
            None if kind == IcmpKind::Refused => Obstacle::Closed { peer, address },
            None => Obstacle::Silence { peer, address },
        })
    }

    /// Whether nothing is heard; not if that has lasted for so long that the session counts as over.
    pub(super) fn is_silent(&self) -> bool {
        let is_silent = |link: &Link| link.is_silent && !link.is_unreachable;
        self.link.is_some_and(is_silent)
    }

    /// One word, or two.
    pub(super) fn word(&self) -> &'static str {
        match self.status {
            None if self.is_revoked => "revoked",
            None if self.is_aside => "the words differed",
            None => "not connected",
            Some(status) if status.guest => "waits for your answer",
            Some(status) if status.waiting => "has to accept you",
            Some(_) if self.is_silent() => "silent",
            Some(_) if self.stands() => "connected",
            Some(status) if status.tries > 0 => "connecting",
            Some(_) => "not connected",
        }
    }

    /// Why a message has to wait.
    pub(super) fn reason(&self) -> Safe {
        let label = &self.peer.label;
        let why = |link: &Link| link.not_found.as_ref().or(link.why.as_ref()).cloned();
        let why = self.link.and_then(why);
        match self.status {
            None if self.is_aside => "the words differed".into(),
            None if self.is_revoked => Safe::from("the key of ") + label + " is revoked",
            None => label.clone() + " is no peer of yours",
            Some(_) if self.is_undecided() => label.clone() + " has to accept you first",
            Some(status) if self.is_silent() => {
                let heard = status.heard.map_or_else(Safe::default, |heard| {
                    Safe::from(" for ") + heard.as_secs() + " s"
                });
                let words = Safe::from("nothing heard from ") + label + heard;
                let has_moved = self.link.is_some_and(|link| link.has_new_address);
                words
                    + if has_moved {
                        ", and this machine has a new address"
                    } else {
                        ""
                    }
            }
            Some(_) if self.stands() => label.clone() + " has not acknowledged it yet",
            Some(status) if status.guest => label.clone() + " waits for your answer",
            Some(SessionStatus {
                newer_version: Some(version),
                ..
            }) => {
                let words = label.clone() + " has used protocol version " + version;
                words + ", this program speaks " + VERSION
            }
            Some(SessionStatus {
                other_psk: true, ..
            }) => other_psk(label.clone()),
            Some(status) => match (why, self.said()) {
                (Some(why), Some(said)) => why + ", and " + said,
                (Some(words), None) | (None, Some(words)) => words,
                (None, None) if status.tries > 0 => {
                    let calls = if status.tries == 1 {
                        " call)"
                    } else {
                        " calls)"
                    };
                    Safe::from("no answer from ") + label + " yet (" + status.tries + calls
                }
                (None, None) => label.clone() + " is not connected",
            },
        }
    }

    /// What the network says about the way there. Anybody on it can forge that: it explains, and no more.
    fn said(&self) -> Option<Safe> {
        let (address, kind) = self.complaint?;
        let words = match kind {
            IcmpKind::Refused => return Some(closed_port(address)),
            IcmpKind::HostUnreachable | IcmpKind::NetUnreachable => " cannot be reached",
            IcmpKind::Prohibited => {
                " cannot be reached: a firewall there, or here, lets nothing through"
            }
            IcmpKind::TooBig | IcmpKind::Other => return None,
        };
        Some(Safe::from(address) + words)
    }

    /// How somebody who has said no is asked once more: another run is another call.
    fn how_to_be_asked_about(&self) -> Safe {
        match self.is_refused_for.map(|it| it.as_secs().div_ceil(60)) {
            Some(0) | None => "your next message has it asked once more".into(),
            Some(minutes) => {
                let words = "to have it asked once more, start this program anew, or write in ";
                Safe::from(words) + minutes + " min"
            }
        }
    }

    /// What is tried next.
    pub(super) fn next(&self) -> Safe {
        let Some(status) = self.status else {
            return if self.is_aside && self.keeps {
                other_ways(&self.peer, self.out)
            } else if self.is_aside {
                NO_WAY_BACK.into()
            } else {
                "nothing is tried".into()
            };
        };
        if self.is_undecided() {
            return "waiting".into();
        }
        if status.guest {
            return "nothing is said before that".into();
        }
        if status.newer_version.is_some() {
            return "it has to call".into();
        }
        // While attempts go on another look-up makes none the sooner.
        match status.next_try.or(self.again) {
            Some(wait) if wait.as_secs() >= 120 => {
                Safe::from("trying again in ") + wait.as_secs().div_ceil(60) + " min"
            }
            Some(wait) => Safe::from("trying again in ") + stepped_up(wait.as_secs()) + " s",
            None if self.stands() => "sending again".into(),
            None if status.tries > 0 => "calling".into(),
            None if self.is_sought => "its address is being looked up".into(),
            None if status.address.is_none() => "no address is known, so it has to call".into(),
            None if self.is_refused_for.is_some() => self.how_to_be_asked_about(),
            None if self.link.is_some_and(|link| link.wants_nothing) => {
                "your next message asks it to take you in again".into()
            }
            None => "your next message calls it".into(),
        }
    }
}

/// Seconds of a countdown, in steps while there are many: each change is written to a terminal that may be far away. It
/// is over no later than is said.
const fn stepped_up(seconds: u64) -> u64 {
    match seconds {
        0 => 1,
        1..=10 => seconds,
        _ => seconds.next_multiple_of(3),
    }
}

#[cfg(test)]
mod tests;
