//! Lines of JSON: what programs ask on the control socket and on standard input, and what they are told.

use securechat::cli::{read_call_for_testing_only, read_line_for_testing_only};
use securechat::control::{Request, error, event, request, result};
use securechat::json;
use serde_json::{Value, json};

/// Lines from a program, in either form. Nothing of them reaches a terminal that could act on it.
pub fn json(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        on_the_socket(line);
        on_standard_input(line);
    }
}

/// JSON-RPC: what is understood is written and read again; what is not has an answer.
fn on_the_socket(line: &[u8]) {
    let Request { id, method, params } = match Request::parse(line) {
        Ok(request) => request,
        Err((code, why, id)) => return answered(&error(&id, code, &why, &Value::Null)),
    };
    let written = request(7, &method, &params);
    answered(&written);
    let again = Request::parse(written.as_bytes()).expect("it is a request");
    assert_eq!((&again.method, &again.params), (&method, &params));
    answered(&result(id.as_ref().unwrap_or(&Value::Null), &params));
    answered(&event(&params));
    same_on_standard_input(&method, params);
}

/// A request means the same in both forms.
fn same_on_standard_input(method: &str, params: Value) {
    let call = read_call_for_testing_only(method, params.clone());
    let mut fields = match params {
        Value::Object(fields) => fields,
        Value::Null => serde_json::Map::new(),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    if fields.contains_key("cmd") || fields.contains_key("id") {
        return;
    }
    fields.insert("cmd".to_owned(), Value::from(method));
    let line = json::line(&Value::Object(fields));
    let (id, _, same) = read_line_for_testing_only(line.as_bytes());
    assert_eq!((id, same), (None, call), "{line}");
}

/// `--json`: the `id` comes back as it was, and what is wrong is told.
fn on_standard_input(line: &[u8]) {
    let (id, cmd, call) = read_line_for_testing_only(line);
    super::text::assert_shows_safely(cmd.as_str(), false);
    if let Err(why) = &call {
        super::text::assert_shows_safely(why.as_str(), false);
        told(&json::line(&json!({ "error": why.as_str(), "id": id })));
    }
    if let Some(id) = id {
        assert!(!id.is_null());
        told(&json::line(&id));
    }
}

/// As [`told`], with the break that ends the line on the socket.
fn answered(line: &str) {
    told(line.strip_suffix('\n').expect("it ends with its break"));
}

/// A line that a program reads: one line, visible, and the value that was meant.
fn told(line: &str) {
    assert!(!line.contains(['\n', '\r']), "{line:?}");
    super::text::assert_shows_safely(line, false);
    let value: Value = serde_json::from_str(line).expect("it is JSON");
    assert_eq!(json::line(&value), line, "as it would be written again");
}
