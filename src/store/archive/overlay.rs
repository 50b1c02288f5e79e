//! Looking at a store without changing it: the database writes as soon as it opens one. Nor can a damaged one
//! make it take more memory for a page than the file is long.

use core::cell::Cell;
use core::ops::Bound;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};

use super::orders;

/// Bytes that are kept together. A power of two.
const BLOCK_LEN: usize = 4_096;

/// What the base has, with the writes of this process in memory only.
#[derive(Debug)]
pub(super) struct Overlay<B> {
    base: B,
    /// Whether it heeds and takes the base's locks.
    locks: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    len: u64,
    /// How much of the base still counts: less after it was cut short and grew again.
    base_len: u64,
    /// By their number.
    blocks: BTreeMap<u64, Box<[u8; BLOCK_LEN]>>,
}

impl<B: StorageBackend> Overlay<B> {
    pub(super) fn new(base: B) -> io::Result<Self> {
        Self::with_locks(base, true)
    }

    /// Of a base that cannot be locked, since it is opened for reading only.
    pub(super) fn unlocked(base: B) -> io::Result<Self> {
        Self::with_locks(base, false)
    }

    fn with_locks(base: B, locks: bool) -> io::Result<Self> {
        let len = base.len()?;
        let state = State {
            len,
            base_len: len,
            blocks: BTreeMap::new(),
        };
        Ok(Self {
            base,
            locks,
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lockable(&self) -> Result<&B, BackendError> {
        let base = self.locks.then_some(&self.base);
        base.ok_or(BackendError::Unsupported)
    }

    /// A block as it is now.
    fn block(&self, state: &State, number: u64) -> io::Result<Box<[u8; BLOCK_LEN]>> {
        if let Some(block) = state.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = Box::new([0; BLOCK_LEN]);
        let start = number.saturating_mul(BLOCK_LEN as u64);
        let left = state.base_len.saturating_sub(start);
        let left = usize::try_from(left).unwrap_or(BLOCK_LEN).min(BLOCK_LEN);
        if let Some(bytes) = block.get_mut(..left).filter(|it| !it.is_empty()) {
            self.base.read(start, bytes)?;
        }
        Ok(block)
    }

    fn read_as_it_is(&self, state: &State, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > state.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let last = end.map_or(0, |end| end / BLOCK_LEN as u64);
        let mut touched = state.blocks.range(offset / BLOCK_LEN as u64..=last);
        if touched.next().is_none() && end.is_some_and(|end| end <= state.base_len) {
            return self.base.read(offset, out);
        }
        let mut out = out;
        for (number, within, count) in pieces(offset, out.len()) {
            let block = self.block(state, number)?;
            let (piece, rest) = out.split_at_mut(count);
            piece.copy_from_slice(block.get(within..within + count).unwrap_or_default());
            out = rest;
        }
        Ok(())
    }
}

/// The pieces of `len` bytes from `offset` on: a block's number, where in it, and how many.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let (mut offset, mut left) = (offset, len);
    core::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let number = offset / BLOCK_LEN as u64;
        let within = usize::try_from(offset % BLOCK_LEN as u64).unwrap_or(0);
        let count = left.min(BLOCK_LEN - within);
        offset += count as u64;
        left -= count;
        Some((number, within, count))
    })
}

impl<B: StorageBackend> StorageBackend for Overlay<B> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        self.read_as_it_is(&state, offset, out)?;
        orders::bound(out, state.len);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.state();
        let number = len / BLOCK_LEN as u64;
        let within = usize::try_from(len % BLOCK_LEN as u64).unwrap_or(0);
        if len < state.len {
            let mut last = self.block(&state, number)?;
            last.iter_mut().skip(within).for_each(|byte| *byte = 0);
            state.blocks.retain(|at, _| *at < number);
            state.blocks.insert(number, last);
        }
        state.base_len = state.base_len.min(len);
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let end = offset.saturating_add(data.len() as u64);
        let mut data = data;
        for (number, within, count) in pieces(offset, data.len()) {
            let mut block = self.block(&state, number)?;
            let (piece, rest) = data.split_at(count);
            if let Some(place) = block.get_mut(within..within + count) {
                place.copy_from_slice(piece);
            }
            state.blocks.insert(number, block);
            data = rest;
        }
        state.len = state.len.max(end);
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.base.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.lockable()?.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.lockable()?.try_lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.lockable()?.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.lockable()?.query_lock_range(start, end)
    }
}

thread_local! {
    static IS_LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread looks at a store that may be damaged. The database panics at some of what damage
/// makes; that is met, and no bug of ours.
#[must_use]
pub fn survives_panic() -> bool {
    IS_LOOKING.get()
}

/// Does something that may panic over a damaged store. `None` if it did.
pub(super) fn look<R>(act: impl FnOnce() -> R) -> Option<R> {
    let was_looking = IS_LOOKING.replace(true);
    // What `act` worked on is dropped by the panic, and nothing else refers to it.
    let result = catch_unwind(AssertUnwindSafe(act));
    IS_LOOKING.set(was_looking);
    result.ok()
}

/// Does something in the middle of that which has nothing to do with the store: a panic of it is a bug.
pub(super) fn not_looking<R>(act: impl FnOnce() -> R) -> R {
    let was_looking = IS_LOOKING.replace(false);
    let result = act();
    IS_LOOKING.set(was_looking);
    result
}

/// As [`look`]: what `act` found before it panicked is kept.
pub(super) fn look_and_keep<T, R>(act: impl FnOnce(&mut Option<T>) -> R) -> (Option<T>, Option<R>) {
    let mut kept = None;
    let result = look(|| act(&mut kept));
    (kept, result)
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::store::archive::tests::Dice;

    #[test]
    fn an_overlay_reads_as_what_it_stands_for_and_leaves_its_base_alone() {
        for seed in 0..40 {
            let mut dice = Dice::new(seed);
            let base: Vec<u8> = (0..dice.below(20_000))
                .map(|at| at.to_le_bytes()[0])
                .collect();
            let backend = InMemoryBackend::new();
            backend.set_len(base.len() as u64).unwrap();
            backend.write(0, &base).unwrap();
            let (overlay, mut model) = (Overlay::new(backend).unwrap(), base.clone());
            for _ in 0..60 {
                let offset = dice.below(18_000);
                let len = dice.index(6_000);
                let at = usize::try_from(offset).unwrap();
                if dice.below(5) == 0 {
                    model.resize(at, 0);
                    overlay.set_len(offset).unwrap();
                    continue;
                }
                if model.len() < at + len {
                    model.resize(at + len, 0);
                    overlay.set_len(model.len() as u64).unwrap();
                }
                model[at..at + len].fill(7);
                overlay.write(offset, &vec![7; len]).unwrap();
                let mut read = vec![0; model.len()];
                overlay.read(0, &mut read).unwrap();
                assert!(read == model, "seed {seed}");
                let from = dice.index(model.len() + 1);
                let part = dice.index(model.len() - from + 1);
                overlay.read(from as u64, &mut read[..part]).unwrap();
                assert!(read[..part] == model[from..from + part], "seed {seed}");
                let too_much = overlay.read(1, &mut read);
                assert!(too_much.is_err() || read.is_empty());
            }
            let mut read = vec![0; base.len()];
            overlay.base.read(0, &mut read).unwrap();
            assert!(read == base, "seed {seed}");
        }
    }

    /// A fuzzer met a database that was read to its end and panicked while it was closed.
    #[test]
    fn what_was_found_is_kept_if_closing_panics() {
        struct Closing;
        impl Drop for Closing {
            fn drop(&mut self) {
                panic!("while it is closed");
            }
        }
        let (kept, result) = look_and_keep(|kept| {
            let _database = Closing;
            *kept = Some("rows");
        });
        assert_eq!((kept, result), (Some("rows"), None));
        assert!(!survives_panic());
    }
}
