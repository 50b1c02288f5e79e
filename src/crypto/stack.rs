//! Wipes what a deep computation left behind on the stack.

use core::hint::black_box;

/// How much of the dead stack is overwritten.
///
/// The deepest handshake step was measured to need less than 60 KiB below its caller, even without
/// optimisation. This is an eighth of the 2 MiB that a thread has.
pub(super) const SCRUB_LEN: usize = 256 * 1024;

/// How much of it a datagram's cipher uses.
///
/// Below its caller ring was measured to need 1.3 KiB, chacha20poly1305 3.1 KiB, and 20 KiB without
/// optimisation.
const SHALLOW_LEN: usize = if cfg!(debug_assertions) {
    32 * 1024
} else if cfg!(feature = "ring") {
    2 * 1024
} else {
    4 * 1024
};

/// Overwrites the 256 KiB of dead stack below the caller's frame.
///
/// snow, x25519-dalek and libcrux move keys and intermediate values through stack frames that they do
/// not wipe. Called where such a computation has returned, this lays zeros over all of them. The
/// caller's own frame is not covered, so the computation must be in a function that is not inlined.
#[inline(always)]
pub fn scrub_stack() {
    overwrite::<SCRUB_LEN>();
}

/// How much of it a batch of datagrams uses: as one datagram, and the frames between whoever has the batch
/// and the cipher.
const BATCH_LEN: usize = 2 * SHALLOW_LEN;

/// Wipes the dead stack below whoever holds it when it is dropped, for all the datagrams that were sealed
/// or opened meanwhile: a batch costs one wipe. To be dropped before the thread waits for anything.
#[derive(Debug)]
pub struct BatchWipe(());

impl BatchWipe {
    /// Begins a batch.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it is begun, not made of nothing"
    )]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Drop for BatchWipe {
    #[inline(always)]
    fn drop(&mut self) {
        overwrite::<BATCH_LEN>();
    }
}

#[inline(never)]
fn overwrite<const LEN: usize>() {
    // The reference escapes into `black_box`, so the zeros must really be written.
    let mut dead = [0_u8; LEN];
    black_box(&mut dead);
}
