//! What an endpoint's owner decides.

use core::net::SocketAddr;
use core::time::Duration;

use crate::crypto::Psk;
use crate::id::{PeerId, VerifyingKey};
use crate::wire::frame::Hello;
use crate::wire::limits::{CAPABILITY_VERIFY, NICKNAME_MAX_LEN, VERSION};

/// What to do with an unknown key that completes a first handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Trust {
    /// Keep it waiting as a guest until the user decides.
    Ask,
    /// Pin it and talk.
    New,
    /// Tell it that it is unknown and forget it.
    #[default]
    Strict,
}

/// How much may be on its way at once (docs/protocol.md#loss-and-congestion).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Congestion {
    /// By a model of the path: holds up where packets are lost for other reasons than a full queue.
    #[default]
    Bbr,
    /// As RFC 9002 has it, by losses alone: the reference.
    NewReno,
}

/// Policies of one endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig {
    /// What to do with unknown keys.
    pub trust: Trust,
    /// Whether unknown keys get no answer at all.
    pub stealth: bool,
    /// What we suggest others call us; empty for nothing. At most
    /// [`NICKNAME_MAX_LEN`] bytes are sent.
    pub nickname: Option<String>,
    /// Whether the owner is told of bulk streams. Not of their end with a connection: then
    /// [`Endpoint::generation`](crate::proto::Endpoint::generation) is another one, or none.
    pub bulk: bool,
    /// How often something is sent to each peer so that a NAT keeps its mapping, unless
    /// [`Endpoint::set_keepalive`](crate::proto::Endpoint::set_keepalive) says otherwise; never if `None`.
    pub keepalive: Option<Duration>,
    /// How much may be on its way at once.
    pub congestion: Congestion,
    /// Not to say that VERIFY is understood, as a program that is older than that.
    #[doc(hidden)]
    pub without_verify_for_testing_only: bool,
}

impl EndpointConfig {
    /// What we say of ourselves at the beginning of every connection.
    pub(super) fn hello(&self, signing_key: VerifyingKey, largest_message: u64) -> Hello<'_> {
        let nickname = self.nickname.as_deref().unwrap_or_default();
        let end = nickname.floor_char_boundary(NICKNAME_MAX_LEN);
        let is_old = self.without_verify_for_testing_only;
        Hello {
            oldest_version: VERSION,
            newest_version: VERSION,
            largest_message,
            capabilities: if is_old { 0 } else { CAPABILITY_VERIFY },
            signing_key,
            nickname: nickname.as_bytes().get(..end).unwrap_or_default(),
        }
    }
}

/// A known peer.
#[derive(Debug)]
pub struct PeerConfig {
    /// Its static public key.
    pub id: PeerId,
    /// A secret shared with it beforehand, if there is one.
    pub psk: Option<Psk>,
    /// Where it may be reached; the first eight count.
    pub addresses: Vec<SocketAddr>,
    /// What it showed of itself in earlier sessions.
    pub shown: Shown,
}

/// What is remembered of a peer's HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Shown {
    /// Its signing key. A session in which it shows another ends.
    pub signing_key: Option<VerifyingKey>,
    /// The newest version that it has spoken; 0 if it is not known. Above ours, no session is begun:
    /// whoever keeps newer programs away from each other must not bring them back to an older one.
    pub version: u16,
}
