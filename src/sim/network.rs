//! The virtual network: hosts with names and addresses, a link for each direction, boxes that
//! translate addresses, a tap on everything, and the virtual clock.
//!
//! A datagram's way: 1. the sender's box translates its source; 2. the tap records it; 3. the
//! filter may drop or change it; 4. the link of this direction says when what arrives; 5. at that
//! time the destination is looked up, so that whoever moved meanwhile does not get it.

use core::hash::{Hash, Hasher};
use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::DefaultHasher;

use crate::sim::nat::{Nat, NatConfig};
use crate::sim::netem::{Link, LinkConfig};
use crate::sim::rng::SimRng;
use crate::time::Instant;

/// Streams of the run's seed that belong to links begin here.
const LINK_STREAMS: u64 = 1 << 40;

/// Somebody who is plugged in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HostId(u32);

/// A box that was added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NatId(u32);

/// A datagram as an observer outside sees it, when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When it was sent.
    pub at: Instant,
    /// Its source address, translated.
    pub from: SocketAddr,
    /// Its destination.
    pub to: SocketAddr,
    /// Who really sent it; none for an injected one.
    pub sender: Option<HostId>,
    /// Its bytes.
    pub datagram: Vec<u8>,
}

/// What an attacker on the path does with a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Lets it go on.
    Pass,
    /// Makes it vanish.
    Drop,
    /// Sends this instead.
    Replace(Vec<u8>),
}

/// An attacker on the path, asked about every datagram that a host sends.
pub type Filter = Box<dyn FnMut(&Sighting) -> Verdict>;

/// A datagram that arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// At whom.
    pub host: HostId,
    /// Its source as the receiver sees it.
    pub from: SocketAddr,
    /// The receiver's own address that it was sent to, translated back.
    pub to: SocketAddr,
    /// Its bytes.
    pub datagram: Vec<u8>,
}

struct Host {
    name: String,
    /// The first one is the source of what it sends.
    addresses: Vec<SocketAddr>,
    nat: Option<NatId>,
}

struct Flight {
    from: SocketAddr,
    to: SocketAddr,
    datagram: Vec<u8>,
}

/// The network and its clock.
pub struct Network {
    seed: u64,
    now: Instant,
    hosts: BTreeMap<HostId, Host>,
    nats: BTreeMap<NatId, Nat>,
    owners: BTreeMap<SocketAddr, HostId>,
    default_link: LinkConfig,
    links: BTreeMap<(HostId, HostId), Link>,
    blocked: BTreeSet<(HostId, HostId)>,
    filter: Option<Filter>,
    /// By arrival, then by order of sending: the order is the same in every run.
    in_flight: BTreeMap<(Instant, u64), Flight>,
    sequence: u64,
    capture: Option<Vec<Sighting>>,
    digest: DefaultHasher,
    sent: u64,
}

impl Network {
    /// An empty network of the run number `seed`, with perfect links.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            now: Instant::ZERO,
            hosts: BTreeMap::new(),
            nats: BTreeMap::new(),
            owners: BTreeMap::new(),
            default_link: LinkConfig::default(),
            links: BTreeMap::new(),
            blocked: BTreeSet::new(),
            filter: None,
            in_flight: BTreeMap::new(),
            sequence: 0,
            capture: Some(Vec::new()),
            digest: DefaultHasher::new(),
            sent: 0,
        }
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Plugs a host in. `name` is for people.
    pub fn attach(&mut self, name: &str, address: SocketAddr) -> HostId {
        let id = HostId(number(self.hosts.len()));
        let host = Host {
            name: name.to_owned(),
            addresses: vec![address],
            nat: None,
        };
        self.hosts.insert(id, host);
        self.owners.insert(address, id);
        id
    }

    /// Gives a host one more address, at which it only receives.
    pub fn add_address(&mut self, host: HostId, address: SocketAddr) {
        self.host_mut(host).addresses.push(address);
        self.owners.insert(address, host);
    }

    /// Moves a host to another address; what is under way to the old ones is lost.
    pub fn roam(&mut self, host: HostId, address: SocketAddr) {
        let old = core::mem::replace(&mut self.host_mut(host).addresses, vec![address]);
        for address in old {
            self.owners.remove(&address);
        }
        self.owners.insert(address, host);
    }

    /// The host's name.
    ///
    /// # Panics
    /// If `host` is of another network.
    #[must_use]
    pub fn name(&self, host: HostId) -> &str {
        &self.host(host).name
    }

    /// The host's own address; behind a box it is of no use to others.
    ///
    /// # Panics
    /// If `host` is of another network.
    #[must_use]
    pub fn address(&self, host: HostId) -> SocketAddr {
        *self
            .host(host)
            .addresses
            .first()
            .expect("a host always has an address")
    }

    /// Adds a box that translates addresses.
    pub fn add_nat(&mut self, config: NatConfig) -> NatId {
        let id = NatId(number(self.nats.len()));
        self.nats.insert(id, Nat::new(config));
        id
    }

    /// Puts a host behind a box, or in the open.
    pub fn put_behind(&mut self, host: HostId, nat: Option<NatId>) {
        self.host_mut(host).nat = nat;
    }

    /// Makes a box forget its mappings.
    pub fn rebind(&mut self, nat: NatId) {
        if let Some(nat) = self.nats.get_mut(&nat) {
            nat.rebind();
        }
    }

    /// Sets the behaviour of every link, present and future.
    pub fn set_links(&mut self, config: &LinkConfig) {
        self.default_link = config.clone();
        for link in self.links.values_mut() {
            link.set_config(config.clone());
        }
    }

    /// Cuts one direction: what is sent from now on vanishes.
    pub fn block(&mut self, from: HostId, to: HostId) {
        self.blocked.insert((from, to));
    }

    /// Mends what [`Self::block`] cut.
    pub fn unblock(&mut self, from: HostId, to: HostId) {
        self.blocked.remove(&(from, to));
    }

    /// Cuts both directions between two hosts.
    pub fn partition(&mut self, a: HostId, b: HostId) {
        self.block(a, b);
        self.block(b, a);
    }

    /// Mends what [`Self::block`] and [`Self::partition`] cut between two hosts.
    pub fn heal(&mut self, a: HostId, b: HostId) {
        self.blocked.remove(&(a, b));
        self.blocked.remove(&(b, a));
    }

    /// Whether `from` cannot send to `to`.
    #[must_use]
    pub fn is_blocked(&self, from: HostId, to: HostId) -> bool {
        self.blocked.contains(&(from, to))
    }

    /// Mends everything that was cut.
    pub fn heal_all(&mut self) {
        self.blocked.clear();
    }

    /// Puts an attacker on every path, or takes him away.
    pub fn set_filter(&mut self, filter: Option<Filter>) {
        self.filter = filter;
    }

    /// Turns the tap's memory on (empty) or off; the digest goes on regardless.
    pub fn set_capture(&mut self, on: bool) {
        self.capture = on.then(Vec::new);
    }

    /// Everything that was sent since the tap's memory was turned on.
    #[must_use]
    pub fn capture(&self) -> &[Sighting] {
        self.capture.as_deref().unwrap_or_default()
    }

    /// A hash of time, addresses and bytes of every datagram ever sent.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest.finish()
    }

    /// How many datagrams were sent, injected ones among them.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// How many datagrams are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Sends a datagram from a host's own address.
    pub fn send(&mut self, sender: HostId, to: SocketAddr, datagram: Vec<u8>) {
        let inside = self.address(sender);
        let from = self.translate_out(sender, inside);
        let sighting = Sighting {
            at: self.now,
            from,
            to,
            sender: Some(sender),
            datagram,
        };
        self.record(&sighting);
        let verdict = self
            .filter
            .as_mut()
            .map_or(Verdict::Pass, |filter| filter(&sighting));
        let datagram = match verdict {
            Verdict::Pass => sighting.datagram,
            Verdict::Drop => return,
            Verdict::Replace(other) => other,
        };
        let Some((receiver, _)) = self.resolve(to) else {
            return;
        };
        if self.is_blocked(sender, receiver) {
            return;
        }
        let now = self.now;
        for arrival in self.link_mut(sender, receiver).send(datagram, now) {
            self.fly(
                arrival.at,
                Flight {
                    from,
                    to,
                    datagram: arrival.datagram,
                },
            );
        }
    }

    /// Makes a datagram arrive now, from whatever address it claims, past links, filter and cuts.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, datagram: Vec<u8>) {
        let sighting = Sighting {
            at: self.now,
            from,
            to,
            sender: None,
            datagram,
        };
        self.record(&sighting);
        self.fly(
            self.now,
            Flight {
                from,
                to,
                datagram: sighting.datagram,
            },
        );
    }

    /// When the next datagram arrives.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.in_flight.keys().next().map(|(at, _)| *at)
    }

    /// Sets the clock; it never goes back.
    pub fn advance_to(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// The next datagram that has arrived by now. One for an address that nobody has is lost.
    #[must_use]
    pub fn take_delivery(&mut self) -> Option<Delivery> {
        loop {
            let entry = self
                .in_flight
                .first_entry()
                .filter(|e| e.key().0 <= self.now)?;
            let Flight { from, to, datagram } = entry.remove();
            if let Some((host, to)) = self.resolve(to) {
                return Some(Delivery {
                    host,
                    from,
                    to,
                    datagram,
                });
            }
        }
    }

    fn translate_out(&mut self, host: HostId, inside: SocketAddr) -> SocketAddr {
        let nat = self.host(host).nat.and_then(|nat| self.nats.get_mut(&nat));
        nat.map_or(inside, |nat| nat.outbound(inside, self.now))
    }

    /// Who gets what is sent to `to` now, and at which of his own addresses.
    fn resolve(&self, to: SocketAddr) -> Option<(HostId, SocketAddr)> {
        if let Some(nat) = self.nats.values().find(|nat| nat.outside() == to.ip()) {
            let inside = nat.inbound(to.port(), self.now)?;
            return self.owners.get(&inside).map(|host| (*host, inside));
        }
        let host = *self.owners.get(&to)?;
        self.host(host).nat.is_none().then_some((host, to))
    }

    fn record(&mut self, sighting: &Sighting) {
        let Sighting {
            at,
            from,
            to,
            sender: _,
            datagram,
        } = sighting;
        (at, from, to, datagram).hash(&mut self.digest);
        self.sent += 1;
        if let Some(capture) = &mut self.capture {
            capture.push(sighting.clone());
        }
    }

    fn fly(&mut self, at: Instant, flight: Flight) {
        self.in_flight.insert((at, self.sequence), flight);
        self.sequence += 1;
    }

    fn link_mut(&mut self, from: HostId, to: HostId) -> &mut Link {
        let (seed, config) = (self.seed, &self.default_link);
        let stream = LINK_STREAMS | (u64::from(from.0) << 20) | u64::from(to.0);
        let new = || Link::new(config.clone(), SimRng::stream(seed, stream));
        self.links.entry((from, to)).or_insert_with(new)
    }

    fn host(&self, host: HostId) -> &Host {
        self.hosts.get(&host).expect("host ids come from attach")
    }

    fn host_mut(&mut self, host: HostId) -> &mut Host {
        self.hosts
            .get_mut(&host)
            .expect("host ids come from attach")
    }
}

fn number(len: usize) -> u32 {
    u32::try_from(len).expect("a simulated network is small")
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn address(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], port))
    }

    fn pair() -> (Network, HostId, HostId) {
        let mut network = Network::new(1);
        let a = network.attach("a", address(1, 7419));
        let b = network.attach("b", address(2, 7419));
        (network, a, b)
    }

    fn advance(network: &mut Network, ms: u64) {
        network.advance_to(network.now() + Duration::from_millis(ms));
    }

    fn bytes(network: &mut Network) -> Option<Vec<u8>> {
        network.take_delivery().map(|delivery| delivery.datagram)
    }

    #[test]
    fn a_datagram_arrives_after_the_delay_with_its_source() {
        let (mut network, a, b) = pair();
        network.set_links(&LinkConfig::delay(Duration::from_millis(10)));
        network.send(a, address(2, 7419), vec![1]);
        assert_eq!(network.take_delivery(), None);
        assert_eq!(network.next_arrival(), Some(Instant::from_micros(10_000)));
        advance(&mut network, 10);
        let delivery = Delivery {
            host: b,
            from: address(1, 7419),
            to: address(2, 7419),
            datagram: vec![1],
        };
        assert_eq!(network.take_delivery(), Some(delivery));
        assert_eq!(network.in_flight(), 0);
    }

    #[test]
    fn what_arrives_together_keeps_the_order_of_sending() {
        let (mut network, a, b) = pair();
        for n in 0..10 {
            network.send(a, network.address(b), vec![n]);
        }
        assert!((0..10).all(|n| bytes(&mut network) == Some(vec![n])));
    }

    #[test]
    fn a_cut_direction_is_cut_and_heals() {
        let (mut network, a, b) = pair();
        network.block(a, b);
        network.send(a, address(2, 7419), vec![1]);
        network.send(b, address(1, 7419), vec![2]);
        assert_eq!(bytes(&mut network), Some(vec![2]));
        assert_eq!(bytes(&mut network), None);
        network.heal(a, b);
        network.send(a, address(2, 7419), vec![3]);
        assert_eq!(bytes(&mut network), Some(vec![3]));
    }

    #[test]
    fn who_moves_loses_what_is_under_way() {
        let (mut network, a, b) = pair();
        network.set_links(&LinkConfig::delay(Duration::from_millis(10)));
        network.send(a, address(2, 7419), vec![1]);
        network.roam(b, address(3, 7419));
        network.send(a, address(3, 7419), vec![2]);
        advance(&mut network, 10);
        assert_eq!(bytes(&mut network), Some(vec![2]));
        assert_eq!(bytes(&mut network), None);
        network.send(b, address(1, 7419), vec![3]);
        advance(&mut network, 10);
        assert_eq!(network.take_delivery().unwrap().from, address(3, 7419));
    }

    #[test]
    fn behind_a_box_only_answers_get_in() {
        let (mut network, a, b) = pair();
        let outside = [203, 0, 113, 1].into();
        let nat = network.add_nat(NatConfig {
            outside,
            idle: Duration::from_secs(30),
        });
        network.put_behind(a, Some(nat));
        network.send(b, address(1, 7419), vec![1]);
        assert_eq!(
            bytes(&mut network),
            None,
            "the inside address is of no use outside"
        );
        network.send(a, address(2, 7419), vec![2]);
        let seen = network.take_delivery().unwrap().from;
        assert_eq!(seen.ip(), outside);
        network.send(b, seen, vec![3]);
        let answer = network.take_delivery().unwrap();
        assert_eq!((answer.host, answer.to), (a, address(1, 7419)));
        network.rebind(nat);
        network.send(b, seen, vec![4]);
        assert_eq!(bytes(&mut network), None);
        network.send(a, address(2, 7419), vec![5]);
        assert_ne!(network.take_delivery().unwrap().from, seen);
    }

    #[test]
    fn the_filter_drops_and_replaces() {
        let (mut network, a, b) = pair();
        network.set_filter(Some(Box::new(|seen| match seen.datagram.as_slice() {
            [1] => Verdict::Drop,
            [2] => Verdict::Replace(vec![9]),
            _ => Verdict::Pass,
        })));
        for n in 1..=3 {
            network.send(a, network.address(b), vec![n]);
        }
        assert_eq!(bytes(&mut network), Some(vec![9]));
        assert_eq!(bytes(&mut network), Some(vec![3]));
        assert_eq!(network.capture().len(), 3, "the tap sees what was sent");
    }

    #[test]
    fn an_injected_datagram_claims_any_source() {
        let (mut network, a, b) = pair();
        network.partition(a, b);
        network.inject(address(1, 7419), address(2, 7419), vec![1]);
        let delivery = network.take_delivery().unwrap();
        assert_eq!((delivery.host, delivery.from), (b, address(1, 7419)));
        assert_eq!(network.capture()[0].sender, None);
    }

    #[test]
    fn one_host_may_have_many_addresses() {
        let (mut network, a, b) = pair();
        network.add_address(b, address(2, 9000));
        network.send(a, address(2, 9000), vec![1]);
        assert_eq!(network.take_delivery().unwrap().to, address(2, 9000));
        assert_eq!(network.name(b), "b");
    }

    #[test]
    fn same_seed_same_digest() {
        let run = |seed| {
            let mut network = Network::new(seed);
            let a = network.attach("a", address(1, 7419));
            let b = network.attach("b", address(2, 7419));
            network.set_links(&LinkConfig::bad());
            network.set_capture(false);
            for n in 0..100 {
                network.send(a, network.address(b), vec![n; 100]);
                advance(&mut network, 20);
                while let Some(delivery) = network.take_delivery() {
                    network.send(b, delivery.from, delivery.datagram);
                }
            }
            (network.digest(), network.sent())
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }
}
