//! The keys to a recording, for `--trace-keys`: each keypair's two raw keys as lines of text, which the dissector in
//! docs/wireshark opens DATA with. Made by the `handshake` thread the moment that a keypair exists, written by a thread
//! of its own. Neither the identity's key nor anything of the handshake itself is ever here.
//!
//! ```text
//! DATA_IN  <receiver, 8 hex digits> <key, 64 hex digits>     what we receive
//! DATA_OUT <receiver, 8 hex digits> <key, 64 hex digits>     what we send
//! ```

use core::time::Duration;
use std::io::{self, Write};
use std::sync::mpsc::Receiver;

use zeroize::Zeroizing;

use crate::id::SessionIndex;
use crate::net::background::{Background, Noted};
use crate::net::trace::TraceEnd;
use crate::proto::Disclosure;

/// Keypairs that wait for the disk: more than the `handshake` thread makes in a second.
const MAX_WAITING: usize = 4_096;

/// Bytes of a file, after which nothing more is written: 24,000 keypairs, a month with one peer.
pub const KEY_LOG_MAX_LEN: u64 = 4 << 20;

/// What stands above the keys.
const HEADER: &str = "\
# securechat key log, version 1: opens the DATA of one recording (docs/wireshark/README.md).
# Whoever has this file reads what was said under these keys, and forges it while they are in use.
";

/// How a key log is made.
pub struct KeyLogConfig {
    /// Where it goes.
    pub file: Box<dyn Write + Send>,
    /// Most bytes of it.
    pub limit: u64,
    /// Called once, on the log's thread, if it ends before the program.
    pub on_end: Box<dyn Fn(TraceEnd) + Send>,
}

/// A key log that is being written.
pub(super) struct KeyLog(Background<Disclosure>);

impl KeyLog {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub(super) fn start(config: KeyLogConfig) -> io::Result<Self> {
        let body = move |waiting: &Receiver<_>, _: &_| write_all(config, waiting);
        Background::start("key log", MAX_WAITING, body).map(Self)
    }

    pub(super) fn note(&self, keys: Disclosure) {
        self.0.note(keys);
    }

    /// Takes nothing more, and lets what waits be written.
    pub(super) fn close(&self) {
        self.0.close();
    }

    /// The same, and waits until it is written, no longer than `time`.
    pub(super) fn finish_within(&self, time: Duration) {
        self.0.finish_within(time);
    }
}

/// Each keypair at once, and by one call of the system: a recording that is looked at while it grows finds its keys.
fn write_all(mut config: KeyLogConfig, waiting: &Receiver<Noted<Disclosure>>) {
    let mut written = 0;
    let mut next = Zeroizing::new(HEADER.as_bytes().to_vec());
    loop {
        if written + next.len() as u64 > config.limit {
            return (config.on_end)(TraceEnd::Full);
        }
        if let Err(error) = config
            .file
            .write_all(&next)
            .and_then(|()| config.file.flush())
        {
            return (config.on_end)(TraceEnd::Failed(error));
        }
        written += next.len() as u64;
        let Ok(noted) = waiting.recv() else { return };
        next = lines(&noted);
    }
}

fn lines(noted: &Noted<Disclosure>) -> Zeroizing<Vec<u8>> {
    let Disclosure { ours, theirs, keys } = &noted.item;
    // Room for everything, so that no part is copied and left behind.
    let mut text = Zeroizing::new(Vec::with_capacity(256));
    if noted.missing > 0 {
        text.extend(format!("# {} keypairs before this one are missing\n", noted.missing).bytes());
    }
    line(&mut text, "DATA_IN ", *ours, keys.expose_open());
    line(&mut text, "DATA_OUT ", *theirs, keys.expose_seal());
    text
}

fn line(text: &mut Zeroizing<Vec<u8>>, label: &str, receiver: SessionIndex, key: &[u8; 32]) {
    text.extend(label.bytes());
    hex(text, &receiver.0.to_be_bytes());
    text.push(b' ');
    hex(text, key);
    text.push(b'\n');
}

/// Byte by byte, so that no formatter has a buffer with a key.
fn hex(text: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.push(if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::crypto::DisclosedKeys;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn keys(ours: u32) -> Disclosure {
        Disclosure {
            ours: SessionIndex(ours),
            theirs: SessionIndex(0xfedc_ba98),
            keys: DisclosedKeys::for_testing_only(0x0a, 0xf1),
        }
    }

    /// The file of so many keypairs, and how it ended before the program.
    fn logged(count: u32, limit: u64) -> (String, Vec<String>) {
        let (file, ends) = (Memory::default(), Arc::new(Mutex::new(Vec::new())));
        let told = Arc::clone(&ends);
        let log = KeyLog::start(KeyLogConfig {
            file: Box::new(file.clone()),
            limit,
            on_end: Box::new(move |end| told.lock().unwrap().push(format!("{end:?}"))),
        })
        .unwrap();
        (0..count).for_each(|number| log.note(keys(number)));
        log.finish_within(Duration::from_secs(60));
        let text = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
        let ends = ends.lock().unwrap().clone();
        (text, ends)
    }

    #[test]
    fn each_keypair_is_two_lines_of_index_and_key() {
        let (text, ends) = logged(1, KEY_LOG_MAX_LEN);
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            format!("DATA_IN 00000000 {}", "f1".repeat(32)),
            format!("DATA_OUT fedcba98 {}", "0a".repeat(32)),
        ];
        assert_eq!(lines, expected);
        assert!(ends.is_empty());
    }

    #[test]
    fn nothing_of_it_is_copied_while_it_grows() {
        let noted = Noted {
            item: keys(u32::MAX),
            missing: u64::MAX,
        };
        let text = lines(&noted);
        assert!(text.len() <= 256 && text.capacity() == 256);
    }

    #[test]
    fn it_ends_at_its_bound_with_whole_lines_and_says_so_once() {
        let (text, ends) = logged(50, 1_000);
        assert!(text.len() <= 1_000 && text.ends_with('\n'));
        assert!(
            text.lines()
                .all(|line| line.starts_with('#') || line.len() >= 81)
        );
        assert_eq!(ends, ["Full"]);
    }
}
