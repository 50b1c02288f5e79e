//! JSON-RPC 2.0, a value a line. Batches are refused: a client writes several lines.

use serde::Serialize;
use serde_json::{Value, json};

use crate::json;

/// The codes that JSON-RPC has for errors, and ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub enum Code {
    /// The line is no JSON.
    Parse = -32_700,
    /// It is no request.
    Request = -32_600,
    /// There is no such method.
    Method = -32_601,
    /// The parameters are others.
    Params = -32_602,
    /// It was understood and failed; `data` says how.
    Failed = -32_000,
}

/// The longest string that is an id, in bytes: as much is kept for each request that waits.
const ID_MAX_LEN: usize = 256;

/// What is said of any other.
pub const BAD_ID: &str = "an id is a string of at most 256 bytes, or an integer of 64 bits";

/// Whether this comes back with an answer as it was.
#[must_use]
pub fn is_id(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= ID_MAX_LEN,
        // What is longer, or has a fraction, is read as the nearest number that there is.
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// None for a notification, which has no answer.
    pub id: Option<Value>,
    /// What is asked for.
    pub method: String,
    /// With what.
    pub params: Value,
}

impl Request {
    /// Reads a line.
    ///
    /// # Errors
    /// The code, why in words, and the id if there is one.
    pub fn parse(line: &[u8]) -> Result<Self, (Code, String, Value)> {
        let wrong = |why: &str, id| Err((Code::Request, why.to_owned(), id));
        let mut fields = match serde_json::from_slice(line) {
            Ok(Value::Object(fields)) => fields,
            Ok(Value::Array(_)) => {
                return wrong("batches are not taken: one line, one request", Value::Null);
            }
            Ok(_) => return wrong("a request is an object", Value::Null),
            Err(error) => return Err((Code::Parse, error.to_string(), Value::Null)),
        };
        let id = fields.remove("id");
        if id.as_ref().is_some_and(|id| !is_id(id)) {
            return wrong(BAD_ID, Value::Null);
        }
        let known = id.clone().unwrap_or(Value::Null);
        if fields.remove("jsonrpc") != Some(Value::from("2.0")) {
            return wrong("\"jsonrpc\":\"2.0\" is missing", known);
        }
        let Some(Value::String(method)) = fields.remove("method") else {
            return wrong("a \"method\" is missing", known);
        };
        let params = fields.remove("params").unwrap_or(Value::Null);
        if let Some(slip) = fields.keys().next() {
            // A misspelt "params" would be a request for all there is.
            let why = format!("there is no field {}", json::line(slip));
            return wrong(&why, known);
        }
        Ok(Self { id, method, params })
    }
}

/// The line of a request, with its break.
#[must_use]
pub fn request(id: u64, method: &str, params: &Value) -> String {
    line(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
}

/// The line of a result, with its break.
#[must_use]
pub fn result(id: &Value, result: &Value) -> String {
    line(&json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

/// The line of an error, with its break. `message`: one sentence; `data`: what programs may want to know.
#[must_use]
pub fn error(id: &Value, code: Code, message: &str, data: &impl Serialize) -> String {
    let error = json!({ "code": code as i64, "message": message, "data": data });
    line(&json!({ "jsonrpc": "2.0", "id": id, "error": error }))
}

/// The line that tells a subscriber of an event, with its break.
#[must_use]
pub fn event(event: &impl Serialize) -> String {
    let event = json::line(event);
    format!("{{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{event}}}\n")
}

/// The line of an event with one more field, which is true.
#[must_use]
pub fn event_with(line: &str, field: &str) -> String {
    const END: &str = "}}\n";
    let fields = line.strip_suffix(END).unwrap_or(line);
    format!("{fields},\"{field}\":true{END}")
}

fn line(value: &Value) -> String {
    let mut line = json::line(value);
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_notifications_are_read() {
        let read = |text: &str| Request::parse(text.as_bytes()).unwrap();
        let call = read(r#"{"jsonrpc":"2.0","id":"a","method":"send","params":{"peer":"bob"}}"#);
        assert_eq!((call.id, call.method.as_str()), (Some(json!("a")), "send"));
        assert_eq!(call.params, json!({ "peer": "bob" }));
        let note = read(r#"{"jsonrpc":"2.0","method":"quit"}"#);
        assert_eq!((note.id, note.params), (None, Value::Null));
    }

    /// `history.purge` took all there was where `params`, with the peer in it, was misspelt.
    #[test]
    fn a_field_that_does_not_exist_is_an_error() {
        let slip = r#"{"jsonrpc":"2.0","id":1,"method":"history.purge","parms":{"peer":"bob"}}"#;
        let (code, why, id) = Request::parse(slip.as_bytes()).unwrap_err();
        assert_eq!((code, id), (Code::Request, json!(1)));
        assert_eq!(why, "there is no field \"parms\"");
    }

    /// A client finds its request by the id.
    #[test]
    fn an_id_comes_back_as_it_was_and_what_could_not_is_refused() {
        let parse = |id: &str| {
            let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"hello\"}}");
            Request::parse(text.as_bytes())
        };
        let longest = format!("\"{}\"", "x".repeat(ID_MAX_LEN));
        for id in [
            "18446744073709551615",
            "-9223372036854775808",
            "0",
            "\"\"",
            &longest,
        ] {
            let asked = parse(id).unwrap().id.unwrap();
            let answer = result(&asked, &Value::Null);
            assert!(answer.contains(&format!("\"id\":{id},")), "{answer}");
        }
        let longer = format!("\"{}\"", "x".repeat(ID_MAX_LEN + 1));
        for id in [
            "18446744073709551616",
            "-9223372036854775809",
            "0.1",
            "1e3",
            "null",
            "true",
            "[7]",
            "{}",
            &longer,
        ] {
            let refused = (Code::Request, BAD_ID.to_owned(), Value::Null);
            assert_eq!(parse(id), Err(refused), "{id}");
        }
    }

    #[test]
    fn what_is_none_has_the_code_that_the_specification_says() {
        let code = |text: &[u8]| Request::parse(text).unwrap_err();
        assert_eq!(code(b"{").0, Code::Parse);
        assert_eq!(code(b"[]").0, Code::Request);
        assert_eq!(code(b"1").0, Code::Request);
        let (code, _, id) = code(b"{\"id\":7,\"method\":\"send\"}");
        assert_eq!((code, id), (Code::Request, json!(7)));
    }

    #[test]
    fn a_field_that_is_added_to_an_event_is_one_of_it() {
        let told = json!({ "text": "a}}\n" });
        let again = event(&json!({ "text": "a}}\n", "again": true }));
        let added: Value = serde_json::from_str(&event_with(&event(&told), "again")).unwrap();
        assert_eq!(added, serde_json::from_str::<Value>(&again).unwrap());
    }

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let line = event(&json!({ "text": "a\nb\u{2028}\u{9b}" }));
        assert_eq!(
            line,
            "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"text\":\"a\\nb\\u2028\\u009b\"}}\n"
        );
    }
}
