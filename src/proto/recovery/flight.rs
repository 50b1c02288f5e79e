//! What left and is neither acknowledged nor lost. Source: RFC 9002 §6.1, §7.6, appendix A.

use core::time::Duration;
use std::collections::VecDeque;

use crate::id::PacketNumber;
use crate::proto::event::Loss;
use crate::proto::limits::{MAX_TRACKED_PACKETS, PACKET_THRESHOLD};
use crate::proto::recovery::fates::Fates;
use crate::proto::recovery::numbers::Numbers;
use crate::proto::recovery::rate::Snapshot;
use crate::time::Instant;
use crate::wire::frame::Ack;

/// What a packet says about the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Its loss is a sign of congestion.
    Ordinary,
    /// It is larger than the path may carry, so that its loss is none (RFC 9000 §14.4).
    MtuProbe,
    /// It says nothing about the present path (RFC 9000 §9.4).
    OldPath,
}

/// A packet that waits for its acknowledgement.
#[derive(Debug)]
pub(super) struct Sent<R> {
    pub(super) record: R,
    /// Never earlier than that of a lower number.
    pub(super) at: Instant,
    /// Counted as in flight.
    pub(super) bytes: usize,
    pub(super) role: Role,
    /// What was known of the path when it left.
    pub(super) snapshot: Snapshot,
    /// Whether a packet between the tracked one before and this one was acknowledged.
    after_acked: bool,
}

impl<R> Sent<R> {
    pub(super) const fn new(
        record: R,
        at: Instant,
        bytes: usize,
        role: Role,
        snapshot: Snapshot,
    ) -> Self {
        Self {
            record,
            at,
            bytes,
            role,
            snapshot,
            after_acked: false,
        }
    }
}

/// The ack-eliciting packets in flight, at most [`MAX_TRACKED_PACKETS`].
#[derive(Debug)]
pub(super) struct Flight<R> {
    /// In the order of their numbers, in which they leave and, mostly, arrive.
    packets: VecDeque<(u64, Sent<R>)>,
    bytes: usize,
    largest_acked: Option<u64>,
    fates: Fates,
}

impl<R> Flight<R> {
    pub(super) fn new() -> Self {
        Self {
            packets: VecDeque::new(),
            bytes: 0,
            largest_acked: None,
            fates: Fates::default(),
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.packets.len() >= MAX_TRACKED_PACKETS
    }

    /// What the oldest packets carried, oldest first.
    pub(super) fn records(&self) -> impl Iterator<Item = &R> {
        self.packets.iter().map(|(_, sent)| &sent.record)
    }

    /// Adds a packet; at the bound the oldest leaves.
    pub(super) fn insert(&mut self, number: PacketNumber, mut sent: Sent<R>) -> Option<R> {
        let oldest = if self.is_full() {
            self.pop_lost()
        } else {
            None
        };
        let last = self.packets.back().map(|(last, _)| *last);
        sent.after_acked = last < self.largest_acked;
        self.bytes += sent.bytes;
        self.packets.push_back((number.0, sent));
        oldest.map(|sent| sent.record)
    }

    /// Takes out what `ack` acknowledges, from the highest number down.
    pub(super) fn take_acked(&mut self, ack: &Ack, acked: &mut Vec<(u64, Sent<R>)>) {
        for &(low, high) in &ack.ranges {
            let first = self.packets.partition_point(|(number, _)| *number < low);
            let newly = self.packets.range(first..);
            let count = newly.take_while(|(number, _)| *number <= high).count();
            self.fates.take_back(low, high);
            let newly = self.packets.range(first..first + count).rev();
            for (number, _) in newly.filter(|(_, sent)| sent.role == Role::Ordinary) {
                self.fates.on_acked(*number);
            }
            acked.extend(self.packets.drain(first..first + count).rev());
            // For persistent congestion: something before the next packet arrived.
            if let Some((_, next)) = self.packets.get_mut(first) {
                next.after_acked = true;
            }
            self.largest_acked = self.largest_acked.max(Some(high));
        }
        self.bytes -= acked.iter().map(|(_, sent)| sent.bytes).sum::<usize>();
    }

    /// Takes out what is lost, from the lowest number up. Send times rise with the numbers, so that
    /// what is not lost has nothing lost behind it.
    pub(super) fn take_lost(
        &mut self,
        numbers: &Numbers,
        delay: Duration,
        now: Instant,
        lost: &mut Vec<Sent<R>>,
    ) {
        while self.oldest_is_lost(numbers, delay, now) {
            lost.extend(self.pop_lost());
        }
    }

    /// RFC 9002 §6.1: three packets sent after it, or `delay` ago. Numbers that were never sent do
    /// not count as packets.
    fn oldest_is_lost(&self, numbers: &Numbers, delay: Duration, now: Instant) -> bool {
        let (Some((number, sent)), Some(largest)) = (self.packets.front(), self.largest_acked)
        else {
            return false;
        };
        let number = *number;
        let distance = largest.saturating_sub(number);
        let by_number = distance >= PACKET_THRESHOLD
            && distance - numbers.skipped_between(number, largest) >= PACKET_THRESHOLD;
        by_number || (number < largest && sent.at + delay <= now)
    }

    /// When the oldest packet is lost by time: only if a later one was acknowledged.
    pub(super) fn loss_time(&self, delay: Duration) -> Option<Instant> {
        let (number, sent) = self.packets.front()?;
        (Some(*number) < self.largest_acked).then(|| sent.at + delay)
    }

    /// What is in flight belongs to an earlier path, and takes no room in the window of this one.
    pub(super) fn on_path_change(&mut self) {
        self.bytes = 0;
        self.fates = Fates::default();
        for (_, sent) in &mut self.packets {
            sent.role = Role::OldPath;
            sent.bytes = 0;
        }
    }

    /// When the oldest packet left.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.packets.front().map(|(_, sent)| sent.at)
    }

    /// What was lost on the present path lately.
    pub(super) const fn loss(&self) -> Option<Loss> {
        self.fates.loss()
    }

    /// Takes out the oldest packet, which is lost.
    fn pop_lost(&mut self) -> Option<Sent<R>> {
        let (number, popped) = self.packets.pop_front()?;
        self.bytes -= popped.bytes;
        if popped.role == Role::Ordinary {
            self.fates.on_lost(number);
        }
        Some(popped)
    }

    /// Gives memory back that an idle connection does not need.
    pub(super) fn shrink(&mut self) {
        self.packets.shrink_to_fit();
    }
}

/// A run of lost packets between which nothing was acknowledged (RFC 9002 §7.6.2).
#[derive(Debug, Default)]
pub(super) struct LostRun {
    start: Option<Instant>,
}

impl LostRun {
    /// Adds a lost packet, in the order of numbers; whether the run now lasts longer than `limit`.
    /// Packets from before the first RTT sample do not count.
    pub(super) fn add<R>(
        &mut self,
        sent: &Sent<R>,
        first_sample: Option<Instant>,
        limit: Duration,
    ) -> bool {
        if sent.after_acked {
            self.start = None;
        }
        if sent.role != Role::Ordinary || first_sample.is_none_or(|first| sent.at <= first) {
            return false;
        }
        let start = *self.start.get_or_insert(sent.at);
        let persistent = sent.at.saturating_since(start) > limit;
        if persistent {
            self.start = None;
        }
        persistent
    }
}
