//! `history` while a program runs: it has the store open, and looks things up.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cli::args::{HistoryPurgeArgs, HistoryShowArgs};
use crate::cli::control::{Params, Running};
use crate::cli::history::form::Form;
use crate::cli::history::people::People;
use crate::cli::history::when::When;
use crate::cli::history::{form, question, tell_if_off, tell_unreadable, write_out};
use crate::cli::{Context, Error, ExitCode, input};
use crate::net::Clock;
use crate::text::{Safe, count_messages};
use crate::time::UnixTime;

/// What was looked up, oldest first.
struct Pages {
    records: Vec<Value>,
    unreadable: u64,
}

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
        .with("words", words)
        .with("since_ms", ms(args.filter.since, now))
        .with("before_ms", ms(args.filter.before, now));
    let found = find(&mut running, &filter, args.last)?;
    let form = form(context.globals.json, now);
    for line in lines(&found, &form) {
        context.out.data(&line)?;
    }
    if found.records.is_empty() {
        context.out.note(&"no such message is kept".into());
    }
    Ok(conclude(&found, context))
}

pub(super) fn export(
    mut running: Running,
    output: Option<&Path>,
    context: &Context,
) -> Result<ExitCode, Error> {
    tell_if_off(context);
    let found = find(&mut running, &Params::default(), None)?;
    let form = if context.globals.json {
        Form::Json
    } else {
        Form::Records
    };
    let number = found.records.len() as u64;
    write_out(output, lines(&found, &form), number, context)?;
    Ok(conclude(&found, context))
}

pub(super) fn purge(
    mut running: Running,
    args: &HistoryPurgeArgs,
    context: &Context,
) -> Result<ExitCode, Error> {
    let people = People::load(context)?;
    let who = people.who(args.peer.as_deref())?.text();
    let now = Clock::new().unix_time();
    let before = ms(args.before, now);
    let params = Params::default()
        .with("peer", who.as_ref().map(Safe::to_string))
        .with("before_ms", before);
    if !args.yes {
        let only_count = params.clone().with("count_only", Some(true));
        let found = messages(&mut running, only_count)?;
        if found == 0 {
            context.out.note(&"there is nothing to delete".into());
            return Ok(ExitCode::Done);
        }
        let name = args.peer.as_deref().map(crate::text::safe_line);
        let before = before.map(UnixTime);
        if !input::confirm(&question(found, name.as_ref(), before, now))? {
            context.out.note(&"nothing was deleted".into());
            return Ok(ExitCode::Done);
        }
    }
    let gone = messages(&mut running, params)?;
    context.out.note(&(count_messages(gone) + " deleted"));
    Ok(ExitCode::Done)
}

fn messages(running: &mut Running, params: Params) -> Result<u64, Error> {
    let done: Value = running.ask("history.purge", params, Duration::ZERO)?;
    Ok(done.get("messages").and_then(Value::as_u64).unwrap_or(0))
}

/// Asks for one page after the other, from the newest on. What comes meanwhile moves the rest by a place: it is not
/// taken twice.
fn find(running: &mut Running, filter: &Params, most: Option<usize>) -> Result<Pages, Error> {
    let mut pages: Vec<Vec<Value>> = Vec::new();
    let (mut seen, mut number, mut unreadable) = (BTreeSet::new(), 0, 0);
    loop {
        let left = most.map(|most| most.saturating_sub(number));
        let params = filter.clone().with("most", left).with("skip", Some(number));
        let mut page: Value = running.ask("history.find", params, Duration::ZERO)?;
        let field = |name: &str| page.get(name).and_then(Value::as_u64).unwrap_or(0);
        let older = field("older");
        unreadable = unreadable.max(field("unreadable"));
        let records = page.get_mut("messages").map(Value::take);
        let Some(Value::Array(mut records)) = records else {
            break;
        };
        number += records.len();
        let is_last = older == 0 || records.is_empty() || most.is_some_and(|most| number >= most);
        records.retain(|record| seen.insert(name(record)));
        pages.push(records);
        if is_last {
            break;
        }
    }
    let records = pages.into_iter().rev().flatten().collect();
    Ok(Pages {
        records,
        unreadable,
    })
}

/// What a message is known by: both sides use names of their own making.
fn name(record: &Value) -> String {
    let part = |name: &str| record.get(name).map(Value::to_string).unwrap_or_default();
    part("key") + &part("dir") + &part("id")
}

fn lines(found: &Pages, form: &Form) -> impl Iterator<Item = Safe> {
    let records = found.records.iter();
    records.filter_map(|record| form.line_of(record))
}

fn conclude(found: &Pages, context: &Context) -> ExitCode {
    tell_unreadable(found.unreadable, context)
}

fn ms(when: Option<When>, now: UnixTime) -> Option<u64> {
    when.map(|when| when.moment(now, &TimeZone::system()).0)
}
