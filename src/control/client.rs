//! The asking side: one request after the other.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use serde_json::Value;

use crate::control::os::{Place, Stream};
use crate::control::rpc;

/// Bytes of the longest answer: what was found in a history comes in pages of 8 MiB, whose letters may all be
/// escaped, and one message of 16 MiB more.
const ANSWER_MAX_LEN: u64 = 256 << 20;

/// How long an answer may take beside what was asked to be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a running program.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Stream>,
    last_id: u64,
}

/// What a request has led to.
pub type Answer = Result<Value, Refusal>;

/// A request was not done.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The code of JSON-RPC.
    pub code: i64,
    /// Why, in words; not yet safe to show.
    pub message: String,
    /// What else is known.
    pub data: Value,
}

impl Connection {
    /// Connects; none if nobody serves the place.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(place: &Place) -> io::Result<Option<Self>> {
        let stream = match place.connect() {
            Err(error)
                if error.kind() == io::ErrorKind::NotFound
                    || error.kind() == io::ErrorKind::ConnectionRefused =>
            {
                return Ok(None);
            }
            connected => connected?,
        };
        Ok(Some(Self {
            stream: BufReader::new(stream),
            last_id: 0,
        }))
    }

    /// Asks, and waits for the answer. `wait`: how long the other side was asked to wait before it answers.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` if the program has ended.
    pub fn ask(&mut self, method: &str, params: &Value, wait: Duration) -> io::Result<Answer> {
        self.last_id += 1;
        let mut line = rpc::request(self.last_id, method, params);
        line.push('\n');
        self.stream.get_ref().set_patience(wait + PATIENCE)?;
        self.stream.get_mut().write_all(line.as_bytes())?;
        loop {
            if let Some(answer) = self.next_answer()? {
                return Ok(answer);
            }
        }
    }

    /// The next line, if it is the answer.
    fn next_answer(&mut self) -> io::Result<Option<Answer>> {
        let mut line = Vec::new();
        let mut bounded = self.stream.by_ref().take(ANSWER_MAX_LEN);
        bounded.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut answer: Value = serde_json::from_slice(&line)?;
        if answer.get("id") != Some(&Value::from(self.last_id)) {
            return Ok(None);
        }
        if let Some(result) = answer.get_mut("result") {
            return Ok(Some(Ok(result.take())));
        }
        let mut error = answer.get_mut("error").map(Value::take).unwrap_or_default();
        let text = error.get("message").and_then(Value::as_str);
        Ok(Some(Err(Refusal {
            code: error
                .get("code")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            message: text.unwrap_or_default().to_owned(),
            data: error.get_mut("data").map(Value::take).unwrap_or_default(),
        })))
    }
}
