use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::chat::{ConversationId, Kind, LogId, Name};
use crate::cli::Error;
use crate::cli::json::{Event, ms};

#[path = "../../../tests/common/schema.rs"]
mod schema;

const SCHEMA: &str = include_str!("../../../docs/json.schema.json");

fn bob() -> Who {
    Who {
        label: "bob".into(),
        key: PeerId::new([2; 32]),
    }
}

fn address() -> SocketAddr {
    "[2001:db8::9]:7419".parse().unwrap()
}

fn incoming(body: &[u8]) -> Incoming {
    let name = Name {
        log: LogId(0xabc),
        sequence: 5,
    };
    Incoming {
        name,
        kind: Kind::Text,
        conversation: ConversationId::default(),
        sent_at: UnixTime(1_795_226_971_120),
        body: body.to_vec(),
        missing: 3,
    }
}

/// One of every kind, and more where the fields differ.
fn samples() -> Vec<Fact> {
    let who = bob;
    let link = |change, rtt_ms| Fact::Link {
        who: who(),
        change,
        rtt_ms,
        message: "as it is".into(),
    };
    let moving = |moved, address| link(Change::Moving { moved, address }, None);
    let settled = |address| link(Change::Settled { address }, None);
    let outbox = |state| Fact::Outbox {
        who: who(),
        messages: 2,
        state,
    };
    let receipt = |reason| Fact::Receipt {
        id: "0000000000000abc-5".to_owned(),
        who: who(),
        state: "failed",
        reason,
    };
    let error = Error::NoSuchPeer { name: "bbo".into() };
    let trouble = Trouble::of(&error.report(), &[]);
    let mut facts = vec![
        Fact::Listening {
            address: address(),
            key: PeerId::new([1; 32]),
        },
        Fact::Connecting {
            who: who(),
            address: address(),
        },
        Fact::Secure {
            who: who(),
            address: address(),
            trust: "[not verified]",
            verified: false,
            initiator: true,
        },
        Fact::Waiting { who: who() },
        Fact::caller(PeerId::new([3; 32]), address(), Some("bob".into()), None),
        Fact::caller(PeerId::new([3; 32]), address(), None, Some("bob".into())),
        Fact::CallerGone {
            key: PeerId::new([3; 32]),
        },
        Fact::Saved {
            who: who(),
            address: None,
        },
        Fact::Saved {
            who: who(),
            address: Some(address()),
        },
        link(Change::Back, Some(ms(Duration::from_micros(42_123)))),
        link(Change::Silent, None),
        link(
            Change::Unheard {
                unacked_ms: 10_500.0,
            },
            None,
        ),
        link(Change::Heard, None),
        link(
            Change::Quality {
                loss: Some(0.02),
                heard_ms: Some(380.0),
                unacked_ms: Some(12.0),
                path: "direct",
                address: Some(address()),
                moved: Some(Whose::Theirs),
            },
            Some(42.0),
        ),
        link(
            Change::Quality {
                loss: None,
                heard_ms: None,
                unacked_ms: None,
                path: "direct",
                address: None,
                moved: None,
            },
            None,
        ),
        link(Change::Roamed { address: address() }, None),
        moving(Whose::Ours, None),
        moving(Whose::Theirs, Some(address())),
        settled(None),
        settled(Some(address())),
        link(Change::Calling { again_ms: 5_000 }, None),
        link(Change::Unreachable { tries: 9 }, None),
        link(Change::OtherPsk, None),
        link(Change::PortClosed { address: address() }, None),
        link(Change::NoWay { address: address() }, None),
        link(Change::WayAgain { address: address() }, None),
        outbox(Waits::FromBefore),
        outbox(Waits::Kept),
        outbox(Waits::Sending),
        Fact::Message(Said::incoming(who(), &incoming(b"hi\x1b[2J"), true)),
        Fact::Message(Said::incoming(who(), &incoming(&[0xff]), false)),
        receipt(Some("it is not wanted".into())),
        receipt(None),
        Fact::TurnedAway {
            id: "0000000000000abc-5".to_owned(),
            who: who(),
            reason: "it is not wanted".into(),
        },
        Fact::other_version(2),
        Fact::Pong {
            who: who(),
            rtt_ms: Some(0.4),
        },
        Fact::Pong {
            who: who(),
            rtt_ms: None,
        },
        Fact::Error(trouble.clone()),
        Fact::Error(trouble.answering(Some(json!([7])), "send".into())),
        Fact::Answer {
            id: Some(json!("a")),
            cmd: "send".into(),
            result: json!({}),
        },
        Fact::Answer {
            id: None,
            cmd: "quit".into(),
            result: json!({}),
        },
        Fact::End { exit: 6 },
        Fact::Closed {
            who: who(),
            reason: reason(CloseReason::Removed, true),
            message: "as it is".into(),
        },
    ];
    let reasons = [
        CloseReason::Goodbye,
        CloseReason::Declined,
        CloseReason::TheySayViolation,
        CloseReason::Violation,
        CloseReason::Unsupported,
        CloseReason::Removed,
        CloseReason::SigningKeyChanged,
        CloseReason::WordsDiffer,
    ];
    let steps = [
        Step::Asked,
        Step::TheyAsk,
        Step::Words,
        Step::TheyMatch,
        Step::Match,
        Step::Differ,
        Step::Withdrawn,
        Step::TooSoon,
        Step::Expired,
        Step::Lost,
    ];
    facts.extend(steps.map(|step| {
        let has_words = step == Step::Words;
        Fact::Verify {
            who: who(),
            step,
            words: has_words.then_some(["abandon", "zoo", "ability", "able"]),
            numbers: has_words.then_some([1_000, 9_191, 4_711]),
        }
    }));
    facts.extend(reasons.map(|it| Fact::Closed {
        who: who(),
        reason: reason(it, false),
        message: "as it is".into(),
    }));
    facts
}

/// The name that a fact has as an event. A new fact has to be put here, and then into the samples.
const fn name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Listening { .. } => "listening",
        Fact::Connecting { .. } => "connecting",
        Fact::Secure { .. } => "secure",
        Fact::Waiting { .. } => "waiting",
        Fact::Caller { .. } => "caller",
        Fact::CallerGone { .. } => "caller_gone",
        Fact::Saved { .. } => "saved",
        Fact::Closed { .. } => "closed",
        Fact::Link { .. } => "link",
        Fact::Outbox { .. } => "outbox",
        Fact::Message(_) => "message",
        Fact::Receipt { .. } => "receipt",
        Fact::TurnedAway { .. } => "turned_away",
        Fact::OtherVersion { .. } => "other_version",
        Fact::Pong { .. } => "pong",
        Fact::Verify { .. } => "verify",
        Fact::Error(_) => "error",
        Fact::Answer { .. } => "answer",
        Fact::End { .. } => "end",
    }
}

fn written(fact: &Fact) -> Value {
    let event = Event::new(UnixTime(1_795_226_971_120), fact);
    serde_json::from_str(&crate::json::line(&event)).unwrap()
}

#[test]
fn every_event_is_as_the_schema_says() {
    let root: Value = serde_json::from_str(SCHEMA).unwrap();
    for fact in samples() {
        let event = written(&fact);
        assert_eq!(event["type"], name(&fact));
        let why = schema::mismatch(&root, &root, &event);
        assert_eq!(why, None, "{event}");
    }
}

#[test]
fn every_event_of_the_schema_has_a_sample_and_stands_in_the_documentation() {
    let root: Value = serde_json::from_str(SCHEMA).unwrap();
    let names = root["$defs"].as_object().unwrap().keys();
    let described: BTreeSet<&str> = names.filter_map(|it| it.strip_prefix("event_")).collect();
    let samples = samples();
    let written: BTreeSet<&str> = samples.iter().map(name).collect();
    assert_eq!(described, written);
    let text = include_str!("../../../docs/json.md");
    for name in described {
        assert!(text.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn the_schema_is_no_rubber_stamp() {
    let root: Value = serde_json::from_str(SCHEMA).unwrap();
    let fact = Fact::Message(Said::incoming(bob(), &incoming(b"hi"), false));
    let right = written(&fact);
    let spoiled = |change: fn(&mut Value)| {
        let mut event = right.clone();
        change(&mut event);
        schema::mismatch(&root, &root, &event)
    };
    assert_eq!(spoiled(|_| ()), None);
    assert!(spoiled(|it| it["v"] = json!(2)).is_some());
    assert!(spoiled(|it| it["dir"] = json!("sideways")).is_some());
    assert!(spoiled(|it| it["new"] = json!(1)).is_some());
    assert!(spoiled(|it| it["missing"] = json!("3")).is_some());
    assert!(spoiled(|it| it["base64"] = json!("aGk=")).is_some(), "both");
    assert!(spoiled(|it| drop(it.as_object_mut().unwrap().remove("text"))).is_some());
}

#[test]
fn an_event_reads_as_experience_has_shown() {
    let fact = Fact::Message(Said::incoming(bob(), &incoming(b"hi\x1b[2J"), false));
    let line = crate::json::line(&Event::new(UnixTime(1_795_226_971_120), &fact));
    let key = key_text(&bob().key);
    assert_eq!(
        line,
        format!(
            "{{\"v\":1,\"t\":\"2026-11-21T02:09:31.120Z\",\"type\":\"message\",\
             \"id\":\"0000000000000abc-5\",\"peer\":\"bob\",\"key\":\"{key}\",\"dir\":\"in\",\
             \"sent\":\"2026-11-21T02:09:31.120Z\",\"text\":\"hi\\u001b[2J\",\"missing\":3}}"
        )
    );
}
