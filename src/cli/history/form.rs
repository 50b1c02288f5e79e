//! How a message that is kept is printed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use crate::calendar::Stamp;
use crate::chat::{FailReason, Received};
use crate::cli::history::people::People;
use crate::cli::json::{self, Body, Versioned, message_id};
use crate::plain::Past;
use crate::store::{Entry, Standing, key_text};
use crate::text::{Safe, safe_line};

/// For whom.
#[derive(Clone)]
pub(super) enum Form {
    /// A person, who reads it now.
    Transcript { now: Stamp },
    /// A program that reads lines.
    Records,
    /// A program that reads JSON.
    Json,
}

impl Form {
    /// The line of a record of a running program; none if it is none.
    pub(super) fn line_of(&self, record: &Value) -> Option<Safe> {
        let past = past_of(record)?;
        Some(match self {
            Self::Transcript { now } => past.transcript(now),
            Self::Records => past.record(),
            Self::Json => json::line(&Versioned::new(record)),
        })
    }

    pub(super) fn line(&self, entry: &Entry, people: &People) -> Safe {
        let past = || past(entry, people.label(entry.contact));
        match self {
            Self::Transcript { now } => past().transcript(now),
            Self::Records => past().record(),
            Self::Json => json::line(&Versioned::new(Record::of(
                entry,
                people.label(entry.contact),
            ))),
        }
    }
}

/// A record of a running program, as people read it; none if it is none.
fn past_of(record: &Value) -> Option<Past<'_>> {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let state = text("state")?;
    let missing = record.get("missing").and_then(Value::as_u64);
    let standing = match text("reason") {
        Some(reason) => safe_line(state) + ": " + safe_line(reason),
        None => safe_line(state),
    };
    let remark = match (state, missing.unwrap_or(0)) {
        ("received", 0) | ("delivered", _) => None,
        ("received" | "unconfirmed", missing) => Some(received(missing, state == "unconfirmed")),
        _ => Some(standing.clone()),
    };
    let body = match (text("text"), text("base64")) {
        (Some(text), _) => Received::Text(text),
        (None, Some(bytes)) => Received::Unreadable {
            len: STANDARD.decode(bytes).ok()?.len(),
        },
        (None, None) => return None,
    };
    Some(Past {
        at: Stamp::parse(text("t")?)?,
        name: safe_line(text("peer")?),
        is_ours: text("dir")? == "out",
        standing,
        remark,
        body,
    })
}

/// A message that is kept, for a person; `label` is what to call the other side.
pub(in crate::cli) fn transcript(entry: &Entry, label: Safe, now: &Stamp) -> Safe {
    past(entry, label).transcript(now)
}

/// As [`transcript`], for a file: whole, and with its day.
pub(in crate::cli) fn written(entry: &Entry, label: Safe) -> Safe {
    past(entry, label).written()
}

fn past(entry: &Entry, name: Safe) -> Past<'_> {
    let word = Safe::from(word(entry));
    let standing = match entry.standing {
        Standing::Failed(reason) => word + ": " + words(reason),
        Standing::Received { .. } | Standing::Waiting | Standing::Delivered => word,
    };
    let remark = match entry.standing {
        Standing::Received { missing: 0 } if !entry.is_unconfirmed => None,
        Standing::Received { missing } => Some(received(missing, entry.is_unconfirmed)),
        Standing::Delivered => None,
        Standing::Waiting | Standing::Failed(_) => Some(standing.clone()),
    };
    Past {
        at: Stamp::local(entry.at),
        name,
        is_ours: is_ours(entry.standing),
        standing,
        remark,
        body: Received::from(entry.body.as_slice()),
    }
}

const fn is_ours(standing: Standing) -> bool {
    match standing {
        Standing::Received { .. } => false,
        Standing::Waiting | Standing::Delivered | Standing::Failed(_) => true,
    }
}

/// What a received message's reader is to be told.
fn received(missing: u64, is_unconfirmed: bool) -> Safe {
    let unconfirmed = is_unconfirmed.then(|| Safe::from("perhaps not read yet"));
    let missing = match missing {
        0 => None,
        1 => Some(Safe::from("1 message before it is missing")),
        many => Some(Safe::from(many) + " messages before it are missing"),
    };
    Safe::join(unconfirmed.into_iter().chain(missing), "; ")
}

/// How it stands, in one word.
const fn word(entry: &Entry) -> &'static str {
    match entry.standing {
        Standing::Received { .. } if entry.is_unconfirmed => "unconfirmed",
        Standing::Received { .. } => "received",
        Standing::Waiting => "waiting",
        Standing::Delivered => "delivered",
        Standing::Failed(_) => "failed",
    }
}

fn words(reason: FailReason) -> Safe {
    safe_line(&reason.to_string())
}

/// A message that is kept, as programs read it.
#[derive(Serialize)]
pub(in crate::cli) struct Record {
    #[serde(rename = "type")]
    kind: &'static str,
    t: Safe,
    sent: Safe,
    id: String,
    peer: Safe,
    key: Safe,
    dir: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Safe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<u64>,
    #[serde(flatten)]
    body: Body,
}

impl Record {
    /// `label`: what to call the other side.
    pub(in crate::cli) fn of(entry: &Entry, label: Safe) -> Self {
        let (reason, missing) = match entry.standing {
            Standing::Failed(reason) => (Some(words(reason)), None),
            Standing::Received { missing } => (None, Some(missing)),
            Standing::Waiting | Standing::Delivered => (None, None),
        };
        Self {
            kind: "message",
            t: Stamp::local(entry.at).utc_ms(),
            sent: Stamp::local(entry.sent_at).utc_ms(),
            id: message_id(entry.name),
            peer: label,
            key: key_text(&entry.contact.peer()),
            dir: if is_ours(entry.standing) { "out" } else { "in" },
            state: word(entry),
            reason,
            missing,
            body: Body::of(&entry.body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Kind, LogId, Name};
    use crate::cli::args::Globals;
    use crate::cli::{Context, Out};
    use crate::id::PeerId;
    use crate::store::{Config, Paths};
    use crate::time::UnixTime;

    fn entry(standing: Standing, is_unconfirmed: bool, body: &[u8]) -> Entry {
        Entry {
            contact: PeerId::new([7; 32]).into(),
            name: Name {
                log: LogId(0xabc),
                sequence: 5,
            },
            at: UnixTime(1_795_226_971_120),
            sent_at: UnixTime(1_795_226_970_000),
            standing,
            is_unconfirmed,
            kind: Kind::Text,
            body: body.to_vec(),
        }
    }

    fn nobody() -> People {
        let home = tempfile::tempdir().unwrap();
        let globals = Globals::default();
        let context = Context {
            paths: Paths::resolve(Some(home.path()), None).unwrap(),
            out: Out::new(&globals),
            config: Config::default(),
            globals,
        };
        People::load(&context).unwrap()
    }

    #[test]
    fn every_standing_has_its_words() {
        let people = nobody();
        let now = Stamp::local(UnixTime(1_795_226_971_120));
        let clock = now.clock();
        let transcript = Form::Transcript { now };
        for (standing, is_unconfirmed, record, line) in [
            (
                Standing::Received { missing: 0 },
                false,
                "received",
                "key:BwcHBwcH: yes",
            ),
            (
                Standing::Received { missing: 0 },
                true,
                "unconfirmed",
                "key:BwcHBwcH (perhaps not read yet): yes",
            ),
            (
                Standing::Received { missing: 2 },
                true,
                "unconfirmed",
                "key:BwcHBwcH (perhaps not read yet; 2 messages before it are missing): yes",
            ),
            (
                Standing::Received { missing: 1 },
                false,
                "received",
                "key:BwcHBwcH (1 message before it is missing): yes",
            ),
            (
                Standing::Waiting,
                false,
                "waiting",
                "me to key:BwcHBwcH (waiting): yes",
            ),
            (
                Standing::Delivered,
                false,
                "delivered",
                "me to key:BwcHBwcH: yes",
            ),
            (
                Standing::Failed(FailReason::Expired),
                false,
                "failed: not delivered within 14 days",
                "me to key:BwcHBwcH (failed: not delivered within 14 days): yes",
            ),
        ] {
            let entry = entry(standing, is_unconfirmed, b"yes");
            assert_eq!(
                Form::Records.line(&entry, &people).as_str(),
                format!("2026-11-21T02:09:31Z\tkey:BwcHBwcH\t{record}\tyes")
            );
            assert_eq!(
                transcript.line(&entry, &people).as_str(),
                format!("{clock} {line}")
            );
        }
    }

    #[test]
    fn a_record_of_a_running_program_reads_as_one_from_the_file() {
        let people = nobody();
        let now = Stamp::local(UnixTime(1_795_226_971_120));
        let standings = [
            Standing::Received { missing: 0 },
            Standing::Received { missing: 2 },
            Standing::Waiting,
            Standing::Delivered,
            Standing::Failed(FailReason::Expired),
        ];
        for standing in standings {
            for (is_unconfirmed, body) in [(false, "yes\u{1b}".as_bytes()), (true, &[0xff, 0xfe])] {
                let received = matches!(standing, Standing::Received { .. });
                let entry = entry(standing, is_unconfirmed && received, body);
                let record = Record::of(&entry, people.label(entry.contact));
                let record = serde_json::to_value(&record).unwrap();
                for form in [Form::Transcript { now: now.clone() }, Form::Records] {
                    let line = form.line(&entry, &people);
                    assert_eq!(form.line_of(&record), Some(line), "{standing:?}");
                }
            }
        }
    }

    #[test]
    fn json_says_all_that_is_known_and_loses_no_byte() {
        let key = key_text(&PeerId::new([7; 32]));
        let head = format!(
            "{{\"v\":1,\"type\":\"message\",\"t\":\"2026-11-21T02:09:31.120Z\",\
             \"sent\":\"2026-11-21T02:09:30.000Z\",\"id\":\"0000000000000abc-5\",\
             \"peer\":\"key:BwcHBwcH\",\"key\":\"{key}\","
        );
        let json = |standing, body: &[u8]| {
            let line = Form::Json.line(&entry(standing, false, body), &nobody());
            line.as_str().strip_prefix(&head).unwrap().to_owned()
        };
        assert_eq!(
            json(Standing::Received { missing: 3 }, b"hi\x1b[2J"),
            "\"dir\":\"in\",\"state\":\"received\",\"missing\":3,\"text\":\"hi\\u001b[2J\"}"
        );
        assert_eq!(
            json(Standing::Delivered, &[0xff, 0xfe]),
            "\"dir\":\"out\",\"state\":\"delivered\",\"base64\":\"//4=\"}"
        );
        assert_eq!(
            json(Standing::Failed(FailReason::Removed), b"x"),
            "\"dir\":\"out\",\"state\":\"failed\",\"reason\":\"the contact was removed\",\
             \"text\":\"x\"}"
        );
    }
}
