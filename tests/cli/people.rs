//! `peers`.

use super::*;

#[test]
fn peers_come_and_go_and_remarks_stay() {
    let home = Home::new();
    let list = home.write(
        "known-peers",
        &format!("# my friends\n\nbob   {BOB} colour=blue # the tall one\n"),
    );
    #[cfg(unix)]
    set_mode(&list, 0o600);
    let args = [
        "peers",
        "add",
        "carol",
        CAROL,
        "--address",
        "chat.example.org:7419",
    ];
    let added = home.run(&args);
    assert_eq!(added.code, 0, "{}", added.stderr);
    assert_eq!(added.stderr, format!("added carol  {CAROL}\n"));
    assert_eq!(
        home.data(&["peers", "list"]),
        format!(
            "bob    {BOB}  [not verified]\n\
             carol  {CAROL}  [not verified]  chat.example.org:7419\n"
        )
    );
    assert_eq!(home.run(&["peers", "rename", "bob", "robert"]).code, 0);
    assert_eq!(home.run(&["peers", "remove", "carol"]).code, 0);
    let text = fs::read_to_string(&list).unwrap();
    assert_eq!(
        text,
        format!("# my friends\n\nrobert   {BOB} colour=blue # the tall one\n")
    );
}

/// One of at most 32 characters was taken for a name.
#[test]
fn a_file_with_a_key_in_it_is_one_however_short_its_path_is() {
    let home = Home::with_identity();
    home.write("carol.pub", &format!("{CAROL}\n"));
    let here = |args: &[&str]| {
        let mut command = program();
        command.args(["--home", "."]).args(args);
        command.current_dir(home.path(""));
        finish(command, "")
    };
    let shown = here(&["history", "show", "--in", "@carol.pub"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    let revoked = here(&["peers", "revoke", "@carol.pub"]);
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    let line = format!("@revoked {CAROL}\n");
    assert!(home.read("known-peers").contains(&line));
    let missing = here(&["peers", "revoke", "@dave.pub"]);
    assert!(missing.stderr.contains("dave.pub"), "{}", missing.stderr);
    assert!(
        !missing.stderr.contains("no peer called"),
        "{}",
        missing.stderr
    );
}

#[test]
fn a_revoked_key_is_listed_as_such_and_cannot_come_back() {
    let home = Home::with_bob();
    let revoke = ["peers", "revoke", "bob", "--reason", "laptop stolen"];
    assert_eq!(home.run(&revoke).code, 0);
    assert!(home.data(&["peers", "list"]).contains("revoked"));
    assert_eq!(home.run(&["peers", "remove", "bob"]).code, 0);
    assert_eq!(
        home.run(&["peers", "add", "bob", BOB]),
        failed(
            4,
            "error: this key is revoked  [SC25]\n\
             \x20 Your note then: laptop stolen\n\
             \x20 try: securechat --home HOME peers list\n"
        )
    );
    let by_key = home.run(&["peers", "revoke", CAROL]);
    assert_eq!(by_key.code, 0, "{}", by_key.stderr);
    assert!(
        home.read("known-peers")
            .contains(&format!("@revoked {CAROL}\n"))
    );
}

/// The mark that people are told to trust stood behind a key that a thief may have.
#[test]
fn a_key_that_was_compared_and_then_revoked_is_nowhere_shown_as_verified() {
    let home = Home::with_identity();
    home.write("known-peers", &format!("bob {BOB} verified=2026-11-22\n"));
    #[cfg(unix)]
    set_mode(&home.path("known-peers"), 0o600);
    let shown = || {
        let commands: [&[&str]; 5] = [
            &["peers", "list"],
            &["peers", "show", "bob"],
            &["status", "bob"],
            &["peers", "show", "bob", "--json"],
            &["status", "bob", "--json"],
        ];
        commands.map(|command| home.data(command))
    };
    let [list, show, status, saved, standing] = shown();
    assert!(list.contains("  [verified]"), "{list}");
    assert!(show.contains("2026-11-22 [verified]"), "{show}");
    assert!(status.contains("verified: yes, on 2026-11-22"), "{status}");
    for json in [saved, standing] {
        assert!(json.contains("\"verified\":\"2026-11-22\""), "{json}");
    }
    assert_eq!(home.run(&["peers", "revoke", "bob"]).code, 0);
    let [list, show, status, saved, standing] = shown();
    assert!(list.contains("  revoked\n"), "{list}");
    assert!(show.contains("verified       no"), "{show}");
    assert!(status.contains("verified: no\n"), "{status}");
    for json in [saved, standing] {
        assert!(json.contains("\"verified\":null"), "{json}");
    }
}

#[test]
fn the_list_as_json_keeps_every_character_and_does_nothing() {
    let home = Home::with_bob();
    let reason = "stolen \"\u{1b}[2J\u{9b}\u{202e}";
    assert_eq!(
        home.run(&["peers", "revoke", CAROL, "--reason", reason])
            .code,
        0
    );
    let line = home.data(&["peers", "list", "--json"]);
    assert!(line.trim_end().chars().all(|c| !c.is_control()), "{line:?}");
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["peers"][0]["name"], "bob");
    assert_eq!(value["peers"][0]["key"], BOB);
    assert_eq!(value["peers"][0]["revoked"], false);
    assert_eq!(value["revoked"][0]["key"], CAROL);
}

#[test]
fn show_prints_what_is_known() {
    let home = Home::new();
    let args = ["peers", "add", "bob", BOB, "--address", "203.0.113.9:7419"];
    home.data(&args);
    assert_eq!(
        home.data(&["peers", "show", "bob"]),
        format!(
            "name           bob\n\
             key            {BOB}\n\
             fingerprint    xTIBA 5rboU vnH4h todjb 6e697 QjLER t1NAB 4mZqp 8Dg\n\
             address        203.0.113.9:7419\n\
             verified       no [not verified]\n"
        )
    );
}

#[test]
fn a_mistyped_name_finds_its_neighbour() {
    let home = Home::with_bob();
    for command in [
        vec!["peers", "show", "bbo"],
        vec!["peers", "remove", "bbo"],
        vec!["peers", "revoke", "bbo"],
        vec!["peers", "rename", "bbo", "x"],
    ] {
        assert_eq!(
            home.run(&command),
            failed(
                4,
                "error: no peer called \"bbo\"  [SC05]\n\
                 \x20 Did you mean \"bob\"?\n\
                 \x20 try: securechat --home HOME peers list\n"
            )
        );
    }
}

#[test]
fn a_cut_key_says_what_is_wrong_with_it() {
    let home = Home::new();
    assert_eq!(
        home.run(&["peers", "add", "bob", "xTIBA5rb"]),
        failed(
            2,
            "error: that is not a securechat public key: \"xTIBA5rb\" (6 bytes, 32 needed)  [SC03]\n\
             \x20 A key is 44 characters and ends with \"=\". It may have been cut while copying.\n"
        )
    );
}

/// It was said to have been cut, though it was as long as a key.
#[test]
fn what_is_as_long_as_a_key_is_not_said_to_have_been_cut() {
    let home = Home::new();
    let key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
    let changed = key.replace("Dg=", "Dh=");
    let zeros = format!("{}=", "A".repeat(43));
    let link = format!("securechat:1:{}?a=nowhere", &key[..43]);
    let later = link.replace(":1:", ":2:");
    for (text, cause) in [
        (
            &changed,
            "but no key ends like that: a character was changed.",
        ),
        (
            &zeros,
            "A character was changed, or it only stands in the place of one.",
        ),
        (
            &format!("{key}{key}").replace('=', ""),
            "This is more: perhaps two texts were joined.",
        ),
        (
            &key.replace('x', "!"),
            "A key is 44 characters (letters, digits, + and /)",
        ),
        (
            &link,
            "Its key is whole: what is behind the \"?\" may be left out.",
        ),
        (&later, "a newer securechat may read this one."),
    ] {
        let told = home.run(&["peers", "add", "bob", text]);
        let told = format!("{told:?}");
        let cause = cause.escape_debug().to_string();
        assert!(told.contains("[SC03]") && told.contains(&cause), "{told}");
        assert!(!told.contains("cut while copying"), "{told}");
    }
}

#[test]
fn a_secret_key_is_never_taken_for_a_public_one_nor_repeated() {
    let home = Home::with_identity();
    let file = home.read("identity.key");
    let secret = file.lines().last().unwrap();
    let path = home.path("identity.key");
    let at_file = format!("@{}", path.to_str().unwrap());
    let half = &secret["SECURECHAT-SECRET-KEY-1:".len()..];
    for args in [
        vec!["peers", "add", "bob", secret],
        vec!["peers", "add", secret, BOB],
        vec!["peers", "add", "bob", &at_file],
        vec!["peers", "revoke", secret],
        vec!["connect", "--peer-key", secret, "127.0.0.1:7419"],
        vec!["--no-such-flag", secret],
        vec!["--identity", secret, "peers", "list"],
    ] {
        let done = home.run(&args);
        assert_eq!(done.code, 2, "{args:?}");
        assert!(
            done.stderr.starts_with(
                "error: that is a SECRET key - it was not used and must not be shared  [SC04]\n"
            ),
            "{}",
            done.stderr
        );
        assert!(!done.stderr.contains(half) && !done.stdout.contains(half));
    }
    assert!(!home.path("known-peers").exists());
}

#[test]
fn a_damaged_line_is_named_and_no_other_is_lost() {
    let home = Home::with_bob();
    let damaged = home.read("known-peers") + "carol nonsense\n";
    home.write("known-peers", &damaged);
    let line = damaged.lines().count();
    let listed = home.run(&["peers", "list"]);
    assert_eq!(listed.code, 1);
    assert_eq!(listed.stdout, format!("bob  {BOB}  [not verified]\n"));
    let start = format!("error: HOME/known-peers, line {line}: ");
    assert!(listed.stderr.starts_with(&start), "{}", listed.stderr);
    let added = home.run(&["peers", "add", "carol", CAROL]);
    assert_eq!(added.code, 1);
    assert!(added.stderr.starts_with(&start), "{}", added.stderr);
    assert_eq!(home.read("known-peers"), damaged);
}

#[test]
fn a_damaged_revocation_is_not_to_be_made_a_remark() {
    let home = Home::with_bob();
    let revoked = format!("@revoked {BOB} reason=laptop stolen\n");
    home.write("known-peers", &(home.read("known-peers") + &revoked));
    let listed = home.run(&["peers", "list"]);
    let advice = "\x20 The file was not changed.\n\
                  \x20 It may revoke a key: mend it. With a # in front of it that key would be trusted.\n";
    assert!(listed.stderr.ends_with(advice), "{}", listed.stderr);
}

#[test]
fn names_and_keys_are_unique() {
    let home = Home::with_bob();
    let cases = [
        (["peers", "add", "robert", BOB], "[SC30]"),
        (["peers", "add", "bob", CAROL], "[SC23]"),
        (["peers", "add", "b0b", CAROL], "[SC23]"),
        (["peers", "add", "Carol", CAROL], "[SC23]"),
    ];
    for (args, code) in cases {
        let done = home.run(&args);
        assert_eq!(done.code, 1, "{args:?}");
        assert!(done.stderr.contains(code), "{}", done.stderr);
    }
}

#[test]
fn a_key_may_come_from_a_file_or_a_pipe() {
    let home = Home::new();
    let file = home.write("bob.pub", &format!("# from the meeting\n{BOB} bob@desk\n"));
    let argument = format!("@{}", file.to_str().unwrap());
    home.data(&["peers", "add", "bob", &argument]);
    let done = home.run_with_input(&["peers", "add", "carol", "-"], &format!("{CAROL}\n"));
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(
        home.data(&["peers", "list"]),
        format!("bob    {BOB}  [not verified]\ncarol  {CAROL}  [not verified]\n")
    );
}

/// A home where a secret is shared with bob, and the file that it was taken from.
fn with_a_shared_secret() -> (Home, String) {
    let home = Home::new();
    let file = home.write("psk", &format!("{CAROL}\n"));
    #[cfg(unix)]
    set_mode(&file, 0o600);
    let file = file.to_str().unwrap().to_owned();
    home.data(&["peers", "add", "bob", BOB, "--psk-file", &file]);
    (home, file)
}

#[test]
fn a_shared_secret_is_taken_from_a_file_and_never_shown() {
    let (home, _) = with_a_shared_secret();
    assert!(home.read("known-peers").contains(&format!("psk={CAROL}")));
    for args in [
        vec!["peers", "list"],
        vec!["peers", "list", "--json"],
        vec!["peers", "show", "bob"],
    ] {
        let shown = home.data(&args);
        assert!(shown.contains("psk") && !shown.contains(CAROL), "{shown}");
    }
}

/// A flag was named that the command does not have.
#[test]
fn a_secret_that_is_gone_with_its_key_can_be_given_anew_as_it_is_said() {
    let (home, file) = with_a_shared_secret();
    let replaced = home.run(&["peers", "replace", "bob", CAROL, "--yes"]);
    let told = format!(
        "\x20 the secret that you two shared is gone with it\n\
         \x20 to share another, add the key anew, with its addresses:\n\
         \x20   securechat --home HOME peers remove bob\n\
         \x20   securechat --home HOME peers add bob {CAROL} --psk-file FILE\n"
    );
    assert!(replaced.stderr.ends_with(&told), "{}", replaced.stderr);
    home.data(&["peers", "remove", "bob"]);
    home.data(&["peers", "add", "bob", CAROL, "--psk-file", &file]);
    assert!(home.read("known-peers").contains(&format!("psk={CAROL}")));
}

#[cfg(unix)]
#[test]
fn a_list_that_others_can_change_is_refused() {
    let home = Home::with_bob();
    set_mode(&home.path("known-peers"), 0o666);
    let done = home.run(&["peers", "list"]);
    assert_eq!(done.code, 5);
    assert!(
        done.stderr
            .starts_with("error: refusing to use HOME/known-peers  [SC02]\n")
    );
    assert!(done.stderr.contains("try: chmod "), "{}", done.stderr);
}

/// What is said of a key that is our own.
fn own_key() -> Done {
    failed(
        1,
        "error: that is your own key; the key of the other side is needed  [SC30]\n\
         \x20 There it is printed by: securechat pubkey\n",
    )
}

#[test]
fn your_own_key_is_nobody_elses() {
    let home = Home::with_identity();
    let key = home.data(&["pubkey"]).trim_end().to_owned();
    home.data(&["peers", "add", "bob", BOB]);
    let before = home.read("known-peers");
    let add = ["peers", "add", "me", &key];
    assert_eq!(home.run(&add), own_key());
    let replace = ["peers", "replace", "bob", &key, "--yes"];
    assert_eq!(home.run(&replace), own_key());
    fs::remove_file(home.path("identity.key")).unwrap();
    assert_eq!(home.run(&add), own_key(), "identity.pub tells it");
    assert_eq!(home.read("known-peers"), before);
    Home::new().data(&add);
}

#[test]
fn a_locked_identity_needs_no_passphrase_for_peers() {
    let home = Home::new();
    let phrase = home.write("phrase", "correct horse\n");
    home.data(&["keygen", "--passphrase-file", phrase.to_str().unwrap()]);
    let key = home.data(&["pubkey"]).trim_end().to_owned();
    assert_eq!(home.run(&["peers", "add", "me", &key]), own_key());
    home.data(&["peers", "add", "bob", BOB]);
}

#[test]
fn an_empty_list_leads_to_the_list_of_the_same_home() {
    let listed = Home::new().run(&["peers", "list"]);
    let hint = "you have no peers yet; add one: securechat --home HOME peers add NAME KEY\n";
    assert_eq!(listed.stderr, hint);
}

#[test]
fn whose_words_differed_is_to_be_compared_in_this_home() {
    let home = Home::with_identity();
    let list = format!("bob {BOB} differed=2026-11-20\n");
    home.write("known-peers", &list);
    #[cfg(unix)]
    set_mode(&home.path("known-peers"), 0o600);
    let status: serde_json::Value =
        serde_json::from_str(&home.data(&["status", "--json"])).unwrap();
    let next = "compare the keys: securechat --home HOME peers verify bob";
    assert_eq!(status["peers"][0]["next"], next, "{status}");
}

#[test]
fn a_sheet_names_who_was_compared_in_this_home() {
    let home = Home::with_identity();
    home.data(&["peers", "add", "bob", BOB]);
    let sheet = home.data(&["peers", "verify", "bob", "--print"]);
    let last = "Once compared: securechat --home HOME peers verify bob --number DIGITS\n";
    assert!(sheet.ends_with(last), "{sheet}");
    let theirs = "\nTheirs are shown by: securechat peers verify NAME --print\n";
    assert!(sheet.contains(theirs), "{sheet}");
}

#[test]
fn a_secret_key_that_was_given_away_is_replaced_where_it_is() {
    let home = Home::with_identity();
    let file = home.read("identity.key");
    let secret = file.lines().last().unwrap();
    let keygen = "securechat --home HOME keygen --force\n";
    for args in [
        vec!["peers", "add", "bob", secret],
        vec!["peers", "add", secret, BOB],
        vec!["--no-such-flag", secret],
    ] {
        let done = home.run(&args);
        assert!(done.stderr.contains(keygen), "{args:?}: {}", done.stderr);
    }
    let place = home.0.path().to_str().unwrap();
    let mut wrong = program();
    wrong.args(["peers", "add", "bob", secret, "--no-such-flag"]);
    wrong.args(["--home", place]);
    let done = finish(wrong, "");
    assert!(done.stderr.contains(&keygen.replace("HOME", place)));
    let done = home.run(&["--json", "peers", "add", "bob", secret]);
    let line: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&line["code"], done.code), (&"SC04".into(), 2));
    assert!(
        line["help"].to_string().contains(keygen.trim_end()),
        "{line}"
    );
}

/// What is said of a list that is not there to be read. `first`: how it begins.
fn lost_list(first: &str, in_the_way: &str) -> Done {
    failed(
        1,
        &format!(
            "error: {first}  [SC22]\n\
             \x20 Nothing was changed: whom you know, and which keys are revoked, is not there to be read.\n\
             \x20 try: bring back the list as it was one change before: cp HOME/known-peers.bak HOME/known-peers\n\
             \x20 try: if nobody is to be known any more: rm {in_the_way}\n"
        ),
    )
}

/// The next change would have taken the place of the last good copy: of whom one knew, and which keys were revoked.
#[test]
fn a_list_that_was_emptied_or_is_gone_is_not_begun_anew_over_the_one_of_before() {
    let home = Home::with_bob();
    home.data(&["peers", "add", "carol", CAROL]);
    let before = home.read("known-peers.bak");
    let add = ["peers", "add", "dave", DAVE];
    home.write("known-peers", "");
    let emptied = lost_list(
        "HOME/known-peers is empty",
        "HOME/known-peers HOME/known-peers.bak",
    );
    assert_eq!(home.run(&add), emptied);
    assert_eq!(home.run(&["peers", "list"]), emptied);
    assert_eq!(home.run(&["peers", "export"]), emptied);
    fs::remove_file(home.path("known-peers")).unwrap();
    let gone = "HOME/known-peers is gone, and HOME/known-peers.bak is still there";
    let gone = lost_list(gone, "HOME/known-peers.bak");
    assert_eq!(home.run(&add), gone);
    // Whoever is revoked would be a stranger again.
    assert_eq!(home.run(&["peers", "list"]), gone);
    assert_eq!(home.read("known-peers.bak"), before);
    // What is suggested.
    fs::copy(home.path("known-peers.bak"), home.path("known-peers")).unwrap();
    home.data(&add);
    assert!(home.read("known-peers").contains("\ndave "));
    for name in ["known-peers", "known-peers.bak"] {
        fs::remove_file(home.path(name)).unwrap();
    }
    home.data(&add);
}

/// A command that was stopped in the midst of it had every other wait for ever, and a running chat say nothing.
#[cfg(unix)]
#[test]
fn a_command_does_not_wait_for_ever_for_one_that_was_stopped() {
    let home = Home::with_bob();
    let held = fs::File::open(home.path(".known-peers.lock")).unwrap();
    held.lock().unwrap();
    let cause = "It may be a command that was stopped (Ctrl+Z): let it go on, or end it.";
    assert_eq!(
        home.run(&["peers", "rename", "bob", "robert"]),
        failed(
            1,
            &format!(
                "error: another program is changing HOME/known-peers, and does not finish  [SC24]\n\
                 \x20 Nothing was changed. {cause}\n"
            )
        )
    );
    drop(held);
    home.data(&["peers", "rename", "bob", "robert"]);
}

/// There was no way to add one but to take the peer out, which loses what is known of it.
#[test]
fn who_is_saved_already_gets_another_address() {
    let home = Home::with_bob();
    let (name, place) = ("chat.example.org:7419", "[2001:db8::9]:7419");
    let add = |who: &str, key: &str, rest: &[&str]| {
        home.run(&[&["peers", "add", who, key], rest].concat())
    };
    let told = |place: &str| format!("saved as an address of bob: {place}\n");
    assert_eq!(add("bob", BOB, &["--address", name]).stderr, told(name));
    let both = add("bob", BOB, &["--address", name, "--address", place]);
    assert_eq!((both.code, both.stderr), (0, told(place)));
    let listed = format!("bob  {BOB}  [not verified]  {name}  {place}\n");
    assert_eq!(home.data(&["peers", "list"]), listed);
    let again = add("bob", BOB, &["--address", name]);
    assert_eq!(
        (again.code, again.stderr.as_str()),
        (0, "bob has that address already\n")
    );
    let other = ["--address", "other.example.org:7419"];
    let psk = home.write("psk", &format!("{CAROL}\n"));
    #[cfg(unix)]
    set_mode(&psk, 0o600);
    let psk = ["--psk-file", psk.to_str().unwrap()];
    for (who, key, rest, code) in [
        ("robert", BOB, &other[..], "SC30"),
        ("bob", CAROL, &other, "SC23"),
        ("bob", BOB, &[], "SC30"),
        ("bob", BOB, &[other, psk].concat(), "SC30"),
    ] {
        let refused = add(who, key, rest);
        assert!(refused.stderr.contains(code), "{who}: {}", refused.stderr);
    }
    assert_eq!(home.data(&["peers", "list"]), listed);
}
