//! Words that mean several things: what is to be done "again" is always named.

use std::path::{Path, PathBuf};

use crate::source;
use crate::{files, read, report};

/// What a person is told to do again, or that the program does again. Whoever adds one has asked whether the
/// same thing done once more can succeed, and if not, what else is to be done.
const AGAIN: [&str; 17] = [
    "; calling again",
    "; to begin again with new words: ",
    "A message that came and was not written out is shown at the next start, marked (again).",
    "Leave (/quit) and start again; the next deletion rewrites the file",
    "Mend that, and start again.",
    "Nothing was changed. Make its directory one that you can write to and do the same again.",
    "Nothing was changed. Make room and do the same again.",
    "Nothing was written. Do the same again.",
    " - /retry sends it again",
    " begin again, with new words",
    " sends it again",
    "calling again in ",
    "it cannot be switched off, or the sender would have to send it again. That you looked at it is told to nobody",
    "it starts again, marked (again); as a record it has a fourth field: again.",
    "send a failed message again",
    "sending again",
    "trying again in ",
];

/// What systems say themselves, which is told from other words by it.
const OF_SYSTEMS: [&str; 1] = ["try again"];

/// The words before which "again" speaks of an attempt.
const ATTEMPTS: [&str; 8] = [
    "begin", "call", "do", "retry", "run", "send", "start", "try",
];

/// magic-wormhole#395, #708: "try again" made people use a code once more that was used up.
#[test]
fn what_is_to_be_done_again_is_named() {
    let mut found: Vec<String> = sources()
        .flat_map(|path| sentences(&path))
        .filter(|it| is_about_an_attempt(it))
        .collect();
    found.sort_unstable();
    found.dedup();
    let missing: Vec<String> = found
        .iter()
        .filter(|it| !AGAIN.contains(&it.as_str()) && !OF_SYSTEMS.contains(&it.as_str()))
        .cloned()
        .collect();
    report(
        "sentences with \"again\" that tests/tidy/wording.rs lacks",
        &missing,
    );
    let gone = AGAIN
        .iter()
        .filter(|it| !found.contains(&(**it).to_owned()));
    let gone: Vec<String> = gone.map(|it| (*it).to_owned()).collect();
    report("sentences of tests/tidy/wording.rs that nobody says", &gone);
}

/// A code that another program does not know is told as that of a request that was not done.
#[test]
fn every_code_of_an_error_is_in_the_one_list_of_codes() {
    let list = read(Path::new("src/cli/report.rs"));
    let list = list.split_once("const CODES: [").unwrap().1;
    let list = list.split_once("];").unwrap().0;
    let is_code = |word: &&str| word.len() == 4 && word.starts_with("SC");
    let used = sources().flat_map(|path| {
        let said = sentences(&path);
        said.into_iter().filter(move |it| is_code(&it.as_str()))
    });
    let missing: Vec<String> = used
        .filter(|code| !list.contains(&format!("\"{code}\"")))
        .collect();
    report("codes that CODES in src/cli/report.rs lacks", &missing);
}

/// The sources without the files of tests.
fn sources() -> impl Iterator<Item = PathBuf> {
    let is_test = |path: &Path| path.to_string_lossy().contains("tests");
    files("src", "rs")
        .into_iter()
        .filter(move |path| !is_test(path))
}

/// The literals of a file outside its tests; one that goes over several lines is several.
fn sentences(path: &Path) -> Vec<String> {
    let text = read(path);
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    let literals = source::literals(&text[..end]);
    let pieces = literals.lines().flat_map(|line| line.trim().split('"'));
    pieces.map(str::to_owned).collect()
}

fn is_about_an_attempt(sentence: &str) -> bool {
    let words: Vec<String> = sentence
        .split(|c: char| !c.is_alphabetic())
        .map(str::to_lowercase)
        .collect();
    let is_attempt = |word: &String| ATTEMPTS.iter().any(|it| word.starts_with(it));
    let mut before = words.iter().take_while(|word| *word != "again");
    words.iter().any(|word| word == "again") && before.any(is_attempt)
}
