//! What the lines of the list say, taken in one after the other.

use std::collections::BTreeMap;

use super::line::{self, Content, DamageReason, PeerLine};
use super::{Damage, Index, Line, Peer};
use crate::id::PeerId;
use crate::text::{Safe, skeleton};

/// What the lines say.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) peers: Vec<Peer>,
    pub(super) revoked: BTreeMap<PeerId, Option<Safe>>,
    pub(super) damage: Vec<Damage>,
    pub(super) index: Index,
}

impl Reading {
    pub(super) fn read(&mut self, index: usize, line: &Line) {
        let (mark, text, _) = line.parts();
        let text = if index == 0 || mark.is_empty() {
            text
        } else {
            &line.0
        };
        if let Err(reason) = self.take(index, text) {
            let has_mark = line::has_mark(text);
            self.damage.push(Damage {
                line: index + 1,
                reason,
                has_mark,
            });
        }
    }

    fn take(&mut self, line: usize, text: &[u8]) -> Result<(), DamageReason> {
        match line::parse(text)? {
            Content::Nothing => Ok(()),
            Content::Revoked { key, reason } => {
                let place = self.index.keys.get(&key);
                let peer = place.and_then(|place| self.peers.get_mut(*place));
                if let Some(peer) = peer {
                    peer.revoked = true;
                }
                self.revoked.entry(key).or_insert(reason);
                Ok(())
            }
            Content::Peer(says) => self.take_peer(line, says),
        }
    }

    fn take_peer(&mut self, line: usize, says: Box<PeerLine>) -> Result<(), DamageReason> {
        let shape = skeleton(&says.name);
        if let Some(line) = self.number_of(&self.index.names, &says.name) {
            return Err(DamageReason::SameName { line });
        }
        if let Some(line) = self.number_of(&self.index.keys, &says.key) {
            return Err(DamageReason::SameKey { line });
        }
        if let Some(line) = self.number_of(&self.index.shapes, &shape) {
            return Err(DamageReason::LookAlike { line });
        }
        let place = self.peers.len();
        self.index.names.insert(says.name.clone(), place);
        self.index.keys.insert(says.key, place);
        self.index.shapes.insert(shape, place);
        let revoked = self.revoked.contains_key(&says.key);
        self.peers.push(Peer {
            says,
            revoked,
            line,
        });
        Ok(())
    }

    /// The line number, counted from 1, at which something stood first.
    fn number_of<K: Ord>(&self, places: &BTreeMap<K, usize>, wanted: &K) -> Option<usize> {
        let peer = self.peers.get(*places.get(wanted)?)?;
        Some(peer.line + 1)
    }
}
