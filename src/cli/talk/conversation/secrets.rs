//! Secret keys among the lines that come: none of them is sent.

use crate::chat::SendError;
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::typed::searched;
use crate::text::{Safe, safe_line};

/// What is said beside a line of a key that may go on, so that whoever goes on with something else knows how.
const HOW_A_KEY_ENDS: &str =
    " (what may be more of it is refused, too, until its END line or a line of several words)";

impl Conversation {
    /// Looks for a key that begins or ends in a line, whatever becomes of it. Not to be sent it may be for other reasons,
    /// too, and the lines behind the first one of a key do not show alone what they are.
    pub(super) fn look_for_secrets(&mut self, line: &[u8]) {
        self.state.secrets.look_at(&searched(line));
    }

    /// Whether a line has a secret key in it, or may go on with one.
    pub(super) fn holds_secret(&mut self, line: &[u8]) -> bool {
        self.state.secrets.hold_secret(&searched(line))
    }

    /// The text of a line; says so if it is none.
    pub(super) fn text_of(&mut self, line: Vec<u8>) -> Option<String> {
        let text = String::from_utf8(line).ok();
        if text.is_none() {
            self.refuse("it is not text in UTF-8");
        }
        text
    }

    /// Whether what was written can be sent; says why if not.
    pub(super) fn is_sendable(&mut self, text: &str) -> bool {
        let has_secret = self.state.secrets.hold_secret(text);
        if has_secret {
            self.refuse_secret();
        }
        !has_secret
    }

    pub(super) fn refuse_secret(&mut self) {
        let then = if self.state.secrets.is_in_key() {
            HOW_A_KEY_ENDS
        } else {
            ""
        };
        self.refuse(&(SendError::SecretKey.to_string() + then));
    }

    /// The terminal has put keys into a line, which nobody means to say. What they stand in may be a secret key all the
    /// same, or the first line of one.
    pub(super) fn refuse_keys(&mut self, text: &str) {
        if self.state.secrets.hold_secret(text) {
            return self.refuse_secret();
        }
        let words = "keys such as arrows do nothing in lines (nothing was sent); to correct a line, erase it";
        self.warn(words.into());
        if !text.trim().is_empty() {
            self.warn(Safe::from("  without them it is: ") + safe_line(text));
        }
    }
}
