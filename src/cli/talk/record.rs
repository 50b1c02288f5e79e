//! The record of datagrams (`--trace`), and the keys to it (`--trace-keys`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use crate::cli::args::{Command, Globals};
use crate::cli::talk::network::{Input, no_threads};
use crate::cli::{Context, Error, ExitCode, Out, Report};
use crate::net::{
    Clock, KEY_LOG_MAX_LEN, KeyLogConfig, TRACE_MAX_LEN, Trace, TraceConfig, TraceEnd,
    local_address_towards,
};
use crate::store::{ErrorKind, create_records};
use crate::text::{Safe, safe_line};

/// What is to be recorded, and where.
#[derive(Debug)]
pub(super) struct Records {
    trace: Option<PathBuf>,
    pub(super) keys: Option<PathBuf>,
    out: Out,
}

/// Refuses keys without what they open, and a record of a command (none: `securechat` alone) that makes none.
///
/// # Errors
/// SC29.
pub(in crate::cli) fn check(globals: &Globals, command: Option<&Command>) -> Result<(), Error> {
    if globals.trace.is_none() && globals.trace_keys.is_some() {
        return Err(Error::BadArgument {
            given: "--trace-keys".into(),
            reason:
                "it writes the keys to a record of datagrams, and there is none without --trace"
                    .into(),
            example: &["connect", "NAME", "--trace", "FILE", "--trace-keys", "FILE"],
        });
    }
    if command.is_none_or(may_record) {
        return Ok(());
    }
    check_unrecorded(globals)
}

/// Refuses a record where none is made.
///
/// # Errors
/// SC29.
pub(in crate::cli) fn check_unrecorded(globals: &Globals) -> Result<(), Error> {
    if globals.trace.is_none() {
        return Ok(());
    }
    Err(Error::BadArgument {
        given: "--trace".into(),
        reason: "this command records nothing; listen, connect, daemon, send, ping, doctor \
                 with somebody to call, and securechat alone on a terminal do"
            .into(),
        example: &["connect", "NAME", "--trace", "FILE"],
    })
}

const fn may_record(command: &Command) -> bool {
    match command {
        Command::Listen(_)
        | Command::Connect(_)
        | Command::Daemon(_)
        | Command::Send(_)
        | Command::Ping(_) => true,
        // It calls if it is told whom or where.
        Command::Doctor(args) => args.target.is_some() || args.peer.is_some(),
        Command::Keygen(_)
        | Command::Pubkey(_)
        | Command::Key(_)
        | Command::Peers(_)
        | Command::Status(_)
        | Command::History(_)
        | Command::Demo(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Help(_) => false,
    }
}

/// Says that nothing is recorded, if that was wanted: another program sends what this one was asked for.
pub(super) fn warn_beside(context: &Context) {
    warn_unrecorded(
        &context.globals,
        &context.out,
        "the securechat that runs does the sending, and only its own --trace records it",
    );
}

/// The same: nothing is sent yet.
pub(super) fn warn_unsent(context: &Context) {
    warn_unrecorded(
        &context.globals,
        &context.out,
        "nothing is sent yet, and only --trace of the securechat that sends it records that",
    );
}

/// The same: nobody is called.
pub(in crate::cli) fn warn_uncalled(globals: &Globals, out: &Out) {
    warn_unrecorded(globals, out, "nobody is called");
}

fn warn_unrecorded(globals: &Globals, out: &Out, why: &'static str) {
    if globals.trace.is_some() {
        let words = Safe::from("--trace records nothing here: ") + why;
        out.warn(&words);
    }
}

impl Records {
    pub(super) fn of(context: &Context) -> Self {
        Self {
            trace: context.globals.trace.clone(),
            keys: context.globals.trace_keys.clone(),
            out: context.out.clone(),
        }
    }

    /// Nothing is to be recorded.
    pub(super) fn none(out: &Out) -> Self {
        Self {
            trace: None,
            keys: None,
            out: out.clone(),
        }
    }

    /// Begins to record every datagram, if that is wanted.
    ///
    /// # Errors
    /// SC21 if there is such a file; SC03 if others could read or replace the keys; what else keeps the files from
    /// being made.
    pub(super) fn start(
        &self,
        clock: Clock,
        bound: SocketAddr,
        inputs: &Sender<Input>,
    ) -> Result<Option<Arc<Trace>>, Error> {
        let Some(path) = &self.trace else {
            return Ok(None);
        };
        let (file, keys) = create_records(path, self.keys.as_deref()).map_err(refusal)?;
        let keys = keys.zip(self.keys.as_deref());
        if let Some((_, path)) = &keys {
            self.out.warn(&(Safe::from(*path) + KEYS_WARNING));
        }
        let unix_us = clock.unix_time().0.saturating_mul(1_000);
        let config = TraceConfig {
            file: Box::new(BufWriter::new(file)),
            limit: TRACE_MAX_LEN,
            epoch_us: unix_us.saturating_sub(clock.now().as_micros()),
            local: local_address(bound),
            on_end: tell_end(path, "the record of datagrams", TRACE_MAX_LEN, inputs),
            keys: keys.map(|(file, path)| key_log(file, path, inputs)),
        };
        Trace::start(config)
            .map(Some)
            .map_err(|error| no_threads(&error))
    }
}

/// What is said of the file with the keys, whatever else is quiet.
const KEYS_WARNING: &str = ": the keys of every session of this run are written here (--trace-keys). Whoever has the file \
reads what is said, and can forge it while it is said. Delete it when you are done";

fn key_log(file: File, path: &Path, inputs: &Sender<Input>) -> KeyLogConfig {
    KeyLogConfig {
        // Without a buffer, in which keys would stay.
        file: Box::new(file),
        limit: KEY_LOG_MAX_LEN,
        on_end: tell_end(path, "the key log", KEY_LOG_MAX_LEN, inputs),
    }
}

fn refusal(error: crate::store::Error) -> Error {
    match (error.kind(), error.path()) {
        (ErrorKind::AlreadyExists, Some(path)) => Error::OutputExists { path: path.into() },
        _ => error.into(),
    }
}

/// Tells that a file ends before the program, and why.
fn tell_end(
    path: &Path,
    what: &'static str,
    limit: u64,
    inputs: &Sender<Input>,
) -> Box<dyn Fn(TraceEnd) + Send> {
    let (path, inputs) = (path.to_owned(), inputs.clone());
    Box::new(move |end| {
        let title = Safe::from(path.as_path()) + ": " + what + " ends here: ";
        // Nobody is left to be told when the loop has ended.
        let _ = inputs.send(Input::Trouble(Box::new(ended(title, &end, limit))));
    })
}

/// Why it ends: SC18 if there is no room, else SC24.
fn ended(title: Safe, end: &TraceEnd, limit: u64) -> Report {
    let (why, has_room) = match end {
        TraceEnd::Full => (Safe::from(limit >> 20) + " MiB are full", false),
        TraceEnd::Failed(error) => {
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
            (safe_line(&error.to_string()), !full.contains(&error.kind()))
        }
    };
    if has_room {
        Report::new("SC24", ExitCode::Fixable, title + why)
    } else {
        Report::new("SC18", ExitCode::Storage, title + why)
    }
}

/// Says from which address we talk to another one. The system is asked once for each.
fn local_address(bound: SocketAddr) -> Box<dyn Fn(SocketAddr) -> SocketAddr + Send> {
    const MAX_KNOWN: usize = 1_024;
    let known = RefCell::new(BTreeMap::new());
    Box::new(move |peer| {
        if !bound.ip().is_unspecified() {
            return bound;
        }
        let mut known = known.borrow_mut();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        let ip = known
            .entry(peer.ip())
            .or_insert_with(|| local_address_towards(peer).unwrap_or_else(|_| bound.ip()));
        SocketAddr::new(*ip, bound.port())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_record_that_ends_is_an_error_of_its_own_for_programs_and_words_for_people() {
        let (inputs, told) = channel();
        let tell = tell_end(Path::new("x.pcapng"), "the record", 64 << 20, &inputs);
        let failed = |kind: io::ErrorKind| TraceEnd::Failed(kind.into());
        for (end, code, why) in [
            (TraceEnd::Full, "SC18", "64 MiB are full"),
            (
                failed(io::ErrorKind::StorageFull),
                "SC18",
                "no storage space",
            ),
            (
                failed(io::ErrorKind::PermissionDenied),
                "SC24",
                "permission denied",
            ),
        ] {
            tell(end);
            let Ok(Input::Trouble(report)) = told.try_recv() else {
                panic!("{code}: a program is told nothing");
            };
            assert_eq!(report.code, code);
            let words = format!("x.pcapng: the record ends here: {why}");
            assert_eq!(report.title.as_str(), words);
        }
    }
}
