//! The list of people: `NAME KEY [option=value ...]`, one a line, as its owner may also edit it.
//!
//! ```text
//! # securechat known peers v1 - one per line:  NAME KEY [option=value ...]
//! bob      xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= addr=203.0.113.9:7419 seen=2026-11-21
//! @revoked gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA= reason="laptop stolen"
//! ```
//!
//! - Names are local and unique; one that looks like another is refused. One key has one name.
//! - A key that is `@revoked` on any line loses, whatever other lines say. Only an editor takes
//!   such a line out.
//! - Options: `addr=` (may be repeated), `seen=`, `verified=`, `differed=` (days in UTC; on the last one two
//!   people who compared words saw different ones: nothing is sent to such a peer), `psk=` (32 bytes in
//!   base64: a shared secret, so that the file and its `.bak` must be kept as secret as a key).
//!   `seen=`, the last session, is shown if its owner has noted it, and written by nobody else: the file is plain text.
//!   `sign=` (32 bytes in base64) and `version=`: what the peer showed of itself, which it must not
//!   take back. Values with spaces stand in `"`; `\"` and `\\` are a quote and a backslash there.
//! - Options that we do not know, remarks, spacing and line ends survive every change.
//! - A line that cannot be understood is damage: it is named, no other line is lost, and nothing
//!   is rewritten until somebody mends it.

mod addresses;
mod exchange;
mod file;
mod line;
mod list;
mod reading;
mod replace;

use core::{fmt, mem};
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use self::line::{Content, PeerLine, REVOKED_MARK};
use self::reading::Reading;
use super::error::{Error, ErrorKind, Operation};
use super::host_port::HostPort;
use super::key_text::{check_somebodys, key_text};
use super::stamp::Stamp;
use crate::calendar::Day;
use crate::crypto::Psk;
use crate::id::{PeerId, VerifyingKey};
use crate::text::{Safe, nearest, safe_line, safe_name, skeleton};

pub use self::addresses::Added;
pub use self::exchange::{Imported, LeftOut};
pub use self::file::{read_list, read_list_from};
pub use self::line::DamageReason;
#[cfg(test)]
pub(crate) use self::line::parsed_for_testing_only;
pub use self::list::{ListFile, PeerList, Unsaved};

/// The first line of a file that we make.
const HEADER: &str = "# securechat known peers v1 - one per line:  NAME KEY [option=value ...]";

/// What some Windows editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What known-peers says, with every byte of the file that said it.
pub struct KnownPeers {
    lines: Vec<Line>,
    peers: Vec<Peer>,
    index: Index,
    revoked: BTreeMap<PeerId, Option<Safe>>,
    damage: Vec<Damage>,
    stamp: Stamp,
}

/// Where in the list of peers somebody is, by whatever must be unique.
#[derive(Default)]
struct Index {
    names: BTreeMap<Safe, usize>,
    /// By [`skeleton`].
    shapes: BTreeMap<String, usize>,
    keys: BTreeMap<PeerId, usize>,
}

/// One line with its line end, the first perhaps with a byte order mark.
struct Line(Zeroizing<Vec<u8>>);

/// Somebody that we know.
#[derive(Clone)]
pub struct Peer {
    says: Box<PeerLine>,
    revoked: bool,
    /// Index into the lines.
    line: usize,
}

/// A line that cannot be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: DamageReason,
    /// Whether it begins with a mark: it may revoke a key.
    pub has_mark: bool,
}

impl Damage {
    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        if self.has_mark {
            "It may revoke a key: mend it. With a # in front of it that key would be trusted."
        } else {
            "Mend that line, or put a # in front of it."
        }
    }
}

impl Peer {
    /// What its owner calls the peer.
    #[must_use]
    pub fn name(&self) -> &Safe {
        &self.says.name
    }

    /// The peer's static public key.
    #[must_use]
    pub fn key(&self) -> PeerId {
        self.says.key
    }

    /// Where the peer was or may be, in the order of the file.
    #[must_use]
    pub fn addresses(&self) -> &[HostPort] {
        &self.says.addresses
    }

    /// The day of the last session, as somebody has written it there: no program of ours does.
    #[must_use]
    pub fn seen(&self) -> Option<Day> {
        self.says.seen
    }

    /// The day on which the two people compared their keys.
    #[must_use]
    pub fn verified(&self) -> Option<Day> {
        self.says.verified
    }

    /// As [`Peer::verified`], but none once the key is revoked: whoever has it now may be anybody.
    #[must_use]
    pub fn still_verified(&self) -> Option<Day> {
        self.verified().filter(|_| !self.is_revoked())
    }

    /// The day on which words that were compared were different ones; nothing may be sent to such a peer
    /// until somebody has decided what that means.
    #[must_use]
    pub fn differed(&self) -> Option<Day> {
        self.says.differed
    }

    /// Whether the key is `@revoked`; nothing may be sent to such a peer.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// The signing key that the peer has shown.
    #[must_use]
    pub fn signing_key(&self) -> Option<VerifyingKey> {
        self.says.signing_key
    }

    /// The newest version of the protocol that the peer has shown.
    #[must_use]
    pub fn version(&self) -> Option<u16> {
        self.says.version
    }

    /// Whether the two share a secret beside their keys.
    #[must_use]
    pub fn has_psk(&self) -> bool {
        self.says.psk.is_some()
    }

    /// A copy of the secret that the two share beside their keys.
    #[must_use]
    pub fn psk(&self) -> Option<Psk> {
        self.says.psk.as_ref().map(|psk| psk.duplicate())
    }
}

impl fmt::Debug for Peer {
    /// The psk stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("name", self.name())
            .field("key", &self.key())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for KnownPeers {
    /// The lines may hold a psk.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownPeers")
            .field("peers", &self.peers)
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

impl Default for KnownPeers {
    /// Nobody, and a first line that explains the format.
    fn default() -> Self {
        Self::parse(format!("{HEADER}\n").as_bytes())
    }
}

impl KnownPeers {
    /// Reads the content of a file. It never fails: what is not understood is in
    /// [`KnownPeers::damage`].
    #[must_use]
    pub fn parse(content: &[u8]) -> Self {
        let lines = content.split_inclusive(|byte| *byte == b'\n');
        let lines = lines
            .map(|line| Line(Zeroizing::new(line.to_vec())))
            .collect();
        let mut parsed = Self {
            lines,
            peers: Vec::new(),
            index: Index::default(),
            revoked: BTreeMap::new(),
            damage: Vec::new(),
            stamp: Stamp::default(),
        };
        parsed.read_lines();
        parsed
    }

    /// The content of the file, byte for byte what was read but for the changes made.
    #[must_use]
    pub fn render(&self) -> Zeroizing<Vec<u8>> {
        let mut content = Zeroizing::new(Vec::new());
        for line in &self.lines {
            content.extend_from_slice(&line.0);
        }
        content
    }

    /// Everybody who has a name, in the order of the file; revoked ones too.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// All revoked keys, with or without a name, and what was noted.
    pub fn revoked(&self) -> impl Iterator<Item = (&PeerId, Option<&Safe>)> {
        self.revoked
            .iter()
            .map(|(key, reason)| (key, reason.as_ref()))
    }

    /// Lines that cannot be understood.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Finds a peer by name.
    ///
    /// # Errors
    /// `NotFound` with the nearest name.
    pub fn find(&self, name: &str) -> Result<&Peer, Error> {
        let wanted = safe_name(name).ok();
        let found = wanted.and_then(|name| self.index.names.get(&name));
        let found = found.and_then(|index| self.peers.get(*index));
        found.ok_or_else(|| {
            let suggestion = nearest(name, self.peers.iter().map(Peer::name));
            not_found(safe_line(name), suggestion)
        })
    }

    /// Finds a peer by key.
    #[must_use]
    pub fn find_key(&self, key: &PeerId) -> Option<&Peer> {
        self.peers.get(*self.index.keys.get(key)?)
    }

    /// Finds the peer that has this name or one that looks like it.
    #[must_use]
    pub fn find_look_alike(&self, name: &Safe) -> Option<&Peer> {
        self.peers.get(*self.index.shapes.get(&skeleton(name))?)
    }

    /// Whether the key is `@revoked` on any line.
    #[must_use]
    pub fn is_revoked(&self, key: &PeerId) -> bool {
        self.revoked.contains_key(key)
    }

    /// Makes sure that the key is not revoked.
    ///
    /// # Errors
    /// `Revoked`, with the reason that was noted.
    pub fn check_not_revoked(&self, key: &PeerId) -> Result<(), Error> {
        match self.revoked.get(key).cloned() {
            Some(reason) => Err(refuse(Operation::Write, ErrorKind::Revoked { reason })),
            None => Ok(()),
        }
    }

    /// Makes sure that a peer could be added, and returns its name as it would be.
    ///
    /// # Errors
    /// As [`KnownPeers::add`].
    pub fn check_new(&self, name: &str, key: &PeerId) -> Result<Safe, Error> {
        self.check_intact()?;
        check_somebodys(key).map_err(|kind| refuse(Operation::Write, kind))?;
        self.check_not_revoked(key)?;
        if let Some(known) = self.find_key(key) {
            let name = known.name().clone();
            return Err(refuse(Operation::Write, ErrorKind::DuplicateKey { name }));
        }
        self.free_name(name, None)
    }

    /// Adds a peer at the end.
    ///
    /// # Errors
    /// `BadName`, `DuplicateName`, `LookAlike`, `DuplicateKey`, `Revoked`, `NotAPublicKey`, `DamagedLine`.
    pub fn add(&mut self, name: &str, key: &PeerId, addresses: &[HostPort]) -> Result<(), Error> {
        self.add_with(name, key, addresses, None)
    }

    /// As [`KnownPeers::add`], perhaps under the doubt of another list.
    fn add_with(
        &mut self,
        name: &str,
        key: &PeerId,
        addresses: &[HostPort],
        differed: Option<Day>,
    ) -> Result<(), Error> {
        let name = self.check_new(name, key)?;
        let line = format!("{name} {}", key_text(key));
        let addresses: Vec<_> = addresses.iter().map(HostPort::to_string).collect();
        let differed: Vec<_> = differed.iter().map(Day::to_string).collect();
        let line = line::with_option(&line, "addr", &addresses);
        self.append(&line::with_option(&line, "differed", &differed));
        Ok(())
    }

    /// Gives a peer another name.
    ///
    /// # Errors
    /// `NotFound`, `BadName`, `DuplicateName`, `LookAlike`, `DamagedLine`.
    pub fn rename(&mut self, old: &str, new: &str) -> Result<(), Error> {
        self.check_intact()?;
        let index = self.find(old)?.line;
        let new = self.free_name(new, Some(index))?;
        self.change(index, |line| line::with_name(line, &new));
        Ok(())
    }

    /// Takes a peer's line out. A revoked key stays revoked.
    ///
    /// # Errors
    /// `NotFound`, `DamagedLine`.
    pub fn remove(&mut self, name: &str) -> Result<(), Error> {
        self.check_intact()?;
        let index = self.find(name)?.line;
        self.lines.remove(index);
        self.read_lines();
        Ok(())
    }

    /// Marks a key as never to be trusted again, whether it has a name or not. A name stays with
    /// its key until it is removed.
    ///
    /// # Errors
    /// `Revoked` if it is already, `NotAPublicKey`, `DamagedLine`.
    pub fn revoke(&mut self, key: &PeerId, reason: Option<&str>) -> Result<(), Error> {
        self.check_intact()?;
        check_somebodys(key).map_err(|kind| refuse(Operation::Write, kind))?;
        if let Some(reason) = self.revoked.get(key) {
            return Err(refuse(
                Operation::Write,
                ErrorKind::Revoked {
                    reason: reason.clone(),
                },
            ));
        }
        let line = format!("{REVOKED_MARK} {}", key_text(key));
        let reason: Vec<_> = reason
            .map(|reason| safe_line(reason).to_string())
            .into_iter()
            .collect();
        self.append(&line::with_option(&line, "reason", &reason));
        Ok(())
    }

    /// Notes that the two people compared their keys, or takes the note away. That words differed once is
    /// settled by it.
    ///
    /// # Errors
    /// `NotFound`, `DamagedLine`.
    pub fn set_verified(&mut self, name: &str, day: Option<Day>) -> Result<(), Error> {
        let values: Vec<_> = day.iter().map(Day::to_string).collect();
        self.set_option(name, "verified", &values)?;
        self.set_option(name, "differed", &[])
    }

    /// Notes that the two people compared words and saw different ones. The peer is not verified then.
    ///
    /// # Errors
    /// `NotFound`, `DamagedLine`.
    pub fn set_differed(&mut self, name: &str, day: Day) -> Result<(), Error> {
        self.set_option(name, "verified", &[])?;
        self.set_option(name, "differed", &[day.to_string()])
    }

    /// Notes what a peer showed of itself: the signing key unless there is one, the version unless
    /// there is a newer one.
    ///
    /// # Errors
    /// `NotFound` if the key has no name, `DamagedLine`.
    pub fn introduce(
        &mut self,
        key: &PeerId,
        signing_key: VerifyingKey,
        version: u16,
    ) -> Result<(), Error> {
        let peer = self
            .find_key(key)
            .ok_or_else(|| not_found(key_text(key), None))?;
        let name = peer.name().to_string();
        let (has_key, known) = (peer.signing_key().is_some(), peer.version());
        if !has_key {
            let value = STANDARD.encode(signing_key.as_bytes());
            self.set_option(&name, "sign", &[value])?;
        }
        if known.is_none_or(|known| known < version) {
            self.set_option(&name, "version", &[version.to_string()])?;
        }
        Ok(())
    }

    /// Sets the secret that the two share beside their keys, or takes it away.
    ///
    /// # Errors
    /// `NotFound`, `DamagedLine`.
    pub fn set_psk(&mut self, name: &str, psk: Option<&Psk>) -> Result<(), Error> {
        let values: Vec<_> = psk
            .map(|psk| STANDARD.encode(psk.expose()))
            .into_iter()
            .collect();
        self.set_option(name, "psk", &values)
    }

    /// Succeeds if every line is understood.
    ///
    /// # Errors
    /// `DamagedLine` naming the first that is not.
    pub fn check_intact(&self) -> Result<(), Error> {
        let Some(damage) = self.damage.first().copied() else {
            return Ok(());
        };
        Err(refuse(Operation::Read, ErrorKind::DamagedLine(damage)))
    }

    fn set_option(&mut self, name: &str, option: &str, values: &[String]) -> Result<(), Error> {
        self.check_intact()?;
        let peer = self.find(name)?;
        let (key, index) = (peer.key(), peer.line);
        self.edit(index, |line| line::with_option(line, option, values));
        self.read_options(&key);
        Ok(())
    }

    /// Checks that nobody but the line `own` has this name or one that looks like it.
    fn free_name(&self, name: &str, own: Option<usize>) -> Result<Safe, Error> {
        let fail = |kind| refuse(Operation::Write, kind);
        let name = safe_name(name).map_err(|error| fail(ErrorKind::BadName(error)))?;
        match self.find_look_alike(&name) {
            Some(other) if Some(other.line) == own => Ok(name),
            Some(other) if *other.name() == name => Err(fail(ErrorKind::DuplicateName { name })),
            Some(other) => {
                let existing = other.name().clone();
                Err(fail(ErrorKind::LookAlike { existing }))
            }
            None => Ok(name),
        }
    }

    /// Puts a line at the end, with the kind of line end that the file has.
    fn append(&mut self, text: &str) {
        let ends_crlf = |line: &Line| line.0.ends_with(b"\r\n");
        let end = if self.lines.first().is_some_and(ends_crlf) {
            "\r\n"
        } else {
            "\n"
        };
        if let Some(last) = self.lines.last_mut()
            && !last.0.ends_with(b"\n")
        {
            last.0.extend_from_slice(end.as_bytes());
        }
        let line = Line(Zeroizing::new(format!("{text}{end}").into_bytes()));
        // What the others say stays: a list of many is put together line by line.
        let mut reading = Reading {
            peers: mem::take(&mut self.peers),
            revoked: mem::take(&mut self.revoked),
            damage: mem::take(&mut self.damage),
            index: mem::take(&mut self.index),
        };
        reading.read(self.lines.len(), &line);
        self.lines.push(line);
        self.set(reading);
    }

    fn change(&mut self, index: usize, edit: impl FnOnce(&str) -> String) {
        self.edit(index, edit);
        self.read_lines();
    }

    /// Puts a peer's line into other words. What they say is to be found out then.
    fn edit(&mut self, index: usize, edit: impl FnOnce(&str) -> String) {
        let line = self.lines.get_mut(index).expect("a peer's line exists");
        let (mark, text, end) = line.parts();
        let text = edit(str::from_utf8(text).expect("a peer's line is text"));
        line.0 = Zeroizing::new([mark, text.as_bytes(), end].concat());
    }

    /// Finds out anew what the options on a peer's line say. In a list without damage the others say what they did: each
    /// of thousands may be noted something of.
    fn read_options(&mut self, key: &PeerId) {
        let place = self.index.keys.get(key);
        let Some(peer) = place.and_then(|place| self.peers.get_mut(*place)) else {
            return;
        };
        let line = self.lines.get(peer.line).map(|line| line.parts().1);
        match line.map(line::parse) {
            Some(Ok(Content::Peer(says))) if (&says.name, says.key) == (peer.name(), *key) => {
                peer.says = says;
            }
            Some(_) | None => self.read_lines(),
        }
    }

    /// Finds out anew what the lines say.
    fn read_lines(&mut self) {
        let mut reading = Reading::default();
        for (index, line) in self.lines.iter().enumerate() {
            reading.read(index, line);
        }
        self.set(reading);
    }

    fn set(&mut self, reading: Reading) {
        self.peers = reading.peers;
        self.index = reading.index;
        self.revoked = reading.revoked;
        self.damage = reading.damage;
    }
}

impl Line {
    /// Byte order mark, text and line end.
    fn parts(&self) -> (&[u8], &[u8], &[u8]) {
        let text = self.0.strip_suffix(b"\n").unwrap_or(&self.0);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let (line, end) = self.0.split_at(text.len());
        let mark_len = if line.starts_with(BYTE_ORDER_MARK) {
            BYTE_ORDER_MARK.len()
        } else {
            0
        };
        let (mark, text) = line.split_at(mark_len);
        (mark, text, end)
    }
}

fn not_found(wanted: Safe, suggestion: Option<Safe>) -> Error {
    refuse(Operation::Find, ErrorKind::NotFound { wanted, suggestion })
}

fn refuse(operation: Operation, kind: ErrorKind) -> Error {
    Error::without_path(operation, kind)
}

#[cfg(test)]
mod tests;
