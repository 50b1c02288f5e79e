//! Tab.

use crate::commands;
use crate::text::{Safe, safe_line};
use crate::tui::app::{App, Completion};

impl App {
    /// Completes the word before the caret, or puts the next one in its place.
    pub(super) fn complete(&mut self, back: bool) {
        if let Some(completion) = &mut self.completion {
            let count = completion.words.len();
            let step = if back { count - 1 } else { 1 };
            completion.at = (completion.at + step) % count;
        } else {
            self.completion = self.candidates();
        }
        let Some(completion) = &self.completion else {
            return;
        };
        let start = completion.start;
        let Some(word) = completion.words.get(completion.at).cloned() else {
            return;
        };
        self.current_mut().editor.complete(start, &word);
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
    pub(in crate::tui) fn suggestion(&self) -> Option<Safe> {
        let text = self.current().editor.text();
        let rest = text
            .strip_prefix('/')
            .filter(|rest| !rest.starts_with('/'))?;
        let word = rest.split([' ', '\n']).next().unwrap_or("");
        if let Some(usage) = commands::find(word) {
            return Some(usage.line());
        }
        let names: Vec<Safe> = commands::beginning_with(word)
            .map(|usage| Safe::from("/") + usage.word)
            .collect();
        if names.is_empty() {
            return Some(Safe::from("no command begins with /") + safe_line(word));
        }
        Some(Safe::join(names, "  "))
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
