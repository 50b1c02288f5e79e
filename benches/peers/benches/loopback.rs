//! Real sockets, two processes, each pinned: round trips, messages a second, a large transfer, and the time from a
//! program's start to its first receipt.
//!
//! `cargo bench --bench loopback -- [--small] [udp] [ours] [quinn] [quinn-chacha] [tls]`
//!
//! Needs `taskset`. Without a second processor everything runs on the first one.

#[path = "loopback/ours.rs"]
mod ours;
#[path = "loopback/quinn.rs"]
mod quinn;
#[path = "loopback/tls.rs"]
mod tls;
#[path = "loopback/udp.rs"]
mod udp;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use securechat_peers::measure::{Scale, Series, print, wanted};
use securechat_peers::tls::Cipher;

#[cfg(feature = "wipe")]
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// What an application answers with the same bytes.
pub const ECHO: u8 = b'E';
/// What is answered by a receipt only.
pub const TAKE: u8 = b'P';
/// What is said when a large transfer has arrived.
pub const DONE: u8 = b'D';
/// Messages without a receipt.
pub const WINDOW: usize = 64;
/// `quinn-chacha`: quinn with the cipher that ours uses.
const CONTESTANTS: [&str; 5] = ["udp", "ours", "quinn", "quinn-chacha", "tls"];
const STARTED: &str = "SECURECHAT_BENCH_STARTED";

/// How much a client does.
#[derive(Clone, Copy)]
pub struct Load {
    pub round_trips: usize,
    pub messages: usize,
    pub bulk: usize,
}

impl Load {
    fn new(scale: Scale) -> Self {
        Self {
            round_trips: scale.of(4_000, 50),
            messages: scale.of(40_000, 500),
            bulk: scale.of(64, 1) << 20,
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let scale = Scale::from_args();
    match args.iter().position(|arg| arg == "--role") {
        Some(at) => play(
            &args[at + 1],
            &args[at + 2],
            args.get(at + 3).map_or("", String::as_str),
            Load::new(scale),
        ),
        None => compare(scale),
    }
}

// --- one process --------------------------------------------------------------------------------------------------

fn play(role: &str, who: &str, server: &str, load: Load) {
    match (role, who) {
        ("server", "udp") => udp::serve(),
        ("server", "ours") => ours::serve(),
        ("server", "quinn" | "quinn-chacha") => quinn::serve(),
        ("server", "tls") => tls::serve(),
        ("client", "udp") => udp::call(server, load),
        ("client", "ours") => ours::call(server, load),
        ("client", "quinn") => quinn::call(server, Cipher::Usual, load),
        ("client", "quinn-chacha") => quinn::call(server, Cipher::ChaCha20, load),
        ("client", "tls") => tls::call(server, load),
        _ => panic!("no such role: {role} {who}"),
    }
}

/// A server says where it is, and what a client must know.
pub fn ready(address: std::net::SocketAddr, more: &[u8]) {
    let hex: String = more.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{address} {hex}");
    std::io::stdout().flush().expect("somebody reads");
}

/// What [`ready`] said.
pub fn address_of(server: &str) -> std::net::SocketAddr {
    server
        .split(' ')
        .next()
        .and_then(|it| it.parse().ok())
        .expect("an address")
}

pub fn bytes_of(server: &str) -> Vec<u8> {
    let hex = server.split(' ').nth(1).unwrap_or_default().as_bytes();
    let byte = |pair: &[u8]| {
        u8::from_str_radix(str::from_utf8(pair).expect("digits"), 16).expect("digits")
    };
    hex.chunks_exact(2).map(byte).collect()
}

/// Time since the parent started this process.
pub fn since_start() -> Duration {
    let started: u64 = std::env::var(STARTED)
        .ok()
        .and_then(|it| it.parse().ok())
        .expect("the parent says it");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    now.saturating_sub(Duration::from_nanos(started))
}

pub fn tell(what: &str, value: f64) {
    println!("{what} {value}");
}

/// Measures round trips of `len` bytes and tells their middle and their end.
pub fn round_trips(len: usize, count: usize, mut once: impl FnMut(&[u8])) {
    let mut message = vec![b'x'; len];
    message[0] = ECHO;
    let mut times: Vec<f64> = (0..count + count / 10)
        .map(|_| {
            let begun = Instant::now();
            once(&message);
            begun.elapsed().as_nanos() as f64 / 1e3
        })
        .skip(count / 10)
        .collect();
    times.sort_by(f64::total_cmp);
    tell(&format!("rtt{len}_p50"), times[times.len() / 2]);
    tell(&format!("rtt{len}_p99"), times[times.len() * 99 / 100]);
}

/// Tells how many of `count` messages a second `all` delivers.
pub fn pipelined(count: usize, all: impl FnOnce(&[u8])) {
    let mut message = vec![b'x'; 100];
    message[0] = TAKE;
    let begun = Instant::now();
    all(&message);
    tell(
        "messages_per_s",
        count as f64 / begun.elapsed().as_secs_f64(),
    );
}

/// Tells how fast `all` transfers `total` bytes.
pub fn bulk(total: usize, all: impl FnOnce()) {
    let begun = Instant::now();
    all();
    tell(
        "mib_per_s",
        total as f64 / f64::from(1 << 20) / begun.elapsed().as_secs_f64(),
    );
}

/// Tells what was needed up to the first receipt: time, and memory.
pub fn first_message() {
    tell("first_ms", since_start().as_secs_f64() * 1e3);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line
        .and_then(|it| it.split_whitespace().next())
        .and_then(|it| it.parse::<f64>().ok());
    tell("rss_mib", kib.unwrap_or(f64::NAN) / 1024.0);
}

// --- all of them --------------------------------------------------------------------------------------------------

/// Where the two processes of a placement run.
const PLACEMENTS: [(&str, &str, &str); 2] = [("one core", "0", "0"), ("two cores", "0", "1")];

const FIGURES: [(&str, &str, &str); 13] = [
    (
        "rtt100_p50",
        "Round trip of 100 B, application to application, p50",
        "µs",
    ),
    ("rtt100_p99", "Round trip of 100 B, p99", "µs"),
    ("rtt200_p50", "Round trip of 200 B, p50", "µs"),
    ("rtt200_p99", "Round trip of 200 B, p99", "µs"),
    (
        "messages_per_s",
        "Messages of 100 B a second, until the last receipt, at most 64 outstanding",
        "a second",
    ),
    ("mib_per_s", "One large transfer", "MiB/s"),
    (
        "first_ms",
        "Process start to the receipt of the first message",
        "ms",
    ),
    ("rss_mib", "Resident memory of the client then", "MiB"),
    ("cpu_s", "Processor time of both processes in all", "s"),
    (
        "messages_locked_percent",
        "Time for which the client's core is locked, messages a second",
        "%",
    ),
    (
        "messages_contended_percent",
        "Times somebody else had the lock then, messages a second",
        "%",
    ),
    (
        "bulk_locked_percent",
        "Time for which the client's core is locked, one large transfer",
        "%",
    ),
    (
        "bulk_contended_percent",
        "Times somebody else had the lock then, one large transfer",
        "%",
    ),
];

type Results = BTreeMap<(usize, String), BTreeMap<&'static str, Vec<f64>>>;

fn compare(scale: Scale) {
    let who: Vec<&'static str> = CONTESTANTS
        .into_iter()
        .filter(|name| wanted(name))
        .collect();
    let rounds = scale.of(9, 1);
    let mut results = Results::new();
    for _ in 0..rounds {
        for (placement, (_, server_cpu, client_cpu)) in PLACEMENTS.into_iter().enumerate() {
            for name in &who {
                for (figure, value) in run(name, server_cpu, client_cpu) {
                    let figures = results.entry((placement, figure)).or_default();
                    figures.entry(name).or_default().push(value);
                }
            }
        }
    }
    for (figure, title, unit) in FIGURES {
        for (placement, (place, ..)) in PLACEMENTS.into_iter().enumerate() {
            let Some(figures) = results.get(&(placement, figure.to_owned())) else {
                continue;
            };
            let series = |name: &&&'static str| {
                let rounds = figures.get(**name)?.clone();
                Some(Series {
                    name: (**name).to_owned(),
                    rounds,
                })
            };
            let all: Vec<Series> = who.iter().filter_map(|name| series(&name)).collect();
            print(
                &format!("{title}, {place}"),
                unit,
                &all,
                &["udp", "quinn", "quinn-chacha"],
            );
        }
    }
}

fn spawn(args: &[&str], cpu: &str) -> Child {
    let own = std::env::current_exe().expect("this program is somewhere");
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_nanos();
    let small = std::env::args().filter(|arg| arg == "--small");
    let mut command = Command::new("taskset");
    command
        .args(["-c", cpu])
        .arg(own)
        .args(small)
        .arg("--role")
        .args(args);
    command
        .env(STARTED, started.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command.spawn().expect("taskset is installed")
}

/// Runs a server and a client to the client's end.
fn run(name: &str, server_cpu: &str, client_cpu: &str) -> Vec<(String, f64)> {
    let client_cpu = if std::thread::available_parallelism().map_or(1, usize::from) > 1 {
        client_cpu
    } else {
        "0"
    };
    let mut server = spawn(&["server", name], server_cpu);
    let mut line = String::new();
    let output = server.stdout.take().expect("it is piped");
    BufReader::new(output)
        .read_line(&mut line)
        .expect("the server says where it is");
    let client = spawn(&["client", name, line.trim()], client_cpu);
    let output = client.wait_with_output().expect("the client ends");
    assert!(output.status.success(), "the client of {name} failed");
    let text = String::from_utf8(output.stdout).expect("figures");
    let mut figures: Vec<(String, f64)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(what, value)| (what.to_owned(), value.parse().expect("a figure")))
        .collect();
    let spent = cpu_seconds(&format!("/proc/{}/stat", server.id()));
    let client_spent = figures
        .iter()
        .find(|(what, _)| what == "client_cpu_s")
        .map_or(0.0, |(_, value)| *value);
    figures.push(("cpu_s".to_owned(), spent + client_spent));
    server.kill().expect("it still runs");
    server.wait().expect("it ends");
    figures
}

/// Processor time of a whole process, user and system.
pub fn cpu_seconds(stat: &str) -> f64 {
    let text = std::fs::read_to_string(stat).unwrap_or_default();
    let fields = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let ticks: f64 = fields
        .skip(11)
        .take(2)
        .filter_map(|it| it.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

/// The last thing that a client tells.
pub fn client_done() {
    tell("client_cpu_s", cpu_seconds("/proc/self/stat"));
}
