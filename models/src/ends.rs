//! Two endpoints that know each other, without a driver.

use std::net::SocketAddr;
use std::sync::Arc;

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::crypto::StaticSecret;
use crate::id::{PeerId, Timestamp};
use crate::proto::{Endpoint, EndpointConfig, Incoming, Keypair, PeerConfig, Shown, Transmit};
use crate::time::Instant;

pub const NOW: Instant = Instant::from_micros(1_000_000);

/// Where an end is.
pub fn address(end: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, end], 7_419))
}

/// The endpoint of number `own`, which knows number `other`.
pub fn endpoint(own: u8, other: u8) -> Endpoint {
    let secret = |number: u8| StaticSecret::from_bytes(&mut [number; 32]);
    let config = EndpointConfig {
        bulk: true,
        ..EndpointConfig::default()
    };
    let timestamps = Timestamp(1)..Timestamp(1_000);
    let mut end = Endpoint::new(config, Arc::new(secret(own)), [own; 32], timestamps, NOW);
    end.add_peer(PeerConfig {
        id: secret(other).public(),
        psk: None,
        addresses: vec![address(other)],
        shown: Shown::default(),
    });
    end
}

/// `a` has a session with `b`.
pub struct Ends {
    pub a: Endpoint,
    pub b: Endpoint,
}

impl Ends {
    /// Lets a handshake take place.
    pub fn joined() -> Self {
        let mut ends = Self {
            a: endpoint(1, 2),
            b: endpoint(2, 1),
        };
        let b = ends.b.id();
        ends.a.connect(b, &[], NOW).expect("an address is known");
        while ends.carry() {}
        assert!(ends.a.status(b, NOW).is_some_and(|it| it.established));
        ends
    }

    /// Works and delivers; false when nothing moved.
    fn carry(&mut self) -> bool {
        let mut moved = false;
        let ends = [(&mut self.a, 1), (&mut self.b, 2)];
        let mut under_way = Vec::new();
        for (end, number) in ends {
            while let Some(job) = end.take_job() {
                let outcome = job.run(&mut ChaCha20Rng::from_seed([number; 32]));
                end.handle_outcome(outcome, NOW);
                moved = true;
            }
            while let Some(transmit) = end.poll_transmit(NOW) {
                under_way.push((number, transmit));
            }
        }
        for (from, transmit) in under_way {
            let to = if from == 1 { &mut self.b } else { &mut self.a };
            deliver(to, address(from), transmit);
            moved = true;
        }
        moved
    }

    /// The keypair that `a` sends under.
    pub fn keypair(&self) -> Arc<Keypair> {
        let keypair = self.a.current_keypair_for_testing_only(self.b.id());
        keypair.expect("a session stands")
    }

    /// A sealed packet from `a` to `b`, under a counter of its own.
    pub fn packet(&mut self) -> Vec<u8> {
        let b: PeerId = self.b.id();
        let stream = self.a.open_stream(b).expect("a session stands");
        self.a
            .write_stream(b, stream, b"a packet")
            .expect("it stands");
        let transmit = self.a.poll_transmit(NOW).expect("there is room to send");
        transmit.datagram.into_bytes(NOW).expect("the key is young")
    }
}

fn deliver(to: &mut Endpoint, from: SocketAddr, transmit: Transmit) {
    let Some(mut bytes) = transmit.datagram.into_bytes(NOW) else {
        return;
    };
    let (screen, table) = (to.screen(), to.key_table());
    match screen.check(&bytes) {
        Ok(Incoming::Handshake(packet)) => {
            to.handle_handshake(from, packet, NOW);
        }
        Ok(Incoming::Data) => {
            let opened = table.open(from, &mut bytes, NOW).expect("it is true");
            to.handle_opened(&opened, NOW);
        }
        Err(reason) => panic!("{reason:?}"),
    }
}
