//! A store that an older one took the place of.

use std::collections::BTreeSet;

use super::*;
use crate::store::archive::change::definition;
use crate::store::archive::keys::Table;

/// The nonce before each sealed value. Source: docs/store.md#keys.
const NONCE_LEN: usize = 24;

/// Each value as it lies there, with its table and row.
type Values = BTreeSet<(&'static str, Vec<u8>, Vec<u8>)>;

fn values(archive: &Archive) -> Values {
    let transaction = archive.database.begin_read().unwrap();
    let mut values = Values::new();
    for table in Table::ALL {
        let rows = transaction.open_table(definition(table)).unwrap();
        values.extend(rows.iter().unwrap().map(|it| {
            let (row, value) = it.unwrap();
            (table.name(), row.value().to_vec(), value.value().to_vec())
        }));
    }
    values
}

/// Opens the store and writes into every table; the messages are the same each time.
fn live(place: &Place, from: u64) -> Values {
    let (mut archive, _) = place.open(Keep::Forever);
    archive
        .change(NOW, |it| {
            for at in from..from + 10 {
                let (ours, theirs) = (name(1, at), name(2 + at, at));
                it.queue(contact(7), &outgoing(ours, "x"))?;
                it.receive(contact(7), &incoming(theirs, "x"))?;
                if at % 2 == 0 {
                    it.settle(contact(7), ours, State::Delivered)?;
                    it.shown(contact(7), theirs)?;
                }
            }
            Ok(())
        })
        .unwrap();
    values(&archive)
}

#[test]
fn no_nonce_comes_again_when_a_backup_is_restored_and_written_to() {
    let place = Place::new();
    let backup = place.0.path().join("backup");
    let before = live(&place, 0);
    fs::copy(place.path(), &backup).unwrap();
    let first = live(&place, 10);
    fs::copy(&backup, place.path()).unwrap();
    let second = live(&place, 10);
    let written = [&first, &second].map(|life| life.difference(&before));
    let all: Vec<_> = before.iter().chain(written.into_iter().flatten()).collect();
    assert!(all.len() >= before.len() + 60, "{}", all.len());
    let nonces: BTreeSet<_> = all.iter().map(|it| &it.2[..NONCE_LEN]).collect();
    assert_eq!(nonces.len(), all.len());
    let rows = |life: &Values| life.iter().map(|it| (it.0, it.1.clone())).collect();
    let [first, second]: [BTreeSet<_>; 2] = [rows(&first), rows(&second)];
    assert!(first.intersection(&second).count() >= 40, "the same places");
}
