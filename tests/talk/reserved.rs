//! Handshake timestamps of real programs whose clock is behind what was reserved.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::home::{Home, free_port};

const HEADER: &str = "securechat timestamps v1, the first unused one: ";

fn file(home: &Home) -> PathBuf {
    let files = fs::read_dir(home.path("")).unwrap();
    let mut files = files.map(|file| file.unwrap().path());
    let is_it = |path: &PathBuf| path.extension().is_some_and(|it| it == "timestamps");
    files.find(is_it).unwrap()
}

/// Lets a program call nobody, and write nothing down. The first timestamp that is unused then, by their file.
fn run(home: &Home) -> u128 {
    let nobody = free_port().to_string();
    let ended = home.attempt(&["ping", "bob", &nobody, "--timeout", "1s"]);
    assert_eq!(ended.code, Some(3), "{}", ended.transcript);
    let content = fs::read_to_string(file(home)).unwrap();
    let digits = content.trim_end().strip_prefix(HEADER).unwrap();
    digits.parse().unwrap()
}

/// Whoever deletes the state directory loses what is in it, and no peer.
#[test]
fn a_program_whose_timestamps_file_is_lost_or_an_older_one_goes_on_after_those_it_used() {
    let (home, _bob) = Home::friends();
    run(&home);
    let older = fs::read(file(&home)).unwrap();
    // As if the clock had stood an hour later once, and had been set right.
    let hour = 3_600 * 1_000_000_000;
    let ahead = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ahead = ahead.as_nanos() + hour;
    fs::write(file(&home), format!("{HEADER}{ahead}\n")).unwrap();
    let first = run(&home);
    assert!(first > ahead);
    fs::remove_file(file(&home)).unwrap();
    let second = run(&home);
    assert!(second > first, "deleted");
    fs::write(file(&home), older).unwrap();
    assert!(run(&home) > second, "an older one");
}

/// A newcomer is told which file may go: the one beside it has the messages.
#[test]
fn a_damaged_file_of_timestamps_is_named_with_what_mends_it() {
    let (home, _bob) = Home::friends();
    run(&home);
    let file = file(&home);
    fs::write(&file, "x").unwrap();
    let rm = format!("they go on without the file: rm {}", file.display());
    let nobody = free_port().to_string();
    let ended = home.attempt(&["ping", "bob", &nobody, "--timeout", "1s"]);
    ended.failed(1, "SC22");
    assert!(ended.transcript.contains(&rm), "{}", ended.transcript);
    let doctor = home.attempt(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{}", doctor.transcript);
    let advice = format!("to do: with a clock that is right {rm}");
    assert!(doctor.rest.contains(&advice), "{}", doctor.rest);
    fs::remove_file(&file).unwrap();
    run(&home);
}
