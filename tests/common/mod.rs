//! What the integration tests share.

use std::io::Write;

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
