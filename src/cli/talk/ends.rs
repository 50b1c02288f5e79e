//! The ends of a conversation: what it is shown by, who types, and the lines that come.

use std::io::{self, IsTerminal, stderr, stdout};
use std::sync::mpsc::Sender;

use crate::calendar::Zone;
use crate::chat::Policy;
use crate::cli::args::Globals;
use crate::cli::talk::conversation::Typist;
use crate::cli::talk::face::{Alerts, Face, Ringer, Screen, read_keys};
use crate::cli::talk::guide::guide;
use crate::cli::talk::hook::Hook;
use crate::cli::talk::network::{Input, no_threads};
use crate::cli::talk::stdin::{Lines, read_lines};
use crate::cli::talk::terminal::{by_terminal, has_typist, through};
use crate::cli::{Context, Error, Out, Suggestion, settled, streams};
use crate::json::LINE_MAX_LEN;
use crate::net::{Clock, JobControl, on_job_control};
use crate::plain::{Form, Printer};
use crate::store::{Config, Notify};
use crate::text::{Safe, safe_line};
use crate::tui::{Discretion, Settings};

/// What a conversation is shown by, who types, and the lines that come.
pub(super) type Ends = (Face, Typist, Lines);

/// How a conversation is to look, as the flags and the settings say.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) globals: &'a Globals,
    pub(super) config: &'a Config,
    pub(super) out: &'a Out,
    /// Whether there are files that keep what waits.
    pub(super) keeps: bool,
}

impl<'a> From<&'a Context> for Look<'a> {
    fn from(context: &'a Context) -> Self {
        Self {
            globals: &context.globals,
            config: &context.config,
            out: &context.out,
            keeps: true,
        }
    }
}

/// A conversation on the whole terminal; the reason, if that cannot be had.
///
/// # Errors
/// If the terminal cannot be read, or no threads can be had.
pub(super) fn open_screen(
    inputs: &Sender<Input>,
    clock: Clock,
    look: Look<'_>,
) -> Result<Result<Ends, Safe>, Error> {
    let alerts = alerts(inputs, clock, look.config)?;
    let screen = match Screen::open(settings(look), alerts, clock) {
        Ok(screen) => screen,
        Err(error) => return Ok(Err(safe_line(&error.to_string()))),
    };
    read_keys(inputs.clone(), clock).map_err(|error| no_keys(&error))?;
    on_job_control(job_control(inputs)).map_err(|error| no_threads(&error))?;
    let typist = Typist::Person { sees_prompt: false };
    Ok(Ok((Face::Screen(Box::new(screen)), typist, Lines::none())))
}

/// A thread, a pipe or a socket for it cannot be had.
fn no_keys(error: &io::Error) -> Error {
    Error::System {
        operation: "read the terminal",
        reason: safe_line(&error.to_string()),
    }
}

/// A conversation of programs: events on standard output, requests from standard input.
pub(super) fn as_events(inputs: &Sender<Input>) -> Result<Ends, Error> {
    let lines = read_lines(LINE_MAX_LEN, wake(inputs)).map_err(|error| no_threads(&error))?;
    Ok((Face::events(), Typist::Program, lines))
}

fn job_control(inputs: &Sender<Input>) -> impl Fn(JobControl) + Send + 'static + use<> {
    let inputs = inputs.clone();
    move |what| {
        // The conversation may be over.
        let _ = inputs.send(Input::Job(what));
    }
}

fn wake(inputs: &Sender<Input>) -> impl Fn() + Send + 'static + use<> {
    let inputs = inputs.clone();
    move || {
        // The conversation may be over.
        let _ = inputs.send(Input::Wake);
    }
}

/// A conversation in lines.
pub(super) fn in_lines(
    inputs: &Sender<Input>,
    clock: Clock,
    look: Look<'_>,
) -> Result<Ends, Error> {
    let largest = Policy::default().largest;
    let lines = read_lines(largest, wake(inputs)).map_err(|error| no_threads(&error))?;
    let quiet = look.globals.quiet;
    let printer = Printer::new(form(), streams::stdout(), streams::stderr(), quiet);
    let typist = typist();
    // Nobody sits at a pipe.
    let has_person = typist != Typist::Pipe;
    let ringer = has_person.then(|| ringer(inputs, clock, look.config));
    let ringer = ringer.transpose()?.map(Box::new);
    Ok((Face::Lines(printer, ringer), typist, lines))
}

/// How the screen looks on this terminal.
fn settings(look: Look<'_>) -> Settings {
    let Look {
        globals,
        config,
        out,
        keeps,
    } = look;
    // They were understood when the settings were read.
    let keys = settled::keymap(config).unwrap_or_default();
    Settings {
        ascii: streams::wants_ascii(globals, config),
        charset: streams::of_terminal(),
        mono: !out.is_colored() || !config.has_colours,
        zone: Zone::system(),
        notify: discretion(config),
        // Nothing rings for who looks.
        bell: config.bell.unwrap_or(true),
        through: through(),
        mouse: config.mouse,
        guide: guide(&keys),
        keys,
        keeps,
        keys_are_logged: globals.trace_keys.is_some(),
        program: out.command(&Suggestion::securechat([""; 0])),
    }
}

const fn discretion(config: &Config) -> Discretion {
    match config.notify {
        Notify::Off => Discretion::Bell,
        Notify::Sender => Discretion::Sender,
        Notify::Full => Discretion::Full,
    }
}

/// Who calls somebody with lines on the terminal. Whether that person looks nobody knows: the bell rings for each message,
/// and so only where that is wanted.
fn ringer(inputs: &Sender<Input>, clock: Clock, config: &Config) -> Result<Ringer, Error> {
    let alerts = alerts(inputs, clock, config)?;
    let rings = config.bell.unwrap_or(false);
    Ok(Ringer::new(discretion(config), rings, alerts, clock))
}

/// Who is told of a notification: the terminal by what it takes, and a command if the settings have one.
fn alerts(inputs: &Sender<Input>, clock: Clock, config: &Config) -> Result<Alerts, Error> {
    let (osc, through) = by_terminal(config);
    let command = config.notify_command.clone();
    let start = |program| Hook::start(program, clock, inputs.clone());
    let hook = command.map(start).transpose();
    let hook = hook.map_err(|error| no_threads(&error))?;
    Ok(Alerts { osc, through, hook })
}

/// Who types. With `--no-input` nobody is asked, but whoever types still has commands.
fn typist() -> Typist {
    if has_typist() {
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
