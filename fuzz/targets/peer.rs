//! A peer that holds its key by right and says anything: under the seal, over time, between lines of
//! honest people. Nothing panics, nothing grows without bound, nobody else is harmed.

use core::time::Duration;

use securechat::chat::Messenger;
use securechat::id::{StreamId, VerifyingKey};
use securechat::wire::frame::{
    Ack, CloseCode, Frame, Hello, StreamFrame, Verdict, Verify, VerifyStep,
};
use securechat::wire::{Writer, packet::Packet};

use super::hostile::{Scene, Terms, at};
use super::input::Input;

/// Commands of one run; each costs a packet and what it causes.
const MAX_COMMANDS: usize = 200;
/// Messages of one contact that are shown to an owner who takes none.
const MAX_UNTAKEN: usize = 64;
/// Time that may pass in one run: a timer that fires too often is seen in less.
const MAX_TIME: Duration = Duration::from_secs(20 * 60);

/// A session with commands of every kind.
pub fn peer(data: &[u8]) {
    let mut input = Input::new(data);
    let mode = input.byte();
    let terms = match mode & 3 {
        0 | 1 => Terms::Known,
        2 => Terms::Guest,
        _ => Terms::Pinned,
    };
    let mut run = Run::new(terms, mode & 4 != 0);
    run.all(&mut input, |run, command, input| {
        run.command(command, input);
    });
}

/// A session in which the peer speaks of messages: records on the chat stream, receipts, rejects.
pub fn chat(data: &[u8]) {
    let mut input = Input::new(data);
    let mut run = Run::new(Terms::Known, false);
    run.all(&mut input, |run, command, input| {
        run.chat_command(command, input);
    });
}

struct Run {
    scene: Scene,
    has_innocent: bool,
    passed: Duration,
    last: Vec<u8>,
}

impl Run {
    fn new(terms: Terms, has_innocent: bool) -> Self {
        let mut scene = Scene::new(terms);
        if has_innocent {
            scene.connect_innocent();
        }
        scene.connect_hostile(false);
        Self {
            scene,
            has_innocent,
            passed: Duration::ZERO,
            last: Vec::new(),
        }
    }

    fn all(&mut self, input: &mut Input<'_>, command: impl Fn(&mut Self, u8, &mut Input<'_>)) {
        for _ in 0..MAX_COMMANDS {
            let Some(byte) = input.next() else { break };
            let before = (self.scene.inward, self.scene.outward, self.passed);
            command(self, byte, input);
            self.scene.exchange();
            self.scene.check();
            self.check_answers(before);
        }
        if self.has_innocent {
            self.scene.assert_served();
        }
    }

    /// The victim does not answer a few packets with many. What it has to say by itself is little here,
    /// and what it repeats, or tries anew, it does seldom.
    fn check_answers(&self, (inward, outward, passed): (u64, u64, Duration)) {
        let (came, went) = (self.scene.inward - inward, self.scene.outward - outward);
        let most = 400 + 4 * came + 4 * (self.passed - passed).as_secs();
        assert!(went <= most, "{went} datagrams for {came}");
    }

    fn command(&mut self, command: u8, input: &mut Input<'_>) {
        match command % 16 {
            0 => self.scene.send_encoded(input.chunk()),
            1 => self.scene.send_plain(input.chunk()),
            2..=4 => self.frames(1 + usize::from(command >> 4), input),
            5 => self.repeat(input),
            6 => self.pass(input),
            7 => self.scene.acknowledge(),
            8 => self.honest(input),
            9 => self.write(input),
            10 => self.reconnect(input),
            11 => self.decide(input),
            12 => self.scene.hostile.at = at(3 + input.byte() % 16),
            13 => self.datagram(input),
            _ => self.chat_command(input.byte(), input),
        }
    }

    fn chat_command(&mut self, command: u8, input: &mut Input<'_>) {
        match command % 8 {
            0 | 1 => self.record(command, input),
            2 => {
                let bytes = input.chunk();
                self.on_chat_stream(bytes);
            }
            3 => self.note(command, input),
            4 => self.write(input),
            5 => self.scene.acknowledge(),
            6 => self.decide(input),
            _ => self.pass(input),
        }
    }

    /// A packet of frames that are well formed and say anything.
    fn frames(&mut self, count: usize, input: &mut Input<'_>) {
        let frames: Vec<Frame<'_>> = (0..count).map(|_| self.frame(input)).collect();
        let plaintext = self.scene.hostile.payload(&frames);
        let number_len = plaintext.first().map_or(0, |first| 1 << (first >> 6));
        self.last = plaintext.get(number_len..).unwrap_or_default().to_vec();
        self.scene.send_plain(&plaintext);
    }

    fn frame<'a>(&self, input: &mut Input<'a>) -> Frame<'a> {
        match input.byte() % 16 {
            0..=2 => self.stream(input),
            3 => Frame::Reset {
                id: stream_id(input),
                code: varint(input),
                final_size: varint(input),
            },
            4 => Frame::Stop {
                id: stream_id(input),
                code: varint(input),
            },
            5 => Frame::MaxData(varint(input)),
            6 => Frame::MaxStreamData {
                id: stream_id(input),
                max: varint(input),
            },
            7 => Frame::MaxStreams(varint(input)),
            8 | 9 => self.ack(input),
            10 => Frame::Receipt(short(input)),
            11 => Frame::Reject(short(input)),
            12 => Frame::PathChallenge([input.byte(); 8]),
            13 => Frame::PathResponse(self.scene.hostile.received.challenge.unwrap_or_default()),
            14 => Frame::Hello(Hello {
                oldest_version: input.u16().min(1),
                newest_version: input.u16().max(1),
                largest_message: varint(input),
                capabilities: varint(input),
                signing_key: VerifyingKey::new([input.byte() & 7; 32]),
                nickname: short(input),
            }),
            _ => match input.byte() {
                code @ 0..=8 => Frame::Close(if code == 0 {
                    CloseCode::Declined
                } else {
                    CloseCode::Other(u64::from(code) + 3)
                }),
                9..=40 => Frame::Verify(verify(input, self.scene.hostile.handshake())),
                _ => Frame::Ping,
            },
        }
    }

    fn stream<'a>(&self, input: &mut Input<'a>) -> Frame<'a> {
        let id = stream_id(input);
        let kind = input.byte();
        let data = input.chunk();
        let data = data.get(..1_200).unwrap_or(data);
        let largest = (1 << 62) - 1 - data.len() as u64;
        let offset = match kind % 4 {
            0 => self.scene.hostile.written,
            1 => self.scene.hostile.written + u64::from(kind),
            2 => self.scene.hostile.received.credit.saturating_sub(1),
            _ => varint(input),
        };
        Frame::Stream(StreamFrame {
            id,
            offset: offset.min(largest),
            fin: kind & 0x80 != 0,
            data,
        })
    }

    /// An ACK that is true, too hopeful, or made up.
    fn ack<'a>(&self, input: &mut Input<'_>) -> Frame<'a> {
        let kind = input.byte();
        let mut ack = self.scene.hostile.ack().unwrap_or_else(|| Ack {
            delay_us: 0,
            ranges: [(0, 0)].as_slice().into(),
        });
        ack.delay_us = if kind & 8 != 0 { varint(input) } else { 0 };
        if let Some((low, high)) = ack.ranges.first_mut() {
            match kind % 4 {
                0 => {}
                1 => *high += u64::from(kind >> 4),
                2 => (*low, *high) = (0, *high),
                _ => *high = varint(input).max(*low),
            }
        }
        if kind % 4 == 2 {
            ack.ranges.truncate(1);
        }
        Frame::Ack(ack)
    }

    /// The last packet's frames again, many times.
    fn repeat(&mut self, input: &mut Input<'_>) {
        let frames = self.last.clone();
        for _ in 0..input.byte() {
            self.scene.send_encoded(&frames);
        }
    }

    fn pass(&mut self, input: &mut Input<'_>) {
        let time = Duration::from_micros(1 << (input.byte() % 30));
        if self.passed + time <= MAX_TIME {
            self.passed += time;
            self.scene.advance(time);
        }
    }

    fn honest(&mut self, input: &mut Input<'_>) {
        if self.has_innocent && input.byte() < 64 && self.is_shown_more() {
            self.scene.victim.polls = true;
            self.scene.chat_soon();
        }
    }

    /// Whether the victim's owner would be shown another line of the innocent.
    fn is_shown_more(&self) -> bool {
        let innocent = self.scene.innocent.id().into();
        let untaken = self.scene.victim.untaken.iter();
        self.scene.victim.takes || untaken.filter(|it| it.0 == innocent).count() < MAX_UNTAKEN
    }

    /// The victim writes to the hostile peer, now and then at length.
    fn write(&mut self, input: &mut Input<'_>) {
        let len = match input.byte() {
            long @ 0xf0.. => 70_000 * usize::from(long & 3),
            len => usize::from(len),
        };
        let _ = self.scene.write_to_hostile("x".repeat(len));
    }

    fn reconnect(&mut self, input: &mut Input<'_>) {
        // Who calls more often is asked for a cookie.
        self.scene.advance(Duration::from_millis(100));
        self.scene.connect_hostile(input.byte() & 1 != 0);
    }

    /// The victim's owner does something.
    fn decide(&mut self, input: &mut Input<'_>) {
        let (hostile, at) = (self.scene.hostile.id(), self.scene.hostile.at);
        let choice = input.byte();
        let victim = &mut self.scene.victim;
        match choice % 10 {
            0 => victim.takes = !victim.takes,
            1 => victim.polls = !victim.polls,
            2 => {
                if let Some((contact, name)) = victim.untaken.pop() {
                    victim.with(self.scene.now, |it, _| it.refuse(contact, name));
                }
            }
            3 => victim.with(self.scene.now, |it, now| {
                it.endpoint_mut().close(hostile, now);
            }),
            4 => victim.with(self.scene.now, |it, _| {
                let _ = it.endpoint_mut().accept_guest(hostile);
            }),
            5 => victim.with(self.scene.now, |it, now| {
                it.endpoint_mut().refuse_guest(hostile, now);
            }),
            6 => victim.with(self.scene.now, |it, now| it.remove_peer(hostile, now)),
            7 => victim.knows(hostile, at),
            8 => {
                self.scene.hostile.answers = Some(u32::from(choice >> 6));
                victim.with(self.scene.now, |it: &mut Messenger, now| {
                    let _ = it.endpoint_mut().connect(hostile, &[], now);
                });
            }
            _ => self.scene.hostile.answers = None,
        }
    }

    /// A datagram with something wrong about its outside.
    fn datagram(&mut self, input: &mut Input<'_>) {
        let plaintext = self.scene.hostile.number(&[1]);
        let Some(mut datagram) = self.scene.hostile.seal(&plaintext) else {
            return;
        };
        let kind = input.byte();
        if kind & 1 != 0 {
            let at = usize::from(input.u16()) % datagram.len();
            datagram[at] ^= 1 << (kind >> 5);
        }
        if kind & 2 != 0 {
            datagram.truncate(usize::from(input.u16()));
        }
        if kind & 4 != 0 {
            self.scene.deliver(datagram.clone());
        }
        if Packet::parse(&datagram).is_ok() || kind & 8 != 0 {
            self.scene.deliver(datagram);
        }
    }

    // --- messages -----------------------------------------------------------------------------

    /// A record as messages have them, with any of its fields wrong.
    fn record(&mut self, command: u8, input: &mut Input<'_>) {
        let (kind, shape) = (input.byte(), input.byte());
        let elsewhere = command & 8 != 0;
        let conversation = if shape & 1 != 0 { short(input) } else { &[] };
        let mut writer = Writer::default();
        writer
            .u8(if kind < 0xc0 { 1 } else { kind & 0x7f } | if elsewhere { 0x80 } else { 0 })
            .u8(u8::try_from(conversation.len()).unwrap_or(255))
            .bytes(conversation)
            .u64(u64::from(shape >> 4))
            .u64(if shape & 2 != 0 {
                input.number()
            } else {
                u64::from(input.byte())
            })
            .u64(0);
        if elsewhere {
            writer.varint(stream_id(input).0).varint(varint(input));
        } else {
            writer.bytes(input.chunk());
        }
        let record = writer.into_vec();
        let mut framed = Writer::default();
        framed.prefixed(&record);
        let cut = if shape & 4 != 0 { 1 } else { 0 };
        let framed = framed.into_vec();
        self.on_chat_stream(&framed[..framed.len() - cut]);
    }

    fn on_chat_stream(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(1_024) {
            let frame = self.scene.hostile.chat_piece(piece);
            let plaintext = self.scene.hostile.payload(&[frame]);
            self.scene.send_plain(&plaintext);
        }
    }

    /// A receipt or reject about the victim's messages, right or wrong.
    fn note(&mut self, command: u8, input: &mut Input<'_>) {
        let nth = usize::from(input.byte());
        let known = self.scene.victim.states.get(nth).map(|(_, name, _)| *name);
        let mut writer = Writer::default();
        writer.u64(known.map_or(nth as u64, |name| name.log.0));
        writer.varint(varint(input)).varint(varint(input));
        writer.bytes(short(input));
        let body = writer.into_vec();
        let body = &body[..body.len().min(512)];
        let frame = if command & 8 == 0 {
            Frame::Receipt(body)
        } else {
            Frame::Reject(body)
        };
        let plaintext = self.scene.hostile.payload(&[frame]);
        self.scene.send_plain(&plaintext);
    }
}

/// A step of a comparison, right or wrong.
fn verify(input: &mut Input<'_>, handshake: [u8; 32]) -> Verify {
    let nonce = [input.byte(); 32];
    let step = match input.byte() % 7 {
        0 => VerifyStep::Ask {
            handshake,
            commitment: nonce,
        },
        1 => VerifyStep::Answer { nonce },
        2 => VerifyStep::Reveal { nonce },
        3 => VerifyStep::Verdict(Verdict::Same),
        4 => VerifyStep::Verdict(Verdict::Different),
        5 => VerifyStep::Verdict(Verdict::Withdrawn),
        _ => VerifyStep::Verdict(Verdict::Later),
    };
    let attempt = u64::from(input.byte());
    Verify { attempt, step }
}

fn stream_id(input: &mut Input<'_>) -> StreamId {
    match input.byte() {
        id @ 0..=31 => StreamId(u64::from(id)),
        _ => StreamId(varint(input)),
    }
}

/// A number that a varint can hold.
fn varint(input: &mut Input<'_>) -> u64 {
    input.number() & ((1 << 62) - 1)
}

fn short<'a>(input: &mut Input<'a>) -> &'a [u8] {
    let len = usize::from(input.byte() & 0x7f);
    input.take(len)
}
