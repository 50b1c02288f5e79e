//! `--trace` and `--trace-keys`: what is recorded of a real conversation, what is not, and what tshark makes of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::common::skipped;
use crate::home::{Home, listening};
use crate::program::{Program, until};

/// Bytes of a datagram that is longer than any of ours.
const LONG: usize = 8_000;

const TEXT: &str = "the treasure lies under the old oak";

/// A conversation of two that both record; the files. `more`: further arguments of alice's, who calls as long as she is
/// not answered at once: each call has an index, and may have keys.
fn recorded(alice: &Home, bob: &Home, more: &[&str]) -> [String; 2] {
    until("an answer at once", || {
        let files = recorded_once(alice, bob, more);
        let record = fs::read(&files[0]).unwrap();
        let call = b"INIT part 0: sent";
        let calls = record.windows(call.len()).filter(|it| it == call).count();
        if calls == 1 {
            return Some(files);
        }
        let kept = more.iter().filter(|it| Path::new(it).exists());
        let kept = kept.map(Path::new).chain(files.iter().map(Path::new));
        kept.for_each(|file| fs::remove_file(file).unwrap());
        None
    })
}

fn recorded_once(alice: &Home, bob: &Home, more: &[&str]) -> [String; 2] {
    let file = |home: &Home| home.path("trace.pcapng").display().to_string();
    let (of_alice, of_bob) = (file(alice), file(bob));
    let mut args = vec!["listen", "127.0.0.1:0", "--trace", &of_bob];
    // Where no signal ends it.
    if !cfg!(unix) {
        args.push("--once");
    }
    let mut listener: Program = bob.start(&args);
    let address = listening(&mut listener);
    let mut caller = alice.connect("bob", address, &[&["--trace", &of_alice], more].concat());
    caller.told("secure: bob");
    // A stranger's datagrams.
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(&[9; 50], address).unwrap();
    stranger.send_to(&[9; LONG], address).unwrap();
    caller.say(TEXT);
    listener.said(TEXT);
    listener.say("I know");
    caller.said("I know");
    caller.leave();
    listener.told("alice left");
    listener.close();
    #[cfg(unix)]
    listener.signal(rustix::process::Signal::INT);
    listener.end();
    [of_alice, of_bob]
}

#[test]
fn a_conversation_is_recorded_without_anything_readable_for_its_owner_alone() {
    let (alice, bob) = Home::friends();
    let files = recorded(&alice, &bob, &[]);
    let raw = |home: &Home| STANDARD.decode(home.key()).unwrap();
    for file in &files {
        let bytes = fs::read(file).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|seen| seen == part);
        assert!(
            has(b"INIT part 1") && has(b"RESP part 0") && has(b": accepted"),
            "{file}"
        );
        for secret in [
            &TEXT.as_bytes()[..8],
            b"alice",
            &raw(&alice)[..8],
            &raw(&bob)[..8],
        ] {
            assert!(!has(secret), "{secret:?} is in {file}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(file).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }
    let [_, of_bob] = files;
    let before = fs::read(&of_bob).unwrap();
    assert!(
        before
            .windows(27)
            .any(|seen| seen == b"not ours: dropped: malforme")
    );
    let again = bob.attempt(&["listen", "127.0.0.1:0", "--trace", &of_bob]);
    again.failed(1, "SC21");
    assert_eq!(fs::read(&of_bob).unwrap(), before, "never overwritten");
}

/// tshark's fields of each packet, tabs between; none where it is not installed.
fn tshark(file: &str, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    tshark_with(&[], file, fields)
}

/// The same with the keys of this file.
fn tshark_with_keys(keys: &str, file: &str, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let preference = format!("securechat.key_log:{keys}");
    tshark_with(&["-o", &preference], file, fields)
}

fn tshark_with(more: &[&str], file: &str, fields: &[&str]) -> Option<Vec<Vec<String>>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/wireshark/securechat.lua");
    let mut command = Command::new("tshark");
    // A port of the system's choice may be one at which it expects another protocol.
    command.args(["-o", "udp.try_heuristic_first:TRUE"]);
    command.args(["-n", "-r", file, "-T", "fields", "-X"]);
    command
        .arg(format!("lua_script:{}", script.display()))
        .args(more);
    for field in fields {
        command.args(["-e", field]);
    }
    let Ok(output) = command.output() else {
        skipped("no tshark on this machine");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !errors.contains("Lua:") && !errors.contains("securechat:"),
        "{errors}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    Some(text.lines().map(row).collect())
}

#[test]
fn tshark_reads_the_record_and_the_dissector_names_its_parts() {
    let (alice, bob) = Home::friends();
    let [of_alice, of_bob] = recorded(&alice, &bob, &[]);
    let fields = [
        "_ws.col.Protocol",
        "securechat.type",
        "securechat.part",
        "securechat.sender",
        "securechat.receiver",
        "securechat.counter",
        "ip.src",
        "udp.length",
        "frame.comment",
        "_ws.malformed",
    ];
    let Some(rows) = tshark(&of_alice, &fields) else {
        return;
    };
    let of_type = |wanted: &str| -> Vec<&Vec<String>> {
        rows.iter().filter(|row| row[1] == wanted).collect()
    };
    assert!(
        rows.iter()
            .all(|row| row[0] == "securechat" && row[6] == "127.0.0.1" && row[9].is_empty())
    );
    let (inits, resps, data) = (of_type("1"), of_type("2"), of_type("4"));
    assert!(
        inits.len() >= 2 && resps.len() >= 2 && data.len() > 4,
        "{rows:?}"
    );
    assert!(inits.iter().all(|row| row[7] == "708"));
    assert_eq!((inits[0][2].as_str(), inits[1][2].as_str()), ("0", "1"));
    assert_eq!(inits[0][3], resps[0][4], "RESP names the sender of INIT");
    assert_eq!(resps[0][4], resps[1][4]);
    let told = |row: &Vec<String>| row[8].clone();
    assert_eq!(told(inits[0]), "INIT part 0: sent");
    assert_eq!(told(resps[0]), "RESP part 0: accepted: half of a message");
    let whole = "RESP part 1: accepted: makes the message whole";
    assert_eq!(told(resps[1]), whole);
    let index = &inits[0][3];
    let sent: Vec<&&Vec<String>> = data
        .iter()
        .filter(|row| row[8].contains(": sent"))
        .collect();
    let found = format!("; before it message 2 of {index} was read: peer#1, known");
    for (at, row) in sent.iter().enumerate() {
        assert_eq!(row[5], at.to_string(), "counters rise one by one: {sent:?}");
        let words = format!("DATA counter {at}: sent");
        assert_eq!(row[8].trim_end_matches(&found), words);
    }
    // With the first packet that leaves, unless something else came or left between.
    let at = |is_it: &dyn Fn(&str) -> bool| rows.iter().position(|row| is_it(&row[8])).unwrap();
    let told_at = at(&|words| words.ends_with(&found));
    let first_sent = at(&|words| words.starts_with("DATA counter 0: sent"));
    assert!(at(&|words| words == whole) < told_at && told_at <= first_sent);
    assert!(
        !rows[told_at + 1..]
            .iter()
            .any(|row| row[8].ends_with(&found))
    );
    assert!(data.iter().any(|row| row[8].ends_with(": accepted")));
    let rows = tshark(&of_bob, &["_ws.col.Protocol", "frame.comment"]).unwrap();
    let strange = rows.iter().find(|row| row[1].contains("not ours")).unwrap();
    assert_ne!(
        strange[0], "securechat",
        "the dissector takes its own forms only"
    );
    let fields = ["udp.length", "frame.cap_len", "frame.comment"];
    let rows_of_bob = tshark(&of_bob, &fields).unwrap();
    let udp_len = (LONG + 8).to_string();
    let long = rows_of_bob.iter().find(|row| row[0] == udp_len).unwrap();
    assert_eq!(long[1], "1500", "as much as the longest of ours");
    assert!(long[2].contains("not ours"), "{long:?}");
    let found = format!("; before it message 1 of {index} was read: peer#1, known");
    assert!(rows.iter().any(|row| row[1].ends_with(&found)), "{rows:?}");
    // The checksums of the headers that were made up.
    let checked = [
        "-o",
        "udp.check_checksum:TRUE",
        "-o",
        "ip.check_checksum:TRUE",
        "-Y",
    ];
    let wrong = Command::new("tshark")
        .args(["-n", "-r", &of_alice])
        .args(checked)
        .arg("ip.checksum.status == 0 || udp.checksum.status == 0")
        .output()
        .unwrap();
    assert!(
        wrong.status.success() && wrong.stdout.is_empty(),
        "{wrong:?}"
    );
}

#[test]
fn keys_that_were_asked_for_open_the_record_and_nothing_else_has_them() {
    let (alice, bob) = Home::friends();
    let file = |name: &str| alice.path(name).display().to_string();
    let (keys, log) = (file("keys"), file("log"));
    let more = ["--trace-keys", &keys, "--log", &log, "--log-level", "trace"];
    let [of_alice, of_bob] = recorded(&alice, &bob, &more);
    let text = fs::read_to_string(&keys).unwrap();
    let logged: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').collect())
        .collect();
    let labels: Vec<&str> = logged.iter().map(|line| line[0]).collect();
    assert_eq!(
        labels,
        ["DATA_IN", "DATA_OUT"],
        "one keypair, two directions"
    );
    assert!(logged.iter().all(|line| line[2].len() == 64));
    assert_ne!(logged[0][2], logged[1][2]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&keys).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
    }
    // Neither in the log at its most talkative nor in what may be handed on.
    for other in [&log, &of_alice, &of_bob] {
        let bytes = fs::read(other).unwrap();
        for key in logged.iter().map(|line| line[2]) {
            let raw: Vec<u8> = (0..8)
                .map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            for part in [&key.as_bytes()[..16], &raw] {
                let found = bytes.windows(part.len()).any(|seen| seen == part);
                assert!(!found, "a key is in {other}");
            }
        }
    }
    // They open what the other side has recorded, too: it is the same conversation.
    let fields = ["securechat.type", "securechat.opened", "securechat.text"];
    for (record, ours) in [(&of_alice, true), (&of_bob, false)] {
        let Some(rows) = tshark_with_keys(&keys, record, &fields) else {
            return;
        };
        let data: Vec<_> = rows.iter().filter(|row| row[0] == "4").collect();
        assert!(data.len() > 4 && data.iter().all(|row| row[1].starts_with("DATA_")));
        // What has no acknowledgement soon is sent again.
        let said: BTreeSet<(&str, &str)> = data
            .iter()
            .filter(|row| !row[2].is_empty())
            .map(|row| (row[1].as_str(), row[2].as_str()))
            .collect();
        let expected = BTreeSet::from([("DATA_OUT", TEXT), ("DATA_IN", "I know")]);
        assert_eq!(said, expected, "{ours}");
    }
    let names = ["securechat.frame", "_ws.malformed", "securechat.bad_frame"];
    let rows = tshark_with_keys(&keys, &of_alice, &names).unwrap();
    let frames: String = rows.iter().map(|row| row[0].clone() + ",").collect();
    for frame in ["HELLO", "ACK", "STREAM", "RECEIPT", "CLOSE"] {
        assert!(frames.contains(frame), "{frame}: {frames}");
    }
    assert!(
        rows.iter()
            .all(|row| row[1].is_empty() && row[2].is_empty()),
        "{rows:?}"
    );
    // Without them, or with others, nothing opens.
    let false_keys = alice.path("false-keys");
    let swapped = format!(
        "DATA_IN {} {}\nDATA_OUT {} {}\n",
        logged[0][1], logged[1][2], logged[1][1], logged[0][2]
    );
    fs::write(&false_keys, swapped).unwrap();
    let names = [
        "securechat.opened",
        "securechat.wrong_tag",
        "securechat.type",
    ];
    let rows = tshark_with_keys(&false_keys.display().to_string(), &of_alice, &names).unwrap();
    assert!(rows.iter().all(|row| row[0].is_empty()));
    assert!(rows.iter().any(|row| row[2] == "4" && !row[1].is_empty()));
    let rows = tshark(&of_alice, &names).unwrap();
    assert!(
        rows.iter()
            .all(|row| row[0].is_empty() && row[1].is_empty())
    );
}

#[test]
#[cfg(unix)]
fn whoever_writes_keys_is_told_at_the_start_and_whenever_he_asks() {
    let bob = Home::new();
    let file = |name: &str| bob.path(name).display().to_string();
    let (trace, keys) = (file("trace"), file("keys"));
    let flags = ["--trace", &trace, "--trace-keys", &keys];
    let (mut listener, _) = bob.listen(&flags);
    let quietly = bob.run(&["status"]);
    assert!(
        quietly.transcript.contains("KEYS ARE WRITTEN TO: "),
        "{}",
        quietly.transcript
    );
    let status: serde_json::Value =
        serde_json::from_str(&bob.run(&["status", "--json"]).transcript).unwrap();
    assert_eq!(status["key_log"], keys);
    listener.close();
    listener.signal(rustix::process::Signal::INT);
    let ended = listener.end();
    let warning = "warning: ".to_owned() + &keys + ": the keys of every session of this run";
    assert!(ended.transcript.contains(&warning), "{}", ended.transcript);
}

#[test]
fn keys_are_refused_without_a_record_over_another_file_and_where_others_could_replace_them() {
    let bob = Home::new();
    let file = |name: &str| bob.path(name).display().to_string();
    let (trace, keys) = (file("trace"), file("keys"));
    let alone = bob.attempt(&["listen", "127.0.0.1:0", "--trace-keys", &keys]);
    alone.failed(2, "SC29");
    assert!(!bob.path("keys").exists());
    // Wherever the two stand.
    let before = [
        "--trace",
        &trace,
        "listen",
        "127.0.0.1:0",
        "--trace-keys",
        &keys,
    ];
    fs::write(&keys, "mine").unwrap();
    let there = bob.attempt(&before);
    there.failed(1, "SC21");
    assert_eq!(fs::read(&keys).unwrap(), b"mine");
    assert!(!bob.path("trace").exists(), "neither file is left behind");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = bob.path("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let keys = open.join("keys").display().to_string();
        let unsafe_place = bob.attempt(&[&before[..5], &[keys.as_str()]].concat());
        unsafe_place.failed(5, "SC02");
        assert!(!open.join("keys").exists());
    }
}
