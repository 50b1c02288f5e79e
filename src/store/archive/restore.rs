//! What an earlier process left behind, and the client that goes on from there.

use core::time::Duration;
use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::Archive;
use super::keys::Table;
use super::record::{LogRecord, Record, Standing};
use super::reserved;
use super::trouble::{Fault, Loss, StoreTrouble};
use super::view::View;
use crate::chat::{
    Client, ContactId, Incoming, MESSAGE_LIFE, MemoryOutbox, Name, Outgoing, Policy, SeenLog,
};
use crate::store::error::Error;
use crate::time::{Instant, UnixTime};

/// A message that was taken, and of which nobody knows whether it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// From whom.
    pub contact: ContactId,
    /// The message. It has been receipted, or will be when its sender sends it again.
    pub message: Incoming,
    /// When it came.
    pub received_at: UnixTime,
}

/// What an earlier process left behind.
#[derive(Debug, Default)]
pub struct Restored {
    /// To be shown, marked as perhaps shown before, then confirmed by [`Change::shown`](super::Change::shown).
    pub unconfirmed: Vec<Unconfirmed>,
    waiting: Vec<(ContactId, Outgoing, Duration)>,
    logs: Vec<(LogRecord, Duration)>,
}

impl Restored {
    /// Which messages of ours wait, and for whom, in their order.
    pub fn waiting(&self) -> impl Iterator<Item = (ContactId, Name)> + '_ {
        let waiting = self.waiting_messages();
        waiting.map(|(contact, message)| (contact, message.name))
    }

    /// As [`Restored::waiting`], with what they say.
    pub fn waiting_messages(&self) -> impl Iterator<Item = (ContactId, &Outgoing)> + '_ {
        let waiting = self.waiting.iter();
        waiting.map(|(contact, message, _)| (*contact, message))
    }

    /// Drops what is known of contacts that are none any more, and returns those of whom something was, with what of
    /// ours waited for each. Each message and each log is asked for once, however many contacts are gone.
    pub fn forget(
        &mut self,
        mut is_gone: impl FnMut(ContactId) -> bool,
    ) -> BTreeMap<ContactId, Vec<Name>> {
        let mut forgotten: BTreeMap<ContactId, Vec<Name>> = BTreeMap::new();
        let waiting = self.waiting.extract_if(.., |(it, _, _)| is_gone(*it));
        for (contact, message, _) in waiting {
            forgotten.entry(contact).or_default().push(message.name);
        }
        for (log, _) in self.logs.extract_if(.., |(it, _)| is_gone(it.contact)) {
            forgotten.entry(log.contact).or_default();
        }
        forgotten
    }

    /// A client that goes on with it. `seed`: 32 random bytes, fresh at every process start; log ids come from it, and what
    /// is sent under one that was used before is taken for a repetition
    /// ([`Messenger::in_memory`](crate::chat::Messenger::in_memory)).
    #[must_use]
    pub fn into_client(self, policy: Policy, seed: [u8; 32], now: Instant) -> Client {
        let mut outbox = MemoryOutbox::new(seed);
        for (contact, message, age) in self.waiting {
            outbox.restore(contact, message, age);
        }
        let mut client = Client::new(policy, Box::new(outbox), seed, now);
        for (it, age) in self.logs {
            client.restore(it.contact, it.log, it.seen, age, now);
        }
        client
    }
}

impl Archive {
    /// Reads everything but the history.
    pub(super) fn restore(&mut self, now: UnixTime) -> Result<Restored, Error> {
        let mut read = self.read(Everything::read)?;
        if !read.loss.is_none() {
            let trouble = StoreTrouble::Damaged(read.loss);
            return self.read(|_| Err(trouble.into()));
        }
        self.unused = self.read(reserved::unused)?;
        let messages = read.outbox.iter().chain(&read.inbox);
        self.next_order = messages
            .map(|it| it.order.saturating_add(1))
            .max()
            .unwrap_or(0);
        let mut logs = read.logs;
        logs.sort_by_key(|it| it.heard);
        for contact in self.count(&logs) {
            self.change(now, |change| change.trim_logs(contact))?;
            forget_oldest(&mut logs, contact);
        }
        self.note_overdue(&mut read.outbox, now)?;
        let waiting = read.outbox.into_iter().map(|it| {
            let (contact, age) = (it.contact, it.waited(now));
            (contact, Outgoing::from(it), age)
        });
        let logs = logs.into_iter().map(|it| {
            let age = now.saturating_since(it.heard);
            (it, age)
        });
        Ok(Restored {
            unconfirmed: read.inbox.into_iter().map(Unconfirmed::from).collect(),
            waiting: waiting.collect(),
            logs: logs.collect(),
        })
    }

    /// Writes down of which messages it is the first start to find that they have waited too long.
    fn note_overdue(&mut self, outbox: &mut [Record], now: UnixTime) -> Result<(), Error> {
        let changed = outbox
            .iter_mut()
            .filter_map(|it| it.judge(now).then_some(&*it));
        let changed: Vec<&Record> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        self.change(now, |change| {
            let mut changed = changed.into_iter();
            changed.try_for_each(|it| change.put_message(Table::Outbox, it))
        })
    }

    /// Counts the logs of each contact. Of whom there are more than are remembered.
    fn count(&mut self, logs: &[LogRecord]) -> Vec<ContactId> {
        let mut counts: BTreeMap<ContactId, usize> = BTreeMap::new();
        for it in logs {
            *counts.entry(it.contact).or_default() += 1;
            self.logs.restore(it.heard);
        }
        for (contact, count) in &counts {
            self.logs.count(*contact, *count);
        }
        counts.retain(|_, count| *count > SeenLog::MOST);
        counts.into_keys().collect()
    }
}

/// What a message has left, once a start has found that it has waited too long: if that start's clock was wrong,
/// the next one finds it young again.
const GRACE: Duration = Duration::from_secs(86_400);

impl Record {
    /// Finds out at a start whether it has waited too long. Whether what is noted of that has changed.
    fn judge(&mut self, now: UnixTime) -> bool {
        let is_overdue = now.saturating_since(self.at) >= MESSAGE_LIFE;
        let is_noted = (UnixTime(1)..=now).contains(&self.overdue);
        let overdue = match (is_overdue, is_noted) {
            (true, true) => self.overdue,
            (true, false) => now,
            (false, _) => UnixTime(0),
        };
        core::mem::replace(&mut self.overdue, overdue) != overdue
    }

    /// How long it has waited, as far as one start alone is believed.
    fn waited(&self, now: UnixTime) -> Duration {
        let waited = now.saturating_since(self.at);
        if self.overdue == UnixTime(0) {
            return waited;
        }
        waited.min(MESSAGE_LIFE - GRACE + now.saturating_since(self.overdue))
    }
}

/// Drops the first logs of a contact until as many are left as are remembered.
fn forget_oldest(logs: &mut Vec<LogRecord>, contact: ContactId) {
    let count = logs.iter().filter(|it| it.contact == contact).count();
    let mut surplus = count.saturating_sub(SeenLog::MOST);
    logs.retain(|it| {
        let goes = it.contact == contact && surplus > 0;
        surplus -= usize::from(goes);
        !goes
    });
}

/// Everything but the history, in order, and how much of it cannot be read.
pub(super) struct Everything {
    pub(super) outbox: Vec<Record>,
    pub(super) inbox: Vec<Record>,
    pub(super) logs: Vec<LogRecord>,
    pub(super) loss: Loss,
}

impl Everything {
    pub(super) fn read(view: &View<'_>) -> Result<Self, Fault> {
        let mut loss = Loss::default();
        let outbox = messages(view, Table::Outbox, &mut loss.outbox)?;
        let inbox = messages(view, Table::Inbox, &mut loss.inbox)?;
        let mut logs = Vec::new();
        for_each_log(view, |_, log| match log {
            Some(log) => logs.push(log),
            None => loss.seen += 1,
        })?;
        Ok(Self {
            outbox,
            inbox,
            logs,
            loss,
        })
    }
}

fn messages(view: &View<'_>, table: Table, lost: &mut u64) -> Result<Vec<Record>, Fault> {
    let mut messages = Vec::new();
    for_each(view, table, |_, text| {
        let record = text.and_then(|text| Record::decode(&text));
        match record {
            Some(record) => messages.push(record),
            None => *lost += 1,
        }
    })?;
    messages.sort_by_key(|it| it.order);
    Ok(messages)
}

/// Shows each row of a log with what it says, if that belongs there.
pub(super) fn for_each_log(
    view: &View<'_>,
    mut show: impl FnMut(&[u8], Option<LogRecord>),
) -> Result<(), Fault> {
    for_each(view, Table::Seen, |row, text| {
        let log = text.and_then(|text| LogRecord::decode(&text));
        show(
            row,
            log.filter(|it| row == view.keys.log(it.contact, it.log)),
        );
    })
}

/// Shows each row of a table with its opened value, if it opens.
pub(super) fn for_each(
    view: &View<'_>,
    table: Table,
    mut show: impl FnMut(&[u8], Option<Zeroizing<Vec<u8>>>),
) -> Result<(), Fault> {
    for row in view.rows_of(table, None)? {
        let row = row?;
        show(row.name(), row.open(view));
    }
    Ok(())
}

impl From<Record> for Outgoing {
    fn from(record: Record) -> Self {
        Self {
            name: record.name,
            kind: record.kind,
            conversation: record.conversation,
            sent_at: record.sent_at,
            body: record.body.as_slice().into(),
        }
    }
}

impl From<Record> for Unconfirmed {
    fn from(record: Record) -> Self {
        let missing = match record.standing {
            Standing::Received { missing } => missing,
            Standing::Waiting | Standing::Delivered | Standing::Failed(_) => 0,
        };
        Self {
            contact: record.contact,
            received_at: record.at,
            message: Incoming {
                name: record.name,
                kind: record.kind,
                conversation: record.conversation,
                sent_at: record.sent_at,
                body: record.body.to_vec(),
                missing,
            },
        }
    }
}
