//! What commands print with `--json`: one object a line. Source: docs/json.md.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use crate::calendar::Stamp;
use crate::chat::{LogId, Name, Received};
use crate::cli::report::Report;
use crate::json;
use crate::text::{Safe, safe_line};
use crate::time::UnixTime;

/// One object as a line of data.
pub(super) fn line(value: &impl Serialize) -> Safe {
    // Changes nothing: what it would change is escaped already.
    safe_line(&json::line(value))
}

/// What every line of a stream begins with.
#[derive(Debug, Serialize)]
pub(super) struct Event<T: Serialize> {
    v: u8,
    t: Safe,
    #[serde(flatten)]
    what: T,
}

impl<T: Serialize> Event<T> {
    pub(super) fn new(at: UnixTime, what: T) -> Self {
        Self {
            v: json::VERSION,
            t: Stamp::local(at).utc_ms(),
            what,
        }
    }
}

/// What a command prints that prints one thing.
#[derive(Debug, Serialize)]
pub(super) struct Versioned<T: Serialize> {
    v: u8,
    #[serde(flatten)]
    what: T,
}

impl<T: Serialize> Versioned<T> {
    pub(super) const fn new(what: T) -> Self {
        Self {
            v: json::VERSION,
            what,
        }
    }
}

/// An error, as programs read it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Trouble {
    code: &'static str,
    exit: u8,
    message: Safe,
    /// The cause, and what to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    help: Vec<Safe>,
    /// How many of the messages that it is about are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
    /// The request that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<Safe>,
}

impl Trouble {
    /// `profile`: the flags that suggested commands need to mean the same files.
    pub(super) fn of(report: &Report, profile: &[Safe]) -> Self {
        Self {
            code: report.code,
            exit: report.exit as u8,
            message: report.title.clone(),
            help: report.render(profile).split_off(1),
            kept: report.kept,
            id: None,
            cmd: None,
        }
    }

    /// As the answer to a request.
    pub(super) fn answering(self, id: Option<Value>, cmd: Safe) -> Self {
        Self {
            id,
            cmd: Some(cmd).filter(|cmd| !cmd.as_str().is_empty()),
            ..self
        }
    }
}

/// An error that ends a command, as the last line of its output.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "error")]
pub(super) struct Failure {
    #[serde(flatten)]
    pub(super) trouble: Trouble,
}

/// What a message says: its exact text, or its bytes if they are none.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Body {
    Text(String),
    Base64(String),
}

impl Body {
    pub(super) fn of(bytes: &[u8]) -> Self {
        match Received::from(bytes) {
            Received::Text(text) => Self::Text(text.to_owned()),
            Received::Unreadable { .. } => Self::Base64(STANDARD.encode(bytes)),
        }
    }
}

/// The name of a message that both sides have for it.
pub(super) fn message_id(name: Name) -> String {
    format!("{:016x}-{}", name.log.0, name.sequence)
}

/// Reads what [`message_id`] writes.
pub(super) fn parse_message_id(text: &str) -> Option<Name> {
    let (log, sequence) = text.split_once('-')?;
    let name = Name {
        log: LogId(u64::from_str_radix(log, 16).ok()?),
        sequence: sequence.parse().ok()?,
    };
    // In no other form.
    (message_id(name) == text).then_some(name)
}

/// A duration in milliseconds, to the microsecond.
pub(super) fn ms(time: core::time::Duration) -> f64 {
    // As whole microseconds, of which the quotient prints no longer than it is: 1.29, not 1.2899999999999998.
    let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let half = |bits: u64| f64::from(u32::try_from(bits & 0xffff_ffff).unwrap_or_default());
    half(us >> 32).mul_add(4_294_967_296.0, half(us)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn milliseconds_have_three_places_at_most() {
        for (us, text) in [
            (0, "0.0"),
            (1_290, "1.29"),
            (35_007, "35.007"),
            (86_400_000_001, "86400000.001"),
        ] {
            assert_eq!(format!("{:?}", ms(Duration::from_micros(us))), text);
        }
        assert_eq!(
            format!("{:?}", ms(Duration::from_nanos(1_289_999))),
            "1.289"
        );
    }
}
