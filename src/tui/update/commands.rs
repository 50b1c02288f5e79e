//! Commands, and what is done with a selected message.

use crate::chat::{MessageRef, words};
use crate::commands::{self, COMMANDS, Command, KEEPS_NOTHING, Level, Wanted};
use crate::text::Safe;
use crate::tui::app::{App, Mode};
use crate::tui::entry::{Entry, Kind};
use crate::tui::glance::Glance;
use crate::tui::input::{Action, Ask, Discretion};
use crate::tui::keys::Bind;

impl App {
    /// Does it; false if it could not be done and the line is to be mended.
    pub(super) fn run(&mut self, command: Command<'_>) -> bool {
        match command {
            Command::Help(None) => self.show_panel("help", help(self.settings.keeps)),
            Command::Help(Some(word)) => return self.explain(word),
            Command::Keys => self.show_keys(),
            Command::Quit => {
                // The command itself is no draft.
                self.current_mut().editor.take();
                self.leave();
            }
            Command::Peers => self.act(Action::Ask(Ask::Peers)),
            Command::Status => self.act(Action::Ask(Ask::Status)),
            Command::MyId => self.act(Action::Ask(Ask::MyId)),
            Command::Whois(name) => return self.ask_about(name, Ask::Whois),
            Command::Ping(name) => return self.ask_about(name, Ask::Ping),
            Command::Connect(name) => return self.ask_about(name, Ask::Connect),
            Command::Disconnect(name) => return self.ask_about(name, Ask::Disconnect),
            Command::Verify(name) => return self.open_verifying(name),
            Command::Number(name, typed) => return self.open_safety_number(name, typed),
            Command::Differ(name) => return self.say_other(name),
            Command::Later(name) => return self.ask_about(name, Ask::Later),
            Command::Match(rest) => {
                let (name, typed) = words::split_name(rest);
                return self.say_same(name, typed);
            }
            Command::MyQr => self.act(Action::Ask(Ask::MyQr)),
            Command::Save(name) => return self.save(name),
            Command::Rename(of, new) => {
                let new = new.to_owned();
                return self.ask_about(of, move |peer| Ask::Rename {
                    peer,
                    new: new.clone(),
                });
            }
            Command::Receipts => self.note(None, commands::RECEIPTS.into()),
            Command::Add(name, key) => self.act(Action::Ask(Ask::Add {
                name: name.to_owned(),
                key: key.to_owned(),
            })),
            Command::Welcome(name) => return self.welcome(name),
            Command::Refuse => return self.refuse(),
            Command::Go(name) => {
                let found = self.resolve(name);
                return found.map(|at| self.go(at)).is_some();
            }
            Command::Message(name, text) => {
                let found = self.resolve(name);
                return found.is_some_and(|at| self.say(at, text));
            }
            Command::Lines => self.explain_new_line(),
            Command::Close => self.close(),
            Command::Clear => {
                self.current_mut().clear();
            }
            Command::Delete(None) => return self.delete_selected(),
            Command::Delete(Some(number)) => return self.delete_nth(number),
            Command::Copy(number) => return self.copy_nth(number.unwrap_or(1)),
            Command::Info(number) => return self.explain_nth(number.unwrap_or(1)),
            Command::Reply(number) => return self.reply_to_nth(number.unwrap_or(1)),
            Command::Retry(number) => return self.retry(number.unwrap_or(1)),
            Command::Search(wanted) => return self.search(wanted),
            Command::Export(file) => self.export(file),
            Command::Unread => self.first_unread(),
            Command::Bare => self.enter_bare(),
            Command::Redraw => self.act(Action::Redraw),
            Command::Mute => self.mute(),
            Command::Notify(level) => self.set_notify(level),
        }
        true
    }

    /// Here what is being written has as many lines as one likes.
    fn explain_new_line(&mut self) {
        let label = self.settings.keys.label(Bind::NewLine);
        let words = label.map(|key| key + " begins a new line in what you write; ");
        self.tell(words.unwrap_or_default() + "pasted lines stay one message");
    }

    fn explain(&mut self, word: &str) -> bool {
        let explained = commands::explain(word);
        let is_known = explained.is_ok();
        self.tell(explained.unwrap_or_else(|told| told));
        is_known
    }

    /// Looks in what is kept. Whom it is about is settled here.
    fn search(&mut self, wanted: Wanted<'_>) -> bool {
        let with = match wanted.with.map(|name| self.resolve(name)) {
            None => None,
            Some(None) => return false,
            Some(Some(at)) => self.conversations.get(at).map(|it| it.peer),
        };
        self.act(Action::Ask(Ask::Search {
            words: wanted.words.to_owned(),
            with,
            within: wanted.since,
        }));
        true
    }

    /// Saves the person on the screen, if it has no name of ours yet.
    fn save(&mut self, name: &str) -> bool {
        let here = self.active.and_then(|at| self.conversations.get(at));
        let Some(here) = here else {
            self.tell("nobody is here to be saved; to save a key: /add NAME KEY");
            return false;
        };
        let (peer, name) = (here.peer, name.to_owned());
        self.act(Action::Ask(Ask::Save { peer, name }));
        true
    }

    pub(super) fn ask_about(
        &mut self,
        name: Option<&str>,
        ask: impl Fn(crate::id::PeerId) -> Ask,
    ) -> bool {
        let at = match name {
            Some(name) => self.resolve(name),
            None => self.active,
        };
        let found = at.and_then(|at| self.conversations.get(at));
        let peer = found.map(|it| it.peer);
        match peer {
            Some(peer) => self.act(Action::Ask(ask(peer))),
            None if name.is_none() => self.tell("about whom? Give a NAME"),
            None => {}
        }
        peer.is_some()
    }

    fn refuse(&mut self) -> bool {
        let Some(guest) = self.guests.pop_front() else {
            self.tell("nobody waits to be added");
            return false;
        };
        self.tell(Safe::from("sent away: ") + &guest.fingerprint);
        self.act(Action::Ask(Ask::Refuse(guest.peer)));
        true
    }

    /// Takes the tab away. The one after it comes, or the one before.
    fn close(&mut self) {
        let Some(here) = self.active else {
            return;
        };
        let next = self.open().map(|(at, _)| at).find(|at| *at > here);
        let before = self.open().map(|(at, _)| at).filter(|at| *at < here).last();
        let Some(to) = next.or(before) else {
            self.tell("this is the last one");
            return;
        };
        self.go(to);
        if let Some(conversation) = self.conversations.get_mut(here) {
            conversation.is_open = false;
        }
    }

    fn mute(&mut self) {
        let conversation = self.current_mut();
        conversation.is_muted = !conversation.is_muted;
        let words = if conversation.is_muted {
            "muted"
        } else {
            "no longer muted"
        };
        self.tell(words);
    }

    /// Sets what calls the person, for this run, and tells how it is.
    fn set_notify(&mut self, level: Option<Level>) {
        match level {
            None => {}
            Some(Level::Off) => self.settings.notify = Discretion::Off,
            Some(Level::Bell) => {
                (self.settings.notify, self.settings.bell) = (Discretion::Bell, true);
            }
            Some(Level::Sender) => self.settings.notify = Discretion::Sender,
            Some(Level::Full) => self.settings.notify = Discretion::Full,
        }
        self.tell(match self.settings.notify {
            Discretion::Off => "notifications: off",
            Discretion::Bell if self.settings.bell => "notifications: the bell alone",
            Discretion::Bell => "notifications: without a word and without the bell",
            Discretion::Sender => "notifications say from whom a message is",
            Discretion::Full => "notifications say from whom a message is, and what it says",
        });
    }

    /// Has the conversation on the screen written into a file.
    fn export(&mut self, file: &str) {
        let here = self.active.and_then(|at| self.conversations.get(at));
        let Some(peer) = here.map(|it| it.peer) else {
            self.tell("nothing was said here yet (no file was written)");
            return;
        };
        let file = file.to_owned();
        self.act(Action::Ask(Ask::Export { peer, file }));
    }

    fn tell_to_select(&mut self) {
        self.tell(match self.settings.keys.label(Bind::SelectUp) {
            Some(key) => Safe::from("select a message first: ") + key,
            None => "no message is selected".into(),
        });
    }

    pub(super) fn delete_selected(&mut self) -> bool {
        let selected = self.current_mut().selected.take();
        match selected {
            Some(entry) => self.delete(entry),
            None => {
                self.tell_to_select();
                true
            }
        }
    }

    fn delete_nth(&mut self, n: usize) -> bool {
        self.nth(n).is_some_and(|entry| self.delete(entry))
    }

    /// Has a message done away with. Whoever does that has seen it. What is under way stays: it is sent all the
    /// same, and what becomes of it must stand somewhere.
    fn delete(&mut self, entry: u64) -> bool {
        if self.is_under_way(entry) {
            self.tell(UNDER_WAY);
            return false;
        }
        let conversation = self.current_mut();
        let peer = conversation.peer;
        let Some(found) = conversation.log.get(entry) else {
            return false;
        };
        let is_ours = matches!(found.kind, Kind::Ours(..));
        let Some(name) = found.name else {
            // It was never accepted, and is nowhere else.
            conversation.delete(entry);
            self.tell(NEVER_SENT);
            return true;
        };
        if !is_ours && conversation.see_one(name) {
            self.act(Action::Seen(peer, vec![name]));
        }
        let which = MessageRef {
            contact: peer.into(),
            name,
            is_ours,
        };
        self.act(Action::Ask(Ask::Delete(which)));
        true
    }

    /// Whether a message of ours has yet to arrive.
    fn is_under_way(&self, entry: u64) -> bool {
        let found = self.current().log.get(entry);
        found.is_some_and(|it| matches!(&it.kind, Kind::Ours(receipt, _) if receipt.rank() < 2))
    }

    /// Asks whether the selected message is to go. One letter asks: somebody may only be looking at it, and begin to write.
    pub(super) fn ask_to_delete(&mut self, selected: u64, letter: char) {
        if self.is_under_way(selected) {
            return self.tell(UNDER_WAY);
        }
        let glance = Glance::default();
        self.mode = Mode::Deleting { letter, glance };
    }

    /// A message is gone from where it was kept, and goes from the screen.
    pub(super) fn on_deleted(&mut self, which: MessageRef) {
        let Some(conversation) = self.with(&which.contact.peer()) else {
            return;
        };
        if let Some(entry) = conversation.log.find(which.name, which.is_ours) {
            conversation.delete(entry);
            self.tell(DELETED);
        }
    }

    pub(super) fn copy_selected(&mut self) {
        let here = self.current();
        let selected = here.selected.and_then(|entry| here.log.get(entry));
        match selected.map(copied) {
            Some(text) => {
                self.act(Action::Copy(text));
                self.tell(self.settings.through.copied());
            }
            None => self.tell_to_select(),
        }
    }

    /// The number of the `n`th message from the end; says so if there are not so many.
    fn nth(&mut self, n: usize) -> Option<u64> {
        let found = self.current().nth_message(n);
        if found.is_none() {
            self.tell("there is no such message");
        }
        found
    }

    fn explain_nth(&mut self, n: usize) -> bool {
        let found = self.nth(n);
        found.map(|entry| self.tell_details(entry)).is_some()
    }

    /// The command makes room for what is being written before it.
    fn reply_to_nth(&mut self, n: usize) -> bool {
        let Some(entry) = self.nth(n) else {
            return false;
        };
        let conversation = self.current_mut();
        conversation.editor.take();
        let quoted = conversation.quote(entry);
        self.tell_too_long(quoted);
        true
    }

    fn copy_nth(&mut self, n: usize) -> bool {
        let entry = self.nth(n);
        let found = entry.and_then(|entry| self.current().log.get(entry).map(copied));
        let Some(text) = found else {
            return false;
        };
        self.act(Action::Copy(text));
        self.tell(self.settings.through.copied());
        true
    }

    fn retry(&mut self, number: usize) -> bool {
        let found = self.current().nth_failed(number);
        let (Some((entry, text)), Some(at)) = (found, self.active) else {
            self.tell("no message has failed here");
            return false;
        };
        let is_said = self.say(at, &text);
        if is_said {
            self.current_mut().log.delete(entry);
        }
        is_said
    }

    pub(super) fn tell_details(&mut self, entry: u64) {
        let zone = self.settings.zone.clone();
        let Some(found) = self.current().log.get(entry) else {
            return;
        };
        let at = zone.at(found.at).full();
        let len = found.raw().len();
        let state = match &found.kind {
            Kind::Ours(receipt, _) => receipt.word(),
            Kind::Theirs | Kind::Note | Kind::Older | Kind::Gap | Kind::Deleted => {
                "received".into()
            }
        };
        self.tell(commands::details(at, len, state));
    }
}

/// What is told after a message was deleted.
const DELETED: &str = "deleted here; the other side keeps its own";

/// The same after one that was not taken.
const NEVER_SENT: &str = "deleted; it was never sent";

/// What is told of a message that cannot be deleted yet.
const UNDER_WAY: &str = "it is not delivered yet, and is sent all the same: delete it when it is";

/// What is copied of an entry.
fn copied(entry: &Entry) -> String {
    commands::copied(entry.raw())
}

/// The commands, a line each.
pub(super) fn help(keeps: bool) -> Vec<Safe> {
    let mut lines = commands::lines(COMMANDS.iter());
    lines.push(Safe::default());
    for line in [
        "N counts messages from the end: 1, or none, is the newest",
        "@NAME TEXT says TEXT to NAME; //TEXT and @@TEXT say it with one / or @ in front",
        "/keys shows the keys",
    ] {
        lines.push(line.into());
    }
    if !keeps {
        lines.push(KEEPS_NOTHING.into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_says_where_nothing_is_kept() {
        let says_so = |keeps| {
            help(keeps)
                .iter()
                .any(|line| line.as_str() == KEEPS_NOTHING)
        };
        assert_eq!([true, false].map(says_so), [false, true]);
    }
}
