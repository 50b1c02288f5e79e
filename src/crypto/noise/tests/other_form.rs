//! Somebody who calls under another form of his static key.

use snow::params::{CipherChoice, DHChoice, HashChoice, KemChoice};

use super::*;

/// Sets the bit of the static key that X25519 ignores.
struct OtherForm(Resolver);

/// As [`X25519`](crate::crypto::resolver) gives it, and what its public half is shown as.
struct Shown(Box<dyn Dh>, [u8; 32]);

impl CryptoResolver for OtherForm {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        self.0.resolve_rng()
    }

    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        let dh = self.0.resolve_dh(choice)?;
        Some(Box::new(Shown(dh, [0; 32])))
    }

    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        self.0.resolve_hash(choice)
    }

    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        self.0.resolve_cipher(choice)
    }

    fn resolve_kem(&self, choice: &KemChoice) -> Option<Box<dyn Kem>> {
        self.0.resolve_kem(choice)
    }
}

impl Dh for Shown {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn pub_len(&self) -> usize {
        self.0.pub_len()
    }

    fn priv_len(&self) -> usize {
        self.0.priv_len()
    }

    fn set(&mut self, privkey: &[u8]) {
        self.0.set(privkey);
        self.1.copy_from_slice(self.0.pubkey());
        self.1[31] |= 0x80;
    }

    fn generate(&mut self, rng: &mut dyn Random) -> Result<(), snow::Error> {
        self.0.generate(rng)?;
        self.1.copy_from_slice(self.0.pubkey());
        Ok(())
    }

    fn pubkey(&self) -> &[u8] {
        &self.1
    }

    fn privkey(&self) -> &[u8] {
        self.0.privkey()
    }

    fn dh(&self, pubkey: &[u8], out: &mut [u8]) -> Result<(), snow::Error> {
        self.0.dh(pubkey, out)
    }
}

/// It was somebody else, with the secret of the one.
#[test]
fn whoever_calls_under_another_form_of_his_key_is_refused() {
    let (alice, bob) = (secret(1), secret(2).public());
    let mut rng = rng(3);
    let resolver = OtherForm(Resolver::new(&mut rng, alice.own(Whom::Remote(bob))));
    let message1 = Builder::with_resolver(params(), Box::new(resolver))
        .local_private_key(alice.expose())
        .and_then(|builder| builder.prologue(PROLOGUE))
        .and_then(|builder| builder.remote_public_key(bob.as_bytes()))
        .and_then(|builder| builder.psk(PSK_POSITION, psk_bytes(None)))
        .and_then(Builder::build_initiator)
        .and_then(|mut state| {
            let mut message = [0; MESSAGE1_LEN];
            state.write_message(&PAYLOAD1, &mut message)?;
            Ok(message)
        });
    let refused = bob_accepts(&message1.expect("keys are good"));
    assert_eq!(refused.unwrap_err(), HandshakeError::OtherForm);
}
