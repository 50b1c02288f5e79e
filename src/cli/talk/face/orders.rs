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

    /// The next one. While no message may be said, what is asked for passes those that wait: nobody stays with
    /// somebody in the middle because a message waits for room.
    pub(super) fn next(&mut self, may_say: bool) -> Option<Order> {
        let is_next = |order: &Order| may_say || matches!(order, Order::Ask(_));
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
        let mut orders = Orders::default();
        for number in 0..2 {
            orders.push(Order::Send {
                peer: BOB,
                ticket: Ticket(number),
                text: String::new(),
            });
            orders.push(Order::Ask(Ask::Disconnect(BOB)));
        }
        let is_ask = |order: Option<Order>| matches!(order, Some(Order::Ask(Ask::Disconnect(BOB))));
        assert!(is_ask(orders.next(false)) && is_ask(orders.next(false)));
        assert!(orders.next(false).is_none());
        assert_eq!(orders.messages(), 2);
        let ticket = |order: Option<Order>| match order {
            Some(Order::Send { ticket, .. }) => Some(ticket),
            Some(Order::Ask(_)) | None => None,
        };
        let sent = [orders.next(true), orders.next(true)].map(ticket);
        assert_eq!(sent, [Some(Ticket(0)), Some(Ticket(1))]);
    }
}
