//! `demo`: a chat with an echo peer in the same process, over real sockets and without any file.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Stderr, Stdout, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::chat::{
    self, ContactId, Draft, Incoming, Messenger, Name, Policy, Received, SendError, State, Update,
};
use crate::cli::args::DemoArgs;
use crate::cli::talk::{Leave, Stdin, Typed, cannot_bind, no_threads, read_lines};
use crate::cli::{Error, ExitCode, Out, streams};
use crate::commands::Command;
use crate::crypto::{PROTOCOL_NAME, StaticSecret};
use crate::id::{PeerId, Timestamp};
use crate::net::{Bind, Clock, Driver, Handle, Socket, os_rng, seed};
use crate::plain::{Form, Mark, Own, Printer, Stamp};
use crate::proto::{Endpoint, EndpointConfig, Event, PeerConfig, Shown};
use crate::store::key_text;
use crate::text::{Outlet, Safe, safe_line};
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
    let _leave = demo.watch(&wake)?;
    let words = Safe::from("demo: echo peer on ") + demo.echo.handle.local_addr();
    out.note(&(words + "/udp (in this process, real socket)"));
    let took = match demo.connect()? {
        ControlFlow::Continue(took) => took,
        ControlFlow::Break(code) => return Ok(code),
    };
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

/// What one of them has learnt.
enum News {
    Message(ContactId, Incoming),
    State(Name, State),
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
        let add = |messenger: &mut Messenger, _| messenger.endpoint_mut().add_peer(config);
        self.handle.with(add)?;
        Ok(())
    }

    fn send(&self, to: ContactId, draft: Draft) -> Result<Name, Error> {
        let sent = self
            .handle
            .with(|messenger, now| messenger.send(to, draft, now))?;
        sent.map_err(|error| Error::System {
            operation: "send a message",
            reason: safe_line(&error.to_string()),
        })
    }

    fn take(&self, from: ContactId, name: Name) -> Result<(), Error> {
        Ok(self
            .handle
            .with(|messenger, now| messenger.take(from, name, now))?)
    }

    fn news(&self) -> Result<Option<News>, Error> {
        while let Some(update) = self.handle.poll_event()? {
            match update {
                Update::Chat(chat::Event::Message { contact, message }) => {
                    return Ok(Some(News::Message(contact, message)));
                }
                Update::Chat(chat::Event::State { name, state, .. }) => {
                    return Ok(Some(News::State(name, state)));
                }
                Update::Chat(_) | Update::Session(_) => {}
            }
        }
        Ok(None)
    }

    /// Sends back whatever has come.
    fn echo(&self) -> Result<(), Error> {
        while let Some(news) = self.news()? {
            if let News::Message(from, message) = news {
                self.take(from, message.name)?;
                let draft = Draft {
                    kind: message.kind,
                    conversation: message.conversation,
                    sent_at: message.sent_at,
                    body: message.body,
                };
                self.send(from, draft)?;
            }
        }
        Ok(())
    }
}

struct Demo {
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
        Ok(Self {
            me,
            echo,
            clock,
            woken,
        })
    }

    /// Lets signals end it; to be dropped before it.
    fn watch(&self, wake: &Sender<Wake>) -> Result<Leave, Error> {
        let stop = wake.clone();
        let leave = Leave::watch(self.me.handle.clone(), move |signal| {
            let _ = stop.send(Wake::Stop(signal.into()));
        });
        leave.map_err(|error| no_threads(&error))
    }

    /// Opens the session; returns how long that took, or the code of a signal that came first.
    fn connect(&self) -> Result<ControlFlow<ExitCode, Duration>, Error> {
        let started = self.clock.now();
        let echo = self.echo.id;
        let connect =
            |messenger: &mut Messenger, now| messenger.endpoint_mut().connect(echo, &[], now);
        self.me
            .handle
            .with(connect)?
            .map_err(|error| Error::System {
                operation: "connect",
                reason: safe_line(&error.to_string()),
            })?;
        loop {
            while let Some(update) = self.me.handle.poll_event()? {
                if matches!(update, Update::Session(Event::Established { .. })) {
                    let took = self.clock.now().saturating_since(started);
                    return Ok(ControlFlow::Continue(took));
                }
            }
            if let ControlFlow::Break(code) = self.wait(started)? {
                return Ok(ControlFlow::Break(code));
            }
        }
    }

    /// Waits for something to happen: something to look at, or a signal.
    fn wait(&self, since: Instant) -> Result<ControlFlow<ExitCode>, Error> {
        let passed = self.clock.now().saturating_since(since);
        match self.woken.recv_timeout(PATIENCE.saturating_sub(passed)) {
            Ok(Wake::Look) => Ok(ControlFlow::Continue(())),
            Ok(Wake::Stop(code)) => Ok(ControlFlow::Break(code)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(silence()),
        }
    }

    fn say(&self, text: String) -> Result<Name, Error> {
        let draft = Draft::text(text, self.clock.unix_time());
        self.me.send(self.echo.id.into(), draft)
    }

    /// Says three things, and prints their receipts and what comes back.
    fn script(&self, out: &Out) -> Result<ExitCode, Error> {
        let (mut delivered, mut echoed) = (0, 0);
        for text in SCRIPT {
            let told = match self.once(text)? {
                ControlFlow::Continue(told) => told,
                ControlFlow::Break(code) => return Ok(code),
            };
            let words = safe_line(&format!("{text:<32}"));
            let line = self.clock_face() + " me    " + words + "delivered ";
            out.data(&(line + millis(told.receipt) + " ms"))?;
            let echo = safe_line(&String::from_utf8_lossy(&told.echo));
            out.data(&(self.clock_face() + " echo  " + echo))?;
            delivered += 1;
            echoed += usize::from(told.echo == text.as_bytes());
        }
        let sent = SCRIPT.len();
        let words = Safe::from("demo: ") + sent + " sent, " + delivered + " delivered, ";
        let words = words + echoed + " echoed, " + (sent - echoed) + " lost. ";
        out.data(&(words + "Nothing was written to disk."))?;
        Ok(if echoed == sent {
            ExitCode::Done
        } else {
            ExitCode::NotDelivered
        })
    }

    /// Says one thing and waits for its receipt and its echo, or for a signal.
    fn once(&self, text: &str) -> Result<ControlFlow<ExitCode, Told>, Error> {
        let started = self.clock.now();
        let name = self.say(text.to_owned())?;
        let (mut receipt, mut echo) = (None, None);
        loop {
            self.echo.echo()?;
            while let Some(news) = self.me.news()? {
                match news {
                    News::Message(from, message) => {
                        self.me.take(from, message.name)?;
                        echo = Some(message.body);
                    }
                    News::State(of, State::Delivered) if of == name => {
                        receipt = Some(self.clock.now().saturating_since(started));
                    }
                    News::State(..) => {}
                }
            }
            match (receipt, echo.take()) {
                (Some(receipt), Some(echo)) => {
                    return Ok(ControlFlow::Continue(Told { receipt, echo }));
                }
                (_, came) => echo = came,
            }
            if let ControlFlow::Break(code) = self.wait(started)? {
                return Ok(ControlFlow::Break(code));
            }
        }
    }

    /// Lets a person type.
    fn chat(&self, wake: &Sender<Wake>, quiet: bool, out: &Out) -> Result<ExitCode, Error> {
        let key = key_text(&self.echo.id);
        out.note(&(Safe::from("demo: talking to the throw-away key ") + key));
        out.note(&"Type a line and press Enter; the echo peer sends it back. /quit leaves.".into());
        let wake = wake.clone();
        let lines = read_lines(Policy::default().largest, move || {
            let _ = wake.send(Wake::Look);
        });
        let mut lines = lines.map_err(|error| no_threads(&error))?;
        let mut screen = Screen {
            printer: Printer::new(
                Form::Transcript,
                streams::stdout(),
                streams::stderr(),
                quiet,
            ),
            numbers: BTreeMap::new(),
            count: 0,
        };
        loop {
            self.echo.echo()?;
            while let Some(news) = self.me.news()? {
                let at = Stamp::local(self.clock.unix_time());
                screen.show(&at, &self.me, news)?;
            }
            while let Some(line) = lines.next() {
                match line {
                    Stdin::End => return Ok(ExitCode::Done),
                    Stdin::Line(line) => {
                        screen.printer.entered();
                        if self.typed(&line, &mut screen)? {
                            return Ok(ExitCode::Done);
                        }
                    }
                    Stdin::Overlong(len) => {
                        let words = Safe::from("not sent: the message has ") + len + " bytes";
                        screen.printer.warn(&words);
                    }
                }
            }
            screen.printer.prompt(&"echo> ".into());
            match self.woken.recv() {
                Ok(Wake::Look) => {}
                Ok(Wake::Stop(code)) => return Ok(code),
                Err(_) => return Ok(ExitCode::Done),
            }
        }
    }

    /// Acts on a typed line; true if the person wants to leave.
    fn typed(&self, line: &[u8], screen: &mut Screen) -> Result<bool, Error> {
        match Typed::parse(line) {
            Typed::Command(Command::Quit) => return Ok(true),
            Typed::Say([]) => {}
            Typed::Say(text) | Typed::SayTo { text, .. } => match core::str::from_utf8(text) {
                Ok(text) if chat::holds_secret(text) => {
                    let why = safe_line(&SendError::SecretKey.to_string());
                    screen.printer.warn(&(Safe::from("not sent: ") + why));
                }
                Ok(text) => {
                    let name = self.say(text.to_owned())?;
                    let at = Stamp::local(self.clock.unix_time());
                    screen.own(&at, name, text)?;
                }
                Err(_) => screen
                    .printer
                    .warn(&"not sent: it is not text in UTF-8".into()),
            },
            Typed::Command(_) | Typed::Misused(_) | Typed::Unknown { .. } => {
                let words = "In the demo there is only /quit (nothing was sent).";
                screen.printer.note(&words.into());
            }
        }
        Ok(false)
    }

    fn clock_face(&self) -> Safe {
        Stamp::local(self.clock.unix_time()).clock()
    }
}

/// What became of one message.
struct Told {
    /// How long its receipt took.
    receipt: Duration,
    echo: Vec<u8>,
}

/// What a person sees.
struct Screen {
    printer: Printer<Outlet<Stdout>, Outlet<Stderr>>,
    /// The numbers of messages without a receipt.
    numbers: BTreeMap<Name, u64>,
    count: u64,
}

impl Screen {
    fn own(&mut self, at: &Stamp, name: Name, text: &str) -> Result<(), Error> {
        self.count += 1;
        self.numbers.insert(name, self.count);
        let own = number(self.count);
        let printed = self.printer.own(at, &own, text);
        printed.map_err(|error| Error::output(&error))
    }

    fn show(&mut self, at: &Stamp, me: &Party, news: News) -> Result<(), Error> {
        let printed = match news {
            News::Message(from, message) => {
                let body = Received::from(message.body.as_slice());
                let printed = self
                    .printer
                    .said(at, &"echo".into(), &Mark::default(), body);
                me.take(from, message.name)?;
                printed
            }
            News::State(name, State::Delivered) => match self.numbers.remove(&name) {
                Some(count) => self
                    .printer
                    .progress(at, &number(count), &"delivered".into()),
                None => Ok(()),
            },
            News::State(..) => Ok(()),
        };
        printed.map_err(|error| Error::output(&error))
    }
}

const fn number(number: u64) -> Own {
    Own { number, to: None }
}

fn silence() -> Error {
    Error::System {
        operation: "run the demo",
        reason: "nothing came back over loopback; is UDP blocked there?".into(),
    }
}

/// Milliseconds with one decimal.
fn millis(time: Duration) -> Safe {
    safe_line(&format!("{:.1}", time.as_secs_f64() * 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Globals;

    /// It was said to be an error, with the code of one.
    #[test]
    fn a_signal_before_anything_came_back_ends_the_demonstration_with_its_code() {
        let (wake, woken) = channel();
        let clock = Clock::new();
        let party = || Party::start(clock, &wake).unwrap();
        let (me, echo) = (party(), party());
        // The echo peer does not know who calls, so that nothing ever comes back.
        me.add(&echo).unwrap();
        let demo = Demo {
            me,
            echo,
            clock,
            woken,
        };
        wake.send(Wake::Stop(ExitCode::Interrupted)).unwrap();
        let connected = demo.connect().unwrap();
        assert_eq!(connected, ControlFlow::Break(ExitCode::Interrupted));
        wake.send(Wake::Stop(ExitCode::Terminated)).unwrap();
        let said = demo.script(&Out::new(&Globals::default())).unwrap();
        assert_eq!(said, ExitCode::Terminated);
    }
}
