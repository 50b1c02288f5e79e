//! What is typed at a real (pseudo-)terminal: to whom it goes, in how many messages, and where the cursor stands.

use crate::beside::fill;
use crate::filled::{Fate, Kept};
use crate::home::{Home, listening};
use crate::program::Program;
use crate::screen::{Person, address_on, two};
use crate::terminal::{sees_prompt, start};
use crate::vt::Vt;

/// The last row of a screen of 24.
const LAST: usize = 23;

/// wee-slack#242, uTox#919: what was being written when the key changed.
#[test]
fn what_was_written_to_a_key_that_was_replaced_goes_to_neither() {
    let (alice, bob) = Home::friends();
    let mut screen = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    screen.sees("listening on 127.0.0.1:");
    let address = address_on(&mut screen);
    let mut former = bob.connect("alice", address, &[]);
    screen.sees("secure: bob");
    screen.presses("for one pair of eyes");
    screen.sees("> for one pair of eyes");
    let heir = Home::new();
    heir.knows("alice", &alice);
    alice.run(&["peers", "replace", "bob", &heir.key(), "--yes"]);
    screen.sees("[2 bob]");
    let mut heir = heir.connect("alice", address, &[]);
    heir.told("secure: alice");
    screen.presses("\r");
    screen.sees("(nothing was sent)");
    screen.sees("> for one pair of eyes");
    screen.presses("\u{1b}2");
    screen.says("hello, new key");
    let first = heir.said("");
    assert!(first.ends_with("\talice\thello, new key"), "{first}");
    former.told("alice");
    let former = former.kill();
    assert!(
        !former.transcript.contains("pair of eyes"),
        "{}",
        former.transcript
    );
}

/// The same in the moment of Enter: the program has not read the new list yet.
#[test]
fn what_enter_has_given_to_one_key_never_goes_to_the_next() {
    let (alice, bob) = Home::friends();
    let mut screen = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    screen.sees("listening on 127.0.0.1:");
    let address = address_on(&mut screen);
    screen.presses("for one pair of eyes");
    screen.sees("> for one pair of eyes");
    let heir = Home::new();
    heir.knows("alice", &alice);
    alice.run(&["peers", "replace", "bob", &heir.key(), "--yes"]);
    screen.presses("\r");
    screen.sees("[2 bob]");
    let mut heir = heir.connect("alice", address, &[]);
    heir.told("secure: alice");
    screen.sees("for one pair of eyes");
    screen.presses("\u{1b}2");
    screen.says("hello, new key");
    let first = heir.said("");
    assert!(first.ends_with("\talice\thello, new key"), "{first}");
    drop(bob);
}

#[test]
fn what_was_written_to_somebody_who_was_removed_is_kept_and_not_sent() {
    let (mut alice, mut bob, _alice, home) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    bob.presses("too late");
    bob.sees("> too late");
    home.run(&["peers", "remove", "alice"]);
    bob.sees("alice [removed]");
    bob.presses("\r");
    bob.sees("(nothing was sent)");
    bob.sees("> too late");
    alice.sees("bob ended the conversation");
    alice.presses("\u{4}");
    let (ended, ..) = alice.ends();
    assert!(!ended.transcript.contains("too late"));
}

/// crossterm#737, jcode#1093: a paste became twenty messages.
#[test]
fn a_paste_of_many_lines_is_asked_about_and_is_one_message() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    let lines = (1..=7).map(|line| format!("line {line}\r"));
    let lines: String = lines.chain(["/quit\r".to_owned()]).collect();
    alice.presses(&format!("\u{1b}[200~{lines}the end\u{1b}[201~"));
    alice.sees("9 lines: Enter send as one message, Esc edit");
    alice.glances();
    alice.presses("\r");
    bob.sees("the end");
    let text = bob.vt.text();
    assert!(text.contains("alice    line 1\n"), "{text}");
    let rows = text.lines().filter(|row| row.contains(" alice    "));
    assert_eq!(rows.count(), 1, "{text}");
    alice.says("and still here");
    bob.sees("alice    and still here");
}

/// jcode#443: a new line sent the message. Shift+Enter is told apart where the terminal knows the kitty protocol.
#[test]
fn alt_enter_and_ctrl_j_are_new_lines() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    alice.presses("one\u{1b}\rtwo\nthree\u{1b}[13;2ufour");
    alice.sees("> one\n  two\n  three\n  four");
    alice.presses("\r");
    bob.sees("alice    one\n");
    let indent = " ".repeat(18);
    bob.sees(&format!(
        "alice    one\n{indent}two\n{indent}three\n{indent}four\n"
    ));
    alice.says("/keys");
    alice.sees("Alt+Enter, Ctrl+J ");
}

/// zellij#4951: the window of an input method stands where the terminal's own cursor does.
#[test]
fn the_cursor_of_the_terminal_stands_where_the_next_letter_goes() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    alice.presses("日本👩\u{200d}👧ab");
    stands(&mut alice, (2 + 3 * 2 + 2, LAST));
    alice.presses("\u{1b}[D\u{1b}[D\u{1b}[D");
    stands(&mut alice, (2 + 2 * 2, LAST));
    alice.presses("\u{1b}\r");
    stands(&mut alice, (2, LAST));
    // What others say does not draw it away.
    bob.says("are you there?");
    alice.sees("bob      are you there?");
    stands(&mut alice, (2, LAST));
    alice.presses("\u{13}");
    alice.waits("the cursor, which is not hidden", |vt| {
        vt.text().contains("F1 help") && vt.modes.contains("?25")
    });
}

/// Waits until the cursor is there, and shown.
fn stands(person: &mut Person, place: (usize, usize)) {
    let wanted = format!("the cursor at {place:?}");
    person.waits(&wanted, |vt| vt.caret == place && vt.modes.contains("?25"));
}

/// gomuks#130: a receipt that tells when somebody has looked. Ours tells that the message came.
#[test]
fn a_receipt_goes_before_anybody_has_looked_and_looking_tells_nobody() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    bob.looks_away();
    alice.says("psst");
    alice.sees("✓✓ me       psst");
    let title = |vt: &Vt| vt.commands.last().cloned();
    bob.waits("an unread message", |vt| {
        title(vt) == Some("0;securechat (1)".to_owned())
    });
    let before = alice.vt.text();
    bob.presses("\u{1b}[I");
    bob.waits("none", |vt| title(vt) == Some("0;securechat".to_owned()));
    // What follows on the same way has come: nothing was told before it.
    bob.says("here I am");
    alice.sees("bob      here I am");
    let after = alice.vt.text();
    let row = |text: &str| {
        text.lines()
            .find(|row| row.contains("psst"))
            .map(str::to_owned)
    };
    assert_eq!(row(&before), row(&after));
}

/// gurk#409: at each start everything rang once more.
#[test]
fn what_was_read_in_an_earlier_run_rings_nothing_at_the_next() {
    let (alice, bob) = (Home::new(), Home::new());
    // The first one is on the screen: what bob says is not.
    alice.knows("ada", &Home::new());
    alice.knows("bob", &bob);
    bob.knows("alice", &alice);
    let settings = "[history]\nkeep = \"forever\"\n[notify]\ndesktop = \"full\"\n";
    std::fs::write(alice.path("config.toml"), settings).unwrap();
    let mut screen = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    screen.sees("listening on 127.0.0.1:");
    let mut caller = bob.connect("alice", address_on(&mut screen), &[]);
    caller.say("read long ago");
    screen.sees("[2 bob +1]");
    screen.presses("\u{1b}2");
    screen.sees("bob      read long ago");
    caller.leave();
    screen.sees("[ended]");
    screen.presses("\u{4}");
    assert_eq!(screen.ends().0.code, Some(0));
    let mut screen = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    screen.sees("listening on 127.0.0.1:");
    screen.sees("[2 bob]");
    let mut caller = bob.connect("alice", address_on(&mut screen), &[]);
    caller.say("and this is new");
    screen.sees("[2 bob +1]");
    screen.waits("the bell", |vt| vt.bells > 0);
    let told: Vec<&String> = screen
        .vt
        .commands
        .iter()
        .filter(|it| it.starts_with("9;"))
        .collect();
    assert_eq!(
        (screen.vt.bells, told),
        (1, vec![&"9;message from bob: and this is new".to_owned()])
    );
    screen.presses("\u{1b}2");
    screen.sees("bob      read long ago");
}

/// In lines: a command stood in the queue behind the message, and even `/quit` waited for the other side.
#[test]
fn what_is_asked_for_in_lines_does_not_wait_for_a_message_that_waits_for_room() {
    let (alice, bob) = Home::friends();
    fill(&alice);
    // Nothing is receipted before it is printed, so that there will be no room.
    let (mut listener, mut printed) =
        Program::with_stuck_reader(bob.command(&["listen", "127.0.0.1:0"]));
    let address = listening(&mut listener).to_string();
    let connect = || start(alice.command(&["connect", "bob", &address]));
    let waits = "waits for room: too much of what was said before has yet to reach bob";
    let mut person = connect();
    sees_prompt(&mut person, "bob");
    person.say("never taken");
    person.said(waits);
    person.say("/quit");
    person.said("1 message was not taken");
    person.end();
    let mut person = connect();
    sees_prompt(&mut person, "bob");
    person.say("first");
    person.said(waits);
    person.say("second");
    person.say("/help quit");
    person.said("/quit  leave");
    person.say("third");
    person.say("/peers");
    person.said("> bob  [not verified]  connected");
    let read = std::thread::spawn(move || {
        let mut all = String::new();
        std::io::Read::read_to_string(&mut printed, &mut all).map(|_| all)
    });
    let texts = ["first", "second", "third"];
    let said = texts.map(|text| person.said(&format!("]: {text}")));
    let number = said[2].split(['[', ']']).nth(1).unwrap();
    person.said(&format!("[{number}] delivered"));
    person.say("/quit");
    person.end();
    drop(listener.kill());
    let all = read.join().unwrap().unwrap();
    assert!(!all.contains("never taken"));
    let at = texts.map(|text| all.find(&format!("\talice\t{text}\n")));
    assert!(at.is_sorted() && at[0].is_some(), "{at:?}");
}

/// It was taken for one that waits as the first one does, and the next line answered nothing.
#[test]
fn a_refused_line_keeps_its_quote_while_another_waits_for_room() {
    let (alice, bob) = Home::friends();
    fill(&alice);
    Kept::in_home(&alice.path("")).add(&bob.key(), 0, Fate::Unread, b"a question");
    let (mut listener, _printed) =
        Program::with_stuck_reader(bob.command(&["listen", "127.0.0.1:0"]));
    let address = listening(&mut listener).to_string();
    let mut person = start(alice.command(&["connect", "bob", &address]));
    person.said("a question");
    person.said("secure: bob");
    person.say("first");
    person.said("waits for room");
    person.say("/reply");
    person.shown("bob (answer)> ");
    person.say("SECURECHAT-SECRET-KEY-1:AAAA");
    person.said("that holds a SECRET key");
    person.shown("bob (answer)> ");
    drop((person.kill(), listener.kill()));
}
