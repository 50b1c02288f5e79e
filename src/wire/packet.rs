//! The four outer forms: INIT, RESP, COOKIE, DATA. Source: docs/protocol.md#datagrams.

use crate::id::{Counter, SessionIndex};
use crate::wire::codec::{DecodeError, Reader, Writer};
use crate::wire::limits::{
    COOKIE_LEN, DATA_HEADER_LEN, INIT_HALF_LEN, INIT_LEN, MAC_LEN, MAX_DATAGRAM_LEN, MESSAGE1_LEN,
    MESSAGE2_LEN, PART_HEADER_LEN, RESP_HALF_LEN, RESP_LEN, TAG_LEN,
};

const TYPE_INIT: u8 = 1;
const TYPE_RESP: u8 = 2;
const TYPE_COOKIE: u8 = 3;
const TYPE_DATA: u8 = 4;

/// Which half of a handshake message a datagram carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The first half.
    First,
    /// The second half.
    Second,
}

/// A datagram, parsed but not authenticated.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// Half of Noise message 1.
    Init(Init<'a>),
    /// Half of Noise message 2.
    Resp(Resp<'a>),
    /// A demand to prove one's address.
    Cookie(Cookie<'a>),
    /// A sealed packet.
    Data(Data),
}

/// One half of message 1, with what its two MACs cover.
#[derive(Clone, Copy, Debug)]
pub struct Init<'a> {
    /// Which half.
    pub part: Part,
    /// The sender's protocol version.
    pub version: u16,
    /// The initiator's handle for this attempt.
    pub sender: SessionIndex,
    /// The half itself.
    pub body: &'a [u8; INIT_HALF_LEN],
    /// Proof of knowing the responder's public key, over `mac1_input`.
    pub mac1: &'a [u8; MAC_LEN],
    /// Proof of owning the source address, over `mac1_input` and `mac1`; zeros without a cookie.
    pub mac2: &'a [u8; MAC_LEN],
    /// All bytes before `mac1`.
    pub mac1_input: &'a [u8],
}

/// One half of message 2.
#[derive(Clone, Copy, Debug)]
pub struct Resp<'a> {
    /// Which half.
    pub part: Part,
    /// The initiator's handle.
    pub receiver: SessionIndex,
    /// The half itself.
    pub body: &'a [u8; RESP_HALF_LEN],
    /// MAC keyed by the initiator's ephemeral key, over `mac1_input`.
    pub mac1: &'a [u8; MAC_LEN],
    /// All bytes before `mac1`.
    pub mac1_input: &'a [u8],
}

/// A sealed cookie.
#[derive(Clone, Copy, Debug)]
pub struct Cookie<'a> {
    /// The initiator's handle.
    pub receiver: SessionIndex,
    /// The seal's nonce.
    pub nonce: &'a [u8; 24],
    /// The sealed cookie with its tag.
    pub sealed: &'a [u8; 32],
}

/// The header of a DATA datagram; the ciphertext follows at [`DATA_HEADER_LEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// The receiver's handle of the keypair.
    pub receiver: SessionIndex,
    /// The packet's number under its key.
    pub counter: Counter,
}

impl<'a> Packet<'a> {
    /// Parses a whole datagram: 1 to 65,535 bytes, from anybody.
    ///
    /// # Errors
    /// [`DecodeError`] if it is none of the four forms to the letter.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        match datagram.first() {
            Some(&TYPE_INIT) => Init::parse(datagram).map(Self::Init),
            Some(&TYPE_RESP) => Resp::parse(datagram).map(Self::Resp),
            Some(&TYPE_COOKIE) => Cookie::parse(datagram).map(Self::Cookie),
            Some(&TYPE_DATA) => Data::parse(datagram).map(Self::Data),
            Some(_) => Err(DecodeError::Unknown),
            None => Err(DecodeError::Truncated),
        }
    }
}

impl<'a> Init<'a> {
    fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(datagram);
        let (part, version, sender) = part_header(&mut reader)?;
        let body = reader.array()?;
        let mac1 = reader.array()?;
        let mac2 = reader.array()?;
        reader.finish()?;
        let (mac1_input, _) = datagram.split_at(PART_HEADER_LEN + INIT_HALF_LEN);
        Ok(Self {
            part,
            version,
            sender,
            body,
            mac1,
            mac2,
            mac1_input,
        })
    }
}

impl<'a> Resp<'a> {
    fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(datagram);
        let (part, reserved, receiver) = part_header(&mut reader)?;
        if reserved != 0 {
            return Err(DecodeError::Unknown);
        }
        let body = reader.array()?;
        let mac1 = reader.array()?;
        reader.finish()?;
        let (mac1_input, _) = datagram.split_at(PART_HEADER_LEN + RESP_HALF_LEN);
        Ok(Self {
            part,
            receiver,
            body,
            mac1,
            mac1_input,
        })
    }
}

impl<'a> Cookie<'a> {
    fn parse(datagram: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(datagram);
        let receiver = plain_header(&mut reader)?;
        let nonce = reader.array()?;
        let sealed = reader.array()?;
        reader.finish()?;
        Ok(Self {
            receiver,
            nonce,
            sealed,
        })
    }

    /// The datagram's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(COOKIE_LEN);
        writer.u8(TYPE_COOKIE).u8(0).u16(0).u32(self.receiver.0);
        writer.bytes(self.nonce).bytes(self.sealed);
        writer.into_vec()
    }
}

impl Data {
    fn parse(datagram: &[u8]) -> Result<Self, DecodeError> {
        if datagram.len() > MAX_DATAGRAM_LEN {
            return Err(DecodeError::TooLong);
        }
        let mut reader = Reader::new(datagram);
        let receiver = plain_header(&mut reader)?;
        let counter = Counter(reader.u64()?);
        if reader.rest().len() < TAG_LEN {
            return Err(DecodeError::Truncated);
        }
        Ok(Self { receiver, counter })
    }

    /// Lays out a datagram to be sealed in place: header, `plaintext`, room for the tag.
    #[must_use]
    pub fn lay_out(&self, plaintext: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(DATA_HEADER_LEN + plaintext.len() + TAG_LEN);
        datagram.extend_from_slice(&self.header());
        datagram.extend_from_slice(plaintext);
        datagram.extend_from_slice(&[0; TAG_LEN]);
        datagram
    }

    /// Puts the header in front of a plaintext that was written with room for it.
    pub fn write_header(&self, datagram: &mut [u8]) {
        if let Some(room) = datagram.first_chunk_mut() {
            *room = self.header();
        }
    }

    /// The bytes before the ciphertext: type, three zeros, receiver, counter.
    fn header(&self) -> [u8; DATA_HEADER_LEN] {
        let [r0, r1, r2, r3] = self.receiver.0.to_le_bytes();
        let [c0, c1, c2, c3, c4, c5, c6, c7] = self.counter.0.to_le_bytes();
        [
            TYPE_DATA, 0, 0, 0, r0, r1, r2, r3, c0, c1, c2, c3, c4, c5, c6, c7,
        ]
    }
}

/// Lays out both INIT datagrams of `message1`; `mac1` and `mac2` are computed by the callers over
/// all bytes before them.
#[must_use]
pub fn encode_init(
    version: u16,
    sender: SessionIndex,
    message1: &[u8; MESSAGE1_LEN],
    mac1: impl Fn(&[u8]) -> [u8; MAC_LEN],
    mac2: impl Fn(&[u8]) -> [u8; MAC_LEN],
) -> [Vec<u8>; 2] {
    let (first, second) = message1.split_at(INIT_HALF_LEN);
    [(0, first), (1, second)].map(|(part, half)| {
        let mut writer = Writer::with_capacity(INIT_LEN);
        writer
            .u8(TYPE_INIT)
            .u8(part)
            .u16(version)
            .u32(sender.0)
            .bytes(half);
        let mut datagram = writer.into_vec();
        datagram.extend_from_slice(&mac1(&datagram));
        datagram.extend_from_slice(&mac2(&datagram));
        datagram
    })
}

/// Lays out both RESP datagrams of `message2`.
#[must_use]
pub fn encode_resp(
    receiver: SessionIndex,
    message2: &[u8; MESSAGE2_LEN],
    mac1: impl Fn(&[u8]) -> [u8; MAC_LEN],
) -> [Vec<u8>; 2] {
    let (first, second) = message2.split_at(RESP_HALF_LEN);
    [(0, first), (1, second)].map(|(part, half)| {
        let mut writer = Writer::with_capacity(RESP_LEN);
        writer
            .u8(TYPE_RESP)
            .u8(part)
            .u16(0)
            .u32(receiver.0)
            .bytes(half);
        let mut datagram = writer.into_vec();
        datagram.extend_from_slice(&mac1(&datagram));
        datagram
    })
}

fn part_header(reader: &mut Reader<'_>) -> Result<(Part, u16, SessionIndex), DecodeError> {
    reader.u8()?;
    let part = match reader.u8()? {
        0 => Part::First,
        1 => Part::Second,
        _ => return Err(DecodeError::Unknown),
    };
    Ok((part, reader.u16()?, SessionIndex(reader.u32()?)))
}

fn plain_header(reader: &mut Reader<'_>) -> Result<SessionIndex, DecodeError> {
    reader.u8()?;
    if reader.u8()? != 0 || reader.u16()? != 0 {
        return Err(DecodeError::Unknown);
    }
    Ok(SessionIndex(reader.u32()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Vec<u8>> {
        let mac = |bytes: &[u8]| [bytes.len().to_le_bytes()[0]; MAC_LEN];
        let init = encode_init(1, SessionIndex(7), &[3; MESSAGE1_LEN], mac, mac);
        let resp = encode_resp(SessionIndex(8), &[4; MESSAGE2_LEN], mac);
        let cookie = Cookie {
            receiver: SessionIndex(9),
            nonce: &[5; 24],
            sealed: &[6; 32],
        }
        .encode();
        let data = Data {
            receiver: SessionIndex(10),
            counter: Counter(11),
        }
        .lay_out(b"hello");
        init.into_iter().chain(resp).chain([cookie, data]).collect()
    }

    #[test]
    fn lengths_are_as_specified() {
        let lengths: Vec<usize> = samples().iter().map(Vec::len).collect();
        assert_eq!(lengths, [700, 700, 608, 608, 64, 16 + 5 + 16]);
    }

    #[test]
    fn both_parts_join_to_the_message() {
        let message: [u8; MESSAGE1_LEN] = core::array::from_fn(|i| i.to_le_bytes()[0]);
        let zero = |_: &[u8]| [0; MAC_LEN];
        let mut joined = Vec::new();
        for datagram in encode_init(1, SessionIndex(7), &message, zero, zero) {
            let Ok(Packet::Init(init)) = Packet::parse(&datagram) else {
                panic!("not an INIT")
            };
            assert_eq!((init.version, init.sender), (1, SessionIndex(7)));
            joined.extend_from_slice(init.body);
        }
        assert_eq!(joined, message);
    }

    #[test]
    fn every_truncation_and_extension_of_fixed_forms_is_refused() {
        for sample in samples().iter().take(5) {
            for len in 0..sample.len() {
                assert!(
                    Packet::parse(&sample[..len]).is_err(),
                    "{len} of {}",
                    sample.len()
                );
            }
            let mut longer = sample.clone();
            longer.push(0);
            assert!(Packet::parse(&longer).is_err());
        }
    }

    #[test]
    fn data_needs_a_header_and_a_tag() {
        let sample = Data {
            receiver: SessionIndex(1),
            counter: Counter(2),
        }
        .lay_out(&[]);
        assert!(Packet::parse(&sample).is_ok());
        for len in 0..sample.len() {
            assert!(Packet::parse(&sample[..len]).is_err());
        }
    }

    #[test]
    fn data_beyond_any_path_is_refused() {
        let data = Data {
            receiver: SessionIndex(1),
            counter: Counter(2),
        };
        let room = MAX_DATAGRAM_LEN - DATA_HEADER_LEN - TAG_LEN;
        assert!(Packet::parse(&data.lay_out(&vec![0; room])).is_ok());
        assert!(Packet::parse(&data.lay_out(&vec![0; room + 1])).is_err());
    }

    #[test]
    fn reserved_bytes_must_be_zero() {
        for sample in samples() {
            for position in [1, 2, 3] {
                let mut changed = sample.clone();
                changed[position] ^= 0x80;
                let version_field = changed[0] == TYPE_INIT && position > 1;
                assert_eq!(Packet::parse(&changed).is_ok(), version_field);
            }
        }
    }

    #[test]
    fn no_flipped_byte_panics() {
        for sample in samples() {
            for position in 0..sample.len() {
                let mut changed = sample.clone();
                changed[position] ^= 0xff;
                let _ = Packet::parse(&changed);
            }
        }
    }
}
