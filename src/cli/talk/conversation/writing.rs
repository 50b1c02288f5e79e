//! A message of several lines, as it is written in lines: `/lines`, the lines, `/send`.
//!
//! What comes in between is text, whatever it says: a paste without these words in a line of their own is not sent or done
//! line by line, and goes out when somebody says so. They hardly stand in a text by chance, as a lone `.` does in many.
//! Whom it is for is settled when it is begun.

use crate::chat::{Policy, SendError};
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::stdin::{TERMINAL_LINE_LEN, fills_terminal};
use crate::cli::talk::typed::without_keys;
use crate::cli::{Error, ExitCode};
use crate::id::PeerId;
use crate::text::{Safe, safe_line};

/// The line that sends it. Blanks behind it are not seen, and mean nothing.
const SEND: &[u8] = b"/send";
/// The line that drops it.
const CANCEL: &[u8] = b"/cancel";

/// What is being written.
#[derive(Debug)]
pub(super) struct Writing {
    peer: PeerId,
    text: String,
    /// How many lines it has.
    lines: usize,
    /// How long it is, with what is not kept of it because no message is as long.
    len: usize,
    /// How many of its lines were not taken since that was last told of.
    untaken: usize,
    has_secret: bool,
}

impl Writing {
    const fn to(peer: PeerId) -> Self {
        Self {
            peer,
            text: String::new(),
            lines: 0,
            len: 0,
            untaken: 0,
            has_secret: false,
        }
    }

    fn add(&mut self, line: &str) {
        let lead = if self.lines == 0 { "" } else { "\n" };
        self.lines += 1;
        self.len += lead.len() + line.len();
        if self.len <= Policy::default().largest && !self.has_secret {
            self.text.push_str(lead);
            self.text.push_str(line);
        }
    }

    /// A line of it is of a secret key. Nothing of it will be sent: nothing is kept, and nothing that it lacks is told of.
    fn hold_secret(&mut self) {
        self.lines += 1;
        self.has_secret = true;
        self.text = String::new();
        self.untaken = 0;
    }

    /// A line of it is not taken.
    const fn leave_out(&mut self) {
        if !self.has_secret {
            self.untaken += 1;
        }
    }
}

impl Conversation {
    /// `/lines`: what is typed next is one message to whoever the prompt shows.
    pub(super) fn begin_writing(&mut self) {
        let Some(peer) = self.hearer() else {
            return;
        };
        self.state.writing = Some(Writing::to(peer));
        let words = Safe::from("what you type now is one message to ") + self.label(&peer);
        self.warn(words + ": a line that is /send sends it, /cancel drops it");
    }

    pub(super) const fn is_writing(&self) -> bool {
        self.state.writing.is_some()
    }

    /// `bob, line 3> `.
    pub(super) fn prompt_of_writing(&self) -> Option<Safe> {
        let writing = self.state.writing.as_ref()?;
        let is_answer = self.is_answering(writing.peer);
        let answer = if is_answer { " (answer)" } else { "" };
        Some(self.label(&writing.peer) + answer + ", line " + (writing.lines + 1) + "> ")
    }

    /// Takes a line of what is being written. What it is not to have in it is a secret key, also where a line is left out:
    /// with the first line of a key in PEM the others do not show what they are.
    pub(super) fn write_line(&mut self, line: &[u8]) -> Result<Option<ExitCode>, Error> {
        match line.trim_ascii_end() {
            SEND => return self.send_written(),
            CANCEL => self.cancel_written(),
            _ if self.holds_secret(line) => self.hold_secret_written(),
            _ if fills_terminal(line) => self.leave_out(filling()),
            _ => match (without_keys(line), core::str::from_utf8(line)) {
                (Some(text), _) => {
                    self.leave_out("keys such as arrows do nothing in lines".into());
                    self.warn(Safe::from("  without them it is: ") + safe_line(&text));
                }
                (None, Ok(text)) => self.add_line(text),
                (None, Err(_)) => self.leave_out("it is not text in UTF-8".into()),
            },
        }
        Ok(None)
    }

    fn add_line(&mut self, line: &str) {
        if let Some(writing) = &mut self.state.writing {
            writing.add(line);
        }
    }

    /// Says so once of a message.
    fn hold_secret_written(&mut self) {
        let Some(writing) = &mut self.state.writing else {
            return;
        };
        let is_news = !writing.has_secret;
        writing.hold_secret();
        if is_news {
            let words = SendError::SecretKey.to_string();
            self.warn(safe_line(&words) + " (nothing of this message will be sent)");
        }
    }

    /// A line of it is not taken, for this reason.
    pub(super) fn leave_out(&mut self, why: Safe) {
        if let Some(writing) = &mut self.state.writing {
            writing.leave_out();
            self.warn(Safe::from("this line is not in the message: ") + why);
        }
    }

    /// What lacks a line is sent when that has been said.
    fn send_written(&mut self) -> Result<Option<ExitCode>, Error> {
        let untaken = self.state.writing.as_mut();
        let untaken = untaken.map_or(0, |writing| core::mem::take(&mut writing.untaken));
        if untaken > 0 {
            let noun = if untaken == 1 { " line" } else { " lines" };
            let words = Safe::from("it lacks ") + untaken + noun + " (nothing was sent)";
            self.warn(words + "; /send once more sends it without, /cancel drops it");
            return Ok(None);
        }
        let Some(writing) = self.state.writing.take() else {
            return Ok(None);
        };
        let (len, largest) = (writing.len, Policy::default().largest);
        if writing.has_secret {
            self.refuse(&SendError::SecretKey.to_string());
        } else if len > largest {
            self.refuse(&SendError::TooLarge { len, largest }.to_string());
        } else if writing.lines == 0 {
            self.warn("nothing was written (nothing was sent)".into());
        } else {
            return self.say_written(writing);
        }
        Ok(None)
    }

    /// Says it. What is refused stays as it is: nobody types many lines twice.
    fn say_written(&mut self, writing: Writing) -> Result<Option<ExitCode>, Error> {
        if let Some(end) = self.say_batch_before_another()? {
            return Ok(Some(end));
        }
        let (before, waiting) = (self.state.sent.said(), self.state.pending.len());
        if let Some(end) = self.say_or_answer(writing.peer, &writing.text)? {
            return Ok(Some(end));
        }
        let end = self.say_batch()?;
        if self.state.sent.said() == before && self.state.pending.len() == waiting {
            self.state.writing = Some(writing);
            self.warn(
                "it is still here: /send sends it once that is mended, /cancel drops it".into(),
            );
        }
        Ok(end)
    }

    fn cancel_written(&mut self) {
        self.state.writing = None;
        self.warn("dropped (nothing was sent)".into());
    }

    /// Tells who leaves that what was being written goes nowhere.
    pub(super) fn give_up_writing(&mut self) {
        if self.state.writing.take().is_some_and(|it| it.lines > 0) {
            self.refuse("what was written after /lines");
        }
    }

    /// What a terminal has perhaps cut is not half said.
    pub(super) fn refuse_filling(&mut self) {
        let words = filling()
            + "; say it in shorter ones (/lines makes one message of them), or from a file: \
            securechat send NAME - < FILE";
        self.refuse(words.as_str());
    }
}

/// What there is to say about a line that [`fills_terminal`].
fn filling() -> Safe {
    let words = Safe::from("a terminal drops what a line has beyond ") + TERMINAL_LINE_LEN;
    words + " bytes, as this one may have had"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::talk::conversation::{Target, Typist};
    use crate::cli::talk::goal::Goal;
    use crate::cli::talk::profile::tests::{conversation, who_knows};
    use crate::cli::talk::stdin::Stdin;
    use crate::store::key_text;

    const BOB: PeerId = PeerId::new([2; 32]);

    /// What somebody types in, who knows bob.
    fn with_bob(home: &Path) -> Conversation {
        let bob = format!("bob {}\n", key_text(&BOB));
        let typist = Typist::Person { sees_prompt: false };
        conversation(&who_knows(home, &bob), typist, Goal::Listen { once: None })
    }

    #[test]
    fn a_line_that_is_no_text_is_no_command_and_no_address_and_may_begin_a_key() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_bob(home.path());
        for line in [
            b"/quit \xff".as_slice(),
            b"@bob \xff",
            b"-----BEGIN PRIVATE KEY-----\xff",
        ] {
            assert!(!talk.state.secrets.is_in_key());
            talk.on_input(Stdin::Line(line.to_vec())).unwrap();
            assert!(core::mem::take(&mut talk.state.has_failed), "{line:?}");
        }
        assert!(talk.state.secrets.is_in_key() && talk.state.leaving.is_none());
        assert_eq!(talk.state.target, Target::First);
    }

    /// All of it had to be typed again.
    #[test]
    fn several_lines_that_are_refused_can_be_sent_once_that_is_mended() {
        let home = tempfile::tempdir().unwrap();
        let mut talk = with_bob(home.path());
        talk.state.writing = Some(Writing::to(BOB));
        for line in ["one", "two"] {
            talk.write_line(line.as_bytes()).unwrap();
        }
        talk.change_peers(|known| known.remove("bob")).unwrap();
        talk.write_line(SEND).unwrap();
        assert!(talk.is_writing() && talk.state.sent.said() == 0);
        talk.change_peers(|known| known.add("bob", &BOB, &[]))
            .unwrap();
        talk.write_line(SEND).unwrap();
        assert!(!talk.is_writing() && talk.state.sent.said() == 1);
        let kept = talk.state.backlog.nth(BOB, 1).unwrap();
        assert_eq!(kept.text, "one\ntwo");
    }
}
