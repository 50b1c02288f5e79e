//! What is new, what was seen, and where the screen stands.

use securechat::calendar::Zone;
use securechat::chat::{Name, State};
use securechat::id::PeerId;
use securechat::time::UnixTime;
use securechat::tui::{Action, Earlier, Input, Notice, Said, Settings, Told};

use crate::screen::{BOB, CAROL, Screen, settings};

#[test]
fn a_message_is_seen_only_at_the_end_of_a_screen_that_somebody_looks_at() {
    let mut screen = Screen::with_three(80, 10);
    screen.say(BOB, "in front");
    assert_eq!(screen.app.unread(), 0);
    screen.say(CAROL, "elsewhere");
    assert_eq!(screen.app.unread(), 1);
    assert!(screen.text().contains("[2 carol +1]"));
    screen.input(Input::Focus(false));
    screen.say(BOB, "behind another window");
    assert_eq!(screen.app.unread(), 2);
    screen.key("alt-2");
    assert_eq!(screen.app.unread(), 2, "the terminal has no focus");
    screen.input(Input::Focus(true));
    assert_eq!(screen.app.unread(), 1);
    assert_eq!(screen.app.title().as_str(), "securechat (1)");
    screen.key("alt-1");
    assert_eq!(screen.seen(), [(BOB, 1), (CAROL, 1), (BOB, 1)]);
}

#[test]
fn a_line_shows_where_the_new_ones_begin_until_one_leaves_again() {
    let mut screen = Screen::with_three(80, 12);
    screen.say(CAROL, "old");
    screen.key("alt-2");
    screen.key("alt-1");
    screen.say(CAROL, "new one");
    screen.say(CAROL, "new two");
    screen.key("alt-2");
    let rows = screen.rows();
    let line = rows
        .iter()
        .position(|row| row.contains("── new ──"))
        .unwrap();
    assert!(rows[line - 1].contains("old") && rows[line + 1].contains("new one"));
    screen.key("alt-1");
    screen.key("alt-2");
    assert!(!screen.text().contains(" new ─"));
}

/// iamb#131: nothing told of new messages below.
#[test]
fn scrolled_up_the_screen_stays_and_counts_what_is_new_below() {
    let mut screen = Screen::with_bob(80, 12);
    (0..50).for_each(|number| screen.say(BOB, &format!("message {number}")));
    screen.key("pageup");
    let before = screen.rows()[1].clone();
    screen.say(BOB, "one more");
    screen.say(BOB, "two more");
    assert_eq!(screen.rows()[1], before);
    assert!(screen.text().contains("↓ 2 new below - End"));
    assert_eq!(screen.app.unread(), 2);
    // In what is being written End goes elsewhere.
    screen.type_in("x");
    assert!(screen.text().contains("↓ 2 new below - Alt+End"));
    screen.key("backspace");
    screen.key("alt-u");
    assert!(screen.text().contains("one more"));
    screen.key("end");
    assert_eq!(screen.app.unread(), 0);
    assert!(!screen.text().contains("below"));
}

/// toxic#432: a resize lost the place.
/// Terminals give a cell to a sound mark of half the width, which is a mark to Unicode.
#[test]
fn no_letter_with_a_sound_mark_is_left_out_of_a_row() {
    let mut screen = Screen::with_bob(80, 24);
    let letter = "\u{ff76}\u{ff9e}";
    screen.say(BOB, &letter.repeat(124));
    assert_eq!(screen.text().matches(letter).count(), 124);
    screen.type_in(&letter.repeat(60));
    assert_eq!(screen.text().matches(letter).count(), 124 + 60);
}

#[test]
fn a_resize_keeps_the_lowest_message_where_it_is() {
    let mut screen = Screen::with_bob(80, 12);
    (0..50).for_each(|number| screen.say(BOB, &format!("message {number} with some more words")));
    screen.key("pageup");
    let lowest = |screen: &mut Screen| {
        let rows = screen.rows();
        let rule = rows
            .iter()
            .rposition(|row| row.contains("F1 help"))
            .unwrap()
            - 1;
        rows[rule - 1].split("below").next().unwrap().to_owned()
    };
    let before = lowest(&mut screen);
    screen.resize(30, 20);
    screen.resize(100, 9);
    screen.resize(80, 12);
    assert_eq!(lowest(&mut screen), before);
}

#[test]
fn pages_overlap_by_a_line_and_lead_to_both_ends() {
    let mut screen = Screen::with_bob(80, 12);
    (0..50).for_each(|number| screen.say(BOB, &format!("message {number}")));
    let first = screen.rows()[1].clone();
    screen.key("pageup");
    let rows = screen.rows();
    assert!(rows[8].starts_with(&first[..20]), "{rows:#?}");
    screen.key("alt-home");
    assert!(screen.rows()[2].contains("message 0"));
    screen.key("alt-pagedown");
    assert!(screen.rows()[1].contains("message 2"));
    screen.key("alt-end");
    assert!(screen.text().contains("message 49"));
    screen.input(Input::Wheel(3));
    screen.input(Input::Wheel(-3));
    assert!(!screen.text().contains("below"));
}

#[test]
fn the_bell_rings_for_what_nobody_sees_and_says_no_more_than_it_may() {
    let mut screen = Screen::with_three(80, 10);
    screen.say(BOB, "seen");
    assert_eq!(screen.actions(), []);
    screen.say(CAROL, "secret");
    let bell = Action::Notify(Notice {
        words: None,
        rings: true,
    });
    assert_eq!(screen.actions(), [bell]);
    let of_carol = screen.message(CAROL, "of an earlier run");
    let messages = vec![Earlier::Theirs(of_carol)];
    screen.tell(earlier(CAROL, messages));
    assert_eq!(screen.actions(), [], "what was shown before rings nothing");
    screen.key("alt-2");
    screen.line("/mute");
    screen.key("alt-1");
    screen.say(CAROL, "muted");
    assert_eq!(screen.actions(), []);
    for (notify, words) in [
        (securechat::tui::Discretion::Sender, "message from bob"),
        (securechat::tui::Discretion::Full, "message from bob: x^[y"),
    ] {
        let settings = Settings {
            notify,
            ..settings()
        };
        let mut screen = Screen::with(settings, 80, 10);
        screen.meet(BOB, "bob");
        screen.input(Input::Focus(false));
        screen.say(BOB, "x\u{1b}y");
        let Action::Notify(Notice {
            words: Some(said), ..
        }) = &screen.actions()[0]
        else {
            panic!("no notification");
        };
        assert_eq!(said.as_str(), words);
    }
}

/// Signal-Android#2151, keybase#7269: a notification told more than it was to.
#[test]
fn what_a_notification_says_can_be_settled_while_one_talks() {
    let mut screen = Screen::with_bob(80, 10);
    screen.input(Input::Focus(false));
    let mut notice = |line: &str, told: &str| {
        screen.line(line);
        assert_eq!(screen.rule(), told);
        screen.seconds(5);
        screen.actions();
        screen.say(BOB, "the secret");
        let actions = screen.actions();
        match actions.as_slice() {
            [] => None,
            [Action::Notify(notice)] => Some((notice.words.clone(), notice.rings)),
            other => panic!("{other:?}"),
        }
    };
    let bell = "notifications: the bell alone";
    assert_eq!(notice("/notify", bell), Some((None, true)));
    assert_eq!(notice("/notify off", "notifications: off"), None);
    let sender = "notifications say from whom a message is";
    let from = |words: &str| Some((Some(words.to_owned()), true));
    let words = |notice: Option<(Option<securechat::text::Safe>, bool)>| {
        notice.map(|(words, rings)| (words.map(|words| words.to_string()), rings))
    };
    let heard = words(notice("/notify sender", sender));
    assert_eq!(heard, from("message from bob"));
    let full = "notifications say from whom a message is, and what it says";
    let heard = words(notice("/notify full", full));
    assert_eq!(heard, from("message from bob: the secret"));
    assert_eq!(notice("/notify bell", bell), Some((None, true)));
}

/// What came before calls nobody: whoever starts the program is there.
#[test]
fn what_an_earlier_run_had_calls_nobody() {
    let mut screen = Screen::with_bob(80, 10);
    screen.input(Input::Focus(false));
    let mut before = screen.message(BOB, "perhaps shown before");
    before.again = true;
    screen.tell(Told::Said(before));
    assert_eq!(screen.actions(), []);
    assert_eq!(screen.app.unread(), 1, "it is shown as new all the same");
}

#[test]
fn without_a_bell_there_are_words_alone() {
    let settings = Settings {
        notify: securechat::tui::Discretion::Sender,
        bell: false,
        ..settings()
    };
    let mut screen = Screen::with(settings, 80, 10);
    screen.meet(BOB, "bob");
    screen.input(Input::Focus(false));
    screen.say(BOB, "hello");
    let notice = Notice {
        words: Some("message from bob".into()),
        rings: false,
    };
    assert_eq!(screen.actions(), [Action::Notify(notice)]);
}

#[test]
fn days_have_a_line() {
    let mut screen = Screen::with_bob(80, 12);
    screen.say(BOB, "yesterday");
    screen.seconds(86_400);
    screen.say(BOB, "today");
    let rows = screen.rows();
    assert!(
        rows[1].contains("─ Sat 21 Nov ─") && rows[3].contains("─ Sun 22 Nov ─"),
        "{rows:#?}"
    );
}

fn earlier(peer: PeerId, messages: Vec<Earlier>) -> Told {
    Told::Earlier {
        peer,
        messages,
        has_older: false,
    }
}

/// A message of theirs that came so many seconds ago.
fn ago(screen: &mut Screen, seconds: u64, text: &str) -> Said {
    let mut said = screen.message(BOB, text);
    said.at.0 -= seconds * 1_000;
    said.written = said.at;
    said
}

#[test]
fn what_was_said_before_this_run_is_shown_and_is_not_new() {
    let mut screen = Screen::with_bob(80, 12);
    let name = Name {
        log: securechat::chat::LogId(7),
        sequence: 3,
    };
    let at = screen.now().unix;
    screen.tell(Told::Own {
        peer: BOB,
        name,
        at,
        text: "still waiting".to_owned(),
    });
    let said = ago(&mut screen, 86_400, "of yesterday");
    screen.tell(earlier(BOB, vec![Earlier::Theirs(said)]));
    assert_eq!((screen.app.unread(), screen.actions()), (0, vec![]));
    let text = screen.text();
    assert!(text.contains("…  me       still waiting"));
    assert!(text.find("of yesterday") < text.find("still waiting"));
    screen.state(BOB, name, State::Delivered);
    assert!(screen.text().contains("✓✓ me       still waiting"));
}

/// Whatever its time says: the clock may have been set back.
#[test]
fn what_a_program_says_stands_at_the_end_and_takes_nobody_there() {
    let mut screen = Screen::with_bob(80, 12);
    for number in 0..20 {
        screen.say(BOB, &format!("line {number}"));
    }
    let sent = |screen: &mut Screen, sequence, text: &str| {
        let log = securechat::chat::LogId(7);
        let name = Name { log, sequence };
        screen.tell(Told::Sent {
            peer: BOB,
            name,
            at: UnixTime(0),
            text: text.to_owned(),
        });
        name
    };
    let name = sent(&mut screen, 0, "backup done");
    let text = screen.text();
    assert!(text.contains("…  me       backup done"), "{text}");
    assert!(text.find("line 19") < text.find("backup done"), "{text}");
    screen.state(BOB, name, State::Delivered);
    assert!(screen.text().contains("✓✓ me       backup done"));
    screen.key("pageup");
    let before = screen.text();
    sent(&mut screen, 1, "and again");
    assert_eq!(screen.text(), before);
}

#[test]
fn what_was_said_before_is_asked_for_once_and_when_somebody_looks() {
    let mut screen = Screen::with_three(80, 12);
    assert_eq!(screen.recalled(), [BOB]);
    screen.say(CAROL, "not looked at yet");
    assert_eq!(screen.recalled(), []);
    screen.key("alt-2");
    assert_eq!(screen.recalled(), [CAROL]);
    screen.key("alt-1");
    screen.key("alt-2");
    assert_eq!(screen.recalled(), []);
}

/// By the time of each among what nobody had read and what waits, and before all of this run: the clock may
/// have been set back.
#[test]
fn what_was_said_before_stands_where_it_was_said() {
    let mut screen = Screen::with_bob(80, 14);
    let mut unread = ago(&mut screen, 30, "2, perhaps read");
    unread.again = true;
    screen.tell(Told::Said(unread));
    screen.say(BOB, "4, of this run");
    let first = ago(&mut screen, 40, "1, read");
    let third = Earlier::Ours {
        name: Name {
            log: securechat::chat::LogId(1),
            sequence: 0,
        },
        at: UnixTime(screen.now().unix.0 + 60_000),
        text: "3, delivered".to_owned(),
        state: State::Delivered,
    };
    screen.key("alt-up");
    let messages = vec![Earlier::Theirs(first), third];
    screen.tell(Told::Earlier {
        peer: BOB,
        messages,
        has_older: true,
    });
    let text = screen.text();
    let wanted = [
        "more was said before",
        "1, read",
        "2, perhaps",
        "3, deli",
        "4, of this",
    ];
    let places = wanted.map(|it| text.find(it));
    assert!(places.iter().all(Option::is_some), "{text}");
    assert!(places.is_sorted(), "{text}");
    screen.key("i");
    assert!(
        screen.rule().contains("14 bytes"),
        "the same is selected: {}",
        screen.rule()
    );
}

#[test]
fn clear_empties_the_screen_and_what_comes_then_is_shown() {
    let mut screen = Screen::with_bob(80, 12);
    screen.say(BOB, "before");
    screen.line("/clear");
    assert!(!screen.text().contains("before"));
    screen.say(BOB, "after");
    assert!(screen.text().contains("after"));
}

/// What had to make room was never looked at: it must not count as seen, or the store forgets it.
#[test]
fn what_made_room_unseen_does_not_count_as_seen() {
    let mut screen = Screen::with_three(80, 10);
    for _ in 0..3 {
        screen.say(CAROL, &"a".repeat(12 << 20));
    }
    assert_eq!(screen.app.unread(), 3);
    screen.key("alt-2");
    assert_eq!(screen.seen(), [(CAROL, 2)], "the first is not here");
    assert_eq!(screen.app.unread(), 0);
    (0..3).for_each(|_| screen.say(CAROL, "short"));
    let text = screen.text();
    assert!(text.contains("1 message was not seen"), "{text}");
    assert_eq!(
        screen.app.held(&CAROL).made_room,
        1,
        "nor is it written out"
    );
    screen.line("/clear");
    assert_eq!(
        screen.app.held(&CAROL).made_room,
        0,
        "who clears misses nothing"
    );
}

#[test]
fn what_a_panel_or_a_tiny_screen_hides_is_not_seen() {
    let mut screen = Screen::with_bob(80, 16);
    screen.tell(Told::Guest(securechat::tui::Guest {
        peer: CAROL,
        fingerprint: "xTIBA".into(),
        address: "198.51.100.7:40000".parse().unwrap(),
        ours: "guest-070707".into(),
        nickname: None,
        warning: None,
    }));
    screen.line("/add carol");
    screen.say(BOB, "behind the question");
    assert_eq!((screen.app.unread(), screen.seen()), (1, vec![]));
    screen.key("esc");
    assert_eq!(screen.seen(), [(BOB, 1)]);
    screen.resize(10, 4);
    screen.say(BOB, "nowhere");
    assert_eq!((screen.app.unread(), screen.seen()), (1, vec![]));
    screen.resize(80, 16);
    assert_eq!(screen.seen(), [(BOB, 1)]);
}

#[test]
fn many_messages_at_once_ring_once_and_are_counted() {
    let settings = Settings {
        notify: securechat::tui::Discretion::Full,
        ..settings()
    };
    let mut screen = Screen::with(settings, 80, 10);
    screen.meet(BOB, "bob");
    screen.input(Input::Focus(false));
    screen.say(BOB, &"long ".repeat(1 << 16));
    (1..64).for_each(|_| screen.say(BOB, "again"));
    let actions = screen.actions();
    let [
        Action::Notify(Notice {
            words: Some(words), ..
        }),
    ] = &actions[..]
    else {
        panic!("{} notifications", actions.len());
    };
    assert!(words.as_str().len() < 200, "{words:?}");
    screen.seconds(1);
    let rest = Notice {
        words: Some("63 more messages".into()),
        rings: true,
    };
    assert_eq!(screen.actions(), [Action::Notify(rest)]);
    screen.seconds(5);
    assert_eq!(screen.actions(), []);
}

#[test]
fn a_list_that_has_no_room_says_so() {
    let mut screen = Screen::with_three(99, 10);
    screen.key("alt-b");
    assert_eq!(
        screen.rule(),
        "the list comes where the screen has 100 columns"
    );
    screen.key("alt-b");
    assert_eq!(screen.rule(), "no list");
    screen.key("alt-b");
    screen.resize(100, 10);
    screen.key("alt-b");
    screen.key("alt-b");
    assert_eq!(screen.rule(), "");
    assert!(screen.rows()[1].starts_with("* bob"), "{}", screen.text());
}

/// A laptop has travelled.
#[test]
fn all_times_are_those_of_the_time_zone_in_which_they_are_read() {
    let mut screen = Screen::with_bob(80, 10);
    screen.say(BOB, "before midnight there");
    screen.seconds(3_600);
    screen.say(BOB, "after it");
    let rows = screen.rows();
    assert!(rows[2].starts_with("02:09 ") && rows[3].starts_with("03:09 "));
    screen.tell(Told::Zone(Zone::ahead(-3)));
    let rows = screen.rows();
    assert!(rows[1].contains(" Fri 20 Nov "), "{rows:?}");
    assert!(rows[2].starts_with("23:09 "), "{rows:?}");
    assert!(rows[3].contains(" Sat 21 Nov "), "{rows:?}");
    assert!(rows[4].starts_with("00:09 "), "{rows:?}");
}

/// Nothing stood there.
#[test]
fn bare_text_on_a_screen_that_is_too_small_gives_way_to_words_that_say_so() {
    let mut screen = Screen::with_bob(80, 10);
    screen.say(BOB, "a link");
    screen.key("alt-l");
    assert!(screen.app.bare().is_some());
    screen.resize(19, 5);
    assert!(screen.app.bare().is_none());
    assert!(screen.text().contains("needs 20x6"), "{}", screen.text());
    screen.resize(80, 10);
    assert!(screen.app.bare().is_some(), "it comes back");
}
