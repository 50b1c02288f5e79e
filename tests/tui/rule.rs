//! The rule: all that is said there is to be read.

use securechat::text::safe_line;
use securechat::tui::{LinkStatus, Standing, Told};

use crate::people::{EVE, guest};
use crate::pictures::LINK;
use crate::screen::{BOB, Screen, settings};

fn ended(why: &'static str) -> Told {
    Told::Standing {
        peer: BOB,
        standing: Standing::Ended { why: why.into() },
    }
}

const DECLINED: &str = "alice ended the conversation and does not want another; your next message asks it to take you in \
                        again";

/// The end was cut, and with it what to do.
#[test]
fn why_nothing_gets_through_takes_the_rows_that_it_needs() {
    for (width, height) in [(80, 24), (80, 10), (40, 12)] {
        let mut screen = Screen::with_bob(width, height);
        screen.say(BOB, "the last word");
        screen.tell(ended(DECLINED));
        assert_eq!(screen.rule(), DECLINED, "{width}x{height}");
        let rows = screen.rows();
        assert!(rows.iter().any(|row| row.contains("the last word")));
        assert!(rows[rows.len() - 2].contains("[1 bob]"), "{rows:#?}");
        assert_eq!(rows.last().unwrap(), ">");
        screen.tell(ended("bob left"));
        assert_eq!(screen.rule(), "bob left");
        assert!(
            screen.rows()[usize::from(height) - 4].is_empty(),
            "one row is enough"
        );
    }
}

#[test]
fn an_answer_takes_the_rows_that_it_needs_until_the_next_key() {
    let mut screen = Screen::with_bob(40, 12);
    screen.line("/hlep");
    assert_eq!(
        screen.rule(),
        "unknown command /hlep - did you mean /help? (nothing was sent)"
    );
    screen.key("ctrl-c");
    assert_eq!(screen.rule(), "emptied; Ctrl+_ brings it back");
}

/// It would come and go with each letter.
#[test]
fn the_commands_that_could_be_meant_take_one_row() {
    let mut screen = Screen::with_bob(40, 12);
    screen.type_in("/");
    assert!(screen.rule().ends_with('…'), "{}", screen.text());
    assert!(screen.rule().starts_with("/"), "{}", screen.text());
    screen.type_in("search");
    assert_eq!(
        screen.rule(),
        "/search WORDS  find in what is kept; also from:NAME since:7d"
    );
}

#[test]
fn the_conversation_keeps_half_of_the_room_and_one_row_in_any_case() {
    let long = safe_line("word ".repeat(200).trim_end());
    for (width, height, log) in [(20, 6, 2), (20, 8, 3), (40, 12, 5), (80, 24, 17)] {
        let mut screen = Screen::with_bob(width, height);
        for number in 0..30 {
            screen.say(BOB, &format!("text {number}"));
        }
        screen.tell(Told::NotDeleted(long.clone()));
        let rows = screen.rows();
        let said = rows.iter().filter(|row| row.contains("text")).count();
        assert_eq!(said, log, "{rows:#?}");
        assert!(
            rows[rows.len() - 3]
                .trim_end_matches([' ', '─'])
                .ends_with('…')
        );
    }
}

/// 186 letters, of which 75 were shown.
#[test]
fn what_receipts_tell_stands_in_the_conversation() {
    let mut screen = Screen::with_bob(80, 24);
    screen.line("/receipts");
    screen.key("left");
    let text = screen
        .text()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(text.contains("told to nobody"), "{text}");
}

/// One letter more in a name, and nothing of the way was left.
#[test]
fn where_the_first_line_is_short_the_address_goes_before_the_figures() {
    let link = LinkStatus {
        address: Some("127.0.0.1:39498".parse().unwrap()),
        ..LINK
    };
    for (name, shows_address) in [("bob", true), ("guest-0dc7b5", false)] {
        let mut screen = Screen::with(settings(), 80, 10);
        screen.meet(BOB, name);
        let standing = Standing::Up;
        screen.tell(Told::Standing {
            peer: BOB,
            standing,
        });
        screen.link(BOB, link);
        let head = screen.rows()[0].clone();
        assert!(
            head.starts_with(&format!(" {name} [not verified] ")),
            "{head}"
        );
        assert!(
            head.ends_with("  rtt 42 ms  loss 0%  heard 0.4 s"),
            "{head}"
        );
        assert_eq!(head.contains("direct"), shows_address, "{head}");
    }
}

/// It read like a loss.
#[test]
fn who_leaves_hears_that_what_waits_is_kept() {
    for keeps in [true, false] {
        let settings = securechat::tui::Settings {
            keeps,
            ..settings()
        };
        let mut screen = Screen::with(settings, 80, 10);
        screen.meet(BOB, "bob");
        screen.send("one");
        screen.send("two");
        screen.key("ctrl-d");
        let fate = if keeps {
            "kept for next time"
        } else {
            "not delivered"
        };
        assert_eq!(
            screen.rule(),
            format!("2 messages are {fate}. Leave? y yes, Esc no")
        );
    }
}

/// On the smallest screen neither was to be seen.
#[test]
fn how_to_answer_a_caller_is_on_the_narrowest_screen() {
    for (width, height, words) in [
        (
            80,
            16,
            "an unknown key calls from 198.51.100.7:40000: /add NAME or /refuse",
        ),
        (50, 10, "an unknown key calls: /add NAME or /refuse"),
        (40, 10, "/add or /refuse: an unknown key"),
        (20, 6, "/add or /refuse…"),
    ] {
        let mut screen = Screen::with_bob(width, height);
        screen.tell(guest(EVE, "xTIBA 5rboU"));
        assert!(screen.text().contains(words), "{}", screen.text());
    }
}

/// Each is a change that is written to the terminal.
#[test]
fn how_long_a_call_takes_is_told_in_steps_after_a_minute() {
    let mut screen = Screen::with_bob(80, 10);
    let standing = Standing::Connecting {
        since: screen.now().instant,
        why: "no answer from bob yet".into(),
    };
    screen.tell(Told::Standing {
        peer: BOB,
        standing,
    });
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..70 {
        screen.seconds(1);
        let head = screen.rows()[0].clone();
        let (_, seconds) = head.split_once("[connecting ").unwrap();
        seen.insert(seconds.split_once(' ').unwrap().0.parse::<u64>().unwrap());
    }
    let expected: Vec<u64> = (1..60).chain([60, 63, 66, 69]).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}
