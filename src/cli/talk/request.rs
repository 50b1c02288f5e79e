//! What programs may ask of a running one: on standard input with `--json`, and through the control socket.
//! Source: docs/json.md#requests.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::cli::Error;
use crate::control::{BAD_ID, is_id};
use crate::text::{Safe, safe_line};

/// A request, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Hello,
    Send(Send),
    Accept(Accept),
    Reject(Reject),
    Connect(Somebody),
    Disconnect(Somebody),
    Ping(Ping),
    Verify(Somebody),
    Match(Match),
    Differ(Somebody),
    Status,
    PeersList,
    PeersAdd(PeersAdd),
    PeersRename(PeersRename),
    PeersRevoke(PeersRevoke),
    PeersRemove(Somebody),
    Reload(Reload),
    HistoryFind(HistoryFind),
    HistoryPurge(HistoryPurge),
    HistoryDelete(HistoryDelete),
    Subscribe(Subscribe),
    Confirm(Confirm),
    Quit,
}

/// `send`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    pub(super) peer: String,
    pub(super) text: String,
    /// Answer when it is delivered, has failed, or after so long; else when it is queued.
    pub(super) wait_ms: Option<u64>,
    /// Where to reach the peer, if that is not saved.
    pub(super) address: Option<String>,
}

impl Send {
    pub(super) fn wait(&self) -> Option<Duration> {
        self.wait_ms.map(Duration::from_millis)
    }
}

/// `accept`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accept {
    pub(super) key: String,
    pub(super) name: Option<String>,
}

/// `reject`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reject {
    pub(super) key: String,
}

/// Requests about one peer: a name, or a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Somebody {
    pub(super) peer: String,
}

/// `ping`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ping {
    pub(super) peer: String,
    /// How long an answer is waited for.
    pub(super) wait_ms: Option<u64>,
    /// Call the peer if it is not connected, and wait so long for that.
    pub(super) connect_ms: Option<u64>,
    /// Where to call it, if that is not saved.
    pub(super) address: Option<String>,
    /// 4 or 6: call it through this family only.
    pub(super) family: Option<u8>,
}

/// `match`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Match {
    pub(super) peer: String,
    /// What the other read out, to be compared; without it somebody has done that.
    pub(super) words: Option<String>,
}

/// `peers.add`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeersAdd {
    pub(super) name: String,
    pub(super) key: String,
    #[serde(default)]
    pub(super) addresses: Vec<String>,
}

/// `peers.rename`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeersRename {
    pub(super) peer: String,
    pub(super) name: String,
}

/// `peers.revoke`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeersRevoke {
    pub(super) peer: String,
    pub(super) reason: Option<String>,
}

/// `reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reload {
    /// About whom a person has decided whether it is who it should be, as known-peers says.
    pub(super) decided: Option<String>,
    /// When, in Unix time; just now if it is not said.
    pub(super) decided_ms: Option<u64>,
}

/// `history.find`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryFind {
    pub(super) peer: Option<String>,
    pub(super) words: Option<String>,
    pub(super) since_ms: Option<u64>,
    pub(super) before_ms: Option<u64>,
    /// At most so many, and one.
    pub(super) most: Option<NonZeroUsize>,
    /// From the oldest on, not from the newest back.
    #[serde(default)]
    pub(super) oldest_first: bool,
    /// Where to go on, as the answer before says.
    pub(super) cursor: Option<String>,
}

/// `history.purge`: of everybody if no peer is named, of all times if none is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryPurge {
    pub(super) peer: Option<String>,
    pub(super) before_ms: Option<u64>,
    /// Only say how many it would be.
    #[serde(default)]
    pub(super) count_only: bool,
    /// Only what was there when they were counted, as that answer says.
    pub(super) counted: Option<String>,
}

/// `history.delete`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryDelete {
    pub(super) peer: String,
    /// The name of the message.
    pub(super) message: String,
    /// `in` or `out`: each side draws names by itself.
    pub(super) dir: Direction,
}

/// `subscribe`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscribe {
    /// Whether messages count as heard once the client says so, and not once they are written to it.
    #[serde(default)]
    pub(super) confirm: bool,
}

/// `confirm`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    pub(super) peer: String,
    /// The name of the message.
    pub(super) message: String,
}

/// Whether a message came, or is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    In,
    Out,
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// It is no JSON.
    NotJson(Safe),
    /// It is JSON of another shape.
    NotARequest(Safe),
    /// There is no such request.
    NoSuchMethod(Safe),
    /// Its parameters are others.
    BadParams(Safe),
}

impl From<Unclear> for Error {
    fn from(unclear: Unclear) -> Self {
        let reason = match unclear {
            Unclear::NotJson(reason) => Safe::from("it is no JSON: ") + reason,
            Unclear::NotARequest(reason) | Unclear::BadParams(reason) => reason,
            Unclear::NoSuchMethod(name) => {
                Safe::from("there is no request \"") + name + "\"; docs/json.md has all of them"
            }
        };
        Self::BadRequest { reason }
    }
}

impl Call {
    /// Understands a request by its name.
    ///
    /// # Errors
    /// [`Unclear::NoSuchMethod`], [`Unclear::BadParams`].
    pub(super) fn parse(method: &str, params: Value) -> Result<Self, Unclear> {
        let nothing = |call| none(&params).map(|()| call);
        match method {
            "hello" => nothing(Self::Hello),
            "status" => nothing(Self::Status),
            "peers.list" => nothing(Self::PeersList),
            "quit" => nothing(Self::Quit),
            "send" => read(params).map(Self::Send),
            "accept" => read(params).map(Self::Accept),
            "reject" => read(params).map(Self::Reject),
            "connect" => read(params).map(Self::Connect),
            "disconnect" => read(params).map(Self::Disconnect),
            "ping" => read(params).map(Self::Ping),
            "verify" => read(params).map(Self::Verify),
            "match" => read(params).map(Self::Match),
            "differ" => read(params).map(Self::Differ),
            "peers.add" => read(params).map(Self::PeersAdd),
            "peers.rename" => read(params).map(Self::PeersRename),
            "peers.revoke" => read(params).map(Self::PeersRevoke),
            "peers.remove" => read(params).map(Self::PeersRemove),
            "reload" => read(params).map(Self::Reload),
            "subscribe" => read(params).map(Self::Subscribe),
            "confirm" => read(params).map(Self::Confirm),
            "history.find" => read(params).map(Self::HistoryFind),
            "history.delete" => read(params).map(Self::HistoryDelete),
            "history.purge" => read(params).map(Self::HistoryPurge),
            other => Err(Unclear::NoSuchMethod(safe_line(other))),
        }
    }
}

fn none(params: &Value) -> Result<(), Unclear> {
    let is_none = match params {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    is_none
        .then_some(())
        .ok_or_else(|| Unclear::BadParams("it takes no parameters".into()))
}

fn read<T: DeserializeOwned>(params: Value) -> Result<T, Unclear> {
    let params = match params {
        Value::Null => Value::Object(Map::new()),
        Value::Array(items) if items.is_empty() => Value::Object(Map::new()),
        named @ Value::Object(_) => named,
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(Unclear::BadParams("parameters have names".into()));
        }
    };
    T::deserialize(params).map_err(|error| Unclear::BadParams(safe_line(&error.to_string())))
}

/// A line of standard input: `{"cmd":"send","id":7,"peer":"bob","text":"hi"}`. Returns its `id` and its name
/// too, as far as they can be read.
pub(super) fn read_line(line: &[u8]) -> (Option<Value>, Safe, Result<Call, Unclear>) {
    let fail = |unclear| (None, Safe::default(), Err(unclear));
    let mut fields = match serde_json::from_slice(line) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) => return fail(Unclear::NotARequest("a request is a JSON object".into())),
        Err(error) => return fail(Unclear::NotJson(safe_line(&error.to_string()))),
    };
    let id = fields.remove("id");
    if id.as_ref().is_some_and(|id| !is_id(id)) {
        return fail(Unclear::NotARequest(BAD_ID.into()));
    }
    let Some(Value::String(cmd)) = fields.remove("cmd") else {
        let unclear = Unclear::NotARequest("a request has a \"cmd\"".into());
        return (id, Safe::default(), Err(unclear));
    };
    let call = Call::parse(&cmd, Value::Object(fields));
    (id, safe_line(&cmd), call)
}

/// As [`Call::parse`], for fuzzing: what is understood, or why not, in words.
#[doc(hidden)]
pub fn read_call_for_testing_only(method: &str, params: Value) -> Result<String, Safe> {
    shown(Call::parse(method, params))
}

/// As [`read_line`], for fuzzing.
#[doc(hidden)]
pub fn read_line_for_testing_only(line: &[u8]) -> (Option<Value>, Safe, Result<String, Safe>) {
    let (id, cmd, call) = read_line(line);
    (id, cmd, shown(call))
}

fn shown(call: Result<Call, Unclear>) -> Result<String, Safe> {
    let call = call.map_err(|unclear| match unclear {
        Unclear::NotJson(words)
        | Unclear::NotARequest(words)
        | Unclear::NoSuchMethod(words)
        | Unclear::BadParams(words) => words,
    })?;
    Ok(format!("{call:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_a_request_with_or_without_an_id() {
        let send = Send {
            peer: "bob".to_owned(),
            text: "hi\u{1b}".to_owned(),
            wait_ms: None,
            address: None,
        };
        let (id, cmd, call) = read_line(br#"{"cmd":"send","peer":"bob","text":"hi\u001b","id":7}"#);
        assert_eq!((id, cmd.as_str()), (Some(json!(7)), "send"));
        assert_eq!(call, Ok(Call::Send(send)));
        let (id, _, call) = read_line(br#" {"cmd":"quit"} "#);
        assert_eq!((id, call), (None, Ok(Call::Quit)));
    }

    #[test]
    fn what_is_no_request_says_what_is_wrong_and_keeps_its_id() {
        let unclear = |line: &[u8]| read_line(line).2.unwrap_err();
        assert!(matches!(unclear(b"hello"), Unclear::NotJson(_)));
        assert!(matches!(unclear(b"\xff"), Unclear::NotJson(_)));
        assert!(matches!(unclear(b"[]"), Unclear::NotARequest(_)));
        assert!(matches!(unclear(b"{\"cmd\":1}"), Unclear::NotARequest(_)));
        for id in ["null", "[7]", "0.5", "18446744073709551616"] {
            let line = format!("{{\"cmd\":\"quit\",\"id\":{id}}}");
            assert_eq!(
                unclear(line.as_bytes()),
                Unclear::NotARequest(BAD_ID.into())
            );
        }
        assert!(matches!(
            unclear(b"{\"cmd\":\"sned\"}"),
            Unclear::NoSuchMethod(_)
        ));
        assert!(matches!(
            unclear(b"{\"cmd\":\"send\"}"),
            Unclear::BadParams(_)
        ));
        // One came all the same.
        let none = br#"{"cmd":"history.find","most":0}"#;
        assert!(matches!(unclear(none), Unclear::BadParams(_)));
        let (id, cmd, call) = read_line(b"{\"cmd\":\"quit\",\"now\":true,\"id\":\"x\"}");
        assert_eq!((id, cmd.as_str()), (Some(json!("x")), "quit"));
        assert!(
            matches!(call, Err(Unclear::BadParams(_))),
            "nothing is passed over"
        );
    }
}
