//! Secrets leave memory together with whoever owns them.
//!
//! A child process reads identities from files, talks, renews its keys, says goodbye and drops
//! everything, on threads that stay alive. At each point of [`TIMELINE`] it stands still while this
//! process scans its memory: what is in use there must be found, so that the scan is known to see it,
//! and of all the rest not 16 bytes in a row may be left, neither in the heap nor on a stack.
//!
//! All randomness of the child comes from here, masked; so every secret is computed in this process,
//! by the second implementation of the handshake, and none has to be told by the child.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected should stop there"
)]

#[path = "secrets_gone/child.rs"]
mod child;
mod common;
#[path = "secrets_gone/plan.rs"]
mod plan;
mod reference;
#[path = "secrets_gone/scan.rs"]
mod scan;

use std::alloc::System;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use plan::Plan;
use scan::Finder;

/// As in the program.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<System> = zeroizing_alloc::ZeroAlloc(System);

/// Makes a process the child, and says where its files are.
const HOME: &str = "SECURECHAT_SECRETS_GONE_HOME";

/// What lives as long as two people are ready to talk.
const READY: &[&str] = &["secret of A", "secret of B", "psk"];
/// What a handshake's initiator holds while it waits for an answer.
const CALL: &[&str] = &[
    "ephemeral of A",
    "KEM seed",
    "KEM secret vector, packed",
    "chaining key 1",
];
/// What the initiator holds when it has read the answer and is not dropped yet.
const READ: &[&str] = &[
    "ephemeral of A",
    "KEM seed",
    "KEM secret vector, packed",
    "chaining key 2",
];
/// What the responder holds before it answers.
const ACCEPT: &[&str] = &["ephemeral of B", "KEM randomness"];
/// What every further handshake needs.
const MET: &[&str] = &["DH ss"];
/// What a session needs.
const KEYS: &[&str] = &["key that A seals with", "key that B seals with"];

/// Where the child stands still, in order, and which secrets are in use there: names, each list with
/// the handshake that it belongs to (0: none).
type Point = (&'static str, &'static [(u8, &'static [&'static str])]);
const TIMELINE: [Point; 17] = [
    ("passphrase read", &[(0, &["passphrase"])]),
    ("identities written", &[(0, &["passphrase"])]),
    ("identities read", &[(0, &["secret of A", "secret of B"])]),
    ("peers read", &[(0, READY), (0, &["psk in base64"])]),
    ("introduced", &[(0, READY)]),
    ("called", &[(0, READY), (1, MET), (1, CALL)]),
    ("accepted", &[(0, READY), (1, MET), (1, CALL), (1, ACCEPT)]),
    ("answered", &[(0, READY), (1, MET), (1, CALL), (1, KEYS)]),
    ("answer read", &[(0, READY), (1, MET), (1, READ), (1, KEYS)]),
    ("talking", &[(0, READY), (1, MET), (1, KEYS)]),
    ("rekeyed", &[(0, READY), (1, MET), (1, KEYS), (2, KEYS)]),
    (
        "rekeyed again",
        &[(0, READY), (1, MET), (2, KEYS), (3, KEYS)],
    ),
    ("erased in time", &[(0, READY), (1, MET)]),
    ("talking again", &[(0, READY), (1, MET), (4, KEYS)]),
    ("closed", &[(0, READY), (1, MET)]),
    ("called again", &[(0, READY), (1, MET), (5, CALL)]),
    ("dropped", &[]),
];

#[test]
fn every_secret_is_found_while_it_is_in_use_and_never_afterwards() {
    let home = tempfile::tempdir().unwrap();
    let plan = Plan::new(0);
    plan.write_files(home.path()).unwrap();
    let finder = Finder::new(plan.needles());
    let mut child = Running::start(home.path(), &plan);
    let mut failures = Vec::new();
    for (point, in_use) in TIMELINE {
        child.await_point(point);
        let found = match finder.scan(child.process.id()) {
            Ok(found) => found,
            Err(error) if scan::is_refused(&error) => {
                common::skipped(&format!("no /proc/PID/mem to read here: {error}"));
                return;
            }
            Err(error) => panic!("{point}: {error}"),
        };
        let in_use = in_use
            .iter()
            .flat_map(|(handshake, names)| {
                names.iter().map(|name| plan::full_name(*handshake, name))
            })
            .collect::<Vec<_>>();
        failures.extend(finder.judge(point, &in_use, &found));
        child.go_on();
    }
    assert!(child.process.wait().unwrap().success());
    assert!(plan.opens_what_the_child_sealed(home.path()));
    assert!(failures.is_empty(), "\n  {}\n", failures.join("\n  "));
}

/// Not a test but the other process.
#[test]
fn child() {
    if let Some(home) = std::env::var_os(HOME) {
        child::live(Path::new(&home));
    }
}

/// The child as its parent sees it.
struct Running {
    process: Child,
    output: BufReader<ChildStderr>,
}

impl Running {
    fn start(home: &Path, plan: &Plan) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(HOME, home)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stderr.take().unwrap());
        let mut running = Self { process, output };
        running.write(&plan.masked());
        running
    }

    fn write(&mut self, bytes: &[u8]) {
        let input = self.process.stdin.as_mut().unwrap();
        input.write_all(bytes).unwrap();
    }

    /// Waits until the child stands still at `point`.
    fn await_point(&mut self, point: &str) {
        let mut said = String::new();
        while !said.ends_with(&format!("{point}\n")) {
            let read = self.output.read_line(&mut said).unwrap();
            assert_ne!(read, 0, "the child ended before \"{point}\":\n{said}");
        }
    }

    fn go_on(&mut self) {
        self.write(b"\n");
    }
}

impl Drop for Running {
    /// Ends a child that stands still when the test fails or is skipped.
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
