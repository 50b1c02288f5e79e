//! Two people talk, and the process of one after the other is killed in between anything.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use securechat::chat::{Draft, Event, Messenger, Name, Policy, State, Update};
use securechat::id::{PeerId, Timestamp};
use securechat::proto::{Endpoint, EndpointConfig, Incoming, PeerConfig, Shown, Trust};
use securechat::store::{Archive, Error, ErrorKind, StoreTrouble};
use securechat::time::{Instant, UnixTime};

use crate::common::{Seed, setting};
use crate::disk::{Disk, Fault};
use crate::{Dice, fresh, open, secret};

/// Kills of an ordinary test run; `cargo crash` tries 2,000.
const SUITE_KILLS: u64 = 60;
/// Kills of one conversation.
const KILLS: u64 = 5;

/// The process has ended.
struct Killed;

impl From<Error> for Killed {
    fn from(_: Error) -> Self {
        Self
    }
}

/// What one person sees and keeps, whatever happens to the program.
struct Person {
    number: u8,
    disk: Disk,
    life: u64,
    process: Option<Process>,
    /// What stood on the screen, and whether it was marked.
    screen: Vec<(Name, Vec<u8>, bool)>,
    /// What the program accepted, in order.
    said: Vec<Name>,
    named: BTreeSet<Name>,
    bodies: BTreeMap<Name, Vec<u8>>,
    delivered: BTreeSet<Name>,
    /// In how many steps the process is killed.
    fuse: Option<u64>,
    /// The faults of its disk that it has felt.
    felt: Vec<Fault>,
}

struct Process {
    archive: Archive,
    messenger: Messenger,
    rng: ChaCha20Rng,
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 7_419))
}

fn peer(number: u8) -> PeerId {
    secret(number).public()
}

impl Person {
    fn new(number: u8, dice: &mut Dice) -> Self {
        Self {
            number,
            disk: Disk::new(fresh(number, dice), None),
            life: 0,
            process: None,
            screen: Vec::new(),
            said: Vec::new(),
            named: BTreeSet::new(),
            bodies: BTreeMap::new(),
            delivered: BTreeSet::new(),
            fuse: None,
            felt: Vec::new(),
        }
    }

    fn other(&self) -> u8 {
        3 - self.number
    }

    /// Starts the program and shows what the last one perhaps did not.
    fn start(&mut self, now: Instant, dice: &mut Dice) -> Result<(), Killed> {
        self.life += 1;
        let (mut archive, restored) = open(&self.disk, self.number, dice, wall(now))?;
        let unconfirmed = restored.unconfirmed.clone();
        let seeds: [[u8; 32]; 3] = core::array::from_fn(|_| {
            let mut seed = [0; 32];
            dice.0.fill_bytes(&mut seed);
            seed
        });
        let client = restored.into_client(Policy::default(), seeds[0], now);
        let messenger = Messenger::new(self.endpoint(seeds[1], now), client, now);
        for it in &unconfirmed {
            let message = &it.message;
            self.screen.push((message.name, message.body.clone(), true));
            self.step()?;
        }
        archive.change(wall(now), |change| {
            let mut shown = unconfirmed.iter();
            shown.try_for_each(|it| change.shown(it.contact, it.message.name))
        })?;
        self.process = Some(Process {
            archive,
            messenger,
            rng: ChaCha20Rng::from_seed(seeds[2]),
        });
        Ok(())
    }

    fn endpoint(&self, seed: [u8; 32], now: Instant) -> Endpoint {
        let config = EndpointConfig {
            trust: Trust::Strict,
            ..EndpointConfig::default()
        };
        let identity = Arc::new(secret(self.number));
        let range = Timestamp(self.life * 1_000)..Timestamp(self.life * 1_000 + 1_000);
        let mut endpoint = Endpoint::new(config, identity, seed, range, now);
        endpoint.add_peer(PeerConfig {
            id: peer(self.other()),
            psk: None,
            addresses: vec![address(self.other())],
            shown: Shown::default(),
        });
        endpoint
    }

    /// Somewhere the process can be killed.
    fn step(&mut self) -> Result<(), Killed> {
        match &mut self.fuse {
            Some(0) => Err(Killed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn say(&mut self, text: String, now: Instant) -> Result<(), Killed> {
        let to = peer(self.other()).into();
        let draft = Draft::text(text, wall(now));
        self.step()?;
        let process = self.process.as_mut().unwrap();
        let message = process.messenger.prepare(to, draft).unwrap();
        let (name, body) = (message.name, message.body.to_vec());
        assert!(self.named.insert(name), "{name:?} is used twice");
        // Perhaps it is written down although that fails.
        self.bodies.insert(name, body);
        process
            .archive
            .change(wall(now), |it| it.queue(to, &message))?;
        self.said.push(name);
        self.step()?;
        let process = self.process.as_mut().unwrap();
        process.messenger.accept(to, message, now).unwrap();
        process.messenger.settle(now);
        Ok(())
    }

    fn receive(&mut self, mut datagram: Vec<u8>, now: Instant) {
        let from = address(self.other());
        let Some(process) = &mut self.process else {
            return;
        };
        let endpoint = process.messenger.endpoint_mut();
        let table = endpoint.key_table();
        match endpoint.screen().check(&datagram) {
            Ok(Incoming::Handshake(packet)) => {
                endpoint.handle_handshake(from, packet, now);
            }
            Ok(Incoming::Data) => {
                if let Ok(opened) = table.open(from, &mut datagram, now) {
                    endpoint.handle_opened(&opened, now);
                }
            }
            Err(_) => {}
        }
        process.messenger.settle(now);
    }

    /// Does what the owner of a messenger does, and gives what is to be sent.
    fn drain(&mut self, now: Instant) -> Result<Vec<Vec<u8>>, Killed> {
        loop {
            self.step()?;
            let Some(process) = &mut self.process else {
                return Ok(Vec::new());
            };
            while let Some(job) = process.messenger.endpoint_mut().take_job() {
                let outcome = job.run(&mut process.rng);
                let endpoint = process.messenger.endpoint_mut();
                endpoint.handle_outcome(outcome, now);
            }
            process.messenger.settle(now);
            let Some(update) = process.messenger.poll_event(now) else {
                break;
            };
            if let Update::Chat(event) = update {
                self.on_event(event, now)?;
            }
        }
        let process = self.process.as_mut().unwrap();
        process.messenger.settle(now);
        let endpoint = process.messenger.endpoint_mut();
        let transmits = core::iter::from_fn(|| endpoint.poll_transmit(now));
        Ok(transmits
            .filter_map(|transmit| transmit.datagram.into_bytes(now))
            .collect())
    }

    fn on_event(&mut self, event: Event, now: Instant) -> Result<(), Killed> {
        let process = self.process.as_mut().unwrap();
        match event {
            Event::Message { contact, message } => {
                let name = message.name;
                let receive = process
                    .archive
                    .change(wall(now), |it| it.receive(contact, &message));
                let is_new = receive?;
                self.step()?;
                let process = self.process.as_mut().unwrap();
                process.messenger.take(contact, name, now);
                process.messenger.settle(now);
                self.step()?;
                if is_new {
                    self.screen.push((name, message.body, false));
                }
                self.step()?;
                let archive = &mut self.process.as_mut().unwrap().archive;
                archive.change(wall(now), |it| it.shown(contact, name))?;
            }
            Event::State {
                contact,
                name,
                state,
            } => {
                if state == State::Delivered {
                    self.delivered.insert(name);
                }
                assert!(!matches!(state, State::Failed(_)), "{name:?} {state:?}");
                let archive = &mut process.archive;
                archive.change(wall(now), |it| it.settle(contact, name, state))?;
            }
            Event::TurnedAway { name, reason, .. } => panic!("{name:?}: {reason}"),
            Event::Misbehaved { how, .. } => panic!("{how}"),
        }
        Ok(())
    }

    /// The process is gone; so may be what it had not written down.
    fn bury(&mut self, now: Instant, dice: &mut Dice) {
        let felt = self.disk.felt();
        self.felt.extend(felt);
        if matches!(felt, Some(Fault::Error | Fault::Full)) {
            self.give_up(now);
        }
        self.process = None;
        self.fuse = None;
        let bytes = if dice.one_in(4) {
            self.disk.after_power_loss(dice)
        } else {
            self.disk.after(dice)
        };
        // The next process may find no room either.
        let is_still_full = felt == Some(Fault::Full) && dice.one_in(2);
        self.disk = Disk::new(bytes, is_still_full.then_some((0, Fault::Full)));
    }

    /// The process ends by itself, over an error of its disk. Although that would take more, nothing more is
    /// written to it: not what is asked for, and nothing at the end.
    fn give_up(&mut self, now: Instant) {
        if let Some(mut process) = self.process.take() {
            let archive = &mut process.archive;
            let refused = archive.change(wall(now), |_| Ok(()));
            let refused = refused.expect_err("a store goes on after an error");
            let is_stopped = matches!(refused.kind(), ErrorKind::Store(StoreTrouble::Stopped));
            assert!(is_stopped, "{refused}");
        }
        assert_eq!(self.disk.points_since_fault(), 0, "written after an error");
    }
}

fn wall(now: Instant) -> UnixTime {
    UnixTime(1_795_000_000_000 + now.as_micros() / 1_000)
}

/// Two people, and whoever of them is to be killed next.
struct Pair {
    people: [Person; 2],
    dice: Dice,
    now: Instant,
    kills: u64,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let now = Instant::from_micros(1_000_000);
        let mut people = [1, 2].map(|number| Person::new(number, &mut dice));
        for person in &mut people {
            assert!(person.start(now, &mut dice).is_ok());
        }
        Self {
            people,
            dice,
            now,
            kills: 0,
        }
    }

    /// Lets something happen to a person; if that ends the process, another one starts.
    fn with(&mut self, at: usize, act: impl FnOnce(&mut Person, Instant) -> Result<(), Killed>) {
        let mut lived = act(&mut self.people[at], self.now);
        while lived.is_err() {
            self.kills += 1;
            self.people[at].bury(self.now, &mut self.dice);
            lived = self.people[at].start(self.now, &mut self.dice);
        }
    }

    fn exchange(&mut self) -> bool {
        let mut is_quiet = true;
        for from in 0..2 {
            let mut sent = Vec::new();
            self.with(from, |person, now| {
                sent = person.drain(now)?;
                Ok(())
            });
            is_quiet &= sent.is_empty();
            for datagram in sent {
                self.people[1 - from].receive(datagram, self.now);
            }
        }
        is_quiet
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now + core::time::Duration::from_millis(ms);
        loop {
            if !self.exchange() {
                continue;
            }
            let timeout = |it: &Person| it.process.as_ref()?.messenger.poll_timeout();
            let next = self.people.iter().filter_map(timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            for person in &mut self.people {
                let process = person.process.as_mut().unwrap();
                process.messenger.handle_timeout(self.now);
                process.messenger.settle(self.now);
            }
        }
    }

    /// What will end somebody's process: a killing in between two steps, or what happens to the disk.
    fn arm(&mut self) {
        let victim = &mut self.people[usize::try_from(self.kills % 2).unwrap()];
        if self.dice.one_in(2) {
            victim.fuse = Some(self.dice.below(60));
        } else {
            let fault = Fault::ALL[self.dice.index(Fault::ALL.len())];
            victim.disk.fail_after(self.dice.below(60), fault);
        }
    }

    fn converse(&mut self, kills: u64) {
        let mut round = 0;
        while self.kills < kills {
            let before = self.kills;
            self.arm();
            while self.kills == before {
                round += 1;
                assert!(round < 20_000, "nobody is killed");
                let (at, count) = (self.dice.index(2), self.dice.below(3));
                for number in 0..count {
                    let text = format!("{at} says {number} in {round}");
                    self.with(at, |person, now| person.say(text, now));
                }
                let ms = self.dice.below(400);
                self.pass(ms);
            }
        }
        self.pass(300_000);
    }

    fn check(&self) {
        for (at, person) in self.people.iter().enumerate() {
            let screen = &self.people[1 - at].screen;
            for (name, body, _) in screen {
                assert_eq!(person.bodies.get(name), Some(body), "{name:?}");
            }
            let plain = screen.iter().filter(|(_, _, is_marked)| !is_marked);
            let plain: Vec<Name> = plain.map(|(name, _, _)| *name).collect();
            let once: BTreeSet<Name> = plain.iter().copied().collect();
            assert_eq!(plain.len(), once.len(), "shown twice without a mark");
            let mut first = Vec::new();
            for (name, _, is_marked) in screen {
                if first.contains(name) {
                    assert!(is_marked, "{name:?} is shown again without a mark");
                } else {
                    first.push(*name);
                }
            }
            for name in &person.delivered {
                assert!(first.contains(name), "{name:?} is delivered and missing");
            }
            let said = first.iter().filter(|name| person.said.contains(name));
            let said: Vec<Name> = said.copied().collect();
            assert_eq!(said, person.said, "lost, or out of order");
            assert_eq!(person.disk_holds_waiting(), 0);
        }
    }
}

impl Person {
    fn disk_holds_waiting(&self) -> usize {
        let process = self.process.as_ref().unwrap();
        process
            .messenger
            .client()
            .unsettled(peer(self.other()).into())
    }
}

#[test]
fn people_whose_processes_are_killed_miss_nothing_and_read_nothing_twice_unmarked() {
    let wanted = setting("SECURECHAT_KILLS", SUITE_KILLS);
    let (mut kills, mut said, mut marked) = (0, 0, 0);
    let mut felt: Vec<Fault> = Vec::new();
    for seed in 0.. {
        let _guard = Seed(seed);
        let mut pair = Pair::new(seed);
        pair.converse(KILLS.min(wanted - kills));
        pair.check();
        kills += pair.kills;
        for person in &pair.people {
            said += person.said.len();
            marked += person.screen.iter().filter(|it| it.2).count();
            felt.extend(&person.felt);
        }
        if kills >= wanted {
            break;
        }
    }
    assert!(
        marked > 0 || kills < SUITE_KILLS,
        "nothing was killed in between"
    );
    let counts = Fault::ALL.map(|it| (it, felt.iter().filter(|fault| **fault == it).count()));
    assert!(
        counts.iter().all(|(_, count)| *count > 0) || kills < SUITE_KILLS,
        "{counts:?}"
    );
    println!("{kills} kills, by the disk {counts:?}, {said} messages, {marked} shown with a mark");
}
