//! Which handshake timestamps are used, noted a second time: their own file lies in another directory, and can be
//! deleted or replaced by an older one alone.

use core::ops::Range;
use std::path::Path;

use rand_core::Rng;
use redb::Durability;

use super::Archive;
use super::file::{META, damaged_frame};
use super::trouble::Fault;
use super::view::View;
use crate::id::Timestamp;
use crate::store::error::{Error, Operation};
use crate::store::timestamps::{BLOCK, block, reserve_timestamps};
use crate::time::UnixTime;

const ROW: &str = "timestamps";

/// A run begins at a random place among so many of its block: half of it.
const BEGINNINGS: u64 = BLOCK / 2;

impl Archive {
    /// Reserves handshake timestamps in their file at `path`, as [`reserve_timestamps`] does, but none that the store
    /// knows to be used; and notes here, too, that they are.
    ///
    /// The file comes first: when it is on the disk they are reserved. The note does not wait for that, unless the store
    /// has to grow for it. It gets there with the next change, or when the store is closed; a crash before that takes it,
    /// and the file counts.
    ///
    /// What it hands out begins at a random place of the block's first half. Where a backup of both places was restored
    /// and the clock is behind as well, the same block is reserved again, and what is used of it is not the same.
    ///
    /// # Errors
    /// Those of [`reserve_timestamps`], of which `NoTimestamps` can be about the store; `DiskFull`, `Io`, `Store`: then
    /// the block is lost, and none of it used.
    pub fn reserve_timestamps(
        &mut self,
        path: &Path,
        now: UnixTime,
    ) -> Result<Range<Timestamp>, Error> {
        // Which of the two has come to its end is to be said.
        block(&self.path, self.unused)?;
        let reserved = reserve_timestamps(path, self.unused, now)?;
        self.unused = reserved.end;
        let noted = self.note_unused();
        noted.map_err(|fault| fault.at(&self.path, Operation::Write))?;
        let skipped = self.rng.next_u64() % BEGINNINGS;
        Ok(Timestamp(reserved.start.0 + skipped)..reserved.end)
    }

    fn note_unused(&mut self) -> Result<(), Fault> {
        let text = self.unused.0.to_le_bytes();
        let sealed = self.keys.seal_meta(ROW, &text, &mut *self.rng);
        let mut transaction = self.begin_write()?;
        transaction.set_durability(Durability::None)?;
        transaction
            .open_table(META)?
            .insert(ROW, sealed.as_slice())?;
        transaction.commit()?;
        Ok(())
    }
}

/// The first timestamp that is not known to be used; the first of all in a store that never noted any.
pub(super) fn unused(view: &View<'_>) -> Result<Timestamp, Fault> {
    let Some(sealed) = view.disk.open_table(META)?.get(ROW)? else {
        return Ok(Timestamp(0));
    };
    let text = view.keys.open_meta(ROW, sealed.value()).ok();
    let number = text.and_then(|text| Some(u64::from_le_bytes(text.as_slice().try_into().ok()?)));
    let number = number.ok_or_else(damaged_frame)?;
    Ok(Timestamp(number))
}
