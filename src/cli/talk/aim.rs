//! Whom to reach, and where: from known-peers or from the arguments.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::chat::Messenger;
use crate::cli::control::Running;
use crate::cli::talk::contacts::unsaved;
use crate::cli::talk::profile::Profile;
use crate::cli::target::{Target, Who};
use crate::cli::turn::BRIEF;
use crate::cli::{Context, Error, Peer, identity};
use crate::id::PeerId;
use crate::net::{Bind, Family, Host, ResolveError};
use crate::proto::{PeerConfig, Shown};
use crate::store::{HostPort, KeyOffer, KnownPeers, is_test_only};
use crate::text::{Safe, safe_line};

/// Whom to reach, and where.
pub(super) struct Aim {
    pub(super) offer: KeyOffer,
    pub(super) host: HostPort,
    /// The saved name that the key was looked up by, if it was.
    pub(super) name: Option<Safe>,
}

impl Aim {
    /// Looks a name up in known-peers; a key needs no looking up.
    ///
    /// # Errors
    /// SC05, SC25, SC27, SC30 or SC33, or what reading known-peers fails with.
    pub(super) fn of(target: Target, context: &Context) -> Result<Self, Error> {
        let (offer, name, saved) = match target.who {
            Who::Key(offer) => (offer, None, None),
            Who::Name(name) => {
                let known = KnownPeers::load(&context.paths.known_peers())?;
                let peer = known.find(&name)?;
                known.check_not_revoked(&peer.key())?;
                check_not_aside(&known, &peer.key())?;
                let saved = peer.addresses().first().cloned();
                let name = Some(peer.name().clone());
                (KeyOffer::of(peer.key()), name, saved)
            }
        };
        identity::check_not_own(&offer.key, name.as_ref(), context)?;
        let host = target.address.or(saved);
        let host = host.ok_or_else(|| Error::NoAddress {
            peer: Peer {
                saved: name.is_some(),
                label: name.clone().unwrap_or_else(|| unsaved(&offer.key)),
            },
            key: offer.key,
            runs: !matches!(Running::find(context, BRIEF), Ok(None)),
        })?;
        Ok(Self { offer, host, name })
    }

    /// Somebody who is saved under this name, at this host.
    pub(super) const fn at(name: Safe, key: PeerId, host: HostPort) -> Self {
        Self {
            offer: KeyOffer::of(key),
            host,
            name: Some(name),
        }
    }

    /// The host, to be looked up.
    ///
    /// # Errors
    /// SC29.
    pub(super) fn host(&self) -> Result<Host, Error> {
        let host = self.host.to_string();
        Host::parse(&host, None).map_err(|error| bad_address(&host, error))
    }

    /// The address of the host, if it is written as one.
    fn literal(&self) -> Option<IpAddr> {
        self.host.host().parse().ok()
    }

    /// From where to call when nobody says: from loopback to loopback, else from everywhere.
    pub(super) fn default_bind(&self, family: Family) -> Bind {
        match self.literal().filter(|ip| ip.to_canonical().is_loopback()) {
            Some(IpAddr::V4(_)) => Bind::At(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            Some(IpAddr::V6(_)) => Bind::At(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))),
            None => Bind::Everywhere { port: 0, family },
        }
    }

    /// Once the profile is open, which nobody else has then: whether this peer may be called, and is still the one that is
    /// meant.
    ///
    /// # Errors
    /// SC28, SC30, SC46.
    pub(super) fn check(&self, profile: &Profile) -> Result<(), Error> {
        profile.check_not_own(&self.offer.key)?;
        self.check_test_keys(profile)?;
        self.check_name(profile.contacts.known())
    }

    /// Makes sure that the name, if it was one, still means this peer.
    ///
    /// # Errors
    /// SC46.
    pub(super) fn check_name(&self, known: &KnownPeers) -> Result<(), Error> {
        match &self.name {
            Some(name) => check_still_means(known, name.as_str(), &self.offer.key),
            None => Ok(()),
        }
    }

    /// Published test keys work on loopback only, whichever side has one.
    fn check_test_keys(&self, profile: &Profile) -> Result<(), Error> {
        let is_test = is_test_only(&self.offer.key) || is_test_only(&profile.secret.public());
        let is_local = self
            .literal()
            .is_some_and(|ip| ip.to_canonical().is_loopback());
        if is_test && !is_local {
            Err(Error::TestKey)
        } else {
            Ok(())
        }
    }
}

/// Makes sure that a name means the key that it meant when it was looked up: while a passphrase or a text was typed, or the
/// identity was waited for, somebody may have changed known-peers.
///
/// # Errors
/// SC46.
pub(in crate::cli) fn check_still_means(
    known: &KnownPeers,
    name: &str,
    key: &PeerId,
) -> Result<(), Error> {
    if known.find(name).is_ok_and(|peer| peer.key() == *key) {
        return Ok(());
    }
    Err(name_moved(known, safe_line(name), key, false))
}

fn name_moved(known: &KnownPeers, name: Safe, key: &PeerId, has_begun: bool) -> Error {
    Error::NameMoved {
        is_taken: known.find(name.as_str()).is_ok(),
        now: known.find_key(key).map(|peer| peer.name().clone()),
        name,
        has_begun,
    }
}

/// Why nobody talks to a peer any more whom a command was after under this name.
pub(super) fn why_gone(known: &KnownPeers, name: &Safe, key: &PeerId) -> Error {
    let revoked = known.check_not_revoked(key).map_err(Error::from);
    let decided = revoked.and_then(|()| check_not_aside(known, key));
    let moved = || name_moved(known, name.clone(), key, true);
    decided.err().unwrap_or_else(moved)
}

/// Takes in somebody who is known by the arguments only.
pub(super) fn meet(
    profile: &mut Profile,
    messenger: &mut Messenger,
    offer: &KeyOffer,
) -> Result<(), Error> {
    let known = profile.contacts.known();
    known.check_not_revoked(&offer.key)?;
    check_not_aside(known, &offer.key)?;
    if known.find_key(&offer.key).is_none() {
        profile.contacts.meet(offer);
        messenger.endpoint_mut().add_peer(PeerConfig {
            id: offer.key,
            psk: None,
            addresses: Vec::new(),
            shown: Shown::default(),
        });
    }
    Ok(())
}

/// Makes sure that nobody has to decide first whether a peer is who it should be.
///
/// # Errors
/// SC33.
pub(super) fn check_not_aside(known: &KnownPeers, key: &PeerId) -> Result<(), Error> {
    match known.find_key(key).filter(|peer| peer.differed().is_some()) {
        Some(peer) => Err(Error::WordsDiffered {
            peer: Peer {
                label: peer.name().clone(),
                saved: true,
            },
        }),
        None => Ok(()),
    }
}

fn bad_address(text: &str, error: ResolveError) -> Error {
    let reason = safe_line(&error.to_string());
    Error::BadArgument {
        given: safe_line(text),
        reason,
        example: &["listen", "[::]:7420"],
    }
}
