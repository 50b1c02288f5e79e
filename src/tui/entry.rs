//! What stands in a conversation: messages, and words of ours between them.

use core::ops::Range;

use crate::calendar::{Day, Zone};
use crate::chat::{Name, State};
use crate::text::{Charset, Safe, safe_line, safe_text_marked, safe_whole_text, unreadable};
use crate::time::UnixTime;
use crate::tui::input::{Earlier, Said, Ticket};
use crate::tui::wrap::{self, Break};

/// A message that is older than this on arrival shows when it was written.
const LATE_MS: u64 = 120_000;

/// What a further line of a message begins with in a file: as much as date and time have.
const INDENT: &str = "                    ";

const OLDER: &str = "more was said before; /search WORDS looks through all that is kept";

/// One of them.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: UnixTime,
    pub(super) day: Day,
    pub(super) kind: Kind,
    /// What both sides call it, once that is known.
    pub(super) name: Option<Name>,
    pub(super) text: Safe,
    /// Words of ours that the text begins with.
    lead: Safe,
    /// Bytes of the text that the author did not write: drawn in another way.
    pub(super) marks: Vec<Range<usize>>,
    /// What the author wrote, if it is not the same.
    raw: Option<String>,
    /// Where the text breaks on the screen that it was last laid out for.
    laid: Option<(Shape, Vec<Range<usize>>)>,
}

/// What an entry is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody's message.
    Theirs,
    /// Ours, and how far it has come.
    Ours(Receipt, Ticket),
    /// Our program's words.
    Note,
    /// Our program's words that more was said before.
    Older,
    /// Messages that never came.
    Gap,
    /// It was deleted here.
    Deleted,
}

/// How far a message of ours has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Receipt {
    Queued,
    Sent,
    Delivered,
    Failed(Safe),
}

/// What the rows of a text depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Cells for the text.
    pub(super) width: usize,
    pub(super) charset: Charset,
    pub(super) how: Break,
    /// Whether days and what is new have lines of their own.
    pub(super) has_rules: bool,
}

impl Receipt {
    pub(super) fn of(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Sent => Self::Sent,
            State::Delivered => Self::Delivered,
            State::Failed(reason) => Self::Failed(safe_line(&reason.to_string())),
        }
    }

    /// States only move forward.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Sent => 1,
            Self::Delivered | Self::Failed(_) => 2,
        }
    }

    /// In a word, for what is read out, and for the details.
    pub(super) fn word(&self) -> Safe {
        match self {
            Self::Queued => "queued".into(),
            Self::Sent => "sent".into(),
            Self::Delivered => "delivered".into(),
            Self::Failed(why) => Safe::from("failed: ") + why,
        }
    }
}

impl Earlier {
    /// As it is shown.
    pub(super) fn entries(&self, zone: &Zone) -> Vec<Entry> {
        match self {
            Self::Theirs(said) => Entry::of_said(said, zone).collect(),
            Self::Ours {
                name,
                at,
                text,
                state,
            } => {
                let receipt = Receipt::of(*state);
                let mut entry = Entry::ours(*at, zone, text, receipt, Ticket(0));
                entry.name = Some(*name);
                vec![entry]
            }
        }
    }
}

impl Entry {
    /// A message of somebody's, behind what is missing before it.
    pub(super) fn of_said(said: &Said, zone: &Zone) -> impl Iterator<Item = Self> {
        let gap = (said.missing > 0).then(|| Self::gap(said.at, zone, said.missing));
        gap.into_iter().chain([Self::theirs(said, zone)])
    }

    fn theirs(said: &Said, zone: &Zone) -> Self {
        let at = zone.at(said.at);
        let day = at.day();
        let mut lead = Safe::default();
        if said.again {
            lead = lead + "(again) ";
        }
        let is_late = said.at.0.saturating_sub(said.written.0) > LATE_MS;
        if is_late {
            lead = lead + "(sent " + zone.at(said.written).moment(&at) + ") ";
        }
        let entry = match &said.text {
            Some(text) => Self::written(said.at, day, Kind::Theirs, text),
            None => Self::unreadable(said, day),
        };
        let name = Some(said.name);
        Self { name, ..entry }.led_by(&lead)
    }

    fn unreadable(said: &Said, day: Day) -> Self {
        let words = unreadable(said.len);
        let all = 0..words.as_str().len();
        Self {
            marks: vec![all],
            ..Self::of(said.at, day, Kind::Theirs, words)
        }
    }

    pub(super) fn ours(
        at: UnixTime,
        zone: &Zone,
        text: &str,
        receipt: Receipt,
        ticket: Ticket,
    ) -> Self {
        Self::written(at, zone.at(at).day(), Kind::Ours(receipt, ticket), text)
    }

    pub(super) fn note(at: UnixTime, zone: &Zone, words: Safe) -> Self {
        Self::of(at, zone.at(at).day(), Kind::Note, words)
    }

    /// What stands before the oldest message that is shown, if there are older ones.
    pub(super) fn older(at: UnixTime, zone: &Zone) -> Self {
        Self::of(at, zone.at(at).day(), Kind::Older, OLDER.into())
    }

    fn gap(at: UnixTime, zone: &Zone, missing: u64) -> Self {
        let noun = if missing == 1 {
            " message"
        } else {
            " messages"
        };
        let words = Safe::from("-- ") + missing + noun + " missing --";
        Self::of(at, zone.at(at).day(), Kind::Gap, words)
    }

    fn written(at: UnixTime, day: Day, kind: Kind, text: &str) -> Self {
        let (safe, marks) = safe_text_marked(text);
        let raw = (safe.as_str() != text).then(|| text.to_owned());
        Self {
            marks,
            raw,
            ..Self::of(at, day, kind, safe)
        }
    }

    fn of(at: UnixTime, day: Day, kind: Kind, text: Safe) -> Self {
        Self {
            at,
            day,
            kind,
            name: None,
            text,
            lead: Safe::default(),
            marks: Vec::new(),
            raw: None,
            laid: None,
        }
    }

    /// With words of ours in front, drawn so that nobody can write them himself.
    fn led_by(mut self, lead: &Safe) -> Self {
        let len = lead.as_str().len();
        if len == 0 {
            return self;
        }
        self.raw.get_or_insert_with(|| self.text.to_string());
        let shift = |mark: &Range<usize>| mark.start + len..mark.end + len;
        let own = core::iter::once(0..len - 1);
        self.marks = own.chain(self.marks.iter().map(shift)).collect();
        self.text = lead.clone() + &self.text;
        self.lead = lead.clone();
        self
    }

    /// Its lines in a file, those after the first moved in: none of them poses as another message. Words of
    /// ours are not said by anybody, and stay out.
    pub(super) fn lines(&self, with: &Safe, zone: &Zone) -> Vec<Safe> {
        let author = match &self.kind {
            Kind::Theirs => with.clone() + ": ",
            Kind::Ours(Receipt::Delivered, _) => "me: ".into(),
            Kind::Ours(receipt, _) => Safe::from("me (") + receipt.word() + "): ",
            Kind::Gap => Safe::default(),
            Kind::Note | Kind::Older | Kind::Deleted => return Vec::new(),
        };
        let lead = zone.at(self.at).full() + " " + author;
        // A screen folds a long text, a file has all of it.
        let text = self.lead.clone() + safe_whole_text(self.raw());
        let mut lines = text.as_str().split('\n').map(safe_line);
        let first = lead + lines.next().unwrap_or_default();
        let rest = lines.map(|line| Safe::from(INDENT) + line);
        core::iter::once(first).chain(rest).collect()
    }

    /// Those of the marks that lie in these bytes of the text, at least in part.
    pub(super) fn marks_in(&self, row: &Range<usize>) -> &[Range<usize>] {
        let start = self.marks.partition_point(|mark| mark.end <= row.start);
        let end = self.marks.partition_point(|mark| mark.start < row.end);
        self.marks.get(start..end).unwrap_or(&[])
    }

    /// What its author wrote.
    pub(super) fn raw(&self) -> &str {
        self.raw.as_deref().unwrap_or(self.text.as_str())
    }

    /// The bytes that it holds.
    pub(super) fn size(&self) -> usize {
        let marks = self.marks.len() * size_of::<Range<usize>>();
        self.text.as_str().len() + self.raw.as_ref().map_or(0, String::len) + marks
    }

    pub(super) const fn is_message(&self) -> bool {
        matches!(self.kind, Kind::Theirs | Kind::Ours(..))
    }

    /// Why it failed.
    pub(super) fn failure(&self) -> Option<Safe> {
        match &self.kind {
            Kind::Ours(Receipt::Failed(why), _) => Some(Safe::from("failed: ") + why),
            Kind::Ours(..)
            | Kind::Theirs
            | Kind::Note
            | Kind::Older
            | Kind::Gap
            | Kind::Deleted => None,
        }
    }

    /// The rows of the text in this shape.
    pub(super) fn rows(&mut self, shape: Shape) -> &[Range<usize>] {
        if !matches!(&self.laid, Some((of, _)) if *of == shape) {
            let text = self.text.as_str();
            let rows = wrap::rows(text, shape.width, shape.how, shape.charset);
            self.laid = Some((shape, rows));
        }
        self.laid.as_ref().map_or(&[], |(_, rows)| rows)
    }

    /// As [`Entry::rows`], of an entry that has been laid out.
    pub(super) fn row(&self, row: usize) -> Option<Range<usize>> {
        self.laid.as_ref()?.1.get(row).cloned()
    }

    /// Takes its content away.
    pub(super) fn delete(&mut self) {
        self.kind = Kind::Deleted;
        (self.text, self.raw, self.laid) = (Safe::default(), None, None);
        self.name = None;
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::LogId;
    use crate::id::PeerId;
    use crate::text::MAX_SHOWN_LEN;

    #[test]
    fn no_message_is_laid_out_beyond_what_is_shown_of_one() {
        let shape = Shape {
            width: 2,
            charset: Charset::Utf8,
            how: Break::Words,
            has_rules: false,
        };
        for text in [
            "x".repeat(16 << 20),
            "x ".repeat(8 << 20),
            "\u{1}\n".repeat(1 << 20),
        ] {
            let mut entry = Entry::ours(UnixTime(0), &Zone::utc(), &text, Receipt::Sent, Ticket(1));
            assert!(entry.rows(shape).len() <= MAX_SHOWN_LEN, "{}", &text[..4]);
            assert_eq!(entry.raw(), text, "it is copied and quoted whole");
        }
    }

    #[test]
    fn a_message_too_long_for_the_screen_is_in_a_file_whole() {
        let text = "line\n".repeat(20_000);
        let said = Said {
            peer: PeerId::new([2; 32]),
            name: Name {
                log: LogId(1),
                sequence: 0,
            },
            len: text.len(),
            text: Some(text),
            at: UnixTime(0),
            written: UnixTime(0),
            missing: 0,
            again: true,
        };
        let entry = Entry::theirs(&said, &Zone::utc());
        let lines = entry.lines(&"bob".into(), &Zone::utc());
        let first = lines.first().map_or("", Safe::as_str);
        assert!(first.ends_with(" bob: (again) line"), "{first}");
        assert_eq!(
            lines
                .iter()
                .filter(|it| it.as_str().ends_with("line"))
                .count(),
            20_000
        );
    }

    #[test]
    fn a_row_has_the_marks_that_lie_in_it_however_many_there_are() {
        let text = "\u{1}a".repeat(1 << 14);
        let entry = Entry::ours(UnixTime(0), &Zone::utc(), &text, Receipt::Sent, Ticket(1));
        assert_eq!(entry.marks.len(), 1 << 14);
        assert_eq!(entry.marks_in(&(4..9)), [3..5, 6..8]);
        assert!(entry.size() > entry.marks.len() * size_of::<Range<usize>>());
    }
}
