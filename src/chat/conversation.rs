//! Everything between us and one contact.

use std::collections::VecDeque;

use crate::chat::contact::ContactId;
use crate::chat::event::{Event, Misbehaviour};
use crate::chat::message::LogId;
use crate::chat::outbox::Outbox;
use crate::chat::policy::Policy;
use crate::chat::receipt::{Receipt, Reject};
use crate::chat::receiver::{Receiver, Turn};
use crate::chat::sender::{Ledger, Sender};
use crate::chat::transport::Transport;
use crate::time::Instant;

pub(super) struct Conversation {
    contact: ContactId,
    /// The connection that both halves are on.
    generation: Option<u64>,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
    /// The deadline that the client has noted.
    pub(super) noted: Option<Instant>,
}

impl Conversation {
    pub(super) fn new(contact: ContactId, log: LogId) -> Self {
        Self {
            contact,
            generation: None,
            sender: Sender::new(log),
            receiver: Receiver::default(),
            noted: None,
        }
    }

    /// Moves bytes both ways. On another connection than last time both halves begin anew first.
    pub(super) fn pump(
        &mut self,
        transport: &mut dyn Transport,
        outbox: &mut dyn Outbox,
        policy: &Policy,
        events: &mut VecDeque<Event>,
        now: Instant,
    ) {
        let contact = self.contact;
        let generation = transport.generation(contact.peer());
        if generation != self.generation {
            self.generation = generation;
            self.sender.start_anew();
            self.receiver.start_anew();
        }
        if generation.is_none() {
            return;
        }
        self.receiver.pump(&mut Turn {
            contact,
            transport: &mut *transport,
            policy,
            events: &mut *events,
            now,
        });
        let mut ledger = Ledger {
            contact,
            outbox,
            events,
        };
        self.sender.pump(transport, &mut ledger);
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
