//! The safety number of two keys: 60 digits that two people compare where no session is needed. It is
//! Signal's numeric fingerprint. Source: docs/protocol.md#verification; libsignal, `fingerprint.rs`.

use sha2::{Digest, Sha512};

use crate::id::PeerId;

/// Signal's version of the construction.
const FINGERPRINT_VERSION: [u8; 2] = [0, 0];
/// Signal's number of iterations: each makes a search for a key with the same digits dearer.
const ITERATIONS: u32 = 5_200;
/// How Signal marks an X25519 key.
const KEY_TYPE: u8 = 5;
/// What stands where Signal has a telephone number: here the key is the identity.
const IDENTIFIER: &[u8] = b"securechat";

/// How many digits a safety number has.
pub const SAFETY_NUMBER_LEN: usize = 60;

/// The safety number of two public keys, whichever comes first: 60 digits.
#[must_use]
pub fn safety_number(one: &PeerId, other: &PeerId) -> String {
    let mut halves = [one, other].map(|key| digits(key.as_bytes(), IDENTIFIER));
    halves.sort();
    halves.concat()
}

/// The 30 digits of one key.
fn digits(key: &[u8; 32], identifier: &[u8]) -> String {
    let key = [&[KEY_TYPE], key.as_slice()].concat();
    let first = Sha512::new()
        .chain_update(FINGERPRINT_VERSION)
        .chain_update(&key)
        .chain_update(identifier)
        .chain_update(&key)
        .finalize();
    let hash = (1..ITERATIONS).fold(first, |hash, _| {
        Sha512::new()
            .chain_update(hash)
            .chain_update(&key)
            .finalize()
    });
    let groups = hash.chunks_exact(5).take(6).map(|chunk| {
        let number = chunk
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        format!("{:05}", number % 100_000)
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// libsignal's own test: two keys, two telephone numbers, `DISPLAYABLE_FINGERPRINT_V1`.
    #[test]
    fn the_digits_are_signals() {
        let alice = "06863bc66d02b40d27b8d49ca7c09e9239236f9d7d25d6fcca5ce13c7064d868";
        let bob = "f781b6fb32fed9ba1cf2de978d4d5da28dc34046ae814402b5c0dbd96fda907b";
        let key = |text: &str| {
            let mut key = [0; 32];
            for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
                *byte = u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            }
            key
        };
        let mut halves = [
            digits(&key(alice), b"+14152222222"),
            digits(&key(bob), b"+14153333333"),
        ];
        halves.sort();
        assert_eq!(
            halves.concat(),
            "300354477692869396892869876765458257569162576843440918079131"
        );
    }

    #[test]
    fn both_sides_have_the_same_number_and_others_have_another() {
        let [one, two, three] = [1, 2, 3].map(|byte| PeerId::new([byte; 32]));
        let number = safety_number(&one, &two);
        assert_eq!(number.len(), SAFETY_NUMBER_LEN);
        assert!(number.bytes().all(|digit| digit.is_ascii_digit()));
        assert_eq!(number, safety_number(&two, &one));
        assert_ne!(number, safety_number(&one, &three));
    }
}
