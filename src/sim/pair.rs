//! Two nodes that know each other: the smallest world, for tests of one conversation.

use core::ops::{Deref, DerefMut};
use core::time::Duration;

use crate::proto::EndpointConfig;
use crate::sim::netem::LinkConfig;
use crate::sim::world::{NodeId, World};

/// Long enough for a handshake and its confirmation on a link that loses nothing.
const CONNECT_LIMIT: Duration = Duration::from_secs(7);

/// A world of two nodes, `a` and `b`. Everything that a [`World`] can do, it can.
pub struct Pair {
    world: World,
    /// The first node.
    pub a: NodeId,
    /// The second node.
    pub b: NodeId,
}

impl Pair {
    /// Two nodes that know each other, 20 ms apart, with no session yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut pair = Self::strangers(seed, EndpointConfig::default(), EndpointConfig::default());
        pair.world.introduce(pair.a, pair.b);
        pair
    }

    /// Two nodes of these policies that know nothing of each other.
    #[must_use]
    pub fn strangers(seed: u64, a: EndpointConfig, b: EndpointConfig) -> Self {
        let mut world = World::new(seed);
        world.set_links(&LinkConfig::delay(Duration::from_millis(20)));
        let (a, b) = (world.add_node("alice", a), world.add_node("bob", b));
        Self { world, a, b }
    }

    /// Two nodes with a session that `a` opened.
    ///
    /// # Panics
    /// If they do not get one.
    #[must_use]
    pub fn connected(seed: u64) -> Self {
        let mut pair = Self::new(seed);
        pair.connect_both_ways();
        pair
    }

    /// Lets `a` connect and waits until both have the session.
    ///
    /// # Panics
    /// If they do not get one in time.
    pub fn connect_both_ways(&mut self) {
        let (a, b) = (self.a, self.b);
        self.world.connect(a, b).expect("both know each other");
        let done = |w: &World| w.established(a, b) > 0 && w.established(b, a) > 0;
        assert!(
            self.world.advance_until(CONNECT_LIMIT, done),
            "no session in time"
        );
    }

    /// One line each way, each of which must arrive within `limit` although nothing repeats it.
    #[must_use]
    pub fn chat(&mut self, limit: Duration) -> bool {
        let (a, b) = (self.a, self.b);
        let (Ok(there), Ok(back)) = (self.world.talk(a, b), self.world.talk(b, a)) else {
            return false;
        };
        self.world
            .advance_until(limit, |w| w.has_seen(b, &there) && w.has_seen(a, &back))
    }
}

impl Deref for Pair {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Pair {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}
