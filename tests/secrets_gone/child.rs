//! The process whose memory is scanned: two people in it, each with the three threads of `net`.
//!
//! It never holds a secret outside of the types that are under test: randomness arrives masked and is
//! unmasked byte by byte into its place.

use core::convert::Infallible;
use core::net::SocketAddr;
use core::time::Duration;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use rand_core::{TryCryptoRng, TryRng};
use securechat::crypto::{BatchWipe, Psk, StaticSecret};
use securechat::id::{PeerId, StreamId, Timestamp};
use securechat::proto::limits::MAX_ACK_DELAY;
use securechat::proto::{
    Endpoint, EndpointConfig, Incoming, Job, Outcome, PeerConfig, Shown, Transmit,
};
use securechat::store::{KeyFile, KnownPeers, Passphrase, create_identity, load_identity};
use securechat::time::{Instant, UnixTime};

use crate::plan::{HANDSHAKE_LEN, HANDSHAKES, MAIN_LEN, MASK};

/// The stream that lines travel on.
const CHAT: StreamId = StreamId(1);

/// The file whose first line is the passphrase.
pub(crate) const PASSPHRASE: &str = "passphrase";

/// The list of peers, with a psk.
pub(crate) const PEERS: &str = "known-peers";

/// Goes through the whole timeline.
pub(crate) fn live(home: &Path) {
    let mut script = Script::read(MAIN_LEN);
    let workers = [(); 2].map(|()| Script::read(HANDSHAKES * HANDSHAKE_LEN));
    let secrets = identities(home, &mut script);
    drop(script);
    stand_still("identities read");
    let psks = psks(home);
    let [a, b] = acquainted(secrets, psks, workers);
    stand_still("introduced");
    connect(&a, &b);
    talk(&a, &b);
    for (second, point) in [(121, "rekeyed"), (242, "rekeyed again")] {
        rekey(&a, &b, now(second));
        stand_still(point);
    }
    for side in [&a, &b] {
        side.core().handle_timeout(now(900));
    }
    stand_still("erased in time");
    say(&a, &b, b"still there?".to_vec(), now(900));
    stand_still("talking again");
    a.core().close_all(now(901));
    settle(&a, &b, now(901));
    stand_still("closed");
    a.core().connect(b.id, &[], now(902)).unwrap();
    a.do_job(now(902));
    stand_still("called again");
    let threads = [a, b].map(|side| (side.worker, side.sender, side.receiver));
    stand_still("dropped");
    drop(threads);
}

/// Writes two identities to files, one under a passphrase, forgets them and reads them again.
fn identities(home: &Path, script: &mut Script) -> [StaticSecret; 2] {
    let passphrase = Passphrase::from_file(&home.join(PASSPHRASE)).unwrap();
    stand_still("passphrase read");
    let protections = [("a.key", Some(&passphrase)), ("b.key", None)];
    for (name, passphrase) in protections {
        let secret = StaticSecret::generate(script);
        let file = KeyFile::new(&secret, UnixTime(0), "", passphrase, script).unwrap();
        create_identity(&home.join(name), &file).unwrap();
    }
    stand_still("identities written");
    protections.map(|(name, passphrase)| {
        let file = load_identity(&home.join(name)).unwrap();
        let secret = file.open(passphrase).unwrap();
        // The core does the same at its start, and much else after it.
        black_box(secret.verifying_key());
        secret
    })
}

/// Reads a psk twice, for both sides.
fn psks(home: &Path) -> [Psk; 2] {
    let known = KnownPeers::load(&home.join(PEERS)).unwrap();
    let psks = [(); 2].map(|()| known.peers()[0].psk().unwrap());
    stand_still("peers read");
    psks
}

fn connect(a: &Side, b: &Side) {
    a.core().connect(b.id, &[], now(0)).unwrap();
    a.do_job(now(0));
    stand_still("called");
    carry(a, b, now(0));
    b.do_job(now(0));
    stand_still("accepted");
    b.do_job(now(0));
    stand_still("answered");
    carry(b, a, now(0));
    let outcome = a.run_job().unwrap();
    stand_still("answer read");
    a.core().handle_outcome(outcome, now(0));
    settle(a, b, now(0));
}

fn talk(a: &Side, b: &Side) {
    for second in 1..10 {
        for (from, to) in [(a, b), (b, a)] {
            let line = b"nobody else reads it".repeat(5 * second);
            say(from, to, line, now(second as u64));
        }
    }
    stand_still("talking");
}

/// A's next line makes new keys.
fn rekey(a: &Side, b: &Side, now: Instant) {
    a.core().handle_timeout(now);
    b.core().handle_timeout(now);
    say(a, b, b"time for new keys".to_vec(), now);
    say(b, a, b"here they are".to_vec(), now);
    let age = a.core().status(b.id, now).unwrap().key_age;
    assert_eq!(age, Some(Duration::ZERO));
}

/// Sends a line, which arrives.
fn say(from: &Side, to: &Side, line: Vec<u8>, now: Instant) {
    let written = from.core().carrier(to.id).unwrap().write(CHAT, &line);
    assert_eq!(written, line.len());
    settle(from, to, now);
    let mut heard = Vec::new();
    let mut core = to.core();
    let mut carrier = core.carrier(from.id).unwrap();
    let count = carrier.read(CHAT, usize::MAX, &mut heard);
    assert_eq!((count, &heard), (line.len(), &line));
}

/// Tells the parent, and waits for it.
fn stand_still(point: &str) {
    writeln!(std::io::stderr().lock(), "{point}").unwrap();
    std::io::stdin().read_exact(&mut [0]).unwrap();
}

fn now(second: u64) -> Instant {
    Instant::from_micros(1_000_000 * (1 + second))
}

/// One person: a core and the threads around it.
struct Side {
    core: Arc<Mutex<Endpoint>>,
    id: PeerId,
    address: SocketAddr,
    worker: Thread<Job, Outcome>,
    sender: Thread<(Transmit, Instant), Vec<u8>>,
    receiver: Thread<Arrival, ()>,
}

/// What a receive thread gets.
struct Arrival {
    core: Arc<Mutex<Endpoint>>,
    from: SocketAddr,
    datagram: Vec<u8>,
    now: Instant,
}

/// Two sides that know each other.
fn acquainted(secrets: [StaticSecret; 2], psks: [Psk; 2], workers: [Script; 2]) -> [Side; 2] {
    let mut number = 0;
    let mut workers = workers.into_iter();
    let sides = secrets.map(|secret| {
        number += 1;
        Side::new(number, secret, workers.next().unwrap())
    });
    let [a, b] = &sides;
    for ((side, other), psk) in [(a, b), (b, a)].into_iter().zip(psks) {
        side.core().add_peer(PeerConfig {
            id: other.id,
            psk: Some(psk),
            addresses: vec![other.address],
            shown: Shown::default(),
        });
    }
    sides
}

impl Side {
    fn new(number: u8, secret: StaticSecret, mut script: Script) -> Self {
        let timestamps = Timestamp(1)..Timestamp(1000);
        let config = EndpointConfig::default();
        let core = Endpoint::new(config, Arc::new(secret), [number; 32], timestamps, now(0));
        Self {
            id: core.id(),
            core: Arc::new(Mutex::new(core)),
            address: SocketAddr::from(([192, 0, 2, number], 7419)),
            worker: Thread::start(move |job: Job| job.run(&mut script)),
            sender: Thread::start(|(transmit, now): (Transmit, Instant)| {
                let wipe = BatchWipe::new();
                transmit.datagram.into_bytes_in_batch(now, &wipe).unwrap()
            }),
            receiver: Thread::start(Arrival::handle),
        }
    }

    fn core(&self) -> impl core::ops::DerefMut<Target = Endpoint> + '_ {
        self.core.lock().unwrap()
    }

    /// Has the worker run one job.
    fn run_job(&self) -> Option<Outcome> {
        let job = self.core().take_job()?;
        Some(self.worker.ask(job))
    }

    fn do_job(&self, now: Instant) {
        let outcome = self.run_job().unwrap();
        self.core().handle_outcome(outcome, now);
    }

    fn transmits(&self, now: Instant) -> Vec<Vec<u8>> {
        let mut datagrams = Vec::new();
        loop {
            let Some(transmit) = self.core().poll_transmit(now) else {
                return datagrams;
            };
            datagrams.push(self.sender.ask((transmit, now)));
        }
    }
}

impl Arrival {
    fn handle(self) {
        let Self {
            core,
            from,
            mut datagram,
            now,
        } = self;
        let (screen, table) = {
            let core = core.lock().unwrap();
            (core.screen(), core.key_table())
        };
        match screen.check(&datagram) {
            Ok(Incoming::Handshake(packet)) => {
                core.lock().unwrap().handle_handshake(from, packet, now);
            }
            Ok(Incoming::Data) => {
                let mut batch = table.batch();
                let opened = batch.open(from, &mut datagram, now).unwrap();
                drop(batch);
                core.lock().unwrap().handle_opened(&opened, now);
            }
            Err(reason) => panic!("{reason:?}"),
        }
    }
}

/// Carries what is ready; returns how many datagrams that were.
fn carry(from: &Side, to: &Side, now: Instant) -> usize {
    let datagrams = from.transmits(now);
    let count = datagrams.len();
    for datagram in datagrams {
        let (core, from) = (Arc::clone(&to.core), from.address);
        to.receiver.ask(Arrival {
            core,
            from,
            datagram,
            now,
        });
    }
    count
}

/// Works and carries until nothing moves, acknowledgements that wait for company included.
fn settle(a: &Side, b: &Side, now: Instant) {
    move_on(a, b, now);
    let later = now + MAX_ACK_DELAY;
    for side in [a, b] {
        side.core().handle_timeout(later);
    }
    move_on(a, b, later);
}

/// Works and carries until nothing moves.
fn move_on(a: &Side, b: &Side, now: Instant) {
    loop {
        let mut moved = carry(a, b, now) + carry(b, a, now);
        for side in [a, b] {
            while let Some(outcome) = side.run_job() {
                side.core().handle_outcome(outcome, now);
                moved += 1;
            }
        }
        if moved == 0 {
            return;
        }
    }
}

/// A thread that answers one request after the other, and whose stack stays as the last one left it.
struct Thread<Request, Answer> {
    requests: Sender<Request>,
    answers: Receiver<Answer>,
}

impl<Request: Send + 'static, Answer: Send + 'static> Thread<Request, Answer> {
    fn start(mut work: impl FnMut(Request) -> Answer + Send + 'static) -> Self {
        let (requests, inbox) = channel();
        let (outbox, answers) = channel();
        let run = move || {
            while let Ok(request) = inbox.recv() {
                // Nobody waits for the answer of a thread that is no longer needed.
                let _ = outbox.send(work(request));
            }
        };
        std::thread::Builder::new().spawn(run).unwrap();
        Self { requests, answers }
    }

    fn ask(&self, request: Request) -> Answer {
        self.requests.send(request).unwrap();
        self.answers.recv().unwrap()
    }
}

/// A generator that gives out what the parent chose.
struct Script(std::vec::IntoIter<u8>);

impl Script {
    fn read(length: usize) -> Self {
        let mut masked = vec![0; length];
        std::io::stdin().read_exact(&mut masked).unwrap();
        Self(masked.into_iter())
    }
}

impl TryRng for Script {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill_with(|| self.0.next().unwrap() ^ MASK);
        Ok(())
    }
}

impl TryCryptoRng for Script {}
