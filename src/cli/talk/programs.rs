//! Programs that listen to this one through its control socket, and what they have not heard yet.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::chat::{ContactId, Name};
use crate::cli::json::Event;
use crate::cli::talk::fact::{Fact, Said};
use crate::cli::talk::status;
use crate::control::{Client, Server, event, event_with};
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
    subscribers: Vec<Subscriber>,
    /// Messages that nobody has heard yet, in their order.
    unheard: BTreeMap<u64, Unheard>,
    unheard_bytes: usize,
    last_token: u64,
    /// Messages that have no receipt because too many are unheard.
    untaken: VecDeque<(ContactId, Name)>,
}

/// Somebody who listens.
#[derive(Debug)]
struct Subscriber {
    client: Client,
    /// Whether it says itself what it has heard.
    confirms: bool,
}

#[derive(Debug)]
struct Unheard {
    contact: ContactId,
    name: Name,
    line: Arc<str>,
    told: Told,
    /// Whether it counts as heard once somebody says so, and not once its line is written.
    needs_confirmation: bool,
}

/// Whether somebody was told a message that nobody has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Never,
    /// And its line does not say so yet.
    Once,
    /// And its line says so.
    Again,
}

impl Unheard {
    /// Marks the line of a message that somebody was told. Returns by how much it is longer.
    fn mark(&mut self) -> usize {
        if self.told != Told::Once {
            return 0;
        }
        self.told = Told::Again;
        let before = self.line.len();
        self.line = event_with(&self.line, "again").into();
        self.line.len() - before
    }
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
        self.subscribers.retain(|it| !it.client.is_closed());
    }

    pub(super) const fn are_listening(&self) -> bool {
        !self.subscribers.is_empty()
    }

    /// Whether this one listens.
    pub(super) fn is_listening(&self, client: &Client) -> bool {
        self.subscribers.iter().any(|it| it.client.is(client))
    }

    /// Tells everybody who listens.
    pub(super) fn publish(&mut self, fact: &Fact, at: UnixTime) {
        if self.are_listening() {
            let line = line(fact, at);
            self.subscribers
                .retain(|it| it.client.tell(Arc::clone(&line)));
        }
    }

    /// Tells a message to everybody who listens, and keeps it until somebody has heard it.
    pub(super) fn hold(&mut self, said: Said, from: (ContactId, Name), at: UnixTime) {
        let told = if said.is_again() {
            Told::Again
        } else {
            Told::Never
        };
        self.hold_line(line(&Fact::Message(said), at), from, told);
    }

    fn hold_line(&mut self, line: Arc<str>, (contact, name): (ContactId, Name), told: Told) {
        self.unheard_bytes += line.len();
        self.hand_over(&line);
        let unheard = Unheard {
            contact,
            name,
            line,
            told,
            needs_confirmation: self.is_confirmed_by_anybody(),
        };
        self.unheard.insert(self.last_token, unheard);
    }

    /// Whether somebody who listens says what it has heard.
    fn is_confirmed_by_anybody(&self) -> bool {
        self.subscribers.iter().any(|it| it.confirms)
    }

    /// Tells a message that a face has shown to everybody who listens.
    pub(super) fn pass_on(&mut self, said: Said, at: UnixTime) {
        self.hand_over(&line(&Fact::Message(said), at));
    }

    fn hand_over(&mut self, line: &Arc<str>) {
        self.last_token += 1;
        let (token, unheard) = (self.last_token, self.unheard_bytes);
        self.subscribers
            .retain(|it| it.client.hand_over(Arc::clone(line), token, unheard));
    }

    /// Whether so much is unheard that no more is to be receipted.
    pub(super) fn is_full(&self) -> bool {
        is_too_much(self.unheard.len(), self.unheard_bytes)
    }

    /// What nobody has heard, for who asks how things stand.
    pub(super) fn unheard(&self) -> Option<status::Unheard> {
        let (messages, full) = (self.unheard.len(), self.is_full());
        (messages > 0).then_some(status::Unheard { messages, full })
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

    /// A message is on its way to somebody. Returns which, if that counts as heard, the first time.
    pub(super) fn written(&mut self, token: u64) -> Option<(ContactId, Name)> {
        let unheard = self.unheard.get_mut(&token)?;
        if !unheard.needs_confirmation {
            return self.heard(token);
        }
        if unheard.told == Told::Never {
            unheard.told = Told::Once;
        }
        None
    }

    /// Somebody says that it has heard a message. Returns which, the first time.
    pub(super) fn confirmed(
        &mut self,
        contact: ContactId,
        name: Name,
    ) -> Option<(ContactId, Name)> {
        let mut all = self.unheard.iter();
        let (token, _) = all.find(|(_, it)| it.contact == contact && it.name == name)?;
        self.heard(*token)
    }

    fn heard(&mut self, token: u64) -> Option<(ContactId, Name)> {
        let heard = self.unheard.remove(&token)?;
        self.unheard_bytes -= heard.line.len();
        Some((heard.contact, heard.name))
    }

    /// Somebody wants to be told from now on, and of what nobody has heard. `confirms`: whether it says itself what it has
    /// heard. Returns how much nobody has.
    pub(super) fn subscribe(&mut self, client: Client, confirms: bool) -> usize {
        self.forget_gone();
        let known = self.subscribers.iter_mut().find(|it| it.client.is(&client));
        if let Some(known) = known {
            known.confirms = confirms;
            return 0;
        }
        let told = client.clone();
        self.subscribers.push(Subscriber { client, confirms });
        self.tell_unheard(&told)
    }

    /// Tells somebody what nobody has heard. Returns how much that is.
    fn tell_unheard(&mut self, client: &Client) -> usize {
        let needs_confirmation = self.is_confirmed_by_anybody();
        let mut told = 0;
        for (token, unheard) in &mut self.unheard {
            self.unheard_bytes += unheard.mark();
            unheard.needs_confirmation = needs_confirmation;
            if !client.hand_over(Arc::clone(&unheard.line), *token, self.unheard_bytes) {
                break;
            }
            told += 1;
        }
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
        programs.hold_line("x".repeat(len).into(), named(sequence), Told::Never);
    }

    fn subscribed(programs: &mut Programs) -> Client {
        let client = Client::unserved();
        programs.subscribe(client.clone(), false);
        client
    }

    #[test]
    fn a_subscriber_that_is_slower_than_another_does_not_make_us_keep_everything() {
        let mut programs = Programs::default();
        let (fast, slow) = (subscribed(&mut programs), subscribed(&mut programs));
        for token in 1..=100 {
            hold(&mut programs, token, MIB);
            assert!(fast.write_next().is_some());
            assert!(programs.written(token).is_some());
            assert!(slow.waiting_bytes() < 35 * MIB, "after {token} messages");
        }
        assert!(slow.is_closed() && !fast.is_closed());
    }

    /// The message of this number in its log.
    fn named(sequence: u64) -> (ContactId, Name) {
        let log = LogId(1);
        (PeerId::new([2; 32]).into(), Name { log, sequence })
    }

    #[test]
    fn what_a_client_confirms_by_itself_is_unheard_until_then_and_bounded() {
        let mut programs = Programs::default();
        let (bot, other) = (Client::unserved(), subscribed(&mut programs));
        programs.subscribe(bot.clone(), true);
        let most = 1_000;
        for token in 1..=most {
            assert!(!programs.is_full());
            hold(&mut programs, token, 1);
            for client in [&bot, &other] {
                assert!(client.write_next().is_some());
                assert_eq!(programs.written(token), None);
            }
        }
        let (messages, full) = (UNHEARD_MAX, true);
        assert_eq!(programs.unheard(), Some(status::Unheard { messages, full }));
        let (contact, name) = named(most);
        assert_eq!(programs.confirmed(contact, name), Some((contact, name)));
        assert_eq!(programs.confirmed(contact, name), None, "once");
        assert!(!programs.is_full());
        // It left before it had confirmed the others.
        bot.leave();
        assert_eq!(programs.written(1), None);
        let next = Client::unserved();
        assert_eq!(programs.subscribe(next, false), UNHEARD_MAX - 1);
        assert_eq!(programs.written(1), Some(named(1)));
    }

    /// As if it had been told by an event.
    fn hold_event(programs: &mut Programs, sequence: u64) {
        let line = event(&serde_json::json!({ "text": "hi" }));
        programs.hold_line(line.into(), named(sequence), Told::Never);
    }

    #[test]
    fn what_somebody_was_told_and_did_not_confirm_is_marked_for_the_next_one_once() {
        let mut programs = Programs::default();
        let bot = Client::unserved();
        programs.subscribe(bot.clone(), true);
        hold_event(&mut programs, 1);
        hold_event(&mut programs, 2);
        assert!(bot.write_next().is_some() && programs.written(1).is_none());
        bot.leave();
        for _ in 0..2 {
            let next = Client::unserved();
            assert_eq!(programs.subscribe(next.clone(), true), 2);
            let told = [next.write_next(), next.write_next()].map(Option::unwrap);
            let marks = told.map(|line| line.matches("\"again\":true").count());
            assert_eq!(marks, [1, 0], "nobody was told the second one");
        }
        for sequence in [1, 2] {
            let (contact, name) = named(sequence);
            assert!(programs.confirmed(contact, name).is_some());
        }
        assert_eq!(programs.unheard_bytes, 0);
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
            assert!(programs.written(token).is_some());
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
        assert_eq!(programs.written(1), None, "nothing waits for it");
    }
}
