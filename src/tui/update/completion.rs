//! Tab.

use std::path::is_separator;

use crate::commands;
use crate::text::{Safe, safe_line};
use crate::tui::app::{App, Completion, Mode};
use crate::tui::input::{Action, Ask, Files};

/// Names that are told while one of them is chosen.
const MAX_TOLD: usize = 20;

impl App {
    /// Completes the word before the caret, or puts the next one in its place.
    pub(super) fn complete(&mut self, back: bool) {
        if let Some(completion) = &mut self.completion {
            let count = completion.words.len();
            let step = if back { count - 1 } else { 1 };
            completion.at = (completion.at + step) % count;
        } else if let Some((_, part)) = self.file_part() {
            let part = part.to_owned();
            return self.act(Action::Ask(Ask::Files(part)));
        } else {
            self.completion = self.candidates();
        }
        self.put_candidate();
    }

    fn put_candidate(&mut self) {
        let Some(completion) = &self.completion else {
            return;
        };
        let start = completion.start;
        let Some(word) = completion.words.get(completion.at).cloned() else {
            return;
        };
        self.current_mut().editor.complete(start, &word);
    }

    /// The beginning of a file's name that the caret stands behind, and where it starts.
    fn file_part(&self) -> Option<(usize, &str)> {
        let before = self.current().editor.before();
        let (word, rest) = before.strip_prefix('/')?.split_once(' ')?;
        commands::find(word).filter(|usage| usage.takes_file)?;
        let part = rest.trim_start();
        Some((before.len() - part.len(), part))
    }

    /// Files were found. Whoever has typed on since, or turned to something else, has not asked for them.
    pub(super) fn on_files(&mut self, part: &str, found: Result<Files, Safe>) {
        let is_free = matches!(self.mode, Mode::Chat) && self.completion.is_none();
        let place = self
            .file_part()
            .filter(|(_, typed)| is_free && *typed == part);
        let Some((start, _)) = place else {
            return;
        };
        let Files { names, has_more } = match found {
            Ok(files) => files,
            Err(why) => return self.tell(Safe::from("no file names: ") + why),
        };
        if names.is_empty() {
            return self.tell("no file there begins like that");
        }
        let common = common_beginning(&names);
        if names.len() == 1 || common.len() > part.len() {
            let common = safe_line(common);
            self.current_mut().editor.complete(start, &common);
        }
        if names.len() > 1 {
            self.tell(listed(&names, has_more));
        }
        if names.len() > 1 && common_beginning(&names).len() <= part.len() {
            let at = 0;
            self.completion = Some(Completion {
                start,
                words: names,
                at,
            });
            self.put_candidate();
        }
    }

    fn candidates(&self) -> Option<Completion> {
        let editor = &self.current().editor;
        let (start, word) = editor.word();
        let words: Vec<Safe> = if start == 0 && word.starts_with('/') {
            let part = word.trim_start_matches('/');
            let found = commands::beginning_with(part);
            found
                .map(|usage| Safe::from("/") + usage.word + " ")
                .collect()
        } else if let (0, Some(part)) = (start, word.strip_prefix('@')) {
            let names = self.names_beginning_with(part);
            names.map(|name| Safe::from("@") + name + " ").collect()
        } else if takes_name(editor.text(), start) {
            self.names_beginning_with(word)
                .map(|name| name + " ")
                .collect()
        } else {
            return None;
        };
        let completion = Completion {
            start,
            words,
            at: 0,
        };
        (!completion.words.is_empty()).then_some(completion)
    }

    fn names_beginning_with(&self, part: &str) -> impl Iterator<Item = Safe> {
        let known = self.conversations.iter().filter(|it| it.is_known);
        let names = known.map(|it| it.name.clone());
        names.filter(move |name| name.as_str().starts_with(part))
    }

    /// What the line that is being written could become: the commands that it begins.
    pub(in crate::tui) fn suggestion(&self) -> Option<(Safe, bool)> {
        let text = self.current().editor.text();
        let rest = text
            .strip_prefix('/')
            .filter(|rest| !rest.starts_with('/'))?;
        let word = rest.split([' ', '\n']).next().unwrap_or("");
        if let Some(usage) = commands::find(word) {
            return Some((usage.line(), true));
        }
        let names: Vec<Safe> = commands::beginning_with(word)
            .map(|usage| Safe::from("/") + usage.word)
            .collect();
        if names.is_empty() {
            return Some((
                Safe::from("no command begins with /") + safe_line(word),
                false,
            ));
        }
        Some((Safe::join(names, "  "), false))
    }
}

/// With what all of them begin.
fn common_beginning(names: &[Safe]) -> &str {
    let mut names = names.iter().map(Safe::as_str);
    let first = names.next().unwrap_or("");
    names.fold(first, |common, name| {
        let same = common.char_indices().zip(name.chars());
        let len = same
            .take_while(|((_, a), b)| a == b)
            .map(|((at, a), _)| at + a.len_utf8());
        common.get(..len.last().unwrap_or(0)).unwrap_or("")
    })
}

/// The last parts of these names, as far as they are told.
fn listed(names: &[Safe], has_more: bool) -> Safe {
    let last = |name: &Safe| {
        let path = name.as_str();
        let end = path.strip_suffix('/').unwrap_or(path);
        let start = end.rfind(is_separator).map_or(0, |at| at + 1);
        safe_line(path.get(start..).unwrap_or(path))
    };
    let told = Safe::join(names.iter().take(MAX_TOLD).map(last), "  ");
    if has_more || names.len() > MAX_TOLD {
        told + "  ..."
    } else {
        told
    }
}

/// Whether the word that starts here is the name that a command takes.
fn takes_name(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or("");
    let command = before.strip_prefix('/').map(str::trim_end);
    command
        .and_then(commands::find)
        .is_some_and(|usage| usage.takes_name)
}
