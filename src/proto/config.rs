//! What an endpoint's owner decides.

use core::net::SocketAddr;
use core::time::Duration;

use crate::crypto::Psk;
use crate::id::PeerId;

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

/// Policies of one endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointConfig {
    /// What to do with unknown keys.
    pub trust: Trust,
    /// Whether unknown keys get no answer at all.
    pub stealth: bool,
    /// What we suggest others call us; empty for nothing. At most
    /// [`NICKNAME_MAX_LEN`](crate::wire::limits::NICKNAME_MAX_LEN) bytes are sent.
    pub nickname: Option<String>,
    /// Whether the owner is told of bulk streams.
    pub bulk: bool,
    /// How often something is sent so that a NAT keeps its mapping; never if `None`.
    pub keepalive: Option<Duration>,
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
}
