//! `keygen` and `key`.

use super::*;
use crate::kept::{self, Fate, Kept};

#[test]
fn keygen_makes_an_identity_and_says_what_is_next() {
    let home = Home::new();
    let done = home.run(&["keygen", "--no-passphrase"]);
    let key = home.data(&["pubkey"]);
    let key = key.trim_end();
    assert_eq!(key.len(), 44);
    let mode = if cfg!(unix) { "0600, " } else { "" };
    assert_eq!(
        done.stderr,
        format!(
            "  secret key  HOME/identity.key   ({mode}not protected by a passphrase)\n\
             \x20 public key  {key}\n\
             \x20 Give the public key to the people you want to talk to.\n\
             \x20 next: securechat --home HOME listen     or     \
             securechat --home HOME connect --peer-key KEY HOST:PORT\n"
        )
    );
    assert_eq!((done.code, done.stdout.as_str()), (0, ""));
}

#[cfg(unix)]
#[test]
fn the_secret_key_is_private_and_says_what_it_is() {
    let home = Home::new();
    home.data(&["keygen", "--no-passphrase", "--comment", "alice@laptop"]);
    assert_eq!(mode(&home.path("identity.key")), 0o600);
    assert_eq!(mode(&home.path("identity.pub")), 0o644);
    let secret = home.read("identity.key");
    assert!(
        secret.starts_with("# securechat secret key - anyone who reads this file can be you\n")
    );
    assert!(secret.contains("comment: alice@laptop\n"));
    assert!(secret.contains("\nSECURECHAT-SECRET-KEY-1:"));
    let key = home.data(&["pubkey"]);
    assert_eq!(
        home.read("identity.pub"),
        format!("{} alice@laptop\n", key.trim_end())
    );
}

#[test]
fn keygen_never_overwrites_without_force() {
    let home = Home::with_identity();
    let before = home.read("identity.key");
    assert_eq!(
        home.run(&["keygen", "--no-passphrase"]),
        failed(
            1,
            "error: HOME/identity.key exists already; it was not touched  [SC21]\n\
             \x20 Whoever knows you by the key in it would no longer reach you by a new one.\n\
             \x20 To replace it (the old one is kept as .old): securechat --home HOME keygen --force\n"
        )
    );
    assert_eq!(home.read("identity.key"), before);
}

/// Its mode was complained of, and a new key suggested, which would have stood in its place.
#[test]
fn a_public_key_file_is_told_from_an_identity_whatever_its_mode() {
    let home = Home::with_identity();
    let before = home.read("identity.pub");
    let file = home.path("identity.pub");
    let told = failed(
        1,
        "error: cannot use HOME/identity.pub: it is a public key file; an identity is the file with the secret key  [SC22]\n\
         \x20 The file was not changed.\n",
    );
    for mode in [0o644, 0o664, 0o600] {
        #[cfg(unix)]
        set_mode(&file, mode);
        let file = file.to_str().unwrap();
        assert_eq!(home.run(&["-i", file, "pubkey"]), told, "{mode:o}");
        assert_eq!(home.run(&["pubkey", file]), told, "{mode:o}");
    }
    assert_eq!(home.read("identity.pub"), before);
}

/// `keygen --force` was suggested for it, which would have put a secret key in its place.
#[test]
fn keygen_names_a_public_key_file_as_such() {
    let home = Home::with_identity();
    let before = home.read("identity.pub");
    let file = home.path("identity.pub");
    let file = file.to_str().unwrap();
    let told = failed(
        1,
        "error: cannot use HOME/identity.pub: it is a public key file; an identity is the file with the secret key  [SC22]\n\
         \x20 The file was not changed.\n",
    );
    for args in [
        &["-i", file, "keygen", "--no-passphrase"][..],
        &["keygen", "--no-passphrase", "-o", file],
    ] {
        assert_eq!(home.run(args), told, "{args:?}");
    }
    assert_eq!(home.read("identity.pub"), before);
}

#[test]
fn force_keeps_the_old_key() {
    let home = Home::with_identity();
    let before = home.read("identity.key");
    let done = home.run(&["keygen", "--no-passphrase", "--force"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(home.read("identity.key.old"), before);
    assert_ne!(home.read("identity.key"), before);
}

/// What waits was never sent, and named nowhere, though it had been said to be kept.
#[test]
fn force_says_where_the_messages_of_the_old_key_are() {
    let home = Home::with_identity();
    let other = home.path("other.key");
    let other = other.to_str().unwrap();
    home.data(&["keygen", "--no-passphrase", "-o", other]);
    let force = ["keygen", "--no-passphrase", "--force"];
    let none = home.run(&[&["-i", other], &force[..]].concat());
    assert!(!none.stderr.contains("its messages"), "{}", none.stderr);
    Kept::in_home(&home.path("")).add(BOB, 1, Fate::Waiting, b"kept for bob");
    let store = kept::path(&home.path(""));
    let store = store.file_name().unwrap().to_str().unwrap();
    let done = home.run(&force);
    let told = format!(
        "\x20 the old secret key is kept as HOME/identity.key.old\n\
         \x20 its messages, also those that wait, stay in HOME/{store}, which needs that key: \
         securechat --home HOME --identity HOME/identity.key.old history show\n"
    );
    assert!(done.stderr.starts_with(&told), "{}", done.stderr);
    assert!(!home.data(&["history", "show"]).contains("kept for bob"));
    let old = home.path("identity.key.old");
    let shown = home.data(&["--identity", old.to_str().unwrap(), "history", "show"]);
    assert!(shown.contains("waiting\tkept for bob"), "{shown}");
}

/// As root a device was replaced by a secret key, and a pipe was read for ever.
#[cfg(unix)]
#[test]
fn force_replaces_nothing_but_files() {
    let home = Home::new();
    fs::create_dir(home.path("dir")).unwrap();
    let made = Command::new("mkfifo").arg(home.path("pipe")).status();
    assert!(made.unwrap().success());
    std::os::unix::fs::symlink(home.path("pipe"), home.path("link")).unwrap();
    let count = || fs::read_dir(home.path("")).unwrap().count();
    let before = count();
    for (output, named) in [("dir", "dir"), ("pipe", "pipe"), ("link", "pipe")] {
        let path = home.path(output);
        let done = home.run(&[
            "keygen",
            "--no-passphrase",
            "--force",
            "-o",
            path.to_str().unwrap(),
        ]);
        let words = format!(
            "error: cannot use HOME/{named}: it is not a regular file  [SC22]\n\
             \x20 The file was not changed.\n"
        );
        assert_eq!((done.code, done.stderr), (1, words), "{output}");
    }
    assert_eq!(count(), before, "nothing was staged");
}

/// It was called a secret key.
#[test]
fn what_was_no_key_and_is_replaced_is_not_called_one() {
    let home = Home::new();
    let path = home.write("thesis.txt", "Of the art of writing\n");
    let path = path.to_str().unwrap();
    let done = home.run(&["keygen", "--no-passphrase", "--force", "-o", path]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let told = "\x20 what was there before is kept as HOME/thesis.txt.old\n";
    assert!(done.stderr.starts_with(told), "{}", done.stderr);
    assert_eq!(home.read("thesis.txt.old"), "Of the art of writing\n");
}

#[test]
fn keygen_speaks_json_without_a_secret() {
    let home = Home::new();
    let done = home.data(&["keygen", "--no-passphrase", "--json", "-q"]);
    let value: serde_json::Value = serde_json::from_str(&done).unwrap();
    let key = home.data(&["pubkey"]);
    assert_eq!(value["v"], 1);
    assert_eq!(value["public_key"], key.trim_end());
    assert_eq!(value["protected"], false);
    assert!(!done.contains("SECRET"));
}

#[test]
fn a_key_can_go_through_a_pipe_and_never_touch_the_disk() {
    let home = Home::new();
    let made = home.run(&["keygen", "--no-passphrase", "-o", "-"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let shown = home.run_with_input(&["pubkey", "-"], &made.stdout);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(made.stderr.contains(shown.stdout.trim_end()));
    assert!(!made.stderr.contains("SECRET-KEY-1"));
    assert_eq!(fs::read_dir(home.0.path()).unwrap().count(), 0);
}

/// A shell makes it as others may read, and nothing was said.
#[cfg(unix)]
#[test]
fn a_key_that_goes_into_a_file_of_others_is_warned_about() {
    let home = Home::new();
    let file = home.write("printed.key", "");
    let place = home.0.path().to_str().unwrap();
    for (mode, is_warned) in [(0o644, true), (0o600, false)] {
        set_mode(&file, mode);
        let into = fs::File::options().append(true).open(&file).unwrap();
        let mut keygen = program();
        keygen.args(["--home", place, "keygen", "--no-passphrase", "-o", "-"]);
        let done = keygen.stdout(into).output().unwrap();
        assert!(done.status.success());
        let told = String::from_utf8(done.stderr).unwrap();
        let words = "the file that your secret key goes into is 0644 and not 0600";
        assert_eq!(told.contains(words), is_warned, "{told}");
        assert_eq!(told.contains("warning"), is_warned, "{told}");
    }
}

#[test]
fn an_output_file_gets_its_public_half_beside_it() {
    let home = Home::new();
    let file = home.path("alice.key");
    let file = file.to_str().unwrap();
    home.data(&["keygen", "--no-passphrase", "-o", file]);
    let key = home.data(&["pubkey", file]);
    assert_eq!(home.read("alice.pub").trim_end(), key.trim_end());
    assert!(!home.path("identity.key").exists());
}

#[test]
fn the_key_can_be_printed_as_a_uri_that_is_accepted_again() {
    let home = Home::with_identity();
    let uri = home.data(&["pubkey", "--uri"]);
    assert!(uri.starts_with("securechat:1:"), "{uri}");
    let theirs = Home::new();
    theirs.data(&["peers", "add", "bob", uri.trim_end()]);
    let key = home.data(&["pubkey"]);
    assert!(theirs.data(&["peers", "list"]).contains(key.trim_end()));
}

#[test]
fn without_a_terminal_the_missing_flag_is_named() {
    let home = Home::new();
    assert_eq!(
        home.run(&["keygen", "--no-input"]),
        failed(
            2,
            "error: a passphrase for the new key is needed  [SC17]\n\
             \x20 There is no terminal to ask on, or --no-input forbids it.\n\
             \x20 try: securechat --home HOME keygen --passphrase-file FILE     or: \
             securechat --home HOME keygen --no-passphrase\n"
        )
    );
    assert_eq!(fs::read_dir(home.0.path()).unwrap().count(), 0);
}

#[test]
fn a_passphrase_protects_and_a_wrong_one_is_refused() {
    let home = Home::new();
    let right = home.write("right", "correct horse\n");
    let wrong = home.write("wrong", "battery staple\n");
    let right = right.to_str().unwrap();
    let wrong = wrong.to_str().unwrap();
    home.data(&["keygen", "--passphrase-file", right]);
    let secret = home.read("identity.key");
    assert!(secret.contains("\nSECURECHAT-ENCRYPTED-KEY-1:argon2id:m=65536,t=3,p=4:"));
    let passwd = |old: &str| {
        let args = ["key", "passwd", "--passphrase-file", old, "--no-passphrase"];
        home.run(&args)
    };
    assert_eq!(
        passwd(wrong),
        failed(
            5,
            "error: wrong passphrase for HOME/identity.key  [SC11]\n\
             \x20 Caps Lock? Keyboard layout? The passphrase cannot be recovered.\n"
        )
    );
    assert_eq!(home.read("identity.key"), secret);
    let key = home.data(&["pubkey"]);
    assert_eq!(passwd(right).code, 0);
    assert!(
        home.read("identity.key")
            .contains("\nSECURECHAT-SECRET-KEY-1:")
    );
    assert_eq!(home.data(&["pubkey"]), key);
}

#[test]
fn a_command_may_give_the_passphrase() {
    let home = Home::new();
    home.data(&["keygen", "--passphrase-command", "echo correct horse"]);
    // It is not given what others are to read.
    let command = if cfg!(windows) {
        // An exit code of its own would be that of the whole.
        "findstr e & ver >nul & echo correct horse"
    } else {
        "cat; echo correct horse"
    };
    let reads = ["--passphrase-command", command];
    home.data(&["peers", "add", "bob", BOB]);
    let args = [&["send", "bob", "-", "--no-wait"], &reads[..]].concat();
    let sent = home.run_with_input(&args, "the message");
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    let pass = home.write("pass", "correct horse");
    let new = home.write("new", "battery staple");
    let (pass, new) = (pass.to_str().unwrap(), new.to_str().unwrap());
    let args = [
        "key",
        "passwd",
        "--passphrase-file",
        pass,
        "--new-passphrase-file",
        new,
    ];
    assert_eq!(home.run(&args).code, 0);
    assert_eq!(home.run(&args).code, 5, "the old passphrase is gone");
    let failing = home.run(&[
        "key",
        "passwd",
        "--passphrase-command",
        "exit 3",
        "--no-passphrase",
    ]);
    assert_eq!(failing.code, 5);
    assert!(
        failing.stderr.starts_with("error: no passphrase: "),
        "{}",
        failing.stderr
    );
}

#[test]
fn no_identity_is_no_riddle() {
    let home = Home::new();
    assert_eq!(
        home.run(&["pubkey"]),
        failed(
            5,
            "error: you have no identity yet  [SC01]\n\
             \x20 There is no file HOME/identity.key.\n\
             \x20 try: securechat --home HOME keygen\n"
        )
    );
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused() {
    let home = Home::with_identity();
    set_mode(&home.path("identity.key"), 0o644);
    assert_eq!(
        home.run(&["pubkey"]),
        failed(
            5,
            "error: refusing to use HOME/identity.key  [SC02]\n\
             \x20 Other users of this machine can read it (mode 0644).\n\
             \x20 try: chmod 600 HOME/identity.key\n\
             \x20 If others may have copied it, make a new key instead: \
             securechat --home HOME keygen --force\n"
        )
    );
}

#[test]
fn key_show_and_fingerprint_tell_the_same_key() {
    let home = Home::with_identity();
    let key = home.data(&["pubkey"]);
    let shown = home.data(&["key", "show"]);
    assert!(shown.contains(key.trim_end()), "{shown}");
    assert!(shown.contains("HOME/identity.key"), "{shown}");
    let groups = home.data(&["key", "fingerprint"]);
    let joined = format!("{}=", groups.trim_end().replace(' ', ""));
    assert_eq!(joined, key.trim_end());
    assert_eq!(groups.split(' ').next().unwrap().len(), 5);
}

/// `keygen --force` was suggested, which makes a new identity.
#[test]
fn keygen_into_a_file_that_exists_suggests_that_file() {
    let home = Home::with_identity();
    let (before, file) = (home.read("identity.key"), home.path("other.key"));
    let again = ["keygen", "-o", file.to_str().unwrap(), "--no-passphrase"];
    home.data(&again);
    let other = home.read("other.key");
    assert_eq!(
        home.run(&again),
        failed(
            1,
            "error: HOME/other.key exists already; it was not touched  [SC21]\n\
             \x20 Whoever knows you by the key in it would no longer reach you by a new one.\n\
             \x20 To replace it (the old one is kept as .old): \
             securechat --home HOME keygen -o HOME/other.key --force\n"
        )
    );
    home.data(&[&again[..], &["--force"]].concat());
    assert_eq!(home.read("identity.key"), before);
    assert_eq!(home.read("other.key.old"), other);
}

/// Two files may differ in what the public key's name does not have.
#[test]
fn a_public_key_in_the_way_is_another_identitys() {
    let home = Home::with_identity();
    let (work, at_home) = (home.path("alice.work"), home.path("alice.home"));
    home.data(&["keygen", "--no-passphrase", "-o", work.to_str().unwrap()]);
    assert_eq!(
        home.run(&["keygen", "-o", at_home.to_str().unwrap()]),
        failed(
            1,
            "error: HOME/alice.pub exists already; it was not touched  [SC21]\n\
             \x20 The public key would be written there, beside the secret one. Name another file.\n"
        )
    );
    assert!(!at_home.exists());
}

/// It was found when two passphrases had been typed, and a new identity was suggested.
#[test]
fn a_copy_that_has_no_room_for_its_public_key_is_refused_before_any_passphrase() {
    let home = Home::with_identity();
    let before = home.read("identity.key");
    let copy = home.path("identity.bak");
    assert_eq!(
        home.run(&["key", "export", copy.to_str().unwrap()]),
        failed(
            1,
            "error: HOME/identity.pub exists already; it was not touched  [SC21]\n\
             \x20 The public key would be written there, beside the secret one. Name another file.\n"
        )
    );
    assert_eq!(home.read("identity.key"), before);
    assert!(!copy.exists());
}

/// What has no target is not there for whoever only looks.
#[cfg(unix)]
#[test]
fn a_link_in_the_way_of_a_copy_is_a_file_that_exists() {
    let home = Home::with_identity();
    let phrase = home.write("phrase", "correct horse\n");
    let copy = home.path("copy.key");
    std::os::unix::fs::symlink(home.path("nowhere"), &copy).unwrap();
    let (copy, phrase) = (copy.to_str().unwrap(), phrase.to_str().unwrap());
    assert_eq!(
        home.run(&["key", "export", copy, "--new-passphrase-file", phrase]),
        failed(
            1,
            "error: HOME/copy.key exists already; it was not touched  [SC21]\n\
             \x20 Name a file that does not exist yet.\n"
        )
    );
}

/// A new identity was suggested for any file that others can read.
#[cfg(unix)]
#[test]
fn a_new_identity_is_suggested_for_the_identity_alone() {
    let home = Home::with_identity();
    let psk = home.write("psk", &format!("{CAROL}\n"));
    let other = home.path("other.key");
    let (psk, other) = (psk.to_str().unwrap(), other.to_str().unwrap());
    home.data(&["keygen", "--no-passphrase", "-o", other]);
    set_mode(&home.path("psk"), 0o644);
    set_mode(&home.path("other.key"), 0o644);
    let cases: [(&str, &[&str]); 4] = [
        ("psk", &["peers", "add", "bob", BOB, "--psk-file", psk]),
        ("other.key", &["pubkey", other]),
        ("other.key", &["key", "show", other]),
        ("other.key", &["key", "passwd", other, "--no-passphrase"]),
    ];
    for (file, args) in cases {
        let told = format!(
            "error: refusing to use HOME/{file}  [SC02]\n\
             \x20 Other users of this machine can read it (mode 0644).\n\
             \x20 try: chmod 600 HOME/{file}\n"
        );
        assert_eq!(home.run(args), failed(5, &told), "{args:?}");
    }
    // The one that a flag names is the identity, and the flag is part of what is suggested.
    let told = home.run(&["-i", other, "pubkey"]);
    let hint = "securechat --home HOME --identity HOME/other.key keygen --force\n";
    assert!(told.stderr.ends_with(hint), "{}", told.stderr);
}

#[test]
fn a_key_file_that_is_missing_is_not_the_identity() {
    let home = Home::with_identity();
    let file = home.path("other.key");
    let file = file.to_str().unwrap();
    for args in [
        &["pubkey", file][..],
        &["key", "show", file],
        &["key", "passwd", file],
    ] {
        let told = "error: there is no secret key file HOME/other.key  [SC01]\n\
                    \x20 Spelling? Where no file is named, your own identity is meant.\n";
        assert_eq!(home.run(args), failed(5, told), "{args:?}");
    }
}

/// Without it, the protection of the identity would have been taken away.
#[test]
fn what_is_suggested_for_a_passphrase_names_the_file() {
    let home = Home::with_identity();
    let file = home.path("backup.key");
    let file = file.to_str().unwrap();
    let keygen = home.run(&["keygen", "-o", file, "--no-input"]);
    let commands = "\x20 try: securechat --home HOME keygen -o HOME/backup.key --passphrase-file FILE     or: \
                    securechat --home HOME keygen -o HOME/backup.key --no-passphrase\n";
    assert!(keygen.stderr.ends_with(commands), "{}", keygen.stderr);
    home.data(&["keygen", "--no-passphrase", "-o", file]);
    let passwd = home.run(&["key", "passwd", file, "--no-input"]);
    let commands = "\x20 try: securechat --home HOME key passwd HOME/backup.key --new-passphrase-file FILE     or: \
                    securechat --home HOME key passwd HOME/backup.key --no-passphrase\n";
    assert!(passwd.stderr.ends_with(commands), "{}", passwd.stderr);
}
