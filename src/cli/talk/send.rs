//! `send`: one message, and whether it was delivered. With `--no-wait` it is kept for later.

mod beside;
mod text;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use serde_json::{Value, json};

use crate::chat::{self, ContactId, Draft, Name, SendError, State, Update};
use crate::cli::args::SendArgs;
use crate::cli::json::{self, Versioned, message_id, ms};
use crate::cli::talk::aim::{Aim, check_not_aside, check_still_means};
use crate::cli::talk::conversation::{closed, refused};
use crate::cli::talk::goal::{Goal, Progress, Reach, Resolved};
use crate::cli::talk::lookups::LookUps;
use crate::cli::talk::network::Network;
use crate::cli::talk::profile::{Found, Profile};
use crate::cli::talk::record::warn_unsent;
use crate::cli::talk::send::beside::{check_family, find, find_running, through};
use crate::cli::talk::send::text::{Given, given, read_standard_input};
use crate::cli::talk::single::{LOOK, Woken};
use crate::cli::target::Target;
use crate::cli::wording::kept;
use crate::cli::{Context, End, Error, ExitCode, Loss, Obstacle, Out, Peer, identity, unlock};
use crate::crypto::StaticSecret;
use crate::id::PeerId;
use crate::net::{Bind, Clock, ResolveError};
use crate::proto::{CloseReason, Event};
use crate::store::{self, KnownPeers};
use crate::text::{Safe, count_messages, safe_line};
use crate::time::Instant;

/// How much longer than for its receipt a message waits for another command that has the identity open: several
/// that were started at once for somebody who is away give up one after the other, and each keeps its message.
const TO_KEEP: Duration = Duration::from_secs(5);

/// Nothing leaves this machine now.
const NOWHERE: Bind = Bind::At(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)));

/// Sends one message and waits for its receipt.
///
/// # Errors
/// SC14 if none came in time; whatever keeps it from being tried.
pub(in crate::cli) fn send(args: &SendArgs, context: &Context) -> Result<ExitCode, Error> {
    let (text, secret, meant) = match given(args)? {
        // Whom a program knows and we do not, it says.
        Given::Argument(text) => (text.to_owned(), None, meant(args, context).ok()),
        Given::StandardInput => {
            let meant = meant(args, context)?;
            let secret = before_text(args, context)?;
            (read_standard_input()?, secret, Some(meant))
        }
    };
    if let Some(running) = find_running(args, context)? {
        return through(running, args, meant.as_ref(), text, context);
    }
    let meant = meant.map_or_else(|| self::meant(args, context), Ok)?;
    if args.no_wait {
        return keep(args, &meant, text, secret, context);
    }
    let aim = Aim::of(Target::of_send(args)?, context)?;
    let bind = aim.default_bind(args.family.into());
    // Nor does the time count that a passphrase takes.
    let secret = secret.map_or_else(|| Profile::unlock(context, bind), Ok)?;
    let clock = Clock::new();
    let begun = clock.now();
    let profile = match find(args, context, bind, secret)? {
        Found::Alone(profile) => *profile,
        Found::Beside(running) => return through(running, args, Some(&meant), text, context),
    };
    aim.check(&profile)?;
    check_still_means(profile.contacts.known(), &args.name, &meant)?;
    let host = aim.host()?;
    let network = Network::start_for(&aim.offer, profile, bind)?;
    let started = network.clock.now();
    // Waiting for another command counts.
    let waited = clock.now().saturating_since(begun);
    let look_ups = LookUps::new(host, args.family.into(), started);
    let reach = Reach::new(&aim, look_ups, args.wait, started);
    let label = network.profile.contacts.label(&aim.offer.key);
    let mut delivery = Delivery {
        goal: Goal::Reach(Box::new(Reach {
            retry: true,
            ..reach
        })),
        out: context.out.clone(),
        peer: Peer { label, saved: true },
        contact: ContactId::from(aim.offer.key),
        name: None,
        started,
        wait: args.wait,
        left: args.wait.saturating_sub(waited),
        course: Course::default(),
        delivered: None,
        network,
    };
    delivery.accept(text)?;
    delivery.run(context)
}

/// How long another command or program that has the identity is waited for.
const fn patience(args: &SendArgs) -> Duration {
    args.wait.saturating_add(TO_KEEP)
}

/// Says whatever else can be said before standard input is read for nothing, and opens the identity, unless a program that
/// runs has it. While somebody writes no time counts, and the identity is free for others.
fn before_text(args: &SendArgs, context: &Context) -> Result<Option<StaticSecret>, Error> {
    let target = Target::of_send(args)?;
    let running = find_running(args, context)?;
    if let Some(running) = &running {
        check_family(args, running)?;
    }
    let runs = running.is_some();
    let bind = if runs || args.no_wait {
        NOWHERE
    } else {
        Aim::of(target, context)?.default_bind(args.family.into())
    };
    // A passphrase that is the first line of standard input is no part of the text.
    if runs && !unlock::is_first_line(context) {
        return Ok(None);
    }
    Profile::unlock(context, bind).map(Some)
}

/// The key of whom a message is for.
fn meant(args: &SendArgs, context: &Context) -> Result<PeerId, Error> {
    let known = KnownPeers::load(&context.paths.known_peers())?;
    addressee(&known, args, context).map(store::Peer::key)
}

/// The saved peer that a message is for, if it may have one.
fn addressee<'a>(
    known: &'a KnownPeers,
    args: &SendArgs,
    context: &Context,
) -> Result<&'a store::Peer, Error> {
    let peer = known.find(&args.name)?;
    known.check_not_revoked(&peer.key())?;
    check_not_aside(known, &peer.key())?;
    identity::check_not_own(&peer.key(), Some(peer.name()), context)?;
    Ok(peer)
}

fn tell_done(done: &Value, to: &Safe, context: &Context) -> Result<(), Error> {
    if context.globals.json {
        let done = json::line(&Versioned::new(done));
        return context.out.data(&done);
    }
    let words = match done.get("after_ms").and_then(Value::as_f64) {
        Some(ms) => {
            Safe::from("delivered to ") + to + " after " + safe_line(&format!("{ms:.0} ms"))
        }
        None => kept(1, core::slice::from_ref(to)),
    };
    context.out.note(&words);
    Ok(())
}

/// `--no-wait`: writes a message down for whoever talks to the peer next. No network is needed.
fn keep(
    args: &SendArgs,
    meant: &PeerId,
    text: String,
    secret: Option<StaticSecret>,
    context: &Context,
) -> Result<ExitCode, Error> {
    let secret = secret.map_or_else(|| Profile::unlock(context, NOWHERE), Ok)?;
    let mut profile = match find(args, context, NOWHERE, secret)? {
        Found::Alone(profile) => *profile,
        Found::Beside(running) => return through(running, args, Some(meant), text, context),
    };
    profile.check_not_own(meant)?;
    let known = profile.contacts.known();
    check_still_means(known, &args.name, meant)?;
    let peer = Peer {
        label: addressee(known, args, context)?.name().clone(),
        saved: true,
    };
    warn_unsent(context);
    let contact = ContactId::from(*meant);
    let draft = Draft::text(text, profile.clock.unix_time());
    let prepared = profile.client().prepare(contact, draft);
    let message = prepared.map_err(|error| not_accepted(&peer, &error))?;
    let done = json!({ "message": message_id(message.name), "state": "queued" });
    profile.journal.queue(contact, &[message])?;
    tell_done(&done, &peer.label, context)?;
    Ok(ExitCode::Done)
}

pub(super) fn not_accepted(peer: &Peer, error: &SendError) -> Error {
    let end = End::Failed(safe_line(&error.to_string()));
    Error::NotDelivered(Box::new(Loss::of_one(peer.label.clone(), end)))
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    /// A session has stood: something may have left.
    has_stood: bool,
    /// The other side's user decides about us.
    is_undecided: bool,
}

/// One message on its way.
struct Delivery {
    network: Network,
    goal: Goal,
    out: Out,
    peer: Peer,
    contact: ContactId,
    /// The message's name, until it is delivered or has failed.
    name: Option<Name>,
    started: Instant,
    wait: Duration,
    /// What is left of it.
    left: Duration,
    course: Course,
    /// What is to be told of it once it is delivered.
    delivered: Option<Value>,
}

impl Delivery {
    /// Writes the message down, and lets it go after those that wait from before.
    fn accept(&mut self, text: String) -> Result<(), Error> {
        let (contact, handle) = (self.contact, self.network.driver.handle().clone());
        let draft = Draft::text(text, self.network.clock.unix_time());
        let prepared = handle.with(|messenger, _| messenger.prepare(contact, draft))?;
        let message = prepared.map_err(|error| not_accepted(&self.peer, &error))?;
        let name = message.name;
        let journal = &mut self.network.profile.journal;
        journal.queue(contact, core::slice::from_ref(&message))?;
        let accepted = handle.with(|messenger, now| messenger.accept(contact, message, now))?;
        if let Err(error) = accepted {
            journal.withdraw(contact, &[name])?;
            return Err(not_accepted(&self.peer, &error));
        }
        self.name = Some(name);
        self.tell_left();
        Ok(())
    }

    /// Says how many messages go first.
    fn tell_left(&self) {
        let waiting = self.network.profile.left.waiting.iter();
        let left = waiting.filter(|(to, _)| *to == self.contact).count();
        if left > 0 {
            let verb = if left == 1 { " goes" } else { " go" };
            self.out
                .note(&(count_messages(left) + " from before" + verb + " first"));
        }
    }

    fn run(mut self, context: &Context) -> Result<ExitCode, Error> {
        let end = self.turn_until_done();
        let end = self.tell_kept(end);
        // What was delivered waits no longer, whether or not that can be told; and it is told, whatever the store says of it.
        let ended = self.network.end(&self.out);
        let told = match &self.delivered {
            Some(delivered) => tell_done(delivered, &self.peer.label, context),
            None => Ok(()),
        };
        let code = end?;
        ended?;
        told?;
        Ok(code)
    }

    /// Says that the message is kept, if it is and the error does not say it.
    fn tell_kept(&self, end: Result<ExitCode, Error>) -> Result<ExitCode, Error> {
        let to = &self.peer.label;
        if self.name.is_some() {
            self.network.profile.journal.check_place()?;
        }
        match end {
            Err(Error::NotDelivered(_)) => end,
            Err(error) if self.name.is_some() => Err(error.with_kept(to.clone())),
            Ok(_) if self.name.is_some() => {
                self.out.note(&kept(1, core::slice::from_ref(to)));
                end
            }
            Ok(_) | Err(_) => end,
        }
    }

    fn turn_until_done(&mut self) -> Result<ExitCode, Error> {
        loop {
            let handle = self.network.driver.handle().clone();
            while let Some(update) = handle.poll_event()? {
                if let Some(end) = self.on_update(update)? {
                    return Ok(end);
                }
            }
            for error in handle.take_icmp_errors() {
                let called = self.network.called_at(self.contact.peer());
                self.goal.on_icmp(&error, &called, self.network.clock.now());
            }
            if let Some(end) = self.look_at_known_peers()? {
                return Ok(end);
            }
            let now = self.network.clock.now();
            let left = (self.started + self.left).saturating_since(now);
            if left.is_zero() {
                return Err(self.out_of_time());
            }
            if let Some((peer, addresses)) = self.goal.call_again(now) {
                self.connect(peer, &addresses)?;
            }
            if let Some(look_up) = self.goal.look_up(now) {
                look_up.start(&self.network.sender);
            }
            self.network.profile.journal.catch_up()?;
            let patience = self.goal.patience(now).unwrap_or(LOOK);
            match self.network.wait(left.min(patience), &self.out) {
                Woken::Look => {}
                Woken::Signal(signal) => return Ok(signal.into()),
                Woken::Resolved(found) => self.on_resolved(found)?,
                Woken::Gone => return Ok(ExitCode::NotDelivered),
            }
        }
    }

    /// Ends if known-peers says now that nothing more goes to the peer, unless the message was delivered before.
    fn look_at_known_peers(&mut self) -> Result<Option<ExitCode>, Error> {
        let (whom, out) = ((self.contact.peer(), &self.peer), &self.out);
        let looked = (self.network).look_at_known_peers(&mut self.goal, whom, self.name, out)?;
        for update in looked.news {
            match self.on_update(update) {
                Ok(None) => {}
                // Whatever else ends it follows from that.
                Err(_) if looked.over.is_some() => {}
                end => return end,
            }
        }
        let Some(error) = looked.over else {
            return Ok(None);
        };
        let (error, perhaps) = (Box::new(error), self.course.has_stood);
        Err(match self.name {
            Some(_) => *error,
            None => Error::GivenUp { error, perhaps },
        })
    }

    fn on_resolved(&mut self, found: Result<Vec<SocketAddr>, ResolveError>) -> Result<(), Error> {
        match self.goal.on_resolved(found, self.network.clock.now())? {
            Resolved::Call(peer, addresses) => self.connect(peer, &addresses),
            Resolved::Later(words) => {
                self.out.warn(&words);
                Ok(())
            }
            Resolved::Nothing => Ok(()),
        }
    }

    fn on_update(&mut self, update: Update) -> Result<Option<ExitCode>, Error> {
        match update {
            Update::Session(event) => self.on_session(event).map(|()| None),
            Update::Chat(chat::Event::State {
                contact,
                name,
                state,
            }) => {
                let end = self.on_state(contact, name, state);
                self.network.profile.journal.settled(contact, name, state);
                end
            }
            // What others say is not shown, so it is not taken: they keep it.
            Update::Chat(_) => Ok(None),
        }
    }

    fn on_state(
        &mut self,
        contact: ContactId,
        name: Name,
        state: State,
    ) -> Result<Option<ExitCode>, Error> {
        let is_ours = contact == self.contact && self.name == Some(name);
        if !is_ours {
            self.tell_other(contact, state);
            return Ok(None);
        }
        self.name.take_if(|_| state.is_final());
        match state {
            State::Queued | State::Sent => Ok(None),
            State::Delivered => {
                let took = self.network.clock.now().saturating_since(self.started);
                self.delivered = Some(json!({
                    "message": message_id(name),
                    "state": "delivered",
                    "after_ms": ms(took),
                }));
                Ok(Some(ExitCode::Done))
            }
            State::Failed(reason) => {
                let reason = safe_line(&reason.to_string());
                Err(self.loss(End::Failed(reason), None))
            }
        }
    }

    /// A message from before that fails is told; what it was is in nobody's hands but its author's.
    fn tell_other(&self, contact: ContactId, state: State) {
        if let State::Failed(reason) = state {
            let to = if contact == self.contact {
                self.peer.label.clone()
            } else {
                self.network.profile.contacts.label(&contact.peer())
            };
            let words = Safe::from("a message from before to ") + to + " failed: ";
            self.out.warn(&(words + safe_line(&reason.to_string())));
        }
    }

    fn on_session(&mut self, event: Event) -> Result<(), Error> {
        let ours = self.contact.peer();
        self.goal.on_event(&event, self.network.clock.now());
        match event {
            Event::Established { peer, address, .. } if peer == ours => {
                self.course = Course {
                    has_stood: true,
                    is_undecided: false,
                };
                self.goal.on_established(&peer, self.network.clock.now());
                let words = Safe::from("secure: ") + &self.peer.label + " at ";
                self.out.note(&(words + address));
            }
            Event::Waiting { peer } if peer == ours => {
                self.course.is_undecided = true;
                let words = self.peer.label.clone() + " has to accept you first; waiting";
                self.out.note(&words);
            }
            Event::Refused { peer, reason } if peer == ours => {
                return Err(refused(self.peer.clone(), self.network.own, reason));
            }
            Event::Closed { peer, reason } if peer == ours => {
                let is_revoked = self.network.profile.contacts.known().is_revoked(&peer);
                let why = closed(self.peer.label.clone(), reason, is_revoked);
                let now = self.network.clock.now();
                if let Progress::Stop(_) = self.goal.on_closed(&peer, reason, now) {
                    return Err(self.stopped(reason, why));
                }
                self.out.note(&why);
            }
            // Once it is heard again that is told again, if it is still so.
            Event::Silent { peer } | Event::Unreachable { peer, .. } if peer == ours => {
                self.course.is_undecided = false;
            }
            event @ (Event::TimestampsLow | Event::Introduced { .. }) => {
                self.network.on_upkeep(event, &self.out)?;
            }
            // Nobody else is wanted meanwhile, and the rest shows in the end.
            Event::Established { .. }
            | Event::Waiting { .. }
            | Event::Refused { .. }
            | Event::Closed { .. }
            | Event::Guest { .. }
            | Event::GuestGone { .. }
            | Event::Pinned { .. }
            | Event::Stream { .. }
            | Event::Silent { .. }
            | Event::Resumed { .. }
            | Event::Unreachable { .. }
            | Event::Pong { .. }
            | Event::Verification { .. }
            | Event::PingAnswered { .. }
            | Event::Roamed { .. }
            | Event::OtherPsk { .. }
            | Event::OtherVersion { .. } => {}
        }
        Ok(())
    }

    /// The other side ended the conversation for good.
    fn stopped(&self, reason: CloseReason, why: Safe) -> Error {
        if reason == CloseReason::SigningKeyChanged {
            let peer = self.peer.clone();
            return Error::SigningKeyChanged { peer };
        }
        self.loss(End::Failed(why), None)
    }

    fn connect(&self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        let note = |words: &Safe| self.out.note(words);
        self.network.call(peer, &self.peer, addresses, note)
    }

    fn out_of_time(&self) -> Error {
        if let Some(error) = self.goal.not_found().filter(|_| !self.course.has_stood) {
            return error;
        }
        let obstacle = if self.course.is_undecided {
            Some(Obstacle::Undecided)
        } else if self.course.has_stood {
            None
        } else {
            let called = self.network.called_at(self.contact.peer());
            let now = self.network.clock.now();
            self.goal.obstacle(&self.peer, &called, now)
        };
        self.loss(End::After(self.wait), obstacle)
    }

    fn loss(&self, end: End, obstacle: Option<Obstacle>) -> Error {
        Error::NotDelivered(Box::new(Loss {
            perhaps: usize::from(self.course.has_stood),
            kept: usize::from(self.name.is_some()),
            obstacle,
            ..Loss::of_one(self.peer.label.clone(), end)
        }))
    }
}

#[cfg(test)]
mod tests;
