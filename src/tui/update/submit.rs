//! Enter.

use crate::chat::{self, Policy, SendError};
use crate::commands::{self, Typed};
use crate::text::{Safe, safe_line};
use crate::tui::app::App;
use crate::tui::conversation::Blocked;
use crate::tui::editor::TooLong;
use crate::tui::input::Action;

const HAS_AT_MOST: &str = " bytes; a message has at most ";

impl App {
    /// Sends what was written, or does it. Whom it goes to is settled here and nowhere later.
    pub(super) fn submit(&mut self) {
        let here = self.active;
        let text = self.current().editor.text().to_owned();
        if text.trim().is_empty() {
            return;
        }
        if self.came.is_some() {
            let (name, key) = (self.current().name.clone(), self.send_key());
            let words = name + " came meanwhile (nothing was sent); if it is meant: " + key;
            return self.tell(words + " again");
        }
        let is_done = match Typed::parse(&text) {
            Typed::Say(said) => match here {
                Some(at) => self.say(at, said),
                None => {
                    self.tell("nobody is here to hear that; /add NAME KEY adds somebody");
                    false
                }
            },
            Typed::SayTo { name, text } => self.say_to(name, text),
            Typed::Command(command) => self.run(command),
            Typed::Misused(usage) => {
                self.tell(commands::misused(usage));
                false
            }
            Typed::Unknown { word, similar } => {
                self.tell(commands::unknown(word, similar));
                false
            }
        };
        if is_done {
            let at = self.now.unix;
            let of = here.and_then(|at| self.conversations.get_mut(at));
            let conversation = of.unwrap_or(&mut self.home);
            conversation.history.push(&text, at);
            // A command may have put something there.
            if conversation.editor.text() == text {
                conversation.editor.take();
                conversation.quotes.clear();
            }
        }
    }

    /// Says something to the person of a conversation; false, after saying why, if that cannot be done.
    pub(super) fn say(&mut self, at: usize, text: &str) -> bool {
        let Some(conversation) = self.conversations.get(at) else {
            return false;
        };
        let (peer, name) = (conversation.peer, conversation.name.clone());
        if let Some(why) = conversation.blocked() {
            self.tell(blocked(why, &name) + " (nothing was sent)");
            return false;
        }
        if chat::holds_secret(text) {
            let why = safe_line(&SendError::SecretKey.to_string());
            self.tell(why + " (nothing was sent)");
            return false;
        }
        let largest = Policy::default().largest;
        if text.len() > largest {
            let words = Safe::from("that has ") + text.len() + HAS_AT_MOST;
            self.tell(words + largest + " (nothing was sent)");
            return false;
        }
        let ticket = self.next_ticket();
        let (now, zone) = (self.now.unix, self.settings.zone.clone());
        if let Some(conversation) = self.conversations.get_mut(at) {
            conversation.say(text, now, &zone, ticket);
        }
        let text = text.to_owned();
        self.act(Action::Send { peer, ticket, text });
        true
    }

    /// Says why something was not written, if it was not.
    pub(super) fn tell_too_long(&mut self, written: Result<(), TooLong>) {
        if let Err(TooLong(len)) = written {
            let words = Safe::from("with that the text has ") + len + HAS_AT_MOST;
            self.tell(words + Policy::default().largest + " (nothing was added)");
        }
    }

    fn say_to(&mut self, name: &str, text: &str) -> bool {
        let Some(at) = self.resolve(name) else {
            return false;
        };
        if text.trim().is_empty() {
            self.go(at);
            return true;
        }
        let is_said = self.say(at, text);
        if is_said && self.active != Some(at) {
            self.tell(Safe::from("said to ") + safe_line(name));
        }
        is_said
    }

    /// The conversation with somebody; says so if there is none.
    pub(super) fn resolve(&mut self, name: &str) -> Option<usize> {
        let found = self.named(name);
        if found.is_none() {
            let words = Safe::from("no peer called \"") + safe_line(name) + "\"";
            let names: Vec<Safe> = self
                .conversations
                .iter()
                .map(|it| it.name.clone())
                .collect();
            let words = match crate::text::nearest(name, names.iter()) {
                Some(similar) => words + " - did you mean " + similar + "?",
                None => words,
            };
            self.tell(words + " (nothing was sent)");
        }
        found
    }
}

pub(in crate::tui) fn blocked(why: Blocked, name: &Safe) -> Safe {
    match why {
        Blocked::KeyChanged => name.clone() + " has another key now",
        Blocked::WordsDiffer => {
            Safe::from("the words that you compared with ") + name + " differed"
        }
        Blocked::Revoked => name.clone() + "'s key was revoked",
        Blocked::Forgotten => name.clone() + " is no longer among your peers",
    }
}
