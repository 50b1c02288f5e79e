//! `listen`, `connect` and `send`: from the arguments to a conversation.

mod aim;
mod answer;
mod contacts;
mod conversation;
mod goal;
mod journal;
mod leave;
mod network;
mod profile;
mod send;
mod sent;
mod stdin;
mod typed;

pub(super) use self::contacts::unsaved;
pub(super) use self::leave::Leave;
pub(super) use self::network::no_threads;
pub(super) use self::profile::cannot_bind;
pub(super) use self::send::send;
pub(super) use self::stdin::{Stdin, read_lines};
pub(super) use self::typed::Typed;

use std::io::{IsTerminal, stderr, stdin, stdout};
use std::time::Duration;

use crate::chat::Policy;
use crate::cli::Prompt;
use crate::cli::args::{self, ConnectArgs, ListenArgs};
use crate::cli::talk::aim::Aim;
use crate::cli::talk::conversation::{Conversation, State, Typist};
use crate::cli::talk::goal::{Goal, Reach};
use crate::cli::talk::network::{Input, Network};
use crate::cli::talk::profile::Profile;
use crate::cli::target::{self, Target};
use crate::cli::{Context, Error, ExitCode, input};
use crate::plain::{Form, Printer};
use crate::proto::{Congestion, EndpointConfig, Trust};
use crate::store::{Callers, key_text};
use crate::text::Safe;

/// `listen`: waits for others.
///
/// # Errors
/// Whatever ends it.
pub(super) fn listen(args: &ListenArgs, context: &Context) -> Result<ExitCode, Error> {
    let bind = target::listen_on(args, context.config.listen)?;
    let config = EndpointConfig {
        trust: trust(args.trust, context)?,
        stealth: args.stealth,
        nickname: nickname(args.nickname.as_deref(), context),
        bulk: false,
        congestion: Congestion::default(),
        keepalive: context.config.keepalive,
    };
    let profile = Profile::open(context, bind)?;
    let goal = Goal::Listen {
        once: args.once.then_some(None),
    };
    let network = Network::start(profile, bind, config, None)?;
    let conversation = converse(network, goal, args.linger, context)?;
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
    let nickname = nickname(args.nickname.as_deref(), context);
    let config = EndpointConfig {
        trust,
        nickname,
        keepalive: context.config.keepalive,
        ..EndpointConfig::default()
    };
    let host = aim.host()?;
    let network = Network::start(profile, bind, config, Some(&aim.offer))?;
    let reach = Reach::new(&aim, args.timeout, network.clock.now());
    let goal = Goal::Reach(Reach {
        retry: args.retry,
        save_as,
        ..reach
    });
    let inputs = network.sender.clone();
    host.resolve(args.family.into(), move |found| {
        // The conversation may be over.
        let _ = inputs.send(Input::Resolved(found));
    });
    converse(network, goal, args.linger, context)?.run()
}

/// A conversation over a network that runs.
fn converse(
    network: Network,
    goal: Goal,
    linger: Duration,
    context: &Context,
) -> Result<Conversation, Error> {
    let wake = network.sender;
    let lines = read_lines(Policy::default().largest, move || {
        let _ = wake.send(Input::Wake);
    });
    Ok(Conversation {
        handle: network.driver.handle().clone(),
        driver: network.driver,
        profile: network.profile,
        clock: network.clock,
        printer: Printer::new(form(), stdout(), stderr(), context.globals.quiet),
        out: context.out.clone(),
        inputs: network.inputs,
        lines: lines.map_err(|error| no_threads(&error))?,
        typist: typist(),
        state: State::towards(&goal),
        goal,
        linger,
        own: network.own,
        leave: network.leave,
    })
}

/// Who types. With `--no-input` nobody is asked, but whoever types still has commands.
fn typist() -> Typist {
    if stdin().is_terminal() {
        let sees_prompt = stderr().is_terminal();
        Typist::Person { sees_prompt }
    } else {
        Typist::Pipe
    }
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
        None if can_ask && context.config.callers == Callers::Ask => Ok(Trust::Ask),
        None => Ok(Trust::Strict),
    }
}

/// What we suggest others call us.
fn nickname(wanted: Option<&str>, context: &Context) -> Option<String> {
    let settled = context.config.nickname.as_ref().map(Safe::as_str);
    wanted.or(settled).map(str::to_owned)
}
