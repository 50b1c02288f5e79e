//! What lies inside the seal: a packet number, then frames. Source: docs/protocol.md#frames.

mod verify;

use tinyvec::TinyVec;

use crate::id::{PUBLIC_KEY_LEN, PacketNumber, StreamId, VerifyingKey};
use crate::wire::codec::{DecodeError, Reader, VARINT_MAX, Writer, varint_len};
use crate::wire::limits::{
    ACK_MAX_RANGES, CLOSE_REASON_MAX_LEN, FINAL_CLOSE_CODE, NICKNAME_MAX_LEN, PATH_TOKEN_LEN,
    RECEIPT_MAX_LEN, VERIFY_MAX_LEN,
};

pub use verify::{Verdict, Verify, VerifyStep};

const PADDING: u64 = 0x00;
const PING: u64 = 0x01;
const ACK: u64 = 0x02;
const HELLO: u64 = 0x03;
const CLOSE: u64 = 0x04;
const STREAM: u64 = 0x06;
const STREAM_FIN: u64 = 0x07;
const RESET: u64 = 0x08;
const STOP: u64 = 0x09;
const MAX_DATA: u64 = 0x0a;
const MAX_STREAM_DATA: u64 = 0x0b;
const MAX_STREAMS: u64 = 0x0c;
const RECEIPT: u64 = 0x0d;
const REJECT: u64 = 0x0e;
const PATH_CHALLENGE: u64 = 0x0f;
const PATH_RESPONSE: u64 = 0x10;
/// From here on a type is followed by a length, so that it can be skipped.
const FIRST_EXTENSION: u64 = 0x40;
const VERIFY: u64 = 0x40;

/// The smallest sizes that a plaintext is padded to; above them it is padded to the path's size.
const BUCKETS: [usize; 5] = [64, 128, 256, 512, 1_024];

/// One unit inside the sealed payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Asks for an acknowledgement and nothing else.
    #[default]
    Ping,
    /// Packet numbers that arrived.
    Ack(Ack),
    /// Who speaks: first on every connection.
    Hello(Hello<'a>),
    /// The session ends.
    Close(CloseCode),
    /// A piece of a stream.
    Stream(StreamFrame<'a>),
    /// The sender gives a stream up.
    Reset {
        /// Which.
        id: StreamId,
        /// Why, in the words of the layer above.
        code: u64,
        /// How many bytes were sent on it at most.
        final_size: u64,
    },
    /// The receiver wants no more of a stream.
    Stop {
        /// Which.
        id: StreamId,
        /// Why, in the words of the layer above.
        code: u64,
    },
    /// How many bytes may be sent on all streams but the chat.
    MaxData(u64),
    /// How many bytes may be sent on one stream.
    MaxStreamData {
        /// Which.
        id: StreamId,
        /// Up to which offset.
        max: u64,
    },
    /// How many streams may have been opened in all.
    MaxStreams(u64),
    /// What the layer above has taken, in its own words.
    Receipt(&'a [u8]),
    /// What the layer above does not take, in its own words.
    Reject(&'a [u8]),
    /// Asks whoever receives at the address that it is sent to for these bytes.
    PathChallenge([u8; PATH_TOKEN_LEN]),
    /// The bytes of a PATH_CHALLENGE, returned to where it came from.
    PathResponse([u8; PATH_TOKEN_LEN]),
    /// Two people compare words.
    Verify(Verify),
    /// An even extension type that this version skips.
    Skipped,
}

impl Frame<'_> {
    /// Whether the receiver must answer with an ACK (RFC 9000 §1.2).
    #[must_use]
    pub const fn is_ack_eliciting(&self) -> bool {
        match self {
            Self::Ping
            | Self::Hello(_)
            | Self::Stream(_)
            | Self::Reset { .. }
            | Self::Stop { .. }
            | Self::MaxData(_)
            | Self::MaxStreamData { .. }
            | Self::MaxStreams(_)
            | Self::Receipt(_)
            | Self::Reject(_)
            | Self::PathChallenge(_)
            | Self::PathResponse(_)
            | Self::Verify(_)
            | Self::Skipped => true,
            Self::Ack(_) | Self::Close(_) => false,
        }
    }
}

/// A piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFrame<'a> {
    /// Which stream.
    pub id: StreamId,
    /// Where on it the piece begins.
    pub offset: u64,
    /// Whether the stream ends with it.
    pub fin: bool,
    /// The piece; may be empty.
    pub data: &'a [u8],
}

impl<'a> StreamFrame<'a> {
    fn parse(fin: bool, reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let (id, offset) = (StreamId(reader.varint()?), reader.varint()?);
        let data = reader.prefixed(usize::MAX)?;
        let end = offset.checked_add(data.len() as u64);
        if end.is_none_or(|end| end > VARINT_MAX) {
            return Err(DecodeError::TooLong);
        }
        Ok(Self {
            id,
            offset,
            fin,
            data,
        })
    }

    fn encode(&self, writer: &mut Writer) {
        Self::encode_head(writer, self.id, self.offset, self.fin, self.data.len());
        writer.bytes(self.data);
    }

    /// All but the data.
    fn encode_head(writer: &mut Writer, id: StreamId, offset: u64, fin: bool, len: usize) {
        writer.varint(if fin { STREAM_FIN } else { STREAM });
        writer.varint(id.0).varint(offset).varint(len as u64);
    }

    /// Bytes that a piece of `len` bytes takes besides its data.
    #[must_use]
    pub const fn overhead(id: StreamId, offset: u64, len: usize) -> usize {
        1 + varint_len(id.0) + varint_len(offset) + varint_len(len as u64)
    }
}

/// Acknowledged packet numbers, as inclusive ranges from the highest down.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Ack {
    /// Microseconds that the highest one waited for this frame.
    pub delay_us: u64,
    /// `(low, high)`, descending, at least one and at most [`ACK_MAX_RANGES`], never adjacent.
    pub ranges: AckRanges,
}

/// The ranges of an ACK. Where nothing was lost lately there is one, or two around a number that was left
/// out.
pub type AckRanges = TinyVec<[(u64, u64); 2]>;

impl Ack {
    /// Whether `number` is among the acknowledged ones.
    #[must_use]
    pub fn contains(&self, number: PacketNumber) -> bool {
        self.ranges
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&number.0))
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let largest = reader.varint()?;
        let delay_us = reader.varint()?;
        let more = usize::try_from(reader.varint()?).map_err(|_| DecodeError::TooLong)?;
        if more >= ACK_MAX_RANGES {
            return Err(DecodeError::TooLong);
        }
        let mut low = below(largest, reader.varint()?)?;
        let mut ranges = AckRanges::default();
        ranges.push((low, largest));
        for _ in 0..more {
            let high = below(below(low, reader.varint()?)?, 2)?;
            low = below(high, reader.varint()?)?;
            ranges.push((low, high));
        }
        Ok(Self { delay_us, ranges })
    }

    /// The layout of RFC 9000 §19.3: largest, delay, count, then lengths and gaps.
    fn encode(&self, writer: &mut Writer) {
        let Some((first, more)) = self.ranges.split_first() else {
            return;
        };
        writer
            .varint(ACK)
            .varint(first.1)
            .varint(self.delay_us)
            .varint(more.len() as u64);
        writer.varint(first.1 - first.0);
        let mut low = first.0;
        for range in more {
            writer.varint(low - range.1 - 2).varint(range.1 - range.0);
            low = range.0;
        }
    }
}

fn below(from: u64, distance: u64) -> Result<u64, DecodeError> {
    from.checked_sub(distance).ok_or(DecodeError::NotCanonical)
}

/// The first frame on a connection: who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello<'a> {
    /// The oldest protocol version that the sender speaks; not above the newest.
    pub oldest_version: u16,
    /// The newest protocol version that the sender speaks.
    pub newest_version: u16,
    /// Bytes of the longest message that the sender accepts.
    pub largest_message: u64,
    /// What the sender can do beyond its versions, a bit for each; unknown ones mean nothing.
    pub capabilities: u64,
    /// Under which the sender's signatures hold.
    pub signing_key: VerifyingKey,
    /// A suggestion of what to call the sender, at most [`NICKNAME_MAX_LEN`] bytes; may be empty.
    pub nickname: &'a [u8],
}

impl<'a> Hello<'a> {
    /// The body carries its length, and what follows the known fields is for later versions.
    fn parse(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut body = Reader::new(reader.prefixed(HELLO_MAX_LEN)?);
        let hello = Self {
            oldest_version: body.u16()?,
            newest_version: body.u16()?,
            largest_message: body.varint()?,
            capabilities: body.varint()?,
            signing_key: VerifyingKey::new(*body.array()?),
            nickname: body.prefixed(NICKNAME_MAX_LEN)?,
        };
        if hello.oldest_version > hello.newest_version {
            return Err(DecodeError::NotCanonical);
        }
        Ok(hello)
    }

    const fn body_len(&self) -> usize {
        let nickname = varint_len(self.nickname.len() as u64) + self.nickname.len();
        4 + varint_len(self.largest_message)
            + varint_len(self.capabilities)
            + PUBLIC_KEY_LEN
            + nickname
    }

    /// Bytes of the frame.
    #[must_use]
    pub const fn frame_len(&self) -> usize {
        1 + varint_len(self.body_len() as u64) + self.body_len()
    }

    fn encode(&self, writer: &mut Writer) {
        let mut body = Writer::with_capacity(self.body_len());
        body.u16(self.oldest_version)
            .u16(self.newest_version)
            .varint(self.largest_message)
            .varint(self.capabilities)
            .bytes(self.signing_key.as_bytes())
            .prefixed(self.nickname);
        writer.varint(HELLO).prefixed(&body.into_vec());
    }
}

/// Longest body of a HELLO, with room for later fields.
const HELLO_MAX_LEN: usize = 512;

/// Why a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// The person left.
    Goodbye,
    /// The other side broke the protocol.
    Violation,
    /// The other side asked for something that this version does not know.
    Unsupported,
    /// The user declined, removed or replaced the peer.
    Declined,
    /// A code of a later version, see [`CloseCode::is_final`].
    Other(u64),
}

impl CloseCode {
    const fn code(self) -> u64 {
        match self {
            Self::Goodbye => 0,
            Self::Violation => 1,
            Self::Unsupported => 2,
            Self::Declined => 3,
            Self::Other(code) => code,
        }
    }

    const fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Goodbye,
            1 => Self::Violation,
            2 => Self::Unsupported,
            3 => Self::Declined,
            other => Self::Other(other),
        }
    }

    /// Whether whoever receives it does not call again by itself. Later versions choose by the number.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Goodbye => false,
            Self::Violation | Self::Unsupported | Self::Declined => true,
            Self::Other(code) => code >= FINAL_CLOSE_CODE,
        }
    }
}

/// A packet's plaintext, all of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload<'a> {
    /// The connection's packet number.
    pub number: PacketNumber,
    /// The frames in order, padding left out.
    pub frames: Frames<'a>,
}

/// The frames of a packet. Most have an ACK, a piece of the chat, a receipt and perhaps credit.
pub type Frames<'a> = TinyVec<[Frame<'a>; 4]>;

impl<'a> Payload<'a> {
    /// Parses a whole plaintext, so that no frame takes effect before all are known to be good.
    ///
    /// # Errors
    /// [`DecodeError`] for the first thing that is not as specified.
    pub fn parse(plaintext: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(plaintext);
        let number = PacketNumber(reader.varint()?);
        let mut frames = Frames::default();
        while !reader.is_empty() {
            if let Some(frame) = parse_frame(&mut reader)? {
                frames.push(frame);
            }
        }
        Ok(Self { number, frames })
    }

    /// Whether the receiver must answer with an ACK.
    #[must_use]
    pub fn is_ack_eliciting(&self) -> bool {
        self.frames.iter().any(Frame::is_ack_eliciting)
    }

    /// The plaintext's bytes, padded to the next bucket, or to `path_len` beyond the last one.
    #[must_use]
    pub fn encode(&self, path_len: usize) -> Vec<u8> {
        let mut bytes = Writer::with_capacity(path_len);
        let mut writer = PayloadWriter::new(&mut bytes, self.number, path_len);
        for frame in &self.frames {
            writer.push(frame);
        }
        writer.finish();
        bytes.into_vec()
    }
}

/// Writes a plaintext frame by frame.
#[derive(Debug)]
pub struct PayloadWriter<'w> {
    writer: &'w mut Writer,
    path_len: usize,
    /// Where in the writer the plaintext begins.
    start: usize,
}

impl<'w> PayloadWriter<'w> {
    /// Begins the plaintext of packet `number`, which is to have at most `path_len` bytes, behind what has
    /// been written already.
    pub fn new(writer: &'w mut Writer, number: PacketNumber, path_len: usize) -> Self {
        let start = writer.len();
        writer.varint(number.0);
        Self {
            writer,
            path_len,
            start,
        }
    }

    const fn len(&self) -> usize {
        self.writer.len() - self.start
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.path_len.saturating_sub(self.len())
    }

    /// Appends a frame. The caller keeps to [`PayloadWriter::room`].
    pub fn push(&mut self, frame: &Frame<'_>) {
        encode_frame(frame, self.writer);
    }

    /// Appends a STREAM frame whose data lies in two places.
    pub fn push_stream(&mut self, id: StreamId, offset: u64, fin: bool, data: [&[u8]; 2]) {
        let [first, second] = data;
        let len = first.len() + second.len();
        StreamFrame::encode_head(self.writer, id, offset, fin, len);
        self.writer.bytes(first).bytes(second);
    }

    /// Pads the plaintext to the next bucket, or to the path's size beyond the last one.
    pub fn finish(self) {
        let len = self.len();
        let bucket = BUCKETS.into_iter().find(|bucket| len <= *bucket);
        let padded = bucket.unwrap_or(self.path_len);
        self.writer.pad_to(self.start + padded);
    }

    /// Pads the plaintext to the path's size whatever it holds.
    pub fn finish_full(self) {
        self.writer.pad_to(self.start + self.path_len);
    }
}

fn parse_frame<'a>(reader: &mut Reader<'a>) -> Result<Option<Frame<'a>>, DecodeError> {
    Ok(Some(match reader.varint()? {
        PADDING => {
            reader.skip_zeros();
            return Ok(None);
        }
        PING => Frame::Ping,
        ACK => Frame::Ack(Ack::parse(reader)?),
        HELLO => Frame::Hello(Hello::parse(reader)?),
        CLOSE => {
            let code = reader.varint()?;
            reader.prefixed(CLOSE_REASON_MAX_LEN)?;
            Frame::Close(CloseCode::from_code(code))
        }
        STREAM => Frame::Stream(StreamFrame::parse(false, reader)?),
        STREAM_FIN => Frame::Stream(StreamFrame::parse(true, reader)?),
        RESET => Frame::Reset {
            id: StreamId(reader.varint()?),
            code: reader.varint()?,
            final_size: reader.varint()?,
        },
        STOP => Frame::Stop {
            id: StreamId(reader.varint()?),
            code: reader.varint()?,
        },
        MAX_DATA => Frame::MaxData(reader.varint()?),
        MAX_STREAM_DATA => Frame::MaxStreamData {
            id: StreamId(reader.varint()?),
            max: reader.varint()?,
        },
        MAX_STREAMS => Frame::MaxStreams(reader.varint()?),
        RECEIPT => Frame::Receipt(reader.prefixed(RECEIPT_MAX_LEN)?),
        REJECT => Frame::Reject(reader.prefixed(RECEIPT_MAX_LEN)?),
        PATH_CHALLENGE => Frame::PathChallenge(*reader.array()?),
        PATH_RESPONSE => Frame::PathResponse(*reader.array()?),
        VERIFY => {
            let verify = Verify::parse(reader.prefixed(VERIFY_MAX_LEN)?)?;
            verify.map_or(Frame::Skipped, Frame::Verify)
        }
        extension if extension >= FIRST_EXTENSION && extension % 2 == 0 => {
            reader.prefixed(usize::MAX)?;
            Frame::Skipped
        }
        _ => return Err(DecodeError::Unknown),
    }))
}

fn encode_frame(frame: &Frame<'_>, writer: &mut Writer) {
    match frame {
        Frame::Ping => {
            writer.varint(PING);
        }
        Frame::Ack(ack) => ack.encode(writer),
        Frame::Hello(hello) => hello.encode(writer),
        Frame::Close(code) => {
            writer.varint(CLOSE).varint(code.code()).varint(0);
        }
        Frame::Stream(stream) => stream.encode(writer),
        Frame::Reset {
            id,
            code,
            final_size,
        } => {
            writer
                .varint(RESET)
                .varint(id.0)
                .varint(*code)
                .varint(*final_size);
        }
        Frame::Stop { id, code } => {
            writer.varint(STOP).varint(id.0).varint(*code);
        }
        Frame::MaxData(max) => {
            writer.varint(MAX_DATA).varint(*max);
        }
        Frame::MaxStreamData { id, max } => {
            writer.varint(MAX_STREAM_DATA).varint(id.0).varint(*max);
        }
        Frame::MaxStreams(max) => {
            writer.varint(MAX_STREAMS).varint(*max);
        }
        Frame::Receipt(body) => {
            writer.varint(RECEIPT).prefixed(body);
        }
        Frame::Reject(body) => {
            writer.varint(REJECT).prefixed(body);
        }
        Frame::PathChallenge(token) => {
            writer.varint(PATH_CHALLENGE).bytes(token);
        }
        Frame::PathResponse(token) => {
            writer.varint(PATH_RESPONSE).bytes(token);
        }
        Frame::Verify(verify) => {
            writer.varint(VERIFY);
            verify.encode(writer);
        }
        Frame::Skipped => {}
    }
}

#[cfg(test)]
mod tests;
