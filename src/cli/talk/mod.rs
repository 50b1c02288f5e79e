//! `listen` and `connect`: from the arguments to a conversation.

mod answer;
mod contacts;
mod conversation;
mod goal;
mod profile;
mod stdin;
mod typed;

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::mpsc::{Sender, channel};

use crate::cli::args::{self, ConnectArgs, ListenArgs};
use crate::cli::error::Prompt;
use crate::cli::talk::conversation::{Conversation, Input, State};
use crate::cli::talk::goal::{Goal, Reach, Stage};
use crate::cli::talk::profile::{Profile, cannot_bind};
use crate::cli::{Context, Error, ExitCode, input, peers};
use crate::net::{Bind, Clock, DEFAULT_PORT, Driver, Family, Host, ResolveError, Signals, Socket};
use crate::plain::{Form, Printer};
use crate::proto::{EndpointConfig, PeerConfig, Trust};
use crate::store::{HostPort, KeyOffer, fingerprint, is_test_only, key_text};
use crate::text::{Safe, safe_line};

/// `listen`: waits for others.
///
/// # Errors
/// Whatever ends it.
pub(super) fn listen(args: &ListenArgs, context: &Context) -> Result<ExitCode, Error> {
    let family = family(args.family);
    let bind = match &args.address {
        Some(address) => Bind::At(local_address(address, family, Some(DEFAULT_PORT))?),
        None => Bind::Everywhere { port: DEFAULT_PORT, family },
    };
    let trust = trust(args.trust, context)?;
    let config = EndpointConfig {
        trust,
        stealth: args.stealth,
        nickname: args.nickname.clone(),
        keepalive: None,
    };
    let profile = Profile::open(context, bind)?;
    let goal = Goal::Listen { once: args.once.then_some(None) };
    let (conversation, _) = start(context, profile, bind, config, goal, None)?;
    announce(&conversation, context);
    conversation.run()
}

/// Says where we listen, and what others have to type.
fn announce(conversation: &Conversation, context: &Context) {
    let local = conversation.handle.local_addr();
    let key = key_text(&conversation.own);
    context.out.note(&(Safe::from("listening on ") + local + "/udp as " + &key));
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
    let family = family(args.family);
    let target = Target::find(args, context)?;
    let bind = match &args.bind {
        Some(address) => Bind::At(local_address(address, family, None)?),
        None => target.default_bind(family),
    };
    let profile = Profile::open(context, bind)?;
    target.check_test_keys(&profile)?;
    let trust = trust(args.trust, context)?;
    let nickname = args.nickname.clone();
    let config = EndpointConfig { trust, nickname, ..EndpointConfig::default() };
    let clock = Clock::new();
    let goal = Goal::Reach(Reach {
        peer: target.offer.key,
        host: target.host.clone(),
        addresses: Vec::new(),
        timeout: args.timeout,
        retry: args.retry,
        started: clock.now(),
        state: Stage::Trying,
        closed: Vec::new(),
        save_as: args.save_as.clone(),
    });
    let host = Host::parse(&target.host.to_string(), None)
        .map_err(|error| bad_address(&target.host.to_string(), error))?;
    let (conversation, inputs) = start(context, profile, bind, config, goal, Some(&target.offer))?;
    host.resolve(family, move |found| {
        // The conversation may be over.
        let _ = inputs.send(Input::Resolved(found));
    });
    conversation.run()
}

/// Whom to reach, and where.
struct Target {
    offer: KeyOffer,
    host: HostPort,
}

impl Target {
    /// Reads the arguments: NAME, NAME HOST:PORT, or a key and HOST:PORT.
    fn find(args: &ConnectArgs, context: &Context) -> Result<Self, Error> {
        let offer = match (&args.peer_key, &args.peer_key_file) {
            (Some(key), _) => Some(input::key_offer(key)?),
            (None, Some(path)) => Some(input::key_file(path)?),
            (None, None) => None,
        };
        match (offer, args.target.as_slice()) {
            (Some(offer), [host]) => Ok(Self { offer, host: host.parse()? }),
            (Some(_), [_, extra, ..]) => Err(Error::BadArgument {
                given: safe_line(extra),
                reason: "beside a key only HOST:PORT is needed".into(),
                example: &[],
            }),
            (Some(offer), []) => {
                let host = offer.addresses.first().cloned();
                let host = host.ok_or_else(|| no_address(&offer))?;
                Ok(Self { offer, host })
            }
            (None, [name]) => Self::saved(name, None, context),
            (None, [name, host, ..]) => Self::saved(name, Some(host.parse()?), context),
            (None, []) => Err(Error::NoSuchPeer { name: Safe::default(), similar: None }),
        }
    }

    fn saved(name: &str, host: Option<HostPort>, context: &Context) -> Result<Self, Error> {
        let known = crate::store::KnownPeers::load(&context.paths.known_peers())?;
        let peer = peers::find(&known, name)?;
        let host = host.or_else(|| peer.addresses().first().cloned());
        let host = host.ok_or_else(|| Error::NoAddress { name: peer.name().clone() })?;
        let offer = KeyOffer { key: peer.key(), name: None, addresses: Vec::new() };
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
        let is_local = self.literal().is_some_and(|ip| ip.to_canonical().is_loopback());
        if is_test && !is_local { Err(Error::TestKey) } else { Ok(()) }
    }
}

fn no_address(offer: &KeyOffer) -> Error {
    Error::NoAddress { name: fingerprint(&offer.key) }
}

/// Opens the socket, starts the threads and whatever else wakes the loop.
fn start(
    context: &Context,
    mut profile: Profile,
    bind: Bind,
    config: EndpointConfig,
    goal: Goal,
    stranger: Option<&KeyOffer>,
) -> Result<(Conversation, Sender<Input>), Error> {
    let clock = Clock::new();
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
    let driver = Driver::start(socket, endpoint, clock, notify).map_err(|e| no_threads(&e))?;
    let wake = inputs.clone();
    let lines = stdin::read_lines(move || {
        let _ = wake.send(Input::Wake);
    });
    let deliver = inputs.clone();
    let signals = Signals::watch(move |signal| {
        let _ = deliver.send(Input::Signal(signal));
    });
    let interactive = stdin().is_terminal() && !context.globals.no_input;
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
        _signals: signals.map_err(|error| no_threads(&error))?,
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
        endpoint.add_peer(PeerConfig { id: offer.key, psk: None, addresses: Vec::new() });
    }
    Ok(())
}

/// People read a transcript, programs records.
fn form() -> Form {
    if stdout().is_terminal() { Form::Transcript } else { Form::Records }
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

const fn family(family: args::Family) -> Family {
    match (family.v4, family.v6) {
        (true, _) => Family::V4,
        (false, true) => Family::V6,
        (false, false) => Family::Any,
    }
}

/// A local address: it must be written as one, since names of hosts may mean several.
fn local_address(
    text: &str,
    family: Family,
    default_port: Option<u16>,
) -> Result<SocketAddr, Error> {
    let given = || safe_line(text);
    let wrong = |reason: &'static str| Error::BadArgument {
        given: given(),
        reason: reason.into(),
        example: &["listen", "[::]:7420"],
    };
    // A port of 0 lets the system choose; a host has none.
    let address = match text.parse::<SocketAddr>() {
        Ok(address) => address,
        Err(_) => match Host::parse(text, Some(default_port.unwrap_or(0).max(1))) {
            Ok(Host::Literal(mut address)) => {
                let has_port = text.parse::<IpAddr>().is_err();
                if !has_port {
                    address.set_port(default_port.unwrap_or(0));
                }
                address
            }
            Ok(Host::Name { .. }) => return Err(wrong("an IP address and port are needed")),
            Err(error) => return Err(bad_address(text, error)),
        },
    };
    if !family.allows(address.ip()) {
        return Err(wrong("the address is of the other family"));
    }
    Ok(address)
}

fn bad_address(text: &str, error: ResolveError) -> Error {
    let reason = safe_line(&error.to_string());
    Error::BadArgument { given: safe_line(text), reason, example: &["listen", "[::]:7420"] }
}

fn no_threads(error: &std::io::Error) -> Error {
    let reason = safe_line(&error.to_string());
    Error::System { operation: "start the network", reason }
}
