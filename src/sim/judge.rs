//! The judge of every message: what its author may be told of it, and what its reader may be shown.
//!
//! The law, by the names that stand in the code below:
//!
//! - *shown*: what a user is shown was sent to him by that peer, is unchanged and allowed, and is shown
//!   once by a process; by a later one only while the sender, who still lives, has no receipt for it.
//! - *order*: the messages of one log are shown in its order, and the gaps told are those that there are.
//! - *forward*: a state only moves forward, and the client says the same as its events.
//! - *receipt*: delivered is what the receiver's user took, refused what he refused, and so on: nothing
//!   ends for a reason that is not so.
//! - *bounds*: no more waits, on either side, than is allowed; what is refused for it had no room.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chat::{
    FailReason, LogId, MAX_UNTAKEN, MAX_UNTAKEN_BYTES, Name, OutboxError, RejectReason, SendError,
    State,
};
use crate::id::PeerId;
use crate::sim::habits::{Decision, Deed, What};
use crate::sim::node::{Node, Received};
use crate::time::Instant;

/// As much as is read at once, and somewhat more than the longest message that is read whole.
const PIECE_LEN: usize = 65 * 1024;

/// From whom, to whom.
type Way = (PeerId, PeerId);

/// A process of a node, and how often it has forgotten the contact in question.
type Memory = (u32, u32);

#[derive(Default)]
pub(super) struct Judge {
    accounts: BTreeMap<(Way, Name), Account>,
    outboxes: BTreeMap<Way, Outbox>,
    /// What the receiver of a way remembers.
    memories: BTreeMap<Way, Reader>,
    violations: Vec<String>,
}

/// A message that was accepted for delivery.
struct Account {
    body: Arc<[u8]>,
    state: State,
    /// When it may be given up, by its sender's clock.
    expires: Instant,
    /// Whether the contact has been removed since.
    is_removed: bool,
    /// When its sender's process ended before it came to an end.
    orphaned: Option<Instant>,
    /// Who has shown it.
    shown: BTreeSet<Memory>,
    is_taken: bool,
    /// Why its receiver has not taken it.
    turned_away: Vec<RejectReason>,
}

/// What waits for a contact.
#[derive(Default)]
struct Outbox {
    waiting: BTreeSet<Name>,
    bytes: usize,
}

/// What a process has met of a contact's messages.
#[derive(Default)]
struct Reader {
    memory: Memory,
    next: BTreeMap<LogId, u64>,
    untaken: BTreeMap<Name, usize>,
}

/// What is wrong with a deed.
type Crimes = Vec<String>;

impl Judge {
    pub(super) fn violations(&self) -> &[String] {
        &self.violations
    }

    /// How many messages of a living process of `from` to `to` are neither delivered nor failed.
    pub(super) fn unsettled(&self, from: PeerId, to: PeerId) -> usize {
        let outbox = self.outboxes.get(&(from, to));
        outbox.map_or(0, |outbox| outbox.waiting.len())
    }

    /// How far a message has come.
    pub(super) fn state(&self, from: PeerId, to: PeerId, name: Name) -> Option<State> {
        self.accounts
            .get(&((from, to), name))
            .map(|account| account.state)
    }

    /// How far every message has come that was ever accepted.
    pub(super) fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.accounts.values().map(|account| account.state)
    }

    // --- what happens ---------------------------------------------------------------------------

    /// The process of a node has ended at `now`.
    pub(super) fn on_end(&mut self, node: PeerId, now: Instant) {
        for (way, outbox) in &mut self.outboxes {
            if way.0 != node {
                continue;
            }
            for name in core::mem::take(outbox).waiting {
                if let Some(account) = self.accounts.get_mut(&(*way, name)) {
                    account.orphaned = Some(now);
                }
            }
        }
    }

    /// A node is about to remove a contact, and forgets what it knew of it.
    pub(super) fn on_remove(&mut self, node: &Node, peer: PeerId) {
        let way = (node.id(), peer);
        for name in &self.outboxes.entry(way).or_default().waiting {
            if let Some(account) = self.accounts.get_mut(&(way, *name)) {
                account.is_removed = true;
            }
        }
        let reader = self.reader(node, peer);
        let (process, forgotten) = reader.memory;
        *reader = Reader {
            memory: (process, forgotten + 1),
            ..Reader::default()
        };
    }

    /// A node has been asked to send to another, and has answered. `body`: what it was asked to send.
    pub(super) fn on_send(
        &mut self,
        node: &Node,
        to: &Node,
        body: &[u8],
        answer: Result<Name, SendError>,
        now: Instant,
    ) {
        let way = (node.id(), to.id());
        let crime = self.misjudged(node, to, body.len(), answer);
        if let Ok(name) = answer {
            let outbox = self.outboxes.entry(way).or_default();
            outbox.waiting.insert(name);
            outbox.bytes += body.len();
            let account = Account {
                body: body.into(),
                state: State::Queued,
                expires: node.clock(now) + node.habits().policy.life,
                is_removed: false,
                orphaned: None,
                shown: BTreeSet::new(),
                is_taken: false,
                turned_away: Vec::new(),
            };
            self.accounts.insert((way, name), account);
        }
        self.charge(node, to.id(), now, crime);
    }

    /// *bounds*: what may be sent is accepted, and nothing else.
    fn misjudged(
        &self,
        node: &Node,
        to: &Node,
        len: usize,
        answer: Result<Name, SendError>,
    ) -> Option<String> {
        let (habits, way) = (node.habits(), (node.id(), to.id()));
        let announced = to.habits().announced();
        let (held, bytes) = self
            .outboxes
            .get(&way)
            .map_or((0, 0), |outbox| (outbox.waiting.len(), outbox.bytes));
        let (is_long, is_full) = (len > habits.policy.largest, held >= habits.outbox_messages);
        let is_heavy = bytes + len > habits.outbox_bytes;
        let is_right = match answer {
            Ok(_) => !(is_long || is_full || is_heavy),
            Err(SendError::TooLarge { .. }) => is_long,
            Err(SendError::TooLargeForPeer { largest, .. }) => {
                largest == announced && len > announced
            }
            Err(SendError::Outbox(OutboxError::TooMany)) => is_full,
            Err(SendError::Outbox(OutboxError::TooMuch)) => is_heavy,
            Err(SendError::UnknownContact) => !node.trusts(way.1),
            Err(SendError::NotText | SendError::SecretKey | SendError::NameTaken) => false,
        };
        (!is_right).then(|| {
            format!("{len} bytes to send, {held} messages of {bytes} bytes wait: {answer:?}")
        })
    }

    /// Hears what happened on a node.
    pub(super) fn on_deeds(&mut self, node: &Node, deeds: Vec<Deed>) {
        for deed in deeds {
            let crimes = match deed.what {
                What::Shown { line, missing } => {
                    let received = node.lines().get(line).expect("the node noted its place");
                    self.on_shown(node, received, missing)
                }
                What::Decided(decision) => self.on_decided(node, &deed, decision),
                What::TurnedAway(reason) => self.on_turned_away(node, &deed, reason),
                What::Moved(state) => self.on_moved(node, &deed, state),
            };
            let crimes = crimes
                .into_iter()
                .map(|crime| format!("{:?}: {crime}", deed.name));
            self.charge(node, deed.peer, deed.at, crimes);
        }
    }

    /// *shown*, *order*, *bounds*.
    fn on_shown(&mut self, node: &Node, received: &Received, missing: u64) -> Crimes {
        let Received {
            from, name, line, ..
        } = received;
        let len = line.len();
        let way = (*from, node.id());
        let reader = self.reader(node, *from);
        let memory = reader.memory;
        let mut crimes = reader.meet(*name, missing);
        if reader.untaken.len() >= MAX_UNTAKEN
            || reader.untaken.values().sum::<usize>() >= MAX_UNTAKEN_BYTES
        {
            crimes.push("shown although much is not taken yet".to_owned());
        }
        reader.untaken.insert(*name, len);
        if !node.trusts(*from) {
            crimes.push("shown, from somebody whom it does not know".to_owned());
        }
        if len > node.habits().policy.largest {
            crimes.push(format!("shown, with {len} bytes"));
        }
        let Some(account) = self.accounts.get_mut(&(way, *name)) else {
            crimes.push("forged".to_owned());
            return crimes;
        };
        if *account.body != **line {
            crimes.push("shown with another body".to_owned());
        }
        if account.orphaned.is_some_and(|ended| ended < node.started()) {
            crimes.push("shown long after its sender's process ended".to_owned());
        }
        if !account.shown.is_empty() && account.state == State::Delivered {
            crimes.push("shown again although its sender has the receipt".to_owned());
        }
        if !account.shown.insert(memory) {
            crimes.push("shown twice".to_owned());
        }
        crimes
    }

    fn on_decided(&mut self, node: &Node, deed: &Deed, decision: Decision) -> Crimes {
        let way = (deed.peer, node.id());
        let reader = self.reader(node, deed.peer);
        reader.untaken.remove(&deed.name);
        if let Some(account) = self.accounts.get_mut(&(way, deed.name)) {
            match decision {
                Decision::Take => account.is_taken = true,
                Decision::Refuse => account.turned_away.push(RejectReason::Refused),
            }
        }
        Vec::new()
    }

    /// *receipt*: what is turned away has not been shown and taken, and the reason is so.
    fn on_turned_away(&mut self, node: &Node, deed: &Deed, reason: RejectReason) -> Crimes {
        let way = (deed.peer, node.id());
        let reader = self.reader(node, deed.peer);
        let (memory, next) = (reader.memory, reader.next_of(deed.name));
        let place = next.max(deed.name.sequence + 1);
        reader.next.insert(deed.name.log, place);
        let Some(account) = self.accounts.get_mut(&(way, deed.name)) else {
            return vec![format!("forged, and turned away as {reason:?}")];
        };
        account.turned_away.push(reason);
        let was_refused = account.turned_away.contains(&RejectReason::Refused);
        let is_so = match reason {
            RejectReason::TooLarge => account.body.len() > node.habits().policy.largest,
            RejectReason::OutOfOrder => deed.name.sequence < next,
            RejectReason::Unsupported
            | RejectReason::Refused
            | RejectReason::TooManyLogs
            | RejectReason::Other(_) => false,
        };
        let was_shown = account.shown.contains(&memory) && !was_refused;
        let crime = (!is_so || was_shown).then(|| format!("turned away as {reason:?}"));
        crime.into_iter().collect()
    }

    /// *forward*, *receipt*.
    fn on_moved(&mut self, node: &Node, deed: &Deed, state: State) -> Crimes {
        let way = (node.id(), deed.peer);
        let Some(account) = self.accounts.get_mut(&(way, deed.name)) else {
            return vec![format!("moved to {state:?} and was never accepted")];
        };
        let mut crimes = Vec::new();
        let before = core::mem::replace(&mut account.state, state);
        if rank(state) <= rank(before) || account.orphaned.is_some() {
            crimes.push(format!("moved from {before:?} to {state:?}"));
        }
        if !account.may_be(state, node.clock(deed.at)) {
            crimes.push(format!("is {state:?} without a cause"));
        }
        if state.is_final()
            && let Some(outbox) = self.outboxes.get_mut(&way)
            && outbox.waiting.remove(&deed.name)
        {
            outbox.bytes -= account.body.len();
        }
        crimes
    }

    /// *forward*, *bounds*: what a node's client says of a way, now that nothing is under way inside
    /// the process.
    pub(super) fn audit(&mut self, node: &Node, peer: PeerId, now: Instant) {
        let Some(client) = node.messenger().map(|messenger| messenger.client()) else {
            return;
        };
        let way = (node.id(), peer);
        let mut crimes = Vec::new();
        let outbox = self.outboxes.entry(way).or_default();
        let (held, noted) = (client.unsettled(peer.into()), outbox.waiting.len());
        if held != noted {
            crimes.push(format!("{held} unsettled, and {noted} without an end"));
        }
        let habits = node.habits();
        if noted > habits.outbox_messages || outbox.bytes > habits.outbox_bytes {
            crimes.push(format!("{noted} messages, {} bytes wait", outbox.bytes));
        }
        if client.waiting_events() > 0 {
            crimes.push("events are left".to_owned());
        }
        let held = client.held_bytes(peer.into());
        let largest = habits.policy.largest.max(PIECE_LEN);
        if held > MAX_UNTAKEN_BYTES + 2 * largest + 2 * PIECE_LEN {
            crimes.push(format!("{held} bytes of messages held"));
        }
        self.charge(node, peer, now, crimes);
    }

    /// *forward*: a message that is not at its end is where its events said, and not over its time.
    pub(super) fn audit_waiting(&mut self, node: &Node, now: Instant) {
        let Some(client) = node.messenger().map(|messenger| messenger.client()) else {
            return;
        };
        let mut crimes = Vec::new();
        let mine = self.outboxes.iter().filter(|(way, _)| way.0 == node.id());
        for (way, outbox) in mine {
            for name in &outbox.waiting {
                let account = self.accounts.get(&(*way, *name));
                let account = account.expect("what waits was accepted");
                let said = client.state(way.1.into(), *name);
                if said != Some(account.state) {
                    crimes.push(format!("{name:?} is {said:?}, not {:?}", account.state));
                }
                if node.clock(now) > account.expires {
                    crimes.push(format!("{name:?} is over its time"));
                }
            }
        }
        self.charge(node, node.id(), now, crimes);
    }

    // --- parts ----------------------------------------------------------------------------------

    /// What `node` remembers of `peer`, anew if another process has begun.
    fn reader(&mut self, node: &Node, peer: PeerId) -> &mut Reader {
        let reader = self.memories.entry((peer, node.id())).or_default();
        if reader.memory.0 != node.process() {
            *reader = Reader {
                memory: (node.process(), 0),
                ..Reader::default()
            };
        }
        reader
    }

    fn charge(
        &mut self,
        node: &Node,
        peer: PeerId,
        at: Instant,
        crimes: impl IntoIterator<Item = String>,
    ) {
        let whose = node.id();
        let crimes = crimes.into_iter();
        let crimes = crimes.map(|crime| format!("{whose:?} with {peer:?} at {at}: {crime}"));
        self.violations.extend(crimes);
    }
}

impl Account {
    /// Whether there is a cause for `state` at `now`, by the sender's clock.
    fn may_be(&self, state: State, now: Instant) -> bool {
        match state {
            State::Queued | State::Failed(FailReason::OutboxLost) => false,
            State::Sent => true,
            State::Delivered => self.is_taken,
            State::Failed(FailReason::Rejected(reason)) => self.turned_away.contains(&reason),
            State::Failed(FailReason::Expired) => now >= self.expires,
            State::Failed(FailReason::Removed) => self.is_removed,
        }
    }
}

impl Reader {
    fn next_of(&self, name: Name) -> u64 {
        self.next.get(&name.log).copied().unwrap_or(0)
    }

    /// *order*: notes that a message is shown, after so many that are said to be missing.
    fn meet(&mut self, name: Name, missing: u64) -> Crimes {
        let next = self.next.insert(name.log, name.sequence + 1);
        let expected = next.map_or(Some(0), |next| name.sequence.checked_sub(next));
        if expected == Some(missing) {
            return Vec::new();
        }
        vec![format!(
            "shown as the next after {next:?}, {missing} missing"
        )]
    }
}

/// How far on a state is.
const fn rank(state: State) -> u8 {
    match state {
        State::Queued => 0,
        State::Sent => 1,
        State::Delivered | State::Failed(_) => 2,
    }
}
