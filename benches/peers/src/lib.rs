//! What the benchmarks share: rounds that take turns, a clock that other programs do not move, securechat and
//! quinn-proto as two endpoints in one thread.

pub mod measure;
pub mod ours;
pub mod quic;
pub mod tls;
