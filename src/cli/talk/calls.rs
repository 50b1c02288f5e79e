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
        };
        self.inquiries.insert(inquiry, sought);
        inquiry
    }

    /// Whether a look-up that a program asks for is to be made: not while the same one is under way, nor beside too many
    /// others that programs asked for.
    pub(super) fn may_inquire(&self, peer: PeerId, host: &HostPort, family: Family) -> bool {
        let is_same =
            |it: &Sought| it.is_wanted && (it.peer, &it.host, it.family) == (peer, host, family);
        let asked = self.inquiries.values().filter(|it| it.is_asked).count();
        // An address takes no thread and no time.
        let has_room = asked < MAX_INQUIRIES || host.host().parse::<IpAddr>().is_ok();
        has_room && !self.inquiries.values().any(is_same)
    }

    /// Whether somebody's address is being looked up.
    pub(super) fn inquires_about(&self, peer: &PeerId) -> bool {
        let mut wanted = self.inquiries.values().filter(|it| it.is_wanted);
        wanted.any(|it| it.peer == *peer)
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
mod tests {
    use super::*;

    const BOB: PeerId = PeerId::new([2; 32]);

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    fn calls() -> Calls {
        let mut calls = Calls::default();
        calls.add(BOB, "192.0.2.1:7419".parse().unwrap(), at(0));
        calls
    }

    #[test]
    fn somebody_is_called_once_until_that_ends() {
        let mut calls = calls();
        assert_eq!(calls.due(at(0)).len(), 1);
        assert!(calls.due(at(1_000)).is_empty());
        calls.on_end(&BOB, at(10));
        assert_eq!(calls.patience(at(10)), Some(Duration::from_secs(5)));
        assert!(calls.due(at(14)).is_empty());
        assert_eq!(calls.due(at(15)).len(), 1);
    }

    #[test]
    fn calls_that_come_to_nothing_become_rare_until_one_does_not() {
        let mut calls = calls();
        for pause in [5, 10, 30, 60, 60] {
            calls.on_end(&BOB, at(0));
            assert_eq!(
                calls.calls_in(&BOB, at(0)),
                Some(Duration::from_secs(pause))
            );
        }
        calls.on_established(&BOB, at(0));
        assert_eq!(calls.patience(at(0)), None, "it stands");
        calls.on_end(&BOB, at(0));
        assert_eq!(calls.calls_in(&BOB, at(0)), Some(Duration::from_secs(5)));
    }

    /// It was called every 5 s for ever, and each time its session began and ended on the screen.
    #[test]
    fn whose_program_does_not_fit_ours_is_called_more_and_more_rarely_until_it_is_another() {
        let mut calls = calls();
        let mut ends_after = |stood, end: fn(&mut Calls, &PeerId, Instant)| {
            calls.on_established(&BOB, at(0));
            end(&mut calls, &BOB, at(stood));
            calls.calls_in(&BOB, at(stood)).unwrap().as_secs()
        };
        for pause in [5, 60, 600, 3_600, 3_600] {
            assert_eq!(ends_after(1, Calls::on_misfit), pause);
        }
        assert_eq!(ends_after(30, Calls::on_misfit), 5, "they could talk");
        assert_eq!(ends_after(1, Calls::on_misfit), 60);
        assert_eq!(ends_after(1, Calls::on_end), 5, "its secret is another");
        assert_eq!(ends_after(1, Calls::on_misfit), 600);
        assert_eq!(ends_after(1, Calls::on_left), 5);
        assert_eq!(ends_after(1, Calls::on_misfit), 5);
        calls.add(BOB, "192.0.2.1:7419".parse().unwrap(), at(2));
        assert_eq!(calls.calls_in(&BOB, at(2)), Some(Duration::ZERO));
    }

    #[test]
    fn in_another_network_whoever_waits_for_a_call_has_it_at_once() {
        let mut calls = calls();
        for _ in 0..3 {
            calls.on_end(&BOB, at(0));
        }
        calls.hurry(at(1));
        assert_eq!(calls.due(at(1)).len(), 1);
        calls.hurry(at(2));
        assert!(calls.due(at(1_000)).is_empty(), "a call is under way");
        calls.on_end(&BOB, at(2));
        assert_eq!(calls.calls_in(&BOB, at(2)), Some(Duration::from_secs(5)));
    }

    /// Each call of the program's own began the fast series of handshakes anew.
    #[test]
    fn calls_after_one_in_vain_begin_nothing_anew_until_somebody_asks_or_the_network_is_another() {
        let host: HostPort = "192.0.2.1:7419".parse().unwrap();
        let begins_anew = |calls: &mut Calls, is_asked| {
            let inquiry = calls.inquire(BOB, host.clone(), Family::Any, is_asked);
            let begins_anew = calls.begins_anew(inquiry);
            assert_eq!(calls.take(inquiry), Some(BOB));
            begins_anew
        };
        let mut calls = calls();
        calls.due(at(0));
        assert!(begins_anew(&mut calls, false));
        for second in [0, 90, 150] {
            calls.on_end(&BOB, at(second));
            assert!(!begins_anew(&mut calls, false));
            assert!(begins_anew(&mut calls, true), "a program asks");
        }
        calls.hurry(at(151));
        assert!(begins_anew(&mut calls, false));
        calls.on_end(&BOB, at(200));
        calls.due(at(260));
        let under_way = calls.inquire(BOB, host.clone(), Family::Any, false);
        calls.hurry(at(261));
        assert!(calls.begins_anew(under_way));
        calls.on_end(&BOB, at(300));
        calls.add(BOB, host.clone(), at(301));
        assert!(begins_anew(&mut calls, false), "a person asks");
        calls.on_end(&BOB, at(400));
        assert_eq!(calls.due(at(3_600)).len(), 1);
        assert!(begins_anew(&mut calls, false), "the machine slept");
    }

    #[test]
    fn whose_call_is_over_without_an_end_is_called_at_once() {
        let mut calls = calls();
        calls.due(at(0));
        calls.call_at_once(&BOB, at(1));
        assert_eq!(calls.due(at(1)).len(), 1);
        calls.rest(BOB);
        calls.call_at_once(&BOB, at(1));
        assert!(calls.due(at(1)).is_empty());
    }

    #[test]
    fn who_was_hung_up_on_is_not_called_until_somebody_wants_to() {
        let mut calls = calls();
        calls.rest(BOB);
        assert!(calls.has(&BOB), "else everybody who is called includes it");
        calls.on_end(&BOB, at(10));
        assert!(calls.due(at(1_000)).is_empty());
        calls.add(BOB, "192.0.2.1:7419".parse().unwrap(), at(2_000));
        assert_eq!(calls.due(at(2_000)).len(), 1);
    }

    #[test]
    fn who_was_hung_up_on_and_called_back_is_among_everybody_again() {
        let mut calls = Calls::default();
        calls.rest(BOB);
        calls.wake(&BOB);
        assert!(!calls.has(&BOB), "else an address of it would not count");
    }

    #[test]
    fn who_is_called_at_another_place_is_not_called_where_it_was() {
        let host = |name: &str| -> HostPort { format!("{name}.example:7419").parse().unwrap() };
        let mut calls = Calls::default();
        calls.add(BOB, host("old"), at(0));
        calls.due(at(0));
        let under_way = [false, true].map(|is_asked| {
            let old = host("old");
            calls.inquire(BOB, old, Family::Any, is_asked)
        });
        calls.follow(BOB, Some(host("new")), false, at(1));
        let found = under_way.map(|inquiry| calls.take(inquiry));
        assert_eq!(found, [None, Some(BOB)], "a program wants what it named");
        assert_eq!(calls.due(at(1)), [(BOB, host("new"))]);
        calls.on_established(&BOB, at(1));
        calls.follow(BOB, Some(host("third")), true, at(2));
        assert!(calls.due(at(1_000)).is_empty(), "the session goes on");
        calls.on_end(&BOB, at(1_000));
        assert_eq!(calls.due(at(1_005)), [(BOB, host("third"))]);
        calls.follow(BOB, None, false, at(1_006));
        calls.on_end(&BOB, at(1_006));
        assert!(calls.due(at(2_000)).is_empty());
        assert!(!calls.has(&BOB), "else an address of it would not count");
    }

    #[test]
    fn who_is_gone_is_not_called() {
        let mut calls = calls();
        calls.forget(&[BOB]);
        assert!(calls.due(at(9)).is_empty());
    }

    #[test]
    fn what_is_found_counts_once_and_only_while_its_peer_is_to_be_called() {
        let carol = PeerId::new([3; 32]);
        let host: HostPort = "chat.example.org:7419".parse().unwrap();
        for let_go in [
            |it: &mut Calls| it.rest(BOB),
            |it: &mut Calls| it.forget(&[BOB]),
        ] {
            let mut calls = Calls::default();
            let [bob, other] =
                [BOB, carol].map(|it| calls.inquire(it, host.clone(), Family::Any, true));
            assert!(calls.inquires_about(&BOB));
            let_go(&mut calls);
            assert!(!calls.inquires_about(&BOB));
            assert_eq!(calls.take(bob), None);
            let again = calls.inquire(BOB, host.clone(), Family::Any, true);
            assert_eq!((calls.take(bob), calls.take(again)), (None, Some(BOB)));
            assert_eq!((calls.take(other), calls.take(other)), (Some(carol), None));
        }
    }

    #[test]
    fn of_what_programs_ask_for_the_same_is_looked_up_once_and_names_not_without_end() {
        let host = |number: usize| -> HostPort { format!("host{number}:7419").parse().unwrap() };
        let mut calls = Calls::default();
        calls.inquire(BOB, host(0), Family::Any, true);
        assert!(!calls.may_inquire(BOB, &host(0), Family::Any));
        // Those of calls by themselves take no program's place.
        for number in MAX_INQUIRIES..2 * MAX_INQUIRIES {
            calls.inquire(BOB, host(2 * number), Family::Any, false);
        }
        assert!(calls.may_inquire(BOB, &host(0), Family::V6));
        assert!(calls.may_inquire(BOB, &host(1), Family::Any));
        for number in 1..MAX_INQUIRIES {
            assert!(calls.may_inquire(BOB, &host(number), Family::Any));
            calls.inquire(BOB, host(number), Family::Any, true);
        }
        assert!(!calls.may_inquire(BOB, &host(MAX_INQUIRIES), Family::Any));
        calls.rest(BOB);
        let is_free = calls.may_inquire(BOB, &host(MAX_INQUIRIES), Family::Any);
        assert!(!is_free, "the threads are there yet");
        for address in ["192.0.2.7:7419", "[2001:db8::7]:7419"] {
            assert!(calls.may_inquire(BOB, &address.parse().unwrap(), Family::Any));
        }
    }
}
