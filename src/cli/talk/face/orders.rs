//! What a screen asks for, until the loop has time for it.

use std::collections::VecDeque;

use crate::id::PeerId;
use crate::tui::{Ask, Ticket};

/// What the loop is to do.
#[derive(Debug)]
pub(in crate::cli::talk) enum Order {
    /// Say this to somebody.
    Send {
        peer: PeerId,
        ticket: Ticket,
        text: String,
    },
    /// Do or find something out.
    Ask(Ask),
}

/// What is to be done, in its order.
#[derive(Debug, Default)]
pub(super) struct Orders(VecDeque<Order>);

impl Orders {
    pub(super) fn push(&mut self, order: Order) {
        self.0.push_back(order);
    }

    /// The next one. What is asked for, and said to others, passes messages to those to whom none may be said: nobody
    /// stays with somebody in the middle because a message waits for room.
    pub(super) fn next(&mut self, may_say: impl Fn(&PeerId) -> bool) -> Option<Order> {
        let is_next = |order: &Order| match order {
            Order::Send { peer, .. } => may_say(peer),
            Order::Ask(_) => true,
        };
        let next = self.0.iter().position(is_next)?;
        self.0.remove(next)
    }

    /// How many messages there are.
    pub(super) fn messages(&self) -> usize {
        let is_message = |order: &&Order| matches!(order, Order::Send { .. });
        self.0.iter().filter(is_message).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_does_not_wait_behind_a_message_that_waits_for_room() {
        const BOB: PeerId = PeerId::new([2; 32]);
        const CAROL: PeerId = PeerId::new([3; 32]);
        let mut orders = Orders::default();
        for (number, peer) in [(0, BOB), (1, BOB), (2, CAROL), (3, CAROL)] {
            orders.push(Order::Send {
                peer,
                ticket: Ticket(number),
                text: String::new(),
            });
        }
        for _ in 0..2 {
            orders.push(Order::Ask(Ask::Disconnect(BOB)));
        }
        let is_ask = |order: Option<Order>| matches!(order, Some(Order::Ask(Ask::Disconnect(BOB))));
        let nobody = |_: &PeerId| false;
        assert!(is_ask(orders.next(nobody)) && is_ask(orders.next(nobody)));
        assert!(orders.next(nobody).is_none());
        assert_eq!(orders.messages(), 4);
        let ticket = |order: Option<Order>| match order {
            Some(Order::Send { ticket, .. }) => Some(ticket),
            Some(Order::Ask(_)) | None => None,
        };
        let to_carol = |peer: &PeerId| *peer == CAROL;
        let sent = [(); 3].map(|()| ticket(orders.next(to_carol)));
        assert_eq!(sent, [Some(Ticket(2)), Some(Ticket(3)), None]);
        let sent = [(); 2].map(|()| ticket(orders.next(|_| true)));
        assert_eq!(sent, [Some(Ticket(0)), Some(Ticket(1))]);
    }
}
