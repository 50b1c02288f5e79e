//! `config.toml`: what is settled there, and what becomes of mistakes in it.

use crate::{Done, Home, failed, run};

/// A home with these settings.
fn settled(text: &str) -> Home {
    let home = Home::new();
    home.write("config.toml", text);
    home
}

fn refused(done: &Done, line: &str) {
    let title = format!("error: HOME/config.toml, {line}  [SC32]\n");
    assert!(done.stderr.starts_with(&title), "{}", done.stderr);
    assert_eq!((done.code, done.stdout.as_str()), (1, ""));
}

#[test]
fn a_mistake_is_named_with_its_line_and_what_was_meant() {
    let home = settled("# mine\n[history]\nkep = \"30d\"\n");
    let error = "error: HOME/config.toml, line 3: there is no kep in [history]  [SC32]\n\
                 \x20 Did you mean keep?\n\
                 \x20 try: securechat --home HOME help config\n";
    for args in [
        &["peers", "list"][..],
        &["pubkey"],
        &["keygen", "--no-passphrase"],
        &["listen"],
    ] {
        assert_eq!(home.run(args), failed(1, error), "{args:?}");
    }
    assert!(!home.path("identity.key").exists());
}

#[test]
fn what_this_version_always_does_can_be_said_and_not_be_changed() {
    let home = settled("[chat]\nreceipts = true\nread_receipts = false\ntyping = false\n");
    home.data(&["peers", "list"]);
    for (line, told) in [
        (
            "receipts = false",
            "receipts must be true, or left out: they cannot be switched off",
        ),
        (
            "read_receipts = true",
            "read_receipts must be false, or left out: this version sends none",
        ),
        (
            "typing = true",
            "typing must be false, or left out: this version tells nobody that you type",
        ),
    ] {
        home.write("config.toml", &format!("[chat]\n{line}\n"));
        refused(&home.run(&["peers", "list"]), &format!("line 2: {told}"));
    }
}

#[test]
fn what_needs_no_file_works_beside_a_mistake() {
    let home = settled("nonsense");
    for args in [
        &["help", "config"][..],
        // The guide, where there is no terminal.
        &[],
        &["demo", "--script"],
        &["completions", "bash"],
    ] {
        home.data(args);
    }
    refused(
        &home.run(&["peers", "list"]),
        "line 1: key with no value, expected `=`",
    );
}

#[test]
fn the_help_names_every_section() {
    let help = run(&["help", "config"]).stdout;
    for section in ["chat", "history", "keys", "net", "notify", "ui"] {
        assert!(help.contains(&format!("[{section}]")), "{section}");
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_change_is_refused_and_one_that_they_can_read_is_not() {
    use crate::set_mode;
    let home = settled("[net]\ntrust = \"strict\"\n");
    let path = home.path("config.toml");
    set_mode(&path, 0o644);
    home.data(&["peers", "list"]);
    set_mode(&path, 0o664);
    assert_eq!(
        home.run(&["peers", "list"]),
        failed(
            5,
            "error: refusing to use HOME/config.toml  [SC02]\n\
             \x20 Other users of this machine can change it (mode 0664).\n\
             \x20 Somebody else's key or command could have been put in; look at what it says.\n\
             \x20 try: chmod 644 HOME/config.toml\n"
        )
    );
}

#[cfg(unix)]
#[test]
fn a_command_for_the_passphrase_is_for_the_own_identity_and_gives_way_to_flags() {
    let home = settled("[keys]\npassphrase_command = [\"echo\", \"correct horse\"]\n");
    home.data(&["keygen"]);
    assert!(home.read("identity.key").contains("ENCRYPTED"));
    let other = home.write("other", "battery staple");
    let passwd = |args: &[&str]| {
        let new = [
            "key",
            "passwd",
            "--new-passphrase-file",
            other.to_str().unwrap(),
        ];
        home.run(&[&new, args].concat())
    };
    assert_eq!(passwd(&["--passphrase-command", "echo wrong"]).code, 5);
    assert_eq!(
        passwd(&["--passphrase-file", other.to_str().unwrap()]).code,
        5
    );
    let key = home.path("identity.key");
    let key = key.to_str().unwrap();
    assert_eq!(passwd(&["-i", key]).code, 2, "an answer is needed");
    let copy = home.write("copy.key", &home.read("identity.key"));
    crate::set_mode(&copy, 0o600);
    assert_eq!(passwd(&[copy.to_str().unwrap()]).code, 2);
    assert_eq!(passwd(&[]).code, 0);
    let again = passwd(&[]);
    assert!(
        again.stderr.starts_with("error: wrong passphrase"),
        "{}",
        again.stderr
    );
}

#[cfg(unix)]
#[test]
fn a_command_that_fails_is_named() {
    let home = settled("[keys]\npassphrase_command = [\"false\"]\n");
    let done = home.run(&["keygen"]);
    let error = "error: no passphrase: false ended with code 1 and gave none  [SC26]\n";
    assert_eq!(done, failed(5, error));
    home.write(
        "config.toml",
        "[keys]\npassphrase_command = [\"/nowhere/ask\"]\n",
    );
    let done = home.run(&["keygen"]);
    assert!(
        done.stderr.starts_with("error: cannot run /nowhere/ask: "),
        "{}",
        done.stderr
    );
    assert_eq!(done.code, 1);
}
