//! What is over in a run whose settings keep it that long: in memory, and nowhere else.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::chat::MessageRef;
use crate::store::archive::change::definition;
use crate::store::archive::keys::Table;

/// A message that comes and is shown.
fn comes(archive: &mut Archive, from: u8, sequence: u64, text: &str) {
    let (from, message) = (contact(from), incoming(name(1, sequence), text));
    let write = |it: &mut Change<'_>| {
        it.receive(from, &message)?;
        it.shown(from, message.name)
    };
    let now = UnixTime(NOW.0 + 1_000_000 + sequence);
    archive.change(now, write).unwrap();
}

/// A message of ours that is delivered.
fn goes(archive: &mut Archive, to: u8, sequence: u64, text: &str) {
    let (to, message) = (contact(to), outgoing(name(2, sequence), text));
    let write = |it: &mut Change<'_>| {
        it.queue(to, &message)?;
        it.settle(to, message.name, State::Delivered)
    };
    let now = UnixTime(NOW.0 + 1_000_000 + sequence);
    archive.change(now, write).unwrap();
}

fn all(archive: &Archive) -> Vec<String> {
    texts(archive, Filter::default())
}

fn rows_on_disk(archive: &Archive) -> usize {
    let transaction = archive.database.begin_read().unwrap();
    let table = transaction.open_table(definition(Table::History)).unwrap();
    table.iter().unwrap().count()
}

fn theirs(from: u8, sequence: u64) -> MessageRef {
    MessageRef {
        contact: contact(from),
        name: name(1, sequence),
        is_ours: false,
    }
}

#[test]
fn what_is_over_is_found_in_its_run_and_by_nobody_later() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Session);
    comes(&mut archive, 7, 0, "an invoice");
    goes(&mut archive, 8, 1, "the answer");
    assert_eq!(all(&archive), ["an invoice", "the answer"]);
    let wanted = Filter {
        contact: Some(contact(7)),
        words: Some("INVOICE".to_owned()),
        ..Filter::default()
    };
    assert_eq!(texts(&archive, wanted.clone()), ["an invoice"]);
    let mut visited = 0;
    let visit = archive.visit(&wanted, None, |_| {
        visited += 1;
        true
    });
    assert_eq!((visit.unwrap(), visited), (0, 1));
    let contacts = archive.contacts().unwrap();
    assert_eq!(
        contacts.into_iter().collect::<Vec<_>>(),
        [7, 8].map(contact)
    );
    assert_eq!(archive.count_left(None, None, None).unwrap(), 2);
    let earlier = archive.earlier(contact(7), 9, 999).unwrap();
    assert_eq!(earlier, Earlier::default(), "it was said in this run");
    assert_eq!(rows_on_disk(&archive), 0);
    drop(archive);
    for keep in [Keep::Session, Keep::Forever] {
        let (archive, restored) = place.open(keep);
        assert!(all(&archive).is_empty());
        assert_eq!(
            (restored.waiting().count(), restored.unconfirmed.len()),
            (0, 0)
        );
    }
    let salvaged = Salvaged::read(&place.path(), &secret(1), &Filter::default()).unwrap();
    assert!(salvaged.found.entries.is_empty() && salvaged.loss.is_none());
}

#[test]
fn what_came_after_it_was_counted_stays_in_memory_too() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Session);
    comes(&mut archive, 7, 0, "counted");
    let counted = archive.count_purged(Some(contact(7)), None, NOW).unwrap();
    comes(&mut archive, 7, 1, "later");
    comes(&mut archive, 8, 2, "another's");
    let gone = archive.purge_counted(None, None, Some(&counted)).unwrap();
    assert_eq!((gone, counted.messages()), (1, 1));
    assert_eq!(all(&archive), ["later", "another's"]);
}

/// What was perhaps not shown in an earlier run comes again, and is of this run once it was.
#[test]
fn what_comes_again_is_kept_as_what_comes() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Session);
    let message = incoming(name(1, 0), "perhaps not seen");
    let received = archive.change(NOW, |it| it.receive(contact(7), &message));
    assert!(received.unwrap());
    drop(archive);
    let (mut archive, restored) = place.open(Keep::Session);
    assert_eq!(bodies(&restored), [b"perhaps not seen"]);
    assert_eq!(all(&archive), ["perhaps not seen"]);
    let shown = archive.change(NOW, |it| it.shown(contact(7), message.name));
    shown.unwrap();
    let found = everything(&archive, &Filter::default()).entries;
    let is_unconfirmed: Vec<bool> = found.iter().map(|it| it.is_unconfirmed).collect();
    assert_eq!(is_unconfirmed, [false]);
    let again = archive.change(NOW, |it| it.receive(contact(7), &message));
    assert!(!again.unwrap(), "it is known");
    drop(archive);
    let (archive, restored) = place.open(Keep::Session);
    assert!(all(&archive).is_empty() && restored.unconfirmed.is_empty());
}

#[test]
fn a_change_that_fails_leaves_nothing_in_memory_either() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Session);
    let message = incoming(name(1, 0), "twice?");
    let received = archive.change(NOW, |it| it.receive(contact(7), &message));
    assert!(received.unwrap());
    let failed = archive.change(NOW, |it| {
        it.shown(contact(7), message.name)?;
        Err::<(), _>(StoreTrouble::Stopped.into())
    });
    assert!(failed.is_err());
    let found = everything(&archive, &Filter::default()).entries;
    assert_eq!(found.len(), 1);
    assert!(found[0].is_unconfirmed);
    comes(&mut archive, 7, 1, "another");
    assert_eq!(all(&archive), ["twice?", "another"]);
}

#[test]
fn nor_does_a_change_that_panics() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Session);
    let message = incoming(name(1, 0), "twice?");
    let received = archive.change(NOW, |it| it.receive(contact(7), &message));
    assert!(received.unwrap());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        archive.change::<()>(NOW, |it| {
            it.shown(contact(7), message.name)?;
            panic!("in the midst of it")
        })
    }));
    assert!(panicked.is_err());
    comes(&mut archive, 7, 1, "another");
    assert_eq!(all(&archive), ["twice?", "another"]);
}

/// What an earlier setting left is found with it, in its order, and goes with it.
#[test]
fn what_lies_on_the_disk_from_before_stands_in_front_of_it() {
    let place = Place::new();
    drop(with_history(&place));
    let (mut archive, _) = place.open(Keep::Session);
    comes(&mut archive, 8, 5, "five");
    comes(&mut archive, 8, 6, "six");
    let of_8 = || Filter {
        contact: Some(contact(8)),
        ..Filter::default()
    };
    assert_eq!(texts(&archive, of_8()), ["invoice 7", "bye", "five", "six"]);
    let around = |archive: &Archive, sequence, most| {
        let around = archive.around(theirs(8, sequence), most, 999);
        let around = around.unwrap().unwrap();
        let texts = around.entries.into_iter().map(|it| it.body);
        let texts: Vec<_> = texts.map(|it| String::from_utf8(it).unwrap()).collect();
        (texts.join(", "), around.at)
    };
    assert_eq!(
        around(&archive, 3, 9),
        ("invoice 7, bye, five, six".into(), 1)
    );
    assert_eq!(around(&archive, 5, 1), ("bye, five, six".into(), 1));
    assert_eq!(around(&archive, 6, 2), ("bye, five, six".into(), 2));
    let earlier = archive.earlier(contact(8), 9, 999).unwrap();
    assert_eq!(earlier.entries.len(), 2, "those of before this run");
    let (of, before) = (Some(contact(8)), Some(UnixTime(NOW.0 + 1_000_006)));
    assert_eq!(archive.count_left(of, before, None).unwrap(), 3);
    assert_eq!(archive.purge(of, before).unwrap(), 3);
    assert_eq!(texts(&archive, of_8()), ["six"]);
    assert_eq!(archive.purge(None, None).unwrap(), 3);
    assert!(all(&archive).is_empty());
    comes(&mut archive, 8, 7, "seven");
    assert_eq!(all(&archive), ["seven"]);
}

#[test]
fn one_message_is_deleted_in_memory_or_on_the_disk() {
    let place = Place::new();
    drop(with_history(&place));
    let (mut archive, _) = place.open(Keep::Session);
    comes(&mut archive, 7, 5, "five");
    comes(&mut archive, 7, 6, "six");
    for (sequence, left) in [(5, 2), (0, 1)] {
        let which = theirs(7, sequence);
        assert_eq!(archive.delete(which).unwrap(), Deletion::Done);
        assert_eq!(archive.delete(which).unwrap(), Deletion::NotKept);
        assert_eq!(archive.around(which, 1, 9).unwrap(), None);
        assert_eq!(rows_on_disk(&archive), 2 + left);
    }
    let again = archive.change(NOW, |it| {
        it.receive(contact(7), &incoming(name(1, 5), "five"))
    });
    assert!(!again.unwrap(), "it is known, and not shown again");
    let left = ["invoice 7", "the INVOICE is paid", "bye", "six"];
    assert_eq!(all(&archive), left);
}

/// Until a message is over it lies in the file, whose unused pages still have it then.
#[test]
fn the_file_shrinks_though_what_is_deleted_was_in_memory() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Session);
    comes(&mut archive, 7, 0, &"x".repeat(4 << 20));
    let len = || fs::metadata(place.path()).unwrap().len();
    let before = len();
    assert_eq!(archive.delete(theirs(7, 0)).unwrap(), Deletion::Done);
    assert!(len() + (4 << 20) <= before, "{} of {before}", len());
}

/// Each page is looked for anew, or remembered, while messages come to be over.
#[test]
fn pages_are_all_there_is_while_messages_move_into_memory() {
    for (way, is_anew) in [(Way::On, false), (Way::Back, false), (Way::On, true)] {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Session);
        for sequence in 0..40 {
            let message = outgoing(name(5, sequence), &format!("{sequence:02}"));
            let queued = archive.change(NOW, |it| it.queue(contact(7), &message));
            queued.unwrap();
        }
        let mut search = Search::new(Filter::default(), way, None);
        let mut found = Vec::new();
        for round in 0..8 {
            let page = search.page(&archive, 6, 999).unwrap();
            found.extend(texts_of(&page));
            for sequence in [round, 39 - round, 20 + round] {
                let name = name(5, sequence);
                let settled =
                    archive.change(NOW, |it| it.settle(contact(7), name, State::Delivered));
                settled.unwrap();
            }
            if is_anew {
                search = Search::new(Filter::default(), way, page.cursor);
            }
            if page.cursor.is_none() {
                break;
            }
        }
        found.sort();
        let all: Vec<String> = (0..40).map(|at| format!("{at:02}")).collect();
        assert_eq!(found, all, "{way:?}, {is_anew}");
    }
}

#[test]
fn the_oldest_make_room_and_somebody_who_looks_through_goes_on() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Session);
    archive.hold_at_most_for_testing_only(64 << 10);
    let long = |number: u64| format!("{number:02}{}", "x".repeat(8_100));
    comes(&mut archive, 8, 0, "somebody else's");
    for number in 0..7 {
        comes(&mut archive, 7, number, &long(number));
    }
    assert_eq!(archive.made_room(Some(contact(7))), 0);
    let of = |whose| Filter {
        contact: Some(contact(whose)),
        ..Filter::default()
    };
    let first = |page: &Page| -> Vec<String> {
        let texts = texts_of(page).into_iter();
        texts.map(|it| it[..2].to_owned()).collect()
    };
    let mut search = Search::new(of(7), Way::On, None);
    let page = search.page(&archive, 1, usize::MAX).unwrap();
    assert_eq!(first(&page), ["00"]);
    for number in 7..10 {
        comes(&mut archive, 7, number, &long(number));
    }
    assert_eq!(
        [7, 8].map(|it| archive.made_room(Some(contact(it)))),
        [3, 0]
    );
    let page = search.page(&archive, 99, usize::MAX).unwrap();
    let left = ["03", "04", "05", "06", "07", "08", "09"];
    assert_eq!(
        (first(&page), page.more, page.made_room),
        (left.map(str::to_owned).to_vec(), 0, 3)
    );
    let made_room = |filter| {
        let mut search = Search::new(filter, Way::Back, None);
        search.page(&archive, 1, 0).unwrap().made_room
    };
    assert_eq!([of(8), Filter::default()].map(made_room), [0, 3]);
    assert_eq!(texts(&archive, of(8)), ["somebody else's"]);
    archive.purge(Some(contact(7)), None).unwrap();
    assert_eq!(archive.made_room(Some(contact(7))), 0);
}

#[test]
fn debug_says_nothing_of_it() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Session);
    comes(&mut archive, 7, 0, "secret words");
    let path = place.path();
    assert_eq!(
        format!("{archive:?}"),
        format!("Archive {{ path: {path:?}, .. }}")
    );
}
