//! Strangers in front of an endpoint: datagrams through the screen into reassembly and handshakes.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use securechat::crypto::{MacKey, StaticSecret, accept, initiate};
use securechat::id::{PeerId, SessionIndex, Timestamp};
use securechat::proto::{
    Endpoint, EndpointConfig, Incoming, PeerConfig, Shown, Transmit, Trust, limits,
};
use securechat::sim::{Forger, SimRng};
use securechat::time::Instant;
use securechat::wire::limits::{MESSAGE1_LEN, VERSION};
use securechat::wire::packet::{Cookie, Packet, encode_resp};

use super::input::Input;

const MAX_COMMANDS: usize = 200;
/// Datagrams that are kept to be changed and sent again.
const MAX_KEPT: usize = 64;

/// Datagrams of strangers, some of whom know the endpoint's key, in any order and at any time.
pub fn handshake(data: &[u8]) {
    let mut input = Input::new(data);
    let mut run = Run::new(input.byte());
    for _ in 0..MAX_COMMANDS {
        let Some(command) = input.next() else { break };
        run.command(command, &mut input);
        run.drain();
        run.check();
    }
}

struct Run {
    endpoint: Endpoint,
    forger: Forger,
    strangers: [StaticSecret; 3],
    rng: SimRng,
    now: Instant,
    /// What may be sent again: made by us, or sent by the endpoint.
    kept: Vec<Vec<u8>>,
    sent: u64,
}

impl Run {
    fn new(mode: u8) -> Self {
        let mut rng = SimRng::new(2);
        let identity = Arc::new(StaticSecret::generate(rng.crypto()));
        let config = EndpointConfig {
            trust: [Trust::Ask, Trust::New, Trust::Strict][usize::from(mode % 3)],
            stealth: mode & 0x80 != 0,
            ..EndpointConfig::default()
        };
        let now = Instant::from_micros(1_000_000_000);
        let timestamps = Timestamp(1)..Timestamp(1 << 40);
        let id = identity.public();
        let mut endpoint = Endpoint::new(config, identity, rng.seed(), timestamps, now);
        let strangers: [StaticSecret; 3] =
            core::array::from_fn(|_| StaticSecret::generate(rng.crypto()));
        let [known, ..] = &strangers;
        endpoint.add_peer(peer(known.public()));
        Self {
            endpoint,
            forger: Forger::new(&id),
            strangers,
            rng,
            now,
            kept: Vec::new(),
            sent: 0,
        }
    }

    fn command(&mut self, command: u8, input: &mut Input<'_>) {
        match command % 10 {
            0 => {
                let datagram = input.chunk().to_vec();
                self.deliver(input.byte(), datagram);
            }
            1 => self.call(usize::from(command >> 4), input),
            2 | 3 => self.again(command & 0x80 != 0, input),
            4 => self.noise(input),
            5 if command & 0x80 == 0 => self.cookie(input),
            5 => self.answer(input),
            6 => self.pass(input),
            7 => self.work(usize::from(command >> 4)),
            8 => {
                let [known, ..] = &self.strangers;
                let _ = self
                    .endpoint
                    .connect(known.public(), &[address(9)], self.now);
            }
            _ => self.flood(command, input),
        }
    }

    fn deliver(&mut self, from: u8, mut datagram: Vec<u8>) {
        let from = address(from);
        self.sent += 1;
        match self.endpoint.screen().check(&datagram) {
            Ok(Incoming::Handshake(packet)) => {
                self.endpoint.handle_handshake(from, packet, self.now);
            }
            Ok(Incoming::Data) => {
                let opened = self
                    .endpoint
                    .key_table()
                    .open(from, &mut datagram, self.now);
                if let Ok(opened) = opened {
                    self.endpoint.handle_opened(&opened, self.now);
                }
            }
            Err(reason) => self.endpoint.handle_dropped(reason),
        }
    }

    /// A stranger makes an INIT by the book; its halves are sent, or kept.
    fn call(&mut self, who: usize, input: &mut Input<'_>) {
        let stranger = &self.strangers[who % self.strangers.len()];
        let index = SessionIndex(u32::from(input.byte()));
        let payload: [u8; 24] = core::array::from_fn(|at| match at {
            0..12 if at % 4 == 0 => input.byte(),
            12..20 => u8::try_from(who).unwrap_or(0),
            _ => 0,
        });
        let to = self.endpoint.id();
        let rng = self.rng.crypto();
        let made = initiate(stranger, &to, None, &prologue(index), &payload, rng);
        let (_, message1) = made.expect("the endpoint's key is a key");
        let halves = self.forger.init(index, &message1, None);
        let how = input.byte();
        for (bit, half) in halves.into_iter().enumerate() {
            self.keep(half.clone());
            if how >> bit & 1 == 0 {
                self.deliver(how >> 4, half);
            }
        }
    }

    /// Something that was sent before, perhaps changed, perhaps with a right MAC.
    fn again(&mut self, repair: bool, input: &mut Input<'_>) {
        let nth = usize::from(input.byte());
        let Some(mut datagram) = self.kept.get(nth % self.kept.len().max(1)).cloned() else {
            return;
        };
        let how = input.byte();
        for _ in 0..how & 3 {
            let at = usize::from(input.u16()) % datagram.len().max(1);
            if let Some(byte) = datagram.get_mut(at) {
                *byte ^= input.byte();
            }
        }
        if how & 4 != 0 {
            datagram.truncate(usize::from(input.u16()));
        }
        if repair {
            self.forger.repair(&mut datagram);
        }
        self.deliver(how >> 4, datagram);
    }

    /// An INIT of noise with a right MAC.
    fn noise(&mut self, input: &mut Input<'_>) {
        let halves = self.forger.garbage(&mut self.rng, None);
        let from = input.byte();
        for half in halves {
            self.keep(half.clone());
            self.deliver(from, half);
        }
    }

    /// A COOKIE for an attempt of the endpoint's, of noise.
    fn cookie(&mut self, input: &mut Input<'_>) {
        let Some((receiver, _)) = self.attempt(input) else {
            return;
        };
        let fill = input.byte();
        let cookie = Cookie {
            receiver,
            nonce: &[fill; 24],
            sealed: &[fill; 32],
        };
        self.deliver(9, cookie.encode());
    }

    /// Whom the endpoint calls answers by the book, after others with a right MAC have answered falsely.
    fn answer(&mut self, input: &mut Input<'_>) {
        let Some((index, message1)) = self.attempt(input) else {
            return;
        };
        let [known, ..] = &self.strangers;
        let read = accept(known, &prologue(index), &message1, self.rng.crypto());
        let Ok(responder) = read else { return };
        let payload = core::array::from_fn(|at| if at % 4 == 0 { input.byte() } else { 0 });
        let Ok((message2, ..)) = responder.respond(None, &payload) else {
            return;
        };
        let ephemeral = message1.first_chunk().expect("it begins with a key");
        let mac1 = MacKey::for_resp(ephemeral);
        let how = input.byte();
        for nth in 0..=how & 0xf {
            let mut said = *message2;
            // The last one is the true one.
            if nth < how & 0xf {
                let at = usize::from(input.u16()) % said.len();
                said[at] ^= nth + 1;
            }
            let halves = encode_resp(index, &said, |it| mac1.mac(&[it]));
            for (bit, half) in halves.into_iter().enumerate() {
                self.keep(half.clone());
                if how >> (4 + bit) & 1 == 0 {
                    self.deliver(9, half);
                }
            }
        }
    }

    /// An attempt of the endpoint's: its index, and message 1 as it was sent.
    fn attempt(&self, input: &mut Input<'_>) -> Option<(SessionIndex, [u8; MESSAGE1_LEN])> {
        let inits = self.kept.iter().filter_map(|it| match Packet::parse(it) {
            Ok(Packet::Init(init)) => Some((init.sender, init.body.as_slice())),
            _ => None,
        });
        let inits: Vec<(SessionIndex, &[u8])> = inits.collect();
        let nth = usize::from(input.byte()) % inits.len().max(1);
        let (index, first) = inits.get(nth)?;
        let (other, second) = inits.get(nth + 1)?;
        let message1 = [*first, *second].concat().try_into().ok()?;
        (index == other).then_some((*index, message1))
    }

    fn pass(&mut self, input: &mut Input<'_>) {
        self.now = self.now + Duration::from_micros(1 << (input.byte() % 34));
        // A timer that is due again at once is seen here.
        let mut fired = 0;
        while self
            .endpoint
            .poll_timeout()
            .is_some_and(|(at, _)| at <= self.now)
        {
            self.endpoint.handle_timeout(self.now);
            self.drain();
            fired += 1;
            assert!(fired < 100, "deadlines never end at one moment");
        }
    }

    /// The worker does up to so many jobs; what it does not do waits.
    fn work(&mut self, jobs: usize) {
        for _ in 0..=jobs {
            let Some(job) = self.endpoint.take_job() else {
                return;
            };
            let outcome = job.run(self.rng.crypto());
            self.endpoint.handle_outcome(outcome, self.now);
        }
    }

    /// Many INITs of noise, from one source or from many.
    fn flood(&mut self, command: u8, input: &mut Input<'_>) {
        let halves = self.forger.garbage(&mut self.rng, None);
        for from in 0..input.byte() {
            let from = if command & 0x80 == 0 { 1 } else { from };
            for half in &halves {
                let mut half = half.clone();
                half[4] ^= from;
                self.forger.repair(&mut half);
                self.deliver(from, half);
            }
        }
    }

    fn keep(&mut self, datagram: Vec<u8>) {
        if self.kept.len() < MAX_KEPT {
            self.kept.push(datagram);
        }
    }

    fn drain(&mut self) {
        let mut count = 0;
        while let Some(Transmit { to, datagram, .. }) = self.endpoint.poll_transmit(self.now) {
            count += 1;
            assert!(
                count <= 2 * limits::MAX_ANSWERS,
                "the endpoint sends without end"
            );
            let Some(bytes) = datagram.into_bytes(self.now) else {
                continue;
            };
            if to == address(9) {
                self.keep(bytes);
            }
        }
        while self.endpoint.poll_event().is_some() {}
        while self.endpoint.poll_notice().is_some() {}
    }

    fn check(&self) {
        let stats = self.endpoint.stats();
        let guests = 2 * limits::MAX_GUESTS;
        let records = 1 + guests + limits::MAX_PINNED;
        assert!(stats.peers <= records, "{stats:?}");
        assert!(stats.guests <= guests, "{stats:?}");
        assert!(stats.slots <= limits::MAX_SLOTS, "{stats:?}");
        assert!(stats.jobs <= limits::MAX_JOBS + 2, "{stats:?}");
        assert!(stats.sources <= 2 * limits::MAX_SOURCES, "{stats:?}");
        assert!(stats.attempts <= limits::MAX_ATTEMPTS + 1, "{stats:?}");
        let keypairs = stats.peers * (2 + limits::MAX_NEXT_KEYPAIRS);
        assert!(stats.keypairs <= keypairs, "{stats:?}");
        assert_eq!(stats.keypairs, self.endpoint.key_table().len());
    }
}

fn prologue(initiator: SessionIndex) -> Vec<u8> {
    let index = initiator.0.to_le_bytes();
    [b"securechat".as_slice(), &VERSION.to_le_bytes(), &index].concat()
}

fn peer(id: PeerId) -> PeerConfig {
    PeerConfig {
        id,
        psk: None,
        addresses: Vec::new(),
        shown: Shown::default(),
    }
}

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, host], 7_777))
}
