//! The log of the real program: a whole conversation with refusals, errors and strangers at every level, and
//! nothing in it that tells who talks with whom about what.

use std::fs;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::home::{Home, free_port, listening};
use crate::program::Program;

/// The flags, and whether that is TRACE, which may name addresses and beginnings of keys.
const LEVELS: [(&[&str], bool); 5] = [
    (&[], false),
    (&["-v"], false),
    (&["-vv"], true),
    (&["--log-level", "warn"], false),
    (&["--log-level", "trace"], true),
];

/// So many characters of a key in a row must not occur: 36 bits of it.
const PART: usize = 8;

/// TRACE says who `peer#1` is by this many characters, the first ones.
const BEGINNING: usize = 8;

const TEXTS: [&str; 3] = [
    "the treasure lies under the old oak",
    "then bring a spade and a lantern",
    "nobody else may hear of the oak",
];
const NICKNAMES: [&str; 3] = ["alice-of-wonderland", "bob-the-builder", "carol-anonymous"];

/// The people of a conversation, their log files, and what no log may hold.
struct Cast {
    alice: Home,
    bob: Home,
    carol: Home,
    /// Addresses and ports that occurred.
    places: Vec<String>,
}

impl Cast {
    fn new() -> Self {
        let (alice, bob) = Home::friends();
        let carol = Home::new();
        Self {
            alice,
            bob,
            carol,
            places: vec!["127.0.0.1".to_owned(), "::1".to_owned()],
        }
    }

    fn start(home: &Home, log: &str, level: &[&str], args: &[&str]) -> Program {
        let log = home.path(log).display().to_string();
        home.start(&[&["--log", &log], level, args].concat())
    }

    /// A friend, a stranger who is refused, a stranger who is pinned, a wrong port, a kill and a return.
    fn play(&mut self, level: &[&str]) {
        let nobody = free_port();
        self.places.push(nobody.port().to_string());
        let nowhere = nobody.to_string();
        let args = ["connect", "bob", &nowhere, "--timeout", "3s"];
        Self::start(&self.alice, "closed.log", level, &args)
            .end()
            .failed(3, "SC07");
        let there = free_port().to_string();
        let strict = ["listen", &there, "--nickname", NICKNAMES[1]];
        let mut bob = Self::start(&self.bob, "bob.log", level, &strict);
        let address = listening(&mut bob);
        self.places.push(address.port().to_string());
        let key = self.bob.key();
        let stranger = ["connect", "--peer-key", &key, &there, "--nickname"];
        let stranger = [&stranger[..], &NICKNAMES[2..]].concat();
        Self::start(&self.carol, "refused.log", level, &stranger)
            .end()
            .failed(4, "SC10");
        let call = ["connect", "bob", &there, "--nickname", NICKNAMES[0]];
        let mut alice = Self::start(&self.alice, "alice.log", level, &call);
        alice.told("secure: bob");
        for text in TEXTS {
            alice.say(text);
            bob.said(text);
        }
        bob.kill();
        let here = ["listen", &there, "--trust", "new"];
        let mut bob = Self::start(&self.bob, "bob-again.log", level, &here);
        bob.told("listening");
        alice.say(TEXTS[0]);
        bob.said(TEXTS[0]);
        let mut carol = Self::start(&self.carol, "pinned.log", level, &stranger);
        carol.told("secure:");
        carol.say(TEXTS[1]);
        bob.said(TEXTS[1]);
        carol.leave();
        alice.leave();
        bob.told("alice left");
        bob.kill();
    }

    /// All logs, one after the other, without the times: they have any digits.
    fn logs(&self) -> String {
        let without_time = |line: &str| {
            let split = line.split_once(' ');
            let timed = split.filter(|(time, _)| time.ends_with('Z'));
            timed.map_or(line, |(_, rest)| rest).to_owned() + "\n"
        };
        let of = |home: &Home, name: &str| {
            let log = fs::read_to_string(home.path(name)).unwrap();
            log.lines().map(without_time).collect::<String>()
        };
        [
            of(&self.alice, "closed.log"),
            of(&self.alice, "alice.log"),
            of(&self.bob, "bob.log"),
            of(&self.bob, "bob-again.log"),
            of(&self.carol, "refused.log"),
            of(&self.carol, "pinned.log"),
        ]
        .concat()
    }

    /// Without the beginnings of keys, which have any letters.
    fn without_beginnings(&self, logs: &str) -> String {
        let homes = [&self.alice, &self.bob, &self.carol];
        let keys = homes.map(Home::key);
        let beginnings = keys.iter().map(|key| &key[..BEGINNING]);
        beginnings.fold(logs.to_owned(), |logs, it| logs.replace(it, ""))
    }

    /// What no log may hold, each with what it is.
    fn secrets(&self, is_trace: bool) -> Vec<(&'static str, String)> {
        let text = TEXTS.iter().map(|it| ("text", (*it).to_owned()));
        let words = ["treasure", "spade", "oak"].map(|it| ("a word", it.to_owned()));
        let names = NICKNAMES.iter().map(|it| ("nickname", (*it).to_owned()));
        let petnames = ["alice", "bob"].map(|it| ("name", it.to_owned()));
        let homes = [&self.alice, &self.bob, &self.carol];
        let paths = homes.map(|home| ("path", home.path("").display().to_string()));
        let keys = homes
            .iter()
            .flat_map(|home| parts_of_key(&home.key(), is_trace));
        let places = self.places.iter().filter(|_| !is_trace);
        let places = places.map(|it| ("address", it.clone()));
        text.chain(words)
            .chain(names)
            .chain(petnames)
            .chain(paths)
            .chain(keys)
            .chain(places)
            .collect()
    }
}

/// Every part of a key, in the alphabets that somebody might print it in.
fn parts_of_key(key: &str, is_trace: bool) -> Vec<(&'static str, String)> {
    let raw = STANDARD.decode(key).unwrap();
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut parts = Vec::new();
    for (what, text, len) in [
        ("key in base64", key.to_owned(), PART),
        ("key for URLs", URL_SAFE_NO_PAD.encode(&raw), PART),
        ("key in hex", hex.clone(), 8),
        ("key in HEX", hex.to_uppercase(), 8),
        (
            "key as bytes",
            format!("{raw:?}").replace(['[', ']'], ""),
            24,
        ),
    ] {
        let windows = text.as_bytes().windows(len).enumerate();
        let is_told = |at: usize| is_trace && what != "key as bytes" && at + len <= BEGINNING;
        let kept = windows.filter(|(at, _)| !is_told(*at));
        parts.extend(kept.map(|(_, part)| (what, String::from_utf8_lossy(part).into_owned())));
    }
    parts
}

/// A conversation at a level, what its log may not hold and holds none the less, and how long it is.
fn told(level: &[&str], is_trace: bool) -> usize {
    let mut cast = Cast::new();
    cast.play(level);
    let logs = cast.logs();
    let without_keys = cast.without_beginnings(&logs);
    for (what, secret) in cast.secrets(is_trace) {
        let searched = match what {
            "a word" | "name" => &without_keys,
            _ => &logs,
        };
        assert!(
            !searched.contains(&secret),
            "{level:?}: {what} {secret:?} is in the log:\n{logs}"
        );
    }
    if is_trace {
        // The search finds what is there: TRACE has addresses and beginnings of keys.
        let secrets = cast.secrets(false);
        for wanted in ["address", "key in base64"] {
            let mut of_kind = secrets.iter().filter(|(what, _)| *what == wanted);
            assert!(of_kind.any(|(_, it)| logs.contains(it)), "no {wanted}");
        }
    }
    logs.lines().count()
}

#[test]
fn no_level_of_the_log_tells_who_talks_with_whom_about_what() {
    let sizes: Vec<usize> = thread::scope(|scope| {
        let levels = LEVELS.map(|(level, is_trace)| scope.spawn(move || told(level, is_trace)));
        levels.map(|level| level.join().unwrap()).into()
    });
    let [info, debug, trace, warn, also_trace] = sizes[..] else {
        unreachable!("one for each level");
    };
    assert!(warn <= info && info < debug && debug < trace.min(also_trace));
}
