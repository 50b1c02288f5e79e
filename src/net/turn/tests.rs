//! Every order in which three threads can meet at the baton, as far as a few inputs reach.
//!
//! What happens under the lock is one step, since nobody sees it half done. A thread of the model
//! does what the real one does between two steps: `Shared::release`, `send::collect`, `recv::look`.

use std::collections::BTreeSet;

use super::*;

/// Packets in the baton. It cannot be copied by accident.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Bag(u8);

/// A thread that sends when it is its turn.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Thread {
    Idle,
    /// Seals and sends, and may go on so often.
    Sends(Bag, u8),
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Sender {
    Awake,
    Sends(Bag),
    Asleep,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct World {
    turn: Turn<Bag>,
    /// Packets in the core.
    packets: u8,
    events: bool,
    stopping: bool,
    owner: Thread,
    recv: Thread,
    /// Until when `recv` waits; none: until something comes.
    recv_until: Option<Instant>,
    sender: Sender,
    now: Instant,
    /// What may still happen by itself.
    inputs: u8,
    sent: u8,
}

const TURNS: u8 = 2;
const START: Instant = Instant::from_micros(1_000_000);

impl World {
    fn new(inputs: u8) -> Self {
        Self {
            turn: Turn::new(Bag(0)),
            packets: 0,
            events: false,
            stopping: false,
            owner: Thread::Idle,
            recv: Thread::Idle,
            recv_until: None,
            sender: Sender::Awake,
            now: START,
            inputs,
            sent: 0,
        }
    }

    fn thread(&mut self, who: Who) -> &mut Thread {
        if who == Who::Recv {
            &mut self.recv
        } else {
            &mut self.owner
        }
    }

    /// `Shared::release`, up to where the lock is free.
    fn release(&mut self, who: Who, turns: u8) {
        let situation = Situation {
            transmits: self.packets > 0,
            events: self.events,
            stopping: self.stopping,
            now: self.now,
        };
        let taken = if turns > 0 {
            self.turn.take(who, situation)
        } else {
            None
        };
        let watched = self.turn.watched_until();
        let waiting = self.packets > 0 && taken.is_none();
        if self.turn.must_wake(waiting || self.stopping, None) {
            self.sender = Sender::Awake;
        }
        if who == Who::Recv {
            self.recv_until = watched.filter(|_| taken.is_none() && turns > 0);
        }
        *self.thread(who) = match taken {
            Some(Bag(n)) => {
                let all = n + core::mem::take(&mut self.packets);
                Thread::Sends(Bag(all), turns - 1)
            }
            None => Thread::Idle,
        };
    }

    /// A thread has sent all but `left`, which found no room.
    fn sent(&mut self, who: Who, left: u8) {
        let thread = core::mem::replace(self.thread(who), Thread::Idle);
        let Thread::Sends(bag, turns) = thread else {
            unreachable!("it sends");
        };
        self.sent += bag.0 - left;
        self.turn.put_back(Bag(left), left > 0);
        self.release(who, turns);
    }

    /// `send::collect`, from the lock to where it is free again.
    fn collect(&mut self) {
        self.turn.wake();
        if let Some(Bag(n)) = self.turn.take_for_sender() {
            let all = n + core::mem::take(&mut self.packets);
            if all > 0 {
                self.sender = Sender::Sends(Bag(all));
                return;
            }
            self.turn.put_back(Bag(0), false);
        }
        self.turn.sleep(None);
        self.sender = Sender::Asleep;
    }

    /// What each thread does next by itself.
    fn steps(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let mut push = |act: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            act(&mut next);
            all.push(next);
        };
        for who in [Who::Owner, Who::Recv] {
            if let Thread::Sends(Bag(n), _) = self.clone().thread(who) {
                push(&|world| world.sent(who, 0));
                let n = *n;
                push(&|world| world.sent(who, n));
            }
        }
        match self.sender.clone() {
            Sender::Awake => push(&Self::collect),
            Sender::Sends(Bag(n)) => push(&|world| {
                world.sent += n;
                world.turn.put_back(Bag(0), false);
                world.collect();
            }),
            Sender::Asleep => {}
        }
        if let (Thread::Idle, Some(until)) = (&self.recv, self.recv_until) {
            push(&|world| {
                world.now = world.now.max(until);
                world.release(Who::Recv, TURNS);
            });
        }
        all
    }

    /// What may come from outside at any time.
    fn inputs(&self) -> Vec<Self> {
        let mut all = Vec::new();
        let Some(inputs) = self.inputs.checked_sub(1) else {
            return all;
        };
        let mut push = |act: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            next.inputs = inputs;
            act(&mut next);
            all.push(next);
        };
        if self.owner == Thread::Idle {
            for who in [Who::Owner, Who::OwnerWithEvent, Who::Handshake] {
                push(&|world| {
                    world.packets += 1;
                    world.release(who, TURNS);
                });
            }
            push(&|world| {
                world.events = false;
                world.release(Who::OwnerWithEvent, TURNS);
            });
            push(&|world| {
                world.stopping = true;
                world.release(Who::Owner, TURNS);
            });
        }
        if self.recv == Thread::Idle {
            for events in [false, true] {
                push(&|world| {
                    world.packets += 1;
                    world.events |= events;
                    world.release(Who::Recv, TURNS);
                });
            }
        }
        if self.sender == Sender::Asleep {
            push(&|world| {
                world.packets += 1;
                world.collect();
            });
        }
        push(&|world| world.now = world.now + WATCH);
        all
    }

    fn waiting(&self) -> u8 {
        self.packets + self.turn.baton.as_ref().map_or(0, |bag| bag.0)
    }

    /// Whether `recv`, which is to look now, would have to look again at once.
    fn looks_again(&self) -> bool {
        let mut next = self.clone();
        next.release(Who::Recv, TURNS);
        next.recv == Thread::Idle && next.recv_until.is_some_and(|until| until <= next.now)
    }

    fn holders(&self) -> usize {
        let threads = [&self.owner, &self.recv];
        let sending = threads.into_iter().filter(|it| **it != Thread::Idle);
        sending.count() + usize::from(matches!(self.sender, Sender::Sends(_)))
    }
}

/// All states that `inputs` inputs can lead to.
fn reachable(inputs: u8) -> BTreeSet<World> {
    let mut seen = BTreeSet::new();
    let mut open = vec![World::new(inputs)];
    while let Some(world) = open.pop() {
        if !seen.contains(&world) {
            open.extend(world.steps());
            open.extend(world.inputs());
            seen.insert(world);
        }
    }
    seen
}

#[test]
fn whatever_happens_one_thread_sends_and_nothing_is_left_lying() {
    let worlds = reachable(6);
    for world in &worlds {
        assert!(world.holders() <= 1, "{world:?}");
        let is_away = world.turn.baton.is_none();
        assert_eq!(is_away, world.holders() == 1, "{world:?}");
        let watched = world.recv == Thread::Idle && world.recv_until.is_some();
        let somebody = is_away || world.sender != Sender::Asleep || watched;
        assert!(world.waiting() == 0 || somebody, "{world:?}");
        let looks_at_once = watched && world.recv_until <= Some(world.now);
        assert!(
            !looks_at_once || !world.looks_again(),
            "it spins: {world:?}"
        );
        if world.steps().is_empty() {
            assert_eq!(world.waiting(), 0, "{world:?}");
        }
    }
    assert!(worlds.len() > 10_000, "{} are too few", worlds.len());
}

#[test]
fn what_is_stuck_waits_for_the_send_thread() {
    let mut turn = Turn::new(Bag(0));
    let situation = Situation {
        transmits: true,
        events: false,
        stopping: false,
        now: START,
    };
    turn.sleep(None);
    let Some(Bag(0)) = turn.take(Who::Owner, situation) else {
        panic!("it is there");
    };
    assert!(!turn.must_wake(true, None), "its holder comes back");
    turn.put_back(Bag(3), true);
    assert_eq!(turn.take(Who::Recv, situation), None, "it must not wait");
    assert!(turn.must_wake(false, None));
    assert_eq!(turn.take_for_sender(), Some(Bag(3)));
}

#[test]
fn what_is_left_to_the_owner_is_left_for_a_moment_however_much_arrives() {
    let mut turn = Turn::new(());
    let at = |now| Situation {
        transmits: true,
        events: true,
        stopping: false,
        now,
    };
    let half = START + WATCH / 2;
    assert_eq!(turn.take(Who::Recv, at(START)), None);
    assert_eq!(turn.take(Who::OwnerWithEvent, at(half)), None);
    assert_eq!(turn.take(Who::Recv, at(half)), None);
    assert_eq!(turn.watched_until(), Some(START + WATCH), "and no later");
    assert_eq!(turn.take(Who::Recv, at(START + WATCH)), Some(()));
}

#[test]
fn what_somebody_else_has_sent_is_not_looked_for_again() {
    let mut turn = Turn::new(());
    let situation = |transmits, now| Situation {
        transmits,
        events: true,
        stopping: false,
        now,
    };
    assert_eq!(turn.take(Who::Recv, situation(true, START)), None);
    assert_eq!(turn.take(Who::Recv, situation(false, START + WATCH)), None);
    assert_eq!(turn.watched_until(), None);
}

#[test]
fn what_somebody_else_is_about_is_not_looked_for_again() {
    let mut turn = Turn::new(());
    let situation = |now| Situation {
        transmits: true,
        events: true,
        stopping: false,
        now,
    };
    assert_eq!(turn.take(Who::Recv, situation(START)), None);
    assert_eq!(turn.take_for_sender(), Some(()));
    assert_eq!(turn.take(Who::Recv, situation(START + WATCH)), None);
    assert_eq!(turn.watched_until(), None, "its holder looks");
    turn.put_back((), true);
    assert_eq!(turn.take(Who::Recv, situation(START + WATCH)), None);
    assert_eq!(turn.watched_until(), None, "the send thread looks");
}

#[test]
fn an_owner_without_anything_to_answer_sends_at_once() {
    let mut turn = Turn::new(());
    let situation = |events| Situation {
        transmits: true,
        events,
        stopping: false,
        now: START,
    };
    assert_eq!(
        turn.take(Who::Owner, situation(true)),
        Some(()),
        "unwatched"
    );
    turn.put_back((), false);
    assert_eq!(turn.take(Who::Recv, situation(true)), None);
    assert_eq!(turn.take(Who::Owner, situation(false)), Some(()));
}

#[test]
fn the_send_thread_is_woken_for_a_sooner_deadline_and_once() {
    let mut turn = Turn::new(());
    assert!(!turn.must_wake(true, Some(START)), "it is awake");
    turn.sleep(Some(START));
    assert!(!turn.must_wake(false, Some(START)));
    assert!(turn.must_wake(false, Some(Instant::ZERO)));
    assert!(!turn.must_wake(false, Some(Instant::ZERO)));
}
