//! Asks the program that runs for this identity, if one does.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::cli::report::{CODES, Line, Part, Report};
use crate::cli::turn::{LOOK, holder};
use crate::cli::{Context, Error, ExitCode, identity};
use crate::control::{Answer, Answers, Connection, IS_SUPPORTED, Place, Refusal, Requests};
use crate::id::PeerId;
use crate::net::Clock;
use crate::store::{check_private_dir, key_text};
use crate::text::{Safe, safe_line};

/// A program that runs for this identity.
pub(super) struct Running {
    connection: Connection,
    path: Safe,
    pid: Option<u64>,
}

/// Requests to it whose answers come on another thread.
pub(super) struct Asking {
    requests: Requests,
    path: Safe,
}

/// Who serves a socket.
enum Met {
    /// A program of this identity.
    Program(Running),
    /// Nobody, or a program of another one.
    Nobody,
    /// Somebody who has closed the connection without a word.
    Closed(io::Error),
}

/// The parameters of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(Map<String, Value>);

impl Params {
    /// With a value, if there is one, in the place of the one before.
    pub(super) fn with(mut self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.0.insert(name.to_owned(), value.into());
        }
        self
    }
}

/// Where a control socket is.
///
/// # Errors
/// SC41 if none can be there.
pub(super) fn place(path: &Path) -> Result<Place, Error> {
    Place::new(path.to_owned()).map_err(|error| Error::Control {
        path: path.to_owned(),
        reason: safe_line(&error.to_string()),
    })
}

/// Checks that nobody else can have put there what is at `path`, if anything is: where the system does not tell whose
/// process is at the other end, the directory alone does.
fn check_directory(path: &Path, place: &Place) -> Result<(), Error> {
    match path.parent() {
        Some(directory) if !matches!(place.inspect(), Ok(None)) => {
            check_private_dir(directory)?;
        }
        Some(_) | None => {}
    }
    Ok(())
}

impl Running {
    /// Finds it, also one that was started in another environment; none if no program runs, or it is of another identity.
    /// `patience`: how long one that is busy, or has as many clients as it serves, has to answer; more than nothing.
    ///
    /// # Errors
    /// If it is in none of its places: SC41 of one that has something else; SC02 if others could have put it there; what reading the identity says, but for what needs its passphrase.
    pub(super) fn find(context: &Context, patience: Duration) -> Result<Option<Self>, Error> {
        if !IS_SUPPORTED {
            return Ok(None);
        }
        let Some(own) = identity::public_key(context)? else {
            return Ok(None);
        };
        let usual = context.paths.control(&own);
        let is_held = || holder(&context.paths.lock(&own)).is_some();
        let mut failure = None;
        for path in context.paths.controls(&own) {
            match Self::find_at(&path, &own, patience, is_held) {
                Ok(None) => {}
                // No program of ours takes a directory in which others could have put it.
                Err(Error::Store(_)) if path != usual => {}
                // It may be in another place yet.
                Err(error) => failure = failure.or(Some(error)),
                found => return found,
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// Asks whoever serves this socket until it answers, or nobody has the identity any more (`is_held`): a program that ends
    /// closes connections, too.
    fn find_at(
        path: &Path,
        own: &PeerId,
        patience: Duration,
        is_held: impl Fn() -> bool,
    ) -> Result<Option<Self>, Error> {
        // Where there can be no socket there is no program behind one.
        let Ok(place) = place(path) else {
            return Ok(None);
        };
        check_directory(path, &place)?;
        let path = Safe::from(path);
        let clock = Clock::new();
        let (end, mut left) = (clock.now() + patience, patience);
        // Nothing comes: it is there for its time limit.
        let (_never, pause) = channel::<()>();
        loop {
            let error = match Self::meet(&place, &path, own, left)? {
                Met::Program(running) => return Ok(Some(running)),
                Met::Nobody => return Ok(None),
                Met::Closed(_) if !is_held() => return Ok(None),
                Met::Closed(error) => error,
            };
            let _ = pause.recv_timeout(LOOK);
            left = end.saturating_since(clock.now());
            if left.is_zero() {
                return Err(fail(&path, &error.to_string()));
            }
        }
    }

    /// Asks once.
    fn meet(place: &Place, path: &Safe, own: &PeerId, patience: Duration) -> Result<Met, Error> {
        let fail = |error: io::Error| fail(path, &error.to_string());
        let Some(connection) = Connection::open(place, patience).map_err(fail)? else {
            return Ok(Met::Nobody);
        };
        let mut running = Self {
            connection,
            path: path.clone(),
            pid: None,
        };
        let params = Value::Object(Params::default().0);
        let hello = match running.connection.ask_within("hello", &params, patience) {
            Err(error) if is_gone(&error) => return Ok(Met::Closed(error)),
            answer => answer.map_err(fail)?,
        };
        // It would say so to whatever else it is asked.
        let hello = hello.map_err(|refusal| fail(io::Error::other(refusal.message)))?;
        let key = hello.get("key").and_then(Value::as_str);
        running.pid = hello.get("pid").and_then(Value::as_u64);
        let is_ours = key == Some(key_text(own).as_str());
        Ok(if is_ours {
            Met::Program(running)
        } else {
            Met::Nobody
        })
    }

    /// One that is there.
    #[cfg(all(test, unix))]
    pub(super) fn over(connection: Connection) -> Self {
        Self {
            connection,
            path: "ctl.sock".into(),
            pid: None,
        }
    }

    /// Asks for something. `wait`: how long it was asked to wait before it answers.
    ///
    /// # Errors
    /// What the program says, in its own words; SC41 if it does not answer.
    pub(super) fn ask<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Params,
        wait: Duration,
    ) -> Result<T, Error> {
        let asked = self.connection.ask(method, &Value::Object(params.0), wait);
        let answer = asked.map_err(|error| fail(&self.path, &error.to_string()))?;
        understand(answer, &self.path)
    }

    /// As [`Running::ask`], for what must not be done twice: none if the request went out and no answer came, so that
    /// nobody knows whether it was done.
    ///
    /// # Errors
    /// As of [`Running::ask`].
    pub(super) fn ask_once<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Params,
        wait: Duration,
    ) -> Result<Option<T>, Error> {
        let params = Value::Object(params.0);
        let asked = self.connection.request(method, &params, wait);
        asked.map_err(|error| fail(&self.path, &error.to_string()))?;
        let Ok(answer) = self.connection.answer() else {
            return Ok(None);
        };
        understand(answer, &self.path).map(Some)
    }

    /// What to call the program: `securechat (pid 4711)`.
    pub(super) fn name(&self) -> Safe {
        match self.pid {
            Some(pid) => Safe::from("the securechat that runs (pid ") + pid + ")",
            None => "the securechat that runs".into(),
        }
    }

    /// Lets requests be asked without waiting for the answers.
    ///
    /// # Errors
    /// SC41.
    pub(super) fn split(self) -> Result<(Asking, Answers), Error> {
        let path = self.path;
        let split = self.connection.split();
        let (requests, answers) = split.map_err(|error| fail(&path, &error.to_string()))?;
        Ok((Asking { requests, path }, answers))
    }
}

impl Asking {
    /// Asks. Returns the number that the answer will have.
    ///
    /// # Errors
    /// SC41 if the program has ended.
    pub(super) fn ask(&mut self, method: &str, params: Params) -> Result<u64, Error> {
        let asked = self.requests.ask(method, &Value::Object(params.0));
        asked.map_err(|error| self.fail(&error))
    }

    /// What an answer says.
    ///
    /// # Errors
    /// As of [`Running::ask`].
    pub(super) fn understand<T: DeserializeOwned>(&self, answer: Answer) -> Result<T, Error> {
        understand(answer, &self.path)
    }

    /// SC41: no answer will come.
    pub(super) fn fail(&self, error: &io::Error) -> Error {
        fail(&self.path, &error.to_string())
    }
}

/// Whether the other side has closed a connection, as at its end.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

fn understand<T: DeserializeOwned>(answer: Answer, path: &Safe) -> Result<T, Error> {
    let done = answer.map_err(|refusal| Error::Elsewhere(Box::new(report(&refusal))))?;
    T::deserialize(done).map_err(|error| fail(path, &error.to_string()))
}

fn fail(path: &Safe, why: &str) -> Error {
    Error::Control {
        path: path.as_str().into(),
        reason: Safe::from("the program there did not answer as it should: ") + safe_line(why),
    }
}

/// The error that the other program tells of.
fn report(refusal: &Refusal) -> Report {
    let text = |name: &str| refusal.data.get(name).and_then(Value::as_str);
    let exit = refusal.data.get("exit").and_then(Value::as_u64);
    let title = text("message").unwrap_or(&refusal.message);
    let code = text("code").and_then(known).unwrap_or("SC40");
    let exit = exit.and_then(exit_code).unwrap_or(ExitCode::Fixable);
    let help = refusal.data.get("help").and_then(Value::as_array);
    let help = help.into_iter().flatten().filter_map(Value::as_str);
    let lines = help.map(|line| {
        let line = line.strip_prefix("  ").unwrap_or(line);
        let (is_try, words) = match line.strip_prefix("try: ") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let parts = vec![Part::Words(safe_line(words))];
        Line { is_try, parts }
    });
    let kept = refusal.data.get("kept").and_then(Value::as_u64);
    Report {
        lines: lines.collect(),
        kept: kept.and_then(|kept| kept.try_into().ok()),
        ..Report::new(code, exit, safe_line(title))
    }
}

/// A code as we know it. One of a later version has its words all the same.
pub(super) fn known(code: &str) -> Option<&'static str> {
    CODES.into_iter().find(|known| *known == code)
}

fn exit_code(code: u64) -> Option<ExitCode> {
    const CODES: [ExitCode; 9] = [
        ExitCode::Done,
        ExitCode::Fixable,
        ExitCode::Usage,
        ExitCode::Network,
        ExitCode::Trust,
        ExitCode::Identity,
        ExitCode::NotDelivered,
        ExitCode::Version,
        ExitCode::Storage,
    ];
    CODES.into_iter().find(|known| *known as u64 == code)
}
