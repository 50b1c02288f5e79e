//! A wire between two programs that keeps a copy of every datagram, and can move like a NAT does.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{Builder, JoinHandle};

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// Stops a thread of a wire: no datagram of the protocol looks like this.
const STOP: &[u8] = b"stop";

/// Forwards datagrams between one caller and one listener until it is dropped.
pub(crate) struct Wire {
    front: Arc<UdpSocket>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// The sockets towards the listener, the one in use last.
    backs: Vec<Arc<UdpSocket>>,
}

struct Shared {
    listener: SocketAddr,
    state: Mutex<State>,
}

struct State {
    caller: Option<SocketAddr>,
    back: Arc<UdpSocket>,
    seen: Vec<Datagram>,
    /// What befalls datagrams on the way there and on the way back; nothing on a good wire.
    weather: Option<[Weather; 2]>,
    /// Whether nothing comes out on the way back.
    is_one_way: bool,
}

/// How many of a hundred a storm loses.
const STORM_LOSS: u32 = 20;

/// Loses some, doubles 10 % of the others, holds 10 % back until the next one has passed, and alters 2 %.
struct Weather {
    rng: ChaCha20Rng,
    /// How many of a hundred are lost.
    loss: u32,
    held: Option<Vec<u8>>,
    lost: usize,
}

impl Weather {
    fn new(seed: u64, loss: u32) -> Self {
        Self {
            rng: ChaCha20Rng::seed_from_u64(seed),
            loss,
            held: None,
            lost: 0,
        }
    }

    fn strikes(&mut self, percent: u32) -> bool {
        self.rng.next_u32() % 100 < percent
    }

    /// What comes out at the other end when this goes in.
    fn pass(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut bytes = bytes.to_vec();
        let mut out = Vec::new();
        if self.strikes(2) {
            let at = self.rng.next_u32() as usize % bytes.len();
            bytes[at] ^= 1;
        }
        if self.strikes(10) && self.held.is_none() && self.loss < 100 {
            self.held = Some(bytes);
            return out;
        }
        if self.strikes(self.loss) {
            self.lost += 1;
        } else if self.strikes(10) {
            out.extend([bytes.clone(), bytes]);
        } else {
            out.push(bytes);
        }
        out.extend(self.held.take());
        out
    }
}

impl State {
    /// What comes out of the wire in one direction when this goes in.
    fn pass(&mut self, direction: usize, bytes: &[u8]) -> Vec<Vec<u8>> {
        match &mut self.weather {
            Some(weather) => weather[direction].pass(bytes),
            None => vec![bytes.to_vec()],
        }
    }
}

/// A datagram that went over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    /// From the caller to the listener.
    pub(crate) is_out: bool,
    /// The port on the listener's side of the wire.
    pub(crate) port: u16,
    pub(crate) bytes: Vec<u8>,
}

impl Datagram {
    pub(crate) fn is_init(&self) -> bool {
        self.bytes.first() == Some(&1)
    }
}

impl Wire {
    pub(crate) fn to(listener: SocketAddr) -> Self {
        let (front, back) = (local(), local());
        let state = State {
            caller: None,
            back: Arc::clone(&back),
            seen: Vec::new(),
            weather: None,
            is_one_way: false,
        };
        let shared = Arc::new(Shared {
            listener,
            state: Mutex::new(state),
        });
        let mut wire = Self {
            front,
            shared,
            threads: Vec::new(),
            backs: Vec::new(),
        };
        let (socket, shared) = (Arc::clone(&wire.front), Arc::clone(&wire.shared));
        wire.run(move || shared.forward(&socket));
        wire.attach(back);
        wire
    }

    /// The address that the caller has to connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.front.local_addr().unwrap()
    }

    /// From now on a fifth is lost, and what is not may be doubled, late or altered.
    pub(crate) fn storm(&self, seed: u64) {
        self.loses(STORM_LOSS, seed);
    }

    /// As a storm, from now on, that loses so many of a hundred.
    pub(crate) fn loses(&self, percent: u32, seed: u64) {
        let weather = |seed| Weather::new(seed, percent);
        self.shared.state().weather = Some([seed, seed + 1].map(weather));
    }

    /// From now on nothing comes back to the caller.
    #[cfg(target_os = "linux")]
    pub(crate) fn gives_nothing_back(&self) {
        self.shared.state().is_one_way = true;
    }

    /// How many datagrams the storm has lost.
    pub(crate) fn lost(&self) -> usize {
        let state = self.shared.state();
        let weather = state.weather.as_ref();
        weather.map_or(0, |both| both.iter().map(|weather| weather.lost).sum())
    }

    /// Goes on from another port. What still comes to the former one is lost.
    pub(crate) fn move_port(&mut self) {
        let back = local();
        self.shared.state().back = Arc::clone(&back);
        self.attach(back);
    }

    /// The port on the listener's side.
    pub(crate) fn port(&self) -> u16 {
        port(&self.shared.state().back)
    }

    /// Everything so far, in the order in which it came.
    pub(crate) fn seen(&self) -> Vec<Datagram> {
        self.shared.state().seen.clone()
    }

    /// How many INIT datagrams went by.
    pub(crate) fn inits(&self) -> usize {
        self.seen()
            .iter()
            .filter(|datagram| datagram.is_init())
            .count()
    }

    fn attach(&mut self, back: Arc<UdpSocket>) {
        let (socket, front) = (Arc::clone(&back), Arc::clone(&self.front));
        let shared = Arc::clone(&self.shared);
        self.backs.push(back);
        self.run(move || shared.give_back(&socket, &front));
    }

    fn run(&mut self, body: impl FnOnce() + Send + 'static) {
        self.threads.push(Builder::new().spawn(body).unwrap());
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn forward(&self, front: &UdpSocket) {
        let mut buffer = [0; 65_536];
        while let Some((bytes, from)) = receive(front, &mut buffer) {
            let mut state = self.state();
            state.caller = Some(from);
            let back = Arc::clone(&state.back);
            let datagram = Datagram {
                is_out: true,
                port: port(&back),
                bytes: bytes.to_vec(),
            };
            state.seen.push(datagram);
            for bytes in state.pass(0, bytes) {
                // Nobody may be listening there (any more).
                let _ = back.send_to(&bytes, self.listener);
            }
        }
    }

    fn give_back(&self, back: &UdpSocket, front: &UdpSocket) {
        let mut buffer = [0; 65_536];
        while let Some((bytes, _)) = receive(back, &mut buffer) {
            let mut state = self.state();
            let datagram = Datagram {
                is_out: false,
                port: port(back),
                bytes: bytes.to_vec(),
            };
            state.seen.push(datagram);
            let is_gone = state.is_one_way || port(back) != port(&state.back);
            if let (Some(caller), false) = (state.caller, is_gone) {
                for bytes in state.pass(1, bytes) {
                    let _ = front.send_to(&bytes, caller);
                }
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let stop = local();
        for socket in self.backs.iter().chain([&self.front]) {
            stop.send_to(STOP, socket.local_addr().unwrap()).unwrap();
        }
        for thread in self.threads.drain(..) {
            // A panic in it is seen by whoever asks what went by.
            let _ = thread.join();
        }
    }
}

/// The next datagram; none when the wire is to stop.
fn receive<'a>(socket: &UdpSocket, buffer: &'a mut [u8]) -> Option<(&'a [u8], SocketAddr)> {
    loop {
        // An error tells of a datagram that was sent before.
        if let Ok((len, from)) = socket.recv_from(buffer) {
            return (buffer[..len] != *STOP).then_some((&buffer[..len], from));
        }
    }
}

fn local() -> Arc<UdpSocket> {
    Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().unwrap().port()
}
