//! One message is done away with.

use securechat::chat::{MessageRef, State};
use securechat::tui::{Action, Ask, Input, Told};

use crate::screen::{BOB, Screen};

/// Which message is to be deleted.
pub(crate) fn delete_asked(screen: &mut Screen) -> Option<MessageRef> {
    screen.actions().into_iter().find_map(|action| {
        let Action::Ask(Ask::Delete(which)) = action else {
            return None;
        };
        Some(which)
    })
}

/// What becomes of it must stand somewhere.
#[test]
fn what_is_under_way_is_not_deleted_and_what_was_never_accepted_is_gone_at_once() {
    let mut screen = Screen::with_bob(80, 10);
    let name = screen.send("on its way");
    for state in [State::Queued, State::Sent] {
        screen.state(BOB, name, state);
        screen.line("/delete 1");
        assert!(screen.rule().starts_with("it is not delivered yet"));
        screen.key("ctrl-c");
    }
    screen.state(BOB, name, State::Delivered);
    screen.line("/delete 1");
    let asked = MessageRef {
        contact: BOB.into(),
        name,
        is_ours: true,
    };
    assert_eq!(delete_asked(&mut screen), Some(asked));
    screen.tell(Told::NotDeleted("not deleted: why".into()));
    assert_eq!(screen.rule(), "not deleted: why");
    assert!(screen.text().contains("on its way"));
    screen.line("refused");
    let ticket = screen.sent().last().unwrap().1;
    let why = "the outbox is full".into();
    screen.tell(Told::NotAccepted { ticket, why });
    screen.line("/delete 1");
    assert!(!screen.text().contains("refused"));
    assert_eq!(delete_asked(&mut screen), None, "it is nowhere else");
}

/// Each side draws the names of its messages by itself.
#[test]
fn a_message_of_the_same_name_of_the_other_side_stays() {
    let mut screen = Screen::with_bob(80, 10);
    let name = screen.send("ours");
    screen.state(BOB, name, State::Delivered);
    let mut said = screen.message(BOB, "theirs");
    said.name = name;
    screen.tell(Told::Said(said));
    let which = |is_ours| MessageRef {
        contact: BOB.into(),
        name,
        is_ours,
    };
    screen.tell(Told::Deleted(which(true)));
    let text = screen.text();
    assert!(
        text.contains("theirs") && !text.contains("me       ours"),
        "{text}"
    );
    screen.tell(Told::Deleted(which(true)));
    assert!(screen.text().contains("theirs"));
}

/// Whoever deletes a message that was not seen has seen it, and no other.
#[test]
fn what_is_deleted_counts_as_seen() {
    let mut screen = Screen::with_bob(80, 8);
    for number in 0..9 {
        screen.say(BOB, &format!("text {number}"));
    }
    screen.seen();
    screen.key("pageup");
    screen.say(BOB, "unseen one");
    screen.say(BOB, "unseen two");
    assert_eq!(screen.seen(), []);
    screen.line("/delete 2");
    assert_eq!(screen.seen(), [(BOB, 1)]);
    assert!(delete_asked(&mut screen).is_some());
}

const QUESTION: &str = "delete here for good? y yes, Esc no";

/// Bob has said something, and it is selected.
fn with_one_selected(width: u16, height: u16) -> Screen {
    let mut screen = Screen::with_bob(width, height);
    screen.say(BOB, "precious");
    screen.key("alt-up");
    screen.actions();
    screen
}

#[test]
fn a_letter_deletes_nothing_before_that_is_confirmed() {
    let mut screen = with_one_selected(80, 10);
    screen.key("d");
    assert_eq!(screen.rule(), QUESTION);
    screen.seconds(1);
    assert_eq!(delete_asked(&mut screen), None);
    screen.key("Y");
    assert!(delete_asked(&mut screen).is_some());
    assert_ne!(screen.rule(), QUESTION);
}

/// `dinner at eight?` deleted the message that somebody had selected to look at, and the question of the next letter
/// answered itself in `dye`.
#[test]
fn who_writes_on_deletes_nothing_and_loses_no_letter() {
    for text in ["dinner at eight?", "dye", "Dyson", "ddd", "d n"] {
        let mut screen = with_one_selected(80, 10);
        screen.type_in(text);
        assert_eq!(delete_asked(&mut screen), None, "{text}");
        let shown = screen.text();
        assert!(shown.contains(&format!("> {text}")), "{shown}");
        assert!(shown.contains("precious") && !shown.contains(QUESTION));
        screen.key("ctrl-c");
        screen.seconds(1);
        screen.key("y");
        assert_eq!(delete_asked(&mut screen), None, "nothing is selected");
    }
}

/// Somebody who looks for each letter on the keyboard.
#[test]
fn who_writes_on_slowly_loses_no_letter() {
    let mut screen = with_one_selected(80, 10);
    for letter in ["d", "e", "a", "r"] {
        screen.key(letter);
        screen.seconds(2);
    }
    assert_eq!(delete_asked(&mut screen), None);
    assert!(screen.text().contains("> dear"), "{}", screen.text());
}

#[test]
fn what_is_pasted_at_the_question_is_written() {
    let mut screen = with_one_selected(80, 10);
    screen.key("d");
    screen.input(Input::Paste("inner?".to_owned()));
    assert!(screen.text().contains("> dinner?"), "{}", screen.text());
    assert_eq!(delete_asked(&mut screen), None);
}

#[test]
fn any_other_key_takes_the_question_back() {
    for key in ["esc", "n", "enter", "ctrl-c", "alt-up", "tab", "backspace"] {
        let mut screen = with_one_selected(80, 10);
        screen.key("d");
        screen.seconds(1);
        screen.key(key);
        assert!(!screen.text().contains(QUESTION), "{key}");
        assert_eq!(screen.rows().last().unwrap(), ">", "{key}");
        screen.seconds(1);
        screen.key("y");
        assert_eq!(screen.actions(), [], "{key}: nothing is deleted");
        assert!(screen.text().contains("> y"), "{key}: {}", screen.text());
    }
}

#[test]
fn an_answer_counts_only_when_the_question_was_there_to_be_seen() {
    let mut screen = with_one_selected(80, 10);
    screen.key("d");
    screen.resize(19, 10);
    screen.seconds(1);
    screen.key("y");
    screen.resize(80, 10);
    screen.actions();
    assert_eq!(delete_asked(&mut screen), None);
    assert!(screen.text().contains("> dy"), "{}", screen.text());
}

#[test]
fn what_is_under_way_is_not_asked_about() {
    let mut screen = Screen::with_bob(80, 10);
    let name = screen.send("on its way");
    screen.state(BOB, name, State::Sent);
    screen.actions();
    screen.key("alt-up");
    screen.key("d");
    assert!(screen.rule().starts_with("it is not delivered yet"));
    screen.seconds(1);
    screen.key("y");
    assert_eq!(delete_asked(&mut screen), None);
}
