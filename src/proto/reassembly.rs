//! Strangers' INITs in reassembly, and what those that proved true were answered by: a bounded table of
//! slots. Source: docs/protocol.md#reassembly.

use core::net::SocketAddr;
use std::collections::BTreeMap;

use crate::id::{PeerId, SessionIndex};
use crate::proto::assembly::{Assembly, Whole};
use crate::proto::limit::Source;
use crate::proto::limits::{
    MAX_SLOTS, MAX_SLOTS_PER_SOURCE, MAX_VARIANTS, RESP_SENDINGS, SLOT_LIFE,
};
use crate::proto::rng::CoreRng;
use crate::time::Instant;
use crate::wire::limits::{INIT_HALF_LEN, MESSAGE1_LEN};
use crate::wire::packet::{Init, Part};

/// Whose halves belong together. Whoever sees a call can send a message 1 of his own under the same.
pub(super) type SlotKey = (SocketAddr, SessionIndex);

/// What a message 1 begins with. Nobody else can make a true one of it.
pub(super) type Ephemeral = [u8; 32];

#[derive(Debug)]
struct Slot {
    halves: Assembly<INIT_HALF_LEN, MAX_VARIANTS>,
    proved: Option<Proved>,
    /// When it last took a half, or answered one.
    used: Instant,
}

/// A message 1 that proved true, and what it is answered by once that is made.
#[derive(Debug)]
struct Proved {
    message1: Whole<MESSAGE1_LEN>,
    answer: Option<Answer>,
}

/// A message 2 that may be sent again, and whose keypair it announced under which index.
#[derive(Debug)]
pub(super) struct Answer {
    peer: PeerId,
    index: SessionIndex,
    datagrams: [Vec<u8>; 2],
    sendings: u32,
}

impl Answer {
    /// One that is being sent for the first time.
    pub(super) const fn new(peer: PeerId, index: SessionIndex, datagrams: [Vec<u8>; 2]) -> Self {
        Self {
            peer,
            index,
            datagrams,
            sendings: 1,
        }
    }
}

impl Slot {
    fn is_alive(&self, now: Instant) -> bool {
        now.saturating_since(self.used) < SLOT_LIFE
    }
}

impl Proved {
    fn is(&self, ephemeral: &Ephemeral) -> bool {
        self.message1.starts_with(ephemeral)
    }

    fn has(&self, init: &Init<'_>) -> bool {
        let (first, second) = self.message1.split_at(INIT_HALF_LEN);
        let own = match init.part {
            Part::First => first,
            Part::Second => second,
        };
        own == init.body
    }
}

/// At most [`MAX_SLOTS`] messages, [`MAX_SLOTS_PER_SOURCE`] of one source, each until nothing of it has
/// come for [`SLOT_LIFE`].
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    slots: BTreeMap<SlotKey, Slot>,
}

impl Reassembly {
    /// Adds a half and returns every message 1 that it completes.
    pub(super) fn add(
        &mut self,
        from: SocketAddr,
        init: &Init<'_>,
        rng: &mut CoreRng,
        now: Instant,
    ) -> Vec<Whole<MESSAGE1_LEN>> {
        let key = (from, init.sender);
        self.forget_old(now);
        let slot = self.slot(key, rng, now);
        if slot.halves.add(init.part, init.body) {
            slot.used = now;
        }
        slot.halves.take_all()
    }

    fn slot(&mut self, key: SlotKey, rng: &mut CoreRng, now: Instant) -> &mut Slot {
        if !self.slots.contains_key(&key) {
            self.make_room(key.0, rng);
        }
        self.slots.entry(key).or_insert_with(|| Slot {
            halves: Assembly::default(),
            proved: None,
            used: now,
        })
    }

    /// Whether a message has a slot here.
    pub(super) fn holds(&self, key: &SlotKey, now: Instant) -> bool {
        self.slots.get(key).is_some_and(|slot| slot.is_alive(now))
    }

    /// Whether a half belongs to a message 1 that has proved true, so that it is not to be read again.
    pub(super) fn is_proved(&self, key: &SlotKey, init: &Init<'_>, now: Instant) -> bool {
        let slot = self.slots.get(key).filter(|slot| slot.is_alive(now));
        let proved = slot.and_then(|slot| slot.proved.as_ref());
        proved.is_some_and(|proved| proved.has(init))
    }

    /// A message proved true: its slot has room for other halves again, and keeps the answer to come. Beside
    /// one that is kept already nothing is: its halves stay where they are, so that it is not read again. The slot
    /// may have gone while it was read, by another message of the slot that came to nothing or at a bound.
    pub(super) fn prove(
        &mut self,
        key: &SlotKey,
        message1: Whole<MESSAGE1_LEN>,
        rng: &mut CoreRng,
        now: Instant,
    ) {
        let slot = self.slot(*key, rng, now);
        if slot.proved.is_none() {
            slot.halves = Assembly::default();
            slot.proved = Some(Proved {
                message1,
                answer: None,
            });
        }
    }

    /// Keeps what a message was answered by, if it is the one that its slot keeps.
    pub(super) fn answered(
        &mut self,
        key: &SlotKey,
        ephemeral: &Ephemeral,
        answer: Answer,
        now: Instant,
    ) {
        if let Some(slot) = self.slots.get_mut(key)
            && let Some(proved) = slot.proved.as_mut().filter(|it| it.is(ephemeral))
        {
            proved.answer = Some(answer);
            slot.used = now;
        }
    }

    /// The keypair that a slot's answer announced, if one was made.
    pub(super) fn announced(&self, key: &SlotKey) -> Option<(PeerId, SessionIndex)> {
        let answer = self.slots.get(key)?.proved.as_ref()?.answer.as_ref()?;
        Some((answer.peer, answer.index))
    }

    /// What other slots announced that keep the same message 1, which came from other addresses; none while an answer
    /// is being made.
    pub(super) fn copies<'a>(
        &'a self,
        key: &'a SlotKey,
        message1: &'a [u8; MESSAGE1_LEN],
        now: Instant,
    ) -> impl Iterator<Item = Option<(PeerId, SessionIndex)>> + 'a {
        let others = self
            .slots
            .iter()
            .filter(move |(other, slot)| other.1 == key.1 && *other != key && slot.is_alive(now));
        let proved = others.filter_map(|(_, slot)| slot.proved.as_ref());
        let copies = proved.filter(move |proved| *proved.message1 == *message1);
        copies.map(|proved| proved.answer.as_ref().map(|it| (it.peer, it.index)))
    }

    /// The same two datagrams once more, unless they were sent [`RESP_SENDINGS`] times.
    pub(super) fn answer_again(&mut self, key: &SlotKey, now: Instant) -> Option<[Vec<u8>; 2]> {
        let slot = self.slots.get_mut(key)?;
        let answer = slot.proved.as_mut()?.answer.as_mut()?;
        if answer.sendings >= RESP_SENDINGS {
            return None;
        }
        answer.sendings += 1;
        slot.used = now;
        Some(answer.datagrams.clone())
    }

    /// A message that was handed out is not read after all: its halves may come again. What has proved true,
    /// or is still being read, keeps the slot.
    pub(super) fn take_back(&mut self, key: &SlotKey) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.halves = Assembly::default();
        }
    }

    /// A message that was read comes to nothing: it is read anew if it comes again. It has no part in
    /// another that the slot keeps.
    pub(super) fn give_up(&mut self, key: &SlotKey) {
        match self.slots.get_mut(key) {
            Some(slot) if slot.proved.is_some() => slot.halves = Assembly::default(),
            Some(_) | None => drop(self.slots.remove(key)),
        }
    }

    /// A message that proved true has no answer after all: frees the slot that keeps it.
    pub(super) fn unanswered(&mut self, key: &SlotKey, ephemeral: &Ephemeral) {
        self.free_if(key, |proved| proved.is(ephemeral));
    }

    /// The keypair of an answer to what `peer` sent under `sender` is confirmed: nobody asks for one again. Frees the slot
    /// that keeps it, and those of copies of its message.
    pub(super) fn confirmed(&mut self, sender: SessionIndex, peer: PeerId) {
        let is_it = |answer: &Answer| answer.peer == peer;
        self.slots.retain(|other, slot| {
            let proved = slot.proved.as_ref().filter(|_| other.1 == sender);
            !proved.is_some_and(|it| it.answer.as_ref().is_some_and(is_it))
        });
    }

    fn free_if(&mut self, key: &SlotKey, is_it: impl FnOnce(&Proved) -> bool) {
        let proved = self.slots.get(key).and_then(|slot| slot.proved.as_ref());
        if proved.is_some_and(is_it) {
            self.slots.remove(key);
        }
    }

    fn forget_old(&mut self, now: Instant) {
        self.slots.retain(|_, slot| slot.is_alive(now));
    }

    /// Makes room for one more slot of `from`. At either bound a random slot goes, the source's own
    /// or anybody's: refusing instead would let a stranger who writes another's address lock him out.
    fn make_room(&mut self, from: SocketAddr, rng: &mut CoreRng) {
        let source = Source::from(from.ip());
        let is_own = |key: &&SlotKey| Source::from(key.0.ip()) == source;
        let own = self.slots.keys().filter(is_own).count();
        let victim = if own >= MAX_SLOTS_PER_SOURCE {
            self.slots
                .keys()
                .filter(is_own)
                .nth(rng.below(own))
                .copied()
        } else if self.slots.len() >= MAX_SLOTS {
            self.slots.keys().nth(rng.below(self.slots.len())).copied()
        } else {
            None
        };
        victim.map(|key| self.slots.remove(&key));
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet::{Packet, encode_init};

    fn halves(sender: u32, fill: u8) -> [Vec<u8>; 2] {
        let zero = |_: &[u8]| [0; 16];
        encode_init(1, SessionIndex(sender), &[fill; MESSAGE1_LEN], zero, zero)
    }

    fn add(table: &mut Reassembly, from: &str, datagram: &[u8], now: Instant) -> usize {
        let Ok(Packet::Init(init)) = Packet::parse(datagram) else {
            panic!("not an INIT")
        };
        table
            .add(
                from.parse().unwrap(),
                &init,
                &mut CoreRng::new([7; 32]),
                now,
            )
            .len()
    }

    #[test]
    fn halves_meet_in_either_order_but_not_across_sources_or_indices() {
        let mut table = Reassembly::default();
        let [first, second] = halves(1, 5);
        assert_eq!(add(&mut table, "192.0.2.1:1", &second, Instant::ZERO), 0);
        assert_eq!(add(&mut table, "192.0.2.1:2", &first, Instant::ZERO), 0);
        assert_eq!(
            add(&mut table, "192.0.2.1:1", &halves(2, 5)[0], Instant::ZERO),
            0
        );
        assert_eq!(add(&mut table, "192.0.2.1:1", &first, Instant::ZERO), 1);
        assert_eq!(add(&mut table, "192.0.2.1:1", &first, Instant::ZERO), 0);
    }

    #[test]
    fn a_half_waits_no_longer_than_the_slot_life() {
        let mut table = Reassembly::default();
        let [first, second] = halves(1, 5);
        add(&mut table, "192.0.2.1:1", &first, Instant::ZERO);
        assert_eq!(
            add(
                &mut table,
                "192.0.2.1:1",
                &second,
                Instant::ZERO + SLOT_LIFE
            ),
            0
        );
    }

    #[test]
    fn a_half_that_comes_again_waits_anew() {
        let mut table = Reassembly::default();
        let [first, second] = halves(1, 5);
        let step = SLOT_LIFE - core::time::Duration::from_micros(1);
        for nth in 0..4 {
            let at = Instant::ZERO + step * nth;
            assert_eq!(add(&mut table, "192.0.2.1:1", &first, at), 0);
        }
        let at = Instant::ZERO + step * 4;
        assert_eq!(add(&mut table, "192.0.2.1:1", &second, at), 1);
    }

    #[test]
    fn halves_beside_a_message_that_proved_true_are_joined_with_each_other_only() {
        let mut table = Reassembly::default();
        let from = "192.0.2.1:1";
        for half in halves(1, 5) {
            add(&mut table, from, &half, Instant::ZERO);
        }
        let key = (from.parse().unwrap(), SessionIndex(1));
        let mut rng = CoreRng::new([7; 32]);
        table.prove(&key, Box::new([5; MESSAGE1_LEN]), &mut rng, Instant::ZERO);
        let found = halves(1, 6).map(|half| add(&mut table, from, &half, Instant::ZERO));
        assert_eq!(found, [0, 1]);
    }

    #[test]
    fn the_table_is_bounded_in_all_and_for_each_source() {
        let mut table = Reassembly::default();
        for index in 0..100 {
            add(
                &mut table,
                "192.0.2.1:1",
                &halves(index, 5)[0],
                Instant::ZERO,
            );
        }
        assert_eq!(table.len(), MAX_SLOTS_PER_SOURCE);
        for source in 0..2_000u32 {
            let from = format!("10.0.{}.{}:1", source / 256, source % 256);
            add(&mut table, &from, &halves(1, 5)[0], Instant::ZERO);
        }
        assert_eq!(table.len(), MAX_SLOTS);
    }
}
