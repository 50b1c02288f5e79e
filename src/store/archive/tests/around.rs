//! What stands around a message, on a disk that cannot read all of it.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex};

use redb::Builder;
use redb::backends::FileBackend;

use super::*;
use crate::chat::MessageRef;

/// A file of which a part can be lost.
#[derive(Clone, Debug)]
struct Lossy(Arc<(FileBackend, Mutex<Reads>)>);

#[derive(Debug, Default)]
struct Reads {
    /// Where something was read, in that order.
    done: Vec<u64>,
    /// Where nothing can be read any more.
    lost: Option<u64>,
}

impl StorageBackend for Lossy {
    fn len(&self) -> io::Result<u64> {
        self.0.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut reads = self.0.1.lock().unwrap();
        reads.done.push(offset);
        if reads.lost == Some(offset) {
            return Err(io::Error::other("cannot be read"));
        }
        self.0.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.0.write(offset, data)
    }
}

fn comes(archive: &mut Archive, sequences: core::ops::Range<u64>) {
    let changed = archive.change(NOW, |it| {
        for sequence in sequences {
            let message = incoming(name(1, sequence), &"x".repeat(3_000));
            it.receive(contact(7), &message)?;
            it.shown(contact(7), message.name)?;
        }
        Ok(())
    });
    changed.unwrap();
}

/// Which messages stand around one, and that one among them.
fn around(archive: &Archive, sequence: u64) -> Result<Vec<u64>, Error> {
    let which = MessageRef {
        contact: contact(7),
        name: name(1, sequence),
        is_ours: false,
    };
    let around = archive.around(which, 2, usize::MAX)?;
    let entries = around.into_iter().flat_map(|it| it.entries);
    Ok(entries.map(|it| it.name.sequence).collect())
}

/// A store that lost a page of the older half of a history, and remembers nothing that it read.
fn with_a_lost_page(keep: Keep) -> Archive {
    let place = Place::new();
    comes(&mut place.open(Keep::Forever).0, 0..100);
    let mut options = File::options();
    let file = options.read(true).write(true).open(place.path()).unwrap();
    let file = (FileBackend::new(file).unwrap(), Mutex::default());
    let lossy = Lossy(Arc::new(file));
    let mut builder = Builder::new();
    let builder = builder.set_cache_size(0);
    let database = builder.create_with_backend(lossy.clone()).unwrap();
    let path = place.path();
    let opened = (database, crate::store::archive::Place::NOWHERE);
    let (archive, _) = Archive::start(opened, &path, &secret(1), keep, rng(), NOW).unwrap();
    let reads = || lossy.0.1.lock().unwrap();
    reads().done.clear();
    // What is not there is looked for from the newest to the oldest.
    assert!(around(&archive, 999).unwrap().is_empty());
    let mut reads = reads();
    assert!(reads.done.len() > 50);
    reads.lost = Some(reads.done[reads.done.len() * 3 / 4]);
    drop(reads);
    archive
}

#[test]
fn what_stands_around_a_new_message_is_read_though_an_old_one_cannot_be() {
    let archive = with_a_lost_page(Keep::Forever);
    assert_eq!(around(&archive, 99).unwrap(), [97, 98, 99]);
    assert_eq!(around(&archive, 90).unwrap(), [88, 89, 90, 91, 92]);
    assert!(around(&archive, 1).is_err(), "it lies behind what is lost");
}

#[test]
fn nor_does_an_old_page_matter_to_what_is_in_memory() {
    let mut archive = with_a_lost_page(Keep::Session);
    comes(&mut archive, 100..101);
    assert_eq!(around(&archive, 100).unwrap(), [98, 99, 100]);
    assert_eq!(around(&archive, 99).unwrap(), [97, 98, 99, 100]);
}
