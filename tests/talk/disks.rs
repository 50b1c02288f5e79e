//! Disks that are full, refuse, or cannot be written: nothing is lost, and it is said what to do.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::skipped;
use serde_json::{Value, json};

use crate::home::{Home, check, free_port, program};
use crate::program::{Ended, Program};
use crate::programs::{event, parse};
use crate::screen::Person;
use crate::waiting::{keep, numbers, once, store};

/// A command for which a file cannot grow by more than a little over the store as it is.
pub(crate) fn with_little_room(home: &Home, args: &[&str]) -> Command {
    let kib = fs::metadata(store(home)).unwrap().len() / 1024 + 1_000;
    let mut limited = Command::new("bash");
    let script = format!("ulimit -f {kib}; exec \"$0\" \"$@\"");
    let command = home.command(args);
    limited.arg("-c").arg(script).arg(command.get_program());
    limited.args(command.get_args());
    limited
}

pub(crate) fn is_unwritable(ended: &Ended) {
    ended.failed(8, "SC18");
    for words in ["cannot write ", "None is lost now"] {
        assert!(ended.told.contains(words), "{words}: {}", ended.told);
    }
}

#[test]
fn a_disk_that_refuses_ends_a_listener_which_then_misses_nothing() {
    const LINES: usize = 20;
    let (alice, bob) = Home::friends();
    bob.run(&["send", "alice", "makes the store", "--no-wait"]);
    let place = free_port().to_string();
    let listen = with_little_room(&bob, &["listen", &place]);
    let mut listener = Program::start(listen);
    let address = crate::home::listening(&mut listener);
    let mut caller = alice.connect("bob", address, &["--retry", "--linger", "60s"]);
    caller.said("\tbob\tmakes the store");
    for number in 0..LINES {
        // The one in the middle has no room.
        let len = if number == LINES / 2 { 1_500_000 } else { 10 };
        caller.say(&format!("line {number} {}", "x".repeat(len)));
    }
    caller.close();
    let ended = listener.end();
    is_unwritable(&ended);
    let mut shown = numbers(&ended.rest);
    assert!(shown.len() <= LINES / 2, "{shown:?}");
    let (mut listener, _) = bob.listen_at(&address.to_string(), &[]);
    while once(&shown).len() < LINES {
        shown.extend(numbers(&listener.said("\tline ")));
    }
    assert_eq!(once(&shown), (0..LINES).collect::<Vec<_>>());
    assert_eq!(caller.end().code, Some(0));
}

#[test]
fn a_disk_that_refuses_ends_a_caller_and_what_was_accepted_arrives_later() {
    let (alice, bob) = Home::friends();
    keep(&alice, "makes the store");
    let nobody = free_port().to_string();
    let connect = with_little_room(&alice, &["connect", "bob", &nobody, "--retry"]);
    let mut caller = Program::typed_at(connect);
    let mut accepted = 0;
    let accepts = |caller: &mut Program, number: usize| {
        caller.say(&format!("line {number} {}", "x".repeat(4_000)));
        caller.tells(" me [")
    };
    while accepts(&mut caller, accepted) {
        accepted += 1;
    }
    let ended = caller.end();
    let printed = &ended.transcript;
    ended.failed(8, "SC18");
    assert!(printed.contains("\nnot sent: 1 message could not be written down\n"));
    let told = format!("\n{} messages are kept and will be sent", accepted + 1);
    assert!(accepted > 9 && printed.contains(&told), "{accepted}");
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &["--linger", "60s"]);
    check(&mut caller, &mut listener);
    caller.leave();
    let shown = numbers(&listener.kill().transcript);
    assert!(shown.len() >= accepted, "{} of {accepted}", shown.len());
    assert_eq!(once(&shown), (0..shown.len()).collect::<Vec<_>>());
}

/// They had no answer but the error that ended the program, and what was behind them was not counted.
#[test]
fn each_request_whose_message_could_not_be_written_down_has_its_own_answer() {
    let (alice, _bob) = Home::friends();
    alice.knows("carol", &Home::new());
    keep(&alice, "makes the store");
    let nobody = free_port().to_string();
    let connect = ["connect", "bob", &nobody, "--retry", "--json"];
    let mut caller = Program::start(with_little_room(&alice, &connect));
    event(&mut caller, "connecting");
    let send = |id: usize, peer: &str, len: usize| {
        json!({ "cmd": "send", "id": id, "peer": peer, "text": "x".repeat(len) }).to_string()
    };
    // The first has no room; the others share the last page of a pipe with its end.
    let status = |id: usize| json!({ "cmd": "status", "id": id }).to_string();
    caller.say_together(&[send(1, "bob", 1_500_000), send(2, "carol", 9), status(3)]);
    let ended = caller.end();
    assert_eq!(ended.code, Some(8), "{}", ended.told);
    let events: Vec<Value> = ended.rest.lines().map(parse).collect();
    let codes = |id: usize| {
        let answers = events.iter().filter(|it| it["id"] == json!(id));
        answers.map(|it| it["code"].clone()).collect::<Vec<_>>()
    };
    for (id, code) in [(1, "SC18"), (2, "SC14"), (3, "SC40")] {
        assert_eq!(codes(id), [json!(code)], "{id}");
    }
    let last = events.last().unwrap();
    assert_eq!((&last["code"], &last["exit"]), (&json!("SC18"), &json!(8)));
}

/// What a screen says goes with it.
#[test]
fn what_could_not_be_written_down_is_told_behind_a_screen_that_was_closed() {
    let (alice, _bob) = Home::friends();
    keep(&alice, "makes the store");
    let nobody = free_port().to_string();
    let connect = with_little_room(&alice, &["connect", "bob", &nobody, "--retry"]);
    let mut person = Person::runs(connect);
    person.sees("1 queued");
    let text = "x".repeat(1_500_000);
    person.presses(&format!("\u{1b}[200~{text} is too much\u{1b}[201~"));
    person.sees("is too much");
    person.presses("\r");
    let ended = person.ends().0;
    assert_eq!(ended.code, Some(8), "{}", ended.rest);
    let told = ended.transcript.rsplit_once("\u{1b}[?1049l").unwrap().1;
    for words in ["1 message was not taken", "1 message is kept", "SC18"] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// Succeeds where the programs can use a directory: what is above every one belongs to root, or to who runs them. It may not
/// where a user namespace does not know the machine's root.
pub(crate) const KNOWS_ROOT: &str =
    r#"owner=$(stat -c %u /) && { test "$owner" = 0 || test "$owner" = "$(id -u)"; }"#;

/// A process that sees other file systems than we do, and lets others see them too.
pub(crate) struct Namespace {
    holder: Child,
    flags: &'static [&'static str],
}

impl Namespace {
    /// Runs `script` in a namespace of its own; none, after saying so, where that is not allowed.
    fn with(script: &str) -> Option<Self> {
        let namespace = Self::of(script);
        if namespace.is_none() {
            skipped("no mount namespaces on this machine");
        }
        namespace
    }

    /// As [`Namespace::with`], without a word.
    pub(crate) fn of(script: &str) -> Option<Self> {
        let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--user", "--map-root-user"]];
        let enter: [&[&str]; 2] = [
            &["--mount"],
            &["--mount", "--user", "--preserve-credentials"],
        ];
        for (way, flags) in ways.into_iter().zip(enter) {
            let script = format!("{KNOWS_ROOT} && {script} && echo ready && read -r _");
            let mut command = Command::new("unshare");
            command.args(way).args(["sh", "-c", &script]);
            let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
            let Ok(mut holder) = pipes.stderr(Stdio::null()).spawn() else {
                break;
            };
            let mut line = String::new();
            let mut out = BufReader::new(holder.stdout.take().unwrap());
            out.read_line(&mut line).unwrap();
            let namespace = Self { holder, flags };
            if line == "ready\n" {
                return Some(namespace);
            }
        }
        None
    }

    /// Where nothing can be written in somebody's directory.
    pub(crate) fn read_only(home: &Home) -> Option<Self> {
        let dir = home.path("");
        let dir = dir.display();
        Self::with(&format!(
            "mount --bind {dir} {dir} && mount -o remount,bind,ro {dir}"
        ))
    }

    /// The command, in there.
    pub(crate) fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        let pid = self.holder.id().to_string();
        inside.arg("--target").arg(pid).args(self.flags);
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    pub(crate) fn run(&self, command: &Command) -> Ended {
        let mut program = Program::start(self.command(command));
        program.close();
        program.end()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn a_full_disk_takes_no_message_and_loses_none() {
    let (alice, bob) = Home::friends();
    let place = alice.path("tmpfs");
    fs::create_dir(&place).unwrap();
    let (home, small) = (alice.path(""), place.to_str().unwrap());
    let script = format!(
        "mount -t tmpfs -o size=2m,mode=700 none {small} && cp -p {0}/identity.* {0}/known-peers {small}",
        home.display()
    );
    let Some(namespace) = Namespace::with(&script) else {
        return;
    };
    let command = |args: &[&str]| {
        let mut command = program();
        command.arg("--home").arg(&place).args(args);
        command
    };
    let mut kept = 0;
    let ended = loop {
        let text = format!("line {kept} {}", "x".repeat(100_000));
        let ended = namespace.run(&command(&["send", "bob", &text, "--no-wait"]));
        if ended.code != Some(0) {
            break ended;
        }
        kept += 1;
        assert!(kept < 100, "the disk is never full");
    };
    is_unwritable(&ended);
    assert!(
        ended.told.contains("there is no room on the disk"),
        "{}",
        ended.told
    );
    let mut more = Command::new("mount");
    more.args(["-o", "remount,size=64m", small]);
    assert_eq!(namespace.run(&more).code, Some(0));
    let (mut listener, address) = bob.listen(&[]);
    let connect = command(&["connect", "bob", &address.to_string()]);
    let mut caller = Program::start(namespace.command(&connect));
    check(&mut caller, &mut listener);
    caller.leave();
    let shown = once(&numbers(&listener.kill().transcript));
    assert!(kept > 0 && shown.len() >= kept, "{} of {kept}", shown.len());
    assert_eq!(shown, (0..shown.len()).collect::<Vec<_>>());
}

/// A command whose files are not all in one directory.
fn at(dir: &Path, args: &[&str]) -> Command {
    let mut command = program();
    for (name, part) in [("CONFIG", "config"), ("DATA", "data"), ("STATE", "state")] {
        command.env(format!("XDG_{name}_HOME"), dir.join(part));
    }
    command.args(args);
    command
}

#[test]
fn a_store_that_cannot_be_written_starts_nothing() {
    let home = Home::empty();
    let dir = home.path("");
    let run = |args: &[&str]| {
        let mut program = Program::start(at(&dir, args));
        program.close();
        program.end()
    };
    assert_eq!(run(&["keygen", "--no-passphrase"]).code, Some(0));
    let data = dir.join("data");
    let data = data.display();
    let script = format!("mount --bind {data} {data} && mount -o remount,bind,ro {data}");
    let listen = ["listen", "127.0.0.1:0"];
    // Where there is no store yet, and where there is one.
    for _ in 0..2 {
        let Some(namespace) = Namespace::with(&script) else {
            return;
        };
        let ended = namespace.run(&at(&dir, &listen));
        ended.failed(8, "SC18");
        assert!(ended.told.contains("it is read-only"), "{}", ended.told);
        let mut listener = Program::start(at(&dir, &listen));
        crate::home::listening(&mut listener);
        listener.kill();
    }
}

#[test]
fn a_home_that_is_read_only_is_told_as_such_by_whatever_would_write_there() {
    let (alice, _bob) = Home::friends();
    alice.run(&["send", "bob", "makes the store", "--no-wait"]);
    let Some(namespace) = Namespace::read_only(&alice) else {
        return;
    };
    let key = Home::new().key();
    let commands: [&[&str]; 5] = [
        &["listen", "127.0.0.1:0"],
        &["send", "bob", "hello", "--no-wait"],
        &["peers", "add", "carol", &key],
        &["keygen", "--force", "--no-passphrase"],
        &[
            "history",
            "export",
            "-o",
            &alice.path("all").display().to_string(),
        ],
    ];
    for args in commands {
        let ended = namespace.run(&alice.command(args));
        ended.failed(8, "SC18");
        let says = "Read-only file system";
        assert!(ended.told.contains(says), "{args:?}: {}", ended.told);
    }
    let shown = namespace.run(&alice.command(&["peers", "list"]));
    assert_eq!(shown.code, Some(0), "{}", shown.transcript);
}

/// Only the process number, six bytes in the lock file, could not be written.
#[test]
fn what_is_kept_on_a_read_only_disk_can_be_looked_at_and_written_out_elsewhere() {
    let (alice, _bob) = Home::friends();
    alice.run(&["send", "bob", "kept for later", "--no-wait"]);
    let elsewhere = Home::empty();
    // With the lock file, and where there never was one.
    for number in 0..2 {
        let Some(namespace) = Namespace::read_only(&alice) else {
            return;
        };
        let run = |args: &[&str]| {
            let ended = namespace.run(&alice.command(args));
            assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.transcript);
            ended.transcript
        };
        let all = elsewhere
            .path(&format!("all{number}"))
            .display()
            .to_string();
        for args in [&["history", "show"][..], &["history", "search", "later"]] {
            assert!(run(args).contains("\twaiting\tkept for later"), "{args:?}");
        }
        assert!(run(&["status"]).contains("waiting: 1 to be sent"));
        run(&["history", "export", "-o", &all]);
        let written = fs::read_to_string(&all).unwrap();
        assert!(written.contains("\twaiting\tkept for later\n"), "{written}");
        let purge = namespace.run(&alice.command(&["history", "purge", "--all", "--yes"]));
        purge.failed(8, "SC18");
        drop(namespace);
        for entry in fs::read_dir(alice.path("")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "lock") {
                fs::remove_file(path).unwrap();
            }
        }
    }
}

/// What would have made room needed room.
#[test]
fn what_is_kept_on_a_full_disk_can_be_looked_at_and_deleted() {
    let (alice, bob) = Home::friends();
    fs::write(alice.path("config.toml"), "[history]\nkeep = \"forever\"\n").unwrap();
    let (mut listener, address) = bob.listen(&[]);
    let address = address.to_string();
    alice.run(&["send", "bob", "long ago", "--address", &address]);
    listener.said("\tlong ago");
    listener.kill();
    let place = alice.path("tmpfs");
    fs::create_dir(&place).unwrap();
    let (home, small) = (alice.path(""), place.to_str().unwrap());
    let script = format!(
        "mount -t tmpfs -o size=3m,mode=700 none {small} && cp -p {0}/[0-9a-f]* {0}/identity.* {0}/known-peers {0}/config.toml {small} \
         && {{ cat /dev/zero > {small}/fill 2>&-; true; }}",
        home.display()
    );
    let Some(namespace) = Namespace::with(&script) else {
        return;
    };
    let run = |args: &[&str]| {
        let mut command = program();
        command.arg("--home").arg(&place).args(args);
        let ended = namespace.run(&command);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.transcript);
        ended.transcript
    };
    assert!(run(&["history", "show"]).contains("\tlong ago"));
    let all = home.join("all").display().to_string();
    run(&["history", "export", "-o", &all]);
    assert!(fs::read_to_string(&all).unwrap().contains("\tlong ago\n"));
    let purged = run(&["history", "purge", "--all", "--yes"]);
    assert!(purged.contains("1 message deleted"), "{purged}");
}

#[test]
fn a_record_that_has_no_room_ends_and_is_told_once_and_the_conversation_goes_on() {
    let (alice, bob) = Home::friends();
    let place = alice.path("tmpfs");
    fs::create_dir(&place).unwrap();
    let small = place.display();
    // Two pages for the record and one for the keys.
    let script = format!("mount -t tmpfs -o size=12k,mode=700 none {small}");
    let Some(namespace) = Namespace::with(&script) else {
        return;
    };
    let (mut listener, address) = bob.listen(&[]);
    let [trace, keys] = ["trace", "keys"].map(|name| place.join(name).display().to_string());
    let address = address.to_string();
    let connect = [
        "connect",
        "bob",
        &address,
        "--trace",
        &trace,
        "--trace-keys",
        &keys,
    ];
    let mut caller = Program::start(namespace.command(&alice.command(&connect)));
    for _ in 0..20 {
        check(&mut caller, &mut listener);
    }
    caller.told(": the record of datagrams ends here: No space left on device");
    check(&mut caller, &mut listener);
    let ended = caller.leave();
    assert_eq!(ended.code, Some(0));
    let told = ended.transcript.matches("ends here").count();
    assert_eq!(told, 1, "{}", ended.transcript);
    listener.kill();
}
