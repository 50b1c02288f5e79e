//! `demo`: a chat with an echo peer in the same process, over real sockets and without any file.

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::time::Duration;

use crate::chat::{self, Draft, Line, Messenger, Received, Update};
use crate::cli::args::DemoArgs;
use crate::cli::talk::{Leave, Stdin, Typed, cannot_bind, no_threads, read_lines};
use crate::cli::{Error, ExitCode, Out};
use crate::crypto::{PROTOCOL_NAME, StaticSecret};
use crate::id::{PeerId, Timestamp};
use crate::net::{Bind, Clock, Driver, Handle, Socket, os_rng, seed};
use crate::plain::{Form, Printer, Stamp};
use crate::proto::{Endpoint, EndpointConfig, Event, PeerConfig, Shown};
use crate::store::key_text;
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// What the script says.
const SCRIPT: [&str; 3] = ["hello", "is anybody else reading this?", "goodbye"];
/// How long anything may take before the demo gives up: it never leaves the machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the demo.
///
/// # Errors
/// If no socket or thread can be had, or nothing comes back.
pub(super) fn run(args: &DemoArgs, quiet: bool, out: &Out) -> Result<ExitCode, Error> {
    let (wake, woken) = channel();
    let clock = Clock::new();
    let demo = Demo::start(clock, &wake, woken)?;
    let words = Safe::from("demo: echo peer on ") + demo.echo.handle.local_addr();
    out.note(&(words + "/udp (in this process, real socket)"));
    let took = demo.connect()?;
    let words = Safe::from("demo: handshake done in ") + millis(took) + " ms, by ";
    out.note(&(words + PROTOCOL_NAME));
    if args.script || !stdin().is_terminal() || !stdout().is_terminal() {
        demo.script(out)
    } else {
        demo.chat(&wake, quiet, out)
    }
}

/// What wakes the demo.
enum Wake {
    /// There may be events or lines.
    Look,
    /// The operating system wants us to stop.
    Stop(ExitCode),
}

/// One of the two who talk.
struct Party {
    handle: Handle,
    id: PeerId,
    _driver: Driver,
}

impl Party {
    /// A throw-away identity on a port of its own.
    fn start(clock: Clock, wake: &Sender<Wake>) -> Result<Self, Error> {
        let secret = Arc::new(StaticSecret::generate(&mut os_rng()));
        let start = clock.unix_time().0.saturating_mul(1_000_000);
        let timestamps = Timestamp(start)..Timestamp(u64::MAX);
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new(config, secret, seed(), timestamps, clock.now());
        let id = endpoint.id();
        let bind = Bind::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let socket = Socket::bind(bind).map_err(|error| cannot_bind(bind, &error))?;
        let wake = wake.clone();
        let notify = Box::new(move || {
            let _ = wake.send(Wake::Look);
        });
        let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
        let driver = Driver::start(socket, messenger, clock, notify).map_err(|e| no_threads(&e))?;
        Ok(Self {
            handle: driver.handle().clone(),
            id,
            _driver: driver,
        })
    }

    fn add(&self, other: &Self) -> Result<(), Error> {
        let addresses = vec![other.handle.local_addr()];
        let config = PeerConfig {
            id: other.id,
            psk: None,
            addresses,
            shown: Shown::default(),
        };
        Ok(self
            .handle
            .with(|messenger, _| messenger.endpoint_mut().add_peer(config))?)
    }

    /// Takes a message that has come.
    fn taken(&self, update: Update) -> Result<Option<Vec<u8>>, Error> {
        let Update::Chat(chat::Event::Message { contact, message }) = update else {
            return Ok(None);
        };
        self.handle
            .with(|messenger, now| messenger.take(contact, message.name, now))?;
        Ok(Some(message.body))
    }

    fn send(&self, to: PeerId, line: String) -> Result<(), Error> {
        let draft = Draft::text(line, Clock::new().unix_time());
        let sent = self
            .handle
            .with(|messenger, now| messenger.send(to.into(), draft, now))?;
        sent.map(|_| ()).map_err(|error| Error::System {
            operation: "send a line",
            reason: safe_line(&error.to_string()),
        })
    }
}

struct Demo {
    /// First, so that the threads of the others end after it.
    _leave: Leave,
    me: Party,
    echo: Party,
    clock: Clock,
    woken: Receiver<Wake>,
}

impl Demo {
    fn start(clock: Clock, wake: &Sender<Wake>, woken: Receiver<Wake>) -> Result<Self, Error> {
        let (me, echo) = (Party::start(clock, wake)?, Party::start(clock, wake)?);
        me.add(&echo)?;
        echo.add(&me)?;
        let stop = wake.clone();
        let leave = Leave::watch(me.handle.clone(), move |signal| {
            let _ = stop.send(Wake::Stop(signal.into()));
        });
        Ok(Self {
            _leave: leave.map_err(|error| no_threads(&error))?,
            me,
            echo,
            clock,
            woken,
        })
    }

    /// Opens the session; returns how long that took.
    fn connect(&self) -> Result<Duration, Error> {
        let started = self.clock.now();
        let echo = self.echo.id;
        let connected = self
            .me
            .handle
            .with(|messenger, now| messenger.endpoint_mut().connect(echo, &[], now))?;
        connected.map_err(|error| Error::System {
            operation: "connect",
            reason: safe_line(&error.to_string()),
        })?;
        loop {
            while let Some(event) = self.me.handle.poll_event()? {
                if matches!(event, Update::Session(Event::Established { .. })) {
                    return Ok(self.clock.now().saturating_since(started));
                }
            }
            self.wait(started)?;
        }
    }

    /// Waits for something to happen.
    fn wait(&self, since: Instant) -> Result<(), Error> {
        let passed = self.clock.now().saturating_since(since);
        match self.woken.recv_timeout(PATIENCE.saturating_sub(passed)) {
            Ok(Wake::Look) => Ok(()),
            Ok(Wake::Stop(_)) => Err(silence("a signal came")),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(silence(
                "nothing came back over loopback; is UDP blocked there?",
            )),
        }
    }

    /// Lets the echo peer answer what has arrived, and returns what arrived here.
    fn turn(&self) -> Result<Vec<Vec<u8>>, Error> {
        while let Some(event) = self.echo.handle.poll_event()? {
            if let Some(line) = self.echo.taken(event)? {
                self.echo
                    .send(self.me.id, String::from_utf8_lossy(&line).into_owned())?;
            }
        }
        let mut lines = Vec::new();
        while let Some(event) = self.me.handle.poll_event()? {
            lines.extend(self.me.taken(event)?);
        }
        Ok(lines)
    }

    /// Says three lines and prints what comes back.
    fn script(self, out: &Out) -> Result<ExitCode, Error> {
        let mut echoed = 0;
        for text in SCRIPT {
            let started = self.clock.now();
            self.me.send(self.echo.id, (*text).to_owned())?;
            out.data(&(self.clock_face() + " me    " + text))?;
            let mut lines = self.turn()?;
            while lines.is_empty() {
                self.wait(started)?;
                lines = self.turn()?;
            }
            let took = millis(self.clock.now().saturating_since(started));
            for line in lines {
                let body = safe_line(&String::from_utf8_lossy(&line));
                echoed += usize::from(line == text.as_bytes());
                let line = self.clock_face() + " echo  " + body;
                out.data(&(line + "   (back after " + took.clone() + " ms)"))?;
            }
        }
        let sent = SCRIPT.len();
        let words = Safe::from("demo: ") + sent + " sent, " + echoed + " echoed, ";
        out.data(&(words + (sent - echoed) + " lost. Nothing was written to disk."))?;
        Ok(if echoed == sent {
            ExitCode::Done
        } else {
            ExitCode::NotDelivered
        })
    }

    /// Lets a person type.
    fn chat(self, wake: &Sender<Wake>, quiet: bool, out: &Out) -> Result<ExitCode, Error> {
        let key = key_text(&self.echo.id);
        out.note(&(Safe::from("demo: talking to the throw-away key ") + key));
        out.note(&"Type a line and press Enter; the echo peer sends it back. /quit leaves.".into());
        let wake = wake.clone();
        let lines = read_lines(move || {
            let _ = wake.send(Wake::Look);
        });
        let lines = lines.map_err(|error| no_threads(&error))?;
        let mut printer = Printer::new(Form::Transcript, stdout(), stderr(), quiet);
        loop {
            for line in self.turn()? {
                let at = Stamp::local(self.clock.unix_time());
                let said = printer.said(&at, &"echo".into(), Received::from(line.as_slice()));
                said.map_err(|error| Error::System {
                    operation: "write to standard output",
                    reason: safe_line(&error.to_string()),
                })?;
            }
            loop {
                match lines.try_recv() {
                    Ok(Stdin::End) => return Ok(ExitCode::Done),
                    Ok(Stdin::Line(line)) => {
                        if self.typed(&line, out)? {
                            return Ok(ExitCode::Done);
                        }
                    }
                    Ok(Stdin::Overlong(len)) => {
                        out.warn(&(Safe::from("not sent: the line has ") + len + " bytes"));
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
            }
            match self.woken.recv() {
                Ok(Wake::Look) => {}
                Ok(Wake::Stop(code)) => return Ok(code),
                Err(_) => return Ok(ExitCode::Done),
            }
        }
    }

    /// Acts on a typed line; true if the person wants to leave.
    fn typed(&self, line: &[u8], out: &Out) -> Result<bool, Error> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        match Typed::parse(text) {
            Typed::Quit => return Ok(true),
            Typed::Say(text) | Typed::SayTo { text, .. } => match Line::compose(text) {
                Ok(line) => self.me.send(self.echo.id, line.into_string())?,
                Err(chat::LineError::Empty) => {}
                Err(error) => {
                    out.warn(&(Safe::from("not sent: ") + safe_line(&error.to_string())));
                }
            },
            Typed::Help | Typed::Peers | Typed::Unknown(_) => {
                out.note(&"In the demo there is only /quit (nothing was sent).".into());
            }
        }
        Ok(false)
    }

    fn clock_face(&self) -> Safe {
        Stamp::local(self.clock.unix_time()).clock()
    }
}

fn silence(reason: &'static str) -> Error {
    Error::System {
        operation: "run the demo",
        reason: reason.into(),
    }
}

/// Milliseconds with one decimal.
fn millis(time: Duration) -> Safe {
    safe_line(&format!("{:.1}", time.as_secs_f64() * 1_000.0))
}
