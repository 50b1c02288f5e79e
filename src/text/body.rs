//! What a character from outside may do on a screen, and the three forms of a body.

use core::fmt::{self, Write as _};
use core::iter::Peekable;
use core::ops::Range;
use core::str::Chars;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use unicode_width::UnicodeWidthChar;

use super::cluster::Cluster;
use super::safe::Safe;

/// Lines of one text that are shown; of a longer one the first 199 and how many follow.
pub const MAX_LINES: usize = 200;

/// Bytes of one text that are shown, in whatever lines: a screen lays out no more of it, at each change of its width.
pub const MAX_SHOWN_LEN: usize = 65_536;

/// Room for the note that tells of the rest.
const NOTE_MAX_LEN: usize = 64;

/// Combining marks that one base character keeps; a script needs no more, a stack of them paints
/// over the neighbouring lines.
pub const MAX_MARKS: usize = 4;

/// Makes a body safe to show; its line breaks stay, folded after [`MAX_LINES`] or [`MAX_SHOWN_LEN`].
///
/// Applying it twice changes nothing more.
#[must_use]
pub fn safe_text(text: &str) -> Safe {
    Safe::new(fold(render(text, Breaks::Keep)).0)
}

/// As [`safe_text`], but never folded: for a file, in which all of it is to be found again.
#[must_use]
pub fn safe_whole_text(text: &str) -> Safe {
    Safe::new(render(text, Breaks::Keep))
}

/// As [`safe_text`], with the places of the bytes that stand for something else: `^[` or `<U+202E>` of
/// ours looks like one that was typed, unless it is drawn in another way.
///
/// The places are ranges of bytes in the text, in its order; of a folded text the note is the last.
#[must_use]
pub fn safe_text_marked(text: &str) -> (Safe, Vec<Range<usize>>) {
    let mut marks = Vec::new();
    let whole = render_marked(text, Breaks::Keep, &mut |mark| join(&mut marks, mark));
    let (folded, note) = fold(whole);
    if let Some(note) = note {
        marks.retain(|mark| mark.start < note.start);
        if let Some(last) = marks.last_mut() {
            last.end = last.end.min(note.start);
        }
        join(&mut marks, note);
    }
    (Safe::new(folded), marks)
}

/// Adds a place. It becomes part of the last one if they touch: a text of controls alone has one.
fn join(marks: &mut Vec<Range<usize>>, mark: Range<usize>) {
    match marks.last_mut() {
        Some(last) if last.end == mark.start => last.end = mark.end,
        Some(_) | None => marks.push(mark),
    }
}

/// What may stand in a text that a person is writing: without anything that [`safe_text`] would show in
/// another form. A tab is four spaces; a line break stays.
#[must_use]
pub fn typeable(text: &str) -> Safe {
    typed(text, |_, _| false)
}

/// What somebody types or pastes, as it is drawn: without what would pile up on one letter.
#[must_use]
pub fn drawable(text: &str) -> Safe {
    let mut cluster = Cluster::default();
    typed(text, |c, fate| cluster.is_exceeded_by(c, fate))
}

fn typed(text: &str, mut is_too_much: impl FnMut(char, &Fate) -> bool) -> Safe {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if begins_crlf(c, &mut rest) {
            continue;
        }
        let fate = match fate(c) {
            // A terminal sends the line breaks of what is pasted as CR.
            Fate::Caret if c == '\r' => Fate::Break,
            Fate::Caret | Fate::Hex | Fate::Point | Fate::Drop | Fate::Replace => continue,
            kept @ (Fate::Keep | Fate::Mark | Fate::Joiner | Fate::Break | Fate::Tab) => kept,
        };
        if !is_too_much(c, &fate) {
            show(c, &fate, Breaks::Keep, &mut out);
        }
    }
    Safe::new(out)
}

/// Makes text safe to show inside a line of our own: a line break shows as `^J` or `<U+2028>`.
///
/// Applying it twice changes nothing more.
#[must_use]
pub fn safe_line(text: &str) -> Safe {
    Safe::new(render(text, Breaks::Show))
}

/// Makes a body safe for output that programs read by lines: a line break becomes `\n`, a backslash
/// `\\`, so that undoing the two gives back the lines.
#[must_use]
pub fn single_line(text: &str) -> Safe {
    Safe::new(render(text, Breaks::Escape))
}

/// What becomes of a line break.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Keep,
    Show,
    Escape,
}

/// What becomes of one character.
pub(super) enum Fate {
    Keep,
    /// Kept, but only [`MAX_MARKS`] in a row.
    Mark,
    /// Kept, and the next character may belong to the same cluster: one in a row.
    Joiner,
    Break,
    Tab,
    /// `^[` and the like, as git shows them.
    Caret,
    /// `<9B>`: a C1 control.
    Hex,
    /// `<U+202E>`: a control of the reading direction.
    Point,
    Drop,
    /// No character that a terminal could know.
    Replace,
}

impl Fate {
    /// Whether what is shown is not the character.
    const fn stands_in(&self) -> bool {
        match self {
            Self::Caret | Self::Hex | Self::Point | Self::Replace => true,
            Self::Keep | Self::Mark | Self::Joiner | Self::Break | Self::Tab | Self::Drop => false,
        }
    }
}

/// The policy, one row per kind of character.
fn fate(c: char) -> Fate {
    match c {
        '\n' | '\u{2028}' | '\u{2029}' => Fate::Break,
        '\t' => Fate::Tab,
        '\0'..='\u{1f}' | '\u{7f}' => Fate::Caret,
        ' '..='~' => Fate::Keep,
        '\u{80}'..='\u{9f}' => Fate::Hex,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Fate::Point
        }
        '\u{200c}' | '\u{200d}' => Fate::Joiner,
        // Grapheme joiner, Hangul fillers, variation selectors 17 to 256: letters and marks by
        // category, invisible by nature.
        '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{e0100}'..='\u{e01ef}' => Fate::Drop,
        _ => fate_by_category(c),
    }
}

fn fate_by_category(c: char) -> Fate {
    use GeneralCategory as Is;
    let category = c.general_category();
    if matches!(category, Is::Format) {
        Fate::Drop
    } else if matches!(category, Is::PrivateUse | Is::Unassigned | Is::Surrogate) {
        Fate::Replace
    } else if is_mark(c) {
        Fate::Mark
    } else {
        Fate::Keep
    }
}

/// Whether it combines with the character before, or has no cell of its own, as the vowels and ends of syllables among the
/// Hangul jamo, which are letters by category.
pub(super) fn is_mark(c: char) -> bool {
    use GeneralCategory as Is;
    let category = c.general_category();
    let combines = matches!(
        category,
        Is::NonspacingMark | Is::SpacingMark | Is::EnclosingMark
    );
    combines || (!matches!(category, Is::Format) && c.width() == Some(0))
}

fn render(text: &str, breaks: Breaks) -> String {
    render_marked(text, breaks, &mut |_| {})
}

/// Tells `mark` where in the output something stands for a character that is not shown itself.
fn render_marked(text: &str, breaks: Breaks, mark: &mut impl FnMut(Range<usize>)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut cluster = Cluster::default();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let fate = if begins_crlf(c, &mut rest) {
            continue;
        } else {
            fate(c)
        };
        if cluster.is_exceeded_by(c, &fate) {
            continue;
        }
        let start = out.len();
        show(c, &fate, breaks, &mut out);
        if fate.stands_in() && out.len() > start {
            mark(start..out.len());
        }
    }
    out
}

/// Whether `c` is the CR of a CRLF; the LF alone then stands for both.
fn begins_crlf(c: char, rest: &mut Peekable<Chars<'_>>) -> bool {
    c == '\r' && rest.peek() == Some(&'\n')
}

fn show(c: char, fate: &Fate, breaks: Breaks, out: &mut String) {
    match fate {
        Fate::Keep | Fate::Mark | Fate::Joiner => push_kept(c, breaks, out),
        Fate::Break => show_break(c, breaks, out),
        Fate::Tab => out.push_str("    "),
        Fate::Caret => push_caret(c, breaks, out),
        Fate::Hex => write(out, format_args!("<{:02X}>", u32::from(c))),
        Fate::Point => write(out, format_args!("<U+{:04X}>", u32::from(c))),
        Fate::Drop => {}
        Fate::Replace => out.push(char::REPLACEMENT_CHARACTER),
    }
}

/// Without memory of its own for each character: a text may have nothing else.
fn write(out: &mut String, what: fmt::Arguments<'_>) {
    out.write_fmt(what).expect("a string takes everything");
}

fn show_break(c: char, breaks: Breaks, out: &mut String) {
    match breaks {
        Breaks::Keep => out.push('\n'),
        Breaks::Escape => out.push_str(r"\n"),
        Breaks::Show if c == '\n' => push_caret(c, breaks, out),
        Breaks::Show => show(c, &Fate::Point, breaks, out),
    }
}

/// `^` and the key that types the control: the character with bit 6 flipped. Of FS that is a backslash.
fn push_caret(c: char, breaks: Breaks, out: &mut String) {
    out.push('^');
    if let Some(key) = char::from_u32(u32::from(c) ^ 0x40) {
        push_kept(key, breaks, out);
    }
}

fn push_kept(c: char, breaks: Breaks, out: &mut String) {
    if c == '\\' && breaks == Breaks::Escape {
        out.push_str(r"\\");
    } else {
        out.push(c);
    }
}

/// Cuts a text of too many lines or bytes; the note, whose place is told, takes that of the last line that fits.
fn fold(mut text: String) -> (String, Option<Range<usize>>) {
    let total = text.lines().count();
    if total <= MAX_LINES && text.len() <= MAX_SHOWN_LEN {
        return (text, None);
    }
    let shown = MAX_LINES - 1;
    let first: usize = text.split_inclusive('\n').take(shown).map(str::len).sum();
    let room = MAX_SHOWN_LEN - NOTE_MAX_LEN;
    let note = if total > MAX_LINES && first <= room {
        text.truncate(first);
        format!("[{} more lines]", total - shown)
    } else {
        let whole = text.len();
        let is_end = |at: &usize| text.is_char_boundary(*at);
        let end = (0..=first.min(room)).rev().find(is_end).unwrap_or(0);
        text.truncate(end);
        format!("[{} more bytes]", whole - end)
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let start = text.len();
    text.push_str(&note);
    (text, Some(start..start + note.len()))
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
