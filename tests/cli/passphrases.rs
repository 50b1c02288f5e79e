//! Where a passphrase comes from; what a new one protects, and what it does not.

use super::*;

/// Whoever changed it since somebody had seen it believed that a backup was safe.
#[test]
fn a_new_passphrase_is_said_not_to_protect_what_was_copied_before() {
    let home = Home::with_identity();
    let [first, second] = ["first", "second"].map(|name| {
        let file = home.write(name, &format!("passphrase {name}\n"));
        file.to_str().unwrap().to_owned()
    });
    let passwd = |old: &[&str], new: &[&str]| {
        let done = home.run(&[&["key", "passwd"], old, new].concat());
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stderr
    };
    let protected = "HOME/identity.key is protected by the new passphrase\n";
    let copies = "\x20 copies that were made before (backups, links) ";
    let said = passwd(&[], &["--new-passphrase-file", &first]);
    assert_eq!(said, format!("{protected}{copies}are not protected\n"));
    let said = passwd(
        &["--passphrase-file", &first],
        &["--new-passphrase-file", &second],
    );
    let open = "open with the former one; if somebody knows that, make a new key: ";
    let anew = "securechat --home HOME keygen --force\n";
    assert_eq!(said, format!("{protected}{copies}{open}{anew}"));
    let link = home.path("backup.key");
    fs::hard_link(home.path("identity.key"), &link).unwrap();
    let said = passwd(
        &["--passphrase-file", &second],
        &["--new-passphrase-file", &first],
    );
    let links = "warning: such copies are there: the file had 1 other name (hard links)\n";
    let links = if cfg!(unix) { links } else { "" };
    assert_eq!(said, format!("{protected}{copies}{open}{anew}{links}"));
    let link = link.to_str().unwrap();
    let opened = ["key", "passwd", link, "--passphrase-file", &second];
    let opened = home.run(&[&opened[..], &["--no-passphrase"]].concat());
    assert_eq!(
        opened.stderr,
        "HOME/backup.key is no longer protected by a passphrase\n"
    );
}

#[test]
fn two_passphrases_on_standard_input_are_the_old_one_and_the_new_one() {
    let home = Home::with_identity();
    let new = home.write("new", "battery staple\n");
    let new = new.to_str().unwrap();
    let lines = "correct horse\nbattery staple\n";
    let streams = ["--passphrase-file", "-", "--new-passphrase-file", "-"];
    // The identity has none, which whoever pipes one need not know.
    let copy = home.path("copy.key");
    let copy = copy.to_str().unwrap();
    for command in [&["key", "export", copy][..], &["key", "passwd"]] {
        let done = home.run_with_input(&[command, &streams].concat(), lines);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    for key in [copy, home.path("identity.key").to_str().unwrap()] {
        home.data(&[
            "key",
            "passwd",
            key,
            "--passphrase-file",
            new,
            "--no-passphrase",
        ]);
    }
    // What says no more than a public key takes no line from a list.
    let list = format!("bob {BOB}\n");
    let import = ["peers", "import", "-", "--passphrase-file", "-"];
    assert_eq!(home.run_with_input(&import, &list).code, 0);
    assert!(home.read("known-peers").contains(BOB));
}

#[cfg(unix)]
#[test]
fn what_is_no_passphrase_is_told_by_who_printed_it() {
    let home = Home::new();
    for (command, reason) in [
        ("printf '\\377'", "it is no UTF-8 text"),
        ("head -c 5000 /dev/zero", "it is longer than 4096 bytes"),
    ] {
        let said = format!("error: no passphrase: cannot run: {reason}  [SC26]\n");
        assert_eq!(
            home.run(&["keygen", "--passphrase-command", command]),
            failed(5, &said)
        );
    }
    for (command, ended) in [
        ("exit 3", " ended with code 3"),
        ("kill $$", " was ended by a signal"),
    ] {
        let said = format!("error: no passphrase: the command{ended} and gave none  [SC26]\n");
        assert_eq!(
            home.run(&["keygen", "--passphrase-command", command]),
            failed(5, &said)
        );
    }
    let file = home.write("long", &"x".repeat(5_000));
    let ended = home.run(&["keygen", "--passphrase-file", file.to_str().unwrap()]);
    let said =
        "error: no passphrase: cannot read HOME/long: it is longer than 4096 bytes  [SC26]\n";
    assert_eq!(ended, failed(5, said));
}

/// Which program is missing was not said: nobody writes `sh` in such a command.
#[cfg(unix)]
#[test]
fn a_system_without_a_shell_is_told_of_by_its_name() {
    let home = Home::new();
    let mut keygen = program();
    keygen.arg("--home").arg(home.path(""));
    keygen.args(["keygen", "--passphrase-command", "echo secret"]);
    keygen.env("PATH", home.path(""));
    let done = finish(keygen, "");
    let said = "error: cannot run sh: No such file or directory (os error 2)  [SC24]\n";
    assert_eq!((done.code, done.stderr.as_str()), (1, said));
}
