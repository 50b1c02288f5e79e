//! Expensive work (Diffie-Hellman, KEM) as values: made by the core, run by the worker without the
//! core's lock, and the outcome handed back. Every outcome is checked again against the core's state,
//! which may have changed meanwhile.

use core::net::IpAddr;
use std::sync::Arc;

use rand_core::CryptoRng;

use crate::crypto::{
    Completed, DisclosedKeys, HandshakeError, Initiator, MacKey, Psk, Responder, StaticSecret,
    TransportKeys, accept, initiate,
};
use crate::id::{ConnectionId, PeerId, SessionIndex};
use crate::proto::attempt::Origin;
use crate::proto::payload::{InitPayload, RespPayload, prologue};
use crate::proto::reassembly::{Ephemeral, SlotKey};
use crate::wire::limits::{MAC_LEN, MESSAGE1_LEN, MESSAGE2_LEN, VERSION};
use crate::wire::packet::{encode_init, encode_resp};

/// A piece of handshake work. Whoever drops one leaves the attempt that it belongs to undone; a peer that is called
/// gets another after 90 s.
#[must_use = "a job that is not run holds up the handshake that it belongs to"]
#[derive(Debug)]
pub struct Job(pub(super) Work);

/// What a job came to, to be dropped as little as the job; for [`Endpoint::handle_outcome`](crate::proto::Endpoint::handle_outcome).
#[must_use = "an outcome that is not handed back holds up the handshake that it belongs to"]
#[derive(Debug)]
pub struct Outcome(pub(super) Done);

/// The raw keys of a new keypair, with what DATA names them by; see [`DisclosedKeys`].
#[derive(Debug)]
pub struct Disclosure {
    /// Our session index: the `receiver` of what the other side seals.
    pub ours: SessionIndex,
    /// Theirs: the `receiver` of what we seal.
    pub theirs: SessionIndex,
    /// The keys.
    pub keys: DisclosedKeys,
}

/// Takes them, if anybody does.
type Sink<'a> = Option<&'a mut dyn FnMut(Disclosure)>;

#[derive(Debug)]
pub(super) enum Work {
    Initiate(Initiate),
    Finish(Finish),
    Accept(Accept),
    Respond(Box<Respond>),
}

#[derive(Debug)]
pub(super) enum Done {
    Initiated {
        peer: PeerId,
        index: SessionIndex,
        made: Option<Box<Initiated>>,
    },
    Finished(Box<Finished>),
    Accepted(Accepted),
    Responded {
        slot: SlotKey,
        ephemeral: Ephemeral,
        made: Option<Box<Responded>>,
    },
}

/// Makes message 1.
#[derive(Debug)]
pub(super) struct Initiate {
    pub(super) local: Arc<StaticSecret>,
    pub(super) peer: PeerId,
    pub(super) psk: Option<Arc<Psk>>,
    pub(super) index: SessionIndex,
    pub(super) payload: InitPayload,
}

#[derive(Debug)]
pub(super) struct Initiated {
    pub(super) index: SessionIndex,
    pub(super) connection: ConnectionId,
    pub(super) initiator: Initiator,
    pub(super) message1: Box<[u8; MESSAGE1_LEN]>,
    pub(super) datagrams: [Vec<u8>; 2],
}

/// Reads message 2.
#[derive(Debug)]
pub(super) struct Finish {
    pub(super) peer: PeerId,
    pub(super) index: SessionIndex,
    pub(super) initiator: Initiator,
    pub(super) message2: Box<[u8; MESSAGE2_LEN]>,
    pub(super) origin: Origin,
}

#[derive(Debug)]
pub(super) struct Finished {
    pub(super) peer: PeerId,
    pub(super) index: SessionIndex,
    pub(super) initiator: Initiator,
    pub(super) completed: Result<Completed, HandshakeError>,
    pub(super) origin: Origin,
}

/// Reads message 1, which tells who sent it.
#[derive(Debug)]
pub(super) struct Accept {
    pub(super) local: Arc<StaticSecret>,
    pub(super) slot: SlotKey,
    /// Which of our addresses message 1 came to.
    pub(super) called: Option<IpAddr>,
    pub(super) message1: Box<[u8; MESSAGE1_LEN]>,
}

#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) slot: SlotKey,
    /// Which of our addresses message 1 came to.
    pub(super) called: Option<IpAddr>,
    pub(super) message1: Box<[u8; MESSAGE1_LEN]>,
    pub(super) responder: Option<Responder>,
}

/// Makes message 2.
#[derive(Debug)]
pub(super) struct Respond {
    pub(super) responder: Responder,
    pub(super) psk: Option<Arc<Psk>>,
    pub(super) slot: SlotKey,
    /// Which of our addresses message 1 came to.
    pub(super) called: Option<IpAddr>,
    pub(super) ephemeral: Ephemeral,
    pub(super) payload: RespPayload,
    pub(super) remote_connection: ConnectionId,
}

#[derive(Debug)]
pub(super) struct Responded {
    pub(super) peer: PeerId,
    pub(super) slot: SlotKey,
    /// Which of our addresses message 1 came to.
    pub(super) called: Option<IpAddr>,
    pub(super) payload: RespPayload,
    pub(super) remote_connection: ConnectionId,
    pub(super) keys: TransportKeys,
    pub(super) handshake: [u8; 32],
    pub(super) datagrams: [Vec<u8>; 2],
}

impl Job {
    /// Whether it makes the message 1 of this attempt.
    pub(super) fn initiates(&self, index: SessionIndex) -> bool {
        matches!(&self.0, Work::Initiate(job) if job.index == index)
    }

    /// Does the work. `rng` gives the ephemeral keys. Needs 512 KiB of stack, of which it overwrites 256 KiB, and a
    /// program whose allocator wipes what is freed: the libraries beneath leave copies of keys in both.
    pub fn run(self, rng: &mut dyn CryptoRng) -> Outcome {
        self.work(rng, None)
    }

    /// The same, and shows the raw keys of a keypair that comes out of it to `sink`, before the core knows it: for
    /// a key log that the user asked for, and for nothing else. They stay nowhere but there.
    pub fn run_and_disclose(
        self,
        rng: &mut dyn CryptoRng,
        sink: &mut dyn FnMut(Disclosure),
    ) -> Outcome {
        self.work(rng, Some(sink))
    }

    fn work(self, rng: &mut dyn CryptoRng, sink: Sink<'_>) -> Outcome {
        Outcome(match self.0 {
            Work::Initiate(job) => Done::Initiated {
                peer: job.peer,
                index: job.index,
                made: job.run(rng).map(Box::new),
            },
            Work::Finish(job) => Done::Finished(Box::new(job.run(sink))),
            Work::Accept(job) => Done::Accepted(job.run(rng)),
            Work::Respond(job) => Done::Responded {
                slot: job.slot,
                ephemeral: job.ephemeral,
                made: job.run(sink).map(Box::new),
            },
        })
    }
}

impl Initiate {
    fn run(self, rng: &mut dyn CryptoRng) -> Option<Initiated> {
        let Self {
            local,
            peer,
            psk,
            index,
            payload,
        } = self;
        let prologue = prologue(index);
        let (initiator, message1) = initiate(
            &local,
            &peer,
            psk.as_deref(),
            &prologue,
            &payload.encode(),
            rng,
        )
        .ok()?;
        let mac1 = MacKey::for_init(&peer);
        let no_cookie = |_: &[u8]| [0; MAC_LEN];
        let datagrams = encode_init(VERSION, index, &message1, |b| mac1.mac(&[b]), no_cookie);
        let connection = payload.connection;
        Some(Initiated {
            index,
            connection,
            initiator,
            message1,
            datagrams,
        })
    }
}

impl Finish {
    fn run(self, sink: Sink<'_>) -> Finished {
        let Self {
            peer,
            index,
            mut initiator,
            message2,
            origin,
        } = self;
        let mut keys = None;
        let completed = match &sink {
            None => initiator.finish(&message2),
            Some(_) => initiator.finish_and_disclose(&message2, &mut keys),
        };
        let answer = completed.as_ref().map(|it| RespPayload::parse(&it.payload));
        if let (Some(sink), Some(keys), Ok(Ok(answer))) = (sink, keys, answer)
            && answer.welcome.begins_session()
        {
            sink(Disclosure {
                ours: index,
                theirs: answer.index,
                keys,
            });
        }
        Finished {
            peer,
            index,
            initiator,
            completed,
            origin,
        }
    }
}

impl Accept {
    fn run(self, rng: &mut dyn CryptoRng) -> Accepted {
        let Self {
            local,
            slot,
            called,
            message1,
        } = self;
        let responder = accept(&local, &prologue(slot.1), &message1, rng).ok();
        Accepted {
            slot,
            called,
            message1,
            responder,
        }
    }
}

impl Respond {
    fn run(self, sink: Sink<'_>) -> Option<Responded> {
        let Self {
            responder,
            psk,
            slot,
            called,
            ephemeral,
            payload,
            remote_connection,
        } = self;
        let peer = responder.remote();
        let (psk, bytes) = (psk.as_deref(), payload.encode());
        let mut disclosed = None;
        let responded = match &sink {
            None => responder.respond(psk, &bytes),
            Some(_) => responder.respond_and_disclose(psk, &bytes, &mut disclosed),
        };
        let (message2, keys, handshake) = responded.ok()?;
        if let (Some(sink), Some(keys)) = (sink, disclosed)
            && payload.welcome.begins_session()
        {
            sink(Disclosure {
                ours: payload.index,
                theirs: slot.1,
                keys,
            });
        }
        let mac1 = MacKey::for_resp(&ephemeral);
        let datagrams = encode_resp(slot.1, &message2, |b| mac1.mac(&[b]));
        Some(Responded {
            peer,
            slot,
            called,
            payload,
            remote_connection,
            keys,
            handshake,
            datagrams,
        })
    }
}
