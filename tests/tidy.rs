//! Checks of the tree itself: which module uses which, that links in the documents lead somewhere,
//! that the specification and the code agree on every constant, that the tests of the checklist exist,
//! what the build needs, how errors are worded, and that nothing is left half done.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets something unexpected should stop there"
)]

#[path = "tidy/c_code.rs"]
mod c_code;
#[path = "tidy/checklist.rs"]
mod checklist;
#[path = "tidy/constants.rs"]
mod constants;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/links.rs"]
mod links;
#[path = "tidy/logs.rs"]
mod logs;
#[path = "tidy/pictures.rs"]
mod pictures;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/top.rs"]
mod top;
#[path = "tidy/wording.rs"]
mod wording;

mod common;

use std::path::{Path, PathBuf};

/// The directory of `Cargo.toml`.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file under `dir` (relative to the root) whose name ends in `.{extension}`, sorted, as a
/// relative path. A directory that does not exist has no files.
fn files(dir: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::from(dir)];
    while let Some(dir) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(root().join(&dir)) else {
            continue;
        };
        for entry in entries {
            let entry = entry.unwrap();
            let path = dir.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                if entry.file_name() != "target" {
                    waiting.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(root().join(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails with all findings at once, one a line.
fn report(what: &str, findings: &[String]) {
    assert!(
        findings.is_empty(),
        "{what}:\n  {}\n",
        findings.join("\n  ")
    );
}
