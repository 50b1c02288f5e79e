//! Where a text breaks on a screen of so many cells.

use core::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::text::Charset;

/// Has a character drawn as an emoji, which is two cells wide, or one.
const EMOJI_STYLE: char = '\u{fe0f}';

/// How a line that is too long is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// After a blank if there is one, else anywhere between clusters.
    Words,
    /// Where the width ends: nothing is left out, so that what is copied is whole.
    Cells,
}

/// The cells that a text takes: those of its clusters, each of which is drawn by itself.
pub(super) fn cells(text: &str, charset: Charset) -> usize {
    let shown = charset.shown(text);
    if shown.is_ascii() {
        return shown.len();
    }
    shown.graphemes(true).map(cluster_cells).sum()
}

/// The cells of a cluster: those of the whole, or of its characters where that is more, since most terminals know no
/// clusters and draw each character. Of an emoji that is made of several only the first has a place.
pub(super) fn cluster_cells(cluster: &str) -> usize {
    let whole = cluster.width();
    if cluster.len() == 1 || cluster.contains(joins_emoji) {
        return whole;
    }
    let each = cluster.chars().filter_map(UnicodeWidthChar::width);
    whole.max(each.sum())
}

/// The cells that a cluster may take where each of its characters has its own, if that is more: those behind it are
/// written over by it.
pub(super) fn reach(cluster: &str) -> usize {
    let of = |c: char| {
        // It makes the one before it as wide as an emoji.
        if c == EMOJI_STYLE {
            1
        } else {
            c.width().unwrap_or(0)
        }
    };
    if cluster.contains(joins_emoji) {
        cluster.chars().map(of).sum()
    } else {
        0
    }
}

/// Whether one of its characters has all of its cells: no terminal draws it in parts.
pub(super) fn is_one(cluster: &str) -> bool {
    let has_cells = |c: &char| c.width().is_some_and(|cells| cells > 0);
    let parts = cluster.chars().filter(has_cells).count();
    parts <= 1 && !cluster.contains(EMOJI_STYLE)
}

/// The joiner, and the tones of skin.
const fn joins_emoji(c: char) -> bool {
    matches!(c, '\u{200d}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// What is never cut in two, and where it begins: a cluster, or a character that is spelled out by itself.
fn pieces(text: &str, charset: Charset) -> impl Iterator<Item = (usize, &str)> {
    let clusters = text.grapheme_indices(true);
    clusters.flat_map(move |(at, cluster)| {
        let is_spelled = cluster.chars().any(|c| charset.spells(c));
        let len = if is_spelled { 1 } else { usize::MAX };
        let mut rest = cluster.char_indices().step_by(len).peekable();
        core::iter::from_fn(move || {
            let (start, _) = rest.next()?;
            let end = rest.peek().map_or(cluster.len(), |(next, _)| *next);
            Some((at + start, cluster.get(start..end).unwrap_or("")))
        })
    })
}

/// The rows of a text, as ranges of its bytes, in order and without line breaks; of an empty text one
/// empty row. A cluster that is wider than a row has a row of its own.
///
/// With [`Break::Words`] the blank that a line is broken at belongs to no row.
pub(super) fn rows(text: &str, width: usize, how: Break, charset: Charset) -> Vec<Range<usize>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        wrap_line((line, charset), start, width.max(1), how, &mut rows);
        start += line.len() + 1;
    }
    rows
}

/// Breaks one line, which begins `offset` bytes into its text.
fn wrap_line(
    (line, charset): (&str, Charset),
    offset: usize,
    width: usize,
    how: Break,
    rows: &mut Vec<Range<usize>>,
) {
    // Each byte is a cell.
    if (how == Break::Cells || line.len() <= width) && line.is_ascii() {
        let starts = (0..line.len().max(1)).step_by(width);
        let row = |start: usize| offset + start..offset + line.len().min(start + width);
        rows.extend(starts.map(row));
        return;
    }
    let (mut start, mut used) = (0, 0);
    // The end of the last blank in this row, and the cells up to there.
    let mut blank: Option<(usize, usize)> = None;
    for (at, cluster) in pieces(line, charset) {
        let cells = cells(cluster, charset);
        let is_blank = cluster == " " && how == Break::Words;
        while used + cells > width && at > start {
            let (cut, upto) = match blank.take() {
                Some((end, upto)) if !is_blank => (end, upto),
                Some(_) | None => (at, used),
            };
            let end = row_end(line, start, cut, how);
            rows.push(offset + start..offset + end);
            (start, used) = (cut, used - upto);
        }
        // The line was just broken at this blank.
        if is_blank && at > 0 && at == start {
            start = at + cluster.len();
            continue;
        }
        used += cells;
        if is_blank {
            blank = Some((at + cluster.len(), used));
        }
    }
    rows.push(offset + start..offset + line.len());
}

/// The end of a row without the one blank that it was broken at.
fn row_end(line: &str, start: usize, cut: usize, how: Break) -> usize {
    let row = line.get(start..cut).unwrap_or("");
    if how == Break::Words && row.ends_with(' ') && row.len() > 1 {
        cut - 1
    } else {
        cut
    }
}

/// The longest beginning of a text that fits into so many cells.
pub(super) fn fitting(text: &str, width: usize, charset: Charset) -> &str {
    let mut used = 0;
    for (at, cluster) in pieces(text, charset) {
        used += cells(cluster, charset);
        if used > width {
            return text.get(..at).unwrap_or("");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn broken(text: &str, width: usize, how: Break) -> Vec<&str> {
        let rows = rows(text, width, how, Charset::Utf8);
        rows.into_iter().map(|row| &text[row]).collect()
    }

    #[test]
    fn lines_break_after_words_and_long_words_anywhere() {
        let words = |text, width| broken(text, width, Break::Words);
        assert_eq!(words("one two three", 8), ["one two", "three"]);
        assert_eq!(words("one two three", 7), ["one two", "three"]);
        assert_eq!(words("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
        assert_eq!(words("a\n\nb", 4), ["a", "", "b"]);
        assert_eq!(words("", 4), [""]);
        assert_eq!(words("ab cd", 0), ["a", "b", "c", "d"]);
    }

    #[test]
    fn cells_break_where_the_width_ends_and_lose_nothing() {
        let text = "https://example.org/a b c";
        let rows = broken(text, 10, Break::Cells);
        assert_eq!(rows, ["https://ex", "ample.org/", "a b c"]);
        assert_eq!(rows.concat(), text);
    }

    #[test]
    fn wide_clusters_are_not_cut_in_two() {
        assert_eq!(broken("日本語", 5, Break::Words), ["日本", "語"]);
        assert_eq!(broken("日本", 1, Break::Words), ["日", "本"]);
        let family = "👩\u{200d}👩\u{200d}👧";
        let text = family.repeat(3);
        assert_eq!(
            broken(&text, 4, Break::Words),
            [family.repeat(2), family.into()]
        );
        assert_eq!(fitting("日本語", 5, Charset::Utf8), "日本");
    }

    #[test]
    fn what_is_spelled_out_takes_the_cells_of_that_and_is_broken_between_characters() {
        let ascii = |text, width| {
            let rows = rows(text, width, Break::Words, Charset::Ascii);
            rows.into_iter().map(|row| &text[row]).collect::<Vec<_>>()
        };
        assert_eq!(cells("a\u{41b}\u{1f467}", Charset::Ascii), 1 + 8 + 9);
        assert_eq!(ascii("a\u{41b} b\u{41b}", 12), ["a\u{41b}", "b\u{41b}"]);
        assert_eq!(ascii("\u{41b}\u{41b}2J", 10), ["\u{41b}", "\u{41b}2J"]);
        let family = "\u{1f469}\u{200d}\u{1f467}";
        assert_eq!(ascii(family, 17), ["\u{1f469}\u{200d}", "\u{1f467}"]);
        assert_eq!(fitting("a\u{41b}b", 9, Charset::Ascii), "a\u{41b}");
        assert_eq!(fitting("a\u{41b}b", 8, Charset::Ascii), "a");
    }

    proptest! {
        #[test]
        fn rows_fit_and_keep_every_character_but_blanks(
            text in "[a-z 日é👧\u{200d}\u{fe0f}\n]{0,60}", width in 2_usize..12
        ) {
            let strip = |text: &str| text.replace([' ', '\n'], "");
            for how in [Break::Words, Break::Cells] {
                let rows = broken(&text, width, how);
                // A cluster that is wider than a row has one of its own.
                let fits = |row: &&str| cells(row, Charset::Utf8) <= width || row.graphemes(true).count() == 1;
                prop_assert!(rows.iter().all(fits), "{rows:?}");
                prop_assert_eq!(strip(&rows.concat()), strip(&text));
            }
        }
    }
}
