//! Nodes on a network under one clock, with the commands that a run is made of, and a judge of
//! every message.

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use crate::chat::{ConversationId, Draft, Kind, Name, SendError, State};
use crate::id::PeerId;
use crate::proto::{ApiMisuse, Endpoint, EndpointConfig, Event, SessionStatus};
use crate::sim::habits::Habits;
use crate::sim::judge::Judge;
use crate::sim::netem::LinkConfig;
use crate::sim::network::{Delivery, HostId, Network};
use crate::sim::node::{Known, Node};
use crate::sim::rng::SimRng;
use crate::time::{Instant, UnixTime};

/// The port that every node starts with.
pub const PORT: u16 = 7419;
/// Times that the clock may stand still while somebody has something to do. More is a loop.
const MAX_STEPS_WITHOUT_TIME: u32 = 100_000;

/// One node of a world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeId(usize);

/// Nodes, network and clock.
pub struct World {
    network: Network,
    nodes: Vec<Node>,
    by_host: BTreeMap<HostId, NodeId>,
    /// What arrived at hosts that are no nodes.
    strays: BTreeMap<HostId, Vec<Delivery>>,
    wakes: BTreeMap<NodeId, Instant>,
    rng: SimRng,
    seed: u64,
    /// How many messages were asked for.
    said: u64,
    judge: Judge,
    addresses_used: u8,
}

impl World {
    /// An empty world of the run number `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            network: Network::new(seed),
            nodes: Vec::new(),
            by_host: BTreeMap::new(),
            strays: BTreeMap::new(),
            wakes: BTreeMap::new(),
            rng: SimRng::new(seed),
            seed,
            said: 0,
            judge: Judge::default(),
            addresses_used: 0,
        }
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.network.now()
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to change.
    pub const fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The world's own generator.
    pub const fn rng(&mut self) -> &mut SimRng {
        &mut self.rng
    }

    /// All nodes.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// One node.
    ///
    /// # Panics
    /// If `node` is of another world.
    #[must_use]
    pub fn node(&self, node: NodeId) -> &Node {
        at(&self.nodes, node)
    }

    /// One node, to change.
    ///
    /// # Panics
    /// If `node` is of another world.
    pub fn node_mut(&mut self, node: NodeId) -> &mut Node {
        self.nodes
            .get_mut(node.0)
            .expect("node ids come from add_node")
    }

    /// The node's public key.
    #[must_use]
    pub fn id(&self, node: NodeId) -> PeerId {
        self.node(node).id()
    }

    /// The node's address, inside its box if it is behind one.
    #[must_use]
    pub fn address(&self, node: NodeId) -> SocketAddr {
        self.network.address(self.node(node).host)
    }

    /// What was wrong with messages and what was told of them. Must stay empty: otherwise the world
    /// panics at its end.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        self.judge.violations()
    }

    /// An address that nobody had before.
    ///
    /// # Panics
    /// After 250 of them.
    pub fn fresh_address(&mut self) -> SocketAddr {
        self.addresses_used = self
            .addresses_used
            .checked_add(1)
            .expect("few addresses are used");
        SocketAddr::from((Ipv4Addr::new(10, 0, self.addresses_used, 1), PORT))
    }

    /// Plugs a node in and starts its process.
    pub fn add_node(&mut self, name: &str, config: EndpointConfig) -> NodeId {
        let id = NodeId(self.nodes.len());
        let address = self.fresh_address();
        let host = self.network.attach(name, address);
        let stream = u64::try_from(id.0 + 1).unwrap_or(u64::MAX);
        self.nodes
            .push(Node::new(host, config, SimRng::stream(self.seed, stream)));
        self.by_host.insert(host, id);
        self.start(id);
        id
    }

    /// Makes two nodes know each other's key and address.
    pub fn introduce(&mut self, a: NodeId, b: NodeId) {
        self.add_peer(a, b);
        self.add_peer(b, a);
    }

    /// Writes `peer`, with its address of now, into `node`'s known-peers.
    pub fn add_peer(&mut self, node: NodeId, peer: NodeId) {
        let known = Known {
            addresses: vec![self.address(peer)],
            psk: None,
        };
        self.add_known(node, self.id(peer), known);
    }

    /// Writes `peer` into `node`'s known-peers.
    pub fn add_known(&mut self, node: NodeId, peer: PeerId, known: Known) {
        let now = self.now();
        self.node_mut(node).add_peer(peer, known, now);
        self.settle(node);
    }

    /// Deletes `peer` from `node`'s known-peers.
    pub fn remove_peer(&mut self, node: NodeId, peer: PeerId) {
        let now = self.now();
        self.judge.on_remove(at(&self.nodes, node), peer);
        self.node_mut(node).remove_peer(peer, now);
        self.settle(node);
    }

    /// Revokes `peer` in `node`'s known-peers.
    pub fn revoke_peer(&mut self, node: NodeId, peer: PeerId) {
        let now = self.now();
        self.judge.on_remove(at(&self.nodes, node), peer);
        self.node_mut(node).revoke_peer(peer, now);
        self.settle(node);
    }

    /// `node`'s user takes a guest in, seen at `address`.
    ///
    /// # Errors
    /// As [`Endpoint::accept_guest`].
    pub fn accept_guest(
        &mut self,
        node: NodeId,
        guest: PeerId,
        address: SocketAddr,
    ) -> Result<(), ApiMisuse> {
        let result = self.command(node, |endpoint, _| endpoint.accept_guest(guest));
        if result == Some(Ok(())) {
            self.node_mut(node).learn(guest, address);
        }
        result.unwrap_or(Ok(()))
    }

    /// `node`'s user sends a guest away.
    pub fn refuse_guest(&mut self, node: NodeId, guest: PeerId) {
        self.command(node, |endpoint, now| endpoint.refuse_guest(guest, now));
    }

    /// `node` connects to `peer` at the addresses that it knows.
    ///
    /// # Errors
    /// As [`Endpoint::connect`].
    pub fn connect(&mut self, node: NodeId, peer: NodeId) -> Result<(), ApiMisuse> {
        let peer = self.id(peer);
        let known = self.node(node).known(peer).cloned().unwrap_or_default();
        let connect = self.command(node, |e, now| e.connect(peer, &known.addresses, now));
        connect.unwrap_or(Ok(()))
    }

    /// `from` says something new to `to`; the text comes back.
    ///
    /// # Errors
    /// As [`Messenger::send`](crate::chat::Messenger::send).
    pub fn talk(&mut self, from: NodeId, to: NodeId) -> Result<Vec<u8>, SendError> {
        let len = 40 + self.rng.index(400);
        let text = self.text(len);
        self.say(from, to, text.clone()).map(|()| text)
    }

    /// `from` says `text` to `to`; nothing happens if no process runs or the machine is suspended.
    ///
    /// # Errors
    /// As [`Messenger::send`](crate::chat::Messenger::send).
    pub fn say(&mut self, from: NodeId, to: NodeId, text: Vec<u8>) -> Result<(), SendError> {
        self.send(from, to, text)
            .map_or(Ok(()), |sent| sent.map(|_| ()))
    }

    /// `from` sends `to` so many bytes that it never sent before; none if no process runs or the
    /// machine is suspended.
    pub fn send_bytes(
        &mut self,
        from: NodeId,
        to: NodeId,
        len: usize,
    ) -> Option<Result<Name, SendError>> {
        let text = self.text(len);
        self.send(from, to, text)
    }

    /// Text of so many bytes, of which no two pieces are alike.
    fn text(&mut self, len: usize) -> Vec<u8> {
        self.said += 1;
        let mut text = format!("line {} at {}:", self.said, self.now()).into_bytes();
        while text.len() < len {
            text.extend(format!(" {}", text.len()).into_bytes());
        }
        text.truncate(len);
        text
    }

    fn send(&mut self, from: NodeId, to: NodeId, body: Vec<u8>) -> Option<Result<Name, SendError>> {
        if !self.node(from).is_up() {
            return None;
        }
        let (peer, now) = (self.id(to), self.now());
        let draft = Draft {
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(0),
            body: body.clone(),
        };
        let node = self.node_mut(from);
        let answer = node.with_messenger(now, |m, now| m.send(peer.into(), draft, now))?;
        let [node, other] = [from, to].map(|id| at(&self.nodes, id));
        self.judge.on_send(node, other, &body, answer, now);
        self.settle(from);
        Some(answer)
    }

    /// How far a message has come; none if it was never accepted.
    #[must_use]
    pub fn state(&self, from: NodeId, to: NodeId, name: Name) -> Option<State> {
        self.judge.state(self.id(from), self.id(to), name)
    }

    /// How far every message has come that was ever accepted.
    pub fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.judge.states()
    }

    /// How many messages that the process of `from` accepted for `to` are neither delivered nor failed.
    #[must_use]
    pub fn unsettled(&self, from: NodeId, to: NodeId) -> usize {
        self.judge.unsettled(self.id(from), self.id(to))
    }

    /// Ends the process of `node` and starts one that treats messages in this way.
    pub fn set_habits(&mut self, node: NodeId, habits: Habits) {
        self.node_mut(node).set_habits(habits);
        self.restart(node);
    }

    /// `node` says goodbye to `peer`.
    pub fn close(&mut self, node: NodeId, peer: PeerId) {
        self.command(node, |endpoint, now| endpoint.close(peer, now));
    }

    /// Kills the process of `node`: no goodbye.
    pub fn stop(&mut self, node: NodeId) {
        self.judge.on_end(self.id(node), self.now());
        self.node_mut(node).stop();
    }

    /// Starts a process on `node`.
    pub fn start(&mut self, node: NodeId) {
        let now = self.now();
        self.judge.on_end(self.id(node), now);
        self.node_mut(node).start(now);
        self.settle(node);
    }

    /// Kills the process of `node` and starts another one with the same identity.
    pub fn restart(&mut self, node: NodeId) {
        self.stop(node);
        self.start(node);
    }

    /// Suspends `node`: it hears and does nothing, and its clock goes on.
    pub fn sleep(&mut self, node: NodeId, duration: Duration) {
        self.node_mut(node).sleep();
        self.wakes.insert(node, self.now() + duration);
    }

    /// Gives `node` another address.
    pub fn roam(&mut self, node: NodeId) {
        let address = self.fresh_address();
        self.network.roam(self.node(node).host, address);
    }

    /// What `node` says of its session with `peer`.
    #[must_use]
    pub fn status(&self, node: NodeId, peer: NodeId) -> Option<SessionStatus> {
        self.node(node).status(self.id(peer), self.now())
    }

    /// How often `node` was told that a session with `peer` began.
    #[must_use]
    pub fn established(&self, node: NodeId, peer: NodeId) -> usize {
        let wanted = self.id(peer);
        let is =
            |event: &Event| matches!(event, Event::Established { peer, .. } if *peer == wanted);
        self.node(node)
            .events()
            .iter()
            .filter(|(_, event)| is(event))
            .count()
    }

    /// Whether `node`'s user saw `line`.
    #[must_use]
    pub fn has_seen(&self, node: NodeId, line: &[u8]) -> bool {
        self.node(node)
            .lines()
            .iter()
            .any(|received| received.line == line)
    }

    /// What arrived at a host that is no node, once.
    pub fn take_strays(&mut self, host: HostId) -> Vec<Delivery> {
        self.strays.remove(&host).unwrap_or_default()
    }

    /// Lets a datagram arrive now, from whatever address it claims.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, datagram: Vec<u8>) {
        self.network.inject(from, to, datagram);
        self.step_until(self.now());
    }

    /// Sets the behaviour of every link.
    pub fn set_links(&mut self, config: &LinkConfig) {
        self.network.set_links(config);
    }

    /// Lets time pass.
    pub fn advance(&mut self, duration: Duration) {
        let end = self.now() + duration;
        self.step_until(end);
        self.network.advance_to(end);
        for node in self.nodes.iter().filter(|node| node.is_up()) {
            self.judge.audit_waiting(node, end);
        }
    }

    /// Lets time pass until `done`, at most `limit`; whether it came to that.
    #[must_use]
    pub fn advance_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now() + limit;
        let mut still = Still::since(self.now());
        while !done(self) {
            if !self.step(end) {
                self.network.advance_to(end);
                return done(self);
            }
            still.look(self);
        }
        true
    }

    /// Whether nothing will happen any more by itself.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.next_event().is_none()
    }

    /// Runs a command on the node's endpoint and everything that follows at once; none if no
    /// process runs or the machine is suspended.
    pub fn command<T>(
        &mut self,
        node: NodeId,
        command: impl FnOnce(&mut Endpoint, Instant) -> T,
    ) -> Option<T> {
        if !self.node(node).is_up() {
            return None;
        }
        let now = self.now();
        let result = self.node_mut(node).with_endpoint(now, command);
        self.settle(node);
        result
    }

    fn step_until(&mut self, end: Instant) {
        let mut still = Still::since(self.now());
        while self.step(end) {
            still.look(self);
        }
    }

    /// Does the next thing that is due by `end`: 1. who sleeps wakes, 2. a datagram arrives, 3. jobs
    /// end and timers fire. False if there is none.
    fn step(&mut self, end: Instant) -> bool {
        let Some(next) = self.next_event().filter(|next| *next <= end) else {
            return false;
        };
        self.network.advance_to(next);
        let now = self.now();
        let woken: Vec<NodeId> = self
            .wakes
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(node, _)| *node)
            .collect();
        for node in woken {
            self.wakes.remove(&node);
            self.node_mut(node).wake();
            self.settle(node);
        }
        if let Some(delivery) = self.network.take_delivery() {
            self.deliver(delivery);
            return true;
        }
        for node in self.node_ids() {
            if self.node(node).next_deadline().is_some_and(|at| at <= now) {
                self.node_mut(node).handle_deadline(now);
                self.settle(node);
            }
        }
        true
    }

    fn next_event(&self) -> Option<Instant> {
        let deadlines = self.nodes.iter().filter_map(Node::next_deadline);
        let arrivals = self.network.next_arrival();
        deadlines
            .chain(arrivals)
            .chain(self.wakes.values().copied())
            .min()
    }

    fn spinning(&self) -> String {
        let timers = self
            .nodes
            .iter()
            .filter_map(|node| node.endpoint()?.poll_timeout());
        format!("{:?}", timers.collect::<Vec<_>>())
    }

    fn deliver(&mut self, mut delivery: Delivery) {
        let now = self.now();
        let Some(node) = self.by_host.get(&delivery.host).copied() else {
            self.strays.entry(delivery.host).or_default().push(delivery);
            return;
        };
        self.node_mut(node)
            .handle_datagram(delivery.from, &mut delivery.datagram, now);
        self.settle(node);
    }

    /// Drains a node, sends what it sends, and judges what its user saw.
    fn settle(&mut self, id: NodeId) {
        let now = self.now();
        let node = self.node_mut(id);
        let (host, sent) = (node.host, node.drain(now));
        for (to, datagram) in sent {
            self.network.send(host, to, datagram);
        }
        self.hear(id);
    }

    /// Tells the judge what happened on a node.
    fn hear(&mut self, id: NodeId) {
        let now = self.now();
        let deeds = self.node_mut(id).take_deeds();
        if deeds.is_empty() {
            return;
        }
        let peers: BTreeSet<PeerId> = deeds.iter().map(|deed| deed.peer).collect();
        let node = at(&self.nodes, id);
        self.judge.on_deeds(node, deeds);
        for peer in peers.into_iter().filter(|_| node.is_up()) {
            self.judge.audit(node, peer, now);
        }
    }
}

impl Drop for World {
    /// No test has to ask whether a message was treated as it must be.
    fn drop(&mut self) {
        if !thread::panicking() {
            let violations = self.judge.violations();
            assert!(violations.is_empty(), "seed {}: {violations:#?}", self.seed);
        }
    }
}

/// Steps in which no time passed.
struct Still {
    steps: u32,
    at: Instant,
}

impl Still {
    const fn since(at: Instant) -> Self {
        Self { steps: 0, at }
    }

    fn look(&mut self, world: &World) {
        let now = world.now();
        self.steps = if now == self.at { self.steps + 1 } else { 0 };
        self.at = now;
        assert!(
            self.steps < MAX_STEPS_WITHOUT_TIME,
            "the clock stands still: {}",
            world.spinning()
        );
    }
}

fn at(nodes: &[Node], id: NodeId) -> &Node {
    nodes.get(id.0).expect("node ids come from add_node")
}

#[cfg(test)]
mod tests;
