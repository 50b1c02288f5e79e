//! Whom a program calls by itself, and when: everybody whose address is known, again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use crate::id::PeerId;
use crate::net::Family;
use crate::store::HostPort;
use crate::time::Instant;

/// How long after a call that came to nothing, or a session that ended, the next one comes.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// As [`PAUSES`], after a session that ended because one of the two programs broke the protocol, or is too old: as long as
/// both are the same the next one ends likewise. A message to the peer, or `/connect`, calls it at once all the same.
const PAUSES_OF_MISFITS: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
];

/// A session that stood so long says that the two programs can talk.
const LASTING: Duration = Duration::from_secs(30);

/// Whoever comes so late to a call was asleep with the machine: much may have changed, as in another network.
const LATE: Duration = Duration::from_secs(60);

/// Names that are looked up at one time because a program asks for it: each takes a thread, and may take its time.
const MAX_INQUIRIES: usize = 64;
/// When a look-up that has not come back is given up, to make another.
const PATIENCE: Duration = Duration::from_secs(60);
/// Look-ups of a host that were given up and have not come back, each a thread that cannot be ended: beyond so many no other
/// is made,
pub(super) const MAX_STUCK: usize = 3;
/// and of all hosts beyond so many none for a program.
const MAX_ALL_STUCK: usize = 4 * MAX_INQUIRIES;

/// A look-up of an address that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inquiry(u64);

/// What one is about.
#[derive(Debug)]
struct Sought {
    peer: PeerId,
    host: HostPort,
    family: Family,
    /// Whether a program asked for it.
    is_asked: bool,
    /// Whether it is called there as if for the first time, also after it was called in vain for long.
    begins_anew: bool,
    /// Whether what it finds is wanted yet. Its thread runs on in any case.
    is_wanted: bool,
    /// Since when it is waited for, as far as anybody has looked.
    since: Option<Instant>,
    /// Whether it has not come back in time.
    is_given_up: bool,
}

/// Those who are called.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Whether everybody is called who is known.
    is_for_everybody: bool,
    of: BTreeMap<PeerId, Call>,
    /// Those whom we hung up on, until they are called on purpose.
    resting: BTreeSet<PeerId>,
    /// The look-ups that are under way.
    inquiries: BTreeMap<Inquiry, Sought>,
    last_inquiry: u64,
}

#[derive(Debug)]
struct Call {
    host: HostPort,
    /// When it is called; not while a call or a session is under way.
    due: Option<Instant>,
    /// How many calls in a row came to nothing.
    failures: usize,
    /// Since when a session stands.
    stands: Option<Instant>,
    /// How many sessions in a row ended soon, since the two programs do not fit together.
    misfits: usize,
}

impl Call {
    const fn new(host: HostPort, due: Option<Instant>) -> Self {
        Self {
            host,
            due,
            failures: 0,
            stands: None,
            misfits: 0,
        }
    }
}

/// The pause for the `count`th time, from 0 on: the last one from then on.
fn pause<const N: usize>(pauses: &[Duration; N], count: usize) -> Duration {
    let last = N.saturating_sub(1);
    pauses.get(count.min(last)).copied().unwrap_or_default()
}

impl Calls {
    pub(super) const fn are_for_everybody(&self) -> bool {
        self.is_for_everybody
    }

    /// Calls everybody from now on who is known by then.
    pub(super) const fn call_everybody(&mut self) {
        self.is_for_everybody = true;
    }

    /// Whether it is settled already whether somebody is called.
    pub(super) fn has(&self, peer: &PeerId) -> bool {
        self.of.contains_key(peer) || self.resting.contains(peer)
    }

    /// Does not call somebody any more until it is added again, nor where a look-up finds it that is under way.
    pub(super) fn rest(&mut self, peer: PeerId) {
        self.forget(&[peer]);
        self.resting.insert(peer);
    }

    /// Somebody who was hung up on is called as others are.
    pub(super) fn wake(&mut self, peer: &PeerId) {
        self.resting.remove(peer);
    }

    /// Calls somebody now, and again whenever that ends.
    pub(super) fn add(&mut self, peer: PeerId, host: HostPort, now: Instant) {
        self.wake(&peer);
        self.of.insert(peer, Call::new(host, Some(now)));
    }

    /// Who is called, and where.
    pub(super) fn hosts(&self) -> Vec<(PeerId, HostPort)> {
        let each = self.of.iter();
        each.map(|(peer, call)| (*peer, call.host.clone()))
            .collect()
    }

    /// Calls somebody there from now on, and no more where it was called; nowhere, if there is no such place. At once, unless
    /// a session is up.
    pub(super) fn follow(
        &mut self,
        peer: PeerId,
        host: Option<HostPort>,
        is_up: bool,
        now: Instant,
    ) {
        let Some(before) = self.of.remove(&peer) else {
            return;
        };
        for it in self.inquiries.values_mut().filter(|it| !it.is_asked) {
            it.is_wanted &= (it.peer, &it.host) != (peer, &before.host);
        }
        let due = if is_up { before.due } else { Some(now) };
        self.of
            .extend(host.map(|host| (peer, Call::new(host, due))));
    }

    /// Calls nobody of these any more, nor where a look-up finds them that is under way.
    pub(super) fn forget(&mut self, gone: &[PeerId]) {
        self.of.retain(|peer, _| !gone.contains(peer));
        self.resting.retain(|peer| !gone.contains(peer));
        for it in self.inquiries.values_mut() {
            it.is_wanted &= !gone.contains(&it.peer);
        }
    }

    /// Somebody's address is looked up from now on; `is_asked`: for a program.
    pub(super) fn inquire(
        &mut self,
        peer: PeerId,
        host: HostPort,
        family: Family,
        is_asked: bool,
    ) -> Inquiry {
        self.last_inquiry += 1;
        let inquiry = Inquiry(self.last_inquiry);
        let is_again = self.of.get(&peer).is_some_and(|call| call.failures > 0);
        let sought = Sought {
            peer,
            host,
            family,
            is_asked,
            begins_anew: is_asked || !is_again,
            is_wanted: true,
            since: None,
            is_given_up: false,
        };
        self.inquiries.insert(inquiry, sought);
        inquiry
    }

    /// Whether a look-up that a program asks for is to be made: not while the same one is under way, nor beside too many
    /// others that programs asked for.
    pub(super) fn may_inquire(&self, peer: PeerId, host: &HostPort, family: Family) -> bool {
        let is_same =
            |it: &Sought| it.is_wanted && (it.peer, &it.host, it.family) == (peer, host, family);
        let (stuck, under_way): (Vec<_>, Vec<_>) =
            self.inquiries.values().partition(|it| it.is_given_up);
        let asked = under_way.iter().filter(|it| it.is_asked).count();
        let has_thread = asked < MAX_INQUIRIES && stuck.len() < MAX_ALL_STUCK;
        // An address takes no thread and no time.
        let has_room = has_thread && !self.is_stuck(host) || host.host().parse::<IpAddr>().is_ok();
        has_room && !under_way.into_iter().any(is_same)
    }

    /// Whether the look-ups of this host do not come back, so that no other is to be made.
    pub(super) fn is_stuck(&self, host: &HostPort) -> bool {
        let stuck = self.inquiries.values().filter(|it| it.is_given_up);
        stuck.filter(|it| it.host == *host).count() >= MAX_STUCK
    }

    /// Gives up what has not come back in time; what it finds after all counts as before. Returns whose calls wait for that.
    pub(super) fn give_up(&mut self, now: Instant) -> Vec<PeerId> {
        let mut waiting = Vec::new();
        for it in self.inquiries.values_mut().filter(|it| !it.is_given_up) {
            let since = *it.since.get_or_insert(now);
            it.is_given_up = now.saturating_since(since) >= PATIENCE;
            if it.is_given_up && it.is_wanted && !it.is_asked {
                waiting.push(it.peer);
            }
        }
        waiting
    }

    /// Whether somebody's address is being looked up.
    pub(super) fn inquires_about(&self, peer: &PeerId) -> bool {
        let mut inquiries = self.inquiries.values();
        inquiries.any(|it| it.is_wanted && !it.is_given_up && it.peer == *peer)
    }

    /// Whether whoever this look-up finds is called as if for the first time: for a program, because a person asked, or in
    /// another network. Other calls are those of the program alone, after some in vain.
    pub(super) fn begins_anew(&self, inquiry: Inquiry) -> bool {
        let sought = self.inquiries.get(&inquiry);
        sought.is_some_and(|it| it.begins_anew)
    }

    /// A look-up has come to its end. Returns whose address it was about, if what it found is wanted yet.
    pub(super) fn take(&mut self, inquiry: Inquiry) -> Option<PeerId> {
        let sought = self.inquiries.remove(&inquiry)?;
        sought.is_wanted.then_some(sought.peer)
    }

    /// Whom to call now, and where; each once.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(PeerId, HostPort)> {
        let mut found = Vec::new();
        for (peer, call) in &mut self.of {
            if let Some(due) = call.due.take_if(|due| *due <= now) {
                if now.saturating_since(due) > LATE {
                    call.failures = 0;
                }
                found.push((*peer, call.host.clone()));
            }
        }
        found
    }

    /// A session stands, or is heard again.
    pub(super) fn on_established(&mut self, peer: &PeerId, now: Instant) {
        self.let_be(peer);
        if let Some(call) = self.of.get_mut(peer) {
            call.failures = 0;
            call.stands.get_or_insert(now);
        }
    }

    /// Does not call somebody by itself, nor where a look-up for that finds it, until a call of it ends again.
    pub(super) fn let_be(&mut self, peer: &PeerId) {
        if let Some(call) = self.of.get_mut(peer) {
            call.due = None;
        }
        for it in self.inquiries.values_mut().filter(|it| !it.is_asked) {
            it.is_wanted &= it.peer != *peer;
        }
    }

    /// Somebody has answered that there is no session, or not yet: what stood before counts for none that begins later.
    pub(super) fn on_kept_out(&mut self, peer: &PeerId) {
        if let Some(call) = self.of.get_mut(peer) {
            call.stands = None;
        }
    }

    /// Somebody has ended a session for good, or was put out: calls nobody there by itself.
    pub(super) fn on_refused(&mut self, peer: &PeerId) {
        self.let_be(peer);
        self.on_kept_out(peer);
    }

    /// A session ended, or a call came to nothing.
    pub(super) fn on_end(&mut self, peer: &PeerId, now: Instant) {
        if let Some(call) = self.of.get_mut(peer) {
            call.due = Some(now + pause(&PAUSES, call.failures));
            call.failures = call.failures.saturating_add(1);
            call.stands = None;
        }
    }

    /// Somebody has left. The program that comes back may be another one.
    pub(super) fn on_left(&mut self, peer: &PeerId, now: Instant) {
        if let Some(call) = self.of.get_mut(peer) {
            call.misfits = 0;
        }
        self.on_end(peer, now);
    }

    /// A session ended because the two programs do not fit together.
    pub(super) fn on_misfit(&mut self, peer: &PeerId, now: Instant) {
        if let Some(call) = self.of.get_mut(peer) {
            let stood = call.stands.take();
            if stood.is_some_and(|since| now.saturating_since(since) >= LASTING) {
                call.misfits = 0;
            }
            call.due = Some(now + pause(&PAUSES_OF_MISFITS, call.misfits));
            call.misfits = call.misfits.saturating_add(1);
        }
    }

    /// A call of somebody that is under way, or a session, is over.
    pub(super) fn call_at_once(&mut self, peer: &PeerId, now: Instant) {
        if let Some(call) = self.of.get_mut(peer) {
            (call.due, call.failures, call.misfits) = (Some(now), 0, 0);
        }
    }

    /// The network is another one: whoever is to be called later is called now.
    pub(super) fn hurry(&mut self, now: Instant) {
        for call in self.of.values_mut().filter(|call| call.due.is_some()) {
            (call.due, call.failures) = (Some(now), 0);
        }
        for it in self.inquiries.values_mut() {
            it.begins_anew = true;
        }
    }

    /// How long until somebody is called.
    pub(super) fn calls_in(&self, peer: &PeerId, now: Instant) -> Option<Duration> {
        let due = self.of.get(peer)?.due?;
        Some(due.saturating_since(now))
    }

    /// How long until anybody is called.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let due = self.of.values().filter_map(|call| call.due).min()?;
        Some(due.saturating_since(now))
    }
}

#[cfg(test)]
mod tests;
