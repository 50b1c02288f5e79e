//! A stranger who holds a responder's public key: the handshake datagrams that he can make.

use crate::crypto::{CookieKey, MacKey, mac2};
use crate::id::{PeerId, SessionIndex};
use crate::sim::rng::SimRng;
use crate::wire::limits::{INIT_LEN, MAC_LEN, MESSAGE1_LEN, VERSION};
use crate::wire::packet::{Packet, encode_init};

/// Makes INITs with a right mac1 for one responder, and answers its cookies.
pub struct Forger {
    mac1: MacKey,
    cookies: CookieKey,
}

impl Forger {
    /// Somebody who knows `responder`'s public key.
    #[must_use]
    pub fn new(responder: &PeerId) -> Self {
        Self {
            mac1: MacKey::for_init(responder),
            cookies: CookieKey::for_responder(responder),
        }
    }

    /// Both parts of an INIT around `message1`, with a mac2 if there is a cookie.
    #[must_use]
    pub fn init(
        &self,
        sender: SessionIndex,
        message1: &[u8; MESSAGE1_LEN],
        cookie: Option<&[u8; MAC_LEN]>,
    ) -> [Vec<u8>; 2] {
        let proof = |bytes: &[u8]| cookie.map_or([0; MAC_LEN], |cookie| mac2(cookie, &[bytes]));
        encode_init(
            VERSION,
            sender,
            message1,
            |bytes| self.mac1.mac(&[bytes]),
            proof,
        )
    }

    /// Both parts of an INIT around noise: as much work for the responder as a flood can make.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn garbage(&self, rng: &mut SimRng, cookie: Option<&[u8; MAC_LEN]>) -> [Vec<u8>; 2] {
        let sender = SessionIndex(u32::try_from(rng.below(1 << 32)).unwrap_or(0));
        let message1 = rng
            .bytes(MESSAGE1_LEN)
            .try_into()
            .expect("as many bytes as asked for");
        self.init(sender, &message1, cookie)
    }

    /// Writes a right mac1 into `datagram`, where an INIT has it if it is as long as one.
    pub fn repair(&self, datagram: &mut [u8]) {
        let at = datagram.len().min(INIT_LEN).saturating_sub(2 * MAC_LEN);
        let (head, tail) = datagram.split_at_mut(at);
        if let Some(field) = tail.first_chunk_mut::<MAC_LEN>() {
            *field = self.mac1.mac(&[head]);
        }
    }

    /// The cookie in `answer`, a reply to the INIT part `asked`.
    #[must_use]
    pub fn open_cookie(&self, answer: &[u8], asked: &[u8]) -> Option<[u8; MAC_LEN]> {
        let (Ok(Packet::Cookie(cookie)), Ok(Packet::Init(init))) =
            (Packet::parse(answer), Packet::parse(asked))
        else {
            return None;
        };
        self.cookies
            .open(cookie.nonce, cookie.sealed, init.mac1)
            .ok()
    }
}
