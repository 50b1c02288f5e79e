//! Callers whom nobody knows, and names.

use securechat::id::PeerId;
use securechat::tui::{Action, Ask, Guest, Told};

use crate::screen::{BOB, Screen};

const EVE: PeerId = PeerId::new([7; 32]);
const MALLORY: PeerId = PeerId::new([8; 32]);

fn guest(peer: PeerId, fingerprint: &'static str) -> Told {
    Told::Guest(Guest {
        peer,
        fingerprint: fingerprint.into(),
        address: "198.51.100.7:40000".parse().unwrap(),
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
    screen.key("enter");
    assert_eq!(screen.actions(), []);
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
    let question = "Save this key, without a name of yours, and talk to it?";
    assert!(text.contains(question), "{text}");
    screen.key("y");
    let welcome = Ask::Welcome {
        peer: EVE,
        name: None,
    };
    assert_eq!(screen.actions(), [Action::Ask(welcome)]);
}

#[test]
fn the_answer_is_for_the_caller_that_was_shown_whoever_calls_next() {
    let mut screen = Screen::with_bob(80, 16);
    screen.tell(guest(EVE, "xTIBA"));
    screen.line("/add eve");
    screen.tell(Told::GuestGone(EVE));
    screen.tell(guest(MALLORY, "mallo"));
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

#[test]
fn a_caller_whose_name_is_taken_can_be_given_another() {
    let mut screen = Screen::with_bob(80, 16);
    screen.tell(guest(EVE, "xTIBA"));
    for name in ["bob", "eve"] {
        screen.line(&format!("/add {name}"));
        screen.key("y");
        let name = Some(name.to_owned());
        let welcome = Ask::Welcome { peer: EVE, name };
        assert_eq!(screen.actions(), [Action::Ask(welcome)]);
    }
    screen.tell(Told::GuestGone(EVE));
    screen.line("/refuse");
    assert!(screen.rule().contains("nobody waits to be added"));
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
