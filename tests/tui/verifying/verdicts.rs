//! What counts as an answer, and what does not.

use super::*;

#[test]
fn m_and_d_say_what_was_seen_about_the_words_on_the_screen() {
    for (key, asked) in [
        ("m", same(7, "")),
        ("M", same(7, "")),
        ("d", differs(Some(7))),
        ("D", differs(Some(7))),
    ] {
        let mut screen = comparing(80, 24);
        judge(&mut screen, key);
        assert_eq!(screen.actions(), [asked]);
    }
    let mut screen = comparing(80, 24);
    screen.key("n");
    screen.seconds(2);
    judge(&mut screen, "m");
    assert_eq!(screen.actions(), [same(7, "")], "by the numbers too");
}

#[test]
fn a_verdict_is_asked_about_before_it_counts() {
    for (name, width, height) in [("", 80, 24), ("-smallest", 20, 6)] {
        let mut screen = comparing(width, height);
        screen.key("m");
        screen.is_like(&format!("verify-once-m{name}"));
        screen.key("esc");
        screen.seconds(1);
        screen.key("d");
        screen.is_like(&format!("verify-once-d{name}"));
        assert_eq!(screen.actions(), []);
    }
    let mut screen = comparing(80, 24);
    screen.key("n");
    screen.seconds(2);
    screen.key("m");
    assert!(
        screen
            .text()
            .contains("These are bob's numbers? Type yes, then Enter:")
    );
    let mut screen = with_number(80, 24);
    screen.key("d");
    assert!(
        screen
            .text()
            .contains("It differs, bob is barred? Type yes, then Enter:")
    );
}

fn types(screen: &mut Screen, c: char) {
    match c {
        '\n' => screen.key("enter"),
        c => screen.type_in(&c.to_string()),
    }
}

/// A letter that begins what somebody types, without having pressed T, is no verdict.
#[test]
fn what_is_typed_or_pasted_without_t_says_nothing() {
    for text in [
        "marble canyon",
        "dad",
        "mad",
        "md",
        "common",
        "add middle",
        "mm",
        "ddd",
        "my eyes",
        "m yes\n",
        "mad yes\n",
        "mm, yes\n",
        "m\nyes\n",
        "dy\nes\n",
        "my\nyes\n",
    ] {
        for between in [1, 30, 150, 600, 1_900] {
            let mut screen = comparing(80, 24);
            for c in text.chars() {
                types(&mut screen, c);
                screen.pass(Duration::from_millis(between));
            }
            assert_eq!(verdicts(&mut screen), [], "{text} every {between} ms");
        }
    }
    // Spelt to somebody who types each letter as it comes.
    for text in ["common", "add", "mm, yes\n", "saddle", "odd my dad mum\n"] {
        let mut screen = comparing(80, 24);
        for c in text.chars() {
            types(&mut screen, c);
            screen.seconds(5);
        }
        assert_eq!(verdicts(&mut screen), [], "{text}");
    }
}

/// Terminals tell of a key that is held as of one that is pressed again and again.
#[test]
fn a_key_that_is_held_or_pressed_twice_says_nothing() {
    for (delay, rate) in [
        (250, 30),
        (500, 33),
        (1_000, 400),
        (1_800, 90),
        (5_000, 2_500),
    ] {
        for key in ["m", "d"] {
            let mut screen = comparing(80, 24);
            screen.key(key);
            screen.pass(Duration::from_millis(delay));
            for _ in 0..100 {
                screen.key(key);
                screen.pass(Duration::from_millis(rate));
                assert!(screen.text().contains("Type yes"), "the question stays");
            }
            assert_eq!(screen.actions(), [], "{key} after {delay} ms");
            screen.line("yes");
            assert_eq!(screen.actions().len(), 1, "let go and answered");
        }
    }
    let mut screen = comparing(80, 24);
    screen.key("m");
    screen.event(KeyCode::Char('m'), KeyEventKind::Repeat);
    screen.key("enter");
    assert_eq!(screen.actions(), [], "where they do tell");
    for held in ["yyes", "yees", "yess"] {
        let mut screen = comparing(80, 24);
        screen.key("m");
        screen.line(held);
        assert_eq!(screen.actions(), [], "{held}");
    }
}

/// While a program's request or a terminal that takes nothing keeps the loop, keys wait: each is as old as its press.
#[test]
fn keys_that_waited_are_as_old_as_when_they_were_pressed() {
    let mut screen = comparing(80, 24);
    screen.lag(Duration::from_secs(4));
    screen.key("m");
    screen.pass(Duration::from_millis(500));
    screen.key("m");
    screen.seconds(2);
    screen.line("yes");
    assert_eq!(screen.actions(), [], "the question was never drawn");
    screen.lag(Duration::ZERO);
    screen.seconds(2);
    judge(&mut screen, "m");
    assert_eq!(screen.actions(), [same(7, "")]);
}

#[test]
fn what_was_not_drawn_is_not_answered() {
    // The words come while nothing is drawn, and the keys are of before that.
    let mut screen = Screen::with_bob(80, 24);
    open(&mut screen);
    screen.lag(Duration::from_secs(4));
    words_of(&mut screen, 7, false);
    screen.seconds(3);
    judge(&mut screen, "m");
    screen.lag(Duration::ZERO);
    judge(&mut screen, "m");
    assert_eq!(screen.actions(), [], "they were drawn just now");
    screen.seconds(2);
    // The answer was typed before its question was drawn.
    screen.key("m");
    screen.seconds(3);
    screen.lag(Duration::from_secs(4));
    screen.line("yes");
    assert_eq!(screen.actions(), []);
    screen.lag(Duration::ZERO);
    screen.seconds(2);
    judge(&mut screen, "d");
    assert_eq!(screen.actions(), [differs(Some(7))]);
}

/// Windows tells of both.
#[test]
fn letting_a_key_go_is_no_other_key() {
    let mut screen = comparing(80, 24);
    screen.key("m");
    screen.event(KeyCode::Char('m'), KeyEventKind::Release);
    for key in ['y', 'e', 's'] {
        screen.type_in(&key.to_string());
        screen.event(KeyCode::Char(key), KeyEventKind::Release);
    }
    screen.event(KeyCode::Enter, KeyEventKind::Release);
    assert_eq!(screen.actions(), []);
    screen.key("enter");
    assert_eq!(screen.actions(), [same(7, "")]);
}

type Happening = fn(&mut Screen);

#[test]
fn whatever_comes_between_takes_a_verdict_back() {
    let cases: [(&str, Happening); 12] = [
        ("esc", |screen| screen.key("esc")),
        ("the other letter", |screen| screen.key("d")),
        ("a key without a meaning", |screen| screen.key("x")),
        ("enter", |screen| screen.key("enter")),
        ("a key that is nothing anywhere", |screen| screen.key("f9")),
        ("paging", |screen| screen.key("pagedown")),
        ("a paste", |screen| {
            screen.input(Input::Paste("m".to_owned()));
        }),
        ("the wheel", |screen| screen.input(Input::Wheel(3))),
        ("a click", |screen| screen.input(Input::Click(1, 1))),
        ("another window", |screen| screen.input(Input::Focus(false))),
        ("no room for a while", |screen| {
            screen.resize(19, 24);
            screen.resize(80, 24);
        }),
        ("new words", |screen| words_of(screen, 8, false)),
    ];
    for (what, between) in cases {
        for typed in ["", "y", "ye", "yes"] {
            let mut screen = comparing(80, 24);
            screen.key("m");
            screen.type_in(typed);
            assert!(screen.text().contains("Type yes"), "{what}");
            screen.seconds(2);
            between(&mut screen);
            if what == "enter" && typed == "yes" {
                continue;
            }
            assert_eq!(verdicts(&mut screen), [], "{what} after {typed}");
            assert!(!screen.text().contains("These are"), "{what}");
            if what != "the other letter" {
                screen.line(&"yes"[typed.len()..]);
                screen.line("yes");
            }
            assert_eq!(verdicts(&mut screen), [], "{what} after {typed}");
            screen.seconds(2);
            screen.key("esc");
            open(&mut screen);
            screen.seconds(2);
            judge(&mut screen, "m");
            let given = verdicts(&mut screen).len();
            assert_eq!(given, 1, "{what}: and then it can be given");
        }
    }
    let mut screen = comparing(80, 24);
    screen.key("m");
    screen.key("esc");
    assert!(screen.text().contains("[M] they match"), "the panel stays");
}

/// The screen says nothing but how many cells it needs.
#[test]
fn nothing_is_judged_on_a_screen_that_is_too_small_to_show_it() {
    for (width, height) in [(80, 5), (19, 24)] {
        let mut screen = comparing(80, 24);
        screen.resize(width, height);
        screen.actions();
        screen.seconds(5);
        for key in ["m", "d", "t"] {
            judge(&mut screen, key);
            screen.seconds(5);
        }
        assert_eq!(screen.actions(), []);
        screen.resize(80, 24);
        screen.actions();
        assert!(screen.text().contains("[M] they match"), "nothing is typed");
        judge(&mut screen, "m");
        assert_eq!(screen.actions(), [], "the words are there again just now");
        screen.seconds(2);
        screen.key("d");
        screen.key("esc");
        screen.seconds(1);
        judge(&mut screen, "d");
        assert_eq!(screen.actions(), [differs(Some(7))]);
    }
}

/// A line may say the same as the panel: about words that the panel has shown.
#[test]
fn lines_judge_only_words_that_were_on_the_screen() {
    let mut screen = Screen::with_bob(80, 24);
    words_of(&mut screen, 7, true);
    screen.line("/match");
    assert_eq!(screen.actions(), [], "nobody has seen them");
    let told = "the words were not on the screen yet; to see them: Alt+V (nothing changed)";
    assert_eq!(screen.rule(), told);
    screen.key("ctrl-c");
    screen.line("/match bob a b c d");
    assert_eq!(
        screen.actions(),
        [same(7, "a b c d")],
        "what is typed is compared"
    );
    screen.line("/differ");
    assert_eq!(screen.actions(), [differs(None)], "not about words");
    open(&mut screen);
    screen.key("esc");
    screen.line("/match");
    screen.line("/differ bob");
    assert_eq!(screen.actions(), [same(7, ""), differs(Some(7))]);
    words_of(&mut screen, 8, true);
    screen.line("/match");
    assert_eq!(screen.actions(), [], "those are others");
    screen.key("ctrl-c");
    // What two people have agreed upon may turn out to have been others.
    let until = None;
    words_of(&mut screen, 7, true);
    told_same(&mut screen, until);
    screen.line("/differ");
    assert_eq!(screen.actions(), [differs(Some(7))]);
}

/// No habit, and nothing that is pasted, says whom somebody trusts.
#[test]
fn enter_and_stray_keys_do_nothing() {
    let mut screen = Screen::with_bob(80, 24);
    screen.type_in("half a thou");
    open(&mut screen);
    words_of(&mut screen, 7, true);
    screen.seconds(5);
    for key in [
        "enter",
        "alt-enter",
        "y",
        "x",
        "z",
        " ",
        "tab",
        "backspace",
        "alt-up",
        "ctrl-s",
        "alt-2",
        "f1",
        "ctrl-d",
        "left",
        "home",
        "ctrl-j",
    ] {
        screen.key(key);
        screen.seconds(1);
    }
    screen.input(Input::Paste("mmmddd\n".to_owned()));
    assert_eq!(screen.actions(), []);
    assert!(screen.text().contains("[M] they match"), "still open");
    screen.key("esc");
    screen.line("ght");
    assert_eq!(screen.sent()[0].2, "half a thought", "the draft has stayed");
}

#[test]
fn letters_that_cannot_have_been_meant_do_not_count() {
    let mut screen = Screen::with_bob(80, 24);
    open(&mut screen);
    screen.type_in("md");
    assert_eq!(screen.actions(), [], "there are no words yet");
    screen.key("alt-v");
    screen.actions();
    screen.seconds(5);
    words_of(&mut screen, 7, false);
    screen.pass(Duration::from_millis(900));
    screen.key("m");
    assert!(!screen.text().contains("Type yes"), "nobody has read them");
    assert!(screen.text().contains("press it once more"));
    screen.seconds(5);
    screen.key("x");
    screen.seconds(5);
    screen.key("d");
    assert!(!screen.text().contains("Type yes"), "somebody types");
    screen.seconds(1);
    screen.key("d");
    assert!(screen.text().contains("Type yes"));
    screen.line("ye");
    assert_eq!(screen.actions(), [], "in part");
    assert!(
        screen
            .text()
            .contains("that was no \"yes\", so nothing is said")
    );
    screen.seconds(1);
    screen.key("D");
    screen.line("YES");
    assert_eq!(screen.actions(), [differs(Some(7))]);
}

/// Whoever sits in between could begin anew in the moment in which somebody says that they match.
#[test]
fn new_words_have_to_be_compared_anew() {
    let mut screen = comparing(80, 24);
    screen.key("m");
    screen.type_in("yes");
    words_of(&mut screen, 8, false);
    screen.key("enter");
    assert_eq!(screen.actions(), [], "the words have just changed");
    words_of(&mut screen, 9, false);
    assert!(screen.text().contains("these are new words"));
    screen.seconds(2);
    judge(&mut screen, "m");
    assert_eq!(screen.actions(), [same(9, "")]);
}
