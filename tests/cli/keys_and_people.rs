//! Keys and lists that are handed on, and a peer that has a new key.

use super::{BOB, CAROL, DAVE, Home, failed};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fs;

#[test]
fn a_new_key_needs_somebody_who_compares_it() {
    let home = Home::with_bob();
    let before = home.read("known-peers");
    assert_eq!(
        home.run(&["peers", "replace", "bob", CAROL]),
        failed(
            2,
            "error: somebody has to compare the new key with its owner  [SC17]\n\
             \x20 There is no terminal to ask on, or --no-input forbids it.\n\
             \x20 Once that is done:\n\
             \x20 try: securechat --home HOME peers replace bob TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0= --yes\n"
        )
    );
    assert_eq!(home.read("known-peers"), before);
    let done = home.run(&["peers", "replace", "bob", CAROL, "--yes"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("bob has a new key: TrMvS oP4jY"),
        "{}",
        done.stderr
    );
    assert!(
        home.data(&["peers", "list"])
            .starts_with(&format!("bob  {CAROL}  [not verified]\n"))
    );
    let back = home.run(&["peers", "replace", "bob", BOB, "--yes"]);
    assert_eq!(back.code, 4, "the former key is revoked: {}", back.stderr);
}

#[test]
fn a_list_goes_from_one_machine_to_another() {
    let (ours, theirs) = (Home::with_bob(), Home::new());
    ours.data(&[
        "peers",
        "add",
        "carol",
        CAROL,
        "--address",
        "a.example:7419",
    ]);
    ours.data(&["peers", "revoke", DAVE, "--reason", "laptop stolen"]);
    let list = ours.data(&["peers", "export"]);
    let refused = ours.run(&["peers", "export", "--json"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stdout.contains("\"SC29\""), "{}", refused.stdout);
    assert!(list.contains(DAVE) && !list.contains("laptop"), "{list}");
    let path = theirs.write("list", &list);
    let path = path.to_str().unwrap();
    let done = theirs.run(&["peers", "import", path]);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (
            0,
            "added bob, carol\n1 more revoked: these keys are refused from now on\n"
        )
    );
    assert_eq!(theirs.data(&["peers", "export"]), list);
    let again = theirs.run_with_input(&["peers", "import", "-"], &list);
    assert_eq!(
        again.stderr,
        "added nobody\n2 known already, left as they are\n"
    );
    let some = ours.data(&["peers", "export", "carol", "--no-addresses"]);
    assert!(some.ends_with(&format!("\ncarol {CAROL}\n")), "{some}");
}

#[test]
fn whose_words_differed_is_handed_to_nobody_and_is_aside_in_a_new_home() {
    let (home, new) = (Home::with_bob(), Home::with_identity());
    let psk = STANDARD.encode([3; 32]);
    let list = format!("bob {BOB} differed=2026-11-21\ncarol {CAROL} psk={psk}\n");
    let path = home.write("known-peers", &list);
    // It has a secret.
    #[cfg(unix)]
    super::set_mode(&path, 0o600);
    let exported = home.run(&["peers", "export"]);
    assert!(!exported.stdout.contains(BOB) && exported.stdout.contains(CAROL));
    let left_out = "bob: left out, since words that you compared with this key differed\n";
    assert_eq!(exported.stderr, left_out);
    let named = home.run(&["peers", "export", "bob"]);
    assert_eq!((named.code, named.stdout.as_str()), (4, ""));
    assert!(named.stderr.contains("[SC33]"), "{}", named.stderr);
    // Whoever moves to a new machine may do so in this way.
    let done = new.run(&["peers", "import", path.to_str().unwrap()]);
    assert_eq!(
        done.stderr,
        "added bob, carol\n\
         carol: the secrets that you two share are not taken over; without them there is no session\n\
         bob: words that were compared with this key differed; nothing is sent there before: \
         securechat --home HOME peers verify bob\n"
    );
    let listed = new.data(&["peers", "list"]);
    assert!(
        listed.contains("[NOT VERIFIED: the words differed on 2026-11-21]"),
        "{listed}"
    );
    let sent = new.run(&["send", "bob", "text", "--no-wait"]);
    assert!(sent.stderr.contains("[SC33]"), "{}", sent.stderr);
}

/// As many bytes were read as a key may have, and what stood behind them was lost without a word.
#[test]
fn a_long_list_from_a_pipe_is_taken_whole() {
    let home = Home::with_identity();
    let key = |n: u32| {
        let mut key = [9; 32];
        key[..4].copy_from_slice(&n.to_be_bytes());
        STANDARD.encode(key)
    };
    let peer = |n: u32| format!("peer{n} {} addr=host{n}.example:7419\n", key(n));
    let list: String = (0..3_000).map(peer).collect();
    let list = list + "@revoked " + &key(3_000) + "\n";
    let done = home.run_with_input(&["peers", "import", "-"], &list);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let wanted = "added 3000 people\n1 more revoked: these keys are refused from now on\n";
    assert_eq!(done.stderr, wanted, "each of them by name");
    let exported = home.data(&["peers", "export"]);
    assert_eq!(exported.matches(".example:7419\n").count(), 3_000);
    let (path, list) = (home.write("list", &list), home.read("known-peers"));
    let again = home.run(&["peers", "import", path.to_str().unwrap()]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(home.read("known-peers"), list);
}

#[test]
fn what_is_longer_than_a_key_is_refused_and_not_cut() {
    let home = Home::with_bob();
    let before = home.read("known-peers");
    let key = format!("{CAROL}\n{}", "x".repeat(64 << 10));
    let done = home.run_with_input(&["peers", "add", "carol", "-"], &key);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(
        done.stderr.contains("longer than any key"),
        "{}",
        done.stderr
    );
    assert_eq!(home.read("known-peers"), before);
}

#[test]
fn our_own_line_in_the_list_of_somebody_who_knows_us_is_left_out() {
    let home = Home::with_identity();
    let key = home.data(&["pubkey"]);
    home.data(&["peers", "add", "bob", BOB]);
    // The name is no obstacle: nobody gets it.
    let list = format!("carol {CAROL}\nbob {key}");
    let done = home.run_with_input(&["peers", "import", "-"], &list);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, "added carol\nbob: that is your own key, left out\n")
    );
    assert!(!home.read("known-peers").contains(key.trim_end()));
}

/// It was revoked here, too, and handed on as such.
#[test]
fn a_list_does_not_revoke_our_own_key() {
    let home = Home::with_identity();
    let key = home.data(&["pubkey"]);
    let list = format!("us {key}@revoked {key}@revoked {DAVE}\ncarol {CAROL}\n");
    let done = home.run_with_input(&["peers", "import", "-"], &list);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (
            0,
            "added carol\n1 more revoked: these keys are refused from now on\n\
             warning: the list revokes your own key, which was left out; whoever made it refuses your calls: ask why\n"
        )
    );
    assert!(!home.read("known-peers").contains(key.trim_end()));
}

#[test]
fn what_a_list_revokes_of_ours_is_revoked_in_the_same_home() {
    let home = Home::with_bob();
    let list = format!("@revoked {BOB}\n");
    let done = home.run_with_input(&["peers", "import", "-"], &list);
    let command = "if that is right: securechat --home HOME peers revoke bob\n";
    assert!(done.stderr.ends_with(command), "{}", done.stderr);
}

#[test]
fn a_list_that_takes_a_name_or_is_damaged_changes_nothing() {
    let home = Home::with_bob();
    let before = home.read("known-peers");
    let taken = home.run_with_input(
        &["peers", "import", "-"],
        &format!("erin {DAVE}\nbob {CAROL}\n"),
    );
    assert_eq!(taken.code, 1);
    assert!(
        taken
            .stderr
            .contains("there is a peer called \"bob\" already"),
        "{}",
        taken.stderr
    );
    let list = home.write("list", &format!("erin {DAVE}\nfrank nonsense\n"));
    let damaged = home.run(&["peers", "import", list.to_str().unwrap()]);
    assert!(
        damaged.stderr.starts_with("error: HOME/list, line 2: "),
        "{}",
        damaged.stderr
    );
    assert_eq!(home.read("known-peers"), before);
}

#[test]
fn the_qr_code_is_drawn_and_its_address_is_told() {
    let home = Home::with_identity();
    let key = home.data(&["pubkey"]);
    let args = ["key", "qr", "--name", "bob", "--address", "a.example:7419"];
    let done = home.run(&args);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let uri = done.stderr.trim();
    let theirs = Home::new();
    theirs.data(&["peers", "add", "bob", uri]);
    let list = theirs.data(&["peers", "list"]);
    assert_eq!(
        list,
        format!("bob  {}  [not verified]  a.example:7419\n", key.trim())
    );
    let lines: Vec<&str> = done.stdout.lines().collect();
    let widths = lines.iter().map(|line| line.chars().count());
    assert!(
        lines.len() >= 19 && widths.clone().min() == widths.max(),
        "{}",
        done.stdout
    );
    let drawn = |c: char| [' ', '\u{2580}', '\u{2584}', '\u{2588}'].contains(&c);
    assert!(done.stdout.chars().all(|c| c == '\n' || drawn(c)));
    let name = home.run(&["key", "qr", "--name", "Bob"]);
    assert_eq!(name.code, 2, "{}", name.stderr);
}

#[test]
fn a_copy_of_the_key_has_a_passphrase_of_its_own() {
    let home = Home::with_identity();
    let key = home.data(&["pubkey"]);
    let phrase = home.write("phrase", "correct horse\n");
    let phrase = phrase.to_str().unwrap();
    let copy = home.path("copy.key");
    let to = copy.to_str().unwrap();
    let args = ["key", "export", to, "--new-passphrase-file", phrase];
    let done = home.run(&args);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let text = fs::read_to_string(&copy).unwrap();
    assert!(text.contains("\nSECURECHAT-ENCRYPTED-KEY-1:"), "{text}");
    let opened = ["key", "show", to, "--passphrase-file", phrase];
    assert!(home.data(&opened).contains(key.trim()));
    let again = home.run(&args);
    assert_eq!(again.code, 1);
    let said = ["exists already; it was not touched", "[SC21]"];
    assert!(
        said.iter().all(|it| again.stderr.contains(it)),
        "{}",
        again.stderr
    );
    assert_eq!(fs::read_to_string(&copy).unwrap(), text);
    let asked = home.run(&["key", "export", "other.key"]);
    assert_eq!(asked.code, 2);
    assert!(asked.stderr.contains("[SC17]"), "{}", asked.stderr);
}

#[test]
fn what_prints_data_prints_it_as_json_too() {
    let home = Home::with_identity();
    let key = home.data(&["pubkey"]).trim_end().to_owned();
    home.data(&["peers", "add", "bob", BOB]);
    let json = |args: &[&str]| -> serde_json::Value {
        let printed = home.data(&[args, &["--json"]].concat());
        assert_eq!(printed.lines().count(), 1, "{args:?}");
        let value: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(value["v"], 1, "{args:?}");
        value
    };
    home.data(&[
        "peers",
        "add",
        "carol",
        CAROL,
        "--address",
        "203.0.113.9:7419",
    ]);
    home.data(&["peers", "revoke", "carol", "--reason", "lost"]);
    let carol = json(&["peers", "show", "carol"]);
    assert_eq!(carol["addresses"][0], "203.0.113.9:7419");
    assert_eq!(json(&["peers", "list"])["revoked"][0]["reason"], "lost");
    for args in [&["pubkey"][..], &["key", "show"], &["key", "fingerprint"]] {
        let shown = json(args);
        assert_eq!(shown["public_key"], key.as_str(), "{args:?}");
        assert_eq!(shown["protected"], false);
        assert!(shown.to_string().find("SECRET").is_none());
    }
    assert_eq!(json(&["peers", "show", "bob"])["key"], BOB);
    assert_eq!(json(&["peers", "list"])["peers"][0]["name"], "bob");
    let status = json(&["status"]);
    assert_eq!(
        (&status["running"], &status["key"]),
        (&false.into(), &key.as_str().into())
    );
}

/// Somebody else had laid the lock there as a link: a command that only looks emptied the secret key.
#[cfg(unix)]
#[test]
fn a_home_where_others_can_put_files_is_refused_and_its_key_stays() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let home = Home::with_identity();
    home.data(&["peers", "add", "bob", BOB]);
    let search = ["history", "search", "x"];
    home.data(&search);
    let names = fs::read_dir(home.path("")).unwrap();
    let mut names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    let lock = names
        .find(|name| name.ends_with(".lock") && !name.starts_with('.'))
        .unwrap();
    let secret = home.read("identity.key");
    fs::remove_file(home.path(&lock)).unwrap();
    symlink("identity.key", home.path(&lock)).unwrap();
    let told = format!(
        "error: cannot use HOME/{lock}: it is not a regular file  [SC22]\n\
         \x20 The file was not changed.\n"
    );
    assert_eq!(home.run(&search), failed(1, &told));
    let doctor = home.run(&["doctor"]).stdout;
    assert!(doctor.contains("FAIL     lock "), "{doctor}");
    fs::remove_file(home.path(&lock)).unwrap();
    let mode = fs::Permissions::from_mode(0o1777);
    fs::set_permissions(home.path(""), mode).unwrap();
    let told = "error: refusing to use HOME  [SC02]\n\
                \x20 Other users of this machine can put files beside yours there (mode 1777).\n\
                \x20 try: mkdir -m 700 HOME/securechat\n\
                \x20 Put what is yours into that, and name it instead: in --home, or before the file's name.\n";
    let commands: [&[&str]; 4] = [
        &search,
        &["peers", "add", "carol", CAROL],
        &["send", "bob", "hi", "--no-wait"],
        &["keygen", "--no-passphrase", "--force"],
    ];
    for args in commands {
        assert_eq!(home.run(args), failed(5, told), "{args:?}");
    }
    assert_eq!(home.read("identity.key"), secret);
    let mut below = crate::program();
    below.arg("--home").arg(home.path("securechat"));
    below.args(["keygen", "--no-passphrase"]);
    assert_eq!(crate::finish(below, "").code, 0);
}

/// Only root can give a directory away.
#[cfg(unix)]
#[test]
fn a_home_of_another_user_leads_to_one_of_ones_own() {
    let home = Home::new();
    if std::os::unix::fs::chown(home.path(""), Some(12_345), None).is_err() {
        return crate::common::skipped("not running as root, who alone can be another user");
    }
    let told = "error: refusing to use HOME  [SC02]\n\
                \x20 It belongs to another user of this machine.\n";
    let other = "  try: use a place of your own: securechat --home DIR keygen\n";
    let keygen = home.run(&["keygen", "--no-passphrase"]);
    assert_eq!(keygen, failed(5, &format!("{told}{other}")));
    let add = home.run(&["peers", "add", "bob", BOB]);
    let other = "  try: use a file, or a directory, of your own in its place\n";
    assert_eq!(add, failed(5, &format!("{told}{other}")));
}
