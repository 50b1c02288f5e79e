//! What rows are called and how their values are sealed. Source: docs/store.md#keys.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::chat::{ContactId, LogId, Name};
use crate::crypto::{OpenError, StaticSecret, StoreKey};

/// The table about the file itself.
const META: &[u8] = b"meta";

/// Where the wrapped key stands, which it is bound to.
const WRAPPED: &[&[u8]] = &[META, &[0], b"key"];

pub(super) const TAG_LEN: usize = 16;

/// The tables that hold rows about people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Table {
    /// Messages of ours that are neither delivered nor failed.
    Outbox,
    /// What was taken of each log.
    Seen,
    /// Messages that were taken and are not known to have been shown.
    Inbox,
    /// Messages that are over.
    History,
    /// Messages that are over, in no file: those of a run whose settings keep them as long as it lasts.
    Memory,
}

impl Table {
    /// Those of the file.
    pub(super) const ALL: [Self; 4] = [Self::Outbox, Self::Seen, Self::Inbox, Self::History];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Outbox => "outbox",
            Self::Seen => "seen",
            Self::Inbox => "inbox",
            Self::History => "history",
            Self::Memory => "memory",
        }
    }
}

/// The two keys of a store.
#[derive(Debug)]
pub(super) struct Keys {
    rows: StoreKey,
    values: StoreKey,
}

impl Keys {
    /// Draws the key of a new store, and wraps it for its owner.
    pub(super) fn generate(secret: &StaticSecret, rng: &mut dyn CryptoRng) -> (Self, Vec<u8>) {
        let data = StoreKey::generate(rng);
        let wrapped = secret.store_key().wrap(WRAPPED, &data, rng);
        (Self::of(&data), wrapped)
    }

    /// Opens what [`Keys::generate`] wrapped. It fails for another identity.
    pub(super) fn unwrap(secret: &StaticSecret, wrapped: &[u8]) -> Result<Self, OpenError> {
        let data = secret.store_key().unwrap_key(WRAPPED, wrapped)?;
        Ok(Self::of(&data))
    }

    fn of(data: &StoreKey) -> Self {
        Self {
            rows: data.derive(b"rows"),
            values: data.derive(b"values"),
        }
    }

    /// What all rows about a contact begin with. Each table has another.
    pub(super) fn contact(&self, table: Table, contact: ContactId) -> [u8; TAG_LEN] {
        let peer = contact.peer();
        self.rows
            .tag(&[table.name().as_bytes(), &[0], peer.as_bytes()])
    }

    /// The row of a message in the outbox or the inbox.
    pub(super) fn message(&self, table: Table, contact: ContactId, name: Name) -> Vec<u8> {
        let sequence = name.sequence.to_be_bytes();
        self.row(table, contact, name.log, &sequence)
    }

    /// The row of a log.
    pub(super) fn log(&self, contact: ContactId, log: LogId) -> Vec<u8> {
        self.row(Table::Seen, contact, log, &[])
    }

    fn row(&self, table: Table, contact: ContactId, log: LogId, rest: &[u8]) -> Vec<u8> {
        let (name, log) = (table.name().as_bytes(), log.0.to_be_bytes());
        let peer = contact.peer();
        let tag = self.rows.tag(&[name, &[0], peer.as_bytes(), &log, rest]);
        [self.contact(table, contact), tag].concat()
    }

    pub(super) fn seal(
        &self,
        table: Table,
        row: &[u8],
        text: &[u8],
        rng: &mut dyn CryptoRng,
    ) -> Vec<u8> {
        let place = [table.name().as_bytes(), &[0], row];
        self.values.seal(&place, text, rng)
    }

    pub(super) fn open(
        &self,
        table: Table,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let place = [table.name().as_bytes(), &[0], row];
        self.values.open(&place, sealed)
    }

    /// As [`Keys::seal`], for a row about the file itself.
    pub(super) fn seal_meta(&self, row: &str, text: &[u8], rng: &mut dyn CryptoRng) -> Vec<u8> {
        self.values.seal(&[META, &[0], row.as_bytes()], text, rng)
    }

    /// Opens what [`Keys::seal_meta`] sealed.
    pub(super) fn open_meta(
        &self,
        row: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.values.open(&[META, &[0], row.as_bytes()], sealed)
    }
}
