//! Specification constants of the datagram layout. `docs/protocol.md` has each with its reason.

/// The protocol version that this code speaks.
pub const VERSION: u16 = 1;
/// Bytes of a MAC field.
pub const MAC_LEN: usize = 16;
/// Bytes of Noise message 1.
pub const MESSAGE1_LEN: usize = 1_320;
/// Bytes of Noise message 2.
pub const MESSAGE2_LEN: usize = 1_168;
/// Bytes of one INIT datagram.
pub const INIT_LEN: usize = 700;
/// Bytes of one RESP datagram.
pub const RESP_LEN: usize = 608;
/// Bytes of a COOKIE datagram.
pub const COOKIE_LEN: usize = 64;
/// Bytes of DATA before the ciphertext.
pub const DATA_HEADER_LEN: usize = 16;
/// Bytes of the AEAD tag.
pub const TAG_LEN: usize = 16;
/// Largest UDP payload on a direct path before path MTU discovery has proved more.
pub const BASE_DATAGRAM_LEN: usize = 1_232;
/// UDP payload on a path that turned out not to carry [`BASE_DATAGRAM_LEN`].
pub const FLOOR_DATAGRAM_LEN: usize = 1_056;
/// Largest UDP payload on any path.
pub const MAX_DATAGRAM_LEN: usize = 1_472;
/// Largest plaintext of one DATA packet on such a path.
pub const BASE_PLAINTEXT_LEN: usize = 1_200;
/// Most ranges in an ACK frame.
pub const ACK_MAX_RANGES: usize = 32;
/// Longest reason in a CLOSE frame.
pub const CLOSE_REASON_MAX_LEN: usize = 64;
/// Longest suggested nickname in a HELLO frame.
pub const NICKNAME_MAX_LEN: usize = 128;
/// Bytes of a token that proves an address.
pub const PATH_TOKEN_LEN: usize = 8;
/// The bit of HELLO's capabilities that says: VERIFY is understood.
pub const CAPABILITY_VERIFY: u64 = 1;
/// Bytes of a nonce, a commitment or a handshake hash in a VERIFY frame.
pub const VERIFY_NONCE_LEN: usize = 32;
/// Longest body of a VERIFY frame, with room for later steps.
pub const VERIFY_MAX_LEN: usize = 128;

/// Longest body of a RECEIPT or REJECT frame.
pub const RECEIPT_MAX_LEN: usize = 512;
/// The codes of CLOSE from here on, all of later versions, are final: nobody calls by itself afterwards.
pub const FINAL_CLOSE_CODE: u64 = 64;
/// The reasons of REJECT from here on, all of later versions, may pass: the message is sent again on the next connection.
pub const PASSING_REJECT_REASON: u64 = 64;

/// Bytes of half of message 1, the body of an INIT part.
pub(crate) const INIT_HALF_LEN: usize = MESSAGE1_LEN / 2;
/// Bytes of half of message 2, the body of a RESP part.
pub(crate) const RESP_HALF_LEN: usize = MESSAGE2_LEN / 2;
/// Bytes before the body of every handshake part.
pub(crate) const PART_HEADER_LEN: usize = 8;

const _: () = assert!(INIT_LEN == PART_HEADER_LEN + INIT_HALF_LEN + 2 * MAC_LEN);
const _: () = assert!(RESP_LEN == PART_HEADER_LEN + RESP_HALF_LEN + MAC_LEN);
const _: () = assert!(COOKIE_LEN == 8 + 24 + 16 + TAG_LEN);
const _: () = assert!(BASE_PLAINTEXT_LEN == BASE_DATAGRAM_LEN - DATA_HEADER_LEN - TAG_LEN);
const _: () = assert!(RESP_LEN < INIT_LEN && COOKIE_LEN < INIT_LEN);
