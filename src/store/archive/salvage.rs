//! Reading what is left of a damaged store. Its file is not touched.

use std::path::Path;

use redb::{ReadableDatabase, StorageBackend};

use super::file;
use super::overlay::{Overlay, look, look_and_keep, not_looking};
use super::record::Record;
use super::restore::{for_each, for_each_log};
use super::search::{Entry, Filter, MESSAGES, Place};
use super::trouble::{Fault, Loss, StoreTrouble, trouble};
use super::view::View;
use crate::crypto::StaticSecret;
use crate::store::error::{Error, ErrorKind, Operation};
use crate::store::stamp::Stamp;
use crate::text::Words;

/// What can be read of a store, to be exported.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// The messages, oldest first.
    pub found: Found,
    /// What cannot be read.
    pub loss: Loss,
}

/// What was looked up, all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The messages, oldest first.
    pub entries: Vec<Entry>,
    /// How many of all messages in the store cannot be read.
    pub unreadable: u64,
}

/// Takes what is found, one message after the other, until it says false.
type Show<'a> = &'a mut dyn FnMut(Entry) -> bool;

impl Salvaged {
    /// Reads what a store at `path` still has. What it mends, it mends in
    /// memory.
    ///
    /// # Errors
    /// `UnsafePermissions`, `WrongOwner`, `Io`; `Store` if not even the key can be read.
    pub fn read(path: &Path, secret: &StaticSecret, filter: &Filter) -> Result<Self, Error> {
        collected(|show| Self::visit(path, secret, filter, show))
    }

    /// As [`Salvaged::read`], of a store that lies in something else than a file.
    ///
    /// # Errors
    /// `Io`; `Store` if not even the key can be read.
    pub fn over(
        backend: impl StorageBackend,
        path: &Path,
        secret: &StaticSecret,
        filter: &Filter,
    ) -> Result<Self, Error> {
        collected(|show| visit_over(backend, path, secret, filter, show))
    }

    /// As [`Salvaged::read`], but shows each message, oldest first, until `show` says false, and holds none. Says
    /// what cannot be read.
    ///
    /// # Errors
    /// Those of [`Salvaged::read`]; `InUse` if something is missing, and somebody has written the file meanwhile.
    pub fn visit(
        path: &Path,
        secret: &StaticSecret,
        filter: &Filter,
        show: &mut dyn FnMut(Entry) -> bool,
    ) -> Result<Loss, Error> {
        let before = Stamp::of(path);
        let visited = visit_file(path, secret, filter, show);
        let seems_damaged = match &visited {
            Ok(loss) => !loss.is_none(),
            Err(error) => file::tells_of_damage(error),
        };
        if seems_damaged && Stamp::of(path) != before {
            return Err(file::in_use(path));
        }
        visited
    }
}

/// As [`Salvaged::visit`], whoever writes the file.
fn visit_file(
    path: &Path,
    secret: &StaticSecret,
    filter: &Filter,
    show: Show<'_>,
) -> Result<Loss, Error> {
    let open = || file::open_checked(path, false).map(|(file, _)| file);
    let file = open().map_err(|error| unreadable(error, path))?;
    let mut loss = visit_over(file, path, secret, filter, show)?;
    let overlay = Overlay::unlocked(open()?);
    let overlay = overlay.map_err(|error| Error::io(path, Operation::Read, error))?;
    // Every row that is there may open, and others be gone.
    loss.frame |= file::check_over(overlay, path).is_err();
    Ok(loss)
}

/// All that `visit` shows.
fn collected(visit: impl FnOnce(Show<'_>) -> Result<Loss, Error>) -> Result<Salvaged, Error> {
    let mut entries = Vec::new();
    let loss = visit(&mut |entry| {
        entries.push(entry);
        true
    })?;
    let unreadable = loss.outbox + loss.inbox + loss.history;
    let found = Found {
        entries,
        unreadable,
    };
    Ok(Salvaged { found, loss })
}

fn visit_over(
    backend: impl StorageBackend,
    path: &Path,
    secret: &StaticSecret,
    filter: &Filter,
    show: Show<'_>,
) -> Result<Loss, Error> {
    let fail = |fault: Fault| fault.at(path, Operation::Read);
    let overlay = Overlay::unlocked(backend);
    let overlay = overlay.map_err(|error| Error::io(path, Operation::Read, error))?;
    // Closing a damaged database may panic as well.
    let (read, looked) = look_and_keep(|read| {
        let database = file::build(overlay, path)?;
        let keys = file::keys(&database, path, secret)?;
        let transaction = database.begin_read().map_err(|error| fail(error.into()))?;
        let view = View {
            disk: &transaction,
            keys: &keys,
            memory: None,
        };
        let mut left = Left::find(&view, filter);
        left.show(&view, show);
        *read = Some(left.loss);
        Ok(())
    });
    match (read, looked) {
        (Some(mut loss), looked) => {
            loss.frame |= looked.is_none();
            Ok(loss)
        }
        (None, Some(Err(error))) => Err(unreadable(error, path)),
        (None, _) => Err(trouble(path, Operation::Read, StoreTrouble::Unreadable)),
    }
}

/// Where a look for what is left ends in damage nothing is.
fn unreadable(error: Error, path: &Path) -> Error {
    if let ErrorKind::Store(StoreTrouble::Damaged(_)) = error.kind() {
        return trouble(path, Operation::Read, StoreTrouble::Unreadable);
    }
    error
}

/// What is left: where the messages are, oldest first, and what is lost.
struct Left {
    places: Vec<Place>,
    loss: Loss,
}

impl Left {
    fn find(view: &View<'_>, filter: &Filter) -> Self {
        let (mut places, mut loss) = (Vec::new(), Loss::default());
        let words = filter.words.as_deref().map(Words::new);
        for table in MESSAGES {
            let mut lost = 0;
            // Each by itself: what was read before a panic is kept.
            let added = look(|| {
                for_each(view, table, |row, text| {
                    match text.as_deref().and_then(|text| Record::view(text)) {
                        Some(record) if filter.admits(&record, words.as_ref()) => {
                            places.push(Place::of(&record, table, row));
                        }
                        Some(_) => {}
                        None => lost += 1,
                    }
                })
            });
            loss.frame |= !matches!(added, Some(Ok(())));
            *loss.count(table) += lost;
        }
        let counted = look(|| {
            for_each_log(view, |_, log| {
                loss.seen += u64::from(log.is_none());
            })
        });
        loss.frame |= !matches!(counted, Some(Ok(())));
        places.sort_unstable_by_key(|place| place.position);
        Self { places, loss }
    }

    /// What was opened before and cannot be opened now is lost as well.
    fn show(&mut self, view: &View<'_>, show: Show<'_>) {
        for place in &self.places {
            let opened = look(|| place.open(view));
            let Some(Ok(Some(entry))) = opened else {
                self.loss.frame = true;
                *self.loss.count(place.table) += 1;
                continue;
            };
            if !not_looking(|| show(entry)) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use chacha20::ChaCha20Rng;
    use rand_core::SeedableRng;

    use super::*;
    use crate::id::PeerId;
    use crate::store::archive::tests::{incoming, name, outgoing};
    use crate::store::{Archive, Keep};
    use crate::time::UnixTime;

    #[test]
    fn a_file_that_is_not_as_it_was_written_is_incomplete_even_if_every_row_opens() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store");
        let secret = StaticSecret::from_bytes(&mut [1; 32]);
        let open = || {
            let rng = Box::new(ChaCha20Rng::from_seed([9; 32]));
            Archive::open(&path, &secret, Keep::Forever, rng, UnixTime(1))
        };
        let (mut archive, _) = open().unwrap();
        let message = outgoing(name(1, 0), "hello");
        let contact = PeerId::new([7; 32]).into();
        let queued = archive.change(UnixTime(1), |change| change.queue(contact, &message));
        queued.unwrap();
        drop(archive);
        let whole = fs::read(&path).unwrap();
        let everything = Filter::default();
        // Behind the pages of the database's own.
        let written = (12_288..whole.len()).filter(|at| whole[*at] != 0);
        let quiet = written.step_by(7).find_map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            fs::write(&path, &bytes).unwrap();
            let (rows, _) = file::open_checked(&path, false).unwrap();
            let rows = Salvaged::over(rows, &path, &secret, &everything);
            let is_quiet = rows.is_ok_and(|it| it.loss.is_none() && it.found.entries.len() == 1);
            (is_quiet && open().is_err()).then_some(())
        });
        quiet.expect("a byte that no row has");
        let salvaged = Salvaged::read(&path, &secret, &everything).unwrap();
        assert_eq!(
            (salvaged.found.entries.len(), salvaged.loss),
            (1, Loss::FRAME)
        );
    }

    /// A fuzzer met a page number that made the database take 4 GiB for a page, and fail over it.
    #[test]
    fn a_page_that_claims_to_be_larger_than_the_file_costs_neither_memory_nor_messages() {
        const NAMES: &[u8] = b"historyinboxmetaoutboxseen";
        const DESCRIPTION_LEN: usize = 76;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("store");
        let secret = StaticSecret::from_bytes(&mut [1; 32]);
        let rng = Box::new(ChaCha20Rng::from_seed([9; 32]));
        let opened = Archive::open(&path, &secret, Keep::Forever, rng, UnixTime(1));
        let (mut archive, _) = opened.unwrap();
        let contact = PeerId::new([7; 32]).into();
        let changed = archive.change(UnixTime(1), |change| {
            change.receive(contact, &incoming(name(2, 0), "came"))?;
            change.queue(contact, &outgoing(name(1, 0), "went"))
        });
        changed.unwrap();
        drop(archive);
        let mut bytes = fs::read(&path).unwrap();
        let lists = bytes.windows(NAMES.len()).enumerate();
        let lists: Vec<_> = lists.filter(|it| it.1 == NAMES).map(|it| it.0).collect();
        for list in lists {
            let inbox = list + NAMES.len() + DESCRIPTION_LEN;
            assert_eq!(bytes[inbox], 3, "a table that is no multimap");
            bytes[inbox + 17] |= 20 << 3;
        }
        fs::write(&path, &bytes).unwrap();
        let salvaged = Salvaged::read(&path, &secret, &Filter::default()).unwrap();
        let mut entries = salvaged.found.entries.into_iter();
        let mut next = || entries.next().map(|it| it.body);
        let bodies = [next(), next()].map(Option::unwrap_or_default);
        assert_eq!(bodies, [b"came", b"went"], "{:?}", salvaged.loss);
        assert_eq!(salvaged.loss, Loss::FRAME);
    }
}
