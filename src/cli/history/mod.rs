//! `history`: the messages that are kept on this machine.

mod form;
mod kept;
mod narrowed;
mod people;
mod running;
mod spool;
mod when;
mod written;

pub(in crate::cli) use self::form::{Record, transcript, written};
pub(in crate::cli) use self::narrowed::{Limits, search_command};
pub(in crate::cli) use self::people::begins_with;
pub use self::when::When;
pub(in crate::cli) use self::written::Written;

use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};
use std::path::Path;

use crate::calendar::Stamp;
use crate::cli::args::{
    HistoryCommand, HistoryExportArgs, HistoryFilter, HistoryPurgeArgs, HistorySearchArgs,
    HistoryShowArgs,
};
use crate::cli::history::form::Form;
use crate::cli::history::kept::{Found, Kept};
use crate::cli::history::people::{People, Who};
use crate::cli::history::spool::Spool;
use crate::cli::{Context, Error, ExitCode, Prompt, input};
use crate::id::PeerId;
use crate::store::{Counted, Filter, IdentityLock, Keep, Loss};
use crate::text::{Safe, count_messages, safe_line};
use crate::time::UnixTime;

/// What became of messages of a run whose memory is full.
pub(in crate::cli) const NO_ROOM: &str =
    " that had to make room: a history that is kept for the session takes 64 MiB at most";

pub(super) fn run(command: &HistoryCommand, context: &Context) -> Result<ExitCode, Error> {
    match command {
        HistoryCommand::Show(args) => show(args, None, context),
        HistoryCommand::Search(args) => search(args, context),
        HistoryCommand::Export(args) => export(args, context),
        HistoryCommand::Purge(args) => purge(args, context),
    }
}

/// How many messages wait for whom, of an identity that no program has open.
///
/// # Errors
/// SC15 if one has; what opening the store says.
pub(super) fn waiting(context: &Context) -> Result<BTreeMap<PeerId, u64>, Error> {
    let kept = Kept::open_to_read(context)?;
    let mut waiting = BTreeMap::new();
    if let Some((_, restored)) = kept.archive_to_read()? {
        for (contact, _) in restored.waiting() {
            *waiting.entry(contact.peer()).or_insert(0) += 1;
        }
    }
    Ok(waiting)
}

fn search(args: &HistorySearchArgs, context: &Context) -> Result<ExitCode, Error> {
    if args.words.trim().is_empty() {
        return Err(Error::BadArgument {
            given: safe_line(&args.words),
            reason: "what is to be found is missing".into(),
            example: &["history", "search", "WORDS"],
        });
    }
    show(&args.show, Some(args.words.clone()), context)
}

/// Prints what passes the filter, and has `words` in it if there are any.
fn show(
    args: &HistoryShowArgs,
    words: Option<String>,
    context: &Context,
) -> Result<ExitCode, Error> {
    let people = People::load(context)?;
    let who = people.who(args.filter.peer.as_deref())?;
    let kept = match Kept::find(IdentityLock::acquire_to_read, context)? {
        Found::Alone(kept) => kept,
        Found::Beside(running) => return running::show(running, args, words, context),
    };
    tell_if_off(context);
    let Some((archive, _)) = kept.archive_to_read()? else {
        context.out.note(&"no message is kept".into());
        return Ok(ExitCode::Done);
    };
    let filter = Filter {
        contact: who.contact(|| archive.contacts())?,
        words,
        ..times(&args.filter, &kept)
    };
    let form = form(context.globals.json, kept.now);
    let mut spool = Spool::new(&context.out);
    let unreadable = archive.visit(&filter, args.last, |entry| {
        spool.put(form.line(&entry, &people))
    })?;
    drop((archive, kept));
    if !spool.finish()? {
        tell_none(args, filter.words.as_deref(), &people, context);
    }
    Ok(tell_unreadable(unreadable, context))
}

/// Says that nothing was found, and what is perhaps meant if a person is named among `words`, all of which were looked
/// for in messages.
fn tell_none(args: &HistoryShowArgs, words: Option<&str>, people: &People, context: &Context) {
    context.out.note(&"no such message is kept".into());
    let words = words.filter(|_| args.filter.peer.is_none());
    let words = words.unwrap_or_default().trim_end();
    let (rest, last) = words
        .rsplit_once(char::is_whitespace)
        .unwrap_or(("", words));
    let Some(name) = people.name(last) else {
        return;
    };
    let command = search_command(rest.trim(), Limits::with(name.clone(), args));
    let command = context.out.command(&command);
    let tip = Safe::from("what was said with ") + name + ": ";
    context.out.note(&(tip + command));
}

fn times(filter: &HistoryFilter, kept: &Kept) -> Filter {
    Filter {
        since: filter.since.map(|it| kept.moment(it)),
        before: filter.before.map(|it| kept.moment(it)),
        ..Filter::default()
    }
}

fn form(json: bool, now: UnixTime) -> Form {
    if json {
        Form::Json
    } else if stdout().is_terminal() {
        let now = Stamp::local(now);
        Form::Transcript { now }
    } else {
        Form::Records
    }
}

/// Whoever looks for something that is not kept should know why it is not there.
fn tell_if_off(context: &Context) {
    if context.config.keep.is_on_disk() {
        return;
    }
    let path = context.paths.config();
    let what = if context.config.keep == Keep::Session {
        "the history of a run ends with it"
    } else {
        "no history is kept"
    };
    let how = ": to keep one, put keep = \"30d\" below [history] in ";
    context.out.note(&(Safe::from(what) + how + path.as_path()));
}

fn tell_unreadable(unreadable: u64, context: &Context) -> ExitCode {
    if unreadable == 0 {
        return ExitCode::Done;
    }
    let words = count_messages(unreadable) + " of the history cannot be read";
    context.out.warn(&words);
    ExitCode::Storage
}

/// Writes out everything that can be read, damaged or not.
fn export(args: &HistoryExportArgs, context: &Context) -> Result<ExitCode, Error> {
    let output = args.output.as_deref().filter(|it| *it != Path::new("-"));
    // Before anybody types a passphrase for nothing.
    output.map_or(Ok(()), written::check_free)?;
    let people = People::load(context)?;
    let kept = match Kept::find(IdentityLock::acquire_to_read, context)? {
        Found::Alone(kept) => kept,
        Found::Beside(running) => return running::export(running, output, context),
    };
    tell_if_off(context);
    let form = if context.globals.json {
        Form::Json
    } else {
        Form::Records
    };
    let mut sink = Sink::begin(output, context)?;
    let loss = kept.salvage(&mut |entry| sink.put(form.line(&entry, &people)))?;
    let path = kept.path.clone();
    drop(kept);
    sink.finish()?;
    Ok(tell_loss(&loss, &path, context))
}

/// Where lines are written out to, one after the other.
struct Sink<'a> {
    context: &'a Context,
    to: To<'a>,
    written: u64,
    failure: Option<Error>,
}

enum To<'a> {
    /// In its place only once it is whole.
    File(Written),
    /// Standard output, for whoever reads it without haste.
    Reader(Spool<'a>),
}

impl<'a> Sink<'a> {
    /// A file, or standard output if there is none.
    fn begin(output: Option<&Path>, context: &'a Context) -> Result<Self, Error> {
        let file = output.map(Written::begin).transpose()?;
        let reader = || To::Reader(Spool::new(&context.out));
        Ok(Self {
            context,
            to: file.map_or_else(reader, To::File),
            written: 0,
            failure: None,
        })
    }

    /// Whether it takes more after this.
    fn put(&mut self, line: Safe) -> bool {
        let is_taken = match &mut self.to {
            To::File(file) => {
                self.failure = file.add(&line).err();
                self.failure.is_none()
            }
            To::Reader(spool) => spool.put(line),
        };
        self.written += u64::from(is_taken);
        is_taken
    }

    /// To be called when others may have the identity: a reader may take an hour.
    fn finish(self) -> Result<(), Error> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let mut written = count_messages(self.written) + " written";
        match self.to {
            To::File(file) => {
                written = written + " to " + file.path();
                file.finish()?;
            }
            To::Reader(spool) => {
                spool.finish()?;
            }
        }
        self.context.out.note(&written);
        Ok(())
    }
}

fn tell_loss(loss: &Loss, path: &Path, context: &Context) -> ExitCode {
    if loss.is_none() {
        return ExitCode::Done;
    }
    let said = Safe::from(path) + ": " + safe_line(&loss.to_string());
    context
        .out
        .warn(&(said + "; what could be read is written"));
    ExitCode::Storage
}

/// What the arguments of `history purge` say of which messages, to be said again.
fn given(args: &HistoryPurgeArgs) -> Vec<Safe> {
    let with = |flag: &'static str, value: Safe| [flag.into(), value];
    let peer = args.peer.as_deref();
    let peer = peer.map(|peer| with("--in", safe_line(peer)));
    let before = args
        .before
        .map(|it| with("--before", safe_line(&it.to_string())));
    let all = args.all.then(|| Safe::from("--all"));
    let narrowed = peer.into_iter().chain(before).flatten();
    all.into_iter().chain(narrowed).collect()
}

/// Deletes what is over, once somebody has said so. Others may have the identity while nobody has.
fn purge(args: &HistoryPurgeArgs, context: &Context) -> Result<ExitCode, Error> {
    if !args.yes && !input::can_ask(context.globals.no_input) {
        return Err(Error::NeedsInput(Prompt::Deletion(given(args))));
    }
    let people = People::load(context)?;
    let who = people.who(args.peer.as_deref())?;
    let mut kept = match Kept::find(IdentityLock::acquire, context)? {
        Found::Alone(kept) => kept,
        Found::Beside(running) => return running::purge(running, &who, args, context),
    };
    let before = args.before.map(|it| kept.moment(it));
    let mut told = None;
    if !args.yes {
        let Some((counted, question)) = ask_of(&kept, &who, before, &people)? else {
            context.out.note(&"there is nothing to delete".into());
            return Ok(ExitCode::Done);
        };
        let secret = kept.release();
        if !input::confirm(&question)? {
            context.out.note(&"nothing was deleted".into());
            return Ok(ExitCode::Done);
        }
        kept = match Kept::by(IdentityLock::acquire, secret, context)? {
            Found::Alone(kept) => kept,
            Found::Beside(running) => {
                let counted = Some(counted.to_string());
                return running::purge_unasked(running, &who, before, counted, context);
            }
        };
        told = Some(counted);
    }
    let Some((mut archive, _)) = kept.archive()? else {
        context.out.note(&"no message is kept".into());
        return Ok(ExitCode::Done);
    };
    let contact = who.contact(|| archive.contacts())?;
    let gone = archive.purge_counted(contact, before, told.as_ref())?;
    let told = told.map(|it| it.messages());
    context.out.note(&deleted(gone, told));
    Ok(ExitCode::Done)
}

/// How many went, of so many that were told of, if anything was.
fn deleted(gone: u64, told: Option<u64>) -> Safe {
    let words = count_messages(gone) + " deleted";
    match told {
        Some(told) if gone < told => {
            words
                + " of "
                + told
                + ": the history has changed since it was asked; to delete the rest, ask once more"
        }
        Some(_) | None => words,
    }
}

/// What there is to delete, and what is asked before; none if there is nothing.
fn ask_of(
    kept: &Kept,
    who: &Who,
    before: Option<UnixTime>,
    people: &People,
) -> Result<Option<(Counted, Safe)>, Error> {
    let Some((archive, _)) = kept.archive()? else {
        return Ok(None);
    };
    let contact = who.contact(|| archive.contacts())?;
    let counted = archive.count_purged(contact, before, kept.now)?;
    let found = counted.messages();
    let with = contact.map(|it| people.label(it));
    let question = || question(found, with.as_ref(), before, kept.now);
    Ok((found > 0).then(|| (counted, question())))
}

/// `delete 12 messages with bob from before 2026-10-01 02:15?`
fn question(found: u64, with: Option<&Safe>, before: Option<UnixTime>, now: UnixTime) -> Safe {
    let words = Safe::from("delete ") + count_messages(found);
    let words = match with {
        Some(name) => words + " with " + name,
        None => words,
    };
    let words = match before {
        Some(before) => words + " from before " + Stamp::local(before).moment(&Stamp::local(now)),
        None => words,
    };
    words + "?"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_go_of_what_was_told_of_is_said() {
        let words = |gone, told| deleted(gone, told).to_string();
        assert_eq!(words(1, None), "1 message deleted");
        assert_eq!(words(3, Some(3)), "3 messages deleted");
        let rest =
            ": the history has changed since it was asked; to delete the rest, ask once more";
        assert_eq!(
            words(0, Some(42)),
            format!("0 messages deleted of 42{rest}")
        );
    }

    #[test]
    fn the_question_names_what_goes() {
        let now = UnixTime(1_795_226_971_120);
        let asked = |found, with: Option<Safe>, before| {
            question(found, with.as_ref(), before, now).to_string()
        };
        assert_eq!(asked(1, None, None), "delete 1 message?");
        let before = UnixTime(now.0 - 30 * 86_400_000);
        let moment = Stamp::local(before).moment(&Stamp::local(now));
        assert_eq!(
            asked(12, Some("bob".into()), Some(before)),
            format!("delete 12 messages with bob from before {moment}?")
        );
    }
}
