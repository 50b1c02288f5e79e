//! From what is typed to what is sent, and to nobody else.

use std::time::Duration;

use securechat::chat::{FailReason, State};
use securechat::tui::{Action, Input, Settings, Standing, Through, Told};

use crate::deleting::delete_asked;
use crate::screen::{BOB, CAROL, Screen, settings};

fn texts(screen: &Screen) -> Vec<String> {
    screen.sent().into_iter().map(|(_, _, text)| text).collect()
}

#[test]
fn what_is_typed_goes_to_the_person_on_the_screen() {
    let mut screen = Screen::with_three(80, 10);
    screen.line("hello bob");
    screen.key("alt-2");
    screen.line("hello carol");
    let to: Vec<_> = screen
        .sent()
        .into_iter()
        .map(|(to, _, text)| (to, text))
        .collect();
    assert_eq!(
        to,
        [
            (BOB, "hello bob".to_owned()),
            (CAROL, "hello carol".to_owned())
        ]
    );
}

/// wee-slack#242, deltachat-desktop#582, uTox#919: sent to the wrong person.
#[test]
fn half_typed_text_stays_with_its_conversation() {
    let mut screen = Screen::with_three(80, 10);
    screen.type_in("for bob on");
    screen.key("ctrl-n");
    assert!(!screen.text().contains("for bob on"));
    screen.type_in("for carol");
    screen.key("ctrl-p");
    screen.line("ly");
    assert_eq!(texts(&screen), ["for bob only"]);
    screen.key("alt-2");
    assert!(screen.text().contains("> for carol"));
}

#[test]
fn nothing_is_sent_to_a_key_that_changed_was_revoked_or_removed() {
    let mut screen = Screen::with_bob(80, 10);
    screen.type_in("secret");
    let why = "another key".into();
    for standing in [Standing::KeyChanged { why }, Standing::Revoked] {
        screen.tell(Told::Standing {
            peer: BOB,
            standing,
        });
        screen.key("enter");
        assert!(screen.text().contains("(nothing was sent)"));
    }
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::Up,
    });
    screen.tell(Told::Forgotten(BOB));
    screen.key("enter");
    assert!(
        screen
            .rule()
            .contains("no longer among your peers (nothing was sent)")
    );
    assert_eq!(screen.actions(), []);
    assert!(screen.text().contains("> secret"), "the text is kept");
}

/// What was given to the core when the key changed comes back, and goes out neither by itself nor by `/retry`.
#[test]
fn what_the_core_refuses_after_enter_is_kept_and_not_sent_again() {
    let mut screen = Screen::with_three(80, 12);
    screen.line("for bob's key");
    let [(to, ticket, _)] = &screen.sent()[..] else {
        panic!("not one message");
    };
    assert_eq!(*to, BOB);
    let refused = Told::NotAccepted {
        ticket: *ticket,
        why: "bob has another key now".into(),
    };
    let why = "another key".into();
    screen.tell(Told::Standing {
        peer: BOB,
        standing: Standing::KeyChanged { why },
    });
    screen.key("alt-2");
    screen.tell(refused);
    screen.key("alt-1");
    let text = screen.text();
    assert!(
        text.contains("for bob's key") && text.contains("failed: bob has another key now"),
        "{text}"
    );
    screen.line("/retry");
    assert!(screen.rule().contains("(nothing was sent)"));
    assert_eq!(screen.sent().len(), 1);
}

/// A failure in a conversation that was closed in the moment of Enter would be one in silence.
#[test]
fn a_failure_brings_a_closed_conversation_back() {
    for is_accepted in [true, false] {
        let mut screen = Screen::with_three(80, 12);
        screen.line("important");
        let ticket = screen.sent()[0].1;
        screen.line("/close");
        assert!(!screen.text().contains("bob]"));
        if is_accepted {
            let name = securechat::chat::Name {
                log: securechat::chat::LogId(1),
                sequence: 0,
            };
            screen.tell(Told::Accepted { ticket, name });
            screen.state(BOB, name, State::Sent);
            assert!(!screen.text().contains("bob]"), "nothing has failed");
            screen.state(BOB, name, State::Failed(FailReason::Expired));
        } else {
            let why = "the outbox is full".into();
            screen.tell(Told::NotAccepted { ticket, why });
        }
        assert!(screen.text().contains("[1 bob"), "{}", screen.text());
    }
}

#[test]
fn an_unknown_command_is_never_sent() {
    let mut screen = Screen::with_bob(80, 10);
    screen.line("/sned secret");
    let told = "unknown command /sned - try /help (nothing was sent)";
    assert_eq!(screen.rule(), told);
    screen.key("ctrl-c");
    screen.line("/stauts");
    assert!(screen.rule().contains("did you mean /status?"));
    assert_eq!(screen.actions(), []);
    screen.key("ctrl-c");
    screen.line("//etc/hosts");
    assert_eq!(texts(&screen), ["/etc/hosts"]);
}

#[test]
fn commands_are_suggested_while_they_are_typed() {
    let mut screen = Screen::with_bob(80, 10);
    screen.type_in("/p");
    assert_eq!(screen.rule(), "/peers  /ping");
    screen.type_in("ing");
    assert_eq!(
        screen.rule(),
        "/ping [NAME]  measure the way there and back"
    );
    screen.type_in("x");
    assert_eq!(screen.rule(), "no command begins with /pingx");
}

#[test]
fn a_name_in_front_says_something_there_and_stays_here() {
    let mut screen = Screen::with_three(80, 10);
    screen.line("@carol are you there?");
    let sent = screen.sent();
    assert_eq!((sent[0].0, sent[0].2.as_str()), (CAROL, "are you there?"));
    assert!(screen.rows()[0].contains("bob"));
    screen.line("/msg carol again");
    assert_eq!(screen.sent()[1].0, CAROL);
    screen.line("@bbo hello");
    assert!(
        screen
            .rule()
            .contains("no peer called \"bbo\" - did you mean bob? (nothing was sent)")
    );
    assert_eq!(screen.sent().len(), 2);
}

/// crossterm#737, jcode#1093: a paste became twenty messages.
#[test]
fn a_paste_is_one_message_and_many_lines_are_asked_about() {
    let mut screen = Screen::with_bob(80, 12);
    screen.input(Input::Paste("one\rtwo".to_owned()));
    screen.key("enter");
    assert_eq!(texts(&screen), ["one\ntwo"]);
    let long = (1..=37)
        .map(|line| format!("line {line}\n"))
        .collect::<String>();
    screen.input(Input::Paste(long.trim_end().to_owned()));
    assert_eq!(
        screen.rule(),
        "37 lines: Enter send as one message, Esc edit"
    );
    screen.type_in("typed on without looking");
    screen.key("esc");
    screen.key("ctrl-e");
    screen.type_in("!");
    screen.key("enter");
    let sent = texts(&screen);
    assert_eq!(sent.len(), 2);
    assert!(sent[1].starts_with("line 1\nline 2\n") && sent[1].ends_with("line 37!"));
}

/// It was sent to whoever is on the screen, and nobody had seen the question.
#[test]
fn an_enter_that_came_before_the_question_about_a_paste_was_seen_sends_nothing() {
    let mut screen = Screen::with_bob(80, 12);
    screen.lag(Duration::from_secs(1));
    screen.input(Input::Paste("line\n".repeat(9)));
    screen.key("enter");
    screen.lag(Duration::ZERO);
    screen.key("enter");
    screen.pass(Duration::from_millis(299));
    screen.key("enter");
    assert_eq!(texts(&screen), [""; 0]);
    assert!(screen.rule().starts_with("9 lines: "), "{}", screen.rule());
    // Nor one that ends what is typed on.
    screen.seconds(1);
    screen.type_in("more");
    screen.key("enter");
    assert_eq!(texts(&screen), [""; 0]);
    screen.seconds(1);
    screen.key("enter");
    assert_eq!(texts(&screen).len(), 1);
}

/// The question waited where nobody saw it, and what was typed on was lost.
#[test]
fn a_paste_on_a_screen_too_small_to_ask_is_asked_about_once_it_is_larger() {
    let mut screen = Screen::with_bob(19, 10);
    screen.input(Input::Paste("line\n".repeat(9)));
    screen.type_in("typed on");
    screen.key("enter");
    screen.resize(80, 12);
    assert_eq!(
        screen.rule(),
        "10 lines: Enter send as one message, Esc edit"
    );
    assert_eq!(texts(&screen), [""; 0]);
    screen.seconds(1);
    screen.key("enter");
    assert_eq!(texts(&screen), [format!("{}typed on", "line\n".repeat(9))]);
    screen.resize(19, 10);
    screen.input(Input::Paste("line\n".repeat(9)));
    screen.key("ctrl-c");
    screen.resize(80, 12);
    screen.line("short");
    assert_eq!(
        texts(&screen).last().unwrap(),
        "short",
        "nothing is left to ask about"
    );
}

#[test]
fn controls_in_a_paste_do_not_get_into_the_line() {
    let mut screen = Screen::with_bob(80, 12);
    screen.input(Input::Paste("a\u{1b}[31mb\u{7}\u{202e}c".to_owned()));
    screen.key("enter");
    assert_eq!(texts(&screen), ["a[31mbc"]);
}

#[test]
fn a_secret_key_is_never_sent() {
    let mut screen = Screen::with_bob(80, 12);
    screen.input(Input::Paste("SECURECHAT-SECRET-KEY-1:AAAA".to_owned()));
    screen.key("enter");
    assert!(screen.rule().contains("SECRET key"));
    screen.key("ctrl-c");
    screen.input(Input::Paste(
        "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
    ));
    screen.key("enter");
    screen.key("ctrl-c");
    screen.line("@bob SECURECHAT-SECRET-KEY-1:AAAA");
    assert_eq!(screen.actions(), []);
}

/// jcode#443: Shift+Enter sent instead of a new line.
#[test]
fn a_new_line_needs_no_keyboard_protocol() {
    let mut screen = Screen::with_bob(80, 12);
    for key in ["alt-enter", "ctrl-j", "shift-enter"] {
        screen.type_in("x");
        screen.key(key);
    }
    screen.line("y");
    assert_eq!(texts(&screen), ["x\nx\nx\ny"]);
}

#[test]
fn what_was_typed_comes_back_by_arrows_and_by_search() {
    let mut screen = Screen::with_three(80, 12);
    screen.line("first");
    screen.line("second");
    screen.type_in("draft");
    screen.key("up");
    assert!(screen.text().contains("> second"));
    screen.key("up");
    screen.key("down");
    screen.key("down");
    assert!(screen.text().contains("> draft"));
    screen.key("ctrl-r");
    screen.type_in("fir");
    assert!(screen.text().contains("typed before: fir  -> first"));
    screen.key("enter");
    assert!(screen.text().contains("> first"));
    screen.key("alt-2");
    screen.key("up");
    assert!(
        !screen.text().contains("second"),
        "each conversation has its own"
    );
}

#[test]
fn a_long_line_takes_rows_up_to_six() {
    let mut screen = Screen::with_bob(40, 20);
    screen.type_in(&"word ".repeat(100));
    let rows = screen.rows();
    assert!(
        rows[13].contains("[1 bob]"),
        "six rows below the tabs: {rows:#?}"
    );
    let caret = screen.caret();
    assert_eq!(caret.y, 19);
}

/// As wide as they are drawn, which is not what they measure as one text.
#[test]
fn the_cursor_stands_behind_letters_that_are_drawn_one_by_one() {
    let [arabic, katakana, khmer] = [
        "\u{644}\u{627}",
        "\u{ff76}\u{ff9e}",
        "\u{179b}\u{17d2}\u{1784}",
    ];
    for (text, cells) in [
        (arabic, 2),
        (katakana, 2),
        (khmer, 2),
        ("\u{231a}\u{fe0e}", 2),
    ] {
        let mut screen = Screen::with_bob(40, 12);
        screen.type_in(text);
        assert_eq!(screen.caret().x, 2 + cells, "{text}");
    }
}

#[test]
fn a_message_is_underlined_until_it_is_acknowledged() {
    let mut screen = Screen::with_bob(80, 10);
    let is_underlined = |screen: &mut Screen| {
        let buffer = screen.draw();
        let row = &buffer.content[2 * 80..3 * 80];
        row[18]
            .modifier
            .contains(ratatui_core::style::Modifier::UNDERLINED)
    };
    let name = screen.send("hello");
    assert!(is_underlined(&mut screen));
    screen.state(BOB, name, State::Sent);
    assert!(!is_underlined(&mut screen));
    assert!(screen.rows()[2].contains("✓  me"));
    screen.state(BOB, name, State::Delivered);
    assert!(screen.rows()[2].contains("✓✓ me"));
}

/// gurk#124: silent failure.
#[test]
fn a_failed_message_is_sent_again_on_request() {
    let mut screen = Screen::with_bob(80, 10);
    let name = screen.send("important");
    screen.state(BOB, name, State::Failed(FailReason::Expired));
    let failure = "failed: not delivered within 14 days - /retry sends it again";
    assert!(screen.text().contains(failure));
    screen.line("/retry");
    assert_eq!(texts(&screen), ["important", "important"]);
    assert!(!screen.text().contains("failed"));
    screen.line("/retry");
    assert_eq!(screen.rule(), "no message has failed here");
}

/// It could not be sent: the person is no peer any more.
#[test]
fn nothing_is_offered_to_be_sent_again_to_somebody_who_was_removed() {
    let mut screen = Screen::with_bob(80, 10);
    let name = screen.send("important");
    screen.state(BOB, name, State::Failed(FailReason::Removed));
    assert!(screen.text().contains("the contact was removed - /retry"));
    screen.tell(Told::Forgotten(BOB));
    let text = screen.text();
    assert!(text.contains("failed: the contact was removed"), "{text}");
    assert!(!text.contains("/retry"), "{text}");
}

#[test]
fn a_refused_message_says_why_where_it_stands() {
    let mut screen = Screen::with_bob(80, 10);
    screen.line("hello");
    let ticket = screen.sent()[0].1;
    let why = "the outbox is full".into();
    screen.tell(Told::NotAccepted { ticket, why });
    assert!(screen.text().contains("failed: the outbox is full"));
}

/// It said "copied", and as tmux is installed nothing was.
#[test]
fn what_tmux_may_keep_to_itself_is_not_said_to_be_copied() {
    let settings = Settings {
        through: Through::Tmux,
        ..settings()
    };
    let mut screen = Screen::with(settings, 80, 12);
    screen.meet(BOB, "bob");
    screen.say(BOB, "copy me");
    let given = "given to tmux, which passes it on with set-clipboard on";
    screen.key("alt-up");
    screen.key("alt-y");
    assert_eq!(screen.rule(), given);
    screen.key("esc");
    assert_ne!(screen.rule(), given);
    screen.line("/copy");
    assert_eq!(screen.rule(), given);
}

#[test]
fn a_selected_message_is_copied_quoted_explained_and_deleted() {
    let mut screen = Screen::with_bob(80, 12);
    screen.say(BOB, "first\u{202e} line\nsecond");
    screen.say(BOB, "newest");
    screen.key("alt-up");
    screen.key("alt-up");
    screen.key("alt-y");
    let copied = "first\u{202e} line\nsecond".to_owned();
    assert_eq!(screen.actions(), [Action::Copy(copied)]);
    screen.key("i");
    assert_eq!(screen.rule(), "2026-11-21 02:09:00  20 bytes  received");
    screen.key("alt-down");
    screen.key("d");
    screen.seconds(1);
    screen.key("y");
    let deletion = delete_asked(&mut screen).unwrap();
    assert!(!deletion.is_ours && deletion.contact.peer() == BOB);
    assert!(screen.text().contains("newest"), "it is not gone yet");
    screen.tell(Told::Deleted(deletion));
    assert!(!screen.text().contains("newest"));
    assert_eq!(screen.rule(), "deleted here; the other side keeps its own");
    screen.key("alt-up");
    screen.key("r");
    screen.line("yes");
    assert_eq!(texts(&screen), ["> first line\nyes"]);
}

#[test]
fn a_letter_that_is_no_command_of_a_selection_is_written() {
    let mut screen = Screen::with_bob(80, 12);
    screen.say(BOB, "hello");
    screen.key("alt-up");
    screen.line("why");
    assert_eq!(texts(&screen), ["why"]);
}

#[test]
fn a_message_that_was_cleared_away_does_not_fail_in_silence() {
    let mut screen = Screen::with_bob(80, 16);
    let name = screen.send("are you there?");
    screen.line("/clear");
    let failed = State::Failed(FailReason::Removed);
    screen.state(BOB, name, failed);
    assert!(
        screen
            .text()
            .contains("a message to bob that is no longer shown failed: "),
        "{}",
        screen.text()
    );
}

/// The core is asked at once and answers in a later turn: `/clear` may come in between.
#[test]
fn a_message_that_was_cleared_away_is_not_refused_in_silence() {
    let mut screen = Screen::with_bob(80, 16);
    screen.line("are you there?");
    let ticket = screen.sent()[0].1;
    screen.line("/clear");
    let why = "the outbox is full".into();
    screen.tell(Told::NotAccepted { ticket, why });
    let text = screen.text();
    assert!(
        text.contains("to bob that is no longer shown failed: the outbox is"),
        "{text}"
    );
}

#[test]
fn what_is_cleared_away_still_counts_as_not_delivered() {
    let mut screen = Screen::with_bob(80, 16);
    screen.send("are you there?");
    screen.line("/clear");
    screen.line("/quit");
    assert!(!screen.actions().contains(&Action::Quit), "it asks first");
}

#[test]
fn a_paste_that_makes_it_longer_than_a_message_is_refused_with_words() {
    let mut screen = Screen::with_bob(80, 10);
    screen.type_in("kept");
    screen.input(Input::Paste("long\n".repeat((16 << 20) / 5)));
    let rule = screen.rule();
    assert!(
        rule.contains("with that the text has 16777219 bytes; a message has at most 16777216"),
        "{rule}"
    );
    assert!(screen.text().contains("> kept"), "{}", screen.text());
    screen.key("enter");
    assert_eq!(texts(&screen), ["kept"]);
}

#[test]
fn who_looks_for_lines_is_told_the_key_for_one() {
    let mut screen = Screen::with_bob(80, 10);
    screen.line("/lines");
    let text = screen.text();
    assert!(text.contains("Alt+Enter begins a new line"), "{text}");
}
