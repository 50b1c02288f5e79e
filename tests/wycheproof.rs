//! Wycheproof's cases through the primitives as `crypto` uses them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a case that is not what it should be fails the test"
)]

mod common;

use common::{public_vectors, unhex};
use securechat::crypto::for_testing_only::{self, Aead};
use securechat::crypto::{TAG_LEN, open_at_rest, seal_at_rest};
use serde_json::Value;
use snow::params::{DHChoice, KemChoice};
use snow::types::Kem;

/// Runs `check` on every case of a file and compares their number with `count`, so that none can be
/// passed over. Each case is handed over with whether it is an invalid one.
fn each_case(file: &str, count: usize, check: impl Fn(&Value, bool)) {
    let Some(file) = public_vectors(&format!("wycheproof/{file}.json")) else {
        return;
    };
    let groups = file["testGroups"].as_array().unwrap();
    let cases = groups.iter().flat_map(|group| group["tests"].as_array());
    let cases: Vec<&Value> = cases.flatten().collect();
    for case in &cases {
        check(case, case["result"] == "invalid");
    }
    assert_eq!(cases.len(), count);
}

fn hex(case: &Value, field: &str) -> Vec<u8> {
    unhex(case[field].as_str().unwrap())
}

fn array<const N: usize>(case: &Value, field: &str) -> [u8; N] {
    hex(case, field).try_into().unwrap()
}

#[test]
fn x25519_agrees_and_refuses_zero_results() {
    each_case("x25519_test", 518, |case, _invalid| {
        let resolver = for_testing_only::resolver(&mut [0; 32], &mut [0; 64]);
        let mut dh = resolver.resolve_dh(&DHChoice::Curve25519).unwrap();
        dh.set(&hex(case, "private"));
        let mut shared = [0; 32];
        let agreed = dh.dh(&hex(case, "public"), &mut shared);
        let expected: [u8; 32] = array(case, "shared");
        assert_eq!(agreed.is_err(), expected == [0; 32], "{case}");
        assert_eq!(shared, expected, "{case}");
    });
}

#[test]
fn chacha20_poly1305_of_handshakes_agrees() {
    each_case("chacha20_poly1305_test", 325, |case, invalid| {
        chacha20_poly1305(Aead::Portable, case, invalid);
    });
}

#[test]
fn chacha20_poly1305_of_datagrams_agrees() {
    each_case("chacha20_poly1305_test", 325, |case, invalid| {
        chacha20_poly1305(Aead::Datagram, case, invalid);
    });
}

fn chacha20_poly1305(aead: Aead, case: &Value, invalid: bool) {
    let Ok(nonce) = hex(case, "iv").try_into() else {
        assert!(invalid, "other lengths cannot be written: {case}");
        return;
    };
    let (key, tag) = (array(case, "key"), array(case, "tag"));
    let (aad, message) = (hex(case, "aad"), hex(case, "msg"));
    let mut text = hex(case, "ct");
    let opened = for_testing_only::open(aead, &key, nonce, &aad, &mut text, &tag);
    assert_eq!(opened.is_err(), invalid, "{case}");
    if !invalid {
        assert_eq!(text, message, "{case}");
        let sealed = for_testing_only::seal(aead, &key, nonce, &aad, &mut text);
        assert_eq!((sealed, text), (tag, hex(case, "ct")), "{case}");
    }
}

#[test]
fn xchacha20_poly1305_agrees() {
    each_case("xchacha20_poly1305_test", 315, |case, invalid| {
        let Ok(nonce) = hex(case, "iv").try_into() else {
            assert!(invalid, "other lengths cannot be written: {case}");
            return;
        };
        let (key, aad, message) = (array(case, "key"), hex(case, "aad"), hex(case, "msg"));
        let mut sealed = hex(case, "ct");
        sealed.extend(array::<TAG_LEN>(case, "tag"));
        let opened = open_at_rest(&key, &nonce, &aad, &sealed);
        assert_eq!(opened.is_err(), invalid, "{case}");
        if let Ok(opened) = opened {
            assert_eq!(*opened, message, "{case}");
            assert_eq!(seal_at_rest(&key, &nonce, &aad, &message), sealed, "{case}");
        }
    });
}

/// The KEM of a handshake whose drawn seed begins with `seed`.
fn kem(seed: &[u8]) -> Box<dyn Kem> {
    let mut drawn = [0; 64];
    drawn[..seed.len()].copy_from_slice(seed);
    let resolver = for_testing_only::resolver(&mut [0; 32], &mut drawn);
    resolver.resolve_kem(&KemChoice::Kyber1024).unwrap()
}

/// The same with its key pair made, which draws nothing more.
fn kem_with_keys(seed: &[u8; 64]) -> Box<dyn Kem> {
    let mut kem = kem(seed);
    let resolver = for_testing_only::resolver(&mut [0; 32], &mut [0; 64]);
    kem.generate(&mut *resolver.resolve_rng().unwrap());
    kem
}

#[test]
fn ml_kem_768_makes_the_right_keys() {
    each_case("mlkem_768_keygen_seed_test", 100, |case, _invalid| {
        let kem = kem_with_keys(&array(case, "seed"));
        assert_eq!(kem.pubkey(), hex(case, "ek"), "{case}");
    });
}

#[test]
fn ml_kem_768_encapsulates_and_refuses_keys_out_of_range() {
    each_case("mlkem_768_encaps_test", 265, |case, invalid| {
        let kem = kem(&array::<32>(case, "m"));
        let (mut shared, mut ciphertext) = ([0; 32], [0; 1088]);
        let done = kem.encapsulate(&hex(case, "ek"), &mut shared, &mut ciphertext);
        assert_eq!(done.is_err(), invalid, "{case}");
        if !invalid {
            assert_eq!(ciphertext.as_slice(), hex(case, "c"), "{case}");
            assert_eq!(shared.as_slice(), hex(case, "K"), "{case}");
        }
    });
}

#[test]
fn ml_kem_768_decapsulates_and_rejects_implicitly() {
    each_case("mlkem_768_test", 193, |case, invalid| {
        let Ok(seed) = hex(case, "seed").try_into() else {
            assert!(invalid, "other lengths cannot be written: {case}");
            return;
        };
        let kem = kem_with_keys(&seed);
        assert_eq!(kem.pubkey(), hex(case, "ek"), "{case}");
        let mut shared = [0; 32];
        let done = kem.decapsulate(&hex(case, "c"), &mut shared);
        assert_eq!(done.is_err(), invalid, "{case}");
        if !invalid {
            assert_eq!(shared.as_slice(), hex(case, "K"), "{case}");
        }
    });
}
