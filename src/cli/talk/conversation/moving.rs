//! From where packets leave, and what follows: a NAT that is seen there is held open. When this machine gets another address,
//! those with whom a session stands hear from there at once, so that they send to it, and those who are to be called, or
//! have a session with us of which no keys are left, are called at once; also after the machine slept, or had no way to them.
//!
//! The system is asked from where a packet would leave, unless the socket is bound to one address.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};

use crate::cli::Error;
use crate::cli::talk::calls::{LATE, MAX_ADDRESSES};
use crate::cli::talk::conversation::{Conversation, State};
use crate::id::PeerId;
use crate::net::{Lookout, has_way, is_behind_nat};
use crate::proto::limits::NAT_KEEPALIVE;
use crate::proto::{self, SessionStatus};
use crate::store::Keepalive;
use crate::time::Instant;

/// So many peers of a kind are looked at each time, in turn: a question to the system takes some microseconds.
const LOOKS: usize = 4;

/// From where packets leave.
#[derive(Debug, Default)]
pub(super) struct Routes {
    of: BTreeMap<PeerId, Route>,
    /// Where peers are called to which there was no way.
    without: BTreeMap<PeerId, BTreeSet<IpAddr>>,
    /// Who was looked at last, of those with whom there is a session and of others.
    last: [Option<PeerId>; 2],
    /// Who is yet to be called where it was met, because it would not find us where we are now.
    lost: VecDeque<PeerId>,
    lookout: Lookout,
}

/// Whose address is known. Others cannot be looked at, and take no turn.
#[derive(Debug, Default)]
struct Reachable {
    /// Those who would send to an address that is no longer ours: they do not wait for the others.
    connected: Vec<PeerId>,
    others: Vec<PeerId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Route {
    to: IpAddr,
    from: IpAddr,
}

impl Routes {
    /// Who is looked at now.
    fn turn(&mut self, of: &Reachable) -> Vec<PeerId> {
        let all: BTreeSet<PeerId> = of.connected.iter().chain(&of.others).copied().collect();
        self.of.retain(|peer, _| all.contains(peer));
        self.without.retain(|peer, _| all.contains(peer));
        let [of_connected, of_others] = &mut self.last;
        let mut turn = next(&of.connected, of_connected);
        turn.extend(next(&of.others, of_others));
        turn
    }

    /// Notes to which addresses of a peer there is a way. Returns the first to which there is one, and was none before.
    pub(super) fn note_ways(
        &mut self,
        peer: PeerId,
        ways: &[(SocketAddr, bool)],
    ) -> Option<SocketAddr> {
        let before = self.without.remove(&peer).unwrap_or_default();
        let mut again = None;
        for (to, has_way) in ways {
            if !has_way {
                self.without.entry(peer).or_default().insert(to.ip());
            } else if before.contains(&to.ip()) {
                again.get_or_insert(*to);
            }
        }
        again
    }

    /// Notes from where packets to a peer leave. If that is news, another way to the same host: from where they
    /// left before.
    fn note(&mut self, peer: PeerId, to: IpAddr, from: IpAddr) -> Option<IpAddr> {
        let before = self.of.insert(peer, Route { to, from })?;
        (before.to == to && before.from != from).then_some(before.from)
    }
}

/// The next of these, after the `last`.
fn next(peers: &[PeerId], last: &mut Option<PeerId>) -> Vec<PeerId> {
    let mut order = peers.to_vec();
    order.sort_unstable();
    let first = order.partition_point(|peer| Some(*peer) <= *last);
    order.rotate_left(first);
    order.truncate(LOOKS);
    *last = order.last().copied().or(*last);
    order
}

impl State {
    /// The conversation looks around now. Whether that is so late that the machine was asleep.
    pub(super) fn looks(&mut self, now: Instant) -> bool {
        let before = core::mem::replace(&mut self.looked, now);
        before > Instant::ZERO && now.saturating_since(before) > LATE
    }
}

impl Conversation {
    /// `has_slept`: nobody has looked for so long that the machine was asleep, and may be in another network.
    pub(super) fn look_at_network(&mut self, has_slept: bool, now: Instant) -> Result<(), Error> {
        self.settle()?;
        self.call_lost()?;
        let reachable = self.reachable()?;
        let looked_at = self.state.routes.turn(&reachable);
        let mut moved = self.of_whom_we_moved(&looked_at)?;
        if moved.is_empty() {
            return if has_slept { self.hurry(now) } else { Ok(()) };
        }
        // The ways to the others have probably changed with it.
        let others = reachable.connected.into_iter().chain(reachable.others);
        let others: Vec<PeerId> = others.filter(|peer| !looked_at.contains(peer)).collect();
        moved.extend(self.of_whom_we_moved(&others)?);
        for (peer, before) in moved {
            if let Some(before) = before {
                // Right before what is to leave from the new one: the next packet to the old one is followed again.
                self.leave(before)?;
                self.on_new_address(peer)?;
            }
            self.call_anew(peer)?;
        }
        self.hurry(now)
    }

    /// Calls those at once who are to be called, or do not know any more where we are: where they are saved, or where this
    /// program is to reach them, and else where they were met.
    fn hurry(&mut self, now: Instant) -> Result<(), Error> {
        let lost = self.lost()?;
        let is_lost = |peer: &PeerId| lost.contains(peer);
        let mut called = self.calls.hurry(is_lost, now);
        called.extend(self.goal.hurry(is_lost, now));
        for peer in called {
            self.link(peer).is_called_quietly = true;
        }
        self.state.routes.lost = lost.into_iter().collect();
        self.call_lost()
    }

    /// Calls some of those who would not find us and are called nowhere else. They are called once: nobody has said that
    /// they are to be found where they were met.
    fn call_lost(&mut self) -> Result<(), Error> {
        let lost = &mut self.state.routes.lost;
        let turn = lost.len().min(MAX_ADDRESSES);
        let turn: Vec<PeerId> = lost.drain(..turn).collect();
        for peer in turn {
            let is_called = self.calls.has(&peer) || self.goal.is_to_reach(&peer);
            if is_called || !self.is_lost(peer)? {
                continue;
            }
            self.link(peer).is_called_quietly = true;
            // If it may not be called, it is not.
            let _ = self
                .handle
                .with(|messenger, now| messenger.endpoint_mut().connect_once(peer, now))?;
        }
        Ok(())
    }

    /// Those who would not find us where we are now: a session stands with them of which no keys are left. Whoever is being
    /// called already hears of us.
    fn lost(&self) -> Result<BTreeSet<PeerId>, Error> {
        let mut lost = BTreeSet::new();
        for peer in self.state.links.keys() {
            if self.is_lost(*peer)? {
                lost.insert(*peer);
            }
        }
        Ok(lost)
    }

    /// Whether somebody is one of those.
    fn is_lost(&self, peer: PeerId) -> Result<bool, Error> {
        let link = self.state.links.get(&peer);
        if link.is_none_or(|link| link.since.is_none()) {
            return Ok(false);
        }
        let has_no_keys = |it: SessionStatus| it.key_age.is_none() && it.tries == 0;
        Ok(self.status(peer)?.is_some_and(has_no_keys))
    }

    fn reachable(&self) -> Result<Reachable, Error> {
        let everybody = self.everybody()?;
        Ok(self.handle.with(|messenger, now| {
            let mut reachable = Reachable::default();
            for peer in everybody {
                match messenger.endpoint().status(peer, now) {
                    Some(it) if it.address.is_none() => {}
                    Some(it) if it.established || it.key_age.is_some() => {
                        reachable.connected.push(peer);
                    }
                    Some(_) => reachable.others.push(peer),
                    None => {}
                }
            }
            reachable
        })?)
    }

    /// Those of `peers` to whom packets leave from another address than before, and how they left; or leave again.
    fn of_whom_we_moved(
        &mut self,
        peers: &[PeerId],
    ) -> Result<Vec<(PeerId, Option<proto::Route>)>, Error> {
        let mut moved = Vec::new();
        for peer in peers {
            let Some(to) = self.status(*peer)?.and_then(|status| status.address) else {
                continue;
            };
            let (from, again) = self.look_at_ways(*peer, to)?;
            if let Some(to) = again {
                self.on_way_again(*peer, to);
            }
            let mut local = None;
            if let Some(from) = from {
                self.hold_open(*peer, to, from)?;
                local = self.state.routes.note(*peer, to.ip(), from);
            }
            if again.is_some() || local.is_some() {
                moved.push((*peer, local.map(|_| proto::Route { peer: to, local })));
            }
        }
        Ok(moved)
    }

    /// From where packets to a peer leave that is at `to`, or is tried there first; and where there is a way again. Where there
    /// is none to that address, the others are looked at at which it is called.
    fn look_at_ways(
        &mut self,
        peer: PeerId,
        to: SocketAddr,
    ) -> Result<(Option<IpAddr>, Option<SocketAddr>), Error> {
        let from = self.leaves_from(to);
        let mut ways = vec![(to, from.is_some())];
        if from.is_none() {
            let others = self.called_at(peer)?.into_iter().filter(|at| *at != to);
            ways.extend(others.map(|at| (at, self.leaves_from(at).is_some())));
        }
        Ok((from, self.state.routes.note_ways(peer, &ways)))
    }

    /// Where a call to a peer goes.
    pub(super) fn called_at(&self, peer: PeerId) -> Result<Vec<SocketAddr>, Error> {
        let called =
            |messenger: &mut crate::chat::Messenger, _| messenger.endpoint().called_at(peer);
        Ok(self.handle.with(called)?)
    }

    /// From where packets to this address leave; none if there is no way at all.
    fn leaves_from(&mut self, to: SocketAddr) -> Option<IpAddr> {
        let bound = self.handle.local_addr().ip();
        if !bound.is_unspecified() {
            return has_way(bound, to).then_some(bound);
        }
        let lookout = &mut self.state.routes.lookout;
        let mut from = lookout.local_address_towards(to);
        if from.is_err()
            && let Some(through) = self.handle.through_nat64(to)
        {
            from = lookout.local_address_towards(through);
        }
        from.ok()
    }

    /// Nothing gets to a peer, at none of these addresses. That there is a way again is told from then on, and is news.
    pub(super) fn look_for_way(&mut self, peer: PeerId, called: &[SocketAddr]) {
        let ways = called
            .iter()
            .map(|at| (*at, self.leaves_from(*at).is_some()));
        let ways: Vec<(SocketAddr, bool)> = ways.collect();
        self.state.routes.note_ways(peer, &ways);
    }

    /// Sends something to a peer so often that a NAT between it and us lets through what it sends, if there is one.
    ///
    /// Source: docs/protocol.md#keepalive.
    fn hold_open(&self, peer: PeerId, to: SocketAddr, from: IpAddr) -> Result<(), Error> {
        if self.keepalive != Keepalive::Auto {
            return Ok(());
        }
        let interval = is_behind_nat(from, to.ip()).then_some(NAT_KEEPALIVE);
        self.handle.with(|messenger, now| {
            messenger.endpoint_mut().set_keepalive(peer, interval, now);
        })?;
        Ok(())
    }

    /// What leaves as `before`, because that was called, need not any more: it was the system's choice, and
    /// is so no longer.
    fn leave(&self, before: proto::Route) -> Result<(), Error> {
        self.handle
            .with(|messenger, _| messenger.endpoint_mut().forget_local(before))?;
        Ok(())
    }

    fn on_new_address(&mut self, peer: PeerId) -> Result<(), Error> {
        let status = self.status(peer)?;
        let is_calling = status.is_some_and(|it| it.tries > 0);
        // Of whoever is at rest nothing is on its way that could have been lost.
        if is_calling || status.is_some_and(|it| it.key_age.is_some()) {
            self.handle
                .with(|messenger, now| messenger.endpoint_mut().restart_path(peer, now))?;
        }
        // Its answer says nothing that is not known without: it only has to leave, and to be acknowledged.
        if self.send_ping(peer)?.is_some() {
            self.link(peer).has_new_address = true;
        }
        Ok(())
    }

    /// Attempts that have become rare begin anew; those that nobody waits for go on for no longer than others. If it may not
    /// be called, it is not.
    fn call_anew(&self, peer: PeerId) -> Result<(), Error> {
        if self.status(peer)?.is_some_and(|it| it.tries > 0) {
            let _ = self
                .handle
                .with(|messenger, now| messenger.endpoint_mut().connect_once(peer, now))?;
        }
        Ok(())
    }

    /// Forgets that we moved, with whoever has acknowledged what left since.
    fn settle(&mut self) -> Result<(), Error> {
        let links = self.state.links.iter();
        let moved = links.filter(|(_, link)| link.has_new_address);
        let moved: Vec<PeerId> = moved.map(|(peer, _)| *peer).collect();
        for peer in moved {
            let is_due = self.status(peer)?.is_some_and(|status| status.awaits_ack);
            self.link(peer).has_new_address = is_due;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::streams;
    use crate::cli::talk::conversation::Typist;
    use crate::cli::talk::ends::Look;
    use crate::cli::talk::face::Face;
    use crate::cli::talk::goal::Goal;
    use crate::cli::talk::profile::tests::{context, network};
    use crate::cli::talk::stdin::Lines;
    use crate::plain::{Form, Printer};
    use crate::store::{Config, key_text};

    fn peer(number: u8) -> PeerId {
        PeerId::new([number; 32])
    }

    #[test]
    fn everybody_is_looked_at_in_turn() {
        let mut routes = Routes::default();
        let of = |numbers: &[u8]| Reachable {
            others: numbers.iter().copied().map(peer).collect(),
            ..Reachable::default()
        };
        let everybody = of(&[5, 1, 4, 2, 6, 3]);
        let mut turn = || routes.turn(&everybody);
        assert_eq!(turn(), [1, 2, 3, 4].map(peer));
        assert_eq!(turn(), [5, 6, 1, 2].map(peer));
        assert_eq!(turn(), [3, 4, 5, 6].map(peer));
        assert_eq!(turn(), [1, 2, 3, 4].map(peer));
        assert_eq!(routes.turn(&of(&[2])), [peer(2)]);
        assert_eq!(routes.turn(&of(&[])), []);
        assert_eq!(routes.turn(&of(&[1])), [peer(1)]);
    }

    #[test]
    fn whoever_is_connected_waits_for_none_of_those_who_are_not() {
        let mut routes = Routes::default();
        let reachable = Reachable {
            connected: vec![peer(200)],
            others: (1..100).map(peer).collect(),
        };
        for first in [1, 5, 9] {
            let turn = routes.turn(&reachable);
            assert_eq!(turn.first(), Some(&peer(200)));
            assert_eq!(turn[1..], [0, 1, 2, 3].map(|more| peer(first + more)));
        }
    }

    #[test]
    fn another_way_to_the_same_host_is_news_and_a_way_to_another_host_is_none() {
        let [host, other, home, train] = [1, 2, 3, 4].map(|n| IpAddr::from([192, 0, 2, n]));
        let mut routes = Routes::default();
        assert_eq!(routes.note(peer(1), host, home), None, "the first");
        assert_eq!(routes.note(peer(1), host, home), None);
        assert_eq!(routes.note(peer(1), host, train), Some(home));
        let again = routes.note(peer(1), host, train);
        assert_eq!(again, None, "it is told once");
        let elsewhere = routes.note(peer(1), other, home);
        assert_eq!(elsewhere, None, "the peer moved");
        assert_eq!(routes.note(peer(2), host, home), None, "another peer");
    }

    #[test]
    fn a_way_to_a_host_that_there_was_none_to_is_news_once() {
        let [host, other] = [1, 2].map(|n| IpAddr::from([192, 0, 2, n]));
        let mut routes = Routes::default();
        let mut notes = |ways: &[(IpAddr, bool)]| {
            let ways = ways
                .iter()
                .map(|(to, has_way)| (SocketAddr::new(*to, 9), *has_way));
            let again = routes.note_ways(peer(1), &ways.collect::<Vec<_>>());
            again.map(|it| it.ip())
        };
        assert_eq!(notes(&[(host, true)]), None, "there was always one");
        assert_eq!(notes(&[(host, false), (other, false)]), None);
        assert_eq!(notes(&[(host, false), (other, true)]), Some(other));
        assert_eq!(notes(&[(host, true)]), Some(host));
        assert_eq!(notes(&[(host, true)]), None);
        assert_eq!(notes(&[(host, false)]), None);
        assert_eq!(notes(&[(other, true)]), None, "it is elsewhere");
        assert_eq!(notes(&[(host, true)]), None, "and was forgotten here");
    }

    #[test]
    fn whoever_is_gone_is_forgotten() {
        let mut routes = Routes::default();
        let host = IpAddr::from([192, 0, 2, 1]);
        routes.note(peer(1), host, host);
        routes.note_ways(peer(1), &[(SocketAddr::new(host, 9), false)]);
        routes.turn(&Reachable {
            connected: vec![peer(2)],
            others: vec![peer(3)],
        });
        assert!(routes.of.is_empty() && routes.without.is_empty());
    }

    #[test]
    fn whoever_looks_around_after_more_than_a_minute_was_asleep() {
        let mut state = State::default();
        let mut looks = |second| state.looks(Instant::ZERO + Duration::from_secs(second));
        assert!(!looks(100), "it is the first time");
        let seconds = [101, 161, 222, 223];
        assert_eq!(seconds.map(looks), [false, false, true, false]);
    }

    /// A conversation with bob, whom it knows and has no address of.
    fn conversation(home: &std::path::Path, keepalive: Keepalive) -> Conversation {
        let context = context(home);
        let bob = format!("bob {}\n", key_text(&peer(2)));
        std::fs::write(context.paths.known_peers(), bob).unwrap();
        let network = network(&context);
        let printer = Printer::new(Form::Records, streams::stdout(), streams::stderr(), true);
        let ends = (Face::Service(printer), Typist::Nobody, Lines::none());
        let goal = Goal::Listen { once: None };
        let mut look = Look::from(&context);
        let config = Config {
            keepalive,
            ..Config::default()
        };
        look.config = &config;
        crate::cli::talk::conversation(network, ends, goal, Duration::ZERO, look)
    }

    #[test]
    fn where_a_nat_is_seen_it_is_held_open_unless_the_settings_say_otherwise() {
        let home = tempfile::tempdir().unwrap();
        let [inside, outside] = ["192.168.1.7", "203.0.113.9"].map(|it| it.parse().unwrap());
        let to = |ip| SocketAddr::new(ip, 7419);
        let every = Duration::from_secs(300);
        for (keepalive, of_nat) in [
            (Keepalive::Auto, Some(NAT_KEEPALIVE)),
            (Keepalive::Off, None),
            (Keepalive::Every(every), None),
        ] {
            let talk = conversation(home.path(), keepalive);
            let held = |to, from| {
                talk.hold_open(peer(2), to, from).unwrap();
                talk.status(peer(2)).unwrap().unwrap().keepalive
            };
            assert_eq!(held(to(outside), inside), of_nat);
            assert_eq!(held(to(inside), inside), None);
            assert_eq!(held(to(outside), outside), None);
        }
    }

    #[test]
    fn whoever_is_looked_at_is_held_open_no_more_where_no_nat_is_seen() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = conversation(home.path(), Keepalive::Auto);
        let set = |talk: &Conversation| {
            let here = [SocketAddr::from(([127, 0, 0, 1], 9))];
            let connected = talk.handle.with(|messenger, now| {
                let endpoint = messenger.endpoint_mut();
                endpoint.set_keepalive(peer(2), Some(NAT_KEEPALIVE), now);
                endpoint.connect(peer(2), &here, now)
            });
            connected.unwrap().unwrap();
        };
        set(&talk);
        let now = talk.clock.now();
        talk.look_at_network(false, now).unwrap();
        assert_eq!(talk.status(peer(2)).unwrap().unwrap().keepalive, None);
    }
}
