//! What the benchmarks share: rounds that take turns, a clock that other programs do not move, securechat,
//! quinn-proto and boringtun as two endpoints in one thread.

pub mod measure;
pub mod ours;
pub mod quic;
pub mod tls;
pub mod wireguard;
