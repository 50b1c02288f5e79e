//! `ping` beside a program that talks for the same identity: that program sends the pings, on its own session.
//!
//! 1. see how things stand there: a peer that is connected elsewhere than asked for is not pinged,
//! 2. send the first ping, for which that program calls the peer if need be,
//! 3. send the others as they fall due, whether or not those before were answered.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use serde::Deserialize;

use crate::cli::args::PingArgs;
use crate::cli::control::{Asking, Params, Running};
use crate::cli::talk::ping::SHORTEST_INTERVAL;
use crate::cli::talk::ping::tally::Tally;
use crate::cli::talk::record::warn_beside;
use crate::cli::talk::{Status, no_threads};
use crate::cli::target::{Target, Who};
use crate::cli::{Context, Error, ExitCode, Out, identity};
use crate::control::{Answer, Answers, PATIENCE, no_answer};
use crate::id::PeerId;
use crate::net::{Clock, Family, Host, Signal, Signals};
use crate::store::{self, HostPort, KnownPeers, key_text};
use crate::sync::thread;
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// How long an answer that is late may still come, to be told as such.
const LATE: Duration = Duration::from_secs(60);

/// Pings whose answers are waited for at most: the program that sends them waits for some more than that in all.
const AT_ONCE: u32 = 512;

/// What that program says of a ping: nothing came back, if there is no time.
#[derive(Deserialize)]
struct Pinged {
    rtt_ms: Option<f64>,
    address: Option<SocketAddr>,
}

/// What wakes the loop.
enum Input {
    /// The answer to a request, by its number.
    Answered(u64, Answer),
    /// No answers come any more.
    Ended(io::Error),
    Signal(Signal),
}

/// Where the peer is to be pinged, if that is said.
struct Wanted {
    family: Family,
    /// As it was given.
    host: Option<HostPort>,
    /// What that is.
    addresses: Vec<SocketAddr>,
}

/// Pings on their way.
struct Pinging {
    asking: Asking,
    inputs: Receiver<Input>,
    out: Out,
    clock: Clock,
    tally: Tally,
    wanted: Wanted,
    key: PeerId,
    label: Safe,
    /// What to call the program that sends them.
    program: Safe,
    wait: Duration,
    /// The request for the first ping, and when its answer is overdue. It counts once it has left.
    first: Option<(u64, Instant)>,
    /// How long an answer may take beside what that program is asked to wait.
    patience: Duration,
    /// The number of a request, less that of its ping.
    offset: u64,
    count: u64,
    interval: Duration,
    /// When the next ping is asked for; none while the first waits for a connection.
    next: Option<Instant>,
}

/// Has a peer pinged until the count is full or somebody presses Ctrl+C.
///
/// # Errors
/// SC43 with the reason, if the peer is not connected in time; SC29 if it is connected elsewhere than wanted; SC13
/// if that cannot be looked up; SC41 if that program does not answer.
pub(super) fn through(
    mut running: Running,
    args: &PingArgs,
    target: Target,
    context: &Context,
) -> Result<ExitCode, Error> {
    warn_beside(context);
    let (sender, inputs) = channel();
    let signals = sender.clone();
    let deliver = move |signal| {
        // The pings may be over.
        let _ = signals.send(Input::Signal(signal));
    };
    let _watch = Signals::watch(deliver, || {}).map_err(|error| no_threads(&error))?;
    let wanted = Wanted::of(args, target.address)?;
    let (key, label) = whom(target.who, context)?;
    let program = running.name();
    let status: Status = running.ask("status", Params::default(), Duration::ZERO)?;
    let (asking, answers) = running.split()?;
    hear(answers, sender)?;
    let pinging = Pinging {
        asking,
        inputs,
        out: context.out.clone(),
        clock: Clock::new(),
        tally: Tally::new(args.wait, context.globals.json, label.clone()),
        wanted,
        key,
        label,
        program,
        wait: args.wait,
        first: None,
        patience: PATIENCE,
        offset: 0,
        count: args.count.unwrap_or(u64::MAX),
        interval: args.interval.max(SHORTEST_INTERVAL),
        next: None,
    };
    pinging.run(&status, args.timeout)
}

/// Takes the answers on a thread of its own, which ends with the connection.
fn hear(mut answers: Answers, inputs: Sender<Input>) -> Result<(), Error> {
    let hear = move || {
        loop {
            let input = match answers.next_answer() {
                Ok((id, answer)) => Input::Answered(id, answer),
                Err(error) => Input::Ended(error),
            };
            let is_last = matches!(input, Input::Ended(_));
            if inputs.send(input).is_err() || is_last {
                return;
            }
        }
    };
    let hearing = thread::start("answers", hear);
    hearing.map(drop).map_err(|error| no_threads(&error))
}

impl Pinging {
    fn run(mut self, status: &Status, timeout: Duration) -> Result<ExitCode, Error> {
        let end = self.turn_until_done(status, timeout);
        if self.tally.sent() > 0 {
            let mut lines = self.tally.sum_up().into_iter();
            lines.try_for_each(|line| self.out.data(&line))?;
        }
        end
    }

    fn turn_until_done(&mut self, status: &Status, timeout: Duration) -> Result<ExitCode, Error> {
        self.begin(status, timeout)?;
        loop {
            let now = self.clock.now();
            if self.first.is_some_and(|(_, due)| due <= now) {
                return Err(self.asking.fail(&no_answer()));
            }
            for line in self.tally.overdue(now) {
                self.out.data(&line)?;
            }
            if self.next.is_some_and(|next| next <= now) && self.tally.sent() < self.count {
                self.ping(now)?;
            }
            if self.tally.sent() >= self.count && self.tally.awaits().is_none() {
                return Ok(self.tally.verdict());
            }
            match self.next_input(now) {
                Ok(Input::Answered(id, answer)) => {
                    if let Some(end) = self.on_answer(id, answer)? {
                        return Ok(end);
                    }
                }
                Ok(Input::Ended(error)) => return Err(self.asking.fail(&error)),
                Ok(Input::Signal(Signal::Interrupt)) if self.tally.sent() > 0 => {
                    return Ok(self.tally.verdict());
                }
                Ok(Input::Signal(signal)) => return Ok(signal.into()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(self.tally.verdict()),
            }
        }
    }

    /// Waits for something to do; without a limit while there is nothing to be told by itself.
    fn next_input(&self, now: Instant) -> Result<Input, RecvTimeoutError> {
        let next = self.next.filter(|_| self.tally.sent() < self.count);
        let first = self.first.map(|(_, due)| due);
        match [first, next, self.tally.awaits()]
            .into_iter()
            .flatten()
            .min()
        {
            Some(time) => self.inputs.recv_timeout(time.saturating_since(now)),
            None => {
                let heard = self.inputs.recv();
                heard.map_err(|_| RecvTimeoutError::Disconnected)
            }
        }
    }

    /// Looks whether the peer is where it is wanted, and asks for the first ping.
    fn begin(&mut self, status: &Status, timeout: Duration) -> Result<(), Error> {
        let words = self.program.clone() + " sends the pings, on its own connection";
        self.out.note(&words);
        let key = key_text(&self.key);
        let known = status.peers.iter().find(|it| it.key == key.as_str());
        let stands = known.filter(|it| it.handshake_ms.is_some() && it.state != "connecting");
        if let Some(address) = stands.and_then(|it| it.address.as_deref()?.parse().ok()) {
            self.check_place(address)?;
        }
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let family = match self.wanted.family {
            Family::Any => None,
            Family::V4 => Some(4),
            Family::V6 => Some(6),
        };
        let params = self
            .params(self.wait)
            .with("connect_ms", Some(millis(timeout)))
            .with(
                "address",
                self.wanted.host.as_ref().map(HostPort::to_string),
            )
            .with("family", family);
        let first = self.asking.ask("ping", params)?;
        let wait = timeout.saturating_add(self.wait);
        let due = self.clock.now() + wait.saturating_add(self.patience);
        self.first = Some((first, due));
        Ok(())
    }

    fn params(&self, wait: Duration) -> Params {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        Params::default()
            .with("peer", Some(key_text(&self.key).as_str()))
            .with("wait_ms", Some(wait_ms))
    }

    fn ping(&mut self, now: Instant) -> Result<(), Error> {
        let number = self.tally.send(now);
        self.next = Some(now + self.interval);
        let wait = self.wait.saturating_add(LATE);
        let params = self.params(wait.min(self.interval.saturating_mul(AT_ONCE)));
        let id = self.asking.ask("ping", params)?;
        self.offset = id.saturating_sub(number);
        Ok(())
    }

    fn on_answer(&mut self, id: u64, answer: Answer) -> Result<Option<ExitCode>, Error> {
        let pinged: Pinged = match self.asking.understand(answer) {
            Ok(pinged) => pinged,
            // Until now it was connected: that is the end, and how it went so far counts.
            Err(Error::Elsewhere(report)) if report.code == "SC43" && self.tally.sent() > 0 => {
                self.out.warn(&report.title);
                return Ok(Some(self.tally.verdict()));
            }
            Err(error) => return Err(error),
        };
        if let Some(address) = pinged.address {
            self.check_place(address)?;
        }
        let now = self.clock.now();
        let is_first = self.first.take_if(|(first, _)| *first == id).is_some();
        let number = if is_first {
            self.next = Some(now + self.interval);
            self.tally.send(now)
        } else {
            id.saturating_sub(self.offset)
        };
        let took = pinged
            .rtt_ms
            .and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
        let lines = match took {
            Some(took) => self.tally.answer(number, took).into_iter().collect(),
            None if is_first => self.tally.overdue(now + self.wait),
            // It is told when its time is over.
            None => Vec::new(),
        };
        lines.iter().try_for_each(|line| self.out.data(line))?;
        Ok(None)
    }

    /// The peer is at this address: is that where it was to be pinged?
    fn check_place(&mut self, address: SocketAddr) -> Result<(), Error> {
        self.tally.at(address);
        if self.wanted.is(address) {
            return Ok(());
        }
        let given = match &self.wanted.host {
            Some(host) => safe_line(&host.to_string()),
            None if self.wanted.family == Family::V4 => "-4".into(),
            None => "-6".into(),
        };
        let words = self.program.clone() + " is connected to " + &self.label + " at " + address;
        Err(Error::BadArgument {
            reason: words + ", and pings go there; leave " + &given + " out, or end that program",
            given,
            example: &[],
        })
    }
}

impl Wanted {
    /// # Errors
    /// SC13, SC29.
    fn of(args: &PingArgs, host: Option<HostPort>) -> Result<Self, Error> {
        let family = args.family.into();
        let addresses = match &host {
            Some(host) => look_up(host, family, args.timeout)?,
            None => Vec::new(),
        };
        Ok(Self {
            family,
            host,
            addresses,
        })
    }

    fn is(&self, address: SocketAddr) -> bool {
        let plain = |it: SocketAddr| (it.ip().to_canonical(), it.port());
        let mut addresses = self.addresses.iter();
        let is_there = addresses.any(|it| plain(*it) == plain(address));
        self.family.allows(address.ip().to_canonical()) && (self.host.is_none() || is_there)
    }
}

fn look_up(host: &HostPort, family: Family, patience: Duration) -> Result<Vec<SocketAddr>, Error> {
    let text = host.to_string();
    let parsed = Host::parse(&text, None);
    let found = parsed.and_then(|host| host.resolve_within(patience, family));
    found.map_err(|error| Error::HostNotFound {
        host: safe_line(host.host()),
        reason: safe_line(&error.to_string()),
    })
}

/// The key to ask for, and what to call it.
fn whom(who: Who, context: &Context) -> Result<(PeerId, Safe), Error> {
    let known = KnownPeers::load(&context.paths.known_peers())?;
    let name = |peer: &store::Peer| peer.name().clone();
    let (key, saved) = match who {
        Who::Name(typed) => {
            let peer = known.find(&typed)?;
            (peer.key(), Some(name(peer)))
        }
        Who::Key(offer) => (offer.key, known.find_key(&offer.key).map(name)),
    };
    identity::check_not_own(&key, saved.as_ref(), context)?;
    let label = saved.unwrap_or_else(|| crate::cli::talk::unsaved(&key));
    Ok((key, label))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::cli::args::Globals;
    use crate::control::{Connection, Place, Server};

    #[test]
    fn a_program_that_never_answers_the_first_ping_is_not_waited_for_for_ever() {
        let home = tempfile::tempdir().unwrap();
        let place = Place::new(home.path().join("ctl.sock")).unwrap();
        let _server = Server::start(place.clone(), |_| {}).unwrap();
        let connection = Connection::open(&place, PATIENCE).unwrap().unwrap();
        let (asking, answers) = Running::over(connection).split().unwrap();
        let (sender, inputs) = channel();
        hear(answers, sender).unwrap();
        let pinging = Pinging {
            asking,
            inputs,
            out: Out::new(&Globals::default()),
            clock: Clock::new(),
            tally: Tally::new(Duration::ZERO, false, "bob".into()),
            wanted: Wanted {
                family: Family::Any,
                host: None,
                addresses: Vec::new(),
            },
            key: PeerId::new([2; 32]),
            label: "bob".into(),
            program: "the other".into(),
            wait: Duration::ZERO,
            first: None,
            patience: Duration::ZERO,
            offset: 0,
            count: 1,
            interval: SHORTEST_INTERVAL,
            next: None,
        };
        let end = pinging.run(&Status::default(), Duration::ZERO);
        assert!(matches!(end, Err(Error::Control { .. })), "{end:?}");
    }
}
