//! The connection inside the tunnel: packet numbers, acknowledgements, HELLO. It knows nothing of
//! keys and survives every rekey. Source: docs/protocol.md#frames.

use core::time::Duration;

use crate::id::PacketNumber;
use crate::proto::limits::HELLO_RETRY;
use crate::time::Instant;
use crate::wire::frame::Ack;
use crate::wire::limits::ACK_MAX_RANGES;

/// How far our HELLO has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HelloState {
    /// Not before the user has accepted the peer.
    Withheld,
    /// In the next packet.
    Due,
    /// Under way.
    Sent,
    /// Arrived.
    Acknowledged,
}

/// State that starts anew whenever the pair of connection ids changes.
#[derive(Debug)]
pub(super) struct Connection {
    next_number: u64,
    received: Received,
    /// When the highest packet that waits for an ACK arrived.
    ack_due: Option<Instant>,
    /// The newest packet that asks for an ACK and has none.
    unacknowledged: Option<PacketNumber>,
    hello: HelloState,
    /// The last packets that carried HELLO, newest last.
    hello_numbers: Vec<PacketNumber>,
    hello_tries: u32,
}

/// The peer acknowledged a packet that was never sent.
#[derive(Debug)]
pub(super) struct AckOfUnsent;

impl Connection {
    pub(super) fn new(withhold_hello: bool) -> Self {
        let hello = if withhold_hello {
            HelloState::Withheld
        } else {
            HelloState::Due
        };
        Self {
            next_number: 0,
            received: Received::default(),
            ack_due: None,
            unacknowledged: None,
            hello,
            hello_numbers: Vec::new(),
            hello_tries: 0,
        }
    }

    /// The next packet number, not taken.
    pub(super) const fn peek_number(&self) -> PacketNumber {
        PacketNumber(self.next_number)
    }

    /// Takes the next packet number.
    pub(super) fn next_number(&mut self) -> PacketNumber {
        let number = PacketNumber(self.next_number);
        self.next_number += 1;
        number
    }

    /// Notes an arrived packet; false if it is a duplicate or too old to tell.
    pub(super) fn on_packet(
        &mut self,
        number: PacketNumber,
        eliciting: bool,
        now: Instant,
    ) -> bool {
        if !self.received.insert(number.0) {
            return false;
        }
        if eliciting {
            self.ack_due = Some(now);
        }
        true
    }

    /// Takes an ACK that is due.
    pub(super) fn take_ack(&mut self, now: Instant) -> Option<Ack> {
        let since = self.ack_due.take()?;
        let delay = now.saturating_since(since).as_micros();
        let delay_us = u64::try_from(delay).unwrap_or(u64::MAX);
        Some(Ack {
            delay_us,
            ranges: self.received.ranges.clone(),
        })
    }

    /// Notes that packet `number` asks for an ACK.
    pub(super) const fn on_eliciting_sent(&mut self, number: PacketNumber) {
        self.unacknowledged = Some(number);
    }

    /// Whether something is out that the other side has yet to acknowledge.
    pub(super) const fn awaits_ack(&self) -> bool {
        self.unacknowledged.is_some()
    }

    /// Takes note of what arrived at the other side.
    pub(super) fn on_ack(&mut self, ack: &Ack) -> Result<(), AckOfUnsent> {
        let largest = ack.ranges.first().map_or(0, |(_, largest)| *largest);
        if largest >= self.next_number {
            return Err(AckOfUnsent);
        }
        self.unacknowledged.take_if(|number| number.0 <= largest);
        if self
            .hello_numbers
            .iter()
            .any(|number| ack.contains(*number))
        {
            self.hello = HelloState::Acknowledged;
        }
        Ok(())
    }

    /// Lets a withheld HELLO go.
    pub(super) fn release_hello(&mut self) {
        if self.hello == HelloState::Withheld {
            self.hello = HelloState::Due;
        }
    }

    pub(super) fn is_hello_due(&self) -> bool {
        self.hello == HelloState::Due
    }

    /// Notes that packet `number` carries our HELLO; returns the wait before it is repeated.
    pub(super) fn on_hello_sent(&mut self, number: PacketNumber) -> Duration {
        let wait = HELLO_RETRY * (1 << self.hello_tries.min(6));
        self.hello = HelloState::Sent;
        self.hello_tries += 1;
        if self.hello_numbers.len() == HELLO_NUMBERS {
            self.hello_numbers.remove(0);
        }
        self.hello_numbers.push(number);
        wait
    }

    /// Makes an unacknowledged HELLO due again.
    pub(super) fn on_hello_timeout(&mut self) {
        if self.hello == HelloState::Sent {
            self.hello = HelloState::Due;
        }
    }
}

/// How many of the packets that carried HELLO are remembered: at the pace of its repetition, minutes.
const HELLO_NUMBERS: usize = 8;

/// Arrived packet numbers as inclusive ranges, from the highest down. What falls beyond the last of
/// [`ACK_MAX_RANGES`] counts as arrived (RFC 9000 §13.2.3).
#[derive(Debug, Default)]
struct Received {
    ranges: Vec<(u64, u64)>,
    /// All numbers below count as arrived.
    floor: u64,
}

impl Received {
    /// Adds a number; false if it was there already.
    fn insert(&mut self, number: u64) -> bool {
        if number < self.floor {
            return false;
        }
        let at = self.ranges.partition_point(|(low, _)| *low > number);
        if self.ranges.get(at).is_some_and(|(_, high)| number <= *high) {
            return false;
        }
        self.ranges.insert(at, (number, number));
        self.merge_with_lower(at);
        if let Some(above) = at.checked_sub(1) {
            self.merge_with_lower(above);
        }
        if self.ranges.len() > ACK_MAX_RANGES
            && let Some((_, high)) = self.ranges.pop()
        {
            self.floor = high + 1;
        }
        true
    }

    /// Joins the range at `at` with the one below it if they touch.
    fn merge_with_lower(&mut self, at: usize) {
        let (Some(upper), Some(lower)) = (self.ranges.get(at), self.ranges.get(at + 1)) else {
            return;
        };
        if lower.1 + 1 == upper.0 {
            let joined = (lower.0, upper.1);
            self.ranges.remove(at + 1);
            if let Some(range) = self.ranges.get_mut(at) {
                *range = joined;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::proto::rng::CoreRng;

    #[test]
    fn ranges_agree_with_a_simple_model() {
        for seed in 0..50 {
            let mut rng = CoreRng::new([seed; 32]);
            let (mut received, mut model) = (Received::default(), BTreeSet::new());
            for _ in 0..300 {
                let number = rng.below(200) as u64;
                let known = number < received.floor || model.contains(&number);
                assert_eq!(received.insert(number), !known, "seed {seed}");
                model.insert(number);
                let held: Vec<u64> = received.ranges.iter().flat_map(|(l, h)| *l..=*h).collect();
                assert!(held.iter().all(|n| model.contains(n)), "seed {seed}");
                let expected = model.iter().filter(|n| **n >= received.floor).count();
                assert_eq!(held.len(), expected, "seed {seed}");
                assert!(received.ranges.len() <= ACK_MAX_RANGES);
                assert!(
                    received.ranges.windows(2).all(|w| w[1].1 + 1 < w[0].0),
                    "seed {seed}"
                );
            }
        }
    }

    #[test]
    fn a_hello_is_repeated_until_any_packet_that_carried_it_is_acknowledged() {
        let mut connection = Connection::new(false);
        let first = connection.next_number();
        assert_eq!(connection.on_hello_sent(first), HELLO_RETRY);
        connection.on_hello_timeout();
        assert!(connection.is_hello_due());
        let second = connection.next_number();
        assert_eq!(connection.on_hello_sent(second), HELLO_RETRY * 2);
        let ack = Ack {
            delay_us: 0,
            ranges: vec![(0, 0)],
        };
        assert!(connection.on_ack(&ack).is_ok());
        connection.on_hello_timeout();
        assert!(!connection.is_hello_due());
    }

    #[test]
    fn an_ack_of_a_packet_that_was_never_sent_is_a_violation() {
        let mut connection = Connection::new(false);
        connection.next_number();
        let ack = |number| Ack {
            delay_us: 0,
            ranges: vec![(number, number)],
        };
        assert!(connection.on_ack(&ack(0)).is_ok());
        assert!(connection.on_ack(&ack(1)).is_err());
    }
}
