//! Messages that are over: kept, looked up, purged.

use super::*;
use crate::chat::MessageRef;

#[test]
fn history_holds_what_is_over_if_there_is_to_be_one() {
    for (keep, expected) in [(Keep::Off, 0), (Keep::Session, 0), (Keep::Forever, 3)] {
        let place = Place::new();
        let (mut archive, _) = place.open(keep);
        let expired = State::Failed(FailReason::Expired);
        archive
            .change(NOW, |it| {
                it.receive(contact(7), &incoming(name(1, 0), "in"))?;
                it.shown(contact(7), name(1, 0))?;
                it.queue(contact(7), &outgoing(name(2, 0), "out"))?;
                it.settle(contact(7), name(2, 0), State::Delivered)?;
                it.queue(contact(8), &outgoing(name(3, 0), "lost"))?;
                it.settle(contact(8), name(3, 0), expired)
            })
            .unwrap();
        let found = everything(&archive, &Filter::default());
        let in_this_run = if keep == Keep::Off { 0 } else { 3 };
        assert_eq!(found.entries.len(), in_this_run, "{keep:?}");
        drop(archive);
        let (archive, _) = place.open(keep);
        let found = everything(&archive, &Filter::default());
        assert_eq!(found.entries.len(), expected, "{keep:?}");
        if expected > 0 {
            let standings: Vec<Standing> = found.entries.iter().map(|it| it.standing).collect();
            assert!(standings.contains(&Standing::Received { missing: 0 }));
            assert!(standings.contains(&Standing::Delivered));
            assert!(standings.contains(&Standing::Failed(FailReason::Expired)));
        }
    }
}

#[test]
fn looking_up_heeds_every_test_and_no_case() {
    let place = Place::new();
    let archive = with_history(&place);
    let words = |words: &str| Filter {
        words: Some(words.to_owned()),
        ..Filter::default()
    };
    assert_eq!(
        texts(&archive, words("Invoice")),
        ["invoice 7", "the INVOICE is paid"]
    );
    assert_eq!(texts(&archive, words("GRÜSSE")).len(), 0);
    assert_eq!(texts(&archive, words("GRÜßE")).len(), 1);
    let of_contact = Filter {
        contact: Some(contact(8)),
        ..Filter::default()
    };
    assert_eq!(texts(&archive, of_contact), ["invoice 7", "bye"]);
    let since = Filter {
        since: Some(UnixTime(NOW.0 + 1_000)),
        before: Some(UnixTime(NOW.0 + 3_000)),
        ..Filter::default()
    };
    assert_eq!(texts(&archive, since), ["invoice 7", "the INVOICE is paid"]);
    let mut search = Search::new(words("invoice"), Way::Back, None);
    let newest = search.page(&archive, 1, 999).unwrap();
    assert_eq!(texts_of(&newest), ["the INVOICE is paid"]);
    assert_eq!(newest.more, 1);
}

#[test]
fn looking_up_notes_few_more_places_than_are_wanted() {
    for way in [Way::Back, Way::On] {
        let mut found = search::Matches::default();
        for at in (0..40).rev() {
            found.add(search::Place::at(UnixTime(at)), way, 3);
            assert!(found.places.len() <= 2 * 3 + 1);
        }
    }
}

#[test]
fn those_who_look_one_after_the_other_see_the_newest_oldest_first() {
    let place = Place::new();
    let archive = with_history(&place);
    let visited = |most, stop_after: usize| {
        let mut seen = Vec::new();
        let unreadable = archive.visit(&Filter::default(), most, |entry| {
            seen.push(String::from_utf8(entry.body).unwrap());
            seen.len() < stop_after
        });
        assert_eq!(unreadable.unwrap(), 0);
        seen
    };
    assert_eq!(visited(Some(2), 9), ["the INVOICE is paid", "bye"]);
    assert_eq!(visited(None, 9).len(), 4);
    assert_eq!(visited(None, 1), ["Gr\u{fc}\u{df}e aus K\u{f6}ln"]);
}

/// What others have written is not even opened for it.
#[test]
fn whoever_asks_about_somebody_meets_the_rows_of_that_one_alone() {
    let place = Place::new();
    let archive = with_history(&place);
    let spoil = archive.database.begin_write().unwrap();
    {
        let mut table = spoil
            .open_table(change::definition(keys::Table::History))
            .unwrap();
        let (low, high) = change::rows_of(&archive.keys, keys::Table::History, Some(contact(7)));
        let spoilt = table.range(low.as_slice()..=high.as_slice()).unwrap();
        let spoilt: Vec<Vec<u8>> = spoilt.map(|row| row.unwrap().0.value().to_vec()).collect();
        for row in &spoilt {
            table
                .insert(row.as_slice(), b"not sealed".as_slice())
                .unwrap();
        }
        assert_eq!(spoilt.len(), 2);
    }
    spoil.commit().unwrap();
    let of = |whose| Filter {
        contact: Some(contact(whose)),
        ..Filter::default()
    };
    let unreadable = |filter| everything(&archive, &filter).unreadable;
    assert_eq!([7, 8].map(|whose| unreadable(of(whose))), [2, 0]);
    assert_eq!(unreadable(Filter::default()), 2);
    let contacts = archive.contacts().unwrap();
    assert_eq!(contacts.into_iter().collect::<Vec<_>>(), [contact(8)]);
}

#[test]
fn as_many_are_counted_as_a_purge_takes() {
    for (whose, before) in [
        (None, None),
        (Some(contact(7)), None),
        (None, Some(2_000)),
        (Some(contact(8)), Some(2_000)),
    ] {
        let place = Place::new();
        let mut archive = with_history(&place);
        let waits = outgoing(name(9, 0), "waits");
        archive
            .change(NOW, |it| it.queue(contact(7), &waits))
            .unwrap();
        let before = before.map(|ms| UnixTime(NOW.0 + ms));
        let counted = archive.count_purged(whose, before, NOW).unwrap().messages();
        assert!(counted > 0);
        assert_eq!(archive.purge(whose, before).unwrap(), counted);
    }
}

/// What was delivered meanwhile, and written before, went with it.
#[test]
fn no_more_goes_than_was_counted_whatever_came_to_an_end_meanwhile() {
    let place = Place::new();
    let mut archive = with_history(&place);
    let over = |archive: &mut Archive, sequence| {
        let done = archive.change(NOW, |it| {
            it.settle(contact(7), name(9, sequence), State::Delivered)
        });
        done.unwrap();
    };
    for (sequence, text) in ["first", "second"].into_iter().enumerate() {
        let message = outgoing(name(9, sequence as u64), text);
        let queued = archive.change(NOW, |it| it.queue(contact(7), &message));
        queued.unwrap();
    }
    over(&mut archive, 0);
    let counted = archive.count_purged(None, None, NOW).unwrap();
    over(&mut archive, 1);
    let left = |archive: &Archive| archive.count_left(None, None, Some(&counted)).unwrap();
    assert_eq!(left(&archive), counted.messages());
    let gone = archive.purge_counted(None, None, Some(&counted)).unwrap();
    assert_eq!(gone, counted.messages());
    assert_eq!(texts(&archive, Filter::default()), ["second"]);
    assert_eq!(left(&archive), 0);
}

/// Its number was that of the newest that was counted, and it went in the place of that.
#[test]
fn what_came_into_the_place_of_a_deleted_message_does_not_go_with_those_that_were_counted() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    let says = |archive: &mut Archive, sequence| {
        let message = outgoing(name(9, sequence), &format!("number {sequence}"));
        let said = archive.change(NOW, |it| {
            it.queue(contact(7), &message)?;
            it.settle(contact(7), message.name, State::Delivered)
        });
        said.unwrap();
    };
    (0..3).for_each(|sequence| says(&mut archive, sequence));
    let counted = archive.count_purged(None, None, NOW).unwrap();
    let newest = MessageRef {
        contact: contact(7),
        name: name(9, 2),
        is_ours: true,
    };
    assert_eq!(archive.delete(newest).unwrap(), Deletion::Done);
    says(&mut archive, 3);
    assert_eq!(archive.count_left(None, None, Some(&counted)).unwrap(), 0);
    assert_eq!(
        archive.purge_counted(None, None, Some(&counted)).unwrap(),
        0
    );
    let again = archive.count_purged(None, None, NOW).unwrap();
    assert_eq!(archive.purge_counted(None, None, Some(&again)).unwrap(), 3);
}

#[test]
fn purging_takes_a_contact_or_an_age_or_all() {
    let place = Place::new();
    let mut archive = with_history(&place);
    let all = Filter::default;
    assert_eq!(
        archive.purge(None, Some(UnixTime(NOW.0 + 1_000))).unwrap(),
        1
    );
    assert_eq!(texts(&archive, all()).len(), 3);
    assert_eq!(archive.purge(Some(contact(7)), None).unwrap(), 1);
    assert_eq!(texts(&archive, all()), ["invoice 7", "bye"]);
    assert_eq!(archive.purge(None, None).unwrap(), 2);
    assert_eq!(archive.purge(None, None).unwrap(), 0);
    assert_eq!(texts(&archive, all()).len(), 0);
}

#[test]
fn after_thirty_days_history_goes_by_itself_if_the_settings_say_so() {
    let place = Place::new();
    drop(with_history(&place));
    let later = UnixTime(NOW.0 + 30 * 86_400_000 + 2_000);
    drop(place.try_open(Keep::Forever, later).unwrap());
    // The first look notes the clock, the second goes by it.
    drop(place.try_open(Keep::ThirtyDays, later).unwrap());
    let day_after = UnixTime(later.0 + 86_400_000);
    let (archive, _) = place.try_open(Keep::ThirtyDays, day_after).unwrap();
    assert_eq!(
        texts(&archive, Filter::default()),
        ["the INVOICE is paid", "bye"]
    );
}

#[test]
fn one_start_with_a_clock_that_is_a_year_ahead_deletes_no_history() {
    let place = Place::new();
    drop(with_history(&place));
    let at = |days: u64| UnixTime(NOW.0 + days * 86_400_000);
    let count = |at| {
        let (archive, _) = place.try_open(Keep::ThirtyDays, at).unwrap();
        everything(&archive, &Filter::default()).entries.len()
    };
    let all = count(at(1));
    assert!(all > 2);
    assert_eq!([365, 2, 3].map(|days| count(at(days))), [all; 3]);
    // What is old by a clock that was right twice goes all the same.
    assert_eq!([40, 41].map(|days| count(at(days))), [all, 0]);
}

/// Each `send` of a script opens the store: it must not open every message of the history.
#[test]
fn history_is_looked_through_once_a_day_for_what_is_too_old() {
    let place = Place::new();
    let hour = |hours: u64| UnixTime(NOW.0 + hours * 3_600_000);
    let (mut archive, _) = place.open(Keep::ThirtyDays);
    archive
        .change(NOW, |it| {
            it.receive(contact(7), &incoming(name(1, 0), "old"))?;
            it.shown(contact(7), name(1, 0))
        })
        .unwrap();
    drop(archive);
    let count = |at| {
        let (archive, _) = place.try_open(Keep::ThirtyDays, at).unwrap();
        everything(&archive, &Filter::default()).entries.len()
    };
    let month = 30 * 24;
    let counts = [month + 1, month + 2, month + 24, month + 25].map(|at| count(hour(at)));
    assert_eq!(counts, [1, 1, 1, 0]);
    assert_eq!(count(NOW), 0, "a clock that went back is no reason to wait");
}
