//! Everything between us and one contact.

use std::collections::VecDeque;

use chacha20::ChaCha20Rng;
use rand_core::Rng;

use crate::chat::contact::ContactId;
use crate::chat::event::{Event, Misbehaviour};
use crate::chat::message::LogId;
use crate::chat::outbox::Outbox;
use crate::chat::policy::Policy;
use crate::chat::receipt::{Receipt, Reject};
use crate::chat::receiver::{Receiver, Turn};
use crate::chat::sender::{Ledger, Sender};
use crate::chat::transport::Transport;
use crate::id::PeerId;
use crate::proto::{Keyed, Place};
use crate::time::Instant;

pub(super) struct Conversation {
    pub(super) contact: ContactId,
    /// Where the client has it.
    pub(super) place: Place,
    /// The connection that both halves are on.
    generation: Option<u64>,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    /// Whether something about the connection has changed since the last pump.
    pub(super) is_stirred: bool,
    /// The deadline that the client has noted.
    pub(super) noted: Option<Instant>,
}

impl Keyed for Conversation {
    fn key(&self) -> &PeerId {
        self.contact.key()
    }
}

impl Conversation {
    pub(super) fn new(contact: ContactId, place: Place, log_ids: &mut ChaCha20Rng) -> Box<Self> {
        Box::new(Self {
            contact,
            place,
            generation: None,
            sender: Sender::new(LogId(log_ids.next_u64())),
            receiver: Receiver::default(),
            is_stirred: true,
            noted: None,
        })
    }

    /// Moves bytes both ways. On another connection than last time both halves begin anew first.
    pub(super) fn pump(
        &mut self,
        transport: Option<&mut dyn Transport>,
        outbox: &mut dyn Outbox,
        policy: &Policy,
        events: &mut VecDeque<Event>,
        now: Instant,
    ) {
        let contact = self.contact;
        let generation = transport.as_ref().map(|it| it.generation());
        let mut is_stirred = core::mem::take(&mut self.is_stirred);
        if generation != self.generation {
            is_stirred = true;
            self.generation = generation;
            self.sender.start_anew();
            self.receiver.start_anew();
        }
        let Some(transport) = transport else {
            return;
        };
        let turn = &mut Turn {
            contact,
            transport: &mut *transport,
            policy,
            events: &mut *events,
            now,
        };
        self.receiver.pump(is_stirred, turn);
        let mut ledger = Ledger {
            contact,
            outbox,
            events,
        };
        self.sender.pump(is_stirred, transport, &mut ledger);
    }

    pub(super) fn on_receipt(&mut self, body: &[u8], ledger: &mut Ledger<'_>) {
        match Receipt::parse(body) {
            Ok(receipt) => self.sender.on_receipt(&receipt, ledger),
            Err(error) => {
                let how = Misbehaviour::Receipt(error);
                self.receiver
                    .on_misbehaviour(self.contact, how, ledger.events);
            }
        }
    }

    pub(super) fn on_reject(&mut self, body: &[u8], ledger: &mut Ledger<'_>) {
        match Reject::parse(body) {
            Ok(reject) => self.sender.on_reject(reject, ledger),
            Err(error) => {
                let how = Misbehaviour::Reject(error);
                self.receiver
                    .on_misbehaviour(self.contact, how, ledger.events);
            }
        }
    }
}
