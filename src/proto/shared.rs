//! What all peers of an endpoint share: queues, tables, the generator.

use core::ops::Range;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tracing::trace;

use crate::crypto::StaticSecret;
use crate::id::{Epoch, PeerId, PeerLabel, SessionIndex, Timestamp, VerifyingKey};
use crate::proto::config::EndpointConfig;
use crate::proto::connection::Scratch;
use crate::proto::directory::Place;
use crate::proto::event::{Event, Notice};
use crate::proto::former::FormerGuests;
use crate::proto::guard::Guard;
use crate::proto::job::{Accept, Job, Work};
use crate::proto::key_table::KeyTable;
use crate::proto::limit::Source;
use crate::proto::limits::{MAX_ANSWERS, MAX_EVENTS, MAX_JOBS, MESSAGE_MAX_LEN};
use crate::proto::reassembly::Reassembly;
use crate::proto::rng::CoreRng;
use crate::proto::route::Route;
use crate::proto::ruling::Ruling;
use crate::proto::stats::{DropReason, TurnedAway};
use crate::proto::timer::Timers;
use crate::proto::transmit::{Datagram, Transmit};
use crate::time::Instant;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: EndpointConfig,
    pub(super) local: Arc<StaticSecret>,
    pub(super) id: PeerId,
    /// Bytes of the longest message that the layer above takes.
    pub(super) largest_message: u64,
    /// What others are to check our signatures with.
    pub(super) signing_key: VerifyingKey,
    pub(super) keys: Arc<KeyTable>,
    pub(super) rng: CoreRng,
    pub(super) guard: Guard,
    pub(super) reassembly: Reassembly,
    pub(super) revoked: BTreeSet<PeerId>,
    pub(super) former: FormerGuests,
    /// Whose attempt an index of ours is.
    pub(super) attempts: BTreeMap<SessionIndex, PeerId>,
    pub(super) timers: Timers,
    /// Keys that were pinned since the start, `--trust new`.
    pub(super) pinned: usize,
    /// Peers whose stream events wait until the owner has taken earlier ones.
    pub(super) unread: BTreeSet<PeerId>,
    /// Peers that may have something to send.
    pub(super) dirty: VecDeque<Place>,
    pub(super) scratch: Scratch,
    ready: VecDeque<Transmit>,
    events: VecDeque<Event>,
    /// Peers whose connection or streams have changed since the layer above looked.
    pub(super) stirred: VecDeque<(Place, PeerId)>,
    /// Receipts and rejects for the layer above.
    notices: VecDeque<Notice>,
    generation: u64,
    label: PeerLabel,
    /// Work for peers that we know, and answers to whoever was read, go before reading strangers.
    own_jobs: VecDeque<Job>,
    stranger_jobs: VecDeque<(Source, Accept)>,
    timestamps: Timestamps,
    dropped: BTreeMap<DropReason, u64>,
    pub(super) turned_away: Option<TurnedAway>,
    epoch: Epoch,
    /// When unauthenticated senders may cause the next hint.
    next_hint: Instant,
}

/// Unauthenticated datagrams cause at most one hint to the owner in this time.
const HINT_INTERVAL: Duration = Duration::from_secs(60);

impl Shared {
    pub(super) fn new(
        config: EndpointConfig,
        local: Arc<StaticSecret>,
        mut rng: CoreRng,
        timestamps: Range<Timestamp>,
        now: Instant,
    ) -> Self {
        let id = local.public();
        Self {
            config,
            largest_message: MESSAGE_MAX_LEN as u64,
            signing_key: local.verifying_key(),
            local,
            id,
            keys: Arc::default(),
            guard: Guard::new(&id, &mut rng, now),
            rng,
            reassembly: Reassembly::default(),
            revoked: BTreeSet::new(),
            former: FormerGuests::default(),
            attempts: BTreeMap::new(),
            timers: Timers::default(),
            pinned: 0,
            unread: BTreeSet::new(),
            dirty: VecDeque::new(),
            scratch: Scratch::default(),
            ready: VecDeque::new(),
            events: VecDeque::new(),
            stirred: VecDeque::new(),
            notices: VecDeque::new(),
            generation: 0,
            label: PeerLabel::default(),
            own_jobs: VecDeque::new(),
            stranger_jobs: VecDeque::new(),
            timestamps: Timestamps::new(timestamps),
            dropped: BTreeMap::new(),
            turned_away: None,
            epoch: Epoch::default(),
            next_hint: Instant::ZERO,
        }
    }

    /// Queues a datagram that needs no key.
    pub(super) fn transmit(&mut self, to: impl Into<Route>, datagram: Vec<u8>) {
        let Route { peer, local } = to.into();
        self.ready.push_back(Transmit {
            to: peer,
            from: local,
            datagram: Datagram::Ready(datagram),
        });
    }

    /// Queues an answer to somebody who has proved nothing. When [`MAX_ANSWERS`] datagrams wait, the
    /// sender falls behind, and there is none.
    pub(super) fn answer_stranger(&mut self, to: impl Into<Route>, datagram: Vec<u8>) {
        if self.ready.len() >= MAX_ANSWERS {
            self.drop(DropReason::QueueFull);
        } else {
            self.transmit(to, datagram);
        }
    }

    /// Queues a datagram to be sealed by whoever sends it.
    pub(super) fn transmit_unsealed(&mut self, transmit: Transmit) {
        self.ready.push_back(transmit);
    }

    pub(super) fn next_ready(&mut self) -> Option<Transmit> {
        self.ready.pop_front()
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Tells the owner something. Moves, which a peer can cause at will, are dropped when
    /// [`MAX_EVENTS`] wait already. Other changes are kept: no session begins then
    /// ([`Shared::is_owner_behind`]), so that there are few.
    pub(super) fn event(&mut self, event: Event) {
        let at_will = matches!(event, Event::Roamed { .. });
        if at_will && self.is_owner_behind() {
            self.drop(DropReason::Overflow);
        } else {
            self.events.push_back(event);
        }
    }

    /// Tells the layer above something that came from a peer.
    pub(super) fn notice(&mut self, notice: Notice) {
        self.notices.push_back(notice);
    }

    /// Whether so many more notices are too many, because nobody takes them.
    pub(super) fn notes_are_full(&self, more: usize) -> bool {
        self.notices.len() + more > MAX_EVENTS
    }

    pub(super) fn next_notice(&mut self) -> Option<Notice> {
        self.notices.pop_front()
    }

    pub(super) fn has_notices(&self) -> bool {
        !self.notices.is_empty() || !self.stirred.is_empty()
    }

    pub(super) const fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// What the log calls the next peer that gets a record.
    pub(super) const fn next_label(&mut self) -> PeerLabel {
        self.label.0 += 1;
        self.label
    }

    /// Whether the owner does not take its events, so that nobody may cause more by beginning anew.
    pub(super) fn is_owner_behind(&self) -> bool {
        self.events.len() >= MAX_EVENTS
    }

    /// Whether an unauthenticated datagram may cause a hint now.
    pub(super) fn may_hint(&mut self, now: Instant) -> bool {
        let may = now >= self.next_hint;
        if may {
            self.next_hint = now + HINT_INTERVAL;
        }
        may
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(super) fn waiting_events(&self) -> usize {
        self.events.len()
    }

    /// Counts something that is dropped in silence.
    pub(super) fn drop(&mut self, reason: DropReason) {
        trace!(%reason, "dropped");
        *self.dropped.entry(reason).or_default() += 1;
    }

    /// The same, as the ruling on a datagram.
    pub(super) fn rule_out(&mut self, reason: DropReason) -> Ruling {
        self.drop(reason);
        Ruling::Dropped(reason)
    }

    pub(super) const fn dropped(&self) -> &BTreeMap<DropReason, u64> {
        &self.dropped
    }

    /// Queues work for a peer that we know, or what is half done already. Of that there is as much as was
    /// taken of the strangers' queue and no more, because it is taken before any other of theirs.
    pub(super) fn own_job(&mut self, work: Work) {
        self.own_jobs.push_back(Job(work));
    }

    /// Whether nobody has taken the job that makes the message 1 of this attempt.
    pub(super) fn has_waiting_job(&self, index: SessionIndex) -> bool {
        self.own_jobs.iter().any(|job| job.initiates(index))
    }

    /// Queues work that a stranger at `source` causes. At [`MAX_JOBS`] the source with most waiting
    /// gives one up, so that a crowd that floods the queue does not keep others out. False if that is this work.
    /// What is given up is read when it is sent again.
    pub(super) fn stranger_job(&mut self, work: Accept) -> bool {
        let source = Source::from(work.slot.0.ip());
        if self.stranger_jobs.len() >= MAX_JOBS {
            self.drop(DropReason::QueueFull);
            let Some(given_up) = self.make_room_for_job(source) else {
                self.reassembly.take_back(&work.slot);
                return false;
            };
            self.reassembly.take_back(&given_up.slot);
        }
        self.stranger_jobs.push_back((source, work));
        true
    }

    /// Takes the newest job of the source with most of them; none if that is `source` itself, or has
    /// no more than it.
    fn make_room_for_job(&mut self, source: Source) -> Option<Accept> {
        let mut waiting: BTreeMap<Source, usize> = BTreeMap::new();
        for (source, _) in &self.stranger_jobs {
            *waiting.entry(*source).or_default() += 1;
        }
        let own = waiting.get(&source).copied().unwrap_or(0);
        let (busiest, most) = waiting.into_iter().max_by_key(|(_, jobs)| *jobs)?;
        if most <= own {
            return None;
        }
        let mut jobs = self.stranger_jobs.iter();
        let newest = jobs.rposition(|(source, _)| *source == busiest)?;
        self.stranger_jobs.remove(newest).map(|(_, work)| work)
    }

    pub(super) fn next_job(&mut self) -> Option<Job> {
        self.own_jobs.pop_front().or_else(|| {
            let (_, work) = self.stranger_jobs.pop_front()?;
            Some(Job(Work::Accept(work)))
        })
    }

    pub(super) fn waiting_jobs(&self) -> usize {
        self.own_jobs.len() + self.stranger_jobs.len()
    }

    /// A random index that nothing of ours has.
    pub(super) fn fresh_index(&mut self) -> SessionIndex {
        loop {
            let index = SessionIndex(self.rng.u32());
            if !self.attempts.contains_key(&index) && self.keys.find(index).is_none() {
                return index;
            }
        }
    }

    pub(super) fn next_epoch(&mut self) -> Epoch {
        self.epoch = Epoch(self.epoch.0 + 1);
        self.epoch
    }

    /// The next handshake timestamp; `None` until more are reserved.
    pub(super) fn take_timestamp(&mut self) -> Option<Timestamp> {
        let taken = self.timestamps.take();
        if self.timestamps.should_warn() {
            self.event(Event::TimestampsLow);
        }
        taken
    }

    pub(super) fn add_timestamps(&mut self, range: Range<Timestamp>) -> bool {
        self.timestamps.add(range)
    }
}

/// Timestamps that the owner reserved on disk before we may use them.
#[derive(Debug)]
struct Timestamps {
    current: Range<u64>,
    spare: Option<Range<u64>>,
    warn_at: u64,
}

impl Timestamps {
    fn new(range: Range<Timestamp>) -> Self {
        let current = range.start.0..range.end.0;
        Self {
            warn_at: half(&current),
            current,
            spare: None,
        }
    }

    fn take(&mut self) -> Option<Timestamp> {
        if self.current.is_empty() {
            self.current = self.spare.take()?;
            self.warn_at = half(&self.current);
        }
        self.current.next().map(Timestamp)
    }

    /// True once a block, when half of it is used.
    fn should_warn(&mut self) -> bool {
        let low = self.spare.is_none() && self.current.start >= self.warn_at;
        if low {
            self.warn_at = u64::MAX;
        }
        low
    }

    /// Takes a block if it lies after all earlier ones, and says whether.
    fn add(&mut self, range: Range<Timestamp>) -> bool {
        let last = self
            .spare
            .as_ref()
            .map_or(self.current.end, |spare| spare.end);
        let is_later = range.start.0 >= last && !range.is_empty();
        if is_later {
            self.spare = Some(range.start.0..range.end.0);
        }
        is_later
    }
}

const fn half(range: &Range<u64>) -> u64 {
    range.start + (range.end - range.start) / 2
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;

    fn empty() -> Shared {
        let identity = Arc::new(StaticSecret::from_bytes(&mut [1; 32]));
        let (config, rng) = (EndpointConfig::default(), CoreRng::new([1; 32]));
        let range = Timestamp(0)..Timestamp(1);
        Shared::new(config, identity, rng, range, Instant::ZERO)
    }

    fn queue(shared: &mut Shared, source: u8) {
        queue_as(shared, source, SessionIndex(0));
    }

    fn queue_as(shared: &mut Shared, source: u8, index: SessionIndex) {
        let from = SocketAddr::from(([192, 0, 2, source], 1));
        let local = Arc::clone(&shared.local);
        let slot = (from, index);
        let message1 = Box::new([0; 1_320]);
        let work = Accept {
            local,
            slot,
            called: None,
            message1,
        };
        shared.stranger_job(work);
    }

    fn waiting(shared: &Shared, source: u8) -> usize {
        let source = Source::from(core::net::IpAddr::from([192, 0, 2, source]));
        shared
            .stranger_jobs
            .iter()
            .filter(|(held, _)| *held == source)
            .count()
    }

    #[test]
    fn a_full_job_queue_is_shared_among_sources() {
        let mut shared = empty();
        (0..MAX_JOBS).for_each(|_| queue(&mut shared, 1));
        (0..MAX_JOBS).for_each(|_| queue(&mut shared, 2));
        queue(&mut shared, 3);
        assert_eq!(shared.waiting_jobs(), MAX_JOBS);
        assert_eq!(waiting(&shared, 3), 1);
        assert!(waiting(&shared, 1).abs_diff(waiting(&shared, 2)) <= 1);
        let dropped = u64::try_from(MAX_JOBS + 1).unwrap();
        assert_eq!(shared.dropped().get(&DropReason::QueueFull), Some(&dropped));
    }

    #[test]
    fn a_source_that_fills_the_queue_gives_nothing_up_for_itself() {
        let mut shared = empty();
        (0..MAX_JOBS).for_each(|_| queue(&mut shared, 1));
        queue_as(&mut shared, 1, SessionIndex(7));
        let newest = shared.stranger_jobs.back().map(|(_, work)| work.slot.1);
        assert_eq!(newest, Some(SessionIndex(0)), "the one that came too late");
    }

    #[test]
    fn something_is_ready_until_it_was_taken() {
        let mut shared = empty();
        assert!(!shared.has_ready());
        shared.transmit(SocketAddr::from(([192, 0, 2, 1], 1)), vec![0; 64]);
        assert!(shared.has_ready());
        assert!(shared.next_ready().is_some());
        assert!(!shared.has_ready());
    }

    #[test]
    fn a_hint_is_given_once_a_minute() {
        let mut shared = empty();
        let at = |ms: u64| Instant::from_micros(ms * 1_000);
        let given = [100, 101, 60_099, 60_100, 60_101].map(|ms| shared.may_hint(at(ms)));
        assert_eq!(given, [true, false, false, true, false]);
    }

    #[test]
    fn notices_are_bounded_and_a_peer_to_look_at_is_one() {
        let mut shared = empty();
        let peer = PeerId::new([1; 32]);
        assert!(!shared.has_notices());
        shared.stirred.push_back((Place::for_testing_only(0), peer));
        assert!(shared.has_notices());
        shared.stirred.clear();
        for _ in 0..MAX_EVENTS {
            assert!(!shared.notes_are_full(1));
            let body = Default::default();
            shared.notice(Notice::Receipt { peer, body });
            assert!(shared.has_notices());
        }
        assert!(shared.notes_are_full(1) && !shared.notes_are_full(0));
    }

    #[test]
    fn timestamps_that_are_added_are_used() {
        let mut shared = empty();
        shared.add_timestamps(Timestamp(5)..Timestamp(6));
        let taken = core::iter::from_fn(|| shared.take_timestamp());
        assert_eq!(taken.collect::<Vec<_>>(), [Timestamp(0), Timestamp(5)]);
    }

    #[test]
    fn timestamps_only_rise_and_more_are_asked_for_once_a_block() {
        let block = |from: u64, to| Timestamp(from)..Timestamp(to);
        let mut timestamps = Timestamps::new(block(100, 104));
        for refused in [block(50, 60), block(103, 110), block(104, 104)] {
            assert!(!timestamps.add(refused), "nothing in it is later");
        }
        let warned: Vec<bool> = (0..4)
            .map(|_| {
                timestamps.take().unwrap();
                timestamps.should_warn()
            })
            .collect();
        assert_eq!(warned, [false, true, false, false]);
        assert_eq!(timestamps.take(), None, "those before its end were refused");
        assert!(timestamps.add(block(104, 106)));
        assert!(!timestamps.add(block(105, 200)));
        let rest: Vec<_> = core::iter::from_fn(|| timestamps.take()).collect();
        assert_eq!(rest, [104, 105].map(Timestamp));
    }

    #[test]
    fn answers_to_strangers_do_not_pile_up_behind_a_slow_sender() {
        let mut shared = empty();
        let to = SocketAddr::from(([192, 0, 2, 1], 1));
        (0..=MAX_ANSWERS).for_each(|_| shared.answer_stranger(to, vec![0; 64]));
        shared.transmit(to, vec![0; 700]);
        let sent = core::iter::from_fn(|| shared.next_ready()).count();
        assert_eq!(sent, MAX_ANSWERS + 1, "ours is not an answer");
        assert_eq!(shared.dropped().get(&DropReason::QueueFull), Some(&1));
    }

    #[test]
    fn timestamps_only_increase_across_blocks_and_never_leave_them() {
        let mut timestamps = Timestamps::new(Timestamp(10)..Timestamp(12));
        assert_eq!(timestamps.take(), Some(Timestamp(10)));
        assert!(timestamps.should_warn());
        assert!(!timestamps.should_warn());
        timestamps.add(Timestamp(11)..Timestamp(99));
        timestamps.add(Timestamp(20)..Timestamp(21));
        assert_eq!(timestamps.take(), Some(Timestamp(11)));
        assert_eq!(timestamps.take(), Some(Timestamp(20)));
        assert_eq!(timestamps.take(), None);
    }
}
