//! Callers whom nobody knows, and names.

use std::time::Duration;

use securechat::id::PeerId;
use securechat::text::Safe;
use securechat::tui::{Action, Ask, Guest, Settings, Standing, Told};

use crate::screen::{BOB, Screen, settings};

const KEY: &str = "xTIBA 5rboU vnH4h todjb 6e697 QjLER t1NAB 4mZqp 8Dg=";

pub(crate) const EVE: PeerId = PeerId::new([7; 32]);
const MALLORY: PeerId = PeerId::new([8; 32]);

pub(crate) fn guest(peer: PeerId, fingerprint: &'static str) -> Told {
    Told::Guest(Guest {
        peer,
        fingerprint: fingerprint.into(),
        address: "198.51.100.7:40000".parse().unwrap(),
        ours: "guest-070707".into(),
        nickname: Some("eve".into()),
        warning: None,
    })
}

#[test]
fn a_caller_is_shown_and_takes_no_key_away() {
    let mut screen = Screen::with_bob(80, 16);
    screen.type_in("yes");
    screen.tell(guest(EVE, "xTIBA 5rboU"));
    screen.line(" of course");
    assert_eq!(
        screen.sent()[0].2,
        "yes of course",
        "typing goes on where it was"
    );
    screen.is_like("guest");
}

#[test]
fn what_there_is_to_be_said_against_a_caller_is_shown_with_it() {
    let mut screen = Screen::new(80, 16);
    screen.tell(Told::Guest(Guest {
        peer: MALLORY,
        fingerprint: "mallo".into(),
        address: "198.51.100.7:40000".parse().unwrap(),
        ours: "guest-070707".into(),
        nickname: None,
        warning: Some("it calls itself as your saved bob does".into()),
    }));
    assert!(
        screen
            .text()
            .contains("it calls itself as your saved bob does")
    );
}

#[test]
fn a_caller_is_saved_only_by_a_letter_that_nobody_presses_by_habit() {
    let mut screen = Screen::with_bob(80, 16);
    screen.tell(guest(EVE, "xTIBA 5rboU"));
    screen.line("/add eve");
    screen.is_like("guest-question");
    screen.seconds(1);
    screen.key("enter");
    assert_eq!(screen.actions(), []);
    screen.seconds(1);
    screen.key("y");
    let welcome = Ask::Welcome {
        peer: EVE,
        name: Some("eve".to_owned()),
    };
    assert_eq!(screen.actions(), [Action::Ask(welcome)]);
}

#[test]
fn a_caller_is_saved_without_a_name_of_ours_too() {
    let mut screen = Screen::with_bob(80, 16);
    screen.tell(guest(EVE, "xTIBA 5rboU"));
    screen.line("/add");
    let text = screen.text();
    for told in [
        "Save this key as \"guest-070707\" (you gave no name) and talk to it?",
        "it suggests to be called \"eve\"; to take that: Esc, then /add eve",
    ] {
        assert!(text.contains(told), "{text}");
    }
    screen.seconds(1);
    screen.key("y");
    let welcome = Ask::Welcome {
        peer: EVE,
        name: None,
    };
    assert_eq!(screen.actions(), [Action::Ask(welcome)]);
}

/// Whoever types on has read no key, and who was quicker than the program has seen none.
#[test]
fn a_caller_is_let_in_only_when_its_key_has_stood_on_the_screen_for_a_second() {
    let mut screen = Screen::with_bob(80, 16);
    screen.tell(guest(EVE, KEY));
    screen.line("/add eve");
    screen.key("y");
    assert_eq!(screen.actions(), []);
    assert!(screen.text().contains("too soon"), "{}", screen.text());
    screen.pass(Duration::from_millis(999));
    screen.key("y");
    assert_eq!(screen.actions(), []);
    // Among other keys it is none that was meant.
    screen.seconds(5);
    screen.type_in("hey");
    assert_eq!(screen.actions(), []);
    assert!(screen.text().contains(KEY), "it is asked still");
    screen.key("esc");
    // It waited for a busy program.
    screen.lag(Duration::from_secs(3));
    screen.line("/add eve");
    screen.seconds(3);
    screen.lag(Duration::ZERO);
    screen.seconds(1);
    screen.lag(Duration::from_secs(1));
    screen.key("y");
    assert_eq!(screen.actions(), []);
    screen.lag(Duration::ZERO);
    screen.seconds(1);
    screen.key("y");
    let name = Some("eve".to_owned());
    let welcome = Ask::Welcome { peer: EVE, name };
    assert_eq!(screen.actions(), [Action::Ask(welcome)]);
}

/// All of its letters: callers try keys until they have one whose beginning is another's.
#[test]
fn the_key_of_a_caller_and_what_answers_stand_whole_on_every_screen() {
    let guide = ["line"; 8].map(Safe::from).to_vec();
    for (width, height) in
        (6..30).flat_map(|height| [20, 24, 40, 53, 60, 80, 120].map(|width| (width, height)))
    {
        for (is_home, keys_are_logged) in [(true, false), (false, false), (false, true)] {
            let settings = Settings {
                guide: guide.clone(),
                keys_are_logged,
                ..settings()
            };
            let mut screen = Screen::with(settings, width, height);
            if !is_home {
                screen.meet(BOB, "bob");
            }
            screen.tell(guest(EVE, KEY));
            screen.line("/add eve");
            let text = screen.text();
            let rows: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(rows.contains(KEY), "{width}x{height}:\n{text}");
            assert!(text.contains("[y]"), "{width}x{height}:\n{text}");
            assert!(text.contains("[Esc]"), "{width}x{height}:\n{text}");
            screen.seconds(1);
            screen.key("y");
            assert_eq!(screen.actions().len(), 1, "{width}x{height}");
        }
    }
}

#[test]
fn a_caller_is_not_let_in_while_its_key_is_above_a_small_screen() {
    let mut screen = Screen::with_bob(20, 6);
    screen.tell(guest(EVE, KEY));
    screen.line("/add eve");
    screen.is_like("guest-question-smallest");
    screen.seconds(2);
    (0..3).for_each(|_| screen.key("down"));
    assert!(!screen.text().contains("xTIBA"), "{}", screen.text());
    screen.seconds(2);
    screen.key("y");
    assert_eq!(screen.actions(), []);
    assert!(screen.text().contains("xTIBA"), "it is shown again");
    assert!(screen.text().contains("too soon"), "{}", screen.text());
    screen.seconds(1);
    // What stands elsewhere is read anew, and so is what a shell has written over.
    screen.resize(80, 24);
    screen.actions();
    screen.key("y");
    assert_eq!(screen.actions(), []);
    screen.seconds(1);
    screen.key("y");
    assert_eq!(screen.actions().len(), 1);
}

#[test]
fn what_a_caller_suggests_and_what_is_to_be_said_against_it_stand_beside_its_key() {
    for (width, height) in [(80, 24), (40, 12)] {
        let mut screen = Screen::with_bob(width, height);
        screen.tell(Told::Guest(Guest {
            peer: MALLORY,
            fingerprint: KEY.into(),
            address: "198.51.100.7:40000".parse().unwrap(),
            ours: "guest-070707".into(),
            nickname: Some("mallory".into()),
            warning: Some("it calls itself as your saved bob does".into()),
        }));
        screen.line("/add x");
        let text = screen
            .text()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            text.contains("it calls itself as your saved bob does"),
            "{text}"
        );
        assert!(
            text.contains("it suggests to be called \"mallory\""),
            "{text}"
        );
    }
}

#[test]
fn the_answer_is_for_the_caller_that_was_shown_whoever_calls_next() {
    let mut screen = Screen::with_bob(80, 16);
    screen.tell(guest(EVE, "xTIBA"));
    screen.line("/add eve");
    screen.tell(Told::GuestGone(EVE));
    screen.tell(guest(MALLORY, "mallo"));
    screen.seconds(1);
    screen.key("y");
    assert_eq!(screen.actions(), [], "that one is gone");
    assert_eq!(screen.rule(), "it is gone meanwhile");
    screen.line("/refuse");
    assert_eq!(screen.actions(), [Action::Ask(Ask::Refuse(MALLORY))]);
}

#[test]
fn without_a_caller_there_is_nobody_to_add_or_refuse() {
    let mut screen = Screen::with_bob(80, 16);
    screen.line("/add eve");
    assert!(screen.rule().contains("nobody waits to be added"));
    screen.key("ctrl-c");
    screen.line("/refuse");
    assert!(screen.rule().contains("nobody waits to be added"));
    assert_eq!(screen.actions(), []);
}

#[test]
fn at_home_commands_work_and_nothing_can_be_said() {
    let mut screen = Screen::new(80, 12);
    screen.line("hello?");
    assert!(screen.rule().contains("nobody is here to hear that"));
    screen.key("ctrl-c");
    screen.line("/add bob xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
    let [Action::Ask(Ask::Add { name, .. })] = &screen.actions()[..] else {
        panic!("not asked");
    };
    assert_eq!(name, "bob");
    screen.line("/whois");
    assert!(screen.rule().contains("Give a NAME"));
    screen.key("ctrl-c");
    screen.seconds(1);
    screen.meet(BOB, "bob");
    assert!(screen.rows()[0].contains("bob [not verified]"));
}

#[test]
fn a_person_who_is_renamed_keeps_the_conversation() {
    let mut screen = Screen::with_bob(80, 12);
    screen.say(BOB, "hello");
    screen.meet(BOB, "robert");
    let text = screen.text();
    assert!(
        text.contains("[1 robert]") && text.contains("robert   hello"),
        "{text}"
    );
}

#[test]
fn home_shows_what_to_do_and_what_happens() {
    let mut screen = Screen::new(80, 12);
    let lines = vec!["listening on [::]:7419/udp".into()];
    screen.tell(Told::Note { about: None, lines });
    let text = screen.text();
    assert!(text.contains("/add NAME KEY adds somebody"), "{text}");
    assert!(
        text.contains("*        listening on [::]:7419/udp"),
        "{text}"
    );
    screen.resize(80, 6);
    assert!(screen.text().contains("listening on"));
}

#[test]
fn the_conversation_that_the_program_was_started_for_comes_first() {
    let mut screen = Screen::with_three(80, 12);
    screen.tell(Told::Show(crate::screen::CAROL));
    assert!(screen.rows()[0].contains("carol"));
    screen.tell(Told::Show(EVE));
    assert!(screen.rows()[0].contains("carol"), "nobody knows that one");
}

#[test]
fn what_is_typed_at_home_goes_to_nobody_who_appears_meanwhile() {
    let mut screen = Screen::new(80, 12);
    screen.type_in("to my");
    screen.meet(BOB, "bob");
    screen.line("self alone");
    assert_eq!(screen.sent(), []);
    assert!(screen.rule().contains("nobody is here to hear that"));
    screen.key("ctrl-c");
    screen.type_in("q");
    screen.key("backspace");
    screen.meet(EVE, "eve");
    screen.line("and again");
    assert_eq!(screen.sent(), [], "a hand that writes has seen nothing");
    screen.key("ctrl-c");
    screen.seconds(1);
    assert!(screen.rows()[0].contains("bob [not verified]"));
}

/// The program had no time for the keys, and somebody came before them.
#[test]
fn what_was_typed_while_home_was_on_the_screen_goes_to_nobody_who_took_its_place() {
    let mut screen = Screen::new(80, 12);
    screen.seconds(5);
    screen.lag(Duration::from_secs(1));
    screen.meet(BOB, "bob");
    screen.line("to myself");
    let came = "bob came meanwhile (nothing was sent); if it is meant: Enter again";
    assert_eq!(screen.rule(), came);
    screen.lag(Duration::ZERO);
    // A hand that goes on typing has not looked.
    for _ in 0..3 {
        screen.pass(Duration::from_millis(299));
        screen.type_in("!");
    }
    screen.key("enter");
    assert_eq!(screen.sent(), []);
    screen.pass(Duration::from_millis(300));
    screen.key("enter");
    assert_eq!(screen.sent()[0].2, "to myself!!!");
    // Whom somebody turns to did not come by itself.
    let mut screen = Screen::new(80, 12);
    screen.seconds(5);
    screen.meet(BOB, "bob");
    screen.key("alt-1");
    screen.line("hello");
    assert_eq!(screen.sent().len(), 1);
}

#[test]
fn a_caller_whose_name_is_taken_can_be_given_another() {
    let mut screen = Screen::with_bob(80, 16);
    screen.tell(guest(EVE, "xTIBA"));
    for name in ["bob", "eve"] {
        screen.line(&format!("/add {name}"));
        screen.seconds(1);
        screen.key("y");
        let name = Some(name.to_owned());
        let welcome = Ask::Welcome { peer: EVE, name };
        assert_eq!(screen.actions(), [Action::Ask(welcome)]);
    }
    screen.tell(Told::GuestGone(EVE));
    screen.line("/refuse");
    assert!(screen.rule().contains("nobody waits to be added"));
}

/// It stood there until the next key, and whoever had called waited in vain.
#[test]
fn an_answer_to_a_key_does_not_hide_for_ever_who_calls_and_what_is_in_the_way() {
    let mut screen = Screen::with_bob(80, 16);
    screen.say(BOB, "copy me");
    let copied = |screen: &mut Screen| {
        screen.key("alt-up");
        screen.key("alt-y");
        assert_eq!(screen.rule(), "copied");
    };
    copied(&mut screen);
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::Offline {
            why: "bob does not answer".into(),
        },
    });
    assert_eq!(screen.rule(), "copied");
    screen.seconds(9);
    assert_eq!(screen.rule(), "copied", "it takes a while to read");
    screen.seconds(1);
    assert_eq!(screen.rule(), "bob does not answer");
    copied(&mut screen);
    screen.tell(guest(EVE, "xTIBA 5rboU"));
    screen.seconds(10);
    assert!(
        screen.rule().starts_with("an unknown key calls"),
        "{}",
        screen.rule()
    );
    // Where there is nothing else it stays.
    screen.tell(Told::GuestGone(EVE));
    let standing = Standing::Up;
    screen.tell(Told::Standing {
        peer: BOB,
        standing,
    });
    copied(&mut screen);
    screen.seconds(3_600);
    assert_eq!(screen.rule(), "copied");
}

#[test]
fn what_leaves_the_program_is_said_only_as_long_as_it_does() {
    let mut screen = Screen::with_bob(80, 16);
    screen.key("ctrl-c");
    screen.pass(Duration::from_millis(1_999));
    assert_eq!(screen.rule(), "Ctrl+C again to quit");
    screen.pass(Duration::from_millis(1));
    assert_eq!(screen.rule(), "");
    screen.key("ctrl-c");
    assert_eq!(screen.actions(), []);
    screen.key("ctrl-c");
    assert_eq!(screen.actions(), [Action::Quit]);
}

/// Whoever can call can call often: a conversation is not what that is written into.
#[test]
fn strangers_write_nothing_into_a_conversation() {
    let mut screen = Screen::with_bob(80, 16);
    screen.say(BOB, "the only line");
    let before = screen.rows()[1..13].to_vec();
    for number in 0..100 {
        screen.tell(guest(PeerId::new([100 + number; 32]), "xTIBA 5rboU"));
    }
    assert_eq!(screen.rows()[1..13], before);
    assert!(
        screen.rule().contains("100 unknown keys call"),
        "{}",
        screen.rule()
    );
}

/// The guide stood above the tab of whom it said that nobody was known.
#[test]
fn nobody_is_said_to_be_unknown_who_has_come() {
    let mut screen = Screen::new(80, 16);
    assert!(screen.text().contains("Nobody is here yet."));
    screen.type_in("/stat");
    screen.meet(BOB, "bob");
    let text = screen.text();
    assert!(text.contains("[1 bob]"), "{text}");
    assert!(!text.contains("Nobody is here yet."), "{text}");
}

/// He came a second later, or another one before him.
#[test]
fn who_is_let_in_at_home_takes_its_place_at_once() {
    for others in [0, 1] {
        let mut screen = Screen::new(80, 16);
        screen.tell(guest(EVE, KEY));
        screen.line("/add eve");
        for _ in 0..others {
            screen.meet(BOB, "bob");
        }
        screen.seconds(1);
        screen.key("y");
        screen.tell(Told::GuestGone(EVE));
        screen.meet(EVE, "eve");
        let head = screen.rows()[0].clone();
        assert!(head.starts_with(" eve [not verified]"), "{head}");
    }
}

/// What is typed behind the answer is meant for nobody yet.
#[test]
fn who_is_let_in_does_not_come_under_the_hands_of_somebody_who_writes() {
    let mut screen = Screen::new(80, 16);
    screen.tell(guest(EVE, KEY));
    screen.line("/add eve");
    screen.seconds(1);
    screen.key("y");
    screen.key("left");
    screen.meet(EVE, "eve");
    assert!(screen.rows()[0].starts_with(" securechat"));
    screen.seconds(1);
    assert!(screen.rows()[0].starts_with(" eve "));
}
