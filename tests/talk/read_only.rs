//! A file system that turns read-only while two programs talk: whoever has its files there ends, and once it can be
//! written again nothing is lost and nothing repeated without a mark.
//!
//! Nobody can remount one read-only that a program has a file of open for writing. The kernel itself does it when it
//! finds an error, and ext4 plays that on demand (`abort`).

use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;

use crate::common::skipped;
use crate::disks::{Namespace, is_unwritable};
use crate::home::{Home, free_port, listening, program};
use crate::program::{Ended, Program};
use crate::waiting::{numbers, once};

/// Lines before it turns read-only, and as many after that.
const LINES: usize = 10;

/// An ext4 in a file, with somebody's home in it.
struct Volume {
    namespace: Namespace,
    image: PathBuf,
    place: PathBuf,
}

impl Volume {
    /// None, after saying so, where that is not allowed or nothing makes one.
    fn of(home: &Home) -> Option<Self> {
        let (image, place) = (home.path("image"), home.path("volume"));
        std::fs::create_dir(&place).unwrap();
        let (home, disk, dir) = (home.path(""), image.display(), place.display());
        let script = format!(
            "truncate -s 32M {disk} && mke2fs -q -F -t ext4 -e remount-ro {disk} && mount -o loop {disk} {dir} \
             && chmod 700 {dir} && cp -p {0}/identity.* {0}/known-peers {dir} && sync",
            home.display()
        );
        let Some(namespace) = Namespace::of(&script) else {
            skipped("no ext4 in a file on this machine");
            return None;
        };
        Some(Self {
            namespace,
            image,
            place,
        })
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        command.arg("--home").arg(&self.place).args(args);
        self.namespace.command(&command)
    }

    fn run(&self, words: &str) {
        let mut command = Command::new("sh");
        command.env("LC_ALL", "C").args(["-c", words]);
        let ended = self.namespace.run(&command);
        assert_eq!(ended.code, Some(0), "{words}: {}", ended.transcript);
    }

    fn turn_read_only(&self) {
        self.run(&format!("mount -o remount,abort {}", self.place.display()));
        let file = self.place.join("file");
        let refused = "grep -q 'Read-only file system'";
        self.run(&format!("touch {} 2>&1 | {refused}", file.display()));
    }

    /// What the kernel had not written is gone.
    fn mend(&self) {
        let (disk, dir) = (self.image.display(), self.place.display());
        self.run(&format!("umount {dir} && mount -o loop {disk} {dir}"));
    }
}

fn says(program: &mut Program, lines: core::ops::Range<usize>) {
    for number in lines {
        program.say(&format!("line {number}"));
    }
}

/// Waits until so many lines of ours were delivered, or accepted.
fn are_told(program: &mut Program, count: usize, what: &str) {
    for _ in 0..count {
        program.told(what);
    }
}

/// It says why, and what to do. What was just being synced fails in another way than what is written later.
fn is_told(ended: &Ended) {
    is_unwritable(ended);
    let ways = ["Read-only file system", "Input/output error"];
    let is_said = ways.iter().any(|why| ended.told.contains(why));
    assert!(is_said, "{}", ended.told);
}

#[test]
fn a_listener_whose_file_system_turns_read_only_ends_and_then_misses_nothing() {
    let (alice, bob) = Home::friends();
    let Some(volume) = Volume::of(&bob) else {
        return;
    };
    let place = free_port().to_string();
    let listen = || Program::start(volume.command(&["listen", &place]));
    let mut listener = listen();
    listening(&mut listener);
    let mut caller = Program::typed_at(alice.command(&["connect", "bob", &place, "--retry"]));
    says(&mut caller, 0..LINES);
    are_told(&mut caller, LINES, "] delivered");
    volume.turn_read_only();
    says(&mut caller, LINES..2 * LINES);
    let ended = listener.end();
    is_told(&ended);
    // All that was delivered, and nothing that could not be written down.
    let mut shown = numbers(&ended.rest);
    assert_eq!(once(&shown), (0..LINES).collect::<Vec<_>>());
    // Of the others none was delivered before that: it would be missing below.
    caller.told("bob left");
    volume.mend();
    let mut listener = listen();
    while once(&shown).len() < 2 * LINES {
        shown.extend(numbers(&listener.said("\tline ")));
    }
    assert_eq!(once(&shown), (0..2 * LINES).collect::<Vec<_>>());
    are_told(&mut caller, LINES, "] delivered");
    caller.say("/quit");
    assert_eq!(caller.end().code, Some(0));
    let rest = listener.kill().rest;
    assert!(numbers(&rest).is_empty(), "{rest}");
}

#[test]
fn a_caller_whose_file_system_turns_read_only_ends_and_what_was_accepted_arrives_later() {
    let (alice, bob) = Home::friends();
    let Some(volume) = Volume::of(&alice) else {
        return;
    };
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let connect = || Program::typed_at(volume.command(&["connect", "bob", &address, "--retry"]));
    let mut caller = connect();
    says(&mut caller, 0..LINES);
    are_told(&mut caller, LINES, "] delivered");
    // From here on nothing is delivered.
    listener.signal(Signal::STOP);
    says(&mut caller, LINES..2 * LINES);
    are_told(&mut caller, LINES, " me [");
    volume.turn_read_only();
    caller.say(&format!("line {}", 2 * LINES));
    let ended = caller.end();
    is_told(&ended);
    let why = "\nnot sent: 1 message could not be written down\n";
    let kept = format!("\n{LINES} messages are kept and will be sent");
    for words in [why, &kept] {
        assert!(ended.transcript.contains(words), "{}", ended.transcript);
    }
    volume.mend();
    listener.signal(Signal::CONT);
    let mut caller = connect();
    let mut shown = Vec::new();
    while once(&shown).len() < 2 * LINES {
        shown.extend(numbers(&listener.said("\tline ")));
    }
    caller.told("secure: ");
    caller.say("the last");
    listener.said("\tthe last");
    caller.say("/quit");
    assert_eq!(caller.end().code, Some(0));
    let shown = once(&numbers(&listener.kill().transcript));
    // Of the line that was refused nobody knows: the disk failed while it was being written.
    assert!(shown.len() <= 2 * LINES + 1, "{shown:?}");
    assert_eq!(shown, (0..shown.len()).collect::<Vec<_>>());
}
