//! What `examples/` shows to whoever builds upon the library does what it says. Each runs in a process of its own, from its
//! source: `cargo test --test` builds no example.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "../examples/echo.rs"]
#[expect(dead_code, reason = "its `main`")]
mod echo;
#[path = "../examples/own_loop.rs"]
#[expect(dead_code, reason = "its `main`")]
mod own_loop;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use securechat::chat::{self, Draft, Messenger, State, Update};
use securechat::crypto::StaticSecret;
use securechat::id::{PeerId, Timestamp};
use securechat::net::{Bind, Clock, Driver, Socket, os_rng, seed};
use securechat::proto::{CloseReason, Endpoint, EndpointConfig, Event, PeerConfig, Shown};
use securechat::store::{KnownPeers, key_text, load_identity};

/// Against hanging only. Shorter than the minute after which the test program in a child says that its test goes on.
const PATIENCE: Duration = Duration::from_secs(45);

/// Set in the process that is the example; for the bot its home.
const CHILD: &str = "SECURECHAT_TEST_EXAMPLE";

/// An example that runs, killed at the end of the test.
struct Example {
    child: Child,
    lines: Receiver<String>,
}

impl Example {
    /// Runs a test of this file again, which is the example there.
    fn start(test: &str, home: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, home)
            .env("HOME", home);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// What stands behind `words` in the next line that has them.
    fn says(&self, words: &str) -> String {
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|why| panic!("{words}: {why}"));
            if let Some((_, rest)) = line.split_once(words) {
                return rest.to_owned();
            }
        }
    }

    fn listens(&self) -> SocketAddr {
        let rest = self.says("listening on ");
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    fn ends(mut self) -> ExitStatus {
        let mut last = Ok(String::new());
        while last.is_ok() {
            last = self.lines.recv_timeout(PATIENCE);
        }
        assert_eq!(last, Err(RecvTimeoutError::Disconnected), "it goes on");
        self.child.wait().unwrap()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(output: ChildStdout) -> Receiver<String> {
    let (tell, lines) = mpsc::channel();
    #[expect(clippy::disallowed_methods, reason = "it ends with the pipe")]
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.all(|line| tell.send(line).is_ok())
    });
    lines
}

/// Who talks to the bot.
struct Tester {
    driver: Driver,
    bot: PeerId,
    clock: Clock,
    woken: Receiver<()>,
}

impl Tester {
    fn new(identity: StaticSecret, bot: PeerId) -> Self {
        let (clock, config) = (Clock::new(), EndpointConfig::default());
        let timestamps = Timestamp(1)..Timestamp(1_000);
        let identity = Arc::new(identity);
        let mut endpoint = Endpoint::new(config, identity, seed(), timestamps, clock.now());
        endpoint.add_peer(PeerConfig {
            id: bot,
            psk: None,
            addresses: Vec::new(),
            shown: Shown::default(),
        });
        let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
        let socket = Socket::bind(Bind::At(([127, 0, 0, 1], 0).into())).unwrap();
        let (wake, woken) = mpsc::channel();
        let notify = Box::new(move || {
            let _ = wake.send(());
        });
        let driver = Driver::start(socket, messenger, clock, notify).unwrap();
        Self {
            driver,
            bot,
            clock,
            woken,
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Messenger, securechat::time::Instant) -> R) -> R {
        self.driver.handle().with(act).unwrap()
    }

    /// Begins anew, at another address.
    fn calls(&self, address: SocketAddr) {
        self.with(|it, now| {
            it.endpoint_mut().close(self.bot, now);
            it.endpoint_mut().connect(self.bot, &[address], now)
        })
        .unwrap();
    }

    fn says(&self, text: &str) {
        let draft = Draft::text(text.to_owned(), self.clock.unix_time());
        self.with(|it, now| it.send(self.bot.into(), draft, now))
            .unwrap();
    }

    /// Takes what is said, until something happens; returns what it heard.
    fn hears_until(&self, is_last: impl Fn(&Update) -> bool) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let Some(update) = self.driver.handle().poll_event().unwrap() else {
                self.woken.recv_timeout(PATIENCE).unwrap();
                continue;
            };
            if let Update::Chat(chat::Event::Message { contact, message }) = &update {
                self.with(|it, now| it.take(*contact, message.name, now));
                heard.push(String::from_utf8(message.body.clone()).unwrap());
            }
            if is_last(&update) {
                return heard;
            }
        }
    }
}

fn is_delivered(update: &Update) -> bool {
    matches!(
        update,
        Update::Chat(chat::Event::State {
            state: State::Delivered,
            ..
        })
    )
}

fn is_message(update: &Update) -> bool {
    matches!(update, Update::Chat(chat::Event::Message { .. }))
}

fn is_goodbye(update: &Update) -> bool {
    let reason = CloseReason::Goodbye;
    matches!(update, Update::Session(Event::Closed { reason: why, .. }) if *why == reason)
}

/// The program itself, as the head of `examples/echo.rs` says.
fn securechat(home: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_securechat"));
    command
        .arg("--home")
        .arg(home)
        .args(arguments)
        .env("HOME", home);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

#[test]
fn the_bot_answers_each_message_once_though_it_is_killed() {
    let test = "the_bot_answers_each_message_once_though_it_is_killed";
    if let Some(home) = std::env::var_os(CHILD) {
        echo::harden().unwrap();
        return echo::run(Path::new(&home), ([127, 0, 0, 1], 0).into()).unwrap();
    }
    let home = tempfile::tempdir().unwrap();
    let identity = StaticSecret::generate(&mut os_rng());
    securechat(home.path(), &["keygen", "--no-passphrase"]);
    let key = key_text(&identity.public()).to_string();
    securechat(home.path(), &["peers", "add", "tester", &key]);
    let bot = load_identity(&home.path().join("identity.key")).unwrap();
    let tester = Tester::new(identity, bot.open(None).unwrap().public());

    let first = Example::start(test, home.path());
    tester.calls(first.listens());
    tester.says("one");
    let mut heard = tester.hears_until(is_delivered);
    // Whether its answer has arrived by now, or has its receipt, is chance.
    drop(first);

    let second = Example::start(test, home.path());
    tester.calls(second.listens());
    tester.says("two");
    while heard.len() < 2 {
        heard.extend(tester.hears_until(is_message));
    }
    assert_eq!(heard, ["echo: one", "echo: two"]);

    let pid = Pid::from_child(&second.child);
    kill_process(pid, Signal::TERM).unwrap();
    assert!(second.ends().success(), "the bot fails at its end");
    let known = KnownPeers::load(&home.path().join("known-peers")).unwrap();
    assert!(known.peers()[0].signing_key().is_some(), "who it talked to");
    assert_eq!(tester.hears_until(is_goodbye), [""; 0]);
}

#[test]
fn a_loop_of_ones_own_delivers_a_message() {
    if std::env::var_os(CHILD).is_some() {
        return own_loop::run().unwrap();
    }
    let home = tempfile::tempdir().unwrap();
    let example = Example::start("a_loop_of_ones_own_delivers_a_message", home.path());
    assert_eq!(example.says("heard: "), "hello");
    assert!(example.ends().success(), "it fails");
}
