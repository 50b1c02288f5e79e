//! Published key pairs: whoever copies an example must not get an identity that all can use.

use super::key_text::key_text;
use crate::id::PeerId;

/// The public halves of `keys/test/TEST-ONLY-*`.
const TEST_ONLY: [&str; 2] = [
    "y9yHJuM9LjrWyBPLdU/vmYbxwgS31kIrMg/vNaDHykQ=",
    "Kxl7KdTw6ubI5PipJEeSbVEPiXrGPPgI8dbqqRSSnwo=",
];

/// Whether the secret half of this key is published; such a key is good for loopback only.
#[must_use]
pub fn is_test_only(key: &PeerId) -> bool {
    TEST_ONLY.contains(&key_text(key).as_str())
}
