//! The socket: batches in both directions, one kind of address towards the core, and errors that
//! say what they mean.

mod batch;

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn_udp::{BATCH_SIZE, Transmit, UdpSocketState};
use socket2::{Domain, Protocol, Type};

use crate::net::address::{Bind, Family, canonical, everywhere_v4, everywhere_v6};
use crate::net::icmp::{IcmpError, IcmpKind, SocketError};
use crate::net::nat64::Nat64;
use crate::net::os::{self, Writable};
use crate::proto::Route;
pub use batch::Batch;

/// How long a receive waits, and so how soon its thread sees that it is to stop. It also bounds how
/// late a timer fires after the machine slept.
pub(super) const RECV_WAIT: Duration = Duration::from_millis(250);

/// How long a send waits for room in the socket's buffer before its datagrams are lost.
pub(super) const SEND_WAIT: Duration = Duration::from_millis(250);

/// The largest UDP payload that the kernel hands over, a train of merged datagrams included.
const MAX_RECEIVE: usize = 65_535;

/// The largest train to hand to the kernel: 65,535 less the largest headers.
const MAX_TRAIN: usize = 65_000;

/// Room in the kernel for what arrives while the receive thread works: half a second at 32 Mbit/s.
const RECV_BUFFER: usize = 2 << 20;

/// Room in the kernel for what leaves: a few trains, so that sealing and sending overlap.
const SEND_BUFFER: usize = 1 << 20;

/// Datagrams or trains that a receive asks for, unless the last one had as many: to prepare more costs
/// more than to ask again.
const FEW: usize = if BATCH_SIZE < 4 { BATCH_SIZE } else { 4 };

/// Complaints that one call takes off the queue: more than one peer's handshakes can cause.
const MAX_COMPLAINTS: usize = 64;

/// A bound UDP socket that several threads may use at once.
#[derive(Debug)]
pub struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    /// Datagrams of a train. quinn-udp's own number becomes 1 for good by any `EINVAL`, be it of one datagram that somebody's address, or its
    /// source, provoked; this one only when it was the train that the system did not take.
    segments: AtomicUsize,
    nat64: Arc<Nat64>,
}

impl Socket {
    /// Binds a socket.
    ///
    /// # Errors
    ///
    /// What the system says: `AddrInUse` for a port that is taken, `AddrNotAvailable` for an
    /// address that is not this machine's, `PermissionDenied` for a low port.
    pub fn bind(bind: Bind) -> io::Result<Self> {
        let (port, family) = match bind {
            Bind::At(address) => return Self::open(address, address.ip().is_unspecified()),
            Bind::Everywhere { port, family } => (port, family),
        };
        match family {
            Family::V4 => Self::open(everywhere_v4(port), false),
            Family::V6 => Self::open(everywhere_v6(port), false),
            Family::Any => Self::open(everywhere_v6(port), true).or_else(|error| {
                if [ErrorKind::AddrInUse, ErrorKind::PermissionDenied].contains(&error.kind()) {
                    return Err(error);
                }
                // The machine has no IPv6, or its IPv6 sockets know no IPv4.
                Self::open(everywhere_v4(port), false)
            }),
        }
    }

    fn open(address: SocketAddr, dual: bool) -> io::Result<Self> {
        let socket = socket2::Socket::new(
            Domain::for_address(address),
            Type::DGRAM,
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(!dual)?;
        }
        socket.bind(&address.into())?;
        let io = UdpSocket::from(socket);
        let state = UdpSocketState::new((&io).into())?;
        // A smaller buffer than asked for is slower and nothing else.
        let _ = state.set_recv_buffer_size((&io).into(), RECV_BUFFER);
        let _ = state.set_send_buffer_size((&io).into(), SEND_BUFFER);
        os::prepare(&io, &state)?;
        let local = io.local_addr()?;
        let segments = AtomicUsize::new(state.max_gso_segments());
        Ok(Self {
            io,
            state,
            local,
            segments,
            nat64: Nat64::new(),
        })
    }

    /// The address that the socket is bound to.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// What the system does for this socket.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        let size = |result: io::Result<usize>| result.unwrap_or(0);
        Abilities {
            gso_segments: self.segments.load(Ordering::Relaxed),
            gro_segments: self.state.gro_segments(),
            send_buffer: size(self.state.send_buffer_size((&self.io).into())),
            receive_buffer: size(self.state.recv_buffer_size((&self.io).into())),
            wanted_receive_buffer: RECV_BUFFER,
        }
    }

    /// Waits up to `wait` for datagrams and fills `batch` with them. Where the system has no way to wait
    /// for so long, it waits a quarter of a second.
    ///
    /// # Errors
    ///
    /// The system's; [`SocketError::classify`] says what it means. `batch` is empty then.
    pub fn receive(&self, batch: &mut Batch, wait: Duration) -> io::Result<()> {
        // After a full batch there is probably more: the wait would only cost a system call.
        if !batch.is_full() && !os::wait_readable(&self.io, wait)? {
            batch.count = 0;
            return Err(ErrorKind::WouldBlock.into());
        }
        self.fill(batch)
    }

    /// Whether there is something to receive before `wait` has passed.
    #[cfg(test)]
    pub(super) fn is_readable_for_testing_only(&self, wait: Duration) -> bool {
        os::wait_readable(&self.io, wait).is_ok_and(|is_readable| is_readable)
    }

    /// Takes what is there.
    fn fill(&self, batch: &mut Batch) -> io::Result<()> {
        let room = if batch.is_full() { BATCH_SIZE } else { FEW };
        batch.count = 0;
        batch.nat64 = self.nat64.prefix();
        let mut buffers = batch.storage.chunks_mut(MAX_RECEIVE).map(IoSliceMut::new);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            core::array::from_fn(|_| buffers.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        let (slices, _) = slices.split_at_mut(room);
        batch.room = room;
        batch.count = self
            .state
            .recv((&self.io).into(), slices, &mut batch.metas)?;
        if !self.local.ip().is_unspecified() {
            // It can leave from nowhere else.
            batch.metas.iter_mut().for_each(|meta| meta.dst_ip = None);
        }
        Ok(())
    }

    /// Reads what the system complained about, after a receive or a send failed with `first` or
    /// in between, and tells `report`. Returns how many entries it took: not nothing means that the failure was about
    /// an earlier datagram.
    ///
    /// An entry without a port or a kind is passed over: it repeats what a send has returned.
    ///
    /// # Errors
    ///
    /// The system's, if the queue cannot be read.
    pub fn complaints(
        &self,
        mut first: Option<IcmpKind>,
        report: &mut dyn FnMut(IcmpError),
    ) -> io::Result<usize> {
        if let Some(kind) = first
            && !os::COMPLAINTS_ARE_QUEUED
        {
            report(IcmpError { peer: None, kind });
        }
        for taken in 0..MAX_COMPLAINTS {
            let kind = first.take().or_else(|| self.pending());
            let Some(peer) = os::next_complaint(&self.io)? else {
                return Ok(taken);
            };
            if let (Some(peer), Some(kind)) = (peer.filter(|peer| peer.port() != 0), kind) {
                report(IcmpError {
                    peer: Some(canonical(peer, self.nat64.prefix())),
                    kind,
                });
            }
        }
        // There may be more. It must not fail the next receive: somebody may send them faster than they are read.
        self.pending();
        Ok(MAX_COMPLAINTS)
    }

    /// The error that the next call would fail with, cleared. The kernel sets it when a complaint
    /// arrives, and again for the next one when one is taken off the queue.
    fn pending(&self) -> Option<IcmpKind> {
        match SocketError::classify(&self.io.take_error().ok()??) {
            SocketError::Icmp(kind) => Some(kind),
            SocketError::Idle
            | SocketError::NotTaken
            | SocketError::Passing
            | SocketError::Dead => None,
        }
    }

    /// Sends datagrams in their order, runs of equal size by one way as one train.
    ///
    /// A datagram that cannot be sent is lost, as on the way: `report` hears why. One to port 0 is lost without a try.
    /// `room` says what becomes of the rest of the batch if the socket's buffer has no room.
    ///
    /// # Errors
    ///
    /// Only when the socket is beyond use.
    pub fn send(
        &self,
        batch: &[(Route, Vec<u8>)],
        train: &mut Vec<u8>,
        room: Room,
        report: &mut dyn FnMut(IcmpError),
    ) -> io::Result<Sent> {
        let mut sent = Sent::default();
        let mut rest = batch;
        while let Some((to, first)) = rest.first() {
            let segments = self.segments.load(Ordering::Relaxed);
            let (run, after) = rest.split_at(run_length(rest, segments));
            if to.peer.port() == 0 {
                sent.lose(run.len());
                rest = after;
                continue;
            }
            train.clear();
            let contents = if run.len() == 1 {
                first
            } else {
                run.iter()
                    .for_each(|(_, bytes)| train.extend_from_slice(bytes));
                &*train
            };
            match self.send_from(*to, contents, first.len(), room, &mut sent, report) {
                Ok(()) => sent.add(run),
                Err(SocketError::Dead) => return Err(ErrorKind::NotConnected.into()),
                Err(SocketError::Idle) => {
                    sent.give_up(rest.len(), room);
                    return Ok(sent);
                }
                // Perhaps it was the train that the driver or the path did not like.
                Err(
                    error @ (SocketError::Icmp(_) | SocketError::NotTaken | SocketError::Passing),
                ) => {
                    let lost = sent.lost.len();
                    if !self.send_singly(run, &mut sent, room, report)? {
                        sent.give_up(after.len(), room);
                        return Ok(sent);
                    }
                    if error == SocketError::NotTaken && run.len() > 1 && sent.lost.len() == lost {
                        self.segments.store(1, Ordering::Relaxed);
                    }
                }
            }
            rest = after;
        }
        Ok(sent)
    }

    /// Sends the datagrams of a train one by one; false if there was no room in time, and the rest of
    /// them is given up: waiting for each would hold up the thread for seconds.
    fn send_singly(
        &self,
        run: &[(Route, Vec<u8>)],
        sent: &mut Sent,
        room: Room,
        report: &mut dyn FnMut(IcmpError),
    ) -> io::Result<bool> {
        for (position, one @ (to, bytes)) in run.iter().enumerate() {
            match self.send_from(*to, bytes, bytes.len(), room, sent, report) {
                Ok(()) => sent.add(core::slice::from_ref(one)),
                Err(SocketError::Dead) => return Err(ErrorKind::NotConnected.into()),
                Err(SocketError::Icmp(kind)) => {
                    report(IcmpError {
                        peer: Some(to.peer),
                        kind,
                    });
                    sent.lose(1);
                }
                Err(SocketError::NotTaken | SocketError::Passing) => sent.lose(1),
                Err(SocketError::Idle) => {
                    sent.give_up(run.len().saturating_sub(position), room);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Sends one train from the address that it is to leave from; if nothing leaves from there any more, from
    /// whichever the system takes, and `sent` says so.
    fn send_from(
        &self,
        to: Route,
        contents: &[u8],
        size: usize,
        room: Room,
        sent: &mut Sent,
        report: &mut dyn FnMut(IcmpError),
    ) -> Result<(), SocketError> {
        let source = self.source(to).filter(|_| sent.gone != Some(to));
        let mut train = Train {
            to: self.reachable(to.peer),
            source,
            contents,
            size,
        };
        let mut result = self.send_run(&train, room, report);
        let is_of_source = |error: &io::Error| self.is_of_source(error, report);
        if source.is_some() && result.as_ref().is_err_and(is_of_source) {
            train.source = None;
            let again = self.send_run(&train, room, report);
            if again.is_ok() {
                sent.gone = Some(to);
            }
            result = again;
        }
        let result = result.map_err(|error| SocketError::classify(&error));
        if result != Err(SocketError::Icmp(IcmpKind::NetUnreachable)) {
            return result;
        }
        let Some(through) = self.through_nat64(to.peer) else {
            return result;
        };
        (train.to, train.source) = (through, None);
        self.send_run(&train, room, report)
            .map_err(|error| SocketError::classify(&error))
    }

    /// Where to send what has no way to an IPv4 address, if there is a NAT64 that this socket can send to.
    pub(super) fn through_nat64(&self, to: SocketAddr) -> Option<SocketAddr> {
        self.local.is_ipv6().then(|| self.nat64.way(to))?
    }

    /// Whether a send failed because nothing leaves from its source any more. What can be a complaint about an earlier
    /// datagram is one if there is any to read: anybody can forge those faster than they are read.
    fn is_of_source(&self, error: &io::Error, report: &mut dyn FnMut(IcmpError)) -> bool {
        if let SocketError::Icmp(kind) = SocketError::classify(error)
            && os::COMPLAINTS_ARE_QUEUED
            && matches!(self.complaints(Some(kind), report), Ok(1..))
        {
            return false;
        }
        os::may_be_of_source(error)
    }

    /// Sends one train. Linux fails a send with what it has to say about an *earlier* one, and then
    /// has not sent this one: what is queued is read first and the send tried once more.
    fn send_run(
        &self,
        train: &Train<'_>,
        room: Room,
        report: &mut dyn FnMut(IcmpError),
    ) -> io::Result<()> {
        let of = |result: &io::Result<()>| result.as_ref().err().map(SocketError::classify);
        let mut result = self.try_send(train);
        if let Some(SocketError::Icmp(kind)) = of(&result)
            && os::COMPLAINTS_ARE_QUEUED
            && kind != IcmpKind::TooBig
            && matches!(self.complaints(Some(kind), report), Ok(1..))
        {
            result = self.try_send(train);
        }
        let is_full = of(&result) == Some(SocketError::Idle);
        if is_full && room == Room::Wait && self.await_room(report) {
            result = self.try_send(train);
        }
        result
    }

    /// Waits for room in the socket's buffer. False if there is none in time.
    fn await_room(&self, report: &mut dyn FnMut(IcmpError)) -> bool {
        let clock = os::Monotonic::new();
        let since = clock.elapsed();
        let left = || SEND_WAIT.saturating_sub(clock.elapsed().saturating_sub(since));
        let wait = |time| os::wait_writable(&self.io, time);
        wait_all_the_time(left, wait, || self.complaints(None, report).map(|_| ()))
    }

    fn try_send(&self, train: &Train<'_>) -> io::Result<()> {
        let transmit = Transmit {
            destination: train.to,
            ecn: None,
            contents: train.contents,
            segment_size: train.segment_size(),
            src_ip: train.source,
        };
        self.state.try_send((&self.io).into(), &transmit)
    }

    /// The address that a datagram leaves from, as this socket has to be told it; none if the system is to choose, or
    /// there is no choice.
    fn source(&self, route: Route) -> Option<IpAddr> {
        let is_of_family = |local: &IpAddr| local.is_ipv4() == route.peer.is_ipv4();
        let local = route.local.filter(is_of_family)?;
        let is_for_all = self.local.ip().is_unspecified();
        is_for_all.then_some(match local {
            IpAddr::V4(v4) if self.local.is_ipv6() && os::SOURCE_IS_MAPPED => {
                IpAddr::V6(v4.to_ipv6_mapped())
            }
            IpAddr::V4(_) | IpAddr::V6(_) => local,
        })
    }

    /// An address as this socket has to be told it: an IPv6 socket knows IPv4 as `::ffff:a.b.c.d`.
    fn reachable(&self, to: SocketAddr) -> SocketAddr {
        match to {
            SocketAddr::V4(v4) if self.local.is_ipv6() => {
                SocketAddr::new(IpAddr::V6(v4.ip().to_ipv6_mapped()), v4.port())
            }
            SocketAddr::V4(_) | SocketAddr::V6(_) => to,
        }
    }
}

/// What is handed to the system in one call.
struct Train<'a> {
    to: SocketAddr,
    source: Option<IpAddr>,
    contents: &'a [u8],
    /// Of all datagrams but the last.
    size: usize,
}

impl Train<'_> {
    fn segment_size(&self) -> Option<usize> {
        (self.contents.len() > self.size).then_some(self.size)
    }
}

/// What the system does for a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Abilities {
    /// Datagrams that one call can send; 1 without segmentation offload.
    pub gso_segments: usize,
    /// Datagrams that one receive can bring merged; 1 without it.
    pub gro_segments: usize,
    /// Bytes; 0 if it is not known.
    pub send_buffer: usize,
    /// Bytes; 0 if it is not known.
    pub receive_buffer: usize,
    /// The bytes that were asked for.
    pub wanted_receive_buffer: usize,
}

/// What to do when the socket's buffer has no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Room {
    /// Wait for a quarter of a second; then the rest of the batch is lost.
    Wait,
    /// Leave the rest of the batch to somebody who may wait.
    Leave,
}

/// What became of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// Datagrams that the system took.
    pub datagrams: usize,
    /// The calls that it took them in.
    pub calls: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Those that it did not take, by their places in the batch, rising.
    pub lost: Vec<usize>,
    /// Datagrams at the end of the batch that are left, after [`Room::Leave`].
    pub left: usize,
    /// A way that datagrams did not leave by, because nothing leaves from its address of ours any more. They have left
    /// from another one.
    pub gone: Option<Route>,
}

impl Sent {
    /// The system took these in one call.
    fn add(&mut self, run: &[(Route, Vec<u8>)]) {
        let bytes: usize = run.iter().map(|(_, bytes)| bytes.len()).sum();
        self.datagrams = self.datagrams.saturating_add(run.len());
        self.calls = self.calls.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// The system did not take the next ones.
    fn lose(&mut self, datagrams: usize) {
        let next = self.datagrams.saturating_add(self.lost.len());
        self.lost.extend(next..next.saturating_add(datagrams));
    }

    fn give_up(&mut self, datagrams: usize, room: Room) {
        match room {
            Room::Wait => self.lose(datagrams),
            Room::Leave => self.left = self.left.saturating_add(datagrams),
        }
    }
}

/// Waits until there is room, or no time is `left`. Neither a complaint nor a signal ends it before.
fn wait_all_the_time(
    left: impl Fn() -> Duration,
    wait: impl Fn(Duration) -> io::Result<Writable>,
    mut read_complaints: impl FnMut() -> io::Result<()>,
) -> bool {
    loop {
        let time = left();
        let go_on = match wait(time) {
            Ok(Writable::Yes) => return true,
            Ok(Writable::No) => return false,
            Ok(Writable::Complaint) => read_complaints(),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
        };
        if go_on.is_err() || time.is_zero() {
            return false;
        }
    }
}

/// How many of the first datagrams may leave as one train: one way, one size, of which only the
/// last may be smaller.
fn run_length(batch: &[(Route, Vec<u8>)], max_segments: usize) -> usize {
    let Some((to, first)) = batch.first() else {
        return 0;
    };
    let size = first.len();
    let mut total = size;
    let mut length = 1;
    for (other, bytes) in batch.iter().take(max_segments).skip(1) {
        total = total.saturating_add(bytes.len());
        if other != to || bytes.is_empty() || bytes.len() > size || total > MAX_TRAIN {
            break;
        }
        length += 1;
        if bytes.len() < size {
            break;
        }
    }
    length
}

#[cfg(test)]
mod tests;
