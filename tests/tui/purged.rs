//! Messages that another program of the user does away with.

use std::collections::BTreeSet;

use securechat::chat::{LogId, MessageRef, Name, State};
use securechat::id::PeerId;
use securechat::time::UnixTime;
use securechat::tui::{Action, Earlier, Hit, Purged, Told};

use crate::screen::{BOB, CAROL, Screen};

const DAY_MS: u64 = 86_400_000;

fn purged(with: Option<PeerId>, before: Option<UnixTime>) -> Told {
    let kept = BTreeSet::new();
    Told::Purged(Purged { with, before, kept })
}

/// Five days of messages with bob, of which there are more; the last of them a minute ago.
fn with_days(width: u16, height: u16) -> Screen {
    let mut screen = Screen::with_three(width, height);
    let days = (0..5_u64).map(|day| {
        let mut said = screen.message(BOB, &format!("day {day}"));
        said.at.0 -= (4 - day) * DAY_MS + 60_000;
        said.written = said.at;
        Earlier::Theirs(said)
    });
    let messages = days.collect();
    screen.tell(Told::Earlier {
        peer: BOB,
        messages,
        has_older: true,
    });
    screen
}

/// Somebody was told that they are gone, and they could be copied, answered and exported.
#[test]
fn what_is_purged_leaves_the_screen_and_what_is_no_history_yet_stays() {
    let mut screen = with_days(80, 24);
    screen.say(BOB, "theirs");
    let delivered = screen.send("delivered");
    screen.state(BOB, delivered, State::Delivered);
    screen.send("waits");
    screen.tell(Told::Note {
        about: Some(BOB),
        lines: vec!["bob is at another address".into()],
    });
    screen.key("alt-up");
    screen.key("pageup");
    screen.tell(purged(None, None));
    assert_eq!(
        screen.rule(),
        "7 messages deleted here; the other side keeps its own"
    );
    screen.key("esc");
    let text = screen.text();
    for gone in ["day ", "theirs", "delivered", "more was said before"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert!(text.contains("waits") && text.contains("bob is at another address"));
    assert_eq!(
        text.matches(" Nov ─").count(),
        1,
        "days without a message: {text}"
    );
    screen.line("/copy 1");
    assert_eq!(
        screen.actions().last(),
        Some(&Action::Copy("waits".to_owned()))
    );
    screen.line("/copy 2");
    assert!(screen.rule().contains("there is no such message"));
}

/// A message that was over only after somebody had been asked was gone here, and in the history.
#[test]
fn what_is_kept_all_the_same_stays_on_the_screen() {
    let mut screen = with_days(80, 24);
    let mut said = screen.message(BOB, "theirs");
    said.missing = 2;
    let theirs = (said.name, false);
    screen.tell(Told::Said(said));
    let ours = (screen.send("ours"), true);
    screen.state(BOB, ours.0, State::Delivered);
    let which = |(name, is_ours)| MessageRef {
        contact: BOB.into(),
        name,
        is_ours,
    };
    // Each side draws the names of its messages by itself.
    let of_other = which((theirs.0, true));
    let kept = BTreeSet::from([which(theirs), which(ours)]);
    let purged = Purged {
        kept: kept.clone(),
        ..Purged::default()
    };
    screen.tell(Told::Purged(purged.clone()));
    let said = "5 messages deleted here; the other side keeps its own";
    assert_eq!(screen.rule(), said);
    screen.key("esc");
    let text = screen.text();
    for stays in ["theirs", "ours", "-- 2 messages missing --"] {
        assert!(text.contains(stays), "{stays}: {text}");
    }
    assert!(!text.contains("more was said before"), "{text}");
    screen.tell(Told::Purged(Purged {
        kept: BTreeSet::from([of_other, which(ours)]),
        ..purged
    }));
    let text = screen.text();
    assert!(!text.contains("theirs") && text.contains("ours"), "{text}");
}

/// All with somebody may be: the last of it went meanwhile, and its number may be another's.
#[test]
fn that_more_was_said_before_stays_as_long_as_it_is_kept() {
    let mut screen = with_days(80, 24);
    let name = Name {
        log: LogId(9),
        sequence: 0,
    };
    let elsewhere = MessageRef {
        contact: BOB.into(),
        name,
        is_ours: true,
    };
    let kept = BTreeSet::from([elsewhere]);
    let with = Some(BOB);
    let purged = Purged {
        with,
        before: None,
        kept,
    };
    screen.tell(Told::Purged(purged));
    let text = screen.text();
    assert!(text.contains("more was said before"), "{text}");
    assert!(!text.contains("day 4"), "{text}");
}

#[test]
fn what_nobody_has_seen_is_not_purged() {
    let mut screen = Screen::with_three(80, 12);
    let mut said = screen.message(CAROL, "unseen");
    said.missing = 2;
    screen.tell(Told::Said(said));
    screen.tell(purged(None, None));
    assert_eq!(screen.rule(), "", "nothing has happened here");
    assert_eq!(screen.app.unread(), 1);
    screen.line("/go carol");
    let text = screen.text();
    assert!(
        text.contains("-- 2 messages missing --") && text.contains("unseen"),
        "{text}"
    );
    screen.tell(purged(Some(CAROL), None));
    let text = screen.text();
    assert!(
        !text.contains("missing") && !text.contains("unseen"),
        "{text}"
    );
}

#[test]
fn only_what_is_older_goes_and_only_with_whom_it_is_said() {
    let mut screen = with_days(80, 24);
    screen.say(CAROL, "of carol's");
    screen.line("/go carol");
    screen.line("/go bob");
    let before = UnixTime(screen.now().unix.0 - 2 * DAY_MS);
    screen.tell(purged(Some(BOB), Some(before)));
    let text = screen.text();
    for gone in ["day 0", "day 1", "day 2", "more was said before"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert!(text.contains("day 3") && text.contains("day 4"), "{text}");
    assert_eq!(
        screen.rule(),
        "3 messages deleted here; the other side keeps its own"
    );
    screen.line("/go carol");
    assert!(screen.text().contains("of carol's"));
}

/// Its finds would lead to what is gone.
#[test]
fn a_search_that_is_open_finds_nothing_of_it_any_more() {
    let mut screen = with_days(80, 24);
    screen.key("ctrl-s");
    screen.type_in("day");
    assert!(screen.text().contains("(1 of 5)"), "{}", screen.text());
    screen.tell(purged(None, None));
    assert!(
        screen.text().contains("(nothing found)"),
        "{}",
        screen.text()
    );
}

/// What was deleted could be read there, and what was said around it.
#[test]
fn a_list_of_what_was_found_loses_it() {
    let mut screen = Screen::with_three(80, 12);
    let now = screen.now().unix;
    let hit = |peer: PeerId, days: u64, line: &'static str| Hit {
        which: MessageRef {
            contact: peer.into(),
            name: Name {
                log: LogId(9),
                sequence: days,
            },
            is_ours: false,
        },
        at: UnixTime(now.0 - days * DAY_MS),
        lines: vec![line.into()],
    };
    let of_carol = hit(CAROL, 6, "carol: oldest");
    let deleted = of_carol.which;
    let hits = vec![
        hit(BOB, 2, "bob: new"),
        hit(BOB, 4, "bob: old"),
        hit(BOB, 5, "bob: older"),
        of_carol,
    ];
    let sum = vec!["found: 4".into()];
    screen.tell(Told::Found { hits, sum });
    screen.seconds(1);
    screen.key("down");
    screen.key("enter");
    let messages = vec![vec!["bob: beside it".into()]];
    screen.tell(Told::Around { messages, at: 0 });
    assert!(screen.text().contains("beside it"), "{}", screen.text());
    let before = UnixTime(now.0 - 3 * DAY_MS);
    screen.tell(purged(Some(BOB), Some(before)));
    let text = screen.text();
    for gone in ["bob: old", "beside it"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    for stays in ["bob: new", "carol: oldest", "deleted since: 2"] {
        assert!(text.contains(stays), "{stays}: {text}");
    }
    screen.tell(Told::Deleted(deleted));
    assert!(
        !screen.text().contains("carol: oldest"),
        "{}",
        screen.text()
    );
    screen.actions();
    screen.key("enter");
    let Some(Action::Ask(securechat::tui::Ask::Around(which))) = screen.actions().pop() else {
        panic!("it is not the chosen one any more");
    };
    assert_eq!((which.contact.peer(), which.name.sequence), (BOB, 2));
}

/// It could be read, brought back and sent when the message was gone.
#[test]
fn a_draft_quotes_nothing_that_is_purged_and_stays() {
    let mut screen = Screen::with_three(80, 24);
    screen.say(BOB, "their secret\nand more");
    screen.key("alt-up");
    screen.key("r");
    screen.type_in("my words");
    screen.key("up");
    screen.key("ctrl-e");
    screen.key("ctrl-u");
    screen.key("ctrl-y");
    assert!(screen.text().contains("\n> > their secret\n  my words"));
    screen.tell(purged(Some(CAROL), None));
    assert!(
        screen.text().contains("> their secret"),
        "with somebody else"
    );
    screen.tell(purged(Some(BOB), None));
    assert!(screen.text().contains("\n> my words"), "{}", screen.text());
    for key in ["ctrl-y", "ctrl-_", "ctrl-_", "ctrl-_", "ctrl-_"] {
        assert!(!screen.text().contains("secret"), "{}", screen.text());
        screen.key(key);
    }
    assert!(!screen.text().contains("secret"), "{}", screen.text());
    assert!(screen.text().contains("\n> my words"), "{}", screen.text());
}

#[test]
fn a_draft_goes_on_quoting_what_stays_and_nothing_that_is_deleted_alone() {
    let mut screen = Screen::with_three(80, 24);
    screen.say(BOB, "old");
    screen.seconds(60);
    let before = screen.now().unix;
    screen.say(BOB, "new");
    screen.send("waits");
    for above in (1..=3).rev() {
        (0..above).for_each(|_| screen.key("alt-up"));
        screen.key("r");
    }
    screen.type_in("mine");
    assert!(
        screen
            .text()
            .contains("\n> > waits\n  > new\n  > old\n  mine")
    );
    screen.tell(purged(None, Some(before)));
    assert!(screen.text().contains("\n> > waits\n  > new\n  mine"));
    let said = screen.message(BOB, "");
    let name = Name {
        sequence: said.name.sequence - 1,
        ..said.name
    };
    let which = MessageRef {
        contact: BOB.into(),
        name,
        is_ours: false,
    };
    screen.tell(Told::Deleted(which));
    screen.tell(purged(None, None));
    assert!(
        screen.text().contains("\n> > waits\n  mine"),
        "{}",
        screen.text()
    );
}

/// The outbox was full. What had been typed came back by Up, and was said to be with the other side.
#[test]
fn what_was_never_sent_and_is_deleted_cannot_be_brought_back() {
    for delete in ["d", "/delete 1"] {
        let mut screen = Screen::with_three(80, 24);
        screen.line("my secret");
        let ticket = screen.sent().last().unwrap().1;
        let why = "the outbox is full".into();
        screen.tell(Told::NotAccepted { ticket, why });
        if delete == "d" {
            screen.key("alt-up");
            screen.key("r");
            screen.type_in("mine");
            screen.key("alt-up");
            screen.key("d");
            screen.seconds(1);
            screen.key("y");
        } else {
            screen.line(delete);
        }
        assert_eq!(screen.rule(), "deleted; it was never sent");
        for key in ["up", "up", "up", "ctrl-r"] {
            screen.key(key);
            assert!(!screen.text().contains("secret"), "{}", screen.text());
        }
    }
}

#[test]
fn what_was_typed_to_say_it_cannot_be_brought_back() {
    let mut screen = Screen::with_three(80, 24);
    for line in ["my secret", "@carol for carol", "//bin/sh"] {
        let name = screen.send(line);
        let peer = if line.starts_with('@') { CAROL } else { BOB };
        screen.state(peer, name, State::Delivered);
    }
    screen.line("/info");
    screen.seconds(60);
    let before = screen.now().unix;
    screen.line("/msg bob lately");
    screen.type_in("draft");
    let past = |screen: &mut Screen| {
        let shown = |screen: &mut Screen| screen.rows().last().unwrap().clone();
        let mut lines = Vec::new();
        loop {
            screen.key("up");
            let line = shown(screen);
            if lines.last() == Some(&line) {
                break;
            }
            lines.push(line);
        }
        lines
    };
    let all = [
        "/msg bob lately",
        "/info",
        "//bin/sh",
        "@carol for carol",
        "my secret",
    ];
    let wanted = |at: &[usize]| {
        at.iter()
            .map(|at| format!("> {}", all[*at]))
            .collect::<Vec<_>>()
    };
    assert_eq!(past(&mut screen), wanted(&[0, 1, 2, 3, 4]));
    screen.tell(purged(Some(BOB), Some(before)));
    assert_eq!(screen.rows().last().unwrap(), "> draft", "it was shown");
    assert_eq!(past(&mut screen), wanted(&[0, 1, 3]));
    screen.tell(purged(None, None));
    assert_eq!(screen.rows().last().unwrap(), "> draft");
    assert_eq!(past(&mut screen), wanted(&[1]));
}
