//! Sets up the log: to standard error for `-v`, or to a file that only its owner can read.

use std::fs::File;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{DefaultFields, Format};

use crate::cli::Error;
use crate::cli::args::{Globals, LogLevel};
use crate::store;

/// Starts logging as the flags want it; without them there is no log.
pub(super) fn start(globals: &Globals) -> Result<(), Error> {
    let level = level(globals);
    // A second start in one process would fail, and the first log stays: nothing to be done.
    let _ = match &globals.log {
        Some(path) => {
            let file: File = store::open_log(path)?;
            let writer = std::sync::Mutex::new(file);
            let log = builder(level).with_ansi(false).with_writer(writer);
            tracing::subscriber::set_global_default(log.finish())
        }
        None if globals.verbose > 0 || globals.log_level.is_some() => {
            let log = builder(level).with_ansi(false).with_writer(std::io::stderr);
            tracing::subscriber::set_global_default(log.finish())
        }
        None => return Ok(()),
    };
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
