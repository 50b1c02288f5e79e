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

    /// Says what is wrong: a needle `in_use` of which there is no whole copy, and a piece of any other.
    pub(crate) fn judge(&self, point: &str, in_use: &[String], found: &Found) -> Vec<String> {
        for name in in_use {
            assert!(
                self.needles.iter().any(|needle| needle.name == *name),
                "{name}"
            );
        }
        let missing = self.needles.iter().enumerate().filter(|(number, needle)| {
            let pieces = needle.bytes.len() - (PIECE - 1);
            let is_whole = |((copied, _), count): (&(usize, u64), &usize)| {
                copied == number && *count == pieces
            };
            in_use.contains(&needle.name) && !found.copies.iter().any(is_whole)
        });
        let missing = missing.map(|(_, needle)| format!("{point}: {} is not found", needle.name));
        let left = found
            .copies
            .iter()
            .filter(|((number, _), _)| !in_use.contains(&self.needles[*number].name));
        let left = left.map(|((number, address), count)| {
            let length = count + PIECE - 1;
            let region = found
                .regions
                .iter()
                .find(|region| (region.start..region.end).contains(address));
            let region = region.map_or("?", |region| &region.line);
            let name = &self.needles[*number].name;
            format!("{point}: {length} bytes of {name} are left at {address:#x} in {region}")
        });
        missing.chain(left).collect()
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
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps"))?;
    Ok(maps.lines().filter_map(region).collect())
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
        line: line.to_owned(),
    })
}
