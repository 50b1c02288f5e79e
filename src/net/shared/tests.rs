use core::sync::atomic::AtomicUsize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::crypto::StaticSecret;
use crate::id::{PeerId, Timestamp};
use crate::net::address::{Bind, Family};
use crate::net::icmp::IcmpKind;
#[cfg(target_os = "linux")]
use crate::net::icmp::forged::{self, Forger};
use crate::net::send;
use crate::net::trace::TraceConfig;
use crate::net::udp::{Batch, RECV_WAIT};
use crate::proto::{Endpoint, EndpointConfig, Incoming, PeerConfig, Route, Shown};

/// Against hanging only.
const PATIENCE: Duration = Duration::from_secs(60);

fn shared(notify: Box<dyn Fn() + Send + Sync>) -> Shared {
    shared_at(at_loopback(), notify)
}

fn at_loopback() -> Bind {
    Bind::At((Ipv4Addr::LOCALHOST, 0).into())
}

fn shared_at(bind: Bind, notify: Box<dyn Fn() + Send + Sync>) -> Shared {
    shared_of(1, bind, notify, None)
}

fn shared_of(
    identity: u8,
    bind: Bind,
    notify: Box<dyn Fn() + Send + Sync>,
    trace: Option<Arc<Trace>>,
) -> Shared {
    let socket = Socket::bind(bind).unwrap();
    let clock = Clock::new();
    let identity = Arc::new(StaticSecret::from_bytes(&mut [identity; 32]));
    let timestamps = Timestamp(0)..Timestamp(10);
    let config = EndpointConfig::default();
    let endpoint = Endpoint::new(config, identity, [1; 32], timestamps, clock.now());
    let messenger = Messenger::in_memory(endpoint, [2; 32], clock.now());
    Shared::new(socket, messenger, clock, notify, trace)
}

#[test]
fn a_flood_of_complaints_calls_the_owner_once_until_it_has_looked() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let shared = shared(Box::new(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let error = IcmpError {
        peer: None,
        kind: IcmpKind::Refused,
    };
    (0..1_000).for_each(|_| shared.on_icmp_error(error));
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(shared.take_icmp_errors().len(), MAX_ICMP_ERRORS);
    shared.on_icmp_error(error);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

fn loopback() -> Socket {
    Socket::bind(Bind::At((Ipv4Addr::LOCALHOST, 0).into())).unwrap()
}

/// Waits until something has arrived at a socket.
fn await_arrival(at: &Socket) {
    let has_arrived = at.is_readable_for_testing_only(PATIENCE);
    assert!(has_arrived, "nothing came");
}

fn received(socket: &Socket) -> Vec<Vec<u8>> {
    let (mut batch, clock) = (Batch::new(), Clock::new());
    let end = clock.now() + PATIENCE;
    while socket.receive(&mut batch, RECV_WAIT).is_err() {
        assert!(clock.now() < end, "nothing came");
    }
    batch.datagrams().map(|(_, bytes)| bytes.to_vec()).collect()
}

/// Lets `shared` want to send a handshake to `to`.
fn call<'a>(shared: &'a Shared, to: &Socket) -> Locked<'a> {
    let id = StaticSecret::from_bytes(&mut [2; 32]).public();
    let peer = PeerConfig {
        id,
        psk: None,
        addresses: vec![to.local_addr()],
        shown: Shown::default(),
    };
    let mut core = shared.lock().unwrap();
    let now = core.now;
    let endpoint = core.messenger.endpoint_mut();
    endpoint.add_peer(peer);
    endpoint.connect(id, &[], now).unwrap();
    let job = endpoint.take_job().unwrap();
    let outcome = job.run(&mut crate::net::entropy::os_rng());
    endpoint.handle_outcome(outcome, now);
    core
}

#[test]
fn whoever_changes_the_core_sends_without_another_thread() {
    let (shared, other) = (shared(Box::new(|| {})), loopback());
    let core = call(&shared, &other);
    assert!(core.has_transmits());
    assert_eq!(shared.release(core, Who::Handshake), None);
    assert!(!received(&other).is_empty());
    assert!(!shared.lock().unwrap().has_transmits());
}

#[test]
fn nobody_sends_while_somebody_else_has_the_baton_and_its_holder_sends_all() {
    let (shared, other) = (shared(Box::new(|| {})), loopback());
    let baton = shared.lock().unwrap().turn.take_for_sender().unwrap();
    shared.release(call(&shared, &other), Who::Owner);
    assert_eq!(shared.counters.read().datagrams_out, 0);
    let mut core = shared.lock().unwrap();
    core.turn.put_back(baton, false);
    shared.release(core, Who::Owner);
    assert!(shared.counters.read().datagrams_out > 0);
    assert!(!received(&other).is_empty());
}

#[test]
fn what_found_no_room_is_sent_by_the_send_thread_and_before_what_came_later() {
    let (shared, other) = (shared(Box::new(|| {})), loopback());
    let mut core = shared.lock().unwrap();
    let mut baton = core.turn.take_for_sender().unwrap();
    baton.found_no_room_for_testing_only(other.local_addr().into(), b"first".to_vec());
    core.turn.put_back(baton, true);
    drop(core);
    shared.release(call(&shared, &other), Who::Owner);
    assert_eq!(shared.counters.read().datagrams_out, 0, "it must not wait");
    let all = thread::scope(|scope| {
        scope.spawn(|| send::run(&shared));
        let mut all = received(&other);
        while all.len() < 2 {
            all.extend(received(&other));
        }
        shared.stop();
        all
    });
    assert_eq!(all[0], b"first");
}

#[test]
fn the_time_under_the_lock_is_counted() {
    let shared = shared(Box::new(|| {}));
    let core = shared.lock().unwrap();
    let since = core.now;
    while shared.clock.now() == since {}
    shared.give_back(core);
    let used = shared.lock_use().unwrap();
    assert_eq!((used.taken, used.contended), (2, 0));
    assert!(used.held >= Duration::from_micros(1));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a scope would wait for ever for a thread that hangs"
)]
#[test]
fn who_panics_under_the_lock_gives_it_back_before_it_ends_everything() {
    let (told, heard) = mpsc::channel();
    let shared = Arc::new(shared(Box::new(move || {
        let _ = told.send(());
    })));
    let other = Arc::clone(&shared);
    let thread = thread::spawn(move || {
        let mut core = other.lock().unwrap();
        core.is_broken = true;
        other.release(core, Who::Recv);
    });
    heard.recv_timeout(PATIENCE).unwrap();
    assert!(thread.join().is_err());
    let thread = "recv";
    assert_eq!(shared.fatal(), Some(Fatal::Panicked { thread }));
}

#[test]
fn the_sender_ends_when_whoever_has_the_baton_fails() {
    let (ended, end) = mpsc::channel();
    let shared = Arc::new(shared(Box::new(|| {})));
    let baton = shared.lock().unwrap().turn.take_for_sender();
    assert!(baton.is_some());
    let other = Arc::clone(&shared);
    let run = move || ended.send(send::run(&other)).unwrap();
    let _runs = crate::sync::thread::start("send", run).unwrap();
    let sleeps = || {
        let mut core = shared.lock().unwrap();
        core.turn.must_wake(false, Some(Instant::ZERO))
    };
    wait_until(sleeps);
    drop(baton);
    shared.end_all(Fatal::SocketDead);
    assert_eq!(end.recv_timeout(PATIENCE), Ok(Err(Fatal::SocketDead)));
}

/// When the seat was left to the owner, as `recv` does when it has brought something; none where a wait may be long,
/// and `recv` keeps it.
fn left_to_the_owner(shared: &Shared, batch: &mut Batch) -> Option<Instant> {
    assert_eq!(shared.receive(batch), Ok(false), "recv has the seat");
    let now = shared.clock.now();
    let is_left = shared.lock().unwrap().seat.pass_on(true, now);
    assert_eq!(is_left, os::WAITS_SHORTLY);
    is_left.then_some(now)
}

#[test]
fn the_owner_receives_where_the_seat_is_left_to_it_and_gives_it_back_when_nothing_comes() {
    let shared = shared(Box::new(|| panic!("it sees for itself")));
    let mut batch = Batch::new();
    let Some(now) = left_to_the_owner(&shared, &mut batch) else {
        return;
    };
    let from = loopback();
    let garbage = [(shared.socket.local_addr().into(), vec![9; 40])];
    from.send(&garbage, &mut Vec::new(), Room::Wait, &mut |_| {})
        .unwrap();
    await_arrival(&shared.socket);
    assert_eq!(shared.receive(&mut batch), Ok(true));
    assert_eq!(shared.counters.read().datagrams_in, 1);
    assert_eq!(shared.receive(&mut batch), Ok(false), "nothing has come");
    assert!(shared.lock().unwrap().seat.take_back(now));
}

#[test]
fn whoever_stands_by_has_the_seat_again_when_the_owner_stays_away() {
    let shared = shared(Box::new(|| {}));
    let mut batch = Batch::new();
    if left_to_the_owner(&shared, &mut batch).is_none() {
        return;
    }
    assert_eq!(shared.stand_by(), Ok(None));
    assert_eq!(shared.receive(&mut batch), Ok(false), "it is taken");
}

/// A stranger sends an empty datagram while the owner sits at the socket.
#[test]
fn an_empty_datagram_does_not_nail_the_owner_to_its_seat() {
    let shared = shared(Box::new(|| {}));
    let mut batch = Batch::new();
    if left_to_the_owner(&shared, &mut batch).is_none() {
        return;
    }
    let stranger = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    stranger.send_to(&[], shared.socket.local_addr()).unwrap();
    await_arrival(&shared.socket);
    let _ = shared.receive(&mut batch);
    let late = shared.clock.now() + STAY * 1_000;
    let mut core = shared.lock().unwrap();
    assert!(
        core.seat.take_back(late),
        "recv stands by for ever: {:?}",
        core.seat
    );
}

/// Waits until `is_so`, but not for ever.
fn wait_until(is_so: impl Fn() -> bool) {
    let clock = Clock::new();
    let end = clock.now() + PATIENCE;
    while !is_so() {
        assert!(clock.now() < end, "it does not come");
        thread::yield_now();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_error_that_a_stranger_forges_delays_a_datagram() {
    let Some(forger) = Forger::new(false) else {
        let line = b"\nSKIPPED: no right to forge ICMP errors\n";
        return std::io::Write::write_all(&mut std::io::stderr(), line).unwrap();
    };
    let (shared, from) = (shared(Box::new(|| {})), loopback());
    let here = shared.socket.local_addr();
    thread::scope(|scope| {
        let receives = scope.spawn(|| recv::run(&shared));
        for (count, error) in (1..).zip(forged::V4) {
            forger.send(error, here);
            let garbage = [(here.into(), vec![9; 40])];
            from.send(&garbage, &mut Vec::new(), Room::Wait, &mut |_| {})
                .unwrap();
            wait_until(|| shared.counters.read().datagrams_in == count);
        }
        shared.stop();
        assert_eq!(receives.join().unwrap(), Ok(()));
    });
    assert_eq!(shared.counters.read().errors, 0, "it has paused");
}

/// Whatever error it is, known or not.
#[cfg(target_os = "linux")]
#[test]
fn an_error_with_a_complaint_behind_it_is_not_odd() {
    let shared = shared(Box::new(|| {}));
    // Talks to itself alone, so that its port is as good as closed.
    let alone = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    alone.connect(alone.local_addr().unwrap()).unwrap();
    let refused = [(alone.local_addr().unwrap().into(), vec![9; 40])];
    let sent = shared
        .socket
        .send(&refused, &mut Vec::new(), Room::Wait, &mut |_| {});
    assert_eq!(sent.unwrap().datagrams, 1);
    await_arrival(&shared.socket);
    let unknown = std::io::Error::from(std::io::ErrorKind::OutOfMemory);
    assert_eq!(recv::on_error(&shared, &unknown), Ok(false));
    assert_eq!(recv::on_error(&shared, &unknown), Ok(true));
}

#[test]
fn only_the_second_odd_error_in_a_row_is_paused_for() {
    let shared = shared(Box::new(|| {}));
    let since = shared.clock.now();
    for _ in 0..100 {
        recv::on_odd_error(&shared, false);
    }
    let first = shared.clock.now().saturating_since(since);
    recv::on_odd_error(&shared, true);
    let second = shared.clock.now().saturating_since(since);
    assert_eq!(shared.counters.read().errors, 101);
    assert!(first < recv::ODD_PAUSE * 100 / 2, "{first:?}");
    assert!(second - first >= recv::ODD_PAUSE, "{second:?}");
}

/// Whether a call that arrives from that port is worth a handshake.
fn is_listened_to(port: u16) -> bool {
    let (caller, other) = (shared(Box::new(|| {})), loopback());
    caller.release(call(&caller, &other), Who::Handshake);
    let called = shared_of(2, at_loopback(), Box::new(|| {}), None);
    let mut parts = received(&other);
    while parts.len() < 2 {
        parts.extend(received(&other));
    }
    for part in parts {
        let mut batch = Batch::of_one_for_testing_only((Ipv4Addr::LOCALHOST, port).into(), &part);
        assert!(recv::take(&called, &mut batch).is_ok());
    }
    called.lock().unwrap().messenger.endpoint().has_jobs()
}

#[test]
fn nobody_is_listened_to_who_cannot_be_answered() {
    assert!(is_listened_to(1));
    assert!(!is_listened_to(0));
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_record_tells_what_was_sent_from_what_the_system_did_not_take() {
    let file = Memory::default();
    let config = TraceConfig {
        file: Box::new(file.clone()),
        limit: u64::MAX,
        epoch_us: 0,
        local: Box::new(|_| (Ipv4Addr::LOCALHOST, 1).into()),
        on_end: Box::new(|end| panic!("{end:?}")),
        keys: None,
    };
    let trace = Trace::start(config).unwrap();
    let (shared, other) = (
        shared_of(1, at_loopback(), Box::new(|| {}), Some(trace)),
        loopback(),
    );
    let mut outgoing = Outgoing::new();
    for length in [1, 66_000, 2] {
        outgoing.found_no_room_for_testing_only(other.local_addr().into(), vec![9; length]);
    }
    assert_eq!(outgoing.send(&shared, Room::Wait), Ok(true));
    drop(shared);
    let text = String::from_utf8_lossy(&file.0.lock().unwrap()).into_owned();
    let fates: Vec<&str> = text
        .split("not ours: ")
        .skip(1)
        .map(|it| &it[..5])
        .collect();
    assert_eq!(fates, ["sent\0", "not s", "sent\0"]);
}

/// A peer on a socket of its own, driven by hand.
struct Other {
    endpoint: Endpoint,
    socket: Socket,
}

impl Other {
    /// What it has to say.
    fn says(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        loop {
            while let Some(job) = self.endpoint.take_job() {
                let outcome = job.run(&mut crate::net::entropy::os_rng());
                self.endpoint.handle_outcome(outcome, now);
            }
            let Some(transmit) = self.endpoint.poll_transmit(now) else {
                return said;
            };
            said.extend(transmit.datagram.into_bytes(now));
        }
    }

    fn hears(&mut self, from: SocketAddr, now: Instant) {
        for mut datagram in received(&self.socket) {
            match self.endpoint.screen().check(&datagram) {
                Ok(Incoming::Handshake(packet)) => {
                    self.endpoint.handle_handshake(from, packet, now);
                }
                Ok(Incoming::Data) => {
                    let opened = self.endpoint.key_table().open(from, &mut datagram, now);
                    self.endpoint.handle_opened(&opened.unwrap(), now);
                }
                Err(reason) => panic!("{reason}"),
            }
        }
    }
}

/// Takes a datagram as if it had come to `local`.
fn take_at(shared: &Shared, from: &Other, local: IpAddr, mut datagram: Vec<u8>) {
    let from = Route {
        peer: from.socket.local_addr(),
        local: Some(local),
    };
    let mut core = shared.lock().unwrap();
    let now = core.now;
    let endpoint = core.messenger.endpoint_mut();
    match shared.screen.check(&datagram) {
        Ok(Incoming::Handshake(packet)) => {
            endpoint.handle_handshake(from, packet, now);
            while let Some(job) = endpoint.take_job() {
                let outcome = job.run(&mut crate::net::entropy::os_rng());
                endpoint.handle_outcome(outcome, now);
            }
        }
        Ok(Incoming::Data) => {
            let opened = shared.keys.open(from, &mut datagram, now);
            endpoint.handle_opened(&opened.unwrap(), now);
        }
        Err(reason) => panic!("{reason}"),
    }
    core.messenger.settle(now);
    // Otherwise the owner would send it with what it says to them.
    while core.messenger.poll_event(now).is_some() {}
    shared.release(core, Who::Owner);
}

/// From where the next packet to the peer would leave, if one were due.
fn next_source(shared: &Shared, peer: PeerId) -> Option<IpAddr> {
    let mut core = shared.lock().unwrap();
    let now = core.now;
    let mut baton = core.turn.take_for_sender().unwrap();
    let endpoint = core.messenger.endpoint_mut();
    baton.fill(endpoint, now);
    endpoint.ping(peer, now).unwrap();
    let source = endpoint.poll_transmit(now).unwrap().from;
    core.turn.put_back(baton, false);
    source
}

#[test]
fn an_address_that_is_gone_is_forgotten_by_the_core_and_the_line_arrives() {
    let everywhere = Bind::Everywhere {
        port: 0,
        family: Family::V4,
    };
    let shared = shared_at(everywhere, Box::new(|| {}));
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, shared.socket.local_addr().port()));
    let gone = IpAddr::from([192, 0, 2, 77]);
    let now = shared.clock.now();
    let identity = Arc::new(StaticSecret::from_bytes(&mut [2; 32]));
    let (id, config) = (identity.public(), EndpointConfig::default());
    let timestamps = Timestamp(0)..Timestamp(10);
    let mut other = Other {
        endpoint: Endpoint::new(config, identity, [3; 32], timestamps, now),
        socket: loopback(),
    };
    let knows = |endpoint: &mut Endpoint, id, addresses| {
        endpoint.add_peer(PeerConfig {
            id,
            psk: None,
            addresses,
            shown: Shown::default(),
        });
    };
    let ours = StaticSecret::from_bytes(&mut [1; 32]).public();
    knows(&mut other.endpoint, ours, vec![here]);
    knows(shared.lock().unwrap().messenger.endpoint_mut(), id, vec![]);
    other.endpoint.connect(ours, &[], now).unwrap();
    // Everything arrives, though nothing can leave from the address that was called.
    for _ in 0..2 {
        for datagram in other.says(now) {
            take_at(&shared, &other, gone, datagram);
        }
        other.hears(here, now);
    }
    assert!(other.endpoint.status(ours, now).unwrap().established);
    assert_eq!(next_source(&shared, id), None, "it has been forgotten");
}
