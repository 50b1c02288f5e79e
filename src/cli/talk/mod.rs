//! `listen` and `connect`: from the arguments to a conversation.

mod answer;
mod contacts;
mod conversation;
mod goal;
mod leave;
mod profile;
mod stdin;
mod typed;

pub(super) use self::leave::Leave;
pub(super) use self::profile::cannot_bind;
pub(super) use self::stdin::{Stdin, read_lines};
pub(super) use self::typed::Typed;

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Sender, channel};

use crate::chat::Messenger;
use crate::cli::Prompt;
use crate::cli::args::{self, ConnectArgs, ListenArgs};
use crate::cli::talk::contacts::unsaved;
use crate::cli::talk::conversation::{Conversation, Input, State};
use crate::cli::talk::goal::{Again, Goal, Reach, Stage};
use crate::cli::talk::profile::Profile;
use crate::cli::target::{self, Target, Who};
use crate::cli::{Context, Error, ExitCode, input, peers};
use crate::net::{Bind, Clock, Driver, Family, Host, ResolveError, Socket, seed};
use crate::plain::{Form, Printer};
use crate::proto::{EndpointConfig, PeerConfig, Shown, Trust};
use crate::store::{HostPort, KeyOffer, KnownPeers, is_test_only, key_text};
use crate::text::{Safe, safe_line};
use crate::time::Instant;

/// `listen`: waits for others.
///
/// # Errors
/// Whatever ends it.
pub(super) fn listen(args: &ListenArgs, context: &Context) -> Result<ExitCode, Error> {
    let bind = target::listen_on(args)?;
    let config = EndpointConfig {
        trust: trust(args.trust, context)?,
        stealth: args.stealth,
        nickname: args.nickname.clone(),
        bulk: false,
        keepalive: None,
    };
    let profile = Profile::open(context, bind)?;
    let goal = Goal::Listen {
        once: args.once.then_some(None),
    };
    let (conversation, _) = start(context, profile, bind, config, goal, None)?;
    announce(&conversation, context);
    conversation.run()
}

/// Says where we listen, and what others have to type.
fn announce(conversation: &Conversation, context: &Context) {
    let local = conversation.handle.local_addr();
    let key = key_text(&conversation.own);
    context
        .out
        .note(&(Safe::from("listening on ") + local + "/udp as " + &key));
    let host = if local.ip().is_unspecified() {
        Safe::from("<this-host>:") + local.port()
    } else {
        Safe::from(local)
    };
    let command = Safe::from("others can run:  securechat connect --peer-key ") + key + " " + host;
    context.out.note(&command);
}

/// `connect`: reaches one peer.
///
/// # Errors
/// Whatever ends it; SC06 or SC07 if nobody answers.
pub(super) fn connect(args: &ConnectArgs, context: &Context) -> Result<ExitCode, Error> {
    let aim = Aim::of(Target::of(args)?, context)?;
    let bind = match args.bind {
        Some(_) => target::send_from(args)?,
        None => aim.default_bind(args.family.into()),
    };
    let trust = trust(args.trust, context)?;
    let profile = Profile::open(context, bind)?;
    aim.check_test_keys(&profile)?;
    let save_as = match &args.save_as {
        Some(name) => profile.contacts.to_save(name, &aim.offer.key)?,
        None => None,
    };
    let nickname = args.nickname.clone();
    let config = EndpointConfig {
        trust,
        nickname,
        ..EndpointConfig::default()
    };
    let goal = Goal::Reach(Reach {
        peer: aim.offer.key,
        host: aim.host.clone(),
        addresses: Vec::new(),
        timeout: args.timeout,
        retry: args.retry,
        started: Instant::ZERO,
        state: Stage::Trying,
        closed: Vec::new(),
        save_as,
        again: Again::default(),
    });
    let host = aim.host.to_string();
    let host = Host::parse(&host, None).map_err(|error| bad_address(&host, error))?;
    let (conversation, inputs) = start(context, profile, bind, config, goal, Some(&aim.offer))?;
    host.resolve(args.family.into(), move |found| {
        // The conversation may be over.
        let _ = inputs.send(Input::Resolved(found));
    });
    conversation.run()
}

/// Whom to reach, and where.
struct Aim {
    offer: KeyOffer,
    host: HostPort,
}

impl Aim {
    /// Looks a name up in known-peers; a key needs no looking up.
    fn of(target: Target, context: &Context) -> Result<Self, Error> {
        let (offer, name, saved) = match target.who {
            Who::Key(offer) => (offer, None, None),
            Who::Name(name) => {
                let known = KnownPeers::load(&context.paths.known_peers())?;
                let peer = peers::find(&known, &name)?;
                let saved = peer.addresses().first().cloned();
                let name = Some(peer.name().clone());
                (
                    KeyOffer {
                        key: peer.key(),
                        name: None,
                        addresses: Vec::new(),
                    },
                    name,
                    saved,
                )
            }
        };
        let host = target.address.or(saved);
        let host = host.ok_or_else(|| Error::NoAddress {
            name: name.unwrap_or_else(|| unsaved(&offer.key)),
        })?;
        Ok(Self { offer, host })
    }

    /// The address of the host, if it is written as one.
    fn literal(&self) -> Option<IpAddr> {
        self.host.host().parse().ok()
    }

    /// From where to call when nobody says: from loopback to loopback, else from everywhere.
    fn default_bind(&self, family: Family) -> Bind {
        match self.literal().filter(|ip| ip.to_canonical().is_loopback()) {
            Some(IpAddr::V4(_)) => Bind::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            Some(IpAddr::V6(_)) => Bind::At(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))),
            None => Bind::Everywhere { port: 0, family },
        }
    }

    /// Published test keys work on loopback only, whichever side has one.
    fn check_test_keys(&self, profile: &Profile) -> Result<(), Error> {
        let is_test = is_test_only(&self.offer.key) || is_test_only(&profile.secret.public());
        let is_local = self
            .literal()
            .is_some_and(|ip| ip.to_canonical().is_loopback());
        if is_test && !is_local {
            Err(Error::TestKey)
        } else {
            Ok(())
        }
    }
}

/// Opens the socket, starts the threads and whatever else wakes the loop.
fn start(
    context: &Context,
    mut profile: Profile,
    bind: Bind,
    config: EndpointConfig,
    mut goal: Goal,
    stranger: Option<&KeyOffer>,
) -> Result<(Conversation, Sender<Input>), Error> {
    let clock = Clock::new();
    goal.start(clock.now());
    let mut endpoint = profile.endpoint(config, &clock)?;
    if let Some(offer) = stranger {
        meet(&mut profile, &mut endpoint, offer)?;
    }
    let own = endpoint.id();
    let socket = Socket::bind(bind).map_err(|error| cannot_bind(bind, &error))?;
    let (inputs, receiver) = channel();
    let wake = inputs.clone();
    let notify = Box::new(move || {
        let _ = wake.send(Input::Wake);
    });
    let messenger = Messenger::in_memory(endpoint, seed(), clock.now());
    let driver = Driver::start(socket, messenger, clock, notify).map_err(|e| no_threads(&e))?;
    let wake = inputs.clone();
    let lines = read_lines(move || {
        let _ = wake.send(Input::Wake);
    });
    let deliver = inputs.clone();
    let leave = Leave::watch(driver.handle().clone(), move |signal| {
        let _ = deliver.send(Input::Signal(signal));
    });
    // With --no-input nobody is asked, but whoever types still has commands.
    let interactive = stdin().is_terminal();
    let conversation = Conversation {
        profile,
        handle: driver.handle().clone(),
        driver,
        clock,
        printer: Printer::new(form(), stdout(), stderr(), context.globals.quiet),
        out: context.out.clone(),
        inputs: receiver,
        lines: lines.map_err(|error| no_threads(&error))?,
        interactive,
        goal,
        own,
        state: State::default(),
        leave: leave.map_err(|error| no_threads(&error))?,
    };
    Ok((conversation, inputs))
}

/// Takes in somebody who is known by the arguments only.
fn meet(
    profile: &mut Profile,
    endpoint: &mut crate::proto::Endpoint,
    offer: &KeyOffer,
) -> Result<(), Error> {
    let known = profile.contacts.known();
    known.check_not_revoked(&offer.key)?;
    if known.find_key(&offer.key).is_none() {
        profile.contacts.meet(offer);
        endpoint.add_peer(PeerConfig {
            id: offer.key,
            psk: None,
            addresses: Vec::new(),
            shown: Shown::default(),
        });
    }
    Ok(())
}

/// People read a transcript, programs records.
fn form() -> Form {
    if stdout().is_terminal() {
        Form::Transcript
    } else {
        Form::Records
    }
}

/// Asking needs somebody to ask.
fn trust(wanted: Option<args::Trust>, context: &Context) -> Result<Trust, Error> {
    let can_ask = input::can_ask(context.globals.no_input);
    match wanted {
        Some(args::Trust::Ask) if !can_ask => Err(Error::NeedsInput(Prompt::Trust)),
        Some(args::Trust::Ask) => Ok(Trust::Ask),
        Some(args::Trust::Strict) => Ok(Trust::Strict),
        Some(args::Trust::New) => Ok(Trust::New),
        None if can_ask => Ok(Trust::Ask),
        None => Ok(Trust::Strict),
    }
}

fn bad_address(text: &str, error: ResolveError) -> Error {
    let reason = safe_line(&error.to_string());
    Error::BadArgument {
        given: safe_line(text),
        reason,
        example: &["listen", "[::]:7420"],
    }
}

pub(super) fn no_threads(error: &std::io::Error) -> Error {
    let reason = safe_line(&error.to_string());
    Error::System {
        operation: "start the network",
        reason,
    }
}
