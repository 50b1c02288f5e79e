//! `ping`: how long the way to a peer and back takes, inside the seal, and how much of it is lost.

mod tally;
mod through;

use std::net::SocketAddr;
use std::time::Duration;

use crate::chat::{self, State, Update};
use crate::cli::args::{Family, PingArgs};
use crate::cli::control::Running;
use crate::cli::talk::aim::Aim;
use crate::cli::talk::conversation::{closed, refused};
use crate::cli::talk::goal::{Goal, Progress, Reach, Resolved};
use crate::cli::talk::lookups::LookUps;
use crate::cli::talk::network::Network;
use crate::cli::talk::ping::tally::Tally;
use crate::cli::talk::profile::{Found, Profile};
use crate::cli::talk::single::{LOOK, Woken};
use crate::cli::target::Target;
use crate::cli::turn::PATIENCE;
use crate::cli::{Context, Error, ExitCode, Out, Peer};
use crate::id::PeerId;
use crate::net::{Bind, Signal};
use crate::proto::Event;
use crate::store::{self, KnownPeers};
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// No more than ten pings a second: a tool to look, not to load.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Measures the way to a peer and back until the count is full or somebody presses Ctrl+C.
///
/// # Errors
/// Those of `connect` if no connection comes about.
pub(in crate::cli) fn ping(args: &PingArgs, context: &Context) -> Result<ExitCode, Error> {
    let target = target(args)?;
    if let Some(running) = Running::find(context, PATIENCE)? {
        return through::through(running, args, target, context);
    }
    let aim = Aim::of(target.clone(), context)?;
    let bind = aim.default_bind(args.family.into());
    match find(context, bind, args.timeout)? {
        Found::Alone(profile) => {
            let (code, _) = begin(args, &aim, bind, *profile, context)?.run()?;
            Ok(code)
        }
        Found::Beside(running) => {
            aim.check_name(&KnownPeers::load(&context.paths.known_peers())?)?;
            through::through(running, args, target, context)
        }
    }
}

fn target(args: &PingArgs) -> Result<Target, Error> {
    Target::of_words(
        &args.target,
        args.peer_key.as_deref(),
        args.peer_key_file.as_deref(),
    )
}

/// Opens what is needed, and has the peer's address looked up.
fn begin(
    args: &PingArgs,
    aim: &Aim,
    bind: Bind,
    profile: Profile,
    context: &Context,
) -> Result<Pinging, Error> {
    aim.check(&profile)?;
    let host = aim.host()?;
    let network = Network::start_for(&aim.offer, profile, bind)?;
    let contacts = &network.profile.contacts;
    let peer = Peer {
        label: contacts.label(&aim.offer.key),
        saved: contacts.is_saved(&aim.offer.key),
    };
    let now = network.clock.now();
    let look_ups = LookUps::new(host, args.family.into(), now);
    let reach = Reach::new(aim, look_ups, args.timeout, now);
    Ok(Pinging {
        id: aim.offer.key,
        goal: Goal::Reach(Box::new(reach)),
        out: context.out.clone(),
        tally: Tally::new(args.wait, context.globals.json, peer.label.clone()),
        peer,
        count: args.count.unwrap_or(u64::MAX),
        interval: args.interval.max(SHORTEST_INTERVAL),
        next: None,
        is_undecided: false,
        give_up: now + args.timeout,
        is_silent: false,
        network,
    })
}

/// Calls a saved peer and sends it one ping, without a word. Returns how long it took, if it was answered.
///
/// # Errors
/// Those of [`ping`].
pub(in crate::cli) fn look(
    name: &Safe,
    address: &str,
    context: &Context,
) -> Result<Option<Duration>, Error> {
    let args = PingArgs {
        target: vec![name.as_str().to_owned(), address.to_owned()],
        peer_key: None,
        peer_key_file: None,
        count: Some(1),
        interval: SHORTEST_INTERVAL,
        wait: Duration::from_secs(2),
        timeout: Duration::from_secs(5),
        family: Family::default(),
    };
    let aim = Aim::of(target(&args)?, context)?;
    let bind = aim.default_bind(args.family.into());
    let profile = Profile::open(context, bind)?;
    let mut pinging = begin(&args, &aim, bind, profile, context)?;
    pinging.is_silent = true;
    let (_, tally) = pinging.run()?;
    Ok(tally.average())
}

/// Opens the profile, or finds who has it open; where that cannot be asked, says what does the same there.
fn find(context: &Context, bind: Bind, patience: Duration) -> Result<Found, Error> {
    Profile::find(context, bind, patience).inspect_err(|error| {
        if let Error::Store(error) = error
            && matches!(error.kind(), store::ErrorKind::InUse { .. })
        {
            context
                .out
                .note(&"in the window that has it open, /ping NAME measures the same".into());
        }
    })
}

struct Pinging {
    network: Network,
    goal: Goal,
    out: Out,
    id: PeerId,
    peer: Peer,
    tally: Tally,
    count: u64,
    interval: Duration,
    /// When the next ping leaves; none before the connection stands.
    next: Option<Instant>,
    /// The other side's user has yet to accept us.
    is_undecided: bool,
    give_up: Instant,
    /// Whether nothing of it is printed.
    is_silent: bool,
}

impl Pinging {
    fn run(mut self) -> Result<(ExitCode, Tally), Error> {
        let end = self.turn_until_done();
        let sum = if self.tally.sent() > 0 {
            self.tally.sum_up()
        } else {
            Vec::new()
        };
        let told = sum.iter().try_for_each(|line| self.say(line));
        let ended = self.network.end(&self.out);
        let code = match end {
            // That is no error, and hides none.
            Err(Error::ReaderGone) => return ended.and(Err(Error::ReaderGone)),
            end => end?,
        };
        ended?;
        told?;
        Ok((code, self.tally))
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
                let called = self.network.called_at(self.id);
                self.goal.on_icmp(&error, &called, self.network.clock.now());
            }
            if let Some(end) = self.look_at_known_peers()? {
                return Ok(end);
            }
            self.network.profile.journal.catch_up()?;
            let now = self.network.clock.now();
            if let Some(end) = self.on_time(now)? {
                return Ok(end);
            }
            match self.network.wait(self.patience(now), &self.out) {
                Woken::Look => {}
                Woken::Signal(Signal::Interrupt) if self.tally.sent() > 0 => {
                    return Ok(self.tally.verdict());
                }
                Woken::Signal(signal) => return Ok(signal.into()),
                Woken::Resolved(found) => {
                    if let Resolved::Call(peer, addresses) = self.goal.on_resolved(found, now)? {
                        self.connect(peer, &addresses)?;
                    }
                }
                Woken::Gone => return Ok(self.tally.verdict()),
            }
        }
    }

    /// Ends if known-peers says now that nobody talks to the peer any more.
    fn look_at_known_peers(&mut self) -> Result<Option<ExitCode>, Error> {
        let whom = (self.id, &self.peer);
        let looked = (self.network).look_at_known_peers(&mut self.goal, whom, None, &self.out)?;
        for update in looked.news {
            let end = self.on_update(update);
            // Whatever else ends it follows from that.
            if looked.over.is_none() && !matches!(end, Ok(None)) {
                return end;
            }
        }
        looked.over.map_or(Ok(None), Err)
    }

    /// Prints a line of data.
    fn say(&self, line: &Safe) -> Result<(), Error> {
        if self.is_silent {
            return Ok(());
        }
        self.out.data(line)
    }

    fn note(&self, words: &Safe) {
        if !self.is_silent {
            self.out.note(words);
        }
    }

    /// Sends what is due, and tells what has no answer in time.
    fn on_time(&mut self, now: Instant) -> Result<Option<ExitCode>, Error> {
        // Another shared secret ends the session, and is called with.
        if let Some((peer, addresses)) = self.goal.call_again(now) {
            self.connect(peer, &addresses)?;
        }
        if let Some(look_up) = self.goal.look_up(now) {
            look_up.start(&self.network.sender);
        }
        if let Some(reach) = self.goal.overdue(now) {
            let tries = self.tries(reach.peer)?;
            let called = self.network.called_at(reach.peer);
            return Err(reach.failure(self.peer.clone(), tries, &called, now));
        }
        if self.is_undecided && now >= self.give_up {
            let words =
                self.peer.label.clone() + " has answered, and nobody has accepted you there";
            if !self.is_silent {
                self.out.warn(&words);
            }
            return Ok(Some(ExitCode::Trust));
        }
        for line in self.tally.overdue(now) {
            self.say(&line)?;
        }
        if self.next.is_some_and(|next| next <= now) && self.tally.sent() < self.count {
            self.ping(now)?;
        }
        let is_done = self.tally.sent() >= self.count && self.tally.awaits().is_none();
        Ok(is_done.then(|| self.tally.verdict()))
    }

    fn tries(&self, peer: PeerId) -> Result<u32, Error> {
        let handle = self.network.driver.handle();
        let status = handle.with(|messenger, now| messenger.endpoint().status(peer, now))?;
        Ok(status.map_or(0, |status| status.tries))
    }

    fn ping(&mut self, now: Instant) -> Result<(), Error> {
        let (id, number) = (self.id, self.tally.send(now));
        self.next = Some(now + self.interval);
        let handle = self.network.driver.handle();
        // Without a session it is as good as lost, and is told as such.
        let _ =
            handle.with(|messenger, now| messenger.endpoint_mut().count_ping(id, number, now))?;
        Ok(())
    }

    fn patience(&self, now: Instant) -> Duration {
        let next = self.next.filter(|_| self.tally.sent() < self.count);
        let times = [next, self.tally.awaits()].into_iter().flatten();
        let times = times.map(|time| time.saturating_since(now));
        let patience = times.chain(self.goal.patience(now)).chain([LOOK]).min();
        patience.unwrap_or(LOOK)
    }

    fn on_update(&mut self, update: Update) -> Result<Option<ExitCode>, Error> {
        match update {
            Update::Session(event) => self.on_session(event),
            Update::Chat(chat::Event::State {
                contact,
                name,
                state,
            }) => {
                // What waited from before goes out on this connection as on any.
                self.network.profile.journal.settled(contact, name, state);
                if let State::Failed(reason) = state {
                    let words = Safe::from("a message from before failed: ");
                    self.out.warn(&(words + safe_line(&reason.to_string())));
                }
                Ok(None)
            }
            // What others say is not shown, so it is not taken: they keep it.
            Update::Chat(_) => Ok(None),
        }
    }

    fn on_session(&mut self, event: Event) -> Result<Option<ExitCode>, Error> {
        let ours = self.id;
        self.goal.on_event(&event, self.network.clock.now());
        match event {
            Event::Established { peer, address, .. } if peer == ours => self.on_stands(address),
            Event::PingAnswered { peer, id, rtt } if peer == ours => {
                if let Some(line) = self.tally.answer(id, rtt) {
                    self.say(&line)?;
                }
            }
            Event::Roamed { peer, to } if peer == ours => self.tally.at(to),
            Event::Waiting { peer } if peer == ours => {
                self.is_undecided = true;
                let words = self.peer.label.clone() + " has to accept you first; waiting";
                self.note(&words);
            }
            Event::Refused { peer, reason } if peer == ours => {
                return Err(refused(self.peer.clone(), self.network.own, reason));
            }
            Event::Closed { peer, reason } if peer == ours => {
                let is_revoked = self.network.profile.contacts.known().is_revoked(&peer);
                self.note(&closed(self.peer.label.clone(), reason, is_revoked));
                let now = self.network.clock.now();
                if let Progress::Stop(code) = self.goal.on_closed(&peer, reason, now) {
                    let is_goodbye = code == ExitCode::Done;
                    return Ok(Some(if is_goodbye {
                        self.tally.verdict()
                    } else {
                        code
                    }));
                }
            }
            Event::Silent { peer } if peer == ours => {
                let words = Safe::from("nothing is heard from ") + &self.peer.label;
                self.note(&(words + "; calling again"));
            }
            event @ (Event::TimestampsLow | Event::Introduced { .. }) => {
                self.network.on_upkeep(event, &self.out)?;
            }
            // Nobody else is wanted meanwhile, and the rest shows in the pings.
            Event::Established { .. }
            | Event::Verification { .. }
            | Event::PingAnswered { .. }
            | Event::Roamed { .. }
            | Event::Waiting { .. }
            | Event::Refused { .. }
            | Event::Closed { .. }
            | Event::Silent { .. }
            | Event::Guest { .. }
            | Event::GuestGone { .. }
            | Event::Pinned { .. }
            | Event::Stream { .. }
            | Event::Resumed { .. }
            | Event::Pong { .. }
            | Event::Unreachable { .. }
            | Event::OtherPsk { .. }
            | Event::OtherVersion { .. } => {}
        }
        Ok(None)
    }

    fn on_stands(&mut self, address: SocketAddr) {
        let now = self.network.clock.now();
        self.is_undecided = false;
        self.goal.on_established(&self.id, now);
        self.tally.at(address);
        if self.next.is_none() {
            let words = Safe::from("secure: ") + &self.peer.label + " at ";
            self.note(&(words + address));
            self.next = Some(now);
        }
    }

    fn connect(&self, peer: PeerId, addresses: &[SocketAddr]) -> Result<(), Error> {
        let note = |words: &Safe| self.note(words);
        self.network.call(peer, &self.peer, addresses, note)
    }
}
