//! What several integration tests share.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::io::Write;
use std::path::PathBuf;

/// Says that a test could not show anything on this machine, and why.
///
/// It writes to the process's own stderr, which libtest does not capture, so that the line is seen
/// even though the test passes. `.ci/run` fails on a reason that it does not list. The empty
/// line in front keeps it apart from a `test … ` that libtest has begun.
pub(crate) fn skipped(why: &str) {
    let line = format!("\nSKIPPED: {why}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("stderr takes a line");
}

/// Reads a file of the public vectors below `SECURECHAT_VECTORS`, else below `../shared/vectors`
/// beside the crate; where it is missing, says so and returns nothing.
pub(crate) fn public_vectors(file: &str) -> Option<serde_json::Value> {
    let root = std::env::var_os("SECURECHAT_VECTORS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"),
        PathBuf::from,
    );
    let path = root.join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        skipped(&format!("no public vectors at {}", path.display()));
        return None;
    };
    Some(serde_json::from_str(&text).expect("the file of vectors is JSON"))
}

/// A number from the environment, or that of an ordinary run.
pub(crate) fn setting(name: &str, ordinary: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(ordinary, |text| text.parse().expect("a number"))
}

/// Says which conversation it was if that panics.
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    #[allow(clippy::print_stdout, reason = "it is told with the test that failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {}", self.0);
        }
    }
}

/// Decodes hexadecimal digits.
pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
    (0..digits.len()).step_by(2).map(pair).collect()
}
