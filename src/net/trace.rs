//! A record of every datagram, for `--trace`. Written by a thread of its own, so that the threads which send and
//! receive never wait for a disk: what it cannot follow is left out and counted.

use core::fmt::Write as _;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvError, TryRecvError};

use crate::net::background::{Background, Noted, TO_FINISH};
use crate::net::key_log::{KeyLog, KeyLogConfig};
use crate::net::pcapng::{self, Captured};
use crate::proto::{Disclosure, DropReason, Finding, Ruling};
use crate::time::Instant;
use crate::wire::limits::MAX_DATAGRAM_LEN;
use crate::wire::packet::{Packet, Part};

/// Datagrams that wait for the disk: 6 MiB of full ones, a fifth of a second at 250 Mbit/s.
const MAX_WAITING: usize = 4_096;

const _: () = assert!(MAX_WAITING * MAX_DATAGRAM_LEN <= 6 << 20);

/// Bytes of a file, after which nothing more is written: an hour at 140 kbit/s.
pub const TRACE_MAX_LEN: u64 = 64 << 20;

/// Findings that one comment has room for; more are only counted.
const MAX_FINDINGS: usize = 4;

/// What became of a datagram, as far as it was known at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// The system took it.
    Sent,
    /// The system did not take it.
    NotSent,
    /// It opened under a key, and its counter is new.
    Opened,
    /// A handshake datagram that the core ruled on.
    Ruled(Ruling),
    /// Dropped before the core saw it.
    Dropped(DropReason),
}

/// Why a trace ended before the program did.
#[derive(Debug)]
pub enum TraceEnd {
    /// As many bytes are written as are allowed.
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
    /// How the keys to it are written down, if somebody asked for that.
    pub keys: Option<KeyLogConfig>,
}

/// A copy of a datagram, as far as it is recorded: whole if it can be ours. A stranger's may be 45 times as long.
#[derive(Debug)]
pub(super) struct Excerpt {
    bytes: Vec<u8>,
    /// Bytes of the whole datagram.
    len: usize,
}

impl Excerpt {
    pub(super) fn of(datagram: &[u8]) -> Self {
        let len = datagram.len();
        let kept = datagram.get(..MAX_DATAGRAM_LEN).unwrap_or(datagram);
        Self {
            bytes: kept.to_vec(),
            len,
        }
    }

    /// As what it reads; nothing that was cut is ours.
    fn packet(&self) -> Option<Packet<'_>> {
        let is_whole = self.bytes.len() == self.len;
        Packet::parse(&self.bytes).ok().filter(|_| is_whole)
    }
}

enum Item {
    Datagram {
        at: Instant,
        peer: SocketAddr,
        excerpt: Excerpt,
        fate: Fate,
    },
    /// What came of a handshake message, which is no datagram: it goes into the next one's comment.
    Finding(Finding),
}

/// A trace that is being written. Dropping the last of it writes what waits.
pub struct Trace {
    items: Background<Item>,
    keys: Option<KeyLog>,
    /// Whether nothing is written any more.
    has_ended: Arc<AtomicBool>,
}

impl core::fmt::Debug for Trace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Trace")
    }
}

impl Trace {
    /// Starts the thread that writes, and one for the keys if these are wanted.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn start(mut config: TraceConfig) -> io::Result<Arc<Self>> {
        let keys = config.keys.take().map(KeyLog::start).transpose()?;
        let has_ended = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&has_ended);
        let body = move |waiting: &Receiver<_>, _: &_| {
            let end = write_all(&mut config, waiting);
            ended.store(true, Ordering::Relaxed);
            if let Some(end) = end {
                (config.on_end)(end);
            }
        };
        Ok(Arc::new(Self {
            items: Background::start("trace", MAX_WAITING, body)?,
            keys,
            has_ended,
        }))
    }

    /// Notes a datagram to or from `peer`.
    pub(super) fn note(&self, at: Instant, peer: SocketAddr, excerpt: Excerpt, fate: Fate) {
        self.items.note(Item::Datagram {
            at,
            peer,
            excerpt,
            fate,
        });
    }

    /// Notes what came of a handshake message.
    pub(super) fn note_finding(&self, finding: Finding) {
        self.items.note(Item::Finding(finding));
    }

    /// Whether the keys to what is recorded are wanted: not those to what comes after the record has ended.
    pub(super) fn wants_keys(&self) -> bool {
        self.keys.is_some() && !self.has_ended.load(Ordering::Relaxed)
    }

    /// Notes the keys to what will be recorded.
    pub(super) fn note_keys(&self, disclosed: Disclosure) {
        if let Some(keys) = &self.keys {
            keys.note(disclosed);
        }
    }

    /// Writes what waits, and ends; a second later at most, and one for the keys, if a disk takes nothing. A second time
    /// it does nothing.
    pub(super) fn finish(&self) {
        if let Some(keys) = &self.keys {
            keys.close();
        }
        self.items.finish_within(TO_FINISH);
        if let Some(keys) = &self.keys {
            keys.finish_within(TO_FINISH);
        }
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Writes until nobody notes anything any more, or says why it cannot.
fn write_all(config: &mut TraceConfig, waiting: &Receiver<Noted<Item>>) -> Option<TraceEnd> {
    let mut written = 0;
    let mut before = Before::default();
    let mut next = pcapng::header();
    loop {
        // The last block that fits says that it is the last.
        if written + next.len() as u64 > config.limit {
            let flushed = config.file.flush();
            return Some(flushed.map_or_else(TraceEnd::Failed, |()| TraceEnd::Full));
        }
        if let Err(error) = config.file.write_all(&next) {
            return Some(TraceEnd::Failed(error));
        }
        written += next.len() as u64;
        next = match next_block(config, waiting, &mut before) {
            Ok(Some(block)) => block,
            Ok(None) => return None,
            Err(error) => return Some(TraceEnd::Failed(error)),
        };
    }
}

/// Waits for the next datagram; none if there will be no more.
fn next_block(
    config: &mut TraceConfig,
    waiting: &Receiver<Noted<Item>>,
    before: &mut Before,
) -> io::Result<Option<Vec<u8>>> {
    loop {
        let noted = match waiting.try_recv() {
            Ok(noted) => noted,
            Err(TryRecvError::Disconnected) => return config.file.flush().map(|()| None),
            // Whoever looks at the file meanwhile finds all that has happened.
            Err(TryRecvError::Empty) => {
                config.file.flush()?;
                match waiting.recv() {
                    Ok(noted) => noted,
                    Err(RecvError) => return Ok(None),
                }
            }
        };
        before.missing += noted.missing;
        match noted.item {
            Item::Finding(finding) => before.add(finding),
            Item::Datagram {
                at,
                peer,
                excerpt,
                fate,
            } => {
                let local = (config.local)(peer);
                let is_out = matches!(fate, Fate::Sent | Fate::NotSent);
                let (from, to) = if is_out { (local, peer) } else { (peer, local) };
                let comment = comment(&excerpt, fate, &core::mem::take(before));
                return Ok(Some(pcapng::block(&Captured {
                    at_us: config.epoch_us.saturating_add(at.as_micros()),
                    from,
                    to,
                    is_out,
                    bytes: &excerpt.bytes,
                    len: excerpt.len,
                    comment: &comment,
                })));
            }
        }
    }
}

/// What has happened since the datagram before.
#[derive(Default)]
struct Before {
    findings: Vec<Finding>,
    /// Findings beyond [`MAX_FINDINGS`].
    more: u64,
    /// What could not be noted.
    missing: u64,
}

impl Before {
    fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}

/// What is known of a datagram beside its bytes: words of ours and numbers, a few hundred bytes at most.
fn comment(excerpt: &Excerpt, fate: Fate, before: &Before) -> String {
    let mut text = String::new();
    let _ = match excerpt.packet() {
        Some(Packet::Init(init)) => write!(text, "INIT part {}", number(init.part)),
        Some(Packet::Resp(resp)) => write!(text, "RESP part {}", number(resp.part)),
        Some(Packet::Cookie(_)) => write!(text, "COOKIE"),
        Some(Packet::Data(data)) => write!(text, "DATA counter {}", data.counter.0),
        None => write!(text, "not ours"),
    };
    let _ = match fate {
        Fate::Sent => write!(text, ": sent"),
        Fate::NotSent => write!(text, ": not sent: the system did not take it"),
        Fate::Opened => write!(text, ": accepted"),
        Fate::Ruled(Ruling::Dropped(reason)) | Fate::Dropped(reason) => {
            write!(text, ": dropped: {reason}")
        }
        Fate::Ruled(ruling) => write!(text, ": accepted: {ruling}"),
    };
    for finding in &before.findings {
        let _ = write!(text, "; before it {finding}");
    }
    if before.more > 0 {
        let _ = write!(text, "; before it {} more such findings", before.more);
    }
    if before.missing > 0 {
        let _ = write!(text, "; {} records before it are missing", before.missing);
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

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::Mutex;
    use std::sync::mpsc::channel;

    use super::*;
    use crate::id::{Counter, SessionIndex};
    use crate::sync::thread::start;
    use crate::wire::limits::{DATA_HEADER_LEN, TAG_LEN};
    use crate::wire::packet::Data;

    /// Against hanging only.
    const PATIENCE: Duration = Duration::from_secs(60);

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

    type Ends = Arc<Mutex<Vec<String>>>;

    fn config(file: &Memory, limit: u64, ends: &Ends) -> TraceConfig {
        let told = Arc::clone(ends);
        TraceConfig {
            file: Box::new(file.clone()),
            limit,
            epoch_us: 1_000_000,
            local: Box::new(|_| SocketAddr::from(([192, 0, 2, 1], 7419))),
            on_end: Box::new(move |end| told.lock().unwrap().push(format!("{end:?}"))),
            keys: None,
        }
    }

    fn note(trace: &Trace, number: u64) {
        let peer = SocketAddr::from(([192, 0, 2, 2], 5000));
        let at = Instant::from_micros(number);
        let excerpt = Excerpt::of(&[9; 96]);
        trace.note(at, peer, excerpt, Fate::Dropped(DropReason::Replayed));
    }

    fn traced(count: u64, limit: u64, room: usize) -> (Vec<u8>, Vec<String>) {
        let (file, ends) = (Memory(Arc::default(), room), Ends::default());
        let trace = Trace::start(config(&file, limit, &ends)).unwrap();
        (0..count).for_each(|number| note(&trace, number));
        // Its end leaves to the thread what takes longer than a second.
        trace.items.finish_within(PATIENCE);
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

    /// Of the longest that UDP carries as much is kept as of the longest of ours, which is whole.
    #[test]
    fn no_datagram_of_a_stranger_costs_more_than_the_longest_of_ours() {
        let ours = Data {
            receiver: SessionIndex(7),
            counter: Counter(1),
        };
        let longest = ours.lay_out(&[0; MAX_DATAGRAM_LEN - DATA_HEADER_LEN - TAG_LEN]);
        let whole = Excerpt::of(&longest);
        assert_eq!((whole.bytes.as_slice(), whole.len), (&longest[..], 1_472));
        assert!(whole.packet().is_some());
        let cut = Excerpt::of(&[longest, vec![0; 65_507 - 1_472]].concat());
        assert_eq!((cut.bytes.capacity(), cut.len), (1_472, 65_507));
        assert!(cut.packet().is_none(), "it only begins as ours");
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
    fn what_came_of_a_message_is_told_with_the_next_datagram_and_bounded() {
        let finding = Finding::for_testing_only();
        let mut before = Before::default();
        (0..1_000).for_each(|_| before.add(finding));
        before.missing = u64::MAX;
        let text = comment(&Excerpt::of(&[4; 40]), Fate::Ruled(Ruling::Kept), &before);
        assert!(text.len() < 512, "{text}");
        assert_eq!(text.matches(&finding.to_string()).count(), MAX_FINDINGS);
        assert!(text.contains("996 more such findings"), "{text}");
    }

    #[test]
    fn no_key_is_wanted_that_opens_nothing_of_the_record() {
        let (file, keys, ends) = (
            Memory(Arc::default(), usize::MAX),
            Memory(Arc::default(), usize::MAX),
            Ends::default(),
        );
        let log = KeyLogConfig {
            file: Box::new(keys),
            limit: u64::MAX,
            on_end: Box::new(|end| panic!("{end:?}")),
        };
        let with_keys = TraceConfig {
            keys: Some(log),
            ..config(&file, 2_000, &ends)
        };
        let trace = Trace::start(with_keys).unwrap();
        assert!(trace.wants_keys());
        (0..100).for_each(|number| note(&trace, number));
        trace.items.finish_within(PATIENCE);
        assert!(!trace.wants_keys(), "the record is full");
        let without = Trace::start(config(&file, TRACE_MAX_LEN, &ends)).unwrap();
        assert!(!without.wants_keys(), "nobody asked for them");
    }

    /// A disk that takes nothing as long as the other end of this lives.
    struct Stuck(Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_end_does_not_wait_for_a_disk_that_takes_nothing() {
        let ((_hangs, gate), (_keys_hang, keys_gate)) = (channel(), channel());
        let nothing_ends = || Box::new(|end| panic!("{end:?}"));
        let trace = Trace::start(TraceConfig {
            file: Box::new(Stuck(gate)),
            on_end: nothing_ends(),
            keys: Some(KeyLogConfig {
                file: Box::new(Stuck(keys_gate)),
                limit: u64::MAX,
                on_end: nothing_ends(),
            }),
            ..config(&Memory(Arc::default(), 0), TRACE_MAX_LEN, &Ends::default())
        })
        .unwrap();
        let (tell, told) = channel();
        let ends = move || {
            trace.finish();
            // As a driver does that is stopped, and dropped.
            drop(trace);
            tell.send(()).unwrap();
        };
        let ending = start("test", ends).unwrap();
        told.recv_timeout(PATIENCE).expect("it hangs");
        ending.join().unwrap();
    }
}
