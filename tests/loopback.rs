//! Real sockets and threads: they start, talk and stop. Waits are against hanging only.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests; the time that a stop takes is what is measured"
)]

#[cfg(target_os = "linux")]
#[path = "loopback/called.rs"]
mod called;
mod common;

use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use securechat::chat::{self, Draft, Messenger, Update};
use securechat::crypto::StaticSecret;
use securechat::id::{PeerId, Timestamp};
use securechat::net::{Batch, Bind, Clock, Driver, Family, Fatal, Handle, Socket, os_rng, seed};
use securechat::proto::{CloseReason, Endpoint, EndpointConfig, Event, PeerConfig, Shown};
use securechat::time::UnixTime;

/// Against hanging only.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a stop may take, in [`TICK`]s: a second.
const STOP: u32 = 100;
const TICK: Duration = Duration::from_millis(10);

struct Node {
    driver: Driver,
    id: PeerId,
    woken: mpsc::Receiver<()>,
}

impl Node {
    fn new(bind: Bind) -> Self {
        let clock = Clock::new();
        let identity = Arc::new(StaticSecret::generate(&mut os_rng()));
        let id = identity.public();
        let config = EndpointConfig::default();
        let timestamps = Timestamp(1)..Timestamp(1_000);
        let endpoint = Endpoint::new(config, identity, seed(), timestamps, clock.now());
        let (wake, woken) = mpsc::channel();
        // Once nobody listens any more, the first call panics and the others are for nothing.
        let deaf = AtomicBool::new(false);
        let notify = Box::new(move || {
            let heard = wake.send(()).is_ok();
            assert!(
                heard || deaf.swap(true, Ordering::Relaxed),
                "nobody listens"
            );
        });
        let socket = Socket::bind(bind).unwrap();
        let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
        let driver = Driver::start(socket, messenger, clock, notify).unwrap();
        Self { driver, id, woken }
    }

    fn handle(&self) -> &Handle {
        self.driver.handle()
    }

    fn port(&self) -> u16 {
        self.handle().local_addr().port()
    }

    fn knows(&self, id: PeerId, addresses: &[SocketAddr]) {
        let addresses = addresses.to_vec();
        let peer = PeerConfig {
            id,
            psk: None,
            addresses,
            shown: Shown::default(),
        };
        self.handle()
            .with(|messenger, _| messenger.endpoint_mut().add_peer(peer))
            .unwrap();
    }

    fn say(&self, to: PeerId, line: &str) {
        let draft = Draft::text(line.to_owned(), UnixTime(0));
        self.handle()
            .with(|messenger, now| messenger.send(to.into(), draft, now))
            .unwrap()
            .unwrap();
    }

    /// Waits for the next update that `wanted` accepts.
    fn wait<R>(&self, wanted: impl Fn(&Update) -> Option<R>) -> R {
        loop {
            while let Some(event) = self.handle().poll_event().unwrap() {
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
            self.woken.recv_timeout(PATIENCE).expect("the event comes");
        }
    }

    /// Waits until `is_so` after some event.
    fn wait_until(&self, is_so: impl Fn() -> bool) {
        loop {
            while self.handle().poll_event().unwrap().is_some() {}
            if is_so() {
                return;
            }
            self.woken.recv_timeout(PATIENCE).expect("the event comes");
        }
    }

    fn wait_for_line(&self) -> String {
        self.wait(|update| {
            let Update::Chat(chat::Event::Message { contact, message }) = update else {
                return None;
            };
            self.handle()
                .with(|messenger, now| messenger.take(*contact, message.name, now))
                .unwrap();
            Some(String::from_utf8(message.body.clone()).unwrap())
        })
    }

    fn wait_for_session(&self) {
        let established = |update: &Update| match update {
            Update::Session(Event::Established { .. }) => Some(()),
            Update::Session(_) | Update::Chat(_) => None,
        };
        self.wait(established);
    }
}

fn at(ip: &str) -> Bind {
    Bind::At(SocketAddr::new(ip.parse().unwrap(), 0))
}

/// Whether this machine has IPv6; says so if it has not.
fn has_ipv6() -> bool {
    let has = UdpSocket::bind("[::1]:0").is_ok();
    if !has {
        common::skipped("no IPv6 on this machine");
    }
    has
}

/// Two nodes of which `a` calls `b` at `ip`.
fn connected(a: Bind, b: Bind, ip: &str) -> (Node, Node) {
    let (a, b) = (Node::new(a), Node::new(b));
    calls(&a, &b, SocketAddr::new(ip.parse().unwrap(), b.port()));
    (a, b)
}

/// `a` calls `b` at an address, and both have a session then.
fn calls(a: &Node, b: &Node, at: SocketAddr) {
    a.knows(b.id, &[at]);
    b.knows(a.id, &[]);
    a.handle()
        .with(|messenger, now| messenger.endpoint_mut().connect(b.id, &[], now))
        .unwrap()
        .unwrap();
    a.wait_for_session();
    b.wait_for_session();
}

fn talk(a: &Node, b: &Node) {
    for n in 0..20 {
        a.say(b.id, &format!("line {n} from a"));
        b.say(a.id, &format!("line {n} from b"));
        assert_eq!(b.wait_for_line(), format!("line {n} from a"));
        assert_eq!(a.wait_for_line(), format!("line {n} from b"));
    }
}

/// How often a thread can sleep for a [`TICK`] while something happens. What others keep a busy machine from doing is not
/// counted as time that it took: they keep it from ticking, too.
fn ticks_of(act: impl FnOnce()) -> u32 {
    let (over, is_over) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let ticking = scope.spawn(move || {
            let ticks = std::iter::repeat_with(|| is_over.recv_timeout(TICK));
            let ticks = ticks.take_while(|ended| *ended == Err(RecvTimeoutError::Timeout));
            u32::try_from(ticks.count()).unwrap()
        });
        act();
        drop(over);
        ticking.join().unwrap()
    })
}

fn stop_in_time(driver: Driver, goodbye: bool) {
    let ticks = ticks_of(|| driver.stop(goodbye));
    assert!(ticks < STOP, "it took {ticks} times {TICK:?}");
}

#[test]
fn two_programs_talk_over_ipv4_and_say_goodbye_within_a_second() {
    let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
    talk(&a, &b);
    stop_in_time(a.driver, true);
    let closed = Update::Session(Event::Closed {
        peer: a.id,
        reason: CloseReason::Goodbye,
    });
    b.wait(|event| (*event == closed).then_some(()));
    stop_in_time(b.driver, false);
}

/// Whatever other threads had left to the owner, or had yet to send.
#[test]
fn last_words_on_an_open_session_leave_before_the_goodbye_of_a_stop() {
    let b = Node::new(at("127.0.0.1"));
    for round in 0..20 {
        let a = Node::new(at("127.0.0.1"));
        calls(&a, &b, SocketAddr::new([127, 0, 0, 1].into(), b.port()));
        a.say(b.id, "first words");
        assert_eq!(b.wait_for_line(), "first words");
        a.say(b.id, &format!("last words of {round}"));
        drop(a);
        assert_eq!(b.wait_for_line(), format!("last words of {round}"));
    }
}

#[test]
fn two_programs_talk_over_ipv6() {
    if has_ipv6() {
        let (a, b) = connected(at("::1"), at("::1"), "::1");
        talk(&a, &b);
    }
}

#[test]
fn a_dual_stack_listener_knows_ipv4_addresses_as_such() {
    let everywhere = Bind::Everywhere {
        port: 0,
        family: Family::Any,
    };
    let (a, b) = connected(Bind::any(), everywhere, "127.0.0.1");
    talk(&a, &b);
    let status = b
        .handle()
        .with(|messenger, now| messenger.endpoint_mut().status(a.id, now))
        .unwrap();
    let expected = SocketAddr::new("127.0.0.1".parse().unwrap(), a.port());
    assert_eq!(status.unwrap().address, Some(expected));
}

#[test]
fn many_lines_queued_at_once_all_arrive_in_order() {
    let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
    for round in 0..10 {
        a.handle()
            .with(|messenger, now| {
                for n in 0..50 {
                    let line = "x".repeat(900) + &format!("{round} {n}");
                    let draft = Draft::text(line, UnixTime(0));
                    messenger.send(b.id.into(), draft, now).unwrap();
                }
            })
            .unwrap();
        for n in 0..50 {
            assert_eq!(b.wait_for_line()[900..], format!("{round} {n}"));
        }
    }
    let (sent, received) = (a.handle().traffic(), b.handle().traffic());
    assert!(sent.datagrams_out >= 300 && sent.lost == 0, "{sent:?}");
    assert!(sent.batches_out < sent.datagrams_out, "{sent:?}");
    assert!(received.datagrams_in >= 300, "{received:?}");
    if Socket::bind(at("127.0.0.1"))
        .unwrap()
        .abilities()
        .gso_segments
        == 1
    {
        return common::skipped("no segmentation offload on this machine");
    }
    assert!(sent.calls_out < sent.datagrams_out, "{sent:?}");
}

/// Each thread sends what it has just changed if nobody else is about it: nothing may be left lying
/// when they meet, and nothing may overtake.
/// Answers `count` lines, receiving by itself while it waits.
fn answer_lines(node: &Node, to: PeerId, count: usize) {
    let (mut buffers, mut updates, mut seen) = (Batch::new(), Vec::new(), 0);
    while seen < count {
        node.handle().poll_events(8, &mut updates).unwrap();
        for update in updates.drain(..) {
            let Update::Chat(chat::Event::Message { contact, message }) = update else {
                continue;
            };
            seen += 1;
            let draft = Draft::text(format!("answer {seen}"), UnixTime(0));
            let answer = |messenger: &mut Messenger, now| {
                messenger.take(contact, message.name, now);
                messenger.send(to.into(), draft, now).unwrap();
            };
            node.handle().with(answer).unwrap();
        }
        if seen < count && !node.handle().receive(&mut buffers).unwrap() {
            node.woken.recv_timeout(PATIENCE).expect("the event comes");
        }
    }
}

#[test]
fn owners_that_receive_while_they_wait_miss_nothing_and_may_stop_to_do_so() {
    let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
    a.say(b.id, "first");
    let (at_a, at_b) = (a.id, b.id);
    let echo = std::thread::spawn(move || {
        answer_lines(&b, at_a, 300);
        b
    });
    answer_lines(&a, at_b, 299);
    let b = echo.join().unwrap();
    // Now they sleep in the usual way: `recv` receives again.
    let unsettled = |messenger: &mut Messenger, _| messenger.client().unsettled(at_a.into());
    assert_eq!(a.wait_for_line(), "answer 300");
    b.wait_until(|| b.handle().with(unsettled).unwrap() == 0);
    talk(&a, &b);
}

#[test]
fn what_came_together_is_answered_together() {
    const LINES: usize = 40;
    const FEW: u64 = 8;
    let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
    // Whoever waits long for an acknowledgement asks again, and a busy machine makes it wait.
    let tries = std::iter::repeat_with(|| datagrams_for_receipts(&a, &b, LINES)).take(10);
    let sent: Vec<u64> = tries.take_while(|sent| *sent >= FEW).collect();
    assert!(sent.len() < 10, "{sent:?} datagrams for {LINES} receipts");
}

/// How many datagrams `b` sends when it takes so many lines of `a` at once, until `a` has all the receipts.
fn datagrams_for_receipts(a: &Node, b: &Node, lines: usize) -> u64 {
    for n in 0..lines {
        a.say(b.id, &format!("line {n}"));
    }
    let (mut updates, mut came) = (Vec::new(), Vec::new());
    while came.len() < lines {
        // Fewer than asked for: then the owner is told when there are more.
        b.handle().poll_events(lines, &mut updates).unwrap();
        assert!(updates.len() <= lines);
        let is_done = updates.len() < lines;
        came.extend(updates.drain(..).filter_map(|update| match update {
            Update::Chat(chat::Event::Message { contact, message }) => {
                Some((contact, message.name))
            }
            Update::Chat(_) | Update::Session(_) => None,
        }));
        if is_done && came.len() < lines {
            b.woken.recv_timeout(PATIENCE).expect("the event comes");
        }
    }
    let before = b.handle().traffic().datagrams_out;
    let take_all = |messenger: &mut Messenger, now| {
        for (contact, name) in came {
            messenger.take(contact, name, now);
        }
    };
    b.handle().with(take_all).unwrap();
    let unsettled = |messenger: &mut Messenger, _| messenger.client().unsettled(b.id.into());
    a.wait_until(|| a.handle().with(unsettled).unwrap() == 0);
    b.handle().traffic().datagrams_out - before
}

#[test]
fn what_many_threads_send_at_once_arrives_each_in_its_order() {
    const THREADS: usize = 4;
    const EACH: usize = 100;
    let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
    std::thread::scope(|scope| {
        for (from, to) in [(&a, &b), (&b, &a)] {
            for thread in 0..THREADS {
                let (handle, to) = (from.handle().clone(), to.id);
                scope.spawn(move || {
                    for n in 0..EACH {
                        let draft = Draft::text(format!("{thread} {n}"), UnixTime(0));
                        let send =
                            |messenger: &mut Messenger, now| messenger.send(to.into(), draft, now);
                        handle.with(send).unwrap().unwrap();
                    }
                });
            }
        }
        for node in [&a, &b] {
            let mut next = [0; THREADS];
            for _ in 0..THREADS * EACH {
                let line = node.wait_for_line();
                let (thread, n) = line.split_once(' ').unwrap();
                let next = &mut next[thread.parse::<usize>().unwrap()];
                assert_eq!(n.parse(), Ok(*next));
                *next += 1;
            }
        }
    });
    for (node, peer) in [(&a, b.id), (&b, a.id)] {
        let unsettled = |messenger: &mut Messenger, _: securechat::time::Instant| {
            messenger.client().unsettled(peer.into())
        };
        node.wait_until(|| node.handle().with(unsettled).unwrap() == 0);
    }
    stop_in_time(a.driver, true);
    stop_in_time(b.driver, true);
}

#[test]
fn garbage_from_the_network_is_counted_and_changes_nothing() {
    let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
    let dropped = || {
        let stats = b.handle().with(|it, _| it.endpoint_mut().stats());
        stats.unwrap().dropped.values().sum::<u64>()
    };
    // On a machine that stalls a handshake is said again, and dropped.
    talk(&a, &b);
    let before = dropped();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 3, 4, 16, 31, 32, 64, 608, 700, 1_232, 9_000] {
        for first in 0..6 {
            let mut datagram = vec![0xa5; length];
            datagram.iter_mut().take(1).for_each(|byte| *byte = first);
            stranger
                .send_to(&datagram, b.handle().local_addr())
                .unwrap();
        }
    }
    talk(&a, &b);
    // Empty datagrams do not even count. Nobody says when the last of the others is there.
    let start = Instant::now();
    while dropped() < before + 11 * 6 && start.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    assert_eq!(dropped(), before + 11 * 6);
}

#[test]
fn a_thread_that_panics_takes_the_driver_down_and_the_owner_hears_of_it() {
    let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
    let Node { driver, id, woken } = b;
    let handle = driver.handle();
    while handle.poll_event().unwrap().is_some() {}
    // From here on nobody listens, and the next thing that b's threads want to say is too much. Perhaps one of them is
    // still about to tell of what was polled just now.
    drop(woken);
    a.say(id, "too much");
    let start = Instant::now();
    while handle.fatal().is_none() {
        assert!(start.elapsed() < PATIENCE, "the driver lives on");
        std::thread::yield_now();
    }
    let fatal = Fatal::Panicked { thread: "recv" };
    assert_eq!(handle.with(|_, _| ()), Err(fatal));
    assert_eq!(handle.poll_event(), Err(fatal));
    stop_in_time(driver, true);
}

/// Otherwise a message would be taken that never leaves, or one whose receipt nobody is there to hear.
#[test]
fn a_handle_that_outlives_its_driver_takes_nothing_more_and_still_has_its_events() {
    for goodbye in [true, false] {
        let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
        let handle = a.handle().clone();
        // What b's program shows of itself comes after the call, and is an event as well.
        let introduced = |it: &Update| match it {
            Update::Session(Event::Introduced { .. }) => Some(()),
            Update::Session(_) | Update::Chat(_) => None,
        };
        a.wait(introduced);
        b.say(a.id, "unseen");
        let start = Instant::now();
        while !handle.with(|messenger, _| messenger.has_events()).unwrap() {
            assert!(start.elapsed() < PATIENCE, "nothing comes");
            std::thread::yield_now();
        }
        assert_eq!(handle.fatal(), None);
        a.driver.stop(goodbye);
        assert_eq!(handle.with(|_, _| ()), Err(Fatal::Stopped));
        assert_eq!(handle.receive(&mut Batch::new()), Err(Fatal::Stopped));
        assert_eq!(handle.fatal(), Some(Fatal::Stopped));
        let mut updates = std::iter::from_fn(|| handle.poll_event().unwrap());
        let is_line = |it: Update| matches!(it, Update::Chat(chat::Event::Message { .. }));
        assert!(updates.any(is_line));
    }
}

#[test]
fn a_panic_with_the_core_in_hand_is_not_survived_in_silence() {
    let node = Node::new(at("127.0.0.1"));
    let panic = || node.handle().with(|_, _| panic!("on purpose"));
    assert!(catch_unwind(AssertUnwindSafe(panic)).is_err());
    assert_eq!(node.handle().with(|_, _| ()), Err(Fatal::Poisoned));
    assert_eq!(node.handle().fatal(), Some(Fatal::Poisoned));
    stop_in_time(node.driver, true);
}

/// What only Linux can show: whom an ICMP error is about, and the names of threads.
#[cfg(target_os = "linux")]
mod linux {
    use securechat::net::{IcmpError, IcmpKind};

    use super::*;

    #[test]
    fn a_closed_port_is_reported_and_the_loops_live_on() {
        let a = Node::new(at("127.0.0.1"));
        let nobody = PeerId::new([9; 32]);
        // Talks to itself alone, so that its port is as good as closed, and no other test gets it meanwhile.
        let alone = UdpSocket::bind("127.0.0.1:0").unwrap();
        let closed = alone.local_addr().unwrap();
        alone.connect(closed).unwrap();
        a.knows(nobody, &[closed]);
        a.handle()
            .with(|messenger, now| messenger.endpoint_mut().connect(nobody, &[], now))
            .unwrap()
            .unwrap();
        let expected = IcmpError {
            peer: Some(closed),
            kind: IcmpKind::Refused,
        };
        assert_eq!(wait_for_icmp_error(&a), expected);

        let b = Node::new(at("127.0.0.1"));
        a.knows(b.id, &[b.handle().local_addr()]);
        b.knows(a.id, &[]);
        a.say(b.id, "still here");
        assert_eq!(b.wait_for_line(), "still here");
        b.say(a.id, "so am I");
        assert_eq!(a.wait_for_line(), "so am I");
        assert_eq!(a.handle().fatal(), None);
    }

    /// Waits for the next complaint of the system.
    fn wait_for_icmp_error(node: &Node) -> IcmpError {
        loop {
            if let Some(error) = node.handle().take_icmp_errors().first() {
                return *error;
            }
            node.woken
                .recv_timeout(PATIENCE)
                .expect("the complaint comes");
        }
    }

    /// The threads of drivers in this process.
    fn own_threads() -> usize {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        let is_own = |name: &String| ["recv", "send", "handshake"].contains(&name.trim());
        names.filter(is_own).count()
    }

    /// A thread names itself when it first runs, and the system lists it a moment longer than it can be waited for.
    #[track_caller]
    fn wait_for_own_threads(count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while own_threads() != count {
            assert!(Instant::now() < deadline, "{} threads", own_threads());
            std::thread::yield_now();
        }
    }

    /// The other tests of this file start threads of the same names, so this one looks at a process of
    /// its own.
    #[test]
    fn no_thread_is_left_after_a_stop() {
        const CHILD: &str = "SECURECHAT_TEST_LOOPBACK";
        if std::env::var_os(CHILD).is_none() {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            child
                .args(["--exact", "linux::no_thread_is_left_after_a_stop"])
                .env(CHILD, "1");
            assert!(child.status().unwrap().success());
            return;
        }
        let (a, b) = connected(at("127.0.0.1"), at("127.0.0.1"), "127.0.0.1");
        wait_for_own_threads(6);
        a.driver.stop(true);
        wait_for_own_threads(3);
        drop(b);
        wait_for_own_threads(0);
    }
}
