//! The recorded screens of docs/pictures.

use std::path::PathBuf;

use crate::{files, root};

/// Those that README shows, each down to where it is empty.
const SHOWN: [&str; 2] = ["docs/pictures/4-words.txt", "docs/pictures/5-verified.txt"];

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn readme_shows_recorded_screens_as_they_were() {
    let readme = read("README.md");
    for path in SHOWN {
        let screen = read(path);
        let (shown, _) = screen.split_once("\n\n\n").unwrap_or((&screen, ""));
        let block = format!("```text\n{}\n```", shown.trim_end());
        assert!(readme.contains(&block), "{path} is not in README as it is");
    }
}

#[test]
fn every_picture_that_the_script_takes_is_there_and_no_other() {
    let script = read("docs/pictures/record");
    let takes = script
        .lines()
        .filter_map(|line| line.strip_prefix("picture "));
    let names = takes.map(|rest| rest.split_whitespace().nth(1).unwrap());
    let taken: Vec<PathBuf> = names
        .map(|name| format!("docs/pictures/{name}.txt").into())
        .collect();
    assert_eq!(files("docs/pictures", "txt"), taken);
}
