//! Programs that listen to this one through its control socket, and what they have not heard yet.

use std::collections::{BTreeMap, VecDeque};

use crate::chat::{ContactId, Incoming, Name};
use crate::cli::json::Event;
use crate::cli::talk::fact::{Fact, Said, Who};
use crate::control::{Client, Server, event};
use crate::time::UnixTime;

/// Messages that nobody has heard and that are receipted all the same, since they are on the disk. What comes
/// beyond that waits with its sender.
const UNHEARD_MAX: usize = 1_000;
/// And their bytes.
const UNHEARD_MAX_BYTES: usize = 16 << 20;

/// The socket, and who listens.
#[derive(Debug, Default)]
pub(super) struct Programs {
    server: Option<Server>,
    subscribers: Vec<Client>,
    /// Messages that nobody has heard yet, in their order.
    unheard: BTreeMap<u64, Unheard>,
    unheard_bytes: usize,
    last_token: u64,
    /// Messages that have no receipt because too many are unheard.
    untaken: VecDeque<(ContactId, Name)>,
}

#[derive(Debug)]
struct Unheard {
    who: Who,
    message: Incoming,
    is_again: bool,
    at: UnixTime,
}

impl Programs {
    pub(super) fn serve(&mut self, server: Server) {
        self.server = Some(server);
    }

    pub(super) const fn are_listening(&self) -> bool {
        !self.subscribers.is_empty()
    }

    /// Tells everybody who listens.
    pub(super) fn publish(&mut self, fact: &Fact, at: UnixTime) {
        if !self.subscribers.is_empty() {
            let line = event(&Event::new(at, fact));
            self.subscribers.retain(|client| client.tell(line.clone()));
        }
    }

    /// Keeps a message until somebody has heard it.
    pub(super) fn hold(&mut self, who: Who, message: &Incoming, is_again: bool, at: UnixTime) {
        self.last_token += 1;
        self.unheard_bytes += message.body.len();
        let unheard = Unheard {
            who,
            message: message.clone(),
            is_again,
            at,
        };
        if !self.subscribers.is_empty() {
            let (line, token) = (unheard.line(), self.last_token);
            self.subscribers
                .retain(|client| client.hand_over(line.clone(), token));
        }
        self.unheard.insert(self.last_token, unheard);
    }

    /// Whether so much is unheard that no more is to be receipted.
    pub(super) fn is_full(&self) -> bool {
        self.unheard.len() >= UNHEARD_MAX || self.unheard_bytes >= UNHEARD_MAX_BYTES
    }

    /// Lets a message wait for its receipt.
    pub(super) fn leave_untaken(&mut self, contact: ContactId, name: Name) {
        self.untaken.push_back((contact, name));
    }

    /// The next message that may have its receipt by now.
    pub(super) fn next_untaken(&mut self) -> Option<(ContactId, Name)> {
        if self.is_full() {
            return None;
        }
        self.untaken.pop_front()
    }

    /// A message is on its way to somebody. Returns which, the first time.
    pub(super) fn heard(&mut self, token: u64) -> Option<(ContactId, Name)> {
        let heard = self.unheard.remove(&token)?;
        self.unheard_bytes -= heard.message.body.len();
        Some((heard.who.key.into(), heard.message.name))
    }

    /// Somebody wants to be told from now on, and of what nobody has heard. Returns how much that is.
    pub(super) fn subscribe(&mut self, client: Client) -> usize {
        if self.subscribers.iter().any(|known| known.is(&client)) {
            return 0;
        }
        let lines = self.unheard.iter();
        let told = lines.take_while(|(token, unheard)| client.hand_over(unheard.line(), **token));
        let told = told.count();
        self.subscribers.push(client);
        told
    }
}

impl Unheard {
    fn line(&self) -> String {
        let said = Said::incoming(self.who.clone(), &self.message, self.is_again);
        event(&Event::new(self.at, &Fact::Message(said)))
    }
}
