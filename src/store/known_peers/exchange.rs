//! Lists that people hand on: what of a list leaves the machine, and what of another's is taken over.
//!
//! A list that is handed on has names, keys, addresses and revocations. It never has a shared secret,
//! nor what only its owner knows: whom he compared keys with, when he last talked to them, and why he
//! revoked a key. A key of somebody who saw other words is in no such list, and stays under that doubt
//! where another list has it.

use super::line::Content;
use super::{HEADER, KnownPeers, Peer, REVOKED_MARK, line};
use crate::id::PeerId;
use crate::store::error::Error;
use crate::store::host_port::HostPort;
use crate::store::key_text::key_text;
use crate::text::Safe;

/// What came of taking another list over.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// By the names that they have now.
    pub added: Vec<Safe>,
    /// How many keys were known already, by whatever name.
    pub known: usize,
    /// Names of the other list whose keys are revoked here; left out.
    pub refused: Vec<Safe>,
    /// How many keys are revoked now that nobody here has a name for.
    pub revoked: usize,
    /// Peers of ours whose keys the other list revokes; they stay as they are.
    pub disputed: Vec<Safe>,
    /// Those of `added` who saw other words: they are not talked to until somebody decides.
    pub differed: Vec<Safe>,
    /// Those of `added` who share a secret in the other list, which stays there.
    pub secretive: Vec<Safe>,
}

/// What a list said of a key.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LeftOut {
    /// The name that it has there.
    pub name: Option<Safe>,
    /// Whether it is revoked there.
    pub is_revoked: bool,
}

impl KnownPeers {
    /// The list as it may be handed on: these peers, or all and the revocations if there are none. Whose words
    /// [`differed`](Peer::differed) is left out.
    ///
    /// # Errors
    /// `NotFound`, `DamagedLine`.
    pub fn export(&self, names: &[String], with_addresses: bool) -> Result<String, Error> {
        self.check_intact()?;
        let mut lines = vec![HEADER.to_owned()];
        if names.is_empty() {
            let peers = self.peers().iter();
            let peers = peers.filter(|peer| !peer.is_revoked() && peer.differed().is_none());
            lines.extend(peers.map(|peer| peer.handed_on(with_addresses)));
            lines.extend(self.revoked().map(|(key, _)| revocation(key)));
        }
        for name in names {
            let peer = self.find(name)?;
            self.check_not_revoked(&peer.key())?;
            if peer.differed().is_none() {
                lines.push(peer.handed_on(with_addresses));
            }
        }
        lines.push(String::new());
        Ok(lines.join("\n"))
    }

    /// Takes all out of a list that it says of a key, and returns what that was.
    pub fn leave_out(&mut self, key: &PeerId) -> LeftOut {
        let left_out = LeftOut {
            name: self.find_key(key).map(|peer| peer.name().clone()),
            is_revoked: self.is_revoked(key),
        };
        self.lines.retain(|line| match line::parse(line.parts().1) {
            Ok(Content::Peer(says)) => says.key != *key,
            Ok(Content::Revoked { key: revoked, .. }) => revoked != *key,
            Ok(Content::Nothing) | Err(_) => true,
        });
        self.read_lines();
        left_out
    }

    /// Takes another list over: everybody who is not known yet, and what it revokes of keys that have
    /// no name here. Whom we know already keeps the name, and a peer of ours is never revoked by it.
    ///
    /// # Errors
    /// `DamagedLine` of the other list; `DuplicateName` or `LookAlike` if a name is taken by another
    /// key. Nothing was taken over then, if the caller drops `self`.
    pub fn import(&mut self, other: &Self) -> Result<Imported, Error> {
        other.check_intact()?;
        let mut imported = Imported::default();
        for (key, reason) in other.revoked() {
            self.import_revocation(key, reason, &mut imported)?;
        }
        for peer in other.peers().iter().filter(|peer| !peer.is_revoked()) {
            self.import_peer(peer, &mut imported)?;
        }
        Ok(imported)
    }

    fn import_revocation(
        &mut self,
        key: &PeerId,
        reason: Option<&Safe>,
        imported: &mut Imported,
    ) -> Result<(), Error> {
        if self.is_revoked(key) {
            return Ok(());
        }
        if let Some(known) = self.find_key(key) {
            imported.disputed.push(known.name().clone());
            return Ok(());
        }
        imported.revoked += 1;
        self.revoke(key, reason.map(Safe::as_str))
    }

    fn import_peer(&mut self, peer: &Peer, imported: &mut Imported) -> Result<(), Error> {
        let key = peer.key();
        if self.is_revoked(&key) {
            imported.refused.push(peer.name().clone());
        } else if self.find_key(&key).is_some() {
            imported.known += 1;
        } else {
            let name = peer.name();
            self.add_with(name.as_str(), &key, peer.addresses(), peer.differed())?;
            imported.added.push(name.clone());
            if peer.differed().is_some() {
                imported.differed.push(name.clone());
            }
            if peer.has_psk() {
                imported.secretive.push(name.clone());
            }
        }
        Ok(())
    }
}

impl Peer {
    fn handed_on(&self, with_addresses: bool) -> String {
        let line = format!("{} {}", self.name(), key_text(&self.key()));
        let addresses: &[HostPort] = if with_addresses {
            self.addresses()
        } else {
            &[]
        };
        let addresses: Vec<_> = addresses.iter().map(HostPort::to_string).collect();
        line::with_option(&line, "addr", &addresses)
    }
}

/// Why is a note to oneself.
fn revocation(key: &PeerId) -> String {
    format!("{REVOKED_MARK} {}", key_text(key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::known_peers::tests::{BOB, CAROL, DAVE, key, rendered, sample};

    fn list(text: &str) -> KnownPeers {
        KnownPeers::parse(text.as_bytes())
    }

    #[test]
    fn what_only_the_owner_knows_is_not_handed_on() {
        let psk = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
        let mut peers = list(&format!(
            "bob {BOB} addr=a.example:1 psk={psk} seen=2026-11-21 verified=2026-11-22 version=1 x=y # friend\n"
        ));
        peers.revoke(&key(DAVE), Some("laptop stolen")).unwrap();
        let revoked = format!("@revoked {DAVE}\n");
        assert_eq!(
            peers.export(&[], true).unwrap(),
            format!("{HEADER}\nbob {BOB} addr=a.example:1\n{revoked}")
        );
        assert_eq!(
            peers.export(&["bob".to_owned()], false).unwrap(),
            format!("{HEADER}\nbob {BOB}\n")
        );
        assert!(peers.export(&["dave".to_owned()], true).is_err());
    }

    #[test]
    fn whose_words_differed_is_not_handed_on() {
        let peers = list(&format!("bob {BOB} differed=2026-11-21\ncarol {CAROL}\n"));
        let carol = format!("{HEADER}\ncarol {CAROL}\n");
        assert_eq!(peers.export(&[], true).unwrap(), carol);
        let both = ["bob".to_owned(), "carol".to_owned()];
        assert_eq!(peers.export(&both, true).unwrap(), carol);
    }

    #[test]
    fn whose_words_differed_stays_aside_in_another_list_and_secrets_stay_behind() {
        let psk = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
        let former = list(&format!(
            "bob {BOB} addr=a.example:1 differed=2026-11-21\ncarol {CAROL} psk={psk}\n"
        ));
        let mut peers = KnownPeers::default();
        let imported = peers.import(&former).unwrap();
        assert_eq!(imported.added, ["bob".into(), "carol".into()]);
        assert_eq!(imported.differed, ["bob".into()]);
        assert_eq!(imported.secretive, ["carol".into()]);
        let bob = former.find("bob").unwrap();
        assert_eq!(peers.find("bob").unwrap().differed(), bob.differed());
        assert!(bob.differed().is_some() && !peers.find("carol").unwrap().has_psk());
    }

    #[test]
    fn what_is_handed_on_comes_in_as_it_was() {
        let handed_on = sample().export(&[], true).unwrap();
        let mut peers = KnownPeers::default();
        let imported = peers.import(&list(&handed_on)).unwrap();
        assert_eq!((imported.added.len(), imported.revoked), (2, 1));
        assert_eq!(peers.export(&[], true).unwrap(), handed_on);
        let again = peers.import(&list(&handed_on)).unwrap();
        assert_eq!((again.added.len(), again.known, again.revoked), (0, 2, 0));
    }

    #[test]
    fn all_that_a_list_says_of_a_key_can_be_left_out() {
        let text = format!("# ours\nbob {BOB}\n@revoked {BOB}\n@revoked {DAVE}\ncarol {CAROL}\n");
        let mut left = list(&text);
        let bob = left.leave_out(&key(BOB));
        assert_eq!((bob.name, bob.is_revoked), (Some("bob".into()), true));
        let rest = format!("# ours\n@revoked {DAVE}\ncarol {CAROL}\n");
        assert_eq!(rendered(&left), rest);
        assert_eq!(left.leave_out(&key(BOB)), LeftOut::default());
        let dave = left.leave_out(&key(DAVE));
        assert_eq!((dave.name, dave.is_revoked), (None, true));
    }

    #[test]
    fn another_list_takes_no_name_key_or_trust_of_ours() {
        let mut peers = sample();
        let before = rendered(&peers);
        let imported = peers
            .import(&list(&format!(
                "robert {BOB} verified=2026-01-01\ndave {DAVE}\n@revoked {CAROL}\n"
            )))
            .unwrap();
        assert_eq!(imported.known, 1, "bob keeps the name that we gave him");
        assert_eq!(imported.refused, ["dave".into()], "revoked here");
        assert_eq!(imported.disputed, ["carol".into()]);
        assert_eq!(rendered(&peers), before);
    }

    #[test]
    fn a_taken_name_stops_the_import() {
        let other = PeerId::new([5; 32]);
        for name in ["bob", "b0b"] {
            let taken = sample().import(&list(&format!("{name} {}\n", key_text(&other))));
            let kind = taken.unwrap_err();
            assert!(format!("{:?}", kind.kind()).contains("bob"), "{name}");
        }
    }

    #[test]
    fn a_key_that_nobody_can_have_is_not_taken_over() {
        let nobody = key_text(&PeerId::new([0; 32]));
        let result = sample().import(&list(&format!("erin {nobody}\n")));
        let kind = format!("{:?}", result.unwrap_err().kind());
        assert!(kind.contains("NobodysKey"), "{kind}");
    }

    #[test]
    fn a_list_with_damage_is_not_taken_over() {
        let mut peers = sample();
        let result = peers.import(&list(&format!(
            "erin {}\nfrank\n",
            key_text(&PeerId::new([5; 32]))
        )));
        assert!(format!("{:?}", result.unwrap_err().kind()).contains("line: 2"));
        assert!(peers.find("erin").is_err());
    }
}
