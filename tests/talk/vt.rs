//! As much of a terminal as a full screen needs: where each character ends up, and which modes are on.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const BLANK: &str = " ";

/// What a terminal measures to know how many cells it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Measure {
    Clusters,
    /// Each by itself, as wcwidth(3) does: tmux, xterm and most others.
    Characters,
}

impl Measure {
    fn cells(self, cluster: &str) -> usize {
        match self {
            Self::Clusters => cluster.width(),
            Self::Characters => cluster.chars().filter_map(UnicodeWidthChar::width).sum(),
        }
    }

    /// Whether a character has no cell of its own behind this.
    fn joins(self, before: &str, c: char) -> bool {
        match self {
            Self::Clusters => format!("{before}{c}").graphemes(true).count() == 1,
            Self::Characters => c.width() == Some(0),
        }
    }
}

/// A terminal's screen.
#[derive(Debug)]
pub(crate) struct Vt {
    width: usize,
    pub(crate) measure: Measure,
    /// What stands in each cell: a cluster; nothing where the one before is two cells wide.
    rows: Vec<Vec<String>>,
    /// Where the cursor is: column and row.
    pub(crate) caret: (usize, usize),
    /// Where the last cluster was printed, as long as more of it may come.
    printed: Option<(usize, usize)>,
    /// Private modes that are on, `>1u` while the keyboard is extended, and `?7l` while no line is broken.
    pub(crate) modes: BTreeSet<String>,
    /// What was put into the clipboard, or told by OSC.
    pub(crate) commands: Vec<String>,
    /// How often the bell rang.
    pub(crate) bells: usize,
    /// Bytes that are no whole sequence yet.
    rest: Vec<u8>,
}

impl Vt {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            measure: Measure::Clusters,
            rows: vec![vec![BLANK.to_owned(); width]; height],
            caret: (0, 0),
            printed: None,
            modes: BTreeSet::new(),
            commands: Vec::new(),
            bells: 0,
            rest: Vec::new(),
        }
    }

    /// The screen as text.
    pub(crate) fn text(&self) -> String {
        let row = |row: &Vec<String>| row.concat().trim_end().to_owned();
        self.rows.iter().map(row).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let text = match std::str::from_utf8(&self.rest) {
            Ok(text) => text.to_owned(),
            Err(error) if error.error_len().is_none() => {
                String::from_utf8_lossy(&self.rest[..error.valid_up_to()]).into_owned()
            }
            Err(error) => panic!("no UTF-8: {error}"),
        };
        let mut rest = text.as_str();
        while let Some(c) = rest.chars().next() {
            let Some(len) = self.take(c, rest) else {
                break;
            };
            rest = &rest[len..];
        }
        let done = text.len() - rest.len();
        self.rest.drain(..done);
    }

    /// Takes what a text begins with; none if that is not whole.
    fn take(&mut self, c: char, text: &str) -> Option<usize> {
        match c {
            '\u{1b}' => return self.escape(&text[1..]).map(|len| len + 1),
            '\u{7}' => self.bells += 1,
            '\r' => self.caret.0 = 0,
            '\n' => self.feed_line(),
            c => {
                assert!(!c.is_control(), "{c:?} reached the terminal");
                self.print(c);
            }
        }
        Some(c.len_utf8())
    }

    /// On the last row, or behind it where a long line broke there, all move up.
    fn feed_line(&mut self) {
        let last = self.rows.len() - 1;
        if self.caret.1 < last {
            self.caret.1 += 1;
        } else {
            self.rows.rotate_left(1);
            self.rows[last] = vec![BLANK.to_owned(); self.width];
            self.caret.1 = last;
        }
    }

    /// A character joins the cluster before it, or begins one.
    fn print(&mut self, c: char) {
        let before = self.printed.and_then(|(x, y)| self.rows.get(y)?.get(x));
        let joined = before.filter(|before| self.measure.joins(before, c));
        match (joined.map(|before| format!("{before}{c}")), self.printed) {
            (Some(cluster), Some(place)) => self.put(cluster, place),
            _ => self.put(c.to_string(), self.caret),
        }
    }

    fn put(&mut self, cluster: String, (x, y): (usize, usize)) {
        let measure = self.measure;
        let cells = measure.cells(&cluster);
        if cells == 0 {
            return;
        }
        if x + cells > self.width {
            assert_ne!(x, 0, "{cluster:?} has no room");
            let is_cut = self.modes.contains("?7l");
            let next = if is_cut {
                (self.width - cells, y)
            } else {
                (0, y + 1)
            };
            return self.put(cluster, next);
        }
        if let Some(row) = self.rows.get_mut(y) {
            (x..x + cells).for_each(|at| free(row, at, measure));
            row[x + 1..x + cells].fill(String::new());
            row[x] = cluster;
            self.printed = Some((x, y));
        }
        self.caret = (x + cells, y);
    }

    fn escape(&mut self, text: &str) -> Option<usize> {
        match text.chars().next()? {
            '[' => self.csi(&text[1..]).map(|len| len + 1),
            ']' => {
                let end = text.find('\u{7}')?;
                self.commands.push(text[1..end].to_owned());
                Some(end + 1)
            }
            other => panic!("ESC {other:?}"),
        }
    }

    fn csi(&mut self, text: &str) -> Option<usize> {
        let end = text.find(|c: char| c.is_ascii_alphabetic())?;
        let (arguments, kind) = (&text[..end], &text[end..=end]);
        let number = |at: usize| -> usize {
            let number = arguments
                .split(';')
                .nth(at)
                .and_then(|text| text.parse().ok());
            number.unwrap_or(1)
        };
        match kind {
            "H" => {
                self.caret = (number(1) - 1, number(0) - 1);
                self.printed = None;
            }
            "J" => self
                .rows
                .iter_mut()
                .for_each(|row| row.fill(BLANK.to_owned())),
            "h" | "l" if arguments == "?7" => {
                self.modes.remove("?7l");
                self.modes.extend((kind == "l").then(|| "?7l".to_owned()));
            }
            "h" => {
                self.modes.insert(arguments.to_owned());
            }
            "l" => {
                self.modes.remove(arguments);
            }
            "u" if arguments.starts_with('>') => {
                self.modes.insert("keyboard".to_owned());
            }
            "u" if arguments.starts_with('<') => {
                self.modes.remove("keyboard");
            }
            "m" | "t" => {}
            other => panic!("CSI {arguments}{other}"),
        }
        Some(end + 1)
    }
}

/// Takes away what stands in a cell, whole: half a wide cluster does not stay.
fn free(row: &mut [String], at: usize, measure: Measure) {
    let start = (0..=at).rev().find(|at| !row[*at].is_empty()).unwrap_or(0);
    let end = row.len().min(start + measure.cells(&row[start]).max(1));
    if at < end {
        row[start..end].fill(BLANK.to_owned());
    }
}

#[test]
fn clusters_take_the_cells_that_they_are_wide_and_go_as_a_whole() {
    let mut vt = Vt::new(12, 2);
    vt.feed("日本👩\u{200d}👧❤\u{fe0f}🇳🇴e\u{301}".as_bytes());
    assert_eq!(vt.text(), "日本👩\u{200d}👧❤\u{fe0f}🇳🇴e\u{301}\n");
    assert_eq!(vt.caret, (11, 0));
    vt.feed(b"\x1b[1;4Hx\x1b[1;5Hy");
    assert_eq!(vt.text(), "日 xy ❤\u{fe0f}🇳🇴e\u{301}\n");
}

#[test]
fn where_characters_are_measured_a_cluster_of_letters_takes_the_cells_of_each() {
    let mut vt = Vt::new(6, 2);
    vt.measure = Measure::Characters;
    vt.feed(
        "\u{231a}\u{fe0e}\u{179b}\u{17d2}\u{1784}e\u{301}\u{1f469}\u{200d}\u{1f467}".as_bytes(),
    );
    assert_eq!(
        vt.text(),
        "\u{231a}\u{fe0e}\u{179b}\u{17d2}\u{1784}e\u{301}\n\u{1f469}\u{200d}\u{1f467}"
    );
    assert_eq!(vt.caret, (4, 1));
    vt.feed(b"\x1b[?7l\x1b[1;6Hxyz");
    assert!(
        vt.text()
            .starts_with("\u{231a}\u{fe0e}\u{179b}\u{17d2}\u{1784}e\u{301}z\n")
    );
    vt.feed(b"\x1b[?7hab");
    assert!(vt.text().contains("z\nab\u{1f467}"), "{}", vt.text());
}
