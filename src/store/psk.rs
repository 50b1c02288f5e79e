//! The secret that two people share beside their keys, in a file of its own.

use std::path::Path;

use super::atomic::read_checked;
use super::error::{Error, ErrorKind, Operation};
use super::key_text::decode_secret;
use super::permissions::{Access, check_parents};
use crate::crypto::Psk;
use crate::id::PUBLIC_KEY_LEN;

/// The secret that these bytes are, unless they are all zero: that is what a handshake without a secret mixes in, so that
/// two people who think they share one would share none.
///
/// Source: docs/protocol.md#identities-and-keys.
pub(super) fn psk_of(bytes: &mut [u8; PUBLIC_KEY_LEN]) -> Option<Psk> {
    let psk = Psk::from_bytes(bytes);
    (*psk.expose() != [0; PUBLIC_KEY_LEN]).then_some(psk)
}

/// Reads a shared secret: 32 bytes in base64, alone on the first line that is no remark.
///
/// # Errors
/// `UnsafePermissions`, `WrongOwner` or `UnsafeDirectory` if others can read or replace it;
/// `Malformed`, `Io`.
pub fn read_psk(path: &Path) -> Result<Psk, Error> {
    let content = read_checked(path, Access::Owner)?;
    check_parents(path)?;
    let malformed = |reason| Error::new(path, Operation::Read, ErrorKind::Malformed { reason });
    let no_secret = || malformed("a shared secret is 32 bytes, written as 44 characters of base64");
    let text = str::from_utf8(&content.bytes).map_err(|_| no_secret())?;
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let mut bytes = decode_secret(line.unwrap_or_default()).map_err(|_| no_secret())?;
    psk_of(&mut bytes).ok_or_else(|| malformed("a shared secret of nothing but zeros is none"))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::os::testing::set_mode;

    fn read(content: &str, mode: u32) -> Result<Psk, Error> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("psk");
        fs::write(&path, content).unwrap();
        set_mode(&path, mode);
        read_psk(&path)
    }

    #[test]
    fn a_line_of_base64_is_a_shared_secret() {
        let ones = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        let psk = read(&format!("# with bob\n\n {ones} \n"), 0o600).unwrap();
        assert_eq!(psk.expose(), &[1; 32]);
    }

    #[test]
    fn zeros_are_no_shared_secret() {
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let error = read(zeros, 0o600).unwrap_err().to_string();
        assert!(error.contains("nothing but zeros is none"), "{error}");
    }

    #[test]
    fn anything_else_is_not() {
        for content in ["", "# nothing\n", "AAAA", "not base64 at all"] {
            let error = read(content, 0o600).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Malformed { .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn a_shared_secret_that_others_can_read_is_refused() {
        let error = read("", 0o644).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::UnsafePermissions { .. }));
    }
}
