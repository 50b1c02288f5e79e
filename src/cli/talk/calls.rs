//! Whom a program calls by itself, and when: everybody whose address is known, again and again until a session stands. Of one
//! that nothing is said in the keys die, and nobody is called for that but to hold a NAT open; but in another network, or after
//! the machine slept, whoever has such a session with us does not know any more where we are, and is called.

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

/// Whoever comes so late to what it does all the time was asleep with the machine: much may have changed, as in another network.
pub(super) const LATE: Duration = Duration::from_secs(60);

/// Names that are looked up at one time because a program asks for it: each takes a thread, and may take its time.
const MAX_INQUIRIES: usize = 64;
/// Those that are looked up at one time to call people by itself: the others wait for their turn, so that a list of many
/// names leaves threads for the rest of the program, and of its user.
const MAX_NAMES: usize = 32;
/// Those who are called at one time where no name is to be looked up: the others follow in the next turns of the loop,
/// which does nothing else meanwhile.
pub(super) const MAX_ADDRESSES: usize = 256;
/// When a look-up that has not come back is given up, to make another.
const PATIENCE: Duration = Duration::from_secs(60);
/// Look-ups of a host that were given up and have not come back, each a thread that cannot be ended: beyond so many no other
/// is made,
pub(super) const MAX_STUCK: usize = 3;
/// and of all hosts beyond so many none for a program, and none of a name to call somebody by itself.
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

impl Sought {
    /// Whether what it finds is all that is wanted of its name.
    fn is_of_any_family(&self) -> bool {
        self.family == Family::Any
    }
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
    /// When it was last asked who is due. Whose name was due by then waits in line.
    looked: Instant,
}

#[derive(Debug)]
struct Call {
    host: HostPort,
    /// Whether that is a name, which has to be looked up.
    is_name: bool,
    /// When it is called; not while a call or a session is under way.
    due: Option<Instant>,
    /// Whether somebody has asked for it who waits: he is not behind a thousand others.
    is_asked: bool,
    /// How many calls in a row came to nothing.
    failures: usize,
    /// Since when a session stands.
    stands: Option<Instant>,
    /// How many sessions in a row ended soon, since the two programs do not fit together.
    misfits: usize,
}

impl Call {
    fn new(host: HostPort, due: Option<Instant>) -> Self {
        Self {
            is_name: is_name(&host),
            host,
            due,
            is_asked: false,
            failures: 0,
            stands: None,
            misfits: 0,
        }
    }

    /// Whether it waits until another look-up comes to its end, if it was last looked at then.
    fn is_in_line(&self, looked: Instant) -> bool {
        self.is_name && self.due.is_some_and(|due| due <= looked)
    }
}

/// Whether a thread has to look it up.
fn is_name(host: &HostPort) -> bool {
    host.host().parse::<IpAddr>().is_err()
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

    /// The same, because somebody has asked for it: before others who are to be called.
    pub(super) fn add_asked(&mut self, peer: PeerId, host: HostPort, now: Instant) {
        self.add(peer, host, now);
        if let Some(call) = self.of.get_mut(&peer) {
            call.is_asked = true;
        }
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
        let is_first = self.is_first(&peer);
        let sought = Sought {
            peer,
            host,
            family,
            is_asked,
            begins_anew: is_asked || is_first,
            is_wanted: true,
            since: None,
            is_given_up: false,
        };
        self.inquiries.insert(inquiry, sought);
        inquiry
    }

    /// Whether no call of somebody has come to nothing.
    pub(super) fn is_first(&self, peer: &PeerId) -> bool {
        self.of.get(peer).is_none_or(|call| call.failures == 0)
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
        let has_room = has_thread && !self.is_stuck(host) || !is_name(host);
        has_room && !under_way.into_iter().any(is_same)
    }

    /// Whether the look-ups of this host do not come back, so that no other is to be made.
    pub(super) fn is_stuck(&self, host: &HostPort) -> bool {
        let stuck = self.inquiries.values().filter(|it| it.is_given_up);
        stuck.filter(|it| it.host.host() == host.host()).count() >= MAX_STUCK
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

    /// Whether somebody's address is being looked up, or will be as soon as others have been.
    pub(super) fn inquires_about(&self, peer: &PeerId) -> bool {
        let mut inquiries = self.inquiries.values();
        let call = self.of.get(peer);
        let is_in_line = call.is_some_and(|call| call.is_in_line(self.looked));
        is_in_line || inquiries.any(|it| it.is_wanted && !it.is_given_up && it.peer == *peer)
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

    /// Those who wait for the name that this look-up is about, with their ports, and whether they are called as if for the
    /// first time: what it has found is for them, too, and no other is made.
    pub(super) fn take_in_line(&mut self, inquiry: Inquiry) -> Vec<(PeerId, u16, bool)> {
        let sought = self.inquiries.get(&inquiry);
        let Some(sought) = sought.filter(|it| it.is_of_any_family() && is_name(&it.host)) else {
            return Vec::new();
        };
        let (looked, name) = (self.looked, sought.host.host());
        let waits = |call: &Call| call.is_in_line(looked) && call.host.host() == name;
        let line = self.of.iter_mut().filter(|(_, call)| waits(call));
        line.map(|(peer, call)| {
            call.due = None;
            (*peer, call.host.port(), call.failures == 0)
        })
        .collect()
    }

    /// Whom to call now, and where; each once, and no more than are called at one time: who has waited longest is first, and
    /// the others wait on. Of names no more than are to be looked up at one time, and each once.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(PeerId, HostPort)> {
        let looked = core::mem::replace(&mut self.looked, now);
        let (mut names, mut room) = self.names_under_way();
        let (mut found, mut addresses) = (Vec::new(), 0);
        for (_, due, peer) in self.all_due(now) {
            let Some(call) = self.of.get_mut(&peer) else {
                continue;
            };
            // Whoever waits in line was not asleep.
            if now.saturating_since(due.max(looked)) > LATE {
                call.failures = 0;
            }
            if call.is_name {
                if room == 0 || !names.insert(call.host.host().to_owned()) {
                    continue;
                }
                room -= 1;
            } else if addresses == MAX_ADDRESSES {
                continue;
            } else {
                addresses += 1;
            }
            call.due = None;
            call.is_asked = false;
            found.push((peer, call.host.clone()));
        }
        found
    }

    /// Everybody who is to be called by now, and since when; who has waited longest first, but behind those whom somebody has
    /// asked for.
    fn all_due(&self, now: Instant) -> Vec<(bool, Instant, PeerId)> {
        let due = |(peer, call): (&PeerId, &Call)| Some((!call.is_asked, call.due?, *peer));
        let all = self.of.iter().filter_map(due);
        let mut all: Vec<_> = all.filter(|(_, due, _)| *due <= now).collect();
        all.sort_unstable();
        all
    }

    /// The names that are being looked up in every family, and how many others may be now.
    fn names_under_way(&self) -> (BTreeSet<String>, usize) {
        let names = self.inquiries.values().filter(|it| is_name(&it.host));
        let (stuck, under_way): (Vec<_>, Vec<_>) = names.partition(|it| it.is_given_up);
        let own = under_way.iter().filter(|it| !it.is_asked).count();
        let room = MAX_NAMES.saturating_sub(own);
        let room = room.min(MAX_ALL_STUCK.saturating_sub(stuck.len()));
        let of_any = under_way.into_iter().filter(|it| it.is_of_any_family());
        (of_any.map(|it| it.host.host().to_owned()).collect(), room)
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

    /// The network is another one, or may be: whoever is to be called later is called now, and so is whoever `is_lost`: it
    /// would not find us, since of the session that stands no keys are left. Returns who that is.
    pub(super) fn hurry(&mut self, is_lost: impl Fn(&PeerId) -> bool, now: Instant) -> Vec<PeerId> {
        let rest = self.of.iter().filter(|(_, call)| call.due.is_none());
        let lost = rest.map(|(peer, _)| *peer).filter(is_lost);
        let lost: Vec<PeerId> = lost.filter(|peer| !self.inquires_about(peer)).collect();
        for (peer, call) in &mut self.of {
            if call.due.is_some() || lost.binary_search(peer).is_ok() {
                (call.due, call.failures) = (Some(now), 0);
            }
        }
        for it in self.inquiries.values_mut() {
            it.begins_anew = true;
        }
        lost
    }

    /// How long until somebody is called; not of whoever waits for the end of a look-up.
    pub(super) fn calls_in(&self, peer: &PeerId, now: Instant) -> Option<Duration> {
        let call = self.of.get(peer)?;
        let due = call.due.filter(|_| !call.is_in_line(self.looked))?;
        Some(due.saturating_since(now))
    }

    /// How long until anybody is called. Whoever waits in line is when a look-up comes to its end, which wakes the loop.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let calls = self.of.values();
        let others = calls.filter(|call| !call.is_in_line(self.looked));
        let due = others.filter_map(|call| call.due).min()?;
        Some(due.saturating_since(now))
    }
}

#[cfg(test)]
mod tests;
