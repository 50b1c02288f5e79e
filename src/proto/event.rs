//! What an endpoint tells its owner.

use core::net::SocketAddr;
use core::time::Duration;

use thiserror::Error;

use crate::id::{PeerId, VerifyingKey};
use crate::proto::connection::NoteBody;
use crate::proto::streams::StreamEvent;
use crate::proto::verification::Progress;

/// Something that the owner may want to know or act on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A session stands: both sides hold keys and each knows the other.
    Established {
        /// With whom.
        peer: PeerId,
        /// Where the peer is.
        address: SocketAddr,
        /// Whether we started the handshake.
        initiator: bool,
    },
    /// Keys stand, but the peer's user has yet to accept us. After [`Event::Silent`] or [`Event::Unreachable`]: and the peer
    /// is heard, on whichever connection.
    Waiting {
        /// Who decides.
        peer: PeerId,
    },
    /// The peer answered, and said no.
    Refused {
        /// Who refused.
        peer: PeerId,
        /// Why.
        reason: Refusal,
    },
    /// An unknown key completed a handshake and waits for a decision.
    Guest {
        /// Whose key.
        peer: PeerId,
        /// Where it has proved to be: where our half of the handshake reached it, as a rule.
        address: SocketAddr,
        /// What it would like to be called; at most 128 bytes, otherwise unchecked.
        nickname: Option<String>,
    },
    /// A guest left, was pushed out or waited too long.
    GuestGone {
        /// Whose key.
        peer: PeerId,
    },
    /// An unknown key was pinned, because the trust policy says so.
    Pinned {
        /// Whose key.
        peer: PeerId,
        /// Where it is.
        address: SocketAddr,
    },
    /// A peer that is no guest has said who it is, once a connection. Whoever keeps a record of it
    /// writes this there: the key unless there is one, the version unless there is a newer one.
    Introduced {
        /// Who.
        peer: PeerId,
        /// The key that its signatures will hold under.
        signing_key: VerifyingKey,
        /// The newest protocol version that it speaks.
        newest_version: u16,
    },
    /// Something about a bulk stream, for those who set
    /// [`EndpointConfig::bulk`](crate::proto::EndpointConfig). The layer above has streams of its own
    /// among them: only those that the owner has learnt about from the other side are the owner's.
    Stream {
        /// With whom.
        peer: PeerId,
        /// What.
        event: StreamEvent,
    },
    /// A comparison of words has come further.
    Verification {
        /// With whom.
        peer: PeerId,
        /// How far.
        progress: Progress,
    },
    /// The session ended.
    Closed {
        /// With whom.
        peer: PeerId,
        /// Why.
        reason: CloseReason,
    },
    /// Nothing was heard for too long; a new handshake is under way.
    Silent {
        /// From whom.
        peer: PeerId,
    },
    /// The peer is heard again, after [`Event::Silent`] or [`Event::Unreachable`], on the connection that stood, and its user
    /// has accepted us. Or that connection had no keys any more, and has those that
    /// [`Endpoint::connect`](crate::proto::Endpoint::connect) sought.
    Resumed {
        /// Who.
        peer: PeerId,
    },
    /// The answer to [`Endpoint::ping`](crate::proto::Endpoint::ping).
    Pong {
        /// From whom.
        peer: PeerId,
        /// How long it took there and back.
        rtt: Duration,
    },
    /// The answer to [`Endpoint::count_ping`](crate::proto::Endpoint::count_ping): one for each ping that
    /// arrived, in any order.
    PingAnswered {
        /// From whom.
        peer: PeerId,
        /// Which.
        id: u64,
        /// The time from the packet's leaving to the answer, less what the peer waited with it.
        rtt: Duration,
    },
    /// Nobody answered for 90 s.
    Unreachable {
        /// Who.
        peer: PeerId,
        /// How many attempts were made.
        tries: u32,
    },
    /// The peer's address changed, and the peer has proved that it receives there. A move that is
    /// not proved is not told: anybody on the way can cause those by sending packets on.
    Roamed {
        /// Who.
        peer: PeerId,
        /// The new address.
        to: SocketAddr,
    },
    /// Fewer than half of the handshake timestamps are left: the owner reserves more
    /// ([`Archive::reserve_timestamps`](crate::store::Archive::reserve_timestamps)) and hands them to
    /// [`Endpoint::add_timestamps`](crate::proto::Endpoint::add_timestamps). Told once a block. Without any, no session
    /// begins and no keys are renewed at our wish; peers then look as if they did not answer.
    TimestampsLow,
    /// Whoever has the peer's key has answered a call of ours, and the answer does not open: with another psk than
    /// ours, or one of us has none; or somebody on the way altered it. Told once for each series of attempts.
    OtherPsk {
        /// Who was called.
        peer: PeerId,
    },
    /// Somebody who knows our key speaks another version. Not authenticated: a hint.
    OtherVersion {
        /// The version.
        version: u16,
    },
}

/// What the layer above takes from an endpoint after every input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A RECEIPT came; its body as the peer sent it.
    Receipt {
        /// From whom.
        peer: PeerId,
        /// What it says.
        body: NoteBody,
    },
    /// A REJECT came; its body as the peer sent it.
    Reject {
        /// From whom.
        peer: PeerId,
        /// What it says.
        body: NoteBody,
    },
    /// The peer's connection began or ended, or something about its streams changed.
    Streams(PeerId),
}

/// Why a peer said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not know our key.
    UnknownKey,
    /// It no longer speaks our protocol version.
    Version,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer left.
    Goodbye,
    /// The peer's user declined or removed us.
    Declined,
    /// The peer says that we broke the protocol.
    TheySayViolation,
    /// The peer broke the protocol.
    Violation,
    /// The peer needs something that this version does not know.
    Unsupported,
    /// The two people saw different words, as one of them said. The peer is treated as revoked until the
    /// owner adds it anew.
    WordsDiffer,
    /// We removed or revoked the peer.
    Removed,
    /// The secret that we share with the peer is another one now: what was agreed on without it counts no more.
    SecretChanged,
    /// The peer showed another signing key than the one that is remembered of it. It comes with the
    /// peer's own key, so that an honest peer cannot change it.
    SigningKeyChanged,
}

/// A call that its caller could have known to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// There is no such peer.
    #[error("no such peer")]
    UnknownPeer,
    /// The peer is revoked.
    #[error("the peer is revoked")]
    Revoked,
    /// The peer waits for no decision.
    #[error("the peer is not a guest")]
    NotAGuest,
    /// No address of the peer is known.
    #[error("no address of the peer is known")]
    NoAddress,
    /// There is no session with the peer.
    #[error("not connected")]
    NotConnected,
    /// The peer's program does not compare words.
    #[error("the other program cannot compare words")]
    CannotVerify,
    /// The peer has spoken a newer version than ours ([`Shown::version`](crate::proto::Shown)).
    #[error("the peer has spoken version {0}")]
    NewerVersion(u16),
    /// The peer's key is one that nobody can have: of [low order](crate::crypto::is_low_order), or not
    /// [canonical](crate::crypto::is_canonical).
    #[error("nobody can have this key")]
    UnusableKey,
}

/// Why nothing can be done with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// There is no session with the peer that may carry one.
    #[error("no session that may carry a stream")]
    NoSession,
    /// As many streams are open as can be.
    #[error("as many streams are open as can be")]
    Blocked,
    /// The stream is not one of the connection that stands, is over, ended or given up, or belongs to the layer above.
    #[error("the stream is not open")]
    Closed,
}

/// Packets that were lost, of the newest 128 packet numbers. Only those count that ask for an acknowledgement,
/// have it or were given up, and are no MTU probes; one that arrives after all is lost no longer.
/// Source: docs/protocol.md#loss-and-congestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// So many were lost,
    pub lost: u32,
    /// of so many; at least one.
    pub of: u32,
}

impl Loss {
    /// From 0.0, for none, to 1.0, for all.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.lost) / f64::from(self.of.max(1))
    }

    /// In percent, rounded; but what is more than none is at least 1.
    #[must_use]
    pub fn percent(self) -> u32 {
        let of = self.of.max(1);
        let rounded = (self.lost * 100 + of / 2) / of;
        rounded.max(u32::from(self.lost > 0))
    }
}

/// Bytes of sealed packets, headers and tags included, without those of UDP and IP, and without handshakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfer {
    /// In authentic packets that came, each counted once.
    pub received: u64,
    /// In packets that left.
    pub sent: u64,
}

/// How things stand with one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// Whether something can be sent at this moment.
    pub established: bool,
    /// Where the peer was heard last, or where it is tried first.
    pub address: Option<SocketAddr>,
    /// Whether the peer seems to have moved there from an address that it had proved, and has yet to
    /// prove that it receives there. Anybody on the way can cause that by sending packets on.
    pub moving: bool,
    /// Attempts of the handshake that is under way; 0 if none is.
    pub tries: u32,
    /// How long until the next attempt; none if there will be none.
    pub next_try: Option<Duration>,
    /// Age of the key that is sent under.
    pub key_age: Option<Duration>,
    /// Time since something authentic was heard.
    pub heard: Option<Duration>,
    /// Whether the peer's user has yet to accept us.
    pub waiting: bool,
    /// Whether the peer is unknown and waits for our decision.
    pub guest: bool,
    /// The version that the peer has shown, if it is not called because that is newer than ours.
    pub newer_version: Option<u16>,
    /// Whether an answer came in the series of attempts at hand that does not open, as [`Event::OtherPsk`] says.
    pub other_psk: bool,
    /// The smoothed round-trip time, once there is a sample.
    pub rtt: Option<Duration>,
    /// What was lost on the path lately; none before anything was acknowledged or lost.
    pub loss: Option<Loss>,
    /// For how long what was sent has not been acknowledged: since the oldest packet left that waits for it,
    /// or since another one was acknowledged. None if nothing waits.
    pub unacked: Option<Duration>,
    /// Time since the last handshake with the peer ended.
    pub handshake: Option<Duration>,
    /// What went there and came from there since the record was made.
    pub transfer: Transfer,
    /// How often something is sent so that a NAT keeps its mapping, if it is.
    pub keepalive: Option<Duration>,
    /// Whether the newest packet that asked for an acknowledgement has none yet.
    pub awaits_ack: bool,
    /// Keypairs held.
    pub keypairs: usize,
    /// Attempts held.
    pub attempts: usize,
    /// Whether we started the handshake of the key that is sent under.
    pub initiator: Option<bool>,
}
