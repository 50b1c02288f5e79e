use super::*;
use crate::text::Charset;
use crate::text::Safe;
use crate::time::UnixTime;
use crate::tui::clock::Zone;
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
    assert_eq!(log.first, 5);
    assert!(log.get(4).is_none() && log.get(5).is_some());
    let gone = Some(Anchor::at(2));
    assert_eq!(shown(&mut log, gone, 1), [5]);
}

#[test]
fn what_was_said_before_stands_by_its_time_before_all_of_this_run() {
    let note = |at| Entry::note(UnixTime(at), &Zone::utc(), Safe::from(at));
    let mut log = Log::default();
    log.push(note(5));
    let waiting = log.insert(note(40));
    let name = Name {
        log: crate::chat::LogId(1),
        sequence: 0,
    };
    log.name(name, waiting);
    log.marker = Some(log.insert(note(20)));
    for at in [10, 20, 30, 50] {
        log.insert(note(at));
    }
    log.push(note(6));
    let times: Vec<u64> = log.entries.iter().map(|it| it.at.0).collect();
    assert_eq!(times, [10, 20, 20, 30, 40, 50, 5, 6]);
    assert_eq!((log.marker, log.names[&name]), (Some(1), 4));
    let sizes = log.entries.iter().map(Entry::size);
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
    let name = Name {
        log: crate::chat::LogId(1),
        sequence: 0,
    };
    assert_eq!(log.on_ticket(Ticket(1), Ok(name)), Some(true));
    assert!(log.on_state(name, Receipt::Delivered));
    assert!(!log.on_state(name, Receipt::Sent), "it has come to its end");
    let kind = &log.get(entry).unwrap().kind;
    assert_eq!(*kind, Kind::Ours(Receipt::Delivered, Ticket(1)));
    assert_eq!(log.open(), 0);
}
