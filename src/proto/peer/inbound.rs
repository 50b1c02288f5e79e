//! Packets on their way in: who sent them, and what their frames do.

use tracing::trace;

use crate::proto::connection::{NoteBody, Refused};
use crate::proto::event::{CloseReason, Event, Notice};
use crate::proto::key_table::Opened;
use crate::proto::keypair::Slot;
use crate::proto::limits::SILENCE;
use crate::proto::peer::roam::datagram_len;
use crate::proto::peer::{Fate, Peer, Standing};
use crate::proto::shared::Shared;
use crate::proto::stats::DropReason;
use crate::proto::timer::Timer;
use crate::time::Instant;
use crate::wire::DecodeError;
use crate::wire::frame::{CloseCode, Frame, Hello, Payload};

impl Peer {
    /// Takes an opened packet.
    pub(in crate::proto) fn on_opened(
        &mut self,
        opened: &Opened<'_>,
        shared: &mut Shared,
        now: Instant,
    ) -> Fate {
        trace!(peer = %self.label, counter = opened.counter.0, from = %opened.from.peer, "packet in");
        let Some(slot) = self.keys.slot_of(&opened.keypair) else {
            shared.drop(DropReason::StaleKeypair);
            return Fate::Stay;
        };
        if slot == Slot::Next {
            self.on_confirmed(opened, shared, now);
        }
        self.transfer.received += datagram_len(opened) as u64;
        self.on_heard(shared, now);
        self.follow(opened, shared, now);
        let payload = match Payload::parse(&opened.plaintext) {
            Ok(payload) => payload,
            Err(error) => return self.on_malformed(error, shared, now),
        };
        self.on_payload(&payload, shared, now)
    }

    /// Takes a packet's frames, all or none.
    fn on_payload(&mut self, payload: &Payload<'_>, shared: &mut Shared, now: Instant) -> Fate {
        let Some(connection) = &mut self.connection else {
            return Fate::Stay;
        };
        match connection.check(payload) {
            Ok(()) => {}
            Err(Refused::Dropped) => {
                shared.drop(DropReason::Overflow);
                return Fate::Stay;
            }
            Err(Refused::Violation) => return self.on_violation(shared, now),
        }
        if shared.notes_are_full(payload.frames.len()) {
            shared.drop(DropReason::Overflow);
            return Fate::Stay;
        }
        if !connection.on_packet(payload, now) {
            return Fate::Stay;
        }
        self.set_dirty(shared);
        let mut fate = Fate::Stay;
        for frame in &payload.frames {
            match self.on_frame(frame, shared, now) {
                Fate::Forget => return Fate::Forget,
                asks @ Fate::Asks(_) => fate = asks,
                Fate::Stay => {}
            }
            if self.pair.is_none() {
                return Fate::Stay;
            }
        }
        self.rekey_if_due(false, shared, now);
        self.tell_stream_events(shared);
        fate
    }

    /// The other side proved that it holds a keypair that we answered with.
    fn on_confirmed(&mut self, opened: &Opened<'_>, shared: &mut Shared, now: Instant) {
        let is_new = self.is_new_connection(&opened.keypair);
        if is_new {
            self.on_confirming(opened, shared, now);
            self.accepted = true;
        }
        self.confirm(&opened.keypair, shared, now);
        // One that lost against another says where the peer was, not where it is.
        if !is_new && self.keys.slot_of(&opened.keypair) == Some(Slot::Current) {
            self.on_confirming(opened, shared, now);
        }
    }

    fn on_heard(&mut self, shared: &mut Shared, now: Instant) {
        self.heard = Some(now);
        self.arm_silence(shared, now);
        if core::mem::take(&mut self.silent) {
            if let Some(connection) = &mut self.connection {
                connection.probe();
            }
            self.stop_handshake(shared);
            self.wanted = false;
            let peer = self.id;
            shared.event(if self.is_waiting() {
                Event::Waiting { peer }
            } else {
                Event::Resumed { peer }
            });
        }
    }

    /// Counts the silence anew from `now`, or not at all if nothing is out that wants an answer.
    pub(super) fn arm_silence(&mut self, shared: &mut Shared, now: Instant) {
        let out = self.connection.as_ref().filter(|c| c.awaits_ack());
        let at = out.map(|connection| now + SILENCE.max(3 * connection.pto()));
        self.arm(Timer::Silence, at, shared);
    }

    fn on_frame(&mut self, frame: &Frame<'_>, shared: &mut Shared, now: Instant) -> Fate {
        let (is_guest, Some(connection)) = (self.is_guest(), &mut self.connection) else {
            return Fate::Stay;
        };
        match frame {
            Frame::Ping | Frame::Skipped => {}
            Frame::Ack(ack) => {
                if connection.on_ack(ack, &mut shared.scratch, now).is_err() {
                    return self.on_violation(shared, now);
                }
                if let Some(rtt) = connection.take_answer() {
                    let peer = self.id;
                    shared.event(Event::Pong { peer, rtt });
                }
                while let Some((id, rtt)) = connection.take_ping() {
                    let peer = self.id;
                    shared.event(Event::PingAnswered { peer, id, rtt });
                }
                if connection.takes_notes_again() {
                    self.stir(shared);
                }
                self.arm_silence(shared, now);
            }
            Frame::Hello(hello) => return self.on_hello(hello, shared, now),
            Frame::Stream(_)
            | Frame::Reset { .. }
            | Frame::Stop { .. }
            | Frame::MaxData(_)
            | Frame::MaxStreamData { .. }
            | Frame::MaxStreams(_)
            | Frame::Receipt(_)
            | Frame::Reject(_)
            | Frame::Verify(_) => {
                // A guest has no credit before the user has decided.
                if is_guest {
                    return self.on_violation(shared, now);
                }
                let peer = self.id;
                if let Frame::Receipt(body) = frame {
                    self.partings = 0;
                    let body = NoteBody::from(*body);
                    shared.notice(Notice::Receipt { peer, body });
                } else if let Frame::Reject(body) = frame {
                    let body = NoteBody::from(*body);
                    shared.notice(Notice::Reject { peer, body });
                } else if let Frame::Verify(verify) = frame {
                    if self.on_verify(verify, shared, now) == Fate::Forget {
                        return Fate::Forget;
                    }
                } else {
                    connection.on_stream_frame(frame);
                }
                // It does not speak to guests: its HELLO is late.
                self.on_accepted(shared);
            }
            Frame::PathChallenge(token) => self.on_path_challenge(*token),
            Frame::PathResponse(token) => self.on_path_response(*token, shared, now),
            Frame::Close(code) => return self.on_close(*code, shared),
        }
        Fate::Stay
    }

    fn on_hello(&mut self, hello: &Hello<'_>, shared: &mut Shared, now: Instant) -> Fate {
        let is_first = self.introduction.is_none();
        self.introduction.get_or_insert_with(|| hello.into());
        if self.is_somebody_else() {
            self.say_close(CloseCode::Violation, shared, now);
            return self.end(Some(CloseReason::SigningKeyChanged), shared);
        }
        if let Standing::Guest { told: false, .. } = self.standing {
            let nickname = String::from_utf8(hello.nickname.to_vec()).ok();
            return Fate::Asks(nickname.filter(|name| !name.is_empty()));
        }
        self.on_accepted(shared);
        if is_first && !self.is_guest() {
            self.introduce(shared);
            self.ask_what_waited(shared, now);
        }
        Fate::Stay
    }

    fn on_close(&mut self, code: CloseCode, shared: &mut Shared) -> Fate {
        let reason = match code {
            CloseCode::Violation => CloseReason::TheySayViolation,
            CloseCode::Unsupported => CloseReason::Unsupported,
            CloseCode::Declined => CloseReason::Declined,
            CloseCode::Other(_) if code.is_final() => CloseReason::Declined,
            CloseCode::Goodbye | CloseCode::Other(_) => CloseReason::Goodbye,
        };
        self.end_by_peer(Some(reason), shared)
    }

    fn on_malformed(&mut self, error: DecodeError, shared: &mut Shared, now: Instant) -> Fate {
        let code = match error {
            DecodeError::Unknown => CloseCode::Unsupported,
            DecodeError::Truncated
            | DecodeError::TrailingBytes
            | DecodeError::NotCanonical
            | DecodeError::TooLong => return self.on_violation(shared, now),
        };
        self.say_close(code, shared, now);
        self.end(Some(CloseReason::Unsupported), shared)
    }

    pub(in crate::proto) fn on_violation(&mut self, shared: &mut Shared, now: Instant) -> Fate {
        self.say_close(CloseCode::Violation, shared, now);
        self.end(Some(CloseReason::Violation), shared)
    }
}
