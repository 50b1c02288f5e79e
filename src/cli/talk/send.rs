//! `send`: one message, and whether it was delivered.

use std::io::{Read, stdin};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use crate::chat::{self, ContactId, Draft, Name, Policy, State, Update};
use crate::cli::args::SendArgs;
use crate::cli::talk::aim::Aim;
use crate::cli::talk::conversation::{closed, refused};
use crate::cli::talk::goal::{Goal, Progress, Reach};
use crate::cli::talk::network::{Input, Network};
use crate::cli::talk::profile::Profile;
use crate::cli::talk::stdin::trim_break;
use crate::cli::target::Target;
use crate::cli::{Context, End, Error, ExitCode, Loss, Obstacle, Out, Peer};
use crate::id::PeerId;
use crate::proto::{ApiMisuse, CloseReason, EndpointConfig, Event, Trust};
use crate::text::{Safe, safe_line};
use crate::time::Instant;
use crate::wire::limits::VERSION;

/// How often it is looked at what the network reports.
const LOOK: Duration = Duration::from_millis(500);

/// Sends one message and waits for its receipt.
///
/// # Errors
/// SC14 if none came in time; whatever keeps it from being tried.
pub(in crate::cli) fn send(args: &SendArgs, context: &Context) -> Result<ExitCode, Error> {
    let given = given(args)?;
    let aim = Aim::of(Target::of_send(args)?, context)?;
    let bind = aim.default_bind(args.family.into());
    let profile = Profile::open(context, bind)?;
    aim.check_test_keys(&profile)?;
    let host = aim.host()?;
    let text = read(given)?;
    let config = EndpointConfig {
        // Nobody else is wanted meanwhile.
        trust: Trust::Strict,
        stealth: true,
        ..EndpointConfig::default()
    };
    let network = Network::start(profile, bind, config, Some(&aim.offer))?;
    let started = network.clock.now();
    let reach = Reach::new(&aim, args.wait, started);
    let draft = Draft::text(text, network.clock.unix_time());
    let contact = ContactId::from(aim.offer.key);
    let accepted = network
        .driver
        .handle()
        .with(|messenger, now| messenger.send(contact, draft, now))?;
    let label = network.profile.contacts.label(&aim.offer.key);
    let peer = Peer { label, saved: true };
    let name = accepted.map_err(|error| {
        let reason = safe_line(&error.to_string());
        loss(&peer, End::Failed(reason), Course::default(), None)
    })?;
    let inputs = network.sender.clone();
    host.resolve(args.family.into(), move |found| {
        let _ = inputs.send(Input::Resolved(found));
    });
    let delivery = Delivery {
        network,
        goal: Goal::Reach(Reach {
            retry: true,
            ..reach
        }),
        out: context.out.clone(),
        peer,
        contact,
        name,
        started,
        wait: args.wait,
        course: Course::default(),
    };
    delivery.run()
}

/// Where a text comes from.
enum Given<'a> {
    Argument(&'a str),
    StandardInput,
}

/// Standard input is read only if the arguments say so: a script that forgot the text must not hang,
/// and must not send what was meant for another command.
fn given(args: &SendArgs) -> Result<Given<'_>, Error> {
    match args.text.as_deref() {
        Some("-") => Ok(Given::StandardInput),
        Some("") => Err(unsendable("there is nothing to send")),
        Some(text) => Ok(Given::Argument(text)),
        None => Err(unsendable(
            "what is to be sent is missing: give a text, or - to read standard input",
        )),
    }
}

fn read(given: Given<'_>) -> Result<String, Error> {
    match given {
        Given::Argument(text) => Ok(text.to_owned()),
        Given::StandardInput => read_standard_input(),
    }
}

/// All of standard input, without the line break at its end.
fn read_standard_input() -> Result<String, Error> {
    let largest = Policy::default().largest;
    let mut bytes = Vec::new();
    // One byte more, and room for the break, shows that it is too long.
    let most = u64::try_from(largest).unwrap_or(u64::MAX).saturating_add(3);
    let read = stdin().lock().take(most).read_to_end(&mut bytes);
    read.map_err(|error| Error::System {
        operation: "read standard input",
        reason: safe_line(&error.to_string()),
    })?;
    trim_break(&mut bytes);
    if bytes.len() > largest {
        return Err(unsendable(
            "standard input is longer than 16 MiB, the most that is sent",
        ));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| unsendable("standard input is not text in UTF-8 (nothing was sent)"))?;
    if text.is_empty() {
        return Err(unsendable(
            "there is nothing to send: standard input is empty",
        ));
    }
    Ok(text)
}

fn unsendable(reason: &'static str) -> Error {
    Error::BadArgument {
        given: "send".into(),
        reason: reason.into(),
        example: &["send", "NAME", "TEXT"],
    }
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
    name: Name,
    started: Instant,
    wait: Duration,
    course: Course,
}

impl Delivery {
    fn run(mut self) -> Result<ExitCode, Error> {
        let end = self.turn_until_done();
        let Network { driver, leave, .. } = self.network;
        drop(leave);
        driver.stop(true);
        end
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
                self.goal.on_icmp(&error);
            }
            let now = self.network.clock.now();
            let left = (self.started + self.wait).saturating_since(now);
            if left.is_zero() {
                return Err(self.out_of_time());
            }
            if let Some((peer, addresses)) = self.goal.call_again(now) {
                self.connect(peer, &addresses)?;
            }
            let patience = self.goal.patience(now).unwrap_or(LOOK);
            match self
                .network
                .inputs
                .recv_timeout(left.min(patience).min(LOOK))
            {
                Ok(Input::Wake) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Input::Signal(signal)) => return Ok(signal.into()),
                Ok(Input::Resolved(found)) => {
                    if let Some((peer, addresses)) = self.goal.on_resolved(found)? {
                        self.connect(peer, &addresses)?;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(ExitCode::NotDelivered),
            }
        }
    }

    fn on_update(&mut self, update: Update) -> Result<Option<ExitCode>, Error> {
        match update {
            Update::Session(event) => self.on_session(event).map(|()| None),
            Update::Chat(chat::Event::State {
                contact,
                name,
                state,
            }) if contact == self.contact && name == self.name => self.on_state(state),
            // What others say is not shown, so it is not taken: they keep it.
            Update::Chat(_) => Ok(None),
        }
    }

    fn on_state(&self, state: State) -> Result<Option<ExitCode>, Error> {
        match state {
            State::Queued | State::Sent => Ok(None),
            State::Delivered => {
                let took = self.network.clock.now().saturating_since(self.started);
                let words = Safe::from("delivered to ") + &self.peer.label + " after ";
                self.out.note(&(words + took.as_millis() + " ms"));
                Ok(Some(ExitCode::Done))
            }
            State::Failed(reason) => {
                let reason = safe_line(&reason.to_string());
                Err(self.loss(End::Failed(reason), None))
            }
        }
    }

    fn on_session(&mut self, event: Event) -> Result<(), Error> {
        let ours = self.contact.peer();
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
                self.goal.on_waiting(&peer);
                let words = self.peer.label.clone() + " has to accept you first; waiting";
                self.out.note(&words);
            }
            Event::Refused { peer, reason } if peer == ours => {
                return Err(refused(self.peer.clone(), self.network.own, reason));
            }
            Event::Closed { peer, reason } if peer == ours => {
                let why = closed(self.peer.label.clone(), reason);
                let now = self.network.clock.now();
                if let Progress::Stop(_) = self.goal.on_closed(&peer, reason, now) {
                    return Err(self.stopped(reason, why));
                }
                self.out.note(&why);
            }
            Event::TimestampsLow => {
                let Network { profile, clock, .. } = &self.network;
                let range = profile.timestamps.reserve(clock)?;
                let handle = self.network.driver.handle();
                handle.with(|messenger, _| messenger.endpoint_mut().add_timestamps(range))?;
            }
            Event::Introduced {
                peer,
                signing_key,
                newest_version,
            } => {
                let contacts = &self.network.profile.contacts;
                if let Err(error) = contacts.introduce(&peer, signing_key, newest_version) {
                    self.out.error(&Error::from(error).report());
                }
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
            | Event::Pong { .. }
            | Event::Verification { .. }
            | Event::Unreachable { .. }
            | Event::Roamed { .. }
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

    fn connect(&self, peer: PeerId, addresses: &[std::net::SocketAddr]) -> Result<(), Error> {
        if let Some(first) = addresses.first() {
            let words = Safe::from("connecting to ") + &self.peer.label + " at ";
            self.out.note(&(words + *first));
        }
        let handle = self.network.driver.handle();
        let started =
            handle.with(|messenger, now| messenger.endpoint_mut().connect(peer, addresses, now))?;
        if let Err(ApiMisuse::NewerVersion(theirs)) = started {
            return Err(Error::NewerVersion {
                peer: self.peer.clone(),
                theirs,
                ours: VERSION,
            });
        }
        Ok(())
    }

    fn out_of_time(&self) -> Error {
        let obstacle = if self.course.is_undecided {
            Some(Obstacle::Undecided)
        } else if self.course.has_stood {
            None
        } else {
            self.goal.obstacle(&self.peer)
        };
        self.loss(End::After(self.wait), obstacle)
    }

    fn loss(&self, end: End, obstacle: Option<Obstacle>) -> Error {
        loss(&self.peer, end, self.course, obstacle)
    }
}

fn loss(peer: &Peer, end: End, course: Course, obstacle: Option<Obstacle>) -> Error {
    Error::NotDelivered(Box::new(Loss {
        to: peer.label.clone(),
        messages: 1,
        perhaps: usize::from(course.has_stood),
        end,
        obstacle,
    }))
}
