//! What two people compare to be sure of each other's key: words that both sides compute from their
//! handshake, both static keys and two nonces, the first of which is committed to before the second is
//! known.
//!
//! Without the commitment whoever sits in the middle could try nonces until the words that one side
//! sees are those of the other. With it an attempt is one guess in 2^44, and a wrong one is seen.
//! Source: docs/protocol.md#verification; Vaudenay, "Secure communications over insecure channels
//! based on short authenticated strings" (CRYPTO 2005); RFC 6189 §4.4.1.1 has the same for ZRTP.

use blake2::{Blake2s256, Digest};
use subtle::ConstantTimeEq;

use crate::id::PeerId;

/// Length of a nonce and of a commitment in bytes.
pub const NONCE_LEN: usize = 32;
/// Length of a handshake hash in bytes.
pub const HASH_LEN: usize = 32;

/// What a commitment is computed with.
const COMMITMENT_LABEL: &[u8; 8] = b"sc1-comm";
/// What the code is computed with.
const CODE_LABEL: &[u8; 8] = b"sc1-word";

/// Bytes of the hash that the code is read from: 44 bits of words and 39 of numbers.
const CODE_LEN: usize = 11;

/// Who compares, over which handshake, and in which attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The handshake's hash. With it the words also differ for somebody in between who holds both static
    /// secrets, or can compute them.
    pub handshake: [u8; HASH_LEN],
    /// Drawn by the asker.
    pub attempt: u64,
    /// Whose nonce is committed to.
    pub asker: PeerId,
    /// The other side.
    pub answerer: PeerId,
}

impl Comparison {
    /// `BLAKE2s("sc1-comm" ‖ handshake ‖ attempt ‖ asker ‖ answerer ‖ the asker's nonce)`
    #[must_use]
    pub fn commitment(&self, nonce: &[u8; NONCE_LEN]) -> [u8; NONCE_LEN] {
        self.begin(COMMITMENT_LABEL)
            .chain_update(nonce)
            .finalize()
            .into()
    }

    /// Whether a revealed nonce is the one that was committed to.
    #[must_use]
    pub fn is_committed(&self, nonce: &[u8; NONCE_LEN], commitment: &[u8; NONCE_LEN]) -> bool {
        self.commitment(nonce).ct_eq(commitment).into()
    }

    /// `BLAKE2s("sc1-word" ‖ handshake ‖ attempt ‖ asker ‖ answerer ‖ the asker's nonce ‖ the
    /// answerer's)`, the first 11 bytes.
    #[must_use]
    pub fn code(&self, asker: &[u8; NONCE_LEN], answerer: &[u8; NONCE_LEN]) -> ShortCode {
        let hash = self.begin(CODE_LABEL);
        let hash: [u8; NONCE_LEN] = hash
            .chain_update(asker)
            .chain_update(answerer)
            .finalize()
            .into();
        let mut code = [0; CODE_LEN];
        for (to, from) in code.iter_mut().zip(hash) {
            *to = from;
        }
        ShortCode(code)
    }

    fn begin(&self, label: &[u8; 8]) -> Blake2s256 {
        Blake2s256::new()
            .chain_update(label)
            .chain_update(self.handshake)
            .chain_update(self.attempt.to_le_bytes())
            .chain_update(self.asker.as_bytes())
            .chain_update(self.answerer.as_bytes())
    }
}

/// What both sides see if nobody is between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortCode([u8; CODE_LEN]);

impl ShortCode {
    /// Four numbers below 2,048, each for a word: the first 44 bits.
    #[must_use]
    pub fn words(&self) -> [u16; 4] {
        [0, 1, 2, 3].map(|nth| self.bits(11 * nth, 11))
    }

    /// Three numbers from 1,000 to 9,191, for those who share no language: the next 39 bits, as
    /// Matrix has them.
    #[must_use]
    pub fn numbers(&self) -> [u16; 3] {
        [0, 1, 2].map(|nth| 1_000 + self.bits(44 + 13 * nth, 13))
    }

    /// `count` bits (at most 16) from the bit `start` on, the highest of a byte first.
    fn bits(&self, start: usize, count: usize) -> u16 {
        (start..start + count).fold(0, |value, at| {
            let byte = self.0.get(at / 8).copied().unwrap_or_default();
            value << 1 | u16::from(byte >> (7 - at % 8) & 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: Comparison = Comparison {
        handshake: [9; HASH_LEN],
        attempt: 1,
        asker: PeerId::new([1; 32]),
        answerer: PeerId::new([2; 32]),
    };

    #[test]
    fn the_code_hangs_on_every_input() {
        let code = PAIR.code(&[3; 32], &[4; 32]);
        let keys = Comparison {
            answerer: PeerId::new([5; 32]),
            ..PAIR
        };
        let roles = Comparison {
            asker: PAIR.answerer,
            answerer: PAIR.asker,
            ..PAIR
        };
        let later = Comparison { attempt: 2, ..PAIR };
        let session = Comparison {
            handshake: [8; HASH_LEN],
            ..PAIR
        };
        for other in [
            session.code(&[3; 32], &[4; 32]),
            keys.code(&[3; 32], &[4; 32]),
            roles.code(&[3; 32], &[4; 32]),
            later.code(&[3; 32], &[4; 32]),
            PAIR.code(&[4; 32], &[3; 32]),
            PAIR.code(&[3; 32], &[5; 32]),
        ] {
            assert_ne!(other.words(), code.words());
            assert_ne!(other.numbers(), code.numbers());
        }
        assert_eq!(PAIR.code(&[3; 32], &[4; 32]), code);
    }

    #[test]
    fn a_commitment_opens_to_one_nonce() {
        let commitment = PAIR.commitment(&[3; 32]);
        assert!(PAIR.is_committed(&[3; 32], &commitment));
        assert!(!PAIR.is_committed(&[4; 32], &commitment));
        let later = Comparison { attempt: 2, ..PAIR };
        assert!(!later.is_committed(&[3; 32], &commitment));
        let session = Comparison {
            handshake: [8; HASH_LEN],
            ..PAIR
        };
        assert!(!session.is_committed(&[3; 32], &commitment));
    }

    #[test]
    fn the_bits_are_read_in_order() {
        let code = ShortCode([0xff, 0xe0, 0, 0, 0, 0x1f, 0xff, 0, 0, 0, 0xff]);
        // 11 ones, then zeros up to bit 43; ones from 43 to 55.
        assert_eq!(code.words(), [0x7ff, 0, 0, 1]);
        assert_eq!(
            code.numbers(),
            [1_000 + 0b1_1111_1111_1110, 1_000, 1_000 + 0b111]
        );
    }
}
