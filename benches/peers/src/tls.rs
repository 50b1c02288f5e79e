//! A certificate and TLS 1.3 configurations, by rustls with ring.

use std::sync::Arc;

use rustls::crypto::ring::cipher_suite::{
    TLS13_AES_128_GCM_SHA256, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

pub const NAME: &str = "localhost";
/// Both ends agree on the protocol inside.
const ALPN: &[u8] = b"bench";

/// Makes a certificate; `.1` is what the client trusts.
pub fn server() -> (ServerConfig, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec![NAME.to_owned()]).expect("a name is a name");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring has TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .expect("they belong together");
    config.alpn_protocols = vec![ALPN.to_vec()];
    (config, certificate)
}

/// What the client asks for; the server follows.
#[derive(Clone, Copy)]
pub enum Cipher {
    /// What rustls prefers: AES-256-GCM.
    Usual,
    /// The cipher that ours uses.
    ChaCha20,
}

pub fn client(certificate: CertificateDer<'static>, cipher: Cipher) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("it was just made");
    let mut provider = rustls::crypto::ring::default_provider();
    if let Cipher::ChaCha20 = cipher {
        // QUIC's first packets need the second.
        provider.cipher_suites = vec![TLS13_CHACHA20_POLY1305_SHA256, TLS13_AES_128_GCM_SHA256];
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring has TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config
}
