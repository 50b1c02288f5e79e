//! Questions and what they are about on small screens.

use super::*;

/// What is asked and told takes its place from what is compared.
#[test]
fn what_is_pushed_off_a_small_screen_is_not_compared() {
    let wide = "abcdefghijklmnopqrstuvwxyz123456";
    for (name, is_logged, width, height) in [
        ("bob", false, 20, 6),
        ("bob", true, 20, 6),
        (wide, true, 20, 6),
        (wide, false, 24, 7),
    ] {
        let settings = Settings {
            keys_are_logged: is_logged,
            ..settings()
        };
        for (key, says) in [("m", same(7, "")), ("d", differs(Some(7)))] {
            let mut screen = Screen::with(settings.clone(), width, height);
            screen.meet(BOB, name);
            open(&mut screen);
            words_of(&mut screen, 7, false);
            screen.key(key);
            screen.seconds(2);
            screen.key("x");
            screen.seconds(2);
            screen.key(key);
            let whole = |screen: &mut Screen| {
                let text = screen.text();
                words(&code(7)).iter().all(|word| text.contains(word))
            };
            assert!(whole(&mut screen), "{}", screen.text());
            screen.seconds(2);
            screen.key(key);
            assert!(whole(&mut screen), "{}", screen.text());
            let why = "that is told in so many words that on such a screen nothing else has room beside it, and a few words more";
            screen.tell(Told::Remark {
                peer: BOB,
                words: why.into(),
            });
            assert!(!whole(&mut screen));
            screen.line("yes");
            assert_eq!(screen.actions(), [], "the words were away meanwhile");
            screen.seconds(2);
            screen.key("esc");
            open(&mut screen);
            screen.seconds(2);
            screen.key("pagedown");
            screen.seconds(2);
            judge(&mut screen, key);
            assert_eq!(screen.actions(), [], "they are above the screen");
            screen.key("pageup");
            screen.seconds(2);
            judge(&mut screen, key);
            assert_eq!(screen.actions(), std::slice::from_ref(&says));
        }
    }
}

/// Twelve groups take four rows, and the line that says that keys are logged one more.
#[test]
fn a_question_without_room_says_so() {
    let settings = Settings {
        keys_are_logged: true,
        ..settings()
    };
    let mut screen = Screen::with(settings, 20, 6);
    screen.meet(BOB, "bob");
    open(&mut screen);
    screen.key("s");
    tell_number(&mut screen);
    screen.seconds(2);
    screen.actions();
    screen.key("d");
    assert!(screen.text().contains("make it larger"));
    screen.line("yes");
    for _ in 0..4 {
        screen.seconds(2);
        judge(&mut screen, "d");
    }
    assert_eq!(screen.actions(), []);
    screen.resize(20, 7);
    screen.seconds(2);
    screen.actions();
    screen.key("x");
    screen.seconds(2);
    screen.key("d");
    screen.seconds(2);
    judge(&mut screen, "d");
    assert_eq!(screen.actions(), [differs(None)]);
}
