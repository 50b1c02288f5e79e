//! Keys that leave, suspend, complete and choose.

use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use securechat::id::PeerId;
use securechat::text::safe_line;
use securechat::tui::{Action, Ask, Files, Guest, Input, Told};

use crate::screen::{BOB, CAROL, DAVE, Screen};

#[test]
fn ctrl_c_empties_the_line_and_quits_only_when_pressed_twice() {
    let mut screen = Screen::with_bob(80, 10);
    screen.type_in("half a thought");
    screen.key("ctrl-c");
    assert_eq!(screen.rule(), "emptied; Ctrl+_ brings it back");
    screen.key("ctrl-7");
    assert!(screen.text().contains("> half a thought"));
    screen.key("ctrl-c");
    screen.key("ctrl-c");
    assert_eq!(screen.actions(), []);
    screen.seconds(3);
    screen.key("ctrl-c");
    assert_eq!(screen.actions(), [], "the first one was too long ago");
    screen.key("ctrl-c");
    assert_eq!(screen.actions(), [Action::Quit]);
}

#[test]
fn a_key_between_makes_the_second_ctrl_c_a_first() {
    let mut screen = Screen::with_bob(80, 10);
    screen.key("ctrl-c");
    screen.key("left");
    screen.key("ctrl-c");
    assert_eq!(screen.actions(), []);
}

#[test]
fn ctrl_d_leaves_and_asks_only_if_something_is_not_delivered() {
    let mut screen = Screen::with_bob(80, 10);
    screen.type_in("x");
    screen.key("ctrl-d");
    assert_eq!(screen.actions(), [], "the line is not empty");
    screen.key("backspace");
    screen.key("ctrl-d");
    assert_eq!(screen.actions(), [Action::Quit]);
    let name = screen.send("wait for it");
    screen.actions();
    screen.key("ctrl-d");
    assert_eq!(
        screen.rule(),
        "1 message is kept for next time. Leave? y yes, Esc no"
    );
    screen.key("enter");
    assert_eq!(screen.actions(), [], "Enter is no answer");
    screen.key("esc");
    screen.state(BOB, name, securechat::chat::State::Delivered);
    screen.key("ctrl-d");
    assert_eq!(screen.actions(), [Action::Quit]);
}

/// The question stood there with no message left that it could be about.
#[test]
fn who_is_asked_leaves_as_soon_as_everything_is_delivered() {
    let mut screen = Screen::with_bob(80, 10);
    let [first, second] = ["one", "two"].map(|line| screen.send(line));
    screen.actions();
    screen.line("/quit");
    assert_eq!(
        screen.rule(),
        "2 messages are kept for next time. Leave? y yes, Esc no"
    );
    screen.state(BOB, first, securechat::chat::State::Delivered);
    assert_eq!(
        screen.rule(),
        "1 message is kept for next time. Leave? y yes, Esc no"
    );
    assert_eq!(screen.actions(), []);
    screen.state(BOB, second, securechat::chat::State::Delivered);
    assert_eq!(screen.actions(), [Action::Quit]);
}

#[test]
fn who_leaves_is_asked_about_what_was_written_and_not_sent() {
    let mut screen = Screen::with_three(80, 10);
    screen.type_in("half a thought");
    screen.key("alt-2");
    screen.line("/quit");
    assert_eq!(screen.rule(), "1 draft is not sent. Leave? y yes, Esc no");
    assert_eq!(screen.actions(), []);
    screen.key("y");
    assert_eq!(screen.actions(), [Action::Quit]);
    let mut nothing = Screen::with_bob(80, 10);
    nothing.line("/quit");
    assert_eq!(nothing.actions(), [Action::Quit]);
}

#[test]
fn a_question_names_its_keys_on_every_screen() {
    for width in [20, 24, 30, 40, 50, 80] {
        let mut screen = Screen::with_bob(width, 10);
        screen.send("wait for it");
        screen.input(Input::Paste("line\n".repeat(12)));
        let text = screen.text();
        assert!(text.contains("Enter send"), "{width}:\n{text}");
        assert!(text.contains("Esc"), "{width}:\n{text}");
        screen.key("esc");
        screen.line("/quit");
        screen.key("ctrl-c");
        screen.line("/quit");
        let text = screen.text();
        assert!(
            text.contains("y yes") || text.contains("y leave"),
            "{width}:\n{text}"
        );
        assert!(text.contains("Esc no"), "{width}:\n{text}");
        screen.key("esc");
        screen.say(BOB, "precious");
        screen.key("alt-up");
        screen.key("d");
        let text = screen.text();
        assert!(text.contains("y yes") || text.contains("y delete"));
        assert!(text.contains("Esc no"), "{width}:\n{text}");
    }
}

#[test]
fn nobody_leaves_by_an_answer_to_what_the_screen_is_too_small_to_ask() {
    let mut screen = Screen::with_three(80, 10);
    screen.type_in("half a thought");
    screen.key("alt-2");
    screen.line("/quit");
    screen.resize(19, 10);
    screen.actions();
    screen.key("y");
    assert_eq!(screen.actions(), []);
    screen.resize(80, 10);
    screen.actions();
    screen.key("y");
    assert_eq!(screen.actions(), [Action::Quit], "it is asked still");
}

#[test]
fn nothing_is_pasted_into_what_the_screen_is_too_small_to_show() {
    let mut screen = Screen::with_bob(80, 10);
    screen.key("ctrl-s");
    screen.resize(19, 10);
    screen.input(Input::Paste("unseen".to_owned()));
    screen.resize(80, 10);
    assert!(!screen.text().contains("unseen"), "{}", screen.text());
}

#[test]
fn nothing_is_sent_to_somebody_whom_the_screen_is_too_small_to_show() {
    let mut screen = Screen::with_three(80, 10);
    screen.say(BOB, "a message");
    screen.key("alt-up");
    screen.resize(19, 10);
    screen.actions();
    screen.type_in("half");
    for key in [
        "enter", "alt-2", "tab", "alt-up", "alt-v", "f1", "alt-b", "ctrl-s", "alt-c",
    ] {
        screen.key(key);
        assert_eq!(screen.actions(), [], "{key}");
    }
    screen.key("backspace");
    screen.type_in("ve");
    screen.resize(80, 10);
    screen.actions();
    assert!(screen.text().ends_with("> halve"), "{}", screen.text());
    screen.key("enter");
    let to: Vec<_> = screen.sent().into_iter().map(|(to, ..)| to).collect();
    assert_eq!(to, [BOB]);
    screen.resize(19, 10);
    screen.actions();
    screen.key("ctrl-c");
    screen.key("ctrl-c");
    assert_eq!(screen.actions(), [Action::Quit], "who wants to leave can");
}

#[test]
fn the_terminal_is_given_back_redrawn_and_its_mouse_is_off() {
    let mut screen = Screen::with_bob(80, 10);
    screen.key("ctrl-z");
    screen.key("ctrl-l");
    screen.key("alt-m");
    screen.key("alt-m");
    let expected = [
        Action::Suspend,
        Action::Redraw,
        Action::Mouse(true),
        Action::Mouse(false),
    ];
    assert_eq!(screen.actions(), expected);
}

#[test]
fn tab_completes_commands_and_names() {
    let mut screen = Screen::with_three(80, 10);
    let mut completed = |typed: &str, tabs: &[&str]| {
        screen.type_in(typed);
        tabs.iter().for_each(|tab| screen.key(tab));
        let rows = screen.rows();
        screen.key("ctrl-u");
        rows.last().unwrap().trim_start_matches("> ").to_owned()
    };
    assert_eq!(completed("/who", &["tab"]), "/whois");
    assert_eq!(completed("/whois ca", &["tab"]), "/whois carol");
    assert_eq!(completed("@da", &["tab"]), "@dave");
    assert_eq!(completed("/p", &["tab"]), "/peers");
    assert_eq!(completed("/p", &["tab", "tab"]), "/ping");
    assert_eq!(completed("/p", &["tab", "tab", "tab"]), "/peers");
    assert_eq!(completed("/p", &["tab", "tab", "backtab"]), "/peers");
    assert_eq!(completed("plain wor", &["tab"]), "plain wor");
}

#[test]
fn conversations_are_reached_by_number_order_and_name() {
    let mut screen = Screen::with_three(80, 10);
    let mut at = |keys: &[&str]| {
        keys.iter().for_each(|key| screen.key(key));
        screen.rows()[0]
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(at(&["alt-2"]), "carol");
    assert_eq!(at(&["ctrl-n"]), "dave");
    assert_eq!(at(&["ctrl-n"]), "bob", "after the last comes the first");
    assert_eq!(at(&["ctrl-p"]), "dave");
    assert_eq!(at(&["alt-left"]), "carol");
    assert_eq!(at(&["alt-9"]), "carol", "there is no ninth");
    assert_eq!(at(&["alt-k", "b", "enter"]), "bob");
    assert_eq!(at(&["alt-k", "d", "esc"]), "bob");
}

#[test]
fn alt_a_goes_where_something_is_unread() {
    let mut screen = Screen::with_three(80, 10);
    screen.key("alt-a");
    assert_eq!(screen.rule(), "nothing is unread");
    screen.say(DAVE, "hello");
    screen.key("alt-a");
    assert!(screen.rows()[0].contains("dave"));
    assert_eq!(screen.app.unread(), 0);
}

/// What files are asked for.
fn looked_for(screen: &mut Screen) -> Option<String> {
    screen.actions().into_iter().find_map(|action| {
        let Action::Ask(Ask::Files(part)) = action else {
            return None;
        };
        Some(part)
    })
}

fn found(screen: &mut Screen, part: &str, names: &[&str]) {
    let files = Files {
        names: names.iter().map(|name| safe_line(name)).collect(),
        has_more: false,
    };
    let (part, found) = (part.to_owned(), Ok(files));
    screen.tell(Told::Files { part, found });
}

#[test]
fn tab_completes_the_names_of_files() {
    let mut screen = Screen::with_bob(80, 10);
    screen.type_in("/export  my ta");
    screen.key("tab");
    assert_eq!(looked_for(&mut screen).as_deref(), Some("my ta"));
    // All of them go on in the same way.
    found(&mut screen, "my ta", &["my talk.txt", "my talks/"]);
    assert!(
        screen.text().ends_with("> /export  my talk"),
        "{}",
        screen.text()
    );
    assert_eq!(screen.rule(), "my talk.txt  my talks/");
    screen.key("tab");
    assert_eq!(looked_for(&mut screen).as_deref(), Some("my talk"));
    found(&mut screen, "my talk", &["my talk.txt", "my talks/"]);
    assert!(
        screen.text().ends_with("> /export  my talk.txt"),
        "{}",
        screen.text()
    );
    screen.key("tab");
    assert!(
        screen.text().ends_with("> /export  my talks/"),
        "{}",
        screen.text()
    );
    assert_eq!(looked_for(&mut screen), None, "they are known");
    screen.key("x");
    screen.key("tab");
    assert_eq!(looked_for(&mut screen).as_deref(), Some("my talks/x"));
    found(&mut screen, "my talks/x", &[]);
    assert_eq!(screen.rule(), "no file there begins like that");
    let (part, found) = ("my talks/x".to_owned(), Err("permission denied".into()));
    screen.tell(Told::Files { part, found });
    assert_eq!(screen.rule(), "no file names: permission denied");
}

/// A slow directory answers when the line is another one already.
#[test]
fn names_of_files_that_come_late_change_nothing() {
    let mut screen = Screen::with_bob(80, 10);
    screen.type_in("/export ta");
    screen.key("tab");
    screen.key("l");
    found(&mut screen, "ta", &["tale.txt"]);
    assert!(
        screen.text().ends_with("> /export tal"),
        "{}",
        screen.text()
    );
    found(&mut screen, "tal", &["tale.txt"]);
    assert!(
        screen.text().ends_with("> /export tale.txt"),
        "{}",
        screen.text()
    );
    let mut screen = Screen::with_bob(80, 10);
    screen.type_in("/help ta");
    screen.key("tab");
    assert_eq!(looked_for(&mut screen), None, "no file is meant");
}

#[test]
fn a_click_on_a_tab_goes_there() {
    let mut screen = Screen::with_three(80, 10);
    let rows = screen.rows();
    let tabs = rows
        .iter()
        .position(|row| row.contains("[2 carol]"))
        .unwrap();
    let x = rows[tabs].find("carol").unwrap();
    screen.input(Input::Click(
        x.try_into().unwrap(),
        tabs.try_into().unwrap(),
    ));
    assert!(screen.rows()[0].contains("carol"));
    screen.input(Input::Click(200, 0));
}

type Opening = fn(&mut Screen);

/// What is typed would go to somebody else.
#[test]
fn a_click_where_tabs_would_be_goes_nowhere() {
    let open: [Opening; 3] = [
        |screen| screen.key("alt-v"),
        |screen| {
            screen.tell(Told::Guest(Guest {
                peer: PeerId::new([7; 32]),
                fingerprint: "xTIBA 5rboU".into(),
                address: "198.51.100.7:40000".parse().unwrap(),
                ours: "guest-070707".into(),
                nickname: None,
                warning: None,
            }));
            screen.line("/add eve");
        },
        |screen| {
            screen.line("/myqr");
            screen.tell(Told::Code {
                lines: vec!["code".into()],
                text: "text".into(),
            });
        },
    ];
    for open in open {
        let mut screen = Screen::with_three(80, 10);
        open(&mut screen);
        let shown = screen.rows();
        assert!(!screen.text().contains("[2 carol]"));
        for y in 0..10 {
            for x in 0..80 {
                screen.input(Input::Click(x, y));
            }
        }
        assert_eq!(screen.rows(), shown);
    }
}

#[test]
fn ctrl_z_leads_to_the_shell_from_everywhere() {
    let modes: [(&str, Opening); 7] = [
        ("search", |screen| screen.key("ctrl-s")),
        ("past", |screen| screen.key("ctrl-r")),
        ("help", |screen| screen.line("/help")),
        ("paste", |screen| {
            screen.input(Input::Paste("line\n".repeat(9)));
        }),
        ("verification", |screen| screen.key("alt-v")),
        ("bare", |screen| screen.line("/bare")),
        ("too small", |screen| {
            screen.key("alt-v");
            screen.resize(19, 5);
        }),
    ];
    for (mode, open) in modes {
        let mut screen = Screen::with_bob(80, 24);
        open(&mut screen);
        screen.actions();
        let shown = screen.rows();
        screen.key("ctrl-z");
        assert_eq!(screen.actions(), [Action::Suspend], "{mode}");
        assert_eq!(screen.rows(), shown, "{mode}: it stays as it was");
    }
}

/// A terminal with an extended keyboard tells of keys apart that are one to all others.
#[test]
fn keys_that_are_one_to_most_terminals_do_the_same_where_they_are_told_apart() {
    use KeyCode::{Backspace, Char, Enter, Esc};
    let (none, ctrl, shift) = (
        KeyModifiers::NONE,
        KeyModifiers::CONTROL,
        KeyModifiers::SHIFT,
    );
    let mut screen = Screen::with_bob(80, 24);
    for modifiers in [none, ctrl, shift] {
        screen.type_in("xy");
        screen.press(Backspace, modifiers);
        assert!(screen.text().ends_with("> x"), "{modifiers:?}");
        screen.key("ctrl-u");
    }
    for (code, modifiers) in [
        (Esc, none),
        (Esc, shift),
        (Char('['), ctrl),
        (Char('3'), ctrl),
    ] {
        screen.key("f1");
        assert!(screen.text().contains("/whois"));
        screen.press(code, modifiers);
        assert!(!screen.text().contains("/whois"), "{code:?} {modifiers:?}");
    }
    for (number, (code, modifiers)) in [(Enter, ctrl), (Char('m'), ctrl)].into_iter().enumerate() {
        screen.type_in("sent");
        screen.press(code, modifiers);
        assert_eq!(screen.sent().len(), number + 1, "{code:?} {modifiers:?}");
    }
    screen.type_in("/who");
    screen.press(Char('i'), ctrl);
    assert!(screen.text().ends_with("> /whois"), "{}", screen.text());
    screen.key("ctrl-u");
    // What has a meaning of its own keeps it.
    screen.type_in("one");
    screen.press(Enter, shift);
    screen.type_in("two");
    assert_eq!(screen.sent().len(), 2);
    assert!(screen.text().ends_with("> one\n  two"), "{}", screen.text());
}

#[test]
fn commands_of_the_core_are_asked_of_the_core() {
    let mut screen = Screen::with_three(80, 10);
    for line in [
        "/peers",
        "/status",
        "/myid",
        "/whois",
        "/ping carol",
        "/connect",
        "/reconnect carol",
        "/disconnect",
        "/disconnect carol",
        "/fingerprint carol",
        "/add eve KEY",
    ] {
        screen.line(line);
    }
    let add = Ask::Add {
        name: "eve".to_owned(),
        key: "KEY".to_owned(),
    };
    let asked = [
        Ask::Peers,
        Ask::Status,
        Ask::MyId,
        Ask::Whois(BOB),
        Ask::Ping(CAROL),
        Ask::Connect(BOB),
        Ask::Connect(CAROL),
        Ask::Disconnect(BOB),
        Ask::Disconnect(CAROL),
        Ask::Whois(CAROL),
        add,
    ];
    assert_eq!(screen.actions(), asked.map(Action::Ask));
}

#[test]
fn a_closed_conversation_comes_back_when_something_is_said() {
    let mut screen = Screen::with_three(80, 10);
    screen.line("/close");
    let text = screen.text();
    assert!(
        text.contains("[1 carol] [2 dave]") && !text.contains("bob]"),
        "{text}"
    );
    screen.say(BOB, "still here");
    assert!(screen.text().contains("[1 bob +1]"));
    let mut alone = Screen::with_bob(80, 10);
    alone.line("/close");
    assert_eq!(alone.rule(), "this is the last one");
}

#[test]
fn a_conversation_is_written_out_with_dates_authors_and_states() {
    let mut screen = Screen::new(80, 10);
    screen.line("/export talk.txt");
    assert_eq!(
        screen.rule(),
        "nothing was said here yet (no file was written)"
    );
    let mut screen = Screen::with_bob(80, 10);
    screen.say(BOB, "did it?\n02:10 me: no \u{1b}]52;c;x\u{7}");
    let name = screen.send("yes");
    screen.state(BOB, name, securechat::chat::State::Delivered);
    screen.send("and this waits");
    screen.actions();
    screen.line("/export my talk.txt");
    let file = "my talk.txt".to_owned();
    let asked = Action::Ask(Ask::Export { peer: BOB, file });
    assert_eq!(screen.actions(), [asked]);
    let held = screen.app.held(&BOB);
    assert_eq!((held.made_room, held.older_than), (0, None));
    let lines: Vec<&str> = held.lines.iter().map(|line| line.as_str()).collect();
    let expected = [
        "2026-11-21 02:09:00 bob: did it?",
        "                    02:10 me: no ^[]52;c;x^G",
        "2026-11-21 02:09:00 me: yes",
        "2026-11-21 02:09:00 me (queued): and this waits",
    ];
    assert_eq!(lines, expected);
}

/// ratatui#347, ratatui#1810: on Windows a key is told of when it is let go too.
#[test]
fn a_key_counts_when_it_is_pressed_and_held_and_not_when_it_is_let_go() {
    let mut screen = Screen::with_bob(80, 10);
    for code in [KeyCode::Char('a'), KeyCode::Enter] {
        for kind in [KeyEventKind::Press, KeyEventKind::Release] {
            let none = KeyModifiers::NONE;
            screen.input(Input::Key(KeyEvent::new_with_kind(code, none, kind)));
        }
    }
    let texts: Vec<String> = screen.sent().into_iter().map(|(_, _, it)| it).collect();
    assert_eq!(texts, ["a"]);
    for kind in [
        KeyEventKind::Press,
        KeyEventKind::Repeat,
        KeyEventKind::Repeat,
    ] {
        let (code, none) = (KeyCode::Char('b'), KeyModifiers::NONE);
        screen.input(Input::Key(KeyEvent::new_with_kind(code, none, kind)));
    }
    assert!(screen.text().contains("> bbb"));
}
