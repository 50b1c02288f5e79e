//! What both faces can ask for beyond how things stand: names, our own key, what is kept.

use std::time::Duration;

use crate::cli::history::{self, transcript};
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::files::in_home;
use crate::cli::{Error, qr};
use crate::commands::Wanted;
use crate::id::PeerId;
use crate::plain::Stamp;
use crate::store::{Filter, Search, Way, key_uri};
use crate::text::{Safe, count_messages, safe_line};
use crate::time::UnixTime;

/// Messages that a search shows at most, and their bytes: the newest, and one in any case.
const MOST_FOUND: usize = 200;
const MOST_FOUND_BYTES: usize = 256 << 10;

impl Conversation {
    /// Saves somebody who has no name yet.
    pub(super) fn save_as(&mut self, peer: PeerId, name: &str) -> Result<(), Error> {
        if self.profile.contacts.is_saved(&peer) {
            let words = Safe::from("saved already, as ") + self.label(&peer);
            self.warn(words + "; another name: /rename NEW");
        } else if self.save(name, &peer, &[]) {
            self.warn(Safe::from("saved as ") + safe_line(name));
        }
        Ok(())
    }

    /// Calls somebody who is saved by another name.
    pub(super) fn rename(&mut self, peer: PeerId, new: &str) -> Result<(), Error> {
        let old = self.label(&peer);
        if !self.profile.contacts.is_saved(&peer) {
            self.warn(old + " is not saved yet: /save NAME");
            return Ok(());
        }
        match self.change_peers(|known| known.rename(old.as_str(), new)) {
            Ok(_) => self.warn(old + " is called " + safe_line(new) + " now"),
            Err(error) => self.complain(&error),
        }
        Ok(())
    }

    /// Takes in the caller who has waited longest.
    pub(super) fn add_guest(&mut self, name: &str) -> Result<(), Error> {
        let Some(peer) = self.state.guests.front().map(|guest| guest.peer) else {
            self.warn("nobody waits to be added; to add a key: /add NAME KEY".into());
            return Ok(());
        };
        if self.welcome(peer, Some(name))? {
            self.drop_guest(peer);
        }
        Ok(())
    }

    /// Sends the caller away who has waited longest.
    pub(super) fn refuse_first(&mut self) -> Result<(), Error> {
        let Some(peer) = self.state.guests.front().map(|guest| guest.peer) else {
            self.warn("nobody waits to be added".into());
            return Ok(());
        };
        self.refuse_guest(peer)?;
        self.drop_guest(peer);
        Ok(())
    }

    /// Draws our own key as `key qr` does, without an address.
    pub(super) fn show_own_qr(&mut self) {
        let uri = key_uri(&self.own, None, &[]);
        match qr::lines(&uri, false) {
            Ok(mut lines) => {
                if let Some(screen) = self.face.screen() {
                    return screen.code(lines, uri);
                }
                lines.push(uri);
                for line in lines {
                    self.warn(line);
                }
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Looks in what is kept, for a person in lines.
    pub(super) fn search_for(&mut self, wanted: Wanted<'_>) -> Result<(), Error> {
        let with = match wanted.with {
            None => None,
            Some(name) => match self.named(Some(name)) {
                None => return Ok(()),
                found => found,
            },
        };
        self.search(wanted.words.to_owned(), with, wanted.since);
        Ok(())
    }

    /// Looks in what is kept, as `history search` does. That it cannot is told and ends nothing.
    pub(super) fn search(&mut self, words: String, with: Option<PeerId>, within: Option<Duration>) {
        match self.found(words, with, within) {
            Ok(lines) => self.show_page("found", lines),
            Err(error) => self.complain(&error),
        }
    }

    fn found(
        &mut self,
        words: String,
        with: Option<PeerId>,
        within: Option<Duration>,
    ) -> Result<Vec<Safe>, Error> {
        self.profile.journal.catch_up()?;
        let now = self.clock.unix_time();
        let ago = |within: Duration| u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let filter = Filter {
            contact: with.map(Into::into),
            since: within.map(|within| UnixTime(now.0.saturating_sub(ago(within)))),
            before: None,
            words: Some(words),
        };
        let journal = &self.profile.journal;
        let mut search = Search::new(filter, Way::Back, None);
        let found = journal.page(&mut search, MOST_FOUND, MOST_FOUND_BYTES)?;
        let now = Stamp::local(now);
        let mut lines = Vec::new();
        for entry in &found.entries {
            let told = transcript(entry, self.label(&entry.contact.peer()), &now);
            lines.extend(told.as_str().lines().map(safe_line));
        }
        lines.push(match (found.entries.len(), found.more) {
            (0, _) => {
                "nothing of what is kept has that in it ([history] keep says what is kept)".into()
            }
            (len, 0) => Safe::from("found: ") + len,
            (len, older) => {
                let words = Safe::from("the newest ") + len + "; older ones with that in them: ";
                words + older + " (securechat history search shows all)"
            }
        });
        if found.unreadable > 0 {
            lines.push(Safe::from("not readable, and not searched: ") + found.unreadable);
        }
        Ok(lines)
    }

    /// Writes what is kept of a conversation into a file: lines themselves keep nothing.
    pub(super) fn export_kept(&mut self, peer: PeerId, file: &str) -> Result<(), Error> {
        self.profile.journal.catch_up()?;
        let filter = Filter {
            contact: Some(peer.into()),
            ..Filter::default()
        };
        let label = self.label(&peer);
        // As of a day on which nothing was said: each line has its date.
        let never = Stamp::local(UnixTime(0));
        let mut lines = Vec::new();
        let unreadable = (self.profile.journal).visit(&filter, |entry| {
            lines.push(transcript(entry, label.clone(), &never));
        })?;
        if unreadable > 0 {
            let words = Safe::from("cannot be read, and left out: ") + count_messages(unreadable);
            self.warn(words);
        }
        if lines.is_empty() {
            let words = Safe::from("nothing of the conversation with ") + label;
            self.warn(words + " is kept ([history] keep says what is); no file was written");
            return Ok(());
        }
        self.write_out(file, &lines);
        Ok(())
    }

    /// Writes lines into a file that does not exist yet, for its owner alone.
    pub(super) fn write_out(&mut self, file: &str, lines: &[Safe]) {
        let path = in_home(file);
        match history::write(&path, lines.iter().cloned()) {
            Ok(()) => self.warn(Safe::from("written, for you alone: ") + path.as_path()),
            Err(error) => self.complain(&error),
        }
    }

    /// Lines that belong together: a page of a screen, or lines.
    fn show_page(&mut self, title: &'static str, lines: Vec<Safe>) {
        if let Some(screen) = self.face.screen() {
            return screen.page(title, lines);
        }
        for line in lines {
            self.warn(line);
        }
    }
}
