//! Messages that the outbox has no room for yet.

use std::collections::VecDeque;

use crate::cli::talk::conversation::typing::Author;
use crate::id::PeerId;

/// Lines that somebody types are taken until so many messages wait for room: what they ask for is done at once. Enough
/// for whoever types on, and no room for a file that is pasted.
const MAX_MESSAGES: usize = 256;
/// And until those have so many bytes.
const MAX_BYTES: usize = 1 << 20;

/// A message, to whom it is, and who says it.
pub(super) type Unsaid = (PeerId, String, Author);

/// In the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Pending(VecDeque<Unsaid>);

impl IntoIterator for Pending {
    type Item = Unsaid;
    type IntoIter = std::collections::vec_deque::IntoIter<Unsaid>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Pending {
    pub(super) fn push(&mut self, message: Unsaid) {
        self.0.push_back(message);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether something waits for this peer, so that what is written now comes behind it.
    pub(super) fn waits_for(&self, peer: &PeerId) -> bool {
        self.0.iter().any(|(to, _, _)| to == peer)
    }

    /// Whether nothing more is to be read meanwhile.
    pub(super) fn is_full(&self) -> bool {
        let bytes: usize = self.0.iter().map(|(_, text, _)| text.len()).sum();
        self.len() >= MAX_MESSAGES || bytes >= MAX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: PeerId = PeerId::new([2; 32]);

    fn held(messages: usize, len: usize) -> Pending {
        let mut held = Pending::default();
        for _ in 0..messages {
            held.push((BOB, "x".repeat(len), Author::Line));
        }
        held
    }

    #[test]
    fn no_more_than_a_few_messages_are_held_for_want_of_room() {
        assert!(!held(MAX_MESSAGES - 1, 9).is_full());
        assert!(held(MAX_MESSAGES, 9).is_full());
        assert!(!held(1, MAX_BYTES - 1).is_full());
        assert!(held(1, MAX_BYTES).is_full());
    }
}
