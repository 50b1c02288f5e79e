//! What is written: any number of steps, which are on the disk together or not at all.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use zeroize::Zeroizing;

use super::keep::Keep;
use super::keys::{Keys, TAG_LEN, Table};
use super::logs::Logs;
use super::memory::Memory;
use super::record::{LogRecord, Record, Standing};
use super::times::Times;
use super::trouble::{Fault, Loss, StoreTrouble};
use crate::chat::{ContactId, Incoming, Name, Outgoing, SeenLog, State};
use crate::time::UnixTime;

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const fn definition(table: Table) -> Definition {
    TableDefinition::new(table.name())
}

/// One change of a store, whole or not at all. Made by [`Archive::change`](super::Archive::change).
pub struct Change<'a> {
    pub(super) transaction: &'a WriteTransaction,
    pub(super) keys: &'a Keys,
    pub(super) rng: &'a mut dyn CryptoRng,
    pub(super) next_order: &'a mut u64,
    /// Of each contact the place of the first message that was over since the store was opened.
    pub(super) fresh: &'a mut BTreeMap<ContactId, u64>,
    pub(super) logs: &'a mut Logs,
    pub(super) times: &'a mut Times,
    pub(super) memory: Option<&'a mut Memory>,
    pub(super) keep: Keep,
    pub(super) now: UnixTime,
}

impl Change<'_> {
    /// A message of ours is on its way: between `Messenger::prepare` and `Messenger::accept`.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn queue(&mut self, contact: ContactId, message: &Outgoing) -> Result<(), Fault> {
        let record = Record {
            contact,
            name: message.name,
            order: self.take_order(),
            at: self.times.next(message.name.log, self.now),
            sent_at: message.sent_at,
            standing: Standing::Waiting,
            overdue: UnixTime(0),
            kind: message.kind,
            conversation: message.conversation.clone(),
            body: Zeroizing::new(message.body.to_vec()),
        };
        self.put_message(Table::Outbox, &record)
    }

    /// A message of ours was not accepted after all.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn withdraw(&mut self, contact: ContactId, name: Name) -> Result<(), Fault> {
        let row = self.keys.message(Table::Outbox, contact, name);
        self.remove(Table::Outbox, &row).map(|_| ())
    }

    /// A message of ours moved on. If that is final it leaves the outbox, and the history has it.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn settle(&mut self, contact: ContactId, name: Name, state: State) -> Result<(), Fault> {
        let standing = match state {
            State::Queued | State::Sent => return Ok(()),
            State::Delivered => Standing::Delivered,
            State::Failed(reason) => Standing::Failed(reason),
        };
        let row = self.keys.message(Table::Outbox, contact, name);
        let Some(sealed) = self.remove(Table::Outbox, &row)? else {
            return Ok(());
        };
        let record = self.open_message(Table::Outbox, &row, &sealed)?;
        self.remember(Record { standing, ..record })
    }

    /// A message came: it and the fact that it came are written down together. Before `Messenger::take`,
    /// which lets the receipt go. `false`: it is here already, or was; it is to be taken and not shown.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn receive(&mut self, contact: ContactId, message: &Incoming) -> Result<bool, Fault> {
        let name = message.name;
        let row = self.keys.log(contact, name.log);
        let known = self.seen(&row)?;
        let is_new_log = known.is_none();
        let mut seen = known.unwrap_or_default();
        let sequence = name.sequence;
        let is_known = |&(low, high): &(u64, u64)| (low..=high).contains(&sequence);
        if seen.taken().iter().any(is_known) {
            return Ok(false);
        }
        seen.take(sequence);
        let log = LogRecord {
            contact,
            log: name.log,
            heard: self.logs.hear(self.now),
            seen,
        };
        self.put(Table::Seen, &row, &log.encode())?;
        if is_new_log && self.logs.add(contact) {
            self.trim_logs(contact)?;
        }
        let record = Record {
            contact,
            name,
            order: self.take_order(),
            at: self.times.next(name.log, self.now),
            sent_at: message.sent_at,
            standing: Standing::Received {
                missing: message.missing,
            },
            overdue: UnixTime(0),
            kind: message.kind,
            conversation: message.conversation.clone(),
            body: Zeroizing::new(message.body.clone()),
        };
        self.put_message(Table::Inbox, &record)?;
        Ok(true)
    }

    /// A message was shown. From now on it is in the history or nowhere.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn shown(&mut self, contact: ContactId, name: Name) -> Result<(), Fault> {
        let row = self.keys.message(Table::Inbox, contact, name);
        let Some(sealed) = self.remove(Table::Inbox, &row)? else {
            return Ok(());
        };
        let record = self.open_message(Table::Inbox, &row, &sealed)?;
        self.remember(record)
    }

    /// A contact was removed or revoked: what waits for it goes, and what is known of its logs. What it
    /// said and nobody has seen yet stays, and the history.
    ///
    /// # Errors
    /// [`Fault`]
    pub fn forget(&mut self, contact: ContactId) -> Result<(), Fault> {
        for table in [Table::Outbox, Table::Seen] {
            let prefix = self.keys.contact(table, contact);
            let mut table = self.transaction.open_table(definition(table))?;
            let (low, high) = span(&prefix);
            table.retain_in(low.as_slice()..=high.as_slice(), |_, _| false)?;
        }
        self.logs.count(contact, 0);
        Ok(())
    }

    /// Forgets logs of a contact that has more of them than are remembered: those heard longest ago.
    pub(super) fn trim_logs(&mut self, contact: ContactId) -> Result<(), Fault> {
        let mut logs = self.logs_of(contact)?;
        logs.sort_unstable();
        let surplus = logs.len().saturating_sub(SeenLog::MOST);
        for (_, row) in logs.drain(..surplus) {
            self.remove(Table::Seen, &row)?;
        }
        self.logs.count(contact, logs.len());
        Ok(())
    }

    /// When each log of a contact was last heard, and its row.
    fn logs_of(&self, contact: ContactId) -> Result<Vec<(UnixTime, Vec<u8>)>, Fault> {
        let (low, high) = span(&self.keys.contact(Table::Seen, contact));
        let table = self.transaction.open_table(definition(Table::Seen))?;
        let rows = table.range(low.as_slice()..=high.as_slice())?;
        let heard = rows.map(|row| {
            let (row, sealed) = row?;
            let log = self.open_log(row.value(), sealed.value())?;
            Ok((log.heard, row.value().to_vec()))
        });
        heard.collect()
    }

    /// Appends to the history, if there is to be one.
    fn remember(&mut self, record: Record) -> Result<(), Fault> {
        if let Some(memory) = &mut self.memory {
            let contact = self.keys.contact(Table::Memory, record.contact);
            memory.stage(contact, record, self.rng);
            return Ok(());
        }
        if !self.keep.is_on_disk() {
            return Ok(());
        }
        let prefix = self.keys.contact(Table::History, record.contact);
        let last = {
            let table = self.transaction.open_table(definition(Table::History))?;
            let (low, high) = span(&prefix);
            let mut rows = table.range(low.as_slice()..=high.as_slice())?;
            let last = rows.next_back().transpose()?;
            last.and_then(|(row, _)| Some(u64::from_be_bytes(*row.value().last_chunk()?)))
        };
        let order = last.map_or(0, |last| last.saturating_add(1));
        // After a purge they begin anew.
        let first = self.fresh.entry(record.contact).or_insert(order);
        *first = order.min(*first);
        let row = [prefix.as_slice(), &order.to_be_bytes()].concat();
        self.put(Table::History, &row, &Record { order, ..record }.encode())
    }

    fn seen(&self, row: &[u8]) -> Result<Option<SeenLog>, Fault> {
        let table = self.transaction.open_table(definition(Table::Seen))?;
        let sealed = table.get(row)?;
        let log = sealed.map(|sealed| self.open_log(row, sealed.value()));
        Ok(log.transpose()?.map(|log| log.seen))
    }

    fn open_log(&self, row: &[u8], sealed: &[u8]) -> Result<LogRecord, Fault> {
        let text = self.keys.open(Table::Seen, row, sealed).ok();
        let log = text.and_then(|text| LogRecord::decode(&text));
        log.ok_or_else(|| damaged(Table::Seen))
    }

    fn open_message(&self, table: Table, row: &[u8], sealed: &[u8]) -> Result<Record, Fault> {
        let text = self.keys.open(table, row, sealed).ok();
        let record = text.and_then(|text| Record::decode(&text));
        record.ok_or_else(|| damaged(table))
    }

    pub(super) fn put_message(&mut self, table: Table, record: &Record) -> Result<(), Fault> {
        let row = self.keys.message(table, record.contact, record.name);
        self.put(table, &row, &record.encode())
    }

    fn put(&mut self, table: Table, row: &[u8], text: &[u8]) -> Result<(), Fault> {
        let sealed = self.keys.seal(table, row, text, self.rng);
        let mut table = self.transaction.open_table(definition(table))?;
        table.insert(row, sealed.as_slice())?;
        Ok(())
    }

    fn remove(&self, table: Table, row: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let mut table = self.transaction.open_table(definition(table))?;
        let removed = table.remove(row)?.map(|sealed| sealed.value().to_vec());
        Ok(removed)
    }

    const fn take_order(&mut self) -> u64 {
        let order = *self.next_order;
        *self.next_order = order.saturating_add(1);
        order
    }
}

pub(super) fn damaged(table: Table) -> Fault {
    StoreTrouble::Damaged(Loss::row(table)).into()
}

/// Between which all rows lie that a table has about a contact, or about anybody: none is as long as the last.
pub(super) fn rows_of(keys: &Keys, table: Table, contact: Option<ContactId>) -> (Vec<u8>, Vec<u8>) {
    match contact {
        Some(contact) => span(&keys.contact(table, contact)),
        None => (Vec::new(), vec![0xff; 4 * TAG_LEN]),
    }
}

/// Between which all rows lie that begin with a contact's tag: they have at most twice its length.
pub(super) fn span(prefix: &[u8; TAG_LEN]) -> (Vec<u8>, Vec<u8>) {
    let last = [prefix.as_slice(), &[0xff; TAG_LEN]].concat();
    (prefix.to_vec(), last)
}
