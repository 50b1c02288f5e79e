//! The text that is being written: clusters, words, lines, a kill buffer and undo.
//!
//! The caret stands between clusters, never inside one: an emoji family is one step and one Backspace.

use core::mem;
use core::ops::Range;

use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::chat::Policy;
use crate::text::{Charset, Safe, drawable, safe_line, typeable};
use crate::tui::wrap::{self, Break};

/// Steps that can be undone.
const MAX_UNDO: usize = 100;

/// Bytes of the texts before those steps, or that before the newest alone: a step keeps all of it.
const MAX_UNDO_LEN: usize = 32 << 20;

/// Bytes for each cell of the rows that [`Editor::height`] looks at first: more than clusters of most scripts have.
const CELL_LEN: usize = 16;

/// Nothing was written: the text would have so many bytes, which are more than a message may have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong(pub(super) usize);

/// A text and a caret in it. All of the text can be shown, but for what piles up on one letter: see [`typeable`], [`drawable`].
#[derive(Debug, Default)]
pub(super) struct Editor {
    text: String,
    /// Where the caret is, in bytes, between two clusters.
    caret: usize,
    killed: String,
    undo: Vec<(String, usize)>,
    /// Whether the last step was a typed letter: a run of them is undone at once.
    is_typing: bool,
}

/// A way that the caret goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Left,
    Right,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
}

impl Editor {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// A row of the text as it is drawn.
    pub(super) fn shown(&self, row: &Range<usize>) -> Safe {
        drawable(self.text.get(row.clone()).unwrap_or(""))
    }

    pub(super) fn insert_char(&mut self, c: char) -> Result<(), TooLong> {
        let mut buffer = [0; 4];
        let typed = typeable(c.encode_utf8(&mut buffer));
        if typed.as_str().is_empty() {
            return Ok(());
        }
        self.has_room_for(&typed)?;
        if !mem::replace(&mut self.is_typing, true) {
            self.remember();
        }
        self.put(typed.as_str());
        Ok(())
    }

    /// Inserts what was pasted, without what cannot be shown.
    pub(super) fn insert(&mut self, text: &str) -> Result<(), TooLong> {
        let text = typeable(text);
        self.has_room_for(&text)?;
        self.step();
        self.put(text.as_str());
        Ok(())
    }

    /// Puts something before all of the text.
    pub(super) fn lead(&mut self, text: &str) -> Result<(), TooLong> {
        self.has_room_for(&typeable(text))?;
        self.set(&(text.to_owned() + &self.text));
        Ok(())
    }

    fn has_room_for(&self, more: &Safe) -> Result<(), TooLong> {
        let len = self.text.len() + more.as_str().len();
        if len > Policy::default().largest {
            return Err(TooLong(len));
        }
        Ok(())
    }

    pub(super) fn set(&mut self, text: &str) {
        self.step();
        self.text = typeable(text).to_string();
        self.caret = self.text.len();
    }

    /// Empties it; undo brings the text back.
    pub(super) fn clear(&mut self) {
        self.set("");
    }

    /// Takes the text out; nothing is left to undo.
    pub(super) fn take(&mut self) -> String {
        let text = mem::take(&mut self.text);
        *self = Self {
            killed: mem::take(&mut self.killed),
            ..Self::default()
        };
        text
    }

    /// Takes what `find` finds out of the text and of what could be yanked, for good: nothing is left to undo.
    pub(super) fn forget(&mut self, find: impl Fn(&str) -> Option<Range<usize>>) {
        (self.is_typing, self.undo) = (false, Vec::new());
        while let Some(range) = find(&self.text).filter(|it| !it.is_empty()) {
            let inside = self.caret.clamp(range.start, range.end) - range.start;
            self.text.drain(range);
            self.caret = self.at_boundary(self.caret - inside);
        }
        while let Some(range) = find(&self.killed).filter(|it| !it.is_empty()) {
            self.killed.drain(range);
        }
    }

    /// Shows what was being written before; nothing is left to undo.
    pub(super) fn put_back(&mut self, text: &str) {
        self.set(text);
        self.undo.clear();
    }

    pub(super) fn go(&mut self, way: Move) {
        self.is_typing = false;
        self.caret = self.target(way);
    }

    /// Deletes up to where the caret would go. What is longer than a cluster can be yanked.
    pub(super) fn delete(&mut self, way: Move) {
        let target = self.target(way);
        let range = target.min(self.caret)..target.max(self.caret);
        // At the end of a line, its break goes.
        let range = match way {
            Move::LineEnd if range.is_empty() => self.caret..self.target(Move::Right),
            Move::LineStart if range.is_empty() => self.target(Move::Left)..self.caret,
            Move::Left
            | Move::Right
            | Move::WordLeft
            | Move::WordRight
            | Move::LineStart
            | Move::LineEnd => range,
        };
        if range.is_empty() {
            return;
        }
        self.step();
        let gone = self.remove(range);
        if !matches!(way, Move::Left | Move::Right) {
            self.killed = gone;
        }
    }

    pub(super) fn yank(&mut self) -> Result<(), TooLong> {
        let killed = mem::take(&mut self.killed);
        let inserted = self.insert(&killed);
        self.killed = killed;
        inserted
    }

    /// Swaps the clusters around the caret, at the end of the text the last two.
    pub(super) fn transpose(&mut self) {
        let middle = if self.caret == self.text.len() {
            self.target(Move::Left)
        } else {
            self.caret
        };
        let before = previous(&self.text, middle)..middle;
        let after = middle..next(&self.text, middle);
        let (Some(one), Some(other)) =
            (self.text.get(before.clone()), self.text.get(after.clone()))
        else {
            return;
        };
        if one.is_empty() || other.is_empty() {
            return;
        }
        let swapped = other.to_owned() + one;
        self.step();
        self.text.replace_range(before.start..after.end, &swapped);
        self.caret = self.at_boundary(after.end);
    }

    pub(super) fn undo(&mut self) {
        self.is_typing = false;
        if let Some((text, caret)) = self.undo.pop() {
            (self.text, self.caret) = (text, caret);
        }
    }

    /// The word that the caret stands at the end of, and where it begins.
    pub(super) fn word(&self) -> (usize, &str) {
        let before = self.before();
        let start = before.rfind([' ', '\n']).map_or(0, |at| at + 1);
        (start, before.get(start..).unwrap_or(""))
    }

    /// Puts another text in the place of what stands between `start` and the caret.
    pub(super) fn complete(&mut self, start: usize, word: &Safe) {
        self.step();
        if start <= self.caret && self.text.is_char_boundary(start) {
            self.remove(start..self.caret);
            self.put(word.as_str());
        }
    }

    /// As many rows as [`Editor::rows`] has, but at most so many: of a long text only the beginning is looked at.
    pub(super) fn height(&self, width: usize, charset: Charset, most: usize) -> usize {
        let len = self.text.len().min((most + 1) * width * CELL_LEN);
        let begun = self.text.get(..self.text.floor_char_boundary(len));
        // The last one may be there for a cluster that was cut.
        if wrap::rows(begun.unwrap_or(""), width, Break::Cells, charset).len() > most {
            return most;
        }
        self.rows(width, charset).0.len().min(most)
    }

    /// The rows that it takes on so many cells, and the caret's row and cell.
    ///
    /// A caret at the end of a full row stands on the next one, which may be there for it alone.
    pub(super) fn rows(
        &self,
        width: usize,
        charset: Charset,
    ) -> (Vec<Range<usize>>, (usize, usize)) {
        let width = width.max(1);
        let mut rows = wrap::rows(&self.text, width, Break::Cells, charset);
        let row = rows.partition_point(|row| row.start <= self.caret).max(1) - 1;
        let start = rows.get(row).map_or(0, |row| row.start);
        let cells = wrap::cells(self.text.get(start..self.caret).unwrap_or(""), charset);
        if cells < width {
            return (rows, (row, cells));
        }
        if row + 1 == rows.len()
            || rows
                .get(row + 1)
                .is_some_and(|next| next.start > self.caret)
        {
            rows.insert(row + 1, self.caret..self.caret);
        }
        (rows, (row + 1, 0))
    }

    /// Moves the caret a row up or down; false if it is on the first or the last.
    pub(super) fn go_row(&mut self, is_up: bool, width: usize, charset: Charset) -> bool {
        let (rows, (row, cell)) = self.rows(width, charset);
        let wanted = if is_up {
            row.checked_sub(1)
        } else {
            Some(row + 1)
        };
        let Some(range) = wanted.and_then(|wanted| rows.get(wanted)) else {
            return false;
        };
        let line = self.text.get(range.clone()).unwrap_or("");
        self.is_typing = false;
        let place = range.start + wrap::fitting(line, cell, charset).len();
        self.caret = self.at_boundary(place);
        true
    }

    /// What stands before the caret.
    pub(super) fn before(&self) -> &str {
        self.text.get(..self.caret).unwrap_or("")
    }

    fn put(&mut self, text: &str) {
        self.text.insert_str(self.caret, text);
        self.caret = self.at_boundary(self.caret + text.len());
    }

    fn remove(&mut self, range: Range<usize>) -> String {
        let gone: String = self.text.drain(range.clone()).collect();
        self.caret = self.at_boundary(range.start);
        gone
    }

    /// The end of the cluster that a place lies in: what was inserted or deleted may have joined two.
    fn at_boundary(&self, place: usize) -> usize {
        let mut cursor = GraphemeCursor::new(place, self.text.len(), true);
        if cursor.is_boundary(&self.text, 0) == Ok(true) {
            return place;
        }
        let next = cursor.next_boundary(&self.text, 0);
        next.ok().flatten().unwrap_or(self.text.len())
    }

    /// Begins a step that is undone by itself.
    fn step(&mut self) {
        self.is_typing = false;
        self.remember();
    }

    fn remember(&mut self) {
        self.undo.push((self.text.clone(), self.caret));
        let mut len = 0;
        let newest = self.undo.iter().rev().take(MAX_UNDO);
        let fits = newest.take_while(|(text, _)| {
            len += text.len();
            len <= MAX_UNDO_LEN
        });
        let kept = fits.count().max(1);
        self.undo.drain(..self.undo.len() - kept);
    }

    fn target(&self, way: Move) -> usize {
        match way {
            Move::Left => previous(&self.text, self.caret),
            Move::Right => next(&self.text, self.caret),
            Move::WordLeft => self.word_left(),
            Move::WordRight => self.word_right(),
            Move::LineStart => self.before().rfind('\n').map_or(0, |at| at + 1),
            Move::LineEnd => {
                let rest = self.text.get(self.caret..).unwrap_or("");
                self.caret + rest.find('\n').unwrap_or(rest.len())
            }
        }
    }

    fn word_left(&self) -> usize {
        let mut words = self.before().unicode_word_indices();
        words.next_back().map_or(0, |(at, _)| at)
    }

    fn word_right(&self) -> usize {
        let rest = self.text.get(self.caret..).unwrap_or("");
        let word = rest.unicode_word_indices().next();
        word.map_or(self.text.len(), |(at, word)| self.caret + at + word.len())
    }
}

fn previous(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("");
    let last = before.grapheme_indices(true).next_back();
    last.map_or(0, |(start, _)| start)
}

fn next(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or("");
    at + rest.graphemes(true).next().map_or(0, str::len)
}

/// One line of text on its own, as a question asks for: a search, a name.
#[derive(Debug, Default)]
pub(super) struct Line(Editor);

impl Line {
    /// Nothing if that is too long.
    pub(super) fn insert(&mut self, text: &str) {
        let _ = self.0.insert(&text.replace(['\r', '\n'], " "));
    }

    pub(super) fn delete_last(&mut self) {
        self.0.delete(Move::Left);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn text(&self) -> &str {
        self.0.text()
    }

    pub(super) fn shown(&self) -> Safe {
        safe_line(self.0.text())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(text: &str) -> Editor {
        let mut editor = Editor::default();
        editor.insert(text).unwrap();
        editor
    }

    #[test]
    fn a_cluster_is_one_step_and_one_backspace() {
        let mut editor = with("a👩\u{200d}👩\u{200d}👧e\u{301}");
        editor.delete(Move::Left);
        assert_eq!(editor.text(), "a👩\u{200d}👩\u{200d}👧");
        editor.go(Move::Left);
        editor.insert_char('b').unwrap();
        assert_eq!(editor.text(), "ab👩\u{200d}👩\u{200d}👧");
        editor.delete(Move::Right);
        assert_eq!(editor.text(), "ab");
    }

    #[test]
    fn words_and_lines_are_killed_and_yanked() {
        let mut editor = with("one two three");
        editor.delete(Move::WordLeft);
        assert_eq!(editor.text(), "one two ");
        editor.go(Move::LineStart);
        editor.yank().unwrap();
        assert_eq!(editor.text(), "threeone two ");
        editor.delete(Move::LineEnd);
        assert_eq!(editor.text(), "three");
        editor.delete(Move::LineStart);
        editor.yank().unwrap();
        editor.yank().unwrap();
        assert_eq!(editor.text(), "threethree");
    }

    #[test]
    fn at_the_end_of_a_line_its_break_is_killed() {
        let mut editor = with("a\nb");
        editor.go(Move::LineStart);
        editor.go(Move::Left);
        editor.delete(Move::LineEnd);
        assert_eq!(editor.text(), "ab");
    }

    #[test]
    fn typing_is_undone_at_once_and_a_cleared_line_comes_back() {
        let mut editor = Editor::default();
        "hello".chars().for_each(|c| editor.insert_char(c).unwrap());
        editor.clear();
        assert!(editor.is_empty());
        editor.undo();
        assert_eq!(editor.text(), "hello");
        editor.undo();
        assert_eq!(editor.text(), "");
        editor.undo();
        assert_eq!(editor.text(), "");
    }

    #[test]
    fn what_was_sent_cannot_be_undone() {
        let mut editor = with("secret");
        assert_eq!(editor.take(), "secret");
        editor.undo();
        assert_eq!(editor.text(), "");
    }

    #[test]
    fn the_steps_that_can_be_undone_have_a_bound_in_bytes_and_the_newest_stays() {
        let mut editor = with(&"long\n".repeat(1 << 20));
        for _ in 0..20 {
            editor.delete(Move::Left);
        }
        let held: usize = editor.undo.iter().map(|(text, _)| text.len()).sum();
        assert!(held <= MAX_UNDO_LEN && editor.undo.len() > 1, "{held}");
        let len = editor.text().len();
        editor.undo();
        assert_eq!(editor.text().len(), len + 1);
    }

    #[test]
    fn what_no_message_may_have_is_not_written_and_undoes_nothing() {
        let largest = Policy::default().largest;
        let mut editor = with(&"long\n".repeat(largest / 5));
        editor.delete(Move::LineStart);
        assert_eq!(editor.yank(), Ok(()));
        let rest = largest - editor.text().len();
        assert_eq!(editor.insert(&"x".repeat(rest)), Ok(()));
        let steps = editor.undo.len();
        let too_long = Err(TooLong(largest + 1));
        assert_eq!(editor.insert_char('x'), too_long);
        assert_eq!(editor.insert("\n"), too_long);
        assert_eq!(editor.yank(), too_long);
        assert_eq!(editor.lead("\n"), too_long);
        assert_eq!(editor.insert("\u{200b}"), Ok(()), "it has no bytes");
        assert_eq!(editor.text().len(), largest);
        assert!(editor.undo.len() <= steps + 1);
    }

    #[test]
    fn letters_change_places() {
        let mut editor = with("teh");
        editor.transpose();
        assert_eq!(editor.text(), "the");
        editor.go(Move::LineStart);
        editor.transpose();
        assert_eq!(editor.text(), "the", "nothing stands before the first");
    }

    #[test]
    fn the_caret_is_where_the_cells_say() {
        let mut editor = with("日本語abc");
        assert_eq!(editor.rows(6, Charset::Utf8).1, (1, 3));
        editor.go(Move::LineStart);
        assert_eq!(editor.rows(6, Charset::Utf8).1, (0, 0));
        let full = with("abcd");
        let (rows, caret) = full.rows(4, Charset::Utf8);
        assert_eq!(
            (rows.len(), caret),
            (2, (1, 0)),
            "a row for the caret alone"
        );
        assert_eq!(with("ab\n").rows(4, Charset::Utf8).1, (1, 0));
        assert_eq!(
            [1, 2, 3].map(|most| full.height(4, Charset::Utf8, most)),
            [1, 2, 2]
        );
    }

    #[test]
    fn rows_are_walked_and_end() {
        let mut editor = with("abcdef\ngh");
        assert!(editor.go_row(true, 4, Charset::Utf8));
        assert_eq!(editor.rows(4, Charset::Utf8).1, (1, 2));
        assert!(editor.go_row(true, 4, Charset::Utf8));
        assert_eq!(editor.rows(4, Charset::Utf8).1, (0, 2));
        assert!(!editor.go_row(true, 4, Charset::Utf8));
        assert!(editor.go_row(false, 4, Charset::Utf8) && editor.go_row(false, 4, Charset::Utf8));
        assert!(!editor.go_row(false, 4, Charset::Utf8));
    }

    #[test]
    fn nothing_that_cannot_be_shown_gets_in() {
        let mut editor = with("a\u{1b}[2J\u{202e}b");
        editor.insert_char('\u{9b}').unwrap();
        assert_eq!(editor.text(), "a[2Jb");
    }

    proptest! {
        #[test]
        fn a_place_inside_a_cluster_is_its_end(text in "[a é👧\u{200d}\u{301}\u{1f1e9}\u{1f1ea}कष\u{94d}\n]{0,12}") {
            let editor = Editor { text, ..Editor::default() };
            let text = &editor.text;
            for place in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let mut ends = text.grapheme_indices(true).map(|(at, _)| at);
                let end = ends.find(|at| *at >= place).unwrap_or(text.len());
                prop_assert_eq!(editor.at_boundary(place), end);
            }
        }

        #[test]
        fn the_height_is_that_of_the_rows(text in "[a é👧\u{200d}\u{301}日\n]{0,200}", width in 1_usize..4) {
            let editor = Editor { text, ..Editor::default() };
            let rows = editor.rows(width, Charset::Utf8).0.len();
            for most in 1..6 {
                prop_assert_eq!(editor.height(width, Charset::Utf8, most), rows.min(most));
            }
        }

        #[test]
        fn the_caret_never_leaves_the_clusters(
            steps in prop::collection::vec((0_u8..14, "[a é👧\u{200d}\u{301}日\n]{0,3}"), 0..40)
        ) {
            let mut editor = Editor::default();
            let ways = [
                Move::Left, Move::Right, Move::WordLeft, Move::WordRight, Move::LineStart, Move::LineEnd,
            ];
            for (step, text) in steps {
                match usize::from(step) {
                    step @ 0..6 => editor.go(ways[step]),
                    step @ 6..12 => editor.delete(ways[step - 6]),
                    12 => editor.insert(&text).unwrap(),
                    _ if text.is_empty() => editor.undo(),
                    _ => editor.transpose(),
                }
                let ends = editor.text.grapheme_indices(true).map(|(at, _)| at);
                prop_assert!(ends.chain([editor.text.len()]).any(|at| at == editor.caret));
                let (rows, (row, cell)) = editor.rows(5, Charset::Utf8);
                prop_assert!(row < rows.len() && cell < 5);
            }
        }
    }
}
