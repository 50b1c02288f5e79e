use super::*;
use crate::calendar::Zone;
use crate::text::Charset;
use crate::text::Safe;
use crate::time::UnixTime;
use crate::tui::wrap::Break;

const SHAPE: Shape = Shape {
    width: 10,
    charset: Charset::Utf8,
    how: Break::Words,
    has_rules: true,
};

fn log(lines: u64) -> Log {
    let mut log = Log::default();
    for line in 0..lines {
        let words = Safe::from("entry ") + line;
        log.push(Entry::note(UnixTime(0), &Zone::utc(), words));
    }
    log
}

fn note(words: &'static str) -> Entry {
    Entry::note(UnixTime(0), &Zone::utc(), words.into())
}

fn message(words: &str) -> Entry {
    Entry::ours(UnixTime(0), &Zone::utc(), words, Receipt::Queued, Ticket(0))
}

fn name(sequence: u64) -> Name {
    Name {
        log: crate::chat::LogId(1),
        sequence,
    }
}

/// The entries whose rows are shown.
fn shown(log: &mut Log, anchor: Option<Anchor>, height: usize) -> Vec<u64> {
    let lines = log.visible(anchor, height, SHAPE);
    let text = |line: Line| match line {
        Line::Text { entry, .. } => Some(entry),
        Line::Day(_) | Line::New | Line::Failure { .. } => None,
    };
    lines.into_iter().filter_map(text).collect()
}

#[test]
fn the_screen_ends_with_the_newest_and_stays_where_it_was_scrolled() {
    let mut log = log(10);
    assert_eq!(shown(&mut log, None, 3), [7, 8, 9]);
    let up = log.up(None, 2, 3, SHAPE);
    assert_eq!(shown(&mut log, up, 3), [5, 6, 7]);
    log.push(Entry::note(UnixTime(0), &Zone::utc(), "more".into()));
    assert_eq!(shown(&mut log, up, 3), [5, 6, 7]);
    let down = log.down(up, 1, SHAPE);
    assert_eq!(shown(&mut log, down, 3), [6, 7, 8]);
    assert_eq!(log.down(up, 3, SHAPE), None, "that is the end");
}

#[test]
fn nobody_scrolls_past_the_oldest_line() {
    let mut all = log(10);
    let top = all.up(None, 1_000, 4, SHAPE);
    let lines = all.visible(top, 4, SHAPE);
    assert!(matches!(lines[0], Line::Day(_)), "{lines:?}");
    assert_eq!(lines.len(), 4);
    let mut few = log(2);
    assert_eq!(few.up(None, 5, 10, SHAPE), None, "all of it fits");
}

#[test]
fn a_long_entry_is_scrolled_by_rows_and_survives_another_width() {
    let mut log = log(1);
    let words = "aaaa bbbb cccc dddd eeee ffff gggg hhhh".into();
    log.push(Entry::note(UnixTime(0), &Zone::utc(), words));
    let up = log.up(None, 1, 2, SHAPE);
    let rows = |log: &mut Log, width| {
        let shape = Shape { width, ..SHAPE };
        log.visible(up, 2, shape)
    };
    let text = |row| Line::Text { entry: 1, row };
    assert_eq!(rows(&mut log, 10), [text(1), text(2)]);
    assert_eq!(rows(&mut log, 80).last(), Some(&text(0)));
    let wide = Shape { width: 80, ..SHAPE };
    let high = Anchor {
        skipped: 3,
        ..Anchor::at(1)
    };
    assert_eq!(log.down(Some(high), 1, wide), None, "its one line is last");
    assert_eq!(rows(&mut log, 10), [text(1), text(2)]);
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let mut log = log(MAX_ENTRIES as u64 + 5);
    assert_eq!(log.first(), Some(5));
    assert!(log.get(4).is_none() && log.get(5).is_some());
    let gone = Some(Anchor::at(2));
    assert_eq!(shown(&mut log, gone, 1), [5]);
}

#[test]
fn messages_outlast_as_many_words_of_ours_as_there_is_room_for() {
    let mut log = log(3);
    for sequence in 0..2 {
        let entry = log.push(message("hello"));
        log.name(name(sequence), entry);
        log.push(note("connecting"));
    }
    log.marker = Some(5);
    for _ in 0..MAX_ENTRIES {
        log.push(note("no answer"));
    }
    assert_eq!((log.made_room(), log.entries.len()), (0, MAX_ENTRIES));
    let numbers: Vec<u64> = log.entries.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers[..2], [3, 5]);
    assert!(numbers.is_sorted() && log.find(name(1), true) == Some(5));
    assert!(log.on_state(name(1), Receipt::Delivered) && log.open() == 1);
    let kind = |log: &Log, entry| {
        matches!(
            log.get(entry).unwrap().kind,
            Kind::Ours(Receipt::Delivered, _)
        )
    };
    assert!(kind(&log, 5) && !kind(&log, 3));
    // They stand one under the other, with the line over what is new, and are walked over like that.
    let top = log.oldest(4, SHAPE);
    let lines = log.visible(top, 4, SHAPE);
    let text = |entry| Line::Text { entry, row: 0 };
    assert_eq!(lines[1..], [text(3), Line::New, text(5)]);
    let down = log.down(top, 1, SHAPE);
    assert_eq!(shown(&mut log, down, 2), [5, numbers[2]]);
    let up = log.up(down, 1, 3, SHAPE);
    assert_eq!(shown(&mut log, up, 3), [3, 5]);
    let sizes = log.entries.iter().map(|(_, it)| it.size());
    assert_eq!(log.bytes, sizes.sum::<usize>());
}

#[test]
fn of_messages_alone_the_oldest_goes_and_is_counted() {
    let mut log = Log::default();
    for sequence in 0..=MAX_ENTRIES as u64 {
        let entry = log.push(message("hello"));
        log.name(name(sequence), entry);
    }
    assert_eq!((log.made_room(), log.first()), (1, Some(1)));
    assert!(log.has_dropped(0) && !log.has_dropped(1));
    assert!(!log.on_state(name(0), Receipt::Sent) && log.on_state(name(1), Receipt::Sent));
}

/// Such as the answer to a command.
#[test]
fn words_of_ours_are_whole_where_all_the_rest_are_messages() {
    let mut log = Log::default();
    for _ in 0..MAX_ENTRIES {
        log.push(message("hello"));
    }
    for _ in 0..NEWEST_NOTES {
        log.push(note("somebody"));
    }
    let last = log.newest_first().take(NEWEST_NOTES);
    assert!(last.into_iter().all(|(_, it)| it.kind == Kind::Note));
    log.push(note("one more"));
    assert_eq!(log.made_room(), NEWEST_NOTES as u64);
    assert_eq!(log.entries.len(), MAX_ENTRIES);
}

#[test]
fn who_reads_what_made_room_stays_below_the_one_before() {
    let mut log = Log::default();
    let [said, read] = [log.push(message("hello")), log.push(note("connecting"))];
    let anchor = Some(Anchor::at(read));
    assert_eq!(shown(&mut log, anchor, 2), [said, read]);
    for _ in 0..MAX_ENTRIES {
        log.push(note("no answer"));
    }
    assert!(log.get(read).is_none());
    assert_eq!(shown(&mut log, anchor, 2), [said]);
}

#[test]
fn what_is_new_begins_with_the_next_one_where_its_first_was_deleted_and_made_room() {
    let mut log = Log::default();
    for words in ["old", "gone", "new"] {
        log.push(message(words));
    }
    log.marker = Some(1);
    log.delete(1);
    for _ in 0..MAX_ENTRIES {
        log.push(note("no answer"));
    }
    assert!(log.get(1).is_none());
    assert_eq!((log.marker, log.made_room()), (Some(2), 0));
}

/// Its place is by its time, whatever stood between and made room.
#[test]
fn what_was_said_before_comes_behind_older_where_some_made_room() {
    let said = |at| {
        Entry::ours(
            UnixTime(at),
            &Zone::utc(),
            "hello",
            Receipt::Sent,
            Ticket(0),
        )
    };
    let mut log = Log::default();
    for at in [10, 40] {
        log.insert(said(at));
        log.insert(Entry::note(UnixTime(at), &Zone::utc(), "more".into()));
    }
    log.push(said(5));
    for _ in 0..MAX_ENTRIES {
        log.push(note("no answer"));
    }
    let between = log.insert(said(20));
    let last = log.insert(said(50));
    let times: Vec<u64> = log.entries.iter().map(|(_, it)| it.at.0).take(5).collect();
    assert_eq!(times, [10, 20, 40, 50, 5]);
    assert!(log.get(between).unwrap().at.0 == 20 && log.get(last).unwrap().at.0 == 50);
    assert!(log.entries.iter().is_sorted_by_key(|(number, _)| *number));
}

#[test]
fn what_was_said_before_stands_by_its_time_before_all_of_this_run() {
    let note = |at| Entry::note(UnixTime(at), &Zone::utc(), Safe::from(at));
    let mut log = Log::default();
    log.push(note(5));
    let waiting = log.insert(note(40));
    let name = name(0);
    log.name(name, waiting);
    log.marker = Some(log.insert(note(20)));
    for at in [10, 20, 30, 50] {
        log.insert(note(at));
    }
    log.push(note(6));
    let times: Vec<u64> = log.entries.iter().map(|(_, it)| it.at.0).collect();
    assert_eq!(times, [10, 20, 20, 30, 40, 50, 5, 6]);
    assert_eq!((log.marker, log.names[&name]), (Some(1), 4));
    let sizes = log.entries.iter().map(|(_, it)| it.size());
    assert_eq!(log.bytes, sizes.sum::<usize>());
}

#[test]
fn what_was_said_before_pushes_nothing_of_this_run_out() {
    let mut log = log(MAX_ENTRIES as u64);
    let before = Entry::note(UnixTime(0), &Zone::utc(), "before".into());
    assert_eq!(log.insert(before), 0);
    assert_eq!(log.entries.len(), MAX_ENTRIES);
    assert_eq!(shown(&mut log, None, 1), [MAX_ENTRIES as u64]);
    assert!(log.get(1).is_some() && log.get(0).is_none());
}

#[test]
fn after_it_was_emptied_what_was_said_before_still_comes_first() {
    let mut log = log(3);
    log.clear();
    log.push(Entry::note(UnixTime(0), &Zone::utc(), "now".into()));
    let before = Entry::note(UnixTime(9), &Zone::utc(), "before".into());
    assert_eq!(log.insert(before), 3);
    assert_eq!(shown(&mut log, None, 2), [3, 4]);
    assert_eq!(log.get(4).unwrap().text.as_str(), "now");
}

#[test]
fn what_is_deleted_takes_no_line() {
    let mut log = log(3);
    log.delete(1);
    assert_eq!(shown(&mut log, None, 9), [0, 2]);
    let up = log.up(None, 1, 2, SHAPE);
    assert_eq!(shown(&mut log, up, 2), [0]);
}

#[test]
fn states_only_move_forward() {
    let mut log = Log::default();
    let entry = Entry::ours(UnixTime(0), &Zone::utc(), "x", Receipt::Queued, Ticket(1));
    let entry = log.push(entry);
    log.await_name(Ticket(1), entry);
    let name = name(0);
    assert_eq!(log.on_ticket(Ticket(1), Ok(name)), Some(true));
    assert!(log.on_state(name, Receipt::Delivered));
    assert!(!log.on_state(name, Receipt::Sent), "it has come to its end");
    let kind = &log.get(entry).unwrap().kind;
    assert_eq!(*kind, Kind::Ours(Receipt::Delivered, Ticket(1)));
    assert_eq!(log.open(), 0);
}
