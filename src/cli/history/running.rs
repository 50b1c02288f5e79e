//! `history` while a program runs: it has the store open, and looks things up.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::calendar::Zone;
use crate::cli::args::{HistoryPurgeArgs, HistoryShowArgs};
use crate::cli::control::{Params, Running};
use crate::cli::history::form::Form;
use crate::cli::history::people::{People, Who};
use crate::cli::history::when::When;
use crate::cli::history::{
    NO_ROOM, Sink, deleted, form, question, tell_if_off, tell_none, tell_unreadable,
};
use crate::cli::{Context, Error, ExitCode, input};
use crate::net::Clock;
use crate::store::Counted;
use crate::text::{Safe, count_messages};
use crate::time::UnixTime;

pub(super) fn show(
    mut running: Running,
    args: &HistoryShowArgs,
    words: Option<String>,
    context: &Context,
) -> Result<ExitCode, Error> {
    let people = People::load(context)?;
    let who = people.who(args.filter.peer.as_deref())?;
    tell_if_off(context);
    let now = Clock::new().unix_time();
    let filter = Params::default()
        .with("peer", who.text().map(|text| text.to_string()))
        .with("words", words.clone())
        .with("since_ms", ms(args.filter.since, now))
        .with("before_ms", ms(args.filter.before, now));
    let form = form(context.globals.json, now);
    let mut is_none = true;
    let mut print = |record: &Value| {
        let Some(line) = form.line_of(record) else {
            return Ok(true);
        };
        is_none = false;
        context.out.data(&line).map(|()| true)
    };
    let lacks = match args.last {
        Some(most) => newest(&mut running, &filter, most, &mut print)?,
        None => every(&mut running, &filter, &mut print)?,
    };
    if is_none {
        tell_none(args, words.as_deref(), &people, context);
    }
    Ok(lacks.tell(context))
}

pub(super) fn export(
    mut running: Running,
    output: Option<&Path>,
    context: &Context,
) -> Result<ExitCode, Error> {
    tell_if_off(context);
    let form = if context.globals.json {
        Form::Json
    } else {
        Form::Records
    };
    let mut sink = Sink::begin(output, context)?;
    let mut put = |record: &Value| Ok(form.line_of(record).is_none_or(|line| sink.put(line)));
    let lacks = every(&mut running, &Params::default(), &mut put)?;
    sink.finish()?;
    Ok(lacks.tell(context))
}

pub(super) fn purge(
    mut running: Running,
    who: &Who,
    args: &HistoryPurgeArgs,
    context: &Context,
) -> Result<ExitCode, Error> {
    let now = Clock::new().unix_time();
    let before = ms(args.before, now).map(UnixTime);
    let mut counted = None;
    if !args.yes {
        let only_count = purged(who, before).with("count_only", Some(true));
        let done = ask(&mut running, only_count)?;
        let found = messages(&done);
        counted = done
            .get("counted")
            .and_then(Value::as_str)
            .map(str::to_owned);
        if found == 0 {
            context.out.note(&"there is nothing to delete".into());
            return Ok(ExitCode::Done);
        }
        let name = args.peer.as_deref().map(crate::text::safe_line);
        if !input::confirm(&question(found, name.as_ref(), before, now))? {
            context.out.note(&"nothing was deleted".into());
            return Ok(ExitCode::Done);
        }
    }
    purge_unasked(running, who, before, counted, context)
}

/// The same without a question. What is meant does not change while somebody thinks: whose, from before when, and what was
/// counted, if anything was.
pub(super) fn purge_unasked(
    mut running: Running,
    who: &Who,
    before: Option<UnixTime>,
    counted: Option<String>,
    context: &Context,
) -> Result<ExitCode, Error> {
    let told = counted.as_deref().and_then(|it| it.parse().ok());
    let told = told.map(|it: Counted| it.messages());
    let done = ask(&mut running, purged(who, before).with("counted", counted))?;
    context.out.note(&deleted(messages(&done), told));
    Ok(ExitCode::Done)
}

/// What is to be deleted.
fn purged(who: &Who, before: Option<UnixTime>) -> Params {
    Params::default()
        .with("peer", who.text().map(|text| text.to_string()))
        .with("before_ms", before.map(|it| it.0))
}

fn ask(running: &mut Running, params: Params) -> Result<Value, Error> {
    running.ask("history.purge", params, Duration::ZERO)
}

fn messages(done: &Value) -> u64 {
    done.get("messages").and_then(Value::as_u64).unwrap_or(0)
}

/// Takes a record, and says whether there may be more.
type Take<'a> = &'a mut dyn FnMut(&Value) -> Result<bool, Error>;

/// Some of what was looked up, oldest first.
struct Page {
    records: Vec<Value>,
    /// Where it goes on.
    cursor: Option<String>,
    lacks: Lacks,
}

/// How many messages are not among those that were looked up.
#[derive(Clone, Copy, Default)]
struct Lacks {
    unreadable: u64,
    /// Kept no longer, since others came.
    made_room: u64,
}

impl Lacks {
    /// From the fields of an answer; a program of an earlier version says less.
    fn of(page: &Value) -> Self {
        let count = |field| page.get(field).and_then(Value::as_u64).unwrap_or(0);
        Self {
            unreadable: count("unreadable"),
            made_room: count("made_room"),
        }
    }

    fn or_more(self, other: Self) -> Self {
        Self {
            unreadable: self.unreadable.max(other.unreadable),
            made_room: self.made_room.max(other.made_room),
        }
    }

    fn tell(self, context: &Context) -> ExitCode {
        if self.made_room > 0 {
            let words = Safe::from("not among them: ") + count_messages(self.made_room);
            context.out.note(&(words + NO_ROOM));
        }
        tell_unreadable(self.unreadable, context)
    }
}

fn page(running: &mut Running, filter: Params, cursor: Option<String>) -> Result<Page, Error> {
    let params = filter.with("cursor", cursor);
    let mut page: Value = running.ask("history.find", params, Duration::ZERO)?;
    let cursor = page.get("cursor").and_then(Value::as_str);
    let (cursor, lacks) = (cursor.map(str::to_owned), Lacks::of(&page));
    let records = match page.get_mut("messages").map(Value::take) {
        Some(Value::Array(records)) => records,
        Some(_) | None => Vec::new(),
    };
    Ok(Page {
        records,
        cursor,
        lacks,
    })
}

/// Hands over all, oldest first and a page at a time. Says how many are not among them.
fn every(running: &mut Running, filter: &Params, take: Take<'_>) -> Result<Lacks, Error> {
    let filter = filter.clone().with("oldest_first", Some(true));
    let (mut cursor, mut lacks) = (None, Lacks::default());
    loop {
        let page = page(running, filter.clone(), cursor)?;
        lacks = lacks.or_more(page.lacks);
        for record in &page.records {
            if !take(record)? {
                return Ok(lacks);
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(lacks);
        }
    }
}

/// Hands over the newest `most`, oldest first.
fn newest(
    running: &mut Running,
    filter: &Params,
    most: usize,
    take: Take<'_>,
) -> Result<Lacks, Error> {
    let (mut pages, mut cursor) = (Vec::new(), None);
    let (mut left, mut lacks) = (most, Lacks::default());
    while left > 0 {
        let found = page(running, filter.clone().with("most", Some(left)), cursor)?;
        left = left.saturating_sub(found.records.len());
        lacks = lacks.or_more(found.lacks);
        pages.push(found.records);
        cursor = found.cursor;
        if cursor.is_none() {
            break;
        }
    }
    for record in pages.iter().rev().flatten() {
        if !take(record)? {
            break;
        }
    }
    Ok(lacks)
}

fn ms(when: Option<When>, now: UnixTime) -> Option<u64> {
    when.map(|when| when.moment(now, &Zone::system()).0)
}
