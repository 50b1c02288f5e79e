//! The driver's threads as they are, around a network without a system.

#[path = "../../src/net/background.rs"]
mod background;
#[path = "../../src/net/counters.rs"]
mod counters;
#[path = "../../src/net/driver.rs"]
mod driver;
#[path = "../../src/net/handshaker.rs"]
mod handshaker;
#[path = "../../src/net/key_log.rs"]
mod key_log;
#[path = "../../src/net/outgoing.rs"]
mod outgoing;
#[path = "../../src/net/pcapng.rs"]
mod pcapng;
#[path = "../../src/net/recv.rs"]
mod recv;
#[path = "../../src/net/seat.rs"]
mod seat;
#[path = "../../src/net/send.rs"]
mod send;
#[path = "../../src/net/shared.rs"]
mod shared;
#[path = "../../src/net/trace.rs"]
mod trace;
#[path = "../../src/net/turn.rs"]
mod turn;

pub use counters::Traffic;
pub use driver::{Driver, Handle};
pub use key_log::{KEY_LOG_MAX_LEN, KeyLogConfig};
pub use shared::{Fatal, LockUse};
pub use trace::{Fate, TRACE_MAX_LEN, Trace, TraceConfig, TraceEnd};

pub mod os {
    /// As on Linux.
    pub const WAITS_SHORTLY: bool = true;
}

pub mod clock {
    use core::cell::Cell;
    use core::time::Duration;

    use crate::time::Instant;

    const START: u64 = 1_000_000;

    thread_local! {
        /// All threads of a model are on one of the system's.
        static NOW: Cell<u64> = const { Cell::new(START) };
    }

    /// Moves only by short waits: those of `recv` for a watch or the owner, and the owner's on the socket.
    /// Whoever waits longer waits for ever, unless somebody wakes it.
    #[derive(Clone, Copy, Debug)]
    pub struct Clock(());

    impl Clock {
        /// Begins anew.
        pub fn started() -> Self {
            NOW.set(START);
            Self(())
        }

        pub fn now(&self) -> Instant {
            Instant::from_micros(NOW.get())
        }
    }

    pub(super) fn pass(wait: Duration) {
        let us = u64::try_from(wait.as_micros()).expect("it is short");
        NOW.set(NOW.get() + us);
    }
}

pub mod wait {
    use core::time::Duration;

    use shuttle::sync::{Condvar, Mutex, MutexGuard};
    use shuttle::thread;

    use crate::net::clock;

    /// The time passes at once: shuttle's own wait never ends by itself.
    pub fn wait_shortly<'a, T>(
        _: &Condvar,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        wait: Duration,
    ) -> Option<MutexGuard<'a, T>> {
        drop(guard);
        thread::yield_now();
        clock::pass(wait);
        mutex.lock().ok()
    }
}

pub mod entropy {
    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    /// The same for every handshake: a model is about orders, and has to be reproducible.
    pub fn os_rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([7; 32])
    }
}

pub mod icmp {
    use std::io;
    use std::net::SocketAddr;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct IcmpError {
        pub peer: Option<SocketAddr>,
        pub kind: IcmpKind,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum IcmpKind {
        Refused,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum SocketError {
        Idle,
        Icmp(IcmpKind),
        NotTaken,
        Passing,
        Dead,
    }

    impl SocketError {
        pub const fn classify(_: &io::Error) -> Self {
            Self::Idle
        }
    }
}

pub mod udp {
    use core::time::Duration;
    use std::collections::{BTreeMap, VecDeque};
    use std::io::{self, ErrorKind};
    use std::net::SocketAddr;
    use std::sync::Arc;

    use shuttle::sync::Mutex;
    use shuttle::thread;

    use crate::net::clock;
    use crate::net::icmp::{IcmpError, IcmpKind};
    use crate::proto::Route;

    pub const RECV_WAIT: Duration = Duration::from_millis(250);

    type Inbox = VecDeque<(SocketAddr, Vec<u8>)>;

    /// A network that loses nothing.
    #[derive(Debug, Default)]
    pub struct Network(Mutex<BTreeMap<SocketAddr, Inbox>>);

    #[derive(Debug)]
    pub struct Socket {
        address: SocketAddr,
        network: Arc<Network>,
    }

    impl Socket {
        pub const fn new(address: SocketAddr, network: Arc<Network>) -> Self {
            Self { address, network }
        }

        pub const fn local_addr(&self) -> SocketAddr {
            self.address
        }

        pub const fn through_nat64(&self, _: SocketAddr) -> Option<SocketAddr> {
            None
        }

        /// Takes what is there; the wait for more passes at once, and time with it if it is a short one.
        pub fn receive(&self, batch: &mut Batch, wait: Duration) -> io::Result<()> {
            batch.0.clear();
            let mut inboxes = self.network.0.lock().expect("nobody panics with it");
            batch
                .0
                .extend(inboxes.entry(self.address).or_default().drain(..));
            drop(inboxes);
            if batch.0.is_empty() {
                thread::yield_now();
                if wait < RECV_WAIT {
                    clock::pass(wait);
                }
                return Err(ErrorKind::WouldBlock.into());
            }
            Ok(())
        }

        pub fn complaints(
            &self,
            _: Option<IcmpKind>,
            _: &mut dyn FnMut(IcmpError),
        ) -> io::Result<usize> {
            Ok(0)
        }

        pub fn send(
            &self,
            batch: &[(Route, Vec<u8>)],
            _: &mut Vec<u8>,
            _: Room,
            _: &mut dyn FnMut(IcmpError),
        ) -> io::Result<Sent> {
            let mut inboxes = self.network.0.lock().expect("nobody panics with it");
            for (to, datagram) in batch {
                let inbox = inboxes.entry(to.peer).or_default();
                inbox.push_back((self.address, datagram.clone()));
            }
            Ok(Sent {
                datagrams: batch.len(),
                ..Sent::default()
            })
        }
    }

    #[derive(Clone, PartialEq, Eq, Debug, Default)]
    pub struct Sent {
        pub datagrams: usize,
        pub calls: usize,
        pub bytes: usize,
        pub lost: Vec<usize>,
        pub left: usize,
        pub gone: Option<Route>,
    }

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum Room {
        Wait,
        Leave,
    }

    #[derive(Default)]
    pub struct Batch(Vec<(SocketAddr, Vec<u8>)>);

    impl Batch {
        pub fn new() -> Self {
            Self::default()
        }

        pub fn datagrams(&mut self) -> impl Iterator<Item = (Route, &mut [u8])> {
            self.0
                .iter_mut()
                .map(|(from, bytes)| (Route::from(*from), bytes.as_mut_slice()))
        }
    }
}
