//! Writes what was said to standard output and everything else to standard error.

use std::io::{self, Write};

use crate::calendar::Stamp;
use crate::chat::Received;
use crate::text::{Safe, safe_text, safe_whole_text, single_line, unreadable};

/// For whom standard output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A person: `02:15 bob: did the backup finish?`.
    Transcript,
    /// A program: `2026-11-21T02:15:00Z<TAB>bob<TAB>text`, one line a message; with `<TAB>again` behind
    /// it if it was perhaps printed before.
    Records,
}

/// What is to be known of a message beside its text.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    /// When it was written, if that was not just now.
    pub written: Option<Stamp>,
    /// Whether it was perhaps shown before, by a process that ended too soon to know.
    pub is_again: bool,
}

/// A message of ours, as a transcript names it.
#[derive(Clone, Debug)]
pub struct Own {
    /// Its number in this run, from 1.
    pub number: u64,
    /// To whom it goes, where that has to be said.
    pub to: Option<Safe>,
}

/// Prints a conversation. Nothing but [`Safe`] text passes through it.
#[derive(Debug)]
pub struct Printer<D, N> {
    form: Form,
    data: D,
    notes: N,
    quiet: bool,
    /// What stands on the line that is being typed.
    prompt: Option<Safe>,
}

impl<D: Write, N: Write> Printer<D, N> {
    /// `data` takes what was said, `notes` all else; with `quiet` only warnings of it.
    pub const fn new(form: Form, data: D, notes: N, quiet: bool) -> Self {
        Self {
            form,
            data,
            notes,
            quiet,
            prompt: None,
        }
    }

    /// Prints a message that `name` sent.
    ///
    /// # Errors
    /// What writing to standard output fails with.
    pub fn said(
        &mut self,
        at: &Stamp,
        name: &Safe,
        mark: &Mark,
        body: Received<'_>,
    ) -> io::Result<()> {
        match self.form {
            Form::Transcript => {
                let body = match body {
                    Received::Text(text) => safe_text(text),
                    Received::Unreadable { len } => unreadable(len),
                };
                let lead = at.clock() + " " + name + mark.words(at);
                self.transcribe(&(lead + ": " + body))
            }
            Form::Records => {
                let body = match body {
                    Received::Text(text) => single_line(text),
                    Received::Unreadable { len } => unreadable(len),
                };
                let again = if mark.is_again { "\tagain" } else { "" };
                writeln!(self.data, "{}\t{name}\t{body}{again}", at.utc())?;
                self.data.flush()
            }
        }
    }

    /// Tells that messages of `name` are missing between the last one and the next.
    ///
    /// # Errors
    /// As [`Printer::said`].
    pub fn missing(&mut self, name: &Safe, count: u64) -> io::Result<()> {
        let noun = if count == 1 { " message" } else { " messages" };
        let words = Safe::from("-- ") + count + noun + " from " + name + " missing --";
        self.aside(&words)
    }

    /// Prints a message of ours, with the number that its receipt will have.
    ///
    /// # Errors
    /// As [`Printer::said`].
    pub fn own(&mut self, at: &Stamp, own: &Own, text: &str) -> io::Result<()> {
        let lead = at.clock() + " me [" + own.number + "]" + to(own);
        self.aside(&(lead + ": " + safe_text(text)))
    }

    /// Prints how far a message of ours has come, unless quiet.
    ///
    /// # Errors
    /// As [`Printer::said`].
    pub fn progress(&mut self, at: &Stamp, own: &Own, state: &Safe) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        self.outcome(at, own, state)
    }

    /// Prints what became of a message of ours, quiet or not.
    ///
    /// # Errors
    /// As [`Printer::said`].
    pub fn outcome(&mut self, at: &Stamp, own: &Own, state: &Safe) -> io::Result<()> {
        let lead = at.clock() + " [" + own.number + "]" + to(own);
        let colon = if own.to.is_some() { ": " } else { " " };
        self.aside(&(lead + colon + state))
    }

    /// Tells how things stand, unless quiet.
    pub fn note(&mut self, words: &Safe) {
        if !self.quiet {
            self.warn(words);
        }
    }

    /// Tells something that must be seen.
    pub fn warn(&mut self, words: &Safe) {
        self.interrupt();
        // Nobody is left to tell when standard error is gone.
        let _ = writeln!(self.notes, "{words}").and_then(|()| self.notes.flush());
    }

    /// Begins the line that is typed next, if this does not stand there already.
    pub fn prompt(&mut self, words: &Safe) {
        if self.prompt.as_ref() == Some(words) {
            return;
        }
        self.interrupt();
        let _ = write!(self.notes, "{words}").and_then(|()| self.notes.flush());
        self.prompt = Some(words.clone());
    }

    /// The line with the prompt has been typed to its end.
    pub fn entered(&mut self) {
        self.prompt = None;
    }

    /// Ends the line with the prompt, because something else is to be printed.
    pub fn interrupt(&mut self) {
        if self.prompt.take().is_some() {
            let _ = writeln!(self.notes).and_then(|()| self.notes.flush());
        }
    }

    /// Adds to the transcript what is no message to us: where records go out it is a note.
    fn aside(&mut self, words: &Safe) -> io::Result<()> {
        match self.form {
            Form::Transcript => self.transcribe(words),
            Form::Records => {
                self.warn(&indent(words));
                Ok(())
            }
        }
    }

    fn transcribe(&mut self, words: &Safe) -> io::Result<()> {
        self.interrupt();
        writeln!(self.data, "{}", indent(words))?;
        self.data.flush()
    }
}

impl Mark {
    /// ` (again, sent 02:15)`, as far as it applies.
    fn words(&self, now: &Stamp) -> Safe {
        let again = self.is_again.then(|| Safe::from("again"));
        let written = self.written.as_ref();
        let written = written.map(|written| Safe::from("sent ") + written.moment(now));
        if again.is_none() && written.is_none() {
            return Safe::default();
        }
        Safe::from(" (") + Safe::join(again.into_iter().chain(written), ", ") + ")"
    }
}

fn to(own: &Own) -> Safe {
    own.to
        .as_ref()
        .map_or_else(Safe::default, |name| Safe::from(" to ") + name)
}

/// Sets further lines of a body off, so that none of them can pose as a line of ours. It folds nothing: a file has all of a
/// line, and what goes to a terminal is folded before.
pub(super) fn indent(text: &Safe) -> Safe {
    let lines = text.as_str().split('\n').map(safe_whole_text);
    Safe::join(lines, "\n      ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_SHOWN_LEN;
    use crate::time::UnixTime;

    /// What goes to standard output and what to standard error.
    fn printed(
        form: Form,
        quiet: bool,
        act: impl FnOnce(&mut Printer<&mut Vec<u8>, &mut Vec<u8>>),
    ) -> [String; 2] {
        let (mut data, mut notes) = (Vec::new(), Vec::new());
        act(&mut Printer::new(form, &mut data, &mut notes, quiet));
        [data, notes].map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn now() -> Stamp {
        Stamp::local(UnixTime(0))
    }

    fn said(form: Form, text: &[u8]) -> String {
        let [data, notes] = printed(form, false, |printer| {
            let body = Received::from(text);
            let said = printer.said(&now(), &"bob".into(), &Mark::default(), body);
            said.unwrap();
        });
        assert!(notes.is_empty());
        data
    }

    #[test]
    fn a_record_is_one_line_with_three_fields_whatever_it_says() {
        let hostile = "one\ntwo\tthree\r\n1970-01-01T00:00:00Z\tcarol\tforged\u{1b}[2J".as_bytes();
        let record = said(Form::Records, hostile);
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
        let transcript = said(Form::Transcript, b"hello\n02:15 carol: forged");
        let lines: Vec<&str> = transcript.lines().collect();
        assert_eq!(lines[1], "      02:15 carol: forged");
    }

    #[test]
    fn a_long_message_is_folded_once_whatever_stands_before_it() {
        let exact = "x".repeat(MAX_SHOWN_LEN);
        let transcript = said(Form::Transcript, exact.as_bytes());
        assert!(transcript.ends_with(&format!(" bob: {exact}\n")));
        let longer = said(Form::Transcript, format!("{exact}x").as_bytes());
        assert!(longer.len() < MAX_SHOWN_LEN && longer.ends_with("      [65 more bytes]\n"));
    }

    #[test]
    fn bytes_that_are_no_text_are_counted_not_guessed() {
        assert!(said(Form::Records, &[0xff; 37]).contains("[unreadable message, 37 bytes]"));
    }

    #[test]
    fn quiet_keeps_warnings() {
        let [data, notes] = printed(Form::Records, true, |printer| {
            printer.note(&Safe::from("connecting"));
            printer.warn(&Safe::from("unknown key"));
        });
        assert_eq!((data.as_str(), notes.as_str()), ("", "unknown key\n"));
    }

    #[test]
    fn a_message_of_ours_has_a_number_and_its_receipt_has_the_same() {
        let one = Own {
            number: 3,
            to: None,
        };
        let other = Own {
            number: 4,
            to: Some("carol".into()),
        };
        let act = |printer: &mut Printer<&mut Vec<u8>, &mut Vec<u8>>| {
            for own in [&one, &other] {
                printer.own(&now(), own, "yes").unwrap();
                printer.progress(&now(), own, &"delivered".into()).unwrap();
            }
        };
        let clock = now().clock();
        let expected = [
            "me [3]: yes",
            "[3] delivered",
            "me [4] to carol: yes",
            "[4] to carol: delivered",
        ];
        let expected = expected.map(|line| format!("{clock} {line}\n")).concat();
        let [data, notes] = printed(Form::Transcript, false, act);
        assert_eq!((data, notes.as_str()), (expected.clone(), ""));
        let [data, notes] = printed(Form::Records, false, act);
        assert_eq!((data.as_str(), notes), ("", expected), "no record of ours");
    }

    #[test]
    fn quiet_keeps_what_a_message_came_to_and_not_how_far_it_is() {
        let own = Own {
            number: 3,
            to: None,
        };
        let [data, _] = printed(Form::Transcript, true, |printer| {
            printer.progress(&now(), &own, &"queued".into()).unwrap();
            printer.outcome(&now(), &own, &"failed".into()).unwrap();
        });
        assert_eq!(data, format!("{} [3] failed\n", now().clock()));
    }

    #[test]
    fn missing_messages_are_counted_and_are_no_record() {
        let act = |printer: &mut Printer<&mut Vec<u8>, &mut Vec<u8>>| {
            printer.missing(&"bob".into(), 1).unwrap();
            printer.missing(&"bob".into(), 2).unwrap();
        };
        let gaps = "-- 1 message from bob missing --\n-- 2 messages from bob missing --\n";
        let [data, notes] = printed(Form::Transcript, false, act);
        assert_eq!((data.as_str(), notes.as_str()), (gaps, ""));
        let [data, notes] = printed(Form::Records, false, act);
        assert_eq!((data.as_str(), notes.as_str()), ("", gaps));
    }

    #[test]
    fn a_prompt_is_printed_once_and_again_after_other_lines() {
        let [_, notes] = printed(Form::Transcript, false, |printer| {
            let prompt = Safe::from("bob> ");
            printer.prompt(&prompt);
            printer.prompt(&prompt);
            printer.note(&"one".into());
            printer.note(&"two".into());
            printer.prompt(&prompt);
            printer.entered();
            printer.note(&"three".into());
            printer.prompt(&prompt);
            printer.prompt(&"carol> ".into());
        });
        assert_eq!(
            notes, "bob> \none\ntwo\nbob> three\nbob> \ncarol> ",
            "after Enter the terminal itself has begun a new line"
        );
    }

    #[test]
    fn a_message_that_is_late_shows_when_it_was_written() {
        let [data, _] = printed(Form::Transcript, false, |printer| {
            let late = Stamp::local(UnixTime(600_000));
            let body = Received::Text("at last");
            let mark = Mark {
                written: Some(now()),
                is_again: false,
            };
            printer.said(&late, &"bob".into(), &mark, body).unwrap();
        });
        let [at, written] = [600_000, 0].map(|at| Stamp::local(UnixTime(at)).clock());
        assert_eq!(data, format!("{at} bob (sent {written}): at last\n"));
    }

    #[test]
    fn what_was_perhaps_shown_before_is_marked_where_no_text_can_pose_as_the_mark() {
        let mark = Mark {
            written: None,
            is_again: true,
        };
        let said = |form| {
            let [data, _] = printed(form, false, |printer| {
                let body = Received::Text("hi\tagain");
                printer.said(&now(), &"bob".into(), &mark, body).unwrap();
            });
            data
        };
        let transcript = format!("{} bob (again): hi    again\n", now().clock());
        assert_eq!(said(Form::Transcript), transcript);
        let record = said(Form::Records);
        let fields: Vec<&str> = record.trim_end().split('\t').collect();
        assert_eq!(fields[1..], ["bob", "hi    again", "again"]);
    }
}
