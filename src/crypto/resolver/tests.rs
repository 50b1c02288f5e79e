use super::*;
use crate::crypto::keys::LOW_ORDER;

fn resolver() -> Resolver {
    Resolver::from_drawn(
        Secret::from_bytes(&mut [1; EPHEMERAL_LEN]),
        Secret::from_bytes(&mut [2; KEM_SEED_LEN]),
        None,
    )
}

fn kem() -> Box<dyn Kem> {
    let resolver = resolver();
    let kem = resolver.resolve_kem(&KemChoice::Kyber1024);
    let mut kem = kem.expect("the seed is not taken yet");
    kem.generate(&mut Drawn(None));
    kem
}

#[test]
fn an_all_zero_result_is_refused() {
    let mut dh = X25519::new(None);
    dh.set(&[7; 32]);
    for point in LOW_ORDER {
        let mut out = [0; 56];
        assert_eq!(dh.dh(&point, &mut out), Err(Error::Dh), "{point:02x?}");
        assert_eq!(out, [0; 56]);
    }
}

#[test]
fn drawn_randomness_is_given_out_once() {
    let resolver = resolver();
    let mut rng = resolver.resolve_rng().expect("there is always one");
    let mut bytes = [0; EPHEMERAL_LEN];
    assert_eq!(rng.try_fill_bytes(&mut bytes), Ok(()));
    assert_eq!(bytes, [1; EPHEMERAL_LEN]);
    assert_eq!(rng.try_fill_bytes(&mut bytes), Err(Error::Rng));
    assert!(resolver.resolve_kem(&KemChoice::Kyber1024).is_some());
    assert!(resolver.resolve_kem(&KemChoice::Kyber1024).is_none());
}

#[test]
fn a_wrong_ciphertext_gives_another_secret_and_no_error() {
    let kem = kem();
    let (mut sent, mut ciphertext) = ([0; HASH_LEN], [0; KEM_CIPHERTEXT_LEN]);
    kem.encapsulate(kem.pubkey(), &mut sent, &mut ciphertext)
        .expect("our own key is in range");
    let mut received = [0; HASH_LEN];
    assert_eq!(kem.decapsulate(&ciphertext, &mut received), Ok(HASH_LEN));
    assert_eq!(received, sent);
    ciphertext[500] ^= 1;
    assert_eq!(kem.decapsulate(&ciphertext, &mut received), Ok(HASH_LEN));
    assert_ne!(received, sent);
}

#[test]
fn a_kem_key_out_of_range_or_of_another_length_is_refused() {
    let kem = kem();
    let (mut shared, mut ciphertext) = ([0; HASH_LEN], [0; KEM_CIPHERTEXT_LEN]);
    let mut public = kem.pubkey().to_vec();
    // The first coefficient, 12 bits, becomes the modulus itself: 3,329 = 0xd01.
    public[0] = 0x01;
    public[1] = public[1] & 0xf0 | 0x0d;
    for refused in [&public, &public[1..], &[]] {
        assert_eq!(
            kem.encapsulate(refused, &mut shared, &mut ciphertext),
            Err(Error::Kem)
        );
    }
    // One less is the largest that is in range.
    public[0] = 0x00;
    assert!(
        kem.encapsulate(&public, &mut shared, &mut ciphertext)
            .is_ok()
    );
}

#[test]
fn hkdf_is_that_of_noise() {
    // From Python's hmac with hashlib.blake2s, chained as Noise section 4.3 says.
    let expected: [[u8; HASH_LEN]; 3] = [
        *b"\x87\xb7\xf7\x0b\x24\x18\x3c\x6d\xb5\xdc\x4f\x6d\x9f\x4c\x47\xcd\
            \xb2\x03\x32\x1a\xa2\xa0\xbe\xf7\x14\x89\x6a\xdb\x31\x07\xa0\x40",
        *b"\x53\x8a\x02\xe1\xeb\x2e\x31\xb7\xe4\xd4\xb8\x24\x76\xd1\xfe\x2a\
            \xcf\x50\x08\x5d\x3f\xb5\x84\x53\x72\x79\x19\x5f\x5d\x1f\x58\x24",
        *b"\x9a\xd8\x58\x02\x55\x93\xbe\x88\xde\x0f\x94\x42\xa5\x89\xcf\xe8\
            \x4a\x88\xdc\x19\xe4\x75\x3d\x93\x68\x4d\x1c\x5e\xfc\x48\x37\xf9",
    ];
    let key: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).expect("below 32"));
    for outputs in 1..=3 {
        let mut out = [[0; HASH_LEN]; 3];
        let [one, two, three] = &mut out;
        Blake2s(Blake2s256::new()).hkdf(&key, b"input", outputs, one, two, three);
        assert_eq!(out[..outputs], expected[..outputs]);
        assert_eq!(out[outputs..], [[0; HASH_LEN]; 3][outputs..]);
    }
}

#[test]
fn other_suites_are_not_offered() {
    let resolver = resolver();
    assert!(resolver.resolve_dh(&DHChoice::Curve448).is_none());
    assert!(resolver.resolve_cipher(&CipherChoice::AESGCM).is_none());
    for hash in [HashChoice::SHA256, HashChoice::SHA512, HashChoice::Blake2b] {
        assert!(resolver.resolve_hash(&hash).is_none());
    }
}
