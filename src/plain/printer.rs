//! Writes what was said to standard output and everything else to standard error.

use std::io::{self, Write};

use crate::chat::Received;
use crate::plain::Stamp;
use crate::text::{Safe, safe_text, single_line};

/// For whom standard output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A person: `02:15 bob: did the backup finish?`.
    Transcript,
    /// A program: `2026-11-21T02:15:00Z<TAB>bob<TAB>text`, one line a message.
    Records,
}

/// Prints a conversation. Nothing but [`Safe`] text passes through it.
#[derive(Debug)]
pub struct Printer<D, N> {
    form: Form,
    data: D,
    notes: N,
    quiet: bool,
}

impl<D: Write, N: Write> Printer<D, N> {
    /// `data` takes what was said, `notes` all else; with `quiet` only warnings of it.
    pub const fn new(form: Form, data: D, notes: N, quiet: bool) -> Self {
        Self {
            form,
            data,
            notes,
            quiet,
        }
    }

    /// Prints a line that `name` said.
    ///
    /// # Errors
    /// What writing to standard output fails with.
    pub fn said(&mut self, at: &Stamp, name: &Safe, body: Received<'_>) -> io::Result<()> {
        match self.form {
            Form::Transcript => {
                let body = match body {
                    Received::Text(text) => safe_text(text),
                    Received::Unreadable { len } => unreadable(len),
                };
                let lead = at.clock() + " " + name + ": ";
                writeln!(self.data, "{}", indent(&(lead + body)))?;
            }
            Form::Records => {
                let body = match body {
                    Received::Text(text) => single_line(text),
                    Received::Unreadable { len } => unreadable(len),
                };
                writeln!(self.data, "{}\t{name}\t{body}", at.utc())?;
            }
        }
        self.data.flush()
    }

    /// Tells how things stand, unless quiet.
    pub fn note(&mut self, words: &Safe) {
        if !self.quiet {
            self.warn(words);
        }
    }

    /// Tells something that must be seen.
    pub fn warn(&mut self, words: &Safe) {
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(self.notes, "{words}").and_then(|()| self.notes.flush());
    }

    /// Asks something; the answer is the next line that is typed.
    pub fn ask(&mut self, question: &Safe) {
        let _ = write!(self.notes, "{question} ").and_then(|()| self.notes.flush());
    }
}

fn unreadable(len: usize) -> Safe {
    Safe::from("[unreadable message, ") + len + " bytes]"
}

/// Sets further lines of a body off, so that none of them can pose as a line of ours.
fn indent(text: &Safe) -> Safe {
    let lines = text.as_str().split('\n').map(safe_text);
    Safe::join(lines, "\n      ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn printed(form: Form, text: &[u8]) -> String {
        let (mut data, mut notes) = (Vec::new(), Vec::new());
        let mut printer = Printer::new(form, &mut data, &mut notes, false);
        let at = Stamp::local(UnixTime(0));
        printer
            .said(&at, &Safe::from("bob"), Received::from(text))
            .unwrap();
        assert!(notes.is_empty());
        String::from_utf8(data).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_three_fields_whatever_it_says() {
        let hostile = "one\ntwo\tthree\r\n1970-01-01T00:00:00Z\tcarol\tforged\u{1b}[2J".as_bytes();
        let record = printed(Form::Records, hostile);
        assert_eq!(record.matches('\n').count(), 1);
        assert_eq!(record.matches('\t').count(), 2, "{record:?}");
        assert!(
            record.starts_with("1970-01-01T00:00:00Z\tbob\tone\\n"),
            "{record:?}"
        );
        assert!(!record.contains('\u{1b}'));
    }

    #[test]
    fn a_second_line_cannot_pose_as_a_line_of_ours() {
        let transcript = printed(Form::Transcript, b"hello\n02:15 carol: forged");
        let lines: Vec<&str> = transcript.lines().collect();
        assert_eq!(lines[1], "      02:15 carol: forged");
    }

    #[test]
    fn bytes_that_are_no_text_are_counted_not_guessed() {
        assert!(printed(Form::Records, &[0xff; 37]).contains("[unreadable message, 37 bytes]"));
    }

    #[test]
    fn quiet_keeps_warnings() {
        let (mut data, mut notes) = (Vec::new(), Vec::new());
        let mut printer = Printer::new(Form::Records, &mut data, &mut notes, true);
        printer.note(&Safe::from("connecting"));
        printer.warn(&Safe::from("unknown key"));
        assert_eq!(notes, b"unknown key\n");
    }
}
