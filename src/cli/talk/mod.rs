//! `listen`, `connect` and `send`: from the arguments to a conversation.

mod aim;
mod answer;
mod backlog;
mod calls;
mod contacts;
mod conversation;
mod ends;
mod face;
mod fact;
mod files;
mod goal;
mod guide;
mod hook;
mod in_memory;
mod journal;
mod leave;
mod lookups;
mod network;
mod ping;
mod profile;
mod programs;
mod record;
mod request;
mod send;
mod sent;
mod single;
mod status;
mod stdin;
mod terminal;
mod typed;
mod unseen;

pub(super) use self::aim::check_still_means;
pub(super) use self::contacts::unsaved;
pub(super) use self::in_memory::{Neighbour, ReadOut, in_memory};
pub(super) use self::leave::Leave;
pub(super) use self::network::no_threads;
pub(super) use self::ping::{look, ping};
pub(super) use self::profile::{cannot_bind, timestamps_of_run};
pub(super) use self::record::{check as check_records, check_unrecorded, warn_uncalled};
pub use self::request::{read_call_for_testing_only, read_line_for_testing_only};
pub(super) use self::send::send;
pub(super) use self::status::{PeerStatus, Status, TurnedAway, Unheard};
pub(super) use self::terminal::{by_terminal, has_terminal, moves_cursor, through, wants_screen};

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::Prompt;
use crate::cli::args::{self, ConnectArgs, DaemonArgs, ListenArgs, Reachable};
use crate::cli::talk::aim::Aim;
use crate::cli::talk::calls::Calls;
use crate::cli::talk::conversation::{Conversation, State, Typist};
use crate::cli::talk::ends::{Ends, Look, as_events, in_lines, open_screen};
use crate::cli::talk::face::Face;
use crate::cli::talk::fact::Fact;
use crate::cli::talk::goal::{Goal, Reach};
use crate::cli::talk::lookups::LookUps;
use crate::cli::talk::network::Network;
use crate::cli::talk::profile::Profile;
use crate::cli::talk::programs::Programs;
use crate::cli::talk::stdin::Lines;
use crate::cli::talk::terminal::no_screen;
use crate::cli::target::{self, Target};
use crate::cli::{BindSource, Context, Error, ExitCode, Out, Suggestion, input, streams};
use crate::control::IS_SUPPORTED;
use crate::id::PeerId;
use crate::net::{Bind, DEFAULT_PORT, Family, Socket};
use crate::plain::{Form, Printer};
use crate::proto::{EndpointConfig, Trust};
use crate::store::{Callers, Mode, key_text};
use crate::text::Safe;

/// As the flag of the same name says where it is not given.
const LINGER: Duration = Duration::from_secs(10);

/// `listen`: waits for others.
///
/// # Errors
/// Whatever ends it.
pub(super) fn listen(args: &ListenArgs, context: &Context) -> Result<ExitCode, Error> {
    let on_screen = wants_screen(context)?;
    let reachable = &args.reachable;
    let bind = target::listen_on(reachable, context.config.listen)?;
    let config = EndpointConfig {
        trust: trust(reachable.trust, context)?,
        stealth: reachable.stealth,
        nickname: nickname(reachable.nickname.as_deref(), context)?,
        keepalive: context.config.keepalive.for_everybody(),
        ..EndpointConfig::default()
    };
    let profile = Profile::open(context, bind)?;
    let goal = Goal::Listen {
        once: args.once.then_some(None),
    };
    let source = source("listen", reachable, context);
    let network = Network::start(profile, bind, config, None);
    let network = network.map_err(|error| error.bound_by(&source))?;
    let mut conversation = converse(network, goal, args.linger, on_screen, context)?;
    announce(&mut conversation)?;
    conversation.run()
}

/// `securechat` alone: everybody who is known, on a screen, in lines or as events. It listens, and calls those whose
/// address is known.
///
/// # Errors
/// Whatever ends it; SC01 if there is no identity yet.
pub(super) fn open(context: &Context) -> Result<ExitCode, Error> {
    let on_screen = wants_screen(context)?;
    let bind = target::settled_bind(context.config.listen, Family::Any);
    let config = EndpointConfig {
        trust: trust(None, context)?,
        nickname: nickname(None, context)?,
        keepalive: context.config.keepalive.for_everybody(),
        ..EndpointConfig::default()
    };
    let profile = Profile::open(context, bind)?;
    let goal = Goal::Listen { once: None };
    let (network, source) = match context.config.listen {
        Some(_) => (
            Network::start(profile, bind, config, None),
            BindSource::Settings("listen", context.paths.config()),
        ),
        None => (
            Network::start_on(profile, usual_socket, config, None),
            BindSource::Command("listen"),
        ),
    };
    let network = network.map_err(|error| error.bound_by(&source))?;
    let mut conversation = converse(network, goal, LINGER, on_screen, context)?;
    conversation.call_everybody();
    announce(&mut conversation)?;
    let port = conversation.handle.local_addr().port();
    if context.config.listen.is_none() && port != DEFAULT_PORT {
        conversation.face.note(None, &port_taken());
    }
    conversation.run()
}

/// Whoever has the address of this machine without a port, or with the usual one, calls another program.
fn port_taken() -> Safe {
    let words = Safe::from("port ") + DEFAULT_PORT + " is taken by another program: ";
    words + "whoever calls you there does not reach you"
}

/// `daemon`: as `securechat` alone, without a terminal.
///
/// # Errors
/// Whatever ends it; SC42 where there are no control sockets, SC41 if its own cannot be used.
pub(super) fn daemon(args: &DaemonArgs, context: &Context) -> Result<ExitCode, Error> {
    if !IS_SUPPORTED {
        return Err(Error::NotHere { command: "daemon" });
    }
    let listen = &args.listen;
    let bind = target::listen_on(listen, context.config.listen)?;
    let trust = match listen.trust {
        // Whoever listens to the socket answers.
        Some(args::Trust::Ask) => Trust::Ask,
        // Nobody is asked at its terminal.
        None => Trust::Strict,
        wanted => trust(wanted, context)?,
    };
    let config = EndpointConfig {
        trust,
        stealth: listen.stealth,
        nickname: nickname(listen.nickname.as_deref(), context)?,
        keepalive: context.config.keepalive.for_everybody(),
        ..EndpointConfig::default()
    };
    let profile = Profile::open(context, bind)?;
    let goal = Goal::Listen { once: None };
    let source = source("daemon", listen, context);
    let network = Network::start(profile, bind, config, None);
    let network = network.map_err(|error| error.bound_by(&source))?;
    let ends = if context.globals.json {
        (Face::record(), Typist::Nobody, Lines::none())
    } else {
        let printer = Printer::new(
            Form::Records,
            streams::stdout(),
            streams::stderr(),
            context.globals.quiet,
        );
        (Face::Service(printer), Typist::Nobody, Lines::none())
    };
    let mut conversation = conversation(network, ends, goal, LINGER, context.into());
    conversation.serve_programs(&context.paths)?;
    conversation.tell_given_up()?;
    conversation.call_everybody();
    announce(&mut conversation)?;
    conversation.run()
}

/// Who says where this command listens.
fn source(command: &'static str, args: &Reachable, context: &Context) -> BindSource {
    if args.address.is_none() && context.config.listen.is_some() {
        return BindSource::Settings(command, context.paths.config());
    }
    BindSource::Command(command)
}

const fn usual(port: u16) -> Bind {
    Bind::Everywhere {
        port,
        family: Family::Any,
    }
}

/// The usual port, or any if another program has it: a second identity on one machine can call, and be called
/// at the port that is shown.
fn usual_socket() -> Result<Socket, Error> {
    let bind = |port| Socket::bind(usual(port)).map_err(|error| (port, error));
    let bound = match bind(DEFAULT_PORT) {
        Err((_, error)) if error.kind() == ErrorKind::AddrInUse => bind(0),
        bound => bound,
    };
    bound.map_err(|(port, error)| cannot_bind(usual(port), &error))
}

/// Says where we listen, and what others have to type.
fn announce(conversation: &mut Conversation) -> Result<(), Error> {
    let local = conversation.handle.local_addr();
    let own = conversation.own;
    let command = others_can_run(&own, local);
    conversation.tell_screen()?;
    conversation.tell(&Fact::Listening {
        address: local,
        key: own,
    });
    conversation.face.note(None, &command);
    Ok(())
}

/// What others type to reach `own` at an address of this machine; at one that stands for all they know better.
fn others_can_run(own: &PeerId, local: SocketAddr) -> Safe {
    let connect = ["connect".into(), "--peer-key".into(), key_text(own)];
    let host = (!local.ip().is_unspecified()).then(|| Safe::from(local));
    let is_known = host.is_some();
    let command = Suggestion::securechat(connect.into_iter().chain(host)).shell(&[]);
    let words = Safe::from("others can run:  ") + command;
    if is_known {
        words
    } else {
        words + " <this-host>:" + local.port()
    }
}

/// `connect`: reaches one peer.
///
/// # Errors
/// Whatever ends it; SC06 or SC07 if nobody answers.
pub(super) fn connect(args: &ConnectArgs, context: &Context) -> Result<ExitCode, Error> {
    let on_screen = wants_screen(context)?;
    let target = Target::of(args)?;
    let save_host = context.config.save_addresses && target.address.is_some();
    let aim = Aim::of(target, context)?;
    let bind = match args.bind {
        Some(_) => target::send_from(args)?,
        None => aim.default_bind(args.family.into()),
    };
    let trust = trust(args.trust, context)?;
    let nickname = nickname(args.nickname.as_deref(), context)?;
    let profile = Profile::open(context, bind)?;
    aim.check(&profile)?;
    let save_as = match &args.save_as {
        Some(name) => profile.contacts.to_save(name, &aim.offer.key)?,
        None => None,
    };
    let config = EndpointConfig {
        trust,
        nickname,
        keepalive: context.config.keepalive.for_everybody(),
        ..EndpointConfig::default()
    };
    let host = aim.host()?;
    let source = match args.bind {
        Some(_) => BindSource::Flag,
        None => BindSource::Nobody,
    };
    let network = Network::start(profile, bind, config, Some(&aim.offer));
    let network = network.map_err(|error| error.bound_by(&source))?;
    let now = network.clock.now();
    let look_ups = LookUps::new(host, args.family.into(), now);
    let reach = Reach::new(&aim, look_ups, args.timeout, now);
    let goal = Goal::Reach(Box::new(Reach {
        retry: args.retry,
        save_as,
        save_host,
        ..reach
    }));
    converse(network, goal, args.linger, on_screen, context)?.run()
}

/// A conversation over a network that runs.
fn converse(
    network: Network,
    goal: Goal,
    linger: Duration,
    on_screen: bool,
    context: &Context,
) -> Result<Conversation, Error> {
    let ends = open_ends(&network, on_screen, context)?;
    let mut conversation = conversation(network, ends, goal, linger, context.into());
    // People can talk all the same.
    if let Err(error) = conversation.serve_programs(&context.paths) {
        conversation.complain(&error);
    }
    conversation.tell_given_up()?;
    Ok(conversation)
}

/// On the whole terminal if that can be had and is wanted, in events, or in lines.
///
/// # Errors
/// SC45 if the settings want the whole terminal and nothing else.
fn open_ends(network: &Network, on_screen: bool, context: &Context) -> Result<Ends, Error> {
    let sender = &network.sender;
    if on_screen {
        match open_screen(sender, network.clock, context.into())? {
            Ok(screen) => return Ok(screen),
            Err(reason) if context.config.mode == Mode::Tui => {
                return Err(no_screen(reason, context));
            }
            Err(reason) => tell_no_screen(&reason, &context.out),
        }
    }
    if context.globals.json {
        return as_events(sender);
    }
    in_lines(sender, network.clock, context.into())
}

fn tell_no_screen(reason: &Safe, out: &Out) {
    out.note(&(Safe::from("no full screen here: ") + reason));
}

fn conversation(
    network: Network,
    (face, typist, lines): Ends,
    goal: Goal,
    linger: Duration,
    look: Look<'_>,
) -> Conversation {
    Conversation {
        handle: network.driver.handle().clone(),
        driver: network.driver,
        profile: network.profile,
        clock: network.clock,
        face,
        is_quiet: look.globals.quiet,
        is_ascii: streams::wants_ascii(look.globals, look.config),
        out: look.out.clone(),
        inputs: network.inputs,
        sender: network.sender,
        lines,
        typist,
        calls: Calls::default(),
        state: State::towards(&goal),
        goal,
        linger,
        keepalive: look.config.keepalive,
        own: network.own,
        leave: network.leave,
        programs: Programs::default(),
    }
}

/// Asking needs somebody to ask.
fn trust(wanted: Option<args::Trust>, context: &Context) -> Result<Trust, Error> {
    let can_ask = input::can_ask(context.globals.no_input) && !context.globals.json;
    match wanted {
        // A program answers.
        Some(args::Trust::Ask) if context.globals.json => Ok(Trust::Ask),
        Some(args::Trust::Ask) if !can_ask => Err(Error::NeedsInput(Prompt::Trust)),
        Some(args::Trust::Ask) => Ok(Trust::Ask),
        Some(args::Trust::Strict) => Ok(Trust::Strict),
        Some(args::Trust::New) => Ok(Trust::New),
        None if can_ask && context.config.callers == Callers::Ask => Ok(Trust::Ask),
        None => Ok(Trust::Strict),
    }
}

/// What we suggest others call us.
///
/// # Errors
/// SC29 if that cannot be anybody's name: others would take no notice.
fn nickname(wanted: Option<&str>, context: &Context) -> Result<Option<String>, Error> {
    let name = |text| input::name(text, &["listen", "--nickname", "NAME"]);
    let wanted = wanted.map(name).transpose()?;
    let name = wanted.as_ref().or(context.config.nickname.as_ref());
    Ok(name.map(Safe::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_run_is_quoted_for_their_shell() {
        let own = PeerId::new([1; 32]);
        let key = key_text(&own);
        let six = if cfg!(windows) {
            "[2001:db8::9]:7419"
        } else {
            "'[2001:db8::9]:7419'"
        };
        for (local, host) in [
            ("[2001:db8::9]:7419", six),
            ("192.0.2.9:7419", "192.0.2.9:7419"),
            ("[::]:7419", "<this-host>:7419"),
        ] {
            assert_eq!(
                others_can_run(&own, local.parse().unwrap()).to_string(),
                format!("others can run:  securechat connect --peer-key {key} {host}")
            );
        }
    }
}
