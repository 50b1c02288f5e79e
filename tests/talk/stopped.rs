//! A screen whose process is stopped, by its own Ctrl+Z or by others.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::ptsname;
use rustix::termios::{LocalModes, OptionalActions, tcsetattr};

use serde_json::Value;

use crate::home::Home;
use crate::program::until;
use crate::screen::{Person, is_given_back, resize, two};
use crate::vt::Vt;

/// As long as it takes to look at the terminal, twice a second, at least once.
const LOOKS: Duration = Duration::from_millis(1_100);

/// Nearly the 4,095 bytes that Linux keeps for a program until it reads them, and more than crossterm read when the
/// terminal was taken over again, by which it was woken three times.
const KEYS: usize = 4_050;

/// It has stopped, and whoever looks finds the terminal as it was.
fn has_given_back(person: &mut Person) {
    person.program.stops();
    person.waits("the end of the screen", |vt| !vt.modes.contains("?1049"));
    person.waits("the cursor", |vt| vt.modes.contains("?25"));
    let modes = person.modes();
    assert!(is_given_back(&person.vt, &modes), "{:?}", person.vt.modes);
}

/// It goes on, and draws all of it again.
fn goes_on(person: &mut Person, drawn: &str) {
    person.vt = Vt::new(80, 24);
    person.program.signal(Signal::CONT);
    person.sees(drawn);
    // Whoever hears late that it goes on takes the terminal over once more.
    person.waits("the screen", |vt| vt.modes.contains("?1049"));
    let cooked = LocalModes::ECHO | LocalModes::ICANON;
    until("its modes", || {
        (!person.modes().local_modes.intersects(cooked)).then_some(())
    });
    // Of a signal to stop that comes before it has looked at this one it might not hear.
    let pid = person.program.pid();
    until("its rest", || is_at_rest(pid, "job control").then_some(()));
}

/// Whether a thread of this name waits for something.
fn is_at_rest(pid: u32, name: &str) -> bool {
    let (name, state) = (format!("Name:\t{name}\n"), "\nState:\tS");
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut told = threads.filter_map(|it| fs::read_to_string(it.ok()?.path().join("status")).ok());
    told.any(|status| status.starts_with(&name) && status.contains(state))
}

#[test]
fn ctrl_z_gives_the_terminal_back_until_the_program_goes_on() {
    let home = Home::new();
    let mut person = Person::starts(&home, &["listen", "127.0.0.1:0"]);
    person.sees("listening on");
    person.presses("\u{1b}m");
    person.waits("the mouse", |vt| vt.modes.contains("?1000"));
    person.presses("half a thought");
    person.sees("> half a thought");
    person.presses("\u{1a}");
    has_given_back(&mut person);
    goes_on(&mut person, "> half a thought");
    person.waits("the mouse, as before", |vt| vt.modes.contains("?1000"));
}

/// It waited in the same line as the stop, before it, and was sent to whoever is on the screen.
#[test]
fn what_is_typed_behind_ctrl_z_is_the_shells_and_goes_to_nobody() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    alice.presses("\u{1a}ls\r\u{1b}[200~a paste\r\u{1b}[201~\r");
    has_given_back(&mut alice);
    goes_on(&mut alice, "secure: bob");
    alice.says("here again");
    bob.sees("alice    here again");
    for person in [&alice, &bob] {
        let text = person.vt.text();
        assert!(
            !text.contains("ls\n") && !text.contains("a paste"),
            "{text}"
        );
    }
}

/// A parent may have had the system ignore the signal. Nobody tells of that.
#[test]
fn where_ctrl_z_is_ignored_what_is_typed_behind_it_is_written() {
    let mut deaf = Command::new("sh");
    deaf.args(["-c", "trap '' TSTP; exec \"$@\"", "sh"]);
    is_not_stopped(deaf);
}

/// What is blocked stays so in a program that is started. The keyboard was dead from Ctrl+Z on.
#[test]
fn where_ctrl_z_is_held_back_what_is_typed_behind_it_is_written() {
    let mut deaf = Command::new("env");
    deaf.arg("--block-signal=TSTP");
    is_not_stopped(deaf);
}

/// Ctrl+Z does nothing in a program that this command starts.
fn is_not_stopped(mut deaf: Command) {
    let home = Home::new();
    let program = home.command(&["listen", "127.0.0.1:0"]);
    deaf.arg(program.get_program()).args(program.get_args());
    let mut person = Person::runs(deaf);
    person.sees("listening on");
    person.presses("\u{1a}half a thought");
    person.sees("> half a thought");
    person.presses("\u{15}/quit\r");
    assert_eq!(person.ends().0.code, Some(0));
}

/// `kill -TSTP` stopped it with the screen on the terminal, and the shell in its modes.
#[test]
fn whoever_stops_it_as_a_shell_does_finds_the_terminal_given_back() {
    let home = Home::new();
    let mut person = Person::starts(&home, &["listen", "127.0.0.1:0"]);
    person.sees("listening on");
    person.presses("half a thought");
    person.sees("> half a thought");
    for _ in 0..2 {
        person.program.signal(Signal::TSTP);
        has_given_back(&mut person);
        goes_on(&mut person, "> half a thought");
    }
    person.presses("\u{15}/quit\r");
    assert_eq!(person.ends().0.code, Some(0));
}

/// Nobody could let it go on who is not in its session: `xterm -e securechat`.
#[test]
fn without_a_shell_that_could_let_it_go_on_nothing_stops_it() {
    let home = Home::new();
    let program = home.command(&["listen", "127.0.0.1:0"]);
    let mut alone = Command::new("setsid");
    alone.arg("--wait").arg(program.get_program());
    alone.args(program.get_args());
    let mut person = Person::runs(alone);
    person.sees("listening on");
    let status = home.run(&["status", "--json"]).rest;
    let status: Value = serde_json::from_str(&status).unwrap();
    let pid = Pid::from_raw(i32::try_from(status["pid"].as_i64().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TSTP).unwrap();
    person.presses("\u{1a}");
    person.says("/myid");
    person.sees("others can run:");
    person.says("/quit");
    assert_eq!(person.ends().0.code, Some(0));
}

/// The shell, or whoever used the terminal meanwhile, left it in other modes, with other text on it.
#[test]
fn a_program_that_others_stop_takes_its_terminal_over_again_when_it_goes_on() {
    let home = Home::new();
    let mut person = Person::starts(&home, &["listen", "127.0.0.1:0"]);
    person.sees("listening on");
    let found = person.modes();
    person.presses("half a thought");
    person.sees("> half a thought");
    person.program.signal(Signal::STOP);
    person.program.stops();
    let mut cooked = found;
    cooked.local_modes |= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
    tcsetattr(&person.terminal, OptionalActions::Now, &cooked).unwrap();
    goes_on(&mut person, "> half a thought");
    person.presses("\u{15}/quit\r");
    let (ended, vt, modes) = person.ends();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(is_given_back(&vt, &modes), "{:?}", vt.modes);
}

/// What a size makes visible that the terminal got meanwhile was looked at, and was forgotten.
#[test]
fn what_is_seen_after_ctrl_z_is_not_shown_again() {
    let (mut alice, mut bob, home, _bob) = two();
    alice.sees("secure: bob");
    bob.sees("secure: alice");
    alice.resizes(80, 5);
    alice.sees("needs 20x6");
    bob.says("into the small screen");
    bob.sees("✓✓ me       into the small screen");
    alice.presses("\u{1a}");
    alice.program.stops();
    alice.becomes(80, 24);
    alice.program.signal(Signal::CONT);
    alice.sees("bob      into the small screen");
    alice.presses("/quit\r");
    assert_eq!(alice.ends().0.code, Some(0));
    let mut again = Person::starts(&home, &["listen", "127.0.0.1:0"]);
    again.sees("listening on");
    assert!(
        !again.vt.text().contains("into the small"),
        "{}",
        again.vt.text()
    );
}

/// What was left of them when some had been read lay there until another key came (crossterm#1057).
#[test]
fn all_keys_that_came_while_it_was_stopped_are_read() {
    let home = Home::new();
    let mut person = Person::starts(&home, &["listen", "127.0.0.1:0"]);
    person.sees("listening on");
    person.program.signal(Signal::STOP);
    person.program.stops();
    let keys = "x".repeat(KEYS) + "\u{15}the last word";
    person.presses(&keys);
    // What comes in the moment in which the terminal is taken over again is echoed, as at a shell.
    until_unread(&person, &keys);
    person.program.signal(Signal::CONT);
    person.sees("> the last word");
    person.presses("\u{15}/quit\r");
    assert_eq!(person.ends().0.code, Some(0));
}

/// Waits until just these keys have come to the terminal and were not read.
fn until_unread(person: &Person, keys: &str) {
    let theirs = ptsname(&person.terminal, Vec::new()).unwrap();
    let theirs = open(theirs, OFlags::RDONLY | OFlags::NOCTTY, Mode::empty()).unwrap();
    let have_come = || (ioctl_fionread(&theirs).unwrap() == keys.len() as u64).then_some(());
    until("all keys", have_come);
}

/// A shell with job control at a terminal of its own, in which the program was started and stopped by Ctrl+Z.
fn stopped_in_a_shell(home: &Home) -> (Person, Pid) {
    let (mut person, pid) = started_in_a_shell(home);
    person.presses("\u{1a}");
    person.sees("Stopped");
    person.sees("ready>");
    (person, pid)
}

fn started_in_a_shell(home: &Home) -> (Person, Pid) {
    let mut person = Person::at_a_shell();
    person.types_command(&home.command(&["listen", "127.0.0.1:0"]));
    person.sees("listening on");
    person.presses("half a thought");
    person.sees("> half a thought");
    person.vt = Vt::new(80, 24);
    let status = home.run(&["status", "--json"]).rest;
    let status: Value = serde_json::from_str(&status).unwrap();
    let pid = i32::try_from(status["pid"].as_i64().unwrap()).unwrap();
    (person, Pid::from_raw(pid).unwrap())
}

/// The program ends, and its shell knows how.
fn ends_with(person: &mut Person, pid: Pid, how: &str) {
    let process = format!("/proc/{}", pid.as_raw_pid());
    until("its end", || (!fs::exists(&process).unwrap()).then_some(()));
    person.presses("\n");
    person.sees(how);
    let modes = person.modes();
    assert!(is_given_back(&person.vt, &modes), "{:?}", person.vt.modes);
}

/// A shell sends the signal, and lets a stopped program go on. In the background that program changed the modes of the
/// terminal, was stopped for that, and said no goodbye.
#[test]
fn kill_at_a_shell_ends_a_program_that_ctrl_z_has_stopped() {
    let home = Home::new();
    let (mut person, pid) = stopped_in_a_shell(&home);
    person.presses("kill %1\n");
    ends_with(&mut person, pid, "Exit 143");
}

/// It has the screen on the terminal then.
#[test]
fn kill_at_a_shell_ends_a_program_that_others_have_stopped() {
    let home = Home::new();
    let (mut person, pid) = started_in_a_shell(&home);
    kill_process(pid, Signal::STOP).unwrap();
    person.sees("Stopped");
    person.sees("ready>");
    person.presses("kill %1\n");
    ends_with(&mut person, pid, "Exit 143");
}

#[test]
fn fg_at_a_shell_brings_the_screen_back() {
    let home = Home::new();
    let (mut person, _) = stopped_in_a_shell(&home);
    person.presses("fg\n");
    person.waits("the screen", |vt| vt.modes.contains("?1049"));
    person.sees("> half a thought");
    person.vt = Vt::new(80, 24);
    person.presses("\u{15}/quit\r");
    person.sees("ready>");
    person.presses("echo \"ended: $?\"\n");
    person.sees("ended: 0");
}

/// What `bg` does. It answers others, and writes nothing over what the shell shows, also if that has another size.
#[test]
fn in_the_background_it_goes_on_and_leaves_the_terminal_to_the_shell() {
    let home = Home::new();
    let (mut person, pid) = stopped_in_a_shell(&home);
    person.presses("bg\n");
    let status = || home.attempt(&["status", "--json"]).code == Some(0);
    until("an answer", || status().then_some(()));
    resize(&person.terminal, 60, 20);
    person.program.is_read(LOOKS);
    assert!(status());
    assert!(!person.shows().contains("half a thought"));
    // Whoever reads at a terminal from behind its shell is stopped.
    person.presses("echo \"it is: $((6 * 7))\"\n");
    person.sees("it is: 42");
    person.program.is_read(LOOKS);
    assert!(status());
    kill_process(pid, Signal::TERM).unwrap();
    ends_with(&mut person, pid, "Exit 143");
}

/// What is typed before `bg` is done lies at the terminal when the program goes on: it read that, and was stopped for it.
#[test]
fn what_is_typed_ahead_of_bg_is_the_shells() {
    let home = Home::new();
    let (mut person, pid) = stopped_in_a_shell(&home);
    let (go, end) = (home.path("go"), home.path("end"));
    let [until_go, until_end] =
        [&go, &end].map(|path| format!("until test -e {}; do :; done", path.display()));
    person.presses(&format!("{until_go}; bg; {until_end}\n"));
    let ahead = "echo \"it is: $((6 * 7))\"\n";
    person.presses(ahead);
    until_unread(&person, ahead);
    fs::write(&go, "").unwrap();
    let status = || home.attempt(&["status", "--json"]).code == Some(0);
    until("an answer", || status().then_some(()));
    person.program.is_read(LOOKS);
    assert!(status());
    fs::write(&end, "").unwrap();
    person.sees("it is: 42");
    kill_process(pid, Signal::TERM).unwrap();
    ends_with(&mut person, pid, "Exit 143");
}
