//! The asking side: one request after the other, or several at a time.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use serde_json::Value;

use crate::control::os::{Place, Stream};
use crate::control::rpc;

/// Bytes of the longest answer: what was found in a history comes in pages of 8 MiB, whose letters may all be
/// escaped, and one message of 16 MiB more.
const ANSWER_MAX_LEN: u64 = 256 << 20;

/// How long an answer may take beside what was asked to be waited for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to a running program.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Stream>,
    last_id: u64,
}

/// The way in of a connection that was split. Dropping it ends both.
#[derive(Debug)]
pub struct Requests {
    stream: Stream,
    last_id: u64,
}

/// The way out of a connection that was split.
#[derive(Debug)]
pub struct Answers {
    stream: BufReader<Stream>,
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
    /// Connects; none if nobody serves the place. `patience`: for whoever serves it and takes nobody, which is not nothing.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(place: &Place, patience: Duration) -> io::Result<Option<Self>> {
        let stream = match place.connect(patience).map_err(in_words) {
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
        self.request(method, params, wait)?;
        self.answer()
    }

    /// As [`Connection::ask`], with no more patience than this, which is not nothing.
    ///
    /// # Errors
    /// As of [`Connection::ask`].
    pub fn ask_within(
        &mut self,
        method: &str,
        params: &Value,
        patience: Duration,
    ) -> io::Result<Answer> {
        match self.send(method, params, patience) {
            // It was told why before the other side closed the connection; if not, that is what there is to be said.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.answer().map_err(|_| error)
            }
            sent => sent.and_then(|()| self.answer()),
        }
    }

    /// The first half of [`Connection::ask`]. After an error the other side has no whole request.
    ///
    /// # Errors
    /// What the system says.
    pub fn request(&mut self, method: &str, params: &Value, wait: Duration) -> io::Result<()> {
        self.send(method, params, wait.saturating_add(PATIENCE))
    }

    fn send(&mut self, method: &str, params: &Value, patience: Duration) -> io::Result<()> {
        self.last_id += 1;
        self.stream.get_ref().set_patience(Some(patience))?;
        self.stream.get_ref().set_write_patience(patience)?;
        write(self.stream.get_mut(), self.last_id, method, params)
    }

    /// The second half of [`Connection::ask`]. After an error nobody knows whether the request was done.
    ///
    /// # Errors
    /// Those of [`Connection::ask`].
    pub fn answer(&mut self) -> io::Result<Answer> {
        loop {
            match read(&mut self.stream)? {
                (Some(id), Some(answer)) if id == self.last_id => return Ok(answer),
                // The line was too long to be read, or no request: nothing else was asked that this could be about.
                (None, Some(Err(refusal))) => return Ok(Err(refusal)),
                (Some(_) | None, _) => {}
            }
        }
    }

    /// Splits it for whoever has something else to do while answers are waited for.
    ///
    /// # Errors
    /// What the system says.
    pub fn split(self) -> io::Result<(Requests, Answers)> {
        self.stream.get_ref().set_patience(None)?;
        self.stream.get_ref().set_write_patience(PATIENCE)?;
        let requests = Requests {
            stream: self.stream.get_ref().share(),
            last_id: self.last_id,
        };
        let answers = Answers {
            stream: self.stream,
        };
        Ok((requests, answers))
    }
}

impl Requests {
    /// Asks. Returns the number that the answer will have.
    ///
    /// # Errors
    /// What the system says.
    pub fn ask(&mut self, method: &str, params: &Value) -> io::Result<u64> {
        self.last_id += 1;
        write(&mut self.stream, self.last_id, method, params)?;
        Ok(self.last_id)
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.stream.shut_down();
    }
}

impl Answers {
    /// Waits for the next answer, of whichever request: its number, and what it says.
    ///
    /// # Errors
    /// What the system says; `UnexpectedEof` if the program has ended; `InvalidInput` if it could not read a request, and so
    /// does not know which.
    pub fn next_answer(&mut self) -> io::Result<(u64, Answer)> {
        loop {
            match read(&mut self.stream)? {
                (Some(id), Some(answer)) => return Ok((id, answer)),
                (None, Some(Err(refusal))) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, refusal.message));
                }
                (Some(_) | None, _) => {}
            }
        }
    }
}

fn write(stream: &mut Stream, id: u64, method: &str, params: &Value) -> io::Result<()> {
    let request = rpc::request(id, method, params);
    stream.write_all(request.as_bytes()).map_err(in_words)
}

/// That patience is over has no words of the system's own.
fn in_words(error: io::Error) -> io::Error {
    if !matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    ) {
        return error;
    }
    no_answer()
}

/// No answer came in time.
#[must_use]
pub fn no_answer() -> io::Error {
    let words = "no answer came in time: it is busy, its terminal takes nothing (Ctrl+Q there, if it was Ctrl+S), or it has as many clients as it serves at a time";
    io::Error::new(io::ErrorKind::TimedOut, words)
}

/// The next line: which request it is to, if it says so, and the answer; none if it is an event.
fn read(stream: &mut BufReader<Stream>) -> io::Result<(Option<u64>, Option<Answer>)> {
    let mut line = Vec::new();
    let mut bounded = stream.by_ref().take(ANSWER_MAX_LEN);
    bounded.read_until(b'\n', &mut line).map_err(in_words)?;
    if line.last() != Some(&b'\n') {
        let words = "it has ended";
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, words));
    }
    let mut answer: Value = serde_json::from_slice(&line)?;
    let id = answer.get("id").and_then(Value::as_u64);
    if let Some(result) = answer.get_mut("result") {
        return Ok((id, Some(Ok(result.take()))));
    }
    if answer.get("method").is_some() {
        return Ok((id, None));
    }
    let mut error = answer.get_mut("error").map(Value::take).unwrap_or_default();
    let text = error.get("message").and_then(Value::as_str);
    let refusal = Refusal {
        code: error
            .get("code")
            .and_then(Value::as_i64)
            .unwrap_or_default(),
        message: text.unwrap_or_default().to_owned(),
        data: error.get_mut("data").map(Value::take).unwrap_or_default(),
    };
    Ok((id, Some(Err(refusal))))
}

#[cfg(all(test, unix))]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::control::{Code, Happening, Incoming, Server, error, event};

    /// It was waited for until patience was over.
    #[test]
    fn that_a_request_could_not_be_read_is_its_answer() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::new(home.path().join("ctl.sock")).unwrap();
        let refuse = |happening| {
            if let Happening::Incoming(Incoming { client, .. }) = happening {
                let _ = client.tell(event(&json!({})));
                let _ = client.answer(error(&Value::Null, Code::Request, "too long", &json!({})));
            }
        };
        let _server = Server::start(place.clone(), refuse).unwrap();
        // Against hanging only.
        let patience = Duration::from_secs(60);
        let mut connection = Connection::open(&place, patience).unwrap().unwrap();
        let answer = connection.ask_within("send", &json!({}), patience);
        assert_eq!(answer.unwrap().unwrap_err().message, "too long");
        let (mut requests, mut answers) = connection.split().unwrap();
        answers
            .stream
            .get_ref()
            .set_patience(Some(patience))
            .unwrap();
        requests.ask("send", &json!({})).unwrap();
        assert_eq!(answers.next_answer().unwrap_err().to_string(), "too long");
    }
}
