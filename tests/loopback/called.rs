//! A program on every address of its machine is called at one that the system would not choose to send from. Between
//! it and the caller is what lets only answers from the called address through, as NATs and firewalls do.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use securechat::net::{Bind, Family};

use crate::{Node, at, calls, talk};

/// How soon the threads see that they are to end.
const LOOK: Duration = Duration::from_millis(50);

/// One caller's datagrams to one address, and back what comes from there and from nowhere else.
struct Firewall {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Firewall {
    fn before(called: SocketAddr, here: &str) -> Self {
        let any = || Arc::new(UdpSocket::bind((here, 0)).unwrap());
        let (front, back) = (any(), any());
        // The kernel drops what comes from elsewhere.
        back.connect(called).unwrap();
        let address = front.local_addr().unwrap();
        let caller = Arc::new(OnceLock::new());
        let is_over = Arc::new(AtomicBool::new(false));
        let (to_called, from_called) = (Arc::clone(&back), Arc::clone(&front));
        let known = Arc::clone(&caller);
        let there = carries(&front, &is_over, move |from, datagram| {
            let _ = known.set(from);
            let _ = to_called.send(datagram);
        });
        let back = carries(&back, &is_over, move |_, datagram| {
            let caller = caller.get().expect("nobody answers before he is called");
            let _ = from_called.send_to(datagram, caller);
        });
        Self {
            address,
            is_over,
            threads: vec![there, back],
        }
    }
}

fn carries(
    from: &Arc<UdpSocket>,
    is_over: &Arc<AtomicBool>,
    mut carry: impl FnMut(SocketAddr, &[u8]) + Send + 'static,
) -> JoinHandle<()> {
    let (from, is_over) = (Arc::clone(from), Arc::clone(is_over));
    from.set_read_timeout(Some(LOOK)).unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while !is_over.load(Ordering::Relaxed) {
            if let Ok((length, sender)) = from.recv_from(&mut buffer) {
                carry(sender, &buffer[..length]);
            }
        }
    })
}

impl Drop for Firewall {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Calls `b`, bound like this, at `ip` from `here` behind a firewall, and talks.
fn is_reached(b: Bind, ip: &str, here: &str) {
    let b = Node::new(b);
    let called = SocketAddr::new(ip.parse().unwrap(), b.port());
    let firewall = Firewall::before(called, here);
    let a = Node::new(at(here));
    calls(&a, &b, firewall.address);
    talk(&a, &b);
    let lines = |n| format!("{n}").repeat(900);
    for n in 0..40 {
        b.say(a.id, &lines(n));
    }
    for n in 0..40 {
        assert_eq!(a.wait_for_line(), lines(n), "also in trains");
    }
}

#[test]
fn a_socket_for_ipv4_is_reached_at_an_address_that_is_not_the_systems_choice() {
    is_reached(at("0.0.0.0"), "127.0.0.2", "127.0.0.1");
}

#[test]
fn a_socket_for_both_families_is_reached_at_an_address_that_is_not_the_systems_choice() {
    let family = Family::Any;
    is_reached(
        Bind::Everywhere { port: 0, family },
        "127.0.0.2",
        "127.0.0.1",
    );
}

#[test]
fn a_socket_for_everything_is_reached_over_ipv6() {
    if crate::has_ipv6() {
        is_reached(at("::"), "::1", "::1");
    }
}
