//! Our types over one Noise suite: static keys, the handshake, the data-plane AEAD, cookies.
//!
//! Nobody outside this module names the Noise crate or a primitive. Every secret lives in a box of
//! its own, is wiped when dropped and never shows in `Debug`. What the libraries below copy on the
//! stack is overwritten by [`scrub_stack`] at the end of each handshake function, and in part after each
//! batch of datagrams; what they leave in freed heap memory is overwritten by the program's zero-on-free
//! allocator. `tests/secrets_gone.rs` looks for what is left.
//!
//! Source: `docs/protocol.md`, Noise specification revision 34, FIPS 203.

mod aead;
mod cookie;
mod disclosed;
#[doc(hidden)]
pub mod for_testing_only;
mod keys;
mod noise;
mod product;
mod resolver;
#[cfg(feature = "ring")]
mod ring_key;
mod safety_number;
mod secret;
mod stack;
mod store_key;
mod verification;

pub use aead::{
    OpenError, OpenKey, Plaintext, SealKey, TAG_LEN, TransportKeys, open_at_rest, seal_at_rest,
};
pub use cookie::{CookieKey, CookieSecret, MacKey, mac2, verify_mac2};
pub use disclosed::DisclosedKeys;
pub use keys::{Psk, StaticSecret, is_canonical, is_low_order, is_possible};
pub use noise::{
    Completed, HandshakeError, Initiator, MESSAGE1_LEN, MESSAGE2_LEN, PAYLOAD1_LEN, PAYLOAD2_LEN,
    PROTOCOL_NAME, Responder, Response, accept, initiate,
};
pub use product::StaticProduct;
pub use safety_number::{SAFETY_NUMBER_LEN, safety_number};
pub use stack::{BatchWipe, scrub_stack};
pub use store_key::StoreKey;
pub use verification::{Comparison, HASH_LEN, NONCE_LEN, ShortCode};
