//! The sizes of what goes to an address.

use crate::wire::limits::{BASE_DATAGRAM_LEN, BASE_PLAINTEXT_LEN, DATA_HEADER_LEN, TAG_LEN};

/// The smallest DATA datagram that is ever sent.
pub(super) const MIN_DATAGRAM_LEN: usize = DATA_HEADER_LEN + 64 + TAG_LEN;
/// The largest plaintext that is not padded to the path's size.
const MAX_BUCKET_LEN: usize = 1_024;

/// The largest of the usual sizes of DATA that `room` bytes hold, the base at most; zero if none.
pub(super) fn bucket_within(room: usize) -> usize {
    if room >= BASE_DATAGRAM_LEN {
        return BASE_DATAGRAM_LEN;
    }
    if room < MIN_DATAGRAM_LEN {
        return 0;
    }
    let overhead = BASE_DATAGRAM_LEN - BASE_PLAINTEXT_LEN;
    // The plaintexts below the base are powers of two.
    let plaintext = 1 << (room - overhead).ilog2();
    overhead + MAX_BUCKET_LEN.min(plaintext)
}
