//! The real program, twice or more often, over real sockets: what two people see when they talk.
//!
//! Nothing here sleeps. Waits end with what they wait for, and their deadlines are against hanging;
//! where the program promises a time, that time is measured.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that meets something unexpected should stop there; times are measured"
)]

#[path = "talk/addresses.rs"]
mod addresses;
#[cfg(target_os = "linux")]
#[path = "talk/beside.rs"]
mod beside;
#[cfg(target_os = "linux")]
#[path = "talk/charset.rs"]
mod charset;
mod common;
#[cfg(target_os = "linux")]
#[path = "talk/compared.rs"]
mod compared;
#[cfg(target_os = "linux")]
#[path = "talk/container.rs"]
mod container;
#[cfg(unix)]
#[path = "talk/control.rs"]
mod control;
#[path = "talk/demo.rs"]
mod demo;
#[cfg(target_os = "linux")]
#[path = "talk/disks.rs"]
mod disks;
#[path = "talk/doctor.rs"]
mod doctor;
#[cfg(target_os = "linux")]
#[path = "talk/drawing.rs"]
mod drawing;
#[cfg(target_os = "linux")]
#[path = "talk/earlier.rs"]
mod earlier;
#[path = "talk/ends.rs"]
mod ends;
#[cfg(unix)]
#[path = "talk/export.rs"]
mod export;
#[path = "talk/failures.rs"]
mod failures;
#[cfg(unix)]
#[path = "common/kept.rs"]
mod filled;
#[cfg(target_os = "linux")]
#[path = "talk/first.rs"]
mod first;
#[path = "talk/formats.rs"]
mod formats;
#[cfg(unix)]
#[path = "talk/gone.rs"]
mod gone;
#[cfg(unix)]
#[path = "talk/hearers.rs"]
mod hearers;
#[path = "talk/home.rs"]
mod home;
#[cfg(target_os = "linux")]
#[path = "talk/idle.rs"]
mod idle;
#[path = "talk/introduced.rs"]
mod introduced;
#[cfg(target_os = "linux")]
#[path = "talk/kept.rs"]
mod kept;
#[cfg(target_os = "linux")]
#[path = "talk/kills.rs"]
mod kills;
#[path = "talk/lines.rs"]
mod lines;
#[path = "talk/logs.rs"]
mod logs;
#[cfg(target_os = "linux")]
#[path = "talk/looking.rs"]
mod looking;
#[cfg(unix)]
#[path = "talk/moved.rs"]
mod moved;
#[cfg(target_os = "linux")]
#[path = "talk/moves.rs"]
mod moves;
#[cfg(target_os = "linux")]
#[path = "talk/namespace.rs"]
mod namespace;
#[cfg(target_os = "linux")]
#[path = "talk/nat64.rs"]
mod nat64;
#[path = "talk/networks.rs"]
mod networks;
#[path = "talk/order.rs"]
mod order;
#[cfg(target_os = "linux")]
#[path = "talk/panel.rs"]
mod panel;
#[cfg(target_os = "linux")]
#[path = "talk/passphrase.rs"]
mod passphrase;
#[path = "talk/people.rs"]
mod people;
#[path = "talk/ping.rs"]
mod ping;
#[path = "talk/program.rs"]
mod program;
#[path = "talk/programs.rs"]
mod programs;
#[cfg(target_os = "linux")]
#[path = "talk/purge.rs"]
mod purge;
#[cfg(target_os = "linux")]
#[path = "talk/questions.rs"]
mod questions;
#[cfg(target_os = "linux")]
#[path = "talk/read_only.rs"]
mod read_only;
#[cfg(target_os = "linux")]
#[path = "talk/recalled.rs"]
mod recalled;
#[path = "talk/receipts.rs"]
mod receipts;
#[cfg(target_os = "linux")]
#[path = "talk/refused.rs"]
mod refused;
#[cfg(unix)]
#[path = "talk/renamed.rs"]
mod renamed;
#[path = "talk/reserved.rs"]
mod reserved;
#[path = "talk/rude.rs"]
mod rude;
#[path = "common/schema.rs"]
mod schema;
#[cfg(target_os = "linux")]
#[path = "talk/screen.rs"]
mod screen;
#[path = "talk/secrecy.rs"]
mod secrecy;
#[cfg(target_os = "linux")]
#[path = "talk/secrets.rs"]
mod secrets;
#[path = "talk/send.rs"]
mod send;
#[cfg(target_os = "linux")]
#[path = "talk/serial.rs"]
mod serial;
#[cfg(target_os = "linux")]
#[path = "talk/session.rs"]
mod session;
#[path = "talk/settings.rs"]
mod settings;
#[cfg(target_os = "linux")]
#[path = "talk/stopped.rs"]
mod stopped;
#[path = "talk/storm.rs"]
mod storm;
#[cfg(target_os = "linux")]
#[path = "talk/terminal.rs"]
mod terminal;
#[path = "talk/trace.rs"]
mod trace;
#[cfg(target_os = "linux")]
#[path = "talk/transcript.rs"]
mod transcript;
#[cfg(target_os = "linux")]
#[path = "talk/typing.rs"]
mod typing;
#[cfg(target_os = "linux")]
#[path = "talk/unnamed.rs"]
mod unnamed;
#[cfg(target_os = "linux")]
#[path = "talk/unread.rs"]
mod unread;
#[cfg(target_os = "linux")]
#[path = "talk/verify.rs"]
mod verify;
#[cfg(target_os = "linux")]
#[path = "talk/vt.rs"]
mod vt;
#[path = "talk/waiting.rs"]
mod waiting;
#[path = "talk/wire.rs"]
mod wire;
#[cfg(target_os = "linux")]
#[path = "talk/written.rs"]
mod written;
