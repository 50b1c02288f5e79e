//! What nobody means to say.

/// What a secret key begins with, whoever's it is: ours, or age's.
const SECRETS: [&str; 3] = [
    "SECURECHAT-SECRET-KEY",
    "SECURECHAT-ENCRYPTED-KEY",
    "AGE-SECRET-KEY-1",
];

/// Whether a text has a secret key in it, ours, age's or one in PEM.
pub(crate) fn holds_secret(text: &str) -> bool {
    let is_pem = |line: &str| line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----");
    SECRETS.iter().any(|secret| text.contains(secret)) || text.lines().any(is_pem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_keys_are_known_by_their_beginnings() {
        for text in [
            "here: SECURECHAT-SECRET-KEY-1:AAAA",
            "a\n-----BEGIN OPENSSH PRIVATE KEY-----\nb",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----",
        ] {
            assert!(holds_secret(text), "{text}");
        }
        for text in ["my private key is safe", "-----BEGIN PUBLIC KEY-----"] {
            assert!(!holds_secret(text), "{text}");
        }
    }
}
