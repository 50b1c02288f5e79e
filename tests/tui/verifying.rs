//! The panel in which two people make sure of each other: every state, every key, and keys that must do nothing.

#[path = "verifying/names.rs"]
mod names;
#[path = "verifying/number.rs"]
mod number;
#[path = "verifying/room.rs"]
mod room;
#[path = "verifying/verdicts.rs"]
mod verdicts;

use std::time::Duration;

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use ratatui_crossterm::crossterm::event::{KeyCode, KeyEventKind};
use securechat::chat::words::{ShortCode, words};
use securechat::crypto::Comparison as Nonces;
use securechat::text::{Safe, safe_line};
use securechat::time::Instant;
use securechat::tui::{Action, Ask, Card, Comparison, Input, Noted, Settings, Standing, Told};

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
    differ_by(screen, false, None);
}

/// `theirs`: the other person says so. `verified`: on this day.
fn differ_by(screen: &mut Screen, theirs: bool, verified: Option<&str>) {
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::WordsDiffer {
            why: "the words differed; compare the keys: securechat peers verify bob".into(),
        },
    });
    told(
        screen,
        Comparison::Differ {
            verified: verified.map(safe_line),
            theirs,
            what_next: "compare the safety number: securechat peers verify bob".into(),
        },
    );
}

fn told_same(screen: &mut Screen, until: Option<Instant>) {
    let same = Comparison::Same {
        noted: Noted::Saved,
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

fn tell_number(screen: &mut Screen) {
    let number = NUMBER.into();
    screen.tell(Told::SafetyNumber { peer: BOB, number });
}

/// A panel with the safety number, which was there long enough to be read.
fn with_number(width: u16, height: u16) -> Screen {
    let mut screen = comparing(width, height);
    screen.key("s");
    tell_number(&mut screen);
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
        saved: true,
    }));
    let until = Some(screen.now().instant + LIFE);
    let ours = |theirs, until| Comparison::Same {
        noted: Noted::Saved,
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
    screen.tell(Told::Remark {
        peer: BOB,
        words: why.into(),
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
fn words_that_differ_say_since_when_nothing_is_to_be_trusted() {
    let mut screen = comparing(80, 24);
    differ(&mut screen);
    screen.is_like("verify-not-bob");
    differ_by(&mut screen, false, Some("2026-11-20"));
    let words = "Nothing said since you verified bob on 2026-11-20 is to be trusted.";
    assert!(screen.text().contains(words));
    screen.seconds(2);
    screen.type_in("mt");
    assert_eq!(screen.actions(), [], "there is nothing to confirm");
    screen.key("esc");
    assert!(screen.rows()[0].contains("[NOT bob]"));
    screen.resize(20, 6);
    assert!(screen.rows()[0].contains("[NOT bob]"));
}

/// He was asked to say so, too.
#[test]
fn who_is_told_that_the_words_differ_is_not_asked_to_say_so() {
    let mut screen = comparing(80, 24);
    differ_by(&mut screen, true, None);
    screen.is_like("verify-not-bob-he-says");
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
