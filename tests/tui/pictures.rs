//! Every state, on wide and narrow screens, with all kinds of text.

use std::time::Duration;

use securechat::chat::{FailReason, State};
use securechat::text::Safe;
use securechat::tui::{Card, Input, LinkStatus, Settings, Standing, Told};

use crate::screen::{BOB, CAROL, Screen, settings};

/// A way that is good, to nowhere.
pub(crate) const LINK: LinkStatus = LinkStatus {
    address: None,
    rtt: Some(Duration::from_millis(42)),
    loss: Some(0),
    heard: Some(Duration::from_millis(400)),
    is_due: false,
    unacked: None,
    key_age: None,
    moved: None,
};

fn direct() -> LinkStatus {
    LinkStatus {
        address: Some("203.0.113.9:7419".parse().unwrap()),
        ..LINK
    }
}

/// The conversation of the design.
fn talk(screen: &mut Screen) {
    screen.tell(Told::Peer(Card {
        peer: BOB,
        name: "bob".into(),
        verified: true,
        saved: true,
    }));
    screen.link(BOB, direct());
    screen.say(BOB, "did the backup finish?");
    screen.seconds(60);
    let name = screen.send("yes, 41 GB in 12 minutes. Report:\u{20}");
    screen.state(BOB, name, State::Delivered);
    screen.key("alt-enter");
    screen.key("ctrl-c");
    screen.seconds(60);
    screen.say(BOB, "nice. Sending you the restore log");
    screen.tell(Told::Note {
        about: Some(BOB),
        lines: vec!["link: bob is now at 198.51.100.7:7419".into()],
    });
    let name = screen.send("checking it now");
    screen.state(BOB, name, State::Sent);
    screen.input(Input::Focus(false));
    screen.seconds(180);
    screen.say(BOB, "one line looks odd: \u{1b}[2J\u{202e}txt");
    screen.say(BOB, "(that was raw bytes from the log)");
    screen.link(BOB, direct());
    screen.input(Input::Focus(true));
}

#[test]
fn a_conversation() {
    let mut screen = Screen::with_three(80, 24);
    talk(&mut screen);
    screen.say(CAROL, "are you there?");
    screen.type_in("I'll have a look at line 40");
    screen.is_like("conversation");
}

#[test]
fn a_wide_screen_with_the_list() {
    let mut screen = Screen::with_three(110, 20);
    talk(&mut screen);
    screen.say(CAROL, "are you there?");
    screen.key("alt-b");
    screen.is_like("wide");
}

#[test]
fn a_narrow_screen() {
    let mut screen = Screen::with_three(44, 20);
    talk(&mut screen);
    screen.is_like("narrow");
}

#[test]
fn the_smallest_screen_and_a_smaller_one() {
    let mut screen = Screen::with_bob(20, 6);
    talk(&mut screen);
    screen.type_in("hello");
    screen.is_like("smallest");
    screen.resize(19, 6);
    assert_eq!(screen.rows()[0], "needs 20x6 [SC20]");
    screen.resize(20, 5);
    assert_eq!(screen.rows()[0], "needs 20x6 [SC20]");
    screen.resize(1, 1);
    screen.draw();
}

#[test]
fn that_keys_are_written_down_stands_on_every_screen_as_long_as_it_is_so() {
    let recording = Settings {
        keys_are_logged: true,
        ..settings()
    };
    for (width, people) in [(80, 1), (20, 1), (20, 2), (80, 0)] {
        let mut screen = Screen::with(recording.clone(), width, 8);
        for (peer, name) in [(BOB, "bob"), (CAROL, "carol")].into_iter().take(people) {
            screen.meet(peer, name);
        }
        for key in ["esc", "f1", "esc", "ctrl-s", "esc", "alt-k", "esc"] {
            screen.key(key);
            let tabs = screen.rows()[6].clone();
            assert!(
                tabs.trim_end().ends_with("KEYS LOGGED"),
                "{width}, {key}: {tabs}"
            );
            assert!(people == 0 || tabs.starts_with(" ["), "{tabs}");
        }
    }
    for (width, height) in [(80, 24), (20, 6)] {
        let mut screen = Screen::with(recording.clone(), width, height);
        screen.meet(BOB, "bob");
        screen.say(BOB, "the last line");
        screen.key("alt-v");
        let last = usize::from(height) - 1;
        assert!(screen.rows()[last].trim_end().ends_with("KEYS LOGGED"));
        screen.key("q");
        let (lines, text) = (vec!["\u{2580}".into(); last - 1], "key".into());
        screen.tell(Told::Code { lines, text });
        assert!(screen.text().contains("your key"), "{}", screen.text());
        assert!(screen.rows()[last].trim_end().ends_with("KEYS LOGGED"));
        for key in ["esc", "esc", "alt-l"] {
            screen.key(key);
        }
        let bare = screen.app.bare().unwrap();
        assert_eq!(bare[0].as_str().trim_end(), "KEYS LOGGED");
        assert_eq!(bare.last().unwrap().as_str(), "the last line");
        assert!(screen.rows()[0].trim_end().ends_with("KEYS LOGGED"));
    }
    let mut small = Screen::with(recording, 12, 2);
    assert!(small.rows()[1].starts_with("KEYS LOGGED"));
    small.resize(12, 1);
    assert!(small.rows()[0].starts_with("KEYS LOGGED"));
    assert!(!Screen::with_bob(80, 8).text().contains("KEYS LOGGED"));
}

#[test]
fn ascii_without_colours() {
    let ascii = Settings {
        ascii: true,
        mono: true,
        ..settings()
    };
    let mut screen = Screen::with(ascii, 80, 20);
    screen.meet(BOB, "bob");
    talk(&mut screen);
    screen.send("not yet acknowledged");
    screen.key("alt-pageup");
    screen.say(BOB, "below");
    let text = screen.text();
    assert!(text.is_ascii(), "{text}");
    screen.is_like("ascii");
}

#[test]
fn every_standing_has_a_word_and_a_reason() {
    let mut screen = Screen::with_bob(80, 8);
    screen.link(BOB, direct());
    screen.is_like("standing-not-verified");
    screen.tell(Told::Peer(Card {
        peer: BOB,
        name: "bob".into(),
        verified: true,
        saved: true,
    }));
    screen.is_like("standing-verified");
    let since = screen.now().instant;
    let why = |why: &'static str| Safe::from(why);
    for (name, standing) in [
        (
            "connecting",
            Standing::Connecting {
                since,
                why: why("no answer from bob to 2 handshakes; trying again in 4 s"),
            },
        ),
        (
            "offline",
            Standing::Offline {
                why: why("bob is not connected; trying again in 9 s"),
            },
        ),
        (
            "ended",
            Standing::Ended {
                why: why("bob left; your next message calls it"),
            },
        ),
        (
            "key-changed",
            Standing::KeyChanged {
                why: why(
                    "an unknown key calls itself \"bob\"; ask him, then: securechat peers replace bob",
                ),
            },
        ),
        (
            "words-differ",
            Standing::WordsDiffer {
                why: why("the words differed; compare the keys: securechat peers verify bob"),
            },
        ),
        ("revoked", Standing::Revoked),
    ] {
        screen.tell(Told::Standing {
            peer: BOB,
            standing,
        });
        screen.seconds(3);
        screen.is_like(&format!("standing-{name}"));
    }
    screen.tell(Told::Forgotten(BOB));
    let standing = Standing::Offline {
        why: why("bob is no peer of yours"),
    };
    screen.tell(Told::Standing {
        peer: BOB,
        standing,
    });
    screen.is_like("standing-removed");
}

/// profanity#1052: nobody saw whether, and with whom. The word stands at every width, however long the name is.
#[test]
fn the_word_of_trust_is_on_every_screen() {
    let since = Screen::new(80, 6).now().instant;
    let why = Safe::from("a reason that is longer than any screen of this test is wide");
    let standings = [
        (Standing::Up, "[not verified]"),
        (Standing::Offline { why: why.clone() }, "[not verified]"),
        (
            Standing::Connecting {
                since,
                why: why.clone(),
            },
            "[not verified]",
        ),
        (Standing::Ended { why: why.clone() }, "[not verified]"),
        (Standing::KeyChanged { why: why.clone() }, "[KEY CHANGED]"),
        (Standing::WordsDiffer { why }, "[NOT "),
        (Standing::Revoked, "[revoked]"),
    ];
    for name in ["bob", "somebody-with-a-very-long-name-1", &"界".repeat(32)] {
        for (width, height) in [(20, 6), (24, 8), (59, 8), (60, 8), (80, 24), (110, 24)] {
            let mut screen = Screen::new(width, height);
            screen.meet(BOB, name);
            screen.link(BOB, direct());
            for (standing, word) in standings.clone() {
                screen.tell(Told::Standing {
                    peer: BOB,
                    standing,
                });
                for key in ["esc", "f1", "esc", "ctrl-s", "esc", "alt-k", "esc", "alt-b"] {
                    screen.key(key);
                    let top = screen.rows()[0].clone();
                    let start: String = name.chars().take(1).collect();
                    assert!(
                        top.contains(word) && top.contains(&start),
                        "{width}, {key}: {top}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_queued_is_counted_while_nobody_is_there() {
    let mut screen = Screen::with_bob(80, 10);
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::Offline {
            why: "bob is not connected; trying again in 9 s".into(),
        },
    });
    screen.send("one");
    screen.send("two");
    screen.is_like("queued");
}

#[test]
fn a_failure_stands_at_its_message() {
    let mut screen = Screen::with_bob(80, 10);
    let name = screen.send("an important word");
    screen.state(BOB, name, State::Failed(FailReason::Expired));
    screen.is_like("failed");
}

#[test]
fn text_of_all_kinds() {
    let mut screen = Screen::with_bob(60, 24);
    for text in [
        "日本語のテキストはここで折り返されるべきです、そうでしょう？はい。",
        "family 👩\u{200d}👩\u{200d}👧\u{200d}👦, flag 🇳🇴, heart ❤\u{fe0f}, thumb 👍🏽, end",
        "עברית: שלום עולם, abc 123",
        "العربية: مرحبا بالعالم",
        "e\u{301} and zalgo z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}",
        "हिन्दी क्षत्रिय",
        "tab\there",
        "two\nlines",
    ] {
        screen.say(BOB, text);
    }
    screen.type_in("日本👧");
    screen.is_like("text");
}

#[test]
fn hostile_text() {
    let mut screen = Screen::with_bob(80, 16);
    for text in [
        "hi\u{1b}]52;c;ZXZpbA==\u{7}",
        "invoice\u{202e}fdp.exe, and typed: <U+202E>",
        "\u{9b}31mred \u{200b}\u{2066}x\u{2069} \u{e0041}\u{e000}",
        "(again) (sent 02:03) forged\r02:09 ✓✓ me       forged",
        "a\u{2028}b",
    ] {
        screen.say(BOB, text);
    }
    let mut said = screen.message(BOB, "real");
    said.again = true;
    said.written.0 -= 360_000;
    said.missing = 2;
    screen.tell(Told::Said(said));
    let mut said = screen.message(BOB, "");
    (said.text, said.len) = (None, 37);
    screen.tell(Told::Said(said));
    screen.is_like("hostile");
}

#[test]
fn nobody_is_known_yet() {
    let mut screen = Screen::new(80, 12);
    screen.type_in("/add bob");
    screen.is_like("home");
}

#[test]
fn help_and_keys() {
    let mut screen = Screen::with_bob(80, 24);
    screen.key("f1");
    screen.is_like("help");
    screen.key("esc");
    screen.line("/keys");
    screen.is_like("keys");
}

#[test]
fn a_search() {
    let mut screen = Screen::with_bob(80, 12);
    for number in 1..=30 {
        let text = if number % 10 == 3 {
            "the Invoice is here"
        } else {
            "nothing of that kind"
        };
        screen.say(BOB, &format!("{number}: {text}"));
    }
    screen.key("ctrl-s");
    screen.type_in("invoice");
    screen.key("ctrl-s");
    screen.is_like("search");
}

#[test]
fn the_switcher() {
    let mut screen = Screen::with_three(80, 12);
    screen.say(CAROL, "hello");
    screen.key("alt-k");
    screen.type_in("a");
    screen.is_like("switcher");
}

#[test]
fn bare_text_is_whole_from_edge_to_edge() {
    let mut screen = Screen::with_bob(40, 10);
    screen.say(
        BOB,
        "https://example.org/reports/2026-11-21/full?with=a&long=query",
    );
    screen.say(BOB, "short");
    screen.key("alt-l");
    screen.is_like("bare");
    let lines = screen.app.bare().unwrap();
    let lines: Vec<&str> = lines.iter().map(Safe::as_str).collect();
    let whole = "https://example.org/reports/2026-11-21/full?with=a&long=query";
    assert_eq!(lines, [whole, "short"], "the terminal breaks them");
    screen.say(BOB, "while somebody copies");
    assert_eq!(screen.app.bare().unwrap().len(), 2, "it stays as it is");
    screen.key("esc");
    assert!(screen.app.bare().is_none());
    assert!(screen.text().contains("while somebody copies"));
}

#[test]
fn a_resize_in_mid_typing() {
    let mut screen = Screen::with_bob(80, 16);
    talk(&mut screen);
    screen.type_in("a line that is longer than the narrow screen will be, so that it takes rows");
    screen.resize(40, 14);
    screen.is_like("resized-narrow");
    screen.resize(80, 16);
    screen.is_like("resized-back");
}

/// iamb#131, gomuks#473: where the new ones begin, how many are below, and who else has said something.
#[test]
fn what_is_unread_is_marked_counted_and_one_key_away() {
    let mut screen = Screen::with_three(80, 14);
    (1..=9).for_each(|number| screen.say(CAROL, &format!("read {number}")));
    screen.key("alt-2");
    screen.key("alt-1");
    (1..=12).for_each(|number| screen.say(CAROL, &format!("new {number}")));
    screen.is_like("unread-elsewhere");
    screen.key("alt-a");
    screen.key("alt-u");
    screen.say(CAROL, "newer still");
    screen.say(BOB, "here too");
    screen.is_like("unread");
    screen.key("end");
    assert!(screen.text().contains("newer still"));
    screen.key("alt-a");
    assert!(screen.rows()[0].contains("bob"));
}
