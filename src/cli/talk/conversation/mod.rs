//! The loop of a program that talks: what the core tells, lines of the user, signals, the clock.
//!
//! The loop waits in one place. Its order:
//! 0. make sure that the store is still the file of its name,
//! 1. write down the messages that the core brings, and tell what it tells,
//! 2. take what the user typed, as long as the outbox takes it; write down what is to be said, and say
//!    it; write a page of what is exported, and look on for what is sought,
//! 3. twice a second look whether known-peers changed, and what has waited for long, and write down what
//!    has been shown and told, if 5 does not come to it,
//! 4. ask whether it is time to stop,
//! 5. with nothing else to do, write down what has been shown and told.

mod beginning;
mod callers;
mod calling;
mod commands;
mod comparing;
mod confirmed;
mod deliveries;
mod ending;
mod events;
mod exporting;
mod found;
mod guests;
mod hearing;
mod kept;
mod link;
mod looks;
mod messages;
mod moving;
mod names;
mod news;
mod pending;
mod pings;
mod prompt;
mod quality;
mod recalled;
mod requests;
mod screen;
mod searches;
mod secrets;
mod serving;
mod standing;
mod status;
mod telling;
mod typing;
mod verifying;
mod watch;
mod writing;

pub(super) use self::events::{closed, refused};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use crate::chat::{ContactId, Name, SecretLines};
use crate::cli::talk::backlog::Backlog;
use crate::cli::talk::calls::Calls;
use crate::cli::talk::conversation::callers::Callers;
use crate::cli::talk::conversation::comparing::{Comparing, Differed};
use crate::cli::talk::conversation::deliveries::Wait;
use crate::cli::talk::conversation::exporting::Export;
use crate::cli::talk::conversation::link::Link;
use crate::cli::talk::conversation::looks::Look;
use crate::cli::talk::conversation::moving::Routes;
use crate::cli::talk::conversation::news::News;
use crate::cli::talk::conversation::pending::Pending;
use crate::cli::talk::conversation::pings::Pinging;
use crate::cli::talk::conversation::recalled::Quote;
use crate::cli::talk::conversation::searches::Searches;
use crate::cli::talk::conversation::typing::Batch;
use crate::cli::talk::conversation::watch::Unnoted;
use crate::cli::talk::conversation::writing::Writing;
use crate::cli::talk::face::Face;
use crate::cli::talk::files::Lookup;
use crate::cli::talk::goal::Goal;
use crate::cli::talk::leave::Leave;
use crate::cli::talk::network::Input;
use crate::cli::talk::profile::Profile;
use crate::cli::talk::programs::Programs;
use crate::cli::talk::sent::Sent;
use crate::cli::talk::stdin::Lines;
use crate::cli::talk::unseen::Unseen;
use crate::cli::{Error, ExitCode, Out, Peer};
use crate::id::PeerId;
use crate::net::{Clock, Driver, Handle, IcmpKind, Signal};
use crate::proto::SessionStatus;
use crate::store::Keepalive;
use crate::text::Safe;
use crate::time::Instant;
use crate::tui::{self, GLANCE};

/// How often known-peers is looked at. A change counts at the second look that finds it, within 2 s.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is looked at whether the last words have arrived.
const LEAVE_LOOK: Duration = Duration::from_millis(20);
/// From one warning of an unknown key that claims somebody's name to the next.
const CLAIM_PAUSE: Duration = Duration::from_secs(60);
/// From one warning of a peer that shows another signing key to the next about the same one.
const KEY_CHANGE_PAUSE: Duration = Duration::from_secs(60);
/// A screen is drawn at least so often while there is always something to do.
const FRAME: Duration = Duration::from_millis(50);
/// As many events are told before a typed line has its turn.
const MAX_EVENTS: usize = 64;
/// As many lines are taken before an event has its turn.
const MAX_LINES: usize = 256;
/// As many look-ups come to their end before anything else has its turn.
const MAX_FOUND: usize = 256;

/// What woke the loop.
type Woken = Result<Input, RecvTimeoutError>;

/// A talking program.
pub(in crate::cli::talk) struct Conversation {
    pub(in crate::cli::talk) profile: Profile,
    pub(in crate::cli::talk) handle: Handle,
    pub(in crate::cli::talk) driver: Driver,
    pub(in crate::cli::talk) clock: Clock,
    pub(in crate::cli::talk) face: Face,
    /// Whether only warnings and what was said are told.
    pub(in crate::cli::talk) is_quiet: bool,
    /// Whether our own signs are to be ASCII.
    pub(in crate::cli::talk) is_ascii: bool,
    pub(in crate::cli::talk) out: Out,
    pub(in crate::cli::talk) inputs: Receiver<Input>,
    /// For whoever else has something to tell.
    pub(in crate::cli::talk) sender: Sender<Input>,
    pub(in crate::cli::talk) lines: Lines,
    /// Who types the lines.
    pub(in crate::cli::talk) typist: Typist,
    pub(in crate::cli::talk) goal: Goal,
    /// Whom this program calls by itself.
    pub(in crate::cli::talk) calls: Calls,
    /// How long an ended input waits for its receipts.
    pub(in crate::cli::talk) linger: Duration,
    /// To whom something is sent to hold a NAT open.
    pub(in crate::cli::talk) keepalive: Keepalive,
    pub(in crate::cli::talk) own: PeerId,
    pub(in crate::cli::talk) state: State,
    pub(in crate::cli::talk) leave: Leave,
    /// Other programs that ask and listen.
    pub(in crate::cli::talk) programs: Programs,
}

/// Who types the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::talk) enum Typist {
    /// A program, or a file: every line is a message.
    Pipe,
    /// A program that reads and writes JSON: every line is a request.
    Program,
    /// Nobody: requests come through the control socket alone.
    Nobody,
    /// A person.
    Person {
        /// Whether standard error is a terminal too, so that a prompt can stand before what is typed.
        sees_prompt: bool,
    },
}

/// What the conversation remembers.
#[derive(Debug, Default)]
pub(in crate::cli::talk) struct State {
    /// Whom a bare line goes to.
    target: Target,
    /// What the core has told and the user does not know yet.
    news: VecDeque<News>,
    /// Messages that were shown and not taken yet.
    shown: Vec<(ContactId, Name)>,
    /// What a screen has and nobody has looked at.
    unseen: Unseen,
    /// What is said next.
    batch: Batch,
    /// Looks for secret keys in what was typed or piped.
    secrets: SecretLines,
    /// Messages that nobody took: a screen had them when it was closed, or the end came while they were looked at.
    unsaid: usize,
    /// Messages that the outbox had no room for, and whether there may be some now.
    pending: Pending,
    has_room: bool,
    /// Unknown keys that wait for an answer.
    callers: Callers,
    /// When it was last told that an unknown key claims a name of somebody's.
    claimed: Option<Instant>,
    /// When it was last told of a peer that it shows another signing key.
    key_changes: BTreeMap<PeerId, Instant>,
    /// When standard input ended.
    ended: Option<Instant>,
    /// Whether a line was not accepted, or a message failed.
    has_failed: bool,
    looked: Instant,
    /// When a screen was drawn last.
    drawn: Instant,
    /// When the person said that it wants to leave.
    leaving: Option<Instant>,
    sent: Sent,
    /// From where packets leave.
    routes: Routes,
    /// Who looks for the names of files.
    lookup: Lookup,
    /// What lines have shown.
    backlog: Backlog,
    /// What the next line to somebody answers.
    quote: Option<Quote>,
    /// The message of several lines that is being written.
    writing: Option<Writing>,
    links: BTreeMap<PeerId, Link>,
    /// Whose words are on the table.
    comparing: BTreeMap<PeerId, Comparing>,
    /// Whose words differed, where known-peers has no line to say so.
    aside: BTreeSet<PeerId>,
    /// Of whom this could not be written down.
    unwritten: BTreeMap<PeerId, Unnoted>,
    /// How that was found.
    differed: BTreeMap<PeerId, Differed>,
    /// To whom it was suggested to compare words.
    suggested: BTreeSet<PeerId>,
    /// Since when an answer to `/ping` is waited for.
    pings: BTreeMap<PeerId, Instant>,
    /// What the network last said about an address that somebody is looked for at, and when.
    complaints: BTreeMap<SocketAddr, (IcmpKind, Instant)>,
    /// Programs that wait for the answer to a ping of theirs, and the number of the last one.
    pinging: Vec<Pinging>,
    last_ping: u64,
    /// Programs that wait for a delivery.
    waits: Vec<Wait>,
    /// What programs look through page by page.
    searches: Searches,
    /// What is looked for, one after the other.
    looks: VecDeque<Look>,
    /// What is being written into files, one after the other.
    exports: VecDeque<Export>,
    /// How much was said with whom.
    counts: BTreeMap<PeerId, Counts>,
    #[cfg(test)]
    told_to_people_for_testing_only: Vec<Safe>,
}

/// Messages in this run.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    received: u64,
    delivered: u64,
}

/// Whom a bare line goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Target {
    /// To whoever comes first.
    #[default]
    First,
    /// To this peer. If nobody chose it, since when.
    Peer(PeerId, Option<Instant>),
    /// To nobody: the peer it was is no longer among ours.
    Gone,
}

impl State {
    /// The beginning of a conversation with this aim.
    pub(in crate::cli::talk) fn towards(goal: &Goal) -> Self {
        let target = match goal {
            Goal::Listen { .. } => Target::First,
            Goal::Reach(reach) => Target::Peer(reach.peer, None),
        };
        Self {
            target,
            ..Self::default()
        }
    }

    /// Whether a claim of somebody's name is told of: whoever can call can call often.
    fn tells_of_claim(&mut self, now: Instant) -> bool {
        let is_soon = self
            .claimed
            .is_some_and(|told| now.saturating_since(told) < CLAIM_PAUSE);
        if !is_soon {
            self.claimed = Some(now);
        }
        !is_soon
    }

    /// Whether it is told that a peer shows another signing key: it can do so as often as it calls.
    fn tells_of_key_change(&mut self, peer: PeerId, now: Instant) -> bool {
        let told = self.key_changes.get(&peer);
        let is_soon = told.is_some_and(|told| now.saturating_since(*told) < KEY_CHANGE_PAUSE);
        if !is_soon {
            self.key_changes.insert(peer, now);
        }
        !is_soon
    }
}

impl Target {
    const fn peer(self) -> Option<PeerId> {
        match self {
            Self::Peer(peer, _) => Some(peer),
            Self::First | Self::Gone => None,
        }
    }

    /// Whether it has come by itself and so lately that nobody can have seen it.
    fn is_unseen(self, now: Instant) -> bool {
        let Self::Peer(_, Some(since)) = self else {
            return false;
        };
        now.saturating_since(since) < GLANCE
    }
}

/// How the lines' turn went.
#[derive(Debug)]
enum Turn {
    /// So many were taken.
    Took(usize),
    /// It ends the program.
    End(ExitCode),
}

impl Conversation {
    /// Runs until there is a reason to stop, then says goodbye.
    ///
    /// # Errors
    /// The error that ends it.
    pub(in crate::cli::talk) fn run(mut self) -> Result<ExitCode, Error> {
        let end = self.turn_until_done();
        self.tell_unconfirmed();
        self.close_screen();
        let end = self.last_words(end);
        self.tell_end(&end);
        let written = self.profile.journal.close(|words| self.out.warn(&words));
        drop(self.leave);
        self.driver.stop(true);
        let code = end?;
        written?;
        Ok(code)
    }

    fn turn_until_done(&mut self) -> Result<ExitCode, Error> {
        if let Some(end) = self.begin()? {
            return Ok(end);
        }
        loop {
            self.profile.journal.check_place()?;
            let news = self.take_news(MAX_EVENTS)?;
            let mut has_more = news >= MAX_EVENTS;
            if let Some(end) = self.tell_news()? {
                return Ok(end);
            }
            if news > 0 {
                self.tell_screen()?;
            } else {
                self.check_aim()?;
            }
            let taken = match self.take_lines()? {
                Turn::End(end) => return Ok(end),
                Turn::Took(lines) => lines,
            };
            has_more |= taken == MAX_LINES;
            has_more |= self.write_on() | self.look_on();
            if let Some(end) = self.look_around()? {
                return Ok(end);
            }
            if let Some(end) = self.check_time()? {
                return Ok(end);
            }
            if let Some(end) = self.check_reader()? {
                return Ok(end);
            }
            self.tell_unconfirmed();
            let input = self.wait(has_more || !self.state.news.is_empty())?;
            match self.take_found(input)? {
                Ok(Input::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Input::Told(words)) => self.warn(words),
                Ok(Input::ReadOut(peer, words)) => self.read_out(peer, words),
                Ok(Input::Trouble(report)) => self.tell_trouble(&report),
                Ok(Input::Signal(signal)) => return Ok(signal.into()),
                Ok(Input::Resolved(found)) => self.on_resolved(found)?,
                Ok(Input::Found(inquiry, found)) => self.on_found(inquiry, found)?,
                Ok(Input::Job(what)) => {
                    if let Some(end) = self.on_job_control(what)? {
                        return Ok(end);
                    }
                }
                Ok(Input::Control(happening)) => {
                    if let Some(end) = self.on_control(happening)? {
                        return Ok(end);
                    }
                }
                Ok(Input::Files(part, found)) => self.on_files(part, found),
                Ok(Input::Screen(input, happened)) => {
                    if let Some(end) = self.on_screen(input, happened)? {
                        return Ok(end);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::Done),
            }
        }
    }

    /// Takes what look-ups have found, as long as nothing else comes: a turn of the loop looks at everybody who is called.
    /// Returns what came instead.
    fn take_found(&mut self, mut input: Woken) -> Result<Woken, Error> {
        for _ in 0..MAX_FOUND {
            match input {
                Ok(Input::Found(inquiry, found)) => self.on_found(inquiry, found)?,
                other => return Ok(other),
            }
            let next = self.inputs.try_recv();
            input = next.map_err(|_| RecvTimeoutError::Timeout);
        }
        Ok(input)
    }

    /// Waits for something to do; not at all if there is more already. What has come needs no picture of
    /// its own, unless the last one is old.
    fn wait(&mut self, has_more: bool) -> Result<Woken, Error> {
        let is_due = self.clock.now().saturating_since(self.state.drawn) >= FRAME;
        if !is_due {
            if has_more {
                return Ok(self.inputs.recv_timeout(Duration::ZERO));
            }
            if let Ok(input) = self.inputs.try_recv() {
                return Ok(Ok(input));
            }
        }
        match self.draw()? {
            None => {}
            Some(ExitCode::HungUp) => return Ok(Ok(Input::Signal(Signal::Hangup))),
            Some(_) => return Ok(Err(RecvTimeoutError::Disconnected)),
        }
        if has_more {
            return Ok(self.inputs.recv_timeout(Duration::ZERO));
        }
        if self.profile.journal.is_behind() {
            if let Ok(input) = self.inputs.try_recv() {
                return Ok(Ok(input));
            }
            self.profile.journal.catch_up()?;
        }
        self.show_prompt();
        Ok(self.inputs.recv_timeout(self.patience()))
    }

    /// What is to be done twice a second.
    fn look_around(&mut self) -> Result<Option<ExitCode>, Error> {
        let now = self.clock.now();
        if now.saturating_since(self.state.looked) < LOOK {
            return Ok(None);
        }
        let has_slept = self.state.looks(now);
        self.state.has_room = true;
        self.state.searches.drop_old(now);
        self.face.ring();
        self.tell_late(now)?;
        self.look_at_network(has_slept, now)?;
        self.tell_quality(now)?;
        self.look_at_known_peers()?;
        self.look_at_programs(now);
        self.profile.journal.look_around()?;
        let Some(screen) = self.face.screen() else {
            return Ok(None);
        };
        if tui::is_gone() {
            return Ok(Some(Signal::Hangup.into()));
        }
        let (looked, is_due) = (screen.check_terminal(), screen.is_due());
        if let Some(end) = self.printed(looked)? {
            return Ok(Some(end));
        }
        if is_due {
            self.tell_screen()?;
        }
        Ok(None)
    }

    fn check_time(&mut self) -> Result<Option<ExitCode>, Error> {
        let now = self.clock.now();
        for error in self.handle.take_icmp_errors() {
            self.on_complaint(&error, now);
        }
        if let Some(reach) = self.goal.overdue(now) {
            let peer = reach.peer;
            let tries = self.status(peer)?.map_or(0, |status| status.tries);
            let failure = reach.failure(self.peer(&peer), tries, &self.called_at(peer)?, now);
            self.give_up(peer, failure)?;
        }
        if let Some((peer, addresses)) = self.goal.call_again(now) {
            self.reach(peer, &addresses)?;
        }
        if let Some(look_up) = self.goal.look_up(now) {
            look_up.start(&self.sender);
        }
        self.make_calls(now)?;
        self.answer_late(now)?;
        self.ping_those_who_waited()?;
        self.answer_late_pings(now)?;
        self.heed_leaving();
        match self.check_leave(now) {
            Some(end) => Ok(Some(end)),
            None => self.check_end(now),
        }
    }

    /// How long the loop may sleep.
    fn patience(&self) -> Duration {
        let now = self.clock.now();
        let left = [
            self.goal.patience(now),
            self.calls.patience(now),
            self.waits_patience(now),
            self.pings_patience(now),
        ];
        let left = left.into_iter().flatten().min();
        let leaves = self.state.leaving.is_some() || self.state.ended.is_some();
        let most = if leaves { LEAVE_LOOK } else { LOOK };
        left.map_or(most, |left| left.min(most))
    }

    fn status(&self, peer: PeerId) -> Result<Option<SessionStatus>, Error> {
        let status =
            |messenger: &mut crate::chat::Messenger, now| messenger.endpoint().status(peer, now);
        Ok(self.handle.with(status)?)
    }

    fn is_person(&self) -> bool {
        matches!(self.typist, Typist::Person { .. })
    }

    /// Whether the input is a program's, whose end ends the conversation and whose failures are in the exit code.
    fn is_piped(&self) -> bool {
        matches!(self.typist, Typist::Pipe | Typist::Program)
    }

    fn link(&mut self, peer: PeerId) -> &mut Link {
        self.state.links.entry(peer).or_default()
    }

    fn peer(&self, peer: &PeerId) -> Peer {
        let saved = self.profile.contacts.is_saved(peer);
        Peer {
            label: self.label(peer),
            saved,
        }
    }

    fn label(&self, peer: &PeerId) -> Safe {
        self.profile.contacts.label(peer)
    }

    /// What follows from an attempt to print data. A reader that has left is an error: nobody
    /// has asked for that end.
    fn printed(&self, result: io::Result<()>) -> Result<Option<ExitCode>, Error> {
        match result {
            Ok(()) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Error::NobodyReads),
            Err(_) if matches!(self.face, Face::Screen(_)) && tui::is_gone() => {
                Ok(Some(Signal::Hangup.into()))
            }
            Err(error) => Err(Error::output(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_before_the_prompt_changed_is_not_meant_for_it() {
        let bob = PeerId::new([2; 32]);
        let since = Instant::ZERO + Duration::from_secs(5);
        let by_itself = Target::Peer(bob, Some(since));
        assert!(by_itself.is_unseen(since));
        assert!(by_itself.is_unseen(since + GLANCE - Duration::from_millis(1)));
        assert!(!by_itself.is_unseen(since + GLANCE));
        assert!(!Target::Peer(bob, None).is_unseen(since), "it was chosen");
    }

    #[test]
    fn strangers_who_claim_a_name_are_told_of_once_a_minute() {
        let start = Instant::ZERO + Duration::from_secs(5);
        let mut state = State::default();
        let calls = (0..1_000).map(|call| start + Duration::from_millis(100 * call));
        let told = calls.filter(|now| state.tells_of_claim(*now)).count();
        assert_eq!(told, 2, "within 100 seconds");
    }
}
