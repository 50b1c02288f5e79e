//! What a real (pseudo-)terminal shows after it was resized, written over, or filled with wide characters.

use std::net::UdpSocket;

use rustix::process::Signal;

use crate::home::{Home, free_port};
use crate::screen::{Person, resize, two};
use crate::vt::{Measure, Vt};

/// toxic#334, codex#11211, ratatui#2431: what is drawn over wide characters leaves half of them behind.
#[test]
fn wide_characters_leave_nothing_behind_and_ctrl_l_mends_what_others_wrote() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    let texts = [
        "日本語のテキスト",
        "family 👩\u{200d}👩\u{200d}👧\u{200d}👦 🇳🇴",
        "heart ❤\u{fe0f} thumb 👍🏽",
        "e\u{301}क्षत्रि 한국어",
    ];
    // More than the screen has rows: each draws over the one above it.
    for number in 0..7 {
        for text in texts {
            bob.says(&format!("{text} {number}"));
        }
    }
    alice.sees("한국어 6");
    alice.presses("日本👩\u{200d}👧");
    alice.sees("> 日本👩\u{200d}👧");
    alice.presses("\u{7f}\u{7f}x");
    alice.sees("> 日x");
    alice.presses("\u{1b}[5~");
    alice.sees("more below - Alt+End");
    alice.presses("\u{1b}[1;3F");
    let before = settled(&mut alice);
    alice
        .vt
        .feed("\u{1b}[3;1H日本 written by another program".as_bytes());
    alice.presses("\u{c}");
    alice.sees_no("written by another program");
    assert_eq!(settled(&mut alice), before);
}

/// It takes more cells than one that knows clusters, ran over the edge, and the end of the row stood in the next one, which may
/// be anybody's.
#[test]
fn a_terminal_that_measures_characters_shows_nothing_outside_of_a_message() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    alice.vt.measure = Measure::Characters;
    let khmer = |times| format!("\u{1780}{}", "\u{17d2}\u{1780}".repeat(times));
    let joined = format!("\u{1780}{}", "\u{17d2}\u{200d}\u{1780}".repeat(12));
    let fillings = [
        "\u{231a}\u{fe0e}".repeat(31),
        khmer(19).repeat(3) + &khmer(1),
        joined.repeat(4) + &"\u{1780}".repeat(10),
        // Each has two cells there, and both together have two elsewhere.
        "\u{1f469}\u{200d}\u{1f469}".repeat(31),
    ];
    for (number, filling) in (1..).zip(fillings) {
        let forged = format!("02:15    *        bob verified{number}").replace(' ', "\u{a0}");
        bob.presses(&format!("{filling}{forged}\r"));
        let said = format!("verified{number}");
        alice.sees(&said);
        let text = alice.vt.text();
        let row = text.lines().find(|row| row.contains(&said)).unwrap();
        let is_theirs = row.contains(" bob      ") || row.starts_with(&" ".repeat(18));
        assert!(is_theirs, "{text}");
    }
}

/// Of an emoji in several parts, each of which has its own cells there, one stayed beside other messages, in each row that it
/// had been in.
#[test]
fn where_characters_are_measured_nothing_of_an_emoji_stays_when_it_scrolls_away() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    alice.vt.measure = Measure::Characters;
    bob.says("\u{1f44d}\u{1f3fd}");
    let joined = "\u{2714}\u{200d}".repeat(19) + "\u{2714}";
    bob.says(&joined);
    alice.sees("\u{1f44d}");
    for number in 0..30 {
        bob.says(&format!("a {number}"));
    }
    alice.sees("bob      a 29");
    let text = alice.vt.text();
    assert!(!text.contains(['\u{1f3fd}', '\u{2714}']), "{text}");
}

/// What the screen shows below the top line, which has figures of the moment, once the last key has been drawn.
fn settled(person: &mut Person) -> String {
    person.presses("!");
    person.sees("> 日x!");
    person.presses("\u{7f}");
    person.sees_no("> 日x!");
    let text = person.vt.text();
    text.split_once('\n').unwrap().1.to_owned()
}

/// toxic#70, toxic#432, profanity#1235.
#[test]
fn the_newest_message_stays_above_the_line_at_every_size_down_to_the_smallest() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    for number in 1..=30 {
        bob.says(&format!("message {number}"));
    }
    alice.sees("message 30");
    alice.presses("half");
    alice.sees("> half");
    for (width, height) in [(20, 6), (132, 20), (61, 7), (80, 24)] {
        alice.resizes(width, height);
        alice.waits("the newest message above the line", |vt| {
            let text = vt.text();
            let rows: Vec<&str> = text.lines().collect();
            let height = usize::from(height);
            rows.len() == height
                && rows[height - 1] == "> half"
                && rows[height - 4].ends_with("message 30")
        });
    }
    for (width, height) in [(19, 6), (20, 5)] {
        alice.resizes(width, height);
        alice.sees("needs 20x6 [SC20]");
    }
    // Nobody has to see what is typed for it to be there.
    alice.presses("!");
    alice.resizes(80, 24);
    alice.sees("> half!");
    alice.sees("message 30");
}

/// A serial line has none, and nothing at all was shown there.
#[test]
fn a_terminal_that_tells_of_no_size_is_taken_for_the_usual_one() {
    let home = Home::new();
    let mut person = Person::at_a_shell();
    resize(&person.terminal, 0, 0);
    person.types_command(&home.command(&["listen", "127.0.0.1:0"]));
    person.sees("listening on");
    person.presses("half a thought");
    person.waits("the line on the last row", |vt| {
        vt.text().lines().nth(23) == Some("> half a thought")
    });
}

/// It was thought to stand there still, and nothing was written until another key came.
#[test]
fn bare_text_stands_on_a_screen_of_another_size_and_after_ctrl_z() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    bob.says("a link");
    alice.sees("bob      a link");
    let is_bare = |vt: &Vt| vt.text().lines().any(|row| row == "a link");
    alice.presses("\u{1b}l");
    alice.waits("bare text", is_bare);
    alice.resizes(100, 24);
    alice.waits("bare text on another size", is_bare);
    alice.presses("\u{1a}");
    alice.program.stops();
    alice.vt = Vt::new(100, 24);
    alice.program.signal(Signal::CONT);
    alice.waits("bare text when it goes on", is_bare);
    alice.presses("\u{1b}");
    alice.sees("bob      a link");
}

/// What stands between a window and a program does not always pass SIGWINCH on.
#[test]
fn a_resize_that_no_signal_tells_of_is_seen() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    alice.presses("half a thought");
    alice.sees("> half a thought");
    alice.becomes(60, 12);
    alice.waits("the line on the last of twelve rows", |vt| {
        vt.text().lines().nth(11) == Some("> half a thought")
    });
}

/// mosh#1070, mosh#1254: it does not connect, and nothing says why.
#[test]
fn the_line_says_why_nobody_answers() {
    let (alice, bob) = (Home::new(), Home::new());
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (_listener, address) = bob.listen(&[]);
    let ways = [
        ("closed", Home::new().key(), free_port()),
        ("silent", Home::new().key(), silent.local_addr().unwrap()),
        ("other", Home::new().key(), address),
        ("bob", bob.key(), address),
    ];
    for (name, key, address) in &ways {
        alice.run(&["peers", "add", name, key, "--address", &address.to_string()]);
    }
    let mut screen = Person::starts(&alice, &[]);
    let why = [
        format!("closed port reported at {}; trying again in", ways[0].2),
        "no answer from silent yet (".to_owned(),
        "no answer from other yet (".to_owned(),
        "bob refused; ".to_owned(),
    ];
    for (number, why) in (1..).zip(why) {
        screen.presses(&format!("\u{1b}{number}"));
        screen.sees(&why);
    }
}
