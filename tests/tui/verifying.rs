//! The panel in which two people make sure of each other: every state, every key, and keys that must do nothing.

use std::time::Duration;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use ratatui_crossterm::crossterm::event::{KeyCode, KeyEventKind};
use securechat::chat::words::{ShortCode, words};
use securechat::crypto::Comparison as Nonces;
use securechat::text::{Safe, safe_line};
use securechat::time::Instant;
use securechat::tui::{Action, Ask, Card, Comparison, Input, Settings, Standing, Told};

use crate::screen::{BOB, CAROL, Screen, settings};

const LIFE: Duration = Duration::from_secs(300);
const NUMBER: &str = "367493304035513371073028300438611649671313236100488797616747";

fn code(byte: u8) -> ShortCode {
    let nonces = Nonces {
        handshake: [byte; 32],
        attempt: 1,
        asker: BOB,
        answerer: CAROL,
    };
    nonces.code(&[3; 32], &[4; 32])
}

fn told(screen: &mut Screen, comparison: Comparison) {
    screen.tell(Told::Comparison {
        peer: BOB,
        comparison,
    });
}

fn words_of(screen: &mut Screen, byte: u8, theirs: bool) {
    let until = screen.now().instant + LIFE;
    let code = code(byte);
    told(
        screen,
        Comparison::Words {
            code,
            until,
            theirs,
        },
    );
}

/// A panel with words, which were there long enough to be read.
fn comparing(width: u16, height: u16) -> Screen {
    let mut screen = Screen::with_bob(width, height);
    open(&mut screen);
    words_of(&mut screen, 7, false);
    screen.seconds(18);
    screen
}

fn open(screen: &mut Screen) {
    screen.key("alt-v");
    assert_eq!(screen.actions(), [Action::Ask(Ask::Verify(BOB))]);
}

fn same(byte: u8, typed: &str) -> Action {
    Action::Ask(Ask::Match {
        peer: BOB,
        code: Some(code(byte)),
        typed: typed.to_owned(),
    })
}

/// A verdict, as somebody gives it who answers what its key asks.
fn judge(screen: &mut Screen, key: &str) {
    screen.key(key);
    screen.line("yes");
}

fn differ(screen: &mut Screen) {
    let since = Some(screen.now().unix);
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::WordsDiffer {
            why: "the words differed; compare the keys: securechat peers verify bob".into(),
        },
    });
    told(
        screen,
        Comparison::Differ {
            since,
            what_next: "compare the safety number: securechat peers verify bob".into(),
        },
    );
}

fn told_same(screen: &mut Screen, until: Option<Instant>) {
    let same = Comparison::Same {
        is_noted: true,
        theirs: true,
        until,
    };
    told(screen, same);
}

fn differs(byte: Option<u8>) -> Action {
    Action::Ask(Ask::Differ {
        peer: BOB,
        code: byte.map(code),
    })
}

/// What was said about words or a number.
fn verdicts(screen: &mut Screen) -> Vec<Action> {
    let mut actions = screen.actions();
    let is_verdict =
        |it: &Action| matches!(it, Action::Ask(Ask::Match { .. } | Ask::Differ { .. }));
    actions.retain(is_verdict);
    actions
}

/// A panel with the safety number, which was there long enough to be read.
fn with_number(width: u16, height: u16) -> Screen {
    let mut screen = comparing(width, height);
    screen.key("s");
    screen.tell(Told::SafetyNumber {
        peer: BOB,
        number: NUMBER.into(),
    });
    screen.seconds(2);
    screen.actions();
    screen
}

fn qr(screen: &mut Screen) {
    let text = "securechat:1:xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg";
    let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
    let mut renderer = code.render::<Dense1x2>();
    let drawn = renderer
        .dark_color(Dense1x2::Light)
        .light_color(Dense1x2::Dark)
        .build();
    screen.tell(Told::Code {
        lines: drawn.lines().map(safe_line).collect(),
        text: text.into(),
    });
}

#[test]
fn the_words() {
    comparing(80, 24).is_like("verify-words");
    comparing(44, 20).is_like("verify-words-narrow");
    let mut smallest = comparing(20, 6);
    smallest.is_like("verify-words-smallest");
    smallest.key("pagedown");
    smallest.is_like("verify-words-smallest-below");
    for _ in 0..9 {
        smallest.key("pagedown");
    }
    for _ in 0..4 {
        smallest.key("pageup");
    }
    smallest.is_like("verify-words-smallest");
}

#[test]
fn in_ascii_and_without_colours_nothing_is_missing() {
    let ascii = Settings {
        ascii: true,
        mono: true,
        ..settings()
    };
    let mut screen = Screen::with(ascii, 80, 24);
    screen.meet(BOB, "bob");
    open(&mut screen);
    words_of(&mut screen, 7, true);
    let text = screen.text();
    assert!(text.is_ascii(), "{text}");
    screen.is_like("verify-ascii");
    differ(&mut screen);
    let text = screen.text();
    assert!(text.is_ascii() && text.contains("[NOT bob]"), "{text}");
    qr(&mut screen);
    let text = screen.text();
    assert!(text.is_ascii() && text.contains("securechat:1:"), "{text}");
}

#[test]
fn who_has_asked_sees_that_the_words_are_waited_for() {
    let mut screen = Screen::with_bob(80, 24);
    open(&mut screen);
    assert!(screen.text().contains("One moment."));
    let until = screen.now().instant + LIFE;
    told(&mut screen, Comparison::Begun { until });
    screen.is_like("verify-asked");
}

#[test]
fn whoever_has_confirmed_is_told_of_and_waited_for() {
    let mut screen = Screen::with_bob(80, 24);
    open(&mut screen);
    words_of(&mut screen, 7, true);
    screen.is_like("verify-theirs");
    screen.tell(Told::Peer(Card {
        peer: BOB,
        name: "bob".into(),
        verified: true,
    }));
    let until = Some(screen.now().instant + LIFE);
    let ours = |theirs, until| Comparison::Same {
        is_noted: true,
        theirs,
        until,
    };
    told(&mut screen, ours(false, until));
    screen.is_like("verify-waiting");
    told(&mut screen, ours(true, None));
    assert!(screen.text().contains("bob has confirmed too."));
    told(&mut screen, ours(false, None));
    assert!(
        screen
            .text()
            .contains("bob has not confirmed; your word counts here.")
    );
}

#[test]
fn the_numbers_are_of_the_same_code() {
    let mut screen = comparing(80, 24);
    screen.key("n");
    screen.is_like("verify-numbers");
    let [a, b, c] = code(7).numbers();
    assert!(screen.text().contains(&format!("{a}      {b}      {c}")));
    screen.key("N");
    assert!(screen.text().contains(words(&code(7))[0]));
    assert_eq!(screen.actions(), []);
}

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

#[test]
fn what_is_read_out_can_be_typed_and_completed() {
    let mut screen = comparing(80, 24);
    let words = words(&code(7));
    screen.key("t");
    let text = screen.text();
    assert!(
        words.iter().all(|word| !text.contains(word)),
        "nobody types from the screen"
    );
    screen.key("enter");
    assert_eq!(screen.actions(), [], "nothing is typed yet");
    for word in words {
        screen.type_in(&word[..word.len().min(4)]);
        screen.key("tab");
        if !screen.text().contains(&format!("{word} ")) && word.len() == 3 {
            screen.type_in(" ");
        }
    }
    screen.is_like("verify-typing");
    screen.key("enter");
    let actions = screen.actions();
    let [Action::Ask(Ask::Match { peer, typed, .. })] = &actions[..] else {
        panic!("{actions:?}");
    };
    assert_eq!((*peer, typed.trim()), (BOB, words.join(" ").as_str()));
}

#[test]
fn what_was_typed_wrong_stays_to_be_mended() {
    let mut screen = comparing(80, 24);
    screen.key("t");
    screen.type_in("zoo zoo zoo zoo");
    screen.key("enter");
    assert_eq!(screen.actions(), [same(7, "zoo zoo zoo zoo")]);
    let why = "those are other words than the ones here. Have them read once more; if they stay others: /differ bob (nothing changed)";
    screen.tell(Told::NotProved {
        peer: BOB,
        why: why.into(),
    });
    screen.is_like("verify-wrong");
    screen.resize(20, 6);
    let text = screen.text();
    assert!(text.contains("> zoo zoo zoo zoo"), "{text}");
    screen.resize(80, 24);
    screen.key("backspace");
    assert!(!screen.text().contains("those are other words"));
    screen.key("esc");
    assert!(screen.text().contains("[M] they match"));
}

#[test]
fn the_safety_number_needs_no_session() {
    let mut screen = comparing(80, 24);
    screen.key("s");
    let ask = |typed: &str| Action::Ask(Ask::SafetyNumber(BOB, typed.to_owned()));
    assert_eq!(screen.actions(), [ask("")]);
    let number = Told::SafetyNumber {
        peer: BOB,
        number: NUMBER.into(),
    };
    screen.tell(number);
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
            Told::NotProved { peer, why }
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
    screen.tell(Told::SafetyNumber {
        peer: BOB,
        number: NUMBER.into(),
    });
    screen.key("esc");
    assert!(screen.text().contains("36749      33040"));
}

#[test]
fn words_that_differ_say_since_when_nothing_is_to_be_trusted() {
    let mut screen = comparing(80, 24);
    differ(&mut screen);
    screen.is_like("verify-not-bob");
    screen.seconds(2);
    screen.type_in("mt");
    assert_eq!(screen.actions(), [], "there is nothing to confirm");
    screen.key("esc");
    assert!(screen.rows()[0].contains("[NOT bob]"));
    screen.resize(20, 6);
    assert!(screen.rows()[0].contains("[NOT bob]"));
}

#[test]
fn without_a_session_there_is_a_reason_and_what_is_left() {
    let mut screen = Screen::with_bob(80, 24);
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::Offline {
            why: "bob left; your next message calls it".into(),
        },
    });
    open(&mut screen);
    let why: Safe = "bob left; your next message calls it".into();
    told(&mut screen, Comparison::NotNow { why });
    screen.is_like("verify-no-session");
    screen.seconds(2);
    screen.type_in("mdtns");
    assert_eq!(screen.actions(), [], "somebody types");
    screen.key("s");
    assert_eq!(screen.actions().len(), 1);
    screen.key("q");
    assert_eq!(screen.actions(), [Action::Ask(Ask::MyQr)]);
}

/// Why they cannot be compared now is as true as the rest of the screen, and does not outlive its reason.
#[test]
fn words_that_cannot_be_compared_now_are_asked_for_when_they_can() {
    let offline = |why: &'static str| Told::Standing {
        peer: BOB,
        standing: Standing::Offline { why: why.into() },
    };
    let mut screen = Screen::with_bob(80, 24);
    screen.tell(offline(
        "no answer from bob yet (2 calls); trying again in 3 s",
    ));
    open(&mut screen);
    let why: Safe = "no answer from bob yet (2 calls); trying again in 3 s".into();
    told(&mut screen, Comparison::NotNow { why });
    assert!(screen.text().contains("[Alt+V] ask now"));
    screen.tell(offline(
        "no answer from bob yet (3 calls); trying again in 9 s",
    ));
    let text = screen.text();
    assert!(
        text.contains("(3 calls)") && !text.contains("(2 calls)"),
        "{text}"
    );
    let up = || Told::Standing {
        peer: BOB,
        standing: Standing::Up,
    };
    screen.tell(up());
    assert_eq!(screen.actions(), [Action::Ask(Ask::Verify(BOB))]);
    assert!(screen.text().contains("One moment."));
    let until = screen.now().instant + LIFE;
    told(&mut screen, Comparison::Begun { until });
    screen.tell(offline("bob left"));
    screen.tell(up());
    assert_eq!(screen.actions(), [], "once for what somebody asked");
}

#[test]
fn nobody_is_asked_for_words_that_nobody_waits_for_any_more() {
    let mut screen = Screen::with_bob(80, 24);
    open(&mut screen);
    let why: Safe = "bob is not connected; calling".into();
    told(&mut screen, Comparison::NotNow { why });
    screen.key("alt-v");
    assert_eq!(screen.actions(), [Action::Ask(Ask::Verify(BOB))], "again");
    let why: Safe = "bob is not connected; calling".into();
    told(&mut screen, Comparison::NotNow { why });
    screen.key("esc");
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::Up,
    });
    assert_eq!(screen.actions(), []);
    open(&mut screen);
    assert!(screen.text().contains("One moment."), "{}", screen.text());
}

#[test]
fn a_program_that_is_too_old_is_said_to_be() {
    let mut screen = Screen::with_bob(80, 24);
    open(&mut screen);
    let why: Safe = "the program of bob is too old for that".into();
    told(&mut screen, Comparison::Impossible { why });
    let text = screen.text();
    assert!(
        text.contains("No words can be compared: the program of bob is too old for that."),
        "{text}"
    );
    assert!(text.contains("[S] safety number, which needs no connection"));
    assert!(!text.contains("again"), "that would not help: {text}");
}

#[test]
fn the_time_is_counted_down_once_a_second_and_only_while_it_counts() {
    let mut screen = comparing(80, 24);
    assert!(screen.text().contains("4:42 left"));
    let mut drawn = screen.draw();
    let mut changes = 0;
    for _ in 0..40 {
        screen.pass(Duration::from_millis(250));
        let next = screen.draw();
        changes += usize::from(next != drawn);
        drawn = next;
    }
    assert_eq!(changes, 10, "in ten seconds");
    assert!(screen.text().contains("4:32 left"));
    screen.seconds(280);
    assert!(screen.text().contains("0:00 left"), "{}", screen.text());
    let why: Safe = "nobody has compared within 5 minutes".into();
    told(&mut screen, Comparison::Over { why });
    screen.is_like("verify-expired");
    let drawn = screen.draw();
    screen.seconds(10);
    assert_eq!(screen.draw(), drawn);
    screen.key("alt-v");
    assert_eq!(screen.actions(), [Action::Ask(Ask::Verify(BOB))]);
    assert!(
        !screen.text().contains("nobody has compared"),
        "it begins again"
    );
}

#[test]
fn esc_puts_it_off_and_alt_v_shows_the_same_words() {
    let mut screen = comparing(80, 24);
    screen.key("esc");
    assert_eq!(
        screen.rule(),
        "another time; Alt+V shows it again, /later ends it"
    );
    open(&mut screen);
    assert!(screen.text().contains(words(&code(7))[0]));
    screen.key("ctrl-c");
    assert!(screen.text().contains("F1 help"));
    assert_eq!(screen.actions(), []);
}

/// The next keys of whoever is typing would be taken for an answer.
#[test]
fn who_is_asked_by_the_other_side_is_not_interrupted() {
    let mut screen = Screen::with_bob(80, 24);
    screen.type_in("I a");
    words_of(&mut screen, 7, false);
    screen.seconds(2);
    screen.line("m done");
    assert_eq!(screen.sent()[0].2, "I am done");
    assert_eq!(screen.actions().len(), 1);
    open(&mut screen);
    assert!(screen.text().contains(words(&code(7))[0]));
}

#[test]
fn the_panel_is_of_whom_it_was_opened_for() {
    let mut screen = Screen::with_three(80, 24);
    screen.line("/verify carol");
    assert_eq!(screen.actions(), [Action::Ask(Ask::Verify(CAROL))]);
    words_of(&mut screen, 7, false);
    let text = screen.text();
    assert!(
        text.contains("Is this really carol?") && text.contains("One moment."),
        "the words are bob's: {text}"
    );
    screen.seconds(2);
    judge(&mut screen, "m");
    assert_eq!(screen.actions(), []);
    screen.key("esc");
    screen.line("/verify nobody");
    assert!(screen.rule().contains("no peer called \"nobody\""));
}

#[test]
fn the_commands_of_lines_work_on_the_screen_too() {
    let mut screen = comparing(80, 24);
    screen.key("esc");
    screen.line("/match");
    screen.line("/match bob a b c d");
    assert_eq!(screen.actions(), [same(7, ""), same(7, "a b c d")]);
    let number = |typed: &str| Action::Ask(Ask::SafetyNumber(BOB, typed.to_owned()));
    screen.line(&format!("/number {NUMBER}"));
    assert_eq!(screen.actions(), [number(""), number(NUMBER)]);
    screen.key("esc");
    screen.key("esc");
    screen.line("/number bob");
    assert_eq!(screen.actions(), [number("")]);
    screen.key("esc");
    screen.key("esc");
    screen.line("/later");
    assert_eq!(screen.actions(), [Action::Ask(Ask::Later(BOB))]);
}

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
            screen.tell(Told::NotProved {
                peer: BOB,
                why: why.into(),
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
    screen.tell(Told::SafetyNumber {
        peer: BOB,
        number: NUMBER.into(),
    });
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
