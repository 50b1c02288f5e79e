//! The secret that two people share beside their keys, in a file of its own.

use std::path::Path;

use super::atomic::read_checked;
use super::error::{Error, ErrorKind, Operation};
use super::key_text::decode_secret;
use super::permissions::{Access, check_parents};
use crate::crypto::Psk;

/// Reads a shared secret: 32 bytes in base64, alone on the first line that is no remark.
///
/// # Errors
/// `UnsafePermissions`, `WrongOwner` or `UnsafeDirectory` if others can read or replace it;
/// `Malformed`, `Io`.
pub fn read_psk(path: &Path) -> Result<Psk, Error> {
    let content = read_checked(path, Access::Owner)?;
    check_parents(path)?;
    let malformed = || {
        let reason = "a shared secret is 32 bytes, written as 44 characters of base64";
        Error::new(path, Operation::Read, ErrorKind::Malformed { reason })
    };
    let text = str::from_utf8(&content.bytes).map_err(|_| malformed())?;
    let mut lines = text.lines().map(str::trim);
    let line = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let mut bytes = decode_secret(line.unwrap_or_default()).map_err(|_| malformed())?;
    Ok(Psk::from_bytes(&mut bytes))
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
        let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let psk = read(&format!("# with bob\n\n {zeros} \n"), 0o600).unwrap();
        assert_eq!(psk.expose(), &[0; 32]);
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
