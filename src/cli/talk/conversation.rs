//! The loop of a program that talks: events of the core, lines of the user, signals, the clock.
//!
//! The loop waits in one place. Its order:
//! 1. tell what the core tells,
//! 2. take what the user typed, one line at a time, as long as the core takes it,
//! 3. twice a second look whether known-peers changed,
//! 4. ask whether it is time to stop.

use std::collections::{BTreeSet, VecDeque};
use std::io::{ErrorKind, Stderr, Stdout};
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use crate::chat::{Line, LineError, Received};
use crate::cli::talk::answer::Answer;
use crate::cli::talk::goal::{Goal, Progress};
use crate::cli::talk::leave::Leave;
use crate::cli::talk::profile::Profile;
use crate::cli::talk::stdin::Stdin;
use crate::cli::talk::typed::Typed;
use crate::cli::{Error, ExitCode, Out, Peer};
use crate::id::{PeerId, VerifyingKey};
use crate::net::{Clock, Driver, Handle, ResolveError, Signal};
use crate::plain::{Printer, Stamp};
use crate::proto::{ApiMisuse, CloseReason, Event, Refusal, SendError};
use crate::store::{HostPort, fingerprint};
use crate::text::{Safe, safe_line, safe_name};
use crate::time::Instant;
use crate::wire::limits::VERSION;

/// How often known-peers is looked at. A change counts at the second look that finds it, within 2 s.
const LOOK: Duration = Duration::from_millis(500);
/// How soon a line that the core could not take is offered again: nothing tells when there is room.
const OFFER_AGAIN: Duration = Duration::from_millis(10);
/// How long an ended input waits for the last line's acknowledgement.
const LINGER: Duration = Duration::from_secs(2);
/// How long somebody who leaves waits for that.
const LEAVE: Duration = Duration::from_secs(1);
/// How often it is looked at meanwhile.
const LEAVE_LOOK: Duration = Duration::from_millis(20);

/// What wakes the loop.
#[derive(Debug)]
pub(super) enum Input {
    /// The core has events, or a line was read.
    Wake,
    /// The operating system wants us to stop.
    Signal(Signal),
    /// A host's addresses were looked up.
    Resolved(Result<Vec<SocketAddr>, ResolveError>),
}

/// A talking program.
pub(super) struct Conversation {
    pub(super) profile: Profile,
    pub(super) handle: Handle,
    pub(super) driver: Driver,
    pub(super) clock: Clock,
    pub(super) printer: Printer<Stdout, Stderr>,
    pub(super) out: Out,
    pub(super) inputs: Receiver<Input>,
    pub(super) lines: Receiver<Stdin>,
    /// Whether a person types the lines.
    pub(super) interactive: bool,
    pub(super) goal: Goal,
    pub(super) own: PeerId,
    pub(super) state: State,
    pub(super) leave: Leave,
}

/// What the conversation remembers.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The peer that a bare line goes to.
    last: Option<PeerId>,
    /// A line that the core could not take yet.
    pending: Option<(PeerId, Vec<u8>)>,
    /// Unknown keys that wait for an answer; the first one has been asked about.
    guests: VecDeque<Guest>,
    /// When that question was put.
    asked: Instant,
    /// When standard input ended.
    ended: Option<Instant>,
    /// Whether a line was not sent, or not acknowledged in time.
    undelivered: bool,
    looked: Instant,
    /// When the person said that it wants to leave.
    leaving: Option<Instant>,
    /// Who was spoken to.
    spoken: BTreeSet<PeerId>,
}

#[derive(Debug)]
struct Guest {
    peer: PeerId,
    address: SocketAddr,
}

impl Conversation {
    /// Runs until there is a reason to stop, then says goodbye.
    ///
    /// # Errors
    /// The error that ends it.
    pub(super) fn run(mut self) -> Result<ExitCode, Error> {
        let end = self.turn_until_done();
        drop(self.leave);
        self.driver.stop(true);
        let undelivered = self.state.undelivered && !self.interactive;
        end.map(|code| conclude(code, undelivered))
    }

    fn turn_until_done(&mut self) -> Result<ExitCode, Error> {
        loop {
            while let Some(event) = self.handle.poll_event()? {
                if let Some(end) = self.on_event(event)? {
                    return Ok(end);
                }
            }
            if let Some(end) = self.take_lines()? {
                return Ok(end);
            }
            self.look_at_known_peers()?;
            if let Some(end) = self.check_time()? {
                return Ok(end);
            }
            match self.inputs.recv_timeout(self.patience()) {
                Ok(Input::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Input::Signal(signal)) => return Ok(signal.into()),
                Ok(Input::Resolved(found)) => self.on_resolved(found)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::Done),
            }
        }
    }

    // --- the core tells -----------------------------------------------------------------------

    fn on_event(&mut self, event: Event) -> Result<Option<ExitCode>, Error> {
        match event {
            Event::Established { peer, address, .. } => self.on_established(peer, address),
            Event::Waiting { peer } => {
                self.goal.on_waiting(&peer);
                let label = self.label(&peer);
                self.note(label + " has to accept you first; waiting");
            }
            Event::Refused { peer, reason } => return self.on_refused(peer, reason),
            Event::Guest {
                peer,
                address,
                nickname,
            } => self.on_guest(peer, address, nickname)?,
            Event::GuestGone { peer } => self.on_guest_gone(peer),
            Event::Pinned { peer, address } => self.on_pinned(peer, address),
            Event::Introduced {
                peer,
                signing_key,
                newest_version,
            } => self.on_introduced(&peer, signing_key, newest_version),
            Event::Line { peer, line } => return self.on_line(peer, &line),
            // Bulk streams are not allowed here.
            Event::Stream { .. } => {}
            Event::Unsent { peer, count } => {
                let words = Safe::from("may not have reached ") + self.label(&peer) + ": ";
                self.lose(words + count + if count == 1 { " line" } else { " lines" });
            }
            Event::Closed { peer, reason } => return self.on_closed(peer, reason),
            Event::Silent { peer } => {
                let label = self.label(&peer);
                self.note(Safe::from("link: nothing heard from ") + label + " for 5 s; trying");
            }
            Event::Resumed { peer } => {
                let label = self.label(&peer);
                self.note(Safe::from("link: ") + label + " is back");
            }
            Event::Unreachable { peer, tries } => return Ok(self.on_unreachable(peer, tries)),
            Event::Roamed { peer, to } => {
                let label = self.label(&peer);
                self.note(Safe::from("link: ") + label + " is now at " + to);
            }
            Event::TimestampsLow => {
                let range = self.profile.timestamps.reserve(&self.clock)?;
                self.handle
                    .with(|endpoint, _| endpoint.add_timestamps(range))?;
            }
            Event::OtherVersion { version } => {
                let words = Safe::from("somebody who has your key calls with protocol version ");
                self.note(words + version + "; this program speaks version " + VERSION);
            }
        }
        Ok(None)
    }

    fn on_established(&mut self, peer: PeerId, address: SocketAddr) {
        let trust = if self.profile.contacts.is_verified(&peer) {
            "verified"
        } else {
            "not verified"
        };
        let label = self.label(&peer);
        self.note(Safe::from("secure: ") + &label + " at " + address + " (" + trust + ")");
        self.state.last.get_or_insert(peer);
        if let Some((name, at)) = self.goal.on_established(&peer, self.clock.now())
            && self.save(&name, &peer, at.as_slice())
        {
            self.note(Safe::from("saved as ") + safe_line(&name));
        }
    }

    fn on_introduced(&self, peer: &PeerId, signing_key: VerifyingKey, version: u16) {
        let noted = self.profile.contacts.introduce(peer, signing_key, version);
        if let Err(error) = noted {
            self.out.error(&Error::from(error).report());
        }
    }

    /// Saves a peer; false, after saying why, if that cannot be done.
    fn save(&mut self, name: &str, peer: &PeerId, addresses: &[HostPort]) -> bool {
        let saved = self.profile.contacts.save(name, peer, addresses);
        if let Err(error) = saved {
            self.out.error(&Error::from(error).report());
            return false;
        }
        true
    }

    fn on_refused(&self, peer: PeerId, reason: Refusal) -> Result<Option<ExitCode>, Error> {
        let saved = self.profile.contacts.is_saved(&peer);
        let peer = Peer {
            label: self.label(&peer),
            saved,
        };
        let error = match reason {
            Refusal::UnknownKey => Error::Refused {
                peer,
                own: self.own,
            },
            Refusal::Version => {
                let newer = VERSION.saturating_add(1);
                Error::OtherVersion {
                    peer,
                    theirs: newer,
                    ours: VERSION,
                }
            }
        };
        if self.goal.is_listening() {
            self.out.error(&error.report());
            return Ok(None);
        }
        Err(error)
    }

    /// Prints a line. A reader of ours that has left is no error, but the end.
    fn on_line(&mut self, peer: PeerId, line: &[u8]) -> Result<Option<ExitCode>, Error> {
        let at = Stamp::local(self.clock.unix_time());
        let label = self.label(&peer);
        self.state.last.get_or_insert(peer);
        match self.printer.said(&at, &label, Received::from(line)) {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Some(ExitCode::Done)),
            Err(error) => Err(Error::System {
                operation: "write to standard output",
                reason: safe_line(&error.to_string()),
            }),
        }
    }

    fn on_closed(&mut self, peer: PeerId, reason: CloseReason) -> Result<Option<ExitCode>, Error> {
        if reason == CloseReason::SigningKeyChanged {
            let peer = self.named(&peer);
            self.out.error(&Error::SigningKeyChanged { peer }.report());
        }
        let label = self.label(&peer);
        self.note(match reason {
            CloseReason::Goodbye => label + " left",
            CloseReason::Declined => label + " ended the conversation and does not want another",
            CloseReason::TheySayViolation => label + " says that this program broke the protocol",
            CloseReason::Violation => label + " broke the protocol; the session was ended",
            CloseReason::Unsupported => label + " needs a newer securechat",
            CloseReason::SigningKeyChanged => label + " was put out",
            CloseReason::Removed => label + " is no longer among your peers; the session was ended",
        });
        self.state.last.take_if(|last| *last == peer);
        match self.goal.on_closed(&peer, reason, self.clock.now()) {
            Progress::GoOn => Ok(None),
            Progress::Again(pause) => {
                let words = Safe::from("link: calling again in ") + pause.as_secs() + " s";
                self.note(words);
                Ok(None)
            }
            Progress::Stop(code) => Ok(Some(code)),
        }
    }

    fn on_unreachable(&mut self, peer: PeerId, tries: u32) -> Option<ExitCode> {
        let label = self.label(&peer);
        self.note(Safe::from("link: no answer from ") + label + " to " + tries + " handshakes");
        self.goal.on_unreachable(&peer)
    }

    // --- unknown keys -------------------------------------------------------------------------

    fn on_guest(
        &mut self,
        peer: PeerId,
        address: SocketAddr,
        nickname: Option<String>,
    ) -> Result<(), Error> {
        let claimed = nickname
            .as_deref()
            .and_then(|name| self.profile.contacts.claimed(name));
        if let Some(saved) = claimed {
            let (name, saved) = (saved.name().clone(), saved.key());
            self.out.error(
                &Error::NameClaimed {
                    name,
                    saved,
                    offered: peer,
                }
                .report(),
            );
            return self.refuse_guest(peer);
        }
        if let Some(name) = nickname.as_deref().and_then(|name| safe_name(name).ok()) {
            self.warn(Safe::from("an unknown key suggests to be called \"") + name + "\"");
        }
        self.state.guests.push_back(Guest { peer, address });
        if self.state.guests.len() == 1 {
            self.ask();
        }
        Ok(())
    }

    fn refuse_guest(&self, peer: PeerId) -> Result<(), Error> {
        Ok(self
            .handle
            .with(|endpoint, now| endpoint.refuse_guest(peer, now))?)
    }

    /// Asks about the first guest.
    fn ask(&mut self) {
        let Some(guest) = self.state.guests.front() else {
            return;
        };
        let words = Safe::from("an unknown key calls from ") + guest.address + ":";
        let key = Safe::from("  ") + fingerprint(&guest.peer);
        self.printer.warn(&words);
        self.printer.warn(&key);
        self.state.asked = self.clock.now();
        self.printer
            .ask(&"talk to it? (yes, yes NAME, no, or paste the key you expect)".into());
    }

    /// A guest left undecided. One that we sent away was told of already.
    fn on_guest_gone(&mut self, peer: PeerId) {
        if !self.state.guests.iter().any(|guest| guest.peer == peer) {
            return;
        }
        let asked = self
            .state
            .guests
            .front()
            .is_some_and(|guest| guest.peer == peer);
        self.state.guests.retain(|guest| guest.peer != peer);
        let label = self.label(&peer);
        self.warn(Safe::from("the unknown key ") + label + " is gone");
        if asked {
            self.ask();
        }
    }

    fn on_answer(&mut self, typed: &[u8]) -> Result<(), Error> {
        let Some(guest) = self.state.guests.front() else {
            return Ok(());
        };
        let peer = guest.peer;
        let shown = self.clock.now().saturating_since(self.state.asked);
        let decided = match Answer::parse(&String::from_utf8_lossy(typed), &peer, shown) {
            Answer::Unclear => false,
            Answer::TooSoon => {
                self.warn("that was typed before the question; it was not sent".into());
                false
            }
            Answer::No => {
                self.refuse_guest(peer)?;
                true
            }
            Answer::AnotherKey => {
                self.refuse_guest(peer)?;
                self.warn("that is another key than the one that calls; it was sent away".into());
                true
            }
            Answer::Yes { name } => self.welcome(peer, name.as_deref())?,
        };
        if decided {
            self.state.guests.retain(|guest| guest.peer != peer);
        }
        self.ask();
        Ok(())
    }

    /// Takes a guest in; false if the name cannot be used.
    fn welcome(&mut self, peer: PeerId, name: Option<&str>) -> Result<bool, Error> {
        let ours = guest_name(&peer);
        let name = name.unwrap_or_else(|| ours.as_str());
        if !self.save(name, &peer, &[]) {
            return Ok(false);
        }
        self.note(Safe::from("saved as ") + safe_line(name));
        if self
            .handle
            .with(|endpoint, _| endpoint.accept_guest(peer))?
            .is_err()
        {
            self.warn("it is gone meanwhile".into());
        }
        Ok(true)
    }

    fn on_pinned(&mut self, peer: PeerId, address: SocketAddr) {
        let name = guest_name(&peer);
        // Not under this label if it cannot be saved: three bytes of a key are soon found again, and
        // the name may be somebody else's.
        if self.save(name.as_str(), &peer, &[]) {
            self.warn(Safe::from("new peer from ") + address + " saved as " + name);
        }
    }

    // --- the user types -----------------------------------------------------------------------

    fn take_lines(&mut self) -> Result<Option<ExitCode>, Error> {
        while self.is_ready_for_a_line()? {
            match self.lines.try_recv() {
                Ok(Stdin::Line(line)) => {
                    if let Some(end) = self.on_typed(&line)? {
                        return Ok(Some(end));
                    }
                }
                Ok(Stdin::Overlong(len)) => self.refuse_line(LineError::TooLong { len }),
                Ok(Stdin::End) => {
                    if self.interactive {
                        self.state.leaving = Some(self.clock.now());
                        break;
                    }
                    self.state.ended = Some(self.clock.now());
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        Ok(None)
    }

    /// Offers a line that waits to the core again. A pipe is read only once there is somebody to say
    /// its lines to; a person at a terminal may type at any time.
    fn is_ready_for_a_line(&mut self) -> Result<bool, Error> {
        if let Some((peer, line)) = self.state.pending.take() {
            self.send(peer, line)?;
        }
        if self.state.leaving.is_some() {
            return Ok(false);
        }
        let somebody = self.state.last.is_some() || self.state.ended.is_some();
        Ok(self.state.pending.is_none() && (self.interactive || somebody))
    }

    fn on_typed(&mut self, line: &[u8]) -> Result<Option<ExitCode>, Error> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if self.is_answer(text) {
            self.on_answer(text)?;
            return Ok(None);
        }
        match if self.interactive {
            Typed::parse(text)
        } else {
            Typed::Say(text)
        } {
            Typed::Say(text) => self.say(self.state.last, text)?,
            Typed::SayTo { name, text } => match self.profile.contacts.find(name) {
                Some(peer) => {
                    self.state.last = Some(peer);
                    self.say(Some(peer), text)?;
                }
                None => {
                    let name = Safe::from("no peer called \"") + safe_line(name) + "\"";
                    self.warn(name + " (nothing was sent)");
                }
            },
            Typed::Quit => self.state.leaving = Some(self.clock.now()),
            Typed::Help => self.help(),
            Typed::Peers => self.list_peers()?,
            Typed::Unknown(command) => {
                let words = Safe::from("unknown command \"/") + safe_line(command) + "\"; ";
                self.warn(words + "try /help (nothing was sent)");
            }
        }
        Ok(None)
    }

    /// While a question is open a line answers it, unless it is one of our commands. A key may begin
    /// with `/` too.
    fn is_answer(&self, text: &[u8]) -> bool {
        let command = matches!(Typed::parse(text), Typed::Quit | Typed::Help | Typed::Peers);
        !self.state.guests.is_empty() && self.interactive && !command
    }

    fn say(&mut self, peer: Option<PeerId>, text: &[u8]) -> Result<(), Error> {
        match (Line::compose(text), peer) {
            (Ok(line), Some(peer)) => return self.send(peer, line.into_bytes()),
            (Ok(_), None) => self.lose("nobody is connected (nothing was sent)".into()),
            (Err(LineError::Empty), _) => {}
            (Err(error), _) => self.refuse_line(error),
        }
        Ok(())
    }

    fn send(&mut self, peer: PeerId, line: Vec<u8>) -> Result<(), Error> {
        let sent = self
            .handle
            .with(|endpoint, now| endpoint.send_line(peer, line.clone(), now))?;
        match sent {
            Ok(()) => {
                self.state.spoken.insert(peer);
            }
            Err(SendError::QueueFull) => self.state.pending = Some((peer, line)),
            Err(error) => {
                let why = safe_line(&error.to_string());
                self.lose(Safe::from("not sent: ") + why);
            }
        }
        Ok(())
    }

    fn refuse_line(&mut self, error: LineError) {
        self.lose(Safe::from("not sent: ") + safe_line(&error.to_string()));
    }

    /// Tells that a line is lost. A script learns it from the exit code.
    fn lose(&mut self, words: Safe) {
        self.state.undelivered = true;
        self.warn(words);
    }

    fn help(&mut self) {
        for line in [
            "a line is sent to the peer spoken to last",
            "@NAME TEXT  send TEXT to NAME, and later lines too",
            "//TEXT      send /TEXT",
            "/peers      who is there",
            "/quit       leave",
        ] {
            self.printer.warn(&line.into());
        }
    }

    fn list_peers(&mut self) -> Result<(), Error> {
        let peers: Vec<PeerId> = self
            .profile
            .contacts
            .known()
            .peers()
            .iter()
            .map(crate::store::Peer::key)
            .collect();
        let passing = self.state.last.filter(|last| !peers.contains(last));
        for peer in peers.into_iter().chain(passing) {
            let status = self
                .handle
                .with(|endpoint, now| endpoint.status(peer, now))?;
            let state = match status {
                Some(status) if status.established => "connected",
                Some(status) if status.tries > 0 => "connecting",
                Some(_) => "not connected",
                None => "revoked",
            };
            let mark = if self.state.last == Some(peer) {
                "> "
            } else {
                "  "
            };
            let line = Safe::from(mark) + self.label(&peer) + "  " + state;
            self.printer.warn(&line);
        }
        Ok(())
    }

    // --- the clock ----------------------------------------------------------------------------

    /// How long the loop may sleep.
    fn patience(&self) -> Duration {
        let left = self.goal.patience(self.clock.now());
        let leaves = self.state.leaving.is_some() || self.state.ended.is_some();
        patience(left, self.state.pending.is_some()).min(if leaves { LEAVE_LOOK } else { LOOK })
    }

    fn look_at_known_peers(&mut self) -> Result<(), Error> {
        let now = self.clock.now();
        if now.saturating_since(self.state.looked) < LOOK {
            return Ok(());
        }
        self.state.looked = now;
        match self.profile.contacts.refresh() {
            Ok(None) => {}
            Ok(Some(changes)) => self
                .handle
                .with(|endpoint, now| changes.apply(endpoint, now))?,
            Err(error) => {
                let words = "known-peers changed, but cannot be used; the former list counts";
                self.warn(words.into());
                self.out.error(&Error::from(error).report());
            }
        }
        Ok(())
    }

    fn check_time(&mut self) -> Result<Option<ExitCode>, Error> {
        let now = self.clock.now();
        for error in self.handle.take_icmp_errors() {
            if let Some(address) = self.goal.on_icmp(&error) {
                self.note(Safe::from("link: ") + address + " reports a closed port; trying on");
            }
        }
        if let Some(peer) = self.goal.overdue(now) {
            let status = self
                .handle
                .with(|endpoint, now| endpoint.status(peer, now))?;
            let tries = status.map_or(0, |status| status.tries);
            let saved = self.profile.contacts.is_saved(&peer);
            let peer = Peer {
                label: self.label(&peer),
                saved,
            };
            return Err(self.goal.failure(peer, tries, now));
        }
        if let Some((peer, addresses)) = self.goal.call_again(now) {
            self.connect(peer, &addresses)?;
        }
        match self.check_leave(now)? {
            Some(end) => Ok(Some(end)),
            None => self.check_end(now),
        }
    }

    /// Whether somebody who wants to leave can: what was said last should arrive before the goodbye.
    fn check_leave(&self, now: Instant) -> Result<Option<ExitCode>, Error> {
        let Some(since) = self.state.leaving else {
            return Ok(None);
        };
        if now.saturating_since(since) >= LEAVE {
            return Ok(Some(ExitCode::Done));
        }
        for peer in &self.state.spoken {
            let status = self
                .handle
                .with(|endpoint, now| endpoint.status(*peer, now))?;
            if status.is_some_and(|status| status.queued > 0 || status.awaits_ack) {
                return Ok(None);
            }
        }
        Ok(Some(ExitCode::Done))
    }

    /// Whether an input that has ended has also arrived, or never will.
    fn check_end(&mut self, now: Instant) -> Result<Option<ExitCode>, Error> {
        let Some(ended) = self.state.ended else {
            return Ok(None);
        };
        let Goal::Reach(reach) = &self.goal else {
            return Ok(None);
        };
        let peer = reach.peer;
        let status = self
            .handle
            .with(|endpoint, now| endpoint.status(peer, now))?;
        let Some(status) = status else {
            return Ok(Some(ExitCode::Done));
        };
        let waited = now.saturating_since(ended);
        let lines = status.queued + usize::from(self.state.pending.is_some());
        if lines == 0 && (waited >= LINGER || !status.awaits_ack) {
            self.state.undelivered |= status.awaits_ack;
            return Ok(Some(ExitCode::Done));
        }
        if lines == 0 || reach.retry || waited < reach.timeout {
            return Ok(None);
        }
        let saved = self.profile.contacts.is_saved(&peer);
        let label = self.label(&peer);
        Err(Error::NotDelivered {
            peer: Peer { label, saved },
            within: reach.timeout,
            lines,
        })
    }

    // --- helpers ------------------------------------------------------------------------------

    fn on_resolved(&mut self, found: Result<Vec<SocketAddr>, ResolveError>) -> Result<(), Error> {
        match self.goal.on_resolved(found)? {
            Some((peer, addresses)) => self.connect(peer, &addresses),
            None => Ok(()),
        }
    }

    fn connect(&mut self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        if let Some(first) = addresses.first() {
            let label = self.label(&peer);
            self.note(Safe::from("connecting to ") + label + " at " + *first);
        }
        let started = self
            .handle
            .with(|endpoint, now| endpoint.connect(peer, addresses, now))?;
        if let Err(ApiMisuse::NewerVersion(theirs)) = started {
            return Err(Error::NewerVersion {
                peer: self.named(&peer),
                theirs,
                ours: VERSION,
            });
        }
        if let Err(error) = started {
            self.warn(Safe::from("cannot connect: ") + safe_line(&error.to_string()));
        }
        Ok(())
    }

    fn named(&self, peer: &PeerId) -> Peer {
        Peer {
            label: self.label(peer),
            saved: self.profile.contacts.is_saved(peer),
        }
    }

    pub(super) fn label(&self, peer: &PeerId) -> Safe {
        self.profile.contacts.label(peer)
    }

    fn note(&mut self, words: Safe) {
        self.printer.note(&words);
    }

    fn warn(&mut self, words: Safe) {
        self.printer.warn(&words);
    }
}

/// How a program that was done ends if a line that was piped in did not arrive.
fn conclude(code: ExitCode, undelivered: bool) -> ExitCode {
    if undelivered && code == ExitCode::Done {
        ExitCode::NotDelivered
    } else {
        code
    }
}

/// How long the loop may sleep, `left` before the goal is missed, with a line pending or not.
fn patience(left: Option<Duration>, is_pending: bool) -> Duration {
    let most = if is_pending { OFFER_AGAIN } else { LOOK };
    left.map_or(most, |left| left.min(most))
}

/// The name of somebody whom nobody has named: `guest-` and the first bytes of the key.
fn guest_name(peer: &PeerId) -> Safe {
    let [a, b, c, ..] = *peer.as_bytes();
    safe_line(&format!("guest-{a:02x}{b:02x}{c:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_found_no_room_does_not_wait_for_the_next_look() {
        assert_eq!(patience(None, false), LOOK);
        assert_eq!(patience(None, true), OFFER_AGAIN);
        let soon = Duration::from_millis(1);
        assert_eq!(patience(Some(soon), true), soon);
    }
}
