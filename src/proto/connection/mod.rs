//! The connection inside the tunnel: packet numbers, acknowledgements, what is on its way and what
//! was lost. It knows nothing of keys and survives every rekey.
//! Source: docs/protocol.md#connection, RFC 9002.

mod lines;
mod received;

use core::time::Duration;

use crate::id::PacketNumber;
use crate::proto::connection::lines::{Incoming, Outgoing};
use crate::proto::connection::received::Received;
use crate::proto::recovery::{NewReno, Permit, Recovery};
use crate::proto::rng::CoreRng;
use crate::proto::streams::{StreamRecord, Streams};
use crate::time::Instant;
use crate::wire::frame::{Ack, Frame, Hello, Payload, PayloadWriter, StreamFrame};
use crate::wire::limits::{BASE_DATAGRAM_LEN, BASE_PLAINTEXT_LEN, NICKNAME_MAX_LEN, VERSION};

/// How far our HELLO has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HelloState {
    /// Not before the user has accepted the peer.
    Withheld,
    /// In the next packet.
    Due,
    /// Under way.
    Sent,
    /// Arrived.
    Acknowledged,
}

/// What a packet carried that has to be sent again if it is lost.
#[derive(Debug, Default)]
struct Carried {
    hello: bool,
    streams: Vec<StreamRecord>,
}

/// State that starts anew whenever the pair of connection ids changes.
#[derive(Debug)]
pub(super) struct Connection {
    next_number: u64,
    /// A number that is left out, so that an acknowledgement of it betrays a peer that acknowledges
    /// what it has not seen (RFC 9000 §21.4).
    skip: u64,
    received: Received,
    /// When the highest packet that waits for an ACK arrived.
    ack_due: Option<Instant>,
    recovery: Recovery<Carried>,
    streams: Streams,
    hello: HelloState,
    ping_due: bool,
    /// Packets that go out although the window or the pace forbids it (RFC 9002 §6.2.4).
    probes: u8,
    outgoing: Outgoing,
    incoming: Incoming,
}

/// The peer broke a rule of the connection.
#[derive(Debug)]
pub(super) struct Violation;

/// What there is to send.
#[derive(Debug)]
pub(super) enum Poll {
    /// A packet's plaintext, and whether it asks for an acknowledgement.
    Packet { plaintext: Vec<u8>, number: PacketNumber, eliciting: bool },
    /// Nothing before this time, because of the pace.
    Later(Instant),
    /// Nothing.
    Nothing,
}

impl Connection {
    pub(super) fn new(withhold_hello: bool, rng: &mut CoreRng, now: Instant) -> Self {
        let hello = if withhold_hello { HelloState::Withheld } else { HelloState::Due };
        let controller = Box::new(NewReno::new(BASE_DATAGRAM_LEN));
        Self {
            next_number: 0,
            skip: 1 + u64::from(rng.u32() % SKIP_WITHIN),
            received: Received::default(),
            ack_due: None,
            recovery: Recovery::new(controller, BASE_DATAGRAM_LEN, now),
            streams: Streams::new(),
            hello,
            ping_due: false,
            probes: 0,
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
        }
    }

    // --- in -----------------------------------------------------------------------------------

    /// Whether all frames of a packet may take effect. Nothing has changed if not.
    pub(super) fn check(&self, payload: &Payload<'_>) -> Result<(), StreamProblem> {
        let streams = payload.frames.iter().filter_map(as_stream_frame);
        streams.map(|frame| self.streams.check(frame)).collect()
    }

    /// Notes an arrived packet; false if it is a duplicate or too old to tell.
    pub(super) fn on_packet(&mut self, number: PacketNumber, eliciting: bool, now: Instant) -> bool {
        if !self.received.insert(number.0) {
            return false;
        }
        if eliciting {
            self.ack_due = Some(now);
        }
        true
    }
}
