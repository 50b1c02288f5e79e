//! A full screen with ten conversations open, and what it costs while nothing happens.
//!
//! `cargo idle` looks at it for a minute.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirEntry};
use std::time::{Duration, Instant};

use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;

use crate::home::Home;
use crate::program::{Program, until};
use crate::terminal::{open_pair, start_on};
use crate::vt::Vt;

const CONVERSATIONS: usize = 10;

/// For how long nothing happens.
fn rest() -> Duration {
    let seconds = std::env::var("SECURECHAT_IDLE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(0, |text| text.parse().unwrap()))
}

/// Processor time of each thread of a process that has not ended meanwhile.
fn processor_times(pid: u32) -> BTreeMap<OsString, Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let time = |thread: DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        let nanoseconds = text.split(' ').next()?.parse().unwrap();
        Some((thread.file_name(), Duration::from_nanos(nanoseconds)))
    };
    threads.filter_map(|thread| time(thread.ok()?)).collect()
}

/// Processor time that the threads used that are there `after`.
fn used(before: &BTreeMap<OsString, Duration>, after: &BTreeMap<OsString, Duration>) -> Duration {
    let since =
        |(thread, time): (_, &Duration)| *time - before.get(thread).copied().unwrap_or_default();
    after.iter().map(since).sum()
}

/// A line of a process's status, with its unit.
fn memory(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap().trim().to_owned()
}

fn connected(home: &Home) -> usize {
    let ended = home.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&ended.rest).unwrap();
    let peers = status["peers"].as_array().unwrap();
    peers.iter().filter(|it| it["state"] == "connected").count()
}

#[test]
fn ten_conversations_are_open_at_once() {
    let home = Home::new();
    let key = home.key();
    let mut others: Vec<(Home, Program)> = Vec::new();
    for number in 0..CONVERSATIONS {
        let other = Home::new();
        other.run(&["peers", "add", "me", &key]);
        let (listener, address) = other.listen(&[]);
        let (name, address) = (format!("peer{number}"), address.to_string());
        home.run(&["peers", "add", &name, &other.key(), "--address", &address]);
        others.push((other, listener));
    }
    let (ours, theirs) = open_pair();
    let size = Winsize {
        ws_col: 80,
        ws_row: 24,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&ours, size).unwrap();
    let mut command = home.command(&[]);
    command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
    for name in ["ACCESSIBLE", "LC_ALL", "LC_CTYPE", "NO_COLOR"] {
        command.env_remove(name);
    }
    let start = Instant::now();
    let mut screen = start_on(command, ours, &theirs);
    let mut vt = Vt::new(80, 24);
    while !vt.text().contains("[1 peer0]") {
        vt.feed(&screen.output(start, "a first frame"));
    }
    println!("first frame: {:.0?}", start.elapsed());
    for (_, listener) in &mut others {
        listener.told("secure: me");
    }
    until("ten conversations", || {
        screen.is_read(Duration::ZERO);
        (connected(&home) == CONVERSATIONS).then_some(())
    });
    let pid = screen.pid();
    if !screen.unread().is_empty() {
        vt.feed(&screen.output(Instant::now(), "what has come"));
    }
    let (before, begun) = (processor_times(pid), Instant::now());
    screen.is_read(rest());
    let (used, passed) = (used(&before, &processor_times(pid)), begun.elapsed());
    println!(
        "{CONVERSATIONS} conversations, nothing said for {passed:.0?}: {used:.1?} of processor time ({:.3} % of a core), \
         {} bytes for the terminal, {} resident",
        100.0 * used.as_secs_f64() / passed.as_secs_f64(),
        screen.unread().len(),
        memory(pid)
    );
}
