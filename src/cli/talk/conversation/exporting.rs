//! `/export`: a conversation that is written into a file, a page in each turn of the loop, so that nobody waits for it.

use std::path::Path;
use std::time::Duration;

use crate::cli::history::{NO_ROOM, Written, written};
use crate::cli::talk::conversation::Conversation;
use crate::cli::talk::files::in_home;
use crate::cli::{Error, Suggestion};
use crate::id::PeerId;
use crate::store::{Archive, Filter, Search, Way};
use crate::text::{Safe, count_messages};
use crate::tui::Held;

/// Messages that are written in a turn of the loop, and their bytes, or one.
const PAGE: usize = 200;
const PAGE_BYTES: usize = 256 << 10;

/// What writes out all that is kept.
const ALL: [&str; 4] = ["history", "export", "-o", "FILE"];

/// What became of messages of a run whose memory was full before all were written.
const NO_ROOM_MEANWHILE: &str = " that had to make room while this was written";

/// A file that is being written.
#[derive(Debug)]
pub(super) struct Export {
    file: Written,
    search: Search,
    peer: PeerId,
    label: Safe,
    /// How many messages of the conversation had to make room, as far as it was said.
    made_room: u64,
    messages: u64,
    /// How many more there were when it began: a lively conversation has no end that could be waited for.
    left: Option<usize>,
}

/// How far an [`Export`] is.
enum Progress {
    Goes,
    /// All is written; so many messages could not be read, and others may be missing.
    Done {
        unreadable: u64,
        lacks: Option<Safe>,
    },
}

impl Export {
    /// Begins a file. If messages of the conversation had to make room, the file and what is returned say so.
    fn begin(
        path: &Path,
        peer: PeerId,
        label: Safe,
        archive: &Archive,
    ) -> Result<(Self, Option<Safe>), Error> {
        let filter = Filter {
            contact: Some(peer.into()),
            ..Filter::default()
        };
        let mut export = Self {
            file: Written::begin(path)?,
            search: Search::new(filter, Way::On, None).of_now(),
            peer,
            label,
            made_room: 0,
            messages: 0,
            left: None,
        };
        let lacks = export.say_made_room(archive, "not in it: ", NO_ROOM)?;
        Ok((export, lacks))
    }

    /// Writes how many messages had to make room since that was last written, if any had, and returns it.
    fn say_made_room(
        &mut self,
        archive: &Archive,
        before: &'static str,
        behind: &'static str,
    ) -> Result<Option<Safe>, Error> {
        let made_room = archive.made_room(Some(self.peer.into()));
        let more = made_room.saturating_sub(self.made_room);
        self.made_room = made_room;
        if more == 0 {
            return Ok(None);
        }
        let words = Safe::from(before) + count_messages(more) + behind;
        self.file.add(&in_dashes(&words))?;
        Ok(Some(words))
    }

    fn write_page(&mut self, archive: &Archive) -> Result<Progress, Error> {
        let most = self.left.map_or(PAGE, |left| left.min(PAGE));
        let Some(page) = self.search.step(archive, most, PAGE_BYTES)? else {
            return Ok(Progress::Goes);
        };
        for entry in &page.entries {
            self.file.add(&written(entry, self.label.clone()))?;
            self.messages += 1;
        }
        let left = self
            .left
            .map_or(page.more, |left| left.saturating_sub(page.entries.len()));
        self.left = Some(left);
        let unreadable = page.unreadable;
        Ok(match page.cursor {
            Some(_) if left > 0 => Progress::Goes,
            Some(_) | None => Progress::Done {
                unreadable,
                // Whether they were written before they went is not known.
                lacks: self.say_made_room(archive, "perhaps not in it: ", NO_ROOM_MEANWHILE)?,
            },
        })
    }
}

impl Conversation {
    /// Writes the conversation with somebody into a file that does not exist yet, for its owner alone: all that is
    /// kept of it, or what a screen holds where no history is kept.
    pub(super) fn export(&mut self, peer: PeerId, file: &str) -> Result<(), Error> {
        let path = in_home(file);
        self.note_seen();
        self.profile.journal.catch_up()?;
        let is_kept = self.profile.journal.archive().keep().has_history();
        let held = self.face.screen().filter(|_| !is_kept);
        let held = held.map(|screen| screen.held(&peer));
        let begun = match held {
            Some(held) => self.write_held(peer, &path, &held),
            None => self.begin_export(peer, &path),
        };
        if let Err(error) = begun {
            self.complain(&error);
        }
        Ok(())
    }

    fn begin_export(&mut self, peer: PeerId, path: &Path) -> Result<(), Error> {
        let label = self.label(&peer);
        let (export, lacks) = Export::begin(path, peer, label, self.profile.journal.archive())?;
        if let Some(words) = lacks {
            self.warn(words);
        }
        self.state.exports.push_back(export);
        Ok(())
    }

    /// Writes the next page. Whether there is more to write.
    pub(super) fn write_on(&mut self) -> bool {
        let Some(mut export) = self.state.exports.pop_front() else {
            return false;
        };
        match export.write_page(self.profile.journal.archive()) {
            Ok(Progress::Goes) => self.state.exports.push_front(export),
            Ok(Progress::Done { unreadable, lacks }) => {
                if let Some(words) = lacks {
                    self.warn(words);
                }
                self.end_export(export, unreadable);
            }
            Err(error) => self.complain(&error),
        }
        !self.state.exports.is_empty()
    }

    fn end_export(&mut self, export: Export, unreadable: u64) {
        if unreadable > 0 {
            let words = Safe::from("cannot be read, and left out: ") + count_messages(unreadable);
            self.warn(words);
        }
        if export.messages == 0 {
            let words = Safe::from("nothing of the conversation with ") + export.label;
            return self
                .warn(words + " is kept ([history] keep says what is); no file was written");
        }
        self.put_in_place(export.file, &count_messages(export.messages));
    }

    /// Says what somebody who leaves waits for.
    pub(super) fn tell_exports(&mut self, patience: Duration) {
        let Some(export) = self.state.exports.front() else {
            return;
        };
        let words = Safe::from("leaving once ") + export.file.path() + " is written, within ";
        self.warn(words + patience.as_secs() + " s");
    }

    /// What is not written when the program ends is not there.
    pub(super) fn give_up_exports(&mut self) {
        for export in core::mem::take(&mut self.state.exports) {
            let words = Safe::from(export.file.path())
                + " was not written: the program ended before it was whole";
            self.warn(words);
        }
    }

    fn put_in_place(&mut self, file: Written, how_much: &Safe) {
        let path = Safe::from(file.path());
        match file.finish() {
            Ok(()) => {
                let words = Safe::from("written, for you alone: ") + path;
                self.warn(words + " (" + how_much + ")");
            }
            Err(error) => self.complain(&error),
        }
    }

    /// Writes what a screen holds, and says what it does not.
    fn write_held(&mut self, peer: PeerId, path: &Path, held: &Held) -> Result<(), Error> {
        let mut file = Written::begin(path)?;
        if held.lines.is_empty() {
            let words = Safe::from("nothing was said with ") + self.label(&peer);
            self.warn(words + " yet (no file was written)");
            return Ok(());
        }
        let lacks = self.lacks(peer, held)?;
        for words in &lacks {
            file.add(&in_dashes(words))?;
        }
        held.lines.iter().try_for_each(|line| file.add(line))?;
        for words in lacks {
            self.warn(words);
        }
        let lines = held.lines.len();
        self.put_in_place(
            file,
            &(Safe::from(lines) + if lines == 1 { " line" } else { " lines" }),
        );
        Ok(())
    }

    /// What was said and a screen does not hold.
    fn lacks(&self, peer: PeerId, held: &Held) -> Result<Vec<Safe>, Error> {
        let mut lacks = Vec::new();
        if let Some(before) = held.older_than {
            let filter = Filter {
                contact: Some(peer.into()),
                before: Some(before),
                ..Filter::default()
            };
            let mut search = Search::new(filter, Way::Back, None);
            let page = search.page(self.profile.journal.archive(), 1, 0)?;
            let older = page.entries.len() + page.more;
            let words = Safe::from("not in it: ") + count_messages(older as u64);
            let all = self.out.command(&Suggestion::securechat(ALL));
            lacks.push(words + " that were said before; they are kept: " + all);
        }
        if held.made_room > 0 {
            let words = Safe::from("not in it: ") + count_messages(held.made_room);
            lacks.push(words + " that had to make room on the screen; no history is kept");
        }
        Ok(lacks)
    }
}

/// A line that no message is.
fn in_dashes(words: &Safe) -> Safe {
    Safe::from("-- ") + words + " --"
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::chat::Incoming;
    use crate::cli::args::Cli;
    use crate::cli::talk::journal::Journal;
    use crate::cli::talk::journal::tests::incoming;
    use crate::crypto::StaticSecret;
    use crate::net::{Clock, os_rng};
    use crate::store::Keep;

    const BOB: PeerId = PeerId::new([2; 32]);

    fn receive(journal: &mut Journal, sequences: core::ops::Range<u64>) {
        let messages: Vec<Incoming> = sequences.map(incoming).collect();
        let messages = messages.iter().map(|message| (BOB.into(), message));
        journal.receive(messages).unwrap();
    }

    fn journal(home: &Path) -> Journal {
        keeping(home, Keep::Forever, |_| ())
    }

    /// One that has room for about ten short messages in memory.
    fn of_the_session(home: &Path) -> Journal {
        keeping(home, Keep::Session, |it| {
            it.hold_at_most_for_testing_only(3_000);
        })
    }

    fn keeping(home: &Path, keep: Keep, set: impl FnOnce(&mut Archive)) -> Journal {
        let secret = StaticSecret::from_bytes(&mut [1; 32]);
        let clock = Clock::new();
        let path = home.join("a.history.redb");
        let (now, rng) = (clock.unix_time(), Box::new(os_rng()));
        let (mut archive, _) = Archive::open(&path, &secret, keep, rng, now).unwrap();
        set(&mut archive);
        Journal::new(archive, clock)
    }

    #[test]
    fn a_message_too_long_for_a_screen_is_in_the_file_whole() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = journal(home.path());
        let bodies = ["line\n".repeat(20_000), "word ".repeat(20_000)];
        for (sequence, body) in (0..).zip(bodies) {
            let long = Incoming {
                body: body.into_bytes(),
                ..incoming(sequence)
            };
            let long = core::iter::once((BOB.into(), &long));
            journal.receive(long).unwrap();
        }
        let file = home.path().join("bob.txt");
        let (mut export, _) = Export::begin(&file, BOB, "bob".into(), journal.archive()).unwrap();
        let progress = export.write_page(journal.archive()).unwrap();
        assert!(matches!(progress, Progress::Done { unreadable: 0, .. }));
        export.file.finish().unwrap();
        let written = std::fs::read_to_string(&file).unwrap();
        for word in ["line", "word"] {
            assert_eq!(written.matches(word).count(), 20_000, "{word}");
        }
    }

    #[test]
    fn what_is_said_while_it_is_written_does_not_draw_it_out() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = journal(home.path());
        let old = PAGE as u64 + 5;
        receive(&mut journal, 0..old);
        let file = home.path().join("bob.txt");
        let (mut export, _) = Export::begin(&file, BOB, "bob".into(), journal.archive()).unwrap();
        for turn in 0..2 {
            let progress = export.write_page(journal.archive()).unwrap();
            assert_eq!(matches!(progress, Progress::Done { .. }), turn == 1);
            receive(&mut journal, old + turn..old + turn + 1);
        }
        assert_eq!(export.messages, old);
    }

    /// Messages that come and are shown, one after the other.
    fn come(journal: &mut Journal, sequences: core::ops::Range<u64>) {
        for sequence in sequences {
            receive(journal, sequence..sequence + 1);
            journal.shown(BOB.into(), incoming(sequence).name);
            journal.catch_up().unwrap();
        }
    }

    #[test]
    fn a_file_that_lacks_what_had_to_make_room_says_so() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = of_the_session(home.path());
        come(&mut journal, 0..20);
        let gone = journal.archive().made_room(Some(BOB.into()));
        assert!((1..20).contains(&gone), "{gone}");
        let file = home.path().join("bob.txt");
        let (mut export, lacks) =
            Export::begin(&file, BOB, "bob".into(), journal.archive()).unwrap();
        let progress = export.write_page(journal.archive()).unwrap();
        assert!(matches!(progress, Progress::Done { lacks: None, .. }));
        export.file.finish().unwrap();
        let written = std::fs::read_to_string(&file).unwrap();
        let said = format!("not in it: {gone} messages{NO_ROOM}");
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(lines[0], format!("-- {said} --"));
        assert_eq!(lines.len() as u64, 1 + 20 - gone);
        assert_eq!(lacks.map(|it| it.to_string()), Some(said));
    }

    #[test]
    fn a_file_that_lacks_what_made_room_while_it_was_written_says_so() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = of_the_session(home.path());
        come(&mut journal, 0..20);
        let gone = journal.archive().made_room(Some(BOB.into()));
        let file = home.path().join("bob.txt");
        let (mut export, _) = Export::begin(&file, BOB, "bob".into(), journal.archive()).unwrap();
        come(&mut journal, 20..22);
        assert_eq!(journal.archive().made_room(Some(BOB.into())), gone + 2);
        let Progress::Done { lacks, .. } = export.write_page(journal.archive()).unwrap() else {
            panic!("it is one page");
        };
        export.file.finish().unwrap();
        let written = std::fs::read_to_string(&file).unwrap();
        let said = format!("perhaps not in it: 2 messages{NO_ROOM_MEANWHILE}");
        let last = written.lines().last().unwrap();
        assert_eq!(last, format!("-- {said} --"));
        assert_eq!(lacks.map(|it| it.to_string()), Some(said));
    }

    #[test]
    fn the_command_that_writes_out_the_rest_is_one() {
        let command = Suggestion::securechat(ALL);
        assert!(Cli::try_parse_from(command.words_for_testing_only()).is_ok());
    }
}
