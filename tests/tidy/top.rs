//! What stands at the top of the repository: packages and papers were once committed there by mistake.

use std::process::Command;

use crate::{common::skipped, root};

/// All that belongs there.
const TOP: [&str; 27] = [
    ".cargo",
    ".ci",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "_typos.toml",
    "benches",
    "clippy.toml",
    "deny.toml",
    "docs",
    "examples",
    "fuzz",
    "interop",
    "justfile",
    "keys",
    "models",
    "rustfmt.toml",
    "src",
    "tests",
];

#[test]
fn nothing_unexpected_stands_at_the_top() {
    let mut git = Command::new("git");
    let listed = git.args(["ls-files", "-z"]).current_dir(root()).output();
    let Some(listed) = listed.ok().filter(|it| it.status.success()) else {
        skipped("no git here, or it reads no repository");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tops = listed.split('\0').filter_map(|path| path.split('/').next());
    let mut tops: Vec<&str> = tops.filter(|top| !top.is_empty()).collect();
    tops.sort_unstable();
    tops.dedup();
    let unexpected: Vec<&&str> = tops.iter().filter(|top| !TOP.contains(top)).collect();
    assert!(
        unexpected.is_empty(),
        "{unexpected:?} at the top of the repository"
    );
}
