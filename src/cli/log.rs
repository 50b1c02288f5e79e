//! Sets up the log: to standard error for `-v`, or to a file that only its owner can read. A thread writes it
//! ([`LogLine`]).

use std::io::Write;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{DefaultFields, Format};

use crate::cli::args::{Globals, LogLevel};
use crate::cli::{Error, streams};
use crate::net::LogLine;
use crate::store;
use crate::text::safe_line;

/// Starts logging as the flags want it; without them there is no log.
pub(super) fn start(globals: &Globals) -> Result<(), Error> {
    let level = level(globals);
    let target: Box<dyn Write + Send> = match &globals.log {
        Some(path) => Box::new(store::open_log(path)?),
        None if globals.verbose > 0 || globals.log_level.is_some() => Box::new(streams::stderr()),
        None => return Ok(()),
    };
    LogLine::start(target).map_err(|error| Error::System {
        operation: "start the log",
        reason: safe_line(&error.to_string()),
    })?;
    let log = builder(level).with_ansi(false).with_writer(|| LogLine);
    // A second start in one process would fail, and the first log stays: nothing to be done.
    let _ = tracing::subscriber::set_global_default(log.finish());
    Ok(())
}

fn builder(level: LevelFilter) -> SubscriberBuilder<DefaultFields, Format, LevelFilter> {
    tracing_subscriber::fmt().with_max_level(level)
}

/// `--log-level`, else `-v`, else what a log file has by default.
fn level(globals: &Globals) -> LevelFilter {
    let level = match (globals.log_level, globals.verbose) {
        (Some(LogLevel::Error), _) => Level::ERROR,
        (Some(LogLevel::Warn), _) => Level::WARN,
        (Some(LogLevel::Info), _) | (None, 0) => Level::INFO,
        (Some(LogLevel::Debug), _) | (None, 1) => Level::DEBUG,
        (Some(LogLevel::Trace), _) | (None, 2..) => Level::TRACE,
    };
    level.into()
}
