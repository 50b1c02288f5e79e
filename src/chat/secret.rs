//! What nobody means to say.

/// What a secret key begins with, whoever's it is: ours, or age's.
const SECRETS: [&str; 3] = [
    "SECURECHAT-SECRET-KEY",
    "SECURECHAT-ENCRYPTED-KEY",
    "AGE-SECRET-KEY-1",
];

/// Whether a text has a secret key in it, ours, age's or one in PEM.
pub(crate) fn holds_secret(text: &str) -> bool {
    SECRETS.iter().any(|secret| text.contains(secret)) || text.lines().any(begins_key)
}

fn begins_key(line: &str) -> bool {
    line.contains("-----BEGIN ") && line.contains("PRIVATE KEY-----")
}

/// What comes line by line, each of them a message: of a key in PEM the first one alone shows what it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SecretLines {
    is_in_key: bool,
}

impl SecretLines {
    /// Whether the next line has a secret key in it, or goes on with one.
    pub(crate) fn hold_secret(&mut self, line: &str) -> bool {
        let is_more = self.is_in_key && is_of_key(line);
        let is_end = line.contains("-----END ");
        self.is_in_key = !is_end && (is_more || line.lines().any(begins_key));
        is_more || holds_secret(line)
    }
}

/// Whether a line can stand between the first one of a key in PEM and what comes after it.
fn is_of_key(line: &str) -> bool {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let marks = ["-----END ", "Proc-Type: ", "DEK-Info: "];
    line.trim().chars().all(is_base64) || marks.iter().any(|mark| line.starts_with(mark))
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

    #[test]
    fn a_key_that_comes_line_by_line_is_known_to_its_end() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n\
            MIIEpAIBAAKCAQEA+/\r\nMIIE==\n-----END RSA PRIVATE KEY-----";
        let mut lines = SecretLines::default();
        for line in key.split('\n') {
            assert!(lines.hold_secret(line), "{line}");
        }
        assert!(!lines.hold_secret("hello"));
        assert!(lines.hold_secret("-----BEGIN PRIVATE KEY-----"));
        assert!(!lines.hold_secret("is how one begins"));
        assert!(!lines.hold_secret("hello"));
    }
}
