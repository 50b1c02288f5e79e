//! A store that is moved, deleted or replaced while it is open.

use std::fs;

use super::*;

fn come(archive: &mut Archive, sequence: u64) -> Result<bool, Error> {
    let message = incoming(name(1, sequence), "a message");
    archive.change(NOW, |it| it.receive(contact(7), &message))
}

fn unconfirmed(place: &Place) -> usize {
    place.open(Keep::Off).1.unconfirmed.len()
}

#[test]
fn nothing_is_written_to_a_store_that_is_no_longer_the_file_of_its_name() {
    let place = Place::new();
    let (path, aside) = (place.path(), place.0.path().join("aside"));
    let yesterday = place.0.path().join("yesterday");
    drop(place.open(Keep::Off));
    fs::copy(&path, &yesterday).unwrap();
    let (mut archive, _) = place.open(Keep::Off);
    assert!(come(&mut archive, 0).unwrap());
    let timestamps = place.0.path().join("timestamps");
    let refused = |archive: &mut Archive, why| {
        let errors = [
            archive.check_place().unwrap_err(),
            come(archive, 1).unwrap_err(),
            archive.purge(None, None).unwrap_err(),
            archive.reserve_timestamps(&timestamps, NOW).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(trouble_of(&error), why);
        }
    };
    fs::rename(&path, &aside).unwrap();
    refused(&mut archive, StoreTrouble::Missing);
    fs::rename(&yesterday, &path).unwrap();
    refused(&mut archive, StoreTrouble::Replaced);
    drop(archive);
    assert_eq!(unconfirmed(&place), 0);
    fs::rename(&aside, &path).unwrap();
    assert_eq!(unconfirmed(&place), 1);
    // Whoever puts it back while it is open has done nothing.
    let (mut archive, _) = place.open(Keep::Off);
    fs::rename(&path, &aside).unwrap();
    fs::rename(&aside, &path).unwrap();
    assert!(come(&mut archive, 1).unwrap());
}

#[test]
fn a_change_counts_only_if_the_store_still_has_its_name_when_it_is_on_the_disk() {
    let place = Place::new();
    let aside = place.0.path().join("aside");
    let (mut archive, _) = place.open(Keep::Session);
    let message = incoming(name(1, 0), "a message");
    let changed = archive.change(NOW, |it| {
        fs::rename(place.path(), &aside).unwrap();
        it.receive(contact(7), &message)?;
        it.shown(contact(7), message.name)
    });
    assert_eq!(trouble_of(&changed.unwrap_err()), StoreTrouble::Missing);
    assert_eq!(texts(&archive, Filter::default()), [""; 0]);
}

/// The store was named, and that another file be named for it.
#[test]
fn what_is_in_the_way_of_a_new_store_is_named() {
    let place = Place::new();
    let unfinished = crate::store::atomic::with_suffix(&place.path(), ".new");
    fs::create_dir_all(&unfinished).unwrap();
    let error = place.try_open(Keep::Off, NOW).unwrap_err();
    assert_eq!(error.path(), Some(&*unfinished));
    assert!(
        matches!(error.kind(), ErrorKind::Malformed { .. }),
        "{error}"
    );
}
