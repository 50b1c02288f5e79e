//! What the build needs besides Rust: for the default features the C compiler that ring calls, without them nothing.

use std::process::Command;

use crate::root;

/// Crates whose build calls for something that is not Rust: compilers, generators, libraries of the system.
const FOREIGN: [&str; 9] = [
    "autotools",
    "bindgen",
    "cc",
    "cmake",
    "libdbus-sys",
    "openssl-sys",
    "pkg-config",
    "prost-build",
    "vcpkg",
];

/// What `cargo tree` prints for this machine about what is built and what builds it.
fn tree(args: &[&str]) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    let common = ["tree", "--locked", "--offline", "--prefix", "none"];
    cargo.args(common).args(["--edges", "normal,build"]);
    let done = cargo.args(args).current_dir(root()).output().unwrap();
    let why = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "cargo tree {args:?}: {why}");
    String::from_utf8(done.stdout).unwrap()
}

/// Those of the foreign ones that are in a tree.
fn foreign(tree: &str) -> Vec<&str> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let mut found: Vec<&str> = names.filter(|name| FOREIGN.contains(name)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// gurk#289: a build that needs perl, protoc and D-Bus.
#[test]
fn without_ring_the_build_needs_nothing_but_rust() {
    let tree = tree(&["--no-default-features"]);
    assert!(tree.lines().count() > 50, "{tree}");
    assert_eq!(foreign(&tree), [""; 0]);
}

#[test]
fn a_c_compiler_is_what_ring_needs_and_nobody_else() {
    assert_eq!(foreign(&tree(&[])), ["cc"]);
    let needs = tree(&["--invert", "cc", "--depth", "1"]);
    let users: Vec<&str> = needs
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| !name.starts_with('[') && *name != "cc")
        .collect();
    assert_eq!(users, ["ring"]);
}
