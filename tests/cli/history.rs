//! `history`: what is printed of the messages that are kept, and what is deleted.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use securechat::store::{Archive, ErrorKind, Filter, IdentityLock, Keep, Salvaged, StoreTrouble};

use crate::kept::{self, Fate, Kept, NOW};
use crate::{BOB, CAROL, Home, failed};

/// Bob has a name, carol has none.
fn home() -> Home {
    let home = Home::with_identity();
    home.data(&["peers", "add", "bob", BOB]);
    home.write("config.toml", "[history]\nkeep = \"forever\"\n");
    home
}

/// A home with one message of every kind.
fn filled() -> Home {
    let home = home();
    let mut kept = Kept::in_home(&home.path(""));
    for (key, hours, fate, body) in [
        (BOB, 50, Fate::Read, "did the backup finish?"),
        (BOB, 49, Fate::Delivered, "yes, 41 GB"),
        (CAROL, 30, Fate::Read, "the Invoice\nis late\u{1b}[2J"),
        (BOB, 20, Fate::Expired, "are you there?"),
        (BOB, 2, Fate::Unread, "on my way"),
        (CAROL, 1, Fate::Waiting, "the invoice, once more"),
    ] {
        kept.add(key, hours, fate, body.as_bytes());
    }
    home
}

const RECORDS: [&str; 6] = [
    "2026-11-19T00:09:31Z\tbob\treceived\tdid the backup finish?",
    "2026-11-19T01:09:31Z\tbob\tdelivered\tyes, 41 GB",
    "2026-11-19T20:09:31Z\tkey:TrMvSoP4\treceived\tthe Invoice\\nis late^[[2J",
    "2026-11-20T06:09:31Z\tbob\tfailed: not delivered within 14 days\tare you there?",
    "2026-11-21T00:09:31Z\tbob\tunconfirmed\ton my way",
    "2026-11-21T01:09:31Z\tkey:TrMvSoP4\twaiting\tthe invoice, once more",
];

/// Which of [`RECORDS`] a command prints.
fn printed(home: &Home, args: &[&str]) -> Vec<usize> {
    let data = home.data(&[&["history"], args].concat());
    let position = |line| RECORDS.iter().position(|it| *it == line);
    data.lines()
        .map(|line| position(line).expect(line))
        .collect()
}

#[test]
fn every_message_is_shown_with_how_it_stands_oldest_first() {
    let home = filled();
    assert_eq!(printed(&home, &["show"]), [0, 1, 2, 3, 4, 5]);
    assert_eq!(home.run(&["history", "show"]).stderr, "");
}

#[test]
fn filters_narrow_it_down() {
    let home = filled();
    for (args, expected) in [
        (&["show", "--in", "bob"][..], &[0, 1, 3, 4][..]),
        (&["show", "--in", CAROL], &[2, 5]),
        (&["show", "--in", "key:TrMvSoP4"], &[2, 5]),
        (&["show", "--last", "2"], &[4, 5]),
        (&["show", "--in", "bob", "--last", "1"], &[4]),
        (&["show", "--since", "2026-01-01"], &[0, 1, 2, 3, 4, 5]),
        (&["show", "--since", "3000-01-01"], &[]),
        (&["show", "--before", "2026-01-01"], &[]),
        (&["search", "invoice"], &[2, 5]),
        (&["search", "INVOICE", "--last", "1"], &[5]),
        (&["search", "invoice", "--in", "bob"], &[]),
        (&["search", "41 GB"], &[1]),
    ] {
        assert_eq!(printed(&home, args), expected, "{args:?}");
    }
    let nothing = home.run(&["history", "search", "nonsense"]);
    assert_eq!(
        (nothing.code, nothing.stderr.as_str()),
        (0, "no such message is kept\n")
    );
}

#[test]
fn a_day_is_the_users_own() {
    let home = filled();
    let zones = zones();
    let shown = |zone: &str| {
        let mut command = crate::program();
        let home = home.path("");
        command.env("TZDIR", zones.path()).env("TZ", zone);
        command.arg("--home").arg(home);
        command.args(["history", "show", "--since", "2026-11-21"]);
        let done = crate::finish(command, "");
        assert_eq!(done.code, 0, "{}", done.stderr);
        done.stdout.lines().count()
    };
    assert_eq!(shown("UTC0"), 2);
    // Five hours behind it the day began at 05:00 UTC.
    assert_eq!(shown("EST5"), 0);
    // A name was not looked up, and the day was that of UTC.
    #[cfg(unix)]
    assert_eq!(shown("America/Nowhere"), 0);
}

/// A list of time zones as systems have it, with one zone: `EST5` by a name (RFC 9636).
fn zones() -> TempDir {
    let zones = TempDir::new().unwrap();
    let behind = (-5 * 3_600_i32).to_be_bytes();
    let block = [
        &b"TZif2"[..],
        &[0; 15],
        &[0; 16],
        &[0, 0, 0, 1, 0, 0, 0, 4],
        &behind,
        &[0, 0],
        b"EST\0",
    ];
    let file = [&block.concat()[..], &block.concat(), b"\nEST5\n"].concat();
    let america = zones.path().join("America");
    fs::create_dir(&america).unwrap();
    fs::write(america.join("Nowhere"), file).unwrap();
    zones
}

#[test]
fn json_has_everything_and_moves_no_cursor() {
    let home = filled();
    let data = home.data(&["history", "show", "--json"]);
    assert!(!data.contains('\u{1b}'));
    let parse = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let lines: Vec<_> = data.lines().map(parse).collect();
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[2]["text"], "the Invoice\nis late\u{1b}[2J");
    assert_eq!(lines[2]["peer"], "key:TrMvSoP4");
    assert_eq!(lines[2]["key"], CAROL);
    let states = [
        "received",
        "delivered",
        "received",
        "failed",
        "unconfirmed",
        "waiting",
    ];
    let directions = ["in", "out", "in", "out", "in", "out"];
    for ((line, state), direction) in lines.iter().zip(states).zip(directions) {
        assert_eq!(
            (&line["state"], &line["dir"]),
            (&state.into(), &direction.into())
        );
        assert_eq!(line["v"], 1);
    }
}

#[test]
fn an_export_is_everything_for_its_owner_alone_and_overwrites_nothing() {
    let home = filled();
    let done = home.run(&["history", "export"]);
    assert_eq!(done.stdout.lines().collect::<Vec<_>>(), RECORDS);
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, "6 messages written\n")
    );
    let file = home.path("export.json");
    let args = ["history", "export", "--json", "-o", file.to_str().unwrap()];
    let written = home.run(&args);
    assert_eq!(
        (
            written.code,
            written.stdout.as_str(),
            written.stderr.as_str()
        ),
        (0, "", "6 messages written to HOME/export.json\n")
    );
    assert_eq!(
        home.read("export.json"),
        home.data(&["history", "show", "--json"])
    );
    #[cfg(unix)]
    assert_eq!(crate::mode(&file), 0o600);
    let before = home.read("export.json");
    let refused = home.run(&args);
    assert!(
        refused
            .stdout
            .contains("\"type\":\"error\",\"code\":\"SC21\",\"exit\":1")
    );
    let refused = crate::Done {
        stdout: String::new(),
        ..refused
    };
    assert_eq!(
        refused,
        failed(
            1,
            "error: HOME/export.json exists already; it was not touched  [SC21]\n\
             \x20 Name a file that does not exist yet.\n"
        )
    );
    assert_eq!(home.read("export.json"), before);
}

#[test]
fn bytes_that_are_no_text_are_exported_whole() {
    let home = home();
    Kept::in_home(&home.path("")).add(BOB, 1, Fate::Read, &[0xff, 0xfe]);
    let record = home.data(&["history", "show"]);
    assert!(
        record.ends_with("\treceived\t[unreadable message, 2 bytes]\n"),
        "{record}"
    );
    let json = home.data(&["history", "export", "--json"]);
    assert!(json.ends_with("\"base64\":\"//4=\"}\n"), "{json}");
}

#[test]
fn a_purge_takes_what_is_over_and_says_how_much_that_was() {
    let home = filled();
    let purge = |args: &[&str]| home.run(&[&["history", "purge", "--yes"], args].concat());
    assert_eq!(
        purge(&["--in", "bob", "--before", "2026-01-01"]).stderr,
        "0 messages deleted\n"
    );
    assert_eq!(printed(&home, &["show"]).len(), 6);
    assert_eq!(
        purge(&["--in", "key:TrMvSoP4"]).stderr,
        "1 message deleted\n"
    );
    assert_eq!(printed(&home, &["show"]), [0, 1, 3, 4, 5]);
    assert_eq!(purge(&["--before", "2026-11-20T"]).code, 2);
    let all = purge(&["--all"]);
    assert_eq!((all.code, all.stderr.as_str()), (0, "3 messages deleted\n"));
    assert_eq!(
        printed(&home, &["show"]),
        [4, 5],
        "what waits or is unread stays"
    );
}

#[test]
fn a_purge_goes_by_age() {
    let home = home();
    let mut kept = Kept::in_home(&home.path(""));
    kept.add(BOB, 0, Fate::Read, b"young");
    kept.add(BOB, 48, Fate::Read, b"old");
    drop(kept);
    // At whichever hour that day begins here.
    let purged = home.run(&["history", "purge", "--before", "2026-11-20", "--yes"]);
    assert_eq!(purged.stderr, "1 message deleted\n");
    assert!(home.data(&["history", "show"]).ends_with("\tyoung\n"));
}

#[test]
fn a_purge_has_to_be_meant() {
    let home = filled();
    for (given, suggested) in [
        (&["--all"][..], "--all"),
        (&["--before", "30d"], "--before 30d"),
        (
            &["--before", "2026-11-20", "--in", "bob"],
            "--in bob --before 2026-11-20",
        ),
    ] {
        let expected = format!(
            "error: somebody has to confirm that messages are deleted  [SC17]\n\
             \x20 There is no terminal to ask on, or --no-input forbids it.\n\
             \x20 try: securechat --home HOME history purge {suggested} --yes\n"
        );
        let purged = home.run(&[&["history", "purge"], given].concat());
        assert_eq!(purged, failed(2, &expected), "that and no more is deleted");
    }
    assert_eq!(home.run(&["history", "purge", "--yes"]).code, 2);
    assert_eq!(
        home.run(&["history", "purge", "--yes", "--all", "--in", "bob"])
            .code,
        2
    );
    assert_eq!(printed(&home, &["show"]).len(), 6);
}

#[test]
fn somebody_who_is_not_there_is_an_error_before_anything_happens() {
    let home = filled();
    for command in ["show", "purge"] {
        let done = home.run(&["history", command, "--in", "bbo", "--no-input"]);
        let expected = if command == "show" { 4 } else { 2 };
        assert_eq!(done.code, expected, "{}", done.stderr);
    }
    let purge = |who: &str| home.run(&["history", "purge", "--in", who, "--yes"]);
    assert!(purge("bbo").stderr.contains("Did you mean \"bob\"?"));
    assert_eq!(purge("key:zzzz").code, 2);
    assert_eq!(purge("key:").code, 2, "that is everybody");
    assert_eq!(printed(&home, &["show"]).len(), 6);
    home.write("known-peers", &format!("bobby {BOB} psk=nonsense\n"));
    let damaged = home.run(&["history", "show", "--in", "bobby"]);
    assert!(damaged.stderr.contains("[SC22]"), "{}", damaged.stderr);
    home.data(&["history", "show"]);
}

/// With the same profile: what is purged there is gone.
#[test]
fn a_name_behind_a_command_leads_to_the_flag_for_it() {
    let home = filled();
    let meant = |args: &[&str]| {
        let refused = home.run(args);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        let tip = refused
            .stderr
            .split_once("\n  tip: a person is named by --in: ");
        tip.map(|(_, command)| command.trim_end().to_owned())
    };
    let of = |words: &str| Some(format!("securechat --home HOME history {words}"));
    assert_eq!(meant(&["history", "show", "bob"]), of("show --in bob"));
    assert_eq!(
        meant(&["history", "purge", "--yes", "bob"]),
        of("purge --yes --in bob")
    );
    home.data(&["history", "show", "--in", "bob"]);
    for args in [
        &["history", "show", "--bob"][..],
        &["history", "show", "--last", "3", "3"],
        &["history", "show", "bob", "carol"],
        &["history", "export", "bob"],
    ] {
        assert_eq!(meant(args), None);
    }
}

/// Of the words that are looked for too many are one argument, or one of them is a person.
#[test]
fn a_name_among_the_words_that_are_looked_for_leads_to_the_flag_for_it() {
    let home = filled();
    let search = "securechat --home HOME history search";
    for (typed, joined, named) in [
        ("one bob", "'one bob'", "one --in bob"),
        ("where is bob", "'where is bob'", "'where is' --in bob"),
        (
            "who was it bob --last 3",
            "'who was it bob' --last 3",
            "'who was it' --in bob --last 3",
        ),
    ] {
        let typed: Vec<&str> = typed.split(' ').collect();
        let refused = home.run(&[&["history", "search"], &typed[..]].concat());
        let tips = format!(
            "\n  tip: what is looked for is one argument: {search} {joined}\n\
             \n  tip: a person is named by --in: {search} {named}\n"
        );
        assert_eq!(refused.code, 2);
        let told = refused.stderr.replace('"', "'");
        assert!(told.ends_with(&tips), "{told}");
    }
    for (words, tip) in [
        ("one bob", Some("search --in bob one")),
        ("what was  it bob ", Some("search --in bob 'what was  it'")),
        ("bob", Some("show --in bob")),
        ("bob one", None),
        ("bobby", None),
    ] {
        let done = home.run(&["history", "search", words]);
        let lead = "what was said with bob: securechat --home HOME history ";
        let tip = tip.map(|tip| format!("{lead}{tip}\n")).unwrap_or_default();
        let expected = format!("no such message is kept\n{tip}");
        let told = done.stderr.replace('"', "'");
        assert_eq!((done.code, told), (0, expected), "{words}");
        let with_bob = home.run(&["history", "search", words, "--in", "bob"]);
        assert_eq!(with_bob.stderr, "no such message is kept\n", "{words}");
    }
}

/// What was suggested was not understood where the words begin as a flag does, and did not say what the search left out.
#[test]
fn a_search_that_is_suggested_is_understood_and_as_narrow() {
    let home = filled();
    let lead = "what was said with bob: securechat --home HOME history ";
    for (args, tip) in [
        (&["--", "-v bob"][..], "search --in bob -- -v"),
        (
            &["--since", "7d", "--before", "36h", "--last", "2", "x bob"],
            "search --in bob --since 7d --before 36h --last 2 x",
        ),
        (
            &["bob", "--since", "2020-11-01"],
            "show --in bob --since 2020-11-01",
        ),
    ] {
        let done = home.run(&[&["history", "search"], args].concat());
        let expected = format!("no such message is kept\n{lead}{tip}\n");
        assert_eq!((done.code, done.stderr), (0, expected), "{args:?}");
        let suggested: Vec<&str> = tip.split(' ').collect();
        let done = home.run(&[&["history"], &suggested[..]].concat());
        assert_eq!(done.code, 0, "{tip}: {}", done.stderr);
    }
}

#[test]
fn whoever_keeps_no_history_is_told_how_to() {
    let home = filled();
    let how = ": to keep one, put keep = \"30d\" below [history] in HOME/config.toml\n";
    for (settings, what) in [
        ("", "no history is kept"),
        (
            "[history]\nkeep = \"session\"\n",
            "the history of a run ends with it",
        ),
    ] {
        home.write("config.toml", settings);
        let shown = home.run(&["history", "show"]);
        assert_eq!((shown.code, shown.stderr), (0, format!("{what}{how}")));
        assert_eq!(shown.stdout.lines().count(), 6, "what is there is shown");
        assert_eq!(home.run(&["history", "show", "--quiet"]).stderr, "");
    }
}

#[test]
fn looking_makes_no_store() {
    let home = home();
    for args in [
        &["history", "show"][..],
        &["history", "search", "x"],
        &["history", "purge", "--all", "--yes"],
    ] {
        let done = home.run(args);
        assert_eq!(
            (done.code, done.stderr.as_str()),
            (0, "no message is kept\n")
        );
    }
    assert_eq!(
        home.run(&["history", "export"]).stderr,
        "0 messages written\n"
    );
    assert!(!kept::path(&home.path("")).exists());
    let empty = Home::new();
    assert_eq!(empty.run(&["history", "show"]).code, 5);
}

#[test]
fn nothing_is_read_or_deleted_while_another_process_has_the_identity() {
    let home = filled();
    let lock = kept::paths(&home.path("")).lock(&kept::identity(&home.path("")));
    let held = IdentityLock::acquire(&lock).unwrap();
    // Each waits for a while before it gives up.
    std::thread::scope(|scope| {
        for args in [
            &["show"][..],
            &["search", "x"],
            &["export"],
            &["purge", "--all", "--yes"],
        ] {
            let home = &home;
            scope.spawn(move || {
                let done = home.run(&[&["history"], args].concat());
                assert!(done.stderr.contains("[SC15]"), "{}", done.stderr);
                assert_eq!((done.code, done.stdout.as_str()), (8, ""));
            });
        }
    });
    drop(held);
    assert_eq!(printed(&home, &["show"]).len(), 6);
}

#[test]
fn a_protected_identity_protects_its_messages() {
    let home = filled();
    let pass = home.write("pass", "correct horse");
    let pass = pass.to_str().unwrap();
    home.data(&["key", "passwd", "--new-passphrase-file", pass]);
    assert!(home.run(&["history", "show"]).stderr.contains("[SC17]"));
    let shown = home.data(&["history", "show", "--passphrase-file", pass]);
    assert_eq!(shown.lines().count(), 6);
}

/// Changes a byte of a store so that it is no longer opened and most of it can still be read.
fn damage(home: &Path) {
    let (path, secret) = (kept::path(home), kept::secret(home));
    let whole = fs::read(&path).unwrap();
    let written = (0..whole.len()).filter(|at| whole[*at] != 0);
    for at in written.step_by(61) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        fs::write(&path, &bytes).unwrap();
        let salvaged = Salvaged::read(&path, &secret, &Filter::default());
        let is_partial = salvaged.is_ok_and(|it| !it.loss.is_none() && it.found.entries.len() == 5);
        let rng = Box::new(securechat::net::os_rng());
        let opened = Archive::open(&path, &secret, Keep::Forever, rng, NOW);
        let is_damaged = opened
            .is_err_and(|error| matches!(error.kind(), ErrorKind::Store(StoreTrouble::Damaged(_))));
        if is_partial && is_damaged {
            return;
        }
    }
    panic!("no byte is in a message");
}

/// The export suggested an export.
#[test]
fn a_store_of_which_nothing_can_be_read_leads_to_no_second_export() {
    let home = filled();
    let path = kept::path(&home.path(""));
    let name = path.file_name().unwrap().to_str().unwrap();
    fs::write(&path, [0x5a; 5_000]).unwrap();
    let done = home.run(&["history", "export"]);
    let told = format!(
        "error: cannot use HOME/{name}: nothing of it can be read  [SC19]\n\
         \x20 It is no store of messages, or its beginning is damaged. If there is a copy of it, put\n\
         \x20 that in its place: it must have the same name, and be yours alone.\n\
         \x20 To begin anew (what waits in it is not sent, and what it knows is forgotten): \
         mv HOME/{name} HOME/{name}.damaged\n"
    );
    assert_eq!(done, failed(8, &told));
    assert_eq!(fs::read(&path).unwrap(), [0x5a; 5_000]);
}

#[test]
fn what_a_damaged_store_still_has_can_be_exported() {
    let home = filled();
    damage(&home.path(""));
    let before = fs::read(kept::path(&home.path(""))).unwrap();
    for args in [
        &["show"][..],
        &["search", "x"],
        &["purge", "--all", "--yes"],
    ] {
        let done = home.run(&[&["history"], args].concat());
        assert_eq!((done.code, done.stdout.as_str()), (8, ""));
        assert!(done.stderr.contains("  [SC19]\n"), "{}", done.stderr);
        let advice = "\n  try: securechat --home HOME history export -o FILE\n";
        assert!(done.stderr.contains(advice), "{}", done.stderr);
    }
    let file = home.path("left");
    let exported = home.run(&["history", "export", "-o", file.to_str().unwrap()]);
    assert_eq!(exported.code, 8, "{}", exported.stderr);
    let left = home.read("left");
    assert_eq!(left.lines().count(), 5);
    assert!(left.lines().all(|line| RECORDS.contains(&line)), "{left}");
    let told = &exported.stderr;
    assert!(
        told.starts_with("5 messages written to HOME/left\nwarning: HOME/"),
        "{told}"
    );
    assert!(told.contains(": it is damaged; lost: "), "{told}");
    assert_eq!(fs::read(kept::path(&home.path(""))).unwrap(), before);
}
