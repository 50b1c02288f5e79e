//! `config.toml`, as far as it is about talking.

use std::fs;

use crate::home::{Home, check, free_port, listening};
#[cfg(target_os = "linux")]
use crate::{home::program, program::Program};

fn settle(home: &Home, text: &str) {
    fs::write(home.path("config.toml"), text).unwrap();
}

#[test]
fn where_to_listen_can_be_settled_and_an_address_in_the_command_wins() {
    let bob = Home::new();
    let [settled, other] = [free_port(), free_port()];
    settle(&bob, &format!("[net]\nlisten = \"{settled}\"\n"));
    let mut program = bob.start(&["listen"]);
    assert_eq!(listening(&mut program), settled);
    program.kill();
    let mut program = bob.start(&["listen", &other.to_string()]);
    assert_eq!(listening(&mut program), other);
}

/// The same command was suggested once more, or `listen` for `daemon` and `connect`.
#[test]
fn a_settled_address_of_another_network_leads_to_a_command_that_works() {
    let bob = Home::new();
    settle(&bob, "[net]\nlisten = \"192.0.2.1:0\"\n");
    let commands: &[&str] = if cfg!(unix) {
        &["listen", "daemon"]
    } else {
        &["listen"]
    };
    for command in commands {
        let ended = bob.attempt(&[command]);
        ended.failed(3, "SC12");
        let told = format!(
            "error: cannot listen on 192.0.2.1:0: that is no address of this machine  [SC12]\n\
             \x20 The address is that of [net] listen in {}.\n\
             \x20 try: {}\n",
            bob.path("config.toml").display(),
            bob.suggested(&format!("{command} 0"))
        );
        assert_eq!(ended.told, told);
        listening(&mut bob.start(&[command, "0"]));
    }
}

#[test]
fn an_address_to_call_from_that_is_not_ours_leads_to_no_other_command() {
    let (alice, _bob) = Home::friends();
    let address = free_port().to_string();
    let ended = alice.attempt(&["connect", "bob", &address, "--bind", "192.0.2.1"]);
    ended.failed(3, "SC12");
    let told = "error: cannot listen on 192.0.2.1:0: that is no address of this machine  [SC12]\n\
                \x20 Without --bind the system chooses one that it has.\n";
    assert_eq!(ended.told, told);
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_is_no_file_that_is_not_there() {
    use std::os::unix::fs::symlink;
    let (alice, bob) = (Home::new(), Home::new());
    let key = bob.key();
    let commands: [(&str, &[&str]); 3] = [
        ("config.toml", &["listen", "127.0.0.1:0"]),
        ("known-peers", &["peers", "list"]),
        ("known-peers", &["peers", "add", "bob", &key]),
    ];
    for (name, args) in commands {
        let link = alice.path(name);
        symlink("gone/away", &link).unwrap();
        let ended = alice.attempt(args);
        ended.failed(1, "SC24");
        let says = format!("{name} is a link that points to nothing");
        assert!(ended.told.contains(&says), "{}", ended.told);
        let doctor = alice.attempt(&["doctor"]);
        assert_eq!(doctor.code, Some(1), "{}", doctor.transcript);
        assert!(doctor.rest.contains(&says), "{}", doctor.transcript);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let advice = format!("rm {}", link.display());
        assert!(ended.told.contains(&advice), "{}", ended.told);
        fs::remove_file(&link).unwrap();
        assert_eq!(alice.attempt(&["peers", "list"]).code, Some(0));
    }
}

/// As stow links whole directories, which may lie on a disk that is not mounted.
#[cfg(target_os = "linux")]
#[test]
fn a_directory_that_is_a_link_to_nothing_is_no_directory_that_is_not_there() {
    use std::os::unix::fs::symlink;
    let elsewhere = Home::new();
    let (bob, key) = (elsewhere.key(), elsewhere.path("identity.key"));
    let history = ["history", "show", "-i", key.to_str().unwrap()];
    let commands: [(&str, &[&str]); 6] = [
        ("data", &history),
        ("config", &["listen", "127.0.0.1:0"]),
        ("config", &["peers", "list"]),
        ("config", &["peers", "add", "bob", &bob]),
        ("data", &["pubkey"]),
        ("data", &["keygen", "--no-passphrase"]),
    ];
    for (kind, args) in commands {
        let home = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| {
            let mut command = program();
            for kind in ["config", "data", "state"] {
                let variable = format!("XDG_{}_HOME", kind.to_uppercase());
                command.env(variable, home.path().join(kind));
            }
            command.args(args);
            Program::start(command).end()
        };
        let link = home.path().join(kind).join("securechat");
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        if kind == "config" {
            assert_eq!(run(&["keygen", "--no-passphrase"]).code, Some(0));
        }
        symlink(home.path().join("not/mounted"), &link).unwrap();
        let ended = run(args);
        ended.failed(1, "SC24");
        let says = format!("{} is a link that points to nothing", link.display());
        assert!(ended.told.contains(&says), "{}", ended.told);
        let doctor = run(&["doctor"]);
        assert!(doctor.rest.contains(&says), "{}", doctor.transcript);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_settled_name_is_suggested_to_strangers_unless_the_command_has_another() {
    use crate::terminal;
    let suggested = |args: &[&str]| {
        let (alice, bob) = (Home::new(), Home::new());
        settle(&alice, "[chat]\nnickname = \"carol\"\n");
        let (mut listener, address) = terminal::listen(&bob, &[]);
        let _caller = alice.call(&bob, address, args);
        listener.said("an unknown key suggests to be called ")
    };
    assert!(suggested(&[]).trim_end().ends_with(" \"carol\""));
    let given = suggested(&["--nickname", "dave"]);
    assert!(given.trim_end().ends_with(" \"dave\""), "{given}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_nobody_can_have_is_not_suggested() {
    let (alice, bob) = (Home::new(), Home::new());
    let key = bob.key();
    let connect = ["connect", "--peer-key", &key, "127.0.0.1:7419"];
    for command in [&connect[..], &["listen", "127.0.0.1:0"]] {
        let ended = alice.attempt(&[command, &["--nickname", "Alice"]].concat());
        ended.failed(2, "SC29");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_is_asked_where_that_is_settled_unless_the_command_says_so() {
    use crate::terminal;
    let (alice, bob) = (Home::new(), Home::new());
    settle(&bob, "[net]\ntrust = \"strict\"\n");
    let (listener, address) = terminal::listen(&bob, &[]);
    alice.call(&bob, address, &[]).end().failed(4, "SC10");
    drop(listener);
    let (mut listener, address) = terminal::listen(&bob, &["--trust", "ask"]);
    let _caller = alice.call(&bob, address, &[]);
    listener.said("an unknown key calls from 127.0.0.1:");
}

const SAVE: &str = "[net]\nsave_addresses = true\n";

/// The addresses that are saved, in the order of the file.
fn saved(home: &Home) -> Vec<String> {
    let known = home.known_peers();
    let words = known.split_whitespace();
    let addresses = words.filter_map(|word| word.strip_prefix("addr="));
    addresses.map(str::to_owned).collect()
}

/// Adds what only its owner understands to known-peers.
fn annotate(home: &Home) {
    let known = home
        .known_peers()
        .replace("\nbob ", "\n# met at the fair\nbob ");
    let known = known.trim_end().to_owned() + " colour=green # tall\n";
    fs::write(home.path("known-peers"), known).unwrap();
}

#[test]
fn where_somebody_has_answered_is_saved_once_if_that_is_settled() {
    let (alice, bob) = Home::friends();
    settle(&alice, SAVE);
    annotate(&alice);
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    caller.told(&format!("saved as an address of bob: {address}"));
    check(&mut caller, &mut listener);
    caller.leave();
    assert_eq!(saved(&alice), [address.to_string()]);
    let known = alice.known_peers();
    for kept in ["\n# met at the fair\nbob ", " colour=green", " # tall\n"] {
        assert!(known.contains(kept), "{known}");
    }
    // From now on the name is enough, and what is given again is there already.
    for args in [
        &["connect", "bob"][..],
        &["connect", "bob", &address.to_string()],
    ] {
        let mut caller = alice.start(args);
        caller.told("secure: bob");
        check(&mut caller, &mut listener);
        let ended = caller.leave();
        assert!(
            !ended.transcript.contains("saved as"),
            "{}",
            ended.transcript
        );
    }
    assert_eq!(saved(&alice), [address.to_string()]);
}

#[test]
fn no_address_is_saved_unless_that_is_settled() {
    for text in ["", "[net]\nsave_addresses = false\n"] {
        let (alice, bob) = Home::friends();
        settle(&alice, text);
        let (mut listener, address) = bob.listen(&[]);
        let mut caller = alice.connect("bob", address, &[]);
        check(&mut caller, &mut listener);
        caller.leave();
        assert!(saved(&alice).is_empty());
    }
}

#[test]
fn neither_where_somebody_calls_from_is_saved_nor_where_nobody_has_answered() {
    let (alice, bob) = Home::friends();
    settle(&bob, SAVE);
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
    caller.leave();
    assert!(saved(&bob).is_empty());
    settle(&alice, SAVE);
    let nobody = free_port();
    let ended = alice.connect("bob", nobody, &["--timeout", "1s"]).end();
    assert_eq!(ended.code, Some(3), "{}", ended.transcript);
    assert!(saved(&alice).is_empty());
    // He is where he was, and not where the command says.
    let there = address.to_string();
    alice.run(&["peers", "remove", "bob"]);
    alice.run(&["peers", "add", "bob", &bob.key(), "--address", &there]);
    let mut caller = alice.connect("bob", nobody, &[]);
    caller.told(&format!("secure: bob at {there}"));
    check(&mut caller, &mut listener);
    caller.leave();
    assert_eq!(saved(&alice), [there]);
}

#[test]
fn an_address_that_cannot_be_saved_is_told_and_ends_nothing() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let mut caller = alice.connect("bob", address, &[]);
    check(&mut caller, &mut listener);
    caller.leave();
    // What bob has shown of himself is written down by now, and there is nothing else to write.
    assert!(alice.known_peers().contains(" sign="));
    settle(&alice, SAVE);
    let lock = alice.path(".known-peers.lock");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let mut caller = alice.connect("bob", address, &[]);
    caller.told("known-peers.lock");
    check(&mut caller, &mut listener);
    let ended = caller.leave();
    assert_eq!(
        ended.transcript.matches("error: ").count(),
        1,
        "{}",
        ended.transcript
    );
    assert!(saved(&alice).is_empty());
}

/// The full screen, or nothing.
const SCREEN: &str = "[ui]\nmode = \"tui\"\n";

#[test]
fn where_the_full_screen_is_settled_nothing_begins_without_a_terminal() {
    let (alice, bob) = Home::friends();
    alice.run(&["send", "bob", "from before", "--no-wait"]);
    settle(&alice, SCREEN);
    let (mut listener, address) = bob.listen(&[]);
    let there = address.to_string();
    let connect = ["connect", "bob", &there];
    for args in [&connect[..], &["listen", "127.0.0.1:0"], &[]] {
        let ended = alice.attempt(args);
        ended.failed(1, "SC45");
        let told = format!(
            "error: there is no full screen here: standard input is no terminal  [SC45]\n\
             \x20 [ui] mode in {} is \"tui\": that, or nothing.\n\
             \x20 With --plain, or with mode = \"auto\", lines will do.\n\
             \x20 try: {}\n",
            alice.path("config.toml").display(),
            alice.suggested("help config"),
        );
        assert_eq!((ended.told, ended.rest), (told, String::new()), "{args:?}");
    }
    // What shows no conversation goes on, and so does whoever wants lines or events.
    let doctor = alice.attempt(&["doctor"]).rest;
    let says = "this is none: with [ui] mode = \"tui\" no conversation opens here";
    assert!(doctor.contains(says), "{doctor}");
    alice.run(&["peers", "list"]);
    alice.run(&["ping", "bob", &there, "--count", "1"]);
    listening(&mut alice.start(&["listen", "127.0.0.1:0", "--plain"]));
    let mut events = alice.start(&["listen", "127.0.0.1:0", "--json"]);
    crate::programs::listening(&mut events);
    events.kill();
    let mut caller = alice.start(&[&connect[..], &["--plain"]].concat());
    listener.said("from before");
    check(&mut caller, &mut listener);
    caller.leave();
    alice.run(&["send", "bob", "afterwards", "--address", &there]);
    listener.said("afterwards");
}

/// Lines called nobody, whatever was settled.
#[cfg(target_os = "linux")]
#[test]
fn in_lines_a_message_calls_whom_the_settings_have_called() {
    use crate::program::until;
    use crate::terminal::{listen, quit, start};
    let (alice, bob) = Home::friends();
    let told = bob.path("told");
    let command = format!("command = [\"sh\", \"-c\", \"cat >> {}\"]", told.display());
    let settings = format!("[notify]\nbell = true\ndesktop = \"sender\"\n{command}\n");
    settle(&bob, &settings);
    let mut listener = bob.command(&["listen", "127.0.0.1:0"]);
    listener.env("TERM", "xterm");
    let mut listener = start(listener);
    let line = listener.said("listening on ");
    let address = line.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
    let mut caller = alice.connect("bob", address, &[]);
    caller.say("one");
    listener.said(" alice: one");
    listener.shown("\u{1b}]9;message from alice\u{7}\u{7}");
    // One a second: the others are counted.
    caller.say_together(&["two", "three", "four"].map(str::to_owned));
    listener.shown(" more message");
    until("the command was told", || {
        let told = fs::read_to_string(&told).ok()?;
        (told.starts_with("message from alice\n") && told.contains(" more message")).then_some(())
    });
    quit(listener);
    caller.leave();
    settle(&bob, "");
    let (mut listener, address) = listen(&bob, &[]);
    let mut caller = alice.connect("bob", address, &[]);
    caller.say("one");
    listener.said(" alice: one");
    let ended = quit(listener);
    assert!(!ended.transcript.contains('\u{7}'), "{}", ended.transcript);
}

#[cfg(target_os = "linux")]
#[test]
fn where_the_full_screen_is_settled_a_terminal_shows_it_unless_the_command_wants_lines() {
    use crate::screen::Person;
    use crate::terminal::{open_pair, start_on};
    let alice = Home::new();
    settle(&alice, SCREEN);
    let listen = ["listen", "127.0.0.1:0"];
    let mut person = Person::starts(&alice, &listen);
    person.sees("/myid");
    person.says("/quit");
    let (ended, ..) = person.ends();
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    let on_terminal = |term: &str, args: &[&str]| {
        let (ours, theirs) = open_pair();
        let mut command = alice.command(args);
        command.env("TERM", term).env_remove("ACCESSIBLE");
        start_on(command, ours, &theirs)
    };
    let ended = on_terminal("dumb", &listen).end();
    assert_eq!(ended.code, Some(1), "{}", ended.transcript);
    let why = "there is no full screen here: the terminal cannot move its cursor, as TERM says";
    assert!(ended.transcript.contains(why), "{}", ended.transcript);
    let mut lines = on_terminal("xterm", &[&listen[..], &["--plain"]].concat());
    lines.said("listening on ");
    lines.say("/quit");
    let ended = lines.end();
    assert!(
        !ended.transcript.contains("\u{1b}[?1049h"),
        "{}",
        ended.transcript
    );
}
