//! From the arguments to the exit code.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _, stdout};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use crate::cli::args::{Cli, Command, Globals};
use crate::cli::report::Suggestion;
use crate::cli::{
    Error, ExitCode, Out, demo, doctor, history, identity, keygen, log, meta, peers, settled,
    status, talk,
};
use crate::net::LogLine;
use crate::store::{self, Config, Paths};
use crate::text::{Safe, safe_line, safe_text};

/// What a command that uses files works with.
#[derive(Debug)]
pub struct Context {
    /// The flags that every command takes.
    pub globals: Globals,
    /// Where the files are.
    pub paths: Paths,
    /// What the user has settled; a flag wins over it.
    pub config: Config,
    /// Where words go.
    pub out: Out,
}

impl Context {
    /// Finds out where the files are, and reads the settings; creates nothing.
    fn new(globals: &Globals, out: &Out) -> Result<Self, Error> {
        let paths = Paths::resolve(globals.home.as_deref(), globals.identity.as_deref())?;
        let config = settled::load(&paths.config())?;
        Ok(Self {
            globals: globals.clone(),
            paths,
            config,
            out: out.clone(),
        })
    }
}

/// Runs the program with these arguments, the program's own name first.
#[must_use]
pub fn run(args: &[OsString]) -> ExitCode {
    // Before anything could repeat it on the screen.
    if args.iter().any(|arg| is_secret_key(arg)) {
        return fail(&Error::SecretKey, &Out::new(&globals(args)));
    }
    let cli = match Cli::read(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, args),
    };
    let out = Out::new(&cli.globals);
    let ready = talk::check_records(&cli.globals, cli.command.as_ref())
        .and_then(|()| log::start(&cli.globals));
    let done = ready.and_then(|()| match &cli.command {
        Some(command) => dispatch(command, &cli.globals, &out),
        None => alone(&cli.globals, &out),
    });
    let code = done.unwrap_or_else(|error| fail(&error, &out));
    LogLine::finish();
    code
}

/// The flags that every command takes, as far as the arguments are understood: one that a secret key stands in is left out.
fn globals(args: &[OsString]) -> Globals {
    let read = Cli::read(args).map(|cli| cli.globals);
    let mut globals = read.or_else(|_| guessed(args)).unwrap_or_default();
    globals.json |= wants_json(args);
    let is_secret = |path: &mut PathBuf| is_secret_key(path.as_os_str());
    globals.home.take_if(is_secret);
    globals.identity.take_if(is_secret);
    globals
}

/// As [`globals`], of arguments that are wrong. What says where the files are is read first: behind a word that is not
/// understood nothing is.
fn guessed(args: &[OsString]) -> Result<Globals, clap::Error> {
    let (program, words) = args.split_at(args.len().min(1));
    let is_place = |word: &OsString| {
        let word = word.to_string_lossy();
        word.starts_with("--home") || word.starts_with("--identity")
    };
    let place = words.iter().position(is_place);
    let (before, after) = words.split_at(place.unwrap_or(0));
    let lenient = Cli::command().ignore_errors(true);
    let read = lenient.try_get_matches_from([program, after, before].concat())?;
    Globals::from_arg_matches(&read)
}

/// Without a command: the people who are known, on a screen, in lines or as events; a guide for whoever has no identity
/// yet. Without a terminal at both ends, too: what a pipe says is for somebody, and nobody is named; and whoever has the output
/// go elsewhere is not there to be called.
fn alone(globals: &Globals, out: &Out) -> Result<ExitCode, Error> {
    if globals.json {
        return talk::open(&Context::new(globals, out)?);
    }
    let context = match Context::new(globals, out) {
        // The guide needs no file.
        Err(_) if !talk::has_terminal() => return guide(globals, out),
        context => context?,
    };
    if !talk::wants_screen(&context)? && !talk::has_terminal() {
        return guide(globals, out);
    }
    match talk::open(&context) {
        Err(Error::Identity(error)) if matches!(error.kind(), store::ErrorKind::NoIdentity) => {
            meta::guide(out)
        }
        result => result,
    }
}

fn guide(globals: &Globals, out: &Out) -> Result<ExitCode, Error> {
    talk::check_unrecorded(globals)?;
    meta::guide(out)
}

fn dispatch(command: &Command, globals: &Globals, out: &Out) -> Result<ExitCode, Error> {
    let context = || Context::new(globals, out);
    match command {
        Command::Keygen(args) => keygen::run(args, &context()?),
        Command::Pubkey(args) => identity::pubkey(args, &context()?),
        Command::Key(command) => identity::run(command, &context()?),
        Command::Peers(command) => peers::run(command, &context()?),
        Command::Listen(args) => talk::listen(args, &context()?),
        Command::Connect(args) => talk::connect(args, &context()?),
        Command::Status(args) => status::run(args, &context()?),
        Command::Daemon(args) => talk::daemon(args, &context()?),
        Command::Send(args) => talk::send(args, &context()?),
        Command::Ping(args) => talk::ping(args, &context()?),
        Command::Doctor(args) => doctor::run(args, globals, out),
        Command::History(command) => history::run(command, &context()?),
        Command::Demo(args) => demo::run(args, globals, out),
        Command::Completions(args) => meta::completions(args, out),
        Command::Man(args) => meta::manual(args, out),
        Command::Help(args) => meta::help(args, out),
    }
}

fn fail(error: &Error, out: &Out) -> ExitCode {
    if !matches!(error, Error::ReaderGone) {
        out.failure(error);
    }
    error.exit_code()
}

/// Prints what clap has to say: help and version as they are, complaints as safe text because they
/// repeat the arguments.
fn usage(error: &clap::Error, args: &[OsString]) -> ExitCode {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    ) {
        return match error.print().and_then(|()| stdout().flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                fail(&Error::output(&error), &Out::new(&globals(args)))
            }
            // Whoever has left has read enough.
            Ok(()) | Err(_) => ExitCode::Done,
        };
    }
    let mut words = safe_text(error.render().to_string().trim_end());
    for (tip, meant) in meant(error, args) {
        words = words + "\n\n  tip: " + tip + &meant.shell(&[]);
    }
    Out::new(&globals(args)).misuse(&misuse(&words), &words);
    ExitCode::Usage
}

/// Whether data is to be JSON, wherever among wrong arguments that is said.
fn wants_json(args: &[OsString]) -> bool {
    let mut flags = args.iter().take_while(|word| *word != "--");
    flags.any(|word| word == "--json")
}

/// What clap complains about, as an error.
fn misuse(words: &Safe) -> Error {
    let lines = words.as_str().lines().map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    Error::Usage {
        complaint: safe_line(first.strip_prefix("error: ").unwrap_or(first)),
        help: lines.map(safe_line).collect(),
    }
}

/// What is perhaps meant by a word too many behind a command of `history`, and why: all that was typed, with a name behind
/// its flag, as other commands take one, or with what is looked for in one word; as far as that is understood.
fn meant(error: &clap::Error, args: &[OsString]) -> Vec<(&'static str, Suggestion)> {
    let Some((command, at)) = surplus(error, args) else {
        return Vec::new();
    };
    let [joined, named] = looked_for(args, command, at).unwrap_or_else(|| {
        let (before, after) = args.split_at(at);
        [
            None,
            understood(&[before, &["--in".into()], after].concat()),
        ]
    });
    let tips = [
        ("what is looked for is one argument: ", joined),
        ("a person is named by --in: ", named),
    ];
    let tips = tips.into_iter();
    tips.filter_map(|(tip, meant)| Some((tip, meant?)))
        .collect()
}

/// All words before the first flag of a search, one of which is too many, as one; and those before the last one, which is
/// a name.
fn looked_for(
    args: &[OsString],
    command: usize,
    surplus: usize,
) -> Option<[Option<Suggestion>; 2]> {
    let (before, rest) = args.split_at(command + 1);
    let is_word = |it: &&OsString| !it.as_encoded_bytes().starts_with(b"-");
    let (words, after) = rest.split_at(rest.iter().take_while(is_word).count());
    let (name, said) = words.split_last()?;
    if args.get(command)? != "search" || surplus > command + words.len() {
        return None;
    }
    let search = |words: &[OsString], flag: &[OsString]| {
        let words = words.join(OsStr::new(" "));
        understood(&[before, &[words], flag, after].concat())
    };
    let flag = ["--in".into(), name.clone()];
    Some([search(words, &[]), search(said, &flag)])
}

/// Where a command of `history` stands, and a word behind it that it does not take.
fn surplus(error: &clap::Error, args: &[OsString]) -> Option<(usize, usize)> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let command = args.iter().position(|word| word == "history")? + 1;
    let taken = match args.get(command)?.to_str()? {
        "show" | "purge" => 0,
        "search" => 1,
        _ => return None,
    };
    let behind = command + 1 + taken;
    let at = args
        .iter()
        .skip(behind)
        .position(|it| it == word.as_str())?;
    Some((command, behind + at))
}

/// A command line as a suggestion, if it is understood.
fn understood(args: &[OsString]) -> Option<Suggestion> {
    Cli::read(args).ok()?;
    let words = args.iter().skip(1);
    let words = words.map(|word| safe_line(&word.to_string_lossy()));
    Some(Suggestion::securechat(words))
}

/// Whether an argument is one of our secret keys, which belongs into no argument at all.
fn is_secret_key(arg: &OsStr) -> bool {
    let text = arg.to_string_lossy().to_ascii_uppercase();
    ["SECURECHAT-SECRET-KEY-", "SECURECHAT-ENCRYPTED-KEY-"]
        .iter()
        .any(|mark| text.contains(mark))
}
