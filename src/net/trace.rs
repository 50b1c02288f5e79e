//! A record of every datagram, for `--trace`: pcapng, as Wireshark reads it. Written by a thread of its own, so
//! that the threads which send and receive never wait for a disk: what it cannot follow is left out and counted.
//!
//! Source: draft-ietf-opsawg-pcapng, §§4.1 (section header), 4.2 (interface description), 4.3 (enhanced packet),
//! 3.5 (options).

use core::fmt::Write as _;
use core::sync::atomic::{AtomicU64, Ordering};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::proto::DropReason;
use crate::time::Instant;
use crate::wire::packet::{Packet, Part};

/// Datagrams that wait for the disk: 6 MiB of full ones, a fifth of a second at 250 Mbit/s.
const MAX_WAITING: usize = 4_096;

/// Bytes of a file, after which nothing more is written: an hour at 140 kbit/s.
pub const TRACE_MAX_LEN: u64 = 64 << 20;

/// What became of a datagram, as far as the threads around the core can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The system took it.
    Sent,
    /// It opened under a key, and its counter is new.
    Opened,
    /// It passed the first look, and the core judges it.
    Handshake,
    /// Dropped.
    Dropped(DropReason),
}

/// Why a trace ended before the program did.
#[derive(Debug)]
pub enum TraceEnd {
    /// [`TRACE_MAX_LEN`] bytes are written.
    Full,
    /// The file cannot be written.
    Failed(io::Error),
}

/// How a trace is made.
pub struct TraceConfig {
    /// Where it goes.
    pub file: Box<dyn Write + Send>,
    /// Most bytes of it.
    pub limit: u64,
    /// Microseconds between our clock's zero and 1970.
    pub epoch_us: u64,
    /// The address that we have towards another one.
    pub local: Box<dyn Fn(SocketAddr) -> SocketAddr + Send>,
    /// Called once, on the trace's thread, if it ends before the program.
    pub on_end: Box<dyn Fn(TraceEnd) + Send>,
}

struct Record {
    at: Instant,
    peer: SocketAddr,
    bytes: Vec<u8>,
    fate: Fate,
    /// Datagrams that could not be noted before this one.
    missing: u64,
}

/// A trace that is being written. Dropping the last of it writes what waits.
pub struct Trace {
    records: Mutex<Option<SyncSender<Record>>>,
    missing: AtomicU64,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl core::fmt::Debug for Trace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Trace")
    }
}

impl Trace {
    /// Starts the thread that writes.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn start(config: TraceConfig) -> io::Result<Arc<Self>> {
        let (records, waiting) = sync_channel(MAX_WAITING);
        let thread = Builder::new().name("trace".to_owned());
        let writer = thread.spawn(move || write_all(config, &waiting))?;
        Ok(Arc::new(Self {
            records: Mutex::new(Some(records)),
            missing: AtomicU64::new(0),
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// Notes a datagram to or from `peer`.
    pub(super) fn note(&self, at: Instant, peer: SocketAddr, bytes: Vec<u8>, fate: Fate) {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = &*records else { return };
        let missing = self.missing.swap(0, Ordering::Relaxed);
        let record = Record {
            at,
            peer,
            bytes,
            fate,
            missing,
        };
        if let Err(TrySendError::Full(_)) = sender.try_send(record) {
            self.missing.fetch_add(missing + 1, Ordering::Relaxed);
        }
    }
}

impl Trace {
    /// Writes what waits, and ends.
    pub(super) fn finish(&self) {
        let lock = |mutex: &Mutex<Option<SyncSender<Record>>>| {
            mutex.lock().unwrap_or_else(PoisonError::into_inner).take()
        };
        drop(lock(&self.records));
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            // A panic has been noted by the thread itself.
            let _ = writer.join();
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.finish();
    }
}

fn write_all(mut config: TraceConfig, waiting: &Receiver<Record>) {
    let mut written = 0;
    let mut next = header();
    loop {
        // The last block that fits says that it is the last.
        if written + next.len() as u64 > config.limit {
            let _ = config.file.flush();
            return (config.on_end)(TraceEnd::Full);
        }
        if let Err(error) = config.file.write_all(&next) {
            return (config.on_end)(TraceEnd::Failed(error));
        }
        written += next.len() as u64;
        let Ok(record) = waiting.recv() else { break };
        let local = (config.local)(record.peer);
        next = block(&record, local, config.epoch_us);
    }
    if let Err(error) = config.file.flush() {
        (config.on_end)(TraceEnd::Failed(error));
    }
}

/// Section header and interface description. Everything is little-endian, as the magic number says.
fn header() -> Vec<u8> {
    const LINKTYPE_RAW: u16 = 101;
    let mut section = Vec::new();
    section.extend(0x1a2b_3c4d_u32.to_le_bytes());
    section.extend([1, 0, 0, 0]);
    // Its length is not known beforehand.
    section.extend([0xff; 8]);
    option(
        &mut section,
        4,
        concat!("securechat ", env!("CARGO_PKG_VERSION")).as_bytes(),
    );
    end_options(&mut section);
    let mut interface = Vec::new();
    interface.extend(LINKTYPE_RAW.to_le_bytes());
    interface.extend([0; 6]);
    let mut out = enclose(0x0a0d_0d0a, &section);
    out.extend(enclose(1, &interface));
    out
}

fn block(record: &Record, local: SocketAddr, epoch_us: u64) -> Vec<u8> {
    let is_out = record.fate == Fate::Sent;
    let (from, to) = if is_out {
        (local, record.peer)
    } else {
        (record.peer, local)
    };
    let packet = with_headers(from, to, &record.bytes);
    let len = u32::try_from(packet.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    let at = epoch_us.saturating_add(record.at.as_micros());
    let [a, b, c, d, e, f, g, h] = at.to_le_bytes();
    let mut body = vec![0; 4];
    body.extend([e, f, g, h, a, b, c, d]);
    body.extend(len);
    body.extend(len);
    body.extend(&packet);
    pad(&mut body);
    option(&mut body, 1, comment(record).as_bytes());
    let direction: u32 = if is_out { 2 } else { 1 };
    option(&mut body, 2, &direction.to_le_bytes());
    end_options(&mut body);
    enclose(6, &body)
}

/// What is known of a datagram beside its bytes.
fn comment(record: &Record) -> String {
    let mut text = String::new();
    let _ = match Packet::parse(&record.bytes) {
        Ok(Packet::Init(init)) => write!(text, "INIT part {}", number(init.part)),
        Ok(Packet::Resp(resp)) => write!(text, "RESP part {}", number(resp.part)),
        Ok(Packet::Cookie(_)) => write!(text, "COOKIE"),
        Ok(Packet::Data(data)) => write!(text, "DATA counter {}", data.counter.0),
        Err(_) => write!(text, "not ours"),
    };
    let _ = match record.fate {
        Fate::Sent => write!(text, ": sent"),
        Fate::Opened => write!(text, ": accepted"),
        Fate::Handshake => write!(text, ": accepted at first look"),
        Fate::Dropped(reason) => write!(text, ": dropped: {reason}"),
    };
    if record.missing > 0 {
        let _ = write!(text, "; {} datagrams before it are missing", record.missing);
    }
    text
}

/// As on the wire.
const fn number(part: Part) -> u8 {
    match part {
        Part::First => 0,
        Part::Second => 1,
    }
}

/// The datagram with headers of IP and UDP, which we never see.
fn with_headers(from: SocketAddr, to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let udp_len = u16::try_from(bytes.len() + 8).unwrap_or(u16::MAX);
    let mut udp = Vec::with_capacity(bytes.len() + 8);
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend(udp_len.to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(bytes);
    match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let (from, to) = (from.octets(), to.octets());
            checksum_udp(&mut udp, &from, &to);
            let total = udp_len.saturating_add(20).to_be_bytes();
            let mut ip = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 17, 0, 0];
            ip.extend(from);
            ip.extend(to);
            let sum = checksum([&ip[..]]).to_be_bytes();
            ip.splice(10..12, sum);
            ip.extend(udp);
            ip
        }
        (from, to) => {
            let [from, to] = [from, to].map(|ip| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            });
            checksum_udp(&mut udp, &from, &to);
            let len = udp_len.to_be_bytes();
            let mut ip = vec![0x60, 0, 0, 0, len[0], len[1], 17, 64];
            ip.extend(from);
            ip.extend(to);
            ip.extend(udp);
            ip
        }
    }
}

fn checksum_udp(udp: &mut Vec<u8>, from: &[u8], to: &[u8]) {
    let len = u32::try_from(udp.len()).unwrap_or(u32::MAX).to_be_bytes();
    let sum = match checksum([from, to, &len, &[0, 0, 0, 17], udp]) {
        0 => 0xffff,
        sum => sum,
    };
    udp.splice(6..8, sum.to_be_bytes());
}

/// RFC 1071. All parts but the last have an even length.
fn checksum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    let mut sum = 0_u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(len.to_le_bytes());
    body.extend(value.iter().take(usize::from(len)));
    pad(body);
}

fn end_options(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

/// Type and total length around a block's body, the length at both ends.
fn enclose(kind: u32, body: &[u8]) -> Vec<u8> {
    let total = u32::try_from(body.len() + 12)
        .unwrap_or(u32::MAX)
        .to_le_bytes();
    [&kind.to_le_bytes()[..], &total, body, &total].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in memory that is full after so many bytes.
    #[derive(Clone)]
    struct Memory(Arc<Mutex<Vec<u8>>>, usize);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut all = self.0.lock().unwrap();
            if all.len() + bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            all.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn traced(count: u64, limit: u64, room: usize) -> (Vec<u8>, Vec<String>) {
        let file = Memory(Arc::default(), room);
        let ends = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&ends);
        let trace = Trace::start(TraceConfig {
            file: Box::new(file.clone()),
            limit,
            epoch_us: 1_000_000,
            local: Box::new(|_| SocketAddr::from(([192, 0, 2, 1], 7419))),
            on_end: Box::new(move |end| told.lock().unwrap().push(format!("{end:?}"))),
        })
        .unwrap();
        let peer = SocketAddr::from(([192, 0, 2, 2], 5000));
        for number in 0..count {
            let at = Instant::from_micros(number);
            trace.note(at, peer, vec![9; 96], Fate::Dropped(DropReason::Replayed));
        }
        drop(trace);
        let all = file.0.lock().unwrap().clone();
        let ends = ends.lock().unwrap().clone();
        (all, ends)
    }

    /// The types of the blocks; each has its length at both ends.
    fn blocks(mut all: &[u8]) -> Vec<u32> {
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        let mut kinds = Vec::new();
        while !all.is_empty() {
            let total = number(&all[4..8]) as usize;
            assert_eq!(number(&all[total - 4..total]) as usize, total);
            kinds.push(number(&all[..4]));
            all = &all[total..];
        }
        kinds
    }

    #[test]
    fn a_file_is_a_section_an_interface_and_a_block_for_each_datagram() {
        let (all, ends) = traced(3, TRACE_MAX_LEN, usize::MAX);
        assert_eq!(blocks(&all), [0x0a0d_0d0a, 1, 6, 6, 6]);
        assert!(ends.is_empty());
        let text = String::from_utf8_lossy(&all);
        assert_eq!(text.matches("not ours: dropped: replayed").count(), 3);
    }

    #[test]
    fn a_file_ends_at_its_bound_with_a_whole_block_and_that_is_told_once() {
        let (all, ends) = traced(100, 2_000, usize::MAX);
        assert!(all.len() <= 2_000 && all.len() > 1_700);
        blocks(&all);
        assert_eq!(ends, ["Full"]);
    }

    #[test]
    fn a_full_disk_is_told_once_and_nobody_waits_for_it() {
        let (_, ends) = traced(10_000, TRACE_MAX_LEN, 1_000);
        assert_eq!(ends.len(), 1);
        assert!(ends[0].starts_with("Failed("), "{ends:?}");
    }

    #[test]
    fn headers_have_right_checksums() {
        for (from, to) in [
            ("192.0.2.1:7419", "198.51.100.7:9"),
            ("[2001:db8::1]:7419", "[2001:db8::2]:9"),
        ] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let packet = with_headers(from, to, b"odd");
            let header = if from.is_ipv4() { 20 } else { 40 };
            let addresses = if from.is_ipv4() { 12..20 } else { 8..40 };
            let udp = &packet[header..];
            if from.is_ipv4() {
                assert_eq!(checksum([&packet[..20]]), 0);
            }
            let len = u32::try_from(udp.len()).unwrap().to_be_bytes();
            let sum = checksum([&packet[addresses], &len, &[0, 0, 0, 17], udp]);
            assert_eq!(sum, 0);
        }
    }
}
