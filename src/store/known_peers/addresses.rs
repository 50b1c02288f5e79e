//! Where peers are: the addresses that known-peers has of them.

use super::{KnownPeers, not_found};
use crate::id::PeerId;
use crate::store::error::Error;
use crate::store::host_port::HostPort;
use crate::store::key_text::key_text;

/// What came of it that somebody was to be added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Added {
    /// A line was added.
    Peer,
    /// The peer was there under this name, and has these addresses beside those that it had.
    Addresses(Vec<HostPort>),
}

impl KnownPeers {
    /// As [`KnownPeers::add`], but who is saved already by this name and this key gets the addresses that it lacks.
    ///
    /// # Errors
    /// As of [`KnownPeers::add`]; also if it is saved already, and no address is given.
    pub fn add_or_extend(
        &mut self,
        name: &str,
        key: &PeerId,
        addresses: &[HostPort],
    ) -> Result<Added, Error> {
        let is_there = self.find(name).is_ok_and(|saved| saved.key() == *key);
        if !is_there || addresses.is_empty() {
            return self.add(name, key, addresses).map(|()| Added::Peer);
        }
        self.check_not_revoked(key)?;
        let mut new = Vec::new();
        for address in addresses {
            if self.add_address(key, address)? {
                new.push(address.clone());
            }
        }
        Ok(Added::Addresses(new))
    }

    /// Replaces a peer's addresses.
    ///
    /// # Errors
    /// `NotFound`, `DamagedLine`.
    pub(super) fn set_addresses(
        &mut self,
        name: &str,
        addresses: &[HostPort],
    ) -> Result<(), Error> {
        let values: Vec<_> = addresses.iter().map(HostPort::to_string).collect();
        self.set_option(name, "addr", &values)
    }

    /// Adds an address behind those of a peer; false if it is among them.
    ///
    /// # Errors
    /// `NotFound` if the key has no name, `DamagedLine`.
    pub fn add_address(&mut self, key: &PeerId, address: &HostPort) -> Result<bool, Error> {
        let peer = self
            .find_key(key)
            .ok_or_else(|| not_found(key_text(key), None))?;
        if peer.addresses().contains(address) {
            return Ok(false);
        }
        let name = peer.name().to_string();
        let addresses = [peer.addresses(), core::slice::from_ref(address)].concat();
        self.set_addresses(&name, &addresses)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::known_peers::tests::{BOB, CAROL, DAVE, key, rendered, sample};

    fn at(text: &str) -> HostPort {
        text.parse().unwrap()
    }

    #[test]
    fn who_is_saved_by_that_name_and_key_gets_the_addresses_that_it_lacks() {
        let mut peers = sample();
        let before = peers.find("bob").unwrap().addresses().to_vec();
        let wanted = [before[0].clone(), at("chat.example.org:7419")];
        let added = peers.add_or_extend("bob", &key(BOB), &wanted).unwrap();
        assert_eq!(added, Added::Addresses(vec![wanted[1].clone()]));
        let bob = peers.find("bob").unwrap();
        assert_eq!(bob.addresses(), [&before[..], &wanted[1..]].concat());
        let once = rendered(&peers);
        let again = peers.add_or_extend("bob", &key(BOB), &wanted).unwrap();
        assert_eq!(again, Added::Addresses(Vec::new()));
        assert_eq!(rendered(&peers), once);
    }

    #[test]
    fn another_name_or_key_or_a_revoked_one_gets_no_address() {
        let to = [at("chat.example.org:7419")];
        for (name, whose, addresses) in [
            ("robert", BOB, &to[..]),
            ("bob", CAROL, &to[..]),
            ("dave", DAVE, &to[..]),
            ("bob", BOB, &[][..]),
        ] {
            let mut peers = sample();
            let before = rendered(&peers);
            peers
                .add_or_extend(name, &key(whose), addresses)
                .unwrap_err();
            assert_eq!(rendered(&peers), before, "{name}");
        }
        let mut peers = sample();
        peers.revoke(&key(BOB), None).unwrap();
        let before = rendered(&peers);
        peers.add_or_extend("bob", &key(BOB), &to).unwrap_err();
        assert_eq!(rendered(&peers), before);
    }
}
