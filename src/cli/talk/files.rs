//! Names of files, as far as they are typed: what `~/` stands for, and what a beginning could become.

use std::fs;
use std::io;
use std::path::{Path, PathBuf, is_separator};
use std::sync::mpsc::Sender;

use crate::cli::talk::network::Input;
use crate::sync::thread;
use crate::text::{Safe, safe_line};
use crate::tui::Files;

/// Names of a directory that are looked at; whoever has more types more.
const MAX_LOOKED_AT: usize = 10_000;
/// Names that are offered, the first in their order.
const MAX_OFFERED: usize = 200;

/// What a shell would make of `~/`, which no shell has read here.
pub(super) fn in_home(file: &str) -> PathBuf {
    let rest = file
        .strip_prefix('~')
        .and_then(|it| it.strip_prefix(is_separator));
    let home = rest.zip(std::env::home_dir());
    home.map_or_else(|| file.into(), |(rest, home)| Path::new(&home).join(rest))
}

/// Looks names up on a thread of its own, since a directory may be on a machine that does not answer. One at a
/// time, and then what was asked last.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// What is looked up.
    looking: Option<String>,
    /// What was asked meanwhile.
    next: Option<String>,
}

impl Lookup {
    /// Begins to look up what `part` could become, which comes as [`Input::Files`].
    ///
    /// # Errors
    /// Why that takes longer.
    pub(super) fn look(&mut self, part: String, inputs: &Sender<Input>) -> Result<(), Safe> {
        if let Some(looking) = &self.looking {
            let directory = match split(looking).0 {
                "" => "this directory",
                directory => directory,
            };
            let words = safe_line(directory) + " has not answered yet";
            self.next = (part != *looking).then_some(part);
            return Err(words);
        }
        self.looking = Some(part.clone());
        let inputs = inputs.clone();
        let look = move || {
            let found = found(&part).map_err(|error| safe_line(&error.to_string()));
            // The conversation may be over.
            let _ = inputs.send(Input::Files(part, found));
        };
        let started = thread::start("files", look);
        started.map(|_| ()).map_err(|error| {
            self.looking = None;
            safe_line(&error.to_string())
        })
    }

    /// It was looked up. What is to be looked up next, if that was asked meanwhile.
    pub(super) fn looked_up(&mut self) -> Option<String> {
        self.looking = None;
        self.next.take()
    }
}

/// The directory of what is typed, as it was typed, and the beginning of the name.
fn split(part: &str) -> (&str, &str) {
    match part.rfind(is_separator) {
        Some(slash) => part.split_at(slash + 1),
        None => ("", part),
    }
}

/// The names that begin like this, in their order, each as it would be typed; a directory ends with a slash.
fn found(part: &str) -> io::Result<Files> {
    if part == "~" {
        return Ok(Files {
            names: vec!["~/".into()],
            has_more: false,
        });
    }
    let (directory, beginning) = split(part);
    let place = match directory {
        "" => PathBuf::from("."),
        directory => in_home(directory),
    };
    let mut names = Vec::new();
    let mut entries = fs::read_dir(&place)?;
    for entry in entries.by_ref().take(MAX_LOOKED_AT) {
        let entry = entry?;
        if let Some(name) = offered(&entry, beginning) {
            names.push(safe_line(directory) + name);
        }
    }
    names.sort_unstable();
    let has_more = names.len() > MAX_OFFERED || entries.next().is_some();
    names.truncate(MAX_OFFERED);
    Ok(Files { names, has_more })
}

/// The name of a file that begins like this. One that cannot be typed as it is shown (bytes that are no text,
/// controls, a blank at its end) is not offered, and a hidden one only to whoever begins with a dot.
fn offered(entry: &fs::DirEntry, beginning: &str) -> Option<Safe> {
    let name = entry.file_name();
    let name = name.to_str()?;
    let safe = safe_line(name);
    let is_hidden = name.starts_with('.') && !beginning.starts_with('.');
    if !name.starts_with(beginning) || is_hidden || safe.as_str() != name || name.trim() != name {
        return None;
    }
    // Of what a link leads to.
    let is_directory = fs::metadata(entry.path()).is_ok_and(|it| it.is_dir());
    Some(if is_directory { safe + "/" } else { safe })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(part: &str) -> Vec<String> {
        let found = found(part).unwrap();
        found.names.iter().map(|it| it.to_string()).collect()
    }

    #[test]
    fn a_beginning_becomes_what_there_is_and_can_be_typed() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| format!("{}/{name}", home.path().display());
        fs::create_dir(at("talks of may")).unwrap();
        for name in ["talk.txt", "tale.txt", "other", ".talk"] {
            fs::write(at(name), b"").unwrap();
        }
        // Windows takes neither.
        #[cfg(unix)]
        for name in ["talk\u{1b}[2J", "talk "] {
            fs::write(at(name), b"").unwrap();
        }
        assert_eq!(
            names(&at("ta")),
            [at("tale.txt"), at("talk.txt"), at("talks of may/")]
        );
        assert_eq!(names(&at(".")), [at(".talk")]);
        assert_eq!(names(&at("talks of")), [at("talks of may/")]);
        assert_eq!(names(&at("none")), [""; 0]);
        assert_eq!(names("~"), ["~/"]);
        assert!(found(&at("no/such")).is_err());
    }

    #[cfg(windows)]
    #[test]
    fn a_backslash_stands_behind_a_directory_as_well() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| format!(r"{}\{name}", home.path().display());
        fs::write(at("talk.txt"), b"").unwrap();
        assert_eq!(names(&at("ta")), [at("talk.txt")]);
        assert_eq!(in_home(r"~\talk.txt"), in_home("~/talk.txt"));
    }

    #[test]
    fn a_large_directory_is_looked_at_in_part() {
        let home = tempfile::tempdir().unwrap();
        for number in 0..=MAX_OFFERED {
            fs::write(home.path().join(format!("file-{number:03}")), b"").unwrap();
        }
        let found = found(&format!("{}/f", home.path().display())).unwrap();
        assert_eq!((found.names.len(), found.has_more), (MAX_OFFERED, true));
    }

    /// Such as one of a machine that is away: the threads of others would wait there too.
    #[test]
    fn a_directory_that_does_not_answer_is_named_and_what_is_asked_meanwhile_comes_after_it() {
        let (inputs, answers) = std::sync::mpsc::channel();
        let mut lookup = Lookup {
            looking: Some("/dead/a".to_owned()),
            next: None,
        };
        for part in ["/dead/a", "/dead/b", "~"] {
            let why = lookup.look(part.to_owned(), &inputs).unwrap_err();
            assert_eq!(why.as_str(), "/dead/ has not answered yet");
        }
        let next = lookup.looked_up().unwrap();
        lookup.look(next, &inputs).unwrap();
        let Ok(Input::Files(part, Ok(found))) = answers.recv() else {
            panic!("no answer");
        };
        assert_eq!((part.as_str(), found.names.len()), ("~", 1));
        assert_eq!(lookup.looked_up(), None, "what was asked last");
        lookup.looking = Some("a".to_owned());
        let why = lookup.look("b".to_owned(), &inputs).unwrap_err();
        assert_eq!(why.as_str(), "this directory has not answered yet");
    }
}
