//! Half-written files of ours that a kill has left beside their place.

use std::fs;
use std::path::Path;

use super::atomic::{parent, remove};

/// Takes away what was left of a file at `path`, and of the copies of it that end in `copies`. The caller holds the lock
/// that everybody holds who writes one: what lies there is of nobody who still runs.
pub(super) fn remove_stale(path: &Path, copies: &str) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    // What cannot be looked at stays, and is no reason to write nothing.
    let Ok(entries) = fs::read_dir(parent(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let found = entry.file_name();
        if found
            .to_str()
            .is_some_and(|it| is_left_of(name, copies, it))
        {
            remove(&entry.path());
        }
    }
}

/// Whether `found` is `.NAME.PID-N.tmp`, or the same of `NAME.old`, `NAME.old2` and so on.
fn is_left_of(name: &str, copies: &str, found: &str) -> bool {
    let middle = found.strip_prefix('.').and_then(|it| it.strip_prefix(name));
    let middle = middle.and_then(|it| it.strip_suffix(".tmp"));
    let Some((of, numbers)) = middle.and_then(|it| it.rsplit_once('.')) else {
        return false;
    };
    let is_copy = || {
        let suffix = of.strip_prefix('.').and_then(|it| it.strip_prefix(copies));
        suffix.is_some_and(|generation| generation.bytes().all(|it| it.is_ascii_digit()))
    };
    let are_numbers = numbers
        .split_once('-')
        .is_some_and(|(pid, nth)| is_number(pid) && is_number(nth));
    are_numbers && (of.is_empty() || is_copy())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_file_and_its_copies_goes_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let left = [".k.1-0.tmp", ".k.old.23-45.tmp", ".k.old2.3-4.tmp"];
        let others = [
            ".k.1-.tmp",
            ".k.a-1.tmp",
            ".k.bak.1-0.tmp",
            ".k.lock",
            ".k.oldest.1-0.tmp",
            ".k.tmp",
            ".kk.1-0.tmp",
            "k",
            "k.1-0.tmp",
            "k.old",
        ];
        for name in left.iter().chain(&others) {
            fs::write(home.path().join(name), "half").unwrap();
        }
        remove_stale(&home.path().join("k"), "old");
        let entries = fs::read_dir(home.path()).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        assert_eq!(names, others);
        remove_stale(&home.path().join("none/k"), "old");
    }
}
