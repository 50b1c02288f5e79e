//! A store of messages in somebody's home, filled without a conversation.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::path::{Path, PathBuf};

use chacha20::ChaCha20Rng;
use rand_core::{CryptoRng, SeedableRng};
use securechat::chat::{
    ContactId, ConversationId, FailReason, Incoming, Kind, LogId, Name, Outgoing, State,
};
use securechat::crypto::StaticSecret;
use securechat::id::PeerId;
use securechat::store::{self, Archive, Keep, KeyOffer, Paths};
use securechat::time::UnixTime;

/// 2026-11-21T02:09:31Z.
pub(crate) const NOW: UnixTime = UnixTime(1_795_226_971_000);

const HOUR: u64 = 3_600_000;

/// What becomes of a message in a store.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    Read,
    Unread,
    Waiting,
    Delivered,
    Expired,
}

/// A store that is being filled, by an identity without a passphrase in the directory `home`.
pub(crate) struct Kept {
    archive: Archive,
    next: u64,
}

impl Kept {
    pub(crate) fn in_home(home: &Path) -> Self {
        let secret = secret(home);
        let rng: Box<dyn CryptoRng + Send> = Box::new(ChaCha20Rng::from_seed([9; 32]));
        let path = path(home);
        let (archive, _) = Archive::open(&path, &secret, Keep::Forever, rng, NOW).unwrap();
        Self { archive, next: 0 }
    }

    /// Adds a message of so many hours before [`NOW`].
    pub(crate) fn add(&mut self, key: &str, hours: u64, fate: Fate, body: &[u8]) {
        let contact = ContactId::from(KeyOffer::parse(key).unwrap().key);
        let at = UnixTime(NOW.0 - hours * HOUR);
        let name = Name {
            log: LogId(0xabc),
            sequence: self.next,
        };
        self.next += 1;
        let received = Incoming {
            name,
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: at,
            body: body.to_vec(),
            missing: 0,
        };
        let sent = Outgoing {
            name,
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: at,
            body: body.into(),
        };
        let settled = match fate {
            Fate::Read | Fate::Unread | Fate::Waiting => State::Queued,
            Fate::Delivered => State::Delivered,
            Fate::Expired => State::Failed(FailReason::Expired),
        };
        let changed = self.archive.change(at, |change| match fate {
            Fate::Unread => change.receive(contact, &received).map(|_| ()),
            Fate::Read => {
                change.receive(contact, &received)?;
                change.shown(contact, name)
            }
            Fate::Waiting | Fate::Delivered | Fate::Expired => {
                change.queue(contact, &sent)?;
                change.settle(contact, name, settled)
            }
        });
        changed.unwrap();
    }
}

impl Kept {
    /// Lets as many messages wait as may.
    pub(crate) fn fill(&mut self, key: &str) {
        let contact = ContactId::from(KeyOffer::parse(key).unwrap().key);
        let waiting = (0..1_000).map(|sequence| Outgoing {
            name: Name {
                log: LogId(0xabc),
                sequence,
            },
            kind: Kind::Text,
            conversation: ConversationId::default(),
            sent_at: NOW,
            body: b"waits"[..].into(),
        });
        let changed = self.archive.change(NOW, |change| {
            waiting
                .into_iter()
                .try_for_each(|message| change.queue(contact, &message))
        });
        changed.unwrap();
    }
}

pub(crate) fn secret(home: &Path) -> StaticSecret {
    let key = store::load_identity(&home.join("identity.key")).unwrap();
    key.open(None).unwrap()
}

pub(crate) fn identity(home: &Path) -> PeerId {
    secret(home).public()
}

pub(crate) fn paths(home: &Path) -> Paths {
    Paths::resolve(Some(home), None).unwrap()
}

/// Where the store is.
pub(crate) fn path(home: &Path) -> PathBuf {
    paths(home).history(&identity(home))
}
