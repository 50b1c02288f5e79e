//! Names of files, as far as they are typed: what `~/` stands for, and what a beginning could become.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::Builder;

use crate::cli::talk::network::Input;
use crate::text::{Safe, safe_line};
use crate::tui::{self, Files, Told};

/// Names of a directory that are looked at; whoever has more types more.
const MAX_LOOKED_AT: usize = 10_000;
/// Names that are offered, the first in their order.
const MAX_OFFERED: usize = 200;

/// What a shell would make of `~/`, which no shell has read here.
pub(super) fn in_home(file: &str) -> PathBuf {
    let home = file.strip_prefix("~/").zip(std::env::home_dir());
    home.map_or_else(|| file.into(), |(rest, home)| Path::new(&home).join(rest))
}

/// Looks names up on a thread of its own, since a directory may be on a machine that does not answer. One at a
/// time: what is asked meanwhile has no answer.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    is_looking: Arc<AtomicBool>,
}

impl Lookup {
    /// Tells the screen what `part` could become.
    pub(super) fn look(&self, part: String, inputs: &Sender<Input>) {
        if self.is_looking.swap(true, Ordering::AcqRel) {
            return;
        }
        let (is_looking, inputs) = (Arc::clone(&self.is_looking), inputs.clone());
        let look = move || {
            let found = found(&part).map_err(|error| safe_line(&error.to_string()));
            is_looking.store(false, Ordering::Release);
            // The conversation may be over.
            let _ = inputs.send(Input::Screen(tui::Input::Told(Told::Files { part, found })));
        };
        if Builder::new().name("files".to_owned()).spawn(look).is_err() {
            self.is_looking.store(false, Ordering::Release);
        }
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
    let (directory, beginning) = match part.rfind('/') {
        Some(slash) => part.split_at(slash + 1),
        None => ("", part),
    };
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
    names.sort();
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
        for name in [
            "talk.txt",
            "tale.txt",
            "other",
            ".talk",
            "talk\u{1b}[2J",
            "talk ",
        ] {
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

    #[test]
    fn a_large_directory_is_looked_at_in_part() {
        let home = tempfile::tempdir().unwrap();
        for number in 0..=MAX_OFFERED {
            fs::write(home.path().join(format!("file-{number:03}")), b"").unwrap();
        }
        let found = found(&format!("{}/f", home.path().display())).unwrap();
        assert_eq!((found.names.len(), found.has_more), (MAX_OFFERED, true));
    }
}
