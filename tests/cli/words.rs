//! What it says of itself: the guide, help, versions, suggestions.

use super::*;
use crate::kept::Kept;

const TOPICS: [&str; 10] = [
    "messages",
    "keys",
    "trust",
    "diagnosis",
    "exit-codes",
    "files",
    "config",
    "accessibility",
    "security",
    "json",
];

#[test]
fn alone_it_shows_a_short_guide() {
    let done = run(&[]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(
        done.stdout
            .starts_with("securechat - private chat between two terminals")
    );
    assert!(done.stdout.contains("securechat keygen"));
}

/// Both said that all was well.
#[cfg(target_os = "linux")]
#[test]
fn help_and_version_that_cannot_be_written_are_errors() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["listen", "-h"],
        &["help", "keys"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = program();
        command.args(args).stdout(full);
        let done = command.output().unwrap();
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(8), "{args:?}: {told}");
        assert!(told.contains("[SC18]"), "{args:?}: {told}");
    }
}

#[test]
fn a_mistyped_command_is_suggested_and_nothing_else_happens() {
    let done = run(&["lisen"]);
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    assert!(
        done.stderr.contains("unrecognized subcommand 'lisen'"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("listen"), "{}", done.stderr);
    assert_eq!(run(&["bob"]).code, 2);
}

/// Standard output was empty, and nothing had a code.
#[test]
fn wrong_usage_with_json_is_an_error_on_standard_output_too() {
    let home = Home::new();
    let cases: [(&[&str], &str); 6] = [
        (
            &["peers", "list", "--bogus", "--json"],
            "unexpected argument '--bogus' found",
        ),
        (&["--json", "lisen"], "unrecognized subcommand 'lisen'"),
        (
            &["peers", "add", "--json"],
            "the following required arguments were not provided:",
        ),
        (
            &["peers", "--json"],
            "'securechat peers' requires a subcommand but one was not provided",
        ),
        (
            &["history", "search", "--last", "x", "y", "--json"],
            "invalid value 'x' for '--last <N>'",
        ),
        (
            &["history", "show", "bob", "--json"],
            "unexpected argument 'bob' found",
        ),
    ];
    for (args, says) in cases {
        let done = home.run(args);
        assert_eq!(done.code, 2, "{args:?}");
        let told: serde_json::Value = serde_json::from_str(done.stdout.trim_end()).unwrap();
        let (code, exit) = (&told["code"], &told["exit"]);
        assert_eq!((code.as_str(), exit.as_u64()), (Some("SC44"), Some(2)));
        let message = told["message"].as_str().unwrap();
        assert!(message.starts_with(says), "{message}");
        assert!(told["help"].to_string().contains("try '--help'"), "{told}");
        let mut help = told["help"].as_array().unwrap().iter();
        let is_further_in = |line: &serde_json::Value| line.as_str().unwrap().starts_with("   ");
        assert!(
            !help.any(is_further_in),
            "than those of other errors: {told}"
        );
        let words = format!("error: {message}\n");
        assert!(done.stderr.starts_with(&words), "{}", done.stderr);
    }
    let text = home.run(&["send", "bob", "--bogus", "--", "--json"]);
    assert_eq!((text.code, text.stdout.as_str()), (2, ""));
}

/// What stood before the command was not compared with what stands behind it: a key was made without protection.
#[test]
fn flags_that_contradict_each_other_are_refused_on_either_side_of_the_command() {
    let home = Home::new();
    let file = home.write("pw", "correct horse\n");
    let file = ["--passphrase-file", file.to_str().unwrap()];
    let command = ["--passphrase-command", "echo correct horse"];
    let bare: &[&str] = &["--no-passphrase"];
    let cases: [(&[&str], &[&str]); 6] = [
        (&file, bare),
        (&command, bare),
        (&file, &command),
        (&command, &file),
        (&["-q"], &["-v"]),
        (&["-v"], &["-q"]),
    ];
    for (one, other) in cases {
        let before = [one, &["keygen"], other].concat();
        let behind = [&["keygen"], other, one].concat();
        for args in [before, behind] {
            let done = home.run(&args);
            assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{args:?}");
            let says = "cannot be used with";
            assert!(done.stderr.contains(says), "{args:?}: {}", done.stderr);
            assert!(!home.path("identity.key").exists(), "{args:?}");
        }
    }
    let told = home.run(&["-q", "keygen", "-v", "--json"]);
    let told: serde_json::Value = serde_json::from_str(told.stdout.trim_end()).unwrap();
    assert_eq!(told["code"], "SC44");
}

/// A record that is not there is missed when it is too late.
#[test]
fn commands_that_record_nothing_refuse_to_be_told_to() {
    let home = Home::new();
    let file = home.path("trace").display().to_string();
    let silent: [&[&str]; 14] = [
        &["keygen", "--no-passphrase"],
        &["pubkey"],
        &["key", "show"],
        &["peers", "list"],
        &["peers", "add", "bob", BOB],
        &["history", "show"],
        &["status"],
        &["doctor"],
        &["demo"],
        &["completions", "bash"],
        &["man"],
        &["help"],
        &["help", "peers", "add"],
        &["history", "purge", "--yes", "--all"],
    ];
    for command in silent {
        let done = home.run(&[&["--trace", &file], command].concat());
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{command:?}");
        assert!(done.stderr.contains("[SC29]"), "{}", done.stderr);
        let example = " connect NAME --trace FILE\n";
        assert!(done.stderr.contains(example), "{}", done.stderr);
    }
    // Without a terminal there is no screen, and a guide is printed.
    let guided = home.run(&["--trace", &file]);
    assert_eq!((guided.code, guided.stdout.as_str()), (2, ""));
    assert!(guided.stderr.contains("[SC29]"), "{}", guided.stderr);
    let made: Vec<_> = fs::read_dir(home.path("")).unwrap().collect();
    assert!(made.is_empty(), "{made:?}");
    let home = Home::with_bob();
    home.data(&["keygen", "--no-passphrase"]);
    let done = home.run(&["send", "bob", "hi", "--no-wait", "--trace", &file]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("--trace records nothing here"),
        "{}",
        done.stderr
    );
}

#[test]
fn arguments_cannot_drive_the_terminal() {
    for args in [
        ["\u{1b}[2J", ""],
        ["peers", "\u{9b}31m"],
        ["--\u{1b}]0;x\u{7}", ""],
    ] {
        let done = run(&args);
        assert_eq!(done.code, 2);
        let harmless = |c: char| c == '\n' || !c.is_control();
        assert!(done.stderr.chars().all(harmless), "{:?}", done.stderr);
    }
}

#[test]
fn the_version_names_protocol_suite_and_commit() {
    let done = run(&["--version"]);
    let lines: Vec<&str> = done.stdout.lines().collect();
    let version = format!("securechat {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(done.code, 0);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(
        lines.get(..3).unwrap(),
        [
            version.as_str(),
            "protocol  sc1 version 1",
            "suite     Noise_IKhfs+psk2_25519+MLKEM768_ChaChaPoly_BLAKE2s"
        ]
    );
    assert!(lines.get(3).unwrap().starts_with("commit    "));
}

#[test]
fn every_topic_and_command_has_its_help() {
    for topic in TOPICS {
        let done = run(&["help", topic]);
        assert_eq!(done.code, 0, "{topic}");
        let heading = topic.replace('-', " ").to_uppercase();
        assert!(done.stdout.starts_with(&heading), "{topic}");
    }
    for command in [vec!["help", "keygen"], vec!["help", "peers", "add"]] {
        let done = run(&command);
        assert_eq!(done.code, 0, "{command:?}");
        assert!(done.stdout.contains("Usage: securechat"), "{}", done.stdout);
    }
    let done = run(&["help", "nonsense"]);
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    assert!(done.stderr.contains("[SC29]"));
}

/// The help said that it is, so that a script that went by the number lost the message.
#[test]
fn what_there_is_no_room_for_has_the_code_6_and_is_not_kept_as_the_help_says() {
    let home = Home::with_identity();
    home.data(&["peers", "add", "bob", BOB]);
    Kept::in_home(&home.path("")).fill(BOB);
    let done = home.run(&["send", "bob", "one more", "--no-wait", "--json"]);
    assert_eq!(done.code, 6, "{}", done.stderr);
    let error: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(error["kept"], 0);
    assert!(done.stderr.contains("The message is given up"));
    let help = home.data(&["help", "exit-codes"]);
    let help: Vec<&str> = help.split_whitespace().collect();
    let says =
        "sent next time, unless the error says that it is given up (with --json: `kept` is 0)";
    assert!(help.join(" ").contains(says));
}

#[test]
fn help_fits_a_terminal() {
    let mut texts = vec![run(&[]).stdout];
    texts.extend(TOPICS.map(|topic| run(&["help", topic]).stdout));
    for text in texts {
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None);
    }
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let done = run(&["completions", shell]);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""));
        assert!(done.stdout.contains("peer-key"), "{shell}");
    }
}

#[test]
fn every_command_gets_its_manual_page() {
    let home = Home::new();
    let one = run(&["man"]);
    assert_eq!(one.code, 0);
    let dir = home.path("man");
    assert_eq!(run(&["man", "--out", dir.to_str().unwrap()]).code, 0);
    let page = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(page("securechat.1"), one.stdout);
    // At the foot of each stands the program and not the command, which has no version of its own.
    for name in ["", "-connect", "-peers-add"] {
        let title = format!(".TH securechat{name} 1 \" \" \"securechat 0.1.0\" \"User Commands\"");
        let page = page(&format!("securechat{name}.1"));
        assert!(page.contains(&title), "{page}");
    }
}

#[test]
fn the_manual_page_has_exit_codes_and_files_as_the_topics_have_them() {
    let page = run(&["man"]).stdout;
    let sections: Vec<&str> = page
        .split(".SH \"")
        .flat_map(|it| it.split(".SH "))
        .collect();
    let section = |name| sections.iter().find(|it| it.starts_with(name)).unwrap();
    for (name, topic) in [("EXIT STATUS", "exit-codes"), ("FILES", "files")] {
        let shown = section(name).replace("\\&", "").replace("\\-", "-");
        let shown = shown.replace("\\(ti", "~").replace("\\e", "\\");
        let told = run(&["help", topic]).stdout;
        let (_, told) = told.split_once("\n\n").unwrap();
        assert!(shown.contains(told), "{shown}");
    }
    assert!(
        section("SEE ALSO").contains("securechat\\-connect"),
        "{page}"
    );
}

#[test]
fn contradicting_flags_are_wrong_usage() {
    let wrong = [
        vec!["-q", "-v", "pubkey"],
        vec!["keygen", "--no-passphrase", "--passphrase-file", "x"],
        vec!["connect"],
        vec!["connect", "-4", "-6", "bob"],
        vec!["connect", "bob", "--timeout", "10"],
        vec!["listen", "--trust", "off"],
    ];
    for args in wrong {
        assert_eq!(run(&args).code, 2, "{args:?}");
    }
}

#[test]
fn colour_is_for_those_who_want_it() {
    let home = Home::new();
    let plain = home.run(&["pubkey"]).stderr;
    assert!(!plain.contains('\u{1b}'));
    let colored = home.run(&["pubkey", "--color", "always"]).stderr;
    assert!(colored.starts_with("\u{1b}[1;31merror:\u{1b}[0m "));
}

#[cfg(unix)]
#[test]
fn a_log_is_for_its_owner_only() {
    let home = Home::with_bob();
    let log = home.path("log");
    home.data(&["--log", log.to_str().unwrap(), "peers", "list"]);
    assert_eq!(mode(&log), 0o600);
    set_mode(&log, 0o644);
    let refused = home.run(&["--log", log.to_str().unwrap(), "peers", "list"]);
    assert_eq!(refused.code, 5);
    assert_eq!(
        refused.stderr,
        "error: refusing to use HOME/log  [SC02]\n\
         \x20 Other users of this machine can read it (mode 0644).\n\
         \x20 try: chmod 600 HOME/log\n"
    );
}

/// Lines of the log stood behind the key, in a file that was a key no more.
#[cfg(unix)]
#[test]
fn a_log_is_written_behind_nothing_but_a_log_and_through_no_link() {
    let home = Home::with_identity();
    let (key, link) = (home.path("identity.key"), home.path("link"));
    let before = fs::read(&key).unwrap();
    std::os::unix::fs::symlink(&key, &link).unwrap();
    for (log, reason) in [
        ("identity.key", "it has something else in it than a log"),
        (
            "link",
            "it is a link; name the file that the log is to be in",
        ),
    ] {
        let path = home.path(log);
        let refused = home.run(&["-vv", "--log", path.to_str().unwrap(), "pubkey"]);
        let words = format!(
            "error: cannot use HOME/{log}: {reason}  [SC22]\n\
             \x20 The file was not changed.\n"
        );
        assert_eq!((refused.code, refused.stderr), (1, words));
    }
    assert_eq!(fs::read(&key).unwrap(), before);
}

/// It shares the flag with `listen`, and has nobody to ask.
#[test]
fn the_help_of_daemon_says_whom_it_accepts_without_a_flag() {
    let default = |command| {
        let help = run(&[command, "--help"]).stdout;
        let (_, trust) = help.split_once("--trust <WHOM>").unwrap();
        trust.lines().nth(1).unwrap().trim().to_owned()
    };
    let daemon = "Whom to accept [default: strict, on a terminal too]";
    assert_eq!(default("daemon"), daemon);
    let listen = "Whom to accept [default: ask on a terminal, else strict]";
    assert_eq!(default("listen"), listen);
}
