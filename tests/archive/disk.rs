//! A disk in memory that knows what is on it for certain, and fails when it is told to.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use crate::Dice;

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One write is refused, those after it succeed.
    Error,
    /// From now on nothing more can be written.
    Gone,
    /// From now on there is no room.
    Full,
    /// The process dies, and the write under way is there in part.
    Torn,
    /// The process dies before a write.
    Kill,
    /// The power goes: of what was not synced any part may be there, in any order.
    PowerLoss,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] = [
        Self::Error,
        Self::Gone,
        Self::Full,
        Self::Torn,
        Self::Kill,
        Self::PowerLoss,
    ];
}

/// Something that was written and is not synced.
#[derive(Clone, Debug)]
enum Pending {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
struct State {
    /// What a power loss cannot take.
    synced: Vec<u8>,
    /// What a reader sees.
    seen: Vec<u8>,
    pending: Vec<Pending>,
    /// How many writes, changes of length and syncs there were.
    points: u64,
    /// How many of them were syncs.
    syncs: u64,
    fault: Option<(u64, Fault)>,
    has_failed: bool,
    /// Whether half a write is there.
    is_torn: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Mutex<State>>);

const SECTOR: usize = 512;

impl Disk {
    /// A disk that holds these bytes, and fails at the write point of that number.
    pub(crate) fn new(bytes: Vec<u8>, fault: Option<(u64, Fault)>) -> Self {
        Self(Arc::new(Mutex::new(State {
            synced: bytes.clone(),
            seen: bytes,
            fault,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets it fail after so many further write points.
    pub(crate) fn fail_after(&self, points: u64, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.points + points, fault));
    }

    pub(crate) fn points(&self) -> u64 {
        self.state().points
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// How many write points there were after the one that failed.
    pub(crate) fn points_since_fault(&self) -> u64 {
        let state = self.state();
        let at = state.fault.map_or(state.points, |(at, _)| at + 1);
        state.points.saturating_sub(at)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.state().has_failed
    }

    /// The fault, if there was one and it was felt: half a write is there, or something was not synced.
    pub(crate) fn felt(&self) -> Option<Fault> {
        let state = self.state();
        let (_, fault) = state.fault.filter(|_| state.has_failed)?;
        let is_felt = match fault {
            Fault::Torn => state.is_torn,
            Fault::PowerLoss => !state.pending.is_empty(),
            Fault::Error | Fault::Gone | Fault::Full | Fault::Kill => true,
        };
        is_felt.then_some(fault)
    }

    /// What the next process finds if this one ends now.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().seen.clone()
    }

    /// What is left after the fault; without one, what the next process finds.
    pub(crate) fn after(&self, dice: &mut Dice) -> Vec<u8> {
        let state = self.state();
        if state.has_failed && matches!(state.fault, Some((_, Fault::PowerLoss))) {
            return state.after_power_loss(dice);
        }
        state.seen.clone()
    }

    /// As [`Disk::after`], with the power lost now.
    pub(crate) fn after_power_loss(&self, dice: &mut Dice) -> Vec<u8> {
        self.state().after_power_loss(dice)
    }
}

impl State {
    /// Passes a write point. An error is what the writer gets.
    fn pass(&mut self, torn: Option<Pending>) -> io::Result<()> {
        let point = self.points;
        self.points += 1;
        let Some((at, fault)) = self.fault else {
            return Ok(());
        };
        if point < at {
            return Ok(());
        }
        self.has_failed = true;
        match fault {
            Fault::Error if point > at => Ok(()),
            Fault::Full => Err(io::ErrorKind::StorageFull.into()),
            Fault::Torn if point == at => {
                if let Some(Pending::Write(offset, data)) = torn {
                    self.apply(Pending::Write(offset, data[..data.len() / 2].to_vec()));
                    self.is_torn = true;
                }
                Err(io::Error::other("killed"))
            }
            Fault::Error | Fault::Gone | Fault::Torn | Fault::Kill | Fault::PowerLoss => {
                Err(io::Error::other("no such disk"))
            }
        }
    }

    fn apply(&mut self, change: Pending) {
        put(&mut self.seen, &change);
        self.pending.push(change);
    }

    fn after_power_loss(&self, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for change in &self.pending {
            match (dice.below(4), change) {
                (0, _) => {}
                (1, Pending::Write(offset, data)) => {
                    for (at, sector) in data.chunks(SECTOR).enumerate() {
                        if dice.one_in(2) {
                            let offset = offset + (at * SECTOR) as u64;
                            put(&mut bytes, &Pending::Write(offset, sector.to_vec()));
                        }
                    }
                }
                _ => put(&mut bytes, change),
            }
        }
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, change: &Pending) {
    match change {
        Pending::Length(len) => bytes.resize(usize::try_from(*len).unwrap(), 0),
        Pending::Write(offset, data) => {
            let offset = usize::try_from(*offset).unwrap();
            let end = offset + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[offset..end].copy_from_slice(data);
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let offset = usize::try_from(offset).unwrap();
        let bytes = state.seen.get(offset..).unwrap_or_default();
        let bytes = bytes.get(..out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        state.pass(None)?;
        state.apply(Pending::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        state.pass(None)?;
        state.syncs += 1;
        let state = &mut *state;
        for change in state.pending.drain(..) {
            put(&mut state.synced, &change);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let change = Pending::Write(offset, data.to_vec());
        state.pass(Some(change.clone()))?;
        state.apply(change);
        Ok(())
    }
}
