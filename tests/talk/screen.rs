//! The real program on a real (pseudo-)terminal, full screen.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};
use securechat::text::Charset;
use securechat::tui::Terminal;

use crate::home::Home;
use crate::program::{Ended, PATIENCE, Program, hears_hangups, until};
use crate::terminal::{GLANCE, READING, open_pair, start_on};
use crate::vt::Vt;

/// How long it takes at most to fill a terminal that nobody reads.
const TO_FILL: Duration = Duration::from_secs(2);

/// A person in front of a screen.
pub(crate) struct Person {
    pub(crate) program: Program,
    pub(crate) vt: Vt,
    /// The terminal, to look at its modes and change its size.
    pub(crate) terminal: File,
    /// Where the program's control socket is, if it has one.
    socket: Option<PathBuf>,
}

impl Person {
    pub(crate) fn starts(home: &Home, args: &[&str]) -> Self {
        Self::runs(home.command(args))
    }

    pub(crate) fn runs(command: Command) -> Self {
        Self::in_locale("C.UTF-8", command)
    }

    pub(crate) fn in_locale(locale: &str, mut command: Command) -> Self {
        let (ours, theirs) = open_pair();
        let terminal = ours.try_clone().unwrap();
        resize(&terminal, 80, 24);
        command.env("TERM", "xterm-256color").env("LANG", locale);
        for name in ["ACCESSIBLE", "LC_ALL", "LC_CTYPE", "NO_COLOR"] {
            command.env_remove(name);
        }
        let home = command.get_args().skip_while(|it| *it != "--home").nth(1);
        Self {
            socket: home.map(|home| PathBuf::from(home).join("run/ctl.sock")),
            program: start_on(command, ours, &theirs),
            vt: Vt::new(80, 24),
            terminal,
        }
    }

    /// At a shell with job control, on a terminal of its own.
    pub(crate) fn at_a_shell() -> Self {
        let mut shell = Command::new("setsid");
        shell.args(["--ctty", "--wait", "bash", "--norc", "--noprofile"]);
        shell.args(["--noediting", "-i"]).env("PS1", "ready> ");
        let mut person = Self::runs(shell);
        person.sees("ready>");
        person
    }

    /// Types a command for the shell.
    pub(crate) fn types_command(&mut self, command: &Command) {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|it| it.to_str().unwrap()).collect();
        self.presses(&format!("{}\n", words.join(" ")));
    }

    /// Waits until the screen shows something.
    pub(crate) fn sees(&mut self, wanted: &str) {
        self.waits(wanted, |vt| vt.text().contains(wanted));
    }

    /// Waits until the screen does not show it any more.
    pub(crate) fn sees_no(&mut self, unwanted: &str) {
        self.waits(unwanted, |vt| !vt.text().contains(unwanted));
    }

    pub(crate) fn waits(&mut self, wanted: &str, until: impl Fn(&Vt) -> bool) {
        let start = Instant::now();
        while !until(&self.vt) {
            let output = self.program.output(start, wanted);
            self.vt.feed(&output);
        }
    }

    /// What the screen shows by what has come so far.
    pub(crate) fn shows(&mut self) -> String {
        self.program.is_read(Duration::ZERO);
        if !self.program.unread().is_empty() {
            let output = self.program.output(Instant::now(), "what has come");
            self.vt.feed(&output);
        }
        self.vt.text()
    }

    pub(crate) fn presses(&mut self, keys: &str) {
        self.program.press(keys);
    }

    /// Looks at what came by itself: what is pressed sooner is not meant for that.
    pub(crate) fn glances(&mut self) {
        self.looks_for(GLANCE);
    }

    /// Reads a question: what is pressed sooner is no answer to it.
    pub(crate) fn reads(&mut self) {
        self.looks_for(READING);
    }

    /// Whoever is answered by the program knows that it has noted since when there is what stands on the screen.
    fn looks_for(&mut self, time: Duration) {
        if let Some(socket) = &self.socket {
            let mut asking = UnixStream::connect(socket).unwrap();
            asking.set_read_timeout(Some(PATIENCE)).unwrap();
            let hello = b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\"}\n";
            asking.write_all(hello).unwrap();
            asking.read_exact(&mut [0]).unwrap();
        }
        self.program.is_read(time);
    }

    pub(crate) fn says(&mut self, line: &str) {
        self.presses(line);
        self.sees(&format!("> {line}"));
        self.presses("\r");
    }

    /// Another window has the keyboard from now on. What is typed after that shows that the program knows.
    pub(crate) fn looks_away(&mut self) {
        self.presses("\u{1b}[O.");
        self.sees("> .");
        self.presses("\u{7f}");
        self.sees_no("> .");
    }

    /// Has a terminal of another size from now on.
    pub(crate) fn resizes(&mut self, width: u16, height: u16) {
        self.becomes(width, height);
        self.program.signal(Signal::WINCH);
    }

    /// The same, without a signal that tells the program.
    pub(crate) fn becomes(&mut self, width: u16, height: u16) {
        resize(&self.terminal, width, height);
        self.vt = Vt::new(width.into(), height.into());
    }

    pub(crate) fn modes(&self) -> Termios {
        tcgetattr(&self.terminal).unwrap()
    }

    /// Waits for the end; the screen is as it was left.
    pub(crate) fn ends(self) -> (Ended, Vt, Termios) {
        let Self {
            program,
            mut vt,
            terminal,
            ..
        } = self;
        let ended = program.end();
        vt.feed(ended.rest.as_bytes());
        (ended, vt, tcgetattr(&terminal).unwrap())
    }
}

pub(crate) fn resize(terminal: &File, width: u16, height: u16) {
    let size = Winsize {
        ws_col: width,
        ws_row: height,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).unwrap();
}

/// The modes that a shell expects to find.
pub(crate) fn is_given_back(vt: &Vt, modes: &Termios) -> bool {
    let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
    let left: Vec<&String> = vt.modes.iter().filter(|mode| *mode != "?25").collect();
    modes.local_modes.contains(cooked) && left.is_empty() && vt.modes.contains("?25")
}

/// bob listens on a screen, and alice, who knows him, on another. Both are friends.
pub(crate) fn two() -> (Person, Person, Home, Home) {
    let (alice, bob) = Home::friends();
    let mut listener = Person::starts(&bob, &["listen", "127.0.0.1:0"]);
    listener.sees("listening on 127.0.0.1:");
    let address = address_on(&mut listener);
    let caller = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    (caller, listener, alice, bob)
}

/// Waits until the screen says where it listens, to the last digit.
pub(crate) fn address_on(person: &mut Person) -> SocketAddr {
    let place = |vt: &Vt| {
        let text = vt.text();
        let (address, _) = text.split_once("listening on ")?.1.split_once("/udp")?;
        address.parse().ok()
    };
    person.waits("where it listens", |vt| place(vt).is_some());
    place(&person.vt).unwrap()
}

#[test]
fn two_people_talk_on_two_screens() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("bob [not verified]");
    alice.sees("secure: bob");
    bob.sees("alice [not verified]");
    alice.says("did the backup finish?");
    alice.sees("✓✓ me       did the backup finish?");
    bob.sees("alice    did the backup finish?");
    bob.says("yes, 41 GB 👧");
    alice.sees("bob      yes, 41 GB 👧");
    alice.says("/whois");
    alice.sees("verified    [not verified]; to compare words: /verify");
    alice.says("/ping");
    alice.sees("ping: bob answered after");
    alice.says("/sned secret");
    alice.sees("unknown command /sned");
    assert!(!bob.vt.text().contains("secret"));
    alice.presses("\u{3}");
    alice.says("/quit");
    let (ended, vt, modes) = alice.ends();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(is_given_back(&vt, &modes), "{:?}", vt.modes);
    bob.sees("[ended]");
    bob.presses("\u{4}");
    let (ended, vt, modes) = bob.ends();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(is_given_back(&vt, &modes), "{:?}", vt.modes);
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        if signal == Signal::HUP && !hears_hangups() {
            continue;
        }
        let home = Home::new();
        let mut person = Person::starts(&home, &["listen", "127.0.0.1:0"]);
        person.sees("listening on");
        assert!(!person.modes().local_modes.contains(LocalModes::ECHO));
        assert!(person.vt.modes.contains("?1049") && person.vt.modes.contains("?2004"));
        person.program.signal(signal);
        let (ended, vt, modes) = person.ends();
        assert_eq!(ended.code, Some(code), "{}", ended.transcript);
        assert!(is_given_back(&vt, &modes), "{signal:?}: {:?}", vt.modes);
    }
}

#[test]
fn a_second_signal_within_the_goodbye_gives_the_terminal_back() {
    for (first, second) in [
        (Signal::TERM, Signal::INT),
        (Signal::INT, Signal::TERM),
        (Signal::HUP, Signal::TERM),
    ] {
        let home = Home::new();
        let mut person = Person::starts(&home, &["listen", "127.0.0.1:0"]);
        person.sees("listening on");
        person.program.signal(first);
        person.program.signal(second);
        let (ended, vt, modes) = person.ends();
        assert!(
            matches!(ended.code, Some(129 | 130 | 143)),
            "{:?}: {}",
            ended.code,
            ended.transcript
        );
        assert!(is_given_back(&vt, &modes), "{second:?}: {:?}", vt.modes);
    }
}

/// A screen on a terminal that is nobody's controlling one, for who does without a [`Person`].
pub(crate) fn listens_on(home: &Home, width: u16, height: u16) -> (File, Child) {
    let (ours, theirs) = open_pair();
    resize(&ours, width, height);
    let mut command = home.command(&["listen", "127.0.0.1:0"]);
    command.env("TERM", "xterm-256color");
    command.env_remove("ACCESSIBLE");
    let stream = || Stdio::from(theirs.try_clone().unwrap());
    let streams = command.stdin(stream()).stdout(stream()).stderr(stream());
    let child = streams.spawn().unwrap();
    (ours, child)
}

/// A terminal at rest (Ctrl+S, a frozen window) takes no byte: what gives it back must not wait for that.
#[test]
fn a_signal_ends_a_screen_whose_terminal_takes_nothing() {
    let home = Home::new();
    let (mut ours, mut child) = listens_on(&home, 200, 60);
    let mut begun = [0; 1];
    ours.read_exact(&mut begun).unwrap();
    // More keys than it reads have no room, which must not hold up this side.
    fcntl_setfl(&ours, fcntl_getfl(&ours).unwrap() | OFlags::NONBLOCK).unwrap();
    let start = Instant::now();
    let pid = Pid::from_child(&child);
    // Once everything that fits is written, it waits in a write.
    let (mut asked, mut ended) = (None, None);
    while ended.is_none() && start.elapsed() < PATIENCE {
        // Redrawn often enough, it waits in a write.
        if asked.is_none() {
            let written = ours.write_all(b"\x0c").map_err(|error| error.kind());
            assert!(matches!(written, Ok(()) | Err(ErrorKind::WouldBlock)));
        }
        if start.elapsed() > TO_FILL {
            // The first asks; one more and the handler alone would end it.
            let _ = asked.get_or_insert_with(|| kill_process(pid, Signal::TERM));
        }
        ended = child.try_wait().unwrap();
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(143));
    assert!(
        tcgetattr(&ours)
            .unwrap()
            .local_modes
            .contains(LocalModes::ICANON)
    );
}

/// Its window was closed, and hang-ups are ignored, or are not for it. What reads the keys spun, and told nobody.
#[test]
fn a_screen_whose_terminal_is_gone_ends_as_by_a_hang_up_that_nobody_told_of() {
    let home = Home::new();
    let (mut ours, mut child) = listens_on(&home, 80, 24);
    let (mut vt, mut bytes) = (Vt::new(80, 24), [0; 4096]);
    // All of it is drawn, and nothing more will be soon.
    while !(vt.text().contains("F1 help") && vt.caret.1 == 23) {
        let len = ours.read(&mut bytes).unwrap();
        vt.feed(&bytes[..len]);
    }
    drop(ours);
    let start = Instant::now();
    let mut ended = None;
    while ended.is_none() && start.elapsed() < PATIENCE {
        ended = child.try_wait().unwrap();
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(ended.and_then(|status| status.code()), Some(129));
}

#[test]
fn hostile_text_does_nothing_to_a_real_terminal() {
    let (alice, bob) = Home::friends();
    let mut listener = Person::starts(&bob, &["listen", "127.0.0.1:0"]);
    listener.sees("listening on 127.0.0.1:");
    let mut caller = alice.connect("bob", address_on(&mut listener), &[]);
    caller.told("secure: bob");
    caller.say("\u{1b}[2J\u{1b}]52;c;ZXZpbA==\u{7}\u{9b}31mred \u{202e}fdp.exe");
    // The emulator fails on any control that is not one of ours.
    listener.sees("^[[2J^[]52;c;ZXZpbA==^G<9B>31mred <U+202E>fdp.exe");
    assert_eq!(listener.vt.bells, 0);
    assert!(
        listener
            .vt
            .commands
            .iter()
            .all(|it| it.starts_with("0;securechat"))
    );
}

#[test]
fn another_size_is_drawn_and_what_is_typed_stays() {
    let home = Home::new();
    let mut person = Person::starts(&home, &["listen", "127.0.0.1:0"]);
    person.sees("listening on");
    person.presses("half a thought");
    person.sees("> half a thought");
    person.resizes(50, 10);
    person.sees("F1 help");
    person.sees("> half a thought");
}

#[test]
fn a_paste_is_one_message_and_is_not_run() {
    let (mut alice, mut bob, _a, _b) = two();
    alice.sees("secure: bob");
    alice.presses("\u{1b}[200~one\rtwo\u{1b}[201~");
    alice.sees("  two");
    alice.presses("\r");
    bob.sees("alice    one");
    bob.sees("two");
}

#[test]
fn alone_it_shows_everybody_and_calls_them() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    alice.run(&["peers", "remove", "bob"]);
    alice.run(&[
        "peers",
        "add",
        "bob",
        &bob.key(),
        "--address",
        &address.to_string(),
    ]);
    let mut person = Person::starts(&alice, &[]);
    person.sees("[1 bob]");
    person.sees("secure: bob");
    listener.told("secure: alice");
    person.says("hello from the screen");
    listener.said("hello from the screen");
    person.sees("✓✓ me       hello from the screen");
    person.presses("\u{4}");
    let (ended, ..) = person.ends();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
}

#[test]
fn two_identities_on_one_machine_find_each_other() {
    let (alice, bob) = Home::friends();
    let mut first = Person::starts(&bob, &[]);
    let usual = address_on(&mut first);
    let mut second = Person::starts(&alice, &[]);
    let other = address_on(&mut second);
    assert!(usual.ip().is_unspecified() && usual.ip() == other.ip());
    assert_ne!(usual.port(), other.port());
}

#[test]
fn alone_without_an_identity_it_shows_the_guide() {
    let person = Person::starts(&Home::empty(), &[]);
    let (ended, vt, _) = person.ends();
    assert_eq!(ended.code, Some(0));
    assert!(
        ended.transcript.contains("securechat keygen"),
        "{}",
        ended.transcript
    );
    assert!(vt.modes.is_empty(), "nothing was taken over");
}

#[test]
fn a_stranger_is_let_in_by_a_command_and_a_letter() {
    let (alice, bob) = (Home::new(), Home::new());
    let mut listener = Person::starts(&bob, &["listen", "127.0.0.1:0"]);
    listener.sees("listening on 127.0.0.1:");
    let mut caller = alice.call(&bob, address_on(&mut listener), &[]);
    listener.sees("an unknown key calls from 127.0.0.1:");
    listener.says("/add alice");
    listener.sees("Save this key as \"alice\" and talk to it?");
    listener.presses("\ry");
    listener.sees("that came too soon");
    listener.reads();
    listener.presses("y");
    caller.told("secure: ");
    caller.say("thank you");
    listener.sees("[1 alice]");
    listener.sees("alice    thank you");
    assert!(
        bob.known_peers()
            .contains(&format!("alice {}", alice.key()))
    );
    listener.sees_no("an unknown key calls from 127.0.0.1:1: /add");
}

#[test]
fn what_waits_is_shown_and_what_nobody_has_seen_comes_again() {
    let (alice, bob) = Home::friends();
    let mut person = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    person.sees("[1 bob]");
    person.says("for later");
    person.sees("…  me       for later");
    person.presses("\u{4}");
    person.sees("1 message is kept for next time. Leave?");
    person.presses("y");
    let (ended, vt, modes) = person.ends();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(is_given_back(&vt, &modes), "{:?}", vt.modes);
    let (_, words) = ended.transcript.rsplit_once("\u{1b}[?1049l").unwrap();
    assert!(
        words.contains("1 message is kept and will be sent next time bob is reachable"),
        "{words:?}"
    );
    let mut again = Person::starts(&alice, &["listen", "127.0.0.1:0"]);
    again.sees("…  me       for later");
    drop(bob);
}

#[test]
fn what_is_settled_counts_on_the_screen_too() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let settings = "[net]\nlisten = \"127.0.0.1:0\"\n[notify]\ndesktop = \"sender\"\n";
    std::fs::write(alice.path("config.toml"), settings).unwrap();
    alice.run(&["peers", "remove", "bob"]);
    alice.run(&[
        "peers",
        "add",
        "bob",
        &bob.key(),
        "--address",
        &address.to_string(),
    ]);
    let mut person = Person::starts(&alice, &[]);
    person.sees("listening on 127.0.0.1:");
    person.sees("secure: bob");
    person.looks_away();
    listener.told("secure: alice");
    listener.say("psst");
    person.waits("a notification", |vt| {
        vt.bells > 0 && vt.commands.contains(&"9;message from bob".to_owned())
    });
}

#[test]
fn plain_still_means_lines() {
    let home = Home::new();
    let person = Person::starts(&home, &["--plain", "listen", "127.0.0.1:0"]);
    let Person { mut program, .. } = person;
    let line = program.said("listening on");
    assert!(!line.contains('\u{1b}'), "{line:?}");
}

/// Set in the process that is to panic.
const PANICS: &str = "SECURECHAT_TEST_PANICS";

#[test]
fn a_panic_gives_the_terminal_back_before_it_prints() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "screen::a_process_that_panics", "--nocapture"]);
    command.env(PANICS, "1");
    let (ended, vt, modes) = Person::runs(command).ends();
    assert_ne!(ended.code, Some(0));
    let (before, words) = ended.transcript.split_once("this is a bug").unwrap();
    assert!(
        before.contains("\u{1b}[?1049h") && before.contains("\u{1b}[?1049l"),
        "{before:?}"
    );
    assert!(!words.contains("\u{1b}[?1049l"), "{words:?}");
    assert!(is_given_back(&vt, &modes), "{:?}", vt.modes);
}

/// Part of the test above, which runs it in a process of its own; nothing in any other.
#[test]
fn a_process_that_panics() {
    if std::env::var_os(PANICS).is_some() {
        let _terminal = Terminal::open(Charset::Utf8).unwrap();
        panic!("this is a bug");
    }
}

#[test]
fn a_command_is_told_of_a_message_that_nobody_sees_and_no_more_than_it_may_know() {
    let (alice, bob) = Home::friends();
    let seen = bob.path("seen");
    let config = format!(
        "[notify]\ndesktop = \"sender\"\ncommand = [\"sh\", \"-c\", \"cat > \\\"$1.new\\\" && mv \\\"$1.new\\\" \\\"$1\\\"\", \"sh\", \"{}\"]\n",
        seen.display()
    );
    std::fs::write(bob.path("config.toml"), config).unwrap();
    let mut listener = Person::starts(&bob, &["listen", "127.0.0.1:0"]);
    listener.sees("listening on 127.0.0.1:");
    let address = address_on(&mut listener);
    let mut caller = Person::starts(&alice, &["connect", "bob", &address.to_string()]);
    caller.sees("secure: bob");
    listener.sees("secure: alice");
    listener.looks_away();
    caller.says("the secret");
    listener.sees("alice    the secret");
    until("the command to be run", || {
        listener.program.is_read(Duration::from_millis(20));
        seen.exists().then_some(())
    });
    let told = std::fs::read_to_string(&seen).unwrap();
    assert_eq!(told, "message from alice\n");
}
