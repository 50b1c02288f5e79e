//! What the two handshake messages carry besides keys. Source: docs/protocol.md#handshake.

use crate::id::{ConnectionId, SessionIndex, Timestamp};
use crate::wire::limits::VERSION;
use crate::wire::{DecodeError, Reader, Writer};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const PROLOGUE_LABEL: &[u8; 10] = b"securechat";
const FLAG_GUEST: u32 = 1;
const FLAG_REFUSED: u32 = 2;
const FLAG_VERSION: u32 = 4;

/// What both sides must agree on before the first byte: the version, and the initiator's index, which
/// travels in clear.
pub(super) fn prologue(initiator: SessionIndex) -> Vec<u8> {
    let mut writer = Writer::with_capacity(16);
    writer.bytes(PROLOGUE_LABEL).u16(VERSION).u32(initiator.0);
    writer.into_vec()
}

/// The payload of message 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitPayload {
    pub(super) timestamp: Timestamp,
    pub(super) connection: ConnectionId,
}

impl InitPayload {
    pub(super) fn encode(self) -> [u8; 24] {
        let Timestamp(nanos) = self.timestamp;
        let mut writer = Writer::with_capacity(24);
        writer.u64(nanos / NANOS_PER_SECOND);
        writer.u32(u32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0));
        writer.u64(self.connection.0).u32(0);
        writer
            .into_vec()
            .try_into()
            .expect("8 + 4 + 8 + 4 bytes were written")
    }

    pub(super) fn parse(bytes: &[u8; 24]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let (seconds, nanos) = (reader.u64()?, u64::from(reader.u32()?));
        let connection = ConnectionId(reader.u64()?);
        let flags = reader.u32()?;
        if nanos >= NANOS_PER_SECOND || flags != 0 {
            return Err(DecodeError::NotCanonical);
        }
        let whole = seconds
            .checked_mul(NANOS_PER_SECOND)
            .and_then(|s| s.checked_add(nanos));
        let timestamp = Timestamp(whole.ok_or(DecodeError::TooLong)?);
        Ok(Self {
            timestamp,
            connection,
        })
    }
}

/// How the responder receives the initiator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Welcome {
    /// As somebody it knows.
    Known,
    /// As somebody who has to wait for its user.
    Guest,
    /// Not at all: it does not know the key.
    Refused,
    /// Not at all: it no longer speaks this version, or answers as only a later one can read.
    Version,
}

impl Welcome {
    /// Whether the handshake ends with a keypair.
    pub(super) const fn begins_session(self) -> bool {
        matches!(self, Self::Known | Self::Guest)
    }
}

/// The payload of message 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RespPayload {
    pub(super) connection: ConnectionId,
    pub(super) welcome: Welcome,
    pub(super) index: SessionIndex,
}

impl RespPayload {
    pub(super) fn encode(self) -> [u8; 16] {
        let flags = match self.welcome {
            Welcome::Known => 0,
            Welcome::Guest => FLAG_GUEST,
            Welcome::Refused => FLAG_REFUSED,
            Welcome::Version => FLAG_VERSION,
        };
        let mut writer = Writer::with_capacity(16);
        writer.u64(self.connection.0).u32(flags).u32(self.index.0);
        writer
            .into_vec()
            .try_into()
            .expect("8 + 4 + 4 bytes were written")
    }

    pub(super) fn parse(bytes: &[u8; 16]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let connection = ConnectionId(reader.u64()?);
        let welcome = match reader.u32()? {
            0 => Welcome::Known,
            FLAG_GUEST => Welcome::Guest,
            FLAG_REFUSED => Welcome::Refused,
            // Whatever else it means, it is no session in our version.
            _ => Welcome::Version,
        };
        let index = SessionIndex(reader.u32()?);
        Ok(Self {
            connection,
            welcome,
            index,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prologue_names_the_protocol_its_version_and_the_initiators_index() {
        let prologue = prologue(SessionIndex(0x0403_0201));
        assert_eq!(prologue, *b"securechat\x01\x00\x01\x02\x03\x04");
    }

    #[test]
    fn payloads_round_trip() {
        let init = InitPayload {
            timestamp: Timestamp(u64::MAX),
            connection: ConnectionId(7),
        };
        assert_eq!(InitPayload::parse(&init.encode()), Ok(init));
        for welcome in [
            Welcome::Known,
            Welcome::Guest,
            Welcome::Refused,
            Welcome::Version,
        ] {
            let (connection, index) = (ConnectionId(8), SessionIndex(9));
            let resp = RespPayload {
                connection,
                welcome,
                index,
            };
            assert_eq!(RespPayload::parse(&resp.encode()), Ok(resp));
        }
    }

    #[test]
    fn a_message_1_with_flags_or_an_impossible_time_is_refused() {
        let good = InitPayload {
            timestamp: Timestamp(5),
            connection: ConnectionId(7),
        }
        .encode();
        for (position, value) in [(20, 1), (7, 255), (11, 255)] {
            let mut bytes = good;
            bytes[position] = value;
            assert!(InitPayload::parse(&bytes).is_err(), "byte {position}");
        }
    }

    /// An initiator that dropped them called on, and never knew why.
    #[test]
    fn flags_of_a_later_responder_say_that_it_speaks_another_version() {
        for flags in [FLAG_GUEST | FLAG_REFUSED, 8, u32::MAX] {
            let mut bytes = [0; 16];
            bytes[8..12].copy_from_slice(&flags.to_le_bytes());
            let welcome = RespPayload::parse(&bytes).map(|it| it.welcome);
            assert_eq!(welcome, Ok(Welcome::Version), "{flags}");
        }
    }
}
