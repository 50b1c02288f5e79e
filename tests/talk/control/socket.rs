//! Whose the socket is, and where it can be.

use std::path::Path;

use super::*;
use crate::home::free_port;

#[test]
fn the_socket_is_its_owners_alone_and_goes_with_the_program() {
    let home = Home::new();
    let (program, _) = daemon(&home);
    let mode = |path: &str| fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run"), mode("run/ctl.sock")), (0o700, 0o600));
    program.signal(Signal::TERM);
    let ended = program.end();
    assert_eq!(ended.code, Some(143), "{}", ended.transcript);
    assert!(!home.path("run/ctl.sock").exists());
}

/// Does something as another user of this machine, which only root can become; none, after saying so, for others.
#[cfg(target_os = "linux")]
fn as_another_user<R: Send + 'static>(act: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    use rustix::process::{Uid, geteuid};
    if !geteuid().is_root() {
        skipped("not running as root, who alone can be another user");
        return None;
    }
    let become_and_act = move || {
        // The system keeps users by thread, so that the others stay who they are.
        let nobody = Uid::from_raw(65_534);
        rustix::thread::set_thread_res_uid(None, nobody, None).unwrap();
        act()
    };
    let thread = std::thread::Builder::new().spawn(become_and_act).unwrap();
    Some(thread.join().unwrap())
}

#[cfg(target_os = "linux")]
fn open_to_all(home: &Home, modes: &[(&str, u32)]) {
    for (name, mode) in modes {
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(*mode)).unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn another_user_is_kept_out_by_the_directory_and_refused_without_it() {
    let home = Home::new();
    let (_daemon, _) = daemon(&home);
    open_to_all(&home, &[("", 0o711), ("run/ctl.sock", 0o666)]);
    let path = home.path("run/ctl.sock");
    let there = path.clone();
    let Some(kept_out) = as_another_user(move || UnixStream::connect(there)) else {
        return;
    };
    assert_eq!(kept_out.unwrap_err().kind(), ErrorKind::PermissionDenied);
    open_to_all(&home, &[("run", 0o711)]);
    let refused = as_another_user(move || {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may be closed before this is written.
        let hello = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hello\"}\n";
        let _ = stream.write_all(hello.as_bytes());
        let mut line = String::new();
        let read = BufReader::new(stream).read_line(&mut line);
        (read.unwrap_or(0), line)
    });
    assert_eq!(refused, Some((0, String::new())), "closed without a word");
    let mut ours = Client::of(&home);
    assert_eq!(ours.ask("hello", &json!({}))["key"], json!(home.key()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_another_user_serves_is_not_talked_to() {
    let home = Home::new();
    fs::create_dir(home.path("run")).unwrap();
    open_to_all(&home, &[("", 0o711), ("run", 0o777)]);
    let path = home.path("run/ctl.sock");
    let Some(_listener) = as_another_user(move || UnixListener::bind(path).unwrap()) else {
        return;
    };
    open_to_all(&home, &[("run", 0o700)]);
    let ended = home.attempt(&["status"]);
    ended.failed(1, "SC41");
    let words = "another user of this machine is at the other end";
    assert!(ended.told.contains(words), "{}", ended.told);
}

#[test]
fn a_directory_that_others_can_enter_is_refused() {
    let home = Home::new();
    fs::create_dir(home.path("run")).unwrap();
    fs::set_permissions(home.path("run"), fs::Permissions::from_mode(0o755)).unwrap();
    home.attempt(&["daemon", "127.0.0.1:0"]).failed(5, "SC02");
}

#[test]
fn what_is_served_in_a_directory_that_others_can_enter_is_not_talked_to() {
    let home = Home::new();
    fs::create_dir(home.path("run")).unwrap();
    let listener = UnixListener::bind(home.path("run/ctl.sock")).unwrap();
    listener.set_nonblocking(true).unwrap();
    fs::set_permissions(home.path("run"), fs::Permissions::from_mode(0o777)).unwrap();
    for command in [&["status"][..], &["send", "bob", "a secret"]] {
        home.attempt(command).failed(5, "SC02");
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
    // Where nothing is served nobody is asked.
    fs::remove_file(home.path("run/ctl.sock")).unwrap();
    home.run(&["status"]);
}

#[test]
fn a_killed_daemon_is_followed_by_another_on_the_same_socket() {
    let home = Home::new();
    let (program, _) = daemon(&home);
    program.kill();
    assert!(home.path("run/ctl.sock").exists(), "nobody has removed it");
    let (_program, _) = daemon(&home);
    let mut client = Client::of(&home);
    assert_eq!(client.ask("hello", &json!({}))["key"], json!(home.key()));
}

/// logind removes it when its user logs out everywhere, and the program may go on.
#[test]
fn a_daemon_whose_runtime_directory_is_removed_makes_it_anew() {
    let home = Home::new();
    let (mut program, _) = daemon(&home);
    let mut early = Client::of(&home);
    early.ask("subscribe", &json!({}));
    // In one step: a socket that is made anew meanwhile would be in the way.
    let aside = home.path("aside");
    fs::rename(home.path("run"), &aside).unwrap();
    fs::remove_dir_all(aside).unwrap();
    program.told("the control socket was gone, and is there again");
    let mode = |path: &str| fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run"), mode("run/ctl.sock")), (0o700, 0o600));
    let status = home.run(&["status"]).rest;
    assert!(status.contains("listening on: 127.0.0.1:"), "{status}");
    early.ask("quit", &json!({}));
    assert_eq!(early.event("end")["exit"], json!(0));
    program.end();
    assert!(!home.path("run/ctl.sock").exists());
}

/// `nc -N -U` does so at the end of its input.
#[test]
fn who_closes_its_half_is_answered_and_told_of_what_it_subscribed_to() {
    let (alice, _bob) = Home::friends();
    let (_daemon, _) = daemon(&alice);
    let half_closed = |method, params: &Value| {
        let mut client = Client::of(&alice);
        client.request(method, params);
        client.lines.get_ref().shutdown(Shutdown::Write).unwrap();
        client
    };
    let mut listening = half_closed("subscribe", &json!({}));
    assert_eq!(listening.answer()["result"]["unheard"], json!(0));
    let message = json!({ "peer": "bob", "text": "hi", "wait_ms": 500 });
    let mut asking = half_closed("send", &message);
    assert_eq!(asking.answer()["error"]["data"]["code"], "SC14");
    let nothing_more = asking.lines.read_line(&mut String::new());
    assert_eq!(nothing_more.unwrap(), 0);
    assert_eq!(listening.event("message")["text"], "hi");
}

/// It was dropped without a word, where standard input takes it.
#[test]
fn a_last_request_without_a_break_is_done() {
    let home = Home::new();
    let (_daemon, _) = daemon(&home);
    let mut client = Client::of(&home);
    let request = r#"{"jsonrpc":"2.0","id":0,"method":"hello"}"#;
    let lines = client.lines.get_mut();
    lines.write_all(request.as_bytes()).unwrap();
    lines.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.answer()["result"]["v"], json!(1));
}

#[test]
fn a_path_that_is_too_long_for_a_socket_says_so() {
    let home = Home::empty();
    let deep = home.path(&"d".repeat(100));
    let start = |args: &[&str]| {
        let mut command = program();
        command.arg("--home").arg(&deep).args(args);
        Program::start(command)
    };
    assert_eq!(start(&["keygen", "--no-passphrase"]).end().code, Some(0));
    let ended = start(&["daemon", "127.0.0.1:0"]).end();
    ended.failed(1, "SC41");
    assert!(
        ended.told.contains("use a shorter --home"),
        "{}",
        ended.told
    );
    // A conversation goes on without it.
    let mut listener = start(&["listen", "127.0.0.1:0"]);
    listener.told("[SC41]");
    listener.told("listening on");
}

/// A user whose files are in `user/securechat`, and whose sockets are in `runtime` there.
fn in_environment(user: &Path, runtime: &str, args: &[&str]) -> Program {
    let mut command = program();
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
        command.env(name, user);
    }
    command.env("XDG_RUNTIME_DIR", user.join(runtime));
    command.args(args);
    Program::start(command)
}

/// A daemon that cron had started, and a command of its user at a terminal, did not find each other.
#[test]
fn a_program_that_was_started_without_a_session_is_found_from_one() {
    let user = tempfile::tempdir().unwrap();
    let files = user.path().join("securechat");
    let in_session = |args: &[&str]| in_environment(user.path(), "session", args);
    assert_eq!(
        in_session(&["keygen", "--no-passphrase"]).end().code,
        Some(0)
    );
    let mut command = program();
    command
        .arg("--home")
        .arg(&files)
        .args(["daemon", "127.0.0.1:0"]);
    let mut daemon = Program::start(command);
    daemon.told("listening on");
    let is_found = || {
        let status = in_session(&["status"]).end();
        let words = "  listening on: 127.0.0.1:";
        assert!(status.rest.contains(words), "{}", status.transcript);
    };
    is_found();
    // Nor does what others could have put into the usual place hide it.
    let usual = user.path().join("session/securechat");
    fs::create_dir_all(&usual).unwrap();
    fs::set_permissions(&usual, fs::Permissions::from_mode(0o777)).unwrap();
    let _others = UnixListener::bind(usual.join("ctl.sock")).unwrap();
    is_found();
    daemon.kill();
    in_session(&["status"]).end().failed(5, "SC02");
}

/// It was said that no program runs.
#[test]
fn where_a_program_has_its_socket_elsewhere_status_says_where_it_was_looked_for() {
    let user = tempfile::tempdir().unwrap();
    let keygen = in_environment(user.path(), "one", &["keygen", "--no-passphrase"]);
    assert_eq!(keygen.end().code, Some(0));
    let mut daemon = in_environment(user.path(), "one", &["daemon", "127.0.0.1:0"]);
    daemon.told("listening on");
    let status = in_environment(user.path(), "two", &["status"]).end();
    let two = user.path().join("two/securechat/ctl.sock");
    for words in [
        format!("  open in another securechat (pid {})", daemon.pid()),
        format!("\n    {}\n", two.display()),
        "  another XDG_RUNTIME_DIR: give both the same one.\n".to_owned(),
    ] {
        assert!(status.rest.contains(&words), "{}", status.transcript);
    }
    let json = in_environment(user.path(), "two", &["status", "--json"]).end();
    let json: Value = serde_json::from_str(json.rest.trim_end()).unwrap();
    let said = [&json["running"], &json["held"], &json["pid"]];
    assert_eq!(said, [&json!(false), &json!(true), &json!(daemon.pid())]);
}

/// After `su USER`, without a `-`, they refused: a message was neither sent nor kept.
#[cfg(target_os = "linux")]
#[test]
fn a_runtime_directory_of_another_user_stops_neither_programs_nor_commands() {
    use crate::doctor::line;
    if !rustix::process::geteuid().is_root() {
        skipped("not running as root, who alone can be another user");
        return;
    }
    if Path::new("/run/user/0").exists() {
        skipped("there is a runtime directory of this user, which is not for tests");
        return;
    }
    let user = tempfile::tempdir().unwrap();
    let other = user.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&other, Some(65_534), None).unwrap();
    let after_su = |args: &[&str]| in_environment(user.path(), "other", args);
    let keygen = after_su(&["keygen", "--no-passphrase"]).end();
    assert_eq!(keygen.code, Some(0), "{}", keygen.transcript);
    let mut daemon = after_su(&["daemon", "127.0.0.1:0"]);
    let words = format!(
        "XDG_RUNTIME_DIR is not used, since {} is another user's; the control socket is {}",
        other.display(),
        user.path().join("securechat/run/ctl.sock").display()
    );
    daemon.told(&words);
    daemon.told("listening on");
    for runtime in ["other", "session"] {
        let status = in_environment(user.path(), runtime, &["status"]).end();
        let words = "  listening on: 127.0.0.1:";
        assert!(status.rest.contains(words), "{}", status.transcript);
    }
    let doctor = after_su(&["doctor"]).end();
    let (outcome, words) = line(&doctor, "XDG_RUNTIME_DIR");
    assert_eq!(outcome, "warn");
    assert!(
        words.ends_with(" is another user's: it is not used"),
        "{words}"
    );
    assert_eq!(line(&doctor, "runtime directory").0, "ok");
}

/// A file of no name that was only thought of was told of.
#[test]
fn a_file_in_the_place_of_the_directory_is_named() {
    let home = Home::new();
    fs::write(home.path("run"), "").unwrap();
    let ended = home.attempt(&["daemon", "127.0.0.1:0"]);
    ended.failed(1, "SC24");
    let words = format!("cannot read {}: ", home.path("run").display());
    assert!(ended.told.contains(&words), "{}", ended.told);
}

/// systemd writes what it says into a journal, which is on the disk and which others may read.
#[test]
fn a_quiet_daemon_says_nothing_of_who_talks_with_whom() {
    let (alice, bob) = Home::friends();
    let place = free_port();
    let there = place.to_string();
    let told = |flags: &[&str]| {
        let daemon = alice.start(&[&["daemon", &there], flags].concat());
        let mut other = bob.connect("alice", place, &["--retry"]);
        other.told("secure: alice");
        let mut bot = Client::of(&alice);
        bot.ask("subscribe", &json!({}));
        other.say("hello");
        bot.event("message");
        other.leave();
        bot.event("closed");
        daemon.signal(Signal::TERM);
        daemon.end().transcript.trim().to_owned()
    };
    assert!(told(&[]).contains("secure: bob at "));
    assert_eq!(told(&["-q"]), "");
}
