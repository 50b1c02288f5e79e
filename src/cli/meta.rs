//! Completions, manual pages and help.

use clap::CommandFactory;

use crate::cli::args::{Cli, CompletionsArgs, HelpArgs, ManArgs};
use crate::cli::{Error, ExitCode, Out, man, topics};
use crate::text::{Safe, safe_line};

/// The program's name.
const NAME: &str = "securechat";

/// What `securechat` alone prints where nobody can talk: without an identity, or without a terminal.
const GUIDE: &str = "\
securechat - private chat between two terminals: no server, no account

  see it work, without any file:
    securechat demo

  for real, on two machines:
    securechat keygen                   once; prints your public key
    securechat listen                   on one machine
    securechat connect --peer-key KEY HOST:PORT
                                        on the other; KEY is the first one's

  afterwards, by name:
    securechat peers add bob KEY --address HOST:PORT
    securechat connect bob
    securechat                          on a terminal: everybody you know, on
                                        the full screen, or in lines (--plain)

  more:
    securechat --help                   every command and flag
    securechat help keys                also: messages, trust, diagnosis,
                                        exit-codes, files, config,
                                        accessibility, security, json
";

pub(super) fn guide(out: &Out) -> Result<ExitCode, Error> {
    out.document(GUIDE.as_bytes())?;
    Ok(ExitCode::Done)
}

pub(super) fn completions(args: &CompletionsArgs, out: &Out) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    out.document(&script)?;
    Ok(ExitCode::Done)
}

pub(super) fn manual(args: &ManArgs, out: &Out) -> Result<ExitCode, Error> {
    let fail = |error: std::io::Error| Error::System {
        operation: "write the manual pages",
        reason: safe_line(&error.to_string()),
    };
    if let Some(dir) = &args.out {
        man::pages(dir).map_err(fail)?;
        out.note(&(Safe::from("manual pages are in ") + dir.as_path()));
    } else {
        out.document(&man::page().map_err(fail)?)?;
    }
    Ok(ExitCode::Done)
}

pub(super) fn help(args: &HelpArgs, out: &Out) -> Result<ExitCode, Error> {
    let mut command = Cli::command();
    command.build();
    if let [topic] = args.topic.as_slice()
        && let Some(text) = topics::text(topic)
    {
        out.document(text.as_bytes())?;
        return Ok(ExitCode::Done);
    }
    let mut found = &mut command;
    for word in &args.topic {
        found = found
            .find_subcommand_mut(word)
            .ok_or_else(|| no_topic(&args.topic))?;
    }
    let help = found.render_long_help();
    out.document(help.to_string().as_bytes())?;
    Ok(ExitCode::Done)
}

fn no_topic(words: &[String]) -> Error {
    Error::BadArgument {
        given: safe_line(&words.join(" ")),
        reason: Safe::from("there is no such topic or command; the topics are ")
            + Safe::join(topics::NAMES.iter().map(|name| Safe::from(*name)), ", "),
        example: &["help", "keys"],
    }
}
