//! What a talking program has to tell, as values: for programs each is an event, for people most of them
//! are words. Source: docs/json.md.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::calendar::Stamp;
use crate::chat::{Incoming, Outgoing};
use crate::cli::json::{Body, Trouble, message_id};
use crate::id::PeerId;
use crate::proto::{CloseReason, Unfinished};
use crate::store::{fingerprint, key_text};
use crate::text::Safe;
use crate::time::UnixTime;
use crate::tui::Moved;
use crate::wire::limits::VERSION;

/// Somebody, as an event names them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Who {
    /// The saved name, or the beginning of the key.
    #[serde(rename = "peer")]
    pub(super) label: Safe,
    #[serde(serialize_with = "as_text")]
    pub(super) key: PeerId,
}

/// Something that has happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Fact {
    /// Others can reach us.
    Listening {
        address: SocketAddr,
        #[serde(serialize_with = "as_text")]
        key: PeerId,
    },
    /// Somebody is called.
    Connecting {
        #[serde(flatten)]
        who: Who,
        address: SocketAddr,
    },
    /// A session stands.
    Secure {
        #[serde(flatten)]
        who: Who,
        address: SocketAddr,
        verified: bool,
        initiator: bool,
        /// The same for people, who also see when words differed.
        #[serde(skip)]
        trust: &'static str,
    },
    /// Somebody has to accept us first.
    Waiting {
        #[serde(flatten)]
        who: Who,
    },
    /// An unknown key calls, and waits for `accept` or `reject`.
    Caller {
        #[serde(serialize_with = "as_text")]
        key: PeerId,
        fingerprint: Safe,
        address: SocketAddr,
        #[serde(skip_serializing_if = "Option::is_none")]
        nickname: Option<Safe>,
        /// The saved name that it calls itself by, with another key.
        #[serde(skip_serializing_if = "Option::is_none")]
        claims: Option<Safe>,
    },
    /// It waits no longer.
    CallerGone {
        #[serde(serialize_with = "as_text")]
        key: PeerId,
    },
    /// A key is saved under a name.
    Saved {
        #[serde(flatten)]
        who: Who,
        /// From where it called, if it was saved for that.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<SocketAddr>,
    },
    /// A session ended.
    Closed {
        #[serde(flatten)]
        who: Who,
        reason: &'static str,
        message: Safe,
    },
    /// Something about the way to somebody has changed.
    Link {
        #[serde(flatten)]
        who: Who,
        #[serde(flatten)]
        change: Change,
        #[serde(skip_serializing_if = "Option::is_none")]
        rtt_ms: Option<f64>,
        message: Safe,
    },
    /// So many messages of ours wait for somebody.
    Outbox {
        #[serde(flatten)]
        who: Who,
        messages: usize,
        state: Waits,
    },
    /// Somebody says something, or we do.
    Message(Said),
    /// How far a message of ours has come.
    Receipt {
        id: String,
        #[serde(flatten)]
        who: Who,
        state: &'static str,
        /// Why it failed, or has to wait.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<Safe>,
    },
    /// A message of theirs was turned away unseen.
    TurnedAway {
        id: String,
        #[serde(flatten)]
        who: Who,
        reason: Safe,
    },
    /// Somebody who has our key speaks another version.
    OtherVersion { version: u16, ours: u16 },
    /// The answer to `ping`, or that there is none.
    Pong {
        #[serde(flatten)]
        who: Who,
        rtt_ms: Option<f64>,
    },
    /// How far a comparison of words has come.
    Verify {
        #[serde(flatten)]
        who: Who,
        step: Step,
        /// What both sides are to see, for people who read English.
        #[serde(skip_serializing_if = "Option::is_none")]
        words: Option<[&'static str; 4]>,
        /// The same for everybody else.
        #[serde(skip_serializing_if = "Option::is_none")]
        numbers: Option<[u16; 3]>,
    },
    /// Something went wrong; the program goes on.
    Error(Trouble),
    /// A request was done.
    Answer {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
        cmd: Safe,
        result: Value,
    },
    /// The last line.
    End { exit: u8 },
}

/// What has changed about a way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Change {
    /// Nothing is heard.
    Silent,
    /// It is heard again.
    Back,
    /// It is elsewhere now.
    Roamed { address: SocketAddr },
    /// Somebody has a new address, and whether the way leads on is being found out.
    Moving {
        moved: Whose,
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<SocketAddr>,
    },
    /// It does, or leads where it led.
    Settled {
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<SocketAddr>,
    },
    /// It is called again after this time.
    Calling { again_ms: u64 },
    /// Nobody answered so many handshakes.
    Unreachable { tries: u32 },
    /// Nothing of ours has been acknowledged for so long, although it is heard.
    Unheard { unacked_ms: f64 },
    /// It acknowledges again.
    Heard,
    /// How good the way is has changed noticeably. Not for people: a screen shows it all the time.
    Quality {
        /// From 0 to 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        loss: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        heard_ms: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        unacked_ms: Option<f64>,
        path: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<SocketAddr>,
        #[serde(skip_serializing_if = "Option::is_none")]
        moved: Option<Whose>,
    },
    /// What it answers does not open: perhaps another shared secret.
    OtherPsk,
    /// The machine, or something on the way, reports a closed port.
    PortClosed { address: SocketAddr },
    /// Nothing gets there, as this machine or the network says.
    NoWay { address: SocketAddr },
    /// This machine has a way there, after it had none.
    WayAgain { address: SocketAddr },
}

/// Whose address is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Whose {
    Ours,
    Theirs,
}

impl From<Moved> for Whose {
    fn from(moved: Moved) -> Self {
        match moved {
            Moved::Here => Self::Ours,
            Moved::There(_) => Self::Theirs,
        }
    }
}

/// How far a comparison of words has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// We have asked.
    Asked,
    /// They want to compare.
    TheyAsk,
    /// The words are there.
    Words,
    /// They say that the words are the same.
    TheyMatch,
    /// We say so: they are verified.
    Match,
    /// Somebody says that they differ: the session is over, and nothing is sent.
    Differ,
    /// Somebody does not want to now.
    Withdrawn,
    /// They compared less than a minute ago.
    TooSoon,
    /// Nobody compared in time.
    Expired,
    /// The session ended before that.
    Lost,
    /// Their program does not compare words.
    Impossible,
}

impl From<Unfinished> for Step {
    fn from(why: Unfinished) -> Self {
        match why {
            Unfinished::Withdrawn => Self::Withdrawn,
            Unfinished::TooSoon => Self::TooSoon,
            Unfinished::Expired => Self::Expired,
            Unfinished::Lost => Self::Lost,
            Unfinished::Impossible => Self::Impossible,
        }
    }
}

/// Why messages are in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Waits {
    /// An earlier run left them behind.
    FromBefore,
    /// Their receiver has left.
    Kept,
    /// They are sent now.
    Sending,
}

/// A message.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Said {
    id: String,
    #[serde(flatten)]
    who: Who,
    dir: &'static str,
    /// When its author says to have sent it.
    sent: Safe,
    #[serde(flatten)]
    body: Body,
    /// How many before it never arrived.
    #[serde(skip_serializing_if = "is_zero")]
    missing: u64,
    /// It was perhaps told before.
    #[serde(skip_serializing_if = "is_false")]
    again: bool,
}

impl Said {
    pub(super) fn incoming(who: Who, message: &Incoming, again: bool) -> Self {
        Self {
            id: message_id(message.name),
            who,
            dir: "in",
            sent: stamp(message.sent_at),
            body: Body::of(&message.body),
            missing: message.missing,
            again,
        }
    }

    /// Whether it says that it was perhaps told before.
    pub(super) const fn is_again(&self) -> bool {
        self.again
    }

    pub(super) fn outgoing(who: Who, message: &Outgoing) -> Self {
        Self {
            id: message_id(message.name),
            who,
            dir: "out",
            sent: stamp(message.sent_at),
            body: Body::of(&message.body),
            missing: 0,
            again: false,
        }
    }
}

/// How loud words are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Note,
    Warning,
}

impl Fact {
    /// Whom it is about.
    pub(super) const fn about(&self) -> Option<PeerId> {
        match self {
            Self::Connecting { who, .. }
            | Self::Secure { who, .. }
            | Self::Waiting { who }
            | Self::Closed { who, .. }
            | Self::Link { who, .. }
            | Self::Outbox { who, .. }
            | Self::TurnedAway { who, .. } => Some(who.key),
            Self::Listening { .. }
            | Self::Caller { .. }
            | Self::CallerGone { .. }
            | Self::Saved { .. }
            | Self::Message(_)
            | Self::Receipt { .. }
            | Self::OtherVersion { .. }
            | Self::Pong { .. }
            | Self::Verify { .. }
            | Self::Error(_)
            | Self::Answer { .. }
            | Self::End { .. } => None,
        }
    }

    /// What people are told. What has a place of its own on a screen or in a transcript has none.
    pub(super) fn words(&self) -> Option<(Tone, Safe)> {
        let note = |words| Some((Tone::Note, words));
        let warning = |words| Some((Tone::Warning, words));
        match self {
            Self::Listening { address, key } => {
                note(Safe::from("listening on ") + *address + "/udp as " + key_text(key))
            }
            Self::Connecting { who, address } => {
                note(Safe::from("connecting to ") + &who.label + " at " + *address)
            }
            Self::Secure {
                who,
                address,
                trust,
                ..
            } => note(Safe::from("secure: ") + &who.label + " at " + *address + " " + *trust),
            Self::Waiting { who } => note(who.label.clone() + " has to accept you first; waiting"),
            Self::CallerGone { key } => {
                let label = crate::cli::talk::unsaved(key);
                warning(Safe::from("the unknown key ") + label + " is gone")
            }
            Self::Saved { who, address: None } => note(Safe::from("saved as ") + &who.label),
            Self::Saved {
                who,
                address: Some(address),
            } => warning(Safe::from("new peer from ") + *address + " saved as " + &who.label),
            Self::Closed { message, .. } => note(message.clone()),
            Self::Link { message, .. } => note(Safe::from("link: ") + message),
            Self::Outbox {
                messages, state, ..
            } => state.words(*messages).map(|words| (Tone::Note, words)),
            Self::TurnedAway { who, reason, .. } => {
                let words = Safe::from("a message from ") + &who.label;
                warning(words + " was turned away: " + reason)
            }
            Self::OtherVersion { version, ours } => {
                let words = Safe::from("somebody who has your key calls with protocol version ");
                note(words + *version + "; this program speaks version " + *ours)
            }
            Self::Caller { .. }
            | Self::Message(_)
            | Self::Receipt { .. }
            | Self::Pong { .. }
            | Self::Verify { .. }
            | Self::Error(_)
            | Self::Answer { .. }
            | Self::End { .. } => None,
        }
    }

    pub(super) const fn other_version(version: u16) -> Self {
        Self::OtherVersion {
            version,
            ours: VERSION,
        }
    }

    pub(super) fn caller(
        key: PeerId,
        address: SocketAddr,
        nickname: Option<Safe>,
        claims: Option<Safe>,
    ) -> Self {
        Self::Caller {
            key,
            fingerprint: fingerprint(&key),
            address,
            nickname,
            claims,
        }
    }
}

impl Waits {
    /// What was left behind is told with its numbers, by whoever gives them.
    fn words(self, messages: usize) -> Option<Safe> {
        let words = match (self, messages) {
            (Self::FromBefore, _) => return None,
            (Self::Kept, 1) => " message waits until it is back",
            (Self::Kept, _) => " messages wait until it is back",
            (Self::Sending, 1) => " message that waited is sent now",
            (Self::Sending, _) => " messages that waited are sent now",
        };
        Some(Safe::from(messages) + words)
    }
}

/// The name of the reason of a session that the person here has ended.
pub(super) const HUNG_UP: &str = "hung_up";

/// The name of a reason. `is_revoked`: whether the key of the peer is.
pub(super) const fn reason(reason: CloseReason, is_revoked: bool) -> &'static str {
    match reason {
        CloseReason::Goodbye => "goodbye",
        CloseReason::Declined => "declined",
        CloseReason::TheySayViolation => "they_say_violation",
        CloseReason::Violation => "violation",
        CloseReason::Unsupported => "unsupported",
        CloseReason::Removed if is_revoked => "revoked",
        CloseReason::Removed => "removed",
        CloseReason::SigningKeyChanged => "signing_key_changed",
        CloseReason::WordsDiffer => "words_differ",
        CloseReason::SecretChanged => "secret_changed",
    }
}

/// A moment as all events name it.
fn stamp(at: UnixTime) -> Safe {
    Stamp::local(at).utc_ms()
}

fn as_text<S: Serializer>(key: &PeerId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(key_text(key).as_str())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
#[path = "fact_tests.rs"]
mod tests;
