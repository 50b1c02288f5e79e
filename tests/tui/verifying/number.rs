//! The safety number and the QR code.

use super::*;

#[test]
fn the_command_for_paper_is_for_the_home_that_was_given() {
    let settings = Settings {
        program: "securechat --home /srv/a".into(),
        ..settings()
    };
    let mut screen = Screen::with(settings, 80, 24);
    screen.meet(BOB, "bob");
    open(&mut screen);
    screen.key("s");
    tell_number(&mut screen);
    let print = "On paper: securechat --home /srv/a peers verify bob --print";
    assert!(screen.text().contains(print), "{}", screen.text());
}

#[test]
fn the_safety_number_needs_no_session() {
    let mut screen = comparing(80, 24);
    screen.key("s");
    let ask = |typed: &str| Action::Ask(Ask::SafetyNumber(BOB, typed.to_owned()));
    assert_eq!(screen.actions(), [ask("")]);
    tell_number(&mut screen);
    screen.is_like("verify-safety");
    screen.seconds(2);
    judge(&mut screen, "m");
    assert_eq!(screen.actions(), [], "a number is typed, not waved through");
    screen.key("t");
    screen.type_in("36749 33040");
    screen.key("enter");
    assert_eq!(screen.actions(), [ask("36749 33040")]);
    screen.key("esc");
    screen.seconds(2);
    judge(&mut screen, "d");
    assert_eq!(screen.actions(), [differs(None)]);
    screen.resize(20, 6);
    screen.is_like("verify-safety-smallest");
    screen.resize(80, 24);
    screen.key("esc");
    assert!(
        screen.text().contains("[M] they match"),
        "back to the words"
    );
}

/// What the core answers about a safety number.
fn answer_about_the_number(screen: &mut Screen) {
    for action in screen.actions() {
        let Action::Ask(Ask::SafetyNumber(peer, typed)) = action else {
            panic!("{action:?}");
        };
        screen.tell(if typed.is_empty() {
            let number = NUMBER.into();
            Told::SafetyNumber { peer, number }
        } else {
            let why = "that is another number than the one here".into();
            Told::Remark { peer, words: why }
        });
    }
}

#[test]
fn a_number_that_is_wrong_is_told_beside_the_right_one() {
    let mut screen = Screen::with_bob(80, 24);
    screen.line("/number 36749 33040");
    answer_about_the_number(&mut screen);
    let text = screen.text();
    assert!(text.contains("36749") && text.contains("[Q] QR"), "{text}");
    assert!(text.contains("that is another number than the one here"));
    screen.seconds(2);
    screen.key("x");
    assert!(!screen.text().contains("One moment."));
    screen.key("enter");
    screen.seconds(2);
    judge(&mut screen, "d");
    assert_eq!(screen.actions(), [differs(None)]);
}

#[test]
fn the_qr_code_has_the_screen_for_itself() {
    let mut screen = comparing(80, 24);
    screen.key("q");
    assert_eq!(screen.actions(), [Action::Ask(Ask::MyQr)]);
    qr(&mut screen);
    screen.is_like("verify-qr");
    let drawn = screen.rows();
    screen.key("i");
    assert_ne!(screen.rows(), drawn);
    screen.key("i");
    assert_eq!(screen.rows(), drawn);
    screen.key("enter");
    screen.seconds(2);
    judge(&mut screen, "m");
    assert_eq!(screen.actions(), []);
    screen.resize(40, 20);
    screen.is_like("verify-qr-too-large");
    screen.resize(80, 24);
    screen.actions();
    screen.key("esc");
    screen.key("m");
    assert!(
        screen.text().contains("press it once more"),
        "the words are on the screen again just now"
    );
    assert!(screen.text().contains("[M] they match"));
    screen.key("esc");
    screen.line("/myqr");
    qr(&mut screen);
    screen.key("esc");
    screen.type_in("back");
    assert!(screen.text().contains("> back"));
}

/// What happens below the code is there when it is left.
#[test]
fn what_comes_while_a_qr_code_is_shown_is_told_after_it() {
    let mut screen = comparing(80, 24);
    screen.key("q");
    qr(&mut screen);
    words_of(&mut screen, 8, false);
    screen.seconds(5);
    screen.key("esc");
    assert!(screen.text().contains("these are new words"));
    screen.key("m");
    assert!(screen.text().contains("press it once more"), "they are new");

    let mut screen = with_number(80, 24);
    screen.key("q");
    qr(&mut screen);
    differ(&mut screen);
    screen.key("esc");
    assert!(screen.text().contains("[NOT bob] Closed"), "not the number");

    let mut screen = comparing(80, 24);
    screen.key("s");
    screen.key("q");
    qr(&mut screen);
    tell_number(&mut screen);
    screen.key("esc");
    assert!(screen.text().contains("36749      33040"));
}
