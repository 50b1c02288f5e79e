//! Replays the fuzzers' corpora: inputs that once found something, or that reach far. The same bodies run
//! under the fuzzer, CONTRIBUTING.md says how.
//!
//! To replay one file, a crash for instance:
//! `SECURECHAT_FUZZ_INPUT=fuzz/artifacts/peer/crash-… cargo replay -- --exact peer`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "tests"
)]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a directory, sorted.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{dir:?}: {error}"));
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Runs a target over its corpus, or over the one file that the environment names.
fn replay(name: &str) {
    let (_, body) = targets::ALL.into_iter().find(|it| it.0 == name).unwrap();
    let inputs = match std::env::var_os("SECURECHAT_FUZZ_INPUT") {
        Some(file) => vec![file.into()],
        None => files(&fuzz().join("corpus").join(name)),
    };
    assert!(!inputs.is_empty(), "{name} has no corpus");
    for path in inputs {
        let data = std::fs::read(&path).unwrap();
        let replayed = std::panic::catch_unwind(|| body(&data));
        assert!(replayed.is_ok(), "{} fails", path.display());
    }
}

macro_rules! replay {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*

        const REPLAYED: &[&str] = &[$(stringify!($target)),*];
    };
}

replay! { packet frame handshake peer chat known_peers key_file key_offer text secrets record store config list json }

#[test]
fn every_target_has_a_program_and_is_replayed() {
    let mut names: Vec<&str> = targets::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, REPLAYED);
    names.sort_unstable();
    let programs = files(&fuzz().join("fuzz_targets"));
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    assert_eq!(programs.iter().map(stem).collect::<Vec<_>>(), names);
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn the_corpora_stay_small() {
    let corpora = targets::ALL.map(|(name, _)| files(&fuzz().join("corpus").join(name)));
    let all: Vec<PathBuf> = corpora.into_iter().flatten().collect();
    let bytes: u64 = all.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(all.len() <= 500, "{} files", all.len());
    assert!(bytes <= 1 << 20, "{bytes} bytes");
}
