//! What congestion control makes of paths: flows over a simulated bottleneck, the criteria of
//! docs/protocol.md#loss-and-congestion, and the whole matrix for docs/benchmarks.md.

mod bulk;
mod dumbbell;
mod report;
mod talk;
mod unsteady;
