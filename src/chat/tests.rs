//! What must hold between two clients over a connection that fails.

mod outbox;
mod random;
mod rules;
mod vectors;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::chat::client::Client;
use crate::chat::command::{Draft, SendError};
use crate::chat::contact::ContactId;
use crate::chat::event::{Event, FailReason, Incoming, State};
use crate::chat::message::{ConversationId, Kind, Name};
use crate::chat::outbox::MemoryOutbox;
use crate::chat::policy::Policy;
use crate::chat::receipt::RejectReason;
use crate::chat::receiver::MAX_UNTAKEN_BYTES;
use crate::chat::sim_link::{Dice, Frame, Link};
use crate::id::PeerId;
use crate::time::{Instant, UnixTime};

/// The longest body that the sides of a [`World`] send; the other accepts it or less.
const LARGEST: usize = 300 * 1024;

/// Two clients, their link, and what is true about their messages.
struct World {
    seed: u64,
    dice: Dice,
    link: Link,
    now: Instant,
    clients: [Client; 2],
    ledgers: [Ledger; 2],
    restarts: u64,
}

/// What is known about the messages that one side sends.
#[derive(Default)]
struct Ledger {
    bodies: BTreeMap<Name, Vec<u8>>,
    /// In the order in which they were accepted.
    order: Vec<Name>,
    states: BTreeMap<Name, State>,
    /// What the other side's application holds, newest process only.
    shown: Vec<Name>,
    untaken: VecDeque<Name>,
    taken: BTreeSet<Name>,
    /// Taken by a process that ended since; may be shown once more.
    before: BTreeSet<Name>,
    turned_away: Vec<(Name, RejectReason)>,
    missing: u64,
}

/// Whom side `own` talks to.
fn contact(own: usize) -> ContactId {
    PeerId::new([if own == 0 { 2 } else { 1 }; 32]).into()
}

fn draft(body: Vec<u8>) -> Draft {
    Draft {
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: UnixTime(1),
        body,
    }
}

fn policy(largest: usize) -> Policy {
    Policy {
        largest,
        ..Policy::default()
    }
}

fn client(seed: u64, largest: usize, now: Instant) -> Client {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Client::new(
        policy(largest),
        Box::new(MemoryOutbox::new([0; 32])),
        bytes,
        now,
    )
}

impl World {
    /// Both sides up and connected; each accepts bodies of so many bytes.
    fn new(seed: u64, largest: [usize; 2]) -> Self {
        let now = Instant::from_micros(1_000_000);
        let mut world = Self {
            seed,
            dice: Dice::new(seed),
            link: Link::new(),
            now,
            clients: [0, 1].map(|own| client(seed * 1_000 + own as u64, largest[own], now)),
            ledgers: Default::default(),
            restarts: 0,
        };
        world.link.connect();
        world.wake();
        world
    }

    fn wake(&mut self) {
        for own in 0..2 {
            self.clients[own].handle_transport(contact(own));
        }
    }

    fn send(&mut self, own: usize, body: Vec<u8>) -> Result<Name, SendError> {
        let name = self.clients[own].send(contact(own), draft(body.clone()), self.now)?;
        let ledger = &mut self.ledgers[own];
        assert!(ledger.bodies.insert(name, body).is_none(), "{}", self.seed);
        ledger.order.push(name);
        ledger.states.insert(name, State::Queued);
        Ok(name)
    }

    fn say(&mut self, own: usize, text: &str) -> Name {
        self.send(own, text.as_bytes().to_vec()).unwrap()
    }

    /// One turn of a side, and what it has to tell.
    fn turn(&mut self, own: usize) {
        self.clients[own].drive(&mut self.link.side(own), self.now);
        while let Some(event) = self.clients[own].poll_event() {
            assert_eq!(event.contact(), contact(own));
            match event {
                Event::Message { message, .. } => self.on_message(own, message),
                Event::State { name, state, .. } => self.on_state(own, name, state),
                Event::TurnedAway { name, reason, .. } => {
                    self.ledgers[1 - own].turned_away.push((name, reason));
                }
                Event::Misbehaved { how, .. } => panic!("seed {}: {how}", self.seed),
            }
            self.clients[own].drive(&mut self.link.side(own), self.now);
        }
        let held = self.clients[own].held_bytes(contact(own));
        let most = MAX_UNTAKEN_BYTES + 2 * LARGEST + 256 * 1024;
        assert!(held <= most, "seed {}: {held} bytes held", self.seed);
    }

    fn on_message(&mut self, own: usize, message: Incoming) {
        let seed = self.seed;
        let ledger = &mut self.ledgers[1 - own];
        let name = message.name;
        assert_eq!(ledger.bodies.get(&name), Some(&message.body), "seed {seed}");
        assert!(!ledger.shown.contains(&name), "seed {seed}: {name:?} twice");
        assert_ne!(ledger.states[&name], State::Delivered, "seed {seed}");
        let place = |it: &Name| ledger.order.iter().position(|other| other == it);
        let last = ledger.shown.last();
        assert!(
            last.is_none_or(|last| place(last) < place(&name)),
            "seed {seed}: {name:?} after {last:?}"
        );
        ledger.shown.push(name);
        ledger.untaken.push_back(name);
        ledger.missing += message.missing;
    }

    fn on_state(&mut self, own: usize, name: Name, state: State) {
        let ledger = &mut self.ledgers[own];
        let was = ledger.states.insert(name, state);
        let forward = match was {
            Some(State::Queued) => state != State::Queued,
            Some(State::Sent) => state.is_final(),
            Some(State::Delivered | State::Failed(_)) | None => false,
        };
        assert!(forward, "seed {}: {was:?} to {state:?}", self.seed);
        if state == State::Delivered {
            let is_taken = ledger.taken.contains(&name) || ledger.before.contains(&name);
            assert!(is_taken, "seed {}: {name:?} was not taken", self.seed);
        }
    }

    /// The application of side `own` takes up to `most` messages.
    fn take(&mut self, own: usize, most: usize) {
        for _ in 0..most {
            let ledger = &mut self.ledgers[1 - own];
            let Some(name) = ledger.untaken.pop_front() else {
                return;
            };
            ledger.taken.insert(name);
            self.clients[own].take(contact(own), name, self.now);
        }
    }

    fn refuse(&mut self, own: usize) {
        if let Some(name) = self.ledgers[1 - own].untaken.pop_front() {
            // It may come again if the REJECT is lost; then it is late.
            self.clients[own].refuse(contact(own), name);
        }
    }

    fn carry(&mut self, from: usize) {
        self.link.carry(from, &mut self.dice);
        while let Some(frame) = self.link.next_frame(from, &mut self.dice) {
            let to = 1 - from;
            match frame {
                Frame::Receipt(body) => self.clients[to].handle_receipt(contact(to), &body),
                Frame::Reject(body) => self.clients[to].handle_reject(contact(to), &body),
            }
        }
        self.wake();
    }

    /// Ends the process of a side and starts another. What it had not delivered goes with it.
    fn restart(&mut self, own: usize) {
        self.restarts += 1;
        self.link.connect();
        let largest = self.clients[own].policy().largest;
        let seed = self.seed * 1_000 + 10 + self.restarts;
        self.clients[own] = client(seed, largest, self.now);
        let ours = &mut self.ledgers[own];
        ours.states.retain(|_, state| state.is_final());
        let theirs = &mut self.ledgers[1 - own];
        theirs.shown.clear();
        theirs.untaken.clear();
        theirs.before.append(&mut theirs.taken);
        self.wake();
    }

    /// Lets everything arrive on a good connection, and every message be taken.
    fn settle(&mut self) {
        self.link.lose_one_in = 0;
        for round in 0.. {
            for own in 0..2 {
                self.turn(own);
                self.take(own, usize::MAX);
                self.turn(own);
                self.carry(own);
            }
            let left: usize = (0..2)
                .map(|own| self.clients[own].unsettled(contact(own)))
                .sum();
            if left == 0 {
                break;
            }
            assert!(round < 5_000, "seed {}: {left} never settle", self.seed);
        }
        for own in 0..2 {
            self.turn(own);
            assert_eq!(self.clients[own].poll_timeout(), None, "seed {}", self.seed);
            let ledger = &self.ledgers[own];
            for (name, state) in &ledger.states {
                assert!(state.is_final(), "seed {}: {name:?} {state:?}", self.seed);
            }
        }
    }

    fn state(&self, own: usize, name: Name) -> State {
        self.ledgers[own].states[&name]
    }
}
