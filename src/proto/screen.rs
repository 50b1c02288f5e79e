//! The first look at a datagram, without any state: is it for us at all?

use crate::crypto::MacKey;
use crate::id::PeerId;
use crate::proto::stats::DropReason;
use crate::wire::limits::VERSION;
use crate::wire::packet::{Cookie, Init, Packet, Resp};

/// Checks what can be checked without the core: the form, and an INIT's mac1.
#[derive(Debug)]
pub struct Screen {
    mac1: MacKey,
}

/// What a datagram turned out to be.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// For [`Endpoint::handle_handshake`](crate::proto::Endpoint::handle_handshake).
    Handshake(Screened<'a>),
    /// For [`KeyTable::open`](crate::proto::KeyTable::open).
    Data,
}

/// A handshake datagram that passed. Only [`Screen::check`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Screened<'a>(pub(super) Kind<'a>);

/// Which handshake datagram it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    /// An INIT whose sender knows our public key.
    Init(Init<'a>),
    /// The same, of a version that we do not speak.
    OtherVersion(u16),
    /// A RESP; its mac1 depends on our attempt.
    Resp(Resp<'a>),
    /// A COOKIE; its seal depends on our attempt.
    Cookie(Cookie<'a>),
}

impl Screen {
    pub(super) fn new(local: &PeerId) -> Self {
        Self {
            mac1: MacKey::for_init(local),
        }
    }

    /// Looks at `datagram`: any bytes from anybody.
    ///
    /// # Errors
    /// The reason for which it is to be dropped in silence.
    pub fn check<'a>(&self, datagram: &'a [u8]) -> Result<Incoming<'a>, DropReason> {
        let kind = match Packet::parse(datagram).map_err(|_| DropReason::Malformed)? {
            Packet::Data(_) => return Ok(Incoming::Data),
            Packet::Init(init) => self.check_init(init)?,
            Packet::Resp(resp) => Kind::Resp(resp),
            Packet::Cookie(cookie) => Kind::Cookie(cookie),
        };
        Ok(Incoming::Handshake(Screened(kind)))
    }

    fn check_init<'a>(&self, init: Init<'a>) -> Result<Kind<'a>, DropReason> {
        if !self.mac1.verify(&[init.mac1_input], init.mac1) {
            return Err(DropReason::WrongMac);
        }
        if init.version == VERSION {
            Ok(Kind::Init(init))
        } else {
            Ok(Kind::OtherVersion(init.version))
        }
    }
}
