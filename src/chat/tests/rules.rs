//! One rule each.

use core::time::Duration;

use super::*;
use crate::chat::event::Misbehaviour;
use crate::chat::message::{Body, LogId, Record};
use crate::chat::outbox::OutboxError;
use crate::chat::receipt::Reject;
use crate::chat::receiver::{MAX_ANSWERS, MAX_UNTAKEN};
use crate::chat::transport::CHAT_STREAM;
use crate::id::StreamId;
use crate::proto::limits::{INLINE_BODY_MAX_LEN, MESSAGE_LIFE};
use crate::wire::limits::PASSING_REJECT_REASON;

pub(super) fn pair() -> World {
    World::new(1, [LARGEST, LARGEST])
}

/// Lets a side's bytes and frames reach the other, and the answers come back, without taking.
fn exchange(world: &mut World) {
    for _ in 0..40 {
        for own in 0..2 {
            world.turn(own);
            world.carry(own);
        }
    }
}

#[test]
fn a_message_is_delivered_only_once_the_application_has_taken_it() {
    let mut world = pair();
    let name = world.say(0, "hello");
    assert_eq!(
        world.clients[0].state(contact(0), name),
        Some(State::Queued)
    );
    exchange(&mut world);
    assert_eq!(world.state(0, name), State::Sent);
    assert_eq!(world.ledgers[0].shown, [name]);
    world.take(1, 1);
    exchange(&mut world);
    assert_eq!(world.state(0, name), State::Delivered);
    assert_eq!(world.clients[0].state(contact(0), name), None);
    assert_eq!(world.clients[0].poll_timeout(), None);
}

#[test]
fn what_is_taken_before_a_receipt_has_left_shares_its_frame() {
    let mut world = pair();
    let names = ["one", "two", "three", "four", "five"].map(|text| world.say(0, text));
    exchange(&mut world);
    for taken in 1..=names.len() {
        world.take(1, 1);
        world.turn(1);
        assert_eq!(world.link.waiting_receipts(1), 1, "{taken} taken");
    }
    exchange(&mut world);
    for name in names {
        assert_eq!(world.state(0, name), State::Delivered);
    }
}

#[test]
fn what_the_application_refuses_fails_with_that_reason() {
    let mut world = pair();
    let (name, next) = (world.say(0, "one"), world.say(0, "two"));
    exchange(&mut world);
    world.refuse(1);
    world.settle();
    let refused = FailReason::Rejected(RejectReason::Refused);
    assert_eq!(world.state(0, name), State::Failed(refused));
    assert_eq!(world.state(0, next), State::Delivered);
    assert_eq!(world.ledgers[0].missing, 0);
}

#[test]
fn a_long_body_keeps_its_place_among_short_ones() {
    let mut world = World::new(2, [LARGEST, LARGEST]);
    let mut names = Vec::new();
    for len in [
        1,
        LARGEST,
        2,
        INLINE_BODY_MAX_LEN,
        INLINE_BODY_MAX_LEN + 1,
        3,
        LARGEST,
        4,
    ] {
        names.push(world.send(0, vec![7; len]).unwrap());
    }
    world.settle();
    assert_eq!(world.ledgers[0].shown, names);
}

#[test]
fn a_partial_message_is_dropped_with_its_connection_and_comes_whole_afterwards() {
    let mut world = pair();
    let name = world.send(0, vec![7; LARGEST]).unwrap();
    for _ in 0..3 {
        world.turn(0);
        world.carry(0);
        world.turn(1);
    }
    assert!(world.clients[1].held_bytes(contact(1)) > 0);
    world.link.disconnect();
    world.wake();
    world.turn(1);
    assert_eq!(world.clients[1].held_bytes(contact(1)), 0);
    world.link.connect();
    world.settle();
    assert_eq!(world.ledgers[0].shown, [name]);
}

#[test]
fn a_connection_that_was_replaced_unseen_is_noticed() {
    let mut world = pair();
    world.send(0, vec![7; 200]).unwrap();
    let long = world.send(0, vec![8; LARGEST]).unwrap();
    world.turn(0);
    world.carry(0);
    world.turn(1);
    world.link.connect();
    world.settle();
    assert_eq!(world.state(0, long), State::Delivered);
    assert_eq!(world.ledgers[0].shown.len(), 2);
}

#[test]
fn a_duplicate_is_receipted_again_and_not_shown() {
    let mut world = pair();
    let names = [
        world.say(0, "one"),
        world.send(0, vec![7; LARGEST]).unwrap(),
    ];
    world.link.lose_one_in = 1;
    for _ in 0..20 {
        exchange(&mut world);
        world.take(1, 9);
    }
    assert_eq!(world.state(0, names[1]), State::Sent);
    world.link.connect();
    world.wake();
    world.settle();
    assert_eq!(world.ledgers[0].shown, names);
    for name in names {
        assert_eq!(world.state(0, name), State::Delivered);
    }
}

#[test]
fn a_message_that_nobody_decided_on_is_not_shown_again() {
    let mut world = pair();
    let names = [
        world.say(0, "one"),
        world.send(0, vec![7; LARGEST]).unwrap(),
    ];
    exchange(&mut world);
    world.link.connect();
    world.wake();
    exchange(&mut world);
    assert_eq!(world.ledgers[0].shown, names);
    assert_eq!(world.state(0, names[0]), State::Sent);
    world.settle();
    assert_eq!(world.state(0, names[1]), State::Delivered);
}

#[test]
fn a_body_that_is_too_large_is_turned_away_before_any_of_it_is_kept() {
    let mut world = World::new(3, [LARGEST, 100 * 1024]);
    let name = world.send(0, vec![7; LARGEST]).unwrap();
    let next = world.say(0, "still here");
    world.settle();
    let too_large = FailReason::Rejected(RejectReason::TooLarge);
    assert_eq!(world.state(0, name), State::Failed(too_large));
    assert_eq!(world.state(0, next), State::Delivered);
    assert_eq!(
        world.ledgers[0].turned_away,
        [(name, RejectReason::TooLarge)]
    );
    assert!(world.link.is_stopped_by(1, StreamId(2)));
}

#[test]
fn what_is_too_large_for_the_policy_is_not_accepted() {
    let mut world = World::new(4, [10, 10]);
    let refused = world.send(0, vec![0; 11]);
    let error = SendError::TooLarge {
        len: 11,
        largest: 10,
    };
    assert_eq!(refused, Err(error));
    assert!(world.send(0, vec![0; 10]).is_ok());
}

#[test]
fn a_secret_key_is_not_accepted() {
    let mut world = pair();
    let refused = world.send(0, b"here: SECURECHAT-SECRET-KEY-1:AAAA".to_vec());
    assert_eq!(refused, Err(SendError::SecretKey));
    assert!(world.send(0, b"SECURECHAT-PUBLIC-KEY".to_vec()).is_ok());
}

#[test]
fn a_text_that_is_none_is_not_accepted() {
    let mut world = pair();
    let refused = world.send(0, b"caf\xe9".to_vec());
    assert_eq!(refused, Err(SendError::NotText));
    assert!(world.send(0, "café".into()).is_ok());
}

/// A later version that says "not now" lost the message for good.
#[test]
fn what_is_rejected_for_a_reason_that_may_pass_goes_again_on_the_next_connection() {
    let mut world = pair();
    let [fails, waits] = [PASSING_REJECT_REASON - 1, PASSING_REJECT_REASON].map(|code| {
        let name = world.say(0, "not now");
        world.turn(0);
        let reason = RejectReason::from_code(code);
        let body = Reject { name, reason }.encode();
        world.clients[0].handle_reject(contact(0), &body);
        world.turn(0);
        name
    });
    let failed = |code| State::Failed(FailReason::Rejected(RejectReason::from_code(code)));
    assert_eq!(world.state(0, fails), failed(PASSING_REJECT_REASON - 1));
    assert_eq!(world.state(0, waits), State::Queued);
    world.link.disconnect();
    world.wake();
    (0..2).for_each(|own| world.turn(own));
    world.link.connect();
    world.settle();
    assert_eq!(world.state(0, waits), State::Delivered);
}

#[test]
fn a_full_outbox_refuses_and_nothing_is_dropped() {
    let mut world = pair();
    world.link.disconnect();
    for _ in 0..1_000 {
        world.say(0, "x");
    }
    let refused = world.send(0, vec![b'x']);
    assert_eq!(refused, Err(SendError::Outbox(OutboxError::TooMany)));
    world.link.connect();
    world.wake();
    world.settle();
    assert_eq!(world.ledgers[0].shown, world.ledgers[0].order);
    assert!(world.send(0, vec![b'x']).is_ok());
}

#[test]
fn a_message_expires_at_its_sender_and_the_next_one_tells_of_the_gap() {
    let mut world = pair();
    world.say(0, "first");
    world.settle();
    world.link.disconnect();
    let lost = [world.say(0, "old"), world.say(0, "older")];
    assert_eq!(
        world.clients[0].poll_timeout(),
        Some(world.now + MESSAGE_LIFE)
    );
    world.now = world.now + MESSAGE_LIFE - Duration::from_micros(1);
    let young = world.say(0, "young");
    world.clients[0].handle_timeout(world.now);
    world.turn(0);
    assert_eq!(world.state(0, lost[0]), State::Queued);
    world.now = world.now + Duration::from_micros(1);
    world.clients[0].handle_timeout(world.now);
    world.turn(0);
    for name in lost {
        assert_eq!(world.state(0, name), State::Failed(FailReason::Expired));
    }
    world.link.connect();
    world.wake();
    world.settle();
    assert_eq!(world.state(0, young), State::Delivered);
    assert_eq!(world.ledgers[0].missing, 2);
}

#[test]
fn a_long_body_that_expires_under_way_frees_the_conversation() {
    let mut world = pair();
    let long = world.send(0, vec![7; LARGEST]).unwrap();
    for _ in 0..3 {
        world.turn(0);
        world.carry(0);
        world.turn(1);
    }
    world.now = world.now + MESSAGE_LIFE;
    let next = world.say(0, "next");
    world.clients[0].handle_timeout(world.now);
    world.settle();
    assert_eq!(world.state(0, long), State::Failed(FailReason::Expired));
    assert_eq!(world.state(0, next), State::Delivered);
    assert_eq!(world.ledgers[0].shown, [next]);
}

#[test]
fn a_removed_contacts_messages_fail_and_its_next_log_is_another() {
    let mut world = pair();
    let name = world.say(0, "one");
    world.clients[0].remove(contact(0));
    world.turn(0);
    assert_eq!(world.state(0, name), State::Failed(FailReason::Removed));
    assert_eq!(world.clients[0].poll_timeout(), None);
    world.link.connect();
    assert_ne!(world.say(0, "two").log, name.log);
    world.wake();
    world.settle();
}

#[test]
fn a_restarted_receiver_shows_what_it_gave_no_receipt_for_once_more() {
    let mut world = pair();
    world.link.lose_one_in = 1;
    let name = world.say(0, "one");
    exchange(&mut world);
    world.take(1, 1);
    exchange(&mut world);
    world.restart(1);
    world.settle();
    assert_eq!(world.ledgers[0].shown, [name]);
    assert!(world.ledgers[0].before.contains(&name));
    world.link.connect();
    world.wake();
    exchange(&mut world);
    assert_eq!(world.ledgers[0].shown, [name]);
}

fn forged(kind: u8, conversation: &[u8], sequence: u64) -> Vec<u8> {
    Record {
        kind,
        conversation,
        name: Name {
            log: LogId(99),
            sequence,
        },
        sent_at: UnixTime(0),
        body: Body::Here(b"?"),
    }
    .encode_in(Vec::new())
}

/// Drives side 1 after bytes of side 0 that no client wrote; its events.
fn events(world: &mut World) -> Vec<Event> {
    world.wake();
    world.clients[1].drive(&mut world.link.side(1), world.now);
    core::iter::from_fn(|| world.clients[1].poll_event()).collect()
}

#[test]
fn an_unknown_kind_or_conversation_is_rejected_as_unsupported() {
    let mut world = pair();
    world.link.forge(0, CHAT_STREAM, &forged(2, b"", 0));
    world.link.forge(0, CHAT_STREAM, &forged(1, b"room", 1));
    let found = events(&mut world);
    assert_eq!(found.len(), 2);
    for event in found {
        let Event::TurnedAway { reason, .. } = event else {
            panic!("{event:?}");
        };
        assert_eq!(reason, RejectReason::Unsupported);
    }
    let frames = core::iter::from_fn(|| world.link.next_frame(1, &mut world.dice));
    assert!(frames.filter(|it| matches!(it, Frame::Reject(_))).count() == 2);
}

#[test]
fn a_lower_number_than_the_last_is_out_of_order_and_never_shown() {
    let mut world = pair();
    for sequence in [5, 4] {
        world.link.forge(0, CHAT_STREAM, &forged(1, b"", sequence));
    }
    let found = events(&mut world);
    assert!(matches!(
        found.as_slice(),
        [
            Event::Message { .. },
            Event::TurnedAway {
                reason: RejectReason::OutOfOrder,
                ..
            }
        ]
    ));
}

#[test]
fn garbage_is_told_once_a_connection_and_nothing_more_is_read() {
    let mut world = pair();
    world.link.forge(0, CHAT_STREAM, &[1, 1]);
    world.link.forge(0, CHAT_STREAM, &forged(1, b"", 0));
    let found = events(&mut world);
    assert!(matches!(
        found.as_slice(),
        [Event::Misbehaved {
            how: Misbehaviour::Message(_),
            ..
        }]
    ));
    world.clients[1].handle_receipt(contact(1), b"");
    assert_eq!(events(&mut world), []);
    world.link.connect();
    world.say(0, "good again");
    world.settle();
    world.clients[1].handle_receipt(contact(1), b"");
    assert_eq!(events(&mut world).len(), 1);
}

#[test]
fn an_application_that_takes_nothing_holds_its_peer_back() {
    let mut world = pair();
    for sequence in 0..3 * MAX_UNTAKEN as u64 {
        let record = forged(1, &[], sequence);
        world.link.forge(0, CHAT_STREAM, &record);
    }
    let found = events(&mut world);
    assert_eq!(found.len(), MAX_UNTAKEN);
    assert_eq!(events(&mut world), []);
    for event in found {
        let Event::Message { message, .. } = event else {
            panic!("{event:?}");
        };
        world.clients[1].take(contact(1), message.name, world.now);
    }
    assert_eq!(events(&mut world).len(), MAX_UNTAKEN);
}

#[test]
fn a_flood_of_what_is_turned_away_waits_for_its_answers() {
    let mut world = pair();
    for sequence in 0..100_000 {
        world.link.forge(0, CHAT_STREAM, &forged(9, &[], sequence));
    }
    for _ in 0..10 {
        let found = events(&mut world);
        assert!(found.len() <= MAX_ANSWERS + 8, "{}", found.len());
    }
    assert!(world.link.unread(0) > 1_000_000);
}

#[test]
fn a_receipt_for_what_was_never_written_changes_nothing() {
    let mut world = pair();
    world.link.disconnect();
    let name = world.say(0, "one");
    let mut body = name.log.0.to_le_bytes().to_vec();
    body.extend([0, 63]);
    world.clients[0].handle_receipt(contact(0), &body);
    world.turn(0);
    assert_eq!(world.state(0, name), State::Queued);
}

#[test]
fn conversations_with_two_contacts_do_not_touch_each_other() {
    let now = Instant::ZERO;
    let (bob, eve) = (contact(0), ContactId::from(PeerId::new([9; 32])));
    let mut client = client(1, LARGEST, now);
    let to_bob = client.send(bob, draft(vec![1]), now).unwrap();
    let to_eve = client.send(eve, draft(vec![2]), now).unwrap();
    assert_ne!(to_bob.log, to_eve.log);
    assert_eq!(client.state(eve, to_bob), None);
    client.remove(eve);
    assert_eq!(client.unsettled(bob), 1);
    assert_eq!(client.unsettled(eve), 0);
}

#[test]
fn who_has_no_connection_takes_no_memory() {
    let mut world = pair();
    world.link.disconnect();
    for seed in 100..200 {
        let stranger = PeerId::new([seed; 32]).into();
        world.clients[0].handle_transport(stranger);
    }
    world.settle();
    assert_eq!(world.clients[0].conversations(), 0);
}

/// Every `send` is a process of its own and draws a log of its own.
#[test]
fn a_script_that_sends_five_thousand_messages_in_a_month_is_never_refused() {
    let mut world = pair();
    for process in 0..5_000_u64 {
        world.link.connect();
        world.clients[0] = client(1_000_000 + process, LARGEST, world.now);
        let name = world.say(0, "the disk is full");
        world.settle();
        assert_eq!(world.state(0, name), State::Delivered, "process {process}");
        assert_eq!(world.ledgers[0].shown, [name]);
        world.now = world.now + Duration::from_secs(30 * 86_400 / 5_000);
        world.ledgers[0] = Default::default();
    }
}
