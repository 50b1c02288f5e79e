//! Small files that are read before anything else: the passphrase, a psk, the timestamps. They lie in a
//! directory of their own, since what reads them asks who else could write there.

use std::fs;
use std::path::Path;

use securechat::id::{PeerId, Timestamp};
use securechat::store::{Passphrase, key_text, read_psk, reserve_timestamps};
use securechat::time::UnixTime;
use tempfile::TempDir;

/// The longest passphrase that is taken.
const PASSPHRASE_MAX_LEN: usize = 4_096;
const FILE: &str = "file";

/// A file of one of the three kinds; the first byte says which.
pub fn secrets(data: &[u8]) {
    let Some((kind, content)) = data.split_first() else {
        return;
    };
    match kind % 3 {
        0 => passphrase(content),
        1 => psk(content),
        _ => timestamps(content),
    }
}

/// One line is taken, whole or not at all, and what follows it stays.
fn passphrase(content: &[u8]) {
    let mut rest = content;
    let Ok(passphrase) = Passphrase::from_reader(&mut rest) else {
        return;
    };
    let line = &content[..content.len() - rest.len()];
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    assert!(!text.contains(&b'\n') && text.len() <= PASSPHRASE_MAX_LEN + 1);
    assert!(rest.is_empty() || line.ends_with(b"\n"));
    assert_eq!(format!("{passphrase:?}"), "<redacted>");
}

/// What is accepted is the base64 of 32 bytes, in either alphabet, on a line of its own.
fn psk(content: &[u8]) {
    let home = home(content);
    let Ok(psk) = read_psk(&home.path().join(FILE)) else {
        return;
    };
    let text = key_text(&PeerId::new(*psk.expose()));
    let content = str::from_utf8(content).expect("a psk is text");
    let standard = content.replace('-', "+").replace('_', "/");
    let mut digits = standard.lines().map(|it| it.trim().trim_end_matches('='));
    assert!(digits.any(|it| it == text.as_str().trim_end_matches('=')));
}

/// What is accepted rises, and is then on the disk.
fn timestamps(content: &[u8]) {
    let home = home(content);
    let path = home.path().join(FILE);
    let Ok(block) = reserve_timestamps(&path, Timestamp(0), UnixTime(5)) else {
        let left = fs::read(&path).expect("it is there");
        assert_eq!(left, content, "a damaged file stays");
        return;
    };
    assert!(block.start < block.end);
    let written = fs::read_to_string(&path).expect("it is text");
    let end = block.end.0.to_string();
    assert!(written.trim_end().ends_with(&end), "{written}");
    let again = reserve_timestamps(&path, Timestamp(0), UnixTime(0));
    assert!(again.is_ok_and(|next| next.start == block.end) || block.end.0 > u64::MAX - (1 << 30));
}

/// A directory with one file, which is its owner's only.
fn home(content: &[u8]) -> TempDir {
    let home = tempfile::tempdir().expect("there is room for a directory");
    let path = home.path().join(FILE);
    fs::write(&path, content).expect("there is room for a file");
    only_for_its_owner(&path);
    home
}

#[cfg(unix)]
fn only_for_its_owner(path: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, private).expect("it is ours");
}

#[cfg(not(unix))]
const fn only_for_its_owner(_: &Path) {}
