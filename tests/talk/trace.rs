//! `--trace`: what is recorded of a real conversation, what is not, and what tshark makes of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::common::skipped;
use crate::home::{Home, listening};
use crate::program::Program;

const TEXT: &str = "the treasure lies under the old oak";

/// A conversation of two that both record; the files.
fn recorded(alice: &Home, bob: &Home) -> [String; 2] {
    let file = |home: &Home| home.path("trace.pcapng").display().to_string();
    let (of_alice, of_bob) = (file(alice), file(bob));
    let mut listener: Program = bob.start(&["listen", "127.0.0.1:0", "--trace", &of_bob]);
    let address = listening(&mut listener);
    let mut caller = alice.connect("bob", address, &["--trace", &of_alice]);
    caller.told("secure: bob");
    // A stranger's datagram.
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(&[9; 50], address).unwrap();
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
    let files = recorded(&alice, &bob);
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
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/wireshark/securechat.lua");
    let mut command = Command::new("tshark");
    command.args(["-n", "-r", file, "-T", "fields", "-X"]);
    command.arg(format!("lua_script:{}", script.display()));
    for field in fields {
        command.args(["-e", field]);
    }
    let Ok(output) = command.output() else {
        skipped("no tshark on this machine");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !errors.contains("Lua:"),
        "{errors}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| line.split('\t').map(str::to_owned).collect();
    Some(text.lines().map(row).collect())
}

#[test]
fn tshark_reads_the_record_and_the_dissector_names_its_parts() {
    let (alice, bob) = Home::friends();
    let [of_alice, of_bob] = recorded(&alice, &bob);
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
    let sent: Vec<&&Vec<String>> = data
        .iter()
        .filter(|row| row[8].ends_with(": sent"))
        .collect();
    for (at, row) in sent.iter().enumerate() {
        assert_eq!(row[5], at.to_string(), "counters rise one by one: {sent:?}");
        assert_eq!(row[8], format!("DATA counter {at}: sent"));
    }
    assert!(data.iter().any(|row| row[8].ends_with(": accepted")));
    let rows = tshark(&of_bob, &["_ws.col.Protocol", "frame.comment"]).unwrap();
    let strange = rows.iter().find(|row| row[1].contains("not ours")).unwrap();
    assert_ne!(
        strange[0], "securechat",
        "the dissector takes its own forms only"
    );
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
