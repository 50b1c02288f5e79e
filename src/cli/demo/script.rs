//! The demonstration that nobody types in: three lines there and back, and the words that both sides see.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::calendar::Stamp;
use crate::chat::{Draft, Messenger, State, words};
use crate::cli::demo::echo::{Answering, Echo};
use crate::cli::demo::listening;
use crate::cli::demo::party::{News, Party};
use crate::cli::talk::{Leave, no_threads};
use crate::cli::{Error, ExitCode, Out};
use crate::crypto::{PROTOCOL_NAME, StaticSecret};
use crate::id::PeerId;
use crate::net::{Clock, os_rng};
use crate::proto::{ApiMisuse, ShortCode};
use crate::text::{Safe, safe_line};

/// What the script says.
const SCRIPT: [&str; 3] = ["hello", "is anybody else reading this?", "goodbye"];
/// How long anything may take before the demo gives up: it never leaves the machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, compares words, says three things, and prints their receipts and what comes back.
///
/// # Errors
/// If no socket or thread can be had, or nothing comes back.
pub(super) fn run(out: &Out) -> Result<ExitCode, Error> {
    let (wake, woken) = channel();
    let mut script = Script::start(&wake, woken)?;
    let _leave = script.watch(wake)?;
    script.play(out).or_else(Stopped::into_result)
}

/// What wakes the script.
enum Wake {
    /// There may be news.
    Look,
    /// The echo peer sees these words.
    Read(ShortCode),
    /// The operating system wants us to stop.
    Stop(ExitCode),
}

/// Why it ends early.
#[derive(Debug)]
enum Stopped {
    By(ExitCode),
    Failed(Error),
}

impl Stopped {
    fn into_result(self) -> Result<ExitCode, Error> {
        match self {
            Self::By(code) => Ok(code),
            Self::Failed(error) => Err(error),
        }
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Script {
    me: Party,
    echo: PeerId,
    clock: Clock,
    woken: Receiver<Wake>,
    /// The words that the echo peer sees, once it does.
    read: Option<ShortCode>,
    address: SocketAddr,
    _answering: Answering,
}

/// What became of one message.
struct Told {
    /// How long its receipt took.
    receipt: Duration,
    echo: Vec<u8>,
}

impl Script {
    fn start(wake: &Sender<Wake>, woken: Receiver<Wake>) -> Result<Self, Error> {
        let clock = Clock::new();
        let look = wake.clone();
        let secret = StaticSecret::generate(&mut os_rng());
        let me = Party::start(secret, clock, move || {
            let _ = look.send(Wake::Look);
        })?;
        let echo = Echo::start(clock, me.id)?;
        let (id, address) = (echo.id, echo.address);
        me.add(id, vec![address])?;
        let read = wake.clone();
        let answering = echo.answer(move |code| {
            let _ = read.send(Wake::Read(code));
        })?;
        Ok(Self {
            me,
            echo: id,
            clock,
            woken,
            read: None,
            address,
            _answering: answering,
        })
    }

    /// Lets signals end it; to be dropped before it.
    fn watch(&self, wake: Sender<Wake>) -> Result<Leave, Error> {
        let leave = Leave::watch(self.me.handle.clone(), move |signal| {
            let _ = wake.send(Wake::Stop(signal.into()));
        });
        leave.map_err(|error| no_threads(&error))
    }

    fn play(&mut self, out: &Out) -> Result<ExitCode, Stopped> {
        out.note(&listening(self.address));
        let took = self.connect()?;
        let words = Safe::from("demo: handshake done in ") + millis(took) + " ms, by ";
        out.note(&(words + PROTOCOL_NAME));
        let code = self.compare()?;
        let words = safe_line(&words::words(&code).join(" "));
        out.note(&(Safe::from("demo: both sides see the words: ") + words));
        self.talk(out)
    }

    /// Opens the session; returns how long that took.
    fn connect(&mut self) -> Result<Duration, Stopped> {
        let (started, echo) = (self.clock.now(), self.echo);
        let connect =
            |messenger: &mut Messenger, now| messenger.endpoint_mut().connect(echo, &[], now);
        let connected = self.me.handle.with(connect).map_err(Error::from)?;
        connected.map_err(|error| Error::System {
            operation: "connect",
            reason: safe_line(&error.to_string()),
        })?;
        self.until(|script| {
            while let Some(news) = script.me.news()? {
                if matches!(news, News::Connected) {
                    return Ok(Some(script.clock.now().saturating_since(started)));
                }
            }
            Ok(None)
        })
    }

    /// Asks the echo peer to compare words; returns those that both see.
    fn compare(&mut self) -> Result<ShortCode, Stopped> {
        let (mut is_asked, mut seen) = (false, None);
        let (ours, theirs) = self.until(|script| {
            is_asked = is_asked || script.ask()?;
            while let Some(news) = script.me.news()? {
                if let News::Words(_, code) = news {
                    seen = Some(code);
                }
            }
            Ok(seen.zip(script.read))
        })?;
        if ours != theirs {
            return Err(Stopped::Failed(Error::System {
                operation: "compare words",
                reason: "the two sides see different ones".into(),
            }));
        }
        self.me.agree(self.echo, &ours)?;
        Ok(ours)
    }

    /// False while the echo peer has not introduced itself.
    fn ask(&self) -> Result<bool, Error> {
        let echo = self.echo;
        let verify = |messenger: &mut Messenger, now| messenger.endpoint_mut().verify(echo, now);
        match self.me.handle.with(verify)? {
            Ok(()) => Ok(true),
            Err(ApiMisuse::NotConnected) => Ok(false),
            Err(error) => Err(Error::System {
                operation: "compare words",
                reason: safe_line(&error.to_string()),
            }),
        }
    }

    /// Says three things, and prints their receipts and what comes back.
    fn talk(&mut self, out: &Out) -> Result<ExitCode, Stopped> {
        let (mut delivered, mut echoed) = (0, 0);
        for text in SCRIPT {
            let told = self.once(text)?;
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

    /// Says one thing and waits for its receipt and its echo.
    fn once(&mut self, text: &str) -> Result<Told, Stopped> {
        let started = self.clock.now();
        let draft = Draft::text(text.to_owned(), self.clock.unix_time());
        let name = self.me.send(self.echo.into(), draft)?;
        let (mut receipt, mut echo) = (None, None);
        self.until(|script| {
            while let Some(news) = script.me.news()? {
                match news {
                    News::Message(from, message) => {
                        script.me.take(from, message.name)?;
                        echo = Some(message.body);
                    }
                    News::State(of, State::Delivered) if of == name => {
                        receipt = Some(script.clock.now().saturating_since(started));
                    }
                    News::State(..) | News::Connected | News::Words(..) => {}
                }
            }
            let told = receipt.zip(echo.clone());
            Ok(told.map(|(receipt, echo)| Told { receipt, echo }))
        })
    }

    /// Looks again and again until that finds something.
    fn until<T>(
        &mut self,
        mut look: impl FnMut(&Self) -> Result<Option<T>, Error>,
    ) -> Result<T, Stopped> {
        let since = self.clock.now();
        loop {
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            let passed = self.clock.now().saturating_since(since);
            match self.woken.recv_timeout(PATIENCE.saturating_sub(passed)) {
                Ok(Wake::Look) => {}
                Ok(Wake::Read(code)) => self.read = Some(code),
                Ok(Wake::Stop(code)) => return Err(Stopped::By(code)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(Stopped::Failed(silence()));
                }
            }
        }
    }

    fn clock_face(&self) -> Safe {
        Stamp::local(self.clock.unix_time()).clock()
    }
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
        let mut script = Script::start(&wake, woken).unwrap();
        // Nobody has this key, so that nothing ever comes back.
        script.echo = PeerId::new([7; 32]);
        script.me.add(script.echo, vec![script.address]).unwrap();
        wake.send(Wake::Stop(ExitCode::Interrupted)).unwrap();
        let played = script.play(&Out::new(&Globals::default()));
        let played = played.or_else(Stopped::into_result).unwrap();
        assert_eq!(played, ExitCode::Interrupted);
        wake.send(Wake::Stop(ExitCode::Terminated)).unwrap();
        let said = script.talk(&Out::new(&Globals::default()));
        let said = said.or_else(Stopped::into_result).unwrap();
        assert_eq!(said, ExitCode::Terminated);
    }
}
