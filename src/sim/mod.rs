//! The deterministic simulator: a seeded network, a virtual clock and whole endpoints upon them, all
//! in one thread. The same seed gives the same bytes.

mod forger;
mod habits;
mod judge;
mod nat;
mod netem;
mod network;
mod node;
mod pair;
mod rng;
mod world;

pub use forger::Forger;
pub use habits::Habits;
pub use nat::NatConfig;
pub use netem::{Arrival, Burst, Link, LinkConfig, LinkStats, flip_bit};
pub use network::{Delivery, Filter, HostId, NatId, Network, Sighting, Verdict};
pub use node::{Known, Node, Received};
pub use pair::Pair;
pub use rng::{MILLION, SimRng};
pub use world::{NodeId, PORT, World};
