//! The hostile peer: handshakes by the book, and under their keys whatever it is told to send.

use core::net::SocketAddr;
use std::collections::BTreeSet;

use securechat::crypto::{
    BatchWipe, Initiator, MacKey, StaticSecret, TransportKeys, accept, initiate,
};
use securechat::id::{Counter, PacketNumber, PeerId, SessionIndex, StreamId, VerifyingKey};
use securechat::sim::SimRng;
use securechat::wire::Writer;
use securechat::wire::frame::{Ack, CloseCode, Frame, Hello, Payload, StreamFrame, Verify};
use securechat::wire::limits::{
    ACK_MAX_RANGES, DATA_HEADER_LEN, MAX_DATAGRAM_LEN, TAG_LEN, VERSION,
};
use securechat::wire::packet::{Data, Packet, Part, encode_init, encode_resp};

/// Largest plaintext that any path carries.
pub const MAX_PLAINTEXT: usize = MAX_DATAGRAM_LEN - DATA_HEADER_LEN - TAG_LEN;
/// Packet numbers of the victim's that are remembered for an ACK.
const MAX_REMEMBERED: usize = 4_096;

pub struct Hostile {
    identity: StaticSecret,
    id: PeerId,
    pub at: SocketAddr,
    victim: PeerId,
    attempt: Option<Initiator>,
    halves: [Vec<u8>; 2],
    keys: Option<Keys>,
    connection: u64,
    timestamp: u64,
    next_number: u64,
    next_index: u32,
    /// Next offset on the chat stream.
    pub written: u64,
    /// What arrived on the current connection.
    pub numbers: BTreeSet<u64>,
    pub received: Received,
    /// Whether it answers handshakes that the victim begins, and with which flags.
    pub answers: Option<u32>,
    outbox: Vec<Vec<u8>>,
}

/// What the victim has said to it.
#[derive(Default)]
pub struct Received {
    pub packets: u64,
    pub closed: Option<CloseCode>,
    pub receipts: Vec<Vec<u8>>,
    pub rejects: Vec<Vec<u8>>,
    pub verifies: Vec<Verify>,
    pub challenge: Option<[u8; 8]>,
    pub responses: u64,
    /// Bytes of the victim's streams, repeated ones too.
    pub bytes: u64,
    /// How far the victim lets the chat stream reach.
    pub credit: u64,
    /// How many bulk streams it lets be opened, if it raised that.
    pub streams: Option<u64>,
}

struct Keys {
    keys: TransportKeys,
    handshake: [u8; 32],
    remote: SessionIndex,
    sent: u64,
}

impl Hostile {
    pub fn new(at: SocketAddr, victim: PeerId, rng: &mut SimRng) -> Self {
        let identity = StaticSecret::generate(rng.crypto());
        Self {
            id: identity.public(),
            identity,
            at,
            victim,
            attempt: None,
            halves: [Vec::new(), Vec::new()],
            keys: None,
            connection: 0,
            timestamp: 0,
            next_number: 0,
            next_index: 0,
            written: 0,
            numbers: BTreeSet::new(),
            received: Received::default(),
            answers: None,
            outbox: Vec::new(),
        }
    }

    /// The hash of the handshake that made its newest keys.
    pub fn handshake(&self) -> [u8; 32] {
        self.keys.as_ref().map_or([0; 32], |keys| keys.handshake)
    }

    pub const fn id(&self) -> PeerId {
        self.id
    }

    // --- handshakes ---------------------------------------------------------------------------

    /// Both parts of an INIT, for the connection that there is or for a new one.
    pub fn init(&mut self, keep_connection: bool, rng: &mut SimRng) -> [Vec<u8>; 2] {
        if !keep_connection {
            self.start_anew();
        }
        self.timestamp += 1;
        let index = self.fresh_index();
        let mut payload = Writer::default();
        payload.u64(self.timestamp).u32(0);
        payload.u64(self.connection).u32(0);
        let payload = payload.into_vec().try_into();
        let payload = payload.expect("24 bytes were written");
        let prologue = prologue(index);
        let rng = rng.crypto();
        let started = initiate(&self.identity, &self.victim, None, &prologue, &payload, rng);
        let (initiator, message1) = started.expect("the victim's key is a key");
        self.halves = [Vec::new(), Vec::new()];
        self.attempt = Some(initiator);
        let mac1 = MacKey::for_init(&self.victim);
        encode_init(VERSION, index, &message1, |it| mac1.mac(&[it]), |_| [0; 16])
    }

    fn start_anew(&mut self) {
        self.connection += 1;
        self.next_number = 0;
        self.written = 0;
        self.numbers.clear();
        self.received = Received::default();
    }

    fn fresh_index(&mut self) -> SessionIndex {
        self.next_index += 1;
        SessionIndex(self.next_index)
    }

    /// A first packet that confirms the keys, once there are some.
    pub fn hello(&mut self) -> Option<Vec<u8>> {
        let hello = Hello {
            oldest_version: VERSION,
            newest_version: VERSION,
            largest_message: 1 << 24,
            capabilities: 0,
            signing_key: VerifyingKey::new([7; 32]),
            nickname: b"mallory",
        };
        let plaintext = self.payload(&[Frame::Hello(hello)]);
        self.seal(&plaintext)
    }

    // --- out ----------------------------------------------------------------------------------

    /// A datagram of this plaintext under the newest key.
    pub fn seal(&mut self, plaintext: &[u8]) -> Option<Vec<u8>> {
        let keys = self.keys.as_mut()?;
        keys.sent += 1;
        let counter = Counter(keys.sent - 1);
        let data = Data {
            receiver: keys.remote,
            counter,
        };
        let mut datagram = data.lay_out(plaintext);
        let (_, body) = datagram.split_at_mut(DATA_HEADER_LEN);
        let wipe = BatchWipe::new();
        keys.keys.seal.seal_in_batch(counter, body, &wipe);
        Some(datagram)
    }

    /// A plaintext of these encoded frames under the next packet number.
    pub fn number(&mut self, frames: &[u8]) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.varint(self.next_number).bytes(frames);
        self.next_number += 1;
        let mut plaintext = writer.into_vec();
        plaintext.truncate(MAX_PLAINTEXT);
        plaintext
    }

    /// The same of frames.
    pub fn payload(&mut self, frames: &[Frame<'_>]) -> Vec<u8> {
        let number = PacketNumber(self.next_number);
        self.next_number += 1;
        let frames = frames.into();
        Payload { number, frames }.encode(MAX_PLAINTEXT)
    }

    /// The next piece of its chat stream.
    pub fn chat_piece<'a>(&mut self, data: &'a [u8]) -> Frame<'a> {
        let offset = self.written;
        self.written += data.len() as u64;
        Frame::Stream(StreamFrame {
            id: StreamId(1),
            offset,
            fin: false,
            data,
        })
    }

    /// All that has arrived, as far as an ACK has room for it.
    pub fn ack(&self) -> Option<Ack> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for &number in self.numbers.iter().rev() {
            let count = ranges.len();
            match ranges.last_mut() {
                Some((low, _)) if *low == number + 1 => *low = number,
                Some(_) if count == ACK_MAX_RANGES => break,
                Some(_) | None => ranges.push((number, number)),
            }
        }
        (!ranges.is_empty()).then_some(Ack {
            delay_us: 0,
            ranges: ranges.as_slice().into(),
        })
    }

    /// What it sends by itself: answers to handshakes, and what confirms keys.
    pub fn take_answers(&mut self) -> Vec<Vec<u8>> {
        core::mem::take(&mut self.outbox)
    }

    // --- in -----------------------------------------------------------------------------------

    /// Takes a datagram of the victim's.
    pub fn receive(&mut self, mut datagram: Vec<u8>, rng: &mut SimRng) {
        match Packet::parse(&datagram).expect("the victim sends nothing malformed") {
            Packet::Resp(resp) => {
                let part = resp.part;
                let body = resp.body.to_vec();
                self.on_half(part, body);
                self.finish();
            }
            Packet::Init(init) => {
                let (part, body, sender) = (init.part, init.body.to_vec(), init.sender);
                if let Some(flags) = self.answers {
                    self.on_half(part, body);
                    self.answer(sender, flags, rng);
                }
            }
            Packet::Cookie(_) => {}
            Packet::Data(data) => {
                let Some(keys) = &self.keys else { return };
                let (_, sealed) = datagram.split_at_mut(DATA_HEADER_LEN);
                let wipe = BatchWipe::new();
                let opened = keys.keys.open.open_in_batch(data.counter, sealed, &wipe);
                if let Ok(plaintext) = opened {
                    let payload = Payload::parse(&plaintext).expect("an honest plaintext");
                    self.received.note(&payload);
                    self.numbers.insert(payload.number.0);
                    if self.numbers.len() > MAX_REMEMBERED {
                        self.numbers.pop_first();
                    }
                }
            }
        }
    }

    fn on_half(&mut self, part: Part, body: Vec<u8>) {
        let [first, second] = &mut self.halves;
        match part {
            Part::First => *first = body,
            Part::Second => *second = body,
        }
    }

    /// Reads message 2, if both halves of it are there.
    fn finish(&mut self) {
        let Ok(message2) = <[u8; 1_168]>::try_from(self.halves.concat()) else {
            return;
        };
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        let Ok(done) = attempt.finish(&message2) else {
            return;
        };
        let remote = *done.payload.last_chunk().expect("a payload has 16 bytes");
        self.attempt = None;
        let remote = SessionIndex(u32::from_le_bytes(remote));
        self.use_keys(done.keys, done.hash, remote);
    }

    /// Answers message 1 of the victim's, if both halves of it are there.
    fn answer(&mut self, sender: SessionIndex, flags: u32, rng: &mut SimRng) {
        let Ok(message1) = <[u8; 1_320]>::try_from(self.halves.concat()) else {
            return;
        };
        self.halves = [Vec::new(), Vec::new()];
        let accepted = accept(&self.identity, &prologue(sender), &message1, rng.crypto());
        let Ok(responder) = accepted else { return };
        self.start_anew();
        let mut payload = Writer::default();
        payload.u64(self.connection).u32(flags);
        payload.u32(self.fresh_index().0);
        let payload = payload.into_vec().try_into();
        let payload = payload.expect("16 bytes were written");
        let Ok((message2, keys, hash)) = responder.respond(None, &payload) else {
            return;
        };
        let ephemeral = *message1.first_chunk().expect("message 1 begins with a key");
        let mac1 = MacKey::for_resp(&ephemeral);
        self.outbox
            .extend(encode_resp(sender, &message2, |it| mac1.mac(&[it])));
        self.use_keys(keys, hash, sender);
    }

    fn use_keys(&mut self, keys: TransportKeys, handshake: [u8; 32], remote: SessionIndex) {
        self.keys = Some(Keys {
            keys,
            handshake,
            remote,
            sent: 0,
        });
    }
}

impl Received {
    fn note(&mut self, payload: &Payload<'_>) {
        self.packets += 1;
        for frame in &payload.frames {
            match frame {
                Frame::Close(code) => self.closed = Some(*code),
                Frame::Receipt(body) => self.receipts.push(body.to_vec()),
                Frame::Reject(body) => self.rejects.push(body.to_vec()),
                Frame::PathChallenge(token) => self.challenge = Some(*token),
                Frame::PathResponse(_) => self.responses += 1,
                Frame::Verify(verify) => self.verifies.push(*verify),
                Frame::Stream(stream) => self.bytes += stream.data.len() as u64,
                Frame::MaxStreamData { id, max } if id.0 == 1 => self.credit = *max,
                Frame::MaxStreams(max) => self.streams = Some(*max),
                _ => {}
            }
        }
    }
}

fn prologue(initiator: SessionIndex) -> Vec<u8> {
    let index = initiator.0.to_le_bytes();
    [b"securechat".as_slice(), &VERSION.to_le_bytes(), &index].concat()
}
