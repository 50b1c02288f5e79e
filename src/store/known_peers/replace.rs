//! A peer that has a new key: the name moves, the trust does not.

use super::{KnownPeers, line, refuse};
use crate::id::PeerId;
use crate::store::error::{Error, ErrorKind, Operation};

/// Options that say something of a key and not of whose it is.
const BOUND_TO_KEY: [&str; 6] = ["seen", "verified", "differed", "psk", "sign", "version"];

impl KnownPeers {
    /// Gives a peer another key, and returns the one before, which is revoked. What was known of that
    /// one goes with it: the shared secret, the day of the comparison, what the peer showed of itself.
    ///
    /// # Errors
    /// `NotFound`, `DuplicateKey`, `Revoked` if the new key is, `DamagedLine`.
    pub fn replace(&mut self, name: &str, key: &PeerId) -> Result<PeerId, Error> {
        self.check_intact()?;
        let peer = self.find(name)?;
        let (index, name, old) = (peer.line, peer.name().clone(), peer.key());
        self.check_not_revoked(key)?;
        if let Some(known) = self.find_key(key) {
            let name = known.name().clone();
            return Err(refuse(Operation::Write, ErrorKind::DuplicateKey { name }));
        }
        self.change(index, |line| {
            let line = line::with_key(line, key);
            BOUND_TO_KEY
                .iter()
                .fold(line, |line, option| line::with_option(&line, option, &[]))
        });
        if !self.is_revoked(&old) {
            self.revoke(&old, Some(&format!("{name} has a new key")))?;
        }
        Ok(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::key_text::key_text;
    use crate::store::known_peers::tests::{BOB, CAROL, DAVE, key, rendered, sample};

    #[test]
    fn the_name_moves_to_the_new_key_and_the_trust_does_not() {
        let mut peers = sample();
        peers
            .introduce(&key(BOB), crate::id::VerifyingKey::new([9; 32]), 1)
            .unwrap();
        let new = PeerId::new([5; 32]);
        assert_eq!(peers.replace("bob", &new).unwrap(), key(BOB));
        let text = rendered(&peers);
        let line = format!("bob      {} addr=203.0.113.9:7419\n", key_text(&new));
        assert!(text.contains(&line), "{text}");
        assert!(text.contains(&format!("@revoked {BOB} reason=\"bob has a new key\"\n")));
        assert!(peers.is_revoked(&key(BOB)) && !peers.is_revoked(&new));
        let bob = peers.find("bob").unwrap();
        assert_eq!((bob.verified(), bob.signing_key()), (None, None));
    }

    #[test]
    fn a_key_that_is_known_or_revoked_is_nobodys_new_one() {
        for wrong in [BOB, CAROL, DAVE] {
            let mut peers = sample();
            let before = rendered(&peers);
            peers.replace("bob", &key(wrong)).unwrap_err();
            assert_eq!(rendered(&peers), before);
        }
    }
}
