//! Looks for needles, and for parts of them, in another process's memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};

/// How many bytes in a row are a leak: half a key.
const PIECE: usize = 16;
const PAGE: usize = 4096;

/// A secret in one of the forms in which memory may hold it.
#[derive(Debug)]
pub(crate) struct Needle {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Finds every piece of every needle in one pass.
pub(crate) struct Finder {
    needles: Vec<Needle>,
    /// Every `PIECE` bytes in a row of every needle, sorted, with the needle and the offset in it.
    pieces: Vec<([u8; PIECE], usize, usize)>,
    /// Which values the first two bytes of a piece have.
    beginnings: Vec<bool>,
}

/// How many pieces in a row were found, by needle and by the address where it would begin.
pub(crate) struct Found {
    copies: BTreeMap<(usize, u64), usize>,
    regions: Vec<Region>,
}

/// A part of the other process's memory.
struct Region {
    start: u64,
    end: u64,
    /// Whether a thread's stack is in it.
    is_stack: bool,
    /// The line of `/proc/PID/maps`.
    line: String,
}

impl Finder {
    pub(crate) fn new(needles: Vec<Needle>) -> Self {
        let mut pieces = Vec::new();
        let mut beginnings = vec![false; 1 << 16];
        for (number, needle) in needles.iter().enumerate() {
            assert!(needle.bytes.len() >= PIECE, "{}", needle.name);
            for (offset, piece) in needle.bytes.windows(PIECE).enumerate() {
                pieces.push((piece.try_into().unwrap(), number, offset));
                beginnings[beginning(piece)] = true;
            }
        }
        pieces.sort_unstable();
        Self {
            needles,
            pieces,
            beginnings,
        }
    }

    /// Scans what a process can write: heap, stacks, static data and anonymous mappings. It must stand
    /// still meanwhile.
    pub(crate) fn scan(&self, process: u32) -> Result<Found> {
        let regions = regions(process)?;
        let mut memory = File::open(format!("/proc/{process}/mem"))?;
        let mut copies = BTreeMap::new();
        for region in &regions {
            let length = usize::try_from(region.end - region.start).unwrap();
            let mut bytes = vec![0; length];
            memory.seek(SeekFrom::Start(region.start))?;
            memory.read_exact(&mut bytes)?;
            self.find(region.start, &bytes, &mut copies);
        }
        Ok(Found { copies, regions })
    }

    fn find(&self, start: u64, bytes: &[u8], copies: &mut BTreeMap<(usize, u64), usize>) {
        for page in (0..bytes.len()).step_by(PAGE) {
            // Most pages were never used. What begins in one with zeros is found by its other pieces.
            if bytes[page..].starts_with(&[0; PAGE]) {
                continue;
            }
            let end = (page + PAGE).min(bytes.len() - (PIECE - 1));
            for at in page..end {
                if self.beginnings[beginning(&bytes[at..])] {
                    let address = start + at as u64;
                    self.compare(address, &bytes[at..at + PIECE], copies);
                }
            }
        }
    }

    fn compare(&self, address: u64, bytes: &[u8], copies: &mut BTreeMap<(usize, u64), usize>) {
        let first = self
            .pieces
            .partition_point(|(piece, ..)| &piece[..] < bytes);
        let same = self.pieces[first..]
            .iter()
            .take_while(|(piece, ..)| piece == bytes);
        for (_, needle, offset) in same {
            *copies
                .entry((*needle, address - *offset as u64))
                .or_default() += 1;
        }
    }

    /// Says what is wrong: of a needle `in_use` there is no whole copy, or there is a piece of it on a
    /// stack; of any other there is a piece anywhere.
    pub(crate) fn judge(&self, point: &str, in_use: &[String], found: &Found) -> Vec<String> {
        let is_known = |name: &String| self.needles.iter().any(|needle| needle.name == *name);
        assert!(in_use.iter().all(is_known), "{point}: {in_use:?}");
        let mut wrong = Vec::new();
        for (number, needle) in self.needles.iter().enumerate() {
            let name = &needle.name;
            let is_in_use = in_use.contains(name);
            let copies = found.copies.iter().filter(|((of, _), _)| *of == number);
            let mut is_whole = false;
            for ((_, address), count) in copies {
                let length = count + PIECE - 1;
                let region = found.region(*address);
                is_whole |= length == needle.bytes.len();
                if region.is_stack || !is_in_use {
                    let line = &region.line;
                    wrong.push(format!(
                        "{point}: {length} bytes of {name} at {address:#x}: {line}"
                    ));
                }
            }
            if is_in_use && !is_whole {
                wrong.push(format!("{point}: {name} is in use and not found"));
            }
        }
        wrong
    }
}

impl Found {
    fn region(&self, address: u64) -> &Region {
        let mut regions = self.regions.iter();
        // The needle may begin in front of the region that its piece is in.
        regions.find(|region| address < region.end).unwrap()
    }
}

/// Whether the system keeps other processes' memory from us.
pub(crate) fn is_refused(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::NotFound
    )
}

fn beginning(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// What the process can write, and what belongs to no file.
fn regions(process: u32) -> Result<Vec<Region>> {
    let stacks = stacks(process)?;
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"))?;
    let mut regions: Vec<Region> = maps.lines().filter_map(region).collect();
    for region in &mut regions {
        let mut stacks = stacks.iter();
        region.is_stack = stacks.any(|pointer| (region.start..region.end).contains(pointer));
    }
    Ok(regions)
}

/// Every thread's stack pointer, once they all stand still.
fn stacks(process: u32) -> Result<Vec<u64>> {
    let mut pointers = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let path = thread?.path().join("syscall");
        pointers.push(loop {
            // The number and the arguments, then the stack pointer and where it came from.
            let call = std::fs::read_to_string(&path)?;
            let pointer = call.split_whitespace().rev().nth(1);
            if let Some(digits) = pointer.and_then(|word| word.strip_prefix("0x")) {
                break u64::from_str_radix(digits, 16).unwrap();
            }
            std::thread::yield_now();
        });
    }
    Ok(pointers)
}

/// Reads a line such as `7f0c-7f0d rw-p 00000000 00:00 0   [heap]`.
fn region(line: &str) -> Option<Region> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let permissions = words.next()?;
    let is_of_the_kernel = line.contains("[v");
    let is_readable = permissions.starts_with('r') && !is_of_the_kernel;
    let is_anonymous = words.nth(2)? == "0";
    let is_wanted = is_readable && (is_anonymous || permissions.contains('w'));
    is_wanted.then(|| Region {
        start: u64::from_str_radix(start, 16).unwrap(),
        end: u64::from_str_radix(end, 16).unwrap(),
        is_stack: false,
        line: line.to_owned(),
    })
}
