//! Names for things: newtypes for every number or byte string that could be mistaken for another.

use core::cmp::Ordering;
use core::fmt;

/// Length of a static public key in bytes.
pub const PUBLIC_KEY_LEN: usize = 32;

/// A remote (or our own) static public key: 32 bytes of X25519, the only identity there is.
///
/// Aligned as the numbers beside it: every event and every key of a tree carries one, and where it shifts
/// what follows by a byte or two, copies of the whole wait for each other in the processor.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(align(8))]
pub struct PeerId([u8; PUBLIC_KEY_LEN]);

impl PeerId {
    /// Wraps the 32 bytes of a public key. Any value is allowed: low-order points are refused when
    /// they are used.
    #[must_use]
    pub const fn new(bytes: [u8; PUBLIC_KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The key's 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.0
    }

    /// The bytes as four numbers that have their order.
    fn words(&self) -> [u64; PUBLIC_KEY_LEN / 8] {
        let (words, _) = self.0.as_chunks();
        core::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_be_bytes(*word)))
    }
}

impl Ord for PeerId {
    /// As the bytes, first byte first, without a library call for each comparison.
    fn cmp(&self, other: &Self) -> Ordering {
        let [a, b, c, d] = self.words();
        let [e, f, g, h] = other.words();
        a.cmp(&e).then(b.cmp(&f)).then(c.cmp(&g)).then(d.cmp(&h))
    }
}

impl PartialOrd for PeerId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for PeerId {
    /// Nothing of the key, so that none gets into a log by a careless `?peer`: there a [`PeerLabel`] tells
    /// peers apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerId(..)")
    }
}

/// What a log calls a peer: its place in the order in which this process came to know of peers. It means
/// nothing to anybody else, nor to the next process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PeerLabel(pub u64);

impl fmt::Display for PeerLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer#{}", self.0)
    }
}

/// The public half of a signing key: 32 bytes of Ed25519. It comes with a static key, which stays the
/// identity: people never see this one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey([u8; PUBLIC_KEY_LEN]);

impl VerifyingKey {
    /// Wraps the 32 bytes. Any value is allowed: no signature holds under one that is no key.
    #[must_use]
    pub const fn new(bytes: [u8; PUBLIC_KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// The key's 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.0
    }
}

impl fmt::Debug for VerifyingKey {
    /// As silent as that of [`PeerId`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey(..)")
    }
}

/// The receiver's 32-bit handle of a handshake or a keypair, chosen at random by the receiver.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionIndex(pub u32);

/// The number of a packet under one key, also its AEAD nonce. Starts at 0 and only rises.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Counter(pub u64);

/// The connection's own packet number; it survives rekeys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PacketNumber(pub u64);

/// The number of a unidirectional stream; each direction counts its own. 1 is the chat.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StreamId(pub u64);

/// 64 random bits that one side draws whenever it starts connection state from nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// Generation number of a keypair within one endpoint; later ones are larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

/// A handshake timestamp: nanoseconds since 1970, or more when it had to be more to increase.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shows_nothing_of_itself_by_accident() {
        let bytes = core::array::from_fn(|at| u8::try_from(at).unwrap() + 0x0a);
        let (peer, verifying) = (PeerId::new(bytes), VerifyingKey::new(bytes));
        assert_eq!(format!("{peer:?} {peer:#?}"), "PeerId(..) PeerId(..)");
        assert_eq!(format!("{verifying:?}"), "VerifyingKey(..)");
        assert_eq!(PeerLabel(3).to_string(), "peer#3");
    }

    #[test]
    fn keys_have_the_order_of_their_bytes() {
        let key = |at: usize, byte: u8, rest: u8| {
            let mut bytes = [7; PUBLIC_KEY_LEN];
            bytes[at] = byte;
            bytes[at + 1..].fill(rest);
            bytes
        };
        for at in 0..PUBLIC_KEY_LEN {
            for (low, high) in [(6, 8), (0, 255), (127, 128), (7, 7)] {
                let (low, high) = (key(at, low, 255), key(at, high, 0));
                let order = PeerId::new(low).cmp(&PeerId::new(high));
                assert_eq!(order, low.cmp(&high), "byte {at}");
                assert_eq!(PeerId::new(low).cmp(&PeerId::new(low)), Ordering::Equal);
            }
        }
    }
}
