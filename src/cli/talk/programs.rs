//! Programs that listen to this one through its control socket, and what they have not heard yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::chat::{ContactId, Name};
use crate::cli::json::Event;
use crate::cli::talk::fact::{Fact, Said};
use crate::control::{Client, Server, event};
use crate::time::{Instant, UnixTime};

/// Messages that nobody has heard and that are receipted all the same, since they are on the disk. What comes
/// beyond that waits with its sender.
const UNHEARD_MAX: usize = 1_000;
/// And their bytes, as they are told.
const UNHEARD_MAX_BYTES: usize = 16 << 20;

/// Whether so much has a receipt and was not heard, or seen, that no more is to have one.
pub(super) const fn is_too_much(messages: usize, bytes: usize) -> bool {
    messages >= UNHEARD_MAX || bytes >= UNHEARD_MAX_BYTES
}

/// How often it is looked whether the socket's file is still there: whoever removes what is of one login (logind does
/// at the last logout) removes it, too.
const LOOK: Duration = Duration::from_secs(10);

/// The socket, and who listens.
#[derive(Debug, Default)]
pub(super) struct Programs {
    server: Option<Server>,
    /// When its file was looked at.
    looked: Instant,
    /// Whether it was told that nobody can reach the socket.
    is_told: bool,
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
    contact: ContactId,
    name: Name,
    line: Arc<str>,
}

impl Programs {
    pub(super) fn serve(&mut self, server: Server) {
        self.server = Some(server);
    }

    /// The socket, if it is time to look at its file.
    pub(super) fn socket_to_look_at(&mut self, now: Instant) -> Option<&mut Server> {
        if now.saturating_since(self.looked) < LOOK {
            return None;
        }
        self.looked = now;
        self.server.as_mut()
    }

    /// Others can, or cannot, reach the socket. Whether this is to be told: what is wrong is, once until it is mended.
    pub(super) const fn tells_of(&mut self, can_be_reached: bool) -> bool {
        let is_told = self.is_told;
        self.is_told = !can_be_reached;
        self.is_told && !is_told
    }

    /// Forgets those who have left: nothing need be made for them.
    pub(super) fn forget_gone(&mut self) {
        self.subscribers.retain(|client| !client.is_closed());
    }

    pub(super) const fn are_listening(&self) -> bool {
        !self.subscribers.is_empty()
    }

    /// Tells everybody who listens.
    pub(super) fn publish(&mut self, fact: &Fact, at: UnixTime) {
        if self.are_listening() {
            let line = line(fact, at);
            self.subscribers
                .retain(|client| client.tell(Arc::clone(&line)));
        }
    }

    /// Tells a message to everybody who listens, and keeps it until somebody has heard it.
    pub(super) fn hold(&mut self, said: Said, from: (ContactId, Name), at: UnixTime) {
        self.hold_line(line(&Fact::Message(said), at), from);
    }

    fn hold_line(&mut self, line: Arc<str>, (contact, name): (ContactId, Name)) {
        self.unheard_bytes += line.len();
        self.hand_over(&line);
        let unheard = Unheard {
            contact,
            name,
            line,
        };
        self.unheard.insert(self.last_token, unheard);
    }

    /// Tells a message that a face has shown to everybody who listens.
    pub(super) fn pass_on(&mut self, said: Said, at: UnixTime) {
        self.hand_over(&line(&Fact::Message(said), at));
    }

    fn hand_over(&mut self, line: &Arc<str>) {
        self.last_token += 1;
        let (token, unheard) = (self.last_token, self.unheard_bytes);
        self.subscribers
            .retain(|client| client.hand_over(Arc::clone(line), token, unheard));
    }

    /// Whether so much is unheard that no more is to be receipted.
    pub(super) fn is_full(&self) -> bool {
        is_too_much(self.unheard.len(), self.unheard_bytes)
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
        self.unheard_bytes -= heard.line.len();
        Some((heard.contact, heard.name))
    }

    /// Somebody wants to be told from now on, and of what nobody has heard. Returns how much that is.
    pub(super) fn subscribe(&mut self, client: Client) -> usize {
        self.forget_gone();
        if self.subscribers.iter().any(|known| known.is(&client)) {
            return 0;
        }
        let lines = self.unheard.iter();
        let told = lines.take_while(|(token, unheard)| {
            client.hand_over(Arc::clone(&unheard.line), **token, self.unheard_bytes)
        });
        let told = told.count();
        self.subscribers.push(client);
        told
    }
}

fn line(fact: &Fact, at: UnixTime) -> Arc<str> {
    event(&Event::new(at, fact)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::LogId;
    use crate::id::PeerId;

    const MIB: usize = 1 << 20;

    /// Holds a message whose line has so many bytes.
    fn hold(programs: &mut Programs, sequence: u64, len: usize) {
        let log = LogId(1);
        let from = (PeerId::new([2; 32]).into(), Name { log, sequence });
        programs.hold_line("x".repeat(len).into(), from);
    }

    fn subscribed(programs: &mut Programs) -> Client {
        let client = Client::unserved();
        programs.subscribe(client.clone());
        client
    }

    #[test]
    fn a_subscriber_that_is_slower_than_another_does_not_make_us_keep_everything() {
        let mut programs = Programs::default();
        let (fast, slow) = (subscribed(&mut programs), subscribed(&mut programs));
        for token in 1..=100 {
            hold(&mut programs, token, MIB);
            assert!(fast.write_next().is_some());
            assert!(programs.heard(token).is_some());
            assert!(slow.waiting_bytes() < 35 * MIB, "after {token} messages");
        }
        assert!(slow.is_closed() && !fast.is_closed());
    }

    #[test]
    fn who_left_is_forgotten_though_nothing_happens() {
        let mut programs = Programs::default();
        for _ in 0..1_000 {
            subscribed(&mut programs).leave();
            assert!(programs.subscribers.len() < 2);
        }
        programs.forget_gone();
        assert!(!programs.are_listening());
    }

    #[test]
    fn a_subscriber_that_is_behind_by_less_gets_everything() {
        let mut programs = Programs::default();
        let (fast, slow) = (subscribed(&mut programs), subscribed(&mut programs));
        for token in 1..=30 {
            hold(&mut programs, token, MIB);
            assert!(fast.write_next().is_some());
            assert!(programs.heard(token).is_some());
        }
        let told = core::iter::from_fn(|| slow.write_next());
        assert_eq!(told.count(), 30);
    }

    #[test]
    fn a_subscriber_that_is_alone_is_told_all_that_nobody_has_heard() {
        let mut programs = Programs::default();
        let client = subscribed(&mut programs);
        let mut held = 0;
        while !programs.is_full() {
            held += 1;
            hold(&mut programs, held, MIB);
        }
        assert_eq!(held, 16);
        // What is with the core, without a receipt.
        for sequence in held..held + 40 {
            hold(&mut programs, sequence, MIB);
        }
        assert!(!client.is_closed());
        let told = core::iter::from_fn(|| client.write_next());
        assert_eq!(told.count(), 56);
    }

    /// As beside a screen: the person has it, and size alone closes nobody.
    #[test]
    fn long_messages_at_once_beside_a_face_close_no_subscriber() {
        let mut programs = Programs::default();
        let client = subscribed(&mut programs);
        let line = "x".repeat(10 * MIB).into();
        for _ in 0..3 {
            programs.hand_over(&line);
        }
        assert!(!client.is_closed());
        assert_eq!(programs.heard(1), None, "nothing waits for it");
    }
}
