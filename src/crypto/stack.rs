//! Wipes what a deep computation left behind on the stack.

use core::hint::black_box;

/// How much of the dead stack is overwritten.
///
/// The deepest handshake step (ML-KEM's key generation) was measured to need 144 KiB below its caller
/// without optimisation and 56 KiB with it. This is an eighth of the 2 MiB that a thread has.
pub(super) const SCRUB_LEN: usize = 256 * 1024;

/// Overwrites the 256 KiB of dead stack below the caller's frame.
///
/// snow, x25519-dalek and ml-kem move keys and intermediate values through stack frames that they do
/// not wipe. Called where such a computation has returned, this lays zeros over all of them. The
/// caller's own frame is not covered, so the computation must be in a function that is not inlined.
#[inline(never)]
pub fn scrub_stack() {
    // The reference escapes into `black_box`, so the zeros must really be written.
    let mut dead = [0_u8; SCRUB_LEN];
    black_box(&mut dead);
}
