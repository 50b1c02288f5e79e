//! Looking through many messages page by page.

use super::*;
use crate::chat::MessageRef;
use crate::store::archive::change::definition;
use crate::store::archive::keys::Table;

type Row = (Vec<u8>, Vec<u8>);

/// Forty messages of which the newest came first, by a clock that was set back again and again.
fn forty(archive: &mut Archive) {
    for at in (0..40).rev() {
        let (name, now) = (name(1, at), UnixTime(NOW.0 + at * 120_000));
        let message = incoming(name, &format!("{at:02}"));
        let write = |it: &mut Change<'_>| {
            it.receive(contact(7), &message)?;
            it.shown(contact(7), name)
        };
        archive.change(now, write).unwrap();
    }
}

#[test]
fn what_came_in_one_change_is_found_in_its_order_whatever_logs_it_is_of() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    let logs = [9, 3, 7, 1];
    let came = logs.map(|log| incoming(name(log, 0), &format!("{log}")));
    archive
        .change(NOW, |it| {
            for message in &came {
                it.receive(contact(7), message)?;
            }
            Ok(())
        })
        .unwrap();
    let answer = outgoing(name(2, 0), "!");
    archive
        .change(NOW, |it| it.queue(contact(7), &answer))
        .unwrap();
    assert_eq!(pages(&archive, Way::On, 9, false), ["9371!"]);
}

/// All pages of so many, as they come; each anew from its cursor if `is_anew`.
fn pages(archive: &Archive, way: Way, most: usize, is_anew: bool) -> Vec<String> {
    let begin = |cursor| Search::new(Filter::default(), way, cursor);
    let (mut search, mut texts) = (begin(None), Vec::new());
    loop {
        let page = search.page(archive, most, usize::MAX).unwrap();
        texts.push(texts_of(&page).concat());
        let Some(cursor) = page.cursor else {
            return texts;
        };
        assert!(search.goes_on(&Filter::default(), way, cursor));
        if is_anew {
            search = begin(Some(cursor.to_string().parse().unwrap()));
        }
    }
}

/// Each may have megabytes, and its sender decides about that.
#[test]
fn a_page_holds_no_more_bodies_than_it_may_and_says_how_many_are_left() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    forty(&mut archive);
    let page = |way, most, bytes| {
        let mut search = Search::new(Filter::default(), way, None);
        let page = search.page(&archive, most, bytes).unwrap();
        (texts_of(&page).concat(), page.more)
    };
    let is = |text: &str, more| (text.to_owned(), more);
    assert_eq!(page(Way::Back, 3, 99), is("373839", 37));
    assert_eq!(page(Way::Back, 99, 6), is("373839", 37));
    assert_eq!(page(Way::Back, 99, 5), is("3839", 38));
    assert_eq!(page(Way::Back, 99, 0), is("39", 39), "one in any case");
    assert_eq!(page(Way::Back, 0, 99), is("", 40));
    assert_eq!(page(Way::On, 3, 99), is("000102", 37));
    assert_eq!(page(Way::On, 99, 5), is("0001", 38));
    assert_eq!(page(Way::On, 99, 0), is("00", 39));
}

#[test]
fn pages_are_all_there_is_either_way_whether_somebody_remembers_or_not() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    forty(&mut archive);
    let all: Vec<String> = (0..40).map(|at| format!("{at:02}")).collect();
    for is_anew in [false, true] {
        let on = pages(&archive, Way::On, 7, is_anew);
        assert_eq!((on.len(), on.concat()), (6, all.concat()));
        let mut back = pages(&archive, Way::Back, 7, is_anew);
        assert_eq!(back[0], "33343536373839");
        back.reverse();
        assert_eq!((back.len(), back.concat()), (6, all.concat()));
    }
    let nobody = Filter {
        contact: Some(contact(9)),
        ..Filter::default()
    };
    let page = Search::new(nobody, Way::On, None).page(&archive, 7, 99);
    assert_eq!(page.unwrap(), Page::default());
}

/// The next page, and how many steps it took.
fn in_steps(search: &mut Search, archive: &Archive, most: usize) -> (Page, usize) {
    let mut steps = 1;
    loop {
        if let Some(page) = search.step(archive, most, 999).unwrap() {
            return (page, steps);
        }
        steps += 1;
    }
}

#[test]
fn what_is_looked_for_in_steps_is_found_as_at_once() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    forty(&mut archive);
    for (way, words) in [Way::On, Way::Back]
        .map(|way| [(way, "3"), (way, "x")])
        .concat()
    {
        let filter = Filter {
            words: Some(words.to_owned()),
            ..Filter::default()
        };
        let begin = || Search::new(filter.clone(), way, None);
        let (mut at_once, mut search) = (begin(), begin().slowly_for_testing_only());
        let mut taken = Vec::new();
        loop {
            let page = at_once.page(&archive, 6, 999).unwrap();
            let (stepped, steps) = in_steps(&mut search, &archive, 6);
            assert_eq!(stepped, page, "{way:?}");
            taken.push(steps);
            if page.cursor.is_none() {
                break;
            }
        }
        assert_eq!(taken[0], 41, "one message in each, and none");
    }
}

/// What moves from a table that was gone through to one that was not was found twice, and the other way round not at all.
#[test]
fn what_moves_on_while_somebody_looks_in_steps_is_neither_missed_nor_found_twice() {
    let texts = |numbers: core::ops::Range<u64>| numbers.map(|at| format!("{at:02}"));
    let oldest: fn(u64) -> u64 = |step| step;
    let newest: fn(u64) -> u64 = |step| 39 - step;
    let back = [oldest, newest].map(|moves| (Way::Back, moves, 30..40));
    let on = [oldest, newest].map(|moves| (Way::On, moves, 0..10));
    for (way, moves, first) in back.into_iter().chain(on) {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        for (sequence, text) in (0..).zip(texts(0..40)) {
            let message = outgoing(name(5, sequence), &text);
            let queue = |it: &mut Change<'_>| it.queue(contact(7), &message);
            archive.change(NOW, queue).unwrap();
        }
        let mut search = Search::new(Filter::default(), way, None).slowly_for_testing_only();
        for step in 0..20 {
            assert_eq!(search.step(&archive, 10, 999).unwrap(), None);
            let name = name(5, moves(step));
            let settle = |it: &mut Change<'_>| it.settle(contact(7), name, State::Delivered);
            archive.change(NOW, settle).unwrap();
        }
        let (page, _) = in_steps(&mut search, &archive, 10);
        let first: Vec<String> = texts(first).collect();
        assert_eq!((texts_of(&page), page.more), (first, 30), "{way:?}");
        let (rest, _) = in_steps(&mut search, &archive, 99);
        assert_eq!((rest.entries.len(), rest.more), (30, 0), "{way:?}");
    }
}

/// All were opened in one turn of the loop if a message of the page had its receipt meanwhile.
#[test]
fn for_what_moves_on_while_somebody_looks_in_steps_nothing_is_looked_through_again() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    forty(&mut archive);
    let (late, name) = (UnixTime(NOW.0 + 40 * 120_000), name(5, 0));
    let queued = archive.change(late, |it| it.queue(contact(7), &outgoing(name, "!")));
    queued.unwrap();
    let mut search = Search::new(Filter::default(), Way::Back, None).slowly_for_testing_only();
    for _ in 0..30 {
        assert_eq!(search.step(&archive, 2, 999).unwrap(), None);
    }
    let settle = |it: &mut Change<'_>| it.settle(contact(7), name, State::Delivered);
    archive.change(late, settle).unwrap();
    // Whoever comes by there again counts it.
    let (row, sealed) = sealed(&archive, 5);
    put(&archive, &row, &sealed[1..]);
    let (page, _) = in_steps(&mut search, &archive, 2);
    assert_eq!((texts_of(&page).concat(), page.more), ("39!".into(), 39));
    assert_eq!(page.unreadable, 0);
}

#[test]
fn what_is_deleted_before_its_page_is_looked_for_anew_in_steps() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    forty(&mut archive);
    let mut search = Search::new(Filter::default(), Way::On, None).slowly_for_testing_only();
    in_steps(&mut search, &archive, 20);
    let which = MessageRef {
        contact: contact(7),
        name: name(1, 20),
        is_ours: false,
    };
    archive.delete(which).unwrap();
    let (page, steps) = in_steps(&mut search, &archive, 20);
    let rest: Vec<String> = (21..40).map(|at| format!("{at:02}")).collect();
    assert_eq!((texts_of(&page), page.more), (rest, 0));
    assert!(steps > 39, "{steps}");
}

#[test]
fn what_came_while_somebody_looks_in_steps_is_said_to_be_there_unless_it_is_not_asked_for() {
    for is_of_now in [false, true] {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        forty(&mut archive);
        let search = Search::new(Filter::default(), Way::On, None).slowly_for_testing_only();
        let mut search = if is_of_now { search.of_now() } else { search };
        in_steps(&mut search, &archive, 20);
        let late = UnixTime(NOW.0 + 40 * 120_000);
        let message = incoming(name(1, 40), "40");
        let came = archive.change(late, |it| it.receive(contact(7), &message));
        came.unwrap();
        let (page, steps) = in_steps(&mut search, &archive, 20);
        let (more, looked) = if is_of_now { (0, 1) } else { (1, 43) };
        assert_eq!((page.entries.len(), page.more, steps), (20, more, looked));
        if !is_of_now {
            assert_eq!(texts_of(&in_steps(&mut search, &archive, 20).0), ["40"]);
        }
    }
}

#[test]
fn what_an_error_stopped_is_shown_by_the_next_step() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    forty(&mut archive);
    let mut search = Search::new(Filter::default(), Way::Back, None).slowly_for_testing_only();
    let mut texts = texts_of(&in_steps(&mut search, &archive, 7).0);
    let (row, sealed) = sealed(&archive, 20);
    put(&archive, &row, &sealed[1..]);
    assert!(search.step(&archive, 40, 999).is_err());
    put(&archive, &row, &sealed);
    texts.extend(texts_of(&in_steps(&mut search, &archive, 40).0));
    texts.sort();
    let all: Vec<String> = (0..40).map(|at| format!("{at:02}")).collect();
    assert_eq!(texts, all);
}

/// All were written down at one moment, and what has its receipt moves to another table.
#[test]
fn what_moves_goes_or_comes_while_somebody_looks_through_is_neither_missed_nor_seen_twice() {
    for way in [Way::On, Way::Back] {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        let queue = |archive: &mut Archive, sequence| {
            let text = format!("{sequence:02}");
            let message = outgoing(name(5, sequence), &text);
            archive
                .change(NOW, |it| it.queue(contact(7), &message))
                .unwrap();
        };
        (0..40).for_each(|sequence| queue(&mut archive, sequence));
        let mut search = Search::new(Filter::default(), way, None);
        let mut texts = Vec::new();
        for round in 0..8 {
            let page = search.page(&archive, 6, 999).unwrap();
            texts.extend(texts_of(&page));
            // Some that were looked at, and some that were not.
            for sequence in [round, 39 - round, 20 + round] {
                let settle = |it: &mut Change<'_>| {
                    it.settle(contact(7), name(5, sequence), State::Delivered)
                };
                archive.change(NOW, settle).unwrap();
            }
            if page.cursor.is_none() {
                break;
            }
        }
        texts.sort();
        let all: Vec<String> = (0..40).map(|at| format!("{at:02}")).collect();
        assert_eq!(texts, all, "{way:?}");
        let mut search = Search::new(Filter::default(), way, None);
        search.page(&archive, 6, 999).unwrap();
        archive.purge(Some(contact(7)), None).unwrap();
        let rest = search.page(&archive, 99, 999).unwrap();
        assert!(
            rest.entries
                .iter()
                .all(|it| it.standing == Standing::Waiting)
        );
    }
}

/// A message of the history, as it lies there.
fn sealed(archive: &Archive, nth: usize) -> Row {
    let transaction = archive.database.begin_read().unwrap();
    let table = transaction.open_table(definition(Table::History)).unwrap();
    let (row, sealed) = table.iter().unwrap().nth(nth).unwrap().unwrap();
    (row.value().to_vec(), sealed.value().to_vec())
}

fn put(archive: &Archive, row: &[u8], sealed: &[u8]) {
    let transaction = archive.database.begin_write().unwrap();
    let mut table = transaction.open_table(definition(Table::History)).unwrap();
    table.insert(row, sealed).unwrap();
    drop(table);
    transaction.commit().unwrap();
}

#[test]
fn what_an_error_stopped_is_shown_by_the_next_page() {
    for way in [Way::On, Way::Back] {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        forty(&mut archive);
        let mut search = Search::new(Filter::default(), way, None);
        let mut texts = texts_of(&search.page(&archive, 7, 999).unwrap());
        let (row, sealed) = sealed(&archive, 20);
        put(&archive, &row, &sealed[1..]);
        assert!(search.page(&archive, 40, 999).is_err());
        put(&archive, &row, &sealed);
        texts.extend(texts_of(&search.page(&archive, 40, 999).unwrap()));
        texts.sort();
        let all: Vec<String> = (0..40).map(|at| format!("{at:02}")).collect();
        assert_eq!(texts, all, "{way:?}");
    }
}

#[test]
fn what_came_meanwhile_is_said_to_be_there_by_whoever_goes_on() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    forty(&mut archive);
    let mut search = Search::new(Filter::default(), Way::On, None);
    search.page(&archive, 20, 999).unwrap();
    let late = UnixTime(NOW.0 + 40 * 120_000);
    let message = incoming(name(1, 40), "40");
    archive
        .change(late, |it| it.receive(contact(7), &message))
        .unwrap();
    let page = search.page(&archive, 20, 999).unwrap();
    assert_eq!((page.entries.len(), page.more), (20, 1));
    assert!(page.cursor.is_some());
    let page = search.page(&archive, 20, 999).unwrap();
    assert_eq!(texts_of(&page), ["40"]);
    assert_eq!((page.more, page.cursor), (0, None));
}

/// Messages with these words, one after the other, which are shown at once.
fn say(archive: &mut Archive, words: &str, numbers: core::ops::Range<u64>) {
    for at in numbers {
        let name = name(1, at);
        let message = incoming(name, &format!("{words}{at}"));
        let write = |it: &mut Change<'_>| {
            it.receive(contact(7), &message)?;
            it.shown(contact(7), name)
        };
        archive.change(UnixTime(NOW.0 + at), write).unwrap();
    }
}

#[test]
fn a_message_in_the_place_of_one_that_was_deleted_is_not_shown_twice() {
    let place = Place::new();
    let (mut archive, _) = place.open(Keep::Forever);
    say(&mut archive, " ", 0..10);
    let mut search = Search::new(Filter::default(), Way::On, None);
    let mut texts = texts_of(&search.page(&archive, 5, 999).unwrap());
    let newest = MessageRef {
        contact: contact(7),
        name: name(1, 9),
        is_ours: false,
    };
    archive.delete(newest).unwrap();
    say(&mut archive, " ", 10..11);
    for _ in 0..2 {
        texts.extend(texts_of(&search.page(&archive, 5, 999).unwrap()));
    }
    assert_eq!(texts.concat(), " 0 1 2 3 4 5 6 7 8 10");
}

#[test]
fn what_came_after_a_purge_is_not_taken_for_what_was_found_before_it() {
    for way in [Way::On, Way::Back] {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        say(&mut archive, "old ", 0..10);
        let filter = Filter {
            words: Some("old".to_owned()),
            ..Filter::default()
        };
        let mut search = Search::new(filter, way, None);
        search.page(&archive, 5, 999).unwrap();
        archive.purge(Some(contact(7)), None).unwrap();
        say(&mut archive, "new ", 10..20);
        let page = search.page(&archive, 99, 999).unwrap();
        assert_eq!(page, Page::default(), "{way:?}");
    }
}

/// Each side draws the names of its messages by itself.
#[test]
fn two_messages_of_one_name_and_moment_are_both_shown_wherever_a_page_ends() {
    for way in [Way::On, Way::Back] {
        let place = Place::new();
        let (mut archive, _) = place.open(Keep::Forever);
        let (theirs, ours) = (incoming(name(1, 4), "theirs"), outgoing(name(1, 4), "ours"));
        let write = |it: &mut Change<'_>| {
            it.receive(contact(7), &theirs)?;
            it.queue(contact(7), &ours)
        };
        archive.change(NOW, write).unwrap();
        let mut both = pages(&archive, way, 1, true);
        both.sort();
        assert_eq!(both, ["ours", "theirs"], "{way:?}");
    }
}
