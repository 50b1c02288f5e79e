//! What people do with messages, and what befalls these, for the random runs.

use core::time::Duration;
use std::collections::BTreeMap;

use securechat::chat::{FailReason, SendError, State};
use securechat::proto::limits::ERASE_AFTER;
use securechat::sim::{Habits, NodeId, SimRng, World};

use crate::simulated::{ms, secs};

/// More than a message can wait.
pub const PAST_ALL_LIFE: Duration = secs(15 * 86_400);
/// The longest that a user thinks before taking a message.
pub const MAX_THINKS: Duration = secs(40);
/// Longest body that goes with the others: what is longer has a stream of its own.
const INLINE: u64 = 64 * 1024;
/// Streams without a reader for each connection: together they leave credit for messages.
const MAX_STALLED: usize = 2;

/// Something that happens to messages between two nodes.
#[derive(Clone, Copy, Debug)]
pub enum MessageOp {
    Send {
        len: usize,
    },
    /// Sends until the outbox takes no more, at most `most`.
    Burst {
        len: usize,
        most: usize,
    },
    /// Sends what cannot arrive, and lets the sender's time for it pass.
    Expire,
    /// Lets all clocks leap beyond every message's time.
    ExpireAll,
    /// Sends on a stream that nobody reads, then a message.
    StallBulk {
        bytes: usize,
        len: usize,
    },
    /// Sends, and loses all that comes back for a while.
    LoseReceipts {
        len: usize,
        duration: Duration,
    },
    /// Sends, and ends the session before the receipt is there; it is sent again on another connection.
    HangUp {
        len: usize,
        receiver: bool,
        after: Duration,
    },
    /// Sends, and ends a process in the midst of it.
    Kill {
        len: usize,
        receiver: bool,
        after: Duration,
    },
    /// Sends, and removes or revokes the contact in the midst of it.
    Remove {
        len: usize,
        receiver: bool,
        revoke: bool,
        after: Duration,
        forgive: bool,
    },
}

impl MessageOp {
    /// Mostly what is cheap.
    pub fn random(rng: &mut SimRng) -> Self {
        let len = random_len(rng);
        let after = rng.up_to(ms(400));
        match rng.below(40) {
            0..=12 => Self::Send { len },
            13..=15 => Self::HangUp {
                len,
                receiver: rng.chance(500_000),
                after,
            },
            16..=17 => Self::Burst {
                len: rng.index(40),
                most: 1_200,
            },
            18 => Self::Burst {
                len: rng.index(4_000),
                most: 120,
            },
            19..=21 => Self::Expire,
            22 => Self::ExpireAll,
            23..=25 => Self::StallBulk {
                bytes: 1 + rng.index(200_000),
                len,
            },
            26..=30 => Self::LoseReceipts {
                len,
                duration: rng.up_to(secs(15)),
            },
            31..=35 => Self::Kill {
                len,
                receiver: rng.chance(700_000),
                after,
            },
            _ => Self::Remove {
                len,
                receiver: rng.chance(400_000),
                revoke: rng.chance(400_000),
                after,
                forgive: rng.chance(700_000),
            },
        }
    }
}

/// Short ones mostly; one in eight on a stream of its own, of these few up to a mebibyte.
fn random_len(rng: &mut SimRng) -> usize {
    let len = match rng.below(64) {
        0 => rng.within(INLINE + 1..=1 << 20),
        1..=7 => rng.within(INLINE + 1..=3 * INLINE / 2),
        8..=11 => rng.within(0..=INLINE),
        12 => 0,
        _ => rng.below(500),
    };
    usize::try_from(len).unwrap()
}

/// How a node's program and user treat messages: often as usual.
pub fn random_habits(rng: &mut SimRng) -> Habits {
    let mut habits = Habits::default();
    if rng.chance(400_000) {
        habits.policy.largest = [300_000, 100_000, 2_000][rng.index(3)];
        // Some find out only when it is turned away.
        habits.announces_all = habits.policy.largest == 2_000;
    }
    if rng.chance(300_000) {
        habits.policy.life = rng.up_to(secs(200)) + secs(5);
    }
    if rng.chance(400_000) {
        habits.outbox_messages = 1 + rng.index(80);
        habits.outbox_bytes = 1 + rng.index(1 << 20);
    }
    habits.thinks = [Duration::ZERO, Duration::ZERO, secs(2), MAX_THINKS][rng.index(4)];
    habits.refuses_ppm = [0, 0, 50_000, 300_000][rng.index(4)];
    habits
}

/// What is still open of the operations before.
#[derive(Default)]
pub struct Messages {
    /// The connections with streams that nobody reads, and how many.
    stalled: BTreeMap<(NodeId, NodeId), (u64, usize)>,
}

impl Messages {
    pub fn apply(&mut self, world: &mut World, from: NodeId, to: NodeId, op: MessageOp) {
        match op {
            MessageOp::Send { len } => drop(world.send_bytes(from, to, len)),
            MessageOp::Burst { len, most } => burst(world, from, to, len, most),
            MessageOp::Expire => expire(world, from, to),
            MessageOp::ExpireAll => expire_all(world),
            MessageOp::StallBulk { bytes, len } => {
                self.stall(world, from, to, bytes);
                world.send_bytes(from, to, len);
            }
            MessageOp::LoseReceipts { len, duration } => {
                let (sender, receiver) = (world.node(from).host(), world.node(to).host());
                world.network_mut().block(receiver, sender);
                world.send_bytes(from, to, len);
                world.advance(duration);
                world.network_mut().unblock(receiver, sender);
            }
            MessageOp::HangUp {
                len,
                receiver,
                after,
            } => {
                let (sender, receiving) = (world.node(from).host(), world.node(to).host());
                world.network_mut().block(receiving, sender);
                world.send_bytes(from, to, len);
                world.advance(after);
                let (node, peer) = if receiver { (to, from) } else { (from, to) };
                world.network_mut().unblock(receiving, sender);
                world.close(node, world.id(peer));
                let _ = world.connect(from, to);
            }
            MessageOp::Kill {
                len,
                receiver,
                after,
            } => {
                world.send_bytes(from, to, len);
                world.advance(after);
                world.restart(if receiver { to } else { from });
            }
            MessageOp::Remove {
                len,
                receiver,
                revoke,
                after,
                forgive,
            } => {
                world.send_bytes(from, to, len);
                world.advance(after);
                let (node, peer) = if receiver { (to, from) } else { (from, to) };
                remove(world, node, peer, revoke);
                if forgive {
                    world.advance(after);
                    world.add_peer(node, peer);
                }
            }
        }
    }

    fn stall(&mut self, world: &mut World, from: NodeId, to: NodeId, bytes: usize) {
        let peer = world.id(to);
        let generation = world.command(from, |endpoint, _| endpoint.generation(peer));
        let Some(generation) = generation.flatten() else {
            return;
        };
        let stalled = self.stalled.entry((from, to)).or_default();
        if stalled.0 != generation {
            *stalled = (generation, 0);
        }
        if stalled.1 < MAX_STALLED {
            stalled.1 += 1;
            world.command(from, |endpoint, _| {
                let stream = endpoint.open_stream(peer).unwrap();
                endpoint.write_stream(peer, stream, &vec![7; bytes])
            });
        }
    }
}

/// What is refused is refused for want of room; whether that is so, the world judges.
fn burst(world: &mut World, from: NodeId, to: NodeId, len: usize, most: usize) {
    for _ in 0..most {
        match world.send_bytes(from, to, len) {
            Some(Ok(_)) => {}
            None
            | Some(Err(
                SendError::UnknownContact
                | SendError::TooLarge { .. }
                | SendError::TooLargeForPeer { .. }
                | SendError::Outbox(_),
            )) => return,
            Some(Err(SendError::NameTaken)) => panic!("nothing comes in between"),
            Some(Err(SendError::NotText | SendError::SecretKey)) => {
                panic!("no key, and no other bytes, are that body")
            }
        }
    }
}

fn expire(world: &mut World, from: NodeId, to: NodeId) {
    let (a, b) = (world.node(from).host(), world.node(to).host());
    world.network_mut().block(a, b);
    let sent = world.send_bytes(from, to, 10);
    world.advance(ms(50));
    let life = world.node(from).habits().policy.life;
    if life < secs(86_400) {
        world.node_mut(from).leap(life);
        world.advance(ms(1));
        if let Some(Ok(name)) = sent {
            let expired = State::Failed(FailReason::Expired);
            assert_eq!(world.state(from, to, name), Some(expired));
        }
    }
    world.network_mut().unblock(a, b);
}

/// Nothing can wait longer than this.
pub fn expire_all(world: &mut World) {
    let nodes: Vec<NodeId> = world.node_ids().collect();
    for node in &nodes {
        world.node_mut(*node).leap(PAST_ALL_LIFE);
    }
    world.advance(ms(1));
    for from in &nodes {
        let sleeps = !world.node(*from).is_up();
        assert!(sleeps || nodes.iter().all(|to| world.unsettled(*from, *to) == 0));
    }
}

fn remove(world: &mut World, node: NodeId, peer: NodeId, revoke: bool) {
    let id = world.id(peer);
    if revoke {
        world.revoke_peer(node, id);
    } else {
        world.remove_peer(node, id);
    }
    if world.node(node).is_up() {
        assert_eq!(world.unsettled(node, peer), 0, "what waits has failed");
    }
}

/// Waits until all messages of this way have come to an end, then sends one more, which must do so too.
pub fn settle(world: &mut World, from: NodeId, to: NodeId, limit: Duration) -> Result<(), String> {
    // As many at once as may be with the user; the receiver may hold some that are expired long since.
    let limit = limit + world.node(to).habits().thinks * 40;
    if world.unsettled(from, to) > 0 {
        let _ = world.connect(from, to);
        // Who has nothing new to say learns of a receiver that started again when the key is old.
        wait_for_ends(world, from, to, limit + ERASE_AFTER)?;
    }
    let Some(Ok(name)) = world.send_bytes(from, to, 60) else {
        return Ok(());
    };
    wait_for_ends(world, from, to, limit)?;
    match world.state(from, to, name) {
        Some(State::Delivered | State::Failed(FailReason::Rejected(_) | FailReason::Expired)) => {
            Ok(())
        }
        other => Err(format!("{name:?} is {other:?}")),
    }
}

fn wait_for_ends(
    world: &mut World,
    from: NodeId,
    to: NodeId,
    limit: Duration,
) -> Result<(), String> {
    if world.advance_until(limit, |world| world.unsettled(from, to) == 0) {
        return Ok(());
    }
    let left = world.unsettled(from, to);
    Err(format!("{left} messages are not settled"))
}
