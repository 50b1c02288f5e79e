//! An address on its way to be proved: what may go there, and when it is asked.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use crate::proto::limits::{
    AMPLIFICATION, CHALLENGE_PAUSE, GRANULARITY, MAX_UNPROVED_MOVES, PATH_PTO, PATH_PTOS,
};
use crate::proto::route::Route;
use crate::time::Instant;
use crate::wire::limits::PATH_TOKEN_LEN;

/// What a challenge carries and its answer returns: random bytes that nobody can guess.
pub(crate) type Token = [u8; PATH_TOKEN_LEN];

/// An address on its way to be proved.
#[derive(Debug)]
pub(super) struct Proving {
    /// What may be sent there; none once it answered a challenge that was too small to prove that
    /// the base size passes.
    pub(super) budget: Option<Budget>,
    /// The address that is due to be challenged.
    pub(super) due: bool,
    pub(super) old: Option<Old>,
    /// Moves in a row without a proof.
    pub(super) moves: u32,
    pub(super) series: Option<Series>,
    /// Until when the new address may still answer, once the old one has.
    pub(super) yields: Option<Instant>,
    pub(super) pto: Duration,
    /// How long the next challenge waits; doubles.
    pub(super) wait: Duration,
    /// Challenges that may still be answered, oldest first.
    pub(super) asked: VecDeque<Asked>,
}

/// The last proved address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Old {
    pub(super) address: SocketAddr,
    /// Which of our addresses it was heard at.
    pub(super) local: Option<IpAddr>,
    pub(super) due: bool,
    pub(super) answered: bool,
}

impl Old {
    pub(super) const fn route(self) -> Route {
        Route {
            peer: self.address,
            local: self.local,
        }
    }

    /// Makes a challenge due, unless there was one within a PTO.
    pub(super) fn ask(&mut self, last: &mut Option<Instant>, pto: Duration, now: Instant) {
        if !self.answered && last.is_none_or(|at| now >= at + pto) {
            self.due = true;
            *last = Some(now);
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    pub(super) received: usize,
    pub(super) sent: usize,
}

impl Budget {
    pub(super) const fn left(self) -> usize {
        self.allowed().saturating_sub(self.sent)
    }

    const fn allowed(self) -> usize {
        self.received.saturating_mul(AMPLIFICATION)
    }

    /// Handshakes to an address of known-peers go out whatever is left. They leave no debt, for which what arrives
    /// next would have to pay.
    fn spend(&mut self, len: usize) {
        self.sent = self.sent.saturating_add(len).min(self.allowed());
    }
}

/// Challenges a PTO apart, then twice as long each time, until nobody waits for an answer any more;
/// and between them one for what was heard meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    /// When a challenge was last due.
    pub(super) asked: Instant,
    /// Whether anything came from the address since.
    pub(super) heard: bool,
    pub(super) repeat: Instant,
    pub(super) deadline: Instant,
}

impl Series {
    /// When the next challenge is due. What was heard may be the last for long, and the way there may
    /// have healed just before: it does not wait for its turn.
    fn next(self, pto: Duration) -> Instant {
        if self.heard {
            self.repeat.min(self.asked + pto.max(CHALLENGE_PAUSE))
        } else {
            self.repeat
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) token: Token,
    pub(super) whom: Whom,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// The new address; whether by a datagram of the base size.
    New { full: bool },
    /// The last proved address.
    Old,
}

impl Proving {
    pub(super) fn new(received: usize, pto: Duration, now: Instant) -> Self {
        let pto = pto.max(GRANULARITY);
        let mut proving = Self {
            budget: Some(Budget { received, sent: 0 }),
            due: true,
            old: None,
            moves: 1,
            series: None,
            yields: None,
            pto,
            wait: pto,
            asked: VecDeque::new(),
        };
        proving.start(now);
        proving
    }

    /// Starts a series of challenges.
    pub(super) fn start(&mut self, now: Instant) {
        self.due = true;
        self.wait = self.pto;
        let patience = self.pto.max(PATH_PTO).saturating_mul(PATH_PTOS);
        self.series = Some(Series {
            asked: now,
            heard: false,
            repeat: now + self.wait,
            deadline: now + patience,
        });
    }

    /// Takes over from an address that the path left before it was proved.
    pub(super) fn inherit(&mut self, last: Self, now: Instant) {
        (self.old, self.yields) = (last.old, last.yields);
        self.asked = last.asked;
        self.asked.retain(|asked| asked.whom == Whom::Old);
        self.moves = last.moves.saturating_add(1);
        self.wait = last.wait;
        let (Some(series), Some(before)) = (&mut self.series, last.series) else {
            return;
        };
        series.repeat = now + self.wait;
        if self.moves > MAX_UNPROVED_MOVES {
            series.deadline = before.deadline;
        }
    }

    /// Takes over what is left of an earlier time at the same address.
    pub(super) fn resume(&mut self, earlier: Self) {
        if let (Some(budget), Some(before)) = (&mut self.budget, earlier.budget) {
            budget.received = budget.received.saturating_add(before.received);
            budget.sent = budget.sent.saturating_add(before.sent);
        }
        self.asked = earlier.asked;
    }

    pub(super) fn on_received(&mut self, len: usize, pto: Duration, now: Instant) {
        let Some(budget) = &mut self.budget else {
            return;
        };
        budget.received = budget.received.saturating_add(len);
        if let Some(series) = &mut self.series {
            series.heard = true;
        } else {
            self.pto = pto.max(GRANULARITY);
            self.start(now);
        }
    }

    pub(super) fn on_sent(&mut self, len: usize) {
        if let Some(budget) = &mut self.budget {
            budget.spend(len);
        }
    }

    /// The old address has answered. What has been said to the new one since the move may be lost: it gets another PTO,
    /// however often the path moves on.
    pub(super) fn on_old_answered(&mut self, now: Instant) {
        if let Some(old) = &mut self.old {
            (old.answered, old.due) = (true, false);
            self.yields.get_or_insert(now + self.pto);
        }
    }

    /// When the old address, which has answered, is preferred to the new one, which has not.
    pub(super) fn yields(&self) -> Option<Instant> {
        self.yields.filter(|_| self.budget.is_some())
    }

    /// When to [`repeat`](Self::repeat), or to stop.
    pub(super) fn timeout(&self) -> Option<Instant> {
        let series = self.series?;
        let next = series.next(self.pto).min(series.deadline);
        Some(self.yields().map_or(next, |yields| next.min(yields)))
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.series.is_some_and(|series| now >= series.deadline)
    }

    /// Makes the challenge due whose time has come; whether its turn has come too, and it is not only
    /// for what was heard.
    pub(super) fn repeat(&mut self, now: Instant) -> bool {
        let Some(series) = &mut self.series else {
            return false;
        };
        if now < series.next(self.pto) {
            return false;
        }
        let is_turn = now >= series.repeat;
        if is_turn {
            self.wait = self.wait.saturating_mul(2);
            series.repeat = now + self.wait;
        }
        (self.due, series.asked, series.heard) = (true, now, false);
        is_turn
    }

    /// Takes the challenge that `token` answers.
    pub(super) fn take_asked(&mut self, token: Token) -> Option<Whom> {
        let at = self.asked.iter().position(|asked| asked.token == token)?;
        Some(self.asked.remove(at)?.whom)
    }
}
