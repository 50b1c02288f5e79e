//! Who we know: known-peers, kept in step with the file, and those met in this run only.

use core::mem;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::calendar::Day;
use crate::chat::Messenger;
use crate::cli::Error;
use crate::id::{PeerId, VerifyingKey};
use crate::proto::{Endpoint, Event, PeerConfig, Shown};
use crate::store::{
    self, ErrorKind, HostPort, KeyOffer, KnownPeers, Peer, PeerList, Stamp, is_test_only,
    short_key_text,
};
use crate::text::{Safe, safe_name};
use crate::time::Instant;

/// What is said of a list that has changed and cannot be read.
pub(super) const UNUSABLE: &str = "known-peers changed, but cannot be used; the former list counts";

/// The people that this run knows.
#[derive(Debug)]
pub(super) struct Contacts {
    list: PeerList,
    known: KnownPeers,
    /// The list that `known` was read from; none if it is to be read again in any case.
    stamp: Option<Stamp>,
    /// The file as it was at the last look.
    seen: Stamp,
    /// The file that could not be read, once that was told.
    refused: Option<Stamp>,
    /// Peers of this run only, by a key on the command line or a "yes" that could not be saved.
    passing: BTreeMap<PeerId, Safe>,
    /// Those who were saved since `known` was read.
    saved: BTreeSet<PeerId>,
    /// What the disk said of a change that counts and that it has not confirmed, until that is told.
    unconfirmed: Option<store::Error>,
    /// Whether published test keys may be talked to: on loopback only.
    test_keys: bool,
}

impl Contacts {
    /// Reads known-peers.
    ///
    /// # Errors
    /// What reading it fails with; a damaged line is an error.
    pub(super) fn load(list: PeerList, test_keys: bool) -> Result<Self, Error> {
        let stamp = list.stamp();
        let known = list.load()?;
        Ok(Self {
            list,
            known,
            stamp: Some(stamp),
            seen: stamp,
            refused: None,
            passing: BTreeMap::new(),
            saved: BTreeSet::new(),
            unconfirmed: None,
            test_keys,
        })
    }

    /// Tells the endpoint about everybody, at the start.
    pub(super) fn install(&self, endpoint: &mut Endpoint) {
        for (key, _) in self.known.revoked() {
            endpoint.revoke_peer(*key);
        }
        for peer in self.usable() {
            endpoint.add_peer(config_of(peer));
        }
        for peer in self.differed() {
            endpoint.revoke_peer(peer);
        }
    }

    /// Those whose words were others, and about whom nobody has decided.
    fn differed(&self) -> Vec<PeerId> {
        let peers = self.known.peers().iter();
        let differed = peers.filter(|peer| peer.differed().is_some());
        differed.map(Peer::key).collect()
    }

    /// Reads the file again if it changed and returns what is different. A file that cannot be read, or is gone,
    /// changes nothing: what waits for somebody who is taken out is lost for good, and who means that leaves a list
    /// without him. It is read again at each look, since what is wrong may be mended beside it.
    ///
    /// A change counts once two looks in a row have found it the same: some editors take the file
    /// away or empty it before they write it anew, and nobody is to be put out for that.
    ///
    /// # Errors
    /// What reading it fails with, once for each change of the file.
    pub(super) fn refresh(&mut self) -> Result<Option<Changes>, store::Error> {
        let stamp = self.list.stamp();
        let is_settled = mem::replace(&mut self.seen, stamp) == stamp;
        if !is_settled {
            return Ok(None);
        }
        if self.stamp == Some(stamp) {
            self.refused = None;
            return Ok(None);
        }
        let fresh = self.load_again();
        if self.list.stamp() != stamp {
            return Ok(None);
        }
        match fresh {
            Ok(fresh) => {
                (self.stamp, self.refused) = (Some(stamp), None);
                Ok(Some(self.take(fresh)))
            }
            Err(_) if self.refused.replace(stamp) == Some(stamp) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the file, which is there if anybody is known.
    fn load_again(&self) -> Result<KnownPeers, store::Error> {
        if self.knows_nobody() {
            self.list.load()
        } else {
            self.list.load_existing()
        }
    }

    fn knows_nobody(&self) -> bool {
        self.known.peers().is_empty() && self.known.revoked().next().is_none()
    }

    /// Goes by this list from now on.
    fn take(&mut self, fresh: KnownPeers) -> Changes {
        let whose = |contacts: &Self| -> BTreeSet<PeerId> {
            let usable = contacts.usable().map(Peer::key);
            usable.chain(contacts.differed()).collect()
        };
        let mut before = whose(self);
        let saved = mem::take(&mut self.saved);
        let former = mem::replace(&mut self.known, fresh);
        let revoked: BTreeSet<&PeerId> = former.revoked().map(|(key, _)| key).collect();
        let known = &self.known;
        let moved = former.peers().iter();
        let moved = moved.filter_map(|it| Moved::of(it, known.find_key(&it.key())?));
        let moved = moved.collect();
        // Who was saved and is not in the list was taken out since.
        let passes = |key: &PeerId| known.find_key(key).is_none() && !saved.contains(key);
        self.passing.retain(|key, _| passes(key));
        before.extend(saved.iter().filter(|key| known.find_key(key).is_none()));
        let after = whose(self);
        let now_revoked = self.known.revoked().map(|(key, _)| *key);
        Changes {
            revoked: now_revoked.filter(|key| !revoked.contains(key)).collect(),
            removed: before.difference(&after).copied().collect(),
            aside: self.differed(),
            present: self.usable().map(config_of).collect(),
            moved,
        }
    }

    /// As [`Contacts::refresh`], by somebody who knows that the file is whole.
    ///
    /// # Errors
    /// As [`Contacts::refresh`].
    pub(super) fn reload(&mut self) -> Result<Option<Changes>, store::Error> {
        self.seen = self.list.stamp();
        self.refused = None;
        self.refresh()
    }

    /// As [`Contacts::reload`], also if the file is the one that was read last.
    ///
    /// # Errors
    /// As [`Contacts::refresh`].
    pub(super) fn read_again(&mut self) -> Result<Option<Changes>, store::Error> {
        self.stamp = None;
        self.reload()
    }

    /// Changes the file. Where it is gone, no list that lacks everybody else takes its place. A change that the disk has
    /// not confirmed counts as well: [`Contacts::take_unconfirmed`].
    ///
    /// # Errors
    /// If it cannot be used, or what `edit` says; nothing is changed then.
    pub(super) fn update<T>(
        &mut self,
        mut edit: impl FnMut(&mut KnownPeers) -> Result<T, store::Error>,
    ) -> Result<T, store::Error> {
        if !self.knows_nobody() {
            self.list.check_there()?;
        }
        let mut edited = None;
        let updated = self.list.update(|known| {
            edited = Some(edit(known)?);
            Ok(())
        });
        if let Err(error) = updated {
            if !matches!(error.kind(), ErrorKind::NotSynced { .. }) {
                return Err(error);
            }
            self.unconfirmed = Some(error);
        }
        Ok(edited.expect("what is in its place was edited"))
    }

    /// What is to be told of a change that counts and that the disk has not confirmed (SC18).
    pub(super) const fn take_unconfirmed(&mut self) -> Option<store::Error> {
        self.unconfirmed.take()
    }

    fn usable(&self) -> impl Iterator<Item = &Peer> {
        let allowed = |peer: &&Peer| self.test_keys || !is_test_only(&peer.key());
        self.known
            .peers()
            .iter()
            .filter(|peer| !peer.is_revoked() && peer.differed().is_none())
            .filter(allowed)
    }

    /// What to call a peer: its saved name, or what [`unsaved`] makes of its key.
    pub(super) fn label(&self, peer: &PeerId) -> Safe {
        let saved = self.known.find_key(peer).map(|peer| peer.name().clone());
        let passing = || self.passing.get(peer).cloned();
        saved.or_else(passing).unwrap_or_else(|| unsaved(peer))
    }

    /// Whether the peer has a saved name, also if the file has not been read since.
    pub(super) fn is_saved(&self, peer: &PeerId) -> bool {
        self.known.find_key(peer).is_some() || self.saved.contains(peer)
    }

    /// When the peer's key was compared with its owner, if it was, and is not revoked.
    pub(super) fn verified(&self, peer: &PeerId) -> Option<Day> {
        self.known.find_key(peer).and_then(Peer::still_verified)
    }

    /// When the peer's key was compared with its owner, by what the file says now if it can be read.
    pub(super) fn verified_by_now(&self, peer: &PeerId) -> Option<Day> {
        let read = self.load_again();
        let known = read.as_ref().unwrap_or(&self.known);
        known.find_key(peer).and_then(Peer::verified)
    }

    /// When words that were compared with the peer were others, if nobody has decided since.
    pub(super) fn differed_on(&self, peer: &PeerId) -> Option<Day> {
        self.known.find_key(peer).and_then(Peer::differed)
    }

    /// Whether known-peers says how a comparison with the peer ended.
    pub(super) fn has_decision(&self, peer: &PeerId) -> bool {
        let is_decided = |saved: &Peer| saved.verified().is_some() || saved.differed().is_some();
        self.known.find_key(peer).is_some_and(is_decided)
    }

    /// Notes what came of a comparison; false if the peer has no line to note it on. A look at the file
    /// finds it there.
    ///
    /// # Errors
    /// If the file cannot be used, or the key is revoked and was the right one; nothing is noted then.
    pub(super) fn note_comparison(
        &mut self,
        peer: &PeerId,
        same: bool,
        day: Day,
    ) -> Result<bool, store::Error> {
        self.update(|known| {
            let name = known.find_key(peer).map(|peer| peer.name().to_string());
            let Some(name) = name else {
                return Ok(false);
            };
            if same {
                known.check_not_revoked(peer)?;
                known.set_verified(&name, Some(day))?;
            } else {
                known.set_differed(&name, day)?;
            }
            Ok(true)
        })
    }

    /// Notes that words differed, if nobody has decided since: then the peer is gone, or verified on
    /// another day than the one that was known, `verified`. A decision is seen where nothing can be written, too.
    ///
    /// # Errors
    /// If the file cannot be used; nothing is noted then.
    pub(super) fn note_late(
        &mut self,
        peer: &PeerId,
        verified: Option<Day>,
        day: Day,
    ) -> Result<(), store::Error> {
        let undecided = |known: &KnownPeers| {
            let saved = known.find_key(peer)?;
            let is_open = saved.verified().is_none() || saved.verified() == verified;
            (is_open && saved.differed().is_none()).then(|| saved.name().to_string())
        };
        if undecided(&self.load_again()?).is_none() {
            return Ok(());
        }
        self.update(|known| match undecided(known) {
            Some(name) => known.set_differed(&name, day),
            None => Ok(()),
        })
    }

    pub(super) const fn known(&self) -> &KnownPeers {
        &self.known
    }

    /// The key behind a name that was typed.
    pub(super) fn find(&self, name: &str) -> Option<PeerId> {
        let saved = self.known.find(name).ok().map(Peer::key);
        let passing = || {
            self.passing
                .iter()
                .find(|(_, label)| label.as_str() == name)
        };
        saved.or_else(|| passing().map(|(key, _)| *key))
    }

    /// The name that a peer has yet to be saved under; none if it is already.
    ///
    /// # Errors
    /// If it could not be saved under that name.
    pub(super) fn to_save(
        &self,
        name: &str,
        peer: &PeerId,
    ) -> Result<Option<String>, store::Error> {
        let is_peer = |saved: &Peer| saved.key() == *peer;
        if self.known.find(name).is_ok_and(is_peer) {
            return Ok(None);
        }
        self.known.check_new(name, peer)?;
        Ok(Some(name.to_owned()))
    }

    /// The saved peer whose name looks like `nickname`.
    pub(super) fn claimed(&self, nickname: &Safe) -> Option<&Peer> {
        self.known.find_look_alike(nickname)
    }

    /// Takes a peer in for this run.
    pub(super) fn meet(&mut self, offer: &KeyOffer) {
        self.passing.insert(offer.key, unsaved(&offer.key));
    }

    /// Saves a peer under a name, and when words that were compared with it differed. [`Contacts::refresh`]
    /// then reads the file, which may say more that is new: a revocation, for instance.
    ///
    /// # Errors
    /// If the name or the file cannot be used; nothing is saved then.
    pub(super) fn save(
        &mut self,
        name: &str,
        peer: &PeerId,
        addresses: &[HostPort],
        differed: Option<Day>,
    ) -> Result<(), store::Error> {
        self.update(|known| {
            known.add(name, peer, addresses)?;
            differed.map_or(Ok(()), |day| known.set_differed(name, day))
        })?;
        let label = safe_name(name).unwrap_or_else(|_| unsaved(peer));
        self.passing.insert(*peer, label);
        self.saved.insert(*peer);
        Ok(())
    }
}

impl Contacts {
    /// Saves where a peer was reached; false if it is saved already, or the peer has no line to note it on.
    ///
    /// # Errors
    /// If the file cannot be used; nothing is saved then.
    pub(super) fn save_address(
        &mut self,
        peer: &PeerId,
        address: &HostPort,
    ) -> Result<bool, store::Error> {
        let lacks_it = |saved: &Peer| !saved.addresses().contains(address);
        if !self.known.find_key(peer).is_some_and(lacks_it) {
            return Ok(false);
        }
        match self.update(|known| known.add_address(peer, address)) {
            // Somebody has taken the line out meanwhile.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => Ok(false),
            result => result,
        }
    }

    /// Notes in known-peers what these peers showed of themselves, all of it in one change, unless it is there already. Who
    /// has no name there has no line either.
    ///
    /// # Errors
    /// If the file cannot be used; nothing is noted then.
    pub(super) fn introduce(&mut self, shown: &[Introduction]) -> Result<(), store::Error> {
        let is_new = |it: &&Introduction| self.is_new(it);
        let new: Vec<_> = shown.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        self.update(|known| note_introductions(known, &new))?;
        note_introductions(&mut self.known, &new)
    }

    /// Whether somebody has a name, and known-peers does not say what it showed.
    fn is_new(&self, shown: &Introduction) -> bool {
        let says_so = |saved: &Peer| {
            saved.signing_key() == Some(shown.signing_key)
                && saved.version().is_some_and(|saved| saved >= shown.version)
        };
        let is_noted = self.known.find_key(&shown.peer).is_some_and(says_so);
        !is_noted && self.label(&shown.peer) != unsaved(&shown.peer)
    }
}

/// What a peer showed of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Introduction {
    pub(super) peer: PeerId,
    pub(super) signing_key: VerifyingKey,
    pub(super) version: u16,
}

impl Introduction {
    /// The one that an event tells of.
    pub(super) const fn of(event: &Event) -> Option<Self> {
        let Event::Introduced {
            peer,
            signing_key,
            newest_version,
        } = *event
        else {
            return None;
        };
        Some(Self {
            peer,
            signing_key,
            version: newest_version,
        })
    }
}

/// Notes it of those who have a line: somebody may have taken one out meanwhile.
fn note_introductions(known: &mut KnownPeers, shown: &[Introduction]) -> Result<(), store::Error> {
    for it in shown {
        if known.find_key(&it.peer).is_some() {
            known.introduce(&it.peer, it.signing_key, it.version)?;
        }
    }
    Ok(())
}

/// What to call somebody who has no name: the beginning of the key. No name has a `:` in it, so that a
/// key which was searched for until it begins like a name does not pass for that name.
pub(in crate::cli) fn unsaved(peer: &PeerId) -> Safe {
    Safe::from("key:") + short_key_text(peer)
}

/// What a changed known-peers means for the sessions.
#[derive(Debug)]
pub(super) struct Changes {
    revoked: Vec<PeerId>,
    removed: Vec<PeerId>,
    /// Whose words were others: no session, but what waits for them stays.
    aside: Vec<PeerId>,
    present: Vec<PeerConfig>,
    /// Whose list of addresses has lost one.
    moved: Vec<Moved>,
}

/// Somebody of whose addresses one was taken out.
#[derive(Debug)]
pub(super) struct Moved {
    pub(super) peer: PeerId,
    before: Vec<SocketAddr>,
    now: Vec<SocketAddr>,
    /// Whether it is another host that is looked up for it.
    is_elsewhere: bool,
}

impl Moved {
    fn of(before: &Peer, now: &Peer) -> Option<Self> {
        let is_lost = |it: &HostPort| !now.addresses().contains(it);
        before.addresses().iter().any(is_lost).then(|| Self {
            peer: now.key(),
            before: literals(before),
            now: literals(now),
            is_elsewhere: before.addresses().first() != now.addresses().first(),
        })
    }

    /// Whether an address comes from what was taken out.
    pub(super) fn has_left(&self, address: &SocketAddr) -> bool {
        let was_there = self.is_elsewhere || self.before.contains(address);
        was_there && !self.now.contains(address)
    }
}

impl Changes {
    /// Those who are peers no longer.
    pub(super) fn gone(&self) -> Vec<PeerId> {
        self.revoked.iter().chain(&self.removed).copied().collect()
    }

    /// Lets nobody in of whom it is only known here that their words were others.
    pub(super) fn keep_aside(&mut self, aside: &BTreeSet<PeerId>) {
        let barred = self.present.extract_if(.., |peer| aside.contains(&peer.id));
        self.aside.extend(barred.map(|peer| peer.id));
    }

    /// Those whose words were others, and about whom nobody has decided.
    pub(super) fn aside(&self) -> Vec<PeerId> {
        self.aside.clone()
    }

    /// Those who are not to be called any more where they were.
    pub(super) fn take_moved(&mut self) -> Vec<Moved> {
        mem::take(&mut self.moved)
    }

    /// Ends the sessions of those who are gone, whose messages fail, and takes in the others. What waits for
    /// somebody about whom has been decided goes out, and what waits for somebody who has another address is tried there at
    /// once. Returns those who begin anew with another shared secret: nothing is
    /// left of what was tried with them.
    pub(super) fn apply(self, messenger: &mut Messenger, now: Instant) -> Vec<PeerId> {
        for key in self.revoked {
            messenger.revoke_peer(key);
        }
        for key in self.removed {
            messenger.remove_peer(key, now);
        }
        for key in self.aside {
            messenger.endpoint_mut().set_aside(key, now);
        }
        let mut anew = Vec::new();
        for peer in self.present {
            let id = peer.id;
            let was_known = messenger.endpoint().is_known(id);
            if messenger.add_peer(peer, now) && was_known {
                anew.push(id);
            }
        }
        anew
    }
}

/// Those of its addresses that need no look-up.
fn literals(peer: &Peer) -> Vec<SocketAddr> {
    let literal = |address: &HostPort| {
        let ip: IpAddr = address.host().parse().ok()?;
        // As the sockets say it.
        Some(SocketAddr::new(ip.to_canonical(), address.port()))
    };
    peer.addresses().iter().filter_map(literal).collect()
}

/// What the endpoint needs to know. Names of hosts are looked up when somebody connects.
fn config_of(peer: &Peer) -> PeerConfig {
    PeerConfig {
        id: peer.key(),
        psk: peer.psk(),
        addresses: literals(peer),
        shown: Shown {
            signing_key: peer.signing_key(),
            version: peer.version().unwrap_or_default(),
        },
    }
}

#[cfg(test)]
mod tests;
