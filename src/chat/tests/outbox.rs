//! What waits in the outbox: names, restarts, restored backups.

use core::time::Duration;
use std::sync::Arc;

use super::*;
use crate::chat::log::SeenLog;
use crate::chat::message::LogId;
use crate::chat::outbox::{Outbox, OutboxError, Outgoing, Waiting};
use crate::chat::tests::rules::pair;
use crate::proto::limits::MESSAGE_LIFE;

/// An outbox that an earlier process filled with two messages: one young, one nearly expired.
#[derive(Debug)]
struct Restored(Vec<Outgoing>, ContactId);

impl Outbox for Restored {
    fn has_room(&self, _: ContactId, _: usize, _: usize) -> Result<(), OutboxError> {
        Ok(())
    }

    fn push(&mut self, _: ContactId, message: Outgoing) -> Result<(), OutboxError> {
        self.0.push(message);
        Ok(())
    }

    fn load(&self, _: ContactId, name: Name) -> Option<&Outgoing> {
        self.0.iter().find(|it| it.name == name)
    }

    fn settle(&mut self, _: ContactId, name: Name) {
        self.0.retain(|it| it.name != name);
    }

    fn waiting(&self) -> Vec<Waiting> {
        let ages = [MESSAGE_LIFE - Duration::from_secs(5), Duration::ZERO];
        let waiting = |(it, age): (&Outgoing, Duration)| Waiting {
            contact: self.1,
            name: it.name,
            body_len: it.body.len(),
            age,
        };
        self.0.iter().zip(ages).map(waiting).collect()
    }
}

#[test]
fn restored_messages_keep_their_names_their_order_and_their_age() {
    let mut world = pair();
    let log = LogId(77);
    let names = [3, 4].map(|sequence| Name { log, sequence });
    let messages = names.map(|name| Outgoing {
        name,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: UnixTime(1),
        body: Arc::new([1, 2, 3]),
    });
    let ledger = &mut world.ledgers[0];
    for name in names {
        ledger.bodies.insert(name, vec![1, 2, 3]);
        ledger.order.push(name);
        ledger.states.insert(name, State::Queued);
    }
    let outbox = Restored(messages.to_vec(), contact(0));
    world.clients[0] = Client::new(policy(LARGEST), Box::new(outbox), [7; 32], world.now);
    world.link.disconnect();
    let fresh = world.say(0, "new");
    assert_ne!(fresh.log, log);
    world.now = world.clients[0].poll_timeout().unwrap();
    assert_eq!(world.now, Instant::from_micros(6_000_000));
    world.clients[0].handle_timeout(world.now);
    world.link.connect();
    world.wake();
    world.settle();
    assert_eq!(world.state(0, names[0]), State::Failed(FailReason::Expired));
    assert_eq!(world.ledgers[0].shown, [names[1], fresh]);
}

#[test]
fn several_messages_are_prepared_for_one_write_as_if_each_had_been_accepted() {
    let now = Instant::ZERO;
    let bob = contact(0);
    let outbox = Box::new(MemoryOutbox::with_bounds([0; 32], 3, 10));
    let mut client = Client::new(policy(8), outbox, [1; 32], now);
    client.send(bob, draft(vec![0; 4]), now).unwrap();
    let mut prepared = Vec::new();
    for _ in 0..2 {
        let message = client.prepare_after(bob, draft(vec![0; 2]), &prepared);
        prepared.push(message.unwrap());
    }
    let too_much = client.prepare_after(bob, draft(vec![0; 5]), &prepared[..1]);
    assert_eq!(too_much, Err(OutboxError::TooMuch.into()));
    let too_many = client.prepare_after(bob, draft(vec![0]), &prepared);
    assert_eq!(too_many, Err(OutboxError::TooMany.into()));
    let names: Vec<Name> = prepared.iter().map(|it| it.name).collect();
    assert_eq!(
        names.iter().map(|it| it.sequence).collect::<Vec<_>>(),
        [1, 2]
    );
    let accepted = prepared.into_iter().map(|it| client.accept(bob, it, now));
    assert_eq!(accepted.collect::<Result<Vec<_>, _>>(), Ok(names));
}

#[test]
fn a_prepared_message_has_the_name_that_it_is_accepted_under_and_nobody_else_has() {
    let now = Instant::ZERO;
    let mut client = client(1, LARGEST, now);
    let (bob, eve) = (contact(0), ContactId::from(PeerId::new([9; 32])));
    let one = client.prepare(bob, draft(vec![1])).unwrap();
    let other = client.prepare(bob, draft(vec![2])).unwrap();
    assert_eq!(one.name, other.name);
    assert_eq!(client.unsettled(bob), 0);
    assert_eq!(
        client.accept(eve, one.clone(), now),
        Err(SendError::NameTaken)
    );
    let name = client.accept(bob, one, now).unwrap();
    assert_eq!(client.state(bob, name), Some(State::Queued));
    assert_eq!(client.accept(bob, other, now), Err(SendError::NameTaken));
    let next = client.prepare(bob, draft(vec![2])).unwrap();
    assert_eq!(next.name.sequence, name.sequence + 1);
}

#[test]
fn what_an_earlier_process_took_is_receipted_again_and_not_shown() {
    let mut world = pair();
    world.link.disconnect();
    let names = [world.say(0, "known"), world.say(0, "new")];
    let mut seen = SeenLog::default();
    seen.take(names[0].sequence);
    let age = Duration::from_secs(60);
    world.clients[1].restore(contact(1), names[0].log, seen, age, world.now);
    world.ledgers[0].before.insert(names[0]);
    world.link.connect();
    world.wake();
    world.settle();
    assert_eq!(world.ledgers[0].shown, [names[1]]);
    assert_eq!(world.ledgers[0].missing, 0);
    assert_eq!(world.state(0, names[0]), State::Delivered);
}

#[test]
fn an_outbox_that_was_restored_is_sent_in_order_whatever_its_bounds() {
    let mut outbox = MemoryOutbox::with_bounds([0; 32], 1, 1);
    let names = [9, 3].map(|log| Name {
        log: LogId(log),
        sequence: 0,
    });
    for name in names {
        let message = Outgoing {
            name,
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: UnixTime(1),
            body: Arc::new([1, 2]),
        };
        outbox.restore(contact(0), message, Duration::ZERO);
    }
    let mut world = pair();
    for name in names {
        world.ledgers[0].bodies.insert(name, vec![1, 2]);
        world.ledgers[0].order.push(name);
        world.ledgers[0].states.insert(name, State::Queued);
    }
    world.clients[0] = Client::new(policy(LARGEST), Box::new(outbox), [7; 32], world.now);
    world.wake();
    world.settle();
    assert_eq!(world.ledgers[0].shown, names);
}

/// The copy was made before the message went out: its receiver has long taken it.
#[test]
fn an_outbox_restored_from_a_backup_shows_nothing_twice_and_uses_no_name_again() {
    let mut world = pair();
    let names = [world.say(0, "one"), world.say(0, "two")];
    world.settle();
    let messages = names.map(|name| Outgoing {
        name,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: UnixTime(1),
        body: world.ledgers[0].bodies[&name].as_slice().into(),
    });
    for name in names {
        assert_eq!(world.state(0, name), State::Delivered);
        world.ledgers[0].states.insert(name, State::Queued);
    }
    let outbox = Restored(messages.to_vec(), contact(0));
    world.clients[0] = Client::new(policy(LARGEST), Box::new(outbox), [7; 32], world.now);
    world.link.connect();
    let fresh = world.say(0, "three");
    world.wake();
    world.settle();
    assert_eq!(world.ledgers[0].shown, [names[0], names[1], fresh]);
    assert_eq!(names.map(|it| world.state(0, it)), [State::Delivered; 2]);
}
