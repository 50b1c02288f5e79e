//! `doctor`: what it finds, what it says for it, and what its report does not say.

use std::fs;
use std::net::UdpSocket;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

#[cfg(unix)]
use crate::control::{Client, PLACES};
use crate::home::{Home, Talk, free_port};
use crate::program::Ended;
#[cfg(unix)]
use crate::program::Program;
use crate::programs::parse;
use crate::waiting::store;

/// The line about one thing: how it is, and what is said about it.
pub(crate) fn line<'a>(ended: &'a Ended, what: &str) -> (&'a str, &'a str) {
    let found = ended
        .rest
        .lines()
        .find(|line| line.get(9..).is_some_and(|rest| rest.starts_with(what)));
    let found = found.unwrap_or_else(|| panic!("no {what:?} in:\n{}", ended.transcript));
    (found[..9].trim_end(), &found[9 + what.len()..])
}

#[test]
fn a_first_user_is_told_what_is_there_and_nothing_is_made() {
    let home = Home::empty();
    let ended = home.attempt(&["doctor"]);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert_eq!(line(&ended, "identity").0, "warn");
    assert!(
        ended.rest.contains("to do: securechat --home"),
        "{}",
        ended.rest
    );
    for what in ["UDP over IPv4", "random numbers", "clock", "known-peers"] {
        assert_eq!(line(&ended, what).0, "ok", "{}", ended.transcript);
    }
    let disk_space = if cfg!(unix) { "ok" } else { "skipped" };
    assert_eq!(line(&ended, "disk space").0, disk_space);
    assert_eq!(line(&ended, "the way to a peer").0, "skipped");
    assert_eq!(line(&ended, "clipboard").0, "skipped");
    assert_eq!(ended.rest.contains("access by others"), cfg!(not(unix)));
    assert_eq!(fs::read_dir(home.path("")).unwrap().count(), 0);
}

#[test]
#[cfg(unix)]
fn files_that_others_can_touch_fail_with_what_mends_them() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let chmod = |name: &str, mode| {
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    chmod("identity.key", 0o644);
    let ended = home.attempt(&["doctor"]);
    assert_eq!(ended.code, Some(5), "{}", ended.transcript);
    assert_eq!(line(&ended, "identity").0, "FAIL");
    assert!(ended.rest.contains("to do: chmod 600 "), "{}", ended.rest);
    chmod("identity.key", 0o600);
    fs::write(home.path("config.toml"), "[history]\nkep = \"off\"\n").unwrap();
    let ended = home.attempt(&["doctor"]);
    assert_eq!(ended.code, Some(1), "{}", ended.transcript);
    assert!(
        line(&ended, "config.toml")
            .1
            .contains("there is no kep in [history]")
    );
    fs::remove_file(home.path("config.toml")).unwrap();
    fs::write(home.path("known-peers"), "bob\n").unwrap();
    let ended = home.attempt(&["doctor"]);
    assert_eq!(line(&ended, "known-peers").0, "FAIL");
    let mended = "to do: Mend that line, or put a # in front of it.";
    assert!(ended.rest.contains(mended), "{}", ended.rest);
    fs::remove_file(home.path("known-peers")).unwrap();
    chmod("", 0o777);
    let ended = home.attempt(&["doctor"]);
    assert_eq!(
        line(&ended, "known-peers").0,
        "FAIL",
        "{}",
        ended.transcript
    );
    chmod("", 0o700);
    assert_eq!(home.attempt(&["doctor"]).code, Some(0));
}

/// Its mode was complained of, as if it were to be kept from others.
#[cfg(unix)]
#[test]
fn a_public_key_file_is_told_from_an_identity_whatever_its_mode() {
    let home = Home::new();
    let file = home.path("identity.pub").display().to_string();
    let ended = home.attempt(&["--identity", &file, "doctor"]);
    assert_eq!(ended.code, Some(1), "{}", ended.transcript);
    let (outcome, says) = line(&ended, "identity");
    assert_eq!(outcome, "FAIL", "{says}");
    assert!(says.contains("it is a public key file"), "{says}");
    assert!(!ended.rest.contains("chmod"), "{}", ended.rest);
}

/// It is what people are given, and stays behind where an identity was restored or copied alone.
#[test]
fn a_public_key_file_of_another_key_is_warned_about() {
    let (alice, bob) = (Home::new(), Home::new());
    let file = alice.path("identity.pub");
    let says = || {
        let ended = alice.run(&["doctor"]);
        let (outcome, says) = line(&ended, "public key file");
        let advice = alice.suggested("pubkey");
        let is_advised = ended.rest.contains(&format!("what this prints: {advice}"));
        (outcome.to_owned(), says.to_owned(), is_advised)
    };
    let (outcome, _, is_advised) = says();
    assert_eq!((outcome.as_str(), is_advised), ("ok", false));
    for (content, wrong) in [
        (bob.key(), "it has another key than yours"),
        ("nothing".to_owned(), "there is no public key in it"),
    ] {
        fs::write(&file, content).unwrap();
        let (outcome, says, is_advised) = says();
        assert_eq!((outcome.as_str(), is_advised), ("warn", true), "{says}");
        assert!(says.contains(wrong), "{says}");
    }
    fs::write(&file, alice.run(&["pubkey"]).rest).unwrap();
    assert_eq!(says().0, "ok");
}

/// The state directory was deleted, perhaps.
#[test]
fn timestamps_that_are_not_there_are_not_taken_for_none_where_there_are_messages() {
    let (alice, _bob) = Home::friends();
    let says = || {
        line(&alice.run(&["doctor"]), "timestamps")
            .1
            .trim()
            .to_owned()
    };
    assert_eq!(says(), "none was used yet");
    alice.run(&["send", "bob", "makes the store", "--no-wait"]);
    assert_eq!(
        says(),
        "not there; which were used is noted with the messages"
    );
}

#[test]
fn a_store_that_is_none_fails_with_what_its_users_are_told() {
    let (alice, _bob) = Home::friends();
    alice.run(&["send", "bob", "makes the store", "--no-wait"]);
    let store = store(&alice);
    let whole = fs::read(&store).unwrap();
    let doctor = alice.run(&["doctor"]);
    assert_eq!(line(&doctor, "messages").0, "ok", "{}", doctor.transcript);
    let noise = [0x5a; 5_000];
    for content in [&[], &whole[..8], &noise] {
        fs::write(&store, content).unwrap();
        let used = alice.attempt(&["history", "show"]);
        used.failed(8, "SC19");
        let doctor = alice.attempt(&["doctor"]);
        assert_eq!(doctor.code, Some(8), "{}", doctor.transcript);
        let (outcome, says) = line(&doctor, "messages");
        assert!(
            outcome == "FAIL" && says.contains("it is damaged"),
            "{says}"
        );
        for told in [&used.told, &doctor.rest] {
            assert!(told.contains(" history export -o FILE"), "{told}");
        }
        assert_eq!(
            fs::read(&store).unwrap(),
            content,
            "looking changes nothing"
        );
    }
    fs::write(&store, &whole).unwrap();
    alice.run(&["doctor"]);
}

/// It was said to change nothing.
#[test]
fn a_peer_that_is_called_gets_what_waits_for_it_and_the_help_says_so() {
    let (alice, bob) = Home::friends();
    crate::waiting::keep(&alice, "for later");
    let (mut listener, address) = bob.listen(&[]);
    alice.run(&["doctor", &address.to_string(), "--peer", "bob"]);
    listener.said("\talice\tfor later");
    for help in [["doctor", "--help"], ["help", "diagnosis"]] {
        let told = alice.run(&help).rest;
        let words: Vec<&str> = told.split_whitespace().collect();
        let told = words.join(" ");
        assert!(told.contains("what waits for that peer is sent"), "{told}");
    }
}

/// It went out, and no history had it: what is kept stands in the settings.
#[test]
fn nobody_is_called_while_the_settings_are_not_understood() {
    let (alice, bob) = Home::friends();
    crate::waiting::keep(&alice, "for later");
    let keep = "[history]\nkeep = \"forever\"\n";
    fs::write(
        alice.path("config.toml"),
        format!("{keep}[ui]\nmodee = 1\n"),
    )
    .unwrap();
    let (mut listener, address) = bob.listen(&[]);
    let report = alice.path("report").display().to_string();
    let there = address.to_string();
    let doctor = ["doctor", &there, "--peer", "bob", "--bundle", &report];
    let ended = alice.attempt(&doctor);
    let (outcome, says) = line(&ended, "the peer's answer");
    assert_eq!(outcome, "skipped", "{}", ended.transcript);
    assert!(says.contains("config.toml is not understood"), "{says}");
    let report = fs::read_to_string(&report).unwrap();
    let settings = "\nsettings\n  config.toml is not understood\n";
    assert!(report.ends_with(settings), "{report}");
    fs::write(alice.path("config.toml"), keep).unwrap();
    alice.run(&doctor[..4]);
    listener.said("\talice\tfor later");
    // Delivered, or waiting for its receipt yet.
    let kept = alice.run(&["history", "show"]).rest;
    assert!(kept.contains("\tfor later"), "{kept}");
}

#[cfg(target_os = "linux")]
#[test]
fn directories_that_cannot_be_written_fail() {
    for home in [Home::empty(), Home::new()] {
        let writable = home.run(&["doctor"]);
        assert_eq!(line(&writable, "directories").0, "ok");
        let Some(namespace) = crate::disks::Namespace::read_only(&home) else {
            return;
        };
        let ended = namespace.run(&home.command(&["doctor"]));
        assert_eq!(ended.code, Some(8), "{}", ended.transcript);
        let (outcome, says) = line(&ended, "directories");
        assert_eq!(outcome, "FAIL", "{}", ended.transcript);
        assert!(says.contains("Read-only file system"), "{says}");
    }
}

#[test]
fn a_closed_port_silence_a_wrong_key_and_an_answer_are_told_apart() {
    let (alice, bob) = Home::friends();
    let closed = free_port().to_string();
    let ended = alice.attempt(&["doctor", &closed]);
    assert_eq!(ended.code, Some(3), "{}", ended.transcript);
    let (outcome, words) = line(&ended, "way there");
    assert!(outcome == "FAIL" && words.contains("this UDP port is closed"));
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hole = silent.local_addr().unwrap().to_string();
    let ended = alice.attempt(&["doctor", &hole]);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(line(&ended, "way there").1.contains("nothing is reported"));
    assert!(line(&ended, "the peer's answer").1.contains("by design"));
    let ended = alice.attempt(&["doctor", &hole, "--peer", "bob"]);
    let (outcome, words) = line(&ended, "the peer's answer");
    assert_eq!(
        (ended.code, outcome),
        (Some(3), "FAIL"),
        "{}",
        ended.transcript
    );
    assert!(words.contains("no answer from bob"), "{words}");
    let whole = "nobody is listening there, or a firewall or NAT drops UDP on the way.";
    assert!(words.contains(whole), "{words}");
    let (_listener, address) = bob.listen(&[]);
    let address = address.to_string();
    let record = alice.path("record");
    let trace = record.display().to_string();
    let ended = alice.attempt(&["doctor", &address, "--peer", "bob", "--trace", &trace]);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(
        line(&ended, "the peer's answer")
            .1
            .contains("bob answers after ")
    );
    assert!(fs::metadata(&record).unwrap().len() > 4_000, "a call");
    let stranger = Home::new();
    stranger.run(&["peers", "add", "bob", &bob.key(), "--address", &address]);
    let ended = stranger.attempt(&["doctor", &address]);
    assert_eq!(
        ended.code,
        Some(4),
        "found by its address: {}",
        ended.transcript
    );
    assert!(
        line(&ended, "the peer's answer")
            .1
            .contains("bob refused the connection")
    );
    let ended = alice.attempt(&["doctor", "no-such-host.invalid:7419"]);
    assert_eq!(ended.code, Some(3), "{}", ended.transcript);
    assert_eq!(line(&ended, "name resolution").0, "FAIL");
}

#[test]
fn a_peer_that_is_not_saved_or_has_no_address_fails() {
    let (alice, _bob) = Home::friends();
    let there = free_port().to_string();
    for args in [
        &["doctor", "--peer", "bbo"][..],
        &["doctor", &there, "--peer", "bbo"],
    ] {
        let ended = alice.attempt(args);
        assert_eq!(ended.code, Some(4), "{}", ended.transcript);
        let (outcome, words) = line(&ended, "the way to a peer");
        assert!(outcome == "FAIL" && words.contains("bbo"), "{words}");
        let meant = "Did you mean \"bob\"?";
        assert!(ended.rest.contains(meant), "{}", ended.rest);
    }
    let ended = alice.attempt(&["doctor", "--peer", "bob"]);
    assert_eq!(ended.code, Some(2), "{}", ended.transcript);
    let (outcome, words) = line(&ended, "the way to a peer");
    assert!(outcome == "FAIL" && words.contains("bob"), "{words}");
}

/// `passphrase_command` is for the profile's own identity: with another key it opens nothing, and nobody is asked.
#[test]
fn a_protected_key_that_nothing_opens_calls_nobody() {
    let (alice, _bob) = Home::friends();
    let key = alice.path("other.key").display().to_string();
    let phrase = alice.path("phrase");
    fs::write(&phrase, "correct horse").unwrap();
    let phrase = phrase.display().to_string();
    alice.run(&["keygen", "-o", &key, "--passphrase-file", &phrase]);
    let settings = "[keys]\npassphrase_command = [\"echo\", \"correct horse\"]\n";
    fs::write(alice.path("config.toml"), settings).unwrap();
    let there = free_port().to_string();
    let ended = alice.attempt(&["doctor", &there, "--peer", "bob", "-i", &key]);
    let (outcome, words) = line(&ended, "the peer's answer");
    let why = "the identity has a passphrase: give --passphrase-file";
    assert!(outcome == "skipped" && words.contains(why), "{words}");
}

#[test]
fn while_a_program_runs_doctor_works_and_leaves_it_alone() {
    let (alice, bob) = Home::friends();
    let mut talk = Talk::between(&alice, &bob);
    let there = talk.address.to_string();
    let record = alice.path("record");
    let trace = record.display().to_string();
    let ended = alice.attempt(&["doctor", &there, "--peer", "bob", "--trace", &trace]);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    assert!(
        line(&ended, "the peer's answer")
            .1
            .contains(&alice.suggested("ping bob"))
    );
    let warned = "--trace records nothing here: nobody is called";
    assert!(ended.transcript.contains(warned), "{}", ended.transcript);
    assert!(!record.exists());
    talk.check();
}

#[test]
fn another_port_is_suggested_for_the_same_home() {
    let alice = Home::new();
    let taken = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let _held = UdpSocket::bind(taken).unwrap();
    let port = "port to listen on";
    let at = |listen: &str| {
        let settings = format!("[net]\nlisten = \"{listen}\"\n");
        fs::write(alice.path("config.toml"), settings).unwrap();
        alice.attempt(&["doctor"])
    };
    let ended = at(&taken.to_string());
    let (outcome, says) = line(&ended, port);
    assert!(
        outcome == "warn" && says.contains("is in use by another program"),
        "{says}"
    );
    let quote = if cfg!(windows) { "" } else { "'" };
    let next = format!("listen {quote}[::]:{}{quote}", taken.port() + 1);
    let told = &ended.rest;
    assert!(told.contains(&alice.suggested(&next)), "{told}");
    // Of the range for documentation, so that it is not ours.
    let ended = at("192.0.2.77:7419");
    assert_eq!(line(&ended, port).0, "FAIL");
    let elsewhere = alice.suggested("listen ADDRESS:PORT");
    assert!(ended.rest.contains(&elsewhere), "{}", ended.rest);
}

#[test]
fn as_json_it_is_one_object() {
    let ended = Home::new().run(&["doctor", "--json"]);
    let object = parse(ended.rest.trim_end());
    let checks = object["checks"].as_array().unwrap();
    assert!(checks.len() > 15 && object["v"] == 1);
    for check in checks {
        let outcome = check["outcome"].as_str().unwrap();
        assert!(
            ["ok", "warn", "fail", "skipped"].contains(&outcome),
            "{check}"
        );
    }
}

#[test]
fn the_report_for_others_has_no_key_no_name_no_address_and_no_message() {
    let (alice, bob) = Home::friends();
    let (mut listener, address) = bob.listen(&[]);
    let there = address.to_string();
    let mut caller = alice.connect("bob", address, &[]);
    caller.say("the treasure lies under the old oak");
    listener.said("treasure");
    caller.leave();
    alice.run(&[
        "peers",
        "add",
        "carol-of-the-hills",
        &Home::new().key(),
        "--address",
        "203.0.113.77:7419",
    ]);
    let config = "[chat]\nnickname = \"alice-in-wonderland\"\n[net]\nlisten = \"127.0.0.9:7466\"\ntrust = \"strict\"\n\
                  [keys]\npassphrase_command = [\"secret-tool\", \"lookup\", \"vault\"]\n";
    fs::write(alice.path("config.toml"), config).unwrap();
    let report = alice.path("report.txt").display().to_string();
    let args = ["doctor", &there, "--peer", "bob", "--bundle", &report];
    let ended = alice.attempt(&args);
    assert_eq!(ended.code, Some(0), "{}", ended.transcript);
    let text = fs::read_to_string(&report).unwrap();
    for expected in [
        "securechat 0.",
        "identity",
        "UDP over IPv4",
        "people: 2",
        "nickname             set",
        // What is no name, address or command has its value.
        "listen               set",
        "trust                Strict",
        "save_addresses       false",
    ] {
        assert!(text.contains(expected), "no {expected:?} in:\n{text}");
    }
    let help = alice.run(&["help", "diagnosis"]).rest;
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let says = "settings (of names, addresses and commands only whether they are set)";
    assert!(words.contains(says), "{help}");
    let port = address.port().to_string();
    let home = alice.path("").display().to_string();
    let mut secrets = vec![
        "bob",
        "carol",
        "alice",
        "wonderland",
        "treasure",
        "oak",
        "secret-tool",
        "vault",
    ];
    secrets.extend(["127.0.0", "203.0.113", "7466", "::1", &port, &home]);
    // How much is free has any digits, and so has a commit.
    let is_of_machine = |line: &&str| line.contains("disk space") || line.contains("commit");
    let lines = text.lines().filter(|line| !is_of_machine(line));
    let searched = lines.collect::<Vec<_>>().join("\n");
    for secret in secrets {
        assert!(
            !searched.contains(secret),
            "{secret:?} is in the report:\n{text}"
        );
    }
    for key in [alice.key(), bob.key()] {
        let hex: String = STANDARD
            .decode(&key)
            .unwrap()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        for part in [&key[..6], &hex[..8]] {
            assert!(
                !text.contains(part),
                "{part:?} of a key is in the report:\n{text}"
            );
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&report).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    alice.attempt(&args).failed(1, "SC21");
    assert_eq!(fs::read_to_string(&report).unwrap(), text);
}

#[cfg(unix)]
#[test]
fn the_control_socket_is_looked_at_in_every_state() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let alice = Home::new();
    let look = |code: i32| {
        let ended = alice.attempt(&["doctor"]);
        assert_eq!(ended.code, Some(code), "{}", ended.transcript);
        ended
    };
    let check = |ended: &Ended, what: &str, word: &str, says: &str| {
        let (outcome, result) = line(ended, what);
        let is_so = outcome == word && result.contains(says);
        assert!(is_so, "{word} {what} {says}:\n{}", ended.transcript);
    };
    let before = look(0);
    check(&before, "runtime directory", "ok", "not there yet");
    check(&before, "control socket", "ok", "while no program runs");
    assert!(!alice.path("run").exists(), "looking makes nothing");
    let (listener, _) = alice.listen(&[]);
    let serves = format!("(pid {}) answers", listener.pid());
    let running = look(0);
    check(&running, "runtime directory", "ok", "yours alone");
    check(&running, "control socket", "ok", &serves);
    let (directory, socket) = (alice.path("run"), alice.path("run/ctl.sock"));
    set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
    set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    let open = look(5);
    check(&open, "control socket", "FAIL", "its mode is 0666");
    check(&open, "runtime directory", "FAIL", "");
    for mends in [
        format!("chmod 600 {}", socket.display()),
        format!("chmod 700 {}", directory.display()),
    ] {
        assert!(open.rest.contains(&mends), "{mends}:\n{}", open.rest);
    }
    set_permissions(&socket, Permissions::from_mode(0o600)).unwrap();
    set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
    listener.kill();
    check(&look(0), "control socket", "warn", "nobody serves it");
    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "mine").unwrap();
    check(&look(1), "control socket", "FAIL", "in the way");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "mine");
}

/// Whoever followed the advice took the socket away from a program that lives.
#[cfg(unix)]
#[test]
fn a_program_that_is_stopped_is_told_from_a_socket_that_nobody_serves() {
    let alice = Home::new();
    let (listener, _) = alice.listen(&[]);
    listener.signal(rustix::process::Signal::STOP);
    let stopped = alice.attempt(&["doctor"]);
    listener.signal(rustix::process::Signal::CONT);
    assert_eq!(stopped.code, Some(1), "{}", stopped.transcript);
    let (outcome, result) = line(&stopped, "control socket");
    assert_eq!(outcome, "FAIL", "{result}");
    assert!(
        result.contains("run/ctl.sock: no answer came in time"),
        "{result}"
    );
    let goes_on = format!("kill -CONT {}", listener.pid());
    let told = &stopped.rest;
    assert!(
        told.contains(&goes_on) && !told.contains("remove"),
        "{told}"
    );
}

/// It was taken for one that was stopped, and the advice was to end it.
#[cfg(unix)]
#[test]
fn a_program_whose_places_for_clients_are_taken_is_not_to_be_killed_first() {
    let alice = Home::new();
    let listen = alice.with_descriptors(4 * PLACES, &["listen", "127.0.0.1:0"]);
    let mut listener = Program::start(listen);
    crate::home::listening(&mut listener);
    let mut clients: Vec<Client> = (0..PLACES).map(|_| Client::of(&alice)).collect();
    for client in &mut clients {
        client.ask("subscribe", &serde_json::json!({}));
    }
    let full = alice.attempt(&["doctor"]);
    assert_eq!(full.code, Some(1), "{}", full.transcript);
    let (outcome, result) = line(&full, "control socket");
    let why = "it is busy, its terminal takes nothing (Ctrl+Q there, if it was Ctrl+S), or it has as many \
               clients as it serves at a time";
    assert!(outcome == "FAIL" && result.ends_with(why), "{result}");
    let close = full.rest.find("close a client");
    let kill = full.rest.find(&format!("kill {}", listener.pid()));
    assert!(close.is_some() && close < kill, "{}", full.rest);
    clients.pop();
    alice.run(&["doctor"]);
}
