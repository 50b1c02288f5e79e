//! Two ends of a WireGuard tunnel by boringtun, in one thread.

use std::sync::Arc;

use boringtun::noise::rate_limiter::RateLimiter;
use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519;

/// Two WireGuard tunnels that answer any number of handshakes.
pub struct Boring {
    pub a: Tunn,
    pub b: Tunn,
}

impl Boring {
    pub fn new() -> Self {
        let secrets = [[1; 32], [2; 32]].map(x25519::StaticSecret::from);
        let publics = [0, 1].map(|at: usize| x25519::PublicKey::from(&secrets[at]));
        let [a, b] = secrets;
        let limiter = |own| Some(Arc::new(RateLimiter::new(own, u64::MAX)));
        let psk = Some([3; 32]);
        Self {
            a: Tunn::new(a, publics[1], psk, None, 1, limiter(&publics[0])),
            b: Tunn::new(b, publics[0], psk, None, 2, limiter(&publics[1])),
        }
    }

    pub fn handshake(&mut self) {
        let (mut init, mut response, mut confirmation, mut last) =
            ([0; 256], [0; 256], [0; 256], [0; 256]);
        let init = wire(self.a.format_handshake_initiation(&mut init, true));
        let response = wire(self.b.decapsulate(None, init, &mut response));
        let confirmation = wire(self.a.decapsulate(None, response, &mut confirmation));
        let done = self.b.decapsulate(None, confirmation, &mut last);
        assert!(
            matches!(done, TunnResult::Done),
            "the keepalive confirms the session"
        );
    }
}

impl Default for Boring {
    fn default() -> Self {
        Self::new()
    }
}

/// What is to be sent.
pub fn wire(result: TunnResult<'_>) -> &[u8] {
    match result {
        TunnResult::WriteToNetwork(bytes) => bytes,
        other => panic!("nothing to send: {other:?}"),
    }
}

/// What boringtun lets through.
pub fn ip_packet(len: usize) -> Vec<u8> {
    let mut packet = vec![0; len];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&u16::try_from(len).expect("it is short").to_be_bytes());
    packet
}
