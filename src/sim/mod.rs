//! The deterministic simulator: a seeded network, a virtual clock and whole endpoints upon them, all
//! in one thread. The same seed gives the same bytes.

mod nat;
mod netem;
mod network;
mod rng;

pub use nat::NatConfig;
pub use netem::{Arrival, Burst, Link, LinkConfig, LinkStats, flip_bit};
pub use network::{Delivery, Filter, HostId, NatId, Network, Sighting, Verdict};
pub use rng::{MILLION, SimRng};
