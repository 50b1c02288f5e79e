//! What differs between operating systems, and nothing else: waiting for a socket, reading whom an
//! ICMP error is about, and the clock. Only here and in `job` does this module name an
//! operating system.

use core::time::Duration;
use std::io;
use std::net::{SocketAddr, UdpSocket};

use quinn_udp::UdpSocketState;

pub(super) use imp::*;

/// What a wait for room in the send buffer has found.
#[cfg_attr(
    all(windows, not(test)),
    expect(dead_code, reason = "the send itself has waited there")
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writable {
    /// There is room.
    Yes,
    /// There is a complaint to read, and no room yet.
    Complaint,
    /// Neither, in time.
    No,
}

#[cfg(unix)]
mod imp {
    use super::{Duration, SocketAddr, UdpSocket, UdpSocketState, Writable, io};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use rustix::time::{ClockId, clock_gettime};

    /// Time since an arbitrary point.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Monotonic;

    impl Monotonic {
        pub(crate) const fn new() -> Self {
            Self
        }

        /// Time since boot, suspended time included where the system can tell.
        ///
        /// Linux, Android, Fuchsia and OpenBSD have a clock made for it. On macOS and iOS
        /// `CLOCK_MONOTONIC` counts sleep too; on the other BSDs it may not, and a session then
        /// outlives a suspended machine by the time that it slept.
        pub(crate) fn elapsed(&self) -> Duration {
            #[cfg(any(
                target_os = "linux",
                target_os = "android",
                target_os = "fuchsia",
                target_os = "openbsd"
            ))]
            let clock = ClockId::Boottime;
            #[cfg(not(any(
                target_os = "linux",
                target_os = "android",
                target_os = "fuchsia",
                target_os = "openbsd"
            )))]
            let clock = ClockId::Monotonic;
            Duration::try_from(clock_gettime(clock)).unwrap_or(Duration::ZERO)
        }
    }

    /// Prepares a socket that quinn-udp has made non-blocking. It stays so: a blocking `recvmmsg`
    /// returns only when *all* its buffers are filled, so the wait is a `poll` before it.
    pub(crate) fn prepare(socket: &UdpSocket, state: &UdpSocketState) -> io::Result<()> {
        // Without it there is one explanation less, and nothing else.
        let _ = state.enable_transport_errors(socket.into());
        Ok(())
    }

    /// Whether [`wait_readable`] keeps to its time: what must not wait long may be left to it then.
    pub(crate) const WAITS_SHORTLY: bool = true;

    /// Waits until there is something to read, an error included, or `timeout` has passed.
    /// True if there is.
    pub(crate) fn wait_readable(socket: &UdpSocket, timeout: Duration) -> io::Result<bool> {
        Ok(!wait(socket, PollFlags::IN, timeout)?.is_empty())
    }

    /// Waits until the send buffer has room, there is a complaint, or `timeout` has passed.
    pub(crate) fn wait_writable(socket: &UdpSocket, timeout: Duration) -> io::Result<Writable> {
        wait(socket, PollFlags::OUT, timeout).map(writable)
    }

    /// An error is reported by every wait, whatever it was for.
    fn writable(found: PollFlags) -> Writable {
        if found.contains(PollFlags::OUT) {
            Writable::Yes
        } else if found.contains(PollFlags::ERR) {
            Writable::Complaint
        } else {
            Writable::No
        }
    }

    fn wait(socket: &UdpSocket, flags: PollFlags, timeout: Duration) -> io::Result<PollFlags> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        let mut polled = [PollFd::new(socket, flags)];
        poll(&mut polled, Some(&timeout))?;
        let [polled] = polled;
        Ok(polled.revents())
    }

    /// Takes one entry off the socket's queue of ICMP errors: the address that we had sent to.
    /// `None` when the queue is empty.
    ///
    /// quinn-udp reads this queue too, but keeps only the machine that complained, without a port.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn next_complaint(socket: &UdpSocket) -> io::Result<Option<Option<SocketAddr>>> {
        use rustix::net::{RecvAncillaryBuffer, RecvFlags, recvmsg};

        let flags = RecvFlags::ERRQUEUE | RecvFlags::DONTWAIT;
        match recvmsg(
            socket,
            &mut [io::IoSliceMut::new(&mut [0])],
            &mut RecvAncillaryBuffer::default(),
            flags,
        ) {
            Ok(message) => Ok(Some(message.address.and_then(|any| any.try_into().ok()))),
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// There is no such queue here.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) fn next_complaint(_socket: &UdpSocket) -> io::Result<Option<Option<SocketAddr>>> {
        Ok(None)
    }

    /// Whether an error may mean that nothing leaves from the address that a datagram was to leave from. Linux says
    /// `ENETUNREACH` of an IPv4 address that is no longer ours and `EINVAL` of an IPv6 address, others
    /// `EADDRNOTAVAIL`; where the address is ours and the way from there is cut, it may be `EHOSTUNREACH`.
    pub(crate) fn may_be_of_source(error: &io::Error) -> bool {
        let errors = [
            Errno::INVAL,
            Errno::ADDRNOTAVAIL,
            Errno::NETUNREACH,
            Errno::HOSTUNREACH,
        ];
        Errno::from_io_error(error).is_some_and(|errno| errors.contains(&errno))
    }

    /// Whether a socket of both families is told an IPv4 address to send from as `::ffff:a.b.c.d`, as it
    /// names one that a datagram came to.
    pub(crate) const SOURCE_IS_MAPPED: bool = true;

    /// Whether our parent told the system to ignore a signal for us, as `nohup` does with hang-ups. Known on Linux
    /// only.
    pub(crate) fn is_ignored(signal: i32) -> bool {
        is_in("SigIgn:", signal)
    }

    /// Whether our parent has left us a signal blocked: it is kept, and nobody hears of it. Known on Linux only.
    pub(crate) fn is_blocked(signal: i32) -> bool {
        is_in("SigBlk:", signal)
    }

    fn is_in(mask: &str, signal: i32) -> bool {
        // The name of the program need not be text.
        std::fs::read("/proc/self/status")
            .is_ok_and(|status| has(&String::from_utf8_lossy(&status), mask, signal))
    }

    /// Whether a signal is in the mask of this name. Signal 1 is the lowest bit of the hexadecimal mask.
    fn has(status: &str, mask: &str, signal: i32) -> bool {
        let mask = status.lines().find_map(|line| line.strip_prefix(mask));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| {
            mask.checked_shr(signal.cast_unsigned() - 1)
                .is_some_and(|m| m & 1 == 1)
        })
    }

    /// Whether a complaint is always in the queue of [`next_complaint`], so that an error of the
    /// socket itself says nothing more.
    pub(crate) const COMPLAINTS_ARE_QUEUED: bool =
        cfg!(any(target_os = "linux", target_os = "android"));

    /// The numbers of errors after which a socket is beyond use: not a descriptor, not a socket.
    pub(crate) const DEAD: [i32; 2] = [Errno::BADF.raw_os_error(), Errno::NOTSOCK.raw_os_error()];

    /// The number of the error that says that this socket knows no address of that family.
    pub(crate) const NO_FAMILY: i32 = Errno::AFNOSUPPORT.raw_os_error();

    /// The number of the error that says that a host is down: Linux for ICMP's unknown host, others for one that does
    /// not answer on its own network.
    pub(crate) const HOST_DOWN: i32 = Errno::HOSTDOWN.raw_os_error();

    /// The numbers of the other errors that an ICMP error can become, and that mean nothing else for a datagram: host
    /// isolated, parameter problem or a code that nobody knows, no such protocol, source route failed.
    ///
    /// Source: Linux `net/ipv4/icmp.c` `icmp_err_convert`, `net/ipv4/udp.c` `__udp4_lib_err`, `net/ipv6/icmp.c`
    /// `icmpv6_err_convert`. Between them they give these four, [`HOST_DOWN`], and `ENETUNREACH`, `EHOSTUNREACH`,
    /// `ECONNREFUSED`, `EACCES` and `EMSGSIZE`.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) const ICMP_OTHER: &[i32] = &[
        Errno::NONET.raw_os_error(),
        Errno::PROTO.raw_os_error(),
        Errno::NOPROTOOPT.raw_os_error(),
        Errno::OPNOTSUPP.raw_os_error(),
    ];

    /// A socket that is connected to nobody hears of no ICMP error here.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(crate) const ICMP_OTHER: &[i32] = &[];

    /// The numbers of the errors by which Linux refuses a train, among other things: `EINVAL` and `EIO`.
    pub(crate) const NOT_TAKEN: &[i32] = &[Errno::INVAL.raw_os_error(), Errno::IO.raw_os_error()];

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::net::icmp::{IcmpKind, SocketError};

        #[test]
        fn an_error_is_no_room() {
            assert_eq!(writable(PollFlags::ERR), Writable::Complaint);
            assert_eq!(writable(PollFlags::ERR | PollFlags::OUT), Writable::Yes);
            assert_eq!(writable(PollFlags::OUT), Writable::Yes);
            assert_eq!(writable(PollFlags::empty()), Writable::No);
        }

        #[test]
        fn signals_that_are_ignored_or_blocked_are_read_from_their_masks() {
            let status = "Name:\tx\nSigBlk:\t2\nSigIgn:\t0000000000081001\nSigCgt:\t2\n";
            let of = |mask| (1..=64).filter(move |signal| has(status, mask, *signal));
            assert_eq!(of("SigIgn:").collect::<Vec<_>>(), [1, 13, 20]);
            assert_eq!(of("SigBlk:").collect::<Vec<_>>(), [2]);
            assert!(!has("Name:\tx\n", "SigIgn:", 1));
        }

        #[test]
        fn the_systems_own_numbers_are_understood() {
            let of = |errno: Errno| SocketError::classify(&errno.into());
            assert_eq!(of(Errno::CONNREFUSED), SocketError::Icmp(IcmpKind::Refused));
            assert_eq!(of(Errno::CONNRESET), SocketError::Icmp(IcmpKind::Refused));
            assert_eq!(
                of(Errno::NETUNREACH),
                SocketError::Icmp(IcmpKind::NetUnreachable)
            );
            assert_eq!(
                of(Errno::AFNOSUPPORT),
                SocketError::Icmp(IcmpKind::NetUnreachable)
            );
            assert_eq!(
                of(Errno::HOSTUNREACH),
                SocketError::Icmp(IcmpKind::HostUnreachable)
            );
            assert_eq!(
                of(Errno::HOSTDOWN),
                SocketError::Icmp(IcmpKind::HostUnreachable)
            );
            assert_eq!(of(Errno::MSGSIZE), SocketError::Icmp(IcmpKind::TooBig));
            assert_eq!(of(Errno::PERM), SocketError::Icmp(IcmpKind::Prohibited));
            assert_eq!(of(Errno::ACCESS), SocketError::Icmp(IcmpKind::Prohibited));
            for &number in ICMP_OTHER {
                let error = io::Error::from_raw_os_error(number);
                let said = SocketError::classify(&error);
                assert_eq!(said, SocketError::Icmp(IcmpKind::Other), "{error}");
            }
            assert_eq!(of(Errno::INTR), SocketError::Idle);
            assert_eq!(of(Errno::AGAIN), SocketError::Idle);
            assert_eq!(of(Errno::INVAL), SocketError::NotTaken);
            assert_eq!(of(Errno::IO), SocketError::NotTaken);
            assert_eq!(of(Errno::NOBUFS), SocketError::Passing);
            assert_eq!(of(Errno::NOMEM), SocketError::Passing);
            assert_eq!(of(Errno::BADF), SocketError::Dead);
            assert_eq!(of(Errno::NOTSOCK), SocketError::Dead);
        }
    }
}

#[cfg(windows)]
mod imp {
    use super::{Duration, SocketAddr, UdpSocket, UdpSocketState, Writable, io};

    use std::time::Instant;

    use crate::net::udp::{RECV_WAIT, SEND_WAIT};

    /// How much time there was before a clock is made: what an earlier program has heard has its place there.
    const BEFORE: Duration = Duration::from_secs(400 * 86_400);

    /// Time since [`BEFORE`] it was made.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Monotonic(Instant);

    impl Monotonic {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        pub(crate) fn new() -> Self {
            Self(Instant::now())
        }

        /// Time since an arbitrary point. The performance counter behind it counts sleep.
        pub(crate) fn elapsed(&self) -> Duration {
            BEFORE.saturating_add(self.0.elapsed())
        }
    }

    /// Makes a socket that quinn-udp has made non-blocking block again, with time limits: each
    /// receive takes one buffer here, so that nothing is gained by waiting separately.
    pub(crate) fn prepare(socket: &UdpSocket, _state: &UdpSocketState) -> io::Result<()> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(RECV_WAIT))?;
        socket.set_write_timeout(Some(SEND_WAIT))
    }

    /// The receive waits as long as [`prepare`] has said.
    pub(crate) const WAITS_SHORTLY: bool = false;

    /// The receive itself waits.
    pub(crate) fn wait_readable(_socket: &UdpSocket, _timeout: Duration) -> io::Result<bool> {
        Ok(true)
    }

    /// The send itself has waited.
    pub(crate) fn wait_writable(_socket: &UdpSocket, _timeout: Duration) -> io::Result<Writable> {
        Ok(Writable::No)
    }

    /// There is no queue: `WSAECONNRESET` from a receive is all that is said.
    pub(crate) fn next_complaint(_socket: &UdpSocket) -> io::Result<Option<Option<SocketAddr>>> {
        Ok(None)
    }

    /// `WSAEINVAL`, and from `WSAEADDRNOTAVAIL` to `WSAENETUNREACH`, and `WSAEHOSTUNREACH`.
    pub(crate) fn may_be_of_source(error: &io::Error) -> bool {
        matches!(
            error.raw_os_error(),
            Some(10_022 | 10_049..=10_051 | 10_065)
        )
    }

    /// IPv4 has its own control message here, from sockets of both families.
    pub(crate) const SOURCE_IS_MAPPED: bool = false;

    /// There is nothing like it.
    pub(crate) fn is_ignored(_signal: i32) -> bool {
        false
    }

    /// Nothing is queued.
    pub(crate) const COMPLAINTS_ARE_QUEUED: bool = false;

    /// `WSAEBADF` and `WSAENOTSOCK`.
    pub(crate) const DEAD: [i32; 2] = [10_009, 10_038];

    /// `WSAEAFNOSUPPORT`.
    pub(crate) const NO_FAMILY: i32 = 10_047;

    /// `WSAEHOSTDOWN`.
    pub(crate) const HOST_DOWN: i32 = 10_064;

    /// Winsock says no more of ICMP errors than what is read by number everywhere.
    pub(crate) const ICMP_OTHER: &[i32] = &[];

    /// `WSAEINVAL` is read by number everywhere.
    pub(crate) const NOT_TAKEN: &[i32] = &[];
}
