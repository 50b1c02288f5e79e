//! Somebody with an identity in a directory of its own.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::program::{Ended, Program};
use crate::programs::parse;

/// A directory for `--home`.
pub(crate) struct Home(TempDir);

impl Home {
    /// Nobody yet.
    pub(crate) fn empty() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Somebody with a new identity.
    pub(crate) fn new() -> Self {
        let home = Self::empty();
        home.run(&["keygen", "--no-passphrase"]);
        home
    }

    /// Somebody with one of the published identities.
    pub(crate) fn test_only(name: &str) -> Self {
        let home = Self::empty();
        let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/keys/test");
        let published = format!("{keys}/TEST-ONLY-{name}.key");
        home.takes(published.as_ref(), "identity.key");
        home
    }

    /// Copies a file into it, for nobody else's eyes.
    pub(crate) fn takes(&self, file: &Path, name: &str) {
        let bytes = fs::read(file).unwrap();
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut copy = options.open(self.path(name)).unwrap();
        copy.write_all(&bytes).unwrap();
    }

    /// Two who know each other as alice and bob, without addresses.
    pub(crate) fn friends() -> (Self, Self) {
        let (alice, bob) = (Self::new(), Self::new());
        alice.knows("bob", &bob);
        bob.knows("alice", &alice);
        (alice, bob)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn known_peers(&self) -> String {
        fs::read_to_string(self.path("known-peers")).unwrap()
    }

    /// The public key.
    pub(crate) fn key(&self) -> String {
        self.run(&["pubkey"]).rest.trim_end().to_owned()
    }

    pub(crate) fn knows(&self, name: &str, other: &Self) {
        self.run(&["peers", "add", name, &other.key()]);
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.arg("--home").arg(self.0.path()).args(args);
        command.args(patience(args));
        command
    }

    /// A command as it is suggested to whoever has this home.
    pub(crate) fn suggested(&self, words: &str) -> String {
        format!("securechat --home {} {words}", self.0.path().display())
    }

    pub(crate) fn start(&self, args: &[&str]) -> Program {
        Program::start(self.command(args))
    }

    /// A command whose process may have so few descriptors.
    #[cfg(unix)]
    pub(crate) fn with_descriptors(&self, most: usize, args: &[&str]) -> Command {
        let command = self.command(args);
        let script = format!("ulimit -n {most}; exec \"$0\" \"$@\"");
        let mut limited = Command::new("bash");
        limited.arg("-c").arg(script).arg(command.get_program());
        limited.args(command.get_args());
        limited
    }

    /// Runs a command without input to its end, good or bad.
    pub(crate) fn attempt(&self, args: &[&str]) -> Ended {
        let mut program = self.start(args);
        program.close();
        let ended = program.end();
        if args.contains(&"--json") {
            // Each line is what docs/json.schema.json says.
            ended.rest.lines().for_each(|line| drop(parse(line)));
        }
        ended
    }

    /// Runs a command that must succeed.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        let ended = self.attempt(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.transcript);
        ended
    }

    /// Listens on a port that the system chooses.
    pub(crate) fn listen(&self, args: &[&str]) -> (Program, SocketAddr) {
        self.listen_at("127.0.0.1:0", args)
    }

    pub(crate) fn listen_at(&self, address: &str, args: &[&str]) -> (Program, SocketAddr) {
        let args = [&["listen", address], args].concat();
        let mut program = self.start(&args);
        let address = listening(&mut program);
        (program, address)
    }

    /// Listens on a port that nobody takes while its program is gone for a moment.
    pub(crate) fn listen_to_return(&self, args: &[&str]) -> (Program, SocketAddr) {
        self.listen_at(&free_port().to_string(), args)
    }

    /// Connects to a saved peer.
    pub(crate) fn connect(&self, name: &str, address: SocketAddr, args: &[&str]) -> Program {
        let address = address.to_string();
        self.start(&[&["connect", name, &address], args].concat())
    }

    /// Connects to whoever holds the key of `other`.
    pub(crate) fn call(&self, other: &Self, address: SocketAddr, args: &[&str]) -> Program {
        let (key, address) = (other.key(), address.to_string());
        self.start(&[&["connect", "--peer-key", &key, &address], args].concat())
    }
}

/// What the program waits for in seconds, unless it is told for how long, a busy machine may take longer for.
fn patience(args: &[&str]) -> Vec<&'static str> {
    let has = |word: &str| args.contains(&word);
    let ways = [
        ("connect", "--timeout"),
        ("connect", "--linger"),
        ("listen", "--linger"),
    ];
    let ways = ways
        .into_iter()
        .filter(|(command, flag)| has(command) && !has(flag));
    ways.flat_map(|(_, flag)| [flag, "60s"]).collect()
}

/// Where a program says that it listens.
pub(crate) fn listening(program: &mut Program) -> SocketAddr {
    let line = program.told("listening on ");
    let address = line.split(['/', ' ']).nth(2).unwrap();
    address.parse().unwrap()
}

/// Two who talk: alice has connected to bob, who listens, and both have been told so.
pub(crate) struct Talk {
    pub(crate) alice: Program,
    pub(crate) bob: Program,
    pub(crate) address: SocketAddr,
}

impl Talk {
    pub(crate) fn between(alice: &Home, bob: &Home) -> Self {
        let (mut listener, address) = bob.listen_to_return(&[]);
        let mut caller = alice.connect("bob", address, &[]);
        caller.told("secure: bob");
        listener.told("secure: alice");
        Self {
            alice: caller,
            bob: listener,
            address,
        }
    }

    /// Says something in both directions.
    pub(crate) fn check(&mut self) {
        check(&mut self.alice, &mut self.bob);
    }
}

/// Says something in both directions.
pub(crate) fn check(one: &mut Program, other: &mut Program) {
    one.say("can you hear me?");
    other.said("can you hear me?");
    other.say("loud and clear");
    one.said("loud and clear");
}

/// A port that nobody uses, nor comes to use as long as this process lives: the system gives higher ones to whoever
/// wants any, and the same one is never told twice.
pub(crate) fn free_port() -> SocketAddr {
    /// What is far enough from the usual port, and below those of the system's choice.
    const FIRST: u16 = 12_000;
    const COUNT: u32 = 20_000;
    /// Others may run the same tests on this machine.
    const OF_EACH_PROCESS: u32 = 64;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = process::id().wrapping_mul(OF_EACH_PROCESS);
    loop {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = FIRST + u16::try_from(number).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// The program with nothing of the tester's own settings.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_securechat"));
    let own = ["SECURECHAT_HOME", "SECURECHAT_IDENTITY", "CLICOLOR_FORCE"];
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"];
    let between = ["TMUX", "STY"];
    for name in own.into_iter().chain(locale).chain(between) {
        command.env_remove(name);
    }
    command
}
