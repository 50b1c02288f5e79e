//! As much of a terminal as a full screen needs: where each character ends up, and which modes are on.

use std::collections::BTreeSet;

use unicode_width::UnicodeWidthChar;

/// A terminal's screen.
#[derive(Debug)]
pub(crate) struct Vt {
    width: usize,
    rows: Vec<Vec<char>>,
    caret: (usize, usize),
    /// Private modes that are on, and `>1u` while the keyboard is extended.
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
            rows: vec![vec![' '; width]; height],
            caret: (0, 0),
            modes: BTreeSet::new(),
            commands: Vec::new(),
            bells: 0,
            rest: Vec::new(),
        }
    }

    /// The screen as text.
    pub(crate) fn text(&self) -> String {
        let row = |row: &Vec<char>| row.iter().collect::<String>().trim_end().to_owned();
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
            '\n' => self.caret.1 += 1,
            c => {
                assert!(!c.is_control(), "{c:?} reached the terminal");
                self.print(c);
            }
        }
        Some(c.len_utf8())
    }

    fn print(&mut self, c: char) {
        let cells = c.width().unwrap_or(0);
        let (x, y) = self.caret;
        if x + cells > self.width {
            self.caret = (0, y + 1);
            return self.print(c);
        }
        let Some(row) = self.rows.get_mut(y) else {
            return;
        };
        if cells > 0 {
            row[x] = c;
            self.caret.0 += cells;
        }
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
            "H" => self.caret = (number(1) - 1, number(0) - 1),
            "J" => self.rows.iter_mut().for_each(|row| row.fill(' ')),
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
